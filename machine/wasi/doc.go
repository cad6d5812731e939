// Package wasi owns what a guest of wasm/1 sees of the world: one deterministic
// implementation of WASI preview 1, in which every answer is a function of the
// job and of the calls made before.
//
// It works over two interfaces, [Memory] and [Files], so that it serves a
// native engine and, later, a machine whose memory and files are committed to
// in leaves of 1 KiB. What it remembers between calls is [State], one plain
// value, and what Files holds.
//
// It reads no clock, draws no random number, does no I/O and starts no
// goroutine. It refuses links and sockets. A guest's mistake is an errno, never
// a panic; missing input bytes stop the run with an error, because then there
// is nothing on which two executors could agree.
//
// Numbers and layouts are those of the preview-1 witx definition
// (WebAssembly/WASI, legacy/preview1); what it leaves open is fixed here and
// listed by [Functions].
package wasi

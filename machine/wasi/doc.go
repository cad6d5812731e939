// Package wasi owns what a guest of wasm/1 sees of the world: one deterministic
// implementation of WASI preview 1, in which every answer is a function of the
// job and of the calls made before.
//
// It works over two interfaces, [Memory] and [Files], so that it serves a
// native engine, over [MemFiles], and the canonical machine, whose memory and
// files are committed to in leaves of 1 KiB, over [CommittedFiles]. A call is a
// row of micro-steps, each of which touches a bounded number of leaves; between
// two, the host is [Registers] and what Files holds. Input is named by digests:
// [Input] shows it leaf by leaf, [Witness] no more of it than a step needs.
//
// It reads no clock, draws no random number, does no I/O and starts no
// goroutine. It refuses links and sockets. A guest's mistake is an errno, never
// a panic; missing input bytes stop the run with an error, because then there
// is nothing on which two executors could agree. Registers and regions that are
// those of no run, which a party to a dispute may claim, end in [ErrState].
//
// Numbers and layouts are those of the preview-1 witx definition
// (WebAssembly/WASI, legacy/preview1); what it leaves open is fixed here and
// listed by [Functions].
package wasi

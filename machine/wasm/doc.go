// Package wasm is the front end of the deterministic profile wasm/1: it
// decodes a WebAssembly 2.0 module, decides whether it is valid, decides
// whether the profile admits it, rewrites it so that fuel, call depth, memory
// growth and NaN bits are equal on every engine, and encodes the rewriting.
//
// The order of calls is
//
//	m, err := wasm.Decode(program, wasm.DefaultLimits()) // binary format
//	err = wasm.Validate(m)                               // types
//	err = wasm.CheckProfile(m, memoryPages)              // wasm/1
//	in, err := wasm.Instrument(m, options)               // in.Wasm runs on wazero
//
// It also owns the bytecode of the canonical machine ([Op] is its definition)
// and the lowering of a program to it: a [Lowering] does all of the above step
// by step and ends with an [Image], by which a ledger knows the program.
//
// Every refusal is an [*Error] with a stable [Code]. The package refuses SIMD,
// threads, exceptions, tail calls, 64-bit memory, several memories, garbage
// collection and typed references by name, and in CheckProfile any import that
// is not a WASI preview-1 function.
//
// Its answer is final: an engine that accepts less is a fault of ours, and an
// engine that accepts more is never asked. It reads no clock, does no I/O,
// starts no goroutine and keeps no state: equal bytes give equal answers.
//
// What wasm/1 charges for, where it looks, and which NaN bits it shows is
// written at [Instrument].
package wasm

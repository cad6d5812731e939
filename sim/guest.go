package sim

import (
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/machine/wasm"
	"github.com/capacloud/assay/merkle"
)

// program is one of the programs that simulated jobs run. They are small: some
// thousand steps, or some ten thousand, with output and memory, every way to end
// among them.
type program struct {
	name   string
	bytes  []byte
	digest assay.Digest
}

// programs are all of them, in a fixed order: seeds name them by index.
var programs = []program{
	guestOf("words", guestWords()),
	guestOf("mill", guestMill(100, nil)),
	guestOf("long", guestMill(6000, nil)),
	guestOf("fib", guestFib()),
	guestOf("fill", guestFill()),
	guestOf("trap", guestMill(100, []byte{opUnreachable})),
	guestOf("exit", guestMill(100, code(opI32Const, 1, opCall, hostExit))),
	guestOf("spin", guestSpin()),
	guestOf("broken", []byte("\x00asm\x01\x00\x00\x00\x01")),
}

func guestOf(name string, b []byte) program {
	return program{name: name, bytes: b, digest: merkle.FileOf(b)}
}

func programOf(d assay.Digest) *program {
	for _, list := range [...][]program{programs, epochPrograms} {
		if i := slices.IndexFunc(list, func(p program) bool { return p.digest == d }); i >= 0 {
			return &list[i]
		}
	}
	return nil
}

// The opcodes that the guests use.
const (
	opUnreachable = 0x00
	opLoop        = 0x03
	opIf          = 0x04
	opElse        = 0x05
	opEnd         = 0x0b
	opBr          = 0x0c
	opBrIf        = 0x0d
	opCall        = 0x10
	opDrop        = 0x1a
	opLocalGet    = 0x20
	opLocalSet    = 0x21
	opLocalTee    = 0x22
	opI32Load     = 0x28
	opI32Store    = 0x36
	opMemoryGrow  = 0x40
	opI32Const    = 0x41
	opI32LtU      = 0x49
	opI32Add      = 0x6a
	opI32Sub      = 0x6b
	opI32Mul      = 0x6c
	opI32And      = 0x71
	opI32Xor      = 0x73
	opI32ShrU     = 0x76
	opBulk        = 0xfc
	bulkCopy      = 10
	bulkFill      = 11
	blockVoid     = 0x40
	blockI32      = 0x7f
)

// The host functions, in the order of their imports; the first own function
// comes behind them.
const (
	hostWrite  = 0
	hostRandom = 1
	hostExit   = 2
	ownStart   = 3
	ownFib     = 4
)

// code joins opcodes and small operands.
func code(parts ...int) []byte {
	b := make([]byte, len(parts))
	for i, p := range parts {
		b[i] = byte(p)
	}
	return b
}

// constant pushes a number of 32 bits.
func constant(v int32) []byte {
	b := []byte{opI32Const}
	for v < -64 || v > 63 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v&0x7f))
}

// guest joins instructions to a module: _start, with four locals of 32 bits,
// and the own functions behind it.
func guest(start []byte, own ...wasm.Body) []byte {
	m := hosted()
	m.Exports = append(m.Exports, wasm.Export{Name: "_start", Kind: wasm.KindFunc, Index: ownStart})
	m.Funcs = []uint32{typeRun}
	m.Codes = []wasm.Body{{Locals: []wasm.LocalRun{{Count: 4, Type: wasm.I32}}, Expr: append(slices.Clone(start), opEnd)}}
	for _, f := range own {
		m.Funcs, m.Codes = append(m.Funcs, typeTurn), append(m.Codes, f)
	}
	return wasm.Encode(m)
}

// The types of functions that the guests have beside those of the host.
const (
	typeRun  = 3 // () -> ()
	typeTurn = 4 // (i32) -> (i32)
	typeStep = 5 // () -> (i32), of programs with epochs
)

// hosted returns a module with a page of memory and the host's functions.
func hosted() *wasm.Module {
	i32 := func(n int) []wasm.ValType { return slices.Repeat([]wasm.ValType{wasm.I32}, n) }
	m := &wasm.Module{Start: -1, DataCount: -1}
	m.Types = []wasm.FuncType{
		{Params: i32(4), Results: i32(1)}, {Params: i32(2), Results: i32(1)}, {Params: i32(1)}, {}, {Params: i32(1), Results: i32(1)},
	}
	for i, name := range []string{"fd_write", "random_get", "proc_exit"} {
		m.Imports = append(m.Imports, wasm.Import{Module: wasm.WASIModule, Name: name, Func: uint32(i)})
	}
	m.Memories = []wasm.Bounds{{Min: 1}}
	m.Exports = []wasm.Export{{Name: "memory", Kind: wasm.KindMemory}}
	return m
}

// random takes n bytes from the seeded source into memory.
func random(at, n int32) []byte {
	return slices.Concat(constant(at), constant(n), code(opCall, hostRandom, opDrop))
}

// print writes n bytes of memory to standard output. Its two words are at 0.
func print(at, n int32) []byte {
	return slices.Concat(
		constant(0), constant(at), code(opI32Store, 2, 0),
		constant(4), constant(n), code(opI32Store, 2, 0),
		constant(1), constant(0), constant(1), constant(8), code(opCall, hostWrite, opDrop),
	)
}

// guestWords prints sixteen bytes of the seeded source.
func guestWords() []byte { return guest(slices.Concat(random(64, 16), print(64, 16))) }

// guestMill takes a word from the seeded source, turns it so many times, and up to
// two thousand times more, by a linear congruence, scatters what comes out over
// its memory, prints a leaf of that, and ends as it is told.
func guestMill(turns int32, end []byte) []byte {
	const i, n, x = 0, 1, 2
	return guest(slices.Concat(
		random(64, 8),
		constant(64), code(opI32Load, 2, 0), code(opLocalTee, x),
		constant(0x7ff), code(opI32And), constant(turns), code(opI32Add, opLocalSet, n),
		code(opLoop, blockVoid,
			opLocalGet, x), constant(1_103_515_245), code(opI32Mul, opLocalGet, i, opI32Add), constant(12_345), code(opI32Xor, opLocalSet, x,
			opLocalGet, x), constant(16), code(opI32ShrU), constant(0xfffc), code(opI32And,
			opLocalGet, x,
			opI32Store, 2, 0,
			opLocalGet, i), constant(1), code(opI32Add, opLocalTee, i, opLocalGet, n, opI32LtU, opBrIf, 0,
			opEnd),
		print(4096, 1024), end,
	))
}

// guestFib counts rabbits by recursion and prints how many there are.
func guestFib() []byte {
	fib := wasm.Body{Expr: slices.Concat(
		code(opLocalGet, 0), constant(2), code(opI32LtU, opIf, blockI32, opLocalGet, 0, opElse,
			opLocalGet, 0), constant(1), code(opI32Sub, opCall, ownFib,
			opLocalGet, 0), constant(2), code(opI32Sub, opCall, ownFib, opI32Add, opEnd, opEnd),
	)}
	return guest(slices.Concat(
		random(64, 4),
		constant(64), constant(64), code(opI32Load, 2, 0), constant(3), code(opI32And), constant(9), code(opI32Add, opCall, ownFib, opI32Store, 2, 0),
		print(64, 4),
	), fib)
}

// guestFill grows its memory and moves more than a step's worth of it about.
func guestFill() []byte {
	return guest(slices.Concat(
		random(1024, 64),
		constant(1), code(opMemoryGrow, 0, opDrop),
		constant(65_000), constant(0x5a), constant(40_000), code(opBulk, bulkFill, 0),
		constant(66_000), constant(1024), constant(64), code(opBulk, bulkCopy, 0, 0),
		constant(2048), constant(65_900), constant(30_000), code(opBulk, bulkCopy, 0, 0),
		print(2048, 5000),
	))
}

// guestSpin runs until the fuel is gone, with a little output before.
func guestSpin() []byte {
	return guest(slices.Concat(
		random(64, 8), print(64, 8),
		code(opLoop, blockVoid, opLocalGet, 0), constant(1), code(opI32Add, opLocalSet, 0, opBr, 0, opEnd),
	))
}

// fuel is the limit of the simulated jobs: the one that never ends gets little,
// those with epochs pay for the boundaries.
func (p *program) fuel() uint64 {
	switch {
	case p.name == "spin":
		return 160_000
	case p.hasEpochs():
		return epochFuel
	}
	return 500_000
}

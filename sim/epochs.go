package sim

import (
	"slices"

	"github.com/capacloud/assay/machine/wasm"
)

// epochPrograms are the programs of jobs with epochs. Seeds without epochs do not
// draw from them.
var epochPrograms = []program{
	guestOf("years", guestYears(7, nil)),
	guestOf("fall", guestYears(7, []byte{opUnreachable})),
}

// epochFuel is the limit of jobs with epochs, most of which boundaries cost.
const epochFuel = 1_500_000

// The places of an epoch program's state. Locals end with the epoch.
const (
	yearAt  = 16 // epochs that have passed
	seedAt  = 24 // what the next number comes from
	fieldAt = 1 << 15
)

// guestYears takes a word from the seeded source and, in each of so many epochs,
// turns it three hundred times and scatters what comes out over half a page. It
// prints a leaf of that behind the last one. In the fifth, it ends as it is told.
func guestYears(years int32, fall []byte) []byte {
	const i, x = 0, 1
	if fall != nil {
		fall = slices.Concat(
			constant(yearAt), code(opI32Load, 2, 0), constant(4), code(opI32Xor, opIf, blockVoid, opElse), fall, code(opEnd),
		)
	}
	year := slices.Concat(
		constant(seedAt), code(opI32Load, 2, 0, opLocalSet, x),
		code(opLoop, blockVoid,
			opLocalGet, x), constant(1_103_515_245), code(opI32Mul, opLocalGet, i, opI32Add), constant(12_345), code(opI32Xor, opLocalSet, x,
			opLocalGet, x), constant(16), code(opI32ShrU), constant(0x7ffc), code(opI32And), constant(fieldAt), code(opI32Add,
			opLocalGet, x,
			opI32Store, 2, 0,
			opLocalGet, i), constant(1), code(opI32Add, opLocalTee, i), constant(300), code(opI32LtU, opBrIf, 0,
			opEnd),
		constant(seedAt), code(opLocalGet, x, opI32Store, 2, 0),
		fall,
		constant(yearAt), constant(yearAt), code(opI32Load, 2, 0), constant(1), code(opI32Add, opI32Store, 2, 0),
		constant(yearAt), code(opI32Load, 2, 0), constant(years), code(opI32LtU),
	)
	return epochGuest(random(seedAt, 8), year, print(fieldAt, 1024))
}

// epochGuest joins instructions to a module with epochs. Each function has two
// locals of 32 bits.
func epochGuest(first, step, finish []byte) []byte {
	m := hosted()
	m.Types = append(m.Types, wasm.FuncType{Results: []wasm.ValType{wasm.I32}})
	for i, f := range []struct {
		name string
		kind uint32
		expr []byte
	}{{wasm.InitExport, typeRun, first}, {wasm.StepExport, typeStep, step}, {wasm.FinishExport, typeRun, finish}} {
		m.Exports = append(m.Exports, wasm.Export{Name: f.name, Kind: wasm.KindFunc, Index: uint32(ownStart + i)})
		m.Funcs = append(m.Funcs, f.kind)
		m.Codes = append(m.Codes, wasm.Body{Locals: []wasm.LocalRun{{Count: 2, Type: wasm.I32}}, Expr: append(slices.Clone(f.expr), opEnd)})
	}
	return wasm.Encode(m)
}

// hasEpochs reports whether a run of the program can be gone on with.
func (p *program) hasEpochs() bool {
	return slices.ContainsFunc(epochPrograms, func(x program) bool { return x.digest == p.digest })
}

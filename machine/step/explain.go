package step

import (
	"fmt"

	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/machine/wasm"
)

// Place is where a step is taken.
type Place struct {
	Phase Phase
	PC    uint32  // of the instruction, while running
	Op    wasm.Op // likewise
}

func place(r *Record) Place { return Place{Phase: r.Phase, PC: r.PC} }

// String names the place for people.
func (p Place) String() string {
	if p.Phase != Running {
		return p.Phase.String()
	}
	return fmt.Sprintf("%s at pc %d", p.Op, p.PC)
}

// Instruction explains the next step of a machine.
type Instruction struct {
	Place
	// Function is the index of the function in the module, imports first; -1 in
	// the bootstrap before the first call, or if the space does not show it.
	Function int
	// Offset is the number of the instruction within the function.
	Offset   uint32
	Instr    wasm.Instr
	Operands []Operand
}

// Operand is a slot of the frame that the instruction's fields a, b and c name.
type Operand struct {
	Field byte   // 'a', 'b' or 'c'
	Slot  uint16 // relative to the frame
	Value uint64
}

// String names function, instruction and operands.
func (in Instruction) String() string {
	if in.Phase != Running {
		return in.Place.String()
	}
	s := "bootstrap"
	if in.Function >= 0 {
		s = fmt.Sprintf("function %d", in.Function)
	}
	s += fmt.Sprintf(" +%d: %s", in.Offset, in.Op)
	for _, o := range in.Operands {
		s += fmt.Sprintf(" %c:s%d=%#x", o.Field, o.Slot, o.Value)
	}
	return s
}

// Explain tells what the next step is, as far as the space shows it. The space
// must not be one whose openings are counted later: looking is using.
func Explain(r *Record, s machine.Space, im *wasm.Image) Instruction {
	in := Instruction{Place: place(r), Function: -1, Offset: r.PC}
	if r.Phase != Running {
		return in
	}
	_ = guarded(func() error { // what is missing stays unknown
		in.Instr = fetch(s, r.PC)
		in.Op = in.Instr.Op
		return nil
	})
	_ = guarded(func() error {
		in.operands(r, s)
		return nil
	})
	_ = guarded(func() error {
		in.find(r.PC, s, im)
		return nil
	})
	return in
}

// operands reads the slots that the fields name.
func (in *Instruction) operands(r *Record, s machine.Space) {
	m := machineStep{r: r, s: s}
	for i, x := range [...]uint16{in.Instr.A, in.Instr.B, in.Instr.C} {
		if fieldsOf(in.Op)>>i&1 == 1 {
			in.Operands = append(in.Operands, Operand{"abc"[i], x, m.slot(uint32(x))})
		}
	}
}

// fieldsOf returns which of a, b and c name slots: bits 0, 1 and 2.
func fieldsOf(op wasm.Op) int {
	const a, b, c = 1, 2, 4
	switch {
	case op == wasm.OpJumpTable, op == wasm.OpJumpConst, op == wasm.OpCallIndirect, op == wasm.OpConst, op == wasm.OpGlobalGet, op == wasm.OpGlobalGetRef,
		op == wasm.OpMemorySize, op == wasm.OpTableSize:
		return a
	case op == wasm.OpReturn, op == wasm.OpGlobalSet, op == wasm.OpGlobalSetRef:
		return b
	case op < wasm.OpBrI32Eq, op == wasm.OpEpoch, op == wasm.OpMoves, op == wasm.OpDataDrop, op == wasm.OpElemDrop:
		return 0
	case op <= wasm.OpBrI64GeUK:
		if (op-wasm.OpBrI32Eq)%12 >= 6 {
			return a
		}
		return a | b
	case op == wasm.OpMove, op >= wasm.OpLoad8U && op < wasm.OpLoad8UX, op >= wasm.OpStore8 && op < wasm.OpStore8X,
		op == wasm.OpMemoryGrow, op == wasm.OpTableGet, op >= wasm.OpI32AddK && op < wasm.OpI64AddCharge, op == wasm.OpMoveCharge:
		return a | b
	case op >= wasm.OpStore8K && op <= wasm.OpStore64K:
		return b
	case op == wasm.OpTableSet, op >= wasm.OpStore8KX && op <= wasm.OpStore64KX:
		return b | c
	case op >= wasm.OpI32Eqz && unary(op):
		return a | b
	}
	return a | b | c
}

// find looks for the function that the instruction belongs to: the last one
// that begins at or before it.
func (in *Instruction) find(pc uint32, s machine.Space, im *wasm.Image) {
	from, to := uint32(0), im.Functions
	for from < to {
		f := (from + to) / 2
		if info := function(s, f); info.Host == 1 || info.Entry <= pc { // imports come first
			from = f + 1
		} else {
			to = f
		}
	}
	if from == 0 {
		return
	}
	if info := function(s, from-1); info.Host == 0 {
		in.Function, in.Offset = int(from-1), pc-info.Entry
	}
}

// ExplainWitness tells what the first step of a segment is, and returns the
// record before it, from what a witness shows. It refuses what Referee refuses
// before the first step.
func ExplainWitness(im *wasm.Image, start canon.Digest, b []byte) (Record, Instruction, error) {
	w, err := decode(im, start, b)
	if err != nil {
		return Record{}, Instruction{}, err
	}
	return w.record, Explain(&w.record, &w.space, im), nil
}

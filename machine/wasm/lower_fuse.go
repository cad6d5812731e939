package wasm

// fuse shortens what control runs through, once a body is lowered and all its
// labels are known. It never removes an instruction, because control may arrive
// there by another way. Every charge is taken as before, between the same
// comparisons.
func (w *lowerer) fuse() {
	for i := range w.jumps {
		w.jumps[i] = w.through(Jump(w.jumps[i]), 1<<32-1).imm()
	}
	for i := range w.code {
		switch in := &w.code[i]; {
		case in.Op == OpJump:
			in.Imm = w.through(Jump(in.Imm), 1<<32-1).imm()
		case in.Op >= OpBrI32Eq && in.Op <= OpBrI64GeUK:
			t, fall := Branch(in.Imm)
			t = w.through(t, 1<<16-1)
			in.Imm = t.imm()&(1<<32-1) | uint64(fall)<<32 | uint64(t.Cost)<<48
		}
	}
	for i := range len(w.code) - 1 {
		w.pair(&w.code[i], &w.code[i+1])
	}
}

// maxThrough bounds how far a branch is followed.
const maxThrough = 4

// through follows a branch that compares nothing over what only charges and
// jumps, as long as the sum of the charges is at most that.
func (w *lowerer) through(t Target, most uint64) Target {
	for range maxThrough {
		in := &w.code[t.PC-uint32(w.base)]
		next := Target{PC: t.PC + 1, Cost: uint32(in.Imm)}
		switch in.Op {
		case OpCharge:
		case OpLoop:
			next.Compare = true
		case OpJump:
			next = Jump(in.Imm)
		default:
			return t
		}
		cost := uint64(t.Cost) + uint64(next.Cost)
		if t.Compare || cost > most {
			return t
		}
		t = Target{PC: next.PC, Cost: uint32(cost), Compare: next.Compare}
	}
	return t
}

// pair makes one step of an instruction and the next.
func (w *lowerer) pair(in, next *Instr) {
	switch {
	case next.Op == OpJump && in.Op == OpConst && in.Imm < 1<<32:
		w.jumpConst(in, Jump(next.Imm))
	case next.Op != OpCharge:
	case in.Op == OpMove:
		in.Op, in.Imm = OpMoveCharge, next.Imm
	case in.Op == OpI64Add:
		in.Op, in.Imm = OpI64AddCharge, next.Imm
	case next.Imm >= 1<<32:
	case in.Op == OpI32AddK:
		in.Op, in.Imm = OpI32AddKCharge, in.Imm|next.Imm<<32
	case in.Op == OpI64AddK && fits32(in.Imm):
		in.Op, in.Imm = OpI64AddKCharge, uint64(uint32(in.Imm))|next.Imm<<32
	}
}

// jumpConst makes one step of a constant, a jump and the jump table there that
// the constant is for. Compilers of irreducible code, Go's for one, leave a block
// that way.
func (w *lowerer) jumpConst(in *Instr, first Target) {
	table := &w.code[first.PC-uint32(w.base)]
	if table.Op != OpJumpTable || table.A != in.A || first.Cost >= 1<<16 {
		return
	}
	i := (int(table.Lo())-w.table)/8 + int(min(uint32(in.Imm), table.Hi()))
	second := Jump(w.jumps[i])
	if second.Compare || second.Cost >= 1<<16 {
		return
	}
	to := Target{PC: second.PC, Compare: first.Compare}.imm()
	*in = Instr{Op: OpJumpConst, A: in.A, B: uint16(in.Imm), C: uint16(in.Imm >> 16), Imm: to | uint64(first.Cost)<<32 | uint64(second.Cost)<<48}
}

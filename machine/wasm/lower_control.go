package wasm

func (w *lowerer) top() *construct { return &w.frames[len(w.frames)-1] }

func (w *lowerer) control(revived bool) {
	in := &w.in
	switch in.op {
	case opUnreachable:
		w.emit(Instr{Op: OpUnreachable})
	case opBlock, opLoop:
		w.open(nil)
	case opIf:
		c := w.popCondition()
		w.open(&c)
	case opElse:
		w.elseArm(revived)
	case opEnd:
		w.end(revived)
	case opBr:
		w.branch(in.a)
	case opBrIf:
		w.branchIf()
	case opBrTable:
		w.branchTable()
	case opReturn:
		w.giveBack()
	case opCall:
		w.call(&w.m.Types[w.m.funcTypes[in.a]], nil)
	case opCallIndirect:
		i := w.pop()
		w.call(&w.m.Types[in.a], &i)
	}
}

// popCondition returns the comparison that waits, or one of the topmost operand
// with zero. Its operands stood at height len(w.stack) and above.
func (w *lowerer) popCondition() condition {
	if c := w.cond; c.set {
		w.cond.set = false
		return c
	}
	return condition{set: true, op: OpI32Ne, x: w.pop(), y: operand{kind: isConst}}
}

// open begins a construct. All operands go to their slots, because its end, and
// a loop's head, may be reached by several ways.
func (w *lowerer) open(c *condition) {
	f := construct{op: w.in.op, elseJump: -1, pending: -1}
	f.params, f.results = blockArity(&w.in, w.m)
	h := len(w.stack)
	w.settleAll()
	f.height = h - f.params
	cost := w.charge()
	switch {
	case f.op == opLoop && cost > 0:
		w.emit(Instr{Op: OpLoop, Imm: uint64(cost)})
		f.head = Target{PC: w.bind(), Cost: cost, Compare: true}
	case f.op == opLoop: // see charge.compares
		f.head = Target{PC: w.bind()}
	case c != nil:
		c.op = opposite(c.op)
		f.elseJump = w.emitBranch(*c, h, cost)
	}
	w.frames = append(w.frames, f)
}

// emitBranch emits a conditional branch without its target, whose operands stood
// at height h, and charges what follows if it is not taken.
func (w *lowerer) emitBranch(c condition, h int, fall uint32) int {
	in := w.branchForm(c, h)
	if fall < 1<<16 {
		in.Imm = uint64(fall) << 32
		return w.emit(in)
	}
	at := w.emit(in)
	w.emit(Instr{Op: OpCharge, Imm: uint64(fall)})
	return at
}

// branchForm chooses the branch that makes a comparison: greater becomes less
// with its operands exchanged, or with the next constant.
func (w *lowerer) branchForm(c condition, h int) Instr {
	base, forms, maxS, maxU := OpI32Eq, OpBrI32Eq, uint64(1<<31-1), uint64(1<<32-1)
	if c.op >= OpI64Eqz {
		base, forms, maxS, maxU = OpI64Eq, OpBrI64Eq, 1<<63-1, 1<<64-1
	}
	op := c.op - base + OpI32Eq
	x, y, xAt, yAt := c.x, c.y, h, h+1
	source := w.sourceOf(c.op)
	if x.kind == isConst && y.kind != isConst {
		x, y, xAt, yAt = y, x, yAt, xAt
		op = mirrored(op)
	}
	if y.kind == isConst {
		form, k := op, y.bits
		if next, most := nextConstant(op, maxS, maxU); next != op && k != most {
			form, k = next, (k+1)&maxU
		}
		if n, ok := branchNumber(form); ok && (base == OpI32Eq || fits32(k)) {
			return Instr{Op: forms + OpBrI32EqK - OpBrI32Eq + n, A: source(x, xAt), B: uint16(k), C: uint16(k >> 16)}
		}
	}
	a, b := source(x, xAt), source(y, yAt)
	n, ok := branchNumber(op)
	if !ok {
		n, _ = branchNumber(mirrored(op))
		a, b = b, a
	}
	return Instr{Op: forms + n, A: a, B: b}
}

// mirrored is the comparison with its operands exchanged.
func mirrored(op Op) Op {
	switch op {
	case OpI32LtS:
		return OpI32GtS
	case OpI32LtU:
		return OpI32GtU
	case OpI32GtS:
		return OpI32LtS
	case OpI32GtU:
		return OpI32LtU
	case OpI32LeS:
		return OpI32GeS
	case OpI32LeU:
		return OpI32GeU
	case OpI32GeS:
		return OpI32LeS
	case OpI32GeU:
		return OpI32LeU
	}
	return op
}

// nextConstant: x > k is x >= k+1, and x <= k is x < k+1, unless k is the
// largest. Other comparisons it returns as they are.
func nextConstant(op Op, maxS, maxU uint64) (Op, uint64) {
	switch op {
	case OpI32GtS:
		return OpI32GeS, maxS
	case OpI32GtU:
		return OpI32GeU, maxU
	case OpI32LeS:
		return OpI32LtS, maxS
	case OpI32LeU:
		return OpI32LtU, maxU
	}
	return op, 0
}

// branchNumber is the place of a comparison among the conditional branches.
func branchNumber(op Op) (Op, bool) {
	switch op {
	case OpI32Eq:
		return 0, true
	case OpI32Ne:
		return 1, true
	case OpI32LtS:
		return 2, true
	case OpI32LtU:
		return 3, true
	case OpI32GeS:
		return 4, true
	case OpI32GeU:
		return 5, true
	}
	return 0, false
}

// elseArm ends the first arm of an if and begins the second.
func (w *lowerer) elseArm(revived bool) {
	f := w.top()
	if !revived {
		w.settleTop(f.results)
		w.later(w.emit(Instr{Op: OpJump}), plainBranch, len(w.frames)-1)
	}
	w.land(f.elseJump, w.charge())
	f.elseJump = -1
	w.drop(len(w.stack) - f.height)
	w.pushSlots(f.params)
	w.settled = len(w.stack)
}

// land completes one conditional branch that leads to the next instruction, at
// which a block of this cost begins that is reached in no other way.
func (w *lowerer) land(at int, cost uint32) {
	pc := w.bind()
	if cost >= 1<<16 {
		w.emit(Instr{Op: OpCharge, Imm: uint64(cost)})
		cost = 0
	}
	w.code[at].Imm |= uint64(pc) | uint64(cost)<<48
}

// later notes a forward branch to the label of a construct.
func (w *lowerer) later(at int, kind branchKind, depth int) {
	f := &w.frames[depth]
	w.branches = append(w.branches, branch{at: int32(at), kind: kind, next: f.pending})
	f.pending = int32(len(w.branches) - 1)
}

// end closes a construct.
func (w *lowerer) end(revived bool) {
	i := len(w.frames) - 1
	f := w.top()
	if i == 0 {
		w.endBody(revived)
		return
	}
	if !revived {
		w.settleTop(f.results)
	}
	if f.elseJump >= 0 {
		w.later(f.elseJump, condBranch, i)
	}
	w.label(f, w.charge(), !revived)
	w.drop(len(w.stack) - f.height)
	w.pushSlots(f.results)
	w.frames = w.frames[:i]
	w.settled = len(w.stack)
}

// label completes the forward branches to a construct's end. The block that
// begins there is charged by whoever branches, where that fits the instruction,
// and otherwise by an instruction, which the way through the end takes too.
func (w *lowerer) label(f *construct, cost uint32, through bool) {
	charged := through && cost > 0
	for i := f.pending; i >= 0; i = w.branches[i].next {
		charged = charged || cost >= 1<<16 && w.branches[i].kind == condBranch
	}
	before := w.bind()
	if charged {
		w.emit(Instr{Op: OpCharge, Imm: uint64(cost)})
	}
	after := w.bind()
	for i := f.pending; i >= 0; i = w.branches[i].next {
		switch b := &w.branches[i]; {
		case b.kind == condBranch && cost >= 1<<16:
			w.code[b.at].Imm |= uint64(before)
		case b.kind == condBranch:
			w.code[b.at].Imm |= uint64(after) | uint64(cost)<<48
		case b.kind == tableBranch:
			w.jumps[b.at] = pair(after, cost)
		default:
			w.code[b.at].Imm = pair(after, cost)
		}
	}
}

// endBody returns from the function.
func (w *lowerer) endBody(revived bool) {
	f := w.top()
	used := f.pending >= 0
	if revived && !used {
		return // whoever gets here comes from an unreachable place
	}
	if used {
		if !revived {
			w.settleAll()
		}
		w.label(f, 0, !revived)
		w.drop(len(w.stack))
		w.pushSlots(w.results)
	}
	w.giveBack()
}

// giveBack emits a return of the topmost operands.
func (w *lowerer) giveBack() {
	from := w.home(len(w.stack) - w.results)
	if w.results == 1 && w.stack[len(w.stack)-1].plainLocal() {
		from = uint32(w.stack[len(w.stack)-1].bits)
	} else {
		w.settleTop(w.results)
	}
	in := Instr{
		Op: OpReturn, A: uint16(w.results), B: uint16(w.info.Params + w.info.Locals), Imm: pair(from, w.info.Slots),
	}
	if w.calls {
		in.C = 1
	}
	w.emit(in)
}

// labelArity is the number of operands that a branch to a construct takes.
func (f *construct) labelArity() int {
	if f.op == opLoop {
		return f.params
	}
	return f.results
}

// branch lowers br.
func (w *lowerer) branch(label uint32) {
	depth := len(w.frames) - 1 - int(label)
	if depth == 0 {
		w.giveBack()
		return
	}
	f := &w.frames[depth]
	n := f.labelArity()
	if h := len(w.stack) - 1; n == 1 && (w.stack[h].kind != inSlot || w.stack[h].half) {
		w.move(w.home(f.height), w.stack[h], h)
	} else {
		w.carry(f, n)
	}
	w.jump(depth)
}

// carry puts the n topmost operands where the label wants them.
func (w *lowerer) carry(f *construct, n int) {
	w.settleTop(n)
	w.copy(w.home(f.height), w.home(len(w.stack)-n), n)
}

// carries tells whether a branch with the n topmost operands moves them.
func (w *lowerer) carries(f *construct, n int) bool { return n > 0 && len(w.stack)-n != f.height }

// jump emits the branch itself.
func (w *lowerer) jump(depth int) {
	at := w.emit(Instr{Op: OpJump})
	if f := &w.frames[depth]; f.op == opLoop {
		w.code[at].Imm = f.head.imm()
	} else {
		w.later(at, plainBranch, depth)
	}
}

// imm is the target as Jump reads it.
func (t Target) imm() uint64 {
	pc := t.PC
	if t.Compare {
		pc |= CompareBit
	}
	return pair(pc, t.Cost)
}

func (w *lowerer) branchIf() {
	c := w.popCondition()
	h := len(w.stack)
	depth := len(w.frames) - 1 - int(w.in.a)
	f := &w.frames[depth]
	n := f.labelArity()
	w.settleTop(n)
	fall := w.charge()
	if w.carries(f, n) {
		c.op = opposite(c.op)
		at := w.emitBranch(c, h, 0)
		w.carry(f, n)
		w.jump(depth)
		w.land(at, fall)
		return
	}
	at := w.emitBranch(c, h, fall)
	switch {
	case f.op != opLoop:
		w.later(at, condBranch, depth)
	case f.head.Cost < 1<<16:
		w.code[at].Imm |= uint64(uint32(f.head.imm())) | uint64(f.head.Cost)<<48
	default:
		w.code[at].Imm |= uint64(f.head.PC - 1) // OpLoop charges and compares
	}
}

// branchTable lowers br_table. Targets that want operands moved get a piece of
// code of their own, one for each label.
func (w *lowerer) branchTable() {
	r := reader{b: w.src[:w.in.end], pos: w.in.start + 1}
	n := r.u32()
	i := w.pop()
	h := len(w.stack)
	w.settleTop(w.frames[len(w.frames)-1-int(w.in.b)].labelArity())
	a := w.lower(i, h)
	w.emit(Instr{Op: OpJumpTable, A: a, Imm: pair(uint32(w.table+8*len(w.jumps)), n)})
	stubs := map[uint32]uint32{}
	for range n + 1 {
		label := r.u32()
		depth := len(w.frames) - 1 - int(label)
		f := &w.frames[depth]
		w.jumps = append(w.jumps, 0)
		entry := len(w.jumps) - 1
		switch {
		case w.carries(f, f.labelArity()):
			if _, made := stubs[label]; !made {
				stubs[label] = w.bind()
				w.carry(f, f.labelArity())
				w.jump(depth)
			}
			w.jumps[entry] = uint64(stubs[label])
		case f.op == opLoop:
			w.jumps[entry] = f.head.imm()
		default:
			w.later(entry, tableBranch, depth)
		}
	}
}

// call lowers a call of a function of this type, through a table if there is an
// index, which was the topmost operand.
func (w *lowerer) call(t *FuncType, index *operand) {
	h := len(w.stack)
	w.settleTop(len(t.Params))
	base := w.home(h - len(t.Params))
	switch {
	case index != nil:
		a := w.lower(*index, h)
		w.emit(Instr{Op: OpCallIndirect, A: a, B: uint16(w.in.b), Imm: pair(w.same[w.in.a], base)})
	case w.in.a < w.m.imported[KindFunc]:
		w.emit(Instr{Op: OpCallHost, A: uint16(w.infos[w.in.a].Entry), Imm: pair(0, base)})
	default:
		w.emit(Instr{Op: OpCall, Imm: pair(w.in.a, base)})
	}
	w.drop(len(t.Params))
	w.pushSlots(len(t.Results))
}

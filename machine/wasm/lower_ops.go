package wasm

// numericOps maps wasm's numeric opcodes to those of the machine; zero where
// there is nothing to do.
var numericOps = buildNumericOps()

func buildNumericOps() (t [256]Op) {
	next := OpI32Eqz
	for code := opI32Eqz; code <= opI64Extend32S; code++ {
		switch code {
		case opI64ExtendU, 0xbc, 0xbd, 0xbe, 0xbf: // reinterpret
		default:
			t[code] = next
			next++
		}
	}
	for i := range opMemoryInit - opPrefix {
		t[opPrefix+i] = next
		next++
	}
	return t
}

// loadOps and storeOps map wasm's memory accesses. Floats are bits, and what
// extends with zeros is the same for both widths.
var loadOps = [...]Op{
	OpLoad32U, OpLoad64, OpLoad32U, OpLoad64,
	OpLoad8S32, OpLoad8U, OpLoad16S32, OpLoad16U,
	OpLoad8S64, OpLoad8U, OpLoad16S64, OpLoad16U, OpLoad32S64, OpLoad32U,
}

var storeOps = [...]Op{OpStore32, OpStore64, OpStore32, OpStore64, OpStore8, OpStore16, OpStore8, OpStore16, OpStore32}

// instruction lowers one instruction; revived says that it ends dead code.
func (w *lowerer) instruction(revived bool) {
	in := &w.in
	info := &ops[in.op]
	switch {
	case info.imm == immMem && info.out != 0:
		w.memoryLoad()
		return
	case info.imm == immMem:
		w.memoryStore()
		return
	case info.sig && info.nin == 1:
		w.unary()
		return
	case info.sig:
		w.binary(numericOps[in.op])
		return
	}
	switch in.op {
	case opNop:
	case opI32Const, opF32Const:
		w.push(operand{kind: isConst, bits: uint64(uint32(in.bits))})
	case opI64Const, opF64Const:
		w.push(operand{kind: isConst, bits: in.bits})
	case opLocalGet:
		w.push(operand{kind: inLocal, bits: uint64(in.a)})
	case opLocalSet:
		w.setLocal(w.pop())
	case opLocalTee:
		w.setLocal(w.pop())
		w.push(operand{kind: inLocal, bits: uint64(in.a)})
	case opDrop:
		w.drop(1)
	case opSelect, opSelectT:
		w.selectOp()
	case opRefNull:
		w.push(operand{kind: isConst})
	case opRefFunc:
		w.push(operand{kind: isConst, bits: uint64(in.a) + 1})
	case opRefIsNull:
		w.cond = condition{set: true, op: OpI64Eq, x: w.pop(), y: operand{kind: isConst}}
	case opGlobalGet, opGlobalSet:
		w.global()
	case opMemorySize:
		w.produce(Instr{Op: OpMemorySize})
	case opMemoryGrow:
		n := w.pop()
		w.produce(Instr{Op: OpMemoryGrow, B: w.source(n, len(w.stack))})
	case opMemoryFill:
		w.three(Instr{Op: OpMemoryFill})
	case opMemoryCopy:
		w.three(Instr{Op: OpMemoryCopy})
	case opMemoryInit:
		w.three(Instr{Op: OpMemoryInit, Imm: uint64(in.a)})
	case opDataDrop:
		w.emit(Instr{Op: OpDataDrop, Imm: uint64(in.a)})
	case opTableGet, opTableSet, opTableGrow, opTableSize, opTableFill, opTableCopy, opTableInit, opElemDrop:
		w.tableOp()
	default:
		w.control(revived)
	}
}

// setLocal stores an operand, which stood at height len(w.stack). Copies of the
// local that wait on the stack are made before.
func (w *lowerer) setLocal(o operand) {
	local, height := w.in.a, len(w.stack)
	for h := w.settled; h < len(w.stack); h++ {
		if s := &w.stack[h]; s.kind == inLocal && s.bits == uint64(local) {
			w.settle(h)
		}
	}
	if made := w.last(o); made != nil && !o.half {
		made.A = uint16(local)
		return
	}
	w.move(local, o, height)
}

func (w *lowerer) selectOp() {
	c, y, x := w.pop(), w.pop(), w.pop()
	h := len(w.stack)
	in := Instr{Op: OpSelect}
	in.B, in.C = w.source(x, h), w.source(y, h+1)
	in.Imm = uint64(w.lower(c, h+2))
	w.produce(in)
}

func (w *lowerer) global() {
	g := w.in.a
	ref := w.m.Globals[g].Type.isRef()
	if w.in.op == opGlobalGet {
		op := OpGlobalGet
		if ref {
			op = OpGlobalGetRef
		}
		w.produce(Instr{Op: op, Imm: uint64(g)})
		return
	}
	op := OpGlobalSet
	if ref {
		op = OpGlobalSetRef
	}
	v := w.pop()
	w.emit(Instr{Op: op, B: w.source(v, len(w.stack)), Imm: uint64(g)})
}

// three lowers an instruction of three operands and no result.
func (w *lowerer) three(in Instr) {
	c, b, a := w.pop(), w.pop(), w.pop()
	h := len(w.stack)
	in.A, in.B, in.C = w.source(a, h), w.source(b, h+1), w.source(c, h+2)
	w.emit(in)
}

func (w *lowerer) tableOp() {
	in := &w.in
	t := uint64(in.a)
	switch in.op {
	case opTableGet:
		i := w.pop()
		w.produce(Instr{Op: OpTableGet, B: w.source(i, len(w.stack)), Imm: t})
	case opTableSet:
		v, i := w.pop(), w.pop()
		h := len(w.stack)
		w.emit(Instr{Op: OpTableSet, B: w.source(i, h), C: w.source(v, h+1), Imm: t})
	case opTableSize:
		w.produce(Instr{Op: OpTableSize, Imm: t})
	case opTableGrow:
		n, v := w.pop(), w.pop()
		h := len(w.stack)
		b := w.source(v, h)
		w.produce(Instr{Op: OpTableGrow, B: b, C: w.source(n, h+1), Imm: t})
	case opTableFill:
		w.three(Instr{Op: OpTableFill, Imm: t})
	case opTableCopy:
		w.three(Instr{Op: OpTableCopy, Imm: pair(in.a, in.b)})
	case opTableInit:
		w.three(Instr{Op: OpTableInit, Imm: pair(in.b, in.a)})
	case opElemDrop:
		w.emit(Instr{Op: OpElemDrop, Imm: t})
	}
}

// address returns the address operands of a load or store, whose sum may have
// been made by the last instruction.
func (w *lowerer) address(o operand, height int) (b, c uint16, indexed bool) {
	if add, ok := w.takeBack(o, OpI32Add); ok {
		return add.B, add.C, true
	}
	if add, ok := w.takeBack(o, OpI64Add); ok {
		return add.B, add.C, true // of an i64 only the lower half can be an address
	}
	return w.lower(o, height), 0, false
}

func (w *lowerer) memoryLoad() {
	op := loadOps[w.in.op-opI32Load]
	a := w.pop()
	b, c, indexed := w.address(a, len(w.stack))
	if indexed {
		op += OpLoad8UX - OpLoad8U
	}
	w.produce(Instr{Op: op, B: b, C: c, Imm: w.in.bits})
}

func (w *lowerer) memoryStore() {
	op := storeOps[w.in.op-opI32Store]
	v, a := w.pop(), w.pop()
	h := len(w.stack)
	if v.kind == isConst && (op != OpStore64 || fits32(v.bits)) {
		form, imm := op+OpStore8K-OpStore8, pair(uint32(w.in.bits), uint32(v.bits))
		b, c, indexed := w.address(a, h)
		if indexed {
			form += OpStore8KX - OpStore8K
		}
		w.emit(Instr{Op: form, B: b, C: c, Imm: imm})
		return
	}
	// The sum is the last instruction only if the value makes none.
	if v.kind == inLocal && !(v.half && op == OpStore64) && a.kind == inSlot {
		if b, c, indexed := w.address(a, h); indexed {
			w.emit(Instr{Op: op + OpStore8X - OpStore8, A: uint16(v.bits), B: b, C: c, Imm: w.in.bits})
			return
		}
	}
	b := w.lower(a, h)
	value := w.lower
	if op == OpStore64 {
		value = w.source
	}
	w.emit(Instr{Op: op, A: value(v, h+1), B: b, Imm: w.in.bits})
}

func fits32(v uint64) bool { return v == uint64(int64(int32(v))) }

func (w *lowerer) unary() {
	op := numericOps[w.in.op]
	if op == 0 {
		return // the same bits of another type
	}
	switch op {
	case OpI32Eqz:
		w.not()
		return
	case OpI64Eqz:
		w.cond = condition{set: true, op: OpI64Eq, x: w.pop(), y: operand{kind: isConst}}
		return
	}
	x := w.pop()
	if op == OpI32WrapI64 {
		w.push(x.lowerHalf())
		return
	}
	w.produce(Instr{Op: op, B: w.sourceOf(op)(x, len(w.stack))})
}

// lowerHalf is the operand wrapped to 32 bits. Nothing is done for it as long as
// nobody looks at the upper half.
func (o operand) lowerHalf() operand {
	if o.kind == isConst {
		o.bits = uint64(uint32(o.bits))
	} else {
		o.half = true
	}
	return o
}

// plainLocal reports whether the operand is the value of a local as it stands.
func (o operand) plainLocal() bool { return o.kind == inLocal && !o.half }

// sourceOf is source for an operation that looks at all of its operands, and
// lower for one on integers of 32 bits.
func (w *lowerer) sourceOf(op Op) func(operand, int) uint16 {
	switch {
	case op >= OpI32Eqz && op < OpI64Eqz, op >= OpI32Clz && op < OpI64Clz,
		op == OpI64ExtendI32S, op == OpI32Extend8S, op == OpI32Extend16S:
		return w.lower
	}
	return w.source
}

// not turns a comparison that was just asked for into its opposite.
func (w *lowerer) not() {
	if w.cond.set {
		w.cond.op = opposite(w.cond.op)
		return
	}
	w.cond = condition{set: true, op: OpI32Eq, x: w.pop(), y: operand{kind: isConst}}
}

func opposite(op Op) Op {
	base := OpI32Eq
	if op >= OpI64Eqz {
		base = OpI64Eq
	}
	// eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u
	return base + [...]Op{1, 0, 8, 9, 6, 7, 4, 5, 2, 3}[op-base]
}

// compare makes the comparison that waits.
func (w *lowerer) compare() {
	c := w.cond
	w.cond.set = false
	h := len(w.stack)
	if c.y.kind == isConst && c.y.bits == 0 && (c.op == OpI32Eq || c.op == OpI64Eq) {
		w.produce(Instr{Op: c.op - 1, B: w.sourceOf(c.op)(c.x, h)}) // eqz
		return
	}
	source := w.sourceOf(c.op)
	b := source(c.x, h)
	w.produce(Instr{Op: c.op, B: b, C: source(c.y, h+1)})
}

func (w *lowerer) binary(op Op) {
	y, x := w.pop(), w.pop()
	if op > OpI32Eqz && op < OpF32Eq {
		w.cond = condition{set: true, op: op, x: x, y: y}
		return
	}
	h := len(w.stack)
	if in, ok := w.constant(op, x, y, h); ok {
		w.produce(in)
		return
	}
	if op == OpF64Add && w.mulAdd(x, y, h) {
		return
	}
	source := w.sourceOf(op)
	b := source(x, h)
	w.produce(Instr{Op: op, B: b, C: source(y, h+1)})
}

// constant returns the form of an integer operation with a constant.
func (w *lowerer) constant(op Op, x, y operand, h int) (Instr, bool) {
	base, first, width := OpI32AddK, OpI32Add, uint64(32)
	switch {
	case op >= OpI32Add && op <= OpI32Rotr:
	case op >= OpI64Add && op <= OpI64Rotr:
		base, first, width = OpI64AddK, OpI64Add, 64
	default:
		return Instr{}, false
	}
	source := w.sourceOf(op)
	op = op - first + OpI32Add
	if x.kind == isConst && y.kind != isConst {
		switch op {
		case OpI32Add, OpI32Mul, OpI32And, OpI32Or, OpI32Xor:
			// The operand at h+1 stays where it is.
			return w.constantForm(base, op, width, source(y, h+1), x.bits)
		}
	}
	if y.kind != isConst {
		return Instr{}, false
	}
	switch op {
	case OpI32DivS, OpI32DivU, OpI32RemS, OpI32RemU:
		return Instr{}, false
	}
	return w.constantForm(base, op, width, source(x, h), y.bits)
}

func (w *lowerer) constantForm(base, op Op, width uint64, b uint16, k uint64) (Instr, bool) {
	form := OpI32AddK
	switch op {
	case OpI32Add:
	case OpI32Sub:
		k = -k
	case OpI32Mul:
		form = OpI32MulK
	case OpI32And:
		form = OpI32AndK
	case OpI32Or:
		form = OpI32OrK
	case OpI32Xor:
		form = OpI32XorK
	case OpI32Shl:
		form = OpI32ShlK
	case OpI32ShrS:
		form = OpI32ShrSK
	case OpI32ShrU:
		form = OpI32ShrUK
	case OpI32Rotl:
		form = OpI32RotlK
	case OpI32Rotr:
		form, k = OpI32RotlK, width-k%width
	}
	if width == 32 {
		k = uint64(uint32(k))
	}
	return Instr{Op: form - OpI32AddK + base, B: b, Imm: k}, true
}

// mulAdd makes one instruction of an addition and the product before it.
func (w *lowerer) mulAdd(x, y operand, h int) bool {
	product, other, otherAt := y, x, h
	if w.last(product) == nil {
		product, other, otherAt = x, y, h+1
	}
	if product.half || other.kind == isConst || other.half {
		return false // making the other would come between, in a slot that the product reads
	}
	mul, ok := w.takeBack(product, OpF64Mul)
	if !ok {
		return false
	}
	w.produce(Instr{Op: OpF64MulAdd, B: mul.B, C: mul.C, Imm: uint64(w.source(other, otherAt))})
	return true
}

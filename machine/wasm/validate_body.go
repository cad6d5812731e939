package wasm

// frame is one entry of the control stack: a construct whose end has not been
// read yet.
type frame struct {
	op          byte
	unreachable bool // the rest of the construct cannot be reached
	height      int  // operands below the construct
	in, out     []ValType
}

// label is what a branch to the frame takes: a loop's label stands at its
// head.
func (f *frame) label() []ValType {
	if f.op == opLoop {
		return f.in
	}
	return f.out
}

// anyType is the type of an operand of unreachable code.
const anyType ValType = 0

// single[i] is a result type of one value; indexing it allocates nothing.
var single = [...][]ValType{{I32}, {I64}, {F32}, {F64}, {FuncRef}, {ExternRef}}

func oneType(t ValType) []ValType {
	switch t {
	case I32:
		return single[0]
	case I64:
		return single[1]
	case F32:
		return single[2]
	case F64:
		return single[3]
	case FuncRef:
		return single[4]
	}
	return single[5]
}

// body validates one function with an explicit stack of constructs: nesting
// costs memory, never recursion.
func (v *validator) body(i int) *Error {
	m := v.m
	b := &m.Codes[i]
	v.fn = i + int(m.imported[KindFunc])
	t := m.Types[m.Funcs[i]]
	if n := uint64(len(t.Params)) + uint64(b.locals); n > uint64(m.limits.Locals) {
		return refuse(CodeAboveLimit, b.Offset, "locals: %d, limit %d", n, m.limits.Locals)
	}
	v.total += uint64(len(t.Params)) + uint64(b.locals)
	if v.total > uint64(m.limits.TotalLocals) {
		return refuse(CodeAboveLimit, b.Offset, "total locals: limit %d", m.limits.TotalLocals)
	}
	v.locals = append(v.locals[:0], t.Params...)
	for _, run := range b.Locals {
		for range run.Count {
			v.locals = append(v.locals, run.Type)
		}
	}
	v.stack, v.frames = v.stack[:0], v.frames[:0]
	v.height, v.values, v.bodyErr = 0, 0, nil
	before := v.steps
	v.frames = append(v.frames, frame{op: opBlock, out: t.Results})
	v.r = reader{b: b.Expr}
	for len(v.frames) > 0 {
		v.r.next(&v.in, &m.limits)
		if v.r.err != nil {
			return v.r.err // the decoder has read these bytes: cannot happen
		}
		v.instruction()
		if v.bodyErr != nil {
			v.bodyErr.Offset = b.Offset + v.in.start
			return v.bodyErr
		}
	}
	if n := v.steps - before; n > uint64(m.limits.BodySteps) {
		return refuse(CodeAboveLimit, b.Offset, "steps of types: %d, limit %d", n, m.limits.BodySteps)
	}
	b.height, b.values = uint32(v.height), v.values
	if b.height > m.limits.Operands {
		return refuse(CodeAboveLimit, b.Offset, "operands: %d, limit %d", b.height, m.limits.Operands)
	}
	return v.labels(b, len(t.Results))
}

// labels bounds what an engine makes of a valid body's labels.
func (v *validator) labels(b *Body, results int) *Error {
	l := &v.m.limits
	j := &v.joins
	if !j.count(b.Expr, len(v.locals), results, v.m) {
		return refuse(CodeAboveLimit, b.Offset, "locals times constructs: limit %d", l.LocalsTimesConstructs)
	}
	blocks, joins := uint64(j.blocks), uint64(j.joins)
	if v.blockPairs += blocks * blocks; v.blockPairs > uint64(l.BlockPairs) {
		return refuse(CodeAboveLimit, b.Offset, "squares of the blocks of functions: limit %d", l.BlockPairs)
	}
	if j.joins > l.Joins {
		return refuse(CodeAboveLimit, b.Offset, "values needed at labels: %d, limit %d", j.joins, l.Joins)
	}
	if v.totalJoins += joins; v.totalJoins > uint64(l.TotalJoins) {
		return refuse(CodeAboveLimit, b.Offset, "values needed at labels of all functions: limit %d", l.TotalJoins)
	}
	if v.joinPairs += joins * joins; v.joinPairs > uint64(l.JoinPairs) {
		return refuse(CodeAboveLimit, b.Offset, "squares of the values needed at labels of functions: limit %d", l.JoinPairs)
	}
	if v.lookups += j.lookups; v.lookups > uint64(l.Lookups) {
		return refuse(CodeAboveLimit, b.Offset, "lookups of values: limit %d", l.Lookups)
	}
	b.joins, b.labels = j.joins, append([]labelCost(nil), j.labels...)
	return nil
}

func (v *validator) fail(code Code, format string, args ...any) {
	if v.bodyErr == nil {
		v.bodyErr = refuse(code, 0, format, args...)
	}
}

func (v *validator) push(t ValType) {
	v.stack = append(v.stack, t)
	v.values++
	if len(v.stack) > v.height {
		v.height = len(v.stack)
	}
}

func (v *validator) pushAll(ts []ValType) {
	v.steps += uint64(len(ts))
	for _, t := range ts {
		v.push(t)
	}
}

func (v *validator) pop() ValType {
	f := &v.frames[len(v.frames)-1]
	if len(v.stack) == f.height {
		if !f.unreachable {
			v.fail(CodeTypeMismatch, "%s: operand missing", ops[v.in.op].name)
		}
		return anyType
	}
	t := v.stack[len(v.stack)-1]
	v.stack = v.stack[:len(v.stack)-1]
	return t
}

func (v *validator) popType(want ValType) ValType {
	got := v.pop()
	if got != want && got != anyType && want != anyType {
		v.fail(CodeTypeMismatch, "%s: operand is %s, not %s", ops[v.in.op].name, got, want)
	}
	return got
}

func (v *validator) popAll(ts []ValType) {
	if v.steps += uint64(len(ts)); v.steps > uint64(v.m.limits.TypeSteps) {
		v.fail(CodeAboveLimit, "type steps: limit %d", v.m.limits.TypeSteps)
		return
	}
	for i := len(ts) - 1; i >= 0; i-- {
		v.popType(ts[i])
	}
}

func (v *validator) open(op byte, in, out []ValType) {
	v.frames = append(v.frames, frame{op: op, height: len(v.stack), in: in, out: out})
	v.pushAll(in)
}

// close pops the innermost construct, whose results must be all that is left
// of its operands.
func (v *validator) close() frame {
	f := v.frames[len(v.frames)-1]
	v.popAll(f.out)
	if len(v.stack) != f.height {
		v.fail(CodeTypeMismatch, "%d operands too many at the end", len(v.stack)-f.height)
	}
	v.frames = v.frames[:len(v.frames)-1]
	return f
}

func (v *validator) setUnreachable() {
	f := &v.frames[len(v.frames)-1]
	v.stack = v.stack[:f.height]
	f.unreachable = true
}

// labelOf returns the frame that a label index names.
func (v *validator) labelOf(depth uint32) *frame {
	if int64(depth) >= int64(len(v.frames)) {
		v.fail(CodeUnknownIndex, "label %d", depth)
		return &v.frames[0]
	}
	return &v.frames[len(v.frames)-1-int(depth)]
}

func (v *validator) instruction() {
	in := &v.in
	info := &ops[in.op]
	if info.sig {
		if info.imm == immMem {
			v.memoryAccess(info)
		}
		for i := int(info.nin) - 1; i >= 0; i-- {
			v.popType(info.in[i])
		}
		if info.out != 0 {
			v.push(info.out)
		}
		return
	}
	switch in.op {
	case opLocalGet, opLocalSet, opLocalTee:
		v.local()
	case opI32Const:
		v.push(I32)
	case opI64Const:
		v.push(I64)
	case opF32Const:
		v.push(F32)
	case opF64Const:
		v.push(F64)
	case opGlobalGet, opGlobalSet:
		v.global()
	case opDrop:
		v.pop()
	case opSelect, opSelectT:
		v.selectOp()
	case opRefNull:
		v.push(in.typ)
	case opRefIsNull:
		if t := v.pop(); t != anyType && !t.isRef() {
			v.fail(CodeTypeMismatch, "ref.is_null of %s", t)
		}
		v.push(I32)
	case opRefFunc:
		if in.a >= v.numFuncs {
			v.fail(CodeUnknownIndex, "function %d", in.a)
		} else if !v.refs[in.a] {
			v.fail(CodeUndeclaredRef, "function %d", in.a)
		}
		v.push(FuncRef)
	case opMemorySize, opMemoryGrow, opMemoryCopy, opMemoryFill, opMemoryInit, opDataDrop:
		v.memoryOp()
	case opTableGet, opTableSet, opTableGrow, opTableSize, opTableFill, opTableCopy, opTableInit, opElemDrop:
		v.tableOp()
	default:
		v.control()
	}
}

func (v *validator) memoryAccess(info *opInfo) {
	if !v.memory {
		v.fail(CodeUnknownIndex, "memory 0")
	}
	if v.in.a > uint32(info.align) {
		v.fail(CodeBadAlignment, "%s aligned to 2^%d", info.name, v.in.a)
	}
}

func (v *validator) local() {
	if int64(v.in.a) >= int64(len(v.locals)) {
		v.fail(CodeUnknownIndex, "local %d", v.in.a)
		return
	}
	t := v.locals[v.in.a]
	if v.in.op != opLocalGet {
		v.popType(t)
	}
	if v.in.op != opLocalSet {
		v.push(t)
		v.values-- // the local's value, not a new one
	}
}

func (v *validator) global() {
	if int64(v.in.a) >= int64(len(v.globals)) {
		v.fail(CodeUnknownIndex, "global %d", v.in.a)
		return
	}
	g := v.globals[v.in.a]
	if v.in.op == opGlobalGet {
		v.push(g.Type)
		return
	}
	if !g.Mutable {
		v.fail(CodeImmutableGlobal, "global %d", v.in.a)
	}
	v.popType(g.Type)
}

// selectOp: without types the operands must be numbers, of one type.
func (v *validator) selectOp() {
	v.popType(I32)
	if v.in.op == opSelectT {
		if v.in.a != 1 {
			v.fail(CodeTypeMismatch, "select with %d types", v.in.a)
			return
		}
		v.popType(v.in.typ)
		v.popType(v.in.typ)
		v.push(v.in.typ)
		return
	}
	a, b := v.pop(), v.pop()
	if a.isRef() || b.isRef() || (a != b && a != anyType && b != anyType) {
		v.fail(CodeTypeMismatch, "select between %s and %s", b, a)
	}
	if a == anyType {
		a = b
	}
	v.push(a)
}

func (v *validator) memoryOp() {
	if v.in.op == opMemoryInit || v.in.op == opDataDrop {
		if int64(v.in.a) >= v.m.DataCount {
			v.fail(CodeUnknownIndex, "data segment %d", v.in.a)
		}
		if v.in.op == opDataDrop {
			v.m.drops = true
			return
		}
	}
	if !v.memory {
		v.fail(CodeUnknownIndex, "memory 0")
	}
	switch v.in.op {
	case opMemorySize:
		v.push(I32)
	case opMemoryGrow:
		v.popType(I32)
		v.push(I32)
	default:
		v.popType(I32)
		v.popType(I32)
		v.popType(I32)
	}
}

func (v *validator) table(index uint32) ValType {
	if int64(index) >= int64(len(v.tables)) {
		v.fail(CodeUnknownIndex, "table %d", index)
		return FuncRef
	}
	return v.tables[index].Elem
}

func (v *validator) segment(index uint32) ValType {
	if int64(index) >= int64(len(v.m.Elems)) {
		v.fail(CodeUnknownIndex, "element segment %d", index)
		return FuncRef
	}
	return v.m.Elems[index].Type
}

func (v *validator) tableOp() {
	a, b := v.in.a, v.in.b
	switch v.in.op {
	case opTableGet:
		t := v.table(a)
		v.popType(I32)
		v.push(t)
	case opTableSet:
		v.popType(v.table(a))
		v.popType(I32)
	case opTableSize:
		v.table(a)
		v.push(I32)
	case opTableGrow:
		v.popType(I32)
		v.popType(v.table(a))
		v.push(I32)
	case opTableFill:
		v.popType(I32)
		v.popType(v.table(a))
		v.popType(I32)
	case opElemDrop:
		v.m.drops = true
		v.segment(a)
	case opTableInit:
		v.moveElems(v.table(b), v.segment(a))
	case opTableCopy:
		v.moveElems(v.table(a), v.table(b))
	}
}

// moveElems types an instruction that writes elements of one type from another.
func (v *validator) moveElems(to, from ValType) {
	if to != from {
		v.fail(CodeTypeMismatch, "%s from %s to %s", ops[v.in.op].name, from, to)
	}
	v.popType(I32)
	v.popType(I32)
	v.popType(I32)
}

func (v *validator) control() {
	in := &v.in
	switch in.op {
	case opNop:
	case opUnreachable:
		v.setUnreachable()
	case opBlock, opLoop, opIf:
		if in.op == opIf {
			v.popType(I32)
		}
		params, results := v.blockType()
		v.popAll(params)
		v.open(in.op, params, results)
	case opElse:
		f := v.close()
		v.open(opElse, f.in, f.out)
	case opEnd:
		f := v.close()
		if f.op == opIf && !sameTypes(f.in, f.out) {
			v.fail(CodeTypeMismatch, "if without else must return what it takes")
		}
		if len(v.frames) > 0 {
			v.pushAll(f.out)
		}
	case opBr:
		v.popAll(v.labelOf(in.a).label())
		v.setUnreachable()
	case opBrIf:
		v.popType(I32)
		ts := v.labelOf(in.a).label()
		v.popAll(ts)
		v.pushAll(ts)
		v.values -= uint32(len(ts))
	case opBrTable:
		v.brTable()
	case opReturn:
		v.popAll(v.frames[0].out)
		v.setUnreachable()
	case opCall:
		if in.a >= v.numFuncs {
			v.fail(CodeUnknownIndex, "function %d", in.a)
			return
		}
		v.call(&v.m.Types[v.m.funcTypes[in.a]])
	case opCallIndirect:
		if v.table(in.b) != FuncRef {
			v.fail(CodeTypeMismatch, "call_indirect through a table of externref")
		}
		if int64(in.a) >= int64(len(v.m.Types)) {
			v.fail(CodeUnknownIndex, "type %d", in.a)
			return
		}
		v.popType(I32)
		v.call(&v.m.Types[in.a])
	}
}

func (v *validator) call(t *FuncType) {
	v.popAll(t.Params)
	v.pushAll(t.Results)
}

func (v *validator) blockType() (params, results []ValType) {
	switch {
	case v.in.typ != 0:
		return nil, oneType(v.in.typ)
	case v.in.bits == 0:
		return nil, nil
	case v.in.bits > uint64(len(v.m.Types)):
		v.fail(CodeUnknownIndex, "type %d", v.in.bits-1)
		return nil, nil
	}
	t := &v.m.Types[v.in.bits-1]
	return t.Params, t.Results
}

// brTable reads its targets again: the decoder has found them well-formed.
func (v *validator) brTable() {
	v.popType(I32)
	r := reader{b: v.r.b[:v.in.end], pos: v.in.start + 1}
	n := r.u32()
	if v.targets += uint64(n); v.targets > uint64(v.m.limits.TotalTargets) {
		v.fail(CodeAboveLimit, "total branch targets: limit %d", v.m.limits.TotalTargets)
		return
	}
	arity := len(v.labelOf(v.in.b).label())
	for range n {
		ts := v.labelOf(r.u32()).label()
		if v.bodyErr != nil {
			return
		}
		if len(ts) != arity {
			v.fail(CodeTypeMismatch, "br_table targets take %d and %d operands", arity, len(ts))
			return
		}
		if arity == 0 {
			continue
		}
		if v.steps += uint64(arity); v.steps > uint64(v.m.limits.TypeSteps) {
			v.fail(CodeAboveLimit, "type steps: limit %d", v.m.limits.TypeSteps)
			return
		}
		// Operands of unreachable code keep their unknown type for the next
		// target, so they are pushed back as they were popped.
		v.scratch = v.scratch[:0]
		for i := len(ts) - 1; i >= 0; i-- {
			v.scratch = append(v.scratch, v.popType(ts[i]))
		}
		for i := len(v.scratch) - 1; i >= 0; i-- {
			v.push(v.scratch[i])
		}
		v.values -= uint32(len(ts))
	}
	v.popAll(v.labelOf(v.in.b).label())
	v.setUnreachable()
}

func sameTypes(a, b []ValType) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

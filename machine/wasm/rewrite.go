package wasm

import "math/bits"

// emitter appends instructions.
type emitter struct {
	b []byte
}

func (e *emitter) op(ops ...byte)        { e.b = append(e.b, ops...) }
func (e *emitter) idx(op byte, i uint32) { e.b = appendU64(append(e.b, op), uint64(i)) }
func (e *emitter) i32(v int32)           { e.b = appendS64(append(e.b, opI32Const), int64(v)) }
func (e *emitter) i64(v int64)           { e.b = appendS64(append(e.b, opI64Const), v) }

const emptyBlock = 0x40

// rewriter rewrites bodies of one module. Its buffers are reused from one
// body to the next.
type rewriter struct {
	m    *Module
	fuel uint32 // global indexes
	deep uint32
	trap uint32

	refuel    uint32                       // helper that asks the host for fuel, or traps
	refuelFor uint32                       // the same for a charge that was not taken yet
	entrySlow uint32                       // helper for an entry that finds frames, slots or fuel below zero
	wrapper   []uint32                     // import → wrapper; 0 while there is none
	blockType func(function uint32) uint32 // type () -> results of a function type
	memoryMax uint32
	tableMax  []uint32
	refs      uint32 // table of all functions
	nulls     uint32 // table that initNulls checks bounds with, behind refs
	nullInit  []bool // for each element segment: initNulls stands for table.init

	// State of the body being rewritten.
	e         emitter
	fw        fuelWalk
	nw        nanWalk
	types     []ValType // of locals
	extra     []LocalRun
	copied    int
	src       []byte
	wrapped   bool
	cached    bool   // fuel left is kept in a local beside the global
	lFuel     uint32 // i64
	lDepth    uint32 // i64
	lBulk     uint32 // i32
	lTo       uint32 // i32, and lFrom: of initNulls
	lFrom     uint32
	lF32      uint32
	lF64      uint32
	floats    bool
	bodyType  FuncType
	typeIndex uint32

	innermost []bool          // for each loop of the body: beginLoop begins it
	inside    []openConstruct // while analyse walks
	// outer counts the constructs that the rewriting put around the first n open
	// constructs. Its last element is for all of them.
	outer []uint32
	cost  uint32 // of the loop that beginLoop began last: they do not nest
	ands  bool   // an and stands before in the basic block
	konst bool   // the instruction before is a constant other than zero
}

// openConstruct is a construct whose end was not reached: its number among the
// loops, or -1, and whether a call or a loop that is not its own stands inside.
type openConstruct struct {
	loop         int32
	calls, loops bool
}

// survey is what a first look at a body finds.
type survey struct {
	calls    bool // calls a function that takes a frame
	floats   bool // has arithmetic that can make a NaN
	f32, f64 bool
	bulk     bool
	nulls    bool // has a table.init that initNulls stands for
	freeLoop bool // has an innermost loop without calls
}

// body returns the rewritten function.
func (w *rewriter) body(i int) Body {
	b := &w.m.Codes[i]
	w.typeIndex = w.m.Funcs[i]
	w.bodyType = w.m.Types[w.typeIndex]
	w.src = b.Expr
	w.types = append(w.types[:0], w.bodyType.Params...)
	for _, run := range b.Locals {
		for range run.Count {
			w.types = append(w.types, run.Type)
		}
	}
	s := w.analyse(b)
	w.layout(s)
	w.e.b = make([]byte, 0, len(b.Expr)+len(b.Expr)/2+64)
	w.copied = 0
	w.outer = append(w.outer[:0], 0)
	w.entry(slots(b, w.bodyType), s)
	w.instructions()
	if w.wrapped {
		w.leave(slots(b, w.bodyType))
		w.e.op(opEnd)
	}
	return Body{Locals: append(b.Locals[:len(b.Locals):len(b.Locals)], w.extra...), Expr: w.e.b}
}

// slots is what a frame of the function counts against the slot limit. The
// values that its instructions make are counted because an optimising engine
// may give each of them its own place on the native stack, and joins for the
// same reason.
func slots(b *Body, t FuncType) uint64 {
	return FrameSlots + uint64(len(t.Params)) + uint64(b.locals) + uint64(b.height) + uint64(b.values) + uint64(b.joins)
}

// analyse walks the body once to divide it into blocks and, if it has float
// arithmetic, once more to find the observed results.
func (w *rewriter) analyse(b *Body) survey {
	var s survey
	var in instr
	w.fw.begin(b, &w.bodyType)
	w.innermost, w.inside = w.innermost[:0], w.inside[:0]
	r := reader{b: w.src}
	for r.pos < len(w.src) {
		r.next(&in, &w.m.limits)
		if !w.fw.step(&in, w.src) {
			continue
		}
		switch op := in.op; {
		case op == opLoop:
			w.inside = append(w.inside, openConstruct{loop: int32(len(w.innermost)), loops: !shortType(w.src[in.start+1])})
			w.innermost = append(w.innermost, false)
		case op == opBlock || op == opIf:
			w.inside = append(w.inside, openConstruct{loop: -1})
		case op == opEnd:
			if n := len(w.inside); n > 0 {
				top := w.inside[n-1]
				if top.loop >= 0 {
					w.innermost[top.loop] = !top.loops
					s.freeLoop = s.freeLoop || !top.loops && !top.calls
				}
				w.inside = w.inside[:n-1]
				if n > 1 {
					w.inside[n-2].calls = w.inside[n-2].calls || top.calls
					w.inside[n-2].loops = w.inside[n-2].loops || top.loops || top.loop >= 0
				}
			}
		case op == opCall || op == opCallIndirect:
			s.calls = s.calls || w.m.takesFrame(&in)
			w.noteCall()
		case isBulk(op):
			s.bulk = true
			s.nulls = s.nulls || w.initsNulls(&in)
		case makesNaN(op):
			s.floats = true
			if ops[op].out == F32 {
				s.f32 = true
			} else {
				s.f64 = true
			}
		}
	}
	if s.floats {
		w.analyseFloats()
	}
	return s
}

// noteCall marks the innermost construct as holding a call; the mark moves
// outwards at its end.
func (w *rewriter) noteCall() {
	if n := len(w.inside); n > 0 {
		w.inside[n-1].calls = true
	}
}

// shortType tells whether a block type is one byte, that is, without parameters
// and with one result at most. Other loops are too rare to be worth a way of
// their own.
func shortType(b byte) bool { return b&0xc0 == 0x40 }

func (w *rewriter) analyseFloats() {
	var in instr
	w.nw.begin(len(w.src), len(w.bodyType.Params), len(w.types), len(w.bodyType.Results))
	r := reader{b: w.src}
	for r.pos < len(w.src) {
		r.next(&in, &w.m.limits)
		w.nw.step(&in, w.m, w.src, w.types)
	}
	w.nw.finish()
}

// layout appends the locals that the rewriting needs.
func (w *rewriter) layout(s survey) {
	w.extra = w.extra[:0:0]
	next := uint32(len(w.types))
	local := func(t ValType) uint32 {
		w.extra = append(w.extra, LocalRun{Count: 1, Type: t})
		next++
		return next - 1
	}
	w.wrapped = s.calls
	w.cached = s.freeLoop
	w.floats = s.floats
	w.lFuel, w.lDepth = local(I64), local(I64)
	if s.bulk {
		w.lBulk = local(I32)
	}
	if s.nulls {
		w.lTo, w.lFrom = local(I32), local(I32)
	}
	if s.f32 {
		w.lF32 = local(F32)
	}
	if s.f64 {
		w.lF64 = local(F64)
	}
}

// entry pushes the frame and charges the first block, with one comparison for
// both: the sign bit of (depth | depth<<32 | fuel) is set if frames, slots or
// fuel ran out.
func (w *rewriter) entry(slots uint64, s survey) {
	e := &w.e
	e.idx(opGlobalGet, w.deep)
	e.i64(int64(1<<32 | slots))
	e.op(opI64Sub)
	e.idx(opLocalTee, w.lDepth)
	e.idx(opLocalGet, w.lDepth)
	e.i64(32)
	e.op(opI64Shl, opI64Or)
	e.idx(opGlobalGet, w.fuel)
	if c := w.fw.points[0].cost; c > 0 {
		e.i64(int64(c))
		e.op(opI64Sub)
	}
	e.idx(opLocalTee, w.lFuel)
	e.op(opI64Or)
	e.i64(0)
	e.op(opI64LtS, opIf, emptyBlock)
	e.idx(opLocalGet, w.lDepth)
	e.idx(opLocalGet, w.lFuel)
	e.idx(opCall, w.entrySlow)
	e.idx(opLocalSet, w.lFuel)
	e.op(opEnd)
	e.idx(opLocalGet, w.lFuel)
	e.idx(opGlobalSet, w.fuel)
	if w.wrapped {
		e.idx(opLocalGet, w.lDepth)
		e.idx(opGlobalSet, w.deep)
		w.block()
	}
}

// block opens the block around the body, whose label takes the place of the
// function's: branches keep their depth.
func (w *rewriter) block() {
	w.e.op(opBlock)
	results := w.bodyType.Results
	switch len(results) {
	case 0:
		w.e.op(emptyBlock)
	case 1:
		w.e.op(byte(results[0]))
	default:
		w.e.b = appendS64(w.e.b, int64(w.blockType(w.typeIndex)))
	}
}

// leave compares and pops the frame.
func (w *rewriter) leave(slots uint64) {
	w.check()
	e := &w.e
	e.idx(opGlobalGet, w.deep)
	e.i64(int64(1<<32 | slots))
	e.op(opI64Add)
	e.idx(opGlobalSet, w.deep)
}

// instructions copies the body, without code that control cannot reach, and
// inserts charges, checks and canonical NaNs.
func (w *rewriter) instructions() {
	var in instr
	imports := w.m.imported[KindFunc]
	r := reader{b: w.src}
	points, innermost := w.fw.points[1:], w.innermost
	var dead deadWalk
	for r.pos < len(w.src) {
		r.next(&in, &w.m.limits)
		if dead.step(in.op) {
			w.replace(&in)
			continue
		}
		w.guardAnd(&in)
		switch op := in.op; {
		case op == opLoop:
			if innermost[0] && points[0].compares() {
				w.open(loopLabels)
				w.beginLoop(&in, points[0].cost)
				points = points[1:]
			} else {
				w.open(0)
			}
			innermost = innermost[1:]
		case op == opBlock || op == opIf:
			w.open(0)
		case op == opEnd:
			w.end(&in)
		case op == opBr || op == opBrIf:
			w.replace(&in)
			w.e.idx(op, w.label(in.a))
		case op == opBrTable:
			w.brTable(&in)
		case op == opReturn && w.wrapped:
			w.replace(&in)
			w.e.idx(opBr, w.label(uint32(len(w.outer)-1)))
		case op == opCall && in.a < imports:
			w.flush(in.start)
			w.check()
			w.flush(in.end)
			w.reload()
		case op == opCall:
			w.replace(&in)
			w.e.idx(opCall, in.a+1) // behind one import more
			w.reload()
		case op == opCallIndirect:
			w.flush(in.end)
			w.reload()
		case op == opRefFunc:
			w.replace(&in)
			w.e.i32(int32(in.a))
			w.e.idx(opTableGet, w.refs)
		case isBulk(op):
			w.flush(in.start)
			w.bulk(&in)
			if w.initsNulls(&in) {
				w.initNulls(&in)
			}
		}
		if w.floats && w.nw.marked(in.start) {
			w.flush(in.end)
			w.canonical(&in)
		}
		if len(points) > 0 && int(points[0].pos) == in.end {
			w.flush(in.end)
			w.charge(points[0])
			points = points[1:]
		}
	}
	w.flush(len(w.src))
}

// guardAnd keeps wazero 1.12.0 from two mistakes. A branch on a comparison of zero
// with an and tests the and alone: on amd64 as if zero stood on the right, so 0 < x
// becomes x < 0; on arm64 by flags that say nothing about unsigned order, whichever
// side zero is on. Zero may be anything that it knows to be zero, such as a local
// that nothing was written to, and the and may come by a local, but not from another
// basic block. An or with zero hides it.
func (w *rewriter) guardAnd(in *instr) {
	wide := in.op >= opI64LtS && in.op <= opI64GeU
	if (wide || in.op >= opI32LtS && in.op <= opI32GeU) && w.ands && !w.konst {
		w.flush(in.start)
		if wide {
			w.e.i64(0)
			w.e.op(opI64Or)
		} else {
			w.e.i32(0)
			w.e.op(opI32Or)
		}
	}
	w.konst = (in.op == opI32Const || in.op == opI64Const) && in.bits != 0
	switch in.op {
	case opI32And, opI64And:
		w.ands = true
	case opLoop, opIf, opElse, opEnd, opBrIf:
		w.ands = false
	}
}

// replace leaves the instruction out; what is emitted next stands for it.
func (w *rewriter) replace(in *instr) {
	w.flush(in.start)
	w.copied = in.end
}

// open notes a construct around which the rewriting puts so many of its own.
func (w *rewriter) open(outer uint32) {
	w.outer = append(w.outer, w.outer[len(w.outer)-1]+outer)
}

// end closes a construct, and the rewriting's own around it.
func (w *rewriter) end(in *instr) {
	n := len(w.outer) - 1
	if n == 0 {
		return // of the body
	}
	if w.outer[n] != w.outer[n-1] {
		w.flush(in.end)
		w.endLoop()
	}
	w.outer = w.outer[:n]
}

// label is the depth at which a label of the body is found in the rewriting,
// whose own constructs have labels too.
func (w *rewriter) label(depth uint32) uint32 {
	n := len(w.outer) - 1
	target := n - int(depth) // constructs open at the label, itself included
	return depth + w.outer[n] - w.outer[max(target, 0)]
}

func (w *rewriter) brTable(in *instr) {
	w.replace(in)
	r := reader{b: w.src[:in.end], pos: in.start + 1}
	n := r.u32()
	w.e.idx(opBrTable, n)
	for range n + 1 {
		w.e.b = appendU64(w.e.b, uint64(w.label(r.u32())))
	}
}

// beginLoop begins an innermost loop. A call of refuel at its head would cost the
// engine a store for every value that the loop carries, each time around,
// although the call is hardly ever made. So it stands outside:
//
//	block
//	  loop
//	    block
//	      if fuel < 0, leave this block
//	      loop              the original
//	        charge; if fuel < 0, leave the block without storing it
//	        ...
//	      end
//	      leave
//	    end
//	    refuelFor(cost); repeat
//	  end
//	end
//
// The first of the two comparisons traps only where the second would. It is
// there because values that reach the call by two ways are new ones to the
// engine: only those are stored. Other loops have a call inside anyhow, that one
// at least, and compilers take long over deep nests of such constructs.
func (w *rewriter) beginLoop(in *instr, cost uint32) {
	e := &w.e
	w.replace(in)
	w.cost = cost
	blockType := w.src[in.start+1] // one byte, see shortType
	e.op(opBlock, blockType, opLoop, blockType, opBlock, emptyBlock)
	w.getFuel()
	e.i64(0)
	e.op(opI64LtS)
	e.idx(opBrIf, 0)
	e.op(opLoop, blockType)
	w.getFuel()
	if cost > 0 {
		e.i64(int64(cost))
		e.op(opI64Sub)
		e.idx(opLocalTee, w.lFuel)
	}
	e.i64(0)
	e.op(opI64LtS)
	e.idx(opBrIf, 1)
	if cost > 0 {
		e.idx(opLocalGet, w.lFuel)
		e.idx(opGlobalSet, w.fuel)
	}
}

// loopLabels is how many labels beginLoop puts around a loop.
const loopLabels = 3

// endLoop emits what stands behind the original loop.
func (w *rewriter) endLoop() {
	e := &w.e
	e.idx(opBr, 2)
	e.op(opEnd)
	e.i64(int64(w.cost))
	e.idx(opCall, w.refuelFor)
	w.reload()
	e.idx(opBr, 0)
	e.op(opEnd, opEnd)
}

func (w *rewriter) flush(to int) {
	w.e.b = append(w.e.b, w.src[w.copied:to]...)
	w.copied = to
}

// getFuel pushes the fuel left, setFuel pops it.
func (w *rewriter) getFuel() {
	if w.cached {
		w.e.idx(opLocalGet, w.lFuel)
	} else {
		w.e.idx(opGlobalGet, w.fuel)
	}
}

func (w *rewriter) setFuel() {
	if w.cached {
		w.e.idx(opLocalTee, w.lFuel)
	}
	w.e.idx(opGlobalSet, w.fuel)
}

// reload refreshes the local copy after a call.
func (w *rewriter) reload() {
	if w.cached {
		w.e.idx(opGlobalGet, w.fuel)
		w.e.idx(opLocalSet, w.lFuel)
	}
}

func (w *rewriter) charge(c charge) {
	if c.cost > 0 {
		w.getFuel()
		w.e.i64(int64(c.cost))
		w.e.op(opI64Sub)
		w.setFuel()
	}
	if c.compares() {
		w.check()
	}
}

// check traps if fuel is below zero, slice and reserve together.
func (w *rewriter) check() {
	w.getFuel()
	w.e.i64(0)
	w.e.op(opI64LtS, opIf, emptyBlock)
	w.e.idx(opCall, w.refuel)
	w.reload()
	w.e.op(opEnd)
}

func (w *rewriter) raise(t TrapCode) {
	w.e.i32(int32(t))
	w.e.idx(opGlobalSet, w.trap)
	w.e.op(opUnreachable)
}

// bulk charges a bulk operation by its length, which is its topmost operand,
// and compares. The arithmetic is in 64 bits: a length of 2^32-1 cannot wrap.
func (w *rewriter) bulk(in *instr) {
	e := &w.e
	e.idx(opLocalTee, w.lBulk)
	w.getFuel()
	switch in.op {
	case opMemoryGrow:
		w.growth(PageFuel, w.memoryMax, func() { e.op(opMemorySize, 0) })
	case opTableGrow:
		w.growth(ElemFuel, w.tableMax[in.a], func() {
			e.op(0xfc)
			e.b = appendU64(e.b, opTableSize-opPrefix)
			e.b = appendU64(e.b, uint64(in.a))
		})
	default:
		e.idx(opLocalGet, w.lBulk)
		e.op(opI64ExtendU)
		e.i64(1<<BulkShift - 1)
		e.op(opI64Add)
		e.i64(BulkShift)
		e.op(opI64ShrU)
	}
	e.op(opI64Sub)
	w.setFuel()
	w.check()
}

// initsNulls tells whether initNulls stands for the instruction.
func (w *rewriter) initsNulls(in *instr) bool {
	return in.op == opTableInit && w.nullInit != nil && w.nullInit[in.a]
}

// initNulls stands for table.init from a passive segment of externref, of which
// wazero 1.12.0 keeps no elements: it would trap where wasm does not. All of
// them are null. So the segment is one of null functions in the rewriting, a
// table.init of it into a table of our own checks its bounds, and a table.fill
// does the rest.
func (w *rewriter) initNulls(in *instr) {
	e := &w.e
	w.copied = in.end
	e.op(opDrop) // the length, which lBulk holds
	e.idx(opLocalSet, w.lFrom)
	e.idx(opLocalSet, w.lTo)
	e.i32(0)
	e.idx(opLocalGet, w.lFrom)
	e.idx(opLocalGet, w.lBulk)
	e.op(0xfc, opTableInit-opPrefix)
	e.b = appendU64(appendU64(e.b, uint64(in.a)), uint64(w.nulls))
	e.idx(opLocalGet, w.lTo)
	e.op(opRefNull, byte(ExternRef))
	e.idx(opLocalGet, w.lBulk)
	e.op(0xfc, opTableFill-opPrefix)
	e.b = appendU64(e.b, uint64(in.b))
}

// growth pushes price × n if the object can grow by n, else 0: a growth that
// answers -1 costs no more than its operator.
func (w *rewriter) growth(price int64, limit uint32, size func()) {
	e := &w.e
	n := func() {
		e.idx(opLocalGet, w.lBulk)
		e.op(opI64ExtendU)
	}
	n()
	e.i64(int64(bits.TrailingZeros64(uint64(price))))
	e.op(opI64Shl)
	e.i64(0)
	n()
	size()
	e.op(opI64ExtendU, opI64Add)
	e.i64(int64(limit))
	e.op(opI64LeU, opSelect)
}

// canonical replaces a NaN on top of the stack.
func (w *rewriter) canonical(in *instr) {
	t := ops[in.op].out
	if in.op == opLocalGet || in.op == opLocalTee {
		t = w.types[in.a]
	}
	// A branch that is never taken beats a select: the value does not wait for
	// the comparison.
	e, local, ne := &w.e, w.lF64, byte(opF64Ne)
	if t == F32 {
		local, ne = w.lF32, opF32Ne
	}
	e.idx(opLocalTee, local)
	e.idx(opLocalGet, local)
	e.op(ne, opIf, emptyBlock)
	if t == F32 {
		e.op(opF32Const, 0x00, 0x00, 0xc0, 0x7f)
	} else {
		e.op(opF64Const, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f)
	}
	e.idx(opLocalSet, local)
	e.op(opEnd)
	e.idx(opLocalGet, local)
}

package wasm

// nanWalk finds the float results that must be made canonical: those whose
// bits something can observe. A result that reaches nothing but float
// arithmetic, comparison, conversion or drop keeps whatever NaN the processor
// made, since none of these shows its bits.
//
// A local is followed too. If no read of a local is observed, what is written
// to it stays as it is. If everything written to it comes from arithmetic, the
// canonical form can also be taken where the local is read: that moves the
// work out of a loop that accumulates.
//
// The walk keeps the operand stack as the positions of the instructions that
// made its values; noValue stands for a value with exact bits.
type nanWalk struct {
	mark   []uint64 // bit at in.start: make the result canonical
	stack  []int32
	frames []nanFrame
	locals []nanLocal
	sets   []nanSet
	gets   []nanGet
	loops  int
	dead   deadWalk
}

const (
	noValue    int32 = -1
	cleanValue int32 = -2 // certainly no NaN
)

type nanFrame struct {
	op      byte
	height  int
	in, out int // number of parameters and results
}

type nanLocal struct {
	observed bool // a read is observed
	inexact  bool // something other than arithmetic is written, or it is a parameter
	writes   int  // deepest loop with a write
	reads    int  // deepest loop with an observed read
}

type nanSet struct{ local, from int32 }

type nanGet struct {
	local, at int32
	loops     int
}

func (w *nanWalk) marked(pos int) bool { return w.mark[pos>>6]>>(pos&63)&1 != 0 }
func (w *nanWalk) set(pos int32)       { w.mark[pos>>6] |= 1 << (pos & 63) }
func (w *nanWalk) clear(pos int32)     { w.mark[pos>>6] &^= 1 << (pos & 63) }

func (w *nanWalk) begin(size, params, locals, results int) {
	n := size>>6 + 1
	if cap(w.mark) < n {
		w.mark = make([]uint64, n)
	}
	w.mark = w.mark[:n]
	clear(w.mark)
	w.locals = append(w.locals[:0], make([]nanLocal, locals)...)
	for i := range params {
		w.locals[i].inexact = true
	}
	w.stack, w.sets, w.gets = w.stack[:0], w.sets[:0], w.gets[:0]
	w.frames = append(w.frames[:0], nanFrame{op: opBlock, out: results})
	w.loops, w.dead = 0, deadWalk{}
}

func (w *nanWalk) push(v int32) { w.stack = append(w.stack, v) }

func (w *nanWalk) pushExact(n int) {
	for range n {
		w.push(noValue)
	}
}

// pop takes a value whose bits are not looked at.
func (w *nanWalk) pop() int32 {
	v := w.stack[len(w.stack)-1]
	w.stack = w.stack[:len(w.stack)-1]
	return v
}

// show observes the n topmost values.
func (w *nanWalk) show(n int) {
	for _, v := range w.stack[len(w.stack)-n:] {
		if v >= 0 {
			w.set(v)
		}
	}
}

func (w *nanWalk) popShown(n int) {
	w.show(n)
	w.stack = w.stack[:len(w.stack)-n]
}

// step takes the next instruction of a valid body.
func (w *nanWalk) step(in *instr, m *Module, body []byte, types []ValType) {
	was := w.dead.dead
	if w.dead.step(in.op) {
		return
	}
	if was {
		w.revive(in.op)
		return
	}
	info := &ops[in.op]
	if info.sig {
		w.simple(in, info)
		return
	}
	switch in.op {
	case opLocalGet:
		w.read(in, types)
	case opLocalSet, opLocalTee:
		w.write(in, types)
	case opI32Const, opI64Const, opGlobalGet, opMemorySize, opTableSize, opRefNull, opRefFunc:
		w.push(noValue)
	case opF32Const:
		w.constant(in.bits<<1&0xffffffff > 0xff000000)
	case opF64Const:
		w.constant(in.bits<<1 > 0xffe0000000000000)
	case opDrop:
		w.pop()
	case opGlobalSet:
		w.popShown(1)
	case opSelect, opSelectT:
		w.popShown(3)
		w.push(noValue)
	case opRefIsNull, opTableGet, opMemoryGrow:
		w.popShown(1)
		w.push(noValue)
	case opTableGrow:
		w.popShown(2)
		w.push(noValue)
	case opTableSet:
		w.popShown(2)
	case opMemoryCopy, opMemoryFill, opMemoryInit, opTableCopy, opTableInit, opTableFill:
		w.popShown(3)
	case opCall:
		t := m.FuncType(in.a)
		w.popShown(len(t.Params))
		w.pushExact(len(t.Results))
	case opCallIndirect:
		t := &m.Types[in.a]
		w.popShown(len(t.Params) + 1)
		w.pushExact(len(t.Results))
	default:
		w.control(in, m, body)
	}
}

func (w *nanWalk) simple(in *instr, info *opInfo) {
	if hidesBits(in.op) {
		w.stack = w.stack[:len(w.stack)-int(info.nin)]
	} else {
		w.popShown(int(info.nin))
	}
	switch {
	case info.out == 0:
	case makesNaN(in.op):
		w.push(int32(in.start))
	case in.op >= 0xb2 && in.op <= 0xba && in.op != opF32Demote: // convert from integer
		w.push(cleanValue)
	default:
		w.push(noValue)
	}
}

// hidesBits reports whether the result of the opcode does not depend on which
// NaN its float operands are: arithmetic, comparison, conversion to integer.
func hidesBits(op byte) bool {
	switch {
	case makesNaN(op), op >= opF32Eq && op <= 0x66, op >= 0xa8 && op <= 0xab, op >= 0xae && op <= 0xb1:
		return true
	}
	return op >= opPrefix && op < opPrefix+8
}

func (w *nanWalk) constant(nan bool) {
	if nan {
		w.push(noValue)
	} else {
		w.push(cleanValue)
	}
}

func isFloat(t ValType) bool { return t == F32 || t == F64 }

func (w *nanWalk) read(in *instr, types []ValType) {
	if !isFloat(types[in.a]) {
		w.push(noValue)
		return
	}
	w.gets = append(w.gets, nanGet{local: int32(in.a), at: int32(in.start), loops: w.loops})
	w.push(int32(in.start))
}

func (w *nanWalk) write(in *instr, types []ValType) {
	from := w.pop()
	if isFloat(types[in.a]) {
		l := &w.locals[in.a]
		if from >= 0 && w.isGet(from) {
			w.set(from) // copies between locals are not followed
			from = noValue
		}
		switch {
		case from >= 0:
			w.sets = append(w.sets, nanSet{local: int32(in.a), from: from})
			l.writes = max(l.writes, w.loops)
		case from == noValue:
			l.inexact = true
		}
	}
	if in.op == opLocalTee {
		w.read(in, types)
	}
}

// isGet reports whether the value made at pos comes from a local. The reads
// are in order of position.
func (w *nanWalk) isGet(pos int32) bool {
	lo, hi := 0, len(w.gets)
	for lo < hi {
		mid := (lo + hi) / 2
		if w.gets[mid].at < pos {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo < len(w.gets) && w.gets[lo].at == pos
}

func (w *nanWalk) control(in *instr, m *Module, body []byte) {
	switch in.op {
	case opNop, opUnreachable:
	case opBlock, opLoop, opIf:
		if in.op == opIf {
			w.pop()
		}
		f := nanFrame{op: in.op}
		f.in, f.out = blockArity(in, m)
		w.show(f.in)
		f.height = len(w.stack) - f.in
		w.reset(f.height, f.in)
		w.frames = append(w.frames, f)
		if in.op == opLoop {
			w.loops++
		}
	case opElse:
		f := w.top()
		w.show(f.out)
		w.reset(f.height, f.in)
	case opEnd:
		w.show(w.top().out)
		w.end()
	case opBr:
		w.show(w.arity(in.a))
	case opBrIf:
		w.pop()
		w.show(w.arity(in.a))
	case opBrTable:
		w.pop()
		w.show(w.arity(in.b))
	case opReturn:
		w.show(w.frames[0].out)
	}
}

func (w *nanWalk) top() *nanFrame { return &w.frames[len(w.frames)-1] }

func (w *nanWalk) arity(label uint32) int {
	f := &w.frames[len(w.frames)-1-int(label)]
	if f.op == opLoop {
		return f.in
	}
	return f.out
}

// reset leaves height values and n exact ones above them.
func (w *nanWalk) reset(height, n int) {
	w.stack = w.stack[:height]
	w.pushExact(n)
}

func (w *nanWalk) end() {
	f := *w.top()
	w.frames = w.frames[:len(w.frames)-1]
	if f.op == opLoop {
		w.loops--
	}
	w.reset(f.height, f.out)
}

// revive takes the else or end that ends dead code: what stands on the stack
// is unknown, so nothing is observed.
func (w *nanWalk) revive(op byte) {
	if op == opElse {
		w.reset(w.top().height, w.top().in)
	} else {
		w.end()
	}
}

func blockArity(in *instr, m *Module) (params, results int) {
	switch {
	case in.typ != 0:
		return 0, 1
	case in.bits == 0:
		return 0, 0
	}
	t := &m.Types[in.bits-1]
	return len(t.Params), len(t.Results)
}

// finish decides for each local where its values become canonical.
func (w *nanWalk) finish() {
	for _, g := range w.gets {
		if w.marked(int(g.at)) {
			l := &w.locals[g.local]
			l.observed = true
			l.reads = max(l.reads, g.loops)
		}
	}
	for _, s := range w.sets {
		if l := &w.locals[s.local]; l.observed && !l.atRead() {
			w.set(s.from)
		}
	}
	for _, g := range w.gets {
		if !w.locals[g.local].atRead() {
			w.clear(g.at)
		}
	}
}

// atRead: the local takes its canonical form where it is read, because it is
// written in a deeper loop.
func (l *nanLocal) atRead() bool {
	return l.observed && !l.inexact && l.writes > l.reads
}

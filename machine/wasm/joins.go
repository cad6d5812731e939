package wasm

import "math/bits"

// joinWalk counts the pairs of a label and a local at which an optimising
// engine may have to keep a value of its own: the local is written inside the
// label's construct and its value is still wanted at the label. Without this
// count a small function with many locals and labels would have a native frame
// that its slots do not show.
//
// A local is wanted at a place if some path from there reads it before writing
// it. A branch to a loop's head counts as wanting what is wanted at that head
// along paths that take no branch to a loop's head, together with the same of
// every loop around it: so two passes from the body's end to its beginning are
// enough, whatever the nesting.
//
// Only if's end, the end of a block that some branch goes to, and the head of a
// loop that some branch goes to count. Code that control cannot reach is left
// out.
type joinWalk struct {
	events []event
	number []int32 // of each local: its bit, or -1
	locals int     // bits in use
	words  int
	heads  []uint64 // wanted at the head of each loop
	parent []int32  // loop around each loop, or -1
	frames []joinFrame
	sets   []uint64 // storage of the frames' sets
	cur    []uint64 // wanted at the present place
	open   []int32  // forward pass: open constructs' events
	blocks int      // basic blocks that an engine may see, the rewriting's included
}

// event is an instruction that matters to the count.
type event struct {
	op     byte
	branch bool  // of a construct's end: some branch goes to its label
	kind   byte  // of an end: the opcode that opened its construct
	n      int32 // local, label, or number of the loop; of br_table its byte
	size   int32 // br_table: number of targets
}

// joinFrame is a construct whose beginning the backward pass has not reached.
type joinFrame struct {
	kind   byte
	branch bool
	otherw bool // an else was passed
	loop   int32
	at     int // index of its three sets in storage: label, else, written
}

// count walks a valid body. It returns false if locals times constructs is
// above limit.
func (w *joinWalk) count(body []byte, numLocals int, l *Limits) (uint32, bool) {
	constructs := w.forward(body, numLocals, l)
	if w.locals == 0 || constructs == 0 {
		return 0, true
	}
	if uint64(w.locals)*uint64(constructs) > uint64(l.LocalsTimesConstructs) {
		return 0, false
	}
	w.words = (w.locals + 63) / 64
	w.cur = append(w.cur[:0], make([]uint64, w.words)...)
	w.heads = append(w.heads[:0], make([]uint64, w.words*len(w.parent))...)
	if len(w.parent) > 0 {
		w.backward(body, true)
		// Loops are numbered from outside in: the parent is done first.
		for i, p := range w.parent {
			if p >= 0 {
				union(w.head(int32(i)), w.head(p))
			}
		}
	}
	return w.backward(body, false), true
}

// forward collects the events and numbers the locals that are both written and
// read; no other can need a value at a label.
func (w *joinWalk) forward(body []byte, numLocals int, l *Limits) (constructs int) {
	const read, written = 1, 2
	w.blocks = 1
	w.number = append(w.number[:0], make([]int32, numLocals)...)
	w.events, w.open, w.parent = w.events[:0], w.open[:0], w.parent[:0]
	loop := int32(-1)
	var in instr
	var dead deadWalk
	r := reader{b: body}
	for r.pos < len(body) {
		r.next(&in, l)
		if dead.step(in.op) {
			continue
		}
		switch {
		case in.op == opCall || in.op == opCallIndirect || isBulk(in.op):
			w.blocks += checkBlocks
		case makesNaN(in.op):
			w.blocks += nanBlocks
		}
		switch in.op {
		case opLocalGet:
			w.number[in.a] |= read
			w.add(event{op: in.op, n: int32(in.a)})
		case opLocalSet, opLocalTee:
			w.number[in.a] |= written
			w.add(event{op: opLocalSet, n: int32(in.a)})
		case opBlock, opIf:
			constructs++
			w.blocks++
			w.open = append(w.open, int32(len(w.events)))
			w.add(event{op: in.op})
		case opLoop:
			constructs++
			w.blocks += loopBlocks
			w.open = append(w.open, int32(len(w.events)))
			w.parent = append(w.parent, loop)
			loop = int32(len(w.parent) - 1)
			w.add(event{op: opLoop, n: loop})
		case opElse, opReturn, opUnreachable:
			w.blocks++
			w.add(event{op: in.op})
		case opEnd:
			if len(w.open) == 0 {
				break
			}
			begin := w.events[w.open[len(w.open)-1]]
			w.open = w.open[:len(w.open)-1]
			if begin.op == opLoop {
				loop = w.parent[begin.n]
			}
			w.add(event{op: opEnd, kind: begin.op, branch: begin.branch, n: begin.n})
		case opBr, opBrIf:
			w.blocks++
			w.target(in.a)
			w.add(event{op: in.op, n: int32(in.a)})
		case opBrTable:
			t := reader{b: body[:in.end], pos: in.start + 1}
			n := t.u32() + 1
			w.blocks++
			w.add(event{op: opBrTable, n: int32(t.pos), size: int32(n)})
			for range n {
				w.target(t.u32())
			}
		}
	}
	w.locals = 0
	for i, use := range w.number {
		w.number[i] = -1
		if use == read|written {
			w.number[i] = int32(w.locals)
			w.locals++
		}
	}
	return constructs
}

// How many basic blocks the rewriting makes at most: of a loop (twice as many,
// because an engine looks at loops once more), of what it puts a comparison of
// fuel before, and of an operation whose NaN it replaces.
const (
	loopBlocks  = 12
	checkBlocks = 2
	nanBlocks   = 2
)

func (w *joinWalk) add(e event) { w.events = append(w.events, e) }

// target notes on the event that opened a construct that its label is used.
func (w *joinWalk) target(label uint32) {
	if i := len(w.open) - 1 - int(label); i >= 0 {
		w.events[w.open[i]].branch = true
	}
}

func (w *joinWalk) head(loop int32) []uint64 {
	return w.heads[int(loop)*w.words : int(loop+1)*w.words]
}

// set returns one of the three sets of a frame.
func (w *joinWalk) set(f *joinFrame, i int) []uint64 {
	return w.sets[f.at+i*w.words : f.at+(i+1)*w.words]
}

const (
	setLabel = iota // wanted at the label
	setElse         // wanted at the beginning of the else arm
	setWritten
	numSets
)

// backward runs from the end of the body to its beginning. The first pass
// fills in the heads of loops, the second counts.
func (w *joinWalk) backward(body []byte, first bool) uint32 {
	joins := uint32(0)
	clear(w.cur)
	w.frames, w.sets = w.frames[:0], w.sets[:0]
	for i := len(w.events) - 1; i >= 0; i-- {
		e := &w.events[i]
		switch e.op {
		case opLocalGet:
			if b := w.number[e.n]; b >= 0 {
				w.cur[b>>6] |= 1 << (b & 63)
			}
		case opLocalSet:
			if b := w.number[e.n]; b >= 0 {
				w.cur[b>>6] &^= 1 << (b & 63)
				if len(w.frames) > 0 {
					w.set(w.top(), setWritten)[b>>6] |= 1 << (b & 63)
				}
			}
		case opReturn, opUnreachable:
			clear(w.cur)
		case opBr:
			clear(w.cur)
			w.want(uint32(e.n))
		case opBrIf:
			w.want(uint32(e.n))
		case opBrTable:
			clear(w.cur)
			t := reader{b: body, pos: int(e.n)}
			for range e.size {
				w.want(t.u32())
			}
		case opEnd:
			w.enter(e, first)
		case opElse:
			f := w.top()
			f.otherw = true
			copy(w.set(f, setElse), w.cur)
			copy(w.cur, w.set(f, setLabel))
		default: // block, loop, if
			joins += w.leave(first)
		}
	}
	return joins
}

func (w *joinWalk) top() *joinFrame { return &w.frames[len(w.frames)-1] }

func (w *joinWalk) want(label uint32) {
	if i := len(w.frames) - 1 - int(label); i >= 0 {
		union(w.cur, w.set(&w.frames[i], setLabel))
	}
}

// enter begins a construct at its end.
func (w *joinWalk) enter(e *event, first bool) {
	f := joinFrame{kind: e.kind, branch: e.branch || e.kind == opIf, loop: e.n, at: len(w.sets)}
	w.sets = append(w.sets, make([]uint64, numSets*w.words)...)
	w.frames = append(w.frames, f)
	label := w.set(&f, setLabel)
	switch {
	case e.kind != opLoop:
		copy(label, w.cur)
	case !first:
		copy(label, w.head(e.n))
	}
}

// leave ends a construct at its beginning and returns its joins.
func (w *joinWalk) leave(first bool) uint32 {
	f := *w.top()
	label, written := w.set(&f, setLabel), w.set(&f, setWritten)
	joins := 0
	if f.branch && !first {
		for i := range label {
			joins += bits.OnesCount64(label[i] & written[i])
		}
	}
	switch {
	case f.kind == opIf && f.otherw:
		union(w.cur, w.set(&f, setElse))
	case f.kind == opIf:
		union(w.cur, label)
	case f.kind == opLoop && first:
		copy(w.head(f.loop), w.cur)
	}
	w.frames = w.frames[:len(w.frames)-1]
	if len(w.frames) > 0 {
		union(w.set(w.top(), setWritten), written)
	}
	w.sets = w.sets[:f.at]
	return uint32(joins)
}

func union(a, b []uint64) {
	for i := range a {
		a[i] |= b[i]
	}
}

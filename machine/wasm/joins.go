package wasm

import (
	"math/bits"
	"slices"
)

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
//
// The joins of a label and its operands are its values: whoever arrives there
// moves them, however few operators it took. Those moves are paid for in fuel,
// see labelCost.
//
// The walk also bounds what an engine looks up to find those values: it has to
// find each local that is wanted at a label once for each way there, and each that
// is read, and goes back block by block to the place where ways met last.
type joinWalk struct {
	events []event
	opened []joinLabel // constructs, in order
	number []int32     // of each local: its bit, or -1
	locals int         // bits in use
	words  int
	heads  []uint64 // wanted at the head of each loop
	parent []int32  // loop around each loop, or -1
	frames []joinFrame
	sets   []uint64 // storage of the frames' sets
	cur    []uint64 // wanted at the present place
	open   []int32  // forward pass: open constructs
	blocks int      // basic blocks that an engine may see, the rewriting's included

	chain   int         // blocks since ways met last
	results uint64      // of the function
	joins   uint32      // the count
	lookups uint64      // blocks looked at, and operands given to branches
	labels  []labelCost // of those that cost something, in order
}

// labelCost is what arriving at a label costs beside operators: it is part of
// the cost of the block that goes on there.
type labelCost struct {
	at   int32 // byte of the body where the construct begins
	cost uint32
}

// event is an instruction that matters to the count.
type event struct {
	op   byte
	n    int32 // local, label, or number of the construct; of br_table its byte
	size int32 // br_table: number of targets
}

// joinLabel is a construct and what goes to its label.
type joinLabel struct {
	op    byte
	loop  int32 // number among the loops, if it is one
	at    int32 // its byte
	arity int32 // operands that its label takes
	edges int32 // branches to its label
	chain int32 // blocks since ways met last, where it begins
	walk  int64 // the same on the ways to its label, added up
}

// joinFrame is a construct whose beginning the backward pass has not reached.
type joinFrame struct {
	*joinLabel
	otherw bool // an else was passed
	table  int  // event of the br_table that looked here last
	sets   int  // index of its three sets in storage: label, else, written
}

// count walks the valid body of a function with so many results. It returns false
// if locals times constructs is above limit.
func (w *joinWalk) count(body []byte, numLocals, results int, m *Module) bool {
	w.results, w.joins, w.lookups, w.labels = uint64(results), 0, 0, w.labels[:0]
	w.forward(body, numLocals, m)
	if len(w.opened) == 0 {
		return true
	}
	if uint64(w.locals)*uint64(len(w.opened)) > uint64(m.limits.LocalsTimesConstructs) {
		return false
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
	w.backward(body, false)
	slices.Reverse(w.labels)
	return true
}

// forward collects the events and numbers the locals that are read; no other can
// be wanted at a label.
func (w *joinWalk) forward(body []byte, numLocals int, m *Module) {
	w.blocks, w.chain = 1, 0
	w.number = append(w.number[:0], make([]int32, numLocals)...)
	w.events, w.opened, w.open, w.parent = w.events[:0], w.opened[:0], w.open[:0], w.parent[:0]
	loop := int32(-1)
	var in instr
	var dead deadWalk
	r := reader{b: body}
	for r.pos < len(body) {
		r.next(&in, &m.limits)
		if dead.step(in.op) {
			continue
		}
		switch {
		case in.op == opCall || in.op == opCallIndirect || isBulk(in.op):
			w.block(checkBlocks)
		case makesNaN(in.op):
			w.block(nanBlocks)
		}
		switch in.op {
		case opLocalGet:
			w.number[in.a] = 1
			w.lookups += uint64(w.chain)
			w.add(event{op: in.op, n: int32(in.a)})
		case opLocalSet, opLocalTee:
			w.add(event{op: opLocalSet, n: int32(in.a)})
		case opBlock, opIf:
			w.block(1)
			w.begin(&in, 0, m)
		case opLoop:
			w.parent = append(w.parent, loop)
			loop = int32(len(w.parent) - 1)
			w.block(loopBlocks)
			w.begin(&in, loop, m)
			w.chain = 0
		case opElse:
			w.block(1)
			c := &w.opened[w.open[len(w.open)-1]]
			c.walk += int64(w.chain)
			w.chain = int(c.chain)
			w.add(event{op: in.op})
		case opReturn, opUnreachable:
			w.block(1)
			w.add(event{op: in.op})
			if in.op == opReturn {
				w.lookups += w.results
			}
		case opEnd:
			if len(w.open) > 0 {
				loop = w.close(loop)
			}
		case opBr, opBrIf:
			w.block(1)
			w.target(in.a)
			w.add(event{op: in.op, n: int32(in.a)})
		case opBrTable:
			t := reader{b: body[:in.end], pos: in.start + 1}
			n := t.u32() + 1
			w.block(1)
			w.blocks += int(n) / targetsPerBlock
			w.add(event{op: opBrTable, n: int32(t.pos), size: int32(n)})
			for range n {
				w.target(t.u32())
			}
		}
	}
	w.locals = 0
	for i, read := range w.number {
		w.number[i] = -1
		if read != 0 {
			w.number[i] = int32(w.locals)
			w.locals++
		}
	}
}

// block notes that up to so many basic blocks begin.
func (w *joinWalk) block(n int) {
	w.blocks += n
	w.chain += n
}

// How many basic blocks the rewriting makes at most: of a loop (twice as many,
// because an engine looks at loops once more), of what it puts a comparison of
// fuel before, and of an operation whose NaN it replaces. And how many targets of
// br_table cost an engine as much as one.
const (
	loopBlocks      = 12
	checkBlocks     = 2
	nanBlocks       = 2
	targetsPerBlock = 4
)

func (w *joinWalk) add(e event) { w.events = append(w.events, e) }

// begin opens a construct.
func (w *joinWalk) begin(in *instr, loop int32, m *Module) {
	params, results := blockArity(in, m)
	c := joinLabel{op: in.op, loop: loop, at: int32(in.start), arity: int32(results), chain: int32(w.chain)}
	switch in.op {
	case opLoop:
		c.arity, c.walk = int32(params), int64(w.chain)
	case opIf:
		c.edges, c.walk = 1, int64(w.chain) // from its first arm, or past it
	}
	i := int32(len(w.opened))
	w.opened, w.open = append(w.opened, c), append(w.open, i)
	w.add(event{op: in.op, n: i})
}

// close ends a construct and returns the loop around it.
func (w *joinWalk) close(loop int32) int32 {
	i := w.open[len(w.open)-1]
	w.open = w.open[:len(w.open)-1]
	switch c := &w.opened[i]; {
	case c.op == opLoop:
		loop = w.parent[c.loop]
	case c.edges > 0:
		c.walk += int64(w.chain)
		w.chain = 0
	}
	w.add(event{op: opEnd, n: i})
	return loop
}

// target notes that a branch goes to a label.
func (w *joinWalk) target(label uint32) {
	i := len(w.open) - 1 - int(label)
	if i < 0 {
		w.lookups += w.results
		return
	}
	c := &w.opened[w.open[i]]
	c.edges++
	c.walk += int64(w.chain)
}

func (w *joinWalk) head(loop int32) []uint64 {
	return w.heads[int(loop)*w.words : int(loop+1)*w.words]
}

// set returns one of the three sets of a frame.
func (w *joinWalk) set(f *joinFrame, i int) []uint64 {
	return w.sets[f.sets+i*w.words : f.sets+(i+1)*w.words]
}

const (
	setLabel = iota // wanted at the label
	setElse         // wanted at the beginning of the else arm
	setWritten
	numSets
)

// backward runs from the end of the body to its beginning. The first pass
// fills in the heads of loops, the second counts.
func (w *joinWalk) backward(body []byte, first bool) {
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
				w.wantOnce(t.u32(), i)
			}
		case opEnd:
			w.enter(&w.opened[e.n], first)
		case opElse:
			f := w.top()
			f.otherw = true
			copy(w.set(f, setElse), w.cur)
			copy(w.cur, w.set(f, setLabel))
		default: // block, loop, if
			w.leave(first)
		}
	}
}

func (w *joinWalk) top() *joinFrame { return &w.frames[len(w.frames)-1] }

func (w *joinWalk) want(label uint32) {
	if i := len(w.frames) - 1 - int(label); i >= 0 {
		union(w.cur, w.set(&w.frames[i], setLabel))
	}
}

// wantOnce is want for a br_table, which may name a label thousands of times.
func (w *joinWalk) wantOnce(label uint32, table int) {
	if i := len(w.frames) - 1 - int(label); i >= 0 && w.frames[i].table != table {
		w.frames[i].table = table
		w.want(label)
	}
}

// enter begins a construct at its end.
func (w *joinWalk) enter(c *joinLabel, first bool) {
	f := joinFrame{joinLabel: c, sets: len(w.sets)}
	w.sets = append(w.sets, make([]uint64, numSets*w.words)...)
	w.frames = append(w.frames, f)
	label := w.set(&f, setLabel)
	switch {
	case c.op != opLoop:
		copy(label, w.cur)
	case !first:
		copy(label, w.head(c.loop))
	}
}

// leave ends a construct at its beginning.
func (w *joinWalk) leave(first bool) {
	f := *w.top()
	label, written := w.set(&f, setLabel), w.set(&f, setWritten)
	if f.edges > 0 && !first {
		joins, wanted := 0, 0
		for i := range label {
			joins += bits.OnesCount64(label[i] & written[i])
			wanted += bits.OnesCount64(label[i])
		}
		w.joins += uint32(joins)
		w.lookups += uint64(wanted)*uint64(f.walk) + uint64(f.arity)*uint64(f.edges)
		if cost := uint32(joins+int(f.arity)) >> CarryShift; cost > 0 {
			w.labels = append(w.labels, labelCost{at: f.at, cost: cost})
		}
	}
	switch {
	case f.op == opIf && f.otherw:
		union(w.cur, w.set(&f, setElse))
	case f.op == opIf:
		union(w.cur, label)
	case f.op == opLoop && first:
		copy(w.head(f.loop), w.cur)
	}
	w.frames = w.frames[:len(w.frames)-1]
	if len(w.frames) > 0 {
		union(w.set(w.top(), setWritten), written)
	}
	w.sets = w.sets[:f.sets]
}

func union(a, b []uint64) {
	for i := range a {
		a[i] |= b[i]
	}
}

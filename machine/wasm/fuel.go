package wasm

// charge is one charge point: cost is taken when control passes byte pos of
// the body. At the function's entry (pos 0), and at a loop's head whose block
// costs something, the fuel left is then compared with zero.
type charge struct {
	pos  int32
	cost uint32
	loop bool
}

// compares tells whether fuel is compared at a point behind the entry. A head
// whose block costs nothing needs no comparison: the next head, or the loop's
// end, follows at once. It must not be one, either, because nobody pays for it:
// a module has room for millions of empty loops.
func (c *charge) compares() bool { return c.loop && c.cost > 0 }

// region is a construct whose end the fuel walk has not reached.
type region struct {
	point int32  // charge point in force at the construct's first instruction
	exits int32  // outermost construct to whose label a branch inside goes
	cost  uint32 // of the label behind its end
}

// fuelWalk divides a body into blocks and adds up their costs, by the rules
// written at Instrument. It is the one place where they are computed: every
// engine takes its charges from here.
type fuelWalk struct {
	points []charge
	cur    int32 // point in force
	open   []region
	labels []labelCost // of the constructs not passed yet
	dead   deadWalk
}

// begin begins a body of a function of this type. Its entry pays for the locals
// that a call has to zero, and for the results that it moves.
func (w *fuelWalk) begin(b *Body, t *FuncType) {
	w.points = append(w.points[:0], charge{cost: b.locals>>LocalShift + uint32(len(t.Results))>>CarryShift})
	w.cur, w.labels, w.dead = 0, b.labels, deadWalk{}
	w.open = append(w.open[:0], region{exits: 0})
}

func (w *fuelWalk) point(pos int, loop bool) {
	w.points = append(w.points, charge{pos: int32(pos), loop: loop})
	w.cur = int32(len(w.points) - 1)
}

// leave notes that a branch goes to the label depth: the constructs inside
// that label are left by another way than their end.
func (w *fuelWalk) leave(label uint32) {
	target := int32(len(w.open) - 1 - int(label))
	if top := &w.open[len(w.open)-1]; target < top.exits {
		top.exits = target
	}
}

// takesFrame tells whether an instruction calls a function that takes a frame.
// A function in which control can reach one compares its fuel once more when it
// returns: what runs behind calls on the way back through 2^18 frames would
// otherwise run for nothing.
func (m *Module) takesFrame(in *instr) bool {
	return in.op == opCallIndirect || in.op == opCall && in.a >= m.imported[KindFunc]
}

// step takes the next instruction; body is needed for br_table only. It
// returns false in code that control cannot reach.
func (w *fuelWalk) step(in *instr, body []byte) bool {
	if w.dead.step(in.op) {
		return false
	}
	switch in.op {
	case opBlock:
		w.push(w.label(in))
		return true
	case opLoop:
		cost := w.label(in)
		w.push(0)
		w.point(in.end, true)
		w.points[w.cur].cost = cost
		return true
	case opElse:
		w.point(in.end, false)
		return true
	case opEnd:
		w.end(in)
		return true
	}
	w.points[w.cur].cost++
	switch in.op {
	case opIf:
		w.push(w.label(in))
		w.point(in.end, false)
	case opBr:
		w.leave(in.a)
	case opBrIf:
		w.leave(in.a)
		w.point(in.end, false)
	case opBrTable:
		r := reader{b: body[:in.end], pos: in.start + 1}
		for range r.u32() + 1 {
			w.leave(r.u32())
		}
	case opReturn:
		w.leave(uint32(len(w.open) - 1))
	}
	return true
}

// label returns the cost of the label of the construct that an instruction opens.
func (w *fuelWalk) label(in *instr) uint32 {
	if len(w.labels) == 0 || int(w.labels[0].at) != in.start {
		return 0
	}
	cost := w.labels[0].cost
	w.labels = w.labels[1:]
	return cost
}

func (w *fuelWalk) push(cost uint32) {
	w.open = append(w.open, region{point: w.cur, exits: int32(len(w.open)), cost: cost})
}

// end closes a construct. If nothing inside branches out of it, whoever
// entered it also leaves it here, so what follows belongs to the block in
// which the construct stands; otherwise a new block begins. It pays for what is
// moved to the label.
func (w *fuelWalk) end(in *instr) {
	i := int32(len(w.open) - 1)
	g := w.open[i]
	w.open = w.open[:i]
	if i == 0 {
		return
	}
	if parent := &w.open[i-1]; g.exits < parent.exits {
		parent.exits = g.exits
	}
	if g.exits >= i {
		w.cur = g.point
	} else {
		w.point(in.end, false)
	}
	w.points[w.cur].cost += g.cost
}

// deadWalk finds the code that control cannot reach: behind br, br_table,
// return and unreachable, up to the else or end of the construct.
type deadWalk struct {
	dead  bool
	depth int // constructs opened inside dead code
}

// step takes the next opcode and reports whether it is dead.
func (w *deadWalk) step(op byte) bool {
	if !w.dead {
		w.dead = op == opBr || op == opBrTable || op == opReturn || op == opUnreachable
		return false
	}
	switch op {
	case opBlock, opLoop, opIf:
		w.depth++
	case opElse:
		w.dead = w.depth > 0
	case opEnd:
		if w.depth == 0 {
			w.dead = false
		} else {
			w.depth--
		}
	}
	return w.dead
}

package wasm

// lowerer lowers the bodies of one module. Its buffers are reused from one
// body to the next.
//
// Operands are not moved as long as they stand still: a local.get or a constant
// stays on the lowerer's stack as what it is until something needs it in its
// slot. The slot of the operand at height h is fixed: home(h). Wherever control
// may arrive by two ways, all operands below stand in their slots.
type lowerer struct {
	m     *Module
	same  []uint32 // for each type the smallest index of an equal one
	infos []FuncInfo
	base  int // instructions of the functions before
	table int // bytes in the static region before this function's jump tables

	// State of the body being lowered.
	fw       fuelWalk
	points   []charge // not passed yet
	src      []byte
	in       instr
	info     *FuncInfo
	results  int
	code     []Instr
	jumps    []uint64 // entries of jump tables
	stack    []operand
	settled  int // operands below this height stand in their slots
	frames   []construct
	firstOp  int  // slot of the first operand
	calls    bool // some call takes a frame
	barrier  int  // instructions before this one are not to be touched
	cond     condition
	branches []branch // forward branches, in lists by label
}

// operand is a value on the stack.
type operand struct {
	kind  operandKind
	half  bool   // the value is the lower half of what stands there
	maker int32  // instruction that put it into its slot, or -1
	bits  uint64 // constant, or index of the local
}

type operandKind uint8

const (
	inSlot operandKind = iota
	inLocal
	isConst
)

// condition is a comparison that has not been made yet: the branch behind it
// may be one instruction with it. It is the topmost operand, and its own
// operands are the two at its height and above.
type condition struct {
	set  bool
	op   Op // of a comparison of integers
	x, y operand
}

// construct is one whose end has not been reached.
type construct struct {
	op       byte
	height   int // operands below its parameters
	params   int
	results  int
	head     Target // of a loop's label
	elseJump int    // of an if: the branch to its else, or -1
	pending  int32  // last of the forward branches to its end, or -1
}

// branch is a forward branch to be completed when its label is known.
type branch struct {
	at   int32 // instruction, or entry of a jump table
	kind branchKind
	next int32 // branch before it to the same label, or -1
}

type branchKind uint8

const (
	plainBranch branchKind = iota // OpJump
	condBranch
	tableBranch
)

// maxPending bounds the operands that are not in their slots, so that looking
// through them costs little however hostile the module.
const maxPending = 32

func newLowerer(m *Module) *lowerer {
	w := &lowerer{m: m, same: equalTypes(m.Types), infos: make([]FuncInfo, len(m.funcTypes))}
	host := 0
	for i := range m.Imports {
		im := &m.Imports[i]
		if im.Kind != KindFunc {
			continue
		}
		f := &w.infos[host]
		host++
		f.Type, f.Host, f.Entry = w.same[im.Func], 1, uint32(wasiNumber(im.Name))
		f.Params = uint32(len(m.Types[im.Func].Params))
	}
	return w
}

// wasiNumber returns a function's number among WASINames.
func wasiNumber(name string) int {
	for i := range wasiSignatures {
		if wasiSignatures[i].name == name {
			return i
		}
	}
	return -1
}

// function lowers own function i and returns its code and the entries of its
// jump tables, both valid until the next call.
func (w *lowerer) function(i int) ([]Instr, []uint64) {
	b, t := &w.m.Codes[i], &w.m.Types[w.m.Funcs[i]]
	w.src, w.results = b.Expr, len(t.Results)
	w.code, w.jumps, w.stack = w.code[:0], w.jumps[:0], w.stack[:0]
	w.frames, w.branches = w.frames[:0], w.branches[:0]
	w.settled, w.barrier, w.cond = 0, 0, condition{}
	w.measure(b, t)

	w.info = &w.infos[int(w.m.imported[KindFunc])+i]
	locals := len(t.Params) + int(b.locals)
	w.firstOp = locals + 1
	*w.info = FuncInfo{
		Type: w.same[w.m.Funcs[i]], Entry: uint32(w.base), Params: uint32(len(t.Params)), Locals: b.locals,
		Slots: uint32(slots(b, *t)), Cost: w.points[0].cost, Frame: uint32(w.firstOp) + b.height,
	}
	w.points = w.points[1:]
	if b.locals > MaxClear {
		w.emit(Instr{Op: OpClear, Imm: pair(uint32(len(t.Params)), b.locals)})
	}
	w.frames = append(w.frames, construct{op: opBlock, results: w.results, elseJump: -1, pending: -1})
	w.body()
	w.fuse()
	w.table += 8 * len(w.jumps)
	return w.code, w.jumps
}

// measure divides the body into blocks and looks for calls.
func (w *lowerer) measure(b *Body, t *FuncType) {
	w.fw.begin(b, t)
	w.calls = false
	r := reader{b: w.src}
	for r.pos < len(w.src) {
		r.next(&w.in, &w.m.limits)
		if w.fw.step(&w.in, w.src) && w.m.takesFrame(&w.in) {
			w.calls = true
		}
	}
	w.points = w.fw.points
}

func (w *lowerer) body() {
	var dead deadWalk
	r := reader{b: w.src}
	for r.pos < len(w.src) {
		r.next(&w.in, &w.m.limits)
		was := dead.dead
		if dead.step(w.in.op) {
			continue
		}
		if was {
			w.revive()
		}
		if w.cond.set && w.in.op != opBrIf && w.in.op != opIf && w.in.op != opI32Eqz {
			w.compare()
		}
		w.instruction(was)
	}
	if len(w.points) > 0 {
		panic("wasm: a charge of a body was not emitted")
	}
}

// revive sets the stack to what it is where dead code ends, at an else or end:
// the construct's results, which whoever branches there puts in their slots.
func (w *lowerer) revive() {
	f := w.top()
	w.cond.set = false
	w.drop(len(w.stack) - min(len(w.stack), f.height))
	w.pushSlots(f.results)
}

// charge returns the cost of the block that begins behind the instruction, if
// one does.
func (w *lowerer) charge() uint32 {
	if len(w.points) == 0 || int(w.points[0].pos) != w.in.end {
		return 0
	}
	c := w.points[0].cost
	w.points = w.points[1:]
	return c
}

func pair(lo, hi uint32) uint64 { return uint64(lo) | uint64(hi)<<32 }

func (w *lowerer) emit(in Instr) int {
	w.code = append(w.code, in)
	return len(w.code) - 1
}

// pc is that of the next instruction.
func (w *lowerer) pc() uint32 { return uint32(w.base + len(w.code)) }

// bind says that control may arrive at the next instruction from elsewhere.
func (w *lowerer) bind() uint32 {
	w.barrier = len(w.code)
	return w.pc()
}

// home is the slot of the operand at a height.
func (w *lowerer) home(height int) uint32 { return uint32(w.firstOp + height) }

func (w *lowerer) push(o operand) {
	w.stack = append(w.stack, o)
	if len(w.stack)-w.settled > maxPending {
		w.settle(w.settled)
		w.settled++
	}
}

// pushSlots pushes values that stand in their slots.
func (w *lowerer) pushSlots(n int) {
	for range n {
		w.push(operand{maker: -1})
	}
}

func (w *lowerer) drop(n int) {
	w.stack = w.stack[:len(w.stack)-n]
	w.settled = min(w.settled, len(w.stack))
}

// pop returns the topmost operand; its height is then len(w.stack).
func (w *lowerer) pop() operand {
	o := w.stack[len(w.stack)-1]
	w.drop(1)
	return o
}

// settle puts the operand at a height into its slot.
func (w *lowerer) settle(height int) {
	o := &w.stack[height]
	if o.kind == inSlot && !o.half {
		return
	}
	w.load(*o, height)
	*o = operand{maker: -1}
}

// load emits what puts an operand into the slot of a height.
func (w *lowerer) load(o operand, height int) { w.move(w.home(height), o, height) }

// move emits what puts an operand, at a height, into a slot.
func (w *lowerer) move(to uint32, o operand, height int) {
	switch {
	case o.kind == isConst:
		w.emit(Instr{Op: OpConst, A: uint16(to), Imm: o.bits})
	case o.half:
		w.emit(Instr{Op: OpI32WrapI64, A: uint16(to), B: w.lower(o, height)})
	case o.kind == inLocal:
		w.copy(to, uint32(o.bits), 1)
	default:
		w.copy(to, w.home(height), 1)
	}
}

// copy emits a move of n slots.
func (w *lowerer) copy(to, from uint32, n int) {
	switch {
	case n == 0 || to == from:
	case n == 1:
		w.emit(Instr{Op: OpMove, A: uint16(to), B: uint16(from)})
	default:
		w.emit(Instr{Op: OpMoves, A: uint16(n), Imm: pair(to, from)})
	}
}

// settleAll puts all operands into their slots, settleTop the topmost ones.
func (w *lowerer) settleAll() {
	for h := w.settled; h < len(w.stack); h++ {
		w.settle(h)
	}
	w.settled = len(w.stack)
}

func (w *lowerer) settleTop(n int) {
	for h := max(w.settled, len(w.stack)-n); h < len(w.stack); h++ {
		w.settle(h)
	}
}

// source returns the slot that holds the operand at a height. Locals and
// operands together are fewer than 2^16 (Limits), so 16 bits name every slot.
func (w *lowerer) source(o operand, height int) uint16 {
	if o.half {
		w.load(o, height)
		o = operand{maker: -1}
	}
	return w.lower(o, height)
}

// lower is source for an instruction that ignores the upper half of the slot.
func (w *lowerer) lower(o operand, height int) uint16 {
	if o.kind == inLocal {
		return uint16(o.bits)
	}
	at := w.home(height)
	if o.kind == isConst {
		w.move(at, o, height)
	}
	return uint16(at)
}

// produce emits an instruction that leaves a value, and pushes it.
func (w *lowerer) produce(in Instr) {
	in.A = uint16(w.home(len(w.stack)))
	w.push(operand{maker: int32(w.emit(in))})
}

// last returns the instruction that made the operand, if it was the last one
// and may still be changed or taken back.
func (w *lowerer) last(o operand) *Instr {
	if o.kind != inSlot || int(o.maker) != len(w.code)-1 || int(o.maker) < w.barrier {
		return nil
	}
	return &w.code[o.maker]
}

// takeBack removes the last instruction if it made the operand by op.
func (w *lowerer) takeBack(o operand, op Op) (Instr, bool) {
	in := w.last(o)
	if in == nil || in.Op != op {
		return Instr{}, false
	}
	taken := *in
	w.code = w.code[:len(w.code)-1]
	return taken, true
}

package step

import (
	"encoding/binary"
	"fmt"

	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/machine/wasm"
)

// The slots of the frame.

func (m *machineStep) slotAt(x uint32) uint64 { return 8 * (uint64(m.r.FP) + uint64(x)) }

func (m *machineStep) slot(x uint32) uint64 { return m.load64(machine.Slots, m.slotAt(x)) }

func (m *machineStep) setSlot(x uint32, v uint64) { m.store64(machine.Slots, m.slotAt(x), v) }

func (m *machineStep) load64(r machine.Region, at uint64) uint64 {
	var b [8]byte
	m.s.Load(r, at, b[:])
	return binary.LittleEndian.Uint64(b[:])
}

func (m *machineStep) store64(r machine.Region, at, v uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	m.s.Store(r, at, b[:])
}

func (m *machineStep) load32(r machine.Region, at uint64) uint32 {
	var b [4]byte
	m.s.Load(r, at, b[:])
	return binary.LittleEndian.Uint32(b[:])
}

// move copies n bytes within a region: all are read before one is written.
func (m *machineStep) move(to machine.Region, dst uint64, from machine.Region, src, n uint64) {
	if n == 0 {
		return
	}
	m.work += n / bytesWork
	b := make([]byte, n)
	m.s.Load(from, src, b)
	m.s.Store(to, dst, b)
}

// charge takes fuel.
func (m *machineStep) charge(n uint64) { m.r.Fuel -= int64(n) }

// compare says whether fuel is left where that is looked at.
func (m *machineStep) compare() wasm.TrapCode {
	if m.r.Fuel < 0 {
		return wasm.TrapOutOfFuel
	}
	return wasm.TrapNone
}

// take passes control to a target.
func (m *machineStep) take(t wasm.Target) wasm.TrapCode {
	m.charge(uint64(t.Cost))
	if t.Compare && m.compare() != wasm.TrapNone {
		return wasm.TrapOutOfFuel
	}
	m.r.PC = t.PC
	return wasm.TrapNone
}

// next goes on behind the instruction.
func (m *machineStep) next() (wasm.TrapCode, error) {
	m.r.PC++
	return wasm.TrapNone, nil
}

// set writes the result of an instruction and goes on.
func (m *machineStep) set(x uint16, v uint64) (wasm.TrapCode, error) {
	m.setSlot(uint32(x), v)
	return m.next()
}

// execute carries out an instruction. machine/wasm/bytecode.go defines each.
func (m *machineStep) execute(in wasm.Instr) (wasm.TrapCode, error) {
	switch {
	case in.Op <= wasm.OpClear:
		return m.control(in)
	case in.Op <= wasm.OpBrI64GeUK:
		return m.branch(in), nil
	case in.Op <= wasm.OpGlobalSetRef:
		return m.plain(in)
	case in.Op <= wasm.OpLoad32S64X:
		return m.loadMemory(in)
	case in.Op <= wasm.OpStore64KX:
		return m.storeMemory(in)
	case in.Op <= wasm.OpDataDrop:
		return m.memoryOp(in)
	case in.Op <= wasm.OpElemDrop:
		return m.tableOp(in)
	case in.Op <= wasm.OpF64MulAdd:
		return m.withConstant(in)
	case in.Op == wasm.OpEpoch:
		return m.epoch()
	case int(in.Op) < wasm.NumOps:
		return m.numeric(in)
	}
	return 0, fmt.Errorf("operation %d: %w", in.Op, ErrState)
}

func (m *machineStep) control(in wasm.Instr) (wasm.TrapCode, error) {
	switch in.Op {
	case wasm.OpUnreachable:
		return wasm.TrapUnreachable, nil
	case wasm.OpExit:
		m.exit(uint32(in.Imm))
		return wasm.TrapNone, nil
	case wasm.OpCharge:
		m.charge(in.Imm)
		return m.next()
	case wasm.OpLoop:
		m.charge(in.Imm)
		if trap := m.compare(); trap != wasm.TrapNone {
			return trap, nil
		}
		return m.next()
	case wasm.OpJump:
		return m.take(wasm.Jump(in.Imm)), nil
	case wasm.OpJumpTable:
		i := min(uint32(m.slot(uint32(in.A))), in.Hi())
		return m.take(wasm.Jump(m.load64(machine.Static, uint64(in.Lo())+8*uint64(i)))), nil
	case wasm.OpJumpConst:
		return m.jumpConst(in), nil
	case wasm.OpCall:
		return m.call(in.Lo(), in.Hi())
	case wasm.OpCallIndirect:
		return m.callIndirect(in)
	case wasm.OpCallHost:
		return m.host(uint32(in.A), in.Hi())
	case wasm.OpReturn:
		return m.ret(in), nil
	}
	return m.clearSlots(in)
}

// jumpConst charges what two jumps cost, of which the first may compare.
func (m *machineStep) jumpConst(in wasm.Instr) wasm.TrapCode {
	m.setSlot(uint32(in.A), uint64(in.K32()))
	first := wasm.Jump(in.Imm & 0xffff_ffffffff)
	if trap := m.take(first); trap != wasm.TrapNone {
		return trap
	}
	m.charge(in.Imm >> 48)
	return wasm.TrapNone
}

// nullIndex is how a table or a global has a null reference.
const nullIndex = ^uint32(0)

func (m *machineStep) callIndirect(in wasm.Instr) (wasm.TrapCode, error) {
	t := uint32(in.B)
	size, err := m.tableSize(t)
	if err != nil {
		return 0, err
	}
	i := uint32(m.slot(uint32(in.A)))
	if i >= size {
		return wasm.TrapTableAccess, nil
	}
	f := m.load32(machine.Tables, elementAt(t, i))
	if f == nullIndex {
		return wasm.TrapTableAccess, nil
	}
	info, err := m.function(f)
	if err != nil {
		return 0, err
	}
	if info.Type != in.Lo() {
		return wasm.TrapIndirectCallType, nil
	}
	return m.call(f, in.Hi())
}

// function reads a function's record.
func (m *machineStep) function(f uint32) (wasm.FuncInfo, error) {
	if f >= m.im.Functions {
		return wasm.FuncInfo{}, fmt.Errorf("function %d of %d: %w", f, m.im.Functions, ErrState)
	}
	return function(m.s, f), nil
}

func function(s machine.Space, f uint32) wasm.FuncInfo {
	var b [wasm.FuncBytes]byte
	s.Load(machine.Static, uint64(f)*wasm.FuncBytes, b[:])
	return wasm.DecodeFuncInfo(b[:])
}

// call calls function f with its arguments at slot base.
func (m *machineStep) call(index, base uint32) (wasm.TrapCode, error) {
	f, err := m.function(index)
	if err != nil {
		return 0, err
	}
	if f.Host == 1 {
		return m.host(f.Entry, base)
	}
	if m.r.Frames < 1 || m.r.Slots < f.Slots {
		return wasm.TrapStackExhausted, nil
	}
	m.r.Frames--
	m.r.Slots -= f.Slots
	m.charge(uint64(f.Cost))
	if trap := m.compare(); trap != wasm.TrapNone {
		return trap, nil
	}
	link := uint64(m.r.PC+1) | uint64(m.r.FP)<<32
	m.setSlot(base+f.Params+f.Locals, link)
	if f.Locals <= wasm.MaxClear {
		m.s.Clear(machine.Slots, m.slotAt(base+f.Params), 8*uint64(f.Locals))
	}
	m.r.FP += base
	m.r.PC = f.Entry
	return wasm.TrapNone, nil
}

func (m *machineStep) ret(in wasm.Instr) wasm.TrapCode {
	if in.C != 0 && m.compare() != wasm.TrapNone {
		return wasm.TrapOutOfFuel
	}
	link := m.slot(uint32(in.B))
	m.r.Frames++
	m.r.Slots += in.Hi()
	m.move(machine.Slots, m.slotAt(0), machine.Slots, m.slotAt(in.Lo()), 8*uint64(in.A))
	m.r.PC, m.r.FP = uint32(link), uint32(link>>32)
	return wasm.TrapNone
}

func (m *machineStep) clearSlots(in wasm.Instr) (wasm.TrapCode, error) {
	n := uint64(in.Hi())
	if m.r.Progress > n {
		return 0, fmt.Errorf("clear %d of %d: %w", m.r.Progress, n, ErrState)
	}
	k := min(n-m.r.Progress, wasm.MaxClear)
	m.s.Clear(machine.Slots, m.slotAt(in.Lo())+8*m.r.Progress, 8*k)
	return m.advance(k, n)
}

// advance counts k of the n units of an instruction that takes several steps.
func (m *machineStep) advance(k, n uint64) (wasm.TrapCode, error) {
	m.r.Progress += k
	if m.r.Progress < n {
		return wasm.TrapNone, nil
	}
	m.r.Progress = 0
	return m.next()
}

// comparisons are those of the conditional branches, in their order; each
// twelve are six with two slots and six with a constant.
var comparisons = [...]wasm.Op{
	wasm.OpI32Eq, wasm.OpI32Ne, wasm.OpI32LtS, wasm.OpI32LtU, wasm.OpI32GeS, wasm.OpI32GeU,
	wasm.OpI64Eq, wasm.OpI64Ne, wasm.OpI64LtS, wasm.OpI64LtU, wasm.OpI64GeS, wasm.OpI64GeU,
}

func (m *machineStep) branch(in wasm.Instr) wasm.TrapCode {
	n := in.Op - wasm.OpBrI32Eq
	wide, constant := n >= 12, n%12 >= 6
	compare := comparisons[n%6]
	if wide {
		compare = comparisons[6+n%6]
	}
	var y uint64
	switch {
	case !constant:
		y = m.slot(uint32(in.B))
	case wide:
		y = uint64(int64(int32(in.K32())))
	default:
		y = uint64(in.K32())
	}
	holds, _ := wasm.Eval(compare, m.slot(uint32(in.A)), y) // comparisons do not trap
	target, fall := wasm.Branch(in.Imm)
	if holds != 0 {
		return m.take(target)
	}
	m.charge(uint64(fall))
	m.r.PC++
	return wasm.TrapNone
}

func globalAt(i uint64) uint64 { return i*wasm.GlobalBytes + 8 }

func (m *machineStep) plain(in wasm.Instr) (wasm.TrapCode, error) {
	switch in.Op {
	case wasm.OpConst:
		return m.set(in.A, in.Imm)
	case wasm.OpMove:
		return m.set(in.A, m.slot(uint32(in.B)))
	case wasm.OpMoves:
		m.move(machine.Slots, m.slotAt(in.Lo()), machine.Slots, m.slotAt(in.Hi()), 8*uint64(in.A))
		return m.next()
	case wasm.OpSelect:
		if uint32(m.slot(in.Lo())) != 0 {
			return m.set(in.A, m.slot(uint32(in.B)))
		}
		return m.set(in.A, m.slot(uint32(in.C)))
	case wasm.OpGlobalGet:
		return m.set(in.A, m.load64(machine.Globals, globalAt(in.Imm)))
	case wasm.OpGlobalSet:
		m.store64(machine.Globals, globalAt(in.Imm), m.slot(uint32(in.B)))
		return m.next()
	case wasm.OpGlobalGetRef:
		return m.set(in.A, uint64(uint32(m.load64(machine.Globals, globalAt(in.Imm))+1)))
	}
	// OpGlobalSetRef
	m.store64(machine.Globals, globalAt(in.Imm), uint64(uint32(m.slot(uint32(in.B))-1)))
	return m.next()
}

// constantOps are the operations behind those with a constant, in their order.
var constantOps = [...]wasm.Op{
	wasm.OpI32Add, wasm.OpI32Mul, wasm.OpI32And, wasm.OpI32Or, wasm.OpI32Xor, wasm.OpI32Shl, wasm.OpI32ShrS, wasm.OpI32ShrU, wasm.OpI32Rotl,
	wasm.OpI64Add, wasm.OpI64Mul, wasm.OpI64And, wasm.OpI64Or, wasm.OpI64Xor, wasm.OpI64Shl, wasm.OpI64ShrS, wasm.OpI64ShrU, wasm.OpI64Rotl,
}

func (m *machineStep) withConstant(in wasm.Instr) (wasm.TrapCode, error) {
	x := m.slot(uint32(in.B))
	switch in.Op {
	case wasm.OpI32AddKCharge:
		v, _ := wasm.Eval(wasm.OpI32Add, x, uint64(in.Lo())) // additions do not trap
		return m.setAndCharge(in.A, v, uint64(in.Hi()))
	case wasm.OpI64AddKCharge:
		return m.setAndCharge(in.A, x+uint64(int64(int32(in.Lo()))), uint64(in.Hi()))
	case wasm.OpI64AddCharge:
		return m.setAndCharge(in.A, x+m.slot(uint32(in.C)), in.Imm)
	case wasm.OpMoveCharge:
		return m.setAndCharge(in.A, x, in.Imm)
	}
	if in.Op == wasm.OpF64MulAdd {
		product, _ := wasm.Eval(wasm.OpF64Mul, x, m.slot(uint32(in.C))) // floats do not trap
		sum, _ := wasm.Eval(wasm.OpF64Add, product, m.slot(in.Lo()))
		return m.set(in.A, sum)
	}
	v, trap := wasm.Eval(constantOps[in.Op-wasm.OpI32AddK], x, in.Imm)
	if trap != wasm.TrapNone {
		return trap, nil
	}
	return m.set(in.A, v)
}

// setAndCharge ends an instruction that charges in place of the one behind it.
func (m *machineStep) setAndCharge(x uint16, v, cost uint64) (wasm.TrapCode, error) {
	m.charge(cost)
	m.r.PC++
	return m.set(x, v)
}

func (m *machineStep) numeric(in wasm.Instr) (wasm.TrapCode, error) {
	x, y := m.slot(uint32(in.B)), uint64(0)
	if !unary(in.Op) {
		y = m.slot(uint32(in.C))
	}
	v, trap := wasm.Eval(in.Op, x, y)
	if trap != wasm.TrapNone {
		return trap, nil
	}
	return m.set(in.A, v)
}

// unary reports whether a numeric operation has one operand.
func unary(op wasm.Op) bool {
	switch op {
	case wasm.OpI32Eqz, wasm.OpI64Eqz,
		wasm.OpI32Clz, wasm.OpI32Ctz, wasm.OpI32Popcnt, wasm.OpI64Clz, wasm.OpI64Ctz, wasm.OpI64Popcnt,
		wasm.OpF32Abs, wasm.OpF32Neg, wasm.OpF32Ceil, wasm.OpF32Floor, wasm.OpF32Trunc, wasm.OpF32Nearest, wasm.OpF32Sqrt,
		wasm.OpF64Abs, wasm.OpF64Neg, wasm.OpF64Ceil, wasm.OpF64Floor, wasm.OpF64Trunc, wasm.OpF64Nearest, wasm.OpF64Sqrt:
		return true
	}
	return op >= wasm.OpI32WrapI64
}

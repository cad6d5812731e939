package wasm

import "encoding/binary"

// MachineVersion names the bytecode below and the lowering to it. Any change of
// either is a new version: code roots and state roots change with it.
const MachineVersion = "wasm-machine/1"

// Op is an operation of the canonical machine. Opcodes are dense: an engine's
// switch over them becomes a jump table.
type Op uint16

// Instr is one instruction, 16 bytes in the code region, little-endian: op, a,
// b, c, imm. The instruction with index pc stands at byte 16·pc.
//
// In the definitions below s[x] is the slot fp + x, eight bytes at byte
// 8·(fp+x) of the slots. An i32 or f32 stands in the lower half of its slot and
// the upper half is zero. A reference is its function's index plus one, so that
// zero is null; tables and globals hold the index itself and all ones for null.
// lo and hi are the halves of imm. If nothing else is said, an instruction ends
// with pc = pc + 1; one that traps changes nothing but what is said to come
// before the trap. Sources are read before anything is written.
type Instr struct {
	Op      Op
	A, B, C uint16
	Imm     uint64
}

// InstrBytes is the size of an instruction in the code region.
const InstrBytes = 16

// AppendBinary appends the 16 bytes of the instruction.
func (in Instr) AppendBinary(b []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, uint16(in.Op))
	b = binary.LittleEndian.AppendUint16(b, in.A)
	b = binary.LittleEndian.AppendUint16(b, in.B)
	b = binary.LittleEndian.AppendUint16(b, in.C)
	return binary.LittleEndian.AppendUint64(b, in.Imm)
}

// DecodeInstr reads the 16 bytes of an instruction.
func DecodeInstr(b []byte) Instr {
	_ = b[15]
	return Instr{
		Op:  Op(binary.LittleEndian.Uint16(b)),
		A:   binary.LittleEndian.Uint16(b[2:]),
		B:   binary.LittleEndian.Uint16(b[4:]),
		C:   binary.LittleEndian.Uint16(b[6:]),
		Imm: binary.LittleEndian.Uint64(b[8:]),
	}
}

// Lo and Hi are the halves of imm.
func (in *Instr) Lo() uint32 { return uint32(in.Imm) }

// Hi is the upper half of imm.
func (in *Instr) Hi() uint32 { return uint32(in.Imm >> 32) }

// K32 is the constant of the branches that compare with one: b is its lower
// half, c its upper. For 64 bits it is sign-extended.
func (in *Instr) K32() uint32 { return uint32(in.B) | uint32(in.C)<<16 }

// Target is a place to which control passes: pc, a cost that is taken from the
// fuel left, and whether fuel is then compared (the head of a loop).
//
//	take target:  fuel -= cost; if compare and fuel < 0: trap out-of-fuel; pc = PC
//
// The trap comes before pc is set.
type Target struct {
	PC      uint32
	Cost    uint32
	Compare bool
}

// CompareBit is bit 31 of the word that holds a target's pc.
const CompareBit = 1 << 31

// Jump returns the target of OpJump and of an entry of a jump table, whose
// eight bytes are an integer of the same form: bits 0 to 30 pc, bit 31
// compare, bits 32 to 63 cost.
func Jump(imm uint64) Target {
	return Target{PC: uint32(imm) &^ CompareBit, Cost: uint32(imm >> 32), Compare: uint32(imm)&CompareBit != 0}
}

// Branch returns the target and the cost of falling through of a conditional
// branch: bits 0 to 30 pc, bit 31 compare, bits 32 to 47 the cost of falling
// through, bits 48 to 63 the cost of branching.
func Branch(imm uint64) (t Target, fall uint32) {
	return Target{PC: uint32(imm) &^ CompareBit, Cost: uint32(imm >> 48), Compare: uint32(imm)&CompareBit != 0}, uint32(imm>>32) & 0xffff
}

// Bounds of what one step does.
const (
	// MaxClear is the most slots that one step sets to zero.
	MaxClear = 512
	// BulkChunk is the most bytes that one micro-step of a bulk operation
	// moves, and ElemChunk the most elements.
	BulkChunk = 4 << 10
	ElemChunk = BulkChunk / 4
)

// FuncInfo is a function's record in the static region, FuncBytes long: eight
// little-endian words in the order of the fields. Function i of the module,
// imports first, has its record at byte FuncBytes·i. Own functions stand in the
// code region in index order, each from a multiple of 64 instructions on,
// behind the bootstrap.
type FuncInfo struct {
	Type   uint32 // smallest index of an equal type
	Entry  uint32 // pc of the first instruction; of an import its number among WASINames
	Host   uint32 // 1: an import
	Params uint32
	Locals uint32 // without parameters
	Slots  uint32 // what its frame counts against the limit on slots
	Cost   uint32 // of its entry block
	Frame  uint32 // slots that its frame reaches: parameters, locals, link, operands
}

// FuncBytes is the size of a FuncInfo.
const FuncBytes = 32

// AppendBinary appends the record.
func (f FuncInfo) AppendBinary(b []byte) []byte {
	for _, v := range [...]uint32{f.Type, f.Entry, f.Host, f.Params, f.Locals, f.Slots, f.Cost, f.Frame} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

// DecodeFuncInfo reads a record.
func DecodeFuncInfo(b []byte) FuncInfo {
	_ = b[31]
	u := func(i int) uint32 { return binary.LittleEndian.Uint32(b[4*i:]) }
	return FuncInfo{u(0), u(1), u(2), u(3), u(4), u(5), u(6), u(7)}
}

// The operations. "call f" with base is, for an own function with record f:
//
//	if frames left < 1 or slots left < f.Slots: trap stack-exhausted
//	frames left -= 1; slots left -= f.Slots
//	fuel -= f.Cost; if fuel < 0: trap out-of-fuel
//	s[base + f.Params + f.Locals] = (pc + 1) | fp<<32        the link
//	if f.Locals <= MaxClear: s[base + f.Params …] = 0, f.Locals slots
//	fp = fp + base; pc = f.Entry
//
// and for a host function:
//
//	if no call is pending and fuel < 0: trap out-of-fuel
//	one micro-step of the call with s[base …] as arguments, all f.Params of them
//	if it is done: s[base] = errno, unless the function has no result (proc_exit); pc = pc + 1
//	if not, the call is pending and pc stays
//
// A bulk operation on n bytes or elements runs in micro-steps; progress is the
// number done before this one:
//
//	if progress == 0: fuel -= ceil(n/64); if fuel < 0: trap out-of-fuel; check bounds, else trap
//	k = min(n - progress, BulkChunk or ElemChunk); move them; progress += k
//	if progress == n: progress = 0; pc = pc + 1; else pc stays
//
// Elements are moved from the first on, except by copies to a higher address
// of the same memory or table, which begin at the end: then a micro-step moves
// the k units that end progress before the end. A micro-step reads all that it
// moves before it writes.
//
// A memory access of n bytes at address ea = u32(s[b]) + imm, or in the
// indexed form (X) ea = u32(s[b] + s[c]) + imm, traps with
// memory-out-of-bounds if ea + n is above the memory's size; sums do not wrap
// at 32 bits except where u32 says so.
const (
	// OpUnreachable traps with unreachable. It is what padding decodes to.
	OpUnreachable Op = iota
	// OpExit ends the run: exited with code imm. pc stays.
	OpExit
	// OpCharge: fuel -= imm.
	OpCharge
	// OpLoop: fuel -= imm; if fuel < 0: trap out-of-fuel.
	OpLoop
	// OpJump: take Jump(imm).
	OpJump
	// OpJumpTable: i = min(u32(s[a]), hi); take Jump(the eight bytes at lo + 8·i of the static region).
	OpJumpTable
	// OpJumpConst, which stands for OpConst, OpJump and an OpJumpTable on the same
	// slot: s[a] = K32; fuel -= (hi & 0xffff); if bit 31 of lo is set and fuel < 0:
	// trap out-of-fuel; fuel -= (hi >> 16); pc = bits 0 to 30 of lo.
	OpJumpConst
	// OpCall: call function lo with base hi.
	OpCall
	// OpCallIndirect: i = u32(s[a]). If i is not below the size of table b:
	// trap invalid-table-access; f = its element i; if null: trap
	// invalid-table-access; if f's type is not lo: trap indirect-call-type;
	// call f with base hi. While a host call is pending all this is done again
	// and comes to the same f.
	OpCallIndirect
	// OpCallHost: call the host function a, a number among WASINames, with base hi.
	OpCallHost
	// OpReturn: if c is not 0 and fuel < 0: trap out-of-fuel. Then link = s[b];
	// frames left += 1; slots left += hi; s[0 … a) = s[lo … lo+a); pc = lower half
	// of link, fp = its upper half. The link is read before the results are
	// written.
	OpReturn
	// OpClear: s[lo … lo+hi) = 0, at most MaxClear slots a micro-step, the first
	// ones first; progress counts them.
	OpClear

	// Conditional branches with Branch(imm): if the condition holds, take the
	// target, else fuel -= fall and pc = pc + 1. The condition compares s[a] with
	// s[b], or in the K forms with the constant in b and c (K32), as the wasm
	// instruction of that name does.
	OpBrI32Eq
	OpBrI32Ne
	OpBrI32LtS
	OpBrI32LtU
	OpBrI32GeS
	OpBrI32GeU
	OpBrI32EqK
	OpBrI32NeK
	OpBrI32LtSK
	OpBrI32LtUK
	OpBrI32GeSK
	OpBrI32GeUK
	OpBrI64Eq
	OpBrI64Ne
	OpBrI64LtS
	OpBrI64LtU
	OpBrI64GeS
	OpBrI64GeU
	OpBrI64EqK
	OpBrI64NeK
	OpBrI64LtSK
	OpBrI64LtUK
	OpBrI64GeSK
	OpBrI64GeUK

	// OpConst: s[a] = imm.
	OpConst
	// OpMove: s[a] = s[b].
	OpMove
	// OpMoves: s[lo … lo+a) = s[hi … hi+a); a is at most 1,000.
	OpMoves
	// OpSelect: s[a] = s[b] if u32(s[lo]) is not 0, else s[c].
	OpSelect
	// OpGlobalGet: s[a] = value of global imm.
	OpGlobalGet
	// OpGlobalSet: value of global imm = s[b].
	OpGlobalSet
	// OpGlobalGetRef: as OpGlobalGet for a reference: s[a] = u32(value + 1).
	OpGlobalGetRef
	// OpGlobalSetRef: value of global imm = u32(s[b] - 1).
	OpGlobalSetRef

	// Loads: s[a] = the bytes at ea. 8, 16, 32, 64 are the bits read, little-endian;
	// U extends with zeros, S with the sign to the width that the second number
	// says (to 32 bits: the upper half is zero).
	OpLoad8U
	OpLoad16U
	OpLoad32U
	OpLoad64
	OpLoad8S32
	OpLoad16S32
	OpLoad8S64
	OpLoad16S64
	OpLoad32S64
	OpLoad8UX
	OpLoad16UX
	OpLoad32UX
	OpLoad64X
	OpLoad8S32X
	OpLoad16S32X
	OpLoad8S64X
	OpLoad16S64X
	OpLoad32S64X

	// Stores: the lower bits of s[a] at ea.
	OpStore8
	OpStore16
	OpStore32
	OpStore64
	OpStore8X
	OpStore16X
	OpStore32X
	OpStore64X
	// Stores of a constant: ea = u32(s[b]) + lo; the lower bits of hi, for 64 bits
	// hi extended with its sign.
	OpStore8K
	OpStore16K
	OpStore32K
	OpStore64K
	// The same, indexed: ea = u32(s[b] + s[c]) + lo.
	OpStore8KX
	OpStore16KX
	OpStore32KX
	OpStore64KX

	// OpMemorySize: s[a] = pages of the memory.
	OpMemorySize
	// OpMemoryGrow: n = u32(s[b]). If pages + n is at most the effective maximum
	// (the lesser of the image's and the job's limit in pages, but at least the
	// minimum): fuel -= PageFuel·n. Then if fuel < 0: trap out-of-fuel. Then
	// s[a] = pages and pages += n, or s[a] = 0xffffffff beyond the maximum.
	OpMemoryGrow
	// OpMemoryFill, bulk on bytes: n = u32(s[c]) bytes at u32(s[a]) become the low
	// byte of s[b].
	OpMemoryFill
	// OpMemoryCopy, bulk on bytes: n = u32(s[c]) from u32(s[b]) to u32(s[a]).
	OpMemoryCopy
	// OpMemoryInit, bulk on bytes: n = u32(s[c]) from u32(s[b]) of data segment imm
	// to u32(s[a]) of memory. A dropped segment has no bytes; beyond its end, or
	// the memory's, the trap is memory-out-of-bounds.
	OpMemoryInit
	// OpDataDrop: byte imm of the dropped region = 1.
	OpDataDrop

	// OpTableGet: s[a] = u32(element u32(s[b]) of table imm, plus 1). Beyond the
	// size: trap invalid-table-access, here and below.
	OpTableGet
	// OpTableSet: element u32(s[b]) of table imm = u32(s[c] - 1).
	OpTableSet
	// OpTableSize: s[a] = size of table imm.
	OpTableSize
	// OpTableGrow: n = u32(s[c]), bulk on elements, but what is charged at first is
	// ElemFuel·n if size + n is at most the table's maximum, and otherwise nothing,
	// and then, after the comparison, s[a] = 0xffffffff and pc = pc + 1. The
	// micro-steps set the elements from size on to u32(s[b] - 1); the last sets
	// s[a] = size and size += n. With n = 0 the first is the last.
	OpTableGrow
	// OpTableFill, bulk on elements: n = u32(s[c]) from u32(s[a]) on of table imm become u32(s[b] - 1).
	OpTableFill
	// OpTableCopy, bulk on elements: n = u32(s[c]) from u32(s[b]) of table hi to u32(s[a]) of table lo.
	OpTableCopy
	// OpTableInit, bulk on elements: n = u32(s[c]) from u32(s[b]) of element segment
	// hi to u32(s[a]) of table lo. A dropped segment has none.
	OpTableInit
	// OpElemDrop: byte Datas + imm of the dropped region = 1.
	OpElemDrop

	// Operations with a constant: s[a] = s[b] op imm, as the wasm instruction of the
	// name; for I32 the constant is lo. Shifts take it modulo the width.
	OpI32AddK
	OpI32MulK
	OpI32AndK
	OpI32OrK
	OpI32XorK
	OpI32ShlK
	OpI32ShrSK
	OpI32ShrUK
	OpI32RotlK
	OpI64AddK
	OpI64MulK
	OpI64AndK
	OpI64OrK
	OpI64XorK
	OpI64ShlK
	OpI64ShrSK
	OpI64ShrUK
	OpI64RotlK
	// Operations that charge, and skip the OpCharge behind them, which is for those
	// who come from elsewhere: fuel is taken from the fuel left; pc = pc + 2.
	//
	// OpI32AddKCharge: s[a] = i32.add(s[b], lo); fuel -= hi.
	OpI32AddKCharge
	// OpI64AddKCharge: s[a] = s[b] + lo, sign-extended; fuel -= hi.
	OpI64AddKCharge
	// OpI64AddCharge: s[a] = s[b] + s[c]; fuel -= imm.
	OpI64AddCharge
	// OpMoveCharge: s[a] = s[b]; fuel -= imm.
	OpMoveCharge
	// OpF64MulAdd: s[a] = f64.add(f64.mul(s[b], s[c]), s[lo]): two operations, each
	// rounded and each with its canonical NaN.
	OpF64MulAdd

	// Numeric instructions of wasm, by its own names: s[a] = op(s[b]) or s[a] =
	// op(s[b], s[c]), see Eval. Traps: division, conversion. What only changes a
	// value's type (reinterpret, i64.extend_i32_u) is no instruction here.
	OpI32Eqz
	OpI32Eq
	OpI32Ne
	OpI32LtS
	OpI32LtU
	OpI32GtS
	OpI32GtU
	OpI32LeS
	OpI32LeU
	OpI32GeS
	OpI32GeU
	OpI64Eqz
	OpI64Eq
	OpI64Ne
	OpI64LtS
	OpI64LtU
	OpI64GtS
	OpI64GtU
	OpI64LeS
	OpI64LeU
	OpI64GeS
	OpI64GeU
	OpF32Eq
	OpF32Ne
	OpF32Lt
	OpF32Gt
	OpF32Le
	OpF32Ge
	OpF64Eq
	OpF64Ne
	OpF64Lt
	OpF64Gt
	OpF64Le
	OpF64Ge
	OpI32Clz
	OpI32Ctz
	OpI32Popcnt
	OpI32Add
	OpI32Sub
	OpI32Mul
	OpI32DivS
	OpI32DivU
	OpI32RemS
	OpI32RemU
	OpI32And
	OpI32Or
	OpI32Xor
	OpI32Shl
	OpI32ShrS
	OpI32ShrU
	OpI32Rotl
	OpI32Rotr
	OpI64Clz
	OpI64Ctz
	OpI64Popcnt
	OpI64Add
	OpI64Sub
	OpI64Mul
	OpI64DivS
	OpI64DivU
	OpI64RemS
	OpI64RemU
	OpI64And
	OpI64Or
	OpI64Xor
	OpI64Shl
	OpI64ShrS
	OpI64ShrU
	OpI64Rotl
	OpI64Rotr
	OpF32Abs
	OpF32Neg
	OpF32Ceil
	OpF32Floor
	OpF32Trunc
	OpF32Nearest
	OpF32Sqrt
	OpF32Add
	OpF32Sub
	OpF32Mul
	OpF32Div
	OpF32Min
	OpF32Max
	OpF32Copysign
	OpF64Abs
	OpF64Neg
	OpF64Ceil
	OpF64Floor
	OpF64Trunc
	OpF64Nearest
	OpF64Sqrt
	OpF64Add
	OpF64Sub
	OpF64Mul
	OpF64Div
	OpF64Min
	OpF64Max
	OpF64Copysign
	OpI32WrapI64
	OpI32TruncF32S
	OpI32TruncF32U
	OpI32TruncF64S
	OpI32TruncF64U
	OpI64ExtendI32S
	OpI64TruncF32S
	OpI64TruncF32U
	OpI64TruncF64S
	OpI64TruncF64U
	OpF32ConvertI32S
	OpF32ConvertI32U
	OpF32ConvertI64S
	OpF32ConvertI64U
	OpF32DemoteF64
	OpF64ConvertI32S
	OpF64ConvertI32U
	OpF64ConvertI64S
	OpF64ConvertI64U
	OpF64PromoteF32
	OpI32Extend8S
	OpI32Extend16S
	OpI64Extend8S
	OpI64Extend16S
	OpI64Extend32S
	OpI32TruncSatF32S
	OpI32TruncSatF32U
	OpI32TruncSatF64S
	OpI32TruncSatF64U
	OpI64TruncSatF32S
	OpI64TruncSatF32U
	OpI64TruncSatF64S
	OpI64TruncSatF64U

	// OpEpoch is a boundary between the epochs of an epoch program, where fp is 0:
	//
	//	if progress == 0: fuel -= BoundaryFuel(pages, globals + sizes of all tables);
	//	    if fuel < 0: trap out-of-fuel; all slots = 0;
	//	    if epoch == the job's epochs: pc = pc + 1, else progress = 1 and pc stays
	//	if progress was 1: if tick is now the epochs' span: epoch += 1; tick = 0;
	//	    progress = 0; pc = pc + 1; else pc stays: the epoch idles
	//
	// Each step of a machine of an epoch program that has not halted adds 1 to tick
	// before it does anything else. Span and number of epochs are functions of the
	// job's limits (docs/WASM.md, Epoch programs), the span more than the steps of
	// any run.
	OpEpoch

	// NumOps is their number.
	NumOps = int(iota)
)

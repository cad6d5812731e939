package wasm

// An opcode is one byte: instructions behind the prefix 0xfc take the codes
// from opPrefix on, so that tables over opcodes stay dense (specification 2.0,
// §5.4). A sparse opcode costs a switch its jump table.
const (
	opUnreachable  = 0x00
	opNop          = 0x01
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0b
	opBr           = 0x0c
	opBrIf         = 0x0d
	opBrTable      = 0x0e
	opReturn       = 0x0f
	opCall         = 0x10
	opCallIndirect = 0x11
	opDrop         = 0x1a
	opSelect       = 0x1b
	opSelectT      = 0x1c
	opLocalGet     = 0x20
	opLocalSet     = 0x21
	opLocalTee     = 0x22
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opTableGet     = 0x25
	opTableSet     = 0x26
	opI32Load      = 0x28
	opF32Load      = 0x2a
	opF64Load      = 0x2b
	opI32Store     = 0x36
	opMemorySize   = 0x3f
	opMemoryGrow   = 0x40
	opI32Const     = 0x41
	opI64Const     = 0x42
	opF32Const     = 0x43
	opF64Const     = 0x44
	opI32Eqz       = 0x45
	opI32LtS       = 0x48
	opI32GeU       = 0x4f
	opI64Eqz       = 0x50
	opI64LtS       = 0x53
	opI64LeU       = 0x58
	opI64GeU       = 0x5a
	opF32Eq        = 0x5b
	opF32Ne        = 0x5c
	opF64Ne        = 0x62
	opI64Add       = 0x7c
	opI64Sub       = 0x7d
	opI64Mul       = 0x7e
	opI32And       = 0x71
	opI32Or        = 0x72
	opI64And       = 0x83
	opI64Or        = 0x84
	opI64Shl       = 0x86
	opI64ShrU      = 0x88
	opF32Ceil      = 0x8d
	opF32Max       = 0x97
	opF64Abs       = 0x99
	opF64Ceil      = 0x9b
	opF64Max       = 0xa5
	opF64Copysign  = 0xa6
	opI64ExtendU   = 0xad
	opF32Demote    = 0xb6
	opF64Promote   = 0xbb
	opI64Extend32S = 0xc4
	opRefNull      = 0xd0
	opRefIsNull    = 0xd1
	opRefFunc      = 0xd2

	opPrefix     = 0xe0 // 0xfc 0x00
	opMemoryInit = opPrefix + 8
	opDataDrop   = opPrefix + 9
	opMemoryCopy = opPrefix + 10
	opMemoryFill = opPrefix + 11
	opTableInit  = opPrefix + 12
	opElemDrop   = opPrefix + 13
	opTableCopy  = opPrefix + 14
	opTableGrow  = opPrefix + 15
	opTableSize  = opPrefix + 16
	opTableFill  = opPrefix + 17
	opPrefixEnd  = opPrefix + 18
)

// imm is the kind of an opcode's immediates.
type imm byte

const (
	immUnknown imm = iota
	immNone
	immBlock    // block type
	immLabel    // label index
	immTable    // br_table
	immIndex    // one index
	immTwo      // two indexes
	immIndirect // type index, table index
	immMem      // alignment, offset
	immZero     // reserved zero byte
	immZeroTwo  // two reserved zero bytes
	immInit     // memory.init: data index, reserved zero byte
	immI32
	immI64
	immF32
	immF64
	immTypes // select with types
	immRef   // heap type of ref.null
)

// opInfo is what the decoder and the validator know of an opcode. For simple
// opcodes (sig true) the operands and the result are fixed.
type opInfo struct {
	name   string
	imm    imm
	sig    bool
	in     [3]ValType
	out    ValType
	nin    byte
	align  byte // largest alignment of a memory access
	forbid Code // set for opcodes of proposals that the profile refuses
}

var ops = buildOps()

// buildOps reads the table below; the signature alphabet is i32 i, i64 l,
// f32 f, f64 d.
func buildOps() [256]opInfo {
	var t [256]opInfo
	set := func(code int, name string, im imm) { t[code] = opInfo{name: name, imm: im} }
	run := func(code int, sig string, names ...string) {
		for i, name := range names {
			t[code+i] = signature(name, sig)
		}
	}
	mem := func(code int, align byte, sig, name string) {
		t[code] = signature(name, sig)
		t[code].imm, t[code].align = immMem, align
	}

	set(opUnreachable, "unreachable", immNone)
	set(opNop, "nop", immNone)
	set(opBlock, "block", immBlock)
	set(opLoop, "loop", immBlock)
	set(opIf, "if", immBlock)
	set(opElse, "else", immNone)
	set(opEnd, "end", immNone)
	set(opBr, "br", immLabel)
	set(opBrIf, "br_if", immLabel)
	set(opBrTable, "br_table", immTable)
	set(opReturn, "return", immNone)
	set(opCall, "call", immIndex)
	set(opCallIndirect, "call_indirect", immIndirect)
	set(opDrop, "drop", immNone)
	set(opSelect, "select", immNone)
	set(opSelectT, "select", immTypes)
	set(opLocalGet, "local.get", immIndex)
	set(opLocalSet, "local.set", immIndex)
	set(opLocalTee, "local.tee", immIndex)
	set(opGlobalGet, "global.get", immIndex)
	set(opGlobalSet, "global.set", immIndex)
	set(opTableGet, "table.get", immIndex)
	set(opTableSet, "table.set", immIndex)
	set(opMemorySize, "memory.size", immZero)
	set(opMemoryGrow, "memory.grow", immZero)
	set(opI32Const, "i32.const", immI32)
	set(opI64Const, "i64.const", immI64)
	set(opF32Const, "f32.const", immF32)
	set(opF64Const, "f64.const", immF64)
	set(opRefNull, "ref.null", immRef)
	set(opRefIsNull, "ref.is_null", immNone)
	set(opRefFunc, "ref.func", immIndex)
	set(opMemoryInit, "memory.init", immInit)
	set(opDataDrop, "data.drop", immIndex)
	set(opMemoryCopy, "memory.copy", immZeroTwo)
	set(opMemoryFill, "memory.fill", immZero)
	set(opTableInit, "table.init", immTwo)
	set(opElemDrop, "elem.drop", immIndex)
	set(opTableCopy, "table.copy", immTwo)
	set(opTableGrow, "table.grow", immIndex)
	set(opTableSize, "table.size", immIndex)
	set(opTableFill, "table.fill", immIndex)

	mem(0x28, 2, "i:i", "i32.load")
	mem(0x29, 3, "i:l", "i64.load")
	mem(0x2a, 2, "i:f", "f32.load")
	mem(0x2b, 3, "i:d", "f64.load")
	mem(0x2c, 0, "i:i", "i32.load8_s")
	mem(0x2d, 0, "i:i", "i32.load8_u")
	mem(0x2e, 1, "i:i", "i32.load16_s")
	mem(0x2f, 1, "i:i", "i32.load16_u")
	mem(0x30, 0, "i:l", "i64.load8_s")
	mem(0x31, 0, "i:l", "i64.load8_u")
	mem(0x32, 1, "i:l", "i64.load16_s")
	mem(0x33, 1, "i:l", "i64.load16_u")
	mem(0x34, 2, "i:l", "i64.load32_s")
	mem(0x35, 2, "i:l", "i64.load32_u")
	mem(0x36, 2, "ii:", "i32.store")
	mem(0x37, 3, "il:", "i64.store")
	mem(0x38, 2, "if:", "f32.store")
	mem(0x39, 3, "id:", "f64.store")
	mem(0x3a, 0, "ii:", "i32.store8")
	mem(0x3b, 1, "ii:", "i32.store16")
	mem(0x3c, 0, "il:", "i64.store8")
	mem(0x3d, 1, "il:", "i64.store16")
	mem(0x3e, 2, "il:", "i64.store32")

	run(0x45, "i:i", "i32.eqz")
	run(0x46, "ii:i", "i32.eq", "i32.ne", "i32.lt_s", "i32.lt_u", "i32.gt_s", "i32.gt_u",
		"i32.le_s", "i32.le_u", "i32.ge_s", "i32.ge_u")
	run(0x50, "l:i", "i64.eqz")
	run(0x51, "ll:i", "i64.eq", "i64.ne", "i64.lt_s", "i64.lt_u", "i64.gt_s", "i64.gt_u",
		"i64.le_s", "i64.le_u", "i64.ge_s", "i64.ge_u")
	run(0x5b, "ff:i", "f32.eq", "f32.ne", "f32.lt", "f32.gt", "f32.le", "f32.ge")
	run(0x61, "dd:i", "f64.eq", "f64.ne", "f64.lt", "f64.gt", "f64.le", "f64.ge")
	run(0x67, "i:i", "i32.clz", "i32.ctz", "i32.popcnt")
	run(0x6a, "ii:i", "i32.add", "i32.sub", "i32.mul", "i32.div_s", "i32.div_u", "i32.rem_s",
		"i32.rem_u", "i32.and", "i32.or", "i32.xor", "i32.shl", "i32.shr_s", "i32.shr_u",
		"i32.rotl", "i32.rotr")
	run(0x79, "l:l", "i64.clz", "i64.ctz", "i64.popcnt")
	run(0x7c, "ll:l", "i64.add", "i64.sub", "i64.mul", "i64.div_s", "i64.div_u", "i64.rem_s",
		"i64.rem_u", "i64.and", "i64.or", "i64.xor", "i64.shl", "i64.shr_s", "i64.shr_u",
		"i64.rotl", "i64.rotr")
	run(0x8b, "f:f", "f32.abs", "f32.neg", "f32.ceil", "f32.floor", "f32.trunc", "f32.nearest", "f32.sqrt")
	run(0x92, "ff:f", "f32.add", "f32.sub", "f32.mul", "f32.div", "f32.min", "f32.max", "f32.copysign")
	run(0x99, "d:d", "f64.abs", "f64.neg", "f64.ceil", "f64.floor", "f64.trunc", "f64.nearest", "f64.sqrt")
	run(0xa0, "dd:d", "f64.add", "f64.sub", "f64.mul", "f64.div", "f64.min", "f64.max", "f64.copysign")
	run(0xa7, "l:i", "i32.wrap_i64")
	run(0xa8, "f:i", "i32.trunc_f32_s", "i32.trunc_f32_u")
	run(0xaa, "d:i", "i32.trunc_f64_s", "i32.trunc_f64_u")
	run(0xac, "i:l", "i64.extend_i32_s", "i64.extend_i32_u")
	run(0xae, "f:l", "i64.trunc_f32_s", "i64.trunc_f32_u")
	run(0xb0, "d:l", "i64.trunc_f64_s", "i64.trunc_f64_u")
	run(0xb2, "i:f", "f32.convert_i32_s", "f32.convert_i32_u")
	run(0xb4, "l:f", "f32.convert_i64_s", "f32.convert_i64_u")
	run(0xb6, "d:f", "f32.demote_f64")
	run(0xb7, "i:d", "f64.convert_i32_s", "f64.convert_i32_u")
	run(0xb9, "l:d", "f64.convert_i64_s", "f64.convert_i64_u")
	run(0xbb, "f:d", "f64.promote_f32")
	run(0xbc, "f:i", "i32.reinterpret_f32")
	run(0xbd, "d:l", "i64.reinterpret_f64")
	run(0xbe, "i:f", "f32.reinterpret_i32")
	run(0xbf, "l:d", "f64.reinterpret_i64")
	run(0xc0, "i:i", "i32.extend8_s", "i32.extend16_s")
	run(0xc2, "l:l", "i64.extend8_s", "i64.extend16_s", "i64.extend32_s")
	run(opPrefix, "f:i", "i32.trunc_sat_f32_s", "i32.trunc_sat_f32_u")
	run(opPrefix+2, "d:i", "i32.trunc_sat_f64_s", "i32.trunc_sat_f64_u")
	run(opPrefix+4, "f:l", "i64.trunc_sat_f32_s", "i64.trunc_sat_f32_u")
	run(opPrefix+6, "d:l", "i64.trunc_sat_f64_s", "i64.trunc_sat_f64_u")

	forbid := func(c Code, name string, codes ...int) {
		for _, code := range codes {
			t[code] = opInfo{name: name, forbid: c}
		}
	}
	forbid(CodeExceptions, "exception handling", 0x06, 0x07, 0x08, 0x09, 0x0a, 0x18, 0x19, 0x1f)
	forbid(CodeTailCall, "tail call", 0x12, 0x13, 0x15)
	forbid(CodeGC, "typed reference", 0x14, 0xd3, 0xd4, 0xd5, 0xd6, 0xfb)
	forbid(CodeSIMD, "vector instruction", 0xfd)
	forbid(CodeThreads, "atomic instruction", 0xfe)
	return t
}

// signature parses "il:d" into an opInfo with immNone.
func signature(name, sig string) opInfo {
	info := opInfo{name: name, imm: immNone, sig: true}
	arrow := false
	for i := range len(sig) {
		var v ValType
		switch sig[i] {
		case ':':
			arrow = true
			continue
		case 'i':
			v = I32
		case 'l':
			v = I64
		case 'f':
			v = F32
		case 'd':
			v = F64
		}
		if arrow {
			info.out = v
		} else {
			info.in[info.nin] = v
			info.nin++
		}
	}
	return info
}

// makesNaN reports whether the opcode is float arithmetic whose result may be
// a NaN that differs between machines: ceil floor trunc nearest sqrt add sub
// mul div min max, demote and promote. abs, neg and copysign work on bits.
func makesNaN(op byte) bool {
	switch {
	case op >= opF32Ceil && op <= opF32Max, op >= opF64Ceil && op <= opF64Max:
		return true
	}
	return op == opF32Demote || op == opF64Promote
}

// bulk operations are those after which fuel is compared and whose price
// depends on an operand.
func isBulk(op byte) bool {
	switch op {
	case opMemoryInit, opMemoryCopy, opMemoryFill, opMemoryGrow,
		opTableInit, opTableCopy, opTableGrow, opTableFill:
		return true
	}
	return false
}

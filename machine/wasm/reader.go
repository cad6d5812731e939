package wasm

import "unicode/utf8"

// reader reads the binary format. After the first error it stays at the end
// of its input and returns zeros, so that callers test err once per item.
type reader struct {
	b   []byte
	pos int
	err *Error
}

func (r *reader) fail(code Code, format string, args ...any) {
	if r.err == nil {
		r.err = refuse(code, r.pos, format, args...)
	}
	r.pos = len(r.b)
}

func (r *reader) left() int { return len(r.b) - r.pos }

func (r *reader) byte() byte {
	if r.pos >= len(r.b) {
		r.fail(CodeTruncated, "a byte is missing")
		return 0
	}
	c := r.b[r.pos]
	r.pos++
	return c
}

func (r *reader) bytes(n int) []byte {
	if n > r.left() {
		r.fail(CodeTruncated, "%d bytes announced, %d left", n, r.left())
		return nil
	}
	b := r.b[r.pos : r.pos+n : r.pos+n]
	r.pos += n
	return b
}

// u32 reads an unsigned LEB128 integer of at most five bytes (§5.2.2).
func (r *reader) u32() uint32 {
	if r.pos < len(r.b) && r.b[r.pos] < 0x80 {
		r.pos++
		return uint32(r.b[r.pos-1])
	}
	if r.pos+1 < len(r.b) && r.b[r.pos+1] < 0x80 {
		r.pos += 2
		return uint32(r.b[r.pos-2]&0x7f) | uint32(r.b[r.pos-1])<<7
	}
	var v uint32
	for shift := 0; ; shift += 7 {
		c := r.byte()
		if r.err != nil {
			return 0
		}
		if shift == 28 && c > 0x0f {
			r.fail(CodeBadInteger, "u32 longer than 32 bits")
			return 0
		}
		v |= uint32(c&0x7f) << shift
		if c < 0x80 {
			return v
		}
	}
}

// signed reads a signed LEB128 integer of the given width: the bits beyond
// the width must repeat the sign.
func (r *reader) signed(width int) int64 {
	if r.pos < len(r.b) && r.b[r.pos] < 0x80 {
		r.pos++
		return int64(int8(r.b[r.pos-1]<<1) >> 1)
	}
	var v int64
	for shift := 0; ; shift += 7 {
		c := r.byte()
		if r.err != nil {
			return 0
		}
		v |= int64(c&0x7f) << shift
		if rest := width - shift; rest <= 7 {
			ext := int8(c<<1) >> 1 >> (rest - 1) // sign bit and everything above it
			if c >= 0x80 || (ext != 0 && ext != -1) {
				r.fail(CodeBadInteger, "s%d longer than %d bits", width, width)
				return 0
			}
			return v << (64 - width) >> (64 - width)
		}
		if c < 0x80 {
			return v << (57 - shift) >> (57 - shift)
		}
	}
}

func (r *reader) s32() int32 { return int32(r.signed(32)) }

func (r *reader) fixed(n int) uint64 {
	b := r.bytes(n)
	var v uint64
	for i, c := range b {
		v |= uint64(c) << (8 * i)
	}
	return v
}

// count reads the length of a vector. Each element takes at least one byte, so
// a count above the bytes left is refused before anything is allocated.
func (r *reader) count(limit uint32, what string) int {
	n := r.u32()
	if n > limit {
		r.fail(CodeAboveLimit, "%s: %d, limit %d", what, n, limit)
		return 0
	}
	if int(n) > r.left() {
		r.fail(CodeTruncated, "%d %s announced, %d bytes left", n, what, r.left())
		return 0
	}
	return int(n)
}

func (r *reader) name(limit uint32) string {
	n := r.u32()
	if n > limit {
		r.fail(CodeAboveLimit, "name bytes: %d, limit %d", n, limit)
		return ""
	}
	b := r.bytes(int(n))
	if !utf8.Valid(b) {
		r.fail(CodeBadName, "name is not UTF-8")
		return ""
	}
	return string(b)
}

func (r *reader) zeroByte(what string) {
	if c := r.byte(); c != 0 && r.err == nil {
		r.fail(CodeMultiMemory, "%s: index %d", what, c)
	}
}

func (r *reader) valType() ValType {
	t := ValType(r.byte())
	if r.err == nil && !t.isNum() && !t.isRef() {
		r.pos--
		r.fail(typeCode(byte(t)), "value type %#x", byte(t))
	}
	return t
}

func (r *reader) refType() ValType {
	t := ValType(r.byte())
	if r.err == nil && !t.isRef() {
		r.pos--
		r.fail(typeCode(byte(t)), "reference type %#x", byte(t))
	}
	return t
}

// typeCode names the proposal that a type's byte belongs to.
func typeCode(b byte) Code {
	switch {
	case b == 0x7b:
		return CodeSIMD
	case b == 0x69 || b == 0x74 || b == 0x68 || b == 0x75:
		return CodeExceptions
	case b == 0x63 || b == 0x64 || (b >= 0x6a && b <= 0x6e) || (b >= 0x71 && b <= 0x73):
		return CodeGC
	}
	return CodeBadType
}

// instr is one decoded instruction. What a, b and bits hold depends on the
// opcode's immediates; start and end are its bytes.
type instr struct {
	op         byte
	typ        ValType // of a block with one result, select, ref.null
	a, b       uint32  // indexes; for br_table a counts the targets
	bits       uint64  // constant, offset; for a block its type index + 1
	start, end int
}

// next decodes one instruction (§5.4). It refuses unknown and forbidden
// opcodes, and leaves nesting and types to its caller.
func (r *reader) next(in *instr, l *Limits) {
	in.start = r.pos
	op := r.byte()
	if op == 0xfc {
		n := r.u32()
		if n >= opPrefixEnd-opPrefix {
			if r.err == nil {
				r.fail(CodeUnknownOpcode, "0xfc %d", n)
			}
			return
		}
		op = opPrefix + byte(n)
	} else if op >= opPrefix && ops[op].imm != immUnknown {
		r.pos--
		r.fail(CodeUnknownOpcode, "%#x", op)
		return
	}
	in.op = op
	in.a, in.b = 0, 0
	switch ops[op].imm {
	case immNone:
	case immIndex, immLabel:
		in.a = r.u32()
	case immI32:
		in.bits = uint64(uint32(r.s32()))
	case immI64:
		in.bits = uint64(r.signed(64))
	case immMem:
		in.a = r.u32()
		if in.a >= 32 && r.err == nil {
			if in.a >= 64 && in.a < 96 {
				r.fail(CodeMultiMemory, "memory argument %#x", in.a)
			} else {
				r.fail(CodeBadFlags, "alignment 2^%d", in.a)
			}
		}
		in.bits = uint64(r.u32())
	case immBlock:
		r.blockType(in)
	case immTable:
		in.a = uint32(r.count(l.BranchTargets, "branch targets"))
		for range in.a + 1 {
			in.b = r.u32()
		}
	case immTwo, immIndirect:
		in.a = r.u32()
		in.b = r.u32()
	case immInit:
		in.a = r.u32()
		r.zeroByte(ops[op].name)
	case immZero:
		r.zeroByte(ops[op].name)
	case immZeroTwo:
		r.zeroByte(ops[op].name)
		r.zeroByte(ops[op].name)
	case immF32:
		in.bits = r.fixed(4)
	case immF64:
		in.bits = r.fixed(8)
	case immTypes:
		n := r.count(l.Results, "select types")
		for range n {
			in.typ = r.valType()
		}
		in.a = uint32(n)
	case immRef:
		in.typ = r.refType()
	case immUnknown:
		if r.err == nil {
			r.pos--
			code := ops[op].forbid
			if code == "" {
				r.fail(CodeUnknownOpcode, "%#x", op)
			} else {
				r.fail(code, "%s %#x", ops[op].name, op)
			}
		}
	}
	in.end = r.pos
}

// blockType reads empty, one value type, or a type index (§5.4.1): in.typ is
// the single result or 0, in.bits the type index plus one or 0.
func (r *reader) blockType(in *instr) {
	in.typ, in.bits = 0, 0
	if r.pos < len(r.b) {
		switch c := r.b[r.pos]; {
		case c == 0x40:
			r.pos++
			return
		case ValType(c).isNum() || ValType(c).isRef():
			r.pos++
			in.typ = ValType(c)
			return
		case c >= 0x40 && c < 0x80:
			r.fail(typeCode(c), "block type %#x", c)
			return
		}
	}
	n := r.signed(33)
	if n < 0 {
		r.fail(CodeBadType, "block type %d", n)
		return
	}
	in.bits = uint64(n) + 1
}

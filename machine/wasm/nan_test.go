package wasm

import (
	"fmt"
	"testing"
)

// TestCanonicalNaN makes a NaN with every arithmetic instruction from operands
// with payloads and signs, and looks at its bits through the result, through
// memory and through a local.
func TestCanonicalNaN(t *testing.T) {
	for op := range 256 {
		if !makesNaN(byte(op)) {
			continue
		}
		in, out := ops[op].in, ops[op].out
		sig := map[ValType]string{F32: "f", F64: "d"}
		operands := []byte{opLocalGet, 0}
		if ops[op].nin == 2 {
			operands = append(operands, opLocalGet, 1)
		}
		store, load := byte(0x38), byte(opF32Load)
		if out == F64 {
			store, load = 0x39, opF64Load
		}
		param := sig[in[0]]
		tmp := byte(2)
		b := newModule().memory(1, 1).
			fn("result", param+param+":"+sig[out], "", code(operands, op)...).
			fn("store", param+param+":"+sig[out], "", code(i32c(0), operands, op, store, 0, 0, i32c(0), load, 0, 0)...).
			fn("local", param+param+":"+sig[out], sig[out], code(operands, op, opLocalSet, tmp, opLocalGet, tmp)...).
			fn("tee", param+param+":"+sig[out], sig[out], code(operands, op, opLocalTee, tmp, opDrop, opLocalGet, tmp)...).
			bytes()
		nan, want := uint64(0xfff4000000abcdef), uint64(0x7ff8000000000000)
		if in[0] == F32 {
			nan = 0xffa0abcd
		}
		if out == F32 {
			want = 0x7fc00000
		}
		for _, f := range []string{"result", "store", "local", "tee"} {
			got := execute(t, b, Options{MemoryPages: 1, Fuel: MaxFuel}, f, nan, nan)
			r := got.results[0]
			if out == F32 {
				r = uint64(uint32(r))
			}
			if r != want {
				t.Errorf("%s %s: %#x, want %#x", ops[op].name, f, r, want)
			}
		}
	}
}

// TestNaNBitsKept: what is not arithmetic keeps payload and sign.
func TestNaNBitsKept(t *testing.T) {
	const nan = 0xfff4000000abcdef
	for _, c := range []struct {
		name string
		code []byte
		want uint64
	}{
		{"local", code(opLocalGet, 0), nan},
		{"neg", code(opLocalGet, 0, 0x9a), nan &^ (1 << 63)},
		{"abs", code(opLocalGet, 0, opF64Abs), nan &^ (1 << 63)},
		{"copysign", code(opLocalGet, 0, opF64Const, 0, 0, 0, 0, 0, 0, 0, 0, opF64Copysign), nan &^ (1 << 63)},
		{"select", code(opLocalGet, 0, opLocalGet, 0, i32c(1), opSelect), nan},
		{"memory", code(i32c(8), opLocalGet, 0, 0x39, 0, 0, i32c(8), opF64Load, 0, 0), nan},
		{"block", code(opBlock, byte(F64), opLocalGet, 0, opEnd), nan},
		{"reinterpret", code(opLocalGet, 0, 0xbd, 0xbf), nan},
		{"sign of an arithmetic NaN", code(opF64Const, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f,
			opLocalGet, 0, opLocalGet, 0, 0xa0, opF64Copysign), 0x3ff0000000000000},
		{"neg of an arithmetic NaN", code(opLocalGet, 0, opLocalGet, 0, 0xa0, 0x9a), 0xfff8000000000000},
	} {
		b := newModule().memory(1, 1).fn("f", "d:d", "", c.code...).bytes()
		got := execute(t, b, Options{MemoryPages: 1, Fuel: MaxFuel}, "f", nan)
		if got.results[0] != c.want {
			t.Errorf("%s: %#x, want %#x", c.name, got.results[0], c.want)
		}
	}
}

// TestNaNLeftOut: where nobody looks, nothing is inserted; where a local
// accumulates in a loop, the insertion moves behind the loop.
func TestNaNLeftOut(t *testing.T) {
	canon := func(b []byte) int {
		n := 0
		for i := 0; i+8 < len(b); i++ {
			if b[i] == opF64Const && b[i+7] == 0xf8 && b[i+8] == 0x7f {
				n++
			}
		}
		return n
	}
	for _, c := range []struct {
		name   string
		locals string
		code   []byte
		want   int
	}{
		{"compared", "", code(opLocalGet, 0, opLocalGet, 0, 0xa0, opLocalGet, 0, 0x61, opDrop, opLocalGet, 0), 0},
		{"chain", "", code(opLocalGet, 0, opLocalGet, 0, 0xa0, opLocalGet, 0, 0xa2), 1},
		{"unread local", "d", code(opLocalGet, 0, opLocalGet, 0, 0xa0, opLocalSet, 1, opLocalGet, 0), 0},
		{"accumulator", "d", code(opLoop, emptyBlock, opLocalGet, 1, opLocalGet, 0, 0xa0, opLocalTee, 1,
			opF64Const, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x63, opBrIf, 0, opEnd, opLocalGet, 1), 1},
		{"accumulating parameter", "", code(opLoop, emptyBlock, opLocalGet, 0, opLocalGet, 0, 0xa0, opLocalTee, 0,
			opF64Const, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x63, opBrIf, 0, opEnd, opLocalGet, 0), 1},
		{"branch operand", "", code(opBlock, byte(F64), opLocalGet, 0, opLocalGet, 0, 0xa0, i32c(1), opBrIf, 0, opDrop, opLocalGet, 0, opEnd), 1},
	} {
		b := newModule().fn("f", "d:d", c.locals, c.code...).bytes()
		if n := canon(rewritten(t, b, Options{}).Wasm); n != c.want {
			t.Errorf("%s: %d insertions, want %d", c.name, n, c.want)
		}
		got := execute(t, b, Options{Fuel: MaxFuel}, "f", 0x4000000000000000)
		if got.engine != "" {
			t.Errorf("%s: %s", c.name, got.engine)
		}
		plain, _, _, _ := newCommand(t, b, "f", 0x4000000000000000).run(t)
		if fmt.Sprint(plain) != fmt.Sprint(got.results) {
			t.Errorf("%s: %x, plain %x", c.name, got.results, plain)
		}
	}
}

package wasm

import (
	"strings"
	"testing"
)

// TestComparisonsOfAnd: a branch on a comparison of zero with an and goes where
// wasm says, whichever side zero is on and by whatever way the two come there. The
// engine alone takes some of them the wrong way, see guardAnd.
func TestComparisonsOfAnd(t *testing.T) {
	for _, wide := range []bool{false, true} {
		sig, first, and, zero := "ii:i", 0x46, 0x71, i32c(0)
		if wide {
			sig, first, and, zero = "ll:i", 0x51, 0x83, []byte{opI64Const, 0}
		}
		masked := code(opLocalGet, 0, opLocalGet, 1, and)
		local := code(masked, opLocalSet, 1)
		for op := first; op < first+10; op++ {
			for name, c := range map[string][]byte{
				"zero right":     code(masked, zero, op),
				"zero left":      code(zero, masked, op),
				"zero in local":  code(opLocalGet, 2, masked, op),
				"and in local":   code(local, zero, opLocalGet, 1, op),
				"both in locals": code(local, opLocalGet, 2, opLocalGet, 1, op),
				"in a block":     code(zero, opBlock, byte(types0(sig)), masked, opEnd, op),
				"kept":           code(zero, masked, op, opLocalSet, 3, opLocalGet, 3),
			} {
				body := code(c, opIf, byte(I32), i32c(1), opElse, i32c(0), opEnd)
				locals := sig[:1] + "i"
				b := newModule().fn("f", sig, locals, body...).bytes()
				for _, x := range []uint64{0, 5, 1 << 31, 1 << 63} {
					got := execute(t, b, Options{Fuel: MaxFuel}, "f", x, ^uint64(0))
					y := uint64(0)
					if !strings.HasPrefix(name, "zero right") {
						x, y = y, x
					}
					want := compared(op-first, x, y, wide)
					if len(got.results) != 1 || uint32(got.results[0]) != want {
						t.Errorf("%s %s of %x and %x: %v, want %d", ops[op].name, name, x, y, got.results, want)
					}
				}
			}
		}
	}
}

func types0(sig string) ValType {
	p, _ := types(sig)
	return p[0]
}

// compared is the result of a comparison by its place: eq ne lt_s lt_u gt_s gt_u
// le_s le_u ge_s ge_u.
func compared(op int, x, y uint64, wide bool) uint32 {
	if !wide {
		x, y = uint64(int64(int32(x))), uint64(int64(int32(y))) // keeps both orders
	}
	s, z := int64(x), int64(y)
	return map[bool]uint32{true: 1}[[]bool{x == y, x != y, s < z, x < y, s > z, x > y, s <= z, x <= y, s >= z, x >= y}[op]]
}

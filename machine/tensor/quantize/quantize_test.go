package quantize

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/machine/tensor"
)

// TestRequantIsNearTheFactor holds the promise of Requant wherever the sums leave
// room for it, and that a model takes what it returns.
func TestRequantIsNearTheFactor(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for range 20000 {
		bound := 1 + r.Uint32N(tensor.MaxBound>>r.IntN(20))
		factor := math.Ldexp(1+r.Float64(), -r.IntN(20))
		q, err := Requant(factor, bound, int8(r.IntN(21)-10), -128, 127)
		if err != nil {
			t.Fatal(err)
		}
		m := tensor.Model{Version: 1, Input: []uint32{1, 1}, Nodes: []tensor.Node{{Op: tensor.Dense, Inputs: []uint32{0}, Out: 1, Bound: bound, Requant: q}}}
		if _, err := tensor.Check(&m); err != nil {
			t.Fatalf("factor %g, bound %d: %v", factor, bound, err)
		}
		for range 5 {
			s := int32(r.Int64N(2*int64(bound)+1) - int64(bound))
			exact := float64(s)*factor + float64(q.Zero)
			coarse := math.Ldexp(factor, int(q.Shift)) / 2
			if q.Shift == 0 {
				coarse = 0
			}
			want := max(-128, min(127, exact))
			if d := math.Abs(float64(q.Apply(s)) - want); d > 0.5+coarse+1e-3 {
				t.Fatalf("factor %g, bound %d, %+v: %d becomes %d, not %g", factor, bound, *q, s, q.Apply(s), exact)
			}
			if q.TableBits(bound) < tensor.MaxTableBits-1 && coarse > 1.0/32 {
				t.Fatalf("factor %g, bound %d: coarse by %g with a table of %d bits", factor, bound, coarse, q.TableBits(bound))
			}
		}
	}
	for _, f := range []float64{0, -1, math.NaN(), math.Inf(1), 1e30, 1e-30} {
		if _, err := Requant(f, 1000, 0, 0, 0); assay.CodeOf(err) != CodeFactor {
			t.Errorf("%g: %v", f, err)
		}
	}
}

func TestBoundIsTheReach(t *testing.T) {
	if got := Bound([]int8{1, -2, 3, 4}, []int32{-10, 5}, true); got != 128*6+5 {
		t.Errorf("columns: %d", got)
	}
	if got := Bound([]int8{1, -2, 3, 4}, []int32{-10, 5}, false); got != 128*7+5 {
		t.Errorf("rows: %d", got)
	}
}

func TestRounding(t *testing.T) {
	for i, want := range []int8{-127, -127, 0, 0, 2, 127} {
		if got := Int8([]float64{-1000, -127, -0.5, 0.5, 1.5, 1000}, 1)[i]; got != want {
			t.Errorf("%d: %d, want %d", i, got, want)
		}
	}
	if Scale(0) <= 0 || Scale(127) != 1 || Largest([]float64{1, -3}) != 3 {
		t.Error("scales")
	}
}

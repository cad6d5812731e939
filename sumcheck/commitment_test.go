package sumcheck

import (
	"math/big"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/capacloud/assay"
)

var layouts = []Layout{
	{0, 0, 1, 1},
	{0, 0, 2, 1},
	{1, 0, 2, 1},
	{1, 1, 1, 2},
	{3, 1, 1, 2},
	{4, 4, 2, 16},
	{8, 3, 2, 8},
	{12, 5, 1, 32},
	LayoutFor(10),
	{1, 1, 2, 1},
	{4, 4, 1, 3},
	{8, 3, 2, 5},
	{12, 5, 1, 17},
	LayoutOf(5000),
}

// claimOn returns a true claim on a flat tensor at a random point.
func claimOn[T int8 | int32](r *rand.Rand, data []T, vars int) Claim {
	point := randomPoint(r, vars)
	table := append(lift(data, 1, len(data)), make([]Element, 1<<vars)...)[:1<<vars]
	return Claim{point, naive(table, point)}
}

// TestOpenings commits to tensors of both kinds, full and with zeros at the end,
// and opens them at several points at once.
func TestOpenings(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 1))
	for _, l := range layouts {
		full := l.rows() * l.cols()
		for _, size := range []int{full, 1 + (full-1)*2/3} {
			small, wide := random8(r, size), random32(r, size)
			for i, c := range []*Committed{Commit8(small, l, nil), Commit32(wide, l, nil)} {
				var claims []Claim
				for range 3 {
					if i == 0 {
						claims = append(claims, claimOn(r, small, int(l.Vars)))
					} else {
						claims = append(claims, claimOn(r, wide, int(l.Vars)))
					}
				}
				p := NewProver(Context{})
				c.ProveOpen(p, claims)
				if len(p.Proof()) > l.proofBytes() {
					t.Errorf("%v: %d bytes, at most %d were announced", l, len(p.Proof()), l.proofBytes())
				}
				v := NewVerifier(Context{}, p.Proof())
				if err := c.Commitment().VerifyOpen(v, claims); err != nil || v.Done() != nil {
					t.Fatalf("%v, %d entries: %v", l, size, err)
				}
				claims[1].Value = add(claims[1].Value, one())
				refused(t, "a false claim among true ones", c.Commitment().VerifyOpen(NewVerifier(Context{}, p.Proof()), claims), CodeSum)
			}
		}
	}
}

// TestOneRootPerTensor commits in pieces run in another order, and to other
// tensors and layouts.
func TestOneRootPerTensor(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 2))
	data := random8(r, 1000)
	wide := make([]int32, len(data))
	for i, d := range data {
		wide[i] = int32(d)
	}
	backwards := func(n int, do func(int)) {
		for i := range n {
			do(n - 1 - i)
		}
	}
	want := Commit8(data, LayoutFor(10), nil).Commitment()
	if Commit8(data, LayoutFor(10), backwards).Commitment() != want || Commit32(wide, LayoutFor(10), nil).Commitment() != want {
		t.Error("one tensor has two roots")
	}
	if Commit8(append(slices.Clone(data), make([]int8, 24)...), LayoutFor(10), nil).Commitment() != want {
		t.Error("zeros at the end are other zeros")
	}
	seen := map[assay.Digest]bool{want.Root: true}
	for _, l := range []Layout{{10, 3, 2, 8}, {10, 2, 1, 4}, {11, 2, 2, 4}, {11, 2, 2, 3}} {
		root := Commit8(data, l, nil).Commitment().Root
		if seen[root] {
			t.Errorf("%v has the root of another layout", l)
		}
		seen[root] = true
	}
	data[999]++
	if Commit8(data, LayoutFor(10), nil).Commitment().Root == want.Root {
		t.Error("another tensor has the same root")
	}
}

// TestCodeIsReedSolomon compares both encoders with polynomial evaluation.
func TestCodeIsReedSolomon(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 3))
	for _, l := range layouts {
		cols, length := l.cols(), l.length()
		row, lifted := make([]Base, cols), make(Vector, cols)
		for i := range row {
			row[i] = baseInt(int64(int32(r.Uint32())))
			lifted[i].B0.A0 = row[i]
		}
		word := make([]Base, length)
		newCode(l).encode(word, row)
		extended := codeWord(l, lifted)
		generator := rootOfUnity(length)
		for j := range length {
			// Position j is coset j/cols, index j%cols with its bits reversed.
			power := j/cols + int(bits.Reverse64(uint64(j%cols))>>(64-Log(cols))<<l.LogRate)
			if cols == 1 {
				power = j
			}
			x := powers(generator, power+1)[power]
			var value Base
			for i := cols - 1; i >= 0; i-- {
				value.Mul(&value, &x)
				value.Add(&value, &row[i])
			}
			if got := extended[j]; got.B0.A0 != value || uint64(word[j][0]) != value.Uint64() {
				t.Fatalf("%v, position %d", l, j)
			}
		}
	}
}

func TestLayouts(t *testing.T) {
	for n := range 1 << 13 { // every shape, with all rows and with one
		l := Layout{uint8(n >> 7 & 31), uint8(n >> 2 & 31), uint8(n & 3), 1}
		for _, l.Rows = range []uint32{1, 1 << l.LogRows} {
			if l.Validate() == nil && l.Bits() < 100 {
				t.Errorf("%v is accepted with %d bits", l, l.Bits())
			}
		}
	}
	for vars := range MaxCommitVars + 1 {
		l := LayoutFor(vars)
		if err := l.Validate(); err != nil {
			t.Errorf("2^%d entries: %v", vars, err)
		}
		if l.Bits() < 102 {
			t.Errorf("2^%d entries: %d bits", vars, l.Bits())
		}
	}
	for _, size := range []int{1, 2, 3, 1000, 1<<20 + 1, 1<<22 + 5000, 1<<25 + 1} {
		l := LayoutOf(size)
		if err := l.Validate(); err != nil || int(l.Vars) != Log(size) || l.rows()*l.cols() < size || (l.rows()-1)*l.cols() >= size {
			t.Errorf("%d entries: %v %v", size, l, err)
		}
	}
	for _, size := range []int{1 << 22, 1<<22 + 1<<16} {
		if bytes := LayoutOf(size).proofBytes(); bytes > 600<<10 {
			t.Errorf("%d entries: %d bytes", size, bytes)
		}
	}
	for _, l := range []Layout{
		{27, 10, 2, 1},
		{10, 11, 2, 1},
		{10, 2, 0, 4},
		{10, 2, 3, 4},
		{20, 0, 2, 1},
		{26, 8, 2, 256},
		{26, 26, 2, 1 << 26},
		{10, 2, 2, 0},
		{10, 2, 2, 5},
		{255, 255, 255, 1<<32 - 1},
	} {
		refused(t, "a layout", l.Validate(), CodeLayout)
		refused(t, "an opening", Commitment{Layout: l}.VerifyOpen(NewVerifier(Context{}, nil), nil), CodeLayout)
	}
}

// TestErrorsAreRoundedUp compares the constants of the bits with exact fractions.
func TestErrorsAreRoundedUp(t *testing.T) {
	power := func(a, b int64, n int) *big.Rat {
		x := new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), 128))
		for range n {
			x.Mul(x, big.NewRat(a, b))
		}
		return x
	}
	for what, x := range map[string]struct {
		exact *big.Rat
		units int64
	}{
		"3/4":   {power(3, 4, columnsRate2), errorRate2},
		"5/8":   {power(5, 8, columnsRate4), errorRate4},
		"1/|F|": {power(1, Modulus, 4), fieldUnit},
	} {
		above, below := big.NewRat(x.units, 1), big.NewRat(x.units-1, 1)
		if above.Cmp(x.exact) < 0 || below.Cmp(x.exact) >= 0 {
			t.Errorf("%s: %s is not rounded up to %d", what, x.exact.FloatString(3), x.units)
		}
	}
}

// TestBits holds every statement within the limits to 100 bits.
func TestBits(t *testing.T) {
	for what, n := range map[string]int{
		"the largest sum":     BitsSum(MaxVars, 3),
		"the longest product": BitsMatMul(MaxInner),
		"the largest merge":   BitsMerge(MaxVars, MaxClaims),
		"the largest lookup":  BitsLookup(2, 1<<16, 1<<20, 1<<19, 1<<18, 1<<17),
		"a table of one row":  BitsLookup(1, 1, 1),
	} {
		if n < 100 || n > 123 {
			t.Errorf("%s: %d bits", what, n)
		}
	}
}

package freivalds

import (
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/kernel"
)

func product(r *rand.Rand, n, m, k int, transposed bool) Product {
	p := Product{Rows: n, Inner: m, Cols: k, Transposed: transposed, A: make([]int8, n*m), B: make([]int8, m*k), C: make([]int32, n*k)}
	for i := range p.A {
		p.A[i] = int8(r.Uint32())
	}
	for i := range p.B {
		p.B[i] = int8(r.Uint32())
	}
	if transposed {
		kernel.MatMulT(p.C, p.A, p.B, n, m, k)
	} else {
		kernel.MatMul(p.C, p.A, p.B, n, m, k)
	}
	return p
}

var shapes = [][3]int{{1, 1, 1}, {3, 5, 7}, {16, 64, 64}, {1, 784, 300}, {33, 129, 65}, {64, 1, 2}, {2, 5000, 3}}

func TestProductsPassAndOthersDoNot(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 1))
	ctx, beacon := Context{Job: canon.Hash("job")}, canon.Hash("beacon")
	for i, s := range shapes {
		for _, transposed := range []bool{false, true} {
			p := product(r, s[0], s[1], s[2], transposed)
			check := func(what string, want assay.Code) {
				t.Helper()
				for _, err := range []error{Interactive(ctx, beacon, p), NonInteractive(ctx, p)} {
					if err == nil && want != "" || err != nil && assay.CodeOf(err) != want {
						t.Errorf("shape %d, transposed %v, %s: %v, want %q", i, transposed, what, err, want)
					}
				}
			}
			check("the product", "")
			for range 20 {
				at, bit := r.IntN(len(p.C)), r.IntN(32)
				p.C[at] ^= 1 << bit
				check("a bit of c", CodeProduct)
				p.C[at] ^= 1 << bit
			}
			// Errors that cancel in the sum of a row, of a column and of all.
			if s[2] > 1 {
				p.C[0], p.C[1] = p.C[0]+1, p.C[1]-1
				check("a row of the same sum", CodeProduct)
				p.C[0], p.C[1] = p.C[0]-1, p.C[1]+1
			}
			p.A[0] ^= 1
			check("a bit of a", CodeProduct)
			p.A[0] ^= 1
			check("again the product", "")
			p.C = p.C[1:]
			check("a short c", CodeDimensions)
		}
	}
}

// TestVectorSeesWhatItMust compares one vector's sums with big integers.
func TestVectorSeesWhatItMust(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 2))
	for range 2000 {
		s := [4]int64{int64(r.Uint64()), int64(r.Uint64()), int64(r.Uint64()), int64(r.Uint64())}
		sum := new(big.Int)
		for k := 3; k >= 0; k-- {
			sum.Lsh(sum, 16).Add(sum, big.NewInt(s[k]))
		}
		if want := sum.Mod(sum, big.NewInt(prime)).Uint64(); join(s[0], s[1], s[2], s[3]) != want {
			t.Fatalf("join(%v) is not %d", s, want)
		}
	}
	for _, x := range append(draw(canon.Hash("x"), 1, 2, 1000), 0, 1, prime-1, 1<<15, 1<<16-1, 1<<60) {
		planes := cut([]uint64{x})
		if got := join(int64(planes[0]), int64(planes[1]), int64(planes[2]), int64(planes[3])); got != x {
			t.Fatalf("%d cut and joined is %d", x, got)
		}
	}
}

// TestKnownVectorIsWorthNothing is why the beacon must come after c: a prover
// that knows the vector solves e0·r0 + e1·r1 = 0 for two errors that fit int32
// (the rational reconstruction of −r0/r1) and passes with a wrong c. The next
// beacon finds it, and so does the hash of the matrices.
func TestKnownVectorIsWorthNothing(t *testing.T) {
	p := product(rand.New(rand.NewPCG(4, 3)), 1, 4, 300, false)
	known := canon.Hash("known beacon")
	zero := make([]byte, 32)
	r := draw(canon.Hash("assay/freivalds/interactive/1", zero, zero, zero, known[:]), 0, 0, p.Cols)
	modulus := big.NewInt(prime)
	ratio := new(big.Int).ModInverse(new(big.Int).SetUint64(r[1]), modulus)
	ratio.Mul(ratio, new(big.Int).SetUint64(r[0])).Mod(ratio, modulus)
	a, b, s, u := modulus, ratio, big.NewInt(0), big.NewInt(1) // b = u·ratio modulo the prime
	for b.BitLen() > 30 {
		q, rest := new(big.Int).DivMod(a, b, new(big.Int))
		a, b, s, u = b, rest, u, new(big.Int).Sub(s, q.Mul(q, u))
	}
	p.C[0] += int32(u.Int64())
	p.C[1] -= int32(b.Int64())
	if err := Interactive(Context{}, known, p); err != nil {
		t.Errorf("the forged product does not pass under the vector it was made for: %v", err)
	}
	if Interactive(Context{}, canon.Hash("next beacon"), p) == nil || NonInteractive(Context{}, p) == nil {
		t.Error("the forged product passes under a vector drawn after it")
	}
}

// TestVectorsDependOnEverything shows that vectors of another job, payee,
// network, matrix, dimension, product or place are others.
func TestVectorsDependOnEverything(t *testing.T) {
	seen := map[uint64]string{}
	note := func(what string, seed canon.Digest, product, vector uint64) {
		x := draw(seed, product, vector, 1)[0]
		if other, ok := seen[x]; ok {
			t.Errorf("%s and %s draw the same", what, other)
		}
		seen[x] = what
	}
	p := product(rand.New(rand.NewPCG(4, 4)), 4, 4, 4, false)
	d := canon.Hash("d")
	zero := Context{}.seed([]Product{p})
	note("a product", zero, 0, 0)
	note("its second vector", zero, 0, 1)
	note("the second product", zero, 1, 0)
	note("a network", Context{Network: d}.seed([]Product{p}), 0, 0)
	note("a job", Context{Job: d}.seed([]Product{p}), 0, 0)
	note("a payee", Context{Payee: assay.Key(d)}.seed([]Product{p}), 0, 0)
	note("two products", Context{}.seed([]Product{p, p}), 0, 0)
	for what, change := range map[string]func(q *Product){
		"a":            func(q *Product) { q.A = append([]int8{p.A[0] + 1}, p.A[1:]...) },
		"b":            func(q *Product) { q.B = append([]int8{p.B[0] + 1}, p.B[1:]...) },
		"c":            func(q *Product) { q.C = append([]int32{p.C[0] + 1}, p.C[1:]...) },
		"b transposed": func(q *Product) { q.Transposed = true },
		"dimensions":   func(q *Product) { q.Rows, q.Cols = 2, 8 },
	} {
		q := p
		change(&q)
		note("another "+what, Context{}.seed([]Product{q}), 0, 0)
	}
}

// TestEveryBitOfASumCounts bends a row by errors that cancel in the low bits of
// the product with the vector, which a comparison of words would not see.
func TestEveryBitOfASumCounts(t *testing.T) {
	p := product(rand.New(rand.NewPCG(4, 5)), 1, 2, 2, false)
	for bit := range 61 {
		p.C[0]++
		if row := p.differs([]uint64{1 << bit, 0}); row != 0 {
			t.Errorf("a difference of 2^%d is not seen", bit)
		}
		p.C[0]--
	}
}

func FuzzProduct(f *testing.F) {
	f.Add(uint8(3), uint8(4), uint8(5), []byte{1, 2, 3}, uint16(3), int32(7))
	f.Fuzz(func(t *testing.T, n, m, k uint8, data []byte, at uint16, delta int32) {
		if n == 0 || m == 0 || k == 0 || len(data) == 0 {
			return
		}
		p := product(rand.New(rand.NewPCG(uint64(data[0]), uint64(len(data)))), int(n), int(m), int(k), len(data)%2 == 0)
		for i := range p.A {
			p.A[i] = int8(data[i%len(data)])
		}
		if len(data)%2 == 0 {
			kernel.MatMulT(p.C, p.A, p.B, p.Rows, p.Inner, p.Cols)
		} else {
			kernel.MatMul(p.C, p.A, p.B, p.Rows, p.Inner, p.Cols)
		}
		p.C[int(at)%len(p.C)] += delta
		if got := NonInteractive(Context{}, p) == nil; got != (delta == 0) {
			t.Fatalf("accepted %v with an error of %d", got, delta)
		}
	})
}

package sumcheck

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/capacloud/assay/kernel"
)

// someTables returns random tables and terms of one degree over them.
func someTables(r *rand.Rand, vars, degree int) ([]Vector, []Term) {
	tables := make([]Vector, degree+r.IntN(3))
	for i := range tables {
		tables[i] = Vector(randomPoint(r, 1<<vars))
	}
	terms := make([]Term, 1+r.IntN(3))
	for i := range terms {
		terms[i].Coefficient = randomElement(r)
		for range degree {
			terms[i].Factors = append(terms[i].Factors, r.IntN(len(tables)))
		}
	}
	return tables, terms
}

func copyTables(tables []Vector) []Vector {
	list := make([]Vector, len(tables))
	for i, t := range tables {
		list[i] = slices.Clone(t)
	}
	return list
}

// naiveSum adds up the terms over all indices of which the first coordinates are
// those of prefix: the sum by its definition, in time 2^vars.
func naiveSum(tables []Vector, terms []Term, prefix []Element) Element {
	vars := Log(len(tables[0]))
	var sum Element
	for i := range 1 << (vars - len(prefix)) {
		point := slices.Clone(prefix)
		for k := vars - len(prefix) - 1; k >= 0; k-- {
			point = append(point, Int(int64(i>>k&1)))
		}
		for _, t := range terms {
			product := t.Coefficient
			for _, f := range t.Factors {
				product = mul(product, naive(tables[f], point))
			}
			sum = add(sum, product)
		}
	}
	return sum
}

// TestRoundsAreTheDefinition compares every polynomial on the tape, at four
// places, with the sums of the definition.
func TestRoundsAreTheDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 1))
	for n := range 24 {
		vars, degree := n%6, 2+n%2
		tables, terms := someTables(r, vars, degree)
		p := NewProver(Context{})
		provedPoint, provedValues := ProveSum(p, copyTables(tables), terms)
		claim := naiveSum(tables, terms, nil)
		v := NewVerifier(Context{}, p.Proof())
		var point []Element
		for range vars {
			g, err := v.Receive("round", degree)
			if err != nil {
				t.Fatal(err)
			}
			for x := range int64(4) {
				at := append(slices.Clone(point), Int(x))
				if evaluateRound(claim, g, Int(x)) != naiveSum(tables, terms, at) {
					t.Fatalf("%d variables, degree %d, round %d, at %d", vars, degree, len(point), x)
				}
			}
			x := v.Challenge("round")
			claim = evaluateRound(claim, g, x)
			point = append(point, x)
		}
		v = NewVerifier(Context{}, p.Proof())
		verifiedPoint, values, err := VerifySum(v, naiveSum(tables, terms, nil), vars, len(tables), terms)
		if err != nil || v.Done() != nil {
			t.Fatalf("%d variables, degree %d: %v", vars, degree, err)
		}
		if !slices.Equal(point, provedPoint) || !slices.Equal(point, verifiedPoint) || !slices.Equal(values, provedValues) {
			t.Fatal("prover and verifier are at different points")
		}
		for i, x := range values {
			if x != naive(tables[i], point) {
				t.Fatalf("table %d is not what the proof says", i)
			}
		}
		_, _, err = VerifySum(NewVerifier(Context{}, p.Proof()), add(claim, one()), vars, len(tables), terms)
		refused(t, "another sum", err, CodeSum)
	}
}

// TestLargeTables crosses the sizes at which work is cut into blocks and pieces,
// and runs pieces backwards: the proof does not depend on it.
func TestLargeTables(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 2))
	for _, vars := range []int{8, 9, 10, 15} {
		tables, terms := someTables(r, vars, 3)
		p, q := NewProver(Context{}), NewProver(Context{})
		q.Parallel = func(n int, do func(int)) {
			for i := range n {
				do(n - 1 - i)
			}
		}
		var claim Element
		for i := range tables[0] {
			for _, term := range terms {
				x := term.Coefficient
				for _, f := range term.Factors {
					x = mul(x, tables[f][i])
				}
				claim = add(claim, x)
			}
		}
		point, values := ProveSum(p, copyTables(tables), terms)
		ProveSum(q, copyTables(tables), terms)
		if !slices.Equal(p.Proof(), q.Proof()) {
			t.Errorf("%d variables: the order of pieces shows in the proof", vars)
		}
		if _, _, err := VerifySum(NewVerifier(Context{}, p.Proof()), claim, vars, len(tables), terms); err != nil {
			t.Errorf("%d variables: %v", vars, err)
		}
		if values[0] != EvaluateVector(tables[0], point) {
			t.Errorf("%d variables: another value", vars)
		}
	}
}

func TestSumRefusesBadDimensions(t *testing.T) {
	v := NewVerifier(Context{}, nil)
	two := []Term{{one(), []int{0, 1}}}
	for i, c := range []struct {
		vars, tables int
		terms        []Term
	}{
		{MaxVars + 1, 2, two},
		{-1, 2, two},
		{3, 1, two},
		{3, 2, nil},
		{3, 2, []Term{{one(), []int{0}}}},
		{3, 2, []Term{{one(), []int{0, 1}}, {one(), []int{0, 1, 1}}}},
		{3, 2, []Term{{one(), []int{0, -1}}}},
	} {
		if _, _, err := VerifySum(v, one(), c.vars, c.tables, c.terms); err == nil {
			t.Errorf("case %d is accepted", i)
		} else {
			refused(t, "dimensions", err, CodeDimensions)
		}
	}
	none := []Element{}
	for _, c := range []struct {
		n, m, k  int
		row, col []Element
	}{
		{0, 1, 1, none, none},
		{1, 0, 1, none, none},
		{1, 1, 0, none, none},
		{1, MaxInner + 1, 1, none, none},
		{2, 1, 1, none, none},
		{1, 1, 2, none, make([]Element, 2)},
	} {
		_, _, err := VerifyMatMul(v, c.n, c.m, c.k, c.row, c.col, one())
		refused(t, "a product", err, CodeDimensions)
	}
}

// TestMatMul proves products of every shape, both ways round, and compares the
// claims that are left with the matrices.
func TestMatMul(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 3))
	shapes := [][3]int{{1, 1, 1}, {1, 2, 1}, {1, 784, 10}, {13, 37, 21}, {8, 16, 32}, {3, 1, 5}, {2, 3000, 2}}
	for _, s := range shapes {
		n, m, k := s[0], s[1], s[2]
		a, b, bt, c := random8(r, n*m), random8(r, m*k), make([]int8, m*k), make([]int32, n*k)
		kernel.MatMul(c, a, b, n, m, k)
		for i := range m {
			for j := range k {
				bt[j*m+i] = b[i*k+j]
			}
		}
		for _, transposed := range []bool{false, true} {
			p := NewProver(Context{})
			row, col := p.Point("row", Log(n)), p.Point("col", Log(k))
			prove, verify, weights := ProveMatMul, VerifyMatMul, b
			if transposed {
				prove, verify, weights = ProveMatMulT, VerifyMatMulT, bt
			}
			provedA, provedB := prove(p, a, weights, n, m, k, row, col)
			v := NewVerifier(Context{}, p.Proof())
			v.Point("row", Log(n))
			v.Point("col", Log(k))
			claimA, claimB, err := verify(v, n, m, k, row, col, Evaluate32(c, n, k, row, col))
			if err != nil || v.Done() != nil {
				t.Fatalf("%v: %v", s, err)
			}
			if claimA.Value != provedA.Value || claimB.Value != provedB.Value {
				t.Errorf("%v: prover and verifier disagree", s)
			}
			rowsB, colsB := m, k
			if transposed {
				rowsB, colsB = k, m
			}
			if naive(lift(a, n, m), claimA.Point) != claimA.Value || naive(lift(weights, rowsB, colsB), claimB.Point) != claimB.Value {
				t.Errorf("%v, transposed %v: the claims left are false", s, transposed)
			}
			if len(p.Proof()) > 1024 {
				t.Errorf("%v: %d bytes", s, len(p.Proof()))
			}
		}
	}
}

// TestMerge reduces claims at arbitrary points, inside blocks, and one twice.
func TestMerge(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 4))
	for _, vars := range []int{0, 1, 3, 10, 15} {
		data := random8(r, 1<<vars-(1<<vars)/5)
		table := append(lift(data, 1, len(data)), make([]Element, 1<<vars-1<<Log(len(data)))...)
		var claims []Claim
		for n := range 5 {
			size := vars * n / 4
			point := Block(vars, r.IntN(1<<(vars-size))<<size, randomPoint(r, size))
			claims = append(claims, Claim{point, naive(table, point)})
		}
		claims = append(claims, claims[0])
		p, q := NewProver(Context{}), NewProver(Context{})
		fast, slow := ProveMerge8(p, data, vars, claims), ProveMerge(q, Vector(table), claims)
		if !slices.Equal(p.Proof(), q.Proof()) || fast.Value != slow.Value {
			t.Errorf("%d variables: integers and elements make different proofs", vars)
		}
		got, err := VerifyMerge(NewVerifier(Context{}, p.Proof()), vars, claims)
		if err != nil {
			t.Fatalf("%d variables: %v", vars, err)
		}
		if got.Value != Evaluate8(data, 1, len(data), nil, got.Point[vars-Log(len(data)):]) && vars == Log(len(data)) {
			t.Errorf("%d variables: the claim left is false", vars)
		}
		claims[2].Value = add(claims[2].Value, one())
		_, err = VerifyMerge(NewVerifier(Context{}, p.Proof()), vars, claims)
		refused(t, "a false claim among true ones", err, CodeSum)
	}
	_, err := VerifyMerge(NewVerifier(Context{}, nil), 3, nil)
	refused(t, "no claims", err, CodeDimensions)
	_, err = VerifyMerge(NewVerifier(Context{}, nil), 3, []Claim{{make([]Element, 2), one()}})
	refused(t, "a claim on another tensor", err, CodeDimensions)
}

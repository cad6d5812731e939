package sumcheck

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// lookupCase is a lookup of one input in a table of 16.
func lookupCase(r *rand.Rand) (table [][]int32, in Columns, count []int32) {
	table = reluTable(16)
	in = lookups(r, table, 3, 5)
	count, err := Multiplicities(table, []Columns{in})
	if err != nil {
		panic(err)
	}
	return table, in, count
}

// TestWrongMultiplicities shifts a count, invents one, negates one, and looks up
// a row that is not there under every single count that could hide it.
func TestWrongMultiplicities(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 7))
	table, in, count := lookupCase(r)
	try := func(what string) {
		t.Helper()
		p := NewProver(testContext())
		ProveLookup(p, table, []Columns{in}, count)
		_, _, err := VerifyLookup(NewVerifier(testContext(), p.Proof()), table, [][]int{in.Shape})
		refused(t, what, err, CodeFractions)
	}
	for i := range count {
		count[i]++
		try("one too many")
		count[(i+1)%len(count)]--
		try("one at another row")
		count[i]--
		count[(i+1)%len(count)]++
	}
	in.Data[1][0] += 3
	try("a row that is not in the table")
	for i := range count {
		count[i]--
		try("a row that is not in the table, one count less")
		count[i]++
	}
}

// lyingFractions proves a false sum of fractions: the root is as told, every
// layer's rounds are adapted, and the first half's numerator makes up for it.
func lyingFractions(p *Prover, r *rand.Rand, numerators, denominators Vector, root Element) (point []Element, top Element) {
	layers := fractionTree(p.each, numerators, denominators)
	bottom := root
	denominator := layers[len(layers)-1][1][0]
	p.Send("fraction", root, denominator)
	for k := len(layers) - 2; k >= 0; k-- {
		lambda := p.Challenge("layer")
		n, d := layers[k][0], layers[k][1]
		half := len(n) / 2
		next, last := lyingRounds(p, r, add(bottom, mul(lambda, denominator)), Log(half), 3)
		p1, q0, q1 := EvaluateVector(n[half:], next), EvaluateVector(d[:half], next), EvaluateVector(d[half:], next)
		// last = eq·(p0·q1 + p1·q0 + λ·q0·q1)
		rest := sub(divide(last, EqAt(point, next)), add(mul(p1, q0), mul(lambda, mul(q0, q1))))
		p0 := divide(rest, q1)
		p.Send("halves", p0, p1, q0, q1)
		x := p.Challenge("half")
		point = join2([]Element{x}, next)
		bottom, denominator = between(p0, p1, x), between(q0, q1, x)
	}
	return point, bottom
}

// leaves returns the fractions of a side.
func leaves(columns [][]int32, numerators []Element, alpha, beta Element) (Vector, Vector) {
	denominators := make(Vector, len(numerators))
	for i := range denominators {
		row := make([]Element, len(columns))
		for c := range columns {
			row[c] = Int(int64(columns[c][i]))
		}
		denominators[i] = fingerprint(row, alpha, beta)
	}
	return slices.Clone(numerators), denominators
}

// TestAdaptedFractions looks up a row that is not in the table and bends either
// side's sum to the other's. Bent on the input's side, the numerators are not the
// ones that are due; on the table's, the multiplicities are not those sent before.
func TestAdaptedFractions(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 8))
	table, in, count := lookupCase(r)
	in.Data[1][0] += 3
	for _, bendInput := range []bool{true, false} {
		p := NewProver(testContext())
		alpha, beta := p.bindLookup(table, [][]int{in.Shape}, 2)
		numerators := make(Vector, 32)
		inShape(numerators, in.Shape)
		n1, d1 := leaves(in.Data, numerators, alpha, beta)
		n2, d2 := leaves(table, lift(count, 1, 16), alpha, beta)
		sum := func(n, d Vector) fraction {
			f := fraction{denominator: one()}
			for i := range n {
				f = f.plus(fraction{n[i], d[i]})
			}
			return f
		}
		left, right := sum(n1, d1), sum(n2, d2)
		var point []Element
		if bendInput {
			point, _ = lyingFractions(p, r, n1, d1, divide(mul(right.numerator, left.denominator), right.denominator))
		} else {
			point, _ = proveFractions(p, n1, d1)
		}
		for _, data := range in.Data {
			p.Send("column", naive(lift(data, 1, len(data)), point))
		}
		if bendInput {
			proveFractions(p, n2, d2)
		} else {
			lyingFractions(p, r, n2, d2, divide(mul(left.numerator, right.denominator), left.denominator))
		}
		_, claim, err := VerifyLookup(NewVerifier(testContext(), p.Proof()), table, [][]int{in.Shape})
		if bendInput {
			refused(t, "a bent sum over the input", err, CodeLookup)
			continue
		}
		if err != nil {
			t.Fatalf("a bent sum over the table is refused before its claim is looked at: %v", err)
		}
		if naive(lift(count, 1, 16), claim.Point) == claim.Value {
			t.Error("the claim on the multiplicities is true")
		}
	}
}

// TestColumnsSwapped shows wrong column values with the right fingerprint.
func TestColumnsSwapped(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 9))
	table, in, count := lookupCase(r)
	p := NewProver(testContext())
	alpha, beta := p.bindLookup(table, [][]int{in.Shape}, 2)
	n, d := make(Vector, 32), Vector(nil)
	inShape(n, in.Shape)
	n, d = leaves(in.Data, n, alpha, beta)
	point, _ := proveFractions(p, n, d)
	first := add(naive(lift(in.Data[0], 1, 32), point), beta)
	second := sub(naive(lift(in.Data[1], 1, 32), point), one())
	p.Send("column", first)
	p.Send("column", second)
	n2, d2 := leaves(table, lift(count, 1, 16), alpha, beta)
	proveFractions(p, n2, d2)
	claims, _, err := VerifyLookup(NewVerifier(testContext(), p.Proof()), table, [][]int{in.Shape})
	if err != nil {
		t.Fatal(err)
	}
	if naive(lift(in.Data[0], 1, 32), claims[0][0].Point) == claims[0][0].Value {
		t.Error("the claim on the first column is true")
	}
}

// TestZeroFractions sends zeros everywhere: 0/0 equals every fraction, and zeros
// satisfy every layer.
func TestZeroFractions(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 10))
	table, in, _ := lookupCase(r)
	zeros := make([]byte, 1<<16)
	_, _, err := VerifyLookup(NewVerifier(testContext(), zeros), table, [][]int{in.Shape})
	refused(t, "a proof of zeros", err, CodeLookup)
}

// TestDodgedLookups leaves the row that is not in the table out of the sum, adds
// it to the table, or shows another value for its column.
func TestDodgedLookups(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	table, in, count := lookupCase(r)
	wrong := Columns{in.Shape, [][]int32{in.Data[0], slices.Clone(in.Data[1])}}
	wrong.Data[1][0] += 3
	at := slices.Index(table[0], in.Data[0][0])
	mask := make(Vector, 32)
	inShape(mask, in.Shape)
	for what, cheat := range map[string]struct {
		table, columns, shown [][]int32
		leaveOut              bool
		count                 int32
	}{
		"a row left out":      {table, wrong.Data, wrong.Data, true, -1},
		"a row in the table":  {[][]int32{table[0], slices.Clone(table[1])}, wrong.Data, wrong.Data, false, 0},
		"a column misshown":   {table, in.Data, wrong.Data, false, 0},
		"nothing (a control)": {table, in.Data, in.Data, false, 0},
	} {
		if what == "a row in the table" {
			cheat.table[1][at] += 3
		}
		numerators, counts := slices.Clone(mask), slices.Clone(count)
		if cheat.leaveOut {
			numerators[0] = Element{}
		}
		counts[at] += cheat.count
		p := NewProver(testContext())
		alpha, beta := p.bindLookup(table, [][]int{in.Shape}, 2)
		n, d := leaves(cheat.columns, numerators, alpha, beta)
		point, _ := proveFractions(p, n, d)
		for _, data := range cheat.shown {
			p.Send("column", naive(lift(data, 1, 32), point))
		}
		n, d = leaves(cheat.table, lift(counts, 1, 16), alpha, beta)
		proveFractions(p, n, d)
		_, _, err := VerifyLookup(NewVerifier(testContext(), p.Proof()), table, [][]int{in.Shape})
		if what == "nothing (a control)" {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		refused(t, what, err, CodeLookup)
	}
}

package sumcheck

import "github.com/capacloud/assay"

// MaxVars is the number of variables of the largest table: 2^26 entries.
const MaxVars = 26

// Term is a product of tables, named by index, times a coefficient.
type Term struct {
	Coefficient Element
	Factors     []int
}

// degree returns the number of factors that all terms have, 2 or 3, and 0 where
// they do not.
func degree(terms []Term, tables int) int {
	d := 0
	for _, t := range terms {
		if d == 0 {
			d = len(t.Factors)
		}
		if len(t.Factors) != d || d < 2 || d > 3 {
			return 0
		}
		for _, f := range t.Factors {
			if f < 0 || f >= tables {
				return 0
			}
		}
	}
	return d
}

// BitsSum returns the bits of a sumcheck of the degree over 2^vars entries.
func BitsSum(vars, degree int) int { return bitsOf(max(1, vars*degree)) }

// ProveSum proves Σ_x Σ_t coefficient_t·Π factors_t(x), the sum over all entries
// of the tables, which have one length, a power of two. It returns the point at
// which the sum was reduced to the tables' values, and these. It writes to the
// tables. The transcript must already hold what fixes them.
func ProveSum(p *Prover, tables []Vector, terms []Term) (point, values []Element) {
	d := degree(terms, len(tables))
	if d == 0 || len(tables) == 0 {
		panic("sumcheck: the terms do not have one degree, two or three")
	}
	return p.sum(tables, d, func(block []Vector, scratch Vector) Element {
		var total Element
		for _, t := range terms {
			first := block[t.Factors[0]]
			if d == 3 {
				scratch.Mul(first, block[t.Factors[1]])
				first = scratch
			}
			s := first.InnerProduct(block[t.Factors[d-1]])
			total = add(total, mul(t.Coefficient, s))
		}
		return total
	})
}

// VerifySum verifies a proof of ProveSum that the sum is claim. The values are
// those of the tables at the point as the proof states them: they satisfy the
// sumcheck, and the caller verifies that they are the tables'.
func VerifySum(v *Verifier, claim Element, vars, tables int, terms []Term) (point, values []Element, err error) {
	d := degree(terms, tables)
	if d == 0 || vars < 0 || vars > MaxVars {
		return nil, nil, assay.Refuse(CodeDimensions, "%d variables, degree %d", vars, d)
	}
	point, claim, err = v.rounds(claim, vars, d)
	if err != nil {
		return nil, nil, err
	}
	if values, err = v.Receive("values", tables); err != nil {
		return nil, nil, err
	}
	var sum Element
	for _, t := range terms {
		product := t.Coefficient
		for _, f := range t.Factors {
			product = mul(product, values[f])
		}
		sum = add(sum, product)
	}
	if !sum.Equal(&claim) {
		return nil, nil, assay.Refuse(CodeSum, "after %d rounds", vars)
	}
	return point, values, nil
}

// block is how many entries a prover works on at a time: seven tables of them
// fit the first cache.
const block = 256

// combine adds up a homogeneous polynomial of the tables over a block of
// entries. Homogeneous means that the coefficient of the highest power of the
// round's variable is the polynomial of the tables' slopes.
type combine func(block []Vector, scratch Vector) Element

// sum runs the rounds of a sumcheck and sends the tables' last values.
func (p *Prover) sum(tables []Vector, degree int, at combine) (point, values []Element) {
	tables = append([]Vector(nil), tables...)
	for len(tables[0]) > 1 {
		p.Send("round", roundPolynomial(p.each, tables, degree, at)...)
		x := p.Challenge("round")
		point = append(point, x)
		p.bind(tables, x)
	}
	for _, t := range tables {
		values = append(values, t[0])
	}
	p.Send("values", values...)
	return point, values
}

// roundPolynomial returns what a round sends of g, the sum as a polynomial in
// the first variable: g(0), its highest coefficient, and of a cubic also g(−1).
// g(1) follows from the claim.
func roundPolynomial(each func(int, func(int)), tables []Vector, degree int, at combine) []Element {
	half := len(tables[0]) / 2
	parts := 1
	if half >= 1<<14 {
		parts = 8
	}
	partial := make([][3]Element, parts)
	each(parts, func(i int) {
		partial[i] = rangePolynomial(tables, degree, at, half/parts*i, half/parts*(i+1))
	})
	g := make([]Element, degree)
	for i := range partial {
		for j := range g {
			g[j] = add(g[j], partial[i][j])
		}
	}
	return g
}

// rangePolynomial is roundPolynomial over entries [from, to).
func rangePolynomial(tables []Vector, degree int, at combine, from, to int) (g [3]Element) {
	half := len(tables[0]) / 2
	size := min(block, to-from)
	low, slope := make([]Vector, len(tables)), make([]Vector, len(tables))
	scratch := make(Vector, size)
	for i := range slope {
		slope[i] = make(Vector, size)
	}
	for ; from < to; from += size {
		for i, t := range tables {
			low[i] = t[from : from+size]
			slope[i].Sub(t[half+from:half+from+size], low[i])
		}
		g[0] = add(g[0], at(low, scratch))
		g[1] = add(g[1], at(slope, scratch))
		if degree == 3 {
			for i := range slope {
				slope[i].Sub(low[i], slope[i])
			}
			g[2] = add(g[2], at(slope, scratch))
		}
	}
	return g
}

// bind replaces the first variable of every table by x.
func (p *Prover) bind(tables []Vector, x Element) {
	p.each(len(tables), func(i int) {
		t := tables[i]
		half := len(t) / 2
		low, high := t[:half], t[half:]
		high.Sub(high, low)
		high.ScalarMul(high, &x)
		low.Add(low, high)
		tables[i] = low
	})
}

// rounds replays the rounds of a sumcheck and returns the point and what the
// polynomial must be there.
func (v *Verifier) rounds(claim Element, vars, degree int) (point []Element, last Element, err error) {
	for range vars {
		g, err := v.Receive("round", degree)
		if err != nil {
			return nil, claim, err
		}
		x := v.Challenge("round")
		claim = evaluateRound(claim, g, x)
		point = append(point, x)
	}
	return point, claim, nil
}

// evaluateRound returns g(x), where g(0) + g(1) is the claim and sent is what
// roundPolynomial returned.
func evaluateRound(claim Element, sent []Element, x Element) Element {
	c0 := sent[0]
	atOne := sub(claim, c0)
	if len(sent) == 2 {
		c2 := sent[1]
		c1 := sub(sub(atOne, c0), c2)
		return add(c0, mul(x, add(c1, mul(x, c2))))
	}
	c3, atMinusOne := sent[1], sent[2]
	c2 := add(atOne, atMinusOne) // 2·(c0 + c2)
	c2.Halve()
	c2 = sub(c2, c0)
	c1 := sub(sub(sub(atOne, c0), c2), c3)
	return add(c0, mul(x, add(c1, mul(x, add(c2, mul(x, c3))))))
}

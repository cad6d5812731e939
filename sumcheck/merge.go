package sumcheck

import "github.com/capacloud/assay"

// MaxClaims is how many claims on one tensor may be combined.
const MaxClaims = 1 << 10

// BitsMerge returns the bits of combining claims on one tensor of 2^vars entries.
func BitsMerge(vars, claims int) int { return bitsOf(2*vars + claims) }

// ProveMerge reduces claims on one tensor to one, at a point that the transcript
// draws: with powers γ^k of a challenge, Σ_k γ^k·value_k is the sum over x of
// tensor(x)·Σ_k γ^k·eq(point_k, x). The table has 2^len(point) entries and is
// written to.
func ProveMerge(p *Prover, table Vector, claims []Claim) Claim {
	weights := mergeWeights(p, claims)
	point, values := ProveSum(p, []Vector{table, weights}, productTerms())
	return Claim{point, values[0]}
}

// ProveMerge8 is ProveMerge for a tensor of 2^vars int8, of which the entries
// beyond data are zero. The first round works on the integers.
func ProveMerge8(p *Prover, data []int8, vars int, claims []Claim) Claim {
	if vars == 0 {
		return ProveMerge(p, vector8(data, 1), claims)
	}
	weights := mergeWeights(p, claims)
	table, first := p.firstRound(data, weights)
	weights = weights[:len(weights)/2]
	point, values := ProveSum(p, []Vector{table, weights}, productTerms())
	return Claim{append([]Element{first}, point...), values[0]}
}

// mergeWeights absorbs the claims and returns Σ_k γ^k·Eq(point_k).
func mergeWeights(p *Prover, claims []Claim) Vector {
	gamma := p.bindClaims(claims)
	weights := make(Vector, 1<<len(claims[0].Point))
	factor := one()
	for _, c := range claims {
		addEq(p.each, weights, factor, c.Point)
		factor = mul(factor, gamma)
	}
	return weights
}

// bindClaims absorbs claims and draws γ.
func (t *transcript) bindClaims(claims []Claim) Element {
	for _, c := range claims {
		t.bindElements("claim", append(c.Point[:len(c.Point):len(c.Point)], c.Value))
	}
	return t.Challenge("merge")
}

// addEq adds factor·Eq(point) to the table. Coordinates 0 and 1 in front, those
// of an aligned block, confine the work to that block.
func addEq(each func(int, func(int)), table Vector, factor Element, point []Element) {
	for len(point) > 0 {
		half := len(table) / 2
		if point[0].IsZero() {
			table = table[:half]
		} else if point[0].IsOne() {
			table = table[half:]
		} else {
			break
		}
		point = point[1:]
	}
	// A piece is the table under a fixed prefix of the point.
	split := max(0, min(4, len(point)-12))
	prefix := scaledEq(factor, point[:split])
	size := len(table) >> split
	each(len(prefix), func(i int) {
		piece := table[i*size : (i+1)*size]
		piece.Add(piece, scaledEq(prefix[i], point[split:]))
	})
}

// vector8 lifts data to size elements.
func vector8(data []int8, size int) Vector {
	v := make(Vector, size)
	for i, d := range data {
		v[i].B0.A0 = small[smallZero+int(d)]
	}
	return v
}

// small holds the base elements −255 … 255; small[smallZero] is 0.
var small = func() (table [511]Base) {
	for i := range table {
		table[i] = baseInt(int64(i - smallZero))
	}
	return table
}()

const smallZero = 255

// firstRound runs the first round of a sumcheck over data·weights: it binds the
// weights in place and returns the table of data with its first variable bound.
func (p *Prover) firstRound(data []int8, weights Vector) (Vector, Element) {
	half := len(weights) / 2
	parts := 1
	if half >= 1<<14 {
		parts = 8
	}
	partial := make([][2]Element, parts)
	p.each(parts, func(i int) {
		partial[i] = firstPolynomial(data, weights, half/parts*i, half/parts*(i+1))
	})
	var g [2]Element
	for i := range partial {
		g[0], g[1] = add(g[0], partial[i][0]), add(g[1], partial[i][1])
	}
	p.Send("round", g[:]...)
	x := p.Challenge("round")
	table := make(Vector, half)
	p.each(parts, func(i int) { bindFirst(table, data, weights, x, half/parts*i, half/parts*(i+1)) })
	return table, x
}

// firstPolynomial is rangePolynomial of data and weights.
func firstPolynomial(data []int8, weights Vector, from, to int) (g [2]Element) {
	half := len(weights) / 2
	size := min(block, to-from)
	low, slope, high := make([]Base, size), make([]Base, size), make(Vector, size)
	for ; from < to; from += size {
		spread(data, half, from, low, slope)
		weightsLow := weights[from : from+size]
		high.Sub(weights[half+from:half+from+size], weightsLow)
		g[0] = add(g[0], weightsLow.InnerProductByElement(low))
		g[1] = add(g[1], high.InnerProductByElement(slope))
	}
	return g
}

// bindFirst is bind of data and weights over entries [from, to).
func bindFirst(table Vector, data []int8, weights Vector, x Element, from, to int) {
	half := len(weights) / 2
	size := min(block, to-from)
	low, slope := make([]Base, size), make([]Base, size)
	for ; from < to; from += size {
		spread(data, half, from, low, slope)
		out := table[from : from+size]
		for i := range out {
			out[i].B0.A0 = low[i]
		}
		out.MulAccByElement(slope, &x)
		wl, wh := weights[from:from+size], weights[half+from:half+from+size]
		wh.Sub(wh, wl)
		wh.ScalarMul(wh, &x)
		wl.Add(wl, wh)
	}
}

// spread sets low to the entries at from and slope to what those half a table
// later are larger by.
func spread(data []int8, half, from int, low, slope []Base) {
	for i := range low {
		var l, h int
		if from+i < len(data) {
			l = int(data[from+i])
		}
		if half+from+i < len(data) {
			h = int(data[half+from+i])
		}
		low[i], slope[i] = small[smallZero+l], small[smallZero+h-l]
	}
}

// VerifyMerge verifies a proof of ProveMerge or ProveMerge8 and returns the one
// claim that stands for all.
func VerifyMerge(v *Verifier, vars int, claims []Claim) (Claim, error) {
	if len(claims) == 0 || len(claims) > MaxClaims || vars < 0 || vars > MaxVars {
		return Claim{}, assay.Refuse(CodeDimensions, "%d claims on a tensor of %d variables", len(claims), vars)
	}
	for i, c := range claims {
		if len(c.Point) != vars {
			return Claim{}, assay.Refuse(CodeDimensions, "claim %d is at %d variables, the tensor has %d", i, len(c.Point), vars)
		}
	}
	gamma := v.bindClaims(claims)
	var sum Element
	for k := len(claims) - 1; k >= 0; k-- {
		sum = add(mul(sum, gamma), claims[k].Value)
	}
	point, values, err := VerifySum(v, sum, vars, 2, productTerms())
	if err != nil {
		return Claim{}, err
	}
	var weight Element
	for k := len(claims) - 1; k >= 0; k-- {
		weight = add(mul(weight, gamma), EqAt(claims[k].Point, point))
	}
	if !weight.Equal(&values[1]) {
		return Claim{}, assay.Refuse(CodeMerge, "%d claims", len(claims))
	}
	return Claim{point, values[0]}, nil
}

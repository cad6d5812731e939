package sumcheck

import "github.com/capacloud/assay"

// fraction is numerator/denominator; it is not reduced.
type fraction struct{ numerator, denominator Element }

// plus returns a/b + c/d = (ad + bc)/bd.
func (f fraction) plus(g fraction) fraction {
	return fraction{
		add(mul(f.numerator, g.denominator), mul(g.numerator, f.denominator)),
		mul(f.denominator, g.denominator),
	}
}

// A layer of the tree is a sumcheck over the tables eq, p0, q0, q1 and
// s = p1 + λ·q1: eq·(p0·q1 + q0·s) = eq·((p0·q1 + p1·q0) + λ·q0·q1).
const (
	layerEq = iota
	layerP0
	layerQ0
	layerQ1
	layerS
	layerTables
)

// proveFractions proves Σ numerator_i/denominator_i, sent as one fraction, and
// returns the point and the numerators' value to which it is reduced. A layer of
// the tree adds the fractions of index i and i + half.
func proveFractions(p *Prover, numerators, denominators Vector) (point []Element, top Element) {
	layers := fractionTree(p.each, numerators, denominators)
	root := layers[len(layers)-1]
	p.Send("fraction", root[0][0], root[1][0])
	top = root[0][0]
	for k := len(layers) - 2; k >= 0; k-- {
		point, top = proveLayer(p, layers[k][0], layers[k][1], point)
	}
	return point, top
}

// fractionTree returns numerators and denominators of every layer, leaves first.
func fractionTree(each func(int, func(int)), numerators, denominators Vector) [][2]Vector {
	layers := [][2]Vector{{numerators, denominators}}
	for len(numerators) > 1 {
		half := len(numerators) / 2
		p, q := make(Vector, half), make(Vector, half)
		parts := 1
		if half >= 1<<14 {
			parts = 8
		}
		from, n := [2]Vector{numerators, denominators}, half/parts
		each(parts, func(i int) {
			a, b := i*n, (i+1)*n
			p0, p1 := from[0][a:b], from[0][half+a:half+b]
			q0, q1 := from[1][a:b], from[1][half+a:half+b]
			// q is scratch until its own product is due.
			p[a:b].Mul(p0, q1)
			q[a:b].Mul(p1, q0)
			p[a:b].Add(p[a:b], q[a:b])
			q[a:b].Mul(q0, q1)
		})
		numerators, denominators = p, q
		layers = append(layers, [2]Vector{p, q})
	}
	return layers
}

// proveLayer reduces the claims on the sums at point to claims on the layer's
// fractions, which it consumes.
func proveLayer(p *Prover, numerators, denominators Vector, point []Element) ([]Element, Element) {
	lambda := p.Challenge("layer")
	half := len(numerators) / 2
	tables := make([]Vector, layerTables)
	tables[layerEq] = make(Vector, half)
	addEq(p.each, tables[layerEq], one(), point)
	tables[layerP0] = numerators[:half]
	tables[layerQ0], tables[layerQ1] = denominators[:half], denominators[half:]
	s := numerators[half:]
	scaled := make(Vector, half)
	scaled.ScalarMul(tables[layerQ1], &lambda)
	s.Add(s, scaled)
	tables[layerS] = s
	next := p.layerRounds(tables)
	q1 := tables[layerQ1][0]
	p1 := sub(tables[layerS][0], mul(lambda, q1))
	p0, q0 := tables[layerP0][0], tables[layerQ0][0]
	p.Send("halves", p0, p1, q0, q1)
	t := p.Challenge("half")
	return join2([]Element{t}, next), between(p0, p1, t)
}

// layerRounds runs the rounds of a layer; the tables are bound to its point.
func (p *Prover) layerRounds(tables []Vector) (point []Element) {
	at := func(b []Vector, scratch Vector) Element {
		other := make(Vector, len(scratch))
		scratch.Mul(b[layerP0], b[layerQ1])
		other.Mul(b[layerQ0], b[layerS])
		scratch.Add(scratch, other)
		return scratch.InnerProduct(b[layerEq])
	}
	for len(tables[0]) > 1 {
		p.Send("round", roundPolynomial(p.each, tables, 3, at)...)
		x := p.Challenge("round")
		point = append(point, x)
		p.bind(tables, x)
	}
	return point
}

// between returns a + t·(b − a).
func between(a, b, t Element) Element { return add(a, mul(t, sub(b, a))) }

// verifyFractions verifies a proof of proveFractions over 2^vars fractions. The
// root is what they add up to; leaf is what numerators and denominators must be
// at the point.
func verifyFractions(v *Verifier, vars int) (root fraction, point []Element, leaf fraction, err error) {
	top, err := v.Receive("fraction", 2)
	if err != nil {
		return root, nil, leaf, err
	}
	root = fraction{top[0], top[1]}
	leaf = root
	for k := range vars {
		lambda := v.Challenge("layer")
		claim := add(leaf.numerator, mul(lambda, leaf.denominator))
		next, claim, err := v.rounds(claim, k, 3)
		if err != nil {
			return root, nil, leaf, err
		}
		h, err := v.Receive("halves", 4)
		if err != nil {
			return root, nil, leaf, err
		}
		sum := fraction{h[0], h[2]}.plus(fraction{h[1], h[3]})
		want := mul(EqAt(point, next), add(sum.numerator, mul(lambda, sum.denominator)))
		if !want.Equal(&claim) {
			return root, nil, leaf, assay.Refuse(CodeSum, "layer %d of the fractions", k)
		}
		t := v.Challenge("half")
		point = join2([]Element{t}, next)
		leaf = fraction{between(h[0], h[1], t), between(h[2], h[3], t)}
	}
	return root, point, leaf, nil
}

package network

import (
	"encoding/binary"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/machine/tensor"
	"github.com/capacloud/assay/sumcheck"
)

// verifier reads a proof. Its methods mirror those of prover.
type verifier struct {
	*sumcheck.Verifier
	Statement
	plan    plan
	tensors [][]sumcheck.Claim
	inner   []sumcheck.Claim
	weights []sumcheck.Claim
}

// Verify verifies a proof of a statement. Its errors are refusals.
func Verify(s Statement, proof []byte) error {
	g := s.Graph
	if len(s.Input) != g.Input().Size() {
		return assay.Refuse(CodeInput, "%d bytes; the input %v takes %d", len(s.Input), g.Input(), g.Input().Size())
	}
	if err := checkOutput(g, s.Output); err != nil {
		return err
	}
	if b := Bits(g); b < MinBits {
		return assay.Refuse(CodeBits, "%d", b)
	}
	v := &verifier{
		Verifier: sumcheck.NewVerifier(s.Context, proof), Statement: s, plan: planOf(g),
		tensors: make([][]sumcheck.Claim, len(g.Shapes)),
	}
	v.Bind("input", s.Input)
	v.Bind("output", s.Output)
	witness := sumcheck.Commitment{Layout: sumcheck.LayoutOf(v.plan.size)}
	if v.plan.size > 0 {
		root, err := v.ReceiveBytes("witness", len(witness.Root))
		if err != nil {
			return err
		}
		copy(witness.Root[:], root)
	}
	for i := len(g.Model.Nodes) - 1; i >= 0; i-- {
		if err := v.node(i); err != nil {
			return err
		}
	}
	if err := v.clear(); err != nil {
		return err
	}
	return v.open(witness)
}

// checkOutput refuses an output of the wrong length, or with a sum beyond the
// bound, which would be another number in the field.
func checkOutput(g *tensor.Graph, output []byte) error {
	if len(output) != g.OutputBytes() {
		return assay.Refuse(CodeOutput, "%d bytes; the output %v takes %d", len(output), g.Output(), g.OutputBytes())
	}
	if g.Raw() {
		bound := int64(g.Model.Nodes[len(g.Model.Nodes)-1].Bound)
		for i, s := range int32s(output) {
			if int64(s) > bound || int64(s) < -bound {
				return assay.Refuse(CodeOutput, "element %d is %d; the bound is %d", i, s, bound)
			}
		}
	}
	return nil
}

func int32s(b []byte) []int32 {
	out := make([]int32, len(b)/4)
	for i := range out {
		out[i] = int32(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return out
}

// open verifies all claims about what is committed.
func (v *verifier) open(witness sumcheck.Commitment) error {
	if v.plan.size > 0 {
		if err := witness.VerifyOpen(v.Verifier, witnessClaims(&v.plan, v.inner, v.tensors)); err != nil {
			return err
		}
	}
	if len(v.Graph.Blocks) > 0 {
		if err := commitmentOf(v.Graph).VerifyOpen(v.Verifier, v.weights); err != nil {
			return err
		}
	}
	return v.Done()
}

// clear evaluates input and output where there are claims about them.
func (v *verifier) clear() error {
	g := v.Graph
	input := pad(tensor.Int8s(v.Input), g.Input())
	for _, c := range v.tensors[0] {
		if got := evaluate8(input, c.Point); !got.Equal(&c.Value) {
			return assay.Refuse(CodeValue, "input")
		}
	}
	if g.Raw() {
		return nil
	}
	output := pad(tensor.Int8s(v.Output), g.Output())
	for _, c := range v.tensors[len(g.Model.Nodes)] {
		if got := evaluate8(output, c.Point); !got.Equal(&c.Value) {
			return assay.Refuse(CodeValue, "output")
		}
	}
	return nil
}

func (v *verifier) node(i int) error {
	n := &v.Graph.Model.Nodes[i]
	if n.Op == tensor.MaxPool {
		return v.maxPool(i)
	}
	sums, err := v.sums(i)
	if err != nil {
		return err
	}
	switch n.Op {
	case tensor.Dense:
		return v.dense(i, sums)
	case tensor.Conv:
		return v.conv(i, sums)
	case tensor.MatMul:
		return v.matmul(i, sums)
	case tensor.Add:
		return v.addition(i, sums)
	}
	return v.sumPool(i, sums)
}

func (v *verifier) receive(label string) (sumcheck.Element, error) {
	list, err := v.Receive(label, 1)
	if err != nil {
		return sumcheck.Element{}, err
	}
	return list[0], nil
}

func (v *verifier) claim(t int, c sumcheck.Claim) { v.tensors[t] = append(v.tensors[t], c) }

func (v *verifier) claimInner(s span, c sumcheck.Claim) {
	v.inner = append(v.inner, v.plan.claim(s, c))
}

func (v *verifier) claimWeights(i int, c sumcheck.Claim) {
	v.weights = append(v.weights, weightClaim(v.Graph, i, c))
}

// sums verifies the requantisation of a node and returns what is left of it.
func (v *verifier) sums(i int) (sumcheck.Claim, error) {
	n, s, shape := &v.Graph.Model.Nodes[i], &v.plan.nodes[i], v.Graph.Shapes[i+1]
	if n.Requant == nil {
		point := v.Point("output", shape.Bits())
		return sumcheck.Claim{Point: point, Value: evaluate32(pad(int32s(v.Output), shape), point)}, nil
	}
	claims, count, err := sumcheck.VerifyLookup(v.Verifier, fineTable(n), shapes(shape))
	if err != nil {
		return sumcheck.Claim{}, err
	}
	v.claimInner(s.fine, count)
	v.claim(i+1, claims[0][1])
	coarse := claims[0][0]
	if n.Requant.Shift == 0 {
		return coarse, nil
	}
	claims, count, err = sumcheck.VerifyLookup(v.Verifier, cutTable(n.Requant.Shift), shapes(shape))
	if err != nil {
		return sumcheck.Claim{}, err
	}
	v.claimInner(s.cut, count)
	v.claimInner(s.remainder, claims[0][0])
	remainder, err := v.receive("remainder")
	if err != nil {
		return sumcheck.Claim{}, err
	}
	v.claimInner(s.remainder, sumcheck.Claim{Point: coarse.Point, Value: remainder})
	return sumcheck.Claim{Point: coarse.Point, Value: sumOf(n, shape, coarse.Point, coarse.Value, remainder)}, nil
}

func shapes(s tensor.Shape) [][]int { return [][]int{s} }

// bias verifies nothing yet: it takes the biases' value, weighs it by where they
// are added, and returns what the sums are without them.
func (v *verifier) bias(i int, point []sumcheck.Element, sums, where sumcheck.Element) (sumcheck.Element, error) {
	limbs, err := v.Receive("bias", 4)
	if err != nil {
		return sums, err
	}
	claims, value := limbClaims(v.Graph, i, point, limbs)
	v.weights = append(v.weights, claims...)
	return sub(sums, mul(value, where)), nil
}

func (v *verifier) dense(i int, sums sumcheck.Claim) error {
	n, e := &v.Graph.Model.Nodes[i], &v.Graph.Weights[i]
	in, out := v.Graph.Shapes[n.Inputs[0]], v.Graph.Shapes[i+1]
	r := split(sums.Point, out)
	product, err := v.bias(i, r[1], sums.Value, sumcheck.LessAt(out[0], r[0]))
	if err != nil {
		return err
	}
	inner := 1 << in[1:].Bits()
	if len(in) == 2 {
		inner = in[1]
	}
	a, b, err := sumcheck.VerifyMatMul(v.Verifier, in[0], inner, e.Outputs, r[0], r[1], product)
	if err != nil {
		return err
	}
	v.claim(int(n.Inputs[0]), a)
	v.claimWeights(i, b)
	return nil
}

func (v *verifier) conv(i int, sums sumcheck.Claim) error {
	n, e := &v.Graph.Model.Nodes[i], &v.Graph.Weights[i]
	t := int(n.Inputs[0])
	in, out := v.Graph.Shapes[t], v.Graph.Shapes[i+1]
	r := split(sums.Point, out)
	where := inside(tensor.Shape{out[0], out[2], out[3]}, join(r[0], r[2], r[3]))
	product, err := v.bias(i, r[1], sums.Value, where)
	if err != nil {
		return err
	}
	inner := 1 << e.Dims[1:].Bits()
	positions := 1 << (len(r[0]) + len(r[2]) + len(r[3]))
	a, b, err := sumcheck.VerifyMatMulT(v.Verifier, positions, inner, e.Outputs, join(r[0], r[2], r[3]), r[1], product)
	if err != nil {
		return err
	}
	v.claimWeights(i, b)

	u := unfold(n, in, out, a.Point)
	axes := axesOf(n, in, out)
	rows, all := axes[0].weights(u.i, u.di)
	cols, whole := axes[1].weights(u.j, u.dj)
	return v.plane(t, join(u.image, u.channel), rows, cols, sub(a.Value, u.fill(n, in, out, all, whole)))
}

// plane verifies a sum over the two last dimensions of a tensor.
func (v *verifier) plane(t int, point []sumcheck.Element, rows, cols sumcheck.Vector, value sumcheck.Element) error {
	shape := v.Graph.Shapes[t]
	end, left, err := sumcheck.VerifySum(v.Verifier, value, shape[2:].Bits(), 2, productTerms())
	if err != nil {
		return err
	}
	y, x := end[:tensor.Bits(shape[2])], end[tensor.Bits(shape[2]):]
	if want := mul(sumcheck.EvaluateVector(rows, y), sumcheck.EvaluateVector(cols, x)); !want.Equal(&left[1]) {
		return assay.Refuse(CodeValue, "a window over tensor %d", t)
	}
	v.claim(t, sumcheck.Claim{Point: join(point, end), Value: left[0]})
	return nil
}

func (v *verifier) matmul(i int, sums sumcheck.Claim) error {
	n := &v.Graph.Model.Nodes[i]
	in, out := v.Graph.Shapes[n.Inputs[0]], v.Graph.Shapes[i+1]
	r := split(sums.Point, out)
	product := sumcheck.VerifyMatMul
	if n.Transpose {
		product = sumcheck.VerifyMatMulT
	}
	a, b, err := product(v.Verifier, out[0], in[1], out[1], r[0], r[1], sums.Value)
	if err != nil {
		return err
	}
	v.claim(int(n.Inputs[0]), a)
	v.claim(int(n.Inputs[1]), b)
	return nil
}

func (v *verifier) addition(i int, sums sumcheck.Claim) error {
	n := &v.Graph.Model.Nodes[i]
	var total sumcheck.Element
	for k, t := range n.Inputs {
		x, err := v.receive("addend")
		if err != nil {
			return err
		}
		v.claim(int(t), sumcheck.Claim{Point: sums.Point, Value: x})
		total = add(total, mul(sumcheck.Int(int64(n.Factors[k])), x))
	}
	if !total.Equal(&sums.Value) {
		return assay.Refuse(CodeValue, "the addends of node %d", i)
	}
	return nil
}

func (v *verifier) sumPool(i int, sums sumcheck.Claim) error {
	n := &v.Graph.Model.Nodes[i]
	in, out := v.Graph.Shapes[n.Inputs[0]], v.Graph.Shapes[i+1]
	r := split(sums.Point, out)
	axes := axesOf(n, in, out)
	return v.plane(int(n.Inputs[0]), join(r[0], r[1]), axes[0].sums(r[2]), axes[1].sums(r[3]), sums.Value)
}

func (v *verifier) maxPool(i int) error {
	s, shape := &v.plan.nodes[i], v.Graph.Shapes[i+1]
	point, difference, rest, err := v.pairs(shape, s.rows)
	if err != nil {
		return err
	}
	first, err := v.receive("neighbour")
	if err != nil {
		return err
	}
	upper, lower := neighbours(shape, point)
	v.claimInner(s.middle, sumcheck.Claim{Point: upper, Value: first})
	v.claimInner(s.middle, sumcheck.Claim{Point: lower, Value: add(first, difference)})
	v.claim(i+1, sumcheck.Claim{Point: point, Value: add(first, rest)})

	if point, difference, rest, err = v.pairs(middleShape(shape), s.columns); err != nil {
		return err
	}
	if first, err = v.receive("neighbour"); err != nil {
		return err
	}
	t := int(v.Graph.Model.Nodes[i].Inputs[0])
	v.claim(t, sumcheck.Claim{Point: join(point, zero()), Value: first})
	v.claim(t, sumcheck.Claim{Point: join(point, one()), Value: add(first, difference)})
	v.claimInner(s.middle, sumcheck.Claim{Point: point, Value: add(first, rest)})
	return nil
}

func (v *verifier) pairs(shape tensor.Shape, count span) (point []sumcheck.Element, difference, rest sumcheck.Element, err error) {
	claims, c, err := sumcheck.VerifyLookup(v.Verifier, pairTable(), shapes(shape))
	if err != nil {
		return nil, difference, rest, err
	}
	v.claimInner(count, c)
	return claims[0][0].Point, claims[0][0].Value, claims[0][1].Value, nil
}

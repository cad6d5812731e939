package network

import (
	"github.com/capacloud/assay/machine/tensor"
	"github.com/capacloud/assay/sumcheck"
)

// Statement is what a proof shows: that this model makes this output of this
// input. The context says for whom.
type Statement struct {
	Context sumcheck.Context
	Graph   *tensor.Graph
	Input   []byte
	Output  []byte
}

// prover writes a proof. Claims collect until the end.
type prover struct {
	*sumcheck.Prover
	graph   *tensor.Graph
	plan    plan
	params  *tensor.Params
	witness *witness
	tensors [][]sumcheck.Claim // about each tensor
	inner   []sumcheck.Claim   // about the witness
	weights []sumcheck.Claim   // about the commitment of the model
}

// Prove proves a statement that holds. Params and trace are the model's and of
// the statement's input; committed is CommitWeights of params.
func Prove(s Statement, params *tensor.Params, trace *tensor.Trace, committed *sumcheck.Committed, parallel Parallel) []byte {
	w, layout := witnessOf(s.Graph, trace), planOf(s.Graph)
	return prove(s, params, w, w.flat(&layout), committed, parallel)
}

// prove commits to the flat witness and proves by the other one.
func prove(s Statement, params *tensor.Params, w *witness, flat []int32, committed *sumcheck.Committed, parallel Parallel) []byte {
	p := &prover{
		Prover: sumcheck.NewProver(s.Context), graph: s.Graph, plan: planOf(s.Graph), params: params, witness: w,
		tensors: make([][]sumcheck.Claim, len(s.Graph.Shapes)),
	}
	p.Parallel = parallel
	p.Bind("input", s.Input)
	p.Bind("output", s.Output)
	var inner *sumcheck.Committed
	if p.plan.size > 0 {
		inner = sumcheck.Commit32(flat, sumcheck.LayoutOf(p.plan.size), parallel)
		root := inner.Commitment().Root
		p.SendBytes("witness", root[:])
	}
	for i := len(w.nodes) - 1; i >= 0; i-- {
		p.node(i)
	}
	if inner != nil {
		inner.ProveOpen(p.Prover, p.all())
	}
	if committed != nil {
		committed.ProveOpen(p.Prover, p.weights)
	}
	return p.Proof()
}

// all returns the claims about the witness, those about inner tensors included.
func (p *prover) all() []sumcheck.Claim { return witnessClaims(&p.plan, p.inner, p.tensors) }

// witnessClaims adds the claims about inner tensors to those about the rest.
func witnessClaims(p *plan, inner []sumcheck.Claim, tensors [][]sumcheck.Claim) []sumcheck.Claim {
	for i, s := range p.nodes {
		if s.tensor.present() {
			for _, c := range tensors[i+1] {
				inner = append(inner, p.claim(s.tensor, c))
			}
		}
	}
	return inner
}

func (p *prover) node(i int) {
	n := &p.graph.Model.Nodes[i]
	if n.Op == tensor.MaxPool {
		p.maxPool(i)
		return
	}
	point := p.sums(i)
	switch n.Op {
	case tensor.Dense:
		p.dense(i, point)
	case tensor.Conv:
		p.conv(i, point)
	case tensor.MatMul:
		p.matmul(i, point)
	case tensor.Add:
		for _, t := range n.Inputs {
			p.send("addend", int(t), point)
		}
	case tensor.SumPool:
		p.sumPool(i, point)
	}
}

// send states what a tensor's extension is at a point, and claims it.
func (p *prover) send(label string, t int, point []sumcheck.Element) {
	v := evaluate8(p.witness.tensors[t], point)
	p.Send(label, v)
	p.claim(t, sumcheck.Claim{Point: point, Value: v})
}

func (p *prover) claim(t int, c sumcheck.Claim) { p.tensors[t] = append(p.tensors[t], c) }

func (p *prover) claimInner(s span, c sumcheck.Claim) { p.inner = append(p.inner, p.plan.claim(s, c)) }

// claimWeights claims what the weights of a node are at a point.
func (p *prover) claimWeights(i int, c sumcheck.Claim) {
	p.weights = append(p.weights, weightClaim(p.graph, i, c))
}

func weightClaim(g *tensor.Graph, i int, c sumcheck.Claim) sumcheck.Claim {
	return sumcheck.Claim{Point: sumcheck.Block(g.Log, g.BlockOf(i, false).Offset, c.Point), Value: c.Value}
}

// limbClaims returns the claims about the limbs of the biases of a node at a
// point, and the biases' value there.
func limbClaims(g *tensor.Graph, i int, point, limbs []sumcheck.Element) (claims []sumcheck.Claim, value sumcheck.Element) {
	offset := g.BlockOf(i, true).Offset
	for k, x := range limbs {
		claims = append(claims, sumcheck.Claim{Point: sumcheck.Block(g.Log, offset+k<<len(point), point), Value: x})
		value = add(value, mul(sumcheck.Int(1<<(8*k)), x))
	}
	return claims, value
}

// sums proves that what the node computes is the requantisation of its sums, and
// returns the point at which a claim about the sums is left.
func (p *prover) sums(i int) []sumcheck.Element {
	n, x, s, shape := &p.graph.Model.Nodes[i], &p.witness.nodes[i], &p.plan.nodes[i], p.graph.Shapes[i+1]
	if n.Requant == nil {
		return p.Point("output", shape.Bits())
	}
	claims, count := sumcheck.ProveLookup(p.Prover, fineTable(n), []sumcheck.Columns{columns(shape, x.coarse, x.fine)}, x.fineCount)
	p.claimInner(s.fine, count)
	p.claim(i+1, claims[0][1])
	point := claims[0][0].Point
	if n.Requant.Shift == 0 {
		return point
	}
	claims, count = sumcheck.ProveLookup(p.Prover, cutTable(n.Requant.Shift), []sumcheck.Columns{columns(shape, x.remainder)}, x.cutCount)
	p.claimInner(s.cut, count)
	p.claimInner(s.remainder, claims[0][0])
	v := evaluate32(x.remainder, point)
	p.Send("remainder", v)
	p.claimInner(s.remainder, sumcheck.Claim{Point: point, Value: v})
	return point
}

func evaluate8(data []int8, point []sumcheck.Element) sumcheck.Element {
	return sumcheck.Evaluate8(data, 1, len(data), nil, point)
}

func evaluate32(data []int32, point []sumcheck.Element) sumcheck.Element {
	return sumcheck.Evaluate32(data, 1, len(data), nil, point)
}

// bias states and claims what the biases of a node are at a point.
func (p *prover) bias(i int, point []sumcheck.Element) {
	biases := p.params.Biases[i]
	limbs := make([]sumcheck.Element, 4)
	plane := make([]int8, len(biases))
	for k := range limbs {
		for j, b := range biases {
			plane[j] = tensor.Limbs(b)[k]
		}
		limbs[k] = evaluate8(plane, point)
	}
	p.Send("bias", limbs...)
	claims, _ := limbClaims(p.graph, i, point, limbs)
	p.weights = append(p.weights, claims...)
}

func (p *prover) dense(i int, point []sumcheck.Element) {
	n, e := &p.graph.Model.Nodes[i], &p.graph.Weights[i]
	in, out := p.graph.Shapes[n.Inputs[0]], p.graph.Shapes[i+1]
	r := split(point, out)
	p.bias(i, r[1])
	inner := 1 << in[1:].Bits()
	weights := p.params.Weights[i]
	if len(in) > 2 {
		weights = padRows(weights, in[1:], out[1])
	} else {
		inner = in[1]
	}
	a, b := sumcheck.ProveMatMul(p.Prover, p.rows(int(n.Inputs[0]), inner), weights, in[0], inner, e.Outputs, r[0], r[1])
	p.claim(int(n.Inputs[0]), a)
	p.claimWeights(i, b)
}

// rows returns a tensor as rows of inner elements, one for each image.
func (p *prover) rows(t, inner int) []int8 {
	shape, data := p.graph.Shapes[t], p.witness.tensors[t]
	padded := len(data) >> tensor.Bits(shape[0])
	if padded == inner {
		return data[:shape[0]*inner]
	}
	out := make([]int8, 0, shape[0]*inner)
	for b := range shape[0] {
		out = append(out, data[b*padded:b*padded+inner]...)
	}
	return out
}

// padRows pads the dimensions of a tensor whose elements are rows of cols numbers.
func padRows(data []int8, shape tensor.Shape, cols int) []int8 {
	out := make([]int8, cols<<shape.Bits())
	padRowsInto(out, data, shape, cols)
	return out
}

func padRowsInto(out, data []int8, shape tensor.Shape, cols int) {
	if len(shape) == 0 {
		copy(out, data[:cols])
		return
	}
	from, to := shape[1:].Size()*cols, cols<<shape[1:].Bits()
	for i := range shape[0] {
		padRowsInto(out[i*to:(i+1)*to], data[i*from:(i+1)*from], shape[1:], cols)
	}
}

func (p *prover) conv(i int, point []sumcheck.Element) {
	n, e := &p.graph.Model.Nodes[i], &p.graph.Weights[i]
	t := int(n.Inputs[0])
	in, out := p.graph.Shapes[t], p.graph.Shapes[i+1]
	r := split(point, out)
	p.bias(i, r[1])
	inner := 1 << e.Dims[1:].Bits()
	m := matrix(n, in, out, p.real(t))
	weights := pad(p.params.Weights[i], e.Dims)[:e.Outputs*inner]
	a, b := sumcheck.ProveMatMulT(p.Prover, m, weights, len(m)/inner, inner, e.Outputs, join(r[0], r[2], r[3]), r[1])
	p.claimWeights(i, b)

	u := unfold(n, in, out, a.Point)
	axes := axesOf(n, in, out)
	rows, _ := axes[0].weights(u.i, u.di)
	cols, _ := axes[1].weights(u.j, u.dj)
	p.plane(t, join(u.image, u.channel), rows, cols)
}

// real returns a tensor without padding.
func (p *prover) real(t int) []int8 { return unpad(p.witness.tensors[t], p.graph.Shapes[t]) }

func unpad(data []int8, shape tensor.Shape) []int8 {
	if len(data) == shape.Size() {
		return data
	}
	if len(shape) == 1 {
		return data[:shape[0]]
	}
	var out []int8
	step := 1 << shape[1:].Bits()
	for i := range shape[0] {
		out = append(out, unpad(data[i*step:(i+1)*step], shape[1:])...)
	}
	return out
}

// plane proves Σ_{y,x} X(point, y, x) · rows[y] · cols[x] of a tensor whose first
// two dimensions are bound by point, and claims what X is at the end of it.
func (p *prover) plane(t int, point []sumcheck.Element, rows, cols sumcheck.Vector) {
	data := p.witness.tensors[t]
	planes := 1 << len(point)
	values := sumcheck.SumRows8(data, planes, len(data)/planes, sumcheck.Eq(point))
	weights := make(sumcheck.Vector, 0, len(values))
	for i := range rows {
		row := make(sumcheck.Vector, len(cols))
		row.ScalarMul(cols, &rows[i])
		weights = append(weights, row...)
	}
	end, left := sumcheck.ProveSum(p.Prover, []sumcheck.Vector{values, weights}, productTerms())
	p.claim(t, sumcheck.Claim{Point: join(point, end), Value: left[0]})
}

func productTerms() []sumcheck.Term {
	return []sumcheck.Term{{Coefficient: sumcheck.Int(1), Factors: []int{0, 1}}}
}

func (p *prover) matmul(i int, point []sumcheck.Element) {
	n := &p.graph.Model.Nodes[i]
	in, out := p.graph.Shapes[n.Inputs[0]], p.graph.Shapes[i+1]
	r := split(point, out)
	product := sumcheck.ProveMatMul
	if n.Transpose {
		product = sumcheck.ProveMatMulT
	}
	a, b := product(p.Prover, p.real(int(n.Inputs[0])), p.real(int(n.Inputs[1])), out[0], in[1], out[1], r[0], r[1])
	p.claim(int(n.Inputs[0]), a)
	p.claim(int(n.Inputs[1]), b)
}

func (p *prover) sumPool(i int, point []sumcheck.Element) {
	n := &p.graph.Model.Nodes[i]
	in, out := p.graph.Shapes[n.Inputs[0]], p.graph.Shapes[i+1]
	r := split(point, out)
	axes := axesOf(n, in, out)
	p.plane(int(n.Inputs[0]), join(r[0], r[1]), axes[0].sums(r[2]), axes[1].sums(r[3]))
}

// maxPool proves the maxima of columns, then those of rows: a maximum of two is
// the first plus what their difference has above zero.
func (p *prover) maxPool(i int) {
	n, x, s, shape := &p.graph.Model.Nodes[i], &p.witness.nodes[i], &p.plan.nodes[i], p.graph.Shapes[i+1]
	point := p.pairs(shape, &x.rows, s.rows)
	first, second := neighbours(shape, point)
	v := evaluate32(x.middle, first)
	p.Send("neighbour", v)
	p.claimPair(point, first, second, &x.rows, v, func(c sumcheck.Claim) { p.claimInner(s.middle, c) }, func(c sumcheck.Claim) { p.claim(i+1, c) })

	t := int(n.Inputs[0])
	point = p.pairs(middleShape(shape), &x.columns, s.columns)
	first, second = join(point, zero()), join(point, one())
	v = evaluate8(p.witness.tensors[t], first)
	p.Send("neighbour", v)
	p.claimPair(point, first, second, &x.columns, v, func(c sumcheck.Claim) { p.claim(t, c) }, func(c sumcheck.Claim) { p.claimInner(s.middle, c) })
}

func zero() []sumcheck.Element { return []sumcheck.Element{{}} }
func one() []sumcheck.Element  { return []sumcheck.Element{sumcheck.Int(1)} }

// neighbours returns the points of the upper and lower neighbours in a tensor of
// twice the height.
func neighbours(out tensor.Shape, point []sumcheck.Element) (upper, lower []sumcheck.Element) {
	r := split(point, out)
	return join(r[0], r[1], r[2], zero(), r[3]), join(r[0], r[1], r[2], one(), r[3])
}

// pairs proves the lookups of one half of a maxpool.
func (p *prover) pairs(shape tensor.Shape, x *pairs, count span) []sumcheck.Element {
	claims, c := sumcheck.ProveLookup(p.Prover, pairTable(), []sumcheck.Columns{columns(shape, x.difference, x.rest)}, x.count)
	p.claimInner(count, c)
	return claims[0][0].Point
}

// claimPair claims both neighbours and their maximum; v is the first neighbour.
func (p *prover) claimPair(point, first, second []sumcheck.Element, x *pairs, v sumcheck.Element, in, out func(sumcheck.Claim)) {
	in(sumcheck.Claim{Point: first, Value: v})
	in(sumcheck.Claim{Point: second, Value: add(v, evaluate32(x.difference, point))})
	out(sumcheck.Claim{Point: point, Value: add(v, evaluate32(x.rest, point))})
}

// commitmentOf returns the commitment of a model.
func commitmentOf(g *tensor.Graph) sumcheck.Commitment {
	return sumcheck.Commitment{Root: g.Model.Commitment, Layout: sumcheck.LayoutOf(g.Size)}
}

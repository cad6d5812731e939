package network

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/evidence"
	"github.com/capacloud/assay/freivalds"
	"github.com/capacloud/assay/machine/tensor"
	"github.com/capacloud/assay/merkle"
)

// MatricesOf returns the two pieces of evidence for `freivalds`: the commitment,
// and what it commits to. It refuses networks that do not fit.
func MatricesOf(seat uint16, descriptor, input, weights []byte, t *tensor.Trace) (first, second []byte, err error) {
	x := &Matrices{Seat: seat, Model: descriptor, Input: input, Weights: weights}
	for _, sums := range t.Sums {
		for _, s := range sums {
			x.Sums = binary.LittleEndian.AppendUint32(x.Sums, uint32(s))
		}
	}
	if second = x.Bytes(); len(second) > MaxEvidence {
		return nil, nil, assay.Refuse(CodeLarge, "%d bytes", len(second))
	}
	c := &Matrices{Seat: seat, Commitment: assay.EvidenceDigest(second)}
	return c.Bytes(), second, nil
}

// recomputation goes through a network by sums that somebody claims: everything
// but the products is computed, and these are checked one at a time, so that no
// two matrices of windows are held at once.
type recomputation struct {
	product func(freivalds.Product) error
}

// recompute returns the output that claimed sums give.
func recompute(g *tensor.Graph, p *tensor.Params, input, sums []byte, product func(freivalds.Product) error) ([]byte, error) {
	want := 0
	for i := range g.Model.Nodes {
		if g.Model.Nodes[i].Op != tensor.MaxPool {
			want += 4 * g.Shapes[i+1].Size()
		}
	}
	if len(sums) != want {
		return nil, assay.Refuse(CodeEvidence, "%d bytes of sums; the network has %d", len(sums), want)
	}
	r := &recomputation{product}
	var refused error
	claimed := func(g *tensor.Graph, p *tensor.Params, node int, tensors [][]int8) []int32 {
		size := 4 * g.Shapes[node+1].Size()
		out := int32s(sums[:size])
		sums = sums[size:]
		if err := r.node(g, p, node, tensors, out); err != nil && refused == nil {
			refused = err
		}
		if refused != nil {
			clear(out) // so that every table has them
		}
		return out
	}
	t, err := g.EvaluateWith(p, tensor.Int8s(input), claimed)
	if err != nil {
		return nil, assay.Refuse(CodeInput, "%v", err)
	}
	if refused != nil {
		return nil, refused
	}
	return g.OutputOf(t), nil
}

// node checks the sums of a node.
func (r *recomputation) node(g *tensor.Graph, p *tensor.Params, node int, tensors [][]int8, sums []int32) error {
	n := &g.Model.Nodes[node]
	for i, s := range sums {
		if int64(s) > int64(n.Bound) || int64(s) < -int64(n.Bound) {
			return assay.Refuse(CodeSums, "node %d: sum %d is %d; the bound is %d", node, i, s, n.Bound)
		}
	}
	a, in, out := tensors[n.Inputs[0]], g.Shapes[n.Inputs[0]], g.Shapes[node+1]
	switch n.Op {
	case tensor.Dense:
		return r.product(freivalds.Product{Rows: in[0], Inner: in.Size() / in[0], Cols: out[1], A: a, B: p.Weights[node], C: without(sums, p.Biases[node], 1)})
	case tensor.MatMul:
		return r.product(freivalds.Product{Rows: out[0], Inner: in[1], Cols: out[1], Transposed: n.Transpose, A: a, B: tensors[n.Inputs[1]], C: sums})
	case tensor.Conv:
		positions := out[2] * out[3]
		inner := g.Weights[node].Count / out[1]
		for b := range out[0] {
			c := without(sums[b*out[1]*positions:(b+1)*out[1]*positions], p.Biases[node], positions)
			err := r.product(freivalds.Product{Rows: out[1], Inner: inner, Cols: positions, Transposed: true, A: p.Weights[node], B: windows(n, in, out, a[b*in[1]*in[2]*in[3]:]), C: c})
			if err != nil {
				return err
			}
		}
	default:
		if !slices.Equal(sums, g.Sum(p, node, tensors)) {
			return assay.Refuse(CodeSums, "node %d (%s)", node, n.Op)
		}
	}
	return nil
}

// without takes the biases off sums of which each run of the given length has one.
func without(sums, biases []int32, run int) []int32 {
	out := make([]int32, len(sums))
	for i, s := range sums {
		out[i] = s - biases[i/run%len(biases)]
	}
	return out
}

// windows is what a convolution's window reads at each position of one image.
func windows(n *tensor.Node, in, out tensor.Shape, image []int8) []int8 {
	kh, kw := int(n.Window.Kernel[0]), int(n.Window.Kernel[1])
	m := make([]int8, 0, out[2]*out[3]*in[1]*kh*kw)
	for i := range out[2] {
		for j := range out[3] {
			for c := range in[1] {
				for di := range kh {
					y := i*int(n.Window.Stride[0]) + di - int(n.Window.Pad[0])
					for dj := range kw {
						x, v := j*int(n.Window.Stride[1])+dj-int(n.Window.Pad[1]), n.Window.Fill
						if y >= 0 && y < in[2] && x >= 0 && x < in[3] {
							v = image[(c*in[2]+y)*in[3]+x]
						}
						m = append(m, v)
					}
				}
			}
		}
	}
	return m
}

// VerifyMatrices checks an evidence for `freivalds` against a beacon that came
// after the sender had fixed it, and returns the output that it shows.
func VerifyMatrices(c freivalds.Context, g *tensor.Graph, x *Matrices, beacon assay.Digest) ([]byte, error) {
	if merkle.FileOf(x.Weights) != g.Model.Weights {
		return nil, assay.Refuse(CodeDescriptor, "the descriptor names weights %s", g.Model.Weights)
	}
	p, err := g.ReadParams(x.Weights)
	if err != nil {
		return nil, err
	}
	if len(x.Input) != g.Input().Size() {
		return nil, assay.Refuse(CodeInput, "%d bytes; the input %v takes %d", len(x.Input), g.Input(), g.Input().Size())
	}
	var number uint32
	return recompute(g, p, x.Input, x.Sums, func(product freivalds.Product) error {
		number++
		return freivalds.Interactive(c, canon.Hash("assay/network/freivalds/1", beacon[:], binary.LittleEndian.AppendUint32(nil, number)), product)
	})
}

// Freivalds returns the check `freivalds`.
func Freivalds() assay.Check { return projected{} }

type projected struct{}

// String returns the canonical policy text.
func (projected) String() string { return "freivalds" }

// Judge supports what was shown.
func (projected) Judge(v assay.View, state []byte) assay.Finding { return judge(v, state) }

// Step takes a commitment, and later what was committed to. Sums that are not
// those of the network are held against the seat; what is not about the job, or
// not what was committed to, is refused.
func (c projected) Step(v assay.View, state []byte, e assay.Evidence) ([]byte, error) {
	st, err := evidence.Read(state)
	if err != nil {
		return nil, err
	}
	x, err := ParseMatrices(e.Body)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(v.Executions, func(s assay.Execution) bool { return s.Seat == x.Seat && s.Provider == e.From }) {
		return nil, assay.Refuse(CodeSeat, "seat %d is not that of %s", x.Seat, e.From.Short())
	}
	if !x.Commitment.IsZero() {
		err := st.Commit(v, x.Seat, x.Commitment)
		return st.Bytes(), err
	}
	p, err := c.show(v, &st, x, e)
	if err != nil {
		return nil, err
	}
	err = st.Show(v, *p)
	return st.Bytes(), err
}

func (c projected) show(v assay.View, st *evidence.State, x *Matrices, e assay.Evidence) (*evidence.Proof, error) {
	beacon, err := c.beacon(v, st, x.Seat, assay.EvidenceDigest(e.Body))
	if err != nil {
		return nil, err
	}
	g, err := graphOf(v.Job, x.Model, x.Input)
	if err != nil {
		return nil, err
	}
	output, err := VerifyMatrices(freivalds.Context{Network: v.Network, Job: v.Job.ID(), Payee: e.From}, g, x, beacon)
	p := &evidence.Proof{Seat: x.Seat}
	switch assay.CodeOf(err) {
	case CodeSums, freivalds.CodeProduct:
		p.False = err.Error()
		p.Candidate, err = resultOf(v, x.Seat)
		return p, err
	}
	if err != nil {
		return nil, err
	}
	if p.Candidate, err = opened(v, e.From, x.Seat, output); err != nil {
		return nil, err
	}
	p.Text = fmt.Sprintf("shown by random projections: the network of %d nodes and %d multiplications makes this output of the job's input", len(g.Model.Nodes), g.Work)
	p.Assume = []assay.Assumption{{Code: CodeBeacon, Text: "a wrong product passes with chance 2^-61: the projection was drawn by a beacon after all matrices were fixed"}}
	return p, nil
}

// resultOf returns the result that a seat has opened.
func resultOf(v assay.View, seat uint16) (assay.Digest, error) {
	for _, s := range v.Executions {
		if s.Seat == seat && !s.Result.IsZero() {
			return s.Result, nil
		}
	}
	return assay.Digest{}, assay.Refuse(CodeSeat, "seat %d has opened nothing", seat)
}

// beacon returns the first beacon after the seat's commitment, which must be one
// to the evidence.
func (c projected) beacon(v assay.View, st *evidence.State, seat uint16, body assay.Digest) (assay.Digest, error) {
	commitment, height, ok := st.Committed(seat)
	if !ok || commitment != body {
		return assay.Digest{}, assay.Refuse(CodeCommitment, "seat %d has not committed to this evidence", seat)
	}
	first := assay.EvidenceDigest((&Matrices{Seat: seat, Commitment: commitment}).Bytes())
	for _, p := range v.Posted {
		if p.Check == c.String() && p.Seat == seat && p.Digest == first && p.After > p.Height && p.After <= v.Height {
			return p.Beacon.Value, nil
		}
	}
	return assay.Digest{}, assay.Refuse(CodeCommitment, "no beacon has passed since the commitment at height %d", height)
}

// gasUnfold is what a byte of a matrix costs that the check makes or projects.
const gasUnfold = 2

// FreivaldsGas returns an upper bound of what Step costs on evidence for
// `freivalds`. It reads the descriptor alone.
func FreivaldsGas(body []byte) uint64 {
	gas := gasNode + gasByte*uint64(len(body))
	g := peek(body)
	if g == nil {
		return gas
	}
	for i := range g.Model.Nodes {
		n, out := &g.Model.Nodes[i], g.Shapes[i+1]
		gas += gasNode + gasRow*uint64(out.Size())
		switch n.Op {
		case tensor.Conv:
			in := g.Shapes[n.Inputs[0]]
			gas += gasUnfold * uint64(out[0]*out[2]*out[3]*in[1]) * uint64(n.Window.Kernel[0]*n.Window.Kernel[1])
		case tensor.SumPool:
			gas += gasUnfold * uint64(out.Size()) * uint64(n.Window.Kernel[0]*n.Window.Kernel[1])
		}
		if n.Requant != nil {
			gas += gasRow << n.Requant.TableBits(n.Bound)
		}
	}
	return gas
}

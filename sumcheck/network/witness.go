package network

import (
	"github.com/capacloud/assay/machine/tensor"
	"github.com/capacloud/assay/sumcheck"
)

// witness is what a prover knows of an evaluation, laid out for the proof.
type witness struct {
	tensors [][]int8 // by tensor, padded; nil where the output is sums
	nodes   []nodeWitness
}

// nodeWitness belongs to one node. All tensors are padded.
type nodeWitness struct {
	coarse, remainder, fine []int32 // of its sums: the first rounding, what it cuts off, the int8
	fineCount, cutCount     []int32
	middle                  []int32 // maxpool: maxima of neighbours in a row
	columns, rows           pairs
}

// pairs are the lookups of one half of a maxpool: difference, and max(it, 0).
type pairs struct {
	difference, rest, count []int32
}

// witnessOf lays out a trace of the model.
func witnessOf(g *tensor.Graph, t *tensor.Trace) *witness {
	w := &witness{tensors: make([][]int8, len(g.Shapes)), nodes: make([]nodeWitness, len(g.Model.Nodes))}
	for i, shape := range g.Shapes {
		if t.Tensors[i] != nil {
			w.tensors[i] = pad(t.Tensors[i], shape)
		}
	}
	for i := range w.nodes {
		n, x, shape := &g.Model.Nodes[i], &w.nodes[i], g.Shapes[i+1]
		switch {
		case n.Op == tensor.MaxPool:
			x.pool(w.tensors[n.Inputs[0]], w.tensors[i+1], shape)
		case n.Requant != nil:
			x.requantise(n, t.Sums[i], w.tensors[i+1], shape)
		}
	}
	return w
}

// requantise cuts sums into what the lookups are about.
func (x *nodeWitness) requantise(n *tensor.Node, sums []int32, out []int8, shape tensor.Shape) {
	r, bits := n.Requant, n.Requant.TableBits(n.Bound)
	coarse, remainder := make([]int32, len(sums)), make([]int32, len(sums))
	x.fineCount, x.cutCount = make([]int32, 1<<bits), make([]int32, 1<<r.Shift)
	for k, v := range sums {
		t := r.Coarse(int64(v))
		coarse[k], remainder[k] = int32(t), int32(int64(v)+r.Half()-t<<r.Shift)
		x.fineCount[coarse[k]+1<<(bits-1)]++
		x.cutCount[remainder[k]]++
	}
	x.coarse, x.remainder, x.fine = pad(coarse, shape), pad(remainder, shape), widen(out)
}

// pool splits the maximum of four into maxima of neighbours in a row, and of
// these in a column.
func (x *nodeWitness) pool(in, out []int8, shape tensor.Shape) {
	middle := middleShape(shape)
	width, half := 1<<tensor.Bits(shape[3]), 1<<middle.Bits()
	x.middle = make([]int32, half)
	even, odd := make([]int32, half), make([]int32, half)
	for i := range half {
		even[i], odd[i] = int32(in[2*i]), int32(in[2*i+1])
		x.middle[i] = max(even[i], odd[i])
	}
	x.columns.fill(middle, even, odd, x.middle)
	upper, lower := make([]int32, half/2), make([]int32, half/2)
	for i := range upper {
		at := i/width*2*width + i%width
		upper[i], lower[i] = x.middle[at], x.middle[at+width]
	}
	x.rows.fill(shape, upper, lower, widen(out))
}

func (p *pairs) fill(shape tensor.Shape, first, second, largest []int32) {
	p.difference, p.rest, p.count = make([]int32, len(first)), make([]int32, len(first)), make([]int32, 1<<pairBits)
	for i := range first {
		p.difference[i], p.rest[i] = second[i]-first[i], largest[i]-first[i]
		p.count[p.difference[i]+1<<(pairBits-1)]++
	}
	// What was padded is no lookup; its difference is zero.
	p.count[1<<(pairBits-1)] -= int32(len(first) - shape.Size())
}

func columns(shape tensor.Shape, data ...[]int32) sumcheck.Columns {
	return sumcheck.Columns{Shape: shape, Data: data}
}

func widen(a []int8) []int32 {
	out := make([]int32, len(a))
	for i, v := range a {
		out[i] = int32(v)
	}
	return out
}

// flat is the committed vector.
func (w *witness) flat(p *plan) []int32 {
	data := make([]int32, p.size)
	for i, s := range p.nodes {
		x := &w.nodes[i]
		for _, part := range []struct {
			span
			data []int32
		}{
			{s.remainder, x.remainder},
			{s.fine, x.fineCount},
			{s.cut, x.cutCount},
			{s.middle, x.middle},
			{s.columns, x.columns.count},
			{s.rows, x.rows.count},
		} {
			if part.present() {
				copy(data[part.offset:][:part.size], part.data)
			}
		}
		if s.tensor.present() {
			copy(data[s.tensor.offset:], widen(w.tensors[i+1]))
		}
	}
	return data
}

// CommitWeights commits to the weights of a model. A model without weights has
// no commitment.
func CommitWeights(g *tensor.Graph, params *tensor.Params, parallel Parallel) *sumcheck.Committed {
	if len(g.Blocks) == 0 {
		return nil
	}
	return sumcheck.Commit8(g.Committed(params), sumcheck.LayoutOf(g.Size), parallel)
}

// Parallel runs do(0) … do(n−1), possibly at once; nil runs one after another.
type Parallel = func(n int, do func(i int))

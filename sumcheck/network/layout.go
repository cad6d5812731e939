package network

import (
	"slices"

	"github.com/capacloud/assay/machine/tensor"
	"github.com/capacloud/assay/sumcheck"
)

// span is an aligned part of the committed witness; one without a size is not there.
type span struct {
	size, offset int
}

func (s span) present() bool { return s.size != 0 }

// spans are the parts of the witness that belong to one node.
type spans struct {
	tensor    span // what the node computes; not there of the last node
	remainder span // what the first rounding cuts off
	fine      span // how often each row of the requantisation's table is used
	cut       span // how often each remainder is
	middle    span // maxpool: the maxima of neighbours in a row
	columns   span // maxpool: how often each difference of neighbours in a row is met
	rows      span // maxpool: the same of neighbours in a column
}

// plan is where everything lies in the witness. It follows from the graph.
type plan struct {
	nodes []spans
	log   int // the witness has 2^log numbers; nothing is committed if size is 0
	size  int
}

// pairBits is the size of the table of maxpool: differences of two int8.
const pairBits = 9

func planOf(g *tensor.Graph) plan {
	p := plan{nodes: make([]spans, len(g.Model.Nodes))}
	var all []*span
	claim := func(s *span, bits int) {
		s.size = 1 << bits
		all = append(all, s)
	}
	for i := range g.Model.Nodes {
		n, s, bits := &g.Model.Nodes[i], &p.nodes[i], g.Shapes[i+1].Bits()
		if i+1 < len(g.Model.Nodes) {
			claim(&s.tensor, bits)
		}
		if n.Op == tensor.MaxPool {
			claim(&s.middle, middleShape(g.Shapes[i+1]).Bits())
			claim(&s.columns, pairBits)
			claim(&s.rows, pairBits)
		}
		if n.Requant == nil {
			continue
		}
		claim(&s.fine, n.Requant.TableBits(n.Bound))
		if n.Requant.Shift > 0 {
			claim(&s.remainder, bits)
			claim(&s.cut, int(n.Requant.Shift))
		}
	}
	// The largest come first, so that every offset is aligned and nothing is lost.
	slices.SortStableFunc(all, func(a, b *span) int { return b.size - a.size })
	for _, s := range all {
		s.offset = p.size
		p.size += s.size
	}
	p.log = tensor.Bits(max(p.size, 2))
	return p
}

// claim moves a claim about a part of the witness to the whole of it.
func (p *plan) claim(s span, c sumcheck.Claim) sumcheck.Claim {
	return sumcheck.Claim{Point: sumcheck.Block(p.log, s.offset, c.Point), Value: c.Value}
}

// middleShape is that of the maxima of neighbours in a row.
func middleShape(out tensor.Shape) tensor.Shape {
	return tensor.Shape{out[0], out[1], 2 * out[2], out[3]}
}

// pad lays a tensor out with every dimension rounded up to a power of two.
func pad[T int8 | int32](data []T, shape tensor.Shape) []T {
	if len(data) == 1<<shape.Bits() {
		return data
	}
	out := make([]T, 1<<shape.Bits())
	tensor.Pad(out, data, shape)
	return out
}

// split cuts a point into one of each dimension.
func split(point []sumcheck.Element, shape tensor.Shape) [][]sumcheck.Element {
	var parts [][]sumcheck.Element
	for _, d := range shape {
		parts = append(parts, point[:tensor.Bits(d)])
		point = point[tensor.Bits(d):]
	}
	return parts
}

// join is the inverse of split.
func join(parts ...[]sumcheck.Element) []sumcheck.Element { return slices.Concat(parts...) }

// inside returns, at the point, the multilinear extension of what is 1 at the
// elements of the shape and 0 where it was padded.
func inside(shape tensor.Shape, point []sumcheck.Element) sumcheck.Element {
	product := sumcheck.Int(1)
	for i, part := range split(point, shape) {
		product = mul(product, sumcheck.LessAt(shape[i], part))
	}
	return product
}

func add(a, b sumcheck.Element) sumcheck.Element { a.Add(&a, &b); return a }
func sub(a, b sumcheck.Element) sumcheck.Element { a.Sub(&a, &b); return a }
func mul(a, b sumcheck.Element) sumcheck.Element { a.Mul(&a, &b); return a }

// sumOf puts a sum together from its coarse value and the remainder: at the
// elements of the shape, sum = coarse × 2^Shift + remainder − half.
func sumOf(n *tensor.Node, shape tensor.Shape, point []sumcheck.Element, coarse, remainder sumcheck.Element) sumcheck.Element {
	high := mul(sumcheck.Int(1<<n.Requant.Shift), coarse)
	rounding := mul(sumcheck.Int(n.Requant.Half()), inside(shape, point))
	return sub(add(high, remainder), rounding)
}

// fineTable is the table of a requantisation: coarse value, int8.
func fineTable(n *tensor.Node) [][]int32 {
	bits := n.Requant.TableBits(n.Bound)
	coarse, fine := make([]int32, 1<<bits), make([]int32, 1<<bits)
	for i, y := range n.Requant.Table(bits) {
		coarse[i], fine[i] = int32(i-1<<(bits-1)), int32(y)
	}
	return [][]int32{coarse, fine}
}

// cutTable is the table of remainders.
func cutTable(shift uint8) [][]int32 {
	t := make([]int32, 1<<shift)
	for i := range t {
		t[i] = int32(i)
	}
	return [][]int32{t}
}

// pairTable is the table of maxpool: a difference d, and max(d, 0).
func pairTable() [][]int32 {
	d, m := make([]int32, 1<<pairBits), make([]int32, 1<<pairBits)
	for i := range d {
		d[i] = int32(i - 1<<(pairBits-1))
		m[i] = max(d[i], 0)
	}
	return [][]int32{d, m}
}

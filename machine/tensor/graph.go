package tensor

import (
	"math/bits"
	"slices"

	"github.com/capacloud/assay"
)

// Shape is the dimensions of a tensor, the batch first. Elements are kept row by
// row: the last dimension moves fastest.
type Shape []int

// Size returns the number of elements.
func (s Shape) Size() int {
	n := 1
	for _, d := range s {
		n *= d
	}
	return n
}

// Bits returns how many bits number the elements when every dimension is rounded
// up to a power of two, as in a proof.
func (s Shape) Bits() int {
	n := 0
	for _, d := range s {
		n += Bits(d)
	}
	return n
}

// Bits returns the least b with 2^b ≥ d.
func Bits(d int) int { return bits.Len(uint(d - 1)) }

// Graph is a model that has been checked, with what follows from it.
type Graph struct {
	Model   *Model
	Shapes  []Shape // of tensor 0 (the input), 1, …
	Weights []Extent
	Bytes   int     // of the weights file
	Blocks  []Block // of the commitment
	Size    int     // numbers of the commitment
	Log     int     // of Size, rounded up to a power of two
	Work    uint64  // multiplications of one evaluation
}

// Extent is where the weights of a node begin in the file, one int8 each, and
// its biases, one little-endian int32 each. Nodes without weights have zeros.
type Extent struct {
	Weights, Biases int // offsets, in bytes
	Count, Outputs  int // how many
	Dims            Shape
}

// Block is an aligned part of the committed vector of int8: weights or biases of
// a node, every dimension rounded up to a power of two and filled with zeros. A
// bias is four numbers, its Limbs, of which the first dimension has one each.
type Block struct {
	Node   int
	Bias   bool
	Dims   Shape
	Offset int // a multiple of its size
	Log    int // its size is 2^Log
}

// Check refuses a model that is not legal whatever its weights are.
func Check(m *Model) (*Graph, error) {
	switch {
	case m.Version != 1:
		return nil, assay.Refuse(CodeVersion, "descriptor version %d, this is 1", m.Version)
	case len(m.Nodes) == 0 || len(m.Nodes) > MaxNodes:
		return nil, assay.Refuse(CodeLimit, "%d nodes; 1 to %d", len(m.Nodes), MaxNodes)
	}
	g := &Graph{Model: m, Weights: make([]Extent, len(m.Nodes))}
	if err := g.push(0, m.Input); err != nil {
		return nil, err
	}
	for i := range m.Nodes {
		if err := g.node(i, &m.Nodes[i]); err != nil {
			return nil, err
		}
	}
	return g, g.layout()
}

// Input returns the shape of the input, Output that of the output.
func (g *Graph) Input() Shape { return g.Shapes[0] }

// Output returns the shape of the output.
func (g *Graph) Output() Shape { return g.Shapes[len(g.Shapes)-1] }

// Raw reports whether the output is sums, int32 instead of int8.
func (g *Graph) Raw() bool {
	last := &g.Model.Nodes[len(g.Model.Nodes)-1]
	return last.Op != MaxPool && last.Requant == nil
}

// OutputBytes returns the size of the output.
func (g *Graph) OutputBytes() int {
	if g.Raw() {
		return 4 * g.Output().Size()
	}
	return g.Output().Size()
}

// push adds the shape of a tensor, which node computes (0: the input).
func (g *Graph) push(node int, dims []uint32) error {
	if len(dims) < 2 || len(dims) > MaxDims {
		return assay.Refuse(CodeShape, "tensor %d has %d dimensions; 2 to %d, the batch first", node, len(dims), MaxDims)
	}
	s := make(Shape, len(dims))
	for i, d := range dims {
		if d < 1 || d > MaxDim {
			return assay.Refuse(CodeLimit, "tensor %d: %v; a dimension is 1 to %d", node, dims, MaxDim)
		}
		s[i] = int(d)
	}
	if 1<<s.Bits() > MaxElements {
		return assay.Refuse(CodeLimit, "tensor %d: %v, rounded up, has more than %d elements", node, dims, MaxElements)
	}
	g.Shapes = append(g.Shapes, s)
	return nil
}

// node checks one node and adds its shape.
func (g *Graph) node(i int, n *Node) error {
	if n.Op < Dense || n.Op > MaxPool {
		return assay.Refuse(CodeOperator, "node %d: operator %d", i, n.Op)
	}
	arity := 1
	if n.Op == MatMul || n.Op == Add {
		arity = 2
	}
	if len(n.Inputs) != arity {
		return assay.Refuse(CodeOperator, "node %d: %s of %d tensors", i, n.Op, len(n.Inputs))
	}
	in := make([]Shape, arity)
	for k, t := range n.Inputs {
		if int64(t) > int64(i) {
			return assay.Refuse(CodeOperator, "node %d reads tensor %d", i, t)
		}
		in[k] = g.Shapes[t]
	}
	if err := attributes(i, n); err != nil {
		return err
	}
	dims, err := g.shape(i, n, in)
	if err != nil {
		return err
	}
	if err := g.push(i+1, dims); err != nil {
		return err
	}
	if err := g.inner(i, n, in[0]); err != nil {
		return err
	}
	g.Work += g.work(n, in[0])
	if g.Work > MaxWork {
		return assay.Refuse(CodeLimit, "node %d: more than %d multiplications", i, uint64(MaxWork))
	}
	return g.sums(i, n, in)
}

// attributes refuses those that the operator does not take: two descriptors that
// mean the same are the same bytes.
func attributes(i int, n *Node) error {
	zero := Window{}
	w := n.Window
	windowed := n.Op == Conv || n.Op == SumPool || n.Op == MaxPool
	switch {
	case (n.Out != 0) != (n.Op == Dense || n.Op == Conv),
		!windowed && w != zero,
		n.Op != Conv && (w.Pad != zero.Pad || w.Fill != 0),
		n.Transpose && n.Op != MatMul,
		(len(n.Factors) != 0) != (n.Op == Add),
		n.Op == MaxPool && (n.Requant != nil || n.Bound != 0):
		return assay.Refuse(CodeOperator, "node %d: an attribute that %s does not take, or one that is missing", i, n.Op)
	case n.Op == Add && (len(n.Factors) != 2 || !factor(n.Factors[0]) || !factor(n.Factors[1])):
		return assay.Refuse(CodeOperator, "node %d: factors %v; two, 1 to 4096", i, n.Factors)
	case n.Op == MaxPool && (w.Kernel != [2]uint32{2, 2} || w.Stride != w.Kernel):
		return assay.Refuse(CodeOperator, "node %d: maxpool of kernel %v and stride %v; both are 2 by 2", i, w.Kernel, w.Stride)
	}
	for k := range w.Kernel {
		if windowed && (w.Kernel[k] < 1 || w.Kernel[k] > MaxKernel || w.Stride[k] < 1 || w.Stride[k] > MaxKernel ||
			w.Pad[k] >= w.Kernel[k] || w.Pad[k+2] >= w.Kernel[k]) {
			return assay.Refuse(CodeOperator, "node %d: kernel %v, stride %v, padding %v", i, w.Kernel, w.Stride, w.Pad)
		}
	}
	return nil
}

func factor(f uint32) bool { return f >= 1 && f <= 1<<12 }

// shape returns the output's dimensions.
func (g *Graph) shape(i int, n *Node, in []Shape) ([]uint32, error) {
	a := in[0]
	switch n.Op {
	case Dense:
		return []uint32{uint32(a[0]), n.Out}, nil
	case MatMul:
		return matmulShape(i, n, a, in[1])
	case Add:
		if !slices.Equal(a, in[1]) {
			return nil, assay.Refuse(CodeShape, "node %d adds %v and %v", i, a, in[1])
		}
		return dims(a), nil
	}
	if len(a) != 4 {
		return nil, assay.Refuse(CodeShape, "node %d: %s of %v; it takes batch, channels, height, width", i, n.Op, a)
	}
	if n.Op == MaxPool && (a[2]%2 != 0 || a[3]%2 != 0) {
		return nil, assay.Refuse(CodeShape, "node %d: maxpool of %v; height and width are even", i, a)
	}
	out := []uint32{uint32(a[0]), uint32(a[1]), 0, 0}
	if n.Op == Conv {
		out[1] = n.Out
	}
	for k := range 2 {
		w := &n.Window
		room := a[2+k] + int(w.Pad[k]) + int(w.Pad[k+2]) - int(w.Kernel[k])
		if room < 0 {
			return nil, assay.Refuse(CodeShape, "node %d: a window of %v on %v", i, w.Kernel, a)
		}
		out[2+k] = uint32(room/int(w.Stride[k]) + 1)
	}
	return out, nil
}

func dims(s Shape) []uint32 {
	d := make([]uint32, len(s))
	for i := range s {
		d[i] = uint32(s[i])
	}
	return d
}

func matmulShape(i int, n *Node, a, b Shape) ([]uint32, error) {
	if len(a) != 2 || len(b) != 2 {
		return nil, assay.Refuse(CodeShape, "node %d multiplies %v and %v; both have two dimensions", i, a, b)
	}
	k, cols := b[0], b[1]
	if n.Transpose {
		k, cols = cols, k
	}
	if a[1] != k {
		return nil, assay.Refuse(CodeShape, "node %d multiplies %v and %v (transposed: %t)", i, a, b, n.Transpose)
	}
	// Proofs sum over the rounded-up length, and what a prover committed to beyond
	// the real one is not zero by itself.
	if k&(k-1) != 0 {
		return nil, assay.Refuse(CodeShape, "node %d: a product of two tensors sums over %d terms; it must be a power of two", i, k)
	}
	return []uint32{uint32(a[0]), uint32(cols)}, nil
}

// inner refuses sums of too many terms.
func (g *Graph) inner(i int, n *Node, a Shape) error {
	bits, out := 0, g.Shapes[i+1]
	switch n.Op {
	case Dense, MatMul:
		bits = a[1:].Bits()
	case Conv:
		bits = Bits(a[1]) + Bits(int(n.Window.Kernel[0])) + Bits(int(n.Window.Kernel[1]))
		if rows := Bits(out[0]) + out[2:].Bits(); 1<<(rows+bits) > MaxUnfolded {
			return assay.Refuse(CodeLimit, "node %d: a convolution of %v to %v", i, a, out)
		}
	}
	if 1<<bits > MaxInner {
		return assay.Refuse(CodeLimit, "node %d: sums of more than %d terms", i, MaxInner)
	}
	return nil
}

// work counts the multiplications of the node whose shape was added last.
func (g *Graph) work(n *Node, a Shape) uint64 {
	out := uint64(g.Shapes[len(g.Shapes)-1].Size())
	window := uint64(n.Window.Kernel[0]) * uint64(n.Window.Kernel[1])
	switch n.Op {
	case Dense:
		return out * uint64(a.Size()/a[0])
	case Conv:
		return out * uint64(a[1]) * window
	case MatMul:
		return out * uint64(a[1])
	case SumPool:
		return out * window
	}
	return 2 * out
}

// sums checks bound and requantisation, as far as they need no weights.
func (g *Graph) sums(i int, n *Node, in []Shape) error {
	if n.Op == MaxPool {
		return nil
	}
	var least uint64
	switch n.Op {
	case MatMul:
		least = uint64(in[0][1]) << 14
	case Add:
		least = uint64(n.Factors[0]+n.Factors[1]) << 7
	case SumPool:
		least = uint64(n.Window.Kernel[0]) * uint64(n.Window.Kernel[1]) << 7
	}
	if n.Bound < 1 || n.Bound > MaxBound || uint64(n.Bound) < least {
		return assay.Refuse(CodeOverflow, "node %d: bound %d; sums reach %d, and at most %d is admitted", i, n.Bound, least, MaxBound)
	}
	if n.Requant != nil {
		return n.Requant.check(i, n.Bound)
	}
	if i != len(g.Model.Nodes)-1 {
		return assay.Refuse(CodeRequant, "node %d has none, and is not the last", i)
	}
	return nil
}

// layout places weights in the file and in the commitment.
func (g *Graph) layout() error {
	for i := range g.Model.Nodes {
		n := &g.Model.Nodes[i]
		if n.Op != Dense && n.Op != Conv {
			continue
		}
		in := g.Shapes[n.Inputs[0]]
		d := append(slices.Clone(in[1:]), int(n.Out))
		if n.Op == Conv {
			d = Shape{int(n.Out), in[1], int(n.Window.Kernel[0]), int(n.Window.Kernel[1])}
		}
		if 1<<d.Bits() > MaxWeights {
			return assay.Refuse(CodeLimit, "node %d: weights %v", i, d)
		}
		e := Extent{Weights: g.Bytes, Biases: g.Bytes + d.Size(), Count: d.Size(), Outputs: int(n.Out), Dims: d}
		g.Weights[i], g.Bytes = e, e.Biases+4*e.Outputs
		g.Blocks = append(g.Blocks,
			Block{Node: i, Dims: d, Log: d.Bits()},
			Block{Node: i, Bias: true, Dims: Shape{4, int(n.Out)}, Log: 2 + Bits(int(n.Out))})
	}
	return g.place()
}

// place gives every block an aligned offset. The largest comes first, so that
// nothing is lost between two.
func (g *Graph) place() error {
	slices.SortStableFunc(g.Blocks, func(a, b Block) int { return b.Log - a.Log })
	end := 0
	for i := range g.Blocks {
		g.Blocks[i].Offset = end
		end += 1 << g.Blocks[i].Log
	}
	if end > MaxWeights {
		return assay.Refuse(CodeLimit, "%d weights and biases, rounded up; at most %d", end, MaxWeights)
	}
	g.Size, g.Log = end, Bits(max(end, 2))
	return nil
}

// BlockOf returns the block of a node's weights or biases.
func (g *Graph) BlockOf(node int, bias bool) Block {
	for _, b := range g.Blocks {
		if b.Node == node && b.Bias == bias {
			return b
		}
	}
	return Block{}
}

// Limbs cuts a bias into four numbers with bias = Σ limb_k × 256^k. It is exact
// for all that bounds admit.
func Limbs(bias int32) [4]int8 {
	var l [4]int8
	v := int64(bias)
	for k := range l {
		l[k] = int8(v)
		v = (v - int64(l[k])) >> 8
	}
	return l
}

// Committed returns the vector to which a model commits: Size int8.
func (g *Graph) Committed(p *Params) []int8 {
	data := make([]int8, g.Size)
	for _, b := range g.Blocks {
		values := p.Weights[b.Node]
		if b.Bias {
			n := b.Dims[1]
			values = make([]int8, 4*n)
			for i, v := range p.Biases[b.Node] {
				for k, l := range Limbs(v) {
					values[k*n+i] = l
				}
			}
		}
		Pad(data[b.Offset:][:1<<b.Log], values, b.Dims)
	}
	return data
}

// Pad lays a tensor out in zeros with every dimension rounded up to a power of two.
func Pad[T int8 | int32](out, data []T, shape Shape) {
	if len(shape) == 1 {
		copy(out, data)
		return
	}
	from, to := shape[1:].Size(), 1<<shape[1:].Bits()
	for i := range shape[0] {
		Pad(out[i*to:(i+1)*to], data[i*from:(i+1)*from], shape[1:])
	}
}

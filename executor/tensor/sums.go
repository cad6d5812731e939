package tensor

import (
	"github.com/capacloud/assay/kernel"
	"github.com/capacloud/assay/machine/tensor"
)

// transpose lays the weights of dense nodes out as the kernel reads them.
func (m *model) transpose() {
	m.transposed = make([][]int8, len(m.params.Weights))
	for i, w := range m.params.Weights {
		if m.graph.Model.Nodes[i].Op != tensor.Dense {
			continue
		}
		cols := m.graph.Weights[i].Outputs
		rows := len(w) / cols
		t := make([]int8, len(w))
		for r := range rows {
			for c, v := range w[r*cols : (r+1)*cols] {
				t[c*rows+r] = v
			}
		}
		m.transposed[i] = t
	}
}

// sums computes the sums of one node. It is tensor.Graph.Sum, only faster.
func (m *model) sums(g *tensor.Graph, p *tensor.Params, node int, tensors [][]int8) []int32 {
	n := &g.Model.Nodes[node]
	in, out := g.Shapes[n.Inputs[0]], g.Shapes[node+1]
	a := tensors[n.Inputs[0]]
	sums := make([]int32, out.Size())
	switch n.Op {
	case tensor.Dense:
		kernel.MatMulT(sums, a, m.transposed[node], in[0], in.Size()/in[0], out[1])
		addToRows(sums, p.Biases[node])
	case tensor.MatMul:
		product := kernel.MatMul
		if n.Transpose {
			product = kernel.MatMulT
		}
		product(sums, a, tensors[n.Inputs[1]], out[0], in[1], out[1])
	case tensor.Conv:
		m.convolve(sums, node, a)
	default:
		return g.Sum(p, node, tensors)
	}
	return sums
}

// addToRows adds b to every row of c.
func addToRows(c, b []int32) {
	for ; len(c) > 0; c = c[len(b):] {
		for i, v := range b {
			c[i] += v
		}
	}
}

// convolve multiplies, image by image, the weights with the windows of all
// positions.
func (m *model) convolve(sums []int32, node int, a []int8) {
	n := &m.graph.Model.Nodes[node]
	in, out := m.graph.Shapes[n.Inputs[0]], m.graph.Shapes[node+1]
	positions := out[2] * out[3]
	inner := m.graph.Weights[node].Count / out[1]
	windows := make([]int8, positions*inner)
	image := in[1] * in[2] * in[3]
	for b := range out[0] {
		unfold(windows, &n.Window, in, out, a[b*image:(b+1)*image])
		dst := sums[b*out[1]*positions : (b+1)*out[1]*positions]
		kernel.MatMulT(dst, m.params.Weights[node], windows, out[1], inner, positions)
		for c, bias := range m.params.Biases[node] {
			for i := range dst[c*positions : (c+1)*positions] {
				dst[c*positions+i] += bias
			}
		}
	}
}

// unfold writes what the window reads at every position, one row each.
func unfold(windows []int8, w *tensor.Window, in, out tensor.Shape, image []int8) {
	k := 0
	for i := range out[2] {
		for j := range out[3] {
			for c := range in[1] {
				for di := range int(w.Kernel[0]) {
					y := i*int(w.Stride[0]) + di - int(w.Pad[0])
					for dj := range int(w.Kernel[1]) {
						x := j*int(w.Stride[1]) + dj - int(w.Pad[1])
						windows[k] = w.Fill
						if y >= 0 && y < in[2] && x >= 0 && x < in[3] {
							windows[k] = image[(c*in[2]+y)*in[3]+x]
						}
						k++
					}
				}
			}
		}
	}
}

package tensor

import (
	"encoding/binary"

	"github.com/capacloud/assay"
)

// Params are the weights of a model, as the graph places them.
type Params struct {
	Weights [][]int8  // by node; nil where there are none
	Biases  [][]int32 // likewise
}

// ReadParams reads a weights file and refuses one with which a sum could exceed
// its bound.
func (g *Graph) ReadParams(file []byte) (*Params, error) {
	if len(file) != g.Bytes {
		return nil, assay.Refuse(CodeWeights, "%d bytes; the descriptor says %d", len(file), g.Bytes)
	}
	p := &Params{Weights: make([][]int8, len(g.Weights)), Biases: make([][]int32, len(g.Weights))}
	for i, e := range g.Weights {
		if e.Count == 0 {
			continue
		}
		p.Weights[i], p.Biases[i] = Int8s(file[e.Weights:e.Biases]), make([]int32, e.Outputs)
		for k := range p.Biases[i] {
			p.Biases[i][k] = int32(binary.LittleEndian.Uint32(file[e.Biases+4*k:]))
		}
		if reach := g.Reach(p, i); reach > int64(g.Model.Nodes[i].Bound) {
			return nil, assay.Refuse(CodeOverflow, "node %d: sums reach %d; the declared bound is %d", i, reach, g.Model.Nodes[i].Bound)
		}
	}
	return p, nil
}

// Bytes returns the weights file.
func (p *Params) Bytes() []byte {
	var b []byte
	for i := range p.Weights {
		b = append(b, Raw(p.Weights[i])...)
		for _, v := range p.Biases[i] {
			b = binary.LittleEndian.AppendUint32(b, uint32(v))
		}
	}
	return b
}

// Reach returns the largest magnitude that a sum of a node with weights can
// have, over all inputs: |bias| + 128 × Σ|weight|.
func (g *Graph) Reach(p *Params, node int) int64 {
	e := &g.Weights[node]
	sums := make([]int64, e.Outputs)
	for k, w := range p.Weights[node] {
		o := k % e.Outputs
		if g.Model.Nodes[node].Op == Conv {
			o = k / (e.Count / e.Outputs)
		}
		sums[o] += abs(int64(w))
	}
	var reach int64
	for o, s := range sums {
		reach = max(reach, 128*s+abs(int64(p.Biases[node][o])))
	}
	return reach
}

func abs(v int64) int64 { return max(v, -v) }

// Int8s reads bytes as int8.
func Int8s(b []byte) []int8 {
	out := make([]int8, len(b))
	for i, v := range b {
		out[i] = int8(v)
	}
	return out
}

// Raw is the inverse of Int8s.
func Raw(v []int8) []byte {
	out := make([]byte, len(v))
	for i := range v {
		out[i] = byte(v[i])
	}
	return out
}

// Trace is every tensor of one evaluation.
type Trace struct {
	Tensors [][]int8  // tensor 0 is the input; nil where the output is sums
	Sums    [][]int32 // by node, before requantisation; nil of MaxPool
}

// Output returns the raw bytes of the output, little-endian.
func (g *Graph) OutputOf(t *Trace) []byte {
	if !g.Raw() {
		return Raw(t.Tensors[len(t.Tensors)-1])
	}
	sums := t.Sums[len(t.Sums)-1]
	b := make([]byte, 0, 4*len(sums))
	for _, v := range sums {
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	return b
}

// Evaluate runs a model. It is the definition: every other implementation is
// right where it agrees with this one.
func (g *Graph) Evaluate(p *Params, input []int8) (*Trace, error) {
	return g.EvaluateWith(p, input, (*Graph).Sum)
}

// Summer computes the sums of one node from the tensors before it.
type Summer func(g *Graph, p *Params, node int, tensors [][]int8) []int32

// EvaluateWith is Evaluate with another way to compute sums.
func (g *Graph) EvaluateWith(p *Params, input []int8, sum Summer) (*Trace, error) {
	if len(input) != g.Input().Size() {
		return nil, assay.Refuse(CodeInput, "%d bytes; the input %v takes %d", len(input), g.Input(), g.Input().Size())
	}
	t := &Trace{Tensors: [][]int8{input}, Sums: make([][]int32, len(g.Model.Nodes))}
	for i := range g.Model.Nodes {
		n := &g.Model.Nodes[i]
		if n.Op == MaxPool {
			t.Tensors = append(t.Tensors, g.maxPool(i, t.Tensors[n.Inputs[0]]))
			continue
		}
		t.Sums[i] = sum(g, p, i, t.Tensors)
		t.Tensors = append(t.Tensors, n.requantise(t.Sums[i]))
	}
	return t, nil
}

// requantise returns nil for a node whose sums are the output.
func (n *Node) requantise(sums []int32) []int8 {
	if n.Requant == nil {
		return nil
	}
	out := make([]int8, len(sums))
	bits := n.Requant.TableBits(n.Bound)
	if len(sums) < 1<<bits {
		for k, v := range sums {
			out[k] = n.Requant.Apply(v)
		}
		return out
	}
	table, zero := n.Requant.Table(bits), int64(1)<<(bits-1)
	for k, v := range sums {
		out[k] = table[n.Requant.Coarse(int64(v))+zero]
	}
	return out
}

// Sum computes the sums of one node, term by term.
func (g *Graph) Sum(p *Params, node int, tensors [][]int8) []int32 {
	n := &g.Model.Nodes[node]
	a := tensors[n.Inputs[0]]
	switch n.Op {
	case Dense:
		return g.dense(p, node, a)
	case MatMul:
		return g.matmul(node, a, tensors[n.Inputs[1]])
	case Add:
		out, b := make([]int32, len(a)), tensors[n.Inputs[1]]
		for i := range a {
			out[i] = int32(a[i])*int32(n.Factors[0]) + int32(b[i])*int32(n.Factors[1])
		}
		return out
	}
	return g.windowed(p, node, a)
}

// dense multiplies rows [batch, K] by weights [K, N].
func (g *Graph) dense(p *Params, node int, a []int8) []int32 {
	e := &g.Weights[node]
	rows, cols := g.Shapes[node+1][0], e.Outputs
	inner := e.Count / cols
	out := make([]int32, rows*cols)
	for r := range rows {
		dst := out[r*cols : (r+1)*cols]
		copy(dst, p.Biases[node])
		for k, x := range a[r*inner : (r+1)*inner] {
			for c, w := range p.Weights[node][k*cols : (k+1)*cols] {
				dst[c] += int32(x) * int32(w)
			}
		}
	}
	return out
}

// matmul multiplies two tensors.
func (g *Graph) matmul(node int, a, b []int8) []int32 {
	n := &g.Model.Nodes[node]
	out := g.Shapes[node+1]
	inner := g.Shapes[n.Inputs[0]][1]
	sums := make([]int32, out.Size())
	for i := range sums {
		r, c := i/out[1], i%out[1]
		for k := range inner {
			y := k*out[1] + c
			if n.Transpose {
				y = c*inner + k
			}
			sums[i] += int32(a[r*inner+k]) * int32(b[y])
		}
	}
	return sums
}

// windowed computes convolutions and sums over windows.
func (g *Graph) windowed(p *Params, node int, a []int8) []int32 {
	n := &g.Model.Nodes[node]
	in, out := g.Shapes[n.Inputs[0]], g.Shapes[node+1]
	sums := make([]int32, 0, out.Size())
	for b := range out[0] {
		image := a[b*in[1]*in[2]*in[3]:]
		for c := range out[1] {
			for i := range out[2] {
				for j := range out[3] {
					if n.Op == Conv {
						sums = append(sums, p.Biases[node][c]+convolve(&n.Window, p.Weights[node][c*g.Weights[node].Count/out[1]:], image, in, i, j))
					} else {
						sums = append(sums, sumWindow(&n.Window, image[c*in[2]*in[3]:], in, i, j))
					}
				}
			}
		}
	}
	return sums
}

// convolve returns one output of a convolution.
func convolve(w *Window, weights, image []int8, in Shape, i, j int) int32 {
	var sum int32
	k := 0
	for c := range in[1] {
		for di := range int(w.Kernel[0]) {
			for dj := range int(w.Kernel[1]) {
				y, x := i*int(w.Stride[0])+di-int(w.Pad[0]), j*int(w.Stride[1])+dj-int(w.Pad[1])
				v := w.Fill
				if y >= 0 && y < in[2] && x >= 0 && x < in[3] {
					v = image[(c*in[2]+y)*in[3]+x]
				}
				sum += int32(weights[k]) * int32(v)
				k++
			}
		}
	}
	return sum
}

// sumWindow returns the sum over one window of one channel.
func sumWindow(w *Window, plane []int8, in Shape, i, j int) int32 {
	var sum int32
	for di := range int(w.Kernel[0]) {
		for dj := range int(w.Kernel[1]) {
			sum += int32(plane[(i*int(w.Stride[0])+di)*in[3]+j*int(w.Stride[1])+dj])
		}
	}
	return sum
}

// maxPool halves height and width.
func (g *Graph) maxPool(node int, a []int8) []int8 {
	in, out := g.Shapes[g.Model.Nodes[node].Inputs[0]], g.Shapes[node+1]
	r := make([]int8, out.Size())
	for i := range r {
		plane, y, x := i/(out[2]*out[3]), i/out[3]%out[2], i%out[3]
		at := (plane*in[2]+2*y)*in[3] + 2*x
		r[i] = max(a[at], a[at+1], a[at+in[3]], a[at+in[3]+1])
	}
	return r
}

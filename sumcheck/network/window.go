package network

import (
	"github.com/capacloud/assay/machine/tensor"
	"github.com/capacloud/assay/sumcheck"
)

// A convolution is a product of the weights with a matrix that has a row for each
// output position (image, i, j) and a column for each (channel, di, dj): the value
// that the window at (i, j) reads at (di, dj). Of that matrix a claim is left, and
// its extension factors over height and width:
//
//	Σ_{y,x} X(image, channel, y, x) · rows[y] · cols[x]  +  what padding adds,
//
// where rows[y] is the weight of all (i, di) that read line y.

// axis is one of height and width.
type axis struct {
	in, out, kernel, stride, pad int
}

// axesOf returns height and width of a windowed node.
func axesOf(n *tensor.Node, in, out tensor.Shape) [2]axis {
	var a [2]axis
	for k := range a {
		a[k] = axis{in: in[2+k], out: out[2+k], kernel: int(n.Window.Kernel[k]), stride: int(n.Window.Stride[k]), pad: int(n.Window.Pad[k])}
	}
	return a
}

// weights returns what each line weighs when outputs and the kernel's elements
// are weighted by eq at two points, padded, and what all lines weigh together,
// those of the padding left out.
func (a axis) weights(out, kernel []sumcheck.Element) (lines sumcheck.Vector, total sumcheck.Element) {
	return a.spread(sumcheck.Eq(out), sumcheck.Eq(kernel))
}

// sums is weights where each element of the kernel weighs 1.
func (a axis) sums(out []sumcheck.Element) sumcheck.Vector {
	ones := make(sumcheck.Vector, a.kernel)
	for i := range ones {
		ones[i] = sumcheck.Int(1)
	}
	lines, _ := a.spread(sumcheck.Eq(out), ones)
	return lines
}

func (a axis) spread(out, kernel sumcheck.Vector) (lines sumcheck.Vector, total sumcheck.Element) {
	lines = make(sumcheck.Vector, 1<<tensor.Bits(a.in))
	for i := range a.out {
		for d := range a.kernel {
			if y := i*a.stride + d - a.pad; y >= 0 && y < a.in {
				w := mul(out[i], kernel[d])
				lines[y] = add(lines[y], w)
				total = add(total, w)
			}
		}
	}
	return lines, total
}

// unfolded is a claim about the matrix of a convolution, cut up.
type unfolded struct {
	image, i, j, channel, di, dj []sumcheck.Element
}

func unfold(n *tensor.Node, in, out tensor.Shape, point []sumcheck.Element) unfolded {
	p := split(point, tensor.Shape{out[0], out[2], out[3], in[1], int(n.Window.Kernel[0]), int(n.Window.Kernel[1])})
	return unfolded{image: p[0], i: p[1], j: p[2], channel: p[3], di: p[4], dj: p[5]}
}

// fill returns what padding adds to the matrix at the point; rows and cols are
// the totals of weights.
func (u *unfolded) fill(n *tensor.Node, in, out tensor.Shape, rows, cols sumcheck.Element) sumcheck.Element {
	if n.Window.Fill == 0 {
		return sumcheck.Element{}
	}
	all := mul(
		mul(sumcheck.LessAt(out[2], u.i), sumcheck.LessAt(int(n.Window.Kernel[0]), u.di)),
		mul(sumcheck.LessAt(out[3], u.j), sumcheck.LessAt(int(n.Window.Kernel[1]), u.dj)),
	)
	planes := mul(sumcheck.LessAt(out[0], u.image), sumcheck.LessAt(in[1], u.channel))
	return mul(mul(sumcheck.Int(int64(n.Window.Fill)), planes), sub(all, mul(rows, cols)))
}

// matrix is the matrix of a convolution, every dimension padded.
func matrix(n *tensor.Node, in, out tensor.Shape, a []int8) []int8 {
	kh, kw := int(n.Window.Kernel[0]), int(n.Window.Kernel[1])
	bits := func(d int) int { return 1 << tensor.Bits(d) }
	inner := bits(in[1]) * bits(kh) * bits(kw)
	m := make([]int8, bits(out[0])*bits(out[2])*bits(out[3])*inner)
	for b := range out[0] {
		for i := range out[2] {
			for j := range out[3] {
				row := m[((b*bits(out[2])+i)*bits(out[3])+j)*inner:][:inner]
				for c := range in[1] {
					for di := range kh {
						y := i*int(n.Window.Stride[0]) + di - int(n.Window.Pad[0])
						dst := row[(c*bits(kh)+di)*bits(kw):][:kw]
						for dj := range dst {
							x := j*int(n.Window.Stride[1]) + dj - int(n.Window.Pad[1])
							dst[dj] = n.Window.Fill
							if y >= 0 && y < in[2] && x >= 0 && x < in[3] {
								dst[dj] = a[((b*in[1]+c)*in[2]+y)*in[3]+x]
							}
						}
					}
				}
			}
		}
	}
	return m
}

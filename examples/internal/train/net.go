// Package train makes the networks of examples/mlp and examples/cnn: it draws the
// data, trains in floating point, quantises and exports. All of it is a function
// of the seed, on every machine: only +, −, ×, ÷ of IEEE doubles are used, and
// every product is rounded before it is added, so that no compiler fuses the two.
package train

import (
	"math"
	"math/rand/v2"
)

// Layer is one layer of a network in training, on one image at a time.
type Layer interface {
	Forward(in []float64) []float64
	// Backward takes the gradient of the output, adds to the gradients of the
	// weights, and returns the gradient of the input.
	Backward(grad []float64) []float64
	Step(rate float64)
}

// weights are trained by gradient descent with momentum.
type weights struct {
	value, grad, speed []float64
}

func newWeights(r *rand.Rand, n, inputs int) weights {
	w := weights{make([]float64, n), make([]float64, n), make([]float64, n)}
	width := 1 / math.Sqrt(float64(inputs))
	for i := range w.value {
		w.value[i] = (2*r.Float64() - 1) * width
	}
	return w
}

func (w *weights) step(rate float64) {
	for i := range w.value {
		w.speed[i] = float64(0.9*w.speed[i]) - float64(rate*w.grad[i])
		w.value[i] += w.speed[i]
		w.grad[i] = 0
	}
}

// Dense is a dense layer. Weights are [in, out].
type Dense struct {
	In, Out         int
	Weights, Biases weights
	in              []float64
}

// NewDense returns a layer with small random weights.
func NewDense(r *rand.Rand, in, out int) *Dense {
	return &Dense{In: in, Out: out, Weights: newWeights(r, in*out, in), Biases: newWeights(r, out, in)}
}

// Forward implements Layer.
func (d *Dense) Forward(in []float64) []float64 {
	d.in = in
	out := append([]float64(nil), d.Biases.value...)
	for k, x := range in {
		if x == 0 {
			continue
		}
		for o, w := range d.Weights.value[k*d.Out : (k+1)*d.Out] {
			out[o] += float64(x * w)
		}
	}
	return out
}

// Backward implements Layer.
func (d *Dense) Backward(grad []float64) []float64 {
	back := make([]float64, d.In)
	for o, g := range grad {
		d.Biases.grad[o] += g
	}
	for k, x := range d.in {
		row, rowGrad := d.Weights.value[k*d.Out:(k+1)*d.Out], d.Weights.grad[k*d.Out:(k+1)*d.Out]
		for o, g := range grad {
			back[k] += float64(g * row[o])
			rowGrad[o] += float64(g * x)
		}
	}
	return back
}

// Step implements Layer.
func (d *Dense) Step(rate float64) { d.Weights.step(rate); d.Biases.step(rate) }

// Conv is a convolution by 3×3 kernels over images padded by one zero. Weights
// are [out, in, 3, 3].
type Conv struct {
	In, Out, Height, Width int
	Weights, Biases        weights
	in                     []float64
}

// NewConv returns a layer with small random weights.
func NewConv(r *rand.Rand, in, out, height, width int) *Conv {
	return &Conv{In: in, Out: out, Height: height, Width: width, Weights: newWeights(r, out*in*9, in*9), Biases: newWeights(r, out, in*9)}
}

// each calls do with every weight and the runs of inputs and outputs that it
// connects, line by line.
func (c *Conv) each(do func(weight, in, out, n int)) {
	plane := c.Height * c.Width
	for o := range c.Out {
		for i := range c.In {
			for k := range 9 {
				dy, dx := k/3-1, k%3-1
				from, to := max(0, -dx), min(c.Width, c.Width-dx)
				for y := max(0, -dy); y < min(c.Height, c.Height-dy); y++ {
					do((o*c.In+i)*9+k, i*plane+(y+dy)*c.Width+from+dx, o*plane+y*c.Width+from, to-from)
				}
			}
		}
	}
}

// Forward implements Layer.
func (c *Conv) Forward(in []float64) []float64 {
	c.in = in
	plane := c.Height * c.Width
	out := make([]float64, c.Out*plane)
	for i := range out {
		out[i] = c.Biases.value[i/plane]
	}
	c.each(func(w, i, o, n int) {
		weight, dst := c.Weights.value[w], out[o:o+n]
		for k, x := range in[i : i+n] {
			dst[k] += float64(weight * x)
		}
	})
	return out
}

// Backward implements Layer.
func (c *Conv) Backward(grad []float64) []float64 {
	back := make([]float64, len(c.in))
	for i, g := range grad {
		c.Biases.grad[i/(c.Height*c.Width)] += g
	}
	c.each(func(w, i, o, n int) {
		weight, sum := c.Weights.value[w], 0.0
		dst, in := back[i:i+n], c.in[i:i+n]
		for k, g := range grad[o : o+n] {
			dst[k] += float64(weight * g)
			sum += float64(in[k] * g)
		}
		c.Weights.grad[w] += sum
	})
	return back
}

// Step implements Layer.
func (c *Conv) Step(rate float64) { c.Weights.step(rate); c.Biases.step(rate) }

// Relu is max(x, 0).
type Relu struct{ out []float64 }

// Forward implements Layer.
func (r *Relu) Forward(in []float64) []float64 {
	r.out = make([]float64, len(in))
	for i, x := range in {
		r.out[i] = max(x, 0)
	}
	return r.out
}

// Backward implements Layer.
func (r *Relu) Backward(grad []float64) []float64 {
	back := make([]float64, len(grad))
	for i, g := range grad {
		if r.out[i] > 0 {
			back[i] = g
		}
	}
	return back
}

// Step implements Layer.
func (r *Relu) Step(float64) {}

// Pool is the maximum over 2×2 windows.
type Pool struct {
	Channels, Height, Width int // of the input
	from                    []int
}

// Forward implements Layer.
func (p *Pool) Forward(in []float64) []float64 {
	var out []float64
	p.from = p.from[:0]
	for c := range p.Channels {
		for y := 0; y < p.Height; y += 2 {
			for x := 0; x < p.Width; x += 2 {
				best := (c*p.Height+y)*p.Width + x
				for _, at := range [3]int{best + 1, best + p.Width, best + p.Width + 1} {
					if in[at] > in[best] {
						best = at
					}
				}
				p.from = append(p.from, best)
				out = append(out, in[best])
			}
		}
	}
	return out
}

// Backward implements Layer.
func (p *Pool) Backward(grad []float64) []float64 {
	back := make([]float64, p.Channels*p.Height*p.Width)
	for i, g := range grad {
		back[p.from[i]] += g
	}
	return back
}

// Step implements Layer.
func (p *Pool) Step(float64) {}

// Net is layers in order.
type Net []Layer

// Forward evaluates the network.
func (n Net) Forward(in []float64) []float64 {
	for _, l := range n {
		in = l.Forward(in)
	}
	return in
}

// Train goes through the samples once per epoch, in an order that r draws, and
// descends along the gradient of the squared distance to 1 at the label and 0
// elsewhere, by steps that grow shorter from epoch to epoch.
func (n Net) Train(r *rand.Rand, samples []Sample, epochs, batch int, rate float64) {
	for range epochs {
		for i, k := range r.Perm(len(samples)) {
			s := &samples[k]
			out := n.Forward(s.Real())
			for o := range out {
				if o == s.Label {
					out[o]--
				}
				out[o] /= float64(batch)
			}
			for l := len(n) - 1; l >= 0; l-- {
				out = n[l].Backward(out)
			}
			if (i+1)%batch == 0 {
				for _, l := range n {
					l.Step(rate)
				}
			}
		}
		rate *= 0.8
	}
}

// Accuracy returns how many samples of 1000 the network puts right.
func Accuracy(samples []Sample, classify func(*Sample) []float64) int {
	right := 0
	for i := range samples {
		if largest(classify(&samples[i])) == samples[i].Label {
			right++
		}
	}
	return right * 1000 / len(samples)
}

func largest(out []float64) int {
	best := 0
	for i, x := range out {
		if x > out[best] {
			best = i
		}
	}
	return best
}

package train

import (
	"fmt"

	"github.com/capacloud/assay/machine/tensor"
	"github.com/capacloud/assay/machine/tensor/quantize"
	"github.com/capacloud/assay/sumcheck/network"
)

// Quantised is a network of integers, and its files.
type Quantised struct {
	Graph      *tensor.Graph
	Params     *tensor.Params
	Descriptor []byte
	Weights    []byte
}

// quantiser goes through a trained network layer by layer.
type quantiser struct {
	model  tensor.Model
	params tensor.Params
	values [][]float64 // of the calibration samples, before the current layer
	scale  float64     // of what the current layer reads
}

// Quantise makes integers of a trained network: symmetric int8 weights, one scale
// per layer, activations on the range that the calibration samples take. A Relu
// becomes a clamp.
func Quantise(n Net, input []uint32, calibration []Sample) (*Quantised, error) {
	q := &quantiser{model: tensor.Model{Version: 1, Input: input}, scale: 1.0 / 128}
	for i := range calibration {
		q.values = append(q.values, calibration[i].Real())
	}
	for i, l := range n {
		var relu bool
		if i+1 < len(n) {
			_, relu = n[i+1].(*Relu)
		}
		if err := q.layer(l, relu); err != nil {
			return nil, fmt.Errorf("layer %d: %w", i, err)
		}
	}
	descriptor, weights, err := network.Seal(q.model, &q.params, nil)
	if err != nil {
		return nil, err
	}
	g, err := tensor.Parse(descriptor)
	if err != nil {
		return nil, err
	}
	return &Quantised{Graph: g, Params: &q.params, Descriptor: descriptor, Weights: weights}, nil
}

func (q *quantiser) layer(l Layer, relu bool) error {
	var out float64
	for i := range q.values {
		q.values[i] = l.Forward(q.values[i])
		out = max(out, quantize.Largest(q.values[i]))
	}
	n := tensor.Node{Inputs: []uint32{uint32(len(q.model.Nodes))}}
	var w, b []float64
	switch l := l.(type) {
	case *Relu:
		return nil
	case *Pool:
		n.Op, n.Window = tensor.MaxPool, tensor.Window{Kernel: [2]uint32{2, 2}, Stride: [2]uint32{2, 2}}
		q.add(n, nil, nil)
		return nil
	case *Dense:
		n.Op, n.Out = tensor.Dense, uint32(l.Out)
		w, b = l.Weights.value, l.Biases.value
	case *Conv:
		n.Op, n.Out = tensor.Conv, uint32(l.Out)
		n.Window = tensor.Window{Kernel: [2]uint32{3, 3}, Stride: [2]uint32{1, 1}, Pad: [4]uint32{1, 1, 1, 1}}
		w, b = l.Weights.value, l.Biases.value
	}
	step := quantize.Scale(quantize.Largest(w))
	weights, biases := quantize.Int8(w, step), quantize.Int32(b, step*q.scale)
	if relu {
		out = 0
		for i := range q.values {
			for _, x := range q.values[i] {
				out = max(out, x)
			}
		}
	}
	next, low := quantize.Scale(out), int8(-128)
	if relu {
		low = 0
	}
	n.Bound = quantize.Bound(weights, biases, n.Op == tensor.Dense)
	r, err := quantize.Requant(step*q.scale/next, n.Bound, 0, low, 127)
	if err != nil {
		return err
	}
	n.Requant = r
	q.add(n, weights, biases)
	q.scale = next
	return nil
}

func (q *quantiser) add(n tensor.Node, weights []int8, biases []int32) {
	q.model.Nodes = append(q.model.Nodes, n)
	q.params.Weights = append(q.params.Weights, weights)
	q.params.Biases = append(q.params.Biases, biases)
}

// Classify evaluates the integers.
func (q *Quantised) Classify(s *Sample) []float64 {
	t, err := q.Graph.Evaluate(q.Params, s.Pixels)
	if err != nil {
		panic(err) // the samples have the shape of the input
	}
	var out []float64
	for _, y := range tensor.Int8s(q.Graph.OutputOf(t)) {
		out = append(out, float64(y))
	}
	return out
}

package onnx

import (
	"math"
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/machine/tensor"
	"github.com/capacloud/assay/machine/tensor/quantize"
)

// push adds a node to the model.
func (x *importer) push(p *pending, r *tensor.Requant) error {
	if len(x.out.Model.Nodes) == tensor.MaxNodes {
		return assay.Refuse(CodeGraph, "more than %d operators", tensor.MaxNodes)
	}
	n := p.node
	n.Bound = p.bound()
	n.Requant = r
	x.out.Model.Nodes = append(x.out.Model.Nodes, n)
	x.out.Params.Weights = append(x.out.Params.Weights, p.weights)
	x.out.Params.Biases = append(x.out.Params.Biases, p.biases)
	return nil
}

// bound returns the bound that the node will have.
func (p *pending) bound() uint32 {
	if p.weights != nil {
		return quantize.Bound(p.weights, p.biases, p.node.Op == tensor.Dense)
	}
	return p.node.Bound
}

// finish requantises a pending node to scale and zero point.
func (x *importer) finish(n *nodeProto, v *value, scale float64, zero int64, unsigned bool) error {
	p := v.pending
	low := int8(-128)
	if p.relu {
		low = int8(zero)
	}
	start := int8(zero)
	if p.node.Op == tensor.SumPool {
		// Input and output have the same parameters: the mean of what stands for
		// the numbers stands for their mean.
		if p.relu || math.Abs(p.scale*float64(windowSize(&p.node))/scale-1) > 1e-6 || v.zero != zero {
			return assay.Refuse(CodeZero, "%s %.40q: a pool's input and output differ in their parameters", n.op, n.name)
		}
		start = 0
	}
	r, err := quantize.Requant(p.scale/scale, p.bound(), start, low, 127)
	if err != nil {
		return err
	}
	if err := x.push(p, r); err != nil {
		return err
	}
	return x.define(n.outputs[0], &value{source: len(x.out.Model.Nodes), shape: v.shape, scale: scale, zero: zero, unsigned: unsigned})
}

func windowSize(n *tensor.Node) int { return int(n.Window.Kernel[0] * n.Window.Kernel[1]) }

// operand is a quantised value that an operator reads.
type operand struct {
	*value
	scale float64
	zero  int64
}

// weightsOf returns constant weights as int8.
func weightsOf(n *nodeProto, v *value, zero int64) ([]int8, []int64, error) {
	t := v.constant
	shift := int64(0)
	switch t.kind {
	case typeInt8:
	case typeUint8:
		shift = 128
	default:
		return nil, nil, assay.Refuse(CodeType, "%s %.40q: weights of type %d", n.op, n.name, t.kind)
	}
	if zero != 0 {
		return nil, nil, assay.Refuse(CodeZero, "%s %.40q: weights with zero point %d", n.op, n.name, zero+shift)
	}
	w := make([]int8, len(t.ints))
	for i, v := range t.ints {
		w[i] = int8(v - shift)
	}
	return w, t.dims, nil
}

// multiply makes a node of a product of an activation with weights or another
// activation.
func (x *importer) multiply(n *nodeProto, a, b operand, conv, transposed bool, biases []int32) (*value, error) {
	if a.constant != nil {
		return nil, assay.Refuse(CodeGraph, "%s %.40q: the first operand is a constant", n.op, n.name)
	}
	p := &pending{scale: a.scale * b.scale, offset: true}
	p.node.Inputs = []uint32{uint32(a.source)}
	if b.constant == nil {
		return x.multiplyTensors(n, p, a, b, conv, biases)
	}
	w, dims, err := weightsOf(n, b.value, b.zero)
	if err != nil {
		return nil, err
	}
	var shape tensor.Shape
	if conv {
		shape, err = x.convolution(n, p, a.shape, dims, w)
		p.node.Window.Fill = int8(a.zero)
	} else {
		shape, err = x.dense(n, p, a.shape, dims, w, transposed)
	}
	if err != nil {
		return nil, err
	}
	return &value{shape: shape, pending: p}, p.setBiases(n, biases, a.zero)
}

// dense takes weights [K, N], or [N, K] if transposed.
func (x *importer) dense(n *nodeProto, p *pending, in tensor.Shape, dims []int64, w []int8, transposed bool) (tensor.Shape, error) {
	if len(dims) != 2 || len(in) < 2 {
		return nil, assay.Refuse(CodeShape, "%s %.40q: weights %v of an input %v", n.op, n.name, dims, in)
	}
	inner, cols := int(dims[0]), int(dims[1])
	if transposed {
		inner, cols = cols, inner
		t := make([]int8, len(w))
		for i, v := range w {
			t[i%inner*cols+i/inner] = v
		}
		w = t
	}
	if in.Size()/in[0] != inner {
		return nil, assay.Refuse(CodeShape, "%s %.40q: weights %v of an input %v", n.op, n.name, dims, in)
	}
	p.node.Op, p.node.Out, p.weights = tensor.Dense, uint32(cols), w
	return tensor.Shape{in[0], cols}, nil
}

// convolution takes weights [O, C, KH, KW].
func (x *importer) convolution(n *nodeProto, p *pending, in tensor.Shape, dims []int64, w []int8) (tensor.Shape, error) {
	if len(dims) != 4 || len(in) != 4 || int64(in[1]) != dims[1] {
		return nil, assay.Refuse(CodeShape, "%s %.40q: weights %v of an input %v", n.op, n.name, dims, in)
	}
	p.node.Op, p.node.Out, p.weights = tensor.Conv, uint32(dims[0]), w
	out, err := window(n, &p.node.Window, in, dims[2:])
	if err != nil {
		return nil, err
	}
	return tensor.Shape{in[0], int(dims[0]), out[0], out[1]}, nil
}

// window reads kernel, strides and padding, and returns height and width.
func window(n *nodeProto, w *tensor.Window, in tensor.Shape, kernel []int64) ([2]int, error) {
	var out [2]int
	bad := func(what string, v any) error {
		return assay.Refuse(CodeShape, "%s %.40q: %s %v of an input %v", n.op, n.name, what, v, in)
	}
	if k := n.attributes["kernel_shape"].ints; k != nil {
		if kernel != nil && !slices.Equal(k, kernel) {
			return out, bad("kernel", k)
		}
		kernel = k
	}
	strides, pads := n.attributes["strides"].ints, n.attributes["pads"].ints
	if strides == nil {
		strides = []int64{1, 1}
	}
	if pads == nil {
		pads = []int64{0, 0, 0, 0}
	}
	if len(in) != 4 || len(kernel) != 2 || len(strides) != 2 || len(pads) != 4 {
		return out, bad("window", kernel)
	}
	for _, v := range slices.Concat(kernel, strides, pads) {
		if v < 0 || v > tensor.MaxKernel {
			return out, bad("window", kernel)
		}
	}
	for k := range 2 {
		w.Kernel[k], w.Stride[k] = uint32(kernel[k]), uint32(strides[k])
		w.Pad[k], w.Pad[k+2] = uint32(pads[k]), uint32(pads[k+2])
		room := in[2+k] + int(pads[k]+pads[k+2]) - int(kernel[k])
		if kernel[k] == 0 || strides[k] == 0 || room < 0 {
			return out, bad("window", kernel)
		}
		out[k] = room/int(strides[k]) + 1
	}
	return out, nil
}

// setBiases adds what the input's zero point takes from every sum.
func (p *pending) setBiases(n *nodeProto, biases []int32, zero int64) error {
	outputs := int(p.node.Out)
	if biases != nil && len(biases) != outputs {
		return assay.Refuse(CodeShape, "%s %.40q: %d biases for %d outputs", n.op, n.name, len(biases), outputs)
	}
	sums := make([]int64, outputs)
	for k, w := range p.weights {
		o := k % outputs
		if p.node.Op == tensor.Conv {
			o = k / (len(p.weights) / outputs)
		}
		sums[o] -= zero * int64(w)
	}
	p.biases = make([]int32, outputs)
	for o, s := range sums {
		if biases != nil {
			s += int64(biases[o])
		}
		if s > tensor.MaxBound || s < -tensor.MaxBound {
			return assay.Refuse(tensor.CodeOverflow, "%s %.40q: bias %d of output %d", n.op, n.name, s, o)
		}
		p.biases[o] = int32(s)
	}
	return nil
}

func (x *importer) multiplyTensors(n *nodeProto, p *pending, a, b operand, conv bool, biases []int32) (*value, error) {
	switch {
	case conv || biases != nil:
		return nil, assay.Refuse(CodeGraph, "%s %.40q: weights or biases are no initializers", n.op, n.name)
	case a.zero != 0 || b.zero != 0:
		return nil, assay.Refuse(CodeZero, "%s %.40q: a product of two tensors with zero points %d and %d", n.op, n.name, a.zero, b.zero)
	case len(a.shape) != 2 || len(b.shape) != 2 || a.shape[1] != b.shape[0]:
		return nil, assay.Refuse(CodeShape, "%s %.40q: %v times %v", n.op, n.name, a.shape, b.shape)
	}
	p.node.Op, p.offset = tensor.MatMul, false
	p.node.Inputs = append(p.node.Inputs, uint32(b.source))
	p.node.Bound = uint32(min(a.shape[1]<<14, math.MaxUint32))
	return &value{shape: tensor.Shape{a.shape[0], b.shape[1]}, pending: p}, nil
}

// qlinear reads QLinearMatMul and QLinearConv.
func (x *importer) qlinear(n *nodeProto, most int) error {
	a, err := x.args(n, 8, most)
	if err != nil {
		return err
	}
	var ops [2]operand
	for i := range ops {
		v := a[3*i]
		if v.real || v.pending != nil {
			return assay.Refuse(CodeGraph, "%s %.40q of a float", n.op, n.name)
		}
		ops[i].value = v
		if ops[i].scale, err = scalar(n, a[3*i+1]); err != nil {
			return err
		}
		var unsigned bool
		if ops[i].zero, unsigned, err = zeroPoint(n, a[3*i+2]); err != nil {
			return err
		}
		if err := agree(n, v, unsigned); err != nil {
			return err
		}
		if v.constant == nil && v.scale != 0 && (v.scale != ops[i].scale || v.zero != ops[i].zero || v.unsigned != unsigned) {
			return assay.Refuse(CodeScale, "%s %.40q has other parameters than the value was quantised with", n.op, n.name)
		}
		if v.constant == nil && v.scale == 0 && unsigned {
			return assay.Refuse(CodeType, "%s %.40q reads an int8 as uint8", n.op, n.name)
		}
	}
	scale, err := scalar(n, a[6])
	if err != nil {
		return err
	}
	zero, unsigned, err := zeroPoint(n, a[7])
	if err != nil {
		return err
	}
	var biases []int32
	if most == 9 && a[8] != nil {
		if biases, err = integerBiases(n, a[8]); err != nil {
			return err
		}
	}
	v, err := x.multiply(n, ops[0], ops[1], n.op == "QLinearConv", false, biases)
	if err != nil {
		return err
	}
	return x.finish(n, v, scale, zero, unsigned)
}

func integerBiases(n *nodeProto, v *value) ([]int32, error) {
	if v.constant == nil || v.constant.kind != typeInt32 {
		return nil, assay.Refuse(CodeType, "%s %.40q: biases that are no int32 initializer", n.op, n.name)
	}
	list := make([]int32, len(v.constant.ints))
	for i, b := range v.constant.ints {
		list[i] = int32(b)
	}
	return list, nil
}

// integer reads MatMulInteger, whose sums are the output.
func (x *importer) integer(n *nodeProto) error {
	a, err := x.args(n, 2, 4)
	if err != nil {
		return err
	}
	var ops [2]operand
	for i := range ops {
		ops[i] = operand{value: a[i], scale: 1}
		if a[i].real || a[i].pending != nil {
			return assay.Refuse(CodeGraph, "%s %.40q of a float", n.op, n.name)
		}
		var unsigned bool
		if a[2+i] == nil {
			if a[i].constant != nil && a[i].constant.kind == typeUint8 || a[i].unsigned {
				ops[i].zero = -128
			}
		} else if ops[i].zero, unsigned, err = zeroPoint(n, a[2+i]); err != nil {
			return err
		} else if err := agree(n, a[i], unsigned); err != nil {
			return err
		} else if a[i].constant == nil && unsigned != a[i].unsigned {
			return assay.Refuse(CodeType, "%s %.40q: the zero point is of another type than the value", n.op, n.name)
		}
	}
	v, err := x.multiply(n, ops[0], ops[1], false, false, nil)
	if err != nil {
		return err
	}
	v.pending.scale, v.pending.offset = 0, false
	return x.define(n.outputs[0], v)
}

// float returns an operand of a float operator.
func float(n *nodeProto, v *value) (operand, error) {
	if !v.real || v.scale == 0 {
		return operand{}, assay.Refuse(CodeGraph, "%s %.40q of a value that is not dequantised", n.op, n.name)
	}
	return operand{value: v, scale: v.scale, zero: v.zero}, nil
}

// product reads MatMul, Gemm and Conv between DequantizeLinear and QuantizeLinear.
func (x *importer) product(n *nodeProto) error {
	most := 3
	if n.op == "MatMul" {
		most = 2
	}
	a, err := x.args(n, 2, most)
	if err != nil {
		return err
	}
	first, err := float(n, a[0])
	if err != nil {
		return err
	}
	second, err := float(n, a[1])
	if err != nil {
		return err
	}
	var biases []int32
	if most == 3 && a[2] != nil {
		if biases, err = floatBiases(n, a[2], first.scale*second.scale); err != nil {
			return err
		}
	}
	v, err := x.multiply(n, first, second, n.op == "Conv", n.attributes["transB"].i == 1, biases)
	if err != nil {
		return err
	}
	return x.define(n.outputs[0], v)
}

// floatBiases returns biases in steps of the sums' scale.
func floatBiases(n *nodeProto, v *value, scale float64) ([]int32, error) {
	t := v.constant
	switch {
	case t == nil:
		return nil, assay.Refuse(CodeGraph, "%s %.40q: biases that are no initializer", n.op, n.name)
	case t.kind == typeFloat:
		list := make([]float64, len(t.floats))
		for i, f := range t.floats {
			if list[i] = float64(f); math.IsNaN(list[i]) || math.IsInf(list[i], 0) {
				return nil, assay.Refuse(CodeType, "%s %.40q: bias %d is %g", n.op, n.name, i, f)
			}
		}
		return quantize.Int32(list, scale), nil
	case !v.real:
		return nil, assay.Refuse(CodeType, "%s %.40q: integer biases that are not dequantised", n.op, n.name)
	case t.kind == typeInt32 && v.zero == 0 && math.Abs(v.scale/scale-1) < 1e-5:
		return integerBiases(n, v)
	}
	list := make([]float64, len(t.ints))
	for i, b := range t.ints {
		zero := v.zero
		if t.kind == typeUint8 {
			zero += 128
		}
		list[i] = float64(b-zero) * v.scale
	}
	return quantize.Int32(list, scale), nil
}

// add reads an addition of biases to a product, or of two tensors.
func (x *importer) add(n *nodeProto) error {
	a, err := x.args(n, 2, 2)
	if err != nil {
		return err
	}
	for i, v := range a {
		other := a[1-i]
		if v.pending != nil && v.pending.offset && !v.pending.relu && v.pending.node.Op == tensor.Dense && other.constant != nil {
			return x.addBiases(n, v, other)
		}
	}
	first, err := float(n, a[0])
	if err != nil {
		return err
	}
	second, err := float(n, a[1])
	if err != nil {
		return err
	}
	switch {
	case first.constant != nil || second.constant != nil:
		return assay.Refuse(CodeGraph, "%s %.40q of a constant to what is no product", n.op, n.name)
	case !slices.Equal(first.shape, second.shape):
		return assay.Refuse(CodeShape, "%s %.40q: %v and %v", n.op, n.name, first.shape, second.shape)
	case first.zero != 0 || second.zero != 0:
		return assay.Refuse(CodeZero, "%s %.40q of tensors with zero points %d and %d", n.op, n.name, first.zero, second.zero)
	}
	unit := max(first.scale, second.scale) / 4096
	p := &pending{scale: unit}
	p.node = tensor.Node{Op: tensor.Add, Inputs: []uint32{uint32(first.source), uint32(second.source)}}
	for _, s := range []float64{first.scale, second.scale} {
		f := uint32(math.RoundToEven(s / unit))
		if f == 0 {
			return assay.Refuse(CodeScale, "%s %.40q: scales %g and %g are too far apart", n.op, n.name, first.scale, second.scale)
		}
		p.node.Factors = append(p.node.Factors, f)
		p.node.Bound += f << 7
	}
	return x.define(n.outputs[0], &value{shape: first.shape, pending: p})
}

// addBiases fuses an addition into the product before it. The product is read by
// nothing else then: its value becomes another.
func (x *importer) addBiases(n *nodeProto, v, biases *value) error {
	list, err := floatBiases(n, biases, v.pending.scale)
	if err != nil {
		return err
	}
	p := *v.pending
	if len(list) != len(p.biases) {
		return assay.Refuse(CodeShape, "%s %.40q: %d biases for %d outputs", n.op, n.name, len(list), len(p.biases))
	}
	p.biases, p.offset = slices.Clone(p.biases), false
	for i, b := range list {
		s := int64(p.biases[i]) + int64(b)
		if s > tensor.MaxBound || s < -tensor.MaxBound {
			return assay.Refuse(tensor.CodeOverflow, "%s %.40q: bias %d of output %d", n.op, n.name, s, i)
		}
		p.biases[i] = int32(s)
	}
	return x.define(n.outputs[0], &value{shape: v.shape, pending: &p})
}

func (x *importer) relu(n *nodeProto) error {
	a, err := x.args(n, 1, 1)
	if err != nil {
		return err
	}
	if a[0].pending == nil || a[0].pending.scale == 0 {
		return assay.Refuse(CodeGraph, "%s %.40q of what is no sum", n.op, n.name)
	}
	p := *a[0].pending
	p.relu = true
	return x.define(n.outputs[0], &value{shape: a[0].shape, zero: a[0].zero, pending: &p})
}

func (x *importer) average(n *nodeProto) error {
	a, err := x.args(n, 1, 1)
	if err != nil {
		return err
	}
	v, err := float(n, a[0])
	if err != nil {
		return err
	}
	if v.constant != nil || len(v.shape) != 4 {
		return assay.Refuse(CodeShape, "%s %.40q of %v", n.op, n.name, v.shape)
	}
	p := &pending{}
	p.node = tensor.Node{Op: tensor.SumPool, Inputs: []uint32{uint32(v.source)}}
	var kernel []int64
	if n.op == "GlobalAveragePool" {
		kernel = []int64{int64(v.shape[2]), int64(v.shape[3])}
	}
	out, err := window(n, &p.node.Window, v.shape, kernel)
	if err != nil {
		return err
	}
	if p.node.Window.Pad != [4]uint32{} {
		return assay.Refuse(CodeOperator, "%s %.40q with padding", n.op, n.name)
	}
	p.node.Bound = uint32(windowSize(&p.node)) << 7
	p.scale = v.scale / float64(windowSize(&p.node))
	return x.define(n.outputs[0], &value{shape: tensor.Shape{v.shape[0], v.shape[1], out[0], out[1]}, zero: v.zero, pending: p})
}

// maxPool takes integers as well as dequantised ones: a maximum keeps its meaning.
func (x *importer) maxPool(n *nodeProto) error {
	a, err := x.args(n, 1, 1)
	if err != nil {
		return err
	}
	v := a[0]
	if v.constant != nil || v.pending != nil || v.real && v.scale == 0 {
		return assay.Refuse(CodeGraph, "%s %.40q of a value that is not quantised", n.op, n.name)
	}
	p := &pending{}
	p.node = tensor.Node{Op: tensor.MaxPool, Inputs: []uint32{uint32(v.source)}}
	out, err := window(n, &p.node.Window, v.shape, nil)
	if err != nil {
		return err
	}
	if p.node.Window.Pad != [4]uint32{} {
		return assay.Refuse(CodeOperator, "%s %.40q with padding", n.op, n.name)
	}
	if err := x.push(p, nil); err != nil {
		return err
	}
	made := *v
	made.source, made.shape = len(x.out.Model.Nodes), tensor.Shape{v.shape[0], v.shape[1], out[0], out[1]}
	return x.define(n.outputs[0], &made)
}

// reshape reads Flatten and Reshape to rows, which change no byte: the dense node
// behind reads all dimensions but the batch as one.
func (x *importer) reshape(n *nodeProto) error {
	most := 2
	if n.op == "Flatten" {
		most = 1
	}
	a, err := x.args(n, most, most)
	if err != nil {
		return err
	}
	v := *a[0]
	if v.constant != nil || v.pending != nil || len(v.shape) < 2 {
		return assay.Refuse(CodeGraph, "%s %.40q of a value that is not quantised", n.op, n.name)
	}
	if most == 2 {
		rest := int64(v.shape.Size() / v.shape[0])
		t := a[1].constant
		if t == nil || t.kind != typeInt64 || len(t.ints) != 2 ||
			t.ints[0] != int64(v.shape[0]) && (t.ints[0] != 0 && t.ints[0] != -1 || t.ints[0] == t.ints[1]) || t.ints[1] != rest && t.ints[1] != -1 {
			return assay.Refuse(CodeShape, "%s %.40q of %v; only to [batch, all others]", n.op, n.name, v.shape)
		}
	}
	return x.define(n.outputs[0], &v)
}

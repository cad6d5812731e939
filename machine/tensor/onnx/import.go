package onnx

import (
	"math"
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/machine/tensor"
)

// Imported is a model without its commitment, and what its input and output mean.
type Imported struct {
	Model         tensor.Model
	Params        tensor.Params
	Input, Output Edge
}

// Edge says what an int8 at the edge of the network stands for: Scale × (v − Zero).
// A scale of zero says that the ONNX model has integers there itself.
type Edge struct {
	Scale float64
	Zero  int8
}

// value is what a name in the graph stands for.
type value struct {
	constant *tensorProto
	source   int // tensor of the model
	shape    tensor.Shape
	scale    float64 // of a quantised value; zero: not known
	zero     int64   // as int8
	unsigned bool    // the ONNX model has uint8: 128 more than we have

	real    bool     // DequantizeLinear of the above
	pending *pending // a float that is being computed
}

// pending is a node whose requantisation has not been met yet.
type pending struct {
	node    tensor.Node
	weights []int8
	biases  []int32
	scale   float64 // of the sums
	relu    bool
	offset  bool // sums may be biased: Add can be fused
}

// importer goes through the graph.
type importer struct {
	out    Imported
	values map[string]*value
}

// Import reads a model. Its errors are refusals.
func Import(b []byte) (*Imported, error) {
	if len(b) > MaxBytes {
		return nil, assay.Refuse(CodeEncoding, "%d bytes; at most %d", len(b), MaxBytes)
	}
	m, err := parseModel(b)
	if err != nil {
		return nil, err
	}
	if m.opset < 10 || m.opset > 25 {
		return nil, assay.Refuse(CodeOpset, "%d", m.opset)
	}
	g := m.graph
	if len(g.nodes) > MaxNodes || len(g.outputs) != 1 {
		return nil, assay.Refuse(CodeGraph, "%d nodes, %d outputs", len(g.nodes), len(g.outputs))
	}
	x := &importer{values: map[string]*value{}}
	x.out.Model.Version = 1
	if err := x.edges(g); err != nil {
		return nil, err
	}
	for i := range g.nodes {
		if err := x.node(&g.nodes[i]); err != nil {
			return nil, err
		}
	}
	return x.end(g.outputs[0])
}

// define gives a name its one meaning.
func (x *importer) define(name string, v *value) error {
	if name == "" || x.values[name] != nil {
		return assay.Refuse(CodeGraph, "value %.60q is defined twice, or has no name", name)
	}
	x.values[name] = v
	return nil
}

// edges defines initializers and the input.
func (x *importer) edges(g *graphProto) error {
	for i := range g.initializers {
		t := &g.initializers[i]
		if err := x.define(t.name, &value{constant: t}); err != nil {
			return err
		}
	}
	inputs := slices.DeleteFunc(slices.Clone(g.inputs), func(v valueProto) bool { return x.values[v.name] != nil })
	if len(inputs) != 1 {
		return assay.Refuse(CodeGraph, "%d inputs", len(inputs))
	}
	in := inputs[0]
	v := &value{}
	for i, d := range in.dims {
		if i == 0 && d < 0 {
			d = 1
		}
		if d < 1 || d > tensor.MaxDim {
			return assay.Refuse(CodeShape, "input %v", in.dims)
		}
		v.shape = append(v.shape, int(d))
		x.out.Model.Input = append(x.out.Model.Input, uint32(d))
	}
	switch in.kind {
	case typeInt8:
	case typeFloat:
		v.real = true
	default:
		return assay.Refuse(CodeType, "the input is of type %d; int8 or float", in.kind)
	}
	return x.define(in.name, v)
}

// get returns what an input of a node stands for; an omitted one is nil.
func (x *importer) get(n *nodeProto, i int) (*value, error) {
	if i >= len(n.inputs) || n.inputs[i] == "" {
		return nil, nil
	}
	v := x.values[n.inputs[i]]
	if v == nil {
		return nil, assay.Refuse(CodeGraph, "%s %.40q reads %.60q, which nothing computes", n.op, n.name, n.inputs[i])
	}
	return v, nil
}

// args returns all inputs; most may be nil beyond least.
func (x *importer) args(n *nodeProto, least, most int) ([]*value, error) {
	if len(n.inputs) < least || len(n.inputs) > most || len(n.outputs) != 1 {
		return nil, assay.Refuse(CodeOperator, "%s %.40q of %d inputs and %d outputs", n.op, n.name, len(n.inputs), len(n.outputs))
	}
	list := make([]*value, most)
	for i := range list {
		var err error
		if list[i], err = x.get(n, i); err != nil {
			return nil, err
		}
		if i < least && list[i] == nil {
			return nil, assay.Refuse(CodeGraph, "%s %.40q: input %d is missing", n.op, n.name, i)
		}
	}
	return list, nil
}

func (x *importer) node(n *nodeProto) error {
	if err := n.allow(); err != nil {
		return err
	}
	switch n.op {
	case "QuantizeLinear":
		return x.quantize(n)
	case "DequantizeLinear":
		return x.dequantize(n)
	case "QLinearMatMul":
		return x.qlinear(n, 8)
	case "QLinearConv":
		return x.qlinear(n, 9)
	case "MatMulInteger":
		return x.integer(n)
	case "MatMul", "Gemm", "Conv":
		return x.product(n)
	case "Add":
		return x.add(n)
	case "Relu":
		return x.relu(n)
	case "AveragePool", "GlobalAveragePool":
		return x.average(n)
	case "MaxPool":
		return x.maxPool(n)
	}
	return x.reshape(n)
}

// taken lists the attributes of every operator, with the values that all but
// windows must have.
var taken = map[string]map[string][]int64{
	"QuantizeLinear": {"axis": nil, "saturate": {1}}, "DequantizeLinear": {"axis": nil},
	"QLinearMatMul": {}, "MatMulInteger": {}, "MatMul": {}, "Add": {}, "Relu": {}, "GlobalAveragePool": {},
	"Gemm":        {"transA": {0}, "transB": {0, 1}, "alpha": nil, "beta": nil},
	"QLinearConv": {"kernel_shape": nil, "strides": nil, "pads": nil, "dilations": nil, "group": {1}, "auto_pad": nil},
	"Conv":        {"kernel_shape": nil, "strides": nil, "pads": nil, "dilations": nil, "group": {1}, "auto_pad": nil},
	"AveragePool": {"kernel_shape": nil, "strides": nil, "pads": nil, "dilations": nil, "ceil_mode": {0}, "count_include_pad": nil, "auto_pad": nil},
	"MaxPool":     {"kernel_shape": nil, "strides": nil, "pads": nil, "dilations": nil, "ceil_mode": {0}, "storage_order": {0}, "auto_pad": nil},
	"Flatten":     {"axis": {1}}, "Reshape": {"allowzero": {0}},
}

// allow refuses operators and attributes outside the subset.
func (n *nodeProto) allow() error {
	known, ok := taken[n.op]
	if !ok {
		return assay.Refuse(CodeOperator, "%.40q (node %.40q)", n.op, n.name)
	}
	// The order of a map does not matter: any refusal is one of these.
	for name, a := range n.attributes {
		values, ok := known[name]
		if !ok || values != nil && !slices.Contains(values, a.i) {
			return assay.Refuse(CodeOperator, "%s %.40q: attribute %.40q is %d", n.op, n.name, name, a.i)
		}
		switch {
		case name == "auto_pad" && a.s != "NOTSET" && a.s != "",
			name == "dilations" && slices.ContainsFunc(a.ints, func(d int64) bool { return d != 1 }),
			(name == "alpha" || name == "beta") && a.f != 1:
			return assay.Refuse(CodeOperator, "%s %.40q: attribute %.40q", n.op, n.name, name)
		}
	}
	return nil
}

// scalar returns the one number of a scale.
func scalar(n *nodeProto, v *value) (float64, error) {
	if v == nil || v.constant == nil || v.constant.kind != typeFloat {
		return 0, assay.Refuse(CodeScale, "%s %.40q: a scale is no float initializer", n.op, n.name)
	}
	if len(v.constant.floats) != 1 {
		return 0, assay.Refuse(CodeScale, "%s %.40q: %d scales", n.op, n.name, len(v.constant.floats))
	}
	s := float64(v.constant.floats[0])
	if !(s > 0) || math.IsInf(s, 0) {
		return 0, assay.Refuse(CodeScale, "%s %.40q: %g", n.op, n.name, s)
	}
	return s, nil
}

// zeroPoint returns a zero point as an int8 would have it, and whether it is of uint8.
func zeroPoint(n *nodeProto, v *value) (zero int64, unsigned bool, err error) {
	if v == nil {
		return -128, true, nil // the default is a uint8 of zero
	}
	if v.constant == nil || len(v.constant.ints) != 1 {
		return 0, false, assay.Refuse(CodeZero, "%s %.40q: it is no initializer of one number", n.op, n.name)
	}
	z := v.constant.ints[0]
	switch v.constant.kind {
	case typeInt8:
		return z, false, nil
	case typeUint8:
		return z - 128, true, nil
	case typeInt32:
		if z == 0 {
			return 0, false, nil
		}
	}
	return 0, false, assay.Refuse(CodeZero, "%s %.40q: %d of type %d", n.op, n.name, z, v.constant.kind)
}

// agree refuses a constant whose zero point is of another type.
func agree(n *nodeProto, v *value, unsigned bool) error {
	if v.constant != nil && (v.constant.kind == typeUint8) != unsigned {
		return assay.Refuse(CodeType, "%s %.40q: a constant and its zero point differ in type", n.op, n.name)
	}
	return nil
}

// quantize ends the computation of a float.
func (x *importer) quantize(n *nodeProto) error {
	a, err := x.args(n, 2, 3)
	if err != nil {
		return err
	}
	scale, err := scalar(n, a[1])
	if err != nil {
		return err
	}
	zero, unsigned, err := zeroPoint(n, a[2])
	if err != nil {
		return err
	}
	v := a[0]
	switch {
	case v.pending != nil:
		return x.finish(n, v, scale, zero, unsigned)
	case v.real && v.scale == 0 && v.constant == nil:
		// The float input: the job's input is what comes out here.
		if x.out.Input.Scale != 0 {
			return assay.Refuse(CodeGraph, "the input is quantised twice")
		}
		x.out.Input = Edge{Scale: scale, Zero: int8(zero)}
		return x.define(n.outputs[0], &value{source: v.source, shape: v.shape, scale: scale, zero: zero, unsigned: unsigned})
	case v.real && v.constant == nil && v.scale == scale && v.zero == zero:
		// Dequantised and quantised again, unchanged: a pool of maxima, or nothing.
		return x.define(n.outputs[0], &value{source: v.source, shape: v.shape, scale: scale, zero: zero, unsigned: unsigned})
	}
	return assay.Refuse(CodeGraph, "%s %.40q of a value that is not being computed", n.op, n.name)
}

// dequantize begins one.
func (x *importer) dequantize(n *nodeProto) error {
	a, err := x.args(n, 2, 3)
	if err != nil {
		return err
	}
	scale, err := scalar(n, a[1])
	if err != nil {
		return err
	}
	v := *a[0]
	if v.real || v.pending != nil {
		return assay.Refuse(CodeGraph, "%s %.40q of a float", n.op, n.name)
	}
	zero, unsigned, err := zeroPoint(n, a[2])
	if err != nil {
		return err
	}
	if v.constant != nil && a[2] == nil && v.constant.kind != typeUint8 || v.constant == nil && a[2] == nil && !v.unsigned {
		zero, unsigned = 0, false
	}
	if err := agree(n, &v, unsigned); err != nil {
		return err
	}
	if v.constant == nil {
		switch {
		case v.scale == 0:
			// The integer input.
			v.scale, v.zero, v.unsigned = scale, zero, unsigned
		case v.scale != scale || v.zero != zero || v.unsigned != unsigned:
			return assay.Refuse(CodeScale, "%s %.40q has other parameters than the value was quantised with", n.op, n.name)
		}
	}
	v.real, v.scale, v.zero, v.unsigned = true, scale, zero, unsigned
	return x.define(n.outputs[0], &v)
}

// end takes what the output stands for.
func (x *importer) end(out valueProto) (*Imported, error) {
	v := x.values[out.name]
	switch {
	case v == nil:
		return nil, assay.Refuse(CodeGraph, "nothing computes the output %.60q", out.name)
	case v.pending != nil && (v.pending.relu || v.pending.node.Op == tensor.SumPool):
		return nil, assay.Refuse(CodeGraph, "the output is a float after Relu or a pool; quantise it")
	case v.pending != nil:
		// Sums themselves: MatMulInteger, or floats that nothing quantises.
		if err := x.push(v.pending, nil); err != nil {
			return nil, err
		}
		x.out.Output = Edge{Scale: v.pending.scale}
	default:
		if v.source != len(x.out.Model.Nodes) || v.source == 0 {
			return nil, assay.Refuse(CodeGraph, "the output is not what the last node computes")
		}
		if v.real {
			x.out.Output = Edge{Scale: v.scale, Zero: int8(v.zero)}
		} else if v.unsigned {
			return nil, assay.Refuse(CodeType, "the output is uint8; add DequantizeLinear, or quantise to int8")
		}
	}
	if _, err := tensor.Check(&x.out.Model); err != nil {
		return nil, err
	}
	return &x.out, nil
}

package onnx

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// builder writes ONNX models: only what the tests need.
type builder struct {
	graph []byte
	opset uint64
}

func message(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

func bytesField(n protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, n, protowire.BytesType), v)
}

func intField(n protowire.Number, v int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, n, protowire.VarintType), uint64(v))
}

func floatField(n protowire.Number, v float32) []byte {
	return protowire.AppendFixed32(protowire.AppendTag(nil, n, protowire.Fixed32Type), math.Float32bits(v))
}

// tensor adds an initializer.
func (b *builder) tensor(name string, kind int64, dims []int64, raw []byte) {
	t := message(intField(2, kind), bytesField(8, []byte(name)), bytesField(9, raw))
	for _, d := range dims {
		t = append(t, intField(1, d)...)
	}
	b.graph = append(b.graph, bytesField(5, t)...)
}

func (b *builder) scale(name string, v float32) {
	b.tensor(name, typeFloat, nil, binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)))
}

// params adds a scale and a zero point: name.s and name.z.
func (b *builder) params(name string, scale float32, kind int64, zero byte) {
	b.scale(name+".s", scale)
	b.tensor(name+".z", kind, nil, []byte{zero})
}

func (b *builder) int32s(name string, v []int32) {
	var raw []byte
	for _, x := range v {
		raw = binary.LittleEndian.AppendUint32(raw, uint32(x))
	}
	b.tensor(name, typeInt32, []int64{int64(len(v))}, raw)
}

// attr is an attribute of integers; one of one number is no list.
func attr(name string, list bool, v ...int64) []byte {
	a := bytesField(1, []byte(name))
	if !list {
		return bytesField(5, message(a, intField(3, v[0]), intField(20, 2)))
	}
	for _, x := range v {
		a = append(a, intField(8, x)...)
	}
	return bytesField(5, message(a, intField(20, 7)))
}

func attrFloat(name string, v float32) []byte {
	return bytesField(5, message(bytesField(1, []byte(name)), floatField(2, v), intField(20, 1)))
}

func (b *builder) node(op string, inputs []string, output string, attributes ...[]byte) {
	n := message(bytesField(2, []byte(output)), bytesField(4, []byte(op)))
	for _, in := range inputs {
		n = append(n, bytesField(1, []byte(in))...)
	}
	b.graph = append(b.graph, bytesField(1, append(n, message(attributes...)...))...)
}

func (b *builder) edge(field protowire.Number, name string, kind int64, dims ...int64) {
	var shape []byte
	for _, d := range dims {
		dim := intField(1, d)
		if d < 0 {
			dim = bytesField(2, []byte("batch"))
		}
		shape = append(shape, bytesField(1, dim)...)
	}
	t := bytesField(1, message(intField(1, kind), bytesField(2, shape)))
	b.graph = append(b.graph, bytesField(field, message(bytesField(1, []byte(name)), bytesField(2, t)))...)
}

func (b *builder) bytes() []byte {
	opset := b.opset
	if opset == 0 {
		opset = 17
	}
	graph := append(bytesField(2, []byte("g")), b.graph...)
	return message(intField(1, 8), bytesField(2, []byte("assay test")), bytesField(8, intField(2, int64(opset))), bytesField(7, graph))
}

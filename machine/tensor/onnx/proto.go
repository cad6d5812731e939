package onnx

import (
	"encoding/binary"
	"math"

	"github.com/capacloud/assay"
	"google.golang.org/protobuf/encoding/protowire"
)

// The messages of onnx.proto, as far as the subset needs them. Fields that say
// nothing about what is computed are skipped by number; any other is refused.

type modelProto struct {
	opset int64
	graph *graphProto
}

type graphProto struct {
	nodes        []nodeProto
	initializers []tensorProto
	inputs       []valueProto
	outputs      []valueProto
}

type nodeProto struct {
	op              string
	name            string
	inputs, outputs []string
	attributes      map[string]attribute
}

type attribute struct {
	i       int64
	f       float32
	s       string
	ints    []int64
	integer bool // i is set
}

// Element types of a TensorProto.
const (
	typeFloat = 1
	typeUint8 = 2
	typeInt8  = 3
	typeInt32 = 6
	typeInt64 = 7
)

type tensorProto struct {
	name   string
	dims   []int64
	kind   int64
	raw    []byte
	floats []float32
	ints   []int64
}

type valueProto struct {
	name string
	kind int64
	dims []int64 // −1: symbolic
}

// field is one field of a message.
type field struct {
	number protowire.Number
	wire   protowire.Type
	bytes  []byte // of a length-delimited field
	value  uint64 // of any other
}

// fields reads a message and hands its fields out one by one.
func fields(what string, b []byte, do func(f field) error) error {
	for len(b) > 0 {
		number, wire, n := protowire.ConsumeTag(b)
		if n < 0 {
			return assay.Refuse(CodeEncoding, "%s: %v", what, protowire.ParseError(n))
		}
		b = b[n:]
		f := field{number: number, wire: wire}
		switch wire {
		case protowire.VarintType:
			f.value, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(b)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(b)
			f.value = uint64(v)
		default:
			return assay.Refuse(CodeField, "%s: field %d of wire type %d", what, number, wire)
		}
		if n < 0 {
			return assay.Refuse(CodeEncoding, "%s: field %d: %v", what, number, protowire.ParseError(n))
		}
		b = b[n:]
		if err := do(f); err != nil {
			return err
		}
	}
	return nil
}

// unknown refuses a field.
func unknown(what string, f field) error {
	return assay.Refuse(CodeField, "%s: field %d", what, f.number)
}

// want refuses a field of another wire type.
func want(what string, f field, wire protowire.Type) error {
	if f.wire != wire {
		return assay.Refuse(CodeEncoding, "%s: field %d has wire type %d", what, f.number, f.wire)
	}
	return nil
}

// integers appends a repeated integer, packed or not.
func integers(what string, list []int64, f field) ([]int64, error) {
	if f.wire == protowire.VarintType {
		return append(list, int64(f.value)), nil
	}
	for b := f.bytes; len(b) > 0; {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return nil, assay.Refuse(CodeEncoding, "%s: field %d: %v", what, f.number, protowire.ParseError(n))
		}
		list, b = append(list, int64(v)), b[n:]
	}
	return list, nil
}

func parseModel(b []byte) (*modelProto, error) {
	m := &modelProto{}
	err := fields("model", b, func(f field) error {
		switch f.number {
		case 1, 2, 3, 4, 5, 6, 14: // ir_version, producer, domain, model_version, doc, metadata
			return nil
		case 7:
			if m.graph != nil {
				return assay.Refuse(CodeEncoding, "two graphs")
			}
			g, err := parseGraph(f.bytes)
			m.graph = g
			return err
		case 8:
			return m.parseOpset(f.bytes)
		}
		return unknown("model", f)
	})
	if err == nil && m.graph == nil {
		err = assay.Refuse(CodeEncoding, "no graph")
	}
	return m, err
}

func (m *modelProto) parseOpset(b []byte) error {
	var domain string
	var version int64
	err := fields("opset", b, func(f field) error {
		switch f.number {
		case 1:
			domain = string(f.bytes)
			return nil
		case 2:
			version = int64(f.value)
			return nil
		}
		return unknown("opset", f)
	})
	if err == nil && (domain == "" || domain == "ai.onnx") {
		m.opset = version
	}
	return err
}

func parseGraph(b []byte) (*graphProto, error) {
	g := &graphProto{}
	err := fields("graph", b, func(f field) error {
		switch f.number {
		case 2, 10, 13, 16: // name, doc, value_info, metadata
			return nil
		case 1:
			n, err := parseNode(f.bytes)
			g.nodes = append(g.nodes, n)
			return err
		case 5:
			t, err := parseTensor(f.bytes)
			g.initializers = append(g.initializers, t)
			return err
		case 11:
			v, err := parseValue(f.bytes)
			g.inputs = append(g.inputs, v)
			return err
		case 12:
			v, err := parseValue(f.bytes)
			g.outputs = append(g.outputs, v)
			return err
		}
		return unknown("graph", f)
	})
	return g, err
}

func parseNode(b []byte) (nodeProto, error) {
	n := nodeProto{attributes: map[string]attribute{}}
	err := fields("node", b, func(f field) error {
		if err := want("node", f, protowire.BytesType); err != nil {
			return err
		}
		switch f.number {
		case 1:
			n.inputs = append(n.inputs, string(f.bytes))
		case 2:
			n.outputs = append(n.outputs, string(f.bytes))
		case 3:
			n.name = string(f.bytes)
		case 4:
			n.op = string(f.bytes)
		case 5:
			return n.parseAttribute(f.bytes)
		case 6, 9: // doc, metadata
		case 7:
			if d := string(f.bytes); d != "" && d != "ai.onnx" {
				return assay.Refuse(CodeOperator, "domain %.40q", d)
			}
		default:
			return unknown("node", f)
		}
		return nil
	})
	return n, err
}

func (n *nodeProto) parseAttribute(b []byte) error {
	var a attribute
	var name string
	err := fields("attribute", b, func(f field) error {
		var err error
		switch f.number {
		case 1:
			name = string(f.bytes)
		case 2:
			a.f = math.Float32frombits(uint32(f.value))
		case 3:
			a.i, a.integer = int64(f.value), true
		case 4:
			a.s = string(f.bytes)
		case 8:
			a.ints, err = integers("attribute", a.ints, f)
		case 13, 20: // doc, type
		default:
			return unknown("attribute", f)
		}
		return err
	})
	if _, twice := n.attributes[name]; err == nil && twice {
		return assay.Refuse(CodeEncoding, "attribute %.40q twice", name)
	}
	n.attributes[name] = a
	return err
}

func parseTensor(b []byte) (tensorProto, error) {
	var t tensorProto
	err := fields("tensor", b, func(f field) error {
		var err error
		switch f.number {
		case 1:
			t.dims, err = integers("tensor", t.dims, f)
		case 2:
			t.kind = int64(f.value)
		case 4:
			err = t.parseFloats(f)
		case 5, 7:
			t.ints, err = integers("tensor", t.ints, f)
		case 8:
			t.name = string(f.bytes)
		case 9:
			t.raw = f.bytes
		case 12: // doc
		case 14:
			if f.value != 0 {
				return assay.Refuse(CodeField, "tensor %.60q: external data", t.name)
			}
		default:
			return unknown("tensor", f)
		}
		return err
	})
	if err != nil {
		return t, err
	}
	return t, t.check()
}

func (t *tensorProto) parseFloats(f field) error {
	if f.wire == protowire.Fixed32Type {
		t.floats = append(t.floats, math.Float32frombits(uint32(f.value)))
		return nil
	}
	if len(f.bytes)%4 != 0 {
		return assay.Refuse(CodeEncoding, "tensor: %d bytes of floats", len(f.bytes))
	}
	for b := f.bytes; len(b) > 0; b = b[4:] {
		t.floats = append(t.floats, math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	return nil
}

// size returns the number of elements, −1 where there is none that we take.
func (t *tensorProto) size() int {
	n := int64(1)
	for _, d := range t.dims {
		if d < 1 || d > MaxElements || n > MaxElements/d {
			return -1
		}
		n *= d
	}
	return int(n)
}

// check turns the contents into ints or floats, whichever the type says.
func (t *tensorProto) check() error {
	size, n := 0, t.size()
	switch t.kind {
	case typeUint8, typeInt8:
		size = 1
	case typeInt32, typeFloat:
		size = 4
	case typeInt64:
		size = 8
	default:
		return assay.Refuse(CodeType, "tensor %.60q of type %d", t.name, t.kind)
	}
	if n < 0 || len(t.dims) > 8 {
		return assay.Refuse(CodeShape, "tensor %.60q: %v", t.name, t.dims)
	}
	if len(t.raw) > 0 {
		if len(t.raw) != n*size || len(t.ints)+len(t.floats) > 0 {
			return assay.Refuse(CodeShape, "tensor %.60q: %d bytes for %v", t.name, len(t.raw), t.dims)
		}
		t.unpack(n)
	}
	have := len(t.ints)
	if t.kind == typeFloat {
		have = len(t.floats)
	}
	if have != n || len(t.ints) > 0 && t.kind == typeFloat || len(t.floats) > 0 && t.kind != typeFloat {
		return assay.Refuse(CodeShape, "tensor %.60q: %d elements for %v", t.name, have, t.dims)
	}
	return t.ranged()
}

func (t *tensorProto) unpack(n int) {
	for i := range n {
		switch t.kind {
		case typeUint8:
			t.ints = append(t.ints, int64(t.raw[i]))
		case typeInt8:
			t.ints = append(t.ints, int64(int8(t.raw[i])))
		case typeInt32:
			t.ints = append(t.ints, int64(int32(binary.LittleEndian.Uint32(t.raw[4*i:]))))
		case typeInt64:
			t.ints = append(t.ints, int64(binary.LittleEndian.Uint64(t.raw[8*i:])))
		case typeFloat:
			t.floats = append(t.floats, math.Float32frombits(binary.LittleEndian.Uint32(t.raw[4*i:])))
		}
	}
	t.raw = nil
}

// ranged refuses integers beyond their type.
func (t *tensorProto) ranged() error {
	low, high := int64(math.MinInt64), int64(math.MaxInt64)
	switch t.kind {
	case typeUint8:
		low, high = 0, 255
	case typeInt8:
		low, high = -128, 127
	case typeInt32:
		low, high = math.MinInt32, math.MaxInt32
	}
	for i, v := range t.ints {
		if v < low || v > high {
			return assay.Refuse(CodeType, "tensor %.60q: element %d is %d", t.name, i, v)
		}
	}
	return nil
}

func parseValue(b []byte) (valueProto, error) {
	var v valueProto
	err := fields("value", b, func(f field) error {
		switch f.number {
		case 1:
			v.name = string(f.bytes)
			return nil
		case 2:
			return v.parseType(f.bytes)
		case 3, 4: // doc, metadata
			return nil
		}
		return unknown("value", f)
	})
	return v, err
}

func (v *valueProto) parseType(b []byte) error {
	return fields("type", b, func(f field) error {
		switch f.number {
		case 1:
			return fields("tensor type", f.bytes, func(f field) error {
				switch f.number {
				case 1:
					v.kind = int64(f.value)
					return nil
				case 2:
					return v.parseShape(f.bytes)
				}
				return unknown("tensor type", f)
			})
		case 6: // denotation
			return nil
		}
		return assay.Refuse(CodeType, "value %.60q is no tensor", v.name)
	})
}

func (v *valueProto) parseShape(b []byte) error {
	return fields("shape", b, func(f field) error {
		if f.number != 1 {
			return unknown("shape", f)
		}
		dim := int64(-1)
		err := fields("dimension", f.bytes, func(f field) error {
			switch f.number {
			case 1:
				dim = int64(f.value)
			case 2, 3: // a name, a denotation
			default:
				return unknown("dimension", f)
			}
			return nil
		})
		v.dims = append(v.dims, dim)
		return err
	})
}

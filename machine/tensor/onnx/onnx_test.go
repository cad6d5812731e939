package onnx

import (
	"bytes"
	"encoding/binary"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/machine/tensor"
)

// To run the models by ONNX Runtime again and record what it says:
//
//	npm install --prefix DIR onnxruntime-node@1.30.0
//	ASSAY_ORT=DIR go test ./machine/tensor/onnx -run Runtime -record
var record = flag.Bool("record", false, "ask ONNX Runtime and rewrite testdata")

// quantised is a model with an input, on which we and ONNX Runtime have to agree.
type quantised struct {
	name  string
	build func(r *rand.Rand) *builder
	input []int   // shape
	kind  int64   // of the input
	out   int64   // type of the output
	near  int     // how far an int8 may be off
	equal float64 // how many of them may not be off at all, at least
}

func weights(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.IntN(255) - 127)
	}
	return b
}

func biases(r *rand.Rand, n int) []int32 {
	b := make([]int32, n)
	for i := range b {
		b[i] = int32(r.IntN(20001) - 10000)
	}
	return b
}

var models = []quantised{
	{"qlinear-mlp", func(r *rand.Rand) *builder {
		b := &builder{}
		b.edge(11, "x", typeFloat, -1, 40)
		b.edge(12, "y", typeFloat, -1, 10)
		b.params("x", 0.02, typeUint8, 130)
		b.params("w1", 0.01, typeInt8, 0)
		b.params("h", 0.04, typeUint8, 0)
		b.params("w2", 0.015, typeInt8, 0)
		b.params("y", 0.09, typeUint8, 135)
		b.tensor("w1", typeInt8, []int64{40, 24}, weights(r, 960))
		b.tensor("w2", typeInt8, []int64{24, 10}, weights(r, 240))
		b.node("QuantizeLinear", []string{"x", "x.s", "x.z"}, "xq")
		b.node("QLinearMatMul", []string{"xq", "x.s", "x.z", "w1", "w1.s", "w1.z", "h.s", "h.z"}, "h")
		b.node("QLinearMatMul", []string{"h", "h.s", "h.z", "w2", "w2.s", "w2.z", "y.s", "y.z"}, "yq")
		b.node("DequantizeLinear", []string{"yq", "y.s", "y.z"}, "y")
		return b
	}, []int{1, 40}, typeFloat, typeFloat, 1, 0.9},
	{"qlinear-cnn", func(r *rand.Rand) *builder {
		b := &builder{}
		b.edge(11, "x", typeInt8, 2, 3, 9, 10)
		b.edge(12, "y", typeInt8, 2, 5)
		b.params("x", 0.02, typeInt8, 0xf5)
		b.params("w", 0.01, typeInt8, 0)
		b.params("c", 0.3, typeInt8, 12)
		b.params("v", 0.02, typeInt8, 0)
		b.params("y", 1.5, typeInt8, 0xf0)
		b.tensor("w", typeInt8, []int64{6, 3, 3, 3}, weights(r, 162))
		b.int32s("b", biases(r, 6))
		b.tensor("v", typeInt8, []int64{6 * 4 * 5, 5}, weights(r, 600))
		b.node("QLinearConv", []string{"x", "x.s", "x.z", "w", "w.s", "w.z", "c.s", "c.z", "b"}, "c",
			attr("kernel_shape", true, 3, 3), attr("pads", true, 1, 1, 0, 1), attr("strides", true, 1, 1))
		b.node("MaxPool", []string{"c"}, "p", attr("kernel_shape", true, 2, 2), attr("strides", true, 2, 2))
		b.node("Flatten", []string{"p"}, "f", attr("axis", false, 1))
		b.node("QLinearMatMul", []string{"f", "c.s", "c.z", "v", "v.s", "v.z", "y.s", "y.z"}, "y")
		return b
	}, []int{2, 3, 9, 10}, typeInt8, typeInt8, 1, 0.8},
	{"qdq-cnn", func(r *rand.Rand) *builder {
		b := &builder{}
		b.edge(11, "x", typeFloat, 1, 2, 8, 8)
		b.edge(12, "y", typeFloat, 1, 4)
		b.params("x", 0.05, typeInt8, 3)
		b.params("w", 0.01, typeInt8, 0)
		b.params("c", 0.06, typeInt8, 0x80)
		b.params("v", 0.02, typeInt8, 0)
		b.params("y", 0.2, typeInt8, 0)
		b.scale("b.s", 0.05*0.01)
		b.tensor("w", typeInt8, []int64{4, 2, 3, 3}, weights(r, 72))
		b.int32s("b", biases(r, 4))
		b.tensor("v", typeInt8, []int64{4, 4 * 9}, weights(r, 144))
		b.scale("half", 0.5)
		b.node("QuantizeLinear", []string{"x", "x.s", "x.z"}, "xq")
		b.node("DequantizeLinear", []string{"xq", "x.s", "x.z"}, "xd")
		b.node("DequantizeLinear", []string{"w", "w.s", "w.z"}, "wd")
		b.node("DequantizeLinear", []string{"b", "b.s"}, "bd")
		b.node("Conv", []string{"xd", "wd", "bd"}, "c0", attr("kernel_shape", true, 3, 3), attr("pads", true, 1, 1, 1, 1), attr("group", false, 1))
		b.node("Relu", []string{"c0"}, "c1")
		b.node("QuantizeLinear", []string{"c1", "c.s", "c.z"}, "cq")
		b.node("DequantizeLinear", []string{"cq", "c.s", "c.z"}, "cd")
		b.node("MaxPool", []string{"cd"}, "p0", attr("kernel_shape", true, 2, 2), attr("strides", true, 2, 2))
		b.node("QuantizeLinear", []string{"p0", "c.s", "c.z"}, "pq")
		b.node("DequantizeLinear", []string{"pq", "c.s", "c.z"}, "pd")
		b.node("AveragePool", []string{"pd"}, "a0", attr("kernel_shape", true, 2, 2), attr("strides", true, 1, 1))
		b.node("QuantizeLinear", []string{"a0", "c.s", "c.z"}, "aq")
		b.node("DequantizeLinear", []string{"aq", "c.s", "c.z"}, "ad")
		b.node("Flatten", []string{"ad"}, "f", attr("axis", false, 1))
		b.node("DequantizeLinear", []string{"v", "v.s", "v.z"}, "vd")
		b.node("Gemm", []string{"f", "vd"}, "g", attr("transB", false, 1), attrFloat("alpha", 1))
		b.node("QuantizeLinear", []string{"g", "y.s", "y.z"}, "yq")
		b.node("DequantizeLinear", []string{"yq", "y.s", "y.z"}, "y")
		return b
	}, []int{1, 2, 8, 8}, typeFloat, typeFloat, 2, 0.5},
	{"qdq-residual", func(r *rand.Rand) *builder {
		b := &builder{}
		b.edge(11, "x", typeFloat, 4, 8)
		b.edge(12, "y", typeFloat, 4, 4)
		b.params("x", 0.03, typeInt8, 0)
		b.params("w", 0.01, typeInt8, 0)
		b.params("h", 0.05, typeInt8, 0)
		b.params("s", 0.06, typeInt8, 0)
		b.params("y", 0.1, typeInt8, 0)
		b.tensor("w", typeInt8, []int64{8, 8}, weights(r, 64))
		b.tensor("u", typeInt8, []int64{8, 4}, weights(r, 32))
		b.tensor("c", typeFloat, []int64{8}, float32s(r, 8))
		b.node("QuantizeLinear", []string{"x", "x.s", "x.z"}, "xq")
		b.node("DequantizeLinear", []string{"xq", "x.s", "x.z"}, "xd")
		b.node("DequantizeLinear", []string{"w", "w.s", "w.z"}, "wd")
		b.node("MatMul", []string{"xd", "wd"}, "m")
		b.node("Add", []string{"m", "c"}, "mb")
		b.node("QuantizeLinear", []string{"mb", "h.s", "h.z"}, "hq")
		b.node("DequantizeLinear", []string{"hq", "h.s", "h.z"}, "hd")
		b.node("Add", []string{"hd", "xd"}, "s")
		b.node("Relu", []string{"s"}, "sr")
		b.node("QuantizeLinear", []string{"sr", "s.s", "s.z"}, "sq")
		b.node("DequantizeLinear", []string{"sq", "s.s", "s.z"}, "sd")
		b.node("DequantizeLinear", []string{"u", "w.s", "w.z"}, "ud")
		b.node("MatMul", []string{"sd", "ud"}, "o")
		b.node("QuantizeLinear", []string{"o", "y.s", "y.z"}, "yq")
		b.node("DequantizeLinear", []string{"yq", "y.s", "y.z"}, "y")
		return b
	}, []int{4, 8}, typeFloat, typeFloat, 1, 0.7},
	{"matmul-integer", func(r *rand.Rand) *builder {
		b := &builder{}
		b.edge(11, "x", typeInt8, 3, 17)
		b.edge(12, "y", typeInt32, 3, 6)
		b.tensor("x.z", typeInt8, nil, []byte{9})
		b.tensor("w.z", typeInt8, nil, []byte{0})
		b.tensor("w", typeInt8, []int64{17, 6}, weights(r, 102))
		b.node("MatMulInteger", []string{"x", "w", "x.z", "w.z"}, "y")
		return b
	}, []int{3, 17}, typeInt8, typeInt32, 0, 1},
}

func float32s(r *rand.Rand, n int) []byte {
	var b []byte
	for range n {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(2*r.Float32()-1))
	}
	return b
}

// size returns the number of bytes of an element.
func size(kind int64) int {
	if kind == typeInt8 {
		return 1
	}
	return 4
}

// TestAgreesWithONNXRuntime compares with what ONNX Runtime 1.30.0 has made of the
// same models. The last bit may differ: it multiplies by a float.
func TestAgreesWithONNXRuntime(t *testing.T) {
	for _, q := range models {
		t.Run(q.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(9, uint64(len(q.name))))
			b := q.build(r).bytes()
			n := 1
			for _, d := range q.input {
				n *= d
			}
			input := make([]byte, 0, n*size(q.kind))
			for range n {
				if q.kind == typeFloat {
					input = binary.LittleEndian.AppendUint32(input, math.Float32bits(6*r.Float32()-3))
				} else {
					input = append(input, byte(r.Uint32()))
				}
			}
			file := filepath.Join("testdata", q.name)
			if *record {
				q.ask(t, file, b, input)
			}
			if kept, err := os.ReadFile(file + ".onnx"); err != nil || !bytes.Equal(kept, b) {
				t.Fatalf("%s.onnx is not what the test builds: record again (%v)", file, err)
			}
			want, err := os.ReadFile(file + ".out")
			if err != nil {
				t.Fatal(err)
			}
			q.compare(t, b, input, want)
		})
	}
}

// ask has ONNX Runtime evaluate the model.
func (q *quantised) ask(t *testing.T, file string, model, input []byte) {
	t.Helper()
	for suffix, b := range map[string][]byte{".onnx": model, ".in": input} {
		if err := os.WriteFile(file+suffix, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	types := map[int64]string{typeFloat: "float32", typeInt8: "int8", typeInt32: "int32"}
	args := []string{"testdata/ort.cjs", os.Getenv("ASSAY_ORT"), file, types[q.kind]}
	for _, d := range q.input {
		args = append(args, string(rune('0'+d/10))+string(rune('0'+d%10)))
	}
	if out, err := exec.Command("node", args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func (q *quantised) compare(t *testing.T, model, input, want []byte) {
	t.Helper()
	m, err := Import(model)
	if err != nil {
		t.Fatal(err)
	}
	g, err := tensor.Check(&m.Model)
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.ReadParams(m.Params.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	in := tensor.Int8s(input)
	if q.kind == typeFloat {
		in = m.Input.int8s(input)
	}
	trace, err := g.Evaluate(p, in)
	if err != nil {
		t.Fatal(err)
	}
	out := g.OutputOf(trace)
	same, count := 0, len(want)/size(q.out)
	for i := range count {
		got, expected := 0, 0
		switch q.out {
		case typeInt32:
			got, expected = int(int32(binary.LittleEndian.Uint32(out[4*i:]))), int(int32(binary.LittleEndian.Uint32(want[4*i:])))
		case typeInt8:
			got, expected = int(int8(out[i])), int(int8(want[i]))
		case typeFloat:
			f := float64(math.Float32frombits(binary.LittleEndian.Uint32(want[4*i:])))
			got, expected = int(int8(out[i])), int(math.Round(f/m.Output.Scale))+int(m.Output.Zero)
		}
		if got == expected {
			same++
		}
		if d := got - expected; d > q.near || d < -q.near {
			t.Errorf("element %d is %d; ONNX Runtime has %d", i, got, expected)
		}
	}
	t.Logf("%d of %d equal: % x", same, count, out[:min(len(out), 16)])
	if float64(same) < q.equal*float64(count) {
		t.Errorf("%d of %d equal", same, count)
	}
}

// int8s quantises floats as QuantizeLinear does.
func (e Edge) int8s(raw []byte) []int8 {
	out := make([]int8, len(raw)/4)
	for i := range out {
		f := math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		out[i] = int8(max(-128, min(127, math.RoundToEven(float64(f/float32(e.Scale)))+float64(e.Zero))))
	}
	return out
}

func TestRefusals(t *testing.T) {
	base := func(change func(b *builder)) []byte {
		b := &builder{}
		b.edge(11, "x", typeInt8, 1, 4)
		b.edge(12, "y", typeInt8, 1, 3)
		b.params("x", 0.1, typeInt8, 0)
		b.params("y", 0.1, typeInt8, 0)
		b.tensor("w", typeInt8, []int64{4, 3}, make([]byte, 12))
		change(b)
		return b.bytes()
	}
	inputs := func(w string) []string { return []string{"x", "x.s", "x.z", w, "x.s", "x.z", "y.s", "y.z"} }
	plain := func(b *builder) { b.node("QLinearMatMul", inputs("w"), "y") }
	if _, err := Import(base(plain)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		model []byte
		want  assay.Code
	}{
		"nothing":        {nil, CodeEncoding},
		"garbage":        {[]byte{0x0a, 0x7f}, CodeEncoding},
		"cut":            {base(plain)[:60], CodeEncoding},
		"unknown field":  {append(base(plain), intField(99, 1)...), CodeField},
		"functions":      {append(base(plain), bytesField(25, nil)...), CodeField},
		"two graphs":     {append(base(plain), bytesField(7, nil)...), CodeEncoding},
		"opset":          {base(func(b *builder) { plain(b); b.opset = 9 }), CodeOpset},
		"operator":       {base(func(b *builder) { b.node("Softmax", []string{"x"}, "y") }), CodeOperator},
		"attribute":      {base(func(b *builder) { b.node("QLinearMatMul", inputs("w"), "y", attr("axis", false, 1)) }), CodeOperator},
		"too few inputs": {base(func(b *builder) { b.node("QLinearMatMul", inputs("w")[:7], "y") }), CodeOperator},
		"unknown value":  {base(func(b *builder) { b.node("QLinearMatMul", inputs("nothing"), "y") }), CodeGraph},
		"no node":        {base(func(*builder) {}), CodeGraph},
		"a value twice":  {base(func(b *builder) { plain(b); plain(b) }), CodeGraph},
		"two inputs":     {base(func(b *builder) { plain(b); b.edge(11, "z", typeInt8, 1, 4) }), CodeGraph},
		"float weights": {base(func(b *builder) {
			b.tensor("v", typeFloat, []int64{4, 3}, make([]byte, 48))
			b.node("QLinearMatMul", inputs("v"), "y")
		}), CodeType},
		"weights of 64 bits": {base(func(b *builder) {
			b.tensor("v", typeInt64, []int64{1}, make([]byte, 8))
			b.node("QLinearMatMul", inputs("v"), "y")
		}), CodeType},
		"doubles": {base(func(b *builder) { plain(b); b.tensor("v", 11, []int64{1}, make([]byte, 8)) }), CodeType},
		"length":  {base(func(b *builder) { plain(b); b.tensor("v", typeInt8, []int64{5}, make([]byte, 4)) }), CodeShape},
		"huge":    {base(func(b *builder) { plain(b); b.tensor("v", typeInt8, []int64{1 << 40, 1 << 40}, nil) }), CodeShape},
		"shape": {base(func(b *builder) {
			b.tensor("v", typeInt8, []int64{3, 4}, make([]byte, 12))
			b.node("QLinearMatMul", inputs("v"), "y")
		}), CodeShape},
		"scale per channel": {base(func(b *builder) {
			b.tensor("k", typeFloat, []int64{3}, make([]byte, 12))
			b.node("QLinearMatMul", []string{"x", "x.s", "x.z", "w", "k", "x.z", "y.s", "y.z"}, "y")
		}), CodeScale},
		"scale of zero": {base(func(b *builder) {
			b.scale("k", 0)
			b.node("QLinearMatMul", []string{"x", "x.s", "x.z", "w", "k", "x.z", "y.s", "y.z"}, "y")
		}), CodeScale},
		"zero point of weights": {base(func(b *builder) {
			b.params("k", 1, typeInt8, 3)
			b.node("QLinearMatMul", []string{"x", "x.s", "x.z", "w", "k.s", "k.z", "y.s", "y.z"}, "y")
		}), CodeZero},
		"uint8 output": {base(func(b *builder) {
			b.params("k", 1, typeUint8, 3)
			b.node("QLinearMatMul", []string{"x", "x.s", "x.z", "w", "x.s", "x.z", "k.s", "k.z"}, "y")
		}), CodeType},
		"float that nothing quantises": {base(func(b *builder) {
			b.node("DequantizeLinear", []string{"x", "x.s", "x.z"}, "d")
			b.node("Relu", []string{"d"}, "y")
		}), CodeGraph},
	} {
		if _, err := Import(c.model); assay.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

func FuzzImport(f *testing.F) {
	for _, q := range models {
		f.Add(q.build(rand.New(rand.NewPCG(1, 1))).bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Import(b)
		if err != nil {
			if assay.CodeOf(err) == assay.CodeInternal {
				t.Fatal(err)
			}
			return
		}
		if _, err := tensor.Check(&m.Model); err != nil {
			t.Fatal(err)
		}
	})
}

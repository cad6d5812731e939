package network

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/machine/tensor"
	"github.com/capacloud/assay/sumcheck"
)

// example is a model with an input, evaluated.
type example struct {
	Statement
	model     *tensor.Model
	params    *tensor.Params
	trace     *tensor.Trace
	committed *sumcheck.Committed
}

func requant(shift uint8, multiplier uint32, mulShift uint8) *tensor.Requant {
	return &tensor.Requant{Shift: shift, Multiplier: multiplier, MulShift: mulShift, Zero: 3, Low: -128, High: 127}
}

// networks are small models that have every operator between them.
func networks() map[string]*tensor.Model {
	window := func(k, s, p uint32, fill int8) tensor.Window {
		return tensor.Window{Kernel: [2]uint32{k, k}, Stride: [2]uint32{s, s}, Pad: [4]uint32{p, p, p, p}, Fill: fill}
	}
	relu := requant(4, 300, 12)
	relu.Low = relu.Zero
	curve := requant(3, 500, 12)
	for i := range 256 {
		curve.Map = append(curve.Map, byte(i*i/300))
	}
	return map[string]*tensor.Model{
		"dense raw": {Version: 1, Input: []uint32{1, 5}, Nodes: []tensor.Node{
			{Op: tensor.Dense, Inputs: []uint32{0}, Out: 3, Bound: 1 << 19},
		}},
		"mlp": {Version: 1, Input: []uint32{3, 12}, Nodes: []tensor.Node{
			{Op: tensor.Dense, Inputs: []uint32{0}, Out: 9, Bound: 1 << 17, Requant: relu},
			{Op: tensor.Dense, Inputs: []uint32{1}, Out: 5, Bound: 1 << 17, Requant: curve},
			{Op: tensor.Add, Inputs: []uint32{2, 2}, Factors: []uint32{3, 5}, Bound: 1 << 10, Requant: requant(0, 100, 8)},
			{Op: tensor.Dense, Inputs: []uint32{3}, Out: 4, Bound: 1 << 19},
		}},
		"cnn": {Version: 1, Input: []uint32{2, 3, 10, 8}, Nodes: []tensor.Node{
			{Op: tensor.Conv, Inputs: []uint32{0}, Out: 5, Window: window(3, 1, 1, -4), Bound: 1 << 17, Requant: relu},
			{Op: tensor.Conv, Inputs: []uint32{1}, Out: 6, Window: window(2, 1, 1, 3), Bound: 1 << 17, Requant: requant(5, 300, 12)},
			{Op: tensor.SumPool, Inputs: []uint32{2}, Window: window(2, 1, 0, 0), Bound: 512, Requant: requant(0, 64, 8)},
			{Op: tensor.Conv, Inputs: []uint32{3}, Out: 3, Window: window(3, 1, 1, 0), Bound: 1 << 17, Requant: requant(3, 300, 12)},
			{Op: tensor.MaxPool, Inputs: []uint32{4}, Window: window(2, 2, 0, 0)},
			{Op: tensor.Conv, Inputs: []uint32{5}, Out: 4, Window: window(3, 2, 2, 9), Bound: 1 << 18, Requant: requant(4, 300, 12)},
			{Op: tensor.Dense, Inputs: []uint32{6}, Out: 10, Bound: 1 << 18, Requant: requant(6, 300, 12)},
		}},
		"attention": {Version: 1, Input: []uint32{8, 4}, Nodes: []tensor.Node{
			{Op: tensor.Dense, Inputs: []uint32{0}, Out: 4, Bound: 1 << 17, Requant: requant(3, 300, 12)},
			{Op: tensor.Dense, Inputs: []uint32{0}, Out: 4, Bound: 1 << 17, Requant: requant(3, 300, 12)},
			{Op: tensor.MatMul, Inputs: []uint32{1, 2}, Transpose: true, Bound: 1 << 16, Requant: requant(4, 300, 12)},
			{Op: tensor.MatMul, Inputs: []uint32{3, 0}, Bound: 1 << 17, Requant: requant(4, 300, 12)},
		}},
		"maxpool last": {Version: 1, Input: []uint32{1, 3, 6, 10}, Nodes: []tensor.Node{
			{Op: tensor.MaxPool, Inputs: []uint32{0}, Window: window(2, 2, 0, 0)},
		}},
	}
}

func build(t testing.TB, m *tensor.Model, seed uint64) *example {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	g, err := tensor.Check(m)
	if err != nil {
		t.Fatal(err)
	}
	file := make([]byte, g.Bytes)
	for _, e := range g.Weights {
		for k := range e.Count {
			file[e.Weights+k] = byte(r.IntN(31) - 15)
		}
		for k := range 4 * e.Outputs {
			if k%4 < 1 {
				file[e.Biases+k] = byte(r.Uint32())
			}
		}
	}
	x := &example{model: m}
	x.params, err = g.ReadParams(file)
	if err != nil {
		t.Fatal(err)
	}
	if x.committed = CommitWeights(g, x.params, nil); x.committed != nil {
		m.Commitment = x.committed.Commitment().Root
	}
	m.Weights = canon.Hash("test", file)
	x.Graph, err = tensor.Parse(m.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	x.Input = make([]byte, g.Input().Size())
	for i := range x.Input {
		x.Input[i] = byte(r.Uint32())
	}
	x.Context = sumcheck.Context{Network: assay.NetworkID{1}, Job: assay.JobID{2}, Model: tensor.Digest(m.Bytes()), Payee: assay.Key{3}}
	x.evaluate(t)
	return x
}

// evaluate makes trace and output of the input.
func (x *example) evaluate(t testing.TB) {
	t.Helper()
	trace, err := x.Graph.Evaluate(x.params, tensor.Int8s(x.Input))
	if err != nil {
		t.Fatal(err)
	}
	x.trace, x.Output = trace, x.Graph.OutputOf(trace)
}

func (x *example) prove() []byte { return Prove(x.Statement, x.params, x.trace, x.committed, nil) }

func TestEveryOperatorIsProved(t *testing.T) {
	for name, m := range networks() {
		t.Run(name, func(t *testing.T) {
			x := build(t, m, 1)
			proof := x.prove()
			if err := Verify(x.Statement, proof); err != nil {
				t.Fatal(err)
			}
			if again := x.prove(); !bytes.Equal(proof, again) {
				t.Fatal("the same statement has two proofs")
			}
			t.Log(len(proof), "bytes;", Bits(x.Graph), "bits; output", x.Output[:min(20, len(x.Output))])
			if Bits(x.Graph) < MinBits {
				t.Fatal("too few bits")
			}
		})
	}
}

func TestErrorsAddUp(t *testing.T) {
	for _, c := range []struct {
		list []int
		want int
	}{{[]int{100}, 100}, {[]int{100, 100}, 99}, {[]int{100, 120}, 99}, {[]int{100, 101, 101}, 99}, {[]int{100, 100, 100}, 98}, {[]int{50, 127}, 49}, {nil, 128}} {
		var e errors
		for _, b := range c.list {
			e.add(b)
		}
		if got := e.bits(); got != c.want {
			t.Errorf("%v: %d, want %d", c.list, got, c.want)
		}
	}
}

// TestGoldenProofs pins commitment, output and proof of every small model: all
// machines, with and without assembly, make these.
func TestGoldenProofs(t *testing.T) {
	for name, want := range map[string][3]string{
		"dense raw":    {"8537af24", "b729a6b3", "c15fc2be"},
		"mlp":          {"686e30f7", "5808a84b", "fdeaa7ff"},
		"cnn":          {"453ac8d4", "1f1921e7", "234076e5"},
		"attention":    {"e2246556", "0dd3a8cb", "f42982fe"},
		"maxpool last": {"00000000", "e51e29a1", "cf6b079e"},
	} {
		x := build(t, networks()[name], 11)
		got := [3]string{x.model.Commitment.Short(), canon.Hash("golden", x.Output).Short(), canon.Hash("golden", x.prove()).Short()}
		if got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

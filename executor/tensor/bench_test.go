package tensor

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/freivalds"
	"github.com/capacloud/assay/machine/tensor"
	"github.com/capacloud/assay/merkle"
	"github.com/capacloud/assay/sumcheck"
	"github.com/capacloud/assay/sumcheck/network"
)

// files are artifacts in memory.
type files map[canon.Digest][]byte

func (f files) ReadFile(_ context.Context, d canon.Digest) ([]byte, error) {
	b, ok := f[d]
	if !ok {
		return nil, context.Canceled
	}
	return b, nil
}

func (f files) ReadFolder(context.Context, canon.Digest) ([]merkle.Entry, error) {
	return nil, context.Canceled
}

func (f files) put(b []byte) canon.Digest {
	d := merkle.FileOf(b)
	f[d] = b
	return d
}

// mlp is a network of 4 M weights: 1024, 2048, 512, 1024, 256, 256, 16.
func mlp(t testing.TB, f files) *assay.Job {
	r := rand.New(rand.NewPCG(4, 4))
	m := &tensor.Model{Version: 1, Input: []uint32{1, 1024}}
	for i, out := range []uint32{2048, 512, 1024, 256, 256, 16} {
		m.Nodes = append(m.Nodes, tensor.Node{
			Op: tensor.Dense, Inputs: []uint32{uint32(i)}, Out: out, Bound: 1 << 23,
			Requant: &tensor.Requant{Shift: 9, Multiplier: 1 << 14, MulShift: 15, Low: 0, High: 127},
		})
	}
	return jobOf(t, f, m, func() int8 { return int8(r.IntN(41) - 20) })
}

// jobOf makes a job of a model with weights and an input from draw.
func jobOf(t testing.TB, f files, m *tensor.Model, draw func() int8) *assay.Job {
	t.Helper()
	g, err := tensor.Check(m)
	if err != nil {
		t.Fatal(err)
	}
	weights := make([]byte, g.Bytes)
	for _, e := range g.Weights {
		for k := range e.Count {
			weights[e.Weights+k] = byte(draw())
		}
		for k := range e.Outputs {
			weights[e.Biases+4*k] = byte(draw() & 127)
		}
	}
	p, err := g.ReadParams(weights)
	if err != nil {
		t.Fatal(err)
	}
	m.Weights = f.put(weights)
	if c := network.CommitWeights(g, p, parallel); c != nil {
		m.Commitment = c.Commitment().Root
	}
	input := make([]byte, g.Input().Size())
	for i := range input {
		input[i] = byte(draw())
	}
	return &assay.Job{
		Version: 1, Runtime: assay.RuntimeInt8, Program: f.put(m.Bytes()), Stdin: f.put(input),
		Limits: assay.DefaultLimits(), Policy: "sumcheck", Deadline: 1, Requester: assay.Key{1},
	}
}

// BenchmarkMLP4M executes, proves and verifies one inference of 4 M weights. The
// model is loaded and its commitment checked before; "load" is that.
func BenchmarkMLP4M(b *testing.B) {
	f := files{}
	benchmark(b, mlp(b, f), f)
}

// cnn is a network of 260,000 weights over images of 32 by 32: three convolutions
// with maxpools, two dense layers.
func cnn(t testing.TB, f files) *assay.Job {
	r := rand.New(rand.NewPCG(4, 5))
	m := &tensor.Model{Version: 1, Input: []uint32{1, 3, 32, 32}}
	add := func(n tensor.Node) {
		n.Inputs = []uint32{uint32(len(m.Nodes))}
		if n.Op != tensor.MaxPool {
			n.Bound = 1 << 21
			n.Requant = &tensor.Requant{Shift: 7, Multiplier: 1 << 14, MulShift: 16, Low: 0, High: 127}
		}
		m.Nodes = append(m.Nodes, n)
	}
	for _, channels := range []uint32{16, 32, 64} {
		add(tensor.Node{Op: tensor.Conv, Out: channels, Window: tensor.Window{Kernel: [2]uint32{3, 3}, Stride: [2]uint32{1, 1}, Pad: [4]uint32{1, 1, 1, 1}}})
		add(tensor.Node{Op: tensor.MaxPool, Window: tensor.Window{Kernel: [2]uint32{2, 2}, Stride: [2]uint32{2, 2}}})
	}
	add(tensor.Node{Op: tensor.Dense, Out: 230})
	add(tensor.Node{Op: tensor.Dense, Out: 10})
	return jobOf(t, f, m, func() int8 { return int8(r.IntN(31) - 15) })
}

// BenchmarkCNN260K does the same for a convolutional network.
func BenchmarkCNN260K(b *testing.B) {
	f := files{}
	benchmark(b, cnn(b, f), f)
}

// BenchmarkExamples does the same for the networks that are shipped.
func BenchmarkExamples(b *testing.B) {
	for _, name := range []string{"mlp/digit", "cnn/shape"} {
		b.Run(name, func(b *testing.B) {
			f := files{}
			benchmark(b, exampleJob(b, name, f), f)
		})
	}
}

func benchmark(b *testing.B, job *assay.Job, f files) {
	ask := executor.Ask{Check: "sumcheck", Network: assay.NetworkID{1}, Job: job.ID(), Provider: assay.Key{2}}
	ctx := context.Background()
	b.Run("load", func(b *testing.B) {
		for b.Loop() {
			if _, err := new(Executor).Execute(ctx, job, f); err != nil {
				b.Fatal(err)
			}
		}
	})
	x := new(Executor)
	if _, err := x.Execute(ctx, job, f); err != nil {
		b.Fatal(err)
	}
	b.Run("execute", func(b *testing.B) {
		for b.Loop() {
			if _, err := x.Execute(ctx, job, f); err != nil {
				b.Fatal(err)
			}
		}
	})
	var body []byte
	b.Run("prove", func(b *testing.B) {
		for b.Loop() {
			e, err := x.Prove(ctx, job, ask, f)
			if err != nil {
				b.Fatal(err)
			}
			body = e.Body
		}
		b.ReportMetric(float64(len(body)), "proof-bytes")
	})
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			e, err := network.ParseEvidence(body)
			if err != nil {
				b.Fatal(err)
			}
			g, err := tensor.Parse(e.Model)
			if err != nil {
				b.Fatal(err)
			}
			s := network.Statement{
				Context: sumcheck.Context{Network: ask.Network, Job: ask.Job, Model: job.Program, Payee: ask.Provider},
				Graph:   g, Input: e.Input, Output: e.Output,
			}
			if err := network.Verify(s, e.Proof); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(network.SumcheckGas(body))*10, "gas-ns/op")
	})
	b.Run("freivalds", func(b *testing.B) {
		ask.Check = "freivalds"
		e, err := x.Prove(ctx, job, ask, f)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			m, err := network.ParseMatrices(e.Body)
			if err != nil {
				b.Fatal(err)
			}
			g, err := tensor.Parse(m.Model)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := network.VerifyMatrices(freivalds.Context{}, g, m, assay.Digest{1}); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(e.Body)), "evidence-bytes")
		b.ReportMetric(float64(e.Gas)*10, "gas-ns/op")
	})
}

package tensor

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/machine/tensor"
	"github.com/capacloud/assay/machine/tensor/quantize"
	"github.com/capacloud/assay/sumcheck"
	"github.com/capacloud/assay/sumcheck/network"
)

// randomModel draws a legal model of a few nodes.
func randomModel(r *rand.Rand) *tensor.Model {
	for {
		m := &tensor.Model{Version: 1}
		if r.IntN(2) == 0 {
			m.Input = []uint32{1 + r.Uint32N(3), 1 + r.Uint32N(40)}
			if r.IntN(2) == 0 {
				m.Input[1] = 8
			}
		} else {
			m.Input = []uint32{1 + r.Uint32N(2), 1 + r.Uint32N(4), 2 * (1 + r.Uint32N(6)), 2 * (1 + r.Uint32N(6))}
		}
		for i := range 1 + r.IntN(5) {
			m.Nodes = append(m.Nodes, randomNode(r, i))
			if _, err := tensor.Check(m); err != nil {
				m.Nodes = m.Nodes[:i]
				break
			}
		}
		if last := len(m.Nodes) - 1; last >= 0 && r.IntN(4) == 0 && m.Nodes[last].Op != tensor.MaxPool {
			m.Nodes[last].Requant = nil
		}
		if _, err := tensor.Check(m); err == nil {
			return m
		}
	}
}

func randomNode(r *rand.Rand, i int) tensor.Node {
	n := tensor.Node{Op: tensor.Op(1 + r.IntN(6)), Bound: 1 << 21}
	source := func() uint32 { return uint32(i - r.IntN(min(i+1, 2))) }
	n.Inputs = []uint32{source()}
	window := func(most uint32, pad bool) {
		for k := range 2 {
			n.Window.Kernel[k], n.Window.Stride[k] = 1+r.Uint32N(most), 1+r.Uint32N(3)
			if pad {
				n.Window.Pad[k], n.Window.Pad[k+2] = r.Uint32N(n.Window.Kernel[k]), r.Uint32N(n.Window.Kernel[k])
				n.Window.Fill = int8(r.Uint32())
			}
		}
	}
	switch n.Op {
	case tensor.Dense:
		n.Out = 1 + r.Uint32N(20)
	case tensor.Conv:
		n.Out = 1 + r.Uint32N(6)
		window(4, true)
	case tensor.MatMul:
		n.Inputs = append(n.Inputs, source())
		n.Transpose = r.IntN(2) == 0
	case tensor.Add:
		n.Inputs = append(n.Inputs, source())
		n.Factors = []uint32{1 + r.Uint32N(9), 1 + r.Uint32N(9)}
	case tensor.SumPool:
		window(3, false)
	case tensor.MaxPool:
		n.Window.Kernel, n.Window.Stride = [2]uint32{2, 2}, [2]uint32{2, 2}
		n.Bound = 0
		return n
	}
	n.Requant, _ = quantize.Requant(1/float64(1+r.IntN(300)), n.Bound, int8(r.Uint32()), -128, 127)
	return n
}

// TestFastIsNaive runs random models by the kernels and by the definition, and
// proves some of them.
func TestFastIsNaive(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	ctx := context.Background()
	ops := map[tensor.Op]int{}
	for i := range 300 {
		f := files{}
		m := randomModel(r)
		job := jobOf(t, f, m, func() int8 { return int8(r.IntN(129) - 64) })
		x := new(Executor)
		out, err := x.Execute(ctx, job, f)
		if err != nil {
			t.Fatal(err)
		}
		g, err := tensor.Check(m)
		if err != nil {
			t.Fatal(err)
		}
		p, err := g.ReadParams(f[m.Weights])
		if err != nil {
			t.Fatal(err)
		}
		trace, err := g.Evaluate(p, tensor.Int8s(f[job.Stdin]))
		if err != nil {
			t.Fatal(err)
		}
		if want := g.OutputOf(trace); !bytes.Equal(out.Output.Stdout(), want) || out.Result.Output != network.OutputRoot(want) {
			t.Fatalf("model %d: %v: the kernels give % x, the definition % x", i, m.Nodes, out.Output.Stdout(), want)
		}
		for _, n := range m.Nodes {
			ops[n.Op]++
		}
		if i%10 == 0 {
			proveBoth(t, x, job, f)
		}
	}
	for op := tensor.Dense; op <= tensor.MaxPool; op++ {
		if ops[op] < 10 {
			t.Errorf("%s: %d nodes only", op, ops[op])
		}
	}
}

// proveBoth makes both kinds of evidence and has the checks look at it.
func proveBoth(t *testing.T, x *Executor, job *assay.Job, f files) {
	t.Helper()
	out, err := x.Execute(context.Background(), job, f)
	if err != nil {
		t.Fatal(err)
	}
	provider := assay.Key{4}
	v := assay.View{
		Job: job, Network: assay.NetworkID{5}, Height: 10, Clock: 100, ProofClock: 3000,
		Executions: []assay.Execution{{Seat: 1, Role: assay.RoleExecutor, Provider: provider, State: assay.Opened, Result: out.Result.Digest(), Shown: 50}},
		Candidates: []assay.Candidate{{Digest: out.Result.Digest(), Result: out.Result}},
	}
	for _, c := range []assay.Check{network.Sumcheck(), network.Freivalds()} {
		e, err := x.Prove(context.Background(), job, executor.Ask{Check: c.String(), Network: v.Network, Job: job.ID(), Provider: provider, Seat: 1}, f)
		if err != nil {
			t.Fatal(err)
		}
		var state []byte
		if e.Commitment != nil {
			if state, err = c.Step(v, nil, assay.Evidence{From: provider, Body: e.Commitment}); err != nil {
				t.Fatal(err)
			}
			v.Posted = []assay.Posted{{Check: c.String(), Seat: 1, Digest: assay.EvidenceDigest(e.Commitment), Height: 8, After: 9, Beacon: assay.Beacon{Value: assay.Digest{1}}}}
		}
		if state, err = c.Step(v, state, assay.Evidence{From: provider, Body: e.Body}); err != nil {
			t.Fatal(err)
		}
		finding := c.Judge(v, state)
		if value, _ := finding.ValueOf(out.Result.Digest()); value != assay.Supported {
			t.Fatalf("%s: %s", c, finding.Text)
		}
	}
}

// exampleJob makes a job of a network that is shipped, on its image.
func exampleJob(t testing.TB, name string, f files) *assay.Job {
	t.Helper()
	file := "../../examples/" + name
	b, err := os.ReadFile(file + tensor.Extension)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Open(file+tensor.Extension, b)
	if err != nil {
		t.Fatal(err)
	}
	input, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f.put(m.Weights)
	return &assay.Job{
		Version: 1, Runtime: assay.RuntimeInt8, Program: f.put(m.Descriptor), Stdin: f.put(input),
		Limits: assay.DefaultLimits(), Policy: "sumcheck", Deadline: 1, Requester: assay.Key{1},
	}
}

// TestOpensONNX imports a model that ONNX Runtime has run, executes and proves it.
func TestOpensONNX(t *testing.T) {
	const file = "../../machine/tensor/onnx/testdata/qlinear-cnn"
	b, err := os.ReadFile(file + ".onnx")
	if err != nil {
		t.Fatal(err)
	}
	m, err := Open("net.onnx", b)
	if err != nil {
		t.Fatal(err)
	}
	if m.Input != "540 int8, [2 3 9 10]" || m.Output != "10 int8, [2 5]" {
		t.Errorf("%q, %q", m.Input, m.Output)
	}
	input, err := os.ReadFile(file + ".in")
	if err != nil {
		t.Fatal(err)
	}
	if err := m.CheckInput(input[1:]); assay.CodeOf(err) != tensor.CodeInput {
		t.Error(err)
	}
	if err := m.CheckInput(input); err != nil {
		t.Error(err)
	}
	f := files{}
	f.put(m.Weights)
	proveBoth(t, new(Executor), &assay.Job{
		Version: 1, Runtime: assay.RuntimeInt8, Program: f.put(m.Descriptor), Stdin: f.put(input),
		Limits: assay.DefaultLimits(), Policy: "sumcheck", Deadline: 1, Requester: assay.Key{1},
	}, f)
	if _, err := Open("net.onnx", b[:50]); err == nil || assay.CodeOf(err) == assay.CodeInternal {
		t.Error(err)
	}
	if _, err := Open("net.int8", b); assay.CodeOf(err) != tensor.CodeEncoding {
		t.Error(err)
	}
}

// TestExamples runs and proves the networks that are shipped.
func TestExamples(t *testing.T) {
	for name, want := range map[string]int{"mlp/digit": 7, "cnn/shape": 4} {
		t.Run(name, func(t *testing.T) {
			f := files{}
			job := exampleJob(t, name, f)
			x := new(Executor)
			out, err := x.Execute(context.Background(), job, f)
			if err != nil {
				t.Fatal(err)
			}
			best, scores := 0, tensor.Int8s(out.Output.Stdout())
			for i, s := range scores {
				if s > scores[best] {
					best = i
				}
			}
			if best != want {
				t.Fatalf("class %d, want %d: %v", best, want, scores)
			}
			if needs, err := x.Needs(f[job.Program]); err != nil || len(needs) != 1 || f[needs[0].Digest] == nil {
				t.Fatalf("%v, %v", needs, err)
			}
			proveBoth(t, x, job, f)
		})
	}
}

func TestWhatHasNoResult(t *testing.T) {
	model := func() *tensor.Model {
		return &tensor.Model{Version: 1, Input: []uint32{1, 4}, Nodes: []tensor.Node{{Op: tensor.Dense, Inputs: []uint32{0}, Out: 3, Bound: 1 << 16}}}
	}
	draw := func() int8 { return 5 }
	ctx := context.Background()
	for name, c := range map[string]struct {
		change func(f files, m *tensor.Model, job *assay.Job)
		want   assay.Code
	}{
		"other runtime": {func(_ files, _ *tensor.Model, job *assay.Job) { job.Runtime = assay.RuntimeWasm }, assay.CodeRuntime},
		"not a model":   {func(f files, _ *tensor.Model, job *assay.Job) { job.Program = f.put([]byte("model")) }, tensor.CodeEncoding},
		"commitment": {func(f files, m *tensor.Model, job *assay.Job) {
			m.Commitment[3] ^= 1
			job.Program = f.put(m.Bytes())
		}, CodeCommitment},
		"other weights": {func(f files, m *tensor.Model, job *assay.Job) {
			w := append([]byte(nil), f[m.Weights]...)
			w[0] ^= 1
			m.Weights = f.put(w)
			job.Program = f.put(m.Bytes())
		}, CodeCommitment},
		"weights of another length": {func(f files, m *tensor.Model, job *assay.Job) {
			m.Weights = f.put([]byte{1})
			job.Program = f.put(m.Bytes())
		}, tensor.CodeWeights},
		"sums beyond the bound": {func(f files, m *tensor.Model, job *assay.Job) {
			m.Nodes[0].Bound = 100
			job.Program = f.put(m.Bytes())
		}, tensor.CodeOverflow},
		"input too long": {func(f files, _ *tensor.Model, job *assay.Job) { job.Stdin = f.put(make([]byte, 5)) }, tensor.CodeInput},
		"no input":       {func(_ files, _ *tensor.Model, job *assay.Job) { job.Stdin = assay.Digest{} }, tensor.CodeInput},
		"output limit":   {func(_ files, _ *tensor.Model, job *assay.Job) { job.Limits.Output = 11 }, assay.CodeJobLimits},
	} {
		f, m := files{}, model()
		job := jobOf(t, f, m, draw)
		x := new(Executor)
		if _, err := x.Execute(ctx, job, f); err != nil {
			t.Fatal(err)
		}
		c.change(f, m, job)
		if _, err := x.Execute(ctx, job, f); assay.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	f := files{}
	job := jobOf(t, f, model(), draw)
	if _, err := new(Executor).Prove(ctx, job, executor.Ask{Check: "quorum(3)"}, f); assay.CodeOf(err) != CodeCheck {
		t.Error(err)
	}
	delete(f, job.Stdin)
	if _, err := new(Executor).Execute(ctx, job, f); err == nil || assay.CodeOf(err) != assay.CodeInternal {
		t.Errorf("missing bytes are no refusal: %v", err)
	}
}

// TestConcurrentUse executes and proves one model at once; the race detector
// watches.
func TestConcurrentUse(t *testing.T) {
	f := files{}
	job := exampleJob(t, "cnn/shape", f)
	x := new(Executor)
	var wg sync.WaitGroup
	bodies := make([][]byte, 3)
	for i := range bodies {
		wg.Go(func() {
			e, err := x.Prove(context.Background(), job, executor.Ask{Check: "sumcheck", Job: job.ID()}, f)
			if err != nil {
				t.Error(err)
				return
			}
			bodies[i] = e.Body
		})
	}
	wg.Wait()
	if !bytes.Equal(bodies[0], bodies[1]) || !bytes.Equal(bodies[1], bodies[2]) {
		t.Error("one statement, several proofs")
	}
}

// TestProofDoesNotDependOnCores proves with and without goroutines.
func TestProofDoesNotDependOnCores(t *testing.T) {
	f := files{}
	r := rand.New(rand.NewPCG(3, 3))
	m := &tensor.Model{Version: 1, Input: []uint32{1, 600}, Nodes: []tensor.Node{
		{Op: tensor.Dense, Inputs: []uint32{0}, Out: 200, Bound: 1 << 22, Requant: &tensor.Requant{Shift: 8, Multiplier: 1 << 13, MulShift: 15, Low: 0, High: 127}},
		{Op: tensor.Dense, Inputs: []uint32{1}, Out: 10, Bound: 1 << 22},
	}}
	job := jobOf(t, f, m, func() int8 { return int8(r.IntN(41) - 20) })
	x := new(Executor)
	e, err := x.run(context.Background(), job, f)
	if err != nil {
		t.Fatal(err)
	}
	s := network.Statement{Context: sumcheck.Context{Job: job.ID()}, Graph: e.model.graph, Input: e.input, Output: e.out}
	alone := network.Prove(s, e.model.params, e.trace, network.CommitWeights(e.model.graph, e.model.params, nil), nil)
	if !bytes.Equal(alone, network.Prove(s, e.model.params, e.trace, e.model.committed, parallel)) {
		t.Fatal("the proof depends on how it is made")
	}
}

func TestModelsAreForgotten(t *testing.T) {
	x := new(Executor)
	for i := range 3 * maxModels {
		x.keep(&model{program: assay.Digest{byte(i)}, graph: &tensor.Graph{Size: 10}})
	}
	if len(x.models) != maxModels || x.kept(assay.Digest{3*maxModels - 1}) == nil || x.kept(assay.Digest{0}) != nil {
		t.Fatalf("%d models are kept", len(x.models))
	}
	x.keep(&model{program: assay.Digest{99}, graph: &tensor.Graph{Size: maxWeights}})
	if len(x.models) != 1 || x.kept(assay.Digest{99}) == nil {
		t.Fatalf("%d models are kept beside the largest", len(x.models))
	}
}

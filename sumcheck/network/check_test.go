package network

import (
	"slices"
	"strings"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/freivalds"
	"github.com/capacloud/assay/machine/tensor"
	"github.com/capacloud/assay/merkle"
	"github.com/capacloud/assay/sumcheck"
)

var provider = assay.Key{7}

// boardOf is what a check sees in Step: the seat of the sender, opened.
func boardOf(x *example, output []byte) assay.View {
	job := &assay.Job{
		Version: 1, Runtime: assay.RuntimeInt8, Program: tensor.Digest(x.model.Bytes()), Stdin: merkle.FileOf(x.Input),
		Limits: assay.DefaultLimits(), Policy: "sumcheck", Deadline: 1, Requester: assay.Key{1},
	}
	result := assay.Result{Status: assay.Exited, Output: OutputRoot(output)}
	return assay.View{
		Job: job, Network: assay.NetworkID{5}, Height: 10, Clock: 100, ProofClock: 3000,
		Executions: []assay.Execution{{Seat: 2, Role: assay.RoleExecutor, Provider: provider, State: assay.Opened, Result: result.Digest(), Shown: 50}},
		Candidates: []assay.Candidate{{Digest: result.Digest(), Result: result}},
	}
}

func (x *example) evidence(v assay.View) *Evidence {
	x.Context = sumcheck.Context{Network: v.Network, Job: v.Job.ID(), Model: v.Job.Program, Payee: provider}
	return &Evidence{Seat: 2, Model: x.model.Bytes(), Input: x.Input, Output: x.Output, Proof: x.prove()}
}

func TestOutputRootIsTheExecutors(t *testing.T) {
	tree := &executor.OutputTree{}
	out, stderr, stdout := tree.AddFolder("out", nil), tree.AddFile("stderr", nil), tree.AddFile("stdout", []byte("abc"))
	if got, want := OutputRoot([]byte("abc")), tree.AddFolder("", []merkle.Entry{out, stderr, stdout}).Digest; got != want {
		t.Fatalf("%s, the executor says %s", got, want)
	}
}

func TestSumcheckSupportsWhatIsProved(t *testing.T) {
	x := build(t, networks()["mlp"], 5)
	v := boardOf(x, x.Output)
	c := Sumcheck()
	body := x.evidence(v).Bytes()
	state, err := c.Step(v, nil, assay.Evidence{Check: "sumcheck", From: provider, Body: body})
	if err != nil {
		t.Fatal(err)
	}
	f := c.Judge(v, state)
	if value, decisive := f.ValueOf(v.Candidates[0].Digest); value != assay.Supported || !decisive || !f.Done {
		t.Fatalf("%+v", f)
	}
	if !strings.Contains(f.Text, "4 nodes") || len(f.Assume) != 2 {
		t.Fatalf("%q, %v", f.Text, f.Assume)
	}
	if _, err := c.Step(v, state, assay.Evidence{From: provider, Body: body}); err == nil {
		t.Fatal("a second proof of the seat")
	}
}

func TestSumcheckRefusesWhatIsNotAboutTheJob(t *testing.T) {
	x := build(t, networks()["mlp"], 5)
	v := boardOf(x, x.Output)
	other := build(t, networks()["dense raw"], 5)
	for name, c := range map[string]struct {
		change func(e *Evidence)
		from   assay.Key
		want   assay.Code
	}{
		"seat":       {func(e *Evidence) { e.Seat = 3 }, provider, CodeSeat},
		"sender":     {func(*Evidence) {}, assay.Key{8}, CodeSeat},
		"descriptor": {func(e *Evidence) { e.Model = other.model.Bytes() }, provider, CodeDescriptor},
		"input":      {func(e *Evidence) { e.Input = other.Input }, provider, CodeInput},
		"output":     {func(e *Evidence) { e.Output = other.Output }, provider, CodeOutput},
		"cut":        {func(e *Evidence) { e.Proof = e.Proof[:len(e.Proof)-1] }, provider, sumcheck.CodeShort},
		"extended":   {func(e *Evidence) { e.Proof = append(slices.Clone(e.Proof), 1) }, provider, sumcheck.CodeLong},
	} {
		e := x.evidence(v)
		c.change(e)
		if _, err := Sumcheck().Step(v, nil, assay.Evidence{From: c.from, Body: e.Bytes()}); assay.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if _, err := Sumcheck().Step(v, nil, assay.Evidence{From: provider, Body: append(x.evidence(v).Bytes(), 0)}); assay.CodeOf(err) != CodeEvidence {
		t.Errorf("a byte more: %v", err)
	}
	v.Job.Runtime = assay.RuntimeWasm
	if err := Fits(v.Job); assay.CodeOf(err) != CodeDescriptor {
		t.Error(err)
	}
}

func TestFalseProofIsHeldAgainstTheSeat(t *testing.T) {
	x := build(t, networks()["mlp"], 5)
	x.lie(t, func(node int, sums []int32) {
		if node == 3 {
			sums[0]++
		}
	})
	v := boardOf(x, x.Output)
	state, err := Sumcheck().Step(v, nil, assay.Evidence{From: provider, Body: x.evidence(v).Bytes()})
	if err != nil {
		t.Fatal(err)
	}
	f := Sumcheck().Judge(v, state)
	if len(f.Faults) != 1 || f.Faults[0].Class != assay.FaultProvedWrong || f.Faults[0].Seat != 2 {
		t.Fatalf("%+v", f)
	}
	if value, _ := f.ValueOf(v.Candidates[0].Digest); value == assay.Supported {
		t.Fatal("supported")
	}
}

// matrices returns the two pieces of evidence of a trace, and the view in which
// the first has been absorbed and a beacon has come.
func (x *example) matrices(t *testing.T, v assay.View) (second []byte, later assay.View, state []byte) {
	t.Helper()
	first, second, err := MatricesOf(2, x.model.Bytes(), x.Input, x.params.Bytes(), x.trace)
	if err != nil {
		t.Fatal(err)
	}
	if state, err = Freivalds().Step(v, nil, assay.Evidence{Check: "freivalds", From: provider, Body: first}); err != nil {
		t.Fatal(err)
	}
	later = v
	later.Height = 12
	later.Posted = []assay.Posted{{Check: "freivalds", Seat: 2, Digest: assay.EvidenceDigest(first), Height: 10, After: 11, Beacon: assay.Beacon{Value: assay.Digest{42}}}}
	return second, later, state
}

// sealed is an example whose descriptor names its weights.
func sealed(t *testing.T, name string) *example {
	t.Helper()
	x := build(t, networks()[name], 5)
	descriptor, _, err := Seal(*x.model, x.params, nil)
	if err != nil {
		t.Fatal(err)
	}
	if x.Graph, err = tensor.Parse(descriptor); err != nil {
		t.Fatal(err)
	}
	x.model = x.Graph.Model
	return x
}

func TestFreivaldsSupportsWhatIsShown(t *testing.T) {
	for name := range networks() {
		t.Run(name, func(t *testing.T) {
			x := sealed(t, name)
			v := boardOf(x, x.Output)
			body, later, state := x.matrices(t, v)
			if _, err := Freivalds().Step(v, state, assay.Evidence{From: provider, Body: body}); assay.CodeOf(err) != CodeCommitment {
				t.Fatalf("before a beacon: %v", err)
			}
			if _, err := Freivalds().Step(later, nil, assay.Evidence{From: provider, Body: body}); assay.CodeOf(err) != CodeCommitment {
				t.Fatalf("without a commitment: %v", err)
			}
			state, err := Freivalds().Step(later, state, assay.Evidence{From: provider, Body: body})
			if err != nil {
				t.Fatal(err)
			}
			f := Freivalds().Judge(later, state)
			if value, decisive := f.ValueOf(v.Candidates[0].Digest); value != assay.Supported || !decisive {
				t.Fatalf("%+v", f)
			}
		})
	}
}

// TestFreivaldsFindsWrongSums changes one sum of one node and goes on from there.
func TestFreivaldsFindsWrongSums(t *testing.T) {
	for name, m := range networks() {
		for wrong := range m.Nodes {
			if m.Nodes[wrong].Op == tensor.MaxPool {
				continue
			}
			x := sealed(t, name)
			x.lie(t, func(node int, sums []int32) {
				if node == wrong {
					sums[len(sums)-1]++
				}
			})
			v := boardOf(x, x.Output)
			body, later, state := x.matrices(t, v)
			state, err := Freivalds().Step(later, state, assay.Evidence{From: provider, Body: body})
			if err != nil {
				t.Fatal(err)
			}
			if f := Freivalds().Judge(later, state); len(f.Faults) != 1 || f.Faults[0].Class != assay.FaultProvedWrong {
				t.Fatalf("%s, node %d: %+v", name, wrong, f)
			}
		}
	}
}

func TestFreivaldsRefusesWhatIsNotAboutTheJob(t *testing.T) {
	x := sealed(t, "mlp")
	p, err := x.Graph.ReadParams(x.params.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	e := Matrices{Seat: 2, Model: x.model.Bytes(), Input: x.Input, Weights: x.params.Bytes()}
	context := freivalds.Context{Payee: provider}
	for name, c := range map[string]struct {
		change func(e *Matrices)
		want   assay.Code
	}{
		"weights": {func(e *Matrices) { e.Weights = slices.Clone(e.Weights); e.Weights[0] ^= 1 }, CodeDescriptor},
		"input":   {func(e *Matrices) { e.Input = e.Input[1:] }, CodeInput},
		"sums":    {func(e *Matrices) { e.Sums = e.Sums[1:] }, CodeEvidence},
		"bound":   {func(e *Matrices) { e.Sums = slices.Clone(e.Sums); e.Sums[3] = 127 }, CodeSums},
	} {
		bad := e
		_, second, err := MatricesOf(2, e.Model, e.Input, p.Bytes(), x.trace)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := ParseMatrices(second)
		if err != nil {
			t.Fatal(err)
		}
		bad.Sums = whole.Sums
		c.change(&bad)
		if _, err := VerifyMatrices(context, x.Graph, &bad, assay.Digest{1}); assay.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// TestGasBoundsTheDescriptor compares what is read off the head of a body with
// the whole of it.
func TestGasBoundsTheDescriptor(t *testing.T) {
	x := sealed(t, "cnn")
	v := boardOf(x, x.Output)
	body := x.evidence(v).Bytes()
	if g := peek(body); g == nil || len(g.Model.Nodes) != 7 {
		t.Fatal("the descriptor of an evidence is not found")
	}
	second, _, _ := x.matrices(t, v)
	if g := peek(second); g == nil || len(g.Model.Nodes) != 7 {
		t.Fatal("the descriptor of matrices is not found")
	}
	if SumcheckGas(body) <= SumcheckGas(nil) || FreivaldsGas(second) <= FreivaldsGas(nil) {
		t.Fatal("a descriptor costs nothing")
	}
}

func FuzzEvidence(f *testing.F) {
	x := build(f, networks()["dense raw"], 5)
	v := boardOf(x, x.Output)
	f.Add(x.evidence(v).Bytes())
	first, second, _ := MatricesOf(2, x.model.Bytes(), x.Input, x.params.Bytes(), x.trace)
	f.Add(first)
	f.Add(second)
	f.Fuzz(func(t *testing.T, body []byte) {
		SumcheckGas(body)
		FreivaldsGas(body)
		e := assay.Evidence{From: provider, Body: body}
		for _, c := range []assay.Check{Sumcheck(), Freivalds()} {
			if _, err := c.Step(v, nil, e); err != nil && assay.CodeOf(err) == assay.CodeInternal {
				t.Fatalf("%s: %v", c, err)
			}
		}
	})
}

// FuzzProof changes proofs of every operator: nothing but the honest one passes.
func FuzzProof(f *testing.F) {
	var all []*example
	var proofs [][]byte
	for _, name := range []string{"dense raw", "mlp", "cnn", "attention", "maxpool last"} {
		all = append(all, build(f, networks()[name], 5))
		proofs = append(proofs, all[len(all)-1].prove())
	}
	f.Add(uint8(0), uint32(0), []byte{1}, false)
	f.Add(uint8(2), uint32(3000), []byte{1, 2, 3}, true)
	f.Fuzz(func(t *testing.T, which uint8, at uint32, with []byte, cut bool) {
		k := int(which) % len(all)
		bad := slices.Clone(proofs[k])
		from := int(at) % len(bad)
		n := copy(bad[from:], with)
		if cut {
			bad = bad[:from+n]
		}
		if slices.Equal(bad, proofs[k]) {
			return
		}
		if err := Verify(all[k].Statement, bad); err == nil || assay.CodeOf(err) == assay.CodeInternal {
			t.Fatalf("%v", err)
		}
	})
}

// FuzzGraph verifies garbage about any legal model: it is refused, whatever the model is.
func FuzzGraph(f *testing.F) {
	for _, m := range networks() {
		f.Add(m.Bytes(), []byte("proof"))
	}
	f.Fuzz(func(t *testing.T, descriptor, proof []byte) {
		g, err := tensor.Parse(descriptor)
		if err != nil || g.Input().Bits() > 12 || g.Output().Bits() > 12 {
			return
		}
		s := Statement{Graph: g, Input: make([]byte, g.Input().Size()), Output: make([]byte, g.OutputBytes())}
		if err := Verify(s, proof); err == nil || assay.CodeOf(err) == assay.CodeInternal {
			t.Fatalf("%v", err)
		}
		x := Matrices{Seat: 1, Model: descriptor, Input: s.Input, Sums: proof}
		body := x.Bytes()
		if SumcheckGas(body) < gasProof || FreivaldsGas(body) < gasNode {
			t.Fatal("no gas")
		}
	})
}

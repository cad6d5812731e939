package circuit

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/std/math/bits"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/circuit"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/merkle"
	"github.com/capacloud/assay/zk"
	"github.com/capacloud/assay/zk/circom"
)

// store holds artifacts.
type store map[canon.Digest][]byte

func (s store) ReadFile(_ context.Context, d canon.Digest) ([]byte, error) {
	if b, ok := s[d]; ok {
		return b, nil
	}
	return nil, errors.New("not in the store")
}

func (s store) ReadFolder(context.Context, canon.Digest) ([]merkle.Entry, error) {
	return nil, errors.New("no folders")
}

func (s store) add(b []byte) canon.Digest {
	d := merkle.FileOf(b)
	s[d] = b
	return d
}

// power proves knowledge of x with x⁴·k = y, x below 2^20.
type power struct {
	X frontend.Variable
	K frontend.Variable `gnark:",public"`
}

func (c *power) Define(api frontend.API) ([]frontend.Variable, error) {
	bits.ToBinary(api, c.X, bits.WithNbDigits(20))
	return []frontend.Variable{api.Mul(c.X, c.X, c.X, c.X, c.K)}, nil
}

func gnarkBundle(t testing.TB) *circuit.Bundle {
	t.Helper()
	c, err := circuit.Compile(&power{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := c.Setup()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func plonkBundle(t testing.TB) *circuit.Bundle {
	t.Helper()
	c, err := circuit.CompilePlonk(&power{})
	if err != nil {
		t.Fatal(err)
	}
	srs, err := circuit.InsecureSRS(140)
	if err != nil {
		t.Fatal(err)
	}
	b, err := c.PlonkBundle(srs)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("../../zk/circom/testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func circomBundle(t testing.TB) *circuit.Bundle {
	t.Helper()
	return circomOf(t, "chain", []string{"c", "a"}, []string{"a", "b"})
}

// circomOf makes a key for a circuit of zk/circom/testdata.
func circomOf(t testing.TB, name string, public, inputs []string) *circuit.Bundle {
	t.Helper()
	r, err := circom.ParseR1CS(read(t, name+".r1cs"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := circom.Setup(r)
	if err != nil {
		t.Fatal(err)
	}
	b, err := circuit.Circom(circuit.CircomFiles{
		R1CS: read(t, name+".r1cs"), ZKey: key, Program: read(t, name+".wasm"), Public: public, Inputs: inputs,
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// world is a store with a bundle in it, and an executor.
type world struct {
	store
	x *Executor
	b *circuit.Bundle
}

func newWorld(t testing.TB, b *circuit.Bundle, o Options) *world {
	t.Helper()
	w := &world{store{}, New(o), b}
	t.Cleanup(w.x.Close)
	for _, f := range b.Files {
		if d := w.add(f.Bytes); d != f.Digest {
			t.Fatalf("%s: %s, want %s", f.Name, d, f.Digest)
		}
	}
	return w
}

func (w *world) job(stdin string, args ...string) *assay.Job {
	return &assay.Job{
		Version: 1, Runtime: assay.RuntimeCircuit, Program: w.add(w.b.Descriptor.Bytes()), Stdin: w.add([]byte(stdin)),
		Args: args, Limits: assay.DefaultLimits(), Policy: "zk(" + w.b.Descriptor.System + ")",
	}
}

func ask(job *assay.Job) executor.Ask {
	return executor.Ask{Check: job.Policy, Network: assay.NetworkID{1}, Job: job.ID(), Provider: assay.Key{2}, Seat: 3}
}

// settle executes and proves, and checks the evidence as the ledger does.
func (w *world) settle(t testing.TB, job *assay.Job) string {
	t.Helper()
	out, err := w.x.Execute(t.Context(), job, w)
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Result.ValidateFor(job.Runtime); err != nil {
		t.Fatal(err)
	}
	q := ask(job)
	proved, err := w.x.Prove(t.Context(), job, q, w)
	if err != nil {
		t.Fatal(err)
	}
	e, err := zk.ParseEvidence(proved.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := zk.Verify(w.b.Key, [32]byte{}, e.Public, e.Proof); err != nil {
		t.Fatal(err)
	}
	root, err := zk.OutputRoot(w.b.Descriptor.System, zk.BindJob, e.Public)
	if err != nil || root != out.Result.Output || root != out.Output.Root {
		t.Fatalf("the proof is about output %s, the result is %s: %v", root, out.Result.Output, err)
	}
	binding := zk.PublicBinding(w.b.Descriptor.System, zk.Binding(q.Network, q.Job, q.Provider))
	if string(e.Public[:64]) != string(binding) || e.Seat != 3 || merkle.FileOf(e.Descriptor) != job.Program {
		t.Fatal("the evidence is not this job's, this payee's and this seat's")
	}
	return string(out.Output.Stdout())
}

func TestJobOfAGnarkCircuitIsProved(t *testing.T) {
	w := newWorld(t, gnarkBundle(t), Options{})
	if got := w.settle(t, w.job(`{"X":3,"K":"10"}`)); got != "810\n10\n" {
		t.Fatalf("stdout %q", got)
	}
	// A pinned public input may come as an argument alone.
	if got := w.settle(t, w.job(`{"X":2}`, "power", "K=5")); got != "80\n5\n" {
		t.Fatalf("stdout %q", got)
	}
}

func TestJobOfAPlonkCircuitIsProved(t *testing.T) {
	w := newWorld(t, plonkBundle(t), Options{})
	if got := w.settle(t, w.job(`{"X":3}`, "power", "K=10")); got != "810\n10\n" {
		t.Fatalf("stdout %q", got)
	}
}

func TestJobOfACircomCircuitIsProved(t *testing.T) {
	w := newWorld(t, circomBundle(t), Options{})
	if got := w.settle(t, w.job(`{"a":3,"b":"2"}`)); got != "768\n3\n" {
		t.Fatalf("stdout %q", got)
	}
	if got := w.settle(t, w.job(`{"b":"2"}`, "chain", "a=5")); got != "1280\n5\n" {
		t.Fatalf("stdout %q", got)
	}
}

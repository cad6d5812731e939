package circuit

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/circuit"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/merkle"
	"github.com/capacloud/assay/zk"
	"github.com/capacloud/assay/zk/circom"
)

func wantCode(t *testing.T, what string, err error, code assay.Code) {
	t.Helper()
	if err == nil || assay.CodeOf(err) != code {
		t.Errorf("%s: got %v, want %s", what, err, code)
	}
}

// All bits of X are one, so that no wire's value hides a wrong point.
const gnarkInput, circomInput = `{"X":1048575,"K":"10"}`, `{"a":3,"b":"2"}`

// each runs a test on a circuit of each kind.
func each(t *testing.T, f func(t *testing.T, w *world, input string)) {
	t.Run("gnark", func(t *testing.T) { f(t, newWorld(t, gnarkBundle(t), Options{}), gnarkInput) })
	t.Run("plonk", func(t *testing.T) { f(t, newWorld(t, plonkBundle(t), Options{}), gnarkInput) })
	t.Run("circom", func(t *testing.T) { f(t, newWorld(t, circomBundle(t), Options{}), circomInput) })
}

func (w *world) execute(t *testing.T, job *assay.Job) error {
	t.Helper()
	_, err := w.x.Execute(t.Context(), job, w)
	return err
}

func (w *world) prove(t *testing.T, job *assay.Job) error {
	t.Helper()
	_, err := w.x.Prove(t.Context(), job, ask(job), w)
	return err
}

func TestInputsThatDoNotSatisfyHaveNoResult(t *testing.T) {
	for what, x := range map[string]struct {
		b     *circuit.Bundle
		input string
		args  []string
		code  assay.Code
	}{
		"gnark: out of range":    {gnarkBundle(t), `{"X":1048576,"K":1}`, nil, circuit.CodeUnsatisfied},
		"gnark: no such input":   {gnarkBundle(t), `{"X":1,"K":1,"Z":1}`, nil, circuit.CodeInput},
		"gnark: one is missing":  {gnarkBundle(t), `{"K":1}`, nil, circuit.CodeInput},
		"gnark: binding given":   {gnarkBundle(t), `{"X":1,"K":1,"bind":[1,2]}`, nil, circom.CodeInput},
		"gnark: no JSON":         {gnarkBundle(t), `X=1`, nil, circom.CodeInput},
		"gnark: above modulus":   {gnarkBundle(t), `{"X":1,"K":"99999999999999999999999999999999999999999999999999999999999999999999999999999"}`, nil, circom.CodeInputRange},
		"gnark: pin differs":     {gnarkBundle(t), gnarkInput, []string{"p", "K=11"}, CodePinned},
		"gnark: output pinned":   {gnarkBundle(t), gnarkInput, []string{"p", "out_0=811"}, CodePinned},
		"gnark: pin not reduced": {gnarkBundle(t), gnarkInput, []string{"p", "K=21888242871839275222246405745257275088548364400416034343698204186575808495627"}, CodePinned},
		"circom: assertion":      {circomBundle(t), `{"a":3,"b":7}`, nil, circom.CodeAssert},
		"circom: missing":        {circomBundle(t), `{"a":3}`, nil, circom.CodeInput},
		"circom: binding given":  {circomBundle(t), `{"a":3,"b":2,"bind":[1,2]}`, nil, circom.CodeInput},
		"circom: pin differs":    {circomBundle(t), circomInput, []string{"p", "c=1"}, CodePinned},
	} {
		w := newWorld(t, x.b, Options{})
		job := w.job(x.input, x.args...)
		wantCode(t, what+", executed", w.execute(t, job), x.code)
		wantCode(t, what+", proved", w.prove(t, job), x.code)
	}
}

func TestFilesThatDoNotBelongTogetherAreRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world, input string) {
		made := map[string]func(testing.TB) *circuit.Bundle{zk.Groth16: gnarkBundle, zk.Plonk: plonkBundle, zk.Circom: circomBundle}
		other := newWorld(t, made[w.b.Descriptor.System](t), Options{})
		for d, b := range other.store {
			w.store[d] = b
		}
		whole, good, apart := *w.b.Descriptor, *w.b.Descriptor.Circuit, *other.b.Descriptor.Circuit
		change := func(f func(d *zk.Descriptor, c *zk.Circuit)) *assay.Job {
			d, c := whole, good
			d.Circuit = &c
			f(&d, &c)
			w.b = &circuit.Bundle{Descriptor: &d, Key: w.b.Key}
			return w.job(input)
		}
		wantCode(t, "another verifying key", w.prove(t, change(func(d *zk.Descriptor, _ *zk.Circuit) { d.Key = assay.Digest{1} })), CodeKey)
		wantCode(t, "no proving key", w.prove(t, change(func(_ *zk.Descriptor, c *zk.Circuit) { *keyOf(c) = assay.Digest{} })), CodeFile)
		wantCode(t, "a name less", w.execute(t, change(func(_ *zk.Descriptor, c *zk.Circuit) { c.Public = c.Public[1:] })), map[string]assay.Code{zk.Circom: circom.CodeMismatch, zk.Groth16: circuit.CodeSystem, zk.Plonk: circuit.CodeSystem}[w.b.Descriptor.System])
		// The key of the same circuit, made apart.
		code := CodeKey
		if w.b.Descriptor.System == zk.Groth16 {
			code = CodeFalse // gnark's proving keys do not hold the verifying key
		}
		wantCode(t, "the key of another setup", w.prove(t, change(func(_ *zk.Descriptor, c *zk.Circuit) { *keyOf(c) = *keyOf(&apart) })), code)
		if err := w.execute(t, change(func(_ *zk.Descriptor, c *zk.Circuit) { c.Witness = assay.Digest{9} })); err == nil || assay.CodeOf(err) != assay.CodeInternal {
			t.Errorf("a file that nobody has: %v", err) // the host's trouble, and no refusal
		}
	})
}

// keyOf is the file from which the key is read or computed.
func keyOf(c *zk.Circuit) *assay.Digest {
	if !c.SRS.IsZero() {
		return &c.SRS
	}
	return &c.ProvingKey
}

func TestAWrongPointInAPinnedKeyYieldsNoProof(t *testing.T) {
	each(t, func(t *testing.T, w *world, input string) {
		for _, trust := range []circom.Trust{circom.Checked, circom.Pinned} {
			d := *w.b.Descriptor
			c := *d.Circuit
			d.Circuit = &c
			b := bytes.Clone(w.store[*keyOf(&c)])
			at := len(b) - 100 // in G2
			code := CodeFalse
			switch d.System {
			case zk.Circom:
				at -= 80 // in H, before the section of contributions
			case zk.Plonk:
				at = 600 // one of the first powers
			}
			b[at] ^= 1
			*keyOf(&c) = w.add(b)
			broken := newWorld(t, &circuit.Bundle{Descriptor: &d, Key: w.b.Key}, Options{Trust: trust})
			broken.store = w.store
			if trust == circom.Checked {
				code = circom.CodeCurve
			}
			wantCode(t, d.System, broken.prove(t, broken.job(input)), code)
		}
	})
}

func TestJobsThatAreRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world, input string) {
		job := w.job(input)
		job.Runtime = assay.RuntimeWasm
		wantCode(t, "another runtime", w.execute(t, job), assay.CodeRuntime)
		job = w.job(input)
		job.Limits.Memory = 5
		wantCode(t, "limits", w.execute(t, job), assay.CodeJobLimits)
		job = w.job(input)
		job.Limits.Output = 3
		wantCode(t, "much output", w.execute(t, job), CodeOutput)
		job = w.job(input)
		job.Program = w.add([]byte("no descriptor"))
		wantCode(t, "no descriptor", w.execute(t, job), zk.CodeDescriptor)
		if w.b.Descriptor.System == zk.Circom {
			job = w.job(input)
			job.Limits.Fuel = 1 << 20
			wantCode(t, "little fuel", w.execute(t, job), circom.CodeFuel)
			job = w.job(input)
			job.Limits.Memory = 2 * assay.WasmPage
			wantCode(t, "little memory", w.execute(t, job), circom.CodeProgram)
		}
		d := *w.b.Descriptor
		d.System, d.Guest, d.Circuit = zk.SP1, [32]byte{1}, nil
		w.b = &circuit.Bundle{Descriptor: &d}
		wantCode(t, "a guest", w.execute(t, w.job(input)), CodeSystem)
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := w.x.Execute(cancelled, w.job(input), w); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	})
}

func TestAProofThatDoesNotFitIntoMemoryIsRefusedBeforeItBegins(t *testing.T) {
	each(t, func(t *testing.T, w *world, input string) {
		small := newWorld(t, w.b, Options{Memory: 32 << 20, Progress: func(p Progress) {
			if p.Stage == Proving {
				t.Error("it began to prove")
			}
		}})
		job := small.job(input)
		if err := small.execute(t, job); err != nil {
			t.Fatal(err)
		}
		wantCode(t, "32 MiB", small.prove(t, job), CodeMemory)
	})
}

// TestACircuitWithoutBindingIsForBindCommitAlone: under bind=commit all public
// elements are the job's.
func TestACircuitWithoutBindingIsForBindCommitAlone(t *testing.T) {
	w := newWorld(t, circomBundle(t), Options{})
	d := *w.b.Descriptor
	c := *d.Circuit
	d.Circuit = &c
	c.Public = []string{"bound[0]", "bound[1]", "c", "a"}
	c.Inputs = []string{"bind", "a", "b"}
	w.b = &circuit.Bundle{Descriptor: &d, Key: w.b.Key}
	job := w.job(`{"bind":[5,6],"a":3,"b":"2"}`)
	job.Policy = "zk(circom, bind=commit)"
	out, err := w.x.Execute(t.Context(), job, w)
	if err != nil || string(out.Output.Stdout()) != "5\n6\n768\n3\n" {
		t.Fatalf("%q, %v", out.Output.Stdout(), err)
	}
	q := ask(job)
	proved, err := w.x.Prove(t.Context(), job, q, w)
	if err != nil {
		t.Fatal(err)
	}
	first, err := zk.ParseEvidence(proved.Commitment)
	if err != nil {
		t.Fatal(err)
	}
	second, err := zk.ParseEvidence(proved.Body)
	if err != nil {
		t.Fatal(err)
	}
	if first.Commitment != zk.Commitment(q.Network, q.Job, q.Provider, zk.ProofDigest(second.Public, second.Proof)) || first.Seat != q.Seat {
		t.Error("the commitment is not to the proof")
	}
	if proved.Gas < zk.Gas(proved.Body) {
		t.Error("too little gas")
	}
	if err := zk.Verify(w.b.Key, [32]byte{}, second.Public, second.Proof); err != nil {
		t.Error(err)
	}
}

func TestNeedsListsTheFilesOfADescriptor(t *testing.T) {
	each(t, func(t *testing.T, w *world, _ string) {
		list, err := w.x.Needs(w.b.Descriptor.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range w.b.Files {
			if !slices.ContainsFunc(list, func(e merkle.Entry) bool { return e.Digest == f.Digest }) {
				t.Errorf("%s is missing", f.Name)
			}
		}
		if len(list) != len(w.b.Files) {
			t.Errorf("%d files of %d", len(list), len(w.b.Files))
		}
		if _, err := w.x.Needs([]byte("x")); err == nil {
			t.Error("no descriptor has needs")
		}
	})
}

func TestProgressNamesTheStagesInOrder(t *testing.T) {
	each(t, func(t *testing.T, w *world, input string) {
		var seen []Stage
		told := newWorld(t, w.b, Options{Progress: func(p Progress) {
			if p.Done > p.Total {
				t.Errorf("%+v", p)
			}
			if len(seen) == 0 || seen[len(seen)-1] != p.Stage {
				seen = append(seen, p.Stage)
			}
		}})
		if err := told.prove(t, told.job(input)); err != nil {
			t.Fatal(err)
		}
		if want := []Stage{Fetching, Computing, Loading, Proving, Verifying}; !slices.Equal(seen, want) {
			t.Errorf("%v, want %v", seen, want)
		}
	})
}

func TestManyAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world, input string) {
		job := w.job(input)
		var wg sync.WaitGroup
		errs := make([]error, 6)
		for i := range errs {
			wg.Go(func() {
				if i%2 == 0 {
					_, errs[i] = w.x.Execute(t.Context(), job, w)
				} else {
					_, errs[i] = w.x.Prove(t.Context(), job, ask(job), w)
				}
			})
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	})
}

// TestAProofNamesItsPayee: what one payee proves is worth nothing to another.
func TestAProofNamesItsPayee(t *testing.T) {
	each(t, func(t *testing.T, w *world, input string) {
		job := w.job(input)
		mine, other := ask(job), ask(job)
		other.Provider = assay.Key{9}
		var public [][]byte
		var proofs [][]byte
		for _, q := range []int{0, 1} {
			a := mine
			if q == 1 {
				a = other
			}
			p, err := w.x.Prove(t.Context(), job, a, w)
			if err != nil {
				t.Fatal(err)
			}
			e, err := zk.ParseEvidence(p.Body)
			if err != nil {
				t.Fatal(err)
			}
			public, proofs = append(public, e.Public), append(proofs, e.Proof)
		}
		if zk.Verify(w.b.Key, [32]byte{}, public[1], proofs[0]) == nil {
			t.Error("one payee's proof verifies for another")
		}
	})
}

// TestACircuitThatPublishesSomethingElseThanTheBindingIsRefused: the outputs of
// unbound.circom begin with something else.
func TestACircuitThatPublishesSomethingElseThanTheBindingIsRefused(t *testing.T) {
	w := newWorld(t, circomOf(t, "unbound", []string{"bound[1]"}, nil), Options{})
	job := w.job("{}")
	wantCode(t, "proved", w.prove(t, job), CodeBinding)
}

// FuzzJob gives the executor foreign descriptors and inputs, beside files that are
// there. It ends with a result or an error, and the process lives.
func FuzzJob(f *testing.F) {
	w := &world{store{}, New(Options{Memory: 1 << 30}), nil}
	f.Cleanup(w.x.Close)
	for _, b := range []*circuit.Bundle{gnarkBundle(f), plonkBundle(f), circomBundle(f)} {
		for _, file := range b.Files {
			w.add(file.Bytes)
		}
		f.Add(b.Descriptor.Bytes(), []byte(gnarkInput), "K=10")
		f.Add(b.Descriptor.Bytes(), []byte(circomInput), "a=3")
	}
	f.Fuzz(func(t *testing.T, program, stdin []byte, arg string) {
		s := store{}
		for d, b := range w.store {
			s[d] = b
		}
		job := &assay.Job{
			Runtime: assay.RuntimeCircuit, Program: s.add(program), Stdin: s.add(stdin), Args: []string{"", arg},
			Limits: assay.DefaultLimits(), Policy: "zk(groth16)",
		}
		out, err := w.x.Execute(t.Context(), job, s)
		if err != nil {
			return
		}
		if err := out.Result.ValidateFor(job.Runtime); err != nil {
			t.Fatal(err)
		}
		_, _ = w.x.Prove(t.Context(), job, executor.Ask{Check: job.Policy}, s)
	})
}

package zk_test

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/evidence"
	"github.com/capacloud/assay/zk"
	"github.com/capacloud/assay/zk/bn254"
	"github.com/capacloud/assay/zk/groth16"
	"github.com/capacloud/assay/zk/zktest"
)

// world is a board with one seat that has opened what its proof stands for.
type world struct {
	t     *testing.T
	check assay.Check
	view  assay.View
	desc  *zk.Descriptor
	key   *zk.Key
	setup *zktest.Setup
	bind  string
	state []byte
}

var payee, stranger = assay.Key{1}, assay.Key{2}

const seat = 3

// circuits are set up once: five public elements serve a circuit under bind=job,
// and SP1 v6.
var five *zktest.Setup

func newWorld(t *testing.T, system, bind string) *world {
	t.Helper()
	if five == nil {
		five = zktest.Groth16(t, 5, 0)
	}
	w := &world{t: t, setup: five, bind: bind}
	vk, err := groth16.ParseGnarkKey(five.KeyBytes())
	if err != nil {
		t.Fatal(err)
	}
	w.key = &zk.Key{Version: 1, System: system, Scheme: zk.SchemeGroth16, VK: vk.Bytes()}
	w.desc = &zk.Descriptor{Version: 1, System: system}
	job := &assay.Job{Version: 1, Runtime: zk.Runtime(system), Args: []string{"prog"}, Requester: assay.Key{9}, Policy: "x", Deadline: 1}
	if zk.IsCircuit(system) {
		w.desc.Circuit = &zk.Circuit{ProvingKey: assay.Digest{1}, Public: []string{"y", "x", "z"}, Inputs: []string{"x", "secret"}}
		if bind == zk.BindCommit {
			w.desc.Circuit.Public = []string{"a", "b", "y", "x", "z"}
		}
	} else {
		w.key.Release, w.key.Hash, w.key.Root = "v6", [32]byte{0xaa, 1}, [32]byte{0, 7}
		w.desc.Guest = [32]byte{0, 5}
	}
	w.desc.Key = w.key.Digest()
	job.Program = w.desc.Program()
	w.view = assay.View{
		Network: assay.Digest{4}, Height: 10, Clock: 1000, ProofClock: 500, Job: job,
		Keys:       []assay.ProofKey{{Digest: w.key.Digest(), Key: w.key.Bytes()}},
		Executions: []assay.Execution{{Seat: seat, Role: assay.RoleExecutor, Provider: payee, Owner: payee, State: assay.Opened, Shown: 900, Blind: true}},
	}
	w.check = zk.New(system, assay.Digest{}, bind, "zk("+system+")")
	return w
}

// public returns public bytes: of a circuit the elements 7, 8, 9 behind the
// binding, of a guest a few words.
func (w *world) public() []byte {
	binding := []byte{}
	if w.bind == zk.BindJob {
		binding = zk.PublicBinding(w.desc.System, zk.Binding(w.view.Network, w.view.Job.ID(), payee))
	} else if w.desc.Circuit != nil {
		binding = zktest.Elements(1, 2)
	}
	if w.desc.Circuit != nil {
		return append(binding, zktest.Elements(7, 8, 9)...)
	}
	return append(binding, "the answer"...)
}

func (w *world) prove(public []byte) []byte {
	w.t.Helper()
	inputs := public
	var head []byte
	if w.desc.Circuit == nil {
		digest := zk.SP1Digest(public)
		words := slices.Concat(w.key.ExitCode[:], w.key.Root[:], zktest.Element(5))
		inputs = slices.Concat(w.desc.Guest[:], digest[:], words)
		head = slices.Concat(w.key.Hash[:4], words)
	}
	proof, err := groth16.ProofFromGnark(w.setup.Prove(w.t, inputs))
	if err != nil {
		w.t.Fatal(err)
	}
	return append(head, proof...)
}

// opens has the seat open the output that public bytes stand for.
func (w *world) opens(public []byte) assay.Digest {
	w.t.Helper()
	output, err := zk.OutputRoot(w.desc.System, w.bind, public)
	if err != nil {
		w.t.Fatal(err)
	}
	r := assay.Result{Status: assay.Exited, Output: output}
	w.view.Executions[0].Result = r.Digest()
	w.view.Candidates = []assay.Candidate{{Digest: r.Digest(), Result: r, Opened: 900}}
	return r.Digest()
}

// evidence returns a valid proof of what the seat has opened.
func (w *world) evidence() *zk.Evidence {
	w.t.Helper()
	public := w.public()
	w.opens(public)
	return &zk.Evidence{Seat: seat, Descriptor: w.desc.Bytes(), Public: public, Proof: w.prove(public)}
}

func (w *world) step(from assay.Key, e *zk.Evidence) error {
	next, err := w.check.Step(w.view, w.state, assay.Evidence{Check: w.check.String(), From: from, Body: e.Bytes()})
	if err == nil {
		w.state = next
	}
	return err
}

// commits posts the commitment to a proof, and has a beacon pass.
func (w *world) commits(from assay.Key, e *zk.Evidence) error {
	c := &zk.Evidence{Seat: e.Seat, Commitment: zk.Commitment(w.view.Network, w.view.Job.ID(), from, zk.ProofDigest(e.Public, e.Proof))}
	if err := w.step(from, c); err != nil {
		return err
	}
	w.view.Posted = append(w.view.Posted, assay.Posted{
		Check: w.check.String(), Seat: e.Seat, Digest: assay.EvidenceDigest(c.Bytes()), Height: w.view.Height, After: w.view.Height + 1,
	})
	w.view.Height++
	return nil
}

func (w *world) judged() (assay.Value, assay.Finding) {
	f := w.check.Judge(w.view, w.state)
	v, _ := f.ValueOf(w.view.Candidates[0].Digest)
	return v, f
}

func code(err error) assay.Code {
	if err == nil {
		return ""
	}
	return assay.CodeOf(err)
}

func assumed(f assay.Finding) string {
	var list []string
	for _, a := range f.Assume {
		list = append(list, string(a.Code))
	}
	return strings.Join(list, " ")
}

// TestSupports: a valid proof supports what the seat opened, decisively, under
// each system and binding, and the finding names what it rests on.
func TestSupports(t *testing.T) {
	for _, c := range []struct{ system, bind, assumed string }{
		{zk.Groth16, zk.BindJob, "bn254-100-bits trusted-setup-pinned-key prover-chose-inputs"},
		{zk.Circom, zk.BindJob, "bn254-100-bits trusted-setup-pinned-key prover-chose-inputs"},
		{zk.SP1, zk.BindJob, "bn254-100-bits trusted-setup-pinned-key zkvm-sound prover-chose-inputs"},
		{zk.Groth16, zk.BindCommit, "bn254-100-bits trusted-setup-pinned-key statement-not-bound-to-job prover-chose-inputs"},
		{zk.SP1, zk.BindCommit, "bn254-100-bits trusted-setup-pinned-key zkvm-sound statement-not-bound-to-job prover-chose-inputs"},
	} {
		t.Run(c.system+" "+c.bind, func(t *testing.T) {
			w := newWorld(t, c.system, c.bind)
			e := w.evidence()
			if v, f := w.judged(); v != assay.Unknown || f.Done || f.Need[0].N != 1 {
				t.Errorf("before: %s %+v", v, f)
			}
			if c.bind == zk.BindCommit {
				if err := w.commits(payee, e); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.step(payee, e); err != nil {
				t.Fatal(err)
			}
			v, f := w.judged()
			if _, decisive := f.ValueOf(w.view.Candidates[0].Digest); v != assay.Supported || !decisive || !f.Done || len(f.Faults) != 0 {
				t.Errorf("after: %s %+v", v, f)
			}
			if assumed(f) != c.assumed {
				t.Errorf("assumes %s, want %s", assumed(f), c.assumed)
			}
			spends := evidence.Spends(w.state)
			if want := c.bind == zk.BindCommit; want != (len(spends) == 1) {
				t.Errorf("spends %v", spends)
			} else if want && spends[0].Statement != zk.Statement(w.key.Digest(), w.desc.Guest, e.Public) {
				t.Error("spends another statement")
			}
			if err := w.step(payee, e); code(err) != evidence.CodeRepeated {
				t.Errorf("shown twice: %v", err)
			}
		})
	}
}

// TestRefuses: what does not fit together changes nothing, each with its own code.
func TestRefuses(t *testing.T) {
	type edit = func(w *world, e *zk.Evidence)
	for name, c := range map[string]struct {
		system, bind string
		edit         edit
		want         assay.Code
	}{
		"another job": {zk.Groth16, zk.BindJob, func(w *world, _ *zk.Evidence) { w.view.Job.Nonce++ }, zk.CodeUnbound},
		"another network": {zk.Groth16, zk.BindJob, func(w *world, _ *zk.Evidence) {
			w.view.Network[0]++
		}, zk.CodeUnbound},
		"another payee": {zk.Groth16, zk.BindJob, func(w *world, _ *zk.Evidence) { w.view.Executions[0].Provider = stranger }, zk.CodeSeat},
		"a proof of another payee": {zk.Groth16, zk.BindJob, func(w *world, e *zk.Evidence) {
			copy(e.Public, zk.PublicBinding(zk.Groth16, zk.Binding(w.view.Network, w.view.Job.ID(), stranger)))
		}, zk.CodeUnbound},
		"another job, sp1":          {zk.SP1, zk.BindJob, func(w *world, _ *zk.Evidence) { w.view.Job.Nonce++ }, zk.CodeUnbound},
		"a binding cut short":       {zk.SP1, zk.BindJob, func(_ *world, e *zk.Evidence) { e.Public = e.Public[:31] }, zk.CodeUnbound},
		"another seat":              {zk.Groth16, zk.BindJob, func(_ *world, e *zk.Evidence) { e.Seat++ }, zk.CodeSeat},
		"another program":           {zk.SP1, zk.BindJob, func(w *world, e *zk.Evidence) { w.desc.Guest[3]++; e.Descriptor = w.desc.Bytes() }, zk.CodeProgram},
		"no program":                {zk.SP1, zk.BindJob, func(_ *world, e *zk.Evidence) { e.Descriptor = []byte{1} }, zk.CodeProgram},
		"a program of another kind": {zk.SP1, zk.BindJob, func(w *world, _ *zk.Evidence) { w.view.Job.Runtime = assay.RuntimeCircuit }, zk.CodeProgram},
		"a wasm job":                {zk.SP1, zk.BindJob, func(w *world, _ *zk.Evidence) { w.view.Job.Runtime = assay.RuntimeWasm }, zk.CodeProgram},
		"another system": {zk.Groth16, zk.BindJob, func(w *world, _ *zk.Evidence) {
			w.check = zk.New(zk.Circom, assay.Digest{}, zk.BindJob, "zk(circom)")
		}, zk.CodeSystem},
		"a key that the job did not name": {zk.Groth16, zk.BindJob, func(w *world, _ *zk.Evidence) { w.view.Keys[0].Digest[0]++ }, zk.CodeKeyUnknown},
		"a killed key":                    {zk.Groth16, zk.BindJob, func(w *world, _ *zk.Evidence) { w.view.Keys[0].Killed = true }, zk.CodeKeyKilled},
		"another pinned key": {zk.Groth16, zk.BindJob, func(w *world, _ *zk.Evidence) {
			w.check = zk.New(zk.Groth16, assay.Digest{1}, zk.BindJob, "zk(groth16, key=x)")
		}, zk.CodeKeyPinned},
		"a proof truncated":      {zk.Groth16, zk.BindJob, func(_ *world, e *zk.Evidence) { e.Proof = e.Proof[:255] }, groth16.CodeLength},
		"a point off the curve":  {zk.Groth16, zk.BindJob, func(_ *world, e *zk.Evidence) { e.Proof[40] ^= 1 }, bn254.CodeCurve},
		"another selector":       {zk.SP1, zk.BindJob, func(_ *world, e *zk.Evidence) { e.Proof[0] ^= 1 }, zk.CodeSelector},
		"another exit code":      {zk.SP1, zk.BindJob, func(_ *world, e *zk.Evidence) { e.Proof[4+31] = 1 }, zk.CodeExit},
		"another root":           {zk.SP1, zk.BindJob, func(_ *world, e *zk.Evidence) { e.Proof[4+63] ^= 1 }, zk.CodeRoot},
		"an element not reduced": {zk.Groth16, zk.BindJob, func(_ *world, e *zk.Evidence) { copy(e.Public[96:], bytes.Repeat([]byte{0xff}, 32)) }, bn254.CodeScalar},
		"half an element":        {zk.Groth16, zk.BindJob, func(_ *world, e *zk.Evidence) { e.Public = e.Public[:len(e.Public)-1] }, zk.CodePublic},
		"another output": {zk.Groth16, zk.BindJob, func(w *world, e *zk.Evidence) {
			public := bytes.Clone(e.Public)
			public[len(public)-1]++
			w.opens(public)
		}, zk.CodeOutput},
		"an exit code of the result": {zk.Groth16, zk.BindJob, func(w *world, _ *zk.Evidence) {
			r := w.view.Candidates[0].Result
			r.ExitCode = 1
			w.view.Candidates[0] = assay.Candidate{Digest: r.Digest(), Result: r}
			w.view.Executions[0].Result = r.Digest()
		}, zk.CodeOutput},
		"nothing opened": {zk.Groth16, zk.BindJob, func(w *world, _ *zk.Evidence) { w.view.Candidates = nil }, zk.CodeSeat},
		"not opened yet": {zk.Groth16, zk.BindJob, func(w *world, _ *zk.Evidence) { w.view.Executions[0].State = assay.Tagged }, evidence.CodeSeat},
		"an element less than named": {zk.Groth16, zk.BindJob, func(w *world, e *zk.Evidence) {
			e.Public = e.Public[:len(e.Public)-32]
			w.opens(e.Public)
		}, zk.CodePublic},
		"a commitment": {zk.Groth16, zk.BindJob, func(_ *world, e *zk.Evidence) { *e = zk.Evidence{Seat: seat, Commitment: assay.Digest{1}} }, zk.CodeBind},
		"nothing":      {zk.Groth16, zk.BindJob, func(_ *world, e *zk.Evidence) { *e = zk.Evidence{Seat: seat} }, zk.CodeEvidence},
		"both":         {zk.Groth16, zk.BindJob, func(_ *world, e *zk.Evidence) { e.Commitment = assay.Digest{1} }, zk.CodeEvidence},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.system, c.bind)
			e := w.evidence()
			c.edit(w, e)
			if err := w.step(payee, e); code(err) != c.want {
				t.Errorf("%v, want %s", err, c.want)
			}
			if w.state != nil {
				t.Error("a refusal changed the state")
			}
		})
	}
}

// TestCommitFirst: a stored proof counts for whoever committed to it one beacon
// before it was seen, and for nobody else.
func TestCommitFirst(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(w *world, e *zk.Evidence) error
		want assay.Code
	}{
		"no commitment": {func(w *world, e *zk.Evidence) error { return w.step(payee, e) }, zk.CodeUncommitted},
		"in the block of its commitment": {func(w *world, e *zk.Evidence) error {
			if err := w.commits(payee, e); err != nil {
				return err
			}
			w.view.Height--
			return w.step(payee, e)
		}, zk.CodeEarly},
		"before a beacon": {func(w *world, e *zk.Evidence) error {
			if err := w.commits(payee, e); err != nil {
				return err
			}
			w.view.Posted[0].After = 0
			return w.step(payee, e)
		}, zk.CodeEarly},
		"with a beacon of its commitment's block": {func(w *world, e *zk.Evidence) error {
			if err := w.commits(payee, e); err != nil {
				return err
			}
			w.view.Posted[0].After = w.view.Posted[0].Height
			return w.step(payee, e)
		}, zk.CodeEarly},
		"with a beacon of the future": {func(w *world, e *zk.Evidence) error {
			if err := w.commits(payee, e); err != nil {
				return err
			}
			w.view.Posted[0].After = w.view.Height + 1
			return w.step(payee, e)
		}, zk.CodeEarly},
		"a proof re-randomised since": {func(w *world, e *zk.Evidence) error {
			if err := w.commits(payee, e); err != nil {
				return err
			}
			e.Proof = w.prove(e.Public)
			return w.step(payee, e)
		}, zk.CodeUncommitted},
		"a commitment copied from another payee": {func(w *world, e *zk.Evidence) error {
			w.view.Executions[0].Provider = stranger
			stolen := &zk.Evidence{Seat: seat, Commitment: zk.Commitment(w.view.Network, w.view.Job.ID(), payee, zk.ProofDigest(e.Public, e.Proof))}
			if err := w.step(stranger, stolen); err != nil {
				return err
			}
			w.view.Height++
			return w.step(stranger, e)
		}, zk.CodeUncommitted},
		"a commitment of another job": {func(w *world, e *zk.Evidence) error {
			if err := w.commits(payee, e); err != nil {
				return err
			}
			w.view.Job.Nonce++
			return w.step(payee, e)
		}, zk.CodeUncommitted},
		"two commitments": {func(w *world, e *zk.Evidence) error {
			if err := w.commits(payee, e); err != nil {
				return err
			}
			return w.commits(payee, e)
		}, evidence.CodeRepeated},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, zk.SP1, zk.BindCommit)
			e := w.evidence()
			if err := c.do(w, e); code(err) != c.want {
				t.Errorf("%v, want %s", err, c.want)
			}
			if v, _ := w.judged(); v == assay.Supported {
				t.Error("it was supported")
			}
		})
	}
}

// TestFalseProof: evidence in which all fits and nothing is proved is held
// against its seat, and another one is asked for.
func TestFalseProof(t *testing.T) {
	w := newWorld(t, zk.Groth16, zk.BindJob)
	e := w.evidence()
	lie := bytes.Clone(e.Public)
	lie[len(lie)-1]++ // another value of z, with the proof of the true one
	w.opens(lie)
	e.Public = lie
	if err := w.step(payee, e); err != nil {
		t.Fatal(err)
	}
	v, f := w.judged()
	if v == assay.Supported || f.Done && len(f.Faults) == 0 {
		t.Fatalf("%s %+v", v, f)
	}
	if len(f.Faults) != 1 || f.Faults[0].Class != assay.FaultProvedWrong || f.Faults[0].Seat != seat || f.Need[0].N != 2 {
		t.Errorf("faults %+v, need %+v", f.Faults, f.Need)
	}
}

// TestSilence: who opens and shows nothing within the clock is abandoned, and
// another one is asked for.
func TestSilence(t *testing.T) {
	w := newWorld(t, zk.Groth16, zk.BindJob)
	w.evidence()
	if _, f := w.judged(); len(f.Faults) != 0 || f.Wake != 1400 || f.Need[0].N != 1 {
		t.Errorf("in time: %+v", f)
	}
	w.view.Clock = 1400
	if _, f := w.judged(); len(f.Faults) != 1 || f.Faults[0].Class != assay.FaultAbandoned || f.Need[0].N != 2 {
		t.Errorf("too late: %+v", f)
	}
}

// TestKilledLater: a key that is withdrawn while the case is open takes its
// proofs with it, and nobody is blamed.
func TestKilledLater(t *testing.T) {
	w := newWorld(t, zk.Groth16, zk.BindJob)
	if err := w.step(payee, w.evidence()); err != nil {
		t.Fatal(err)
	}
	w.view.Keys[0].Killed = true
	if v, f := w.judged(); v != assay.Unknown || !f.Done || len(f.Faults) != 0 {
		t.Errorf("%s %+v", v, f)
	}
	w.view.Keys[0].Killed = false
	w.view.Keys = append(w.view.Keys, assay.ProofKey{Digest: assay.Digest{8}, Killed: true})
	w.check = zk.New(zk.Groth16, w.key.Digest(), zk.BindJob, w.check.String())
	if v, _ := w.judged(); v != assay.Supported {
		t.Error("another key than the pinned one was withdrawn, and took its proof with it")
	}
}

// TestArguments: the job fixes public values by arguments; a proof of others is
// refused, and what is left open is said.
func TestArguments(t *testing.T) {
	free := string(zk.AssumeInputs)
	for _, c := range []struct {
		system string
		args   []string
		want   assay.Code
		free   bool
	}{
		{zk.Groth16, nil, "", true},
		{zk.Groth16, []string{"x=8"}, "", true}, // the secret input is open, and y may depend on it
		{zk.Groth16, []string{"x=8", "y=7", "z=9"}, "", false},
		{zk.Groth16, []string{"y=7"}, "", true},
		{zk.Groth16, []string{"x=8", "secret=1"}, "", true}, // the proof does not say with which secret
		{zk.Groth16, []string{"x=9"}, zk.CodeArgument, false},
		{zk.Groth16, []string{"x=08"}, bn254.CodeSlot, false},
		{zk.Groth16, []string{"x=21888242871839275222246405745257275088548364400416034343698204186575808495625"}, zk.CodeArgument, false},
		{zk.Groth16, []string{"X=8"}, zk.CodeArgument, false},
		{zk.Groth16, []string{"x"}, zk.CodeArgument, false},
		{zk.SP1, []string{"public=0x" + hex.EncodeToString([]byte("the"))}, "", false},
		{zk.SP1, []string{"public=0x"}, "", true},
		{zk.SP1, []string{"for the guest"}, "", true},
		{zk.SP1, []string{"public=0x00"}, zk.CodeArgument, false},
		{zk.SP1, []string{"public=0xzz"}, zk.CodeArgument, false},
		{zk.SP1, []string{"public=0x" + hex.EncodeToString([]byte("the answer is longer"))}, zk.CodeArgument, false},
	} {
		w := newWorld(t, c.system, zk.BindJob)
		w.view.Job.Args = append([]string{"prog"}, c.args...)
		if err := w.step(payee, w.evidence()); code(err) != c.want {
			t.Errorf("%v: %v, want %s", c.args, err, c.want)
			continue
		}
		if c.want != "" {
			continue
		}
		if _, f := w.judged(); strings.Contains(assumed(f), free) != c.free {
			t.Errorf("%v: assumes %s", c.args, assumed(f))
		}
	}
}

// TestEquivalent: a wasm job may have a proof of what its requester declared
// equivalent; the finding says so.
func TestEquivalent(t *testing.T) {
	w := newWorld(t, zk.SP1, zk.BindJob)
	w.view.Job.Runtime, w.view.Job.Proven, w.view.Job.Program = assay.RuntimeWasm, w.desc.Program(), assay.Digest{1}
	w.view.Job.Args = []string{"prog", "x=1"}
	if err := w.step(payee, w.evidence()); err != nil {
		t.Fatal(err)
	}
	if v, f := w.judged(); v != assay.Supported || !strings.Contains(assumed(f), string(zk.AssumeEquivalent)) {
		t.Errorf("%s %s", v, assumed(f))
	}
}

// TestSetupOrigins: the finding names where the key comes from.
func TestSetupOrigins(t *testing.T) {
	for setup, want := range map[assay.Setup]assay.Code{
		assay.SetupPinned: zk.AssumePinned, assay.SetupCeremony: zk.AssumeCeremony, assay.SetupInsecure: zk.AssumeInsecure,
	} {
		w := newWorld(t, zk.Groth16, zk.BindJob)
		w.view.Keys[0].Setup = setup
		if err := w.step(payee, w.evidence()); err != nil {
			t.Fatal(err)
		}
		if _, f := w.judged(); !strings.Contains(assumed(f), string(want)) {
			t.Errorf("setup %d: %s", setup, assumed(f))
		}
	}
}

// TestEveryBitOfEvidence flips bits of a body: none is absorbed as a valid proof.
func TestEveryBitOfEvidence(t *testing.T) {
	step := 7
	if testing.Short() {
		step = 67
	}
	w := newWorld(t, zk.SP1, zk.BindJob)
	body := w.evidence().Bytes()
	for bit := 0; bit < 8*len(body); bit += step {
		b := bytes.Clone(body)
		b[bit/8] ^= 1 << (bit % 8)
		next, err := w.check.Step(w.view, nil, assay.Evidence{From: payee, Body: b})
		if err != nil {
			continue
		}
		w.state = next
		if v, _ := w.judged(); v == assay.Supported {
			t.Errorf("bit %d does not matter", bit)
		}
	}
}

package zk

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/evidence"
	"github.com/capacloud/assay/merkle"
	"github.com/capacloud/assay/zk/bn254"
	"github.com/capacloud/assay/zk/groth16"
	"github.com/capacloud/assay/zk/plonk"
)

// check is zk(system, key=…, bind=…).
type check struct {
	system string
	key    assay.Digest // zero: the one that the job's program names
	bind   string
	text   string
}

// New returns zk(system, key=…, bind=…) with its canonical text. The arguments
// are those that package policy admits.
func New(system string, key assay.Digest, bind, text string) assay.Check {
	if Runtime(system) == "" || bind != BindJob && bind != BindCommit {
		panic(fmt.Sprintf("zk: system %q, bind %q", system, bind))
	}
	return check{system: system, key: key, bind: bind, text: text}
}

// Fits refuses a job about which a check of this system can prove nothing: its
// program is no descriptor of the system's runtime, and names none in its place.
func Fits(system string, job *assay.Job) error {
	switch {
	case job.Statement().IsZero():
		return assay.Refuse(CodeProgram, "the job names nothing that could be proved in the place of its %s program", job.Runtime)
	case job.Runtime != assay.RuntimeWasm && job.Runtime != Runtime(system):
		return assay.Refuse(CodeProgram, "a proof of %s about a job of %s", system, job.Runtime)
	}
	return nil
}

// String returns the canonical policy text.
func (c check) String() string { return c.text }

// Step absorbs a commitment or a proof. What does not fit together is refused
// and changes nothing: the job's program, its key, the binding, the output that
// the seat opened, the arguments. What fits and is not proved is held against
// the seat.
func (c check) Step(v assay.View, state []byte, e assay.Evidence) ([]byte, error) {
	x, err := ParseEvidence(e.Body)
	if err != nil {
		return nil, err
	}
	st, err := evidence.Read(state)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(v.Executions, func(s assay.Execution) bool { return s.Seat == x.Seat && s.Provider == e.From }) {
		return nil, assay.Refuse(CodeSeat, "seat %d is not that of %s", x.Seat, e.From.Short())
	}
	if !x.Commitment.IsZero() {
		if c.bind != BindCommit {
			return nil, assay.Refuse(CodeBind, "%s takes no commitment", c.text)
		}
		err := st.Commit(v, x.Seat, x.Commitment)
		return st.Bytes(), err
	}
	p, err := c.show(v, &st, x, e.From)
	if err != nil {
		return nil, err
	}
	err = st.Show(v, *p)
	return st.Bytes(), err
}

// show judges a proof. An error is a refusal.
func (c check) show(v assay.View, st *evidence.State, x *Evidence, from assay.Key) (*evidence.Proof, error) {
	d, err := c.descriptor(v, x)
	if err != nil {
		return nil, err
	}
	key, err := c.keyOf(v, d)
	if err != nil {
		return nil, err
	}
	if err := CheckPublic(d.System, x.Public); err != nil {
		return nil, err
	}
	if err := c.bound(v, st, x, from); err != nil {
		return nil, err
	}
	candidate, err := c.candidate(v, x, d)
	if err != nil {
		return nil, err
	}
	free, err := c.pinned(v.Job, d, x.Public)
	if err != nil {
		return nil, err
	}
	p := &evidence.Proof{Seat: x.Seat, Candidate: candidate}
	if wrong, err := verify(key.Key, d, x); err != nil {
		return nil, err
	} else if wrong != "" {
		p.False = wrong
		return p, nil
	}
	if c.bind == BindCommit {
		p.Statement = Statement(d.Key, d.Guest, x.Public)
	}
	p.Text, p.Assume = c.proved(d), c.assume(v.Job, key.Setup, free)
	return p, nil
}

// descriptor reads the program that the evidence brings, which must be the job's.
func (c check) descriptor(v assay.View, x *Evidence) (*Descriptor, error) {
	if err := Fits(c.system, v.Job); err != nil {
		return nil, err
	}
	if got, want := merkle.FileOf(x.Descriptor), v.Job.Statement(); got != want {
		return nil, assay.Refuse(CodeProgram, "the evidence is about program %s, the job's is %s", got.Short(), want.Short())
	}
	d, err := ParseDescriptor(x.Descriptor)
	if err != nil {
		return nil, err
	}
	if d.System != c.system {
		return nil, assay.Refuse(CodeSystem, "the job's program is proved by %s, the policy asks for %s", d.System, c.system)
	}
	return d, nil
}

// keyOf returns the key under which the program is proved: the one that its
// descriptor names, which the policy may pin, and the job named when it was
// submitted.
func (c check) keyOf(v assay.View, d *Descriptor) (*assay.ProofKey, error) {
	if !c.key.IsZero() && c.key != d.Key {
		return nil, assay.Refuse(CodeKeyPinned, "the program names key %s, the policy pins %s", d.Key.Short(), c.key.Short())
	}
	i := slices.IndexFunc(v.Keys, func(k assay.ProofKey) bool { return k.Digest == d.Key })
	switch {
	case i < 0:
		return nil, assay.Refuse(CodeKeyUnknown, "the job did not name key %s when it was submitted", d.Key.Short())
	case v.Keys[i].Killed:
		return nil, assay.Refuse(CodeKeyKilled, "key %s was withdrawn", d.Key.Short())
	}
	return &v.Keys[i], nil
}

// bound holds the evidence to the policy's binding: the public bytes begin with
// that of network, job and payee; or the payee has committed to this very proof
// and a beacon has passed since, so that whoever saw it on its way cannot be first.
func (c check) bound(v assay.View, st *evidence.State, x *Evidence, from assay.Key) error {
	job := v.Job.ID()
	if c.bind == BindJob {
		if !bytes.HasPrefix(x.Public, PublicBinding(c.system, Binding(v.Network, job, from))) {
			return assay.Refuse(CodeUnbound, "the public values do not begin with the binding of this job and %s", from.Short())
		}
		return nil
	}
	commitment, height, ok := st.Committed(x.Seat)
	if !ok || commitment != Commitment(v.Network, job, from, ProofDigest(x.Public, x.Proof)) {
		return assay.Refuse(CodeUncommitted, "seat %d has not committed to this proof", x.Seat)
	}
	body := (&Evidence{Seat: x.Seat, Commitment: commitment}).Bytes()
	shone := slices.ContainsFunc(v.Posted, func(p assay.Posted) bool {
		return p.Check == c.text && p.Seat == x.Seat && p.Digest == assay.EvidenceDigest(body) && p.After > p.Height && p.After <= v.Height
	})
	if height >= v.Height || !shone {
		return assay.Refuse(CodeEarly, "no beacon has passed since the commitment at height %d", height)
	}
	return nil
}

// candidate returns the result that the seat opened, which must have exited well
// with the output that the public bytes stand for.
func (c check) candidate(v assay.View, x *Evidence, d *Descriptor) (assay.Digest, error) {
	output, err := OutputRoot(d.System, c.bind, x.Public)
	if err != nil {
		return assay.Digest{}, err
	}
	for _, s := range v.Executions {
		if s.Seat != x.Seat {
			continue
		}
		for _, k := range v.Candidates {
			if k.Digest != s.Result {
				continue
			}
			if k.Result.Status != assay.Exited || k.Result.ExitCode != 0 || k.Result.Output != output {
				return assay.Digest{}, assay.Refuse(CodeOutput, "the seat opened output %s, the public values stand for %s", k.Result.Output.Short(), output.Short())
			}
			return k.Digest, nil
		}
	}
	return assay.Digest{}, assay.Refuse(CodeSeat, "seat %d has opened nothing", x.Seat)
}

// pinned holds the public values to the job's arguments, and reports whether
// something is left that the prover could choose. Arguments follow the program's
// name: of a circuit "name=decimal", one for each public element that the job
// fixes (a secret input may stand there too, and is then public); of a zkVM
// "public=0x…", how the public values begin behind the binding.
func (c check) pinned(job *assay.Job, d *Descriptor, public []byte) (free bool, err error) {
	rest, err := Unbound(d.System, c.bind, public)
	if err != nil {
		return false, err
	}
	var args []string
	if job.Runtime != assay.RuntimeWasm && len(job.Args) > 1 { // a wasm program's own arguments say nothing here
		args = job.Args[1:]
	}
	if d.Circuit == nil {
		return pinnedPrefix(args, rest)
	}
	if len(d.Circuit.Public)*bn254.ScalarSize != len(rest) {
		return false, assay.Refuse(CodePublic, "%d bytes for the %d public elements that the program names", len(rest), len(d.Circuit.Public))
	}
	fixed := map[string]bool{}
	for _, arg := range args {
		name, text, ok := strings.Cut(arg, "=")
		i := slices.Index(d.Circuit.Public, name)
		if !ok || i < 0 && !slices.Contains(d.Circuit.Inputs, name) {
			return false, assay.Refuse(CodeArgument, "%.80q names no input or public element of the circuit", arg)
		}
		value, err := bn254.Decimal(text)
		if err != nil {
			return false, err
		}
		if i < 0 {
			continue
		}
		if fixed[name] = true; [32]byte(rest[32*i:32*i+32]) != value {
			return false, assay.Refuse(CodeArgument, "the job says %.80s; the proof is of another value", arg)
		}
	}
	return d.Circuit.free(fixed), nil
}

// free reports whether the prover could choose: some public element is open, and
// some input is, which is secret or has an element that no argument fixes. Where
// all public elements are fixed, nothing depends on the choice.
func (c *Circuit) free(fixed map[string]bool) bool {
	if !slices.ContainsFunc(c.Public, func(name string) bool { return !fixed[name] }) {
		return false
	}
	return slices.ContainsFunc(c.Inputs, func(input string) bool {
		public := false
		for _, name := range c.Public {
			rest, of := strings.CutPrefix(name, input)
			if !of || strings.Trim(rest, "0123456789_[]") != "" {
				continue
			}
			if public = true; !fixed[name] { // itself, or an array's element: a_0_1, a[0][1]
				return true
			}
		}
		return !public
	})
}

// pinnedPrefix reads "public=0x…" of a zkVM's job; other arguments are the guest's.
func pinnedPrefix(args []string, rest []byte) (free bool, err error) {
	free = true
	for _, arg := range args {
		digits, ok := strings.CutPrefix(arg, "public=0x")
		if !ok {
			continue
		}
		prefix, err := hex.DecodeString(digits)
		if err != nil || !bytes.HasPrefix(rest, prefix) {
			return false, assay.Refuse(CodeArgument, "the job says %.80s; the public values begin otherwise", arg)
		}
		free = free && len(prefix) == 0
	}
	return free, nil
}

// verify returns why a proof is false, in words. An error is a refusal: the
// evidence is malformed, which an honest seat can mend.
func verify(key []byte, d *Descriptor, x *Evidence) (string, error) {
	verifier, err := ParseKey(key)
	if err != nil {
		return "", err
	}
	if verifier.key.System != d.System {
		return "", assay.Refuse(CodeSystem, "a key of %s under a program of %s", verifier.key.System, d.System)
	}
	err = verifier.Verify(d.Guest, x.Public, x.Proof)
	switch assay.CodeOf(err) {
	case groth16.CodePairing, groth16.CodePedersen, plonk.CodeProof:
		return err.Error(), nil
	}
	return "", err
}

// Judge supports the candidates that were proved. Several may be: a circuit
// with secret inputs can have witnesses for more than one output.
func (c check) Judge(v assay.View, state []byte) assay.Finding {
	st, err := evidence.Read(state)
	if err != nil {
		return evidence.Unreadable(err)
	}
	f := st.Judge(v, evidence.Rule{})
	if c.killed(v) {
		return evidence.Withdrawn(f, "the verifying key was withdrawn by the validators")
	}
	return f
}

// killed reports whether a proof could no longer count: the pinned key was
// withdrawn, or one that the job named and the proof may have used.
func (c check) killed(v assay.View) bool {
	return slices.ContainsFunc(v.Keys, func(k assay.ProofKey) bool {
		return k.Killed && (c.key.IsZero() || c.key == k.Digest)
	})
}

// proved says for people what a valid proof shows.
func (c check) proved(d *Descriptor) string {
	what := "a witness of the circuit"
	if d.Circuit == nil {
		what = "a run of the guest " + hex.EncodeToString(d.Guest[:4])
	}
	to := "bound to this job and its payee"
	if c.bind == BindCommit {
		to = "statement proved, not bound to this job"
	}
	return fmt.Sprintf("%s proof of %s under key %s: %s", c.system, what, d.Key.Short(), to)
}

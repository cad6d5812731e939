package circuit

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/merkle"
	"github.com/capacloud/assay/zk"
	"github.com/capacloud/assay/zk/circom"
)

// Options configure an Executor.
type Options struct {
	// Memory is what a proof may take, in bytes, estimated before it begins.
	// Zero: what the machine has free then, less an eighth.
	Memory uint64
	// Progress is called while proving, from the goroutine that proves; nil: not.
	Progress func(Progress)
	// Keys is how many proving keys are kept in memory. Zero: 2.
	Keys int
	// Trust says whether the points of a proving key are put to the test. A key's
	// file has the digest that the job's program names, and a proof is verified
	// before it is shown: a wrong point costs the job its proof, and nobody else.
	Trust circom.Trust
	// Wasm runs the witness programs of circuits that bring one. Nil: such circuits
	// are refused. It must be an executor of wasm/1.
	Wasm executor.Executor
}

// Progress says what a proof is at.
type Progress struct {
	Stage Stage
	Done  int // steps of the stage
	Total int
}

// Stage is a part of the work.
type Stage string

// The stages, in order.
const (
	Fetching  Stage = "fetch"
	Computing Stage = "witness"
	Loading   Stage = "key"
	Proving   Stage = "prove"
	Verifying Stage = "verify"
)

// Executor runs circuit/1 jobs. It is safe for concurrent use.
type Executor struct {
	options  Options
	programs *cache[programKey, *circom.Program]
	keys     *cache[assay.Digest, any] // *circom.ProvingKey, *circuit.ProvingKey or *circuit.PlonkKey
	systems  *cache[assay.Digest, *circom.R1CS]
	proving  chan struct{} // one proof at a time
}

var (
	_ executor.Executor = (*Executor)(nil)
	_ executor.Prover   = (*Executor)(nil)
	_ executor.Needer   = (*Executor)(nil)
)

const defaultKeys = 2

// New returns an executor.
func New(o Options) *Executor {
	if o.Keys == 0 {
		o.Keys = defaultKeys
	}
	return &Executor{
		options:  o,
		programs: newCache[programKey, *circom.Program](4*o.Keys, func(p *circom.Program) { _ = p.Close(context.Background()) }),
		keys:     newCache[assay.Digest, any](o.Keys, func(any) {}),
		systems:  newCache[assay.Digest, *circom.R1CS](o.Keys, func(*circom.R1CS) {}),
		proving:  make(chan struct{}, 1),
	}
}

// Close frees compiled programs and keys. No run may be in progress.
func (x *Executor) Close() { x.programs.clear(); x.keys.clear(); x.systems.clear() }

// Needs implements executor.Needer: the files that a descriptor names.
func (x *Executor) Needs(program []byte) ([]merkle.Entry, error) {
	d, err := descriptor(program)
	if err != nil {
		return nil, err
	}
	c := d.Circuit
	var list []merkle.Entry
	for _, f := range []assay.Digest{c.ConstraintSystem, c.ProvingKey, c.VerifyingKey, c.Witness, c.SRS} {
		if !f.IsZero() {
			list = append(list, merkle.Entry{Kind: merkle.File, Digest: f})
		}
	}
	return list, nil
}

func descriptor(program []byte) (*zk.Descriptor, error) {
	d, err := zk.ParseDescriptor(program)
	if err != nil {
		return nil, err
	}
	if !zk.IsCircuit(d.System) {
		return nil, assay.Refuse(CodeSystem, "%.40q", d.System)
	}
	return d, nil
}

// Execute implements executor.Executor: it computes the public elements, and
// makes no proof. Neither network nor payee show in the result.
func (x *Executor) Execute(ctx context.Context, job *assay.Job, a executor.Artifacts) (out *executor.Outcome, err error) {
	defer rescue(&err)
	t, err := x.open(ctx, job, a, bindOf(job.Policy))
	if err != nil {
		return nil, err
	}
	if err := t.solve(ctx); err != nil {
		return nil, err
	}
	return t.outcome()
}

// Prove implements executor.Prover. The job in ask is the one that the proof is
// bound to; it differs from job where a circuit is proved in the place of another
// program.
func (x *Executor) Prove(ctx context.Context, job *assay.Job, ask executor.Ask, a executor.Artifacts) (out *executor.Evidence, err error) {
	defer rescue(&err)
	bind := bindOf(ask.Check)
	t, err := x.open(ctx, job, a, bind)
	if err != nil {
		return nil, err
	}
	t.keys = ask.Keys
	if bind == zk.BindJob {
		first, last := zk.ElementsOfBinding(zk.Binding(ask.Network, ask.Job, ask.Provider))
		t.binding[0].SetBytes(first[:])
		t.binding[1].SetBytes(last[:])
	}
	if err := t.solve(ctx); err != nil {
		return nil, err
	}
	if err := t.checkPins(); err != nil {
		return nil, err
	}
	select {
	case x.proving <- struct{}{}:
		defer func() { <-x.proving }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	proof, err := t.prove(ctx)
	if err != nil {
		return nil, err
	}
	e := &zk.Evidence{Seat: ask.Seat, Descriptor: t.program, Public: t.public, Proof: proof}
	out = &executor.Evidence{Body: e.Bytes()}
	out.Gas = zk.Gas(out.Body)
	if bind == zk.BindCommit {
		c := &zk.Evidence{Seat: ask.Seat, Commitment: zk.Commitment(ask.Network, ask.Job, ask.Provider, zk.ProofDigest(t.public, proof))}
		out.Commitment = c.Bytes()
	}
	return out, nil
}

// rescue turns a panic into an error: no executor dies on one job's account.
func rescue(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("circuit executor: internal error: %v", r)
	}
}

// bindOf reads the binding off canonical policy text, which names it only where
// it is not the default.
func bindOf(policy string) string {
	if strings.Contains(policy, "bind="+zk.BindCommit) {
		return zk.BindCommit
	}
	return zk.BindJob
}

// task is one job on its way.
type task struct {
	x       *Executor
	job     *assay.Job
	a       executor.Artifacts
	program []byte
	d       *zk.Descriptor
	bind    string
	binding [zk.BindingElements]fr.Element
	keys    []assay.ProofKey
	stdin   []byte
	inputs  circom.Inputs
	pins    map[string]fr.Element // by the name of the element

	solved solved
	public []byte // the elements' canonical bytes
}

func (x *Executor) open(ctx context.Context, job *assay.Job, a executor.Artifacts, bind string) (*task, error) {
	switch {
	case job.Runtime != assay.RuntimeCircuit:
		return nil, assay.Refuse(assay.CodeRuntime, "%.40q is not %s", job.Runtime, assay.RuntimeCircuit)
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	}
	if err := job.Limits.Validate(); err != nil {
		return nil, err
	}
	t := &task{x: x, job: job, a: a, bind: bind}
	t.report(Fetching, 0, 1)
	var err error
	if t.program, err = a.ReadFile(ctx, job.Program); err != nil {
		return nil, fmt.Errorf("program %s: %w", job.Program, err)
	}
	if t.d, err = descriptor(t.program); err != nil {
		return nil, err
	}
	t.stdin = []byte("{}")
	if !job.Stdin.IsZero() {
		if t.stdin, err = a.ReadFile(ctx, job.Stdin); err != nil {
			return nil, fmt.Errorf("stdin %s: %w", job.Stdin, err)
		}
	}
	t.report(Fetching, 1, 1)
	return t, t.readPins()
}

func (t *task) report(stage Stage, done, total int) {
	if f := t.x.options.Progress; f != nil {
		f(Progress{stage, done, total})
	}
}

// file fetches one of the files that the descriptor names.
func (t *task) file(ctx context.Context, what string, d assay.Digest) ([]byte, error) {
	if d.IsZero() {
		return nil, assay.Refuse(CodeFile, "no %s", what)
	}
	b, err := t.a.ReadFile(ctx, d)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", what, d, err)
	}
	return b, nil
}

// outcome makes the result out of the public bytes, by the rule of zk.OutputRoot.
func (t *task) outcome() (*executor.Outcome, error) {
	if err := t.checkPins(); err != nil {
		return nil, err
	}
	stdout, err := zk.Stdout(t.d.System, t.bind, t.public)
	if err != nil {
		return nil, err
	}
	if uint64(len(stdout)) > t.job.Limits.Output {
		return nil, assay.Refuse(CodeOutput, "%d bytes, the limit is %d", len(stdout), t.job.Limits.Output)
	}
	tree := &executor.OutputTree{}
	out := tree.AddFolder(executor.OutName, nil)
	stderr := tree.AddFile(executor.StderrName, nil)
	tree.Root = tree.AddFolder("", []merkle.Entry{out, stderr, tree.AddFile(executor.StdoutName, stdout)}).Digest
	root, err := zk.OutputRoot(t.d.System, t.bind, t.public)
	if err != nil {
		return nil, err
	}
	if root != tree.Root {
		return nil, fmt.Errorf("internal error: the output %s is not the statement's %s", tree.Root, root)
	}
	return &executor.Outcome{Result: assay.Result{Status: assay.Exited, Output: root}, Output: tree}, nil
}

// readPins takes arguments of the form name=value that name a public element.
func (t *task) readPins() error {
	t.pins = map[string]fr.Element{}
	var args []string
	if len(t.job.Args) > 0 {
		args = t.job.Args[1:]
	}
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok || !slices.Contains(t.d.Circuit.Public, name) {
			continue // the check says what it makes of it
		}
		n, ok := new(big.Int).SetString(value, 10)
		if !ok || n.Sign() < 0 || n.Cmp(fr.Modulus()) >= 0 {
			return assay.Refuse(CodePinned, "%.60q is no canonical number", arg)
		}
		var e fr.Element
		e.SetBigInt(n)
		t.pins[name] = e
	}
	return nil
}

// readInputs reads stdin. An input that it does not give and an argument pins is
// the argument's.
func (t *task) readInputs() error {
	var err error
	if t.inputs, err = circom.ParseInputs(t.stdin); err != nil {
		return err
	}
	if _, given := t.inputs[bindInput]; given && t.bind == zk.BindJob {
		return assay.Refuse(circom.CodeInput, "%q is not for the job to give", bindInput)
	}
	given := map[string]bool{}
	for _, name := range t.inputs.Names() {
		given[name] = true
	}
	for _, name := range t.d.Circuit.Public { // in their order: an array's elements follow one another
		e, pinned := t.pins[name]
		base := baseOf(name)
		if pinned && slices.Contains(t.d.Circuit.Inputs, base) && !given[base] {
			t.inputs[base] = append(t.inputs[base], e)
		}
	}
	return nil
}

// baseOf returns the name of the input whose element this is: a_0_1 and a[0][1]
// are elements of a.
func baseOf(name string) string {
	base := strings.TrimRight(name, "0123456789[]_")
	if base == "" || len(base) < len(name) && name[len(base)] != '_' && name[len(base)] != '[' {
		return name
	}
	return base
}

// checkPins compares the public elements with the arguments that pin them.
func (t *task) checkPins() error {
	skip := 0
	if t.bind == zk.BindJob {
		skip = zk.BindingElements
	}
	for i, name := range t.d.Circuit.Public {
		want, pinned := t.pins[name]
		if !pinned {
			continue
		}
		at := (i + skip) * fr.Bytes
		if at+fr.Bytes > len(t.public) {
			return assay.Refuse(CodePinned, "there is no public element %.60q", name)
		}
		var got fr.Element
		if got.SetBytes(t.public[at : at+fr.Bytes]); !got.Equal(&want) {
			return assay.Refuse(CodePinned, "%.60q is %s, the argument says %s", name, got.String(), want.String())
		}
	}
	return nil
}

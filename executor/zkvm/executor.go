package zkvm

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/merkle"
	"github.com/capacloud/assay/policy"
	"github.com/capacloud/assay/zk"
	"github.com/capacloud/assay/zk/casefile"
)

// Options configure an Executor.
type Options struct {
	Stored []Proof // made before
	// Prover makes a proof that is not stored; nil: nobody does.
	Prover func(ctx context.Context, r *Request) ([]byte, error)
	// Network and Provider are whom a proof under bind=job is bound to. The bytes
	// of the binding are among the public values, so that the guest has to be run
	// with them before anything is known of its output.
	Network  assay.NetworkID
	Provider assay.Key
}

// Proof is a verified proof.
type Proof struct {
	Program assay.Digest // file digest of the descriptor that it is of
	System  string
	Public  []byte
	Proof   []byte
}

// Request is what a prover is asked for.
type Request struct {
	System  string       `json:"system"`
	Guest   string       `json:"guest"` // hex
	Key     assay.Digest `json:"key"`
	Stdin   string       `json:"stdin"` // hex
	Args    []string     `json:"args"`
	Binding string       `json:"binding,omitempty"` // hex; the guest publishes it first
}

// ReadProof reads a case file with a proof, as of `assay zk verify`, and returns
// the proof and the descriptor that it is of.
func ReadProof(file []byte) (*Proof, *zk.Descriptor, *zk.Key, error) {
	c, err := casefile.Parse(file)
	if err != nil {
		return nil, nil, nil, err
	}
	f := c.Judge()
	if f.Outcome != casefile.Valid {
		if f.Err == nil {
			f.Err = assay.Refuse(CodeNone, "the file has a key and no proof")
		}
		return nil, nil, nil, f.Err
	}
	key := f.Loaded.Key()
	if zk.IsCircuit(key.System) {
		return nil, nil, nil, assay.Refuse(CodeOther, "a proof of %s is of a circuit", key.System)
	}
	d := &zk.Descriptor{Version: 1, System: key.System, Key: f.Key, Guest: f.Guest}
	return &Proof{Program: d.Program(), System: key.System, Public: f.Public, Proof: f.Proof}, d, &key, nil
}

// Executor implements executor.Executor and Prover. It is safe for concurrent use.
type Executor struct{ options Options }

var (
	_ executor.Executor = (*Executor)(nil)
	_ executor.Prover   = (*Executor)(nil)
)

// New returns an executor.
func New(o Options) *Executor { return &Executor{o} }

// Execute implements executor.Executor: the output is what the proof publishes.
func (x *Executor) Execute(ctx context.Context, job *assay.Job, a executor.Artifacts) (*executor.Outcome, error) {
	bind := bindOf(job.Policy)
	p, err := x.find(ctx, job, a, bind, binding(bind, x.options.Network, job.ID(), x.options.Provider))
	if err != nil {
		return nil, err
	}
	stdout, err := zk.Stdout(p.System, bind, p.Public)
	if err != nil {
		return nil, err
	}
	t := &executor.OutputTree{}
	out := t.AddFolder(executor.OutName, nil)
	stderr := t.AddFile(executor.StderrName, nil)
	file := t.AddFile(executor.StdoutName, stdout)
	t.Root = t.AddFolder("", []merkle.Entry{out, stderr, file}).Digest
	return &executor.Outcome{Result: assay.Result{Status: assay.Exited, Output: t.Root}, Output: t}, nil
}

// Prove implements executor.Prover.
func (x *Executor) Prove(ctx context.Context, job *assay.Job, ask executor.Ask, a executor.Artifacts) (*executor.Evidence, error) {
	bind := bindOf(ask.Check)
	p, err := x.find(ctx, job, a, bind, binding(bind, ask.Network, ask.Job, ask.Provider))
	if err != nil {
		return nil, err
	}
	descriptor, err := a.ReadFile(ctx, job.Program)
	if err != nil {
		return nil, fmt.Errorf("program %s: %w", job.Program, err)
	}
	body := (&zk.Evidence{Seat: ask.Seat, Descriptor: descriptor, Public: p.Public, Proof: p.Proof}).Bytes()
	e := &executor.Evidence{Body: body, Gas: zk.Gas(body)}
	if bind == zk.BindCommit {
		c := zk.Commitment(ask.Network, ask.Job, ask.Provider, zk.ProofDigest(p.Public, p.Proof))
		e.Commitment = (&zk.Evidence{Seat: ask.Seat, Commitment: c}).Bytes()
	}
	return e, nil
}

// bindOf returns the binding that the policy's proof has.
func bindOf(text string) string {
	expr, err := policy.Parse(text)
	bind := zk.BindJob
	if err == nil {
		expr.Walk(func(e *policy.Expr) {
			if e.Op == policy.ZK {
				bind = e.Bind
			}
		})
	}
	return bind
}

func binding(bind string, network assay.NetworkID, job assay.JobID, provider assay.Key) []byte {
	if bind != zk.BindJob {
		return nil
	}
	b := zk.Binding(network, job, provider)
	return b[:]
}

// find returns a proof for a job: a stored one, or a new one.
func (x *Executor) find(ctx context.Context, job *assay.Job, a executor.Artifacts, bind string, bound []byte) (*Proof, error) {
	if job.Runtime != assay.RuntimeZKVM {
		return nil, assay.Refuse(assay.CodeRuntime, "%.40q is not %s", job.Runtime, assay.RuntimeZKVM)
	}
	if bind == zk.BindCommit {
		for i := range x.options.Stored {
			if p := &x.options.Stored[i]; p.Program == job.Program && fits(job, p.Public) {
				return p, nil
			}
		}
	}
	if x.options.Prover == nil {
		if bind == zk.BindJob {
			return nil, assay.Refuse(CodeUnbound, "job %s under %s", job.ID().Short(), job.Policy)
		}
		return nil, assay.Refuse(CodeNone, "program %s", job.Program.Short())
	}
	return x.prove(ctx, job, a, bound)
}

// fits reports whether public values begin as the job's arguments say.
func fits(job *assay.Job, public []byte) bool {
	for _, arg := range job.Args {
		digits, ok := strings.CutPrefix(arg, "public=0x")
		if !ok {
			continue
		}
		if prefix, err := hex.DecodeString(digits); err != nil || !bytes.HasPrefix(public, prefix) {
			return false
		}
	}
	return true
}

// prove has the prover make a proof, and verifies it.
func (x *Executor) prove(ctx context.Context, job *assay.Job, a executor.Artifacts, bound []byte) (*Proof, error) {
	program, err := a.ReadFile(ctx, job.Program)
	if err != nil {
		return nil, fmt.Errorf("program %s: %w", job.Program, err)
	}
	d, err := zk.ParseDescriptor(program)
	if err != nil {
		return nil, err
	}
	var stdin []byte
	if !job.Stdin.IsZero() {
		if stdin, err = a.ReadFile(ctx, job.Stdin); err != nil {
			return nil, fmt.Errorf("stdin %s: %w", job.Stdin, err)
		}
	}
	file, err := x.options.Prover(ctx, &Request{
		System: d.System, Guest: hex.EncodeToString(d.Guest[:]), Key: d.Key, Stdin: hex.EncodeToString(stdin),
		Args: job.Args, Binding: hex.EncodeToString(bound),
	})
	if err != nil {
		return nil, assay.Refuse(CodeCommand, "%v", err)
	}
	p, made, _, err := ReadProof(file)
	switch {
	case err != nil:
		return nil, assay.Refuse(CodeOther, "%v", err)
	case made.Program() != job.Program || !bytes.HasPrefix(p.Public, bound) || !fits(job, p.Public[len(bound):]):
		return nil, assay.Refuse(CodeOther, "%s proof of guest %x", p.System, made.Guest[:4])
	}
	return p, nil
}

package executor

import (
	"context"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/merkle"
)

// Ask says what a proof is for: a seat's evidence for one check of the job's
// policy, bound to one network, job and provider.
type Ask struct {
	Check    string // canonical text: "zk(groth16)", "sumcheck"
	Network  assay.NetworkID
	Job      assay.JobID
	Provider assay.Key
	Seat     uint16
	// Keys are the verifying keys that the job has named, canonical bytes.
	Keys []assay.ProofKey
}

// Evidence is a proof in the form in which its check absorbs it. Where the check
// wants a commitment first, Commitment is the body of that: Body is shown behind
// the next beacon.
type Evidence struct {
	Commitment []byte
	Body       []byte
	Gas        uint64 // that the verification of Body is metered at
}

// Prover is an executor that can prove what it has computed. A proof is a private
// matter until it is posted: none is ever handed to anyone else.
type Prover interface {
	Prove(ctx context.Context, job *assay.Job, ask Ask, a Artifacts) (*Evidence, error)
}

// Needer is an executor whose programs name further files, which have to be
// fetched beside those that the job names.
type Needer interface {
	// Needs lists what a program names. Names and sizes are left open.
	Needs(program []byte) ([]merkle.Entry, error)
}

// CodeNoProver refuses to prove where no prover is.
const CodeNoProver assay.Code = "no-prover"

// Engine runs the jobs of one runtime.
type Engine struct {
	Executor Executor
	Prover   Prover // nil: none
}

// Runtimes executes, and proves, every job by the engine of its runtime. It
// implements [Epochs] as far as an engine does.
type Runtimes map[string]Engine

func (r Runtimes) of(runtime string) (Engine, error) {
	x, ok := r[runtime]
	if !ok {
		return x, assay.Refuse(assay.CodeRuntime, "%.40q is not run here", runtime)
	}
	return x, nil
}

// Execute implements [Executor].
func (r Runtimes) Execute(ctx context.Context, job *assay.Job, a Artifacts) (*Outcome, error) {
	x, err := r.of(job.Runtime)
	if err != nil {
		return nil, err
	}
	return x.Executor.Execute(ctx, job, a)
}

// Check implements [Epochs].
func (r Runtimes) Check(job *assay.Job, from Checkpoint) error {
	x, err := r.of(job.Runtime)
	if err != nil {
		return err
	}
	if e, ok := x.Executor.(Epochs); ok {
		return e.Check(job, from)
	}
	return assay.Refuse(assay.CodeRuntime, "%s has no checkpoints", job.Runtime)
}

// ExecuteEpochs implements [Epochs].
func (r Runtimes) ExecuteEpochs(ctx context.Context, job *assay.Job, a Artifacts, from *Checkpoint, each func(Boundary) error) (*Outcome, error) {
	x, err := r.of(job.Runtime)
	if err != nil {
		return nil, err
	}
	if e, ok := x.Executor.(Epochs); ok {
		return e.ExecuteEpochs(ctx, job, a, from, each)
	}
	return x.Executor.Execute(ctx, job, a)
}

// Prove implements [Prover].
func (r Runtimes) Prove(ctx context.Context, job *assay.Job, ask Ask, a Artifacts) (*Evidence, error) {
	x, err := r.of(job.Runtime)
	if err != nil {
		return nil, err
	}
	if x.Prover == nil {
		return nil, assay.Refuse(CodeNoProver, "of %s for %s", job.Runtime, ask.Check)
	}
	return x.Prover.Prove(ctx, job, ask, a)
}

// Prove asks an executor that may or may not be a prover.
func Prove(ctx context.Context, x Executor, job *assay.Job, ask Ask, a Artifacts) (*Evidence, error) {
	p, ok := x.(Prover)
	if !ok {
		return nil, assay.Refuse(CodeNoProver, "of %s for %s", job.Runtime, ask.Check)
	}
	return p.Prove(ctx, job, ask, a)
}

// Codes documents the codes of this package.
func Codes() []assay.CodeInfo {
	return []assay.CodeInfo{
		{Code: CodeNoProver, Kind: assay.KindRefusal, Text: "this executor cannot prove what it computes", Hint: "name an executor, or a folder of stored proofs, for the runtime"},
	}
}

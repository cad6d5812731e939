// Package tensor runs and proves int8/1 jobs: the same sums as machine/tensor, by
// the vector instructions of package kernel, and the evidence that the checks
// `sumcheck` and `freivalds` ask for. It keeps the last models in memory.
//
// It refuses models whose weights are not those of the descriptor's commitment:
// they have no result. What a proof relies on is checked here, by everybody who
// executes the model.
package tensor

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/machine/tensor"
	"github.com/capacloud/assay/merkle"
	"github.com/capacloud/assay/sumcheck"
	"github.com/capacloud/assay/sumcheck/network"
)

// Executor implements executor.Executor, Prover and Needer. It is safe for
// concurrent use; the zero value is ready.
type Executor struct {
	mu     sync.Mutex
	models []*model // the latest last
}

// Models that are kept: so many, and no more than so many weights together. A
// commitment takes some twenty bytes for each.
const (
	maxModels  = 8
	maxWeights = 1 << 24
)

// CodeCommitment refuses a model whose descriptor commits to other weights.
const CodeCommitment assay.Code = "tensor-commitment"

// CodeCheck refuses to prove for a check that this executor does not know.
const CodeCheck assay.Code = "tensor-check"

// Codes documents the codes of this package.
func Codes() []assay.CodeInfo {
	return []assay.CodeInfo{
		{Code: CodeCommitment, Kind: assay.KindRefusal, Text: "the descriptor commits to other weights than those of the file that it names", Hint: "export the model again; do not trust whoever made this one"},
		{Code: CodeCheck, Kind: assay.KindRefusal, Text: "int8/1 has no evidence for this check", Hint: "sumcheck and freivalds can be proved"},
	}
}

var (
	_ executor.Executor = (*Executor)(nil)
	_ executor.Prover   = (*Executor)(nil)
	_ executor.Needer   = (*Executor)(nil)
)

// model is what is kept of a program.
type model struct {
	program    canon.Digest
	descriptor []byte
	weights    []byte
	graph      *tensor.Graph
	params     *tensor.Params
	transposed [][]int8 // of dense nodes: [N, K]
	committed  *sumcheck.Committed
}

// Execute runs a job. A job whose model or input is not legal has no result.
func (x *Executor) Execute(ctx context.Context, job *assay.Job, a executor.Artifacts) (*executor.Outcome, error) {
	r, err := x.run(ctx, job, a)
	if err != nil {
		return nil, err
	}
	return &executor.Outcome{Result: assay.Result{Status: assay.Exited, Output: r.tree.Root}, Output: r.tree}, nil
}

// evaluation is one execution, with what a proof of it takes.
type evaluation struct {
	model *model
	input []byte
	trace *tensor.Trace
	out   []byte
	tree  *executor.OutputTree
}

func (x *Executor) run(ctx context.Context, job *assay.Job, a executor.Artifacts) (*evaluation, error) {
	if job.Runtime != assay.RuntimeInt8 {
		return nil, assay.Refuse(assay.CodeRuntime, "%.40q is not %s", job.Runtime, assay.RuntimeInt8)
	}
	if err := job.Limits.Validate(); err != nil {
		return nil, err
	}
	m, err := x.model(ctx, job.Program, a)
	if err != nil {
		return nil, err
	}
	if uint64(m.graph.OutputBytes()) > job.Limits.Output {
		return nil, assay.Refuse(assay.CodeJobLimits, "the output takes %d bytes; the limit is %d", m.graph.OutputBytes(), job.Limits.Output)
	}
	var input []byte
	if !job.Stdin.IsZero() {
		if input, err = a.ReadFile(ctx, job.Stdin); err != nil {
			return nil, fmt.Errorf("input %s: %w", job.Stdin, err)
		}
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("program %s: stopped: %w", job.Program, context.Cause(ctx))
	}
	r := &evaluation{model: m, input: input}
	if r.trace, err = m.graph.EvaluateWith(m.params, tensor.Int8s(input), m.sums); err != nil {
		return nil, err
	}
	r.out = m.graph.OutputOf(r.trace)
	r.tree = outputTree(r.out)
	return r, nil
}

func outputTree(stdout []byte) *executor.OutputTree {
	t := &executor.OutputTree{}
	out := t.AddFolder(executor.OutName, nil)
	stderr := t.AddFile(executor.StderrName, nil)
	file := t.AddFile(executor.StdoutName, stdout)
	t.Root = t.AddFolder("", []merkle.Entry{out, stderr, file}).Digest
	return t
}

// model returns a program, checked.
func (x *Executor) model(ctx context.Context, program canon.Digest, a executor.Artifacts) (*model, error) {
	if m := x.kept(program); m != nil {
		return m, nil
	}
	descriptor, err := a.ReadFile(ctx, program)
	if err != nil {
		return nil, fmt.Errorf("program %s: %w", program, err)
	}
	m := &model{program: program, descriptor: descriptor}
	if m.graph, err = tensor.Parse(descriptor); err != nil {
		return nil, err
	}
	if m.weights, err = a.ReadFile(ctx, m.graph.Model.Weights); err != nil {
		return nil, fmt.Errorf("weights %s: %w", m.graph.Model.Weights, err)
	}
	if m.params, err = m.graph.ReadParams(m.weights); err != nil {
		return nil, err
	}
	if m.committed = network.CommitWeights(m.graph, m.params, parallel); m.committed != nil {
		if root := m.committed.Commitment().Root; root != m.graph.Model.Commitment {
			return nil, assay.Refuse(CodeCommitment, "%s; the weights give %s", m.graph.Model.Commitment, root)
		}
	}
	m.transpose()
	x.keep(m)
	return m, nil
}

// keep adds a model and forgets the oldest that there is no room for.
func (x *Executor) keep(m *model) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.models = append(slices.Clone(x.models), m)
	total := 0
	for _, k := range x.models {
		total += k.graph.Size
	}
	for len(x.models) > maxModels || total > maxWeights && len(x.models) > 1 {
		total -= x.models[0].graph.Size
		x.models = x.models[1:]
	}
}

func (x *Executor) kept(program canon.Digest) *model {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, m := range x.models {
		if m.program == program {
			return m
		}
	}
	return nil
}

// parallel runs do(0) … do(n−1) on all cores.
func parallel(n int, do func(i int)) {
	workers := min(n, runtime.GOMAXPROCS(0))
	if workers <= 1 {
		for i := range n {
			do(i)
		}
		return
	}
	next := make(chan int, n)
	for i := range n {
		next <- i
	}
	close(next)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	wg.Wait()
}

// Needs lists the weights file of a program.
func (x *Executor) Needs(program []byte) ([]merkle.Entry, error) {
	g, err := tensor.Parse(program)
	if err != nil {
		return nil, err
	}
	return []merkle.Entry{{Digest: g.Model.Weights, Kind: merkle.File}}, nil
}

// Prove makes the evidence of a seat for one of the two checks.
func (x *Executor) Prove(ctx context.Context, job *assay.Job, ask executor.Ask, a executor.Artifacts) (*executor.Evidence, error) {
	r, err := x.run(ctx, job, a)
	if err != nil {
		return nil, err
	}
	switch ask.Check {
	case network.Sumcheck().String():
		return r.sumcheck(job, ask), nil
	case network.Freivalds().String():
		return r.freivalds(ask)
	}
	return nil, assay.Refuse(CodeCheck, "%.60q", ask.Check)
}

func (r *evaluation) sumcheck(job *assay.Job, ask executor.Ask) *executor.Evidence {
	s := network.Statement{
		Context: sumcheck.Context{Network: ask.Network, Job: ask.Job, Model: job.Program, Payee: ask.Provider},
		Graph:   r.model.graph, Input: r.input, Output: r.out,
	}
	proof := network.Prove(s, r.model.params, r.trace, r.model.committed, parallel)
	e := network.Evidence{Seat: ask.Seat, Model: r.model.descriptor, Input: r.input, Output: r.out, Proof: proof}
	body := e.Bytes()
	return &executor.Evidence{Body: body, Gas: network.SumcheckGas(body)}
}

func (r *evaluation) freivalds(ask executor.Ask) (*executor.Evidence, error) {
	first, body, err := network.MatricesOf(ask.Seat, r.model.descriptor, r.input, r.model.weights, r.trace)
	if err != nil {
		return nil, err
	}
	return &executor.Evidence{Commitment: first, Body: body, Gas: network.FreivaldsGas(body)}, nil
}

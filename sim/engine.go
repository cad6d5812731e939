package sim

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/challenger"
	"github.com/capacloud/assay/dispute"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/machine/step"
	"github.com/capacloud/assay/machine/wasi"
	"github.com/capacloud/assay/machine/wasm"
	"github.com/capacloud/assay/merkle"
)

// Engine executes the simulated jobs: natively for providers, and on the
// canonical machine for whoever disputes. Every computation is done once,
// however many worlds ask for it, so that a world costs milliseconds. It is safe
// for concurrent use by several worlds.
type Engine struct {
	native executor.Epochs
	mu     sync.Mutex
	runs   map[assay.Digest]*run
}

// NewEngine returns an engine in which providers execute natively.
func NewEngine(native executor.Epochs) *Engine {
	return &Engine{native: native, runs: map[assay.Digest]*run{}}
}

// run is one computation, with all that was ever asked about it.
type run struct {
	mu      sync.Mutex
	native  executor.Epochs
	job     assay.Job            // one of those that ask for it
	from    *executor.Checkpoint // where it goes on; nil: it begins at the start
	program *wasm.Program
	outcome *executor.Outcome
	passed  []boundary // once there is an outcome
	end     step.Record
	at      *position
	known   map[challenger.Question]challenger.Answer
}

// of returns the run of a job. Jobs are the same computation if the machine
// reads the same of them.
func (e *Engine) of(job *assay.Job) *run { return e.onward(job, nil) }

// onward returns the run of a job from a checkpoint on.
func (e *Engine) onward(job *assay.Job, from *executor.Checkpoint) *run {
	work := job.Work()
	var file assay.Digest
	if from != nil {
		file = canon.Hash("assay/sim-checkpoint/1", from.Root[:], from.File)
	}
	key := canon.HashValue("assay/sim-run/1", &struct {
		_      struct{} `cbor:",toarray"`
		Work   assay.Digest
		Limits assay.Limits
		Start  assay.Time
		From   assay.Digest
	}{Work: work, Limits: job.Limits, Start: job.Start, From: file})
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.runs[key]
	if r == nil {
		r = &run{native: e.native, job: *job, from: from, known: map[challenger.Question]challenger.Answer{}}
		e.runs[key] = r
	}
	return r
}

// Execute implements executor.Executor.
func (e *Engine) Execute(ctx context.Context, job *assay.Job, a executor.Artifacts) (*executor.Outcome, error) {
	if job.Runtime != assay.RuntimeWasm {
		return e.provable(ctx, job, a)
	}
	r := e.of(job)
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.outcome, r.execute(ctx, a)
}

// Trace returns the trace of a job.
func (e *Engine) Trace(job *assay.Job) challenger.Tracer { return trace{e.of(job)} }

// trace answers from what is known, and from the machine.
type trace struct{ r *run }

// Final implements challenger.Tracer.
func (t trace) Final(ctx context.Context) (challenger.Final, error) {
	a := t.answer(ctx, challenger.Question{Kind: challenger.AskFinal})
	if a.Err != nil {
		return challenger.Final{}, a.Err
	}
	return *a.Final, nil
}

// Roots implements challenger.Tracer.
func (t trace) Roots(ctx context.Context, start, stride uint64, n int) ([]assay.Digest, error) {
	a := t.answer(ctx, challenger.Question{Kind: challenger.AskRoots, Start: start, Stride: stride, N: n})
	return append([]assay.Digest(nil), a.Roots...), a.Err
}

// Prove implements challenger.Tracer.
func (t trace) Prove(ctx context.Context, start, steps uint64) ([]byte, error) {
	a := t.answer(ctx, challenger.Question{Kind: challenger.AskProof, Start: start, Stride: steps})
	return append([]byte(nil), a.Witness...), a.Err
}

// Program implements challenger.Tracer.
func (t trace) Program(ctx context.Context) ([]byte, error) {
	return artifacts{}.ReadFile(ctx, t.r.job.Program)
}

func (t trace) answer(ctx context.Context, q challenger.Question) challenger.Answer {
	t.r.mu.Lock()
	defer t.r.mu.Unlock()
	a, ok := t.r.known[q]
	if !ok {
		a = challenger.AnswerOf(ctx, stepper(t), assay.JobID{}, q)
		t.r.known[q] = a
	}
	return a
}

// stepper is the machine by its definition, step after step. It goes on from
// where the last question left it, or starts again.
type stepper struct{ r *run }

// position is a machine in some state.
type position struct {
	steps  uint64
	idled  uint64 // of these
	record step.Record
	space  *machine.Regions
	input  *wasi.ReaderInput
}

var errNotHalted = errors.New("sim: the machine does not halt")

// mostSteps bounds every simulated program.
const mostSteps = 1 << 22

func (s stepper) begin() *position {
	r := s.r
	if r.program == nil {
		b, err := artifacts{}.ReadFile(context.Background(), r.job.Program)
		if err != nil {
			panic(err)
		}
		r.program = wasm.Lower(b)
	}
	p := &position{
		record: step.Start(&r.program.Image, &r.job), space: step.Load(r.program, &r.job), input: wasi.NewReaderInput(inputs{}),
	}
	if r.from != nil {
		p.restore(r)
	}
	return p
}

// most returns a position behind the end of every run.
func (r *run) most() uint64 {
	if r.program != nil && r.program.Image.Epochs {
		return step.Positions(&r.program.Image, &r.job.Limits)
	}
	return mostSteps
}

// to brings the machine to a position. The roots in its record are stale.
func (s stepper) to(steps uint64) (*position, error) {
	p := s.r.at
	if s.r.program == nil {
		p = s.begin()
		s.r.at = p
	}
	steps = min(steps, s.r.most())
	if p == nil || p.steps > steps {
		p = s.begin()
		s.r.at = p
	}
	for p.steps < steps && !p.record.Halted() {
		p.idle(s.r, steps)
		if err := step.Step(&p.record, &s.r.program.Image, &s.r.job, p.space, p.input); err != nil {
			s.r.at = nil
			return nil, fmt.Errorf("step %d: %w", p.steps, err)
		}
		p.steps++
	}
	return p, nil
}

// commit returns the record with the roots of where the machine is.
func (p *position) commit() *step.Record {
	if p.record.Status != assay.InvalidModule {
		p.record.Commit(p.space)
	}
	return &p.record
}

// Final implements challenger.Tracer.
func (s stepper) Final(context.Context) (challenger.Final, error) {
	p, err := s.to(math.MaxUint64)
	if err != nil {
		return challenger.Final{}, err
	}
	s.r.end = *p.commit()
	result, ok := s.r.end.Result(&s.r.program.Image, &s.r.job.Limits)
	if !ok {
		return challenger.Final{}, errNotHalted
	}
	f := challenger.Final{Steps: p.steps - p.idled, Last: s.r.end.Bytes(), Result: result}
	if s.r.program.Image.Epochs {
		for f.Span = dispute.Arity; f.Span < s.r.most(); {
			f.Span *= dispute.Arity
		}
	}
	return f, nil
}

// Roots implements challenger.Tracer.
func (s stepper) Roots(_ context.Context, start, stride uint64, n int) ([]assay.Digest, error) {
	list := make([]assay.Digest, n)
	for i := range list {
		p, err := s.to(start + uint64(i+1)*stride)
		if err != nil {
			return nil, err
		}
		if i > 0 && p.record.Halted() && list[i-1] == s.halted() {
			list[i] = list[i-1]
			continue
		}
		list[i] = p.commit().Root()
	}
	return list, nil
}

// halted returns the root of the end, if it was ever asked for.
func (s stepper) halted() assay.Digest {
	if !s.r.end.Halted() {
		return assay.Digest{}
	}
	return s.r.end.Root()
}

// Prove implements challenger.Tracer.
func (s stepper) Prove(_ context.Context, start, steps uint64) ([]byte, error) {
	p, err := s.to(start)
	if err != nil {
		return nil, err
	}
	var sources [machine.NumRegions]machine.Source
	for i := range sources {
		sources[i] = source{p.space[i]}
	}
	w, err := step.Prove(&s.r.program.Image, &s.r.job, p.commit(), &sources, p.input, steps)
	if errors.Is(err, step.ErrTooLarge) {
		err = fmt.Errorf("%w: %w", challenger.ErrTooLarge, err)
	}
	return w, err
}

// Program implements challenger.Tracer.
func (s stepper) Program(ctx context.Context) ([]byte, error) { return trace(s).Program(ctx) }

// source is a region of which all is known.
type source struct{ *machine.Sparse }

// Node implements machine.Source.
func (s source) Node(height int, i uint64) canon.Digest {
	d, ok := s.Sparse.Node(height, i)
	if !ok {
		panic(fmt.Sprintf("node %d of height %d is not known", i, height))
	}
	return d
}

// Leaf implements machine.Source.
func (s source) Leaf(i uint64, p *machine.Leaf) { s.Load(i*machine.LeafSize, p[:]) }

// artifacts holds the programs that there are. No job has any other input.
type artifacts struct{}

// ReadFile implements executor.Artifacts.
func (artifacts) ReadFile(_ context.Context, d assay.Digest) ([]byte, error) {
	if p := programOf(d); p != nil {
		return p.bytes, nil
	}
	return nil, fmt.Errorf("no file %s", d.Short())
}

// ReadFolder implements executor.Artifacts.
func (artifacts) ReadFolder(_ context.Context, d assay.Digest) ([]merkle.Entry, error) {
	return nil, fmt.Errorf("no folder %s", d.Short())
}

// inputs is artifacts for the machine.
type inputs struct{}

// ReadFile implements wasi.Reader.
func (inputs) ReadFile(d canon.Digest) ([]byte, error) {
	return artifacts{}.ReadFile(context.Background(), d)
}

// ReadFolder implements wasi.Reader.
func (inputs) ReadFolder(d canon.Digest) ([]merkle.Entry, error) {
	return artifacts{}.ReadFolder(context.Background(), d)
}

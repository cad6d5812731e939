package node

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/blob"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/challenger"
	"github.com/capacloud/assay/dispute"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/machine/interp"
	"github.com/capacloud/assay/machine/step"
	"github.com/capacloud/assay/machine/wasi"
	"github.com/capacloud/assay/machine/wasm"
	"github.com/capacloud/assay/merkle"
)

// TraceFunc returns the tracer of a job whose program and inputs a store holds.
type TraceFunc func(job *assay.Job, store *blob.Store) challenger.Tracer

// Tracer is the canonical machine of wasm/1 as a challenger.Tracer. What it
// knows of a run it keeps between questions: a dispute asks for ever smaller
// parts of it.
type Tracer struct {
	job     *assay.Job
	store   *blob.Store
	program *wasm.Program
	trace   *interp.Trace
	ctx     context.Context // of the question that is being answered
}

var _ challenger.Tracer = (*Tracer)(nil)

// NewTracer returns the tracer of a job. Nothing is read or executed before the
// first question.
func NewTracer(job *assay.Job, store *blob.Store) *Tracer {
	return &Tracer{job: job, store: store}
}

// begin lowers the program and makes the trace, once.
func (t *Tracer) begin(ctx context.Context) error {
	t.ctx = ctx
	if t.trace != nil {
		return nil
	}
	b, err := t.Program(ctx)
	if err != nil {
		return err
	}
	t.program = wasm.Lower(b)
	t.trace = interp.NewTrace(t.program, t.job, wasi.NewReaderInput(t))
	t.trace.Check = func() error { return context.Cause(t.ctx) }
	return nil
}

// Final implements challenger.Tracer.
func (t *Tracer) Final(ctx context.Context) (challenger.Final, error) {
	if err := t.begin(ctx); err != nil {
		return challenger.Final{}, err
	}
	rec, _, err := t.trace.Final()
	if err != nil {
		return challenger.Final{}, err
	}
	return t.final(&rec, t.trace.Work())
}

// final returns what a halted record says, behind so many steps.
func (t *Tracer) final(rec *step.Record, steps uint64) (challenger.Final, error) {
	result, ok := rec.Result(&t.program.Image, &t.job.Limits)
	if !ok {
		return challenger.Final{}, errors.New("the machine has not halted where it said that it had")
	}
	span := uint64(dispute.Arity)
	for positions := step.Positions(&t.program.Image, &t.job.Limits); span < positions; {
		span *= dispute.Arity
	}
	return challenger.Final{Steps: steps, Span: span, Last: rec.Bytes(), Result: result}, nil
}

// Roots implements challenger.Tracer.
func (t *Tracer) Roots(ctx context.Context, start, stride uint64, n int) ([]assay.Digest, error) {
	if err := t.begin(ctx); err != nil {
		return nil, err
	}
	return t.trace.Roots(start, stride, n)
}

// Prove implements challenger.Tracer.
func (t *Tracer) Prove(ctx context.Context, start, steps uint64) ([]byte, error) {
	if err := t.begin(ctx); err != nil {
		return nil, err
	}
	return witness(t.trace.Prove(start, steps))
}

func witness(w []byte, err error) ([]byte, error) {
	if errors.Is(err, step.ErrTooLarge) {
		err = fmt.Errorf("%w: %w", challenger.ErrTooLarge, err)
	}
	return w, err
}

// Program implements challenger.Tracer. Unlike the others it may be called while
// another question is answered.
func (t *Tracer) Program(ctx context.Context) ([]byte, error) {
	return t.store.ReadFile(ctx, t.job.Program)
}

// ReadFile implements wasi.Reader, for the question that is being answered.
func (t *Tracer) ReadFile(d assay.Digest) ([]byte, error) { return t.store.ReadFile(t.ctx, d) }

// ReadFolder implements wasi.Reader.
func (t *Tracer) ReadFolder(d assay.Digest) ([]merkle.Entry, error) {
	return t.store.ReadFolder(t.ctx, d)
}

// Restate implements adversary.Forger: a halted record may name any output.
func (t *Tracer) Restate(last []byte, r assay.Result) ([]byte, assay.Digest, error) {
	rec, err := step.DecodeRecord(last)
	if err != nil {
		return nil, assay.Digest{}, err
	}
	rec.Output = r.Output
	if got, ok := rec.Result(&t.program.Image, &t.job.Limits); !ok || got != r {
		return nil, assay.Digest{}, errors.New("no halted record states this lie")
	}
	return rec.Bytes(), rec.Root(), nil
}

// Machines lets the machines of one process take turns: each keeps a processor
// busy while it answers a question.
type Machines chan struct{}

// NewMachines returns turns for as many machines as leave half the processors
// to everything else; at least one.
func NewMachines() Machines { return make(Machines, max(1, runtime.GOMAXPROCS(0)/2)) }

// traces answers one actor's questions, job by job.
type traces struct {
	store *blob.Store
	src   blob.Source // of checkpoints of others, too
	open  func(ctx context.Context, job *assay.Job) (challenger.Tracer, error)
	turns Machines
	tasks *sync.WaitGroup

	mu   sync.Mutex
	jobs map[assay.JobID]*traced
}

func newTraces(trace TraceFunc, x executor.Executor, turns Machines, store *blob.Store, src blob.Source, tasks *sync.WaitGroup) *traces {
	if trace == nil {
		native, shows := x.(executor.Epochs)
		trace = func(job *assay.Job, store *blob.Store) challenger.Tracer {
			if shows {
				return NewLocator(job, store, native)
			}
			return NewTracer(job, store)
		}
	}
	if turns == nil {
		turns = NewMachines()
	}
	return &traces{store: store, src: src, turns: turns, tasks: tasks, jobs: map[assay.JobID]*traced{}, open: func(ctx context.Context, job *assay.Job) (challenger.Tracer, error) {
		if err := fetchJob(ctx, store, src, job); err != nil {
			return nil, fmt.Errorf("fetch program and input: %w", err)
		}
		return trace(job, store), nil
	}}
}

// traced is the trace of one job. Questions that its machine has to run for are
// answered one at a time.
type traced struct {
	ctx    context.Context // ends with the actor, or when the job is dropped
	cancel context.CancelFunc
	asking sync.Mutex
	mu     sync.Mutex
	tracer challenger.Tracer // guarded by mu

	resumed challenger.Tracer // of a run that rests on checkpoints; guarded by asking
}

// ask answers in a goroutine of its own, unless the job is dropped first.
func (t *traces) ask(ctx context.Context, e challenger.Ask, tell func(challenger.Answer)) {
	t.askFrom(ctx, e, nil, tell)
}

// askFrom is ask about a run that rests on checkpoints.
func (t *traces) askFrom(ctx context.Context, e challenger.Ask, from []board.Resume, tell func(challenger.Answer)) {
	t.mu.Lock()
	job := t.jobs[e.ID]
	if job == nil {
		job = &traced{}
		job.ctx, job.cancel = context.WithCancel(ctx)
		t.jobs[e.ID] = job
	}
	t.mu.Unlock()
	t.tasks.Go(func() {
		answer := t.answer(job, e, from)
		if job.ctx.Err() == nil {
			tell(answer)
		}
	})
}

func (t *traces) answer(job *traced, e challenger.Ask, from []board.Resume) challenger.Answer {
	tracer, err := t.tracerOf(job, &e.Job)
	if err != nil {
		return challenger.Answer{Job: e.ID, Question: e.Question, Err: err}
	}
	if e.Question.Kind == challenger.AskProgram {
		// It takes no machine, and the whole dispute waits for it: it must not
		// stand behind the runs of others.
		return challenger.AnswerOf(job.ctx, tracer, e.ID, e.Question)
	}
	job.asking.Lock()
	defer job.asking.Unlock()
	select {
	case t.turns <- struct{}{}:
		defer func() { <-t.turns }()
	case <-job.ctx.Done():
		return challenger.Answer{Job: e.ID, Question: e.Question, Err: context.Cause(job.ctx)}
	}
	if len(from) > 0 {
		if tracer, err = t.resumed(job, &e.Job, tracer, from); err != nil {
			return challenger.Answer{Job: e.ID, Question: e.Question, Err: err}
		}
	}
	return challenger.AnswerOf(job.ctx, tracer, e.ID, e.Question)
}

// tracerOf fetches what a trace takes, and opens it, once.
func (t *traces) tracerOf(job *traced, j *assay.Job) (challenger.Tracer, error) {
	job.mu.Lock()
	defer job.mu.Unlock()
	if job.tracer == nil {
		tracer, err := t.open(job.ctx, j)
		if err != nil {
			return nil, err
		}
		job.tracer = tracer
	}
	return job.tracer, nil
}

// resumed returns the tracer of a run that rests on checkpoints, made once.
// It takes the machine, so the caller has its turn.
func (t *traces) resumed(job *traced, j *assay.Job, whole challenger.Tracer, from []board.Resume) (challenger.Tracer, error) {
	if job.resumed == nil {
		tracer, err := t.goOn(job.ctx, whole, j, from)
		if err != nil {
			return nil, err
		}
		job.resumed = tracer
	}
	return job.resumed, nil
}

// drop forgets a job and stops what runs for it.
func (t *traces) drop(id assay.JobID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if job := t.jobs[id]; job != nil {
		job.cancel()
		delete(t.jobs, id)
	}
}

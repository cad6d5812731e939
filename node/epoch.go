package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/blob"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/challenger"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/machine/checkpoint"
	"github.com/capacloud/assay/machine/interp"
	"github.com/capacloud/assay/machine/step"
	"github.com/capacloud/assay/machine/wasi"
	"github.com/capacloud/assay/provider"
)

// How much ledger clock lies between two checkpoints of one run. Each is a copy of
// all memory, sent to whoever wants it, and a fee.
const (
	Checkpoints      assay.Millis = 60_000
	LocalCheckpoints assay.Millis = 2_000
)

// keeps says of which runs the next boundary is to be kept.
type keeps struct {
	mu   sync.Mutex
	jobs map[assay.JobID]bool
}

func (k *keeps) ask(job assay.JobID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.jobs == nil {
		k.jobs = map[assay.JobID]bool{}
	}
	k.jobs[job] = true
}

// take reports whether a boundary is wanted, once.
func (k *keeps) take(job assay.JobID) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	wanted := k.jobs[job]
	delete(k.jobs, job)
	return wanted
}

// run executes a job. Of a program with epochs it shows the core every boundary,
// stores those that the core wants, and goes on from a checkpoint where it can.
func (p *providerLoop) run(ctx context.Context, e *provider.Execute) (*executor.Outcome, error) {
	x, ok := p.Executor.(executor.Epochs)
	if !ok {
		return p.Executor.Execute(ctx, &e.Job, p.Work)
	}
	p.keeps.take(e.ID) // of an earlier run
	return x.ExecuteEpochs(ctx, &e.Job, p.Work, p.checkpointOf(ctx, e), func(b executor.Boundary) error {
		p.tell(ctx, provider.Passed{Job: e.ID, Epoch: b.Epoch, Root: b.Root})
		if p.keeps.take(e.ID) {
			p.tell(ctx, p.keep(ctx, e.ID, b))
		}
		return context.Cause(ctx)
	})
}

// checkpointOf returns the bytes from which a run goes on. Where they are gone
// everywhere it returns nil: the run from the start comes to the right result. It
// is the last resort, since another result may be committed to by now.
func (p *providerLoop) checkpointOf(ctx context.Context, e *provider.Execute) *executor.Checkpoint {
	if e.From == nil {
		return nil
	}
	file, err := p.Work.ReadFile(ctx, e.From.File)
	if errors.Is(err, blob.ErrNotFound) {
		file, err = p.Public.ReadFile(ctx, e.From.File) // a checkpoint of its own, from before a restart
	}
	if err != nil {
		if err = blob.CopyFile(ctx, p.Work, p.Source, e.From.File, e.From.Size); err == nil {
			file, err = p.Work.ReadFile(ctx, e.From.File)
		}
	}
	if err != nil {
		p.Logger.Warn("checkpoint lost; the job runs from its start", slog.String("job", e.ID.String()), slog.Any("error", err))
		return nil
	}
	p.Logger.Info("the run goes on from a checkpoint", slog.String("job", e.ID.String()), slog.Any("epoch", e.From.Epoch), slog.Any("seat", e.From.From))
	return &executor.Checkpoint{Root: e.From.Root, File: file}
}

// keep stores a boundary's checkpoint and serves it.
func (p *providerLoop) keep(ctx context.Context, job assay.JobID, b executor.Boundary) provider.Kept {
	k := provider.Kept{Job: job, Epoch: b.Epoch, Root: b.Root}
	var file []byte
	if file, k.Err = b.File(); k.Err == nil {
		k.Size = uint64(len(file))
		k.File, k.Err = p.Public.PutBytes(ctx, file)
	}
	return k
}

// restore fetches the first checkpoint that can be had and is what it says.
func (p *providerLoop) restore(ctx context.Context, e provider.Restore) provider.Restored {
	answer := provider.Restored{Job: e.ID, Err: blob.ErrNotFound}
	x, ok := p.Executor.(executor.Epochs)
	if !ok {
		return answer
	}
	for _, o := range e.From {
		k := &o.Checkpoint
		if k.Size > checkpoint.MaxBytes(&e.Job.Limits) {
			continue
		}
		file, err := p.fetchCheckpoint(ctx, &o)
		if err == nil {
			err = x.Check(&e.Job, executor.Checkpoint{Root: k.Root, File: file})
		}
		if err == nil {
			return provider.Restored{Job: e.ID, Seat: k.Seat, Epoch: k.Epoch}
		}
		p.Logger.Info("checkpoint passed over", slog.Any("epoch", k.Epoch), slog.Any("seat", k.Seat), slog.Any("error", err))
	}
	return answer
}

// fetchCheckpoint copies a checkpoint into the work store: from where programs
// and inputs are, since validators keep checkpoints as well, else from its poster.
func (p *providerLoop) fetchCheckpoint(ctx context.Context, o *provider.Offered) ([]byte, error) {
	file, size := o.Checkpoint.File, o.Checkpoint.Size
	err := blob.CopyFile(ctx, p.Work, p.Source, file, size)
	if err != nil && p.SourceOf != nil {
		var src blob.Source
		if src, err = p.SourceOf(ctx, o.Provider); err == nil {
			err = blob.CopyFile(ctx, p.Work, src, file, size)
		}
	}
	if err != nil {
		return nil, err
	}
	return p.Work.ReadFile(ctx, file)
}

// mirror copies the checkpoints of open cases to a validator's store, each once:
// a provider that dies takes its store along, and the point of a checkpoint is to
// outlive it. What cannot be had is tried again with the next block.
type mirror struct {
	mu   sync.Mutex
	done map[assay.Digest]bool // or under way
}

func (a *attesterLoop) mirror(ctx context.Context, cases []*board.Case) {
	a.copies.mu.Lock()
	defer a.copies.mu.Unlock()
	if a.copies.done == nil {
		a.copies.done = map[assay.Digest]bool{}
	}
	for _, c := range cases {
		for i := range c.Checkpoints {
			k := &c.Checkpoints[i]
			if k.File.IsZero() || a.copies.done[k.File] || k.Size > checkpoint.MaxBytes(&c.Job.Limits) {
				continue
			}
			a.copies.done[k.File] = true
			key, file, size := c.Seats[k.Seat].Provider, k.File, k.Size
			a.tasks.Go(func() {
				if err := a.mirrorOne(ctx, key, file, size); err != nil {
					a.copies.mu.Lock()
					defer a.copies.mu.Unlock()
					delete(a.copies.done, file)
				}
			})
		}
	}
}

func (a *attesterLoop) mirrorOne(ctx context.Context, key assay.Key, file assay.Digest, size uint64) error {
	src, err := a.SourceOf(ctx, key)
	if err == nil {
		err = blob.CopyFile(ctx, a.Store, src, file, size)
	}
	return err
}

// goOn returns the tracer of a run that rests on checkpoints: the machine's own
// where they are right. Where one is not, the provider was misled, and its trace is
// the machine's up to that boundary and a run's from there: a claim of it loses in
// the very interval that shows who is to blame. The earliest comes first, or the
// claim would accuse a poster that was misled itself.
func (t *traces) goOn(ctx context.Context, whole challenger.Tracer, job *assay.Job, from []board.Resume) (challenger.Tracer, error) {
	r, _ := board.RefereeOf(job.Runtime)
	e, ok := r.(board.EpochReferee)
	if !ok {
		return whole, nil
	}
	tracer := whole
	span, _ := e.EpochSpan(job)
	for _, r := range slices.Backward(from) {
		at := uint64(r.Epoch) * span
		roots, err := tracer.Roots(ctx, 0, at, 1)
		if err != nil {
			return nil, err
		}
		if roots[0] == r.Root {
			continue
		}
		if rest := t.tracerFrom(ctx, job, &r); rest != nil {
			tracer = &resumedTracer{Tracer: tracer, rest: rest, at: at}
		}
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
	}
	return healed(ctx, whole, tracer)
}

// healed returns the machine's own trace where both end in one result: what was
// false may have been overwritten since. A claim by the false one would be lost,
// and since the result is right and nobody is called misled, its bond with it.
func healed(ctx context.Context, whole, tracer challenger.Tracer) (challenger.Tracer, error) {
	if tracer == whole {
		return whole, nil
	}
	right, err := whole.Final(ctx)
	if err != nil {
		return nil, err
	}
	if f, err := tracer.Final(ctx); err == nil && f.Result == right.Result {
		return whole, nil
	}
	return tracer, nil
}

// tracerFrom returns the tracer of a run that begins at a checkpoint, which is in
// the store if the provider has gone on from it, and with a validator otherwise.
// Nil: there is nothing to show it by. Others have chosen these bytes, so nothing
// about them may keep the provider from showing the checkpoint that it used.
func (t *traces) tracerFrom(ctx context.Context, job *assay.Job, r *board.Resume) *Tracer {
	if r.Size > checkpoint.MaxBytes(&job.Limits) || blob.CopyFile(ctx, t.store, t.src, r.File, r.Size) != nil {
		return nil
	}
	file, err := t.store.ReadFile(ctx, r.File)
	if err != nil {
		return nil
	}
	c, err := checkpoint.Open(file, r.Root, &job.Limits)
	if err != nil {
		return nil
	}
	rest := NewTracer(job, t.store)
	if rest.beginAt(ctx, c) != nil {
		return nil
	}
	return rest
}

// beginAt makes the trace of a run from a checkpoint on.
func (t *Tracer) beginAt(ctx context.Context, c *checkpoint.Checkpoint) error {
	if err := t.begin(ctx); err != nil {
		return err
	}
	trace, err := interp.NewTraceFrom(t.program, t.job, wasi.NewReaderInput(t), c, step.Epochs(&t.job.Limits)-c.Record.Epoch+1)
	if err != nil {
		return err
	}
	t.trace = trace
	t.trace.Check = func() error { return context.Cause(t.ctx) }
	return nil
}

// resumedTracer is one trace before a position and another from there on.
type resumedTracer struct {
	challenger.Tracer
	rest *Tracer
	at   uint64
}

// Final implements challenger.Tracer.
func (t *resumedTracer) Final(ctx context.Context) (challenger.Final, error) {
	return t.rest.Final(ctx)
}

// Roots implements challenger.Tracer.
func (t *resumedTracer) Roots(ctx context.Context, start, stride uint64, n int) ([]assay.Digest, error) {
	if stride == 0 || start > math.MaxUint64-stride*uint64(n) {
		return nil, errors.New("positions beyond all runs")
	}
	before := 0
	for before < n && start+uint64(before+1)*stride < t.at {
		before++
	}
	var list []assay.Digest
	if before > 0 {
		roots, err := t.Tracer.Roots(ctx, start, stride, before)
		if err != nil {
			return nil, err
		}
		list = roots
	}
	if before == n {
		return list, nil
	}
	roots, err := t.rest.Roots(ctx, start+uint64(before)*stride, stride, n-before)
	if err != nil {
		return nil, fmt.Errorf("behind the checkpoint: %w", err)
	}
	return append(list, roots...), nil
}

// Prove implements challenger.Tracer. The step that leads to the boundary is the
// machine's: its proof shows what the checkpoint should have been.
func (t *resumedTracer) Prove(ctx context.Context, start, steps uint64) ([]byte, error) {
	if start < t.at {
		return t.Tracer.Prove(ctx, start, steps)
	}
	return t.rest.Prove(ctx, start, steps)
}

package sim

import (
	"context"
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/challenger"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/machine/checkpoint"
)

// boundary is a state between two epochs of a run, with the file from which
// anybody goes on there.
type boundary struct {
	epoch uint32
	root  assay.Digest
	file  []byte
	fuel  uint64 // that the job has used when the run comes here
}

// execute runs the job natively, once, and keeps every boundary.
func (r *run) execute(ctx context.Context, a executor.Artifacts) error {
	if r.outcome != nil {
		return nil
	}
	r.passed = nil
	o, err := r.native.ExecuteEpochs(ctx, &r.job, a, r.from, func(b executor.Boundary) error {
		file, err := b.File()
		if err != nil {
			return err
		}
		c, err := checkpoint.Open(file, b.Root, &r.job.Limits)
		if err != nil {
			return err
		}
		r.passed = append(r.passed, boundary{b.Epoch, b.Root, file, r.job.Limits.Fuel - uint64(c.Record.Fuel)})
		return nil
	})
	if err == nil {
		r.outcome = o
	}
	return err
}

// Check implements executor.Epochs.
func (e *Engine) Check(job *assay.Job, from executor.Checkpoint) error {
	return e.native.Check(job, from)
}

// ExecuteEpochs implements executor.Epochs.
func (e *Engine) ExecuteEpochs(ctx context.Context, job *assay.Job, a executor.Artifacts, from *executor.Checkpoint, each func(executor.Boundary) error) (*executor.Outcome, error) {
	r := e.onward(job, from)
	r.mu.Lock()
	err := r.execute(ctx, a)
	outcome, passed := r.outcome, r.passed
	r.mu.Unlock()
	for i := 0; err == nil && i < len(passed); i++ {
		b := passed[i]
		err = each(executor.Boundary{Epoch: b.epoch, Root: b.root, File: func() ([]byte, error) { return slices.Clone(b.file), nil }})
	}
	if err != nil {
		return nil, err
	}
	return outcome, nil
}

// boundaries returns those of the one right run of a job.
func (e *Engine) boundaries(job *assay.Job) []boundary {
	r := e.of(job)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.execute(context.Background(), artifacts{}); err != nil {
		panic(err)
	}
	return r.passed
}

// boundary returns one of the right run; nil: it does not come so far.
func (e *Engine) boundary(job *assay.Job, epoch uint32) *boundary {
	list := e.boundaries(job)
	if i := slices.IndexFunc(list, func(b boundary) bool { return b.epoch == epoch }); i >= 0 {
		return &list[i]
	}
	return nil
}

// restore brings a machine that is at its start to the run's checkpoint.
func (p *position) restore(r *run) {
	c, err := checkpoint.Open(r.from.File, r.from.Root, &r.job.Limits)
	if err != nil {
		panic(err) // whoever goes on from it has checked it
	}
	for i := range p.space {
		if region := machine.Region(i); region != machine.Code && region != machine.Static {
			p.space[i] = machine.NewSparse(region)
			c.Restore(p.space, region)
		}
	}
	p.record = c.Record
	p.steps, _ = p.record.Position(&r.job.Limits)
	p.idled = p.steps // nobody worked for them here
}

// idle takes the steps in which the machine waits for the end of an epoch's span
// at once, but for the last.
func (p *position) idle(r *run, to uint64) {
	if int(p.record.PC) >= len(r.program.Code) {
		return
	}
	if left, ok := p.record.Idles(r.program.Code[p.record.PC].Op, &r.job.Limits); ok {
		n := min(left, to-p.steps) - 1
		p.record.Tick += n
		p.steps += n
		p.idled += n
	}
}

// goneOn is the trace of a run that went on from a state: the machine's before
// that position, and its own from there on.
type goneOn struct {
	challenger.Tracer
	rest challenger.Tracer
	at   uint64
}

// Final implements challenger.Tracer.
func (t goneOn) Final(ctx context.Context) (challenger.Final, error) {
	whole, err := t.Tracer.Final(ctx)
	if err != nil {
		return whole, err
	}
	f, err := t.rest.Final(ctx)
	f.Steps = max(f.Steps, whole.Steps)
	return f, err
}

// Roots implements challenger.Tracer.
func (t goneOn) Roots(ctx context.Context, start, stride uint64, n int) ([]assay.Digest, error) {
	var list []assay.Digest
	for i := range uint64(n) {
		from := t.Tracer
		if start+(i+1)*stride >= t.at {
			from = t.rest
		}
		root, err := from.Roots(ctx, start+i*stride, stride, 1)
		if err != nil {
			return nil, err
		}
		list = append(list, root...)
	}
	return list, nil
}

// Prove implements challenger.Tracer. The step that leads to the boundary is the
// machine's: its proof shows what the state should have been.
func (t goneOn) Prove(ctx context.Context, start, steps uint64) ([]byte, error) {
	if start < t.at {
		return t.Tracer.Prove(ctx, start, steps)
	}
	return t.rest.Prove(ctx, start, steps)
}

// TraceFrom returns the trace of a run that rests on checkpoints, the earliest
// first: the machine's own up to the first that is false, a run's from there up to
// the next that is none of that run's, and so on. Where all are right, or the run
// has come to the right result all the same, it is that of the job.
func (e *Engine) TraceFrom(ctx context.Context, job *assay.Job, from []executor.Checkpoint) challenger.Tracer {
	whole := e.Trace(job)
	tracer := whole
	for _, k := range from {
		c, err := checkpoint.Open(k.File, k.Root, &job.Limits)
		if err != nil {
			continue
		}
		at, _ := c.Record.Position(&job.Limits)
		if roots, err := tracer.Roots(ctx, 0, at, 1); err != nil || roots[0] == k.Root {
			continue
		}
		tracer = goneOn{tracer, trace{e.onward(job, &k)}, at}
	}
	right, err := whole.Final(ctx)
	if err != nil {
		return whole
	}
	if f, err := tracer.Final(ctx); err != nil || f.Result == right.Result {
		return whole
	}
	return tracer
}

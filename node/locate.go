package node

import (
	"context"
	"errors"
	"math"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/blob"
	"github.com/capacloud/assay/challenger"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/machine/checkpoint"
	"github.com/capacloud/assay/machine/interp"
	"github.com/capacloud/assay/machine/step"
	"github.com/capacloud/assay/machine/wasi"
)

// fewEpochs is of how many boundaries a run is not worth locating in: three native
// runs and two epochs are as much work as the whole.
const fewEpochs = 4

// Locator is the canonical machine as a challenger.Tracer, of a program whose
// epochs a native run can tell apart: it answers for boundaries by the roots that
// the native run has there, and the machine executes only the epoch that somebody
// asks about, and the last one.
//
// Wherever the machine comes to, it must come to what the native run says. If it
// does not the machine is right, and everything from then on is its own.
type Locator struct {
	machine *Tracer // of the whole run
	native  executor.Epochs

	surveyed bool
	roots    []assay.Digest // of boundary 1 and on
	outcome  assay.Result
	whole    bool // nothing is gained by locating, or the engines differ

	last, piece *piece // the last epoch, and the one that was asked about last
}

// piece is one epoch on the machine.
type piece struct {
	number uint64 // of the boundary at which it begins; 0: state 0
	trace  *interp.Trace
}

var _ challenger.Tracer = (*Locator)(nil)

// errThere ends a native run where it was to go to.
var errThere = errors.New("the boundary is reached")

// NewLocator returns the tracer of a job whose epochs an executor shows.
func NewLocator(job *assay.Job, store *blob.Store, native executor.Epochs) *Locator {
	return &Locator{machine: NewTracer(job, store), native: native}
}

// Program implements challenger.Tracer.
func (l *Locator) Program(ctx context.Context) ([]byte, error) { return l.machine.Program(ctx) }

// Final implements challenger.Tracer. How many steps the run took is not known: it
// says how many a run of so much fuel takes at most, which is what clocks allow for.
func (l *Locator) Final(ctx context.Context) (challenger.Final, error) {
	if err := l.survey(ctx); err != nil {
		return challenger.Final{}, err
	}
	if l.whole {
		return l.machine.Final(ctx)
	}
	rec, _, err := l.last.trace.Final()
	if err != nil {
		return challenger.Final{}, err
	}
	limits := l.machine.job.Limits
	limits.Fuel = l.outcome.Fuel
	return l.machine.final(&rec, step.Bound(&limits))
}

// Roots implements challenger.Tracer.
func (l *Locator) Roots(ctx context.Context, start, stride uint64, n int) ([]assay.Digest, error) {
	if err := l.survey(ctx); err != nil {
		return nil, err
	}
	span := step.EpochSpan(&l.machine.job.Limits)
	switch {
	case l.whole || n <= 0 || stride == 0 || start > math.MaxUint64-stride*uint64(n):
	case start%span == 0 && stride%span == 0:
		return l.boundaries(ctx, start/span, stride/span, n)
	case start/span == (start+stride*uint64(n)-1)/span:
		if p, err := l.pieceOf(ctx, start/span); p != nil || err != nil {
			if err != nil {
				return nil, err
			}
			return p.trace.Roots(start, stride, n)
		}
	}
	return l.machine.Roots(ctx, start, stride, n)
}

// Prove implements challenger.Tracer.
func (l *Locator) Prove(ctx context.Context, start, steps uint64) ([]byte, error) {
	if err := l.survey(ctx); err != nil {
		return nil, err
	}
	span := step.EpochSpan(&l.machine.job.Limits)
	if steps == 0 || start/span != (start+steps-1)/span {
		return l.machine.Prove(ctx, start, steps)
	}
	p, err := l.pieceOf(ctx, start/span)
	switch {
	case err != nil:
		return nil, err
	case p == nil:
		return l.machine.Prove(ctx, start, steps)
	}
	return witness(p.trace.Prove(start, steps))
}

// boundaries answers for boundary start + i·stride, i from 1 on.
func (l *Locator) boundaries(ctx context.Context, start, stride uint64, n int) ([]assay.Digest, error) {
	list := make([]assay.Digest, 0, n)
	for i := range uint64(n) {
		at := start + (i+1)*stride
		if at <= uint64(len(l.roots)) {
			list = append(list, l.roots[at-1])
			continue
		}
		rec, _, err := l.last.trace.Final()
		if err != nil {
			return nil, err
		}
		list = append(list, rec.Root())
	}
	return list, context.Cause(ctx)
}

// survey runs the job natively, once, and its last epoch on the machine.
func (l *Locator) survey(ctx context.Context) error {
	if err := l.machine.begin(ctx); err != nil || l.surveyed || l.whole {
		return err
	}
	if !l.machine.program.Image.Epochs {
		l.whole = true
		return nil
	}
	l.roots = nil
	out, err := l.native.ExecuteEpochs(ctx, l.machine.job, l.machine.store, nil, func(b executor.Boundary) error {
		l.roots = append(l.roots, b.Root)
		return context.Cause(ctx)
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil || len(l.roots) < fewEpochs {
		l.whole = true // whatever ails the executor, the machine knows
		return nil
	}
	l.outcome = out.Result
	if l.last, err = l.open(ctx, uint64(len(l.roots))); l.last == nil {
		return err
	}
	rec, _, err := l.last.trace.Final()
	if err != nil {
		return err
	}
	got, ok := rec.Result(&l.machine.program.Image, &l.machine.job.Limits)
	l.whole = !ok || got != l.outcome
	l.surveyed = true
	return nil
}

// pieceOf returns an epoch on the machine; nil: ask about the whole run.
func (l *Locator) pieceOf(ctx context.Context, number uint64) (*piece, error) {
	switch {
	case l.whole:
		return nil, nil
	case number >= l.last.number:
		return l.last, nil
	case l.piece != nil && l.piece.number == number:
		return l.piece, nil
	}
	p, err := l.open(ctx, number)
	if p == nil {
		return nil, err
	}
	span := step.EpochSpan(&l.machine.job.Limits)
	ends, err := p.trace.Roots(number*span, span, 1)
	switch {
	case err != nil:
		return nil, err
	case ends[0] != l.roots[number]:
		l.whole = true
		return nil, nil
	}
	l.piece = p
	return p, nil
}

// open brings the machine to where an epoch begins, by what the native run has
// there; nil: that is no state of the machine's.
func (l *Locator) open(ctx context.Context, number uint64) (*piece, error) {
	c, err := l.checkpoint(ctx, number)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	t := l.machine
	var trace *interp.Trace
	if err == nil {
		trace, err = interp.NewTraceFrom(t.program, t.job, wasi.NewReaderInput(t), c, 1)
	}
	if err != nil {
		l.whole = true
		return nil, nil
	}
	trace.Check = func() error { return context.Cause(t.ctx) }
	return &piece{number, trace}, nil
}

// checkpoint runs the job natively up to a boundary; nil at state 0.
func (l *Locator) checkpoint(ctx context.Context, number uint64) (*checkpoint.Checkpoint, error) {
	if number == 0 {
		return nil, nil
	}
	var file []byte
	_, err := l.native.ExecuteEpochs(ctx, l.machine.job, l.machine.store, nil, func(b executor.Boundary) error {
		if uint64(b.Epoch) < number {
			return context.Cause(ctx)
		}
		var err error
		if file, err = b.File(); err != nil {
			return err
		}
		return errThere
	})
	if !errors.Is(err, errThere) {
		return nil, errors.Join(err, errors.New("the native run came to another boundary"))
	}
	return checkpoint.Open(file, l.roots[number-1], &l.machine.job.Limits)
}

package interp

import (
	"fmt"
	"math"
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/machine/step"
	"github.com/capacloud/assay/machine/wasi"
	"github.com/capacloud/assay/machine/wasm"
)

// Bounds of what a Trace keeps.
const (
	// maxShots is the most snapshots of the whole run. When there are more,
	// every other goes and the distance between them doubles: it stays a power
	// of two, so that the first positions that a dispute asks for have one.
	maxShots = 128
	// maxShotBytes is the most memory of theirs; beyond it they thin out too.
	maxShotBytes = 1 << 30
	// firstStride is the first distance: less is executed again in no time, and
	// each time that the distance doubles costs half of maxShots.
	firstStride = 1 << 24
	// maxRoots is the most roots of one question.
	maxRoots = 1 << 12
	// maxPiece is the most steps between two looks at Check.
	maxPiece = 1 << 24
)

// Trace answers what a dispute asks about one run, for little more than one
// execution in all: it keeps snapshots at multiples of a power of two, and of
// the positions of the last question. It is not safe for concurrent use.
type Trace struct {
	// Check is asked now and then while the machine runs; nil: nobody is. Its
	// error ends the question, and the next one goes on from there.
	Check func() error

	m     *Machine
	input *wasi.ReaderInput

	shots  []*Snapshot // of the whole run, by position
	stride uint64
	limit  uint64 // position beyond which it does not go
	work   uint64
	inner  []*Snapshot // of the last question, by position

	final *Snapshot // nil until the run was halted once
	root  canon.Digest
}

// NewTrace returns the trace of a job's run. Nothing is executed yet.
func NewTrace(p *wasm.Program, job *assay.Job, in *wasi.ReaderInput) *Trace {
	return newTrace(New(p, job, in), in, math.MaxUint64)
}

// Final runs to the end, once, and returns the halted state and the number of
// steps to it. An error means that input bytes are missing.
func (t *Trace) Final() (step.Record, uint64, error) {
	if t.final == nil {
		for !t.m.Halted() && t.m.steps < t.limit {
			next := (t.m.steps/t.stride + 1) * t.stride
			if err := t.run(min(max(next, t.m.idleEnd()), t.limit)); err != nil {
				return step.Record{}, 0, err
			}
			if t.m.steps%t.stride == 0 {
				t.keep()
			}
		}
		t.root = t.m.Root()
		t.final = t.m.Snapshot()
		t.work = t.m.steps - t.shots[0].steps - t.m.idled
	}
	rec := t.final.rec
	return rec, t.final.steps, nil
}

// keep takes a snapshot of the whole run.
func (t *Trace) keep() {
	t.shots = append(t.shots, t.m.Snapshot())
	held := 0
	for _, s := range t.shots {
		held += s.own
	}
	if len(t.shots) > maxShots || held > maxShotBytes && len(t.shots) > 2 {
		t.stride *= 2
		rest := slices.DeleteFunc(t.shots[1:], func(s *Snapshot) bool { return s.steps%t.stride != 0 })
		t.shots = t.shots[:1+len(rest)] // where it begins stays, too
	}
}

// seek brings the machine to a position, or to the end if that comes first.
func (t *Trace) seek(to uint64) error {
	if _, _, err := t.Final(); err != nil {
		return err
	}
	if err := t.within(to); err != nil {
		return err
	}
	from := t.latest(to)
	if t.m.steps > to || t.m.steps < from.steps || t.m.err != nil {
		t.m.Restore(from)
	}
	return t.run(to)
}

// run goes on to a position, in pieces.
func (t *Trace) run(to uint64) error {
	for t.m.steps < to && !t.m.Halted() {
		if t.Check != nil {
			if err := t.Check(); err != nil {
				return err
			}
		}
		if err := t.m.Run(min(to, max(t.m.steps+maxPiece, t.m.idleEnd()))); err != nil {
			return fmt.Errorf("run: %w", err)
		}
	}
	return nil
}

// latest returns the last snapshot at or before a position.
func (t *Trace) latest(to uint64) *Snapshot {
	best := t.shots[0]
	for _, list := range [...][]*Snapshot{t.shots, t.inner, {t.final}} {
		for _, s := range list {
			if s.steps <= to && s.steps > best.steps {
				best = s
			}
		}
	}
	return best
}

// Roots returns the state roots at the n positions start + i·stride, i from 1
// on. Beyond the end it is that of the halted state.
func (t *Trace) Roots(start, stride uint64, n int) ([]canon.Digest, error) {
	if n < 0 || n > maxRoots {
		return nil, fmt.Errorf("%d roots at once, at most %d", n, maxRoots)
	}
	_, end, err := t.Final()
	if err != nil {
		return nil, err
	}
	var inner []*Snapshot
	roots := make([]canon.Digest, 0, n)
	at := start
	for range n {
		if at += stride; at < stride {
			at = math.MaxUint64
		}
		if at >= end && t.final.rec.Halted() {
			at = end
			roots = append(roots, t.root)
			continue
		}
		if err := t.seek(at); err != nil {
			return nil, err
		}
		roots = append(roots, t.m.Root())
		inner = append(inner, t.m.Snapshot())
	}
	t.inner = inner
	return roots, nil
}

// Prove returns the witness of n steps from a position on, or
// step.ErrTooLarge.
func (t *Trace) Prove(start, n uint64) ([]byte, error) {
	if err := t.seek(start); err != nil {
		return nil, err
	}
	sources := t.m.sources()
	return step.Prove(t.m.image, t.m.job, &t.m.rec, sources, t.input, n)
}

// At returns the state at a position, or at the end if that comes first, and
// what its next step is.
func (t *Trace) At(position uint64) (step.Record, step.Instruction, error) {
	if err := t.seek(position); err != nil {
		return step.Record{}, step.Instruction{}, err
	}
	rec := t.m.Record()
	return rec, step.Explain(&rec, t.m, t.m.image), nil
}

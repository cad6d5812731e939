package sim

import (
	"context"
	"fmt"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/adversary"
	"github.com/capacloud/assay/challenger"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/machine/checkpoint"
)

// forgery is what is false about the checkpoints of whoever poisons.
type forgery int

// The forgeries. Whoever stands by its own goes on from it and tells what comes
// out; all others vanish.
const (
	genuine    forgery = iota // of an honest provider; of a poisoner: a state that never was, with all its bytes
	standing                  // one such state, and everything that follows from it
	wrongRoot                 // a root that is no state's
	withheld                  // bytes that nobody serves
	forgedFile                // other bytes under the true root
)

// String names a forgery.
func (f forgery) String() string {
	return [...]string{"", "standing", "wrong-root", "withheld", "forged-file"}[f]
}

// forgeries are dealt in turn, the first twice as often.
var forgeries = []forgery{genuine, standing, wrongRoot, genuine, withheld, forgedFile}

// forgery returns what the n-th poisoner forges.
func (s *Setup) forgery(n int) forgery {
	list := forgeries
	if len(s.Forgeries) > 0 {
		list = s.Forgeries
	}
	return list[(n+s.Turn)%len(list)]
}

// playForgery replaces what a poisoner executes with.
func (m *Machine) playForgery() executor.Executor {
	switch m.forgery {
	case standing:
		return turncoat{m.w.engine, m.key}
	case wrongRoot, withheld, forgedFile:
		return m.w.engine
	case genuine:
	}
	return m.cast.executor()
}

// turncoat runs a job to some boundary, changes the state there, and goes on as if
// nothing had happened: its checkpoints and its result are of one history, false
// from there on.
type turncoat struct {
	*Engine
	key assay.Key
}

// turn returns the changed state; nil where the run has no such boundary.
func (x turncoat) turn(job *assay.Job) *executor.Checkpoint {
	list := x.boundaries(job)
	if len(list) < 2 {
		return nil
	}
	at := list[len(list)/3].epoch
	var k *executor.Checkpoint
	poisoner := adversary.Executor(adversary.Player{Kind: adversary.Poison}, x.key, x.Engine).(executor.Epochs)
	_, err := poisoner.ExecuteEpochs(context.Background(), job, artifacts{}, nil, func(b executor.Boundary) error {
		if b.Epoch != at {
			return nil
		}
		file, err := b.File()
		k = &executor.Checkpoint{Root: b.Root, File: file}
		return err
	})
	if err != nil {
		panic(err)
	}
	return k
}

// Execute implements executor.Executor.
func (x turncoat) Execute(ctx context.Context, job *assay.Job, a executor.Artifacts) (*executor.Outcome, error) {
	return x.ExecuteEpochs(ctx, job, a, nil, func(executor.Boundary) error { return nil })
}

// ExecuteEpochs implements executor.Epochs. It goes on from nobody's checkpoint.
func (x turncoat) ExecuteEpochs(ctx context.Context, job *assay.Job, a executor.Artifacts, _ *executor.Checkpoint, each func(executor.Boundary) error) (*executor.Outcome, error) {
	k := x.turn(job)
	if k == nil {
		return x.Engine.ExecuteEpochs(ctx, job, a, nil, each)
	}
	c, err := checkpoint.Open(k.File, k.Root, &job.Limits)
	if err != nil {
		return nil, err
	}
	at, _ := c.Record.Boundary()
	for _, b := range x.boundaries(job) {
		if b.epoch < at {
			if err := each(executor.Boundary{Epoch: b.epoch, Root: b.root, File: func() ([]byte, error) { return b.file, nil }}); err != nil {
				return nil, err
			}
		}
	}
	if err := each(executor.Boundary{Epoch: at, Root: k.Root, File: func() ([]byte, error) { return k.File, nil }}); err != nil {
		return nil, err
	}
	return x.Engine.ExecuteEpochs(ctx, job, a, k, each)
}

// tracer returns the trace of that history.
func (x turncoat) tracer(job *assay.Job) challenger.Tracer {
	k := x.turn(job)
	if k == nil {
		return x.Trace(job)
	}
	return x.TraceFrom(context.Background(), job, []executor.Checkpoint{*k})
}

// fuelAt returns what a run has used of a job's fuel when it comes to a state.
func fuelAt(job *assay.Job, file []byte, root assay.Digest) uint64 {
	c, err := checkpoint.Open(file, root, &job.Limits)
	if err != nil {
		panic(fmt.Sprintf("sim: %v", err))
	}
	return job.Limits.Fuel - uint64(c.Record.Fuel)
}

// digest returns one of nothing.
func (w *World) digest() (d assay.Digest) {
	for i := range d {
		d[i] = byte(w.rng.Uint32())
	}
	return d
}

package sim

import (
	"context"
	"fmt"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/adversary"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/challenger"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/machine/step"
)

// forger makes records of halted machines that never were.
type forger struct{ r *run }

// Restate implements adversary.Forger.
func (f forger) Restate(last []byte, want assay.Result) ([]byte, assay.Digest, error) {
	record, err := step.DecodeRecord(last)
	if err != nil {
		return nil, assay.Digest{}, err
	}
	record.Output = want.Output
	if got, ok := f.state(&record); !ok || got != want {
		return nil, assay.Digest{}, fmt.Errorf("sim: no record states %s", want.Digest().Short())
	}
	return record.Bytes(), record.Root(), nil
}

func (f forger) state(r *step.Record) (assay.Result, bool) {
	return r.Result(&f.r.program.Image, &f.r.job.Limits)
}

// lie is a result that a machine could state, with the record that does.
type lie struct {
	result assay.Result
	record []byte
	root   assay.Digest
}

// Restate implements adversary.Forger: it states this lie, whichever was asked for.
func (l lie) Restate([]byte, assay.Result) ([]byte, assay.Digest, error) {
	return l.record, l.root, nil
}

// misstated is the right output with other memory. An invalid module has none,
// and no lie about it is told.
func (e *Engine) misstated(job *assay.Job, mark assay.Key) (lie, bool) {
	r := e.of(job)
	final, err := e.Trace(job).Final(context.Background())
	if err != nil || final.Result.Status == assay.InvalidModule {
		return lie{}, false
	}
	record, err := step.DecodeRecord(final.Last)
	if err != nil {
		panic(err)
	}
	record.Roots.Memory = canon.Hash("assay/sim-misstated/1", mark[:])
	result, _ := forger{r}.state(&record)
	return lie{result, record.Bytes(), record.Root()}, true
}

// misstater tells the right output and another state, one that a machine can
// state. Those of package adversary cannot, and lose by silence.
type misstater struct {
	engine *Engine
	key    assay.Key
}

// Execute implements executor.Executor.
func (m misstater) Execute(ctx context.Context, job *assay.Job, a executor.Artifacts) (*executor.Outcome, error) {
	o, err := m.engine.Execute(ctx, job, a)
	if err != nil {
		return nil, err
	}
	l, ok := m.engine.misstated(job, m.key)
	if !ok {
		return o, nil
	}
	return &executor.Outcome{Result: l.result, Output: o.Output}, nil
}

// telling is a trace whose end states a lie that others tell, by middles of its
// own.
type telling struct {
	challenger.Tracer
	lie lie
}

// Final implements challenger.Tracer.
func (t telling) Final(ctx context.Context) (challenger.Final, error) {
	f, err := t.Tracer.Final(ctx)
	f.Result = t.lie.result
	return f, err
}

// tell returns the trace of a player who tells a given lie.
func (e *Engine) tell(l lie, key assay.Key, job *assay.Job) challenger.Tracer {
	return telling{adversary.Tracer(adversary.Player{Kind: adversary.Lie}, key, job, e.Trace(job), l), l}
}

// cast is what a player executes and traces with.
type cast struct {
	engine *Engine
	player adversary.Player
	key    assay.Key
	// sybil is one of many who tell the colluders' lie, each by its own trace.
	sybil bool
}

// misstates reports whether the player tells a false state that a machine could
// state.
func (c cast) misstates() bool { return c.player.Kind == adversary.Misstate && c.key[0]%2 == 0 }

// executor returns the player's.
func (c cast) executor() executor.Executor {
	if c.misstates() {
		return misstater{c.engine, c.key}
	}
	return adversary.Executor(c.player, c.key, c.engine)
}

// tracer returns the player's trace of a job.
func (c cast) tracer(job *assay.Job) challenger.Tracer { return c.tracerOn(job, c.engine.Trace(job)) }

// tracerOn is tracer of a run whose true trace is this one.
func (c cast) tracerOn(job *assay.Job, honest challenger.Tracer) challenger.Tracer {
	if c.misstates() {
		if l, ok := c.engine.misstated(job, c.key); ok {
			return c.engine.tell(l, c.key, job)
		}
		return honest
	}
	f := forger{c.engine.of(job)}
	if !c.sybil {
		return adversary.Tracer(c.player, c.key, job, honest, f)
	}
	final, err := honest.Final(context.Background())
	if err != nil {
		return honest
	}
	o, err := c.executor().Execute(context.Background(), job, artifacts{})
	if err != nil {
		return honest
	}
	l := lie{result: o.Result}
	if l.record, l.root, err = f.Restate(final.Last, o.Result); err != nil {
		return honest
	}
	return c.engine.tell(l, c.key, job)
}

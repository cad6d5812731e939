package node

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/adversary"
	"github.com/capacloud/assay/blob"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/challenger"
	"github.com/capacloud/assay/executor/wasm"
	machine "github.com/capacloud/assay/machine/wasm"
)

// traceBench is a store with the sieve, an engine, and the referee of a job.
func traceBench(t *testing.T) (*blob.Store, *assay.Job, assay.Result) {
	t.Helper()
	store, err := blob.OpenMemory(blob.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	program, err := os.ReadFile(filepath.Join("..", "examples", "c", "sieve", "sieve.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	d, err := store.PutBytes(t.Context(), program)
	if err != nil {
		t.Fatal(err)
	}
	job := &assay.Job{Version: 1, Runtime: assay.RuntimeWasm, Program: d, Args: []string{"sieve", "1000"}, Limits: assay.DefaultLimits(), Start: 1}
	engine, err := wasm.New(t.Context(), wasm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close(t.Context())
	o, err := engine.Execute(t.Context(), job, store)
	if err != nil {
		t.Fatal(err)
	}
	return store, job, o.Result
}

// TestTracer: the trace ends in what the executor computes, and every proof of it
// convinces the board's own referee.
func TestTracer(t *testing.T) {
	store, job, want := traceBench(t)
	tr := NewTracer(job, store)
	dead, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tr.Final(dead); !errors.Is(err, context.Canceled) {
		t.Fatalf("a dead question was answered: %v", err)
	}
	final, err := tr.Final(t.Context())
	if err != nil || final.Result != want {
		t.Fatalf("%v: the machine says %+v, the executor %+v", err, final.Result, want)
	}
	program, err := tr.Program(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	referee, _ := board.RefereeOf(assay.RuntimeWasm)
	start, m, err := referee.Machine(machine.Lower(program).Image.Encode(), job)
	if err != nil {
		t.Fatal(err)
	}
	root, result, err := m.Last(final.Last)
	if err != nil || result != want.Digest() {
		t.Fatalf("the referee reads %s in the last record: %v", result.Short(), err)
	}
	if ends, err := tr.Roots(t.Context(), 0, final.Steps, 2); err != nil || ends[0] != root || ends[1] != root {
		t.Errorf("ends in %v, %v; the record has %s", ends, err, root)
	}
	for _, at := range []uint64{0, 1, final.Steps / 2, final.Steps - 1} {
		before := start
		if at > 0 {
			before = one(tr.Roots(t.Context(), 0, at, 1))(t)
		}
		w, err := tr.Prove(t.Context(), at, 1)
		if err != nil {
			t.Fatal(err)
		}
		segment, err := m.Run(before, 1, w)
		if behind := one(tr.Roots(t.Context(), at, 1, 1))(t); err != nil || segment.End != behind {
			t.Errorf("step %d: the referee ends in %s, the trace in %s, %v", at, segment.End.Short(), behind.Short(), err)
		}
	}
	if _, err := tr.Prove(t.Context(), 0, 1<<40); !errors.Is(err, challenger.ErrTooLarge) {
		t.Errorf("the whole run in one witness: %v", err)
	}
}

// one returns the only root of an answer.
func one(roots []assay.Digest, err error) func(*testing.T) assay.Digest {
	return func(t *testing.T) assay.Digest {
		t.Helper()
		if err != nil || len(roots) != 1 {
			t.Fatalf("%d roots, %v", len(roots), err)
		}
		return roots[0]
	}
}

// TestForgedRecord: the lab's liars state their lies in records that the referee
// takes, so that disputes about them run to the end.
func TestForgedRecord(t *testing.T) {
	store, job, want := traceBench(t)
	tr := NewTracer(job, store)
	program, err := tr.Program(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	referee, _ := board.RefereeOf(assay.RuntimeWasm)
	_, m, err := referee.Machine(machine.Lower(program).Image.Encode(), job)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []adversary.Kind{adversary.Lie, adversary.Collude} {
		liar := adversary.Tracer(adversary.Player{Kind: kind}, assay.Key{3}, job, tr, tr)
		final, err := liar.Final(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		root, result, err := m.Last(final.Last)
		if err != nil || result != final.Result.Digest() || result == want.Digest() {
			t.Errorf("%s: the referee reads %s, %v", kind, result.Short(), err)
		}
		if end := one(liar.Roots(t.Context(), 0, 1<<40, 1))(t); end != root {
			t.Errorf("%s: ends in %s, its record has %s", kind, end.Short(), root.Short())
		}
	}
	other := want
	other.State[0] ^= 1
	if _, _, err := tr.Restate(mustLast(t, tr), other); err == nil {
		t.Error("a record states memory that nobody knows")
	}
}

func mustLast(t *testing.T, tr *Tracer) []byte {
	t.Helper()
	final, err := tr.Final(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return final.Last
}

// endless is a tracer that answers when its context ends.
type endless struct{ challenger.Tracer }

func (endless) Final(ctx context.Context) (challenger.Final, error) {
	<-ctx.Done()
	return challenger.Final{}, ctx.Err()
}

// TestDroppedTrace: a question that nobody waits for any more stops, frees its
// turn, and is not answered.
func TestDroppedTrace(t *testing.T) {
	var tasks sync.WaitGroup
	store, job, _ := traceBench(t)
	tr := newTraces(nil, nil, make(Machines, 1), store, store, &tasks)
	open := tr.open
	tr.open = func(context.Context, *assay.Job) (challenger.Tracer, error) { return endless{}, nil }
	ask := challenger.Ask{ID: assay.JobID{1}, Job: *job, Question: challenger.Question{Kind: challenger.AskFinal}}
	tr.ask(t.Context(), ask, func(challenger.Answer) { t.Error("answered") })
	tr.drop(ask.ID)
	tasks.Wait()

	tr.open = open
	answers := make(chan challenger.Answer, 1)
	tr.ask(t.Context(), ask, func(a challenger.Answer) { answers <- a })
	if a := <-answers; a.Err != nil || a.Final == nil {
		t.Errorf("%+v", a)
	}
	tasks.Wait()
}

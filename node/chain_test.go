package node

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/adversary"
	"github.com/capacloud/assay/blob"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/executor/wasm"
	"github.com/capacloud/assay/machine/step"
	"github.com/capacloud/assay/provider"
)

// chain is a run that poison has reached through two hands: seat 0 posted boundary
// 3 falsely, seat 1 went on from there and posted boundary 6, seat 2 from there.
type chain struct {
	store   *blob.Store
	job     assay.Job
	resumes []board.Resume // of seat 2, then of seat 1
	result  assay.Result   // of seat 2
}

func newChain(t *testing.T) chain {
	t.Helper()
	engine, err := wasm.New(t.Context(), wasm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close(t.Context())
	c := chain{}
	if c.store, err = blob.OpenMemory(blob.Config{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.store.Close() })
	program, err := c.store.PutBytes(t.Context(), epochProgram)
	if err != nil {
		t.Fatal(err)
	}
	c.job = assay.Job{Version: 1, Runtime: assay.RuntimeWasm, Program: program, Limits: assay.DefaultLimits(), Start: 1}
	c.job.Limits.Fuel = 1_000_000_000
	honest := executor.Epochs(wasm.Epochs{Executor: engine})
	poisoner := adversary.Executor(adversary.Player{Kind: adversary.Poison}, assay.Key{}, honest).(executor.Epochs)
	run := func(x executor.Epochs, from *executor.Checkpoint, epoch uint32) (board.Resume, *executor.Checkpoint, *executor.Outcome) {
		var r board.Resume
		var k *executor.Checkpoint
		out, err := x.ExecuteEpochs(t.Context(), &c.job, c.store, from, func(b executor.Boundary) error {
			if b.Epoch != epoch {
				return nil
			}
			file, err := b.File()
			if err != nil {
				return err
			}
			k = &executor.Checkpoint{Root: b.Root, File: file}
			r = board.Resume{Epoch: b.Epoch, Root: b.Root, Size: uint64(len(file))}
			r.File, err = c.store.PutBytes(t.Context(), file)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return r, k, out
	}
	first, from, _ := run(poisoner, nil, 3)
	second, from, _ := run(honest, from, 6)
	_, _, out := run(honest, from, 0)
	first.Seat, first.From, second.Seat, second.From = 1, 0, 2, 1
	c.resumes, c.result = []board.Resume{second, first}, out.Result
	return c
}

func (c *chain) tracer(t *testing.T, resumes []board.Resume) *resumedTracer {
	t.Helper()
	traces := newTraces(nil, nil, nil, c.store, c.store, &sync.WaitGroup{})
	tracer, err := traces.goOn(t.Context(), NewTracer(&c.job, c.store), &c.job, resumes)
	if err != nil {
		t.Fatal(err)
	}
	r, ok := tracer.(*resumedTracer)
	if !ok {
		t.Fatal("the poison was not found")
	}
	return r
}

// TestPoisonThroughTwoHands: who went on from an honest seat that was misled itself
// claims a trace that goes wrong at the first false boundary, and so accuses nobody
// but the poisoner.
func TestPoisonThroughTwoHands(t *testing.T) {
	c := newChain(t)
	tracer := c.tracer(t, c.resumes)
	final, err := tracer.Final(t.Context())
	if err != nil || final.Result != c.result {
		t.Fatalf("the trace ends in %v, the run in %v: %v", final.Result, c.result, err)
	}
	span := step.EpochSpan(&c.job.Limits)
	got, err := tracer.Roots(t.Context(), 0, 3*span, 2)
	if want := []assay.Digest{c.resumes[1].Root, c.resumes[0].Root}; err != nil || !slices.Equal(got, want) {
		t.Errorf("the trace passes %v, the seats posted %v: %v", got, want, err)
	}
	truth, err := NewTracer(&c.job, c.store).Roots(t.Context(), 0, 2*span, 1)
	if got, _ := tracer.Roots(t.Context(), 0, 2*span, 1); err != nil || !slices.Equal(got, truth) {
		t.Errorf("the trace is false before the poison: %v", err)
	}
}

// TestPoisonWithoutBytes: where the first false checkpoint is nowhere to be had, or
// is garbage, the later one is shown, by which the provider itself was misled.
func TestPoisonWithoutBytes(t *testing.T) {
	c := newChain(t)
	garbage, err := c.store.PutBytes(context.Background(), []byte("garbage"))
	if err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(*board.Resume){
		"nowhere": func(r *board.Resume) { r.File = assay.Digest{1} },
		"garbage": func(r *board.Resume) { r.File, r.Size = garbage, 7 },
		"large":   func(r *board.Resume) { r.Size = 1 << 60 },
	} {
		resumes := slices.Clone(c.resumes)
		edit(&resumes[1])
		tracer := c.tracer(t, resumes)
		if tracer.at != 6*step.EpochSpan(&c.job.Limits) {
			t.Errorf("%s: the trace goes wrong at %d", name, tracer.at)
		}
		if final, err := tracer.Final(t.Context()); err != nil || final.Result != c.result {
			t.Errorf("%s: the trace ends in %v: %v", name, final.Result, err)
		}
	}
}

// TestRestoreLargerThanSaid: a checkpoint that is larger than its poster says is
// passed over, and so is one that no run of the job could write.
func TestRestoreLargerThanSaid(t *testing.T) {
	c := newChain(t)
	r := c.resumes[0]
	for size, found := range map[uint64]bool{r.Size: true, r.Size - 1: false, 1 << 60: false} {
		work, err := blob.OpenMemory(blob.Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = work.Close() })
		p := &providerLoop{ProviderConfig: ProviderConfig{Work: work, Source: c.store, Executor: wasm.Epochs{}, Logger: slog.New(slog.DiscardHandler)}}
		e := provider.Restore{Job: c.job, From: []provider.Offered{{Checkpoint: board.Checkpoint{Epoch: 6, Root: r.Root, File: r.File, Size: size}}}}
		if got := p.restore(t.Context(), e); (got.Err == nil) != found {
			t.Errorf("%d of %d bytes: %v", size, r.Size, got.Err)
		}
	}
}

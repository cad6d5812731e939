package node

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/blob"
	"github.com/capacloud/assay/challenger"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/executor/wasm"
	"github.com/capacloud/assay/machine/step"
)

// located is a store with a job of an epoch program, and an engine that shows it.
func located(t testing.TB, program []byte, args ...string) (*blob.Store, *assay.Job, executor.Epochs) {
	t.Helper()
	store, err := blob.OpenMemory(blob.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	d, err := store.PutBytes(t.Context(), program)
	if err != nil {
		t.Fatal(err)
	}
	engine, err := wasm.New(t.Context(), wasm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close(context.Background()) })
	job := &assay.Job{Version: 1, Runtime: assay.RuntimeWasm, Program: d, Args: args, Limits: assay.DefaultLimits(), Start: 1}
	job.Limits.Fuel = 1_000_000_000
	return store, job, wasm.Epochs{Executor: engine}
}

// sameTrace puts the questions of disputes to two tracers, from whole runs down to
// single steps.
func sameTrace(t *testing.T, job *assay.Job, got, want challenger.Tracer) {
	t.Helper()
	ask := func(q challenger.Question) {
		a, b := challenger.AnswerOf(t.Context(), got, assay.JobID{}, q), challenger.AnswerOf(t.Context(), want, assay.JobID{}, q)
		if !slices.Equal(a.Roots, b.Roots) || !bytes.Equal(a.Witness, b.Witness) || (a.Err == nil) != (b.Err == nil) || errors.Is(a.Err, challenger.ErrTooLarge) != errors.Is(b.Err, challenger.ErrTooLarge) {
			t.Fatalf("%+v: %v and %d bytes of witness, %v; the machine says %v and %d bytes, %v", q, a.Roots, len(a.Witness), a.Err, b.Roots, len(b.Witness), b.Err)
		}
	}
	f, err := got.Final(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	g, err := want.Final(t.Context())
	if err != nil || f.Span != g.Span || f.Result != g.Result || !bytes.Equal(f.Last, g.Last) || f.Steps < g.Steps || f.Steps > step.Bound(&job.Limits) {
		t.Fatalf("ends in %+v, the machine in %+v, %v", f, g, err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	span := step.EpochSpan(&job.Limits)
	for range 12 {
		start := uint64(0)
		for stride := f.Span / 32; stride > 0; stride /= 32 {
			ask(challenger.Question{Kind: challenger.AskRoots, Start: start, Stride: stride, N: 31 + random.IntN(2)})
			into := random.Uint64N(32)
			switch { // most of all positions are idle or behind the end
			case stride >= 32*span:
				into = 0
			case stride == span:
				into = random.Uint64N(12)
			case start%span == 0 && random.IntN(2) == 0, stride > 1<<20:
				into = 0
			}
			start += into * stride
		}
		for _, at := range []uint64{start, start / span * span, start/span*span + span - 1} {
			for _, n := range []uint64{1, 32, 1 << 40} {
				ask(challenger.Question{Kind: challenger.AskProof, Start: at, Stride: n})
			}
		}
	}
}

// TestLocator: whatever is asked, who runs one epoch answers as who runs them all.
func TestLocator(t *testing.T) {
	c, err := os.ReadFile(filepath.Join("..", "executor", "wasm", "testdata", "guests", "c", "epochs.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	sieve, err := os.ReadFile(filepath.Join("..", "examples", "c", "sieve", "sieve.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		program []byte
		args    []string
		few     bool
	}{
		"counter":   {program: epochProgram},
		"c":         {program: c, args: []string{"epochs"}},
		"a command": {program: sieve, args: []string{"sieve", "1000"}, few: true},
	} {
		t.Run(name, func(t *testing.T) {
			store, job, native := located(t, tt.program, tt.args...)
			l := NewLocator(job, store, native)
			sameTrace(t, job, l, NewTracer(job, store))
			if l.whole != tt.few {
				t.Errorf("of %d boundaries the whole run was executed: %t", len(l.roots), l.whole)
			}
		})
	}
}

// differs is an engine with a bug.
type differs struct {
	executor.Epochs
	at     uint32 // boundary at which it has another root
	result bool   // it comes to another result
	err    error
}

func (d *differs) ExecuteEpochs(ctx context.Context, job *assay.Job, a executor.Artifacts, from *executor.Checkpoint, each func(executor.Boundary) error) (*executor.Outcome, error) {
	if d.err != nil {
		return nil, d.err
	}
	out, err := d.Epochs.ExecuteEpochs(ctx, job, a, from, func(b executor.Boundary) error {
		if b.Epoch == d.at {
			b.Root[0]++
		}
		return each(b)
	})
	if err == nil && d.result {
		out.Result.Output[0]++
	}
	return out, err
}

// TestLocatorTrustsTheMachine: where the engines differ the machine is right, from
// when on it is seen.
func TestLocatorTrustsTheMachine(t *testing.T) {
	for name, bug := range map[string]differs{
		"result": {result: true}, "error": {err: errors.New("out of memory")}, "last boundary": {at: 11}, "boundary": {at: 4},
	} {
		t.Run(name, func(t *testing.T) {
			store, job, native := located(t, epochProgram)
			bug.Epochs = native
			l := NewLocator(job, store, &bug)
			if bug.at == 4 { // it takes a look inside the epoch
				if _, err := l.Roots(t.Context(), 3*step.EpochSpan(&job.Limits), 1, 31); err != nil {
					t.Fatal(err)
				}
			}
			sameTrace(t, job, l, NewTracer(job, store))
			if !l.whole {
				t.Error("the difference was not seen")
			}
		})
	}
}

// TestLocatorStops: a question that nobody waits for ends, and the next is answered.
func TestLocatorStops(t *testing.T) {
	store, job, native := located(t, epochProgram)
	l := NewLocator(job, store, native)
	dead, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Final(dead); !errors.Is(err, context.Canceled) {
		t.Fatalf("a dead question was answered: %v", err)
	}
	if _, err := l.Final(t.Context()); err != nil || l.whole {
		t.Errorf("%v, the whole run was executed: %t", err, l.whole)
	}
}

// BenchmarkLocate takes the processor time of all that a party computes in a
// dispute about one step of the default heat: on the machine alone, and located.
func BenchmarkLocate(b *testing.B) {
	path := filepath.Join(b.TempDir(), "heat.wasm")
	build := exec.CommandContext(b.Context(), "go", "build", "-buildmode=c-shared", "-o", path, "../examples/heat")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	store, job, native := located(b, program, "heat")
	job.Limits = assay.DefaultLimits()
	if _, err := native.Execute(b.Context(), job, store); err != nil { // compiles
		b.Fatal(err)
	}
	span := step.EpochSpan(&job.Limits)
	for _, bb := range []struct {
		name string
		open func() challenger.Tracer
	}{
		{"machine", func() challenger.Tracer { return NewTracer(job, store) }},
		{"located", func() challenger.Tracer { return NewLocator(job, store, native) }},
	} {
		b.Run(bb.name, func(b *testing.B) {
			before := processorTime(b)
			for b.Loop() {
				t := bb.open()
				f, err := t.Final(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				at := uint64(0)
				for stride := f.Span / 32; stride > 0; stride /= 32 {
					if _, err := t.Roots(b.Context(), at, stride, 31); err != nil {
						b.Fatal(err)
					}
					if stride == span {
						at = 7 * span
					}
				}
				if _, err := t.Prove(b.Context(), at, 1); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(processorTime(b)-before)/float64(b.N)/1e6, "cpu-ms/op")
		})
	}
}

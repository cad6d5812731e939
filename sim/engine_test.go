package sim

import (
	"context"
	"errors"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/challenger"
)

// jobOf is a job as the simulator submits it.
func jobOf(p *program, seed uint64) assay.Job {
	return assay.Job{
		Version: 1, Runtime: assay.RuntimeWasm, Program: p.digest, Args: []string{"job", "r0"}, Seed: seed,
		Limits: assay.Limits{Fuel: p.fuel(), Memory: 3 * assay.WasmPage, Frames: 64, Slots: 1024, Output: 1 << 16, Files: 4},
	}
}

// TestGuests holds the programs to what they are for: every way to end occurs,
// providers and the machine agree about each, and the referee finds what the
// trace says, of one step and of a hundred.
func TestGuests(t *testing.T) {
	ctx := context.Background()
	ends := map[string]int{}
	for i := range programs {
		p := &programs[i]
		for seed := range uint64(4) {
			job := jobOf(p, seed)
			o, err := engine().Execute(ctx, &job, artifacts{})
			if err != nil {
				t.Fatal(err)
			}
			trace := engine().Trace(&job)
			final, err := trace.Final(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if final.Result != o.Result {
				t.Errorf("%s %d: executed %+v, the machine says %+v", p.name, seed, o.Result, final.Result)
			}
			ends[o.Result.Status.String()+" "+string(o.Result.Trap)]++
			referee(t, p, &job, trace, final)
			t.Logf("%s %d: %d steps, %d bytes of output, %s", p.name, seed, final.Steps, o.Output.Size(), o.Result.Status)
		}
	}
	if len(ends) < 4 {
		t.Errorf("ends: %v", ends)
	}
}

func referee(t *testing.T, p *program, job *assay.Job, trace challenger.Tracer, final challenger.Final) {
	ctx := context.Background()
	r, ok := board.RefereeOf(assay.RuntimeWasm)
	if !ok {
		t.Fatal("no referee")
	}
	l := r.Lower(p.bytes)
	for !l.Step(100) {
	}
	at, m, err := r.Machine(l.Image(), job)
	if err != nil {
		t.Fatal(err)
	}
	if root, result, err := m.Last(final.Last); err != nil || result != final.Result.Digest() {
		t.Errorf("%s: the last record (%s) states %s, %v", p.name, root.Short(), result.Short(), err)
	}
	if final.Steps > r.Steps(job, job.Limits.Fuel) {
		t.Errorf("%s: %d steps, the bound is %d", p.name, final.Steps, r.Steps(job, job.Limits.Fuel))
	}
	for start := uint64(0); start < final.Steps+200; start += max(50, final.Steps/40) {
		if start > 0 {
			roots, err := trace.Roots(ctx, 0, start, 1)
			if err != nil {
				t.Fatal(err)
			}
			at = roots[0]
		}
		for _, n := range []uint64{1, 100} {
			w, err := trace.Prove(ctx, start, n)
			if n > 1 && errors.Is(err, challenger.ErrTooLarge) {
				continue
			}
			if err != nil {
				t.Fatalf("%s: %d steps from %d: %v", p.name, n, start, err)
			}
			ends, err := trace.Roots(ctx, start, n, 1)
			if err != nil {
				t.Fatal(err)
			}
			s, err := m.Run(at, n, w)
			if err != nil || s.End != ends[0] {
				t.Fatalf("%s: %d steps from %d: the referee says %s, %v; the trace %s", p.name, n, start, s.End.Short(), err, ends[0].Short())
			}
		}
	}
}

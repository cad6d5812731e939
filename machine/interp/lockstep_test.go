package interp

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/machine/step"
	"github.com/capacloud/assay/machine/wasi"
	"github.com/capacloud/assay/machine/wasm"
)

// definition runs a job by package step alone, over a space that keeps nothing.
type definition struct {
	p     *wasm.Program
	job   *assay.Job
	rec   step.Record
	space *machine.Regions
	input wasi.Input
}

func define(p *wasm.Program, job *assay.Job, in wasi.Input) *definition {
	return &definition{p, job, step.Start(&p.Image, job), step.Load(p, job), in}
}

func (d *definition) step(t *testing.T) {
	t.Helper()
	if err := step.Step(&d.rec, &d.p.Image, d.job, d.space, d.input); err != nil {
		t.Fatal(err)
	}
}

func (d *definition) commit() step.Record {
	if d.rec.Status != assay.InvalidModule {
		d.rec.Commit(d.space)
	}
	return d.rec
}

// TestLockstep compares the record, byte for byte and root for root, after
// every step.
func TestLockstep(t *testing.T) {
	seeds := uint64(400)
	if testing.Short() {
		seeds = 20
	}
	var seen [wasm.NumOps]bool
	for seed := range seeds {
		program := generate(entropy(2000 + seed))
		job, s := jobOf(program)
		job.Limits.Fuel = 400_000
		lockstep(t, program, job, s, &seen, 3000)
	}
	for op, ok := range seen {
		if wasm.Op(op) == wasm.OpEpoch {
			continue // the generator makes commands only
		}
		if !ok && !testing.Short() {
			t.Errorf("no program took %s", wasm.Op(op))
		}
	}
}

func lockstep(t *testing.T, program []byte, job *assay.Job, s *shelf, seen *[wasm.NumOps]bool, most uint64) {
	t.Helper()
	p := wasm.Lower(program)
	d := define(p, job, wasi.NewReaderInput(s))
	m := New(p, job, wasi.NewReaderInput(s))
	if a, b := d.commit(), m.Record(); a != b {
		t.Fatalf("state 0 differs: %s", cmp.Diff(a, b))
	}
	for i := uint64(0); i < most && !m.Halted(); i++ {
		pc := m.pc
		if m.rec.Phase == step.Running {
			seen[m.code[pc].Op] = true
		}
		d.step(t)
		if err := m.Run(i + 1); err != nil {
			t.Fatal(err)
		}
		if m.Steps() != i+1 {
			t.Fatalf("%d steps, want %d", m.Steps(), i+1)
		}
		if a, b := d.commit(), m.Record(); a != b {
			t.Fatalf("step %d, %v at pc %d: want, got: %s", i, m.code[pc], pc, cmp.Diff(a, b))
		}
	}
	if d.rec.Halted() != m.Halted() {
		t.Fatal("one of them has halted")
	}
}

// TestStops: however a run is divided, it passes the same states, and counts
// the same steps; snapshots lead back exactly.
func TestStops(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for seed := range uint64(20) {
		program := generate(entropy(3000 + seed))
		job, s := jobOf(program)
		p := wasm.Lower(program)
		whole := New(p, job, wasi.NewReaderInput(s))
		if err := whole.Run(math.MaxUint64); err != nil {
			t.Fatal(err)
		}
		end := whole.Steps()
		m := New(p, job, wasi.NewReaderInput(s))
		type kept struct {
			shot *Snapshot
			rec  step.Record
		}
		shots := []kept{{m.Snapshot(), m.Record()}}
		for range 60 {
			if r.IntN(3) == 0 {
				k := shots[r.IntN(len(shots))]
				m.Restore(k.shot)
				if got := m.Record(); got != k.rec {
					t.Fatalf("seed %d: back at step %d: %s", seed, k.shot.Steps(), cmp.Diff(k.rec, got))
				}
			}
			if err := m.Run(m.Steps() + r.Uint64N(end/8+2)); err != nil {
				t.Fatal(err)
			}
			if r.IntN(2) == 0 {
				m.Root()
			}
			if r.IntN(2) == 0 {
				shot := m.Snapshot()
				shots = append(shots, kept{shot, m.Record()})
			}
		}
		if err := m.Run(math.MaxUint64); err != nil {
			t.Fatal(err)
		}
		if m.Steps() != end || m.Root() != whole.Root() {
			t.Errorf("seed %d: in pieces %d steps, %s; at once %d, %s", seed, m.Steps(), m.Root(), end, whole.Root())
		}
		// The states on the way are those of the definition.
		for _, k := range shots[:min(len(shots), 4)] {
			if k.shot.Steps() > 20_000 {
				continue
			}
			d := define(p, job, wasi.NewReaderInput(s))
			for range k.shot.Steps() {
				d.step(t)
			}
			if got := d.commit(); got != k.rec {
				t.Errorf("seed %d, step %d: %s", seed, k.shot.Steps(), cmp.Diff(got, k.rec))
			}
		}
	}
}

// TestTrace: roots, witnesses and positions agree with a plain run and with the
// referee.
func TestTrace(t *testing.T) {
	for seed := range uint64(12) {
		program := generate(entropy(4000 + seed))
		job, s := jobOf(program)
		p := wasm.Lower(program)
		tr := NewTrace(p, job, wasi.NewReaderInput(s))
		final, steps, err := tr.Final()
		if err != nil || !final.Halted() {
			t.Fatalf("final: %v", err)
		}
		m := New(p, job, wasi.NewReaderInput(s))
		stride := steps/7 + 1
		roots, err := tr.Roots(0, stride, 10)
		if err != nil {
			t.Fatal(err)
		}
		for i, root := range roots {
			if err := m.Run(uint64(i+1) * stride); err != nil {
				t.Fatal(err)
			}
			if m.Root() != root {
				t.Fatalf("seed %d: root at %d differs", seed, uint64(i+1)*stride)
			}
		}
		if roots[9] != final.Root() {
			t.Error("beyond the end it is not the halted root")
		}
		start := steps / 2
		rec, at, err := tr.At(start)
		if err != nil {
			t.Fatal(err)
		}
		n := uint64(256)
		w, err := tr.Prove(start, n)
		for err != nil && n > 1 {
			n /= 2
			w, err = tr.Prove(start, n)
		}
		if err != nil {
			t.Fatal(err)
		}
		seg, err := step.Referee(&p.Image, job, rec.Root(), n, w)
		if err != nil {
			t.Fatal(err)
		}
		want, err := tr.Roots(start, n, 1)
		if err != nil {
			t.Fatal(err)
		}
		if seg.End != want[0] {
			t.Errorf("seed %d: the referee of %d steps from %d (%s) ends elsewhere", seed, n, start, at)
		}
	}
}

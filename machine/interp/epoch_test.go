package interp

import (
	"math"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	native "github.com/capacloud/assay/executor/wasm"
	"github.com/capacloud/assay/machine/checkpoint"
	"github.com/capacloud/assay/machine/step"
	"github.com/capacloud/assay/machine/wasi"
	"github.com/capacloud/assay/machine/wasm"
)

// epochModule makes a module that a generator made an epoch program: its entry
// is called in each of three epochs.
func epochModule(t testing.TB, seed uint64) []byte {
	t.Helper()
	m, err := wasm.Decode(generate(entropy(seed)), wasm.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	entry := uint32(0)
	for i := range m.Exports {
		if m.Exports[i].Name == wasm.EntryExport {
			entry = m.Exports[i].Index
		}
	}
	imports := uint32(len(m.Imports))
	count := uint32(len(m.Globals))
	m.Globals = append(m.Globals, wasm.Global{GlobalType: wasm.GlobalType{Type: wasm.I32, Mutable: true}, Init: wasm.ConstExpr{Op: 0x41, Type: wasm.I32, Bits: 3}})
	m.Types = append(m.Types, wasm.FuncType{Results: []wasm.ValType{wasm.I32}})
	m.Funcs = append(m.Funcs, uint32(len(m.Types)-1))
	body := []byte{gCall}
	body = append(body, uleb(entry)...)
	body = append(append(body, gGlobalGet), uleb(count)...)
	body = append(body, 0x41, 1, 0x6b, 0x24)
	body = append(body, uleb(count)...)
	body = append(append(body, gGlobalGet), uleb(count)...)
	m.Codes = append(m.Codes, wasm.Body{Expr: append(body, gEnd)})
	m.Exports = []wasm.Export{{Name: wasm.StepExport, Kind: wasm.KindFunc, Index: imports + uint32(len(m.Funcs)) - 1}}
	return wasm.Encode(m)
}

func uleb(v uint32) []byte {
	var b []byte
	for ; v >= 0x80; v >>= 7 {
		b = append(b, byte(v)|0x80)
	}
	return append(b, byte(v))
}

// TestEpochLockstep compares the loop with the definition, step by step, across
// boundaries. The definition is carried over the idle time, of which the first
// and the last steps are taken one by one.
func TestEpochLockstep(t *testing.T) {
	boundaries := 0
	for seed := range uint64(60) {
		program := epochModule(t, 9000+seed)
		job, s := jobOf(program)
		job.Limits.Fuel, job.Limits.Memory = 3_000_000, 8*wasm.PageBytes
		p := wasm.Lower(program)
		if p.Image.Invalid != "" {
			continue // it drops segments
		}
		span := step.EpochSpan(&job.Limits)
		d := define(p, job, wasi.NewReaderInput(s))
		m := New(p, job, wasi.NewReaderInput(s))
		at, idle := uint64(0), 0
		for range 4000 {
			if m.Halted() {
				break
			}
			if m.rec.Phase == step.Running && m.rec.Progress == 1 && m.code[m.pc].Op == wasm.OpEpoch {
				if idle++; idle == 5 && d.rec.Tick < span-5 {
					at += span - 5 - d.rec.Tick
					d.rec.Tick = span - 5
				}
			} else {
				idle = 0
			}
			atBoundary := m.rec.Phase == step.Running && m.code[m.pc].Op == wasm.OpEpoch
			var w []byte
			var before step.Record
			if atBoundary && idle < 2 {
				before = m.Record()
				var err error
				if w, err = step.Prove(&p.Image, job, &before, m.sources(), wasi.NewReaderInput(s), 1); err != nil {
					t.Fatal(err)
				}
			}
			d.step(t)
			at++
			if err := m.Run(at); err != nil {
				t.Fatal(err)
			}
			if a, b := d.commit(), m.Record(); a != b || m.Steps() != at {
				t.Fatalf("seed %d, step %d, pc %d: want, got: %s", seed, at, m.pc, cmp.Diff(a, b))
			}
			if w != nil {
				seg, err := step.Referee(&p.Image, job, before.Root(), 1, w)
				if err != nil || seg.End != m.Root() || len(w) > 8<<10 {
					t.Fatalf("seed %d, step %d: a witness of %d bytes: %v", seed, at, len(w), err)
				}
			}
			if n, ok := d.rec.Boundary(); ok && d.rec.Phase == step.Running {
				boundaries++
				if at != uint64(n)*span {
					t.Fatalf("boundary %d at %d", n, at)
				}
			}
		}
	}
	if boundaries < 20 {
		t.Errorf("only %d boundaries were passed", boundaries)
	}
}

// TestEpochStops: snapshots taken in epochs and in idle time lead back exactly.
func TestEpochStops(t *testing.T) {
	program, err := os.ReadFile("../../executor/wasm/testdata/guests/c/epochs.wasm")
	if err != nil {
		t.Fatal(err)
	}
	job, s := jobOf(program)
	job.Limits = assay.DefaultLimits()
	p := wasm.Lower(program)
	span := step.EpochSpan(&job.Limits)
	m := New(p, job, wasi.NewReaderInput(s))
	type kept struct {
		shot *Snapshot
		rec  step.Record
	}
	var shots []kept
	for e := range uint64(8) {
		for _, at := range []uint64{1, 1000, 100_000, span / 2, span - 1} {
			if err := m.Run(e*span + at); err != nil {
				t.Fatal(err)
			}
			shot := m.Snapshot()
			shots = append(shots, kept{shot, m.Record()})
		}
	}
	if !m.Halted() {
		t.Fatal("not halted after eight epochs")
	}
	for _, i := range []int{12, 3, 30, 4, 31, 0, 39} {
		m.Restore(shots[i].shot)
		if got := m.Record(); got != shots[i].rec {
			t.Fatalf("back at %d: %s", shots[i].shot.Steps(), cmp.Diff(shots[i].rec, got))
		}
		if i+1 < len(shots) {
			if err := m.Run(shots[i+1].shot.Steps()); err != nil {
				t.Fatal(err)
			}
			if got := m.Record(); got != shots[i+1].rec {
				t.Fatalf("from %d to %d: %s", shots[i].shot.Steps(), m.Steps(), cmp.Diff(shots[i+1].rec, got))
			}
		}
	}
	if err := m.Run(math.MaxUint64); err != nil {
		t.Fatal(err)
	}
}

// TestEpochsNative: on generated programs the compiler shows the machine's root
// at every boundary, and goes on from every checkpoint as if nothing had been.
func TestEpochsNative(t *testing.T) {
	seeds := uint64(120)
	if testing.Short() {
		seeds = 15
	}
	x := newNative(t)
	boundaries, valid := 0, 0
	for seed := range seeds {
		program := epochModule(t, 20_000+seed)
		job, s := jobOf(program)
		job.Limits.Fuel, job.Limits.Memory = 3_000_000, 8*wasm.PageBytes
		p := wasm.Lower(program)
		if p.Image.Invalid != "" {
			continue // it drops segments
		}
		valid++
		m := New(p, job, wasi.NewReaderInput(s))
		span := step.EpochSpan(&job.Limits)
		var files [][]byte
		var roots []canon.Digest
		want, err := x.ExecuteEpochs(t.Context(), job, artifacts{s}, func(b *native.Boundary) error {
			boundaries++
			if err := m.Run(uint64(b.Epoch) * span); err != nil {
				return err
			}
			if got := m.Record(); got != b.Record {
				t.Fatalf("seed %d, boundary %d: machine, native: %s", seed, b.Epoch, cmp.Diff(got, b.Record))
			}
			file, err := b.Checkpoint()
			files, roots = append(files, file), append(roots, b.Root)
			return err
		})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if err := m.Run(math.MaxUint64); err != nil {
			t.Fatal(err)
		}
		if got, _ := m.Result(); got != want.Result {
			t.Fatalf("seed %d: machine %+v, native %+v", seed, got, want.Result)
		}
		for i := range files {
			c, err := checkpoint.Open(files[i], roots[i], &job.Limits)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			next := i + 1
			got, err := x.Resume(t.Context(), job, artifacts{s}, c, func(b *native.Boundary) error {
				if b.Root != roots[next] {
					t.Fatalf("seed %d: resumed at %d, boundary %d differs", seed, i+1, b.Epoch)
				}
				next++
				return nil
			})
			if err != nil || got.Result != want.Result || next != len(files) {
				t.Fatalf("seed %d: resumed at %d: %v", seed, i+1, err)
			}
			back, err := Resume(p, job, wasi.NewReaderInput(s), c)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if err := back.Run(math.MaxUint64); err != nil || back.Root() != m.Root() {
				t.Fatalf("seed %d: the machine resumed at %d ends elsewhere: %v", seed, i+1, err)
			}
		}
	}
	t.Logf("%d programs, %d boundaries", valid, boundaries)
	if boundaries < int(seeds) {
		t.Errorf("only %d boundaries in %d programs", boundaries, valid)
	}
}

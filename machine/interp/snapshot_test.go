package interp

import (
	"math"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/machine/step"
	"github.com/capacloud/assay/machine/wasi"
	"github.com/capacloud/assay/machine/wasm"
)

// TestSnapshotOfWideFrames: in a recursion of the longest frames that there are,
// whose ends fall on every part of a chunk, a snapshot reaches behind no array,
// and leads back.
func TestSnapshotOfWideFrames(t *testing.T) {
	l := wasm.DefaultLimits()
	if longest := int(l.Locals+l.Operands) + 1; longest+slotChunk > len(frame{}) {
		t.Fatalf("a frame of %d slots ends less than a chunk before what execute names", longest)
	}
	s := newSpender()
	s.function(0, wideLocals, func() {
		s.far()
		s.idx(gCall, 0)
		s.repeat(9_400, gDrop)
	})
	program := wasm.Encode(&s.m)
	job, files := jobOf(program)
	job.Limits = assay.Limits{Fuel: 10_000_000, Memory: wasm.PageBytes, Frames: 1000, Slots: wasm.DefaultSlots, Output: 100, Files: 1}
	p := wasm.Lower(program)
	if p.Image.Invalid != "" {
		t.Fatal(p.Image.Invalid)
	}
	plain, m := New(p, job, wasi.NewReaderInput(files)), New(p, job, wasi.NewReaderInput(files))
	var shots []*Snapshot
	for m.rec.Phase == step.Running {
		if err := m.Run(m.steps + 4_751); err != nil { // half a body: in it and at its end
			t.Fatal(err)
		}
		shots = append(shots, m.Snapshot())
	}
	if frames := len(shots) / 2; frames < 60 {
		t.Fatalf("only %d frames", frames)
	}
	for _, shot := range append(shots, shots[0], shots[len(shots)-1]) {
		if shot.steps >= plain.steps {
			if err := plain.Run(shot.steps); err != nil {
				t.Fatal(err)
			}
		}
		m.Restore(shot)
		if shot.steps == plain.steps && m.Root() != plain.Root() {
			t.Fatalf("another state at step %d", shot.steps)
		}
	}
	for _, x := range []*Machine{plain, m} {
		if err := x.Run(math.MaxUint64); err != nil {
			t.Fatal(err)
		}
	}
	if m.Root() != plain.Root() || m.rec.Trap != wasm.TrapStackExhausted {
		t.Errorf("ends %v and %v", m.rec.Trap, plain.rec.Trap)
	}
}

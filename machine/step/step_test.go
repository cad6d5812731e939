package step_test

import (
	"context"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/executor/wasm"
	"github.com/capacloud/assay/machine/step"
	machinewasm "github.com/capacloud/assay/machine/wasm"
	"github.com/capacloud/assay/merkle"
)

// artifacts gives the executor what a shelf has.
type artifacts struct{ *shelf }

func (a artifacts) ReadFile(_ context.Context, d canon.Digest) ([]byte, error) {
	return a.shelf.ReadFile(d)
}

func (a artifacts) ReadFolder(_ context.Context, d canon.Digest) ([]merkle.Entry, error) {
	return a.shelf.ReadFolder(d)
}

// TestRandomPrograms compares the definition with the native engine: results
// are equal to the bit, with fuel, output and state root. Together the programs
// reach every operation.
func TestRandomPrograms(t *testing.T) {
	seeds := 250
	if testing.Short() {
		seeds = 30
	}
	sh := newShelf()
	x, err := wasm.New(context.Background(), wasm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close(context.Background())
	var seen [machinewasm.NumOps]int
	ends := map[string]int{}
	for seed := range uint64(seeds) {
		module := randomProgram(seed)
		sh.file(module)
		m := newRun(t, sh, module, func(j *assay.Job) {
			j.Limits.Fuel = 131_072 + 30 + 200_000*(seed%3+1)
			j.Limits.Slots = []uint32{4000, 200_000}[min(seed%5, 1)]
		})
		if m.program.Image.Invalid != "" {
			t.Fatalf("seed %d: invalid module: %s", seed, m.program.Image.Invalid)
		}
		for !m.r.Halted() {
			if m.r.Phase == step.Running {
				seen[m.program.Code[m.r.PC].Op]++
			}
			m.step(t)
		}
		got := m.end(t, 0)
		out, err := x.Execute(context.Background(), m.job, artifacts{sh})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if got != out.Result {
			t.Errorf("seed %d: after %d steps\n%+v, the engine says\n%+v", seed, m.steps, got, out.Result)
		}
		ends[string(got.Trap)+got.Status.String()]++
	}
	t.Log(ends)
	if testing.Short() {
		return // too few programs to reach everything
	}
	for op, n := range seen {
		if n == 0 && machinewasm.Op(op) != machinewasm.OpEpoch { // see TestEpochLockstep of interp
			t.Errorf("no program reaches %s", machinewasm.Op(op))
		}
	}
}

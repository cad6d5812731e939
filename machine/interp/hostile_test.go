package interp

import (
	"math"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/machine/wasi"
	"github.com/capacloud/assay/machine/wasm"
)

// TestManySlots: functions with as many locals and operands as there may be.
func TestManySlots(t *testing.T) {
	hostile(t, 6, func(g *generator) { g.wide = true })
}

// TestFat: blocks that cost more than a branch can charge.
func TestFat(t *testing.T) {
	hostile(t, 12, func(g *generator) { g.fat = 6 })
}

func hostile(t *testing.T, seeds uint64, set func(*generator)) {
	x := newNative(t)
	var seen [wasm.NumOps]bool
	for seed := range seeds {
		g := &generator{data: entropy(7000 + seed)}
		set(g)
		program := g.module()
		job, s := jobOf(program)
		job.Limits.Fuel, job.Limits.Slots, job.Limits.Frames = 20_000_000, 5<<20, 60
		p := wasm.Lower(program)
		if p.Image.Invalid != "" {
			t.Fatal(p.Image.Invalid)
		}
		r := compareJob(t, x, p, job, s)
		n := newNaive(program, p, job, s)
		end, exited := n.run()
		if exited != (r.Status == assay.Exited) || string(r.Trap) != end.trap.String() || r.Fuel != wasm.FuelUsed(job.Limits.Fuel, n.fuel, end.trap) {
			t.Fatalf("seed %d: %+v, naive %v", seed, r, end)
		}
		m := New(p, job, wasi.NewReaderInput(s))
		if err := m.Run(math.MaxUint64); err != nil {
			t.Fatal(err)
		}
		if what := n.differs(m); what != "" {
			t.Fatalf("seed %d: %s differ", seed, what)
		}
		for _, fuel := range []uint64{r.Fuel - 1, r.Fuel / 2} {
			job.Limits.Fuel = fuel
			compareJob(t, x, p, job, s)
		}
		job.Limits.Fuel = 20_000_000
		lockstep(t, program, job, s, &seen, 300)
	}
}

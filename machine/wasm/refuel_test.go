package wasm

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// tank is a host's side of the fuel: what it keeps back, and how much it gives
// at a time.
type tank struct {
	reserve int64
	slice   func() int64
	refills int
}

type tankKey struct{}

// fill takes the fuel of an instance and gives it back in slices.
func fill(ctx context.Context, mod api.Module, slice func() int64) (context.Context, *tank) {
	k := &tank{slice: slice}
	k.split(mod)
	return context.WithValue(ctx, tankKey{}, k), k
}

func (k *tank) split(mod api.Module) {
	if fuel, ok := mod.ExportedGlobal(FuelExport).(api.MutableGlobal); ok {
		now, reserve := SplitFuel(k.left(mod), k.slice())
		fuel.Set(uint64(now))
		k.reserve = reserve
	}
}

// left is the whole fuel left.
func (k *tank) left(mod api.Module) int64 { return int64(globalOf(mod, FuelExport)) + k.reserve }

// linkRefuel offers RefuelImport. A run without a tank has no reserve.
func linkRefuel(t testing.TB, rt wazero.Runtime) {
	link(t, rt, func(ctx context.Context, mod api.Module) {
		if k, ok := ctx.Value(tankKey{}).(*tank); ok {
			k.refills++
			k.split(mod)
		}
	})
}

// linkEndless offers a RefuelImport that never ends and gives little at a time.
func linkEndless(t testing.TB, rt wazero.Runtime) {
	slice := smallSlices()
	link(t, rt, func(_ context.Context, mod api.Module) {
		mod.ExportedGlobal(FuelExport).(api.MutableGlobal).Set(uint64(slice()))
	})
}

func link(t testing.TB, rt wazero.Runtime, refuel func(context.Context, api.Module)) {
	t.Helper()
	if _, err := rt.NewHostModuleBuilder(RefuelModule).NewFunctionBuilder().WithFunc(refuel).Export(RefuelImport).Instantiate(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// defaultSlice is what hosts should give; smallSlices are what nobody should,
// so that every comparison meets an empty slice sooner or later.
func defaultSlice() int64 { return FuelSlice }

func smallSlices() func() int64 {
	r := rand.New(rand.NewPCG(1, 2))
	return func() int64 { return r.Int64N(20) }
}

// TestSlicesShowNowhere: how fuel is divided changes no end, no result and no
// fuel, whatever the limit.
func TestSlicesShowNowhere(t *testing.T) {
	for _, k := range kernels {
		program := kernel(t, k.name)
		total := execute(t, program, Options{MemoryPages: 4096, Fuel: MaxFuel}, "run", k.small)
		for _, limit := range []uint64{total.fuel + 1, total.fuel, total.fuel - 1, total.fuel / 3} {
			o := Options{MemoryPages: 4096, Fuel: limit}
			want := execute(t, program, o, "run", k.small)
			got := executeSliced(t, program, o, func() int64 { return int64(total.fuel / 100) }, "run", k.small)
			same(t, k.name, limit, want, got)
			if got.refills < 30 {
				t.Errorf("%s: %d refills", k.name, got.refills)
			}
		}
	}
}

// same compares two ends of one program.
func same(t *testing.T, name string, limit uint64, want, got outcome) {
	t.Helper()
	if got.fuel != want.fuel || got.trap != want.trap || (got.engine == "") != (want.engine == "") || want.trap != TrapOutOfFuel && got.left != want.left {
		t.Errorf("%s, limit %d: fuel %d left %d trap %d %s; in one slice %d, %d, %d %s",
			name, limit, got.fuel, got.left, got.trap, got.engine, want.fuel, want.left, want.trap, want.engine)
	}
	for i := range want.results {
		if got.results[i] != want.results[i] {
			t.Errorf("%s, limit %d: result %d differs", name, limit, i)
		}
	}
	if string(contentsOf(got.mod)) != string(contentsOf(want.mod)) {
		t.Errorf("%s, limit %d: memories differ", name, limit)
	}
}

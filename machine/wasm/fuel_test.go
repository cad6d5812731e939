package wasm

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero/api"
)

// counted is a loop that runs n times: cost of the entry block 1 + 2, of each
// turn 9 (the last operator is br_if), of what follows the loop nothing, since
// the loop is left only at its end and so belongs to the entry block.
func counted(n int32) []byte {
	return code(
		i32c(n), opLocalSet, 0, // entry block
		opLoop, emptyBlock,
		opLocalGet, 0, i32c(1), 0x6b, opLocalTee, 0, opBrIf, 0, // 5 operators
		opEnd,
	)
}

// TestFuel fixes the price of small programs and what happens one unit below,
// at and above it. ends says that no check stands behind the last charge: the
// program has ended although its fuel is below zero.
func TestFuel(t *testing.T) {
	none := newModule
	tests := []struct {
		name string
		b    *builder
		cost uint64
		ends bool
	}{
		{"empty body costs nothing", none().fn("f", ":", ""), 0, true},
		{"end costs nothing", none().fn("f", ":", "", opNop), 1, false},
		{"block costs nothing", none().fn("f", ":", "", code(opBlock, emptyBlock, opNop, opEnd)...), 1, false},
		{"counted loop", none().fn("f", ":", "i", counted(10)...), 2 + 10*5, false},
		{"code behind a closed loop is charged at entry", none().fn("f", ":", "i", code(counted(3), opNop, opNop)...), 4 + 3*5, false},
		// Entry: const, if. The arm that runs is a block of its own; the nop
		// behind the end belongs to the entry again.
		{"if taken", none().fn("f", ":", "", code(i32c(1), opIf, emptyBlock, opNop, opNop, opElse, opNop, opEnd, opNop)...), 3 + 2, true},
		{"else taken", none().fn("f", ":", "", code(i32c(0), opIf, emptyBlock, opNop, opNop, opElse, opNop, opEnd, opNop)...), 3 + 1, true},
		// The arm returns: what follows the if is a block of its own.
		{"open if taken", none().fn("f", ":", "", code(i32c(1), opIf, emptyBlock, opReturn, opEnd, opNop, opNop)...), 2 + 1, true},
		{"open if not taken", none().fn("f", ":", "", code(i32c(0), opIf, emptyBlock, opReturn, opEnd, opNop, opNop)...), 2 + 2, true},
		// br_if to the block's own end leaves it closed.
		{"br_if taken", none().fn("f", ":", "", code(opBlock, emptyBlock, i32c(1), opBrIf, 0, opNop, opEnd, opNop)...), 3, false},
		{"br_if not taken", none().fn("f", ":", "", code(opBlock, emptyBlock, i32c(0), opBrIf, 0, opNop, opEnd, opNop)...), 4, true},
		{"branch out of two", none().fn("f", ":", "",
			code(opBlock, emptyBlock, opBlock, emptyBlock, i32c(1), opBrIf, 1, opNop, opEnd, opNop, opNop, opEnd, opNop)...), 3, false},
		{"dead code is free", none().fn("f", ":", "", code(opBlock, emptyBlock, opBr, 0, opNop, opNop, opEnd)...), 1, false},
		{"63 locals cost nothing", none().fn("f", ":", strings.Repeat("i", 63), opNop), 1, false},
		{"128 locals cost two", none().fn("f", ":", strings.Repeat("i", 128), opNop), 3, false},
		{"7 results cost nothing", none().fn("f", ":"+strings.Repeat("i", 7), "", bytes.Repeat(i32c(1), 7)...), 7, false},
		{"16 results cost two", none().fn("f", ":"+strings.Repeat("i", 16), "", bytes.Repeat(i32c(1), 16)...), 18, false},
		// The label's part of a closed block is charged where the block stands.
		{"a branch with 8 operands", carrying(8), 1 + 8 + 1 + 1 + 8, false},
		{"a branch with 7", carrying(7), 7 + 1 + 1 + 7, false},
		// A block of which nobody leaves by a branch costs nothing more.
		{"8 results of a block", yielding(8), 8 + 8, false},
		// The entry: 8 × 2, const, and 1 for the join of 8 locals behind the if.
		{
			"8 locals behind an if", newModule().fn("f", ":", strings.Repeat("i", 8), code(locals(8), i32c(0), opIf, emptyBlock, opNop, locals(8), opEnd, locals(8))...),
			16 + 2 + 1 + 16, false,
		},
		{
			"7 locals behind an if", newModule().fn("f", ":", strings.Repeat("i", 7), code(locals(7), i32c(0), opIf, emptyBlock, opNop, locals(7), opEnd, locals(7))...),
			14 + 2 + 14, false,
		},
		// The head: 8 locals and the counter are joins. Each turn pays for them.
		{"8 locals around a loop", newModule().fn("f", ":", strings.Repeat("i", 8), code(locals(8), i32c(10), opLocalSet, 0,
			opLoop, emptyBlock, locals(8), opLocalGet, 0, i32c(1), 0x6b, opLocalTee, 0, opBrIf, 0, opEnd)...), 18 + 10*(16+5+1), false},
		{"a loop that is free is not compared", none().fn("f", ":", "",
			code(i32c(1), opIf, emptyBlock, opNop, opLoop, emptyBlock, opLoop, emptyBlock, opEnd, opEnd, opEnd)...), 3, true},
		{"a loop that is not is", none().fn("f", ":", "",
			code(i32c(1), opIf, emptyBlock, opNop, opLoop, emptyBlock, opLoop, emptyBlock, opNop, opEnd, opEnd, opEnd)...), 4, false},
		{"a return behind a call is compared", none().fn("f", ":", "", code(opCall, 1, i32c(1), opIf, emptyBlock, opNop, opEnd)...).fn("", ":", ""), 4, false},
		{"so is one before it", none().fn("f", ":", "",
			code(opBlock, emptyBlock, i32c(1), opBrIf, 0, opCall, 1, opReturn, opEnd, i32c(1), opIf, emptyBlock, opNop, opReturn, opEnd, opCall, 1)...).fn("", ":", ""), 6, false},
		{"dead calls do not count", none().fn("f", ":", "", code(i32c(1), opIf, emptyBlock, opNop, opReturn, opCall, 1, opEnd)...).fn("", ":", ""), 4, true},
		{"nor do host calls", none().host("sched_yield").fn("f", ":", "",
			code(i32c(0), opIf, emptyBlock, opCall, 0, opDrop, opEnd, i32c(1), opIf, emptyBlock, opNop, opEnd)...), 5, true},
		{"call", none().fn("f", ":", "", opCall, 1, opCall, 1).fn("", ":", "", opNop, opNop), 2 + 2*2, false},
		{"memory.fill of 65", none().memory(1, 1).fn("f", ":", "",
			code(i32c(0), i32c(1), i32c(65), 0xfc, 11, 0)...), 4 + 2, false},
		{"memory.copy of 0", none().memory(1, 1).fn("f", ":", "",
			code(i32c(0), i32c(1), i32c(0), 0xfc, 10, 0, 0)...), 4, false},
		{"memory.grow by 2", none().memory(1, 3).fn("f", ":", "",
			code(i32c(2), opMemoryGrow, 0, opDrop)...), 3 + 2*PageFuel, false},
		{"memory.grow that fails", none().memory(1, 3).fn("f", ":", "",
			code(i32c(3), opMemoryGrow, 0, opDrop)...), 3, false},
		{"memory.grow by 2^32-1", none().memory(1, 3).fn("f", ":", "",
			code(i32c(-1), opMemoryGrow, 0, opDrop)...), 3, false},
		{"table.grow by 3", none().table(1, 9).fn("f", ":", "",
			code(opRefNull, byte(FuncRef), i32c(3), 0xfc, 15, 0, opDrop)...), 4 + 3, false},
		{"host call", none().host("sched_yield").fn("f", ":", "", opCall, 0, opDrop), 2, false},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			b := c.b.bytes()
			for delta := range 3 {
				limit := c.cost + uint64(delta) - 1
				if c.cost == 0 && delta == 0 {
					continue
				}
				got := execute(t, b, Options{MemoryPages: 10, Fuel: limit}, "f")
				same(t, "small slices", limit, got, executeSliced(t, b, Options{MemoryPages: 10, Fuel: limit}, smallSlices(), "f"))
				want := min(c.cost, limit)
				if got.fuel != want {
					t.Errorf("limit %d: fuel %d (left %d), want %d", limit, got.fuel, got.left, want)
				}
				wantTrap := TrapNone
				if delta == 0 && !c.ends {
					wantTrap = TrapOutOfFuel
				}
				if got.trap != wantTrap || (got.engine != "") != (wantTrap != TrapNone) {
					t.Errorf("limit %d: trap %d %s, want %d", limit, got.trap, got.engine, wantTrap)
				}
			}
		})
	}
}

// carrying is a function in which a branch that is not taken, and the end of the
// same block, carry n operands; then they are dropped.
func carrying(n int) *builder {
	b := newModule()
	block := appendS64([]byte{opBlock}, int64(b.typ(":"+strings.Repeat("i", n))))
	return b.fn("f", ":", "", code(block, bytes.Repeat(i32c(1), n), i32c(0), opBrIf, 0, opEnd, bytes.Repeat([]byte{opDrop}, n))...)
}

// yielding is the same without the branch.
func yielding(n int) *builder {
	b := newModule()
	block := appendS64([]byte{opBlock}, int64(b.typ(":"+strings.Repeat("i", n))))
	return b.fn("f", ":", "", code(block, bytes.Repeat(i32c(1), n), opEnd, bytes.Repeat([]byte{opDrop}, n))...)
}

// locals reads and writes n of them.
func locals(n int) []byte {
	var b []byte
	for i := range n {
		b = append(b, code(opLocalGet, i, opLocalSet, i)...)
	}
	return b
}

// TestFuelBeforeTrap: a trap between the charge and the next check is that
// trap, with fuel below zero and the limit reported.
func TestFuelBeforeTrap(t *testing.T) {
	b := newModule().fn("f", ":", "", code(i32c(1), opIf, emptyBlock, opNop, opNop, opNop, opUnreachable, opEnd)...).bytes()
	got := execute(t, b, Options{Fuel: 3}, "f")
	if got.trap != TrapNone || !strings.Contains(got.engine, "unreachable") || got.left != -3 || got.fuel != 3 {
		t.Errorf("%+v", got)
	}
}

// TestBulkChargedBeforeTrap: the extra charge of a bulk operation that would
// trap is taken first, in 64 bits.
func TestBulkChargedBeforeTrap(t *testing.T) {
	b := newModule().memory(1, 1).fn("f", ":", "", code(i32c(0), i32c(0), i32c(-1), 0xfc, 11, 0)...).bytes()
	const cost = 4 + 1<<26
	if got := execute(t, b, Options{MemoryPages: 1, Fuel: cost - 1}, "f"); got.trap != TrapOutOfFuel || got.fuel != cost-1 {
		t.Errorf("%+v", got)
	}
	if got := execute(t, b, Options{MemoryPages: 1, Fuel: cost}, "f"); !strings.Contains(got.engine, "out of bounds memory") || got.fuel != cost {
		t.Errorf("%+v", got)
	}
}

// TestHostCallHasNoEffect: out of fuel, the host function is not called,
// whether directly or through a table.
func TestHostCallHasNoEffect(t *testing.T) {
	// random_get writes memory: 8 bytes at 0.
	b := newModule().host("random_get").memory(1, 1).table(1, 1).elems(0, 0).
		fn("direct", ":", "", code(i32c(1), opIf, emptyBlock, i32c(0), i32c(8), opCall, 0, opDrop, opEnd)...).
		fn("indirect", ":", "", code(i32c(1), opIf, emptyBlock, i32c(0), i32c(8), i32c(0), opCallIndirect, 0, 0, opDrop, opEnd)...).
		bytes()
	for _, f := range []string{"direct", "indirect"} {
		starved := execute(t, b, Options{MemoryPages: 1, Fuel: 2}, f)
		if mem, _ := starved.mod.Memory().Read(0, 8); starved.trap != TrapOutOfFuel || string(mem) != strings.Repeat("\x00", 8) {
			t.Errorf("%s: trap %d, memory %x", f, starved.trap, mem)
		}
		fed := execute(t, b, Options{MemoryPages: 1, Fuel: 100}, f)
		if mem, _ := fed.mod.Memory().Read(0, 8); fed.trap != TrapNone || string(mem) == strings.Repeat("\x00", 8) {
			t.Errorf("%s: trap %d, memory %x", f, fed.trap, mem)
		}
	}
}

// TestFuelOfKernels fixes the fuel of whole programs.
func TestFuelOfKernels(t *testing.T) {
	want := map[string]uint64{
		"sieve": 37250399, "sha": 855251, "matmul": 28284931,
		"sort": 36550966, "fib": 23909, "nbody": 165815,
	}
	for _, k := range kernels {
		got := execute(t, kernel(t, k.name), Options{MemoryPages: 4096, Fuel: MaxFuel}, "run", k.small)
		if got.fuel != want[k.name] {
			t.Errorf("%q: %d,", k.name, got.fuel)
		}
		again := execute(t, kernel(t, k.name), Options{MemoryPages: 4096, Fuel: got.fuel / 2}, "run", k.small)
		if again.trap != TrapOutOfFuel || again.fuel != got.fuel/2 {
			t.Errorf("%q with half its fuel: trap %d, fuel %d", k.name, again.trap, again.fuel)
		}
	}
}

// TestHostCharges: what a host function takes through FuelExport is seen by
// the code behind the call, also in functions that keep fuel in a local.
func TestHostCharges(t *testing.T) {
	b := newModule().host("sched_yield").fn("f", ":", "i", code(counted(10), opCall, 0, opDrop, counted(10))...).bytes()
	for _, charge := range []int64{0, 1000} {
		in := rewritten(t, b, Options{Fuel: 500, KeepExports: true})
		rt := compiler(t)
		linkRefuel(t, rt)
		yield := func(_ context.Context, m api.Module) uint32 {
			fuel := m.ExportedGlobal(FuelExport).(api.MutableGlobal)
			fuel.Set(fuel.Get() - uint64(charge))
			return 0
		}
		if _, err := rt.NewHostModuleBuilder(WASIModule).NewFunctionBuilder().WithFunc(yield).Export("sched_yield").Instantiate(t.Context()); err != nil {
			t.Fatal(err)
		}
		mod, err := rt.InstantiateWithConfig(t.Context(), in.Wasm, moduleConfig())
		if err != nil {
			t.Fatal(err)
		}
		_, err = mod.ExportedFunction("f").Call(t.Context())
		trap := TrapCode(globalOf(mod, TrapExport))
		left := int64(globalOf(mod, FuelExport))
		if charge == 0 && (err != nil || left != 500-2-50-2-2-50) {
			t.Errorf("%v, left %d", err, left)
		}
		if charge == 1000 && trap != TrapOutOfFuel {
			t.Errorf("%v, trap %d, left %d", err, trap, left)
		}
	}
}

package interp

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/capacloud/assay/machine/wasi"
	"github.com/capacloud/assay/machine/wasm"
)

var update = flag.Bool("update", false, "write golden files instead of comparing with them")

// TestRootsGolden fixes roots of states of fixed programs: at the start, half
// way, and at the end. They are equal on every processor, and change only with
// wasm.MachineVersion.
func TestRootsGolden(t *testing.T) {
	var got strings.Builder
	row := func(name string, program []byte, fuel uint64) {
		job, s := jobOf(program)
		job.Limits.Fuel, job.Limits.Memory, job.Limits.Slots = fuel, 64*wasm.PageBytes, 1<<16
		m := New(wasm.Lower(program), job, wasi.NewReaderInput(s))
		first, begin := m.Root(), m.Snapshot()
		if err := m.Run(math.MaxUint64); err != nil {
			t.Fatal(err)
		}
		r, _ := m.Result()
		last, steps := m.Root(), m.Steps()
		m.Restore(begin)
		if err := m.Run(steps / 2); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&got, "%-12s steps %-9d fuel %-9d %s %d %s roots %s %s %s state %s\n",
			name, steps, r.Fuel, r.Status, r.ExitCode, r.Trap, first.Short(), m.Root().Short(), last.Short(), r.State.Short())
	}
	for _, file := range []string{"../../examples/c/sieve/sieve.wasm", "../../executor/wasm/testdata/guests/c/files.wasm"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		row(filepath.Base(file), b, 200_000_000)
	}
	for seed := range uint64(20) {
		row(fmt.Sprint("seed ", seed), generate(entropy(seed)), 1_000_000)
	}
	file := filepath.Join("testdata", "roots.txt")
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("roots changed:\n%s\nwant:\n%s", got.String(), want)
	}
}

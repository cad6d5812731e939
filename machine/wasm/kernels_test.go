package wasm

import (
	"bytes"
	"context"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// kernels are compiled from testdata/kernels/*.c by
//
//	clang -O2 --target=wasm32 -nostdlib -fno-builtin-memset -Wl,--no-entry -Wl,--strip-all
//
// with Debian clang 14.0.6. arg scales the work of a benchmark, small that of
// a test; fuel is what small costs.
var kernels = []struct {
	name       string
	arg, small uint64
}{
	{"sieve", 30, 1},
	{"sha", 40_000, 100},
	{"matmul", 30, 1},
	{"sort", 20, 1},
	{"fib", 32, 15},
	{"nbody", 300_000, 100},
}

func kernel(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "kernels", name+".wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// goGuest builds testdata/guest for wasip1; the build cache makes it cheap
// after the first time.
func goGuest(t testing.TB) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "guest.wasm")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "./testdata/guest/main.go")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, msg)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// rewritten takes a program through the front end.
func rewritten(t testing.TB, b []byte, o Options) *Instrumented {
	t.Helper()
	m, err := Decode(b, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if err := Validate(m); err != nil {
		t.Fatal(err)
	}
	in, err := Instrument(m, o)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func compiler(t testing.TB) wazero.Runtime {
	rt := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigCompiler().WithCoreFeatures(api.CoreFeaturesV2))
	t.Cleanup(func() { rt.Close(context.Background()) })
	return rt
}

// command is a compiled module with a function to call.
type command struct {
	rt   wazero.Runtime
	code wazero.CompiledModule
	call string
	args []uint64
}

func newCommand(t testing.TB, b []byte, call string, args ...uint64) *command {
	c := &command{rt: compiler(t), call: call, args: args}
	wasi_snapshot_preview1.MustInstantiate(t.Context(), c.rt)
	linkRefuel(t, c.rt)
	var err error
	if c.code, err = c.rt.CompileModule(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	return c
}

func moduleConfig() wazero.ModuleConfig {
	return wazero.NewModuleConfig().WithName("").WithStartFunctions()
}

// run instantiates and calls, and returns results, output and the time of the
// call alone.
func (c *command) run(t testing.TB) ([]uint64, string, time.Duration, api.Module) {
	var out bytes.Buffer
	mod, err := c.rt.InstantiateModule(t.Context(), c.code, moduleConfig().WithStdout(&out).WithStderr(&out))
	if err != nil {
		t.Fatal(err)
	}
	ctx, tank := fill(t.Context(), mod, defaultSlice)
	begin := time.Now()
	res, err := mod.ExportedFunction(c.call).Call(ctx, c.args...)
	took := time.Since(begin)
	if err != nil && c.call != EntryExport {
		t.Fatal(err)
	}
	tank.slice = func() int64 { return MaxFuel }
	tank.split(mod)
	return res, out.String(), took, mod
}

var benchOptions = Options{MemoryPages: 4096, Fuel: MaxFuel, KeepExports: true}

// BenchmarkOverhead runs plain and rewritten code in turns and reports the
// quotient of the best times, beside both in milliseconds.
func BenchmarkOverhead(b *testing.B) {
	product, n := 1.0, 0
	pair := func(name string, program []byte, call string, args ...uint64) {
		b.Run(name, func(b *testing.B) {
			plain := newCommand(b, program, call, args...)
			ours := newCommand(b, rewritten(b, program, benchOptions).Wasm, call, args...)
			best := [2]time.Duration{math.MaxInt64, math.MaxInt64}
			for b.Loop() {
				for range 5 {
					for i, c := range []*command{plain, ours} {
						_, _, d, mod := c.run(b)
						mod.Close(b.Context())
						best[i] = min(best[i], d)
					}
				}
			}
			q := float64(best[1]) / float64(best[0])
			b.ReportMetric(q, "ours/plain")
			b.ReportMetric(float64(best[0])/1e6, "plain-ms")
			b.ReportMetric(float64(best[1])/1e6, "ours-ms")
			b.ReportMetric(0, "ns/op")
			product, n = product*q, n+1
		})
	}
	for _, k := range kernels {
		pair(k.name, kernel(b, k.name), "run", k.arg)
	}
	pair("go", goGuest(b), EntryExport)
	b.Logf("geometric mean %.3f", math.Pow(product, 1/float64(n)))
}

// TestSameResults: rewriting changes no result, no output and no byte of
// memory.
func TestSameResults(t *testing.T) {
	for _, k := range kernels {
		t.Run(k.name, func(t *testing.T) {
			program := kernel(t, k.name)
			a, _, _, plain := newCommand(t, program, "run", k.small).run(t)
			b, _, _, ours := newCommand(t, rewritten(t, program, benchOptions).Wasm, "run", k.small).run(t)
			if a[0] != b[0] {
				t.Errorf("plain %#x, rewritten %#x", a[0], b[0])
			}
			if x, y := contentsOf(plain), contentsOf(ours); !bytes.Equal(x, y) {
				t.Error("memories differ")
			}
		})
	}
}

func TestGoGuest(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and compiles a Go program")
	}
	program := goGuest(t)
	m, err := Decode(program, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if err := Validate(m); err != nil {
		t.Fatal(err)
	}
	if err := CheckProfile(m, 4096); err != nil {
		t.Fatal(err)
	}
	_, a, _, _ := newCommand(t, program, EntryExport).run(t)
	_, b, _, ours := newCommand(t, rewritten(t, program, Options{MemoryPages: 4096, Fuel: MaxFuel}).Wasm, EntryExport).run(t)
	if a != b || a == "" {
		t.Errorf("plain %q, rewritten %q", a, b)
	}
	t.Logf("%s fuel %d", b, FuelUsed(MaxFuel, int64(globalOf(ours, FuelExport)), TrapNone))
}

func contentsOf(m api.Module) []byte {
	if len(m.ExportedMemoryDefinitions()) == 0 { // Memory would be a nil in an interface
		return nil
	}
	b, _ := m.Memory().Read(0, m.Memory().Size())
	return b
}

// BenchmarkFrontEnd is the time from bytes to rewritten bytes for a Go guest.
func BenchmarkFrontEnd(b *testing.B) {
	program := goGuest(b)
	stage := func(name string, f func(m *Module)) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(program)))
			b.ReportAllocs()
			for b.Loop() {
				m, err := Decode(program, DefaultLimits())
				if err == nil {
					err = Validate(m)
				}
				if err != nil {
					b.Fatal(err)
				}
				f(m)
			}
		})
	}
	stage("decode+validate", func(*Module) {})
	stage("and-instrument", func(m *Module) {
		if _, err := Instrument(m, benchOptions); err != nil {
			b.Fatal(err)
		}
	})
}

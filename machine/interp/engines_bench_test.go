package interp

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// BenchmarkEngines runs each kernel on this machine, on wazero's interpreter and
// on what wazero's compiler makes of it, one after the other, without metering
// there. It reports how much less time the machine takes than the interpreter, and
// how much more than compiled code.
func BenchmarkEngines(b *testing.B) {
	interpreter := wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(api.CoreFeaturesV2)
	compiler := wazero.NewRuntimeConfigCompiler().WithCoreFeatures(api.CoreFeaturesV2)
	for _, k := range kernels {
		b.Run(k.name, func(b *testing.B) {
			m, pc := kernelMachine(b, k.name)
			slow, fast := wazeroKernel(b, interpreter, k.name), wazeroKernel(b, compiler, k.name)
			var ours, theirs, compiled time.Duration
			lap := func(sum *time.Duration, f func() error) {
				begin := time.Now()
				if err := f(); err != nil {
					b.Fatal(err)
				}
				*sum += time.Since(begin)
			}
			call := func(f api.Function) func() error {
				return func() error {
					_, err := f.Call(b.Context(), k.arg)
					return err
				}
			}
			for b.Loop() {
				lap(&ours, func() error {
					m.call(pc, k.arg)
					return m.Run(math.MaxUint64)
				})
				lap(&theirs, call(slow))
				lap(&compiled, call(fast))
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(theirs.Seconds()/ours.Seconds(), "less-than-interpreter")
			b.ReportMetric(ours.Seconds()/compiled.Seconds(), "more-than-compiled")
		})
	}
}

func wazeroKernel(b *testing.B, c wazero.RuntimeConfig, name string) api.Function {
	b.Helper()
	code, err := os.ReadFile(filepath.Join("..", "wasm", "testdata", "kernels", name+".wasm"))
	if err != nil {
		b.Fatal(err)
	}
	rt := wazero.NewRuntimeWithConfig(b.Context(), c)
	b.Cleanup(func() {
		if err := rt.Close(b.Context()); err != nil {
			b.Error(err)
		}
	})
	m, err := rt.Instantiate(b.Context(), code)
	if err != nil {
		b.Fatal(err)
	}
	return m.ExportedFunction("run")
}

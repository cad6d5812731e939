package examples_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/executor/wasm"
)

// BenchmarkHeat takes what the boundaries of a real program cost: its defaults
// run without looking at them, with the roots of all, and with a checkpoint at
// each, by turns.
func BenchmarkHeat(b *testing.B) {
	x := newExecutor(b)
	module, err := os.ReadFile(goBuild(b, "heat", "GOOS=wasip1", "GOARCH=wasm"))
	must(b, err)
	program, err := x.store.PutBytes(b.Context(), module)
	must(b, err)
	job := &assay.Job{Version: 1, Runtime: assay.RuntimeWasm, Program: program, Args: []string{"heat"}, Limits: assay.DefaultLimits()}
	boundaries, size := 0, 0
	ways := []func(ctx context.Context) error{
		func(ctx context.Context) error {
			_, err := x.wasm.Execute(ctx, job, x.store)
			return err
		},
		func(ctx context.Context) error {
			boundaries = 0
			_, err := x.wasm.ExecuteEpochs(ctx, job, x.store, func(*wasm.Boundary) error {
				boundaries++
				return nil
			})
			return err
		},
		func(ctx context.Context) error {
			_, err := x.wasm.ExecuteEpochs(ctx, job, x.store, func(b *wasm.Boundary) error {
				file, err := b.Checkpoint()
				size = len(file)
				return err
			})
			return err
		},
	}
	must(b, ways[0](b.Context()))            // compiled
	took := make([]time.Duration, len(ways)) // at the best
	for b.Loop() {
		for i, way := range ways {
			start := time.Now()
			must(b, way(b.Context()))
			if d := time.Since(start); took[i] == 0 || d < took[i] {
				took[i] = d
			}
		}
	}
	plain := float64(took[0])
	b.ReportMetric(plain/1e6, "ms-plain")
	b.ReportMetric(float64(took[1])/plain, "roots/plain")
	b.ReportMetric(float64(took[2])/plain, "checkpoints/plain")
	b.ReportMetric(float64(boundaries), "boundaries")
	b.ReportMetric(float64(size), "checkpoint-bytes")
}

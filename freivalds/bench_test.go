//go:build unix

package freivalds

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/kernel"
)

// cpu returns the processor time that this process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkFreivalds checks a square product beside the product itself, in plain
// Go and with the best kernel of this machine, all in one run. Ratios are of
// processor time: %plain and %simd say what a check costs of either product.
func BenchmarkFreivalds(b *testing.B) {
	for _, n := range []int{1024, 2048} {
		p := product(rand.New(rand.NewPCG(5, 1)), n, n, n, false)
		cost := map[string]float64{}
		for _, v := range []struct {
			name string
			run  func() error
		}{
			{"plain", func() error { kernel.PlainMatMul(p.C, p.A, p.B, n, n, n); return nil }},
			{"simd", func() error { kernel.MatMul(p.C, p.A, p.B, n, n, n); return nil }},
			{"interactive", func() error { return Interactive(Context{}, canon.Digest{}, p) }},
			{"noninteractive", func() error { return NonInteractive(Context{}, p) }},
		} {
			b.Run(fmt.Sprintf("%s/n=%d", v.name, n), func(b *testing.B) {
				start := cpu(b)
				for b.Loop() {
					if err := v.run(); err != nil {
						b.Fatal(err)
					}
				}
				cost[v.name] = float64(cpu(b)-start) / float64(b.N)
				b.ReportMetric(cost[v.name], "cpu-ns/op")
				if cost["plain"] > 0 && v.name != "plain" {
					b.ReportMetric(100*cost[v.name]/cost["plain"], "%plain")
				}
				if cost["simd"] > 0 && v.name != "simd" {
					b.ReportMetric(100*cost[v.name]/cost["simd"], "%simd")
				}
			})
		}
	}
}

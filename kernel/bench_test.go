package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func BenchmarkMatMul(b *testing.B) {
	for _, n := range []int{1024, 2048} {
		r := rand.New(rand.NewPCG(1, 3))
		x, y, c := int8s(r, n*n, false), int8s(r, n*n, false), make([]int32, n*n)
		for _, v := range []struct {
			name string
			run  func(c []int32, a, b []int8, n, m, p int)
		}{{"plain", PlainMatMul}, {Features(), MatMul}, {Features() + "-transposed", MatMulT}} {
			b.Run(fmt.Sprintf("%s/n=%d", v.name, n), func(b *testing.B) {
				for b.Loop() {
					v.run(c, x, y, n, n, n)
				}
				b.ReportMetric(float64(n)*float64(n)*float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GMAC/s")
			})
		}
	}
}

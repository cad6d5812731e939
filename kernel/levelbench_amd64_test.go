//go:build !purego

package kernel

import (
	"math/rand/v2"
	"testing"
)

// BenchmarkLevels compares the assembly of each level on one product and on the
// sums that proofs are made of.
func BenchmarkLevels(b *testing.B) {
	const n = 1024
	r := rand.New(rand.NewPCG(1, 4))
	x, y, c := int8s(r, n*n, false), int8s(r, n*n, false), make([]int32, n*n)
	w, out := fill[int16](r, Limbs*n, 0, 0, false), make([]int64, Limbs*n)
	best := active
	defer func() { active = best }()
	for active = levelAVX2; active <= best; active++ {
		for name, run := range map[string]func(){
			"MatMul":    func() { MatMul(c, x, y, n, n, n) },
			"MatMulT":   func() { MatMulT(c, x, y, n, n, n) },
			"MatVec":    func() { MatMulT(c[:n], x[:n], y, 1, n, n) },
			"DotRows8":  func() { DotRows8(out, x, n, n, w) },
			"DotRows32": func() { DotRows32(out, c, n, n, w) },
			"SumRows8":  func() { SumRows8(out, x, n, n, w) },
		} {
			b.Run(Features()+"/"+name, func(b *testing.B) {
				for b.Loop() {
					run()
				}
			})
		}
	}
}

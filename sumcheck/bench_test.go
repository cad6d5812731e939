//go:build unix

package sumcheck

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

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

// BenchmarkMatMul proves and verifies a square product beside the product itself,
// in plain Go and with the best kernel of this machine, all in one run; ratios are
// of processor time, in hundredths of either product. "prove" is all that a
// prover does beyond c: the claim on c and the sumcheck. "succinct" is the
// verifier given the claim on c, without evaluating or opening a and b.
func BenchmarkMatMul(b *testing.B) {
	for _, n := range []int{1024, 2048} {
		r := rand.New(rand.NewPCG(6, 1))
		x, y, c := random8(r, n*n), random8(r, n*n), make([]int32, n*n)
		kernel.MatMul(c, x, y, n, n, n)
		prove := func() []byte {
			p := NewProver(Context{})
			point := p.Point("c", 2*Log(n))
			row, col := point[:Log(n)], point[Log(n):]
			p.Send("c", Evaluate32(c, n, n, row, col))
			ProveMatMul(p, x, y, n, n, n, row, col)
			return p.Proof()
		}
		proof := prove()
		cost := map[string]float64{}
		run := func(name string, do func()) {
			b.Run(fmt.Sprintf("%s/n=%d", name, n), func(b *testing.B) {
				start := cpu(b)
				for b.Loop() {
					do()
				}
				cost[name] = float64(cpu(b)-start) / float64(b.N)
				b.ReportMetric(cost[name], "cpu-ns/op")
				if cost["plain"] > 0 && name != "plain" {
					b.ReportMetric(100*cost[name]/cost["plain"], "%plain")
				}
				if cost["simd"] > 0 && name != "simd" {
					b.ReportMetric(100*cost[name]/cost["simd"], "%simd")
				}
				if name == "prove" {
					b.ReportMetric(float64(len(proof)), "proof-bytes")
				}
			})
		}
		run("plain", func() { kernel.PlainMatMul(c, x, y, n, n, n) })
		run("simd", func() { kernel.MatMul(c, x, y, n, n, n) })
		run("prove", func() { prove() })
		run("succinct", func() {
			v := NewVerifier(Context{}, proof)
			point := v.Point("c", 2*Log(n))
			value, err := v.Receive("c", 1)
			if err == nil {
				_, _, err = VerifyMatMul(v, n, n, n, point[:Log(n)], point[Log(n):], value[0])
			}
			if err != nil {
				b.Fatal(err)
			}
		})
		run("evaluate-c", func() {
			v := NewVerifier(Context{}, proof)
			point := v.Point("c", 2*Log(n))
			Evaluate32(c, n, n, point[:Log(n)], point[Log(n):])
		})
		for rate := uint8(1); rate <= 2; rate++ {
			l := LayoutFor(2 * Log(n))
			l.LogRate = rate
			run(fmt.Sprintf("commit-rate-1-%d", 1<<rate), func() { Commit8(x, l, nil) })
		}
	}
}

// BenchmarkCommitment opens a commitment to 4 M weights, in a layout for small proofs.
func BenchmarkCommitment(b *testing.B) {
	data := random8(rand.New(rand.NewPCG(6, 2)), 1<<22)
	c := Commit8(data, LayoutFor(22), nil)
	point := NewProver(Context{}).Point("x", 22)
	claims := []Claim{{point, Evaluate8(data, 1<<11, 1<<11, point[:11], point[11:])}}
	var proof []byte
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			p := NewProver(Context{})
			c.ProveOpen(p, claims)
			proof = p.Proof()
		}
		b.ReportMetric(float64(len(proof)), "proof-bytes")
	})
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			if err := c.Commitment().VerifyOpen(NewVerifier(Context{}, proof), claims); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkLookup looks up 2^16 and 2^18 rows in a table of 2^16.
func BenchmarkLookup(b *testing.B) {
	r := rand.New(rand.NewPCG(6, 3))
	table := [][]int32{make([]int32, 1<<16), make([]int32, 1<<16)}
	for i := range table[0] {
		table[0][i], table[1][i] = int32(i)-1<<15, max(0, int32(i)-1<<15)>>8
	}
	for _, vars := range []int{16, 18} {
		in := Columns{[]int{1 << vars}, [][]int32{make([]int32, 1<<vars), make([]int32, 1<<vars)}}
		for i := range in.Shape[0] {
			k := r.IntN(1 << 16)
			in.Data[0][i], in.Data[1][i] = table[0][k], table[1][k]
		}
		count, err := Multiplicities(table, []Columns{in})
		if err != nil {
			b.Fatal(err)
		}
		var proof []byte
		b.Run(fmt.Sprintf("prove/rows=2^%d", vars), func(b *testing.B) {
			for b.Loop() {
				p := NewProver(Context{})
				ProveLookup(p, table, []Columns{in}, count)
				proof = p.Proof()
			}
			b.ReportMetric(float64(len(proof)), "proof-bytes")
		})
		b.Run(fmt.Sprintf("verify/rows=2^%d", vars), func(b *testing.B) {
			for b.Loop() {
				if _, _, err := VerifyLookup(NewVerifier(Context{}, proof), table, [][]int{in.Shape}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

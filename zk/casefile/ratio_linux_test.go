package casefile

import (
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254"

	"github.com/capacloud/assay/zk"
)

// cpu returns the time that this thread has computed. Wall time would measure
// whoever else uses the machine.
func cpu() time.Duration {
	const thread = 1 // RUSAGE_THREAD
	var u syscall.Rusage
	if err := syscall.Getrusage(thread, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkAdapterRatio measures each adapter against the bare pairing check of
// four pairs, in turns on one thread, and reports the means: CPU time of one
// verification under a key at hand and prepared, unprepared, and read from its
// bytes first; and the ratio of the prepared one to the bare check.
func BenchmarkAdapterRatio(b *testing.B) {
	_, _, p, q := bn254.Generators()
	ps, qs := []bn254.G1Affine{p, p, p, p}, []bn254.G2Affine{q, q, q, q}
	for _, c := range load(b) {
		b.Run(c.Name(), func(b *testing.B) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			f := c.Judge()
			key := f.Loaded.Key()
			encoded := key.Bytes()
			plain, err := zk.ParseKey(encoded)
			if err != nil {
				b.Fatal(err)
			}
			if err := f.Loaded.Prepare(); err != nil {
				b.Fatal(err)
			}
			verify := func(v *zk.Verifier) {
				if err := v.Verify(f.Guest, f.Public, f.Proof); err != nil {
					b.Fatal(err)
				}
			}
			things := []func(){
				func() { _, _ = bn254.PairingCheck(ps, qs) },
				func() { verify(f.Loaded) },
				func() { verify(plain) },
				func() {
					v, err := zk.ParseKey(encoded)
					if err != nil {
						b.Fatal(err)
					}
					verify(v)
				},
			}
			// The clock may have a grain of milliseconds, so that sums count.
			const each = 8
			var took [4]time.Duration
			for b.Loop() {
				for i, do := range things {
					start := cpu()
					for range each {
						do()
					}
					took[i] += cpu() - start
				}
			}
			var m [4]float64
			for i := range m {
				m[i] = float64(took[i]) / float64(each*b.N) / 1e6
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(m[0], "bare-ms")
			b.ReportMetric(m[1], "prepared-ms")
			b.ReportMetric(m[2], "plain-ms")
			b.ReportMetric(m[3], "from-bytes-ms")
			b.ReportMetric(m[1]/m[0], "ratio")
		})
	}
}

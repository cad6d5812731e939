//go:build unix

package interp

import (
	"math"
	"syscall"
	"testing"
	"time"

	"github.com/capacloud/assay/machine/wasi"
)

// BenchmarkTrace reports what a whole dispute costs a party, as a multiple of
// one execution: the run, 32 roots of each interval down to one step, and its
// witness.
func BenchmarkTrace(b *testing.B) {
	const rounds = 40 // of the sieve: about 2^29 steps
	plain := func() (time.Duration, uint64) {
		m, pc := kernelMachine(b, "sieve")
		m.steps = 0
		m.call(pc, rounds)
		begin := cpuTime(b)
		if err := m.Run(math.MaxUint64); err != nil {
			b.Fatal(err)
		}
		return cpuTime(b) - begin, m.steps
	}
	for b.Loop() {
		once, steps := plain()
		m, pc := kernelMachine(b, "sieve")
		m.steps = 0
		m.call(pc, rounds)
		t := &Trace{m: m, input: wasi.NewReaderInput(nil), stride: firstStride, limit: math.MaxUint64}
		t.shots = []*Snapshot{m.Snapshot()}
		begin := cpuTime(b)
		start, span := uint64(0), uint64(1)
		for span < steps {
			span *= 32
		}
		for ; span > 1; span /= 32 {
			if _, err := t.Roots(start, span/32, 31); err != nil {
				b.Fatal(err)
			}
			for k := uint64(21); k > 0; k-- { // some interval before the end
				if start+k*(span/32) < steps {
					start += k * (span / 32)
					break
				}
			}
		}
		w, err := t.Prove(start, 1)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(cpuTime(b)-begin)/float64(once), "executions")
		b.ReportMetric(float64(len(w)), "witness-bytes")
		b.ReportMetric(float64(steps), "steps")
	}
}

// cpuTime is what this process has used: other processes share the machine.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

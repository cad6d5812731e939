package interp

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/machine/step"
	"github.com/capacloud/assay/machine/wasm"
)

// kernels are those of machine/wasm/testdata, which says how they are built.
var kernels = []struct {
	name string
	arg  uint64
}{
	{"sieve", 3}, {"sha", 4000}, {"sort", 2}, {"matmul", 3}, {"fib", 27}, {"nbody", 30_000},
}

// kernelMachine returns a machine with a piece of bootstrap that calls the
// kernel.
func kernelMachine(t testing.TB, name string) (*Machine, uint32) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "wasm", "testdata", "kernels", name+".wasm"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := wasm.Decode(b, wasm.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	run := -1
	for _, e := range m.Exports {
		if e.Kind == wasm.KindFunc && e.Name == "run" {
			run = int(e.Index)
		}
	}
	if run < 0 {
		t.Fatalf("%s exports no run", name)
	}
	var s suite
	if why := s.selfContained(m); why != "" {
		t.Fatal(why)
	}
	p := wasm.Lower(wasm.Encode(m))
	if p.Image.Invalid != "" {
		t.Fatal(p.Image.Invalid)
	}
	pc := uint32(len(p.Code))
	p.Code = append(p.Code, wasm.Instr{Op: wasm.OpCall, Imm: uint64(run)}, wasm.Instr{Op: wasm.OpExit})
	job := &assay.Job{Limits: assay.Limits{Fuel: 1 << 50, Memory: 1 << 30, Frames: 1 << 12, Slots: 1 << 20, Output: 1 << 20, Files: 4}}
	k := New(p, job, nil)
	if err := k.Run(math.MaxUint64); err != nil {
		t.Fatal(err)
	}
	return k, pc
}

// call starts the kernel again.
func (m *Machine) call(pc uint32, arg uint64) {
	m.rec.Phase, m.rec.Status = step.Running, 0
	m.pc, m.fp = pc, 0
	m.slots[0] = arg
}

// BenchmarkKernels reports millions of wasm instructions a second: fuel counts
// each but block, loop, else and end.
func BenchmarkKernels(b *testing.B) {
	for _, k := range kernels {
		b.Run(k.name, func(b *testing.B) {
			m, pc := kernelMachine(b, k.name)
			fuel, steps := m.fuel, m.steps
			for b.Loop() {
				m.call(pc, k.arg)
				if err := m.Run(math.MaxUint64); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(fuel-m.fuel)/b.Elapsed().Seconds()/1e6, "Minstr/s")
			b.ReportMetric(float64(m.steps-steps)/b.Elapsed().Seconds()/1e6, "Msteps/s")
		})
	}
}

// bigMachine has 64 MiB of memory, all of it written once.
func bigMachine(b *testing.B) *Machine {
	m, _ := kernelMachine(b, "sieve")
	m.rec.Pages = 1024
	m.mem.resize(m.rec.Pages)
	for i := 0; i < len(m.mem.bytes); i += 64 {
		m.mem.bytes[i] = byte(i>>6) | 1
	}
	return m
}

// BenchmarkBig measures what a dispute does to 64 MiB.
func BenchmarkBig(b *testing.B) {
	b.Run("rehash", func(b *testing.B) {
		m := bigMachine(b)
		for b.Loop() {
			m.mem.touch(0, uint64(len(m.mem.bytes)))
			m.Root()
		}
	})
	b.Run("snapshot", func(b *testing.B) {
		m := bigMachine(b)
		for b.Loop() {
			m.mem.touch(0, uint64(len(m.mem.bytes)))
			m.Snapshot()
		}
	})
	b.Run("restore", func(b *testing.B) {
		m := bigMachine(b)
		m.mem.touch(0, uint64(len(m.mem.bytes)))
		s := m.Snapshot()
		for b.Loop() {
			m.mem.touch(0, uint64(len(m.mem.bytes)))
			m.Restore(s)
		}
	})
	b.Run("root-after-1000-leaves", func(b *testing.B) {
		m := bigMachine(b)
		m.mem.touch(0, uint64(len(m.mem.bytes)))
		m.Root()
		for b.Loop() {
			for i := range uint64(1000) {
				at := i * 65_000
				m.mem.bytes[at]++
				m.mem.touch(at, 1)
			}
			m.Root()
		}
	})
}

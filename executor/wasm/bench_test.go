package wasm

import (
	"context"
	"testing"

	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/machine/wasm"
)

// BenchmarkExecute runs jobs end to end, program compiled before.
func BenchmarkExecute(b *testing.B) {
	s := newShelf()
	x := newExecutor(b, Options{})
	b.Run("small", func(b *testing.B) {
		job := smallJob(s)
		mustExecute(b, x, job, s)
		for b.Loop() {
			mustExecute(b, x, job, s)
		}
	})
	b.Run("go-world", func(b *testing.B) {
		job := worldJob(b, s)
		fuel := mustExecute(b, x, job, s).Result.Fuel
		for b.Loop() {
			mustExecute(b, x, job, s)
		}
		b.ReportMetric(float64(fuel)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mfuel/s")
	})
	b.Run("go-loop", func(b *testing.B) {
		job := jobOf(s, goGuest(b, "bomb"))
		job.Args, job.Limits.Fuel = []string{"bomb", "loop"}, 1<<30
		mustExecute(b, x, job, s)
		for b.Loop() {
			mustExecute(b, x, job, s)
		}
		b.ReportMetric(float64(uint64(1)<<30)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mfuel/s")
	})
}

// BenchmarkHostCall prices one call through the engine, and one KiB written:
// CallFuel and KiBFuel of machine/wasi follow from these and from go-loop.
func BenchmarkHostCall(b *testing.B) {
	const calls = 20_000
	x := newExecutor(b, Options{})
	for _, c := range []struct {
		name string
		n    uint32
		call []byte
	}{
		{"sched_yield", 0, code(call2(0), op(opDrop))},
		{"fd_pwrite-1", 1, nil},
		{"fd_pwrite-64KiB", 64 << 10, nil},
	} {
		m := newBuilder("sched_yield", "fd_pwrite", "path_open")
		m.m.Memories[0] = wasm.Bounds{Min: 4}
		m.data(0, []byte("f"))
		m.data(16, iovec(1024, c.n))
		if c.call == nil {
			c.call = code(i32(5), i32(16), i32(1), i64(0), i32(64), call2(1), op(opDrop))
		}
		open := code(i32(4), i32(0), i32(0), i32(1), i32(1), i64(-1), i64(-1), i32(0), i32(8), call2(2), op(opDrop))
		body := code(open, i64(calls), op(opGlobalSet, 0), op(opLoop, emptyBlock), c.call,
			op(opGlobalGet, 0), i64(-1), op(opI64Add, opGlobalSet, 0), op(opGlobalGet, 0), op(opI64Eqz), op(opI32Eqz), op(0x0d, 0), op(opEnd))
		s := newShelf()
		job := jobOf(s, m.entry(m.proc(body)))
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				mustExecute(b, x, job, s)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/calls, "ns/call")
		})
	}
}

// BenchmarkStateRoot hashes 64 MiB of memory, full and untouched.
func BenchmarkStateRoot(b *testing.B) {
	mem := make([]byte, 64<<20)
	b.Run("zero", func(b *testing.B) {
		b.SetBytes(int64(len(mem)))
		for b.Loop() {
			machine.RootOf(machine.MemoryDepth, mem)
		}
	})
	for i := range mem {
		mem[i] = byte(i * 31)
	}
	b.Run("full", func(b *testing.B) {
		b.SetBytes(int64(len(mem)))
		for b.Loop() {
			machine.RootOf(machine.MemoryDepth, mem)
		}
	})
}

// BenchmarkPrecompile compiles a Go program, without and with its code on disk.
func BenchmarkPrecompile(b *testing.B) {
	program := goGuest(b, "world")
	l := jobOf(newShelf(), program).Limits
	dir := b.TempDir()
	for _, c := range []struct{ name, dir string }{{"memory", ""}, {"disk", dir}} {
		newExecutor(b, Options{CacheDir: dir}).Precompile(context.Background(), program, l)
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				x := newExecutor(b, Options{CacheDir: c.dir})
				if err := x.Precompile(context.Background(), program, l); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package wasm

import (
	"context"
	"testing"

	"github.com/capacloud/assay/machine/checkpoint"
	"github.com/capacloud/assay/machine/wasm"
)

// quarterModule has 64 MiB of which each epoch changes every fourth KiB, all of
// whose neighbours stay.
func quarterModule(epochs int64) []byte {
	b := newBuilder()
	b.m.Memories[0] = wasm.Bounds{Min: 1024, Max: 1024, HasMax: true}
	// Global 1 is the address: the loop stores the count there and goes on 4 KiB.
	b.m.Globals = append(b.m.Globals, wasm.Global{GlobalType: wasm.GlobalType{Type: wasm.I32, Mutable: true}, Init: wasm.ConstExpr{Op: opI32Const, Type: wasm.I32}})
	work := code(
		i32(0), op(opGlobalSet, 1),
		op(opLoop, emptyBlock),
		op(opGlobalGet, 1), op(opGlobalGet, 0), op(0x37, 0, 0), // i64.store
		op(opGlobalGet, 1), i32(4096), op(0x6a), op(opGlobalSet, 1),
		op(opGlobalGet, 1), i32(64<<20), op(0x49), op(0x0d, 0), // i32.lt_u, br_if
		op(opEnd),
	)
	init := b.proc(code(i32(0), i32(1), i32(64<<20), op(opBulk, bulkMemoryFill, 0)))
	b.export(wasm.InitExport, init)
	return b.epochs(b.fn(nil, i32Result, countTo(epochs+5, work...)))
}

// BenchmarkEpochs takes one epoch over 64 MiB of which a quarter changes:
// without roots, with them, and with checkpoints.
func BenchmarkEpochs(b *testing.B) {
	x := newExecutor(b, Options{})
	s := newShelf()
	for _, bb := range []struct {
		name string
		run  func(n int64) error
	}{
		{"plain", func(n int64) error {
			job := jobOf(s, quarterModule(n))
			job.Limits.Fuel = 1 << 40
			_, err := x.Execute(context.Background(), job, s)
			return err
		}},
		{"roots", func(n int64) error {
			job := jobOf(s, quarterModule(n))
			job.Limits.Fuel = 1 << 40
			_, err := x.ExecuteEpochs(context.Background(), job, s, nil)
			return err
		}},
		{"checkpoints", func(n int64) error {
			job := jobOf(s, quarterModule(n))
			job.Limits.Fuel = 1 << 40
			_, err := x.ExecuteEpochs(context.Background(), job, s, func(b *Boundary) error {
				_, err := b.Checkpoint()
				return err
			})
			return err
		}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			if err := bb.run(int64(b.N)); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkResume restores 64 MiB, proves that they are what they say, and ends.
func BenchmarkResume(b *testing.B) {
	x := newExecutor(b, Options{})
	s := newShelf()
	job := jobOf(s, quarterModule(1))
	var last shown
	_, err := x.ExecuteEpochs(context.Background(), job, s, func(b *Boundary) error {
		file, err := b.Checkpoint()
		last = shown{*b, file}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(last.file)))
	for b.Loop() {
		c, err := checkpoint.Open(last.file, last.Root, &job.Limits)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := x.Resume(context.Background(), job, s, c, nil); err != nil {
			b.Fatal(err)
		}
	}
}

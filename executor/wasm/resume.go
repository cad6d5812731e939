package wasm

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/tetratelabs/wazero/api"

	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/machine/checkpoint"
	"github.com/capacloud/assay/machine/wasm"
)

func poisoned(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, checkpoint.ErrPoisoned)...)
}

// restore brings a new instance into the state of a checkpoint, and compares
// its root with that of the record: what was restored, not what was read.
func (r *run) restore(ctx context.Context, c *checkpoint.Checkpoint) error {
	info, rec := r.program.info, &c.Record
	boundary, ok := rec.Boundary()
	if !ok || !info.Epochs || rec.Image != r.watch.digest || rec.PC != info.BoundaryPC {
		return poisoned("the checkpoint is of another program or at no boundary")
	}
	// Of these the engine shows less than the checkpoint has.
	if err := c.Verify(machine.Globals, machine.Tables); err != nil {
		return err
	}
	if err := r.restoreMemory(c); err != nil {
		return err
	}
	numbers := map[uint32]uint64{nullRef: 0}
	for bits, f := range r.refs {
		numbers[f] = bits
	}
	if err := r.restoreGlobals(c, numbers); err != nil {
		return err
	}
	for t := range info.Tables {
		if err := r.restoreTable(ctx, c, t, numbers); err != nil {
			return err
		}
	}
	r.setLeft(rec.Fuel)
	sizes, _, err := r.sizes(ctx)
	if err != nil {
		return err
	}
	got, err := r.record(ctx, boundary, sizes)
	if err != nil {
		return err
	}
	if root, want := got.Root(), rec.Root(); root != want {
		return poisoned("its contents have the root %s, its record %s", root, want)
	}
	return nil
}

func (r *run) restoreMemory(c *checkpoint.Checkpoint) error {
	pages := c.Record.Pages
	if r.memory == nil {
		return nil // the record's root tells whether that is right
	}
	if have := r.pages(); pages < have || uint64(pages)*wasm.PageBytes > uint64(len(r.memory.region)) {
		return poisoned("a memory of %d pages", pages)
	} else if pages > have {
		if _, ok := r.mod.ExportedMemory(wasm.MemoryExport).Grow(pages - have); !ok {
			return poisoned("the memory does not grow to %d pages", pages)
		}
	}
	clear(r.memory.bytes)
	c.Restore(memorySpace{r.memory}, machine.Memory)
	return nil
}

// memorySpace is the memory as a space of that one region.
type memorySpace struct{ m *linear }

// Load implements machine.Space.
func (s memorySpace) Load(_ machine.Region, at uint64, p []byte) { copy(p, s.m.bytes[at:]) }

// Store implements machine.Space.
func (s memorySpace) Store(_ machine.Region, at uint64, p []byte) { copy(s.m.bytes[at:], p) }

// Clear implements machine.Space.
func (s memorySpace) Clear(_ machine.Region, at, n uint64) { clear(s.m.bytes[at : at+n]) }

// contents returns the first bytes of a region from an offset on.
func contents(c *checkpoint.Checkpoint, region machine.Region, from uint64, n int) []byte {
	b := make([]byte, n)
	for _, run := range c.Runs(region) {
		at, end := run.Leaf*machine.LeafSize, run.Leaf*machine.LeafSize+uint64(len(run.Bytes))
		switch {
		case end <= from || at >= from+uint64(n):
		case at < from:
			copy(b, run.Bytes[from-at:])
		default:
			copy(b[at-from:], run.Bytes)
		}
	}
	return b
}

// restoreGlobals sets what can change. What differs in anything else shows in
// the root.
func (r *run) restoreGlobals(c *checkpoint.Checkpoint, numbers map[uint32]uint64) error {
	globals := r.program.info.Globals
	b := contents(c, machine.Globals, 0, wasm.GlobalBytes*len(globals))
	for i, g := range globals {
		if !g.Mutable {
			continue
		}
		v := binary.LittleEndian.Uint64(b[wasm.GlobalBytes*i+8:])
		switch g.Type {
		case wasm.I32, wasm.F32, wasm.I64, wasm.F64:
		default:
			bits, ok := numbers[uint32(v)]
			if !ok || g.Type == wasm.ExternRef && bits != 0 {
				return poisoned("global %d names function %d", i, v)
			}
			v = bits
		}
		r.mod.ExportedGlobal(g.Name).(api.MutableGlobal).Set(v)
	}
	return nil
}

func (r *run) restoreTable(ctx context.Context, c *checkpoint.Checkpoint, t int, numbers map[uint32]uint64) error {
	view, size := &r.program.info.Tables[t], c.Record.Tables[t]
	if view.Static {
		return nil // it is what it was; see restoreGlobals
	}
	have, err := call(ctx, r.mod.ExportedFunction(view.Size))
	if err != nil {
		return err
	}
	if uint64(size) < have || size > wasm.MaxTableElems {
		return poisoned("table %d of %d elements", t, size)
	}
	if grown, err := call(ctx, r.mod.ExportedFunction(view.Grow), 0, uint64(size)-have); err != nil || uint32(grown) != uint32(have) {
		return poisoned("table %d does not grow to %d elements: %v", t, size, err)
	}
	b := contents(c, machine.Tables, uint64(t)*wasm.TableBytes, 4*int(size))
	set := r.mod.ExportedFunction(view.Set)
	for i := range size {
		f := binary.LittleEndian.Uint32(b[4*i:])
		bits, ok := numbers[f]
		if !ok || view.Elem == wasm.ExternRef && bits != 0 {
			return poisoned("table %d names function %d", t, f)
		}
		if _, err := set.Call(ctx, uint64(i), bits); err != nil {
			return fmt.Errorf("restore table %d: %w", t, err)
		}
	}
	return nil
}

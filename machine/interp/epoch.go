package interp

import (
	"encoding/binary"
	"fmt"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/machine/checkpoint"
	"github.com/capacloud/assay/machine/paged"
	"github.com/capacloud/assay/machine/step"
	"github.com/capacloud/assay/machine/wasi"
	"github.com/capacloud/assay/machine/wasm"
)

// epoch carries out OpEpoch at pc: one step of it or, while the epoch idles,
// as many as there are up to the end of its span. It takes at most room steps,
// after so many that the loop has taken, and returns how many they are together.
func (m *Machine) epoch(taken, room uint64) uint64 {
	m.settle(m.steps + taken)
	skipped := uint64(0)
	if left, ok := m.rec.Idles(wasm.OpEpoch, &m.job.Limits); ok {
		skipped = min(left, room) - 1 // the last one may end the epoch
		m.rec.Tick += skipped
		m.idled += skipped
	}
	m.define()
	return taken + skipped + 1
}

// settle sets the tick of a machine that has come to a position.
func (m *Machine) settle(position uint64) {
	if m.rec.Epoch > 0 {
		m.rec.Tick = position - uint64(m.rec.Epoch-1)*m.span
	}
}

// idleEnd returns the position at which the machine stops to idle; its own
// position if it does not.
func (m *Machine) idleEnd() uint64 {
	if m.rec.Phase != step.Running || m.rec.Progress != 1 {
		return m.steps
	}
	left, _ := m.rec.Idles(m.code[m.pc].Op, &m.job.Limits)
	return m.steps + left
}

// clearSlots zeroes all slots.
func (m *Machine) clearSlots() {
	clear(m.slots)
	m.slotTree, m.slotSpan = machine.NewTree(machine.Slots.Depth()), span{}
	m.slotShot.add(0, uint32(len(m.slots)/slotChunk*slotChunk))
	m.low, m.high = m.fp, m.fp
}

// Resume returns the machine in the state of a checkpoint. It refuses one whose
// contents do not have the roots of its record, and one that no run of the
// program reaches, with checkpoint.ErrPoisoned.
func Resume(p *wasm.Program, job *assay.Job, in wasi.Input, c *checkpoint.Checkpoint) (*Machine, error) {
	m := New(p, job, in)
	if err := m.boundary(c); err != nil {
		return nil, err
	}
	// Of these the engine has no room for more than the program has.
	if err := c.Verify(machine.Globals, machine.Tables); err != nil {
		return nil, err
	}
	m.rec = c.Record
	m.pc, m.fp, m.fuel = m.rec.PC, m.rec.FP, m.rec.Fuel
	m.frames, m.room = int64(m.rec.Frames), int64(m.rec.Slots)
	m.steps, _ = m.rec.Position(&job.Limits)
	m.restoreContents(c)
	if got, want := m.Root(), c.Record.Root(); got != want {
		return nil, fmt.Errorf("its contents have the root %s, its record %s: %w", got, want, checkpoint.ErrPoisoned)
	}
	if err := m.references(); err != nil {
		return nil, err
	}
	return m, nil
}

// boundary compares a checkpoint's record with the program.
func (m *Machine) boundary(c *checkpoint.Checkpoint) error {
	r, im := &c.Record, m.image
	pc, ok := m.program.BoundaryPC()
	switch {
	case !ok || m.rec.Halted():
		return fmt.Errorf("the program has no epochs: %w", checkpoint.ErrPoisoned)
	case r.Image != im.Digest():
		return fmt.Errorf("it is of the image %s: %w", r.Image, checkpoint.ErrPoisoned)
	case r.PC != pc || r.Pages < im.MemoryMin || r.Pages > max(im.MemoryMax, im.MemoryMin):
		return fmt.Errorf("no run of the program is at pc %d with %d pages at a boundary: %w", r.PC, r.Pages, checkpoint.ErrPoisoned)
	}
	for t, n := range r.Tables {
		if t >= len(im.Tables) && n != 0 || t < len(im.Tables) && (n < im.Tables[t].Min || n > im.Tables[t].Max) {
			return fmt.Errorf("table %d has %d elements: %w", t, n, checkpoint.ErrPoisoned)
		}
	}
	return nil
}

// restoreContents replaces what a machine in state 0 has.
func (m *Machine) restoreContents(c *checkpoint.Checkpoint) {
	m.mem = memory{}
	m.mem.resize(m.rec.Pages)
	m.memTree = machine.NewTree(machine.Memory.Depth())
	c.Restore(m, machine.Memory)
	values := make([]byte, wasm.GlobalBytes*int(m.image.Globals))
	for _, run := range c.Runs(machine.Globals) {
		if at := run.Leaf * machine.LeafSize; at < uint64(len(values)) {
			copy(values[at:], run.Bytes)
		}
	}
	m.globals = newGlobals(values)
	for t := range m.tables {
		m.tables[t] = newTable(make([]byte, 4*m.rec.Tables[t]))
	}
	for _, run := range c.Runs(machine.Tables) {
		for i := 0; i < len(run.Bytes); i += 4 {
			at := run.Leaf*machine.LeafSize + uint64(i)
			t, e := at/wasm.TableBytes, at%wasm.TableBytes/4
			if t < uint64(len(m.tables)) && e < uint64(len(m.tables[t].elems)) {
				m.tables[t].elems[e] = binary.LittleEndian.Uint32(run.Bytes[i:])
			}
		}
	}
	m.nodes, m.data = paged.New(machine.HostNodes), paged.New(machine.HostData)
	c.Restore(m, machine.HostNodes)
	c.Restore(m, machine.HostData)
}

// references looks at what a run would follow blindly: every function that a
// table or a global names is one of the program's, and every global has the
// type that the program gives it.
func (m *Machine) references() error {
	known := func(ref uint32) bool { return ref == nullElem || ref < uint32(len(m.funcs)) }
	for t := range m.tables {
		for _, ref := range m.tables[t].elems {
			if !known(ref) {
				return fmt.Errorf("table %d names function %d: %w", t, ref, checkpoint.ErrPoisoned)
			}
		}
	}
	first := newGlobals(m.program.Globals)
	for i, v := range m.globals.values {
		kind := wasm.ValType(first.types[i])
		ok := m.globals.types[i] == first.types[i]
		switch kind {
		case wasm.I64, wasm.F64:
		case wasm.FuncRef, wasm.ExternRef:
			ok = ok && v>>32 == 0 && known(uint32(v))
		default:
			ok = ok && v>>32 == 0
		}
		if !ok {
			return fmt.Errorf("global %d is %#x of type %d: %w", i, v, m.globals.types[i], checkpoint.ErrPoisoned)
		}
	}
	return nil
}

// Checkpoint returns the state, or false if the machine is at no boundary.
func (m *Machine) Checkpoint() (*checkpoint.Checkpoint, bool) {
	if _, ok := m.rec.Boundary(); !ok || m.rec.Phase != step.Running {
		return nil, false
	}
	c := checkpoint.New(m.Record())
	c.Append(machine.Memory, 0, m.mem.bytes)
	b := make([]byte, wasm.GlobalBytes*len(m.globals.values))
	m.globals.load(0, b)
	c.Append(machine.Globals, 0, b)
	for t := range m.tables {
		b := make([]byte, 4*m.rec.Tables[t])
		m.tables[t].load(0, b)
		c.Append(machine.Tables, uint64(t)*(wasm.TableBytes/machine.LeafSize), b)
	}
	m.nodes.Each(func(leaf uint64, b []byte) { c.Append(machine.HostNodes, leaf, b) })
	m.data.Each(func(leaf uint64, b []byte) { c.Append(machine.HostData, leaf, b) })
	return c, true
}

// NewTraceFrom returns the trace of a run from a checkpoint on, up to so many
// epochs later: who disputes about one epoch executes no other. Positions are
// counted from state 0, as ever; questions about others are errors. Without a
// checkpoint the run begins in state 0.
func NewTraceFrom(p *wasm.Program, job *assay.Job, in *wasi.ReaderInput, c *checkpoint.Checkpoint, epochs uint32) (*Trace, error) {
	m := New(p, job, in)
	if c != nil {
		var err error
		if m, err = Resume(p, job, in, c); err != nil {
			return nil, err
		}
	}
	return newTrace(m, in, m.steps+uint64(epochs)*m.span), nil
}

func newTrace(m *Machine, in *wasi.ReaderInput, limit uint64) *Trace {
	t := &Trace{m: m, input: in, stride: firstStride, limit: limit}
	t.shots = []*Snapshot{m.Snapshot()}
	return t
}

// Work returns how many steps the run took from where the trace begins, without
// those in which epochs idle; 0 before Final. Clocks are about these.
func (t *Trace) Work() uint64 { return t.work }

// within refuses positions of which the trace knows nothing.
func (t *Trace) within(at uint64) error {
	if first := t.shots[0].steps; at < first || at > t.limit && !t.final.rec.Halted() {
		return fmt.Errorf("position %d: the trace knows %d to %d", at, first, t.limit)
	}
	return nil
}

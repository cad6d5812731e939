package interp

import (
	"bytes"
	"slices"

	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/machine/paged"
	"github.com/capacloud/assay/machine/step"
)

// Chunks of arrays that snapshots share.
const (
	memChunk  = 4 << 10
	slotChunk = 512
)

// Snapshot is a state that its machine, or another of the same program and job,
// can go back to. It shares with other snapshots what did not change between
// them, and must not be changed.
type Snapshot struct {
	rec          step.Record
	steps        uint64
	pc, fp       uint32
	fuel         int64
	frames, room int64

	mem      []*[memChunk]byte // nil: zeros
	notes    []byte            // leaves that memTree has not seen
	memTree  *machine.Tree
	slots    []*[slotChunk]uint64
	slotSpan span
	slotTree *machine.Tree
	globals  globals
	tables   []table
	stores   [3]paged.Store

	own int // bytes that it alone has, about
}

// Steps returns the number of steps taken before the snapshot.
func (s *Snapshot) Steps() uint64 { return s.steps }

// Snapshot returns the state as it is now. It copies what changed since the
// last snapshot was taken or gone back to, and hashes nothing of memory and
// slots.
func (m *Machine) Snapshot() *Snapshot {
	m.sync()
	m.note()
	s := &Snapshot{
		rec: m.rec, steps: m.steps, pc: m.pc, fp: m.fp, fuel: m.fuel, frames: m.frames, room: m.room,
		memTree: m.memTree.Snapshot(), slotTree: m.slotTree.Snapshot(), slotSpan: m.slotSpan,
		globals: m.globals.share(), stores: [3]paged.Store{m.dropped.Share(), m.nodes.Share(), m.data.Share()},
	}
	for t := range m.tables {
		s.tables = append(s.tables, m.tables[t].share())
	}
	m.captureMemory(s)
	m.captureSlots(s)
	m.base = s
	return s
}

func (m *Machine) captureMemory(s *Snapshot) {
	s.mem = make([]*[memChunk]byte, len(m.mem.bytes)/memChunk)
	if m.base != nil {
		copy(s.mem, m.base.mem)
	}
	const leaves = memChunk / machine.LeafSize
	last := -1
	eachNoted(m.mem.notes, shotUnseen, func(leaf int) {
		m.mem.notes[leaf] &^= shotUnseen
		i := leaf / leaves
		if i == last {
			return
		}
		last = i
		s.mem[i] = nil
		if b := m.mem.bytes[i*memChunk : (i+1)*memChunk]; !bytes.Equal(b, zeroChunk[:]) {
			c := [memChunk]byte(b)
			s.mem[i] = &c
			s.own += memChunk
		}
	})
	s.notes = slices.Clone(m.mem.notes)
	s.own += 8*len(s.mem) + len(s.notes)
}

var zeroChunk [memChunk]byte

// captureSlots copies whole chunks. They exist: the slots reach 65,536 behind the
// base of the last frame, and no frame is longer than that less a chunk.
func (m *Machine) captureSlots(s *Snapshot) {
	if m.base != nil {
		s.slots = slices.Clone(m.base.slots)
	}
	changed := m.slotShot
	m.slotShot = span{}
	for i := changed.low / slotChunk; i*slotChunk < changed.high; i++ {
		for len(s.slots) <= int(i) {
			s.slots = append(s.slots, nil)
		}
		c := [slotChunk]uint64(m.slots[i*slotChunk : (i+1)*slotChunk])
		s.slots[i] = nil
		if c != [slotChunk]uint64{} {
			s.slots[i] = &c
			s.own += 8 * slotChunk
		}
	}
}

// Restore goes back, or forward, to a snapshot of this run.
func (m *Machine) Restore(s *Snapshot) {
	m.note()
	m.restoreMemory(s)
	m.restoreSlots(s)
	m.rec, m.steps, m.pc, m.fp = s.rec, s.steps, s.pc, s.fp
	m.fuel, m.frames, m.room, m.err = s.fuel, s.frames, s.room, nil
	m.memTree, m.slotTree, m.slotSpan = s.memTree.Snapshot(), s.slotTree.Snapshot(), s.slotSpan
	m.globals = s.globals.share()
	for t := range m.tables {
		m.tables[t] = s.tables[t].share()
	}
	m.dropped, m.nodes, m.data = s.stores[0].Share(), s.stores[1].Share(), s.stores[2].Share()
	m.base = s
	m.low, m.high, m.slotShot = m.fp, m.fp, span{}
	if i := int(m.pc / perLeaf); i < len(m.reach) {
		m.high += m.reach[i]
	}
}

func (m *Machine) restoreMemory(s *Snapshot) {
	size := len(s.mem) * memChunk
	if old := len(m.mem.bytes); size < old {
		clear(m.mem.bytes[size:]) // it may grow again
		clear(m.mem.notes[size/machine.LeafSize:])
		m.mem.bytes, m.mem.notes = m.mem.bytes[:size], m.mem.notes[:size/machine.LeafSize]
	} else if size > old {
		m.mem.bytes, m.mem.notes = grown(m.mem.bytes, size), grown(m.mem.notes, size/machine.LeafSize)
	}
	const leaves = memChunk / machine.LeafSize
	for i := range s.mem {
		var before *[memChunk]byte
		if m.base != nil && i < len(m.base.mem) {
			before = m.base.mem[i]
		}
		noted := false
		for _, n := range m.mem.notes[i*leaves : (i+1)*leaves] {
			noted = noted || n&shotUnseen != 0
		}
		if noted || before != s.mem[i] {
			b := m.mem.bytes[i*memChunk : (i+1)*memChunk]
			if s.mem[i] == nil {
				clear(b)
			} else {
				copy(b, s.mem[i][:])
			}
		}
	}
	copy(m.mem.notes, s.notes)
}

func (m *Machine) restoreSlots(s *Snapshot) {
	var base []*[slotChunk]uint64
	if m.base != nil {
		base = m.base.slots
	}
	n := max(len(s.slots), len(base), int(m.slotShot.high+slotChunk-1)/slotChunk)
	if need := n*slotChunk + len(frame{}); need > len(m.slots) {
		m.slots = append(m.slots, make([]uint64, need-len(m.slots))...)
	}
	for i := range n {
		var before, after *[slotChunk]uint64
		if i < len(base) {
			before = base[i]
		}
		if i < len(s.slots) {
			after = s.slots[i]
		}
		changed := m.slotShot.low < uint32(i+1)*slotChunk && m.slotShot.high > uint32(i)*slotChunk
		if !changed && before == after {
			continue
		}
		b := m.slots[i*slotChunk : (i+1)*slotChunk]
		if after == nil {
			clear(b)
		} else {
			copy(b, after[:])
		}
	}
}

func (g *globals) share() globals {
	g.hash()
	return globals{values: slices.Clone(g.values), types: g.types, notes: slices.Clone(g.notes), tree: g.tree.Snapshot()}
}

func (t *table) share() table {
	t.hash()
	t.shared = true
	return table{elems: t.elems, shared: true, notes: slices.Clone(t.notes), tree: t.tree.Snapshot()}
}

package interp

import (
	"bytes"
	"encoding/binary"

	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/machine/wasm"
)

var _ machine.Space = (*Machine)(nil)

// Load implements machine.Space.
func (m *Machine) Load(r machine.Region, at uint64, p []byte) {
	switch r {
	case machine.Code:
		m.loadCode(at, p)
	case machine.Static:
		clear(p[copyFrom(p, m.static, at):])
	case machine.Memory:
		clear(p[copyFrom(p, m.mem.bytes, at):])
	case machine.Slots:
		loadWords(p, at, m.slots)
	case machine.Globals:
		m.globals.load(at, p)
	case machine.Tables:
		m.table(at).load(at%wasm.TableBytes, p)
	case machine.Dropped:
		m.dropped.Load(at, p)
	case machine.HostNodes:
		m.nodes.Load(at, p)
	default:
		m.data.Load(at, p)
	}
}

// Store implements machine.Space.
func (m *Machine) Store(r machine.Region, at uint64, p []byte) {
	switch r {
	case machine.Memory:
		copy(m.mem.bytes[at:], p)
		m.mem.touch(at, uint64(len(p)))
	case machine.Slots:
		for i := range len(p) / 8 {
			m.slots[at/8+uint64(i)] = binary.LittleEndian.Uint64(p[8*i:])
		}
		m.low, m.high = min(m.low, uint32(at/8)), max(m.high, uint32((at+uint64(len(p)))/8))
	case machine.Globals:
		m.globals.store(at, p)
	case machine.Tables:
		m.table(at).store(at%wasm.TableBytes, p)
	case machine.Dropped:
		m.dropped.Store(at, p)
	case machine.HostNodes:
		m.nodes.Store(at, p)
	case machine.HostData:
		m.data.Store(at, p)
	}
}

// Clear implements machine.Space.
func (m *Machine) Clear(r machine.Region, at, n uint64) {
	switch r {
	case machine.Memory:
		clear(m.mem.bytes[at : at+n])
		m.mem.touch(at, n)
	case machine.Slots:
		if at == 0 && n == r.Bytes() {
			m.clearSlots()
			return
		}
		clear(m.slots[at/8 : (at+n)/8])
		m.low, m.high = min(m.low, uint32(at/8)), max(m.high, uint32((at+n)/8))
	case machine.HostNodes:
		m.nodes.Clear(at, n)
	case machine.HostData:
		m.data.Clear(at, n)
	default:
		m.Store(r, at, make([]byte, n))
	}
}

func copyFrom(p, b []byte, at uint64) int {
	if at >= uint64(len(b)) {
		return 0
	}
	return copy(p, b[at:])
}

// loadCode encodes instructions; a step loads exactly one.
func (m *Machine) loadCode(at uint64, p []byte) {
	for len(p) > 0 {
		var b [wasm.InstrBytes]byte
		if i := at / wasm.InstrBytes; i < uint64(len(m.code)) {
			m.code[i].AppendBinary(b[:0])
		}
		n := copy(p, b[at%wasm.InstrBytes:])
		p, at = p[n:], at+uint64(n)
	}
}

// loadWords reads little-endian words as bytes.
func loadWords(p []byte, at uint64, words []uint64) {
	for len(p) > 0 {
		var b [8]byte
		if i := at / 8; i < uint64(len(words)) {
			binary.LittleEndian.PutUint64(b[:], words[i])
		}
		n := copy(p, b[at%8:])
		p, at = p[n:], at+uint64(n)
	}
}

// span is a range of slots.
type span struct{ low, high uint32 }

func (s *span) add(low, high uint32) {
	if low >= high {
		return
	}
	if s.low >= s.high {
		*s = span{low, high}
		return
	}
	s.low, s.high = min(s.low, low), max(s.high, high)
}

// note moves the range of slots that the loop keeps to those who will ask for
// it, and begins a new one with the frame under way.
func (m *Machine) note() {
	m.slotSpan.add(m.low, m.high)
	m.slotShot.add(m.low, m.high)
	m.low = m.fp
	m.high = m.fp
	if i := int(m.pc / perLeaf); i < len(m.reach) {
		m.high += m.reach[i]
	}
}

// hashSlots tells the tree about the slots that changed.
func (m *Machine) hashSlots() {
	const words = machine.LeafSize / 8
	var leaf machine.Leaf
	for i := m.slotSpan.low / words; i*words < m.slotSpan.high; i++ {
		for k, v := range m.slots[i*words : (i+1)*words] {
			binary.LittleEndian.PutUint64(leaf[8*k:], v)
		}
		m.slotTree.Set(uint64(i), leaf[:])
	}
	m.slotSpan = span{}
}

// memory is the guest's linear memory with a note for each leaf.
type memory struct {
	bytes []byte
	notes []byte // for each leaf, touched and what has been seen
}

// Notes on a leaf of memory: a store sets both.
const (
	rootUnseen byte = 1 << iota // the tree has not seen the leaf
	shotUnseen                  // the last snapshot has not
	touched    = rootUnseen | shotUnseen
)

// resize makes the memory so many pages long. It never shrinks.
func (m *memory) resize(pages uint32) {
	size := int(pages) * wasm.PageBytes
	if size <= len(m.bytes) {
		return
	}
	m.bytes = grown(m.bytes, size)
	m.notes = grown(m.notes, size/machine.LeafSize)
}

// grown returns b with zeros up to size.
func grown(b []byte, size int) []byte {
	if size <= cap(b) {
		return b[:size] // never used before: zeros
	}
	next := make([]byte, size, max(size, min(2*cap(b), cap(b)+64<<20)))
	copy(next, b)
	return next
}

func (m *memory) touch(at, n uint64) {
	if n == 0 {
		return
	}
	for i := at / machine.LeafSize; i <= (at+n-1)/machine.LeafSize; i++ {
		m.notes[i] = touched
	}
}

// hash tells the tree about the leaves that changed.
func (m *memory) hash(t *machine.Tree) {
	eachNoted(m.notes, rootUnseen, func(i int) {
		m.notes[i] &^= rootUnseen
		t.Set(uint64(i), m.bytes[i*machine.LeafSize:(i+1)*machine.LeafSize])
	})
}

var noNotes [64]byte

// eachNoted calls f for each leaf that carries the note.
func eachNoted(notes []byte, note byte, f func(i int)) {
	for at := 0; at < len(notes); at += len(noNotes) {
		group := notes[at:min(at+len(noNotes), len(notes))]
		if bytes.Equal(group, noNotes[:len(group)]) {
			continue
		}
		for i, n := range group {
			if n&note != 0 {
				f(at + i)
			}
		}
	}
}

// globals keeps values and types apart.
type globals struct {
	values []uint64
	types  []uint64
	notes  []byte // for each leaf: not seen by the tree
	tree   *machine.Tree
}

const globalsPerLeaf = machine.LeafSize / wasm.GlobalBytes

func newGlobals(b []byte) globals {
	g := globals{tree: machine.NewTree(machine.Globals.Depth())}
	for ; len(b) > 0; b = b[wasm.GlobalBytes:] {
		g.types = append(g.types, binary.LittleEndian.Uint64(b))
		g.values = append(g.values, binary.LittleEndian.Uint64(b[8:]))
	}
	g.notes = bytes.Repeat([]byte{1}, len(g.values)/globalsPerLeaf+1)
	return g
}

func (g *globals) load(at uint64, p []byte) {
	for len(p) > 0 {
		var b [wasm.GlobalBytes]byte
		if i := at / wasm.GlobalBytes; i < uint64(len(g.values)) {
			g.append(b[:0], int(i))
		}
		n := copy(p, b[at%wasm.GlobalBytes:])
		p, at = p[n:], at+uint64(n)
	}
}

func (g *globals) append(b []byte, i int) []byte {
	b = binary.LittleEndian.AppendUint64(b, g.types[i])
	return binary.LittleEndian.AppendUint64(b, g.values[i])
}

// store writes the value of a global, as steps do.
func (g *globals) store(at uint64, p []byte) {
	i := at / wasm.GlobalBytes
	g.values[i] = binary.LittleEndian.Uint64(p)
	g.notes[i/globalsPerLeaf] = 1
}

func (g *globals) hash() {
	for l, note := range g.notes {
		if note == 0 {
			continue
		}
		g.notes[l] = 0
		var b []byte
		for i := l * globalsPerLeaf; i < min(len(g.values), (l+1)*globalsPerLeaf); i++ {
			b = g.append(b, i)
		}
		if len(b) > 0 {
			g.tree.Set(uint64(l), b)
		}
	}
}

// table holds the elements of one table, as far as any was written.
type table struct {
	elems  []uint32
	shared bool // elems belong to a snapshot, too
	notes  []byte
	tree   *machine.Tree
}

const elemsPerLeaf = machine.LeafSize / 4

func newTable(b []byte) table {
	t := table{tree: machine.NewTree(machine.TableDepth)}
	t.elems = make([]uint32, len(b)/4)
	for i := range t.elems {
		t.elems[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	t.notes = bytes.Repeat([]byte{1}, (len(t.elems)+elemsPerLeaf-1)/elemsPerLeaf)
	return t
}

func (m *Machine) table(at uint64) *table { return &m.tables[at/wasm.TableBytes] }

func (t *table) load(at uint64, p []byte) {
	for len(p) > 0 {
		var b [4]byte
		if i := at / 4; i < uint64(len(t.elems)) {
			binary.LittleEndian.PutUint32(b[:], t.elems[i])
		}
		n := copy(p, b[at%4:])
		p, at = p[n:], at+uint64(n)
	}
}

// store writes whole elements.
func (t *table) store(at uint64, p []byte) {
	first, n := int(at/4), len(p)/4
	if t.shared {
		t.elems, t.shared = append([]uint32(nil), t.elems...), false
	}
	for len(t.elems) < first+n {
		t.elems = append(t.elems, 0)
	}
	for len(t.notes) <= (first+n)/elemsPerLeaf {
		t.notes = append(t.notes, 0)
	}
	for i := range n {
		t.elems[first+i] = binary.LittleEndian.Uint32(p[4*i:])
		t.notes[(first+i)/elemsPerLeaf] = 1
	}
}

func (t *table) hash() {
	for l, note := range t.notes {
		if note == 0 {
			continue
		}
		t.notes[l] = 0
		var leaf machine.Leaf
		t.load(uint64(l)*machine.LeafSize, leaf[:])
		t.tree.Set(uint64(l), leaf[:])
	}
}

func (t *table) root() canon.Digest {
	t.hash()
	return t.tree.Root()
}

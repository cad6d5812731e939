package step

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/machine/wasm"
)

// access is what a load or store of memory does.
type access struct {
	bytes  uint64
	signed bool
	wide   bool // a signed load extends to 64 bits
}

// loads and stores are the accesses in the order of the operations; the
// indexed forms have the same.
var (
	loads = [...]access{
		{1, false, false},
		{2, false, false},
		{4, false, false},
		{8, false, false},
		{1, true, false},
		{2, true, false},
		{1, true, true},
		{2, true, true},
		{4, true, true},
	}
	storeBytes = [...]uint64{1, 2, 4, 8}
)

func (m *machineStep) loadMemory(in wasm.Instr) (wasm.TrapCode, error) {
	n := in.Op - wasm.OpLoad8U
	base := uint32(m.slot(uint32(in.B)))
	if n >= wasm.Op(len(loads)) {
		n -= wasm.Op(len(loads))
		base += uint32(m.slot(uint32(in.C)))
	}
	a := loads[n]
	at, ok := m.address(base, in.Imm, a.bytes)
	if !ok {
		return wasm.TrapMemoryBounds, nil
	}
	var b [8]byte
	m.s.Load(machine.Memory, at, b[:a.bytes])
	v := binary.LittleEndian.Uint64(b[:])
	if a.signed {
		shift := 64 - 8*a.bytes
		v = uint64(int64(v<<shift) >> shift)
		if !a.wide {
			v = uint64(uint32(v))
		}
	}
	return m.set(in.A, v)
}

// address adds an offset; false if the access ends beyond the memory.
func (m *machineStep) address(base uint32, offset, n uint64) (uint64, bool) {
	at := uint64(base) + offset
	if offset > 1<<32 || at+n > m.memoryBytes() { // an offset of wasm has 32 bits
		return 0, false
	}
	return at, true
}

func (m *machineStep) storeMemory(in wasm.Instr) (wasm.TrapCode, error) {
	var base uint32
	var offset, v uint64
	var n uint64
	switch {
	case in.Op >= wasm.OpStore8KX:
		n = storeBytes[in.Op-wasm.OpStore8KX]
		base, offset = uint32(m.slot(uint32(in.B)))+uint32(m.slot(uint32(in.C))), uint64(in.Lo())
		v = uint64(int64(int32(in.Hi())))
	case in.Op >= wasm.OpStore8K:
		n = storeBytes[in.Op-wasm.OpStore8K]
		base, offset = uint32(m.slot(uint32(in.B))), uint64(in.Lo())
		v = uint64(int64(int32(in.Hi())))
	case in.Op >= wasm.OpStore8X:
		n = storeBytes[in.Op-wasm.OpStore8X]
		base, offset = uint32(m.slot(uint32(in.B)))+uint32(m.slot(uint32(in.C))), in.Imm
		v = m.slot(uint32(in.A))
	default:
		n = storeBytes[in.Op-wasm.OpStore8]
		base, offset = uint32(m.slot(uint32(in.B))), in.Imm
		v = m.slot(uint32(in.A))
	}
	at, ok := m.address(base, offset, n)
	if !ok {
		return wasm.TrapMemoryBounds, nil
	}
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	m.s.Store(machine.Memory, at, b[:n])
	return m.next()
}

func (m *machineStep) memoryOp(in wasm.Instr) (wasm.TrapCode, error) {
	switch in.Op {
	case wasm.OpMemorySize:
		return m.set(in.A, uint64(m.r.Pages))
	case wasm.OpMemoryGrow:
		return m.memoryGrow(in)
	case wasm.OpDataDrop:
		m.s.Store(machine.Dropped, in.Imm, []byte{1})
		return m.next()
	}
	to, value, n := uint32(m.slot(uint32(in.A))), m.slot(uint32(in.B)), uint32(m.slot(uint32(in.C)))
	from, source, sourceSize := uint32(value), machine.Memory, m.memoryBytes()
	var sourceAt uint64
	switch in.Op {
	case wasm.OpMemoryFill:
		from, sourceSize = 0, uint64(n)
	case wasm.OpMemoryInit:
		source = machine.Static
		sourceAt, sourceSize = m.segment(m.im.SegmentAt(uint32(in.Imm)), in.Imm)
	}
	if trap := m.beginBulk(n); trap != wasm.TrapNone {
		return trap, nil
	}
	if m.r.Progress == 0 && (beyond(to, n, m.memoryBytes()) || beyond(from, n, sourceSize)) {
		return wasm.TrapMemoryBounds, nil
	}
	at, k, err := m.part(uint64(n), wasm.BulkChunk, in.Op == wasm.OpMemoryCopy && to > from)
	if err != nil {
		return 0, err
	}
	switch {
	case in.Op != wasm.OpMemoryFill:
		m.move(machine.Memory, uint64(to)+at, source, sourceAt+uint64(from)+at, k)
	case k > 0:
		m.work += k / bytesWork
		m.s.Store(machine.Memory, uint64(to)+at, bytes.Repeat([]byte{byte(value)}, int(k)))
	}
	return m.advance(k, uint64(n))
}

func (m *machineStep) memoryGrow(in wasm.Instr) (wasm.TrapCode, error) {
	most := max(min(m.im.MemoryMax, pageLimit(m.job)), m.im.MemoryMin)
	n := uint64(uint32(m.slot(uint32(in.B))))
	pages := m.r.Pages
	fits := uint64(pages)+n <= uint64(most)
	if fits {
		m.charge(wasm.PageFuel * n)
	}
	if trap := m.compare(); trap != wasm.TrapNone {
		return trap, nil
	}
	if !fits {
		return m.set(in.A, 0xffffffff)
	}
	m.r.Pages += uint32(n)
	return m.set(in.A, uint64(pages))
}

// segment returns where a segment's content begins in the static region and
// its length, 0 if it has been dropped. Flag is its byte in the region of those.
func (m *machineStep) segment(recordAt, flag uint64) (at, length uint64) {
	var dropped [1]byte
	if m.s.Load(machine.Dropped, flag, dropped[:]); dropped[0] != 0 {
		return 0, 0
	}
	record := m.load64(machine.Static, recordAt)
	return record & 0xffffffff, record >> 32
}

// beginBulk charges for an operation on n units before its first one.
func (m *machineStep) beginBulk(n uint32) wasm.TrapCode {
	if m.r.Progress != 0 {
		return wasm.TrapNone
	}
	m.charge((uint64(n) + 63) / 64)
	return m.compare()
}

// beyond reports whether n units from a place on end behind size.
func beyond(at, n uint32, size uint64) bool { return uint64(at)+uint64(n) > size }

// part returns which units of n this step takes: k from number at on, the first
// that are left, or the last if backwards.
func (m *machineStep) part(n, most uint64, backwards bool) (at, k uint64, err error) {
	done := m.r.Progress
	if done > n {
		return 0, 0, fmt.Errorf("%d of %d done: %w", done, n, ErrState)
	}
	k = min(n-done, most)
	if backwards {
		return n - done - k, k, nil
	}
	return done, k, nil
}

func elementAt(t, i uint32) uint64 { return uint64(t)*wasm.TableBytes + 4*uint64(i) }

// tableSize returns the size of a table.
func (m *machineStep) tableSize(t uint32) (uint32, error) {
	if t >= uint32(min(len(m.im.Tables), MaxTables)) {
		return 0, fmt.Errorf("table %d of %d: %w", t, len(m.im.Tables), ErrState)
	}
	return m.r.Tables[t], nil
}

func (m *machineStep) tableOp(in wasm.Instr) (wasm.TrapCode, error) {
	switch in.Op {
	case wasm.OpElemDrop:
		m.s.Store(machine.Dropped, uint64(m.im.Datas)+in.Imm, []byte{1})
		return m.next()
	case wasm.OpTableCopy, wasm.OpTableInit:
		return m.tableMove(in)
	}
	t := uint32(in.Imm)
	size, err := m.tableSize(t)
	if err != nil {
		return 0, err
	}
	switch in.Op {
	case wasm.OpTableGet:
		i := uint32(m.slot(uint32(in.B)))
		if i >= size {
			return wasm.TrapTableAccess, nil
		}
		return m.set(in.A, uint64(m.load32(machine.Tables, elementAt(t, i))+1))
	case wasm.OpTableSet:
		i := uint32(m.slot(uint32(in.B)))
		if i >= size {
			return wasm.TrapTableAccess, nil
		}
		m.storeElements(t, i, 1, uint32(m.slot(uint32(in.C)))-1)
		return m.next()
	case wasm.OpTableSize:
		return m.set(in.A, uint64(size))
	case wasm.OpTableGrow:
		return m.tableGrow(in, t, size)
	}
	return m.tableFill(in, t, size)
}

func (m *machineStep) storeElements(t, i uint32, n uint64, v uint32) {
	if n > 0 {
		m.work += 4 * n / bytesWork
		m.s.Store(machine.Tables, elementAt(t, i), bytes.Repeat(binary.LittleEndian.AppendUint32(nil, v), int(n)))
	}
}

func (m *machineStep) tableGrow(in wasm.Instr, t, size uint32) (wasm.TrapCode, error) {
	value, n := uint32(m.slot(uint32(in.B)))-1, uint64(uint32(m.slot(uint32(in.C))))
	if m.r.Progress == 0 {
		fits := uint64(size)+n <= uint64(m.im.Tables[t].Max)
		if fits {
			m.charge(wasm.ElemFuel * n)
		}
		if trap := m.compare(); trap != wasm.TrapNone {
			return trap, nil
		}
		if !fits {
			return m.set(in.A, 0xffffffff)
		}
	}
	at, k, err := m.part(n, wasm.ElemChunk, false)
	if err != nil {
		return 0, err
	}
	m.storeElements(t, size+uint32(at), k, value)
	if m.r.Progress+k == n {
		m.setSlot(uint32(in.A), uint64(size))
		m.r.Tables[t] = size + uint32(n)
	}
	return m.advance(k, n)
}

func (m *machineStep) tableFill(in wasm.Instr, t, size uint32) (wasm.TrapCode, error) {
	i, value, n := uint32(m.slot(uint32(in.A))), uint32(m.slot(uint32(in.B)))-1, uint32(m.slot(uint32(in.C)))
	if trap := m.beginBulk(n); trap != wasm.TrapNone {
		return trap, nil
	}
	if m.r.Progress == 0 && beyond(i, n, uint64(size)) {
		return wasm.TrapTableAccess, nil
	}
	at, k, err := m.part(uint64(n), wasm.ElemChunk, false)
	if err != nil {
		return 0, err
	}
	m.storeElements(t, i+uint32(at), k, value)
	return m.advance(k, uint64(n))
}

// tableMove is OpTableCopy and OpTableInit.
func (m *machineStep) tableMove(in wasm.Instr) (wasm.TrapCode, error) {
	t := in.Lo()
	size, err := m.tableSize(t)
	if err != nil {
		return 0, err
	}
	to, from, n := uint32(m.slot(uint32(in.A))), uint32(m.slot(uint32(in.B))), uint32(m.slot(uint32(in.C)))
	source, backwards := machine.Static, false
	var sourceAt, sourceSize uint64
	if in.Op == wasm.OpTableInit {
		sourceAt, sourceSize = m.segment(m.im.ElemSegmentAt(in.Hi()), uint64(m.im.Datas)+uint64(in.Hi()))
	} else {
		other, err := m.tableSize(in.Hi())
		if err != nil {
			return 0, err
		}
		source, backwards = machine.Tables, t == in.Hi() && to > from
		sourceAt, sourceSize = elementAt(in.Hi(), 0), uint64(other)
	}
	if trap := m.beginBulk(n); trap != wasm.TrapNone {
		return trap, nil
	}
	if m.r.Progress == 0 && (beyond(to, n, uint64(size)) || beyond(from, n, sourceSize)) {
		return wasm.TrapTableAccess, nil
	}
	at, k, err := m.part(uint64(n), wasm.ElemChunk, backwards)
	if err != nil {
		return 0, err
	}
	m.move(machine.Tables, elementAt(t, to)+4*at, source, sourceAt+4*(uint64(from)+at), 4*k)
	return m.advance(k, uint64(n))
}

package wasi

import (
	"encoding/binary"
	"math"
)

// Memory is a guest's linear memory. Both methods answer false if any byte
// lies outside; then nothing has been read or written. Reading no bytes asks
// only whether offset is within the memory or at its end: where leaves are
// counted, it touches none. Read may return a view: this package never keeps it
// across a Write.
type Memory interface {
	Read(offset, n uint32) ([]byte, bool)
	Write(offset uint32, b []byte) bool
}

// NoMemory is the memory of a module that has none.
type NoMemory struct{}

// Read implements Memory.
func (NoMemory) Read(uint32, uint32) ([]byte, bool) { return nil, false }

// Write implements Memory.
func (NoMemory) Write(uint32, []byte) bool { return false }

// inside reports whether n bytes at offset can be written, without touching
// them. Calls ask before they have an effect, so that a bad pointer leaves
// everything as it was.
func (h *Host) inside(offset, n uint32) bool {
	end := uint64(offset) + uint64(n)
	if end > math.MaxUint32 { // a memory is at most 65,535 pages
		return false
	}
	_, ok := h.mem.Read(uint32(end), 0)
	return ok
}

// put writes b at offset.
func (h *Host) put(offset uint32, b []byte) Errno {
	if !h.mem.Write(offset, b) {
		return Fault
	}
	return Success
}

func (h *Host) putU32(offset, v uint32) Errno {
	return h.put(offset, binary.LittleEndian.AppendUint32(h.scratch(), v))
}

func (h *Host) putU64(offset uint32, v uint64) Errno {
	return h.put(offset, binary.LittleEndian.AppendUint64(h.scratch(), v))
}

// scratch returns an empty slice for small records.
func (h *Host) scratch() []byte { return h.record[:0] }

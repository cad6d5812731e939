package wasi

import "encoding/binary"

// Memory is a guest's linear memory. Both methods answer false if any byte
// lies outside; then nothing has been read or written. Read may return a view:
// this package never keeps it across a Write.
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

// inside reports whether n bytes at offset can be written. Calls ask before
// they have an effect, so that a bad pointer leaves everything as it was.
func (h *Host) inside(offset, n uint32) bool {
	_, ok := h.mem.Read(offset, n)
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

// buffer is one element of an iovec array.
type buffer struct{ at, n uint32 }

// buffers reads an iovec array and keeps what one call transfers: at most
// MaxBuffers buffers that are not empty, MaxTransfer bytes together. Every
// buffer that is kept lies inside memory.
func (h *Host) buffers(array, count uint32) ([]buffer, uint64, Errno) {
	if count > MaxVectors {
		return nil, 0, Inval
	}
	raw, ok := h.mem.Read(array, 8*count)
	if !ok {
		return nil, 0, Fault
	}
	kept, total := h.vec[:0], uint32(0)
	for ; len(raw) >= 8 && len(kept) < MaxBuffers && total < MaxTransfer; raw = raw[8:] {
		b := buffer{binary.LittleEndian.Uint32(raw), binary.LittleEndian.Uint32(raw[4:])}
		if b.n = min(b.n, MaxTransfer-total); b.n == 0 {
			continue
		}
		kept, total = append(kept, b), total+b.n
	}
	for _, b := range kept {
		if !h.inside(b.at, b.n) {
			return nil, 0, Fault
		}
	}
	return kept, uint64(total), Success
}

package wasi

import (
	"encoding/binary"
	"math"
)

// fdRead is fd_read, and fd_pread if offset is set. Call.Base is where it
// reads, Total how many bytes it gets and Index how many of them it has moved.
func (h *Host) fdRead(fd, array, count, at uint32, offset *uint64) Errno {
	d, errno := h.file(fd, rightRead)
	if errno != Success {
		return errno
	}
	c := &h.Registers.Call
	if c.Phase == phaseStart {
		if ok, errno := h.beginRead(d, array, count, at, offset); !ok {
			return errno
		}
	}
	if !h.move(func(mem uint32, k uint32, file uint64) {
		p := h.bulk[:k]
		if err := h.files.Read(d.Node, p, file); err != nil {
			h.fail(err)
			return
		}
		h.put(mem, p)
	}) || h.stop.Kind != Continue {
		return Success
	}
	if offset == nil {
		d.Offset = c.Base + c.Total
		h.files.SetDescriptor(fd, d)
	}
	return h.putU32(at, uint32(c.Total))
}

// beginRead checks and charges; false if the call ends with that.
func (h *Host) beginRead(d *Descriptor, array, count, at uint32, offset *uint64) (bool, Errno) {
	from := d.Offset
	if offset != nil {
		if d.Rights&rightSeek == 0 {
			return false, Notcapable
		}
		if from = *offset; from > math.MaxInt64 {
			return false, Inval
		}
	}
	total, errno := h.buffers(array, count)
	if errno != Success {
		return false, errno
	}
	if !h.inside(at, 4) {
		return false, Fault
	}
	size, err := h.files.Size(d.Node)
	if err != nil {
		return false, h.fail(err)
	}
	total = min(total, size-min(from, size))
	if !h.spendBytes(total) {
		return false, Success
	}
	length, err := h.files.Length(d.Node)
	if err != nil {
		return false, h.fail(err)
	}
	c := &h.Registers.Call
	c.Base, c.Total = from, min(total, length-min(from, length))
	h.keepBuffers()
	return true, Success
}

// fdWrite is fd_write, and fd_pwrite if offset is set. It has the cursors of
// fdRead.
func (h *Host) fdWrite(fd, array, count, at uint32, offset *uint64) Errno {
	d, errno := h.file(fd, rightWrite)
	if errno != Success {
		return errno
	}
	c := &h.Registers.Call
	if c.Phase == phaseStart {
		if ok, errno := h.beginWrite(d, array, count, at, offset); !ok {
			return errno
		}
	}
	if !h.move(func(mem uint32, k uint32, file uint64) {
		p, _ := h.mem.Read(mem, k)
		h.files.Write(d.Node, p, file)
	}) {
		return Success
	}
	if offset == nil && !h.isStream(d.Node) && c.Total > 0 {
		d.Offset = c.Base + c.Total
		h.files.SetDescriptor(fd, d)
	}
	return h.putU32(at, uint32(c.Total))
}

// beginWrite checks and charges, and extends the file with zeros to where the
// bytes go; false if the call ends with that.
func (h *Host) beginWrite(d *Descriptor, array, count, at uint32, offset *uint64) (bool, Errno) {
	stream := h.isStream(d.Node)
	if offset != nil {
		switch {
		case stream:
			return false, Spipe
		case d.Rights&rightSeek == 0:
			return false, Notcapable
		case *offset > math.MaxInt64:
			return false, Inval
		}
	}
	total, errno := h.buffers(array, count)
	if errno != Success {
		return false, errno
	}
	if !h.inside(at, 4) {
		return false, Fault
	}
	if total == 0 {
		return true, Success
	}
	size, err := h.files.Size(d.Node)
	if err != nil {
		return false, h.fail(err)
	}
	to := d.Offset
	switch {
	case offset != nil:
		to = *offset
	case stream || d.Flags&fdAppend != 0:
		to = size
	}
	if to > math.MaxInt64-total {
		return false, Inval
	}
	if !h.fits(size, to+total) || !h.spendBytes(total) {
		return false, Success
	}
	if to > size {
		if !h.spendBytes(to - size) {
			return false, Success
		}
		h.files.Resize(d.Node, to)
	}
	c := &h.Registers.Call
	c.Base, c.Total = to, total
	h.keepBuffers()
	return true, Success
}

// keepBuffers stores the buffers if one micro-step will not do: a read may
// write over the array that names them.
func (h *Host) keepBuffers() {
	if h.Registers.Call.Total <= stepBytes {
		return
	}
	var b [MaxBuffers * 8]byte
	for i, v := range h.vec {
		binary.LittleEndian.PutUint32(b[8*i:], v.at)
		binary.LittleEndian.PutUint32(b[8*i+4:], v.n)
	}
	h.files.StoreScratch(0, b[:])
}

func (h *Host) keptBuffers() {
	var b [MaxBuffers * 8]byte
	h.files.LoadScratch(0, b[:])
	for i := range h.vec {
		h.vec[i] = buffer{binary.LittleEndian.Uint32(b[8*i:]), binary.LittleEndian.Uint32(b[8*i+4:])}
	}
}

// move hands over the pieces of the buffers that this micro-step moves, with
// their places in memory and in the file. It answers true if those were the
// last.
func (h *Host) move(piece func(mem, k uint32, file uint64)) bool {
	c := &h.Registers.Call
	if c.Phase != phaseStart {
		h.keptBuffers()
	}
	if h.bulk == nil {
		h.bulk = make([]byte, stepBytes)
	}
	end := min(c.Index+stepBytes, c.Total)
	start := uint64(0) // of the buffer, in the bytes that are moved
	for _, b := range h.vec {
		from, to := max(start, c.Index), min(start+uint64(b.n), end)
		if from < to {
			piece(b.at+uint32(from-start), uint32(to-from), c.Base+from)
		}
		start += uint64(b.n)
	}
	if c.Index = end; c.Index < c.Total {
		h.later(phaseWork)
		return false
	}
	return true
}

// buffer is one element of an iovec array.
type buffer struct{ at, n uint32 }

// buffers reads an iovec array into h.vec and keeps what one call transfers: at
// most MaxBuffers buffers that are not empty, MaxTransfer bytes together. Every
// buffer that is kept lies inside memory. It returns their bytes.
func (h *Host) buffers(array, count uint32) (uint64, Errno) {
	clear(h.vec[:])
	if count > MaxVectors {
		return 0, Inval
	}
	raw, ok := h.mem.Read(array, 8*count)
	if !ok {
		return 0, Fault
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
			return 0, Fault
		}
	}
	return uint64(total), Success
}

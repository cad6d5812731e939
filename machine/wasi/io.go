package wasi

import (
	"encoding/binary"
	"math"

	"github.com/capacloud/assay/merkle"
)

// fdRead is fd_read, and fd_pread if offset is set.
func (h *Host) fdRead(fd, array, count, at uint32, offset *uint64) Errno {
	d, errno := h.file(fd, rightRead)
	if errno != Success {
		return errno
	}
	from := d.Offset
	if offset != nil {
		if d.Rights&rightSeek == 0 {
			return Notcapable
		}
		if from = *offset; from > math.MaxInt64 {
			return Inval
		}
	}
	bufs, total, errno := h.buffers(array, count)
	if errno != Success {
		return errno
	}
	if !h.inside(at, 4) {
		return Fault
	}
	size := h.files.Size(d.Node)
	total = min(total, size-min(from, size))
	if !h.spendBytes(total) {
		return Success
	}
	if h.bulk == nil {
		h.bulk = make([]byte, MaxTransfer)
	}
	n, err := h.files.Read(d.Node, h.bulk[:total], from)
	if err != nil {
		return h.fail(err)
	}
	rest := h.bulk[:n]
	for _, b := range bufs {
		k := min(int(b.n), len(rest))
		h.put(b.at, rest[:k])
		rest = rest[k:]
	}
	if offset == nil {
		d.Offset += uint64(n)
	}
	return h.putU32(at, uint32(n))
}

// fdWrite is fd_write, and fd_pwrite if offset is set.
func (h *Host) fdWrite(fd, array, count, at uint32, offset *uint64) Errno {
	d, errno := h.file(fd, rightWrite)
	if errno != Success {
		return errno
	}
	stream := h.isStream(d.Node)
	if offset != nil {
		switch {
		case stream:
			return Spipe
		case d.Rights&rightSeek == 0:
			return Notcapable
		case *offset > math.MaxInt64:
			return Inval
		}
	}
	bufs, total, errno := h.buffers(array, count)
	if errno != Success {
		return errno
	}
	if !h.inside(at, 4) {
		return Fault
	}
	if total == 0 {
		return h.putU32(at, 0)
	}
	size := h.files.Size(d.Node)
	to := d.Offset
	switch {
	case offset != nil:
		to = *offset
	case stream || d.Flags&fdAppend != 0:
		to = size
	}
	if to > math.MaxInt64-total {
		return Inval
	}
	if !h.store(d.Node, bufs, size, to, total) {
		return Success
	}
	if offset == nil && !stream {
		d.Offset = to + total
	}
	return h.putU32(at, uint32(total))
}

// store writes the buffers at offset to, with zeros before it if the file is
// shorter. It answers false if the run stops instead.
func (h *Host) store(n Node, bufs []buffer, size, to, total uint64) bool {
	if !h.fits(size, to+total) || !h.spendBytes(total) {
		return false
	}
	if to > size {
		if !h.spendBytes(to - size) {
			return false
		}
		h.files.Resize(n, to)
	}
	for _, b := range bufs {
		p, _ := h.mem.Read(b.at, b.n)
		h.files.Write(n, p, to)
		to += uint64(b.n)
	}
	return true
}

const direntBytes = 24

// fdReaddir lists a folder from a cookie on. The cookie of an entry is its
// number in the listing, and the descriptor remembers the name of the last
// entry that it listed in full: a guest that deletes while it lists, and goes
// on from there, misses nothing. Any other cookie counts entries from the
// folder's start as it is now.
func (h *Host) fdReaddir(fd, at, n uint32, cookie uint64, usedAt uint32) Errno {
	d, errno := h.descriptor(fd)
	switch {
	case errno != Success:
		return errno
	case d.Node.Kind != merkle.Folder:
		return Notdir
	case d.Rights&rightReaddir == 0:
		return Notcapable
	case !h.inside(at, n) || !h.inside(usedAt, 4):
		return Fault
	}
	last, ok, err := h.resume(d, cookie)
	if err != nil {
		return h.fail(err)
	}
	var list []byte
	number := cookie
	whole, wholeName := cookie, last
	for ok && uint64(len(list)) < uint64(n) {
		name, child, more, err := h.files.Next(d.Node, last)
		if err != nil {
			return h.fail(err)
		}
		if !more {
			break
		}
		if !h.spend(StepFuel) {
			return Success
		}
		number, last = number+1, name
		list = appendDirent(list, number, name, child)
		if uint64(len(list)) <= uint64(n) {
			whole, wholeName = number, name
		}
	}
	list = list[:min(uint64(len(list)), uint64(n))]
	if !h.spendBytes(uint64(len(list))) {
		return Success
	}
	d.Cookie, d.Name = whole, wholeName
	h.put(at, list)
	return h.putU32(usedAt, uint32(len(list)))
}

// resume returns the name after which a listing goes on; false if nothing can
// follow.
func (h *Host) resume(d *Descriptor, cookie uint64) (string, bool, error) {
	switch cookie {
	case 0:
		return "", true, nil
	case d.Cookie:
		return d.Name, true, nil
	}
	return h.files.Name(d.Node, cookie-1)
}

func appendDirent(b []byte, next uint64, name string, n Node) []byte {
	b = binary.LittleEndian.AppendUint64(b, next)
	b = binary.LittleEndian.AppendUint64(b, n.Inode)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(name)))
	b = append(b, fileType(n), 0, 0, 0)
	return append(b, name...)
}

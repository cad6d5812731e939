package wasi

import (
	"encoding/binary"
	"math"

	"github.com/capacloud/assay/merkle"
)

// dispatchFd carries out the calls whose first argument is a descriptor.
func (h *Host) dispatchFd(fn Func, a *arguments) Errno {
	fd := a.u32(0)
	switch fn {
	case FdAdvise:
		return h.fdAdvise(fd, a[1], a[2], a.u32(3))
	case FdAllocate:
		return h.fdAllocate(fd, a[1], a[2])
	case FdClose:
		return h.fdClose(fd)
	case FdDatasync, FdSync:
		_, errno := h.descriptor(fd)
		return errno
	case FdFdstatGet:
		return h.fdstatGet(fd, a.u32(1))
	case FdFdstatSetFlags:
		return h.fdstatSetFlags(fd, a.u32(1))
	case FdFdstatSetRights:
		return h.fdstatSetRights(fd, a[1], a[2])
	case FdFilestatGet:
		return h.fdFilestatGet(fd, a.u32(1))
	case FdFilestatSetSize:
		return h.fdSetSize(fd, a[1])
	case FdFilestatSetTimes:
		return h.fdSetTimes(fd)
	case FdPread:
		return h.fdRead(fd, a.u32(1), a.u32(2), a.u32(4), &a[3])
	case FdRead:
		return h.fdRead(fd, a.u32(1), a.u32(2), a.u32(3), nil)
	case FdPwrite:
		return h.fdWrite(fd, a.u32(1), a.u32(2), a.u32(4), &a[3])
	case FdWrite:
		return h.fdWrite(fd, a.u32(1), a.u32(2), a.u32(3), nil)
	case FdPrestatGet:
		return h.prestatGet(fd, a.u32(1))
	case FdPrestatDirName:
		return h.prestatDirName(fd, a.u32(1), a.u32(2))
	case FdReaddir:
		return h.fdReaddir(fd, a.u32(1), a.u32(2), a[3], a.u32(4))
	case FdRenumber:
		return h.fdRenumber(fd, a.u32(1))
	case FdSeek:
		return h.fdSeek(fd, int64(a[1]), a.u32(2), a.u32(3))
	case FdTell:
		return h.fdSeek(fd, 0, whenceCur, a.u32(1))
	}
	return Nosys
}

// descriptor returns an open descriptor. What a call changes in it holds once
// it is saved; the next call of descriptor overwrites it.
func (h *Host) descriptor(fd uint32) (*Descriptor, Errno) {
	if !h.Registers.isOpen(fd) {
		return nil, Badf
	}
	h.table = h.files.Descriptor(fd)
	return &h.table, Success
}

// file returns an open descriptor of a file that has the right.
func (h *Host) file(fd uint32, right uint64) (*Descriptor, Errno) {
	d, errno := h.descriptor(fd)
	switch {
	case errno != Success:
		return nil, errno
	case d.Node.Kind == merkle.Folder:
		return nil, Isdir
	case d.Rights&right != right:
		return nil, Notcapable
	}
	return d, Success
}

// writable returns a descriptor whose file may be cut and extended. Files of
// the input never carry the rights for which it is called.
func (h *Host) writable(fd uint32, right uint64) (*Descriptor, Errno) {
	d, errno := h.file(fd, right)
	if errno == Success && h.isStream(d.Node) {
		return nil, Inval
	}
	return d, errno
}

func (h *Host) isStream(n Node) bool {
	return n.Space == Out && (n == h.files.Root(Stdout) || n == h.files.Root(Stderr))
}

// occupy opens a descriptor under a number that is free.
func (h *Host) occupy(fd uint32, d *Descriptor) {
	if d.Node.Space == Out {
		h.files.Hold(d.Node, 1)
	}
	h.files.SetDescriptor(fd, d)
	h.Registers.setOpen(fd, true)
}

func (h *Host) fdClose(fd uint32) Errno {
	d, errno := h.descriptor(fd)
	if errno != Success {
		return errno
	}
	h.release(fd, d.Node)
	return Success
}

// release closes the descriptor of a node, and frees what only it kept alive.
func (h *Host) release(fd uint32, n Node) {
	h.files.SetDescriptor(fd, &Descriptor{})
	h.Registers.setOpen(fd, false)
	if n.Space == Out && h.files.Hold(n, -1) == 0 && !h.files.Attached(n) {
		h.files.Drop(n)
	}
}

func (h *Host) fdRenumber(from, to uint32) Errno {
	d, errno := h.descriptor(from)
	if errno != Success {
		return errno
	}
	moved := *d
	old, errno := h.descriptor(to)
	if errno != Success || from == to {
		return errno
	}
	h.release(to, old.Node)
	h.files.SetDescriptor(from, &Descriptor{})
	h.Registers.setOpen(from, false)
	h.files.SetDescriptor(to, &moved)
	h.Registers.setOpen(to, true)
	return Success
}

func (h *Host) fdAdvise(fd uint32, offset, length uint64, advice uint32) Errno {
	if _, errno := h.file(fd, 0); errno != Success {
		return errno
	}
	if advice > 5 || offset > math.MaxInt64 || length > math.MaxInt64 {
		return Inval
	}
	return Success
}

func (h *Host) fdAllocate(fd uint32, offset, length uint64) Errno {
	d, errno := h.writable(fd, rightAllocate)
	if errno != Success {
		return errno
	}
	if length == 0 || offset > math.MaxInt64 || length > math.MaxInt64-offset {
		return Inval
	}
	size, err := h.files.Size(d.Node)
	if err != nil {
		return h.fail(err)
	}
	if end := offset + length; end > size && h.extend(size, end) {
		h.files.Resize(d.Node, end)
	}
	return Success
}

// extend checks the output limit for a file that grows from size to end, and
// charges for the zeros.
func (h *Host) extend(size, end uint64) bool {
	if !h.fits(size, end) {
		return false
	}
	return h.spendBytes(end - size)
}

// fits stops the run if a file that grows from size to end exceeds the limit.
func (h *Host) fits(size, end uint64) bool {
	used, _ := h.files.Used()
	if end > size && (used > h.cfg.Output || end-size > h.cfg.Output-used) {
		h.stop = Stop{Kind: StopOutputLimit}
		return false
	}
	return true
}

func (h *Host) fdSetSize(fd uint32, size uint64) Errno {
	d, errno := h.writable(fd, rightFilestatSetSize)
	if errno != Success {
		return errno
	}
	if size > math.MaxInt64 {
		return Inval
	}
	old, err := h.files.Size(d.Node)
	if err != nil {
		return h.fail(err)
	}
	if size <= old || h.extend(old, size) {
		h.files.Resize(d.Node, size)
	}
	return Success
}

func (h *Host) fdSetTimes(fd uint32) Errno {
	d, errno := h.descriptor(fd)
	if errno == Success && d.Node.Space == In {
		return Rofs
	}
	return errno
}

func (h *Host) fdstatGet(fd, at uint32) Errno {
	d, errno := h.descriptor(fd)
	if errno != Success {
		return errno
	}
	b := h.record[:24]
	clear(b)
	b[0] = fileType(d.Node)
	binary.LittleEndian.PutUint16(b[2:], d.Flags)
	binary.LittleEndian.PutUint64(b[8:], d.Rights)
	binary.LittleEndian.PutUint64(b[16:], d.Inherited)
	return h.put(at, b)
}

func fileType(n Node) byte {
	if n.Kind == merkle.Folder {
		return typeDirectory
	}
	return typeRegular
}

func (h *Host) fdstatSetFlags(fd, flags uint32) Errno {
	d, errno := h.descriptor(fd)
	switch {
	case errno != Success:
		return errno
	case flags&^uint32(fdAllFlags) != 0:
		return Inval
	case d.Rights&rightSetFlags == 0:
		return Notcapable
	}
	d.Flags = uint16(flags)
	h.files.SetDescriptor(fd, d)
	return Success
}

func (h *Host) fdstatSetRights(fd uint32, base, inherited uint64) Errno {
	d, errno := h.descriptor(fd)
	if errno != Success {
		return errno
	}
	if base&^d.Rights != 0 || inherited&^d.Inherited != 0 {
		return Notcapable
	}
	d.Rights, d.Inherited = base, inherited
	h.files.SetDescriptor(fd, d)
	return Success
}

func (h *Host) fdFilestatGet(fd, at uint32) Errno {
	d, errno := h.descriptor(fd)
	if errno != Success {
		return errno
	}
	if d.Rights&rightFilestatGet == 0 {
		return Notcapable
	}
	return h.putFilestat(at, d.Node)
}

func (h *Host) putFilestat(at uint32, n Node) Errno {
	size, err := h.files.Size(n)
	if err != nil {
		return h.fail(err)
	}
	b := h.record[:64]
	clear(b)
	binary.LittleEndian.PutUint64(b, uint64(n.Space))
	binary.LittleEndian.PutUint64(b[8:], n.Inode)
	b[16] = fileType(n)
	binary.LittleEndian.PutUint64(b[24:], 1)
	binary.LittleEndian.PutUint64(b[32:], size)
	for i := 40; i < 64; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], h.origin(clockRealtime))
	}
	return h.put(at, b)
}

func (h *Host) preopen(fd uint32) (string, Errno) {
	d, errno := h.descriptor(fd)
	if errno != Success {
		return "", errno
	}
	if !d.Preopen {
		return "", Badf
	}
	if d.Node.Space == In {
		return preopens[3], Success
	}
	return preopens[4], Success
}

func (h *Host) prestatGet(fd, at uint32) Errno {
	name, errno := h.preopen(fd)
	if errno != Success {
		return errno
	}
	b := h.record[:8] // tag 0: a folder
	clear(b)
	binary.LittleEndian.PutUint32(b[4:], uint32(len(name)))
	return h.put(at, b)
}

func (h *Host) prestatDirName(fd, at, n uint32) Errno {
	name, errno := h.preopen(fd)
	if errno != Success {
		return errno
	}
	if uint64(n) < uint64(len(name)) {
		return Nametoolong
	}
	return h.put(at, []byte(name))
}

func (h *Host) fdSeek(fd uint32, delta int64, whence, at uint32) Errno {
	d, errno := h.file(fd, 0)
	if errno != Success {
		return errno
	}
	if h.isStream(d.Node) {
		return Spipe
	}
	// A descriptor that may tell but not seek can seek nowhere.
	if d.Rights&rightSeek == 0 && (delta != 0 || whence != whenceCur || d.Rights&rightTell == 0) {
		return Notcapable
	}
	var from uint64
	switch whence {
	case whenceSet:
	case whenceCur:
		from = d.Offset
	case whenceEnd:
		var err error
		if from, err = h.files.Size(d.Node); err != nil {
			return h.fail(err)
		}
	default:
		return Inval
	}
	// Both are below 2^63, so the sum cannot wrap.
	to := int64(from) + delta
	if to < 0 {
		return Inval
	}
	if errno := h.putU64(at, uint64(to)); errno != Success {
		return errno
	}
	d.Offset = uint64(to)
	h.files.SetDescriptor(fd, d)
	return Success
}

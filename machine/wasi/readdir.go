package wasi

import (
	"encoding/binary"
	"math"

	"github.com/capacloud/assay/merkle"
)

const (
	direntBytes = 24
	// stepEntries is the number of folder entries that one micro-step lists.
	stepEntries = 4
	// noEntry is behind every folder's end.
	noEntry = math.MaxUint64
)

// fdReaddir lists a folder from a cookie on. The cookie of an entry is its
// number in the listing, and the descriptor remembers the name of the last
// entry that it listed in full: a guest that deletes while it lists, and goes
// on from there, misses nothing. Any other cookie counts entries from the
// folder's start as it is now.
//
// The entries are gone through twice, since a call charges before it has an
// effect: phaseWork counts, phaseMore writes. Call.Base is the first entry's
// place in the folder, Index the number of entries seen, Bytes their length,
// Whole the number that fit in full and Total the bytes to write.
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
	c := &h.Registers.Call
	if c.Phase == phaseStart {
		_, first, err := h.resume(d, cookie)
		if err != nil {
			return h.fail(err)
		}
		c.Base = first
		return h.later(phaseWork)
	}
	if c.Phase == phaseWork {
		return h.countEntries(d.Node, uint64(n))
	}
	if ok, errno := h.writeEntries(d.Node, at, cookie); !ok {
		return errno
	}
	name, _, err := h.resume(d, cookie)
	if err == nil && c.Whole > 0 {
		name, _, _, err = h.files.Entry(d.Node, c.Base+c.Whole-1)
	}
	if err != nil {
		return h.fail(err)
	}
	d.Cookie, d.Name = cookie+c.Whole, name
	h.files.SetDescriptor(fd, d)
	return h.putU32(usedAt, uint32(c.Total))
}

// resume returns the name after which a listing goes on and the place of the
// entry behind it, or noEntry.
func (h *Host) resume(d *Descriptor, cookie uint64) (string, uint64, error) {
	switch cookie {
	case 0:
		return "", 0, nil
	case d.Cookie:
		first, err := h.files.Rank(d.Node, d.Name)
		return d.Name, first, err
	}
	name, _, ok, err := h.files.Entry(d.Node, cookie-1)
	if !ok {
		return "", noEntry, err
	}
	return name, cookie, err
}

// countEntries goes through the entries that begin within n bytes, charges for
// each, and behind the last for the bytes.
func (h *Host) countEntries(folder Node, n uint64) Errno {
	c := &h.Registers.Call
	for range stepEntries {
		if c.Bytes >= n {
			return h.countedEntries(n)
		}
		name, _, ok, err := h.files.Entry(folder, c.Base+c.Index)
		if err != nil {
			return h.fail(err)
		}
		if !ok {
			return h.countedEntries(n)
		}
		if !h.spend(StepFuel) {
			return Success
		}
		c.Index++
		if c.Bytes += direntBytes + uint64(len(name)); c.Bytes <= n {
			c.Whole = c.Index
		}
	}
	return h.later(phaseWork)
}

func (h *Host) countedEntries(n uint64) Errno {
	c := &h.Registers.Call
	c.Total = min(c.Bytes, n)
	if !h.spendBytes(c.Total) {
		return Success
	}
	c.Index, c.Bytes = 0, 0
	return h.later(phaseMore)
}

// writeEntries writes entries; true if all are written.
func (h *Host) writeEntries(folder Node, at uint32, cookie uint64) (bool, Errno) {
	c := &h.Registers.Call
	var dirent [direntBytes + merkle.MaxNameBytes]byte
	for range stepEntries {
		if c.Bytes >= c.Total {
			return true, Success
		}
		name, n, _, err := h.files.Entry(folder, c.Base+c.Index)
		if err != nil {
			return false, h.fail(err)
		}
		c.Index++
		b := appendDirent(dirent[:0], cookie+c.Index, name, n)
		b = b[:min(uint64(len(b)), c.Total-c.Bytes)]
		h.put(at+uint32(c.Bytes), b)
		c.Bytes += uint64(len(b))
	}
	if c.Bytes >= c.Total {
		return true, Success
	}
	return false, h.later(phaseMore)
}

func appendDirent(b []byte, next uint64, name string, n Node) []byte {
	b = binary.LittleEndian.AppendUint64(b, next)
	b = binary.LittleEndian.AppendUint64(b, n.Inode)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(name)))
	b = append(b, fileType(n), 0, 0, 0)
	return append(b, name...)
}

package wasi

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"

	"github.com/capacloud/assay/merkle"
)

// place is where a path leads: an entry of a folder, there or not.
type place struct {
	folder Node
	name   string // empty if the path ends at its start or in ".."
	node   Node
	exists bool
	slash  bool // the path demands a folder
}

// resolve follows a path from a folder's descriptor, one part in a micro-step.
// It answers false while it is under way and when the call ends with it. A path
// that climbs above that folder is refused, even where a preopened folder lies
// above it.
//
// It uses the phase begin and the one behind it, in Call the fields Index (where
// the rest of the path begins), Here, Exists, Named, NameAt, NameLen, Slash and
// Depth, and in the scratch area the stack of the folders above Here.
func (h *Host) resolve(begin uint8, fd, at, n uint32, right uint64) (place, bool, Errno) {
	c := &h.Registers.Call
	if c.Phase == begin {
		if ok, errno := h.beginPath(fd, at, n, right); !ok {
			return place{}, false, errno
		}
	}
	if c.Phase <= begin+1 {
		rest, _ := h.mem.Read(at, min(n, MaxPathBytes)) // no longer, whatever the registers say
		path := string(rest[min(c.Index, uint64(len(rest))):])
		from, to := nextPart(path)
		if from < to {
			part := path[from:to]
			c.NameAt, c.NameLen = uint32(c.Index)+uint32(from), uint32(to-from)
			c.Index += uint64(to)
			if errno := h.walk(part); errno != Success {
				return place{}, false, errno
			}
			return place{}, false, h.later(begin + 1)
		}
		if c.Exists && c.Slash && c.Here.Kind != merkle.Folder {
			return place{}, false, Notdir
		}
	}
	p := place{node: c.Here, exists: c.Exists, slash: c.Slash}
	if c.Named {
		name, _ := h.mem.Read(at+c.NameAt, c.NameLen)
		p.folder, p.name = h.above(), string(name)
	}
	return p, true, Success
}

// beginPath checks the descriptor and the path, and charges; false if the call
// ends with that.
func (h *Host) beginPath(fd, at, n uint32, right uint64) (bool, Errno) {
	d, errno := h.descriptor(fd)
	switch {
	case errno != Success:
		return false, errno
	case d.Node.Kind != merkle.Folder:
		return false, Notdir
	case d.Rights&right != right:
		return false, Notcapable
	}
	path, errno := h.pathText(at, n)
	if errno != Success {
		return false, errno
	}
	parts, errno := countParts(path)
	if errno != Success || !h.spend(StepFuel*parts) {
		return false, errno
	}
	c := &h.Registers.Call
	c.Index, c.Depth, c.NameAt, c.NameLen = 0, 0, 0, 0
	c.Here, c.Exists, c.Named = d.Node, true, false
	c.Slash = strings.HasSuffix(path, "/") || strings.HasSuffix(path, "/.")
	return true, Success
}

// pathText reads a path.
func (h *Host) pathText(at, n uint32) (string, Errno) {
	if n > MaxPathBytes {
		return "", Nametoolong
	}
	b, ok := h.mem.Read(at, n)
	switch {
	case !ok:
		return "", Fault
	case n == 0:
		return "", Noent
	case !utf8.Valid(b):
		return "", Ilseq
	}
	path := string(b)
	switch {
	case path[0] == '/':
		return "", Notcapable
	case strings.IndexByte(path, 0) >= 0:
		return "", Inval
	}
	return path, Success
}

// nextPart returns where the first part of a path that moves begins and ends;
// twice the same if there is none.
func nextPart(path string) (int, int) {
	for from := 0; from < len(path); {
		to := strings.IndexByte(path[from:], '/')
		if to += from; to < from {
			to = len(path)
		}
		if part := path[from:to]; part != "" && part != "." {
			return from, to
		}
		from = to + 1
	}
	return 0, 0
}

// countParts returns the number of parts of a path that move.
func countParts(path string) (uint64, Errno) {
	for n := uint64(0); ; n++ {
		from, to := nextPart(path)
		switch {
		case from == to:
			return n, Success
		case to-from > merkle.MaxNameBytes || n == MaxPathParts:
			return 0, Nametoolong
		}
		path = path[to:]
	}
}

// walk follows one part of a path.
func (h *Host) walk(part string) Errno {
	c := &h.Registers.Call
	switch {
	case !c.Exists:
		return Noent
	case c.Here.Kind != merkle.Folder:
		return Notdir
	case part == "..":
		if c.Depth == 0 {
			return Notcapable
		}
		c.Here, c.Named = h.above(), false
		c.Depth--
		return Success
	}
	child, ok, err := h.files.Lookup(c.Here, part)
	if err != nil {
		return h.fail(err)
	}
	h.push(c.Here)
	c.Here, c.Exists, c.Named = child, ok, true
	return Success
}

// stackStride is the room of a node on the path stack.
const stackStride = 64

// push puts a folder on the path stack. A path has no more parts than the stack
// has room for.
func (h *Host) push(folder Node) {
	c := &h.Registers.Call
	if c.Depth == MaxPathParts {
		h.fail(ErrState)
		return
	}
	h.files.StoreScratch(c.Depth*stackStride, folder.append(h.scratch()))
	c.Depth++
}

// above returns the folder on top of the path stack.
func (h *Host) above() Node {
	b := h.record[:nodeBytes]
	h.files.LoadScratch((h.Registers.Call.Depth-1)*stackStride, b)
	n, ok := decodeNode(b)
	if !ok {
		h.fail(ErrState)
	}
	return n
}

// decodeNode reads a stored node; false if it is none.
func decodeNode(b []byte) (Node, bool) {
	d := decoder{b: b}
	n := d.node()
	return n, !d.bad && binary.LittleEndian.Uint16(b) != 0
}

package wasi

import (
	"strings"
	"unicode/utf8"

	"github.com/capacloud/assay/merkle"
)

// dispatchPath carries out the calls that name a file by path.
func (h *Host) dispatchPath(fn Func, a *arguments) Errno {
	switch fn {
	case PathCreateDirectory:
		return h.pathMkdir(a.u32(0), a.u32(1), a.u32(2))
	case PathFilestatGet:
		return h.pathStat(a.u32(0), a.u32(2), a.u32(3), a.u32(4))
	case PathFilestatSetTimes:
		return h.pathSetTimes(a.u32(0), a.u32(2), a.u32(3))
	case PathOpen:
		return h.pathOpen(a)
	case PathRemoveDirectory:
		return h.pathRmdir(a.u32(0), a.u32(1), a.u32(2))
	case PathRename:
		return h.pathRename(a)
	case PathUnlinkFile:
		return h.pathUnlink(a.u32(0), a.u32(1), a.u32(2))
	}
	return Nosys
}

// place is where a path leads: an entry of a folder, there or not.
type place struct {
	folder Node
	name   string // empty if the path ends at its start or in ".."
	node   Node
	exists bool
	slash  bool // the path demands a folder
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

// resolve follows a path from a folder's descriptor. A path that climbs above
// that folder is refused, even where a preopened folder lies above it.
func (h *Host) resolve(fd, at, n uint32, right uint64) (place, Errno) {
	d, errno := h.descriptor(fd)
	switch {
	case errno != Success:
		return place{}, errno
	case d.Node.Kind != merkle.Folder:
		return place{}, Notdir
	case d.Rights&right != right:
		return place{}, Notcapable
	}
	path, errno := h.pathText(at, n)
	if errno != Success {
		return place{}, errno
	}
	parts, errno := split(path)
	if errno != Success || !h.spend(StepFuel*uint64(len(parts))) {
		return place{}, errno
	}
	p, errno := h.walk(d.Node, parts)
	p.slash = strings.HasSuffix(path, "/") || strings.HasSuffix(path, "/.")
	if errno == Success && p.exists && p.slash && p.node.Kind != merkle.Folder {
		return place{}, Notdir
	}
	return p, errno
}

// split returns the parts of a path that move.
func split(path string) ([]string, Errno) {
	var parts []string
	for part := range strings.SplitSeq(path, "/") {
		switch {
		case part == "" || part == ".":
			continue
		case len(part) > merkle.MaxNameBytes || len(parts) == MaxPathParts:
			return nil, Nametoolong
		}
		parts = append(parts, part)
	}
	return parts, Success
}

func (h *Host) walk(start Node, parts []string) (place, Errno) {
	above := []Node{} // the folders between start and here
	here := place{node: start, exists: true}
	for _, part := range parts {
		switch {
		case !here.exists:
			return place{}, Noent
		case here.node.Kind != merkle.Folder:
			return place{}, Notdir
		case part == "..":
			if len(above) == 0 {
				return place{}, Notcapable
			}
			here = place{node: above[len(above)-1], exists: true}
			above = above[:len(above)-1]
			continue
		}
		child, ok, err := h.files.Lookup(here.node, part)
		if err != nil {
			return place{}, h.fail(err)
		}
		above = append(above, here.node)
		here = place{folder: here.node, name: part, node: child, exists: ok}
	}
	return here, Success
}

// create adds an entry for a place that is free.
func (h *Host) create(p place, kind merkle.Kind) (Node, Errno) {
	if p.folder.Space != Out {
		return Node{}, Rofs
	}
	if _, nodes := h.files.Used(); nodes >= h.cfg.Files {
		return Node{}, Nospc
	}
	n, ok := h.files.Create(p.folder, p.name, kind)
	if !ok {
		return Node{}, Noent
	}
	return n, Success
}

func (h *Host) pathMkdir(fd, at, n uint32) Errno {
	p, errno := h.resolve(fd, at, n, rightCreateDirectory)
	if errno != Success || h.stop.Kind != Continue {
		return errno
	}
	if p.exists {
		return Exist
	}
	_, errno = h.create(p, merkle.Folder)
	return errno
}

func (h *Host) pathStat(fd, at, n, statAt uint32) Errno {
	p, errno := h.resolve(fd, at, n, rightPathFilestatGet)
	if errno != Success || h.stop.Kind != Continue {
		return errno
	}
	if !p.exists {
		return Noent
	}
	return h.putFilestat(statAt, p.node)
}

func (h *Host) pathSetTimes(fd, at, n uint32) Errno {
	p, errno := h.resolve(fd, at, n, rightPathFilestatSetTimes)
	switch {
	case errno != Success || h.stop.Kind != Continue:
		return errno
	case !p.exists:
		return Noent
	case p.node.Space == In:
		return Rofs
	}
	return Success
}

// pathOpen is path_open(fd, lookup flags, path, length, open flags, rights,
// inherited rights, descriptor flags, result).
func (h *Host) pathOpen(a *arguments) Errno {
	fd, flags, fdFlags, at := a.u32(0), a.u32(4), a.u32(7), a.u32(8)
	p, errno := h.resolve(fd, a.u32(2), a.u32(3), rightOpen)
	switch {
	case errno != Success || h.stop.Kind != Continue:
		return errno
	case flags&^uint32(openAllFlags) != 0 || fdFlags&^uint32(fdAllFlags) != 0:
		return Inval
	case !h.inside(at, 4):
		return Fault
	case !h.spare():
		return Mfile
	}
	parent := h.State.Descriptors[fd]
	rights := a[5] & parent.Inherited
	if errno := checkOpen(p, flags, rights); errno != Success {
		return errno
	}
	switch {
	case !p.exists:
		if parent.Rights&rightCreateFile == 0 {
			return Notcapable
		}
		if p.node, errno = h.create(p, merkle.File); errno != Success {
			return errno
		}
	case p.node.Kind == merkle.File:
		// Reading nothing asks for the bytes once: if they are missing, the
		// run ends here and not in the middle of a read.
		if _, err := h.files.Read(p.node, nil, 0); err != nil {
			return h.fail(err)
		}
		if flags&openTruncate != 0 {
			h.files.Resize(p.node, 0)
		}
	}
	allowed := fileRights
	if p.node.Kind == merkle.Folder {
		allowed = folderRights
	}
	if p.node.Space == In {
		allowed &^= changeRights
	}
	return h.putU32(at, h.open(Descriptor{
		Node: p.node, Flags: uint16(fdFlags), Rights: rights & allowed, Inherited: a[6] & parent.Inherited,
	}))
}

// checkOpen refuses what the flags and the kind of file exclude.
func checkOpen(p place, flags uint32, rights uint64) Errno {
	creating := flags&openCreate != 0
	if !p.exists {
		switch {
		case !creating:
			return Noent
		case flags&openDirectory != 0:
			return Inval
		case p.slash:
			return Isdir
		}
		return Success
	}
	changes := flags&openTruncate != 0 || rights&rightWrite != 0
	switch {
	case creating && flags&openExclusive != 0:
		return Exist
	case p.node.Kind == merkle.Folder && (creating || changes):
		return Isdir
	case p.node.Kind == merkle.File && flags&openDirectory != 0:
		return Notdir
	case p.node.Space == In && changes:
		return Rofs
	}
	return Success
}

// removable resolves a path to an entry of /out that is to be taken away.
func (h *Host) removable(fd, at, n uint32, right uint64) (place, Errno) {
	p, errno := h.resolve(fd, at, n, right)
	switch {
	case errno != Success || h.stop.Kind != Continue:
		return p, errno
	case !p.exists:
		return p, Noent
	case p.node.Space == In:
		return p, Rofs
	case p.name == "":
		return p, Inval
	}
	return p, Success
}

func (h *Host) pathUnlink(fd, at, n uint32) Errno {
	p, errno := h.removable(fd, at, n, rightUnlinkFile)
	if errno != Success || h.stop.Kind != Continue {
		return errno
	}
	if p.node.Kind == merkle.Folder {
		return Isdir
	}
	h.remove(p.node)
	return Success
}

func (h *Host) remove(n Node) {
	h.files.Detach(n)
	h.dropUnused(n)
}

func (h *Host) pathRmdir(fd, at, n uint32) Errno {
	p, errno := h.removable(fd, at, n, rightRemoveDirectory)
	if errno != Success || h.stop.Kind != Continue {
		return errno
	}
	if p.node.Kind != merkle.Folder {
		return Notdir
	}
	if errno := h.empty(p.node); errno != Success {
		return errno
	}
	h.remove(p.node)
	return Success
}

func (h *Host) empty(folder Node) Errno {
	_, _, any, err := h.files.Next(folder, "")
	if err != nil {
		return h.fail(err)
	}
	if any {
		return Notempty
	}
	return Success
}

// pathRename is path_rename(fd, path, length, new fd, new path, new length).
func (h *Host) pathRename(a *arguments) Errno {
	from, errno := h.removable(a.u32(0), a.u32(1), a.u32(2), rightRenameSource)
	if errno != Success || h.stop.Kind != Continue {
		return errno
	}
	to, errno := h.resolve(a.u32(3), a.u32(4), a.u32(5), rightRenameTarget)
	switch {
	case errno != Success || h.stop.Kind != Continue:
		return errno
	case to.name == "":
		return Inval
	case to.folder.Space == In:
		return Rofs
	case !h.files.Attached(to.folder):
		return Noent
	case to.exists && to.node == from.node:
		return Success
	case from.node.Kind == merkle.Folder && h.files.Contains(from.node, to.folder):
		return Inval
	case from.node.Kind == merkle.File && to.slash:
		return Notdir
	}
	if to.exists {
		if errno := h.replaceable(from.node, to.node); errno != Success {
			return errno
		}
		h.remove(to.node)
	}
	h.files.Move(from.node, to.folder, to.name)
	return Success
}

// replaceable tells whether one node may take the place of another.
func (h *Host) replaceable(n, old Node) Errno {
	switch {
	case n.Kind == merkle.File && old.Kind == merkle.Folder:
		return Isdir
	case n.Kind == merkle.Folder && old.Kind == merkle.File:
		return Notdir
	case old.Kind == merkle.Folder:
		return h.empty(old)
	}
	return Success
}

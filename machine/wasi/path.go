package wasi

import "github.com/capacloud/assay/merkle"

// dispatchPath carries out the calls that name a file by path. Each resolves
// its path first, and acts in the micro-step in which no part is left.
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
	p, ok, errno := h.resolve(phaseStart, fd, at, n, rightCreateDirectory)
	if !ok {
		return errno
	}
	if p.exists {
		return Exist
	}
	_, errno = h.create(p, merkle.Folder)
	return errno
}

func (h *Host) pathStat(fd, at, n, statAt uint32) Errno {
	p, ok, errno := h.resolve(phaseStart, fd, at, n, rightPathFilestatGet)
	switch {
	case !ok:
		return errno
	case !p.exists:
		return Noent
	}
	return h.putFilestat(statAt, p.node)
}

func (h *Host) pathSetTimes(fd, at, n uint32) Errno {
	p, ok, errno := h.resolve(phaseStart, fd, at, n, rightPathFilestatSetTimes)
	switch {
	case !ok:
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
	p, ok, errno := h.resolve(phaseStart, fd, a.u32(2), a.u32(3), rightOpen)
	if !ok {
		return errno
	}
	number, spare := h.Registers.lowest()
	switch {
	case flags&^uint32(openAllFlags) != 0 || fdFlags&^uint32(fdAllFlags) != 0:
		return Inval
	case !h.inside(at, 4):
		return Fault
	case !spare:
		return Mfile
	}
	parent, errno := h.descriptor(fd)
	if errno != Success {
		return errno
	}
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
		// Asking for the length asks for the bytes once: if they are missing,
		// the run ends here and not in the middle of a read.
		if _, err := h.files.Length(p.node); err != nil {
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
	h.occupy(number, &Descriptor{
		Node: p.node, Flags: uint16(fdFlags), Rights: rights & allowed, Inherited: a[6] & parent.Inherited,
	})
	return h.putU32(at, number)
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
func (h *Host) removable(fd, at, n uint32, right uint64) (place, bool, Errno) {
	p, ok, errno := h.resolve(phaseStart, fd, at, n, right)
	switch {
	case !ok:
		return p, false, errno
	case !p.exists:
		return p, false, Noent
	case p.node.Space == In:
		return p, false, Rofs
	case p.name == "":
		return p, false, Inval
	}
	return p, true, Success
}

func (h *Host) pathUnlink(fd, at, n uint32) Errno {
	p, ok, errno := h.removable(fd, at, n, rightUnlinkFile)
	if !ok {
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
	if h.files.Hold(n, 0) == 0 {
		h.files.Drop(n)
	}
}

func (h *Host) pathRmdir(fd, at, n uint32) Errno {
	p, ok, errno := h.removable(fd, at, n, rightRemoveDirectory)
	if !ok {
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
	_, _, any, err := h.files.Entry(folder, 0)
	if err != nil {
		return h.fail(err)
	}
	if any {
		return Notempty
	}
	return Success
}

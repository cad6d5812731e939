package wasi

import "github.com/capacloud/assay/merkle"

// stepClimb is the number of folders that one micro-step climbs.
const stepClimb = 16

// pathRename is path_rename(fd, path, length, new fd, new path, new length). It
// resolves both paths, makes sure that a folder does not move below itself,
// takes away what it replaces, and moves. Call.From is what moves; the second
// path then takes the fields of the first.
func (h *Host) pathRename(a *arguments) Errno {
	c := &h.Registers.Call
	if c.Phase < phaseTo {
		from, ok, errno := h.removable(a.u32(0), a.u32(1), a.u32(2), rightRenameSource)
		if !ok {
			return errno
		}
		c.From = from.node
		return h.later(phaseTo)
	}
	to, ok, errno := h.resolve(phaseTo, a.u32(3), a.u32(4), a.u32(5), rightRenameTarget)
	if !ok {
		return errno
	}
	switch c.Phase {
	case phaseClimb:
		return h.climb(c.From)
	case phaseReplace:
		return h.replace(c.From, to)
	case phaseDetach:
		h.files.Detach(c.From)
		return h.later(phaseAttach)
	case phaseAttach:
		h.files.Attach(c.From, to.folder, to.name)
		return Success
	}
	return h.checkRename(c.From, to)
}

// checkRename refuses what cannot be done, but for what climb and replace find.
func (h *Host) checkRename(from Node, to place) Errno {
	switch {
	case to.name == "":
		return Inval
	case to.folder.Space == In:
		return Rofs
	case !h.files.Attached(to.folder):
		return Noent
	case to.exists && to.node == from:
		return Success
	case from.Kind == merkle.Folder:
		h.Registers.Call.Climb = to.folder.Slot
		return h.later(phaseClimb)
	case to.slash:
		return Notdir
	}
	return h.later(phaseReplace)
}

// climb looks for a folder among those above the target.
func (h *Host) climb(from Node) Errno {
	c := &h.Registers.Call
	for range stepClimb {
		switch c.Climb {
		case 0:
			return h.later(phaseReplace)
		case from.Slot:
			return Inval
		}
		c.Climb = h.files.Above(c.Climb)
	}
	return h.later(phaseClimb)
}

// replace takes away what stands at the new place, if that is allowed.
func (h *Host) replace(from Node, to place) Errno {
	if to.exists {
		if errno := h.replaceable(from, to.node); errno != Success {
			return errno
		}
		if h.stop.Kind != Continue {
			return Success
		}
		h.remove(to.node)
	}
	return h.later(phaseDetach)
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

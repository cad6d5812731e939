package wasi

// A folder of the output is an AVL tree of the records of its entries, ordered
// by name bytes: Adelson-Velsky and Landis 1962, with the number of nodes in
// each record, so that entry i is found like a name. Which record is the root
// follows from the order of the changes, and every machine makes the same.
//
// A walk down counts the levels that are left: a tree that is deeper than any
// of MaxFiles nodes, or leads in a circle, is none.

// find returns the slot of a name; 0 if there is none.
func (m *CommittedFiles) find(at uint32, name string) uint32 {
	for left := maxHeight; at != 0; left-- {
		if left == 0 {
			m.corrupt()
			return 0
		}
		r := m.load(at)
		switch c := m.compare(name, at, &r); {
		case c == 0:
			return at
		case c < 0:
			at = r.left
		default:
			at = r.right
		}
	}
	return 0
}

// rank returns the number of names that do not sort behind a name.
func (m *CommittedFiles) rank(at uint32, name string) uint64 {
	rank := uint64(0)
	for left := maxHeight; at != 0; left-- {
		if left == 0 {
			m.corrupt()
			return 0
		}
		r := m.load(at)
		if m.compare(name, at, &r) < 0 {
			at = r.left
			continue
		}
		rank += 1 + uint64(m.count(r.left))
		at = r.right
	}
	return rank
}

// at returns the slot of entry i; 0 behind the last.
func (m *CommittedFiles) at(at uint32, i uint64) uint32 {
	for left := maxHeight; at != 0; left-- {
		r := m.load(at)
		if i >= uint64(r.count) {
			return 0
		}
		before := uint64(m.count(r.left))
		switch {
		case left == 0:
			m.corrupt()
			return 0
		case i < before:
			at = r.left
		case i == before:
			return at
		default:
			at, i = r.right, i-before-1
		}
	}
	return 0
}

func (m *CommittedFiles) count(at uint32) uint32 {
	if at == 0 {
		return 0
	}
	return m.load(at).count
}

func (m *CommittedFiles) height(at uint32) uint8 {
	if at == 0 {
		return 0
	}
	return m.load(at).height
}

// insert puts a record with a new name below one, and returns which then stands
// in its place.
func (m *CommittedFiles) insert(at, slot uint32, name string, left int) uint32 {
	if at == 0 {
		return slot
	}
	if left == 0 {
		m.corrupt()
		return at
	}
	r := m.load(at)
	if m.compare(name, at, &r) < 0 {
		r.left = m.insert(r.left, slot, name, left-1)
	} else {
		r.right = m.insert(r.right, slot, name, left-1)
	}
	return m.balance(at, &r)
}

// remove takes the record of a name out from below one, and returns which then
// stands in its place. A record with two below it gives way to the next one.
func (m *CommittedFiles) remove(at uint32, name string, left int) uint32 {
	if at == 0 || left == 0 {
		m.corrupt()
		return at
	}
	r := m.load(at)
	switch c := m.compare(name, at, &r); {
	case c < 0:
		r.left = m.remove(r.left, name, left-1)
	case c > 0:
		r.right = m.remove(r.right, name, left-1)
	case r.left == 0:
		return r.right
	case r.right == 0:
		return r.left
	default:
		rest, next := m.removeFirst(r.right, left-1)
		n := m.load(next)
		n.left, n.right = r.left, rest
		return m.balance(next, &n)
	}
	return m.balance(at, &r)
}

// removeFirst takes the first record out and returns what is left, and it.
func (m *CommittedFiles) removeFirst(at uint32, left int) (rest, first uint32) {
	if at == 0 || left == 0 {
		m.corrupt()
		return at, at
	}
	r := m.load(at)
	if r.left == 0 {
		return r.right, at
	}
	r.left, first = m.removeFirst(r.left, left-1)
	return m.balance(at, &r), first
}

// balance saves a record whose subtrees have changed by at most one level, and
// turns it if one is higher than the other by two. It returns which record then
// stands in its place.
func (m *CommittedFiles) balance(at uint32, r *record) uint32 {
	switch left, right := m.height(r.left), m.height(r.right); {
	case left > right+1:
		if l := m.load(r.left); m.height(l.left) < m.height(l.right) {
			r.left = m.turnLeft(r.left, &l)
		}
		return m.turnRight(at, r)
	case right > left+1:
		if h := m.load(r.right); m.height(h.right) < m.height(h.left) {
			r.right = m.turnRight(r.right, &h)
		}
		return m.turnLeft(at, r)
	}
	m.settle(at, r)
	return at
}

// turnRight lifts the left record above this one.
func (m *CommittedFiles) turnRight(at uint32, r *record) uint32 {
	up := r.left
	u := m.load(up)
	r.left, u.right = u.right, at
	m.settle(at, r)
	m.settle(up, &u)
	return up
}

// turnLeft lifts the right record above this one.
func (m *CommittedFiles) turnLeft(at uint32, r *record) uint32 {
	up := r.right
	u := m.load(up)
	r.right, u.left = u.left, at
	m.settle(at, r)
	m.settle(up, &u)
	return up
}

// settle saves a record with the height and count that follow from those below.
func (m *CommittedFiles) settle(at uint32, r *record) {
	var l, h record
	if r.left != 0 {
		l = m.load(r.left)
	}
	if r.right != 0 {
		h = m.load(r.right)
	}
	r.height = max(l.height, h.height) + 1
	r.count = l.count + h.count + 1
	m.save(at, r)
}

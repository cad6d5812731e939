package ledger

import (
	"bytes"
	"encoding/binary"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
)

// Store is the state under the ledger: byte strings in order. Values are not
// modified after they were handed over, in either direction.
type Store interface {
	// Get returns nil for a key that is not there; no value is empty.
	Get(key []byte) []byte
	Set(key, value []byte)
	Delete(key []byte)
	// Ascend calls fn in order for from ≤ key < to until it returns false. The
	// store is not written to meanwhile.
	Ascend(from, to []byte, fn func(key, value []byte) bool)
}

// MemStore is a Store in memory: a treap whose priorities are hashes of the
// keys, so equal contents have equal shape. Clone is free; the two copies share
// nodes until one of them writes.
type MemStore struct {
	root *treap
	edit *edit
	size int
}

// edit marks the nodes that one store owns alone and may change in place.
type edit struct{ _ byte }

type treap struct {
	key, value  []byte
	priority    uint64
	edit        *edit
	left, right *treap
}

// NewMemStore returns an empty store.
func NewMemStore() *MemStore { return &MemStore{edit: new(edit)} }

// Clone returns a store of equal contents that changes on its own.
func (s *MemStore) Clone() *MemStore {
	s.edit = new(edit) // from here on, s owns none of the nodes either
	return &MemStore{root: s.root, edit: new(edit), size: s.size}
}

// Len returns the number of keys.
func (s *MemStore) Len() int { return s.size }

// Hash returns the hash of all keys and values.
func (s *MemStore) Hash() assay.Digest {
	var parts [][]byte
	s.Ascend(nil, nil, func(k, v []byte) bool {
		parts = append(parts, k, v)
		return true
	})
	return canon.Hash("assay/memstore/1", parts...)
}

// Get implements Store.
func (s *MemStore) Get(key []byte) []byte {
	for n := s.root; n != nil; {
		switch c := bytes.Compare(key, n.key); {
		case c == 0:
			return n.value
		case c < 0:
			n = n.left
		default:
			n = n.right
		}
	}
	return nil
}

// Set implements Store.
func (s *MemStore) Set(key, value []byte) {
	s.root = s.set(s.root, key, value)
}

// Delete implements Store.
func (s *MemStore) Delete(key []byte) {
	if s.Get(key) != nil {
		s.root = s.delete(s.root, key)
		s.size--
	}
}

// Ascend implements Store; a nil bound is open.
func (s *MemStore) Ascend(from, to []byte, fn func(key, value []byte) bool) {
	ascend(s.root, from, to, fn)
}

func ascend(n *treap, from, to []byte, fn func(k, v []byte) bool) bool {
	if n == nil {
		return true
	}
	above := from == nil || bytes.Compare(n.key, from) >= 0
	below := to == nil || bytes.Compare(n.key, to) < 0
	if above && !ascend(n.left, from, to, fn) {
		return false
	}
	if above && below && !fn(n.key, n.value) {
		return false
	}
	return !below || ascend(n.right, from, to, fn)
}

// own returns a node that s may change.
func (s *MemStore) own(n *treap) *treap {
	if n.edit == s.edit {
		return n
	}
	c := *n
	c.edit = s.edit
	return &c
}

func (s *MemStore) set(n *treap, key, value []byte) *treap {
	if n == nil {
		s.size++
		return &treap{key: bytes.Clone(key), value: value, priority: priorityOf(key), edit: s.edit}
	}
	n = s.own(n)
	switch c := bytes.Compare(key, n.key); {
	case c == 0:
		n.value = value
	case c < 0:
		n.left = s.set(n.left, key, value)
		if n.left.priority > n.priority {
			l := n.left
			n.left, l.right = l.right, n
			return l
		}
	default:
		n.right = s.set(n.right, key, value)
		if n.right.priority > n.priority {
			r := n.right
			n.right, r.left = r.left, n
			return r
		}
	}
	return n
}

// delete removes a key that is there.
func (s *MemStore) delete(n *treap, key []byte) *treap {
	c := bytes.Compare(key, n.key)
	if c == 0 {
		return s.join(n.left, n.right)
	}
	n = s.own(n)
	if c < 0 {
		n.left = s.delete(n.left, key)
	} else {
		n.right = s.delete(n.right, key)
	}
	return n
}

func (s *MemStore) join(l, r *treap) *treap {
	switch {
	case l == nil:
		return r
	case r == nil:
		return l
	case l.priority > r.priority:
		l = s.own(l)
		l.right = s.join(l.right, r)
		return l
	}
	r = s.own(r)
	r.left = s.join(l, r.left)
	return r
}

func priorityOf(key []byte) uint64 {
	d := canon.Hash("assay/memstore-priority/1", key)
	return binary.LittleEndian.Uint64(d[:])
}

package ledger

import (
	"bytes"
	"maps"
	"slices"
)

// row is a value that may be absent.
type row[V any] struct {
	value V
	ok    bool
}

// table is one kind of value, decoded, on its way through a block. A value is
// read from the store once, written once at the end of the block, and replaced
// rather than modified in between, so that a branch is undone by putting the
// old values back.
//
// Rows that are not in first equal the store: they are a cache, and dropping
// them changes nothing.
type table[K ~[32]byte, V any] struct {
	limit int // of rows kept between blocks
	read  func(K) (V, bool)
	rows  map[K]row[V]
	first map[K]row[V]   // changed in this block, as they stood before it
	undo  []change[K, V] // changed in this branch, as they stood before it
}

type change[K ~[32]byte, V any] struct {
	key   K
	old   row[V]
	fresh bool // the block had not touched the key before
}

// Bounds of the caches that outlive a block. A cache is dropped whole: which
// rows it holds must depend on nothing that matters.
const (
	cacheRows  = 1 << 16
	cacheCases = 1 << 13 // some kilobytes each
)

func newTable[K ~[32]byte, V any](limit int, read func(K) (V, bool)) *table[K, V] {
	return &table[K, V]{limit: limit, read: read, rows: map[K]row[V]{}, first: map[K]row[V]{}}
}

func (t *table[K, V]) get(k K) (V, bool) {
	r, ok := t.rows[k]
	if !ok {
		r.value, r.ok = t.read(k)
		t.rows[k] = r
	}
	return r.value, r.ok
}

func (t *table[K, V]) set(k K, v V) { t.put(k, row[V]{v, true}) }
func (t *table[K, V]) drop(k K)     { t.put(k, row[V]{}) }

func (t *table[K, V]) put(k K, r row[V]) {
	v, ok := t.get(k)
	old := row[V]{v, ok}
	_, seen := t.first[k]
	if !seen {
		t.first[k] = old
	}
	t.undo = append(t.undo, change[K, V]{k, old, !seen})
	t.rows[k] = r
}

// keep makes the branch's changes the block's.
func (t *table[K, V]) keep() { t.undo = t.undo[:0] }

// back undoes the branch's changes.
func (t *table[K, V]) back() {
	for i := len(t.undo) - 1; i >= 0; i-- {
		u := t.undo[i]
		t.rows[u.key] = u.old
		if u.fresh {
			delete(t.first, u.key)
		}
	}
	t.undo = t.undo[:0]
}

// changed returns the keys that this block has touched, in order.
func (t *table[K, V]) changed() []K {
	return slices.SortedFunc(maps.Keys(t.first), func(a, b K) int { return bytes.Compare(a[:], b[:]) })
}

// done ends the block: the store now holds what the rows say.
func (t *table[K, V]) done() {
	t.first = map[K]row[V]{}
	t.keep()
	if len(t.rows) > t.limit {
		t.rows = map[K]row[V]{}
	}
}

// forget puts back what the block has changed, as if it had not begun.
func (t *table[K, V]) forget() {
	t.back()
	for _, k := range t.changed() {
		t.rows[k] = t.first[k]
	}
	t.first = map[K]row[V]{}
}

// Package paged owns storage for the regions of a machine of which little is
// used: an engine's copy of the host's state. It refuses nothing; offsets lie
// within the region.
package paged

import (
	"maps"
	"slices"

	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/machine"
)

// Store is a region of which little is used: pages where something was written,
// zeros elsewhere, and the tree over them. Snapshots share pages.
type Store struct {
	pages map[uint64]*page
	own   *owner              // of the pages that may be written
	dirty map[uint64]struct{} // leaves that the tree has not seen
	tree  *machine.Tree
}

const pageBytes = 8 << 10

type page struct {
	own   *owner
	bytes [pageBytes]byte
}

// New returns a region of zeros.
func New(r machine.Region) Store {
	return Store{
		pages: map[uint64]*page{}, own: new(owner), dirty: map[uint64]struct{}{}, tree: machine.NewTree(r.Depth()),
	}
}

// Load reads len(p) bytes.
func (s *Store) Load(at uint64, p []byte) {
	for len(p) > 0 {
		from := at % pageBytes
		n := min(pageBytes-from, uint64(len(p)))
		if pg := s.pages[at/pageBytes]; pg != nil {
			copy(p[:n], pg.bytes[from:])
		} else {
			clear(p[:n])
		}
		p, at = p[n:], at+n
	}
}

// Store writes p, which is not empty.
func (s *Store) Store(at uint64, p []byte) {
	for len(p) > 0 {
		from := at % pageBytes
		n := copy(s.page(at / pageBytes).bytes[from:], p)
		s.touch(at, uint64(n))
		p, at = p[n:], at+uint64(n)
	}
}

// page returns a page to write to.
func (s *Store) page(i uint64) *page {
	pg := s.pages[i]
	switch {
	case pg == nil:
		pg = &page{own: s.own}
		s.pages[i] = pg
	case pg.own != s.own:
		pg = &page{own: s.own, bytes: pg.bytes}
		s.pages[i] = pg
	}
	return pg
}

func (s *Store) touch(at, n uint64) {
	for l := at / machine.LeafSize; l <= (at+n-1)/machine.LeafSize; l++ {
		s.dirty[l] = struct{}{}
	}
}

// Clear zeroes a range, which is not empty and of which few pages may be in use.
func (s *Store) Clear(at, n uint64) {
	end := at + n
	if n/pageBytes < uint64(len(s.pages)) {
		for i := at / pageBytes; i*pageBytes < end; i++ {
			s.wipe(i, at, end)
		}
		return
	}
	for i := range s.pages { // the order shows nowhere
		if i*pageBytes < end && (i+1)*pageBytes > at {
			s.wipe(i, at, end)
		}
	}
}

// wipe zeroes the part of a page that lies in [at, end).
func (s *Store) wipe(i, at, end uint64) {
	if s.pages[i] == nil {
		return
	}
	from, to := max(at, i*pageBytes), min(end, (i+1)*pageBytes)
	if to-from == pageBytes {
		delete(s.pages, i)
	} else {
		clear(s.page(i).bytes[from%pageBytes : from%pageBytes+to-from])
	}
	s.touch(from, to-from)
}

// hash tells the tree about the leaves that changed.
func (s *Store) hash() {
	var leaf machine.Leaf
	for l := range s.dirty { // the order shows nowhere
		s.Load(l*machine.LeafSize, leaf[:])
		s.tree.Set(l, leaf[:])
	}
	clear(s.dirty)
}

// Tree returns the tree over the region. It must not be changed.
func (s *Store) Tree() *machine.Tree {
	s.hash()
	return s.tree
}

// Root returns the root. It costs what has changed since it was last asked.
func (s *Store) Root() canon.Digest {
	s.hash()
	return s.tree.Root()
}

// Share returns a copy; neither sees what the other writes from now on.
func (s *Store) Share() Store {
	s.hash()
	s.own = new(owner)
	return Store{pages: maps.Clone(s.pages), own: new(owner), dirty: map[uint64]struct{}{}, tree: s.tree.Snapshot()}
}

// Each calls f for every page in use, upwards, with the number of its first leaf.
func (s *Store) Each(f func(leaf uint64, b []byte)) {
	for _, i := range slices.Sorted(maps.Keys(s.pages)) {
		f(i*(pageBytes/machine.LeafSize), s.pages[i].bytes[:])
	}
}

// owner marks the pages that one store alone may change.
type owner struct{ _ byte }

package machine

import (
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// Source is a whole region, from which a recording Sparse takes what it is
// asked for.
type Source interface {
	// Node returns the hash of the subtree over leaves i<<height to
	// (i+1)<<height; height 0 is a leaf.
	Node(height int, i uint64) canon.Digest
	// Leaf reads leaf i.
	Leaf(i uint64, p *Leaf)
}

// Sparse is a region of which some subtrees may be known by their hashes
// alone. It can be read and written where it is known, and zeroed anywhere.
type Sparse struct {
	region Region
	proof  *proofNode // what was there at first, with marks of what was looked at
	root   *node      // what is there now
	source Source     // of a recording one
	size   int        // of its proof, in bytes
	work   uint64     // see Work

	// The leaf that was used last; writes may go to it until the next Root.
	last      *node
	lastIndex uint64
	lastDirty bool
}

// kind tells what is known of a subtree.
type kind uint8

const (
	zero   kind = iota // zeros, and that is all
	pruned             // the hash alone
	inner              // both halves
	opened             // a leaf's bytes
)

// proofNode is a subtree as it was at first. Touched says that a proof has to
// have it: a leaf or zeros that were read or written, a hash that was zeroed.
type proofNode struct {
	kind    kind
	touched bool
	hash    canon.Digest
	below   [2]*proofNode
	leaf    *Leaf
}

// node is a subtree as it is now. Its origin is where it came from, nil after
// a Clear; zeros below zeros share one.
type node struct {
	kind   kind
	dirty  bool // hash is stale
	shared bool // leaf belongs to the origin
	hash   canon.Digest
	origin *proofNode
	below  [2]*node
	leaf   *Leaf
}

// NewSparse returns a region of zeros, all of it known.
func NewSparse(r Region) *Sparse { return sparse(r, &proofNode{hash: zeros[r.Depth()]}) }

// Record returns a region that takes bytes and hashes from a source as they
// are needed. Its Proof opens exactly those.
func Record(r Region, s Source) *Sparse {
	p := closed(r.Depth(), s.Node(r.Depth(), 0))
	t := sparse(r, p)
	t.source, t.size = s, p.bytes()
	return t
}

func sparse(r Region, p *proofNode) *Sparse { return &Sparse{region: r, proof: p, root: current(p)} }

// closed returns a subtree of which the hash is known, and that is enough if it
// is that of zeros.
func closed(height int, hash canon.Digest) *proofNode {
	if hash == zeros[height] {
		return &proofNode{hash: hash}
	}
	return &proofNode{kind: pruned, hash: hash}
}

func current(p *proofNode) *node {
	return &node{kind: p.kind, hash: p.hash, origin: p, leaf: p.leaf, shared: true}
}

// Load reads len(p) bytes at offset at.
func (t *Sparse) Load(at uint64, p []byte) {
	t.bound(at, uint64(len(p)))
	for len(p) > 0 {
		from := at % LeafSize
		k := min(uint64(len(p)), LeafSize-from)
		if n := t.find(at/LeafSize, false); n.kind == opened {
			copy(p[:k], n.leaf[from:])
		} else {
			clear(p[:k])
		}
		at, p = at+k, p[k:]
	}
}

// Store writes p at offset at.
func (t *Sparse) Store(at uint64, p []byte) {
	t.bound(at, uint64(len(p)))
	for len(p) > 0 {
		from := at % LeafSize
		k := min(uint64(len(p)), LeafSize-from)
		copy(t.find(at/LeafSize, true).leaf[from:], p[:k])
		at, p = at+k, p[k:]
	}
}

// bound refuses what ends behind the region.
func (t *Sparse) bound(at, n uint64) {
	if size := t.region.Bytes(); at > size || n > size-at {
		panic(&MissingError{t.region, at / LeafSize})
	}
}

// find returns leaf i or, for reading, zeros that contain it.
func (t *Sparse) find(i uint64, write bool) *node {
	if t.last != nil && t.lastIndex == i && (t.lastDirty || !write) {
		return t.last
	}
	n := t.root
	for h := t.region.Depth(); h > 0; h-- {
		if n.kind == zero && !write {
			n.touch()
			return n
		}
		t.split(n, h, i>>h)
		if write {
			t.stale(n, nodeWork)
		}
		n = n.below[i>>(h-1)&1]
	}
	n.touch()
	t.open(n, i)
	if write {
		t.stale(n, leafWork)
		n.prepare()
	}
	t.last, t.lastIndex, t.lastDirty = n, i, write
	return n
}

// What a hash costs: a node is about 120 ns, a leaf five times as much.
const (
	nodeWork = 1
	leafWork = 5
)

// Work returns what has been spent on hashes, and will be by the next Root, in
// units of one node: for a proof and for the region that recorded it the same.
// Writing to zeros costs no byte of a proof, but it costs this.
func (t *Sparse) Work() uint64 { return t.work }

// stale notes that a node has to be hashed again.
func (t *Sparse) stale(n *node, work uint64) {
	if !n.dirty {
		n.dirty = true
		t.work += work
	}
}

// touch marks the origin.
func (n *node) touch() {
	if n.origin != nil {
		n.origin.touched = true
	}
}

// split makes an inner node of a subtree, number i of its height h.
func (t *Sparse) split(n *node, h int, i uint64) {
	switch n.kind {
	case inner:
		if n.below[0] == nil {
			n.below = [2]*node{current(n.origin.below[0]), current(n.origin.below[1])}
		}
	case zero:
		for k := range n.below {
			n.below[k] = &node{hash: zeros[h-1], origin: n.origin}
		}
		n.kind = inner
	default:
		if t.source == nil {
			panic(&MissingError{t.region, i << h})
		}
		p := n.origin
		for k := range p.below {
			p.below[k] = closed(h-1, t.source.Node(h-1, 2*i+uint64(k)))
		}
		p.kind, n.kind = inner, inner
		t.work += nodeWork
		t.size += p.below[0].bytes() + p.below[1].bytes() - len(p.hash)
		n.below = [2]*node{current(p.below[0]), current(p.below[1])}
	}
}

// open makes the bytes of a leaf known.
func (t *Sparse) open(n *node, i uint64) {
	if n.kind != pruned {
		return
	}
	if t.source == nil {
		panic(&MissingError{t.region, i})
	}
	leaf := new(Leaf)
	t.source.Leaf(i, leaf)
	n.kind, n.leaf, n.shared = opened, leaf, true
	n.origin.kind, n.origin.leaf = opened, leaf
	t.size += LeafSize - len(n.hash)
	t.work += leafWork
}

// prepare makes a leaf writable.
func (n *node) prepare() {
	switch {
	case n.kind == zero:
		n.leaf = new(Leaf)
	case n.shared:
		leaf := *n.leaf
		n.leaf = &leaf
	}
	n.kind, n.shared = opened, false
}

// Clear zeroes [at, at+n). A subtree that goes as a whole need not be known.
func (t *Sparse) Clear(at, n uint64) {
	t.bound(at, n)
	if from := at % LeafSize; from != 0 && n > 0 {
		k := min(n, LeafSize-from)
		t.wipe(at, k)
		at, n = at+k, n-k
	}
	if whole := n / LeafSize; whole > 0 {
		t.last = nil
		t.root = t.clear(t.root, t.region.Depth(), 0, at/LeafSize, at/LeafSize+whole)
	}
	if rest := n % LeafSize; rest > 0 {
		t.wipe(at+n-rest, rest)
	}
}

// wipe zeroes bytes of one leaf, unless they are zeros anyway.
func (t *Sparse) wipe(at, n uint64) {
	if t.find(at/LeafSize, false).kind == opened {
		t.Store(at, zeroBytes[:n])
	}
}

// clear zeroes the leaves of subtree i of height h that lie in [from, to).
func (t *Sparse) clear(n *node, h int, i, from, to uint64) *node {
	first, end := i<<h, (i+1)<<h
	if end <= from || to <= first {
		return n
	}
	if n.kind == zero {
		n.touch()
		return n
	}
	if from <= first && end <= to {
		if n.kind == pruned {
			n.touch()
		}
		return &node{hash: zeros[h]}
	}
	t.split(n, h, i)
	t.stale(n, nodeWork)
	for k := range n.below {
		n.below[k] = t.clear(n.below[k], h-1, 2*i+uint64(k), from, to)
	}
	return n
}

// Root returns the root as it is now.
func (t *Sparse) Root() canon.Digest {
	t.last = nil
	return t.root.settle()
}

func (n *node) settle() canon.Digest {
	if n.dirty {
		if n.kind == opened {
			n.hash = merkle.HashLeaf(n.leaf[:])
		} else {
			n.hash = merkle.HashNode(n.below[0].settle(), n.below[1].settle())
		}
		n.dirty = false
	}
	return n.hash
}

// Node returns the hash, as it is now, of the subtree over leaves i<<height to
// (i+1)<<height; false if only that of a larger one is known.
func (t *Sparse) Node(height int, i uint64) (canon.Digest, bool) {
	t.Root()
	n := t.root
	for h := t.region.Depth(); h > height; h-- {
		switch n.kind {
		case zero:
			return zeros[height], true
		case pruned:
			return canon.Digest{}, false
		}
		t.split(n, h, 0)
		n = n.below[i>>(h-1-height)&1]
	}
	return n.hash, true
}

// Regions is a Space of one Sparse for each region.
type Regions [NumRegions]*Sparse

// NewRegions returns a Space of zeros, all of it known.
func NewRegions() *Regions {
	var s Regions
	for r := range s {
		s[r] = NewSparse(Region(r))
	}
	return &s
}

// Load implements Space.
func (s *Regions) Load(r Region, at uint64, p []byte) { s[r].Load(at, p) }

// Store implements Space.
func (s *Regions) Store(r Region, at uint64, p []byte) { s[r].Store(at, p) }

// Clear implements Space.
func (s *Regions) Clear(r Region, at, n uint64) { s[r].Clear(at, n) }

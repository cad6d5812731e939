package market

import (
	"math/bits"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// Tree is the sum tree over listings by slot, with every path at hand. It is an
// immutable value: With shares what did not change, so a block may keep the
// tree of the block before at no cost. Its root is that of merkle.SumRoot over
// the same leaves.
type Tree struct {
	root *node
	size uint64
}

type node struct {
	sum         merkle.SumNode
	left, right *node
	leaf        *assay.Listing
}

// Change places a listing in a slot.
type Change struct {
	_       struct{} `cbor:",toarray"`
	Slot    uint64
	Listing assay.Listing
}

// NewTree builds the tree over listings, slot by slot.
func NewTree(listings []assay.Listing) Tree {
	changes := make([]Change, len(listings))
	for i, l := range listings {
		changes[i] = Change{Slot: uint64(i), Listing: l}
	}
	return Tree{}.With(changes)
}

// Leaf is the node of one listing: its canonical bytes, weighed by free stake.
func Leaf(l *assay.Listing) merkle.SumNode {
	return merkle.SumLeaf(canon.Marshal(l), uint64(l.Free))
}

// Len returns the number of slots.
func (t Tree) Len() uint64 { return t.size }

// Root returns the root and the total weight.
func (t Tree) Root() merkle.SumNode {
	if t.root == nil {
		return merkle.SumRoot(nil)
	}
	return t.root.sum
}

// At returns the listing in a slot below Len.
func (t Tree) At(slot uint64) assay.Listing {
	n, size := t.root, t.size
	for size > 1 {
		if k := split(size); slot < k {
			n, size = n.left, k
		} else {
			n, size, slot = n.right, size-k, slot-k
		}
	}
	return *n.leaf
}

// Find returns the listing that a number below the total weight names, and its
// path from the leaf upwards.
func (t Tree) Find(number uint64) (assay.Listing, []merkle.SumStep) {
	var down []merkle.SumStep
	n := t.root
	for n.leaf == nil {
		if number < n.left.sum.Weight {
			down = append(down, merkle.SumStep{Sibling: n.right.sum})
			n = n.left
		} else {
			number -= n.left.sum.Weight
			down = append(down, merkle.SumStep{Sibling: n.left.sum, Left: true})
			n = n.right
		}
	}
	for i, j := 0, len(down)-1; i < j; i, j = i+1, j-1 {
		down[i], down[j] = down[j], down[i]
	}
	return *n.leaf, down
}

// With returns the tree after changes, which are sorted by slot, each once.
// Slots beyond Len must follow without a gap.
func (t Tree) With(changes []Change) Tree {
	if len(changes) == 0 {
		return t
	}
	size := max(t.size, changes[len(changes)-1].Slot+1)
	return Tree{root: rebuild(t.root, t.size, size, 0, changes), size: size}
}

// rebuild returns the subtree of size leaves from slot first on, where old is
// the one of oldSize leaves in the same place. The shape is that of package
// merkle: the left half is the largest power of two that leaves the right one
// non-empty, so a tree that grows keeps its full left halves.
func rebuild(old *node, oldSize, size, first uint64, changes []Change) *node {
	if len(changes) == 0 && oldSize == size {
		return old
	}
	if size == 1 {
		return newLeaf(changes[0].Listing)
	}
	k := split(size)
	cut := 0
	for cut < len(changes) && changes[cut].Slot < first+k {
		cut++
	}
	var left, right *node
	if oldSize > k {
		left = rebuild(old.left, k, k, first, changes[:cut])
		right = rebuild(old.right, oldSize-k, size-k, first+k, changes[cut:])
	} else {
		left = rebuild(old, oldSize, k, first, changes[:cut])
		right = rebuild(nil, 0, size-k, first+k, changes[cut:])
	}
	return &node{sum: merkle.SumRoot([]merkle.SumNode{left.sum, right.sum}), left: left, right: right}
}

func newLeaf(l assay.Listing) *node { return &node{sum: Leaf(&l), leaf: &l} }

func split(n uint64) uint64 { return 1 << (bits.Len64(n-1) - 1) }

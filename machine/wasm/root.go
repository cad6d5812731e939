package wasm

import (
	"math/bits"

	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/merkle"
)

// rootWalk computes the root of a region of machine, leaf by leaf in ascending
// order, with zeros between: it keeps one digest a level, so that a program's
// code need not be held to be hashed.
type rootWalk struct {
	depth int
	next  uint64 // leaves so far
	nodes [machine.MaxDepth + 1]canon.Digest
	part  []byte // of the leaf under way
}

func newRootWalk(depth int) *rootWalk { return &rootWalk{depth: depth} }

// push appends a subtree of the level; next is a multiple of its size.
func (w *rootWalk) push(level int, d canon.Digest) {
	at := w.next >> level
	w.next += 1 << level
	for ; at&1 == 1; at >>= 1 {
		d = merkle.HashNode(w.nodes[level], d)
		level++
	}
	w.nodes[level] = d
}

// skip appends zeros up to a leaf.
func (w *rootWalk) skip(to uint64) {
	for w.next < to {
		level := min(bits.TrailingZeros64(w.next), bits.Len64(to-w.next)-1)
		w.push(level, machine.Zero(level))
	}
}

// leaf appends one leaf of at most LeafSize bytes, padded with zeros.
func (w *rootWalk) leaf(b []byte) {
	var full [merkle.LeafSize]byte
	if len(b) < len(full) {
		copy(full[:], b)
		b = full[:]
	}
	w.push(0, merkle.HashLeaf(b))
}

// write appends bytes.
func (w *rootWalk) write(b []byte) {
	for len(b) > 0 {
		n := min(merkle.LeafSize-len(w.part), len(b))
		if n == merkle.LeafSize {
			w.leaf(b[:n])
		} else if w.part = append(w.part, b[:n]...); len(w.part) == merkle.LeafSize {
			w.leaf(w.part)
			w.part = w.part[:0]
		}
		b = b[n:]
	}
}

// root ends the walk.
func (w *rootWalk) root() canon.Digest {
	w.end()
	w.skip(1 << w.depth)
	return w.nodes[w.depth]
}

// end pads the leaf under way.
func (w *rootWalk) end() {
	if len(w.part) > 0 {
		w.leaf(w.part)
		w.part = w.part[:0]
	}
}

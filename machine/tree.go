package machine

import (
	"bytes"
	"fmt"
	"math/bits"

	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// zeroHeight is the height of the subtrees that RootOf compares with zeros as
// a whole: 64 KiB, a page of memory.
const zeroHeight = 6

var zeroBytes [LeafSize << zeroHeight]byte

// RootOf returns the root of a tree of 1<<depth leaves that begins with b and
// goes on with zeros. Pages of zeros cost a comparison. It panics if b is too
// long, which is the caller's mistake.
func RootOf(depth int, b []byte) canon.Digest {
	if uint64(len(b)) > LeafSize<<depth {
		panic(fmt.Sprintf("machine: %d bytes in a tree of depth %d", len(b), depth))
	}
	return rootOf(depth, b)
}

func rootOf(height int, b []byte) canon.Digest {
	if len(b) == 0 || height <= zeroHeight && isZero(b) {
		return zeros[height]
	}
	if height == 0 {
		return hashLeaf(b)
	}
	half := min(LeafSize<<(height-1), len(b))
	return merkle.HashNode(rootOf(height-1, b[:half]), rootOf(height-1, b[half:]))
}

// isZero looks at up to 64 KiB.
func isZero(b []byte) bool { return bytes.Equal(b, zeroBytes[:len(b)]) }

// hashLeaf hashes a leaf whose end may be cut off where it is zeros.
func hashLeaf(b []byte) canon.Digest {
	if len(b) == LeafSize {
		return merkle.HashLeaf(b)
	}
	var leaf Leaf
	copy(leaf[:], b)
	return merkle.HashLeaf(leaf[:])
}

// A chunk is chunkHeight levels of a Tree in one piece, so that a change costs
// a few copies and not one per level.
const (
	chunkHeight = 4
	fanout      = 1 << chunkHeight
)

// Tree keeps the hashes of a region whose bytes are elsewhere. Set and Clear
// take note, Root computes. Snapshots share what neither side has changed
// since.
type Tree struct {
	depth int
	root  *chunk // nil: zeros
	own   *owner
}

// owner marks the chunks that one tree alone may change.
type owner struct{ _ byte }

// chunk is a complete binary tree of up to fanout bottom nodes, numbered like a
// heap: node 1 is the top, bottom node i is number width+i, where the topmost
// chunk of a tree may be narrower than fanout. The top is right only while no
// bit of dirty is set.
type chunk struct {
	own   *owner
	dirty uint32 // bottom nodes whose hash, or that of a node above, is stale
	stale uint32 // bottom nodes whose hash has to come from the chunk below
	nodes [2 * fanout]canon.Digest
	below *[fanout]*chunk // nil at the leaves; a nil entry is zeros
}

// NewTree returns a tree of 1<<depth leaves of zeros.
func NewTree(depth int) *Tree {
	if depth < 1 || depth > MaxDepth {
		panic(fmt.Sprintf("machine: tree of depth %d", depth))
	}
	return &Tree{depth: depth, own: new(owner)}
}

// TreeOf returns the tree over b and zeros behind it.
func TreeOf(depth int, b []byte) *Tree {
	t := NewTree(depth)
	for i := uint64(0); len(b) > 0; i++ {
		n := min(len(b), LeafSize)
		if !isZero(b[:n]) {
			t.Set(i, b[:n])
		}
		b = b[n:]
	}
	return t
}

// Depth returns the depth.
func (t *Tree) Depth() int { return t.depth }

// Set says that leaf i now has these bytes, at most LeafSize, and zeros behind
// them. It panics if there is no such leaf.
func (t *Tree) Set(i uint64, leaf []byte) {
	if i>>t.depth != 0 {
		panic(fmt.Sprintf("machine: leaf %d in a tree of depth %d", i, t.depth))
	}
	hash := zeros[0]
	if !isZero(leaf) {
		hash = hashLeaf(leaf)
	}
	t.root = t.writable(t.root, t.depth)
	c, height := t.root, t.depth
	for {
		low := lowest(height)
		at := i >> low
		i &= 1<<low - 1
		c.dirty |= 1 << at
		if low == 0 {
			c.nodes[width(height)+at] = hash
			return
		}
		c.stale |= 1 << at
		c.below[at] = t.writable(c.below[at], low)
		c, height = c.below[at], low
	}
}

// lowest returns the height of the bottom nodes of a chunk whose top has this
// height: chunks end at multiples of chunkHeight.
func lowest(height int) int { return (height - 1) / chunkHeight * chunkHeight }

// width returns the number of bottom nodes of such a chunk.
func width(height int) uint64 { return 1 << (height - lowest(height)) }

// writable returns c, or a copy of it, for this tree to change.
func (t *Tree) writable(c *chunk, height int) *chunk {
	if c != nil && c.own == t.own {
		return c
	}
	n := new(chunk)
	if c == nil {
		n.fill(height)
	} else {
		*n = *c
		if c.below != nil {
			below := *c.below
			n.below = &below
		}
	}
	n.own = t.own
	return n
}

// fill makes a chunk of zeros.
func (c *chunk) fill(height int) {
	low := lowest(height)
	if low > 0 {
		c.below = new([fanout]*chunk)
	}
	w := width(height)
	for n := uint64(1); n < 2*w; n++ {
		c.nodes[n] = zeros[height-(bits.Len64(n)-1)]
	}
}

// Clear says that n leaves from leaf from on are zeros.
func (t *Tree) Clear(from, n uint64) {
	if size := uint64(1) << t.depth; from > size || n > size-from {
		panic(fmt.Sprintf("machine: clear leaves %d+%d in a tree of depth %d", from, n, t.depth))
	}
	if n > 0 {
		t.root = t.clear(t.root, t.depth, from, from+n)
	}
}

// clear zeroes the leaves in [from, to), which are counted from the chunk's
// first one and lie inside it.
func (t *Tree) clear(c *chunk, height int, from, to uint64) *chunk {
	if c == nil || from == 0 && to == 1<<height {
		return nil
	}
	c = t.writable(c, height)
	low := lowest(height)
	for at := from >> low; at<<low < to; at++ {
		start, end := max(from, at<<low)-at<<low, min(to, (at+1)<<low)-at<<low
		c.dirty |= 1 << at
		if low > 0 {
			c.below[at] = t.clear(c.below[at], low, start, end)
			c.stale |= 1 << at
			if c.below[at] != nil {
				continue
			}
			c.stale &^= 1 << at
		}
		c.nodes[width(height)+at] = zeros[low]
	}
	return c
}

// Root returns the root. It costs one hash for each node above a leaf that
// changed since the last call.
func (t *Tree) Root() canon.Digest { return settle(t.root, t.depth) }

// settle computes what is stale in and below c and returns its top.
func settle(c *chunk, height int) canon.Digest {
	if c == nil {
		return zeros[height]
	}
	if c.dirty == 0 {
		return c.nodes[1]
	}
	w := width(height)
	for m := c.stale; m != 0; m &= m - 1 {
		at := bits.TrailingZeros32(m)
		c.nodes[w+uint64(at)] = settle(c.below[at], lowest(height))
	}
	var marks [2 * fanout]bool
	for m := c.dirty; m != 0; m &= m - 1 {
		marks[(w+uint64(bits.TrailingZeros32(m)))/2] = true
	}
	for n := w - 1; n >= 1; n-- {
		if marks[n] {
			c.nodes[n] = merkle.HashNode(c.nodes[2*n], c.nodes[2*n+1])
			marks[n/2] = true
		}
	}
	c.dirty, c.stale = 0, 0
	return c.nodes[1]
}

// Node returns the hash of the subtree over leaves i<<height to
// (i+1)<<height. It panics if there is no such subtree.
func (t *Tree) Node(height int, i uint64) canon.Digest {
	if height < 0 || height > t.depth || i>>(t.depth-height) != 0 {
		panic(fmt.Sprintf("machine: node %d of height %d in a tree of depth %d", i, height, t.depth))
	}
	t.Root()
	c, top := t.root, t.depth
	for c != nil {
		low := lowest(top)
		if height >= low {
			return c.nodes[uint64(1)<<(top-height)+i&(1<<(top-height)-1)]
		}
		c, top = c.below[i>>(low-height)&(width(top)-1)], low
	}
	return zeros[height]
}

// Snapshot returns a tree that is equal now and independent from now on. It
// computes the root, and then costs nothing.
func (t *Tree) Snapshot() *Tree {
	t.Root()
	t.own = new(owner)
	return &Tree{depth: t.depth, root: t.root, own: new(owner)}
}

package merkle

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/capacloud/assay/canon"
)

// A sum tree commits to leaves with weights. A number below the total weight
// names exactly one leaf, so that a draw of numbers is a draw of leaves
// weighted as they should be, and one path proves it.

// SumNode is the hash of a subtree and the weight below it.
type SumNode struct {
	_      struct{} `cbor:",toarray"`
	Digest Digest
	Weight uint64
}

// ErrSum is wrapped by every refusal of a sum path.
var ErrSum = errors.New("sum path does not lead to the root")

// SumLeaf returns the node of one leaf.
func SumLeaf(data []byte, weight uint64) SumNode {
	var n [8]byte
	binary.LittleEndian.PutUint64(n[:], weight)
	return SumNode{Digest: canon.Hash("assay/sum-leaf/1", n[:], data), Weight: weight}
}

// SumParent returns the node above two; false if their weights overflow. Both
// weights are hashed with both hashes: were only their total hashed, weight could
// be moved between siblings.
func SumParent(l, r SumNode) (SumNode, bool) {
	total := l.Weight + r.Weight
	var n [16]byte
	binary.LittleEndian.PutUint64(n[:8], l.Weight)
	binary.LittleEndian.PutUint64(n[8:], r.Weight)
	return SumNode{
		Digest: canon.Hash("assay/sum-node/1", n[:], l.Digest[:], r.Digest[:]),
		Weight: total,
	}, total >= l.Weight
}

// SumRoot returns the root over leaves; without leaves it is the empty root of
// weight zero. It panics where the weights overflow, which is the caller's
// mistake.
func SumRoot(leaves []SumNode) SumNode {
	root, ok := sumRoot(leaves)
	if !ok {
		panic("merkle: weights of a sum tree overflow")
	}
	return root
}

// sumRoot reports whether the weights add up; if not, the root is one that no
// path leads to.
func sumRoot(leaves []SumNode) (SumNode, bool) {
	switch len(leaves) {
	case 0:
		return SumNode{Digest: EmptyRoot()}, true
	case 1:
		return leaves[0], true
	}
	k := split(uint64(len(leaves)))
	l, okLeft := sumRoot(leaves[:k])
	r, okRight := sumRoot(leaves[k:])
	p, ok := SumParent(l, r)
	return p, ok && okLeft && okRight
}

// SumStep is one step of a path, from the leaf upwards.
type SumStep struct {
	_       struct{} `cbor:",toarray"`
	Sibling SumNode
	Left    bool // the sibling stands on the left
}

// SumFind returns the index of the leaf that number names, and its path.
// Number must be below the total weight.
func SumFind(leaves []SumNode, number uint64) (int, []SumStep) {
	if len(leaves) == 1 {
		return 0, nil
	}
	k := split(uint64(len(leaves)))
	left, right := SumRoot(leaves[:k]), SumRoot(leaves[k:])
	if number < left.Weight {
		i, path := SumFind(leaves[:k], number)
		return i, append(path, SumStep{Sibling: right})
	}
	i, path := SumFind(leaves[k:], number-left.Weight)
	return int(k) + i, append(path, SumStep{Sibling: left, Left: true})
}

// maxSumDepth bounds a path: 2^40 leaves are more than any ledger holds.
const maxSumDepth = 40

// VerifySum checks that number names leaf in the tree under root. Its errors
// wrap ErrSum.
func VerifySum(root SumNode, number uint64, leaf SumNode, path []SumStep) error {
	_, err := findSum(root, number, leaf, path)
	return err
}

// findSum is VerifySum and returns the weight of everything left of the leaf.
func findSum(root SumNode, number uint64, leaf SumNode, path []SumStep) (uint64, error) {
	if len(path) > maxSumDepth {
		return 0, fmt.Errorf("path of %d steps exceeds %d: %w", len(path), maxSumDepth, ErrSum)
	}
	var before uint64
	node := leaf
	for _, s := range path {
		var ok bool
		if s.Left {
			before += s.Sibling.Weight
			node, ok = SumParent(s.Sibling, node)
		} else {
			node, ok = SumParent(node, s.Sibling)
		}
		if !ok {
			return 0, fmt.Errorf("weights overflow: %w", ErrSum)
		}
	}
	if node != root || number < before || number-before >= leaf.Weight {
		return 0, fmt.Errorf("number %d: %w", number, ErrSum)
	}
	return before, nil
}

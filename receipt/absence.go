package receipt

import (
	"bytes"
	"slices"

	"github.com/capacloud/assay"
)

// Absence shows that a state root holds nothing under a key: the two leaves
// between which it would stand, and that they are next to one another. The tree
// orders its leaves by key, so no third one is between them.
type Absence struct {
	_     struct{}   `cbor:",toarray"`
	Left  *Neighbour // the leaf before the key; nil: the key stands before the first
	Right *Neighbour // the leaf behind it; nil: the key stands behind the last
}

// Neighbour is a leaf of the state. Its value is of no interest, only that it is
// hashed into the root.
type Neighbour struct {
	_     struct{} `cbor:",toarray"`
	Key   []byte
	Value assay.Digest // SHA-256 of the value
	Path  Path
}

// maxNeighbourKey bounds a key of the state, as comet bounds the keys that it
// proves.
const maxNeighbourKey = 256

// check verifies that key is absent from the state with this root.
func (a *Absence) check(root assay.Digest, key []byte) error {
	if a.Left == nil && a.Right == nil {
		// An empty tree has no root that a header of ours could carry: the
		// genesis writes to the state.
		return assay.Refuse(CodeBrokenProof, "no leaf stands beside the absent key")
	}
	for _, n := range []*Neighbour{a.Left, a.Right} {
		if err := n.check(root); err != nil {
			return err
		}
	}
	switch {
	case a.Left != nil && bytes.Compare(a.Left.Key, key) >= 0, a.Right != nil && bytes.Compare(a.Right.Key, key) <= 0:
		return assay.Refuse(CodeBrokenProof, "the key does not stand between the two leaves")
	case !a.adjacent():
		return assay.Refuse(CodeBrokenProof, "other leaves stand between the two")
	}
	return nil
}

func (n *Neighbour) check(root assay.Digest) error {
	if n == nil {
		return nil
	}
	if len(n.Key) == 0 || len(n.Key) > maxNeighbourKey {
		return assay.Refuse(CodeBrokenProof, "a leaf with a key of %d bytes", len(n.Key))
	}
	got, err := n.Path.rootOf(n.Key, n.Value)
	if err != nil {
		return err
	}
	if got != root {
		return assay.Refuse(CodeBrokenProof, "the leaf %x is not in the state", n.Key)
	}
	return nil
}

// adjacent reports whether no leaf stands between the two: where their paths
// part, the left one is the last leaf of the left child, and the right one the
// first of the right child.
func (a *Absence) adjacent() bool {
	var left, right []Step // from the root downwards
	if a.Left != nil {
		left = slices.Clone(a.Left.Path.Steps)
		slices.Reverse(left)
	}
	if a.Right != nil {
		right = slices.Clone(a.Right.Path.Steps)
		slices.Reverse(right)
	}
	if a.Left != nil && a.Right != nil {
		// Both paths hash to one root, so that equal sides mean equal nodes: the
		// siblings need no comparison.
		for len(left) > 0 && len(right) > 0 && left[0].Left == right[0].Left {
			left, right = left[1:], right[1:]
		}
		if len(left) == 0 || len(right) == 0 || left[0].Left {
			return false
		}
		left, right = left[1:], right[1:]
	}
	// The last leaf below has every sibling on its left; the first has none there.
	return !slices.ContainsFunc(left, func(s Step) bool { return !s.Left }) &&
		!slices.ContainsFunc(right, func(s Step) bool { return s.Left })
}

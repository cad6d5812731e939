package wasi

import (
	"math/bits"
	"slices"

	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// openings shows parts of input artifacts: for each file and folder that is
// touched its size or count, the leaves asked for, and what else it takes to
// compute its digest. Artifacts are in order of their digests, which are not
// part of it: they are computed, so nothing can be shown under another's name.
type openings struct {
	_       struct{} `cbor:",toarray"`
	Files   []fileOpening
	Folders []folderOpening
}

// fileOpening shows leaves of a file. Siblings are the roots of the largest
// subtrees without one of them, from the left.
type fileOpening struct {
	_        struct{} `cbor:",toarray"`
	Size     uint64
	Indexes  []uint64
	Leaves   [][]byte
	Siblings []merkle.Digest
}

// folderOpening shows entries of a folder.
type folderOpening struct {
	_        struct{} `cbor:",toarray"`
	Count    uint64
	Indexes  []uint64
	Entries  []merkle.Entry
	Siblings []merkle.SumNode
}

// fold computes the root over leaves first to first+n-1 of a tree, n at least
// 1, from those of the given indexes, which lie among them, and the roots of
// the subtrees that hold none. False from any of the functions ends it.
func fold[T any](first, n uint64, indexes []uint64, leaf func(i uint64) (T, bool), sibling func(first, n uint64) (T, bool), join func(l, r T) (T, bool)) (T, bool) {
	switch {
	case len(indexes) == 0:
		return sibling(first, n)
	case n == 1:
		return leaf(first)
	}
	k := uint64(1) << (bits.Len64(n-1) - 1) // as merkle splits
	cut, _ := slices.BinarySearch(indexes, first+k)
	l, ok := fold(first, k, indexes[:cut], leaf, sibling, join)
	if !ok {
		return l, false
	}
	r, ok := fold(first+k, n-k, indexes[cut:], leaf, sibling, join)
	if !ok {
		return r, false
	}
	return join(l, r)
}

// ascending reports whether indexes are below n, in order and without repeats.
func ascending(indexes []uint64, n uint64) bool {
	for i, v := range indexes {
		if v >= n || i > 0 && v <= indexes[i-1] {
			return false
		}
	}
	return true
}

// pop takes the first value off a list.
func pop[T any](list *[]T) (T, bool) {
	if len(*list) == 0 {
		var none T
		return none, false
	}
	v := (*list)[0]
	*list = (*list)[1:]
	return v, true
}

// digest computes the digest of the file that o shows; false if it shows none.
func (o *fileOpening) digest() (canon.Digest, bool) {
	n := merkle.LeafCount(o.Size)
	if !ascending(o.Indexes, n) || len(o.Leaves) != len(o.Indexes) {
		return canon.Digest{}, false
	}
	leaves, siblings := o.Leaves, o.Siblings
	root, ok := merkle.EmptyRoot(), true
	if n > 0 {
		root, ok = fold(0, n, o.Indexes, func(i uint64) (merkle.Digest, bool) {
			b, _ := pop(&leaves)
			return merkle.HashLeaf(b), uint64(len(b)) == min(merkle.LeafSize, o.Size-i*merkle.LeafSize)
		}, func(uint64, uint64) (merkle.Digest, bool) {
			return pop(&siblings)
		}, func(l, r merkle.Digest) (merkle.Digest, bool) {
			return merkle.HashNode(l, r), true
		})
	}
	return merkle.FileDigest(o.Size, root), ok && len(siblings) == 0
}

// digest computes the digest of the folder that o shows; false if it shows
// none.
func (o *folderOpening) digest() (canon.Digest, bool) {
	if o.Count > merkle.MaxEntries || !ascending(o.Indexes, o.Count) || len(o.Entries) != len(o.Indexes) {
		return canon.Digest{}, false
	}
	entries, siblings := o.Entries, o.Siblings
	root, ok := merkle.SumNode{Digest: merkle.EmptyRoot()}, true
	if o.Count > 0 {
		root, ok = fold(0, o.Count, o.Indexes, func(uint64) (merkle.SumNode, bool) {
			e, _ := pop(&entries)
			return merkle.SumLeaf(canon.Marshal(e), e.Size), merkle.CheckEntries([]merkle.Entry{e}) == nil
		}, func(uint64, uint64) (merkle.SumNode, bool) {
			return pop(&siblings)
		}, merkle.SumParent)
	}
	return merkle.FolderRootDigest(o.Count, root), ok && len(siblings) == 0
}

// openFile shows leaves of a file whose leaves have the given hashes.
func openFile(b []byte, hashes []merkle.Digest, indexes []uint64) fileOpening {
	o := fileOpening{Size: uint64(len(b)), Indexes: indexes}
	if len(hashes) == 0 {
		return o
	}
	fold(0, uint64(len(hashes)), indexes, func(i uint64) (struct{}, bool) {
		o.Leaves = append(o.Leaves, b[i*merkle.LeafSize:min(uint64(len(b)), (i+1)*merkle.LeafSize)])
		return struct{}{}, true
	}, func(first, n uint64) (struct{}, bool) {
		o.Siblings = append(o.Siblings, merkle.Root(hashes[first:first+n]))
		return struct{}{}, true
	}, joinNothing)
	return o
}

// openFolder shows entries of a folder; sums are the leaves of its sum tree.
func openFolder(entries []merkle.Entry, sums []merkle.SumNode, indexes []uint64) folderOpening {
	o := folderOpening{Count: uint64(len(entries)), Indexes: indexes}
	if len(entries) == 0 {
		return o
	}
	fold(0, o.Count, indexes, func(i uint64) (struct{}, bool) {
		o.Entries = append(o.Entries, entries[i])
		return struct{}{}, true
	}, func(first, n uint64) (struct{}, bool) {
		o.Siblings = append(o.Siblings, merkle.SumRoot(sums[first:first+n]))
		return struct{}{}, true
	}, joinNothing)
	return o
}

func joinNothing(_, _ struct{}) (struct{}, bool) { return struct{}{}, true }

// Package merkle owns the authenticated trees of assay: the binary hash tree
// over 1 KiB leaves, files and folders as content-addressed artifacts, and the
// sum tree from which providers are drawn.
//
// Leaf, node, file, folder and sum hashes are domain-separated, so that a node
// can never be passed off as a leaf or a file as a folder. The shape of a tree
// is a function of its number of leaves alone (RFC 9162 §2.1: the left subtree
// holds the largest power of two of them that leaves the right one non-empty).
//
// It refuses a path that is longer or shorter than the shape demands. It does
// no I/O; bytes live in package blob.
package merkle

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/bits"

	"github.com/capacloud/assay/canon"
)

// Digest is the hash of every tree here.
type Digest = canon.Digest

const (
	// LeafSize is the number of bytes in a leaf; the last leaf of a file may
	// be shorter. It is small because a fraud proof opens whole leaves.
	LeafSize = 1 << 10
	// ChunkSize is the unit of transfer: a subtree of 1,024 leaves.
	ChunkSize = 1 << 20
	// leavesPerChunk is the number of leaves below a chunk root.
	leavesPerChunk = ChunkSize / LeafSize
)

// Tags are 16 bytes, so that a node still fits two SHA-256 blocks.
var (
	leafTag  = [16]byte([]byte("assay/leaf/1\x00\x00\x00\x00"))
	nodeTag  = [16]byte([]byte("assay/node/1\x00\x00\x00\x00"))
	emptyTag = "assay/empty/1"
)

// ErrPath is wrapped by every refusal of a path.
var ErrPath = errors.New("merkle path does not lead to the root")

// HashLeaf returns the hash of one leaf. Data is at most LeafSize bytes when
// it is part of a file; other trees (folder entries) may use longer leaves.
func HashLeaf(data []byte) Digest {
	if len(data) <= LeafSize {
		var buf [16 + LeafSize]byte
		copy(buf[:16], leafTag[:])
		return sha256.Sum256(buf[:16+copy(buf[16:], data)])
	}
	return sha256.Sum256(append(leafTag[:], data...))
}

// HashNode returns the hash of an inner node.
func HashNode(left, right Digest) Digest {
	var buf [16 + 64]byte
	copy(buf[:16], nodeTag[:])
	copy(buf[16:48], left[:])
	copy(buf[48:], right[:])
	return sha256.Sum256(buf[:])
}

// EmptyRoot is the root of a tree without leaves.
func EmptyRoot() Digest { return canon.Hash(emptyTag) }

// split returns the number of leaves of the left subtree; n is at least 2.
func split(n uint64) uint64 { return 1 << (bits.Len64(n-1) - 1) }

// Root returns the root over leaf hashes.
func Root(leaves []Digest) Digest {
	switch len(leaves) {
	case 0:
		return EmptyRoot()
	case 1:
		return leaves[0]
	}
	k := split(uint64(len(leaves)))
	return HashNode(Root(leaves[:k]), Root(leaves[k:]))
}

// Prove returns the path of leaf i, siblings from the leaf upwards. It panics
// if i is out of range, which is the caller's mistake.
func Prove(leaves []Digest, i uint64) []Digest {
	if i >= uint64(len(leaves)) {
		panic(fmt.Sprintf("merkle: prove leaf %d of %d", i, len(leaves)))
	}
	if len(leaves) == 1 {
		return nil
	}
	k := split(uint64(len(leaves)))
	if i < k {
		return append(Prove(leaves[:k], i), Root(leaves[k:]))
	}
	return append(Prove(leaves[k:], i-k), Root(leaves[:k]))
}

// VerifyPath checks that leaf is number i of the n leaves under root. Its
// error wraps ErrPath.
func VerifyPath(root Digest, n, i uint64, leaf Digest, path []Digest) error {
	got, err := climb(n, i, leaf, path)
	if err != nil {
		return err
	}
	if got != root {
		return fmt.Errorf("leaf %d of %d: %w", i, n, ErrPath)
	}
	return nil
}

// PathRoot returns the root that a path leads to from leaf number i of n. Its
// error wraps ErrPath.
func PathRoot(n, i uint64, leaf Digest, path []Digest) (Digest, error) {
	return climb(n, i, leaf, path)
}

// climb folds a path upwards and returns the root that it reaches.
func climb(n, i uint64, leaf Digest, path []Digest) (Digest, error) {
	if i >= n {
		return Digest{}, fmt.Errorf("leaf %d of %d: %w", i, n, ErrPath)
	}
	// The turns are known from the top; siblings are listed from the bottom.
	var rights [64]bool
	depth := 0
	for n > 1 {
		k := split(n)
		if rights[depth] = i >= k; rights[depth] {
			i, n = i-k, n-k
		} else {
			n = k
		}
		depth++
	}
	if len(path) != depth {
		return Digest{}, fmt.Errorf("path of %d siblings where %d are due: %w", len(path), depth, ErrPath)
	}
	for d := depth - 1; d >= 0; d-- {
		sibling := path[depth-1-d]
		if rights[d] {
			leaf = HashNode(sibling, leaf)
		} else {
			leaf = HashNode(leaf, sibling)
		}
	}
	return leaf, nil
}

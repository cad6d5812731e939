package merkle

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/capacloud/assay/canon"
)

// Artifact limits. A folder that exceeds them is refused when it is read.
const (
	// MaxNameBytes bounds one name in a folder.
	MaxNameBytes = 255
	// MaxEntries bounds one folder.
	MaxEntries = 65536
)

// Kind tells a file from a folder.
type Kind uint8

// The kinds of an Entry. Links and devices do not exist in an artifact.
const (
	File   Kind = 1
	Folder Kind = 2
)

// Entry is one name in a folder. Size is the number of content bytes: of a
// file its length, of a folder the sum over everything below it.
type Entry struct {
	_      struct{} `cbor:",toarray"`
	Name   string
	Kind   Kind
	Digest Digest
	Size   uint64
}

// ErrFolder is wrapped by every refusal of a folder listing.
var ErrFolder = errors.New("malformed folder")

// FileDigest names a file by its size and the root over its leaves.
func FileDigest(size uint64, root Digest) Digest {
	var n [8]byte
	binary.LittleEndian.PutUint64(n[:], size)
	return canon.Hash("assay/file/1", n[:], root[:])
}

// FolderDigest names a folder by its entries, which CheckEntries accepts. The
// entries are leaves of a sum tree weighted by Size, so that one lookup or one
// page of a listing can be opened without the rest, and so that a number of a
// content byte names one entry: were sizes not summed on the way up, whoever
// answers an availability challenge could choose which entry to show.
func FolderDigest(entries []Entry) Digest {
	root, _ := sumRoot(entryLeaves(entries)) // CheckEntries is where an overflow is refused
	return FolderRootDigest(uint64(len(entries)), root)
}

func entryLeaves(entries []Entry) []SumNode {
	leaves := make([]SumNode, len(entries))
	for i := range entries {
		leaves[i] = SumLeaf(canon.Marshal(entries[i]), entries[i].Size)
	}
	return leaves
}

// FolderSize returns the number of content bytes below the entries.
func FolderSize(entries []Entry) uint64 {
	var total uint64
	for _, e := range entries {
		total += e.Size
	}
	return total
}

// CheckEntries refuses entries that are not sorted by name, byte by byte and
// without duplicates, names that are empty, too long, not UTF-8, ".", ".." or
// contain "/" or a zero byte, unknown kinds, and sizes whose sum overflows. Its errors
// wrap ErrFolder.
func CheckEntries(entries []Entry) error {
	if len(entries) > MaxEntries {
		return fmt.Errorf("%d entries exceed %d: %w", len(entries), MaxEntries, ErrFolder)
	}
	var total uint64
	for i, e := range entries {
		if err := checkName(e.Name); err != nil {
			return err
		}
		if i > 0 && entries[i-1].Name >= e.Name {
			return fmt.Errorf("entry %q is out of order or twice: %w", e.Name, ErrFolder)
		}
		if e.Kind != File && e.Kind != Folder {
			return fmt.Errorf("entry %q has unknown kind %d: %w", e.Name, e.Kind, ErrFolder)
		}
		if total+e.Size < total {
			return fmt.Errorf("entry %q: sizes overflow: %w", e.Name, ErrFolder)
		}
		total += e.Size
	}
	return nil
}

func checkName(name string) error {
	switch {
	case name == "" || name == "." || name == "..":
	case len(name) > MaxNameBytes:
	case strings.ContainsAny(name, "/\x00"):
	case !utf8.ValidString(name): // canon would write it and refuse to read it
	default:
		return nil
	}
	return fmt.Errorf("name %.40q: %w", name, ErrFolder)
}

// SortEntries orders entries as CheckEntries demands.
func SortEntries(entries []Entry) {
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
}

// EncodeEntries returns the canonical listing of a folder, the bytes that are
// stored and sent under its digest.
func EncodeEntries(entries []Entry) []byte { return canon.Marshal(entries) }

// DecodeEntries reads a listing. Its errors wrap ErrFolder.
func DecodeEntries(b []byte) ([]Entry, error) {
	var entries []Entry
	if err := canon.Unmarshal(b, &entries); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFolder, err)
	}
	return entries, CheckEntries(entries)
}

// FileTree accumulates the leaves of a file as its bytes are written, in
// order. Its zero value is an empty file.
type FileTree struct {
	leaves  []Digest
	partial []byte
	size    uint64
}

// Write implements io.Writer; it never fails.
func (t *FileTree) Write(p []byte) (int, error) {
	n := len(p)
	t.size += uint64(n)
	if len(t.partial) > 0 {
		k := min(LeafSize-len(t.partial), len(p))
		t.partial, p = append(t.partial, p[:k]...), p[k:]
		if len(t.partial) < LeafSize {
			return n, nil
		}
		t.leaves, t.partial = append(t.leaves, HashLeaf(t.partial)), t.partial[:0]
	}
	for len(p) >= LeafSize {
		t.leaves, p = append(t.leaves, HashLeaf(p[:LeafSize])), p[LeafSize:]
	}
	t.partial = append(t.partial, p...)
	return n, nil
}

// Size returns the number of bytes written.
func (t *FileTree) Size() uint64 { return t.size }

// Leaves returns the leaf hashes of what was written so far.
func (t *FileTree) Leaves() []Digest {
	if len(t.partial) == 0 {
		return slices.Clip(t.leaves)
	}
	return append(slices.Clip(t.leaves), HashLeaf(t.partial))
}

// Digest returns the file's digest.
func (t *FileTree) Digest() Digest { return FileDigest(t.size, Root(t.Leaves())) }

// Chunks returns the roots of the 1 MiB subtrees. ChunksRoot folds them to the
// root of the whole, so a receiver that checked them against the file's digest
// can verify each chunk on its own, as it streams.
func (t *FileTree) Chunks() []Digest {
	leaves := t.Leaves()
	var chunks []Digest
	for c := range slices.Chunk(leaves, leavesPerChunk) {
		chunks = append(chunks, Root(c))
	}
	return chunks
}

// ChunksRoot returns the root of the tree whose 1 MiB subtrees have these
// roots. It equals the root over the leaves because chunks are aligned, full
// subtrees, all but the last.
func ChunksRoot(chunks []Digest) Digest { return Root(chunks) }

// FileOf returns the digest of b as a file.
func FileOf(b []byte) Digest {
	var t FileTree
	t.Write(b)
	return t.Digest()
}

// LeafCount returns the number of leaves of a file of size bytes.
func LeafCount(size uint64) uint64 {
	n := size / LeafSize
	if size%LeafSize != 0 {
		n++
	}
	return n
}

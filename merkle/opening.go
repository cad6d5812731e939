package merkle

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/capacloud/assay/canon"
)

// An availability challenge draws a number and asks for the byte it names.
// Content bytes are counted in listing order: every entry of a folder covers
// as many as its Size. Folders are sum trees over their entries, so the number
// names one entry on each level and the prover has no choice of what to open.

// MaxOpeningFolders bounds the folders on the way down to a file.
const MaxOpeningFolders = 64

// Opening shows the leaf that a number names in an artifact: the folders on
// the way down, then the leaf of a file. Of an artifact without content bytes
// it shows only that: one step whose Total is zero, or an empty file.
type Opening struct {
	_        struct{} `cbor:",toarray"`
	Folders  []FolderStep
	FileSize uint64
	Leaf     []byte
	Path     []Digest
}

// FolderStep shows one entry of a folder. Count, Total and Root are what
// FolderDigest hashes.
type FolderStep struct {
	_     struct{} `cbor:",toarray"`
	Count uint64
	Total uint64
	Root  Digest
	Entry Entry
	Path  []SumStep
}

// ErrOpening is wrapped by every refusal of an opening.
var ErrOpening = errors.New("opening does not show the leaf")

// VerifyOpening checks that o shows the leaf under root, a folder or a file,
// that holds content byte number mod total, where total is what root itself
// commits to.
//
// It shows that the prover holds this leaf. It does not show that names and
// empty files are held, for they have no content bytes.
func VerifyOpening(root Digest, number uint64, o Opening) error {
	if len(o.Folders) > MaxOpeningFolders {
		return fmt.Errorf("%d folders exceed %d: %w", len(o.Folders), MaxOpeningFolders, ErrOpening)
	}
	digest, total := root, o.FileSize
	if len(o.Folders) > 0 {
		total = o.Folders[0].Total
	}
	offset := number
	if total > 0 {
		offset %= total
	}
	for i, step := range o.Folders {
		if step.Total != total {
			return fmt.Errorf("folder %d has %d bytes where its parent says %d: %w", i, step.Total, total, ErrOpening)
		}
		if FolderRootDigest(step.Count, SumNode{Digest: step.Root, Weight: step.Total}) != digest {
			return fmt.Errorf("folder %d: %w: digest differs", i, ErrOpening)
		}
		if total == 0 {
			return verifyNothing(o)
		}
		before, err := step.verify(offset)
		if err != nil {
			return fmt.Errorf("folder %d: %w", i, err)
		}
		isLast := i == len(o.Folders)-1
		if isLast != (step.Entry.Kind == File) {
			return fmt.Errorf("folder %d leads to kind %d: %w", i, step.Entry.Kind, ErrOpening)
		}
		digest, total, offset = step.Entry.Digest, step.Entry.Size, offset-before
	}
	if o.FileSize != total {
		return fmt.Errorf("file of %d bytes where its folder says %d: %w", o.FileSize, total, ErrOpening)
	}
	return o.verifyLeaf(digest, offset)
}

// verify checks that the entry covers offset and returns how many bytes stand
// before it.
func (s *FolderStep) verify(offset uint64) (uint64, error) {
	leaf := SumLeaf(canon.Marshal(s.Entry), s.Entry.Size)
	before, err := findSum(SumNode{Digest: s.Root, Weight: s.Total}, offset, leaf, s.Path)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrOpening, err)
	}
	return before, nil
}

// verifyNothing holds the opening of an empty folder to its one spelling.
func verifyNothing(o Opening) error {
	s := o.Folders[0]
	if len(o.Folders) != 1 || s.Entry != (Entry{}) || len(s.Path) > 0 || o.FileSize > 0 || len(o.Leaf) > 0 || len(o.Path) > 0 {
		return fmt.Errorf("an artifact without bytes has nothing to open: %w", ErrOpening)
	}
	return nil
}

// verifyLeaf checks the leaf of the file that holds offset.
func (o *Opening) verifyLeaf(digest Digest, offset uint64) error {
	if o.FileSize == 0 {
		if len(o.Leaf) > 0 || len(o.Path) > 0 || FileDigest(0, EmptyRoot()) != digest {
			return fmt.Errorf("empty file: %w", ErrOpening)
		}
		return nil
	}
	i := offset / LeafSize
	if want := min(LeafSize, o.FileSize-i*LeafSize); uint64(len(o.Leaf)) != want {
		return fmt.Errorf("leaf of %d bytes where %d are due: %w", len(o.Leaf), want, ErrOpening)
	}
	root, err := climb(LeafCount(o.FileSize), i, HashLeaf(o.Leaf), o.Path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrOpening, err)
	}
	if FileDigest(o.FileSize, root) != digest {
		return fmt.Errorf("file: %w: digest differs", ErrOpening)
	}
	return nil
}

// ProveEntry returns the step that shows which entry of a folder covers
// offset, and how many bytes stand before that entry. Entries are those that
// CheckEntries accepts; offset must be below their total, unless that is zero.
func ProveEntry(entries []Entry, offset uint64) (FolderStep, uint64) {
	leaves := entryLeaves(entries)
	root := SumRoot(leaves)
	step := FolderStep{Count: uint64(len(entries)), Total: root.Weight, Root: root.Digest}
	if root.Weight == 0 {
		return step, 0
	}
	i, path := SumFind(leaves, offset)
	step.Entry, step.Path = entries[i], path
	return step, FolderSize(entries[:i])
}

// FolderRootDigest is FolderDigest from the number of entries and the root of
// their sum tree, for whoever never holds all entries at once.
func FolderRootDigest(count uint64, root SumNode) Digest {
	var n [16]byte
	binary.LittleEndian.PutUint64(n[:8], count)
	binary.LittleEndian.PutUint64(n[8:], root.Weight)
	return canon.Hash("assay/folder/1", n[:], root.Digest[:])
}

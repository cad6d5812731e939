package wasi

import (
	"errors"
	"fmt"

	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// Reader gives the bytes of input artifacts. It answers only with what the
// digest names. An error ends the run without a result.
type Reader interface {
	ReadFile(d canon.Digest) ([]byte, error)
	ReadFolder(d canon.Digest) ([]merkle.Entry, error)
}

// Input gives input artifacts leaf by leaf. Whatever it answers, the digest
// names: two inputs that both answer give the same answer. An error ends the
// run without a result. The zero digest is never asked for.
type Input interface {
	// File returns a file's size in bytes.
	File(d canon.Digest) (uint64, error)
	// Leaf returns leaf i of a file. The bytes must not be changed.
	Leaf(d canon.Digest, i uint64) ([]byte, error)
	// Folder returns a folder's number of entries.
	Folder(d canon.Digest) (uint64, error)
	// Entry returns entry i of a folder.
	Entry(d canon.Digest, i uint64) (merkle.Entry, error)
}

// ErrInput says that an input artifact has no such leaf or entry.
var ErrInput = errors.New("no such part of an input artifact")

// ReaderInput is Input over whole artifacts. Each is read when it is first
// asked for, and kept.
type ReaderInput struct {
	reader  Reader
	files   map[canon.Digest][]byte
	folders map[canon.Digest][]merkle.Entry
	leaves  map[canon.Digest][]merkle.Digest // for openings
	sums    map[canon.Digest][]merkle.SumNode
}

// NewReaderInput returns the input that r has.
func NewReaderInput(r Reader) *ReaderInput {
	return &ReaderInput{
		reader: r, files: map[canon.Digest][]byte{}, folders: map[canon.Digest][]merkle.Entry{},
		leaves: map[canon.Digest][]merkle.Digest{}, sums: map[canon.Digest][]merkle.SumNode{},
	}
}

func (in *ReaderInput) file(d canon.Digest) ([]byte, error) {
	if b, ok := in.files[d]; ok {
		return b, nil
	}
	b, err := in.reader.ReadFile(d)
	if err != nil {
		return nil, fmt.Errorf("input file %s: %w", d, err)
	}
	in.files[d] = b
	return b, nil
}

func (in *ReaderInput) folder(d canon.Digest) ([]merkle.Entry, error) {
	if list, ok := in.folders[d]; ok {
		return list, nil
	}
	list, err := in.reader.ReadFolder(d)
	if err == nil {
		err = merkle.CheckEntries(list)
	}
	if err != nil {
		return nil, fmt.Errorf("input folder %s: %w", d, err)
	}
	in.folders[d] = list
	return list, nil
}

// File implements Input.
func (in *ReaderInput) File(d canon.Digest) (uint64, error) {
	b, err := in.file(d)
	return uint64(len(b)), err
}

// Leaf implements Input.
func (in *ReaderInput) Leaf(d canon.Digest, i uint64) ([]byte, error) {
	b, err := in.file(d)
	if err != nil {
		return nil, err
	}
	if i >= merkle.LeafCount(uint64(len(b))) {
		return nil, fmt.Errorf("leaf %d of %d bytes: %w", i, len(b), ErrInput)
	}
	return b[i*merkle.LeafSize : min(uint64(len(b)), (i+1)*merkle.LeafSize)], nil
}

// Folder implements Input.
func (in *ReaderInput) Folder(d canon.Digest) (uint64, error) {
	list, err := in.folder(d)
	return uint64(len(list)), err
}

// Entry implements Input.
func (in *ReaderInput) Entry(d canon.Digest, i uint64) (merkle.Entry, error) {
	list, err := in.folder(d)
	if err != nil {
		return merkle.Entry{}, err
	}
	if i >= uint64(len(list)) {
		return merkle.Entry{}, fmt.Errorf("entry %d of %d: %w", i, len(list), ErrInput)
	}
	return list[i], nil
}

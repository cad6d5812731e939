package wasi

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// What is wrong with a witness of the input.
var (
	// ErrWitness is wrapped by every refusal of encoded openings.
	ErrWitness = errors.New("malformed openings of the input")
	// ErrNotShown says that a part was asked for that is not shown.
	ErrNotShown = errors.New("the witness does not show this part of the input")
	// ErrUnneeded says that a part is shown that nobody has asked for.
	ErrUnneeded = errors.New("the witness shows a part of the input that is not needed")
)

// Recorder is Input that notes what it is asked for, to show it later.
type Recorder struct {
	in             *ReaderInput
	files, folders []asked // in order of digests
	bytes          int
}

// asked is what was asked for of one artifact.
type asked struct {
	digest  canon.Digest
	indexes []uint64 // ascending
}

// NewRecorder returns a recorder of what is asked of in.
func NewRecorder(in *ReaderInput) *Recorder { return &Recorder{in: in} }

func byDigest(a asked, d canon.Digest) int { return bytes.Compare(a.digest[:], d[:]) }

// note notes that an artifact was asked for, and returns it.
func note(list *[]asked, d canon.Digest) *asked {
	i, ok := slices.BinarySearchFunc(*list, d, byDigest)
	if !ok {
		*list = slices.Insert(*list, i, asked{digest: d})
	}
	return &(*list)[i]
}

// add notes an index and reports whether it is new.
func (a *asked) add(i uint64) bool {
	at, ok := slices.BinarySearch(a.indexes, i)
	if !ok {
		a.indexes = slices.Insert(a.indexes, at, i)
	}
	return !ok
}

// File implements Input.
func (r *Recorder) File(d canon.Digest) (uint64, error) {
	size, err := r.in.File(d)
	if err == nil {
		note(&r.files, d)
	}
	return size, err
}

// Leaf implements Input.
func (r *Recorder) Leaf(d canon.Digest, i uint64) ([]byte, error) {
	b, err := r.in.Leaf(d, i)
	if err == nil && note(&r.files, d).add(i) {
		r.bytes += len(b)
	}
	return b, err
}

// Folder implements Input.
func (r *Recorder) Folder(d canon.Digest) (uint64, error) {
	n, err := r.in.Folder(d)
	if err == nil {
		note(&r.folders, d)
	}
	return n, err
}

// Entry implements Input.
func (r *Recorder) Entry(d canon.Digest, i uint64) (merkle.Entry, error) {
	e, err := r.in.Entry(d, i)
	if err == nil && note(&r.folders, d).add(i) {
		r.bytes += len(e.Name) + len(e.Digest)
	}
	return e, err
}

// Bytes returns the length of what was asked for: less than Encode will return,
// but known at once.
func (r *Recorder) Bytes() int { return r.bytes }

// Encode returns the canonical openings of all that was asked for.
func (r *Recorder) Encode() []byte {
	var o openings
	for _, a := range r.files {
		o.Files = append(o.Files, openFile(r.in.files[a.digest], r.in.leafHashes(a.digest), a.indexes))
	}
	for _, a := range r.folders {
		o.Folders = append(o.Folders, openFolder(r.in.folders[a.digest], r.in.entrySums(a.digest), a.indexes))
	}
	return canon.Marshal(&o)
}

// leafHashes returns the leaf hashes of a file that was read, and keeps them.
func (in *ReaderInput) leafHashes(d canon.Digest) []merkle.Digest {
	if list, ok := in.leaves[d]; ok {
		return list
	}
	var t merkle.FileTree
	t.Write(in.files[d]) // it cannot fail
	in.leaves[d] = t.Leaves()
	return in.leaves[d]
}

func (in *ReaderInput) entrySums(d canon.Digest) []merkle.SumNode {
	if list, ok := in.sums[d]; ok {
		return list
	}
	list := []merkle.SumNode{}
	for _, e := range in.folders[d] {
		list = append(list, merkle.SumLeaf(canon.Marshal(e), e.Size))
	}
	in.sums[d] = list
	return list
}

// Witness is Input that has the parts that openings show, and no others. It
// notes which of them are used.
type Witness struct {
	files   []shownFile
	folders []shownFolder
}

type shownFile struct {
	digest canon.Digest
	fileOpening
	usage
}

type shownFolder struct {
	digest canon.Digest
	folderOpening
	usage
}

// usage notes which of the shown parts were asked for.
type usage struct {
	any   bool
	parts []bool
}

func (u *usage) complete() bool { return u.any && !slices.Contains(u.parts, false) }

// DecodeWitness checks encoded openings. Each is a proof under the digest that
// it computes. Bytes that are accepted are those that Encode returns for what
// is shown. Its errors wrap ErrWitness.
func DecodeWitness(b []byte) (*Witness, error) {
	var o openings
	if err := canon.Unmarshal(b, &o); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWitness, err)
	}
	w := &Witness{}
	for i, f := range o.Files {
		d, ok := f.digest()
		if !ok || i > 0 && bytes.Compare(w.files[i-1].digest[:], d[:]) >= 0 {
			return nil, fmt.Errorf("file %d: %w", i, ErrWitness)
		}
		w.files = append(w.files, shownFile{d, f, usage{parts: make([]bool, len(f.Indexes))}})
	}
	for i, f := range o.Folders {
		d, ok := f.digest()
		if !ok || i > 0 && bytes.Compare(w.folders[i-1].digest[:], d[:]) >= 0 {
			return nil, fmt.Errorf("folder %d: %w", i, ErrWitness)
		}
		w.folders = append(w.folders, shownFolder{d, f, usage{parts: make([]bool, len(f.Indexes))}})
	}
	return w, nil
}

// CheckUsed refuses openings of which some part was not asked for: there would
// be two witnesses of one step. Its error wraps ErrUnneeded.
func (w *Witness) CheckUsed() error {
	for i := range w.files {
		if !w.files[i].complete() {
			return fmt.Errorf("file %s: %w", w.files[i].digest, ErrUnneeded)
		}
	}
	for i := range w.folders {
		if !w.folders[i].complete() {
			return fmt.Errorf("folder %s: %w", w.folders[i].digest, ErrUnneeded)
		}
	}
	return nil
}

func (w *Witness) file(d canon.Digest) (*shownFile, error) {
	i, ok := slices.BinarySearchFunc(w.files, d, func(f shownFile, d canon.Digest) int { return bytes.Compare(f.digest[:], d[:]) })
	if !ok {
		return nil, fmt.Errorf("file %s: %w", d, ErrNotShown)
	}
	w.files[i].any = true
	return &w.files[i], nil
}

func (w *Witness) folder(d canon.Digest) (*shownFolder, error) {
	i, ok := slices.BinarySearchFunc(w.folders, d, func(f shownFolder, d canon.Digest) int { return bytes.Compare(f.digest[:], d[:]) })
	if !ok {
		return nil, fmt.Errorf("folder %s: %w", d, ErrNotShown)
	}
	w.folders[i].any = true
	return &w.folders[i], nil
}

// File implements Input.
func (w *Witness) File(d canon.Digest) (uint64, error) {
	f, err := w.file(d)
	if err != nil {
		return 0, err
	}
	return f.Size, nil
}

// Leaf implements Input.
func (w *Witness) Leaf(d canon.Digest, i uint64) ([]byte, error) {
	f, err := w.file(d)
	if err != nil {
		return nil, err
	}
	k, ok := slices.BinarySearch(f.Indexes, i)
	if !ok {
		return nil, fmt.Errorf("leaf %d of file %s: %w", i, d, ErrNotShown)
	}
	f.parts[k] = true
	return f.Leaves[k], nil
}

// Folder implements Input.
func (w *Witness) Folder(d canon.Digest) (uint64, error) {
	f, err := w.folder(d)
	if err != nil {
		return 0, err
	}
	return f.Count, nil
}

// Entry implements Input.
func (w *Witness) Entry(d canon.Digest, i uint64) (merkle.Entry, error) {
	f, err := w.folder(d)
	if err != nil {
		return merkle.Entry{}, err
	}
	k, ok := slices.BinarySearch(f.Indexes, i)
	if !ok {
		return merkle.Entry{}, fmt.Errorf("entry %d of folder %s: %w", i, d, ErrNotShown)
	}
	f.parts[k] = true
	return f.Entries[k], nil
}

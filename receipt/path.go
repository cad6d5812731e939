package receipt

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/capacloud/assay"
)

// Path shows that the record's digest stands under the key "record/<job>" in
// the state root: an ICS-23 existence proof of an IAVL tree, in which what
// ICS-23 carries as opaque prefixes and suffixes is written as the numbers and
// hashes that they consist of. A prefix can therefore not hide a second
// meaning (a leaf read as a node, a sibling shifted by a byte), and every bit
// enters a hash.
type Path struct {
	_       struct{} `cbor:",toarray"`
	Version int64    // of the leaf: the height that wrote it
	Steps   []Step   // from the leaf upwards
}

// Step is one inner node above the leaf.
type Step struct {
	_       struct{} `cbor:",toarray"`
	Height  uint8
	Size    int64
	Version int64
	Left    bool // the sibling stands on the left
	Sibling assay.Digest
}

// maxSteps bounds a path; an IAVL tree of 2^40 leaves is at most 58 high.
const maxSteps = 60

// RecordKey is the ledger's key of a job's record: "record/" and the job's raw
// digest.
func RecordKey(job assay.JobID) []byte { return append([]byte("record/"), job[:]...) }

// root returns the state root in which key holds value.
func (p *Path) root(key, value []byte) (assay.Digest, error) {
	return p.rootOf(key, sha256.Sum256(value))
}

// rootOf returns the state root in which key holds a value with this SHA-256.
func (p *Path) rootOf(key []byte, hashed assay.Digest) (assay.Digest, error) {
	if len(p.Steps) > maxSteps {
		return assay.Digest{}, assay.Refuse(CodeBrokenProof, "path of %d steps exceeds %d", len(p.Steps), maxSteps)
	}
	b := nodePrefix(0, 1, p.Version)
	b = append(binary.AppendUvarint(b, uint64(len(key))), key...)
	b = append(binary.AppendUvarint(b, sha256.Size), hashed[:]...)
	node := assay.Digest(sha256.Sum256(b))
	height := uint8(0)
	for i, s := range p.Steps {
		// Heights rise strictly in any tree. Without this a node of height 0,
		// that is a leaf, could stand in the middle of a path.
		if s.Height <= height || s.Size < 2 {
			return assay.Digest{}, assay.Refuse(CodeBrokenProof, "step %d of the path has height %d and size %d", i, s.Height, s.Size)
		}
		height = s.Height
		left, right := node[:], s.Sibling[:]
		if s.Left {
			left, right = right, left
		}
		b = nodePrefix(s.Height, s.Size, s.Version)
		b = append(binary.AppendUvarint(b, sha256.Size), left...)
		b = append(binary.AppendUvarint(b, sha256.Size), right...)
		node = sha256.Sum256(b)
	}
	return node, nil
}

// nodePrefix is the head of every IAVL node: height, size and version as signed
// varints.
func nodePrefix(height uint8, size, version int64) []byte {
	b := binary.AppendVarint(nil, int64(height))
	b = binary.AppendVarint(b, size)
	return binary.AppendVarint(b, version)
}

// checkInclusion verifies that the record stands in the state whose root the
// header carries. The header of height h holds the root after height h−1.
func (f *File) checkInclusion() error {
	digest := f.Record.Digest()
	root, err := f.Path.root(RecordKey(f.Record.Job), digest[:])
	switch {
	case err != nil:
		return err
	case root != f.Header.App:
		return assay.Refuse(CodeBrokenProof, "record %s of job %s is not in the state of height %d", digest.Short(), f.Record.Job.Short(), f.Header.Height-1)
	case f.Header.Height <= f.Record.Height:
		return assay.Refuse(CodeBrokenProof, "the header of height %d precedes the settlement at %d", f.Header.Height, f.Record.Height)
	}
	return nil
}

package receipt

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
)

// Inclusion is the network's part of a receipt: where the record stands under
// the state root, and who signed the header that carries the root. Package
// comet fills it from what a node returns; see PathOf and NewCommit.
type Inclusion struct {
	Path       Path
	Header     Header // of the height after the state
	Validators []Validator
	Commit     Commit
}

// Parts are what a receipt is assembled from.
type Parts struct {
	Case      *board.Case // settled, with its record
	Artifacts Artifacts
	Inclusion *Inclusion
}

// Assemble writes the receipt of a settled case, signed by key. It refuses
// parts that do not agree with one another, so that what it writes stands up to
// Verify without an anchor; with one, it is as good as the network.
func Assemble(p Parts, key ed25519.PrivateKey) (*File, error) {
	if p.Case == nil || p.Case.Record == nil || p.Inclusion == nil {
		return nil, assay.Refuse(CodeBrokenRule, "the case is not settled, or not included yet")
	}
	f := &File{
		Version:    Version,
		Record:     *p.Case.Record,
		Case:       *p.Case,
		Artifacts:  p.Artifacts,
		Path:       p.Inclusion.Path,
		Header:     p.Inclusion.Header,
		Validators: p.Inclusion.Validators,
		Commit:     p.Inclusion.Commit,
	}
	f.Case.Verdict, f.Case.Record = nil, nil
	var err error
	if f.Case.Disputes, f.Witnesses, err = takeWitnesses(p.Case.Disputes); err != nil {
		return nil, err
	}
	if err := f.sign(key); err != nil {
		return nil, err
	}
	if n := len(f.Bytes()); n > MaxBytes {
		return nil, assay.Refuse(CodeNoArtifacts, "the receipt would take %d bytes, at most %d", n, MaxBytes)
	}
	return f, f.checkAlone()
}

// SetOf returns the validators of a genesis in the order of the chain.
func SetOf(g *assay.Genesis) []Validator { return setOf(g) }

// NewCommit keeps of a full commit what a receipt holds: in the order of the
// set, the first votes for the block that make more than two thirds.
func NewCommit(set []Validator, round, parts uint32, partsHash assay.Digest, votes []Vote) Commit {
	c := Commit{Round: round, Parts: parts, PartsHash: partsHash}
	var total, signed uint64
	for _, v := range set {
		total += v.Power
	}
	for _, v := range votes {
		if enough(signed, total) {
			break
		}
		if int(v.Index) < len(set) {
			signed += set[v.Index].Power
			c.Votes = append(c.Votes, v)
		}
	}
	return c
}

// ProofOp is an operation of an ICS-23 existence proof; a leaf has no suffix.
type ProofOp struct {
	Prefix []byte
	Suffix []byte
}

// PathOf reads an ICS-23 existence proof of an IAVL tree: its leaf operation
// and its path from the leaf upwards. It refuses every operation that IAVL
// would not have written, since a Path can say nothing else.
func PathOf(leaf ProofOp, inner []ProofOp) (Path, error) {
	height, size, version, rest, ok := readPrefix(leaf.Prefix)
	if !ok || height != 0 || size != 1 || len(rest) != 0 || len(leaf.Suffix) != 0 {
		return Path{}, assay.Refuse(CodeBrokenProof, "the leaf operation %x is not IAVL's", leaf.Prefix)
	}
	p := Path{Version: version}
	for i, op := range inner {
		s, ok := stepOf(op)
		if !ok {
			return Path{}, assay.Refuse(CodeBrokenProof, "inner operation %d is not IAVL's", i)
		}
		p.Steps = append(p.Steps, s)
	}
	return p, nil
}

// NeighbourOf reads one side of an ICS-23 proof of non-existence: an existence
// proof of the leaf beside the absent key.
func NeighbourOf(key, value []byte, leaf ProofOp, inner []ProofOp) (*Neighbour, error) {
	path, err := PathOf(leaf, inner)
	if err != nil {
		return nil, err
	}
	return &Neighbour{Key: bytes.Clone(key), Value: sha256.Sum256(value), Path: path}, nil
}

// stepOf reads one inner operation. Each child is preceded by its length, 32:
// a left sibling ends the prefix, a right one is the suffix.
func stepOf(op ProofOp) (s Step, ok bool) {
	const childBytes = 33
	height, size, version, rest, ok := readPrefix(op.Prefix)
	if !ok || height < 1 || height > 255 {
		return s, false
	}
	s = Step{Height: uint8(height), Size: size, Version: version}
	switch {
	case len(rest) == 1+childBytes && len(op.Suffix) == 0 && rest[childBytes] == childBytes-1:
		s.Left = true
		return s, readChild(rest[:childBytes], &s.Sibling)
	case len(rest) == 1 && rest[0] == childBytes-1 && len(op.Suffix) == childBytes:
		return s, readChild(op.Suffix, &s.Sibling)
	}
	return s, false
}

func readChild(b []byte, d *assay.Digest) bool {
	copy(d[:], b[1:])
	return b[0] == byte(len(d))
}

func readPrefix(b []byte) (height, size, version int64, rest []byte, ok bool) {
	for _, n := range []*int64{&height, &size, &version} {
		v, k := binary.Varint(b)
		if k <= 0 {
			return 0, 0, 0, nil, false
		}
		*n, b = v, b[k:]
	}
	return height, size, version, b, true
}

package zk

import (
	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
)

// Evidence is what a provider shows to the check. Under bind=commit the first
// one has a commitment alone; otherwise it has descriptor, public bytes and proof.
type Evidence struct {
	_          struct{} `cbor:",toarray"`
	Seat       uint16
	Commitment assay.Digest
	Descriptor []byte
	Public     []byte
	Proof      []byte
}

// MaxEvidence bounds the encoding of an Evidence, in bytes.
const MaxEvidence = MaxDescriptor + MaxPublic + MaxProof + 128

// Bytes returns the canonical encoding.
func (e *Evidence) Bytes() []byte { return canon.Marshal(e) }

// ParseEvidence reads an evidence strictly.
func ParseEvidence(b []byte) (*Evidence, error) {
	if len(b) > MaxEvidence {
		return nil, assay.Refuse(CodeEvidence, "%d bytes; at most %d", len(b), MaxEvidence)
	}
	e := new(Evidence)
	if err := canon.Unmarshal(b, e); err != nil {
		return nil, assay.Refuse(CodeEvidence, "%v", err)
	}
	empty := len(e.Descriptor) == 0 && len(e.Public) == 0 && len(e.Proof) == 0
	switch {
	case e.Commitment.IsZero() == empty:
		return nil, assay.Refuse(CodeEvidence, "want either a commitment or a proof with its descriptor")
	case len(e.Descriptor) > MaxDescriptor || len(e.Public) > MaxPublic || len(e.Proof) > MaxProof:
		return nil, assay.Refuse(CodeEvidence, "%d, %d and %d bytes of descriptor, public values and proof", len(e.Descriptor), len(e.Public), len(e.Proof))
	}
	return e, nil
}

// Costs of evidence, in gas: about 10 ns of one core each, with a factor of two
// of slack over what the benchmarks of this package measure.
const (
	gasProof  = 600_000 // decoding a key and a proof, and the pairings
	gasByte   = 4       // hashing and parsing, per byte of evidence
	gasCommit = 2_000
	// Every public element is a term of a multi-scalar multiplication.
	gasElement = 4_000
)

// Gas returns an upper bound of what Step costs on this evidence, by its length
// alone. A body that is too short to hold a proof is a commitment or refused.
func Gas(body []byte) uint64 {
	n := uint64(len(body))
	if n < 200 {
		return gasCommit + n*gasByte
	}
	// A key takes no more public elements than MaxInputs, nor more than fit.
	elements := min(n/32, MaxInputs)
	return gasProof + n*gasByte + elements*gasElement
}

// Package ceremony owns the making of Groth16 keys by many: a transcript of
// contributions in two phases, each ended by a beacon that nobody knew while
// contributions were open. The keys are sound if one contributor of each phase
// was honest and forgot its secret; nobody has to know which.
//
// It refuses a contribution that does not continue the last one, proves no
// knowledge of its secret, changes anything beside what a contribution changes,
// or has a second spelling; and keys before both phases are sealed. The first
// phase does not depend on the circuit.
//
// Verification is a function of the transcript and the circuit. It draws random
// numbers to check many points at once: what it accepts is false with probability
// below 2⁻²⁰⁰, whoever looks.
//
// LIMITATIONS. The first phase is for small circuits: a contribution has about
// 200 bytes for each constraint. Who contributed is the word of whoever keeps the
// transcript: a contribution proves knowledge of its secret, not its author. The
// beacons must come from elsewhere, behind the last contribution: on a network
// they are those of blocks; in a file, compare them with the source they name.
package ceremony

import (
	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
)

// Limits of a ceremony.
const (
	MaxLogSize       = 13 // of the domain: 8,192 constraints
	MaxContributions = 256
	MaxTranscript    = canon.MaxBytes
)

// Codes of this package.
const (
	CodeTranscript   assay.Code = "ceremony-transcript"
	CodeCircuit      assay.Code = "ceremony-circuit"
	CodeForm         assay.Code = "ceremony-form"
	CodeOrder        assay.Code = "ceremony-order"
	CodeContribution assay.Code = "ceremony-contribution"
	CodeBeacon       assay.Code = "ceremony-beacon"
)

// Codes documents the codes of this package.
func Codes() []assay.CodeInfo {
	r := func(c assay.Code, text, hint string) assay.CodeInfo {
		return assay.CodeInfo{Code: c, Kind: assay.KindRefusal, Text: text, Hint: hint}
	}
	return []assay.CodeInfo{
		r(CodeTranscript, "the file is no transcript of a ceremony", "use the file that the ceremony's keeper published, unchanged"),
		r(CodeCircuit, "the circuit is not that of the ceremony, or too large for it", "pass the circuit whose digest the transcript names"),
		r(CodeForm, "a contribution is not the canonical encoding of one for this circuit", "make it with `assay zk ceremony contribute`"),
		r(CodeOrder, "the phase is not open, or not closed yet", "powers first, then keys; each needs a contribution before it is sealed"),
		r(CodeContribution, "a contribution does not follow from the one before it by a secret that its author knows", "it was made for another state of the ceremony, or it lies; start from the latest transcript"),
		r(CodeWindow, "a window is out of range, or what ends a phase comes before its window or before a later block", "wait until the phase's window and the block have passed"),
		r(CodeBeacon, "a beacon is not 32 bytes", "use the beacon of a block behind the last contribution"),
	}
}

// Transcript is all that a ceremony has come to.
type Transcript struct {
	_       struct{} `cbor:",toarray"`
	Version uint8    // 1
	Network assay.NetworkID
	Circuit assay.Digest // file digest of the constraint system
	LogSize uint8        // of the domain
	Powers  Phase        // phase 1: powers of tau
	Keys    Phase        // phase 2: of the circuit
}

// Phase is one of the two.
type Phase struct {
	_             struct{} `cbor:",toarray"`
	Contributions []Contribution
	Beacon        []byte // 32 bytes; empty: still open
}

// Contribution is one step of a phase.
type Contribution struct {
	_     struct{} `cbor:",toarray"`
	By    assay.Key
	Bytes []byte // in gnark's encoding
}

// Sealed reports whether a beacon has ended the phase.
func (p *Phase) Sealed() bool { return len(p.Beacon) != 0 }

// Bytes returns the canonical encoding.
func (t *Transcript) Bytes() []byte { return canon.Marshal(t) }

// Parse reads a transcript strictly. It verifies no contribution.
func Parse(b []byte) (*Transcript, error) {
	t := new(Transcript)
	if err := canon.Unmarshal(b, t); err != nil {
		return nil, assay.Refuse(CodeTranscript, "%v", err)
	}
	return t, t.validate()
}

func (t *Transcript) validate() error {
	switch {
	case t.Version != 1:
		return assay.Refuse(CodeTranscript, "version %d, this is 1", t.Version)
	case t.Circuit.IsZero() || t.LogSize < 1 || t.LogSize > MaxLogSize:
		return assay.Refuse(CodeTranscript, "a domain of 2^%d", t.LogSize)
	case len(t.Powers.Contributions)+len(t.Keys.Contributions) > MaxContributions:
		return assay.Refuse(CodeTranscript, "more than %d contributions", MaxContributions)
	case !t.Powers.Sealed() && (len(t.Keys.Contributions) > 0 || t.Keys.Sealed()):
		return assay.Refuse(CodeOrder, "keys before the powers are sealed")
	}
	for _, p := range []*Phase{&t.Powers, &t.Keys} {
		if p.Sealed() && len(p.Beacon) != 32 {
			return assay.Refuse(CodeBeacon, "%d bytes", len(p.Beacon))
		}
		if p.Sealed() && len(p.Contributions) == 0 {
			return assay.Refuse(CodeOrder, "a phase is sealed without a contribution")
		}
	}
	return nil
}

// open returns the phase that takes contributions.
func (t *Transcript) open() (*Phase, error) {
	switch {
	case !t.Powers.Sealed():
		return &t.Powers, nil
	case !t.Keys.Sealed():
		return &t.Keys, nil
	}
	return nil, assay.Refuse(CodeOrder, "both phases are sealed")
}

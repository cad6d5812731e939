package assay

import "github.com/capacloud/assay/canon"

// FaultClass is what a provider is held to have done. Only ProvedWrongFault
// touches stake.
type FaultClass string

// The faults. FaultMisled is none of the provider's own: its work is of no use,
// and it is paid for from the stake of who misled it.
const (
	FaultLate        FaultClass = "late"
	FaultAbandoned   FaultClass = "abandoned"
	FaultUnavailable FaultClass = "unavailable"
	FaultDifferent   FaultClass = "different"
	FaultProvedWrong FaultClass = "proved_wrong"
	FaultMisled      FaultClass = "misled"
)

// Fault is one recorded fault and what it cost.
type Fault struct {
	_        struct{} `cbor:",toarray"`
	Seat     uint16
	Provider Key
	Owner    Key
	Class    FaultClass
	Slashed  Amount // from stake
	Penalty  Amount // from the bond
	Text     string
}

// Payment is one transfer of a settlement, out of the escrow.
type Payment struct {
	_      struct{} `cbor:",toarray"`
	To     Key
	Amount Amount
	Code   Code // "executed", "refund", "protocol-fee"
	Seat   uint16
}

// ClaimEnd is what became of one claim of a dispute and of its bond. Bonds and
// slashed stake together are returned, pay costs and bounties, or are burned.
type ClaimEnd struct {
	_        struct{} `cbor:",toarray"`
	Dispute  uint16   // the case's disputes are numbered from 0
	Claim    uint16
	Author   Key
	Result   Digest // in which the claim ends
	Code     Code   // "survived", or why it lost
	Bond     Amount
	Returned Amount // of the bond
	Costs    Amount // of its moves, refunded by those who lost
	Bounty   Amount
}

// Availability says what is known of the output bytes.
type Availability uint8

// The ways in which the bytes of an accepted result were or were not had.
const (
	NotDue       Availability = 0 // nothing was accepted
	Attested     Availability = 1 // validators hold them
	Answered     Availability = 2 // a supporter posted the leaves that a beacon named
	NotAvailable Availability = 3 // nobody delivered; nobody is paid
)

// String returns the name used in JSON.
func (a Availability) String() string {
	return [...]string{"not-due", "attested", "answered", "unavailable"}[min(int(a), 3)]
}

// Settlement says who is paid, refunded and slashed, and why, to the last coin.
// Escrow = Paid + Refunded + Fees; Slashed and Burned stand outside it.
type Settlement struct {
	_            struct{} `cbor:",toarray"`
	Escrow       Amount
	Paid         Amount
	Refunded     Amount
	Fees         Amount
	Slashed      Amount
	Burned       Amount
	Availability Availability
	Payments     []Payment
	Faults       []Fault
	Claims       []ClaimEnd
	Posters      []Payment // to those who posted a program, or were misled, out of lost bonds and slashed stake
}

// Record is what the ledger keeps of a settled job for ever, by its hash. A
// receipt's statement is a pure function of it.
type Record struct {
	_          struct{} `cbor:",toarray"`
	Version    uint8    // 1
	Network    NetworkID
	Job        JobID
	Repeat     bool // a job of equal Work was settled before
	Verdict    Verdict
	Settlement Settlement
	Case       Digest // of the board at the close
	Height     uint64 // of the block that settled it
	Time       Time
}

// Digest returns the hash that the ledger keeps under "record/<job>".
func (r *Record) Digest() Digest { return canon.HashValue("assay/record/1", r) }

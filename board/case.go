package board

import (
	"github.com/capacloud/assay"
	"github.com/capacloud/assay/merkle"
)

// Case is the board of one job: everything that was assigned, committed, tagged
// and opened, the draws with their beacons, the clocks, and in the end the
// record. It is a value: its canonical bytes are the ledger's state of the job,
// and a case that was encoded and decoded goes on exactly as it would have.
type Case struct {
	_         struct{} `cbor:",toarray"`
	Version   uint8    // 1
	Network   assay.NetworkID
	ID        assay.JobID
	Job       assay.Job
	Bytes     uint64 // what an executor has to fetch, as the requester said
	Repeat    bool
	Submitted assay.Moment
	Escrow    assay.Amount
	Phase     Phase
	Due       assay.Clock  // when the phase ends by the clock; zero: it does not
	Request   *DrawRequest // a draw that the next beacon answers
	Draws     []Draw
	Seats     []Seat
	Checks    []CheckState // by canonical text, in tree order
	Choices   []ChoiceMade
	Waited    assay.Clock    // when the case first waited for a check; bounds all waiting
	Closed    Close          // of the verdict
	Inputs    []assay.Key    // validator accounts that attest to hold program and inputs, in order of arrival
	InputsAt  assay.Clock    // when they were two thirds of the power; zero: not yet
	Image     []byte         // of the program, once a dispute needed it
	Disputes  []Dispute      // the last one may still run
	Attests   []assay.Key    // validator accounts, in order of arrival
	Challenge *Challenge     // the latest one
	Unmet     []Challenge    // earlier ones, which nobody answered
	Verdict   *assay.Verdict // from the closing on
	Record    *assay.Record  // from the settlement on

	// Of an epoch program; see checkpoint.go.
	Checkpoints []Checkpoint // by seat, then epoch
	Resumes     []Resume     // by order of arrival

	// Of proofs; see evidence.go.
	Keys  []assay.ProofKey // that the job named when it was submitted
	Shown []Shown          // evidence, by order of arrival
}

// Close is the moment of the verdict, and how many seats it was taken over:
// seats drawn later only deliver bytes.
type Close struct {
	_     struct{} `cbor:",toarray"`
	At    assay.Moment
	Seats uint16
}

// Phase is what a case waits for.
type Phase uint8

// The phases. Drawing, Committing, Tagging and Opening recur when replicas are
// drawn later.
const (
	Drawing    Phase = 1 // for a beacon
	Committing Phase = 2 // for commitments
	Tagging    Phase = 3 // for tags
	Opening    Phase = 4 // for openings
	Waiting    Phase = 5 // for a check: evidence, a window
	Fetching   Phase = 6 // for validators to attest that they hold the bytes
	Answering  Phase = 7 // for a supporter to post the leaves that a beacon named
	Settled    Phase = 8

	// These two come between Opening and the verdict; the numbers of phases
	// are on the ledger and stay as they are.
	Programming Phase = 9  // for the program that a dispute is about, in messages
	Disputing   Phase = 10 // for the moves of a dispute
)

// Seat is one assignment.
type Seat struct {
	_        struct{} `cbor:",toarray"`
	Number   uint16
	Role     assay.Role
	Provider assay.Key
	Owner    assay.Key
	Price    assay.Amount // what it is paid
	Stake    assay.Amount // locked until the settlement, or the liability horizon
	Bond     assay.Amount // locked from the commit until the settlement
	Draw     uint16       // index into Draws
	Drawn    assay.Clock
	Due      assay.Clock // of the commit
	State    assay.ExecutionState
	Blind    bool // drawn before any seat opened
	Commit   assay.Digest
	Tag      assay.Digest
	Salt     assay.Digest
	Result   *assay.Result // once opened
	Shown    assay.Clock   // when it was
	Lost     uint16        // 1 + the number of the dispute that it lost; zero: none
}

// DrawRequest is a demand that was raised and not yet answered. It is answered
// by the beacon of a later block, over the listings as they stood before the
// block that raised it, so neither requester nor provider can aim.
type DrawRequest struct {
	_      struct{} `cbor:",toarray"`
	Role   assay.Role
	Choice string    // fixed by the same beacon, which draws only if it is taken; empty: none
	Share  assay.PPM // with which the choice is taken
	Seats  uint16
	Height uint64 // of the block that raised it
	Market merkle.SumNode
}

// Draw is an answered request.
type Draw struct {
	_      struct{} `cbor:",toarray"`
	Role   assay.Role
	Asked  uint64 // height of the request
	Height uint64 // height of the answer
	Beacon assay.Beacon
	Market merkle.SumNode
	Seats  []SeatDraw
}

// SeatDraw is how one seat was drawn: number i is H(beacon, job, seat, i) mod
// total. The last try is the one that took the seat, unless Vacant.
type SeatDraw struct {
	_      struct{} `cbor:",toarray"`
	Number uint16
	Vacant bool // no eligible owner in MaxTries
	Tries  []Try
}

// Try is one number tried: the listing that it names, its path in the sum tree,
// and why it was passed over.
type Try struct {
	_       struct{} `cbor:",toarray"`
	Listing assay.Listing
	Path    []merkle.SumStep
	Skip    assay.Code // empty: drawn
}

// CheckState is what a check has absorbed.
type CheckState struct {
	_     struct{} `cbor:",toarray"`
	Check string
	State []byte
}

// ChoiceMade is a choice that is fixed: whether a watcher is drawn, by a beacon
// and under "watch " and the number of the seat to be watched; that an escalate
// has opened its second branch, under its canonical text and without a beacon.
type ChoiceMade struct {
	_      struct{} `cbor:",toarray"`
	Name   string
	Taken  bool
	Height uint64
	Beacon assay.Beacon
	Clock  assay.Clock
}

// Challenge asks the supporters for leaves of the output, at offsets that a
// beacon named after the validators had failed to attest.
type Challenge struct {
	_        struct{} `cbor:",toarray"`
	Asked    uint64   // height at which it was raised; a later beacon names the leaves
	Height   uint64   // of that beacon; zero: not yet named
	Beacon   assay.Beacon
	Offsets  []uint64 // merkle.VerifyOpening takes each modulo the size of the output
	Answered bool
	Seat     uint16 // of the supporter that answered
}

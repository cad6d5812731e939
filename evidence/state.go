package evidence

import (
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
)

// State is what a check has absorbed: at most one commitment and one proof of
// each seat, by number.
type State struct {
	_       struct{} `cbor:",toarray"`
	Version uint8    // 1
	Seats   []Seat
}

// Seat is what one seat has shown.
type Seat struct {
	_          struct{} `cbor:",toarray"`
	Number     uint16
	Commitment assay.Digest // zero: none
	Height     uint64       // of the block with the commitment
	Proof      *Proof       // nil: none yet
	At         assay.Clock  // when it was shown
}

// Proof is the end of a verification.
type Proof struct {
	_         struct{} `cbor:",toarray"`
	Seat      uint16
	Candidate assay.Digest // that it proves, or fails to
	False     string       // in words, why it is false; empty: it is valid
	Statement assay.Digest // what is paid for once on a network; zero: any number of times
	Text      string       // what was proved, for people
	Assume    []assay.Assumption
}

// MaxText bounds what a proof says in words, in bytes.
const MaxText = 1024

// Read decodes what a check has absorbed; nil is nothing.
func Read(state []byte) (State, error) {
	s := State{Version: 1}
	if len(state) == 0 {
		return s, nil
	}
	if err := canon.Unmarshal(state, &s); err != nil {
		return s, assay.Refuse(CodeState, "%v", err)
	}
	last := -1
	for _, x := range s.Seats {
		if int(x.Number) <= last || x.Commitment.IsZero() && x.Proof == nil || x.Proof != nil && x.Proof.Seat != x.Number {
			return s, assay.Refuse(CodeState, "seat %d", x.Number)
		}
		last = int(x.Number)
	}
	return s, nil
}

// Bytes encodes the state.
func (s *State) Bytes() []byte { return canon.Marshal(s) }

// Of returns what a seat has shown.
func (s *State) Of(number uint16) (Seat, bool) {
	for _, x := range s.Seats {
		if x.Number == number {
			return x, true
		}
	}
	return Seat{}, false
}

// edit returns the entry of a seat, which it makes if there is none.
func (s *State) edit(number uint16) *Seat {
	i, found := slices.BinarySearchFunc(s.Seats, number, func(x Seat, n uint16) int { return int(x.Number) - int(n) })
	s.Seats = slices.Clone(s.Seats)
	if !found {
		s.Seats = slices.Insert(s.Seats, i, Seat{Number: number})
	}
	return &s.Seats[i]
}

// Commit records a commitment to a proof that is not shown yet.
func (s *State) Commit(v assay.View, number uint16, commitment assay.Digest) error {
	if _, err := s.opened(v, number); err != nil {
		return err
	}
	if x, ok := s.Of(number); ok {
		return assay.Refuse(CodeRepeated, "seat %d committed at height %d", number, x.Height)
	}
	x := s.edit(number)
	x.Commitment, x.Height = commitment, v.Height
	return nil
}

// Committed returns the commitment of a seat, and the height of its block.
func (s *State) Committed(number uint16) (commitment assay.Digest, height uint64, ok bool) {
	x, ok := s.Of(number)
	return x.Commitment, x.Height, ok && !x.Commitment.IsZero()
}

// Show records how the verification of a seat's proof has ended.
func (s *State) Show(v assay.View, p Proof) error {
	result, err := s.opened(v, p.Seat)
	if err != nil {
		return err
	}
	if result != p.Candidate {
		return assay.Refuse(CodeSeat, "seat %d has opened another result", p.Seat)
	}
	x := s.edit(p.Seat)
	if x.Proof != nil {
		return assay.Refuse(CodeRepeated, "seat %d has shown a proof", p.Seat)
	}
	p.False, p.Text = p.False[:min(len(p.False), MaxText)], p.Text[:min(len(p.Text), MaxText)]
	x.Proof, x.At = &p, v.Clock
	return nil
}

// opened returns the result that a seat has opened.
func (s *State) opened(v assay.View, number uint16) (assay.Digest, error) {
	for _, x := range v.Executions {
		if x.Seat == number && x.Role == assay.RoleExecutor && x.State == assay.Opened {
			return x.Result, nil
		}
	}
	return assay.Digest{}, assay.Refuse(CodeSeat, "seat %d has not opened", number)
}

// Spend is a statement that is to be paid for once on a network.
type Spend struct {
	Seat      uint16
	Statement assay.Digest
	Candidate assay.Digest
}

// Spends lists the statements that valid proofs of a state have shown.
func Spends(state []byte) []Spend {
	s, err := Read(state)
	if err != nil {
		return nil
	}
	var list []Spend
	for _, x := range s.Seats {
		if p := x.Proof; p != nil && p.False == "" && !p.Statement.IsZero() {
			list = append(list, Spend{Seat: x.Number, Statement: p.Statement, Candidate: p.Candidate})
		}
	}
	return list
}

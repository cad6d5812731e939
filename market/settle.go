package market

import (
	"math/bits"

	"github.com/capacloud/assay"
)

// CodeUnbalanced refuses a settlement that does not add up. What it stops is a
// bug of ours: the case stalls, and no coin moves.
const CodeUnbalanced assay.Code = "unbalanced"

// Held is what one seat of a case has locked.
type Held struct {
	Seat     uint16
	Provider assay.Key
	Owner    assay.Key
	Stake    assay.Amount
	Bond     assay.Amount // zero before its commit
}

// Distribution says where every coin of a case goes: escrow, bonds and what is
// slashed from stakes, less nothing.
type Distribution struct {
	Credits []Credit     // to balances, in order
	Pool    assay.Amount // to the fee pool
	Burned  assay.Amount
	Seats   []SeatEnd // in the order of the seats
}

// Credit pays one account.
type Credit struct {
	To     assay.Key
	Amount assay.Amount
	Code   assay.Code
	Seat   uint16
}

// Codes of credits that are no payment of the settlement: a bond that returns,
// what forfeits leave beside what is burned, and what a claim ends with.
const (
	CodeBond         assay.Code = "bond"
	CodeCompensation assay.Code = "compensation"
	CodeClaim        assay.Code = "claim"
)

// SeatEnd is how a seat's locks end: Slashed leaves the stake for good, Release
// is unlocked.
type SeatEnd struct {
	Held
	Slashed assay.Amount
	Release assay.Amount
	Late    bool
}

// Case is what a case has locked: the requester's escrow and the seats.
type Case struct {
	Requester    assay.Key
	Escrow       assay.Amount
	Compensation assay.Amount // owed to the requester out of forfeits
	Claims       assay.Amount // bonds of claims in disputes
	Seats        []Held
}

// Distribute turns the settlement of a record into transfers. It is the only
// way from a verdict to money, and it takes nothing on trust: what goes out
// must equal what was held, to the last coin.
func Distribute(r *assay.Record, c Case) (Distribution, error) {
	s := &r.Settlement
	if s.Escrow != c.Escrow {
		return Distribution{}, assay.Refuse(CodeUnbalanced, "settlement of escrow %s, held %s", s.Escrow, c.Escrow)
	}
	var d Distribution
	var in, out tally
	in.add(c.Escrow)
	if err := d.claims(s, c.Claims, &in, &out); err != nil {
		return Distribution{}, err
	}
	for _, h := range c.Seats {
		end, back, err := endSeat(h, s.Faults)
		if err != nil {
			return Distribution{}, err
		}
		in.add(h.Bond)
		in.add(end.Slashed)
		d.Seats = append(d.Seats, end)
		if back > 0 {
			d.Credits = append(d.Credits, Credit{To: h.Provider, Amount: back, Code: CodeBond, Seat: h.Seat})
			out.add(back)
		}
	}
	if err := faultsSeated(s.Faults, c.Seats); err != nil {
		return Distribution{}, err
	}
	for _, p := range s.Payments {
		out.add(p.Amount)
		if p.To.IsZero() {
			d.Pool += p.Amount // cannot wrap: out is checked below
			continue
		}
		d.Credits = append(d.Credits, Credit{To: p.To, Amount: p.Amount, Code: p.Code, Seat: p.Seat})
	}
	if c.Compensation > 0 {
		d.Credits = append(d.Credits, Credit{To: c.Requester, Amount: c.Compensation, Code: CodeCompensation})
		out.add(c.Compensation)
	}
	d.Burned = s.Burned
	out.add(d.Burned)
	if in != out || in.over || out.over {
		return Distribution{}, assay.Refuse(CodeUnbalanced, "%s held, %s given", in.sum, out.sum)
	}
	return d, nil
}

// claims gives the bonds of claims, and what disputes take of slashed stake
// beside them, to the authors and to those who posted the program.
func (d *Distribution) claims(s *assay.Settlement, held assay.Amount, in, out *tally) error {
	var bonds tally
	for _, e := range s.Claims {
		bonds.add(e.Bond)
		var back tally
		for _, a := range []assay.Amount{e.Returned, e.Costs, e.Bounty} {
			back.add(a)
			out.add(a)
		}
		if back.over {
			return assay.Refuse(CodeUnbalanced, "claim %d of dispute %d gets more than there is", e.Claim, e.Dispute)
		}
		if back.sum > 0 {
			d.Credits = append(d.Credits, Credit{To: e.Author, Amount: back.sum, Code: CodeClaim})
		}
	}
	if bonds.over || bonds.sum != held {
		return assay.Refuse(CodeUnbalanced, "bonds of claims of %s, held %s", bonds.sum, held)
	}
	for _, p := range s.Posters {
		out.add(p.Amount)
		if p.Amount > 0 {
			d.Credits = append(d.Credits, Credit{To: p.To, Amount: p.Amount, Code: p.Code})
		}
	}
	in.add(held)
	return nil
}

// endSeat applies the faults of one seat to its locks. It returns what is left
// of the bond.
func endSeat(h Held, faults []assay.Fault) (SeatEnd, assay.Amount, error) {
	end := SeatEnd{Held: h, Release: h.Stake}
	back := h.Bond
	for _, f := range faults {
		if f.Seat != h.Seat {
			continue
		}
		if f.Slashed > end.Release || f.Penalty > back || f.Provider != h.Provider {
			return end, 0, assay.Refuse(CodeUnbalanced, "seat %d: %s slashed of %s, penalty %s of %s", h.Seat, f.Slashed, end.Release, f.Penalty, back)
		}
		end.Slashed += f.Slashed
		end.Release -= f.Slashed
		back -= f.Penalty
		end.Late = end.Late || f.Class == assay.FaultLate
	}
	return end, back, nil
}

func faultsSeated(faults []assay.Fault, held []Held) error {
	for _, f := range faults {
		seated := false
		for _, h := range held {
			seated = seated || h.Seat == f.Seat
		}
		if !seated {
			return assay.Refuse(CodeUnbalanced, "fault of seat %d, which does not exist", f.Seat)
		}
	}
	return nil
}

// tally is a sum that remembers having left the range.
type tally struct {
	sum  assay.Amount
	over bool
}

func (t *tally) add(a assay.Amount) {
	s, err := t.sum.Add(a)
	t.sum, t.over = s, t.over || err != nil
}

// Split divides an amount in proportion to powers, each share rounded down. The
// rest, less than one coin for each power, is returned: it stays where it was
// and is divided with the next amount, so rounding favours nobody for long.
func Split(a assay.Amount, powers []uint64) ([]assay.Amount, assay.Amount) {
	var total uint64
	for _, p := range powers {
		total += p
	}
	shares := make([]assay.Amount, len(powers))
	if total == 0 {
		return shares, a
	}
	rest := a
	for i, p := range powers {
		hi, lo := bits.Mul64(uint64(a), p)
		q, _ := bits.Div64(hi, lo, total) // hi < total, because p ≤ total
		shares[i] = assay.Amount(q)
		rest -= shares[i]
	}
	return shares, rest
}

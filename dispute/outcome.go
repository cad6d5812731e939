package dispute

import (
	"cmp"
	"slices"

	"github.com/capacloud/assay"
)

// Outcome is what a game that is over says about results.
type Outcome struct {
	// Result is the one in which the surviving claims end. It is zero when none
	// has survived: then no result is refuted, and no party has spoken for one.
	Result assay.Digest
	// Refuted are the candidates with another result. That a claim which ended
	// in the surviving result has lost costs its author, and no result.
	Refuted []assay.Digest
	// Winner is the first surviving claim; nil: none.
	Winner *uint16
	Rounds int    // moves of the longest match, the first claim included
	Bytes  uint64 // posted in all moves
}

// Outcome returns what the game has decided; it is the zero Outcome until the
// game is over.
func (g *Game) Outcome() Outcome {
	var o Outcome
	if g.Phase != Over {
		return o
	}
	for i := range g.Claims {
		if c := &g.Claims[i]; c.Live() && !c.Announced() {
			o.Result, o.Winner = c.Result, new(uint16(i))
			break
		}
	}
	for _, c := range g.Candidates {
		if o.Winner != nil && c.Result != o.Result {
			o.Refuted = append(o.Refuted, c.Result)
		}
	}
	for i := range g.Claims {
		c := &g.Claims[i]
		o.Rounds = max(o.Rounds, c.rounds())
		o.Bytes += c.Sent
	}
	return o
}

// rounds returns in how many levels a claim has moved, and one for the claim.
func (c *Claim) rounds() int {
	moved := uint32(0)
	for _, r := range c.Refined {
		moved |= 1 << r.Level
	}
	for _, p := range c.Proved {
		moved |= 1 << p.Level
	}
	n := 1
	for ; moved != 0; moved &= moved - 1 {
		n++
	}
	return n
}

// Share is what somebody has paid, or gets, for bytes of the program.
type Share struct {
	To     assay.Key
	Amount assay.Amount
}

// Payout is where the bonds, and the slashed stake handed in with them, go.
// Returned, costs, bounties, program shares and Burned sum to them exactly.
type Payout struct {
	Claims  []assay.ClaimEnd // by number; Dispute is for the caller to fill in
	Program []Share          // in the order given, each at most what was given
	Burned  assay.Amount
}

// Payout divides the bonds and the pot, which is stake slashed from those who
// stood behind refuted results. It is called when the game is over.
//
// Surviving claims get their bonds back. Lost bonds and pot pay, in this order
// and as far as they go: the program's bytes; what the survivors' moves cost, by
// the schedule, the first mover at each position before every second one, and so
// on; a bounty of a twentieth of the rest to the first survivor. The rest is
// burned, and all of it when nobody has survived.
//
// So the first mover at a position is always made whole, see Rules.Bond, and so
// is the second; a later one, who repeated what two others had said, is as far as
// the losers' bonds go. Where no claim has lost there is the pot alone.
func (g *Game) Payout(pot assay.Amount, program []Share) Payout {
	return g.PayoutSparing(pot, program, 0)
}

// PayoutSparing is Payout with no bounty on so much of what costs have left: the
// bonds of claims that were lost in good faith, which the caller returns out of
// Burned.
func (g *Game) PayoutSparing(pot assay.Amount, program []Share, spared assay.Amount) Payout {
	var out Payout
	left := pot
	first := -1
	for i := range g.Claims {
		c := &g.Claims[i]
		end := assay.ClaimEnd{Claim: uint16(i), Author: c.Author, Result: c.Result, Bond: c.Bond}
		if c.Live() && !c.Announced() {
			end.Code, end.Returned = CodeSurvived, c.Bond
			if first < 0 {
				first = i
			}
		} else {
			left = plus(left, c.Bond)
			if c.Lost != nil {
				end.Code = c.Lost.Code
			}
		}
		out.Claims = append(out.Claims, end)
	}
	take := func(want assay.Amount) assay.Amount {
		got := min(want, left)
		left -= got
		return got
	}
	for _, s := range program {
		out.Program = append(out.Program, Share{To: s.To, Amount: take(s.Amount)})
	}
	for _, e := range g.expenses() {
		out.Claims[e.claim].Costs += take(e.move.Cost)
	}
	if first >= 0 {
		out.Claims[first].Bounty = take((left - min(spared, left)).Share(bounty))
	}
	out.Burned = left
	return out
}

// expense is a move of a survivor that costs are refunded for.
type expense struct {
	claim    int
	position position
	move     Move
	rank     int // how many survivors moved there before
}

// position is what a move is about. A claim is about the whole trace.
type position struct {
	kind   assay.Kind
	level  uint8
	offset uint64
}

func (a position) compare(b position) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.level, b.level), cmp.Compare(a.offset, b.offset))
}

// expenses lists the survivors' moves in the order in which they are refunded:
// first movers before second ones, and so on, earlier before later.
func (g *Game) expenses() []expense {
	var list []expense
	for i := range g.Claims {
		c := &g.Claims[i]
		if !c.Live() || c.Announced() {
			continue
		}
		list = append(list, expense{claim: i, position: position{kind: assay.KindClaim}, move: c.Posted})
		for _, r := range c.Refined {
			list = append(list, expense{claim: i, position: position{assay.KindRefine, r.Level, r.Offset}, move: r.Move})
		}
		for _, p := range c.Proved {
			list = append(list, expense{claim: i, position: position{assay.KindProof, p.Level, p.Offset}, move: p.Move})
		}
	}
	slices.SortFunc(list, func(a, b expense) int {
		return cmp.Or(a.position.compare(b.position), cmp.Compare(a.move.Number, b.move.Number))
	})
	for i := 1; i < len(list); i++ {
		if list[i].position == list[i-1].position {
			list[i].rank = list[i-1].rank + 1
		}
	}
	slices.SortFunc(list, func(a, b expense) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.move.Number, b.move.Number))
	})
	return list
}

package board

import (
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/dispute"
)

// Digest returns the hash of the board without its record, which names it, and
// without the witnesses and the evidence, which it names.
func (c *Case) Digest() assay.Digest {
	k := *c
	k.Record = nil
	k.Shown = slices.Clone(c.Shown)
	for i := range k.Shown {
		k.Shown[i].Bytes = nil
	}
	k.Disputes = slices.Clone(c.Disputes)
	for i := range k.Disputes {
		k.Disputes[i].Proofs = nil
	}
	return canon.HashValue("assay/case/1", &k)
}

// Settled reports whether the case has its record: nothing changes it any more.
func (c *Case) Settled() bool { return c.Record != nil }

// settle writes the record: verdict and settlement follow from the board alone.
func (c *Case) settle(p *assay.Params, g *assay.Genesis, plan *Plan, at assay.Moment) {
	verdict := c.finalVerdict(g)
	settlement := c.settlement(p, g, plan)
	c.Verdict, c.Phase, c.Due = &verdict, Settled, 0
	c.Record = &assay.Record{
		Version: 1, Network: c.Network, Job: c.ID, Repeat: c.Repeat,
		Verdict: verdict, Settlement: settlement,
		Case: c.Digest(), Height: at.Height, Time: at.Time,
	}
}

// finalVerdict adds to the verdict what is assumed of the bytes.
func (c *Case) finalVerdict(g *assay.Genesis) assay.Verdict {
	v := *c.Verdict
	if a, _ := c.availability(g); a == assay.Attested && len(g.Validators) == 1 {
		v.Assumptions = append(slices.Clone(v.Assumptions), assay.Assumption{
			Code: CodeOneAvailable, Text: "one validator holds the output: that it can be had is the operator's word",
		})
	}
	return v
}

// settlement says who is paid, refunded and slashed. Sums cannot overflow: the
// plan has checked the largest.
func (c *Case) settlement(p *assay.Params, g *assay.Genesis, plan *Plan) assay.Settlement {
	s := assay.Settlement{Escrow: c.Escrow}
	found := c.found(p, plan)
	s.Availability, _ = c.availability(g)
	if s.Availability == assay.Attested || s.Availability == assay.Answered {
		paid := c.deserving(found)
		for _, i := range paid[:min(len(paid), plan.MaxPaid)] {
			seat := &c.Seats[i]
			s.Payments = append(s.Payments, assay.Payment{To: seat.Provider, Amount: seat.Price, Code: PayExecuted, Seat: seat.Number})
			s.Paid += seat.Price
		}
		for _, i := range c.watchers()[:min(len(c.watchers()), plan.Watchers)] {
			seat := &c.Seats[i]
			s.Payments = append(s.Payments, assay.Payment{To: seat.Provider, Amount: seat.Price, Code: PayWatched, Seat: seat.Number})
			s.Paid += seat.Price
		}
	}
	s.Fees = feeOn(p, s.Paid)
	s.Refunded = s.Escrow - s.Paid - s.Fees
	s.Payments = append(s.Payments,
		assay.Payment{To: c.Job.Requester, Amount: s.Refunded, Code: PayRefund},
		assay.Payment{Amount: s.Fees, Code: PayFee})
	for i := range c.Seats {
		if f, burned, ok := c.fault(p, &c.Seats[i], found); ok {
			s.Faults = append(s.Faults, f)
			s.Slashed += f.Slashed
			s.Burned += burned
		}
	}
	for n := range c.Disputes {
		c.settleDispute(&s, n)
	}
	return s
}

// deserving returns the supporters that are paid, as far as the plan reaches:
// first those that have shown a proof, then the others. Who owed one and was
// silent, or showed a false one, is not among them.
func (c *Case) deserving(found []assay.FoundFault) []int {
	var provers, others []int
	for _, i := range c.supporters() {
		switch n := c.Seats[i].Number; {
		case slices.ContainsFunc(found, func(f assay.FoundFault) bool { return f.Seat == n && f.Class != assay.FaultDifferent }):
		case slices.ContainsFunc(c.Shown, func(s Shown) bool { return s.Seat == n && s.Complete() && s.Code == "" }):
			provers = append(provers, i)
		default:
			others = append(others, i)
		}
	}
	return append(provers, others...)
}

// watchers returns the seats that watched and came to the accepted result.
func (c *Case) watchers() []int {
	accepted := c.Verdict.Result.Digest()
	var list []int
	for i, s := range c.Seats {
		if s.Role == assay.RoleWatcher && s.State == assay.Opened && s.Result.Digest() == accepted {
			list = append(list, i)
		}
	}
	return list
}

// settleDispute adds where the bonds of a dispute go. The stake of those who lost
// it is at hand for the costs of who won; fault has counted it as burned.
func (c *Case) settleDispute(s *assay.Settlement, n int) {
	var pot assay.Amount
	for _, f := range s.Faults {
		if int(c.Seats[f.Seat].Lost) == n+1 {
			pot += f.Slashed
		}
	}
	ends, program, burned := c.Disputes[n].payout(uint16(n), pot, c.spared(n))
	s.Claims = append(s.Claims, ends...)
	for _, x := range program {
		s.Posters = append(s.Posters, assay.Payment{To: x.To, Amount: x.Amount, Code: PayProgram})
	}
	s.Burned -= pot
	for _, x := range c.damages(n, burned, pot) {
		s.Posters = append(s.Posters, x)
		burned -= x.Amount
	}
	s.Burned += burned
}

// VoidClaim is the number, in a record, of a challenge that no game has taken.
const VoidClaim = ^uint16(0)

// payout divides the bonds of a dispute and the stake slashed by it. It sums to
// them exactly.
func (d *Dispute) payout(n uint16, pot, spared assay.Amount) (ends []assay.ClaimEnd, program []dispute.Share, burned assay.Amount) {
	if k := d.Challenge; k != nil && (d.Game == nil || d.Void != "") {
		code := d.Void
		if code == "" {
			code = d.Code
		}
		end := assay.ClaimEnd{Dispute: n, Claim: VoidClaim, Author: k.From, Code: code, Bond: k.Bond}
		if d.Code == assay.CodeInternal {
			end.Returned = k.Bond // a fault of ours
		}
		pot += end.Bond - end.Returned
		ends = append(ends, end)
	}
	if d.Game == nil {
		return ends, nil, pot
	}
	var posted []dispute.Share
	for _, p := range d.Posters {
		posted = append(posted, dispute.Share{To: p.Who, Amount: p.Cost})
	}
	out := d.Game.PayoutSparing(pot, posted, spared)
	for _, e := range out.Claims {
		e.Dispute = n
		ends = append(ends, e)
	}
	return ends, out.Program, out.Burned
}

// Compensation returns what the forfeits of a settlement leave beside what is
// burned and what disputes have cost. It goes to the requester, who waited for
// bytes that never came; to the validators it would be a prize for not attesting.
func Compensation(s *assay.Settlement) assay.Amount {
	forfeited, gone := s.Slashed, s.Burned
	for _, f := range s.Faults {
		forfeited += f.Penalty
	}
	for _, e := range s.Claims {
		forfeited += e.Bond
		gone += e.Returned + e.Costs + e.Bounty
	}
	for _, p := range s.Posters {
		gone += p.Amount
	}
	return forfeited - min(gone, forfeited)
}

// found returns the faults that the checks showed at the closing.
func (c *Case) found(p *assay.Params, plan *Plan) []assay.FoundFault {
	k := c.atClose()
	return k.judge(plan, k.View(p, c.Closed.At)).root.Faults
}

// wrong says what has proved a seat wrong.
func (c *Case) wrong(seat *Seat) string {
	switch {
	case c.Poisoned(seat):
		return "the dispute has left another state than a checkpoint of its own, from which others went on"
	case seat.Result == nil:
		return "its tag differs from another's, or it was watched, and it never opened"
	case seat.Lost == 0:
		return c.contradiction(seat)
	case c.Disputes[seat.Lost-1].Survivor().IsZero():
		return "no claim in defence of its result has survived the dispute"
	}
	return "the dispute has left another result"
}

// fault returns a seat's fault and how much of its forfeits is burned.
func (c *Case) fault(p *assay.Params, seat *Seat, found []assay.FoundFault) (assay.Fault, assay.Amount, bool) {
	f := assay.Fault{Seat: seat.Number, Provider: seat.Provider, Owner: seat.Owner}
	switch f.Class, f.Text = c.classOf(seat, found); f.Class {
	case "":
		return f, 0, false
	case assay.FaultProvedWrong:
		f.Slashed = seat.Stake
		return f, f.Slashed, true
	case assay.FaultAbandoned:
		f.Penalty = seat.Bond
		return f, f.Penalty, true
	case assay.FaultUnavailable:
		f.Penalty = seat.Bond.Share(p.Unavailable)
		return f, f.Penalty - f.Penalty/2, true
	case assay.FaultLate, assay.FaultDifferent, assay.FaultMisled:
	}
	return f, 0, true
}

// classOf returns the one fault that a seat is held to, the gravest first.
func (c *Case) classOf(seat *Seat, found []assay.FoundFault) (assay.FaultClass, string) {
	shown := func(class assay.FaultClass) (string, bool) {
		i := slices.IndexFunc(found, func(f assay.FoundFault) bool { return f.Seat == seat.Number && f.Class == class })
		if i < 0 {
			return "", false
		}
		return found[i].Text, true
	}
	// A verifier that contradicts another one proves nothing against anybody.
	broken := c.Verdict.Code == CodeVerifier || c.Verdict.Code == CodeContradiction
	if seat.State == assay.ProvedWrong {
		if broken && seat.Lost != 0 {
			return assay.FaultDifferent, "a dispute refutes its result, which another check has proved"
		}
		return assay.FaultProvedWrong, c.wrong(seat)
	}
	if text, ok := shown(assay.FaultProvedWrong); ok && !broken {
		return assay.FaultProvedWrong, text
	}
	if text, ok := shown(assay.FaultAbandoned); ok && seat.State == assay.Opened {
		return assay.FaultAbandoned, text
	}
	switch seat.State {
	case assay.Misled:
		return assay.FaultMisled, "it went on from a checkpoint that the dispute has refuted"
	case assay.Late:
		return assay.FaultLate, "did not commit in time"
	case assay.Abandoned:
		if seat.Tag.IsZero() {
			return assay.FaultAbandoned, "committed and never tagged"
		}
		return assay.FaultAbandoned, "tagged and never opened"
	case assay.Unavailable:
		return assay.FaultUnavailable, "the bytes of its result could not be had"
	case assay.Opened:
		// One check may have seen no majority where another supported: whoever
		// holds the accepted result differs from nothing.
		if accepted := c.Verdict.Result; accepted != nil {
			if seat.Result.Digest() == accepted.Digest() {
				return "", ""
			}
			return assay.FaultDifferent, "its result differs from the accepted one"
		}
		if text, ok := shown(assay.FaultDifferent); ok {
			return assay.FaultDifferent, text
		}
		if c.Verdict.Code == CodeContradiction {
			return assay.FaultDifferent, "two different results were supported"
		}
	case assay.Assigned, assay.Committed, assay.Tagged, assay.ProvedWrong:
	}
	return "", ""
}

package board

import (
	"bytes"
	"fmt"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
)

// invariants checks what must hold of every settled case, apart from the code
// that made it.
func invariants(h *harness) error {
	c, s := h.c, &h.c.Record.Settlement
	if s.Escrow != s.Paid+s.Refunded+s.Fees || s.Escrow != c.Escrow {
		return fmt.Errorf("escrow %d is not paid %d, refunded %d and fees %d", s.Escrow, s.Paid, s.Refunded, s.Fees)
	}
	var flows assay.Amount
	for _, p := range s.Payments {
		flows += p.Amount
	}
	if flows != s.Escrow {
		return fmt.Errorf("payments of %d from an escrow of %d", flows, s.Escrow)
	}
	if s.Fees < h.g.Params.FeeMin {
		return fmt.Errorf("fees %d", s.Fees)
	}
	if s.Paid > 0 && c.Verdict.Outcome != assay.Accepted {
		return fmt.Errorf("paid without an accepted result")
	}
	if err := faultInvariants(c, s); err != nil {
		return err
	}
	if c.Verdict.Outcome == assay.Accepted && c.Verdict.Result == nil {
		return fmt.Errorf("accepted nothing")
	}
	if err := Replay(&h.g.Params, &h.g, h.replayed()); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	return unmoved(h)
}

func claims(s *assay.Settlement) assay.Amount {
	var sum assay.Amount
	for _, e := range s.Claims {
		sum += e.Bond
	}
	return sum
}

func faultInvariants(c *Case, s *assay.Settlement) error {
	var slashed, burned, penalties assay.Amount
	for _, f := range s.Faults {
		slashed += f.Slashed
		penalties += f.Penalty
		if f.Slashed > 0 && f.Class != assay.FaultProvedWrong {
			return fmt.Errorf("seat %d slashed for %s", f.Seat, f.Class)
		}
		for _, p := range s.Payments {
			if p.Code == PayExecuted && p.Seat == f.Seat {
				return fmt.Errorf("seat %d is paid and faulted %s", f.Seat, f.Class)
			}
		}
	}
	burned = s.Burned
	for _, e := range s.Claims {
		slashed += e.Bond
		burned += e.Returned + e.Costs + e.Bounty
	}
	for _, p := range s.Posters {
		burned += p.Amount
	}
	if slashed != s.Slashed+claims(s) || burned > slashed+penalties || Compensation(s) != slashed+penalties-burned {
		return fmt.Errorf("slashed %d, burned %d, penalties %d", s.Slashed, s.Burned, penalties)
	}
	return nil
}

// unmoved checks that nothing touches a settled case any more.
func unmoved(h *harness) error {
	before := canon.Marshal(h.c)
	for seat := range h.c.Seats {
		for _, err := range []error{h.commit(seat, "A"), h.tag(seat, "A"), h.open(seat, "A"), h.answer(seat, "A")} {
			if err == nil {
				return fmt.Errorf("a settled case took a message")
			}
		}
	}
	if h.attest(0, "A") == nil || h.evidence("sumcheck", "proof A") == nil {
		return fmt.Errorf("a settled case took a message")
	}
	late := h.at
	late.Clock, late.Time, late.Height = late.Clock+1e9, late.Time+1e9, late.Height+9
	h.c.Expire(&h.g.Params, late)
	h.c.Beacon(&h.g.Params, late, h.beacon(), &h.market)
	h.c.Advance(&h.g.Params, &h.g, late)
	if !bytes.Equal(before, canon.Marshal(h.c)) {
		return fmt.Errorf("a settled case moved")
	}
	return nil
}

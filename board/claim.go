package board

import (
	"slices"

	"github.com/capacloud/assay"
)

// Dispute returns the dispute that runs, or nil.
func (c *Case) Dispute() *Dispute {
	if n := len(c.Disputes); n > 0 && c.Disputes[n-1].Running() {
		return &c.Disputes[n-1]
	}
	return nil
}

// NeedsImage reports whether a dispute waits for the image of the program.
func (c *Case) NeedsImage() bool {
	d := c.Dispute()
	return d != nil && d.NeedsImage()
}

func (c *Case) contest(p *assay.Params) contest {
	return contest{Dispute: c.Dispute(), params: p, job: &c.Job, id: c.ID, fetch: c.Bytes, image: c.Image}
}

// SetImage gives the case the image of its program, which the ledger keeps, and
// starts the game that waited for it.
func (c *Case) SetImage(p *assay.Params, at assay.Moment, image []byte) error {
	c.Image = image
	k := c.contest(p)
	if k.Dispute == nil || !k.NeedsImage() {
		return nil
	}
	k.Until = c.windowEnd(p, at)
	return k.begin(at)
}

// Posted stops the clock for the program: all of it is on the ledger.
func (c *Case) Posted() {
	if d := c.Dispute(); d != nil {
		d.posted()
	}
}

// Unlowerable ends the dispute that runs: its program cannot be lowered.
func (c *Case) Unlowerable() {
	if d := c.Dispute(); d != nil {
		d.fail()
	}
}

// CopyDisputes returns the disputes, of which the methods of the case modify the
// one that runs: that one is copied, the others are shared.
func (c *Case) CopyDisputes() []Dispute {
	list := slices.Clone(c.Disputes)
	if n := len(list); n > 0 && list[n-1].Running() {
		list[n-1] = list[n-1].copy()
	}
	return list
}

// Poster notes what somebody has paid to post a part of the program.
func (c *Case) Poster(p *assay.Params, at assay.Moment, who assay.Key, cost assay.Amount) {
	if d := c.Dispute(); d != nil {
		d.paid(p, at, who, cost)
	}
}

// Claim posts a claim in the dispute that runs. Where none does, and a check
// waits for whoever disagrees, the claim is the challenge that opens one.
//
// What it locks of the author's balance is the difference that it makes to
// ClaimBonds.
func (c *Case) Claim(p *assay.Params, at assay.Moment, from assay.Key, m *assay.PostClaim, cost assay.Amount) error {
	if err := c.isOpen(m.Job); err != nil {
		return err
	}
	if c.Dispute() != nil {
		k := c.contest(p)
		return k.claim(at, from, m, cost)
	}
	plan := c.Plan(p)
	candidates := c.live()
	switch {
	case c.Phase != Waiting || c.Verdict != nil || len(candidates) == 0:
		return assay.Refuse(CodePhase, "the case is %s", c.Phase)
	case slices.Contains(candidates, c.survivor()) && c.Disputes[len(c.Disputes)-1].Until != 0:
		// Strangers had that dispute, which outlasted the window; whoever comes
		// later must not hold the case open by one challenge after another. One
		// that began before the inputs could be had was no chance for anybody.
		return assay.Refuse(CodeLateMessage, "the result has survived a dispute")
	case !slices.ContainsFunc(plan.active(c.Choices), func(i int) bool { return plan.checks[i].window > 0 }):
		return assay.Refuse(CodePhase, "the policy waits for no challenge")
	}
	j := c.judge(&plan, c.View(p, at))
	if c.until(p, &plan, &j, at) == 0 {
		return assay.Refuse(CodeLateMessage, "the window has passed at clock %d", at.Clock)
	}
	d := newDispute(p, at, candidates, c.fuelOf(candidates, at.Clock), c.Bytes)
	k := c.contest(p)
	k.Dispute = &d
	if err := k.challenge(at, from, m, cost); err != nil {
		return err
	}
	c.Disputes, c.Due = append(c.Disputes, d), 0
	return nil
}

// Refine states the middles of an interval of the signer's claim.
func (c *Case) Refine(p *assay.Params, at assay.Moment, from assay.Key, m *assay.PostRefinement, cost assay.Amount) error {
	if err := c.isOpen(m.Job); err != nil {
		return err
	}
	k := c.contest(p)
	return k.refine(at, from, m, cost)
}

// Prove has the referee execute an interval of the signer's claim.
func (c *Case) Prove(p *assay.Params, at assay.Moment, from assay.Key, m *assay.PostProof, cost assay.Amount) error {
	if err := c.isOpen(m.Job); err != nil {
		return err
	}
	k := c.contest(p)
	return k.prove(at, from, m, cost)
}

// ClaimBonds returns what the authors of claims have locked in the case.
func (c *Case) ClaimBonds() assay.Amount {
	var sum assay.Amount
	for i := range c.Disputes {
		sum += c.Disputes[i].Bonds()
	}
	return sum
}

// live returns the results that open seats stand behind, watchers' included, in
// the order of seats.
func (c *Case) live() []assay.Digest {
	var results []assay.Digest
	for i := range c.Seats {
		s := &c.Seats[i]
		if s.State != assay.Opened {
			continue
		}
		if d := s.Result.Digest(); !slices.Contains(results, d) {
			results = append(results, d)
		}
	}
	return results
}

// fuelOf returns the most fuel that one of the results says it used, of those
// that were shown by a clock.
func (c *Case) fuelOf(results []assay.Digest, by assay.Clock) uint64 {
	var fuel uint64
	for i := range c.Seats {
		s := &c.Seats[i]
		if s.Result != nil && s.Shown <= by && slices.Contains(results, s.Result.Digest()) {
			fuel = max(fuel, s.Result.Fuel)
		}
	}
	return fuel
}

// survivor returns the result that the last decided dispute has left; zero: none.
func (c *Case) survivor() assay.Digest {
	for i := len(c.Disputes) - 1; i >= 0; i-- {
		if d := &c.Disputes[i]; !d.Running() {
			return d.Survivor()
		}
	}
	return assay.Digest{}
}

// undecidable returns why a dispute had no game; empty: each had one.
func (c *Case) undecidable() assay.Code {
	for i := range c.Disputes {
		if c.Disputes[i].Code != "" {
			return c.Disputes[i].Code
		}
	}
	return ""
}

// disputed opens a dispute where open seats stand behind different results, or
// behind another than the one that survived an earlier dispute. All that was
// awaited is in, so every party to it is known.
func (c *Case) disputed(p *assay.Params, at assay.Moment) bool {
	if _, ok := RefereeOf(c.Job.Runtime); !ok || c.undecidable() != "" {
		return false
	}
	results := c.live()
	if s := c.survivor(); !s.IsZero() && !slices.Contains(results, s) && len(results) > 0 {
		results = append(results, s)
	}
	if len(results) < 2 {
		return false
	}
	c.Disputes = append(c.Disputes, newDispute(p, at, results, c.fuelOf(results, at.Clock), c.Bytes))
	return true
}

// dispute waits for the dispute that runs, and carries out what it has decided.
func (c *Case) dispute(at assay.Moment) bool {
	d := c.Dispute()
	switch {
	case d.over():
		c.decide(d, at)
		return true
	case d.NeedsImage():
		return c.enter(Programming, 0)
	}
	return c.enter(Disputing, 0)
}

// decide ends a dispute. Whoever stands behind another result than the one that
// has survived is proved wrong; where none has, everybody is, for nobody has
// spoken for his own. Who went on from a refuted checkpoint is misled, and its
// poster proved wrong. A dispute without a game decides nothing.
func (c *Case) decide(d *Dispute, at assay.Moment) {
	d.Ended, c.Waited, c.Due = at, 0, 0
	if d.Code != "" {
		return
	}
	c.convict(uint16(len(c.Disputes)), d)
}

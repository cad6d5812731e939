package board

import (
	"bytes"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// Replay recomputes, from a settled case alone, everything that its record
// says, and refuses a case in which anything differs: identity, policy, escrow,
// every number drawn and whom it named, every commitment, tag and opening, the
// findings, the verdict, the settlement to the coin.
//
// LIMITATIONS. These are the ledger's word, which the receipt's proofs cover:
// when a message came, hence who was late, abandoned or silent in a dispute; why
// the ledger passed over a listing that board and listing do not explain; that a
// supporter's answer to a challenge opened its leaves; the market's root; who
// posted the program and for how much; that the image is the program's, which
// the ledger keeps under [Referee].Version and the program; the roots of claims
// that have lost, which the ledger does not keep; when an escalate has opened its
// second branch. Proofs of the beacons are the caller's to check. What the
// referee has executed it executes here again, from the witnesses of Proofs:
// without them, the ends of the disputed segments are the ledger's word too.
func Replay(p *assay.Params, g *assay.Genesis, c *Case) error {
	plan, err := c.replayHead(p, g)
	if err != nil {
		return err
	}
	if err := c.replayDraws(&plan); err != nil {
		return err
	}
	for i := range c.Seats {
		if err := c.replaySeat(&c.Seats[i]); err != nil {
			return err
		}
	}
	if err := c.replayChallenges(); err != nil {
		return err
	}
	if err := c.replayChoices(p, &plan); err != nil {
		return err
	}
	if err := c.replayCheckpoints(); err != nil { // before the disputes: blame follows the resumes
		return err
	}
	if err := c.replayDisputes(p); err != nil {
		return err
	}
	if err := c.replayEvidence(p, &plan); err != nil {
		return err
	}
	return c.replayRecord(p, g, &plan)
}

func differs(format string, args ...any) error {
	return assay.Refuse(CodeReplay, format, args...)
}

func (c *Case) replayHead(p *assay.Params, g *assay.Genesis) (Plan, error) {
	switch {
	case c.Version != 1 || c.Record == nil || c.Verdict == nil || c.Phase != Settled:
		return Plan{}, differs("the case is not settled")
	case c.Network != g.ID():
		return Plan{}, differs("it belongs to network %s", c.Network.Short())
	case c.ID != c.Job.ID():
		return Plan{}, differs("the job's hash is not its id")
	case c.Request != nil || c.Due != 0:
		return Plan{}, differs("a settled case waits for nothing")
	case c.Dispute() != nil:
		return Plan{}, differs("a dispute runs")
	}
	if err := c.Job.Validate(); err != nil {
		return Plan{}, err
	}
	plan, err := NewPlan(p, &c.Job, c.Bytes)
	switch {
	case err != nil:
		return Plan{}, err
	case c.Escrow != plan.Escrow:
		return Plan{}, differs("escrow %d; the plan says %d", c.Escrow, plan.Escrow)
	case len(c.Seats) > plan.MaxSeats || int(c.Closed.Seats) > len(c.Seats):
		return Plan{}, differs("%d seats, %d at the closing, at most %d", len(c.Seats), c.Closed.Seats, plan.MaxSeats)
	case len(c.Checks) != len(plan.checks):
		return Plan{}, differs("%d check states for %d checks", len(c.Checks), len(plan.checks))
	}
	if err := c.replayKeys(&plan); err != nil {
		return Plan{}, err
	}
	for i, e := range plan.checks {
		if c.Checks[i].Check != e.check.String() {
			return Plan{}, differs("check state %d is of %.80q", i, c.Checks[i].Check)
		}
	}
	return plan, nil
}

// replayDraws draws every seat again. It rebuilds the seats as it goes, since
// who may be drawn depends on who was drawn before.
func (c *Case) replayDraws(plan *Plan) error {
	drawn := &Case{ID: c.ID, Job: c.Job}
	asked := c.Submitted.Height
	for n, d := range c.Draws {
		if d.Height <= d.Asked || d.Asked < asked || n == 0 && d.Asked != asked {
			return differs("draw %d was asked at height %d and answered at %d", n, d.Asked, d.Height)
		}
		asked = d.Height
		watch := d.Role == assay.RoleWatcher
		if d.Role != assay.RoleExecutor && (!watch || n == 0 || len(d.Seats) != 1) {
			return differs("draw %d is of %d seats in role %d", n, len(d.Seats), d.Role)
		}
		if len(d.Seats) == 0 || n == 0 && len(d.Seats) != plan.FirstSeats && !d.Seats[len(d.Seats)-1].Vacant {
			return differs("draw %d has %d seats", n, len(d.Seats))
		}
		for i := range d.Seats {
			if err := drawn.replaySeatDraw(plan, n, &c.Draws[n], i, c.Seats); err != nil {
				return err
			}
		}
	}
	if len(drawn.Seats) != len(c.Seats) {
		return differs("%d seats, %d of them drawn", len(c.Seats), len(drawn.Seats))
	}
	return nil
}

func (c *Case) replaySeatDraw(plan *Plan, n int, d *Draw, i int, seats []Seat) error {
	sd := &d.Seats[i]
	switch {
	case int(sd.Number) != len(c.Seats):
		return differs("draw %d names seat %d where %d is next", n, sd.Number, len(c.Seats))
	case sd.Vacant && i != len(d.Seats)-1:
		return differs("draw %d goes on behind a vacant seat", n)
	case sd.Vacant && d.Market.Weight > 0 && len(sd.Tries) != MaxTries, !sd.Vacant && len(sd.Tries) == 0, len(sd.Tries) > MaxTries:
		return differs("seat %d has %d tries", sd.Number, len(sd.Tries))
	}
	for k := range sd.Tries {
		last := !sd.Vacant && k == len(sd.Tries)-1
		if err := c.replayTry(plan, d, sd, k, last); err != nil {
			return err
		}
	}
	if sd.Vacant {
		return nil
	}
	if len(c.Seats) >= len(seats) {
		return differs("seat %d was drawn and is missing", sd.Number)
	}
	s, l := &seats[len(c.Seats)], &sd.Tries[len(sd.Tries)-1].Listing
	if s.Number != sd.Number || s.Role != d.Role || s.Provider != l.Provider || s.Owner != l.Owner ||
		s.Price != l.Price || s.Stake != plan.Stake || s.Bond != plan.Bond || int(s.Draw) != n || s.Due != s.Drawn.Add(plan.CommitClock) {
		return differs("seat %d is not the one that was drawn", sd.Number)
	}
	c.Seats = append(c.Seats, *s)
	return nil
}

func (c *Case) replayTry(plan *Plan, d *Draw, sd *SeatDraw, k int, last bool) error {
	if d.Market.Weight == 0 {
		return differs("seat %d was drawn from an empty market", sd.Number)
	}
	try := &sd.Tries[k]
	at := number(d.Beacon, c.ID, sd.Number, k, d.Market.Weight)
	if err := merkle.VerifySum(d.Market, at, Leaf(try.Listing), try.Path); err != nil {
		return differs("seat %d, try %d: %v", sd.Number, k, err)
	}
	// A skip that the board explains must be that one; any other is the ledger's.
	skip := c.skip(try.Listing, c.need(plan, assay.Moment{}))
	if last != (try.Skip == "") || skip != "" && try.Skip != skip || len(try.Skip) > 64 {
		return differs("seat %d, try %d was passed over for %.64q, not %q", sd.Number, k, string(try.Skip), string(skip))
	}
	return nil
}

// replaySeat holds a seat's state to its commitment, tag and opening.
func (c *Case) replaySeat(s *Seat) error {
	hasCommit, hasTag, hasResult := !s.Commit.IsZero(), !s.Tag.IsZero(), s.Result != nil
	if hasTag && !hasCommit || hasResult && !hasTag || !hasResult && !s.Salt.IsZero() {
		return differs("seat %d has a message without the one before it", s.Number)
	}
	if hasResult {
		if err := s.Result.ValidateFor(c.Job.Runtime); err != nil {
			return err
		}
	}
	ok := false
	switch s.State {
	case assay.Late:
		ok = !hasCommit
	case assay.Abandoned:
		ok = hasCommit && !hasResult
	case assay.Opened, assay.Unavailable:
		ok = hasResult && c.contradiction(s) == ""
	case assay.ProvedWrong:
		ok = hasResult && (c.contradiction(s) != "") == (s.Lost == 0) || !hasResult && hasTag && s.Lost == 0 && c.fled(s)
		ok = ok || !hasResult && s.Lost != 0 // by its checkpoint
	case assay.Misled:
		ok = s.Lost != 0 && (!hasResult || c.contradiction(s) == "") && c.ResumeOf(s.Number) != nil
	case assay.Assigned:
		ok = !hasCommit
	case assay.Committed:
		ok = hasCommit && !hasTag
	case assay.Tagged:
		// Nothing closes while an opening is awaited.
	}
	if s.Lost != 0 && s.State != assay.ProvedWrong && s.State != assay.Misled || hasResult != (s.Shown != 0) || hasResult && s.Shown < s.Drawn {
		ok = false
	}
	if !ok {
		return differs("seat %d cannot be %s", s.Number, s.State)
	}
	if s.Draw == 0 && !s.Blind || s.Number > 0 && s.Blind && !c.Seats[s.Number-1].Blind {
		return differs("seat %d: whether it was drawn before an opening contradicts its place", s.Number)
	}
	return nil
}

func (c *Case) replayChallenges() error {
	list := c.Unmet
	if c.Challenge != nil {
		list = append(list[:len(list):len(list)], *c.Challenge)
	}
	for i, k := range list {
		named := k.Height != 0
		switch {
		case named && (k.Height <= k.Asked || !bytes.Equal(canon.Marshal(k.Offsets), canon.Marshal(offsets(k.Beacon, c.ID)))):
			return differs("challenge %d does not follow from its beacon", i)
		case !named && (len(k.Offsets) > 0 || k.Answered || i < len(c.Unmet)):
			return differs("challenge %d has no beacon", i)
		case i < len(c.Unmet) && k.Answered:
			return differs("challenge %d was answered", i)
		}
	}
	if c.has(assay.Unavailable) != (len(c.Unmet) > 0) {
		return differs("%d challenges were not met", len(c.Unmet))
	}
	return nil
}

// replayRecord takes verdict and settlement again and compares the record byte
// for byte.
func (c *Case) replayRecord(p *assay.Params, g *assay.Genesis, plan *Plan) error {
	for _, s := range c.Seats {
		if (s.Number < c.Closed.Seats) != (c.Draws[s.Draw].Height <= c.Closed.At.Height) {
			return differs("seat %d was drawn on the other side of the closing", s.Number)
		}
	}
	if c.InputsAt < 0 || (c.InputsAt != 0) != PowerOf(g, c.Inputs) || len(c.Inputs) > 0 && !plan.windowed() {
		return differs("the inputs are attested at clock %d by %d validators", c.InputsAt, len(c.Inputs))
	}
	k := c.atClose()
	j := k.judge(plan, k.View(p, c.Closed.At))
	n, stop := k.wanted(p, plan, c.Closed.At)
	if n > 0 {
		return differs("it closed although %d more seats could be drawn", n)
	}
	hopeless := stop != "" && k.hopeless(p, plan, c.Closed.At)
	if (c.has(assay.Assigned) || c.has(assay.Committed)) && !hopeless {
		return differs("it closed while a message was awaited")
	}
	// A verdict may name no result, and then nothing below may look for one.
	taken := k.verdict(p, g, plan, c.Closed.At)
	if !hopeless && k.until(p, plan, &j, c.Closed.At) != 0 {
		return differs("it closed while a check could still change the verdict")
	}
	if k.open(c.Closed.At, plan, &j) {
		return differs("it closed although a dispute was due, or an escalate had a branch left")
	}
	final := *c
	final.Verdict = &taken
	if _, done := final.availability(g); !done {
		return differs("it settled before the bytes were had")
	}
	if n, _ := final.wanted(p, plan, assay.Moment{}); n > 0 && c.Record.Time < c.Job.Deadline {
		return differs("it settled although a fresh owner could deliver")
	}
	if taken.Outcome != assay.Accepted && int(c.Closed.Seats) != len(c.Seats) {
		return differs("seats were drawn after a verdict that accepted nothing")
	}
	settlement := final.settlement(p, g, plan)
	taken = final.finalVerdict(g)
	final.Verdict = &taken
	record := assay.Record{
		Version: 1, Network: c.Network, Job: c.ID, Repeat: c.Repeat, Verdict: taken, Settlement: settlement,
		Case: final.Digest(), Height: c.Record.Height, Time: c.Record.Time,
	}
	if !bytes.Equal(canon.Marshal(&record), canon.Marshal(c.Record)) {
		return differs("the record is not the one that follows from the board")
	}
	if !bytes.Equal(canon.Marshal(&taken), canon.Marshal(c.Verdict)) {
		return differs("the verdict is not the one that follows from the board")
	}
	return nil
}

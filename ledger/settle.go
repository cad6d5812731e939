package ledger

import (
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/market"
	"github.com/capacloud/assay/policy"
	"github.com/capacloud/assay/reputation"
)

// pay moves the money of a settled case. It is the only function that pays for
// work, and there is no calling it without a record: no payment without a
// verdict.
func (w *block) pay(c *board.Case, r *assay.Record) error {
	held := market.Case{
		Requester: c.Job.Requester, Escrow: c.Escrow, Compensation: board.Compensation(&r.Settlement), Claims: c.ClaimBonds(),
	}
	for i := range c.Seats {
		s := &c.Seats[i]
		held.Seats = append(held.Seats, market.Held{Seat: s.Number, Provider: s.Provider, Owner: s.Owner, Stake: s.Stake, Bond: bondOf(s)})
	}
	d, err := market.Distribute(r, held)
	if err != nil {
		return err
	}
	for _, x := range d.Credits {
		if err := w.credit(x.To, x.Amount); err != nil {
			return err
		}
	}
	w.meta.Pool += d.Pool
	w.meta.Burned += d.Burned
	w.freeStatements(c, r)
	work := c.Job.Work()
	repeat := r.Repeat || w.settledWork(work)
	horizon, liable := board.HorizonOf(w.params, c)
	var ends []liability
	for i, end := range d.Seats {
		if err := w.endSeat(c, r, &c.Seats[i], end, repeat); err != nil {
			return err
		}
		if end.Release > 0 {
			ends = append(ends, liability{Provider: end.Provider, Stake: end.Release})
		}
	}
	switch {
	case len(ends) == 0:
	case liable:
		w.ends = append(w.ends, ending{job: c.ID, at: horizon, list: ends})
	default:
		// Nothing can be appealed. Were it locked all the same, a requester could
		// bind the market's stake for a day with jobs that come to nothing.
		if err := w.releaseAll(ends); err != nil {
			return err
		}
	}
	if r.Verdict.Outcome == assay.Accepted && !repeat {
		w.works = append(w.works, done{work, c.ID})
	}
	return nil
}

// settledWork reports whether equal work is on record, this block included.
func (w *block) settledWork(work assay.Digest) bool {
	return slices.ContainsFunc(w.works, func(d done) bool { return d.work == work }) || w.l.store.Get(WorkKey(work)) != nil
}

// endSeat ends one assignment: what is slashed leaves, quota and score follow. The
// rest of its stake stays locked.
func (w *block) endSeat(c *board.Case, r *assay.Record, s *board.Seat, end market.SeatEnd, repeat bool) error {
	p, _ := w.l.providers.get(s.Provider)
	m, err := p.Market.Slash(end.Slashed)
	if err != nil {
		return err
	}
	if m, err = m.Finish(); err != nil {
		return err
	}
	work := workOf(r, s, repeat)
	switch {
	case end.Late:
		m = m.Late()
	case work.Accepted:
		m = m.Accepted()
	}
	p.Market = m
	points := reputation.Of(p.Scores, c.Job.Runtime)
	if next := reputation.After(points, work); next != points {
		p.Scores = reputation.Set(p.Scores, c.Job.Runtime, next)
	}
	w.l.providers.set(s.Provider, p)
	return nil
}

// workOf says what a seat's work is worth to its provider's reputation.
func workOf(r *assay.Record, s *board.Seat, repeat bool) reputation.Work {
	v := &r.Verdict
	work := reputation.Work{Drawn: true, Repeat: repeat, Blind: s.Blind}
	work.Accepted = v.Outcome == assay.Accepted && s.State == assay.Opened && s.Result != nil && s.Result.Digest() == v.Result.Digest()
	work.Checked = slices.ContainsFunc(v.Findings, func(f assay.Reason) bool {
		return f.Outcome == assay.Supported && f.Check != string(policy.None)
	})
	for _, f := range r.Settlement.Faults {
		if f.Seat == s.Number && (work.Fault == "" || f.Class == assay.FaultProvedWrong) {
			work.Fault = f.Class
		}
	}
	return work
}

// releaseAll unlocks the stake of liabilities that have ended.
func (w *block) releaseAll(list []liability) error {
	var err error
	for _, x := range list {
		p, _ := w.l.providers.get(x.Provider)
		if p.Market, err = p.Market.Release(x.Stake); err != nil {
			return err
		}
		w.l.providers.set(x.Provider, p)
	}
	return nil
}

// payValidators divides the fee pool by power. What does not divide stays in
// the pool, and a pool smaller than the total power waits: otherwise rounding
// would give small validators nothing, block after block.
func (w *block) payValidators() {
	g := w.l.genesis
	if w.meta.Pool < assay.Amount(g.TotalPower()) {
		return
	}
	powers := make([]uint64, len(g.Validators))
	for i, v := range g.Validators {
		powers[i] = v.Power
	}
	err := w.branch(func() error {
		shares, rest := market.Split(w.meta.Pool, powers)
		for i, v := range g.Validators {
			if err := w.credit(v.Account, shares[i]); err != nil {
				return err
			}
		}
		w.meta.Pool = rest
		return nil
	})
	if err != nil { // no balance can overflow while the books balance
		w.out.Events = append(w.out.Events, Event{Kind: EventStalled, Text: err.Error()})
	}
}

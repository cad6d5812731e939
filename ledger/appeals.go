package ledger

import (
	"bytes"
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/market"
	"github.com/capacloud/assay/reputation"
)

// CodeRevoked refuses an appeal against a result that is revoked already.
const CodeRevoked assay.Code = "revoked"

// appeal returns the appeal that runs about a job.
func (w *block) appeal(job assay.JobID) (*board.Appeal, bool) {
	a, ok := w.l.appeals.get(job)
	return a, ok && a.Running()
}

// loadAppeal reads the latest appeal of a job.
func (l *Ledger) loadAppeal(job assay.JobID) (*board.Appeal, bool) {
	var last []byte
	prefix := key(tabAppeal, job[:])
	l.store.Ascend(prefix, after(prefix), func(_, v []byte) bool {
		last = v
		return true
	})
	if last == nil {
		return nil, false
	}
	return new(decode[board.Appeal](prefix, last)), true
}

// editAppeal returns the running appeal of a job, to be modified in the branch.
func (w *block) editAppeal(job assay.JobID) (*board.Case, *board.Appeal, bool) {
	a, ok := w.appeal(job)
	if !ok {
		return nil, nil, false
	}
	c, _ := w.l.cases.get(job)
	a = a.Copy()
	w.l.appeals.set(job, a)
	w.touched = append(w.touched, job)
	return c, a, true
}

// stepAppeal runs one step of an appeal outside any transaction, as step does of
// a case.
func (w *block) stepAppeal(job assay.JobID, fn func(*board.Case, *board.Appeal) error) {
	err := w.branch(func() error {
		c, a, ok := w.editAppeal(job)
		if !ok {
			return assay.Refuse(CodeUnknownJob, "%s", job.Short())
		}
		if w.l.options.step != nil {
			w.l.options.step(job)
		}
		return fn(c, a)
	})
	if err != nil {
		w.stall(job, err)
	}
}

// openAppeal opens an appeal by a claim, and locks its bond.
func (w *block) openAppeal(c *board.Case, from assay.Key, m *assay.PostClaim) error {
	number := uint16(0)
	if last, ok := w.l.appeals.get(c.ID); ok {
		if last.Revocation != nil {
			return assay.Refuse(CodeRevoked, "%s", c.ID.Short())
		}
		number = last.Number + 1
	}
	image, _ := w.image(c.Job.Runtime, c.Job.Program)
	a, err := board.OpenAppeal(w.params, c, image, number, w.at, from, m, w.share)
	if err != nil {
		return err
	}
	// Liabilities that have ended, in this block too, cannot be brought back.
	if w.l.store.Get(timeKey(a.Horizon, c.ID)) == nil {
		return assay.Refuse(board.CodeHorizon, "no stake is locked")
	}
	if err := w.debit(from, a.Bonds(), "the bond of the claim"); err != nil {
		return err
	}
	w.l.appeals.set(c.ID, a)
	w.touched = append(w.touched, c.ID)
	return nil
}

// advanceAppeal lets an appeal move on, and carries out its end.
func (w *block) advanceAppeal(job assay.JobID) {
	w.stepAppeal(job, func(c *board.Case, a *board.Appeal) error {
		if err := w.prepareAppeal(c, a); err != nil {
			return err
		}
		a.Advance(w.params, c, w.at)
		if a.Running() {
			return nil
		}
		return w.endAppeal(c, a)
	})
}

// endAppeal moves the money of an appeal that has ended: bonds to their authors
// or to those who won, and where the result is revoked, the stake of who had
// supported it. What is given must equal what was held.
func (w *block) endAppeal(c *board.Case, a *board.Appeal) error {
	var in, out assay.Amount
	give := func(to assay.Key, amounts ...assay.Amount) error {
		for _, x := range amounts {
			var err error
			if out, err = out.Add(x); err != nil {
				return err
			}
			if x > 0 {
				if err := w.credit(to, x); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for _, e := range a.Claims {
		in += e.Bond // locked, so within the supply
		if err := give(e.Author, e.Returned, e.Costs, e.Bounty); err != nil {
			return err
		}
	}
	for _, p := range a.Posters {
		if err := give(p.To, p.Amount); err != nil {
			return err
		}
	}
	held, _ := load[[]liability](w.l.store, heldKey(a.Job))
	if r := a.Revocation; r != nil {
		in += r.Slashed
		if err := give(c.Job.Requester, r.Requester); err != nil {
			return err
		}
		var err error
		if held, err = w.slashAll(c, a, held); err != nil {
			return err
		}
	}
	if out+a.Burned != in {
		return assay.Refuse(market.CodeUnbalanced, "%s held, %s given and %s burned", in, out, a.Burned)
	}
	w.meta.Burned += a.Burned
	return w.release(a, held)
}

// slashAll takes the stake of the supporters, and what they were trusted. It
// returns the liabilities that are left.
func (w *block) slashAll(c *board.Case, a *board.Appeal, held []liability) ([]liability, error) {
	left := slices.Clone(held)
	for _, s := range a.Revocation.Faults {
		if s.Class != assay.FaultProvedWrong {
			continue // misled: it keeps its stake
		}
		i := slices.IndexFunc(left, func(x liability) bool { return x.Provider == s.Provider && x.Stake == s.Slashed })
		if s.Slashed > 0 && i < 0 {
			return nil, assay.Refuse(market.CodeUnbalanced, "%s of %s is not held", s.Slashed, s.Provider.Short())
		}
		if i >= 0 {
			left = slices.Delete(left, i, i+1)
		}
		p, _ := w.l.providers.get(s.Provider)
		m, err := p.Market.Slash(s.Slashed)
		if err != nil {
			return nil, err
		}
		p.Market = m
		points := reputation.Of(p.Scores, c.Job.Runtime)
		next := reputation.After(points, reputation.Work{Drawn: true, Checked: true, Fault: assay.FaultProvedWrong})
		if next != points {
			p.Scores = reputation.Set(p.Scores, c.Job.Runtime, next)
		}
		w.l.providers.set(s.Provider, p)
	}
	return left, nil
}

// release unlocks what an appeal held, at the horizon if that is still to come.
func (w *block) release(a *board.Appeal, held []liability) error {
	if len(held) == 0 {
		return nil
	}
	if w.at.Time < a.Horizon {
		w.ends = append(w.ends, ending{job: a.Job, at: a.Horizon, list: held})
		return nil
	}
	return w.releaseAll(held)
}

// finishAppeals writes the appeals and everything by which they are found.
func (w *block) finishAppeals() {
	for _, job := range w.l.appeals.changed() {
		was, now := w.l.appeals.first[job].value, w.l.appeals.rows[job].value
		var old *board.Appeal
		if was != nil && was.Running() {
			old = was
			w.meta.Bonds -= old.Bonds()
		}
		w.meta.Bonds += now.Bonds()
		w.write(appealKey(job, now.Number), canon.Marshal(now))
		w.listAppeal(old, now)
		w.out.Events = append(w.out.Events, appealEvents(was, now)...)
	}
}

// listAppeal moves an appeal within the lists; old is nil when it has just begun.
func (w *block) listAppeal(old, now *board.Appeal) {
	var due assay.Clock
	var ran, awaited bool
	var authors []assay.Key
	if old != nil {
		due, ran = old.Deadline()
		awaited, authors = old.NeedsImage(), old.Dispute.Authors()
	} else {
		w.write(appealedKey(now.Job), mark)
		w.write(heldKey(now.Job), w.l.store.Get(timeKey(now.Horizon, now.Job)))
		w.remove(timeKey(now.Horizon, now.Job))
		for _, s := range now.Supporters {
			w.write(defendKey(s.Provider, now.Job), mark)
		}
	}
	next, runs := now.Deadline()
	w.moveDeadline(now.Job, due, ran, next, runs)
	c, _ := w.l.cases.get(now.Job)
	w.listAwait(now.Job, c.Job.Program, awaited, now.NeedsImage())
	if now.Running() {
		w.listAuthors(now.Job, authors, now.Dispute.Authors())
		return
	}
	w.listAuthors(now.Job, authors, nil)
	w.remove(appealedKey(now.Job))
	w.remove(heldKey(now.Job))
	for _, s := range now.Supporters {
		w.remove(defendKey(s.Provider, now.Job))
	}
	if now.Revocation != nil {
		digest := now.Revocation.Digest()
		w.write(RevocationKey(now.Job), digest[:])
	}
}

// listAuthors lists a job under those who have a bond of a claim locked in it.
func (w *block) listAuthors(job assay.JobID, was, now []assay.Key) {
	for _, k := range was {
		if !slices.Contains(now, k) {
			w.remove(claimantKey(k, job))
		}
	}
	for _, k := range now {
		if !slices.Contains(was, k) {
			w.write(claimantKey(k, job), mark)
		}
	}
}

// claimants returns who has a bond of a claim locked in an open case.
func claimants(c *board.Case) []assay.Key {
	var list []assay.Key
	if c == nil || c.Settled() {
		return nil
	}
	for i := range c.Disputes {
		for _, k := range c.Disputes[i].Authors() {
			if !slices.ContainsFunc(list, func(x assay.Key) bool { return bytes.Equal(x[:], k[:]) }) {
				list = append(list, k)
			}
		}
	}
	return list
}

package sim

import (
	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
)

// liable: no wrong result outlives the time in which it can be disputed, if
// somebody honest watches for the first half of it; and no right one is revoked.
type liable struct{ none }

// End implements Checker.
func (l liable) End(w *World) {
	for _, id := range w.Chain.closed {
		if c := w.caseOf(id); c.Record.Verdict.Outcome == assay.Accepted {
			l.end(w, c)
		}
	}
}

func (liable) end(w *World, c *board.Case) {
	revocation, revoked := w.Chain.ledger.Revocation(c.ID)
	wrong := *c.Record.Verdict.Result != w.right(&c.Job).Result
	switch {
	case !wrong && revoked:
		if m := w.supporter(c); m != nil {
			w.breach("liable", c.ID, "a right result that %s stands behind was revoked", m.name)
			return
		}
		if w.watching(c.Record.Time, c.ID) {
			w.breach("liable", c.ID, "a right result was revoked although somebody watched")
			return
		}
		w.broken("liable", c.ID, "a right result was revoked: nobody who stood behind it could be heard")
	case wrong && !revoked && w.Setup.Liability > 0 && w.watching(c.Record.Time.Add(w.Setup.Liability/2), c.ID):
		w.breach("liable", c.ID, "a wrong result has outlived its liability although somebody watched")
	case wrong && !revoked && w.Setup.Liability > 0:
		w.broken("liable", c.ID, "a wrong result has outlived its liability: nobody watched")
	case revoked:
		for _, f := range revocation.Faults {
			if m := w.machineOf(f.Provider); m.player.IsHonest() && !m.disturbed && f.Class == assay.FaultProvedWrong {
				w.breach("liable", c.ID, "%s is honest and was slashed by a revocation", m.name)
			}
		}
		if len(revocation.Faults) == 0 || revocation.Slashed == 0 {
			w.breach("liable", c.ID, "revoked, and nobody was slashed")
		}
	}
}

// supporter returns an honest provider that told the accepted result, and so is
// there to defend it.
func (w *World) supporter(c *board.Case) *Machine {
	for i := range c.Seats {
		s := &c.Seats[i]
		if m := w.machineOf(s.Provider); s.State == assay.Opened && m.player.IsHonest() && !m.disturbed && !w.wasMisled(c, s.Number) {
			return m
		}
	}
	return nil
}

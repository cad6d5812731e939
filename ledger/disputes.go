package ledger

import (
	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
)

// claim hands a claim to the appeal that runs, to the case, or to a new appeal,
// and locks the bond that it then names from the author's balance.
func (w *block) claim(from assay.Key, m *assay.PostClaim) error {
	if c, a, ok := w.editAppeal(m.Job); ok {
		locked := a.Bonds()
		if err := a.Claim(w.params, c, w.at, from, m, w.share); err != nil {
			return err
		}
		return w.lockClaim(from, locked, a.Bonds())
	}
	if c, ok := w.l.cases.get(m.Job); ok && c.Settled() {
		return w.openAppeal(c, from, m)
	}
	c, err := w.edit(m.Job)
	if err != nil {
		return err
	}
	if image, ok := w.image(c.Job.Runtime, c.Job.Program); ok {
		c.Image = image
	}
	locked := c.ClaimBonds()
	if err := c.Claim(w.params, w.at, from, m, w.share); err != nil {
		return err
	}
	return w.lockClaim(from, locked, c.ClaimBonds())
}

func (w *block) lockClaim(from assay.Key, was, now assay.Amount) error {
	bond, err := now.Sub(was)
	if err != nil {
		return err
	}
	return w.debit(from, bond, "the bond of the claim")
}

func (w *block) refine(from assay.Key, m *assay.PostRefinement) error {
	if c, a, ok := w.editAppeal(m.Job); ok {
		return a.Refine(w.params, c, w.at, from, m, w.share)
	}
	c, err := w.edit(m.Job)
	if err != nil {
		return err
	}
	return c.Refine(w.params, w.at, from, m, w.share)
}

// prove hands a proof to its dispute. A witness that has decided something is
// kept apart: it is most of the bytes and never read again by a rule.
func (w *block) prove(from assay.Key, m *assay.PostProof) error {
	if c, a, ok := w.editAppeal(m.Job); ok {
		known := proofsOf(&a.Dispute)
		if err := a.Prove(w.params, c, w.at, from, m, w.share); err != nil {
			return err
		}
		w.keepProof(m, appealDispute+int(a.Number), known, proofsOf(&a.Dispute))
		return nil
	}
	c, err := w.edit(m.Job)
	if err != nil {
		return err
	}
	known := proofsOf(c.Dispute())
	if err := c.Prove(w.params, w.at, from, m, w.share); err != nil {
		return err
	}
	w.keepProof(m, len(c.Disputes)-1, known, proofsOf(&c.Disputes[len(c.Disputes)-1]))
	return nil
}

func (w *block) keepProof(m *assay.PostProof, number, known, now int) {
	if now > known {
		w.proofs = append(w.proofs, witness{job: m.Job, dispute: number, number: known, bytes: m.Witness})
	}
}

func proofsOf(d *board.Dispute) int {
	if d == nil || d.Game == nil {
		return 0
	}
	return len(d.Game.Proofs)
}

// prepareCase gives the dispute of a case the image of its program, or stops the
// clock for posting it when all of it is on record and waits to be lowered. It is
// asked whenever the case moves, and before that clock acts.
func (w *block) prepareCase(c *board.Case) error {
	if !c.NeedsImage() {
		return nil
	}
	image, ok := w.image(c.Job.Runtime, c.Job.Program)
	switch {
	case ok:
		return c.SetImage(w.params, w.at, image)
	case w.complete(c.Job.Program):
		c.Posted()
	}
	return nil
}

// prepareAppeal does the same for the dispute of an appeal.
func (w *block) prepareAppeal(c *board.Case, a *board.Appeal) error {
	if !a.NeedsImage() {
		return nil
	}
	image, ok := w.image(c.Job.Runtime, c.Job.Program)
	switch {
	case ok:
		return a.SetImage(w.params, c, w.at, image)
	case w.complete(c.Job.Program):
		a.Posted()
	}
	return nil
}

// complete reports whether all of a program is on record.
func (w *block) complete(program assay.Digest) bool {
	p, ok := w.l.programs.get(program)
	return ok && p.complete()
}

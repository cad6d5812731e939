package ledger

import (
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/market"
)

// messages applies all messages of a transaction, or none: the caller runs it
// on a branch.
func (w *block) messages(t *assay.Tx) error {
	for i := range t.Messages {
		m, err := t.Messages[i].Message()
		if err != nil {
			return err
		}
		if m.Kind() == assay.KindTick && len(t.Messages) > 1 {
			return assay.Refuse(CodeTickAlone, "%d messages", len(t.Messages))
		}
		if w.l.options.hook != nil {
			w.l.options.hook(m)
		}
		if err := w.message(t.Signer, m); err != nil {
			return err
		}
	}
	return nil
}

// message applies one message. The signer is the only authority there is.
func (w *block) message(from assay.Key, m assay.Message) error {
	switch m := m.(type) {
	case *assay.Transfer:
		return w.transfer(from, m)
	case *assay.Faucet:
		return w.faucet(m)
	case *assay.PostOffer:
		return w.postOffer(from, m)
	case *assay.Withdraw:
		return w.withdraw(from, m)
	case *assay.Stake:
		return w.stake(from, m)
	case *assay.Unstake:
		return w.unstake(from, m)
	case *assay.Submit:
		return w.submit(from, m)
	case *assay.Commit:
		return w.commit(from, m)
	case *assay.Tick:
		return w.tick(from)
	case *assay.PostEvidence:
		return w.evidence(from, m)
	case *assay.RegisterKey:
		return w.registerKey(m)
	case *assay.KillKey:
		return w.killKey(from, m)
	case *assay.OpenCeremony:
		return w.openCeremony(from, m)
	case *assay.Contribute:
		return w.contribute(from, m)
	case *assay.EndPhase:
		return w.endPhase(m)
	case *assay.PostProgram:
		return w.program(from, m)
	case *assay.PostClaim:
		return w.claim(from, m)
	case *assay.PostRefinement:
		return w.refine(from, m)
	case *assay.PostProof:
		return w.prove(from, m)
	}
	return w.onCase(from, m)
}

// onCase hands a message that moves no money to its case.
func (w *block) onCase(from assay.Key, m assay.Message) error {
	on := func(job assay.JobID, fn func(*board.Case) error) error {
		c, err := w.edit(job)
		if err != nil {
			return err
		}
		return fn(c)
	}
	switch m := m.(type) {
	case *assay.Tag:
		return on(m.Job, func(c *board.Case) error { return c.Tag(w.params, w.at, from, m) })
	case *assay.Open:
		return on(m.Job, func(c *board.Case) error { return c.Open(w.params, w.at, from, m) })
	case *assay.Attest:
		return on(m.Job, func(c *board.Case) error { return c.Attest(w.params, w.l.genesis, w.at, from, m) })
	case *assay.Answer:
		return on(m.Job, func(c *board.Case) error { return c.Answer(w.params, w.at, from, m) })
	case *assay.PostCheckpoint:
		return on(m.Job, func(c *board.Case) error { return c.Checkpoint(w.params, w.at, from, m) })
	case *assay.PostResume:
		return on(m.Job, func(c *board.Case) error { return c.Resume(w.params, w.at, from, m) })
	}
	return assay.Refuse(assay.CodeMessageKind, "%s", m.Kind())
}

func (w *block) transfer(from assay.Key, m *assay.Transfer) error {
	if m.Amount == 0 || m.To.IsZero() {
		return assay.Refuse(CodeAmount, "%s to %s", m.Amount, m.To.Short())
	}
	if err := w.debit(from, m.Amount, "the transfer"); err != nil {
		return err
	}
	return w.credit(m.To, m.Amount)
}

// faucet mints. The supply grows by what is minted, and says so.
func (w *block) faucet(m *assay.Faucet) error {
	limit := w.params.FaucetLimit
	switch {
	case limit == 0:
		return assay.Refuse(CodeNoFaucet, "%s network", w.l.genesis.Kind)
	case m.Amount > limit:
		return assay.Refuse(CodeFaucetLimit, "%s; at most %s", m.Amount, limit)
	case m.Amount == 0 || m.To.IsZero():
		return assay.Refuse(CodeAmount, "%s to %s", m.Amount, m.To.Short())
	}
	// While all coins that ever were fit the range, so does every sum of some.
	if _, err := (w.meta.Genesis + w.meta.Minted).Add(m.Amount); err != nil {
		return err
	}
	w.meta.Minted += m.Amount
	return w.credit(m.To, m.Amount)
}

func (w *block) postOffer(from assay.Key, m *assay.PostOffer) error {
	o := m.Offer
	if err := o.Validate(); err != nil {
		return err
	}
	if from != o.Owner {
		return assay.Refuse(market.CodeNotOwner, "the offer names %s", o.Owner.Short())
	}
	if o.Expiry != 0 && o.Expiry <= w.at.Time {
		return assay.Refuse(market.CodeOfferExpired, "at %s", o.Expiry)
	}
	if err := assay.VerifyConsent(w.l.network, o.Owner, o.Provider, m.Consent); err != nil {
		return err
	}
	return w.trade(o.Provider, func(p market.Provider) (market.Provider, error) { return p.Post(o) })
}

func (w *block) withdraw(from assay.Key, m *assay.Withdraw) error {
	return w.trade(m.Provider, func(p market.Provider) (market.Provider, error) { return p.Withdraw(from) })
}

func (w *block) stake(from assay.Key, m *assay.Stake) error {
	if m.Amount == 0 {
		return assay.Refuse(CodeAmount, "zero")
	}
	if err := w.debit(from, m.Amount, "the stake"); err != nil {
		return err
	}
	return w.trade(m.Provider, func(p market.Provider) (market.Provider, error) { return p.AddStake(from, m.Amount) })
}

func (w *block) unstake(from assay.Key, m *assay.Unstake) error {
	if m.Amount == 0 {
		return assay.Refuse(CodeAmount, "zero")
	}
	err := w.trade(m.Provider, func(p market.Provider) (market.Provider, error) { return p.TakeStake(from, m.Amount) })
	if err != nil {
		return err
	}
	return w.credit(from, m.Amount)
}

// trade applies a transition of the market to a provider.
func (w *block) trade(k assay.Key, fn func(market.Provider) (market.Provider, error)) error {
	p, _ := w.l.providers.get(k)
	next, err := fn(p.Market)
	if err != nil {
		return err
	}
	p.Market = next
	w.l.providers.set(k, p)
	return nil
}

// submit opens a case and takes the escrow. Only the requester submits: a
// stranger could otherwise spend nothing but the requester's nonce.
func (w *block) submit(from assay.Key, m *assay.Submit) error {
	if from != m.Job.Requester {
		return assay.Refuse(CodeRequester, "the job names %s", m.Job.Requester.Short())
	}
	if err := m.Job.Validate(); err != nil {
		return err
	}
	id := m.Job.ID()
	if _, ok := w.l.cases.get(id); ok {
		return assay.Refuse(CodeJobExists, "%s", id.Short())
	}
	c, err := board.Open(w.params, w.l.network, m, w.at, w.settledWork(m.Job.Work()))
	if err != nil {
		return err
	}
	if err := w.nameKeys(c, m.Keys); err != nil {
		return err
	}
	if err := w.debit(from, c.Escrow, "the escrow"); err != nil {
		return err
	}
	w.nameMarket(c)
	w.l.cases.set(id, c)
	w.touched = append(w.touched, id)
	return nil
}

// commit hands a commitment to its case and locks the bond that the case then
// names, from the provider's own balance.
func (w *block) commit(from assay.Key, m *assay.Commit) error {
	c, err := w.edit(m.Job)
	if err != nil {
		return err
	}
	locked := bondsOf(c)
	if err := c.Commit(w.params, w.at, from, m); err != nil {
		return err
	}
	bond, err := bondsOf(c).Sub(locked)
	if err != nil {
		return err
	}
	return w.debit(from, bond, "the bond")
}

// tick does nothing: the block that carries it does. It is free once for each
// validator and block while something is owed.
func (w *block) tick(from assay.Key) error {
	if err := w.mayTick(from); err != nil {
		return err
	}
	w.ticked = append(w.ticked, from)
	return nil
}

func (w *block) mayTick(from assay.Key) error {
	if _, ok := w.l.genesis.ValidatorOf(from); !ok {
		return assay.Refuse(CodeTickSigner, "%s", from.Short())
	}
	if !w.tickDue || slices.Contains(w.ticked, from) {
		return assay.Refuse(CodeTickUndue, "at %s", w.at.Time)
	}
	return nil
}

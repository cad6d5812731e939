package comet

import (
	"context"
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/dispute"
	"github.com/capacloud/assay/ledger"
	"github.com/capacloud/assay/receipt"
)

// MaxList bounds how many cases one answer holds.
const MaxList = 1000

// AccountState is what a key has, and what of it is locked and why.
type AccountState struct {
	Balance assay.Amount
	Locks   []ledger.Lock
}

// Case returns the board of a job, to be read only. A settled one has the
// witnesses of its disputes and the bytes of its evidence, which its receipt
// carries.
func (n *Node) Case(_ context.Context, job assay.JobID) (c *board.Case, err error) {
	ok := false
	if err := n.View(func(l *ledger.Ledger) {
		if c, ok = l.Case(job); ok && c.Settled() && len(c.Disputes)+len(c.Shown) > 0 {
			c = withWitnesses(l, l.WithEvidence(c))
		}
	}); err != nil {
		return nil, err
	}
	if !ok {
		return nil, assay.Refuse(ledger.CodeUnknownJob, "%s", job)
	}
	return c, nil
}

// Cases returns the cases that a filter selects, to be read only, and no more
// than MaxList; Filter.After asks for the next ones.
func (n *Node) Cases(_ context.Context, f ledger.Filter) (list []*board.Case, err error) {
	if f.Limit <= 0 || f.Limit > MaxList {
		f.Limit = MaxList
	}
	err = n.View(func(l *ledger.Ledger) { list = l.Cases(f) })
	return list, err
}

// withWitnesses returns a copy of a case that has the witnesses of the proofs
// that decided its disputes. Others may be many, and nobody needs them.
func withWitnesses(l *ledger.Ledger, c *board.Case) *board.Case {
	k := *c
	k.Disputes = slices.Clone(c.Disputes)
	for i := range k.Disputes {
		k.Disputes[i].Proofs = decisive(k.Disputes[i].Game, l.Witnesses(c.ID, i))
	}
	return &k
}

func decisive(g *dispute.Game, witnesses [][]byte) [][]byte {
	if g == nil {
		return nil
	}
	kept := make([][]byte, len(g.Proofs))
	for _, i := range receipt.Decisive(g) {
		if i < len(witnesses) {
			kept[i] = witnesses[i]
		}
	}
	return kept
}

// Liable returns the settled cases whose result can still be proved wrong, to be
// read only.
func (n *Node) Liable(context.Context) (list []*board.Case, err error) {
	err = n.View(func(l *ledger.Ledger) { list = l.Liable() })
	return list, err
}

// Appeals returns the appeals that run, to be read only: those that a provider
// has to defend itself in, or all for a zero key.
func (n *Node) Appeals(_ context.Context, provider assay.Key) (list []*board.Appeal, err error) {
	err = n.View(func(l *ledger.Ledger) {
		if provider.IsZero() {
			list = l.Running()
		} else {
			_, list = l.OpenFor(provider)
		}
	})
	return list, err
}

// AppealsOf returns all appeals of a job, to be read only. Those that have ended
// have their witnesses.
func (n *Node) AppealsOf(_ context.Context, job assay.JobID) (list []*board.Appeal, err error) {
	err = n.View(func(l *ledger.Ledger) {
		for _, a := range l.Appeals(job) {
			if !a.Running() {
				k := *a
				k.Dispute.Proofs = decisive(k.Dispute.Game, l.AppealWitnesses(job, a.Number))
				a = &k
			}
			list = append(list, a)
		}
	})
	return list, err
}

// Posted says which chunks of a program are on record, as far as a dispute waits
// for it.
func (n *Node) Posted(_ context.Context, program assay.Digest) (chunks []bool, err error) {
	err = n.View(func(l *ledger.Ledger) {
		if p, ok := l.Posted(program); ok {
			for i := range board.Chunks(p.Size) {
				chunks = append(chunks, p.Have>>i&1 == 1)
			}
		}
	})
	return chunks, err
}

// Account returns what a key has. A key that nobody has paid has nothing.
func (n *Node) Account(_ context.Context, k assay.Key) (a AccountState, err error) {
	err = n.View(func(l *ledger.Ledger) { a = AccountState{Balance: l.Account(k).Balance, Locks: l.Explain(k)} })
	return a, err
}

// Offers returns every provider of the network.
func (n *Node) Offers(context.Context) (list []ledger.Provider, err error) {
	err = n.View(func(l *ledger.Ledger) { list = l.Offers() })
	return list, err
}

// Offer returns one provider.
func (n *Node) Offer(_ context.Context, provider assay.Key) (p ledger.Provider, err error) {
	ok := false
	if err := n.View(func(l *ledger.Ledger) { p, ok = l.Offer(provider) }); err != nil {
		return p, err
	}
	if !ok {
		return p, assay.Refuse(CodeNoOffer, "%s", provider)
	}
	return p, nil
}

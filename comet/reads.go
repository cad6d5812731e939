package comet

import (
	"context"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/ledger"
)

// MaxList bounds how many cases one answer holds.
const MaxList = 1000

// AccountState is what a key has, and what of it is locked and why.
type AccountState struct {
	Balance assay.Amount
	Locks   []ledger.Lock
}

// Case returns the board of a job, to be read only.
func (n *Node) Case(_ context.Context, job assay.JobID) (c *board.Case, err error) {
	ok := false
	if err := n.View(func(l *ledger.Ledger) { c, ok = l.Case(job) }); err != nil {
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

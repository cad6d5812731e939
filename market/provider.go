package market

import (
	"slices"

	"github.com/capacloud/assay"
)

// Provider is what the market knows of a provider key: its standing offer, the
// stake behind it, and how many assignments it holds.
type Provider struct {
	_      struct{} `cbor:",toarray"`
	Offer  assay.Offer
	Listed bool
	Slot   uint64       // leaf in the sum tree while Listed
	Stake  assay.Amount // the owner's, locked part included
	Locked assay.Amount // by assignments, until settlement or liability horizon
	Active uint32       // assignments held
	Quota  uint32       // assignments that it may hold, between 1 and the offer's capacity
}

// Free is the stake that no assignment has locked: the provider's weight in the
// draw and all that can be taken back.
func (p Provider) Free() assay.Amount { return p.Stake - p.Locked }

// Gone reports whether nothing of the provider is left to remember.
func (p Provider) Gone() bool { return !p.Listed && p.Stake == 0 && p.Active == 0 }

// Listing is the provider's leaf. Without an offer it is empty and weighs
// nothing, so no number can name it.
func (p Provider) Listing() assay.Listing {
	if !p.Listed {
		return assay.Listing{}
	}
	return assay.Listing{Owner: p.Offer.Owner, Provider: p.Offer.Provider, Price: p.Offer.Price, Runtimes: p.Offer.Runtimes, Free: p.Free()}
}

// Post places or replaces the offer. The owner stays for as long as anything of
// the provider is left: stake paid in by one account must not answer for, or be
// taken back by, another.
func (p Provider) Post(o assay.Offer) (Provider, error) {
	if !p.Gone() && p.Offer.Owner != o.Owner {
		return p, assay.Refuse(CodeNotOwner, "provider %s belongs to %s", o.Provider.Short(), p.Offer.Owner.Short())
	}
	p.Quota = repost(p, o.Capacity)
	p.Offer, p.Listed = o, true
	return p, nil
}

// repost carries the quota over to a new offer. It follows a raised capacity
// only when no late assignment has lowered it: posting again must not wash
// lateness away.
func repost(p Provider, capacity uint32) uint32 {
	if p.Gone() || p.Quota == p.Offer.Capacity {
		return capacity
	}
	return min(p.Quota, capacity)
}

// Withdraw takes the offer off the market. Assignments stay due.
func (p Provider) Withdraw(owner assay.Key) (Provider, error) {
	if err := p.owned(owner); err != nil {
		return p, err
	}
	if !p.Listed {
		return p, assay.Refuse(CodeNotListed, "%s", p.Offer.Provider.Short())
	}
	p.Listed = false
	return p, nil
}

// AddStake pays stake in.
func (p Provider) AddStake(owner assay.Key, a assay.Amount) (Provider, error) {
	if err := p.owned(owner); err != nil {
		return p, err
	}
	sum, err := p.Stake.Add(a)
	if err != nil {
		return p, err
	}
	p.Stake = sum
	return p, nil
}

// TakeStake pays free stake back.
func (p Provider) TakeStake(owner assay.Key, a assay.Amount) (Provider, error) {
	if err := p.owned(owner); err != nil {
		return p, err
	}
	if a > p.Free() {
		return p, assay.Refuse(CodeStakeLocked, "%s of %s is free, %s asked for", p.Free(), p.Stake, a)
	}
	p.Stake -= a
	return p, nil
}

func (p Provider) owned(owner assay.Key) error {
	if p.Gone() {
		return assay.Refuse(CodeNotListed, "no such provider")
	}
	if p.Offer.Owner != owner {
		return assay.Refuse(CodeNotOwner, "provider %s belongs to %s", p.Offer.Provider.Short(), p.Offer.Owner.Short())
	}
	return nil
}

// Need is what an assignment asks of a provider at the moment of the draw.
type Need struct {
	Now      assay.Time
	Runtime  string
	MaxPrice assay.Amount
	Stake    assay.Amount // to be locked
	MinStake assay.Amount // the network's floor for being drawn at all
}

// Eligible returns why the provider may not be drawn; empty: it may. The tree
// that named it is older than the answer, so all is judged again.
func (p Provider) Eligible(n Need) assay.Code {
	switch {
	case !p.Listed:
		return CodeNotListed
	case p.Offer.Expiry != 0 && p.Offer.Expiry <= n.Now:
		return CodeOfferExpired
	case !slices.Contains(p.Offer.Runtimes, n.Runtime):
		return CodeOfferRuntime
	case p.Offer.Price > n.MaxPrice:
		return CodeOfferPrice
	case p.Free() < max(n.Stake, n.MinStake):
		return CodeOfferStake
	case p.Active >= min(p.Quota, p.Offer.Capacity):
		return CodeOfferCapacity
	}
	return ""
}

// Assign locks the stake of one assignment.
func (p Provider) Assign(stake assay.Amount) (Provider, error) {
	if stake > p.Free() {
		return p, assay.Refuse(CodeOfferStake, "%s of %s is free, %s needed", p.Free(), p.Stake, stake)
	}
	p.Locked += stake
	p.Active++
	return p, nil
}

// Finish ends one assignment. Its stake stays locked until Release: liability
// may outlive the settlement.
func (p Provider) Finish() (Provider, error) {
	if p.Active == 0 {
		return p, assay.Refuse(CodeUnbalanced, "provider %s finishes an assignment that it does not hold", p.Offer.Provider.Short())
	}
	p.Active--
	return p, nil
}

// Release unlocks stake.
func (p Provider) Release(stake assay.Amount) (Provider, error) {
	if stake > p.Locked {
		return p, assay.Refuse(CodeUnbalanced, "%s is locked, %s to be released", p.Locked, stake)
	}
	p.Locked -= stake
	return p, nil
}

// Slash takes locked stake away for good.
func (p Provider) Slash(a assay.Amount) (Provider, error) {
	if a > p.Locked {
		return p, assay.Refuse(CodeUnbalanced, "%s is locked, %s to be slashed", p.Locked, a)
	}
	p.Locked -= a
	p.Stake -= a
	return p, nil
}

// Late lowers the quota by one, never below one: a provider that can hold no
// assignment could never recover.
func (p Provider) Late() Provider {
	p.Quota = max(1, p.Quota-min(1, p.Quota))
	return p
}

// Accepted raises the quota by one, never above what the provider offers.
func (p Provider) Accepted() Provider {
	p.Quota = max(1, min(p.Quota+1, p.Offer.Capacity))
	return p
}

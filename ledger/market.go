package ledger

import (
	"maps"
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/market"
	"github.com/capacloud/assay/merkle"
)

// trees are the listings as they stand now and as they stood before the last
// block, with the slots that are free. All of it follows from the state.
type trees struct {
	now, before market.Tree
	free        []uint64 // ascending
}

// listings returns the trees, rebuilding them from the state once.
func (l *Ledger) listings() *trees {
	if l.trees != nil {
		return l.trees
	}
	now := make([]assay.Listing, l.meta.Slots)
	for _, p := range l.Offers() {
		if p.Market.Listed {
			now[p.Market.Slot] = p.Market.Listing()
		}
	}
	past := slices.Clone(now)
	if b, ok := load[before](l.store, beforeKey()); ok {
		for _, c := range b.Changes {
			past[c.Slot] = c.Listing
		}
		past = past[:b.Slots]
	}
	t := &trees{now: market.NewTree(now), before: market.NewTree(past)}
	prefix := []byte{tabSlot}
	l.store.Ascend(prefix, after(prefix), func(k, _ []byte) bool {
		t.free = append(t.free, beUint(k[1:]))
		return true
	})
	l.trees = t
	return t
}

// drawing is the market that a draw sees: numbers name listings as they stood
// before the block that raised the request, so that nobody who has seen the job
// can place an offer for it; eligibility is judged now, so that nobody is drawn
// who cannot serve.
type drawing struct{ w *block }

var _ board.Market = (*drawing)(nil)

// Root implements board.Market.
func (d *drawing) Root() merkle.SumNode { return d.w.l.trees.before.Root() }

// Find implements board.Market.
func (d *drawing) Find(number uint64) (assay.Listing, []merkle.SumStep) {
	return d.w.l.trees.before.Find(number)
}

// Eligible implements board.Market.
func (d *drawing) Eligible(l assay.Listing, need board.Need) assay.Code {
	p, ok := d.w.l.providers.get(l.Provider)
	if !ok || p.Market.Offer.Owner != l.Owner {
		return market.CodeNotListed
	}
	code := p.Market.Eligible(market.Need{
		Now: d.w.at.Time, Runtime: need.Runtime, MaxPrice: need.MaxPrice, Stake: need.Stake, MinStake: d.w.params.MinStake,
	})
	if code != "" {
		return code
	}
	// Drawn without the means to commit, it would be late through no choice of
	// its own; the requester would wait a whole commit clock for nothing.
	acc, _ := d.w.l.accounts.get(l.Provider)
	// The same goes for disputes, in all the assignments that it holds at once:
	// otherwise whoever attacks enough of them wins one by its silence.
	cost, err := need.Bond.Add(seatFees(d.w.params))
	defences, over := need.Defence.Mul(uint64(p.Market.Active) + 1)
	if err == nil && over == nil {
		cost, err = cost.Add(defences)
	}
	if err != nil || over != nil || acc.Balance < cost {
		return CodeBalance
	}
	return ""
}

// lockSeats locks the stake of the seats that a step has added.
func (w *block) lockSeats(c *board.Case, known int) error {
	for _, s := range c.Seats[known:] {
		p, _ := w.l.providers.get(s.Provider)
		m, err := p.Market.Assign(s.Stake)
		if err != nil {
			return err
		}
		p.Market = m
		w.l.providers.set(s.Provider, p)
	}
	return nil
}

// nameMarket fixes the tree over which a request that was raised in this block
// will be answered.
func (w *block) nameMarket(c *board.Case) {
	if c.Request != nil && c.Request.Height == w.at.Height {
		c.Request.Market = w.l.trees.now.Root()
	}
}

// moveListings assigns slots, writes what the sum tree of the next block needs,
// and moves the trees on. Providers are visited in order of their keys.
func (w *block) moveListings() error {
	t := w.l.trees
	taken := map[uint64]bool{} // slot → whether it is taken now, for slots that changed hands
	changes := map[uint64]assay.Listing{}
	keys := w.l.providers.changed()
	for _, k := range keys { // who leaves makes room first
		was, now := w.l.providers.first[k], w.l.providers.rows[k]
		if was.ok && was.value.Market.Listed && !(now.ok && now.value.Market.Listed) {
			slot := was.value.Market.Slot
			t.free = insertSorted(t.free, slot)
			taken[slot], changes[slot] = false, assay.Listing{}
			w.out.Events = append(w.out.Events, Event{Kind: EventDelisted, Account: k})
		}
	}
	for _, k := range keys {
		was, now := w.l.providers.first[k], w.l.providers.rows[k]
		if !now.ok || !now.value.Market.Listed {
			continue
		}
		p := now.value
		if !(was.ok && was.value.Market.Listed) {
			p.Market.Slot = w.takeSlot(taken)
			w.l.providers.set(k, p)
			w.l.providers.keep()
			w.out.Events = append(w.out.Events, Event{Kind: EventListed, Account: k})
		}
		changes[p.Market.Slot] = p.Market.Listing()
	}
	for _, slot := range slices.Sorted(maps.Keys(taken)) {
		if taken[slot] {
			w.remove(slotKey(slot))
		} else {
			w.write(slotKey(slot), mark)
		}
	}
	w.writeBefore(changes)
	return nil
}

// takeSlot returns the lowest free slot, or a new one.
func (w *block) takeSlot(taken map[uint64]bool) uint64 {
	t := w.l.trees
	if len(t.free) == 0 {
		w.meta.Slots++
		return w.meta.Slots - 1
	}
	slot := t.free[0]
	t.free = t.free[1:]
	taken[slot] = true
	return slot
}

// writeBefore keeps how the tree differs from the one before this block.
func (w *block) writeBefore(changes map[uint64]assay.Listing) {
	t := w.l.trees
	b := before{Slots: t.now.Len()}
	var next []market.Change
	for _, slot := range slices.Sorted(maps.Keys(changes)) {
		if slot < b.Slots {
			old := t.now.At(slot)
			if sameListing(&old, new(changes[slot])) {
				continue
			}
			b.Changes = append(b.Changes, market.Change{Slot: slot, Listing: old})
		}
		next = append(next, market.Change{Slot: slot, Listing: changes[slot]})
	}
	w.write(beforeKey(), canon.Marshal(&b))
	t.before, t.now = t.now, t.now.With(next)
}

func sameListing(a, b *assay.Listing) bool {
	return a.Owner == b.Owner && a.Provider == b.Provider && a.Price == b.Price && a.Free == b.Free && slices.Equal(a.Runtimes, b.Runtimes)
}

func insertSorted(list []uint64, n uint64) []uint64 {
	i, _ := slices.BinarySearch(list, n)
	return slices.Insert(slices.Clone(list), i, n)
}

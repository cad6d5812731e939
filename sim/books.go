package sim

import (
	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
)

// books keeps accounts of its own, from what was paid in fees and what records
// say, and compares them with what the ledger holds, account by account: coins
// neither appear nor vanish, and nobody is paid but by a record.
type books struct {
	none
	balance map[assay.Key]int64 // less what validators receive
	stake   map[assay.Key]int64 // by provider
	escrow  int64
	bonds   int64
	pool    int64 // with everything that validators were ever paid
	burned  int64
	fees    int // entries of the chain's list already booked
	open    map[assay.JobID]bool
	bonded  map[seatID]int64
	staked  bool
}

type seatID struct {
	job  assay.JobID
	seat uint16
}

func (b *books) begin(w *World) {
	b.balance, b.stake = map[assay.Key]int64{}, map[assay.Key]int64{}
	b.open, b.bonded = map[assay.JobID]bool{}, map[seatID]int64{}
	for _, a := range w.Genesis.Accounts {
		b.balance[a.Account] = int64(a.Amount)
	}
}

// Block implements Checker.
func (b *books) Block(w *World) {
	if b.balance == nil {
		b.begin(w)
	}
	for _, f := range w.Chain.fees[b.fees:] {
		b.balance[f.who] -= int64(f.amount)
		b.pool += int64(f.amount)
	}
	b.fees = len(w.Chain.fees)
	if !b.staked {
		b.enrol(w)
	}
	for _, id := range w.Chain.open {
		b.lock(w.caseOf(id))
	}
	b.compare(w)
}

// enrol books the stakes of the first block.
func (b *books) enrol(w *World) {
	for _, m := range w.Machines {
		p, ok := w.Chain.ledger.Offer(m.key)
		if !ok {
			continue
		}
		b.staked = true
		b.stake[m.key] = int64(p.Market.Stake)
		b.balance[m.owner] -= int64(p.Market.Stake)
	}
}

// lock books the escrow and the bonds of a case.
func (b *books) lock(c *board.Case) {
	if !b.open[c.ID] {
		b.open[c.ID] = true
		b.balance[c.Job.Requester] -= int64(c.Escrow)
		b.escrow += int64(c.Escrow)
	}
	for i := range c.Seats {
		s := &c.Seats[i]
		id := seatID{c.ID, s.Number}
		if _, known := b.bonded[id]; !known && !s.Commit.IsZero() {
			b.bonded[id] = int64(s.Bond)
			b.balance[s.Provider] -= int64(s.Bond)
			b.bonds += int64(s.Bond)
		}
	}
	if c.Record != nil {
		b.unlock(c)
	}
}

// unlock books a settlement.
func (b *books) unlock(c *board.Case) {
	s := &c.Record.Settlement
	b.escrow -= int64(c.Escrow)
	for _, p := range s.Payments {
		if p.To.IsZero() {
			b.pool += int64(p.Amount)
		} else {
			b.balance[p.To] += int64(p.Amount)
		}
	}
	var forfeited int64
	for i := range c.Seats {
		seat := &c.Seats[i]
		bond := b.bonded[seatID{c.ID, seat.Number}]
		b.bonds -= bond
		for _, f := range s.Faults {
			if f.Seat == seat.Number {
				bond -= int64(f.Penalty)
				b.stake[seat.Provider] -= int64(f.Slashed)
				forfeited += int64(f.Penalty) + int64(f.Slashed)
			}
		}
		b.balance[seat.Provider] += bond
	}
	b.burned += int64(s.Burned)
	b.balance[c.Job.Requester] += forfeited - int64(s.Burned)
}

func (b *books) compare(w *World) {
	l := w.Chain.ledger
	var paid, total int64
	for _, a := range w.Genesis.Accounts {
		have := int64(l.Account(a.Account).Balance)
		total += have
		if _, ok := w.Genesis.ValidatorOf(a.Account); ok {
			paid += have - b.balance[a.Account]
		} else if have != b.balance[a.Account] {
			w.breach("books", assay.JobID{}, "block %d: account %s holds %d, it should hold %d", w.Chain.height, a.Account.Short(), have, b.balance[a.Account])
			b.balance[a.Account] = have // tell once
		}
	}
	m := l.Meta()
	if got := paid + int64(m.Pool); got != b.pool {
		w.breach("books", assay.JobID{}, "block %d: validators and pool have %d of %d in fees", w.Chain.height, got, b.pool)
		b.pool = got
	}
	for _, p := range l.Offers() {
		k := p.Market.Offer.Provider
		total += int64(p.Market.Stake)
		if got := int64(p.Market.Stake); got != b.stake[k] {
			w.breach("books", assay.JobID{}, "block %d: provider %s has stake %d, it should have %d", w.Chain.height, k.Short(), got, b.stake[k])
			b.stake[k] = got
		}
	}
	total += b.escrow + b.bonds + int64(m.Pool)
	if want := int64(m.Genesis) - b.burned; total != want {
		w.breach("books", assay.JobID{}, "block %d: %d coins, there should be %d", w.Chain.height, total, want)
		b.burned = int64(m.Genesis) - total
	}
}

// Settled implements Checker: the escrow is divided to the last coin.
func (b *books) Settled(w *World, c *board.Case) {
	s := &c.Record.Settlement
	if s.Escrow != c.Escrow || s.Escrow != s.Paid+s.Refunded+s.Fees {
		w.breach("books", c.ID, "escrow %d: paid %d, refunded %d, fees %d", s.Escrow, s.Paid, s.Refunded, s.Fees)
	}
	if s.Paid > 0 && c.Record.Verdict.Outcome != assay.Accepted {
		w.breach("books", c.ID, "paid %d for a job that is %s", s.Paid, c.Record.Verdict.Outcome)
	}
}

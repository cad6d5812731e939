package sim

import (
	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
)

// books keeps accounts of its own, from what was paid in fees and what records
// and appeals say, and compares them with what the ledger holds, account by account: coins
// neither appear nor vanish, and nobody is paid but by a record.
type books struct {
	none
	balance map[assay.Key]int64 // less what validators receive
	stake   map[assay.Key]int64 // by provider
	escrow  int64
	bonds   int64 // of seats and claims
	pool    int64 // with everything that validators were ever paid
	burned  int64
	fees    int // entries of the chain's list already booked
	open    map[assay.JobID]bool
	bonded  map[seatID]int64
	claimed map[claimID]int64    // of running disputes
	running map[assay.JobID]bool // jobs whose appeals are not booked to their end
	ended   map[appealID]bool
	staked  bool
}

// claimID is who has claims in a case, or in an appeal about it.
type claimID struct {
	appeal appealID
	author assay.Key
}

// appealID is an appeal by its number, or the case itself before all of them.
type appealID struct {
	job    assay.JobID
	number int
}

const inCase = -1

type seatID struct {
	job  assay.JobID
	seat uint16
}

func (b *books) begin(w *World) {
	b.balance, b.stake = map[assay.Key]int64{}, map[assay.Key]int64{}
	b.open, b.bonded = map[assay.JobID]bool{}, map[seatID]int64{}
	b.claimed, b.running, b.ended = map[claimID]int64{}, map[assay.JobID]bool{}, map[appealID]bool{}
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
	b.appeals(w)
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
	disputes := make([]*board.Dispute, len(c.Disputes))
	for i := range c.Disputes {
		disputes[i] = &c.Disputes[i]
	}
	b.claims(appealID{c.ID, inCase}, disputes...)
	if c.Record != nil {
		b.unlock(c)
	}
}

// claims books the bonds of claims.
func (b *books) claims(at appealID, disputes ...*board.Dispute) {
	have := map[assay.Key]int64{}
	for _, d := range disputes {
		if k := d.Challenge; k != nil && (d.Game == nil || d.Void != "") {
			have[k.From] += int64(k.Bond)
		}
		if d.Game == nil {
			continue
		}
		for i := range d.Game.Claims {
			have[d.Game.Claims[i].Author] += int64(d.Game.Claims[i].Bond)
		}
	}
	for author, bond := range have {
		id := claimID{at, author}
		b.balance[author] -= bond - b.claimed[id]
		b.bonds += bond - b.claimed[id]
		b.claimed[id] = bond
	}
}

// ends books what became of claims, and of whoever posted programs. It returns
// what was left of the bonds.
func (b *books) ends(claims []assay.ClaimEnd, posters []assay.Payment) (left int64) {
	for _, e := range claims {
		b.balance[e.Author] += int64(e.Returned + e.Costs + e.Bounty)
		b.bonds -= int64(e.Bond)
		left += int64(e.Bond) - int64(e.Returned+e.Costs+e.Bounty)
	}
	for _, p := range posters {
		b.balance[p.To] += int64(p.Amount)
		left -= int64(p.Amount)
	}
	return left
}

// appeals books those that run, and those that have ended since the last block.
func (b *books) appeals(w *World) {
	now := map[assay.JobID]bool{}
	for _, a := range w.Chain.ledger.Running() {
		now[a.Job] = true
		b.appeal(w.caseOf(a.Job), a)
	}
	for id := range b.running {
		if now[id] {
			continue
		}
		for _, a := range w.Chain.ledger.Appeals(id) {
			b.appeal(w.caseOf(id), a)
		}
	}
	b.running = now
}

// appeal books an appeal: its bonds while it runs, then where they went, and the
// stake of those who supported what was revoked.
func (b *books) appeal(c *board.Case, a *board.Appeal) {
	id := appealID{a.Job, int(a.Number)}
	if b.ended[id] {
		return
	}
	b.claims(id, &a.Dispute)
	if a.Running() {
		return
	}
	b.ended[id] = true
	left := b.ends(a.Claims, a.Posters)
	if r := a.Revocation; r != nil {
		for _, f := range r.Faults {
			b.stake[f.Provider] -= int64(f.Slashed)
			left += int64(f.Slashed)
		}
		b.balance[c.Job.Requester] += int64(r.Requester)
		left -= int64(r.Requester)
	}
	b.burned += left
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
	forfeited += b.ends(s.Claims, s.Posters)
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

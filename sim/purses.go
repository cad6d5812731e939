package sim

import (
	"cmp"
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/dispute"
)

// purses: nobody honest loses a coin beyond its own fees, and who defends the
// truth against somebody who loses is refunded what the schedule says. A
// requester pays what its records say.
type purses struct{ none }

// End implements Checker.
func (p *purses) End(w *World) {
	if len(w.Chain.open) > 0 || len(w.Chain.ledger.Running()) > 0 {
		return // endings tells
	}
	floor := map[assay.Key]int64{}
	for _, a := range w.Genesis.Accounts {
		floor[a.Account] = int64(a.Amount)
	}
	for _, f := range w.Chain.fees {
		floor[f.who] -= int64(f.amount)
	}
	for _, id := range w.Chain.closed {
		c := w.caseOf(id)
		s := &c.Record.Settlement
		floor[c.Job.Requester] -= int64(s.Paid + s.Fees)
		p.defences(w, c)
	}
	have := map[assay.Key]int64{}
	for _, a := range w.Genesis.Accounts {
		have[a.Account] = int64(w.Chain.ledger.Account(a.Account).Balance)
	}
	for _, m := range w.Machines {
		if o, ok := w.Chain.ledger.Offer(m.key); ok {
			have[m.owner] += int64(o.Market.Stake)
		}
	}
	for _, a := range w.Genesis.Accounts {
		if k := a.Account; w.isHonest(k) && have[k] < floor[k] {
			w.breach("purses", assay.JobID{}, "%s has %d, %d less than it had before, less fees", w.nameOf(k), have[k], floor[k]-have[k])
		}
	}
}

// isHonest reports whether an account belongs to nobody who cheats or whom the
// world kept from its clocks.
func (w *World) isHonest(k assay.Key) bool {
	for _, m := range w.Machines {
		if (m.key == k || m.owner == k) && (!m.player.IsHonest() || m.disturbed) {
			return false
		}
	}
	for _, x := range w.Watchers {
		if x.key == k && (!x.isHonest() || x.disturbed) {
			return false
		}
	}
	return k != assay.KeyOf(w.stranger)
}

func (w *World) nameOf(k assay.Key) string {
	for _, m := range w.Machines {
		if m.key == k || m.owner == k {
			return m.name
		}
	}
	for _, x := range w.Watchers {
		if x.key == k {
			return x.name
		}
	}
	for _, c := range w.Clients {
		if c.key == k {
			return c.name
		}
	}
	return k.Short()
}

// defences looks at every dispute about a job.
func (p *purses) defences(w *World, c *board.Case) {
	for n := range c.Disputes {
		ends := slices.DeleteFunc(slices.Clone(c.Record.Settlement.Claims), func(e assay.ClaimEnd) bool { return int(e.Dispute) != n })
		p.defence(w, c.ID, &c.Disputes[n], ends, c.Record.Settlement.Posters, misledIn(c, n))
	}
	for _, a := range w.Chain.ledger.Appeals(c.ID) {
		p.defence(w, c.ID, &a.Dispute, a.Claims, a.Posters, misledBy(a.Revocation))
	}
}

// defence: the claim of somebody honest survives and has its bond back; where
// another claim has lost, whoever was the first to make a right move is refunded
// what it cost, and so is whoever posted the program. Who was misled has lost its
// claim, and is paid what that was at least.
func (p *purses) defence(w *World, job assay.JobID, d *board.Dispute, ends []assay.ClaimEnd, posters []assay.Payment, misled []assay.Key) {
	if d.Game == nil {
		return
	}
	beaten := slices.ContainsFunc(ends, func(e assay.ClaimEnd) bool { return e.Claim != board.VoidClaim && e.Code != dispute.CodeSurvived })
	owed := firstMoves(d.Game)
	for _, e := range ends {
		switch {
		case !w.isHonest(e.Author):
		case slices.Contains(misled, e.Author):
			if got, lost := damages(posters, e.Author), e.Bond-e.Returned; got < lost {
				w.breach("purses", job, "%s was misled, lost a bond of %d by showing it, and was paid %d", w.nameOf(e.Author), lost, got)
			}
		case e.Returned != e.Bond:
			w.breach("purses", job, "%s is honest, its claim %d ended as %s and its bond of %d returned %d", w.nameOf(e.Author), e.Claim, e.Code, e.Bond, e.Returned)
		case beaten && e.Costs < owed[e.Claim]:
			w.breach("purses", job, "%s was refunded %d of the %d that its defence cost", w.nameOf(e.Author), e.Costs, owed[e.Claim])
		}
	}
	for _, x := range d.Posters {
		if beaten && !slices.ContainsFunc(posters, func(p assay.Payment) bool { return p.To == x.Who && p.Amount >= x.Cost }) {
			w.breach("purses", job, "%s was not refunded the %d for the program", w.nameOf(x.Who), x.Cost)
		}
	}
}

// firstMoves returns what the surviving claims have spent on moves that nobody
// who survived had made before.
func firstMoves(g *dispute.Game) map[uint16]assay.Amount {
	type place struct {
		kind   assay.Kind
		level  uint8
		offset uint64
	}
	type made struct {
		claim uint16
		at    place
		move  dispute.Move
	}
	var list []made
	for i := range g.Claims {
		k := &g.Claims[i]
		if !k.Live() || k.Announced() {
			continue
		}
		list = append(list, made{uint16(i), place{kind: assay.KindClaim}, k.Posted})
		for _, r := range k.Refined {
			list = append(list, made{uint16(i), place{assay.KindRefine, r.Level, r.Offset}, r.Move})
		}
		for _, r := range k.Proved {
			list = append(list, made{uint16(i), place{assay.KindProof, r.Level, r.Offset}, r.Move})
		}
	}
	slices.SortFunc(list, func(a, b made) int { return cmp.Compare(a.move.Number, b.move.Number) })
	owed, seen := map[uint16]assay.Amount{}, map[place]bool{}
	for _, m := range list {
		if !seen[m.at] {
			seen[m.at] = true
			owed[m.claim] += m.move.Cost
		}
	}
	return owed
}

// misledIn returns who was found misled by a dispute of a case.
func misledIn(c *board.Case, n int) []assay.Key {
	var list []assay.Key
	for i := range c.Seats {
		if s := &c.Seats[i]; s.State == assay.Misled && int(s.Lost) == n+1 {
			list = append(list, s.Provider)
		}
	}
	return list
}

// misledBy returns who was found misled by an appeal.
func misledBy(r *board.Revocation) []assay.Key {
	var list []assay.Key
	for i := 0; r != nil && i < len(r.Faults); i++ {
		if r.Faults[i].Class == assay.FaultMisled {
			list = append(list, r.Faults[i].Provider)
		}
	}
	return list
}

// damages returns what somebody was paid for having been misled.
func damages(list []assay.Payment, to assay.Key) (sum assay.Amount) {
	for _, p := range list {
		if p.To == to && p.Code == board.PayMisled {
			sum += p.Amount
		}
	}
	return sum
}

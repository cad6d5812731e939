package sim

import (
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/dispute"
	"github.com/capacloud/assay/policy"
)

// posted is a state that somebody has posted at a boundary.
type posted struct {
	job   assay.JobID
	epoch uint32
	root  assay.Digest
}

// misled: whoever is misled by a checkpoint is nobody who lies. It loses neither
// stake nor bond and is paid for its work; whoever posted the first false state
// on its way loses his stake. Nobody honest goes on from a false state unless as
// many have posted it as the policy says are enough to be wrong together; and
// what rests on one says so.
type misled struct {
	seen    map[posted][]uint16 // who posted it, the board forgets
	resumes map[seatID]bool
}

// Block implements Checker.
func (k *misled) Block(w *World) {
	if k.seen == nil {
		k.seen, k.resumes = map[posted][]uint16{}, map[seatID]bool{}
	}
	for _, id := range w.Chain.open {
		c := w.caseOf(id)
		for _, x := range c.Checkpoints {
			at := posted{id, x.Epoch, x.Root}
			if !slices.Contains(k.seen[at], x.Seat) {
				k.seen[at] = append(k.seen[at], x.Seat)
				w.count("checkpoints", 1)
				w.count("false checkpoints", one(w.isFalse(c, x.Epoch, x.Root)))
			}
		}
		for i := range c.Resumes {
			if r := &c.Resumes[i]; !k.resumes[seatID{id, r.Seat}] {
				k.resumes[seatID{id, r.Seat}] = true
				k.resumed(w, c, r)
			}
		}
	}
}

// resumed looks at a seat that goes on from a checkpoint.
func (k *misled) resumed(w *World, c *board.Case, r *board.Resume) {
	w.count("resumes", 1)
	m := w.machineOf(c.Seats[r.Seat].Provider)
	if !w.isFalse(c, r.Epoch, r.Root) || !m.player.IsHonest() {
		return
	}
	w.count("resumes of a false state", 1)
	liars := 0
	for _, seat := range k.seen[posted{c.ID, r.Epoch, r.Root}] {
		liars += one(!w.machineOf(c.Seats[seat].Provider).player.IsHonest() || w.wasMisled(c, seat))
	}
	if need := strictest(c.Job.Policy); liars < need {
		w.breach("misled", c.ID, "%s went on from a false state that %d had posted, and %s takes %d", m.name, liars, c.Job.Policy, need)
	}
}

// Settled implements Checker.
func (k *misled) Settled(w *World, c *board.Case) {
	s := &c.Record.Settlement
	for _, f := range s.Faults {
		if f.Class == assay.FaultMisled {
			w.count("misled", 1)
			k.spared(w, c, f)
			k.guilty(w, c, f.Seat, s.Faults)
			k.paid(w, c, f.Seat)
		}
		if f.Class == assay.FaultProvedWrong {
			k.convicted(w, c, f)
		}
	}
	k.says(w, c)
}

// End implements Checker: the same of appeals.
func (k *misled) End(w *World) {
	for _, id := range w.Chain.closed {
		c := w.caseOf(id)
		r, ok := w.Chain.ledger.Revocation(id)
		if !ok {
			continue
		}
		for _, f := range r.Faults {
			if f.Class == assay.FaultMisled {
				w.count("misled, found by an appeal", 1)
				k.spared(w, c, f)
				k.guilty(w, c, f.Seat, slices.Concat(r.Faults, c.Record.Settlement.Faults))
			} else {
				k.convicted(w, c, f)
			}
		}
	}
}

// spared: who is called misled was, and loses nothing.
func (*misled) spared(w *World, c *board.Case, f assay.Fault) {
	m := w.machineOf(f.Provider)
	if !w.wasMisled(c, f.Seat) {
		w.breach("misled", c.ID, "%s is said to be misled, and went on from nothing false", m.name)
	}
	if f.Slashed != 0 || f.Penalty != 0 {
		w.breach("misled", c.ID, "%s was misled, and lost %d of its stake and %d of its bond", m.name, f.Slashed, f.Penalty)
	}
}

// guilty: somebody from whom the misled seat has a false state loses his stake.
func (*misled) guilty(w *World, c *board.Case, seat uint16, faults []assay.Fault) {
	for r := c.ResumeOf(seat); r != nil; r = c.ResumeOf(r.From) {
		poster := &c.Seats[r.From]
		if w.isFalse(c, r.Epoch, r.Root) && slices.ContainsFunc(faults, func(f assay.Fault) bool {
			return f.Seat == poster.Number && f.Class == assay.FaultProvedWrong && f.Slashed == poster.Stake && f.Slashed > 0
		}) {
			w.count("poisoners slashed", 1)
			return
		}
	}
	w.breach("misled", c.ID, "seat %d was misled, and nobody has lost his stake for it", seat)
}

// convicted: no honest provider answers for a state that it was given, not even
// one that is dead, as long as anybody has the bytes that show it.
func (*misled) convicted(w *World, c *board.Case, f assay.Fault) {
	m, r := w.machineOf(f.Provider), c.ResumeOf(f.Seat)
	if !m.player.IsHonest() || r == nil || !w.isFalse(c, r.Epoch, r.Root) || f.Slashed == 0 {
		return
	}
	if w.unheard(c, f.Seat) {
		m.disturbed = true // it answers for what it could not show
		w.broken("misled", c.ID, "%s had gone on from a false state in good faith, and lost its stake: who stood against it fell silent", m.name)
		return
	}
	if w.fileOf(r.File, c.Seats[r.From].Provider) != nil {
		w.breach("misled", c.ID, "%s had gone on from a false state in good faith, and lost its stake", m.name)
	}
}

// paid: a misled seat that has shown it has its price, too, as far as the stake
// of the poisoner bears all.
func (*misled) paid(w *World, c *board.Case, number uint16) {
	seat := &c.Seats[number]
	s := &c.Record.Settlement
	if seat.Lost == 0 || !w.isHonest(seat.Provider) {
		return
	}
	var lost assay.Amount
	for _, e := range s.Claims {
		if int(e.Dispute) == int(seat.Lost)-1 && e.Author == seat.Provider {
			lost += e.Bond - e.Returned
		}
	}
	if got := damages(s.Posters, seat.Provider); got < lost+seat.Price {
		w.breach("misled", c.ID, "%s was misled and paid %d, for a bond of %d and a price of %d", w.machineOf(seat.Provider).name, got, lost, seat.Price)
	}
}

// says: a verdict that rests on a resumed run and on no dispute says whose word
// it takes.
func (*misled) says(w *World, c *board.Case) {
	v := &c.Record.Verdict
	if v.Outcome != assay.Accepted {
		return
	}
	rests := 0
	for _, r := range c.Resumes {
		s := &c.Seats[r.Seat]
		rests += one(s.State == assay.Opened && *s.Result == *v.Result && r.Seat < c.Closed.Seats && s.Shown <= c.Closed.At.Clock)
	}
	said := 0
	for _, a := range v.Assumptions {
		said += one(a.Code == board.CodeResumed)
	}
	if rests > 0 && said == 0 && len(c.Disputes) == 0 {
		w.breach("misled", c.ID, "%d runs behind the result went on from a checkpoint, and the verdict does not say so", rests)
	}
}

// isFalse reports whether no run of a job has this state at a boundary.
func (w *World) isFalse(c *board.Case, epoch uint32, root assay.Digest) bool {
	b := w.engine.boundary(&c.Job, epoch)
	return b == nil || b.root != root
}

// wasMisled reports whether a seat has gone on from a false state.
func (w *World) wasMisled(c *board.Case, seat uint16) bool {
	r := c.ResumeOf(seat)
	return r != nil && w.isFalse(c, r.Epoch, r.Root)
}

// unheard reports whether a seat was misled and could not show it: somebody honest
// whom the world kept from his clocks fell silent in the dispute, and with his the
// claim that had stood against the misled one. Whoever takes over need not refine
// where nobody differs any more.
func (w *World) unheard(c *board.Case, seat uint16) bool {
	if !w.wasMisled(c, seat) {
		return false
	}
	var list []*board.Dispute
	for i := range c.Disputes {
		list = append(list, &c.Disputes[i])
	}
	for _, a := range w.Chain.ledger.Appeals(c.ID) {
		list = append(list, &a.Dispute)
	}
	return slices.ContainsFunc(list, func(d *board.Dispute) bool {
		return d.Game != nil && slices.ContainsFunc(d.Game.Claims, func(k dispute.Claim) bool {
			return k.Lost != nil && k.Lost.Proof == nil && w.wasKept(k.Author)
		})
	})
}

// wasKept reports whether the world kept somebody honest from his clocks.
func (w *World) wasKept(k assay.Key) bool {
	return slices.ContainsFunc(w.Watchers, func(x *Watcher) bool { return x.key == k && x.isHonest() && x.disturbed }) ||
		slices.ContainsFunc(w.Machines, func(m *Machine) bool { return m.key == k && m.player.IsHonest() && m.disturbed })
}

// strictest returns how many equal seats the strictest check of a policy wants.
func strictest(text string) int {
	e, err := policy.Parse(text)
	if err != nil {
		return 1
	}
	return strictestOf(e)
}

func strictestOf(e *policy.Expr) int {
	most := 1
	if e.Op == policy.Quorum {
		most = e.N
		if e.Agree != 0 {
			most = e.Agree
		}
	}
	for _, k := range e.Kids {
		most = max(most, strictestOf(k))
	}
	return most
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

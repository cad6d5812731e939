package sim

import (
	"bytes"
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/adversary"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/policy"
)

// Checker watches a run from outside. It knows what no party knows, who is
// honest and what is right, and shares no code with what it checks beyond the
// nouns.
type Checker interface {
	Block(w *World)                  // after every block
	Settled(w *World, c *board.Case) // once for every case
	End(w *World)                    // when nothing is left to happen
}

// Checkers returns the usual ones, fresh for one run.
func Checkers() []Checker {
	return []Checker{&books{}, &purses{}, truth{}, &misled{}, liable{}, fairness{}, &progress{}, exact{}, replays{}, endings{}, replicas{}, &proved{}}
}

// none is a checker of nothing, for embedding.
type none struct{}

func (none) Block(*World)                {}
func (none) Settled(*World, *board.Case) {}
func (none) End(*World)                  {}

// machineOf returns the machine behind a seat.
func (w *World) machineOf(key assay.Key) *Machine {
	i := slices.IndexFunc(w.Machines, func(m *Machine) bool { return m.key == key })
	return w.Machines[i]
}

// truth: no wrong result settles while one honest provider was drawn, under any
// policy, or somebody honest watched a dispute or the window of optimistic. Liars
// may be any number. Where nobody was, the checker says what settled, and that the
// assumption was broken.
type truth struct{ none }

// Settled implements Checker.
func (truth) Settled(w *World, c *board.Case) {
	v := &c.Record.Verdict
	if v.Outcome != assay.Accepted || *v.Result == w.right(&c.Job).Result {
		return
	}
	expr, err := policy.Parse(c.Job.Policy)
	if err != nil {
		w.breach("truth", c.ID, "policy of a settled job: %v", err)
		return
	}
	_, refereed := board.RefereeOf(c.Job.Runtime)
	switch m := w.witness(c); {
	case !refereed:
		w.broken("truth", c.ID, "a wrong result was accepted under %s: without a referee, dissent is counted", expr)
	case m != nil:
		w.breach("truth", c.ID, "a wrong result was accepted under %s although %s was drawn", expr, m.name)
	case len(c.Disputes) > 0 && w.watching(c.Submitted.Time, c.ID):
		w.breach("truth", c.ID, "a wrong result was accepted under %s after a dispute, although somebody watched", expr)
	case windowed(expr) && w.watching(c.Submitted.Time, c.ID):
		w.breach("truth", c.ID, "a wrong result was accepted under %s although somebody watched", expr)
	case windowed(expr) && w.hides(c.ID):
		w.breach("truth", c.ID, "a wrong result was accepted under %s although nobody could execute the job", expr)
	default:
		w.broken("truth", c.ID, "a wrong result was accepted under %s: nobody honest was drawn", expr)
	}
}

// witness returns an honest provider that was drawn in time and told what it
// found, if the world kept it from nothing. One that has gone on from a false
// state knows no better than whoever posted that.
func (w *World) witness(c *board.Case) *Machine {
	for i := range c.Seats[:c.Closed.Seats] {
		s := &c.Seats[i]
		if m := w.machineOf(s.Provider); s.Result != nil && m.player.IsHonest() && !m.disturbed && !w.wasMisled(c, s.Number) {
			return m
		}
	}
	return nil
}

// windowed reports whether a policy accepts nothing without a window in which it
// could be challenged.
func windowed(e *policy.Expr) bool {
	return e.Op == policy.Optimistic || e.Op == policy.All && slices.ContainsFunc(e.Kids, windowed)
}

// fewest returns how many equal wrong openings could content a policy.
func fewest(e *policy.Expr) int {
	var kids []int
	for _, k := range e.Kids {
		kids = append(kids, fewest(k))
	}
	slices.Sort(kids)
	switch e.Op {
	case policy.Quorum:
		if e.Agree != 0 {
			return e.Agree
		}
		return e.N
	case policy.All:
		return kids[len(kids)-1]
	case policy.Any:
		return kids[0]
	case policy.AtLeast:
		return kids[e.N-1]
	case policy.Escalate:
		return min(kids[0], kids[1])
	}
	return 1
}

// fairness: who follows the protocol loses nothing. An honest provider is never
// slashed, forfeits no bond and is not late, unless the world kept it from its
// clocks. Stake is taken from exactly those whose opening contradicts what they
// had said, or who told something else than what the case came to.
type fairness struct{ none }

// Settled implements Checker.
func (f fairness) Settled(w *World, c *board.Case) {
	s := &c.Record.Settlement
	for _, x := range s.Faults {
		f.fault(w, c, w.machineOf(x.Provider), x)
	}
	for i := range c.Seats {
		seat := &c.Seats[i]
		if f.deserves(w, c, seat) && !slices.ContainsFunc(s.Faults, func(x assay.Fault) bool {
			return x.Seat == seat.Number && x.Class == assay.FaultProvedWrong && x.Slashed == seat.Stake && x.Slashed > 0
		}) {
			w.breach("fairness", c.ID, "%s told what is wrong, and kept its stake", w.machineOf(seat.Provider).name)
		}
	}
}

// deserves reports whether a seat has to lose its stake: it opened what it had
// not committed to, or another result than the right one, which was accepted,
// unless it was misled.
func (fairness) deserves(w *World, c *board.Case, seat *board.Seat) bool {
	v := &c.Record.Verdict
	switch {
	case seat.Result == nil:
		return false
	case w.machineOf(seat.Provider).player.Kind == adversary.Contradict:
		return true
	case seat.State == assay.Misled && w.wasMisled(c, seat.Number):
		return false
	}
	if _, refereed := board.RefereeOf(c.Job.Runtime); !refereed {
		return false // nothing proves a wrong opening there, unless a proof does: see proved
	}
	right := w.right(&c.Job).Result
	return v.Outcome == assay.Accepted && *v.Result == right && *seat.Result != right && seat.Number < c.Closed.Seats
}

func (fairness) fault(w *World, c *board.Case, m *Machine, x assay.Fault) {
	if x.Slashed > 0 && x.Class != assay.FaultProvedWrong {
		w.breach("fairness", c.ID, "%s is %s and was slashed %d", m.name, x.Class, x.Slashed)
	}
	if !m.player.IsHonest() || m.disturbed {
		return
	}
	switch x.Class {
	case assay.FaultLate, assay.FaultAbandoned, assay.FaultUnavailable:
		if !w.hides(c.ID) {
			w.breach("fairness", c.ID, "%s kept to the protocol and is %s: %s", m.name, x.Class, x.Text)
		}
	case assay.FaultDifferent:
		if v := &c.Record.Verdict; v.Outcome == assay.Accepted && *v.Result == w.right(&c.Job).Result {
			w.breach("fairness", c.ID, "%s told the accepted result and is different", m.name)
		}
	case assay.FaultProvedWrong:
		w.breach("fairness", c.ID, "%s is honest and was proved wrong: %s", m.name, x.Text)
	}
}

// exact: under quorum(n) alone, what is told decides. If all tell the same, it
// is accepted exactly when enough do; if they differ, there is a dispute, and one
// honest provider in it has the right one accepted, whatever the others are and
// how many.
type exact struct{ none }

// Settled implements Checker.
func (exact) Settled(w *World, c *board.Case) {
	expr, err := policy.Parse(c.Job.Policy)
	if err != nil || expr.Op != policy.Quorum {
		return
	}
	need, most := fewest(expr), 2*expr.N-1
	right := w.right(&c.Job).Result
	told := map[assay.Result]int{}
	counted, live := 0, 0
	for i := range c.Seats[:c.Closed.Seats] {
		s := &c.Seats[i]
		if s.Result == nil || s.State == assay.ProvedWrong && s.Lost == 0 {
			continue // nothing, or what it had not committed to
		}
		counted++
		told[*s.Result]++
		if s.State != assay.ProvedWrong && s.State != assay.Misled {
			live++
		}
	}
	v := &c.Record.Verdict
	switch accepted := v.Outcome == assay.Accepted; {
	case live > most:
		w.breach("exact", c.ID, "%d replicas counted under %s", live, expr)
	case v.Outcome == assay.Accepted && told[*v.Result] == 0:
		w.breach("exact", c.ID, "nobody told the accepted result under %s", expr)
	case len(told) == 1 && accepted != (counted >= need):
		w.breach("exact", c.ID, "%d told one result under %s: %s %s", counted, expr, v.Outcome, v.Code)
	case len(told) > 1 && contested(c, right.Digest()) && w.witness(c) != nil && (!accepted || *v.Result != right):
		w.breach("exact", c.ID, "%d results under %s, one of them by %s: %s %s", len(told), expr, w.witness(c).name, v.Outcome, v.Code)
	}
}

// contested reports whether a result was a candidate of a dispute, or differs from
// another one that no dispute was about.
func contested(c *board.Case, result assay.Digest) bool {
	return len(c.Disputes) == 0 || slices.ContainsFunc(c.Disputes, func(d board.Dispute) bool { return slices.Contains(d.Candidates, result) })
}

// replays: every settled case follows from its own board, and every appeal from
// its dispute, the referee's part included.
type replays struct{ none }

// Settled implements Checker.
func (replays) Settled(w *World, c *board.Case) {
	k := *w.Chain.ledger.WithEvidence(c)
	k.Disputes = slices.Clone(c.Disputes)
	for i := range k.Disputes {
		k.Disputes[i].Proofs = w.Chain.ledger.Witnesses(c.ID, i)
	}
	if err := board.Replay(&w.Genesis.Params, w.Genesis, &k); err != nil {
		w.breach("replays", c.ID, "%v", err)
	}
	if d, ok := w.Chain.ledger.Record(c.ID); !ok || d != c.Record.Digest() {
		w.breach("replays", c.ID, "the ledger keeps another record")
	}
}

// End implements Checker.
func (replays) End(w *World) {
	for _, id := range w.Chain.closed {
		for _, a := range w.Chain.ledger.Appeals(id) {
			if a.Running() {
				continue // endings tells
			}
			a.Dispute.Proofs = w.Chain.ledger.AppealWitnesses(id, a.Number)
			if err := board.ReplayAppeal(&w.Genesis.Params, w.caseOf(id), a); err != nil {
				w.breach("replays", id, "appeal %d: %v", a.Number, err)
			}
		}
	}
}

// endings: every job ends, for the ledger and for its requester, and no stake
// stays locked.
type endings struct{ none }

// End implements Checker.
func (endings) End(w *World) {
	for _, id := range w.Chain.open {
		c := w.caseOf(id)
		w.breach("endings", id, "still %s at the end", c.Phase)
	}
	for _, c := range w.Clients {
		switch {
		case !c.done:
			w.breach("endings", c.ID, "%s still waits at the end", c.name)
		case !c.vanish && c.End.Err == nil && (c.End.Case == nil || c.End.Case.Record == nil):
			w.breach("endings", c.ID, "%s was told of an end that is none", c.name)
		}
	}
	for _, a := range w.Chain.ledger.Running() {
		w.breach("endings", a.Job, "appeal %d still runs at the end", a.Number)
	}
	if len(w.Chain.open)+len(w.Chain.ledger.Running()) > 0 {
		return
	}
	for _, p := range w.Chain.ledger.Offers() {
		if p.Market.Locked != 0 || p.Market.Active != 0 {
			w.breach("endings", assay.JobID{}, "%s has %d locked and %d assignments after everything ended", w.machineOf(p.Market.Offer.Provider).name, p.Market.Locked, p.Market.Active)
		}
	}
	for _, a := range w.Genesis.Accounts {
		for _, x := range w.Chain.ledger.Explain(a.Account) {
			if x.Reason != "free-stake" {
				w.breach("endings", x.Job, "%d still locked as %s", x.Amount, x.Reason)
			}
		}
	}
}

// replicas: a second ledger that replays the log from genesis, and starts again
// from its bytes after some blocks, has the same roots.
type replicas struct{ none }

// End implements Checker.
func (replicas) End(w *World) {
	w.scan = false
	other := newChain(w)
	for i, b := range w.Chain.log {
		if _, err := other.ledger.Apply(b); err != nil {
			w.breach("replicas", assay.JobID{}, "replay of block %d: %v", b.Height, err)
			return
		}
		if w.restarts.IntN(20) == 0 {
			other.restart()
		}
		if root, ok := w.Chain.roots[b.Height]; ok && root != other.store.Hash() {
			w.breach("replicas", assay.JobID{}, "roots differ at block %d", b.Height)
			return
		}
		if i == len(w.Chain.log)-1 && !bytes.Equal(hashBytes(w.Chain), hashBytes(other)) {
			w.breach("replicas", assay.JobID{}, "roots differ at the end")
		}
	}
}

func hashBytes(c *Chain) []byte {
	h := c.store.Hash()
	return h[:]
}

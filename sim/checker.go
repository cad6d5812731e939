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
	return []Checker{&books{}, truth{}, fairness{}, exact{}, replays{}, endings{}, replicas{}}
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

// truth: no wrong result is accepted while the assumption holds. It holds while
// fewer equal wrong openings stand in the case than the policy can be content
// with; when that many lied together, the checker says that a wrong result was
// accepted, and that the assumption was broken.
type truth struct{ none }

// Settled implements Checker.
func (truth) Settled(w *World, c *board.Case) {
	v := &c.Record.Verdict
	if v.Outcome != assay.Accepted {
		return
	}
	right := w.right(&c.Job).Result
	if *v.Result == right {
		return
	}
	liars := 0
	for i := range c.Seats {
		if r := c.Seats[i].Result; r != nil && *r == *v.Result && c.Seats[i].State != assay.ProvedWrong {
			liars++
		}
	}
	expr, err := policy.Parse(c.Job.Policy)
	if err != nil {
		w.breach("truth", c.ID, "policy of a settled job: %v", err)
		return
	}
	if need := fewest(expr); liars >= need {
		w.broken("truth", c.ID, "a wrong result was accepted: %d told the same lie, %s bears fewer than %d", liars, c.Job.Policy, need)
		return
	}
	w.breach("truth", c.ID, "a wrong result was accepted under %s although only %d told it", c.Job.Policy, liars)
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
	}
	return 1
}

// fairness: who follows the protocol loses nothing. An honest provider is never
// slashed, whatever the world does to it; it forfeits no bond and is not late
// unless the world kept it from its clocks; and stake is taken from exactly
// those whose opening contradicts what they had said.
type fairness struct{ none }

// Settled implements Checker.
func (f fairness) Settled(w *World, c *board.Case) {
	s := &c.Record.Settlement
	for _, x := range s.Faults {
		m := w.machineOf(x.Provider)
		f.fault(w, c, m, x)
	}
	for i := range c.Seats {
		seat := &c.Seats[i]
		m := w.machineOf(seat.Provider)
		if seat.Result == nil || m.player.Kind != adversary.Contradict {
			continue
		}
		if !slices.ContainsFunc(s.Faults, func(x assay.Fault) bool {
			return x.Seat == seat.Number && x.Class == assay.FaultProvedWrong && x.Slashed == seat.Stake && x.Slashed > 0
		}) {
			w.breach("fairness", c.ID, "%s opened what it had not committed to, and kept its stake", m.name)
		}
	}
}

func (fairness) fault(w *World, c *board.Case, m *Machine, x assay.Fault) {
	if x.Slashed > 0 != (m.player.Kind == adversary.Contradict && x.Class == assay.FaultProvedWrong) {
		w.breach("fairness", c.ID, "%s is %s and was slashed %d", m.name, x.Class, x.Slashed)
	}
	if !m.player.IsHonest() || m.disturbed {
		return
	}
	switch x.Class {
	case assay.FaultLate, assay.FaultAbandoned, assay.FaultUnavailable:
		w.breach("fairness", c.ID, "%s kept to the protocol and is %s: %s", m.name, x.Class, x.Text)
	case assay.FaultDifferent:
		if v := &c.Record.Verdict; v.Outcome == assay.Accepted && *v.Result == w.right(&c.Job).Result {
			w.breach("fairness", c.ID, "%s told the accepted result and is different", m.name)
		}
	case assay.FaultProvedWrong:
		w.breach("fairness", c.ID, "%s is honest and was proved wrong", m.name)
	}
}

// exact: under quorum(n) alone, the right result is accepted exactly when n who
// tell it are among the at most 2n−1 that count, and otherwise the job ends
// undecided with everything drawn that could have helped.
type exact struct{ none }

// Settled implements Checker.
func (exact) Settled(w *World, c *board.Case) {
	expr, err := policy.Parse(c.Job.Policy)
	if err != nil || expr.Op != policy.Quorum {
		return
	}
	need, most := fewest(expr), 2*expr.N-1
	right := w.right(&c.Job).Result
	telling, counted := 0, 0
	tags := map[assay.Digest]int{}
	for _, s := range c.Seats[:c.Closed.Seats] {
		if s.State != assay.Opened && s.State != assay.Unavailable {
			continue
		}
		counted++
		tags[s.Tag]++
		if *s.Result == right {
			telling++
		}
	}
	v := &c.Record.Verdict
	accepted := v.Outcome == assay.Accepted && *v.Result == right
	if counted > most {
		w.breach("exact", c.ID, "%d replicas counted under %s", counted, expr)
	}
	if accepted != (telling >= need) {
		w.breach("exact", c.ID, "%d of %d told the right result under %s: %s %s", telling, counted, expr, v.Outcome, v.Code)
	}
	if v.Outcome == assay.Accepted || counted >= most {
		return
	}
	best := 0
	for _, n := range tags {
		best = max(best, n)
	}
	if stop := v.Code; stop == board.CodeNoAgreement && best+most-counted >= need {
		w.breach("exact", c.ID, "gave up at %d of %d although a tag with %d could still reach %d", counted, most, best, need)
	}
}

// replays: every settled case follows from its own board.
type replays struct{ none }

// Settled implements Checker.
func (replays) Settled(w *World, c *board.Case) {
	if err := board.Replay(&w.Genesis.Params, w.Genesis, c); err != nil {
		w.breach("replays", c.ID, "%v", err)
	}
	if d, ok := w.Chain.ledger.Record(c.ID); !ok || d != c.Record.Digest() {
		w.breach("replays", c.ID, "the ledger keeps another record")
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
	if len(w.Chain.open) > 0 {
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

package sim

import (
	"slices"
	"strings"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/adversary"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/challenger"
	"github.com/capacloud/assay/ledger"
)

// calm is a world without faults.
func calm(seed uint64, bad adversary.Counts, policies ...string) Setup {
	return Setup{Seed: seed, Providers: 9, Bad: bad, Validators: 1, Policies: policies, Clocks: 30_000, Faults: Faults{Delay: 100}}
}

// clean runs a setup in which nothing may be found.
func clean(t *testing.T, s Setup, o Options) *World {
	t.Helper()
	w := world(s, o).Run()
	if f := w.Failures(); len(f) > 0 {
		t.Fatalf("%s\n%s", s, describe(f))
	}
	return w
}

// fires reports whether a checker spoke, and said this.
func fires(t *testing.T, list []Breach, checker, text string) {
	t.Helper()
	if !slices.ContainsFunc(list, func(b Breach) bool { return b.Checker == checker && strings.Contains(b.Text, text) }) {
		t.Errorf("checker %s did not say %q; it was said:\n%s", checker, text, describe(list))
	}
}

// lying is a setup in which all nine tell the same lie.
func lying(seed uint64, policies ...string) Setup {
	s := calm(seed, adversary.Counts{adversary.Collude: 9}, policies...)
	s.Liability = 600_000
	return s
}

// pardon calls a machine honest that goes on cheating.
func pardon(machines ...int) func(*World) {
	return func(w *World) {
		for _, i := range machines {
			w.Machines[i].player = adversary.Player{}
		}
	}
}

var all = []int{0, 1, 2, 3, 4, 5, 6, 7, 8}

// TestTruthFires breaks the assumption: nobody honest is drawn, and nobody
// watches. The lie settles and is paid for, and the checker says both. Then it
// breaks the rule: the same with somebody whom the checker takes for honest.
func TestTruthFires(t *testing.T) {
	w := clean(t, lying(1, "quorum(3)", "optimistic(30s)", "none"), Options{})
	for _, client := range w.Clients {
		c := w.caseOf(client.ID)
		if c.Record.Verdict.Outcome != assay.Accepted || *c.Record.Verdict.Result == w.right(&c.Job).Result || c.Record.Settlement.Paid == 0 {
			t.Fatalf("the colluders failed: %s", c.Record.Verdict.Outcome)
		}
	}
	fires(t, w.Breaches, "truth", "accepted under quorum(3): nobody honest was drawn")
	fires(t, w.Breaches, "truth", "accepted under optimistic(30s): nobody honest was drawn")
	fires(t, w.Breaches, "truth", "accepted under none: nobody honest was drawn")

	w = world(lying(1, "quorum(3)"), Options{Meddle: pardon(all...)}).Run()
	fires(t, w.Failures(), "truth", "accepted under quorum(3) although")

	s := lying(1, "optimistic(30s)")
	s.Watchers = 1
	w = world(s, Options{Meddle: deafen}).Run()
	fires(t, w.Failures(), "truth", "although somebody watched")

	w = world(lying(1, "optimistic(30s)"), Options{Meddle: func(w *World) {
		w.after(40_000, func() { w.Clients[0].hides = true }) // the inputs are attested by then
	}}).Run()
	fires(t, w.Failures(), "truth", "although nobody could execute the job")

	// Liars who differ, and a watcher who sleeps through their dispute.
	s = calm(11, adversary.Counts{adversary.Lie: 9}, "quorum(2)")
	s.Watchers = 1
	w = world(s, Options{Meddle: deafen}).Run()
	fires(t, w.Failures(), "truth", "after a dispute, although somebody watched")
}

// deafen cuts those who watch off for ever; the checkers do not know.
func deafen(w *World) {
	for _, x := range w.Watchers {
		x.from = 0
		x.core = sleeper{}
	}
}

// sleeper is a core that does nothing.
type sleeper struct{}

func (sleeper) Step(challenger.Event) []challenger.Effect { return nil }

// TestLiableFires lets a lie outlive its liability, unwatched and watched; and
// has a right result revoked whose supporters are asleep.
func TestLiableFires(t *testing.T) {
	w := clean(t, lying(12, "quorum(3)"), Options{})
	fires(t, w.Breaches, "liable", "outlived its liability: nobody watched")
	s := lying(12, "quorum(3)")
	s.Watchers = 1
	w = world(s, Options{Meddle: deafen}).Run()
	fires(t, w.Failures(), "liable", "outlived its liability although somebody watched")
	if w = clean(t, s, Options{}); len(w.Breaches) != 1 { // the settlement itself
		t.Errorf("watched: %s", describe(w.Breaches))
	}

	s = calm(13, nil, "quorum(3)")
	s.Liability, s.Against = 600_000, adversary.Counts{adversary.Lie: 1}
	asleep := func(w *World) {
		w.after(60_000, func() {
			for _, m := range w.Machines {
				m.up = false
			}
		})
	}
	w = world(s, Options{Meddle: asleep}).Run()
	fires(t, w.Failures(), "liable", "stands behind was revoked")
	fires(t, w.Failures(), "purses", "less than it had before")
	w = world(s, Options{Meddle: func(w *World) {
		asleep(w)
		for _, m := range w.Machines {
			m.disturbed = true
		}
	}}).Run()
	fires(t, w.Breaches, "liable", "nobody who stood behind it could be heard")
}

// TestPursesFire takes a coin from somebody honest, keeps a bond, and does not
// refund a defence.
func TestPursesFire(t *testing.T) {
	s := calm(14, adversary.Counts{adversary.Lie: 4}, "quorum(3)")
	w := clean(t, s, Options{})
	k := w.Machines[0].key
	a := w.Chain.ledger.Account(k)
	a.Balance--
	w.Chain.store.Set(ledger.AccountKey(k), canon.Marshal(a))
	w.Chain.ledger.Reload()
	(&purses{}).End(w)
	fires(t, w.Failures(), "purses", "1 less than it had before")

	c := w.caseOf(w.Clients[0].ID)
	if len(c.Disputes) == 0 {
		t.Fatal("no dispute")
	}
	ends := slices.Clone(c.Record.Settlement.Claims)
	for i := range ends {
		ends[i].Costs = 0
	}
	w.Breaches = nil
	(&purses{}).defence(w, c.ID, &c.Disputes[0], ends, nil, nil)
	fires(t, w.Failures(), "purses", "that its defence cost")
	fires(t, w.Failures(), "purses", "for the program")
	for i := range ends {
		ends[i].Returned = 0
	}
	(&purses{}).defence(w, c.ID, &c.Disputes[0], ends, nil, nil)
	fires(t, w.Failures(), "purses", "returned 0")
}

// TestFairnessFires calls a liar honest, and a provider that the world kept from
// nothing late.
func TestFairnessFires(t *testing.T) {
	w := world(calm(2, adversary.Counts{adversary.Contradict: 9}, "quorum(3)"), Options{Meddle: pardon(all...)}).Run()
	fires(t, w.Failures(), "fairness", "is honest and was proved wrong")
	w = world(calm(2, adversary.Counts{adversary.Lie: 9}, "quorum(3)"), Options{Meddle: pardon(all...)}).Run()
	fires(t, w.Failures(), "fairness", "is honest and was proved wrong: the dispute has left another result")
	w = world(calm(3, adversary.Counts{adversary.Late: 9}, "quorum(3)"), Options{Meddle: pardon(all...)}).Run()
	fires(t, w.Failures(), "fairness", "kept to the protocol and is late")
	w = world(calm(4, adversary.Counts{adversary.Withhold: 9}, "quorum(3)"), Options{Meddle: pardon(all...)}).Run()
	fires(t, w.Failures(), "fairness", "kept to the protocol and is abandoned")

	// A contradiction or a lie that is spared is as bad as a slash out of the blue.
	for _, kind := range []adversary.Kind{adversary.Contradict, adversary.Lie} {
		w = clean(t, calm(5, adversary.Counts{kind: 5}, "quorum(3)"), Options{})
		c := *w.caseOf(w.Clients[0].ID)
		r := *c.Record
		r.Settlement.Faults, c.Record = nil, &r
		fairness{}.Settled(w, &c)
		fires(t, w.Failures(), "fairness", "kept its stake")
	}
}

// TestBooksFire mints a coin behind the ledger's back.
func TestBooksFire(t *testing.T) {
	mint := func(w *World) {
		w.after(60, func() {
			k := w.Machines[0].key
			a := w.Chain.ledger.Account(k)
			a.Balance++
			w.Chain.store.Set(ledger.AccountKey(k), canon.Marshal(a))
			w.Chain.ledger.Reload()
		})
	}
	w := world(calm(6, nil, "quorum(3)"), Options{Meddle: mint}).Run()
	fires(t, w.Failures(), "ledger", "the books say") // its own scan sees it, too
	w = world(calm(6, nil, "quorum(3)"), Options{Meddle: mint, Unwatched: true}).Run()
	fires(t, w.Failures(), "books", "it should hold")
	fires(t, w.Failures(), "books", "coins, there should be")

	w = clean(t, calm(6, nil, "quorum(3)"), Options{})
	c := *w.caseOf(w.Clients[0].ID)
	r := *c.Record
	r.Settlement.Refunded++
	r.Verdict.Outcome, c.Record = assay.Undecided, &r
	(&books{}).Settled(w, &c)
	fires(t, w.Failures(), "books", "escrow")
	fires(t, w.Failures(), "books", "for a job that is undecided")
}

// TestReplicasFire lets one replica miss a transaction.
func TestReplicasFire(t *testing.T) {
	w := clean(t, calm(7, nil, "quorum(3)"), Options{})
	w.Chain.log[0].Txs = w.Chain.log[0].Txs[1:]
	replicas{}.End(w)
	fires(t, w.Failures(), "replicas", "roots differ")
}

// TestEndingsFire stops the chain for ever in the middle of a job.
func TestEndingsFire(t *testing.T) {
	w := world(calm(8, adversary.Counts{adversary.Late: 9}, "quorum(3)"), Options{Meddle: func(w *World) {
		w.at(w.now.Add(40_000), func() { w.Chain.halt(1 << 50) })
	}}).Run()
	fires(t, w.Failures(), "endings", "at the end")
}

// TestExactFires denies a verdict that was earned, by three who agree and by one
// among liars.
func TestExactFires(t *testing.T) {
	w := clean(t, calm(9, nil, "quorum(3)"), Options{})
	undecided := func() *board.Case {
		c := *w.caseOf(w.Clients[0].ID)
		r := *c.Record
		r.Verdict.Outcome, r.Verdict.Code, c.Record = assay.Undecided, board.CodeNoAgreement, &r
		return &c
	}
	exact{}.Settled(w, undecided())
	fires(t, w.Failures(), "exact", "3 told one result")

	w = clean(t, calm(14, adversary.Counts{adversary.Lie: 4}, "quorum(3)"), Options{})
	exact{}.Settled(w, undecided())
	fires(t, w.Failures(), "exact", "results under quorum(3), one of them by")

	c := undecided()
	c.Record.Verdict.Outcome = assay.Accepted
	c.Record.Verdict.Result = &assay.Result{Fuel: 1}
	exact{}.Settled(w, c)
	fires(t, w.Failures(), "exact", "nobody told the accepted result")
}

// TestReplaysFire changes one coin of a record.
func TestReplaysFire(t *testing.T) {
	w := clean(t, calm(10, nil, "quorum(3)"), Options{})
	c := *w.caseOf(w.Clients[0].ID)
	r := *c.Record
	r.Settlement.Paid++
	c.Record = &r
	replays{}.Settled(w, &c)
	fires(t, w.Failures(), "replays", "case-does-not-replay")
	fires(t, w.Failures(), "replays", "another record")

	// A witness that was not the referee's.
	w = clean(t, calm(14, adversary.Counts{adversary.Lie: 4}, "quorum(3)"), Options{})
	d := *w.caseOf(w.Clients[0].ID)
	if len(d.Disputes) == 0 || len(d.Disputes[0].Game.Proofs) == 0 {
		t.Fatal("nothing was proved")
	}
	d.Disputes = slices.Clone(d.Disputes)
	g := d.Disputes[0].Game.Copy()
	g.Proofs[0].End[0] ^= 1
	d.Disputes[0].Game = &g
	replays{}.Settled(w, &d)
	fires(t, w.Failures(), "replays", "proof 0 ends in")
}

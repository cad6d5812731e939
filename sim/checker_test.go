package sim

import (
	"slices"
	"strings"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/adversary"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/ledger"
)

// calm is a world without faults.
func calm(seed uint64, bad adversary.Counts, policies ...string) Setup {
	return Setup{Seed: seed, Providers: 9, Bad: bad, Validators: 1, Policies: policies, Clocks: 30_000, Faults: Faults{Delay: 100}}
}

// clean runs a setup in which nothing may be found.
func clean(t *testing.T, s Setup, o Options) *World {
	t.Helper()
	w := New(s, o).Run()
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

// TestTruthFires breaks the assumption: three of three lie alike where nothing
// but counting decides. The lie settles, and the checker says both.
func TestTruthFires(t *testing.T) {
	w := clean(t, calm(1, adversary.Counts{adversary.Collude: 9}, "quorum(3)"), Options{})
	c := w.caseOf(w.Clients[0].ID)
	if c.Record.Verdict.Outcome != assay.Accepted || *c.Record.Verdict.Result == w.right(&c.Job).Result {
		t.Fatalf("the colluders failed: %s", c.Record.Verdict.Outcome)
	}
	if c.Record.Settlement.Paid == 0 {
		t.Error("the colluders were not paid")
	}
	fires(t, w.Breaches, "truth", "3 told the same lie, quorum(3) bears fewer than 3")

	// The same lie accepted on the word of two is no longer the assumption's fault.
	k := *c
	k.Seats = slices.Clone(c.Seats)
	k.Seats[0].State = assay.ProvedWrong
	w.Breaches = nil
	truth{}.Settled(w, &k)
	fires(t, w.Failures(), "truth", "although only 2 told it")
}

// TestFairnessFires calls a liar honest, and a provider that the world kept from
// nothing late.
func TestFairnessFires(t *testing.T) {
	pardon := Options{Meddle: func(w *World) {
		for _, m := range w.Machines {
			m.player = adversary.Player{}
		}
	}}
	w := New(calm(2, adversary.Counts{adversary.Contradict: 9}, "quorum(3)"), pardon).Run()
	fires(t, w.Failures(), "fairness", "was slashed")
	fires(t, w.Failures(), "fairness", "is honest and was proved wrong")
	w = New(calm(3, adversary.Counts{adversary.Late: 9}, "quorum(3)"), pardon).Run()
	fires(t, w.Failures(), "fairness", "kept to the protocol and is late")
	w = New(calm(4, adversary.Counts{adversary.Withhold: 9}, "quorum(3)"), pardon).Run()
	fires(t, w.Failures(), "fairness", "kept to the protocol and is abandoned")

	// A contradiction that is spared is as bad as a slash out of the blue.
	w = clean(t, calm(5, adversary.Counts{adversary.Contradict: 9}, "quorum(3)"), Options{})
	c := *w.caseOf(w.Clients[0].ID)
	r := *c.Record
	r.Settlement.Faults, c.Record = nil, &r
	fairness{}.Settled(w, &c)
	fires(t, w.Failures(), "fairness", "kept its stake")
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
	w := New(calm(6, nil, "quorum(3)"), Options{Meddle: mint}).Run()
	fires(t, w.Failures(), "ledger", "the books say") // its own scan sees it, too
	w = New(calm(6, nil, "quorum(3)"), Options{Meddle: mint, Unwatched: true}).Run()
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
	w := New(calm(8, adversary.Counts{adversary.Late: 9}, "quorum(3)"), Options{Meddle: func(w *World) {
		w.at(w.now.Add(40_000), func() { w.Chain.halt(1 << 50) })
	}}).Run()
	fires(t, w.Failures(), "endings", "at the end")
}

// TestExactFires denies a verdict that was earned, and ends a search too early.
func TestExactFires(t *testing.T) {
	w := clean(t, calm(9, nil, "quorum(3)"), Options{})
	c := *w.caseOf(w.Clients[0].ID)
	r := *c.Record
	r.Verdict.Outcome, r.Verdict.Code, c.Record = assay.Undecided, board.CodeNoAgreement, &r
	exact{}.Settled(w, &c)
	fires(t, w.Failures(), "exact", "3 of 3 told the right result")
	fires(t, w.Failures(), "exact", "gave up at 3 of 5")
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
}

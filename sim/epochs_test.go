package sim

import (
	"context"
	"slices"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/adversary"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/machine/step"
)

// years is a world of jobs with epochs in which somebody watches.
func years(seed uint64, bad adversary.Counts, policies ...string) Setup {
	s := calm(seed, bad, policies...)
	s.Epochs, s.Liability, s.Watchers = true, 600_000, 1
	return s
}

// poisoned is years with five providers, of whom some forge.
func poisoned(seed uint64, poisoners int, how forgery, policies ...string) Setup {
	s := years(seed, adversary.Counts{adversary.Poison: poisoners}, policies...)
	s.Providers, s.Forgeries = 5, []forgery{how}
	return s
}

// directed runs a world to its end and calls fn whenever a seat of its first job
// was drawn.
func directed(t *testing.T, s Setup, fn func(seat *board.Seat, m *Machine)) *World {
	t.Helper()
	w := world(s, Options{})
	w.start()
	w.at(w.now.Add(20*60_000), w.heal)
	known := 0
	for w.queue.Len() > 0 && !w.over() {
		w.turn()
		for c := w.caseOf(w.Clients[0].ID); c != nil && known < len(c.Seats); known++ {
			fn(&c.Seats[known], w.machineOf(c.Seats[known].Provider))
		}
	}
	w.Chain.settleDown()
	for _, c := range w.checkers {
		c.End(w)
	}
	if f := w.Failures(); len(f) > 0 {
		t.Fatalf("%s\n%s", s, describe(f))
	}
	return w
}

// TestEpochGuests: providers and the machine agree about the programs with
// epochs, from the start and from every boundary; the referee finds what the
// trace says around each of these.
func TestEpochGuests(t *testing.T) {
	ctx := context.Background()
	for i := range epochPrograms {
		p := &epochPrograms[i]
		job := jobOf(p, 1)
		o, err := engine().Execute(ctx, &job, artifacts{})
		if err != nil {
			t.Fatal(err)
		}
		whole := engine().Trace(&job)
		final, err := whole.Final(ctx)
		if err != nil || final.Result != o.Result {
			t.Fatalf("%s: executed %+v, the machine says %+v, %v", p.name, o.Result, final.Result, err)
		}
		r, _ := board.RefereeOf(assay.RuntimeWasm)
		l := r.Lower(p.bytes)
		for !l.Step(100) {
		}
		_, m, err := r.Machine(l.Image(), &job)
		if err != nil {
			t.Fatal(err)
		}
		list := engine().boundaries(&job)
		for _, b := range list {
			at := uint64(b.epoch) * step.EpochSpan(&job.Limits)
			roots, err := whole.Roots(ctx, at-2, 1, 3)
			if err != nil || roots[1] != b.root {
				t.Fatalf("%s: boundary %d has the root %s, the machine's is %v, %v", p.name, b.epoch, b.root.Short(), roots, err)
			}
			for k, root := range roots[:2] {
				w, err := whole.Prove(ctx, at-1+uint64(k), 1)
				if err != nil {
					t.Fatal(err)
				}
				if s, err := m.Run(root, 1, w); err != nil || s.End != roots[k+1] {
					t.Errorf("%s: step %d behind boundary %d: the referee says %s, %v; the trace %s", p.name, k, b.epoch, s.End.Short(), err, roots[k+1].Short())
				}
			}
			from := executor.Checkpoint{Root: b.root, File: b.file}
			if err := engine().Check(&job, from); err != nil {
				t.Errorf("%s: boundary %d: %v", p.name, b.epoch, err)
			}
			on, err := engine().ExecuteEpochs(ctx, &job, artifacts{}, &from, func(executor.Boundary) error { return nil })
			if err != nil || on.Result != o.Result {
				t.Errorf("%s: from boundary %d it comes to %+v, %v", p.name, b.epoch, on, err)
			}
			if f, err := (trace{engine().onward(&job, &from)}).Final(ctx); err != nil || f.Result != o.Result {
				t.Errorf("%s: from boundary %d the machine comes to %+v, %v", p.name, b.epoch, f.Result, err)
			}
		}
		t.Logf("%s: %d boundaries, %d steps of %d positions, %s", p.name, len(list), final.Steps, final.Span, o.Result.Status)
	}
}

// TestDeathHalfway: a provider dies in the middle, its seat's successor goes on
// from its last checkpoint, and both together use less than two whole runs.
func TestDeathHalfway(t *testing.T) {
	for seed := range uint64(6) {
		s := years(8000+seed, nil, []string{"none", "optimistic(30s)"}[seed%2])
		s.Program = "years"
		w := directed(t, s, func(seat *board.Seat, m *Machine) {
			if seat.Number == 0 {
				m.dieAt = 5
			}
		})
		f := fateOf(w)
		if f.wrong || f.c.Record.Verdict.Outcome != assay.Accepted || len(f.c.Resumes) != 1 {
			t.Fatalf("%s: %s, %d resumes", s, f.c.Record.Verdict.Outcome, len(f.c.Resumes))
		}
		whole, both := w.right(&f.c.Job).Result.Fuel, uint64(0)
		for _, m := range w.Machines {
			for _, x := range m.ran[f.c.ID] {
				both += x.fuel
			}
		}
		if both >= 2*whole*4/5 {
			t.Errorf("%s: %d used, a whole run is %d", s, both, whole)
		}
		t.Logf("seed %d: gone on from boundary %d, %d%% of a whole run", s.Seed, f.c.Resumes[0].Epoch, 100*both/whole)
	}
}

// TestPoison: one forger of each kind posts and leaves, or stays; whoever takes
// its seat is honest, and somebody watches. What cannot be gone on from misleads
// nobody. Where somebody is misled he loses nothing, and the poisoner his stake:
// the checkers say so, this test that it happens.
func TestPoison(t *testing.T) {
	for _, x := range []struct {
		how      forgery
		misleads bool
		count    string
	}{
		{genuine, true, "poisoners slashed"},
		{standing, false, "false checkpoints"},
		{wrongRoot, false, "checkpoints of another state than they say"},
		{withheld, false, "checkpoints that nobody serves"},
		{forgedFile, false, "checkpoints of another state than they say"},
	} {
		t.Run("poison "+x.how.String(), func(t *testing.T) {
			counts := map[string]int{}
			for seed := range uint64(10) {
				w := clean(t, poisoned(8100+seed, 2, x.how, "optimistic(30s)"), Options{})
				if f := fateOf(w); f.wrong {
					t.Errorf("seed %d: a wrong result settled", w.Setup.Seed)
				}
				for k, n := range w.Counts {
					counts[k] += n
				}
			}
			if (counts["misled"] > 0) != x.misleads || counts[x.count] == 0 {
				t.Errorf("%v", counts)
			}
			t.Logf("%v", counts)
		})
	}
}

// TestPoisonersUnderQuorum: k-1 poisoners post one and the same false state under
// quorum(n, agree=k), and nobody goes on from it. With k it is gone on from: the
// assumption of the policy is broken, and an appeal finds who broke it.
func TestPoisonersUnderQuorum(t *testing.T) {
	fooled, revoked := 0, 0
	for seed := range uint64(16) {
		s := poisoned(8200+seed, 2, genuine, "quorum(4, agree=3)")
		s.Providers = 9
		if w := clean(t, s, Options{}); w.Counts["resumes of a false state"] > 0 || fateOf(w).wrong {
			t.Errorf("seed %d: two of three were enough", s.Seed)
		}
		s = poisoned(8200+seed, 3, genuine, "quorum(3, agree=2)")
		s.Providers = 6
		w := clean(t, s, Options{})
		fooled += w.Counts["resumes of a false state"]
		revoked += w.Counts["misled, found by an appeal"]
	}
	t.Logf("%d were misled, %d of them found by an appeal", fooled, revoked)
	if fooled == 0 || revoked == 0 {
		t.Error("nobody was misled by as many as it takes")
	}
}

// TestChainOfResumes: a false state, a provider that goes on from it, posts its
// own and dies, and a third that goes on from that. Whoever posted the first is
// slashed; the dead one and the last were misled.
func TestChainOfResumes(t *testing.T) {
	chains := 0
	for seed := range uint64(40) {
		s := poisoned(8300+seed, 2, genuine, "optimistic(30s)")
		s.Program = "years"
		w := directed(t, s, func(seat *board.Seat, m *Machine) {
			switch {
			case seat.Number == 0:
				m.dieAt = 3
			case seat.Number == 1:
				m.dieAt = 6
			}
		})
		c := w.caseOf(w.Clients[0].ID)
		if len(c.Resumes) < 2 || c.Resumes[1].From != c.Resumes[0].Seat || !w.isFalse(c, c.Resumes[0].Epoch, c.Resumes[0].Root) {
			continue
		}
		first, last := &c.Seats[c.Resumes[0].Seat], &c.Seats[c.Resumes[1].Seat]
		if !w.machineOf(first.Provider).player.IsHonest() || !w.machineOf(last.Provider).player.IsHonest() || last.Result == nil || *last.Result == w.right(&c.Job).Result {
			continue
		}
		chains++
		if p := c.Seats[c.Resumes[0].From]; p.State != assay.ProvedWrong || first.State != assay.Misled || last.State != assay.Misled {
			t.Errorf("seed %d: the poisoner is %s, the first resumer %s, the second %s", s.Seed, p.State, first.State, last.State)
		}
	}
	t.Logf("%d chains", chains)
	if chains == 0 {
		t.Error("no chain of two resumes came about")
	}
}

// TestPoisonerWatches: the owner of a poisoner challenges whoever it has misled,
// to win back by the dispute what its own stake pays. It ends with less than it
// had, by most of its stake, and the misled one does not.
func TestPoisonerWatches(t *testing.T) {
	slashed := 0
	for seed := range uint64(12) {
		s := poisoned(8400+seed, 1, genuine, "optimistic(30s)")
		s.Spy = true
		w := clean(t, s, Options{})
		if w.Counts["poisoners slashed"] == 0 {
			continue
		}
		slashed++
		m := w.Machines[len(w.Machines)-1]
		have := w.Chain.ledger.Account(m.owner).Balance
		if o, ok := w.Chain.ledger.Offer(m.key); ok {
			have += o.Market.Stake
		}
		var stake assay.Amount
		for _, f := range fateOf(w).c.Record.Settlement.Faults {
			stake += f.Slashed
		}
		if m.owner != w.Watchers[0].key || stake == 0 || have > initialBalance-stake/2 {
			t.Errorf("seed %d: the poisoner has %d of %d, and was slashed %d", s.Seed, have, initialBalance, stake)
		}
	}
	if slashed == 0 {
		t.Error("no poisoner was found out by its owner")
	}
}

// TestNobodyWatchesPoison breaks the assumption: the only honest provider has
// gone on from a false state, and nobody watches. The lie settles, and the verdict
// says whose word it took.
func TestNobodyWatchesPoison(t *testing.T) {
	settled := 0
	for seed := range uint64(12) {
		s := poisoned(8500+seed, 2, genuine, "optimistic(30s)")
		s.Watchers = 0
		w := clean(t, s, Options{})
		f := fateOf(w)
		if !f.wrong {
			continue
		}
		settled++
		fires(t, w.Breaches, "truth", "nobody honest was drawn")
		if !slices.ContainsFunc(f.c.Record.Verdict.Assumptions, func(a assay.Assumption) bool { return a.Code == board.CodeResumed }) {
			t.Errorf("seed %d: the verdict does not say that it rests on a checkpoint", s.Seed)
		}
	}
	if settled == 0 {
		t.Error("no lie settled")
	}
}

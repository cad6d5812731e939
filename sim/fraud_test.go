package sim

import (
	"slices"
	"sync"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/adversary"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/dispute"
	"github.com/capacloud/assay/quorum"
)

// seedsOf returns as many seeds as the flag asks for, or a part of them.
func seedsOf(most int) []uint64 {
	n := most / 8
	if *allFlag {
		n = most
	}
	if testing.Short() {
		n = min(n, 30)
	}
	seeds := make([]uint64, n)
	for i := range seeds {
		seeds[i] = uint64(i + 1)
	}
	return seeds
}

// fate is what became of the only job of a world.
type fate struct {
	w       *World
	c       *board.Case
	honest  bool // an honest provider was drawn before the verdict
	wrong   bool // a wrong result was accepted
	revoked bool
}

func fateOf(w *World) fate {
	f := fate{w: w, c: w.caseOf(w.Clients[0].ID)}
	f.honest = slices.ContainsFunc(f.c.Seats[:f.c.Closed.Seats], func(s board.Seat) bool { return w.machineOf(s.Provider).player.IsHonest() })
	v := &f.c.Record.Verdict
	f.wrong = v.Outcome == assay.Accepted && *v.Result != w.right(&f.c.Job).Result
	_, f.revoked = w.Chain.ledger.Revocation(f.c.ID)
	return f
}

// ring is five providers of whom four are bad, under quorum(3). In every second
// seed somebody watches.
func ring(seed uint64, bad adversary.Kind) Setup {
	s := calm(seed, adversary.Counts{bad: 4}, "quorum(3)")
	s.Providers, s.Liability, s.Watchers = 5, 600_000, int(seed%2)
	return s
}

// TestColludersAgainstQuorum: four of five tell the same lie under quorum(3). A
// wrong result settles exactly where no honest provider was drawn, and of those
// exactly the watched ones are revoked, whose supporters lose their stake.
func TestColludersAgainstQuorum(t *testing.T) {
	var mu sync.Mutex
	count := map[string]int{}
	each(seedsOf(1000), func(seed uint64) {
		f := fateOf(clean(t, ring(seed, adversary.Collude), Options{}))
		watched := seed%2 == 1
		v := &f.c.Record.Verdict
		if v.Outcome != assay.Accepted || f.wrong == f.honest {
			t.Errorf("seed %d: %s %s, wrong %t although an honest one was drawn: %t", seed, v.Outcome, v.Code, f.wrong, f.honest)
		}
		if f.revoked != (f.wrong && watched) {
			t.Errorf("seed %d: wrong %t, watched %t, revoked %t", seed, f.wrong, watched, f.revoked)
		}
		if f.wrong && !slices.ContainsFunc(v.Assumptions, func(a assay.Assumption) bool { return a.Code == quorum.CodeOneHonest }) {
			t.Errorf("seed %d: the verdict does not say that one of the drawn must be honest", seed)
		}
		if f.revoked {
			if r, _ := f.w.Chain.ledger.Revocation(f.c.ID); len(r.Faults) != 3 || r.Slashed == 0 {
				t.Errorf("seed %d: the revocation slashed %d of %d supporters", seed, r.Slashed, len(r.Faults))
			}
		}
		mu.Lock()
		defer mu.Unlock()
		count["seeds"]++
		count["honest drawn"] += one(f.honest)
		count["wrong settled"] += one(f.wrong)
		count["wrong settled and watched"] += one(f.wrong && watched)
		count["revoked"] += one(f.revoked)
	})
	t.Logf("%v", count)
	if count["wrong settled"] == 0 || count["revoked"] == 0 || count["honest drawn"] == 0 {
		t.Error("not every end occurred")
	}
}

// TestLiarsAgainstQuorum: four of five lie, each in its own way. A wrong result
// settles in no seed in which an honest provider was drawn, nor in a watched one:
// dissent opens a dispute, and in a dispute anybody is heard. Where neither was,
// whoever lied last of all in his trace beats the others, and his lie may settle.
func TestLiarsAgainstQuorum(t *testing.T) {
	var mu sync.Mutex
	count := map[string]int{}
	each(seedsOf(1000), func(seed uint64) {
		f := fateOf(clean(t, ring(seed, adversary.Lie), Options{}))
		watched := seed%2 == 1
		v := &f.c.Record.Verdict
		if f.wrong && (f.honest || watched) {
			t.Errorf("seed %d: a wrong result settled: honest drawn %t, watched %t", seed, f.honest, watched)
		}
		if f.honest && v.Outcome != assay.Accepted {
			t.Errorf("seed %d: an honest one was drawn: %s %s", seed, v.Outcome, v.Code)
		}
		mu.Lock()
		defer mu.Unlock()
		count["seeds"]++
		count["honest drawn"] += one(f.honest)
		if !f.honest {
			what := "right"
			switch {
			case v.Outcome != assay.Accepted:
				what = v.Outcome.String() + " " + string(v.Code)
			case f.wrong:
				what = "wrong"
			}
			count[map[bool]string{true: "watched: ", false: "unwatched: "}[watched]+what]++
		}
	})
	t.Logf("%v", count)
	if count["honest drawn"] == 0 || count["unwatched: wrong"] == 0 {
		t.Error("not every end occurred")
	}
}

// alone is one job under optimistic, with as many liars as leave one honest
// provider, and one watcher.
func alone(seed uint64, bad adversary.Kind) Setup {
	s := calm(seed, adversary.Counts{bad: 2}, "optimistic(30s)")
	s.Providers, s.Watchers, s.Liability, s.Patience = 3, 1, 600_000, 2*3_600_000
	return s
}

// made checks that a world in which a liar executed ended as it should: the right
// answer, the liar slashed, the watcher none the poorer, not even by its fees.
func made(t *testing.T, w *World) (lied bool) {
	lied = ended(t, w)
	for _, x := range w.Watchers {
		if have := w.Chain.ledger.Account(x.key).Balance; x.isHonest() && have < initialBalance {
			t.Errorf("%s: %s has lost %d", w.Setup, x.name, initialBalance-have)
		}
	}
	return lied
}

// ended is made without the watcher's fees: who repeats what two others have
// moved before, saboteurs among them, or comes a block too late, pays for it.
func ended(t *testing.T, w *World) (lied bool) {
	f := fateOf(w)
	for i := range f.c.Seats {
		seat := &f.c.Seats[i]
		if seat.Result == nil || *seat.Result == w.right(&f.c.Job).Result {
			continue
		}
		lied = true
		if !slices.ContainsFunc(f.c.Record.Settlement.Faults, func(x assay.Fault) bool {
			return x.Seat == seat.Number && x.Class == assay.FaultProvedWrong && x.Slashed == seat.Stake
		}) {
			t.Errorf("%s: the liar in seat %d was not slashed", w.Setup, seat.Number)
		}
	}
	if v := &f.c.Record.Verdict; v.Outcome != assay.Accepted || f.wrong {
		t.Errorf("%s: %s %s, wrong %t", w.Setup, v.Outcome, v.Code, f.wrong)
	}
	return lied
}

// TestOptimisticLiar: under optimistic, one watcher is enough.
func TestOptimisticLiar(t *testing.T) {
	for _, kind := range []adversary.Kind{adversary.Lie, adversary.Misstate, adversary.Stall, adversary.Silent, adversary.Bluff, adversary.Meddle} {
		t.Run(string(kind), func(t *testing.T) {
			lied := 0
			for seed := range uint64(10) {
				lied += one(made(t, clean(t, alone(7000+seed, kind), Options{})))
			}
			if lied == 0 {
				t.Error("no liar was ever drawn")
			}
		})
	}
}

// TestSixteenSybils: the same, while sixteen strangers claim what the liar told,
// half of them by traces of their own. Each bond pays for its own defeat.
func TestSixteenSybils(t *testing.T) {
	lied, claims := 0, 0
	for seed := range uint64(10) {
		s := alone(7100+seed, adversary.Collude)
		s.Sybils = 16
		w := clean(t, s, Options{})
		lied += one(made(t, w))
		for _, e := range fateOf(w).c.Record.Settlement.Claims {
			if e.Code != dispute.CodeSurvived {
				claims++
			}
		}
	}
	if lied == 0 || claims < 16*lied {
		t.Errorf("%d lied, and %d claims were beaten", lied, claims)
	}
	t.Logf("%d lied, and %d claims were beaten", lied, claims)
}

// TestFlood: ninety strangers want to fill the dispute with claims for the lie,
// before whoever knows better has come. What one vector may fill is bounded, and
// so is what can be paid for.
func TestFlood(t *testing.T) {
	full := 0
	for seed := range uint64(2) {
		s := alone(7101+2*seed, adversary.Collude)
		s.Sybils = 90
		w := clean(t, s, Options{})
		if !made(t, w) {
			t.Errorf("seed %d: no liar was drawn", s.Seed)
		}
		full += w.Chain.Codes[dispute.CodeFull]
	}
	if full == 0 {
		t.Error("no claim was refused")
	}
}

// TestShield: the liar's own friends challenge it and lose, so that its result
// seems to have been tried. The window is as open as before.
func TestShield(t *testing.T) {
	lied := 0
	for seed := range uint64(10) {
		s := alone(7200+seed, adversary.Lie)
		s.Against, s.Kin = adversary.Counts{adversary.Bluff: 1, adversary.Lie: 2}, true
		lied += one(ended(t, clean(t, s, Options{})))
	}
	if lied == 0 {
		t.Error("no liar was ever drawn")
	}
}

// TestShieldShortensNothing: a friend of the liar announces a challenge as soon as
// the result is open, and never makes it. By its own clocks the dispute would be
// over long before the window of the policy; who comes within the window is heard.
func TestShieldShortensNothing(t *testing.T) {
	shielded := 0
	for seed := range uint64(8) {
		s := alone(7250+seed, adversary.Lie)
		s.Policies, s.Clocks = []string{"optimistic(5m)"}, 3000
		w := world(s, Options{})
		x := w.Watchers[0]
		x.from = 1 << 50
		w.start()
		c := w.until(t, board.Waiting)
		opened := w.now
		w.Chain.receive(w.sign(w.stranger, &assay.PostClaim{Job: c.ID}))
		for w.queue.Len() > 0 && !w.over() && w.now < opened.Add(8*3_600_000) {
			if x.from > w.now && w.now >= opened.Add(120_000) {
				x.from = w.now
				shielded += one(len(w.caseOf(c.ID).Disputes) > 0)
			}
			w.turn()
		}
		made(t, w)
	}
	if shielded == 0 {
		t.Error("no dispute began before the watcher came")
	}
}

// TestSaboteurs: strangers claim the true result by false middles, and lose for
// it. The result does not fall with them.
func TestSaboteurs(t *testing.T) {
	lost := 0
	for seed := range uint64(12) {
		s := alone(7300+seed, adversary.Lie)
		s.Against = adversary.Counts{adversary.Sabotage: 4}
		w := clean(t, s, Options{})
		ended(t, w)
		f := fateOf(w)
		right := w.right(&f.c.Job).Result.Digest()
		for _, e := range f.c.Record.Settlement.Claims {
			lost += one(e.Result == right && e.Code != dispute.CodeSurvived)
		}
	}
	if lost == 0 {
		t.Error("no saboteur has claimed the true result and lost")
	}
}

// TestWrongChallenger: strangers challenge honest providers. They lose their
// bonds, the result stands, and those who defended it have what it cost them.
func TestWrongChallenger(t *testing.T) {
	beaten := 0
	for seed := range uint64(12) {
		s := calm(7400+seed, nil, "optimistic(30s)", "quorum(2)")
		s.Liability, s.Against = 600_000, adversary.Counts{adversary.Lie: 1, adversary.Stall: 1, adversary.Silent: 1, adversary.Meddle: 1}
		w := clean(t, s, Options{})
		for _, client := range w.Clients {
			c := w.caseOf(client.ID)
			if v := &c.Record.Verdict; v.Outcome != assay.Accepted || *v.Result != w.right(&c.Job).Result {
				t.Errorf("seed %d: %s %s", s.Seed, v.Outcome, v.Code)
			}
			if _, ok := w.Chain.ledger.Revocation(c.ID); ok {
				t.Errorf("seed %d: a right result was revoked", s.Seed)
			}
			for _, e := range w.claimEnds(c) {
				beaten += one(e.Code != dispute.CodeSurvived)
			}
		}
		for _, m := range w.Machines {
			have := w.Chain.ledger.Account(m.key).Balance
			if o, ok := w.Chain.ledger.Offer(m.key); ok {
				have += o.Market.Stake
			}
			if fees := assay.Amount(40_000); have < initialBalance-fees {
				t.Errorf("seed %d: %s has lost %d", s.Seed, m.name, initialBalance-have)
			}
		}
	}
	if beaten == 0 {
		t.Error("no challenger was ever beaten")
	}
}

// claimEnds returns what became of all claims about a job.
func (w *World) claimEnds(c *board.Case) []assay.ClaimEnd {
	list := slices.Clone(c.Record.Settlement.Claims)
	for _, a := range w.Chain.ledger.Appeals(c.ID) {
		list = append(list, a.Claims...)
	}
	return list
}

// TestMoveForOthers: moves in the name of somebody else's claim are refused by
// their own code, and change nothing.
func TestMoveForOthers(t *testing.T) {
	refused := 0
	for seed := range uint64(6) {
		w := clean(t, alone(7500+seed, adversary.Meddle), Options{})
		refused += w.Chain.Codes[dispute.CodeNotYours]
	}
	if refused == 0 {
		t.Error("nobody has moved for somebody else")
	}
}

// TestNobodyAtFirst: three liars differ and nobody honest is there; somebody
// comes when the dispute is nearly over, and the truth survives.
func TestNobodyAtFirst(t *testing.T) {
	late := 0
	for seed := range uint64(12) {
		s := calm(7600+seed, adversary.Counts{adversary.Lie: 4}, "quorum(2)")
		s.Providers, s.Liability = 5, 600_000
		var x *Watcher
		w := New(withWatcher(s), Options{Engine: engine(), Meddle: func(w *World) {
			x = w.Watchers[0]
			x.from = 1 << 50
		}})
		w.start()
		for !w.over() && w.queue.Len() > 0 {
			c := w.caseOf(w.Clients[0].ID)
			if x.from > w.now && c != nil && c.Dispute() != nil && c.Dispute().Game != nil && c.Dispute().Game.Phase == dispute.Further {
				x.from = w.now
			}
			w.turn()
		}
		if x.from > w.now {
			continue // no dispute, or one in which all of them lost
		}
		late++
		f := fateOf(w)
		if f.wrong {
			t.Errorf("seed %d: a wrong result settled", s.Seed)
		}
	}
	if late == 0 {
		t.Error("nobody ever came late")
	}
}

func withWatcher(s Setup) Setup {
	s.Watchers = 1
	return s
}

// TestHaltInsideChallengeWindow stops the chain for an hour while a result waits
// to be challenged. The watcher has been cut off before; afterwards the window is
// still open, and the lie falls.
func TestHaltInsideChallengeWindow(t *testing.T) {
	lied := 0
	for seed := range uint64(8) {
		s := alone(7700+seed, adversary.Lie)
		s.Liability = 3 * 3_600_000
		w := world(s, Options{})
		w.start()
		w.until(t, board.Waiting)
		w.Watchers[0].link.cut = w.now.Add(3_600_000)
		w.Chain.halt(3_600_000)
		for w.queue.Len() > 0 && !w.over() {
			w.turn()
		}
		for _, c := range w.checkers {
			c.End(w)
		}
		if f := w.Failures(); len(f) > 0 {
			t.Fatalf("%s\n%s", s, describe(f))
		}
		lied += one(made(t, w))
	}
	if lied == 0 {
		t.Error("no liar was ever drawn")
	}
}

// TestWithheldInputs: requester and liars keep the program to themselves. Nothing
// is accepted of which nobody else could have said that it is wrong; nor where
// other liars challenge the lie by another one, and one of the two survives.
func TestWithheldInputs(t *testing.T) {
	told := 0
	for seed := range uint64(20) {
		s := alone(7800+seed, adversary.Collude)
		if seed%2 == 1 {
			s.Against = adversary.Counts{adversary.Lie: 1, adversary.Silent: 1}
		}
		w := clean(t, s, Options{Meddle: func(w *World) { w.Clients[0].hides = true }})
		f := fateOf(w)
		told += one(slices.ContainsFunc(f.c.Seats, func(s board.Seat) bool { return s.Result != nil }))
		if v := &f.c.Record.Verdict; v.Outcome == assay.Accepted {
			t.Errorf("seed %d: accepted", s.Seed)
		}
	}
	if told == 0 {
		t.Error("no liar was ever drawn")
	}
}

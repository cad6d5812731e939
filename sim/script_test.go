package sim

import (
	"slices"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/adversary"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/quorum"
)

// TestMix is the lab of the README: 9 providers, 2 liars, a copier, a lazy one
// and one who commits and never tags. One honest replica is enough, and whoever
// told something else pays for it. The checkers hold every seed to the exact
// rule; this test adds that it is met by disputes, and who is slashed.
func TestMix(t *testing.T) {
	bad := adversary.Counts{adversary.Lie: 2, adversary.Copy: 1, adversary.Lazy: 1, adversary.Withhold: 1}
	disputed, slashed := 0, map[adversary.Kind]int{}
	for seed := range uint64(60) {
		w := clean(t, calm(1000+seed, bad, "quorum(3)"), Options{})
		c := w.caseOf(w.Clients[0].ID)
		v, s := &c.Record.Verdict, &c.Record.Settlement
		if w.witness(c) != nil && v.Outcome != assay.Accepted {
			t.Errorf("seed %d: %s %s, and an honest one was drawn", 1000+seed, v.Outcome, v.Code)
		}
		disputed += len(c.Disputes)
		for _, m := range w.Machines {
			if m.player.Kind == adversary.Copy && m.executed > 0 {
				t.Errorf("seed %d: the copier worked", 1000+seed)
			}
		}
		for _, f := range s.Faults {
			if f.Slashed > 0 {
				slashed[w.machineOf(f.Provider).player.Kind]++
			}
		}
	}
	t.Logf("%d disputes, slashed: %v", disputed, slashed)
	if disputed == 0 || slashed[adversary.Lie] == 0 || slashed[adversary.Lazy] == 0 || len(slashed) > 3 {
		t.Errorf("%d disputes, slashed: %v", disputed, slashed)
	}
}

// TestContradictions: whoever opens what it did not commit to or did not tag is
// slashed, the parrot among them; that it is exactly they is for the checkers.
func TestContradictions(t *testing.T) {
	slashed := map[string]int{}
	for seed := range uint64(20) {
		w := clean(t, calm(2000+seed, adversary.Counts{adversary.Contradict: 4}, "quorum(3)", "quorum(2)"), Options{})
		for _, client := range w.Clients {
			for _, f := range w.caseOf(client.ID).Record.Settlement.Faults {
				if f.Slashed > 0 {
					slashed[w.machineOf(f.Provider).player.String()]++
				}
			}
		}
	}
	for _, who := range []string{"contradict-1", "contradict-2", "contradict-3"} {
		if slashed[who] == 0 {
			t.Errorf("%s was never slashed", who)
		}
	}
	t.Logf("slashed: %v", slashed)
}

// TestEachAttack runs every kind alone, as half of the network, against the
// usual policies: the checkers say who lost what.
func TestEachAttack(t *testing.T) {
	for _, kind := range adversary.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			seen := map[assay.FaultClass]int{}
			for seed := range uint64(8) {
				w := clean(t, calm(3000+seed, adversary.Counts{kind: 4}, "quorum(3)", "none", "quorum(2)"), Options{})
				for _, client := range w.Clients {
					for _, f := range w.caseOf(client.ID).Record.Settlement.Faults {
						seen[f.Class]++
					}
				}
			}
			t.Logf("faults: %v", seen)
		})
	}
}

// TestRestartChangesNothing ends with the same bytes whether the ledger runs
// through or starts again from its state after every block.
func TestRestartChangesNothing(t *testing.T) {
	for seed := range uint64(6) {
		s := Swarm(seed + 1)
		s.Faults.Restart = 0
		through := clean(t, s, Options{})
		s.Faults.Restart = 100
		again := clean(t, s, Options{})
		if through.Chain.store.Hash() != again.Chain.store.Hash() {
			t.Errorf("seed %d: restarts changed the end", s.Seed)
		}
	}
}

// TestSameSeedSameRun is what makes a seed worth keeping.
func TestSameSeedSameRun(t *testing.T) {
	for seed := range uint64(6) {
		a, b := world(Swarm(seed+1), Options{}).Run(), world(Swarm(seed+1), Options{}).Run()
		if a.Chain.store.Hash() != b.Chain.store.Hash() || len(a.Chain.log) != len(b.Chain.log) {
			t.Errorf("seed %d ran in two ways", seed+1)
		}
	}
}

// until lets the world go on until a case is in a phase.
func (w *World) until(t *testing.T, phase board.Phase) *board.Case {
	t.Helper()
	for w.queue.Len() > 0 {
		w.turn()
		if c := w.caseOf(w.Clients[0].ID); c != nil && c.Phase == phase {
			return c
		}
	}
	t.Fatalf("no case came to %s", phase)
	return nil
}

// refused sends a message and reports the code under which a block refused it.
func (w *World) refused(t *testing.T, m *Machine, message assay.Message) assay.Code {
	t.Helper()
	before := map[assay.Code]int{}
	for k, v := range w.Chain.Codes {
		before[k] = v
	}
	w.Chain.receive(w.sign(m.private, message))
	w.now = w.now.Add(blockDelay)
	w.Chain.try()
	for k, v := range w.Chain.Codes {
		if k != "" && v > before[k] {
			return k
		}
	}
	return ""
}

// TestHaltInsideWindow stops the chain for an hour while tags are awaited. The
// window is still open afterwards, since the clock gained five seconds: the tag
// that was missing is taken, and the case goes on to its end.
func TestHaltInsideWindow(t *testing.T) {
	w := world(calm(20, nil, "quorum(3)"), Options{})
	w.start()
	c := w.until(t, board.Tagging)
	due := c.Due
	w.Chain.halt(3_600_000)
	halted := w.now
	for w.now < halted.Add(3_600_000) {
		w.turn()
	}
	at := w.Chain.ledger.Moment()
	if gained := at.Clock - (due - assay.Clock(w.Setup.Clocks)); gained > assay.Clock(2*assay.MaxClockStep) {
		t.Errorf("the clock gained %d ms over a halt of an hour", gained)
	}
	if c = w.until(t, board.Opening); len(c.Seats) != 3 {
		t.Errorf("%d seats: the halt cost somebody its seat", len(c.Seats))
	}
	for !w.over() {
		w.turn()
	}
	if v := w.caseOf(c.ID).Record.Verdict; v.Outcome != assay.Accepted {
		t.Errorf("%s %s", v.Outcome, v.Code)
	}
}

// TestLateMoveAfterIdleHour: a provider sleeps through its commit clock, the
// case ends without it, the network idles for an hour in which no block is
// made, and then the commitment comes. Block time would say that it is in time;
// the ledger does not.
func TestLateMoveAfterIdleHour(t *testing.T) {
	w := world(calm(21, adversary.Counts{adversary.Late: 1}, "quorum(9)"), Options{})
	w.start()
	for !w.over() {
		w.turn()
	}
	m := w.Machines[8]
	blocks := len(w.Chain.log)
	c := w.caseOf(w.Clients[0].ID)
	seat := -1
	for i := range c.Seats {
		if c.Seats[i].Provider == m.key {
			seat = i
		}
	}
	if seat < 0 || c.Seats[seat].State != assay.Late {
		t.Fatalf("the late one has seat %d", seat)
	}
	idle := w.now
	for w.now < idle.Add(3_600_000) && w.queue.Len() > 0 {
		w.turn()
	}
	w.now = idle.Add(3_600_000)
	if n := len(w.Chain.log) - blocks; n > 0 {
		t.Errorf("%d blocks were made in an idle hour", n)
	}
	commit := assay.CommitTo(c.Network, c.ID, uint16(seat), assay.RoleExecutor, m.key, assay.Digest{1}, assay.Digest{2})
	if code := w.refused(t, m, &assay.Commit{Job: c.ID, Seat: uint16(seat), Commit: commit}); code != board.CodePhase {
		t.Errorf("a commitment an hour late: %q", code)
	}
	if got := w.Chain.ledger.Moment().Clock; got > assay.Clock(w.now-genesisTime-3_600_000)+assay.Clock(assay.MaxClockStep) {
		t.Errorf("the idle hour moved the clock to %d", got)
	}
}

// TestLateInOpenCase: the same while the case is open, and nobody ticks: the
// move itself brings the block in which its own deadline acts first.
func TestLateInOpenCase(t *testing.T) {
	w := world(calm(22, adversary.Counts{adversary.Late: 9}, "quorum(3)"), Options{})
	w.start()
	c := w.until(t, board.Committing)
	m := w.machineOf(c.Seats[0].Provider)
	commit := assay.CommitTo(c.Network, c.ID, 0, assay.RoleExecutor, m.key, assay.Digest{1}, assay.Digest{2})
	// No tick for as long as the clock needs: blocks of five seconds each, by
	// whoever sends something.
	for w.Chain.ledger.Moment().Clock.Add(assay.MaxClockStep) < c.Seats[0].Due {
		w.now = w.now.Add(5000)
		w.Chain.receive(w.sign(w.Clients[0].private, &assay.Transfer{To: m.key, Amount: 1}))
		w.Chain.try()
	}
	w.now = w.now.Add(3_600_000)
	if code := w.refused(t, m, &assay.Commit{Job: c.ID, Seat: 0, Commit: commit}); code != board.CodePhase && code != board.CodeLateMessage {
		t.Errorf("a late commitment: %q", code)
	}
	if s := w.caseOf(c.ID).Seats[0].State; s != assay.Late {
		t.Errorf("the seat is %s", s)
	}
}

// TestLateTick: a tick that comes when nothing is owed is refused, and one that
// comes an hour late does what was due.
func TestLateTick(t *testing.T) {
	w := world(calm(23, adversary.Counts{adversary.Late: 9}, "quorum(1)"), Options{})
	v := w.validators[0]
	w.Chain.try() // the offers
	w.now = w.now.Add(3_600_000)
	if err := w.Chain.ledger.Check(w.sign(v.private, &assay.Tick{}).Bytes()); assay.CodeOf(err) != "tick-not-due" {
		t.Errorf("an undue tick: %v", err)
	}
	w.start()
	c := w.until(t, board.Committing)
	for range 40 { // the clock takes five seconds a block, however late the block
		w.now = w.now.Add(3_600_000)
		w.Chain.try()
	}
	if s := w.caseOf(c.ID).Seats[0].State; s != assay.Late {
		t.Errorf("after forty late ticks the seat is %s", s)
	}
}

// TestLateCopy shows the one place where a copier can be paid: a provider tags
// and does not open, the others do, and the replacement is drawn when the
// result is public. The verdict says so.
func TestLateCopy(t *testing.T) {
	copied := 0
	for seed := range uint64(60) {
		w := clean(t, calm(4000+seed, adversary.Counts{adversary.Withhold: 2, adversary.Copy: 5}, "quorum(2)"), Options{})
		c := w.caseOf(w.Clients[0].ID)
		for _, s := range c.Seats {
			if s.State != assay.Opened || w.machineOf(s.Provider).player.Kind != adversary.Copy {
				continue
			}
			copied++
			if s.Blind {
				t.Errorf("seed %d: a copier opened without having seen a result", 4000+seed)
			}
			v := &c.Record.Verdict
			if v.Outcome == assay.Accepted && !slices.ContainsFunc(v.Assumptions, func(a assay.Assumption) bool { return a.Code == quorum.CodeLateCopy }) {
				t.Errorf("seed %d: accepted on a copy, and the verdict does not say so", 4000+seed)
			}
		}
	}
	if copied == 0 {
		t.Error("no copier ever came to a seat in which it could copy")
	}
	t.Logf("%d of 60 copied", copied)
}

// TestNeverOpensAlone: whoever tags and does not open is replaced, and does not
// count, under quorum(1) as under any other: one withholder must not keep the
// honest provider that takes its place from being enough.
func TestNeverOpensAlone(t *testing.T) {
	replaced := 0
	for seed := range uint64(20) {
		s := calm(5000+seed, adversary.Counts{adversary.Withhold: 1}, "quorum(1)")
		s.Providers, s.Turn = 3, adversary.NeverOpens
		w := clean(t, s, Options{})
		if c := w.caseOf(w.Clients[0].ID); len(c.Seats) == 2 {
			replaced++
			if v := c.Record.Verdict; v.Outcome != assay.Accepted {
				t.Errorf("seed %d: %s %s", s.Seed, v.Outcome, v.Code)
			}
		}
	}
	if replaced == 0 {
		t.Error("the withholder was never drawn")
	}
}

package ledger_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/ledger"
)

// TestDisputeBooks lets parties claim, play, post the program and fall silent at
// random, in cases and in appeals. After every block the books are recomputed
// from the whole state (Scan) and every lock of every account is explained; each
// job ends; a ledger that restarts at every block comes to the same state.
func TestDisputeBooks(t *testing.T) {
	withReferee(t, theToy)
	appeals, revoked := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.SliceOfN(rapid.Byte(), 64, 64).Draw(rt, "seed")
		policy := rapid.SampledFrom([]string{"quorum(2)", "optimistic(20s)", "escalate(optimistic(9s), quorum(2))"}).Draw(rt, "policy")
		first := playDisputes(t, seed, policy, false)
		second := playDisputes(t, seed, policy, true)
		if first.store.Hash() != second.store.Hash() {
			rt.Fatal("a restart at every block ends elsewhere")
		}
		for name := range first.jobs {
			id := jobID(first, name)
			appeals += len(first.ledger.Appeals(id))
			if _, ok := first.ledger.Revocation(id); ok {
				revoked++
			}
		}
	})
	if appeals == 0 || revoked == 0 {
		t.Errorf("%d appeals, %d revocations: the worlds are too tame", appeals, revoked)
	}
}

func playDisputes(t *testing.T, seed []byte, policy string, restart bool) *world {
	p := testParams()
	p.Liability, p.WatchShare = 60_000, 500_000
	w := newWorld(t, p, 1, "alice", "p1", "p2", "p3", "p4", "p5", "p6", "x", "y", "v1")
	w.restart = restart
	w.listProviders(t, 6, 100, 10_000_000, 3)
	sub := w.job("j", "alice", policy, 150, 600_000)
	sub.Job.Program, sub.Bytes = programDigest(), uint64(len(program))
	w.remember("j", sub.Job)
	w.mustApply(t, 1000, w.tx("alice", sub))
	id := jobID(w, "j")
	for n := range 400 {
		c, _ := w.ledger.Case(id)
		a, appealed := w.ledger.Appeal(id)
		if c.Settled() && n > 60 && !(appealed && a.Running()) && w.now >= c.Record.Time.Add(p.Liability) {
			return w
		}
		roll := func(k int) byte { return seed[(n*7+k*13)%len(seed)] ^ byte(n*k) }
		var txs [][]byte
		for i := range c.Seats {
			name := w.name(c.Seats[i].Provider)
			lies := seed[i%len(seed)] < 128
			as, trace := "right", "right"
			if lies {
				as, trace = "wrong", fmt.Sprintf("wrong@%d", 100+int(seed[i]))
			}
			txs = append(txs, w.seatSays(c, &c.Seats[i], as)...)
			if roll(i) < 200 {
				txs = append(txs, w.says(c, name, trace, roll(i+40))...)
			}
		}
		if roll(9) < 200 {
			txs = append(txs, w.says(c, "x", "right", roll(50))...)
		}
		if roll(11) < 30 {
			txs = append(txs, w.says(c, "y", "other@77", roll(51))...)
		}
		if d := w.running(id); d != nil && d.NeedsImage() && roll(12) < 220 {
			chunks := board.CutProgram(id, program)
			txs = append(txs, w.tx("y", chunks[int(roll(13))%len(chunks)]))
		}
		txs = append(txs, w.tx("v1", &assay.Attest{Job: id, Output: sub.Job.InputsDigest()}))
		if c.Verdict != nil && c.Verdict.Result != nil {
			txs = append(txs, w.tx("v1", &assay.Attest{Job: id, Output: c.Verdict.Result.Output}))
		}
		w.apply(t, assay.Millis(500+int(roll(14))*8), txs...)
		w.explained(t)
		w.listed(t, id)
	}
	t.Fatal("the job does not end")
	return w
}

// listed checks that actors find a job where they look for it.
func (w *world) listed(t *testing.T, id assay.JobID) {
	t.Helper()
	c, _ := w.ledger.Case(id)
	a, ok := w.ledger.Appeal(id)
	runs := ok && a.Running()
	if found := len(w.ledger.Running()) > 0; found != runs {
		t.Fatalf("running appeals: %t, listed: %t", runs, found)
	}
	if runs {
		for _, s := range a.Supporters {
			if _, list := w.ledger.OpenFor(s.Provider); len(list) != 1 || list[0].Job != id {
				t.Fatalf("a supporter is not told of the appeal: %v", list)
			}
		}
	}
	horizon, open := board.HorizonOf(&w.genesis.Params, c)
	_, revoked := w.ledger.Revocation(id)
	want := open && !runs && !revoked && w.ledger.Moment().Time < horizon
	if found := len(w.ledger.Liable()) > 0; found != want {
		t.Fatalf("liable: %t, listed: %t", want, found)
	}
	if n := len(w.ledger.Cases(ledger.Filter{Liable: true})); (n > 0) != (want || !c.Settled()) {
		t.Fatalf("%d cases to watch", n)
	}
}

// says posts a claim now and then, and plays the one that is live.
func (w *world) says(c *board.Case, who, trace string, roll byte) [][]byte {
	var txs [][]byte
	if roll < 60 {
		txs = append(txs, w.tx(who, w.claim(c, trace)))
	}
	for _, m := range w.moves(c, who, trace) {
		txs = append(txs, w.tx(who, m))
	}
	return txs
}

// seatSays returns what a seat owes.
func (w *world) seatSays(c *board.Case, s *board.Seat, as string) [][]byte {
	name := w.name(s.Provider)
	switch {
	case s.State == assay.Assigned:
		return [][]byte{w.tx(name, w.commit(c, s, as))}
	case s.State == assay.Committed && c.Phase == board.Tagging:
		return [][]byte{w.tx(name, w.tag(c, s, as))}
	case s.State == assay.Tagged && c.Phase == board.Opening:
		return [][]byte{w.tx(name, w.openSeat(c, s, as))}
	}
	return nil
}

// explained checks that the locks which accounts are told of are all that the
// books hold.
func (w *world) explained(t *testing.T) {
	t.Helper()
	var sum assay.Amount
	for k := range w.names {
		for _, x := range w.ledger.Explain(k) {
			sum += x.Amount
		}
	}
	m := w.ledger.Meta()
	if want := m.Escrows + m.Bonds + m.Stakes; sum != want {
		t.Fatalf("block %d: %s explained, %s held (escrows %s, bonds %s, stakes %s)", w.height, sum, want, m.Escrows, m.Bonds, m.Stakes)
	}
}

// TestDefenceIsAffordable: whoever is drawn for two jobs at once can play both
// disputes. With the means for one, an attacker of both would win the other by
// the honest one's silence.
func TestDefenceIsAffordable(t *testing.T) {
	withReferee(t, theToy)
	for _, defences := range []assay.Amount{1, 2} {
		w := newWorld(t, testParams(), 1, "alice", "p1")
		w.open(t)
		w.listProviders(t, 1, 100, 10_000_000, 2)
		first, second := w.job("j1", "alice", "quorum(1)", 150, 600_000), w.job("j2", "alice", "quorum(1)", 150, 600_000)
		plan, err := board.NewPlan(&w.genesis.Params, &first.Job, first.Bytes)
		if err != nil || plan.Defence == 0 {
			t.Fatal(plan.Defence, err)
		}
		have := w.ledger.Account(w.key("p1")).Balance
		w.mustApply(t, 1000, w.tx("p1", &assay.Transfer{To: w.key("alice"), Amount: have - defences*plan.Defence - 10_000}))
		w.mustApply(t, 1000, w.tx("alice", first))
		w.mustApply(t, 1000, w.tx("alice", second))
		w.apply(t, 1000, w.tx("v1", &assay.Tick{}))
		if p, _ := w.ledger.Offer(w.key("p1")); p.Market.Active != uint32(defences) {
			t.Errorf("with the means for %d defences, drawn for %d jobs", defences, p.Market.Active)
		}
	}
}

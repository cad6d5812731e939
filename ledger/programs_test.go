package ledger_test

import (
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/board/boardtest"
	"github.com/capacloud/assay/ledger"
)

// brokenReferee has a lowering that panics on its second step.
type brokenReferee struct{ boardtest.Referee }

type brokenLowering struct{ steps int }

func (brokenReferee) Lower([]byte) board.Lowering { return &brokenLowering{} }

func (l *brokenLowering) Step(int) bool {
	if l.steps++; l.steps > 1 {
		panic("planted")
	}
	return false
}

func (l *brokenLowering) Image() []byte { return nil }

// TestBrokenLoweringStopsNobody plants a panic in the lowering of a program: its
// dispute ends undecided, nobody pays for it, nothing of the program is left in
// the state, and the ledger goes on.
func TestBrokenLoweringStopsNobody(t *testing.T) {
	withReferee(t, brokenReferee{theToy})
	for _, restart := range []bool{false, true} {
		w := newWorld(t, testParams(), 1, "alice", "p1", "p2", "p3", "x", "v1")
		w.restart = restart
		w.listProviders(t, 3, 100, 10_000_000, 3)
		sub := w.job("j", "alice", "quorum(2)", 150, 600_000)
		sub.Job.Program, sub.Bytes = programDigest(), uint64(len(program))
		w.remember("j", sub.Job)
		w.mustApply(t, 1000, w.tx("alice", sub))
		id := jobID(w, "j")
		var events []string
		for range 12 {
			c, _ := w.ledger.Case(id)
			var txs [][]byte
			for i := range c.Seats {
				txs = append(txs, w.seatSays(c, &c.Seats[i], []string{"right", "wrong"}[i])...)
			}
			if c.NeedsImage() {
				for _, m := range board.CutProgram(id, program) {
					txs = append(txs, w.tx("x", m))
				}
			}
			for _, e := range w.apply(t, 1000, txs...).Events {
				if e.Kind == ledger.EventStalled {
					events = append(events, e.Text)
				}
			}
		}
		c, _ := w.ledger.Case(id)
		if len(events) != 1 || !c.Settled() || c.Verdict.Code != assay.CodeInternal || c.Record.Settlement.Slashed != 0 {
			t.Fatalf("%v; the case is %s, %+v", events, c.Phase, c.Verdict)
		}
		if p, ok := w.ledger.Posted(programDigest()); ok {
			t.Errorf("%+v is left of the program", p)
		}
		left := 0
		for _, table := range []byte{'p', 'u', 'i', 'j'} {
			w.store.Ascend([]byte{table}, []byte{table + 1}, func(_, _ []byte) bool { left++; return true })
		}
		if left > 0 || w.ledger.Owes(w.now).Any() {
			t.Errorf("%d keys of the program are left; owed %+v", left, w.ledger.Owes(w.now))
		}
	}
}

// TestLoweringLeavesRoom checks that a block that lowers has less gas for its
// transactions, so that both together stay within its time.
func TestLoweringLeavesRoom(t *testing.T) {
	withReferee(t, theToy)
	w := newWorld(t, testParams(), 1, "alice", "p1", "p2", "x", "v1")
	w.listProviders(t, 2, 100, 10_000_000, 3)
	sub := w.job("j", "alice", "quorum(2)", 150, 600_000)
	sub.Job.Program, sub.Bytes = programDigest(), uint64(len(program))
	w.mustApply(t, 1000, w.tx("alice", sub))
	id := sub.Job.ID()
	for range 6 {
		c, _ := w.ledger.Case(id)
		var txs [][]byte
		for i := range c.Seats {
			txs = append(txs, w.seatSays(c, &c.Seats[i], []string{"right", "wrong"}[i])...)
		}
		w.apply(t, 1000, txs...)
	}
	fits := func() int {
		var txs [][]byte
		for range 80 {
			txs = append(txs, w.tx("x", &assay.PostProof{Job: id, Witness: make([]byte, 1000)}))
		}
		return len(w.ledger.Select(txs, w.height+1, w.now.Add(1000), 1<<30))
	}
	before := fits()
	for _, m := range board.CutProgram(id, program) {
		w.mustApply(t, 1, w.tx("x", m))
	}
	if during := fits(); before == 0 || before > 25 || during >= before {
		t.Errorf("%d proofs fit a block, %d one that lowers", before, during)
	}
}

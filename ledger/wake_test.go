package ledger_test

import (
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
)

// waiters opens so many disputes about one program, which nobody has posted yet.
func waiters(t *testing.T, jobs int) (*world, []assay.JobID) {
	p := testParams()
	p.BlockGas, p.FeePerByte, p.FeePerGas, p.StakeTimes = 1<<40, 0, 0, 0
	w := newWorld(t, p, 1, "alice", "p1", "p2", "x", "v1")
	w.options.Scan = false
	w.open(t)
	w.listProviders(t, 2, 100, 100_000_000, 65_000)
	var ids []assay.JobID
	var txs [][]byte
	for i := range jobs {
		sub := w.job("j", "alice", "quorum(2)", 150, 600_000)
		sub.Job.Program, sub.Bytes, sub.Job.Nonce = programDigest(), uint64(len(program)), uint64(i+1)
		ids = append(ids, sub.Job.ID())
		txs = append(txs, w.tx("alice", sub))
	}
	for range 7 {
		w.apply(t, 1000, txs...)
		txs = nil
		for _, id := range ids {
			c, _ := w.ledger.Case(id)
			for i := range c.Seats {
				txs = append(txs, w.seatSays(c, &c.Seats[i], []string{"right", "wrong"}[i])...)
			}
		}
	}
	if n := waiting(t, w, ids); n != jobs {
		t.Fatalf("%d of %d disputes wait for the program", n, jobs)
	}
	return w, ids
}

func waiting(t *testing.T, w *world, ids []assay.JobID) (n int) {
	for _, id := range ids {
		switch d := w.running(id); {
		case d == nil || d.Code != "":
			t.Fatal("a dispute has ended without a game")
		case d.NeedsImage():
			n++
		}
	}
	return n
}

// TestManyWaitForOneProgram has more disputes wait for one program than a block
// hands its image to: they begin a block's work at a time. The block that
// completes the program touches none of the others.
func TestManyWaitForOneProgram(t *testing.T) {
	const more, wakes = 40, 1000
	w, ids := waiters(t, wakes+more)
	for _, m := range board.CutProgram(ids[0], program) {
		if out := w.mustApply(t, 0, w.tx("x", m)); out.Keys > 50 {
			t.Errorf("a chunk has written %d keys", out.Keys)
		}
	}
	for _, want := range []int{more, 0} {
		if !w.ledger.Owes(w.now).Due {
			t.Error("nothing is owed to who waits")
		}
		w.apply(t, 0, w.tx("v1", &assay.Tick{}))
		if n := waiting(t, w, ids); n > want || n < want-1 { // who posted was touched anyway
			t.Errorf("%d disputes wait for an image that is there, not %d", n, want)
		}
	}
	if w.ledger.Owes(w.now).Due {
		t.Error("the program is still queued")
	}
}

// TestProgramCompleteInTime completes a program just before the clock for it runs
// out, in a message of another dispute: none ends for want of the program.
func TestProgramCompleteInTime(t *testing.T) {
	w, ids := waiters(t, 5)
	due := w.running(ids[0]).Due
	for w.ledger.Moment().Clock.Add(1000) < due {
		w.apply(t, 1000, w.tx("v1", &assay.Tick{}))
	}
	for _, m := range board.CutProgram(ids[0], program) {
		w.mustApply(t, 0, w.tx("x", m))
	}
	w.apply(t, 2000, w.tx("v1", &assay.Tick{}))
	if n := waiting(t, w, ids); n != 0 || w.ledger.Moment().Clock <= due {
		t.Errorf("%d disputes wait at clock %d, the program was due at %d", n, w.ledger.Moment().Clock, due)
	}
}

package board

import (
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// TestForeignMessages sends what scripts cannot: another's seat, a copied
// commitment, another job, zero digests, and messages past their clock in a
// block that did not let the clock act first. None changes the case.
func TestForeignMessages(t *testing.T) {
	h := newHarness(12, 4, assay.Dev)
	if err := h.submit("quorum(3)", 600_000, false); err != nil {
		t.Fatal(err)
	}
	h.block(1000, nil)
	if err := h.commit(0, "A"); err != nil {
		t.Fatal(err)
	}
	p, c := &h.g.Params, h.c
	late := h.at
	late.Clock = c.Seats[1].Due
	refuse(t, h, CodeCommitReused, c.Commit(p, h.at, h.provider(1), &assay.Commit{Job: c.ID, Seat: 1, Commit: c.Seats[0].Commit}))
	refuse(t, h, CodeNotYourSeat, c.Commit(p, h.at, h.provider(1), &assay.Commit{Job: c.ID, Seat: 2, Commit: assay.Digest{1}}))
	refuse(t, h, CodeNotYourSeat, c.Commit(p, h.at, h.provider(1), &assay.Commit{Job: c.ID, Seat: 65535, Commit: assay.Digest{1}}))
	refuse(t, h, CodeOtherJob, c.Commit(p, h.at, h.provider(1), &assay.Commit{Job: assay.Digest{1}, Seat: 1, Commit: assay.Digest{1}}))
	refuse(t, h, CodePhase, c.Commit(p, h.at, h.provider(1), &assay.Commit{Job: c.ID, Seat: 1}))
	refuse(t, h, CodeLateMessage, c.Commit(p, late, h.provider(1), &assay.Commit{Job: c.ID, Seat: 1, Commit: assay.Digest{1}}))

	h.block(1, func() { _, _ = h.commit(1, "A"), h.commit(2, "A") })
	late.Clock = c.Due
	refuse(t, h, CodeLateMessage, c.Tag(p, late, h.provider(0), &assay.Tag{Job: c.ID, Seat: 0, Tag: assay.Digest{1}}))
	refuse(t, h, CodePhase, c.Tag(p, h.at, h.provider(0), &assay.Tag{Job: c.ID, Seat: 0}))
	refuse(t, h, CodeNotYourSeat, c.Tag(p, h.at, h.provider(0), &assay.Tag{Job: c.ID, Seat: 1, Tag: assay.Digest{1}}))

	h.block(1, func() { _, _, _ = h.tag(0, "A"), h.tag(1, "A"), h.tag(2, "A") })
	late.Clock = c.Due
	refuse(t, h, CodeLateMessage, c.Open(p, late, h.provider(0), &assay.Open{Job: c.ID, Seat: 0, Result: resultOf("A")}))
	refuse(t, h, assay.CodeResult, c.Open(p, h.at, h.provider(0), &assay.Open{Job: c.ID, Seat: 0}))
	refuse(t, h, CodeNotYourSeat, c.Open(p, h.at, h.provider(0), &assay.Open{Job: c.ID, Seat: 1, Result: resultOf("A")}))

	h.block(1, func() { _, _, _ = h.open(0, "A"), h.open(1, "A"), h.open(2, "A") })
	refuse(t, h, CodeNotValidator, c.Attest(p, &h.g, h.at, h.provider(0), &assay.Attest{Job: c.ID, Output: resultOf("A").Output}))
	refuse(t, h, CodePhase, h.answer(0, "A"))
	refuse(t, h, CodePhase, h.evidence("quorum(3)", "x"))
	h.wait()
	refuse(t, h, CodePhase, h.answer(0, "A")) // no beacon has named a leaf
	h.block(1, nil)
	late.Clock = c.Due
	refuse(t, h, CodeBadAnswer, c.Answer(p, h.at, h.provider(0), &assay.Answer{Job: c.ID}))
	refuse(t, h, CodeLateMessage, c.Answer(p, late, h.provider(0), &assay.Answer{Job: c.ID}))
	refuse(t, h, CodeNotSupporter, c.Answer(p, h.at, key("stranger", 0), &assay.Answer{Job: c.ID, Openings: openings(c)}))
	if err := h.answer(2, "A"); err != nil {
		t.Fatal(err)
	}
	refuse(t, h, CodePhase, h.answer(1, "A")) // once is enough
}

func openings(c *Case) []merkle.Opening {
	var list []merkle.Opening
	for _, o := range c.Challenge.Offsets {
		list = append(list, openingOf("A", o))
	}
	return list
}

// refuse wants a code, and that no other seat has moved.
func refuse(t *testing.T, h *harness, code assay.Code, err error) {
	t.Helper()
	if assay.CodeOf(err) != code || err == nil {
		t.Fatalf("%v, want %s", err, code)
	}
	for _, s := range h.c.Seats[1:] {
		if h.c.Phase == Committing && s.State != assay.Assigned {
			t.Fatal("a refused message changed the case")
		}
	}
}

// TestMoneySplits checks each forfeit to the coin, with odd amounts.
func TestMoneySplits(t *testing.T) {
	c := &Case{Verdict: &assay.Verdict{}}
	p := assay.LocalParams()
	p.Unavailable = 300_000
	seat := Seat{Stake: 1001, Bond: 111}
	for _, x := range []struct {
		state                    assay.ExecutionState
		slashed, penalty, burned assay.Amount
	}{
		{assay.Late, 0, 0, 0},
		{assay.Abandoned, 0, 111, 111},
		{assay.Unavailable, 0, 33, 17},
		{assay.ProvedWrong, 1001, 0, 1001},
	} {
		seat.State = x.state
		result := resultOf("A")
		seat.Result = &result
		f, burned, ok := c.fault(&p, &seat, nil)
		if !ok || f.Slashed != x.slashed || f.Penalty != x.penalty || burned != x.burned {
			t.Errorf("%s: %+v, burned %d", x.state, f, burned)
		}
	}
	s := &assay.Settlement{Slashed: 5, Burned: 9, Faults: []assay.Fault{{Slashed: 5}, {Penalty: 7}}}
	if got := Compensation(s); got != 3 {
		t.Error(got)
	}
}

// TestOffsetsFollowBeacon checks that leaves follow from the beacon and the job.
func TestOffsetsFollowBeacon(t *testing.T) {
	a, b := assay.Beacon{Value: canon.Hash("a")}, assay.Beacon{Value: canon.Hash("b")}
	one, two, three := offsets(a, assay.JobID{1}), offsets(b, assay.JobID{1}), offsets(a, assay.JobID{2})
	if len(one) != challengeOffsets || one[0] == two[0] || one[0] == three[0] || one[0] == one[1] {
		t.Fatal(one, two, three)
	}
}

// TestWaitingEnds gives a case to a check that always names a later moment: all
// waiting together is bounded.
func TestWaitingEnds(t *testing.T) {
	h := newHarness(12, 4, assay.Dev)
	if err := h.submit("freivalds", 600_000, false); err != nil {
		t.Fatal(err)
	}
	h.block(1, nil)
	h.block(1, func() { _ = h.commit(0, "A") })
	h.block(1, func() { _ = h.tag(0, "A") })
	h.block(1, func() { _ = h.open(0, "A") })
	began := h.at.Clock
	for wakes := 0; !h.c.Settled(); wakes++ {
		due, ok := h.c.Deadline()
		if !ok || wakes > 200 {
			t.Fatal(wakes, h.show())
		}
		h.at.Height, h.at.Clock = h.at.Height+1, due
		h.c.Expire(&h.g.Params, h.at)
		h.settle()
	}
	if waited := h.at.Clock - began; waited != assay.Clock(maxWaiting+h.c.Plan(&h.g.Params).CommitClock) || h.c.Verdict.Code != CodeExhausted {
		t.Fatal(waited, h.show())
	}
	if err := invariants(h); err != nil {
		t.Fatal(err)
	}
}

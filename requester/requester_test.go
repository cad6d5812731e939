package requester

import (
	"errors"
	"slices"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/dispute"
)

const hour assay.Time = 3_600_000

func newRequester(t *testing.T) *Requester {
	t.Helper()
	r, err := New(Config{Job: assay.Job{
		Version: 1, Runtime: assay.RuntimeWasm, Program: assay.Digest{1}, Limits: assay.DefaultLimits(),
		Policy: "quorum(3)", Deadline: hour, Requester: assay.Key{2},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func kinds(effects []Effect) []Kind {
	var list []Kind
	for _, e := range effects {
		switch e := e.(type) {
		case Send:
			list = append(list, "send "+Kind(e.Messages[0].Kind().String()))
		case Progress:
			list = append(list, e.Kind)
		case Done:
			list = append(list, "done "+Kind(codeOf(e.Err)))
		}
	}
	return list
}

func codeOf(err error) assay.Code {
	if err == nil {
		return ""
	}
	return assay.CodeOf(err)
}

func expect(t *testing.T, effects []Effect, want ...Kind) {
	t.Helper()
	if got := kinds(effects); !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func seen(height uint64, c *board.Case) State {
	return State{Moment: assay.Moment{Height: height, Time: assay.Time(height)}, Case: c}
}

// TestStory follows a job to its end: one look per change, and one that spans
// several.
func TestStory(t *testing.T) {
	r := newRequester(t)
	expect(t, r.Step(Passed{Now: 0}), "send submit")
	expect(t, r.Step(Passed{Now: 1000}))
	expect(t, r.Step(Passed{Now: 2000}), "send submit")

	c := &board.Case{ID: r.ID(), Phase: board.Drawing}
	expect(t, r.Step(seen(1, c)), Submitted, Phase)
	c = &board.Case{ID: r.ID(), Phase: board.Committing, Seats: make([]board.Seat, 3)}
	expect(t, r.Step(seen(2, c)), Drawn, Phase)

	next := *c
	next.Phase, next.Seats = board.Opening, slices.Clone(c.Seats)
	next.Seats[0].State = assay.Late
	for i := 1; i < 3; i++ {
		next.Seats[i] = board.Seat{State: assay.Tagged, Commit: assay.Digest{byte(i)}, Tag: assay.Digest{5}}
	}
	effects := r.Step(seen(3, &next))
	expect(t, effects, Committed, Tagged, Fault, Phase)
	if p := effects[1].(Progress); p.Done != 2 || p.Total != 2 || p.Equal != 2 {
		t.Errorf("tagged %d of %d, %d equal", p.Done, p.Total, p.Equal)
	}
	expect(t, r.Step(seen(2, c))) // overtaken
	expect(t, r.Step(seen(4, nil)))

	last := next
	last.Phase, last.Verdict, last.Record = board.Settled, &assay.Verdict{}, &assay.Record{}
	expect(t, r.Step(seen(5, &last)), Phase, Decided, Settled, "done ")
	expect(t, r.Step(seen(6, &last)))
}

// TestEpochs: checkpoints and who goes on from them are told once, also where a
// newer one has replaced an older.
func TestEpochs(t *testing.T) {
	r := newRequester(t)
	c := &board.Case{ID: r.ID(), Phase: board.Committing}
	r.Step(seen(1, c))
	next := *c
	next.Checkpoints = []board.Checkpoint{{Epoch: 5}, {Epoch: 6}}
	expect(t, r.Step(seen(2, &next)), Kept, Kept)
	last := next
	last.Checkpoints = []board.Checkpoint{{Epoch: 6}, {Epoch: 7}}
	last.Resumes = []board.Resume{{Seat: 1, Epoch: 6}}
	effects := r.Step(seen(3, &last))
	expect(t, effects, Kept, Resumed)
	if p, q := effects[0].(Progress), effects[1].(Progress); p.Checkpoint.Epoch != 7 || q.Resume.Seat != 1 {
		t.Errorf("told %+v, %+v", p, q)
	}
	expect(t, r.Step(seen(4, &last)))
}

// TestDisputes: the moves of a dispute are told as they come, each state of it
// once, whatever lies between two looks.
func TestDisputes(t *testing.T) {
	r := newRequester(t)
	c := &board.Case{ID: r.ID(), Phase: board.Opening}
	r.Step(seen(1, c))
	look := func(height uint64, want []Kind, list ...board.Dispute) []Effect {
		t.Helper()
		effects := r.Step(seen(height, &board.Case{ID: r.ID(), Phase: board.Opening, Disputes: list}))
		expect(t, effects, want...)
		return effects
	}
	game := func(moves uint32) *dispute.Game { return &dispute.Game{Moves: moves} }
	ended := assay.Moment{Height: 5}
	look(2, []Kind{Disputed}, board.Dispute{})
	look(3, nil, board.Dispute{})
	effects := look(4, []Kind{Moved}, board.Dispute{Game: game(3)})
	if p := effects[0].(Progress); p.Done != 3 || p.Dispute != 0 {
		t.Errorf("%+v", p)
	}
	look(5, []Kind{Moved, Ruled, Disputed, Moved}, board.Dispute{Game: game(9), Ended: ended}, board.Dispute{Game: game(1)})
	look(6, []Kind{Ruled}, board.Dispute{Game: game(9), Ended: ended}, board.Dispute{Game: game(1), Ended: ended})
	look(7, []Kind{Disputed, Moved, Ruled}, board.Dispute{Game: game(9), Ended: ended}, board.Dispute{Game: game(1), Ended: ended}, board.Dispute{Game: game(2), Ended: ended})
}

// TestEndsWithoutTheNetwork: no silence of the network keeps a person waiting
// for ever, and none of the three reasons is mistaken for another.
func TestEndsWithoutTheNetwork(t *testing.T) {
	r := newRequester(t)
	expect(t, r.Step(Passed{Now: hour + 1}), "done "+Kind(CodeNever))

	r = newRequester(t)
	expect(t, r.Step(Refused{Err: errors.New("insufficient-balance")}), "done "+Kind(CodeStopped))

	r = newRequester(t)
	r.Step(seen(1, &board.Case{ID: r.ID(), Phase: board.Drawing}))
	expect(t, r.Step(Refused{Err: errors.New("job-exists")})) // the second copy
	expect(t, r.Step(Passed{Now: hour + 1}))
	expect(t, r.Step(Passed{Now: 2*hour + 1}), "done "+Kind(CodeTimedOut))
}

func TestConfig(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("took an empty job")
	}
	r := newRequester(t)
	c := r.config
	c.Resend = -1
	if _, err := New(c); assay.CodeOf(err) != CodeConfig {
		t.Error(err)
	}
}

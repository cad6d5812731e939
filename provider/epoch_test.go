package provider

import (
	"errors"
	"slices"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
)

var other = assay.Key{2}

// newEpochScript is a case whose seat 0 died at boundary 5, and where seat 1 is
// ours. Under a quorum, seat 2 beside us runs too.
func newEpochScript(t *testing.T, policy string) *script {
	s := newScript(t)
	s.c.Job = assay.Job{Policy: policy}
	s.c.Seats = []board.Seat{
		{Number: 0, Role: assay.RoleExecutor, Provider: other, State: assay.Late},
		{Number: 1, Role: assay.RoleExecutor, Provider: self, State: assay.Assigned, Draw: 1, Due: 30_000},
		{Number: 2, Role: assay.RoleExecutor, Provider: assay.Key{3}, State: assay.Assigned, Draw: 1, Due: 30_000},
	}
	s.core = newEpochCore(t)
	return s
}

func newEpochCore(t *testing.T) *Provider {
	core, err := New(Config{Network: network, Key: self, Secret: secret, CheckpointEvery: 2000})
	if err != nil {
		t.Fatal(err)
	}
	return core
}

func checkpointBy(seat uint16, epoch uint32) board.Checkpoint {
	return board.Checkpoint{Seat: seat, Epoch: epoch, Root: rootAt(epoch), File: assay.Digest{byte(epoch), 1}, Size: 100}
}

func rootAt(epoch uint32) assay.Digest { return assay.Digest{byte(epoch), 7} }

func (s *script) passed(epoch uint32) []Effect {
	return s.core.Step(Passed{Job: s.c.ID, Epoch: epoch, Root: rootAt(epoch)})
}

// TestGoesOn: a replacement fetches the checkpoint, declares it, and begins only
// when the ledger has that: a run that nobody knows to have gone on answers for
// what it has not executed.
func TestGoesOn(t *testing.T) {
	s := newEpochScript(t, "optimistic(30s)")
	s.c.Checkpoints = []board.Checkpoint{checkpointBy(0, 4), checkpointBy(0, 5)}
	restore := one[Restore](t, s.state(0))
	if len(restore.From) != 2 || restore.From[0].Checkpoint.Epoch != 5 || restore.From[0].Provider != other {
		t.Fatalf("asks for %v", restore.From)
	}
	nothing(t, s.state(10))
	resume := message[*assay.PostResume](t, s.core.Step(Restored{Job: s.c.ID, Seat: 0, Epoch: 5}))
	if resume.Seat != 1 || resume.From != 0 || resume.Epoch != 5 {
		t.Fatalf("declares %+v", resume)
	}
	nothing(t, s.state(10))
	again := message[*assay.PostResume](t, s.state(1000)) // the first has not landed
	if *again != *resume {
		t.Fatalf("declares %+v", again)
	}
	s.c.Resumes = []board.Resume{{Seat: 1, From: 0, Epoch: 5, Root: rootAt(5)}}
	if e := one[Execute](t, s.state(10)); e.From == nil || e.From.Epoch != 5 {
		t.Fatalf("runs from %v", e.From)
	}
	message[*assay.Commit](t, s.ran(right))
}

// TestCheckpointGone: no checkpoint that can be had, one that is replaced while it
// is fetched, and one that is refuted: the run begins at its start, or at another.
func TestCheckpointGone(t *testing.T) {
	s := newEpochScript(t, "optimistic(30s)")
	s.c.Checkpoints = []board.Checkpoint{checkpointBy(0, 5)}
	one[Restore](t, s.state(0))
	if e := one[Execute](t, s.core.Step(Restored{Job: s.c.ID, Err: errors.New("gone")})); e.From != nil {
		t.Error("goes on from nothing")
	}

	s = newEpochScript(t, "optimistic(30s)")
	s.c.Checkpoints = []board.Checkpoint{checkpointBy(0, 5)}
	one[Restore](t, s.state(0))
	message[*assay.PostResume](t, s.core.Step(Restored{Job: s.c.ID, Seat: 0, Epoch: 5}))
	s.c.Checkpoints = []board.Checkpoint{checkpointBy(0, 6)}
	if e := s.state(10); !slices.ContainsFunc(e, func(e Effect) bool { r, ok := e.(Restore); return ok && r.From[0].Checkpoint.Epoch == 6 }) {
		t.Errorf("does not look for the other: %#v", e)
	}
	s.c.Seats[0].State = assay.ProvedWrong
	if e := one[Execute](t, s.core.Step(Restored{Job: s.c.ID, Err: errors.New("gone")})); e.From != nil {
		t.Error("goes on from what was refuted")
	}
}

// TestNotTogether: nobody goes on from a seat that was drawn with it, from one
// confirmation under a quorum, or when it is off.
func TestNotTogether(t *testing.T) {
	s := newEpochScript(t, "optimistic(30s)")
	s.c.Checkpoints = []board.Checkpoint{checkpointBy(2, 5)}
	one[Execute](t, s.state(0))
	s = newEpochScript(t, "quorum(2)")
	s.c.Checkpoints = []board.Checkpoint{checkpointBy(0, 5)}
	one[Execute](t, s.state(0))
	s = newEpochScript(t, "optimistic(30s)")
	s.restart() // without CheckpointEvery
	s.c.Checkpoints = []board.Checkpoint{checkpointBy(0, 5)}
	one[Execute](t, s.state(0))
	s.passed(6)
	nothing(t, s.state(20_000))
}

// TestKeeps: checkpoints are asked for by the clock, one at a time, of a boundary
// that is new, and posted when their bytes are served.
func TestKeeps(t *testing.T) {
	s := newEpochScript(t, "optimistic(30s)")
	one[Execute](t, s.state(0))
	nothing(t, s.passed(1))
	nothing(t, s.state(1999)) // a short run posts nothing
	one[Keep](t, s.state(1))
	nothing(t, s.state(5000)) // one at a time
	nothing(t, s.core.Step(Kept{Job: s.c.ID, Epoch: 2, Root: rootAt(2), Err: errors.New("full")}))
	nothing(t, s.state(5000)) // no boundary since
	nothing(t, s.passed(3))
	one[Keep](t, s.state(0))
	k := message[*assay.PostCheckpoint](t, s.core.Step(Kept{Job: s.c.ID, Epoch: 4, Root: rootAt(4), File: assay.Digest{9}, Size: 10}))
	if k.Seat != 1 || k.Epoch != 4 || k.Root != rootAt(4) || k.File.IsZero() || k.Size != 10 {
		t.Fatalf("posts %+v", k)
	}
	nothing(t, s.passed(4))
	nothing(t, s.state(1999))
	nothing(t, s.passed(5))
	s.at.Clock = 29_999
	nothing(t, s.state(1)) // the commitment was due
}

// TestConfirms: under a quorum a boundary that another seat has posted is worth a
// word, once, if the state is the same; and nothing is said of a state that is not.
func TestConfirms(t *testing.T) {
	s := newEpochScript(t, "quorum(2)")
	one[Execute](t, s.state(0))
	for e := range uint32(6) {
		nothing(t, s.passed(e+1))
	}
	false3 := checkpointBy(2, 6)
	false3.Root = assay.Digest{1}
	s.c.Checkpoints = []board.Checkpoint{checkpointBy(2, 3), checkpointBy(2, 5), false3}
	k := message[*assay.PostCheckpoint](t, s.state(0))
	if k.Epoch != 5 || k.Root != rootAt(5) || !k.File.IsZero() || k.Size != 0 {
		t.Fatalf("confirms %+v", k)
	}
	nothing(t, s.state(1)) // on its way
	own := checkpointBy(1, 5)
	own.File, own.Size = assay.Digest{}, 0
	s.c.Checkpoints = append([]board.Checkpoint{own}, s.c.Checkpoints...)
	if k := message[*assay.PostCheckpoint](t, s.state(1)); k.Epoch != 3 {
		t.Fatalf("confirms %+v", k)
	}
}

// TestWatchersRunAlone: a watcher runs the whole job, and says nothing on its way.
func TestWatchersRunAlone(t *testing.T) {
	s := newEpochScript(t, "optimistic(30s)")
	s.c.Seats[1].Role = assay.RoleWatcher
	s.c.Checkpoints = []board.Checkpoint{checkpointBy(0, 5)}
	if e := one[Execute](t, s.state(0)); e.From != nil {
		t.Error("goes on from a checkpoint")
	}
	s.passed(1)
	nothing(t, s.state(10_000))
}

// TestRestartGoesOn: a process that was killed goes on from the last checkpoint that
// it has kept, rather than from where its seat once began; and from there again for
// the result that it has committed to.
func TestRestartGoesOn(t *testing.T) {
	s := newEpochScript(t, "optimistic(30s)")
	confirmed := checkpointBy(1, 9)
	confirmed.File = assay.Digest{}
	s.c.Resumes = []board.Resume{{Seat: 1, From: 0, Epoch: 5, Root: rootAt(5)}}
	s.c.Checkpoints = []board.Checkpoint{checkpointBy(0, 5), checkpointBy(1, 7), checkpointBy(1, 8), confirmed, checkpointBy(2, 12)}
	for _, state := range []assay.ExecutionState{assay.Assigned, assay.Committed} {
		s.c.Seats[1].State = state
		s.core = newEpochCore(t)
		if e := one[Execute](t, s.state(0)); e.From == nil || e.From.Epoch != 8 || e.From.Root != rootAt(8) {
			t.Errorf("%s: runs from %v", state, e.From)
		}
	}
	s.c.Seats[1].State, s.c.Checkpoints = assay.Assigned, s.c.Checkpoints[:1]
	s.core = newEpochCore(t)
	if e := one[Execute](t, s.state(0)); e.From == nil || e.From.Epoch != 5 {
		t.Errorf("runs from %v", e.From)
	}
}

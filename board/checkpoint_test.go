package board

import (
	"slices"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board/boardtest"
	"github.com/capacloud/assay/canon"
)

// TestBadCheckpoints: every malformed or foreign message about a checkpoint has a
// code of its own, and changes nothing.
func TestBadCheckpoints(t *testing.T) {
	h := running(t, "optimistic(30s)")
	good := assay.PostCheckpoint{Job: h.c.ID, Epoch: 5, Root: canonRoot(h, 5), File: assay.Digest{1}, Size: 9}
	post := func(edit func(*assay.PostCheckpoint), from assay.Key, at assay.Moment) error {
		m := good
		edit(&m)
		return h.c.Checkpoint(&h.g.Params, at, from, &m)
	}
	own, late := h.provider(0), h.at
	late.Clock = h.c.Seats[0].Due
	for name, x := range map[string]struct {
		edit func(*assay.PostCheckpoint)
		from assay.Key
		at   assay.Moment
		code assay.Code
	}{
		"no state":         {func(m *assay.PostCheckpoint) { m.Root = assay.Digest{} }, own, h.at, CodeCheckpoint},
		"file of no size":  {func(m *assay.PostCheckpoint) { m.Size = 0 }, own, h.at, CodeCheckpoint},
		"size of no file":  {func(m *assay.PostCheckpoint) { m.File = assay.Digest{} }, own, h.at, CodeCheckpoint},
		"the start":        {func(m *assay.PostCheckpoint) { m.Epoch = 0 }, own, h.at, CodeEpochRange},
		"beyond the last":  {func(m *assay.PostCheckpoint) { m.Epoch = 32 }, own, h.at, CodeEpochRange},
		"another's seat":   {func(*assay.PostCheckpoint) {}, key("stranger x", 0), h.at, CodeNotYourSeat},
		"no such seat":     {func(m *assay.PostCheckpoint) { m.Seat = 9 }, own, h.at, CodeNotYourSeat},
		"another job":      {func(m *assay.PostCheckpoint) { m.Job = assay.JobID{1} }, own, h.at, CodeOtherJob},
		"after the clock":  {func(*assay.PostCheckpoint) {}, own, late, CodeLateMessage},
		"the highest seat": {func(m *assay.PostCheckpoint) { m.Seat = 1<<16 - 1 }, own, h.at, CodeNotYourSeat},
	} {
		if got := assay.CodeOf(post(x.edit, x.from, x.at)); got != x.code {
			t.Errorf("%s: %q, want %q", name, got, x.code)
		}
	}
	if len(h.c.Checkpoints) != 0 {
		t.Error("a refused checkpoint is on the board")
	}
	if err := post(func(*assay.PostCheckpoint) {}, own, h.at); err != nil {
		t.Error(err)
	}
}

// TestBadResumes is the same of resumes; see also testdata/epoch_unresumable.txt.
func TestBadResumes(t *testing.T) {
	h := running(t, "optimistic(30s)")
	if err := h.checkpoint(0, "A5", true); err != nil {
		t.Fatal(err)
	}
	h.wait()
	h.block(1000, nil)
	good, own, late := assay.PostResume{Job: h.c.ID, Seat: 1, From: 0, Epoch: 5}, h.provider(1), h.at
	late.Clock = h.c.Seats[1].Due
	for name, x := range map[string]struct {
		edit func(*assay.PostResume)
		from assay.Key
		at   assay.Moment
		code assay.Code
	}{
		"late seat":       {func(m *assay.PostResume) { m.Seat = 0 }, h.provider(0), h.at, CodePhase},
		"another's seat":  {func(*assay.PostResume) {}, h.provider(0), h.at, CodeNotYourSeat},
		"another job":     {func(m *assay.PostResume) { m.Job = assay.JobID{1} }, own, h.at, CodeOtherJob},
		"from no seat":    {func(m *assay.PostResume) { m.From = 1<<16 - 1 }, own, h.at, CodeNoCheckpoint},
		"from itself":     {func(m *assay.PostResume) { m.From = 1 }, own, h.at, CodeNoCheckpoint},
		"from the start":  {func(m *assay.PostResume) { m.Epoch = 0 }, own, h.at, CodeNoCheckpoint},
		"after the clock": {func(*assay.PostResume) {}, own, late, CodeLateMessage},
	} {
		m := good
		x.edit(&m)
		if got := assay.CodeOf(h.c.Resume(&h.g.Params, x.at, x.from, &m)); got != x.code {
			t.Errorf("%s: %q, want %q", name, got, x.code)
		}
	}
	if len(h.c.Resumes) != 0 {
		t.Error("a refused resume is on the board")
	}
	if err := h.c.Resume(&h.g.Params, h.at, own, &good); err != nil || !slices.ContainsFunc(h.c.Resumes, func(r Resume) bool { return r.Seat == 1 }) {
		t.Error(err)
	}
}

// running returns a case whose first seats are assigned.
func running(t *testing.T, policy string) *harness {
	t.Helper()
	h := newHarness(12, 4, assay.Dev)
	SetReferee(assay.RuntimeWasm, epochToy())
	if err := h.submit(policy, 600_000, false); err != nil {
		t.Fatal(err)
	}
	h.block(1000, nil)
	if len(h.c.Seats) == 0 || h.c.Seats[0].State != assay.Assigned {
		t.Fatal("nobody was drawn")
	}
	return h
}

// epochToy is the toy with epochs.
func epochToy() boardtest.Referee {
	toy := theToy
	toy.Span = toySpan
	return toy
}

// canonRoot returns the true state at a boundary.
func canonRoot(h *harness, epoch uint64) assay.Digest {
	return h.traceOf("A").Roots(0, epoch*toySpan, 1)[0]
}

// poisonedCase plays to its settlement a case in which seat 0 posts a poisoned
// checkpoint and vanishes, seat 1 goes on from it, and a stranger challenges.
func poisonedCase(t testing.TB) *harness {
	t.Helper()
	h := newHarness(12, 4, assay.Dev)
	SetReferee(assay.RuntimeWasm, epochToy())
	if err := h.submit("optimistic(30s)", 600_000, false); err != nil {
		t.Fatal(err)
	}
	labels := []string{"", "B", "A", "A", "A", "A"}
	for range 400 {
		if h.c.Settled() {
			return h
		}
		h.block(1000, func() {
			_, _ = h.checkpoint(0, "B5", true), h.checkpoint(2, "A7", false)
			_ = h.resume(1, "0@5")
			for i := 1; i < len(h.c.Seats); i++ {
				_, _, _ = h.commit(i, labels[i]), h.tag(i, labels[i]), h.open(i, labels[i])
			}
			for v := range 3 {
				_, _ = h.attestInputs(v), h.attest(v, "A")
			}
			if h.c.Phase == Waiting || h.c.Dispute() != nil {
				_, _ = h.claim("x", "A"), h.claim("1", "B160")
			}
			if h.c.Dispute() != nil {
				_, _ = h.play("x", "A"), h.play("1", "B160")
			}
		})
	}
	t.Fatal("the case does not end", h.show())
	return nil
}

// TestReplayRefusesTamperedEpochs changes one thing at a time of a case with a
// poisoned checkpoint, as a forger of receipts would.
func TestReplayRefusesTamperedEpochs(t *testing.T) {
	h := poisonedCase(t)
	if s := h.c.Seats; s[0].State != assay.ProvedWrong || s[1].State != assay.Misled || s[2].State != assay.Opened || len(h.c.Checkpoints) != 2 {
		t.Fatal(h.show())
	}
	whole := canon.Marshal(h.replayed())
	for name, tamper := range map[string]func(*Case){
		"nothing":                         func(*Case) {},
		"a resume left out":               func(c *Case) { c.Resumes = nil },
		"a resume twice":                  func(c *Case) { c.Resumes = append(c.Resumes, c.Resumes[0]) },
		"a resume of another state":       func(c *Case) { c.Resumes[0].Root[0]++ },
		"a resume of another epoch":       func(c *Case) { c.Resumes[0].Epoch++ },
		"a resume of another file":        func(c *Case) { c.Resumes[0].File[0]++ },
		"a resume of no state":            func(c *Case) { c.Resumes[0].Root = assay.Digest{} },
		"a resume from itself":            func(c *Case) { c.Resumes[0].From = 1 },
		"a resume from nobody":            func(c *Case) { c.Resumes[0].From = 99 },
		"a resume from a later draw":      func(c *Case) { c.Resumes[0].From = 2 },
		"a resume of the poster":          func(c *Case) { c.Resumes[0].Seat = 0 },
		"a resume of no seat":             func(c *Case) { c.Resumes[0].Seat = 99 },
		"a resume before the draw":        func(c *Case) { c.Resumes[0].At = 0 },
		"a resume behind the clock":       func(c *Case) { c.Resumes[0].At = c.Seats[1].Due },
		"a checkpoint of the start":       func(c *Case) { c.Checkpoints[0].Epoch = 0 },
		"a checkpoint beyond the last":    func(c *Case) { c.Checkpoints[1].Epoch = 99 },
		"a checkpoint of no state":        func(c *Case) { c.Checkpoints[0].Root = assay.Digest{} },
		"a checkpoint of another":         func(c *Case) { c.Checkpoints[0].Root[0]++ },
		"a checkpoint without a size":     func(c *Case) { c.Checkpoints[0].Size = 0 },
		"a checkpoint of no seat":         func(c *Case) { c.Checkpoints[1].Seat = 99 },
		"a checkpoint behind the clock":   func(c *Case) { c.Checkpoints[0].At = c.Seats[0].Due },
		"checkpoints in another order":    func(c *Case) { c.Checkpoints[0], c.Checkpoints[1] = c.Checkpoints[1], c.Checkpoints[0] },
		"the misled one proved wrong":     func(c *Case) { c.Seats[1].State = assay.ProvedWrong },
		"the poisoner made late":          func(c *Case) { c.Seats[0].State, c.Seats[0].Lost = assay.Late, 0 },
		"the poisoner misled":             func(c *Case) { c.Seats[0].State = assay.Misled },
		"the poisoner lost another":       func(c *Case) { c.Seats[0].Lost = 2 },
		"the damages left out":            func(c *Case) { c.Record.Settlement.Posters = nil },
		"the damages raised":              func(c *Case) { p := c.Record.Settlement.Posters; p[len(p)-1].Amount++ },
		"the fault left out":              func(c *Case) { c.Record.Settlement.Faults = c.Record.Settlement.Faults[1:] },
		"a refuted claim that was silent": func(c *Case) { l := c.Disputes[0].Game.Claims[1].Lost; l.Proof, l.Code = nil, "silent" },
	} {
		var c Case
		if err := canon.Unmarshal(whole, &c); err != nil {
			t.Fatal(err)
		}
		tamper(&c)
		c.Record.Case = c.Digest()
		err := Replay(&h.g.Params, &h.g, &c)
		if (err == nil) != (name == "nothing") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzReplayEpochs gives Replay such cases in which bytes are changed: it never
// panics, and every walk along resumes ends.
func FuzzReplayEpochs(f *testing.F) {
	h := poisonedCase(f)
	whole := canon.Marshal(h.replayed())
	params, genesis := h.g.Params, h.g
	f.Add(uint32(0), []byte{0})
	f.Fuzz(func(_ *testing.T, at uint32, b []byte) {
		SetReferee(assay.RuntimeWasm, epochToy())
		mutated := append([]byte(nil), whole...)
		copy(mutated[int(at)%len(mutated):], b)
		var c Case
		if canon.Unmarshal(mutated, &c) == nil {
			_ = Replay(&params, &genesis, &c)
		}
	})
}

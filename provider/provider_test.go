package provider

import (
	"errors"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/merkle"
)

var (
	network = assay.Digest{7}
	self    = assay.Key{1}
	secret  = []byte("sixteen bytes or more")
	right   = assay.Result{Status: assay.Exited, Fuel: 5, Output: assay.Digest{2}, State: assay.Digest{3}}
)

// script is a case with one seat of ours, and a core that looks at it.
type script struct {
	t    *testing.T
	core *Provider
	c    board.Case
	at   assay.Moment
}

func newScript(t *testing.T) *script {
	s := &script{t: t, at: assay.Moment{Height: 1, Clock: 1000}}
	s.c = board.Case{
		Network: network, ID: assay.JobID{9}, Phase: board.Committing,
		Seats: []board.Seat{{Role: assay.RoleExecutor, Provider: self, State: assay.Assigned, Due: 30_000}},
	}
	s.restart()
	return s
}

func (s *script) restart() {
	core, err := New(Config{Network: network, Key: self, Secret: secret})
	if err != nil {
		s.t.Fatal(err)
	}
	s.core = core
}

// state shows the case some time later.
func (s *script) state(later assay.Millis) []Effect {
	s.at.Height, s.at.Clock = s.at.Height+1, s.at.Clock.Add(later)
	c := s.c
	c.Seats = append([]board.Seat(nil), s.c.Seats...)
	return s.core.Step(State{Moment: s.at, Cases: []*board.Case{&c}})
}

func (s *script) ran(r assay.Result) []Effect {
	return s.core.Step(Executed{Job: s.c.ID, Result: r})
}

// one returns the only effect, of its type.
func one[E Effect](t *testing.T, effects []Effect) E {
	t.Helper()
	if len(effects) == 1 {
		if e, ok := effects[0].(E); ok {
			return e
		}
	}
	var want E
	t.Fatalf("effects %#v, want one %T", effects, want)
	return want
}

func message[M assay.Message](t *testing.T, effects []Effect) M {
	t.Helper()
	m, ok := one[Send](t, effects).Messages[0].(M)
	if !ok {
		t.Fatalf("sent %#v", effects)
	}
	return m
}

func nothing(t *testing.T, effects []Effect) {
	t.Helper()
	if len(effects) > 0 {
		t.Fatalf("unasked for: %#v", effects)
	}
}

// TestThreeMessages walks through a seat with a crash before every message: the
// second process says exactly what the first one would have said.
func TestThreeMessages(t *testing.T) {
	s := newScript(t)
	one[Execute](t, s.state(0))
	commit := message[*assay.Commit](t, s.ran(right))
	s.restart()
	one[Execute](t, s.state(0))
	again := message[*assay.Commit](t, s.ran(right))
	if again.Commit != commit.Commit {
		t.Fatal("a restart changed the commitment")
	}
	s.c.Seats[0].Commit, s.c.Seats[0].State = commit.Commit, assay.Committed
	nothing(t, s.state(0))

	s.restart()
	s.c.Phase = board.Tagging
	one[Execute](t, s.state(0))
	tag := message[*assay.Tag](t, s.ran(right))
	s.c.Seats[0].Tag, s.c.Seats[0].State = tag.Tag, assay.Tagged

	s.restart()
	s.c.Phase = board.Opening
	one[Execute](t, s.state(0))
	open := message[*assay.Open](t, s.ran(right))
	want := assay.CommitTo(network, s.c.ID, 0, assay.RoleExecutor, self, open.Salt, open.Result.Digest())
	if want != commit.Commit || tag.Tag != assay.TagOf(s.c.ID, open.Result.Digest()) {
		t.Error("the opening contradicts commitment or tag")
	}
}

// TestResend sends again what did not land, no sooner than Resend, and never
// what did.
func TestResend(t *testing.T) {
	s := newScript(t)
	s.state(0)
	commit := message[*assay.Commit](t, s.ran(right))
	nothing(t, s.state(500))
	message[*assay.Commit](t, s.state(500))
	s.c.Seats[0].Commit, s.c.Seats[0].State = commit.Commit, assay.Committed
	nothing(t, s.state(5000))
}

// TestNoContradiction: memory that lies must cost the bond, not the stake.
func TestNoContradiction(t *testing.T) {
	s := newScript(t)
	s.state(0)
	commit := message[*assay.Commit](t, s.ran(right))
	s.c.Seats[0].Commit, s.c.Seats[0].State, s.c.Phase = commit.Commit, assay.Committed, board.Tagging
	s.restart()
	s.state(0)
	other := right
	other.Fuel++
	if r := one[Report](t, s.ran(other)); assay.CodeOf(r.Err) != CodeMismatch {
		t.Errorf("reported %v", r.Err)
	}
	nothing(t, s.state(5000))
}

// TestFailedExecution tries again, later each time, and tells once.
func TestFailedExecution(t *testing.T) {
	s := newScript(t)
	s.state(0)
	one[Report](t, s.core.Step(Executed{Job: s.c.ID, Err: errors.New("no bytes")}))
	nothing(t, s.state(400))
	one[Execute](t, s.state(100))
	nothing(t, s.core.Step(Executed{Job: s.c.ID, Err: errors.New("no bytes")}))
	nothing(t, s.state(900))
	one[Execute](t, s.state(100))
	message[*assay.Commit](t, s.ran(right))
}

// TestTooLate executes nothing that it could not commit to, and stops what
// nobody waits for.
func TestTooLate(t *testing.T) {
	s := newScript(t)
	s.c.Seats[0].Due = 1000
	nothing(t, s.state(0))
	s = newScript(t)
	s.state(0)
	s.c.Seats[0].State = assay.Late
	one[Cancel](t, s.state(30_000))
	nothing(t, s.ran(right))
}

// TestStaleState ignores a state that was overtaken on the way.
func TestStaleState(t *testing.T) {
	s := newScript(t)
	one[Execute](t, s.state(0))
	nothing(t, s.core.Step(State{Moment: assay.Moment{Height: 1}}))
	message[*assay.Commit](t, s.ran(right))
}

// accepted is a case whose supporters are asked for their bytes.
func accepted(t *testing.T) *script {
	s := newScript(t)
	r := right
	s.c.Seats[0].State, s.c.Seats[0].Result = assay.Opened, &r
	s.c.Verdict = &assay.Verdict{Outcome: assay.Accepted, Result: &r}
	s.c.Phase = board.Fetching
	return s
}

// TestDeliver publishes once accepted, and answers a challenge.
func TestDeliver(t *testing.T) {
	s := accepted(t)
	if p := one[Publish](t, s.state(0)); p.Root != right.Output {
		t.Error("published another output")
	}
	s.c.Phase, s.c.Due = board.Answering, s.at.Clock.Add(30_000)
	s.c.Challenge = &board.Challenge{Asked: 3}
	nothing(t, s.state(0)) // no beacon has named the leaves yet
	s.c.Challenge = &board.Challenge{Asked: 3, Height: 4, Offsets: []uint64{1, 2}}
	asked := one[OpenLeaves](t, s.state(0))
	if asked.Root != right.Output || len(asked.Offsets) != 2 {
		t.Fatalf("asked for %+v", asked)
	}
	answer := message[*assay.Answer](t, s.core.Step(LeavesOpened{Job: s.c.ID, Height: 4, Openings: make([]merkle.Opening, 2)}))
	if len(answer.Openings) != 2 {
		t.Error("half an answer")
	}
	nothing(t, s.state(500))
	one[OpenLeaves](t, s.state(500)) // it did not land
	s.c.Challenge.Answered = true
	nothing(t, s.state(5000))
}

// TestLostBytes runs the job again when the disk has lost its output.
func TestLostBytes(t *testing.T) {
	s := accepted(t)
	s.c.Phase, s.c.Due = board.Answering, s.at.Clock.Add(30_000)
	s.c.Challenge = &board.Challenge{Asked: 3, Height: 4, Offsets: []uint64{1}}
	s.state(0)
	run := one[Execute](t, s.core.Step(LeavesOpened{Job: s.c.ID, Height: 4, Err: errors.New("gone")}))
	if !run.Fresh {
		t.Error("the store would answer with what it has not got")
	}
	one[OpenLeaves](t, s.ran(right))
}

// TestAttester gives its word only for what it holds.
func TestAttester(t *testing.T) {
	s := accepted(t)
	a, err := NewAttester(assay.Key{5}, 0)
	if err != nil {
		t.Fatal(err)
	}
	look := func(later assay.Millis) []Effect {
		s.at.Height, s.at.Clock = s.at.Height+1, s.at.Clock.Add(later)
		return a.Step(State{Moment: s.at, Cases: []*board.Case{&s.c}})
	}
	f := one[Fetch](t, look(0))
	if f.Output != right.Output || len(f.From) != 1 || f.From[0] != self {
		t.Fatalf("fetches %+v", f)
	}
	nothing(t, a.Step(Fetched{Job: s.c.ID, Output: right.Output, Err: errors.New("refused")}))
	nothing(t, look(500))
	one[Fetch](t, look(500))
	attest := message[*assay.Attest](t, a.Step(Fetched{Job: s.c.ID, Output: right.Output}))
	if attest.Output != right.Output {
		t.Error("attests another output")
	}
	message[*assay.Attest](t, look(1000))
	s.c.Attests = []assay.Key{{5}}
	nothing(t, look(1000))
}

// TestAttestInputs: where a policy waits for whoever disagrees, the validator
// holds program and inputs as well, and gives its word for each apart.
func TestAttestInputs(t *testing.T) {
	old := board.SetReferee(assay.RuntimeWasm, noMachine{})
	t.Cleanup(func() { board.SetReferee(assay.RuntimeWasm, old) })
	s := newScript(t)
	s.c.Job = assay.Job{Version: 1, Runtime: assay.RuntimeWasm, Program: assay.Digest{1}, Policy: "optimistic(30s)", MaxPrice: 100, Limits: assay.DefaultLimits()}
	a, err := NewAttester(assay.Key{5}, 0)
	if err != nil {
		t.Fatal(err)
	}
	look := func() []Effect {
		s.at.Height, s.at.Clock = s.at.Height+1, s.at.Clock.Add(1000)
		return a.Step(State{Moment: s.at, Cases: []*board.Case{&s.c}})
	}
	nothing(t, look())
	a.HoldInputs(assay.DefaultParams())
	f := one[FetchInputs](t, look())
	if f.ID != s.c.ID || f.Job.Program != s.c.Job.Program {
		t.Fatalf("fetches %+v", f)
	}
	digest := s.c.Job.InputsDigest()
	nothing(t, a.Step(Fetched{Job: s.c.ID, Output: assay.Digest{6}})) // something else
	nothing(t, a.Step(Fetched{Job: s.c.ID, Output: digest, Err: errors.New("no bytes")}))
	one[FetchInputs](t, look())
	if m := message[*assay.Attest](t, a.Step(Fetched{Job: s.c.ID, Output: digest})); m.Output != digest {
		t.Error("attests something else")
	}
	s.c.Inputs = []assay.Key{{5}}
	nothing(t, look())
	s.c.Job.Policy = "quorum(3)"
	s.c.Inputs = nil
	nothing(t, look())
}

// noMachine is a referee of nothing.
type noMachine struct{ board.Referee }

func (noMachine) Steps(*assay.Job, uint64) uint64 { return 1 << 20 }

func (noMachine) Positions([]byte, *assay.Job) uint64 { return 0 }

func TestConfig(t *testing.T) {
	for _, c := range []Config{{}, {Network: network, Key: self}, {Network: network, Key: self, Secret: secret, Capacity: -1}} {
		if _, err := New(c); assay.CodeOf(err) != CodeConfig {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if _, err := NewAttester(assay.Key{}, 0); assay.CodeOf(err) != CodeConfig {
		t.Error(err)
	}
}

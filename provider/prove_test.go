package provider

import (
	"errors"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/evidence/toy"
	"github.com/capacloud/assay/policy"
)

// proving is a script under a policy that wants a proof, whose proofs are hashes.
func proving(t *testing.T, text string) *script {
	t.Helper()
	t.Cleanup(board.SetProof(policy.ZK, func(e *policy.Expr) board.ProofCheck {
		check := toy.Check{Text: e.String(), Commit: e.Bind == "commit"}
		return board.ProofCheck{Check: check, Gas: toy.Gas, Size: 1 << 16}
	}))
	s := newScript(t)
	s.c.Version, s.c.Job = 1, assay.Job{
		Version: 1, Runtime: assay.RuntimeZKVM, Program: assay.Digest{1}, Limits: assay.DefaultLimits(), Policy: text,
		MaxPrice: 100, Deadline: 1 << 40, Requester: assay.Key{2},
	}
	s.c.ID = s.c.Job.ID()
	s.c.Checks = []board.CheckState{{Check: text}}
	s.restartProver()
	return s
}

func (s *script) restartProver() {
	p := assay.LocalParams()
	core, err := New(Config{Network: network, Key: self, Secret: secret, Params: &p})
	if err != nil {
		s.t.Fatal(err)
	}
	s.core = core
}

var proven = assay.Result{Status: assay.Exited, Output: assay.Digest{2}}

// proof is what a prover answers; forged ones are broken.
func (s *script) proof(text string, commit, forged bool, pad int) Proved {
	e := toy.Evidence{Result: proven.Digest(), Payee: self, Pad: make([]byte, pad)}
	e.Seal = toy.Seal(commit, s.c.ID, self, e.Result)
	if forged {
		e.Seal[0]++
	}
	p := Proved{Job: s.c.ID, Check: text, Body: e.Bytes(), Gas: 1_000_000}
	if commit {
		c := toy.Evidence{Commitment: toy.Commitment(s.c.ID, self, e.Seal)}
		p.Commitment = c.Bytes()
	}
	return p
}

// opened moves the seat to its opening.
func (s *script) opened() {
	r := proven
	seat := &s.c.Seats[0]
	seat.State, seat.Result, seat.Shown = assay.Opened, &r, s.at.Clock
	seat.Commit = assay.Digest{5}
	s.c.Phase, s.c.Waited = board.Waiting, s.at.Clock
}

// TestProvesBeforeCommitting: no commitment without a proof that the ledger would
// take; a prover that fails, or a proof that is false, costs nothing but the job.
func TestProvesBeforeCommitting(t *testing.T) {
	s := proving(t, "zk(sp1)")
	one[Execute](t, s.state(100))
	ask := one[Prove](t, s.ran(proven))
	if ask.Check != "zk(sp1)" || ask.ID != s.c.ID {
		t.Fatalf("%+v", ask)
	}
	if r := one[Report](t, s.core.Step(Proved{Job: s.c.ID, Check: "zk(sp1)", Err: errors.New("out of memory")})); assay.CodeOf(r.Err) != CodeNoProof {
		t.Fatal(r.Err)
	}
	one[Prove](t, s.state(1000))
	if list := s.core.Step(s.proof("zk(sp1)", false, true, 0)); len(list) != 0 { // reported before
		t.Fatalf("a false proof led to %#v", list)
	}
	one[Prove](t, s.state(2000))
	m := message[*assay.Commit](t, s.core.Step(s.proof("zk(sp1)", false, false, 0)))
	if m.Job != s.c.ID {
		t.Fatal("commits to another job")
	}
	s.opened()
	e := message[*assay.PostEvidence](t, s.state(100))
	if e.Check != "zk(sp1)" || e.Digest != assay.EvidenceDigest(e.Body) {
		t.Errorf("%+v", e)
	}
	if list := s.state(100); len(list) != 0 {
		t.Errorf("sent again at once: %#v", list)
	}
	message[*assay.PostEvidence](t, s.state(1000))
}

// TestProofInParts: what is on record is not sent again.
func TestProofInParts(t *testing.T) {
	s := proving(t, "zk(sp1)")
	s.state(100)
	s.ran(proven)
	p := s.proof("zk(sp1)", false, false, 5*assay.EvidencePart)
	s.core.Step(p)
	s.opened()
	send := one[Send](t, s.state(100))
	if len(send.Messages) != evidenceTx {
		t.Fatalf("%d parts in one transaction", len(send.Messages))
	}
	first := send.Messages[0].(*assay.PostEvidence)
	s.c.Shown = []board.Shown{{Check: "zk(sp1)", Digest: first.Digest, Size: first.Size, Parts: 3}}
	send = one[Send](t, s.state(100))
	last := send.Messages[len(send.Messages)-1].(*assay.PostEvidence)
	if send.Messages[0].(*assay.PostEvidence).Part != 3 || last.Part != 5 || last.Gas != p.Gas {
		t.Errorf("parts %d to %d", send.Messages[0].(*assay.PostEvidence).Part, last.Part)
	}
}

// TestCommitsThenShows, also when the process dies in between: it finds its proof,
// and says so if it cannot.
func TestCommitsThenShows(t *testing.T) {
	const text = "zk(sp1, bind=commit)"
	s := proving(t, text)
	s.state(100)
	s.ran(proven)
	kept := s.proof(text, true, false, 10)
	s.core.Step(kept)
	s.opened()
	e := message[*assay.PostEvidence](t, s.state(100))
	if string(e.Body) != string(kept.Commitment) {
		t.Fatal("shows something else than the commitment first")
	}
	s.c.Shown = []board.Shown{{Check: text, Digest: e.Digest, Size: e.Size, Parts: 1, At: s.at, Await: true}}
	if list := s.state(1000); len(list) != 0 {
		t.Fatalf("no beacon has passed, and it sent %#v", list)
	}
	s.c.Shown[0].After = s.at.Height
	if e = message[*assay.PostEvidence](t, s.state(100)); string(e.Body) != string(kept.Body) {
		t.Fatal("shows another proof")
	}
	s.restartProver()
	one[Prove](t, s.state(100))
	if e = message[*assay.PostEvidence](t, s.core.Step(kept)); string(e.Body) != string(kept.Body) {
		t.Fatal("shows another proof after a crash")
	}
	s.restartProver()
	one[Prove](t, s.state(100))
	other := kept
	other.Commitment = append([]byte{}, kept.Commitment...)
	other.Commitment[len(other.Commitment)-10]++
	s.core.config.Unrehearsed = true
	if r := one[Report](t, s.core.Step(other)); assay.CodeOf(r.Err) != CodeLostProof {
		t.Errorf("%v", r.Err)
	}
}

// TestNotInTurn: a seat behind another one with the same result makes no proof of
// its own to post, and none is posted for a key that was withdrawn.
func TestNotInTurn(t *testing.T) {
	s := proving(t, "zk(sp1)")
	s.state(100)
	s.ran(proven)
	s.core.Step(s.proof("zk(sp1)", false, false, 0))
	s.opened()
	r := proven
	s.c.Seats = []board.Seat{
		{Number: 0, Role: assay.RoleExecutor, Provider: assay.Key{8}, State: assay.Opened, Result: &r, Shown: s.at.Clock, Commit: assay.Digest{6}},
		s.c.Seats[0],
	}
	s.c.Seats[1].Number = 1
	if list := s.state(100); len(list) != 0 {
		t.Errorf("posts out of turn: %#v", list)
	}
	s.c.Seats = s.c.Seats[1:]
	s.c.Seats[0].Number = 0
	s.c.Keys = []assay.ProofKey{{Killed: true}}
	if list := s.state(1000); len(list) != 0 {
		t.Errorf("posts under a withdrawn key: %#v", list)
	}
}

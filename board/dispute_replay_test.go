package board

import (
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/dispute"
)

// disputedCase plays a watched execution that a watcher disagrees with, to the
// settlement.
func disputedCase(t testing.TB) *harness {
	t.Helper()
	h := newHarness(12, 4, assay.Dev)
	SetReferee(assay.RuntimeWasm, theToy)
	h.g.Params.WatchShare = assay.Whole
	if err := h.submit("optimistic(30s)", 600_000, false); err != nil {
		t.Fatal(err)
	}
	labels := []string{"B", "A", "A", "A", "A", "A"}
	for range 400 {
		if h.c.Settled() {
			return h
		}
		h.block(1000, func() {
			for i := range h.c.Seats {
				_ = h.commit(i, labels[i])
				_ = h.tag(i, labels[i])
				_ = h.open(i, labels[i])
			}
			for v := range 3 {
				_ = h.attestInputs(v)
				_ = h.attest(v, "A")
			}
			if h.c.Dispute() != nil {
				_, _ = h.claim("0", "B500"), h.claim("1", "A")
				_, _ = h.play("0", "B500"), h.play("1", "A")
			}
		})
	}
	t.Fatal("the case does not end", h.show())
	return nil
}

// TestReplayRefusesTamperedDisputes changes one thing of a disputed case at a
// time, and writes the hash of the board anew, as a forger of receipts would.
func TestReplayRefusesTamperedDisputes(t *testing.T) {
	tampers := map[string]func(*Case){
		"nothing":                    func(*Case) {},
		"an image that is none":      func(c *Case) { c.Image = c.Image[:3] },
		"no image":                   func(c *Case) { c.Image = nil },
		"a proof's end":              func(c *Case) { c.Disputes[0].Game.Proofs[0].End[0]++ },
		"a proof's start":            func(c *Case) { c.Disputes[0].Game.Proofs[0].Start[0]++ },
		"a witness":                  func(c *Case) { c.Disputes[0].Proofs[0][0]++ },
		"a witness left out":         func(c *Case) { c.Disputes[0].Proofs = [][]byte{{}, {}} },
		"another state 0":            func(c *Case) { c.Disputes[0].Game.Start[0]++ },
		"another job's game":         func(c *Case) { c.Disputes[0].Game.Job[0]++ },
		"cheaper rules":              func(c *Case) { c.Disputes[0].Game.Rules.Costs.Prove-- },
		"slower rules":               func(c *Case) { c.Disputes[0].Game.Rules.Rate-- },
		"a game that runs":           func(c *Case) { c.Disputes[0].Game.Phase = dispute.Playing },
		"a dispute that runs":        func(c *Case) { c.Disputes[0].Ended = assay.Moment{} },
		"a dispute without game":     func(c *Case) { c.Disputes[0].Game = nil },
		"a reason to have no game":   func(c *Case) { c.Disputes[0].Code = CodeProgramMissing },
		"a dispute left out":         func(c *Case) { c.Disputes = nil },
		"another candidate":          func(c *Case) { c.Disputes[0].Candidates[0][0]++ },
		"a bond":                     func(c *Case) { c.Disputes[0].Game.Claims[0].Bond++ },
		"the loser kept in office":   func(c *Case) { c.Seats[0].State, c.Seats[0].Lost = assay.Opened, 0 },
		"the winner thrown out":      func(c *Case) { c.Seats[1].State, c.Seats[1].Lost = assay.ProvedWrong, 1 },
		"a dispute that is not":      func(c *Case) { c.Seats[0].Lost = 2 },
		"a watcher as executor":      func(c *Case) { c.Seats[1].Role = assay.RoleExecutor },
		"a draw in another role":     func(c *Case) { c.Draws[1].Role = assay.RoleExecutor },
		"a choice not taken":         func(c *Case) { c.Choices[0].Taken = false },
		"a choice left out":          func(c *Case) { c.Choices = nil },
		"a choice's beacon":          func(c *Case) { c.Choices[0].Beacon.Value[0]++ },
		"a branch that is none":      func(c *Case) { c.Choices = append(c.Choices, ChoiceMade{Name: "escalate(a, b)", Taken: true}) },
		"a poster":                   func(c *Case) { c.Disputes[0].Posters = []Poster{{Who: key("thief", 0), Cost: 9}} },
		"a claim's author":           func(c *Case) { c.Disputes[0].Game.Claims[1].Author = key("thief", 0) },
		"a claim's result":           func(c *Case) { r := resultOf("B"); c.Disputes[0].Game.Claims[1].Result = r.Digest() },
		"the surviving claim lost":   func(c *Case) { g := c.Disputes[0].Game; g.Claims[1].Lost = g.Claims[0].Lost },
		"a settlement of a claim":    func(c *Case) { c.Record.Settlement.Claims[1].Bounty++ },
		"inputs not attested":        func(c *Case) { c.InputsAt = 0 },
		"inputs of one validator":    func(c *Case) { c.Inputs = c.Inputs[:1] },
		"a seat left out at the end": func(c *Case) { c.Closed.Seats-- },
		"another cover":              func(c *Case) { c.Disputes[0].Cover++ },
		"fuel of nobody":             func(c *Case) { c.Disputes[0].Fuel++ },
		"a clock for the program":    func(c *Case) { c.Disputes[0].Due = 1 },
		"asked before submission":    func(c *Case) { c.Disputes[0].Asked.Height = 0 },
		"ended behind the closing":   func(c *Case) { c.Disputes[0].Ended.Time = c.Closed.At.Time + 1 },
		"a game played elsewhere":    func(c *Case) { c.Disputes[0].Game.Began = 0 },
		"a challenge that was none":  func(c *Case) { c.Disputes[0].Void = "toy-state" },
		"an opening before the draw": func(c *Case) { c.Seats[2].Shown = c.Seats[2].Drawn - 1 },
	}
	for name, tamper := range tampers {
		h := disputedCase(t)
		var c Case
		if err := canon.Unmarshal(canon.Marshal(h.replayed()), &c); err != nil {
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

// FuzzReplayDispute gives Replay disputed cases in which bytes are changed: it refuses
// or replays, and never panics, whatever a file says.
func FuzzReplayDispute(f *testing.F) {
	h := disputedCase(f)
	whole := canon.Marshal(h.replayed())
	params, genesis := h.g.Params, h.g
	f.Add(uint32(0), []byte{0})
	f.Fuzz(func(t *testing.T, at uint32, b []byte) {
		SetReferee(assay.RuntimeWasm, theToy)
		mutated := append([]byte(nil), whole...)
		copy(mutated[int(at)%len(mutated):], b)
		var c Case
		if canon.Unmarshal(mutated, &c) == nil {
			_ = Replay(&params, &genesis, &c)
		}
	})
}

// TestForeignMoves sends what scripts cannot: moves for another job, and for a
// case that has no dispute.
func TestForeignMoves(t *testing.T) {
	h := newHarness(12, 4, assay.Dev)
	SetReferee(assay.RuntimeWasm, theToy)
	if err := h.submit("quorum(2)", 600_000, false); err != nil {
		t.Fatal(err)
	}
	h.block(1000, nil)
	p, c, who := &h.g.Params, h.c, key("stranger", 0)
	other := assay.Digest{1}
	refuse(t, h, CodeOtherJob, c.Claim(p, h.at, who, &assay.PostClaim{Job: other}, 0))
	refuse(t, h, CodeOtherJob, c.Refine(p, h.at, who, &assay.PostRefinement{Job: other}, 0))
	refuse(t, h, CodeOtherJob, c.Prove(p, h.at, who, &assay.PostProof{Job: other}, 0))
	refuse(t, h, CodePhase, c.Claim(p, h.at, who, &assay.PostClaim{Job: c.ID}, 0))
	refuse(t, h, CodePhase, c.Refine(p, h.at, who, &assay.PostRefinement{Job: c.ID}, 0))
	refuse(t, h, CodePhase, c.Prove(p, h.at, who, &assay.PostProof{Job: c.ID}, 0))
	refuse(t, h, CodePhase, h.attestInputs(0)) // the policy has no window

	h.block(1, func() { _, _ = h.commit(0, "A"), h.commit(1, "B") })
	h.block(1, func() { _, _ = h.tag(0, "A"), h.tag(1, "B") })
	h.block(1, func() { _, _ = h.open(0, "A"), h.open(1, "B") })
	h.block(1, func() { _, _ = h.claim("0", "A"), h.claim("1", "B500") })
	turn := h.c.Dispute().Game.Turns(h.provider(0))[0]
	refine := &assay.PostRefinement{Job: c.ID, Claim: turn.Claim, Level: turn.Level, Offset: turn.Offset}
	proof := &assay.PostProof{Job: c.ID, Claim: turn.Claim, Level: turn.Level, Offset: turn.Offset}
	c = h.c
	refuse(t, h, dispute.CodeNotYours, c.Prove(p, h.at, who, proof, 0))
	refuse(t, h, "toy-state", c.Prove(p, h.at, h.provider(0), proof, 0))
	refine.Roots = make([]assay.Digest, 5)
	refuse(t, h, dispute.CodeNotYours, c.Refine(p, h.at, who, refine, 0))
	late := h.at
	late.Clock = turn.Due + 1
	k := h.c.contest(p)
	copied := k.copy()
	k.Dispute = &copied
	if err := k.prove(late, h.provider(0), proof, 0); err == nil {
		t.Error("a late move was taken")
	}
}

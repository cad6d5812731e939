package receipt

import (
	"crypto/ed25519"
	"os"
	"slices"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/board/boardtest"
	"github.com/capacloud/assay/dispute"
)

// theToy is the referee of these tests: a machine that counts, so that every
// trace and every lie is known at once. The truth is what an honest provider
// computes. That receipts of real machines verify is shown by the scripts of
// cmd/assay.
var theToy = boardtest.Referee{Result: func(job *assay.Job) assay.Result { return resultOf(job, honest, 0) }}

func TestMain(m *testing.M) {
	board.SetReferee(assay.RuntimeWasm, theToy)
	os.Exit(m.Run())
}

// lieFrom is the step from which a party's trace carries its lie.
func lieFrom(who int) uint64 { return 100 + 37*uint64(who) }

// moveFee is what a move costs in these tests.
const moveFee = 1_000

// party is somebody in a dispute: a provider or a stranger.
type party struct {
	key   assay.Key
	trace *boardtest.Trace
}

func (n *testNetwork) partyOf(job *assay.Job, who int) party {
	p := party{assay.KeyOf(n.providers[who]), theToy.Trace(job)}
	if how := n.behaviours[who]; how == lying || how == colluding {
		r := resultOf(job, how, who)
		p.trace = p.trace.Lie(lieFrom(who), r.Digest())
	}
	return p
}

// stranger tells the truth about every job.
func stranger(job *assay.Job) party {
	return party{assay.KeyOf(testKey("stranger")), theToy.Trace(job)}
}

// arena is what a party moves in: a case or an appeal.
type arena struct {
	dispute *board.Dispute
	claim   func(from assay.Key, m *assay.PostClaim) error
	refine  func(from assay.Key, m *assay.PostRefinement) error
	prove   func(from assay.Key, m *assay.PostProof) error
}

func (n *testNetwork) caseTable(c *board.Case) *arena {
	p := &n.g.Params
	return &arena{
		c.Dispute(),
		func(from assay.Key, m *assay.PostClaim) error { return c.Claim(p, n.at, from, m, moveFee) },
		func(from assay.Key, m *assay.PostRefinement) error { return c.Refine(p, n.at, from, m, moveFee) },
		func(from assay.Key, m *assay.PostProof) error { return c.Prove(p, n.at, from, m, moveFee) },
	}
}

// act makes every move that a party may make now, and keeps the witnesses.
func (t *arena) act(tb testing.TB, p party) {
	tb.Helper()
	d := t.dispute
	if d == nil || d.Game == nil || d.Game.IsOver() {
		return
	}
	must := func(err error) {
		// A rival's move in the same block may have come first.
		if code := assay.CodeOf(err); err != nil && code != dispute.CodeOutOfTurn && code != dispute.CodeClaimLost && code != dispute.CodeNoRival {
			tb.Fatal(err)
		}
	}
	known := slices.ContainsFunc(d.Game.Claims, func(c dispute.Claim) bool { return c.Author == p.key && !c.Announced() })
	if !known {
		must(t.claim(p.key, p.trace.Claim(&d.Game.Rules)))
	}
	for _, turn := range d.Game.Turns(p.key) {
		if turn.Announced {
			continue
		}
		switch m := p.trace.Move(theToy, turn).(type) {
		case *assay.PostRefinement:
			if !turn.Refined {
				must(t.refine(p.key, m))
			}
		case *assay.PostProof:
			proofs := len(d.Game.Proofs)
			must(t.prove(p.key, m))
			if len(d.Game.Proofs) > proofs {
				d.Proofs = append(d.Proofs, m.Witness)
			}
		}
	}
}

// dispute sends what the parties of a case send in its dispute, or to open one.
func (n *testNetwork) dispute(tb testing.TB, c *board.Case) {
	tb.Helper()
	if c.NeedsImage() {
		if err := c.SetImage(&n.g.Params, n.at, boardtest.Image(testProgram)); err != nil {
			tb.Fatal(err)
		}
	}
	if n.watched && c.Phase == board.Waiting && c.Dispute() == nil {
		truth := resultOf(&c.Job, honest, 0)
		wrong := slices.ContainsFunc(c.Seats, func(s board.Seat) bool { return s.State == assay.Opened && s.Result.Digest() != truth.Digest() })
		if wrong {
			if err := c.Claim(&n.g.Params, n.at, stranger(&c.Job).key, &assay.PostClaim{Job: c.ID}, moveFee); err != nil {
				tb.Fatal(err)
			}
		}
	}
	t := n.caseTable(c)
	for i := range c.Seats {
		if s := &c.Seats[i]; s.State == assay.Opened {
			t.act(tb, n.partyOf(&c.Job, n.indexOf(s.Provider)))
		}
	}
	if d := c.Dispute(); d != nil && d.Challenge != nil {
		t.act(tb, stranger(&c.Job))
	}
}

func (n *testNetwork) indexOf(provider assay.Key) int {
	return slices.IndexFunc(n.providers, func(k ed25519.PrivateKey) bool { return assay.KeyOf(k) == provider })
}

// appeal has a stranger prove the accepted result of a settled case wrong. The
// supporters defend it as they did before.
func (n *testNetwork) appeal(tb testing.TB, c *board.Case) *board.Appeal {
	tb.Helper()
	p := &n.g.Params
	s := stranger(&c.Job)
	n.tick(1_000)
	a, err := board.OpenAppeal(p, c, boardtest.Image(testProgram), 0, n.at, s.key, &assay.PostClaim{Job: c.ID}, moveFee)
	if err != nil {
		tb.Fatal(err)
	}
	if err := a.SetImage(p, c, n.at, boardtest.Image(testProgram)); err != nil {
		tb.Fatal(err)
	}
	t := &arena{
		&a.Dispute,
		func(from assay.Key, m *assay.PostClaim) error { return a.Claim(p, c, n.at, from, m, moveFee) },
		func(from assay.Key, m *assay.PostRefinement) error { return a.Refine(p, c, n.at, from, m, moveFee) },
		func(from assay.Key, m *assay.PostProof) error { return a.Prove(p, c, n.at, from, m, moveFee) },
	}
	for range 300 {
		if !a.Running() {
			return a
		}
		n.tick(1_000)
		a.Expire(n.at)
		t.act(tb, s)
		for _, k := range a.Supporters {
			t.act(tb, n.partyOf(&c.Job, n.indexOf(k.Provider)))
		}
		a.Advance(p, c, n.at)
	}
	tb.Fatal("the appeal did not end")
	return nil
}

func (n *testNetwork) tick(step assay.Millis) {
	n.at.Height++
	n.at.Time, n.at.Clock = n.at.Time.Add(step), n.at.Clock.Add(step)
}

// disputed settles a job over which five providers are of four opinions.
func disputed(tb testing.TB) (*testNetwork, *File) {
	tb.Helper()
	n := newNetwork(assay.Dev, 1, lying, honest, lying, colluding, colluding)
	return n, n.assemble(tb, n.settle(tb, n.job("quorum(5)")))
}

// TestDisputedReceipt: the receipt of a dispute executes its proofs again, and
// says what was lost by which.
func TestDisputedReceipt(t *testing.T) {
	n, f := disputed(t)
	if len(f.Witnesses) < 2 || len(f.Case.Disputes) != 1 {
		t.Fatalf("%d witnesses, %d disputes", len(f.Witnesses), len(f.Case.Disputes))
	}
	r := verify(t, f.Bytes(), n.anchor(t))
	if r.Exit != ExitVerified {
		t.Fatal(say(r))
	}
	executed := 0
	for _, l := range r.Findings {
		if l.Check == "dispute" {
			executed++
			t.Log(l.Text)
		}
	}
	if executed != 1+len(f.Witnesses) {
		t.Errorf("%d lines about a dispute with %d decisive proofs", executed, len(f.Witnesses))
	}
	if r.Result == nil || f.Record.Verdict.Result.Digest() != resultDigest(honest, 0) {
		t.Error("another result than the honest one was accepted")
	}
	list, err := f.Disputes()
	if err != nil || len(list[0].Proofs) != len(list[0].Game.Proofs) {
		t.Errorf("disputes for people: %v", err)
	}
}

func resultDigest(how behaviour, who int) assay.Digest {
	r := resultOf(nil, how, who)
	return r.Digest()
}

// TestWitnessesAreHeldToTheirProofs: a conspiracy of validators cannot make a
// proof decide what it does not show. The record and the header are signed anew.
func TestWitnessesAreHeldToTheirProofs(t *testing.T) {
	n, f := disputed(t)
	first := func(c *board.Case) (*dispute.Loss, *dispute.Proof) {
		g := c.Disputes[0].Game
		for i := range g.Claims {
			if l := g.Claims[i].Lost; l != nil && l.Proof != nil {
				return l, &g.Proofs[*l.Proof]
			}
		}
		t.Fatal("nobody lost by a proof")
		return nil, nil
	}
	for name, c := range map[string]struct {
		change  func(c *board.Case)
		witness func(w [][]byte) [][]byte
		want    assay.Code
	}{
		"genuine":          {func(*board.Case) {}, nil, ""},
		"witness missing":  {func(*board.Case) {}, func(w [][]byte) [][]byte { return w[1:] }, CodeBrokenHash},
		"witness twice":    {func(*board.Case) {}, func(w [][]byte) [][]byte { return append(w, w[0]) }, CodeBrokenHash},
		"witnesses turned": {func(*board.Case) {}, func(w [][]byte) [][]byte { slices.Reverse(w); return w }, CodeBrokenHash},
		"witness altered": {func(c *board.Case) {
			_, p := first(c)
			p.Witness = dispute.WitnessDigest([]byte("another"))
		}, func(w [][]byte) [][]byte { return append([][]byte{[]byte("another")}, w[1:]...) }, CodeBrokenProof},
		"end altered":     {func(c *board.Case) { _, p := first(c); p.End[0]++ }, nil, CodeBrokenProof},
		"start altered":   {func(c *board.Case) { _, p := first(c); p.Start[0]++ }, nil, CodeBrokenProof},
		"state 0 altered": {func(c *board.Case) { c.Disputes[0].Game.Start[0]++ }, nil, CodeBrokenRule},
		"loss elsewhere":  {func(c *board.Case) { l, _ := first(c); l.Offset += 1 << 40 }, nil, CodeBrokenRule},
		"loss by the truth": {func(c *board.Case) {
			l, p := first(c)
			l.Stated = p.End
		}, nil, CodeBrokenProof},
		"image altered":     {func(c *board.Case) { c.Image = []byte("no image") }, nil, CodeBrokenRule},
		"game not over":     {func(c *board.Case) { c.Disputes[0].Game.Phase = dispute.Playing }, nil, CodeBrokenRule},
		"claim dropped":     {func(c *board.Case) { c.Disputes[0].Game.Claims = c.Disputes[0].Game.Claims[:1] }, nil, CodeBrokenRule},
		"dispute forgotten": {func(c *board.Case) { c.Disputes = nil }, func([][]byte) [][]byte { return nil }, CodeBrokenRule},
		"bond raised":       {func(c *board.Case) { c.Record.Settlement.Claims[0].Returned++ }, nil, CodeBrokenRule},
	} {
		g, err := Decode(f.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		settled := g.settled()
		c.change(settled)
		settled.Record.Case = settled.Digest()
		in := n.include(t, settled.Record)
		g.Record, g.Case = *settled.Record, *settled
		g.Case.Record, g.Case.Verdict = nil, nil
		g.Path, g.Header, g.Commit = in.Path, in.Header, in.Commit
		if c.witness != nil {
			g.Witnesses = c.witness(g.Witnesses)
		}
		if err := g.sign(testKey("a conspirator")); err != nil {
			t.Fatal(err)
		}
		r := verify(t, g.Bytes(), n.anchor(t))
		switch {
		case c.want == "" && r.Exit != ExitVerified:
			t.Errorf("%s: %s", name, say(r))
		case c.want != "" && (r.Exit != ExitBroken || r.Reason.Code != c.want):
			t.Errorf("%s: %s, want %s", name, say(r), c.want)
		}
	}
}

// optimistic settles a job under a window.
func optimistic(tb testing.TB, watched bool, behaviours ...behaviour) (*testNetwork, *board.Case) {
	tb.Helper()
	n := newNetwork(assay.Dev, 1, behaviours...)
	n.g.Params.Liability = 3_600_000
	n.watched = watched
	return n, n.settle(tb, n.job("optimistic(3s)"))
}

// TestOptimistic: a watched lie is refuted, an unwatched one is accepted, and the
// receipt says on what that rests.
func TestOptimistic(t *testing.T) {
	n, c := optimistic(t, true, lying, lying, honest)
	r := verify(t, n.assemble(t, c).Bytes(), n.anchor(t))
	if r.Exit != ExitVerified || c.Record.Verdict.Result.Digest() != resultDigest(honest, 0) {
		t.Errorf("watched: %s", say(r))
	}
	n, c = optimistic(t, false, lying)
	r = verify(t, n.assemble(t, c).Bytes(), n.anchor(t))
	if r.Exit != ExitVerified || c.Record.Verdict.Result.Digest() == resultDigest(honest, 0) {
		t.Errorf("unwatched: %s", say(r))
	}
	for _, code := range []assay.Code{dispute.CodeUnchallenged, AssumeNotRevoked} {
		if !slices.ContainsFunc(r.Assumptions, func(l Line) bool { return l.Code == code }) {
			t.Errorf("unwatched: does not assume %s: %+v", code, r.Assumptions)
		}
	}
	if !slices.ContainsFunc(r.Findings, func(l Line) bool {
		return l.Check == "dispute" && l.Text == "no claim was posted against any result before the settlement"
	}) {
		t.Error("the receipt does not say that there was no challenge")
	}
}

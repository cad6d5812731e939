package dispute

import (
	"slices"
	"testing"

	"github.com/capacloud/assay"
)

// table is a game that a test plays move by move.
type table struct {
	*testing.T
	g   *Game
	m   *toy
	now assay.Clock

	spent map[int]assay.Amount // on moves, by author
}

// newTable starts a game over a run of so many steps, with single steps to prove.
func newTable(t *testing.T, halt, bound uint64, candidates ...*trace) *table {
	rules, err := NewRules(params(), costs, bound, halt, 500)
	if err != nil {
		t.Fatal(err)
	}
	var results []assay.Digest
	for _, c := range candidates {
		results = append(results, resultOf(c.end()))
	}
	g := New(rules, assay.JobID{1}, state{}.root(), results, 1_000_000)
	return &table{T: t, g: &g, m: &toy{halt: halt, segment: 1}, now: 1_000_000, spent: map[int]assay.Amount{}}
}

func (b *table) ok(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *table) claim(who int, tr *trace) {
	b.Helper()
	b.ok(b.g.Claim(b.m, b.now, key(who), tr.claim(b.g), costs.Claim))
	b.spent[who] += costs.Claim
}

// moves lets an author do all that is due or can be proved, until it waits.
func (b *table) moves(who int, tr *trace) {
	b.Helper()
	for {
		turns := b.g.Turns(key(who))
		i := slices.IndexFunc(turns, func(t Turn) bool { return t.Due != 0 })
		switch {
		case i < 0:
			return
		case turns[i].Level == 0:
			b.ok(b.g.Prove(b.m, b.now, key(who), tr.prove(b.g, turns[i]), costs.Prove))
			b.spent[who] += costs.Prove
		default:
			b.ok(b.g.Refine(b.now, key(who), tr.refine(b.g, turns[i]), costs.Refine))
			b.spent[who] += costs.Refine
		}
	}
}

// refines is moves without proofs.
func (b *table) refines(who int, tr *trace) {
	b.Helper()
	for _, t := range b.g.Turns(key(who)) {
		if t.Level > 0 && !t.Refined {
			b.ok(b.g.Refine(b.now, key(who), tr.refine(b.g, t), costs.Refine))
			b.spent[who] += costs.Refine
		}
	}
}

// wait goes to the next deadline.
func (b *table) wait() {
	b.Helper()
	due, ok := b.g.Deadline()
	if !ok {
		b.Fatal("nothing is due")
	}
	b.now = due
	b.g.Advance(b.now)
}

func (b *table) finish() Outcome {
	b.Helper()
	for !b.g.IsOver() {
		b.wait()
	}
	return b.g.Outcome()
}

func (b *table) lost(claim int, code assay.Code) {
	b.Helper()
	got := assay.Code("")
	if l := b.g.Claims[claim].Lost; l != nil {
		got = l.Code
	}
	if got != code {
		b.Fatalf("claim %d: %q, want %q", claim, got, code)
	}
}

func (b *table) refused(code assay.Code, err error) {
	b.Helper()
	if assay.CodeOf(err) != code {
		b.Fatalf("%v, want %s", err, code)
	}
}

// TestExample is the example of the package's documentation.
func TestExample(t *testing.T) {
	b := newTable(t, 1000, 1024)
	ann, bob := b.m.trace(), b.m.trace(lie{500, scramble(1 << 20)})
	b.claim(1, ann)
	b.claim(2, bob)
	at := func(level uint8, offset uint64) {
		t.Helper()
		if m := b.g.Matches(); len(m) != 1 || m[0].Level != level || m[0].Offset != offset {
			t.Fatalf("%+v", m)
		}
	}
	at(1, 480)
	b.refines(1, ann)
	b.refines(2, bob)
	at(0, 499)
	b.moves(1, ann)
	b.lost(1, CodeRefuted)
	l := b.g.Claims[1].Lost
	if l.Stated != bob.at(500).root() || l.Proved != ann.at(500).root() || l.Start != ann.at(499).root() || *l.Rival != 0 || *l.Proof != 0 {
		t.Fatalf("%+v", l)
	}
	if o := b.finish(); o.Result != resultOf(ann.end()) || o.Rounds != 3 || *o.Winner != 0 {
		t.Fatalf("%+v", o)
	}
	b.ok(b.g.Recheck(b.m, 0, ann.at(499).bytes()))
	b.refused(CodeState, b.g.Recheck(b.m, 0, ann.at(498).bytes()))
}

// TestSaboteurHarmsNobody: whoever claims the truth and falls silent, or states
// wrong middles under it, loses alone. His copy of the vector stands, and so does
// the result.
func TestSaboteurHarmsNobody(t *testing.T) {
	for name, sabotage := range map[string]func(b *table, truth *trace){
		"silent": func(*table, *trace) {},
		"wrong middles": func(b *table, truth *trace) {
			for _, turn := range b.g.Turns(key(1)) {
				msg := truth.refine(b.g, turn)
				msg.Roots[3][0] ^= 1
				b.ok(b.g.Refine(b.now, key(1), msg, costs.Refine))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newTable(t, 1000, 1024)
			truth, false1 := b.m.trace(), b.m.trace(lie{700, scramble(1 << 20)})
			b.claim(1, truth)
			b.claim(2, false1)
			b.claim(3, truth)
			sabotage(b, truth)
			b.refines(2, false1)
			b.moves(3, truth)
			o := b.finish()
			if o.Result != resultOf(truth.end()) || *o.Winner != uint16(2) && b.g.Claims[0].Lost != nil {
				t.Fatalf("%+v", o)
			}
			b.lost(1, CodeRefuted)
			b.lost(2, "")
		})
	}
}

// TestLiarsFallTogether: two liars and nobody honest. Whoever differs from what
// the referee finds has lost, both if both do; then no result is refuted.
func TestLiarsFallTogether(t *testing.T) {
	b := newTable(t, 1000, 1024)
	one, two := b.m.trace(lie{500, scramble(1 << 20)}), b.m.trace(lie{500, scramble(1 << 21)})
	b.g.Candidates = []Candidate{{Result: resultOf(one.end())}, {Result: resultOf(two.end())}}
	b.claim(1, one)
	b.claim(2, two)
	b.refines(1, one)
	b.refines(2, two)
	turn := b.g.Turns(key(1))[0]
	b.ok(b.g.Prove(b.m, b.now, key(1), one.prove(b.g, turn), costs.Prove))
	b.lost(0, CodeRefuted)
	b.lost(1, CodeRefuted)
	if o := b.finish(); !o.Result.IsZero() || o.Winner != nil || len(o.Refuted) != 0 {
		t.Fatalf("%+v", o)
	}
	if p := b.g.Payout(7, nil); p.Burned != b.g.Claims[0].Bond+b.g.Claims[1].Bond+7 {
		t.Fatalf("%+v", p)
	}
}

// TestUnprovedStep: nobody proves the step, so both have lost by the clock.
func TestUnprovedStep(t *testing.T) {
	b := newTable(t, 1000, 1024)
	one, two := b.m.trace(lie{500, scramble(1 << 20)}), b.m.trace()
	b.claim(1, one)
	b.claim(2, two)
	b.refines(1, one)
	b.refines(2, two)
	b.wait()
	b.lost(0, CodeUnproved)
	b.lost(1, CodeUnproved)
	if *b.g.Claims[0].Lost.Rival != 1 || *b.g.Claims[1].Lost.Rival != 0 {
		t.Fatal("each met the other")
	}
}

// TestClocks: a move at its clock is late, one before it is not; and whoever was
// silent has lost to the one who was not.
func TestClocks(t *testing.T) {
	for _, late := range []assay.Millis{-1, 0} {
		b := newTable(t, 1000, 1024)
		truth, false1 := b.m.trace(), b.m.trace(lie{700, scramble(1 << 20)})
		b.claim(1, truth)
		b.claim(2, false1)
		b.refines(2, false1)
		turn := b.g.Turns(key(1))[0]
		if want := b.now.Add(b.g.Rules.MoveClock(1, 1000)); turn.Due != want {
			t.Fatalf("due at %d, want %d", turn.Due, want)
		}
		b.now = turn.Due.Add(late)
		err := b.g.Refine(b.now, key(1), truth.refine(b.g, turn), costs.Refine)
		if late < 0 {
			b.ok(err)
			b.lost(0, "")
		} else {
			b.refused(CodeLate, err)
			b.lost(0, CodeSilent)
			b.lost(1, "")
		}
	}
}

// TestSybilsAreFoughtOnce: sixteen claims of one false vector, also such as come
// when the first have lost, cost the honest author one match.
func TestSybilsAreFoughtOnce(t *testing.T) {
	b := newTable(t, 20_000, 32*32*32)
	truth, false1 := b.m.trace(), b.m.trace(lie{12_345, scramble(1 << 20)})
	b.claim(1, truth)
	for who := range 13 {
		b.claim(10+who, false1)
	}
	for level := range b.g.Rules.Levels {
		if level == 1 { // late to the match
			for who := 13; who < 16; who++ {
				b.claim(10+who, false1)
			}
		}
		for who := range 16 {
			b.refines(10+who, false1)
		}
		b.moves(1, truth)
	}
	for i := 1; i < len(b.g.Claims); i++ {
		for b.g.Claims[i].Live() {
			b.refines(10+i-1, false1)
		}
		b.lost(i, CodeRefuted)
	}
	if n := len(b.g.Claims[0].Refined) + len(b.g.Claims[0].Proved); len(b.g.Claims) != 17 || n != 3 || b.m.runs != 1 {
		t.Fatalf("%d claims, %d moves of the honest one, %d runs of the referee", len(b.g.Claims), n, b.m.runs)
	}
	b.claim(50, false1) // what was proved stays proved
	b.refines(50, false1)
	b.refines(50, false1)
	b.lost(17, CodeRefuted)
	if o := b.finish(); o.Result != resultOf(truth.end()) || o.Rounds != 4 || b.m.runs != 1 {
		t.Fatalf("%+v", o)
	}
}

// TestSelfChallengeIsNoShield: a liar's own sybil challenges him and loses, as
// often as it likes. The window behind it is a whole one each time.
func TestSelfChallengeIsNoShield(t *testing.T) {
	b := newTable(t, 1000, 1024)
	truth, false1 := b.m.trace(), b.m.trace(lie{700, scramble(1 << 20)})
	b.g.Candidates = []Candidate{{Result: resultOf(false1.end())}}
	b.claim(1, false1)
	for i := range 2 {
		b.now = b.g.Due - 1
		b.claim(2+i, b.m.trace(lie{300, scramble(1 << uint(22+i))}))
		b.refines(1, false1)
		b.wait()
		b.lost(1+i, CodeSilent)
		if want := b.now.Add(b.g.Rules.ClaimClock(1000)); b.g.Phase != Further || b.g.Due != want {
			t.Fatalf("%s until %d, want %d", b.g.Phase, b.g.Due, want)
		}
	}
	b.now = b.g.Due - 1
	b.claim(9, truth)
	b.refines(1, false1)
	b.moves(9, truth)
	if o := b.finish(); o.Result != resultOf(truth.end()) || len(o.Refuted) != 1 {
		t.Fatalf("%+v", o)
	}
}

// TestLastCall: a saboteur keeps the true vector alive until claims have closed
// and is silent then. Who relied on him comes too late; who followed the rule of
// the last call is there.
func TestLastCall(t *testing.T) {
	for _, called := range []bool{false, true} {
		b := newTable(t, 1000, 1024)
		truth, false1 := b.m.trace(), b.m.trace(lie{700, scramble(1 << 20)})
		b.claim(1, truth)
		for !b.g.IsLastCall(b.now) { // sybils keep the game going
			b.now = b.g.Due - 1
			b.claim(2, b.m.trace(lie{300, scramble(1 << 20)}))
			b.refines(1, truth)
			b.wait()
		}
		if called {
			b.claim(9, truth)
			b.refines(9, truth)
		}
		b.now = b.g.Closes() - 1
		b.claim(3, false1)
		b.refines(3, false1)
		if called {
			b.moves(9, truth)
		}
		b.now = b.g.Closes()
		if !called {
			_, err := b.g.Price(b.now, key(8), truth.claim(b.g))
			b.refused(CodeClosed, err)
		}
		want := resultOf(false1.end())
		if called {
			want = resultOf(truth.end())
		}
		if o := b.finish(); o.Result != want {
			t.Fatalf("called %v: %+v", called, o)
		}
		if limit := b.g.Began.Add(b.g.Rules.Total()); b.g.Ended > limit {
			t.Fatalf("ended at %d, the total is %d", b.g.Ended, limit)
		}
	}
}

// TestAnnounced: an announcement keeps the window open for as long as the longest
// run takes, for nobody else, and is lost when the roots do not come.
func TestAnnounced(t *testing.T) {
	for _, made := range []bool{true, false} {
		b := newTable(t, 20_000, 32*32*32)
		truth := b.m.trace()
		short := b.m.trace(lie{10, func(s state) state { return state{20_000, s.value} }})
		b.g.Rules.Claimed = 10
		b.g.Due = b.g.Began.Add(b.g.Rules.ClaimClock(10))
		b.claim(1, short)
		end := b.g.Due
		if b.g.Phase != Further || end != b.now.Add(b.g.Rules.ClaimClock(10)) {
			t.Fatalf("%s until %d", b.g.Phase, end)
		}
		b.now = end - 1
		announcement := &assay.PostClaim{Job: b.g.Job}
		b.ok(b.g.Claim(b.m, b.now, key(2), announcement, 1))
		b.refused(CodeOneClaim, b.g.Claim(b.m, b.now, key(2), announcement, 1))
		due := b.now.Add(b.g.Rules.ClaimClock(b.g.Rules.Bound))
		if turns := b.g.Turns(key(2)); len(turns) != 1 || !turns[0].Announced || turns[0].Due != due {
			t.Fatalf("%+v", turns)
		}
		b.wait()
		if b.now != end || b.g.IsOver() {
			t.Fatal("the announcement does not keep the game open")
		}
		if !made {
			if o := b.finish(); o.Result != resultOf(short.end()) || b.g.Ended != due {
				t.Fatalf("%+v at %d", o, b.g.Ended)
			}
			b.lost(1, CodeUnmade)
			continue
		}
		b.now = due - 1
		price, err := b.g.Price(b.now, key(2), truth.claim(b.g))
		b.ok(err)
		if price != 0 {
			t.Fatal("the bond was paid with the announcement")
		}
		b.claim(2, truth)
		b.moves(2, truth)
		if o := b.finish(); len(b.g.Claims) != 2 || o.Result != resultOf(truth.end()) {
			t.Fatalf("%+v", o)
		}
		b.lost(0, CodeSilent)
	}
}

// TestSecondInBlock: of two authors of the truth one moves first in each block.
// The other's moves are needless by then, are taken all the same and refunded,
// and the referee runs once.
func TestSecondInBlock(t *testing.T) {
	b := newTable(t, 1000, 1024)
	truth, false1 := b.m.trace(), b.m.trace(lie{700, scramble(1 << 20)})
	b.claim(1, truth)
	b.claim(2, false1)
	b.claim(3, truth)
	b.refines(2, false1)
	var proofs []*assay.PostProof
	for _, who := range []int{1, 3} {
		b.refines(who, truth)
		proofs = append(proofs, truth.prove(b.g, b.g.Turns(key(who))[0]))
	}
	b.ok(b.g.Prove(b.m, b.now, key(1), proofs[0], costs.Prove))
	b.lost(1, CodeRefuted)
	b.ok(b.g.Prove(b.m, b.now, key(3), proofs[1], costs.Prove))
	b.refused(CodeOutOfTurn, b.g.Prove(b.m, b.now, key(3), proofs[1], costs.Prove))
	if b.m.runs != 1 || len(b.g.Proofs) != 1 {
		t.Fatalf("%d runs", b.m.runs)
	}
	b.finish()
	b.refused(CodeOver, b.g.Prove(b.m, b.now, key(3), proofs[1], costs.Prove))
	p := b.g.Payout(0, nil)
	for _, i := range []int{0, 2} {
		if want := costs.Claim + costs.Refine + costs.Prove; p.Claims[i].Costs != want {
			t.Fatalf("claim %d gets %d, want %d", i, p.Claims[i].Costs, want)
		}
	}
	// A block later it is no race any more.
	b = newTable(t, 1000, 1024)
	b.claim(1, truth)
	b.claim(2, false1)
	b.claim(3, truth)
	for _, who := range []int{1, 2, 3} {
		b.refines(who, map[bool]*trace{true: false1, false: truth}[who == 2])
	}
	late := truth.prove(b.g, b.g.Turns(key(3))[0])
	b.moves(1, truth)
	b.now++
	b.claim(4, truth)
	b.refused(CodeNoRival, b.g.Prove(b.m, b.now, key(3), late, costs.Prove))
}

// TestProofAtAnyLevel: a part whose witness fits is proved at once, before either
// has refined it.
func TestProofAtAnyLevel(t *testing.T) {
	b := newTable(t, 20_000, 32*32*32)
	b.m.segment = 1024
	truth, false1 := b.m.trace(), b.m.trace(lie{12_345, scramble(1 << 20)})
	b.claim(1, truth)
	b.claim(2, false1)
	turn := b.g.Turns(key(1))[0]
	if turn.Steps != 1024 || turn.Start != truth.at(turn.Offset).root() || turn.Stated != truth.at(turn.Offset+1024).root() {
		t.Fatalf("%+v", turn)
	}
	b.ok(b.g.Prove(b.m, b.now, key(1), truth.prove(b.g, turn), costs.Prove))
	b.lost(1, CodeRefuted)
	if o := b.finish(); o.Rounds != 2 {
		t.Fatalf("%+v", o)
	}
}

// TestSilentCandidates: nobody claims at all. The game ends, and refutes nothing.
func TestSilentCandidates(t *testing.T) {
	b := newTable(t, 1000, 1024, (&toy{halt: 1000}).trace(), (&toy{halt: 1000}).trace(lie{5, scramble(1 << 20)}))
	if len(b.g.Missing()) != 2 {
		t.Fatal("two candidates lack claims")
	}
	if o := b.finish(); !o.Result.IsZero() || len(o.Refuted) != 0 {
		t.Fatalf("%+v", o)
	}
	if want := b.g.Began.Add(2 * b.g.Rules.ClaimClock(1000)); b.g.Ended != want {
		t.Fatalf("ended at %d, want %d", b.g.Ended, want)
	}
}

// TestProofOfAnotherHistory: two liars share a false past and differ in the step
// in which the honest author meets a third liar. What the referee finds behind
// their past decides between them, and nothing about the true one.
func TestProofOfAnotherHistory(t *testing.T) {
	b := newTable(t, 1000, 1024)
	past := lie{300, scramble(1 << 40)}
	traces := []*trace{
		b.m.trace(),
		b.m.trace(lie{500, scramble(1 << 20)}),
		b.m.trace(past),
		b.m.trace(past, lie{500, scramble(1 << 20)}),
	}
	for who, tr := range traces {
		b.claim(who+1, tr)
	}
	for who, tr := range traces {
		b.refines(who+1, tr)
	}
	prove := func(who int, level uint8, offset uint64) {
		t.Helper()
		turns := b.g.Turns(key(who))
		i := slices.IndexFunc(turns, func(t Turn) bool { return t.Level == level && t.Offset == offset })
		b.ok(b.g.Prove(b.m, b.now, key(who), traces[who-1].prove(b.g, turns[i]), costs.Prove))
	}
	prove(3, 0, 499)
	b.lost(0, "")
	b.lost(1, "")
	b.lost(2, "")
	b.lost(3, CodeRefuted)
	prove(1, 0, 499)
	b.lost(0, "")
	b.lost(1, CodeRefuted)
	prove(1, 0, 299)
	b.lost(2, CodeRefuted)
	if o := b.finish(); o.Result != resultOf(traces[0].end()) {
		t.Fatalf("%+v", o)
	}
}

// TestNewRivalsLendNoTime: sybils that join a front just before its clock runs
// out do not set it anew, nor does any other move.
func TestNewRivalsLendNoTime(t *testing.T) {
	b := newTable(t, 1000, 1024)
	truth, false1 := b.m.trace(), b.m.trace(lie{700, scramble(1 << 20)})
	b.claim(1, truth)
	b.claim(2, false1)
	due := b.g.Turns(key(2))[0].Due
	b.refines(1, truth)
	b.now = due - 1
	b.claim(3, truth)
	b.claim(4, b.m.trace(lie{700, scramble(1 << 21)}))
	if turns := b.g.Turns(key(2)); len(turns) != 1 || turns[0].Due != due {
		t.Fatalf("%+v, due at %d", turns, due)
	}
	b.wait()
	b.lost(1, CodeSilent)
	if b.now != due || !b.g.Claims[2].Live() || !b.g.Claims[3].Live() {
		t.Fatal("who came later has a clock of his own")
	}
}

// TestOneProofIsNotForEver: a proof that came second in a block decided nothing
// and is not on record, so its author may prove the same step to a later rival.
func TestOneProofIsNotForEver(t *testing.T) {
	b := newTable(t, 1000, 1024)
	truth, false1 := b.m.trace(), b.m.trace(lie{700, scramble(1 << 20)})
	b.claim(1, truth)
	b.claim(2, false1)
	b.claim(3, truth)
	b.refines(2, false1)
	b.refines(3, truth) // meets the liar in the single step; claim 0 still in the part
	b.m.segment = 32
	step := truth.prove(b.g, b.g.Turns(key(3))[0])
	part := truth.prove(b.g, b.g.Turns(key(1))[0])
	b.ok(b.g.Prove(b.m, b.now, key(1), part, costs.Prove))
	b.lost(1, CodeRefuted)
	b.ok(b.g.Prove(b.m, b.now, key(3), step, costs.Prove))
	if len(b.g.Proofs) != 1 || len(b.g.Claims[2].Proved) != 1 {
		t.Fatal("the second proof decides nothing")
	}
	b.now += 10
	b.g.Proofs = nil // were the first one about another start
	b.claim(4, false1)
	b.refines(4, false1)
	b.moves(3, truth)
	b.lost(3, CodeRefuted)
	if len(b.g.Claims[2].Proved) != 2 {
		t.Fatal("it was proved again")
	}
}

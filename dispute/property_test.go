package dispute

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
)

// played is a message that a random game has taken or refused.
type played struct {
	at   assay.Clock
	move func(g *Game) error
}

// record plays a random game and returns its messages, and its end.
func record(t *testing.T, seed uint64) (start Game, moves []played, end []byte, w *world) {
	w = randomWorld(t, seed)
	w.recode = false
	w.populate(2 + w.rng.IntN(6))
	w.add(&player{name: "honest", trace: w.truth, honest: true, silent: -1})
	start = w.g.Copy()
	w.record = func(move func(g *Game) error) { moves = append(moves, played{w.now, move}) }
	w.play()
	return start, moves, canon.Marshal(w.g), w
}

// TestValue plays the same messages again: with the game encoded and decoded
// behind each, on copies, and with a look at the clock at random moments between.
// All end in the same bytes: nothing of a game is outside its bytes, and nothing
// depends on when blocks are made.
func TestValue(t *testing.T) {
	for seed := range uint64(60) {
		start, moves, end, w := record(t, seed+1<<40)
		rng := rand.New(rand.NewPCG(seed, 3))
		for _, way := range []string{"plain", "recoded", "copied", "looked at"} {
			g := start.Copy()
			for _, m := range moves {
				switch way {
				case "recoded":
					next, err := Decode(canon.Marshal(&g))
					if err != nil {
						t.Fatal(err)
					}
					g = *next
				case "copied":
					old := g
					g = old.Copy()
					scribble(&old)
				case "looked at":
					for due, ok := g.Deadline(); ok && due < m.at && rng.IntN(2) == 0; due, ok = g.Deadline() {
						g.Advance(due + assay.Clock(rng.Int64N(int64(m.at-due))))
					}
				}
				_ = m.move(&g) // what was refused is refused again
			}
			g.Advance(w.now)
			if !bytes.Equal(canon.Marshal(&g), end) {
				t.Fatalf("seed %d, %s: another end", seed, way)
			}
		}
	}
}

// scribble overwrites what a copy must not share.
func scribble(g *Game) {
	for i := range g.Claims {
		c := &g.Claims[i]
		clear(c.Roots)
		clear(c.Fronts)
		for j := range c.Refined {
			clear(c.Refined[j].Roots)
		}
		clear(c.Refined)
		clear(c.Proved)
		if c.Lost != nil {
			if c.Lost.Rival != nil {
				*c.Lost.Rival = 999
			}
			if c.Lost.Proof != nil {
				*c.Lost.Proof = 999
			}
			c.Lost.Code = ""
		}
	}
	clear(g.Claims)
	clear(g.Candidates)
	clear(g.Proofs)
}

// TestTotal holds the clocks to their documentation, and every game of the
// proportions that networks have to a bearable total.
func TestTotal(t *testing.T) {
	p := assay.DefaultParams()
	for _, c := range []struct {
		bound  uint64
		levels uint8
		total  assay.Millis
	}{
		{1, 1, 781_000}, {32, 1, 0}, {33, 2, 0}, {1 << 34, 7, 6_600_000}, {1 << 35, 7, 0}, {1<<35 + 1, 8, 0},
	} {
		r, err := NewRules(&p, costs, c.bound, c.bound, 30_000)
		if err != nil || r.Levels != c.levels || r.Span() < c.bound || c.total > 0 && (r.Total() > c.total || r.Total() < c.total*4/5) {
			t.Errorf("%d steps: %d levels, total %d ms, %v", c.bound, r.Levels, r.Total(), err)
		}
		var match assay.Millis
		for l := range r.Levels {
			match += r.MoveClock(l, c.bound)
		}
		window := r.ClaimClock(c.bound)
		if r.MatchClock() != match || r.Close() != window+2*(match+window) || r.LastCall() != r.Close()-window || r.Total() != r.Close()+window+match {
			t.Errorf("%d steps: the clocks are not those documented", c.bound)
		}
	}
	for _, bound := range []uint64{1 << 60, 1<<60 + 1, ^uint64(0)} {
		if _, err := NewRules(&p, costs, bound, 0, 0); assay.CodeOf(err) != CodeTooLong {
			t.Errorf("%d steps: %v", bound, err)
		}
	}
	p.MachineRate = ^uint64(0)
	if _, err := NewRules(&p, costs, 1, 0, 0); err == nil {
		t.Error("a rate beyond all machines")
	}
}

// TestBond holds bonds to their schedule.
func TestBond(t *testing.T) {
	r, err := NewRules(params(), costs, 20_000, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	base := Cover*(2*costs.Claim+2*costs.Refine+costs.Prove) + costs.Program
	for load, times := range map[int]assay.Amount{0: 1, 15: 1, 16: 2, 23: 2, 24: 4, 31: 4, 32: 8, 55: 32, 56: 64, 63: 64} {
		if got := r.Bond(load); got != base*times {
			t.Errorf("load %d: %d bonds, want %d", load, got/base, times)
		}
	}
	r.Costs.Prove = ^assay.Amount(0)
	if r.Bond(0) != ^assay.Amount(0) || r.Bond(63) != ^assay.Amount(0) {
		t.Error("a bond beyond all credits wraps")
	}
}

// TestPayoutOrder pays from pots of every size: program, first movers, second
// movers, bounty, and the rest is burned.
func TestPayoutOrder(t *testing.T) {
	b := newTable(t, 1000, 1024)
	truth, false1 := b.m.trace(), b.m.trace(lie{700, scramble(1 << 20)})
	for who := range 4 {
		b.claim(1+who, truth)
	}
	b.claim(9, false1)
	b.refines(9, false1)
	for who := range 4 {
		b.refines(1+who, truth)
	}
	b.moves(1, truth)
	b.finish()
	bond := b.g.Claims[4].Bond
	cover := costs.Claim + costs.Refine // of a second, third, fourth mover; the first has proved as well
	for _, c := range []struct {
		pot     assay.Amount
		program []Share
		costs   [4]assay.Amount
	}{
		{0, nil, [4]assay.Amount{cover + costs.Prove, cover, cover, cover}},
		{5, []Share{{key(50), bond - cover - costs.Prove}, {key(51), 5}}, [4]assay.Amount{cover + costs.Prove}},
		{0, []Share{{key(50), bond - 2*cover - costs.Prove}}, [4]assay.Amount{cover + costs.Prove, cover}},
		{0, []Share{{key(50), bond - 2*cover - costs.Prove - 1}}, [4]assay.Amount{cover + costs.Prove, cover, 1}},
		{0, []Share{{key(50), bond + 1}}, [4]assay.Amount{}},
		{1_000_000, nil, [4]assay.Amount{cover + costs.Prove, cover, cover, cover}},
	} {
		pay := b.g.Payout(c.pot, c.program)
		spent := assay.Amount(0)
		for i, want := range c.costs {
			if pay.Claims[i].Costs != want || pay.Claims[i].Returned != b.g.Claims[i].Bond {
				t.Errorf("pot %d, program %v: claim %d gets %d, want %d", c.pot, c.program, i, pay.Claims[i].Costs, want)
			}
			spent += want
		}
		for _, s := range pay.Program {
			spent += s.Amount
		}
		left := bond + c.pot - spent
		if pay.Claims[0].Bounty != left/20 || pay.Burned != left-left/20 {
			t.Errorf("pot %d: bounty %d, burned %d of %d", c.pot, pay.Claims[0].Bounty, pay.Burned, left)
		}
	}
}

// FuzzDecode: a game from a stranger is refused, or it can be played: nothing
// panics, everything ends, and it encodes as it was.
func FuzzDecode(f *testing.F) {
	for seed := range uint64(6) {
		for _, b := range positions(seed) {
			f.Add(b, seed)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, by uint64) { playForeign(t, b, by) })
}

// TestDecodeEdited changes a few bytes of real games, which reaches further than
// a fuzzer does in little time.
func TestDecodeEdited(t *testing.T) {
	accepted := 0
	for seed := range uint64(12) {
		rng := rand.New(rand.NewPCG(seed, 5))
		for _, b := range positions(seed) {
			for range 40 {
				edited := slices.Clone(b)
				for range 1 + rng.IntN(3) {
					edited[rng.IntN(len(edited))] = byte(rng.Uint32())
				}
				if playForeign(t, edited, rng.Uint64()) {
					accepted++
				}
			}
		}
	}
	if accepted < 100 {
		t.Fatalf("only %d edited games were accepted", accepted)
	}
}

// positions returns the bytes of a random game behind each of its moves.
func positions(seed uint64) [][]byte {
	g, moves, _, _ := record(&testing.T{}, seed)
	var list [][]byte
	for _, m := range moves[:min(len(moves), 30)] {
		if m.move(&g) == nil {
			list = append(list, canon.Marshal(&g))
		}
	}
	return list
}

func playForeign(t *testing.T, b []byte, by uint64) bool {
	g, err := Decode(b)
	if err != nil {
		return false
	}
	if !bytes.Equal(canon.Marshal(g), b) {
		t.Fatal("accepted, and encoded otherwise")
	}
	m := &toy{halt: 100, segment: 32}
	truth := m.trace()
	g.Matches()
	g.Missing()
	for i := range g.Claims {
		for _, turn := range g.Turns(g.Claims[i].Author) {
			_ = g.Refine(g.Began, g.Claims[i].Author, truth.refine(g, turn), 1)
			_ = g.Prove(m, g.Began, g.Claims[i].Author, truth.prove(g, turn), 1)
		}
	}
	g.Advance(assay.Clock(by >> 1))
	conserved(t, g, assay.Amount(by&0xffff))
	for i := range g.Proofs {
		_ = g.Recheck(m, i, nil)
	}
	_ = g.Claim(m, g.Began, assay.Key{}, truth.claim(g), 1)
	g.Advance(maxBegan * 4)
	g.Outcome()
	return true
}

func conserved(t *testing.T, g *Game, pot assay.Amount) {
	pay := g.Payout(pot, nil)
	var in, out assay.Amount
	for i := range g.Claims {
		in += g.Claims[i].Bond
		e := pay.Claims[i]
		out += e.Returned + e.Costs + e.Bounty
	}
	if in+pot >= in && in+pot != out+pay.Burned {
		t.Fatalf("%d in, %d out", in+pot, out+pay.Burned)
	}
}

// FuzzMoves hands the game messages of a stranger's making, at any time and for
// any claim: each is taken or refused with a code, and refused ones change
// nothing.
func FuzzMoves(f *testing.F) {
	f.Add(uint64(1), uint8(0), uint16(0), uint8(1), uint64(480), []byte{1, 2, 3}, uint16(31), uint32(10))
	f.Add(uint64(2), uint8(1), uint16(1), uint8(0), uint64(499), state{}.bytes(), uint16(32), uint32(4000))
	f.Add(uint64(3), uint8(2), uint16(2), uint8(255), uint64(1<<63), []byte{}, uint16(0), uint32(1<<31))
	type recorded struct {
		start Game
		moves []played
	}
	var games [16]recorded
	for i := range games {
		games[i].start, games[i].moves, _, _ = record(&testing.T{}, uint64(i))
	}
	f.Fuzz(func(t *testing.T, seed uint64, kind uint8, claim uint16, level uint8, offset uint64, body []byte, roots uint16, after uint32) {
		g, moves := games[seed%16].start.Copy(), games[seed%16].moves
		for _, m := range moves[:int(seed>>8)%(len(moves)+1)] {
			_ = m.move(&g)
		}
		at := g.Began.Add(assay.Millis(after))
		g.Advance(at)
		before := canon.Marshal(&g)
		m := &toy{halt: 1 + seed%1000, segment: 32}
		list := make([]assay.Digest, roots%64)
		for i := range list {
			list[i] = canon.Hash("fuzz", body, []byte{byte(i)})
		}
		from := key(int(seed>>16) % 9)
		var err error
		switch kind % 3 {
		case 0:
			if len(body) == 16 && len(list) == Arity {
				list[Arity-1], _, _ = m.Last(body)
			}
			err = g.Claim(m, at, from, &assay.PostClaim{Job: g.Job, Steps: offset, Last: body, Roots: list}, 1)
		case 1:
			err = g.Refine(at, from, &assay.PostRefinement{Job: g.Job, Claim: claim, Level: level, Offset: offset, Roots: list}, 1)
		case 2:
			err = g.Prove(m, at, from, &assay.PostProof{Job: g.Job, Claim: claim, Level: level, Offset: offset, Witness: body}, 1)
		}
		switch {
		case err == nil:
			if err := g.Validate(); err != nil {
				t.Fatal(err)
			}
		case assay.CodeOf(err) == assay.CodeInternal:
			t.Fatal(err)
		case !bytes.Equal(before, canon.Marshal(&g)):
			t.Fatalf("a refused move changed the game: %v", err)
		}
	})
}

// TestDecodeRefuses: games that no moves can have made.
func TestDecodeRefuses(t *testing.T) {
	b := newTable(t, 1000, 1024)
	b.claim(1, b.m.trace())
	b.claim(2, b.m.trace(lie{700, scramble(1 << 20)}))
	b.refines(1, b.m.trace())
	g := *b.g
	for name, edit := range map[string]func(*Game){
		"version":    func(g *Game) { g.Version = 2 },
		"phase":      func(g *Game) { g.Phase = 5 },
		"levels":     func(g *Game) { g.Rules.Levels = 13 },
		"rate":       func(g *Game) { g.Rules.Rate = 0 },
		"began":      func(g *Game) { g.Began = -1 },
		"claims":     func(g *Game) { g.Claims = slices.Repeat(g.Claims, MaxClaims) },
		"bonds":      func(g *Game) { g.Claims[0].Bond = ^assay.Amount(0); g.Claims[1].Bond = 1 },
		"vector":     func(g *Game) { g.Claims[0].Vector[0] ^= 1 },
		"steps":      func(g *Game) { g.Claims[0].Steps = g.Rules.Bound + 1 },
		"refinement": func(g *Game) { g.Claims[0].Refined[0].Level = 0 },
		"order":      func(g *Game) { g.Claims[0].Refined = slices.Repeat(g.Claims[0].Refined, 2) },
		"middles":    func(g *Game) { g.Claims[0].Refined[0].Roots = append(g.Claims[0].Refined[0].Roots, assay.Digest{}) },
		"front":      func(g *Game) { g.Claims[0].Fronts = []Front{{Level: 12, Due: 1}} },
		"proof":      func(g *Game) { g.Proofs = []Proof{{Claim: 1000}} },
		"loss":       func(g *Game) { g.Claims[0].Lost = &Loss{} },
	} {
		c := g.Copy()
		edit(&c)
		if _, err := Decode(canon.Marshal(&c)); assay.CodeOf(err) != CodeState && assay.CodeOf(err) != CodeTooLong {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Decode(append(canon.Marshal(&g), 0)); assay.CodeOf(err) != CodeState {
		t.Error(err)
	}
}

// TestCodes: every code is documented, once.
func TestCodes(t *testing.T) {
	seen := map[assay.Code]bool{}
	for _, c := range Codes() {
		if c.Text == "" || c.Hint == "" || seen[c.Code] {
			t.Errorf("%+v", c)
		}
		seen[c.Code] = true
	}
	for _, name := range []Phase{Claiming, Playing, Further, Over} {
		if name.String() == "unknown" {
			t.Errorf("phase %d", name)
		}
	}
	if Phase(9).String() != "unknown" {
		t.Error("phase 9")
	}
}

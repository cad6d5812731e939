package dispute

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
)

var games = flag.Int("games", 1500, "random games that TestGames plays")

// params are those of a network with clocks of a few seconds.
func params() *assay.Params {
	p := assay.LocalParams()
	p.MachineRate = 10_000
	return &p
}

// costs are in the proportions of the real ones: a proof of 256 KiB against a
// refinement of 1 KiB.
var costs = Costs{Claim: 4_000, Refine: 2_000, Prove: 290_000, Program: 50_000}

// player is somebody with a trace and a way to play it.
type player struct {
	name   string
	key    assay.Key
	trace  *trace
	honest bool
	lazy   bool   // does not claim what somebody else claims already
	silent int    // falls silent after so many moves; negative: never
	stall  bool   // moves in the last block before its clock
	wrong  bool   // states wrong middles when it refines
	depth  uint8  // proves from this level downwards
	again  int    // how often it comes back when it has lost
	join   int    // after how many percent of the time for claims it first claims
	tell   bool   // announces first
	vanish bool   // announces and never claims
	steps  uint64 // what it says the run took; 0: the truth
	moves  int
	paid   assay.Amount // bonds and fees
}

// world plays one game in blocks.
type world struct {
	t       testing.TB
	rng     *rand.Rand
	g       *Game
	m       *toy
	truth   *trace
	players []*player
	now     assay.Clock
	block   assay.Millis // the longest
	recode  bool
	blocks  int
	bonds   assay.Amount
	log     []string
	record  func(move func(g *Game) error)
}

func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	for _, l := range w.log {
		w.t.Log(l)
	}
	w.t.Fatalf(format, args...)
}

func key(i int) assay.Key { return assay.Key{byte(i), byte(i >> 8), 1} }

// newWorld starts a game over a trace of so many steps with the players' results
// as candidates.
func newWorld(t testing.TB, seed uint64, halt, bound uint64, segment uint64) *world {
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 7)), m: &toy{halt: halt, segment: segment}, now: 1_000_000, block: 1000}
	w.truth = w.m.trace()
	rules, err := NewRules(params(), costs, bound, halt, 500)
	if err != nil {
		t.Fatal(err)
	}
	g := New(rules, assay.JobID{1}, state{}.root(), nil, w.now)
	w.g = &g
	return w
}

func (w *world) add(p *player) {
	p.key = key(len(w.players) + 1)
	w.players = append(w.players, p)
}

// stand makes the players' results candidates.
func (w *world) stand(list ...*trace) {
	for _, tr := range list {
		r := resultOf(tr.end())
		if !slices.ContainsFunc(w.g.Candidates, func(c Candidate) bool { return c.Result == r }) {
			w.g.Candidates = append(w.g.Candidates, Candidate{Result: r})
		}
	}
}

// play makes blocks until the game is over.
func (w *world) play() {
	w.t.Helper()
	limit := w.g.Began.Add(w.g.Rules.Total())
	for !w.g.IsOver() {
		w.now = w.now.Add(1 + assay.Millis(w.rng.Int64N(int64(w.block))))
		w.blocks++
		w.g.Advance(w.now)
		w.check()
		for _, i := range w.rng.Perm(len(w.players)) {
			w.act(w.players[i])
		}
		if w.now > limit.Add(w.block) {
			w.fail("the game has outlived its hard total")
		}
	}
	if w.g.Ended > limit {
		w.fail("ended at %d, the hard total is %d", w.g.Ended, limit)
	}
}

// try makes a move and holds a refused one to having changed nothing.
func (w *world) try(p *player, what string, move func(g *Game) error) bool {
	w.t.Helper()
	before := canon.Marshal(w.g)
	err := move(w.g)
	if w.record != nil {
		w.record(move)
	}
	w.log = append(w.log, fmt.Sprintf("%d %s %s: %v", w.now-w.g.Began, p.name, what, err))
	if err != nil {
		if assay.CodeOf(err) == assay.CodeInternal {
			w.fail("%s: %v", what, err)
		}
		if !bytes.Equal(before, canon.Marshal(w.g)) {
			w.fail("a refused move changed the game: %s: %v", what, err)
		}
		return false
	}
	p.moves++
	if w.recode {
		g, err := Decode(canon.Marshal(w.g))
		if err != nil {
			w.fail("%v", err)
		}
		w.g = g
	}
	return true
}

// post claims or announces, and pays the bond.
func (w *world) post(p *player, msg *assay.PostClaim) bool {
	at := w.now
	price, err := w.g.Price(at, p.key, msg)
	if !w.try(p, fmt.Sprintf("claims (%d roots, bond %d)", len(msg.Roots), price), func(g *Game) error {
		return g.Claim(w.m, at, p.key, msg, costs.Claim)
	}) {
		return false
	}
	if err != nil {
		w.fail("priced %v, and taken", err)
	}
	p.paid += price + costs.Claim
	w.bonds += price
	return true
}

// act lets a player do in this block what it wants to.
func (w *world) act(p *player) {
	if p.silent >= 0 && p.moves > p.silent {
		return
	}
	own := w.g.liveOf(p.key)
	switch {
	case w.g.IsOver():
	case own < 0:
		w.enterGame(p)
	case w.g.Claims[own].Announced():
		if !p.vanish && (w.urgent(w.g.Claims[own].Due) || w.rng.IntN(4) == 0) {
			w.post(p, p.message(w.g))
		}
	default:
		for _, t := range w.g.Turns(p.key) {
			w.turn(p, t)
		}
	}
}

// urgent reports whether the next block may come too late.
func (w *world) urgent(due assay.Clock) bool { return due.Add(-2*w.block) <= w.now }

func (w *world) enterGame(p *player) {
	known := 0
	for i := range w.g.Claims {
		if w.g.Claims[i].Author == p.key {
			known++
		}
	}
	part := w.now - w.g.Began
	msg := p.message(w.g)
	last := w.g.Phase == Further && w.urgent(w.g.Due) || w.urgent(w.g.Closes())
	switch {
	case known > p.again:
		return
	case p.lazy && !w.g.IsLastCall(w.now) && w.represented(msg):
		return
	case !(p.honest && last) && known == 0 && part < assay.Clock(w.g.Rules.Close())*assay.Clock(p.join)/100:
		return
	case !p.honest && w.rng.IntN(3) > 0:
		return
	case p.honest && !last && w.rng.IntN(3) > 0:
		return
	}
	if p.tell {
		msg = &assay.PostClaim{Job: w.g.Job}
	}
	w.post(p, msg)
}

func (w *world) represented(msg *assay.PostClaim) bool {
	return slices.ContainsFunc(w.g.Claims, func(c Claim) bool { return c.Live() && c.Vector == VectorOf(msg.Roots) })
}

func (p *player) message(g *Game) *assay.PostClaim {
	msg := p.trace.claim(g)
	if p.steps > 0 {
		msg.Steps = min(p.steps, g.Rules.Bound)
	}
	return msg
}

func (w *world) turn(p *player, t Turn) {
	at, late := w.now, t.Due != 0 && w.urgent(t.Due)
	if !late && (p.stall || w.rng.IntN(3) == 0) {
		return
	}
	if _, in := w.g.Claims[t.Claim].front(t.Level, t.Offset); !in || !w.g.Claims[t.Claim].Live() {
		return
	}
	provable := p.trace.at(t.Offset).root() == t.Start && t.Steps <= w.m.segment && t.Level <= p.depth
	// A liar does not prove that he lies.
	s := p.trace.at(t.Offset)
	if !p.honest && provable {
		for range t.Steps {
			s = w.m.step(s)
		}
		provable = s.root() == t.Stated
	}
	switch {
	case provable:
		msg := p.trace.prove(w.g, t)
		if w.try(p, fmt.Sprintf("proves %d/%d", t.Level, t.Offset), func(g *Game) error { return g.Prove(w.m, at, p.key, msg, costs.Prove) }) {
			p.paid += costs.Prove
		}
	case t.Level > 0 && !t.Refined:
		msg := p.trace.refine(w.g, t)
		if p.wrong {
			for i := w.rng.IntN(Arity - 1); i < Arity-1; i++ {
				msg.Roots[i] = canon.Hash("wrong", msg.Roots[i][:])
			}
		}
		if w.try(p, fmt.Sprintf("refines %d/%d", t.Level, t.Offset), func(g *Game) error { return g.Refine(at, p.key, msg, costs.Refine) }) {
			p.paid += costs.Refine
		}
	}
}

// check holds the game to what is true of every position.
func (w *world) check() {
	w.t.Helper()
	g := w.g
	if err := g.Validate(); err != nil {
		w.fail("%v", err)
	}
	type front struct {
		claim, level, offset uint64
	}
	want, got := map[front]bool{}, map[front]bool{}
	for _, m := range g.Matches() {
		want[front{uint64(m.A), uint64(m.Level), m.Offset}] = true
		want[front{uint64(m.B), uint64(m.Level), m.Offset}] = true
		if m.EndA == m.EndB {
			w.fail("claims %d and %d agree on the interval that they dispute", m.A, m.B)
		}
		w.naive(m)
	}
	for i := range g.Claims {
		for _, f := range g.Claims[i].Fronts {
			if f.Ended == 0 {
				got[front{uint64(i), uint64(f.Level), f.Offset}] = true
			}
		}
	}
	if len(want) != len(got) {
		w.fail("%d fronts, the matches have %d", len(got), len(want))
	}
	for f := range want {
		if !got[f] {
			w.fail("no front for %v", f)
		}
	}
	live := slices.DeleteFunc(slices.Clone(g.Claims), func(c Claim) bool { return !c.Live() || c.Announced() })
	for i := range live {
		for j := range i {
			if live[i].Vector != live[j].Vector && len(want) == 0 {
				w.fail("rivals without a match")
			}
		}
	}
}

// naive holds a match to what its interval must be, read off all the roots that
// the two have stated: they agree on the state before it and before all larger
// intervals around it, differ behind each of these, agree on all earlier parts of
// each, and have not both gone into its middles.
func (w *world) naive(m Match) {
	w.t.Helper()
	a, b := w.stated(int(m.A)), w.stated(int(m.B))
	differ := func(at uint64) bool {
		x, okA := a[at]
		y, okB := b[at]
		if !okA || !okB {
			w.fail("claims %d and %d have not both stated step %d", m.A, m.B, at)
		}
		return x != y
	}
	for level := m.Level; level < w.g.Rules.Levels; level++ {
		from := m.Offset / steps(level) * steps(level)
		if differ(from) || from+steps(level) < w.g.Rules.Span() && !differ(from+steps(level)) {
			w.fail("claims %d and %d do not meet at level %d, step %d", m.A, m.B, level, from)
		}
		for at := m.Offset / steps(level+1) * steps(level+1); at < from; at += steps(level) {
			if differ(at) {
				w.fail("claims %d and %d differ at %d, before %d", m.A, m.B, at, m.Offset)
			}
		}
	}
	_, okA := w.g.Claims[m.A].refinement(m.Level, m.Offset)
	_, okB := w.g.Claims[m.B].refinement(m.Level, m.Offset)
	if m.Level > 0 && okA && okB {
		w.fail("claims %d and %d have both refined %d/%d", m.A, m.B, m.Level, m.Offset)
	}
}

func (w *world) stated(claim int) map[uint64]assay.Digest {
	c := &w.g.Claims[claim]
	all := map[uint64]assay.Digest{0: w.g.Start}
	for i, r := range c.Roots {
		all[uint64(i+1)*steps(w.g.Rules.Levels-1)] = r
	}
	for _, f := range c.Refined {
		for i, r := range f.Roots {
			all[f.Offset+uint64(i+1)*steps(f.Level-1)] = r
		}
	}
	return all
}

// finish holds the end of a game to what it promises.
func (w *world) finish(honest bool, pot assay.Amount) {
	w.t.Helper()
	w.check()
	o := w.g.Outcome()
	var survivors []int
	for i := range w.g.Claims {
		if w.g.Claims[i].Live() {
			survivors = append(survivors, i)
			if w.g.Claims[i].Vector != w.g.Claims[survivors[0]].Vector {
				w.fail("two vectors survived")
			}
		}
	}
	if o.Rounds > int(w.g.Rules.Levels)+1 {
		w.fail("%d rounds in %d levels", o.Rounds, w.g.Rules.Levels)
	}
	pay := w.g.Payout(pot, nil)
	w.conserve(pay, pot)
	if !honest {
		return
	}
	if o.Result != resultOf(w.truth.end()) {
		w.fail("the wrong result survived")
	}
	if slices.Contains(o.Refuted, o.Result) {
		w.fail("the true result was refuted")
	}
	if len(survivors) == 0 || w.g.Claims[survivors[0]].Vector != VectorOf(w.truth.claim(w.g).Roots) {
		w.fail("the true vector did not survive")
	}
	w.whole(pay)
}

func (w *world) conserve(pay Payout, pot assay.Amount) {
	w.t.Helper()
	var in, out, lost assay.Amount
	for i, c := range w.g.Claims {
		in += c.Bond
		e := pay.Claims[i]
		out += e.Returned + e.Costs + e.Bounty
		if c.Live() && e.Returned != c.Bond {
			w.fail("claim %d survived and gets %d of %d back", i, e.Returned, c.Bond)
		}
		if !c.Live() {
			lost += c.Bond
			if e.Returned+e.Costs+e.Bounty != 0 {
				w.fail("claim %d lost and is paid", i)
			}
		}
	}
	for _, s := range pay.Program {
		out += s.Amount
	}
	if in != w.bonds {
		w.fail("%d of bonds on record, %d were paid", in, w.bonds)
	}
	if in+pot != out+pay.Burned {
		w.fail("%d + %d in, %d + %d out", in, pot, out, pay.Burned)
	}
	// Whoever loses never gets a profit out of it: most of what was lost, and not
	// spent on fees, is burned.
	if lost > 0 && pay.Burned == 0 {
		w.fail("nothing was burned of %d", lost)
	}
}

// whole holds the game to leaving no honest player poorer, as long as any claim
// has lost that pays for it.
func (w *world) whole(pay Payout) {
	w.t.Helper()
	if !slices.ContainsFunc(w.g.Claims, func(c Claim) bool { return !c.Live() }) {
		return
	}
	for _, p := range w.players {
		if !p.honest {
			continue
		}
		var got assay.Amount
		for i, c := range w.g.Claims {
			if c.Author == p.key {
				if !c.Live() {
					w.fail("%s lost claim %d: %s", p.name, i, c.Lost.Code)
				}
				got += pay.Claims[i].Returned + pay.Claims[i].Costs + pay.Claims[i].Bounty
			}
		}
		if got < p.paid {
			w.fail("%s paid %d and got %d", p.name, p.paid, got)
		}
	}
}

// randomLies returns a false trace: one to three lies, or a run that halts early,
// or one that ends in the true result and lies before.
func (w *world) randomLies() *trace {
	halt := w.m.halt
	at := func() uint64 { return 1 + w.rng.Uint64N(halt) }
	switch w.rng.IntN(6) {
	case 0: // halts early
		return w.m.trace(lie{at(), func(s state) state { return state{halt, s.value} }})
	case 1: // wrong in between, true at the end
		a := at()
		b := min(a+w.rng.Uint64N(halt), halt)
		if a == b {
			return w.m.trace(lie{halt, scramble(1 << 40)})
		}
		right := w.truth.at(b)
		return w.m.trace(lie{a, scramble(w.rng.Uint64() | 1)}, lie{b, func(state) state { return right }})
	case 2: // the last state differs in what the result does not cover
		return w.m.trace(lie{halt, scramble(1)})
	case 3:
		return w.m.trace(lie{at(), scramble(w.rng.Uint64() | 1)}, lie{at(), scramble(w.rng.Uint64() | 1)})
	}
	return w.m.trace(lie{at(), scramble(w.rng.Uint64() | 1)})
}

// populate fills a world with liars of every kind.
func (w *world) populate(liars int) {
	var lies []*trace
	for range 1 + w.rng.IntN(3) {
		lies = append(lies, w.randomLies())
	}
	for i := range liars {
		p := &player{name: fmt.Sprint("liar", i), trace: lies[w.rng.IntN(len(lies))], silent: -1, depth: uint8(w.rng.IntN(2))}
		if w.rng.IntN(3) == 0 {
			p.trace = w.randomLies()
		}
		switch w.rng.IntN(8) {
		case 0:
			p.silent = w.rng.IntN(4)
		case 1:
			p.stall = true
		case 2: // saboteur: the true vector, then silence
			p.name, p.trace, p.silent = fmt.Sprint("mute", i), w.truth, w.rng.IntN(3)
		case 3: // saboteur: the true vector, then wrong middles
			p.name, p.trace, p.wrong = fmt.Sprint("saboteur", i), w.truth, true
		case 4:
			p.tell, p.vanish = true, true
		case 5:
			p.tell, p.steps = true, 1
		case 6:
			p.steps = w.g.Rules.Bound
		}
		p.again, p.join = w.rng.IntN(3), max(0, w.rng.IntN(120)-20)
		w.add(p)
	}
	w.stand(lies...)
}

// randomWorld draws everything from a seed.
func randomWorld(t testing.TB, seed uint64) *world {
	rng := rand.New(rand.NewPCG(seed, 1))
	bound := []uint64{30, 1_000, 20_000}[rng.IntN(3)]
	w := newWorld(t, seed, 1+rng.Uint64N(bound), bound, []uint64{1, 32, 1024}[rng.IntN(3)])
	w.recode = rng.IntN(4) == 0
	return w
}

// TestGames plays random games of one honest author, or two, against liars of
// every kind: the true result survives, nobody honest is poorer, the game ends in
// its hard total and in one round per level, however many liars there are.
func TestGames(t *testing.T) {
	n := *games
	if testing.Short() {
		n /= 5
	}
	for seed := range uint64(n) {
		w := randomWorld(t, seed)
		w.log = append(w.log, fmt.Sprintf("seed %d, halt %d, %d levels", seed, w.m.halt, w.g.Rules.Levels))
		w.populate(w.rng.IntN(10))
		honest := &player{name: "honest", trace: w.truth, honest: true, silent: -1, depth: uint8(w.rng.IntN(3)), lazy: w.rng.IntN(2) == 0, tell: w.rng.IntN(4) == 0, stall: w.rng.IntN(4) == 0, join: max(0, w.rng.IntN(200)-100)}
		if w.rng.IntN(2) == 0 {
			w.stand(w.truth)
		}
		w.add(honest)
		if w.rng.IntN(4) == 0 {
			second := *honest
			second.name, second.lazy = "honest2", w.rng.IntN(2) == 0
			w.add(&second)
		}
		w.play()
		w.finish(true, 0)
	}
}

// TestGamesOfLiars plays games without an honest author: they end, coins are
// conserved, and at most one vector survives.
func TestGamesOfLiars(t *testing.T) {
	for seed := range uint64(*games / 5) {
		w := randomWorld(t, seed+1<<32)
		w.populate(1 + w.rng.IntN(8))
		w.play()
		w.finish(false, assay.Amount(w.rng.Uint64N(1_000_000)))
	}
}

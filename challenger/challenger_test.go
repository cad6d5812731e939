package challenger_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/adversary"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/challenger"
	"github.com/capacloud/assay/dispute"
)

func play(k adversary.Kind, variant ...int) adversary.Player {
	p := adversary.Player{Kind: k}
	if len(variant) > 0 {
		p.Variant = variant[0]
	}
	return p
}

var honest = play(adversary.Honest)

// right asserts that the truth has survived, and that no honest claim has lost.
func (w *world) right(o dispute.Outcome) {
	w.t.Helper()
	if o.Result != w.toy.result.Digest() {
		w.t.Errorf("survivor %s, the machine says %s; %s", o.Result.Short(), w.toy.result.Digest().Short(), w.story())
	}
	for i, c := range w.game.Claims {
		for _, k := range w.parties {
			if k.key == c.Author && k.player.IsHonest() && !c.Live() {
				w.t.Errorf("claim %d of %s has lost: %s", i, k.name, c.Lost.Code)
			}
		}
	}
	for key, n := range w.codes {
		for _, k := range w.parties {
			if k.player.IsHonest() && k.crash == nil && strings.HasPrefix(key, k.name+" ") {
				w.t.Errorf("%s was refused: %s, %d times", k.name, key, n)
			}
		}
	}
}

func (w *world) story() string {
	return fmt.Sprintf("%s; refused %v", strings.Join(w.posted[:min(30, len(w.posted))], ", "), w.codes)
}

// liars are the ways to be wrong that a game must survive.
var liars = []adversary.Player{
	play(adversary.Lie), play(adversary.Collude), play(adversary.Misstate), play(adversary.Stall), play(adversary.Silent),
	play(adversary.Bluff), play(adversary.Meddle), play(adversary.Lazy),
}

// TestOneWatcher: whoever lies in the seat and however he goes on, one watcher
// is enough.
func TestOneWatcher(t *testing.T) {
	for _, p := range liars {
		t.Run(p.String(), func(t *testing.T) {
			w := newWorld(t)
			w.seated("liar", p)
			w.watch("watcher", honest)
			w.begin()
			w.right(w.run())
		})
	}
}

// TestOneProvider: an honest seat defends itself against all kinds of liars at
// once, seated and strangers, and saboteurs that tell the truth wrongly.
func TestOneProvider(t *testing.T) {
	w := newWorld(t)
	for i, p := range liars {
		w.seated(fmt.Sprint("liar ", i), p)
	}
	w.seated("provider", honest)
	w.seated("saboteur 0", play(adversary.Sabotage, 0))
	w.seated("saboteur 1", play(adversary.Sabotage, 1))
	for i, p := range liars {
		w.watch(fmt.Sprint("stranger ", i), p)
	}
	w.watch("saboteur 2", play(adversary.Sabotage, 1))
	w.begin()
	w.right(w.run())
}

// TestSybils: sixteen strangers with a lie each against one honest watcher, and
// an honest seat against them.
func TestSybils(t *testing.T) {
	for _, seat := range []bool{false, true} {
		w := newWorld(t)
		if seat {
			w.seated("provider", honest)
		} else {
			w.seated("liar", play(adversary.Lie))
			w.watch("watcher", honest)
		}
		for i := range 16 {
			w.watch(fmt.Sprint("sybil ", i), play(adversary.Lie))
		}
		w.begin()
		w.right(w.run())
	}
}

// TestShield: the liar's friends challenge it badly first, so that it may seem
// to have stood the test; the honest watcher comes when all of them have lost.
func TestShield(t *testing.T) {
	w := newWorld(t)
	w.seated("liar", play(adversary.Lie))
	w.watch("friend 1", play(adversary.Silent))
	w.watch("friend 2", play(adversary.Bluff))
	late := w.watch("watcher", honest)
	quiet := false
	late.absent = func() bool {
		quiet = quiet || w.game.Phase == dispute.Further
		return !quiet
	}
	w.begin()
	w.right(w.run())
	if n := len(w.game.Claims); n < 3 {
		t.Errorf("%d claims: nobody has played the shield; %s", n, w.story())
	}
}

// TestSaboteurLast: the wrong challenger is beaten, all claims that are left end
// in the truth, and one of them tells the way there wrongly. Who has claimed has
// to go on, or loses the bond by silence.
func TestSaboteurLast(t *testing.T) {
	w := newWorld(t)
	w.seated("provider", honest).absent = func() bool { return true }
	w.watch("challenger", play(adversary.Lie))
	w.watch("watcher", honest)
	saboteur := w.watch("saboteur", play(adversary.Sabotage, 0))
	saboteur.absent = func() bool { return true }
	w.begin()
	for len(w.game.Claims) < 2 || slices.ContainsFunc(w.game.Claims, func(c dispute.Claim) bool { return c.Live() && c.Result != w.toy.result.Digest() }) {
		w.block()
	}
	roots, err := w.toy.Roots(t.Context(), 0, w.game.Rules.Span()/dispute.Arity, dispute.Arity)
	if err != nil {
		t.Fatal(err)
	}
	roots[1][0] ^= 1 // in a part in which nobody has moved yet
	w.apply(saboteur, []assay.Message{&assay.PostClaim{Job: w.c.ID, Steps: toySteps, Last: w.toy.last(), Roots: roots}})
	w.right(w.run())
	if c := w.game.Claims[len(w.game.Claims)-1]; c.Author != saboteur.key || c.Live() {
		t.Errorf("the saboteur was not there, or has not lost; %s", w.story())
	}
}

// TestWrongChallenger: an honest result survives whoever challenges it.
func TestWrongChallenger(t *testing.T) {
	for _, p := range liars {
		t.Run(p.String(), func(t *testing.T) {
			w := newWorld(t)
			w.seated("provider", honest)
			w.watch("challenger", p)
			w.begin()
			w.right(w.run())
		})
	}
}

// TestNobodyHonest: two liars and nobody else. The checker of all tests above is
// seen to fail: there is a survivor, and it is wrong.
func TestNobodyHonest(t *testing.T) {
	w := newWorld(t)
	w.seated("liar", play(adversary.Lie))
	w.seated("other", play(adversary.Lie))
	w.begin()
	if o := w.run(); o.Result == w.toy.result.Digest() {
		t.Errorf("the truth came from nowhere; %s", w.story())
	}
}

// TestSilentSaboteur: a stranger posts the true claim before anybody else can
// and lets it die. The honest party, which relied on it, comes back, and relies
// on nobody again.
func TestSilentSaboteur(t *testing.T) {
	w := newWorld(t)
	w.seated("liar", play(adversary.Lie))
	var saboteurs []*party
	for i := range 3 {
		s := w.watch(fmt.Sprint("saboteur ", i), honest)
		s.player = play(adversary.Sabotage)
		s.absent = func() bool { return len(w.game.Claims) > i+1 } // claims, and is never seen again
		saboteurs = append(saboteurs, s)
	}
	w.watch("watcher", honest)
	w.begin()
	w.right(w.run())
	first := w.game.Claims[0].Author
	if first != saboteurs[0].key && w.game.Claims[1].Author != saboteurs[0].key {
		t.Skip("the saboteur was not first")
	}
}

// TestCrashAtEveryMove kills an honest party before each event that it hears,
// one after the other, and then before all of them: what it remembers only
// saves work.
func TestCrashAtEveryMove(t *testing.T) {
	build := func(t *testing.T, crash func(w *world) func() bool) *world {
		w := newWorld(t)
		w.seated("liar", play(adversary.Stall))
		w.seated("saboteur", play(adversary.Sabotage, 1))
		w.watch("stranger", play(adversary.Bluff))
		k := w.watch("watcher", honest)
		k.crash = crash(w)
		w.begin()
		return w
	}
	calm := build(t, func(*world) func() bool { return nil })
	calm.right(calm.run())
	for at := range 400 {
		heard := 0
		w := build(t, func(*world) func() bool {
			return func() bool { heard++; return heard == at }
		})
		if o := w.run(); o.Result != w.toy.result.Digest() {
			t.Fatalf("killed at event %d: survivor %s; %s", at, o.Result.Short(), w.story())
		}
		if heard < at {
			break // the game has no more events
		}
	}
	w := build(t, func(*world) func() bool {
		n := 0
		return func() bool { n++; return n%7 == 0 } // much oftener, and it never hears all that a move takes
	})
	w.right(w.run())
}

// TestProviderCrashes is the same for a provider's defence.
func TestProviderCrashes(t *testing.T) {
	for every := 5; every < 20; every++ {
		w := newWorld(t)
		w.seated("liar", play(adversary.Lie))
		k := w.seated("provider", honest)
		w.watch("stranger", play(adversary.Collude))
		n := 0
		k.crash = func() bool { n++; return n%every == 0 }
		w.begin()
		w.right(w.run())
	}
}

// TestAnnounce: a machine that needs longer than the liar's claim leaves time
// for. The watcher binds itself in time and shows its roots when it has them.
func TestAnnounce(t *testing.T) {
	w := newWorld(t)
	w.seated("liar", play(adversary.Lie))
	k := w.watch("watcher", honest)
	w.begin()
	k.slow = 60_000
	w.game.Rules.Claimed, w.game.Rules.Rate = 1, 10_000
	w.game.Due = w.game.Began.Add(w.game.Rules.ClaimClock(1))
	w.right(w.run())
}

// TestAppeal: a watcher opens an appeal against a settled lie, whose supporters
// defend it with all that they have; an honest supporter stands against whoever
// appeals for nothing.
func TestAppeal(t *testing.T) {
	for _, liar := range liars {
		w := newWorld(t)
		w.seated("liar", liar)
		w.seated("friend", liar)
		w.watch("watcher", honest)
		w.settle()
		for range 8 {
			w.block()
		}
		if w.game == nil {
			t.Fatalf("%s: nobody has appealed", liar)
		}
		w.right(w.run())

		w = newWorld(t)
		w.seated("provider", honest)
		w.seated("other", honest).absent = func() bool { return true }
		w.watch("appellant", liar)
		w.settle()
		for range 8 {
			w.block()
		}
		if w.game == nil {
			continue // this kind appeals by silence
		}
		w.right(w.run())
	}
}

// TestPassed: where no block comes, a lost claim is sent again all the same.
func TestPassed(t *testing.T) {
	w := newWorld(t)
	w.seated("liar", play(adversary.Lie))
	k := w.watch("watcher", honest)
	w.settle()
	for range 8 {
		if w.block(); w.game != nil {
			break
		}
	}
	if w.game == nil {
		t.Fatal("nobody has appealed")
	}
	w.game = nil // the claim was lost, and no block comes any more
	w.watched(k, k.w.Step(challenger.Passed{}))
	if w.game == nil || len(w.game.Claims) != 1 {
		t.Error("it waits for a block for ever")
	}
}

// TestIndefensible: a provider that has opened what its machine does not say
// loses its stake, and no bond besides.
func TestIndefensible(t *testing.T) {
	w := newWorld(t)
	k := w.seated("provider", honest)
	w.watch("watcher", honest)
	flipped := w.toy.result
	flipped.State[0] ^= 1
	w.c.Seats[0].Result = &flipped
	w.begin()
	w.right(w.run())
	for _, c := range w.game.Claims {
		if c.Author == k.key {
			t.Errorf("it claimed %s", c.Result.Short())
		}
	}
}

// TestQuiet: who agrees with everybody asks the machine nothing and posts
// nothing; who does not trusts the machine more than its own executor.
func TestQuiet(t *testing.T) {
	w := newWorld(t)
	w.seated("provider", honest)
	k := w.watch("watcher", honest)
	w.begin()
	show := func() []challenger.Effect {
		w.at.Height++
		c, _ := w.show()
		return k.w.Step(challenger.State{Moment: w.at, Cases: []*board.Case{c}})
	}
	if e := show(); len(e) != 1 || e[0].(challenger.Execute).ID != w.c.ID {
		t.Fatalf("%#v", e)
	}
	if e := k.w.Step(challenger.Executed{Job: w.c.ID, Result: w.toy.result}); len(e) > 0 {
		t.Fatalf("unasked for: %#v", e)
	}
	if e := show(); len(e) > 0 {
		t.Fatalf("unasked for: %#v", e)
	}

	k.boot()
	show()
	flipped := w.toy.result
	flipped.State[0] ^= 1
	ask, ok := k.w.Step(challenger.Executed{Job: w.c.ID, Result: flipped})[0].(challenger.Ask)
	if !ok || ask.Question.Kind != challenger.AskFinal {
		t.Fatalf("%#v", ask)
	}
	e := k.w.Step(challenger.AnswerOf(t.Context(), w.toy, w.c.ID, ask.Question))
	for _, x := range e {
		if _, sent := x.(challenger.Send); sent {
			t.Errorf("claimed what only the executor says: %#v", e)
		}
	}
	if r, ok := e[0].(challenger.Report); !ok || assay.CodeOf(r.Err) != challenger.CodeEngines {
		t.Errorf("%#v", e)
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []challenger.Config{{}, {Network: assay.Digest{1}}, {Network: assay.Digest{1}, Key: assay.Key{1}, Capacity: -1}, {Network: assay.Digest{1}, Key: assay.Key{1}, ProveBytes: -1}} {
		if _, err := challenger.New(c); assay.CodeOf(err) != challenger.CodeConfig {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

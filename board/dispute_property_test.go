package board

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/dispute"
)

// player is how a party behaves where a referee exists.
type player struct {
	result string // that it opens
	trace  string // that it claims; empty: nothing
	opens  bool
	quits  int // stops playing after so many blocks; zero: never
}

var players = []player{
	{"A", "A", true, 0}, // honest
	{"B", "B500", true, 0},
	{"B", "B500", true, 0},
	{"B", "B20", true, 3},
	{"C", "C700", true, 0},
	{"C", "", true, 0},
	{"A", "", true, 0}, // right, and too lazy to say so
	{"A", "B100A700", true, 0},
	{"B", "B999", false, 0},
}

// arena is a random world with a referee.
type arena struct {
	policy    string
	cast      []int    // player by provider
	strangers []string // traces, "A" is an honest watcher
	late      int      // blocks before strangers act
	share     assay.PPM
	dt        []int
}

func arenas(t *rapid.T) *arena {
	a := &arena{
		policy: rapid.SampledFrom([]string{
			"quorum(2)", "quorum(3)", "quorum(3, agree=2)", "optimistic(20s)", "all(quorum(2), optimistic(20s))",
			"any(quorum(3), optimistic(20s))", "escalate(optimistic(20s), quorum(2))", "atleast(2, quorum(1), quorum(2), optimistic(9s))",
		}).Draw(t, "policy"),
		share: rapid.SampledFrom([]assay.PPM{0, 500_000, assay.Whole}).Draw(t, "share"),
		late:  rapid.IntRange(0, 6).Draw(t, "late"),
	}
	for range 12 {
		a.cast = append(a.cast, rapid.IntRange(0, len(players)-1).Draw(t, "player"))
	}
	a.strangers = rapid.SliceOfN(rapid.SampledFrom([]string{"A", "B500", "B300", "C700", "B100A700"}), 0, 3).Draw(t, "strangers")
	a.dt = rapid.SliceOfN(rapid.IntRange(300, 1500), 4, 4).Draw(t, "dt")
	return a
}

func (a *arena) playerOf(h *harness, seat int) player {
	i := slices.IndexFunc(h.market.listings, func(l assay.Listing) bool { return l.Provider == h.c.Seats[seat].Provider })
	return players[a.cast[i]]
}

func (a *arena) run(way harness) (*harness, error) {
	h := newHarness(len(a.cast), 3, assay.Dev)
	SetReferee(assay.RuntimeWasm, theToy)
	h.recode, h.often = way.recode, way.often
	h.g.Params.WatchShare = a.share
	if err := h.submit(a.policy, 600_000, false); err != nil {
		return nil, err
	}
	disputing := 0
	for n := range 3000 {
		if h.c.Settled() {
			return h, nil
		}
		if h.c.Dispute() != nil {
			disputing++
		} else {
			disputing = 0
		}
		h.block(assay.Millis(a.dt[n%len(a.dt)]), func() { a.act(h, disputing) })
	}
	return h, fmt.Errorf("the case does not end")
}

// act lets everybody say what it says.
func (a *arena) act(h *harness, disputing int) {
	for i := range h.c.Seats {
		p := a.playerOf(h, i)
		_ = h.commit(i, p.result)
		_ = h.tag(i, p.result)
		if p.opens {
			_ = h.open(i, p.result)
		}
		_ = h.answer(i, p.result)
		if p.trace != "" && (p.quits == 0 || disputing < p.quits) && h.c.Seats[i].State == assay.Opened {
			a.speak(h, fmt.Sprint(i), p.trace)
		}
	}
	for i, trace := range a.strangers {
		if disputing >= a.late {
			a.speak(h, fmt.Sprint("s", i), trace)
		}
	}
	for v := range 3 {
		_ = h.attestInputs(v)
		if h.c.Verdict != nil && h.c.Verdict.Result != nil {
			_ = h.attest(v, labelOf(h.c.Verdict.Result.Digest()))
		}
	}
}

// speak posts a claim when there is none of its trace, or time runs short, and
// makes every move that is due.
func (a *arena) speak(h *harness, who, trace string) {
	d := h.c.Dispute()
	if d == nil || d.Game == nil {
		if !strings.HasPrefix(trace, "A") || slices.Contains(h.candidates(), h.traceOf(trace).Result()) {
			return // only who knows better challenges
		}
		_ = h.claim(who, trace)
		return
	}
	rules := h.disputeRules()
	vector := dispute.VectorOf(h.traceOf(trace).Claim(&rules).Roots)
	spoken := slices.ContainsFunc(d.Game.Claims, func(c dispute.Claim) bool { return c.Live() && c.Vector == vector })
	if !spoken || d.Game.IsLastCall(h.at.Clock) {
		_ = h.claim(who, trace)
	}
	if err := h.play(who, trace); err != nil {
		panic(fmt.Sprint(who, " ", trace, ": ", err))
	}
}

func (h *harness) candidates() []assay.Digest {
	return h.c.live()
}

// check holds the end to the world: with one honest player among those who
// opened, or one honest stranger inside a window, no wrong result is accepted;
// and nobody honest is proved wrong or loses a bond.
func (a *arena) check(h *harness) error {
	if err := invariants(h); err != nil {
		return err
	}
	c := h.c
	heard := slices.Contains(a.strangers, "A") && len(c.Disputes) > 0
	for i := range c.Seats {
		p := a.playerOf(h, i)
		honest := p.result == "A" && p.trace == "A"
		heard = heard || honest && c.Seats[i].State == assay.Opened
		if honest && c.Seats[i].State == assay.ProvedWrong {
			return fmt.Errorf("seat %d was honest and is proved wrong", i)
		}
	}
	if c.Verdict.Outcome == assay.Accepted && labelOf(c.Verdict.Result.Digest()) != "A" && heard {
		return fmt.Errorf("accepted %s although somebody honest was heard", labelOf(c.Verdict.Result.Digest()))
	}
	for _, e := range c.Record.Settlement.Claims {
		if a.truthful(h, e.Author) && e.Returned != e.Bond {
			return fmt.Errorf("claim %d.%d was true and lost its bond: %s", e.Dispute, e.Claim, e.Code)
		}
	}
	return nil
}

func (a *arena) truthful(h *harness, author assay.Key) bool {
	for i := range h.c.Seats {
		if h.c.Seats[i].Provider == author {
			return a.playerOf(h, i).trace == "A"
		}
	}
	for i, trace := range a.strangers {
		if h.party(fmt.Sprint("s", i)) == author {
			return trace == "A"
		}
	}
	return false
}

// TestEveryDisputeEnds plays random worlds with a referee: each case ends, its
// books balance, it replays with the witnesses of its proofs, one honest party is
// enough, and no honest party loses; and encoding the case at every step, or
// looking at it at every instant, changes no byte.
func TestEveryDisputeEnds(t *testing.T) {
	disputes, revived := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		a := arenas(t)
		h, err := a.run(harness{})
		if err == nil {
			err = a.check(h)
		}
		if err != nil {
			if h != nil && h.c != nil {
				t.Log(h.show())
			}
			t.Fatal(err)
		}
		disputes += len(h.c.Disputes)
		if len(h.c.Disputes) > 1 {
			revived++
		}
		other, err := a.run(harness{recode: true, often: true})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(canon.Marshal(h.c), canon.Marshal(other.c)) {
			t.Fatal("the two ways of playing end in different bytes")
		}
	})
	if !testing.Short() && (disputes == 0 || revived == 0) {
		t.Errorf("%d disputes, %d cases with several: the worlds are too tame", disputes, revived)
	}
}

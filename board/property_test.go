package board

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
)

// persona is how a provider behaves: what it commits, tags and opens ("" for
// silence), and whether that is honest.
type persona struct {
	commit, tag, open string
	delivers          bool
}

var personas = []persona{
	{"A", "A", "A", true},
	{"A", "A", "A", true},
	{"A", "A", "A", false},
	{"B", "B", "B", true},
	{"B", "B", "B", true},
	{"B", "B", "B", true},
	{"B", "B", "B", false},
	{"C", "C", "C", true},
	{"C", "C", "C", true},
	{"", "", "", false},
	{"A", "", "", false},
	{"B", "", "", false},
	{"A", "A", "", false},
	{"B", "B", "", false},
	{"B", "A", "A", true},
	{"B", "A", "B", true},
	{"A", "B", "A", true},
	{"A", "A", "B", true},
}

func (p persona) lies() bool {
	return p.open != "" && (p.commit != p.open || p.tag != p.open)
}

// world is one random run: it fixes everything that is not a rule.
type world struct {
	policy     string
	personas   []int // by listing
	busy       []bool
	life       int
	validators int
	attests    int // validators that attest
	steps      []beat
}

type beat struct {
	millis int
	acts   uint64 // seats that act, as bits
}

func worlds(t *rapid.T) world {
	// rapid prefers what stands first.
	providers := rapid.SampledFrom([]int{14, 13, 12, 11, 10, 9, 8, 6, 4, 2, 0}).Draw(t, "providers")
	w := world{
		policy:     rapid.SampledFrom(policies).Draw(t, "policy"),
		personas:   draft(t, providers),
		busy:       rapid.SliceOfN(rapid.Bool(), providers, providers).Draw(t, "busy"),
		life:       rapid.IntRange(23_000, 200_000).Draw(t, "life"),
		validators: rapid.SampledFrom([]int{1, 3, 4}).Draw(t, "validators"),
	}
	w.attests = rapid.IntRange(0, w.validators).Draw(t, "attests")
	for range rapid.IntRange(0, 40).Draw(t, "steps") {
		w.steps = append(w.steps, beat{rapid.IntRange(1, 2500).Draw(t, "millis"), rapid.Uint64().Draw(t, "acts")})
	}
	return w
}

// draft hands out personas by a hash, since rapid would hand out mostly the
// first ones.
func draft(t *rapid.T, providers int) []int {
	honesty := rapid.SampledFrom([]byte{200, 230, 128, 255, 0}).Draw(t, "honesty of 255")
	seed := rapid.Uint64().Draw(t, "seed")
	list := make([]int, providers)
	for i := range list {
		if h := canon.Hash("draft", []byte(fmt.Sprint(seed, i))); h[0] > honesty {
			list[i] = int(h[1]) % len(personas)
		}
	}
	return list
}

var policies = []string{
	"none", "quorum(1)", "quorum(2)", "quorum(3)", "quorum(3, agree=2)", "quorum(4, agree=3)",
	"all(quorum(3), quorum(2))", "any(quorum(2), quorum(4))", "any(quorum(3, agree=2), quorum(2))",
	"atleast(2, quorum(1), quorum(2), quorum(3))", "all(quorum(2), sumcheck)", "any(quorum(2), adaptive(1, 30))",
}

// run plays a world to its end.
func (w *world) run(way harness) (*harness, error) {
	h := newHarness(len(w.personas), w.validators, assay.Dev)
	h.recode, h.often = way.recode, way.often
	for i, busy := range w.busy {
		if busy && i%4 == 0 {
			h.market.busy = append(h.market.busy, key("provider", i))
		}
	}
	if err := h.submit(w.policy, assay.Millis(w.life), false); err != nil {
		return nil, err
	}
	said := map[string]bool{}
	for _, s := range w.steps {
		h.passTo(assay.Millis(s.millis))
		h.block(1, func() { w.act(h, s.acts) })
		if err := monotone(h, said); err != nil {
			return h, err
		}
	}
	// From here on everybody acts at once; the case must end.
	for range 400 {
		for range 4 {
			h.block(1, func() { w.act(h, ^uint64(0)) })
			if err := monotone(h, said); err != nil {
				return h, err
			}
		}
		if h.c.Settled() {
			return h, w.check(h)
		}
		h.wait()
	}
	return h, fmt.Errorf("the case does not end")
}

// passTo lets time pass, with a block at each deadline on the way.
func (h *harness) passTo(d assay.Millis) {
	for d > 0 {
		step := min(d, assay.MaxClockStep)
		if due, ok := h.c.Deadline(); ok && due > h.at.Clock {
			step = min(step, assay.Millis(due-h.at.Clock))
		}
		h.block(step, nil)
		d -= step
	}
}

// act lets the seats say what their persona says next.
func (w *world) act(h *harness, acts uint64) {
	for i := range h.c.Seats {
		if acts&(1<<(i%64)) == 0 {
			continue
		}
		p := w.personaOf(h, i)
		say := func(label string, fn func(int, string) error) {
			if label != "" {
				_ = fn(i, label)
			}
		}
		switch h.c.Seats[i].State {
		case assay.Assigned:
			say(p.commit, h.commit)
		case assay.Committed:
			say(p.tag, h.tag)
		case assay.Tagged:
			say(p.open, h.open)
		case assay.Opened:
			if p.delivers && acts&(1<<60) != 0 {
				say(p.open, h.answer)
			}
		}
	}
	if acts&(1<<61) != 0 {
		_ = h.evidence("sumcheck", []string{"proof A", "refutation B", "proof B"}[acts>>40%3])
		_ = h.evidence("adaptive(1, 30)", []string{"attack", "defend"}[acts>>41%2])
	}
	if acts&(1<<62) != 0 && h.c.Verdict != nil && h.c.Verdict.Result != nil {
		for v := range w.attests {
			_ = h.attest(v, labelOf(h.c.Verdict.Result.Digest()))
		}
	}
}

func (w *world) personaOf(h *harness, seat int) persona {
	for i := range h.market.listings {
		if h.market.listings[i].Provider == h.c.Seats[seat].Provider {
			return personas[w.personas[i]]
		}
	}
	panic("a seat without a provider")
}

// monotone checks that no check takes back what it said of a candidate.
func monotone(h *harness, said map[string]bool) error {
	plan := h.c.Plan(&h.g.Params)
	v := h.c.View(&h.g.Params, h.at)
	for i, f := range h.c.Findings(&h.g.Params, h.at) {
		for _, k := range v.Candidates {
			value, _ := f.ValueOf(k.Digest)
			name := plan.checks[i].check.String() + labelOf(k.Digest)
			for _, before := range []assay.Value{assay.Supported, assay.Refuted} {
				if key := name + before.String(); value == before {
					said[key] = true
				} else if said[key] {
					return fmt.Errorf("%s was %s and is %s", name, before, value)
				}
			}
		}
	}
	return nil
}

// check holds the end to the world: what it knows and the rules do not.
func (w *world) check(h *harness) error {
	if err := invariants(h); err != nil {
		return err
	}
	c := h.c
	for _, f := range c.Record.Settlement.Faults {
		p := w.personaOf(h, int(f.Seat))
		proof := strings.Contains(w.policy, "sumcheck") || strings.Contains(w.policy, "adaptive")
		if f.Class == assay.FaultProvedWrong && !p.lies() && !proof {
			return fmt.Errorf("seat %d was consistent and is %s", f.Seat, f.Class)
		}
	}
	if c.Verdict.Outcome == assay.Accepted {
		return w.checkAccepted(h)
	}
	return nil
}

// checkAccepted counts the openings behind an accepted result by hand.
func (w *world) checkAccepted(h *harness) error {
	accepted := labelOf(h.c.Verdict.Result.Digest())
	equal, owners := 0, map[assay.Key]bool{}
	for _, s := range h.c.atClose().Seats {
		if s.State == assay.Opened && labelOf(s.Result.Digest()) == accepted {
			equal++
			owners[s.Owner] = true
		}
	}
	least := map[string]int{
		"none": 1, "quorum(1)": 1, "quorum(2)": 2, "quorum(3)": 3, "quorum(3, agree=2)": 2, "quorum(4, agree=3)": 3,
		"all(quorum(3), quorum(2))": 3, "any(quorum(2), quorum(4))": 2, "any(quorum(3, agree=2), quorum(2))": 2,
		"atleast(2, quorum(1), quorum(2), quorum(3))": 2, "all(quorum(2), sumcheck)": 2, "any(quorum(2), adaptive(1, 30))": 1,
	}[w.policy]
	if equal < least || len(owners) != equal {
		return fmt.Errorf("%s accepted %s with %d openings by %d owners", w.policy, accepted, equal, len(owners))
	}
	if h.c.Record.Settlement.Paid > 0 && h.c.Record.Settlement.Availability == assay.NotAvailable {
		return fmt.Errorf("paid for bytes that nobody has")
	}
	return nil
}

// TestEveryWorldEnds plays random worlds: every case ends within its clocks,
// conserves the escrow, slashes only who contradicted itself, accepts only on
// enough equal openings, never takes a finding back, and replays; and encoding
// it, or looking at it more often, changes no byte.
func TestEveryWorldEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := worlds(t)
		h, err := w.run(harness{})
		if err != nil {
			if h != nil && h.c != nil {
				t.Log(h.show())
			}
			t.Fatal(err)
		}
		other, err := w.run(harness{recode: true, often: true})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(canon.Marshal(h.c), canon.Marshal(other.c)) {
			t.Fatal("the two ways of playing end in different bytes")
		}
	})
}

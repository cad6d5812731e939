package dispute

import (
	"testing"

	"github.com/capacloud/assay"
)

// TestSelfChallengeShortensNoWindow: a liar and his friend fight within a window of
// an hour and are done in seconds. The game stays open for the hour all the same:
// who comes at its last moment is heard, and the friend's further claims cost the
// honest one no second bond and prolong nothing beyond the total.
func TestSelfChallengeShortensNoWindow(t *testing.T) {
	const hour assay.Millis = 3_600_000
	for _, open := range []assay.Millis{0, hour} {
		b := newTable(t, 1000, 1024)
		rules, err := b.g.Rules.KeptOpen(open)
		b.ok(err)
		b.g.Rules = rules
		truth, false1, false2 := b.m.trace(), b.m.trace(lie{700, scramble(1 << 20)}), b.m.trace(lie{300, scramble(1 << 21)})
		b.claim(1, false1)
		b.claim(2, false2)
		for range rules.Levels {
			b.refines(1, false1)
			b.refines(2, false2)
		}
		b.moves(1, false1)
		b.lost(1, CodeRefuted)
		end := b.g.Began.Add(max(open, assay.Millis(b.now.Add(rules.ClaimClock(1000))-b.g.Began)))
		if b.g.Phase != Further || b.g.Due != end {
			t.Fatalf("open for %d ms: %s until %d, want %d", open, b.g.Phase, b.g.Due, end)
		}
		b.now = end - 1
		b.g.Advance(b.now)
		b.claim(3, truth)
		b.claim(4, b.m.trace(lie{100, scramble(1 << 22)}))
		for range rules.Levels {
			for who, tr := range map[int]*trace{1: false1, 3: truth} {
				b.refines(who, tr)
			}
		}
		b.moves(3, truth)
		b.lost(0, CodeRefuted)
		if o := b.finish(); o.Result != resultOf(truth.end()) || b.g.Ended > b.g.Began.Add(rules.Total()) {
			t.Errorf("open for %d ms: %s left at %d", open, o.Result.Short(), b.g.Ended)
		}
	}
	r := newTable(t, 1000, 1024).g.Rules
	for _, open := range []assay.Millis{-1, maxTotal + 1, maxTotal - 1} {
		if _, err := r.KeptOpen(open); err == nil {
			t.Errorf("a game was kept open for %d ms", open)
		}
	}
}

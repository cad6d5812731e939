package dispute

import (
	"testing"

	"github.com/capacloud/assay/canon"
)

// full is a game about as full as it gets: every live claim has lied in a part of
// its own, and all have refined all that they met in, down to single steps.
func full(b *testing.B) (*table, []*trace) {
	t := newTable(&testing.T{}, 20_000, 32*32*32)
	traces := []*trace{t.m.trace()}
	for who := range 53 {
		traces = append(traces, t.m.trace(lie{uint64(301 + 300*who), scramble(uint64(1+who) << 20)}))
	}
	for who, tr := range traces {
		if err := t.g.Claim(t.m, t.now, key(who), tr.claim(t.g), costs.Claim); err != nil {
			b.Fatal(err)
		}
	}
	for range t.g.Rules.Levels - 1 {
		for who, tr := range traces {
			t.refines(who, tr)
		}
	}
	return t, traces
}

// BenchmarkFullGame measures one more claim in a game of 54 rivals, and one
// proof among them, with what the game's bytes weigh and take.
func BenchmarkFullGame(b *testing.B) {
	t, traces := full(b)
	last := t.m.trace(lie{19_500, scramble(1 << 50)}).claim(t.g)
	turns := t.g.Turns(key(0))
	proof := traces[0].prove(t.g, turns[0])
	size := float64(len(canon.Marshal(t.g)))
	b.Run("claim", func(b *testing.B) {
		for b.Loop() {
			g := t.g.Copy()
			if err := g.Claim(t.m, t.now, key(200), last, 1); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(size, "state-bytes")
	})
	b.Run("proof", func(b *testing.B) {
		for b.Loop() {
			g := t.g.Copy()
			if err := g.Prove(t.m, t.now, key(0), proof, 1); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			canon.Marshal(t.g)
		}
	})
	b.Run("decode", func(b *testing.B) {
		bytes := canon.Marshal(t.g)
		for b.Loop() {
			if _, err := Decode(bytes); err != nil {
				b.Fatal(err)
			}
		}
	})
}

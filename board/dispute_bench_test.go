package board

import (
	"fmt"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
)

// lie is the trace of the i-th of 32 liars: hardly two have one vector.
func lie(i int) string { return fmt.Sprintf("%c%d", "BCDEF"[i%5], i<<28+1) }

// BenchmarkFullGame is a move in a game of 32 live claims that all differ, which is as many pairs of rivals as there can be: what
// the gas of a move has to cover. It encodes nothing.
func BenchmarkFullGame(b *testing.B) {
	h := newHarness(12, 4, assay.Dev)
	machine := theToy
	machine.Halt = 1 << 34
	SetReferee(assay.RuntimeWasm, machine)
	old := theToy
	theToy = machine
	defer func() { theToy = old }()
	if err := h.submit("quorum(2)", 600_000, false); err != nil {
		b.Fatal(err)
	}
	h.block(1000, nil)
	h.block(1, func() { _, _ = h.commit(0, "A"), h.commit(1, "B") })
	h.block(1, func() { _, _ = h.tag(0, "A"), h.tag(1, "B") })
	h.block(1, func() { _, _ = h.open(0, "A"), h.open(1, "B") })
	for i := range 32 {
		if err := h.claim(fmt.Sprint("s", i), lie(i)); err != nil {
			b.Fatal(err)
		}
	}
	for round := range 4 {
		for i := range 32 {
			if round < 3 || i > 0 {
				if err := h.play(fmt.Sprint("s", i), lie(i)); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	d := h.c.Dispute().copy()
	b.Run("copy", func(b *testing.B) {
		for b.Loop() {
			_ = d.copy()
		}
	})
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			b.SetBytes(int64(len(canon.Marshal(&d))))
		}
	})
	b.Run("move", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			k := d.copy()
			h.c.Disputes[0] = k
			b.StartTimer()
			if err := h.play("s0", lie(0)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("claim", func(b *testing.B) {
		for b.Loop() {
			_ = h.claim("s0", "C7")
		}
	})
}

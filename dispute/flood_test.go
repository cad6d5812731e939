package dispute

import (
	"testing"

	"github.com/capacloud/assay"
)

// TestFlood fills a game. What keeps everybody else out is lost, but for one
// vector's copies, of which there are few; and the honest author is in when the
// first have lost.
func TestFlood(t *testing.T) {
	b := newTable(t, 20_000, 32*32*32)
	truth := b.m.trace()
	copied := b.m.trace(lie{1, scramble(1 << 30)})
	var lost, kept assay.Amount
	for who := range 42 + MaxCopies { // false ones that cannot all survive first, at the low prices
		tr := copied
		if who < 42 {
			tr = b.m.trace(lie{uint64(1 + 300*who), scramble(uint64(1+who) << 20)})
		}
		price, err := b.g.Price(b.now, key(100+who), tr.claim(b.g))
		b.ok(err)
		if tr == copied {
			kept += price
		} else {
			lost += price
		}
		b.claim(100+who, tr)
	}
	base := b.g.Rules.Bond(0)
	if lost < 150*base || kept < 500*base {
		t.Fatalf("a full game locks %d bonds and loses %d", kept/base, lost/base)
	}
	_, err := b.g.Price(b.now, key(1), truth.claim(b.g))
	b.refused(CodeFull, err)
	if _, err := b.g.Price(b.now, key(1), &assay.PostClaim{Job: b.g.Job}); err != nil {
		t.Fatal("who has no place for his roots may announce them:", err)
	}
	b.wait() // nobody refines
	if _, err := b.g.Price(b.now, key(1), truth.claim(b.g)); err != nil {
		t.Fatal(err)
	}
	b.claim(1, truth)
	b.refines(1, truth)
	if o := b.finish(); o.Result != resultOf(truth.end()) {
		t.Fatalf("%+v", o)
	}
	// The copies of one vector fill nothing but their own place.
	b = newTable(t, 20_000, 32*32*32)
	var spent assay.Amount
	for who := range MaxCopies {
		price, _ := b.g.Price(b.now, key(100+who), truth.claim(b.g))
		spent += price
		b.claim(100+who, truth)
	}
	_, err = b.g.Price(b.now, key(1), truth.claim(b.g))
	b.refused(CodeFull, err)
	if spent < 250*base {
		t.Fatalf("all copies cost %d bonds", spent/base)
	}
	b.claim(1, copied)
}

// TestForgetting: many rivals, one after the other, each with a lie of its own.
// The honest claim stays small, is paid for all that it had to say, and says it
// again to who comes back.
func TestForgetting(t *testing.T) {
	b := newTable(t, 20_000, 32*32*32)
	truth := b.m.trace()
	b.claim(1, truth)
	lied := func(i int) *trace { return b.m.trace(lie{uint64(30 + 33*i), scramble(1 << 20)}) }
	for i := range 60 {
		b.now++
		b.claim(10+i, lied(i))
		for range 2 {
			b.refines(1, truth)
			b.refines(10+i, lied(i))
		}
		b.moves(1, truth)
		b.lost(1+i, CodeRefuted)
	}
	c := &b.g.Claims[0]
	held := 0
	for _, r := range c.Refined {
		held += min(1, len(r.Roots))
	}
	if held > keep+2 || len(c.Refined) < 60 || len(c.Proved) != 60 {
		t.Fatalf("%d of %d refinements are held", held, len(c.Refined))
	}
	moves := b.g.Moves
	b.now++
	b.g.Proofs = nil
	b.claim(10, lied(0))
	for range 2 {
		b.refines(1, truth)
		b.refines(10, lied(0))
	}
	b.moves(1, truth)
	b.lost(61, CodeRefuted)
	if b.g.Moves-moves < 4 {
		t.Fatal("what was forgotten was not said again")
	}
	b.finish()
	if pay := b.g.Payout(0, nil); pay.Claims[0].Costs != b.spent[1] {
		t.Fatalf("refunded %d of %d", pay.Claims[0].Costs, b.spent[1])
	}
	for i := range b.g.Claims {
		if l := b.g.Claims[i].Lost; l != nil && !b.g.Refutes(l.Offset+steps(l.Level), l.Stated) {
			t.Errorf("what claim %d has lost by is forgotten", i)
		}
	}
}

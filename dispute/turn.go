package dispute

import "github.com/capacloud/assay"

// Turn is what an author may do now with a live claim.
type Turn struct {
	Claim     uint16
	Announced bool         // the roots of the claim are owed; the fields of an interval are empty
	Level     uint8        // of the interval in which the claim meets a rival
	Offset    uint64       // its first step
	Steps     uint64       // Arity^Level
	Start     assay.Digest // root before it, on which both agree
	Stated    assay.Digest // root behind it, as the claim says
	Refined   bool         // the claim has refined it; it may prove it all the same
	Due       assay.Clock  // the claim loses at this clock, unless it has moved; zero: the rival owes a move
}

// Turns returns what an author may do now, and until when he must, in the order
// in which the intervals arose. It has all that a challenger needs to remember.
func (g *Game) Turns(author assay.Key) []Turn {
	i := g.liveOf(author)
	if i < 0 || g.Phase == Over {
		return nil
	}
	c := &g.Claims[i]
	if c.Announced() {
		return []Turn{{Claim: uint16(i), Announced: true, Due: c.Due}}
	}
	var list []Turn
	for _, f := range c.Fronts {
		if f.Ended != 0 {
			continue
		}
		t := Turn{Claim: uint16(i), Level: f.Level, Offset: f.Offset, Steps: steps(f.Level)}
		t.Start, t.Stated, _ = g.interval(c, f.Level, f.Offset)
		_, t.Refined = c.refinement(f.Level, f.Offset)
		if c.owes(f) {
			t.Due = f.Due
		}
		list = append(list, t)
	}
	return list
}

// IsLastCall reports whether an author with the truth and without a live claim
// of his own should post one, although somebody else's says the same.
func (g *Game) IsLastCall(at assay.Clock) bool {
	return at >= g.Began.Add(g.Rules.LastCall()) && at < g.Closes()
}

// Admits reports whether the game still takes new claims.
func (g *Game) Admits(at assay.Clock) bool { return g.Phase != Over && at < g.Closes() }

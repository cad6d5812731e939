package dispute

import (
	"slices"

	"github.com/capacloud/assay"
)

// Refutes reports whether the game has shown that the trace which survived has
// another root than the stated one behind so many steps: a claim that stated it
// has lost by the referee, in an interval that ends there, and what survived
// stands on the same start and the proved end.
//
// Whose claim that was says nothing: liars can let each other lose wherever they
// like. What the survivor says is the one thing that they cannot choose.
func (g *Game) Refutes(position uint64, stated assay.Digest) bool {
	for i := range g.Claims {
		if g.Shows(i, position, stated) {
			return true
		}
	}
	return false
}

// Shows reports whether it is a claim's loss that has shown it; see Refutes.
func (g *Game) Shows(claim int, position uint64, stated assay.Digest) bool {
	l := g.Claims[claim].Lost
	if g.Phase != Over || l == nil || l.Code != CodeRefuted || l.Proof == nil || l.Stated != stated || l.Proved == stated {
		return false
	}
	return l.Offset+steps(l.Level) == position && g.survives(l)
}

// survives reports whether a surviving claim says what decided a loss: it did so
// at the time, or its author has proved it, and so stood on its start. A claim
// that fights many rivals forgets its middles, so nothing is looked for in them.
func (g *Game) survives(l *Loss) bool {
	stands := func(i uint16) bool {
		return int(i) < len(g.Claims) && g.Claims[i].Live() && !g.Claims[i].Announced()
	}
	p := int(*l.Proof)
	return p < len(g.Proofs) && stands(g.Proofs[p].Claim) || slices.ContainsFunc(l.By, stands)
}

package dispute

import (
	"cmp"
	"slices"

	"github.com/capacloud/assay"
)

// maxCandidates bounds the results that a game is about; a case has fewer seats.
const maxCandidates = 1024

// maxBegan keeps sums of clocks in range.
const maxBegan assay.Clock = 1 << 60

// Validate refuses a game that no sequence of moves can have made, as far as the
// methods rely on it: a foreign game must not make them panic or run for long.
func (g *Game) Validate() error {
	if err := g.Rules.Validate(); err != nil {
		return err
	}
	switch {
	case g.Version != 1:
		return assay.Refuse(CodeState, "version %d, this is 1", g.Version)
	case g.Phase < Claiming || g.Phase > Over || g.Began < 0 || g.Began > maxBegan || g.Due < 0 || g.Due > maxBegan+assay.Clock(maxTotal):
		return assay.Refuse(CodeState, "phase %d, began at %d, due at %d", g.Phase, g.Began, g.Due)
	case len(g.Claims) > MaxClaims || len(g.Proofs) > MaxClaims || len(g.Candidates) > maxCandidates:
		return assay.Refuse(CodeState, "%d claims, %d proofs, %d candidates", len(g.Claims), len(g.Proofs), len(g.Candidates))
	}
	live, bonds := 0, assay.Amount(0)
	for i := range g.Claims {
		c := &g.Claims[i]
		if err := g.validClaim(c); err != nil {
			return assay.Refuse(CodeState, "claim %d: %v", i, err)
		}
		if c.Live() {
			live++
		}
		var err error
		if bonds, err = bonds.Add(c.Bond); err != nil {
			return assay.Refuse(CodeState, "bonds: %v", err)
		}
	}
	if live > MaxLive {
		return assay.Refuse(CodeState, "%d live claims", live)
	}
	for i, p := range g.Proofs {
		if int(p.Claim) >= len(g.Claims) || g.known(p.Level, p.Offset) != nil {
			return assay.Refuse(CodeState, "proof %d", i)
		}
	}
	return g.validVictors()
}

// validVictors refuses a loss by a claim that says otherwise, as far as claims
// still know what they have said. Every claim is valid by itself.
func (g *Game) validVictors() error {
	for i := range g.Claims {
		l := g.Claims[i].Lost
		if l == nil {
			continue
		}
		for _, by := range l.By {
			if start, end, ok := g.interval(&g.Claims[by], l.Level, l.Offset); ok && (start != l.Start || end != l.Proved) {
				return assay.Refuse(CodeState, "claim %d: it lost by claim %d, which says otherwise", i, by)
			}
		}
	}
	return nil
}

func (g *Game) validClaim(c *Claim) error {
	roots := Arity
	switch {
	case !c.Live():
		roots = 0
		if len(c.Fronts) > 0 || c.Due != 0 {
			return assay.Refuse(CodeState, "it has lost and has a clock")
		}
		if err := g.validLoss(c.Lost); err != nil {
			return err
		}
	case c.Announced():
		roots = 0
		if c.Due <= 0 || len(c.Fronts) > 0 || len(c.Refined) > 0 {
			return assay.Refuse(CodeState, "it is announced and has moved")
		}
	case c.Due != 0 || len(c.Roots) != Arity || c.Vector != VectorOf(c.Roots):
		return assay.Refuse(CodeState, "its roots are not its vector's")
	}
	if len(c.Roots) != roots || c.Steps > g.Rules.Bound {
		return assay.Refuse(CodeState, "%d roots, %d steps", len(c.Roots), c.Steps)
	}
	for i, r := range c.Refined {
		if r.Level == 0 || g.known(r.Level, r.Offset) != nil || len(r.Roots) != 0 && (len(r.Roots) != Arity-1 || !c.Live()) {
			return assay.Refuse(CodeState, "refinement %d", i)
		}
		if i > 0 && cmp.Or(cmp.Compare(r.Level, c.Refined[i-1].Level), cmp.Compare(c.Refined[i-1].Offset, r.Offset)) >= 0 {
			return assay.Refuse(CodeState, "refinement %d is out of order", i)
		}
	}
	if slices.ContainsFunc(c.Fronts, func(f Front) bool { return g.known(f.Level, f.Offset) != nil || f.Due <= 0 }) {
		return assay.Refuse(CodeState, "a front")
	}
	if slices.ContainsFunc(c.Proved, func(p Proving) bool { return g.known(p.Level, p.Offset) != nil }) {
		return assay.Refuse(CodeState, "a proof")
	}
	return nil
}

func (g *Game) validLoss(l *Loss) error {
	if l.Level >= g.Rules.Levels || l.Offset >= g.Rules.Span() || l.Rival != nil && int(*l.Rival) >= len(g.Claims) || l.Proof != nil && int(*l.Proof) >= len(g.Proofs) {
		return assay.Refuse(CodeState, "it lost to nobody")
	}
	for i, by := range l.By {
		if int(by) >= len(g.Claims) || i > 0 && by <= l.By[i-1] || l.Proof == nil {
			return assay.Refuse(CodeState, "it lost by claim %d", by)
		}
	}
	return nil
}

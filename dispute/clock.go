package dispute

import (
	"slices"

	"github.com/capacloud/assay"
)

// Deadline returns the earliest clock that runs.
func (g *Game) Deadline() (assay.Clock, bool) {
	due := g.Due
	earlier := func(d assay.Clock) {
		if d != 0 && (due == 0 || d < due) {
			due = d
		}
	}
	for i := range g.Claims {
		c := &g.Claims[i]
		earlier(c.Due)
		for _, f := range c.Fronts {
			if c.owes(f) {
				earlier(f.Due)
			}
		}
	}
	return due, due != 0
}

// owes reports whether a front waits for the claim's move: its middles, or at a
// single step a proof by anyone.
func (c *Claim) owes(f Front) bool {
	if f.Ended != 0 {
		return false
	}
	_, refined := c.refinement(f.Level, f.Offset)
	return f.Level == 0 || !refined
}

// Advance lets the clocks act that have run out by at, each at its own reading
// and in their order, so that nothing depends on when blocks are made. Every
// move calls it first: a move that arrives at its clock is late.
func (g *Game) Advance(at assay.Clock) {
	for g.Phase != Over {
		due, ok := g.Deadline()
		if !ok || due > at {
			return
		}
		g.expire(due)
		g.settle(due)
	}
}

// expire ends the claims whose clocks have run out, all at once: at a single
// step that nobody proved, both lose.
func (g *Game) expire(at assay.Clock) {
	lost := make([]*Loss, len(g.Claims))
	for i := range g.Claims {
		lost[i] = g.silent(i, at)
	}
	g.lose(lost)
	if g.Due != 0 && g.Due <= at {
		g.Due = 0
	}
}

// silent returns how a claim has lost by the clock, or nil.
func (g *Game) silent(claim int, at assay.Clock) *Loss {
	c := &g.Claims[claim]
	if c.Due != 0 && c.Due <= at {
		return &Loss{At: at, Code: CodeUnmade}
	}
	i := slices.IndexFunc(c.Fronts, func(f Front) bool { return f.Due <= at && c.owes(f) })
	if i < 0 {
		return nil
	}
	f := c.Fronts[i]
	l := &Loss{At: at, Code: CodeSilent, Level: f.Level, Offset: f.Offset, Rival: g.rivalOf(claim, f.Level, f.Offset)}
	l.Start, l.Stated, _ = g.interval(c, f.Level, f.Offset)
	if f.Level == 0 {
		l.Code = CodeUnproved
	}
	return l
}

// turn moves the phase. Its own clock has run out when Due is zero.
func (g *Game) turn(at assay.Clock) {
	if g.Phase == Claiming && (g.Due == 0 || len(g.Missing()) == 0) {
		g.Phase, g.Due = Playing, 0
	}
	quiet := !g.fighting()
	switch {
	case g.Phase == Playing && quiet:
		g.further(at)
	case g.Phase == Further && !quiet:
		g.Phase, g.Due = Playing, 0
	}
	if g.Phase == Further && g.Due == 0 && !g.announced() {
		g.Phase, g.Ended = Over, at
	}
}

// further opens the window in which any stranger may still post a claim: a whole
// one, however many challenges were lost before, so that none is a shield, and no
// shorter than the window that the game has interrupted. None opens once claims
// have closed.
func (g *Game) further(at assay.Clock) {
	g.Phase = Further
	halt := g.Rules.Claimed
	for i := range g.Claims {
		if g.Claims[i].Live() {
			halt = max(halt, g.Claims[i].Steps)
		}
	}
	if at < g.Closes() {
		g.Due = min(max(at.Add(g.Rules.ClaimClock(halt)), g.Began.Add(g.Rules.Open)), g.Closes())
	}
}

// fighting reports whether any two live claims are rivals.
func (g *Game) fighting() bool {
	return slices.ContainsFunc(g.Claims, func(c Claim) bool {
		return slices.ContainsFunc(c.Fronts, func(f Front) bool { return f.Ended == 0 })
	})
}

// announced reports whether the roots of a claim are still owed. An announcement
// keeps the window open and opens no new one, or a copy of what stands already
// could be announced for ever at no loss.
func (g *Game) announced() bool {
	return slices.ContainsFunc(g.Claims, func(c Claim) bool { return c.Live() && c.Announced() })
}

// Missing returns the candidates that no claim has ended in yet.
func (g *Game) Missing() []assay.Digest {
	var list []assay.Digest
	for _, c := range g.Candidates {
		if !c.Claimed {
			list = append(list, c.Result)
		}
	}
	return list
}

package dispute

import (
	"cmp"
	"slices"

	"github.com/capacloud/assay"
)

// Match is two live claims and the interval in which they meet: they agree on
// the state before it, and not on the one behind it.
type Match struct {
	A, B   uint16
	Level  uint8
	Offset uint64
	Start  assay.Digest // root before the interval
	EndA   assay.Digest // root behind it, as claim A says
	EndB   assay.Digest
}

// meet descends from the whole trace to where two rivals stand: into the first
// part in which they differ, for as long as both have refined it.
func (g *Game) meet(a, b *Claim) Match {
	m := Match{Level: g.Rules.Levels, Start: g.Start, EndA: a.Roots[Arity-1], EndB: b.Roots[Arity-1]}
	middlesA, middlesB := a.Roots[:Arity-1], b.Roots[:Arity-1]
	for {
		m = m.descend(middlesA, middlesB)
		i, okA := a.refinement(m.Level, m.Offset)
		j, okB := b.refinement(m.Level, m.Offset)
		if m.Level == 0 || !okA || !okB {
			return m
		}
		middlesA, middlesB = a.Refined[i].Roots, b.Refined[j].Roots
	}
}

// descend goes into the first part in which the middles differ; the last part
// when none does, since the ends differ.
func (m Match) descend(a, b []assay.Digest) Match {
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	m.Level--
	m.Offset += uint64(i) * steps(m.Level)
	if i > 0 {
		m.Start = a[i-1]
	}
	if i < len(a) {
		m.EndA, m.EndB = a[i], b[i]
	}
	return m
}

// interval returns the roots before and behind an interval, as the claim has
// stated them; false when it has not gone into such detail.
func (g *Game) interval(c *Claim, level uint8, offset uint64) (start, end assay.Digest, ok bool) {
	if !c.Live() || c.Announced() || level >= g.Rules.Levels {
		return start, end, false
	}
	start, end = g.Start, c.Roots[Arity-1]
	middles, base := c.Roots[:Arity-1], uint64(0)
	for at := g.Rules.Levels - 1; ; at-- {
		i := (offset - base) / steps(at)
		if i > 0 {
			start = middles[i-1]
		}
		if i < uint64(len(middles)) {
			end = middles[i]
		}
		base += i * steps(at)
		if at == level {
			return start, end, true
		}
		j, known := c.refinement(at, base)
		if !known {
			return start, end, false
		}
		middles = c.Refined[j].Roots
	}
}

// refinement returns where the claim's middles of an interval are.
func (c *Claim) refinement(level uint8, offset uint64) (int, bool) {
	i, known := c.refined(level, offset)
	return i, known && len(c.Refined[i].Roots) > 0
}

// refined returns where the record of the claim's refinement is, or belongs.
func (c *Claim) refined(level uint8, offset uint64) (int, bool) {
	return slices.BinarySearchFunc(c.Refined, Refinement{Level: level, Offset: offset}, func(a, b Refinement) int {
		return cmp.Or(cmp.Compare(b.Level, a.Level), cmp.Compare(a.Offset, b.Offset))
	})
}

// rivals reports whether two claims are in a match.
func rivals(a, b *Claim) bool {
	return a.Live() && b.Live() && !a.Announced() && !b.Announced() && a.Vector != b.Vector
}

// need is a front that a claim has to have.
type need struct {
	level  uint8
	offset uint64
	clock  assay.Millis
}

// settle brings fronts, proofs and phase up to date behind any change.
func (g *Game) settle(at assay.Clock) {
	g.face(at)
	for g.strike(at) {
		g.face(at)
	}
	g.turn(at)
}

// face matches all against all and gives each claim its fronts. A front keeps
// its clock as long as any rival is in it; it gets a new one only when it was
// left in between, so nobody's move is due before its clock has run once.
func (g *Game) face(at assay.Clock) {
	needs := make([][]need, len(g.Claims))
	for _, m := range g.Matches() {
		halt := max(g.Claims[m.A].Steps, g.Claims[m.B].Steps)
		n := need{level: m.Level, offset: m.Offset, clock: g.Rules.MoveClock(m.Level, halt)}
		needs[m.A], needs[m.B] = add(needs[m.A], n), add(needs[m.B], n)
	}
	for i := range g.Claims {
		if c := &g.Claims[i]; c.Live() {
			c.Fronts = fronts(c.Fronts, needs[i], at)
			c.forget()
		}
	}
}

// forget drops the middles that no match of the claim needs, when they have
// become many: rivals come and go, and a game must stay small. Their record
// stays, since its cost is owed.
func (c *Claim) forget() {
	held := 0
	for i := range c.Refined {
		held += min(1, len(c.Refined[i].Roots))
	}
	if held <= keep {
		return
	}
	for i := range c.Refined {
		r := &c.Refined[i]
		if !slices.ContainsFunc(c.Fronts, func(f Front) bool { return r.holds(f.Level, f.Offset) }) {
			r.Roots = nil
		}
	}
}

// holds reports whether an interval is the refined one or lies in it.
func (r *Refinement) holds(level uint8, offset uint64) bool {
	return level <= r.Level && offset/steps(r.Level) == r.Offset/steps(r.Level)
}

// Matches returns all running matches: every live claim against every live rival.
func (g *Game) Matches() []Match {
	var live []int
	for i := range g.Claims {
		if c := &g.Claims[i]; c.Live() && !c.Announced() {
			live = append(live, i)
		}
	}
	var list []Match
	for k, j := range live {
		for _, i := range live[:k] {
			if a, b := &g.Claims[i], &g.Claims[j]; a.Vector != b.Vector {
				m := g.meet(a, b)
				m.A, m.B = uint16(i), uint16(j)
				list = append(list, m)
			}
		}
	}
	return list
}

func add(list []need, n need) []need {
	for i := range list {
		if list[i].level == n.level && list[i].offset == n.offset {
			list[i].clock = max(list[i].clock, n.clock)
			return list
		}
	}
	return append(list, n)
}

// fronts keeps what is needed still, ends what is not, forgets what ended in an
// earlier block, and opens what is new.
func fronts(old []Front, needs []need, at assay.Clock) []Front {
	var list []Front
	for _, f := range old {
		i := slices.IndexFunc(needs, func(n need) bool { return n.level == f.Level && n.offset == f.Offset })
		switch {
		case f.Ended == 0 && i >= 0:
			needs = slices.Delete(needs, i, i+1)
		case f.Ended == 0:
			f.Ended = at
		case f.Ended < at:
			continue
		}
		list = append(list, f)
	}
	for _, n := range needs {
		list = append(list, Front{Level: n.level, Offset: n.offset, Since: at, Due: at.Add(n.clock)})
	}
	return list
}

// strike lets the proofs on record decide the fronts that stand on the same
// interval with the same start, whoever stands there now: a lie that was proved
// once is not fought again. It reports whether a claim has lost.
func (g *Game) strike(at assay.Clock) bool {
	lost := make([]*Loss, len(g.Claims))
	struck := false
	for p := range g.Proofs {
		for i := range g.Claims {
			if l := g.refuted(i, p, at); l != nil && lost[i] == nil {
				lost[i], struck = l, true
			}
		}
	}
	g.lose(lost)
	return struck
}

// refuted returns how a claim has lost by a proof, or nil.
func (g *Game) refuted(claim, proof int, at assay.Clock) *Loss {
	c, p := &g.Claims[claim], &g.Proofs[proof]
	if f, in := c.front(p.Level, p.Offset); !in || f.Ended != 0 {
		return nil
	}
	start, end, _ := g.interval(c, p.Level, p.Offset)
	if start != p.Start || end == p.End {
		return nil
	}
	return &Loss{
		At: at, Code: CodeRefuted, Level: p.Level, Offset: p.Offset, Rival: g.rivalOf(claim, p.Level, p.Offset),
		Proof: new(uint16(proof)), Start: start, Stated: end, Proved: p.End, By: g.standing(p),
	}
}

// standing returns the live claims that say what a proof has found, in their
// order: they have refined so far.
func (g *Game) standing(p *Proof) []uint16 {
	var list []uint16
	for i := range g.Claims {
		if start, end, ok := g.interval(&g.Claims[i], p.Level, p.Offset); ok && start == p.Start && end == p.End {
			list = append(list, uint16(i))
		}
	}
	return list
}

// front returns the claim's front in an interval, where a rival is or was until
// this block.
func (c *Claim) front(level uint8, offset uint64) (Front, bool) {
	i := slices.IndexFunc(c.Fronts, func(f Front) bool { return f.Level == level && f.Offset == offset })
	if i < 0 {
		return Front{}, false
	}
	return c.Fronts[i], true
}

// rivalOf returns the first live rival that a claim meets in an interval.
func (g *Game) rivalOf(claim int, level uint8, offset uint64) *uint16 {
	c := &g.Claims[claim]
	for i := range g.Claims {
		if r := &g.Claims[i]; rivals(c, r) {
			if m := g.meet(c, r); m.Level == level && m.Offset == offset {
				return new(uint16(i))
			}
		}
	}
	return nil
}

// lose ends claims, all at once. What they stated is of no use any more; the way
// to the loss stays on record.
func (g *Game) lose(lost []*Loss) {
	for i, l := range lost {
		if l == nil {
			continue
		}
		c := &g.Claims[i]
		c.Lost, c.Roots, c.Fronts, c.Proved, c.Due = l, nil, nil, nil, 0
		c.Refined = slices.DeleteFunc(c.Refined, func(r Refinement) bool { return !r.holds(l.Level, l.Offset) })
		for j := range c.Refined {
			c.Refined[j].Roots = nil
		}
	}
}

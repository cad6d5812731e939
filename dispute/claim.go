package dispute

import (
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
)

// Claim posts the signer's claim; cost is the message's fee. The caller has
// debited Price from the signer first.
//
// A message without Last and Roots announces a claim: the signer has found that
// a result is wrong (its native execution differs, or runs longer than claimed)
// and owes the roots within ClaimClock of the bound. A trace takes longer than a
// native execution, and how much longer is not for the liar to say: windows go by
// claimed steps. Steps is ignored in an announcement.
func (g *Game) Claim(m Machine, at assay.Clock, from assay.Key, msg *assay.PostClaim, cost assay.Amount) error {
	if _, err := g.Price(at, from, msg); err != nil {
		return err
	}
	c := Claim{Author: from}
	if !announces(msg) {
		root, result, err := m.Last(msg.Last)
		if err != nil {
			return err
		}
		if root != msg.Roots[Arity-1] {
			return assay.Refuse(CodeEnd, "the record has root %s, the claim ends in %s", root.Short(), msg.Roots[Arity-1].Short())
		}
		c.Steps, c.Result, c.Vector, c.Roots = msg.Steps, result, VectorOf(msg.Roots), slices.Clone(Roots(msg.Roots))
	}
	g.enter(at, c, msg, min(cost, g.Rules.Costs.Claim))
	g.settle(at)
	return nil
}

// enter takes a claim that is in order: as a new one, or in the place of the
// author's announcement.
func (g *Game) enter(at assay.Clock, c Claim, msg *assay.PostClaim, cost assay.Amount) {
	load, _ := g.load(c.Author, c.Vector)
	bond := g.Rules.Bond(load)
	moved := g.move(at, claimSize(msg), cost)
	if i := g.liveOf(c.Author); i >= 0 {
		old := &g.Claims[i]
		c.Posted, c.Bond = old.Posted, max(old.Bond, bond)
		c.Posted.Cost = plus(c.Posted.Cost, cost)
		c.Posted.Bytes += moved.Bytes
		c.Sent = old.Sent + uint64(moved.Bytes)
		*old = c
	} else {
		c.Posted, c.Bond, c.Sent = moved, bond, uint64(moved.Bytes)
		if c.Announced() {
			c.Due = at.Add(g.Rules.ClaimClock(g.Rules.Bound))
		}
		g.Claims = append(g.Claims, c)
	}
	for i := range g.Candidates {
		k := &g.Candidates[i]
		k.Claimed = k.Claimed || k.Result == c.Result
	}
}

// Price returns the bond that the signer has to pay for a claim: all of it, or
// what is missing to it when the signer has announced the claim. It refuses what
// can be refused without the machine.
func (g *Game) Price(at assay.Clock, from assay.Key, msg *assay.PostClaim) (assay.Amount, error) {
	g.Advance(at)
	switch {
	case msg.Job != g.Job:
		return 0, assay.Refuse(CodeOtherDispute, "%s", msg.Job.Short())
	case g.Phase == Over:
		return 0, assay.Refuse(CodeOver, "")
	}
	own := g.liveOf(from)
	known := own >= 0 && g.Claims[own].Announced()
	switch {
	case own >= 0 && (!known || announces(msg)):
		return 0, assay.Refuse(CodeOneClaim, "claim %d", own)
	case !known && at >= g.Closes():
		return 0, assay.Refuse(CodeClosed, "at clock %d", g.Closes())
	}
	var vector assay.Digest
	if !announces(msg) {
		switch {
		case len(msg.Roots) != Arity:
			return 0, assay.Refuse(CodeArity, "%d roots; a claim has %d", len(msg.Roots), Arity)
		case msg.Steps > g.Rules.Bound:
			return 0, assay.Refuse(CodeSteps, "%d; no run of the job takes more than %d", msg.Steps, g.Rules.Bound)
		case len(msg.Last) > MaxRecord:
			return 0, assay.Refuse(CodeRecordSize, "%d bytes; at most %d", len(msg.Last), MaxRecord)
		}
		vector = VectorOf(msg.Roots)
	}
	load, err := g.load(from, vector)
	if err != nil {
		return 0, err
	}
	bond := g.Rules.Bond(load)
	if known {
		return max(bond, g.Claims[own].Bond) - g.Claims[own].Bond, nil
	}
	return bond, nil
}

// load is what a further claim's bond goes by, in 64ths of what a game holds: of
// its live claims, of the live copies of one vector, of the pairs of rivals, or
// of all claims ever, whichever is fullest. The copies of a false vector that
// nobody has beaten get their bonds back, so they must not fill a game for
// nothing; all others lose them. The signer's own announcement is not counted.
func (g *Game) load(from assay.Key, vector assay.Digest) (int, error) {
	live, copies, pairs := 0, 0, 0
	for i := range g.Claims {
		c := &g.Claims[i]
		switch {
		case !c.Live() || c.Author == from:
			continue
		case c.Vector == vector && !c.Announced():
			copies++
		case !c.Announced() && !vector.IsZero():
			pairs++
		}
		live++
		for j := range i {
			if rivals(c, &g.Claims[j]) {
				pairs++
			}
		}
	}
	most := g.Rules.maxPairs()
	switch {
	case live >= MaxLive || len(g.Claims) >= MaxClaims || pairs > most:
		return 0, assay.Refuse(CodeFull, "%d live of %d claims, %d pairs of rivals", live, len(g.Claims), pairs)
	case copies >= MaxCopies:
		return 0, assay.Refuse(CodeFull, "%d live claims have this vector", copies)
	}
	return max(live, copies*(MaxLive/MaxCopies), len(g.Claims)/(MaxClaims/MaxLive), (pairs*MaxLive-1)/most), nil
}

// liveOf returns the author's live claim, or -1.
func (g *Game) liveOf(author assay.Key) int {
	return slices.IndexFunc(g.Claims, func(c Claim) bool { return c.Live() && c.Author == author })
}

// move counts an accepted message.
func (g *Game) move(at assay.Clock, bytes int, cost assay.Amount) Move {
	g.Moves++
	return Move{Number: g.Moves, At: at, Bytes: uint32(bytes), Cost: cost}
}

func announces(msg *assay.PostClaim) bool { return len(msg.Last) == 0 && len(msg.Roots) == 0 }

// VectorOf returns the hash of a claim's roots. A live claim with this vector
// says the same as another one that has it.
func VectorOf(roots []assay.Digest) assay.Digest {
	return canon.Hash("assay/claim/1", Roots(roots).bytes())
}

func claimSize(msg *assay.PostClaim) int {
	return len(msg.Last) + len(msg.Roots)*len(assay.Digest{})
}

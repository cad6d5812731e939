package dispute

import (
	"slices"

	"github.com/capacloud/assay"
)

// Refine states the middles of an interval in which the signer's claim meets a
// rival; cost is the message's fee. One refinement serves all matches there, now
// and later.
func (g *Game) Refine(at assay.Clock, from assay.Key, msg *assay.PostRefinement, cost assay.Amount) error {
	g.Advance(at)
	c, err := g.mover(msg.Job, from, msg.Claim)
	if err != nil {
		return err
	}
	if err := g.known(msg.Level, msg.Offset); err != nil {
		return err
	}
	if len(msg.Roots) != Arity-1 {
		return assay.Refuse(CodeArity, "%d roots; a refinement has %d", len(msg.Roots), Arity-1)
	}
	if _, refined := c.refinement(msg.Level, msg.Offset); refined || msg.Level == 0 {
		return assay.Refuse(CodeOutOfTurn, "level %d at %d", msg.Level, msg.Offset)
	}
	if _, in := c.front(msg.Level, msg.Offset); !in {
		return assay.Refuse(CodeNoRival, "level %d at %d", msg.Level, msg.Offset)
	}
	c.refine(msg, g.move(at, len(msg.Roots)*len(assay.Digest{}), min(cost, g.Rules.Costs.Refine)))
	g.settle(at)
	return nil
}

// refine records middles. Those that were forgotten are stated anew for a new
// rival, and cost anew.
func (c *Claim) refine(msg *assay.PostRefinement, moved Move) {
	c.Sent += uint64(moved.Bytes)
	i, known := c.refined(msg.Level, msg.Offset)
	if !known {
		c.Refined = slices.Insert(c.Refined, i, Refinement{Level: msg.Level, Offset: msg.Offset, Move: moved})
	} else {
		c.Refined[i].Move.Cost = plus(c.Refined[i].Move.Cost, moved.Cost)
	}
	c.Refined[i].Roots = slices.Clone(Roots(msg.Roots))
}

// Prove has the referee execute an interval in which the signer's claim meets a
// rival; cost is the message's fee. Every claim that meets a rival there and
// states another end loses, the signer's own included.
//
// Whoever posts the same proof second in a block is not refused, since it could
// not know: nothing is executed again, and its cost counts.
func (g *Game) Prove(m Machine, at assay.Clock, from assay.Key, msg *assay.PostProof, cost assay.Amount) error {
	g.Advance(at)
	c, err := g.mover(msg.Job, from, msg.Claim)
	if err != nil {
		return err
	}
	if err := g.known(msg.Level, msg.Offset); err != nil {
		return err
	}
	if len(msg.Witness) > MaxWitness {
		return assay.Refuse(CodeWitnessSize, "%d bytes; at most %d", len(msg.Witness), MaxWitness)
	}
	front, in := c.front(msg.Level, msg.Offset)
	start, _, stated := g.interval(c, msg.Level, msg.Offset)
	if !in || !stated {
		return assay.Refuse(CodeNoRival, "level %d at %d", msg.Level, msg.Offset)
	}
	if front.Ended != 0 && slices.ContainsFunc(c.Proved, func(p Proving) bool { return p.Level == msg.Level && p.Offset == msg.Offset }) {
		return assay.Refuse(CodeOutOfTurn, "level %d at %d is proved", msg.Level, msg.Offset)
	}
	if !g.proved(msg.Level, msg.Offset, start) {
		segment, err := m.Run(start, steps(msg.Level), msg.Witness)
		if err != nil {
			return err
		}
		if front.Ended == 0 { // else it decides nothing any more
			g.Proofs = append(g.Proofs, Proof{
				Claim: msg.Claim, Level: msg.Level, Offset: msg.Offset, Start: start, End: segment.End,
				Witness: WitnessDigest(msg.Witness), Bytes: uint32(len(msg.Witness)), At: at,
			})
		}
	}
	moved := g.move(at, len(msg.Witness), min(cost, g.Rules.Costs.Prove))
	c.Sent += uint64(moved.Bytes)
	c.Proved = append(c.Proved, Proving{Level: msg.Level, Offset: msg.Offset, Move: moved})
	g.settle(at)
	return nil
}

// Recheck executes proof number i again from its witness, for whoever replays a
// game that he was handed.
func (g *Game) Recheck(m Machine, i int, witness []byte) error {
	p := &g.Proofs[i]
	if len(witness) > MaxWitness || WitnessDigest(witness) != p.Witness {
		return assay.Refuse(CodeState, "proof %d has another witness", i)
	}
	segment, err := m.Run(p.Start, steps(p.Level), witness)
	if err != nil {
		return err
	}
	if segment.End != p.End {
		return assay.Refuse(CodeState, "proof %d ends in %s and not in %s", i, segment.End.Short(), p.End.Short())
	}
	return nil
}

// proved reports whether a proof of the interval is on record.
func (g *Game) proved(level uint8, offset uint64, start assay.Digest) bool {
	return slices.ContainsFunc(g.Proofs, func(p Proof) bool {
		return p.Level == level && p.Offset == offset && p.Start == start
	})
}

// mover returns the claim that a signer may move.
func (g *Game) mover(job assay.JobID, from assay.Key, number uint16) (*Claim, error) {
	if job != g.Job {
		return nil, assay.Refuse(CodeOtherDispute, "%s", job.Short())
	}
	if int(number) >= len(g.Claims) {
		return nil, assay.Refuse(CodeNoClaim, "%d of %d", number, len(g.Claims))
	}
	c := &g.Claims[number]
	switch {
	case c.Author != from:
		return nil, assay.Refuse(CodeNotYours, "claim %d is %s's", number, c.Author.Short())
	case c.Lost != nil && (c.Lost.Code == CodeSilent || c.Lost.Code == CodeUnproved || c.Lost.Code == CodeUnmade):
		return nil, assay.Refuse(CodeLate, "claim %d lost at clock %d", number, c.Lost.At)
	case c.Lost != nil:
		return nil, assay.Refuse(CodeClaimLost, "claim %d", number)
	case g.Phase == Over:
		return nil, assay.Refuse(CodeOver, "")
	}
	return c, nil
}

// known refuses an interval that no game of this span has.
func (g *Game) known(level uint8, offset uint64) error {
	if level >= g.Rules.Levels || offset%steps(level) != 0 || offset >= steps(g.Rules.Levels) {
		return assay.Refuse(CodeInterval, "level %d at %d", level, offset)
	}
	return nil
}

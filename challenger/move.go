package challenger

import (
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/dispute"
)

// post posts what is missing of the program, if the dispute waits for it.
func (p *Player) post(at assay.Clock, t Table) []Effect {
	if !t.Program || !p.myTurn(at, t.Due, t.Posters, move{kind: assay.KindProgram}) {
		return nil
	}
	a, effects := p.ask(at, Question{Kind: AskProgram})
	if a == nil {
		return effects
	}
	for _, m := range board.CutProgram(p.config.ID, a.Program) {
		if i := int(m.Chunk); i < len(t.Posted) && t.Posted[i] {
			continue
		}
		effects = append(effects, p.send(at, move{kind: m.Kind(), offset: uint64(m.Chunk)}, m)...)
	}
	return effects
}

// challenge posts a claim of this player's own where the truth has none to rely
// on.
func (p *Player) challenge(at assay.Clock, t Table, final *Final) []Effect {
	if t.Game == nil && final.Span > 0 {
		t.Span = final.Span
	}
	if !t.Admits || t.Span < dispute.Arity || final.Steps > t.Span {
		return nil
	}
	mine := liveOf(t.Game, p.config.Key)
	if mine != nil && !mine.Announced() {
		return nil
	}
	a, effects := p.ask(at, Question{Kind: AskRoots, Stride: t.Span / dispute.Arity, N: dispute.Arity})
	if a == nil {
		return effects
	}
	post := &assay.PostClaim{Job: p.config.ID, Steps: final.Steps, Last: final.Last, Roots: a.Roots}
	this := move{kind: post.Kind()}
	if mine == nil && t.Game != nil {
		this.claim = p.claimed(t.Game) // after a loss it is another move
		if this.claim >= maxClaims || p.refuted(t.Game) || represented(t.Game, at, a.Roots) {
			return nil
		}
	}
	if mine == nil && !p.myTurn(at, t.Due, t.Others, this) {
		return nil
	}
	return p.send(at, this, post)
}

// maxClaims is how many claims a player spends on one game. Whoever is in order
// needs one, and a second if its own machine was down for longer than a clock.
const maxClaims = 8

// announce binds this player to a claim whose roots it still computes, once half
// of the time to claim has gone. Windows go by the steps that others claim, so a
// liar who claims few of them must not win by them. Where the machine has failed
// there is nothing to wait for, and everybody would.
func (p *Player) announce(at assay.Clock, t Table) []Effect {
	this := move{kind: assay.KindClaim, level: announced}
	if !t.Admits || t.Due == 0 || liveOf(t.Game, p.config.Key) != nil || p.failed[Question{Kind: AskFinal}].times > 0 {
		return nil
	}
	if !p.after(at, t.Due, assay.Millis(t.Due-at)/2, this) {
		return nil
	}
	return p.send(at, this, &assay.PostClaim{Job: p.config.ID})
}

// announced stands for the level of a claim without roots.
const announced = 0xff

// liveOf returns a party's live claim in a game.
func liveOf(g *dispute.Game, author assay.Key) *dispute.Claim {
	if g == nil {
		return nil
	}
	for i := range g.Claims {
		if c := &g.Claims[i]; c.Author == author && c.Live() {
			return c
		}
	}
	return nil
}

// claimed counts this player's claims.
func (p *Player) claimed(g *dispute.Game) uint16 {
	n := uint16(0)
	for i := range g.Claims {
		if g.Claims[i].Author == p.config.Key {
			n++
		}
	}
	return n
}

// refuted reports whether the referee has contradicted this player. Its machine
// is broken then, and another claim would cost another bond.
func (p *Player) refuted(g *dispute.Game) bool {
	return slices.ContainsFunc(g.Claims, func(c dispute.Claim) bool {
		return c.Author == p.config.Key && c.Lost != nil && c.Lost.Code == dispute.CodeRefuted
	})
}

// represented reports whether a live claim says what this player would say, and
// can be relied on to go on saying it. It cannot once any claim that said so has
// lost: a saboteur copies a true claim and falls silent, and would do so again.
// Nor can it when claims are about to close.
func represented(g *dispute.Game, at assay.Clock, roots []assay.Digest) bool {
	if g.IsLastCall(at) {
		return false
	}
	vector := dispute.VectorOf(roots)
	live := false
	for i := range g.Claims {
		switch c := &g.Claims[i]; {
		case c.Vector != vector:
		case !c.Live():
			return false
		default:
			live = true
		}
	}
	return live
}

// moves answers every interval in which this player's claim meets a rival.
func (p *Player) moves(at assay.Clock, g *dispute.Game) []Effect {
	var effects []Effect
	for _, t := range g.Turns(p.config.Key) {
		if !t.Announced && t.Due != 0 && at < t.Due {
			effects = append(effects, p.move(at, t)...)
		}
	}
	return effects
}

// move proves an interval where that is cheap, and refines it otherwise.
func (p *Player) move(at assay.Clock, t dispute.Turn) []Effect {
	if t.Level == 0 || t.Steps <= p.config.ProveSteps {
		proof := Question{Kind: AskProof, Start: t.Offset, Stride: t.Steps}
		if !p.ready(at, move{assay.KindProof, t.Claim, t.Level, t.Offset}) {
			return nil
		}
		a, effects := p.ask(at, proof)
		if a == nil {
			return effects
		}
		if t.Level == 0 && a.Err != nil {
			p.told = a.Err // a single step always fits: the machine is broken
			return nil
		}
		if t.Level == 0 || a.Err == nil && len(a.Witness) <= p.config.ProveBytes {
			delete(p.answers, proof) // a quarter of a megabyte, and a thousand claims may be fought
			return p.send(at, move{assay.KindProof, t.Claim, t.Level, t.Offset}, &assay.PostProof{
				Job: p.config.ID, Claim: t.Claim, Level: t.Level, Offset: t.Offset, Witness: a.Witness,
			})
		}
	}
	a, effects := p.ask(at, Question{Kind: AskRoots, Start: t.Offset, Stride: t.Steps / dispute.Arity, N: dispute.Arity - 1})
	if a == nil {
		return effects
	}
	m := &assay.PostRefinement{Job: p.config.ID, Claim: t.Claim, Level: t.Level, Offset: t.Offset, Roots: a.Roots}
	return p.send(at, move{m.Kind(), t.Claim, t.Level, t.Offset}, m)
}

// myTurn leaves a move that anybody may make to those who should make it first:
// a sixteenth of the time to each, and half of it at most to all.
func (p *Player) myTurn(at, due assay.Clock, others int, m move) bool {
	return p.after(at, due, assay.Millis(max(0, due-at))/16*assay.Millis(min(others, 8)), m)
}

// after reports whether a move has waited for so long. When this process first
// saw that it was due is all it can go by; a restart waits again. Nobody waits
// into the last two looks at the ledger that the clock is sure to leave: a quiet
// chain makes a block a second, and a window of one second is over with the next.
func (p *Player) after(at, due assay.Clock, wait assay.Millis, m move) bool {
	turn, ok := p.turn[m]
	if !ok {
		turn = at.Add(wait)
		p.turn[m] = turn
	}
	if due != 0 { // of now: a dispute that opens meanwhile has shorter windows
		turn = min(turn, due.Add(-2*p.config.ClockStep))
	}
	return at >= turn
}

// ready reports whether a message that was sent before may be sent again.
func (p *Player) ready(at assay.Clock, this move) bool {
	last, ok := p.sent[this]
	return !ok || at >= last.at.Add(pause(p.config.Resend, last.times-1))
}

// send sends a message unless it may still be on its way. What the ledger
// refuses costs a fee each time, so it is tried more and more rarely.
func (p *Player) send(at assay.Clock, this move, m assay.Message) []Effect {
	if !p.ready(at, this) {
		return nil
	}
	p.sent[this] = attempt{p.sent[this].times + 1, at}
	return []Effect{Send{Messages: []assay.Message{m}}}
}

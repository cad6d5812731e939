package adversary

import (
	"cmp"
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/challenger"
	"github.com/capacloud/assay/dispute"
	"github.com/capacloud/assay/provider"
)

// disputed are the messages of a dispute.
var disputed = []assay.Kind{assay.KindClaim, assay.KindRefine, assay.KindProof}

// Challenger is a challenger's core, or one that has been tampered with.
type Challenger interface {
	Step(challenger.Event) []challenger.Effect
}

// WrapChallenger puts a player's faults of the wire around the core of somebody
// who watches. What such a player believes is a matter of Executor and Tracer,
// as with a provider: a challenger who is wrong is an honest core around a liar's
// executor and trace, sixteen sybils are sixteen of them with a key each, and a
// shield is one in the pay of the provider whose result it challenges, who falls
// silent or bluffs after that.
func WrapChallenger(p Player, key assay.Key, core Challenger) Challenger {
	switch p.Kind {
	case Stall, Silent, Meddle:
		return &opponent{core: core, tactic: tacticOf(p, key)}
	case Honest, Lie, Collude, Misstate, Bluff, Sabotage, Copy, Lazy, Withhold, Late, Crash, Contradict, Poison:
	}
	return core
}

// opponent is a challenger with a tactic.
type opponent struct {
	core Challenger
	tactic
}

// Step implements Challenger.
func (o *opponent) Step(e challenger.Event) []challenger.Effect {
	var released []assay.Message
	if s, ok := e.(challenger.State); ok {
		released = o.look(s.Moment.Clock, gamesOf(s.Cases, s.Appeals))
	}
	var effects []challenger.Effect
	for _, e := range o.core.Step(e) {
		if s, ok := e.(challenger.Send); ok {
			released = append(released, o.send(s.Messages)...)
			continue
		}
		effects = append(effects, e)
	}
	for _, m := range released {
		effects = append(effects, challenger.Send{Messages: []assay.Message{m}})
	}
	return effects
}

// defendant is a provider with a tactic.
type defendant struct {
	wire
	tactic
}

// Step implements Core.
func (d *defendant) Step(e provider.Event) []provider.Effect {
	var released []assay.Message
	if s, ok := e.(provider.State); ok {
		released = d.look(s.Moment.Clock, gamesOf(s.Cases, s.Appeals))
	}
	var effects []provider.Effect
	for _, e := range d.core.Step(e) {
		if s, ok := e.(provider.Send); ok {
			released = append(released, d.send(s.Messages)...)
			continue
		}
		effects = append(effects, e)
	}
	for _, m := range released {
		effects = append(effects, provider.Send{Messages: []assay.Message{m}})
	}
	return effects
}

// tactic is what becomes of an honest core's messages in a dispute.
type tactic interface {
	// look sees the games after a block and returns what to send now.
	look(at assay.Clock, games map[assay.JobID]*dispute.Game) []assay.Message
	// send returns what to send in place of messages.
	send(messages []assay.Message) []assay.Message
}

func tacticOf(p Player, key assay.Key) tactic {
	switch p.Kind {
	case Stall:
		return &stalling{key: key, held: map[place]assay.Message{}}
	case Meddle:
		return &meddling{key: key}
	}
	return silence{}
}

// gamesOf returns the games that run.
func gamesOf(cases []*board.Case, appeals []challenger.Appealed) map[assay.JobID]*dispute.Game {
	games := map[assay.JobID]*dispute.Game{}
	for _, c := range cases {
		if d := c.Dispute(); d != nil && d.Game != nil {
			games[c.ID] = d.Game
		}
	}
	for _, a := range appeals {
		if a.Appeal.Running() && a.Appeal.Dispute.Game != nil {
			games[a.Case.ID] = a.Appeal.Dispute.Game
		}
	}
	return games
}

// silence says nothing in a dispute.
type silence struct{}

func (silence) look(assay.Clock, map[assay.JobID]*dispute.Game) []assay.Message { return nil }

func (silence) send(messages []assay.Message) []assay.Message {
	return slices.DeleteFunc(slices.Clone(messages), func(m assay.Message) bool { return slices.Contains(disputed, m.Kind()) })
}

// stalling holds every move back until so little of its clock is left.
type stalling struct {
	key   assay.Key
	at    assay.Clock
	games map[assay.JobID]*dispute.Game
	held  map[place]assay.Message
}

// lastMoment is enough for one block under way and one more.
const lastMoment assay.Millis = 1500

// place is where in a game a message belongs.
type place struct {
	job    assay.JobID
	kind   assay.Kind
	level  uint8
	offset uint64
}

func placeOf(m assay.Message) (place, bool) {
	switch m := m.(type) {
	case *assay.PostClaim:
		return place{m.Job, m.Kind(), 0, 0}, true
	case *assay.PostRefinement:
		return place{m.Job, m.Kind(), m.Level, m.Offset}, true
	case *assay.PostProof:
		return place{m.Job, m.Kind(), m.Level, m.Offset}, true
	}
	return place{}, false
}

func (s *stalling) send(messages []assay.Message) []assay.Message {
	return slices.DeleteFunc(slices.Clone(messages), func(m assay.Message) bool {
		at, ok := placeOf(m)
		if ok && s.early(at) {
			s.held[at] = m
			return true
		}
		return false
	})
}

func (s *stalling) look(at assay.Clock, games map[assay.JobID]*dispute.Game) []assay.Message {
	s.at, s.games = at, games
	var places []place
	for p := range s.held {
		if !s.early(p) {
			places = append(places, p)
		}
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(string(a.job[:]), string(b.job[:])), cmp.Compare(a.kind, b.kind), cmp.Compare(a.level, b.level), cmp.Compare(a.offset, b.offset))
	})
	var list []assay.Message
	for _, p := range places {
		list = append(list, s.held[p])
		delete(s.held, p)
	}
	return list
}

// early reports whether a move can wait. Of a claim the phase says how long; a
// claim that has to open a dispute cannot.
func (s *stalling) early(p place) bool {
	g := s.games[p.job]
	if g == nil {
		return false
	}
	due := g.Due
	for _, t := range g.Turns(s.key) {
		if t.Announced == (p.kind == assay.KindClaim) && t.Level == p.level && t.Offset == p.offset {
			due = t.Due
		}
	}
	return due != 0 && s.at < due.Add(-lastMoment)
}

// meddling repeats each of its moves in the name of every other live claim: to
// concede, to spend the clock or to misstate for somebody else.
type meddling struct {
	key   assay.Key
	games map[assay.JobID]*dispute.Game
}

func (m *meddling) look(_ assay.Clock, games map[assay.JobID]*dispute.Game) []assay.Message {
	m.games = games
	return nil
}

func (m *meddling) send(messages []assay.Message) []assay.Message {
	list := slices.Clone(messages)
	for _, msg := range messages {
		at, ok := placeOf(msg)
		g := m.games[at.job]
		if !ok || g == nil {
			continue
		}
		for i := range g.Claims {
			if g.Claims[i].Live() && g.Claims[i].Author != m.key {
				list = append(list, inTheNameOf(msg, uint16(i))...)
			}
		}
	}
	return list
}

// inTheNameOf returns a move for another claim. A first claim has no number to
// forge.
func inTheNameOf(m assay.Message, claim uint16) []assay.Message {
	switch m := m.(type) {
	case *assay.PostRefinement:
		other := *m
		other.Claim = claim
		return []assay.Message{&other}
	case *assay.PostProof:
		other := *m
		other.Claim = claim
		return []assay.Message{&other}
	}
	return nil
}

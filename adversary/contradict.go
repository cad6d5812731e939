package adversary

import (
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/provider"
)

// The variants of Contradict. All three prove themselves wrong, and nobody else
// ever does: an opening that differs from its commitment or its tag is the one
// thing for which stake is slashed where no referee exists.
const (
	otherOpening = 0 // commits and tags one result, opens another
	otherTag     = 1 // tags one result, commits to and opens another
	parrot       = 2 // commits to nothing, repeats another's tag and then its opening
)

func newContradictor(w wire, variant int) Core {
	if variant == parrot {
		return &parroting{wire: w, tried: map[attempt]bool{}}
	}
	return &contradictor{wire: w, variant: variant, tags: map[assay.JobID]assay.Digest{}}
}

// contradictor alters one of the three messages on its way out.
type contradictor struct {
	wire
	variant int
	tags    map[assay.JobID]assay.Digest // that the honest core wanted to show
}

// Step implements Core.
func (c *contradictor) Step(e provider.Event) []provider.Effect {
	if s, ok := e.(provider.State); ok {
		e = c.pretend(s)
	}
	effects := c.core.Step(e)
	for _, e := range effects {
		if s, ok := e.(provider.Send); ok {
			c.alter(s.Messages)
		}
	}
	return effects
}

// pretend shows the honest core the tag that it believes to have sent: it would
// otherwise refuse to open, which is the whole point of its refusing.
func (c *contradictor) pretend(s provider.State) provider.State {
	s.Cases = slices.Clone(s.Cases)
	for i, k := range s.Cases {
		tag, ok := c.tags[k.ID]
		if seat := c.seat(k); seat == nil || seat.Tag.IsZero() || !ok {
			continue
		}
		other := *k
		other.Seats = slices.Clone(k.Seats)
		c.seat(&other).Tag = tag
		s.Cases[i] = &other
	}
	return s
}

func (c *contradictor) alter(messages []assay.Message) {
	for i, m := range messages {
		switch m := m.(type) {
		case *assay.Tag:
			if c.variant == otherTag {
				c.tags[m.Job] = m.Tag
				messages[i] = &assay.Tag{Job: m.Job, Seat: m.Seat, Tag: canon.Hash("assay/adversary/1", m.Tag[:])}
			}
		case *assay.Open:
			if c.variant == otherOpening {
				other := *m
				other.Result.State = canon.Hash("assay/adversary/1", m.Result.State[:])
				messages[i] = &other
			}
		}
	}
}

// parroting is the copier who does not know when to stop: it takes part from
// the start without a result, in the hope that nobody compares.
type parroting struct {
	wire
	tried map[attempt]bool
}

// Step implements Core.
func (p *parroting) Step(e provider.Event) []provider.Effect {
	s, ok := e.(provider.State)
	if !ok {
		return nil
	}
	var effects []provider.Effect
	for _, c := range s.Cases {
		seat := p.seat(c)
		if seat == nil {
			continue
		}
		if m := p.message(c, seat); m != nil && !p.tried[attempt{c.ID, m.Kind()}] {
			p.tried[attempt{c.ID, m.Kind()}] = true
			effects = append(effects, provider.Send{Messages: []assay.Message{m}})
		}
	}
	return effects
}

func (p *parroting) message(c *board.Case, seat *board.Seat) assay.Message {
	switch seat.State {
	case assay.Assigned:
		return &assay.Commit{Job: c.ID, Seat: seat.Number, Commit: canon.Hash("assay/adversary/1", p.key[:], c.ID[:])}
	case assay.Committed:
		i := slices.IndexFunc(c.Seats, func(s board.Seat) bool { return !s.Tag.IsZero() })
		if i >= 0 && c.Phase == board.Tagging {
			return &assay.Tag{Job: c.ID, Seat: seat.Number, Tag: c.Seats[i].Tag}
		}
	case assay.Tagged:
		if r := openedBy(c, p.key); r != nil && c.Phase == board.Opening {
			return &assay.Open{Job: c.ID, Seat: seat.Number, Result: *r}
		}
	case assay.Opened, assay.Late, assay.Abandoned, assay.Unavailable, assay.ProvedWrong, assay.Misled:
	}
	return nil
}

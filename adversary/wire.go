package adversary

import (
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/provider"
)

// wire is what every fault of the wire needs: the honest core behind it and the
// key that it plays.
type wire struct {
	core    Core
	key     assay.Key
	network assay.NetworkID
}

// seat returns the player's seat in a case, failed or not.
func (w *wire) seat(c *board.Case) *board.Seat {
	for i := range c.Seats {
		if c.Seats[i].Provider == w.key {
			return &c.Seats[i]
		}
	}
	return nil
}

// dropped says which effects never leave the machine.
type dropped struct {
	messages []assay.Kind
	bytes    bool // outputs are neither served nor opened
}

var withheld = [...]dropped{
	NeverTags:   {messages: []assay.Kind{assay.KindTag}},
	NeverOpens:  {messages: []assay.Kind{assay.KindOpen}},
	NeverServes: {messages: []assay.Kind{assay.KindAnswer}, bytes: true},
}

// filter drops effects.
type filter struct {
	wire
	drop dropped
}

// Step implements Core.
func (f *filter) Step(e provider.Event) []provider.Effect {
	return slices.DeleteFunc(f.core.Step(e), f.drop.drops)
}

func (d dropped) drops(e provider.Effect) bool {
	switch e := e.(type) {
	case provider.Send:
		return slices.ContainsFunc(e.Messages, func(m assay.Message) bool { return slices.Contains(d.messages, m.Kind()) })
	case provider.Publish, provider.OpenLeaves:
		return d.bytes
	}
	return false
}

// dying follows the protocol until its seat has come so far, and is silent ever
// after.
type dying struct {
	wire
	at   assay.ExecutionState
	dead bool
}

// Step implements Core.
func (d *dying) Step(e provider.Event) []provider.Effect {
	if s, ok := e.(provider.State); ok && !d.dead {
		for _, c := range s.Cases {
			if seat := d.seat(c); seat != nil && seat.State >= d.at {
				d.dead = true
			}
		}
	}
	if d.dead {
		return nil
	}
	return d.core.Step(e)
}

// copier executes nothing. It tries everything by which work could be saved:
// another seat's commitment as its own, another seat's tag, and the result of
// whoever opened before it has to commit. Only the last can ever land, and only
// in a seat that was drawn after an opening; findings say so of such seats.
type copier struct {
	wire
	asked map[assay.JobID]bool
	tried map[attempt]bool
}

type attempt struct {
	job  assay.JobID
	kind assay.Kind
}

// Step implements Core.
func (c *copier) Step(e provider.Event) []provider.Effect {
	effects := c.work(c.core.Step(e))
	if s, ok := e.(provider.State); ok {
		for _, k := range s.Cases {
			effects = append(effects, c.try(k)...)
		}
	}
	return effects
}

// work swallows what would be work, and what needs the bytes of an output.
func (c *copier) work(effects []provider.Effect) []provider.Effect {
	return slices.DeleteFunc(effects, func(e provider.Effect) bool {
		switch e := e.(type) {
		case provider.Execute:
			c.asked[e.ID] = true
			return true
		case provider.Publish, provider.OpenLeaves:
			return true
		}
		return false
	})
}

func (c *copier) try(k *board.Case) []provider.Effect {
	seat := c.seat(k)
	if seat == nil {
		return nil
	}
	var effects []provider.Effect
	once := func(m assay.Message) {
		if at := (attempt{k.ID, m.Kind()}); !c.tried[at] {
			c.tried[at] = true
			effects = append(effects, provider.Send{Messages: []assay.Message{m}})
		}
	}
	if r := openedBy(k, c.key); r != nil && c.asked[k.ID] && seat.State == assay.Assigned {
		delete(c.asked, k.ID)
		return c.work(c.core.Step(provider.Executed{Job: k.ID, Result: *r}))
	}
	for i := range k.Seats {
		other := &k.Seats[i]
		switch {
		case other.Provider == c.key || seat.State != assay.Assigned:
		case !other.Tag.IsZero():
			once(&assay.Tag{Job: k.ID, Seat: seat.Number, Tag: other.Tag})
		case !other.Commit.IsZero():
			once(&assay.Commit{Job: k.ID, Seat: seat.Number, Commit: other.Commit})
		}
	}
	return effects
}

// openedBy returns a result that somebody else has opened.
func openedBy(k *board.Case, but assay.Key) *assay.Result {
	for i := range k.Seats {
		if s := &k.Seats[i]; s.Provider != but && s.State == assay.Opened {
			return s.Result
		}
	}
	return nil
}

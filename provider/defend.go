package provider

import (
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/challenger"
)

// defend plays for the opened result of this provider's seat while a dispute
// runs, whoever began it: a seat whose result nobody claims loses its stake by
// the clock.
func (p *Provider) defend(c *board.Case, seat *board.Seat, w *work) []Effect {
	if c.Dispute() == nil || seat.Result == nil {
		return w.rest()
	}
	truth := seat.Result.Digest()
	w.from = c.ResumesOf(seat.Number)
	return p.play(c, w, truth, challenger.TableOf(p.moment.Clock, c, p.config.Key, truth))
}

// answerAppeal defends a settled result that was paid, and for which stake is
// still locked.
func (p *Provider) answerAppeal(a challenger.Appealed) []Effect {
	w := p.workOf(a.Case.ID)
	truth := a.Appeal.Result
	for i := range a.Case.Seats {
		if s := &a.Case.Seats[i]; s.Provider == p.config.Key {
			w.from = a.Case.ResumesOf(s.Number)
		}
	}
	return p.play(a.Case, w, truth, challenger.AppealTable(p.moment.Clock, a.Case, a.Appeal, p.config.Key, truth))
}

func (p *Provider) appealed(id assay.JobID) bool {
	return slices.ContainsFunc(p.appeals, func(a challenger.Appealed) bool { return a.Case.ID == id })
}

// play makes this provider's moves for a result, as long as the machine says
// the same. To claim anything else would add a bond to the loss.
func (p *Provider) play(c *board.Case, w *work, truth assay.Digest, t challenger.Table) []Effect {
	if w.player == nil {
		w.player = challenger.NewPlayer(challenger.PlayerConfig{
			Key: p.config.Key, ID: c.ID, Job: c.Job, Resend: p.config.Resend, ClockStep: p.config.ClockStep,
			ProveSteps: p.config.ProveSteps, ProveBytes: p.config.ProveBytes,
		})
	}
	t.Posted = p.posted[c.Job.Program]
	var effects []Effect
	if err := w.player.Failure(); err != nil {
		effects = p.warn(c, w, assay.Refuse(CodeUntraced, "job %s: %v", c.ID.Short(), err))
	}
	final, asking := w.player.Final(p.moment.Clock)
	effects = append(effects, w.performed(asking)...)
	if final != nil && final.Result.Digest() != truth {
		return append(effects, p.warn(c, w, assay.Refuse(CodeIndefensible, "job %s: opened %s, the machine says %s", c.ID.Short(), truth.Short(), final.Result.Digest().Short()))...)
	}
	return append(effects, w.performed(w.player.Play(p.moment, t))...)
}

// rest lets the trace go once nothing is disputed.
func (w *work) rest() []Effect {
	if w.player == nil {
		return nil
	}
	effects := w.performed(w.player.Drop())
	w.player = nil
	return effects
}

// performed turns the effects of a player into those of a provider.
func (w *work) performed(list []challenger.Effect) []Effect {
	var effects []Effect
	for _, e := range list {
		switch e := e.(type) {
		case challenger.Ask:
			effects = append(effects, Trace{Ask: e, From: w.from})
		case challenger.Drop:
			effects = append(effects, Untrace(e))
		case challenger.Send:
			effects = append(effects, Send(e))
		}
	}
	return effects
}

// traced hands an answer of the tracer to the player that asked, and lets it
// move.
func (p *Provider) traced(e Traced) []Effect {
	w := p.work[e.Answer.Job]
	if w == nil || w.player == nil {
		return nil
	}
	w.player.Hear(p.moment.Clock, e.Answer)
	for _, c := range p.cases {
		if seat := p.seat(c); c.ID == e.Answer.Job && seat != nil && seat.State == assay.Opened {
			return p.defend(c, seat, w)
		}
	}
	for _, a := range p.appeals {
		if a.Case.ID == e.Answer.Job {
			return p.answerAppeal(a)
		}
	}
	return nil
}

// warn reports once.
func (p *Provider) warn(c *board.Case, w *work, err error) []Effect {
	if w.reported {
		return nil
	}
	w.reported = true
	e := Report{Job: c.ID, Err: err}
	for i := range c.Seats {
		if s := &c.Seats[i]; s.Provider == p.config.Key {
			e.Seat = s.Number
		}
	}
	return []Effect{e}
}

package board

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/policy"
)

// A window is worth what can be done in it: validators attest that program and
// inputs can be had, the clock runs from there, and by a beacon that nobody knew
// when the executor tagged, a share of the jobs get a watcher of their own.

// watchName is the choice whether the executor of a seat is watched.
func watchName(seat uint16) string { return fmt.Sprintf("watch %d", seat) }

// watch returns the choice that is due before anybody opens: whether the latest
// executor is watched. It comes after the tags, so that the executor is bound;
// and before the first opening, so that the watcher is blind. Executors who are
// drawn later are watched by whoever watches already.
func (c *Case) watch(plan *Plan) (string, bool) {
	if plan.Watchers == 0 || c.anyOpened() || !slices.ContainsFunc(plan.active(c.Choices), func(i int) bool { return plan.checks[i].window > 0 }) {
		return "", false
	}
	var name string
	for _, s := range c.Seats {
		switch {
		case s.Role == assay.RoleWatcher && !s.State.Failed():
			return "", false
		case s.Role == assay.RoleExecutor && s.State == assay.Tagged:
			name = watchName(s.Number)
		}
	}
	return name, name != "" && !c.chosen(name)
}

// watched reports whether a beacon has said that the executors are watched.
func (c *Case) watched() bool {
	return slices.ContainsFunc(c.Choices, func(k ChoiceMade) bool { return k.Taken && strings.HasPrefix(k.Name, "watch ") })
}

func (c *Case) chosen(name string) bool {
	return slices.ContainsFunc(c.Choices, func(k ChoiceMade) bool { return k.Name == name })
}

// choose fixes the choice of a request, if it has one, and reports whether to
// draw.
func (c *Case) choose(at assay.Moment, beacon assay.Beacon) bool {
	r := c.Request
	if r.Choice == "" {
		return true
	}
	taken := taken(beacon, c.ID, r.Choice, r.Share)
	c.Choices = append(c.Choices, ChoiceMade{Name: r.Choice, Taken: taken, Height: at.Height, Beacon: beacon, Clock: at.Clock})
	return taken
}

// taken reports whether a beacon takes a choice.
func taken(beacon assay.Beacon, job assay.JobID, name string, share assay.PPM) bool {
	h := canon.Hash("assay/choice/1", beacon.Value[:], job[:], []byte(name))
	return binary.LittleEndian.Uint64(h[:8])%uint64(assay.Whole) < uint64(share)
}

// opened reports whether an escalate has opened its second branch.
func opened(choices []ChoiceMade, e *policy.Expr) bool {
	text := e.String()
	return slices.ContainsFunc(choices, func(k ChoiceMade) bool { return k.Name == text })
}

func (c *Case) openedBranch(e *policy.Expr) bool { return opened(c.Choices, e) }

// escalate opens the second branch of every escalate whose first one closes
// without an accepted candidate, and reports whether there was one.
func (c *Case) escalate(plan *Plan, j *judgement, at assay.Moment) bool {
	if len(j.supported()) > 0 || j.contradicted() || c.undecidable() != "" {
		return false
	}
	list := plan.expr.Escalates(c.openedBranch)
	for _, e := range list {
		c.Choices = append(c.Choices, ChoiceMade{Name: e.String(), Taken: true, Height: at.Height, Clock: at.Clock})
	}
	return len(list) > 0
}

// WantsInputs reports whether validators are to attest that they hold program
// and inputs.
func (c *Case) WantsInputs(p *assay.Params) bool {
	if c.Verdict != nil || c.InputsAt != 0 {
		return false
	}
	plan := c.Plan(p)
	return plan.windowed()
}

// windowed reports whether any check of the policy waits for a challenge.
func (plan *Plan) windowed() bool {
	return slices.ContainsFunc(plan.checks, func(e entry) bool { return e.window > 0 })
}

// attestInputs records a validator's word that it holds program and inputs.
func (c *Case) attestInputs(p *assay.Params, g *assay.Genesis, at assay.Moment, from assay.Key) error {
	if !c.WantsInputs(p) {
		return assay.Refuse(CodePhase, "the case is %s", c.Phase)
	}
	if err := attester(g, from, c.Inputs); err != nil {
		return err
	}
	c.Inputs = append(c.Inputs, from)
	if PowerOf(g, c.Inputs) {
		c.InputsAt = max(1, at.Clock)
	}
	return nil
}

// inputsMissed reports whether a result is there, and the time is over in which
// validators were to attest that its inputs can be had.
func (c *Case) inputsMissed(p *assay.Params, plan *Plan, at assay.Moment) bool {
	due := c.inputsDue(p, plan)
	return due != 0 && due <= at.Clock
}

// inputsDue returns until when a result waits for the inputs to be attested;
// zero: nothing waits for them.
func (c *Case) inputsDue(p *assay.Params, plan *Plan) assay.Clock {
	if c.InputsAt != 0 || !slices.ContainsFunc(plan.active(c.Choices), func(i int) bool { return plan.checks[i].window > 0 }) {
		return 0
	}
	var first assay.Clock
	for _, s := range c.Seats {
		if s.State == assay.Opened && (first == 0 || s.Shown < first) {
			first = s.Shown
		}
	}
	if first == 0 {
		return 0
	}
	return first.Add(p.AvailableClock)
}

// windowEnd returns when the window closes that is open at a moment; zero: none
// is, since no check waits for a challenge, or since the inputs are not attested.
// It counts from the first result that was shown, so nothing later moves it.
func (c *Case) windowEnd(p *assay.Params, at assay.Moment) assay.Clock {
	plan := c.Plan(p)
	choices := slices.DeleteFunc(slices.Clone(c.Choices), func(k ChoiceMade) bool { return k.Height > at.Height })
	var window assay.Millis
	for _, i := range plan.active(choices) {
		window = max(window, plan.checks[i].window)
	}
	var first assay.Clock
	var fuel uint64
	for i := range c.Seats {
		s := &c.Seats[i]
		if s.Role != assay.RoleExecutor || s.Result == nil || s.Shown > at.Clock || s.State == assay.ProvedWrong && s.Lost == 0 {
			continue
		}
		if first == 0 || s.Shown < first {
			first = s.Shown
		}
		fuel = max(fuel, min(s.Result.Fuel, c.Job.Limits.Fuel))
	}
	if window == 0 || first == 0 || c.InputsAt == 0 || c.InputsAt > at.Clock {
		return 0
	}
	return max(first, c.InputsAt).Add(max(window, p.RedoClock(fuel, c.Bytes)))
}

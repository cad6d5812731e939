package board

import (
	"slices"
	"strings"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/policy"
)

// replayChoices takes every choice of a beacon again, and holds the draws of
// watchers to them: one for each choice taken, by its beacon.
func (c *Case) replayChoices(p *assay.Params, plan *Plan) error {
	watchers := slices.DeleteFunc(slices.Clone(c.Draws), func(d Draw) bool { return d.Role != assay.RoleWatcher })
	var names []string
	for _, k := range c.Choices {
		if slices.Contains(names, k.Name) {
			return differs("choice %.80q is fixed twice", k.Name)
		}
		names = append(names, k.Name)
		if !strings.HasPrefix(k.Name, "watch ") {
			if !k.Taken || k.Beacon.Value != (assay.Digest{}) || !plan.escalates(k.Name) {
				return differs("choice %.80q is no branch of the policy", k.Name)
			}
			continue
		}
		if k.Taken != taken(k.Beacon, c.ID, k.Name, p.WatchShare) || plan.Watchers == 0 {
			return differs("choice %.80q does not follow from its beacon", k.Name)
		}
		if !k.Taken {
			continue
		}
		if len(watchers) == 0 || watchers[0].Height != k.Height || watchers[0].Beacon.Value != k.Beacon.Value {
			return differs("choice %.80q was taken and nobody drawn", k.Name)
		}
		watchers = watchers[1:]
	}
	if len(watchers) > 0 {
		return differs("%d watchers were drawn without a choice", len(watchers))
	}
	return c.replayWatched(plan)
}

// replayWatched checks that no executor opened before a beacon had said whether
// it is watched.
func (c *Case) replayWatched(plan *Plan) error {
	first := plan.active(nil)
	if plan.Watchers == 0 || !c.anyOpened() || !slices.ContainsFunc(first, func(i int) bool { return plan.checks[i].window > 0 }) {
		return nil
	}
	if !slices.ContainsFunc(c.Choices, func(k ChoiceMade) bool { return strings.HasPrefix(k.Name, "watch ") }) {
		return differs("a result was opened before a beacon said whether it is watched")
	}
	return nil
}

// replayBeginning starts the game again: the claim that opened the dispute is its
// first one, or void for the reason stated.
func (d *Dispute) replayBeginning(k *contest) error {
	again := contest{Dispute: new(*d), params: k.params, job: k.job, id: k.id, fetch: k.fetch, image: k.image}
	again.Game, again.Void = nil, ""
	if err := again.begin(assay.Moment{Clock: d.Game.Began}); err != nil {
		return err
	}
	if again.Void != d.Void {
		return differs("the challenge is void for %q, not %q", string(again.Void), string(d.Void))
	}
	if len(again.Game.Claims) > len(d.Game.Claims) {
		return differs("the game lacks the challenge")
	}
	for i := range again.Game.Claims {
		first, is := &again.Game.Claims[i], &d.Game.Claims[i]
		if first.Author != is.Author || first.Posted.Number != is.Posted.Number || first.Posted.At != is.Posted.At || is.Bond < first.Bond {
			return differs("the first claim is not the challenge")
		}
	}
	return nil
}

// later reports whether a moment does not lie before another.
func later(a, b assay.Moment) bool {
	return a.Height >= b.Height && a.Time >= b.Time && a.Clock >= b.Clock
}

func (plan *Plan) escalates(text string) bool {
	found := false
	plan.expr.Walk(func(e *policy.Expr) { found = found || e.Op == policy.Escalate && e.String() == text })
	return found
}

// open reports whether something was left to do at a closing.
func (c *Case) open(at assay.Moment, plan *Plan, j *judgement) bool {
	k := *c
	k.Disputes, k.Choices = slices.Clone(c.Disputes), slices.Clone(c.Choices)
	results := k.live()
	if s := k.survivor(); !s.IsZero() && len(results) > 0 && !slices.Contains(results, s) {
		results = append(results, s)
	}
	_, refereed := RefereeOf(c.Job.Runtime)
	return refereed && len(results) > 1 && k.undecidable() == "" || k.escalate(plan, j, at)
}

// replayDisputes plays what a game keeps of itself again: that it is one that
// can be, that it is about the results of this board and starts in the job's
// state 0, what every proof executes to, and who has lost by it.
func (c *Case) replayDisputes(p *assay.Params) error {
	// Each seat's result is disputed twice at most: before and behind its inputs.
	if len(c.Disputes) > 2*len(c.Seats) {
		return differs("%d disputes among %d seats", len(c.Disputes), len(c.Seats))
	}
	if len(c.Disputes) == 0 && len(c.Image) > 0 {
		return differs("an image that no dispute needed")
	}
	before := c.Submitted
	for n := range c.Disputes {
		d := &c.Disputes[n]
		if !later(d.Asked, before) || !later(d.Ended, d.Asked) || !later(c.Closed.At, d.Ended) || d.Fuel != c.fuelOf(d.Candidates, d.Asked.Clock) {
			return differs("dispute %d is out of order, or its fuel is not its results'", n)
		}
		before = d.Ended
		if err := c.replayDispute(p, n); err != nil {
			return err
		}
	}
	for _, s := range c.Seats {
		if s.Lost == 0 {
			continue
		}
		if int(s.Lost) > len(c.Disputes) || c.Disputes[s.Lost-1].Game == nil {
			return differs("seat %d has lost no dispute", s.Number)
		}
	}
	return nil
}

func (c *Case) replayDispute(p *assay.Params, n int) error {
	d := &c.Disputes[n]
	k := contest{Dispute: d, params: p, job: &c.Job, id: c.ID, fetch: c.Bytes, image: c.Image}
	bond, err := k.challengeBond()
	switch {
	case err != nil:
		return err
	case d.Code != "" && (d.Game != nil || n != len(c.Disputes)-1), d.Code == "" && d.Game == nil:
		return differs("dispute %d has a game or a reason to have none", n)
	case d.Due != 0:
		return differs("dispute %d still waits for the program", n)
	case d.Challenge != nil && d.Challenge.Bond != bond:
		return differs("the challenge of dispute %d has a bond of %d", n, d.Challenge.Bond)
	}
	if d.Game == nil {
		if d.Until != 0 {
			return differs("dispute %d has no game, and is kept open", n)
		}
		return nil
	}
	// What is attested within the very clock at which a game begins may have come
	// a block later.
	until := c.windowEnd(p, assay.Moment{Height: d.Asked.Height, Clock: d.Game.Began})
	if d.Until != until && (d.Until != 0 || c.InputsAt != d.Game.Began) {
		return differs("dispute %d is kept open until clock %d, not %d", n, d.Until, until)
	}
	if err := d.replayGame(&k); err != nil {
		return err
	}
	return c.replayConviction(n)
}

// replayGame holds a game to its rules, its start and its proofs.
func (d *Dispute) replayGame(k *contest) error {
	g := d.Game
	if err := g.Validate(); err != nil {
		return err
	}
	rules, err := k.rules(g.Began)
	if err != nil {
		return err
	}
	start, m, err := k.machine()
	if err != nil {
		return err
	}
	cover := coverOf(k.params, k.fetch)
	if len(d.Posters) == 0 && d.Challenge == nil {
		cover = 0
	}
	candidates := make([]assay.Digest, len(g.Candidates))
	for i := range g.Candidates {
		candidates[i] = g.Candidates[i].Result
	}
	switch {
	case !g.IsOver() || g.Job != k.id || g.Start != start:
		return differs("the game is not over, or of another job or state 0")
	case d.Cover != cover:
		return differs("a loser covers %d of the program, not %d", d.Cover, cover)
	case g.Rules != rules:
		return differs("the game has other rules than the job's")
	case !slices.Equal(candidates, d.Candidates):
		return differs("the game is about other results than the dispute")
	case g.Began < d.Asked.Clock || g.Ended < g.Began || d.Ended.Clock < g.Ended:
		return differs("the game was not played within the dispute")
	case len(d.Proofs) != 0 && len(d.Proofs) != len(g.Proofs):
		return differs("%d witnesses for %d proofs", len(d.Proofs), len(g.Proofs))
	}
	if err := d.replayBeginning(k); err != nil {
		return err
	}
	for i := range d.Proofs {
		if err := g.Recheck(m, i, d.Proofs[i]); err != nil {
			return err
		}
	}
	return nil
}

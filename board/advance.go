package board

import (
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/policy"
)

// maxWaiting bounds all waiting of a case for its checks: a check that always
// names a later moment would otherwise hold the escrow for ever.
const maxWaiting assay.Millis = 7 * 24 * 3600 * 1000

// maxMoves bounds the moves of one Advance; each is a step along the phases,
// and none is taken twice without a message or a clock between.
const maxMoves = 32

// Deadline returns the earliest clock that runs.
func (c *Case) Deadline() (assay.Clock, bool) {
	due := c.Due
	if d := c.Dispute(); d != nil {
		due = d.deadline()
	}
	for _, s := range c.Seats {
		if s.State == assay.Assigned && c.Record == nil && (due == 0 || s.Due < due) {
			due = s.Due
		}
	}
	return due, due != 0
}

// Expire lets the clocks act that have run out. A message that arrives in the
// same block is late.
func (c *Case) Expire(p *assay.Params, at assay.Moment) {
	if c.Record != nil {
		return
	}
	for i := range c.Seats {
		if s := &c.Seats[i]; s.State == assay.Assigned && s.Due <= at.Clock {
			s.State = assay.Late
		}
	}
	if d := c.Dispute(); d != nil {
		d.expire(at)
	}
	if c.Due == 0 || c.Due > at.Clock {
		return
	}
	switch c.Phase {
	case Tagging:
		c.turn(assay.Committed, assay.Abandoned)
	case Opening:
		c.silence()
	case Fetching:
		c.Phase, c.Challenge = Answering, &Challenge{Asked: at.Height}
	case Answering:
		c.fail()
	case Waiting, Drawing, Committing, Settled, Programming, Disputing:
	}
	c.Due = 0
}

func (c *Case) turn(from, to assay.ExecutionState) {
	for i := range c.Seats {
		if c.Seats[i].State == from {
			c.Seats[i].State = to
		}
	}
}

// silence ends the openings of seats that have tagged and said no more. A tag
// shows nothing until it is opened. Were silence free, whoever saw the others'
// tags could leave without a loss; were it cheap where a referee exists, whoever
// saw that his own tag differs, or that a watcher was drawn, would always leave.
func (c *Case) silence() {
	_, refereed := RefereeOf(c.Job.Runtime)
	var silent []int
	for i, s := range c.Seats {
		if s.State == assay.Tagged {
			silent = append(silent, i)
		}
	}
	for _, i := range silent {
		c.Seats[i].State = assay.Abandoned
		if refereed && c.fled(&c.Seats[i]) {
			c.Seats[i].State = assay.ProvedWrong
		}
	}
}

// fled reports whether a seat that did not open had something to hide: another
// tag differs from its own, or it executes and is watched.
func (c *Case) fled(s *Seat) bool {
	differs := func(x Seat) bool { return !x.Tag.IsZero() && x.Tag != s.Tag }
	return s.Role == assay.RoleExecutor && c.watched() || slices.ContainsFunc(c.Seats, differs)
}

func (c *Case) has(state assay.ExecutionState) bool {
	return slices.ContainsFunc(c.Seats, func(s Seat) bool { return s.State == state })
}

// Advance moves the case as far as it goes without another message, beacon or
// clock: it raises draws, opens phases, closes and settles. It is called at the
// end of a block, and a second call changes nothing.
func (c *Case) Advance(p *assay.Params, g *assay.Genesis, at assay.Moment) {
	if c.Record != nil {
		return
	}
	plan := c.Plan(p)
	for range maxMoves {
		if !c.move(p, g, &plan, at) {
			return
		}
	}
	panic("board: the case does not come to rest in phase " + c.Phase.String())
}

// move takes one step and reports whether another may follow.
func (c *Case) move(p *assay.Params, g *assay.Genesis, plan *Plan, at assay.Moment) bool {
	switch {
	case c.Record != nil:
		return false
	case c.Verdict != nil && c.Verdict.Outcome != assay.Accepted:
		return c.deliver(p, g, plan, at)
	case c.Request != nil:
		return c.enter(Drawing, 0)
	case c.Dispute() != nil:
		return c.dispute(at)
	case c.Phase == Opening && c.has(assay.Tagged):
		return false // a replacement can wait; those who open cannot
	}
	n, stop := c.wanted(p, plan, at)
	if n > 0 {
		c.Request = &DrawRequest{Role: assay.RoleExecutor, Seats: uint16(n), Height: at.Height}
		return true
	}
	switch {
	case stop != "" && c.Verdict == nil && c.hopeless(p, plan, at):
		return c.conclude(p, g, plan, at)
	case c.has(assay.Assigned):
		return c.enter(Committing, 0)
	case c.has(assay.Committed):
		return c.enter(Tagging, at.Clock.Add(p.TagClock))
	case c.has(assay.Tagged):
		if name, due := c.watch(plan); due {
			c.Request = &DrawRequest{Role: assay.RoleWatcher, Choice: name, Share: p.WatchShare, Seats: 1, Height: at.Height}
			return true
		}
		return c.enter(Opening, at.Clock.Add(p.OpenClock))
	case c.Verdict == nil && c.disputed(p, at):
		return true
	case c.Verdict == nil:
		return c.close(p, g, plan, at)
	}
	return c.deliver(p, g, plan, at)
}

// enter starts a phase and its clock, unless it runs already.
func (c *Case) enter(phase Phase, due assay.Clock) bool {
	if c.Phase != phase {
		c.Phase, c.Due = phase, due
	}
	return false
}

// wanted returns how many seats to draw now. When some are missing and none can
// be drawn, it returns what stops them.
func (c *Case) wanted(p *assay.Params, plan *Plan, at assay.Moment) (int, assay.Code) {
	level, missing := c.missing(p, plan, at)
	if missing <= 0 {
		return 0, ""
	}
	room := level + plan.MaxTagged - c.executors()
	switch {
	case room <= 0:
		return 0, CodeExhausted
	case at.Time >= c.Job.Deadline:
		return 0, CodeDeadline
	case c.vacancies() >= maxVacant:
		return 0, CodeNotEnough
	}
	return min(missing, room), ""
}

// missing returns the level of live replicas that is demanded, and how many are
// missing from it. Demands are levels and not orders: checks share replicas,
// and asking twice draws once.
func (c *Case) missing(p *assay.Params, plan *Plan, at assay.Moment) (level, missing int) {
	switch {
	case c.Verdict != nil:
		return plan.MaxTagged, c.missingDelivery(plan)
	case c.undecidable() != "":
		return 0, 0
	}
	live := 0
	for _, s := range c.Seats {
		if s.Role == assay.RoleExecutor && !s.State.Failed() {
			live++
		}
	}
	// What survived a dispute needs somebody to deliver it, and no second
	// opinion: whoever is drawn now could copy it anyway.
	if survivor := c.survivor(); !survivor.IsZero() {
		return 1, 1 - live
	}
	j := c.judge(plan, c.View(p, at))
	level = min(demanded(&j.root), plan.MaxTagged)
	return level, level - live
}

// executors returns how many seats were drawn to execute.
func (c *Case) executors() int {
	n := 0
	for _, s := range c.Seats {
		if s.Role == assay.RoleExecutor {
			n++
		}
	}
	return n
}

// missingDelivery asks for one fresh owner when every supporter has failed to
// deliver the accepted bytes and the policy's maximum leaves room.
func (c *Case) missingDelivery(plan *Plan) int {
	tagged := 0
	for _, s := range c.Seats {
		if s.Role == assay.RoleWatcher {
			continue
		}
		switch s.State {
		case assay.Assigned, assay.Committed, assay.Tagged:
			return 0
		case assay.Opened, assay.Unavailable:
			tagged++
		case assay.Late, assay.Abandoned, assay.ProvedWrong, assay.Misled:
		}
	}
	if c.Verdict.Outcome != assay.Accepted || tagged >= plan.MaxTagged || len(c.supporters()) > 0 {
		return 0
	}
	return 1
}

// hopeless reports whether the seats that are there could support nothing even
// if all of them agreed. Providers are then let go before they have spent the
// work: otherwise quorum(64) in a market of ten would be ten free executions.
//
// Once somebody has tagged, the case goes on to the openings, so that whoever
// tagged without a result pays for it.
func (c *Case) hopeless(p *assay.Params, plan *Plan, at assay.Moment) bool {
	v, live := c.View(p, at), 0
	one := assay.Candidate{Digest: c.ID} // stands for the result that all agree on
	for i := range v.Executions {
		x := &v.Executions[i]
		switch {
		case !x.Tag.IsZero():
			return false
		case !x.State.Failed() && x.Role == assay.RoleExecutor:
			live++
			x.State, x.Result, x.Tag = assay.Opened, one.Digest, one.Digest
		}
	}
	v.Candidates = []assay.Candidate{one}
	root := plan.expr.Judge(func(leaf *policy.Expr) assay.Finding {
		i := plan.indexOf(leaf)
		f := plan.checks[i].check.Judge(v, c.state(i))
		value := assay.CandidateValue{Candidate: one.Digest, Value: assay.Supported}
		if got, _ := f.ValueOf(one.Digest); got != assay.Supported && demanded(&f) > live {
			value.Value = assay.Refuted
		}
		return assay.Finding{Values: []assay.CandidateValue{value}}
	}, c.openedBranch)
	value, _ := root.ValueOf(one.Digest)
	return value != assay.Supported
}

// demanded returns the level of live replicas that a finding asks for.
func demanded(f *assay.Finding) int {
	level := 0
	for _, d := range f.Need {
		level = max(level, d.N)
	}
	return level
}

// close takes the verdict, or waits for a check that may still change it.
func (c *Case) close(p *assay.Params, g *assay.Genesis, plan *Plan, at assay.Moment) bool {
	j := c.judge(plan, c.View(p, at))
	if c.Phase != Waiting && c.Waited == 0 {
		c.Waited = at.Clock
	}
	if until := c.until(p, plan, &j, at); until != 0 {
		c.Phase, c.Due = Waiting, until
		return false
	}
	return c.conclude(p, g, plan, at)
}

// until returns when the case is to be looked at again, if a check or the
// validators may still change its verdict by then; zero: nothing is waited for.
func (c *Case) until(p *assay.Params, plan *Plan, j *judgement, at assay.Moment) assay.Clock {
	limit := c.Waited.Add(maxWaiting + plan.CommitClock)
	if c.decided(j) || at.Clock >= limit || c.undecidable() != "" {
		return 0
	}
	var until assay.Clock
	for _, w := range []assay.Clock{j.root.Wake, c.inputsDue(p, plan)} {
		if w > at.Clock && (until == 0 || w < until) {
			until = w
		}
	}
	return min(until, limit)
}

// conclude takes the verdict, unless it would accept nothing while an escalate
// has a branch left. It reports whether another move may follow.
func (c *Case) conclude(p *assay.Params, g *assay.Genesis, plan *Plan, at assay.Moment) bool {
	j := c.judge(plan, c.View(p, at))
	if c.escalate(plan, &j, at) {
		return true
	}
	verdict := c.verdict(p, g, plan, at)
	c.Verdict, c.Closed = &verdict, Close{At: at, Seats: uint16(len(c.Seats))}
	c.Due = 0
	return true
}

// decided reports whether waiting could no longer change the verdict. One
// supported candidate decides before all checks are done only where no rival
// was ever tagged: otherwise two colluders could close `any` before the honest
// candidate has its support.
func (c *Case) decided(j *judgement) bool {
	supported := j.supported()
	if j.root.Done || len(supported) > 1 || j.contradicted() {
		return true
	}
	if len(supported) == 0 {
		return false
	}
	tag := assay.TagOf(c.ID, supported[0])
	return !slices.ContainsFunc(c.Seats, func(s Seat) bool { return !s.Tag.IsZero() && s.Tag != tag })
}

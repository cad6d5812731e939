package board

import (
	"github.com/capacloud/assay"
	"github.com/capacloud/assay/policy"
)

// Plan is what a job locks, what it costs at most and how long it may take. It
// is a function of the parameters and the job alone.
type Plan struct {
	Policy      string       // canonical text
	Escrow      assay.Amount // (MaxPaid + Watchers) × MaxPrice + ProtocolFee
	ProtocolFee assay.Amount // the most that is due; at least Params.FeeMin
	Stake       assay.Amount // locked per seat, with the draw
	Bond        assay.Amount // locked per seat, with the commit
	FirstSeats  int          // drawn at once
	MaxPaid     int          // executors that can be paid
	Watchers    int          // watchers that can be paid
	MaxTagged   int          // seats that can tag and count
	MaxSeats    int          // seats that can be drawn, replacements included
	Defence     assay.Amount // what a provider must have to play a dispute, and to post a proof
	CommitClock assay.Millis
	PhaseTotal  assay.Millis // one commit, tag, open and availability clock, and one for a proof
	ProofClock  assay.Millis // zero: the policy wants no proof
	// DisputeTotal is longer than any dispute about the job; zero without referee.
	// Fresh replicas may be due behind it.
	DisputeTotal assay.Millis

	expr    *policy.Expr
	checks  []entry
	silence assay.Amount // what a liar costs the others who never says a word
}

// NewPlan reads a job's policy and computes its plan. It refuses a policy that
// package policy refuses, that is not in canonical text or not available here,
// amounts that overflow, and clocks that do.
func NewPlan(p *assay.Params, job *assay.Job, bytes uint64) (Plan, error) {
	if bytes > maxBytes {
		return Plan{}, assay.Refuse(CodeBytes, "%d bytes; at most %d", bytes, uint64(maxBytes))
	}
	expr, err := policy.Parse(job.Policy)
	if err != nil {
		return Plan{}, err
	}
	if text := expr.String(); text != job.Policy {
		return Plan{}, assay.Refuse(CodeNotCanonical, "write %.200s", text)
	}
	plan := Plan{Policy: job.Policy, expr: expr}
	if plan.checks, err = entries(expr); err != nil {
		return Plan{}, err
	}
	if err := plan.count(p, job, bytes); err != nil {
		return Plan{}, err
	}
	if err := plan.price(p, job); err != nil {
		return Plan{}, err
	}
	plan.time(p, job, bytes)
	return plan, nil
}

// count says how many seats there can be.
func (plan *Plan) count(p *assay.Params, job *assay.Job, bytes uint64) error {
	_, refereed := RefereeOf(job.Runtime)
	for _, e := range plan.checks {
		plan.MaxPaid = max(plan.MaxPaid, e.first)
		plan.MaxTagged = max(plan.MaxTagged, e.most)
		if e.proof != nil {
			if err := plan.provable(p, job, e); err != nil {
				return err
			}
		}
		switch {
		case e.window == 0:
			continue
		case !refereed:
			return assay.Refuse(CodeNoReferee, "%s under %s", e.check, job.Runtime)
		case e.window > maxWindow:
			return assay.Refuse(CodeWindow, "%s; at most %d ms", e.check, maxWindow)
		case p.WatchShare > 0:
			plan.Watchers = 1
		}
	}
	if refereed {
		if err := plan.disputable(p, job, bytes); err != nil {
			return err
		}
	}
	for _, i := range plan.active(nil) {
		plan.FirstSeats = max(plan.FirstSeats, plan.checks[i].first)
	}
	// As many replacements as there can be tags: late and abandoned replicas
	// do not count, and must not let a case draw for ever. Each executor is
	// watched once at most.
	plan.MaxSeats = 2 * plan.MaxTagged * (1 + plan.Watchers)
	return nil
}

// provable refuses a job about which a check could prove nothing, and has whoever
// is drawn own what posting the proof costs.
func (plan *Plan) provable(p *assay.Params, job *assay.Job, e entry) error {
	if err := e.proof.fits(job); err != nil {
		return err
	}
	plan.ProofClock = p.ProofTime(job)
	posting, err := postingFee(p, min(e.proof.size, p.MaxEvidence))
	if err == nil {
		plan.Defence, err = plan.Defence.Add(posting)
	}
	return err
}

// disputable refuses a job about which a dispute, kept open for the policy's
// longest window, could not end within a week: it would be none.
func (plan *Plan) disputable(p *assay.Params, job *assay.Job, bytes uint64) error {
	rules, err := longestRules(p, job, bytes, job.Limits.Fuel, coverOf(p, bytes))
	if err != nil {
		return err
	}
	if plan.Defence, err = plan.Defence.Add(defence(&rules)); err != nil {
		return err
	}
	if plan.silence, err = silence(&rules, plan.MaxTagged); err != nil {
		return err
	}
	var open assay.Millis
	for _, e := range plan.checks {
		if e.window > 0 {
			open = max(open, e.window, p.CommitClock(job, bytes))
		}
	}
	if rules, err = rules.KeptOpen(open); err != nil {
		return err
	}
	plan.DisputeTotal = rules.Total()
	return nil
}

// active returns the indices of the checks that are asked while the escalates
// are opened that choices name, in tree order.
func (plan *Plan) active(choices []ChoiceMade) []int {
	var list []int
	for _, leaf := range plan.expr.Active(func(e *policy.Expr) bool { return opened(choices, e) }) {
		list = append(list, plan.indexOf(leaf))
	}
	return list
}

func (plan *Plan) price(p *assay.Params, job *assay.Job) error {
	paid, err := job.MaxPrice.Mul(uint64(plan.MaxPaid + plan.Watchers))
	if err != nil {
		return err
	}
	plan.ProtocolFee = feeOn(p, paid)
	if plan.Escrow, err = paid.Add(plan.ProtocolFee); err != nil {
		return err
	}
	if plan.Stake, err = job.MaxPrice.Mul(uint64(p.StakeTimes)); err != nil {
		return err
	}
	plan.Stake = max(plan.Stake, plan.silence) // zero without referee
	plan.Bond = job.MaxPrice.Share(p.Bond)
	// Whatever a settlement adds up stays below this sum.
	each, err := plan.Stake.Add(plan.Bond)
	if err == nil {
		_, err = each.Mul(uint64(plan.MaxSeats))
	}
	return err
}

// maxWindow bounds how long a policy may wait for a challenge: half of what a
// case waits at all.
const maxWindow = maxWaiting / 2

// maxBytes bounds what a requester may say has to be fetched: a terabyte.
const maxBytes = 1 << 40

func (plan *Plan) time(p *assay.Params, job *assay.Job, bytes uint64) {
	plan.CommitClock = p.CommitClock(job, bytes) + plan.ProofClock // nobody commits without the proof
	plan.PhaseTotal = plan.CommitClock + p.TagClock + p.OpenClock + p.AvailableClock
	plan.PhaseTotal += plan.ProofClock
	if plan.Watchers > 0 { // who watches commits and tags before the executor opens
		plan.PhaseTotal += plan.CommitClock + p.TagClock
	}
}

// feeOn returns the protocol fee on what is paid. Something is due also when
// nothing is: an undecided job has cost the network its work.
func feeOn(p *assay.Params, paid assay.Amount) assay.Amount {
	return max(p.FeeMin, paid.Share(p.ProtocolFee))
}

// Plan returns the plan of the case's job. The job was planned when the case
// was opened, so an error is a broken invariant.
func (c *Case) Plan(p *assay.Params) Plan {
	plan, err := NewPlan(p, &c.Job, c.Bytes)
	if err != nil {
		panic("board: plan of an open case: " + err.Error())
	}
	return plan
}

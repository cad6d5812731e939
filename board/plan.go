package board

import (
	"github.com/capacloud/assay"
	"github.com/capacloud/assay/policy"
)

// Plan is what a job locks, what it costs at most and how long it may take. It
// is a function of the parameters and the job alone.
type Plan struct {
	Policy      string       // canonical text
	Escrow      assay.Amount // MaxPaid × MaxPrice + ProtocolFee
	ProtocolFee assay.Amount // the most that is due; at least Params.FeeMin
	Stake       assay.Amount // locked per seat, with the draw
	Bond        assay.Amount // locked per seat, with the commit
	FirstSeats  int          // drawn at once
	MaxPaid     int          // seats that can be paid
	MaxTagged   int          // seats that can tag and count
	MaxSeats    int          // seats that can be drawn, replacements included
	CommitClock assay.Millis
	PhaseTotal  assay.Millis // one commit, tag, open and availability clock

	expr   *policy.Expr
	checks []entry
}

// NewPlan reads a job's policy and computes its plan. It refuses a policy that
// package policy refuses, that is not in canonical text or not available here,
// amounts that overflow, and clocks that do.
func NewPlan(p *assay.Params, job *assay.Job, bytes uint64) (Plan, error) {
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
	for _, e := range plan.checks {
		plan.FirstSeats = max(plan.FirstSeats, e.first)
		plan.MaxTagged = max(plan.MaxTagged, e.most)
	}
	plan.MaxPaid = plan.FirstSeats
	// As many replacements as there can be tags: late and abandoned replicas
	// do not count, and must not let a case draw for ever.
	plan.MaxSeats = 2 * plan.MaxTagged
	if err := plan.price(p, job); err != nil {
		return Plan{}, err
	}
	return plan, plan.time(p, job, bytes)
}

func (plan *Plan) price(p *assay.Params, job *assay.Job) error {
	paid, err := job.MaxPrice.Mul(uint64(plan.MaxPaid))
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
	plan.Bond = job.MaxPrice.Share(p.Bond)
	// Whatever a settlement adds up stays below this sum.
	each, err := plan.Stake.Add(plan.Bond)
	if err == nil {
		_, err = each.Mul(uint64(plan.MaxSeats))
	}
	return err
}

// maxBytes bounds what a requester may say has to be fetched: a terabyte.
const maxBytes = 1 << 40

func (plan *Plan) time(p *assay.Params, job *assay.Job, bytes uint64) error {
	if bytes > maxBytes {
		return assay.Refuse(CodeBytes, "%d bytes; at most %d", bytes, uint64(maxBytes))
	}
	plan.CommitClock = p.CommitClock(job, bytes)
	plan.PhaseTotal = plan.CommitClock + p.TagClock + p.OpenClock + p.AvailableClock
	return nil
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

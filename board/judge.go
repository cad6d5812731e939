package board

import (
	"cmp"
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/policy"
)

// View is the board as its checks see it.
func (c *Case) View(p *assay.Params, at assay.Moment) assay.View {
	v := assay.View{
		Now: at.Time, Clock: at.Clock, Height: at.Height, Network: c.Network, Job: &c.Job, Inputs: c.InputsAt, Waiting: cmp.Or(c.Waited, at.Clock), Liability: p.Liability,
		Keys: c.Keys, ProofClock: p.ProofTime(&c.Job), Posted: c.posted(len(c.Shown), at.Height),
	}
	_, v.Referee = RefereeOf(c.Job.Runtime)
	for i := range c.Seats {
		s := &c.Seats[i]
		x := assay.Execution{
			Seat: s.Number, Role: s.Role, Provider: s.Provider, Owner: s.Owner,
			State: s.State, Tag: s.Tag, Blind: s.Blind, Shown: s.Shown, Spent: c.spent(s.Number),
		}
		if s.Result != nil && s.State != assay.ProvedWrong && s.State != assay.Misled {
			x.Result = s.Result.Digest()
		}
		v.Executions = append(v.Executions, x)
		c.addCandidate(&v, p, s)
	}
	return v
}

// addCandidate adds the result of an executor. Nobody stands behind the result
// of a false opening: it is no candidate. One that lost a dispute to another is,
// so that its refutation is on the board.
func (c *Case) addCandidate(v *assay.View, p *assay.Params, s *Seat) {
	refuted := s.Lost != 0 && s.Result != nil && !c.Disputes[s.Lost-1].Survivor().IsZero() && s.Result.Digest() != c.Disputes[s.Lost-1].Survivor()
	if s.Role != assay.RoleExecutor || s.State != assay.Opened && s.State != assay.Unavailable && !refuted {
		return
	}
	digest := s.Result.Digest()
	if slices.ContainsFunc(v.Candidates, func(k assay.Candidate) bool { return k.Digest == digest }) {
		return
	}
	v.Candidates = append(v.Candidates, assay.Candidate{
		Digest: digest, Result: *s.Result, Refuted: refuted, Survived: digest == c.survivor(), Opened: s.Shown,
		Redo: p.RedoClock(min(s.Result.Fuel, c.Job.Limits.Fuel), c.Bytes),
	})
}

// Findings returns what each check of the policy says now, in tree order; from
// the closing on, what it said then.
func (c *Case) Findings(p *assay.Params, at assay.Moment) []assay.Finding {
	plan := c.Plan(p)
	if c.Verdict != nil {
		return c.atClose().judge(&plan, c.atClose().View(p, c.Closed.At)).leaves
	}
	return c.judge(&plan, c.View(p, at)).leaves
}

// judgement is what the policy and each of its checks say.
type judgement struct {
	view   assay.View
	root   assay.Finding
	leaves []assay.Finding // in the order of Plan.checks
}

func (c *Case) judge(plan *Plan, v assay.View) judgement {
	j := judgement{view: v}
	active := plan.active(c.Choices)
	for i, e := range plan.checks {
		f := assay.Finding{Silent: true, Done: true, Text: "was not asked"}
		if slices.Contains(active, i) {
			v.Asked = c.asked(plan, i)
			f = e.check.Judge(v, c.state(i))
		}
		j.leaves = append(j.leaves, f)
	}
	j.root = plan.expr.Judge(func(leaf *policy.Expr) assay.Finding { return j.leaves[plan.indexOf(leaf)] }, c.openedBranch)
	return j
}

// indexOf returns the check of a leaf. Equal leaves are one check.
func (plan *Plan) indexOf(leaf *policy.Expr) int {
	text := leaf.String()
	return slices.IndexFunc(plan.checks, func(e entry) bool { return e.check.String() == text })
}

// state returns what a check has absorbed; nil when nothing, also in a case that
// was decoded.
func (c *Case) state(check int) []byte {
	if len(c.Checks[check].State) == 0 {
		return nil
	}
	return c.Checks[check].State
}

// supported returns the candidates that the policy supports.
func (j *judgement) supported() []assay.Digest {
	var list []assay.Digest
	for _, k := range j.view.Candidates {
		if value, _ := j.root.ValueOf(k.Digest); value == assay.Supported && !k.Refuted {
			list = append(list, k.Digest)
		}
	}
	return list
}

// contradicted reports whether one candidate is decisively supported and
// decisively refuted. One of our verifiers is wrong, and nobody's stake may
// depend on which.
func (j *judgement) contradicted() bool {
	for _, k := range j.view.Candidates {
		proved, refuted := false, k.Refuted
		for i := range j.leaves {
			value, decisive := j.leaves[i].ValueOf(k.Digest)
			proved = proved || decisive && value == assay.Supported
			refuted = refuted || decisive && value == assay.Refuted
		}
		if proved && refuted {
			return true
		}
	}
	return false
}

// allProvedWrong reports whether there is a candidate and each is decisively
// refuted. Without a candidate nothing was refuted: a network that is down must
// not look like a wrong program.
func (j *judgement) allProvedWrong() bool {
	for _, k := range j.view.Candidates {
		if value, decisive := j.root.ValueOf(k.Digest); !k.Refuted && (value != assay.Refuted || !decisive) {
			return false
		}
	}
	return len(j.view.Candidates) > 0
}

// verdict is what the board says at a closing.
func (c *Case) verdict(p *assay.Params, g *assay.Genesis, plan *Plan, at assay.Moment) assay.Verdict {
	j := c.judge(plan, c.View(p, at))
	_, stop := c.wanted(p, plan, at)
	var v assay.Verdict
	supported := j.supported()
	switch {
	case c.undecidable() != "":
		v.Code = c.undecidable()
	case j.contradicted():
		v.Code = CodeVerifier
	case len(supported) > 1:
		v.Code = CodeContradiction
	case len(supported) == 1:
		v.Outcome = assay.Accepted
		v.Result = c.resultOf(supported[0])
	case j.allProvedWrong():
		v.Outcome, v.Code = assay.Rejected, CodeProvedWrong
	case c.inputsMissed(p, plan, at):
		v.Code = CodeInputs
	case stop != "":
		v.Code = stop
	case len(j.view.Candidates) > 1:
		v.Code = CodeNoAgreement
	default:
		v.Code = CodeExhausted
	}
	for i, e := range plan.checks {
		v.Findings = append(v.Findings, assay.Reason{Check: e.check.String(), Outcome: j.outcome(i, v.Result), Text: j.leaves[i].Text})
	}
	v.Assumptions = c.assumptions(g, &j)
	return v
}

// outcome is a check's value of the accepted result, or its strongest value.
func (j *judgement) outcome(check int, accepted *assay.Result) assay.Value {
	if accepted != nil {
		value, _ := j.leaves[check].ValueOf(accepted.Digest())
		return value
	}
	strongest, refuted := assay.Unknown, 0
	for _, k := range j.view.Candidates {
		switch value, _ := j.leaves[check].ValueOf(k.Digest); value {
		case assay.Supported:
			strongest = assay.Supported
		case assay.Refuted:
			refuted++
		case assay.Unknown:
		}
	}
	if strongest == assay.Unknown && refuted > 0 && refuted == len(j.view.Candidates) {
		return assay.Refuted
	}
	return strongest
}

// assumptions come in a fixed order: what the network cannot show, then what
// the checks assume, then what is known of the job. Availability is added by
// the settlement.
func (c *Case) assumptions(g *assay.Genesis, j *judgement) []assay.Assumption {
	var list []assay.Assumption
	if g.Kind == assay.InProcess {
		list = append(list, assay.Assumption{Code: CodeInProcess, Text: "one process ran everything: this shows reproducibility, not independence"})
	}
	if len(g.Validators) == 1 {
		list = append(list,
			assay.Assumption{Code: CodeOneBeacon, Text: "one validator made the beacon that drew the providers: the draw is the operator's word"},
			assay.Assumption{Code: CodeOneLedger, Text: "one validator ordered and timed every message: the clock is the operator's word"})
	}
	list = append(list, j.root.Assume...)
	list = append(list, c.assumeResumed(j)...)
	if c.Repeat {
		list = append(list, assay.Assumption{Code: CodeRepeat, Text: "a job of equal work was settled before: its result was known, and the replicas are not independent of it"})
	}
	return list
}

func (c *Case) resultOf(digest assay.Digest) *assay.Result {
	for i := range c.Seats {
		if r := c.Seats[i].Result; r != nil && r.Digest() == digest {
			result := *r
			return &result
		}
	}
	return nil
}

// atClose returns the case as it stood when the verdict was taken: without the
// seats that were drawn afterwards to deliver bytes, and before availability
// was judged.
func (c *Case) atClose() *Case {
	k := *c
	k.Verdict, k.Record = nil, nil
	k.Seats = slices.Clone(c.Seats[:min(int(c.Closed.Seats), len(c.Seats))])
	k.Resumes = slices.DeleteFunc(slices.Clone(c.Resumes), func(r Resume) bool { return int(r.Seat) >= len(k.Seats) })
	k.turn(assay.Unavailable, assay.Opened)
	return &k
}

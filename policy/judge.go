package policy

import (
	"slices"

	"github.com/capacloud/assay"
)

// Judge combines the findings of the leaves into that of the policy. It is the
// only logic there is: all, any and atleast are one threshold over the children
// that are not silent.
//
// The caller answers for every node that does not combine, sample and its like
// included, since only a board knows which branch a beacon has fixed; and it says
// whether an escalate has opened its second branch.
func (e *Expr) Judge(find func(leaf *Expr) assay.Finding, opened func(*Expr) bool) assay.Finding {
	if e.Op == Escalate {
		return e.escalate(find, opened)
	}
	if !e.Combines() {
		return find(e)
	}
	var heard []assay.Finding
	for _, kid := range e.Kids {
		if f := kid.Judge(find, opened); !f.Silent {
			heard = append(heard, f)
		}
	}
	if len(heard) == 0 {
		return assay.Finding{Silent: true, Done: true}
	}
	return threshold(heard, e.needed(len(heard)))
}

// escalate is its first branch until that has closed without an accepted
// candidate, and its second one from then on. The switch is a latch of the
// board's: judged afresh, the second branch's replicas would enlarge the pool
// that the first one is judged on, and the two would take turns.
//
// What the first branch has proved wrong stays refuted. What it only does not
// support is not refuted while the second branch may still be opened, which the
// board does when it would otherwise close without an accepted candidate.
func (e *Expr) escalate(find func(leaf *Expr) assay.Finding, opened func(*Expr) bool) assay.Finding {
	first := e.Kids[0].Judge(find, opened)
	if !opened(e) {
		first.Values = slices.DeleteFunc(slices.Clone(first.Values), func(v assay.CandidateValue) bool {
			return v.Value == assay.Refuted && !v.Decisive
		})
		return first
	}
	second := e.Kids[1].Judge(find, opened)
	for _, v := range first.Values {
		if v.Value == assay.Refuted && v.Decisive {
			second.Values = slices.DeleteFunc(slices.Clone(second.Values), func(x assay.CandidateValue) bool { return x.Candidate == v.Candidate })
			second.Values = append(second.Values, v)
		}
	}
	second.Faults = append(slices.Clone(first.Faults), second.Faults...)
	return second
}

// needed returns how many of the children heard must support a candidate.
func (e *Expr) needed(heard int) int {
	switch e.Op {
	case Any:
		return 1
	case AtLeast:
		return e.N
	}
	return heard
}

// threshold supports a candidate that k findings support and refutes one that k
// can no longer support. A decisive refutation stands whatever the count: no
// number of witnesses makes a proved lie true.
func threshold(heard []assay.Finding, k int) assay.Finding {
	out := assay.Finding{Done: true}
	for _, candidate := range candidatesOf(heard) {
		out.Values = append(out.Values, count(heard, k, candidate))
	}
	for _, f := range heard {
		out.Done = out.Done && f.Done
		out.Need = append(out.Need, f.Need...)
		out.Choose = append(out.Choose, f.Choose...)
		out.Faults = append(out.Faults, f.Faults...)
		out.Wake = earlier(out.Wake, f.Wake)
		for _, a := range f.Assume {
			if !slices.Contains(out.Assume, a) {
				out.Assume = append(out.Assume, a)
			}
		}
	}
	return out
}

func count(heard []assay.Finding, k int, candidate assay.Digest) assay.CandidateValue {
	out := assay.CandidateValue{Candidate: candidate}
	supported, proved, refuted := 0, 0, 0
	for i := range heard {
		switch value, decisive := heard[i].ValueOf(candidate); {
		case value == assay.Refuted && decisive:
			out.Value, out.Decisive = assay.Refuted, true
			return out
		case value == assay.Refuted:
			refuted++
		case value == assay.Supported:
			supported++
			if decisive {
				proved++
			}
		}
	}
	switch {
	case supported >= k:
		out.Value, out.Decisive = assay.Supported, proved >= k
	case len(heard)-refuted < k:
		out.Value = assay.Refuted
	}
	return out
}

// candidatesOf returns the candidates that any finding names, in order of
// appearance.
func candidatesOf(heard []assay.Finding) []assay.Digest {
	var list []assay.Digest
	for _, f := range heard {
		for _, v := range f.Values {
			if !slices.Contains(list, v.Candidate) {
				list = append(list, v.Candidate)
			}
		}
	}
	return list
}

// earlier returns the earlier of two readings, where zero is never.
func earlier(a, b assay.Clock) assay.Clock {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

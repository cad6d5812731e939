package quorum

import "github.com/capacloud/assay"

// none is the check that checks nothing.
type none struct{}

// None returns the check of the policy `none`: one execution, accepted as it
// is, under the assumption that nobody verified it.
func None() assay.Check { return none{} }

// String returns the canonical policy text.
func (none) String() string { return "none" }

// Step refuses: there is nothing to weigh.
func (none) Step(assay.View, []byte, assay.Evidence) ([]byte, error) {
	return nil, assay.Refuse(CodeNoEvidence, "none")
}

// Judge supports the only candidate there is.
func (none) Judge(v assay.View, _ []byte) assay.Finding {
	f := assay.Finding{Need: []assay.Demand{{N: 1}}, Text: "nothing was checked"}
	live, pending := count(executors(v.Executions))
	f.Done = live >= 1 && !pending
	for _, c := range v.Candidates {
		value := assay.CandidateValue{Candidate: c.Digest}
		switch {
		case c.Refuted:
			value.Value, value.Decisive = assay.Refuted, true
		case len(v.Candidates) == 1:
			value.Value = assay.Supported
			f.Assume = []assay.Assumption{{Code: CodeUnverified, Text: "nothing checked the result: it is the word of one provider"}}
		}
		f.Values = append(f.Values, value)
	}
	return f
}

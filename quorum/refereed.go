package quorum

import (
	"fmt"
	"math/big"

	"github.com/capacloud/assay"
)

// refereed judges where a machine decides dissent: n equal openings support, or
// the one whose claim survived a dispute. Two live candidates support neither,
// however many stand behind one of them, and no replica is drawn to outvote it:
// among any number of liars, one honest replica is enough.
func (q check) refereed(v assay.View) assay.Finding {
	live, pending := count(v.Executions)
	open := 0
	for _, c := range v.Candidates {
		if !c.Refuted {
			open++
		}
	}
	f := assay.Finding{Need: []assay.Demand{{N: q.n}}, Text: fmt.Sprintf("no %d equal executions among %d", q.k, live)}
	for _, c := range v.Candidates {
		value := assay.CandidateValue{Candidate: c.Digest}
		votes := agreeing(v.Executions, c.Digest)
		switch {
		case c.Refuted:
			value.Value, value.Decisive = assay.Refuted, true
		case open == 1 && len(votes) > 0 && (c.Survived || len(votes) >= q.k):
			value.Value, f.Done = assay.Supported, true
			f.Text, f.Assume = equalText(votes), q.assumeHonest(v.Liability, votes)
			if c.Survived {
				// Who dissented was proved wrong, and is not missed.
				f.Need[0].N = 1
				f.Text += ", whose claim survived a dispute"
				f.Assume = f.Assume[:1]
			}
		}
		f.Values = append(f.Values, value)
	}
	switch {
	case open > 1:
		f.Need[0].N = 1
		f.Text = fmt.Sprintf("%d results, of which a dispute has left more than one", open)
		f.Faults = different(v.Executions, nil)
	case !pending && live >= q.n:
		f.Done = true
	}
	return f
}

// assumeHonest says on whom a result rests that nobody has disputed.
func (q check) assumeHonest(liability assay.Millis, votes []assay.Execution) []assay.Assumption {
	honest := assay.Assumption{Code: CodeOneHonest, Text: q.honestText(", or a watcher within the liability window is")}
	if liability == 0 {
		honest = assay.Assumption{Code: CodeOneDrawn, Text: q.honestText(", since the settlement is final")}
	}
	return append([]assay.Assumption{honest}, lateCopies(votes)...)
}

// honestText has the chance that nobody honest was drawn: the k-th power of the
// adversary's share, for k equal results. Redraws add nothing to it, since one
// replica that dissents is heard.
func (q check) honestText(or string) string {
	one := fmt.Sprintf("one of the %d drawn is honest", q.k)
	if q.k == 1 {
		one = "the one provider drawn is honest"
	}
	all := new(big.Int).Exp(big.NewInt(3), big.NewInt(int64(q.k)), nil)
	jobs := all.String()
	if all.Cmp(big.NewInt(1_000_000_000)) > 0 {
		jobs = "1000000000 or more"
	}
	return fmt.Sprintf("%s%s: an adversary with a third of the free stake holds every seat in about 1 of %s jobs", one, or, jobs)
}

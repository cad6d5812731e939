package evidence

import (
	"fmt"
	"slices"
	"strings"

	"github.com/capacloud/assay"
)

// Rule is how the proofs of a check are weighed.
type Rule struct {
	// Unique says that the job has one true result, which the proof shows: a valid
	// proof then refutes every other candidate. A circuit with inputs of its own
	// may be satisfied by several.
	Unique bool
}

// chain is what became of one candidate: those who opened it owe the proof in
// turn, by number. So one proof is made where several would show the same, and
// who is silent is known.
type chain struct {
	candidate assay.Digest
	proof     *Proof      // valid; nil: none
	owing     assay.Clock // until when somebody may still show one; zero: nobody
	spent     bool
	faults    []assay.FoundFault
	seats     []uint16
}

// Judge supports the candidates that were proved.
//
// Each candidate has its own row of seats and its clocks run at once with those of
// its rivals: an honest seat must not wait until liars have been silent in turn.
func (s *State) Judge(v assay.View, rule Rule) assay.Finding {
	var chains []chain
	var proved []*Proof
	failed := 0
	for _, k := range v.Candidates {
		if k.Refuted {
			chains = append(chains, chain{candidate: k.Digest})
			continue
		}
		c := s.follow(v, k.Digest)
		if c.proof != nil {
			proved = append(proved, c.proof)
		}
		failed += len(c.faults)
		chains = append(chains, c)
	}
	f := assay.Finding{Need: []assay.Demand{{N: 1 + failed}}, Done: len(proved) > 0}
	decided := rule.Unique && len(proved) == 1
	for i, c := range chains {
		value := assay.CandidateValue{Candidate: c.candidate}
		switch {
		case v.Candidates[i].Refuted:
			value.Value, value.Decisive = assay.Refuted, true
		case c.proof != nil:
			value.Value, value.Decisive = assay.Supported, true
		case decided:
			value.Value, value.Decisive = assay.Refuted, true
			c.refute()
		case c.spent:
			f.Done = true
		case c.owing != 0:
			f.Done = false
			f.Wake = earlier(f.Wake, c.owing)
		}
		f.Values = append(f.Values, value)
		f.Faults = append(f.Faults, c.faults...)
	}
	f.Text, f.Assume = s.text(v, chains, proved), assumptions(proved)
	return f
}

// follow finds out who of those that opened a candidate has to show a proof.
func (s *State) follow(v assay.View, candidate assay.Digest) chain {
	c := chain{candidate: candidate}
	var seats []assay.Execution
	for _, x := range v.Executions {
		if x.Role == assay.RoleExecutor && (x.State == assay.Opened || x.State == assay.Unavailable) && x.Result == candidate {
			seats = append(seats, x)
			c.seats = append(c.seats, x.Seat)
		}
	}
	slices.SortFunc(seats, func(a, b assay.Execution) int { return int(a.Seat) - int(b.Seat) })
	end := v.Clock // of all waiting: now, or when the first valid proof came
	for _, x := range seats {
		if shown, ok := s.Of(x.Seat); ok && shown.Proof != nil && shown.Proof.False == "" && shown.Proof.Candidate == candidate && (c.proof == nil || shown.At < end) {
			c.proof, end = shown.Proof, shown.At
		}
		c.spent = c.spent || x.Spent
	}
	turn := max(v.Asked, v.Waiting) // nobody's time runs while others have yet to open
	for _, x := range seats {
		turn = max(turn, x.Shown)
		due := turn.Add(v.ProofClock)
		shown, _ := s.Of(x.Seat)
		switch {
		case shown.Proof != nil && shown.Proof.False != "":
			c.faults = append(c.faults, assay.FoundFault{Seat: x.Seat, Class: assay.FaultProvedWrong, Text: "its proof is false: " + shown.Proof.False})
			turn = max(turn, min(shown.At, due))
		case shown.Proof != nil || x.Spent:
			return c
		case due <= end:
			c.faults = append(c.faults, assay.FoundFault{Seat: x.Seat, Class: assay.FaultAbandoned, Text: "opened and showed no proof in time"})
			turn = due
		default:
			if c.proof == nil && !c.spent {
				c.owing = due
			}
			return c
		}
	}
	return c
}

// refute turns the silence of those who stand behind another result than the
// proved one into what it is.
func (c *chain) refute() {
	c.faults = nil
	for _, n := range c.seats {
		c.faults = append(c.faults, assay.FoundFault{Seat: n, Class: assay.FaultProvedWrong, Text: "another result than its own was proved, and there is only one"})
	}
}

func (s *State) text(v assay.View, chains []chain, proved []*Proof) string {
	if len(proved) > 0 {
		var list []string
		for _, p := range proved {
			if !slices.Contains(list, p.Text) {
				list = append(list, p.Text)
			}
		}
		return strings.Join(list, "; ")
	}
	silent, wrong, waiting := 0, 0, 0
	for _, c := range chains {
		if c.spent {
			return "proved, but the statement was paid for in another job"
		}
		if c.owing != 0 {
			waiting++
		}
		for _, f := range c.faults {
			if f.Class == assay.FaultAbandoned {
				silent++
			} else {
				wrong++
			}
		}
	}
	switch {
	case len(v.Candidates) == 0:
		return "no result is open"
	case silent+wrong == 0:
		return "no proof yet"
	case waiting > 0:
		return fmt.Sprintf("no valid proof yet: %d seats were silent, %d showed a false one", silent, wrong)
	}
	return fmt.Sprintf("no valid proof: %d seats were silent, %d showed a false one", silent, wrong)
}

func assumptions(proved []*Proof) []assay.Assumption {
	var list []assay.Assumption
	for _, p := range proved {
		for _, a := range p.Assume {
			if !slices.Contains(list, a) {
				list = append(list, a)
			}
		}
	}
	return list
}

// Withdrawn is a finding of proofs under a key that validators have killed: they
// count neither for nor against anybody, and nobody can be blamed for the proof
// that he could not show any more. Nobody is drawn to try.
func Withdrawn(f assay.Finding, text string) assay.Finding {
	f.Values = slices.DeleteFunc(slices.Clone(f.Values), func(x assay.CandidateValue) bool { return x.Value == assay.Supported || x.Value == assay.Unknown })
	f.Need, f.Faults, f.Assume, f.Wake, f.Done, f.Text = nil, nil, nil, 0, true, text
	return f
}

// Unreadable is the finding over a state that cannot be read, which no ledger
// writes: it says nothing of any candidate.
func Unreadable(err error) assay.Finding {
	return assay.Finding{Done: true, Text: err.Error()}
}

func earlier(a, b assay.Clock) assay.Clock {
	if a == 0 || b < a {
		return b
	}
	return a
}

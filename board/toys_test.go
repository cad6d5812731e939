package board

import (
	"fmt"
	"strings"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/evidence/toy"
	"github.com/capacloud/assay/policy"
)

// Two checks of unlike families, to hold the interface to its promise: a proof
// of one step, and a game of many rounds with clocks.
func init() {
	table[policy.Sumcheck] = func(*policy.Expr) entry { return entry{check: toyProof{}, first: 1, most: 3} }
	table[policy.Freivalds] = func(*policy.Expr) entry { return entry{check: toyForever{}, first: 1, most: 1} }
	SetKeyDigest(func([]byte) (assay.Digest, error) { return theKey, nil })
	SetProof(policy.ZK, func(e *policy.Expr) ProofCheck {
		check := toy.Check{Text: e.String(), Commit: e.Bind == "commit", Unique: e.System == "plonk"}
		return ProofCheck{Check: check, Gas: toy.Gas, Size: 1 << 20}
	})
	table[policy.Adaptive] = func(e *policy.Expr) entry {
		return entry{check: toyGame{seconds: e.Max}, first: 1, most: 3}
	}
}

// toyProof accepts "proof X" and "refutation X" for the result labelled X, each
// decisive. It waits for either until clock 60,000.
type toyProof struct{}

const toyPatience assay.Clock = 60_000

func (toyProof) String() string { return "sumcheck" }

func (toyProof) Step(v assay.View, state []byte, e assay.Evidence) ([]byte, error) {
	verb, label, _ := strings.Cut(string(e.Body), " ")
	if verb != "proof" && verb != "refutation" || len(label) != 1 {
		return nil, assay.Refuse("toy-proof", "%.20q", e.Body)
	}
	return append(append([]byte{}, state...), verb[0], label[0]), nil
}

func (toyProof) Judge(v assay.View, state []byte) assay.Finding {
	f := assay.Finding{Need: []assay.Demand{{N: 1}}, Text: "no proof"}
	for _, k := range v.Candidates {
		label := labelOf(k.Digest)
		value := assay.CandidateValue{Candidate: k.Digest}
		// Both may stand: it is the board that must notice.
		for i := 0; i+1 < len(state); i += 2 {
			if string(state[i+1]) != label || value.Value != assay.Unknown {
				continue
			}
			value.Decisive, f.Done, f.Text = true, true, "proved"
			if value.Value = assay.Supported; state[i] == 'r' {
				value.Value, f.Text = assay.Refuted, "refuted by proof"
				f.Faults = append(f.Faults, faultsOf(v, k.Digest)...)
			}
		}
		f.Values = append(f.Values, value)
	}
	if f.Wake = toyPatience; v.Clock >= toyPatience {
		f.Done = true
	}
	return f
}

func faultsOf(v assay.View, result assay.Digest) []assay.FoundFault {
	var list []assay.FoundFault
	for _, x := range v.Executions {
		if x.State == assay.Opened && x.Result == result {
			list = append(list, assay.FoundFault{Seat: x.Seat, Class: assay.FaultProvedWrong, Text: "a proof refutes its result"})
		}
	}
	return list
}

// toyGame is a dispute about the first candidate: attacker and defender move in
// turn, each move gives the other side five seconds more, and who is silent at
// the end of the clock has lost.
type toyGame struct{ seconds int }

func (t toyGame) String() string {
	return (&policy.Expr{Op: policy.Adaptive, N: 1, Max: t.seconds}).String()
}

const maxRounds = 8

func (t toyGame) Step(v assay.View, state []byte, e assay.Evidence) ([]byte, error) {
	want := []string{"attack", "defend"}[len(state)%2]
	switch {
	case len(v.Candidates) == 0 || len(state) >= maxRounds || v.Clock >= t.wake(state):
		return nil, assay.Refuse("toy-over", "round %d", len(state))
	case string(e.Body) != want:
		return nil, assay.Refuse("toy-turn", "%.20q out of turn", e.Body)
	}
	return append(append([]byte{}, state...), 1), nil
}

func (t toyGame) wake(state []byte) assay.Clock {
	return assay.Clock(1000*t.seconds) + assay.Clock(5000*len(state))
}

func (t toyGame) Judge(v assay.View, state []byte) assay.Finding {
	f := assay.Finding{Need: []assay.Demand{{N: 1}}, Wake: t.wake(state), Text: fmt.Sprintf("%d moves", len(state))}
	if v.Clock < f.Wake && len(state) < maxRounds {
		return f
	}
	f.Done = true
	for i, k := range v.Candidates {
		value := assay.CandidateValue{Candidate: k.Digest, Value: assay.Supported}
		if i == 0 && len(state)%2 == 1 {
			value.Value, value.Decisive = assay.Refuted, true
			f.Faults = faultsOf(v, k.Digest)
		} else if i > 0 {
			value.Value = assay.Unknown
		}
		f.Values = append(f.Values, value)
	}
	return f
}

// toyForever always names a later moment.
type toyForever struct{}

func (toyForever) String() string { return "freivalds" }

func (toyForever) Step(assay.View, []byte, assay.Evidence) ([]byte, error) {
	return nil, assay.Refuse("toy", "no")
}

func (toyForever) Judge(v assay.View, _ []byte) assay.Finding {
	return assay.Finding{Need: []assay.Demand{{N: 1}}, Wake: v.Clock.Add(3_600_000)}
}

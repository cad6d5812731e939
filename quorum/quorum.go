// Package quorum owns redundancy as a check: fresh owner accounts execute the
// same job without seeing one another's results, and enough equal results
// support a candidate. It also owns `none`, the check that checks nothing and
// says so.
//
// It refuses evidence, since it reads nothing but the board, and it slashes
// nobody: that two results differ does not show which one is wrong.
//
// Where the runtime has a referee, dissent is nothing to count: equal results
// support, and two live candidates support neither until a dispute has left one.
//
// LIMITATIONS. With a referee, a wrong result stands when all who were drawn
// collude and nobody who watches proves otherwise in time. Without one, equality
// among those drawn is all the evidence there is: owners who collude and hold
// enough of the drawn seats have a wrong result accepted, and the redraws that
// dissent causes give them further seats. The assumptions' texts have the figures.
package quorum

import (
	"fmt"
	"math/big"
	"slices"

	"github.com/capacloud/assay"
)

// Codes of this package.
const (
	CodeMajority   assay.Code = "no-referee-majority-honest"
	CodeOneHonest  assay.Code = "one-drawn-or-watcher-honest"
	CodeOneDrawn   assay.Code = "one-drawn-honest"
	CodeLateCopy   assay.Code = "late-replica-did-not-copy"
	CodeUnverified assay.Code = "unverified"
	CodeNoEvidence assay.Code = "evidence-not-taken"
)

// Codes documents the codes of this package.
func Codes() []assay.CodeInfo {
	return []assay.CodeInfo{
		{Code: CodeMajority, Kind: assay.KindAssumption, Text: "the replicas that agree are not colluding, and no referee can settle dissent", Hint: "ask for more replicas; the text says how much that helps"},
		{Code: CodeOneHonest, Kind: assay.KindAssumption, Text: "one of the replicas drawn is honest, or a watcher within the liability window is", Hint: "ask for more replicas; or execute the job yourself within the window and claim what differs"},
		{Code: CodeOneDrawn, Kind: assay.KindAssumption, Text: "one of the replicas drawn is honest: the settlement is final on this network", Hint: "ask for more replicas; the text says how much that helps"},
		{Code: CodeLateCopy, Kind: assay.KindAssumption, Text: "a replica that was drawn after a result had been opened computed it rather than copying it", Hint: "submit the job again if this matters: it happens when a provider tags and then does not open"},
		{Code: CodeUnverified, Kind: assay.KindAssumption, Text: "nothing checked the result", Hint: "use quorum(3) to have it checked"},
		{Code: CodeNoEvidence, Kind: assay.KindRefusal, Text: "the check takes no evidence", Hint: "a quorum reads commitments, tags and openings only"},
	}
}

// Max returns how many tagged replicas quorum(n) draws at most: with more than
// half of them equal, n are.
func Max(n int) int { return 2*n - 1 }

// check is quorum(n, agree=k). It has no state.
type check struct{ n, k int }

// New returns quorum(n, agree=k); zero agree asks for all n. The arguments are
// those that package policy admits: 1 ≤ n, n < 2k, k ≤ n.
func New(n, agree int) assay.Check {
	if agree == 0 {
		agree = n
	}
	if n < 1 || 2*agree <= n || agree > n {
		panic(fmt.Sprintf("quorum: n %d, agree %d", n, agree))
	}
	return check{n: n, k: agree}
}

// String returns the canonical policy text.
func (q check) String() string {
	if q.k == q.n {
		return fmt.Sprintf("quorum(%d)", q.n)
	}
	return fmt.Sprintf("quorum(%d, agree=%d)", q.n, q.k)
}

// Step refuses: what a quorum weighs is on the board already.
func (q check) Step(assay.View, []byte, assay.Evidence) ([]byte, error) {
	return nil, assay.Refuse(CodeNoEvidence, "%s", q)
}

// Judge supports a candidate at k equal openings, and asks for one more fresh
// owner at a time while dissent leaves a tag that could still get there.
func (q check) Judge(v assay.View, _ []byte) assay.Finding {
	v.Executions = executors(v.Executions)
	if v.Referee {
		return q.refereed(v)
	}
	tags := liveTags(v.Executions)
	level := q.level(tags)
	need := q.need(v.Executions)
	f := assay.Finding{Need: []assay.Demand{{N: level}}}
	var supported []assay.Candidate
	for _, c := range v.Candidates {
		value := assay.CandidateValue{Candidate: c.Digest}
		switch {
		case c.Refuted:
			value.Value, value.Decisive = assay.Refuted, true
		case len(agreeing(v.Executions, c.Digest)) >= need:
			value.Value = assay.Supported
			supported = append(supported, c)
		}
		f.Values = append(f.Values, value)
	}
	live, pending := count(v.Executions)
	f.Done = len(supported) > 0 || !pending && live >= level
	if len(supported) > 0 {
		votes := agreeing(v.Executions, supported[0].Digest)
		f.Text = equalText(votes)
		f.Assume = q.assume(votes)
	} else {
		f.Text = fmt.Sprintf("no %d equal executions among %d", need, len(tags))
	}
	if f.Done {
		f.Faults = different(v.Executions, supported)
	}
	return f
}

// executors leaves out the watchers: what they attest is another check's matter.
func executors(executions []assay.Execution) []assay.Execution {
	return slices.DeleteFunc(slices.Clone(executions), func(x assay.Execution) bool { return x.Role == assay.RoleWatcher })
}

// level returns how many live replicas the check demands. It replays its own
// redraws over the tags in the order of seats: another one is due while no tag
// has k and some tag could still reach k within the maximum. What a sibling
// had drawn beside them is not its doing, and does not lengthen the replay.
func (q check) level(tags []assay.Digest) int {
	level := q.n
	for len(tags) >= level {
		most := mode(tags[:level])
		if most >= q.k || most+Max(q.n)-level < q.k {
			break
		}
		level++
	}
	return level
}

// need returns how many equal openings support. When a sibling has enlarged the
// pool, k of it may be a minority (two of five), so a strict majority of the
// whole pool is due as well.
//
// The pool is every replica that tagged before anything was open, whatever
// became of it later. It is fixed once openings begin, so a candidate that was
// supported stays so; and a rival cannot shrink it by leaving.
//
// Whether a sibling enlarged it is replayed seat by seat: a seat is this check's
// own while fewer live replicas stood before it than the check then asked for.
// One that tagged and left is in the pool and not live, so its replacement is
// not mistaken for a sibling's.
func (q check) need(executions []assay.Execution) int {
	var pool, live []assay.Digest
	own := true
	for _, x := range executions {
		if !x.Blind || x.Tag.IsZero() {
			continue
		}
		own = own && len(live) < q.level(live)
		pool = append(pool, x.Tag)
		if !x.State.Failed() || x.State == assay.Unavailable {
			live = append(live, x.Tag)
		}
	}
	if own {
		return q.k
	}
	return max(q.k, len(pool)/2+1)
}

// liveTags returns the tags of the replicas that count towards the maximum, in
// the order of seats. One that was proved wrong or left does not.
func liveTags(executions []assay.Execution) []assay.Digest {
	var tags []assay.Digest
	for _, x := range executions {
		if x.State == assay.Tagged || x.State == assay.Opened {
			tags = append(tags, x.Tag)
		}
	}
	return tags
}

// count returns the live replicas, and whether any of them still owes a message.
func count(executions []assay.Execution) (live int, pending bool) {
	for _, x := range executions {
		if !x.State.Failed() {
			live++
			pending = pending || x.State != assay.Opened
		}
	}
	return live, pending
}

// mode returns how often the most frequent tag stands in the list.
func mode(tags []assay.Digest) int {
	most := 0
	for i := range tags {
		n := 0
		for j := range tags {
			if tags[i] == tags[j] {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// agreeing returns the executions that opened a result.
func agreeing(executions []assay.Execution, candidate assay.Digest) []assay.Execution {
	var list []assay.Execution
	for _, x := range executions {
		if x.State == assay.Opened && x.Result == candidate {
			list = append(list, x)
		}
	}
	return list
}

// different faults whoever opened another result than the supported one. When
// none is supported and results differ, it faults all: nobody can tell who was
// right, and to spare the largest group would let two colluders strip one
// honest provider of its reputation at no risk.
func different(executions []assay.Execution, supported []assay.Candidate) []assay.FoundFault {
	var opened []assay.Execution
	for _, x := range executions {
		if x.State == assay.Opened {
			opened = append(opened, x)
		}
	}
	same := func(a assay.Execution) bool { return a.Result == opened[0].Result }
	if len(opened) == 0 || !slices.ContainsFunc(opened, func(x assay.Execution) bool { return !same(x) }) {
		return nil
	}
	var faults []assay.FoundFault
	for _, x := range opened {
		if !slices.ContainsFunc(supported, func(c assay.Candidate) bool { return c.Digest == x.Result }) {
			faults = append(faults, assay.FoundFault{Seat: x.Seat, Class: assay.FaultDifferent, Text: "its result differs from another execution's"})
		}
	}
	return faults
}

func equalText(votes []assay.Execution) string {
	var owners []assay.Key
	for _, x := range votes {
		if !slices.Contains(owners, x.Owner) {
			owners = append(owners, x.Owner)
		}
	}
	if len(votes) == 1 {
		return "1 execution by 1 owner account"
	}
	return fmt.Sprintf("%d equal executions by %d owner accounts", len(votes), len(owners))
}

func (q check) assume(votes []assay.Execution) []assay.Assumption {
	return append([]assay.Assumption{{Code: CodeMajority, Text: q.majorityText()}}, lateCopies(votes)...)
}

// lateCopies says what is assumed of replicas that could have copied.
func lateCopies(votes []assay.Execution) []assay.Assumption {
	late := 0
	for _, x := range votes {
		if !x.Blind {
			late++
		}
	}
	if late == 0 {
		return nil
	}
	return []assay.Assumption{{
		Code: CodeLateCopy,
		Text: fmt.Sprintf("%d of the %d agreeing replicas could see the result before committing to it, and did not copy it", late, len(votes)),
	}}
}

// majorityText says what collusion would take. The second figure is the larger:
// colluders who lose the first draw still get the redraws, and win whenever they
// fill k seats before everybody else does.
func (q check) majorityText() string {
	if q.n == 1 {
		return "the one provider that executed is honest: an adversary with a third of the free stake is drawn in 1 of 3 jobs"
	}
	return fmt.Sprintf("the %d equal replicas are not colluding: an adversary with a third of the free stake fills %d of the first %d seats in about 1 of %s jobs, and forces its result through redraws in about 1 of %s",
		q.k, q.k, q.n, oneIn(q.n, q.k), oneIn(Max(q.k), q.k))
}

// oneIn returns x where at least k of n draws, each with chance 1/3, happen in
// one of x cases: 3ⁿ over the sum of C(n, i)·2ⁿ⁻ⁱ for i from k, rounded down.
func oneIn(n, k int) string {
	sum := new(big.Int)
	for i := k; i <= n; i++ {
		ways := new(big.Int).Binomial(int64(n), int64(i))
		sum.Add(sum, ways.Lsh(ways, uint(n-i)))
	}
	all := new(big.Int).Exp(big.NewInt(3), big.NewInt(int64(n)), nil)
	if all.Quo(all, sum).Cmp(big.NewInt(1_000_000_000)) > 0 {
		return "1000000000 or more"
	}
	return all.String()
}

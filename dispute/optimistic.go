package dispute

import (
	"fmt"
	"slices"

	"github.com/capacloud/assay"
)

// optimistic is the check optimistic(window). It has no state: challenges are
// claims, which the board keeps and the referee decides.
type optimistic struct {
	window assay.Millis
	text   string
}

// Optimistic returns the check of the policy `optimistic(window)`, whose
// canonical text is text: one execution that anybody may challenge.
//
// A window is worth what can be done in it. It lasts at least as long as fetching
// and executing again takes, and opens when the result is open and validators
// attest to hold program and inputs. A dispute neither shortens it nor replaces
// it: two liars who fight each other over inputs that nobody else has, or for
// minutes within an hour's window, have shown nothing.
//
// LIMITATIONS. Without a referee a challenge could not be decided, so nothing is
// supported. How long executing again takes goes by the fuel that the result
// claims; whoever finds after it that the program runs on announces a claim.
func Optimistic(window assay.Millis, text string) assay.Check {
	return optimistic{window: window, text: text}
}

// String returns the canonical policy text.
func (o optimistic) String() string { return o.text }

// Step refuses: who disagrees posts a claim, with a bond behind it.
func (o optimistic) Step(assay.View, []byte, assay.Evidence) ([]byte, error) {
	return nil, assay.Refuse(CodeNoEvidence, "%s", o.text)
}

// Judge supports the only candidate that is not refuted when its window has
// passed, whether or not it has survived a dispute. Two live candidates support neither:
// the referee decides between them.
func (o optimistic) Judge(v assay.View, _ []byte) assay.Finding {
	f := assay.Finding{Need: []assay.Demand{{N: o.level(v)}}, Text: "no result is open"}
	if !v.Referee {
		f.Done, f.Text = true, "the runtime has no referee: a challenge could not be decided"
		return f
	}
	live := slices.DeleteFunc(slices.Clone(v.Candidates), func(c assay.Candidate) bool { return c.Refuted })
	for _, c := range v.Candidates {
		value := assay.CandidateValue{Candidate: c.Digest}
		if c.Refuted {
			value.Value, value.Decisive = assay.Refuted, true
		}
		f.Values = append(f.Values, value)
	}
	switch {
	case len(live) > 1:
		f.Text = fmt.Sprintf("%d results, of which no dispute has left one", len(live))
	case len(live) == 1:
		o.weigh(&f, v, live[0])
	case len(v.Candidates) > 0:
		f.Text = "every result was refuted"
	}
	if f.Done {
		f.Faults = others(v, live[0].Digest)
	}
	return f
}

// level demands one execution beside those whose result was refuted.
func (o optimistic) level(v assay.View) int {
	level := 1
	for _, x := range v.Executions {
		if x.Role == assay.RoleExecutor && !x.State.Failed() && slices.ContainsFunc(v.Candidates, func(c assay.Candidate) bool { return c.Refuted && c.Digest == x.Result }) {
			level++
		}
	}
	return level
}

// weigh judges the only candidate that is not refuted.
func (o optimistic) weigh(f *assay.Finding, v assay.View, c assay.Candidate) {
	attested, assigned := watchers(v, c.Digest)
	window := max(o.window, c.Redo)
	watched := fmt.Sprintf("%d of %d assigned watchers attested their own execution", attested, assigned)
	until := opened(v, c).Add(window)
	switch {
	case !executed(v, c.Digest):
		f.Text = "nobody stands behind the result"
		return
	case v.Inputs == 0:
		f.Text = "validators do not attest yet to hold program and inputs, so no window is open"
		return
	case v.Clock < until:
		f.Wake, f.Text = until, fmt.Sprintf("open to challenge for %s; %s", seconds(window), watched)
		return
	case c.Survived:
		f.Text = "its claim survived a dispute; " + watched
		f.Assume = []assay.Assumption{{Code: CodeOneClaimant, Text: "its claim was the last one standing, which is no proof: whoever knew better had until the end of the dispute to claim it"}}
	default:
		f.Text = fmt.Sprintf("unchallenged for %s; %s", seconds(window), watched)
		f.Assume = []assay.Assumption{{Code: CodeUnchallenged, Text: fmt.Sprintf("somebody honest executed the job within the window of %s that was in force: nobody challenged the result; %s", seconds(window), watched)}}
	}
	f.Done = true
	i := slices.IndexFunc(f.Values, func(x assay.CandidateValue) bool { return x.Candidate == c.Digest })
	f.Values[i].Value = assay.Supported
}

// opened returns since when a candidate is open to challenge: since its inputs can
// be had and no seat has to open any more, before which no challenge is taken.
// Were it since the result was shown, an accomplice who tags and never opens would
// let the window pass behind a closed door. For what survived a dispute it is when
// the first result was shown: who disagrees with anything could have said so
// since, and a late delivery opens no second window.
func opened(v assay.View, c assay.Candidate) assay.Clock {
	at := max(c.Opened, v.Inputs)
	if !c.Survived {
		return max(at, v.Waiting)
	}
	for _, k := range v.Candidates {
		at = min(at, max(k.Opened, v.Inputs))
	}
	return at
}

// watchers returns how many assigned watchers opened this result of their own,
// and how many were assigned.
func watchers(v assay.View, result assay.Digest) (attested, assigned int) {
	for _, x := range v.Executions {
		if x.Role != assay.RoleWatcher {
			continue
		}
		assigned++
		if x.State == assay.Opened && x.Result == result {
			attested++
		}
	}
	return attested, assigned
}

// executed reports whether some executor, and not only a watcher, stands behind
// a result.
func executed(v assay.View, result assay.Digest) bool {
	return slices.ContainsFunc(v.Executions, func(x assay.Execution) bool {
		return x.Role == assay.RoleExecutor && (x.State == assay.Opened || x.State == assay.Unavailable) && x.Result == result
	})
}

// others faults whoever opened another result than the supported one. That it
// was proved wrong, where it was, is the board's to say.
func others(v assay.View, supported assay.Digest) []assay.FoundFault {
	var faults []assay.FoundFault
	for _, x := range v.Executions {
		if x.State == assay.Opened && x.Result != supported {
			faults = append(faults, assay.FoundFault{Seat: x.Seat, Class: assay.FaultDifferent, Text: "its result differs from the supported one"})
		}
	}
	return faults
}

// seconds prints a span for people.
func seconds(d assay.Millis) string {
	if d%1000 == 0 {
		return fmt.Sprintf("%d s", d/1000)
	}
	return fmt.Sprintf("%d.%03d s", d/1000, d%1000)
}

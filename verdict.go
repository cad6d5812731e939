package assay

// Outcome is the answer of the protocol about a job.
type Outcome uint8

// The three outcomes.
const (
	Undecided Outcome = 0
	Accepted  Outcome = 1
	Rejected  Outcome = 2 // at least one candidate, all proved wrong; written "refuted"
)

// String returns the name used in JSON.
func (o Outcome) String() string {
	switch o {
	case Accepted:
		return "accepted"
	case Rejected:
		return "refuted"
	}
	return "undecided"
}

// Assumption is something that a verdict rests on beside its evidence.
type Assumption struct {
	_    struct{} `cbor:",toarray"`
	Code Code
	Text string
}

// Reason is one finding as recorded at the close, in tree order.
type Reason struct {
	_       struct{} `cbor:",toarray"`
	Check   string
	Outcome Value // of the accepted candidate, or of the strongest one
	Text    string
}

// Verdict is taken at a closing. There is no payment without one.
type Verdict struct {
	_           struct{} `cbor:",toarray"`
	Outcome     Outcome
	Code        Code    // why undecided or refuted: "exhausted", "deadline", …; empty when accepted
	Result      *Result // the accepted one
	Findings    []Reason
	Assumptions []Assumption
}

package assay

// Value is what a check says of one candidate. It only moves from Unknown.
type Value uint8

// The three values.
const (
	Unknown   Value = 0
	Refuted   Value = 1
	Supported Value = 2
)

// String returns the name used in JSON.
func (v Value) String() string {
	switch v {
	case Refuted:
		return "refuted"
	case Supported:
		return "supported"
	}
	return "unknown"
}

// Candidate is a result that some executor has opened.
type Candidate struct {
	Digest   Digest // Result.Digest
	Result   Result
	Refuted  bool   // by the referee: decisive, under every policy
	Survived bool   // its claim was the last one standing in a dispute
	Opened   Clock  // when it was first opened
	Redo     Millis // what fetching and executing again takes a slow watcher, by the claimed fuel
}

// View is the board as a check sees it. Checks read; they never write.
type View struct {
	Now        Time
	Clock      Clock
	Job        *Job
	Referee    bool // the runtime has a machine that decides dissent
	Network    NetworkID
	Height     uint64     // of the block that is applied
	Keys       []ProofKey // that the job named when it was submitted, as the ledger holds them now
	Inputs     Clock      // since when validators attest to hold program and inputs; zero: they do not
	Waiting    Clock      // since when no message of a seat is awaited; now, where one is
	Liability  Millis     // how long after its settlement a result stays open to a fraud proof
	Asked      Clock      // since when this check is asked; zero: from the start
	ProofClock Millis     // how long a seat that opened has for its proof
	Posted     []Posted   // evidence that checks have absorbed, in its order
	Executions []Execution
	Candidates []Candidate
}

// Posted is a piece of evidence that a check has absorbed. Beacon is that of the
// first block behind it: what was posted was fixed before anybody knew it.
type Posted struct {
	Check  string
	Seat   uint16
	Digest Digest // EvidenceDigest
	Height uint64 // of the block that absorbed it
	After  uint64 // height of the beacon; zero: there is none yet
	Beacon Beacon
}

// MaxProofKey bounds the canonical bytes of a verifying key, MaxProofKeys the
// keys that one job may name.
const (
	MaxProofKey  = 64 << 10
	MaxProofKeys = 4
)

// Setup says where a verifying key comes from, as far as the network knows.
type Setup uint8

// The origins of a verifying key. Whoever made a key alone can prove anything
// under it, so receipts name the origin.
const (
	SetupPinned   Setup = 0 // somebody registered it: the job pins it, the network vouches for nothing
	SetupCeremony Setup = 1 // sealed by a ceremony on this network
	SetupInsecure Setup = 2 // made by one party, on a network marked insecure
)

// ProofKey is a verifying key of the network's registry.
type ProofKey struct {
	_      struct{} `cbor:",toarray"`
	Digest Digest   // package zk: Key.Digest
	Key    []byte   // its canonical bytes
	Setup  Setup
	Killed bool // validators have withdrawn it: what it proves counts for nothing
}

// Evidence is a message addressed to one check by its canonical text.
type Evidence struct {
	_     struct{} `cbor:",toarray"`
	Check string
	From  Key
	Body  []byte
}

// Check is one mechanism of verification. The board calls it; it calls nobody.
type Check interface {
	// String returns the canonical policy text. It names the check's state,
	// routes evidence and labels its finding.
	String() string
	// Step absorbs evidence. An error is a refusal and leaves the state as it was.
	Step(v View, state []byte, e Evidence) ([]byte, error)
	// Judge is pure and total over board, state and ledger time; nil is the
	// state of a check that has absorbed nothing.
	Judge(v View, state []byte) Finding
}

// Finding is what a check says at one moment.
type Finding struct {
	Values []CandidateValue // candidates that are not listed are Unknown
	Silent bool             // the check does not apply: its parent is judged without it
	Done   bool             // nothing that can still happen changes Values
	Need   []Demand         // levels, not increments
	Choose []Choice         // to be fixed, by a later beacon
	Faults []FoundFault
	Assume []Assumption
	Wake   Clock  // when the finding may change by itself; zero: never
	Text   string // for people: "3 equal executions by 3 owner accounts"
}

// CandidateValue is a check's value of one candidate. A decisive one stands in
// every branch of the policy.
type CandidateValue struct {
	Candidate Digest
	Value     Value
	Decisive  bool
}

// Demand asks for a level: N executions that have not failed. The board draws
// what is missing, and two checks that ask for three share the same three.
type Demand struct {
	N    int
	Kind string // platform, such as "snp"; empty: any
	Role Role   // zero: RoleExecutor
}

// Choice is a branch to be fixed once, by the first beacon after it was asked.
type Choice struct {
	Name string
	PPM  PPM
}

// FoundFault is a fault that a check shows.
type FoundFault struct {
	Seat  uint16
	Class FaultClass
	Text  string
}

// ValueOf returns the finding's value of a candidate.
func (f *Finding) ValueOf(candidate Digest) (Value, bool) {
	for _, v := range f.Values {
		if v.Candidate == candidate {
			return v.Value, v.Decisive
		}
	}
	return Unknown, false
}

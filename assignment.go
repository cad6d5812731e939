package assay

// Role says what an assignment asks for.
type Role uint8

// The roles. An executor's result is a candidate for payment; a watcher executes
// the same job and commits to its own result before the executor opens.
const (
	RoleExecutor Role = 1
	RoleWatcher  Role = 2
)

// ExecutionState is how far an assignment has come, or how it ended.
type ExecutionState uint8

// An assignment moves Assigned → Committed → Tagged → Opened, and leaves that
// line by one fault at most.
const (
	Assigned    ExecutionState = 1
	Committed   ExecutionState = 2
	Tagged      ExecutionState = 3
	Opened      ExecutionState = 4
	Late        ExecutionState = 5 // never committed in time
	Abandoned   ExecutionState = 6 // committed, never tagged; or tagged, never opened
	Unavailable ExecutionState = 7 // opened, but nobody could fetch the bytes
	ProvedWrong ExecutionState = 8 // its opening contradicts its commit or its tag, or it lost a dispute, or its checkpoint did
	Misled      ExecutionState = 9 // went on from a checkpoint that a dispute has refuted
)

// String returns the name used in JSON.
func (s ExecutionState) String() string {
	names := [...]string{"", "assigned", "committed", "tagged", "opened", "late", "abandoned", "unavailable", "proved_wrong", "misled"}
	if int(s) < len(names) {
		return names[s]
	}
	return "unknown"
}

// Failed reports whether the execution no longer counts towards a demand.
func (s ExecutionState) Failed() bool { return s >= Late }

// Execution is one assignment as a check sees it.
type Execution struct {
	Seat     uint16
	Role     Role
	Provider Key
	Owner    Key
	State    ExecutionState
	Tag      Digest // from Tagged on
	Result   Digest // result digest, once opened
	// Blind is false when the seat was drawn after another one had opened: its
	// agreement may be a copy.
	Blind bool
	Shown Clock // when it opened; zero: it has not
	// Spent says that its proof was valid, and that the statement belongs to
	// another job: nobody can be paid for it here, and nobody is to blame.
	Spent bool
}

package challenger

import (
	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
)

// Event is something that the core hears of.
type Event interface{ event() }

// State is the ledger after a block: the open cases, the settled ones whose
// result can still be proved wrong, and the appeals that run. They are read, and
// never modified. A state older than one already seen is ignored.
type State struct {
	Moment  assay.Moment
	Cases   []*board.Case
	Appeals []Appealed
	// Posted says of programs that a dispute waits for which chunks are on
	// record. It may be shorter than the program, and lack programs of which
	// nothing is.
	Posted map[assay.Digest][]bool
}

// Appealed is a running appeal, and the settled case that it is about.
type Appealed struct {
	Case   *board.Case
	Appeal *board.Appeal
}

// Executed answers Execute. Err says that this machine has no result; it will
// try again.
type Executed struct {
	Job    assay.JobID
	Result assay.Result
	Err    error
}

// Answer answers Ask. Exactly one of Final, Roots, Witness and Program is set,
// as the question says, or Err.
type Answer struct {
	Job      assay.JobID
	Question Question
	Final    *Final
	Roots    []assay.Digest
	Witness  []byte
	Program  []byte
	Err      error // wraps ErrTooLarge where a witness does not fit
}

// Passed says that time has passed and no block came. While nothing is open the
// ledger's clock stands still, and with it whatever waits to be tried again: a
// settled lie would outlive a lost message.
type Passed struct{}

func (State) event()    {}
func (Passed) event()   {}
func (Executed) event() {}
func (Answer) event()   {}

// Effect is something that the core wants done.
type Effect interface{ effect() }

// Execute asks for the result of a job by the native executor. The output need
// not be kept.
type Execute struct {
	ID  assay.JobID
	Job assay.Job
}

// Cancel stops an execution that nobody waits for any more. No answer is due.
type Cancel struct{ Job assay.JobID }

// Ask asks a question about the trace of a job, or for its program. The trace
// may be kept for the next question until Drop.
type Ask struct {
	ID       assay.JobID
	Job      assay.Job
	Question Question
}

// Drop says that no more questions about a job will come, and that answers to
// earlier ones are not waited for.
type Drop struct{ Job assay.JobID }

// Send asks for one transaction with these messages. It needs no answer: the
// next state shows what landed.
type Send struct{ Messages []assay.Message }

// Report tells the owner about something that needs a person, or that a person
// wants to know.
type Report struct {
	Job assay.JobID
	Err error
}

func (Execute) effect() {}
func (Cancel) effect()  {}
func (Ask) effect()     {}
func (Drop) effect()    {}
func (Send) effect()    {}
func (Report) effect()  {}

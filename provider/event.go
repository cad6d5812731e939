package provider

import (
	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/challenger"
	"github.com/capacloud/assay/merkle"
)

// Event is something that a core hears of.
type Event interface{ event() }

// State is the ledger after a block. For a Provider, Cases are the open cases
// in which it holds a seat; for an Attester, all open cases. They are read, and
// never modified. A state older than one already seen is ignored.
//
// Appeals are the running ones in which a Provider's locked stake is at risk;
// Posted is as in challenger.State.
type State struct {
	Moment  assay.Moment
	Cases   []*board.Case
	Appeals []challenger.Appealed
	Posted  map[assay.Digest][]bool
}

// Executed answers Execute. Err says that this machine has no result: bytes
// were missing, memory was short, an engine disagreed with the rules. It is
// never part of a result.
type Executed struct {
	Job    assay.JobID
	Result assay.Result
	Err    error
}

// LeavesOpened answers OpenLeaves.
type LeavesOpened struct {
	Job      assay.JobID
	Height   uint64 // as asked
	Openings []merkle.Opening
	Err      error // the store lacks the output
}

// Fetched answers Fetch: the bytes are here and checked, or they are not.
type Fetched struct {
	Job    assay.JobID
	Output assay.Digest
	Err    error
}

// Traced answers Trace.
type Traced struct{ Answer challenger.Answer }

func (State) event()        {}
func (Traced) event()       {}
func (Executed) event()     {}
func (LeavesOpened) event() {}
func (Fetched) event()      {}

// Effect is something that a core wants done.
type Effect interface{ effect() }

// Execute asks for the result of a job: from the node's own result store if it
// is there, otherwise by fetching program and input and running it. The output
// is in the store before Executed is sent.
type Execute struct {
	ID    assay.JobID
	Job   assay.Job
	Fresh bool          // the store's copy was found to be incomplete: run it again
	From  *board.Resume // its own checkpoint, perhaps; nil: from the start. Where its bytes are gone, likewise
}

// Cancel stops an execution that nobody waits for any more. No answer is due.
type Cancel struct{ Job assay.JobID }

// Send asks for one transaction with these messages. It needs no answer: the
// next state shows what landed.
type Send struct{ Messages []assay.Message }

// Publish says that the output may be served from now on: the verdict is out,
// so nobody can gain a seat's pay by reading it.
type Publish struct {
	Job  assay.JobID
	Root assay.Digest
}

// OpenLeaves asks for openings of an output at the offsets of a challenge, one
// each, in their order.
type OpenLeaves struct {
	Job     assay.JobID
	Height  uint64 // of the challenge's beacon; goes into the answer
	Root    assay.Digest
	Offsets []uint64
}

// Fetch asks a validator's node to copy and check an output from any of the
// providers that opened it.
type Fetch struct {
	Job    assay.JobID
	Output assay.Digest
	From   []assay.Key
}

// FetchInputs asks a validator's node to copy and check program and inputs of a
// job. Fetched answers it, with Job.InputsDigest as Output.
type FetchInputs struct {
	ID    assay.JobID
	Job   assay.Job
	Bytes uint64      // that the requester has stated; more of them are not attested
	From  []assay.Key // providers that have executed, and so have them
}

// Trace asks about the trace of a job whose result this provider defends. The
// trace may be kept for the next question until Untrace.
//
// From are the checkpoints on which the provider's run rests, the one that it has
// gone on from first, then the one from which that was made, and so on. Its trace
// is the machine's up to the earliest that is false, and a run's from there on.
type Trace struct {
	Ask  challenger.Ask
	From []board.Resume
}

// Untrace says that no more questions about a job will come.
type Untrace struct{ Job assay.JobID }

// Report tells the provider's owner about something that needs a person.
type Report struct {
	Job  assay.JobID
	Seat uint16
	Err  error
}

func (Execute) effect()     {}
func (Cancel) effect()      {}
func (Send) effect()        {}
func (Publish) effect()     {}
func (OpenLeaves) effect()  {}
func (Fetch) effect()       {}
func (FetchInputs) effect() {}
func (Trace) effect()       {}
func (Untrace) effect()     {}
func (Report) effect()      {}

// Package requester owns what a requester does about one job: submit it until
// the ledger has it, follow its case to the end, and say on the way what people
// want to hear. Like every actor core it turns events into effects and does no
// I/O; whoever drives it signs, sends and prints.
//
// It trusts no event of the ledger's: what it reports is the difference between
// two states of the case. It refuses to judge: the verdict is the case's, and
// whether to believe the case is for package receipt.
package requester

import (
	"cmp"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
)

// Config is what a requester core needs.
type Config struct {
	Job   assay.Job
	Bytes uint64 // of program and input, for the commit clock
	// Keys are verifying keys that the job's proofs use. They are registered with
	// the job: to register one again changes nothing.
	Keys []Key
	// Resend is how long a submission may be on its way, in time; zero: 2 s.
	Resend assay.Millis
	// GiveUp is when the requester stops waiting. The job goes on without it,
	// and its money with the job. Zero: the job's deadline and an hour.
	GiveUp assay.Time
}

// Key is a verifying key and where it comes from.
type Key struct {
	Digest assay.Digest
	Bytes  []byte // nil: it is on the registry
	Setup  assay.Setup
}

// Codes of how following a job ends without a settlement.
const (
	CodeConfig   assay.Code = "bad-requester-config"
	CodeTimedOut assay.Code = "timed-out"
	CodeNever    assay.Code = "never-included"
	CodeStopped  assay.Code = "submission-refused"
)

// Codes documents the codes of this package.
func Codes() []assay.CodeInfo {
	return []assay.CodeInfo{
		{Code: CodeConfig, Kind: assay.KindRefusal, Text: "the requester's job is invalid or a span is negative", Hint: "the text names the field"},
		{Code: CodeTimedOut, Kind: assay.KindRefusal, Text: "the job did not settle in the time that this command waits", Hint: "it goes on: `assay job show ID` tells how it ends"},
		{Code: CodeNever, Kind: assay.KindRefusal, Text: "the network took no submission before the job's deadline; nothing was paid", Hint: "check that the network makes blocks, and submit again"},
		{Code: CodeStopped, Kind: assay.KindRefusal, Text: "the ledger refused the submission", Hint: "the code behind it says why"},
	}
}

// Event is something that a requester hears of.
type Event interface{ event() }

// State is the ledger after a block. Case is nil while the ledger has no case
// of the job.
type State struct {
	Moment assay.Moment
	Case   *board.Case
}

// Passed says that local time has passed, whether or not the network makes
// blocks: a halted network must not keep a person waiting for ever.
type Passed struct{ Now assay.Time }

// Refused says that the ledger refused the submission for a reason that sending
// it again will not change.
type Refused struct{ Err error }

func (State) event()   {}
func (Passed) event()  {}
func (Refused) event() {}

// Effect is something that a requester wants done.
type Effect interface{ effect() }

// Send asks for one transaction with these messages.
type Send struct{ Messages []assay.Message }

// Progress tells people how far the job has come.
type Progress struct {
	Kind  Kind
	Phase board.Phase
	// Done of Total: seats that have committed, tagged or opened, of those that
	// are still expected to.
	Done, Total int
	Equal       int            // of the tags, the largest group of equal ones
	Seats       []board.Seat   // drawn now
	Faults      []board.Seat   // failed now
	Verdict     *assay.Verdict // from Decided on
	Dispute     int            // Disputed, Moved and Ruled: its number in the case
	Checkpoint  board.Checkpoint
	Resume      board.Resume
}

// Done ends the job for this requester. Case is its last state, nil if it was
// never included; Err is nil when it settled.
type Done struct {
	Case *board.Case
	Err  error
}

func (Send) effect()     {}
func (Progress) effect() {}
func (Done) effect()     {}

// Kind says what has happened.
type Kind string

// The kinds of progress.
const (
	Submitted Kind = "submitted" // the ledger has the job and the escrow
	Drawn     Kind = "drawn"     // providers were assigned
	Fault     Kind = "fault"     // a provider failed and is replaced where possible
	Committed Kind = "committed"
	Tagged    Kind = "tagged"
	Opened    Kind = "opened"
	Kept      Kind = "checkpoint" // a provider has come to a boundary and keeps its state, or confirms another's
	Resumed   Kind = "resumed"    // a provider goes on from another's checkpoint
	Phase     Kind = "phase"
	Disputed  Kind = "disputed" // results differ and the machine decides
	Moved     Kind = "moved"    // a party of the dispute has moved
	Ruled     Kind = "ruled"    // the dispute has ended
	Decided   Kind = "decided"
	Settled   Kind = "settled"
)

// Requester is the core of one job's requester.
type Requester struct {
	config Config
	id     assay.JobID
	height uint64
	last   *board.Case
	sent   bool
	sentAt assay.Time
	done   bool
}

// New returns a core that has sent nothing yet.
func New(c Config) (*Requester, error) {
	if err := c.Job.Validate(); err != nil {
		return nil, err
	}
	if c.Resend < 0 || c.GiveUp < 0 {
		return nil, assay.Refuse(CodeConfig, "resend %d, give up at %d", c.Resend, c.GiveUp)
	}
	c.Resend = cmp.Or(c.Resend, 2000)
	c.GiveUp = cmp.Or(c.GiveUp, c.Job.Deadline.Add(3_600_000))
	return &Requester{config: c, id: c.Job.ID()}, nil
}

// ID returns the job's id.
func (r *Requester) ID() assay.JobID { return r.id }

// Step hears of one event and says what to do about it. After Done there are no
// more effects.
func (r *Requester) Step(e Event) []Effect {
	if r.done {
		return nil
	}
	switch e := e.(type) {
	case State:
		if e.Moment.Height < r.height || e.Case == nil && r.last != nil {
			return nil // overtaken on the way
		}
		r.height = e.Moment.Height
		if e.Case == nil {
			return r.submit(e.Moment.Time)
		}
		return r.follow(e)
	case Passed:
		return r.passed(e.Now)
	case Refused:
		if r.last == nil { // else an earlier copy of the submission had landed
			return r.finish(assay.Refuse(CodeStopped, "%v", e.Err))
		}
	}
	return nil
}

// submit sends the job unless it may still be on its way. A second copy that
// lands after the first is refused as a known job, and costs its fee only.
func (r *Requester) submit(now assay.Time) []Effect {
	if now > r.config.Job.Deadline {
		return r.finish(assay.Refuse(CodeNever, "job %s", r.id.Short()))
	}
	if r.sent && now < r.sentAt.Add(r.config.Resend) {
		return nil
	}
	r.sent, r.sentAt = true, now
	submit := &assay.Submit{Job: r.config.Job, Bytes: r.config.Bytes}
	var messages []assay.Message
	for _, k := range r.config.Keys {
		submit.Keys = append(submit.Keys, k.Digest)
		if len(k.Bytes) > 0 {
			messages = append(messages, &assay.RegisterKey{Key: k.Bytes, Setup: k.Setup})
		}
	}
	return []Effect{Send{Messages: append(messages, submit)}}
}

func (r *Requester) passed(now assay.Time) []Effect {
	switch {
	case now > r.config.GiveUp:
		return r.finish(assay.Refuse(CodeTimedOut, "job %s", r.id.Short()))
	case r.last == nil:
		return r.submit(now)
	}
	return nil
}

// follow reports how the case differs from what was last seen of it.
func (r *Requester) follow(s State) []Effect {
	effects := changes(r.last, s.Case)
	r.last = s.Case
	switch {
	case s.Case.Record != nil:
		effects = append(effects, Progress{Kind: Settled, Phase: s.Case.Phase, Verdict: s.Case.Verdict})
		return append(effects, r.finish(nil)...)
	case s.Moment.Time > r.config.GiveUp:
		return append(effects, r.finish(assay.Refuse(CodeTimedOut, "job %s", r.id.Short()))...)
	}
	return effects
}

func (r *Requester) finish(err error) []Effect {
	r.done = true
	return []Effect{Done{Case: r.last, Err: err}}
}

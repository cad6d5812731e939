package ledger

import (
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
)

// Event tells a user interface what a block has done. It decides nothing:
// actors reconcile from state.
type Event struct {
	Kind    EventKind
	Job     assay.JobID
	Seat    uint16
	Account assay.Key // the provider, requester or owner concerned
	Phase   board.Phase
	Text    string // verdict or fault, by its name
}

// EventKind says what happened.
type EventKind string

// The kinds of event.
const (
	EventSubmitted EventKind = "submitted"
	EventDrawn     EventKind = "drawn"
	EventSeat      EventKind = "seat" // Text is the seat's state
	EventPhase     EventKind = "phase"
	EventVerdict   EventKind = "verdict"
	EventSettled   EventKind = "settled"
	EventListed    EventKind = "listed"
	EventDelisted  EventKind = "delisted"
	EventStalled   EventKind = "stalled" // a step of the case panicked: a bug of ours
	EventDispute   EventKind = "dispute" // one began, ended in a result (Text), or had no game (Text: its code)
	EventAppeal    EventKind = "appeal"  // likewise, after the settlement
	EventRevoked   EventKind = "revoked" // the result of a settled job
	EventImage     EventKind = "image"   // of a program is on record; Job names the program

	EventCheckpoint EventKind = "checkpoint" // Seat has come to a boundary (Text)
	EventResumed    EventKind = "resumed"    // Seat goes on from another's checkpoint (Text)
)

// caseEvents tells how a case differs from what it was before the block; old is
// nil when the block opened it.
func caseEvents(old, now *board.Case) []Event {
	var list []Event
	if old == nil {
		old = &board.Case{}
		list = append(list, Event{Kind: EventSubmitted, Job: now.ID, Account: now.Job.Requester})
	}
	for i := range now.Seats {
		s := &now.Seats[i]
		e := Event{Kind: EventSeat, Job: now.ID, Seat: s.Number, Account: s.Provider, Text: s.State.String()}
		if i >= len(old.Seats) {
			e.Kind = EventDrawn
		} else if old.Seats[i].State == s.State {
			continue
		}
		list = append(list, e)
	}
	list = append(list, epochEvents(old, now)...)
	for i := range now.Disputes {
		if i >= len(old.Disputes) || old.Disputes[i].Running() && !now.Disputes[i].Running() {
			list = append(list, Event{Kind: EventDispute, Job: now.ID, Text: disputeText(&now.Disputes[i])})
		}
	}
	if old.Phase != now.Phase {
		list = append(list, Event{Kind: EventPhase, Job: now.ID, Phase: now.Phase})
	}
	if old.Verdict == nil && now.Verdict != nil {
		list = append(list, Event{Kind: EventVerdict, Job: now.ID, Text: now.Verdict.Outcome.String()})
	}
	if !old.Settled() && now.Settled() {
		list = append(list, Event{Kind: EventSettled, Job: now.ID, Account: now.Job.Requester, Text: now.Record.Settlement.Availability.String()})
	}
	return list
}

// epochEvents tells which checkpoints are new, and who goes on from one.
func epochEvents(old, now *board.Case) []Event {
	var list []Event
	for _, k := range now.Checkpoints {
		if !slices.Contains(old.Checkpoints, k) {
			list = append(list, Event{Kind: EventCheckpoint, Job: now.ID, Seat: k.Seat, Account: now.Seats[k.Seat].Provider, Text: k.String()})
		}
	}
	for _, r := range now.Resumes[len(old.Resumes):] {
		list = append(list, Event{Kind: EventResumed, Job: now.ID, Seat: r.Seat, Account: now.Seats[r.Seat].Provider, Text: r.String()})
	}
	return list
}

// disputeText says how far a dispute has come.
func disputeText(d *board.Dispute) string {
	switch survivor := d.Survivor(); {
	case d.Running():
		return "runs"
	case d.Code != "":
		return string(d.Code)
	case survivor.IsZero():
		return "no survivor"
	default:
		return survivor.Short()
	}
}

// appealEvents tells how an appeal differs from what it was before the block.
func appealEvents(was, now *board.Appeal) []Event {
	if was != nil && was.Number == now.Number && was.Running() == now.Running() {
		return nil
	}
	list := []Event{{Kind: EventAppeal, Job: now.Job, Text: disputeText(&now.Dispute)}}
	if now.Revocation != nil {
		list = append(list, Event{Kind: EventRevoked, Job: now.Job})
	}
	return list
}

package requester

import (
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
)

// changes lists what has happened to a case between two looks at it, in the
// order in which a person tells it. Several blocks may lie between the looks.
func changes(old, now *board.Case) []Effect {
	var effects []Effect
	add := func(p Progress) {
		p.Phase, p.Verdict = now.Phase, now.Verdict
		effects = append(effects, p)
	}
	if old == nil {
		old = &board.Case{}
		add(Progress{Kind: Submitted})
	}
	if n := len(old.Seats); len(now.Seats) > n {
		add(Progress{Kind: Drawn, Total: len(now.Seats), Seats: now.Seats[n:]})
	}
	for _, p := range epochs(old, now) {
		add(p)
	}
	for _, step := range steps {
		before, _ := count(old, step.reached)
		done, total := count(now, step.reached)
		if done > before {
			add(Progress{Kind: step.kind, Done: done, Total: total, Equal: equal(now)})
		}
	}
	for _, p := range disputes(old, now) {
		add(p)
	}
	if f := failed(old, now); len(f) > 0 {
		add(Progress{Kind: Fault, Faults: f})
	}
	if old.Phase != now.Phase {
		add(Progress{Kind: Phase})
	}
	if old.Verdict == nil && now.Verdict != nil {
		add(Progress{Kind: Decided})
	}
	return effects
}

// epochs lists the checkpoints that are new, and who goes on from one.
func epochs(old, now *board.Case) []Progress {
	var list []Progress
	for _, k := range now.Checkpoints {
		if !slices.Contains(old.Checkpoints, k) {
			list = append(list, Progress{Kind: Kept, Checkpoint: k})
		}
	}
	for _, r := range now.Resumes[min(len(old.Resumes), len(now.Resumes)):] {
		list = append(list, Progress{Kind: Resumed, Resume: r})
	}
	return list
}

// disputes lists what has happened in the case's disputes.
func disputes(old, now *board.Case) []Progress {
	var list []Progress
	for i := range now.Disputes {
		d := &now.Disputes[i]
		var was *board.Dispute
		if i < len(old.Disputes) {
			was = &old.Disputes[i]
		} else {
			list = append(list, Progress{Kind: Disputed, Dispute: i})
		}
		if moves(d) > moves(was) {
			list = append(list, Progress{Kind: Moved, Dispute: i, Done: moves(d)})
		}
		if !d.Running() && (was == nil || was.Running()) {
			list = append(list, Progress{Kind: Ruled, Dispute: i})
		}
	}
	return list
}

// moves counts the moves of a dispute, claims included.
func moves(d *board.Dispute) int {
	if d == nil || d.Game == nil {
		return 0
	}
	return int(d.Game.Moves)
}

// steps are the three messages. A seat that failed later has still sent what it
// sent, but nobody counts on it any more.
var steps = []struct {
	kind    Kind
	reached func(*board.Seat) bool
}{
	{Committed, func(s *board.Seat) bool { return !s.Commit.IsZero() }},
	{Tagged, func(s *board.Seat) bool { return !s.Tag.IsZero() }},
	{Opened, func(s *board.Seat) bool { return s.Result != nil }},
}

func count(c *board.Case, reached func(*board.Seat) bool) (done, total int) {
	for i := range c.Seats {
		s := &c.Seats[i]
		if s.State.Failed() {
			continue
		}
		total++
		if reached(s) {
			done++
		}
	}
	return done, total
}

// equal returns the size of the largest group of equal tags among live seats.
func equal(c *board.Case) int {
	most := 0
	for i := range c.Seats {
		n := 0
		for j := range c.Seats {
			if a, b := &c.Seats[i], &c.Seats[j]; !a.Tag.IsZero() && a.Tag == b.Tag && !b.State.Failed() {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// failed returns the seats that have failed since the last look.
func failed(old, now *board.Case) []board.Seat {
	var list []board.Seat
	for i, s := range now.Seats {
		was := assay.Assigned
		if i < len(old.Seats) {
			was = old.Seats[i].State
		}
		if s.State.Failed() && !was.Failed() {
			list = append(list, s)
		}
	}
	return list
}

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/policy"
	"github.com/capacloud/assay/requester"
)

// stopwatch collects the phases of a run for timings_ms.
type stopwatch struct {
	begin time.Time
	spans map[string]int64
}

func newStopwatch() *stopwatch { return &stopwatch{begin: time.Now(), spans: map[string]int64{}} }

func (w *stopwatch) add(name string, d time.Duration) { w.spans[name] += d.Milliseconds() }

func (w *stopwatch) all() map[string]int64 {
	w.spans["total"] = time.Since(w.begin).Milliseconds()
	return w.spans
}

// teller turns a requester's progress into lines and timings.
type teller struct {
	u         *ui
	watch     *stopwatch
	net       *session
	job       *assay.Job
	submitted bool
	begin     time.Time // of the phase under way
	running   *stage    // the line or bar of what the job waits for
	epoch     uint32    // latest boundary of which somebody keeps the state
}

// newTeller starts with the wait for the ledger, which is long only where a
// network is far away or halted.
func newTeller(u *ui, watch *stopwatch, net *session, job *assay.Job) *teller {
	t := &teller{u: u, watch: watch, net: net, job: job, begin: time.Now()}
	t.wait("submitted", "waiting for a block")
	return t
}

// lap ends a phase under a name.
func (t *teller) lap(name string) {
	t.watch.add(name, time.Since(t.begin))
	t.begin = time.Now()
}

// wait says what the job waits for now; it speaks up only if that takes long.
func (t *teller) wait(label, format string, args ...any) {
	t.stop()
	t.running = t.u.startQuiet(label, format, args...)
}

func (t *teller) stop() {
	if t.running != nil {
		t.running.close()
		t.running = nil
	}
}

func (t *teller) progress(p requester.Progress, c *board.Case) {
	switch p.Kind {
	case requester.Submitted:
		t.stop()
		t.submitted = true
		t.lap("submit")
		t.u.line("job", "%s   %s   %s   escrow %s", t.job.ID(), t.job.Runtime, t.job.Policy, credits(c.Escrow))
		t.wait("drawing", "waiting for the beacon")
	case requester.Drawn:
		t.stop()
		t.lap("draw")
		t.u.line("assigned", "%s", t.drawn(p.Seats, c))
		t.executing(c)
	case requester.Committed:
		t.committed(p)
	case requester.Tagged:
		if p.Done == p.Total {
			t.stop()
			t.lap("tag")
			t.u.line("tagged", "%d of %d equal", p.Equal, p.Total)
			t.wait("opening", "waiting for the results")
		}
	case requester.Opened:
		if p.Done == p.Total {
			t.stop()
			t.lap("open")
		}
	case requester.Kept:
		if t.running != nil && p.Checkpoint.Epoch > t.epoch {
			t.epoch = p.Checkpoint.Epoch
			t.running.update("%s, epoch %s kept", seatsDone(c), credits(uint64(t.epoch)))
		}
	case requester.Resumed:
		t.resumed(p.Resume, c)
	case requester.Disputed, requester.Moved, requester.Ruled:
		t.dispute(p, c)
	case requester.Fault:
		for _, s := range p.Faults {
			t.u.line("fault", "%s: %s", t.net.nameOf(s.Provider), faultWords(&s))
		}
	case requester.Decided:
		t.wait("settling", "%s; waiting for the output to be delivered", p.Verdict.Outcome)
	case requester.Settled:
		t.stop()
		t.lap("settle")
	case requester.Phase:
		if p.Phase == board.Waiting {
			t.wait("waiting", "%s", t.waitingFor())
		}
	}
}

// waitingFor says what a case waits for that has results and no verdict.
func (t *teller) waitingFor() string {
	expr, err := policy.Parse(t.job.Policy)
	if err != nil || !slices.ContainsFunc(expr.Leaves(), func(e *policy.Expr) bool { return e.Op == policy.Optimistic }) {
		return "for a proof"
	}
	return "until the result can no longer be challenged"
}

// dispute tells how the machine decides between results.
func (t *teller) dispute(p requester.Progress, c *board.Case) {
	d := &c.Disputes[p.Dispute]
	switch p.Kind {
	case requester.Disputed:
		t.stop()
		if k := d.Challenge; k != nil {
			t.u.line("disputed", "%s challenges the result; the canonical machine decides", t.net.nameOf(k.From))
		} else {
			t.u.line("disputed", "%s for one job; the canonical machine decides", plural(len(d.Candidates), "result"))
		}
		t.begin = time.Now()
		t.running = t.u.startQuiet("dispute", "waiting for claims")
	case requester.Moved:
		if t.running != nil {
			t.running.update("%s, %s", plural(len(d.Game.Claims), "claim"), plural(p.Done, "move"))
		}
	case requester.Ruled:
		t.stop()
		t.lap("dispute")
	}
}

// resumed tells who goes on from whose checkpoint.
func (t *teller) resumed(r board.Resume, c *board.Case) {
	t.stop()
	t.u.line("resumed", "%s goes on from epoch %s, of which %s had posted a checkpoint (%s)",
		t.net.nameOf(providerOf(c, r.Seat)), credits(uint64(r.Epoch)), t.net.nameOf(providerOf(c, r.From)), size(int64(r.Size)))
	t.executing(c)
}

// executing opens the line of the seats that were drawn and still count.
func (t *teller) executing(c *board.Case) { t.running = t.u.start("executing", "%s", seatsDone(c)) }

// seatsDone counts the seats that have committed, of those that still count.
func seatsDone(c *board.Case) string {
	done, total := 0, 0
	for i := range c.Seats {
		if c.Seats[i].State.Failed() {
			continue
		}
		total++
		if !c.Seats[i].Commit.IsZero() {
			done++
		}
	}
	return fmt.Sprintf("%d/%d committed", done, total)
}

func (t *teller) committed(p requester.Progress) {
	if t.running == nil {
		return
	}
	t.running.update("%d/%d committed", p.Done, p.Total)
	if p.Done == p.Total {
		t.running.end("%d/%d committed", p.Done, p.Total)
		t.running = nil
		t.lap("execute")
		t.wait("tagging", "waiting for the tags")
	}
}

// drawn tells who was drawn, by what: "p4 p3 p1: 3 owner accounts, drawn by the
// beacon of height 6".
func (t *teller) drawn(seats []board.Seat, c *board.Case) string {
	owners := map[assay.Key]bool{}
	names := make([]string, len(seats))
	for i, s := range seats {
		names[i] = t.net.nameOf(s.Provider)
		owners[s.Owner] = true
	}
	text := fmt.Sprintf("%s: %s", strings.Join(names, " "), plural(len(owners), "owner account"))
	if last := seats[len(seats)-1]; int(last.Draw) < len(c.Draws) {
		text += fmt.Sprintf(", drawn by the beacon of height %d", c.Draws[last.Draw].Height)
	}
	return text
}

// faultWords says what a provider did not do.
func faultWords(s *board.Seat) string {
	switch s.State {
	case assay.Late:
		return "did not commit in time; another is drawn if the policy and the deadline allow"
	case assay.Abandoned:
		return "committed and fell silent; another is drawn if the policy and the deadline allow"
	case assay.Unavailable:
		return "did not deliver the bytes of its output"
	case assay.Misled:
		return "went on from a checkpoint that the dispute has refuted; it keeps its stake"
	case assay.ProvedWrong:
		if s.Lost > 0 {
			return "lost the dispute; its stake is slashed"
		}
		return "its opening contradicts what it committed to"
	default:
		return strings.ReplaceAll(s.State.String(), "_", " ")
	}
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

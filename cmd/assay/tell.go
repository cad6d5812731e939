package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
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
	executing *step
}

func newTeller(u *ui, watch *stopwatch, net *session, job *assay.Job) *teller {
	return &teller{u: u, watch: watch, net: net, job: job, begin: time.Now()}
}

// lap ends a phase under a name.
func (t *teller) lap(name string) {
	t.watch.add(name, time.Since(t.begin))
	t.begin = time.Now()
}

func (t *teller) progress(p requester.Progress) {
	switch p.Kind {
	case requester.Submitted:
		t.submitted = true
		t.lap("submit")
		params := t.net.network.Genesis().Params
		escrow := "?"
		if plan, err := board.NewPlan(&params, t.job, 0); err == nil {
			escrow = credits(plan.Escrow)
		}
		t.u.line("job", "%s   %s   %s   escrow %s", t.job.ID(), t.job.Runtime, t.job.Policy, escrow)
	case requester.Drawn:
		t.lap("draw")
		t.u.line("assigned", "%s (drawn by the beacon)", t.seatNames(p.Seats))
		if t.executing == nil {
			t.executing = t.u.start("executing", "0/%d committed", p.Total)
		}
	case requester.Committed:
		t.committed(p)
	case requester.Tagged:
		if p.Done == p.Total {
			t.lap("tag")
			t.u.line("tagged", "%d/%d equal", p.Equal, p.Total)
		}
	case requester.Opened:
		if p.Done == p.Total {
			t.lap("open")
		}
	case requester.Fault:
		for _, s := range p.Faults {
			t.u.line("fault", "%s %s", t.net.nameOf(s.Provider), strings.ReplaceAll(s.State.String(), "_", " "))
		}
	case requester.Settled:
		t.lap("settle")
	case requester.Phase, requester.Decided:
	}
}

func (t *teller) committed(p requester.Progress) {
	if t.executing == nil {
		t.executing = t.u.start("executing", "%d/%d committed", p.Done, p.Total)
	}
	t.executing.update("%d/%d committed", p.Done, p.Total)
	if p.Done == p.Total {
		t.executing.end("%d/%d committed", p.Done, p.Total)
		t.executing = nil
		t.lap("execute")
	}
}

func (t *teller) stop() {
	if t.executing != nil {
		t.executing.close()
		t.executing = nil
	}
}

func (t *teller) seatNames(seats []board.Seat) string {
	names := make([]string, len(seats))
	for i, s := range seats {
		names[i] = t.net.nameOf(s.Provider)
	}
	return fmt.Sprintf("%s: %d of %d owner accounts", strings.Join(names, " "), len(seats), max(len(t.net.names), len(seats)))
}

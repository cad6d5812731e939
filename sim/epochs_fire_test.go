package sim

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/adversary"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/executor"
)

// fooled returns a world in which a poisoner has misled somebody honest, and was
// found out.
func fooled(t *testing.T, s Setup) (*World, *board.Case) {
	t.Helper()
	for range 20 {
		w := clean(t, s, Options{})
		if c := w.caseOf(w.Clients[0].ID); w.Counts["misled"] > 0 && c.Record.Verdict.Outcome == assay.Accepted {
			return w, c
		}
		s.Seed++
	}
	t.Fatal("nobody was misled")
	return nil, nil
}

// rewritten returns a case with another settlement.
func rewritten(c *board.Case, fn func(s *assay.Settlement)) *board.Case {
	k, r := *c, *c.Record
	r.Settlement.Faults, r.Settlement.Posters = slices.Clone(r.Settlement.Faults), slices.Clone(r.Settlement.Posters)
	fn(&r.Settlement)
	k.Record = &r
	return &k
}

// TestMisledFires takes the misled seat's stake, spares the poisoner, calls
// somebody misled who was not, leaves the damage unpaid, blames the misled seat,
// and hides that a result rests on a checkpoint.
func TestMisledFires(t *testing.T) {
	w, c := fooled(t, poisoned(8100, 2, genuine, "optimistic(30s)"))
	at := func(s *assay.Settlement, class assay.FaultClass) *assay.Fault {
		return &s.Faults[slices.IndexFunc(s.Faults, func(f assay.Fault) bool { return f.Class == class })]
	}
	for _, x := range []struct {
		checker, text string
		fn            func(s *assay.Settlement)
	}{
		{"misled", "lost 7 of its stake", func(s *assay.Settlement) { at(s, assay.FaultMisled).Slashed = 7 }},
		{"fairness", "is misled and was slashed 7", func(s *assay.Settlement) { at(s, assay.FaultMisled).Slashed = 7 }},
		{"misled", "nobody has lost his stake for it", func(s *assay.Settlement) { at(s, assay.FaultProvedWrong).Slashed-- }},
		{"misled", "went on from nothing false", func(s *assay.Settlement) { at(s, assay.FaultMisled).Seat = 0 }},
		{"misled", "was misled and paid 0", func(s *assay.Settlement) { s.Posters = nil }},
		{"misled", "in good faith, and lost its stake", func(s *assay.Settlement) {
			f := at(s, assay.FaultMisled)
			f.Class, f.Slashed = assay.FaultProvedWrong, 7
		}},
		{"fairness", "is honest and was proved wrong", func(s *assay.Settlement) { at(s, assay.FaultMisled).Class = assay.FaultProvedWrong }},
	} {
		w.Breaches = nil
		k := rewritten(c, x.fn)
		(&misled{}).Settled(w, k)
		fairness{}.Settled(w, k)
		fires(t, w.Failures(), x.checker, x.text)
	}

	// The bond that was lost by showing it is not returned.
	w.Breaches = nil
	seat := &c.Seats[at(&c.Record.Settlement, assay.FaultMisled).Seat]
	n := int(seat.Lost) - 1
	(&purses{}).defence(w, c.ID, &c.Disputes[n], c.Record.Settlement.Claims, nil, misledIn(c, n))
	fires(t, w.Failures(), "purses", "by showing it, and was paid 0")

	// One who told a false result because he was misled, and is not said to be.
	w.Breaches = nil
	k := *c
	k.Seats = slices.Clone(c.Seats)
	k.Seats[seat.Number].State = assay.Opened
	fairness{}.Settled(w, &k)
	fires(t, w.Failures(), "fairness", "told what is wrong, and kept its stake")

	s := poisoned(8500, 2, genuine, "optimistic(30s)")
	s.Watchers = 0
	for ; ; s.Seed++ {
		w = clean(t, s, Options{})
		if f := fateOf(w); f.wrong {
			k, r := *f.c, *f.c.Record
			r.Verdict.Assumptions, k.Record = nil, &r
			(&misled{}).says(w, &k)
			fires(t, w.Failures(), "misled", "the verdict does not say so")
			break
		}
	}
}

// TestTrustFires calls the poisoners honest: then somebody honest has gone on
// from a false state of which nobody lied.
func TestTrustFires(t *testing.T) {
	s := poisoned(8100, 2, genuine, "optimistic(30s)")
	for range 20 {
		w := world(s, Options{Meddle: func(w *World) {
			for _, m := range w.Machines {
				m.player = adversary.Player{}
			}
		}}).Run()
		if w.Counts["resumes of a false state"] > 0 {
			fires(t, w.Failures(), "misled", "went on from a false state that 0 had posted")
			fires(t, w.Failures(), "fairness", "is honest and was proved wrong")
			return
		}
		s.Seed++
	}
	t.Error("nobody was misled")
}

// blind is an executor that finds no checkpoint good enough; wasteful one that
// runs everything from the start, whatever it was given.
type (
	blind    struct{ executor.Epochs }
	wasteful struct{ executor.Epochs }
)

// Check implements executor.Epochs.
func (blind) Check(*assay.Job, executor.Checkpoint) error { return errors.New("it looks odd") }

// ExecuteEpochs implements executor.Epochs.
func (x wasteful) ExecuteEpochs(ctx context.Context, job *assay.Job, a executor.Artifacts, _ *executor.Checkpoint, each func(executor.Boundary) error) (*executor.Outcome, error) {
	return x.Epochs.ExecuteEpochs(ctx, job, a, nil, each)
}

// TestProgressFires has the successors of a dead provider begin again, openly and
// in secret.
func TestProgressFires(t *testing.T) {
	for _, x := range []struct {
		text string
		wrap func(executor.Epochs) executor.Executor
	}{
		{"ran the whole job although", func(e executor.Epochs) executor.Executor { return blind{e} }},
		{"left to use", func(e executor.Epochs) executor.Executor { return wasteful{e} }},
	} {
		s := years(8000, nil, "none")
		s.Program = "years"
		w := world(s, Options{Meddle: func(w *World) {
			for _, m := range w.Machines {
				m.executor = x.wrap(w.engine)
			}
		}})
		w.start()
		c := w.until(t, board.Committing)
		w.machineOf(c.Seats[0].Provider).dieAt = 5
		for w.queue.Len() > 0 && !w.over() {
			w.turn()
		}
		fires(t, w.Failures(), "progress", x.text)
	}
}

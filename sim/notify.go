package sim

import (
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/challenger"
	"github.com/capacloud/assay/provider"
)

// notify sends the state after a block to everybody whom it concerns. Strangers
// who watch look at once where something has happened, and else now and then.
func (w *World) notify(news bool) {
	l := w.Chain.ledger
	at := l.Moment()
	all := w.view()
	for _, m := range w.Machines {
		cases, appeals := l.OpenFor(m.key)
		if busy := len(cases)+len(appeals) > 0; busy || m.busy {
			m.busy = busy
			s := provider.State{Moment: at, Cases: cases, Appeals: w.appealed(appeals), Posted: all.Posted}
			m.link.hear(func() { m.hear(s) })
		}
	}
	var open []*board.Case
	for _, id := range w.Chain.open {
		open = append(open, w.caseOf(id))
	}
	for _, v := range w.validators {
		v.link.hear(func() {
			v.mirror(open)
			v.carry(v.core.Step(provider.State{Moment: at, Cases: open}))
		})
	}
	for _, c := range w.Clients {
		c.notify(at)
	}
	if news || w.now >= w.looked.Add(w.Setup.Clocks/10) {
		w.looked = w.now
		for _, x := range w.Watchers {
			x.look(all)
		}
	}
	if w.Setup.Faults.Heckle && !w.healed && len(open) > 0 && w.now >= w.heckled.Add(500) {
		w.heckled = w.now // each heckle makes a block, and every block would be heckled
		w.heckle(open[w.rng.IntN(len(open))])
	}
	w.listen()
}

// view is the ledger as a watcher sees it.
func (w *World) view() challenger.State {
	l := w.Chain.ledger
	s := challenger.State{Moment: l.Moment(), Posted: map[assay.Digest][]bool{}}
	for _, id := range w.Chain.open {
		s.Cases = append(s.Cases, w.caseOf(id))
	}
	s.Cases = append(s.Cases, l.Liable()...)
	s.Appeals = w.appealed(l.Running())
	post := func(job *assay.Job) {
		p, _ := l.Posted(job.Program)
		var have []bool
		for i := range board.Chunks(p.Size) {
			have = append(have, p.Have>>i&1 == 1)
		}
		s.Posted[job.Program] = have
	}
	for _, c := range s.Cases {
		if c.NeedsImage() {
			post(&c.Job)
		}
	}
	for _, a := range s.Appeals {
		if a.Appeal.NeedsImage() {
			post(&a.Case.Job)
		}
	}
	return s
}

func (w *World) appealed(list []*board.Appeal) []challenger.Appealed {
	var all []challenger.Appealed
	for _, a := range list {
		all = append(all, challenger.Appealed{Case: w.caseOf(a.Job), Appeal: a})
	}
	return all
}

// listen has watchers look again while settled results can be disputed: the
// chain may be silent, and what was lost on the way would stay lost.
func (w *World) listen() {
	if w.listening || len(w.Watchers) == 0 || !w.Chain.liable() && !w.Chain.appealed() {
		return
	}
	w.listening = true
	height := w.Chain.height
	w.after(min(60_000, max(3000, w.Setup.Liability/100)), func() {
		w.listening = false
		if w.Chain.ledger.Owes(w.now).Any() { // no validator is asleep either
			w.Chain.plan(w.now)
		}
		s := w.view()
		for _, x := range w.Watchers {
			x.look(s)
			if s.Moment.Height == height {
				x.link.hear(func() { x.hear(challenger.Passed{}) })
			}
		}
		w.listen()
	})
}

// watching reports whether somebody honest, whom the world kept from nothing,
// watched from some time on.
func (w *World) watching(since assay.Time, id assay.JobID) bool {
	return !w.hides(id) && slices.ContainsFunc(w.Watchers, func(x *Watcher) bool {
		return x.isHonest() && !x.disturbed && x.from <= since
	})
}

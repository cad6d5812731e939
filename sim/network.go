package sim

import (
	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
)

// link is how one party reaches the network.
type link struct {
	w    *World
	cut  assay.Time           // nothing passes before
	lost map[assay.Digest]int // how often the same was lost in a row
}

// hear carries news to the party, unless they get lost.
func (l *link) hear(fn func()) { l.send(assay.Digest{}, fn) }

// tell carries a transaction from the party to the chain, unless it gets lost.
func (l *link) tell(tx *assay.Tx) {
	l.send(canon.HashValue("assay/sim-content/1", tx.Messages), func() { l.w.Chain.receive(tx) })
}

// send carries something over a link, if it does not get lost. Losses are fair:
// nothing is lost three times in a row. Without such a bound, no clock is long
// enough, and nothing could be said of who kept it.
func (l *link) send(what assay.Digest, fn func()) {
	w, f := l.w, &l.w.Setup.Faults
	if w.now < l.cut {
		return
	}
	if !w.healed && l.lost[what] < 2 && w.rng.IntN(100) < f.Drop {
		if l.lost == nil {
			l.lost = map[assay.Digest]int{}
		}
		l.lost[what]++
		return
	}
	delete(l.lost, what)
	w.after(w.delay(), fn)
	if !w.healed && w.rng.IntN(100) < f.Duplicate {
		w.after(w.delay(), fn)
	}
}

func (w *World) delay() assay.Millis {
	return 1 + assay.Millis(w.rng.Int64N(int64(max(1, w.Setup.Faults.Delay))))
}

// misfortunes plans what befalls machines and chain.
func (w *World) misfortunes() {
	f := &w.Setup.Faults
	soon := func() assay.Time { return w.now.Add(assay.Millis(5000 + w.rng.IntN(120_000))) }
	if f.Partition {
		for range 1 + w.rng.IntN(2) {
			m := w.Machines[w.rng.IntN(len(w.Machines))]
			long := assay.Millis(1000 + w.rng.IntN(60_000))
			w.at(soon(), func() {
				if !w.healed {
					m.disturbed = true
					m.link.cut = w.now.Add(long)
					w.trace("%s is cut off for %d ms", m.name, long)
				}
			})
		}
	}
	if f.Crash {
		for _, m := range w.Machines {
			if m.player.IsHonest() && w.rng.IntN(2) == 0 {
				m.crashAt = assay.ExecutionState(1 + w.rng.IntN(4))
			}
		}
	}
	for range f.Dying {
		if m := w.Machines[w.rng.IntN(len(w.Machines))]; m.player.IsHonest() {
			m.dieAt = uint32(2 + w.rng.IntN(4))
		}
	}
	for _, x := range w.Watchers {
		if f.Tardy {
			x.from = w.now.Add(assay.Millis(w.rng.Int64N(int64(max(1, min(w.Setup.Liability/2, 300_000))))))
		}
		if f.Doze {
			for range 1 + w.rng.IntN(4) {
				w.at(soon(), x.crash)
			}
		}
		if f.Partition && w.rng.IntN(8) == 0 {
			long := assay.Millis(1000 + w.rng.IntN(60_000))
			w.at(soon(), func() {
				if !w.healed {
					x.disturbed = true
					x.link.cut = w.now.Add(long)
					w.trace("%s is cut off for %d ms", x.name, long)
				}
			})
		}
	}
	if f.Halt {
		long := assay.Millis(60_000 + w.rng.IntN(3_600_000))
		w.at(soon(), func() { w.Chain.halt(long) })
	}
}

// heal ends all faults that are not somebody's choice.
func (w *World) heal() {
	if w.healed {
		return
	}
	w.healed = true
	w.trace("the network heals")
	for _, m := range w.Machines {
		m.link.cut, m.crashAt = 0, 0
	}
	for _, v := range w.validators {
		v.link.cut = 0
	}
	for _, x := range w.Watchers {
		x.link.cut = 0
	}
}

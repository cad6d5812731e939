package ledger

import (
	"bytes"
	"encoding/binary"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
)

// minTick is how much time a free tick must advance while clocks run and
// nothing else is owed: validators tick each second, and their timers are not
// exact.
const minTick assay.Millis = 500

// Owed says why the ledger wants a block. While any of it holds, validators
// submit ticks: at once for Beacon and Due, each second for Clock.
type Owed struct {
	Beacon bool // a case waits for the beacon of a later block
	Due    bool // a deadline is due at the time asked about
	Clock  bool // some clock runs
}

// Any reports whether anything is owed.
func (o Owed) Any() bool { return o.Beacon || o.Due || o.Clock }

// Owes returns what the ledger owes if the next block is made at now.
func (l *Ledger) Owes(now assay.Time) Owed {
	last := l.meta.Moment
	clock := last.Clock.Add(min(max(0, assay.Millis(now-last.Time)), l.genesis.Params.ClockStep))
	first := func(table byte) (uint64, bool) {
		value, found := uint64(0), false
		l.store.Ascend([]byte{table}, []byte{table + 1}, func(k, _ []byte) bool {
			value, found = binary.BigEndian.Uint64(k[1:9]), true
			return false
		})
		return value, found
	}
	_, waiting := first(tabWaiting)
	due, running := first(tabClockDue)
	ends, liable := first(tabTimeDue)
	_, lowers := first(tabLower)
	return Owed{
		Beacon: waiting,
		Due:    running && due <= uint64(clock) || liable && ends <= uint64(max(0, now)) || lowers,
		Clock:  running,
	}
}

// answerWaiting gives the block's beacon to every case that asked for one in an
// earlier block. All of them are answered: a request that outlived the tree it
// was raised over could not be.
func (w *block) answerWaiting() {
	var ids []assay.JobID
	prefix := []byte{tabWaiting}
	w.l.store.Ascend(prefix, after(prefix), func(k, _ []byte) bool {
		ids = append(ids, assay.JobID(k[1:]))
		return true
	})
	for _, id := range ids {
		w.step(id, func(c *board.Case) error {
			c.Beacon(w.params, w.at, w.beacon, &drawing{w})
			return nil
		})
	}
}

// expireDue lets due deadlines act: clock values first, then times, each in
// order of value and id, and no more than MaxDue together. What is left over
// stays due and is first in the next block; nothing that arrives meanwhile is
// in time, because every message is judged by the clock and not by this list.
func (w *block) expireDue() {
	left := int(w.params.MaxDue)
	var jobs []assay.JobID
	w.l.store.Ascend([]byte{tabClockDue}, key(tabClockDue, be(uint64(w.at.Clock)+1)), func(k, _ []byte) bool {
		if left > 0 {
			jobs = append(jobs, assay.JobID(k[9:]))
			left--
		}
		return left > 0
	})
	for _, id := range jobs {
		if _, ok := w.appeal(id); ok {
			w.stepAppeal(id, func(c *board.Case, a *board.Appeal) error {
				if err := w.prepareAppeal(c, a); err != nil {
					return err
				}
				a.Expire(w.at)
				return nil
			})
			continue
		}
		w.step(id, func(c *board.Case) error {
			if err := w.prepareCase(c); err != nil {
				return err
			}
			c.Expire(w.params, w.at)
			return nil
		})
	}
	w.endLiabilities(left)
}

// endLiabilities unlocks stake whose horizon has passed.
func (w *block) endLiabilities(left int) {
	var keys, values [][]byte
	w.l.store.Ascend([]byte{tabTimeDue}, key(tabTimeDue, be(uint64(w.at.Time)+1)), func(k, v []byte) bool {
		if left > 0 {
			keys, values = append(keys, bytes.Clone(k)), append(values, v)
			left--
		}
		return left > 0
	})
	for i := range keys {
		job := assay.JobID(keys[i][9:])
		err := w.branch(func() error { return w.releaseAll(decode[[]liability](keys[i], values[i])) })
		if err != nil {
			w.out.Events = append(w.out.Events, Event{Kind: EventStalled, Job: job, Text: err.Error()})
		}
		w.expired = append(w.expired, keys[i])
	}
}

package ledger

import (
	"encoding/binary"
	"maps"
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/canon"
)

func (w *block) write(key, value []byte) { w.writes[string(key)] = value }
func (w *block) remove(key []byte)       { w.writes[string(key)] = nil }

// finish encodes what has changed, each key once, balances the books, and only
// then writes, in order of the keys: the shape of an authenticated tree depends
// on the order of its writes.
func (w *block) finish() error {
	w.finishCases()
	w.finishAppeals()
	w.finishPrograms()
	w.finishProofs()
	w.finishKeys()
	w.finishCeremonies()
	if err := w.moveListings(); err != nil {
		return err
	}
	w.finishProviders()
	w.finishAccounts()
	w.finishSettled()
	w.finishWindow()
	if err := w.meta.check(); err != nil {
		return err
	}
	w.write(MetaKey(), canon.Marshal(&w.meta))
	for _, k := range slices.Sorted(maps.Keys(w.writes)) {
		if v := w.writes[k]; v != nil {
			w.l.store.Set([]byte(k), v)
		} else {
			w.l.store.Delete([]byte(k))
		}
	}
	w.out.Keys = len(w.writes)
	w.l.meta = w.meta
	w.l.accounts.done()
	w.l.providers.done()
	w.l.cases.done()
	w.l.appeals.done()
	w.l.programs.done()
	w.l.keys.done()
	w.l.statements.done()
	w.l.ceremonies.done()
	return nil
}

// finishCases writes the cases and everything by which they are found.
func (w *block) finishCases() {
	for _, id := range w.l.cases.changed() {
		was, now := w.l.cases.first[id].value, w.l.cases.rows[id].value
		w.writeCase(was, now)
		escrow, bonds := lockedBy(was)
		w.meta.Escrows, w.meta.Bonds = w.meta.Escrows-escrow, w.meta.Bonds-bonds
		escrow, bonds = lockedBy(now)
		w.meta.Escrows, w.meta.Bonds = w.meta.Escrows+escrow, w.meta.Bonds+bonds
		w.listCase(was, now)
		w.out.Events = append(w.out.Events, caseEvents(was, now)...)
	}
	for _, id := range w.stalled {
		w.remove(waitingKey(id))
		if c, ok := w.l.cases.get(id); ok {
			w.remove(awaitKey(c.Job.Program, id)) // or its program would head the queue for ever
		}
		if a, ok := w.l.appeals.get(id); ok {
			if due, runs := a.Deadline(); runs {
				w.remove(clockKey(due, id))
			}
		} else if c, ok := w.l.cases.get(id); ok {
			if due, runs := deadlineOf(c); runs {
				w.remove(clockKey(due, id))
			}
		}
	}
}

// writeCase writes a case, and those of its draws that are new.
func (w *block) writeCase(was, now *board.Case) {
	known := 0
	if was != nil {
		known = len(was.Draws)
	}
	for i := known; i < len(now.Draws); i++ {
		w.write(drawKey(now.ID, i), canon.Marshal(&now.Draws[i]))
	}
	for i := range now.Disputes {
		if was != nil && i < len(was.Disputes) && !was.Disputes[i].Running() {
			continue // decided, and as it was
		}
		w.write(gameKey(now.ID, i), canon.Marshal(&now.Disputes[i]))
	}
	rest := *now
	rest.Draws, rest.Disputes, rest.Keys = nil, nil, bareKeys(now.Keys)
	w.write(CaseKey(now.ID), canon.Marshal(&rest))
}

// loadCase reads a case and its draws.
func (l *Ledger) loadCase(id assay.JobID) (*board.Case, bool) {
	c, ok := load[board.Case](l.store, CaseKey(id))
	if !ok {
		return nil, false
	}
	c.Draws, c.Disputes = nil, nil
	l.fillKeys(&c)
	games := key(tabGame, id[:])
	l.store.Ascend(games, after(games), func(_, v []byte) bool {
		c.Disputes = append(c.Disputes, decode[board.Dispute](games, v))
		return true
	})
	prefix := key(tabDraw, id[:])
	l.store.Ascend(prefix, after(prefix), func(_, v []byte) bool {
		c.Draws = append(c.Draws, decode[board.Draw](prefix, v))
		return true
	})
	return &c, true
}

// listCase moves a case within the lists of what is owed, by provider and by
// requester, and puts a settled one on record.
func (w *block) listCase(was, now *board.Case) {
	if was != nil && was.NeedsBeacon() && !now.NeedsBeacon() {
		w.remove(waitingKey(now.ID))
	} else if now.NeedsBeacon() && (was == nil || !was.NeedsBeacon()) {
		w.write(waitingKey(now.ID), mark)
	}
	w.listDeadline(was, now)
	w.listAuthors(now.ID, claimants(was), claimants(now))
	w.listAwait(now.ID, now.Job.Program, was != nil && was.NeedsImage(), now.NeedsImage())
	known := 0
	if was == nil {
		w.write(RequestKey(now.Job.Requester, now.ID), openMark)
	} else {
		known = len(was.Seats)
	}
	if was != nil && was.Settled() {
		return
	}
	if !now.Settled() {
		for _, s := range now.Seats[known:] {
			w.write(SeatKey(s.Provider, now.ID), mark)
		}
		return
	}
	for _, s := range now.Seats[:known] {
		w.remove(SeatKey(s.Provider, now.ID))
	}
	w.write(RequestKey(now.Job.Requester, now.ID), closedMark)
	digest := now.Record.Digest()
	w.write(RecordKey(now.ID), digest[:])
}

// listDeadline keeps one key for the earliest clock deadline of a case.
func (w *block) listDeadline(was, now *board.Case) {
	var old assay.Clock
	ran := false
	if was != nil {
		old, ran = deadlineOf(was)
	}
	due, runs := deadlineOf(now)
	w.moveDeadline(now.ID, old, ran, due, runs)
}

func (w *block) moveDeadline(job assay.JobID, old assay.Clock, ran bool, due assay.Clock, runs bool) {
	if ran == runs && old == due {
		return
	}
	if ran {
		w.remove(clockKey(old, job))
	}
	if runs {
		w.write(clockKey(due, job), mark)
	}
}

func deadlineOf(c *board.Case) (assay.Clock, bool) {
	if c.Settled() {
		return 0, false
	}
	return c.Deadline()
}

// finishProviders writes providers, and forgets those that have left with all
// they had. Their slots were assigned by moveListings.
func (w *block) finishProviders() {
	for _, k := range w.l.providers.changed() {
		was, now := w.l.providers.first[k], w.l.providers.rows[k]
		if was.ok {
			w.meta.Stakes -= was.value.Market.Stake
		}
		w.meta.Stakes += now.value.Market.Stake
		owner := now.value.Market.Offer.Owner
		if was.ok && was.value.Market.Offer.Owner != owner {
			w.remove(OwnedKey(was.value.Market.Offer.Owner, k))
		}
		if now.value.Market.Gone() {
			w.l.providers.drop(k)
			w.remove(OfferKey(k))
			w.remove(OwnedKey(owner, k))
			continue
		}
		w.write(OfferKey(k), canon.Marshal(now.value))
		if !was.ok || was.value.Market.Offer.Owner != owner {
			w.write(OwnedKey(owner, k), mark)
		}
	}
}

func (w *block) finishAccounts() {
	for _, k := range w.l.accounts.changed() {
		was, now := w.l.accounts.first[k], w.l.accounts.rows[k]
		w.meta.Balances = w.meta.Balances - was.value.Balance + now.value.Balance
		if now.ok {
			w.write(AccountKey(k), canon.Marshal(now.value))
		} else if was.ok {
			w.remove(AccountKey(k))
		}
	}
}

func (w *block) finishSettled() {
	for _, d := range w.works {
		w.write(WorkKey(d.work), d.job[:])
	}
	for _, k := range w.expired {
		w.remove(k)
	}
	for _, e := range w.ends {
		w.write(timeKey(e.at, e.job), canon.Marshal(e.list))
	}
}

func beUint(b []byte) uint64 { return binary.BigEndian.Uint64(b) }

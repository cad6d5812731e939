package ledger

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
)

// Outcome is what a block has done.
type Outcome struct {
	Results []TxResult // one for each transaction, in order
	Events  []Event
	Keys    int // written or deleted
}

// TxResult is what became of one transaction.
type TxResult struct {
	ID     assay.Digest // zero when its bytes do not decode
	Code   assay.Code   // empty: applied
	Detail string
	Gas    uint64
	Fee    assay.Amount // charged, also when refused
}

// block is the work on one block: the moment, the tables of the ledger, and
// what happened so far. Nothing reaches the store before finish.
type block struct {
	l       *Ledger
	params  *assay.Params
	at      assay.Moment
	beacon  assay.Beacon
	meta    Meta
	touched []assay.JobID // cases and appeals to advance; with repetitions
	ends    []ending      // liabilities that began in this block
	works   []done        // computations first settled in this block
	chunks  []chunk       // posted in this block
	proofs  []witness     // likewise
	parts   []part        // of evidence, likewise
	images  []made        // in this block
	// contributed to ceremonies in this block, on their way to the store
	contributed []contributed
	left        []assay.Digest // programs that some dispute waits for no more
	joined      []assay.Digest // programs that some dispute has begun to wait for
	share       assay.Amount   // of the fee of the transaction under way, for each of its messages
	gas         uint64
	tickDue     bool
	ticked      []assay.Key       // validators whose free tick is used up
	ids         []assay.Digest    // of the transactions that cannot come again
	expired     [][]byte          // liabilities that have ended
	writes      map[string][]byte // nil: delete
	stalled     []assay.JobID     // cases whose step failed
	out         Outcome
}

// ending is one liability on its way to the store.
type ending struct {
	job  assay.JobID
	at   assay.Time
	list []liability
}

// done is one computation that a job has settled as accepted.
type done struct {
	work assay.Digest
	job  assay.JobID
}

// chunk is a part of a program on its way to the store.
type chunk struct {
	program assay.Digest
	number  uint32
	bytes   []byte
}

// witness is the witness of a proof on its way to the store.
type witness struct {
	job     assay.JobID
	dispute int
	number  int
	bytes   []byte
}

// made is a program's image on its way to the store.
type made struct {
	program assay.Digest
	bytes   []byte
}

// Apply changes the state by one block. In order: the beacon goes to the cases
// that wait for one, due deadlines act, transactions apply, and cases that were
// touched advance and settle.
//
// An error means that the block itself is impossible or that the books do not
// balance: a bug, or a consensus failure. The store is then as it was before.
func (l *Ledger) Apply(b assay.Block) (Outcome, error) {
	w, err := l.begin(b)
	if err != nil {
		return Outcome{}, err
	}
	w.answerWaiting()
	w.expireDue()
	w.lower()
	for _, tx := range b.Txs {
		w.out.Results = append(w.out.Results, w.transact(tx))
	}
	w.advanceTouched()
	w.payValidators()
	if err := w.finish(); err != nil {
		l.Reload()
		return Outcome{}, err
	}
	if l.options.Scan {
		if err := l.scan(); err != nil {
			return Outcome{}, err
		}
	}
	return w.out, nil
}

// begin checks the block's place and moves time and clock. The clock gains at
// most Params.ClockStep a block, so that a chain that slept or halted has closed
// no window on anyone.
func (l *Ledger) begin(b assay.Block) (*block, error) {
	last := l.meta.Moment
	if b.Height <= last.Height || b.Time < last.Time {
		return nil, fmt.Errorf("ledger: block %d at %s does not follow block %d at %s", b.Height, b.Time, last.Height, last.Time)
	}
	owed := l.Owes(b.Time)
	gained := min(assay.Millis(b.Time-last.Time), l.genesis.Params.ClockStep)
	w := &block{
		l: l, params: &l.genesis.Params, meta: l.meta, beacon: b.Beacon,
		writes:  map[string][]byte{},
		at:      assay.Moment{Height: b.Height, Time: b.Time, Clock: last.Clock.Add(gained)},
		gas:     l.gasOfLowering(),
		tickDue: owed.Beacon || owed.Due || owed.Clock && b.Time >= last.Time.Add(minTick),
	}
	w.meta.Moment = w.at
	l.listings()
	l.seen()
	return w, nil
}

// branch runs one step so that it happens as a whole or not at all. A panic in
// it is a bug of ours that somebody has found: it must cost that somebody's
// fee, not the network.
func (w *block) branch(step func() error) (err error) {
	meta, touched, ends, works := w.meta, len(w.touched), len(w.ends), len(w.works)
	chunks, proofs, parts := len(w.chunks), len(w.proofs), len(w.parts)
	contributed := len(w.contributed)
	defer func() {
		if r := recover(); r != nil {
			err = assay.Refuse(assay.CodeInternal, "panic: %v", r)
		}
		if err == nil {
			w.l.accounts.keep()
			w.l.providers.keep()
			w.l.cases.keep()
			w.l.appeals.keep()
			w.l.programs.keep()
			w.l.keys.keep()
			w.l.statements.keep()
			w.l.ceremonies.keep()
			return
		}
		w.l.accounts.back()
		w.l.providers.back()
		w.l.cases.back()
		w.l.appeals.back()
		w.l.programs.back()
		w.l.keys.back()
		w.l.statements.back()
		w.l.ceremonies.back()
		w.chunks, w.proofs, w.parts = w.chunks[:chunks], w.proofs[:proofs], w.parts[:parts]
		w.contributed = w.contributed[:contributed]
		w.meta, w.touched, w.ends, w.works = meta, w.touched[:touched], w.ends[:ends], w.works[:works]
	}()
	return step()
}

// credit pays into a balance.
func (w *block) credit(k assay.Key, a assay.Amount) error {
	acc, _ := w.l.accounts.get(k)
	sum, err := acc.Balance.Add(a)
	if err != nil {
		return err
	}
	acc.Balance = sum
	w.l.accounts.set(k, acc)
	return nil
}

// debit takes out of a balance. An account that is spent to nothing leaves the
// state.
func (w *block) debit(k assay.Key, a assay.Amount, what string) error {
	acc, _ := w.l.accounts.get(k)
	if acc.Balance < a {
		return assay.Refuse(CodeBalance, "%s has %s; %s costs %s", k.Short(), acc.Balance, what, a)
	}
	if acc.Balance -= a; acc.Balance == 0 {
		w.l.accounts.drop(k)
	} else {
		w.l.accounts.set(k, acc)
	}
	return nil
}

// edit returns a case that the caller may modify within its branch, and marks
// it to be advanced.
func (w *block) edit(id assay.JobID) (*board.Case, error) {
	c, ok := w.l.cases.get(id)
	if !ok {
		return nil, assay.Refuse(CodeUnknownJob, "%s", id.Short())
	}
	c = copyCase(c)
	w.l.cases.set(id, c)
	w.touched = append(w.touched, id)
	return c, nil
}

// copyCase copies what the methods of a case modify. Draws, once made, and the
// job are never modified, so copies share them.
func copyCase(c *board.Case) *board.Case {
	d := *c
	d.Draws = slices.Clone(c.Draws)
	d.Seats = slices.Clone(c.Seats)
	d.Checks = slices.Clone(c.Checks)
	d.Choices = slices.Clone(c.Choices)
	d.Attests = slices.Clone(c.Attests)
	d.Inputs = slices.Clone(c.Inputs)
	d.Disputes = c.CopyDisputes()
	d.Checkpoints = slices.Clone(c.Checkpoints)
	d.Resumes = slices.Clone(c.Resumes)
	d.Unmet = slices.Clone(c.Unmet)
	d.Shown = slices.Clone(c.Shown)
	d.Request = copyOf(c.Request)
	d.Challenge = copyOf(c.Challenge)
	d.Verdict = copyOf(c.Verdict)
	d.Record = copyOf(c.Record)
	return &d
}

func copyOf[V any](p *V) *V {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

// advanceTouched lets every case that something happened to move on, in order
// of job id.
func (w *block) advanceTouched() {
	slices.SortFunc(w.touched, func(a, b assay.JobID) int { return bytes.Compare(a[:], b[:]) })
	for _, id := range slices.Compact(slices.Clone(w.touched)) {
		if _, ok := w.appeal(id); ok {
			w.advanceAppeal(id)
			continue
		}
		w.step(id, func(c *board.Case) error {
			c.Advance(w.params, w.l.genesis, w.at)
			if c.NeedsImage() {
				if err := w.prepareCase(c); err != nil {
					return err
				}
				c.Advance(w.params, w.l.genesis, w.at)
			}
			if c.Settled() && !w.settledBefore(id) {
				return w.pay(c, c.Record)
			}
			return nil
		})
	}
}

// settledBefore reports whether the case had its record when the block began.
func (w *block) settledBefore(id assay.JobID) bool {
	r := w.l.cases.first[id]
	return r.ok && r.value.Settled()
}

// step runs one step of a case outside any transaction. Should it panic or not
// add up, the case stays as it was and leaves the lists of what is owed until a
// message touches it again: one broken case must not stop the others.
func (w *block) step(id assay.JobID, fn func(*board.Case) error) {
	err := w.branch(func() error {
		c, err := w.edit(id)
		if err != nil {
			return err
		}
		if w.l.options.step != nil {
			w.l.options.step(id)
		}
		w.killKeys(c)
		seats := len(c.Seats)
		if err := fn(c); err != nil {
			return err
		}
		w.nameMarket(c)
		return w.lockSeats(c, seats)
	})
	if err != nil {
		w.stall(id, err)
	}
}

// stall takes the case off the lists of what is owed, in finish.
func (w *block) stall(id assay.JobID, err error) {
	w.out.Events = append(w.out.Events, Event{Kind: EventStalled, Job: id, Text: err.Error()})
	w.stalled = append(w.stalled, id)
}

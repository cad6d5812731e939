package sim

import (
	"encoding/binary"
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/ledger"
)

// Chain pretends consensus: it collects transactions, makes blocks when there
// are some or the ledger owes something, and makes no others. Its beacon is a
// chain of hashes from the seed.
type Chain struct {
	w      *World
	store  *ledger.MemStore
	ledger *ledger.Ledger
	pool   []*assay.Tx
	height uint64
	beacon assay.Digest
	log    []assay.Block
	roots  map[uint64]assay.Digest // of some heights, for replicas
	halted assay.Time
	next   assay.Time // when a block is planned; zero: none is
	open   []assay.JobID
	closed []assay.JobID // settled, in that order
	fees   []paid        // who paid which transaction fees
	Codes  map[assay.Code]int
}

type paid struct {
	who    assay.Key
	amount assay.Amount
}

func newChain(w *World) *Chain {
	c := &Chain{w: w, store: ledger.NewMemStore(), roots: map[uint64]assay.Digest{}, Codes: map[assay.Code]int{}}
	c.beacon = canon.Hash("assay/sim-beacon/1", binary.LittleEndian.AppendUint64(nil, w.Setup.Seed))
	if err := ledger.Init(c.store, w.Genesis); err != nil {
		panic(err)
	}
	c.ledger = c.reopen(c.store)
	return c
}

// reopen starts a ledger over a store. Its own scan of the books costs more than
// all the rest, so most seeds leave conservation to the checker.
func (c *Chain) reopen(s ledger.Store) *ledger.Ledger {
	l, err := ledger.Open(s, c.w.Genesis, ledger.Options{Unsigned: !c.w.Setup.Signed, Scan: c.w.scan})
	if err != nil {
		panic(err)
	}
	return l
}

// receive is what a node does with a transaction from the wire.
func (c *Chain) receive(tx *assay.Tx) {
	if err := c.ledger.Check(tx.Bytes()); err != nil {
		c.Codes[assay.CodeOf(err)]++
		return
	}
	c.pool = append(c.pool, tx)
	c.plan(c.w.now.Add(blockDelay))
}

// blockDelay is from a transaction to its block.
const blockDelay assay.Millis = 50

// mostBlocks is far more than any run needs.
const mostBlocks = 12_000

// plan makes sure that a block is tried by t.
func (c *Chain) plan(t assay.Time) {
	t = max(t, c.halted)
	if c.next != 0 && c.next <= t {
		return
	}
	c.next = t
	c.w.at(t, func() {
		if c.next == t {
			c.next = 0
			c.try()
		}
	})
}

// halt stops the chain.
func (c *Chain) halt(long assay.Millis) {
	if !c.w.healed {
		c.halted, c.next = c.w.now.Add(long), 0
		c.w.trace("the chain halts for %d ms", long)
		c.plan(c.halted)
	}
}

// try makes a block if there is a reason to.
func (c *Chain) try() {
	if c.height > mostBlocks {
		c.w.breach("endings", assay.JobID{}, "more than %d blocks: the ledger owes something for ever", mostBlocks)
		c.w.stop = true
		return
	}
	now := c.w.now
	txs := make([][]byte, 0, len(c.pool)+1)
	byBytes := map[*byte]*assay.Tx{}
	add := func(tx *assay.Tx) {
		b := tx.Bytes()
		byBytes[&b[0]] = tx
		txs = append(txs, b)
	}
	for _, tx := range c.pool {
		add(tx)
	}
	if c.ledger.Owes(now).Any() {
		v := c.w.validators[int(c.height)%len(c.w.validators)]
		add(c.w.sign(v.private, &assay.Tick{}))
	}
	c.pool = nil
	c.height++
	txs = c.ledger.Select(txs, c.height, now, 4<<20)
	if len(txs) > 0 {
		var list []*assay.Tx
		for _, b := range txs {
			list = append(list, byBytes[&b[0]])
		}
		c.apply(now, txs, list)
	}
	c.tick()
}

// apply makes the block and tells everybody.
func (c *Chain) apply(now assay.Time, txs [][]byte, list []*assay.Tx) {
	w := c.w
	c.beacon = canon.Hash("assay/sim-beacon/1", c.beacon[:], binary.LittleEndian.AppendUint64(nil, c.height))
	b := assay.Block{Height: c.height, Time: now, Beacon: assay.Beacon{Value: c.beacon}, Txs: txs}
	out, err := c.ledger.Apply(b)
	if err != nil {
		w.breach("ledger", assay.JobID{}, "block %d: %v", b.Height, err)
		return
	}
	c.log = append(c.log, b)
	for i, r := range out.Results {
		c.Codes[r.Code]++
		c.fees = append(c.fees, paid{list[i].Signer, r.Fee})
		if r.Code == assay.CodeInternal {
			w.breach("ledger", assay.JobID{}, "transaction panicked: %s", r.Detail)
		}
	}
	for _, e := range out.Events {
		w.trace("block %d  %s %s seat %d %s %s", b.Height, e.Kind, e.Job.Short(), e.Seat, e.Phase, e.Text)
		switch e.Kind {
		case ledger.EventSubmitted:
			c.open = append(c.open, e.Job)
		case ledger.EventStalled:
			w.breach("ledger", e.Job, "stalled: %s", e.Text)
		}
	}
	if w.restarts.IntN(100) < w.Setup.Faults.Restart {
		c.restart()
	}
	if b.Height%61 == 0 {
		c.roots[b.Height] = c.store.Hash()
	}
	for _, k := range w.checkers {
		k.Block(w)
	}
	c.settle()
	w.notify(len(out.Events) > 0 || slices.ContainsFunc(out.Results, func(r ledger.TxResult) bool { return r.Fee > 0 }))
}

// settle tells the checkers of cases that have ended.
func (c *Chain) settle() {
	c.open = slices.DeleteFunc(c.open, func(id assay.JobID) bool {
		k := c.w.caseOf(id)
		if k == nil || k.Record == nil {
			return false
		}
		c.closed = append(c.closed, id)
		for _, x := range c.w.checkers {
			x.Settled(c.w, k)
		}
		return true
	})
}

func (c *Chain) settled() bool { return len(c.open) == 0 && len(c.pool) == 0 }

// liable reports whether a settled result can be disputed yet.
func (c *Chain) liable() bool { return len(c.ledger.Liable()) > 0 }

// appealed reports whether one is.
func (c *Chain) appealed() bool { return len(c.ledger.Running()) > 0 }

// restart continues from serialised state: every key and value is copied, in
// another order, into a store that was never written by this process.
func (c *Chain) restart() {
	var pairs [][2][]byte
	c.store.Ascend(nil, nil, func(k, v []byte) bool {
		pairs = append(pairs, [2][]byte{slices.Clone(k), slices.Clone(v)})
		return true
	})
	fresh := ledger.NewMemStore()
	for _, i := range c.w.restarts.Perm(len(pairs)) {
		fresh.Set(pairs[i][0], pairs[i][1])
	}
	c.store = fresh
	c.ledger = c.reopen(fresh)
}

// tick plans the next block if one is owed: at once for a beacon or a due
// deadline, each second while a clock runs.
func (c *Chain) tick() {
	owed := c.ledger.Owes(c.w.now)
	var late assay.Millis
	if c.w.Setup.Faults.LateTicks && !c.w.healed && owed.Any() {
		late = assay.Millis(c.w.rng.IntN(4000))
	}
	switch {
	case owed.Beacon || owed.Due:
		c.plan(c.w.now.Add(blockDelay + late))
	case owed.Clock:
		c.plan(c.ledger.Moment().Time.Add(1000 + late))
	}
}

// settleDown lets liabilities end, once all cases have.
func (c *Chain) settleDown() {
	if !c.settled() {
		return
	}
	c.w.now = c.w.now.Add(c.w.Setup.Liability + 1000)
	c.halted = 0
	for range 4 {
		if !c.ledger.Owes(c.w.now).Due {
			return
		}
		c.try()
		c.w.now = c.w.now.Add(1000)
	}
}

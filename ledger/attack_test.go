package ledger_test

import (
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/ledger"
)

// TestPanicCostsItsFee plants a panic in one message among others: it costs the
// fee of its transaction, undoes all of it, and stops nothing.
func TestPanicCostsItsFee(t *testing.T) {
	w := newWorld(t, testParams(), 1, "alice", "bob")
	w.options = ledger.WithHook(w.options, func(m assay.Message) {
		if x, ok := m.(*assay.Transfer); ok && x.Amount == 666 {
			panic("planted")
		}
	})
	w.open(t)
	bob := w.ledger.Account(w.key("bob")).Balance
	out := w.apply(
		t, 1000,
		w.tx("alice", &assay.Transfer{To: w.key("bob"), Amount: 1}),
		w.tx("alice", &assay.Transfer{To: w.key("bob"), Amount: 10}, &assay.Transfer{To: w.key("bob"), Amount: 666}),
		w.tx("alice", &assay.Transfer{To: w.key("bob"), Amount: 100}),
	)
	codes := []assay.Code{"", assay.CodeInternal, ""}
	for i, r := range out.Results {
		if r.Code != codes[i] || r.Fee == 0 {
			t.Errorf("transaction %d: %q %s, fee %s; want %q and a fee", i, r.Code, r.Detail, r.Fee, codes[i])
		}
	}
	if got := w.ledger.Account(w.key("bob")).Balance; got != bob+101 {
		t.Errorf("bob has %s more, want 101", got-bob)
	}
	w.mustApply(t, 1000, w.tx("alice", &assay.Transfer{To: w.key("bob"), Amount: 1}))
}

// TestPanicUndoesCase plants a panic behind a commitment in one transaction:
// the case and the bond are as before.
func TestPanicUndoesCase(t *testing.T) {
	w := newWorld(t, testParams(), 1, "alice", "p1", "p2")
	w.options = ledger.WithHook(w.options, func(m assay.Message) {
		if _, ok := m.(*assay.Transfer); ok {
			panic("planted")
		}
	})
	w.open(t)
	w.listProviders(t, 2, 100, 100_000, 2)
	w.mustApply(t, 1000, w.tx("alice", w.job("j1", "alice", "quorum(2)", 150, 600_000)))
	w.mustApply(t, 1000, w.tx("v1", &assay.Tick{}))
	c, _ := w.ledger.Case(jobID(w, "j1"))
	before := string(canon.Marshal(c))
	seat := &c.Seats[0]
	out := w.apply(t, 100, w.tx(w.name(seat.Provider), w.commit(c, seat, "right"), &assay.Transfer{To: w.key("alice"), Amount: 1}))
	if out.Results[0].Code != assay.CodeInternal {
		t.Fatalf("code %q", out.Results[0].Code)
	}
	c, _ = w.ledger.Case(jobID(w, "j1"))
	if string(canon.Marshal(c)) != before {
		t.Error("the case has changed")
	}
	w.settle(t)
}

// TestBrokenCaseStopsNobody plants a panic in a case's deadline: the case keeps
// its money and leaves the lists, the one beside it settles, the books balance.
func TestBrokenCaseStopsNobody(t *testing.T) {
	w := newWorld(t, testParams(), 1, "alice", "p1", "p2")
	w.listProviders(t, 2, 100, 100_000, 4)
	w.mustApply(t, 1000,
		w.tx("alice", w.job("bad", "alice", "quorum(2)", 150, 60_000)),
		w.tx("alice", w.job("good", "alice", "quorum(2)", 150, 60_000)))
	w.mustApply(t, 1000, w.tx("v1", &assay.Tick{}))
	bad, good := jobID(w, "bad"), jobID(w, "good")
	w.options = ledger.WithStep(w.options, func(id assay.JobID) {
		if id == bad {
			panic("planted")
		}
	})
	w.open(t)
	stalled := 0
	for range 20 {
		if !w.ledger.Owes(w.now).Any() {
			break
		}
		for _, e := range w.apply(t, 5000, w.tx("v1", &assay.Tick{})).Events {
			if e.Kind == ledger.EventStalled {
				stalled++
			}
		}
	}
	if c, _ := w.ledger.Case(good); !c.Settled() {
		t.Error("the good case has not settled")
	}
	if c, _ := w.ledger.Case(bad); c.Settled() || stalled != 1 {
		t.Errorf("the bad case settled %t, stalled %d times", c.Settled(), stalled)
	}
	if w.ledger.Owes(w.now.Add(1 << 30)).Any() {
		t.Error("a stalled case keeps the chain busy")
	}
	if locks := w.ledger.Explain(w.key("alice")); len(locks) != 1 || locks[0].Job != bad {
		t.Errorf("locks %v", locks)
	}
}

// TestWideDrawsCost: what a submission makes others do, it pays for.
func TestWideDrawsCost(t *testing.T) {
	w := newWorld(t, testParams(), 1, "alice")
	gas := func(policy string) uint64 {
		return ledger.Gas(w.tx("alice", w.job(policy, "alice", policy, 150, 60_000)))
	}
	if one, many := gas("quorum(1)"), gas("quorum(64)"); many < 15*one {
		t.Errorf("64 seats cost %d gas, one %d", many, one)
	}
}

// TestUnauthenticated: what nobody stands behind costs nobody, does not apply,
// and Check and Select keep it out of blocks.
func TestUnauthenticated(t *testing.T) {
	w := newWorld(t, testParams(), 1, "alice", "bob")
	w.signed, w.options.Unsigned = true, false
	w.open(t)
	pay := &assay.Transfer{To: w.key("bob"), Amount: 5}
	forged := assay.SignTx(w.ledger.Network(), w.private("alice"), 1, 10, pay)
	forged.Signature[3] ^= 1
	stolen := assay.SignTx(w.ledger.Network(), w.private("bob"), 1, 10, pay)
	stolen.Signer = w.key("alice")
	foreign := assay.SignTx(assay.NetworkID{1}, w.private("alice"), 1, 10, pay)
	version := assay.SignTx(w.ledger.Network(), w.private("alice"), 1, 10, pay)
	version.Version = 2
	empty := &assay.Tx{Version: 1, Network: w.ledger.Network(), Signer: w.key("alice"), Expiry: 10}
	empty.Signature = ed25519.Sign(w.private("alice"), []byte("x"))
	txs := map[assay.Code][]byte{
		assay.CodeTxSignature: forged.Bytes(), assay.CodeTxNetwork: foreign.Bytes(),
		assay.CodeTxVersion: version.Bytes(), assay.CodeTxMessages: empty.Bytes(), assay.CodeTxBytes: []byte("{}"),
	}
	before := w.ledger.Account(w.key("alice"))
	for code, tx := range txs {
		if err := w.ledger.Check(tx); assay.CodeOf(err) != code {
			t.Errorf("check: %v, want %s", err, code)
		}
		if got := w.ledger.Select([][]byte{tx}, w.height+1, w.now, 1<<20); len(got) != 0 {
			t.Errorf("select keeps %s", code)
		}
		out := w.apply(t, 1000, tx, stolen.Bytes())
		if r := out.Results[0]; r.Code != code || r.Fee != 0 {
			t.Errorf("apply: %s fee %s, want %s and none", r.Code, r.Fee, code)
		}
		if r := out.Results[1]; r.Code != assay.CodeTxSignature || r.Fee != 0 {
			t.Errorf("apply of a stolen signer: %s fee %s", r.Code, r.Fee)
		}
	}
	if after := w.ledger.Account(w.key("alice")); after != before {
		t.Errorf("alice had %s, has %s", before.Balance, after.Balance)
	}
}

// TestMessageOfUnknownKind: decoding fails after the signature, so it costs.
func TestMessageOfUnknownKind(t *testing.T) {
	w := newWorld(t, testParams(), 1, "alice")
	for code, e := range map[assay.Code]assay.Envelope{
		assay.CodeMessageKind:  {Kind: 99, Body: []byte{0x80}},
		assay.CodeMessageBytes: {Kind: assay.KindTransfer, Body: []byte{0xff}},
		assay.CodeMessageSize:  {Kind: assay.KindTick, Body: make([]byte, 100)},
	} {
		tx := &assay.Tx{Version: 1, Network: w.ledger.Network(), Signer: w.key("alice"), Expiry: w.height + 9, Messages: []assay.Envelope{e}}
		if err := w.ledger.Check(tx.Bytes()); assay.CodeOf(err) != code {
			t.Errorf("check: %v, want %s", err, code)
		}
		if r := w.apply(t, 1000, tx.Bytes()).Results[0]; r.Code != code || r.Fee == 0 {
			t.Errorf("%s fee %s, want %s and a fee", r.Code, r.Fee, code)
		}
	}
}

// TestSelectFitsApply: whatever Select lets into a block is charged there.
func TestSelectFitsApply(t *testing.T) {
	p := testParams()
	p.BlockGas = 100_000
	w := newWorld(t, p, 2, "alice")
	var pool [][]byte
	for range 20 {
		pool = append(pool, w.tx("alice", &assay.Transfer{To: w.key("bob"), Amount: 5}))
	}
	pool = append(pool, pool[0], w.tx("poor", &assay.Transfer{To: w.key("bob"), Amount: 5}), w.tx("v1", &assay.Tick{}))
	chosen := w.ledger.Select(pool, w.height+1, w.now.Add(1000), 1<<20)
	if len(chosen) != 6 { // 15,000 gas each
		t.Errorf("chose %d of %d", len(chosen), len(pool))
	}
	if n := len(w.ledger.Select(pool, w.height+1, w.now.Add(1000), int64(2*len(pool[0])))); n != 2 {
		t.Errorf("chose %d for the bytes of two", n)
	}
	w.mustApply(t, 1000, chosen...)
	if w.ledger.Select(pool, w.height, w.now, 1<<20) != nil {
		t.Error("chose for a height that has passed")
	}
}

// TestVerifiedCacheChangesNothing applies one chain to a ledger that checked
// every transaction before and to one that did not.
func TestVerifiedCacheChangesNothing(t *testing.T) {
	w := newWorld(t, testParams(), 1, "alice")
	w.signed, w.options.Unsigned = true, false
	w.open(t)
	for range 5 {
		tx := w.tx("alice", &assay.Transfer{To: w.key("bob"), Amount: 5})
		if err := w.ledger.Check(tx); err != nil {
			t.Fatal(err)
		}
		bad := append([]byte(nil), tx...)
		bad[len(bad)-1] ^= 1 // same id, another signature
		w.apply(t, 1000, bad, tx)
	}
	if got := replay(t, w); got != w.store.Hash() {
		t.Error("a ledger without the cache ends elsewhere")
	}
	if got := w.ledger.Account(w.key("bob")).Balance; got != 25 {
		t.Errorf("bob has %s, want 25", got)
	}
}

// TestBrokenBlockIsAnError: a block that does not follow is nobody's fault but
// ours, and leaves the state alone.
func TestBrokenBlockIsAnError(t *testing.T) {
	w := newWorld(t, testParams(), 1, "alice")
	w.mustApply(t, 1000, w.tx("alice", &assay.Transfer{To: w.key("bob"), Amount: 5}))
	before := w.store.Hash()
	for _, b := range []assay.Block{{Height: 1, Time: w.now}, {Height: 2, Time: w.now - 1}} {
		if _, err := w.ledger.Apply(b); err == nil {
			t.Errorf("block %d at %d passes", b.Height, b.Time)
		}
	}
	if w.store.Hash() != before {
		t.Error("the state has changed")
	}
	w.mustApply(t, 1000, w.tx("alice", &assay.Transfer{To: w.key("bob"), Amount: 5}))
}

// TestWindowForgets: a transaction cannot come again while it could, and the
// window keeps no more than its length.
func TestWindowForgets(t *testing.T) {
	p := testParams()
	p.TxWindow = 10
	w := newWorld(t, p, 1, "alice")
	w.restart = true
	tx := w.txAt("alice", 1, 8, &assay.Transfer{To: w.key("bob"), Amount: 5})
	w.mustApply(t, 1000, tx)
	for range 40 {
		r := w.apply(t, 1000, tx, w.txAt("alice", 100+w.height, w.height+3, &assay.Transfer{To: w.key("bob"), Amount: 5})).Results
		if want := assay.CodeTxDuplicate; w.height <= 8 && r[0].Code != want || w.height > 8 && r[0].Code != assay.CodeTxExpired {
			t.Fatalf("height %d: %q", w.height, r[0].Code)
		}
		if r[1].Code != "" {
			t.Fatalf("height %d: %s", w.height, r[1].Code)
		}
	}
	entries := 0
	w.store.Ascend([]byte("t"), []byte("u"), func(_, _ []byte) bool { entries++; return true })
	if entries > 11 {
		t.Errorf("%d blocks in a window of 10", entries)
	}
}

// TestSleepOnShortClocks lets a machine sleep for an hour inside windows of
// three seconds: the first block after it must not close one.
func TestSleepOnShortClocks(t *testing.T) {
	p := assay.LocalParams()
	p.MinStake = 1000
	w := newWorld(t, p, 1, "alice", "p1", "p2", "p3")
	w.listProviders(t, 3, 100, 100_000, 2)
	w.mustApply(t, 1000, w.tx("alice", w.job("j1", "alice", "quorum(3)", 150, 24*3600*1000)))
	w.mustApply(t, 1000, w.tx("v1", &assay.Tick{}))
	for range 4 { // commit, tag, open, attest: each after an hour's sleep
		c, _ := w.ledger.Case(jobID(w, "j1"))
		w.mustApply(t, 3600*1000, w.next(c, "right")...)
	}
	if c, _ := w.ledger.Case(jobID(w, "j1")); !c.Settled() || c.Record.Settlement.Burned != 0 {
		t.Errorf("the case is %s", c.Phase)
	}
}

// TestHaltClosesNoWindow halts the chain for a day inside the tag window of a
// network with public clocks: the clock gains five seconds, and the tags stand.
func TestHaltClosesNoWindow(t *testing.T) {
	p := assay.DefaultParams()
	p.MinStake = 1000
	w := newWorld(t, p, 1, "alice", "p1", "p2", "p3")
	w.listProviders(t, 3, 100, 100_000, 2)
	w.mustApply(t, 1000, w.tx("alice", w.job("j1", "alice", "quorum(3)", 150, 600_000)))
	w.mustApply(t, 1000, w.tx("v1", &assay.Tick{}))
	c, _ := w.ledger.Case(jobID(w, "j1"))
	w.mustApply(t, 1000, w.next(c, "right")...)
	before := w.ledger.Moment().Clock
	c, _ = w.ledger.Case(c.ID)
	w.mustApply(t, 24*3600*1000, w.next(c, "right")...)
	if got := w.ledger.Moment().Clock - before; got != 5000 {
		t.Errorf("the clock gained %d ms, want 5000", got)
	}
	c, _ = w.ledger.Case(c.ID)
	if c.Phase != board.Opening {
		t.Errorf("the case is %s", c.Phase)
	}
	w.settle(t)
}

// TestManyDeadlines lets ten thousand deadlines fall due in one second: each block
// takes MaxDue of them and stays a block's work. Package sim has a hundred thousand.
func TestManyDeadlines(t *testing.T) {
	jobs := 10_000
	if testing.Short() {
		jobs = 3_000
	}
	p := testParams()
	p.BlockGas, p.FeePerByte, p.FeePerGas, p.StakeTimes, p.MaxDue = 1<<40, 0, 0, 0, 1000
	w := newWorld(t, p, 1, "alice", "p1", "p2", "p3")
	w.options.Scan = false
	w.open(t)
	w.listProviders(t, 3, 100, 100_000_000, 65_000)
	var txs [][]byte
	for i := range jobs {
		j := assay.Job{Version: 1, Runtime: assay.RuntimeWasm, Program: assay.Digest{1}, Limits: testLimits, Policy: "quorum(1)", MaxPrice: 150, Deadline: w.now.Add(60_000), Requester: w.key("alice"), Nonce: uint64(i)}
		if txs = append(txs, w.tx("alice", &assay.Submit{Job: j})); len(txs) == 10_000 || i == jobs-1 {
			w.mustApply(t, 0, txs...)
			txs = nil
		}
	}
	w.mustApply(t, 0, w.tx("v1", &assay.Tick{}))
	// Past the job deadline, which is a time, no draw follows a late seat; the
	// clock has gained five seconds and none is late yet.
	w.apply(t, 60_000, w.tx("v1", &assay.Tick{}))
	for !w.ledger.Owes(w.now).Due {
		w.apply(t, 4000, w.tx("v1", &assay.Tick{}))
	}
	blocks := 0
	for ; w.ledger.Owes(w.now).Due; blocks++ {
		late := 0
		for _, e := range w.apply(t, 0, w.tx("v1", &assay.Tick{})).Events {
			if e.Kind == ledger.EventSeat && e.Text == "late" {
				late++
			}
		}
		if late > 1000 {
			t.Fatalf("%d deadlines in one block", late)
		}
	}
	if min := jobs/1000 - 4; blocks < min {
		t.Errorf("%d deadlines took %d blocks, want at least %d", jobs, blocks, min)
	}
	if w.ledger.Owes(w.now.Add(1 << 40)).Any() {
		t.Error("something is still owed")
	}
	if open := w.ledger.Cases(ledger.Filter{Open: true, Limit: 1}); len(open) != 0 {
		t.Error("a case is still open")
	}
}

// TestSnipedOffer: an offer posted in the block of a job is not in the tree
// that draws for it, however much stake it brings.
func TestSnipedOffer(t *testing.T) {
	w := newWorld(t, testParams(), 1, "alice", "p1", "whale")
	w.listProviders(t, 1, 100, 10_000, 2)
	w.mustApply(t, 1000,
		w.tx("whale", w.offer("whale", 100, 2), &assay.Stake{Provider: w.key("whale"), Amount: 900_000_000}),
		w.tx("alice", w.job("j1", "alice", "quorum(1)", 150, 600_000)))
	w.mustApply(t, 1000, w.tx("v1", &assay.Tick{}))
	c, _ := w.ledger.Case(jobID(w, "j1"))
	if len(c.Seats) != 1 || w.name(c.Seats[0].Provider) != "p1" {
		t.Errorf("drawn: %+v", c.Seats)
	}
}

// TestGarbageFillsNoBlock: bytes that decode to nothing use gas, so a proposer
// cannot make others verify more than a block's worth.
func TestGarbageFillsNoBlock(t *testing.T) {
	p := testParams()
	p.BlockGas = 50_000
	w := newWorld(t, p, 1, "alice")
	var txs [][]byte
	for i := range 10 {
		txs = append(txs, []byte(fmt.Sprintf("garbage %d", i)))
	}
	refused := 0
	for _, r := range w.apply(t, 1000, txs...).Results {
		if r.Code == ledger.CodeBlockGas {
			refused++
		}
	}
	if refused != 6 {
		t.Errorf("%d of 10 refused for gas, want 6", refused)
	}
}

// TestFloodOfMessages: 256 messages in one transaction apply as a whole.
func TestFloodOfMessages(t *testing.T) {
	w := newWorld(t, testParams(), 1, "alice")
	var list []assay.Message
	for range assay.MaxMessages {
		list = append(list, &assay.Transfer{To: w.key("bob"), Amount: 1})
	}
	w.mustApply(t, 1000, w.tx("alice", list...))
	if got := w.ledger.Account(w.key("bob")).Balance; got != assay.MaxMessages {
		t.Errorf("bob has %s", got)
	}
	r := w.apply(t, 1000, w.tx("alice", append(list[:255:255], &assay.Transfer{To: w.key("bob"), Amount: 1 << 62})...)).Results[0]
	if r.Code != ledger.CodeBalance || !strings.Contains(r.Detail, "transfer") {
		t.Errorf("%s %s", r.Code, r.Detail)
	}
	if got := w.ledger.Account(w.key("bob")).Balance; got != assay.MaxMessages {
		t.Errorf("bob has %s after a refused transaction", got)
	}
}

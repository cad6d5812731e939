package sim

import (
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/ledger"
)

// TestDeadlines lets 25,000 deadlines, and with -all 100,000, come due in one
// second. A block takes
// MaxDue of them and the rest carries over, so no block is long; a move that
// arrives while its own deadline waits in the queue is late all the same; and
// in the end every coin is back.
func TestDeadlines(t *testing.T) {
	jobs := 25_000
	switch {
	case *allFlag:
		jobs = 100_000
	case testing.Short():
		jobs = 4_000
	}
	d := newFlood(t)
	ids := d.submit(jobs)
	drawn := d.at.Clock
	d.block(3_600_000) // past the jobs' deadlines: nobody is drawn again
	for d.at.Clock < drawn.Add(d.genesis.Params.Slack) {
		d.block(5000)
	}
	first, last := d.caseOf(ids[0]), d.caseOf(ids[jobs-1])
	if first.Seats[0].Due >= drawn.Add(d.genesis.Params.Slack) || last.Seats[0].Due > first.Seats[0].Due+1000 {
		t.Fatalf("deadlines at %d to %d are not within one second", first.Seats[0].Due, last.Seats[0].Due)
	}
	late := &assay.Commit{Job: ids[jobs-1], Commit: assay.Digest{1}}
	if code := d.send(last.Seats[0].Provider, late); jobs > 10_000 && code != board.CodeLateMessage {
		t.Errorf("a move whose deadline waits behind others: %q", code)
	}
	blocks := 0
	for d.ledger.Owes(d.at.Time).Any() {
		d.block(1)
		if blocks++; blocks > jobs/int(d.genesis.Params.MaxDue)+20 {
			t.Fatal("the queue does not empty")
		}
	}
	for _, id := range ids {
		if c := d.caseOf(id); c.Record == nil || c.Record.Verdict.Code != board.CodeDeadline {
			t.Fatalf("job %s is %s", id.Short(), c.Phase)
		}
	}
	if m := d.ledger.Meta(); m.Escrows != 0 || m.Bonds != 0 {
		t.Errorf("escrows %d, bonds %d are left", m.Escrows, m.Bonds)
	}
	t.Logf("%d deadlines acted in %d further blocks", jobs, blocks)
}

// flood is a ledger with two providers of great capacity.
type flood struct {
	t       *testing.T
	genesis *assay.Genesis
	ledger  *ledger.Ledger
	at      assay.Moment
	nonce   uint64
}

func newFlood(t *testing.T) *flood {
	p := assay.DefaultParams()
	g := &assay.Genesis{Version: 1, Name: "flood", Kind: assay.Dev, Time: genesisTime, Params: p}
	for i := range byte(3) {
		g.Accounts = append(g.Accounts, assay.Allocation{Account: assay.Key{i + 1}, Amount: 1 << 50})
	}
	g.Validators = []assay.Validator{{Name: "v", Account: assay.Key{9}, Power: 1}}
	store := ledger.NewMemStore()
	if err := ledger.Init(store, g); err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(store, g, ledger.Options{Unsigned: true})
	if err != nil {
		t.Fatal(err)
	}
	d := &flood{t: t, genesis: g, ledger: l, at: l.Moment()}
	for i := range byte(2) {
		k := assay.Key{i + 2}
		d.block(1, d.tx(k, &assay.PostOffer{Offer: assay.Offer{Provider: k, Owner: k, Price: 1, Runtimes: []string{assay.RuntimeWasm}, Capacity: assay.MaxCapacity}},
			&assay.Stake{Provider: k, Amount: 1 << 40}))
	}
	return d
}

func (d *flood) tx(from assay.Key, messages ...assay.Message) []byte {
	d.nonce++
	tx := &assay.Tx{Version: 1, Network: d.ledger.Network(), Signer: from, Nonce: d.nonce, Expiry: d.at.Height + 100}
	for _, m := range messages {
		tx.Messages = append(tx.Messages, assay.Wrap(m))
	}
	return tx.Bytes()
}

// block makes a block some milliseconds later.
func (d *flood) block(later assay.Millis, txs ...[]byte) []ledger.TxResult {
	d.t.Helper()
	out, err := d.ledger.Apply(assay.Block{
		Height: d.at.Height + 1, Time: d.at.Time.Add(later), Txs: txs,
		Beacon: assay.Beacon{Value: assay.Digest{byte(d.at.Height), byte(d.at.Height >> 8)}},
	})
	if err != nil {
		d.t.Fatal(err)
	}
	d.at = d.ledger.Moment()
	return out.Results
}

func (d *flood) send(from assay.Key, m assay.Message) assay.Code {
	return d.block(1, d.tx(from, m))[0].Code
}

// submit sends jobs, 800 in a block of a few milliseconds, and waits until all
// have their seat.
func (d *flood) submit(jobs int) []assay.JobID {
	var ids []assay.JobID
	var txs [][]byte
	for len(ids) < jobs {
		var messages []assay.Message
		for range min(250, jobs-len(ids)) {
			j := assay.Job{
				Version: 1, Runtime: assay.RuntimeWasm, Program: programs[0].digest, Policy: "none", MaxPrice: 1, Nonce: uint64(len(ids)),
				Limits:   assay.Limits{Fuel: 1, Memory: assay.WasmPage, Frames: 1, Slots: 1},
				Deadline: d.at.Time.Add(600_000), Requester: assay.Key{1},
			}
			ids, messages = append(ids, j.ID()), append(messages, &assay.Submit{Job: j})
		}
		txs = append(txs, d.tx(assay.Key{1}, messages...))
		if len(txs) == 3 || len(ids) == jobs {
			for _, r := range d.block(7, txs...) {
				if r.Code != "" {
					d.t.Fatalf("%s: %s", r.Code, r.Detail)
				}
			}
			txs = nil
		}
	}
	d.block(7)
	return ids
}

func (d *flood) caseOf(id assay.JobID) *board.Case {
	c, ok := d.ledger.Case(id)
	if !ok {
		d.t.Fatalf("no case %s", id.Short())
	}
	return c
}

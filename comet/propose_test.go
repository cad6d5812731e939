package comet

import (
	"context"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/beacon"
	"github.com/capacloud/assay/ledger"
)

// proposal builds what a proposer could send.
type proposal struct {
	height   uint64
	time     assay.Time
	proposer string // consensus key
	vrf      string // beacon key
	beaconAt uint64 // height of the beacon
}

func (p proposal) bytes(g *assay.Genesis) []byte {
	m := timeMessage{Time: p.time, Beacon: beacon.Prove(key(p.vrf), g.ID(), p.beaconAt)}
	return m.bytes()
}

// TestProposalsAreJudged goes through everything a faulty proposer may do with
// the time message.
func TestProposalsAreJudged(t *testing.T) {
	g := testGenesis(1)
	c := newClock(g.Time.Add(1000))
	config := testConfig(g, 0)
	config.Now = c.now
	n := start(t, config)
	pay(t, n, "bob")
	h := rest(n)
	last := h.Moment.Time
	c.advance(60_000)
	now := c.now()

	good := proposal{height: h.Height + 1, time: now, proposer: "validator0/consensus", vrf: "validator0/beacon", beaconAt: h.Height + 1}
	tx := transfer(g, "alice", "bob", 1, h.Height+50).Bytes()
	with := func(edit func(*proposal), txs ...[]byte) *abci.RequestProcessProposal {
		p := good
		if edit != nil {
			edit(&p)
		}
		return &abci.RequestProcessProposal{
			Height: int64(p.height), ProposerAddress: addressOf(assay.KeyOf(key(p.proposer))),
			Txs: append([][]byte{p.bytes(g)}, txs...),
		}
	}
	bare := func(txs ...[]byte) *abci.RequestProcessProposal {
		return &abci.RequestProcessProposal{Height: int64(good.height), ProposerAddress: addressOf(assay.KeyOf(key(good.proposer))), Txs: txs}
	}
	extra := good.bytes(g)
	for _, c := range []struct {
		name string
		req  *abci.RequestProcessProposal
		code assay.Code
	}{
		{"a transaction with its time", with(nil, tx), ""},
		{"2 s ahead", with(func(p *proposal) { p.time = now.Add(2000) }, tx), ""},
		{"10 s behind", with(func(p *proposal) { p.time = now.Add(-10_000) }, tx), ""},
		{"empty", bare(), ""},
		{"no time", bare(tx), CodeTimeMissing},
		{"time last", bare(tx, extra), CodeTimeMissing},
		{"time alone, nothing owed", with(nil), CodeTimeExtra},
		{"time twice", with(nil, tx, extra), CodeTimeExtra},
		{"ahead", with(func(p *proposal) { p.time = now.Add(2001) }, tx), CodeTimeAhead},
		{"behind", with(func(p *proposal) { p.time = now.Add(-10_001) }, tx), CodeTimeBehind},
		{"far ahead", with(func(p *proposal) { p.time = 1 << 62 }, tx), CodeTimeAhead},
		{"negative", with(func(p *proposal) { p.time = -1 << 62 }, tx), CodeTimeBehind},
		{"beacon of another height", with(func(p *proposal) { p.beaconAt++ }, tx), beacon.CodeBeacon},
		{"beacon of another key", with(func(p *proposal) { p.vrf = "mallory" }, tx), beacon.CodeBeacon},
		{"a proposer that is no validator", with(func(p *proposal) { p.proposer = "mallory" }, tx), CodeProposer},
		{"garbage behind", with(nil, tx, []byte("garbage")), CodeBlockTx},
		{"a huge entry", with(nil, make([]byte, g.Params.MaxTxBytes+1)), CodeBlockTx},
		{"a torn time message", bare(extra[:len(extra)-1], tx), CodeBlockTx},
	} {
		err := n.app.judge(c.req)
		if c.code == "" && err != nil || c.code != "" && assay.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want %q", c.name, err, c.code)
		}
	}
	// Backwards, though within ten seconds of the clock.
	c.ms.Store(int64(last))
	if err := n.app.judge(with(func(p *proposal) { p.time = last.Add(-1) }, tx)); assay.CodeOf(err) != CodeTimeBackward {
		t.Errorf("backwards: %v", err)
	}
	res, err := n.app.ProcessProposal(context.Background(), bare(tx))
	if err != nil || res.Status != abci.ResponseProcessProposal_REJECT {
		t.Errorf("the vote on a bad proposal is %v %v", res, err)
	}
}

// TestDecidedBlocksAreJudgedByOrderAlone: FinalizeBlock has no clock, so that a
// node that replays years later agrees; order and beacon still count.
func TestDecidedBlocksAreJudgedByOrderAlone(t *testing.T) {
	g := testGenesis(1)
	apply := func(edit func(*proposal)) error {
		config, err := testConfig(g, 0).withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		a, err := newApp(config, openStore(t, ""))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.InitChain(context.Background(), &abci.RequestInitChain{ChainId: g.ChainID()}); err != nil {
			t.Fatal(err)
		}
		p := proposal{height: 1, time: g.Time.Add(1), proposer: "validator0/consensus", vrf: "validator0/beacon", beaconAt: 1}
		edit(&p)
		_, err = a.FinalizeBlock(context.Background(), &abci.RequestFinalizeBlock{
			Height: int64(p.height), ProposerAddress: addressOf(assay.KeyOf(key(p.proposer))), Txs: [][]byte{p.bytes(g), transfer(g, "alice", "bob", 1, 9).Bytes()},
		})
		return err
	}
	if err := apply(func(*proposal) {}); err != nil {
		t.Error(err)
	}
	if err := apply(func(p *proposal) { p.time = g.Time.Add(1 << 40) }); err != nil {
		t.Errorf("far from every clock: %v", err)
	}
	if err := apply(func(p *proposal) { p.time = g.Time.Add(-1) }); assay.CodeOf(err) != CodeTimeBackward {
		t.Errorf("backwards: %v", err)
	}
	if err := apply(func(p *proposal) { p.vrf = "mallory" }); assay.CodeOf(err) != beacon.CodeBeacon {
		t.Errorf("a foreign beacon: %v", err)
	}
	if err := apply(func(p *proposal) { p.height = 3 }); err == nil {
		t.Error("a block out of order was applied")
	}
}

// TestIdleHour is the attack of a stale block time: the chain sleeps for an
// hour, and the block that ends the sleep must carry the new time, while the
// ledger's clock gains five seconds and no more.
func TestIdleHour(t *testing.T) {
	g := testGenesis(1)
	c := newClock(g.Time.Add(1000))
	config := testConfig(g, 0)
	config.Now = c.now
	n := start(t, config)
	pay(t, n, "bob")
	before := rest(n).Moment
	c.advance(3_600_000)
	r := pay(t, n, "bob")
	after := rest(n).Moment
	if after.Height != r.Height || after.Time != before.Time.Add(3_600_000) {
		t.Errorf("the first block after an hour is of %s, before it was %s", after.Time, before.Time)
	}
	step := n.Genesis().Params.ClockStep
	if gained := assay.Millis(after.Clock - before.Clock); gained != step {
		t.Errorf("the clock gained %d ms over the idle hour, want %d", gained, step)
	}
	block := n.comet.BlockStore().LoadBlock(int64(r.Height))
	if m, err := decodeTime(block.Txs[0]); err != nil || m.Time != after.Time {
		t.Errorf("time message %+v %v", m, err)
	}
	// A tick without need is refused, and none is sent.
	tick := assay.SignTx(g.ID(), key("validator0"), 1, after.Height+10, &assay.Tick{})
	if err := n.Broadcast(tick.Bytes()); assay.CodeOf(err) != ledger.CodeTickUndue {
		t.Errorf("a late tick: %v", err)
	}
	height := head(n).Height
	time.Sleep(3 * tickPoll)
	if head(n).Height != height {
		t.Error("blocks are made while nothing is owed")
	}
}

// TestClockSetBack: a validator whose clock was set back makes blocks at the
// last time until it is more than two seconds off, then none.
func TestClockSetBack(t *testing.T) {
	g := testGenesis(1)
	c := newClock(g.Time.Add(100_000))
	config := testConfig(g, 0)
	config.Now = c.now
	n := start(t, config)
	pay(t, n, "bob")
	was := rest(n).Moment.Time
	c.advance(-1500)
	pay(t, n, "bob")
	if now := rest(n).Moment.Time; now != was {
		t.Errorf("time moved from %s to %s", was, now)
	}
	c.advance(-60_000)
	ctx, cancel := context.WithTimeout(context.Background(), 700*time.Millisecond)
	defer cancel()
	tx := transfer(g, "alice", "bob", 1, head(n).Height+50)
	if r, err := n.Submit(ctx, tx.Bytes()); err == nil {
		t.Errorf("a block a minute ahead of the clock was made: %+v", r)
	}
	c.advance(120_000)
	send(t, n, tx) // and the chain goes on
}

// TestBeaconIsUnique: the beacon that a block carries is the one that anyone
// with the key finds for its height, whatever the block holds.
func TestBeaconIsUnique(t *testing.T) {
	g := testGenesis(1)
	n := start(t, testConfig(g, 0))
	seen := map[assay.Digest]uint64{}
	for range 5 {
		r := pay(t, n, "bob")
		m, err := decodeTime(n.comet.BlockStore().LoadBlock(int64(r.Height)).Txs[0])
		if err != nil {
			t.Fatal(err)
		}
		if want := beacon.Prove(key("validator0/beacon"), g.ID(), r.Height); m.Beacon.Value != want.Value {
			t.Errorf("height %d: beacon %s, want %s", r.Height, m.Beacon.Value, want.Value)
		}
		if before, twice := seen[m.Beacon.Value]; twice {
			t.Errorf("heights %d and %d have one beacon", before, r.Height)
		}
		seen[m.Beacon.Value] = r.Height
	}
}

func FuzzDecodeTime(f *testing.F) {
	m := timeMessage{Time: 5, Beacon: beacon.Prove(key("x"), assay.Digest{}, 1)}
	f.Add(m.bytes())
	f.Add([]byte(timeHead))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeTime(b)
		if err != nil {
			return
		}
		if string(m.bytes()) != string(b) || m.Label != timeLabel {
			t.Fatal("accepted another spelling")
		}
		if _, err := assay.DecodeTx(b); err == nil {
			t.Fatal("bytes are both a time message and a transaction")
		}
	})
}

package comet

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/ledger"
)

func TestStartIsFastAndStopIsClean(t *testing.T) {
	checkQuiet(t) // other tests' nodes
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	begin := time.Now()
	ctx := context.Background()
	n, err := Start(ctx, testConfig(testGenesis(1), 0))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("started in %v", time.Since(begin))
	if l := listeners(t); len(l) > 0 {
		t.Errorf("an in-process node listens: %v", l)
	}
	pay(t, n, "bob")
	if l := listeners(t); len(l) > 0 {
		t.Errorf("an in-process node listens: %v", l)
	}
	watch := n.Watch(ctx)
	if err := n.Stop(); err != nil {
		t.Fatal(err)
	}
	for range watch { // closed by Stop
	}
	if err := n.Stop(); err != nil {
		t.Errorf("second Stop: %v", err)
	}
	if err := n.Broadcast(transfer(testGenesis(1), "alice", "bob", 1, 9).Bytes()); assay.CodeOf(err) != CodeStopped {
		t.Errorf("a stopped node answers %v", err)
	}
	if left, _ := os.ReadDir(tmp); len(left) > 0 {
		t.Errorf("temporary files left: %v", left)
	}
	checkQuiet(t)
}

// quietTries bounds checkQuiet to half a minute: CometBFT's gossip routines
// sleep two seconds and more before they look whether they should end, and on a
// loaded machine other tests' nodes have just stopped.
const quietTries = 600

// checkQuiet waits for goroutines that end on their own.
func checkQuiet(t *testing.T) {
	t.Helper()
	var left []string
	for range quietTries {
		if left = leftovers(); len(left) == 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("%d goroutines left, the first:\n%s", len(left), left[0])
}

// listeners returns the listening TCP and bound UDP sockets of this process.
func listeners(t *testing.T) []string {
	t.Helper()
	mine := map[string]bool{}
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc")
	}
	for _, fd := range fds {
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && strings.HasPrefix(to, "socket:[") {
			mine[strings.TrimSuffix(strings.TrimPrefix(to, "socket:["), "]")] = true
		}
	}
	var list []string
	for _, proto := range []string{"tcp", "tcp6", "udp", "udp6"} {
		f, err := os.Open(filepath.Join("/proc/self/net", proto))
		if err != nil {
			continue
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			col := strings.Fields(lines.Text())
			listening := len(col) > 9 && (col[3] == "0A" || strings.HasPrefix(proto, "udp"))
			if listening && mine[col[9]] {
				list = append(list, fmt.Sprintf("%s %s", proto, col[1]))
			}
		}
	}
	return list
}

// TestStopMidway cancels starts at any point; nothing may stay behind.
func TestStopMidway(t *testing.T) {
	home := t.TempDir()
	for _, after := range []time.Duration{0, 5, 20, 40, 60, 80, 120} {
		ctx, cancel := context.WithTimeout(context.Background(), after*time.Millisecond)
		c := testConfig(testGenesis(1), 0)
		c.Home = home
		c.Genesis.Time = 1_700_000_000_000 // the same network each time
		if n, err := Start(ctx, c); err == nil {
			if err := n.Stop(); err != nil {
				t.Error(err)
			}
		} else {
			t.Logf("after %d ms: %v", after, err)
		}
		cancel()
	}
	checkQuiet(t)
	c := testConfig(testGenesis(1), 0)
	c.Home = home
	c.Genesis.Time = 1_700_000_000_000
	pay(t, start(t, c), "bob")
}

func TestConfigRefusals(t *testing.T) {
	for _, c := range []struct {
		name string
		code assay.Code
		edit func(*Config)
	}{
		{"no genesis", CodeConfig, func(c *Config) { c.Genesis = nil }},
		{"no key", CodeConfig, func(c *Config) { c.Consensus = nil }},
		{"a validator without its beacon key", CodeConfig, func(c *Config) { c.Beacon = nil }},
		{"a validator with another's beacon key", CodeConfig, func(c *Config) { c.Beacon = key("x") }},
		{"a stranger without peers", CodeConfig, func(c *Config) { c.Consensus = key("x") }},
		{"peers without a home", CodeConfig, func(c *Config) { c.Listen = "127.0.0.1:0" }},
		{"peers without an address", CodeConfig, func(c *Config) { c.Home, c.Peers = "x", []string{"a@b:1"} }},
		{"unknown profile", CodeConfig, func(c *Config) { c.Profile = "moon" }},
		{"a bad genesis", assay.CodeGenesis, func(c *Config) { c.Genesis.Version = 2 }},
		{"other rules", CodeRules, func(c *Config) { c.Genesis.Rules[0] ^= 1 }},
	} {
		config := testConfig(testGenesis(1), 0)
		c.edit(&config)
		n, err := Start(context.Background(), config)
		if err == nil {
			_ = n.Stop()
		}
		if assay.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want %s", c.name, err, c.code)
		}
	}
}

// TestGodebugIsRefused: its switches are no part of the rules version.
func TestGodebugIsRefused(t *testing.T) {
	t.Setenv("GODEBUG", "gotestjsonbuildtext=0")
	c := testConfig(testGenesis(1), 0)
	c.Genesis.Kind = assay.Dev
	n, err := Start(context.Background(), c)
	if err == nil {
		_ = n.Stop()
	}
	if assay.CodeOf(err) != CodeRules {
		t.Errorf("%v, want %s", err, CodeRules)
	}
}

// TestHaltIsLoud: when a decided block cannot be applied, everybody who asks
// is told, waiting callers return, and the node still stops cleanly.
func TestHaltIsLoud(t *testing.T) {
	var log bytes.Buffer
	c := testConfig(testGenesis(1), 0)
	c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError}))
	n := start(t, c)
	rest(n)
	watch := n.Watch(context.Background())
	if _, err := n.app.FinalizeBlock(context.Background(), &abci.RequestFinalizeBlock{Height: 99}); err == nil {
		t.Fatal("a block out of order was applied")
	}
	for range watch { // closed by the halt
	}
	select {
	case <-n.Done():
	case <-time.After(time.Second):
		t.Error("the node does not say that it has ended")
	}
	_, err := n.Submit(context.Background(), transfer(c.Genesis, "alice", "bob", 1, 50).Bytes())
	for _, err := range []error{err, n.Err(), n.View(func(*ledger.Ledger) {})} {
		if assay.CodeOf(err) != CodeHalted {
			t.Errorf("%v, want %s", err, CodeHalted)
		}
	}
	if !strings.Contains(log.String(), "node halted") {
		t.Errorf("the log says %q", log.String())
	}
}

// TestTicker goes through the reasons to send a tick.
func TestTicker(t *testing.T) {
	start := time.Unix(1000, 0)
	tk := ticker{}
	state := assay.Moment{Height: 5}
	for _, c := range []struct {
		after time.Duration
		owed  ledger.Owed
		want  bool
	}{
		{0, ledger.Owed{Beacon: true}, false},                      // the next block follows by itself
		{60 * time.Millisecond, ledger.Owed{Beacon: true}, true},   // it did not
		{160 * time.Millisecond, ledger.Owed{Beacon: true}, false}, // the tick waits for its block
		{1100 * time.Millisecond, ledger.Owed{Beacon: true}, true}, // it was lost
		{1200 * time.Millisecond, ledger.Owed{Clock: true}, false},
		{2200 * time.Millisecond, ledger.Owed{Clock: true}, true},
		{9 * time.Second, ledger.Owed{}, false},
		{9 * time.Second, ledger.Owed{Due: true}, true},
	} {
		if got := tk.needed(c.owed, state, start.Add(c.after)); got != c.want {
			t.Errorf("after %v, %+v: %v", c.after, c.owed, got)
		}
	}
}

// TestEmptyBlocksChangeNothing: after a transaction comes one block that
// carries its root, and then none, and neither time nor root moves.
func TestEmptyBlocksChangeNothing(t *testing.T) {
	n := start(t, testConfig(testGenesis(1), 0))
	first := rest(n)
	r := pay(t, n, "bob")
	h := rest(n)
	if h.Height != r.Height+1 {
		t.Errorf("transaction at %d, then the chain rests at %d, want one block more", r.Height, h.Height)
	}
	if h.Moment.Height != r.Height || h.Moment.Time <= first.Moment.Time {
		t.Errorf("moment %+v, want that of height %d", h.Moment, r.Height)
	}
	empty := n.comet.BlockStore().LoadBlock(int64(h.Height))
	if len(empty.Txs) != 0 {
		t.Errorf("the proof block holds %d entries", len(empty.Txs))
	}
	if string(empty.AppHash) != string(h.Root) {
		t.Error("the proof block does not carry the root")
	}
	full := n.comet.BlockStore().LoadBlock(int64(r.Height))
	if len(full.Txs) != 2 || !isTime(full.Txs[0]) {
		t.Errorf("the block holds %d entries, want a time message and a transaction", len(full.Txs))
	}
}

func TestSubmit(t *testing.T) {
	g := testGenesis(1)
	n := start(t, testConfig(g, 0))
	ctx := context.Background()

	tx := transfer(g, "alice", "bob", 500, 50)
	r := send(t, n, tx)
	if got := balance(t, n, "bob"); got != 500 {
		t.Errorf("bob has %d", got)
	}
	again, err := n.Submit(ctx, tx.Bytes())
	if err != nil || again != r {
		t.Errorf("submitted twice: %+v %v, want %+v", again, err, r)
	}
	if got := balance(t, n, "bob"); got != 500 {
		t.Errorf("bob has %d after a resubmission", got)
	}
	if s, err := n.Status(ctx, tx.ID()); err != nil || s != r {
		t.Errorf("status %+v %v", s, err)
	}
	if _, err := n.Status(ctx, assay.Digest{1}); assay.CodeOf(err) != CodeNoTx {
		t.Errorf("unknown id: %v", err)
	}

	forged := *transfer(g, "alice", "bob", 1, 50)
	forged.Signature[0] ^= 1
	if _, err := n.Submit(ctx, forged.Bytes()); assay.CodeOf(err) != assay.CodeTxSignature {
		t.Errorf("forged: %v", err)
	}
	if _, err := n.Submit(ctx, []byte("x")); assay.CodeOf(err) != assay.CodeTxBytes {
		t.Errorf("garbage: %v", err)
	}
	other := testGenesis(1)
	other.Name = "other"
	if _, err := n.Submit(ctx, transfer(other, "alice", "bob", 1, 50).Bytes()); assay.CodeOf(err) != assay.CodeTxNetwork {
		t.Errorf("of another network: %v", err)
	}
	m := timeMessage{Time: 1}
	if err := n.Broadcast(m.bytes()); assay.CodeOf(err) != assay.CodeTxBytes {
		t.Errorf("a time message from the mempool: %v", err)
	}
	if err := n.Broadcast(make([]byte, g.Params.MaxTxBytes+1)); assay.CodeOf(err) != assay.CodeTxBytes {
		t.Errorf("too large: %v", err)
	}
}

func TestWatchGivesTheLatestMoment(t *testing.T) {
	n := start(t, testConfig(testGenesis(1), 0))
	ctx, cancel := context.WithCancel(context.Background())
	ch := n.Watch(ctx)
	if m := <-ch; m.Height != 0 {
		t.Errorf("first moment %+v, want that of the genesis", m)
	}
	var last TxResult
	for range 5 {
		last = pay(t, n, "bob") // nobody reads meanwhile
	}
	if m := <-ch; m.Height != last.Height {
		t.Errorf("moment of %d, want the latest, %d", m.Height, last.Height)
	}
	cancel()
	select {
	case _, open := <-ch:
		if open {
			t.Error("a moment after the end")
		}
	case <-time.After(5 * time.Second):
		t.Error("the channel did not close")
	}
}

package comet

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/ledger"
)

// key returns a key that a name stands for.
func key(name string) ed25519.PrivateKey {
	seed := canon.Hash("test/key", []byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

const coins = 1_000_000_000_000

// testGenesis is a network of n validators in which "alice" has coins.
func testGenesis(n int, more ...assay.Allocation) *assay.Genesis {
	g := &assay.Genesis{
		Version: 1, Name: "test", Kind: assay.InProcess, Time: assay.Time(time.Now().Add(-time.Minute).UnixMilli()),
		Rules: ledger.RulesVersion(), Params: assay.LocalParams(),
	}
	for i := range n {
		name := validatorName(i)
		g.Validators = append(g.Validators, assay.Validator{
			Name: name, Power: 10, Consensus: assay.KeyOf(key(name + "/consensus")),
			Beacon: assay.KeyOf(key(name + "/beacon")), Account: assay.KeyOf(key(name)),
		})
	}
	g.Accounts = append(more, assay.Allocation{Account: assay.KeyOf(key("alice")), Amount: coins})
	sortAccounts(g)
	return g
}

func validatorName(i int) string { return "validator" + string(rune('0'+i)) }

func testConfig(g *assay.Genesis, i int) Config {
	name := validatorName(i)
	c := Config{Genesis: g, Consensus: key(name + "/consensus"), Beacon: key(name + "/beacon"), Account: key(name)}
	if os.Getenv("COMET_LOG") != "" {
		c.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("node", i)
	}
	return c
}

// start runs a node until the test ends.
func start(t testing.TB, c Config) *Node {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	n, err := Start(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
	})
	return n
}

var nonce atomic.Uint64

// transfer signs a transfer of one name to another.
func transfer(g *assay.Genesis, from, to string, amount assay.Amount, expiry uint64) *assay.Tx {
	return assay.SignTx(g.ID(), key(from), nonce.Add(1), expiry, &assay.Transfer{To: assay.KeyOf(key(to)), Amount: amount})
}

// send submits a transaction that must be applied.
func send(t testing.TB, n *Node, tx *assay.Tx) TxResult {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := n.Submit(ctx, tx.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	return r
}

// pay sends a coin from alice.
func pay(t testing.TB, n *Node, to string) TxResult {
	t.Helper()
	return send(t, n, transfer(n.config.Genesis, "alice", to, 1000, head(n).Height+100))
}

func head(n *Node) Head {
	h, err := n.Head(context.Background())
	if err != nil {
		panic(err)
	}
	return h
}

func balance(t testing.TB, n *Node, name string) (a assay.Amount) {
	t.Helper()
	if err := n.View(func(l *ledger.Ledger) { a = l.Account(assay.KeyOf(key(name))).Balance }); err != nil {
		t.Fatal(err)
	}
	return a
}

// rest waits until no block has been made for a while.
func rest(n *Node) Head {
	for {
		a := head(n)
		time.Sleep(150 * time.Millisecond)
		if b := head(n); a.Height == b.Height {
			return b
		}
	}
}

// leftovers lists goroutines of consensus that still run. Four kinds that end
// late or never, and hold nothing but themselves, are left out: the hang-up
// listener and the ticker of CometBFT's log file, LevelDB's pool drain, and the
// sleep between two attempts to reach a peer.
func leftovers() []string {
	buf := make([]byte, 1<<20)
	var list []string
	for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if slices.ContainsFunc([]string{"autofile.OpenAutoFile.func1", "(*AutoFile).closeFileRoutine", "(*DB).mpoolDrain", "(*Switch).randomSleep"},
			func(name string) bool { return strings.Contains(g, name) }) {
			continue
		}
		for _, mark := range []string{"cometbft", "goleveldb", "assay/comet.(*Node)"} {
			if strings.Contains(g, mark) && !strings.Contains(g, "testing.tRunner") {
				list = append(list, g)
				break
			}
		}
	}
	return list
}

func sortAccounts(g *assay.Genesis) {
	a := g.Accounts
	for i := range a {
		for j := i; j > 0 && bytes.Compare(a[j].Account[:], a[j-1].Account[:]) < 0; j-- {
			a[j], a[j-1] = a[j-1], a[j]
		}
	}
}

// clock is a time that tests move.
type clock struct{ ms atomic.Int64 }

func newClock(t assay.Time) *clock {
	c := new(clock)
	c.ms.Store(int64(t))
	return c
}

func (c *clock) now() assay.Time        { return assay.Time(c.ms.Load()) }
func (c *clock) advance(d assay.Millis) { c.ms.Add(int64(d)) }

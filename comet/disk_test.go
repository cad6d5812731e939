package comet

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/ledger"
)

const fixedTime = 1_700_000_000_000

// diskConfig is a node that outlives its process: the same network each time.
func diskConfig(home string) Config {
	g := testGenesis(1)
	g.Time = fixedTime
	c := testConfig(g, 0)
	c.Home = home
	return c
}

// TestRestart stops and starts a node in this process, from its disk.
func TestRestart(t *testing.T) {
	home := t.TempDir()
	var last TxResult
	var tx *assay.Tx
	for round := range 4 {
		n, err := Start(context.Background(), diskConfig(home))
		if err != nil {
			t.Fatal(err)
		}
		if round > 0 {
			if got := balance(t, n, "bob"); got != assay.Amount(500*round) {
				t.Errorf("round %d: bob has %d", round, got)
			}
			if r, err := n.Status(context.Background(), last.ID); err != nil || r != last {
				t.Errorf("round %d: status %+v %v, want %+v", round, r, err, last)
			}
			if r, err := n.Submit(context.Background(), tx.Bytes()); err != nil || r != last {
				t.Errorf("round %d: submitted again: %+v %v", round, r, err)
			}
			p, err := n.Proof(context.Background(), ledger.AccountKey(assay.KeyOf(key("bob"))))
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Verify(n.Genesis()); err != nil {
				t.Error(err)
			}
		}
		if _, err := Start(context.Background(), diskConfig(home)); assay.CodeOf(err) != CodeHomeUsed {
			t.Errorf("a second node in one home: %v", err)
		}
		tx = transfer(n.Genesis(), "alice", "bob", 500, head(n).Height+200)
		last = send(t, n, tx)
		if err := n.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	checkQuiet(t)

	other := diskConfig(home)
	other.Genesis.Name = "other"
	n, err := Start(context.Background(), other)
	if err == nil {
		_ = n.Stop()
		t.Error("another network's home was taken")
	}
}

// TestKilled kills a process with SIGKILL in the middle of traffic, again and
// again. Every transaction that it acknowledged must be there afterwards.
func TestKilled(t *testing.T) {
	if home := os.Getenv("COMET_TEST_HOME"); home != "" {
		victim(home)
		return
	}
	if testing.Short() {
		t.Skip("starts processes")
	}
	home := t.TempDir()
	var acknowledged []string
	for round := range 4 {
		acknowledged = append(acknowledged, killOnce(t, home, 40+35*round)...)
	}
	n := start(t, diskConfig(home))
	want := assay.Amount(0)
	for _, id := range acknowledged {
		b, _ := hex.DecodeString(id)
		if r, err := n.Status(context.Background(), assay.Digest(b)); err != nil || r.Code != "" {
			t.Errorf("%s: %+v %v", id, r, err)
		}
		want++
	}
	t.Logf("%d transactions acknowledged in 4 lives", len(acknowledged))
	if got := balance(t, n, "bob"); got < want {
		t.Errorf("bob has %d, %d were acknowledged", got, want)
	}
	pay(t, n, "bob")
}

// killOnce runs a victim until it has acknowledged some transactions.
func killOnce(t *testing.T, home string, after int) (ids []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilled$")
	cmd.Env = append(os.Environ(), "COMET_TEST_HOME="+home)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var line struct{ ID string }
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			continue
		}
		ids = append(ids, line.ID)
		if len(ids) == after {
			_ = cmd.Process.Kill()
		}
	}
	_ = cmd.Wait()
	if len(ids) < after {
		t.Fatalf("the victim ended after %d of %d", len(ids), after)
	}
	return ids
}

// victim submits from several goroutines and prints what was acknowledged.
func victim(home string) {
	n, err := Start(context.Background(), diskConfig(home))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lines := make(chan string)
	for worker := range 4 {
		go func() {
			for i := 0; ; i++ {
				nonce := uint64(os.Getpid())<<32 | uint64(worker)<<24 | uint64(i)
				tx := assay.SignTx(n.Genesis().ID(), key("alice"), nonce, head(n).Height+200, &assay.Transfer{To: assay.KeyOf(key("bob")), Amount: 1})
				r, err := n.Submit(context.Background(), tx.Bytes())
				if err != nil || r.Code != "" {
					fmt.Fprintln(os.Stderr, r, err)
					os.Exit(1)
				}
				lines <- fmt.Sprintf("{\"ID\":\"%x\"}\n", r.ID[:])
			}
		}()
	}
	for deadline := time.After(time.Minute); ; {
		select {
		case line := <-lines:
			_, _ = os.Stdout.WriteString(line)
		case <-deadline:
			os.Exit(1)
		}
	}
}

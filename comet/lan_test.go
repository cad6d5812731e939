package comet

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/ledger"
)

// TestFourValidators runs four nodes on loopback: equal states, proposals of
// all of them, one of them down and back, and two down, which stops the chain
// without a fork.
func TestFourValidators(t *testing.T) {
	if testing.Short() {
		t.Skip("four validators take seconds")
	}
	const count = 4
	g := testGenesis(count)
	configs := lanConfigs(t, g, count)
	nodes := make([]*Node, count)
	for i := range nodes {
		nodes[i] = start(t, configs[i])
	}
	ctx, cancel := context.WithTimeout(context.Background(), 150*time.Second)
	defer cancel()
	for _, n := range nodes {
		if err := n.waitHeight(ctx, 1); err != nil {
			t.Fatal(err)
		}
	}
	begin := time.Now()
	for i := range 12 {
		pay(t, nodes[i%count], "bob")
	}
	t.Logf("%v for each transaction", time.Since(begin)/12)
	agree(t, ctx, nodes)

	if err := nodes[3].Stop(); err != nil {
		t.Fatal(err)
	}
	begin = time.Now()
	for range 3 {
		pay(t, nodes[0], "bob")
	}
	t.Logf("%v for each with one validator down", time.Since(begin)/3)
	begin = time.Now()
	nodes[3] = start(t, configs[3])
	if err := nodes[3].waitHeight(ctx, head(nodes[0]).Height); err != nil {
		t.Fatalf("the restarted node is at %d: %v", head(nodes[3]).Height, err)
	}
	t.Logf("%v until it had caught up", time.Since(begin))
	pay(t, nodes[3], "bob")
	agree(t, ctx, nodes)
	t.Logf("%v until all agreed", time.Since(begin))

	p, err := nodes[1].Proof(ctx, ledger.AccountKey(assay.KeyOf(key("bob"))))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Verify(g); err != nil {
		t.Error(err)
	}

	_ = nodes[2].Stop()
	_ = nodes[3].Stop()
	short, stop := context.WithTimeout(ctx, 3*time.Second)
	defer stop()
	if r, err := nodes[0].Submit(short, transfer(g, "alice", "bob", 1, head(nodes[0]).Height+100).Bytes()); err == nil {
		t.Errorf("half of the validators made block %d", r.Height)
	}
}

// agree waits until all nodes have one root at the highest height.
func agree(t *testing.T, ctx context.Context, nodes []*Node) {
	t.Helper()
	var top uint64
	for _, n := range nodes {
		top = max(top, head(n).Moment.Height)
	}
	var root []byte
	for i, n := range nodes {
		if err := n.waitHeight(ctx, top+1); err != nil {
			t.Fatalf("node %d at %d, want %d: %v", i, head(n).Height, top+1, err)
		}
		_, _, r, err := n.store.Prove(ledger.MetaKey(), top)
		if err != nil {
			t.Fatal(err)
		}
		if root == nil {
			root = r
		}
		if !bytes.Equal(root, r) {
			t.Errorf("node %d has root %X at %d, node 0 has %X", i, r, top, root)
		}
	}
}

func lanConfigs(t *testing.T, g *assay.Genesis, count int) []Config {
	t.Helper()
	configs := make([]Config, count)
	for i := range configs {
		configs[i] = testConfig(g, i)
		configs[i].Home = t.TempDir()
		configs[i].Profile = LAN
		configs[i].Listen = freeAddress(t)
	}
	for i := range configs {
		for j := range configs {
			if i != j {
				configs[i].Peers = append(configs[i].Peers, fmt.Sprintf("%s@%s", PeerID(configs[j].Consensus), configs[j].Listen))
			}
		}
	}
	return configs
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

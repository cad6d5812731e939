package comet

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
)

// benchAccounts is how many accounts the state holds beside the actors'.
func benchAccounts() int {
	if n, err := strconv.Atoi(os.Getenv("COMET_ACCOUNTS")); err == nil {
		return n
	}
	return 1_000_000
}

func crowd(n int) []assay.Allocation {
	list := make([]assay.Allocation, n)
	for i := range list {
		var b [8]byte
		binary.BigEndian.PutUint64(b[:], uint64(i))
		list[i] = assay.Allocation{Account: assay.Key(canon.Hash("crowd", b[:])), Amount: 1}
	}
	slices.SortFunc(list, func(a, b assay.Allocation) int { return bytes.Compare(a.Account[:], b.Account[:]) })
	return list
}

// BenchmarkTransfers measures one validator with a large state: transactions
// of one message from many submitters, until included.
func BenchmarkTransfers(b *testing.B) {
	for _, where := range []string{"memory", "disk"} {
		b.Run(where, func(b *testing.B) {
			n := benchNode(b, where)
			benchSubmit(b, n, 256, func(to assay.Key) []assay.Message {
				return []assay.Message{&assay.Transfer{To: to, Amount: 1}}
			})
		})
	}
}

// BenchmarkBatches measures transactions of 50 messages each.
func BenchmarkBatches(b *testing.B) {
	const each = 50
	n := benchNode(b, "disk")
	benchSubmit(b, n, 64, func(to assay.Key) []assay.Message {
		var list []assay.Message
		for range each {
			list = append(list, &assay.Transfer{To: to, Amount: 1})
		}
		return list
	})
	b.ReportMetric(float64(b.N*each)/b.Elapsed().Seconds(), "msgs/s")
}

// BenchmarkLatency measures one transaction at a time, until committed.
func BenchmarkLatency(b *testing.B) {
	for _, where := range []string{"memory", "disk"} {
		b.Run(where, func(b *testing.B) {
			n := benchNode(b, where)
			benchSubmit(b, n, 1, func(to assay.Key) []assay.Message {
				return []assay.Message{&assay.Transfer{To: to, Amount: 1}}
			})
		})
	}
}

// benchNodes are kept over the runs of a benchmark: writing a genesis of a
// million accounts takes longer than any of them.
var benchNodes = map[string]*Node{}

// cpuTime is what this process has used, which other load on the machine does
// not change.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchNode(b *testing.B, where string) *Node {
	b.Helper()
	if n := benchNodes[where]; n != nil {
		return n
	}
	g := testGenesis(1)
	g.Accounts = crowd(benchAccounts())
	for _, a := range append(fleetAccounts(), assay.Allocation{Account: assay.KeyOf(key("alice")), Amount: 1 << 60}) {
		i, _ := slices.BinarySearchFunc(g.Accounts, a, func(x, y assay.Allocation) int { return bytes.Compare(x.Account[:], y.Account[:]) })
		g.Accounts = slices.Insert(g.Accounts, i, a)
	}
	c := testConfig(g, 0)
	if where == "disk" {
		home, err := os.MkdirTemp("", "assay-bench-")
		if err != nil {
			b.Fatal(err)
		}
		c.Home = home
	}
	begin := time.Now()
	n, err := Start(context.Background(), c)
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%s: %d accounts, started in %v", where, len(g.Accounts), time.Since(begin))
	benchNodes[where] = n
	return n
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, n := range benchNodes {
		_ = n.Stop()
		if home := n.config.Home; home != "" {
			_ = os.RemoveAll(home)
		}
	}
	os.Exit(code)
}

func benchSubmit(b *testing.B, n *Node, workers int, messages func(to assay.Key) []assay.Message) {
	b.Helper()
	network, alice := n.Genesis().ID(), key("alice")
	latencies := make([]time.Duration, b.N)
	next := make(chan int)
	var wg sync.WaitGroup
	first, bob := head(n).Height, assay.KeyOf(key("bob"))
	cpu := cpuTime()
	b.ResetTimer()
	for range workers {
		wg.Go(func() {
			for i := range next {
				// Signed here, since heights pass quickly and expiries are
				// heights; it takes the node's own cores, as a client would.
				tx := assay.SignTx(network, alice, nonce.Add(1), head(n).Height+500, messages(bob)...).Bytes()
				at := time.Now()
				r, err := n.Submit(context.Background(), tx)
				if err != nil || r.Code != "" {
					b.Errorf("%+v %v", r, err)
				}
				latencies[i] = time.Since(at)
			}
		})
	}
	for i := range b.N {
		next <- i
	}
	close(next)
	wg.Wait()
	b.StopTimer()
	slices.Sort(latencies)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tx/s")
	b.ReportMetric(float64(latencies[b.N/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(latencies[b.N*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(b.N), "cpu-µs/tx")
	b.ReportMetric(float64(b.N)/float64(max(1, head(n).Height-first)), "tx/block")
}

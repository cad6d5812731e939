package ledger_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/ledger"
)

// BenchmarkMix measures the recorded mix of quorum(3) jobs: one submit, three
// commits, three tags, three openings and one attestation each, one message and
// one signature to a transaction, 100 jobs at a time, with a million accounts
// in state. It reports messages per second and keys written per message.
func BenchmarkMix(b *testing.B) {
	accounts := 1_000_000
	if s := os.Getenv("ASSAY_BENCH_ACCOUNTS"); s != "" {
		accounts, _ = strconv.Atoi(s)
	}
	w := benchWorld(b, accounts, 40)
	var messages, keys int
	var busy time.Duration
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		var ids []assay.JobID
		var txs [][]byte
		for j := range 100 {
			sub := w.job(fmt.Sprintf("j%d-%d", i, j), fmt.Sprintf("r%d", j%20), "quorum(3)", 150, 600_000)
			ids = append(ids, sub.Job.ID())
			txs = append(txs, w.tx(fmt.Sprintf("r%d", j%20), sub))
		}
		for open := true; open; {
			n := len(txs)
			if n == 0 {
				txs = append(txs, w.tx("v1", &assay.Tick{}))
			}
			start := time.Now()
			out := w.mustApply(b, 1000, txs...)
			busy += time.Since(start)
			messages, keys = messages+n, keys+out.Keys
			txs, open = nil, false
			for _, id := range ids {
				if c, _ := w.ledger.Case(id); !c.Settled() {
					txs, open = append(txs, w.next(c, "right")...), true
				}
			}
		}
	}
	b.ReportMetric(float64(messages)/busy.Seconds(), "msgs/s")
	b.ReportMetric(float64(keys)/float64(messages), "keys/msg")
	b.ReportMetric(float64(messages)/float64(b.N), "msgs/op")
}

func benchWorld(b *testing.B, accounts, providers int) *world {
	b.Helper()
	names := []string{"v1"}
	for i := range providers {
		names = append(names, fmt.Sprintf("p%d", i+1))
	}
	for i := range 20 {
		names = append(names, fmt.Sprintf("r%d", i))
	}
	p := testParams()
	p.BlockGas = 1 << 40
	w := newWorld(b, p, 1, names...)
	for i := range accounts {
		d := canon.Hash("test/account", []byte{byte(i), byte(i >> 8), byte(i >> 16)})
		w.genesis.Accounts = append(w.genesis.Accounts, assay.Allocation{Account: assay.Key(d), Amount: 1000})
	}
	sortAllocations(w.genesis.Accounts)
	w.store = ledger.NewMemStore()
	if err := ledger.Init(w.store, w.genesis); err != nil {
		b.Fatal(err)
	}
	w.options, w.signed = ledger.Options{}, true
	w.open(b)
	w.listProviders(b, providers, 100, 10_000_000, 1000)
	return w
}

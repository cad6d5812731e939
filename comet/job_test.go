package comet

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/ledger"
)

// fleet plays requester, providers and validator of whole jobs on one node:
// eleven transactions for each quorum(3), as a network records them.
type fleet struct {
	t     testing.TB
	n     *Node
	names map[assay.Key]string

	mu        sync.Mutex
	latencies []time.Duration // from submission to commit
	messages  int
}

const fleetSize = 6

// fleetAccounts funds them.
func fleetAccounts() []assay.Allocation {
	var list []assay.Allocation
	for i := range fleetSize {
		list = append(list, assay.Allocation{Account: assay.KeyOf(key(providerName(i))), Amount: 1 << 50})
	}
	// The validator pays for its attestations.
	return append(list, assay.Allocation{Account: assay.KeyOf(key(validatorName(0))), Amount: coins})
}

func providerName(i int) string { return fmt.Sprintf("provider%d", i) }

func newFleet(t testing.TB, n *Node) *fleet {
	f := &fleet{t: t, n: n, names: map[assay.Key]string{}}
	for i := range fleetSize {
		name := providerName(i)
		k := assay.KeyOf(key(name))
		f.names[k] = name
		f.send(name,
			&assay.PostOffer{Offer: assay.Offer{Provider: k, Owner: k, Price: 1000, Runtimes: []string{assay.RuntimeWasm}, Capacity: assay.MaxCapacity}},
			&assay.Stake{Provider: k, Amount: 1 << 45})
	}
	f.latencies, f.messages = nil, 0
	return f
}

func (f *fleet) send(from string, messages ...assay.Message) TxResult {
	f.t.Helper()
	tx := assay.SignTx(f.n.app.network, f.key(from), nonce.Add(1), head(f.n).Height+400, messages...)
	at := time.Now()
	r := send(f.t, f.n, tx)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.latencies = append(f.latencies, time.Since(at))
	f.messages += len(messages)
	return r
}

var keyCache sync.Map

func (f *fleet) key(name string) (k []byte) {
	if v, ok := keyCache.Load(name); ok {
		return v.([]byte)
	}
	k = key(name)
	keyCache.Store(name, k)
	return k
}

// job submits one and plays it to its settlement.
func (f *fleet) job(seed uint64) *board.Case {
	f.t.Helper()
	job := assay.Job{
		Version: 1, Runtime: assay.RuntimeWasm, Program: assay.Digest{1}, Args: []string{"test"}, Seed: seed,
		Limits: assay.DefaultLimits(), Policy: "quorum(3)", MaxPrice: 1000,
		Deadline: f.n.config.Now().Add(3_600_000), Requester: assay.KeyOf(key("alice")),
	}
	f.send("alice", &assay.Submit{Job: job})
	id := job.ID()
	result := assay.Result{Status: assay.Exited, Fuel: 7, Output: canon.Hash("out", id[:]), State: canon.Hash("state", id[:])}
	digest := result.Digest()
	c := f.await(id, board.Committing)
	f.each(c, func(s *board.Seat, name string) {
		salt := assay.SaltOf([]byte(name), id, s.Number)
		f.send(name, &assay.Commit{Job: id, Seat: s.Number, Commit: assay.CommitTo(f.n.app.network, id, s.Number, s.Role, s.Provider, salt, digest)})
	})
	f.await(id, board.Tagging)
	f.each(c, func(s *board.Seat, name string) {
		f.send(name, &assay.Tag{Job: id, Seat: s.Number, Tag: assay.TagOf(id, digest)})
	})
	f.await(id, board.Opening)
	f.each(c, func(s *board.Seat, name string) {
		f.send(name, &assay.Open{Job: id, Seat: s.Number, Salt: assay.SaltOf([]byte(name), id, s.Number), Result: result})
	})
	f.await(id, board.Fetching)
	f.send(validatorName(0), &assay.Attest{Job: id, Output: result.Output})
	return f.await(id, board.Settled)
}

// each runs the seats' moves side by side.
func (f *fleet) each(c *board.Case, move func(s *board.Seat, name string)) {
	var wg sync.WaitGroup
	for i := range c.Seats {
		wg.Go(func() { move(&c.Seats[i], f.names[c.Seats[i].Provider]) })
	}
	wg.Wait()
}

// await reconciles from state, woken by moments, as actors do.
func (f *fleet) await(id assay.JobID, phase board.Phase) *board.Case {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for range f.n.Watch(ctx) {
		c, err := f.n.Case(ctx, id)
		if err != nil {
			f.t.Error(err)
			return &board.Case{}
		}
		if c.Phase >= phase {
			return c
		}
	}
	f.t.Errorf("job %s does not reach %s", id.Short(), phase)
	return &board.Case{}
}

// TestQuorumOnComet plays jobs on a real chain, draws by real beacons, and
// proves their records to a stranger.
func TestQuorumOnComet(t *testing.T) {
	g := testGenesis(1, fleetAccounts()...)
	n := start(t, testConfig(g, 0))
	f := newFleet(t, n)
	for seed := range uint64(3) {
		begin := time.Now()
		c := f.job(seed)
		if c.Record == nil || c.Record.Verdict.Outcome != assay.Accepted {
			t.Fatalf("job ended %s: %+v", c.Phase, c.Verdict)
		}
		t.Logf("job settled in %v", time.Since(begin))
		p, err := n.Proof(context.Background(), ledger.RecordKey(c.ID))
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Verify(g); err != nil {
			t.Error(err)
		}
		if d := c.Record.Digest(); string(p.Value) != string(d[:]) {
			t.Errorf("the state holds %x, the record is %x", p.Value, d)
		}
		if _, err := p.Inclusion(); err != nil {
			t.Error(err)
		}
	}
	rest(n)
	var owed ledger.Owed
	_ = n.View(func(l *ledger.Ledger) { owed = l.Owes(n.config.Now()) })
	if owed.Any() {
		t.Errorf("after every job has settled the ledger owes %+v", owed)
	}
}

// TestDeadlinesNeedNoMessages: providers are drawn and stay silent. Only the
// node's own ticks move the case on to its end.
func TestDeadlinesNeedNoMessages(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for clocks of seconds")
	}
	g := testGenesis(1, fleetAccounts()...)
	n := start(t, testConfig(g, 0))
	f := newFleet(t, n)
	limits := assay.DefaultLimits()
	limits.Fuel = 1000
	job := assay.Job{
		Version: 1, Runtime: assay.RuntimeWasm, Program: assay.Digest{1}, Args: []string{"test"},
		Limits: limits, Policy: "quorum(1)", MaxPrice: 1000,
		Deadline: n.config.Now().Add(20_000), Requester: assay.KeyOf(key("alice")),
	}
	f.send("alice", &assay.Submit{Job: job})
	begin := time.Now()
	c := f.await(job.ID(), board.Settled)
	if c.Record == nil || c.Record.Verdict.Outcome != assay.Undecided {
		t.Fatalf("the case is %s: %+v", c.Phase, c.Verdict)
	}
	late := 0
	for _, s := range c.Seats {
		if s.State == assay.Late {
			late++
		}
	}
	t.Logf("undecided after %v, %d late", time.Since(begin), late)
	if late == 0 {
		t.Error("nobody was late")
	}
}

// BenchmarkQuorum measures the mix of whole jobs, many side by side.
func BenchmarkQuorum(b *testing.B) {
	for _, where := range []string{"memory", "disk"} {
		for _, side := range []int{1, 32} {
			b.Run(fmt.Sprintf("%s/%d", where, side), func(b *testing.B) {
				f := newFleet(b, benchNode(b, where))
				seeds := make(chan uint64)
				var wg sync.WaitGroup
				cpu := cpuTime()
				b.ResetTimer()
				for range side {
					wg.Go(func() {
						for seed := range seeds {
							f.job(seed)
						}
					})
				}
				for range b.N {
					seeds <- nonce.Add(1)
				}
				close(seeds)
				wg.Wait()
				b.StopTimer()
				slices.Sort(f.latencies)
				b.ReportMetric(float64(f.messages)/b.Elapsed().Seconds(), "msgs/s")
				b.ReportMetric(float64(f.latencies[len(f.latencies)/2].Microseconds())/1000, "p50-ms")
				b.ReportMetric(float64(f.latencies[len(f.latencies)*99/100].Microseconds())/1000, "p99-ms")
				b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(f.messages), "cpu-µs/msg")
			})
		}
	}
}

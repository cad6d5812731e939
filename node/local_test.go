package node

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/adversary"
	"github.com/capacloud/assay/blob"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/executor/wasm"
	"github.com/capacloud/assay/merkle"
	"github.com/capacloud/assay/requester"
)

// bench is an in-process network with one requester and the sieve.
type bench struct {
	testing.TB
	local  *Local
	engine *wasm.Executor
	store  *blob.Store
	sieve  assay.Digest
}

// counting counts the executions of each provider's own executor. StartLocal
// hands one executor to all, so calls are told apart by the store that they
// read from: every provider has one of its own.
type counting struct {
	executor.Executor
	mu    sync.Mutex
	calls map[executor.Artifacts]int
}

func (c *counting) Execute(ctx context.Context, job *assay.Job, a executor.Artifacts) (*executor.Outcome, error) {
	c.mu.Lock()
	c.calls[a]++
	c.mu.Unlock()
	return c.Executor.Execute(ctx, job, a)
}

func newBench(tb testing.TB, providers int) *bench {
	tb.Helper()
	return newBenchWith(tb, LocalConfig{Providers: providers})
}

func newBenchWith(tb testing.TB, cfg LocalConfig) *bench {
	tb.Helper()
	ctx := context.Background()
	b := &bench{TB: tb}
	var err error
	if b.engine, err = wasm.New(ctx, wasm.Options{}); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { b.engine.Close(ctx) })
	if c, ok := cfg.Executor.(*counting); ok {
		c.Executor = b.engine
	} else if g, ok := cfg.Executor.(*gate); ok {
		g.Epochs = wasm.Epochs{Executor: b.engine}
	} else {
		cfg.Executor = b.engine
	}
	if b.local, err = StartLocal(ctx, cfg); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := b.local.Close(); err != nil {
			tb.Error(err)
		}
	})
	if b.store, err = blob.OpenMemory(blob.Config{}); err != nil {
		tb.Fatal(err)
	}
	program, err := os.ReadFile(filepath.Join("..", "examples", "c", "sieve", "sieve.wasm"))
	if err != nil {
		tb.Fatal(err)
	}
	if b.sieve, err = b.store.PutBytes(ctx, program); err != nil {
		tb.Fatal(err)
	}
	if _, err := blob.Copy(ctx, b.local.Blobs, b.store, b.sieve, merkle.File); err != nil {
		tb.Fatal(err)
	}
	if err := b.engine.Precompile(ctx, program, assay.DefaultLimits()); err != nil {
		tb.Fatal(err)
	}
	return b
}

// nonces tell the jobs of one test process apart.
var nonces struct {
	sync.Mutex
	last uint64
}

func (b *bench) job(args ...string) assay.Job {
	nonces.Lock()
	defer nonces.Unlock()
	nonces.last++
	l := assay.DefaultLimits()
	return assay.Job{
		Version: 1, Runtime: assay.RuntimeWasm, Program: b.sieve, Args: append([]string{"sieve"}, args...), Limits: l,
		Policy: "quorum(3)", MaxPrice: LocalMaxPrice, Start: 1, Deadline: Now().Add(600_000), Requester: assay.KeyOf(b.local.Requester), Nonce: nonces.last,
	}
}

func (b *bench) run(job assay.Job, progress func(requester.Progress, *board.Case)) *Finished {
	b.Helper()
	if progress == nil {
		progress = func(requester.Progress, *board.Case) {}
	}
	f, err := RunJob(context.Background(), JobConfig{
		Network: b.local.Network, Key: b.local.Requester, Job: job, Store: b.store, Remote: b.local.Blobs, Progress: progress,
	})
	if err != nil {
		b.Fatal(err)
	}
	return f
}

// TestEachExecutes: three seats, three executions, each from a store of its
// own, and no more than three.
func TestEachExecutes(t *testing.T) {
	c := &counting{calls: map[executor.Artifacts]int{}}
	b := newBenchWith(t, LocalConfig{Providers: 5, Executor: c})
	for round := 1; round <= 3; round++ {
		f := b.run(b.job("1000"), nil)
		if v := f.Case.Record.Verdict; v.Outcome != assay.Accepted || !f.Delivered || len(f.Case.Seats) != 3 {
			t.Fatalf("%s, %d seats", v.Outcome, len(f.Case.Seats))
		}
		total := 0
		c.mu.Lock()
		for _, n := range c.calls {
			total += n
		}
		stores := len(c.calls)
		c.mu.Unlock()
		if total != 3*round {
			t.Errorf("round %d: %d executions", round, total)
		}
		if round == 1 && stores != 3 {
			t.Errorf("three executions read from %d stores", stores)
		}
	}
}

// TestNoSocket counts the sockets of this process with and without a network.
func TestNoSocket(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("no /proc here")
	}
	before := sockets(t)
	b := newBench(t, 3)
	b.run(b.job("1000"), nil)
	if after := sockets(t); len(after) > len(before) {
		t.Errorf("sockets before %q, after %q", before, after)
	}
}

func sockets(t *testing.T) (list []string) {
	t.Helper()
	dir, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dir {
		if to, err := os.Readlink("/proc/self/fd/" + d.Name()); err == nil && strings.HasPrefix(to, "socket:") {
			list = append(list, to)
		}
	}
	return list
}

// TestCloseLeavesNothing starts and ends networks and counts what runs on.
func TestCloseLeavesNothing(t *testing.T) {
	ctx := t.Context()
	engine, err := wasm.New(ctx, wasm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close(ctx)
	once := func() {
		l, err := StartLocal(ctx, LocalConfig{Providers: 3, Executor: engine, Home: filepath.Join(t.TempDir(), "chain")})
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	once() // what the process keeps for good starts here
	before := runtime.NumGoroutine()
	once()
	late := time.After(10 * time.Second)
	for runtime.NumGoroutine() > before {
		select {
		case <-late:
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines before, %d after\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
		default:
			runtime.Gosched()
		}
	}
}

// TestRefused: what the ledger refuses comes back under its own code, with what
// it cost, not as a story about submissions.
func TestRefused(t *testing.T) {
	b := newBench(t, 3)
	job := b.job("10")
	job.MaxPrice = 999_999_999
	_, err := RunJob(t.Context(), JobConfig{
		Network: b.local.Network, Key: b.local.Requester, Job: job, Store: b.store, Remote: b.local.Blobs,
		Progress: func(requester.Progress, *board.Case) {},
	})
	if assay.CodeOf(err) != "insufficient-balance" || !strings.Contains(err.Error(), "cost") {
		t.Error(err)
	}
}

// TestUnavailable: an accepted result of which nobody delivers the bytes. Its
// receipt says so, nobody is paid, and the requester has the escrow back less
// fees. Which of the withholding providers is drawn is not ours to choose.
func TestUnavailable(t *testing.T) {
	p := assay.LocalParams()
	p.Slack, p.TagClock, p.OpenClock, p.AvailableClock = 500, 200, 200, 200
	b := newBenchWith(t, LocalConfig{Providers: 3, Cheaters: adversary.Counts{adversary.Withhold: 3}, Params: p})
	for range 50 {
		job := b.job("10")
		job.Policy, job.Limits.Fuel = "none", 1_000_000
		f := b.run(job, nil)
		s := f.Case.Record.Settlement
		if f.Delivered || s.Paid != 0 || s.Slashed != 0 || s.Refunded+s.Fees != s.Escrow || len(f.Receipt) == 0 {
			t.Fatalf("delivered %t, %+v", f.Delivered, s)
		}
		if f.Case.Record.Verdict.Outcome == assay.Accepted {
			if s.Availability != assay.NotAvailable || f.Report.Result == nil {
				t.Errorf("%+v", s)
			}
			return
		}
	}
	t.Error("never drawn")
}

// TestInterrupted: a cancelled context ends a job's follower and then the
// network, in whatever phase they are.
func TestInterrupted(t *testing.T) {
	for _, at := range []requester.Kind{requester.Submitted, requester.Drawn, requester.Committed, requester.Tagged, requester.Decided} {
		t.Run(string(at), func(t *testing.T) {
			b := newBench(t, 3)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			_, err := RunJob(ctx, JobConfig{
				Network: b.local.Network, Key: b.local.Requester, Job: b.job("10"), Store: b.store, Remote: b.local.Blobs,
				Progress: func(p requester.Progress, _ *board.Case) {
					if p.Kind == at {
						cancel()
					}
				},
			})
			if err == nil {
				t.Error("it went on to the end")
			}
		})
	}
}

// phases are the moments that split a job's time.
var phases = []requester.Kind{requester.Submitted, requester.Drawn, requester.Committed, requester.Tagged, requester.Opened, requester.Decided, requester.Settled}

// BenchmarkJob measures what a verified job takes on a warm network with a
// compiled program: p50 of the whole, of each phase, and of the overhead over
// the time that the same execution takes alone.
func BenchmarkJob(b *testing.B) {
	for _, c := range []struct{ name, n string }{{"10ms", "3500000"}, {"1s", "190000000"}} {
		b.Run(c.name, func(b *testing.B) { benchmarkJob(b, c.n) })
	}
}

func benchmarkJob(b *testing.B, arg string) {
	n := newBench(b, 5)
	alone := make([]time.Duration, 0, 5)
	for range cap(alone) {
		job := n.job(arg)
		begin := time.Now()
		out, err := n.engine.Execute(b.Context(), &job, n.store)
		if err != nil || out.Result.Status != assay.Exited {
			b.Fatalf("%v %+v", err, out)
		}
		alone = append(alone, time.Since(begin))
	}
	var whole []time.Duration
	spans := map[requester.Kind][]time.Duration{}
	for b.Loop() {
		begin := time.Now()
		at := map[requester.Kind]time.Time{}
		f := n.run(n.job(arg), func(p requester.Progress, _ *board.Case) { at[p.Kind] = time.Now() })
		whole = append(whole, time.Since(begin))
		if f.Case.Record.Verdict.Outcome != assay.Accepted {
			b.Fatal(f.Case.Record.Verdict.Outcome)
		}
		last := begin
		for _, k := range phases {
			if t, ok := at[k]; ok {
				spans[k] = append(spans[k], t.Sub(last))
				last = t
			}
		}
		spans["receipt"] = append(spans["receipt"], time.Since(last))
	}
	report := func(name string, d []time.Duration) {
		b.ReportMetric(float64(median(d).Microseconds())/1000, name+"-ms")
	}
	b.ReportMetric(0, "ns/op")
	report("p50", whole)
	report("alone", alone)
	b.ReportMetric(float64((median(whole)-median(alone)).Microseconds())/1000, "overhead-ms")
	for k, d := range spans {
		report(string(k), d)
	}
}

func median(d []time.Duration) time.Duration {
	d = slices.Clone(d)
	slices.Sort(d)
	return d[len(d)/2]
}

// BenchmarkStart measures how long an in-process network of five takes from
// nothing to its offers standing.
func BenchmarkStart(b *testing.B) {
	engine, err := wasm.New(b.Context(), wasm.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer engine.Close(b.Context())
	for b.Loop() {
		l, err := StartLocal(b.Context(), LocalConfig{Providers: 5, Executor: engine})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

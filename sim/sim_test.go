package sim

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/executor/wasm"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "run this seed alone, with a trace")
	seedsFlag = flag.Int("seeds", 250, "how many seeds of the swarm to run; 2000 with -all")
	allFlag   = flag.Bool("all", false, "run the swarm over 2,000 seeds, and the others over as many as they are meant for")
)

// engine executes for all worlds of this process.
var engine = sync.OnceValue(func() *Engine {
	native, err := wasm.New(context.Background(), wasm.Options{})
	if err != nil {
		panic(err)
	}
	return NewEngine(wasm.Epochs{Executor: native})
})

// world is New with the shared engine.
func world(s Setup, o Options) *World {
	o.Engine = engine()
	return New(s, o)
}

// TestSeeds runs the swarm: every seed another world, every checker silent.
func TestSeeds(t *testing.T) {
	if *seedFlag != 0 {
		runSeed(t, *seedFlag, t.Logf)
		return
	}
	seeds := regressions(t, "testdata/seeds.txt")
	if *allFlag {
		*seedsFlag = 2000
	}
	for n := range uint64(*seedsFlag) {
		seeds = append(seeds, n+1)
	}
	if testing.Short() {
		seeds = seeds[:min(len(seeds), 100)]
	}
	var total tally
	each(seeds, func(seed uint64) { total.add(runSeed(t, seed, nil)) })
	t.Logf("%d seeds: %+v", len(seeds), total.counts)
}

// each calls fn for all seeds, on all processors.
func each(seeds []uint64, fn func(seed uint64)) {
	work := make(chan uint64)
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for seed := range work {
				fn(seed)
			}
		})
	}
	for _, seed := range seeds {
		work <- seed
	}
	close(work)
	wait.Wait()
}

// TestEpochSeeds runs the swarm of jobs with epochs, in which everything has to
// happen to checkpoints that can.
func TestEpochSeeds(t *testing.T) {
	if *seedFlag != 0 {
		runSetup(t, EpochSwarm(*seedFlag), "TestEpochSeeds", t.Logf)
		return
	}
	n := *seedsFlag * 3 / 5
	if testing.Short() {
		n = min(n, 60)
	}
	if *allFlag {
		n = 2000
	}
	seeds := regressions(t, "testdata/epoch_seeds.txt")
	for i := range uint64(n) {
		seeds = append(seeds, i+1)
	}
	var total tally
	each(seeds, func(seed uint64) { total.add(runSetup(t, EpochSwarm(seed), "TestEpochSeeds", nil)) })
	t.Logf("%d seeds: %+v", len(seeds), total.counts)
	if testing.Short() {
		return
	}
	for _, what := range []string{
		"resumes", "resumes of a false state", "misled", "poisoners slashed", "deaths that were made good",
		"misled, found by an appeal", "checkpoints that nobody serves", "checkpoints of another state than they say",
	} {
		if total.counts[what] == 0 {
			t.Errorf("there were no %s", what)
		}
	}
}

func runSeed(t *testing.T, seed uint64, trace func(string, ...any)) *World {
	return runSetup(t, Swarm(seed), "TestSeeds", trace)
}

func runSetup(t *testing.T, setup Setup, name string, trace func(string, ...any)) *World {
	o := Options{Trace: trace, Engine: engine()}
	if trace != nil {
		t.Log(setup)
	}
	w := New(setup, o).Run()
	if f := w.Failures(); len(f) > 0 {
		smallest := setup
		if trace != nil {
			smallest = Shrink(setup, o)
		}
		t.Errorf("%s\n%s\nsmallest faults that still fail: [%s]\ngo test ./sim -run %s -seed=%d -v", setup, describe(f), smallest.Faults, name, setup.Seed)
	}
	return w
}

func describe(list []Breach) string {
	var b strings.Builder
	for _, x := range list[:min(len(list), 6)] {
		fmt.Fprintf(&b, "  %s (job %s): %s\n", x.Checker, x.Job.Short(), x.Text)
	}
	return b.String()
}

// regressions are seeds that once failed: they stay for ever.
func regressions(t *testing.T, file string) []uint64 {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var seeds []uint64
	for s := bufio.NewScanner(f); s.Scan(); {
		field, _, _ := strings.Cut(s.Text(), "#")
		if field = strings.TrimSpace(field); field == "" {
			continue
		}
		n, err := strconv.ParseUint(field, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		seeds = append(seeds, n)
	}
	return seeds
}

// tally counts what a set of runs came to.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
}

func (t *tally) add(w *World) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[string]int{}
	}
	t.counts["blocks"] += len(w.Chain.log)
	for what, n := range w.Counts {
		t.counts[what] += n
	}
	for _, id := range w.Chain.closed {
		c := w.caseOf(id)
		for _, d := range c.Disputes {
			t.dispute("dispute", &d)
		}
		for _, a := range w.Chain.ledger.Appeals(id) {
			t.dispute("appeal", &a.Dispute)
			if a.Revocation != nil {
				t.counts["revocations"]++
			}
		}
	}
	for _, b := range w.Breaches {
		if b.Broken {
			t.counts["assumption broken"]++
		}
	}
	for _, c := range w.Clients {
		k := w.caseOf(c.ID)
		switch {
		case k == nil:
			t.counts["never included"]++
		case k.Record != nil:
			v, s := &k.Record.Verdict, &k.Record.Settlement
			t.counts[v.Outcome.String()+" "+string(v.Code)+" "+s.Availability.String()]++
			for _, f := range s.Faults {
				t.counts["fault "+string(f.Class)]++
			}
		}
	}
}

func (t *tally) dispute(what string, d *board.Dispute) {
	t.counts[what+"s"]++
	if d.Game == nil {
		t.counts[what+" without a game: "+string(d.Code)]++
		return
	}
	for i := range d.Game.Claims {
		if l := d.Game.Claims[i].Lost; l != nil {
			t.counts["claim "+string(l.Code)]++
		} else {
			t.counts["claim survived"]++
		}
	}
	t.counts["proofs"] += len(d.Game.Proofs)
}

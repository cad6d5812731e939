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

	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/executor/wasm"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "run this seed alone, with a trace")
	seedsFlag = flag.Int("seeds", 1000, "how many seeds to run")
)

// TestSeeds runs the swarm: every seed another world, every checker silent.
func TestSeeds(t *testing.T) {
	real, err := wasm.New(context.Background(), wasm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer real.Close(context.Background())
	if *seedFlag != 0 {
		runSeed(t, real, *seedFlag, t.Logf)
		return
	}
	seeds := regressions(t)
	for n := range uint64(*seedsFlag) {
		seeds = append(seeds, n+1)
	}
	if testing.Short() {
		seeds = seeds[:min(len(seeds), 100)]
	}
	var total tally
	work := make(chan uint64)
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for seed := range work {
				total.add(runSeed(t, real, seed, nil))
			}
		})
	}
	for _, seed := range seeds {
		work <- seed
	}
	close(work)
	wait.Wait()
	t.Logf("%d seeds: %+v", len(seeds), total.counts)
}

func runSeed(t *testing.T, real executor.Executor, seed uint64, trace func(string, ...any)) *World {
	setup := Swarm(seed)
	o := Options{Trace: trace}
	if setup.Wasm {
		o.Executor = real
	}
	if trace != nil {
		t.Log(setup)
	}
	w := New(setup, o).Run()
	if f := w.Failures(); len(f) > 0 {
		t.Errorf("%s\n%s\nsmallest faults that still fail: [%s]\ngo test ./sim -run TestSeeds -seed=%d -v", setup, describe(f), Shrink(setup, o).Faults, seed)
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
func regressions(t *testing.T) []uint64 {
	f, err := os.Open("testdata/seeds.txt")
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
			t.Fatalf("seeds.txt: %v", err)
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
	if w.Setup.Wasm {
		t.counts["wasm seeds"]++
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

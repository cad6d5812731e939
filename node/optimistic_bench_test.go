//go:build unix

package node

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/executor"
)

// BenchmarkOptimistic measures what an undisputed job under `optimistic` costs
// beyond its execution, with none, a twentieth and all of the jobs watched. A
// short job and a long one give the constant and what comes with the length:
//
//	provider-×  processor time of everything but the watchers' executions, per
//	            one more of execution: what the long jobs took more than the
//	            short ones, over what their execution alone takes more
//	network-×   the same with the watchers' executions
//	constant-ms processor time of a job without any execution, of all parties:
//	            ledger, validator, requester, provider, watchers
//	watched-%   jobs for which a watcher executed
//
// All parties share one process, and nobody re-executes who was not drawn.
func BenchmarkOptimistic(b *testing.B) {
	for _, share := range []int{0, 5, 100} {
		b.Run(fmt.Sprintf("watched=%d%%", share), func(b *testing.B) { benchmarkOptimistic(b, share) })
	}
}

const shortJob, longJob = "3500000", "190000000"

func benchmarkOptimistic(b *testing.B, share int) {
	params := assay.LocalParams()
	params.WatchShare = assay.PPM(share * 10_000)
	calls := &counting{calls: map[executor.Artifacts]int{}}
	n := newBenchWith(b, LocalConfig{Providers: 3, NoWatcher: true, Params: params, Executor: calls})
	var jobs, watched int
	alone, spent, executions := map[string]time.Duration{}, map[string]time.Duration{}, map[string]int{}
	for b.Loop() {
		for _, arg := range []string{shortJob, longJob} {
			alone[arg] += n.alone(b, arg)
			job := n.job(arg)
			job.Policy = "optimistic(1s)"
			before, begin := calls.total(), processorTime(b)
			f := n.run(job, nil)
			spent[arg] += processorTime(b) - begin
			if v := f.Case.Record.Verdict; v.Outcome != assay.Accepted {
				b.Fatalf("%s %s", v.Outcome, v.Code)
			}
			executed := calls.total() - before
			executions[arg] += executed
			jobs++
			watched += executed - 1
		}
	}
	// each is what one job of a kind took without so many executions.
	each := func(arg string, without int) float64 {
		once := alone[arg].Seconds() / float64(b.N)
		return spent[arg].Seconds()/float64(b.N) - float64(without)/float64(b.N)*once
	}
	more := (alone[longJob] - alone[shortJob]).Seconds() / float64(b.N)
	watchers := func(arg string) int { return executions[arg] - b.N }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(alone[longJob].Seconds()/float64(b.N), "alone-s")
	b.ReportMetric((each(longJob, watchers(longJob))-each(shortJob, watchers(shortJob)))/more, "provider-×")
	b.ReportMetric((each(longJob, 0)-each(shortJob, 0))/more, "network-×")
	b.ReportMetric(1000*each(shortJob, executions[shortJob]), "constant-ms")
	b.ReportMetric(100*float64(watched)/float64(jobs), "watched-%")
}

// alone executes once, without a network, and returns the processor time of it.
func (n *bench) alone(b *testing.B, arg string) time.Duration {
	b.Helper()
	job := n.job(arg)
	begin := processorTime(b)
	out, err := n.engine.Execute(b.Context(), &job, n.store)
	if err != nil || out.Result.Status != assay.Exited {
		b.Fatalf("%v %+v", err, out)
	}
	return processorTime(b) - begin
}

func (c *counting) total() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, calls := range c.calls {
		n += calls
	}
	return n
}

// processorTime is what this process has used: others share the machine.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

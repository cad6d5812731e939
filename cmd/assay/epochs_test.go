package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/capacloud/assay/blob"
)

// heat is a run of the example that takes a processor for some seconds. A commit
// is due after one second for each 10^9 of fuel.
var heat = []string{"--policy", "none", "--fuel", "32000000000", "--", "256", "6000"}

// startEpochNetwork is startNetwork with providers that often keep checkpoints.
func startEpochNetwork(t *testing.T, providers int) *network {
	t.Helper()
	n := startNetwork(t, 0)
	for i := range providers {
		n.startKeeper(t, filepath.Join(n.home.dir, "p"+string(rune('1'+i))))
	}
	return n
}

func (n *network) startKeeper(t *testing.T, dir string) *proc {
	t.Helper()
	p := n.start(t, "provider", "--network", n.url, "--dir", dir, "--checkpoints", "300ms", "--verbose", "--json")
	var v struct{ Provider string }
	p.object(&v)
	n.providers[v.Provider] = p
	return p
}

// shown is what `job show --json` says of epochs.
type shown struct {
	Phase       string
	Checkpoints []checkpointView
	Resumes     []resumeView
}

// keeps waits until a provider has kept a checkpoint of a job, and the validator
// has a copy, and returns the job and the provider.
func (n *network) keeps(t *testing.T, run *proc) (job string, key string) {
	t.Helper()
	job = run.await(&run.err, `job +(sha256:[0-9a-f]{64})`)[1]
	short := run.await(&run.err, `assigned +([0-9a-f]{8}):`)[1]
	for k := range n.providers {
		if strings.HasPrefix(strings.TrimPrefix(k, "ed25519:"), short) {
			key = k
		}
	}
	client, err := blob.NewClient(blob.ClientConfig{Base: n.url})
	if err != nil {
		t.Fatal(err)
	}
	for late := time.Now().Add(patience); time.Now().Before(late); {
		v := n.shown(t, job)
		for _, k := range v.Checkpoints {
			if k.File == nil {
				continue
			}
			if f, err := client.OpenFile(t.Context(), *k.File); err == nil {
				if err := f.Close(); err != nil {
					t.Fatal(err)
				}
				return job, key
			}
		}
		if v.Phase == "settled" {
			break
		}
	}
	t.Fatal("no checkpoint was kept")
	return "", ""
}

func (n *network) shown(t *testing.T, job string) (v shown) {
	t.Helper()
	n.ok(t, 0, "job", "show", job, "--network", n.url, "--json").object(&v)
	return v
}

// TestProviderKilledHalfWay: the process that runs a job is killed, and loses what
// it had. Another one goes on from its last checkpoint, and the output is the one
// that an uninterrupted run has.
func TestProviderKilledHalfWay(t *testing.T) {
	needProcesses(t)
	t.Parallel()
	n := startEpochNetwork(t, 3)
	program := filepath.Join(repositoryRoot(t), "examples/heat")
	whole := n.ok(t, 0, append([]string{"run", program, "--receipt", "whole"}, heat...)...)
	run := n.start(t, append([]string{"run", program, "--network", n.url, "--receipt", "resumed", "--json", "--out", "out"}, heat...)...)
	job, dead := n.keeps(t, run)
	n.providers[dead].signal(syscall.SIGKILL)
	n.providers[dead].exit()
	if got := run.exit(); got != 0 {
		t.Fatalf("exit %d\n%s", got, run.err.String())
	}
	run.await(&run.err, `resumed +[0-9a-f]{8} goes on from epoch [0-9,]+, of which `+dead[len("ed25519:"):][:8]+` had posted a checkpoint`)
	var v runView
	run.object(&v)
	if len(v.Resumes) != 1 || v.Resumes[0].Poster.String() != dead || v.Resumes[0].Epoch == 0 || v.Verdict != "accepted" {
		t.Fatalf("resumes %+v, %s", v.Resumes, v.Verdict)
	}
	if told := n.shown(t, job); len(told.Resumes) != 1 || told.Resumes[0] != v.Resumes[0] {
		t.Errorf("job show tells %+v, run %+v", told.Resumes, v.Resumes)
	}
	show := n.ok(t, 0, "job", "show", job, "--network", n.url)
	show.await(&show.out, `(?m)^resumed +seat 1 from epoch [0-9,]+ of seat 0: state sha256:`)
	verified := n.ok(t, exitUsage, "verify", "resumed", "--trust", n.anchor) // nothing was checked
	verified.await(&verified.out, `assumes +seat 1 went on from boundary [0-9]+ as seat 0 had posted it.*resumed-from-checkpoint`)
	out, err := os.ReadFile(filepath.Join(n.home.dir, "out", "stdout"))
	if got := string(out); err != nil || got != whole.out.String() {
		t.Errorf("the output is\n%s\nand that of an uninterrupted run\n%s", got, whole.out.String())
	}
}

// TestProviderRestartedHalfWay: the killed process is started again in time. It
// goes on from its own checkpoint, and nobody else is drawn.
func TestProviderRestartedHalfWay(t *testing.T) {
	needProcesses(t)
	t.Parallel()
	n := startEpochNetwork(t, 1)
	program := filepath.Join(repositoryRoot(t), "examples/heat")
	run := n.start(t, append([]string{"run", program, "--network", n.url, "--receipt", "restarted"}, heat...)...)
	job, dead := n.keeps(t, run)
	n.providers[dead].signal(syscall.SIGKILL)
	n.providers[dead].exit()
	again := n.startKeeper(t, filepath.Join(n.home.dir, "p1"))
	if got := run.exit(); got != 0 {
		t.Fatalf("exit %d\n%s", got, run.err.String())
	}
	again.await(&again.err, `goes on from a checkpoint.*`+job)
	if v := n.shown(t, job); len(v.Resumes) != 0 || len(v.Checkpoints) == 0 {
		t.Errorf("resumes %+v, checkpoints %+v", v.Resumes, v.Checkpoints)
	}
}

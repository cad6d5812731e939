package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestLateFraudProof: a wrong result that nobody watched is accepted and paid;
// within the liability window a challenger has it revoked, and a receipt that
// was genuine before says so from then on, offline.
func TestLateFraudProof(t *testing.T) {
	needProcesses(t)
	t.Parallel()
	n := &network{home: newHome(t)}
	dev := n.start(t, "dev", "--providers", "1", "--lie", "1", "--no-watcher", "--liability", "1h", "--json")
	var at struct{ URL, Anchor string }
	dev.object(&at)
	n.url, n.anchor = at.URL, at.Anchor
	sieve := filepath.Join(repositoryRoot(t), "examples/c/sieve")

	run := n.job(t, 0, sieve, "--policy", "optimistic(1s)", "--receipt", "r", "--", "1000")
	if strings.Contains(run.out.String(), "primes up to 1000: 168") {
		t.Fatal("the only provider lies, and the output is right")
	}
	job := run.await(&run.err, `job +(sha256:[0-9a-f]{64})`)[1]
	v := n.ok(t, 0, "verify", "r", "--trust", n.anchor)
	v.await(&v.out, `\(could-be-revoked\)`)
	v.await(&v.out, `horizon  liable until `)
	n.ok(t, 2, "verify", "r", "--trust", n.anchor, "--revocations", "r")
	p := n.ok(t, 0, "job", "revocations", job, "--network", n.url, "-o", "before")
	p.await(&p.err, `stands +not revoked as of height \d+`)
	v = n.ok(t, 0, "verify", "r", "--trust", n.anchor, "--revocations", "before")
	v.await(&v.out, `not revoked as of height \d+`)
	v.await(&v.out, `nobody proves it wrong between height \d+ and `)

	watcher := n.start(t, "challenger", "--network", n.url, "--json")
	var who struct{ Challenger string }
	watcher.object(&who)
	n.awaitRevocation(t, job)
	v = n.ok(t, 1, "verify", "r", "--trust", n.anchor, "--revocations", "after")
	v.await(&v.err, `do not rely on it: result-revoked: result sha256:[0-9a-f]+ was revoked at height \d+ .* by the claim of `+who.Challenger)
	v.await(&v.out, `^revoked +job `)
	n.ok(t, 0, "verify", "r", "--trust", n.anchor) // alone, it cannot know
	p = n.ok(t, 0, "dispute", "show", job+"/appeal/0", "--network", n.url)
	p.await(&p.out, `(?m)^dispute +`+job+`/appeal/0   ended$`)
	p.await(&p.out, `(?m)^wrong .*refuted-by-proof, 1 step at step [\d,]+: .+ in function `)
	n.ok(t, 1, "dispute", "show", job+"/0", "--network", n.url)
	n.ok(t, 1, "dispute", "show", "sha256:"+strings.Repeat("0", 64), "--network", n.url)

	for _, p := range []*proc{watcher, dev} {
		p.signal(syscall.SIGINT)
		if got := p.exit(); got != exitOK && got != exitInterrupted {
			t.Errorf("exit %d", got)
		}
	}
}

// awaitRevocation asks until the network has revoked a job, and keeps the proof.
func (n *network) awaitRevocation(t *testing.T, job string) {
	t.Helper()
	for late := time.Now().Add(patience); time.Now().Before(late); {
		p := n.ok(t, 0, "job", "revocations", job, "--network", n.url, "-o", "after", "--json")
		var v revocationsView
		p.object(&v)
		if v.Revoked {
			return
		}
	}
	t.Fatal("the result was not revoked")
}

// TestTraceShowsTheDisputedState: what trace shows at the step of a dispute is
// the state on which the parties agreed, and one step further the one that the
// referee found.
func TestTraceShowsTheDisputedState(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a dispute")
	}
	t.Setenv("ASSAY_HOME", t.TempDir())
	sieve := filepath.Join(repositoryRoot(t), "examples/c/sieve")
	file := filepath.Join(t.TempDir(), "r")
	object(t, nil, "run", sieve, "--json", "--providers", "2", "--lie", "1", "--policy", "quorum(2)", "--receipt", file, "--", "1000")
	var shown struct {
		Disputes []struct {
			Step   uint64
			Proofs []struct {
				Step    uint64
				Start   string `json:"start_root"`
				End     string `json:"end_root"`
				Decides bool
			}
		}
	}
	object(t, &shown, "dispute", "show", file, "--json")
	if len(shown.Disputes) != 1 || len(shown.Disputes[0].Proofs) == 0 {
		t.Fatalf("%+v", shown)
	}
	for _, p := range shown.Disputes[0].Proofs {
		for i, want := range []string{p.Start, p.End} {
			var v struct {
				Root string `json:"state_root"`
			}
			object(t, &v, "trace", sieve, "--json", "--step", fmt.Sprint(p.Step+uint64(i)), "--", "1000")
			if v.Root != want {
				t.Errorf("step %d: trace has %s, the dispute %s", p.Step+uint64(i), v.Root, want)
			}
		}
	}
}

// object runs one command in this process and reads its object.
func object(t *testing.T, v any, args ...string) {
	t.Helper()
	var out, errs bytes.Buffer
	if got := Main(args, strings.NewReader(""), &out, &errs); got != exitOK {
		t.Fatalf("%q: exit %d\n%s%s", args, got, out.String(), errs.String())
	}
	if v == nil {
		return
	}
	if err := json.Unmarshal(out.Bytes(), v); err != nil {
		t.Fatalf("%q: %v", args, err)
	}
}

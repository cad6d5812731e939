package wasm

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/executor/machine"
)

// onMachine runs a job on the canonical machine and compares.
func onMachine(t testing.TB, x *machine.Executor, job *assay.Job, s *shelf, want *executor.Outcome) {
	t.Helper()
	got, err := x.Execute(context.Background(), job, s)
	if err != nil {
		t.Fatal(err)
	}
	if got.Result != want.Result {
		t.Errorf("the machine: %+v %s\nthe compiler: %+v %s", got.Result, got.Detail, want.Result, want.Detail)
		return
	}
	if diff := cmp.Diff(want.Output, got.Output, cmp.Comparer(func(a, b canon.Digest) bool { return a == b })); diff != "" {
		t.Errorf("outputs differ: %s", diff)
	}
}

// TestMachineTrapMatrix: the machine that referees reproduces the file.
func TestMachineTrapMatrix(t *testing.T) {
	want, err := os.ReadFile(filepath.Join("testdata", "matrix.txt"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(want), "\n"), "\n")
	x := &machine.Executor{}
	s := newShelf()
	for _, line := range lines {
		var where, what string
		var fuel uint64
		if _, err := fmt.Sscanf(line, "%s %s limit %d", &where, &what, &fuel); err != nil {
			t.Fatal(err)
		}
		job, p, e := matrixJob(t, s, where, what, fuel)
		out, err := x.Execute(context.Background(), job, s)
		if err != nil {
			t.Fatal(err)
		}
		r := out.Result
		got := fmt.Sprintf("%-18s %-13s limit %-6d %-14s %-22s fuel %-6d output %s state %s",
			p.name, e.name, fuel, r.Status, ended(r), r.Fuel, r.Output.Short(), r.State.Short())
		if got != line {
			t.Errorf("the machine: %s\nmatrix.txt:  %s", got, line)
		}
	}
	if len(lines) < 700 {
		t.Errorf("%d lines", len(lines))
	}
}

func matrixJob(t *testing.T, s *shelf, where, what string, fuel uint64) (*assay.Job, place, ending) {
	for _, p := range places() {
		if p.name != where {
			continue
		}
		b := newBuilder("fd_write", "proc_exit")
		for _, e := range endings(b.procType()) {
			if e.name != what {
				continue
			}
			b := newBuilder("fd_write", "proc_exit")
			b.procType()
			job := jobOf(s, matrixModule(p, e, b))
			job.Limits = assay.Limits{Fuel: fuel, Memory: 8 << 16, Frames: 20, Slots: 1 << 12, Output: outputLimit, Files: 4}
			if p.limits != nil {
				p.limits(&job.Limits)
			}
			return job, p, e
		}
	}
	t.Fatalf("no %s in %s", what, where)
	panic("unreachable")
}

// TestMachinePrograms runs real programs on both.
func TestMachinePrograms(t *testing.T) {
	s := newShelf()
	compiled := newExecutor(t, Options{})
	x := &machine.Executor{}
	job := smallJob(s)
	onMachine(t, x, job, s, mustExecute(t, compiled, job, s))
	job = worldJob(t, s)
	onMachine(t, x, job, s, mustExecute(t, compiled, job, s))
	program := goGuest(t, "bomb")
	for _, kind := range []string{"memory", "output", "file", "loop", "recursion", "nil", "nothing"} {
		job := jobOf(s, program)
		job.Args = []string{"bomb", kind}
		job.Limits.Fuel, job.Limits.Memory, job.Limits.Output = 1<<29, 64<<20, 1<<20
		onMachine(t, x, job, s, mustExecute(t, compiled, job, s))
	}
}

package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/merkle"
)

// That results are those of executor/wasm is tested there and in
// machine/interp.

type shelf map[canon.Digest][]byte

func (s shelf) ReadFile(_ context.Context, d canon.Digest) ([]byte, error) {
	b, ok := s[d]
	if !ok {
		return nil, fmt.Errorf("no file %s", d)
	}
	return b, nil
}

func (s shelf) ReadFolder(_ context.Context, d canon.Digest) ([]merkle.Entry, error) {
	return nil, fmt.Errorf("no folder %s", d)
}

func sieveJob(t *testing.T) (*assay.Job, shelf) {
	b, err := os.ReadFile("../../examples/c/sieve/sieve.wasm")
	if err != nil {
		t.Fatal(err)
	}
	return &assay.Job{
		Version: 1, Runtime: assay.RuntimeWasm, Program: merkle.FileOf(b), Args: []string{"sieve", "1000"},
		Limits: assay.Limits{Fuel: 1 << 30, Memory: 16 << 20, Frames: 1 << 10, Slots: 1 << 18, Output: 1 << 20, Files: 4},
	}, shelf{merkle.FileOf(b): b}
}

func TestExecute(t *testing.T) {
	job, s := sieveJob(t)
	x := &Executor{}
	first, err := x.Execute(context.Background(), job, s)
	if err != nil {
		t.Fatal(err)
	}
	if first.Result.Status != assay.Exited || len(first.Output.Stdout()) == 0 && len(first.Output.Stderr()) == 0 {
		t.Errorf("%+v %q %q", first.Result, first.Output.Stdout(), first.Output.Stderr())
	}
	again, err := x.Execute(context.Background(), job, shelf{}) // the program is kept
	if err != nil || again.Result != first.Result {
		t.Errorf("again: %+v, %v", again, err)
	}
}

func TestExecuteRefuses(t *testing.T) {
	ctx := context.Background()
	x := &Executor{}
	job, s := sieveJob(t)
	job.Runtime = "other/1"
	var refusal *assay.Refusal
	if _, err := x.Execute(ctx, job, s); !errors.As(err, &refusal) || refusal.Code != assay.CodeRuntime {
		t.Errorf("another runtime: %v", err)
	}
	job.Runtime, job.Limits.Fuel = assay.RuntimeWasm, 0
	if _, err := x.Execute(ctx, job, s); err == nil {
		t.Error("limits of zero were taken")
	}
	job.Limits.Fuel = 1 << 30
	if _, err := x.Execute(ctx, job, shelf{}); err == nil {
		t.Error("a missing program gave a result")
	}
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := x.Execute(stopped, job, s); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled run: %v", err)
	}
	// What is no module has a result, the same as everywhere.
	text := []byte("no module")
	job.Program = merkle.FileOf(text)
	out, err := x.Execute(ctx, job, shelf{job.Program: text})
	if err != nil || out.Result.Status != assay.InvalidModule || out.Result.Output != executor.EmptyOutput().Root {
		t.Errorf("no module: %+v, %v", out, err)
	}
}

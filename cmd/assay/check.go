package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/blob"
	exec "github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/executor/machine"
	executor "github.com/capacloud/assay/executor/wasm"
)

func newCheck() *cobra.Command {
	o := runOptions{limits: assay.DefaultLimits()}
	cmd := &cobra.Command{
		Use:   "check PROGRAM [flags] [-- ARGS…]",
		Short: "find out whether a job is deterministic before paying for it",
		Long: `Executes the job on this machine several times, on wazero's compiler under different host
settings and on the canonical machine, which decides disputes, and compares results to the
bit, state root included. The canonical machine is about ten times slower.

Exit code 0: equal. 1: different. 2: bad input. A program that recurses deeper than an
engine's own stack is reported as not comparable, never as different.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if n := programArgs(cmd, args); n != 1 {
				return usage("check takes one PROGRAM, got %d; arguments of the program follow --", n)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return o.check(cmd, args[0], args[1:]) },
	}
	f := cmd.Flags()
	o.jobFlags(cmd)
	f.BoolVar(&o.json, "json", false, "print one JSON object")
	return cmd
}

// trial is one execution under one setting.
type trial struct {
	Setting string        `json:"setting"`
	Result  *assay.Digest `json:"result,omitempty"`
	Fuel    uint64        `json:"fuel,omitempty"`
	Millis  int64         `json:"ms"`
	Error   string        `json:"error,omitempty"`
}

// checkView is the object of `check --json`.
type checkView struct {
	Program assay.Digest `json:"program"`
	Answer  string       `json:"answer"` // equal | differs | not-comparable
	Trials  []trial      `json:"trials"`
}

// setting is one way to execute: an engine, and what a host may differ in.
type setting struct {
	name  string
	open  func(ctx context.Context) (exec.Executor, func(), error)
	procs int // GOMAXPROCS; zero: as it is
}

var settings = []setting{
	{"compiler", openCompiler, 0},
	{"compiler, one processor", openCompiler, 1},
	{"canonical machine", openMachine, 0},
}

// openCompiler starts the native executor without its cache on disk.
func openCompiler(ctx context.Context) (exec.Executor, func(), error) {
	x, err := executor.New(ctx, executor.Options{Engine: executor.Compiler})
	if err != nil {
		return nil, nil, err
	}
	return x, func() { endEngine(x) }, nil
}

func openMachine(context.Context) (exec.Executor, func(), error) {
	return new(machine.Executor), func() {}, nil
}

func (o *runOptions) check(cmd *cobra.Command, arg string, args []string) error {
	ctx := cmd.Context()
	u := newUI(cmd.ErrOrStderr())
	u.line("program", "%s", arg)
	if err := o.validateJob(); err != nil {
		return err
	}
	prog, err := o.program(ctx, u, newStopwatch(), arg)
	if err != nil {
		return err
	}
	if err := checkModule(prog.bytes, o.limits.Memory); err != nil {
		return err
	}
	store, err := blob.OpenMemory(blob.Config{})
	if err != nil {
		return err
	}
	defer end(store)
	job, err := o.trialJob(ctx, store, prog, args)
	if err != nil {
		return err
	}
	v := checkView{Program: job.Program, Answer: "equal"}
	for _, s := range settings {
		t, err := s.try(ctx, u, &job, store)
		if err != nil {
			return err
		}
		v.Trials = append(v.Trials, t)
		switch {
		case t.Result == nil:
			v.Answer = string(codeNotComparable)
		case *t.Result != *v.Trials[0].Result:
			v.Answer = string(codeDiffers)
		}
		if v.Answer != "equal" {
			break
		}
	}
	return o.answer(cmd, u, &v)
}

// trialJob is the job without a network: no price, no deadline, no requester.
func (o *runOptions) trialJob(ctx context.Context, store *blob.Store, prog *program, args []string) (assay.Job, error) {
	job, _, err := o.computation(ctx, store, prog, args)
	if err != nil {
		return job, err
	}
	job.Policy, job.Deadline, job.Requester = "none", 1, assay.Key{1}
	return job, job.Validate()
}

func (s *setting) try(ctx context.Context, u *ui, job *assay.Job, store *blob.Store) (trial, error) {
	if s.procs > 0 {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(s.procs))
	}
	t := trial{Setting: s.name}
	x, release, err := s.open(ctx)
	if err != nil {
		return t, err
	}
	running := u.start("executing", "%s", s.name)
	begin := time.Now()
	var out *exec.Outcome
	abandoned, err := await(ctx, func() (err error) {
		out, err = x.Execute(ctx, job, store)
		return err
	})
	if abandoned {
		running.close()
		return t, err
	}
	defer release()
	t.Millis = time.Since(begin).Milliseconds()
	switch {
	case errors.Is(err, executor.ErrHostStack):
		running.end("%s: the engine's own stack is too small for this program", s.name)
		t.Error = err.Error()
		return t, nil
	case err != nil:
		running.close()
		return t, fmt.Errorf("%s: %w", s.name, err)
	}
	d := out.Result.Digest()
	t.Result, t.Fuel = &d, out.Result.Fuel
	running.end("%s: %s, result %s, fuel %s", s.name, endedAs(&out.Result), d.Short(), count(out.Result.Fuel))
	return t, nil
}

func (o *runOptions) answer(cmd *cobra.Command, u *ui, v *checkView) error {
	if o.json {
		writeJSON(cmd.OutOrStdout(), v)
	}
	switch assay.Code(v.Answer) {
	case codeDiffers:
		u.line("differs", "this job is not deterministic")
		return &exitError{exit: exitRefuted, code: codeDiffers, text: "results differ", cause: quietly(o.json)}
	case codeNotComparable:
		u.line("unknown", "not comparable: an engine's own stack overflowed")
		return &exitError{exit: exitUsage, code: codeNotComparable, text: "the engines cannot be compared on this job", cause: quietly(o.json)}
	}
	u.line("equal", "%d executions gave the same result, state root included", len(v.Trials))
	return nil
}

// quietly suppresses a second report where the object has told it all.
func quietly(asJSON bool) error {
	if asJSON {
		return errSilent
	}
	return nil
}

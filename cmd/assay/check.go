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
	executor "github.com/capacloud/assay/executor/wasm"
)

func newCheck() *cobra.Command {
	o := runOptions{limits: assay.DefaultLimits()}
	cmd := &cobra.Command{
		Use:   "check PROGRAM [flags] [-- ARGS…]",
		Short: "find out whether a job is deterministic before paying for it",
		Long: `Executes the job on this machine several times, on wazero's compiler and its interpreter and
under different host settings, and compares results to the bit, state root included. The
interpreter is 40 to 200 times slower; try a small input.

Exit code 0: equal. 1: different. 2: bad input. A program that recurses deeper than the
interpreter's own stack is reported as not comparable, never as different.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if n := programArgs(cmd, args); n != 1 {
				return usage("check takes one PROGRAM, got %d; arguments of the program follow --", n)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return o.check(cmd, args[0], args[1:]) },
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.in, "in", nil, "file or folder, appears under /in/<base name>; repeatable")
	f.StringVar(&o.stdin, "stdin", "", "file for the program's standard input")
	f.StringArrayVar(&o.env, "env", nil, "KEY=value for the program; repeatable")
	f.Uint64Var(&o.seed, "seed", 0, "seed of the program's random source")
	f.Uint64Var(&o.limits.Fuel, "fuel", o.limits.Fuel, "most fuel that one execution may use")
	f.Uint64Var(&o.limits.Memory, "memory", o.limits.Memory, "most bytes of memory, in pages of 64 KiB")
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

// settings are what a host may differ in.
var settings = []struct {
	name   string
	engine executor.Engine
	procs  int // GOMAXPROCS; zero: as it is
}{
	{"compiler", executor.Compiler, 0},
	{"compiler, one processor", executor.Compiler, 1},
	{"interpreter", executor.Interpreter, 0},
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
		t, err := try(ctx, u, s.name, s.engine, s.procs, &job, store)
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

func try(ctx context.Context, u *ui, name string, engine executor.Engine, procs int, job *assay.Job, store *blob.Store) (trial, error) {
	if procs > 0 {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
	}
	t := trial{Setting: name}
	x, err := executor.New(ctx, executor.Options{Engine: engine})
	if err != nil {
		return t, err
	}
	s := u.start("executing", "%s", name)
	begin := time.Now()
	var out *exec.Outcome
	abandoned, err := await(ctx, func() (err error) {
		out, err = x.Execute(ctx, job, store)
		return err
	})
	if abandoned {
		s.close()
		return t, err
	}
	defer endEngine(x)
	t.Millis = time.Since(begin).Milliseconds()
	switch {
	case errors.Is(err, executor.ErrHostStack):
		s.end("%s: the engine's own stack is too small for this program", name)
		t.Error = err.Error()
		return t, nil
	case err != nil:
		s.close()
		return t, fmt.Errorf("%s: %w", name, err)
	}
	d := out.Result.Digest()
	t.Result, t.Fuel = &d, out.Result.Fuel
	s.end("%s: %s, result %s, fuel %s", name, endedAs(&out.Result), d.Short(), count(out.Result.Fuel))
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
		u.line("unknown", "not comparable: the interpreter's stack overflowed")
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

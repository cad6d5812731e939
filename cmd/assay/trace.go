package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/blob"
	"github.com/capacloud/assay/machine/interp"
	"github.com/capacloud/assay/machine/step"
	"github.com/capacloud/assay/machine/wasi"
	"github.com/capacloud/assay/machine/wasm"
	"github.com/capacloud/assay/merkle"
)

func newTrace() *cobra.Command {
	o := runOptions{limits: assay.DefaultLimits()}
	var at, start uint64
	cmd := &cobra.Command{
		Use:   "trace PROGRAM --step N [flags] [-- ARGS…]",
		Short: "show the canonical machine at one step of a job",
		Long: `Executes the job on the canonical machine, on this computer alone, and shows the state after
N steps: registers, the next instruction with its function and operands, and the state root
that a claim in a dispute would state there. N beyond the end shows the halted machine.

A dispute is about one step; 'assay dispute show' says which, and trace shows what honestly
happens there. Pass the job's own arguments, inputs, seed, limits and start.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if n := programArgs(cmd, args); n != 1 {
				return usage("trace takes one PROGRAM, got %d; arguments of the program follow --", n)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.trace(cmd, args[0], args[1:], at, assay.Time(start))
		},
	}
	f := cmd.Flags()
	o.jobFlags(cmd)
	f.Uint64Var(&at, "step", 0, "number of steps that lie behind the state that is shown")
	f.Uint64Var(&start, "start", 0, "what the program's clock starts at, in `MILLISECONDS` since 1970")
	f.BoolVar(&o.json, "json", false, "print one JSON object")
	return cmd
}

// traceView is the object of `trace --json`: the machine behind so many steps.
type traceView struct {
	Program   assay.Digest `json:"program"`
	Step      uint64       `json:"step"`  // that was reached; Steps when the run is shorter
	Steps     uint64       `json:"steps"` // of the whole run
	StateRoot assay.Digest `json:"state_root"`
	machineView
	Result *assay.Digest `json:"result,omitempty"` // of a halted machine
}

// machineView is one state of the machine and its next instruction.
type machineView struct {
	Phase       string        `json:"phase"`
	Instruction string        `json:"instruction,omitempty"`
	Function    *int          `json:"function,omitempty"`
	Offset      *uint32       `json:"offset,omitempty"`
	Operands    []operandView `json:"operands,omitempty"`
	Registers   registersView `json:"registers"`
}

type operandView struct {
	Field string `json:"field"`
	Slot  uint16 `json:"slot"`
	Value string `json:"value"`
}

type registersView struct {
	PC         uint32 `json:"pc"`
	FP         uint32 `json:"fp"`
	FramesLeft uint32 `json:"frames_left"`
	SlotsLeft  uint32 `json:"slots_left"`
	FuelLeft   int64  `json:"fuel_left"`
	Pages      uint32 `json:"pages"`
	Progress   uint64 `json:"progress"`
	Status     string `json:"status,omitempty"`
	ExitCode   uint32 `json:"exit_code"`
	Trap       string `json:"trap,omitempty"`
}

func (o *runOptions) trace(cmd *cobra.Command, arg string, args []string, at uint64, start assay.Time) error {
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
	store, err := blob.OpenMemory(blob.Config{})
	if err != nil {
		return err
	}
	defer end(store)
	job, err := o.trialJob(ctx, store, prog, args)
	if err != nil {
		return err
	}
	job.Start = start
	s := u.start("executing", "on the canonical machine")
	var v traceView
	_, err = await(ctx, func() (err error) {
		v, err = traceAt(ctx, prog.bytes, &job, store, at)
		return err
	})
	if err != nil {
		s.close()
		return err
	}
	s.end("%s steps on the canonical machine", credits(v.Steps))
	if o.json {
		writeJSON(cmd.OutOrStdout(), v)
		return nil
	}
	printTrace(cmd.OutOrStdout(), &v)
	return nil
}

// traceAt executes a job and describes the state after so many steps.
func traceAt(ctx context.Context, program []byte, job *assay.Job, store *blob.Store, at uint64) (traceView, error) {
	lowered := wasm.Lower(program)
	t := interp.NewTrace(lowered, job, wasi.NewReaderInput(guestReader{ctx, store}))
	_, steps, err := t.Final()
	if err != nil {
		return traceView{}, err
	}
	rec, next, err := t.At(at)
	if err != nil {
		return traceView{}, err
	}
	v := traceView{Program: job.Program, Step: min(at, steps), Steps: steps, StateRoot: rec.Root(), machineView: machineViewOf(&rec, next)}
	if res, ok := rec.Result(&lowered.Image, &job.Limits); ok {
		d := res.Digest()
		v.Result = &d
	}
	return v, nil
}

// guestReader is what a guest's files are read through.
type guestReader struct {
	ctx   context.Context // of the one run that it serves
	store *blob.Store
}

// ReadFile implements wasi.Reader.
func (r guestReader) ReadFile(d assay.Digest) ([]byte, error) { return r.store.ReadFile(r.ctx, d) }

// ReadFolder implements wasi.Reader.
func (r guestReader) ReadFolder(d assay.Digest) ([]merkle.Entry, error) {
	return r.store.ReadFolder(r.ctx, d)
}

func machineViewOf(rec *step.Record, next step.Instruction) machineView {
	v := machineView{Phase: rec.Phase.String(), Registers: registersView{
		PC: rec.PC, FP: rec.FP, FramesLeft: rec.Frames, SlotsLeft: rec.Slots, FuelLeft: rec.Fuel, Pages: rec.Pages,
		Progress: rec.Progress, ExitCode: rec.Exit, Trap: rec.Trap.String(),
	}}
	if rec.Status != 0 {
		v.Registers.Status = rec.Status.String()
	}
	if rec.Phase != step.Running {
		return v
	}
	v.Instruction = next.Op.String()
	if next.Function >= 0 {
		function, offset := next.Function, next.Offset
		v.Function, v.Offset = &function, &offset
	}
	for _, x := range next.Operands {
		v.Operands = append(v.Operands, operandView{string(x.Field), x.Slot, fmt.Sprintf("%#x", x.Value)})
	}
	return v
}

// words tells the next instruction: "i32.add in function 7 +12 (a: s3 = 0x5)".
func (v *machineView) words() string {
	if v.Instruction == "" {
		return v.Phase
	}
	text := v.Instruction
	if v.Function != nil {
		text += fmt.Sprintf(" in function %d +%d", *v.Function, *v.Offset)
	}
	var operands []string
	for _, x := range v.Operands {
		operands = append(operands, fmt.Sprintf("%s: s%d = %s", x.Field, x.Slot, x.Value))
	}
	if len(operands) > 0 {
		text += " (" + strings.Join(operands, ", ") + ")"
	}
	return text
}

func printTrace(w io.Writer, v *traceView) {
	r := &v.Registers
	fmt.Fprintf(w, "step       %d of %d\n", v.Step, v.Steps)
	fmt.Fprintf(w, "next       %s\n", v.words())
	fmt.Fprintf(w, "registers  pc %d, fp %d, progress %d, frames left %d, slots left %d\n", r.PC, r.FP, r.Progress, r.FramesLeft, r.SlotsLeft)
	fmt.Fprintf(w, "fuel       %d left\n", r.FuelLeft)
	fmt.Fprintf(w, "memory     %s\n", plural(int(r.Pages), "page"))
	if r.Status != "" {
		fmt.Fprintf(w, "ended      %s\n", strings.TrimSpace(fmt.Sprintf("%s, exit code %d %s", r.Status, r.ExitCode, r.Trap)))
	}
	fmt.Fprintf(w, "state      %s\n", v.StateRoot)
	if v.Result != nil {
		fmt.Fprintf(w, "result     %s\n", *v.Result)
	}
}

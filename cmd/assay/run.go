package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/adversary"
	"github.com/capacloud/assay/blob"
	"github.com/capacloud/assay/executor/zkvm"
	"github.com/capacloud/assay/node"
	"github.com/capacloud/assay/policy"
	"github.com/capacloud/assay/receipt"
	"github.com/capacloud/assay/requester"
)

func newRun() *cobra.Command {
	o := runOptions{limits: assay.DefaultLimits(), cheaters: cheaterFlags{}}
	cmd := &cobra.Command{
		Use:   "run PROGRAM [flags] [-- ARGS…]",
		Short: "run a job, verified, and print its output once it is accepted",
		Long: `Runs PROGRAM under a policy of verification. PROGRAM is a .wasm file (WASI preview 1), a Go
package folder (compiled to wasip1), or a folder that holds exactly one .wasm.

Programs of other runtimes: an int8 model (NAME.int8, or NAME.onnx of the subset in docs/TENSOR.md), a circuit's folder (with a file
"descriptor"), a circom folder (.r1cs, .zkey, .wasm, .sym), or a case file with a proof of a
zkVM (.json, under zk(sp1, bind=commit)). --stdin is their input: a tensor's bytes, or the
JSON that circom takes; a single --in file stands for it.

Without --network everything happens in this process: one validator on a real CometBFT node,
several providers, no socket. Program stdout goes to stdout only after acceptance; everything
else goes to stderr.

Exit codes: 0 accepted, 10 accepted and the program failed, 1 refuted, 3 undecided,
2 bad input, 4 unreachable, 70 internal error, 130 interrupted.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if n := programArgs(cmd, args); n != 1 {
				return usage("run takes one PROGRAM, got %d; arguments of the program follow --", n)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args[0], args[1:]) },
	}
	f := cmd.Flags()
	o.jobFlags(cmd)
	f.StringVar(&o.out, "out", "", "folder that receives stdout, stderr and the files of /out")
	f.StringVar(&o.policy, "policy", "quorum(3)", "what makes a result acceptable")
	f.StringVar(&o.receipt, "receipt", "", "where the receipt goes (default <program>.receipt)")
	f.StringVar(&o.network, "network", "", "URL of a network (default: in-process)")
	f.StringVar(&o.key, "key", "", "name or file of the paying key, with --network")
	f.Uint64Var((*uint64)(&o.maxPrice), "max-price", node.LocalMaxPrice, "most micro-credits per paid replica")
	f.DurationVar(&o.deadline, "deadline", 0, "how long new replicas may be drawn (default: the policy's phases)")
	f.BoolVar(&o.json, "json", false, "print one JSON object; program output goes to --out only")
	f.StringVar(&o.proven, "proven", "", "folder or file of a circuit or guest that you declare equivalent to PROGRAM, for escalate(optimistic(…), zk(…))")
	f.BoolVar(&o.insecureKey, "insecure-key", false, "the program's verifying key was made by one party: say so in the receipt")
	f.IntVar(&o.providers, "providers", 5, "providers of the in-process network")
	f.BoolVar(&o.noWatcher, "no-watcher", false, "leave out the party of the in-process network that watches and challenges")
	for _, k := range plantable {
		o.cheaters[k.kind] = f.Int(string(k.kind), 0, k.help)
	}
	return cmd
}

// jobFlags are those that say what is computed.
func (o *runOptions) jobFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&o.in, "in", nil, "file or folder, appears under /in/<base name>; repeatable")
	f.StringVar(&o.stdin, "stdin", "", "file for the program's standard input")
	f.StringArrayVar(&o.env, "env", nil, "KEY=value for the program; repeatable")
	f.Uint64Var(&o.seed, "seed", 0, "seed of the program's random source")
	f.Uint64Var(&o.limits.Fuel, "fuel", o.limits.Fuel, "most fuel that one execution may use")
	f.Uint64Var(&o.limits.Memory, "memory", o.limits.Memory, "most bytes of memory, in pages of 64 KiB")
}

// plantable are the adversaries that a command line can plant.
var plantable = []struct {
	kind adversary.Kind
	help string
}{
	{adversary.Lie, "providers that lie, each its own way"},
	{adversary.Collude, "providers that tell the same lie"},
	{adversary.Copy, "providers that copy instead of working"},
	{adversary.Lazy, "providers that guess an empty output"},
	{adversary.Forge, "providers that prove with somebody else's proof"},
	{adversary.Mute, "providers that open and show no proof"},
	{adversary.Withhold, "providers that withhold: tags, openings, bytes, in turn"},
	{adversary.Poison, "providers that post false checkpoints of programs with epochs, and vanish"},
}

// programArgs counts the arguments before "--".
func programArgs(cmd *cobra.Command, args []string) int {
	if dash := cmd.ArgsLenAtDash(); dash >= 0 {
		return dash
	}
	return len(args)
}

type runOptions struct {
	in, env                     []string
	stdin, out, policy, receipt string
	proven                      string
	network, key                string
	seed                        uint64
	limits                      assay.Limits
	maxPrice                    assay.Amount
	deadline                    time.Duration
	json                        bool
	providers                   int
	noWatcher, insecureKey      bool
	cheaters                    cheaterFlags
	stored                      []zkvm.Proof // that the providers of an in-process network have
}

type cheaterFlags map[adversary.Kind]*int

// run is the whole command, in the order in which a person sees it.
func (o *runOptions) run(cmd *cobra.Command, arg string, args []string) error {
	ctx := cmd.Context()
	u := newUI(cmd.ErrOrStderr())
	watch := newStopwatch()
	u.line("program", "%s", arg)

	policyText, err := o.validate()
	if err != nil {
		return err
	}
	prog, err := o.program(ctx, u, watch, arg)
	if err != nil {
		return err
	}
	if prog.runtime == assay.RuntimeWasm {
		if err := checkModule(prog.bytes, o.limits.Memory); err != nil {
			return err
		}
	}
	if err := o.declare(prog); err != nil {
		return err
	}
	o.stored = prog.stored
	for i := range prog.keys {
		if o.insecureKey {
			prog.keys[i].Setup = assay.SetupInsecure
		}
	}
	net, err := o.connect(cmd, u, watch)
	if err != nil {
		return err
	}
	defer net.close()
	job, bytes, err := o.job(ctx, net, prog, args, policyText)
	if err != nil {
		return err
	}
	if err := try(ctx, net, &job); err != nil {
		return err
	}
	if err := o.afford(ctx, net, &job, bytes, prog.keys); err != nil {
		return err
	}
	finished, err := o.follow(ctx, u, watch, net, job, bytes, prog.keys)
	if err != nil {
		return err
	}
	paths, err := o.writeReceipt(net, prog.name, finished)
	if err != nil {
		return err
	}
	if net.local != nil && job.Runtime == assay.RuntimeWasm {
		keep(ctx, net.store, &job, bytes)
	}
	return o.conclude(cmd, u, watch, net, finished, paths)
}

// program resolves PROGRAM, with a progress line while Go compiles.
func (o *runOptions) program(ctx context.Context, u *ui, watch *stopwatch, arg string) (*program, error) {
	expr := &policy.Expr{Op: policy.None} // of commands that only execute
	if o.policy != "" {
		var err error
		if expr, err = policy.Parse(o.policy); err != nil {
			return nil, err
		}
	}
	if p, err := readProvable(arg, bindOf(expr)); err != nil {
		return nil, err
	} else if p != nil {
		return p, checkProofs(p, expr)
	}
	var compiling *stage
	p, err := resolveProgram(ctx, arg, func() { compiling = u.start("guest", "compiling Go for wasip1") })
	if compiling == nil {
		return p, err
	}
	if err != nil {
		compiling.close()
		return nil, err
	}
	watch.add("compile_guest", compiling.end("compiled Go to %s of wasm", size(int64(len(p.bytes)))))
	return p, nil
}

// job puts program and inputs into the requester's store and writes the job.
func (o *runOptions) job(ctx context.Context, net *session, prog *program, args []string, policyText string) (assay.Job, uint64, error) {
	job, total, err := o.computation(ctx, net.store, prog, args)
	if err != nil {
		return job, 0, err
	}
	job.Policy, job.MaxPrice = policyText, o.maxPrice
	job.Requester, job.Nonce = assay.KeyOf(net.key), uint64(time.Now().UnixNano())
	if job.Deadline, err = o.deadlineOf(net, &job, total); err != nil {
		return job, 0, err
	}
	return job, total, job.Validate()
}

// computation puts program and inputs into a store and writes the part of a job
// that says what is computed. It returns the number of bytes to fetch.
func (o *runOptions) computation(ctx context.Context, store *blob.Store, prog *program, args []string) (assay.Job, uint64, error) {
	job := assay.Job{
		Version: 1, Runtime: prog.runtime, Args: append([]string{prog.name}, args...), Env: envOf(o.env),
		Seed: o.seed, Start: node.Now() / 1000 * 1000, Limits: o.limits,
	}
	total := uint64(len(prog.bytes))
	var err error
	if job.Program, err = store.PutBytes(ctx, prog.bytes); err != nil {
		return job, 0, asInput(err)
	}
	for _, b := range prog.files {
		if _, err := store.PutBytes(ctx, b); err != nil {
			return job, 0, asInput(err)
		}
		total += uint64(len(b))
	}
	if prog.proven != nil {
		if job.Proven, err = store.PutBytes(ctx, prog.proven); err != nil {
			return job, 0, asInput(err)
		}
		total += uint64(len(prog.proven))
	}
	stdin, in := o.stdin, o.in
	if prog.runtime != assay.RuntimeWasm && stdin == "" && len(in) == 1 {
		stdin, in = in[0], nil
	}
	if prog.runtime != assay.RuntimeWasm && len(in) > 0 {
		return job, 0, badInput(codeNoProgram, "a program of %s has one input: give it with --stdin", prog.runtime)
	}
	if stdin != "" {
		e, err := importStdin(ctx, store, stdin)
		if err != nil {
			return job, 0, err
		}
		job.Stdin, total = e.Digest, total+e.Size
	}
	input, n, err := importInputs(ctx, store, in)
	if err != nil {
		return job, 0, err
	}
	job.Input = input
	return job, total + n, nil
}

// follow submits the job and reports its progress until it has settled.
func (o *runOptions) follow(ctx context.Context, u *ui, watch *stopwatch, net *session, job assay.Job, bytes uint64, keys []requester.Key) (*node.Finished, error) {
	if err := o.send(ctx, u, watch, net, &job, bytes); err != nil {
		return nil, err
	}
	if err := o.warm(ctx, u, watch, net, &job); err != nil {
		return nil, err
	}
	t := newTeller(u, watch, net, &job)
	finished, err := node.RunJob(ctx, node.JobConfig{
		Network: net.network, Key: net.key, Job: job, Bytes: bytes,
		Store: net.store, Remote: net.remote, Progress: t.progress, Keys: keys,
	})
	t.stop()
	if err != nil {
		id := ""
		if t.submitted {
			id = job.ID().String()
		}
		return nil, followError(ctx, err, id, o.network)
	}
	return finished, nil
}

// send brings program and inputs to the validator's store.
func (o *runOptions) send(ctx context.Context, u *ui, watch *stopwatch, net *session, job *assay.Job, bytes uint64) error {
	if net.local != nil {
		return net.upload(ctx, job)
	}
	s := u.start("upload", "sending program and inputs")
	if err := net.upload(ctx, job); err != nil {
		s.close()
		return networkError(err)
	}
	watch.add("upload", s.end("%s sent", size(int64(bytes))))
	return nil
}

// warm compiles the program before the job is submitted, for the in-process
// network: its providers share the compiled code, and a commit clock should
// not run while a compiler works.
func (o *runOptions) warm(ctx context.Context, u *ui, watch *stopwatch, net *session, job *assay.Job) error {
	if net.local == nil || job.Runtime != assay.RuntimeWasm {
		return nil
	}
	b, err := net.store.ReadFile(ctx, job.Program)
	if err != nil {
		return err
	}
	s := u.start("compiling", "wasm to machine code")
	if err := net.precompile(ctx, b, job.Limits); err != nil {
		s.close()
		return err
	}
	watch.add("compile_wasm", s.end("wasm to machine code"))
	return nil
}

// followError names what went wrong while a job was followed.
func followError(ctx context.Context, err error, job, url string) error {
	var refusal *assay.Refusal
	switch {
	case ctx.Err() != nil:
		return &exitError{exit: exitInterrupted, code: codeInterrupted, text: "interrupted", job: job, url: url, cause: err}
	case errors.Is(err, node.ErrUnreachable):
		return &exitError{exit: exitUnreachable, code: codeUnreachable, text: err.Error(), job: job, url: url, cause: err}
	case errors.As(err, &refusal) && job == "":
		return err // refused before inclusion: bad input
	case errors.As(err, &refusal):
		return &exitError{exit: exitUndecided, code: refusal.Code, text: err.Error(), job: job, url: url, cause: err}
	}
	return &exitError{exit: exitInternal, code: assay.CodeInternal, text: err.Error(), job: job, cause: err}
}

func unreachable(err error) error {
	return &exitError{exit: exitUnreachable, code: codeUnreachable, text: plainly(err.Error(), assay.CodeOf(err)), cause: err}
}

const receiptSuffix = ".receipt"

// receiptPaths are the files that a run leaves.
type receiptPaths struct{ receipt, anchor string }

func (o *runOptions) writeReceipt(net *session, name string, f *node.Finished) (receiptPaths, error) {
	p := receiptPaths{receipt: o.receipt}
	if p.receipt == "" {
		p.receipt = name + receiptSuffix
	}
	if err := os.WriteFile(p.receipt, f.Receipt, 0o644); err != nil {
		return p, badInput(codeFile, "write the receipt: %v", err)
	}
	if net.local == nil {
		return p, nil
	}
	anchor, err := receipt.NewAnchor(net.network.Genesis())
	if err != nil {
		return p, err
	}
	p.anchor = p.receipt + ".anchor"
	if err := os.WriteFile(p.anchor, []byte(anchor.String()), 0o644); err != nil {
		return p, badInput(codeFile, "write the anchor: %v", err)
	}
	return p, nil
}

// deliver writes an accepted output: stdout to stdout and the program's stderr
// to stderr, or everything into --out.
func (o *runOptions) deliver(ctx context.Context, cmd *cobra.Command, store *blob.Store, root assay.Digest) error {
	if o.out != "" {
		for _, name := range delivered {
			if err := os.RemoveAll(filepath.Join(o.out, name)); err != nil {
				return badInput(codeFile, "replace the earlier delivery in --out: %v", err)
			}
		}
		if err := store.Export(ctx, root, o.out); err != nil {
			return badInput(codeFile, "write --out: %v", err)
		}
	}
	if o.json {
		return nil
	}
	entries, err := store.ReadFolder(ctx, root)
	if err != nil {
		return fmt.Errorf("read the output: %w", err)
	}
	for _, e := range entries {
		var w io.Writer
		switch e.Name {
		case "stdout":
			w = cmd.OutOrStdout()
		case "stderr":
			w = cmd.ErrOrStderr()
		default:
			continue
		}
		f, err := store.OpenFile(ctx, e.Digest)
		if err != nil {
			return fmt.Errorf("read %s: %w", e.Name, err)
		}
		_, err = io.Copy(w, f)
		end(f)
		if err != nil {
			return badInput(codeFile, "write %s: %v", e.Name, err)
		}
	}
	return nil
}

// shownPath is a receipt's path as a person would type it.
func shownPath(p string) string {
	if wd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(wd, p); err == nil && filepath.IsLocal(rel) {
			return rel
		}
	}
	return p
}

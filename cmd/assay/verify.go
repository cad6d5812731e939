package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/capacloud/assay/blob"
	"github.com/capacloud/assay/node"
	"github.com/capacloud/assay/receipt"
)

func newVerify() *cobra.Command {
	var o verifyOptions
	cmd := &cobra.Command{
		Use:   "verify RECEIPT",
		Short: "check a receipt offline",
		Long: `Recomputes what a receipt claims, without a network: the job's identity, the draw of
providers, findings, verdict and settlement, and that a network's validators signed for them.
Trust starts at your anchor, never at keys inside the file. Proofs that decided a dispute are
executed again.

A result of a network with a liability window can be revoked by a late fraud proof. Without
--revocations the answer assumes that it was not, and is not; with it, the file says so.

Exit code 0: accepted and verified. 1: broken, refuted or revoked. 2: not established.`,
		Args: exactArgs(1, "one RECEIPT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			report, err := o.verify(cmd, args[0])
			if err != nil && (!o.json || cmd.Context().Err() != nil) {
				return err
			}
			if err != nil { // one form of object, whatever the answer
				exit, f := explain(err)
				report = &receipt.Report{Exit: exit, Reason: &receipt.Reason{Code: f.Code, Text: f.Text, Hint: f.Hint}}
			}
			return o.answer(cmd, report)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.trust, "trust", "", "anchor of the network that you trust")
	f.StringVar(&o.out, "out", "", "compare the files in `DIR` with the receipt")
	f.BoolVar(&o.rerun, "rerun", false, "execute the job again and compare the result")
	f.StringVar(&o.artifacts, "artifacts", "", "`DIR` with program and inputs for --rerun (default: the local store)")
	f.StringVar(&o.revocations, "revocations", "", "`FILE` of 'assay job revocations': was the result revoked since?")
	f.BoolVar(&o.json, "json", false, "print one JSON object")
	return cmd
}

type verifyOptions struct {
	trust, out, artifacts, revocations string
	rerun, json                        bool
}

// verify answers for a receipt, as far as its flags ask.
func (o *verifyOptions) verify(cmd *cobra.Command, file string) (*receipt.Report, error) {
	b, err := readLimited(file, receipt.MaxBytes+1)
	if err != nil {
		return nil, err
	}
	var anchor *receipt.Anchor
	if o.trust != "" {
		text, err := readLimited(o.trust, receipt.MaxAnchorBytes)
		if err != nil {
			return nil, err
		}
		if anchor, err = receipt.ParseAnchor(text); err != nil {
			return nil, err
		}
	}
	report, err := receipt.Verify(b, anchor)
	if err != nil {
		return nil, err
	}
	if o.out != "" {
		if err := report.CheckOutput(os.DirFS(o.out)); err != nil {
			return nil, badInput(codeFile, "%v", err)
		}
	}
	if o.revocations != "" {
		b, err := readLimited(o.revocations, receipt.MaxRevocationsBytes)
		if err != nil {
			return nil, err
		}
		if err := report.CheckRevocations(b); err != nil {
			return nil, err
		}
	}
	if o.rerun {
		if err := o.again(cmd, report); err != nil {
			return nil, err
		}
	}
	return report, nil
}

func (o *verifyOptions) answer(cmd *cobra.Command, report *receipt.Report) error {
	if o.json {
		writeJSON(cmd.OutOrStdout(), report)
	} else {
		printReport(cmd.OutOrStdout(), cmd.ErrOrStderr(), report)
	}
	if report.Exit != exitOK {
		return &exitError{exit: report.Exit, code: report.Reason.Code, text: report.Reason.Text, cause: errSilent}
	}
	return nil
}

// again executes the job on this machine, from artifacts at hand.
func (o *verifyOptions) again(cmd *cobra.Command, report *receipt.Report) error {
	store, err := o.store(cmd)
	if err != nil {
		return err
	}
	defer end(store)
	ctx := cmd.Context()
	engine, err := newEngine(ctx)
	if err != nil {
		return err
	}
	s := newUI(cmd.ErrOrStderr()).start("rerun", "executing the job again on this machine")
	abandoned, err := await(ctx, func() error {
		return report.Rerun(ctx, &rerunner{engine, store}, node.Contents{Context: ctx, Store: store})
	})
	s.close() // the finding tells how it went
	if abandoned {
		return err
	}
	return errors.Join(err, engine.Close(context.WithoutCancel(ctx)))
}

// store opens the artifacts: a folder of the caller's is imported into memory,
// whatever its files are called; otherwise the local store serves.
func (o *verifyOptions) store(cmd *cobra.Command) (*blob.Store, error) {
	if o.artifacts == "" {
		return openLocalStore()
	}
	store, err := blob.OpenMemory(blob.Config{})
	if err != nil {
		return nil, err
	}
	if err := importArtifacts(cmd.Context(), store, o.artifacts); err != nil {
		end(store)
		return nil, err
	}
	return store, nil
}

func printReport(stdout, stderr io.Writer, r *receipt.Report) {
	if r.Reason != nil {
		defer func() {
			answer := "not established"
			if r.Exit == receipt.ExitBroken {
				answer = "do not rely on it"
			}
			fmt.Fprintf(stderr, "%s: %s: %s\n", answer, r.Reason.Code, r.Reason.Text)
			if r.Reason.Hint != "" {
				fmt.Fprintf(stderr, "       %s\n", r.Reason.Hint)
			}
		}()
	}
	if r.Verdict == "" {
		return
	}
	fmt.Fprintf(stdout, "%-10s job %s\n", r.Verdict, r.Job)
	if r.Result != nil {
		ended := fmt.Sprintf("exit %d", r.Result.ExitCode)
		if r.Result.Status != "exited" {
			ended = r.Result.Status + " " + r.Result.Trap
		}
		fmt.Fprintf(stdout, "  result   %s  fuel %s  output %s\n", ended, count(r.Result.Fuel), r.Result.OutputRoot)
	}
	for _, l := range r.Findings {
		fmt.Fprintf(stdout, "  because  %s: %s (%s)\n", l.Check, l.Text, l.Outcome)
	}
	for _, l := range r.Assumptions {
		fmt.Fprintf(stdout, "  assumes  %s (%s)\n", l.Text, l.Code)
	}
	fmt.Fprintf(stdout, "  horizon  %s\n", r.Horizon)
	fmt.Fprintf(stdout, "  anchor   %s\n", r.Anchor)
	fmt.Fprintf(stdout, "  assembled by %s, which carries no trust\n", r.Assembler)
}

func readLimited(file string, limit int64) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, badInput(codeFile, "%v", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, badInput(codeFile, "%v", err)
	}
	if int64(len(b)) > limit {
		return nil, badInput(receipt.CodeMalformed, "%s is larger than %s", file, size(limit))
	}
	return b, nil
}

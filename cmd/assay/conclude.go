package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/blob"
	"github.com/capacloud/assay/merkle"
	"github.com/capacloud/assay/node"
	"github.com/capacloud/assay/receipt"
)

// runView is the object of `run --json`. Fields that do not exist for a job are
// absent.
type runView struct {
	Job         string           `json:"job"`
	Verdict     string           `json:"verdict"`
	Policy      string           `json:"policy"`
	Result      *resultView      `json:"result,omitempty"`
	Findings    []receipt.Line   `json:"findings"`
	Assumptions []receipt.Line   `json:"assumptions"`
	Settlement  settlementView   `json:"settlement"`
	Faults      []faultView      `json:"faults"`
	Disputes    []disputeSummary `json:"disputes"`
	Resumes     []resumeView     `json:"resumes,omitempty"` // who went on from whose checkpoint
	Receipt     string           `json:"receipt"`
	Anchor      string           `json:"anchor,omitempty"`
	Timings     map[string]int64 `json:"timings_ms"`
	Error       *failure         `json:"error,omitempty"`
}

type resultView struct {
	Status     string       `json:"status"`
	ExitCode   uint32       `json:"exit_code"`
	Trap       assay.Code   `json:"trap,omitempty"`
	Fuel       uint64       `json:"fuel"`
	OutputRoot assay.Digest `json:"output_root"`
	StateRoot  assay.Digest `json:"state_root"`
	Outputs    []outputView `json:"outputs"`
}

type outputView struct {
	Path   string       `json:"path"`
	Bytes  uint64       `json:"bytes"`
	Digest assay.Digest `json:"digest"`
}

type settlementView struct {
	Escrow   assay.Amount `json:"escrow"`
	Paid     assay.Amount `json:"paid"`
	Refunded assay.Amount `json:"refunded"`
	Fees     assay.Amount `json:"fees"`
	TxFees   assay.Amount `json:"tx_fees"`
	Slashed  assay.Amount `json:"slashed"`
	Burned   assay.Amount `json:"burned"`
}

type faultView struct {
	Provider assay.Key        `json:"provider"`
	Class    assay.FaultClass `json:"class"`
	Slashed  assay.Amount     `json:"slashed"`
	Penalty  assay.Amount     `json:"penalty"`
	Text     string           `json:"text"`
}

// conclude tells the verdict, delivers the output and gives the exit code.
func (o *runOptions) conclude(cmd *cobra.Command, u *ui, watch *stopwatch, net *session, f *node.Finished, paths receiptPaths) error {
	v, err := viewOf(cmd.Context(), net.store, f)
	if err != nil {
		return err
	}
	v.Receipt, v.Anchor = paths.receipt, paths.anchor
	v.Disputes = disputesTold(cmd.Context(), net, f)
	ending := endingOf(f)
	tellDisputes(u, net, v.Disputes)
	tellVerdict(u, net, f, paths)
	if f.Delivered {
		if err := o.deliver(cmd.Context(), cmd, net.store, f.Case.Record.Verdict.Result.Output); err != nil {
			return err
		}
	}
	if o.json {
		v.Timings = watch.all()
		if ending != nil && ending.exit != exitProgram {
			_, failed := explain(ending)
			v.Error = &failed
		}
		writeJSON(cmd.OutOrStdout(), v)
	}
	switch {
	case ending == nil:
		return nil
	case o.json:
		ending.cause = errSilent // the object has told it
	}
	return ending
}

// endingOf is the exit of a settled job; nil means 0.
func endingOf(f *node.Finished) *exitError {
	rec := f.Case.Record
	job := f.Case.ID.String()
	switch {
	case f.Report.Exit == receipt.ExitBroken && f.Report.Reason.Code != receipt.CodeRefuted:
		return &exitError{exit: exitInternal, code: assay.CodeInternal, text: "the receipt does not verify: " + f.Report.Reason.Text, job: job}
	case rec.Verdict.Outcome == assay.Rejected:
		return &exitError{exit: exitRefuted, code: receipt.CodeRefuted, text: "every offered result is proved wrong", job: job}
	case rec.Verdict.Outcome != assay.Accepted:
		code := rec.Verdict.Code
		if code == "" {
			code = receipt.CodeUndecided
		}
		text := "the job ended without a verdict"
		if why := textOf(code); why != "" {
			text += ": " + why
		}
		return &exitError{exit: exitUndecided, code: code, text: text + "; " + costOf(f), job: job}
	case rec.Settlement.Availability == assay.NotAvailable:
		return &exitError{exit: exitUndecided, code: codeUnavailable, text: "accepted, but nobody delivered the output; " + costOf(f), job: job}
	}
	r := rec.Verdict.Result
	if r.Status == assay.Exited && r.ExitCode == 0 {
		return nil
	}
	e := &exitError{exit: exitProgram, code: r.Trap, text: "the program " + endedAs(r), job: job}
	if e.code == "" {
		e.code = codeProgram
	}
	return e
}

// costOf tells what a job without an output has cost.
func costOf(f *node.Finished) string {
	s := &f.Case.Record.Settlement
	return fmt.Sprintf("it cost %s (protocol fee %s, transaction fees %s), and %s of the escrow came back",
		credits(s.Paid+s.Fees+f.TxFees), credits(s.Fees), credits(f.TxFees), credits(s.Refunded))
}

func endedAs(r *assay.Result) string {
	switch r.Status {
	case assay.Exited:
		return fmt.Sprintf("exited with code %d", r.ExitCode)
	case assay.Trapped:
		return fmt.Sprintf("trapped: %s", r.Trap)
	case assay.InvalidModule:
		return "is no valid wasm/1 module"
	}
	return r.Status.String()
}

// disputesTold explains the disputes that led to the verdict.
func disputesTold(ctx context.Context, net *session, f *node.Finished) []disputeSummary {
	r := &disputeReader{job: &f.Case.Job, c: f.Case}
	r.lower(ctx, net.store, len(f.Case.Disputes))
	return r.summaries(f.Case)
}

// tellDisputes prints where those who were wrong went wrong.
func tellDisputes(u *ui, net *session, disputes []disputeSummary) {
	for _, d := range disputes {
		text := fmt.Sprintf("%s, %s posted", plural(d.Rounds, "round"), size(int64(d.BytesPosted)))
		if d.WitnessBytes > 0 {
			text += fmt.Sprintf(", witness %s", size(int64(d.WitnessBytes)))
		}
		u.line("dispute", "%s  %s", text, roundTime(time.Duration(d.Millis)*time.Millisecond))
		for i := range d.Losers {
			u.line("  wrong", "%s", d.Losers[i].words(net.nameOf(d.Losers[i].Author)))
		}
	}
}

// tellVerdict prints what was decided, why, on which assumptions, and at what
// price.
func tellVerdict(u *ui, net *session, f *node.Finished, paths receiptPaths) {
	rec := f.Case.Record
	if r := rec.Verdict.Result; r != nil {
		ended := fmt.Sprintf("exit %d", r.ExitCode)
		if r.Status != assay.Exited {
			ended = endedAs(r)
		}
		u.line(rec.Verdict.Outcome.String(), "%s   %s   fuel %s", r.Output, ended, count(r.Fuel))
	} else {
		u.line(rec.Verdict.Outcome.String(), "%s: %s", rec.Verdict.Code, textOf(rec.Verdict.Code))
	}
	for _, x := range rec.Verdict.Findings {
		u.line("  because", "%s: %s (%s)", x.Check, x.Text, x.Outcome)
	}
	for _, a := range rec.Verdict.Assumptions {
		u.line("  assumes", "%s", a.Text)
	}
	s := &rec.Settlement
	u.line("settled", "paid %s, refunded %s, fees %s, slashed %s; transaction fees %s", credits(s.Paid), credits(s.Refunded), credits(s.Fees), credits(s.Slashed), credits(f.TxFees))
	for _, x := range s.Claims {
		u.line("  claim", "%s %s: bond %s, returned %s, costs %s, bounty %s", net.nameOf(x.Author), x.Code, credits(x.Bond), credits(x.Returned), credits(x.Costs), credits(x.Bounty))
	}
	for _, x := range s.Posters {
		u.line("  repaid", "%s to %s: %s", credits(x.Amount), net.nameOf(x.To), x.Code)
	}
	for _, x := range s.Faults {
		u.line("  fault", "%s %s: %s (slashed %s, penalty %s)", net.nameOf(x.Provider), x.Class, x.Text, credits(x.Slashed), credits(x.Penalty))
	}
	u.line("receipt", "%s (%s)", shownPath(paths.receipt), size(int64(len(f.Receipt))))
	trust := "YOUR-ANCHOR"
	if paths.anchor != "" {
		trust = shownPath(paths.anchor)
	}
	u.line("", "check it anywhere:  assay verify %s --trust %s", shownPath(paths.receipt), trust)
}

func viewOf(ctx context.Context, store *blob.Store, f *node.Finished) (*runView, error) {
	rec := f.Case.Record
	v := &runView{
		Job: f.Case.ID.String(), Verdict: rec.Verdict.Outcome.String(), Policy: f.Case.Job.Policy,
		Findings: []receipt.Line{}, Assumptions: []receipt.Line{}, Faults: []faultView{},
		Settlement: settlementOf(&rec.Settlement, f.TxFees), Resumes: resumesOf(f.Case),
	}
	for _, x := range rec.Verdict.Findings {
		v.Findings = append(v.Findings, receipt.Line{Check: x.Check, Outcome: x.Outcome.String(), Text: x.Text})
	}
	for _, a := range rec.Verdict.Assumptions {
		v.Assumptions = append(v.Assumptions, receipt.Line{Code: a.Code, Text: a.Text})
	}
	for _, x := range rec.Settlement.Faults {
		v.Faults = append(v.Faults, faultView{x.Provider, x.Class, x.Slashed, x.Penalty, x.Text})
	}
	r := rec.Verdict.Result
	if r == nil {
		return v, nil
	}
	v.Result = &resultView{
		Status: r.Status.String(), ExitCode: r.ExitCode, Trap: r.Trap, Fuel: r.Fuel,
		OutputRoot: r.Output, StateRoot: r.State, Outputs: []outputView{},
	}
	if f.Delivered {
		return v, listOutputs(ctx, store, r.Output, "", &v.Result.Outputs)
	}
	return v, nil
}

// listOutputs lists the files of an output, in the order of their paths.
func listOutputs(ctx context.Context, store *blob.Store, d assay.Digest, prefix string, list *[]outputView) error {
	entries, err := store.ReadFolder(ctx, d)
	if err != nil {
		return fmt.Errorf("read the output: %w", err)
	}
	for _, e := range entries {
		if e.Kind == merkle.Folder {
			if err := listOutputs(ctx, store, e.Digest, prefix+e.Name+"/", list); err != nil {
				return err
			}
			continue
		}
		*list = append(*list, outputView{prefix + e.Name, e.Size, e.Digest})
	}
	return nil
}

func settlementOf(s *assay.Settlement, txFees assay.Amount) settlementView {
	return settlementView{s.Escrow, s.Paid, s.Refunded, s.Fees, txFees, s.Slashed, s.Burned}
}

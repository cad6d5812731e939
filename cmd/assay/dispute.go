package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/blob"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/ledger"
	"github.com/capacloud/assay/machine/wasm"
	"github.com/capacloud/assay/receipt"
)

func newDispute() *cobra.Command {
	return group("dispute", "look at the disputes of a job", newDisputeShow())
}

func newDisputeShow() *cobra.Command {
	var network string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show ID | RECEIPT",
		Short: "tell a dispute: claims, rounds, the segment, the step, who was wrong",
		Long: `Tells the disputes of a job. ID is a job's, or that of one dispute (JOB/0) or late fraud proof
(JOB/appeal/0), and --network says where to ask. A RECEIPT file tells the disputes that were
decided before its settlement, without a network; verify it first.

'assay trace PROGRAM --step N' shows what honestly happens at a step.`,
		Args: exactArgs(1, "one ID or RECEIPT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			views, job, err := disputesOf(cmd.Context(), network, args[0])
			if err != nil {
				return err
			}
			if asJSON {
				writeJSON(cmd.OutOrStdout(), struct {
					Job      assay.JobID   `json:"job"`
					Disputes []disputeView `json:"disputes"`
				}{job, views})
				return nil
			}
			printDisputes(cmd.OutOrStdout(), job, views)
			return nil
		},
	}
	cmd.Flags().StringVar(&network, "network", "", "URL of the network (not for a RECEIPT)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// disputesOf reads the disputes that an argument names.
func disputesOf(ctx context.Context, network, arg string) ([]disputeView, assay.JobID, error) {
	if info, err := os.Stat(arg); err == nil && network == "" && info.Mode().IsRegular() {
		return disputesInReceipt(ctx, arg)
	}
	text, which, one := strings.Cut(arg, "/")
	job, err := canon.ParseDigest(text)
	if err != nil {
		return nil, job, badInput(ledger.CodeUnknownJob, "%s is no receipt, and as a job: %v", arg, err)
	}
	views, err := disputesOnNetwork(ctx, network, job)
	if err != nil || !one {
		return views, job, err
	}
	for _, v := range views {
		if v.ID == job.String()+"/"+which {
			return []disputeView{v}, job, nil
		}
	}
	return nil, job, &exitError{exit: exitRefuted, code: codeNoDispute, text: "job " + text + " has no dispute " + strconv.Quote(which)}
}

func disputesInReceipt(ctx context.Context, file string) ([]disputeView, assay.JobID, error) {
	b, err := readLimited(file, receipt.MaxBytes)
	if err != nil {
		return nil, assay.JobID{}, err
	}
	f, err := receipt.Decode(b)
	if err != nil {
		return nil, assay.JobID{}, err
	}
	disputes, err := f.Disputes()
	if err != nil {
		return nil, assay.JobID{}, err
	}
	r := &disputeReader{job: &f.Case.Job, c: &f.Case}
	if store, err := openLocalStore(); err == nil {
		defer end(store)
		r.lower(ctx, store, len(disputes))
	}
	return r.views(f.Case.ID, disputes, f.Case.Image), f.Case.ID, nil
}

func disputesOnNetwork(ctx context.Context, network string, job assay.JobID) ([]disputeView, error) {
	client, err := dial(ctx, network)
	if err != nil {
		return nil, err
	}
	c, err := client.Case(ctx, job)
	if assay.CodeOf(err) == ledger.CodeUnknownJob && err != nil {
		return nil, &exitError{exit: exitRefuted, code: ledger.CodeUnknownJob, text: "no such job: " + job.String(), cause: err}
	}
	if err != nil {
		return nil, networkError(err)
	}
	appeals, err := client.AppealsOf(ctx, job)
	if err != nil {
		return nil, networkError(err)
	}
	r := &disputeReader{job: &c.Job, c: c}
	if remote, err := blob.NewClient(blob.ClientConfig{Base: network}); err == nil {
		r.lower(ctx, remote, len(c.Disputes)+len(appeals))
	}
	views := r.views(job, c.Disputes, c.Image)
	for _, a := range appeals {
		views = append(views, r.appeal(a))
	}
	return views, nil
}

// lower makes the program known, if it is at hand and something is to be
// explained: instructions then have their function.
func (r *disputeReader) lower(ctx context.Context, from files, disputes int) {
	if disputes == 0 {
		return
	}
	if b, err := from.ReadFile(ctx, r.job.Program); err == nil {
		r.program = wasm.Lower(b)
	}
}

// files is where a program may lie.
type files interface {
	ReadFile(ctx context.Context, d assay.Digest) ([]byte, error)
}

func (r *disputeReader) views(job assay.JobID, disputes []board.Dispute, image []byte) []disputeView {
	views := []disputeView{}
	for i := range disputes {
		views = append(views, r.view(disputeID(job, i), &disputes[i], i, image))
	}
	return views
}

func printDisputes(w io.Writer, job assay.JobID, views []disputeView) {
	if len(views) == 0 {
		fmt.Fprintf(w, "job        %s\nno claim was posted against any of its results\n", job)
	}
	for i := range views {
		if i > 0 {
			fmt.Fprintln(w)
		}
		printDispute(w, &views[i])
	}
}

// printDispute tells one dispute, from what it was about to who was wrong.
func printDispute(w io.Writer, v *disputeView) {
	fmt.Fprintf(w, "dispute    %s   %s\n", v.ID, v.State)
	fmt.Fprintf(w, "opened     at height %d, about %s\n", v.Height, plural(len(v.Candidates), "result"))
	for _, c := range v.Candidates {
		fmt.Fprintf(w, "           %s\n", c)
	}
	if v.Code != "" {
		fmt.Fprintf(w, "ended      %s: %s\n", v.Code, textOf(v.Code))
	}
	if v.Start != nil {
		fmt.Fprintf(w, "span       %s steps from state %s\n", credits(v.Span), *v.Start)
	}
	for i := range v.Claims {
		printClaim(w, &v.Claims[i])
	}
	for _, m := range v.Matches {
		fmt.Fprintf(w, "match      claims %d and %d differ in %s from step %s: %s, %s\n", m.Claims[0], m.Claims[1], segment(m.Steps), credits(m.Step), m.Ends[0], m.Ends[1])
	}
	for i := range v.Proofs {
		p := &v.Proofs[i]
		fmt.Fprintf(w, "proof      by claim %d: %s from step %s, witness %s\n", p.Claim, segment(p.Steps), credits(p.Step), size(int64(p.Bytes)))
		if place := p.place(); place != "" {
			fmt.Fprintf(w, "  step     %s\n", place)
		}
		fmt.Fprintf(w, "  before   %s\n  behind   %s\n", p.Start, p.End)
	}
	for i := range v.Losers {
		fmt.Fprintf(w, "wrong      %s\n", v.Losers[i].words(v.Losers[i].Author.String()))
		if v.Losers[i].Stated != nil {
			fmt.Fprintf(w, "  said     %s\n  machine  %s\n", *v.Losers[i].Stated, *v.Losers[i].Proved)
		}
	}
	if v.Survivor != nil {
		fmt.Fprintf(w, "survived   %s\n", *v.Survivor)
	} else if v.State == "ended" {
		fmt.Fprintf(w, "survived   no result\n")
	}
	fmt.Fprintf(w, "rounds     %d, %s posted, %d ms of the ledger's time\n", v.Rounds, size(int64(v.BytesPosted)), v.Millis)
}

func printClaim(w io.Writer, c *claimView) {
	fmt.Fprintf(w, "claim %-4d %s ends in %s after %s steps; bond %s; %s\n", c.Claim, c.Author, c.Result.Short(), credits(c.Steps), credits(c.Bond), c.State)
	for _, m := range c.Moves[1:] {
		fmt.Fprintf(w, "  %-8s %s from step %s, %s, at clock %d ms\n", moveWords[m.Kind], segment(m.Steps), credits(m.Step), size(int64(m.Bytes)), m.At)
	}
}

// moveWords are what the moves of a claim are called in ten columns.
var moveWords = map[string]string{"refinement": "refines", "proof": "proves"}

func segment(steps uint64) string {
	if steps == 1 {
		return "1 step"
	}
	return credits(steps) + " steps"
}

// words tell how somebody has lost: "p2, claim 1: refuted at step 12,345, …".
func (l *loserView) words(name string) string {
	text := name
	if l.Claim != nil {
		text += fmt.Sprintf(" (claim %d)", *l.Claim)
	}
	text += ": " + string(l.Code)
	if l.Step != nil {
		text += fmt.Sprintf(", %s at step %s", segment(l.Steps), credits(*l.Step))
	}
	if l.Instruction != "" {
		text += ": " + l.Instruction
	}
	if l.Misled {
		text += "; it went on from a checkpoint that is refuted, and keeps its stake"
	}
	return text
}

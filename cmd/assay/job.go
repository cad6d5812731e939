package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/ledger"
	"github.com/capacloud/assay/receipt"
)

func newJob() *cobra.Command {
	return group("job", "look at the jobs of a network", newJobList(), newJobRevocations(),
		newJobShow("show", "print where a job stands", false),
		newJobShow("explain", "tell everything that happened to a job, and where each coin of it is", true))
}

// jobView is the object of `job show --json`.
type jobView struct {
	Job       assay.JobID   `json:"job"`
	Policy    string        `json:"policy"`
	Phase     string        `json:"phase"`
	Requester assay.Key     `json:"requester"`
	Escrow    assay.Amount  `json:"escrow"`
	Verdict   string        `json:"verdict,omitempty"`
	Code      assay.Code    `json:"code,omitempty"`
	Output    *assay.Digest `json:"output,omitempty"`
	Seats     []seatView    `json:"seats"`

	Checkpoints []checkpointView `json:"checkpoints,omitempty"`
	Resumes     []resumeView     `json:"resumes,omitempty"`

	Settlement *settlementView  `json:"settlement,omitempty"`
	Payments   []paymentView    `json:"payments,omitempty"`
	Faults     []faultView      `json:"faults,omitempty"`
	Findings   []receipt.Line   `json:"findings,omitempty"`
	Disputes   []disputeSummary `json:"disputes,omitempty"`
}

type seatView struct {
	Seat     uint16       `json:"seat"`
	Provider assay.Key    `json:"provider"`
	Owner    assay.Key    `json:"owner"`
	State    string       `json:"state"`
	Price    assay.Amount `json:"price"`
	Stake    assay.Amount `json:"stake"`
	Bond     assay.Amount `json:"bond"`
}

type paymentView struct {
	To     assay.Key    `json:"to"`
	Amount assay.Amount `json:"amount"`
	Code   assay.Code   `json:"code"`
}

func newJobList() *cobra.Command {
	var network, requester string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "list jobs, of everybody or of one account",
		Args:  exactArgs(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := dial(cmd.Context(), network)
			if err != nil {
				return err
			}
			var f ledger.Filter
			if requester != "" {
				if f.Requester, err = assay.ParseKey(requester); err != nil {
					return err
				}
			}
			views := []jobView{}
			for {
				cases, err := client.Cases(cmd.Context(), f)
				if err != nil {
					return networkError(err)
				}
				if len(cases) == 0 {
					break
				}
				for _, c := range cases {
					views = append(views, jobViewOf(c))
				}
				f.After = cases[len(cases)-1].ID
			}
			if asJSON {
				writeJSON(cmd.OutOrStdout(), views)
				return nil
			}
			for _, v := range views {
				fmt.Fprintf(cmd.OutOrStdout(), "%s  %-10s  %-10s  %s\n", v.Job, v.Phase, v.Verdict, v.Policy)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&network, "network", "", "URL of the network")
	cmd.Flags().StringVar(&requester, "requester", "", "only jobs of this account")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	return cmd
}

func newJobShow(name, short string, explain bool) *cobra.Command {
	var network string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   name + " ID",
		Short: short,
		Args:  exactArgs(1, "one job ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := canon.ParseDigest(args[0])
			if err != nil {
				return badInput(ledger.CodeUnknownJob, "%v", err)
			}
			client, err := dial(cmd.Context(), network)
			if err != nil {
				return err
			}
			c, err := client.Case(cmd.Context(), id)
			if assay.CodeOf(err) == ledger.CodeUnknownJob {
				return &exitError{exit: exitRefuted, code: ledger.CodeUnknownJob, text: "no such job: " + args[0], cause: err}
			}
			if err != nil {
				return networkError(err)
			}
			v := jobViewOf(c)
			if asJSON {
				writeJSON(cmd.OutOrStdout(), v)
				return nil
			}
			printJob(cmd, &v, c, explain)
			return nil
		},
	}
	cmd.Flags().StringVar(&network, "network", "", "URL of the network")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func jobViewOf(c *board.Case) jobView {
	v := jobView{
		Job: c.ID, Policy: c.Job.Policy, Phase: c.Phase.String(), Requester: c.Job.Requester, Escrow: c.Escrow, Seats: []seatView{},
	}
	for i := range c.Seats {
		s := &c.Seats[i]
		v.Seats = append(v.Seats, seatView{s.Number, s.Provider, s.Owner, s.State.String(), s.Price, s.Stake, s.Bond})
	}
	v.Checkpoints, v.Resumes = checkpointsOf(c), resumesOf(c)
	if c.Verdict != nil {
		v.Verdict, v.Code = c.Verdict.Outcome.String(), c.Verdict.Code
		if c.Verdict.Result != nil {
			v.Output = &c.Verdict.Result.Output
		}
		for _, x := range c.Verdict.Findings {
			v.Findings = append(v.Findings, receipt.Line{Check: x.Check, Outcome: x.Outcome.String(), Text: x.Text})
		}
	}
	if len(c.Disputes) > 0 {
		v.Disputes = (&disputeReader{job: &c.Job, c: c}).summaries(c)
	}
	if c.Record == nil {
		return v
	}
	s := settlementOf(&c.Record.Settlement, 0)
	v.Settlement = &s
	for _, p := range slices.Concat(c.Record.Settlement.Payments, c.Record.Settlement.Posters) {
		v.Payments = append(v.Payments, paymentView{p.To, p.Amount, p.Code})
	}
	for _, x := range c.Record.Settlement.Faults {
		v.Faults = append(v.Faults, faultView{x.Provider, x.Class, x.Slashed, x.Penalty, x.Text})
	}
	return v
}

func printJob(cmd *cobra.Command, v *jobView, c *board.Case, explain bool) {
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "job        %s\npolicy     %s\nphase      %s\nrequester  %s\n", v.Job, v.Policy, v.Phase, v.Requester)
	if v.Verdict != "" {
		fmt.Fprintf(w, "verdict    %s\n", strings.TrimSpace(v.Verdict+" "+string(v.Code)))
	}
	for _, s := range v.Seats {
		fmt.Fprintf(w, "seat %-5d %s  %s  price %s, stake %s, bond %s\n", s.Seat, s.Provider, s.State, credits(s.Price), credits(s.Stake), credits(s.Bond))
	}
	printEpochs(w, v)
	for _, x := range v.Findings {
		fmt.Fprintf(w, "because    %s: %s (%s)\n", x.Check, x.Text, x.Outcome)
	}
	for _, d := range v.Disputes {
		fmt.Fprintf(w, "dispute    %s: %s, %s posted, %s lost\n", d.ID, plural(d.Rounds, "round"), size(int64(d.BytesPosted)), fmt.Sprintf("%d of its parties", len(d.Losers)))
	}
	if s := v.Settlement; s != nil {
		fmt.Fprintf(w, "settled    escrow %s: paid %s, refunded %s, fees %s; slashed %s, burned %s\n",
			credits(s.Escrow), credits(s.Paid), credits(s.Refunded), credits(s.Fees), credits(s.Slashed), credits(s.Burned))
	}
	if !explain {
		return
	}
	for _, d := range c.Draws {
		fmt.Fprintf(w, "draw       asked at height %d, answered by the beacon of height %d, over a free stake of %s\n", d.Asked, d.Height, credits(d.Market.Weight))
	}
	for _, p := range v.Payments {
		to := p.To.String()
		if p.To.IsZero() {
			to = "the validators"
		}
		fmt.Fprintf(w, "coin       %s to %s: %s\n", credits(p.Amount), to, p.Code)
	}
	for _, x := range v.Faults {
		fmt.Fprintf(w, "fault      %s %s: %s (slashed %s, penalty %s)\n", x.Provider, x.Class, x.Text, credits(x.Slashed), credits(x.Penalty))
	}
	if c.Record != nil {
		for _, x := range c.Record.Settlement.Claims {
			fmt.Fprintf(w, "claim      %s %s: bond %s, returned %s, costs %s, bounty %s\n", x.Author, x.Code, credits(x.Bond), credits(x.Returned), credits(x.Costs), credits(x.Bounty))
		}
	}
	if c.Record == nil {
		fmt.Fprintf(w, "coin       %s in escrow, until the job settles\n", credits(v.Escrow))
	}
}

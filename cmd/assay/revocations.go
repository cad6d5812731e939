package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/api"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/ledger"
	"github.com/capacloud/assay/receipt"
)

func newJobRevocations() *cobra.Command {
	var network, out string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "revocations ID -o FILE",
		Short: "fetch the proof that a job's result was revoked, or that it was not",
		Long: `Writes what 'assay verify RECEIPT --trust ANCHOR --revocations FILE' reads: from the latest
header of the network, the revocation of the job's accepted result with the dispute that led
to it, or the proof that the state holds none. It is worth as much as the validators'
signatures on it, which verify checks against your anchor; nothing is believed here.`,
		Args: exactArgs(1, "one job ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return usage("-o FILE is needed")
			}
			job, err := canon.ParseDigest(args[0])
			if err != nil {
				return badInput(ledger.CodeUnknownJob, "%v", err)
			}
			client, err := dial(cmd.Context(), network)
			if err != nil {
				return err
			}
			v, err := fetchRevocations(cmd.Context(), client, job)
			if err != nil {
				return networkError(err)
			}
			if err := os.WriteFile(out, v.Bytes(), 0o644); err != nil {
				return badInput(codeFile, "write -o: %v", err)
			}
			if asJSON {
				writeJSON(cmd.OutOrStdout(), revocationsViewOf(v))
				return nil
			}
			tellRevocations(newUI(cmd.ErrOrStderr()), v, out)
			return nil
		},
	}
	cmd.Flags().StringVar(&network, "network", "", "URL of the network")
	cmd.Flags().StringVarP(&out, "output", "o", "", "`FILE` that receives the proof")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// revocationsView is the object of `job revocations --json`.
type revocationsView struct {
	Job       assay.JobID   `json:"job"`
	Height    uint64        `json:"height"` // of the state
	Revoked   bool          `json:"revoked"`
	RevokedAt uint64        `json:"revoked_height,omitempty"`
	Survivor  *assay.Digest `json:"survivor,omitempty"`
}

func revocationsViewOf(v *receipt.Revocations) revocationsView {
	view := revocationsView{Job: v.Job, Height: v.Header.Height - 1}
	if v.Appeal != nil {
		k := v.Appeal.Revocation
		view.Revoked, view.RevokedAt, view.Survivor = true, k.Height, &k.Survivor
	}
	return view
}

func tellRevocations(u *ui, v *receipt.Revocations, out string) {
	if v.Appeal != nil {
		u.line("revoked", "at height %d; the surviving result is %s", v.Appeal.Revocation.Height, v.Appeal.Revocation.Survivor)
	} else {
		u.line("stands", "not revoked as of height %d", v.Header.Height-1)
	}
	u.line("proof", "%s", shownPath(out))
	u.line("", "check it:  assay verify RECEIPT --trust ANCHOR --revocations %s", shownPath(out))
}

// fetchRevocations asks a node for the state of a job's revocation. A node that
// proves a revocation has the appeal, too.
func fetchRevocations(ctx context.Context, client *api.Client, job assay.JobID) (*receipt.Revocations, error) {
	proof, err := client.Proof(ctx, receipt.RevocationKey(job))
	if err != nil {
		return nil, err
	}
	evidence, err := proof.Evidence()
	if err != nil {
		return nil, err
	}
	var revoking *board.Appeal
	if proof.Value != nil {
		appeals, err := client.AppealsOf(ctx, job)
		if err != nil {
			return nil, err
		}
		for _, a := range appeals {
			if a.Revocation != nil {
				revoking = a
			}
		}
		if revoking == nil {
			return nil, assay.Refuse(api.CodeAnswer, "it proves a revocation of %s and has no appeal that ended in one", job.Short())
		}
	}
	return receipt.NewRevocations(client.Genesis().ID(), job, revoking, evidence)
}

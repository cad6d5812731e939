package main

import (
	"github.com/spf13/cobra"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
)

func newKeyKill() *cobra.Command {
	var o remoteOptions
	cmd := &cobra.Command{
		Use:   "kill DIGEST --network URL --key VALIDATOR",
		Short: "vote, as a validator, to withdraw a verifying key",
		Long: `Votes to withdraw a verifying key, because its setup or the circuit behind it was found to be
broken. With two thirds of the validators' power no job may name it any more, and in cases
that are open what it proves counts for nothing. What has settled stands.`,
		Args: exactArgs(1, "one DIGEST"),
		RunE: func(cmd *cobra.Command, args []string) error {
			digest, err := canon.ParseDigest(args[0])
			if err != nil {
				return usage("DIGEST %.80q is not sha256: and 64 digits", args[0])
			}
			return o.send(cmd, &assay.KillKey{Key: digest})
		},
	}
	o.flags(cmd)
	return cmd
}

package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/capacloud/assay"
)

func newAccount() *cobra.Command {
	return group(
		"account", "send credits, and see where every coin is",
		newAccountShow("show", "print a balance", false),
		newAccountShow("explain", "print every coin of an account: how much, why it is locked, until when", true),
		newAccountSend(),
	)
}

type accountView struct {
	Account assay.Key    `json:"account"`
	Balance assay.Amount `json:"balance"`
	Locks   []lockView   `json:"locks,omitempty"`
}

type lockView struct {
	Amount   assay.Amount  `json:"amount"`
	Reason   string        `json:"reason"`
	Job      *assay.Digest `json:"job,omitempty"`
	Provider *assay.Key    `json:"provider,omitempty"`
	Until    string        `json:"until"`
}

func newAccountShow(name, short string, explain bool) *cobra.Command {
	var network string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   name + " [KEY]",
		Short: short,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("%s takes one KEY or the name of one; got %d arguments", cmd.CommandPath(), len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			key, err := accountKey(cmd, args)
			if err != nil {
				return err
			}
			client, err := dial(cmd.Context(), network)
			if err != nil {
				return err
			}
			state, err := client.Account(cmd.Context(), key)
			if err != nil {
				return networkError(err)
			}
			v := accountView{Account: key, Balance: state.Balance}
			for _, l := range state.Locks {
				lock := lockView{Amount: l.Amount, Reason: string(l.Reason), Until: "its settlement"}
				if !l.Job.IsZero() {
					lock.Job = &l.Job
				} else {
					lock.Until = "its owner takes it back"
				}
				if !l.Provider.IsZero() {
					lock.Provider = &l.Provider
				}
				if l.Until != 0 {
					lock.Until = l.Until.String()
				}
				if explain {
					v.Locks = append(v.Locks, lock)
				}
			}
			if asJSON {
				writeJSON(cmd.OutOrStdout(), v)
				return nil
			}
			printAccount(cmd, &v)
			return nil
		},
	}
	cmd.Flags().StringVar(&network, "network", "", "URL of the network")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func printAccount(cmd *cobra.Command, v *accountView) {
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "account    %s\nbalance    %s\n", v.Account, credits(v.Balance))
	for _, l := range v.Locks {
		what := l.Reason
		if l.Job != nil {
			what += " of job " + l.Job.String()
		}
		if l.Provider != nil {
			what += ", provider " + l.Provider.Short()
		}
		fmt.Fprintf(w, "locked     %s: %s, until %s\n", credits(l.Amount), what, l.Until)
	}
}

// accountKey is the key of an argument: spelled out, or the name of one's own.
func accountKey(cmd *cobra.Command, args []string) (assay.Key, error) {
	name := defaultKey
	if len(args) == 1 {
		if k, err := assay.ParseKey(args[0]); err == nil {
			return k, nil
		}
		name = args[0]
	}
	file, err := keyPath(name)
	if err != nil {
		return assay.Key{}, err
	}
	key, err := loadKey(file, askPassphrase(cmd.ErrOrStderr()))
	if err != nil {
		return assay.Key{}, err
	}
	return assay.KeyOf(key), nil
}

func newAccountSend() *cobra.Command {
	var network, from string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "send TO AMOUNT",
		Short: "send micro-credits to an account",
		Args:  exactArgs(2, "TO and AMOUNT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			to, err := accountKey(cmd, args[:1])
			if err != nil {
				return err
			}
			amount, err := strconv.ParseUint(args[1], 10, 64)
			if err != nil {
				return usage("AMOUNT %q is not a number of micro-credits", args[1])
			}
			client, err := dial(cmd.Context(), network)
			if err != nil {
				return err
			}
			key, err := openKey(cmd.Context(), cmd, client, from)
			if err != nil {
				return err
			}
			res, err := submit(cmd.Context(), client, key, &assay.Transfer{To: to, Amount: assay.Amount(amount)})
			if err != nil {
				return err
			}
			if asJSON {
				writeJSON(cmd.OutOrStdout(), struct {
					Tx     assay.Digest `json:"tx"`
					Height uint64       `json:"height"`
					Fee    assay.Amount `json:"fee"`
				}{res.ID, res.Height, res.Fee})
				return nil
			}
			fmt.Fprintf(cmd.OutOrStdout(), "sent %s to %s, fee %s, height %d\n", credits(amount), to, credits(res.Fee), res.Height)
			return nil
		},
	}
	cmd.Flags().StringVar(&network, "network", "", "URL of the network")
	cmd.Flags().StringVar(&from, "key", "", "name or file of the paying key")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

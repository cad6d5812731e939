package main

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/api"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/circuit"
	"github.com/capacloud/assay/ledger"
	"github.com/capacloud/assay/merkle"
	"github.com/capacloud/assay/zk/casefile"
	"github.com/capacloud/assay/zk/ceremony"
)

// What of the commands about proofs talks to a network: the registry of keys, and
// ceremonies whose steps are transactions.

// remoteOptions name a network and who pays.
type remoteOptions struct{ network, key string }

func (o *remoteOptions) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.network, "network", "", "URL of the network")
	cmd.Flags().StringVar(&o.key, "key", "", "name or file of the paying key")
}

// open reaches the network and loads the key.
func (o *remoteOptions) open(cmd *cobra.Command) (*api.Client, ed25519.PrivateKey, error) {
	client, err := dial(cmd.Context(), o.network)
	if err != nil {
		return nil, nil, err
	}
	key, err := openKey(cmd.Context(), cmd, client, o.key)
	return client, key, err
}

// send submits one message and says what it cost.
func (o *remoteOptions) send(cmd *cobra.Command, m assay.Message) error {
	client, key, err := o.open(cmd)
	if err != nil {
		return err
	}
	return sendTo(cmd, client, key, m)
}

func sendTo(cmd *cobra.Command, client *api.Client, key ed25519.PrivateKey, m assay.Message) error {
	res, err := submit(cmd.Context(), client, key, m)
	if err == nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "height %d, fee %s\n", res.Height, credits(res.Fee))
	}
	return err
}

func newKeyRegister() *cobra.Command {
	var o remoteOptions
	var insecure bool
	cmd := &cobra.Command{
		Use:   "register FILE --network URL",
		Short: "put a verifying key on a network's registry, for ever",
		Args:  exactArgs(1, "one FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := readLimited(args[0], casefile.MaxFile)
			if err != nil {
				return err
			}
			v, err := casefile.ParseKey(b)
			if err != nil {
				return err
			}
			key := v.Key()
			m := &assay.RegisterKey{Key: key.Bytes(), Setup: assay.SetupPinned}
			if insecure {
				m.Setup = assay.SetupInsecure
			}
			if err := o.send(cmd, m); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), key.Digest())
			return nil
		},
	}
	o.flags(cmd)
	cmd.Flags().BoolVar(&insecure, "insecure", false, "say that one party made the key alone; not on public networks")
	return cmd
}

// heldAt reads a ceremony from the network's state.
func heldAt(ctx context.Context, client *api.Client, id assay.Digest) (*ledger.Ceremony, *circuit.System, error) {
	c := new(ledger.Ceremony)
	if err := readState(ctx, client, ledger.CeremonyKey(id), c); err != nil {
		return nil, nil, err
	}
	s, err := circuit.ParseSystem(c.System)
	return c, s, err
}

func readState(ctx context.Context, client *api.Client, key []byte, into any) error {
	p, err := client.Proof(ctx, key)
	if err != nil {
		return networkError(err)
	}
	if len(p.Value) == 0 {
		return assay.Refuse(ledger.CodeCeremony, "the network's state has nothing there")
	}
	if err := canon.Unmarshal(p.Value, into); err != nil {
		return assay.Refuse(api.CodeAnswer, "%v", err)
	}
	return nil
}

func newCeremonyOpen() *cobra.Command {
	var o remoteOptions
	var window time.Duration
	cmd := &cobra.Command{
		Use:   "open SYSTEM --network URL",
		Short: "begin a ceremony on a network and print its id",
		Long: `Each of the two phases takes contributions for the window at least. A step of the ceremony has
to fit into one block of the network, which bounds the circuit; a larger one is held in a file.`,
		Args: exactArgs(1, "one SYSTEM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := readLimited(args[0], assay.MaxCeremonySystem)
			if err != nil {
				return err
			}
			client, key, err := o.open(cmd)
			if err != nil {
				return err
			}
			if err := sendTo(cmd, client, key, &assay.OpenCeremony{System: b, Window: assay.Millis(window.Milliseconds())}); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), ledger.CeremonyID(client.Genesis().ID(), merkle.FileOf(b), assay.KeyOf(key)))
			return nil
		},
	}
	o.flags(cmd)
	cmd.Flags().DurationVar(&window, "window", 24*time.Hour, "that each phase takes contributions at least")
	return cmd
}

func newCeremonyGive() *cobra.Command {
	var o remoteOptions
	cmd := &cobra.Command{
		Use:   "give ID --network URL",
		Short: "contribute to a ceremony on a network, and forget the secret",
		Args:  exactArgs(1, "one ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.step(cmd, args[0], func(id assay.Digest, c *ledger.Ceremony, s *circuit.System) (assay.Message, error) {
				b, err := c.Held.Transcript.Contribute(s.R1CS())
				return &assay.Contribute{Ceremony: id, Gas: c.Held.Gas(), Bytes: b}, err
			})
		},
	}
	o.flags(cmd)
	return cmd
}

func newCeremonyEnd() *cobra.Command {
	var o remoteOptions
	cmd := &cobra.Command{
		Use:   "end ID --network URL",
		Short: "close the open phase, or seal the closed one with the beacon of a later block",
		Args:  exactArgs(1, "one ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.step(cmd, args[0], func(id assay.Digest, c *ledger.Ceremony, _ *circuit.System) (assay.Message, error) {
				return &assay.EndPhase{Ceremony: id, Gas: c.Held.GasEnd()}, nil
			})
		},
	}
	o.flags(cmd)
	return cmd
}

// step sends the next message about a ceremony.
func (o *remoteOptions) step(cmd *cobra.Command, text string, next func(assay.Digest, *ledger.Ceremony, *circuit.System) (assay.Message, error)) error {
	id, err := digestArg(text)
	if err != nil {
		return err
	}
	client, key, err := o.open(cmd)
	if err != nil {
		return err
	}
	c, s, err := heldAt(cmd.Context(), client, id)
	if err != nil {
		return err
	}
	m, err := next(id, c, s)
	if err != nil {
		return err
	}
	return sendTo(cmd, client, key, m)
}

func newCeremonyFetch() *cobra.Command {
	var network, system string
	cmd := &cobra.Command{
		Use:   "fetch ID TRANSCRIPT --network URL",
		Short: "write the transcript of a network's ceremony to a file, for 'ceremony verify'",
		Args:  exactArgs(2, "ID and TRANSCRIPT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := digestArg(args[0])
			if err != nil {
				return err
			}
			client, err := dial(cmd.Context(), network)
			if err != nil {
				return err
			}
			c, _, err := heldAt(cmd.Context(), client, id)
			if err != nil {
				return err
			}
			if system != "" {
				if err := os.WriteFile(system, c.System, 0o644); err != nil {
					return badInput(codeFile, "%v", err)
				}
			}
			t := c.Held.Transcript
			for phase, p := range []*ceremony.Phase{&t.Powers, &t.Keys} {
				p.Contributions = make([]ceremony.Contribution, c.Held.Counts[phase])
				for i := range p.Contributions {
					if err := readState(cmd.Context(), client, ledger.ContributionKey(id, phase, uint32(i)), &p.Contributions[i]); err != nil {
						return err
					}
				}
			}
			printHeld(cmd, c)
			return writeTranscript(args[1], &t)
		},
	}
	cmd.Flags().StringVar(&network, "network", "", "URL of the network")
	cmd.Flags().StringVar(&system, "circuit", "", "write the constraint system to `FILE`")
	return cmd
}

func printHeld(cmd *cobra.Command, c *ledger.Ceremony) {
	w, h := cmd.OutOrStdout(), &c.Held
	for phase, name := range []string{"powers", "keys"} {
		state := "open"
		p := []*ceremony.Phase{&h.Transcript.Powers, &h.Transcript.Keys}[phase]
		switch {
		case p.Sealed():
			state = "sealed by " + hex.EncodeToString(p.Beacon)
		case phase != h.Phase():
			state = "to come"
		case h.Closed != 0:
			state = fmt.Sprintf("closed at height %d", h.Closed)
		}
		fmt.Fprintf(w, "%-8s %d contributions, %s\n", name, h.Counts[phase], state)
	}
	if !c.Key.IsZero() {
		fmt.Fprintf(w, "key      %s\n", c.Key)
	}
}

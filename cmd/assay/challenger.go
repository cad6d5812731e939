package main

import (
	"crypto/ed25519"
	"errors"
	"path/filepath"
	"sync"

	"github.com/spf13/cobra"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/api"
	"github.com/capacloud/assay/blob"
	"github.com/capacloud/assay/challenger"
	executor "github.com/capacloud/assay/executor/wasm"
	"github.com/capacloud/assay/node"
)

func newChallenger() *cobra.Command {
	var o challengerOptions
	cmd := &cobra.Command{
		Use:   "challenger",
		Short: "watch a network: execute what others were paid for, and challenge what differs",
		Long: `Executes jobs whose results can still be disputed, natively, and where one differs proves it
wrong on the canonical machine, step by step, before the ledger. A claim locks a bond, which
comes back, with the costs of every move and a small bounty, when the claim survives. It
remembers nothing that the ledger does not hold and can be killed at any moment.`,
		Args: exactArgs(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&o.network, "network", "", "URL of the network")
	f.StringVar(&o.key, "key", "", "name or file of the key that signs and pays (default: one in --dir, made when missing)")
	f.StringVar(&o.dir, "dir", "", "folder of store and key (default: under ASSAY_HOME or the XDG data folder)")
	f.IntVar(&o.capacity, "capacity", 1, "executions at once")
	f.BoolVar(&o.json, "json", false, "print one JSON object when ready")
	f.BoolVar(&o.verbose, "verbose", false, "log every step")
	return cmd
}

type challengerOptions struct {
	network, key, dir string
	capacity          int
	json, verbose     bool
}

// challengerFloat is what a challenger wants for bonds and fees.
const challengerFloat = 100_000_000

func (o *challengerOptions) run(cmd *cobra.Command) error {
	ctx := cmd.Context()
	u := newUI(cmd.ErrOrStderr())
	if o.capacity < 1 {
		return usage("--capacity %d: a number of executions", o.capacity)
	}
	u.line("network", "asking %s", o.network)
	client, err := dial(ctx, o.network)
	if err != nil {
		return err
	}
	if o.dir == "" {
		base, err := dataDir()
		if err != nil {
			return err
		}
		o.dir = filepath.Join(base, "challenger", client.Genesis().ID().Short())
	}
	work, err := openStore(o.dir, "work")
	if err != nil {
		return err
	}
	defer end(work)
	if o.key == "" {
		o.key = filepath.Join(o.dir, "challenger.key")
		if err := ensureKey(o.key); err != nil {
			return err
		}
	}
	key, err := openKey(ctx, cmd, client, o.key)
	if err != nil {
		return err
	}
	if err := fill(ctx, client, key, challengerFloat); err != nil {
		return err
	}
	o.announce(cmd, u, assay.KeyOf(key))
	return o.watch(cmd, u, client, key, work)
}

func (o *challengerOptions) announce(cmd *cobra.Command, u *ui, key assay.Key) {
	if o.json {
		writeJSON(cmd.OutOrStdout(), struct {
			Challenger assay.Key `json:"challenger"`
		}{key})
		return
	}
	u.line("challenger", "%s", shownKey(key))
	u.line("watching", "%s", o.network)
}

// watch runs the actor until it ends.
func (o *challengerOptions) watch(cmd *cobra.Command, u *ui, client *api.Client, key ed25519.PrivateKey, work *blob.Store) error {
	ctx := cmd.Context()
	engine, err := newEngine(ctx)
	if err != nil {
		return err
	}
	defer endEngine(engine)
	source, err := blob.NewClient(blob.ClientConfig{Base: o.network})
	if err != nil {
		return err
	}
	core, err := challenger.New(challenger.Config{
		Network: client.Genesis().ID(), Key: assay.KeyOf(key), Capacity: o.capacity, ClockStep: client.Genesis().Params.ClockStep,
	})
	if err != nil {
		return err
	}
	log := logger(cmd, o.verbose)
	var tending sync.WaitGroup
	defer tending.Wait()
	tending.Go(func() { node.Supervise(ctx, client, log) })
	tending.Go(func() { node.RunSweeper(ctx, client, log, work) })
	err = node.RunChallenger(ctx, node.ChallengerConfig{
		Network: client, Key: key, Core: core, Executor: executor.Epochs{Executor: engine}, Source: source, Work: work, Logger: log,
		Report: func(r challenger.Report) {
			u.line("report", "%v", r.Err)
			u.line("", "look:     assay dispute show %s --network %s", r.Job, o.network)
		},
	})
	if errors.Is(err, node.ErrUnreachable) {
		return unreachable(err)
	}
	return err
}

package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/adversary"
	"github.com/capacloud/assay/executor/zkvm"
	"github.com/capacloud/assay/node"
	"github.com/capacloud/assay/receipt"
)

func newDev() *cobra.Command {
	var o devOptions
	o.cheaters = cheaterFlags{}
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "keep a local network running: one validator, several providers, an HTTP API, a faucet",
		Long: `Starts a network in a temporary folder that is removed when it ends, serves its API on
127.0.0.1, and prints how to use it. Adversaries can be planted among its providers.`,
		Args: exactArgs(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:0", "host:port of the API; a wider host than loopback is your choice")
	f.IntVar(&o.providers, "providers", 5, "providers in this process")
	f.DurationVar(&o.liability, "liability", 0, "how long a settled result stays open to a fraud proof")
	f.BoolVar(&o.noWatcher, "no-watcher", false, "leave out the party that watches and challenges")
	f.BoolVar(&o.json, "json", false, "print one JSON object when ready")
	f.BoolVar(&o.verbose, "verbose", false, "log what the parties do")
	for _, k := range plantable {
		o.cheaters[k.kind] = f.Int(string(k.kind), 0, k.help)
	}
	return cmd
}

type devOptions struct {
	listen        string
	providers     int
	liability     time.Duration
	noWatcher     bool
	json, verbose bool
	cheaters      cheaterFlags
}

func (o *devOptions) run(cmd *cobra.Command) error {
	ctx := cmd.Context()
	u := newUI(cmd.ErrOrStderr())
	cheaters, err := o.cheaters.counts(o.providers)
	if err != nil {
		return err
	}
	params := assay.LocalParams()
	params.Liability = assay.MillisOf(o.liability)
	if err := params.Validate(); err != nil {
		return err
	}
	ln, err := net.Listen("tcp", o.listen)
	if err != nil {
		return badInput(codeFile, "listen: %v", err)
	}
	defer end(ln)
	home, err := os.MkdirTemp("", "assay-dev-*")
	if err != nil {
		return badInput(codeFile, "%v", err)
	}
	defer os.RemoveAll(home)
	engine, err := newEngine(ctx)
	if err != nil {
		return err
	}
	defer endEngine(engine)
	s := u.start("network", "starting 1 validator and %d providers", o.providers)
	local, err := node.StartLocal(ctx, node.LocalConfig{
		Kind: assay.Dev, Home: filepath.Join(home, "chain"), Providers: o.providers, Cheaters: cheaters, NoWatcher: o.noWatcher, Params: params,
		Executor: enginesOf(engine, zkvm.Options{}), Runtimes: runtimesRun(), CheckpointEvery: node.LocalCheckpoints, Logger: logger(cmd, o.verbose),
	})
	if err != nil {
		s.close()
		return err
	}
	s.end("1 validator, %d providers%s%s", o.providers, planted(cheaters), watching(o.noWatcher))
	anchor := filepath.Join(home, "anchor")
	if err := writeAnchor(local.Network.Genesis(), anchor); err != nil {
		return errors.Join(err, local.Close())
	}
	o.announce(cmd, u, local, node.URLOf(ln), anchor)
	err = node.Serve(ctx, ln, node.NetworkHandler(local.Network, local.Blobs))
	return errors.Join(err, local.Close())
}

func (o *devOptions) announce(cmd *cobra.Command, u *ui, local *node.Local, url, anchor string) {
	if o.json {
		writeJSON(cmd.OutOrStdout(), struct {
			URL     string          `json:"url"`
			Network assay.NetworkID `json:"network"`
			Anchor  string          `json:"anchor"`
		}{url, local.Network.Genesis().ID(), anchor})
		return
	}
	u.line("url", "%s", url)
	u.line("anchor", "%s", anchor)
	u.line("", "submit:   assay run PROGRAM --network %s", url)
	u.line("", "provide:  assay provider --network %s", url)
	u.line("", "look:     assay job list --network %s", url)
	u.line("", "Ctrl-C ends the network and removes its folder")
}

// counts checks the numbers of planted adversaries.
func (c cheaterFlags) counts(providers int) (adversary.Counts, error) {
	counts := adversary.Counts{}
	for kind, n := range c {
		if *n < 0 {
			return nil, usage("--%s %d: a number of providers", kind, *n)
		}
		if *n > 0 {
			counts[kind] = *n
		}
	}
	if providers < 1 || providers > maxLocalProviders {
		return nil, usage("--providers %d: the range is 1 to %d", providers, maxLocalProviders)
	}
	return counts, nil
}

func writeAnchor(g *assay.Genesis, file string) error {
	anchor, err := receipt.NewAnchor(g)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, []byte(anchor.String()), 0o644); err != nil {
		return badInput(codeFile, "write the anchor: %v", err)
	}
	return nil
}

func logger(cmd *cobra.Command, verbose bool) *slog.Logger {
	level := slog.LevelWarn
	if verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: level}))
}

// listenOn opens a listener and says where it is.
func listenOn(address string) (net.Listener, error) {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, badInput(codeFile, "listen on %s: %v", address, err)
	}
	return ln, nil
}

func shownKey(k assay.Key) string { return fmt.Sprintf("%s (%s)", k, k.Short()) }

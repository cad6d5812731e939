package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/api"
	"github.com/capacloud/assay/blob"
	"github.com/capacloud/assay/executor/zkvm"
	"github.com/capacloud/assay/node"
	"github.com/capacloud/assay/provider"
)

func newProvider() *cobra.Command {
	var o providerOptions
	cmd := &cobra.Command{
		Use:   "provider",
		Short: "execute jobs of a network for money",
		Long: `Posts an offer backed by stake, executes the jobs that the network draws this provider
for, and serves the outputs. What it must remember lies in --dir; it can be killed at any
moment and goes on where the ledger says it stands.`,
		Args: exactArgs(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&o.network, "network", "", "URL of the network")
	f.StringVar(&o.key, "key", "", "name or file of the provider's key (default: one in --dir, made when missing)")
	f.StringVar(&o.dir, "dir", "", "folder of stores and key (default: under ASSAY_HOME or the XDG data folder)")
	f.StringVar(&o.listen, "listen", "127.0.0.1:0", "host:port that serves outputs")
	f.StringVar(&o.url, "url", "", "URL under which others reach --listen (default: its address)")
	f.Uint64Var((*uint64)(&o.stake), "stake", 50_000_000, "stake to hold, in micro-credits")
	f.Uint64Var((*uint64)(&o.price), "price", node.LocalPrice, "price per replica, in micro-credits")
	f.Uint32Var(&o.capacity, "capacity", 2, "assignments held at once")
	f.DurationVar(&o.checkpoints, "checkpoints", time.Duration(node.Checkpoints)*time.Millisecond, "time between checkpoints of a program with epochs, from which another provider goes on; 0: none")
	f.StringVar(&o.proofs, "proofs", "", "folder with case files of zkVM proofs made before; with it the provider offers zkvm/1")
	f.StringVar(&o.prover, "prover", "", "command that makes a zkVM proof: a request as JSON on its stdin, a case file on its stdout")
	f.BoolVar(&o.json, "json", false, "print one JSON object when ready")
	f.BoolVar(&o.verbose, "verbose", false, "log every step")
	return cmd
}

type providerOptions struct {
	network, key, dir, listen, url string
	stake, price                   assay.Amount
	capacity                       uint32
	json, verbose                  bool
	checkpoints                    time.Duration
	proofs, prover                 string
}

// runtimes are those that the offer names: a guest is proved by what somebody has
// stored or installed, or not at all.
func (o *providerOptions) runtimes() []string {
	return slices.DeleteFunc(runtimesRun(), func(name string) bool {
		return name == assay.RuntimeZKVM && o.proofs == "" && o.prover == ""
	})
}

// guests is how this provider proves guests of zkVMs.
func (o *providerOptions) guests(network assay.NetworkID, key assay.Key) (zkvm.Options, error) {
	x := zkvm.Options{Network: network, Provider: key}
	if words := strings.Fields(o.prover); len(words) > 0 {
		x.Prover = zkvm.Command(words[0], words[1:]...)
	}
	if o.proofs == "" {
		return x, nil
	}
	var err error
	if x.Stored, err = zkvm.Folder(o.proofs); err != nil {
		return x, badInput(codeFile, "--proofs: %v", err)
	}
	return x, nil
}

func (o *providerOptions) run(cmd *cobra.Command) error {
	ctx := cmd.Context()
	u := newUI(cmd.ErrOrStderr())
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
		o.dir = filepath.Join(base, "provider", client.Genesis().ID().Short())
	}
	if o.key == "" {
		o.key = filepath.Join(o.dir, "provider.key")
		if err := ensureKey(o.key); err != nil {
			return err
		}
	}
	key, err := openKey(ctx, cmd, client, o.key)
	if err != nil {
		return err
	}
	work, err := openStore(o.dir, "work")
	if err != nil {
		return err
	}
	defer end(work)
	public, err := openStore(o.dir, "public")
	if err != nil {
		return err
	}
	defer end(public)
	ln, err := listenOn(o.listen)
	if err != nil {
		return err
	}
	defer end(ln)
	if o.url == "" {
		o.url = node.URLOf(ln)
	}
	if err := o.enlist(ctx, client, key); err != nil {
		return err
	}
	o.announce(cmd, u, assay.KeyOf(key))
	return o.serve(cmd, client, key, work, public, ln)
}

// enlist brings offer and stake on the ledger to what the flags say.
func (o *providerOptions) enlist(ctx context.Context, n node.Network, key ed25519.PrivateKey) error {
	self := assay.KeyOf(key)
	if err := fill(ctx, n, key, o.stake+providerFloat); err != nil {
		return err
	}
	staked := assay.Amount(0)
	if p, err := n.Offer(ctx, self); err == nil {
		staked = p.Market.Stake
	}
	messages := []assay.Message{&assay.PostOffer{Offer: assay.Offer{
		Provider: self, Owner: self, Price: o.price, Runtimes: o.runtimes(), Capacity: o.capacity, URL: o.url,
	}}}
	if staked < o.stake {
		messages = append(messages, &assay.Stake{Provider: self, Amount: o.stake - staked})
	}
	_, err := submit(ctx, n, key, messages...)
	return err
}

// providerFloat is what a provider wants beside its stake, for bonds and fees.
const providerFloat = 10_000_000

func (o *providerOptions) announce(cmd *cobra.Command, u *ui, key assay.Key) {
	if o.json {
		writeJSON(cmd.OutOrStdout(), struct {
			Provider assay.Key `json:"provider"`
			URL      string    `json:"url"`
		}{key, o.url})
		return
	}
	u.line("provider", "%s", shownKey(key))
	u.line("offer", "price %s, stake %s, capacity %d", credits(o.price), credits(o.stake), o.capacity)
	u.line("serving", "%s", o.url)
}

// serve runs the actor and the blob server until one of them ends.
func (o *providerOptions) serve(cmd *cobra.Command, client *api.Client, key ed25519.PrivateKey, work, public *blob.Store, ln net.Listener) error {
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	engine, err := newEngine(ctx)
	if err != nil {
		return err
	}
	defer endEngine(engine)
	source, err := blob.NewClient(blob.ClientConfig{Base: o.network})
	if err != nil {
		return err
	}
	guests, err := o.guests(client.Genesis().ID(), assay.KeyOf(key))
	if err != nil {
		return err
	}
	core, err := provider.New(provider.Config{
		Params: &client.Genesis().Params, Network: client.Genesis().ID(), Key: assay.KeyOf(key), Secret: key.Seed(), Capacity: int(o.capacity),
		ClockStep: client.Genesis().Params.ClockStep, CheckpointEvery: assay.Millis(o.checkpoints.Milliseconds()),
	})
	if err != nil {
		return err
	}
	var serving sync.WaitGroup
	var served error
	serving.Go(func() {
		mux := http.NewServeMux()
		mux.Handle("/blob/", public.Handler(blob.HandlerConfig{}))
		served = node.Serve(ctx, ln, mux)
		cancel()
	})
	log := logger(cmd, o.verbose)
	serving.Go(func() { node.Supervise(ctx, client, log) })
	serving.Go(func() { node.RunSweeper(ctx, client, log, work, public) })
	err = node.RunProvider(ctx, node.ProviderConfig{
		Network: client, Key: key, Core: core, Executor: enginesOf(engine, guests),
		Proofs: node.FolderProofs(filepath.Join(o.dir, "proofs")),
		Source: source, Work: work, Public: public, SourceOf: node.SourceByOffer(client), Logger: log,
	})
	cancel()
	serving.Wait()
	if errors.Is(err, node.ErrUnreachable) {
		return unreachable(err)
	}
	return errors.Join(err, served)
}

func openStore(dir, name string) (*blob.Store, error) {
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, badInput(codeFile, "%v", err)
	}
	store, err := blob.OpenDir(path, blob.Config{})
	if err != nil {
		return nil, badInput(codeFile, "%v", err)
	}
	return store, nil
}

// ensureKey makes a machine key unless the file is there.
func ensureKey(file string) error {
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	key, err := generateKey()
	if err != nil {
		return err
	}
	return saveKey(file, key, "")
}

package node

import (
	"context"
	"crypto/ed25519"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/api"
	"github.com/capacloud/assay/blob"
	"github.com/capacloud/assay/comet"
)

// ValidatorConfig is a validator process: a chain on disk, a store, and the
// HTTP API that everybody else talks to.
type ValidatorConfig struct {
	Genesis   *assay.Genesis
	Consensus ed25519.PrivateKey
	Beacon    ed25519.PrivateKey
	Account   ed25519.PrivateKey
	Home      string // of the chain
	Blobs     *blob.Store
	Listener  net.Listener
	P2P       string   // host:port for other validators; empty: none
	Peers     []string // id@host:port
	Logger    *slog.Logger
	// Ready is called once the chain runs and the API is about to be served.
	Ready func()
}

// RunValidator runs a validator until ctx ends or it halts.
func RunValidator(ctx context.Context, cfg ValidatorConfig) (err error) {
	profile := comet.Local
	if cfg.P2P != "" {
		profile = comet.LAN
	}
	n, err := comet.Start(ctx, comet.Config{
		Genesis: cfg.Genesis, Consensus: cfg.Consensus, Beacon: cfg.Beacon, Account: cfg.Account,
		Home: cfg.Home, Listen: cfg.P2P, Peers: cfg.Peers, Profile: profile, Logger: cfg.Logger,
	})
	if err != nil {
		_ = cfg.Listener.Close() // the error to tell is the other one
		return err
	}
	defer func() { err = errors.Join(err, n.Stop()) }()

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var parts sync.WaitGroup
	defer parts.Wait()
	defer cancel(nil)
	parts.Go(func() {
		select {
		case <-n.Done():
			cancel(n.Err()) // halted: a server without a chain would only lie
		case <-ctx.Done():
		}
	})
	parts.Go(func() {
		err := RunAttester(ctx, AttesterConfig{
			Network: n, Account: cfg.Account, Store: cfg.Blobs, SourceOf: SourceByOffer(n), Logger: cfg.Logger,
		})
		if err != nil && ctx.Err() == nil {
			cancel(err)
		}
	})
	parts.Go(func() { RunSweeper(ctx, n, cfg.Logger, cfg.Blobs) })
	if cfg.Ready != nil {
		cfg.Ready()
	}
	if err := Serve(ctx, cfg.Listener, NetworkHandler(n, cfg.Blobs)); err != nil {
		return err
	}
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// NetworkHandler serves a network's API with the store that requesters send
// programs to and fetch outputs from.
func NetworkHandler(n Network, blobs *blob.Store) http.Handler {
	return api.Handler(n, blobs.Handler(blob.HandlerConfig{Upload: true}))
}

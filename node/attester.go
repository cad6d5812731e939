package node

import (
	"context"
	"crypto/ed25519"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/blob"
	"github.com/capacloud/assay/ledger"
	"github.com/capacloud/assay/merkle"
	"github.com/capacloud/assay/provider"
)

// AttesterConfig is what a validator's availability duty runs with.
type AttesterConfig struct {
	Network Network
	Account ed25519.PrivateKey
	Store   *blob.Store // holds what was attested
	// SourceOf returns where a provider serves its outputs.
	SourceOf func(ctx context.Context, provider assay.Key) (blob.Source, error)
	Logger   *slog.Logger
}

// A provider publishes when it sees the verdict, which may be a moment after
// the validator saw it: fetching is tried again within one report to the core.
const (
	fetchTries = 20
	fetchPause = 25 * time.Millisecond
)

type attesterLoop struct {
	AttesterConfig
	wallet Wallet
	events chan provider.Event
	tasks  sync.WaitGroup
}

// RunAttester drives a validator's attester until ctx ends or the network is
// gone.
func RunAttester(ctx context.Context, cfg AttesterConfig) error {
	core, err := provider.NewAttester(assay.KeyOf(cfg.Account), 0)
	if err != nil {
		return err
	}
	a := &attesterLoop{AttesterConfig: cfg, wallet: Wallet{Network: cfg.Network, Key: cfg.Account}, events: make(chan provider.Event)}
	ctx, cancel := context.WithCancel(ctx)
	defer a.tasks.Wait()
	defer cancel()
	return drive(ctx, cfg.Network, ledger.Filter{Open: true}, a.events, core, a.perform)
}

func (a *attesterLoop) perform(ctx context.Context, effect provider.Effect) {
	switch e := effect.(type) {
	case provider.Send:
		a.tasks.Go(func() {
			if _, err := a.wallet.Submit(ctx, e.Messages...); err != nil && !errors.Is(err, context.Canceled) {
				a.Logger.Debug("attestation refused", slog.Any("error", err))
			}
		})
	case provider.Fetch:
		a.tasks.Go(func() {
			err := a.fetch(ctx, e)
			select {
			case a.events <- provider.Fetched{Job: e.Job, Output: e.Output, Err: err}:
			case <-ctx.Done():
			}
		})
	}
}

// fetch copies an output from the first supporter that delivers it whole.
func (a *attesterLoop) fetch(ctx context.Context, e provider.Fetch) (err error) {
	err = blob.ErrNotFound
	for try := range fetchTries {
		if try > 0 {
			select {
			case <-time.After(fetchPause):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		for _, key := range e.From {
			var src blob.Source
			if src, err = a.SourceOf(ctx, key); err != nil {
				continue
			}
			if _, err = blob.Copy(ctx, a.Store, src, e.Output, merkle.Folder); err == nil {
				return nil
			}
		}
	}
	return err
}

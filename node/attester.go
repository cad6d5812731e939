package node

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/blob"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/ledger"
	"github.com/capacloud/assay/merkle"
	"github.com/capacloud/assay/provider"
)

// AttesterConfig is what a validator's availability duty runs with.
type AttesterConfig struct {
	Network Network
	Account ed25519.PrivateKey
	Store   *blob.Store // holds what was attested
	// Inputs are where programs and inputs may be besides Store, where requesters
	// have sent them; nil: nowhere.
	Inputs blob.Source
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
	copies mirror
}

// RunAttester drives a validator's attester until ctx ends or the network is
// gone.
func RunAttester(ctx context.Context, cfg AttesterConfig) error {
	core, err := provider.NewAttester(assay.KeyOf(cfg.Account), 0)
	if err != nil {
		return err
	}
	core.HoldInputs(cfg.Network.Genesis().Params)
	a := &attesterLoop{AttesterConfig: cfg, wallet: Wallet{Network: cfg.Network, Key: cfg.Account}, events: make(chan provider.Event)}
	ctx, cancel := context.WithCancel(ctx)
	defer a.tasks.Wait()
	defer cancel()
	return drive(ctx, cfg.Network, a.events, core, a.perform, func(ctx context.Context) (s provider.State, err error) {
		if s.Cases, err = cfg.Network.Cases(ctx, ledger.Filter{Open: true}); err == nil {
			a.mirror(ctx, s.Cases)
		}
		return s, err
	})
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
		a.tasks.Go(func() { a.tell(ctx, provider.Fetched{Job: e.Job, Output: e.Output, Err: a.fetch(ctx, e)}) })
	case provider.FetchInputs:
		a.tasks.Go(func() {
			a.tell(ctx, provider.Fetched{Job: e.ID, Output: e.Job.InputsDigest(), Err: a.inputs(ctx, e)})
		})
	}
}

func (a *attesterLoop) tell(ctx context.Context, e provider.Event) {
	select {
	case a.events <- e:
	case <-ctx.Done():
	}
}

// inputs makes sure that program and inputs are here, whole, and are no more
// than what windows were reckoned for. Copying a store onto itself reads what is
// there and fails at what is not.
func (a *attesterLoop) inputs(ctx context.Context, e provider.FetchInputs) error {
	err := fetchJob(ctx, a.Store, a.Store, &e.Job)
	if err != nil && a.Inputs != nil {
		err = fetchJob(ctx, a.Store, a.Inputs, &e.Job)
	}
	if err != nil {
		return err
	}
	return a.stated(ctx, e)
}

// stated refuses inputs that are larger than the requester has said, since the
// windows in which others fetch them are reckoned by that, and a program that is
// too long to be posted in a dispute.
func (a *attesterLoop) stated(ctx context.Context, e provider.FetchInputs) error {
	program, total, err := sizeOf(ctx, a.Store, &e.Job)
	switch {
	case err != nil:
		return err
	case program > board.MaxProgram:
		return fmt.Errorf("program of %d bytes: at most %d can be disputed", program, board.MaxProgram)
	case total > e.Bytes:
		return fmt.Errorf("inputs of %d bytes; the requester has stated %d", total, e.Bytes)
	}
	return nil
}

// sizeOf returns the bytes of a job's program, and of all that an executor has
// to fetch.
func sizeOf(ctx context.Context, store *blob.Store, job *assay.Job) (program, total uint64, err error) {
	for _, artifact := range job.Artifacts() {
		info, err := store.Stat(ctx, artifact.Digest)
		if err != nil {
			return 0, 0, fmt.Errorf("size of %s: %w", artifact.Digest.Short(), err)
		}
		if artifact.Digest == job.Program {
			program = info.Size
		}
		total += info.Size
	}
	named, err := namedIn(ctx, store, job.Runtime, job.Program)
	if err != nil {
		return 0, 0, err
	}
	for _, digest := range named {
		info, err := store.Stat(ctx, digest)
		if err != nil {
			return 0, 0, fmt.Errorf("size of %s: %w", digest.Short(), err)
		}
		total += info.Size
	}
	return program, total, nil
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

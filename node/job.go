package node

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/blob"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/ledger"
	"github.com/capacloud/assay/merkle"
	"github.com/capacloud/assay/receipt"
	"github.com/capacloud/assay/requester"
)

// JobConfig is one job with the means to see it through.
type JobConfig struct {
	Network  Network
	Key      ed25519.PrivateKey // the requester's
	Job      assay.Job
	Bytes    uint64      // of program and input; zero: what Store holds of them
	Store    *blob.Store // holds program and input; receives the output
	Remote   blob.Source // the validator's store: the accepted output is fetched there
	Progress func(requester.Progress, *board.Case)
	Keys     []requester.Key // that the job's proofs use
}

// Finished is a job that has settled.
type Finished struct {
	Case    *board.Case
	TxFees  assay.Amount // paid by the requester for its transactions
	Receipt []byte
	Report  *receipt.Report // of the receipt, verified as a stranger would
	// Delivered says that Store holds the output.
	Delivered bool
}

// RunJob submits a job, follows it to its settlement, fetches the output and
// assembles the receipt. When ctx ends after the submission the job goes on
// without us.
func RunJob(ctx context.Context, cfg JobConfig) (*Finished, error) {
	if cfg.Bytes == 0 {
		var err error
		if _, cfg.Bytes, err = sizeOf(ctx, cfg.Store, &cfg.Job); err != nil {
			return nil, err
		}
	}
	core, err := requester.New(requester.Config{Job: cfg.Job, Bytes: cfg.Bytes, Keys: cfg.Keys})
	if err != nil {
		return nil, err
	}
	r := &jobLoop{JobConfig: cfg, core: core, wallet: Wallet{Network: cfg.Network, Key: cfg.Key}, events: make(chan requester.Event)}
	settled, err := r.follow(ctx)
	if err != nil {
		return nil, err
	}
	f := &Finished{Case: settled, TxFees: r.paid()}
	if f.Delivered, err = r.deliver(ctx, settled.Record); err != nil {
		return f, err
	}
	return f, r.receipt(ctx, f)
}

// jobLoop drives a requester core.
type jobLoop struct {
	JobConfig
	core   *requester.Requester
	wallet Wallet
	events chan requester.Event
	tasks  sync.WaitGroup

	last  *board.Case // as far as it was followed
	pulse pulse

	mu      sync.Mutex
	fees    assay.Amount
	refusal *assay.Refusal // of the submission
}

// patience is how often a core hears that time has passed: a halted network
// makes no blocks, and must not keep a person waiting.
const patience = time.Second

func (r *jobLoop) follow(ctx context.Context) (*board.Case, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer r.tasks.Wait()
	defer cancel()
	r.pulse.felt()
	moments := r.Network.Watch(ctx)
	tick := time.NewTicker(patience)
	defer tick.Stop()
	for {
		var event requester.Event
		select {
		case m, ok := <-moments:
			if !ok {
				return nil, cmp.Or(ctx.Err(), ErrUnreachable)
			}
			c, err := r.Network.Case(ctx, r.core.ID())
			if err != nil && assay.CodeOf(err) != ledger.CodeUnknownJob {
				continue
			}
			r.pulse.felt()
			r.last = c
			event = requester.State{Moment: m, Case: c}
		case <-tick.C:
			if r.pulse.gone() {
				return nil, fmt.Errorf("%w: no answer for %s", ErrUnreachable, unreachableAfter)
			}
			r.tasks.Go(func() { r.pulse.feel(ctx, r.Network) })
			event = requester.Passed{Now: Now()}
		case event = <-r.events:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		for _, effect := range r.core.Step(event) {
			switch e := effect.(type) {
			case requester.Send:
				r.tasks.Go(func() { r.send(ctx, e) })
			case requester.Progress:
				r.Progress(e, r.last)
			case requester.Done:
				return e.Case, r.reason(e.Err)
			}
		}
	}
}

// reason puts the ledger's own refusal, and what it cost, in the place of the
// core's word for it.
func (r *jobLoop) reason(err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if assay.CodeOf(err) != requester.CodeStopped || r.refusal == nil {
		return err
	}
	return fmt.Errorf("%w; the refused transaction cost %d", r.refusal, r.fees)
}

// send submits. A refusal ends the job, unless it says that the job is known:
// then an earlier copy has landed.
func (r *jobLoop) send(ctx context.Context, e requester.Send) {
	res, err := r.wallet.Submit(ctx, e.Messages...)
	var refusal *assay.Refusal
	refused := errors.As(err, &refusal) && !Passing(err)
	r.mu.Lock()
	r.fees += res.Fee
	if refused {
		r.refusal = refusal
	}
	r.mu.Unlock()
	if !refused {
		return
	}
	select {
	case r.events <- requester.Refused{Err: refusal}:
	case <-ctx.Done():
	}
}

func (r *jobLoop) paid() assay.Amount {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fees
}

// deliver fetches the accepted output, if there is one to be had.
func (r *jobLoop) deliver(ctx context.Context, rec *assay.Record) (bool, error) {
	v := rec.Verdict
	if v.Outcome != assay.Accepted || v.Result == nil || rec.Settlement.Availability == assay.NotAvailable {
		return false, nil
	}
	if _, err := blob.Copy(ctx, r.Store, r.Remote, v.Result.Output, merkle.Folder); err != nil {
		return false, fmt.Errorf("fetch the accepted output: %w: %w", ErrUnreachable, err)
	}
	return true, nil
}

// receipt assembles the receipt and verifies it as its reader will.
func (r *jobLoop) receipt(ctx context.Context, f *Finished) error {
	g := r.Network.Genesis()
	artifacts, err := receipt.Collect(&f.Case.Job, f.Case.Record, Contents{Context: ctx, Store: r.Store})
	if err != nil {
		return fmt.Errorf("collect artifacts for the receipt: %w", err)
	}
	proof, err := r.Network.Proof(ctx, ledger.RecordKey(f.Case.ID))
	if err != nil {
		return fmt.Errorf("prove the record: %w", err)
	}
	inclusion, err := proof.Inclusion()
	if err != nil {
		return err
	}
	file, err := receipt.Assemble(receipt.Parts{Case: f.Case, Artifacts: artifacts, Inclusion: inclusion}, r.Key)
	if err != nil {
		return fmt.Errorf("assemble the receipt: %w", err)
	}
	f.Receipt = file.Bytes()
	anchor, err := receipt.NewAnchor(g)
	if err != nil {
		return err
	}
	f.Report, err = receipt.Verify(f.Receipt, anchor)
	return err
}

package node

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/blob"
	"github.com/capacloud/assay/challenger"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/ledger"
	"github.com/capacloud/assay/merkle"
	"github.com/capacloud/assay/provider"
)

// Core is an actor of package provider, honest or wrapped by an adversary.
type Core interface {
	Step(provider.Event) []provider.Effect
}

// ProviderConfig is what a provider runs with. Every provider has a store, a
// key and an executor of its own; nothing that it computes reaches another.
type ProviderConfig struct {
	Network  Network
	Key      ed25519.PrivateKey
	Core     Core
	Executor executor.Executor
	Source   blob.Source // of programs and inputs
	Work     *blob.Store // programs, inputs, and outputs that nobody may read yet
	Public   *blob.Store // outputs from the verdict on; this one is served
	Trace    TraceFunc   // of jobs whose results it defends; nil: the canonical machine
	Machines Machines    // nil: turns of its own
	Logger   *slog.Logger
	Proofs   Proofs // nil: as long as the process lives
	// SourceOf returns where a provider serves its checkpoints; nil: nowhere.
	SourceOf func(ctx context.Context, provider assay.Key) (blob.Source, error)
}

// providerLoop carries a core's effects out.
type providerLoop struct {
	ProviderConfig
	wallet Wallet
	events chan provider.Event
	tasks  sync.WaitGroup
	traces *traces
	keeps  keeps

	mu      sync.Mutex
	running map[assay.JobID]context.CancelFunc

	provings map[assay.Digest]proving
}

// RunProvider drives a provider until ctx ends or the network is gone.
func RunProvider(ctx context.Context, cfg ProviderConfig) error {
	p := &providerLoop{
		ProviderConfig: cfg,
		wallet:         Wallet{Network: cfg.Network, Key: cfg.Key},
		events:         make(chan provider.Event),
		running:        map[assay.JobID]context.CancelFunc{},
	}
	if p.Proofs == nil {
		p.Proofs = &MemoryProofs{}
	}
	p.traces = newTraces(cfg.Trace, cfg.Executor, cfg.Machines, cfg.Work, cfg.Source, &p.tasks)
	ctx, cancel := context.WithCancel(ctx)
	defer p.tasks.Wait()
	defer cancel()
	key := assay.KeyOf(cfg.Key)
	return drive(ctx, cfg.Network, p.events, cfg.Core, p.perform, func(ctx context.Context) (s provider.State, err error) {
		if s.Cases, err = cfg.Network.Cases(ctx, ledger.Filter{Provider: key, Open: true}); err != nil {
			return s, err
		}
		n := stakes{cfg.Network}
		if s.Appeals, err = n.appeals(ctx, key); err != nil {
			return s, err
		}
		s.Posted, err = n.posted(ctx, s.Cases, s.Appeals)
		return s, err
	})
}

// drive feeds a core with states and with what its effects brought, and carries
// the effects out. Actors reconcile from state, never from events alone: a
// block that was missed is made up for by the next.
func drive(ctx context.Context, n Network, events <-chan provider.Event, core Core, perform func(context.Context, provider.Effect), look func(context.Context) (provider.State, error)) error {
	moments := n.Watch(ctx)
	for {
		var event provider.Event
		select {
		case m, ok := <-moments:
			if !ok {
				if ctx.Err() != nil {
					return nil
				}
				return ErrUnreachable
			}
			s, err := look(ctx)
			if err != nil {
				continue // the next block asks again
			}
			s.Moment = m
			event = s
		case event = <-events:
		}
		for _, effect := range core.Step(event) {
			perform(ctx, effect)
		}
	}
}

func (p *providerLoop) perform(ctx context.Context, effect provider.Effect) {
	switch e := effect.(type) {
	case provider.Execute:
		p.execute(ctx, e)
	case provider.Restore:
		p.tasks.Go(func() { p.tell(ctx, p.restore(ctx, e)) })
	case provider.Keep:
		p.keeps.ask(e.Job)
	case provider.Cancel:
		p.stop(e.Job)
		p.stopProofs(e.Job)
	case provider.Prove:
		p.startProof(ctx, e)
	case provider.Send:
		p.tasks.Go(func() { p.send(ctx, e) })
	case provider.Publish:
		p.tasks.Go(func() { p.publish(ctx, e) })
	case provider.OpenLeaves:
		p.tasks.Go(func() { p.openLeaves(ctx, e) })
	case provider.Trace:
		p.traces.askFrom(ctx, e.Ask, e.From, func(a challenger.Answer) { p.tell(ctx, provider.Traced{Answer: a}) })
	case provider.Untrace:
		p.traces.drop(e.Job)
	case provider.Report:
		p.Logger.Warn("provider needs attention", slog.String("job", e.Job.String()), slog.Any("error", e.Err))
	}
}

// tell hands an event to the core, unless the loop has ended.
func (p *providerLoop) tell(ctx context.Context, e provider.Event) {
	select {
	case p.events <- e:
	case <-ctx.Done():
	}
}

func (p *providerLoop) execute(ctx context.Context, e provider.Execute) {
	ctx, cancel := context.WithCancel(ctx)
	p.mu.Lock()
	p.running[e.ID] = cancel
	p.mu.Unlock()
	p.tasks.Go(func() {
		defer p.stop(e.ID)
		result, err := p.result(ctx, &e)
		if ctx.Err() != nil {
			return // cancelled: no answer is due
		}
		p.tell(ctx, provider.Executed{Job: e.ID, Result: result, Err: err})
	})
}

func (p *providerLoop) stop(job assay.JobID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if cancel, ok := p.running[job]; ok {
		cancel()
		delete(p.running, job)
	}
}

// result fetches what a job needs, runs it, and keeps the output.
func (p *providerLoop) result(ctx context.Context, e *provider.Execute) (assay.Result, error) {
	if err := p.fetch(ctx, &e.Job); err != nil {
		return assay.Result{}, err
	}
	outcome, err := p.run(ctx, e)
	if err != nil {
		return assay.Result{}, fmt.Errorf("execute: %w", err)
	}
	if err := storeOutput(ctx, p.Work, outcome.Output); err != nil {
		return assay.Result{}, fmt.Errorf("store output: %w", err)
	}
	return outcome.Result, nil
}

func fetchJob(ctx context.Context, dst *blob.Store, src blob.Source, job *assay.Job) error {
	for _, e := range job.Artifacts() {
		if _, err := blob.Copy(ctx, dst, src, e.Digest, e.Kind); err != nil {
			return err
		}
	}
	return nil
}

// storeOutput keeps the files and folders of an output, children first.
func storeOutput(ctx context.Context, dst *blob.Store, tree *executor.OutputTree) error {
	if tree == nil {
		return nil
	}
	for _, f := range tree.Files {
		if _, err := dst.PutBytes(ctx, f.Bytes); err != nil {
			return err
		}
	}
	for _, f := range tree.Folders {
		if _, err := dst.PutFolder(ctx, f.Entries); err != nil {
			return err
		}
	}
	return nil
}

// send submits and forgets: the next state shows what landed, and the core
// sends again what did not.
func (p *providerLoop) send(ctx context.Context, e provider.Send) {
	_, err := p.wallet.Submit(ctx, e.Messages...)
	if err != nil && !errors.Is(err, context.Canceled) {
		p.Logger.Debug("message refused", slog.String("kind", e.Messages[0].Kind().String()), slog.Any("error", err))
	}
}

func (p *providerLoop) publish(ctx context.Context, e provider.Publish) {
	if _, err := blob.Copy(ctx, p.Public, p.Work, e.Root, merkle.Folder); err != nil && ctx.Err() == nil {
		p.Logger.Warn("output cannot be published", slog.String("job", e.Job.String()), slog.Any("error", err))
	}
}

func (p *providerLoop) openLeaves(ctx context.Context, e provider.OpenLeaves) {
	answer := provider.LeavesOpened{Job: e.Job, Height: e.Height}
	for _, offset := range e.Offsets {
		var o merkle.Opening
		if o, answer.Err = p.Work.Open(ctx, e.Root, offset); answer.Err != nil {
			break
		}
		answer.Openings = append(answer.Openings, o)
	}
	p.tell(ctx, answer)
}

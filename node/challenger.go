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
	"github.com/capacloud/assay/challenger"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/ledger"
)

// WatchCore is an actor of package challenger, honest or wrapped by an
// adversary.
type WatchCore interface {
	Step(challenger.Event) []challenger.Effect
}

// ChallengerConfig is what a party that watches runs with.
type ChallengerConfig struct {
	Network  Network
	Key      ed25519.PrivateKey // signs and pays
	Core     WatchCore
	Executor executor.Executor
	Source   blob.Source // of programs and inputs
	Work     *blob.Store
	Trace    TraceFunc // nil: the canonical machine
	Machines Machines  // nil: turns of its own
	Logger   *slog.Logger
	// Report hears of what a person may want to know, besides the log; nil: nobody.
	Report func(challenger.Report)
}

// challengerLoop carries a watcher's effects out.
type challengerLoop struct {
	ChallengerConfig
	wallet Wallet
	events chan challenger.Event
	tasks  sync.WaitGroup
	traces *traces

	settled []*board.Case // as listed last
	appeals int           // that ran then
	listed  time.Time

	mu      sync.Mutex
	running map[assay.JobID]context.CancelFunc
}

// RunChallenger drives a watcher until ctx ends or the network is gone. It may be
// killed at any moment: the next one goes on from the ledger.
func RunChallenger(ctx context.Context, cfg ChallengerConfig) error {
	l := &challengerLoop{
		ChallengerConfig: cfg,
		wallet:           Wallet{Network: cfg.Network, Key: cfg.Key},
		events:           make(chan challenger.Event),
		running:          map[assay.JobID]context.CancelFunc{},
	}
	l.traces = newTraces(cfg.Trace, cfg.Executor, cfg.Machines, cfg.Work, cfg.Source, &l.tasks)
	ctx, cancel := context.WithCancel(ctx)
	defer l.tasks.Wait()
	defer cancel()
	return l.run(ctx)
}

// How long no block comes before a watcher looks again, since it may have skipped
// the settled cases when it looked last, and before it tries again what may have
// been lost.
const (
	lookAgain = 3 * time.Second
	tryAgain  = 20 * time.Second
)

// run feeds the core with what the network shows, with what its effects brought,
// and with the passing of time where the network stands still.
func (l *challengerLoop) run(ctx context.Context) error {
	moments := l.Network.Watch(ctx)
	quiet := time.NewTicker(lookAgain)
	defer quiet.Stop()
	var last assay.Moment
	moved := time.Now()
	for {
		select {
		case m, ok := <-moments:
			if !ok {
				if ctx.Err() != nil {
					return nil
				}
				return ErrUnreachable
			}
			last, moved = m, time.Now()
			quiet.Reset(lookAgain)
			l.show(ctx, last)
		case e := <-l.events:
			l.step(ctx, e)
		case <-quiet.C:
			l.show(ctx, last)
			if time.Since(moved) > tryAgain {
				moved = time.Now()
				l.step(ctx, challenger.Passed{})
			}
		}
	}
}

// show lets the core see the ledger. Where that fails the next look makes up for
// it.
func (l *challengerLoop) show(ctx context.Context, at assay.Moment) {
	s, err := l.look(ctx)
	if err != nil {
		return
	}
	s.Moment = at
	l.step(ctx, s)
}

func (l *challengerLoop) step(ctx context.Context, e challenger.Event) {
	for _, effect := range l.Core.Step(e) {
		l.perform(ctx, effect)
	}
}

func (l *challengerLoop) perform(ctx context.Context, effect challenger.Effect) {
	switch e := effect.(type) {
	case challenger.Execute:
		l.execute(ctx, e)
	case challenger.Cancel:
		l.stop(e.Job)
	case challenger.Ask:
		l.traces.ask(ctx, e, func(a challenger.Answer) { l.tell(ctx, a) })
	case challenger.Drop:
		l.traces.drop(e.Job)
	case challenger.Send:
		l.tasks.Go(func() {
			if _, err := l.wallet.Submit(ctx, e.Messages...); err != nil && !errors.Is(err, context.Canceled) {
				l.Logger.Debug("message refused", slog.String("kind", e.Messages[0].Kind().String()), slog.Any("error", err))
			}
		})
	case challenger.Report:
		l.Logger.Warn("challenger", slog.String("job", e.Job.String()), slog.Any("error", e.Err))
		if l.Report != nil {
			l.Report(e)
		}
	}
}

// tell hands an event to the core, unless the loop has ended.
func (l *challengerLoop) tell(ctx context.Context, e challenger.Event) {
	select {
	case l.events <- e:
	case <-ctx.Done():
	}
}

func (l *challengerLoop) execute(ctx context.Context, e challenger.Execute) {
	ctx, cancel := context.WithCancel(ctx)
	l.mu.Lock()
	l.running[e.ID] = cancel
	l.mu.Unlock()
	l.tasks.Go(func() {
		defer l.stop(e.ID)
		result, err := l.result(ctx, &e.Job)
		if ctx.Err() != nil {
			return // cancelled: no answer is due
		}
		l.tell(ctx, challenger.Executed{Job: e.ID, Result: result, Err: err})
	})
}

func (l *challengerLoop) stop(job assay.JobID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if cancel, ok := l.running[job]; ok {
		cancel()
		delete(l.running, job)
	}
}

// result fetches what a job needs and runs it. The output is nobody's business.
func (l *challengerLoop) result(ctx context.Context, job *assay.Job) (assay.Result, error) {
	if err := fetchJob(ctx, l.Work, l.Source, job); err != nil {
		return assay.Result{}, fmt.Errorf("fetch program and input: %w", err)
	}
	outcome, err := l.Executor.Execute(ctx, job, l.Work)
	if err != nil {
		return assay.Result{}, fmt.Errorf("execute: %w", err)
	}
	return outcome.Result, nil
}

// liableEvery is how often the settled cases are listed. A day's worth of them is
// much to read for each block, and nobody is in a hurry there.
const liableEvery = 2 * time.Second

// look returns what a watcher looks at.
func (l *challengerLoop) look(ctx context.Context) (challenger.State, error) {
	cases, err := allCases(ctx, l.Network, ledger.Filter{Open: true})
	if err != nil {
		return challenger.State{}, err
	}
	n := stakes{l.Network}
	appeals, err := n.appeals(ctx, assay.Key{})
	if err != nil {
		return challenger.State{}, err
	}
	// An appeal that has ended may have revoked what the list still has.
	if len(appeals) != l.appeals || time.Since(l.listed) > liableEvery {
		if l.settled, err = l.Network.Liable(ctx); err != nil {
			return challenger.State{}, err
		}
		l.appeals, l.listed = len(appeals), time.Now()
	}
	cases = append(cases, l.settled...)
	posted, err := n.posted(ctx, cases, appeals)
	return challenger.State{Cases: cases, Appeals: appeals, Posted: posted}, err
}

// stakes reads from a network what somebody stands to lose.
type stakes struct{ Network }

// appeals returns the running appeals that a provider has to defend, with their
// cases; of the zero key, all.
func (n stakes) appeals(ctx context.Context, provider assay.Key) ([]challenger.Appealed, error) {
	list, err := n.Appeals(ctx, provider)
	if err != nil {
		return nil, err
	}
	var appeals []challenger.Appealed
	for _, a := range list {
		c, err := n.Case(ctx, a.Job)
		if err != nil {
			return nil, err
		}
		appeals = append(appeals, challenger.Appealed{Case: c, Appeal: a})
	}
	return appeals, nil
}

// posted returns which chunks are on record of the programs that disputes wait
// for.
func (n stakes) posted(ctx context.Context, cases []*board.Case, appeals []challenger.Appealed) (map[assay.Digest][]bool, error) {
	posted := map[assay.Digest][]bool{}
	look := func(program assay.Digest, d *board.Dispute) error {
		if d == nil || d.Game != nil {
			return nil
		}
		chunks, err := n.Posted(ctx, program)
		posted[program] = chunks
		return err
	}
	for _, c := range cases {
		if err := look(c.Job.Program, c.Dispute()); err != nil {
			return nil, err
		}
	}
	for _, a := range appeals {
		if err := look(a.Case.Job.Program, &a.Appeal.Dispute); err != nil {
			return nil, err
		}
	}
	return posted, nil
}

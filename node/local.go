package node

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/adversary"
	"github.com/capacloud/assay/blob"
	"github.com/capacloud/assay/challenger"
	"github.com/capacloud/assay/comet"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/ledger"
	"github.com/capacloud/assay/provider"
)

// What the parties of an in-process network own. The figures only have to be
// large against fees and prices.
const (
	localRequester = 1_000_000_000
	localProvider  = 100_000_000
	localStake     = 50_000_000
	localWatcher   = 100_000_000
	localValidator = 1_000_000
	// LocalPrice is what a provider of an in-process network asks per replica.
	LocalPrice = 30_000
	// LocalMaxPrice is what `assay run` offers unless told otherwise.
	LocalMaxPrice = 40_000
)

// LocalConfig describes a network in one process: one validator on a real
// CometBFT node and a number of providers. It opens no socket; whoever wants
// one serves it, see Serve.
type LocalConfig struct {
	Kind      assay.NetworkKind // empty: InProcess; Dev for a network that strangers join
	Home      string            // where the chain is kept; empty: in memory
	Providers int
	Executor  executor.Executor // one instance per execution; compiled code may be shared
	Cheaters  adversary.Counts  // the last providers are these
	Params    assay.Params      // zero: assay.LocalParams
	Logger    *slog.Logger      // nil: silent
	// Runtimes are those that the providers offer; nil: wasm/1.
	Runtimes []string
	// NoWatcher leaves out the party that executes what others were paid for and
	// challenges what differs.
	NoWatcher bool
	// Trace makes the tracers of honest parties; nil: the canonical machine.
	Trace TraceFunc
	// CheckpointEvery is how often providers post checkpoints of programs with
	// epochs, which takes an Executor that is an executor.Epochs; zero: never.
	CheckpointEvery assay.Millis
}

// Local is a running in-process network.
type Local struct {
	Network   Network
	Requester ed25519.PrivateKey // funded at genesis
	Blobs     *blob.Store        // the validator's: programs and inputs sent to it, outputs it attested
	Providers []assay.Key        // in order of their index
	Watcher   assay.Key          // zero: none

	watcher *localParty // nil: none
	node    *comet.Node
	stores  []*blob.Store
	cancel  context.CancelFunc
	tasks   sync.WaitGroup
}

// localParty is one provider on its way into the network.
type localParty struct {
	key          ed25519.PrivateKey
	player       adversary.Player
	work, public *blob.Store
}

// StartLocal starts an in-process network and returns when every provider's
// offer stands. Close ends it.
func StartLocal(ctx context.Context, cfg LocalConfig) (_ *Local, err error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Kind == "" {
		cfg.Kind = assay.InProcess
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l := &Local{cancel: cancel}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	cfg.Executor = newTurns(cfg.Executor)
	players, err := adversary.Assign(cfg.Providers, cfg.Cheaters)
	if err != nil {
		return nil, err
	}
	parties := make([]localParty, cfg.Providers)
	for i := range parties {
		p := localParty{key: newKey(), player: players[i]}
		if p.work, err = l.memory(); err != nil {
			return nil, err
		}
		if p.public, err = l.memory(); err != nil {
			return nil, err
		}
		parties[i] = p
		l.Providers = append(l.Providers, assay.KeyOf(p.key))
	}
	if !cfg.NoWatcher {
		l.watcher = &localParty{key: newKey()}
		l.Watcher = assay.KeyOf(l.watcher.key)
		if l.watcher.work, err = l.memory(); err != nil {
			return nil, err
		}
	}
	if l.Blobs, err = l.memory(); err != nil {
		return nil, err
	}
	account, err := l.startChain(ctx, cfg, parties)
	if err != nil {
		return nil, err
	}
	if err := l.postOffers(ctx, parties, cfg.Runtimes); err != nil {
		return nil, err
	}
	return l, l.startActors(run, cfg, account, parties)
}

// turnsMax bounds the executions that a process runs at once, each with up to
// 256 MiB of guest memory under default limits.
const turnsMax = 6

// turns lets executions of one process take turns: more of them than processors
// end no sooner, and hold their memory all the while.
type turns struct {
	executor.Executor
	free chan struct{}
}

func newTurns(x executor.Executor) executor.Executor {
	t := &turns{x, make(chan struct{}, min(max(2, runtime.GOMAXPROCS(0)), turnsMax))}
	if e, ok := x.(executor.Epochs); ok {
		return epochTurns{t, e}
	}
	return t
}

// epochTurns is turns of an executor that shows epochs.
type epochTurns struct {
	*turns
	epochs executor.Epochs
}

// Check implements executor.Epochs.
func (t epochTurns) Check(job *assay.Job, from executor.Checkpoint) error {
	return t.epochs.Check(job, from)
}

// ExecuteEpochs implements executor.Epochs.
func (t epochTurns) ExecuteEpochs(ctx context.Context, job *assay.Job, a executor.Artifacts, from *executor.Checkpoint, each func(executor.Boundary) error) (*executor.Outcome, error) {
	if err := t.take(ctx); err != nil {
		return nil, err
	}
	defer func() { <-t.free }()
	return t.epochs.ExecuteEpochs(ctx, job, a, from, each)
}

// take waits for a turn.
func (t *turns) take(ctx context.Context) error {
	select {
	case t.free <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Prove implements executor.Prover.
func (t *turns) Prove(ctx context.Context, job *assay.Job, ask executor.Ask, a executor.Artifacts) (*executor.Evidence, error) {
	if err := t.take(ctx); err != nil {
		return nil, err
	}
	defer func() { <-t.free }()
	return executor.Prove(ctx, t.Executor, job, ask, a)
}

// Execute implements executor.Executor.
func (t *turns) Execute(ctx context.Context, job *assay.Job, a executor.Artifacts) (*executor.Outcome, error) {
	if err := t.take(ctx); err != nil {
		return nil, err
	}
	defer func() { <-t.free }()
	return t.Executor.Execute(ctx, job, a)
}

func (l *Local) memory() (*blob.Store, error) {
	s, err := blob.OpenMemory(blob.Config{})
	if err == nil {
		l.stores = append(l.stores, s)
	}
	return s, err
}

// startChain makes a genesis with fresh keys and starts its only validator.
func (l *Local) startChain(ctx context.Context, cfg LocalConfig, parties []localParty) (ed25519.PrivateKey, error) {
	consensus, vrf, account := newKey(), newKey(), newKey()
	l.Requester = newKey()
	params := cfg.Params
	if params == (assay.Params{}) {
		params = assay.LocalParams()
	}
	g := &assay.Genesis{
		Version: 1, Name: "local", Kind: cfg.Kind, Time: Now(), Rules: ledger.RulesVersion(), Params: params,
		Validators: []assay.Validator{{
			Name: "operator", Consensus: assay.KeyOf(consensus), Beacon: assay.KeyOf(vrf), Account: assay.KeyOf(account), Power: 1,
		}},
		Accounts: []assay.Allocation{
			{Account: assay.KeyOf(l.Requester), Amount: localRequester},
			{Account: assay.KeyOf(account), Amount: localValidator},
		},
	}
	for _, p := range parties {
		g.Accounts = append(g.Accounts, assay.Allocation{Account: assay.KeyOf(p.key), Amount: localProvider})
	}
	if l.watcher != nil {
		g.Accounts = append(g.Accounts, assay.Allocation{Account: l.Watcher, Amount: localWatcher})
	}
	slices.SortFunc(g.Accounts, func(a, b assay.Allocation) int { return bytes.Compare(a.Account[:], b.Account[:]) })
	node, err := comet.Start(ctx, comet.Config{Genesis: g, Home: cfg.Home, Consensus: consensus, Beacon: vrf, Account: account, Logger: cfg.Logger})
	if err != nil {
		return nil, fmt.Errorf("start the validator: %w", err)
	}
	l.node, l.Network = node, node
	return account, nil
}

// postOffers puts every provider on the market, all at once.
func (l *Local) postOffers(ctx context.Context, parties []localParty, runtimes []string) error {
	errs := make([]error, len(parties))
	var posting sync.WaitGroup
	for i, p := range parties {
		posting.Go(func() {
			w := Wallet{Network: l.Network, Key: p.key}
			_, errs[i] = w.Submit(ctx,
				&assay.PostOffer{Offer: LocalOffer(assay.KeyOf(p.key), runtimes...)},
				&assay.Stake{Provider: assay.KeyOf(p.key), Amount: localStake})
		})
	}
	posting.Wait()
	return errors.Join(errs...)
}

// LocalOffer is the offer of an in-process provider that owns itself, for wasm/1
// unless other runtimes are named.
func LocalOffer(key assay.Key, runtimes ...string) assay.Offer {
	if len(runtimes) == 0 {
		runtimes = []string{assay.RuntimeWasm}
	}
	return assay.Offer{Provider: key, Owner: key, Price: LocalPrice, Runtimes: runtimes, Capacity: 4}
}

// startActors starts the provider loops and the validator's attester.
func (l *Local) startActors(ctx context.Context, cfg LocalConfig, account ed25519.PrivateKey, parties []localParty) error {
	g := l.Network.Genesis()
	network := g.ID()
	served := map[assay.Key]blob.Source{}
	turns := NewMachines()
	sourceOf := func(ctx context.Context, key assay.Key) (blob.Source, error) {
		if s, ok := served[key]; ok {
			return s, nil
		}
		return SourceByOffer(l.Network)(ctx, key)
	}
	for _, p := range parties {
		served[assay.KeyOf(p.key)] = p.public
	}
	for i, p := range parties {
		key := assay.KeyOf(p.key)
		core, err := provider.New(provider.Config{Network: network, Key: key, Secret: p.key.Seed(), Capacity: 2, ClockStep: g.Params.ClockStep, CheckpointEvery: cfg.CheckpointEvery, Params: &g.Params, Unrehearsed: !p.player.IsHonest()})
		if err != nil {
			return err
		}
		l.start(ctx, cfg.Logger, func() error {
			return RunProvider(ctx, ProviderConfig{
				Network: l.Network, Key: p.key,
				Core:     adversary.Wrap(p.player, key, network, core),
				Executor: adversary.Executor(p.player, key, cfg.Executor),
				Source:   l.Blobs, Work: p.work, Public: p.public,
				Trace: traceOf(p.player, key, cfg.Trace), Machines: turns,
				SourceOf: sourceOf,
				Logger:   cfg.Logger.With(slog.Int("provider", i+1)),
			})
		})
	}
	if l.watcher != nil {
		if err := l.startWatcher(ctx, cfg, turns); err != nil {
			return err
		}
	}
	l.start(ctx, cfg.Logger, func() error {
		return RunAttester(ctx, AttesterConfig{
			Network: l.Network, Account: account, Store: l.Blobs, Logger: cfg.Logger,
			SourceOf: sourceOf,
		})
	})
	return nil
}

// startWatcher starts the party that watches.
func (l *Local) startWatcher(ctx context.Context, cfg LocalConfig, turns Machines) error {
	g := l.Network.Genesis()
	core, err := challenger.New(challenger.Config{Network: g.ID(), Key: l.Watcher, ClockStep: g.Params.ClockStep})
	if err != nil {
		return err
	}
	l.start(ctx, cfg.Logger, func() error {
		return RunChallenger(ctx, ChallengerConfig{
			Network: l.Network, Key: l.watcher.key, Core: core, Executor: cfg.Executor,
			Source: l.Blobs, Work: l.watcher.work, Trace: cfg.Trace, Machines: turns,
			Logger: cfg.Logger.With(slog.String("actor", "watcher")),
		})
	})
	return nil
}

// traceOf returns how a player traces: honestly, or with the lie that its
// executor tells.
func traceOf(p adversary.Player, key assay.Key, honest TraceFunc) TraceFunc {
	if p.IsHonest() {
		return honest
	}
	return func(job *assay.Job, store *blob.Store) challenger.Tracer {
		t := NewTracer(job, store)
		return adversary.Tracer(p, key, job, t, t)
	}
}

func (l *Local) start(ctx context.Context, log *slog.Logger, run func() error) {
	l.tasks.Go(func() {
		if err := run(); err != nil && ctx.Err() == nil {
			log.Error("actor ended", slog.Any("error", err))
		}
	})
}

// Close ends the network and frees everything it held.
func (l *Local) Close() error {
	l.cancel()
	l.tasks.Wait()
	var err error
	if l.node != nil {
		err = l.node.Stop()
	}
	for _, s := range l.stores {
		err = errors.Join(err, s.Close())
	}
	return err
}

func newKey() ed25519.PrivateKey {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic("crypto/rand failed: " + err.Error()) // it never does
	}
	return key
}

package comet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	cmtdb "github.com/cometbft/cometbft-db"
	cmtconfig "github.com/cometbft/cometbft/config"
	cmtnode "github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/proxy"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/types"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/ledger"
)

// Node is a running CometBFT node with the ledger behind it, in this process.
// Its methods may be called from any goroutine.
type Node struct {
	config *Config
	app    *app
	store  *Store
	comet  *cmtnode.Node
	wal    *memoryWAL
	dbs    map[string]cmtdb.DB

	life  context.Context // until Stop or a halt
	end   context.CancelCauseFunc
	tasks sync.WaitGroup
	once  sync.Once

	mu       sync.Mutex
	height   uint64
	moment   assay.Moment
	results  results
	changed  chan struct{} // closed and replaced at each commit
	watchers map[chan assay.Moment]struct{}
}

// Start runs a node until Stop. Without peers it returns when the first block
// is made, so that there is a state to read. ctx bounds the start alone.
func Start(ctx context.Context, c Config) (*Node, error) {
	config, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	n := &Node{
		config: config, dbs: map[string]cmtdb.DB{},
		changed: make(chan struct{}), watchers: map[chan assay.Moment]struct{}{},
		results: newResults(config.Genesis.Params.TxWindow),
	}
	n.life, n.end = context.WithCancelCause(context.Background())
	if err := n.start(ctx); err != nil {
		return nil, errors.Join(err, n.Stop())
	}
	return n, nil
}

func (n *Node) start(ctx context.Context) error {
	if err := n.openState(); err != nil {
		return err
	}
	cfg, err := n.openFiles()
	if err != nil {
		return err
	}
	pv, err := signer(n.config)
	if err != nil {
		return err
	}
	// One client mutex per connection, not one for all: CheckTx and reads go on
	// while a block is applied.
	n.comet, err = cmtnode.NewNodeWithContext(ctx, cfg, pv, peerKey(n.config.Consensus),
		proxy.NewConnSyncLocalClientCreator(n.app),
		func() (*types.GenesisDoc, error) { return genesisDoc(n.config.Genesis), nil },
		n.openDB, cmtnode.DefaultMetricsProvider(cfg.Instrumentation), cometLog{n.config.Logger})
	if err != nil {
		return fmt.Errorf("start consensus: %w", err)
	}
	n.recall()
	if err := n.run(); err != nil {
		return fmt.Errorf("start consensus: %w", err)
	}
	if n.config.Account != nil {
		n.tasks.Go(n.tick)
	}
	if n.config.Listen != "" {
		return nil // the first block may need peers that are not up yet
	}
	return n.waitHeight(ctx, 1)
}

func (n *Node) openState() (err error) {
	dir := ""
	if n.config.Home != "" {
		dir = n.config.path("data")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make home: %w", err)
		}
	}
	if n.store, err = OpenStore(dir); err != nil {
		if errors.Is(err, syscall.EAGAIN) || strings.Contains(err.Error(), "temporarily unavailable") {
			return assay.Refuse(CodeHomeUsed, "%s: %v", n.config.Home, err)
		}
		return err
	}
	if n.app, err = newApp(n.config, n.store); err != nil {
		return err
	}
	n.app.onCommit, n.app.onHalt = n.committed, n.halt
	return nil
}

// openFiles prepares what CometBFT reads and writes beside its databases.
func (n *Node) openFiles() (*cmtconfig.Config, error) {
	cfg := n.config.cometConfig()
	if n.config.Home != "" {
		for _, dir := range []string{"config", "data"} {
			if err := os.MkdirAll(n.config.path(dir), 0o700); err != nil {
				return nil, fmt.Errorf("make home: %w", err)
			}
		}
		return cfg, nil
	}
	var err error
	if n.wal, err = newMemoryWAL(); err != nil {
		return nil, err
	}
	cfg.Consensus.SetWalFile(n.wal.path())
	return cfg, nil
}

func (n *Node) openDB(c *cmtconfig.DBContext) (cmtdb.DB, error) {
	var db cmtdb.DB = cmtdb.NewMemDB()
	if n.config.Home != "" {
		var err error
		if db, err = cmtdb.NewGoLevelDB(c.ID, filepath.Join(n.config.Home, "data")); err != nil {
			return nil, fmt.Errorf("open %s: %w", c.ID, err)
		}
	}
	n.dbs[c.ID] = db
	return db, nil
}

// run starts consensus. A node that listens is started as CometBFT does it.
// CometBFT knows no node that does not listen; for one it suffices to start
// what holds the reactors, and leave the transport out.
func (n *Node) run() error {
	if n.config.Listen != "" {
		return n.comet.Start()
	}
	return n.comet.Switch().Start()
}

// Stop ends the node and waits until nothing of it runs. It can be called
// again, and after a failed start.
func (n *Node) Stop() (err error) {
	n.once.Do(func() { err = n.shutdown() })
	return err
}

func (n *Node) shutdown() error {
	n.end(assay.Refuse(CodeStopped, "the node was stopped"))
	n.tasks.Wait()
	if n.comet != nil {
		if n.comet.IsRunning() {
			_ = n.comet.Stop()
		} else {
			n.comet.OnStop()
		}
		if n.comet.ProxyApp().IsRunning() {
			_ = n.comet.ProxyApp().Stop()
		}
	}
	var errs []error
	for _, db := range n.dbs {
		_ = db.Close() // CometBFT has closed it, unless its start failed
	}
	if n.store != nil {
		errs = append(errs, n.store.Close())
	}
	if n.wal != nil {
		errs = append(errs, n.wal.close())
	}
	n.closeWatchers()
	return errors.Join(errs...)
}

// Done is closed when the node stops or halts; Err says which.
func (n *Node) Done() <-chan struct{} { return n.life.Done() }

// Err returns why the node has ended, nil while it runs.
func (n *Node) Err() error { return context.Cause(n.life) }

// halt records that a decided block could not be applied.
func (n *Node) halt(cause error) { n.end(assay.Refuse(CodeHalted, "%v", cause)) }

// committed is called by the application after each commit, in order, and
// during the replay of a start.
func (n *Node) committed(c committed) {
	if n.wal != nil {
		n.wal.trim()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.height = c.height
	n.results.add(c.height, c.results)
	close(n.changed)
	n.changed = make(chan struct{})
	if !c.timed {
		return
	}
	n.moment = c.moment
	for w := range n.watchers {
		offer(w, c.moment)
	}
}

// recall rebuilds, after a restart, what a client may ask of recent blocks.
func (n *Node) recall() {
	n.mu.Lock()
	n.height = n.store.Height()
	n.mu.Unlock()
	_ = n.app.view(func(l *ledger.Ledger) {
		n.mu.Lock()
		n.moment = l.Moment()
		n.mu.Unlock()
	})
	states := sm.NewStore(n.dbs["state"], sm.StoreOptions{})
	blocks := n.comet.BlockStore()
	budget := maxRecall
	for h := n.store.Height(); h > 0 && budget > 0 && n.store.Height()-h < n.results.window; h-- {
		block := blocks.LoadBlock(int64(h))
		if block == nil || len(block.Txs) == 0 {
			continue
		}
		res, err := states.LoadFinalizeBlockResponse(int64(h))
		if err != nil || len(res.TxResults) != len(block.Txs) {
			continue
		}
		budget -= len(block.Txs)
		n.mu.Lock()
		if !n.results.has(h) {
			n.results.add(h, resultsOf(h, block.Txs, res.TxResults))
		}
		n.mu.Unlock()
	}
}

package comet

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"

	corestore "cosmossdk.io/core/store"
	"github.com/cosmos/iavl"
	iavldb "github.com/cosmos/iavl/db"
	"github.com/syndtr/goleveldb/leveldb/filter"
	"github.com/syndtr/goleveldb/leveldb/opt"

	"github.com/capacloud/assay"
)

// Versions of the state that stay readable. A proof is asked for at most one
// block after its state, so a few suffice; pruning in batches costs less.
const (
	keepVersions  = 64
	pruneInterval = 32
	nodeCacheSize = 200_000 // tree nodes; some 200 bytes each

	// LevelDB's own defaults of 4 and 8 MiB compact most of the time.
	writeBuffer = 32 << 20
	blockCache  = 64 << 20
)

// Store is the ledger's state: an IAVL tree whose version is the block height.
// Writes of a block are buffered, and reach the tree in key order, so that
// equal blocks give equal roots however the rules got there.
//
// One goroutine at a time uses it; Prove, Height and Root may be called beside.
type Store struct {
	db   iavldb.DB
	tree *iavl.MutableTree

	// mu keeps Prove out while the tree is written (see Flush) and saved: between
	// the write of the fast index and the move of "latest version", IAVL answers
	// reads of the version before from the index after.
	mu   sync.RWMutex
	last *iavl.ImmutableTree // last committed

	dirty  map[string][]byte // nil: deleted
	keys   []string          // of dirty
	sorted bool
}

// OpenStore opens the state in dir; "" keeps it in memory.
func OpenStore(dir string) (*Store, error) {
	var db iavldb.DB = iavldb.NewMemDB()
	if dir != "" {
		disk, err := iavldb.NewGoLevelDBWithOpts("ledger", dir, &opt.Options{
			Filter: filter.NewBloomFilter(10), WriteBuffer: writeBuffer, BlockCacheCapacity: blockCache,
		})
		if err != nil {
			return nil, fmt.Errorf("open state in %s: %w", dir, err)
		}
		db = disk
	}
	// One batch per version, whatever its size: the library's default flushes
	// at 100 kB, and a kill between two flushes leaves a root without its nodes.
	// The state is not synced to disk: CometBFT's block store is, and replays
	// what a power failure took.
	tree := iavl.NewMutableTree(wholeBatches{db}, nodeCacheSize, false, iavl.NewNopLogger(), iavl.FlushThresholdOption(1<<40))
	s := &Store{db: db, tree: tree, dirty: map[string][]byte{}}
	if _, err := tree.Load(); err != nil {
		return nil, errors.Join(fmt.Errorf("load state in %q: %w", dir, err), db.Close())
	}
	if err := s.readLast(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// wholeBatches ignores the size hint, which iavl sets to the flush threshold.
type wholeBatches struct{ iavldb.DB }

// NewBatchWithSize implements iavldb.DB.
func (w wholeBatches) NewBatchWithSize(int) corestore.Batch { return w.NewBatch() }

// Height returns the height of the last committed state, zero before the first.
func (s *Store) Height() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.last == nil {
		return 0
	}
	return uint64(s.last.Version())
}

// Root returns the root of the last committed state.
func (s *Store) Root() []byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.last == nil {
		return nil
	}
	return s.last.Hash()
}

// Get implements ledger.Store.
func (s *Store) Get(key []byte) []byte {
	if v, ok := s.dirty[string(key)]; ok {
		return v
	}
	return get(s.last, key)
}

// Set implements ledger.Store.
func (s *Store) Set(key, value []byte) {
	if value == nil {
		value = []byte{}
	}
	s.write(string(key), bytes.Clone(value))
}

// Delete implements ledger.Store.
func (s *Store) Delete(key []byte) { s.write(string(key), nil) }

func (s *Store) write(key string, value []byte) {
	if _, known := s.dirty[key]; !known {
		s.keys, s.sorted = append(s.keys, key), false
	}
	s.dirty[key] = value
}

// order sorts the buffered keys, when somebody asks for their order.
func (s *Store) order() []string {
	if !s.sorted {
		slices.Sort(s.keys)
		s.sorted = true
	}
	return s.keys
}

// Ascend implements ledger.Store: keys in [from, to) in order, of the tree and
// the buffer together. A nil to is the end.
func (s *Store) Ascend(from, to []byte, fn func(key, value []byte) bool) {
	keys := s.order()
	i, _ := slices.BinarySearch(keys, string(from))
	keys = keys[i:]
	if to != nil {
		j, _ := slices.BinarySearch(keys, string(to))
		keys = keys[:j]
	}
	keys = slices.Clone(keys) // fn may write
	next := func(below string, all bool) bool {
		for len(keys) > 0 && (all || keys[0] < below) {
			key := keys[0]
			keys = keys[1:]
			if v := s.dirty[key]; v != nil && !fn([]byte(key), v) {
				return false
			}
		}
		return true
	}
	stopped := false
	ascend(s.last, from, to, func(k, v []byte) bool {
		if !next(string(k), false) {
			stopped = true
			return false
		}
		if len(keys) > 0 && keys[0] == string(k) { // the buffer's value counts
			return true
		}
		stopped = !fn(k, v)
		return !stopped
	})
	if !stopped {
		next("", true)
	}
}

// Flush moves the buffer into the working tree and returns its root. A value
// that equals the committed one is no write. It keeps Prove out: the trees of
// older heights share nodes with the working tree, and iavl takes their children
// away when it clones them.
func (s *Store) Flush() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range s.order() {
		k, v := []byte(key), s.dirty[key]
		old := get(s.last, k)
		switch {
		case v == nil && old == nil, v != nil && old != nil && bytes.Equal(v, old):
		case v == nil:
			if _, _, err := s.tree.Remove(k); err != nil {
				return nil, fmt.Errorf("remove %q: %w", key, err)
			}
		default:
			if _, err := s.tree.Set(k, v); err != nil {
				return nil, fmt.Errorf("set %q: %w", key, err)
			}
		}
	}
	return s.tree.WorkingHash(), nil
}

// Commit saves the working tree as the next height's state and prunes old ones.
func (s *Store) Commit() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, version, err := s.tree.SaveVersion()
	if err != nil {
		return fmt.Errorf("save state: %w", err)
	}
	clear(s.dirty)
	s.keys = s.keys[:0]
	if version%pruneInterval == 0 && version > keepVersions {
		if err := s.tree.DeleteVersionsTo(version - keepVersions); err != nil {
			return fmt.Errorf("prune state to %d: %w", version-keepVersions, err)
		}
	}
	return s.readLast()
}

func (s *Store) readLast() error {
	if s.tree.Version() == 0 {
		return nil
	}
	last, err := s.tree.GetImmutable(s.tree.Version())
	if err != nil {
		return fmt.Errorf("read state of height %d: %w", s.tree.Version(), err)
	}
	s.last = last
	return nil
}

// get reads a key. An error is a broken disk: state that cannot be read must
// not be taken for state that is absent.
func get(tree *iavl.ImmutableTree, key []byte) []byte {
	if tree == nil || len(key) == 0 {
		return nil
	}
	v, err := tree.Get(key)
	if err != nil {
		panic(fmt.Sprintf("comet: read %q: %v", key, err))
	}
	return v
}

func ascend(tree *iavl.ImmutableTree, from, to []byte, fn func(key, value []byte) bool) {
	if tree == nil || to != nil && bytes.Compare(from, to) >= 0 {
		return
	}
	it, err := tree.Iterator(from, to, true)
	if err != nil {
		panic(fmt.Sprintf("comet: iterate from %q: %v", from, err))
	}
	defer it.Close()
	for ; it.Valid(); it.Next() {
		if !fn(it.Key(), it.Value()) {
			return
		}
	}
	if err := it.Error(); err != nil {
		panic(fmt.Sprintf("comet: iterate from %q: %v", from, err))
	}
}

// Prove returns a key's value at a height and the ICS-23 proof of it; without
// a value it proves absence. It also returns the root of that height.
func (s *Store) Prove(key []byte, height uint64) (value, proof, root []byte, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	tree, err := s.tree.GetImmutable(int64(height))
	if err != nil {
		return nil, nil, nil, assay.Refuse(CodeHeight, "no state of height %d: %v", height, err)
	}
	if len(key) == 0 {
		return nil, nil, nil, assay.Refuse(CodeKey, "empty key")
	}
	if value, err = tree.Get(key); err != nil {
		return nil, nil, nil, fmt.Errorf("read %q at %d: %w", key, height, err)
	}
	p, err := tree.GetProof(key)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("prove %q at %d: %w", key, height, err)
	}
	if proof, err = p.Marshal(); err != nil {
		return nil, nil, nil, fmt.Errorf("encode proof of %q: %w", key, err)
	}
	return value, proof, tree.Hash(), nil
}

// Close releases the database. It is not needed to keep what was committed.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = nil
	if err := errors.Join(s.tree.Close(), s.db.Close()); err != nil {
		return fmt.Errorf("close state: %w", err)
	}
	return nil
}

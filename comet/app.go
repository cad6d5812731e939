package comet

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"sync"

	abci "github.com/cometbft/cometbft/abci/types"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/ledger"
)

// codespace marks results of ours.
const codespace = "assay"

// app is the ledger behind CometBFT's interface. CometBFT calls the consensus
// methods one at a time; CheckTx, and everything that reads, runs beside them.
type app struct {
	abci.BaseApplication

	config  *Config
	genesis *assay.Genesis
	network assay.NetworkID
	chain   string
	store   *Store

	// mu guards ledger, which is used by one goroutine at a time: blocks are
	// applied, transactions checked and states read in turns. A reader between
	// FinalizeBlock and Commit sees a state that is decided and not yet saved.
	mu     sync.Mutex
	ledger *ledger.Ledger // nil before InitChain

	pending  []TxResult // of the block between FinalizeBlock and Commit
	timed    bool       // that block was not empty
	onCommit func(committed)
	onHalt   func(error)
}

// committed is what a commit tells the node.
type committed struct {
	height  uint64
	moment  assay.Moment
	results []TxResult
	timed   bool
}

func newApp(c *Config, store *Store) (*app, error) {
	a := &app{config: c, genesis: c.Genesis, network: c.Genesis.ID(), chain: c.Genesis.ChainID(), store: store}
	if store.Height() == 0 {
		return a, nil // InitChain follows
	}
	return a, a.openLedger()
}

func (a *app) openLedger() error {
	l, err := ledger.New(a.store, a.genesis)
	if err != nil {
		return fmt.Errorf("open ledger at height %d: %w", a.store.Height(), err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ledger = l
	return nil
}

// view calls fn with the ledger as of the last decided block.
func (a *app) view(fn func(*ledger.Ledger)) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ledger == nil || a.store.Height() == 0 {
		return assay.Refuse(CodeHeight, "no block yet")
	}
	fn(a.ledger)
	return nil
}

// Info tells CometBFT where the state stands, so that it replays what is
// missing, and states the rules: AppVersion goes into every header.
func (a *app) Info(context.Context, *abci.RequestInfo) (*abci.ResponseInfo, error) {
	return &abci.ResponseInfo{
		Data:             codespace,
		Version:          a.genesis.Rules.String(),
		AppVersion:       appVersion(a.genesis),
		LastBlockHeight:  int64(a.store.Height()),
		LastBlockAppHash: a.store.Root(),
	}, nil
}

// appVersion condenses the rules version into the header's field, so that a
// block made by other rules is invalid before its contents are looked at.
func appVersion(g *assay.Genesis) uint64 { return binary.BigEndian.Uint64(g.Rules[:8]) >> 1 }

// InitChain writes the genesis state. It becomes version 1 with the first
// block; a kill before that starts over.
func (a *app) InitChain(_ context.Context, req *abci.RequestInitChain) (*abci.ResponseInitChain, error) {
	if req.ChainId != a.chain {
		return nil, assay.Refuse(CodeConfig, "chain %s, genesis %s", req.ChainId, a.chain)
	}
	if err := ledger.Init(a.store, a.genesis); err != nil {
		return nil, fmt.Errorf("write genesis state: %w", err)
	}
	root, err := a.store.Flush()
	if err != nil {
		return nil, err
	}
	if err := a.openLedger(); err != nil {
		return nil, err
	}
	return &abci.ResponseInitChain{AppHash: root}, nil
}

// CheckTx answers whether a transaction may wait for a block. Acceptance is
// not inclusion.
func (a *app) CheckTx(_ context.Context, req *abci.RequestCheckTx) (*abci.ResponseCheckTx, error) {
	var err error
	if req.Type == abci.CheckTxType_Recheck {
		err = a.recheck(req.Tx)
	} else {
		err = a.check(req.Tx)
	}
	if err != nil {
		return &abci.ResponseCheckTx{Code: 1, Codespace: codespace, Data: []byte(assay.CodeOf(err)), Log: err.Error()}, nil
	}
	return &abci.ResponseCheckTx{GasWanted: int64(ledger.Gas(req.Tx))}, nil
}

func (a *app) check(tx []byte) error {
	if max := a.genesis.Params.MaxTxBytes; uint64(len(tx)) > max {
		return assay.Refuse(assay.CodeTxBytes, "%d bytes; at most %d", len(tx), max)
	}
	height := a.store.Height()
	err := assay.Refuse(CodeStopped, "no ledger")
	if e := a.view(func(l *ledger.Ledger) { err = l.Check(tx) }); e != nil {
		return e
	}
	if err != nil {
		return err
	}
	// The ledger counts from the last block that changed anything. The chain
	// may be further on, and what has expired there waits in vain.
	if t, e := assay.DecodeTx(tx); e == nil && t.Expiry <= height {
		return assay.Refuse(assay.CodeTxExpired, "at height %d, this is %d", t.Expiry, height)
	}
	return nil
}

// recheck drops what the last block has made pointless. Signatures were
// checked on arrival, and every waiting transaction is asked after each block.
func (a *app) recheck(b []byte) error {
	tx, err := assay.DecodeTx(b)
	if err != nil {
		return err
	}
	if height := a.store.Height(); tx.Expiry <= height {
		return assay.Refuse(assay.CodeTxExpired, "at height %d, this is %d", tx.Expiry, height)
	}
	if isTick(tx) {
		return a.check(b) // another validator's tick may have done the work
	}
	return nil
}

func isTick(tx *assay.Tx) bool {
	return len(tx.Messages) == 1 && tx.Messages[0].Kind == assay.KindTick
}

// FinalizeBlock applies a decided block. An error stops the node: the block is
// final, so it must not be skipped.
func (a *app) FinalizeBlock(_ context.Context, req *abci.RequestFinalizeBlock) (*abci.ResponseFinalizeBlock, error) {
	res, err := a.finalize(req)
	if err != nil {
		err = fmt.Errorf("block %d: %w", req.Height, err)
		a.config.Logger.Error("node halted: a decided block cannot be applied", "height", req.Height, "err", err)
		if a.onHalt != nil {
			a.onHalt(err)
		}
	}
	return res, err
}

func (a *app) finalize(req *abci.RequestFinalizeBlock) (res *abci.ResponseFinalizeBlock, err error) {
	defer func() {
		// The ledger catches panics of single transactions. One that arrives
		// here left the state in between.
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	height := uint64(req.Height)
	if have := a.store.Height(); height != have+1 {
		return nil, fmt.Errorf("state is at height %d", have)
	}
	a.pending, a.timed = nil, len(req.Txs) > 0
	if a.timed {
		if res, err = a.apply(height, req.ProposerAddress, req.Txs); err != nil {
			return nil, err
		}
	} else {
		res = &abci.ResponseFinalizeBlock{}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	res.AppHash, err = a.store.Flush()
	return res, err
}

func (a *app) apply(height uint64, proposer []byte, txs [][]byte) (*abci.ResponseFinalizeBlock, error) {
	m, err := decodeTime(txs[0])
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := m.check(a.genesis, a.network, height, a.ledger.Moment().Time, proposer); err != nil {
		return nil, err
	}
	out, err := a.ledger.Apply(assay.Block{Height: height, Time: m.Time, Beacon: m.Beacon, Txs: txs[1:]})
	if err != nil {
		return nil, err
	}
	if len(out.Results) != len(txs)-1 {
		return nil, fmt.Errorf("%d results for %d transactions", len(out.Results), len(txs)-1)
	}
	res := &abci.ResponseFinalizeBlock{TxResults: []*abci.ExecTxResult{{}}, Events: eventsOf(out.Events)}
	for _, r := range out.Results {
		a.pending = append(a.pending, TxResult{ID: r.ID, Height: height, Code: r.Code, Detail: r.Detail, Gas: r.Gas, Fee: r.Fee})
		res.TxResults = append(res.TxResults, resultOf(r))
	}
	return res, nil
}

// resultOf puts the code into Data, which the block's result hash covers.
func resultOf(r ledger.TxResult) *abci.ExecTxResult {
	out := &abci.ExecTxResult{GasUsed: int64(r.Gas), Codespace: codespace, Info: strconv.FormatUint(uint64(r.Fee), 10)}
	if r.Code != "" {
		out.Code, out.Data, out.Log = 1, []byte(r.Code), r.Detail
	}
	return out
}

// Commit makes the block's state the one that everybody reads.
func (a *app) Commit(context.Context, *abci.RequestCommit) (*abci.ResponseCommit, error) {
	moment, err := a.commit()
	if err != nil {
		a.config.Logger.Error("node halted: the state cannot be saved", "err", err)
		if a.onHalt != nil {
			a.onHalt(err)
		}
		return nil, err
	}
	if a.onCommit != nil {
		a.onCommit(committed{height: a.store.Height(), moment: moment, results: a.pending, timed: a.timed})
	}
	return &abci.ResponseCommit{}, nil
}

func (a *app) commit() (assay.Moment, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ledger.Moment(), a.store.Commit()
}

// Query is closed: package api and Node.Proof answer, with the header that a
// proof needs beside it.
func (a *app) Query(context.Context, *abci.RequestQuery) (*abci.ResponseQuery, error) {
	return nil, errors.New("not served; use the node's API")
}

// validatorAt returns the genesis validator with a consensus address.
func validatorAt(g *assay.Genesis, address []byte) (assay.Validator, error) {
	for _, v := range g.Validators {
		if bytes.Equal(addressOf(v.Consensus), address) {
			return v, nil
		}
	}
	return assay.Validator{}, assay.Refuse(CodeProposer, "%X", address)
}

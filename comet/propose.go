package comet

import (
	"context"
	"slices"

	abci "github.com/cometbft/cometbft/abci/types"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/beacon"
	"github.com/capacloud/assay/ledger"
)

// owed is what the committed state asks of the next block.
func (a *app) owed(now assay.Time) (o ledger.Owed, last assay.Moment, err error) {
	err = a.view(func(l *ledger.Ledger) {
		last = l.Moment()
		o = l.Owes(max(now, last.Time))
	})
	return o, last, err
}

// PrepareProposal fills a block: the time message first, and only when
// something follows it or is owed.
func (a *app) PrepareProposal(_ context.Context, req *abci.RequestPrepareProposal) (*abci.ResponsePrepareProposal, error) {
	now := a.config.Now()
	owed, last, err := a.owed(now)
	if err != nil { // the first block, before any state: it is empty
		return &abci.ResponsePrepareProposal{}, nil
	}
	// A clock that was set back waits at the last block's time. Other
	// validators, and this one, refuse the block once that is 2 s ahead.
	m := timeMessage{Time: max(now, last.Time)}
	if a.config.Beacon != nil {
		m.Beacon = beacon.Prove(a.config.Beacon, a.network, uint64(req.Height))
	}
	first := m.bytes()
	txs := a.pick(req.Txs, uint64(req.Height), m.Time, req.MaxTxBytes-txSize(first))
	if len(txs) == 0 && !owed.Beacon && !owed.Due {
		return &abci.ResponsePrepareProposal{}, nil
	}
	return &abci.ResponsePrepareProposal{Txs: append([][]byte{first}, txs...)}, nil
}

// pick takes the waiting transactions that the ledger would charge, in order,
// while room and gas last.
func (a *app) pick(waiting [][]byte, height uint64, now assay.Time, room int64) (txs [][]byte) {
	for i, b := range waiting { // what frames an entry counts as well
		if room -= txSize(b) - int64(len(b)); room <= 0 {
			waiting = waiting[:i]
			break
		}
	}
	_ = a.view(func(l *ledger.Ledger) { txs = l.Select(waiting, height, now, room) })
	return txs
}

// txSize is what a transaction takes in a block: a tag, a length, the bytes.
func txSize(b []byte) int64 {
	n := int64(len(b))
	overhead := int64(2)
	for x := n; x >= 0x80; x >>= 7 {
		overhead++
	}
	return n + overhead
}

// ProcessProposal votes on a proposal.
func (a *app) ProcessProposal(_ context.Context, req *abci.RequestProcessProposal) (*abci.ResponseProcessProposal, error) {
	if err := a.judge(req); err != nil {
		a.config.Logger.Warn("proposal refused", "height", req.Height, "proposer", hexOf(req.ProposerAddress), "err", err)
		return &abci.ResponseProcessProposal{Status: abci.ResponseProcessProposal_REJECT}, nil
	}
	return &abci.ResponseProcessProposal{Status: abci.ResponseProcessProposal_ACCEPT}, nil
}

// judge refuses a proposal whose form or time is wrong. What its transactions
// do is not judged here: they are refused one by one, and pay.
func (a *app) judge(req *abci.RequestProcessProposal) error {
	now := a.config.Now()
	if len(req.Txs) == 0 {
		return a.judgeEmpty(now)
	}
	m, err := decodeTime(req.Txs[0])
	if err != nil {
		return err
	}
	owed, last, err := a.owed(m.Time)
	if err != nil {
		return assay.Refuse(CodeTimeExtra, "the first block is empty")
	}
	rest := req.Txs[1:]
	if len(rest) == 0 && !owed.Beacon && !owed.Due {
		return assay.Refuse(CodeTimeExtra, "nothing follows the time message and nothing is owed")
	}
	if slices.ContainsFunc(rest, isTime) {
		return assay.Refuse(CodeTimeExtra, "a second time message")
	}
	if err := m.checkClock(now); err != nil {
		return err
	}
	if err := m.check(a.genesis, a.network, uint64(req.Height), last.Time, req.ProposerAddress); err != nil {
		return err
	}
	return a.judgeTxs(rest)
}

// judgeEmpty refuses an empty block while something is owed, so that no
// proposer can hold a draw or a deadline back. A deadline counts once it is as
// old as a proposer's clock may be behind.
func (a *app) judgeEmpty(now assay.Time) error {
	owed, _, err := a.owed(now.Add(-maxBehind))
	switch {
	case err != nil:
		return nil // the first block
	case owed.Beacon:
		return assay.Refuse(CodeTimeMissing, "a beacon is owed")
	case owed.Due:
		return assay.Refuse(CodeTimeMissing, "a deadline is due")
	}
	return nil
}

// judgeTxs refuses bytes that no honest proposer includes: they would take
// room without paying for it.
func (a *app) judgeTxs(txs [][]byte) error {
	gas := a.genesis.Params.BlockGas
	for i, b := range txs {
		if uint64(len(b)) > a.genesis.Params.MaxTxBytes {
			return assay.Refuse(CodeBlockTx, "transaction %d has %d bytes", i, len(b))
		}
		if _, err := assay.DecodeTx(b); err != nil {
			return assay.Refuse(CodeBlockTx, "transaction %d: %v", i, err)
		}
		cost := ledger.Gas(b)
		if cost > gas {
			return assay.Refuse(CodeBlockTx, "more than %d gas", a.genesis.Params.BlockGas)
		}
		gas -= cost
	}
	return nil
}

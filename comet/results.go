package comet

import (
	"strconv"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/types"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/ledger"
)

// TxResult says what became of an included transaction. Code is empty when it
// was applied; otherwise it changed nothing beyond its fee.
type TxResult struct {
	ID     assay.Digest
	Height uint64
	Code   assay.Code
	Detail string
	Gas    uint64
	Fee    assay.Amount
}

// Err returns the refusal of a transaction that was included and not applied.
func (r *TxResult) Err() error {
	if r.Code == "" {
		return nil
	}
	return &assay.Refusal{Code: r.Code, Detail: r.Detail}
}

// Limits of the index of results.
const (
	maxResults = 500_000 // in memory, some 150 bytes each
	maxRecall  = 20_000  // transactions read back at a start
)

// results is the index of the transactions of recent blocks. A client that
// lost an answer asks here whether its transaction is in.
type results struct {
	window  uint64 // blocks
	byID    map[assay.Digest]TxResult
	heights map[uint64][]assay.Digest
	oldest  uint64
}

func newResults(window uint64) results {
	return results{window: max(window, 100), byID: map[assay.Digest]TxResult{}, heights: map[uint64][]assay.Digest{}}
}

func (r *results) has(height uint64) bool { return r.heights[height] != nil }

func (r *results) add(height uint64, list []TxResult) {
	if len(list) > 0 {
		ids := make([]assay.Digest, 0, len(list))
		for _, t := range list {
			// A duplicate is refused under the id of the transaction that it
			// repeats; the first one's answer stands.
			if old, ok := r.byID[t.ID]; ok && old.Height <= t.Height {
				continue
			}
			r.byID[t.ID] = t
			ids = append(ids, t.ID)
		}
		r.heights[height] = ids
		if r.oldest == 0 || height < r.oldest {
			r.oldest = height
		}
	}
	for r.oldest > 0 && r.oldest < height && (height-r.oldest >= r.window || len(r.byID) > maxResults) {
		for _, id := range r.heights[r.oldest] {
			delete(r.byID, id)
		}
		delete(r.heights, r.oldest)
		r.oldest++
	}
}

// resultsOf reads results back from CometBFT's own records of a block.
func resultsOf(height uint64, txs types.Txs, list []*abci.ExecTxResult) []TxResult {
	var out []TxResult
	for i, b := range txs {
		if isTime(b) {
			continue
		}
		tx, err := assay.DecodeTx(b)
		if err != nil {
			continue
		}
		fee, _ := strconv.ParseUint(list[i].Info, 10, 64)
		out = append(out, TxResult{
			ID: tx.ID(), Height: height, Code: assay.Code(list[i].Data), Detail: list[i].Log,
			Gas: uint64(list[i].GasUsed), Fee: assay.Amount(fee),
		})
	}
	return out
}

// eventsOf hands the ledger's events to CometBFT's subscribers.
func eventsOf(list []ledger.Event) []abci.Event {
	var out []abci.Event
	for _, e := range list {
		out = append(out, abci.Event{Type: codespace + "." + string(e.Kind), Attributes: []abci.EventAttribute{
			{Key: "job", Value: e.Job.String()},
			{Key: "seat", Value: strconv.Itoa(int(e.Seat))},
			{Key: "account", Value: e.Account.String()},
			{Key: "phase", Value: strconv.Itoa(int(e.Phase))},
			{Key: "text", Value: e.Text},
		}})
	}
	return out
}

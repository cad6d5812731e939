package comet

import (
	"context"
	"errors"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/mempool"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/ledger"
)

// resubmitAfter is how long Submit waits for inclusion before it hands the
// transaction to the mempool again, which may have dropped it.
const resubmitAfter = time.Second

// Head is where the chain stands.
type Head struct {
	Height uint64       // of the last block, empty ones included
	Moment assay.Moment // of the last block that changed anything
	Root   []byte       // of the state after it
}

// Genesis returns what the network was made from.
func (n *Node) Genesis() *assay.Genesis { return n.config.Genesis }

// Head returns where the chain stands.
func (n *Node) Head(context.Context) (Head, error) {
	if err := n.Err(); err != nil {
		return Head{}, err
	}
	n.mu.Lock()
	h := Head{Height: n.height, Moment: n.moment}
	n.mu.Unlock()
	h.Root = n.store.Root()
	return h, nil
}

// View calls fn with the ledger as of the last committed block. It does not
// change until fn returns, and commits wait for fn: keep it short, and keep
// nothing of it.
func (n *Node) View(fn func(l *ledger.Ledger)) error {
	if err := n.Err(); err != nil {
		return err
	}
	return n.app.view(fn)
}

// Broadcast hands a transaction to the mempool and returns the reason if it is
// refused there. Acceptance is not inclusion: see Submit.
func (n *Node) Broadcast(tx []byte) error {
	if err := n.Err(); err != nil {
		return err
	}
	var answer *abci.ResponseCheckTx
	err := n.comet.Mempool().CheckTx(tx, func(r *abci.ResponseCheckTx) { answer = r }, mempool.TxInfo{})
	var full mempool.ErrMempoolIsFull
	var large mempool.ErrTxTooLarge
	switch {
	case errors.Is(err, mempool.ErrTxInCache):
		return nil // it waits already, or was included
	case errors.As(err, &full):
		return assay.Refuse(CodeFull, "%v", err)
	case errors.As(err, &large):
		return assay.Refuse(assay.CodeTxBytes, "%v", err)
	case err != nil:
		return err
	case answer != nil && answer.IsErr():
		return refusalOf(answer)
	}
	return nil
}

func refusalOf(r *abci.ResponseCheckTx) error {
	code := assay.Code(r.Data)
	if code == "" {
		return assay.Refuse(CodeFull, "%s", r.Log)
	}
	detail := r.Log
	if prefix := string(code) + ": "; len(detail) > len(prefix) && detail[:len(prefix)] == prefix {
		detail = detail[len(prefix):]
	}
	return &assay.Refusal{Code: code, Detail: detail}
}

// Submit hands a transaction in and waits until a block holds it, submitting
// again when it was dropped. An error means that it is not in; after ctx ended
// it may still get in until its expiry. Submitting a transaction that is in
// returns its result.
func (n *Node) Submit(ctx context.Context, b []byte) (TxResult, error) {
	tx, err := assay.DecodeTx(b)
	if err != nil {
		return TxResult{}, err
	}
	id := tx.ID()
	for {
		result, height, changed, ok := n.lookup(id)
		if ok {
			return result, nil
		}
		if err := n.Broadcast(b); err != nil {
			return n.refused(ctx, id, err)
		}
		retry := time.NewTimer(resubmitAfter)
		for waiting := true; waiting && !ok; {
			if height >= tx.Expiry {
				retry.Stop()
				return TxResult{}, assay.Refuse(assay.CodeTxExpired, "at height %d, this is %d", tx.Expiry, height)
			}
			select {
			case <-changed:
				result, height, changed, ok = n.lookup(id)
			case <-retry.C:
				waiting = false
			case <-ctx.Done():
				retry.Stop()
				return TxResult{}, ctx.Err()
			case <-n.Done():
				retry.Stop()
				return TxResult{}, n.Err()
			}
		}
		retry.Stop()
		if ok {
			return result, nil
		}
	}
}

// refused tells a refusal from a race: the transaction may have been included
// between the look-up and the mempool's "duplicate".
func (n *Node) refused(ctx context.Context, id assay.Digest, refusal error) (TxResult, error) {
	if assay.CodeOf(refusal) == assay.CodeTxDuplicate {
		if r, err := n.Status(ctx, id); err == nil {
			return r, nil
		}
	}
	return TxResult{}, refusal
}

func (n *Node) lookup(id assay.Digest) (TxResult, uint64, <-chan struct{}, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	r, ok := n.results.byID[id]
	return r, n.height, n.changed, ok
}

// Status returns what became of a transaction, for as many blocks as a
// transaction can be valid.
func (n *Node) Status(_ context.Context, id assay.Digest) (TxResult, error) {
	r, _, _, ok := n.lookup(id)
	if !ok {
		return TxResult{}, assay.Refuse(CodeNoTx, "%s", id)
	}
	return r, nil
}

// Watch returns a channel with the moment of the last block that changed
// anything: now, and after each such block. Who reads slowly misses moments
// and always gets the latest. It closes when ctx or the node ends.
func (n *Node) Watch(ctx context.Context) <-chan assay.Moment {
	ch := make(chan assay.Moment, 1)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.watchers == nil || ctx.Err() != nil {
		close(ch)
		return ch
	}
	n.watchers[ch] = struct{}{}
	ch <- n.moment
	context.AfterFunc(ctx, func() { n.unwatch(ch) })
	context.AfterFunc(n.life, func() { n.unwatch(ch) })
	return ch
}

func (n *Node) unwatch(ch chan assay.Moment) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.watchers[ch]; ok {
		delete(n.watchers, ch)
		close(ch)
	}
}

func (n *Node) closeWatchers() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for ch := range n.watchers {
		close(ch)
	}
	n.watchers = nil
}

// offer replaces what a slow reader has not taken. Only the holder of n.mu
// sends, so the channel cannot fill up in between.
func offer(ch chan assay.Moment, m assay.Moment) {
	select {
	case <-ch:
	default:
	}
	ch <- m
}

// waitHeight returns when a height is committed.
func (n *Node) waitHeight(ctx context.Context, height uint64) error {
	for {
		n.mu.Lock()
		have, changed := n.height, n.changed
		n.mu.Unlock()
		if have >= height {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-n.Done():
			return n.Err()
		}
	}
}

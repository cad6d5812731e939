package ledger

import (
	"errors"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/canon"
)

// transact takes one transaction from the wire to its result. Up to the fee,
// nobody has been shown to stand behind the bytes (or to be able to pay), so a
// refusal costs nobody; Check and Select keep such transactions out of blocks,
// and their gas counts, so a proposer who adds them wastes its own block. From
// the fee on, the signer pays whatever comes of it.
func (w *block) transact(tx []byte) TxResult {
	r := TxResult{Gas: board.BytesGas(len(tx))}
	var t *assay.Tx
	err := guard(func() (err error) {
		t, err = w.admit(tx, &r)
		return err
	})
	if err == nil {
		err = w.charge(t, len(tx), &r)
	}
	if err == nil {
		w.remember(r.ID)
		w.share = r.Fee / assay.Amount(len(t.Messages))
		err = w.branch(func() error { return w.messages(t) })
	}
	if err != nil {
		r.Code, r.Detail = assay.CodeOf(err), detailOf(err)
	}
	return r
}

// guard turns a panic into a refusal. Decoders see foreign bytes before any
// branch is open, and one of them may be wrong about one of those bytes.
func guard(fn func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = assay.Refuse(assay.CodeInternal, "panic: %v", r)
		}
	}()
	return fn()
}

// admit decodes a transaction and checks everything but its fee.
func (w *block) admit(tx []byte, r *TxResult) (*assay.Tx, error) {
	if w.gas+r.Gas > w.params.BlockGas {
		return nil, assay.Refuse(CodeBlockGas, "%d of %d used", w.gas, w.params.BlockGas)
	}
	t, err := w.l.form(tx)
	if err != nil {
		w.gas += r.Gas
		return nil, err
	}
	r.ID, r.Gas = t.ID(), gasOfTx(len(tx), t)
	if w.gas+r.Gas > w.params.BlockGas {
		return nil, assay.Refuse(CodeBlockGas, "%d of %d used, %d needed", w.gas, w.params.BlockGas, r.Gas)
	}
	w.gas += r.Gas
	if err := w.l.signed(tx, t); err != nil {
		return nil, err
	}
	return t, w.l.inTime(t, r.ID, w.at.Height)
}

// charge takes the fee into the pool.
func (w *block) charge(t *assay.Tx, size int, r *TxResult) error {
	if w.free(t) {
		return nil
	}
	fee, err := w.params.Fee(size, r.Gas)
	if err != nil {
		return err
	}
	err = w.branch(func() error { return w.debit(t.Signer, fee, "the fee") })
	if err == nil {
		r.Fee = fee
		w.meta.Pool += fee
	}
	return err
}

// form decodes a transaction within the network's size limit.
func (l *Ledger) form(tx []byte) (*assay.Tx, error) {
	if uint64(len(tx)) > l.genesis.Params.MaxTxBytes {
		return nil, assay.Refuse(CodeTxSize, "%d bytes; at most %d", len(tx), l.genesis.Params.MaxTxBytes)
	}
	return assay.DecodeTx(tx)
}

// maxVerified bounds the cache of verified signatures.
const maxVerified = 1 << 16

// signed checks network and signature. A transaction that passed stays known by
// all its bytes, the signature among them, so the second look costs a hash; the
// answer is the same either way.
func (l *Ledger) signed(tx []byte, t *assay.Tx) error {
	if l.options.Unsigned {
		if t.Network != l.network {
			return assay.Refuse(assay.CodeTxNetwork, "signed for %s, this is %s", t.Network.Short(), l.network.Short())
		}
		return nil
	}
	id := canon.Hash("assay/verified/1", tx)
	if _, ok := l.verified[id]; ok {
		return nil
	}
	if err := t.Verify(l.network); err != nil {
		return err
	}
	if len(l.verified) >= maxVerified {
		l.verified = map[assay.Digest]struct{}{}
	}
	l.verified[id] = struct{}{}
	return nil
}

// inTime refuses a transaction that has expired at a height, could come again
// after it was forgotten, or was included before.
func (l *Ledger) inTime(t *assay.Tx, id assay.Digest, height uint64) error {
	switch {
	case t.Expiry < height:
		return assay.Refuse(assay.CodeTxExpired, "at height %d, this is %d", t.Expiry, height)
	case t.Expiry-height > l.genesis.Params.TxWindow:
		return assay.Refuse(CodeTxFar, "height %d, this is %d; the window is %d blocks", t.Expiry, height, l.genesis.Params.TxWindow)
	case l.seen().has(id):
		return assay.Refuse(assay.CodeTxDuplicate, "%s", id.Short())
	}
	return nil
}

// Check refuses a transaction that cannot pay its way into the next block: bad
// form, signature, expiry, duplicate, no balance for the fee. It does not try
// its messages beyond decoding them. Between blocks that change nothing the
// chain's height runs ahead of the ledger's, hence slack for far expiries.
func (l *Ledger) Check(tx []byte) error {
	return guard(func() error { return l.check(tx) })
}

func (l *Ledger) check(tx []byte) error {
	t, err := l.form(tx)
	if err != nil {
		return err
	}
	gas := gasOfTx(len(tx), t)
	if gas > l.genesis.Params.BlockGas {
		return assay.Refuse(CodeBlockGas, "%d needed, a block has %d", gas, l.genesis.Params.BlockGas)
	}
	next := l.meta.Moment.Height + 1
	if t.Expiry > next && t.Expiry-next <= 2*l.genesis.Params.TxWindow {
		next = max(next, t.Expiry-min(t.Expiry, l.genesis.Params.TxWindow))
	}
	if err := l.inTime(t, t.ID(), next); err != nil {
		return err
	}
	if err := l.signed(tx, t); err != nil {
		return err
	}
	for i := range t.Messages {
		if _, err := t.Messages[i].Message(); err != nil {
			return err
		}
	}
	return l.checkFee(t, len(tx), gas)
}

func (l *Ledger) checkFee(t *assay.Tx, size int, gas uint64) error {
	p := &l.genesis.Params
	if p.FaucetLimit > 0 && onlyFaucet(t) {
		return nil
	}
	if isTick(t) {
		if _, ok := l.genesis.ValidatorOf(t.Signer); !ok {
			return assay.Refuse(CodeTickSigner, "%s", t.Signer.Short())
		}
		// Whether it is due depends on the block's time, so it is let in for as
		// long as it could be.
		if !l.Owes(l.meta.Moment.Time.Add(l.genesis.Params.ClockStep)).Any() {
			return assay.Refuse(CodeTickUndue, "nothing is owed")
		}
		return nil
	}
	fee, err := p.Fee(size, gas)
	if err != nil {
		return err
	}
	if have := l.Account(t.Signer).Balance; have < fee {
		return assay.Refuse(CodeBalance, "%s has %s; the fee is %s", t.Signer.Short(), have, fee)
	}
	return nil
}

// Select returns the transactions that a proposer should put into a block at a
// height and time, in order: those that Apply would charge, within the block's
// gas and maxBytes, and ticks only while due. Nothing that it leaves out could
// have been applied.
func (l *Ledger) Select(txs [][]byte, height uint64, now assay.Time, maxBytes int64) [][]byte {
	w, err := l.begin(assay.Block{Height: height, Time: now})
	if err != nil {
		return nil
	}
	var list [][]byte
	chosen := map[assay.Digest]bool{}
	for _, tx := range txs {
		if maxBytes < int64(len(tx)) {
			continue
		}
		r := TxResult{Gas: board.BytesGas(len(tx))}
		gas := w.gas
		var t *assay.Tx
		err := guard(func() (err error) {
			t, err = w.admit(tx, &r)
			return err
		})
		if err == nil && isTick(t) {
			err = w.tick(t.Signer)
		} else if err == nil {
			err = w.charge(t, len(tx), &r)
		}
		if err != nil || chosen[r.ID] {
			w.gas = gas
			continue
		}
		chosen[r.ID] = true
		maxBytes -= int64(len(tx))
		list = append(list, tx)
	}
	l.forget()
	return list
}

func detailOf(err error) string {
	var r *assay.Refusal
	if errors.As(err, &r) {
		return r.Detail
	}
	return err.Error()
}

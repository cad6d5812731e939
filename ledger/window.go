package ledger

import (
	"github.com/capacloud/assay"
)

// pruneBlocks bounds how many old blocks' ids leave the window in one block.
// Each block adds one entry, so the window cannot outgrow what leaves it.
const pruneBlocks = 16

// window remembers the transactions that could still come again: a transaction
// is accepted until its expiry height, which lies at most Params.TxWindow ahead,
// so those of older blocks can be forgotten. The state holds one entry for each
// block; this is the same as a set.
type window struct {
	ids map[assay.Digest]struct{}
}

// seen returns the window, read from the state once.
func (l *Ledger) seen() *window {
	if l.window == nil {
		l.window = &window{ids: map[assay.Digest]struct{}{}}
		prefix := []byte{tabWindow}
		l.store.Ascend(prefix, after(prefix), func(_, v []byte) bool {
			eachID(v, func(id assay.Digest) { l.window.ids[id] = struct{}{} })
			return true
		})
	}
	return l.window
}

func (w *window) has(id assay.Digest) bool {
	_, ok := w.ids[id]
	return ok
}

// remember keeps a transaction from coming again.
func (w *block) remember(id assay.Digest) {
	w.ids = append(w.ids, id)
	w.l.window.ids[id] = struct{}{}
}

// finishWindow writes this block's entry and drops entries whose transactions
// have all expired.
func (w *block) finishWindow() {
	if len(w.ids) > 0 {
		var v []byte
		for _, id := range w.ids {
			v = append(v, id[:]...)
		}
		w.write(windowKey(w.at.Height), v)
	}
	if w.at.Height <= w.params.TxWindow {
		return
	}
	left := pruneBlocks
	w.l.store.Ascend([]byte{tabWindow}, windowKey(w.at.Height-w.params.TxWindow), func(k, v []byte) bool {
		w.remove(k)
		eachID(v, func(id assay.Digest) { delete(w.l.window.ids, id) })
		left--
		return left > 0
	})
}

func eachID(b []byte, fn func(assay.Digest)) {
	for ; len(b) >= len(assay.Digest{}); b = b[len(assay.Digest{}):] {
		fn(assay.Digest(b[:len(assay.Digest{})]))
	}
}

package node

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/api"
	"github.com/capacloud/assay/comet"
)

// Network is what a party needs of a network: a *comet.Node in this process or
// an *api.Client of one behind a URL. What runs against one runs against the
// other.
type Network = api.Backend

// ErrUnreachable says that the network did not answer.
var ErrUnreachable = errors.New("network unreachable")

// Wallet signs for one key and submits.
type Wallet struct {
	Network Network
	Key     ed25519.PrivateKey
}

// Submit signs messages as one transaction and returns once it is included and
// applied. A transaction that the ledger refused is a Refusal with its code;
// the result says what it cost all the same.
func (w *Wallet) Submit(ctx context.Context, messages ...assay.Message) (comet.TxResult, error) {
	head, err := w.Network.Head(ctx)
	if err != nil {
		return comet.TxResult{}, err
	}
	g := w.Network.Genesis()
	tx := assay.SignTx(g.ID(), w.Key, nonce(), head.Height+g.Params.TxWindow/2, messages...)
	res, err := w.Network.Submit(ctx, tx.Bytes())
	if err != nil {
		return res, fmt.Errorf("submit %s: %w", messages[0].Kind(), err)
	}
	return res, res.Err()
}

func nonce() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // crypto/rand never fails: it ends the program instead
	return binary.LittleEndian.Uint64(b[:])
}

// Now is the machine's clock in ledger time. Nothing that is hashed reads it
// but the start and deadline of a job that this machine's user submits.
func Now() assay.Time { return assay.Time(time.Now().UnixMilli()) }

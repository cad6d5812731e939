package node

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/api"
	"github.com/capacloud/assay/blob"
	"github.com/capacloud/assay/comet"
)

// Network is what a party needs of a network: a *comet.Node in this process or
// an *api.Client of one behind a URL. What runs against one runs against the
// other.
type Network = api.Backend

// ErrUnreachable says that the network did not answer.
var ErrUnreachable = errors.New("network unreachable")

// Passing reports whether an error is about the way to the network, not about
// what was sent there: sending it again may help.
func Passing(err error) bool {
	switch assay.CodeOf(err) {
	case api.CodeServer, api.CodeBusy, blob.CodeUnavailable:
		return true
	}
	return errors.Is(err, ErrUnreachable) || errors.Is(err, context.DeadlineExceeded)
}

// unreachableAfter is how long a network may leave a follower of a job without
// an answer: a validator that restarts is back within it.
const unreachableAfter = 15 * time.Second

// pulse knows when a network last answered. A network that makes no blocks is
// asked: silence is no proof of absence.
type pulse struct {
	mu   sync.Mutex
	last time.Time
	busy bool
}

func (p *pulse) felt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = time.Now()
}

func (p *pulse) gone() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Since(p.last) > unreachableAfter
}

// feel asks for the head, one question at a time.
func (p *pulse) feel(ctx context.Context, n Network) {
	p.mu.Lock()
	if p.busy {
		p.mu.Unlock()
		return
	}
	p.busy = true
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, unreachableAfter)
	defer cancel()
	_, err := n.Head(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy = false
	if err == nil {
		p.last = time.Now()
	}
}

// lookEvery is how often Supervise asks.
const lookEvery = 5 * time.Second

// Supervise says when a network stops answering and when it answers again,
// until ctx ends. What runs against the network goes on by itself; a person who
// keeps it running wants to know.
func Supervise(ctx context.Context, n Network, log *slog.Logger) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	lost := false
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		asking, cancel := context.WithTimeout(ctx, lookEvery)
		_, err := n.Head(asking)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !lost:
			log.Warn("the network does not answer; trying again until it does", slog.Any("error", err))
		case err == nil && lost:
			log.Warn("the network answers again")
		}
		lost = err != nil
	}
}

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

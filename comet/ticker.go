package comet

import (
	"time"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/ledger"
)

// How the node keeps time moving. CometBFT makes no block without a
// transaction, and without blocks the ledger's clock stands still.
const (
	tickEvery  = time.Second            // while a clock runs
	tickPoll   = 100 * time.Millisecond // to see that a deadline is due
	tickGrace  = 50 * time.Millisecond  // for the block that follows by itself
	tickExpiry = 20                     // blocks
)

// ticker decides when a tick is needed: when the ledger owes something and no
// block is on its way to give it.
type ticker struct {
	rank time.Duration // later for later validators: mostly one tick is sent

	last   assay.Moment // of the state
	since  time.Time    // it stands there
	sentAt time.Time    // the last tick in this state
}

// tick submits ticks until the node ends.
func (n *Node) tick() {
	t := ticker{rank: n.rank()}
	poll := time.NewTicker(tickPoll)
	defer poll.Stop()
	for {
		select {
		case <-n.life.Done():
			return
		case <-poll.C:
		}
		owed, moment, err := n.app.owed(n.config.Now())
		if err == nil && t.needed(owed, moment, time.Now()) {
			n.sendTick()
		}
	}
}

// needed reports whether to send a tick now.
func (t *ticker) needed(owed ledger.Owed, moment assay.Moment, now time.Time) bool {
	if moment != t.last {
		t.last, t.since, t.sentAt = moment, now, time.Time{}
	}
	idle := now.Sub(t.since) - t.rank
	due := owed.Clock && idle >= tickEvery || (owed.Beacon || owed.Due) && idle >= tickGrace
	if !due || now.Sub(t.sentAt) < tickEvery {
		return false // nothing to do, or a tick is waiting for its block
	}
	t.sentAt = now
	return true
}

// rank is the validator's place in the genesis.
func (n *Node) rank() time.Duration {
	for i, v := range n.config.Genesis.Validators {
		if v.Account == assay.KeyOf(n.config.Account) {
			return time.Duration(i) * tickPoll
		}
	}
	return 0
}

func (n *Node) sendTick() {
	height := n.store.Height()
	nonce := uint64(time.Now().UnixNano())
	tx := assay.SignTx(n.app.network, n.config.Account, nonce, height+tickExpiry, &assay.Tick{})
	if err := n.Broadcast(tx.Bytes()); err != nil {
		n.config.Logger.Debug("tick refused", "height", height, "err", err)
	}
}

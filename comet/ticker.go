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

// tick submits a tick whenever the ledger owes something that no block is on
// its way to give.
func (n *Node) tick() {
	poll := time.NewTicker(tickPoll)
	defer poll.Stop()
	var sent uint64 // height at which the last tick was sent
	var at, seen time.Time
	last := assay.Moment{}
	for {
		select {
		case <-n.life.Done():
			return
		case <-poll.C:
		}
		var owed ledger.Owed
		var moment assay.Moment
		if n.app.view(func(l *ledger.Ledger) {
			moment = l.Moment()
			owed = l.Owes(max(n.config.Now(), moment.Time))
		}) != nil {
			continue
		}
		now := time.Now()
		if moment != last {
			last, seen = moment, now
		}
		idle := now.Sub(seen)
		due := owed.Clock && idle >= tickEvery+n.rank() || (owed.Beacon || owed.Due) && idle >= tickGrace+n.rank()
		if !due || sent == moment.Height && now.Sub(at) < tickEvery {
			continue
		}
		sent, at = moment.Height, now
		n.sendTick(now)
	}
}

// rank spreads the validators' ticks, so that mostly one of them is sent.
func (n *Node) rank() time.Duration {
	for i, v := range n.config.Genesis.Validators {
		if v.Account == assay.KeyOf(n.config.Account) {
			return time.Duration(i) * tickPoll
		}
	}
	return 0
}

func (n *Node) sendTick(now time.Time) {
	height := n.store.Height()
	tx := assay.SignTx(n.app.network, n.config.Account, uint64(now.UnixNano()), height+tickExpiry, &assay.Tick{})
	if err := n.Broadcast(tx.Bytes()); err != nil {
		n.config.Logger.Debug("tick refused", "height", height, "err", err)
	}
}

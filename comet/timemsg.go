package comet

import (
	"fmt"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/beacon"
	"github.com/capacloud/assay/canon"
)

// How far a proposal's time may be from a validator's own clock.
const (
	maxAhead  assay.Millis = 2_000
	maxBehind assay.Millis = 10_000
)

// timeMessage is the first entry of every block that is not empty. It is no
// transaction: nobody signs or pays for it, and the mempool refuses it.
type timeMessage struct {
	_      struct{} `cbor:",toarray"`
	Label  string   // timeLabel; no transaction begins with text
	Time   assay.Time
	Beacon assay.Beacon
}

const timeLabel = "assay/time/1"

func (m *timeMessage) bytes() []byte {
	m.Label = timeLabel
	return canon.Marshal(m)
}

// decodeTime reads a time message. It tells other bytes by their label before
// decoding them, since every transaction of a block is asked.
func decodeTime(b []byte) (*timeMessage, error) {
	if !isTime(b) {
		return nil, assay.Refuse(CodeTimeMissing, "the first of the block's entries is no time message")
	}
	var m timeMessage
	if err := canon.Unmarshal(b, &m); err != nil {
		return nil, assay.Refuse(CodeBlockTx, "time message: %v", err)
	}
	return &m, nil
}

// timeHead is how every encoding of a timeMessage begins.
var timeHead = fmt.Sprintf("\x83\x6c%s", timeLabel)

func isTime(b []byte) bool { return len(b) > len(timeHead) && string(b[:len(timeHead)]) == timeHead }

// check judges what every node judges alike, at any time after: order and
// beacon. The proposer is the validator that the block's header names.
func (m *timeMessage) check(g *assay.Genesis, network assay.NetworkID, height uint64, last assay.Time, proposer []byte) error {
	if m.Time < last {
		return assay.Refuse(CodeTimeBackward, "height %d: %s is before %s", height, m.Time, last)
	}
	v, err := validatorAt(g, proposer)
	if err != nil {
		return err
	}
	return beacon.Verify(v.Beacon, network, height, m.Beacon)
}

// checkClock judges a proposal by the validator's own clock.
func (m *timeMessage) checkClock(now assay.Time) error {
	switch {
	case m.Time > now.Add(maxAhead):
		return assay.Refuse(CodeTimeAhead, "%s; here it is %s", m.Time, now)
	case m.Time < now.Add(-maxBehind):
		return assay.Refuse(CodeTimeBehind, "%s; here it is %s", m.Time, now)
	}
	return nil
}

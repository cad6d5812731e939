package ledger

import (
	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/policy"
)

// One unit of gas is about ten nanoseconds on the reference machine, so that
// the default block of 50 million takes about half a second.
const (
	// A seat is up to 64 numbers tried, each with a path in the state, its lock,
	// its deadlines and its end. Were quorum(64) as cheap as quorum(1), a block
	// of submits would be a minute's work for the next one.
	gasPerSeat = 15_000
)

// gasOf is what a message costs beside its bytes, with the steps of its case
// that it sets off. A submit pays for draws, deadlines and settlement in
// advance: nobody else would.
func gasOf(k assay.Kind) uint64 {
	switch k {
	case assay.KindTransfer, assay.KindFaucet:
		return 4_000
	case assay.KindStake, assay.KindUnstake, assay.KindWithdraw:
		return 8_000
	case assay.KindOffer:
		return 18_000 // the provider's consent is a second signature
	case assay.KindSubmit:
		return 30_000 // and gasPerSeat for each
	case assay.KindCommit, assay.KindTag, assay.KindOpen, assay.KindAttest, assay.KindCheckpoint, assay.KindResume:
		return 10_000
	case assay.KindAnswer, assay.KindEvidence:
		return 20_000
	case assay.KindRegisterKey:
		return 3_000_000 // its points are checked
	case assay.KindKillKey:
		return 10_000
	case assay.KindOpenCeremony:
		return 3_000_000 // the circuit is looked at
	case assay.KindContribute, assay.KindEndPhase:
		return 10_000 // and what the sender states
	case assay.KindProgram:
		return board.GasProgram
	case assay.KindClaim:
		return board.GasClaim
	case assay.KindRefine:
		return board.GasRefine
	case assay.KindProof:
		return board.GasProof
	}
	return 0
}

// Gas returns the gas of a transaction on the wire. One that does not decode
// costs its bytes: it takes time to find out.
func Gas(tx []byte) uint64 {
	gas := board.BytesGas(len(tx))
	_ = guard(func() error { // what cannot be read costs its bytes
		t, err := assay.DecodeTx(tx)
		if err == nil {
			gas = gasOfTx(len(tx), t)
		}
		return err
	})
	return gas
}

func gasOfTx(size int, t *assay.Tx) uint64 {
	gas := board.BytesGas(size)
	for i := range t.Messages {
		gas += gasOf(t.Messages[i].Kind)
		if t.Messages[i].Kind == assay.KindSubmit {
			gas += gasPerSeat * seatsOf(&t.Messages[i])
		}
		if t.Messages[i].Kind == assay.KindEvidence {
			gas += statedGas(&t.Messages[i])
		}
	}
	return gas
}

// maxGas is more than any block has, and leaves room for sums.
const maxGas = 1 << 50

// statedGas returns what the sender of evidence, or of a step of a ceremony, pays
// for its verification. Where it is not enough the message is refused, before a
// check or a pairing looks at it.
func statedGas(e *assay.Envelope) uint64 {
	switch e.Kind {
	case assay.KindEvidence, assay.KindContribute, assay.KindEndPhase:
	default:
		return 0
	}
	m, err := e.Message()
	if err != nil {
		return 0
	}
	switch m := m.(type) {
	case *assay.PostEvidence:
		return min(m.Gas, maxGas)
	case *assay.Contribute:
		return min(m.Gas, maxGas)
	case *assay.EndPhase:
		return min(m.Gas, maxGas)
	}
	return 0
}

// seatsOf returns how many seats a submission draws, as far as its bytes tell;
// one that cannot be read draws none.
func seatsOf(e *assay.Envelope) uint64 {
	m, err := e.Message()
	if err != nil {
		return 0
	}
	expr, err := policy.Parse(m.(*assay.Submit).Job.Policy)
	if err != nil {
		return 0
	}
	seats := 1
	watchers := 0
	expr.Walk(func(x *policy.Expr) {
		seats = max(seats, x.N, x.Max)
		if x.Op == policy.Optimistic {
			watchers = 1
		}
	})
	return uint64(seats + watchers)
}

// seatFees is what a provider pays, at most, for the three messages of a seat,
// each in a transaction of its own.
func seatFees(p *assay.Params) assay.Amount {
	const txBytes = 600 // the largest of the three is an open
	fee, err := p.Fee(txBytes, board.BytesGas(txBytes)+gasOf(assay.KindOpen))
	if err != nil {
		return ^assay.Amount(0)
	}
	if fee, err = fee.Mul(3); err != nil {
		return ^assay.Amount(0)
	}
	return fee
}

// free reports whether a transaction costs its sender nothing. A due tick is
// work for the network; a faucet's caller has nothing yet, and dev networks,
// which alone have one, need no defence against their own owner.
func (w *block) free(t *assay.Tx) bool {
	if w.params.FaucetLimit > 0 && onlyFaucet(t) {
		return true
	}
	return isTick(t) && w.mayTick(t.Signer) == nil
}

func onlyFaucet(t *assay.Tx) bool {
	for i := range t.Messages {
		if t.Messages[i].Kind != assay.KindFaucet {
			return false
		}
	}
	return true
}

func isTick(t *assay.Tx) bool {
	return len(t.Messages) == 1 && t.Messages[0].Kind == assay.KindTick
}

package ledger

import (
	"github.com/capacloud/assay"
	"github.com/capacloud/assay/policy"
)

// One unit of gas is about ten nanoseconds on the reference machine, so that
// the default block of 50 million takes about half a second.
const (
	gasTx     = 10_000 // signature, identity, replay window, fee
	gasPerKiB = 1_000  // decoding and hashing, per 1,024 bytes or part of them

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
	case assay.KindCommit, assay.KindTag, assay.KindOpen, assay.KindAttest:
		return 10_000
	case assay.KindAnswer, assay.KindEvidence:
		return 20_000
	}
	return 0
}

// Gas returns the gas of a transaction on the wire. One that does not decode
// costs its bytes: it takes time to find out.
func Gas(tx []byte) uint64 {
	gas := gasOfBytes(len(tx))
	_ = guard(func() error { // what cannot be read costs its bytes
		t, err := assay.DecodeTx(tx)
		if err == nil {
			gas = gasOfTx(len(tx), t)
		}
		return err
	})
	return gas
}

func gasOfBytes(size int) uint64 { return gasTx + gasPerKiB*((uint64(size)+1023)/1024) }

func gasOfTx(size int, t *assay.Tx) uint64 {
	gas := gasOfBytes(size)
	for i := range t.Messages {
		gas += gasOf(t.Messages[i].Kind)
		if t.Messages[i].Kind == assay.KindSubmit {
			gas += gasPerSeat * seatsOf(&t.Messages[i])
		}
	}
	return gas
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
	expr.Walk(func(x *policy.Expr) { seats = max(seats, x.N, x.Max) })
	return uint64(seats)
}

// Fee returns what a transaction of size bytes and so much gas costs.
func Fee(p *assay.Params, size int, gas uint64) (assay.Amount, error) {
	bytes, err := p.FeePerByte.Mul(uint64(size))
	if err != nil {
		return 0, err
	}
	units, err := p.FeePerGas.Mul(gas)
	if err != nil {
		return 0, err
	}
	return bytes.Add(units/1000 + min(1, units%1000))
}

// seatFees is what a provider pays, at most, for the three messages of a seat,
// each in a transaction of its own.
func seatFees(p *assay.Params) assay.Amount {
	const txBytes = 600 // the largest of the three is an open
	fee, err := Fee(p, txBytes, gasOfBytes(txBytes)+gasOf(assay.KindOpen))
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

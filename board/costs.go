package board

import (
	"github.com/capacloud/assay"
	"github.com/capacloud/assay/dispute"
)

// Gas of what the moves of a dispute make every validator do, beside the bytes.
// The board has to know: a bond pays for the moves that a claim can force. One
// unit is about ten nanoseconds, as everywhere.
const (
	GasTx      = 10_000    // of every transaction
	GasPerKiB  = 1_000     // per 1,024 bytes of it or part of them
	GasClaim   = 500_000   // a full game of 2 MB is copied, matched all against all, and encoded
	GasRefine  = 300_000   // likewise, and one pair of rivals matched further (2.8 ms measured)
	GasProof   = 2_500_000 // the referee: 20 ms, and what a witness takes to read
	GasProgram = 1_000_000 // a chunk: hashed now, lowered later

	// MaxProgram is the longest program that can be disputed, in bytes. Whoever
	// has a longer one executed has no referee.
	MaxProgram = 16 << 20

	txBytes = 400 // of a transaction around a message
)

// BytesGas returns the gas of a transaction's bytes.
func BytesGas(size int) uint64 { return GasTx + GasPerKiB*((uint64(size)+1023)/1024) }

// defence returns what the author of one claim needs: the bond, the program's
// bytes if nobody else posts them, and the fees of the claim and of a move at each
// level. Were somebody drawn without it, he would lose every dispute by silence,
// however right he is.
func defence(rules *dispute.Rules) assay.Amount {
	sum, err := rules.Bond(0).Add(rules.Costs.Program)
	if err != nil {
		return ^assay.Amount(0)
	}
	for _, a := range []assay.Amount{rules.Costs.Claim, rules.Costs.Refine, rules.Costs.Prove} {
		each, err := a.Mul(uint64(rules.Levels))
		if err == nil {
			sum, err = sum.Add(each)
		}
		if err != nil {
			return ^assay.Amount(0)
		}
	}
	return sum
}

// postingFee is what posting a proof of so many bytes costs at most.
func postingFee(p *assay.Params, size uint32) (assay.Amount, error) {
	fee, err := p.Fee(int(size)+(1+parts(size))*txBytes, BytesGas(int(size))+GasTx*uint64(parts(size)))
	if err != nil {
		return 0, err
	}
	return fee, nil
}

// silence returns what a liar costs the others who never says a word: each of
// them claims, and one posts the program. He has posted no bond that would pay for
// it, so his stake must.
func silence(rules *dispute.Rules, others int) (assay.Amount, error) {
	claims, err := rules.Costs.Claim.Mul(uint64(others))
	if err != nil {
		return 0, err
	}
	return rules.Costs.Program.Add(claims)
}

// moveCosts is the schedule of a dispute's moves: what the largest message of
// each kind costs, alone in its transaction.
func moveCosts(p *assay.Params) dispute.Costs {
	fee := func(bytes int, gas uint64) assay.Amount {
		a, err := p.Fee(bytes+txBytes, BytesGas(bytes+txBytes)+gas)
		if err != nil {
			return ^assay.Amount(0)
		}
		return a
	}
	return dispute.Costs{
		Claim: fee(dispute.ClaimBytes, GasClaim), Refine: fee(dispute.RefinementBytes, GasRefine),
		Prove: fee(dispute.ProofBytes, GasProof),
	}
}

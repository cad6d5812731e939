package adversary

import (
	"context"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/zk"
)

// forger executes honestly and proves falsely: its proof is somebody else's, shown
// as its own. Of a zk check it keeps the public values, so that everything fits but
// the proof; where the proof is one with its transcript, it shows it as it is.
type forger struct{ executor.Executor }

// Prove implements executor.Prover.
func (f forger) Prove(ctx context.Context, job *assay.Job, ask executor.Ask, a executor.Artifacts) (*executor.Evidence, error) {
	own, err := executor.Prove(ctx, f.Executor, job, ask, a)
	if err != nil {
		return nil, err
	}
	ask.Provider = assay.Key(canon.Hash("assay/adversary/2", ask.Provider[:]))
	other, err := executor.Prove(ctx, f.Executor, job, ask, a)
	if err != nil {
		return nil, err
	}
	mine, err := zk.ParseEvidence(own.Body)
	if err != nil || len(own.Commitment) > 0 { // a commitment to another's proof is no lie, and of no use
		return other, nil
	}
	foreign, err := zk.ParseEvidence(other.Body)
	if err != nil {
		return other, nil
	}
	mine.Proof = foreign.Proof
	own.Body = mine.Bytes()
	return own, nil
}

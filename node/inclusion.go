package node

import (
	"fmt"

	ics23 "github.com/cosmos/ics23/go"

	"github.com/cometbft/cometbft/types"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/comet"
	"github.com/capacloud/assay/receipt"
)

// inclusionOf rewrites a node's proof in the receipt's own terms, which have no
// room for bytes that nothing covers.
func inclusionOf(g *assay.Genesis, p *comet.Proof) (*receipt.Inclusion, error) {
	var proof ics23.CommitmentProof
	if err := proof.Unmarshal(p.ICS23); err != nil {
		return nil, fmt.Errorf("decode the proof of the record: %w", err)
	}
	exist := proof.GetExist()
	if exist == nil {
		return nil, fmt.Errorf("the record is not in the state of height %d", p.Height)
	}
	ops := make([]receipt.ProofOp, len(exist.Path))
	for i, op := range exist.Path {
		ops[i] = receipt.ProofOp{Prefix: op.Prefix, Suffix: op.Suffix}
	}
	path, err := receipt.PathOf(receipt.ProofOp{Prefix: exist.Leaf.Prefix}, ops)
	if err != nil {
		return nil, err
	}
	signed, _, err := p.Signed()
	if err != nil {
		return nil, err
	}
	set := receipt.SetOf(g)
	return &receipt.Inclusion{Path: path, Header: headerOf(signed.Header), Validators: set, Commit: commitOf(set, signed.Commit)}, nil
}

func headerOf(h *types.Header) receipt.Header {
	return receipt.Header{
		VersionBlock: h.Version.Block,
		VersionApp:   h.Version.App,
		Height:       uint64(h.Height),
		Seconds:      h.Time.Unix(),
		Nanos:        uint32(h.Time.Nanosecond()),
		LastBlock: receipt.BlockRef{
			Hash:      assay.Digest(h.LastBlockID.Hash),
			Parts:     h.LastBlockID.PartSetHeader.Total,
			PartsHash: assay.Digest(h.LastBlockID.PartSetHeader.Hash),
		},
		LastCommit:     assay.Digest(h.LastCommitHash),
		Data:           assay.Digest(h.DataHash),
		NextValidators: assay.Digest(h.NextValidatorsHash),
		Consensus:      assay.Digest(h.ConsensusHash),
		App:            assay.Digest(h.AppHash),
		LastResults:    assay.Digest(h.LastResultsHash),
		Evidence:       assay.Digest(h.EvidenceHash),
		Proposer:       [20]byte(h.ProposerAddress),
	}
}

func commitOf(set []receipt.Validator, c *types.Commit) receipt.Commit {
	var votes []receipt.Vote
	for i, s := range c.Signatures {
		if s.BlockIDFlag != types.BlockIDFlagCommit {
			continue
		}
		votes = append(votes, receipt.Vote{
			Index:     uint16(i),
			Seconds:   s.Timestamp.Unix(),
			Nanos:     uint32(s.Timestamp.Nanosecond()),
			Signature: receipt.Signature(s.Signature),
		})
	}
	parts := c.BlockID.PartSetHeader
	return receipt.NewCommit(set, uint32(c.Round), parts.Total, assay.Digest(parts.Hash), votes)
}

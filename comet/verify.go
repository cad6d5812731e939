package comet

import (
	"bytes"

	"github.com/cometbft/cometbft/types"
	ics23 "github.com/cosmos/ics23/go"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/receipt"
)

// Verify checks the proof against the genesis that the verifier holds: that its
// validators signed the header, that the header carries the root, and that the
// root holds the value, or nothing, under the key. It trusts nothing inside the
// proof, and says nothing about how old the header is.
func (p *Proof) Verify(g *assay.Genesis) error {
	signed, _, err := p.Signed()
	if err != nil {
		return err
	}
	set := validatorSet(g) // the verifier's, not the proof's
	if err := signed.ValidateBasic(g.ChainID()); err != nil {
		return assay.Refuse(CodeProof, "header: %v", err)
	}
	if !bytes.Equal(signed.ValidatorsHash, set.Hash()) {
		return assay.Refuse(CodeProof, "the header names other validators than the genesis")
	}
	if err := set.VerifyCommit(g.ChainID(), signed.Commit.BlockID, signed.Height, signed.Commit); err != nil {
		return assay.Refuse(CodeProof, "signatures: %v", err)
	}
	if !bytes.Equal(signed.AppHash, p.Root) {
		return assay.Refuse(CodeProof, "the header carries another root")
	}
	return p.verifyState()
}

// verifyState checks the ICS-23 part, behind a recover: the library indexes
// into foreign bytes.
func (p *Proof) verifyState() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = assay.Refuse(CodeProof, "verifier panicked: %v", r)
		}
	}()
	var c ics23.CommitmentProof
	if err := c.Unmarshal(p.ICS23); err != nil {
		return assay.Refuse(CodeProof, "decode: %v", err)
	}
	ok := false
	if p.Value != nil {
		ok = ics23.VerifyMembership(ics23.IavlSpec, p.Root, &c, p.Key, p.Value)
	} else {
		ok = ics23.VerifyNonMembership(ics23.IavlSpec, p.Root, &c, p.Key)
	}
	if !ok {
		return assay.Refuse(CodeProof, "%x is not proved under %x", p.Key, p.Root)
	}
	return nil
}

// validatorSet is the set of a genesis, which does not change in this version.
func validatorSet(g *assay.Genesis) *types.ValidatorSet {
	doc := genesisDoc(g)
	list := make([]*types.Validator, len(doc.Validators))
	for i, v := range doc.Validators {
		list[i] = types.NewValidator(v.PubKey, v.Power)
	}
	return types.NewValidatorSet(list)
}

// Inclusion puts a proof that a key exists into the terms of a receipt.
func (p *Proof) Inclusion() (*receipt.Inclusion, error) {
	c, err := p.commitment()
	if err != nil {
		return nil, err
	}
	path, err := pathOf(c.GetExist())
	if err != nil {
		return nil, err
	}
	in := &receipt.Inclusion{Path: path}
	in.Header, in.Validators, in.Commit, err = p.finalised()
	return in, err
}

// Evidence puts a proof of a key, or of its absence, into the terms of a file of
// revocations.
func (p *Proof) Evidence() (*receipt.Evidence, error) {
	c, err := p.commitment()
	if err != nil {
		return nil, err
	}
	e := &receipt.Evidence{}
	if p.Value != nil {
		path, err := pathOf(c.GetExist())
		if err != nil {
			return nil, err
		}
		e.Path = &path
	} else if e.Absence, err = absenceOf(c.GetNonexist()); err != nil {
		return nil, err
	}
	e.Header, _, e.Commit, err = p.finalised()
	return e, err
}

// finalised returns the header, the set, and the votes that a receipt keeps.
func (p *Proof) finalised() (receipt.Header, []receipt.Validator, receipt.Commit, error) {
	signed, set, err := p.Signed()
	if err != nil {
		return receipt.Header{}, nil, receipt.Commit{}, err
	}
	var list []receipt.Validator
	for _, v := range set.Validators {
		list = append(list, receipt.Validator{Key: assay.Key(v.PubKey.Bytes()), Power: uint64(v.VotingPower)})
	}
	c := signed.Commit
	votes := receipt.NewCommit(list, uint32(c.Round), c.BlockID.PartSetHeader.Total, assay.Digest(c.BlockID.PartSetHeader.Hash), votesOf(c))
	return headerOf(signed.Header), list, votes, nil
}

func (p *Proof) commitment() (*ics23.CommitmentProof, error) {
	c := new(ics23.CommitmentProof)
	if err := c.Unmarshal(p.ICS23); err != nil {
		return nil, assay.Refuse(CodeProof, "decode: %v", err)
	}
	return c, nil
}

func pathOf(e *ics23.ExistenceProof) (receipt.Path, error) {
	if e == nil || e.Leaf == nil {
		return receipt.Path{}, assay.Refuse(CodeProof, "not a proof of existence")
	}
	return receipt.PathOf(receipt.ProofOp{Prefix: e.Leaf.Prefix}, stepsOf(e))
}

func stepsOf(e *ics23.ExistenceProof) []receipt.ProofOp {
	var steps []receipt.ProofOp
	for _, op := range e.Path {
		steps = append(steps, receipt.ProofOp{Prefix: op.Prefix, Suffix: op.Suffix})
	}
	return steps
}

func absenceOf(n *ics23.NonExistenceProof) (*receipt.Absence, error) {
	if n == nil {
		return nil, assay.Refuse(CodeProof, "not a proof of absence")
	}
	a := new(receipt.Absence)
	for _, side := range []struct {
		from *ics23.ExistenceProof
		to   **receipt.Neighbour
	}{{n.Left, &a.Left}, {n.Right, &a.Right}} {
		if side.from == nil {
			continue
		}
		if side.from.Leaf == nil {
			return nil, assay.Refuse(CodeProof, "a neighbour without a leaf")
		}
		near, err := receipt.NeighbourOf(side.from.Key, side.from.Value, receipt.ProofOp{Prefix: side.from.Leaf.Prefix}, stepsOf(side.from))
		if err != nil {
			return nil, err
		}
		*side.to = near
	}
	return a, nil
}

// votesOf lists the votes for the block, by place in the set.
func votesOf(c *types.Commit) []receipt.Vote {
	var votes []receipt.Vote
	for i, s := range c.Signatures {
		if s.BlockIDFlag != types.BlockIDFlagCommit || len(s.Signature) != len(receipt.Signature{}) {
			continue
		}
		votes = append(votes, receipt.Vote{
			Index: uint16(i), Seconds: s.Timestamp.Unix(), Nanos: uint32(s.Timestamp.Nanosecond()), Signature: receipt.Signature(s.Signature),
		})
	}
	return votes
}

func headerOf(h *types.Header) receipt.Header {
	return receipt.Header{
		VersionBlock: h.Version.Block, VersionApp: h.Version.App, Height: uint64(h.Height),
		Seconds: h.Time.Unix(), Nanos: uint32(h.Time.Nanosecond()),
		LastBlock:  receipt.BlockRef{Hash: digest(h.LastBlockID.Hash), Parts: h.LastBlockID.PartSetHeader.Total, PartsHash: digest(h.LastBlockID.PartSetHeader.Hash)},
		LastCommit: digest(h.LastCommitHash), Data: digest(h.DataHash), NextValidators: digest(h.NextValidatorsHash), Consensus: digest(h.ConsensusHash),
		App: digest(h.AppHash), LastResults: digest(h.LastResultsHash), Evidence: digest(h.EvidenceHash), Proposer: [20]byte(h.ProposerAddress),
	}
}

// digest copies a hash of CometBFT's, which is empty in the first block's
// reference to the one before.
func digest(b []byte) (d assay.Digest) {
	copy(d[:], b)
	return d
}

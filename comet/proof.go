package comet

import (
	"bytes"
	"context"
	"fmt"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"

	"github.com/capacloud/assay"
)

// Proof shows what the state holds, or does not hold, under a key, to somebody
// who has only the genesis. The byte fields are CometBFT's and ICS-23's own
// protobuf messages.
type Proof struct {
	Key    []byte
	Value  []byte // nil: the proof shows absence
	Height uint64 // of the state; header Height+1 or a later one carries its root
	Root   []byte
	ICS23  []byte // ics23.CommitmentProof of (Key, Value) under Root

	Header     []byte // tendermint.types.Header, whose app hash is Root
	Commit     []byte // tendermint.types.Commit, the signatures on Header
	Validators []byte // tendermint.types.ValidatorSet that signed
}

// maxKeyBytes bounds a key that is asked for.
const maxKeyBytes = 256

// Proof proves a key in the state as it stands now. The root of a state is in
// the header of the next block; CometBFT makes that block by itself when the
// root has changed, and Proof waits for it.
func (n *Node) Proof(ctx context.Context, key []byte) (*Proof, error) {
	if len(key) == 0 || len(key) > maxKeyBytes {
		return nil, assay.Refuse(CodeKey, "%d bytes; the range is 1 to %d", len(key), maxKeyBytes)
	}
	if err := n.Err(); err != nil {
		return nil, err
	}
	height := n.store.Height()
	p, err := n.prove(key, height)
	if err != nil {
		return nil, err
	}
	// At rest the last block was empty: its own header carries the root, and
	// the next one does not exist.
	signed := height
	if meta := n.comet.BlockStore().LoadBlockMeta(int64(height)); meta == nil || !bytes.Equal(meta.Header.AppHash, p.Root) {
		signed = height + 1
		if err := n.waitHeight(ctx, signed); err != nil {
			return nil, fmt.Errorf("wait for the header with the root of height %d: %w", height, err)
		}
	}
	return p, n.sign(p, signed)
}

func (n *Node) prove(key []byte, height uint64) (*Proof, error) {
	value, ics, root, err := n.store.Prove(key, height)
	if err != nil {
		return nil, err
	}
	return &Proof{Key: bytes.Clone(key), Value: bytes.Clone(value), Height: height, Root: root, ICS23: ics}, nil
}

// sign adds the header of a height, its signatures and who signed.
func (n *Node) sign(p *Proof, height uint64) error {
	blocks := n.comet.BlockStore()
	meta := blocks.LoadBlockMeta(int64(height))
	commit := blocks.LoadBlockCommit(int64(height))
	if commit == nil {
		commit = blocks.LoadSeenCommit(int64(height)) // the last block's are in none yet
	}
	if meta == nil || commit == nil {
		return assay.Refuse(CodeHeight, "no signed header of height %d", height)
	}
	if !bytes.Equal(meta.Header.AppHash, p.Root) {
		return fmt.Errorf("header %d carries %X, the state of %d has %X", height, meta.Header.AppHash, p.Height, p.Root)
	}
	return p.encode(&meta.Header, commit, validatorSet(n.config.Genesis))
}

func (p *Proof) encode(h *types.Header, c *types.Commit, v *types.ValidatorSet) (err error) {
	set, err := v.ToProto()
	if err != nil {
		return fmt.Errorf("encode validators: %w", err)
	}
	for _, m := range []struct {
		to   *[]byte
		from interface{ Marshal() ([]byte, error) }
	}{{&p.Header, h.ToProto()}, {&p.Commit, c.ToProto()}, {&p.Validators, set}} {
		if *m.to, err = m.from.Marshal(); err != nil {
			return fmt.Errorf("encode proof: %w", err)
		}
	}
	return nil
}

// Signed decodes the signed header and the set that signed it.
func (p *Proof) Signed() (*types.SignedHeader, *types.ValidatorSet, error) {
	var h cmtproto.Header
	var c cmtproto.Commit
	var v cmtproto.ValidatorSet
	for _, m := range []struct {
		from []byte
		to   interface{ Unmarshal([]byte) error }
	}{{p.Header, &h}, {p.Commit, &c}, {p.Validators, &v}} {
		if err := m.to.Unmarshal(m.from); err != nil {
			return nil, nil, assay.Refuse(CodeProof, "decode: %v", err)
		}
	}
	header, err := types.HeaderFromProto(&h)
	if err != nil {
		return nil, nil, assay.Refuse(CodeProof, "header: %v", err)
	}
	commit, err := types.CommitFromProto(&c)
	if err != nil {
		return nil, nil, assay.Refuse(CodeProof, "commit: %v", err)
	}
	set, err := types.ValidatorSetFromProto(&v)
	if err != nil {
		return nil, nil, assay.Refuse(CodeProof, "validators: %v", err)
	}
	return &types.SignedHeader{Header: &header, Commit: commit}, set, nil
}

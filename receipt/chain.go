package receipt

import (
	"crypto/sha256"
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
)

// Header is a CometBFT block header without what follows from the rest of the
// receipt: the chain's name and the hash of its validators.
type Header struct {
	_              struct{} `cbor:",toarray"`
	VersionBlock   uint64
	VersionApp     uint64
	Height         uint64
	Seconds        int64
	Nanos          uint32
	LastBlock      BlockRef
	LastCommit     assay.Digest
	Data           assay.Digest
	NextValidators assay.Digest
	Consensus      assay.Digest
	App            assay.Digest // state after the previous block
	LastResults    assay.Digest
	Evidence       assay.Digest
	Proposer       [20]byte
}

// BlockRef names a block by its hash and the parts in which it was sent.
type BlockRef struct {
	_         struct{} `cbor:",toarray"`
	Hash      assay.Digest
	Parts     uint32
	PartsHash assay.Digest
}

// Validator is one entry of the set that signs, in CometBFT's order.
type Validator struct {
	_     struct{} `cbor:",toarray"`
	Key   assay.Key
	Power uint64
}

// Commit holds the votes that finalise the header: precommits for its hash,
// in the order of the set, and no more of them than make two thirds. The block
// hash itself is left out, since the header gives it.
type Commit struct {
	_         struct{} `cbor:",toarray"`
	Round     uint32
	Parts     uint32
	PartsHash assay.Digest
	Votes     []Vote
}

// Vote is one validator's precommit. Index counts in the set.
type Vote struct {
	_         struct{} `cbor:",toarray"`
	Index     uint16
	Seconds   int64
	Nanos     uint32
	Signature Signature
}

// Signature is a strict Ed25519 signature, see verifyStrict.
type Signature [64]byte

// Limits of the chain part, those of assay.Genesis.Validate.
const (
	maxValidators = 200
	maxPower      = 1 << 40
	nanosPerSec   = 1_000_000_000
)

// chainID returns the chain's name in header and votes; it commits to the
// genesis. assay.Genesis.ChainID gives the same, a test compares them.
func chainID(network assay.NetworkID) string {
	const digits = 40
	text := network.String()
	start := len(text) - 2*len(network)
	return "assay-" + text[start:start+digits]
}

// hash returns the block hash: CometBFT's Merkle root over the encoded fields.
func (h *Header) hash(network assay.NetworkID, validators assay.Digest) assay.Digest {
	var version, time, ref protoBytes
	version.uint(1, h.VersionBlock)
	version.uint(2, h.VersionApp)
	time.time(h.Seconds, h.Nanos)
	ref.blockRef(h.LastBlock)
	return cometRoot([][]byte{
		version,
		wrapBytes([]byte(chainID(network))),
		wrapUint(h.Height),
		time,
		ref,
		wrapBytes(h.LastCommit[:]),
		wrapBytes(h.Data[:]),
		wrapBytes(validators[:]),
		wrapBytes(h.NextValidators[:]),
		wrapBytes(h.Consensus[:]),
		wrapBytes(h.App[:]),
		wrapBytes(h.LastResults[:]),
		wrapBytes(h.Evidence[:]),
		wrapBytes(h.Proposer[:]),
	})
}

// validatorsHash returns CometBFT's hash of the set in this order.
func validatorsHash(set []Validator) assay.Digest {
	leaves := make([][]byte, len(set))
	for i, v := range set {
		var key, b protoBytes
		key.bytes(1, v.Key[:]) // oneof: ed25519
		b.bytes(1, key)
		b.uint(2, v.Power)
		leaves[i] = b
	}
	return cometRoot(leaves)
}

// signBytes returns what a validator signs to precommit the block.
func (c *Commit) signBytes(network assay.NetworkID, height uint64, block assay.Digest, v *Vote) []byte {
	const precommit = 2
	var ref, time, b protoBytes
	ref.blockRef(BlockRef{Hash: block, Parts: c.Parts, PartsHash: c.PartsHash})
	time.time(v.Seconds, v.Nanos)
	b.uint(1, precommit)
	b.fixed(2, height)
	b.fixed(3, uint64(c.Round))
	b.message(4, ref)
	b.message(5, time)
	b.bytes(6, []byte(chainID(network)))
	return delimited(b)
}

// setOf returns the validator set of a genesis in CometBFT's order: by falling
// power, then by address.
func setOf(g *assay.Genesis) []Validator {
	set := make([]Validator, len(g.Validators))
	for i, v := range g.Validators {
		set[i] = Validator{Key: v.Consensus, Power: v.Power}
	}
	slices.SortFunc(set, func(a, b Validator) int {
		if a.Power != b.Power {
			return -compare(a.Power, b.Power)
		}
		x, y := address(a.Key), address(b.Key)
		return slices.Compare(x[:], y[:])
	})
	return set
}

func compare(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// address returns CometBFT's name of an Ed25519 validator.
func address(k assay.Key) [20]byte {
	sum := sha256.Sum256(k[:])
	return [20]byte(sum[:20])
}

// checkSet refuses a set that no genesis of ours can have. A key that stands
// twice would count twice with one signature.
func checkSet(set []Validator) error {
	if len(set) == 0 || len(set) > maxValidators {
		return assay.Refuse(CodeBrokenRule, "%d validators", len(set))
	}
	seen := make(map[assay.Key]bool, len(set))
	for i, v := range set {
		switch {
		case v.Power == 0 || v.Power > maxPower:
			return assay.Refuse(CodeBrokenRule, "validator %d has power %d", i, v.Power)
		case seen[v.Key]:
			return assay.Refuse(CodeBrokenRule, "validator %s stands twice in the set", v.Key.Short())
		}
		seen[v.Key] = true
	}
	return nil
}

func (f *File) checkCommit() error {
	return checkSigned(f.Record.Network, &f.Header, f.Validators, &f.Commit)
}

// checkSigned verifies that the votes, and not one of them less, make more than
// two thirds of the set's power, and that each is signed for this header.
func checkSigned(network assay.NetworkID, h *Header, set []Validator, c *Commit) error {
	if err := checkSet(set); err != nil {
		return err
	}
	if h.Height == 0 || h.Height > 1<<62 || c.Round > 1<<30 {
		return assay.Refuse(CodeBrokenRule, "height %d, round %d", h.Height, c.Round)
	}
	var total, signed uint64
	for _, v := range set {
		total += v.Power
	}
	block := h.hash(network, validatorsHash(set))
	next := 0
	for i := range c.Votes {
		v := &c.Votes[i]
		switch {
		case enough(signed, total):
			// An unused vote is a byte that nothing covers: it could be
			// altered, added or dropped without an answer changing.
			return assay.Refuse(CodeBrokenSignature, "votes beyond two thirds are not part of a receipt")
		case int(v.Index) < next || int(v.Index) >= len(set):
			return assay.Refuse(CodeBrokenSignature, "vote %d names validator %d of %d, out of order", i, v.Index, len(set))
		case v.Nanos >= nanosPerSec || h.Nanos >= nanosPerSec:
			return assay.Refuse(CodeBrokenRule, "nanoseconds exceed a second")
		}
		key := set[v.Index].Key
		if !verifyStrict(key, c.signBytes(network, h.Height, block, v), v.Signature) {
			return assay.Refuse(CodeBrokenSignature, "of validator %s on the header of height %d", key.Short(), h.Height)
		}
		signed += set[v.Index].Power
		next = int(v.Index) + 1
	}
	if !enough(signed, total) {
		return assay.Refuse(CodeBrokenSignature, "validators with power %d of %d signed the header; more than two thirds are needed", signed, total)
	}
	return nil
}

// enough reports whether signed exceeds two thirds of total. Both stay below
// maxValidators * maxPower, so nothing overflows.
func enough(signed, total uint64) bool { return 3*signed > 2*total }

// cometRoot returns the root of CometBFT's Merkle tree (RFC 9162 with SHA-256),
// which is not that of package merkle: its leaves have another tag.
func cometRoot(leaves [][]byte) assay.Digest {
	switch n := len(leaves); n {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, leaves[0]...))
	default:
		k := 1
		for 2*k < n {
			k *= 2
		}
		left, right := cometRoot(leaves[:k]), cometRoot(leaves[k:])
		b := append([]byte{1}, left[:]...)
		return canon.Digest(sha256.Sum256(append(b, right[:]...)))
	}
}

package receipt

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"math/rand"
	"testing"
	"time"

	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"

	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	cmtversion "github.com/cometbft/cometbft/proto/tendermint/version"
	"github.com/cometbft/cometbft/types"

	"github.com/capacloud/assay"
)

// testKey returns a key from a name, so that every run makes the same bytes.
func testKey(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("assay receipt test " + name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// cometSet is the set of a genesis as CometBFT builds it.
func cometSet(g *assay.Genesis) *types.ValidatorSet {
	var list []*types.Validator
	for _, v := range g.Validators {
		list = append(list, types.NewValidator(cmted25519.PubKey(v.Consensus[:]), int64(v.Power)))
	}
	return types.NewValidatorSet(list)
}

// cometHeader is a header with every field set, on the state root app.
func cometHeader(g *assay.Genesis, height int64, app []byte) *types.Header {
	return cometHeaderAt(g, height, app, time.Unix(1_760_000_000, 123_456_789).UTC())
}

func cometHeaderAt(g *assay.Genesis, height int64, app []byte, at time.Time) *types.Header {
	sum := func(s string) []byte { h := sha256.Sum256([]byte(s)); return h[:] }
	set := cometSet(g)
	return &types.Header{
		Version: cmtversion.Consensus{Block: 11, App: 1},
		ChainID: g.ChainID(),
		Height:  height,
		Time:    at,
		LastBlockID: types.BlockID{
			Hash: sum("last"), PartSetHeader: types.PartSetHeader{Total: 1, Hash: sum("last parts")},
		},
		LastCommitHash: sum("last commit"), DataHash: sum("data"), ValidatorsHash: set.Hash(), NextValidatorsHash: set.Hash(),
		ConsensusHash: sum("consensus"), AppHash: app, LastResultsHash: sum("results"), EvidenceHash: sum("evidence"),
		ProposerAddress: set.Validators[0].Address,
	}
}

// cometCommit has the validators of the genesis named by voters precommit the
// header, as CometBFT would.
func cometCommit(g *assay.Genesis, h *types.Header, keys map[assay.Key]ed25519.PrivateKey, round int32) *types.Commit {
	parts := sha256.Sum256([]byte("parts"))
	id := types.BlockID{Hash: h.Hash(), PartSetHeader: types.PartSetHeader{Total: 1, Hash: parts[:]}}
	c := &types.Commit{Height: h.Height, Round: round, BlockID: id}
	for i, v := range cometSet(g).Validators {
		key, votes := keys[assay.Key(v.PubKey.Bytes())]
		if !votes {
			c.Signatures = append(c.Signatures, types.NewCommitSigAbsent())
			continue
		}
		vote := &cmtproto.Vote{
			Type: cmtproto.PrecommitType, Height: h.Height, Round: round, BlockID: id.ToProto(),
			Timestamp: h.Time.Add(time.Duration(i+1) * time.Millisecond),
		}
		c.Signatures = append(c.Signatures, types.CommitSig{
			BlockIDFlag: types.BlockIDFlagCommit, ValidatorAddress: v.Address, Timestamp: vote.Timestamp,
			Signature: ed25519.Sign(key, types.VoteSignBytes(h.ChainID, vote)),
		})
	}
	return c
}

// inclusionOf is what package comet does with a node's answer.
func inclusionOf(path Path, h *types.Header, set *types.ValidatorSet, c *types.Commit) *Inclusion {
	in := &Inclusion{
		Path: path,
		Header: Header{
			VersionBlock: h.Version.Block, VersionApp: h.Version.App, Height: uint64(h.Height),
			Seconds: h.Time.Unix(), Nanos: uint32(h.Time.Nanosecond()),
			LastBlock:  BlockRef{Hash: assay.Digest(h.LastBlockID.Hash), Parts: h.LastBlockID.PartSetHeader.Total, PartsHash: assay.Digest(h.LastBlockID.PartSetHeader.Hash)},
			LastCommit: assay.Digest(h.LastCommitHash), Data: assay.Digest(h.DataHash), NextValidators: assay.Digest(h.NextValidatorsHash),
			Consensus: assay.Digest(h.ConsensusHash), App: assay.Digest(h.AppHash), LastResults: assay.Digest(h.LastResultsHash),
			Evidence: assay.Digest(h.EvidenceHash), Proposer: [20]byte(h.ProposerAddress),
		},
	}
	for _, v := range set.Validators {
		in.Validators = append(in.Validators, Validator{Key: assay.Key(v.PubKey.Bytes()), Power: uint64(v.VotingPower)})
	}
	var votes []Vote
	for i, s := range c.Signatures {
		if s.BlockIDFlag == types.BlockIDFlagCommit {
			votes = append(votes, Vote{Index: uint16(i), Seconds: s.Timestamp.Unix(), Nanos: uint32(s.Timestamp.Nanosecond()), Signature: Signature(s.Signature)})
		}
	}
	in.Commit = NewCommit(in.Validators, uint32(c.Round), c.BlockID.PartSetHeader.Total, assay.Digest(c.BlockID.PartSetHeader.Hash), votes)
	return in
}

// chainGenesis is a genesis of n validators of the given powers.
func chainGenesis(powers ...uint64) (*assay.Genesis, map[assay.Key]ed25519.PrivateKey) {
	g := &assay.Genesis{Version: 1, Name: "chain", Kind: assay.Dev, Params: assay.LocalParams()}
	keys := map[assay.Key]ed25519.PrivateKey{}
	for i, p := range powers {
		key := testKey(fmt.Sprint("consensus", i))
		keys[assay.KeyOf(key)] = key
		g.Validators = append(g.Validators, assay.Validator{
			Name: fmt.Sprint("v", i), Consensus: assay.KeyOf(key), Beacon: assay.KeyOf(testKey(fmt.Sprint("beacon", i))),
			Account: assay.KeyOf(testKey(fmt.Sprint("account", i))), Power: p,
		})
	}
	return g, keys
}

// TestChainAgreesWithComet compares our hash and sign bytes with CometBFT's own
// over random headers.
func TestChainAgreesWithComet(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	for n := range 200 {
		powers := make([]uint64, 1+r.Intn(9))
		for i := range powers {
			powers[i] = 1 + uint64(r.Intn(4))
		}
		g, keys := chainGenesis(powers...)
		g.Name = fmt.Sprint("chain", n)
		app := sha256.Sum256([]byte{byte(n)})
		h := cometHeader(g, 1+r.Int63n(1<<40), app[:])
		h.Time = time.Unix(r.Int63n(1<<33), r.Int63n(1e9)).UTC()
		h.Version.App = uint64(r.Intn(3))
		h.LastBlockID.PartSetHeader.Total = uint32(r.Intn(300))
		c := cometCommit(g, h, keys, int32(r.Intn(3)))
		in := inclusionOf(Path{}, h, cometSet(g), c)
		network := g.ID()
		if got := chainID(network); got != g.ChainID() {
			t.Fatalf("chain id %s, want %s", got, g.ChainID())
		}
		set := SetOf(g)
		for i := range set {
			if set[i] != in.Validators[i] {
				t.Fatalf("validator %d of %v differs from CometBFT's order", i, powers)
			}
		}
		vals := validatorsHash(set)
		if !bytes.Equal(vals[:], h.ValidatorsHash) {
			t.Fatalf("validators hash %x, want %x", vals, h.ValidatorsHash)
		}
		block := in.Header.hash(network, vals)
		if !bytes.Equal(block[:], h.Hash()) {
			t.Fatalf("header hash %x, want %x", block, h.Hash())
		}
		for i := range in.Commit.Votes {
			v := &in.Commit.Votes[i]
			got := in.Commit.signBytes(network, in.Header.Height, block, v)
			if want := c.VoteSignBytes(h.ChainID, int32(v.Index)); !bytes.Equal(got, want) {
				t.Fatalf("sign bytes %x, want %x", got, want)
			}
		}
		f := &File{Record: assay.Record{Network: network}, Header: in.Header, Validators: in.Validators, Commit: in.Commit}
		if err := f.checkCommit(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCommitNeedsTwoThirds moves the number of voters across the bound, and
// tries every way to make few votes look like many.
func TestCommitNeedsTwoThirds(t *testing.T) {
	g, keys := chainGenesis(1, 1, 1, 1, 1, 1)
	app := sha256.Sum256([]byte("app"))
	h := cometHeader(g, 12, app[:])
	commit := func(voters int) *File {
		some := map[assay.Key]ed25519.PrivateKey{}
		for _, v := range SetOf(g)[:voters] {
			some[v.Key] = keys[v.Key]
		}
		in := inclusionOf(Path{}, h, cometSet(g), cometCommit(g, h, some, 0))
		return &File{Record: assay.Record{Network: g.ID()}, Header: in.Header, Validators: in.Validators, Commit: in.Commit}
	}
	for voters := range 7 {
		err := commit(voters).checkCommit()
		if want := voters >= 5; (err == nil) != want {
			t.Errorf("%d of 6 votes: %v", voters, err)
		}
	}
	five, six := commit(5), commit(6)
	if len(six.Commit.Votes) != 5 {
		t.Errorf("a receipt keeps %d votes, want the 5 that count", len(six.Commit.Votes))
	}
	full := inclusionOf(Path{}, h, cometSet(g), cometCommit(g, h, keys, 0))
	attacks := map[string]func(f *File){
		"a vote twice":            func(f *File) { f.Commit.Votes[4] = f.Commit.Votes[3] },
		"out of order":            func(f *File) { v := f.Commit.Votes; v[0], v[1] = v[1], v[0] },
		"index out of the set":    func(f *File) { f.Commit.Votes[4].Index = 6 },
		"a validator twice":       func(f *File) { f.Validators[5] = f.Validators[4] },
		"another power":           func(f *File) { f.Validators[0].Power = 100 },
		"fewer validators":        func(f *File) { f.Validators = f.Validators[:5] },
		"no validators":           func(f *File) { f.Validators = nil },
		"another round":           func(f *File) { f.Commit.Round++ },
		"another header":          func(f *File) { f.Header.App[0]++ },
		"another chain":           func(f *File) { f.Record.Network[0]++ },
		"an altered signature":    func(f *File) { f.Commit.Votes[2].Signature[40] ^= 1 },
		"a non-canonical scalar":  func(f *File) { addOrder(&f.Commit.Votes[2].Signature) },
		"an unused vote":          func(f *File) { f.Commit.Votes = append(f.Commit.Votes, lastVote(full, 5)) },
		"a late second":           func(f *File) { f.Commit.Votes[1].Seconds++ },
		"two seconds of nanos":    func(f *File) { f.Commit.Votes[1].Nanos += 2e9 },
		"a height beyond numbers": func(f *File) { f.Header.Height = 1 << 63 },
	}
	for name, alter := range attacks {
		f := *five
		f.Validators = append([]Validator{}, five.Validators...)
		f.Commit.Votes = append([]Vote{}, five.Commit.Votes...)
		alter(&f)
		if err := f.checkCommit(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// lastVote makes a further, valid-looking vote for a later member of the set.
func lastVote(in *Inclusion, index uint16) Vote {
	v := in.Commit.Votes[0]
	v.Index = index
	return v
}

// addOrder adds the group's order to s: the same signature for a verifier that
// does not insist on s < L.
func addOrder(s *Signature) {
	order := [32]byte{0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 31: 0x10}
	carry := 0
	for i := range order {
		n := int(s[32+i]) + int(order[i]) + carry
		s[32+i], carry = byte(n), n>>8
	}
}

// TestStrictKeys holds our list of refused keys against curve25519-voi's: every
// encoding of a small-order point, and every y in a second spelling.
func TestStrictKeys(t *testing.T) {
	strict := &voi.VerifyOptions{AllowSmallOrderA: false, AllowNonCanonicalA: false, AllowSmallOrderR: true, AllowNonCanonicalR: true}
	lax := voi.VerifyOptionsZIP_215
	var candidates []assay.Key
	for _, y := range smallOrder {
		candidates = append(candidates, y)
		y[31] |= 0x80
		candidates = append(candidates, y)
	}
	for n := range 19 { // y + p for y < 19
		k := assay.Key{0: 0xed + byte(n), 31: 0x7f}
		for i := 1; i < 31; i++ {
			k[i] = 0xff
		}
		candidates = append(candidates, k)
		k[31] = 0xff
		candidates = append(candidates, k)
	}
	for n := range 64 {
		candidates = append(candidates, assay.KeyOf(testKey(fmt.Sprint("strict", n))))
	}
	message := []byte("any")
	for _, k := range candidates {
		weak := func(o *voi.VerifyOptions) bool {
			// A small-order A passes with R = identity and s = 0 under lax
			// rules for some message; strict rules refuse the key itself.
			return voi.VerifyWithOptions(k[:], message, append(append([]byte{1}, make([]byte, 31)...), make([]byte, 32)...), &voi.Options{Verify: o})
		}
		if weak(lax) && strictKey(k) {
			t.Errorf("key %x admits a signature under any message", k)
		}
		if weak(strict) {
			t.Errorf("key %x: the library's strict mode accepts the zero signature", k)
		}
	}
	for n := range 64 {
		key := testKey(fmt.Sprint("strict", n))
		sig := Signature(ed25519.Sign(key, message))
		if !verifyStrict(assay.KeyOf(key), message, sig) {
			t.Fatal("an honest signature is refused")
		}
		addOrder(&sig)
		if verifyStrict(assay.KeyOf(key), message, sig) {
			t.Fatal("s + L is accepted")
		}
	}
}

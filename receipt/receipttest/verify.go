// Package receipttest owns a second verifier of receipts: small, written from
// the format and not from package receipt, and sharing no code of ours with it.
// It reads the file as nested CBOR arrays, hashes with its own hash, and leaves
// header, votes and state proof to CometBFT's and ICS-23's libraries, which
// package receipt does not use.
//
// It refuses less than package receipt: it does not recompute draws, findings
// or the settlement, and does not insist on canonical bytes. What it accepts,
// it accepts because hashes, inclusion and enough equal executions say so. Its
// use is in tests: on every vector, the two must not contradict one another.
package receipttest

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	cmtversion "github.com/cometbft/cometbft/proto/tendermint/version"
	"github.com/cometbft/cometbft/types"
	ics23 "github.com/cosmos/ics23/go"
	"github.com/fxamacker/cbor/v2"
)

// node is one CBOR item. The first failure is kept and ends the verification,
// so that reading needs no error at every step.
type node struct {
	raw cbor.RawMessage
	err *error
}

func (n node) at(i int) node {
	var list []cbor.RawMessage
	if err := cbor.Unmarshal(n.raw, &list); err != nil || i >= len(list) {
		n.fail(fmt.Errorf("no item %d: %w", i, errors.Join(err, errForm)))
		return node{raw: []byte{0xf6}, err: n.err}
	}
	return node{raw: list[i], err: n.err}
}

func (n node) list() []node {
	var list []cbor.RawMessage
	if !n.isNil() {
		n.decode(&list)
	}
	nodes := make([]node, len(list))
	for i := range list {
		nodes[i] = node{raw: list[i], err: n.err}
	}
	return nodes
}

func (n node) isNil() bool { return len(n.raw) == 1 && n.raw[0] == 0xf6 }

func (n node) decode(v any) {
	if err := cbor.Unmarshal(n.raw, v); err != nil {
		n.fail(err)
	}
}

func (n node) fail(err error) {
	if *n.err == nil {
		*n.err = err
	}
}

func (n node) bytes() (b []byte)      { n.decode(&b); return b }
func (n node) int() (v int64)         { n.decode(&v); return v }
func (n node) uint() (v uint64)       { n.decode(&v); return v }
func (n node) text() (s string)       { n.decode(&s); return s }
func (n node) isTrue() (b bool)       { n.decode(&b); return b }
func (n node) hash(tag string) []byte { return hash(tag, n.raw) }

var errForm = errors.New("not a receipt")

// hash is H(tag, parts…) of the design, §5.
func hash(tag string, parts ...[]byte) []byte {
	h := sha256.New()
	for _, p := range append([][]byte{[]byte(tag)}, parts...) {
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(p))))
		h.Write(p)
	}
	return h.Sum(nil)
}

// The places of what is read, in the arrays of file, record, case, seat, job,
// verdict and result.
const (
	fileRecord, fileCase, fileDraws, fileListings, fileSkips, fileArtifacts, filePath, fileHeader, fileCommit, fileWitnesses = 1, 2, 3, 4, 5, 6, 7, 8, 10, 11
	recordNetwork, recordJob, recordVerdict, recordCase, recordHeight                                                        = 1, 2, 4, 6, 7
	caseNetwork, caseID, caseJob, caseDraws, caseSeats, caseDisputes, caseVerdict                                            = 1, 2, 3, 11, 12, 20, 24
	seatNumber, seatRole, seatProvider, seatOwner, seatState                                                                 = 0, 1, 2, 3, 10
	seatCommit, seatTag, seatSalt, seatResult                                                                                = 12, 13, 14, 15
	jobProgram, jobPolicy                                                                                                    = 2, 11
	disputeGame, gameProofs, proofWitness                                                                                    = 9, 10, 5
	verdictOutcome, verdictResult                                                                                            = 0, 2
	stateOpened, stateUnavailable                                                                                            = 4, 7
)

// Verify returns the receipt's verdict ("accepted", "refuted", "undecided").
func Verify(file, anchor []byte) (verdict string, err error) {
	f := node{raw: file, err: &err}
	genesis, network, err2 := genesisOf(anchor)
	if err2 != nil {
		return "", err2
	}
	genesis.err = &err
	record, board := f.at(fileRecord), f.at(fileCase)
	job := board.at(caseJob).hash("assay/job/1")
	for what, same := range map[string]bool{
		"network": bytes.Equal(record.at(recordNetwork).bytes(), network) && bytes.Equal(board.at(caseNetwork).bytes(), network),
		"job":     bytes.Equal(record.at(recordJob).bytes(), job) && bytes.Equal(board.at(caseID).bytes(), job),
		"case":    bytes.Equal(record.at(recordCase).bytes(), hash("assay/case/1", caseOf(f, board, record.at(recordVerdict)))),
		"program": bytes.Equal(board.at(caseJob).at(jobProgram).bytes(), contentHash(f.at(fileArtifacts).at(0))),
	} {
		if !same {
			f.fail(fmt.Errorf("the %s is another: %w", what, errForm))
		}
	}
	checkWitnesses(f, board)
	checkChain(f, genesis, network)
	checkState(f, job, record.hash("assay/record/1"))
	if err != nil {
		return "", err
	}
	verdict = [...]string{"undecided", "accepted", "refuted"}[record.at(recordVerdict).at(verdictOutcome).uint()%3]
	if verdict == "accepted" {
		checkSeats(board, record.at(recordVerdict).at(verdictResult).hash("assay/result/1"))
	}
	return verdict, err
}

// caseOf rebuilds the bytes of the settled case, which the file keeps without
// its verdict and with its draws packed.
func caseOf(f, board, verdict node) []byte {
	listings, skips := f.at(fileListings).list(), f.at(fileSkips).list()
	var draws [][]byte
	for _, d := range f.at(fileDraws).list() {
		var seats [][]byte
		for _, s := range d.at(5).list() {
			var tries [][]byte
			for _, t := range s.at(2).list() {
				l, k := t.at(0).uint(), t.at(1).uint()
				if l >= uint64(len(listings)) || k >= uint64(len(skips)) {
					f.fail(errForm)
					return nil
				}
				tries = append(tries, array(listings[l].at(0).raw, listings[l].at(1).raw, skips[k].raw))
			}
			seats = append(seats, array(s.at(0).raw, s.at(1).raw, array(tries...)))
		}
		draws = append(draws, array(d.at(0).raw, d.at(1).raw, d.at(2).raw, d.at(3).raw, d.at(4).raw, array(seats...)))
	}
	var items [][]byte
	for i, item := range board.list() {
		switch i {
		case caseDraws:
			item.raw = array(draws...)
		case caseVerdict:
			item = verdict
		}
		items = append(items, item.raw)
	}
	return array(items...)
}

// array encodes an array of encoded items.
func array(items ...[]byte) []byte {
	head := []byte{0x80 | byte(len(items))}
	if len(items) > 23 {
		head = []byte{0x98, byte(len(items))} // a receipt's have fewer than 256 items
	}
	return append(head, bytes.Join(items, nil)...)
}

// genesisOf reads an anchor: base64 between two head lines and a last one.
func genesisOf(anchor []byte) (node, []byte, error) {
	lines := strings.Split(strings.TrimSpace(string(anchor)), "\n")
	if len(lines) < 4 {
		return node{}, nil, errForm
	}
	raw, err := base64.StdEncoding.DecodeString(strings.Join(lines[2:len(lines)-1], ""))
	return node{raw: raw}, hash("assay/genesis/1", raw), err
}

func contentHash(c node) []byte {
	return hash("assay/file/1", binary.LittleEndian.AppendUint64(nil, c.at(0).uint()), c.at(1).bytes())
}

// checkChain rebuilds CometBFT's header and commit, with the validators of the
// genesis, and lets CometBFT verify them.
func checkChain(f, genesis node, network []byte) {
	var list []*types.Validator
	for _, v := range genesis.at(5).list() {
		list = append(list, types.NewValidator(ed25519.PubKey(v.at(1).bytes()), int64(v.at(4).uint())))
	}
	if *f.err != nil || len(list) == 0 {
		f.fail(errForm)
		return
	}
	set := types.NewValidatorSet(list)
	h, c := f.at(fileHeader), f.at(fileCommit)
	chain := "assay-" + hex.EncodeToString(network)[:40]
	header := &types.Header{
		Version: cmtversion.Consensus{Block: h.at(0).uint(), App: h.at(1).uint()}, ChainID: chain, Height: int64(h.at(2).uint()),
		Time:           time.Unix(h.at(3).int(), int64(h.at(4).uint())).UTC(),
		LastBlockID:    types.BlockID{Hash: h.at(5).at(0).bytes(), PartSetHeader: types.PartSetHeader{Total: uint32(h.at(5).at(1).uint()), Hash: h.at(5).at(2).bytes()}},
		LastCommitHash: h.at(6).bytes(), DataHash: h.at(7).bytes(), ValidatorsHash: set.Hash(), NextValidatorsHash: h.at(8).bytes(),
		ConsensusHash: h.at(9).bytes(), AppHash: h.at(10).bytes(), LastResultsHash: h.at(11).bytes(), EvidenceHash: h.at(12).bytes(),
		ProposerAddress: h.at(13).bytes(),
	}
	id := types.BlockID{Hash: header.Hash(), PartSetHeader: types.PartSetHeader{Total: uint32(c.at(1).uint()), Hash: c.at(2).bytes()}}
	commit := &types.Commit{Height: header.Height, Round: int32(c.at(0).uint()), BlockID: id}
	for range set.Validators {
		commit.Signatures = append(commit.Signatures, types.NewCommitSigAbsent())
	}
	for _, v := range c.at(3).list() {
		i := v.at(0).uint()
		if i >= uint64(set.Size()) {
			f.fail(errForm)
			return
		}
		commit.Signatures[i] = types.CommitSig{
			BlockIDFlag: types.BlockIDFlagCommit, ValidatorAddress: set.Validators[i].Address,
			Timestamp: time.Unix(v.at(1).int(), int64(v.at(2).uint())).UTC(), Signature: v.at(3).bytes(),
		}
	}
	if *f.err != nil {
		return
	}
	if err := set.VerifyCommitLight(chain, id, header.Height, commit); err != nil {
		f.fail(err)
	}
}

// checkState rebuilds the ICS-23 proof and lets its library verify it.
func checkState(f node, job, record []byte) {
	path := f.at(filePath)
	leaf := *ics23.IavlSpec.LeafSpec
	leaf.Prefix = prefix(0, 1, path.at(0).int())
	proof := &ics23.ExistenceProof{Key: append([]byte("record/"), job...), Value: record, Leaf: &leaf}
	for _, s := range path.at(1).list() {
		op := &ics23.InnerOp{Hash: ics23.HashOp_SHA256, Prefix: append(prefix(int64(s.at(0).uint()), s.at(1).int(), s.at(2).int()), 32)}
		sibling := s.at(4).bytes()
		if s.at(3).isTrue() {
			op.Prefix = append(append(op.Prefix, sibling...), 32)
		} else {
			op.Suffix = append([]byte{32}, sibling...)
		}
		proof.Path = append(proof.Path, op)
	}
	root := f.at(fileHeader).at(10).bytes()
	whole := &ics23.CommitmentProof{Proof: &ics23.CommitmentProof_Exist{Exist: proof}}
	if *f.err == nil && !ics23.VerifyMembership(ics23.IavlSpec, root, whole, proof.Key, proof.Value) {
		f.fail(errors.New("the record is not in the state"))
	}
}

func prefix(height, size, version int64) []byte {
	return binary.AppendVarint(binary.AppendVarint(binary.AppendVarint(nil, height), size), version)
}

// checkWitnesses hashes every witness and looks for the proof that it is of.
func checkWitnesses(f, board node) {
	known := map[string]bool{}
	for _, d := range board.at(caseDisputes).list() {
		if game := d.at(disputeGame); !game.isNil() {
			for _, p := range game.at(gameProofs).list() {
				known[string(p.at(proofWitness).bytes())] = true
			}
		}
	}
	for i, w := range f.at(fileWitnesses).list() {
		if !known[string(hash("assay/witness/1", w.bytes()))] {
			f.fail(fmt.Errorf("witness %d is of no proof", i))
		}
	}
}

// checkSeats counts, under a policy that is one quorum, the owners whose seats
// committed, tagged and opened the accepted result.
func checkSeats(board node, accepted []byte) {
	need := 1
	if len(board.at(caseDisputes).list()) > 0 {
		need = 1 // whose claim survived
	} else if _, err := fmt.Sscanf(board.at(caseJob).at(jobPolicy).text(), "quorum(%d", &need); err != nil {
		need = 1
	}
	network, job := board.at(caseNetwork).bytes(), board.at(caseID).bytes()
	owners := map[string]bool{}
	for _, s := range board.at(caseSeats).list() {
		result := s.at(seatResult)
		if state := s.at(seatState).uint(); state != stateOpened && state != stateUnavailable || result.isNil() {
			continue
		}
		digest := result.hash("assay/result/1")
		n := s.at(seatNumber).uint()
		place := []byte{byte(n), byte(n >> 8), byte(s.at(seatRole).uint())}
		commit := hash("assay/commit/1", network, job, place, s.at(seatProvider).bytes(), s.at(seatSalt).bytes(), digest)
		if !bytes.Equal(commit, s.at(seatCommit).bytes()) || !bytes.Equal(hash("assay/tag/1", job, digest), s.at(seatTag).bytes()) {
			board.fail(fmt.Errorf("seat %d opened something else than it committed to", n))
		}
		if bytes.Equal(digest, accepted) {
			owners[string(s.at(seatOwner).bytes())] = true
		}
	}
	if len(owners) < need {
		board.fail(fmt.Errorf("%d owners stand behind the result, the policy wants %d", len(owners), need))
	}
}

// Package beacon owns the randomness of a block: a verifiable random function
// over (network, height) under a validator's beacon key, by RFC 9381, suite
// ECVRF-EDWARDS25519-SHA512-ELL2.
//
// A key has exactly one value per height, so whoever makes a block cannot
// choose its beacon; signatures could be ground, since a signer picks its
// nonce. Verification is pure and strict: it refuses proofs of another length,
// coordinates and scalars that are not canonical, and keys of small order, for
// which the value would not be unique.
//
// LIMITATIONS. The owner of the key knows its values ahead of everyone. It
// cannot change one; it can refuse to make the block, and with several
// validators the next one's value then counts: one bit for each block withheld.
package beacon

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"

	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519/extra/ecvrf"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
)

// ProofSize is the length of a proof in bytes.
const ProofSize = ecvrf.ProofSize

// CodeBeacon refuses a beacon that its validator's key did not make.
const CodeBeacon assay.Code = "bad-beacon"

// Codes documents it, for docs/CODES.md.
func Codes() []assay.CodeInfo {
	return []assay.CodeInfo{{
		Code: CodeBeacon, Kind: assay.KindRefusal,
		Text: "A block's randomness is not what its validator's key gives for this height.",
		Hint: "The validator is faulty; a receipt with such a beacon proves nothing.",
	}}
}

// Input returns what the function is evaluated on.
func Input(network assay.NetworkID, height uint64) []byte {
	var h [8]byte
	binary.BigEndian.PutUint64(h[:], height)
	d := canon.Hash("assay/beacon-input/1", network[:], h[:])
	return d[:]
}

// Prove returns the beacon of a height. It depends on its arguments alone.
func Prove(private ed25519.PrivateKey, network assay.NetworkID, height uint64) assay.Beacon {
	proof := ecvrf.Prove(voi.PrivateKey(private), Input(network, height))
	output, err := ecvrf.ProofToHash(proof)
	if err != nil {
		panic("beacon: our own proof does not decode: " + err.Error())
	}
	return assay.Beacon{Value: value(output), Validator: assay.KeyOf(private), Proof: proof}
}

// Verify checks that b is the beacon of a height under key, which the caller
// takes from the genesis and never from b.
func Verify(key assay.Key, network assay.NetworkID, height uint64, b assay.Beacon) (err error) {
	if b.Validator != key {
		return assay.Refuse(CodeBeacon, "height %d: by %s, want %s", height, b.Validator.Short(), key.Short())
	}
	if len(b.Proof) != ProofSize {
		return assay.Refuse(CodeBeacon, "height %d: proof of %d bytes, want %d", height, len(b.Proof), ProofSize)
	}
	ok, output, err := verifyProof(key, b.Proof, Input(network, height))
	switch {
	case err != nil:
		return assay.Refuse(CodeBeacon, "height %d: %v", height, err)
	case !ok:
		return assay.Refuse(CodeBeacon, "height %d: the proof is not %s's", height, key.Short())
	case value(output) != b.Value:
		return assay.Refuse(CodeBeacon, "height %d: the value is not the proof's", height)
	}
	return nil
}

// verifyProof hands foreign bytes to the library, behind a recover: a panic in
// a third party's decoder must not stop a validator.
func verifyProof(key assay.Key, proof, input []byte) (ok bool, output []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			ok, output, err = false, nil, fmt.Errorf("verifier panicked: %v", r)
		}
	}()
	ok, output = ecvrf.Verify(key[:], proof, input)
	return ok, output, nil
}

// value condenses the function's 64-byte output.
func value(output []byte) assay.Digest { return canon.Hash("assay/beacon/1", output) }

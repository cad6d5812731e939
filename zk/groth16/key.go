// Package groth16 owns Groth16 over BN254: the one encoding of a verifying key
// and of a proof, and the pairing check.
//
// It refuses what package bn254 refuses, keys with a point at infinity (a public
// input whose point is infinity is bound by nothing), and proofs of any other
// length than the key demands.
//
// LIMITATIONS. Proofs are malleable: from one, anyone makes others of the same
// statement. BN254 gives about 100 bits. A key proves nothing against whoever
// knows the secrets of its setup.
package groth16

import (
	"slices"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr/pedersen"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/zk/bn254"
)

// Limits of a key.
const (
	MaxInputs      = 1024 // public inputs
	MaxCommitments = 8
)

// Codes of this package.
const (
	CodeKey      assay.Code = "groth16-key"
	CodeLength   assay.Code = "groth16-length"
	CodeInputs   assay.Code = "groth16-inputs"
	CodePairing  assay.Code = "groth16-pairing"
	CodePedersen assay.Code = "groth16-commitment"
)

// Codes documents the codes of this package.
func Codes() []assay.CodeInfo {
	r := func(c assay.Code, text, hint string) assay.CodeInfo {
		return assay.CodeInfo{Code: c, Kind: assay.KindRefusal, Text: text, Hint: hint}
	}
	return []assay.CodeInfo{
		r(CodeKey, "a Groth16 key is malformed, or a point of it is infinity", "the text says what; export it again with assay's tools"),
		r(CodeLength, "a Groth16 proof has the wrong length for its key", "256 bytes, and with commitments 64 for each and 64 more"),
		r(CodeInputs, "the number of public inputs is not the key's", "check that key and statement belong together"),
		r(CodePairing, "the pairing equation does not hold: the proof is false, or of another statement or key", "check key, public inputs and proof against one another"),
		r(CodePedersen, "the proof of knowledge of a commitment does not hold", "no honest prover makes one"),
	}
}

// Key is a verifying key. Beta and Delta in G1 are no part of it: verification
// does not use them.
type Key struct {
	Alpha              bn254.G1
	Beta, Gamma, Delta bn254.G2
	IC                 []bn254.G1 // of one, then of each public input, then of each commitment
	Pedersen           []Pedersen

	ready *prepared // nil: not
}

// Pedersen is the key of one commitment inside a proof (gnark's BSB22): which
// values the committed ones are hashed with is part of it.
type Pedersen struct {
	G, SigmaNeg bn254.G2
	// Hashed lists the public inputs, and the commitments before, that go into
	// this commitment's hash: their index in IC.
	Hashed []uint32
}

// wire is the encoding of a Key.
type wire struct {
	_        struct{} `cbor:",toarray"`
	Alpha    [bn254.G1Size]byte
	Beta     [bn254.G2Size]byte
	Gamma    [bn254.G2Size]byte
	Delta    [bn254.G2Size]byte
	IC       [][bn254.G1Size]byte
	Pedersen []wirePedersen
}

type wirePedersen struct {
	_        struct{} `cbor:",toarray"`
	G        [bn254.G2Size]byte
	SigmaNeg [bn254.G2Size]byte
	Hashed   []uint32
}

// Inputs returns how many public inputs a proof has.
func (k *Key) Inputs() int { return len(k.IC) - 1 - len(k.Pedersen) }

// Commitments returns how many commitments a proof has.
func (k *Key) Commitments() int { return len(k.Pedersen) }

// Bytes returns the canonical encoding.
func (k *Key) Bytes() []byte {
	w := wire{
		Alpha: bn254.G1Bytes(&k.Alpha), Beta: bn254.G2Bytes(&k.Beta),
		Gamma: bn254.G2Bytes(&k.Gamma), Delta: bn254.G2Bytes(&k.Delta),
	}
	for i := range k.IC {
		w.IC = append(w.IC, bn254.G1Bytes(&k.IC[i]))
	}
	for i := range k.Pedersen {
		p := &k.Pedersen[i]
		w.Pedersen = append(w.Pedersen, wirePedersen{G: bn254.G2Bytes(&p.G), SigmaNeg: bn254.G2Bytes(&p.SigmaNeg), Hashed: p.Hashed})
	}
	return canon.Marshal(&w)
}

// ParseKey reads a key strictly.
func ParseKey(b []byte) (*Key, error) {
	// The decoder may reserve what a prefix promises; nothing valid is longer.
	if len(b) > (MaxInputs+64)*(bn254.G1Size+8)*2 {
		return nil, assay.Refuse(CodeKey, "%d bytes", len(b))
	}
	var w wire
	if err := canon.Unmarshal(b, &w); err != nil {
		return nil, assay.Refuse(CodeKey, "%v", err)
	}
	k := new(Key)
	r := reader{}
	r.g1(&k.Alpha, w.Alpha[:])
	r.g2(&k.Beta, w.Beta[:])
	r.g2(&k.Gamma, w.Gamma[:])
	r.g2(&k.Delta, w.Delta[:])
	if len(w.IC) > 1+MaxInputs+MaxCommitments || len(w.Pedersen) > MaxCommitments {
		return nil, assay.Refuse(CodeKey, "%d points and %d commitments", len(w.IC), len(w.Pedersen))
	}
	k.IC = make([]bn254.G1, len(w.IC))
	for i := range k.IC {
		r.g1(&k.IC[i], w.IC[i][:])
	}
	k.Pedersen = make([]Pedersen, len(w.Pedersen))
	for i := range k.Pedersen {
		r.g2(&k.Pedersen[i].G, w.Pedersen[i].G[:])
		r.g2(&k.Pedersen[i].SigmaNeg, w.Pedersen[i].SigmaNeg[:])
		k.Pedersen[i].Hashed = w.Pedersen[i].Hashed
	}
	if r.err != nil {
		return nil, r.err
	}
	return k, k.finish()
}

// reader keeps the first error of a row of points.
type reader struct{ err error }

func (r *reader) g1(p *bn254.G1, b []byte) {
	if r.err == nil {
		*p, r.err = bn254.ParseG1(b)
	}
}

func (r *reader) g2(p *bn254.G2, b []byte) {
	if r.err == nil {
		*p, r.err = bn254.ParseG2(b)
	}
}

// finish checks the shape of a key whose points are sound, and prepares it.
func (k *Key) finish() error {
	if inputs := k.Inputs(); inputs < 0 || inputs > MaxInputs || len(k.Pedersen) > MaxCommitments {
		return assay.Refuse(CodeKey, "%d points for %d commitments", len(k.IC), len(k.Pedersen))
	}
	for i := range k.Pedersen {
		p := &k.Pedersen[i]
		if p.G != k.Pedersen[0].G {
			return assay.Refuse(CodeKey, "commitments of different generators")
		}
		for j, index := range p.Hashed {
			if index < 1 || int(index) > k.Inputs()+i || j > 0 && p.Hashed[j-1] >= index {
				return assay.Refuse(CodeKey, "commitment %d hashes input %d", i, index)
			}
		}
	}
	if slices.ContainsFunc(k.IC, func(p bn254.G1) bool { return p.IsInfinity() }) {
		return assay.Refuse(CodeKey, "the point of an input is infinity: nothing binds it")
	}
	return nil
}

func (k *Key) pedersen() []pedersen.VerifyingKey {
	list := make([]pedersen.VerifyingKey, len(k.Pedersen))
	for i := range list {
		list[i] = pedersen.VerifyingKey{G: k.Pedersen[i].G, GSigmaNeg: k.Pedersen[i].SigmaNeg}
	}
	return list
}

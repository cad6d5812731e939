// Package plonk owns PLONK over BN254 as gnark defines it: the one encoding of a
// verifying key and of a proof, and its verification.
//
// A proof is in the layout of gnark's Solidity verifiers, which leaves out the
// value of the linearised polynomial; it is recomputed from the transcript, and
// gnark's verifier has the last word. It refuses what package bn254 refuses, and
// keys whose domain or indexes contradict one another.
//
// LIMITATIONS. BN254 gives about 100 bits. Whoever knows the secret of the SRS
// can prove anything under any key made from it. gnark's batch check draws random
// numbers: a false proof passes it with probability 2⁻²⁵³.
package plonk

import (
	"math/big"
	"math/bits"

	curve "github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/kzg"
	gnark "github.com/consensys/gnark/backend/plonk/bn254"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/zk/bn254"
)

// Limits of a key.
const (
	MaxInputs      = 1024 // public inputs
	MaxCommitments = 8
	maxLogSize     = 28 // the two-adicity of the scalar field
)

// Codes of this package.
const (
	CodeKey    assay.Code = "plonk-key"
	CodeLength assay.Code = "plonk-length"
	CodeInputs assay.Code = "plonk-inputs"
	CodeProof  assay.Code = "plonk-proof"
)

// Codes documents the codes of this package.
func Codes() []assay.CodeInfo {
	r := func(c assay.Code, text, hint string) assay.CodeInfo {
		return assay.CodeInfo{Code: c, Kind: assay.KindRefusal, Text: text, Hint: hint}
	}
	return []assay.CodeInfo{
		r(CodeKey, "a PLONK key is malformed or contradicts itself", "the text says what; export it again with assay's tools"),
		r(CodeLength, "a PLONK proof has the wrong length for its key", "768 bytes, and 96 more for each commitment"),
		r(CodeInputs, "the number of public inputs is not the key's", "check that key and statement belong together"),
		r(CodeProof, "the PLONK proof is false, or of another statement or key", "check key, public inputs and proof against one another"),
	}
}

// Key is a verifying key, ready for use.
type Key struct {
	wire wire
	vk   gnark.VerifyingKey
}

// wire is the encoding of a key, and all that is in it.
type wire struct {
	_       struct{} `cbor:",toarray"`
	Size    uint64   // of the domain, a power of two
	Inputs  uint32
	Omega   [bn254.ScalarSize]byte // a generator of the domain
	Coset   [bn254.ScalarSize]byte
	S       [3][bn254.G1Size]byte
	Q       [5][bn254.G1Size]byte // l r m o k; may be infinity: a gate that no constraint uses
	Qcp     [][bn254.G1Size]byte
	Indexes []uint64 // of the commitments' constraints, behind the public inputs
	G1      [bn254.G1Size]byte
	G2      [2][bn254.G2Size]byte
}

// Points is a key as other systems publish it.
type Points struct {
	Size, Inputs uint64
	Omega, Coset []byte
	S            [3][]byte
	Ql, Qr, Qm   []byte
	Qo, Qk       []byte
	Qcp          [][]byte
	Indexes      []uint64
	G1           []byte
	G2           [2][]byte
}

// KeyOf builds a key from its points.
func KeyOf(p *Points) (*Key, error) {
	w := wire{Size: p.Size, Inputs: uint32(min(p.Inputs, 1<<31)), Indexes: p.Indexes}
	type slot struct{ to, from []byte }
	slots := []slot{
		{w.Omega[:], p.Omega},
		{w.Coset[:], p.Coset},
		{w.G1[:], p.G1},
		{w.Q[0][:], p.Ql},
		{w.Q[1][:], p.Qr},
		{w.Q[2][:], p.Qm},
		{w.Q[3][:], p.Qo},
		{w.Q[4][:], p.Qk},
		{w.G2[0][:], p.G2[0]},
		{w.G2[1][:], p.G2[1]},
	}
	for i := range w.S {
		slots = append(slots, slot{w.S[i][:], p.S[i]})
	}
	if len(p.Qcp) > MaxCommitments {
		return nil, assay.Refuse(CodeKey, "%d commitments", len(p.Qcp))
	}
	w.Qcp = make([][bn254.G1Size]byte, len(p.Qcp))
	for i := range p.Qcp {
		slots = append(slots, slot{w.Qcp[i][:], p.Qcp[i]})
	}
	for _, s := range slots {
		if len(s.from) != len(s.to) {
			return nil, assay.Refuse(CodeKey, "%d bytes where %d are due", len(s.from), len(s.to))
		}
		copy(s.to, s.from)
	}
	return load(&w)
}

// KeyFromGnark builds a key from gnark's.
func KeyFromGnark(vk *gnark.VerifyingKey) (*Key, error) {
	p := &Points{Size: vk.Size, Inputs: vk.NbPublicVariables, Indexes: vk.CommitmentConstraintIndexes}
	g1 := func(d *kzg.Digest) []byte { return bn254.AppendG1(nil, d) }
	omega, coset := vk.Generator.Bytes(), vk.CosetShift.Bytes()
	p.Omega, p.Coset = omega[:], coset[:]
	for i := range p.S {
		p.S[i] = g1(&vk.S[i])
	}
	p.Ql, p.Qr, p.Qm, p.Qo, p.Qk = g1(&vk.Ql), g1(&vk.Qr), g1(&vk.Qm), g1(&vk.Qo), g1(&vk.Qk)
	for i := range vk.Qcp {
		p.Qcp = append(p.Qcp, g1(&vk.Qcp[i]))
	}
	p.G1 = g1(&vk.Kzg.G1)
	for i := range p.G2 {
		p.G2[i] = bn254.AppendG2(nil, &vk.Kzg.G2[i])
	}
	return KeyOf(p)
}

// Inputs returns how many public inputs a proof has.
func (k *Key) Inputs() int { return int(k.wire.Inputs) }

// Bytes returns the canonical encoding.
func (k *Key) Bytes() []byte { return canon.Marshal(&k.wire) }

// ParseKey reads a key strictly.
func ParseKey(b []byte) (*Key, error) {
	if len(b) > 4096 { // the largest one has about 2 KiB
		return nil, assay.Refuse(CodeKey, "%d bytes", len(b))
	}
	var w wire
	if err := canon.Unmarshal(b, &w); err != nil {
		return nil, assay.Refuse(CodeKey, "%v", err)
	}
	return load(&w)
}

// load checks every number of a key.
func load(w *wire) (*Key, error) {
	k := &Key{wire: *w}
	vk := &k.vk
	if err := k.domain(); err != nil {
		return nil, err
	}
	if len(w.Qcp) > MaxCommitments || len(w.Qcp) != len(w.Indexes) {
		return nil, assay.Refuse(CodeKey, "%d commitments with %d indexes", len(w.Qcp), len(w.Indexes))
	}
	for i, index := range w.Indexes {
		if index >= w.Size-uint64(w.Inputs) || i > 0 && w.Indexes[i-1] >= index {
			return nil, assay.Refuse(CodeKey, "commitment %d at constraint %d", i, index)
		}
	}
	var err error
	point := func(p *kzg.Digest, b []byte, parse func([]byte) (bn254.G1, error)) {
		if err == nil {
			*p, err = parse(b)
		}
	}
	for i := range vk.S {
		point(&vk.S[i], w.S[i][:], bn254.ParseG1)
	}
	for i, q := range []*kzg.Digest{&vk.Ql, &vk.Qr, &vk.Qm, &vk.Qo, &vk.Qk} {
		point(q, w.Q[i][:], bn254.ParseG1OrInfinity)
	}
	vk.Qcp = make([]kzg.Digest, len(w.Qcp))
	for i := range vk.Qcp {
		point(&vk.Qcp[i], w.Qcp[i][:], bn254.ParseG1)
	}
	point(&vk.Kzg.G1, w.G1[:], bn254.ParseG1)
	if err != nil {
		return nil, err
	}
	for i := range vk.Kzg.G2 {
		if vk.Kzg.G2[i], err = bn254.ParseG2(w.G2[i][:]); err != nil {
			return nil, err
		}
		vk.Kzg.Lines[i] = curve.PrecomputeLines(vk.Kzg.G2[i])
	}
	vk.CommitmentConstraintIndexes = w.Indexes
	return k, nil
}

// domain checks size, generator and coset, and derives the inverse of the size.
func (k *Key) domain() error {
	w, vk := &k.wire, &k.vk
	if bits.OnesCount64(w.Size) != 1 || w.Size < 2 || w.Size > 1<<maxLogSize {
		return assay.Refuse(CodeKey, "a domain of size %d", w.Size)
	}
	if w.Inputs > MaxInputs || uint64(w.Inputs) > w.Size {
		return assay.Refuse(CodeKey, "%d public inputs", w.Inputs)
	}
	var err error
	if vk.Generator, err = bn254.Scalar(w.Omega[:]); err != nil {
		return err
	}
	if vk.CosetShift, err = bn254.Scalar(w.Coset[:]); err != nil {
		return err
	}
	// Of a power of two, the order is exactly the size if the half is no order.
	half := vk.Generator
	for n := w.Size; n > 2; n /= 2 {
		half.Square(&half)
	}
	full := half
	if full.Square(&full); !full.IsOne() || half.IsOne() {
		return assay.Refuse(CodeKey, "omega is no generator of a domain of size %d", w.Size)
	}
	// The three wires' columns must not share a value: the coset shift u, and its
	// square, lie outside the domain and in cosets of their own.
	shift := vk.CosetShift
	for n := w.Size; n > 1; n /= 2 {
		shift.Square(&shift)
	}
	square := shift
	if square.Square(&square); shift.IsZero() || shift.IsOne() || square.IsOne() {
		return assay.Refuse(CodeKey, "the coset shift lies in the domain")
	}
	vk.Size, vk.NbPublicVariables = w.Size, uint64(w.Inputs)
	vk.SizeInv.SetUint64(w.Size)
	vk.SizeInv.Inverse(&vk.SizeInv)
	return nil
}

// Order returns r, the order of the groups and the number of scalars.
func Order() *big.Int { return fr.Modulus() }

package circuit

import (
	"bytes"
	"math/bits"

	"github.com/consensys/gnark-crypto/ecc"
	curve "github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/kzg"
	"github.com/consensys/gnark/backend"
	plonkbn254 "github.com/consensys/gnark/backend/plonk/bn254"
	"github.com/consensys/gnark/constraint/solver"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/zk"
	"github.com/capacloud/assay/zk/circom"
	"github.com/capacloud/assay/zk/plonk"
)

// What an SRS begins with, and its Lagrange form.
const (
	srsMagic      = "assay-srs/1\n"
	lagrangeMagic = "assay-lagrange/1\n"
)

// SRS are powers of a secret that nobody knows, for any PLONK circuit up to their
// number. It is the user's: where it comes from is an assumption of every proof,
// and its digest is part of the program.
type SRS struct {
	points []curve.G1Affine  // [1]₁, [τ]₁, [τ²]₁, …
	g2     [2]curve.G2Affine // [1]₂, [τ]₂
}

// NewSRS takes over powers that a ceremony has published.
func NewSRS(powers []curve.G1Affine, g2 [2]curve.G2Affine) (*SRS, error) {
	s := &SRS{powers, g2}
	return s, s.check()
}

// InsecureSRS makes n powers alone: for tests, and networks marked insecure.
func InsecureSRS(n int) (*SRS, error) {
	var tau fr.Element
	for tau.IsZero() {
		if _, err := tau.SetRandom(); err != nil {
			return nil, err
		}
	}
	_, _, g1, g2 := curve.Generators()
	powers := make([]fr.Element, n)
	power := fr.One()
	for i := range powers {
		powers[i] = power
		power.Mul(&power, &tau)
	}
	return NewSRS(curve.BatchScalarMultiplicationG1(&g1, powers), [2]curve.G2Affine(curve.BatchScalarMultiplicationG2(&g2, []fr.Element{fr.One(), tau})))
}

// Bytes returns the canonical encoding.
func (s *SRS) Bytes() []byte {
	w := &writer{b: []byte(srsMagic)}
	w.g2(s.g2[:]...)
	w.number(uint64(len(s.points)))
	w.g1(s.points...)
	return w.b
}

// ParseSRS reads an SRS. With circom.Checked it must be powers of one secret;
// circom.Pinned is for one that the caller knows by its digest.
func ParseSRS(b []byte, trust circom.Trust) (*SRS, error) {
	if uint64(len(b)) > MaxProvingKey {
		return nil, assay.Refuse(CodeLimit, "%d bytes; at most %d", len(b), uint64(MaxProvingKey))
	}
	rest, ok := bytes.CutPrefix(b, []byte(srsMagic))
	if !ok {
		return nil, assay.Refuse(CodeSRS, "it does not begin with %q", srsMagic)
	}
	in := &keyReader{reader{b: rest}, trust}
	s := new(SRS)
	two := in.g2(2, circom.Checked)
	s.points = in.g1(in.count(MaxWires, g1Bytes), trust)
	if in.err == nil && len(in.b) != 0 {
		in.fail(CodeTrailing, "%d bytes", len(in.b))
	}
	if in.err != nil {
		return nil, in.err
	}
	s.g2 = [2]curve.G2Affine(two)
	if len(s.points) < 2 {
		return nil, assay.Refuse(CodeSRS, "%d powers", len(s.points))
	}
	if trust == circom.Pinned {
		return s, nil
	}
	return s, s.check()
}

// check holds all powers to one secret by one random combination:
// e(Σ rᵢ[τⁱ⁺¹], 1) = e(Σ rᵢ[τⁱ], τ).
func (s *SRS) check() error {
	_, _, g1, g2 := curve.Generators()
	n := len(s.points) - 1
	if n < 1 || !s.points[0].Equal(&g1) || !s.g2[0].Equal(&g2) || s.g2[1].IsInfinity() {
		return assay.Refuse(CodeSRS, "it does not begin with the generators")
	}
	weights := make([]fr.Element, n)
	for i := range weights {
		if _, err := weights[i].SetRandom(); err != nil {
			return err
		}
	}
	var low, high curve.G1Affine
	if _, err := low.MultiExp(s.points[:n], weights, ecc.MultiExpConfig{}); err != nil {
		return err
	}
	if _, err := high.MultiExp(s.points[1:], weights, ecc.MultiExpConfig{}); err != nil {
		return err
	}
	low.Neg(&low)
	one, err := curve.PairingCheck([]curve.G1Affine{high, low}, []curve.G2Affine{s.g2[0], s.g2[1]})
	if err != nil || !one {
		return assay.Refuse(CodeSRS, "it is no powers of one secret")
	}
	return nil
}

// Lagrange is an SRS seen from the roots of one domain. It follows from the SRS,
// and takes long to compute: a bundle carries it as its proving key. A wrong one
// yields another verifying key, or proofs that do not verify.
type Lagrange struct {
	points []curve.G1Affine
}

// lagrange computes the form for a domain of n.
func (s *SRS) lagrange(n int) (*Lagrange, error) {
	points, err := kzg.ToLagrangeG1(s.points[:n])
	if err != nil {
		return nil, err
	}
	return &Lagrange{points}, nil
}

// Bytes returns the canonical encoding.
func (l *Lagrange) Bytes() []byte {
	w := &writer{b: []byte(lagrangeMagic)}
	w.number(uint64(len(l.points)))
	w.g1(l.points...)
	return w.b
}

// ParseLagrange reads the Lagrange form of an SRS.
func ParseLagrange(b []byte, trust circom.Trust) (*Lagrange, error) {
	if uint64(len(b)) > MaxProvingKey {
		return nil, assay.Refuse(CodeLimit, "%d bytes; at most %d", len(b), uint64(MaxProvingKey))
	}
	rest, ok := bytes.CutPrefix(b, []byte(lagrangeMagic))
	if !ok {
		return nil, assay.Refuse(CodeSRS, "it does not begin with %q", lagrangeMagic)
	}
	in := &keyReader{reader{b: rest}, trust}
	l := &Lagrange{in.g1(in.count(MaxWires, g1Bytes), trust)}
	if in.err == nil && len(in.b) != 0 {
		in.fail(CodeTrailing, "%d bytes", len(in.b))
	}
	if in.err != nil {
		return nil, in.err
	}
	return l, nil
}

// PlonkKey is a proving key for PLONK. It follows from system and SRS.
type PlonkKey struct {
	pk *plonkbn254.ProvingKey
}

// domain returns the size of PLONK's FFTs.
func (s *System) domain() (int, error) {
	rows := uint64(s.Constraints() + len(s.Public()))
	if !s.sparse() || rows < 2 {
		return 0, assay.Refuse(CodeOtherKey, "a system of %d rows, or for Groth16", rows)
	}
	return 1 << bits.Len64(rows-1), nil
}

// PlonkKey computes the key of a system. The Lagrange form may be nil.
func (s *System) PlonkKey(srs *SRS, l *Lagrange) (key *PlonkKey, err error) {
	defer rescue(&err)
	n, err := s.domain()
	if err != nil {
		return nil, err
	}
	if len(srs.points) < n+3 {
		return nil, assay.Refuse(CodeSRS, "%d powers, the circuit needs %d", len(srs.points), n+3)
	}
	if l == nil {
		if l, err = srs.lagrange(n); err != nil {
			return nil, err
		}
	}
	if len(l.points) != n {
		return nil, assay.Refuse(CodeOtherKey, "a Lagrange form of %d points, the circuit needs %d", len(l.points), n)
	}
	canonical := kzg.SRS{Pk: kzg.ProvingKey{G1: srs.points[:n+3]}, Vk: kzg.VerifyingKey{G1: srs.points[0], G2: srs.g2}}
	for i := range srs.g2 {
		canonical.Vk.Lines[i] = curve.PrecomputeLines(srs.g2[i])
	}
	pk, _, err := plonkbn254.Setup(s.r1cs, canonical, kzg.SRS{Pk: kzg.ProvingKey{G1: l.points}})
	if err != nil {
		return nil, err
	}
	return &PlonkKey{pk}, nil
}

// VerifyingKey returns the key with which the proofs are verified.
func (k *PlonkKey) VerifyingKey() (*zk.Key, error) {
	key, err := plonk.KeyFromGnark(k.pk.Vk)
	if err != nil {
		return nil, err
	}
	return &zk.Key{Version: 1, System: zk.Plonk, Scheme: zk.SchemePlonk, VK: key.Bytes()}, nil
}

// ProvePlonk makes a PLONK proof with gnark's prover, which solves the system in a
// goroutine: so it is solved here before, where a panic can be caught.
func (s *System) ProvePlonk(k *PlonkKey, w *Witness) (proof []byte, err error) {
	defer rescue(&err)
	if !s.sparse() || uint64(len(s.Public())) != k.pk.Vk.NbPublicVariables {
		return nil, assay.Refuse(CodeOtherKey, "the key is not of this system")
	}
	if err := s.Check(w); err != nil {
		return nil, err
	}
	full, err := s.full(w.vector)
	if err != nil {
		return nil, err
	}
	p, err := plonkbn254.Prove(s.r1cs, k.pk, full, backend.WithSolverOptions(solver.WithNbTasks(1)))
	if err != nil {
		return nil, unsatisfied(err)
	}
	return plonk.ProofFromGnark(p), nil
}

// PlonkBundle puts a circuit and an SRS together.
func (c *Compiled) PlonkBundle(srs *SRS) (*Bundle, error) {
	n, err := c.System.domain()
	if err != nil {
		return nil, err
	}
	if len(srs.points) < n+3 {
		return nil, assay.Refuse(CodeSRS, "%d powers, the circuit needs %d", len(srs.points), n+3)
	}
	l, err := srs.lagrange(n)
	if err != nil {
		return nil, err
	}
	k, err := c.System.PlonkKey(srs, l)
	if err != nil {
		return nil, err
	}
	b := new(Bundle)
	if b.Key, err = k.VerifyingKey(); err != nil {
		return nil, err
	}
	b.Files = []File{NewFile("system", c.System.Bytes()), NewFile("srs", srs.Bytes()), NewFile("srs.lagrange", l.Bytes()), NewFile("verifying.key", b.Key.Bytes())}
	files := &zk.Circuit{
		ConstraintSystem: b.Files[0].Digest, SRS: b.Files[1].Digest, ProvingKey: b.Files[2].Digest, VerifyingKey: b.Files[3].Digest,
		Public: c.Public, Inputs: c.Inputs,
	}
	if f := c.witness(); f != nil {
		b.Files = append(b.Files, *f)
		files.Witness = f.Digest
	}
	b.Descriptor = &zk.Descriptor{Version: 1, System: zk.Plonk, Key: b.Key.Digest(), Circuit: files}
	return b, b.Descriptor.Validate()
}

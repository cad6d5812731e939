package plonk

import (
	"crypto/sha256"
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr/hash_to_field"
	"github.com/consensys/gnark-crypto/ecc/bn254/kzg"
	fiatshamir "github.com/consensys/gnark-crypto/fiat-shamir"
	gnark "github.com/consensys/gnark/backend/plonk/bn254"
	"github.com/consensys/gnark/logger"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/zk/bn254"
)

// quiet keeps gnark from writing a line per proof to standard output. It has to
// be done once, before anything runs: gnark's logger is a global variable.
var _ = quiet()

func quiet() bool {
	logger.Disable()
	return true
}

// ProofSize is the length of a proof without commitments; each adds 96 bytes.
const (
	ProofSize      = 9*bn254.G1Size + 6*bn254.ScalarSize
	CommitmentSize = bn254.ScalarSize + bn254.G1Size
)

// The claimed values at zeta in gnark's order: the linearised polynomial, which
// is not sent, l, r, o, s1, s2, and one per commitment.
const sentValues = 5

// ParseProof reads a proof strictly, in gnark's Solidity layout: L R O, H0 H1
// H2, the values l r o s1 s2 at zeta, Z, its value at omega·zeta, the opening
// proofs at zeta and at omega·zeta, the values of the commitments' selectors,
// and the commitments.
func ParseProof(b []byte, commitments int) (*gnark.Proof, error) {
	if want := ProofSize + commitments*CommitmentSize; len(b) != want {
		return nil, assay.Refuse(CodeLength, "%d bytes, not %d", len(b), want)
	}
	p := new(gnark.Proof)
	p.Bsb22Commitments = make([]kzg.Digest, commitments)
	p.BatchedProof.ClaimedValues = make([]fr.Element, 1+sentValues+commitments)
	r := reader{rest: b}
	for i := range p.LRO {
		r.point(&p.LRO[i])
	}
	for i := range p.H {
		r.point(&p.H[i])
	}
	for i := range sentValues {
		r.scalar(&p.BatchedProof.ClaimedValues[1+i])
	}
	r.point(&p.Z)
	r.scalar(&p.ZShiftedOpening.ClaimedValue)
	r.point(&p.BatchedProof.H)
	r.point(&p.ZShiftedOpening.H)
	for i := range commitments {
		r.scalar(&p.BatchedProof.ClaimedValues[1+sentValues+i])
	}
	for i := range commitments {
		r.point(&p.Bsb22Commitments[i])
	}
	return p, r.err
}

// reader takes what follows and keeps the first error.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) take(n int) []byte {
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) point(p *kzg.Digest) {
	if b := r.take(bn254.G1Size); r.err == nil {
		*p, r.err = bn254.ParseG1(b)
	}
}

func (r *reader) scalar(e *fr.Element) {
	if b := r.take(bn254.ScalarSize); r.err == nil {
		*e, r.err = bn254.Scalar(b)
	}
}

// ProofFromGnark returns gnark's proof in the format of this package.
func ProofFromGnark(p *gnark.Proof) []byte {
	var b []byte
	point := func(d *kzg.Digest) { b = bn254.AppendG1(b, d) }
	scalar := func(e *fr.Element) { v := e.Bytes(); b = append(b, v[:]...) }
	for i := range p.LRO {
		point(&p.LRO[i])
	}
	for i := range p.H {
		point(&p.H[i])
	}
	values := p.BatchedProof.ClaimedValues
	for i := range sentValues {
		scalar(&values[1+i])
	}
	point(&p.Z)
	scalar(&p.ZShiftedOpening.ClaimedValue)
	point(&p.BatchedProof.H)
	point(&p.ZShiftedOpening.H)
	for i := 1 + sentValues; i < len(values); i++ {
		scalar(&values[i])
	}
	for i := range p.Bsb22Commitments {
		point(&p.Bsb22Commitments[i])
	}
	return b
}

// Verify reports nil exactly if the proof holds for these public inputs.
func (k *Key) Verify(inputs []bn254.Element, proof []byte) (err error) {
	if len(inputs) != k.Inputs() {
		return assay.Refuse(CodeInputs, "%d, the key has %d", len(inputs), k.Inputs())
	}
	p, err := ParseProof(proof, len(k.wire.Qcp))
	if err != nil {
		return err
	}
	defer func() { // third-party code on foreign bytes
		if r := recover(); r != nil {
			err = assay.Refuse(CodeProof, "%v", r)
		}
	}()
	if p.BatchedProof.ClaimedValues[0], err = k.linearised(inputs, p); err != nil {
		return assay.Refuse(CodeProof, "%v", err)
	}
	vk := k.vk // gnark appends to slices of the proof, never of the key
	if err := gnark.Verify(p, &vk, inputs); err != nil {
		return assay.Refuse(CodeProof, "%v", err)
	}
	return nil
}

// challenges are those of gnark's transcript.
type challenges struct{ gamma, beta, alpha, zeta fr.Element }

// transcript derives them: gamma from the key, the inputs and L R O; beta from
// nothing more; alpha from the commitments and Z; zeta from the quotient.
func (k *Key) transcript(inputs []bn254.Element, p *gnark.Proof) (c challenges, err error) {
	fs := fiatshamir.NewTranscript(sha256.New(), "gamma", "beta", "alpha", "zeta")
	bind := func(name string, points ...*kzg.Digest) {
		for _, point := range points {
			if b := point.RawBytes(); err == nil {
				err = fs.Bind(name, b[:])
			}
		}
	}
	derive := func(name string, to *fr.Element) {
		if err != nil {
			return
		}
		var b []byte
		if b, err = fs.ComputeChallenge(name); err == nil {
			to.SetBytes(b)
		}
	}
	vk := &k.vk
	bind("gamma", &vk.S[0], &vk.S[1], &vk.S[2], &vk.Ql, &vk.Qr, &vk.Qm, &vk.Qo, &vk.Qk)
	for i := range vk.Qcp {
		bind("gamma", &vk.Qcp[i])
	}
	for i := range inputs {
		if b := inputs[i].Bytes(); err == nil {
			err = fs.Bind("gamma", b[:])
		}
	}
	bind("gamma", &p.LRO[0], &p.LRO[1], &p.LRO[2])
	derive("gamma", &c.gamma)
	derive("beta", &c.beta)
	for i := range p.Bsb22Commitments {
		bind("alpha", &p.Bsb22Commitments[i])
	}
	bind("alpha", &p.Z)
	derive("alpha", &c.alpha)
	bind("zeta", &p.H[0], &p.H[1], &p.H[2])
	derive("zeta", &c.zeta)
	return c, err
}

// linearised returns the value at zeta of the linearised polynomial: what it
// must be for the proof to hold,
//
//	-[ α (l + β s1 + γ)(r + β s2 + γ)(o + γ) z(ωζ) − α² L₀(ζ) + PI(ζ) ].
func (k *Key) linearised(inputs []bn254.Element, p *gnark.Proof) (fr.Element, error) {
	c, err := k.transcript(inputs, p)
	if err != nil {
		return fr.Element{}, err
	}
	v := p.BatchedProof.ClaimedValues
	l, r, o, s1, s2 := v[1], v[2], v[3], v[4], v[5]
	var sum, t fr.Element
	sum.Mul(&c.beta, &s1).Add(&sum, &l).Add(&sum, &c.gamma)
	t.Mul(&c.beta, &s2).Add(&t, &r).Add(&t, &c.gamma)
	sum.Mul(&sum, &t)
	t.Add(&o, &c.gamma)
	sum.Mul(&sum, &t).Mul(&sum, &c.alpha).Mul(&sum, &p.ZShiftedOpening.ClaimedValue)

	at := k.lagrange(c.zeta)
	t = at(0)
	t.Mul(&t, &c.alpha).Mul(&t, &c.alpha)
	sum.Sub(&sum, &t)
	for i := range inputs {
		t = at(uint64(i))
		t.Mul(&t, &inputs[i])
		sum.Add(&sum, &t)
	}
	for i, index := range k.wire.Indexes {
		h := hash_to_field.New([]byte("BSB22-Plonk"))
		b := p.Bsb22Commitments[i].RawBytes()
		h.Write(b[:])
		var e fr.Element
		e.SetBytes(h.Sum(nil))
		t = at(uint64(k.wire.Inputs) + index)
		t.Mul(&t, &e)
		sum.Add(&sum, &t)
	}
	sum.Neg(&sum)
	return sum, nil
}

// lagrange returns the function i ↦ L_i(ζ) = ωⁱ (ζⁿ − 1) / (n (ζ − ωⁱ)).
func (k *Key) lagrange(zeta fr.Element) func(uint64) fr.Element {
	var one, top fr.Element
	one.SetOne()
	top.Exp(zeta, new(big.Int).SetUint64(k.wire.Size))
	top.Sub(&top, &one).Mul(&top, &k.vk.SizeInv)
	return func(i uint64) fr.Element {
		var w, below fr.Element
		w.Exp(k.vk.Generator, new(big.Int).SetUint64(i))
		below.Sub(&zeta, &w).Inverse(&below)
		w.Mul(&w, &top).Mul(&w, &below)
		return w
	}
}

package groth16

import (
	"math/big"

	"github.com/consensys/gnark-crypto/ecc"
	curve "github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr/hash_to_field"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr/pedersen"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/zk/bn254"
)

// ProofSize is the length of a proof without commitments: A | B | C.
const ProofSize = 2*bn254.G1Size + bn254.G2Size

// Proof is a proof whose points are sound.
type Proof struct {
	A           bn254.G1
	B           bn254.G2
	C           bn254.G1
	Commitments []bn254.G1
	Knowledge   bn254.G1 // of the commitments, folded
}

// ParseProof reads a proof strictly. With n > 0 commitments these follow, and
// then their proof of knowledge.
func ParseProof(b []byte, commitments int) (*Proof, error) {
	size := ProofSize
	if commitments > 0 {
		size += (commitments + 1) * bn254.G1Size
	}
	if len(b) != size {
		return nil, assay.Refuse(CodeLength, "%d bytes, not %d", len(b), size)
	}
	p := &Proof{Commitments: make([]bn254.G1, commitments)}
	r := reader{}
	r.g1(&p.A, b[:64])
	r.g2(&p.B, b[64:192])
	r.g1(&p.C, b[192:256])
	b = b[256:]
	for i := range p.Commitments {
		r.g1(&p.Commitments[i], b[:64])
		b = b[64:]
	}
	if commitments > 0 {
		r.g1(&p.Knowledge, b)
	}
	return p, r.err
}

// Verify reports nil exactly if the proof holds for these public inputs.
func (k *Key) Verify(inputs []bn254.Element, proof []byte) (err error) {
	if len(inputs) != k.Inputs() {
		return assay.Refuse(CodeInputs, "%d, the key has %d", len(inputs), k.Inputs())
	}
	p, err := ParseProof(proof, len(k.Pedersen))
	if err != nil {
		return err
	}
	defer func() { // third-party code on foreign bytes
		if r := recover(); r != nil {
			err = assay.Refuse(CodePairing, "%v", r)
		}
	}()
	if len(k.Pedersen) > 0 {
		if inputs, err = k.commit(inputs, p); err != nil {
			return err
		}
	}
	sum := k.sum(inputs)
	for i := range p.Commitments {
		sum.AddMixed(&p.Commitments[i])
	}
	var ic bn254.G1
	ic.FromJacobian(&sum)
	if !k.pairing(p, &ic) {
		return assay.Refuse(CodePairing, "the equation does not hold")
	}
	return nil
}

// pairing reports whether e(A,B) = e(alpha,beta) e(ic,gamma) e(C,delta). An
// unprepared key has all in one product: the left side negated costs less than a
// second exponentiation.
func (k *Key) pairing(p *Proof, ic *bn254.G1) bool {
	if k.ready == nil {
		var a bn254.G1
		a.Neg(&p.A)
		ok, err := curve.PairingCheck([]bn254.G1{a, k.Alpha, *ic, p.C}, []bn254.G2{p.B, k.Beta, k.Gamma, k.Delta})
		return err == nil && ok
	}
	variable, err := curve.MillerLoop([]bn254.G1{p.A}, []bn254.G2{p.B})
	if err != nil {
		return false
	}
	lines := k.ready.lines // gnark-crypto writes into what it is given
	fixed, err := curve.MillerLoopFixedQ([]bn254.G1{*ic, p.C}, lines[:])
	if err != nil {
		return false
	}
	value := curve.FinalExponentiation(&variable, &fixed)
	return value.Equal(&k.ready.alphaBeta)
}

// prepared is what of the equation depends on the key alone.
type prepared struct {
	alphaBeta curve.GT
	lines     [2][2][len(curve.LoopCounter)]curve.LineEvaluationAff // of -gamma and -delta
}

// Prepare makes later verifications faster by a third, at the cost of half of
// one: for whoever verifies many proofs under one key.
func (k *Key) Prepare() error {
	r := new(prepared)
	var err error
	if r.alphaBeta, err = curve.Pair([]bn254.G1{k.Alpha}, []bn254.G2{k.Beta}); err != nil {
		return assay.Refuse(CodeKey, "%v", err)
	}
	for i, q := range []*bn254.G2{&k.Gamma, &k.Delta} {
		var neg bn254.G2
		neg.Neg(q)
		r.lines[i] = curve.PrecomputeLines(neg)
	}
	k.ready = r
	return nil
}

// sum returns ic[0] + Σ inputs[i]·ic[i+1]: two terms at a time, which share their
// doublings; many at once in buckets.
func (k *Key) sum(inputs []bn254.Element) curve.G1Jac {
	var total, term curve.G1Jac
	if len(inputs) > 24 {
		if _, err := total.MultiExp(k.IC[1:], inputs, ecc.MultiExpConfig{NbTasks: 1}); err == nil {
			total.AddMixed(&k.IC[0])
			return total
		}
	}
	total.FromAffine(&k.IC[0])
	var n [2]big.Int
	at := -1 // of a term that waits for another one
	for i := range inputs {
		switch {
		case inputs[i].IsZero():
		case at < 0:
			at = i
		default:
			term.JointScalarMultiplication(&k.IC[at+1], &k.IC[i+1], inputs[at].BigInt(&n[0]), inputs[i].BigInt(&n[1]))
			total.AddAssign(&term)
			at = -1
		}
	}
	if at >= 0 {
		term.FromAffine(&k.IC[at+1])
		term.ScalarMultiplication(&term, inputs[at].BigInt(&n[0]))
		total.AddAssign(&term)
	}
	return total
}

// commit checks the proof of knowledge of the commitments, and returns the
// inputs followed by each commitment's hash, as gnark v0.16 defines it.
func (k *Key) commit(inputs []bn254.Element, p *Proof) ([]bn254.Element, error) {
	all := append([]bn254.Element(nil), inputs...)
	var challenges []byte
	for i := range k.Pedersen {
		h := hash_to_field.New([]byte("bsb22-commitment"))
		h.Write(p.Commitments[i].Marshal())
		for _, index := range k.Pedersen[i].Hashed {
			value := all[index-1].Bytes()
			h.Write(value[:])
		}
		var e bn254.Element
		e.SetBytes(h.Sum(nil))
		all = append(all, e)
		value := e.Bytes()
		challenges = append(challenges, value[:]...)
	}
	fold, err := fr.Hash(challenges, []byte("G16-BSB22"), 1)
	if err != nil {
		return nil, assay.Refuse(CodePedersen, "%v", err)
	}
	if err := pedersen.BatchVerifyMultiVk(k.pedersen(), p.Commitments, []bn254.G1{p.Knowledge}, fold[0]); err != nil {
		return nil, assay.Refuse(CodePedersen, "%v", err)
	}
	return all, nil
}

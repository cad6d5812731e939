package circom

import (
	"context"
	"math/big"
	"runtime"

	"github.com/consensys/gnark-crypto/ecc"
	curve "github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr/fft"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/zk/bn254"
)

// Proof is a Groth16 proof.
type Proof struct {
	A, C curve.G1Affine
	B    curve.G2Affine
}

// Bytes returns the 256 bytes that verifiers read: A, B, C, coordinates
// big-endian, imaginary parts first.
func (p *Proof) Bytes() []byte {
	return bn254.AppendG1(bn254.AppendG2(bn254.AppendG1(nil, &p.A), &p.B), &p.C)
}

// Steps is how many times Prove calls its callback.
const Steps = 6

// Prove makes a proof for a witness. The callback, which may be nil, is called
// after each of Steps steps with its number, from 1 on; the work stops between
// them when ctx is done. The proof of a witness that does not satisfy the circuit
// does not verify: Prove does not look, see R1CS.Check.
func (k *ProvingKey) Prove(ctx context.Context, w []fr.Element, step func(int)) (*Proof, error) {
	if len(w) != int(k.Wires) {
		return nil, assay.Refuse(CodeWitness, "%d values of %d wires", len(w), k.Wires)
	}
	var r, s fr.Element
	for _, z := range []*fr.Element{&r, &s} {
		if _, err := z.SetRandom(); err != nil {
			return nil, err
		}
	}
	return k.prove(ctx, w, &r, &s, step)
}

// prove is Prove with its randomness given.
func (k *ProvingKey) prove(ctx context.Context, w []fr.Element, r, s *fr.Element, step func(int)) (*Proof, error) {
	done := 0
	next := func() error {
		if done++; step != nil {
			step(done)
		}
		return context.Cause(ctx)
	}
	h := k.quotient(w)
	if err := next(); err != nil {
		return nil, err
	}
	var a, b1, c, hh curve.G1Jac
	var b2 curve.G2Jac
	for _, m := range []struct {
		sum     *curve.G1Jac
		points  []curve.G1Affine
		scalars []fr.Element
	}{{&a, k.A, w}, {&b1, k.B1, w}, {&c, k.C, w[k.Public+1:]}, {&hh, k.H, h}} {
		if _, err := m.sum.MultiExp(m.points, m.scalars, ecc.MultiExpConfig{}); err != nil {
			return nil, err
		}
		if err := next(); err != nil {
			return nil, err
		}
	}
	if _, err := b2.MultiExp(k.B2, w, ecc.MultiExpConfig{}); err != nil {
		return nil, err
	}
	k.blind(&a, &b1, &c, &hh, &b2, r, s)
	var p Proof
	p.A.FromJacobian(&a)
	p.B.FromJacobian(&b2)
	p.C.FromJacobian(&c)
	return &p, next()
}

// blind adds what makes a proof zero-knowledge:
// A += α + rδ, B += β + sδ, C += H + sA + rB − rsδ.
func (k *ProvingKey) blind(a, b1, c, h *curve.G1Jac, b2 *curve.G2Jac, r, s *fr.Element) {
	var rs fr.Element
	rs.Mul(r, s).Neg(&rs)
	delta := curve.BatchScalarMultiplicationG1(&k.Delta1, []fr.Element{*r, *s, rs})
	var big1, big2 big.Int
	r.BigInt(&big1)
	s.BigInt(&big2)

	a.AddMixed(&k.Alpha1)
	a.AddMixed(&delta[0])
	b1.AddMixed(&k.Beta1)
	b1.AddMixed(&delta[1])
	var d2 curve.G2Jac
	d2.FromAffine(&k.Delta2)
	d2.ScalarMultiplication(&d2, &big2)
	b2.AddAssign(&d2)
	b2.AddMixed(&k.Beta2)

	var t curve.G1Jac
	c.AddAssign(h)
	c.AddAssign(t.ScalarMultiplication(a, &big2))
	c.AddAssign(t.ScalarMultiplication(b1, &big1))
	c.AddMixed(&delta[2])
}

// quotient returns A·B − C on the odd roots of order 2·Domain. On the even ones
// it is zero if the witness is right, so this determines the polynomial, and H
// holds what each value stands for.
func (k *ProvingKey) quotient(w []fr.Element) []fr.Element {
	n := int(k.Domain)
	a, b, c := make([]fr.Element, n), make([]fr.Element, n), make([]fr.Element, n)
	parallel(n, runtime.GOMAXPROCS(0), func(_, from, to int) {
		for i := from; i < to; i++ {
			a[i], b[i] = k.a.row(i, w), k.b.row(i, w)
			c[i].Mul(&a[i], &b[i])
		}
	})
	shift, _ := fft.Generator(2 * uint64(n)) // exists: Domain is at most 2^26, the field has roots up to 2^28
	domain := fft.NewDomain(uint64(n), fft.WithShift(shift))
	for _, v := range [][]fr.Element{a, b, c} {
		domain.FFTInverse(v, fft.DIF)
		domain.FFT(v, fft.DIT, fft.OnCoset())
	}
	parallel(n, runtime.GOMAXPROCS(0), func(_, from, to int) {
		for i := from; i < to; i++ {
			a[i].Mul(&a[i], &b[i]).Sub(&a[i], &c[i])
		}
	})
	return a
}

func (m *matrix) row(i int, w []fr.Element) (sum fr.Element) {
	var t fr.Element
	for j := m.rows[i]; j < m.rows[i+1]; j++ {
		if m.coefs[j].IsOne() {
			sum.Add(&sum, &w[m.wires[j]])
			continue
		}
		t.Mul(&m.coefs[j], &w[m.wires[j]])
		sum.Add(&sum, &t)
	}
	return sum
}

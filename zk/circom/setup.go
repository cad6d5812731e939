package circom

import (
	"encoding/binary"
	"math/big"

	curve "github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr/fft"

	"github.com/capacloud/assay"
)

// Setup makes a .zkey for a constraint system, alone. Whoever runs it could keep
// the secrets and prove anything under the key: it is INSECURE beyond tests and
// networks marked so. snarkjs reads the file.
func Setup(r *R1CS) ([]byte, error) {
	var t trapdoor
	for _, z := range []*fr.Element{&t.tau, &t.alpha, &t.beta, &t.gamma, &t.delta} {
		for z.IsZero() {
			if _, err := z.SetRandom(); err != nil {
				return nil, err
			}
		}
	}
	return r.setup(&t)
}

// trapdoor are the secrets of a setup.
type trapdoor struct{ tau, alpha, beta, gamma, delta fr.Element }

// domainOf returns the size of the FFTs as snarkjs chooses it. Behind the
// constraints stands one more for each public element and for one, which keeps
// their polynomials independent: without it, an element that no constraint uses
// could be exchanged in a finished proof.
func domainOf(r *R1CS) uint64 {
	n := uint64(2)
	for n < uint64(len(r.Constraints))+uint64(r.Public())+1 {
		n *= 2
	}
	return n
}

func (r *R1CS) setup(t *trapdoor) ([]byte, error) {
	n := domainOf(r)
	if n > MaxDomain {
		return nil, assay.Refuse(CodeLimit, "a domain of %d", n)
	}
	a, b, c, coefs := r.atSecret(t, n)
	public := int(r.Public())
	ic := make([]fr.Element, public+1)
	private := make([]fr.Element, int(r.Wires)-public-1)
	var gammaInv, deltaInv fr.Element
	gammaInv.Inverse(&t.gamma)
	deltaInv.Inverse(&t.delta)
	for i := range int(r.Wires) {
		var x, y fr.Element
		x.Mul(&a[i], &t.beta)
		y.Mul(&b[i], &t.alpha)
		x.Add(&x, &y).Add(&x, &c[i])
		if i <= public {
			ic[i].Mul(&x, &gammaInv)
		} else {
			private[i-public-1].Mul(&x, &deltaInv)
		}
	}
	h := lagrange(&t.tau, 2*n)
	odd := make([]fr.Element, n)
	for i := range odd {
		odd[i].Mul(&h[2*i+1], &deltaInv)
	}
	return r.write(t, n, coefs, [][]fr.Element{ic, a, b, private, odd}), nil
}

// atSecret evaluates the polynomials of every wire at tau, and writes the terms
// of A and B as section 4 holds them.
func (r *R1CS) atSecret(t *trapdoor, n uint64) (a, b, c []fr.Element, coefs []byte) {
	l := lagrange(&t.tau, n)
	a, b, c = make([]fr.Element, r.Wires), make([]fr.Element, r.Wires), make([]fr.Element, r.Wires)
	coefs = make([]byte, 4)
	count := uint32(0)
	var r2 fr.Element // R in Montgomery form
	r2.SetBigInt(new(big.Int).Lsh(big.NewInt(1), 256))
	add := func(side, row uint32, to []fr.Element, terms []Term) {
		for i := range terms {
			var x fr.Element
			x.Mul(&terms[i].Coef, &l[row])
			to[terms[i].Wire].Add(&to[terms[i].Wire], &x)
			if side > 1 {
				continue
			}
			for _, v := range []uint32{side, row, terms[i].Wire} {
				coefs = binary.LittleEndian.AppendUint32(coefs, v)
			}
			x.Mul(&terms[i].Coef, &r2)
			coefs = appendLimbs(coefs, (*[4]uint64)(&x))
			count++
		}
	}
	for i := range r.Constraints {
		row := uint32(i)
		add(0, row, a, r.Constraints[i].A)
		add(1, row, b, r.Constraints[i].B)
		add(2, row, c, r.Constraints[i].C)
	}
	for i := range r.Public() + 1 {
		add(0, uint32(len(r.Constraints))+i, a, []Term{{Wire: i, Coef: fr.One()}})
	}
	binary.LittleEndian.PutUint32(coefs, count)
	return a, b, c, coefs
}

// lagrange returns the Lagrange polynomials over the n-th roots at x:
// ωⁱ(xⁿ−1) / (n(x−ωⁱ)). No secret is a root, but for a chance of 2^-228.
func lagrange(x *fr.Element, n uint64) []fr.Element {
	omega, _ := fft.Generator(n) // n is a power of two and at most 2^27
	one := fr.One()
	var scale, inv fr.Element
	scale.Exp(*x, new(big.Int).SetUint64(n)).Sub(&scale, &one)
	inv.SetUint64(n).Inverse(&inv)
	scale.Mul(&scale, &inv)
	root := fr.One()
	roots, below := make([]fr.Element, n), make([]fr.Element, n)
	for i := range roots {
		roots[i] = root
		below[i].Sub(x, &root)
		root.Mul(&root, &omega)
	}
	below = fr.BatchInvert(below)
	for i := range roots {
		roots[i].Mul(&roots[i], &scale).Mul(&roots[i], &below[i])
	}
	return roots
}

// write multiplies the generators and writes the file.
func (r *R1CS) write(t *trapdoor, n uint64, coefs []byte, lists [][]fr.Element) []byte {
	_, _, g1, g2 := curve.Generators()
	head1 := curve.BatchScalarMultiplicationG1(&g1, []fr.Element{t.alpha, t.beta, t.delta})
	head2 := curve.BatchScalarMultiplicationG2(&g2, []fr.Element{t.beta, t.gamma, t.delta})
	head := binary.LittleEndian.AppendUint32(nil, scalarBytes)
	head = append(head, baseModulus[:]...)
	head = binary.LittleEndian.AppendUint32(head, scalarBytes)
	head = append(head, scalarModulus[:]...)
	for _, v := range []uint32{r.Wires, r.Public(), uint32(n)} {
		head = binary.LittleEndian.AppendUint32(head, v)
	}
	head = AppendG1(head, &head1[0])
	head = AppendG1(head, &head1[1])
	head = AppendG2(head, &head2[0])
	head = AppendG2(head, &head2[1])
	head = AppendG1(head, &head1[2])
	head = AppendG2(head, &head2[2])

	list := func(scalars []fr.Element) []byte {
		var b []byte
		if len(scalars) == 0 {
			return b
		}
		points := curve.BatchScalarMultiplicationG1(&g1, scalars)
		for i := range points {
			b = AppendG1(b, &points[i])
		}
		return b
	}
	b1 := list(lists[2])
	var b2 []byte
	points := curve.BatchScalarMultiplicationG2(&g2, lists[2])
	for i := range points {
		b2 = AppendG2(b2, &points[i])
	}
	f := newContainer("zkey", 1, 10)
	f.section(zkeyHeader, binary.LittleEndian.AppendUint32(nil, protocolGroth16))
	f.section(zkeyGroth16, head)
	f.section(zkeyIC, list(lists[0]))
	f.section(zkeyCoefs, coefs)
	f.section(zkeyA, list(lists[1]))
	f.section(zkeyB1, b1)
	f.section(zkeyB2, b2)
	f.section(zkeyC, list(lists[3]))
	f.section(zkeyH, list(lists[4]))
	f.section(zkeyContributions, make([]byte, 64+4)) // no circuit hash, no contributions
	return f.b
}

// AppendG1 writes a point as ReadG1 reads it.
func AppendG1(b []byte, p *curve.G1Affine) []byte {
	return appendLimbs(appendLimbs(b, (*[4]uint64)(&p.X)), (*[4]uint64)(&p.Y))
}

// AppendG2 writes a point as ReadG2 reads it.
func AppendG2(b []byte, p *curve.G2Affine) []byte {
	for _, z := range []*[4]uint64{(*[4]uint64)(&p.X.A0), (*[4]uint64)(&p.X.A1), (*[4]uint64)(&p.Y.A0), (*[4]uint64)(&p.Y.A1)} {
		b = appendLimbs(b, z)
	}
	return b
}

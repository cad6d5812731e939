package circuit

import (
	"bytes"

	curve "github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr/fft"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr/pedersen"
	groth16bn254 "github.com/consensys/gnark/backend/groth16/bn254"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/zk/circom"
)

const keyMagic = "assay-pk/1\n"

// Sizes of points in a proving key: as in a .zkey.
const (
	g1Bytes = 64
	g2Bytes = 128
)

// ProvingKey is gnark's proving key, read strictly.
type ProvingKey struct {
	key *groth16bn254.ProvingKey
}

// Bytes returns the canonical encoding.
func (k *ProvingKey) Bytes() []byte {
	p := k.key
	w := &writer{b: []byte(keyMagic)}
	w.number(p.Domain.Cardinality)
	w.number(uint64(len(p.InfinityA)))
	w.bits(p.InfinityA)
	w.bits(p.InfinityB)
	w.g1(p.G1.Alpha, p.G1.Beta, p.G1.Delta)
	w.g2(p.G2.Beta, p.G2.Delta)
	for _, list := range [][]curve.G1Affine{p.G1.A, p.G1.B, p.G1.Z, p.G1.K} {
		w.number(uint64(len(list)))
		w.g1(list...)
	}
	w.number(uint64(len(p.G2.B)))
	w.g2(p.G2.B...)
	w.number(uint64(len(p.CommitmentKeys)))
	for i := range p.CommitmentKeys {
		c := &p.CommitmentKeys[i]
		w.number(uint64(len(c.Basis)))
		w.g1(c.Basis...)
		w.g1(c.BasisExpSigma...)
	}
	return w.b
}

func (w *writer) g1(points ...curve.G1Affine) {
	for i := range points {
		w.b = circom.AppendG1(w.b, &points[i])
	}
}

func (w *writer) g2(points ...curve.G2Affine) {
	for i := range points {
		w.b = circom.AppendG2(w.b, &points[i])
	}
}

// bits writes flags, eight to a byte, the first lowest.
func (w *writer) bits(flags []bool) {
	b := make([]byte, (len(flags)+7)/8)
	for i, f := range flags {
		if f {
			b[i/8] |= 1 << (i % 8)
		}
	}
	w.b = append(w.b, b...)
}

// ParseProvingKey reads a proving key. With circom.Checked every point is put
// to the test; circom.Pinned is for a file that the caller knows by its digest.
func ParseProvingKey(b []byte, trust circom.Trust) (*ProvingKey, error) {
	if uint64(len(b)) > MaxProvingKey {
		return nil, assay.Refuse(CodeLimit, "%d bytes; at most %d", len(b), uint64(MaxProvingKey))
	}
	rest, ok := bytes.CutPrefix(b, []byte(keyMagic))
	if !ok {
		return nil, assay.Refuse(CodeProvingKey, "it does not begin with %q", keyMagic)
	}
	in := &keyReader{reader{b: rest}, trust}
	p := new(groth16bn254.ProvingKey)
	domain := in.number(MaxConstraints)
	wires := int(in.number(MaxWires))
	p.InfinityA, p.NbInfinityA = in.bits(wires)
	p.InfinityB, p.NbInfinityB = in.bits(wires)
	one, two := in.g1(3, circom.Checked), in.g2(2, circom.Checked)
	if in.err == nil {
		p.G1.Alpha, p.G1.Beta, p.G1.Delta = one[0], one[1], one[2]
		p.G2.Beta, p.G2.Delta = two[0], two[1]
	}
	for _, list := range []*[]curve.G1Affine{&p.G1.A, &p.G1.B, &p.G1.Z, &p.G1.K} {
		*list = in.g1(in.count(MaxWires, g1Bytes), trust)
	}
	p.G2.B = in.g2(in.count(MaxWires, g2Bytes), trust)
	for range in.count(maxCommitments, 1) {
		n := in.count(MaxWires, 2*g1Bytes)
		p.CommitmentKeys = append(p.CommitmentKeys, pedersen.ProvingKey{Basis: in.g1(n, trust), BasisExpSigma: in.g1(n, trust)})
	}
	if in.err == nil && len(in.b) != 0 {
		in.fail(CodeTrailing, "%d bytes", len(in.b))
	}
	if in.err != nil {
		return nil, in.err
	}
	// The lists take as many bytes as the domain has elements: only now is memory
	// reserved for it.
	if domain < 2 || domain&(domain-1) != 0 || uint64(len(p.G1.Z)) != domain-1 {
		return nil, assay.Refuse(CodeProvingKey, "a domain of %d with %d points", domain, len(p.G1.Z))
	}
	p.Domain = *fft.NewDomain(domain)
	return &ProvingKey{p}, nil
}

// keyReader reads points beside numbers.
type keyReader struct {
	reader
	trust circom.Trust
}

func (r *keyReader) bits(n int) (flags []bool, set uint64) {
	b := r.take((n + 7) / 8)
	if r.err != nil {
		return nil, 0
	}
	flags = make([]bool, n)
	for i := range flags {
		if flags[i] = b[i/8]>>(i%8)&1 == 1; flags[i] {
			set++
		}
	}
	if n%8 != 0 && b[len(b)-1]>>(n%8) != 0 {
		r.fail(CodeElement, "flags of wires that are not there")
	}
	return flags, set
}

func (r *keyReader) g1(n int, trust circom.Trust) []curve.G1Affine {
	b := r.take(n * g1Bytes)
	if r.err != nil {
		return nil
	}
	var list []curve.G1Affine
	if list, r.err = circom.ReadG1List(b, trust); r.err != nil {
		r.b = nil
	}
	return list
}

func (r *keyReader) g2(n int, trust circom.Trust) []curve.G2Affine {
	b := r.take(n * g2Bytes)
	if r.err != nil {
		return nil
	}
	var list []curve.G2Affine
	if list, r.err = circom.ReadG2List(b, trust); r.err != nil {
		r.b = nil
	}
	return list
}

// matches refuses a key whose shape is not that of the system: gnark's prover
// indexes one by the other, in goroutines.
func (k *ProvingKey) matches(s *System) error {
	p, c := k.key, s.commitments()
	wires := s.Wires()
	committed := 0
	for i := range c {
		committed += len(c[i].PrivateCommitted)
	}
	for _, x := range []struct {
		what      string
		got, want int
	}{
		{"wires", len(p.InfinityA), wires},
		{"points A", len(p.G1.A), wires - int(p.NbInfinityA)},
		{"points B", len(p.G1.B), wires - int(p.NbInfinityB)},
		{"points B in G2", len(p.G2.B), wires - int(p.NbInfinityB)},
		{"points K", len(p.G1.K), wires - len(s.r1cs.Public) - committed - len(c)},
		{"size of the domain", int(p.Domain.Cardinality), domainOf(s.r1cs.NbConstraints)},
		{"commitments", len(p.CommitmentKeys), len(c)},
	} {
		if x.got != x.want {
			return assay.Refuse(CodeOtherKey, "%s: the key has %d, the system %d", x.what, x.got, x.want)
		}
	}
	for i := range c {
		if len(p.CommitmentKeys[i].Basis) != len(c[i].PrivateCommitted) {
			return assay.Refuse(CodeOtherKey, "commitment %d: the key has %d points, the system %d", i, len(p.CommitmentKeys[i].Basis), len(c[i].PrivateCommitted))
		}
	}
	return nil
}

// domainOf returns the size of the FFTs, as gnark chooses it.
func domainOf(constraints int) int {
	n := 2
	for n < constraints {
		n *= 2
	}
	return n
}

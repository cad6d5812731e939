package circom

import (
	"encoding/binary"
	"runtime"
	"sync"

	curve "github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/zk"
	"github.com/capacloud/assay/zk/bn254"
	"github.com/capacloud/assay/zk/groth16"
)

// Trust says how much of a .zkey is checked.
type Trust uint8

const (
	// Checked puts every point to the test.
	Checked Trust = 0
	// Pinned is for a file whose digest the caller compared with one that it
	// trusts: only what a verifier sees is checked, the long lists are not. A
	// wrong point in them yields a proof that does not verify.
	Pinned Trust = 1
)

// ProvingKey is what a .zkey holds.
type ProvingKey struct {
	Wires  uint32
	Public uint32 // outputs and public inputs
	Domain uint32 // size of the FFTs: a power of two

	Alpha1, Beta1, Delta1 curve.G1Affine
	Beta2, Gamma2, Delta2 curve.G2Affine
	IC                    []curve.G1Affine // of one, then of each public element

	A, B1 []curve.G1Affine // of each wire
	B2    []curve.G2Affine
	C     []curve.G1Affine // of each wire that is not public
	H     []curve.G1Affine // of each odd root of order 2·Domain

	// The combinations A and B of all constraints: the terms of constraint i
	// stand at rows[i] to rows[i+1].
	a, b matrix
}

// matrix holds the combinations of one side. Coefficients that are one, which
// most are, cost no multiplication.
type matrix struct {
	rows  []uint32
	wires []uint32
	coefs []fr.Element
}

// Sections of a .zkey file.
const (
	zkeyHeader        = 1
	zkeyGroth16       = 2
	zkeyIC            = 3
	zkeyCoefs         = 4
	zkeyA             = 5
	zkeyB1            = 6
	zkeyB2            = 7
	zkeyC             = 8
	zkeyH             = 9
	zkeyContributions = 10

	protocolGroth16 = 1
	coefBytes       = 12 + scalarBytes
)

// ParseZKey reads a .zkey file for Groth16.
func ParseZKey(b []byte, trust Trust) (*ProvingKey, error) {
	s, k, err := parseHeader(b)
	if err != nil {
		return nil, err
	}
	lists := []struct {
		kind int
		n    uint64
		size uint64
	}{
		{zkeyIC, 1 + uint64(k.Public), g1Bytes},
		{zkeyA, uint64(k.Wires), g1Bytes},
		{zkeyB1, uint64(k.Wires), g1Bytes},
		{zkeyB2, uint64(k.Wires), g2Bytes},
		{zkeyC, uint64(k.Wires) - uint64(k.Public) - 1, g1Bytes},
		{zkeyH, uint64(k.Domain), g1Bytes},
	}
	for _, l := range lists {
		if _, err := s.exactly(l.kind, l.n*l.size); err != nil {
			return nil, err
		}
	}
	if k.IC, err = ReadG1List(s[zkeyIC], Checked); err != nil {
		return nil, err
	}
	for i := range k.IC {
		if k.IC[i].IsInfinity() {
			return nil, assay.Refuse(CodeInfinity, "the point of public element %d", i)
		}
	}
	for _, l := range []struct {
		to   *[]curve.G1Affine
		kind int
	}{{&k.A, zkeyA}, {&k.B1, zkeyB1}, {&k.C, zkeyC}, {&k.H, zkeyH}} {
		if *l.to, err = ReadG1List(s[l.kind], trust); err != nil {
			return nil, err
		}
	}
	if k.B2, err = ReadG2List(s[zkeyB2], trust); err != nil {
		return nil, err
	}
	if err := k.coefficients(s[zkeyCoefs]); err != nil {
		return nil, err
	}
	return k, nil
}

// Size is what a prover needs to know before it begins.
type Size struct {
	File                  uint64
	Wires, Public, Domain uint32
	Coefficients          uint32
}

// SizeOf reads the header of a .zkey alone.
func SizeOf(b []byte) (Size, error) {
	s, k, err := parseHeader(b)
	if err != nil {
		return Size{}, err
	}
	return Size{uint64(len(b)), k.Wires, k.Public, k.Domain, uint32(len(s[zkeyCoefs]) / coefBytes)}, nil
}

func parseHeader(b []byte) (*sections, *ProvingKey, error) {
	s, err := split(b, "zkey", 1, zkeyContributions)
	if err != nil {
		return nil, nil, err
	}
	if err := s.need(zkeyHeader, zkeyGroth16, zkeyIC, zkeyCoefs, zkeyA, zkeyB1, zkeyB2, zkeyC, zkeyH); err != nil {
		return nil, nil, err
	}
	p := reader{b: s[zkeyHeader]}
	protocol := p.u32()
	if err := p.end(); err != nil {
		return nil, nil, err
	}
	if protocol != protocolGroth16 {
		return nil, nil, assay.Refuse(CodeProtocol, "protocol %d", protocol)
	}
	h := reader{b: s[zkeyGroth16]}
	h.prime(&baseModulus)
	h.prime(&scalarModulus)
	k := &ProvingKey{Wires: h.u32(), Public: h.u32(), Domain: h.u32()}
	h.g1(&k.Alpha1)
	h.g1(&k.Beta1)
	h.g2(&k.Beta2)
	h.g2(&k.Gamma2)
	h.g1(&k.Delta1)
	h.g2(&k.Delta2)
	if err := h.end(); err != nil {
		return nil, nil, err
	}
	switch {
	case k.Wires > MaxWires || k.Public > MaxPublic || k.Domain > MaxDomain:
		return nil, nil, assay.Refuse(CodeLimit, "%d wires, %d public elements, domain of %d", k.Wires, k.Public, k.Domain)
	case k.Domain < 2 || k.Domain&(k.Domain-1) != 0:
		return nil, nil, assay.Refuse(CodeFile, "a domain of %d is no power of two", k.Domain)
	case uint64(k.Public)+1 > uint64(k.Wires):
		return nil, nil, assay.Refuse(CodeIndex, "%d public elements of %d wires", k.Public, k.Wires)
	}
	return s, k, nil
}

// g1 and g2 read points of the header: what a verifier sees, always checked.
func (r *reader) g1(p *curve.G1Affine) {
	b := r.take(g1Bytes)
	if r.err == nil {
		if *p, r.err = ReadG1(b, Checked); r.err == nil && p.IsInfinity() {
			r.err = assay.Refuse(CodeInfinity, "in the header")
		}
	}
}

func (r *reader) g2(p *curve.G2Affine) {
	b := r.take(g2Bytes)
	if r.err == nil {
		if *p, r.err = ReadG2(b, Checked); r.err == nil && p.IsInfinity() {
			r.err = assay.Refuse(CodeInfinity, "in the header")
		}
	}
}

// coordinate reads four limbs as they are: snarkjs stores Montgomery form.
func coordinate(z *fp.Element, b []byte) error {
	for i := range z {
		z[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	if !below((*[4]uint64)(z), &baseLimbs) {
		return assay.Refuse(CodeElement, "a coordinate is not below the modulus")
	}
	return nil
}

// ReadG1 reads 64 bytes as .zkey files have them: Montgomery limbs, little-endian.
// Infinity is all zeros. G1 has cofactor one.
func ReadG1(b []byte, trust Trust) (p curve.G1Affine, err error) {
	if err = coordinate(&p.X, b); err != nil {
		return p, err
	}
	if err = coordinate(&p.Y, b[scalarBytes:]); err != nil {
		return p, err
	}
	if trust == Checked && !p.IsInfinity() && !p.IsOnCurve() {
		return p, assay.Refuse(CodeCurve, "a point of G1")
	}
	return p, nil
}

// ReadG2 reads 128 bytes, real parts first.
func ReadG2(b []byte, trust Trust) (p curve.G2Affine, err error) {
	for i, z := range []*fp.Element{&p.X.A0, &p.X.A1, &p.Y.A0, &p.Y.A1} {
		if err = coordinate(z, b[scalarBytes*i:]); err != nil {
			return p, err
		}
	}
	if trust == Pinned || p.IsInfinity() {
		return p, nil
	}
	if !p.IsOnCurve() {
		return p, assay.Refuse(CodeCurve, "a point of G2")
	}
	if !p.IsInSubGroup() {
		return p, assay.Refuse(CodeSubgroup, "a point of G2")
	}
	return p, nil
}

// ReadG1List reads as many points as there are, on all cores. The first error in
// the file is returned.
func ReadG1List(b []byte, trust Trust) ([]curve.G1Affine, error) {
	return points(b, g1Bytes, func(b []byte) (curve.G1Affine, error) { return ReadG1(b, trust) })
}

// ReadG2List reads points of G2 alike.
func ReadG2List(b []byte, trust Trust) ([]curve.G2Affine, error) {
	return points(b, g2Bytes, func(b []byte) (curve.G2Affine, error) { return ReadG2(b, trust) })
}

// points reads a list on all cores. Which of several errors is returned does not
// depend on the cores: the first in the file.
func points[P any](b []byte, size int, read func([]byte) (P, error)) ([]P, error) {
	list := make([]P, len(b)/size)
	errs := make([]error, runtime.GOMAXPROCS(0))
	parallel(len(list), len(errs), func(part, from, to int) {
		for i := from; i < to; i++ {
			if list[i], errs[part] = read(b[size*i : size*(i+1)]); errs[part] != nil {
				return
			}
		}
	})
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// parallel cuts n items into parts and works on all at once.
func parallel(n, parts int, work func(part, from, to int)) {
	if n < 64 {
		work(0, 0, n)
		return
	}
	var wg sync.WaitGroup
	for p := range parts {
		wg.Go(func() { work(p, n*p/parts, n*(p+1)/parts) })
	}
	wg.Wait()
}

// coefficients reads section 4: for each term its side, constraint, wire and
// coefficient, the latter times R², as snarkjs multiplies plain witness values.
func (k *ProvingKey) coefficients(b []byte) error {
	in := reader{b: b}
	n := in.u32()
	if in.err != nil {
		return in.err
	}
	switch size := coefBytes * uint64(n); {
	case uint64(len(in.b)) < size:
		return assay.Refuse(CodeTruncated, "%d bytes of %d coefficients", len(in.b), n)
	case uint64(len(in.b)) > size:
		return assay.Refuse(CodeTrailing, "%d bytes behind %d coefficients", uint64(len(in.b))-size, n)
	}
	counts := [2][]uint32{make([]uint32, k.Domain+1), make([]uint32, k.Domain+1)}
	for i := range int(n) {
		t := in.b[coefBytes*i:]
		side, row, wire := binary.LittleEndian.Uint32(t), binary.LittleEndian.Uint32(t[4:]), binary.LittleEndian.Uint32(t[8:])
		if side > 1 || row >= k.Domain || wire >= k.Wires {
			return assay.Refuse(CodeIndex, "a coefficient of side %d, constraint %d, wire %d", side, row, wire)
		}
		counts[side][row+1]++
	}
	for side, m := range []*matrix{&k.a, &k.b} {
		m.rows = counts[side]
		for i := range k.Domain {
			m.rows[i+1] += m.rows[i]
		}
		m.wires = make([]uint32, m.rows[k.Domain])
		m.coefs = make([]fr.Element, m.rows[k.Domain])
	}
	next := [2][]uint32{append([]uint32(nil), k.a.rows...), append([]uint32(nil), k.b.rows...)}
	raw := fr.Element{1} // 1/R in Montgomery form: multiplying by it takes one R away
	for i := range int(n) {
		t := in.b[coefBytes*i:]
		side, row := binary.LittleEndian.Uint32(t), binary.LittleEndian.Uint32(t[4:])
		c, err := montgomeryScalar(t[12:coefBytes])
		if err != nil {
			return err
		}
		m := &k.a
		if side == 1 {
			m = &k.b
		}
		at := next[side][row]
		next[side][row]++
		m.wires[at] = binary.LittleEndian.Uint32(t[8:])
		m.coefs[at].Mul(&c, &raw)
	}
	return nil
}

// Matches refuses a constraint system that the key is not of. The combinations
// are compared term by term; C is not in a key, so a system that differs there
// alone is found when a proof does not verify.
func (k *ProvingKey) Matches(r *R1CS) error {
	switch {
	case k.Wires != r.Wires || k.Public != r.Public():
		return assay.Refuse(CodeMismatch, "the key has %d wires and %d public elements, the system %d and %d", k.Wires, k.Public, r.Wires, r.Public())
	case uint64(k.Domain) != domainOf(r):
		return assay.Refuse(CodeMismatch, "the key has a domain of %d, the system needs %d", k.Domain, domainOf(r))
	}
	for i := range int(k.Domain) {
		var a, b []Term
		switch n := len(r.Constraints); {
		case i < n:
			a, b = r.Constraints[i].A, r.Constraints[i].B
		case i <= n+int(k.Public):
			a = []Term{{Wire: uint32(i - n), Coef: fr.One()}}
		}
		if !k.a.sameRow(i, a) || !k.b.sameRow(i, b) {
			return assay.Refuse(CodeMismatch, "constraint %d differs", i)
		}
	}
	return nil
}

// sameRow compares a row as a sum, whatever the order of its terms.
func (m *matrix) sameRow(i int, terms []Term) bool {
	from, to := m.rows[i], m.rows[i+1]
	if int(to-from) == len(terms) {
		same := true
		for j := range terms {
			same = same && terms[j].Wire == m.wires[from+uint32(j)] && terms[j].Coef.Equal(&m.coefs[from+uint32(j)])
		}
		if same {
			return true
		}
	}
	sum := map[uint32]fr.Element{}
	add := func(wire uint32, c fr.Element) {
		s := sum[wire]
		s.Add(&s, &c)
		sum[wire] = s
	}
	for j := range terms {
		add(terms[j].Wire, terms[j].Coef)
	}
	for j := from; j < to; j++ {
		var minus fr.Element
		minus.Neg(&m.coefs[j])
		add(m.wires[j], minus)
	}
	for _, s := range sum {
		if !s.IsZero() {
			return false
		}
	}
	return true
}

// VerifyingKey returns the key with which the proofs are verified.
func (k *ProvingKey) VerifyingKey() (*zk.Key, error) {
	p := groth16.Points{
		Alpha: bn254.AppendG1(nil, &k.Alpha1), Beta: bn254.AppendG2(nil, &k.Beta2),
		Gamma: bn254.AppendG2(nil, &k.Gamma2), Delta: bn254.AppendG2(nil, &k.Delta2),
	}
	for i := range k.IC {
		p.IC = append(p.IC, bn254.AppendG1(nil, &k.IC[i]))
	}
	key, err := groth16.KeyOf(&p)
	if err != nil {
		return nil, err
	}
	return &zk.Key{Version: 1, System: zk.Circom, Scheme: zk.SchemeGroth16, VK: key.Bytes()}, nil
}

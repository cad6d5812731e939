// Package bn254 owns the strict reading of what proofs on the curve BN254 are
// made of: scalars and points, in the byte order of the EVM's precompiles.
//
// One value has one spelling. It refuses coordinates of q or more and scalars
// of r or more, which are a second encoding of the same value; flag bits, which
// a laxer reader takes for a compressed point and then ignores half of the slot;
// points off the curve, points of the twist outside the subgroup of order r, and
// the point at infinity where a format has none.
package bn254

import (
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/capacloud/assay"
)

// Sizes of the encodings, in bytes.
const (
	ScalarSize = 32
	G1Size     = 64  // x | y
	G2Size     = 128 // x.imag | x.real | y.imag | y.real
)

// The values.
type (
	Element = fr.Element
	G1      = bn254.G1Affine
	G2      = bn254.G2Affine
)

// Codes of this package.
const (
	CodeScalar     assay.Code = "zk-scalar"
	CodeCoordinate assay.Code = "zk-coordinate"
	CodeCurve      assay.Code = "zk-not-on-curve"
	CodeSubgroup   assay.Code = "zk-not-in-subgroup"
	CodeInfinity   assay.Code = "zk-infinity"
	CodeSlot       assay.Code = "zk-slot"
)

// Codes documents the codes of this package.
func Codes() []assay.CodeInfo {
	r := func(c assay.Code, text, hint string) assay.CodeInfo {
		return assay.CodeInfo{Code: c, Kind: assay.KindRefusal, Text: text, Hint: hint}
	}
	return []assay.CodeInfo{
		r(CodeScalar, "a field element is r or more: a second spelling of a smaller one", "reduce it; nothing is ever reduced silently"),
		r(CodeCoordinate, "a coordinate of a point is q or more, or carries flag bits", "use the uncompressed encoding with reduced coordinates"),
		r(CodeCurve, "a point does not lie on the curve", "check the order of coordinates; of a G2 point, which part comes first"),
		r(CodeSubgroup, "a point lies on the twist and outside the subgroup of order r", "no honest prover makes one"),
		r(CodeInfinity, "the point at infinity, where the format has none", "no honest prover makes one"),
		r(CodeSlot, "an encoding does not fill its slot exactly", "check the length"),
	}
}

// Scalar reads a field element of 32 bytes, big-endian, below r.
func Scalar(b []byte) (Element, error) {
	var e Element
	if len(b) != ScalarSize {
		return e, assay.Refuse(CodeSlot, "a scalar of %d bytes, not %d", len(b), ScalarSize)
	}
	if err := e.SetBytesCanonical(b); err != nil {
		return e, assay.Refuse(CodeScalar, "%x", b)
	}
	return e, nil
}

// Scalars reads field elements that follow one another.
func Scalars(b []byte) ([]Element, error) {
	if len(b)%ScalarSize != 0 {
		return nil, assay.Refuse(CodeSlot, "%d bytes are no whole number of scalars", len(b))
	}
	list := make([]Element, len(b)/ScalarSize)
	for i := range list {
		e, err := Scalar(b[i*ScalarSize : (i+1)*ScalarSize])
		if err != nil {
			return nil, err
		}
		list[i] = e
	}
	return list, nil
}

// coordinate reads a coordinate. SetBytesCanonical compares with q, so neither
// flag bit passes: both lie above it.
func coordinate(z *fp.Element, b []byte) error {
	if err := z.SetBytesCanonical(b); err != nil {
		return assay.Refuse(CodeCoordinate, "%x", b)
	}
	return nil
}

// ParseG1 reads a point that is not infinity.
func ParseG1(b []byte) (G1, error) {
	p, err := ParseG1OrInfinity(b)
	if err == nil && p.IsInfinity() {
		err = assay.Refuse(CodeInfinity, "in G1")
	}
	return p, err
}

// ParseG1OrInfinity reads a point; infinity is 64 zero bytes.
func ParseG1OrInfinity(b []byte) (G1, error) {
	var p G1
	if len(b) != G1Size {
		return p, assay.Refuse(CodeSlot, "a G1 point of %d bytes, not %d", len(b), G1Size)
	}
	if err := coordinate(&p.X, b[:32]); err != nil {
		return p, err
	}
	if err := coordinate(&p.Y, b[32:]); err != nil {
		return p, err
	}
	if !p.IsOnCurve() { // the cofactor is 1: on the curve is in the group
		return p, assay.Refuse(CodeCurve, "in G1")
	}
	return p, nil
}

// ParseG2 reads a point of the subgroup of order r that is not infinity.
func ParseG2(b []byte) (G2, error) {
	var p G2
	if len(b) != G2Size {
		return p, assay.Refuse(CodeSlot, "a G2 point of %d bytes, not %d", len(b), G2Size)
	}
	for i, z := range []*fp.Element{&p.X.A1, &p.X.A0, &p.Y.A1, &p.Y.A0} {
		if err := coordinate(z, b[32*i:32*i+32]); err != nil {
			return p, err
		}
	}
	return p, checkG2(&p)
}

func checkG2(p *G2) error {
	switch {
	case p.IsInfinity():
		return assay.Refuse(CodeInfinity, "in G2")
	case !p.IsOnCurve():
		return assay.Refuse(CodeCurve, "in G2")
	case !p.IsInSubGroup():
		return assay.Refuse(CodeSubgroup, "in G2")
	}
	return nil
}

// AppendG1 appends the encoding of a point; infinity is zero bytes.
func AppendG1(b []byte, p *G1) []byte {
	x, y := p.X.Bytes(), p.Y.Bytes()
	return append(append(b, x[:]...), y[:]...)
}

// AppendG2 appends the encoding of a point.
func AppendG2(b []byte, p *G2) []byte {
	for _, z := range []*fp.Element{&p.X.A1, &p.X.A0, &p.Y.A1, &p.Y.A0} {
		c := z.Bytes()
		b = append(b, c[:]...)
	}
	return b
}

// G1Bytes returns the encoding of a point.
func G1Bytes(p *G1) [G1Size]byte { return [G1Size]byte(AppendG1(nil, p)) }

// G2Bytes returns the encoding of a point.
func G2Bytes(p *G2) [G2Size]byte { return [G2Size]byte(AppendG2(nil, p)) }

// Decimal reads a decimal number below 2²⁵⁶ as 32 big-endian bytes, in the only
// spelling: no sign, no leading zero, no blank.
func Decimal(s string) ([32]byte, error) {
	var b [32]byte
	ok := s != "" && len(s) <= 78 && (s[0] != '0' || s == "0")
	for _, c := range []byte(s) {
		ok = ok && '0' <= c && c <= '9'
	}
	if !ok {
		return b, assay.Refuse(CodeSlot, "%.90q is no decimal number of 256 bits", s)
	}
	n, _ := new(big.Int).SetString(s, 10)
	if n.BitLen() > 256 {
		return b, assay.Refuse(CodeSlot, "%s exceeds 256 bits", s)
	}
	n.FillBytes(b[:])
	return b, nil
}

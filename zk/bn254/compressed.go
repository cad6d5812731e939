package bn254

import (
	"bytes"

	"github.com/consensys/gnark-crypto/ecc/bn254"

	"github.com/capacloud/assay"
)

// Sizes of gnark's compressed encodings, in bytes. Key files have them; proofs
// never do.
const (
	G1Compressed = bn254.SizeOfG1AffineCompressed
	G2Compressed = bn254.SizeOfG2AffineCompressed
)

// flags are the two top bits: of a compressed point 10 or 11 by the sign of y;
// 00 is uncompressed and 01 infinity.
func compressed(b []byte, size int) error {
	if len(b) != size {
		return assay.Refuse(CodeSlot, "a compressed point of %d bytes, not %d", len(b), size)
	}
	switch b[0] >> 6 {
	case 0:
		return assay.Refuse(CodeSlot, "an uncompressed point in a compressed slot")
	case 1:
		return assay.Refuse(CodeInfinity, "in a compressed slot")
	}
	return nil
}

// ParseG1Compressed reads a point in gnark's compressed form, not infinity.
func ParseG1Compressed(b []byte) (G1, error) {
	var p G1
	if err := compressed(b, G1Compressed); err != nil {
		return p, err
	}
	n, err := p.SetBytes(b)
	if err != nil || n != len(b) {
		return p, assay.Refuse(CodeCurve, "compressed, in G1: %v", err)
	}
	if again := p.Bytes(); !bytes.Equal(again[:], b) {
		return p, assay.Refuse(CodeCoordinate, "a second spelling of a G1 point")
	}
	return p, nil
}

// ParseG2Compressed reads a point in gnark's compressed form, not infinity.
func ParseG2Compressed(b []byte) (G2, error) {
	var p G2
	if err := compressed(b, G2Compressed); err != nil {
		return p, err
	}
	n, err := p.SetBytes(b)
	if err != nil || n != len(b) {
		return p, assay.Refuse(CodeCurve, "compressed, in G2: %v", err)
	}
	if again := p.Bytes(); !bytes.Equal(again[:], b) {
		return p, assay.Refuse(CodeCoordinate, "a second spelling of a G2 point")
	}
	return p, checkG2(&p)
}

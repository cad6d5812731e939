package circom

import (
	"encoding/binary"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/capacloud/assay"
)

// Sections of a .wtns file.
const (
	wtnsHeader = 1
	wtnsValues = 2
)

// ParseWitness reads a .wtns file: a value for each wire.
func ParseWitness(b []byte) ([]fr.Element, error) {
	s, err := split(b, "wtns", 2, wtnsValues)
	if err != nil {
		return nil, err
	}
	if err := s.need(wtnsHeader, wtnsValues); err != nil {
		return nil, err
	}
	h := reader{b: s[wtnsHeader]}
	h.prime(&scalarModulus)
	n := h.u32()
	if err := h.end(); err != nil {
		return nil, err
	}
	if n == 0 || n > MaxWires {
		return nil, assay.Refuse(CodeLimit, "%d values", n)
	}
	values, err := s.exactly(wtnsValues, scalarBytes*uint64(n))
	if err != nil {
		return nil, err
	}
	return scalars(values)
}

func scalars(b []byte) ([]fr.Element, error) {
	w := make([]fr.Element, len(b)/scalarBytes)
	for i := range w {
		var err error
		if w[i], err = scalar(b[scalarBytes*i : scalarBytes*(i+1)]); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// EncodeWitness writes a .wtns file as snarkjs does.
func EncodeWitness(w []fr.Element) []byte {
	h := binary.LittleEndian.AppendUint32(nil, scalarBytes)
	h = append(h, scalarModulus[:]...)
	h = binary.LittleEndian.AppendUint32(h, uint32(len(w)))
	values := make([]byte, 0, scalarBytes*len(w))
	for i := range w {
		values = appendScalar(values, &w[i])
	}
	c := newContainer("wtns", 2, 2)
	c.section(wtnsHeader, h)
	c.section(wtnsValues, values)
	return c.b
}

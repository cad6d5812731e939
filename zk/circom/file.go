package circom

import (
	"encoding/binary"

	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/capacloud/assay"
)

// Sizes of what the files hold.
const (
	scalarBytes = 32
	g1Bytes     = 64
	g2Bytes     = 128
)

// sections are the parts of a file in iden3's container: magic, version, count,
// then for each part its type, its length and its bytes.
type sections [maxSections][]byte

// split reads a container. Every section must be one of the types 1 to last and
// occur once, and nothing may follow the last.
func split(b []byte, magic string, version uint32, last int) (*sections, error) {
	if uint64(len(b)) > MaxFile {
		return nil, assay.Refuse(CodeLimit, "%d bytes; at most %d", len(b), uint64(MaxFile))
	}
	if len(b) < 12 {
		return nil, assay.Refuse(CodeTruncated, "%d bytes", len(b))
	}
	if string(b[:4]) != magic {
		return nil, assay.Refuse(CodeFile, "it begins with %q, not %q", b[:4], magic)
	}
	if v := binary.LittleEndian.Uint32(b[4:]); v != version {
		return nil, assay.Refuse(CodeFile, "%s version %d, this is %d", magic, v, version)
	}
	n := binary.LittleEndian.Uint32(b[8:])
	if n == 0 || n > uint32(last) {
		return nil, assay.Refuse(CodeFile, "%d sections; at most %d", n, last)
	}
	rest, s := b[12:], new(sections)
	for range n {
		if len(rest) < 12 {
			return nil, assay.Refuse(CodeTruncated, "in the head of a section")
		}
		kind, size := binary.LittleEndian.Uint32(rest), binary.LittleEndian.Uint64(rest[4:])
		rest = rest[12:]
		switch {
		case kind == 0 || kind > uint32(last):
			return nil, assay.Refuse(CodeFile, "section of type %d", kind)
		case s[kind] != nil:
			return nil, assay.Refuse(CodeFile, "section %d twice", kind)
		case size > uint64(len(rest)):
			return nil, assay.Refuse(CodeTruncated, "section %d of %d bytes, %d are left", kind, size, len(rest))
		}
		s[kind], rest = rest[:size:size], rest[size:]
	}
	if len(rest) != 0 {
		return nil, assay.Refuse(CodeTrailing, "%d bytes behind the last section", len(rest))
	}
	return s, nil
}

// need refuses a file without one of the sections.
func (s *sections) need(kinds ...int) error {
	for _, k := range kinds {
		if s[k] == nil {
			return assay.Refuse(CodeFile, "no section %d", k)
		}
	}
	return nil
}

// exactly returns a section that must have the given length.
func (s *sections) exactly(kind int, size uint64) ([]byte, error) {
	switch n := uint64(len(s[kind])); {
	case n < size:
		return nil, assay.Refuse(CodeTruncated, "section %d has %d bytes of %d", kind, n, size)
	case n > size:
		return nil, assay.Refuse(CodeTrailing, "section %d has %d bytes, %d too many", kind, n, n-size)
	}
	return s[kind], nil
}

// reader reads little-endian words and keeps the first error.
type reader struct {
	b   []byte
	err error
}

func (r *reader) take(n int) []byte {
	if r.err == nil && len(r.b) < n {
		r.err = assay.Refuse(CodeTruncated, "%d bytes are missing", n-len(r.b))
	}
	if r.err != nil {
		return make([]byte, n) // n is a constant of the format, never the file's
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) u32() uint32 { return binary.LittleEndian.Uint32(r.take(4)) }
func (r *reader) u64() uint64 { return binary.LittleEndian.Uint64(r.take(8)) }

// end refuses bytes that nobody read.
func (r *reader) end() error {
	if r.err == nil && len(r.b) != 0 {
		return assay.Refuse(CodeTrailing, "%d bytes", len(r.b))
	}
	return r.err
}

// prime reads the size of a field element and the modulus, and refuses another
// than want, little-endian.
func (r *reader) prime(want *[scalarBytes]byte) {
	if n := r.u32(); r.err == nil && n != scalarBytes {
		r.err = assay.Refuse(CodeField, "elements of %d bytes", n)
	}
	if got := r.take(scalarBytes); r.err == nil && [scalarBytes]byte(got) != *want {
		r.err = assay.Refuse(CodeField, "the modulus is not BN254's")
	}
}

// The moduli, little-endian.
var (
	scalarModulus = littleEndian(fr.Modulus().FillBytes(make([]byte, scalarBytes)))
	baseModulus   = littleEndian(fp.Modulus().FillBytes(make([]byte, scalarBytes)))
)

func littleEndian(b []byte) (out [scalarBytes]byte) {
	for i := range out {
		out[i] = b[len(b)-1-i]
	}
	return out
}

// scalar reads a canonical element of the scalar field.
func scalar(b []byte) (fr.Element, error) {
	e, err := fr.LittleEndian.Element((*[scalarBytes]byte)(b))
	if err != nil {
		return e, assay.Refuse(CodeElement, "a number is not below the modulus")
	}
	return e, nil
}

func appendScalar(b []byte, e *fr.Element) []byte {
	var out [scalarBytes]byte
	fr.LittleEndian.PutElement(&out, *e)
	return append(b, out[:]...)
}

// montgomeryScalar reads four limbs as they are, as snarkjs stores them.
func montgomeryScalar(b []byte) (fr.Element, error) {
	e := fr.Element{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:])}
	if !below((*[4]uint64)(&e), &scalarLimbs) {
		return e, assay.Refuse(CodeElement, "a coefficient is not below the modulus")
	}
	return e, nil
}

// Limbs of the moduli, lowest first.
var (
	scalarLimbs = limbs(&scalarModulus)
	baseLimbs   = limbs(&baseModulus)
)

func limbs(b *[scalarBytes]byte) (l [4]uint64) {
	for i := range l {
		l[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return l
}

func below(x, m *[4]uint64) bool {
	for i := 3; i >= 0; i-- {
		if x[i] != m[i] {
			return x[i] < m[i]
		}
	}
	return false
}

func appendLimbs(b []byte, l *[4]uint64) []byte {
	for _, w := range l {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b
}

// container writes sections in the order given.
type container struct{ b []byte }

func newContainer(magic string, version uint32, count int) *container {
	b := append([]byte(magic), 0, 0, 0, 0, 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(b[4:], version)
	binary.LittleEndian.PutUint32(b[8:], uint32(count))
	return &container{b}
}

func (c *container) section(kind uint32, content []byte) {
	c.b = binary.LittleEndian.AppendUint32(c.b, kind)
	c.b = binary.LittleEndian.AppendUint64(c.b, uint64(len(content)))
	c.b = append(c.b, content...)
}

package sumcheck

import (
	"encoding/binary"
	"math/bits"

	"github.com/consensys/gnark-crypto/field/koalabear"
	"github.com/consensys/gnark-crypto/field/koalabear/extensions"
)

// Base is an element of KoalaBear.
type Base = koalabear.Element

// Element is an element of KoalaBear's extension of degree four.
type Element = extensions.E4

// Vector is a list of elements.
type Vector = extensions.Vector

const (
	// Modulus is KoalaBear's prime, 2^31 − 2^24 + 1.
	Modulus = 2130706433

	// fieldUnit is 1/Modulus^4 in units of 2^-128, rounded up: log2(Modulus^4) is
	// 123.95. The bias of sampling is below 2^-30 of it.
	fieldUnit = 17

	// elementBytes is the size of an element on the tape.
	elementBytes = 16

	// baseBytes is the size of a base element on the tape.
	baseBytes = 4
)

// bitsOf returns the bits of a statement whose error is at most n/|F|, rounded down.
func bitsOf(n int) int { return 128 - bits.Len(uint(n*fieldUnit-1)) }

// Int returns n as an element.
func Int(n int64) Element {
	var e Element
	e.B0.A0 = baseInt(n)
	return e
}

// baseInt returns n as a base element.
func baseInt(n int64) Base {
	var b Base
	if n < 0 {
		b.SetUint64(uint64(-n)) // also right for the smallest int64: the negation wraps to 2^63
		b.Neg(&b)
		return b
	}
	b.SetUint64(uint64(n))
	return b
}

func add(a, b Element) Element { a.Add(&a, &b); return a }
func sub(a, b Element) Element { a.Sub(&a, &b); return a }
func mul(a, b Element) Element { a.Mul(&a, &b); return a }

// one returns the element 1.
func one() Element { var e Element; e.SetOne(); return e }

// Log returns the number of variables of a table of n entries: the least v with 2^v ≥ n.
func Log(n int) int {
	if n <= 1 {
		return 0
	}
	return bits.Len(uint(n - 1))
}

// appendElement appends the sixteen bytes of e: four coordinates, reduced,
// little-endian.
func appendElement(b []byte, e *Element) []byte {
	for _, c := range [4]*Base{&e.B0.A0, &e.B0.A1, &e.B1.A0, &e.B1.A1} {
		b = appendBase(b, c)
	}
	return b
}

func appendBase(b []byte, c *Base) []byte {
	return binary.LittleEndian.AppendUint32(b, uint32(c.Uint64()))
}

// readElement is the inverse of appendElement; ok is false unless every
// coordinate is reduced.
func readElement(b []byte) (e Element, ok bool) {
	ok = true
	for i, c := range [4]*Base{&e.B0.A0, &e.B0.A1, &e.B1.A0, &e.B1.A1} {
		ok = readBase(c, b[baseBytes*i:]) && ok
	}
	return e, ok
}

func readBase(c *Base, b []byte) bool {
	n := binary.LittleEndian.Uint32(b)
	c.SetUint64(uint64(n))
	return n < Modulus
}

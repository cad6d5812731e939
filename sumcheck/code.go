package sumcheck

import (
	"github.com/consensys/gnark-crypto/field/koalabear"
	"github.com/consensys/gnark-crypto/field/koalabear/fft"
)

// code is the Reed–Solomon code of a commitment: the cols entries of a row are
// the coefficients of a polynomial, and its code word the polynomial's values on
// 2^rate cosets of the group of order cols, in the order in which a transform
// with decimation in frequency leaves them. The cosets together are the group of
// order cols·2^rate.
type code struct {
	cols   int
	shifts [][]Base // per coset, the powers of its representative; nil for the first
	domain *fft.Domain
}

// newCode returns the code of a layout.
func newCode(l Layout) *code {
	c := &code{cols: l.cols(), domain: fft.NewDomain(uint64(l.cols()))}
	generator := rootOfUnity(l.cols() << l.LogRate)
	shift := koalabear.One()
	for i := range 1 << l.LogRate {
		if i > 0 {
			shift.Mul(&shift, &generator)
			c.shifts = append(c.shifts, powers(shift, c.cols))
		} else {
			c.shifts = append(c.shifts, nil)
		}
	}
	return c
}

// rootOfUnity returns a root of unity of order n, a power of two up to 2^24.
func rootOfUnity(n int) Base {
	g, err := koalabear.Generator(uint64(n))
	if err != nil {
		panic(err) // layouts are checked before
	}
	return g
}

// powers returns x^0 … x^(n−1).
func powers(x Base, n int) []Base {
	list := make([]Base, n)
	list[0].SetOne()
	for i := 1; i < n; i++ {
		list[i].Mul(&list[i-1], &x)
	}
	return list
}

// encode writes the code word of row to word, not in Montgomery form: the
// numbers whose bytes are committed to.
func (c *code) encode(word, row []Base) {
	plain := Base{1} // multiplying by it takes a residue out of Montgomery form
	for i, shift := range c.shifts {
		part := koalabear.Vector(word[i*c.cols : (i+1)*c.cols])
		if shift == nil {
			copy(part, row)
		} else {
			part.Mul(row, shift)
		}
		c.domain.FFT(part, fft.DIF, fft.WithNbTasks(1))
		part.ScalarMul(part, &plain)
	}
}

// codeWord returns the code word of a combined row. It is the verifier's: by the
// definition, without tables or tasks of a library.
func codeWord(l Layout, row Vector) Vector {
	cols := l.cols()
	generator := rootOfUnity(cols << l.LogRate)
	step := generator
	for range l.LogRate {
		step.Square(&step)
	}
	roots := powers(step, max(1, cols/2))
	shift := koalabear.One()
	word := make(Vector, 0, cols<<l.LogRate)
	for range 1 << l.LogRate {
		part := make(Vector, cols)
		part.MulByElement(row, powers(shift, cols))
		transform(part, roots, 1)
		word = append(word, part...)
		shift.Mul(&shift, &generator)
	}
	return word
}

// transform is the transform with decimation in frequency. roots[stride·i] is
// the i-th power of the root of unity of order len(a).
func transform(a Vector, roots []Base, stride int) {
	if len(a) == 1 {
		return
	}
	half := len(a) / 2
	low, high := a[:half], a[half:]
	low.Butterfly(high)
	if stride == 1 {
		high.MulByElement(high, roots)
	} else {
		for i := range high {
			high[i].MulByElement(&high[i], &roots[stride*i])
		}
	}
	transform(low, roots, 2*stride)
	transform(high, roots, 2*stride)
}

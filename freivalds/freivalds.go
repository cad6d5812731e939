// Package freivalds owns the probabilistic check of a product of int8 matrices
// by three products with a vector (Freivalds 1979), exactly, modulo 2^61 − 1.
//
// A wrong c survives one uniform vector with probability at most 1/(2^61 − 1).
// That is a bound per try: the vector must be unknown when a, b and c are fixed.
// Interactive takes a beacon that was drawn after all of them were committed to,
// and one vector. NonInteractive derives two vectors from a hash of the matrices,
// network, job and payee: whoever looks for matrices that pass has to make about
// 2^122 hashes.
//
// It refuses dimensions that do not match or for which the sums of an honest
// product could leave int32.
package freivalds

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/kernel"
)

const (
	// Bits is what one vector gives: −log2 of 1/(2^61 − 1).
	Bits = 61

	// NonInteractiveBits is what two vectors give.
	NonInteractiveBits = 122

	// MaxInner is the largest inner dimension: 2^14 times it stays in int32.
	MaxInner = 1<<16 - 1

	// MaxSide is the largest number of rows or columns of a product.
	MaxSide = kernel.MaxTerms
)

// The reasons for which a product is refused.
const (
	CodeDimensions assay.Code = "freivalds-dimensions"
	CodeProduct    assay.Code = "freivalds-product"
)

// Codes lists the codes of this package.
func Codes() []assay.CodeInfo {
	return []assay.CodeInfo{
		{Code: CodeDimensions, Kind: assay.KindRefusal, Text: "dimensions of a product do not match its matrices, or are beyond the limits", Hint: "an inner dimension is at most 65,535, another one 65,536"},
		{Code: CodeProduct, Kind: assay.KindRefusal, Text: "a matrix is not the product that it is said to be", Hint: "the evidence is false: compute the product again"},
	}
}

// Product is the statement c = a·b, or c = a·bᵗ. Matrices are row-major: a is
// Rows×Inner, b Inner×Cols (Cols×Inner if Transposed), c Rows×Cols.
type Product struct {
	Rows, Inner, Cols int
	Transposed        bool
	A, B              []int8
	C                 []int32
}

// Validate refuses dimensions out of range and matrices of other sizes.
func (p Product) Validate() error {
	if p.Rows < 1 || p.Rows > MaxSide || p.Cols < 1 || p.Cols > MaxSide || p.Inner < 1 || p.Inner > MaxInner ||
		len(p.A) != p.Rows*p.Inner || len(p.B) != p.Inner*p.Cols || len(p.C) != p.Rows*p.Cols {
		return assay.Refuse(CodeDimensions, "%d×%d (%d entries) times %d×%d (%d) is not %d", p.Rows, p.Inner, len(p.A), p.Inner, p.Cols, len(p.B), len(p.C))
	}
	return nil
}

// Digest returns the hash of dimensions and matrices.
func (p Product) Digest() canon.Digest {
	h := sha256.New()
	var buf [4096]byte
	for _, m := range [2][]int8{p.A, p.B} {
		for len(m) > 0 {
			n := min(len(m), len(buf))
			for i, v := range m[:n] {
				buf[i] = byte(v)
			}
			h.Write(buf[:n])
			m = m[n:]
		}
	}
	for c := p.C; len(c) > 0; {
		n := min(len(c), len(buf)/4)
		for i, v := range c[:n] {
			binary.LittleEndian.PutUint32(buf[4*i:], uint32(v))
		}
		h.Write(buf[:4*n])
		c = c[n:]
	}
	var shape [25]byte
	for i, n := range [3]int{p.Rows, p.Inner, p.Cols} {
		binary.LittleEndian.PutUint64(shape[8*i:], uint64(n))
	}
	if p.Transposed {
		shape[24] = 1
	}
	return canon.Hash("assay/freivalds/product/1", shape[:], h.Sum(nil))
}

// Context is what a check is bound to.
type Context struct {
	Network assay.NetworkID
	Job     assay.JobID
	Payee   assay.Key
}

// Interactive checks products with a vector each, drawn from the beacon. The
// beacon must be later than a message that fixes every byte of the products:
// whoever may choose a matrix after it can make any result pass.
func Interactive(c Context, beacon assay.Digest, products ...Product) error {
	seed := canon.Hash("assay/freivalds/interactive/1", c.Network[:], c.Job[:], c.Payee[:], beacon[:])
	return verify(seed, 1, products)
}

// NonInteractive checks products with two vectors each, drawn from a hash of
// all of them.
func NonInteractive(c Context, products ...Product) error {
	for _, p := range products {
		if err := p.Validate(); err != nil {
			return err
		}
	}
	return verify(c.seed(products), 2, products)
}

// seed hashes the context and every product.
func (c Context) seed(products []Product) canon.Digest {
	parts := [][]byte{c.Network[:], c.Job[:], c.Payee[:]}
	for _, p := range products {
		d := p.Digest()
		parts = append(parts, d[:])
	}
	return canon.Hash("assay/freivalds/1", parts...)
}

// verify checks every product with some vectors.
func verify(seed canon.Digest, vectors int, products []Product) error {
	for i, p := range products {
		if err := p.Validate(); err != nil {
			return err
		}
		for k := range vectors {
			if row := p.differs(draw(seed, uint64(i), uint64(k), p.Cols)); row >= 0 {
				return assay.Refuse(CodeProduct, "product %d of %d, row %d", i+1, len(products), row)
			}
		}
	}
	return nil
}

// differs returns the first row in which a·(b·r) and c·r differ, or −1.
func (p Product) differs(r []uint64) int {
	limbs := cut(r)
	inner := make([]int64, kernel.Limbs*p.Inner)
	var x []uint64
	if p.Transposed {
		kernel.SumRows8(inner, p.B, p.Cols, p.Inner, limbs)
		x = joinPlanes(inner, p.Inner)
	} else {
		kernel.DotRows8(inner, p.B, p.Inner, p.Cols, limbs)
		x = joinRows(inner)
	}
	left, right := make([]int64, kernel.Limbs*p.Rows), make([]int64, kernel.Limbs*p.Rows)
	kernel.DotRows8(left, p.A, p.Rows, p.Inner, cut(x))
	kernel.DotRows32(right, p.C, p.Rows, p.Cols, limbs)
	z := joinRows(right)
	for i, y := range joinRows(left) {
		if y != z[i] {
			return i
		}
	}
	return -1
}

// prime is the Mersenne prime 2^61 − 1.
const prime = 1<<61 - 1

// draw returns n numbers below the prime, uniform if SHA-256 is.
func draw(seed canon.Digest, product, vector uint64, n int) []uint64 {
	list := make([]uint64, 0, n)
	var in [sha256.Size + 24]byte
	copy(in[:], seed[:])
	binary.LittleEndian.PutUint64(in[sha256.Size:], product)
	binary.LittleEndian.PutUint64(in[sha256.Size+8:], vector)
	for block := uint64(0); len(list) < n; block++ {
		binary.LittleEndian.PutUint64(in[sha256.Size+16:], block)
		out := sha256.Sum256(in[:])
		for k := 0; k < len(out) && len(list) < n; k += 8 {
			if x := binary.LittleEndian.Uint64(out[k:]) >> 3; x != prime {
				list = append(list, x)
			}
		}
	}
	return list
}

// cut returns the numbers as four planes of signed 16-bit limbs.
func cut(list []uint64) []int16 {
	n := len(list)
	planes := make([]int16, kernel.Limbs*n)
	p0, p1, p2, p3 := planes[:n], planes[n:2*n], planes[2*n:3*n], planes[3*n:]
	for i, u := range list {
		x := int64(u)
		p0[i] = int16(x)
		x = (x - int64(p0[i])) >> 16
		p1[i] = int16(x)
		x = (x - int64(p1[i])) >> 16
		p2[i] = int16(x)
		p3[i] = int16((x - int64(p2[i])) >> 16)
	}
	return planes
}

// joinRows adds up sums of limbs that lie side by side.
func joinRows(sums []int64) []uint64 {
	list := make([]uint64, len(sums)/kernel.Limbs)
	for i := range list {
		s := sums[kernel.Limbs*i:]
		list[i] = join(s[0], s[1], s[2], s[3])
	}
	return list
}

// joinPlanes adds up sums of limbs that lie in planes.
func joinPlanes(sums []int64, n int) []uint64 {
	list := make([]uint64, n)
	for i := range list {
		list[i] = join(sums[i], sums[n+i], sums[2*n+i], sums[3*n+i])
	}
	return list
}

// join returns s0 + 2^16·s1 + 2^32·s2 + 2^48·s3, reduced.
func join(s0, s1, s2, s3 int64) uint64 {
	x := reduce(s3)
	for _, s := range [3]int64{s2, s1, s0} {
		x = shift16(x) + reduce(s)
		if x >= prime {
			x -= prime
		}
	}
	return x
}

// reduce returns s modulo the prime.
func reduce(s int64) uint64 {
	r := s % prime
	if r < 0 {
		r += prime
	}
	return uint64(r)
}

// shift16 returns 2^16·x modulo the prime, for x below it: 2^61 is 1.
func shift16(x uint64) uint64 {
	high, low := bits.Mul64(x, 1<<16)
	return (low & prime) | (high<<3 | low>>61)
}

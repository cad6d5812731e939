package assay

import (
	"math/bits"
	"strconv"
)

// Amount is money in micro-credits. There are no fractions and no negative
// amounts; arithmetic that would leave the range is refused, never wrapped.
type Amount uint64

// CodeAmountRange refuses a sum, difference or product outside the range.
const CodeAmountRange Code = "amount-out-of-range"

// PPM is a share in parts per million.
type PPM uint32

// Whole is the share of everything.
const Whole PPM = 1_000_000

// String returns the decimal micro-credits.
func (a Amount) String() string { return strconv.FormatUint(uint64(a), 10) }

// Add returns a + b.
func (a Amount) Add(b Amount) (Amount, error) {
	s, carry := bits.Add64(uint64(a), uint64(b), 0)
	if carry != 0 {
		return 0, Refuse(CodeAmountRange, "%d + %d", a, b)
	}
	return Amount(s), nil
}

// Sub returns a − b and refuses b > a.
func (a Amount) Sub(b Amount) (Amount, error) {
	if b > a {
		return 0, Refuse(CodeAmountRange, "%d - %d", a, b)
	}
	return a - b, nil
}

// Mul returns a × n.
func (a Amount) Mul(n uint64) (Amount, error) {
	hi, lo := bits.Mul64(uint64(a), n)
	if hi != 0 {
		return 0, Refuse(CodeAmountRange, "%d * %d", a, n)
	}
	return Amount(lo), nil
}

// Share returns the share p of a, rounded down. It cannot overflow for p up to
// Whole, which is all that genesis admits.
func (a Amount) Share(p PPM) Amount {
	hi, lo := bits.Mul64(uint64(a), uint64(min(p, Whole)))
	q, _ := bits.Div64(hi, lo, uint64(Whole))
	return Amount(q)
}

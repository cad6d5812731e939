package sumcheck

import "github.com/capacloud/assay"

// MaxInner is the largest inner dimension of a product of int8 matrices: below
// it no sum reaches half of the modulus, so that equality modulo p is equality.
const MaxInner = 1<<16 - 1

// productTerms is the sumcheck of a matrix product.
func productTerms() []Term { return []Term{{Coefficient: one(), Factors: []int{0, 1}}} }

// BitsMatMul returns the bits of a matrix product of inner dimension m.
func BitsMatMul(m int) int { return bitsOf(2 * max(1, Log(m))) }

// ProveMatMul proves a claim on c = a·b at the point (row, col), where a is n×m
// and b is m×k, row-major: the claim's value is Evaluate32(c, n, k, row, col).
// It returns the claims on a and b to which it is reduced (Thaler 2013).
func ProveMatMul(p *Prover, a, b []int8, n, m, k int, row, col []Element) (claimA, claimB Claim) {
	left := SumRows8(a, n, m, Eq(row)[:n])
	right := dotRows8(b, m, k, Eq(col)[:k])
	mid, values := proveInner(p, left, right)
	return Claim{join2(row, mid), values[0]}, Claim{join2(mid, col), values[1]}
}

// ProveMatMulT is ProveMatMul of c = a·bᵗ, where b is k×m: weights with one
// output per row. The claim on b is at (col, inner point).
func ProveMatMulT(p *Prover, a, b []int8, n, m, k int, row, col []Element) (claimA, claimB Claim) {
	left := SumRows8(a, n, m, Eq(row)[:n])
	right := SumRows8(b, k, m, Eq(col)[:k])
	mid, values := proveInner(p, left, right)
	return Claim{join2(row, mid), values[0]}, Claim{join2(col, mid), values[1]}
}

// proveInner proves the inner product of two vectors.
func proveInner(p *Prover, left, right Vector) (mid, values []Element) {
	return ProveSum(p, []Vector{pad(left), pad(right)}, productTerms())
}

// pad extends a vector with zeros to a power of two.
func pad(v Vector) Vector {
	size := 1 << Log(len(v))
	return append(v, make(Vector, size-len(v))...)
}

// join2 returns the point (a, b).
func join2(a, b []Element) []Element {
	return append(append(make([]Element, 0, len(a)+len(b)), a...), b...)
}

// VerifyMatMul verifies a proof of ProveMatMul that the product's value at
// (row, col) is value. The claims on a and b are the caller's to verify.
func VerifyMatMul(v *Verifier, n, m, k int, row, col []Element, value Element) (claimA, claimB Claim, err error) {
	mid, values, err := verifyInner(v, n, m, k, row, col, value)
	if err != nil {
		return Claim{}, Claim{}, err
	}
	return Claim{join2(row, mid), values[0]}, Claim{join2(mid, col), values[1]}, nil
}

// VerifyMatMulT verifies a proof of ProveMatMulT.
func VerifyMatMulT(v *Verifier, n, m, k int, row, col []Element, value Element) (claimA, claimB Claim, err error) {
	mid, values, err := verifyInner(v, n, m, k, row, col, value)
	if err != nil {
		return Claim{}, Claim{}, err
	}
	return Claim{join2(row, mid), values[0]}, Claim{join2(col, mid), values[1]}, nil
}

func verifyInner(v *Verifier, n, m, k int, row, col []Element, value Element) (mid, values []Element, err error) {
	if n < 1 || m < 1 || k < 1 || m > MaxInner || len(row) != Log(n) || len(col) != Log(k) || len(row)+len(col) > MaxVars {
		return nil, nil, assay.Refuse(CodeDimensions, "%d×%d times %d×%d, claimed at %d and %d variables", n, m, m, k, len(row), len(col))
	}
	return VerifySum(v, value, Log(m), 2, productTerms())
}

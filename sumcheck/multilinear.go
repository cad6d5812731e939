package sumcheck

import (
	"github.com/capacloud/assay/kernel"
	"github.com/consensys/gnark-crypto/field/koalabear"
)

// Claim says that the multilinear extension of some tensor is Value at Point.
type Claim struct {
	Point []Element
	Value Element
}

// Eq returns the table of eq(point, ·): entry i is the weight of index i when
// the multilinear extension is evaluated at point. It has 2^len(point) entries.
func Eq(point []Element) Vector {
	return scaledEq(one(), point)
}

// scaledEq returns factor·Eq(point).
func scaledEq(factor Element, point []Element) Vector {
	table := make(Vector, 1<<len(point))
	fillEq(table, factor, point)
	return table
}

// fillEq is scaledEq into a table of the right length. The last variable comes
// first, so that every doubling works on two halves side by side.
func fillEq(table Vector, factor Element, point []Element) {
	table[0] = factor
	for k := len(point) - 1; k >= 0; k-- {
		half := 1 << (len(point) - 1 - k)
		low, high := table[:half], table[half:2*half]
		high.ScalarMul(low, &point[k])
		low.Sub(low, high)
	}
}

// EqAt returns eq(a, b) = Π (a·b + (1−a)(1−b)) for two points of one length.
func EqAt(a, b []Element) Element {
	product := one()
	for i := range a {
		// a·b + (1−a)(1−b) = 1 − a − b + 2ab
		ab := mul(a[i], b[i])
		product = mul(product, add(sub(sub(one(), a[i]), b[i]), add(ab, ab)))
	}
	return product
}

// LessAt returns, at the point, the multilinear extension of the table that is
// 1 below index n and 0 from there on.
func LessAt(n int, point []Element) Element {
	if n >= 1<<len(point) {
		return one()
	}
	// Walk down the bits of n: an index is below n if it agrees with n up to a
	// bit that is 1 in n and 0 in the index.
	sum, agree := Element{}, one()
	for k, x := range point {
		not := sub(one(), x)
		if n>>(len(point)-1-k)&1 == 1 {
			sum = add(sum, mul(agree, not))
			agree = mul(agree, x)
		} else {
			agree = mul(agree, not)
		}
	}
	return sum
}

// Block returns the point of 2^vars entries that reads the aligned block of
// 2^len(point) entries at offset as a tensor of its own, at point.
func Block(vars, offset int, point []Element) []Element {
	full := make([]Element, 0, vars)
	for k := vars - 1; k >= len(point); k-- {
		full = append(full, Int(int64(offset>>k&1)))
	}
	return append(full, point...)
}

// EvaluateVector returns the multilinear extension of table at point; the table
// may be shorter than 2^len(point) and is zero from its end on.
func EvaluateVector(table Vector, point []Element) Element {
	return table.InnerProduct(Eq(point)[:len(table)])
}

// Evaluate8 returns the multilinear extension of a row-major matrix of rows×cols
// int8, padded with zeros, at the point (row, col). A flat table is one row with
// an empty row point.
func Evaluate8(data []int8, rows, cols int, row, col []Element) Element {
	if rows == 0 || cols == 0 {
		return Element{}
	}
	return dotRows8(data, rows, cols, Eq(col)[:cols]).InnerProduct(Eq(row)[:rows])
}

// Evaluate32 is Evaluate8 of a matrix of int32.
func Evaluate32(data []int32, rows, cols int, row, col []Element) Element {
	if rows == 0 || cols == 0 {
		return Element{}
	}
	return dotRows32(data, rows, cols, Eq(col)[:cols]).InnerProduct(Eq(row)[:rows])
}

// planes cuts the coordinates of weights into signed limbs of 16 bits, low limbs
// and high limbs, each in four planes. The kernels work on the residues that
// represent the coordinates (Montgomery form): the weighted sum of residues is
// the residue of the weighted sum, so nothing is converted.
func planes(weights Vector) (low, high []int16) {
	n := len(weights)
	low, high = make([]int16, kernel.Limbs*n), make([]int16, kernel.Limbs*n)
	for i := range weights {
		w := &weights[i]
		for l, c := range [4]uint32{w.B0.A0[0], w.B0.A1[0], w.B1.A0[0], w.B1.A1[0]} {
			lo := int16(c)
			low[l*n+i] = lo
			high[l*n+i] = int16((int32(c) - int32(lo)) >> 16)
		}
	}
	return low, high
}

// join is the inverse of planes for one sum: low + 2^16·high, reduced.
func join(low, high int64) koalabear.Element {
	r := (low%Modulus + high%Modulus<<16) % Modulus
	if r < 0 {
		r += Modulus
	}
	return koalabear.Element{uint32(r)}
}

// chunk is how many entries of a row are weighted at a time.
const chunk = 1 << 14

// dotRows8 returns for every row the sum of its entries times the weights.
func dotRows8(data []int8, rows, cols int, weights Vector) Vector {
	return dotRows(rows, cols, weights, func(out []int64, from, to int, w []int16) {
		if to-from == cols {
			kernel.DotRows8(out, data, rows, cols, w)
			return
		}
		for i := range rows {
			kernel.DotRows8(out[kernel.Limbs*i:kernel.Limbs*(i+1)], data[i*cols+from:i*cols+to], 1, to-from, w)
		}
	})
}

// dotRows32 is dotRows8 for int32.
func dotRows32(data []int32, rows, cols int, weights Vector) Vector {
	return dotRows(rows, cols, weights, func(out []int64, from, to int, w []int16) {
		if to-from == cols {
			kernel.DotRows32(out, data, rows, cols, w)
			return
		}
		for i := range rows {
			kernel.DotRows32(out[kernel.Limbs*i:kernel.Limbs*(i+1)], data[i*cols+from:i*cols+to], 1, to-from, w)
		}
	})
}

// dotRows weighs columns [from, to) of all rows at a time and joins the limbs.
func dotRows(rows, cols int, weights Vector, dot func(out []int64, from, to int, w []int16)) Vector {
	sums := make(Vector, rows)
	low, high := make([]int64, kernel.Limbs*rows), make([]int64, kernel.Limbs*rows)
	for from := 0; from < cols; from += chunk {
		to := min(from+chunk, cols)
		wl, wh := planes(weights[from:to])
		dot(low, from, to, wl)
		dot(high, from, to, wh)
		for i := range sums {
			l, h := low[kernel.Limbs*i:], high[kernel.Limbs*i:]
			var e Element
			e.B0.A0, e.B0.A1 = join(l[0], h[0]), join(l[1], h[1])
			e.B1.A0, e.B1.A1 = join(l[2], h[2]), join(l[3], h[3])
			sums[i].Add(&sums[i], &e)
		}
	}
	return sums
}

// SumRows8 returns the sum of the rows of a row-major matrix times their weights:
// the matrix with its row variables bound, where the weights are Eq of a point.
func SumRows8(data []int8, rows, cols int, weights Vector) Vector {
	sums := make(Vector, cols)
	low, high := make([]int64, kernel.Limbs*cols), make([]int64, kernel.Limbs*cols)
	for from := 0; from < rows; from += chunk {
		to := min(from+chunk, rows)
		wl, wh := planes(weights[from:to])
		kernel.SumRows8(low, data[from*cols:to*cols], to-from, cols, wl)
		kernel.SumRows8(high, data[from*cols:to*cols], to-from, cols, wh)
		for j := range sums {
			var e Element
			e.B0.A0, e.B0.A1 = join(low[j], high[j]), join(low[cols+j], high[cols+j])
			e.B1.A0, e.B1.A1 = join(low[2*cols+j], high[2*cols+j]), join(low[3*cols+j], high[3*cols+j])
			sums[j].Add(&sums[j], &e)
		}
	}
	return sums
}

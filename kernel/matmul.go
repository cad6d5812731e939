package kernel

// MatMul sets c = a·b, where a is n×m, b is m×p and c is n×p, all row-major.
// Sums wrap around modulo 2^32; they are exact while m ≤ 2^16.
func MatMul(c []int32, a, b []int8, n, m, p int) {
	check(len(c), n, p)
	check(len(a), n, m)
	check(len(b), m, p)
	if n == 0 || p == 0 {
		return
	}
	if m == 0 {
		clear(c)
		return
	}
	matMul(c, a, b, n, m, p, false)
}

// MatMulT sets c = a·bᵗ, where a is n×m, b is p×m and c is n×p, all row-major:
// the product with a matrix of weights that is kept one output per row.
func MatMulT(c []int32, a, b []int8, n, m, p int) {
	check(len(c), n, p)
	check(len(a), n, m)
	check(len(b), p, m)
	if n == 0 || p == 0 {
		return
	}
	if m == 0 {
		clear(c)
		return
	}
	matMul(c, a, b, n, m, p, true)
}

// check panics unless a row-major matrix of rows×cols has size entries.
func check(size, rows, cols int) {
	if rows < 0 || cols < 0 || size != rows*cols {
		panic("kernel: a length does not match the dimensions")
	}
}

// PlainMatMul is MatMul as one writes it in plain Go: the portable code, and
// what benchmarks and tests compare with.
func PlainMatMul(c []int32, a, b []int8, n, m, p int) {
	check(len(c), n, p)
	check(len(a), n, m)
	check(len(b), m, p)
	plainMatMulT(c, a, transpose(b, m, p), n, m, p)
}

// transpose returns the transpose of the rows×cols matrix a.
func transpose(a []int8, rows, cols int) []int8 {
	t := make([]int8, len(a))
	const tile = 32
	for i0 := 0; i0 < rows; i0 += tile {
		for j0 := 0; j0 < cols; j0 += tile {
			for i := i0; i < min(i0+tile, rows); i++ {
				for j := j0; j < min(j0+tile, cols); j++ {
					t[j*rows+i] = a[i*cols+j]
				}
			}
		}
	}
	return t
}

// plainMatMulT is MatMulT without assembly.
func plainMatMulT(c []int32, a, b []int8, n, m, p int) {
	for i := range n {
		row := a[i*m : (i+1)*m]
		for j := range p {
			c[i*p+j] = plainDot(row, b[j*m:(j+1)*m])
		}
	}
}

// plainDot is the product of two rows, unrolled by four.
func plainDot(x, y []int8) int32 {
	y = y[:len(x)]
	var s0, s1, s2, s3 int32
	k := 0
	for ; k+4 <= len(x); k += 4 {
		s0 += int32(x[k]) * int32(y[k])
		s1 += int32(x[k+1]) * int32(y[k+1])
		s2 += int32(x[k+2]) * int32(y[k+2])
		s3 += int32(x[k+3]) * int32(y[k+3])
	}
	for ; k < len(x); k++ {
		s0 += int32(x[k]) * int32(y[k])
	}
	return s0 + s1 + s2 + s3
}

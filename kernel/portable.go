//go:build !amd64 || purego

package kernel

// Features names the assembly that this process uses: "portable", "avx2" or "avx512".
func Features() string { return "portable" }

func matMul(c []int32, a, b []int8, n, m, p int, transposed bool) {
	if !transposed {
		b = transpose(b, m, p)
	}
	plainMatMulT(c, a, b, n, m, p)
}

func dotRows8(out []int64, m []int8, rows, cols int, w []int16) {
	plainDotRows8(out, m, rows, cols, w)
}

func dotRows32(out []int64, m []int32, rows, cols int, w []int16) {
	plainDotRows32(out, m, rows, cols, w)
}

func sumRows8(out []int64, m []int8, rows, cols int, w []int16) {
	plainSumRows8(out, m, rows, cols, w)
}

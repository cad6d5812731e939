//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

// level is a set of assembly kernels.
type level int

const (
	levelPortable level = iota
	levelAVX2
	levelAVX512
)

// active is the best level of this machine. Tests lower it.
var active = detect()

func detect() level {
	x := &cpu.X86
	switch {
	case x.HasAVX512F && x.HasAVX512BW && x.HasAVX512VL && x.HasAVX512DQ && x.HasAVX512VNNI && x.HasAVX2:
		return levelAVX512
	case x.HasAVX2:
		return levelAVX2
	}
	return levelPortable
}

// Features names the assembly that this process uses: "portable", "avx2" or "avx512".
func Features() string { return [...]string{"portable", "avx2", "avx512"}[active] }

// maxDot8 is how many columns a kernel of dotRows8 takes: 4096/2 pairs in at
// least 8 lanes, each pair at most 2^23, stay below 2^31.
const maxDot8 = 4096

func dotRows8(out []int64, m []int8, rows, cols int, w []int16) {
	step, width, many, one := 2, 16, dot8x2AVX2, dot8x1AVX2
	switch active {
	case levelPortable:
		plainDotRows8(out, m, rows, cols, w)
		return
	case levelAVX512:
		step, width, many, one = 4, 32, dot8x4AVX512, dot8x1AVX512
	}
	clear(out)
	whole := cols / width * width
	for i := 0; i < rows; {
		n, kernel := 1, one
		if i+step <= rows {
			n, kernel = step, many
		}
		for j := 0; j < whole; j += maxDot8 {
			kernel(&out[Limbs*i], &m[i*cols+j], cols, &w[j], cols, min(maxDot8, whole-j))
		}
		i += n
	}
	tailDot(out, m, rows, cols, whole, w)
}

func dotRows32(out []int64, m []int32, rows, cols int, w []int16) {
	step, width, many, one := 2, 4, dot32x2AVX2, dot32x1AVX2
	switch active {
	case levelPortable:
		plainDotRows32(out, m, rows, cols, w)
		return
	case levelAVX512:
		step, width, many, one = 4, 8, dot32x4AVX512, dot32x1AVX512
	}
	clear(out)
	if whole := cols / width * width; whole > 0 {
		for i := 0; i < rows; {
			n, kernel := 1, one
			if i+step <= rows {
				n, kernel = step, many
			}
			kernel(&out[Limbs*i], &m[i*cols], cols, &w[0], cols, whole)
			i += n
		}
	}
	tailDot(out, m, rows, cols, cols/width*width, w)
}

// tailDot adds the products of the columns that no register was filled with.
func tailDot[T int8 | int32](out []int64, m []T, rows, cols, from int, w []int16) {
	if from == cols {
		return
	}
	for i := range rows {
		for l := range Limbs {
			var s int64
			for j, v := range m[i*cols+from : (i+1)*cols] {
				s += int64(v) * int64(w[l*cols+from+j])
			}
			out[Limbs*i+l] += s
		}
	}
}

// maxSum8 is how many rows a kernel of sumRows8 takes: 128 pairs, each at most
// 2^23, stay below 2^31.
const maxSum8 = 256

func sumRows8(out []int64, m []int8, rows, cols int, w []int16) {
	width, kernel := 16, sum8AVX2
	switch active {
	case levelPortable:
		plainSumRows8(out, m, rows, cols, w)
		return
	case levelAVX512:
		width, kernel = 64, sum8AVX512
	}
	clear(out)
	even, whole := rows&^1, cols/width*width
	for i := 0; i < even; i += maxSum8 {
		for j := 0; j < whole; j += width {
			kernel(&out[j], cols, &m[i*cols+j], cols, &w[i], rows, min(maxSum8, even-i)/2)
		}
	}
	for i := range rows {
		from := whole
		if i == even {
			from = 0 // the odd row has no partner
		}
		if from < cols {
			addRow(out, m[i*cols+from:(i+1)*cols], from, cols, rows, w[i:])
		}
	}
}

// addRow adds a row from a column on to the sums of all planes.
func addRow(out []int64, row []int8, from, cols, rows int, w []int16) {
	for l := range Limbs {
		weight, sums := int64(w[l*rows]), out[l*cols+from:]
		for j, v := range row {
			sums[j] += weight * int64(v)
		}
	}
}

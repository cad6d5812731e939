package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// fill returns n entries; extreme takes only the ends of the range, where sums
// would saturate or wrap first.
func fill[T int8 | int16 | int32](r *rand.Rand, n int, low, high T, extreme bool) []T {
	list := make([]T, n)
	for i := range list {
		switch {
		case extreme && r.IntN(8) != 0:
			list[i] = low
		case extreme:
			list[i] = high
		default:
			list[i] = T(r.Uint32())
		}
	}
	return list
}

func int8s(r *rand.Rand, n int, extreme bool) []int8 { return fill[int8](r, n, -128, 127, extreme) }

// naive is the definition of a product.
func naive(a, b []int8, n, m, p int) []int32 {
	c := make([]int32, n*p)
	for i := range n {
		for j := range p {
			for k := range m {
				c[i*p+j] += int32(a[i*m+k]) * int32(b[k*p+j])
			}
		}
	}
	return c
}

func TestMatMulIsTheProduct(t *testing.T) {
	each(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 1))
		shapes := [][3]int{{1, 1, 1}, {1, 0, 3}, {0, 4, 4}, {4, 4, 0}, {5, 1, 1}, {8, 4, 32}, {8, 32, 32}, {16, 64, 64}, {9, 5, 33}, {7, 3, 31}, {130, 66, 70}, {129, 2051, 35}, {3, 100, 50}, {4, 4099, 17}, {12, 4100, 40}}
		for range 60 {
			shapes = append(shapes, [3]int{r.IntN(40), r.IntN(70), r.IntN(80)})
		}
		for i, s := range shapes {
			n, m, p := s[0], s[1], s[2]
			a, b := int8s(r, n*m, i%2 == 0), int8s(r, m*p, i%2 == 0)
			want := naive(a, b, n, m, p)
			got := fill[int32](r, n*p, 0, 0, false)
			MatMul(got, a, b, n, m, p)
			if !slices.Equal(got, want) {
				t.Errorf("%v: another product", s)
			}
			got = fill[int32](r, n*p, 0, 0, false)
			MatMulT(got, a, transpose(b, m, p), n, m, p)
			if !slices.Equal(got, want) {
				t.Errorf("%v transposed: another product", s)
			}
		}
	})
}

// TestWeighing compares the weighted sums with their definition, at the ends of
// the ranges too: −128 times −32768 everywhere is where a lane would overflow.
func TestWeighing(t *testing.T) {
	each(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		shapes := [][2]int{{1, 1}, {0, 5}, {5, 0}, {1, 64}, {2, 64}, {4, 32}, {5, 33}, {255, 64}, {256, 65}, {257, 127}, {513, 64}, {7, 4096}, {5, 4097}, {2, 8192 + 35}, {1, 1 << 16}, {1 << 16, 1}, {1 << 13, 64}}
		for range 60 {
			shapes = append(shapes, [2]int{r.IntN(40), r.IntN(200)})
		}
		for i, s := range shapes {
			rows, cols := s[0], s[1]
			extreme := i%2 == 0
			m, wide := int8s(r, rows*cols, extreme), fill[int32](r, rows*cols, -1<<31, 1<<31-1, extreme)
			wc, wr := fill[int16](r, Limbs*cols, -1<<15, 1<<15-1, extreme), fill[int16](r, Limbs*rows, -1<<15, 1<<15-1, extreme)
			want, got := make([]int64, Limbs*rows), make([]int64, Limbs*rows)
			plainDotRows8(want, m, rows, cols, wc)
			DotRows8(got, m, rows, cols, wc)
			if !slices.Equal(got, want) {
				t.Errorf("%v: DotRows8", s)
			}
			plainDotRows32(want, wide, rows, cols, wc)
			DotRows32(got, wide, rows, cols, wc)
			if !slices.Equal(got, want) {
				t.Errorf("%v: DotRows32", s)
			}
			want, got = make([]int64, Limbs*cols), make([]int64, Limbs*cols)
			plainSumRows8(want, m, rows, cols, wr)
			SumRows8(got, m, rows, cols, wr)
			if !slices.Equal(got, want) {
				t.Errorf("%v: SumRows8", s)
			}
		}
	})
}

func TestWrongLengthsPanic(t *testing.T) {
	for i, f := range []func(){
		func() { MatMul(make([]int32, 3), make([]int8, 4), make([]int8, 4), 2, 2, 2) },
		func() { MatMulT(make([]int32, 4), make([]int8, 4), make([]int8, 5), 2, 2, 2) },
		func() { MatMul(nil, nil, nil, -1, 0, 0) },
		func() { DotRows8(make([]int64, 4), make([]int8, 4), 2, 2, make([]int16, 8)) },
		func() { SumRows8(make([]int64, 4*1), make([]int8, 1<<17), 1<<17, 1, make([]int16, 4<<17)) },
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f()
		})
	}
}

// FuzzKernels compares every kernel with the portable code on bytes and shapes
// that the fuzzer chooses.
func FuzzKernels(f *testing.F) {
	f.Add(uint8(1), uint8(33), uint8(65), []byte{0x80, 0x7f, 0, 1})
	f.Add(uint8(9), uint8(64), uint8(32), []byte{0x80})
	f.Fuzz(func(t *testing.T, n, m, p uint8, data []byte) {
		if len(data) == 0 {
			return
		}
		rows, inner, cols := int(n), int(m), int(p)
		next := 0
		byteAt := func() int8 {
			next++
			return int8(data[next%len(data)])
		}
		a, b := make([]int8, rows*inner), make([]int8, inner*cols)
		for i := range a {
			a[i] = byteAt()
		}
		for i := range b {
			b[i] = byteAt()
		}
		got := make([]int32, rows*cols)
		want := naive(a, b, rows, inner, cols)
		if MatMul(got, a, b, rows, inner, cols); !slices.Equal(got, want) {
			t.Error("MatMul")
		}
		if MatMulT(got, a, transpose(b, inner, cols), rows, inner, cols); !slices.Equal(got, want) {
			t.Error("MatMulT")
		}
		wide := make([]int32, len(b))
		for i := range wide {
			wide[i] = int32(byteAt())<<24 | int32(byteAt())<<8 ^ int32(byteAt())
		}
		wc, wr := make([]int16, Limbs*cols), make([]int16, Limbs*inner)
		for i := range wc {
			wc[i] = int16(byteAt())<<8 ^ int16(byteAt())
		}
		for i := range wr {
			wr[i] = int16(byteAt())<<8 ^ int16(byteAt())
		}
		x, y := make([]int64, Limbs*inner), make([]int64, Limbs*inner)
		plainDotRows8(x, b, inner, cols, wc)
		if DotRows8(y, b, inner, cols, wc); !slices.Equal(x, y) {
			t.Error("DotRows8")
		}
		plainDotRows32(x, wide, inner, cols, wc)
		if DotRows32(y, wide, inner, cols, wc); !slices.Equal(x, y) {
			t.Error("DotRows32")
		}
		x, y = make([]int64, Limbs*cols), make([]int64, Limbs*cols)
		plainSumRows8(x, b, inner, cols, wr)
		if SumRows8(y, b, inner, cols, wr); !slices.Equal(x, y) {
			t.Error("SumRows8")
		}
	})
}

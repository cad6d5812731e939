//go:build linux && amd64 && !purego

package kernel

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"unsafe"
)

// guarded returns n entries that end where an unreadable page begins.
func guarded[T int8 | int16 | int32 | int64](t *testing.T, n int) []T {
	t.Helper()
	var zero T
	page := syscall.Getpagesize()
	size := (n*int(unsafe.Sizeof(zero)) + page - 1) / page * page
	mem, err := syscall.Mmap(-1, 0, size+page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Munmap(mem) })
	if err := syscall.Mprotect(mem[size:], syscall.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&mem[size-n*int(unsafe.Sizeof(zero))])), n)
}

// TestKernelsStayInside runs every kernel on matrices that end at the edge of
// readable memory: a load or store beyond one ends the process.
func TestKernelsStayInside(t *testing.T) {
	each(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 5))
		shapes := [][3]int{{8, 4, 32}, {9, 7, 33}, {16, 64, 64}, {3, 31, 1}, {130, 66, 70}, {5, 4099, 17}}
		for range 20 {
			shapes = append(shapes, [3]int{1 + r.IntN(30), 1 + r.IntN(150), 1 + r.IntN(150)})
		}
		for _, s := range shapes {
			t.Run(fmt.Sprint(s), func(t *testing.T) {
				n, m, p := s[0], s[1], s[2]
				a, b, c := guarded[int8](t, n*m), guarded[int8](t, m*p), guarded[int32](t, n*p)
				MatMul(c, a, b, n, m, p)
				MatMulT(c, a, b, n, m, p)
				out := guarded[int64](t, Limbs*m)
				DotRows8(out, b, m, p, guarded[int16](t, Limbs*p))
				DotRows32(guarded[int64](t, Limbs*n), c, n, p, guarded[int16](t, Limbs*p))
				SumRows8(guarded[int64](t, Limbs*p), b, m, p, guarded[int16](t, Limbs*m))
			})
		}
	})
}

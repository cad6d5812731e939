// Guest is a Go program for the profile: hashing, sorting, maps, floats,
// allocation and deep recursion, and a line that depends on all of them.
package main

import (
	"crypto/sha256"
	"fmt"
	"math"
	"sort"
	"strings"
)

func main() {
	h := sha256.New()
	buf := make([]byte, 1<<20)
	for i := range buf {
		buf[i] = byte(i * 7)
	}
	for range 8 {
		h.Write(buf)
	}
	x := uint32(1)
	v := make([]int, 1<<18)
	for i := range v {
		x = x*1664525 + 1013904223
		v[i] = int(x)
	}
	sort.Ints(v)
	counts := map[string]int{}
	for i := range 200_000 {
		counts["k"+strings.Repeat("x", i%7)+fmt.Sprint(i%997)]++
	}
	s := 0.0
	for i := range 500_000 {
		s += math.Sqrt(float64(i)) * 0.5
	}
	fmt.Printf("%x %d %d %v %d\n", h.Sum(nil), v[1000], len(counts), s, depth(10_000))
}

//go:noinline
func depth(n int) int {
	if n == 0 {
		return 0
	}
	return depth(n-1) + 1
}

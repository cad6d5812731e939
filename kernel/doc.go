// Package kernel owns the inner loops of exact integer matrix work: products of
// int8 matrices, and sums of their rows and columns weighted by short limbs.
//
// Every function is a function of its arguments alone and equal to the bit on
// every machine: the assembly for AVX2 and AVX-512 (made by the generator in
// tools/kernels) and the portable Go code compute the same integers, which the
// tests compare on every shape. Accumulators are int32 with wrap-around where
// the caller's sums can exceed them (as Go's own arithmetic), or int64 with a
// bound that the comment states.
//
// It refuses nothing: lengths that do not match the dimensions are a bug of the
// caller and panic. Foreign dimensions are checked before they come here.
package kernel

//go:generate go -C ../tools/kernels run . -out ../../kernel/kernels_amd64.s -stubs ../../kernel/kernels_amd64.go -pkg kernel

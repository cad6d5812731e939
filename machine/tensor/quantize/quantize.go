// Package quantize owns the way from real numbers to int8/1: which integers stand
// for real weights and biases, and which requantisation for a real factor. The
// rules never reach it; what it makes is judged by machine/tensor like any model.
//
// It refuses factors that no requantisation comes near.
package quantize

import (
	"math"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/machine/tensor"
)

// CodeFactor refuses a factor that cannot be expressed.
const CodeFactor assay.Code = "quantize-factor"

// Codes documents the codes of this package.
func Codes() []assay.CodeInfo {
	return []assay.CodeInfo{
		{Code: CodeFactor, Kind: assay.KindRefusal, Text: "the ratio of two scales is no number, not positive, or beyond what a requantisation can do", Hint: "check the scales of the tensors around the node that is named"},
	}
}

// fineness is how many coarse values an int8 has at least, where the range of
// the sums permits it: the first rounding then errs by a thirty-second of a step.
const fineness = 16

// Requant returns the requantisation of sums up to bound by a real factor:
// clamp(zero + sum × factor, low, high), within half a step and a thirty-second.
func Requant(factor float64, bound uint32, zero, low, high int8) (*tensor.Requant, error) {
	if !(factor > 0) || math.IsInf(factor, 0) {
		return nil, assay.Refuse(CodeFactor, "%g", factor)
	}
	r := &tensor.Requant{Zero: zero, Low: low, High: high}
	for r.Shift < tensor.MaxShift && (r.TableBits(bound) > tensor.MaxTableBits || math.Ldexp(factor, int(r.Shift)+1) <= 1.0/fineness) {
		r.Shift++
	}
	// factor × 2^Shift = multiplier / 2^MulShift, with as many bits as fit.
	real, shift := math.Ldexp(factor, int(r.Shift)), tensor.MaxMulShift
	for shift > 1 && math.Round(math.Ldexp(real, shift)) > math.MaxInt32 {
		shift--
	}
	multiplier := math.Round(math.Ldexp(real, shift))
	if multiplier < 1 || multiplier > math.MaxInt32 {
		return nil, assay.Refuse(CodeFactor, "%g", factor)
	}
	r.Multiplier, r.MulShift = uint32(multiplier), uint8(shift)
	return r, nil
}

// Scale returns the step at which int8 cover numbers up to the given magnitude.
func Scale(largest float64) float64 {
	if largest == 0 {
		return 1.0 / 127
	}
	return largest / 127
}

// Int8 rounds numbers to steps of scale, ties to even, from −127 to 127.
func Int8(numbers []float64, scale float64) []int8 {
	out := make([]int8, len(numbers))
	for i, x := range numbers {
		out[i] = int8(max(-127, min(127, math.RoundToEven(x/scale))))
	}
	return out
}

// Int32 rounds numbers to steps of scale, ties to even.
func Int32(numbers []float64, scale float64) []int32 {
	out := make([]int32, len(numbers))
	for i, x := range numbers {
		out[i] = int32(max(-tensor.MaxBound, min(tensor.MaxBound, math.RoundToEven(x/scale))))
	}
	return out
}

// Largest returns the largest magnitude.
func Largest(numbers []float64) float64 {
	var m float64
	for _, x := range numbers {
		m = max(m, math.Abs(x))
	}
	return m
}

// Bound returns the least bound that sums of these weights keep. Output o has the
// weights k with k % outputs = o if last says that outputs are the last dimension,
// else those of its share of the list.
func Bound(weights []int8, biases []int32, last bool) uint32 {
	outputs := len(biases)
	sums := make([]int64, outputs)
	for k, w := range weights {
		o := k % outputs
		if !last {
			o = k / (len(weights) / outputs)
		}
		sums[o] += 128 * max(int64(w), -int64(w))
	}
	reach := int64(1)
	for o, s := range sums {
		reach = max(reach, s+max(int64(biases[o]), -int64(biases[o])))
	}
	return uint32(min(reach, math.MaxUint32))
}

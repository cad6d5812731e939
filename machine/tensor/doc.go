// Package tensor owns int8/1: which integer networks are legal, what shape each
// tensor has, and what every node computes, to the bit. docs/TENSOR.md is the
// text; [Evaluate] is the definition in code, written to be read and not to be fast.
//
// A model is a small descriptor, [Model], and a file of weights. The descriptor
// names the file by digest and carries a commitment to the weights, so that a
// verifier of proofs holds the descriptor alone.
//
// It refuses, each with its own code: encodings that it would not have printed,
// operators and attributes it does not know, tensors that do not fit together,
// sizes beyond the limits below, and accumulators that some input could carry
// past their bound. There is no saturation and no wrap-around anywhere: a model
// in which a sum could overflow is no model. It refuses floats altogether.
package tensor

import "github.com/capacloud/assay"

// Limits of a model, checked before anything is computed.
const (
	MaxDescriptor = 16 << 10 // bytes
	MaxNodes      = 64
	MaxDims       = 4       // of a tensor, the batch included
	MaxDim        = 1 << 16 // of one dimension
	MaxElements   = 1 << 20 // of one tensor, every dimension rounded up to a power of two
	MaxWeights    = 1 << 24 // committed numbers of one model, rounded up likewise
	MaxKernel     = 32      // of a window, in each direction
	MaxInner      = 1 << 15 // terms of one sum, every dimension rounded up likewise
	MaxUnfolded   = 1 << 26 // of the matrix that a convolution is the product of
	MaxWork       = 1 << 38 // multiplications of one evaluation
)

// Limits of the arithmetic. They are those of the field in which proofs are
// made: a sum that keeps them has one meaning there.
const (
	MaxBound     = 1<<29 - 1 // of an accumulator, either sign
	MaxShift     = 16        // bits of the first rounding
	MaxTableBits = 16        // of what the first rounding leaves, sign included
	maxRange     = 30        // of both together
	MaxMulShift  = 46        // bits of the second rounding
)

// Codes of this package.
const (
	CodeEncoding assay.Code = "tensor-encoding"
	CodeVersion  assay.Code = "tensor-version"
	CodeLimit    assay.Code = "tensor-limit"
	CodeShape    assay.Code = "tensor-shape"
	CodeOperator assay.Code = "tensor-operator"
	CodeRequant  assay.Code = "tensor-requant"
	CodeOverflow assay.Code = "tensor-overflow"
	CodeWeights  assay.Code = "tensor-weights"
	CodeInput    assay.Code = "tensor-input"
)

// Codes documents the codes of this package.
func Codes() []assay.CodeInfo {
	return []assay.CodeInfo{
		{Code: CodeEncoding, Kind: assay.KindRefusal, Text: "the bytes are no int8/1 descriptor", Hint: "make it with the exporter of docs/TENSOR.md; it is canonical CBOR of at most 16 KiB"},
		{Code: CodeVersion, Kind: assay.KindRefusal, Text: "the descriptor is of another version", Hint: "export the model again"},
		{Code: CodeLimit, Kind: assay.KindRefusal, Text: "the model is larger than int8/1 admits", Hint: "docs/TENSOR.md lists the limits; split the network into several jobs"},
		{Code: CodeShape, Kind: assay.KindRefusal, Text: "the shapes of two tensors do not fit together", Hint: "the text names the node and both shapes"},
		{Code: CodeOperator, Kind: assay.KindRefusal, Text: "a node has an unknown operator, or an attribute that its operator does not take", Hint: "docs/TENSOR.md lists operators and attributes"},
		{Code: CodeRequant, Kind: assay.KindRefusal, Text: "a requantisation is out of range", Hint: "shift, multiplier and clamp have the ranges of docs/TENSOR.md"},
		{Code: CodeOverflow, Kind: assay.KindRefusal, Text: "an accumulator could exceed its declared bound, or the bound exceeds 2^29-1", Hint: "declare the bound that the exporter computes; scale the weights down or shorten the sum"},
		{Code: CodeWeights, Kind: assay.KindRefusal, Text: "the weights file is not as long as the descriptor says", Hint: "descriptor and weights come from one export and belong together"},
		{Code: CodeInput, Kind: assay.KindRefusal, Text: "standard input is not as long as the model's input tensor", Hint: "pass the raw bytes of the tensor: one int8 per element, row by row"},
	}
}

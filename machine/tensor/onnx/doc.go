// Package onnx reads quantised ONNX models as int8/1 models. It owns the subset
// that docs/TENSOR.md lists: QLinearMatMul, QLinearConv and MatMulInteger, and
// MatMul, Gemm, Conv, Add, Relu, AveragePool, GlobalAveragePool and MaxPool between DequantizeLinear
// and QuantizeLinear, besides Flatten and Reshape, which move nothing.
//
// Scales become multiplier and shift: an int8 may differ by one from that of a
// runtime that multiplies by floats. Zero points of inputs go into the biases.
//
// It refuses, each by its own code: any other operator, attribute or field;
// scales per channel; weights with a zero point; tensors of other types; data
// outside the file. Nothing is guessed.
package onnx

import "github.com/capacloud/assay"

// Limits of a file.
const (
	MaxBytes    = 64 << 20
	MaxElements = 1 << 24 // of one tensor
	MaxNodes    = 4096
)

// Codes of this package.
const (
	CodeEncoding assay.Code = "onnx-encoding"
	CodeField    assay.Code = "onnx-field"
	CodeOpset    assay.Code = "onnx-opset"
	CodeOperator assay.Code = "onnx-operator"
	CodeType     assay.Code = "onnx-type"
	CodeShape    assay.Code = "onnx-shape"
	CodeScale    assay.Code = "onnx-scale"
	CodeZero     assay.Code = "onnx-zero-point"
	CodeGraph    assay.Code = "onnx-graph"
)

// Codes documents the codes of this package.
func Codes() []assay.CodeInfo {
	r := func(c assay.Code, text, hint string) assay.CodeInfo {
		return assay.CodeInfo{Code: c, Kind: assay.KindRefusal, Text: text, Hint: hint}
	}
	return []assay.CodeInfo{
		r(CodeEncoding, "the file is no ONNX model", "it is a protocol buffer of at most 64 MiB"),
		r(CodeField, "the model uses a part of ONNX that is not in the subset", "the text names message and field: functions, external data, sparse tensors and subgraphs are not supported"),
		r(CodeOpset, "the model is of an operator set that is not supported", "export with opset 10 to 25"),
		r(CodeOperator, "an operator, or one of its attributes, is not in the subset", "docs/TENSOR.md lists what is; quantise the model statically, as QDQ or QOperator"),
		r(CodeType, "a tensor has a type that int8/1 does not have", "activations and weights are int8 or uint8, biases int32 or float"),
		r(CodeShape, "a shape is missing, does not fit, or is too large", "export with fixed shapes; the batch may be symbolic and is 1 then"),
		r(CodeScale, "a scale is no positive number, or there is one for each channel", "quantise with one scale per tensor"),
		r(CodeZero, "a zero point is not one that int8/1 can express here", "weights have zero point 0 (uint8: 128); tensors that are added or multiplied with one another, 0; a pool's input and output, the same"),
		r(CodeGraph, "the graph is not one chain of quantised values from one input to one output", "every value that an operator reads is the input, an initializer, or computed before; each float value lies between DequantizeLinear and QuantizeLinear"),
	}
}

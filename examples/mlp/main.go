// Mlp trains a dense network on noisy digits that it draws itself, quantises it,
// and writes digit.int8 and one image, digit:
//
//	go run ./examples/mlp
//	assay run examples/mlp/digit.int8 --in examples/mlp/digit --policy sumcheck
//
// The output is ten int8, one for each digit; the largest names it.
package main

import "github.com/capacloud/assay/examples/internal/train"

func main() { train.Digit().Main("examples/mlp") }

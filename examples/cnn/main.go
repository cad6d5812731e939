// Cnn trains a convolutional network on noisy shapes that it draws itself,
// quantises it, and writes shape.int8 and one image, shape:
//
//	go run ./examples/cnn
//	assay run examples/cnn/shape.int8 --in examples/cnn/shape --policy sumcheck
//
// The output is six int8: disc, ring, square, frame, cross, triangle; the largest
// names the shape.
package main

import "github.com/capacloud/assay/examples/internal/train"

func main() { train.Shape().Main("examples/cnn") }

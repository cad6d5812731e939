package tensor

import (
	"fmt"
	"strings"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/machine/tensor"
	"github.com/capacloud/assay/machine/tensor/onnx"
	"github.com/capacloud/assay/sumcheck/network"
)

// Opened is a model as people have it in a file.
type Opened struct {
	Descriptor []byte // the program of a job
	Weights    []byte // the file that it names
	Input      string // what standard input has to be, in words
	Output     string // what standard output will be

	input int // bytes
}

// CheckInput refuses bytes that no job of the model can have as its standard
// input: it would have no result.
func (o *Opened) CheckInput(b []byte) error {
	if len(b) != o.input {
		return assay.Refuse(tensor.CodeInput, "%d bytes; the model takes %s", len(b), o.Input)
	}
	return nil
}

// Open reads a model file by its name's ending: .int8, or .onnx, which is
// imported. Its errors are refusals.
func Open(name string, b []byte) (*Opened, error) {
	if !strings.HasSuffix(name, ".onnx") {
		descriptor, weights, err := tensor.OpenFile(b)
		if err != nil {
			return nil, err
		}
		return opened(descriptor, weights, onnx.Edge{}, onnx.Edge{})
	}
	m, err := onnx.Import(b)
	if err != nil {
		return nil, err
	}
	descriptor, weights, err := network.Seal(m.Model, &m.Params, parallel)
	if err != nil {
		return nil, err
	}
	return opened(descriptor, weights, m.Input, m.Output)
}

func opened(descriptor, weights []byte, in, out onnx.Edge) (*Opened, error) {
	g, err := tensor.Parse(descriptor)
	if err != nil {
		return nil, err
	}
	kind := "int8"
	if g.Raw() {
		kind = "little-endian int32"
	}
	return &Opened{
		Descriptor: descriptor, Weights: weights, input: g.Input().Size(),
		Input:  fmt.Sprintf("%d int8, %v%s", g.Input().Size(), g.Input(), meaning(in)),
		Output: fmt.Sprintf("%d %s, %v%s", g.Output().Size(), kind, g.Output(), meaning(out)),
	}, nil
}

func meaning(e onnx.Edge) string {
	if e.Scale == 0 {
		return ""
	}
	return fmt.Sprintf(", v standing for %g × (v − %d)", e.Scale, e.Zero)
}

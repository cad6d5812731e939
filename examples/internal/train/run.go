package train

import (
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/capacloud/assay/machine/tensor"
)

// Task is a network to be made.
type Task struct {
	Name    string // of the files
	Input   []uint32
	Draw    func(r *rand.Rand, n int) []Sample
	Net     func(r *rand.Rand) Net
	Samples int // to train on
	Epochs  int
	Rate    float64 // of the first epoch
}

// Made is what a task gives.
type Made struct {
	Model       []byte // the model file
	Sample      []byte // one image that was not trained on
	Label       int
	Real, Whole int // per mille right, of the floating-point network and of the integers
	Tested      int
}

// Run draws, trains, quantises and tests.
func (t Task) Run() (*Made, error) {
	r := rand.New(rand.NewPCG(2026, 11))
	samples, tests := t.Draw(r, t.Samples), t.Draw(r, 2000)
	net := t.Net(r)
	net.Train(r, samples, t.Epochs, 8, t.Rate)
	q, err := Quantise(net, t.Input, samples[:500])
	if err != nil {
		return nil, err
	}
	m := &Made{
		Model: tensor.File(q.Descriptor, q.Weights), Sample: tensor.Raw(tests[0].Pixels), Label: tests[0].Label, Tested: len(tests),
		Real:  Accuracy(tests, func(s *Sample) []float64 { return net.Forward(s.Real()) }),
		Whole: Accuracy(tests, q.Classify),
	}
	return m, nil
}

// Main writes the files of a task to a folder and says how good the network is.
func (t Task) Main(folder string) {
	out := flag.String("out", folder, "folder to write to")
	flag.Parse()
	m, err := t.Run()
	if err == nil {
		err = t.write(os.Stdout, *out, m)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (t Task) write(w io.Writer, folder string, m *Made) error {
	if err := os.WriteFile(filepath.Join(folder, t.Name+tensor.Extension), m.Model, 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, t.Name), m.Sample, 0o644); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%s: %d bytes; of %d images that it was not trained on, right: %.1f %% in floating point, %.1f %% in int8; %s shows class %d\n",
		t.Name+tensor.Extension, len(m.Model), m.Tested, float64(m.Real)/10, float64(m.Whole)/10, t.Name, m.Label)
	return err
}

// Digit is the task of examples/mlp: a digit on 12 by 12 pixels.
func Digit() Task {
	return Task{
		Name: "digit", Input: []uint32{1, 144}, Draw: Digits, Samples: 20000, Epochs: 14, Rate: 0.04,
		Net: func(r *rand.Rand) Net {
			return Net{NewDense(r, 144, 64), &Relu{}, NewDense(r, 64, 32), &Relu{}, NewDense(r, 32, 10)}
		},
	}
}

// Shape is the task of examples/cnn: a shape on 16 by 16 pixels.
func Shape() Task {
	return Task{
		Name: "shape", Input: []uint32{1, 1, 16, 16}, Draw: Images, Samples: 6000, Epochs: 5, Rate: 0.02,
		Net: func(r *rand.Rand) Net {
			return Net{
				NewConv(r, 1, 8, 16, 16), &Relu{}, &Pool{Channels: 8, Height: 16, Width: 16},
				NewConv(r, 8, 12, 8, 8), &Relu{}, &Pool{Channels: 12, Height: 8, Width: 8},
				NewDense(r, 12*4*4, 24), &Relu{}, NewDense(r, 24, len(Shapes)),
			}
		},
	}
}

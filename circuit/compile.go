package circuit

import (
	"math/big"
	"strings"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/constraint"
	cs "github.com/consensys/gnark/constraint/bn254"
	"github.com/consensys/gnark/constraint/solver"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/frontend/cs/r1cs"
	"github.com/consensys/gnark/frontend/cs/scs"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/zk"
)

// Circuit is what an author writes: a struct whose fields of type
// frontend.Variable, or arrays and structs of them, are inputs, public if tagged
// `gnark:",public"`. Define constrains them and returns the outputs.
type Circuit interface {
	Define(api frontend.API) ([]frontend.Variable, error)
}

// pointer lets Compile take a *C that is a Circuit.
type pointer[C any] interface {
	*C
	Circuit
}

// Bind constrains the two elements that hold the binding of a proof to network,
// job and payee. A Groth16 proof says nothing about a public input that stands in
// no constraint: anyone could put another in a finished proof. Compile calls it;
// an author who assembles a circuit by hand must.
func Bind(api frontend.API, binding [zk.BindingElements]frontend.Variable) {
	for _, b := range binding {
		api.Mul(b, b)
	}
}

// Names that Compile gives to what it adds.
const (
	bindName  = "bind"
	outName   = "out"
	inputName = "in"
)

// bound is the circuit that is proved.
type bound[C any, P pointer[C]] struct {
	Binding [zk.BindingElements]frontend.Variable `gnark:"bind,public"`
	Outputs []frontend.Variable                   `gnark:"out,public"`
	Inputs  C                                     `gnark:"in"`
}

// Define implements frontend.Circuit.
func (b *bound[C, P]) Define(api frontend.API) error {
	Bind(api, b.Binding)
	outputs, err := P(&b.Inputs).Define(api)
	if err != nil {
		return err
	}
	if len(outputs) != len(b.Outputs) {
		return assay.Refuse(CodeAuthor, "Define returns %d outputs, and %d when called again", len(b.Outputs), len(outputs))
	}
	for i := range outputs {
		api.AssertIsEqual(b.Outputs[i], outputs[i])
	}
	return nil
}

// asked is the circuit that computes the outputs: a prover must know them before
// it can be asked to prove them.
type asked[C any, P pointer[C]] struct {
	Inputs C `gnark:"in"`

	count int
}

// Define implements frontend.Circuit.
func (a *asked[C, P]) Define(api frontend.API) error {
	outputs, err := P(&a.Inputs).Define(api)
	if err != nil {
		return err
	}
	a.count = len(outputs)
	for i := range outputs {
		if _, err := api.Compiler().NewHint(output, 1, i, outputs[i]); err != nil {
			return err
		}
	}
	return nil
}

// output is the hint through which a system hands out an output: its number and
// its value. Whoever runs the system puts a function of its own in its place.
func output(_ *big.Int, _, out []*big.Int) error {
	out[0].SetUint64(0)
	return nil
}

var outputName = solver.GetHintName(output)

// Compiled is a circuit as data, without keys.
type Compiled struct {
	System  *System
	Outputs *System // computes the outputs; nil if there are none
	// Program, where an author sets it, is a wasm/1 program that takes the place of
	// Outputs: it reads the job's stdin, arguments and input folder, whatever they
	// are, and prints a JSON object with a value for every input, and for the outputs
	// as "out".
	Program []byte
	Public  []string // names of the public elements behind the binding
	Inputs  []string // names of the inputs, as the author wrote them
}

// Compile turns a circuit into data for Groth16. Slices in c must have their
// lengths.
func Compile[C any, P pointer[C]](c P) (*Compiled, error) { return compileFor[C](c, r1cs.NewBuilder) }

// CompilePlonk turns a circuit into data for PLONK, which needs no setup of its
// own but a universal SRS. Gadgets that commit, such as range checks and tables,
// are refused.
func CompilePlonk[C any, P pointer[C]](c P) (*Compiled, error) {
	return compileFor[C](c, scs.NewBuilder)
}

func compileFor[C any, P pointer[C]](c P, builder frontend.NewBuilder) (*Compiled, error) {
	ask := &asked[C, P]{Inputs: *c}
	outputs, err := compile(ask, builder)
	if err != nil {
		return nil, err
	}
	main, err := compile(&bound[C, P]{Outputs: make([]frontend.Variable, ask.count), Inputs: *c}, builder)
	if err != nil {
		return nil, err
	}
	out := new(Compiled)
	if out.System, err = systemOf(main); err != nil {
		return nil, err
	}
	if ask.count > 0 {
		if out.Outputs, err = systemOf(outputs); err != nil {
			return nil, err
		}
	}
	if err := out.System.constrained(); err != nil {
		return nil, err
	}
	out.Public = trimmed(out.System.Public()[zk.BindingElements:])
	if len(out.Public) > zk.MaxInputs-zk.BindingElements {
		return nil, assay.Refuse(CodeAuthor, "%d public elements; at most %d beside the binding", len(out.Public), zk.MaxInputs-zk.BindingElements)
	}
	out.Inputs = out.System.Inputs()
	return out, nil
}

func compile(c frontend.Circuit, builder frontend.NewBuilder) (system *cs.R1CS, err error) {
	quiet()
	defer func() {
		if r := recover(); r != nil {
			err = assay.Refuse(CodeAuthor, "compiling panicked: %v", r)
		}
	}()
	compiled, err := frontend.Compile(ecc.BN254.ScalarField(), builder, c, frontend.IgnoreUnconstrainedInputs())
	if err != nil {
		return nil, assay.Refuse(CodeAuthor, "%v", err)
	}
	return compiled.(*cs.R1CS), nil
}

// constrained refuses a system with a public element that no constraint uses.
func (s *System) constrained() error {
	used := make([]bool, len(s.r1cs.Public))
	use := func(wire uint32) {
		if int(wire) < len(used) {
			used[wire] = true
		}
	}
	for i := range s.r1cs.Instructions {
		in, call := &s.r1cs.Instructions[i], s.call(i)
		switch {
		case !s.isConstraint(in):
		case s.sparse():
			wires := 3
			if in.BlueprintID == kindBool {
				wires = 1
			}
			for _, wire := range call[:wires] { // PLONK holds every public element in a gate of its own too
				use(wire)
			}
		default:
			for terms := call[4:]; len(terms) > 0; terms = terms[2:] {
				if terms[0] != constraint.CoeffIdZero {
					use(terms[1])
				}
			}
		}
	}
	used[0] = used[0] || !s.sparse() // the element that is always 1
	for i := range used {
		if !used[i] {
			return assay.Refuse(CodeAuthor, "no constraint uses the public element %q", s.r1cs.Public[i])
		}
	}
	return nil
}

// trimmed takes the name of the field away that Compile put inputs into.
func trimmed(names []string) []string {
	list := make([]string, len(names))
	for i, n := range names {
		list[i] = strings.TrimPrefix(n, inputName+"_")
	}
	return list
}

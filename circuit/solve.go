package circuit

import (
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"slices"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/backend"
	groth16bn254 "github.com/consensys/gnark/backend/groth16/bn254"
	"github.com/consensys/gnark/backend/witness"
	cs "github.com/consensys/gnark/constraint/bn254"
	"github.com/consensys/gnark/constraint/solver"
	gnarkcs "github.com/consensys/gnark/frontend/cs"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/zk"
	"github.com/capacloud/assay/zk/circom"
	"github.com/capacloud/assay/zk/groth16"
)

// indexes are what gnark adds to the name of an array for each of its elements.
var indexes = regexp.MustCompile(`(_[0-9]+)+$`)

// Inputs returns the names of the inputs as a job gives them: an array has one.
func (s *System) Inputs() []string {
	var list []string
	for _, n := range trimmed(s.inputs()) {
		base := indexes.ReplaceAllString(n, "")
		if !slices.Contains(list, base) {
			list = append(list, base)
		}
	}
	return list
}

// inputs returns the names of all elements that are neither binding nor output.
func (s *System) inputs() []string {
	var list []string
	for _, n := range slices.Concat(s.Public(), s.Secret()) {
		if b := indexes.ReplaceAllString(n, ""); b != bindName && b != outName {
			list = append(list, n)
		}
	}
	return list
}

// assign puts named values in the order of the system's elements. Every value
// must find its place and every place its value.
func (s *System) assign(in circom.Inputs) (fr.Vector, error) {
	elements := slices.Concat(s.Public(), s.Secret())
	names := trimmed(elements)
	vector := make(fr.Vector, len(names))
	next := map[string]int{}
	for i, n := range names {
		key := n
		if len(in[key]) != 1 || next[key] > 0 {
			if base := indexes.ReplaceAllString(n, ""); base != n && in[base] != nil {
				key = base
			}
		}
		at := next[key]
		if at >= len(in[key]) {
			return nil, assay.Refuse(CodeInput, "no value for %.60q", n)
		}
		vector[i] = in[key][at]
		next[key]++
	}
	for _, n := range in.Names() {
		if next[n] != len(in[n]) {
			return nil, assay.Refuse(CodeInput, "%.60q has %d values, the circuit takes %d", n, len(in[n]), next[n])
		}
	}
	return vector, nil
}

// Witness are the values of a system's public and secret elements, in order.
type Witness struct {
	vector fr.Vector
	public int
}

// Public returns the public bytes: 32 for each public element.
func (w *Witness) Public() []byte {
	b := make([]byte, 0, fr.Bytes*w.public)
	for i := range w.public {
		e := w.vector[i].Bytes()
		b = append(b, e[:]...)
	}
	return b
}

// Solve computes the outputs on the given inputs with the system outputs, which
// is nil where there are none, and returns the witness of the system s. The
// binding is put in front; nil where the circuit has none.
func (s *System) Solve(outputs *System, in circom.Inputs, binding *[zk.BindingElements]fr.Element) (*Witness, error) {
	for _, name := range []string{bindName, outName} {
		if _, given := in[name]; given {
			return nil, assay.Refuse(CodeInput, "%q is not for the job to give", name)
		}
	}
	all := circom.Inputs{}
	for _, n := range in.Names() {
		all[n] = in[n]
	}
	if outputs != nil {
		values, err := outputs.outputs(in)
		if err != nil {
			return nil, err
		}
		all[outName] = values
	}
	return s.Assign(all, binding)
}

// Assign makes a witness of values for all elements but the binding: the inputs by
// their names, and the outputs as "out".
func (s *System) Assign(in circom.Inputs, binding *[zk.BindingElements]fr.Element) (*Witness, error) {
	all := circom.Inputs{}
	for _, n := range in.Names() {
		all[n] = in[n]
	}
	if _, given := in[bindName]; given {
		return nil, assay.Refuse(CodeInput, "%q is not for the job to give", bindName)
	}
	if binding != nil {
		all[bindName] = binding[:]
	}
	v, err := s.assign(all)
	if err != nil {
		return nil, err
	}
	return &Witness{vector: v, public: len(s.Public())}, nil
}

// outputs runs a system that hands out outputs.
func (s *System) outputs(in circom.Inputs) (values []fr.Element, err error) {
	v, err := s.assign(in)
	if err != nil {
		return nil, err
	}
	found := map[uint64]fr.Element{}
	_, err = s.solve(v, func(_ *big.Int, given, out []*big.Int) error {
		if len(given) != 2 || len(out) != 1 || !given[0].IsUint64() {
			return fmt.Errorf("an output of %d values", len(given))
		}
		var e fr.Element
		e.SetBigInt(given[1])
		found[given[0].Uint64()] = e
		out[0].SetUint64(0)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range uint64(len(found)) {
		e, ok := found[i]
		if !ok {
			return nil, assay.Refuse(CodeSystem, "output %d is missing", i)
		}
		values = append(values, e)
	}
	return values, nil
}

func (s *System) solve(v fr.Vector, output solver.Hint) (solution any, err error) {
	defer rescue(&err)
	full, err := s.full(v)
	if err != nil {
		return nil, err
	}
	solution, err = s.r1cs.Solve(full, solver.WithNbTasks(1), solver.OverrideHint(hintNames()[outputName], output), solver.OverrideHint(solver.GetHintID(gnarkcs.Bsb22CommitmentComputePlaceholder), challenge))
	if err != nil {
		return nil, unsatisfied(err)
	}
	return solution, nil
}

// unsatisfied says which constraint does not hold, and not by which values: they
// are the inputs of whoever gave the job, and errors are logged.
func unsatisfied(err error) error {
	if u := (*cs.UnsatisfiedConstraintError)(nil); errors.As(err, &u) {
		return assay.Refuse(CodeUnsatisfied, "constraint %d does not hold", u.CID)
	}
	return assay.Refuse(CodeUnsatisfied, "the inputs cannot be solved for")
}

// challenge stands for the value of a commitment where no proof is made: it is
// the verifier's choice, so any will do.
func challenge(_ *big.Int, _, out []*big.Int) error {
	var e fr.Element
	if _, err := e.SetRandom(); err != nil {
		return err
	}
	e.BigInt(out[0])
	return nil
}

func (s *System) full(v fr.Vector) (witness.Witness, error) {
	w, err := witness.New(ecc.BN254.ScalarField())
	if err != nil {
		return nil, err
	}
	values := make(chan any)
	go func() {
		defer close(values)
		for i := range v {
			values <- v[i]
		}
	}()
	public := len(s.Public())
	return w, w.Fill(public, len(v)-public, values)
}

// Check refuses a witness that does not satisfy the system. A system with
// commitments is checked by proving only: their values depend on the key.
func (s *System) Check(w *Witness) error {
	if len(s.commitments()) > 0 {
		return nil
	}
	_, err := s.solve(w.vector, output)
	return err
}

// Prove makes a Groth16 proof with gnark's prover. It refuses a key that is not
// of this system before gnark indexes with it.
func (s *System) Prove(k *ProvingKey, w *Witness) (proof []byte, err error) {
	defer rescue(&err)
	if s.sparse() {
		return nil, assay.Refuse(CodeOtherKey, "the system is for PLONK")
	}
	if err := k.matches(s); err != nil {
		return nil, err
	}
	full, err := s.full(w.vector)
	if err != nil {
		return nil, err
	}
	p, err := groth16bn254.Prove(s.r1cs, k.key, full, backend.WithSolverOptions(solver.WithNbTasks(1)))
	if err != nil {
		return nil, unsatisfied(err)
	}
	var raw bytesWriter
	if _, err := p.WriteRawTo(&raw); err != nil {
		return nil, err
	}
	return groth16.ProofFromGnark(raw)
}

type bytesWriter []byte

// Write implements io.Writer.
func (w *bytesWriter) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}

// rescue turns a panic of gnark on a foreign system into a refusal.
func rescue(err *error) {
	if r := recover(); r != nil {
		*err = assay.Refuse(CodeUnsatisfied, "the solver panicked: %.200v", r)
	}
}

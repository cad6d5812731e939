package circuit

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/constraint"
	cs "github.com/consensys/gnark/constraint/bn254"
	"github.com/consensys/gnark/constraint/solver"

	"github.com/capacloud/assay"
)

// What a system begins with, for Groth16 and for PLONK.
const (
	systemMagic = "assay-r1cs/1\n"
	sparseMagic = "assay-scs/1\n"
)

// System is a constraint system that was looked at and may be run.
type System struct {
	r1cs  *cs.R1CS // or gnark's sparse system, which is the same type
	hints []string // names by which instructions call them
}

// sparse reports whether it is a system of gates, for PLONK.
func (s *System) sparse() bool { return s.r1cs.Type == constraint.SystemSparseR1CS }

// Public returns the names of the public elements, in order, without the one
// that is always 1.
func (s *System) Public() []string {
	if s.sparse() {
		return s.r1cs.Public
	}
	return s.r1cs.Public[1:]
}

// Secret returns the names of the secret inputs, in order.
func (s *System) Secret() []string { return s.r1cs.Secret }

// Wires returns the number of wires.
func (s *System) Wires() int {
	return len(s.r1cs.Public) + len(s.r1cs.Secret) + s.r1cs.NbInternalVariables
}

// Constraints returns the number of constraints.
func (s *System) Constraints() int { return s.r1cs.NbConstraints }

// Instructions of a System: the number of their kind stands first. A lookup
// table is a kind of its own, from kindTable on; for PLONK, from kindSparse on.
const (
	kindR1C     = 0 // for PLONK: a gate of the general form
	kindHint    = 1
	kindInverse = 2
	kindTable   = 3
	kindAdd     = 3
	kindMul     = 4
	kindBool    = 5
	kindSparse  = 6
)

// tables returns the kind of the first lookup table.
func (s *System) tables() constraint.BlueprintID {
	if s.sparse() {
		return kindSparse
	}
	return kindTable
}

// fixedCoefs are gnark's first coefficients: 0, 1, 2, −1, −2.
const fixedCoefs = 5

// systemOf takes over what gnark compiled. Debug information is left out: it
// holds the paths of the author's machine.
func systemOf(r *cs.R1CS) (*System, error) {
	if n := len(r.CommitmentInfo.CommitmentIndexes()); n > 0 && r.Type == constraint.SystemSparseR1CS {
		return nil, assay.Refuse(CodeAuthor, "a PLONK circuit with %d commitments: range checks and tables need Groth16", n)
	}
	s := newSystem(r.Type)
	for id, name := range r.MHintsDependencies {
		if known, ok := hintNames()[name]; !ok || known != id {
			return nil, assay.Refuse(CodeHint, "%q", name)
		}
		s.hints = append(s.hints, name)
	}
	slices.Sort(s.hints)
	s.r1cs.Public, s.r1cs.Secret = r.Public, r.Secret
	s.r1cs.NbInternalVariables, s.r1cs.NbConstraints = r.NbInternalVariables, r.NbConstraints
	s.r1cs.Coefficients, s.r1cs.CallData = r.Coefficients, r.CallData
	s.r1cs.CommitmentInfo = r.CommitmentInfo
	kinds := make([]constraint.BlueprintID, len(r.Blueprints))
	for i, b := range r.Blueprints {
		switch b := b.(type) {
		case *constraint.BlueprintGenericR1C, *constraint.BlueprintGenericSparseR1C[constraint.U64]:
			kinds[i] = kindR1C
		case *constraint.BlueprintSparseR1CAdd[constraint.U64]:
			kinds[i] = kindAdd
		case *constraint.BlueprintSparseR1CMul[constraint.U64]:
			kinds[i] = kindMul
		case *constraint.BlueprintSparseR1CBool[constraint.U64]:
			kinds[i] = kindBool
		case *constraint.BlueprintGenericHint:
			kinds[i] = kindHint
		case *constraint.BlueprintBatchInverse[constraint.U64]:
			kinds[i] = kindInverse
		case *constraint.BlueprintLookupHint[constraint.U64]:
			kinds[i] = constraint.BlueprintID(len(s.r1cs.Blueprints))
			s.r1cs.Blueprints = append(s.r1cs.Blueprints, &constraint.BlueprintLookupHint[constraint.U64]{EntriesCalldata: b.EntriesCalldata})
		default:
			return nil, assay.Refuse(CodeAuthor, "instructions of type %T are not supported", b)
		}
	}
	s.r1cs.Instructions = slices.Clone(r.Instructions)
	for i := range s.r1cs.Instructions {
		s.r1cs.Instructions[i].BlueprintID = kinds[r.Instructions[i].BlueprintID]
	}
	return s.finish()
}

func newSystem(of constraint.SystemType) *System {
	quiet()
	if of == constraint.SystemSparseR1CS {
		s := &System{r1cs: cs.NewSparseR1CS(0)}
		s.r1cs.Blueprints = []constraint.Blueprint{
			kindR1C: &constraint.BlueprintGenericSparseR1C[constraint.U64]{}, kindHint: &constraint.BlueprintGenericHint{},
			kindInverse: &constraint.BlueprintBatchInverse[constraint.U64]{}, kindAdd: &constraint.BlueprintSparseR1CAdd[constraint.U64]{},
			kindMul: &constraint.BlueprintSparseR1CMul[constraint.U64]{}, kindBool: &constraint.BlueprintSparseR1CBool[constraint.U64]{},
		}
		return s
	}
	s := &System{r1cs: cs.NewR1CS(0)}
	s.r1cs.Blueprints = []constraint.Blueprint{
		kindR1C: &constraint.BlueprintGenericR1C{}, kindHint: &constraint.BlueprintGenericHint{},
		kindInverse: &constraint.BlueprintBatchInverse[constraint.U64]{},
	}
	return s
}

// finish looks at everything. The instructions stand in an order in which they
// can be carried out. gnark carries out those of one level in any order, on many
// goroutines, where a panic could not be caught: so each is a level of its own.
func (s *System) finish() (*System, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	order := make([]uint32, len(s.r1cs.Instructions))
	s.r1cs.Levels = make([][]uint32, len(order))
	for i := range order {
		order[i] = uint32(i)
		s.r1cs.Levels[i] = order[i : i+1 : i+1]
	}
	s.r1cs.MHintsDependencies = map[solver.HintID]string{}
	for _, name := range s.hints {
		s.r1cs.MHintsDependencies[hintNames()[name]] = name
	}
	return s, nil
}

// Bytes returns the canonical encoding.
func (s *System) Bytes() []byte {
	w := &writer{b: []byte(systemMagic)}
	if s.sparse() {
		w.b = []byte(sparseMagic)
	}
	r := s.r1cs
	for _, names := range [][]string{r.Public, r.Secret, s.hints} {
		w.number(uint64(len(names)))
		for _, n := range names {
			w.number(uint64(len(n)))
			w.b = append(w.b, n...)
		}
	}
	w.number(uint64(r.NbInternalVariables))
	w.number(uint64(len(r.Coefficients) - fixedCoefs))
	for i := fixedCoefs; i < len(r.Coefficients); i++ {
		e := r.Coefficients[i].Bytes()
		w.b = append(w.b, e[:]...)
	}
	tables := r.Blueprints[s.tables():]
	w.number(uint64(len(tables)))
	for _, b := range tables {
		w.words(b.(*constraint.BlueprintLookupHint[constraint.U64]).EntriesCalldata)
	}
	c := s.commitments()
	w.number(uint64(len(c)))
	for i := range c {
		w.number(uint64(c[i].CommitmentIndex))
		w.number(uint64(c[i].NbPublicCommitted))
		w.ints(c[i].PublicAndCommitmentCommitted)
		w.ints(c[i].PrivateCommitted)
	}
	w.number(uint64(len(r.Instructions)))
	for i := range r.Instructions {
		in := &r.Instructions[i]
		w.number(uint64(in.BlueprintID))
		if s.offset(in) {
			w.number(uint64(in.WireOffset))
		}
		call := s.call(i)
		if s.words(in) < 0 {
			w.number(uint64(len(call)))
			call = call[1:]
		}
		for j, v := range call {
			if in.BlueprintID == kindHint && j == 0 {
				v = uint32(slices.Index(s.hints, r.MHintsDependencies[solver.HintID(v)]))
			}
			w.number(uint64(v))
		}
	}
	return w.b
}

// commitments returns those of a Groth16 system; a PLONK system has none.
func (s *System) commitments() constraint.Groth16Commitments {
	c, _ := s.r1cs.CommitmentInfo.(constraint.Groth16Commitments)
	return c
}

// words returns how many words the instructions of a kind have; -1: their number
// is the first of them.
func (s *System) words(in *constraint.PackedInstruction) int {
	return s.r1cs.Blueprints[in.BlueprintID].CalldataSize()
}

// offset reports whether an instruction says from which wire on it computes.
func (s *System) offset(in *constraint.PackedInstruction) bool {
	return in.BlueprintID == kindInverse || in.BlueprintID >= s.tables()
}

// call returns an instruction's words.
func (s *System) call(i int) []uint32 {
	in := &s.r1cs.Instructions[i]
	n := s.words(in)
	if n < 0 {
		n = int(s.r1cs.CallData[in.StartCallData])
	}
	return s.r1cs.CallData[in.StartCallData : in.StartCallData+uint64(n)]
}

type writer struct{ b []byte }

func (w *writer) number(v uint64) { w.b = binary.AppendUvarint(w.b, v) }

func (w *writer) words(list []uint32) {
	w.number(uint64(len(list)))
	for _, v := range list {
		w.number(uint64(v))
	}
}

func (w *writer) ints(list []int) {
	w.number(uint64(len(list)))
	for _, v := range list {
		w.number(uint64(v))
	}
}

// reader reads what writer wrote and keeps the first error.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(code assay.Code, format string, args ...any) {
	if r.err == nil {
		r.err = assay.Refuse(code, format, args...)
	}
	r.b = nil
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.fail(CodeTruncated, "%d bytes are missing", n-len(r.b))
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

// number reads a number up to most, in its shortest form.
func (r *reader) number(most uint64) uint64 {
	v, n := binary.Uvarint(r.b)
	switch {
	case n == 0:
		r.fail(CodeTruncated, "in a number")
		return 0
	case n < 0 || n > 1 && r.b[n-1] == 0:
		r.fail(CodeElement, "a number is not in its shortest form")
		return 0
	case v > most:
		r.fail(CodeLimit, "a number is %d; at most %d here", v, most)
		return 0
	}
	r.b = r.b[n:]
	return v
}

// count reads the length of a list whose items take at least size bytes each:
// nothing is reserved for more than can follow.
func (r *reader) count(most, size uint64) int {
	n := r.number(most)
	if n*size > uint64(len(r.b)) {
		r.fail(CodeTruncated, "a list of %d", n)
		return 0
	}
	return int(n)
}

func (r *reader) names() []string {
	list := make([]string, r.count(MaxNames, 1))
	for i := range list {
		list[i] = string(r.take(int(r.number(maxName))))
	}
	return list
}

func (r *reader) words() []uint32 {
	list := make([]uint32, r.count(1<<30, 1))
	for i := range list {
		list[i] = uint32(r.number(1<<32 - 1))
	}
	return list
}

func (r *reader) ints() []int {
	list := make([]int, r.count(MaxWires, 1))
	for i := range list {
		list[i] = int(r.number(MaxWires))
	}
	return list
}

// ParseSystem reads a constraint system strictly and looks at everything in it.
func ParseSystem(b []byte) (*System, error) {
	if uint64(len(b)) > MaxSystem {
		return nil, assay.Refuse(CodeLimit, "%d bytes; at most %d", len(b), MaxSystem)
	}
	of := constraint.SystemR1CS
	rest, ok := bytes.CutPrefix(b, []byte(systemMagic))
	if !ok {
		of = constraint.SystemSparseR1CS
		if rest, ok = bytes.CutPrefix(b, []byte(sparseMagic)); !ok {
			return nil, assay.Refuse(CodeSystem, "it does not begin with %q or %q", systemMagic, sparseMagic)
		}
	}
	in, s := &reader{b: rest}, newSystem(of)
	r := s.r1cs
	r.Public, r.Secret, s.hints = in.names(), in.names(), in.names()
	r.NbInternalVariables = int(in.number(MaxWires))
	n := in.count(MaxWires, fr.Bytes)
	for range n {
		e, err := fr.BigEndian.Element((*[fr.Bytes]byte)(append(make([]byte, 0, fr.Bytes), in.take(fr.Bytes)...)))
		if err != nil {
			return nil, assay.Refuse(CodeElement, "a coefficient is not below the modulus")
		}
		r.Coefficients = append(r.Coefficients, e)
	}
	for range in.count(maxTables, 1) {
		r.Blueprints = append(r.Blueprints, &constraint.BlueprintLookupHint[constraint.U64]{EntriesCalldata: in.words()})
	}
	c := make(constraint.Groth16Commitments, in.count(maxCommitments, 4))
	for i := range c {
		c[i].CommitmentIndex = int(in.number(MaxWires))
		c[i].NbPublicCommitted = int(in.number(MaxWires))
		c[i].PublicAndCommitmentCommitted, c[i].PrivateCommitted = in.ints(), in.ints()
	}
	if !s.sparse() {
		r.CommitmentInfo = c
	} else if len(c) > 0 {
		return nil, assay.Refuse(CodeSystem, "a PLONK system with commitments")
	}
	if err := s.instructions(in); err != nil {
		return nil, err
	}
	return s.finish()
}

func (s *System) instructions(in *reader) error {
	r := s.r1cs
	r.Instructions = make([]constraint.PackedInstruction, in.count(MaxConstraints*2, 2))
	for i := range r.Instructions {
		x := &r.Instructions[i]
		x.BlueprintID = constraint.BlueprintID(in.number(uint64(len(r.Blueprints) - 1)))
		x.StartCallData, x.ConstraintOffset = uint64(len(r.CallData)), uint32(r.NbConstraints)
		if s.offset(x) {
			x.WireOffset = uint32(in.number(MaxWires))
		}
		if s.isConstraint(x) {
			r.NbConstraints++
		}
		n, from := s.words(x), 0
		if n < 0 {
			n, from = in.count(1<<30, 0), 1
			r.CallData = append(r.CallData, uint32(n))
		}
		if in.err == nil && (n == 0 || n-from > len(in.b)) {
			in.fail(CodeTruncated, "an instruction of %d words", n)
		}
		if in.err != nil {
			return in.err
		}
		for j := from; j < n; j++ {
			v := uint32(in.number(1<<32 - 1))
			if x.BlueprintID == kindHint && j == 1 {
				if int(v) >= len(s.hints) {
					return assay.Refuse(CodeHint, "number %d of %d", v, len(s.hints))
				}
				v = uint32(hintNames()[s.hints[v]]) // an unknown name is refused by check
			}
			r.CallData = append(r.CallData, v)
		}
	}
	if in.err == nil && len(in.b) != 0 {
		in.fail(CodeTrailing, "%d bytes", len(in.b))
	}
	return in.err
}

// isConstraint tells constraints from what computes wires beside them.
func (s *System) isConstraint(in *constraint.PackedInstruction) bool {
	return in.BlueprintID == kindR1C || s.sparse() && in.BlueprintID >= kindAdd && in.BlueprintID <= kindBool
}

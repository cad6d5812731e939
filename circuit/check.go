package circuit

import (
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/constraint/solver"
	_ "github.com/consensys/gnark/frontend/cs" // registers the hint of commitments
	_ "github.com/consensys/gnark/std/math/bits"
	_ "github.com/consensys/gnark/std/math/bitslice"
	_ "github.com/consensys/gnark/std/math/cmp"
	_ "github.com/consensys/gnark/std/math/uints"
	_ "github.com/consensys/gnark/std/rangecheck"
	_ "github.com/consensys/gnark/std/selector"

	"github.com/capacloud/assay"
)

// hintPrefixes are the packages of gnark whose hints a circuit may use. They
// compute from bits and small integers: none reserves memory by a number that
// the circuit's data chooses beyond its own outputs.
var hintPrefixes = []string{
	"github.com/consensys/gnark/constraint/solver.InvZeroHint",
	"github.com/consensys/gnark/frontend/cs.Bsb22CommitmentComputePlaceholder",
	"github.com/consensys/gnark/internal/hints.Randomize",
	"github.com/consensys/gnark/std/internal/logderivarg.",
	"github.com/consensys/gnark/std/math/bits.",
	"github.com/consensys/gnark/std/math/bitslice.",
	"github.com/consensys/gnark/std/math/cmp.",
	"github.com/consensys/gnark/std/math/uints.",
	"github.com/consensys/gnark/std/rangecheck.",
	"github.com/consensys/gnark/std/selector.",
}

// hintNames maps the names of the hints that a circuit may use to gnark's ids.
var hintNames = sync.OnceValue(func() map[string]solver.HintID {
	names := map[string]solver.HintID{}
	for _, h := range append(solver.GetRegisteredHints(), output) {
		name := solver.GetHintName(h)
		if slices.ContainsFunc(hintPrefixes, func(p string) bool { return strings.HasPrefix(name, p) }) || name == outputName {
			names[name] = solver.GetHintID(h)
		}
	}
	return names
})

// walk looks at a system before it is run: what gnark's solver takes for
// granted. known holds the wires that are computed.
type walk struct {
	s      *System
	known  []bool
	tables map[*constraint.BlueprintLookupHint[constraint.U64]]*cursor // behind the entries that were looked at
	err    error
}

func (s *System) check() error {
	r := s.r1cs
	switch {
	case s.Wires() > MaxWires || r.NbConstraints > MaxConstraints:
		return assay.Refuse(CodeLimit, "%d wires, %d constraints", s.Wires(), r.NbConstraints)
	case r.NbConstraints == 0 && len(s.hints) == 0:
		return assay.Refuse(CodeSystem, "nothing is constrained")
	case !s.sparse() && (len(r.Public) == 0 || r.Public[0] != "1"):
		return assay.Refuse(CodeSystem, "the first public element is not 1")
	case !slices.IsSorted(s.hints):
		return assay.Refuse(CodeSystem, "the hints are not sorted")
	}
	for i, name := range s.hints {
		if _, ok := hintNames()[name]; !ok {
			return assay.Refuse(CodeHint, "%.100q", name)
		}
		if i > 0 && name == s.hints[i-1] {
			return assay.Refuse(CodeSystem, "the hint %.100q twice", name)
		}
	}
	if err := s.checkNames(); err != nil {
		return err
	}
	if err := s.checkCommitments(); err != nil {
		return err
	}
	w := &walk{s: s, known: make([]bool, s.Wires()), tables: map[*constraint.BlueprintLookupHint[constraint.U64]]*cursor{}}
	for i := range len(r.Public) + len(r.Secret) {
		w.known[i] = true
	}
	for i := range r.Instructions {
		if w.instruction(i); w.err != nil {
			return w.err
		}
	}
	if i := slices.Index(w.known, false); i >= 0 {
		return assay.Refuse(CodeOrder, "wire %d is never computed", i)
	}
	return nil
}

func (s *System) checkNames() error {
	all := slices.Sorted(slices.Values(slices.Concat(s.r1cs.Public, s.r1cs.Secret)))
	for i, n := range all {
		if n == "" || len(n) > maxName {
			return assay.Refuse(CodeSystem, "the name %.40q", n)
		}
		if i > 0 && n == all[i-1] {
			return assay.Refuse(CodeSystem, "two inputs are called %.60q", n)
		}
	}
	return nil
}

// checkCommitments refuses lists that gnark's prover would index with.
func (s *System) checkCommitments() error {
	wires, public := s.Wires(), len(s.r1cs.Public)
	list := s.commitments()
	if len(list) > maxCommitments {
		return assay.Refuse(CodeLimit, "%d commitments", len(list))
	}
	taken := map[int]bool{}
	last := 0
	for i := range list {
		c := &list[i]
		if c.CommitmentIndex < public || c.CommitmentIndex >= wires || c.CommitmentIndex <= last ||
			c.NbPublicCommitted > len(c.PublicAndCommitmentCommitted) || taken[c.CommitmentIndex] {
			return assay.Refuse(CodeSystem, "commitment %d is malformed", i)
		}
		last = c.CommitmentIndex
		for j, w := range c.PublicAndCommitmentCommitted {
			earlier := slices.ContainsFunc(list[:i], func(o constraint.Groth16Commitment) bool { return o.CommitmentIndex == w })
			if j < c.NbPublicCommitted && w >= public || j >= c.NbPublicCommitted && !earlier {
				return assay.Refuse(CodeSystem, "commitment %d hashes wire %d", i, w)
			}
		}
		for j, w := range c.PrivateCommitted {
			if w < public || w >= wires || j > 0 && w <= c.PrivateCommitted[j-1] || taken[w] {
				return assay.Refuse(CodeSystem, "commitment %d commits to wire %d", i, w)
			}
			taken[w] = true
		}
		taken[c.CommitmentIndex] = true
	}
	return nil
}

func (w *walk) fail(code assay.Code, format string, args ...any) {
	if w.err == nil {
		w.err = assay.Refuse(code, format, args...)
	}
}

func (w *walk) instruction(i int) {
	call, in := w.s.call(i), &w.s.r1cs.Instructions[i]
	c := &cursor{walk: w, rest: call, at: i}
	if w.s.words(in) < 0 {
		c.word()
	}
	switch {
	case w.s.sparse() && w.s.isConstraint(in):
		w.gate(c, in.BlueprintID)
	case in.BlueprintID == kindR1C:
		w.constraint(c)
	case in.BlueprintID == kindHint:
		w.hint(c)
	case in.BlueprintID == kindInverse:
		n := int(c.word())
		for range n {
			if c.sum(); w.err != nil {
				return
			}
		}
		w.computed(c.at, int(in.WireOffset), n)
	default:
		w.lookup(c, in)
	}
	if len(c.rest) != 0 {
		w.fail(CodeSystem, "instruction %d has %d words too many", i, len(c.rest))
	}
}

// constraint is A·B = C with at most one unknown wire, at one place.
func (w *walk) constraint(c *cursor) {
	n := int(c.word()) + int(c.word()) + int(c.word())
	if 2*n != len(c.rest) {
		w.fail(CodeSystem, "constraint of instruction %d has %d words for %d terms", c.at, len(c.rest), n)
		return
	}
	unknown := -1
	for range n {
		coef, wire := c.word(), int(c.word())
		if int(coef) >= len(w.s.r1cs.Coefficients) || wire >= len(w.known) {
			w.fail(CodeSystem, "instruction %d: coefficient %d, wire %d", c.at, coef, wire)
			return
		}
		if !w.known[wire] {
			if unknown >= 0 || coef == constraint.CoeffIdZero {
				w.fail(CodeOrder, "instruction %d: wires %d and %d are not computed yet", c.at, unknown, wire)
				return
			}
			unknown = wire
		}
	}
	if unknown >= 0 {
		w.known[unknown] = true
	}
}

// gate is one of PLONK's constraints: qL·a + qR·b + qO·c + qM·ab + qC = 0, in which
// one wire may be unknown; in the short forms it is c.
func (w *walk) gate(c *cursor, kind constraint.BlueprintID) {
	wires, coefs := 3, 5
	switch kind {
	case kindAdd:
		coefs = 3
	case kindMul:
		coefs = 1
	case kindBool:
		wires, coefs = 1, 2
	}
	unknown := -1
	for i := range wires {
		wire := int(c.word())
		switch {
		case wire >= len(w.known):
			w.fail(CodeSystem, "instruction %d: wire %d", c.at, wire)
			return
		case w.known[wire]:
			if i == 2 && kind != kindR1C {
				w.fail(CodeOrder, "instruction %d computes wire %d again", c.at, wire)
			}
		case unknown >= 0 || kind != kindR1C && i != 2:
			w.fail(CodeOrder, "instruction %d: wire %d is not computed yet", c.at, wire)
		default:
			unknown = wire
		}
	}
	for range coefs {
		if coef := c.word(); int(coef) >= len(w.s.r1cs.Coefficients) {
			w.fail(CodeSystem, "instruction %d: coefficient %d", c.at, coef)
		}
	}
	if kind == kindR1C && constraint.CommitmentConstraint(c.word()) != constraint.NOT {
		w.fail(CodeSystem, "instruction %d is of a commitment", c.at)
	}
	if unknown >= 0 && w.err == nil {
		w.known[unknown] = true
	}
}

func (w *walk) hint(c *cursor) {
	c.word() // its id, of a name that was looked at
	for range int(c.word()) {
		if c.sum(); w.err != nil {
			return
		}
	}
	from, to := c.word(), c.word()
	if to <= from {
		w.fail(CodeSystem, "the hint of instruction %d has no outputs", c.at)
		return
	}
	w.computed(c.at, int(from), int(to-from))
}

// lookup reads entries of a table; those before the number that it states must
// be computed.
func (w *walk) lookup(c *cursor, in *constraint.PackedInstruction) {
	table := w.s.r1cs.Blueprints[in.BlueprintID].(*constraint.BlueprintLookupHint[constraint.U64])
	entries := int(c.word())
	n := int(c.word())
	t := w.tables[table]
	if t == nil {
		t = &cursor{walk: w, rest: table.EntriesCalldata}
		w.tables[table] = t
	}
	for t.at = c.at; t.read < entries; t.read++ {
		if t.sum(); w.err != nil {
			return
		}
	}
	for range n {
		if c.sum(); w.err != nil {
			return
		}
	}
	w.computed(c.at, int(in.WireOffset), n)
}

// computed marks wires that an instruction computes.
func (w *walk) computed(at, from, n int) {
	if w.err != nil {
		return
	}
	if from+n > len(w.known) {
		w.fail(CodeSystem, "instruction %d computes wires %d to %d", at, from, from+n)
		return
	}
	for i := from; i < from+n; i++ {
		if w.known[i] {
			w.fail(CodeOrder, "instruction %d computes wire %d again", at, i)
			return
		}
		w.known[i] = true
	}
}

// cursor reads an instruction's words.
type cursor struct {
	*walk
	rest []uint32
	at   int // instruction
	read int // entries of a table
}

func (c *cursor) word() uint32 {
	if len(c.rest) == 0 {
		c.fail(CodeSystem, "instruction %d ends early", c.at)
		return 0
	}
	v := c.rest[0]
	c.rest = c.rest[1:]
	return v
}

// sum reads a linear combination of computed wires and constants.
func (c *cursor) sum() {
	n := int(c.word())
	if 2*n > len(c.rest) {
		c.fail(CodeSystem, "instruction %d: a sum of %d terms", c.at, n)
		return
	}
	for range n {
		coef, wire := c.word(), c.word()
		switch {
		case int(coef) >= len(c.s.r1cs.Coefficients):
			c.fail(CodeSystem, "instruction %d: coefficient %d", c.at, coef)
		case wire == math.MaxUint32: // a constant
		case int(wire) >= len(c.known):
			c.fail(CodeSystem, "instruction %d: wire %d", c.at, wire)
		case !c.known[wire]:
			c.fail(CodeOrder, "instruction %d: wire %d is not computed yet", c.at, wire)
		}
		if c.err != nil {
			return
		}
	}
}

package circom

import (
	"encoding/binary"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/capacloud/assay"
)

// R1CS is a constraint system: for each constraint A·B = C, each of the three a
// linear combination of wires. Wire 0 is one; then come the outputs, the public
// inputs, the secret inputs, and what is in between.
type R1CS struct {
	Wires         uint32
	Outputs       uint32
	PublicInputs  uint32
	PrivateInputs uint32
	Constraints   []Constraint
	Labels        uint64 // of the source; of no meaning here
}

// Constraint is one row.
type Constraint struct{ A, B, C []Term }

// Term is a wire with its coefficient.
type Term struct {
	Wire uint32
	Coef fr.Element
}

// Sections of a .r1cs file.
const (
	r1csHeader      = 1
	r1csConstraints = 2
	r1csLabels      = 3
	r1csCustomList  = 4
	r1csCustomUse   = 5

	termBytes = 4 + scalarBytes
)

// Public returns the number of public elements: outputs first, then inputs.
func (r *R1CS) Public() uint32 { return r.Outputs + r.PublicInputs }

// ParseR1CS reads a .r1cs file.
func ParseR1CS(b []byte) (*R1CS, error) {
	s, err := split(b, "r1cs", 1, r1csCustomUse)
	if err != nil {
		return nil, err
	}
	if err := s.need(r1csHeader, r1csConstraints, r1csLabels); err != nil {
		return nil, err
	}
	for _, kind := range []int{r1csCustomList, r1csCustomUse} {
		if len(s[kind]) > 4 || len(s[kind]) == 4 && binary.LittleEndian.Uint32(s[kind]) != 0 {
			return nil, assay.Refuse(CodeCustomGates, "section %d", kind)
		}
	}
	h := reader{b: s[r1csHeader]}
	h.prime(&scalarModulus)
	r := &R1CS{Wires: h.u32(), Outputs: h.u32(), PublicInputs: h.u32(), PrivateInputs: h.u32()}
	r.Labels = h.u64()
	n := h.u32()
	if err := h.end(); err != nil {
		return nil, err
	}
	if err := r.checkCounts(n); err != nil {
		return nil, err
	}
	if _, err := s.exactly(r1csLabels, 8*uint64(r.Wires)); err != nil {
		return nil, err
	}
	return r, r.constraints(s[r1csConstraints], n)
}

func (r *R1CS) checkCounts(constraints uint32) error {
	public := uint64(r.Outputs) + uint64(r.PublicInputs)
	switch {
	case r.Wires > MaxWires || constraints > MaxConstraints || public > MaxPublic:
		return assay.Refuse(CodeLimit, "%d wires, %d constraints, %d public elements", r.Wires, constraints, public)
	case 1+public > uint64(r.Wires): // a secret input may share the wire of an output
		return assay.Refuse(CodeIndex, "%d public elements of %d wires", public, r.Wires)
	case constraints == 0:
		return assay.Refuse(CodeFile, "no constraints: nothing would be proved")
	}
	return nil
}

// constraints reads n constraints. A constraint takes twelve bytes at least, a
// term 36: that bounds what is reserved by the file's own length.
func (r *R1CS) constraints(b []byte, n uint32) error {
	if uint64(len(b)) < 12*uint64(n) {
		return assay.Refuse(CodeTruncated, "%d bytes of %d constraints", len(b), n)
	}
	in := reader{b: b}
	r.Constraints = make([]Constraint, n)
	for i := range r.Constraints {
		c := &r.Constraints[i]
		for _, side := range []*[]Term{&c.A, &c.B, &c.C} {
			if *side = in.terms(r.Wires); in.err != nil {
				return in.err
			}
		}
	}
	return in.end()
}

func (r *reader) terms(wires uint32) []Term {
	n := r.u32()
	if r.err == nil && uint64(n)*termBytes > uint64(len(r.b)) {
		r.err = assay.Refuse(CodeTruncated, "a combination of %d terms", n)
	}
	if r.err != nil || n == 0 {
		return nil
	}
	terms := make([]Term, n)
	for i := range terms {
		t := &terms[i]
		t.Wire = r.u32()
		b := r.take(scalarBytes)
		switch {
		case t.Wire >= wires:
			r.err = assay.Refuse(CodeIndex, "wire %d of %d", t.Wire, wires)
		default:
			t.Coef, r.err = scalar(b)
		}
		if r.err != nil {
			return nil
		}
	}
	return terms
}

// Bytes writes the system as circom does.
func (r *R1CS) Bytes() []byte {
	h := binary.LittleEndian.AppendUint32(nil, scalarBytes)
	h = append(h, scalarModulus[:]...)
	for _, n := range []uint32{r.Wires, r.Outputs, r.PublicInputs, r.PrivateInputs} {
		h = binary.LittleEndian.AppendUint32(h, n)
	}
	h = binary.LittleEndian.AppendUint64(h, r.Labels)
	h = binary.LittleEndian.AppendUint32(h, uint32(len(r.Constraints)))
	var rows []byte
	for i := range r.Constraints {
		c := &r.Constraints[i]
		for _, side := range [][]Term{c.A, c.B, c.C} {
			rows = binary.LittleEndian.AppendUint32(rows, uint32(len(side)))
			for j := range side {
				rows = binary.LittleEndian.AppendUint32(rows, side[j].Wire)
				rows = appendScalar(rows, &side[j].Coef)
			}
		}
	}
	labels := make([]byte, 8*int(r.Wires))
	for i := range r.Wires {
		binary.LittleEndian.PutUint64(labels[8*i:], uint64(i))
	}
	c := newContainer("r1cs", 1, 3)
	c.section(r1csConstraints, rows)
	c.section(r1csHeader, h)
	c.section(r1csLabels, labels)
	return c.b
}

// Check refuses a witness that does not satisfy the system, and names the first
// constraint that fails.
func (r *R1CS) Check(w []fr.Element) error {
	if len(w) != int(r.Wires) {
		return assay.Refuse(CodeWitness, "%d values of %d wires", len(w), r.Wires)
	}
	if !w[0].IsOne() {
		return assay.Refuse(CodeUnsatisfied, "the first value is not one")
	}
	for i := range r.Constraints {
		c := &r.Constraints[i]
		a, b, o := eval(c.A, w), eval(c.B, w), eval(c.C, w)
		if a.Mul(&a, &b); !a.Equal(&o) {
			return assay.Refuse(CodeUnsatisfied, "constraint %d of %d", i, len(r.Constraints))
		}
	}
	return nil
}

func eval(terms []Term, w []fr.Element) (sum fr.Element) {
	var t fr.Element
	for i := range terms {
		t.Mul(&terms[i].Coef, &w[terms[i].Wire])
		sum.Add(&sum, &t)
	}
	return sum
}

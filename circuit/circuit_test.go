package circuit

import (
	"bytes"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/constraint/solver"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/std/lookup/logderivlookup"
	"github.com/consensys/gnark/std/math/bits"
	"github.com/consensys/gnark/std/rangecheck"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/merkle"
	"github.com/capacloud/assay/zk"
	"github.com/capacloud/assay/zk/ceremony"
	"github.com/capacloud/assay/zk/circom"
)

// cubic proves knowledge of x with x³ + x·k + 5 = y, and that x fits 16 bits.
type cubic struct {
	X frontend.Variable
	K [2][2]frontend.Variable `gnark:",public"`
}

func (c *cubic) Define(api frontend.API) ([]frontend.Variable, error) {
	bits.ToBinary(api, c.X, bits.WithNbDigits(16))
	k := api.Add(c.K[0][0], api.Mul(2, c.K[0][1]), api.Mul(3, c.K[1][0]), api.Mul(4, c.K[1][1]))
	y := api.Add(api.Mul(c.X, c.X, c.X), api.Mul(c.X, k), 5)
	api.AssertIsDifferent(c.X, 9)
	return []frontend.Variable{y, api.IsZero(api.Sub(c.X, 3))}, nil
}

// gadgets uses what gnark computes beside constraints: commitments, tables and
// inverses.
type gadgets struct {
	X [4]frontend.Variable
	I frontend.Variable
}

func (c *gadgets) Define(api frontend.API) ([]frontend.Variable, error) {
	r := rangecheck.New(api)
	t := logderivlookup.New(api)
	for _, x := range c.X {
		r.Check(x, 20)
		t.Insert(x)
	}
	return []frontend.Variable{t.Lookup(c.I)[0], api.Inverse(c.X[0])}, nil
}

func compiled[C any, P pointer[C]](t testing.TB, c P) *Compiled {
	t.Helper()
	out, err := Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func inputs(t testing.TB, text string) circom.Inputs {
	t.Helper()
	in, err := circom.ParseInputs([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// file returns the file of a bundle with the given name, as a stranger gets it.
func file(t testing.TB, b *Bundle, name string) []byte {
	t.Helper()
	for _, f := range b.Files {
		if f.Name == name {
			return bytes.Clone(f.Bytes)
		}
	}
	t.Fatalf("no file %s", name)
	return nil
}

func parsed(t testing.TB, b *Bundle) (system, outputs *System, key *ProvingKey) {
	t.Helper()
	var err error
	if system, err = ParseSystem(file(t, b, "system")); err != nil {
		t.Fatal(err)
	}
	if outputs, err = ParseSystem(file(t, b, "outputs")); err != nil {
		t.Fatal(err)
	}
	if key, err = ParseProvingKey(file(t, b, "proving.key"), circom.Checked); err != nil {
		t.Fatal(err)
	}
	return system, outputs, key
}

var binding = [zk.BindingElements]fr.Element{fr.NewElement(11), fr.NewElement(12)}

// prove goes the whole way from a bundle's files to a verified proof.
func prove(t testing.TB, b *Bundle, text string) []byte {
	t.Helper()
	system, outputs, key := parsed(t, b)
	w, err := system.Solve(outputs, inputs(t, text), &binding)
	if err != nil {
		t.Fatal(err)
	}
	if err := system.Check(w); err != nil {
		t.Fatal(err)
	}
	proof, err := system.Prove(key, w)
	if err != nil {
		t.Fatal(err)
	}
	if err := zk.Verify(b.Key, [32]byte{}, w.Public(), proof); err != nil {
		t.Fatal(err)
	}
	return w.Public()
}

func numbers(b []byte) (list []uint64) {
	for i := 0; i < len(b); i += 32 {
		var e fr.Element
		e.SetBytes(b[i : i+32])
		list = append(list, e.Uint64())
	}
	return list
}

func TestCircuitComputesItsOutputsAndProvesThem(t *testing.T) {
	b, err := compiled(t, &cubic{}).Setup()
	if err != nil {
		t.Fatal(err)
	}
	got := numbers(prove(t, b, `{"X":3,"K":[[1,"2"],[3,4]]}`))
	want := []uint64{11, 12, 27 + 3*(1+4+9+16) + 5, 1, 1, 2, 3, 4}
	if len(got) != len(want) {
		t.Fatalf("%v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("%v, want %v", got, want)
		}
	}
	if d := b.Descriptor.Circuit; len(d.Public) != 6 || d.Public[0] != "out_0" || d.Public[2] != "K_0_0" || len(d.Inputs) != 2 {
		t.Fatalf("%+v", d)
	}
}

func TestGadgetsWithCommitmentsAndTablesSurviveTheDataForm(t *testing.T) {
	b, err := compiled(t, &gadgets{}).Setup()
	if err != nil {
		t.Fatal(err)
	}
	got := numbers(prove(t, b, `{"X":[1,20,300,4000],"I":2}`))
	if got[2] != 300 || got[3] != 1 {
		t.Fatalf("%v", got)
	}
}

func TestEncodingsAreCanonical(t *testing.T) {
	b, err := compiled(t, &gadgets{}).Setup()
	if err != nil {
		t.Fatal(err)
	}
	system, outputs, key := parsed(t, b)
	for name, got := range map[string][]byte{"system": system.Bytes(), "outputs": outputs.Bytes(), "proving.key": key.Bytes()} {
		if !bytes.Equal(got, file(t, b, name)) {
			t.Errorf("%s: read and written again it is another file", name)
		}
	}
}

func wantCode(t *testing.T, err error, code assay.Code) {
	t.Helper()
	if assay.CodeOf(err) != code || err == nil {
		t.Fatalf("got %v, want %s", err, code)
	}
}

// TestKeysOfACeremonyMakeABundle: nobody's secret is in these keys, if one of the
// contributors was honest.
func TestKeysOfACeremonyMakeABundle(t *testing.T) {
	c := compiled(t, &cubic{})
	r1cs := c.System.R1CS()
	transcript, err := ceremony.Begin(assay.NetworkID{1}, merkle.FileOf(c.System.Bytes()), r1cs)
	if err != nil {
		t.Fatal(err)
	}
	for phase := range byte(2) {
		contribution, err := transcript.Contribute(r1cs)
		if err != nil {
			t.Fatal(err)
		}
		if err := transcript.Add(r1cs, assay.Key{phase}, contribution); err != nil {
			t.Fatal(err)
		}
		if err := transcript.Seal(bytes.Repeat([]byte{phase}, 32)); err != nil {
			t.Fatal(err)
		}
	}
	keys, err := transcript.Verify(r1cs)
	if err != nil {
		t.Fatal(err)
	}
	b, err := c.Bundle(keys.Proving, keys.Verifying)
	if err != nil {
		t.Fatal(err)
	}
	if b.Key.Digest() != keys.Key.Digest() {
		t.Error("the bundle has another key than the ceremony")
	}
	prove(t, b, `{"X":3,"K":[[1,"2"],[3,4]]}`)
}

// long is a chain: each constraint needs the one before.
type long struct{ X frontend.Variable }

func (c *long) Define(api frontend.API) ([]frontend.Variable, error) {
	x := c.X
	for i := range 3000 {
		x = api.Mul(x, api.Add(x, i))
	}
	return []frontend.Variable{x}, nil
}

// TestInstructionsRunInTheirOrderHoweverManyTasks: gnark runs the instructions of
// one level in any order, and a system that was read has been checked in its own.
func TestInstructionsRunInTheirOrderHoweverManyTasks(t *testing.T) {
	forPlonk, err := CompilePlonk(&long{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*Compiled{compiled(t, &long{}), forPlonk} {
		s, err := ParseSystem(c.System.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		w, err := s.Solve(c.Outputs, inputs(t, `{"X":3}`), &binding)
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			full, err := s.full(w.vector)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.r1cs.Solve(full, solver.WithNbTasks(8)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

package circuit

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/frontend"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/zk"
	"github.com/capacloud/assay/zk/circom"
)

func setup(t testing.TB) *Bundle {
	t.Helper()
	b, err := compiled(t, &gadgets{}).Setup()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const gadgetInput = `{"X":[1,20,300,4000],"I":2}`

func TestFilesThatEndEarlyOrLateAreRefused(t *testing.T) {
	b := setup(t)
	for name, f := range map[string]struct {
		step int
		read func([]byte) error
	}{
		"system":      {97, func(b []byte) error { _, err := ParseSystem(b); return err }},
		"outputs":     {97, func(b []byte) error { _, err := ParseSystem(b); return err }},
		"proving.key": {997, func(b []byte) error { _, err := ParseProvingKey(b, circom.Checked); return err }},
	} {
		whole := file(t, b, name)
		for n := 0; n < len(whole); n += f.step {
			if err := f.read(whole[:n]); err == nil || assay.CodeOf(err) == assay.CodeInternal {
				t.Fatalf("%s of %d bytes cut at %d: %v", name, len(whole), n, err)
			}
		}
		wantCode(t, f.read(append(whole, 0)), CodeTrailing)
	}
}

// changed reads a system, changes it behind the reader's back, and reads it again.
func changed(t *testing.T, file []byte, change func(*System)) error {
	t.Helper()
	s, err := ParseSystem(file)
	if err != nil {
		t.Fatal(err)
	}
	change(s)
	_, err = ParseSystem(s.Bytes())
	return err
}

// find returns the first instruction of a kind.
func (s *System) find(kind constraint.BlueprintID) int {
	return slices.IndexFunc(s.r1cs.Instructions, func(p constraint.PackedInstruction) bool { return p.BlueprintID == kind })
}

func TestSystemsThatGnarkWouldStumbleOverAreRefused(t *testing.T) {
	f := file(t, setup(t), "system")
	huge := uint32(1 << 30)
	for _, x := range []struct {
		what   string
		code   assay.Code
		change func(*System)
	}{
		{"an unknown hint", CodeHint, func(s *System) { s.hints = append(s.hints, "zzz/os.Exit") }},
		{"hints out of order", CodeSystem, func(s *System) { s.hints[0], s.hints[1] = s.hints[1], s.hints[0] }},
		{"the hint of a name that is not there", CodeHint, func(s *System) { s.hints = s.hints[:1] }},
		{"two inputs of a name", CodeSystem, func(s *System) { s.r1cs.Secret[0] = s.r1cs.Secret[1] }},
		{"an input without a name", CodeSystem, func(s *System) { s.r1cs.Secret[0] = "" }},
		{"no 1", CodeSystem, func(s *System) { s.r1cs.Public[0] = "2" }},
		{"a wire that nothing computes", CodeOrder, func(s *System) { s.r1cs.NbInternalVariables++ }},
		{"too few wires", CodeSystem, func(s *System) { s.r1cs.NbInternalVariables-- }},
		{"a wire of a constraint that is not there", CodeSystem, func(s *System) { s.call(s.find(kindR1C))[5] = huge }},
		{"a coefficient that is not there", CodeSystem, func(s *System) { s.call(s.find(kindR1C))[4] = huge }},
		{"more terms than words", CodeSystem, func(s *System) { s.call(s.find(kindR1C))[1]++ }},
		{"very many terms", CodeSystem, func(s *System) { s.call(s.find(kindR1C))[1] = 1<<32 - 1 }},
		{"a hint of wires to come", CodeOrder, func(s *System) {
			call := s.call(s.find(kindHint))
			call[5] = uint32(s.Wires() - 1) // the wire of its input's first term
		}},
		{"a hint with outputs that are inputs", CodeOrder, func(s *System) {
			call := s.call(s.find(kindHint))
			call[len(call)-2], call[len(call)-1] = 1, 2
		}},
		{"a hint with outputs beyond the wires", CodeSystem, func(s *System) {
			call := s.call(s.find(kindHint))
			call[len(call)-2], call[len(call)-1] = huge, huge+1
		}},
		{"a hint without outputs", CodeSystem, func(s *System) {
			call := s.call(s.find(kindHint))
			call[len(call)-1] = call[len(call)-2]
		}},
		{"a lookup in more entries than there are", CodeSystem, func(s *System) { s.call(s.find(kindTable))[1] = huge }},
		{"a lookup of more values than there are", CodeSystem, func(s *System) { s.call(s.find(kindTable))[2] = huge }},
		{"a lookup into wires that are not there", CodeLimit, func(s *System) { s.r1cs.Instructions[s.find(kindTable)].WireOffset = huge }},
		{"a table of wires that are not there", CodeSystem, func(s *System) {
			s.r1cs.Blueprints[kindTable].(*constraint.BlueprintLookupHint[constraint.U64]).EntriesCalldata[2] = huge
		}},
		{"a commitment to a public element", CodeSystem, func(s *System) {
			s.r1cs.CommitmentInfo.(constraint.Groth16Commitments)[0].PrivateCommitted[0] = 1
		}},
		{"a commitment to a wire twice", CodeSystem, func(s *System) {
			c := s.r1cs.CommitmentInfo.(constraint.Groth16Commitments)[0].PrivateCommitted
			c[1] = c[0]
		}},
		{"a commitment at a public element", CodeSystem, func(s *System) {
			s.r1cs.CommitmentInfo.(constraint.Groth16Commitments)[0].CommitmentIndex = 1
		}},
		{"more public elements hashed than listed", CodeSystem, func(s *System) {
			s.r1cs.CommitmentInfo.(constraint.Groth16Commitments)[0].NbPublicCommitted = 9
		}},
	} {
		err := changed(t, f, x.change)
		if err == nil || assay.CodeOf(err) != x.code {
			t.Errorf("%s: got %v, want %s", x.what, err, x.code)
		}
	}
	for what, b := range map[string][]byte{
		"a long form":               append([]byte(systemMagic), 0x80, 0x00),
		"very many names":           append([]byte(systemMagic), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f),
		"a number without its end":  append([]byte(systemMagic), 0x80),
		"a number beyond 64 bits":   append([]byte(systemMagic), bytes.Repeat([]byte{0xff}, 11)...),
		"another file":              []byte("assay-r1cs/2\n"),
		"a coefficient not reduced": bytes.Replace(f, coefficient(t, f), bytes.Repeat([]byte{0xff}, 32), 1),
	} {
		if _, err := ParseSystem(b); err == nil || assay.CodeOf(err) == assay.CodeInternal {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// coefficient returns the bytes of one that is in the file.
func coefficient(t *testing.T, f []byte) []byte {
	s, err := ParseSystem(f)
	if err != nil {
		t.Fatal(err)
	}
	e := s.r1cs.Coefficients[fixedCoefs].Bytes()
	return e[:]
}

func TestBadInputsOfACircuit(t *testing.T) {
	b, err := compiled(t, &cubic{}).Setup()
	if err != nil {
		t.Fatal(err)
	}
	system, outputs, _ := parsed(t, b)
	for _, x := range []struct {
		text string
		code assay.Code
	}{
		{`{"X":3}`, CodeInput},
		{`{"K":[[1,2],[3,4]]}`, CodeInput},
		{`{"X":3,"K":[[1,2],[3]]}`, CodeInput},
		{`{"X":3,"K":[[1,2],[3,4,5]]}`, CodeInput},
		{`{"X":[3,3],"K":[[1,2],[3,4]]}`, CodeInput},
		{`{"X":3,"K":[[1,2],[3,4]],"Y":1}`, CodeInput},
		{`{"X":3,"K":[[1,2],[3,4]],"bind":[1,2]}`, CodeInput},
		{`{"X":3,"K":[[1,2],[3,4]],"out":[1,2]}`, CodeInput},
		{`{"X":9,"K":[[1,2],[3,4]]}`, CodeUnsatisfied},
		{`{"X":65536,"K":[[1,2],[3,4]]}`, CodeUnsatisfied},
		{`{"X":-1,"K":[[1,2],[3,4]]}`, CodeUnsatisfied},
	} {
		_, err := system.Solve(outputs, inputs(t, x.text), &binding)
		if err == nil || assay.CodeOf(err) != x.code {
			t.Errorf("%s: got %v, want %s", x.text, err, x.code)
		}
	}
}

// TestWrongOutputsCannotBeProved is a provider that says another output than the
// circuit's.
func TestWrongOutputsCannotBeProved(t *testing.T) {
	b := setup(t)
	system, outputs, key := parsed(t, b)
	for i := range 4 {
		w, err := system.Solve(outputs, inputs(t, gadgetInput), &binding)
		if err != nil {
			t.Fatal(err)
		}
		proof, err := system.Prove(key, w)
		if err != nil {
			t.Fatal(err)
		}
		one := fr.One()
		w.vector[i].Add(&w.vector[i], &one)
		if zk.Verify(b.Key, [32]byte{}, w.Public(), proof) == nil {
			t.Errorf("public element %d was exchanged in a finished proof", i)
		}
		if i < zk.BindingElements {
			continue // another binding is another true statement
		}
		_, err = system.Prove(key, w)
		wantCode(t, err, CodeUnsatisfied)
	}
}

func TestKeyOfAnotherCircuitIsRefused(t *testing.T) {
	b := setup(t)
	other, err := compiled(t, &cubic{}).Setup()
	if err != nil {
		t.Fatal(err)
	}
	system, outputs, _ := parsed(t, b)
	_, _, key := parsed(t, other)
	w, err := system.Solve(outputs, inputs(t, gadgetInput), &binding)
	if err != nil {
		t.Fatal(err)
	}
	_, err = system.Prove(key, w)
	wantCode(t, err, CodeOtherKey)
	// Of the same shape, and made apart: it proves, and the proof is worth nothing.
	again := setup(t)
	_, _, key = parsed(t, again)
	proof, err := system.Prove(key, w)
	if err != nil {
		t.Fatal(err)
	}
	if zk.Verify(b.Key, [32]byte{}, w.Public(), proof) == nil {
		t.Error("a proof under another key verifies")
	}
}

func TestKeysWithWrongPointsAreRefused(t *testing.T) {
	f := file(t, setup(t), "proving.key")
	for what, x := range map[string]struct {
		at   int
		code assay.Code
	}{"the last point": {len(f) - 40, circom.CodeCurve}, "a coordinate above the modulus": {len(f) - 1, circom.CodeElement}} {
		b := slices.Clone(f)
		b[x.at] ^= 0xff
		if _, err := ParseProvingKey(b, circom.Checked); assay.CodeOf(err) != x.code || err == nil {
			t.Errorf("%s: got %v, want %s", what, err, x.code)
		}
	}
	for _, head := range [][]byte{{3}, {1}, {0x80, 0x80, 0x80, 0x80, 0x10}} { // the domain
		b := slices.Concat([]byte(keyMagic), head, f[len(keyMagic)+2:])
		if _, err := ParseProvingKey(b, circom.Checked); err == nil || assay.CodeOf(err) == assay.CodeInternal {
			t.Errorf("domain % x: %v", head, err)
		}
	}
}

// loose has a public input in no constraint.
type loose struct {
	X frontend.Variable
	Y frontend.Variable `gnark:",public"`
}

func (c *loose) Define(api frontend.API) ([]frontend.Variable, error) {
	return []frontend.Variable{api.Mul(c.X, c.X)}, nil
}

type broken struct{ X frontend.Variable }

func (c *broken) Define(frontend.API) ([]frontend.Variable, error) { return nil, errors.New("broken") }

type wild struct{ X frontend.Variable }

func (c *wild) Define(frontend.API) ([]frontend.Variable, error) { panic("wild") }

func TestSourcesThatCannotBecomeJobs(t *testing.T) {
	_, err := Compile(&loose{})
	wantCode(t, err, CodeAuthor)
	_, err = Compile(&broken{})
	wantCode(t, err, CodeAuthor)
	_, err = Compile(&wild{})
	wantCode(t, err, CodeAuthor)
}

func TestCodesAreDocumented(t *testing.T) {
	seen := map[assay.Code]bool{}
	for _, c := range slices.Concat(Codes(), circom.Codes()) {
		if seen[c.Code] || c.Text == "" || c.Hint == "" {
			t.Errorf("%s: twice, or without a text", c.Code)
		}
		seen[c.Code] = true
	}
}

func FuzzParseSystem(f *testing.F) {
	b := setup(f)
	_, _, key := parsed(f, b)
	in := inputs(f, gadgetInput)
	f.Add(file(f, b, "system"))
	f.Add(file(f, b, "outputs"))
	plonk, _, _, srs := plonkOf(f)
	f.Add(file(f, plonk, "system"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseSystem(b)
		if err != nil {
			return
		}
		if !bytes.Equal(s.Bytes(), b) {
			t.Fatal("a second spelling of a system was read")
		}
		w, err := s.Solve(s, in, nil)
		if err != nil {
			w, err = s.Solve(nil, in, &binding)
		}
		if err == nil {
			_ = s.Check(w)
			_, _ = s.Prove(key, w)
			if k, err := s.PlonkKey(srs, nil); err == nil {
				_, _ = s.ProvePlonk(k, w)
			}
		}
	})
}

func FuzzParseProvingKey(f *testing.F) {
	b := setup(f)
	system, outputs, _ := parsed(f, b)
	w, err := system.Solve(outputs, inputs(f, gadgetInput), &binding)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file(f, b, "proving.key"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, trust := range []circom.Trust{circom.Checked, circom.Pinned} {
			k, err := ParseProvingKey(b, trust)
			if err != nil {
				continue
			}
			if !bytes.Equal(k.Bytes(), b) {
				t.Fatal("a second spelling of a key was read")
			}
			_, _ = system.Prove(k, w)
		}
	})
}

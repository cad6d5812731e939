package circom

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	curve "github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/zk"
)

const goodInput = `{"bind":["5","6"],"a":3,"b":"2"}`

func wantCode(t *testing.T, what string, err error, code assay.Code) {
	t.Helper()
	if err == nil || assay.CodeOf(err) != code {
		t.Errorf("%s: got %v, want %s", what, err, code)
	}
}

// rebuild changes one section of a container.
func rebuild(t testing.TB, file []byte, kind uint32, change func([]byte) []byte) []byte {
	t.Helper()
	out := slices.Clone(file[:12])
	for rest := file[12:]; len(rest) > 0; {
		k, n := binary.LittleEndian.Uint32(rest), binary.LittleEndian.Uint64(rest[4:])
		content := slices.Clone(rest[12 : 12+n])
		rest = rest[12+n:]
		if k == kind {
			content = change(content)
		}
		c := &container{}
		c.section(k, content)
		out = append(out, c.b...)
	}
	return out
}

// put overwrites bytes of a section.
func put(at int, b ...byte) func([]byte) []byte {
	return func(s []byte) []byte { copy(s[at:], b); return s }
}

func TestFilesThatEndEarlyOrLateAreRefused(t *testing.T) {
	c := newChain(t)
	w := c.witness(t, goodInput)
	for name, f := range map[string]struct {
		file []byte
		step int
		read func([]byte) error
	}{
		"r1cs": {c.system.Bytes(), 1, func(b []byte) error { _, err := ParseR1CS(b); return err }},
		"wtns": {EncodeWitness(w), 1, func(b []byte) error { _, err := ParseWitness(b); return err }},
		"zkey": {c.zkey, 37, func(b []byte) error { _, err := ParseZKey(b, Checked); return err }},
	} {
		if err := f.read(f.file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for n := 0; n < len(f.file); n += f.step {
			err := f.read(f.file[:n])
			if code := assay.CodeOf(err); err == nil || code != CodeTruncated && code != CodeFile {
				t.Fatalf("%s of %d bytes cut at %d: %v", name, len(f.file), n, err)
			}
		}
		wantCode(t, name, f.read(append(slices.Clone(f.file), 0)), CodeTrailing)
	}
}

func TestMalformedFiles(t *testing.T) {
	c := newChain(t)
	r1cs := func(b []byte) error { _, err := ParseR1CS(b); return err }
	wtns := func(b []byte) error { _, err := ParseWitness(b); return err }
	zkey := func(b []byte) error { _, err := ParseZKey(b, Checked); return err }
	system, witness := c.system.Bytes(), EncodeWitness(c.witness(t, goodInput))
	headerPoints := 2*(4+scalarBytes) + 12
	overModulus := func(m [32]byte) []byte { return m[:] }
	for _, x := range []struct {
		what string
		err  error
		code assay.Code
	}{
		{"other magic", r1cs(append([]byte("r1ct"), system[4:]...)), CodeFile},
		{"other version", r1cs(append([]byte("r1cs\x02"), system[5:]...)), CodeFile},
		{"a zkey as r1cs", r1cs(c.zkey), CodeFile},
		{"a section twice", r1cs(bytes.Replace(system, []byte{3, 0, 0, 0, 8 * 13}, []byte{1, 0, 0, 0, 8 * 13}, 1)), CodeFile},
		{"r1cs of another field", r1cs(rebuild(t, system, r1csHeader, put(4, 2))), CodeField},
		{"longer elements", r1cs(rebuild(t, system, r1csHeader, put(0, 48))), CodeField},
		{"more wires than labels", r1cs(rebuild(t, system, r1csHeader, put(36, 200))), CodeTruncated},
		{"too many wires", r1cs(rebuild(t, system, r1csHeader, put(39, 0xff))), CodeLimit},
		{"more public elements than wires", r1cs(rebuild(t, system, r1csHeader, put(40, 0xff))), CodeIndex},
		{"more constraints than there are", r1cs(rebuild(t, system, r1csHeader, put(60, 200))), CodeTruncated},
		{"no constraints", r1cs(rebuild(t, rebuild(t, system, r1csHeader, put(60, 0)), r1csConstraints, func([]byte) []byte { return nil })), CodeFile},
		{"a wire that is not there", r1cs(rebuild(t, system, r1csConstraints, put(4, 200))), CodeIndex},
		{"a coefficient above the modulus", r1cs(rebuild(t, system, r1csConstraints, put(8, overModulus(scalarModulus)...))), CodeElement},
		{"a combination of many terms", r1cs(rebuild(t, system, r1csConstraints, put(0, 0xff, 0xff, 0xff, 0xff))), CodeTruncated},
		{"custom gates", r1cs(custom(system)), CodeCustomGates},

		{"a value above the modulus", wtns(rebuild(t, witness, wtnsValues, put(0, overModulus(scalarModulus)...))), CodeElement},
		{"no values", wtns(rebuild(t, witness, wtnsHeader, put(36, 0))), CodeLimit},
		{"witness of another field", wtns(rebuild(t, witness, wtnsHeader, put(5, 1))), CodeField},

		{"PLONK", zkey(rebuild(t, c.zkey, zkeyHeader, put(0, 2))), CodeProtocol},
		{"other base field", zkey(rebuild(t, c.zkey, zkeyGroth16, put(4, 0))), CodeField},
		{"a domain that is no power of two", zkey(rebuild(t, c.zkey, zkeyGroth16, put(headerPoints-4, 15))), CodeFile},
		{"a huge domain", zkey(rebuild(t, c.zkey, zkeyGroth16, put(headerPoints-4, 0, 0, 0, 0x80))), CodeLimit},
		{"a larger domain", zkey(rebuild(t, c.zkey, zkeyGroth16, put(headerPoints-4, 32))), CodeTruncated},
		{"alpha at infinity", zkey(rebuild(t, c.zkey, zkeyGroth16, put(headerPoints, make([]byte, 64)...))), CodeInfinity},
		{"delta at infinity", zkey(rebuild(t, c.zkey, zkeyGroth16, put(headerPoints+64+64+128+128+64, make([]byte, 128)...))), CodeInfinity},
		{"alpha off the curve", zkey(rebuild(t, c.zkey, zkeyGroth16, put(headerPoints, 1, 2, 3))), CodeCurve},
		{"a coordinate above the modulus", zkey(rebuild(t, c.zkey, zkeyA, put(0, overModulus(baseModulus)...))), CodeElement},
		{"a public element at infinity", zkey(rebuild(t, c.zkey, zkeyIC, put(g1Bytes, make([]byte, 64)...))), CodeInfinity},
		{"a point of A off the curve", zkey(rebuild(t, c.zkey, zkeyA, put(g1Bytes, 1))), CodeCurve},
		{"a point of B2 off the curve", zkey(rebuild(t, c.zkey, zkeyB2, put(g2Bytes*3, 1))), CodeCurve},
		{"a point of B2 off the subgroup", zkey(rebuild(t, c.zkey, zkeyB2, put(g2Bytes*3, offSubgroup(t)...))), CodeSubgroup},
		{"gamma off the subgroup", zkey(rebuild(t, c.zkey, zkeyGroth16, put(headerPoints+64+64+128, offSubgroup(t)...))), CodeSubgroup},
		{"a coefficient of a third side", zkey(rebuild(t, c.zkey, zkeyCoefs, put(4, 2))), CodeIndex},
		{"a coefficient of no wire", zkey(rebuild(t, c.zkey, zkeyCoefs, put(12, 0xff))), CodeIndex},
		{"a coefficient above the modulus in a key", zkey(rebuild(t, c.zkey, zkeyCoefs, put(16, overModulus(scalarModulus)...))), CodeElement},
		{"fewer coefficients than bytes", zkey(rebuild(t, c.zkey, zkeyCoefs, put(0, 1))), CodeTrailing},
		{"more coefficients than bytes", zkey(rebuild(t, c.zkey, zkeyCoefs, put(0, 255))), CodeTruncated},
		{"a list that is too long", zkey(rebuild(t, c.zkey, zkeyC, func(b []byte) []byte { return append(b, make([]byte, 64)...) })), CodeTrailing},
	} {
		wantCode(t, x.what, x.err, x.code)
	}
}

// custom adds a section of custom gates.
func custom(system []byte) []byte {
	c := &container{slices.Clone(system)}
	c.b[8]++
	c.section(r1csCustomList, []byte{1, 0, 0, 0, 'g', 0, 0, 0, 0, 0})
	return c.b
}

// offSubgroup returns a point on the curve of G2 that is outside the subgroup.
func offSubgroup(t testing.TB) []byte {
	t.Helper()
	var b curve.E2
	_, _, _, g := curve.Generators()
	var left, x3 curve.E2
	left.Square(&g.Y)
	x3.Square(&g.X).Mul(&x3, &g.X)
	b.Sub(&left, &x3) // of y² = x³ + b
	for i := range uint64(100) {
		p := curve.G2Affine{X: curve.E2{A0: fp.NewElement(i)}}
		var y2 curve.E2
		y2.Square(&p.X).Mul(&y2, &p.X).Add(&y2, &b)
		if y2.Legendre() != 1 {
			continue
		}
		p.Y.Sqrt(&y2)
		if p.IsOnCurve() && !p.IsInSubGroup() {
			return AppendG2(nil, &p)
		}
	}
	t.Fatal("no such point found")
	return nil
}

// TestOneChangedBitInAKeyYieldsNoProof flips bits all over a .zkey: it is
// refused, or what it proves does not verify. Contributions do not decide.
func TestOneChangedBitInAKeyYieldsNoProof(t *testing.T) {
	c := newChain(t)
	// No value is a multiple of 2 or 3: with one coordinate zero, a changed point at
	// infinity has that order, and would vanish.
	w := c.witness(t, `{"bind":[1009,1013],"a":5,"b":11}`)
	vk, err := c.key.VerifyingKey()
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := vk.Load()
	if err != nil {
		t.Fatal(err)
	}
	contributions := len(c.zkey) - 12 - 68
	r, s := fr.NewElement(3), fr.NewElement(4)
	proof, err := c.key.prove(t.Context(), w, &r, &s, nil)
	if err != nil || verifier.Verify([32]byte{}, public(c.key, w), proof.Bytes()) != nil {
		t.Fatalf("the unchanged key does not prove: %v", err)
	}
	step := 101
	if testing.Short() {
		step = 1009
	}
	accepted := 0
	for bit := 0; bit < 8*contributions; bit += step {
		c.zkey[bit/8] ^= 1 << (bit % 8)
		for _, trust := range []Trust{Checked, Pinned} {
			k, err := ParseZKey(c.zkey, trust)
			if err != nil {
				continue
			}
			accepted++
			other, err := k.VerifyingKey()
			if err != nil || other.Digest() != vk.Digest() {
				continue // the executor compares this with the descriptor's
			}
			proof, err := k.prove(t.Context(), w, &r, &s, nil)
			if err == nil && verifier.Verify([32]byte{}, public(c.key, w), proof.Bytes()) == nil {
				t.Errorf("bit %d (%d): the changed key proves", bit, trust)
			}
		}
		c.zkey[bit/8] ^= 1 << (bit % 8)
	}
	if accepted == 0 {
		t.Fatal("no changed key was ever parsed: the test shows nothing")
	}
}

func TestWitnessThatDoesNotSatisfyIsFoundAndProvesNothing(t *testing.T) {
	c := newChain(t)
	vk, err := c.key.VerifyingKey()
	if err != nil {
		t.Fatal(err)
	}
	for i := range c.key.Wires {
		w := c.witness(t, goodInput)
		one := fr.One()
		w[i].Add(&w[i], &one)
		if i == 1 || i == 2 { // the binding is free: it makes another true statement
			if err := c.system.Check(w); err != nil {
				t.Errorf("wire %d: %v", i, err)
			}
			continue
		}
		wantCode(t, "check", c.system.Check(w), CodeUnsatisfied)
		proof, err := c.key.Prove(t.Context(), w, nil)
		if err != nil {
			t.Fatal(err)
		}
		if zk.Verify(vk, [32]byte{}, public(c.key, w), proof.Bytes()) == nil {
			t.Errorf("wire %d changed, and the proof verifies", i)
		}
	}
	w := c.witness(t, goodInput)
	wantCode(t, "short witness", c.system.Check(w[1:]), CodeWitness)
	_, err = c.key.Prove(t.Context(), w[1:], nil)
	wantCode(t, "short witness", err, CodeWitness)
}

// TestUnusedPublicInputsAreBound holds the trap that Groth16 sets: a public input
// in no constraint. The setup adds a row for it, as snarkjs does.
func TestUnusedPublicInputsAreBound(t *testing.T) {
	c := newChain(t)
	vk, err := c.key.VerifyingKey()
	if err != nil {
		t.Fatal(err)
	}
	w := c.witness(t, goodInput)
	proof, err := c.key.Prove(t.Context(), w, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range c.key.Public {
		other := slices.Clone(w)
		one := fr.One()
		other[1+i].Add(&other[1+i], &one)
		if zk.Verify(vk, [32]byte{}, public(c.key, other), proof.Bytes()) == nil {
			t.Errorf("public element %d was exchanged in a finished proof", i)
		}
	}
}

func TestKeyOfAnotherCircuitIsRefused(t *testing.T) {
	c := newChain(t)
	if err := c.key.Matches(c.system); err != nil {
		t.Fatal(err)
	}
	one := fr.One()
	for what, change := range map[string]func(*R1CS){
		"a coefficient":    func(r *R1CS) { r.Constraints[3].A[0].Coef.Double(&one) },
		"a wire":           func(r *R1CS) { r.Constraints[3].B[0].Wire = 1 },
		"a constraint":     func(r *R1CS) { r.Constraints = r.Constraints[1:] },
		"a term more":      func(r *R1CS) { r.Constraints[2].A = append(r.Constraints[2].A, Term{2, one}) },
		"a wire more":      func(r *R1CS) { r.Wires++ },
		"an output less":   func(r *R1CS) { r.Outputs-- },
		"many constraints": func(r *R1CS) { r.Constraints = slices.Repeat(r.Constraints, 5) },
	} {
		r, err := ParseR1CS(c.system.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		change(r)
		wantCode(t, what, c.key.Matches(r), CodeMismatch)
	}
	r, err := ParseR1CS(c.system.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	k := &r.Constraints[1]
	k.A = append(k.A, Term{2, one}, Term{2, *new(fr.Element).Neg(&one)}) // adds nothing
	if err := c.key.Matches(r); err != nil {
		t.Errorf("the same sum written otherwise: %v", err)
	}
}

func TestBadInputs(t *testing.T) {
	for _, x := range []struct {
		text string
		code assay.Code
	}{
		{`[]`, CodeInput},
		{``, CodeInput},
		{`{`, CodeInput},
		{`{"a":}`, CodeInput},
		{`{"a":1}{}`, CodeInput},
		{`{"a":1,"a":2}`, CodeInput},
		{`{"a":true}`, CodeInput},
		{`{"a":null}`, CodeInput},
		{`{"a":{"b":1}}`, CodeInput},
		{`{"a":[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}`, CodeInput},
		{`{"a":1.5}`, CodeInputRange},
		{`{"a":1e3}`, CodeInputRange},
		{`{"a":"0x10"}`, CodeInputRange},
		{`{"a":""}`, CodeInputRange},
		{`{"a":"-"}`, CodeInputRange},
		{`{"a":"+1"}`, CodeInputRange},
		{`{"a":"21888242871839275222246405745257275088548364400416034343698204186575808495617"}`, CodeInputRange},
		{`{"a":"-21888242871839275222246405745257275088548364400416034343698204186575808495617"}`, CodeInputRange},
	} {
		_, err := ParseInputs([]byte(x.text))
		wantCode(t, x.text, err, x.code)
	}
	in, err := ParseInputs([]byte(`{"a":[["1",2],[-1]],"b":[]}`))
	if err != nil || len(in["a"]) != 3 || len(in["b"]) != 0 {
		t.Fatalf("%v %v", in, err)
	}
	if minus := fr.NewElement(0); !minus.Sub(&minus, &in["a"][0]).Equal(&in["a"][2]) {
		t.Error("-1 is not minus one")
	}

	c := newChain(t)
	for _, x := range []struct {
		text string
		code assay.Code
	}{
		{`{"bind":["5","6"],"a":3}`, CodeInput},
		{`{"bind":["5","6"],"a":3,"b":2,"c":1}`, CodeInput},
		{`{"bind":["5"],"a":3,"b":2}`, CodeInput},
		{`{"bind":["5","6"],"a":[3,4],"b":2}`, CodeInput},
		{`{"bind":["5","6"],"a":3,"b":7}`, CodeAssert},
	} {
		in, err := ParseInputs([]byte(x.text))
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.program.Witness(t.Context(), in, Limits{fuel, memory})
		wantCode(t, x.text, err, x.code)
	}
}

func TestWitnessProgramsAreLimited(t *testing.T) {
	c := newChain(t)
	in, err := ParseInputs([]byte(goodInput))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []uint64{0, 1000, 1 << 20, c.program.setup, c.program.setup + 1000} {
		_, err := c.program.Witness(t.Context(), in, Limits{f, memory})
		wantCode(t, "little fuel", err, CodeFuel)
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.program.Witness(done, in, Limits{fuel, memory}); err == nil {
		// A short run may end before it looks; a proof looks between its steps.
		if _, err := c.key.Prove(done, c.witness(t, goodInput), nil); !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled proof: %v", err)
		}
	}
	wasm := read(t, "chain.wasm")
	for _, x := range []struct {
		what   string
		b      []byte
		memory uint64
		code   assay.Code
	}{
		{"no wasm", []byte("wasm"), memory, CodeProgram},
		{"cut", wasm[:1000], memory, CodeProgram},
		{"little memory", wasm, 64 << 10, CodeProgram},
		{"a foreign import", bytes.Replace(wasm, []byte("\x10exceptionHandler"), []byte("\x10exceptionHandlex"), 1), memory, CodeProgram},
		{"a foreign module", bytes.Replace(wasm, []byte("\x07runtime\x10"), []byte("\x07runtims\x10"), 1), memory, CodeProgram},
	} {
		_, err := Compile(t.Context(), x.b, x.memory)
		wantCode(t, x.what, err, x.code)
	}
	// Modules that load and are no witness programs.
	for _, name := range []string{"getVersion", "setInputSignal", "getWitness", "getSharedRWMemoryStart", "getInputSignalSize", "getWitnessSize", "init"} {
		other := bytes.Replace(wasm, []byte(string(rune(len(name)))+name), []byte(string(rune(len(name)))+name[:len(name)-1]+"_"), 1)
		p, err := Compile(t.Context(), other, memory)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_, err = p.Witness(t.Context(), in, Limits{fuel, memory})
		wantCode(t, name, err, CodeProgram)
		if err := p.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

package groth16_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	curve "github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	gnark "github.com/consensys/gnark/backend/groth16/bn254"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/zk/bn254"
	"github.com/capacloud/assay/zk/groth16"
	"github.com/capacloud/assay/zk/zktest"
)

// proved is a genuine proof in the forms of this package.
type proved struct {
	setup  *zktest.Setup
	key    *groth16.Key
	public []byte
	inputs []bn254.Element
	raw    []byte
	proof  []byte
}

func prove(tb testing.TB, inputs, commitments int) *proved {
	tb.Helper()
	p := &proved{setup: zktest.Groth16(tb, inputs, commitments)}
	for i := range inputs {
		x := bn254.Element{} // of full size, as digests are
		x.SetUint64(uint64(3*i + 5)).Inverse(&x)
		e := x.Bytes()
		p.public = append(p.public, e[:]...)
	}
	var err error
	if p.key, err = groth16.ParseGnarkKey(p.setup.KeyBytes()); err != nil {
		tb.Fatal(err)
	}
	p.raw = p.setup.Prove(tb, p.public)
	if p.proof, err = groth16.ProofFromGnark(p.raw); err != nil {
		tb.Fatal(err)
	}
	if p.inputs, err = bn254.Scalars(p.public); err != nil {
		tb.Fatal(err)
	}
	return p
}

// TestAgreesWithGnark verifies proofs of gnark's prover with and without
// commitments, here and there, for the true and for false statements.
func TestAgreesWithGnark(t *testing.T) {
	for _, shape := range [][2]int{{1, 0}, {2, 0}, {5, 0}, {20, 0}, {2, 1}, {3, 2}, {2, 3}} {
		t.Run(fmt.Sprint(shape), func(t *testing.T) {
			p := prove(t, shape[0], shape[1])
			if p.key.Inputs() != shape[0] || p.key.Commitments() != shape[1] {
				t.Fatalf("a key of %d inputs and %d commitments", p.key.Inputs(), p.key.Commitments())
			}
			proof := new(gnark.Proof)
			if _, err := proof.ReadFrom(bytes.NewReader(p.raw)); err != nil {
				t.Fatal(err)
			}
			for i := range shape[0] + 1 {
				inputs := append(fr.Vector(nil), p.inputs...)
				if i < shape[0] {
					inputs[i].SetUint64(77)
				}
				theirs, ours := gnark.Verify(proof, p.setup.VK, append(fr.Vector(nil), inputs...)), p.key.Verify(inputs, p.proof)
				if (theirs == nil) != (ours == nil) || (ours == nil) != (i == shape[0]) {
					t.Errorf("input %d changed: gnark says %v, we say %v", i, theirs, ours)
				}
			}
			again, err := groth16.ParseKey(p.key.Bytes())
			if err != nil || !bytes.Equal(again.Bytes(), p.key.Bytes()) {
				t.Fatalf("the key does not survive its encoding: %v", err)
			}
			if err := again.Prepare(); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := again.Verify(p.inputs, p.proof); err != nil {
					t.Errorf("a prepared key: %v", err)
				}
			}
			other := append(fr.Vector(nil), p.inputs...)
			other[0].SetUint64(77)
			if err := again.Verify(other, p.proof); err == nil {
				t.Error("a prepared key accepts another statement")
			}
		})
	}
}

// TestEveryBit flips every bit of a proof with a commitment, of a proof without,
// and of both keys: none is accepted.
func TestEveryBit(t *testing.T) {
	step := 5 // every fifth bit; all of them take minutes
	if os.Getenv("ASSAY_EXHAUSTIVE") != "" {
		step = 1
	} else if testing.Short() {
		step = 37
	}
	for _, commitments := range []int{0, 1} {
		p := prove(t, 2, commitments)
		key := p.key.Bytes()
		flips(p.proof, step, func(i int, b []byte) {
			if p.key.Verify(p.inputs, b) == nil {
				t.Errorf("%d commitments: bit %d of the proof does not matter", commitments, i)
			}
		})
		flips(key, step, func(i int, b []byte) {
			k, err := groth16.ParseKey(b)
			if err == nil && k.Verify(p.inputs, p.proof) == nil {
				t.Errorf("%d commitments: bit %d of the key does not matter", commitments, i)
			}
		})
		flips(p.setup.KeyBytes(), step, func(i int, b []byte) {
			k, err := groth16.ParseGnarkKey(b)
			if err != nil {
				return
			}
			if bytes.Equal(k.Bytes(), key) && !unused(i) {
				t.Errorf("%d commitments: bit %d of gnark's key does not matter", commitments, i)
			}
		})
	}
}

// unused tells the bits of gnark's key that are no part of ours: [β]₁ and [δ]₁.
func unused(bit int) bool {
	at := bit / 8
	return at >= 32 && at < 64 || at >= 192 && at < 224
}

func flips(b []byte, step int, try func(bit int, b []byte)) {
	for i := 0; i < 8*len(b); i += step {
		c := bytes.Clone(b)
		c[i/8] ^= 1 << (i % 8)
		try(i, c)
	}
}

// TestRefusals gives each way to be wrong its own code.
func TestRefusals(t *testing.T) {
	p := prove(t, 2, 0)
	committed := prove(t, 2, 1)
	q := []byte{0x30, 0x64, 0x4e, 0x72, 0xe1, 0x31, 0xa0, 0x29, 0xb8, 0x50, 0x45, 0xb6, 0x81, 0x81, 0x58, 0x5d, 0x97, 0x81, 0x6a, 0x91, 0x68, 0x71, 0xca, 0x8d, 0x3c, 0x20, 0x8c, 0x16, 0xd8, 0x7c, 0xfd, 0x47}
	edit := func(b []byte, at int, with ...byte) []byte {
		c := bytes.Clone(b)
		copy(c[at:], with)
		return c
	}
	plusQ := func(b []byte, at int) []byte {
		c, carry := bytes.Clone(b), 0
		for i := 31; i >= 0; i-- {
			sum := int(c[at+i]) + int(q[i]) + carry
			c[at+i], carry = byte(sum), sum>>8
		}
		return c
	}
	// A point of the twist outside the subgroup: x = 1 + i·t for the first t that is on it.
	for _, c := range []struct {
		name  string
		key   *groth16.Key
		proof []byte
		n     int
		want  assay.Code
	}{
		{"whole", p.key, p.proof, 2, ""},
		{"truncated", p.key, p.proof[:255], 2, groth16.CodeLength},
		{"a byte more", p.key, append(bytes.Clone(p.proof), 0), 2, groth16.CodeLength},
		{"empty", p.key, nil, 2, groth16.CodeLength},
		{"an input less", p.key, p.proof, 1, groth16.CodeInputs},
		{"A at infinity", p.key, edit(p.proof, 0, make([]byte, 64)...), 2, bn254.CodeInfinity},
		{"B at infinity", p.key, edit(p.proof, 64, make([]byte, 128)...), 2, bn254.CodeInfinity},
		{"C at infinity", p.key, edit(p.proof, 192, make([]byte, 64)...), 2, bn254.CodeInfinity},
		{"A off the curve", p.key, edit(p.proof, 63, p.proof[63]^1), 2, bn254.CodeCurve},
		{"x of A plus q", p.key, plusQ(p.proof, 0), 2, bn254.CodeCoordinate},
		{"y of C plus q", p.key, plusQ(p.proof, 224), 2, bn254.CodeCoordinate},
		{"x.real of B plus q", p.key, plusQ(p.proof, 96), 2, bn254.CodeCoordinate},
		{"A flagged as compressed", p.key, edit(p.proof, 0, p.proof[0]|0x80), 2, bn254.CodeCoordinate},
		{"A flagged as infinity", p.key, edit(p.proof, 0, append([]byte{0x40}, make([]byte, 63)...)...), 2, bn254.CodeCoordinate},
		{"the parts of B exchanged", p.key, edit(edit(p.proof, 64, p.proof[96:128]...), 96, p.proof[64:96]...), 2, bn254.CodeCurve},
		{"A for C", p.key, edit(p.proof, 192, p.proof[:64]...), 2, groth16.CodePairing},
		{"a proof without the key's commitment", committed.key, p.proof, 2, groth16.CodeLength},
		{"a commitment exchanged", committed.key, edit(committed.proof, 256, committed.proof[:64]...), 2, groth16.CodePedersen},
		{"its proof of knowledge exchanged", committed.key, edit(committed.proof, 320, committed.proof[:64]...), 2, groth16.CodePedersen},
		{"another key", prove(t, 2, 0).key, p.proof, 2, groth16.CodePairing},
	} {
		err := c.key.Verify(p.inputs[:c.n], c.proof)
		if got := code(err); got != c.want {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func code(err error) assay.Code {
	if err == nil {
		return ""
	}
	return assay.CodeOf(err)
}

// TestMalleable shows why proof bytes are no identity: (−A, −B, C) proves the
// same, and is accepted, as it must be.
func TestMalleable(t *testing.T) {
	p := prove(t, 2, 0)
	var a bn254.G1
	var b bn254.G2
	parsed, err := groth16.ParseProof(p.proof, 0)
	if err != nil {
		t.Fatal(err)
	}
	a.Neg(&parsed.A)
	b.Neg(&parsed.B)
	other := bn254.AppendG1(bn254.AppendG2(bn254.AppendG1(nil, &a), &b), &parsed.C)
	if err := p.key.Verify(p.inputs, other); err != nil || bytes.Equal(other, p.proof) {
		t.Errorf("a re-randomised proof: %v", err)
	}
}

// TestKeyRefusals: a point at infinity in a key frees what it stands for.
func TestKeyRefusals(t *testing.T) {
	p := prove(t, 2, 0)
	points := func() *groth16.Points {
		g := &groth16.Points{
			Alpha: bn254.AppendG1(nil, &p.key.Alpha), Beta: bn254.AppendG2(nil, &p.key.Beta),
			Gamma: bn254.AppendG2(nil, &p.key.Gamma), Delta: bn254.AppendG2(nil, &p.key.Delta),
		}
		for i := range p.key.IC {
			g.IC = append(g.IC, bn254.AppendG1(nil, &p.key.IC[i]))
		}
		return g
	}
	if k, err := groth16.KeyOf(points()); err != nil || !bytes.Equal(k.Bytes(), p.key.Bytes()) {
		t.Fatalf("a key of its points: %v", err)
	}
	for name, c := range map[string]struct {
		edit func(*groth16.Points)
		want assay.Code
	}{
		"ic at infinity":    {func(g *groth16.Points) { g.IC[1] = make([]byte, 64) }, bn254.CodeInfinity},
		"delta at infinity": {func(g *groth16.Points) { g.Delta = make([]byte, 128) }, bn254.CodeInfinity},
		"no ic":             {func(g *groth16.Points) { g.IC = nil }, groth16.CodeKey},
		"too many":          {func(g *groth16.Points) { g.IC = make([][]byte, 2000) }, groth16.CodeKey},
		"short alpha":       {func(g *groth16.Points) { g.Alpha = g.Alpha[:63] }, bn254.CodeSlot},
	} {
		g := points()
		c.edit(g)
		if _, err := groth16.KeyOf(g); code(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	file := p.setup.KeyBytes()
	for name, b := range map[string][]byte{"a byte more": append(bytes.Clone(file), 0), "a byte less": file[:len(file)-1], "empty": nil} {
		if _, err := groth16.ParseGnarkKey(b); code(err) != groth16.CodeKey {
			t.Errorf("gnark's key with %s: %v", name, err)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	p := prove(f, 2, 1)
	f.Add(p.key.Bytes())
	f.Add(p.setup.KeyBytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if k, err := groth16.ParseKey(b); err == nil && !bytes.Equal(k.Bytes(), b) {
			t.Error("a second spelling of a key")
		}
		if k, err := groth16.ParseGnarkKey(b); err == nil {
			if _, err := groth16.ParseKey(k.Bytes()); err != nil {
				t.Error(err)
			}
		}
	})
}

func FuzzVerify(f *testing.F) {
	p := prove(f, 2, 1)
	f.Add(p.proof)
	f.Add(p.raw)
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := p.key.Verify(p.inputs, b); err == nil && !bytes.Equal(b, p.proof) {
			t.Error("a fuzzer found a proof")
		}
		if proof, err := groth16.ProofFromGnark(b); err == nil && len(proof) < groth16.ProofSize {
			t.Error("a short proof")
		}
	})
}

// BenchmarkVerify compares with the bare pairing check and with gnark.
func BenchmarkVerify(b *testing.B) {
	p := prove(b, 5, 0)
	proof := new(gnark.Proof)
	if _, err := proof.ReadFrom(bytes.NewReader(p.raw)); err != nil {
		b.Fatal(err)
	}
	b.Run("assay", func(b *testing.B) {
		for b.Loop() {
			if err := p.key.Verify(p.inputs, p.proof); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("prepared", func(b *testing.B) {
		key := *p.key
		if err := key.Prepare(); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if err := key.Verify(p.inputs, p.proof); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bare", func(b *testing.B) { // the pairing check alone, of points at hand
		parsed, err := groth16.ParseProof(p.proof, 0)
		if err != nil {
			b.Fatal(err)
		}
		g1 := []bn254.G1{parsed.A, p.key.Alpha, p.key.IC[0], parsed.C}
		g2 := []bn254.G2{parsed.B, p.key.Beta, p.key.Gamma, p.key.Delta}
		for b.Loop() {
			if _, err := curve.PairingCheck(g1, g2); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("gnark", func(b *testing.B) {
		for b.Loop() {
			if err := gnark.Verify(proof, p.setup.VK, p.inputs[:len(p.inputs):len(p.inputs)]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("key", func(b *testing.B) {
		key := p.key.Bytes()
		for b.Loop() {
			if _, err := groth16.ParseKey(key); err != nil {
				b.Fatal(err)
			}
		}
	})
}

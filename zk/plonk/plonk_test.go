package plonk_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	gnark "github.com/consensys/gnark/backend/plonk/bn254"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/zk/bn254"
	"github.com/capacloud/assay/zk/plonk"
	"github.com/capacloud/assay/zk/zktest"
)

type proved struct {
	key    *plonk.Key
	vk     *gnark.VerifyingKey
	inputs []bn254.Element
	proof  []byte
	theirs *gnark.Proof
}

func prove(tb testing.TB, inputs, commitments int) *proved {
	tb.Helper()
	var public []byte
	for i := range inputs {
		public = append(public, zktest.Element(uint64(7*i+2))...)
	}
	p := new(proved)
	p.vk, p.theirs = zktest.Plonk(tb, public, commitments)
	p.proof = plonk.ProofFromGnark(p.theirs)
	var err error
	if p.key, err = plonk.KeyFromGnark(p.vk); err != nil {
		tb.Fatal(err)
	}
	if p.inputs, err = bn254.Scalars(public); err != nil {
		tb.Fatal(err)
	}
	return p
}

// TestAgreesWithGnark verifies proofs of gnark's prover, whose linearised
// polynomial is not sent, here and there, for the true and for false statements.
func TestAgreesWithGnark(t *testing.T) {
	for _, shape := range [][2]int{{1, 0}, {2, 1}, {5, 0}, {3, 2}} {
		t.Run(fmt.Sprint(shape), func(t *testing.T) {
			p := prove(t, shape[0], shape[1])
			if !bytes.Equal(p.proof, p.theirs.MarshalSolidity()) {
				t.Error("the layout is not gnark's")
			}
			for i := range shape[0] + 1 {
				inputs := append(fr.Vector(nil), p.inputs...)
				if i < shape[0] {
					inputs[i].SetUint64(77)
				}
				theirs, ours := gnark.Verify(p.theirs, p.vk, append(fr.Vector(nil), inputs...)), p.key.Verify(inputs, p.proof)
				if (theirs == nil) != (ours == nil) || (ours == nil) != (i == shape[0]) {
					t.Errorf("input %d changed: gnark says %v, we say %v", i, theirs, ours)
				}
			}
			again, err := plonk.ParseKey(p.key.Bytes())
			if err != nil || !bytes.Equal(again.Bytes(), p.key.Bytes()) {
				t.Fatalf("the key does not survive its encoding: %v", err)
			}
		})
	}
}

// TestEveryBit flips bits of a proof and of a key: none is accepted.
func TestEveryBit(t *testing.T) {
	step := 23
	if os.Getenv("ASSAY_EXHAUSTIVE") != "" {
		step = 1
	} else if testing.Short() {
		step = 151
	}
	p := prove(t, 2, 1)
	for i := 0; i < 8*len(p.proof); i += step {
		b := bytes.Clone(p.proof)
		b[i/8] ^= 1 << (i % 8)
		if p.key.Verify(p.inputs, b) == nil {
			t.Errorf("bit %d of the proof does not matter", i)
		}
	}
	key := p.key.Bytes()
	for i := 0; i < 8*len(key); i += step {
		b := bytes.Clone(key)
		b[i/8] ^= 1 << (i % 8)
		if k, err := plonk.ParseKey(b); err == nil && k.Verify(p.inputs, p.proof) == nil {
			t.Errorf("bit %d of the key does not matter", i)
		}
	}
}

func code(err error) assay.Code {
	if err == nil {
		return ""
	}
	return assay.CodeOf(err)
}

// TestRefusals gives each way to be wrong its own code.
func TestRefusals(t *testing.T) {
	p := prove(t, 2, 1)
	edit := func(at int, with ...byte) []byte {
		c := bytes.Clone(p.proof)
		copy(c[at:], with)
		return c
	}
	r := plonk.Order().Bytes()
	vk := *p.vk
	vk.Ql, vk.Qr = vk.Qr, vk.Ql
	other, err := plonk.KeyFromGnark(&vk)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		key   *plonk.Key
		proof []byte
		n     int
		want  assay.Code
	}{
		{"whole", p.key, p.proof, 2, ""},
		{"truncated", p.key, p.proof[:len(p.proof)-1], 2, plonk.CodeLength},
		{"a byte more", p.key, append(bytes.Clone(p.proof), 0), 2, plonk.CodeLength},
		{"an input less", p.key, p.proof, 1, plonk.CodeInputs},
		{"L at infinity", p.key, edit(0, make([]byte, 64)...), 2, bn254.CodeInfinity},
		{"L flagged as compressed", p.key, edit(0, p.proof[0]|0x80), 2, bn254.CodeCoordinate},
		{"L off the curve", p.key, edit(63, p.proof[63]^1), 2, bn254.CodeCurve},
		{"R for L", p.key, edit(0, p.proof[64:128]...), 2, plonk.CodeProof},
		{"l not reduced", p.key, edit(384, r...), 2, bn254.CodeScalar},
		{"l exchanged", p.key, edit(384, p.proof[416:448]...), 2, plonk.CodeProof},
		{"value of Z exchanged", p.key, edit(608, p.proof[384:416]...), 2, plonk.CodeProof},
		{"value of qcp exchanged", p.key, edit(768, p.proof[384:416]...), 2, plonk.CodeProof},
		{"commitment exchanged", p.key, edit(800, p.proof[:64]...), 2, plonk.CodeProof},
		{"another key's shape", prove(t, 2, 0).key, p.proof, 2, plonk.CodeLength},
		{"another key", other, p.proof, 2, plonk.CodeProof},
	} {
		if err := c.key.Verify(p.inputs[:c.n], c.proof); code(err) != c.want {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// TestKeyRefusals: a domain that is none would let columns of the circuit share
// values.
func TestKeyRefusals(t *testing.T) {
	p := prove(t, 2, 1)
	one := zktest.Element(1)
	for name, edit := range map[string]func(vk *gnark.VerifyingKey){
		"size no power of two":  func(vk *gnark.VerifyingKey) { vk.Size++ },
		"twice the size":        func(vk *gnark.VerifyingKey) { vk.Size *= 2 },
		"half the size":         func(vk *gnark.VerifyingKey) { vk.Size /= 2 },
		"omega is one":          func(vk *gnark.VerifyingKey) { vk.Generator.SetBytes(one) },
		"coset in the domain":   func(vk *gnark.VerifyingKey) { vk.CosetShift = vk.Generator },
		"coset is zero":         func(vk *gnark.VerifyingKey) { vk.CosetShift.SetZero() },
		"square in the domain":  func(vk *gnark.VerifyingKey) { vk.CosetShift = root(vk) },
		"more inputs than size": func(vk *gnark.VerifyingKey) { vk.NbPublicVariables = vk.Size + 1 },
		"index behind the end":  func(vk *gnark.VerifyingKey) { vk.CommitmentConstraintIndexes = []uint64{vk.Size} },
		"index missing":         func(vk *gnark.VerifyingKey) { vk.CommitmentConstraintIndexes = nil },
		"s1 at infinity":        func(vk *gnark.VerifyingKey) { vk.S[0].SetInfinity() },
		"tau at infinity":       func(vk *gnark.VerifyingKey) { vk.Kzg.G2[1].SetInfinity() },
	} {
		vk := *p.vk
		edit(&vk)
		if _, err := plonk.KeyFromGnark(&vk); code(err) != plonk.CodeKey && code(err) != bn254.CodeInfinity {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// root returns an element outside the domain whose square lies in it.
func root(vk *gnark.VerifyingKey) fr.Element {
	g, err := fr.Generator(2 * vk.Size)
	if err != nil {
		panic(err)
	}
	return g
}

func FuzzParseKey(f *testing.F) {
	p := prove(f, 2, 1)
	f.Add(p.key.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if k, err := plonk.ParseKey(b); err == nil && !bytes.Equal(k.Bytes(), b) {
			t.Error("a second spelling of a key")
		}
	})
}

func FuzzVerify(f *testing.F) {
	p := prove(f, 2, 1)
	f.Add(p.proof)
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := p.key.Verify(p.inputs, b); err == nil && !bytes.Equal(b, p.proof) {
			t.Error("a fuzzer found a proof")
		}
	})
}

// BenchmarkVerify compares with gnark, which is given the linearised value.
func BenchmarkVerify(b *testing.B) {
	p := prove(b, 2, 1)
	b.Run("assay", func(b *testing.B) {
		for b.Loop() {
			if err := p.key.Verify(p.inputs, p.proof); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("gnark", func(b *testing.B) {
		for b.Loop() {
			if err := gnark.Verify(p.theirs, p.vk, p.inputs); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("key", func(b *testing.B) {
		key := p.key.Bytes()
		for b.Loop() {
			if _, err := plonk.ParseKey(key); err != nil {
				b.Fatal(err)
			}
		}
	})
}

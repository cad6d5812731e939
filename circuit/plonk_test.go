package circuit

import (
	"bytes"
	"slices"
	"testing"

	curve "github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/zk"
	"github.com/capacloud/assay/zk/circom"
)

// plonkOf makes a bundle of cubic for PLONK and returns what a provider reads.
func plonkOf(t testing.TB) (b *Bundle, system, outputs *System, srs *SRS) {
	t.Helper()
	c, err := CompilePlonk(&cubic{})
	if err != nil {
		t.Fatal(err)
	}
	if srs, err = InsecureSRS(300); err != nil {
		t.Fatal(err)
	}
	if b, err = c.PlonkBundle(srs); err != nil {
		t.Fatal(err)
	}
	if system, err = ParseSystem(file(t, b, "system")); err != nil {
		t.Fatal(err)
	}
	if outputs, err = ParseSystem(file(t, b, "outputs")); err != nil {
		t.Fatal(err)
	}
	if srs, err = ParseSRS(file(t, b, "srs"), circom.Checked); err != nil {
		t.Fatal(err)
	}
	return b, system, outputs, srs
}

const cubicInput = `{"X":3,"K":[[1,2],[3,4]]}`

func TestPlonkCircuitIsProvedUnderASuppliedSRS(t *testing.T) {
	b, system, outputs, srs := plonkOf(t)
	for name, got := range map[string][]byte{"system": system.Bytes(), "outputs": outputs.Bytes(), "srs": srs.Bytes()} {
		if !bytes.Equal(got, file(t, b, name)) {
			t.Errorf("%s: read and written again it is another file", name)
		}
	}
	lagrange, err := ParseLagrange(file(t, b, "srs.lagrange"), circom.Checked)
	if err != nil || !bytes.Equal(lagrange.Bytes(), file(t, b, "srs.lagrange")) {
		t.Fatalf("the Lagrange form is read and written otherwise: %v", err)
	}
	key, err := system.PlonkKey(srs, lagrange)
	if err != nil {
		t.Fatal(err)
	}
	vk, err := key.VerifyingKey()
	if err != nil || vk.Digest() != b.Key.Digest() || vk.Digest() != b.Descriptor.Key {
		t.Fatalf("another key than the author's: %v", err)
	}
	computed, err := system.PlonkKey(srs, nil)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := computed.VerifyingKey(); err != nil || again.Digest() != vk.Digest() {
		t.Fatalf("the Lagrange form of the bundle gives another key than a computed one: %v", err)
	}
	w, err := system.Solve(outputs, inputs(t, cubicInput), &binding)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := system.ProvePlonk(key, w)
	if err != nil {
		t.Fatal(err)
	}
	if err := zk.Verify(b.Key, [32]byte{}, w.Public(), proof); err != nil {
		t.Fatal(err)
	}
	if got := numbers(w.Public()); got[0] != 11 || got[2] != 122 || got[3] != 1 {
		t.Fatalf("%v", got)
	}
	for i := range system.Public() {
		one := fr.One()
		w.vector[i].Add(&w.vector[i], &one)
		if zk.Verify(b.Key, [32]byte{}, w.Public(), proof) == nil {
			t.Errorf("public element %d was exchanged in a finished proof", i)
		}
		if i >= zk.BindingElements {
			_, err := system.ProvePlonk(key, w)
			wantCode(t, err, CodeUnsatisfied)
		}
		w.vector[i].Sub(&w.vector[i], &one)
	}
}

func TestSRSThatIsRefused(t *testing.T) {
	b, system, _, srs := plonkOf(t)
	f := file(t, b, "srs")
	for n := 0; n < len(f); n += 331 {
		if _, err := ParseSRS(f[:n], circom.Checked); err == nil || assay.CodeOf(err) == assay.CodeInternal {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
	_, err := ParseSRS(append(slices.Clone(f), 0), circom.Checked)
	wantCode(t, err, CodeTrailing)
	swapped := slices.Clone(srs.points)
	swapped[7], swapped[8] = swapped[8], swapped[7]
	_, err = NewSRS(swapped, srs.g2)
	wantCode(t, err, CodeSRS)
	_, err = NewSRS(srs.points[1:], srs.g2)
	wantCode(t, err, CodeSRS)
	_, err = NewSRS(srs.points, [2]curve.G2Affine{srs.g2[0], srs.g2[0]})
	wantCode(t, err, CodeSRS)
	_, err = system.PlonkKey(&SRS{srs.points[:20], srs.g2}, nil)
	wantCode(t, err, CodeSRS)

	_, err = system.PlonkKey(srs, &Lagrange{srs.points[:16]})
	wantCode(t, err, CodeOtherKey)
	form := file(t, b, "srs.lagrange")
	for n := 0; n < len(form); n += 101 {
		if _, err := ParseLagrange(form[:n], circom.Checked); err == nil || assay.CodeOf(err) == assay.CodeInternal {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
	_, err = ParseLagrange(append(form, 0), circom.Checked)
	wantCode(t, err, CodeTrailing)

	groth, err := compiled(t, &cubic{}).Setup()
	if err != nil {
		t.Fatal(err)
	}
	other, _, key := parsed(t, groth)
	_, err = other.PlonkKey(srs, nil)
	wantCode(t, err, CodeOtherKey)
	_, err = system.Prove(key, &Witness{})
	wantCode(t, err, CodeOtherKey)
	_, err = CompilePlonk(&gadgets{})
	wantCode(t, err, CodeAuthor)
}

func TestGatesThatGnarkWouldStumbleOverAreRefused(t *testing.T) {
	b, _, _, _ := plonkOf(t)
	f := file(t, b, "system")
	for _, x := range []struct {
		what   string
		code   assay.Code
		change func(*System)
	}{
		{"a wire that is not there", CodeSystem, func(s *System) { s.call(s.find(kindMul))[0] = 1 << 30 }},
		{"a wire to come", CodeOrder, func(s *System) { s.call(s.find(kindMul))[0] = uint32(s.Wires() - 1) }},
		{"a product computed again", CodeOrder, func(s *System) { s.call(s.find(kindMul))[2] = 0 }},
		{"a coefficient that is not there", CodeSystem, func(s *System) { s.call(s.find(kindMul))[3] = 1 << 30 }},
		{"a commitment", CodeSystem, func(s *System) { s.call(s.find(kindR1C))[8] = 1 }},
		{"a wire that nothing computes", CodeOrder, func(s *System) { s.r1cs.NbInternalVariables++ }},
	} {
		if err := changed(t, f, x.change); err == nil || assay.CodeOf(err) != x.code {
			t.Errorf("%s: got %v, want %s", x.what, err, x.code)
		}
	}
}

func FuzzParseSRS(f *testing.F) {
	srs, err := InsecureSRS(5)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(srs.Bytes())
	f.Add((&Lagrange{srs.points}).Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, trust := range []circom.Trust{circom.Checked, circom.Pinned} {
			if s, err := ParseSRS(b, trust); err == nil && !bytes.Equal(s.Bytes(), b) {
				t.Fatal("a second spelling of an SRS was read")
			}
			if l, err := ParseLagrange(b, trust); err == nil && !bytes.Equal(l.Bytes(), b) {
				t.Fatal("a second spelling of a Lagrange form was read")
			}
		}
	})
}

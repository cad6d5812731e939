package ceremony_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	groth16gnark "github.com/consensys/gnark/backend/groth16"
	"github.com/consensys/gnark/backend/groth16/bn254/mpcsetup"
	cs "github.com/consensys/gnark/constraint/bn254"
	"github.com/consensys/gnark/frontend"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/zk"
	"github.com/capacloud/assay/zk/ceremony"
	"github.com/capacloud/assay/zk/groth16"
	"github.com/capacloud/assay/zk/zktest"
)

var (
	network = assay.Digest{1}
	circuit = assay.Digest{2}
	beacons = [2][]byte{bytes.Repeat([]byte{7}, 32), bytes.Repeat([]byte{8}, 32)}
)

func begin(t testing.TB, r1cs *cs.R1CS) *ceremony.Transcript {
	t.Helper()
	c, err := ceremony.Begin(network, circuit, r1cs)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// held runs a ceremony with these many contributors to each phase.
func held(t testing.TB, r1cs *cs.R1CS, contributors ...int) *ceremony.Transcript {
	t.Helper()
	c := begin(t, r1cs)
	for phase, n := range contributors {
		for i := range n {
			contribute(t, c, r1cs, byte(i))
		}
		if err := c.Seal(beacons[phase]); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func contribute(t testing.TB, c *ceremony.Transcript, r1cs *cs.R1CS, by byte) {
	t.Helper()
	b, err := c.Contribute(r1cs)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Add(r1cs, assay.Key{by}, b); err != nil {
		t.Fatal(err)
	}
}

func code(err error) assay.Code {
	if err == nil {
		return ""
	}
	return assay.CodeOf(err)
}

// TestCeremony holds ceremonies for circuits with and without a commitment; the
// keys prove and verify, survive the transcript's encoding, and depend on every
// contribution and both beacons.
func TestCeremony(t *testing.T) {
	for _, commit := range []int{0, 1} {
		r1cs := zktest.R1CS(t, 3, commit)
		c := held(t, r1cs, 2, 2)
		again, err := ceremony.Parse(c.Bytes())
		if err != nil || !bytes.Equal(again.Bytes(), c.Bytes()) {
			t.Fatal(err)
		}
		keys, err := again.Verify(r1cs)
		if err != nil {
			t.Fatal(err)
		}
		made, err := c.MakeKeys(r1cs)
		if err != nil || made.Key.Digest() != keys.Key.Digest() {
			t.Errorf("two readers made two keys: %v", err)
		}
		proveWith(t, r1cs, keys, commit)
		again.Powers.Beacon = beacons[1]
		if _, err := again.Verify(r1cs); code(err) != ceremony.CodeContribution {
			t.Errorf("another beacon of phase 1: %v", err)
		}
		again.Powers.Beacon, again.Keys.Beacon = beacons[0], beacons[0]
		other, err := again.Verify(r1cs)
		if err != nil || other.Key.Digest() == keys.Key.Digest() {
			t.Errorf("another beacon of phase 2: %v", err)
		}
	}
}

func proveWith(t *testing.T, r1cs *cs.R1CS, keys *ceremony.Result, commit int) {
	t.Helper()
	public := zktest.Elements(3, 4, 5)
	w := &zktest.Circuit{Public: []frontend.Variable{3, 4, 5}, Secret: 9 + 2*16 + 3*25, Commit: commit}
	witness, err := frontend.NewWitness(w, ecc.BN254.ScalarField())
	if err != nil {
		t.Fatal(err)
	}
	proof, err := groth16gnark.Prove(r1cs, keys.Proving, witness)
	if err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	if _, err := proof.WriteRawTo(&raw); err != nil {
		t.Fatal(err)
	}
	b, err := groth16.ProofFromGnark(raw.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if err := zk.Verify(&keys.Key, [32]byte{}, public, b); err != nil {
		t.Errorf("a proof under the ceremony's key: %v", err)
	}
	if err := zk.Verify(&keys.Key, [32]byte{}, zktest.Elements(3, 4, 6), b); code(err) != groth16.CodePairing {
		t.Errorf("another statement: %v", err)
	}
}

// TestTrim: a ledger that keeps the last contributions alone comes to the same keys.
func TestTrim(t *testing.T) {
	r1cs := zktest.R1CS(t, 2, 0)
	whole, trimmed := begin(t, r1cs), begin(t, r1cs)
	for phase := range 2 {
		for range 3 {
			b, err := whole.Contribute(r1cs)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range []*ceremony.Transcript{whole, trimmed} {
				if err := c.Add(r1cs, assay.Key{}, b); err != nil {
					t.Fatal(err)
				}
			}
			trimmed = trimmed.Trim()
		}
		for _, c := range []*ceremony.Transcript{whole, trimmed} {
			if err := c.Seal(beacons[phase]); err != nil {
				t.Fatal(err)
			}
		}
	}
	a, err := whole.Verify(r1cs)
	if err != nil {
		t.Fatal(err)
	}
	b, err := trimmed.MakeKeys(r1cs)
	if err != nil || a.Key.Digest() != b.Key.Digest() {
		t.Errorf("two keys: %v", err)
	}
	if _, err := trimmed.Verify(r1cs); code(err) != ceremony.CodeContribution {
		t.Errorf("a trimmed transcript verifies: %v", err)
	}
}

// BenchmarkAdd measures what Gas bounds.
func BenchmarkAdd(b *testing.B) {
	for _, n := range []int{10, 100} {
		r1cs := zktest.R1CS(b, n, 0)
		for i, name := range []string{"powers", "first keys", "keys"} {
			c := held(b, r1cs, []int{1}[:min(i, 1)]...)
			if i == 2 {
				contribute(b, c, r1cs, 1)
			}
			contribution, err := c.Contribute(r1cs)
			if err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("%s 2^%d", name, c.LogSize), func(b *testing.B) {
				for b.Loop() {
					again := *c
					if err := again.Add(r1cs, assay.Key{}, contribution); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(c.Gas())/100, "gas-us")
			})
		}
	}
}

// TestLies offers contributions that lie: each is refused when it is added, and
// when a transcript that holds it is verified.
func TestLies(t *testing.T) {
	r1cs := zktest.R1CS(t, 3, 1)
	open := begin(t, r1cs)
	contribute(t, open, r1cs, 1)
	powers, err := open.Contribute(r1cs)
	if err != nil {
		t.Fatal(err)
	}
	stale := bytes.Clone(open.Powers.Contributions[0].Bytes)
	t.Run("powers", func(t *testing.T) {
		for name, b := range map[string][]byte{
			"replayed":                 stale,
			"of another ceremony":      first(t, r1cs),
			"tau's proof exchanged":    spliced(powers, stale, 0, 96),
			"alpha's proof exchanged":  spliced(powers, stale, 96, 192),
			"beta's proof exchanged":   spliced(powers, stale, 192, 288),
			"beta in G2 exchanged":     spliced(powers, stale, 296, 360),
			"a power of tau exchanged": spliced(powers, stale, 360, 392),
			"the last point exchanged": spliced(powers, stale, len(powers)-33-32, len(powers)-33),
			"another challenge":        spliced(powers, stale, len(powers)-32, len(powers)),
		} {
			refused(t, name, open, r1cs, b, ceremony.CodeContribution)
		}
		malformed(t, open, r1cs, powers, []int{288 + 7})
	})
	sealed := held(t, r1cs, 1)
	contribute(t, sealed, r1cs, 1)
	keys, err := sealed.Contribute(r1cs)
	if err != nil {
		t.Fatal(err)
	}
	stale = bytes.Clone(sealed.Keys.Contributions[0].Bytes)
	t.Run("keys", func(t *testing.T) {
		pkk := 2 + 32
		n := int(keys[pkk+3]) + int(keys[pkk+2])<<8
		z := pkk + 4 + 32*n
		for name, b := range map[string][]byte{
			"replayed":                   stale,
			"powers in the second phase": powers,
			"delta in G1 exchanged":      spliced(keys, stale, 2, 34),
			"a wire's point exchanged":   spliced(keys, stale, pkk+4, pkk+36),
			"wires exchanged":            swapped(keys, pkk+4, pkk+36),
			"a quotient's point":         spliced(keys, stale, z+4, z+36),
			"another challenge":          spliced(keys, stale, len(keys)-32, len(keys)),
			"a lie about delta":          biased(t, sealed, r1cs),
		} {
			want := ceremony.CodeContribution
			if len(b) != len(keys) {
				want = ceremony.CodeForm
			}
			refused(t, name, sealed, r1cs, b, want)
		}
		malformed(t, sealed, r1cs, keys, []int{1, pkk + 3, z + 3})
	})
}

// refused wants a contribution refused when it is added, and the transcript that
// holds it all the same.
func refused(t *testing.T, name string, c *ceremony.Transcript, r1cs *cs.R1CS, b []byte, want assay.Code) {
	t.Helper()
	if err := c.Add(r1cs, assay.Key{9}, b); code(err) != want {
		t.Errorf("%s: %v, want %s", name, err, want)
	}
	forged, err := ceremony.Parse(c.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	p := &forged.Powers
	if p.Sealed() {
		p = &forged.Keys
	}
	p.Contributions = append(p.Contributions, ceremony.Contribution{Bytes: b})
	if _, err := forged.Verify(r1cs); code(err) != want {
		t.Errorf("%s, in a transcript: %v, want %s", name, err, want)
	}
}

// malformed changes the form of a contribution. Flips at counts are named by the
// last byte of each.
func malformed(t *testing.T, c *ceremony.Transcript, r1cs *cs.R1CS, b []byte, counts []int) {
	t.Helper()
	for name, b := range map[string][]byte{"empty": nil, "truncated": b[:len(b)-1], "a byte more": append(bytes.Clone(b), 0)} {
		refused(t, name, c, r1cs, b, ceremony.CodeForm)
	}
	for _, at := range counts {
		changed := bytes.Clone(b)
		changed[at] ^= 1
		refused(t, "another count", c, r1cs, changed, ceremony.CodeForm)
	}
	for at := 0; at < len(b); at += max(1, len(b)/60) {
		changed := bytes.Clone(b)
		changed[at] ^= 0x10
		if err := c.Add(r1cs, assay.Key{}, changed); err == nil {
			t.Fatalf("a bit of byte %d of %d does not matter", at, len(b))
		}
	}
}

func spliced(b, from []byte, at, end int) []byte {
	c := bytes.Clone(b)
	copy(c[at:end], from[at:end])
	return c
}

func swapped(b []byte, i, j int) []byte {
	c := bytes.Clone(b)
	copy(c[i:i+32], b[j:j+32])
	copy(c[j:j+32], b[i:i+32])
	return c
}

// first returns the first contribution of another ceremony.
func first(t *testing.T, r1cs *cs.R1CS) []byte {
	c := begin(t, r1cs)
	contribute(t, c, r1cs, 1)
	contribute(t, c, r1cs, 2)
	return c.Powers.Contributions[1].Bytes
}

// biased returns a contribution whose author scaled delta in G2 by a value that
// its proof is not about.
func biased(t *testing.T, c *ceremony.Transcript, r1cs *cs.R1CS) []byte {
	b, err := c.Contribute(r1cs)
	if err != nil {
		t.Fatal(err)
	}
	p := new(mpcsetup.Phase2)
	if _, err := p.ReadFrom(bytes.NewReader(b)); err != nil {
		t.Fatal(err)
	}
	p.Parameters.G2.Delta.Double(&p.Parameters.G2.Delta)
	var out bytes.Buffer
	if _, err := p.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestOrder: phases open and close in order, and never without a contribution.
func TestOrder(t *testing.T) {
	r1cs := zktest.R1CS(t, 2, 0)
	c := begin(t, r1cs)
	if err := c.Seal(beacons[0]); code(err) != ceremony.CodeOrder {
		t.Errorf("sealed without a contribution: %v", err)
	}
	contribute(t, c, r1cs, 1)
	if err := c.Seal(beacons[0][:31]); code(err) != ceremony.CodeBeacon {
		t.Errorf("a short beacon: %v", err)
	}
	if _, err := c.MakeKeys(r1cs); code(err) != ceremony.CodeOrder {
		t.Errorf("keys of an open ceremony: %v", err)
	}
	if keys, err := c.Verify(r1cs); err != nil || keys != nil {
		t.Errorf("an open ceremony: %v, %v", keys, err)
	}
	if err := c.Seal(beacons[0]); err != nil {
		t.Fatal(err)
	}
	contribute(t, c, r1cs, 1)
	if err := c.Seal(beacons[1]); err != nil {
		t.Fatal(err)
	}
	if err := c.Add(r1cs, assay.Key{}, nil); code(err) != ceremony.CodeOrder {
		t.Errorf("a contribution behind the end: %v", err)
	}
	if _, err := c.Contribute(r1cs); code(err) != ceremony.CodeOrder {
		t.Errorf("a contribution behind the end: %v", err)
	}
	larger := zktest.R1CS(t, 40, 0)
	if _, err := c.Verify(larger); code(err) != ceremony.CodeCircuit {
		t.Errorf("a larger circuit: %v", err)
	}
	if _, err := c.Verify(zktest.R1CS(t, 3, 0)); err == nil {
		t.Error("another circuit of the same size")
	}
	for name, edit := range map[string]func(*ceremony.Transcript){
		"version":      func(c *ceremony.Transcript) { c.Version = 2 },
		"size":         func(c *ceremony.Transcript) { c.LogSize = 30 },
		"no circuit":   func(c *ceremony.Transcript) { c.Circuit = assay.Digest{} },
		"keys first":   func(c *ceremony.Transcript) { c.Powers.Beacon = nil },
		"long beacon":  func(c *ceremony.Transcript) { c.Keys.Beacon = make([]byte, 33) },
		"no powers":    func(c *ceremony.Transcript) { c.Powers.Contributions = nil },
		"too many":     func(c *ceremony.Transcript) { c.Keys.Contributions = make([]ceremony.Contribution, 300) },
		"another size": func(c *ceremony.Transcript) { c.LogSize++ },
	} {
		changed, err := ceremony.Parse(c.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		edit(changed)
		if _, err := ceremony.Parse(changed.Bytes()); err == nil && name != "another size" {
			t.Errorf("%s parses", name)
		}
		if _, err := changed.Verify(r1cs); err == nil {
			t.Errorf("%s verifies", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	r1cs := zktest.R1CS(f, 2, 0)
	c := held(f, r1cs, 1, 1)
	f.Add(c.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ceremony.Parse(b)
		if err != nil {
			return
		}
		if !bytes.Equal(c.Bytes(), b) {
			t.Error("a second spelling of a transcript")
		}
		if c.LogSize <= 4 {
			_, _ = c.Verify(r1cs)
		}
	})
}

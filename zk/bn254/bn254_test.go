package bn254_test

import (
	"bytes"
	"math/big"
	"testing"

	curve "github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/zk/bn254"
)

func code(err error) assay.Code {
	if err == nil {
		return ""
	}
	return assay.CodeOf(err)
}

func second[T any](_ T, err error) error { return err }

func plus(b []byte, at int, n *big.Int) []byte {
	c := bytes.Clone(b)
	word := new(big.Int).SetBytes(c[at : at+32])
	word.Add(word, n).FillBytes(c[at : at+32])
	return c
}

func edit(b []byte, at int, with ...byte) []byte {
	c := bytes.Clone(b)
	copy(c[at:], with)
	return c
}

// outside returns a point of the twist that is not in the subgroup.
func outside(t *testing.T) []byte {
	t.Helper()
	var seed curve.E2
	seed.A0.SetUint64(11)
	seed.A1.SetUint64(5)
	j := curve.GeneratePointNotInG2(seed)
	var p bn254.G2
	p.FromJacobian(&j)
	if !p.IsOnCurve() || p.IsInSubGroup() {
		t.Fatal("the point is not what the test needs")
	}
	return bn254.AppendG2(nil, &p)
}

// TestPoints reads the generators and refuses every other spelling of them, and
// everything that is no point of the groups.
func TestPoints(t *testing.T) {
	_, _, g1, g2 := curve.Generators()
	p, q := bn254.AppendG1(nil, &g1), bn254.AppendG2(nil, &g2)
	if got, err := bn254.ParseG1(p); err != nil || got != g1 {
		t.Error(err)
	}
	if got, err := bn254.ParseG2(q); err != nil || got != g2 {
		t.Error(err)
	}
	order := fp.Modulus()
	for name, c := range map[string]struct {
		err  error
		want assay.Code
	}{
		"infinity":                  {second(bn254.ParseG1(make([]byte, 64))), bn254.CodeInfinity},
		"infinity, admitted":        {second(bn254.ParseG1OrInfinity(make([]byte, 64))), ""},
		"infinity in gnark's form":  {second(bn254.ParseG1OrInfinity(append([]byte{0x40}, make([]byte, 63)...))), bn254.CodeCoordinate},
		"x plus q":                  {second(bn254.ParseG1(plus(p, 0, order))), bn254.CodeCoordinate},
		"y plus q":                  {second(bn254.ParseG1(plus(p, 32, order))), bn254.CodeCoordinate},
		"flag 10":                   {second(bn254.ParseG1(edit(p, 0, p[0]|0x80))), bn254.CodeCoordinate},
		"flag 11":                   {second(bn254.ParseG1(edit(p, 0, p[0]|0xc0))), bn254.CodeCoordinate},
		"flag 01":                   {second(bn254.ParseG1(edit(p, 0, p[0]|0x40))), bn254.CodeCoordinate},
		"off the curve":             {second(bn254.ParseG1(edit(p, 63, 9))), bn254.CodeCurve},
		"too short":                 {second(bn254.ParseG1(p[:63])), bn254.CodeSlot},
		"too long":                  {second(bn254.ParseG1(append(p, 0))), bn254.CodeSlot},
		"G2 infinity":               {second(bn254.ParseG2(make([]byte, 128))), bn254.CodeInfinity},
		"G2 x.imag plus q":          {second(bn254.ParseG2(plus(q, 0, order))), bn254.CodeCoordinate},
		"G2 y.real plus q":          {second(bn254.ParseG2(plus(q, 96, order))), bn254.CodeCoordinate},
		"G2 flag":                   {second(bn254.ParseG2(edit(q, 0, q[0]|0x80))), bn254.CodeCoordinate},
		"G2 flag in the third word": {second(bn254.ParseG2(edit(q, 64, q[64]|0x80))), bn254.CodeCoordinate},
		"G2 real part first":        {second(bn254.ParseG2(append(append(append(bytes.Clone(q[32:64]), q[:32]...), q[96:]...), q[64:96]...))), bn254.CodeCurve},
		"G2 outside the subgroup":   {second(bn254.ParseG2(outside(t))), bn254.CodeSubgroup},
		"G2 too short":              {second(bn254.ParseG2(q[:127])), bn254.CodeSlot},
	} {
		if code(c.err) != c.want {
			t.Errorf("%s: %v, want %q", name, c.err, c.want)
		}
	}
}

// TestCompressed reads key files' points in one spelling.
func TestCompressed(t *testing.T) {
	_, _, g1, g2 := curve.Generators()
	p, q := g1.Bytes(), g2.Bytes()
	if got, err := bn254.ParseG1Compressed(p[:]); err != nil || got != g1 {
		t.Error(err)
	}
	if got, err := bn254.ParseG2Compressed(q[:]); err != nil || got != g2 {
		t.Error(err)
	}
	raw := bn254.AppendG1(nil, &g1)
	for name, c := range map[string]struct {
		err  error
		want assay.Code
	}{
		"uncompressed":    {second(bn254.ParseG1Compressed(raw[:32])), bn254.CodeSlot},
		"infinity":        {second(bn254.ParseG1Compressed(append([]byte{0x40}, make([]byte, 31)...))), bn254.CodeInfinity},
		"x plus q":        {second(bn254.ParseG1Compressed(edit(p[:], 0, append([]byte{0xb0}, fp.Modulus().Bytes()[1:]...)...))), bn254.CodeCurve},
		"no square root":  {second(bn254.ParseG1Compressed(edit(p[:], 31, 4))), bn254.CodeCurve},
		"too long":        {second(bn254.ParseG1Compressed(append(p[:], 0))), bn254.CodeSlot},
		"G2 uncompressed": {second(bn254.ParseG2Compressed(make([]byte, 64))), bn254.CodeSlot},
		"G2 changed":      {second(bn254.ParseG2Compressed(edit(q[:], 63, q[63]^1))), bn254.CodeCurve},
		"G2 too short":    {second(bn254.ParseG2Compressed(q[:63])), bn254.CodeSlot},
	} {
		if code(c.err) != c.want {
			t.Errorf("%s: %v, want %q", name, c.err, c.want)
		}
	}
}

// TestScalars: r − 1 is the last number that reads.
func TestScalars(t *testing.T) {
	r := fr.Modulus()
	last := new(big.Int).Sub(r, big.NewInt(1)).Bytes()
	if e, err := bn254.Scalar(last); err != nil || e.BigInt(new(big.Int)).Cmp(new(big.Int).SetBytes(last)) != 0 {
		t.Error(err)
	}
	if list, err := bn254.Scalars(append(bytes.Clone(last), make([]byte, 32)...)); err != nil || len(list) != 2 || !list[1].IsZero() {
		t.Error(err)
	}
	for name, c := range map[string]struct {
		err  error
		want assay.Code
	}{
		"r":              {second(bn254.Scalar(r.Bytes())), bn254.CodeScalar},
		"2^256-1":        {second(bn254.Scalar(bytes.Repeat([]byte{0xff}, 32))), bn254.CodeScalar},
		"31 bytes":       {second(bn254.Scalar(last[:31])), bn254.CodeSlot},
		"one and a half": {second(bn254.Scalars(make([]byte, 48))), bn254.CodeSlot},
		"the second one": {second(bn254.Scalars(append(bytes.Clone(last), r.Bytes()...))), bn254.CodeScalar},
	} {
		if code(c.err) != c.want {
			t.Errorf("%s: %v, want %q", name, c.err, c.want)
		}
	}
}

// TestDecimal reads a number in its only spelling.
func TestDecimal(t *testing.T) {
	most := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1)).String()
	for text, ok := range map[string]bool{
		"0": true, "1": true, most: true, fr.Modulus().String(): true,
		"": false, "00": false, "01": false, "-1": false, "+1": false, " 1": false, "1 ": false, "1_0": false, "0x1": false, "1e3": false, "１": false,
		new(big.Int).Lsh(big.NewInt(1), 256).String(): false, most + "0": false,
	} {
		b, err := bn254.Decimal(text)
		if (err == nil) != ok || ok && new(big.Int).SetBytes(b[:]).String() != text {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// FuzzPoints: whatever reads has exactly this spelling.
func FuzzPoints(f *testing.F) {
	_, _, g1, g2 := curve.Generators()
	f.Add(bn254.AppendG1(nil, &g1))
	f.Add(bn254.AppendG2(nil, &g2))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := bn254.ParseG1OrInfinity(b); err == nil && !bytes.Equal(bn254.AppendG1(nil, &p), b) {
			t.Error("a second spelling in G1")
		}
		if p, err := bn254.ParseG2(b); err == nil && !bytes.Equal(bn254.AppendG2(nil, &p), b) {
			t.Error("a second spelling in G2")
		}
		if p, err := bn254.ParseG1Compressed(b); err == nil {
			if again := p.Bytes(); !bytes.Equal(again[:], b) {
				t.Error("a second compressed spelling")
			}
		}
		_, _ = bn254.ParseG2Compressed(b)
		_, _ = bn254.Scalars(b)
		_, _ = bn254.Decimal(string(b))
	})
}

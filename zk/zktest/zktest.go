// Package zktest makes genuine proofs of small circuits with gnark's own prover,
// for tests: Groth16 and PLONK, with and without commitments. Its setups are made
// by one party and are worth nothing elsewhere.
package zktest

import (
	"bytes"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/backend/groth16"
	groth16bn254 "github.com/consensys/gnark/backend/groth16/bn254"
	"github.com/consensys/gnark/backend/plonk"
	plonkbn254 "github.com/consensys/gnark/backend/plonk/bn254"
	"github.com/consensys/gnark/constraint"
	cs "github.com/consensys/gnark/constraint/bn254"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/frontend/cs/r1cs"
	"github.com/consensys/gnark/frontend/cs/scs"
	"github.com/consensys/gnark/test/unsafekzg"
)

// Circuit says that Secret is the sum of i·xᵢ² over the public inputs, so that
// each of them is constrained. Commit adds that many commitments.
type Circuit struct {
	Public []frontend.Variable `gnark:",public"`
	Secret frontend.Variable
	Commit int `gnark:"-"`
}

// Define implements frontend.Circuit.
func (c *Circuit) Define(api frontend.API) error {
	var sum frontend.Variable = 0
	for i, x := range c.Public {
		sum = api.Add(sum, api.Mul(x, x, i+1))
	}
	api.AssertIsEqual(sum, c.Secret)
	for i := range c.Commit {
		committer, ok := api.(frontend.Committer)
		if !ok {
			panic("no commitments here")
		}
		v, err := committer.Commit(c.Secret, c.Public[i%len(c.Public)])
		if err != nil {
			return err
		}
		api.AssertIsDifferent(v, c.Secret)
	}
	return nil
}

// assignment returns the circuit with these public inputs, 32 bytes each.
func assignment(public []byte, commit int) *Circuit {
	c := &Circuit{Commit: commit}
	var sum fr.Element
	for i := 0; i < len(public); i += 32 {
		var x, t fr.Element
		x.SetBytes(public[i : i+32])
		t.SetUint64(uint64(i/32 + 1))
		t.Mul(&t, &x).Mul(&t, &x)
		sum.Add(&sum, &t)
		c.Public = append(c.Public, x)
	}
	c.Secret = sum
	return c
}

func must[T any](tb testing.TB) func(T, error) T {
	return func(v T, err error) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
}

// R1CS compiles the circuit with n public inputs.
func R1CS(tb testing.TB, n, commit int) *cs.R1CS {
	tb.Helper()
	c := &Circuit{Public: make([]frontend.Variable, n), Commit: commit}
	ccs := must[constraint.ConstraintSystem](tb)(frontend.Compile(ecc.BN254.ScalarField(), r1cs.NewBuilder, c))
	return ccs.(*cs.R1CS)
}

// Setup is a circuit with its Groth16 keys.
type Setup struct {
	R1CS *cs.R1CS
	PK   *groth16bn254.ProvingKey
	VK   *groth16bn254.VerifyingKey
	n    int
	c    int
}

// Groth16 sets up the circuit with n public inputs.
func Groth16(tb testing.TB, n, commit int) *Setup {
	tb.Helper()
	s := &Setup{R1CS: R1CS(tb, n, commit), n: n, c: commit}
	pk, vk, err := groth16.Setup(s.R1CS)
	if err != nil {
		tb.Fatal(err)
	}
	s.PK, s.VK = pk.(*groth16bn254.ProvingKey), vk.(*groth16bn254.VerifyingKey)
	return s
}

// KeyBytes returns the key as gnark writes it.
func (s *Setup) KeyBytes() []byte {
	var b bytes.Buffer
	_, _ = s.VK.WriteTo(&b)
	return b.Bytes()
}

// Prove proves public inputs of 32 bytes each, and returns gnark's raw encoding.
func (s *Setup) Prove(tb testing.TB, public []byte) []byte {
	tb.Helper()
	w := must[*groth16bn254.Proof](tb)(s.proof(tb, public))
	var b bytes.Buffer
	_, _ = w.WriteRawTo(&b)
	return b.Bytes()
}

func (s *Setup) proof(tb testing.TB, public []byte) (*groth16bn254.Proof, error) {
	tb.Helper()
	w, err := frontend.NewWitness(assignment(public, s.c), ecc.BN254.ScalarField())
	if err != nil {
		return nil, err
	}
	p, err := groth16.Prove(s.R1CS, s.PK, w)
	if err != nil {
		return nil, err
	}
	return p.(*groth16bn254.Proof), nil
}

// Plonk sets up the circuit for PLONK and proves public inputs of 32 bytes each.
func Plonk(tb testing.TB, public []byte, commit int) (*plonkbn254.VerifyingKey, *plonkbn254.Proof) {
	tb.Helper()
	c := &Circuit{Public: make([]frontend.Variable, len(public)/32), Commit: commit}
	ccs := must[constraint.ConstraintSystem](tb)(frontend.Compile(ecc.BN254.ScalarField(), scs.NewBuilder, c))
	srs, lagrange, err := unsafekzg.NewSRS(ccs)
	if err != nil {
		tb.Fatal(err)
	}
	pk, vk, err := plonk.Setup(ccs, srs, lagrange)
	if err != nil {
		tb.Fatal(err)
	}
	w, err := frontend.NewWitness(assignment(public, commit), ecc.BN254.ScalarField())
	if err != nil {
		tb.Fatal(err)
	}
	p, err := plonk.Prove(ccs, pk, w)
	if err != nil {
		tb.Fatal(err)
	}
	return vk.(*plonkbn254.VerifyingKey), p.(*plonkbn254.Proof)
}

// Element returns the 32 bytes of a small number.
func Element(n uint64) []byte {
	var e fr.Element
	e.SetUint64(n)
	b := e.Bytes()
	return b[:]
}

// Elements returns small numbers, one after another.
func Elements(n ...uint64) []byte {
	var b []byte
	for _, x := range n {
		b = append(b, Element(x)...)
	}
	return b
}

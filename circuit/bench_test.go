package circuit

import (
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc"
	curve "github.com/consensys/gnark-crypto/ecc/bn254"
	groth16bn254 "github.com/consensys/gnark/backend/groth16/bn254"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/frontend/cs/r1cs"

	"github.com/capacloud/assay/zk/circom"
)

// steps is a chain of 2^16 multiplications, less those of the binding.
type steps struct {
	X frontend.Variable
}

const chainLength = 1<<16 - 8

func (c *steps) Define(api frontend.API) ([]frontend.Variable, error) {
	x := c.X
	for i := range chainLength {
		x = api.Mul(x, api.Add(x, i))
	}
	return []frontend.Variable{x}, nil
}

// distinct gives a dummy key points that differ, as a real one's do: sums of equal
// points are faster.
func distinct(pk *groth16bn254.ProvingKey) {
	g1, g2, _, _ := curve.Generators()
	for _, list := range [][]curve.G1Affine{pk.G1.A, pk.G1.B, pk.G1.Z, pk.G1.K} {
		sum, points := g1, make([]curve.G1Jac, len(list))
		for i := range points {
			sum.AddAssign(&g1)
			points[i] = sum
		}
		copy(list, curve.BatchJacobianToAffineG1(points))
	}
	sum := g2
	for i := range pk.G2.B {
		sum.AddAssign(&g2)
		pk.G2.B[i].FromJacobian(&sum)
	}
}

// BenchmarkProve compares a proof from the data form, decoding apart, with
// gnark's own prover on what gnark compiled, under the same key: metric
// "x-gnark". It also says what the decoding takes.
func BenchmarkProve(b *testing.B) {
	own, err := compile(&bound[steps, *steps]{Outputs: make([]frontend.Variable, 1)}, r1cs.NewBuilder)
	if err != nil {
		b.Fatal(err)
	}
	c, err := Compile(&steps{})
	if err != nil {
		b.Fatal(err)
	}
	var pk groth16bn254.ProvingKey
	if err := groth16bn254.DummySetup(own, &pk); err != nil {
		b.Fatal(err)
	}
	distinct(&pk)
	file, keyFile := c.System.Bytes(), (&ProvingKey{&pk}).Bytes()
	from := time.Now()
	s, err := ParseSystem(file)
	if err != nil {
		b.Fatal(err)
	}
	read := time.Since(from)
	from = time.Now()
	key, err := ParseProvingKey(keyFile, circom.Pinned)
	if err != nil {
		b.Fatal(err)
	}
	readKey := time.Since(from)
	in, err := circom.ParseInputs([]byte(`{"X":3}`))
	if err != nil {
		b.Fatal(err)
	}
	w, err := s.Solve(c.Outputs, in, &binding)
	if err != nil {
		b.Fatal(err)
	}
	full, err := frontend.NewWitness(&bound[steps, *steps]{
		Binding: [2]frontend.Variable{binding[0], binding[1]}, Outputs: []frontend.Variable{w.vector[2]}, Inputs: steps{3},
	}, ecc.BN254.ScalarField())
	if err != nil {
		b.Fatal(err)
	}
	var ours, gnarks time.Duration
	for b.Loop() {
		ours += cpu(b, func() error { _, err := s.Prove(key, w); return err })
		gnarks += cpu(b, func() error { _, err := groth16bn254.Prove(own, &pk, full); return err })
	}
	b.ReportMetric(float64(ours)/float64(gnarks), "x-gnark")
	b.ReportMetric(ours.Seconds()/float64(b.N)*1e3, "ms-cpu")
	b.ReportMetric(gnarks.Seconds()/float64(b.N)*1e3, "gnark-ms-cpu")
	b.ReportMetric(read.Seconds()*1e3, "ms-read-system")
	b.ReportMetric(readKey.Seconds()*1e3, "ms-read-key")
}

// Command circuit writes a circuit in Go and turns it into what a job needs.
//
//	go run ./examples/circuit FOLDER
//
// The statement: somebody whose credential has the public hash `credential` was
// born at least `years` years before `today`, without saying when. A credential
// is the MiMC hash of the day of birth and a secret of its holder. Inputs:
//
//	{"born": 7305, "secret": "123…", "years": 18, "today": 19700}
//
// born and today count days; born and secret stay with whoever proves.
//
// The keys are made by this program alone. That is INSECURE: use it on networks
// marked so, and a ceremony elsewhere.
package main

import (
	"fmt"
	"os"

	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/std/hash/mimc"
	"github.com/consensys/gnark/std/math/bits"

	"github.com/capacloud/assay/circuit"
)

// quartersOfYear is a year's length in quarters of a day.
const quartersOfYear = 1461

// Age proves that a credential's holder is old enough.
type Age struct {
	Born   frontend.Variable `gnark:"born"`
	Secret frontend.Variable `gnark:"secret"`
	Years  frontend.Variable `gnark:"years,public"`
	Today  frontend.Variable `gnark:"today,public"`
}

// Define implements circuit.Circuit. The output is the credential.
func (a *Age) Define(api frontend.API) ([]frontend.Variable, error) {
	hash, err := mimc.NewMiMC(api)
	if err != nil {
		return nil, err
	}
	hash.Write(a.Born, a.Secret)
	// Both sides are small: without these three, a number just below the modulus
	// would pass for a small one.
	for _, v := range []frontend.Variable{a.Born, a.Today, a.Years} {
		bits.ToBinary(api, v, bits.WithNbDigits(20))
	}
	quarters := api.Sub(api.Mul(4, api.Sub(a.Today, a.Born)), api.Mul(quartersOfYear, a.Years))
	bits.ToBinary(api, quarters, bits.WithNbDigits(24)) // not negative
	return []frontend.Variable{hash.Sum()}, nil
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "circuit:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: circuit FOLDER")
	}
	c, err := circuit.Compile(&Age{})
	if err != nil {
		return err
	}
	b, err := c.Setup()
	if err != nil {
		return err
	}
	fmt.Printf("constraints  %d\npublic       %v\nprogram      %s\nkey          %s (insecure: one party made it)\n",
		c.System.Constraints(), c.Public, b.Descriptor.Program(), b.Key.Digest())
	return b.Save(args[0])
}

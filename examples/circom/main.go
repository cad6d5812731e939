// Command circom turns a compiled circom circuit into what a job needs.
//
//	circom2 membership.circom --r1cs --wasm   (done: the files are here)
//	go run ./examples/circom FOLDER
//
// The circuit, in membership.circom, proves that a secret leaf belongs to a tree
// with a public root. Inputs:
//
//	{"leaf": "5", "siblings": [1, 2, 3, 4, 5, 6, 7, 8], "left": [0, 1, 0, 1, 0, 1, 0, 1]}
//
// A circuit for assay has the input bind[2] and publishes it first: that binds a
// proof to one network, one job and one payee.
//
// The keys are made by this program alone. That is INSECURE: use it on networks
// marked so, and a .zkey of a ceremony elsewhere.
package main

import (
	_ "embed"
	"fmt"
	"os"

	"github.com/capacloud/assay/circuit"
	"github.com/capacloud/assay/zk/circom"
)

var (
	//go:embed membership.r1cs
	constraints []byte
	//go:embed membership.wasm
	program []byte
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "circom:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: circom FOLDER")
	}
	system, err := circom.ParseR1CS(constraints)
	if err != nil {
		return err
	}
	key, err := circom.Setup(system)
	if err != nil {
		return err
	}
	b, err := circuit.Circom(circuit.CircomFiles{
		R1CS: constraints, ZKey: key, Program: program,
		Public: []string{"root"}, Inputs: []string{"leaf", "siblings", "left"},
	})
	if err != nil {
		return err
	}
	fmt.Printf("constraints  %d\npublic       %v\nprogram      %s\nkey          %s (insecure: one party made it)\n",
		len(system.Constraints), b.Descriptor.Circuit.Public, b.Descriptor.Program(), b.Key.Digest())
	return b.Save(args[0])
}

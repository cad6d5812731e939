package circuit

import (
	"github.com/capacloud/assay"
	"github.com/capacloud/assay/zk"
	"github.com/capacloud/assay/zk/circom"
)

// CircomFiles are what circom and a setup make of a circuit's source.
type CircomFiles struct {
	R1CS    []byte
	ZKey    []byte
	Program []byte // the wasm that computes the witness

	// Public names the public elements, outputs first, an array's elements one by
	// one, as in "root[1]". Those of the binding, which must come first, are left
	// out; a circuit for bind=commit has none.
	Public []string
	Inputs []string // names of the inputs, without `bind`
}

// Circom puts the files of a circom circuit together. It refuses files that are
// not of one circuit.
func Circom(f CircomFiles) (*Bundle, error) {
	r, err := circom.ParseR1CS(f.R1CS)
	if err != nil {
		return nil, err
	}
	k, err := circom.ParseZKey(f.ZKey, circom.Checked)
	if err != nil {
		return nil, err
	}
	if err := k.Matches(r); err != nil {
		return nil, err
	}
	if n := len(f.Public); n != int(k.Public) && n+zk.BindingElements != int(k.Public) {
		return nil, assay.Refuse(CodeAuthor, "%d names of %d public elements, of which %d may be the binding", n, k.Public, zk.BindingElements)
	}
	b := new(Bundle)
	if b.Key, err = k.VerifyingKey(); err != nil {
		return nil, err
	}
	b.Files = []File{NewFile("circuit.r1cs", f.R1CS), NewFile("circuit.zkey", f.ZKey), NewFile("circuit.wasm", f.Program)}
	b.Descriptor = &zk.Descriptor{Version: 1, System: zk.Circom, Key: b.Key.Digest(), Circuit: &zk.Circuit{
		ConstraintSystem: b.Files[0].Digest, ProvingKey: b.Files[1].Digest, Witness: b.Files[2].Digest, Public: f.Public, Inputs: f.Inputs,
	}}
	return b, b.Descriptor.Validate()
}

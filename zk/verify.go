package zk

import (
	"github.com/capacloud/assay"
	"github.com/capacloud/assay/zk/bn254"
)

// MaxInputs bounds the public elements of a key.
const MaxInputs = 1024

// Verify reports nil exactly if proof proves, under the key, that the guest
// published the public bytes, or that the circuit has a witness for them.
func Verify(k *Key, guest [32]byte, public, proof []byte) error {
	v, err := k.Load()
	if err != nil {
		return err
	}
	return v.Verify(guest, public, proof)
}

// Verify is the package's Verify with a key that is loaded already.
func (v *Verifier) Verify(guest [32]byte, public, proof []byte) error {
	if len(proof) > MaxProof {
		return assay.Refuse(CodeLength, "a proof of %d bytes; at most %d", len(proof), MaxProof)
	}
	if err := CheckPublic(v.key.System, public); err != nil {
		return err
	}
	switch v.key.System {
	case SP1:
		return v.sp1(guest, public, proof)
	case RISC0:
		return v.risc0(guest, public, proof, risc0Halted)
	}
	if guest != [32]byte{} {
		return assay.Refuse(CodeStatement, "a circuit has no guest")
	}
	inputs, err := bn254.Scalars(public)
	if err != nil {
		return err
	}
	return v.check(inputs, proof)
}

// check verifies a bare proof of the key's scheme.
func (v *Verifier) check(inputs []bn254.Element, proof []byte) error {
	if v.plonk != nil {
		return v.plonk.Verify(inputs, proof)
	}
	return v.groth16.Verify(inputs, proof)
}

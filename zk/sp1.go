package zk

import (
	"crypto/sha256"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/zk/bn254"
)

// Public inputs of SP1's wrapper circuit: up to v5 the program's vkey and the
// digest of its public values; from v6 also exit code, vk_root and nonce.
const (
	sp1OldInputs = 2
	sp1Inputs    = 5
)

// SP1Digest returns the field element that stands for public values: their
// SHA-256 with the three top bits cleared. SP1 knows a Blake3 variant as well,
// which is not used here.
func SP1Digest(public []byte) [32]byte {
	d := sha256.Sum256(public)
	d[0] &= 0x1f
	return d
}

// sp1 verifies `selector | proof`, and from v6 `selector | exit code | vk_root |
// nonce | proof`. Root and exit code come from the key: whoever chose the root
// could choose the programs that fold proofs, and a guest that panics has a
// valid proof too, of another exit code. The nonce is free.
func (v *Verifier) sp1(program [32]byte, public, proof []byte) error {
	vkey, err := bn254.Scalar(program[:])
	if err != nil {
		return err
	}
	digest := SP1Digest(public)
	inputs := []bn254.Element{vkey, {}}
	if inputs[1], err = bn254.Scalar(digest[:]); err != nil {
		return err
	}
	rest, err := v.route(proof)
	if err != nil {
		return err
	}
	if v.Inputs() == sp1OldInputs {
		return v.check(inputs, rest)
	}
	if len(rest) < 3*bn254.ScalarSize {
		return assay.Refuse(CodeLength, "an SP1 proof of %d bytes", len(proof))
	}
	words, err := bn254.Scalars(rest[:3*bn254.ScalarSize])
	if err != nil {
		return err
	}
	switch {
	case [32]byte(rest[:32]) != v.key.ExitCode:
		return assay.Refuse(CodeExit, "the guest ended with %x, not with %x", rest[:32], v.key.ExitCode)
	case [32]byte(rest[32:64]) != v.key.Root:
		return assay.Refuse(CodeRoot, "vk_root %x, the key pins %x", rest[32:64], v.key.Root)
	}
	return v.check(append(inputs, words...), rest[3*bn254.ScalarSize:])
}

// route takes the selector off a proof. It catches a proof of another release
// early; the key was chosen before.
func (v *Verifier) route(proof []byte) ([]byte, error) {
	if len(proof) < len(v.selector) {
		return nil, assay.Refuse(CodeLength, "a proof of %d bytes", len(proof))
	}
	if got := [4]byte(proof[:4]); got != v.selector {
		return nil, assay.Refuse(CodeSelector, "%x, the key's is %x", got, v.selector)
	}
	return proof[4:], nil
}

// Selector returns the four bytes that proofs of a zkVM under this key begin with.
func (v *Verifier) Selector() [4]byte { return v.selector }

package zk

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/zk/bn254"
	"github.com/capacloud/assay/zk/groth16"
)

// risc0Inputs are the halves of control root and claim digest, and the control id.
const risc0Inputs = 5

// RISC0Exit is how a guest of RISC Zero ended.
type RISC0Exit struct {
	System uint32 // 0 halted, 1 paused, 2 split
	User   uint32
}

// risc0Halted is the only successful, finished run.
var risc0Halted = RISC0Exit{}

// tagged is RISC Zero's hash of a struct: SHA256(SHA256(tag) | down… | data… |
// the number of downs as two little-endian bytes).
func tagged(tag string, down [][32]byte, data ...uint32) [32]byte {
	head := sha256.Sum256([]byte(tag))
	b := head[:]
	for _, d := range down {
		b = append(b, d[:]...)
	}
	for _, n := range data {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	b = binary.LittleEndian.AppendUint16(b, uint16(len(down)))
	return sha256.Sum256(b)
}

// RISC0Claim returns the digest of the claim that image ran to this exit and
// published this journal, unconditionally: its assumptions are empty.
func RISC0Claim(image [32]byte, journal []byte, exit RISC0Exit) [32]byte {
	var zero [32]byte
	return tagged("risc0.ReceiptClaim", [][32]byte{zero, image, RISC0PostState(), RISC0Output(journal)}, exit.System, exit.User)
}

// RISC0Output returns the digest of a guest's output without assumptions. A
// receipt with assumptions has another digest, and is refused by that.
func RISC0Output(journal []byte) [32]byte {
	return tagged("risc0.Output", [][32]byte{sha256.Sum256(journal), {}})
}

// RISC0PostState returns the digest of the state of a guest that has halted.
func RISC0PostState() [32]byte {
	return tagged("risc0.SystemState", [][32]byte{{}}, 0)
}

// RISC0KeyDigest returns RISC Zero's digest of its verifying key.
func RISC0KeyDigest(k *groth16.Key) [32]byte {
	g1 := func(p *bn254.G1) [32]byte { b := bn254.G1Bytes(p); return sha256.Sum256(b[:]) }
	g2 := func(p *bn254.G2) [32]byte { b := bn254.G2Bytes(p); return sha256.Sum256(b[:]) }
	var list [32]byte
	for i := range slices.Backward(k.IC) {
		list = tagged("risc0_groth16.VerifyingKey.IC", [][32]byte{g1(&k.IC[i]), list})
	}
	return tagged("risc0_groth16.VerifyingKey", [][32]byte{g1(&k.Alpha), g2(&k.Beta), g2(&k.Gamma), g2(&k.Delta), list})
}

// risc0Parameters returns the digest of all that decides acceptance; its first
// four bytes are the selector of a release.
func risc0Parameters(root, control [32]byte, k *groth16.Key) [32]byte {
	return tagged("risc0.Groth16ReceiptVerifierParameters", [][32]byte{root, reversed(control), RISC0KeyDigest(k)})
}

// RISC0Parameters returns the digest whose first four bytes are the selector.
func (v *Verifier) RISC0Parameters() [32]byte {
	return risc0Parameters(v.key.Root, v.key.Control, v.groth16)
}

func reversed(b [32]byte) [32]byte {
	slices.Reverse(b[:])
	return b
}

// halves returns the two elements that stand for a digest: its bytes reversed,
// the last 16 first.
func halves(digest [32]byte) [2]bn254.Element {
	r := reversed(digest)
	var out [2]bn254.Element
	out[0].SetBytes(r[16:]) // 128 bits: never reduced
	out[1].SetBytes(r[:16])
	return out
}

// RISC0Inputs returns the five public inputs of a receipt's proof.
func (v *Verifier) RISC0Inputs(claim [32]byte) ([]bn254.Element, error) {
	control, err := bn254.Scalar(v.key.Control[:])
	root, c := halves(v.key.Root), halves(claim)
	return []bn254.Element{root[0], root[1], c[0], c[1], control}, err
}

// risc0 verifies a seal, `selector | proof`, of the claim that the image ran to
// this exit with this journal.
func (v *Verifier) risc0(image [32]byte, journal, seal []byte, exit RISC0Exit) error {
	if exit != risc0Halted {
		return assay.Refuse(CodeExit, "the guest ended with %d of the system, %d of its own", exit.System, exit.User)
	}
	inputs, err := v.RISC0Inputs(RISC0Claim(image, journal, exit))
	if err != nil {
		return err
	}
	proof, err := v.route(seal)
	if err != nil {
		return err
	}
	return v.check(inputs, proof)
}

// VerifyReceipt is Verify for a receipt that says how its guest ended. Only a
// halted guest with user code 0 is a successful run.
func (v *Verifier) VerifyReceipt(image [32]byte, journal, seal []byte, exit RISC0Exit) error {
	if v.key.System != RISC0 {
		return assay.Refuse(CodeSystem, "a receipt under a key of %s", v.key.System)
	}
	return v.risc0(image, journal, seal, exit)
}

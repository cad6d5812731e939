package zk

import (
	"math/big"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
	"github.com/capacloud/assay/zk/bn254"
)

// BindingElements is how many public elements of a circuit hold a binding. One
// would not do: 32 bytes do not fit into one element.
const BindingElements = 2

// Binding returns the 32 bytes that tie a statement to network, job and payee.
// A guest publishes them first; a circuit publishes their halves as its first
// two elements, and must constrain them: a public input that no constraint
// touches can be exchanged in a finished proof.
func Binding(network assay.NetworkID, job assay.JobID, payee assay.Key) [32]byte {
	return canon.Hash("assay/zk/bind/1", network[:], job[:], payee[:])
}

// ElementsOfBinding returns the two public elements of a circuit that hold a binding:
// its first and its last 16 bytes, as big-endian numbers.
func ElementsOfBinding(binding [32]byte) (first, last [32]byte) {
	copy(first[16:], binding[:16])
	copy(last[16:], binding[16:])
	return first, last
}

// PublicBinding returns what the public bytes of a bound statement begin with.
func PublicBinding(system string, binding [32]byte) []byte {
	if !IsCircuit(system) {
		return binding[:]
	}
	first, last := ElementsOfBinding(binding)
	return append(first[:], last[:]...)
}

// ProofDigest names a proof together with what it proves, for a commitment.
func ProofDigest(public, proof []byte) assay.Digest {
	return canon.Hash("assay/zk/proof/1", proof, public)
}

// Commitment is what a provider posts one beacon before it shows a proof under
// bind=commit. Network, job and payee are part of it: whoever reads the proof
// on its way to the ledger has no older commitment to it.
func Commitment(network assay.NetworkID, job assay.JobID, payee assay.Key, proofDigest assay.Digest) assay.Digest {
	return canon.Hash("assay/zk/commit/1", network[:], job[:], payee[:], proofDigest[:])
}

// Statement names what a proof proves, without the proof: it is paid once per
// network under bind=commit.
func Statement(key assay.Digest, guest [32]byte, public []byte) assay.Digest {
	return canon.Hash("assay/zk/statement/1", key[:], guest[:], public)
}

// CheckPublic refuses public bytes that are too long or, of a circuit, no list
// of canonical field elements.
func CheckPublic(system string, public []byte) error {
	if len(public) > MaxPublic {
		return assay.Refuse(CodePublic, "%d bytes; at most %d", len(public), MaxPublic)
	}
	if !IsCircuit(system) {
		return nil
	}
	if len(public)%bn254.ScalarSize != 0 {
		return assay.Refuse(CodePublic, "%d bytes are no whole number of elements", len(public))
	}
	_, err := bn254.Scalars(public)
	return err
}

// Unbound returns the public bytes without those of the binding: under bind=job
// the first 32 bytes or the first two elements are left out. Bytes that are too
// short to hold a binding are refused.
func Unbound(system, bind string, public []byte) ([]byte, error) {
	if bind != BindJob {
		return public, nil
	}
	n := 32
	if IsCircuit(system) {
		n = BindingElements * bn254.ScalarSize
	}
	if len(public) < n {
		return nil, assay.Refuse(CodePublic, "%d bytes are too few to begin with a binding", len(public))
	}
	return public[n:], nil
}

// Stdout returns what a job of this system prints: the public values of a
// guest as they are, the public elements of a circuit as one decimal number
// each, on lines of their own. The binding is left out.
func Stdout(system, bind string, public []byte) ([]byte, error) {
	if err := CheckPublic(system, public); err != nil {
		return nil, err
	}
	rest, err := Unbound(system, bind, public)
	if err != nil || !IsCircuit(system) {
		return rest, err
	}
	var text []byte
	for i := 0; i < len(rest); i += bn254.ScalarSize {
		text = new(big.Int).SetBytes(rest[i:i+bn254.ScalarSize]).Append(text, 10)
		text = append(text, '\n')
	}
	return text, nil
}

// OutputRoot returns Result.Output of a job that these public bytes answer: the
// folder {out/, stderr, stdout}, empty but for stdout.
func OutputRoot(system, bind string, public []byte) (assay.Digest, error) {
	stdout, err := Stdout(system, bind, public)
	if err != nil {
		return assay.Digest{}, err
	}
	return merkle.FolderDigest([]merkle.Entry{
		{Name: "out", Kind: merkle.Folder, Digest: merkle.FolderDigest(nil)},
		{Name: "stderr", Kind: merkle.File, Digest: merkle.FileOf(nil)},
		{Name: "stdout", Kind: merkle.File, Digest: merkle.FileOf(stdout), Size: uint64(len(stdout))},
	}), nil
}

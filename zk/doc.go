// Package zk owns proofs that somebody else's prover made: which verifying key
// stands for which statement, how a proof is read, what it must be bound to, and
// the check `zk(…)` that settles a job by one.
//
// A proof counts under exactly one [Key], named by the digest of everything that
// decides acceptance; selectors route and never authenticate. What a proof says
// is a [Descriptor] (the job's program) and its public bytes. The bytes of a
// proof are no identity: anyone can re-randomise a Groth16 proof.
//
// It refuses every second spelling of a point, a scalar, a length or a key, and
// every public value that it could recompute and that was sent instead.
//
// LIMITATIONS. BN254 gives about 100 bits of security, not 128. Whoever made a
// key alone can prove anything under it, so the origin of the key is an assumption
// of every verdict. A proof shows that the guest gives this output on some input:
// an input that the guest does not publish, or that the job does not pin by an
// argument, is the prover's choice. Under bind=commit the statement itself is
// not bound to the job.
package zk

import "github.com/capacloud/assay"

// The proof systems, as a policy names them. Groth16 and PLONK are gnark's own
// on BN254; circom is Groth16 with keys and public signals in snarkjs's order.
const (
	Groth16 = "groth16"
	Plonk   = "plonk"
	Circom  = "circom"
	SP1     = "sp1"
	RISC0   = "risc0"
)

// The bindings, as a policy names them.
const (
	BindJob    = "job"
	BindCommit = "commit"
)

// Runtime returns the runtime of jobs of a system; empty if it is unknown.
func Runtime(system string) string {
	switch system {
	case Groth16, Plonk, Circom:
		return assay.RuntimeCircuit
	case SP1, RISC0:
		return assay.RuntimeZKVM
	}
	return ""
}

// IsCircuit reports whether public bytes are field elements, 32 bytes each.
func IsCircuit(system string) bool { return Runtime(system) == assay.RuntimeCircuit }

// Limits of what comes from outside, checked before anything is decoded.
const (
	MaxDescriptor = 16 << 10 // bytes
	MaxKey        = assay.MaxProofKey
	MaxPublic     = 1 << 20 // bytes of public values, or 32 per public element
	MaxProof      = 8 << 10 // bytes
	MaxRelease    = 32      // bytes of a release's name
	MaxNames      = 1024    // named elements of a circuit
	MaxName       = 128     // bytes
)

// Descriptor is the program of a job under circuit/1 or zkvm/1: a small file
// that names by digest whatever is large. Its own file digest is Job.Program.
type Descriptor struct {
	_       struct{} `cbor:",toarray"`
	Version uint8    // 1
	System  string
	Key     assay.Digest // Key.Digest of the verifying key
	Guest   [32]byte     // sp1: the program's vkey; risc0: the image id; circuits: zero
	Circuit *Circuit     // circuits only
}

// Circuit names the files from which a provider makes a proof, and the public
// elements. The ledger reads the names only.
type Circuit struct {
	_                struct{}     `cbor:",toarray"`
	ConstraintSystem assay.Digest // a file in gnark's encoding, or circom's .r1cs; zero: not needed
	ProvingKey       assay.Digest // a file in gnark's encoding, or a .zkey
	VerifyingKey     assay.Digest // a file: Key.Bytes; zero: the proving key holds it (.zkey)
	Witness          assay.Digest // a file: circom's wasm witness program; of a gnark circuit the system that computes its outputs, or a wasm/1 program; zero: none
	SRS              assay.Digest // a file, PLONK only
	Public           []string     // a name for each public element that is not of the binding, in order
	Inputs           []string     // of these, and of the secret ones: what the witness program is given
}

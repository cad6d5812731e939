package assay

import "github.com/capacloud/assay/canon"

// Status says how an execution ended.
type Status uint8

// The ways to end. All three are results: equal everywhere, and paid.
const (
	Exited        Status = 1 // proc_exit, or return from _start (exit code 0)
	Trapped       Status = 2 // see Result.Trap
	InvalidModule Status = 3 // the bytes have the right digest and are no wasm/1 module
)

// String returns the name used in JSON.
func (s Status) String() string {
	switch s {
	case Exited:
		return "exited"
	case Trapped:
		return "trapped"
	case InvalidModule:
		return "invalid-module"
	}
	return "unknown"
}

// Result is what a job computes.
type Result struct {
	_        struct{} `cbor:",toarray"`
	Status   Status
	ExitCode uint32
	Trap     Code   // set if and only if Status is Trapped
	Fuel     uint64 // used
	Output   Digest // of the folder {out/, stderr, stdout}
	State    Digest // of memory, globals and tables at the end
}

// CodeResult refuses a result whose fields contradict one another.
const CodeResult Code = "bad-result"

// Digest returns the hash that providers commit to. It covers the state root,
// so that a short output cannot be guessed without doing the work.
func (r *Result) Digest() Digest { return canon.HashValue("assay/result/1", r) }

// Validate refuses a result whose fields contradict one another.
func (r *Result) Validate() error {
	switch {
	case r.Status < Exited || r.Status > InvalidModule:
		return Refuse(CodeResult, "status %d", r.Status)
	case (r.Status == Trapped) != (r.Trap != "") || len(r.Trap) > 64:
		return Refuse(CodeResult, "status %s with trap %.64q", r.Status, r.Trap)
	case r.Status != Exited && r.ExitCode != 0:
		return Refuse(CodeResult, "status %s with exit code %d", r.Status, r.ExitCode)
	}
	return nil
}

// ValidateFor refuses a result whose fields are not those of a runtime's results,
// or contradict one another. What only a machine has, fuel and a state at the end
// among it, is zero where there is none: otherwise equal results would differ.
func (r *Result) ValidateFor(runtime string) error {
	err := r.Validate()
	if err != nil || runtime != RuntimeCircuit && runtime != RuntimeZKVM && runtime != RuntimeInt8 {
		return err
	}
	switch {
	case r.Fuel != 0 || !r.State.IsZero() || r.ExitCode != 0 || r.Output.IsZero():
		return Refuse(CodeResult, "a result of %s has an output, no fuel, no state and no exit code", runtime)
	case r.Status != Exited && runtime != RuntimeInt8:
		// A circuit that its inputs do not satisfy has no result: nobody could prove one.
		return Refuse(CodeResult, "%s under %s", r.Status, runtime)
	}
	return nil
}

// CommitTo returns the commitment of a provider to a result digest. Network,
// job, seat and provider are part of it, so that it is worth nothing to anyone
// else, anywhere else.
func CommitTo(network NetworkID, job JobID, seat uint16, role Role, provider Key, salt, digest Digest) Digest {
	return canon.Hash("assay/commit/1", network[:], job[:], []byte{byte(seat), byte(seat >> 8), byte(role)}, provider[:], salt[:], digest[:])
}

// TagOf returns the tag of a result: equal tags show equal results, and a
// copier gains nothing from one, since a commitment needs the digest itself.
func TagOf(job JobID, digest Digest) Digest { return canon.Hash("assay/tag/1", job[:], digest[:]) }

// SaltOf derives the salt of a commitment from a provider's secret, so that a
// restart loses nothing.
func SaltOf(secret []byte, job JobID, seat uint16) Digest {
	return canon.Hash("assay/salt/1", secret, job[:], []byte{byte(seat), byte(seat >> 8)})
}

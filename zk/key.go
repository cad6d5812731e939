package zk

import (
	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/zk/bn254"
	"github.com/capacloud/assay/zk/groth16"
	"github.com/capacloud/assay/zk/plonk"
)

// The schemes that a key can be of. The three systems that wrap one choose it
// per key; sp1 has both.
const (
	SchemeGroth16 = "groth16"
	SchemePlonk   = "plonk"
)

// Key is a verifying key with all that decides acceptance beside it.
type Key struct {
	_        struct{} `cbor:",toarray"`
	Version  uint8    // of this encoding: 1
	System   string
	Release  string   // of the zkVM, such as "v5.0.0"; circuits: empty
	Scheme   string   // "groth16" or "plonk"
	VK       []byte   // groth16.Key.Bytes or plonk.Key.Bytes
	Hash     [32]byte // sp1: of the key file as its authors publish it; its first 4 bytes are the selector
	Root     [32]byte // sp1 from v6: vk_root; risc0: control root. Who may recurse
	Control  [32]byte // risc0: bn254 control id, as a big-endian element
	ExitCode [32]byte // sp1 from v6: that a run must end with
}

// Bytes returns the canonical encoding.
func (k *Key) Bytes() []byte { return canon.Marshal(k) }

// Digest names the key in policies, descriptors and the registry.
func (k *Key) Digest() assay.Digest { return DigestOf(k.Bytes()) }

// DigestOf returns the digest of a key's canonical bytes.
func DigestOf(key []byte) assay.Digest { return canon.Hash("assay/zk/key/1", key) }

// Verifier is a key that was read and found sound, ready for use.
type Verifier struct {
	key      Key
	groth16  *groth16.Key
	plonk    *plonk.Key
	selector [4]byte // sp1, risc0
}

// ParseKey reads a key strictly and loads it.
func ParseKey(b []byte) (*Verifier, error) {
	if len(b) > MaxKey {
		return nil, assay.Refuse(CodeKey, "%d bytes; at most %d", len(b), MaxKey)
	}
	var k Key
	if err := canon.Unmarshal(b, &k); err != nil {
		return nil, assay.Refuse(CodeKey, "%v", err)
	}
	return k.Load()
}

// Key returns a copy of the key.
func (v *Verifier) Key() Key { return v.key }

// Inputs returns how many public elements the key takes. For a zkVM they are
// derived from the statement; for a circuit they are the statement.
func (v *Verifier) Inputs() int {
	if v.plonk != nil {
		return v.plonk.Inputs()
	}
	return v.groth16.Inputs()
}

// Prepare makes later verifications faster, for whoever makes many.
func (v *Verifier) Prepare() error {
	if v.groth16 == nil {
		return nil
	}
	return v.groth16.Prepare()
}

// Load decodes the key and refuses one whose fields do not fit its system.
func (k *Key) Load() (*Verifier, error) {
	if err := k.validate(); err != nil {
		return nil, err
	}
	v := &Verifier{key: *k}
	var err error
	if k.Scheme == SchemePlonk {
		v.plonk, err = plonk.ParseKey(k.VK)
	} else {
		v.groth16, err = groth16.ParseKey(k.VK)
	}
	if err != nil {
		return nil, err
	}
	return v, v.fit()
}

// validate refuses fields that the system does not have, so that one statement
// has one key, and one digest.
func (k *Key) validate() error {
	zero := [32]byte{}
	zkvm := Runtime(k.System) == assay.RuntimeZKVM
	switch {
	case k.Version != 1:
		return assay.Refuse(CodeKey, "version %d, this is 1", k.Version)
	case Runtime(k.System) == "":
		return assay.Refuse(CodeSystem, "%.40q", k.System)
	case k.Scheme != SchemeGroth16 && k.Scheme != SchemePlonk:
		return assay.Refuse(CodeKey, "scheme %.40q", k.Scheme)
	case (k.Scheme == SchemePlonk) != (k.System == Plonk) && k.System != SP1:
		return assay.Refuse(CodeKey, "%s under %s", k.Scheme, k.System)
	case zkvm != (k.Release != "") || !printable(k.Release):
		return assay.Refuse(CodeKey, "release %.40q of %s", k.Release, k.System)
	case (k.System == SP1) != (k.Hash != zero):
		return assay.Refuse(CodeKey, "the hash of the key file is there or missing wrongly")
	case (k.System == RISC0) != (k.Control != zero):
		return assay.Refuse(CodeKey, "the control id is there or missing wrongly")
	case !zkvm && k.Root != zero, k.System == RISC0 && k.Root == zero:
		return assay.Refuse(CodeKey, "the root is there or missing wrongly")
	case k.System != SP1 && k.ExitCode != zero:
		return assay.Refuse(CodeKey, "%s has no exit code in its key", k.System)
	}
	return nil
}

// printable reports whether a release is short and can stand in a line of text.
func printable(release string) bool {
	for _, c := range []byte(release) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return len(release) <= MaxRelease
}

// fit refuses a key of a shape that its system does not have.
func (v *Verifier) fit() error {
	k := &v.key
	want := -1
	switch k.System {
	case SP1:
		copy(v.selector[:], k.Hash[:])
		want = sp1OldInputs
		if k.Root != [32]byte{} {
			want = sp1Inputs
		} else if k.ExitCode != [32]byte{} {
			return assay.Refuse(CodeKey, "an exit code without a root")
		}
		for _, element := range [][32]byte{k.Root, k.ExitCode} {
			if _, err := bn254.Scalar(element[:]); err != nil {
				return err
			}
		}
		if k.Scheme == SchemePlonk && want != sp1OldInputs {
			return assay.Refuse(CodeKey, "PLONK is known up to v5 only")
		}
	case RISC0:
		want = risc0Inputs
		if _, err := bn254.Scalar(k.Control[:]); err != nil {
			return err
		}
		parameters := risc0Parameters(k.Root, k.Control, v.groth16)
		copy(v.selector[:], parameters[:])
	}
	if want >= 0 && v.Inputs() != want {
		return assay.Refuse(CodeKey, "%d public inputs; %s %s has %d", v.Inputs(), k.System, k.Release, want)
	}
	if want >= 0 && v.plonk == nil && v.groth16.Commitments() != 0 {
		return assay.Refuse(CodeKey, "%s has no commitments", k.System)
	}
	return nil
}

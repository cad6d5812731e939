package circuit

import (
	"bytes"

	groth16bn254 "github.com/consensys/gnark/backend/groth16/bn254"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/merkle"
	"github.com/capacloud/assay/zk"
	"github.com/capacloud/assay/zk/groth16"
)

// Bundle is a circuit that can be sent: its descriptor, which is a job's program,
// its verifying key, and the files that the descriptor names.
type Bundle struct {
	Descriptor *zk.Descriptor
	Key        *zk.Key
	Files      []File
}

// File is one of a bundle's files.
type File struct {
	Name   string // for a folder on disk; of no meaning to anyone else
	Digest assay.Digest
	Bytes  []byte
}

// NewFile returns a file with its digest.
func NewFile(name string, b []byte) File { return File{name, merkle.FileOf(b), b} }

// IsProgram tells a witness program from a system of outputs.
func IsProgram(file []byte) bool { return bytes.HasPrefix(file, []byte("\x00asm")) }

// witness returns the file from which a provider learns the outputs; nil if there
// are none.
func (c *Compiled) witness() *File {
	var f File
	switch {
	case c.Program != nil:
		f = NewFile("witness.wasm", c.Program)
	case c.Outputs != nil:
		f = NewFile("outputs", c.Outputs.Bytes())
	default:
		return nil
	}
	return &f
}

// Setup makes keys alone, and is INSECURE: who runs it could keep the secrets
// and prove anything. It is for tests, and for networks marked insecure.
func (c *Compiled) Setup() (*Bundle, error) {
	var pk groth16bn254.ProvingKey
	var vk groth16bn254.VerifyingKey
	if err := groth16bn254.Setup(c.System.r1cs, &pk, &vk); err != nil {
		return nil, err
	}
	return c.Bundle(&pk, &vk)
}

// Bundle puts a circuit and keys for it together, such as those of a ceremony.
func (c *Compiled) Bundle(pk *groth16bn254.ProvingKey, vk *groth16bn254.VerifyingKey) (*Bundle, error) {
	key := &ProvingKey{pk}
	if err := key.matches(c.System); err != nil {
		return nil, err
	}
	var encoded bytesWriter
	if _, err := vk.WriteTo(&encoded); err != nil {
		return nil, err
	}
	verifying, err := groth16.ParseGnarkKey(encoded)
	if err != nil {
		return nil, err
	}
	b := &Bundle{Key: &zk.Key{Version: 1, System: zk.Groth16, Scheme: zk.SchemeGroth16, VK: verifying.Bytes()}}
	b.Files = []File{NewFile("system", c.System.Bytes()), NewFile("proving.key", key.Bytes()), NewFile("verifying.key", b.Key.Bytes())}
	files := &zk.Circuit{
		ConstraintSystem: b.Files[0].Digest, ProvingKey: b.Files[1].Digest, VerifyingKey: b.Files[2].Digest,
		Public: c.Public, Inputs: c.Inputs,
	}
	if f := c.witness(); f != nil {
		b.Files = append(b.Files, *f)
		files.Witness = f.Digest
	}
	b.Descriptor = &zk.Descriptor{Version: 1, System: zk.Groth16, Key: b.Key.Digest(), Circuit: files}
	return b, b.Descriptor.Validate()
}

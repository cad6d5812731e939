// Package circuit owns circuits that are written in Go with gnark: how an author
// writes one, and the data that it becomes. A circuit that runs on somebody
// else's machine is data and never code: a [System] of constraints with what
// computes its wires, a [ProvingKey], and a verifying key (package zk). No Go
// plugin exists.
//
// An author writes the struct of inputs and a method that returns the outputs:
//
//	type Preimage struct{ Secret frontend.Variable }
//
//	func (c *Preimage) Define(api frontend.API) ([]frontend.Variable, error) { … }
//
// [Compile] puts the two binding elements in front, constrains them, makes the
// outputs public, then the inputs that are marked so. [Compiled.Setup] makes keys
// alone, and is insecure; a ceremony or keys from elsewhere make [Compiled.Bundle].
// [CompilePlonk] is for PLONK, whose keys follow from the system and an [SRS] that
// the user supplies.
//
// The data is read strictly: gnark's own decoders start goroutines, where a panic
// on foreign bytes ends the process, so they are never used on foreign files.
// Before a system is run, every wire, coefficient and instruction in it was
// looked at: each wire is computed exactly once from earlier ones. Hints, gnark's
// computations beside the constraints, exist by name and from a fixed list alone.
//
// LIMITATIONS. A proof shows that inputs exist which satisfy the circuit; what
// the circuit fails to constrain is not proved. Under [Compiled.Setup] its maker
// can prove anything. Groth16 on BN254 gives about 100 bits.
package circuit

import (
	"sync"

	"github.com/consensys/gnark/logger"

	"github.com/capacloud/assay"
)

// quiet keeps gnark from writing to stderr, which is the user's.
var quiet = sync.OnceFunc(logger.Disable)

// Limits of what is read, checked before memory is reserved for it.
const (
	MaxSystem      = 1 << 30 // bytes
	MaxProvingKey  = 4 << 30
	MaxWires       = 1 << 25
	MaxConstraints = 1 << 25
	MaxNames       = 1 << 20 // inputs, each array element for itself
	maxName        = 256
	maxTables      = 1 << 12
	maxCommitments = 8
)

// Codes of this package.
const (
	CodeSystem      assay.Code = "circuit-system"
	CodeTruncated   assay.Code = "circuit-truncated"
	CodeTrailing    assay.Code = "circuit-trailing-bytes"
	CodeLimit       assay.Code = "circuit-above-limit"
	CodeElement     assay.Code = "circuit-element"
	CodeOrder       assay.Code = "circuit-order"
	CodeHint        assay.Code = "circuit-hint"
	CodeProvingKey  assay.Code = "circuit-proving-key"
	CodeOtherKey    assay.Code = "circuit-other-key"
	CodeInput       assay.Code = "circuit-input"
	CodeUnsatisfied assay.Code = "circuit-unsatisfied"
	CodeAuthor      assay.Code = "circuit-source"
	CodeSRS         assay.Code = "circuit-srs"
	CodeFolder      assay.Code = "circuit-folder"
)

// Codes documents the codes of this package.
func Codes() []assay.CodeInfo {
	r := func(c assay.Code, text, hint string) assay.CodeInfo {
		return assay.CodeInfo{Code: c, Kind: assay.KindRefusal, Text: text, Hint: hint}
	}
	return []assay.CodeInfo{
		r(CodeSystem, "a constraint system is malformed", "export it again with `circuit.Compile`"),
		r(CodeTruncated, "a constraint system or a proving key ends early", "fetch the file again and compare its digest"),
		r(CodeTrailing, "a constraint system or a proving key has bytes behind its content", "fetch the file again and compare its digest"),
		r(CodeLimit, "a constraint system or a proving key promises more than the limits of this runtime", "split the circuit; the limits are in package circuit"),
		r(CodeElement, "a number in a constraint system is not canonical", "export it again with `circuit.Compile`"),
		r(CodeOrder, "a constraint system computes a wire twice, never, or from one that is not computed yet", "export it again with `circuit.Compile`"),
		r(CodeHint, "a constraint system uses a hint that this runtime does not have", "use gnark's std gadgets for bits, comparison, ranges, selection and bytes, or circom"),
		r(CodeProvingKey, "a proving key is malformed", "export it again with `circuit.Compiled.Bundle`"),
		r(CodeOtherKey, "a proving key is of another constraint system", "export all files of one circuit together"),
		r(CodeInput, "the inputs name one that the circuit lacks, leave one out, or have too few or too many values", "one entry per input, nested arrays as declared"),
		r(CodeUnsatisfied, "the inputs do not satisfy the circuit", "check the inputs against what the circuit asserts"),
		r(CodeSRS, "an SRS is malformed, too small, or no powers of one secret", "use one of a public ceremony, converted by `circuit.NewSRS`"),
		r(CodeFolder, "a circuit's folder lacks a file that its program names", "export it again with `Bundle.Save`"),
		r(CodeAuthor, "a circuit's source cannot become a job", "the text says what; every public element must be constrained"),
	}
}

// Package circom owns circom's files and what can be done with them: .r1cs
// (constraint systems), .wtns (witnesses), .zkey (Groth16 proving keys), the
// wasm programs that compute witnesses, a native Groth16 prover, and a setup.
//
// Every file comes from strangers. Sizes are checked before memory is reserved
// for what a header promises, every field element must be canonical, every point
// of a key must lie on the curve and, in G2, in the subgroup, unless the caller
// pinned the file by its digest and says so ([Pinned]). A witness program runs in
// the rewriting of machine/wasm: fuel, memory and depth are limited.
//
// It refuses files for another field than BN254's, custom gates, sections that
// it does not know, and a key whose public inputs have a point at infinity:
// Groth16 would prove nothing about them.
//
// LIMITATIONS. [Setup] is made by one party, who can prove anything under the
// key: for tests and for networks marked insecure. A .zkey of a real ceremony
// should be checked by its own tools; this package checks that it is a key, not
// where it comes from.
package circom

import "github.com/capacloud/assay"

// Limits of what is read, checked before it is decoded.
const (
	MaxFile        = 4 << 30 // bytes of a .zkey or .r1cs
	MaxProgram     = 64 << 20
	MaxInputText   = 16 << 20
	MaxWires       = 1 << 26
	MaxConstraints = 1 << 26
	MaxPublic      = 1024 // outputs and public inputs together
	MaxDomain      = 1 << 26
	maxSections    = 16
)

// Codes of this package.
const (
	CodeFile        assay.Code = "circom-file"
	CodeTruncated   assay.Code = "circom-truncated"
	CodeTrailing    assay.Code = "circom-trailing-bytes"
	CodeLimit       assay.Code = "circom-above-limit"
	CodeField       assay.Code = "circom-field"
	CodeElement     assay.Code = "circom-element"
	CodeCurve       assay.Code = "circom-off-curve"
	CodeSubgroup    assay.Code = "circom-off-subgroup"
	CodeInfinity    assay.Code = "circom-infinity"
	CodeProtocol    assay.Code = "circom-protocol"
	CodeCustomGates assay.Code = "circom-custom-gates"
	CodeIndex       assay.Code = "circom-index"
	CodeMismatch    assay.Code = "circom-other-circuit"
	CodeWitness     assay.Code = "circom-witness-size"
	CodeUnsatisfied assay.Code = "circom-unsatisfied"
	CodeProgram     assay.Code = "circom-program"
	CodeInput       assay.Code = "circom-input"
	CodeInputRange  assay.Code = "circom-input-range"
	CodeAssert      assay.Code = "circom-assert"
	CodeFuel        assay.Code = "circom-out-of-fuel"
	CodeTrap        assay.Code = "circom-trap"
)

// Codes documents the codes of this package.
func Codes() []assay.CodeInfo {
	r := func(c assay.Code, text, hint string) assay.CodeInfo {
		return assay.CodeInfo{Code: c, Kind: assay.KindRefusal, Text: text, Hint: hint}
	}
	return []assay.CodeInfo{
		r(CodeFile, "a .r1cs, .wtns or .zkey file is malformed: magic, version or sections", "make it again with circom or snarkjs, or with `circuit.Export`"),
		r(CodeTruncated, "a circom file or one of its sections ends early", "fetch the file again and compare its digest"),
		r(CodeTrailing, "a circom file or one of its sections has bytes behind its content", "fetch the file again and compare its digest"),
		r(CodeLimit, "a circom file promises more than the limits of this runtime", "split the circuit; the limits are in package zk/circom"),
		r(CodeField, "a circom file is for another field than that of BN254", "compile with `--prime bn128`, the default"),
		r(CodeElement, "a field element in a circom file is not below the modulus", "no circom tool writes that: fetch the file again"),
		r(CodeCurve, "a point in a .zkey is not on the curve", "the key is broken or hostile: use another"),
		r(CodeSubgroup, "a point in a .zkey is outside the subgroup", "the key is broken or hostile: use another"),
		r(CodeInfinity, "a point in a .zkey is infinity where none may be: a public input with such a point is bound by nothing", "use every public signal in a constraint and make the key again"),
		r(CodeProtocol, "a .zkey is of another protocol than Groth16", "run `snarkjs groth16 setup`"),
		r(CodeCustomGates, "a .r1cs uses custom gates", "they exist for PLONK only: compile without them"),
		r(CodeIndex, "a circom file names a wire or constraint that its header does not have", "fetch the file again and compare its digest"),
		r(CodeMismatch, "a .zkey, .r1cs or witness program is of another circuit than the others", "export all files of one circuit from one compilation"),
		r(CodeWitness, "a witness has another number of values than the circuit has wires", "compute it with the program of this circuit"),
		r(CodeUnsatisfied, "the witness does not satisfy the constraints", "check the inputs; if they are right, the circuit's <-- assigns what its === refuses"),
		r(CodeProgram, "a witness program is no module that circom makes, or does not load", "compile with circom 2 and --wasm"),
		r(CodeInput, "the inputs name a signal that the circuit lacks, leave one out, or have too few or too many values", "one entry per input signal, nested arrays as declared"),
		r(CodeInputRange, "an input is no decimal integer whose absolute value is below the field's modulus", "write numbers as decimal strings, without fraction or exponent"),
		r(CodeAssert, "an assertion of the circuit failed on these inputs", "the text names it"),
		r(CodeFuel, "the witness program used all its fuel", "raise the job's fuel limit"),
		r(CodeTrap, "the witness program trapped", "check its inputs; recompile with circom's --inspect"),
	}
}

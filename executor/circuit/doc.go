// Package circuit executes and proves jobs of the runtime circuit/1: circuits
// written in Go with gnark, for Groth16 or PLONK, and circom's, all as data that a
// job's program, a zk.Descriptor, names by digest.
//
// A job's inputs are its stdin, a JSON object of names with decimal numbers or
// nested arrays, and those arguments of the form name=value that pin a public
// input. A circuit may bring a wasm/1 program that makes such an object of any
// stdin, arguments and input folder. The result is the public elements, one decimal number per line on
// stdout, without the two that bind a proof to network, job and payee.
//
// Execute computes the witness alone, which is fast; Prove makes the proof, and
// verifies it before anyone sees it: a provider that shows a false proof loses
// its stake. Inputs that do not satisfy the circuit have no result.
//
// It refuses to begin what would not fit into memory, and files that are not of
// one circuit. Proofs run one at a time: each takes all cores.
//
// LIMITATIONS. A provider sees the inputs of what it proves. Whoever wants to keep
// them private runs a prover of its own. gnark's prover cannot be interrupted:
// a cancelled context is noticed when it returns.
package circuit

import "github.com/capacloud/assay"

// Codes of this package.
const (
	CodeMemory  assay.Code = "circuit-memory"
	CodeSystem  assay.Code = "circuit-not-provable"
	CodeKey     assay.Code = "circuit-key"
	CodeBinding assay.Code = "circuit-binding"
	CodePinned  assay.Code = "circuit-pinned"
	CodeFalse   assay.Code = "circuit-false-proof"
	CodeFile    assay.Code = "circuit-file-missing"
	CodeOutput  assay.Code = "circuit-output-limit"
	CodeProgram assay.Code = "circuit-witness-program"
)

// Codes documents the codes of this package.
func Codes() []assay.CodeInfo {
	r := func(c assay.Code, text, hint string) assay.CodeInfo {
		return assay.CodeInfo{Code: c, Kind: assay.KindRefusal, Text: text, Hint: hint}
	}
	return []assay.CodeInfo{
		r(CodeMemory, "the proof would take more memory than this machine has to spare", "prove it on a larger machine, or raise the limit"),
		r(CodeSystem, "a program of that system is no circuit", "groth16, plonk and circom are circuits"),
		r(CodeKey, "the verifying key of the files is not the one that the descriptor names", "export descriptor and files together"),
		r(CodeBinding, "the circuit's first two public elements are not the binding that it was given", "publish the input `bind` first; circuit.Compile does"),
		r(CodePinned, "a public element differs from the argument that pins it", "an argument name=value must state what stdin and the circuit give"),
		r(CodeFalse, "the proof that was made does not verify: the files are not of one circuit, or a point of the key is wrong", "export all files again, together"),
		r(CodeFile, "the descriptor names no file that this needs", "export the descriptor again"),
		r(CodeProgram, "a circuit's witness program failed, or this executor runs none", "run it by itself under wasm/1 and read its stderr"),
		r(CodeOutput, "the public elements take more bytes than the job's output limit", "raise the output limit"),
	}
}

// Package network owns the proofs of whole int8/1 networks and the two checks
// that settle jobs by them: `sumcheck`, a succinct proof of which the verifier
// needs neither the weights nor the work, and `freivalds`, for which it reads all
// matrices and recomputes everything but the products.
//
// A sumcheck proof goes from the output to the input. The prover first commits to
// what lies between: every inner tensor, what the first rounding of each node cuts
// off, and how often each row of a table is used. Then, node by node, a lookup
// argument shows that each int8 is the requantisation of its sum, which leaves a
// claim about the sums at one point; a sumcheck over the node's operator turns
// that into claims about its inputs and its weights. Claims about input and output
// are settled by evaluating them in the clear, all others by opening the
// commitments: the prover's, and the model's, which is part of the descriptor.
//
// It refuses to prove or to verify anything about a model that tensor.Parse refuses.
//
// LIMITATIONS. That the commitment in a descriptor is one to the weights file it
// names, of int8 that keep the bounds, is checked by whoever executes the model,
// not by the proof: findings say so by [CodeModel]. Proofs hide nothing. They are
// made non-interactive by hashing, in the random oracle model.
package network

import (
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/freivalds"
	"github.com/capacloud/assay/machine/tensor"
	"github.com/capacloud/assay/sumcheck"
)

// Codes of this package.
const (
	CodeEvidence   assay.Code = "network-evidence"
	CodeDescriptor assay.Code = "network-descriptor"
	CodeInput      assay.Code = "network-input"
	CodeOutput     assay.Code = "network-output"
	CodeSeat       assay.Code = "network-seat"
	CodeCommitment assay.Code = "network-commitment"
	CodeValue      assay.Code = "network-value"
	CodeSums       assay.Code = "network-sums"
	CodeBits       assay.Code = "network-bits"
	CodeLarge      assay.Code = "network-large"
	CodeModel      assay.Code = "model-commitment-checked-by-executors"
	CodeFiatShamir assay.Code = "fiat-shamir-random-oracle"
	CodeBeacon     assay.Code = "freivalds-61-bits"
)

// Codes documents the codes of this package and of those that only it uses.
func Codes() []assay.CodeInfo {
	r := func(c assay.Code, text, hint string) assay.CodeInfo {
		return assay.CodeInfo{Code: c, Kind: assay.KindRefusal, Text: text, Hint: hint}
	}
	a := func(c assay.Code, text, hint string) assay.CodeInfo {
		return assay.CodeInfo{Code: c, Kind: assay.KindAssumption, Text: text, Hint: hint}
	}
	return slices.Concat([]assay.CodeInfo{
		r(CodeEvidence, "the evidence of a network cannot be read", "make it with the executor's Prove; it is canonical CBOR of at most 4 MiB"),
		r(CodeDescriptor, "the evidence is about another model than the job's program", "prove the job's own program"),
		r(CodeInput, "the evidence is about another input than the job's, or one of the wrong length", "prove the job's own standard input"),
		r(CodeOutput, "the evidence is about another output than the one that was opened, or one of the wrong length or range", "prove the result that the seat has opened"),
		r(CodeSeat, "the evidence names another seat than its sender's", "post the evidence of one's own seat"),
		r(CodeCommitment, "the evidence is not the one that was committed to, or its beacon is not there yet", "post the commitment, wait for the next beacon, post the same bytes"),
		r(CodeValue, "a value in the proof contradicts the tensor it is about", "the proof is false: prove again from the job's own inputs"),
		r(CodeSums, "sums of a node contradict its inputs and weights", "the evidence is false: execute again"),
		r(CodeBits, "a proof about this model would have less than 100 bits of security", "use smaller tensors or tables, or split the network"),
		r(CodeLarge, "input, weights and sums of the network take more than 4 MiB", "freivalds carries them whole: use sumcheck for larger networks"),
		a(CodeModel, "the descriptor's commitment is one to the weights file that it names", "whoever executes the model checks it; to be certain, execute it once, or check the commitment with the weights in hand"),
		a(CodeFiatShamir, "the challenges of the proof, drawn by hashing it, could not be steered", "the text gives the number of bits for this statement: the errors of all its arguments together"),
		a(CodeBeacon, "no sum was changed in a way that the random projection of 61 bits missed", "chance 2^-61 for each product of the network, in one attempt; the beacon was drawn after the sums were fixed"),
	}, sumcheck.Codes(), freivalds.Codes(), tensor.Codes())
}

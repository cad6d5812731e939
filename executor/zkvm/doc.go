// Package zkvm runs zkvm/1 jobs: guests of somebody else's zkVM, of which assay
// proves nothing itself. The proof comes from a store of proofs made before, or
// from the prover command that the provider's owner has installed; either speaks
// the case files of package zk/casefile.
//
// It refuses to answer with a proof that it has not verified, of another guest,
// another key or other public values than the job pins. What a job computes is
// what the proof publishes: without a proof there is no result.
//
// LIMITATIONS. A stored proof names no job, so it serves policies with bind=commit
// only. Which of several stored proofs of one guest a job is about follows from
// the argument "public=0x…" alone, and from the order of the store without it.
package zkvm

import "github.com/capacloud/assay"

// Codes of jobs that have no result here.
const (
	CodeNone    assay.Code = "zkvm-no-proof"
	CodeUnbound assay.Code = "zkvm-unbound"
	CodeCommand assay.Code = "zkvm-prover"
	CodeOther   assay.Code = "zkvm-other"
)

// Codes documents the codes of this package.
func Codes() []assay.CodeInfo {
	refusal := func(code assay.Code, text, hint string) assay.CodeInfo {
		return assay.CodeInfo{Code: code, Kind: assay.KindRefusal, Text: text, Hint: hint}
	}
	return []assay.CodeInfo{
		refusal(CodeNone, "no stored proof is of this guest, key and public values, and no prover is installed", "store the proof, or name a prover command"),
		refusal(CodeUnbound, "a stored proof names no job, and the policy wants one that does", "use bind=commit, or a prover command whose guest publishes the binding first"),
		refusal(CodeCommand, "the prover command failed, or printed no case file", "run it by hand with the request that it was given"),
		refusal(CodeOther, "the proof is of another guest, key, binding or public values than asked for, or is not valid", "`assay zk verify` says what the file proves"),
	}
}

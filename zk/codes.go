package zk

import (
	"github.com/capacloud/assay"
	"github.com/capacloud/assay/zk/bn254"
	"github.com/capacloud/assay/zk/groth16"
	"github.com/capacloud/assay/zk/plonk"
)

// Codes of this package.
const (
	CodeSystem     assay.Code = "zk-system"
	CodeDescriptor assay.Code = "zk-descriptor"
	CodeKey        assay.Code = "zk-key"
	CodePublic     assay.Code = "zk-public"
	CodeLength     assay.Code = "zk-length"
	CodeSelector   assay.Code = "zk-selector"
	CodeExit       assay.Code = "zk-exit"
	CodeRoot       assay.Code = "zk-root"
	CodeStatement  assay.Code = "zk-statement"
	CodeEvidence   assay.Code = "zk-evidence"

	CodeSeat        assay.Code = "zk-seat"
	CodeProgram     assay.Code = "zk-program"
	CodeKeyPinned   assay.Code = "zk-key-pinned"
	CodeKeyUnknown  assay.Code = "zk-key-unknown"
	CodeKeyKilled   assay.Code = "zk-key-killed"
	CodeBind        assay.Code = "zk-bind"
	CodeUnbound     assay.Code = "zk-unbound"
	CodeUncommitted assay.Code = "zk-uncommitted"
	CodeEarly       assay.Code = "zk-early"
	CodeOutput      assay.Code = "zk-output"
	CodeArgument    assay.Code = "zk-argument"
)

// Codes documents the codes of this package and of those below it.
func Codes() []assay.CodeInfo {
	r := func(c assay.Code, text, hint string) assay.CodeInfo {
		return assay.CodeInfo{Code: c, Kind: assay.KindRefusal, Text: text, Hint: hint}
	}
	list := []assay.CodeInfo{
		r(CodeSystem, "the proof system is unknown, or not the one that is due here", "known: groth16, plonk, circom, sp1, risc0"),
		r(CodeDescriptor, "the program of a proof job is no sound descriptor", "the text says what; make it with `assay zk` or package zk"),
		r(CodeKey, "a verifying key is malformed or does not fit its system", "the text says what; make it with `assay zk key`"),
		r(CodePublic, "public values are too long, or no list of field elements", "circuits: 32 bytes each, big-endian; zkVMs: the bytes as published"),
		r(CodeLength, "a proof has a length that its system does not have", "pass the proof as the prover printed it, selector first"),
		r(CodeSelector, "the proof begins with the selector of another release", "pin the key of the release that made the proof"),
		r(CodeExit, "the guest did not end successfully", "a guest that panics or pauses has a valid proof too; it proves no result"),
		r(CodeRoot, "the proof was folded under another set of recursion programs", "use the release whose vk_root the key pins"),
		r(CodeStatement, "the statement names a guest where its system has none", "circuits are named by their key alone"),
		r(CodeEvidence, "evidence for a zk check is malformed", "this is made by a broken or hostile provider"),
		r(CodeSeat, "the evidence is of a seat that is not the sender's, or has opened nothing", "post it after the opening, signed by the seat's provider"),
		r(CodeProgram, "the proof is about another program than the job's", "prove the job's own program; its descriptor's file digest is the job's program"),
		r(CodeKeyPinned, "the job's program names another key than the policy pins", "submit with the policy's key, or with none"),
		r(CodeKeyUnknown, "the job did not name the key when it was submitted", "register the key, and name it at submission"),
		r(CodeKeyKilled, "validators have withdrawn the key", "use a key of a sound release or ceremony"),
		r(CodeBind, "a commitment, where the policy binds the proof to the job", "show the proof itself"),
		r(CodeUnbound, "the public values do not begin with the binding of this job and payee", "a proof of another job or payee counts for nothing here; pass the binding to the guest or circuit"),
		r(CodeUncommitted, "the seat has not committed to this proof", "post the commitment first; it covers proof, public values, network, job and payee"),
		r(CodeEarly, "the proof follows its commitment before a beacon has passed", "show it in a later block"),
		r(CodeOutput, "the public values stand for another output than the seat opened", "open what the proof proves"),
		r(CodeArgument, "the job's arguments fix a public value that the proof does not have, or name none", "prove with the job's inputs"),
	}
	list = append(list, assumptions()...)
	list = append(list, bn254.Codes()...)
	list = append(list, groth16.Codes()...)
	return append(list, plonk.Codes()...)
}

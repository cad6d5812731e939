package board

import "github.com/capacloud/assay"

// Codes of a submission that is refused.
const (
	CodeNotAvailable  assay.Code = "policy-not-available"
	CodeNotCanonical  assay.Code = "policy-not-canonical"
	CodeDeadlineShort assay.Code = "deadline-too-short"
	CodeBytes         assay.Code = "fetch-too-large"
	CodeNoReferee     assay.Code = "runtime-without-referee"
	CodeWindow        assay.Code = "window-too-long"
)

// Codes of evidence that is refused, and of a job that names proofs.
const (
	CodeKeys         assay.Code = "keys-without-proof"
	CodeEvidenceSize assay.Code = "evidence-too-large"
	CodeEvidencePart assay.Code = "evidence-part"
	CodeEvidenceGas  assay.Code = "evidence-gas"
	CodeSpent        assay.Code = "statement-spent"
	CodeNoStatement  assay.Code = "nothing-to-prove"
)

// Codes of a message to a case that is refused.
const (
	CodePhase        assay.Code = "not-now"
	CodeLateMessage  assay.Code = "too-late"
	CodeCommitReused assay.Code = "commit-reused"
	CodeNotYourSeat  assay.Code = "not-your-seat"
	CodeOtherJob     assay.Code = "other-job"
	CodeNoCheck      assay.Code = "no-such-check"
	CodeNotValidator assay.Code = "not-a-validator"
	CodeOtherOutput  assay.Code = "other-output"
	CodeRepeated     assay.Code = "already-said"
	CodeNotSupporter assay.Code = "not-a-supporter"
	CodeBadAnswer    assay.Code = "bad-answer"
	CodeReplay       assay.Code = "case-does-not-replay"
	CodeImage        assay.Code = "bad-image"
	CodeAgrees       assay.Code = "claim-agrees"
	CodeFinal        assay.Code = "settlement-final"
	CodeHorizon      assay.Code = "past-horizon"
	CodeChunk        assay.Code = "not-the-program"
	CodeProgramSize  assay.Code = "program-too-large"
	CodeUnderstated  assay.Code = "program-understated"
	CodeCheckpoint   assay.Code = "bad-checkpoint"
	CodeEpochOrder   assay.Code = "epoch-out-of-order"
	CodeEpochRange   assay.Code = "epoch-out-of-range"
	CodeNoCheckpoint assay.Code = "unknown-checkpoint"
	CodeNoBytes      assay.Code = "checkpoint-without-bytes"
	CodeBeside       assay.Code = "checkpoint-not-earlier"
	CodeRefuted      assay.Code = "checkpoint-refuted"
	CodeUnsupported  assay.Code = "checkpoint-unsupported"
	CodeWatches      assay.Code = "seat-watches"
)

// Codes of why a number drawn was passed over; the ledger adds its own.
const (
	SkipDrawn   assay.Code = "owner-drawn"
	SkipRuntime assay.Code = "runtime-not-offered"
	SkipPrice   assay.Code = "price-above-limit"
	SkipStake   assay.Code = "stake-too-small"
)

// Codes of a verdict that accepts nothing.
const (
	CodeExhausted     assay.Code = "exhausted"
	CodeNoAgreement   assay.Code = "no-agreement"
	CodeDeadline      assay.Code = "deadline"
	CodeNotEnough     assay.Code = "not-enough-providers"
	CodeContradiction assay.Code = "contradiction"
	CodeVerifier      assay.Code = "verifier-contradiction"
	CodeProvedWrong   assay.Code = "all-proved-wrong"
	CodeInputs        assay.Code = "inputs-unavailable"

	CodeProgramMissing assay.Code = "program-not-posted"
)

// Codes of what a verdict assumes, beside those of its checks.
const (
	CodeInProcess    assay.Code = "in-process"
	CodeOneBeacon    assay.Code = "single-validator-beacon"
	CodeOneLedger    assay.Code = "single-validator-ledger"
	CodeRepeat       assay.Code = "repeat"
	CodeOneAvailable assay.Code = "single-validator-availability"
	CodeResumed      assay.Code = "resumed-from-checkpoint"
)

// Codes of payments.
const (
	PayExecuted assay.Code = "executed"
	PayWatched  assay.Code = "watched"
	PayProgram  assay.Code = "program-posted"
	PayMisled   assay.Code = "misled"
	PayRefund   assay.Code = "refund"
	PayFee      assay.Code = "protocol-fee"
)

// Codes documents every code of this package.
func Codes() []assay.CodeInfo {
	var list []assay.CodeInfo
	add := func(kind assay.CodeKind, code assay.Code, text, hint string) {
		list = append(list, assay.CodeInfo{Code: code, Kind: kind, Text: text, Hint: hint})
	}
	const refusal, finding, assumption = assay.KindRefusal, assay.KindFinding, assay.KindAssumption
	add(refusal, CodeNotAvailable, "the policy names a check that this version does not have", "use quorum(n), alone or inside all, any and atleast")
	add(refusal, CodeNotCanonical, "the policy is not in canonical text", "submit the text that the message prints")
	add(refusal, CodeDeadlineShort, "the deadline is shorter than one commit and one tag clock", "set a later deadline, or a lower fuel limit")
	add(refusal, CodeBytes, "the bytes to fetch exceed what a job may name", "at most 2^40")
	add(refusal, CodeNoReferee, "the runtime has no machine that could decide a dispute", "use quorum(n)")
	add(refusal, CodeWindow, "the policy waits longer for a challenge than a case can", "shorten the window to at most 84h")
	add(refusal, CodeKeys, "the job does not name the verifying keys that its policy needs, or names some for no use, or more than four", "name with the job the key that its descriptor, or the policy, goes by")
	add(refusal, CodeEvidenceSize, "the evidence is empty, or larger than the network takes", "the genesis has the limit; use a check with smaller proofs")
	add(refusal, CodeEvidencePart, "the part is not the next one of its evidence, has another length, or the parts together have another hash", "post parts of 256 KiB in their order")
	add(refusal, CodeEvidenceGas, "less gas is stated than the check needs for this evidence", "state what the check's Gas says")
	add(refusal, CodeSpent, "the statement belongs to another job of this network, and is paid for once", "bind the proof to the job: bind=job")
	add(refusal, CodeNoStatement, "the job's program cannot be proved, and it declares none that can", "declare an equivalent circuit or guest with the job, or use another policy")
	add(refusal, CodePhase, "the case does not take this message now", "read the case: it names the seat's state and the phase")
	add(refusal, CodeLateMessage, "the message's clock has run out", "nothing can be done: the seat counts as late or abandoned")
	add(refusal, CodeCommitReused, "another seat has this commitment", "derive the salt from your own key")
	add(refusal, CodeNotYourSeat, "the seat does not exist or is another provider's", "sign with the key that was drawn")
	add(refusal, CodeOtherJob, "the message names another job", "send it to its own case")
	add(refusal, CodeNoCheck, "the policy has no check of this name", "address evidence by the check's canonical text")
	add(refusal, CodeNotValidator, "only validators attest", "sign with the validator's account key")
	add(refusal, CodeOtherOutput, "the attestation names another output", "attest the accepted result's output")
	add(refusal, CodeRepeated, "the attestation is on the board already", "nothing to do")
	add(refusal, CodeNotSupporter, "only a supporter of the accepted result answers a challenge", "sign with the key of a seat that opened it")
	add(refusal, CodeBadAnswer, "the answer does not open the leaves that the beacon named", "post one opening per offset, in their order")
	add(refusal, CodeReplay, "the case's record does not follow from its board", "do not trust this file: fetch it from another source")
	add(refusal, CodeAgrees, "the claim ends in the result that it is posted against", "nothing to dispute: keep the bond")
	add(refusal, CodeChunk, "the bytes are not that part of the job's program", "cut the program that the job names; a chunk has 256 KiB, the last one the rest")
	add(refusal, CodeProgramSize, "the program is larger than any that can be disputed", "at most 16 MiB")
	add(refusal, CodeUnderstated, "the program is larger than all that the requester said has to be fetched", "the job cannot be disputed: stakes and bonds were locked for the bytes that were named; submit it again with the right number")
	add(refusal, CodeFinal, "the settlement cannot be appealed against: nothing was accepted, nobody is liable on this network, or the runtime has no referee", "nothing can be done; a receipt says whether it is final")
	add(refusal, CodeHorizon, "the liability horizon has passed, and the stake behind the result is released", "watch within the window that the receipt names")
	add(refusal, CodeImage, "the bytes are no image of a program", "do not trust this file: fetch it from another source")
	add(refusal, CodeCheckpoint, "the checkpoint names no state, or a file without a size, or a size without a file", "a checkpoint with a file has a size; one without confirms the state only")
	add(refusal, CodeEpochRange, "the job's machine can come to no boundary of this number", "epochs count from 1; the job's fuel bounds the last one")
	add(refusal, CodeEpochOrder, "the seat has posted a later boundary, or did not run this one", "post boundaries upwards; earlier ones only to confirm what another seat has posted")
	add(refusal, CodeNoCheckpoint, "no such checkpoint is on the board; newer ones have replaced it, perhaps", "read the case again: go on from one that is there, or execute the job from its start")
	add(refusal, CodeNoBytes, "the seat has confirmed the state only, and serves no bytes of it", "go on from the same state as another seat has posted it")
	add(refusal, CodeBeside, "the checkpoint is of a seat that was drawn together with this one or later", "execute the job from its start: replicas of one draw do not go on from one another")
	add(refusal, CodeRefuted, "a dispute has refuted the checkpoint, or the seat that posted it", "go on from another one, or execute the job from its start")
	add(refusal, CodeUnsupported, "fewer seats have posted the state than the policy wants to agree on a result", "go on from an earlier one, or execute the job from its start")
	add(refusal, CodeWatches, "a watcher executes the whole job by itself", "post nothing before the commitment")
	add(finding, SkipDrawn, "the owner account holds a seat in this job already", "nothing to do: one owner, one opinion")
	add(finding, SkipRuntime, "the offer does not run this runtime", "offer the runtime to be drawn for it")
	add(finding, SkipPrice, "the offer's price is above the job's limit", "lower the offer, or raise the job's price")
	add(finding, SkipStake, "the free stake is below what the assignment locks", "add stake, or wait until some is released")
	add(finding, CodeExhausted, "the draws that the policy allows are used up without support", "submit again: late and abandoned replicas were not paid")
	add(finding, CodeNoAgreement, "executions differ, and not enough of them are equal", "run `assay check` on the program: it may not be deterministic")
	add(finding, CodeDeadline, "the deadline stopped further draws", "set a later deadline")
	add(finding, CodeNotEnough, "the market has too few eligible owners", "raise the price, or ask for fewer replicas")
	add(finding, CodeContradiction, "two different results are supported", "use a policy without any, or report it: one of its checks is broken")
	add(finding, CodeVerifier, "one result is both proved and refuted", "report it: a verifier is wrong")
	add(finding, CodeProvedWrong, "every result was proved wrong", "submit again")
	add(finding, CodeInputs, "validators did not attest that program and inputs can be had, so nobody could have challenged the result", "serve them until the job is settled, and submit again")
	add(finding, CodeProgramMissing, "nobody posted the program in time, so that a dispute could not be decided", "whoever disputes, or defends, posts it; programs above 16 MiB cannot be disputed")
	add(assumption, CodeInProcess, "one process ran everything", "run against a network for independence")
	add(assumption, CodeOneBeacon, "one validator made the beacon that drew the providers", "use a network with several validators")
	add(assumption, CodeOneLedger, "one validator ordered and timed every message", "use a network with several validators")
	add(assumption, CodeRepeat, "a job with the same work was settled before", "its result was public: replicas may repeat it without executing")
	add(assumption, CodeResumed, "a seat that agrees has executed the last epochs only, from a checkpoint", "the text says from which; under a quorum as many seats had posted it as agree on a result")
	add(assumption, CodeOneAvailable, "one validator holds the output", "fetch the output soon")
	add(finding, PayExecuted, "paid for an execution that supports the accepted result", "")
	add(finding, PayWatched, "paid to a watcher whose own execution agrees", "")
	add(finding, PayProgram, "what posting the program for a dispute has cost, paid by those who lost it", "")
	add(finding, PayMisled, "paid to a provider that went on from a refuted checkpoint, out of the stake of who posted it: its price, and what showing it has cost", "")
	add(finding, PayRefund, "escrow that was not used", "")
	add(finding, PayFee, "the protocol fee", "")
	return list
}

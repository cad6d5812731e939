package receipt

import (
	"github.com/capacloud/assay"
	"github.com/capacloud/assay/quorum"
)

// Exit codes of a verification, see Report.Exit.
const (
	ExitVerified       = 0 // accepted and verified
	ExitBroken         = 1 // the receipt's own evidence speaks against it
	ExitNotEstablished = 2 // nothing is shown to be wrong, and nothing to be right
)

// Codes of receipts that exit 2. A receipt of another network carries
// assay.CodeTxNetwork, "other-network".
const (
	CodeMalformed   assay.Code = "malformed"
	CodeNoAnchor    assay.Code = "no-anchor"
	CodeNoArtifacts assay.Code = "no-artifacts"
	CodeUndecided   assay.Code = "undecided"
	CodeUnverified  assay.Code = quorum.CodeUnverified
	CodeAnchor      assay.Code = "bad-anchor"

	CodeRevocations      assay.Code = "bad-revocations"
	CodeOtherRevocations assay.Code = "other-revocations"
	CodeOldRevocations   assay.Code = "old-revocations"
)

// Codes of receipts that exit 1.
const (
	CodeBrokenHash      assay.Code = "broken-hash"
	CodeBrokenSignature assay.Code = "broken-signature"
	CodeBrokenProof     assay.Code = "broken-proof"
	CodeBrokenRule      assay.Code = "broken-rule"
	CodeRefuted         assay.Code = "refuted"
	CodeRerunDiffers    assay.Code = "rerun-differs"
	CodeOutputDiffers   assay.Code = "output-differs"
	CodeRevoked         assay.Code = "result-revoked"
)

// What a receipt assumes beyond the verdict: of a network of several validators,
// and of what may have happened, or may still happen, inside the liability
// window.
const (
	AssumeValidators assay.Code = "validators"
	AssumeNotRevoked assay.Code = "could-be-revoked"
)

// Hints for codes that other packages document.
const (
	hintNetwork    = "pass --trust with the anchor of the network that settled the job"
	hintUnverified = "submit the job under a policy that checks, such as quorum(3)"
)

// Codes returns the codes that only this package gives, for docs/CODES.md. It
// also gives assay.CodeTxNetwork and quorum.CodeUnverified.
func Codes() []assay.CodeInfo {
	return []assay.CodeInfo{
		{Code: CodeMalformed, Kind: assay.KindRefusal, Text: "the bytes are not a receipt in its one canonical form", Hint: "fetch the receipt again; it was cut, extended or changed"},
		{Code: CodeNoAnchor, Kind: assay.KindRefusal, Text: "the receipt agrees with itself; without an anchor of yours nothing says who made it", Hint: "pass --trust with an anchor that you had from the network, not from the receipt's bearer"},
		{Code: CodeNoArtifacts, Kind: assay.KindRefusal, Text: "program or inputs of the job are not at hand, so it cannot be run again", Hint: "pass --artifacts with a folder that holds them"},
		{Code: CodeUndecided, Kind: assay.KindRefusal, Text: "the receipt is genuine, and the protocol reached no verdict", Hint: "submit the job again, with a longer deadline or another policy"},
		{Code: CodeAnchor, Kind: assay.KindRefusal, Text: "the anchor is malformed or names no usable network", Hint: "fetch the anchor again; it is written by `assay run` and `assay validator init`"},
		{Code: CodeBrokenHash, Kind: assay.KindRefusal, Text: "a hash in the receipt does not match what it names", Hint: "the receipt was altered or badly assembled; do not rely on it"},
		{Code: CodeBrokenSignature, Kind: assay.KindRefusal, Text: "a signature does not hold, or too few validators signed", Hint: "the receipt was altered or forged; do not rely on it"},
		{Code: CodeBrokenProof, Kind: assay.KindRefusal, Text: "the record is not shown to be in the ledger's state, or a beacon's proof fails", Hint: "the receipt was altered or forged; do not rely on it"},
		{Code: CodeBrokenRule, Kind: assay.KindRefusal, Text: "the rules, applied to the evidence, give another draw, finding, verdict or settlement", Hint: "the receipt was forged, or made by a network that breaks its own rules"},
		{Code: CodeRefuted, Kind: assay.KindRefusal, Text: "the receipt is genuine: every result that was offered is proved wrong", Hint: "no output was accepted; submit the job again"},
		{Code: CodeRerunDiffers, Kind: assay.KindRefusal, Text: "running the job again gave another result than the accepted one", Hint: "the accepted result is wrong, or this machine is: rerun elsewhere"},
		{Code: CodeOutputDiffers, Kind: assay.KindRefusal, Text: "the delivered bytes are not those of the accepted result", Hint: "fetch the output again from another holder"},
		{Code: CodeRevoked, Kind: assay.KindRefusal, Text: "the receipt is genuine, and a fraud proof has revoked its result since", Hint: "do not use the output; the payment stands, and the supporters' stake pays the requester"},
		{Code: CodeRevocations, Kind: assay.KindRefusal, Text: "the file of --revocations is malformed, or shows neither a revocation nor that there is none", Hint: "fetch it again: `assay job revocations ID --network URL -o FILE`"},
		{Code: CodeOtherRevocations, Kind: assay.KindRefusal, Text: "the file of --revocations is about another job or network than the receipt", Hint: "fetch the one of this job: `assay job revocations ID --network URL -o FILE`"},
		{Code: CodeOldRevocations, Kind: assay.KindRefusal, Text: "the file of --revocations shows a state from before the settlement", Hint: "fetch it again, now"},
		{Code: AssumeNotRevoked, Kind: assay.KindAssumption, Text: "nobody proves the result wrong within the liability window", Hint: "pass --revocations with a file of `assay job revocations`, the later the better"},
		{Code: AssumeValidators, Kind: assay.KindAssumption, Text: "validators with more than two thirds of the power did not sign two histories"},
	}
}

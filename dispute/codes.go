package dispute

import "github.com/capacloud/assay"

// Codes of refused moves.
const (
	CodeOtherDispute assay.Code = "other-dispute"
	CodeOver         assay.Code = "dispute-over"
	CodeClosed       assay.Code = "claims-closed"
	CodeFull         assay.Code = "claims-full"
	CodeOneClaim     assay.Code = "one-live-claim"
	CodeArity        assay.Code = "wrong-arity"
	CodeSteps        assay.Code = "claim-steps"
	CodeRecordSize   assay.Code = "record-too-large"
	CodeEnd          assay.Code = "claim-end"
	CodeNoClaim      assay.Code = "unknown-claim"
	CodeNotYours     assay.Code = "not-your-claim"
	CodeLate         assay.Code = "move-late"
	CodeClaimLost    assay.Code = "claim-lost"
	CodeInterval     assay.Code = "unknown-interval"
	CodeNoRival      assay.Code = "no-rival"
	CodeOutOfTurn    assay.Code = "out-of-turn"
	CodeWitnessSize  assay.Code = "witness-too-large"
	CodeTooLong      assay.Code = "dispute-too-long"
	CodeState        assay.Code = "bad-dispute"
	CodeNoEvidence   assay.Code = "evidence-not-taken" // as package quorum
)

// Codes of how a claim ended.
const (
	CodeSurvived assay.Code = "survived"
	CodeSilent   assay.Code = "silent-in-dispute"
	CodeUnproved assay.Code = "step-unproved"
	CodeUnmade   assay.Code = "claim-unmade"
	CodeRefuted  assay.Code = "refuted-by-proof"
)

// Codes of what a verdict under `optimistic` rests on.
const (
	CodeUnchallenged assay.Code = "unchallenged"
	CodeOneClaimant  assay.Code = "nobody-honest-kept-silent"
)

// Codes documents the codes of this package.
func Codes() []assay.CodeInfo {
	r := func(c assay.Code, text, hint string) assay.CodeInfo {
		return assay.CodeInfo{Code: c, Kind: assay.KindRefusal, Text: text, Hint: hint}
	}
	f := func(c assay.Code, text, hint string) assay.CodeInfo {
		return assay.CodeInfo{Code: c, Kind: assay.KindFinding, Text: text, Hint: hint}
	}
	return []assay.CodeInfo{
		r(CodeOtherDispute, "a move names another job than the dispute's", "send it to the dispute it was made for"),
		r(CodeOver, "the dispute has ended", "nothing is left to move; inside the liability window a claim opens an appeal"),
		r(CodeClosed, "the dispute admits no new claims any more", "claims close after the time that `assay dispute show` names; those that stand are played to their end"),
		r(CodeFull, "as many claims are live as a dispute holds, all in all or with this vector", "try again when one has lost; most of them do within one move"),
		r(CodeOneClaim, "the signer has a live claim in this dispute", "one bond carries a claim through the whole dispute"),
		r(CodeArity, "a claim, or a refinement, has another number of roots than the arity asks for", "a claim has 32 roots, a refinement 31"),
		r(CodeSteps, "a claim halts later than any run of the job can", "this is made by a broken or hostile challenger"),
		r(CodeRecordSize, "the record of the last state is larger than any", "this is made by a broken or hostile challenger"),
		r(CodeEnd, "the last state is not a halted one of this job, or its root is not the claim's last", "the last root must be that of the record"),
		r(CodeNoClaim, "the dispute has no claim of that number", "`assay dispute show` lists them"),
		r(CodeNotYours, "a move was made for somebody else's claim", "a move binds only its signer: post a claim of your own"),
		r(CodeLate, "the clock of the move has run out, and the claim has lost", "nothing; the bond is lost"),
		r(CodeClaimLost, "the claim has lost", "nothing; the bond is lost"),
		r(CodeInterval, "the dispute has no such interval: level or offset out of range or not aligned", "an interval of a level starts at a multiple of its steps"),
		r(CodeNoRival, "no live claim differs from the signer's in that interval", "moves are made where claims differ; `assay dispute show` lists the intervals"),
		r(CodeOutOfTurn, "the claim has made this move, or a single step cannot be refined", "wait for the rival, or prove the interval"),
		r(CodeWitnessSize, "a witness is larger than 256 KiB", "refine the interval; the witness of a single step always fits"),
		r(CodeTooLong, "the job can run for more steps than a dispute could decide within a week", "lower the fuel limit"),
		r(CodeState, "the bytes are no dispute", "use a matching assay; bytes from a stranger prove nothing before they verify"),
		r(CodeNoEvidence, "the check takes no evidence", "a challenge is a claim, not evidence"),

		f(CodeSurvived, "the claim was among the last ones standing: it has survived, it is not proved", "nothing; its bond is returned"),
		f(CodeSilent, "the claim did not refine in time", "nothing; keep the challenger running"),
		f(CodeUnproved, "nobody proved the single step in which the claim met its rival", "nothing; whoever holds the truth can prove every step of it"),
		f(CodeUnmade, "the claim was announced and its roots never came", "announce only what you are about to claim"),
		f(CodeRefuted, "the referee executed an interval and found another state behind it", "nothing; the proof is on the ledger"),

		{Code: CodeUnchallenged, Kind: assay.KindAssumption, Text: "somebody honest executed the job inside the window, or would have", Hint: "lengthen the window, ask for a quorum, or execute the job yourself and claim what differs"},
		{Code: CodeOneClaimant, Kind: assay.KindAssumption, Text: "whoever knew a better result than the surviving one had until the end of the dispute to claim it", Hint: "within the liability window a claim still opens an appeal"},
	}
}

package assay

// Codes documents the codes of this package. Other packages have tables of
// their own; `assay codes` prints them all and docs/CODES.md is its output.
func Codes() []CodeInfo {
	r := func(c Code, text, hint string) CodeInfo { return CodeInfo{c, KindRefusal, text, hint} }
	return []CodeInfo{
		r(CodeInternal, "a fault of assay, not of its input", "report it with the job id or the command line"),
		r(CodeBadKey, "a key is not ed25519: and 64 lower-case hex digits", "print yours with `assay key show`"),
		r(CodeAmountRange, "a sum, difference or product of credits leaves the range", "use smaller amounts"),
		r(CodeJobVersion, "the job's version is not known here", "use a matching assay"),
		r(CodeRuntime, "the job's runtime is not known here", "this version runs wasm/1"),
		r(CodeJobField, "a field of the job is missing or out of range", "the text names the field"),
		r(CodeJobLimits, "a limit of the job is out of range", "the text names the limit and its range"),
		r(CodeJobEnv, "an environment entry is not KEY=value, or a key is there twice", "pass each key once"),
		r(CodeOffer, "a field of an offer is missing or out of range", "the text names the field"),
		r(CodeConsent, "the provider key did not sign for this owner", "sign the consent with the provider's key, or use one key for both"),
		r(CodeResult, "a result's status, trap and exit code contradict one another", "this is made by a broken or hostile provider"),
		r(CodeGenesis, "a field of the genesis is out of range", "the text names it; use `assay validator init`"),
		r(CodeMessageKind, "a transaction carries a message of unknown kind", "use a matching assay"),
		r(CodeMessageSize, "a message is larger than its kind admits", "put large data into a blob and send its digest"),
		r(CodeMessageBytes, "a message is not the canonical encoding of its kind", "use assay's encoder"),
		r(CodeTxBytes, "a transaction is not canonical", "use assay's encoder"),
		r(CodeTxVersion, "the transaction's version is not known here", "use a matching assay"),
		r(CodeTxNetwork, "signed for another network", "check the genesis or anchor in use"),
		r(CodeTxSignature, "the signature does not match signer and content", "sign again with the right key"),
		r(CodeTxExpired, "the transaction's last height has passed, or lies too far ahead", "sign again with a fresh expiry"),
		r(CodeTxDuplicate, "the transaction was included before", "nothing is lost: it applied once"),
		r(CodeTxMessages, "too few or too many messages in one transaction", "send between 1 and 256"),
	}
}

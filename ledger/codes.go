package ledger

import "github.com/capacloud/assay"

// Codes of what the ledger refuses, beside those of the messages' own nouns,
// the market and the board.
const (
	CodeBalance     assay.Code = "insufficient-balance"
	CodeBlockGas    assay.Code = "block-gas"
	CodeTxSize      assay.Code = "transaction-too-large"
	CodeTxFar       assay.Code = "expiry-too-far"
	CodeAmount      assay.Code = "bad-amount"
	CodeNoFaucet    assay.Code = "no-faucet"
	CodeFaucetLimit assay.Code = "faucet-limit"
	CodeRequester   assay.Code = "not-requester"
	CodeJobExists   assay.Code = "job-exists"
	CodeUnknownJob  assay.Code = "unknown-job"
	CodeTickSigner  assay.Code = "tick-not-validator"
	CodeTickUndue   assay.Code = "tick-not-due"
	CodeTickAlone   assay.Code = "tick-not-alone"
)

// Codes documents them, and those of a transaction's form.
func Codes() []assay.CodeInfo {
	refusal := func(code assay.Code, text, hint string) assay.CodeInfo {
		return assay.CodeInfo{Code: code, Kind: assay.KindRefusal, Text: text, Hint: hint}
	}
	return append(append(registryCodes(), ceremonyCodes()...), []assay.CodeInfo{
		refusal(CodeBalance, "the account does not hold what this costs", "`assay account show` tells the balance; fees, escrow and bonds come out of it"),
		refusal(CodeBlockGas, "the block has no gas left for the transaction", "send it again; it was neither applied nor charged"),
		refusal(CodeTxSize, "the transaction exceeds the network's size limit", "split it into several"),
		refusal(CodeTxFar, "the expiry lies further ahead than the network remembers transactions", "choose an expiry within the transaction window"),
		refusal(CodeAmount, "the amount is zero, or the account is none", "name an account and an amount above zero"),
		refusal(CodeNoFaucet, "this network has no faucet", "ask someone who holds credits"),
		refusal(CodeFaucetLimit, "the amount exceeds what the faucet gives at once", "ask for less"),
		refusal(CodeRequester, "the job names another requester than the signer", "sign with the requester's key"),
		refusal(CodeJobExists, "the job was submitted before", "choose another nonce, or use the result that is there"),
		refusal(CodeUnknownJob, "no such job", "check the job id and the network"),
		refusal(CodeTickSigner, "only validators send ticks", "nothing to do: validators tick by themselves"),
		refusal(CodeTickUndue, "nothing is owed that a tick could advance", "wait until a draw, a deadline or a clock is due"),
		refusal(CodeTickAlone, "a tick is the only message of its transaction", "send the other messages in a transaction of their own"),
		refusal(CodeRevoked, "the result is revoked already", "nothing is left to prove"),
		refusal(CodeStoreUsed, "the store holds a ledger already", "choose an empty folder"),
		refusal(CodeStoreOther, "the store belongs to another network", "open it with the genesis that it was made with"),
	}...)
}

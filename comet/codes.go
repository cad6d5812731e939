package comet

import "github.com/capacloud/assay"

// Codes of this package's refusals.
const (
	CodeConfig   assay.Code = "bad-node-config"
	CodeRules    assay.Code = "other-rules"
	CodeHomeUsed assay.Code = "home-in-use"
	CodeHeight   assay.Code = "no-such-height"
	CodeKey      assay.Code = "bad-state-key"
	CodeHalted   assay.Code = "node-halted"
	CodeStopped  assay.Code = "node-stopped"
	CodeFull     assay.Code = "mempool-full"
	CodeNoTx     assay.Code = "unknown-transaction"
	CodeProof    assay.Code = "bad-proof"
	CodeNoOffer  assay.Code = "unknown-provider"

	// Why a proposal is not voted for, or a decided block not applied.
	CodeTimeMissing  assay.Code = "time-missing"
	CodeTimeExtra    assay.Code = "time-superfluous"
	CodeTimeAhead    assay.Code = "time-ahead"
	CodeTimeBehind   assay.Code = "time-behind"
	CodeTimeBackward assay.Code = "time-backward"
	CodeProposer     assay.Code = "unknown-proposer"
	CodeBlockTx      assay.Code = "malformed-block"
)

// Codes documents them, for docs/CODES.md.
func Codes() []assay.CodeInfo {
	return []assay.CodeInfo{
		{Code: CodeConfig, Kind: assay.KindRefusal, Text: "The node's configuration cannot work.", Hint: "The detail names the field."},
		{Code: CodeRules, Kind: assay.KindRefusal, Text: "This program judges by other rules than the network's genesis names.", Hint: "Run the release that the genesis was made for."},
		{Code: CodeHomeUsed, Kind: assay.KindRefusal, Text: "Another process uses this home directory.", Hint: "Stop it, or choose another directory."},
		{Code: CodeHeight, Kind: assay.KindRefusal, Text: "The state of this height is not kept, or not yet made.", Hint: "Ask for the latest height."},
		{Code: CodeKey, Kind: assay.KindRefusal, Text: "The state key cannot be looked up.", Hint: "Keys are 1 to 256 bytes."},
		{Code: CodeHalted, Kind: assay.KindRefusal, Text: "The node has halted on a broken invariant and applies no further block.", Hint: "Keep its home directory and log, and report them."},
		{Code: CodeStopped, Kind: assay.KindRefusal, Text: "The node is stopping.", Hint: "Start it again."},
		{Code: CodeFull, Kind: assay.KindRefusal, Text: "The node has too many transactions waiting.", Hint: "Send it again in a moment."},
		{Code: CodeNoTx, Kind: assay.KindRefusal, Text: "No transaction of this id is known to the node.", Hint: "It was not included in the blocks the node remembers; send it again."},
		{Code: CodeProof, Kind: assay.KindRefusal, Text: "A proof does not show what it is asked for.", Hint: "Ask another node."},
		{Code: CodeNoOffer, Kind: assay.KindRefusal, Text: "No offer of this provider is known.", Hint: "Check the key; a provider is known once its owner has posted an offer."},
		{Code: CodeTimeMissing, Kind: assay.KindRefusal, Text: "A block that needs a time message has none.", Hint: "The proposer is faulty."},
		{Code: CodeTimeExtra, Kind: assay.KindRefusal, Text: "A block carries a time message without need, or twice.", Hint: "The proposer is faulty."},
		{Code: CodeTimeAhead, Kind: assay.KindRefusal, Text: "A block's time is more than two seconds ahead of this validator's clock.", Hint: "Set the clocks of the validators."},
		{Code: CodeTimeBehind, Kind: assay.KindRefusal, Text: "A block's time is more than ten seconds behind this validator's clock.", Hint: "Set the clocks of the validators."},
		{Code: CodeTimeBackward, Kind: assay.KindRefusal, Text: "A block's time is before that of an earlier block.", Hint: "Set the clocks of the validators."},
		{Code: CodeProposer, Kind: assay.KindRefusal, Text: "A block was proposed by a key that is no validator's.", Hint: "The genesis and the chain do not match."},
		{Code: CodeBlockTx, Kind: assay.KindRefusal, Text: "A block holds bytes that are no transaction.", Hint: "The proposer is faulty."},
	}
}

// Package market owns the arithmetic of supply and demand: a provider's offer,
// stake, locks and capacity; the sum tree of listings from which providers are
// drawn; the distribution of a settlement; the split of fees among validators.
//
// Every transition is a pure function over values: it returns the value that
// follows, or a [assay.Refusal] and nothing. Nothing is stored here (package
// ledger does that), nothing is judged (package board does), and no result of a
// job is looked at.
//
// It refuses to lock what is not free, to release what is not locked, to take
// more than is there, and a settlement that does not add up to the last coin.
package market

import "github.com/capacloud/assay"

// Codes of what the market refuses. Those of a draw are recorded in the case as
// the reason why a listing was passed over.
const (
	CodeNotOwner      assay.Code = "not-owner"
	CodeNotListed     assay.Code = "not-listed"
	CodeStakeLocked   assay.Code = "stake-locked"
	CodeOfferExpired  assay.Code = "offer-expired"
	CodeOfferRuntime  assay.Code = "offer-runtime"
	CodeOfferPrice    assay.Code = "offer-price"
	CodeOfferStake    assay.Code = "offer-stake"
	CodeOfferCapacity assay.Code = "offer-capacity"
)

// Codes documents them.
func Codes() []assay.CodeInfo {
	return []assay.CodeInfo{
		{Code: CodeNotOwner, Kind: assay.KindRefusal, Text: "the provider belongs to another owner account", Hint: "sign with the owner's key"},
		{Code: CodeNotListed, Kind: assay.KindRefusal, Text: "the provider has no offer on the market", Hint: "post an offer first"},
		{Code: CodeStakeLocked, Kind: assay.KindRefusal, Text: "the stake is locked by assignments", Hint: "`assay account explain` names each lock and when it ends"},
		{Code: CodeOfferExpired, Kind: assay.KindRefusal, Text: "the offer has expired", Hint: "post it again with a later expiry"},
		{Code: CodeOfferRuntime, Kind: assay.KindRefusal, Text: "the offer does not run this runtime", Hint: "the provider must list the runtime in its offer"},
		{Code: CodeOfferPrice, Kind: assay.KindRefusal, Text: "the offer asks for more than the job pays", Hint: "raise the job's max price, or lower the offer's"},
		{Code: CodeOfferStake, Kind: assay.KindRefusal, Text: "the free stake does not cover the assignment or the network's minimum", Hint: "add stake, or wait until locks end"},
		{Code: CodeOfferCapacity, Kind: assay.KindRefusal, Text: "the provider holds as many assignments as it may", Hint: "late work lowers the quota, accepted work raises it up to the offer's capacity"},
		{Code: CodeUnbalanced, Kind: assay.KindRefusal, Text: "a settlement does not add up, so none of it is carried out", Hint: "report it: this is a bug"},
		{Code: CodeBond, Kind: assay.KindFinding, Text: "a bond returned, less what was forfeited", Hint: "nothing to do"},
		{Code: CodeClaim, Kind: assay.KindFinding, Text: "the bond of a claim that survived, with its costs and bounty", Hint: "nothing to do"},
		{Code: CodeCompensation, Kind: assay.KindFinding, Text: "what forfeits leave beside what is burned, paid to the requester", Hint: "nothing to do"},
	}
}

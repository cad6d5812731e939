// Package evidence owns what all checks have in common that one proof decides:
// who has to show it until when, what became of the seats that did not, and what
// a valid or a false one is worth. What a proof says, and whether it is valid, is
// the business of the check.
//
// It refuses a second commitment or a second proof of one seat: a provider that
// could try again and again would be a guesser with the ledger as its oracle.
package evidence

import "github.com/capacloud/assay"

// Codes of evidence that is refused.
const (
	CodeRepeated assay.Code = "evidence-repeated"
	CodeSeat     assay.Code = "evidence-seat"
	CodeState    assay.Code = "evidence-state"
)

// Codes documents every code of this package.
func Codes() []assay.CodeInfo {
	return []assay.CodeInfo{
		{Code: CodeRepeated, Kind: assay.KindRefusal, Text: "the seat has shown its evidence already", Hint: "a seat has one commitment and one proof; nothing to do"},
		{Code: CodeSeat, Kind: assay.KindRefusal, Text: "the evidence is of a seat that has not opened, or of another one than the sender's", Hint: "post it after the opening, signed by the seat's provider"},
		{Code: CodeState, Kind: assay.KindRefusal, Text: "the recorded state of a check cannot be read", Hint: "do not trust this file: fetch it from another source"},
	}
}

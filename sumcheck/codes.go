package sumcheck

import "github.com/capacloud/assay"

// The reasons for which a proof is refused.
const (
	CodeShort      assay.Code = "sumcheck-short"
	CodeLong       assay.Code = "sumcheck-long"
	CodeSize       assay.Code = "sumcheck-size"
	CodeElement    assay.Code = "sumcheck-element"
	CodeDimensions assay.Code = "sumcheck-dimensions"
	CodeSum        assay.Code = "sumcheck-sum"
	CodeMerge      assay.Code = "sumcheck-merge"
	CodeLayout     assay.Code = "sumcheck-layout"
	CodeOpening    assay.Code = "sumcheck-opening"
	CodeColumn     assay.Code = "sumcheck-column"
	CodePath       assay.Code = "sumcheck-path"
	CodeFractions  assay.Code = "sumcheck-fractions"
	CodeLookup     assay.Code = "sumcheck-lookup"
	CodeNotInTable assay.Code = "sumcheck-not-in-table"
)

// Codes lists the codes of this package.
func Codes() []assay.CodeInfo {
	r := func(c assay.Code, text, hint string) assay.CodeInfo {
		return assay.CodeInfo{Code: c, Kind: assay.KindRefusal, Text: text, Hint: hint}
	}
	const again = "the proof is false or damaged: prove again from the job's own inputs"
	return []assay.CodeInfo{
		r(CodeShort, "the proof ends before the protocol does", "send the whole proof"),
		r(CodeLong, "the proof goes on after the protocol has ended", "send nothing after the proof"),
		r(CodeSize, "the proof is longer than any proof may be", "the limit is 4 MiB"),
		r(CodeElement, "a number in the proof is not reduced modulo p", "numbers are below 2130706433, little-endian"),
		r(CodeDimensions, "dimensions do not match, or are beyond the limits", "the inner dimension of a product is below 65,536, a table has at most 2^26 entries"),
		r(CodeSum, "the values at the end of a sumcheck contradict its rounds", again),
		r(CodeMerge, "claims on one tensor do not combine to the value shown", again),
		r(CodeLayout, "the shape of a commitment is not one that this version makes", "use the shape that LayoutFor gives"),
		r(CodeOpening, "the combined row does not give the value claimed", again),
		r(CodeColumn, "a column contradicts the combined row", again),
		r(CodePath, "a column is not in the commitment", "the proof is of other data, or damaged"),
		r(CodeFractions, "the sums of fractions differ: some row is not in the table, or a multiplicity is wrong", again),
		r(CodeLookup, "the columns shown do not make the fraction claimed", again),
		r(CodeNotInTable, "a row to be looked up is not in the table", "the input is outside the range of the network"),
	}
}

// Package reputation owns the trust in a provider: one score for each pair of
// provider and runtime, the number of consecutive results that were assigned at
// random, checked, accepted, and not computed before.
//
// Scores are pure values; the ledger stores them. The package refuses to let
// trust grow from anything that a provider can arrange with itself: a job that
// it chose, that nobody checked, or whose answer was public already.
package reputation

import (
	"slices"
	"strings"

	"github.com/capacloud/assay"
)

// Newcomer is the score below which a provider is always checked.
const Newcomer = 10

// Score is the trust in a provider for one runtime.
type Score struct {
	_       struct{} `cbor:",toarray"`
	Runtime string
	Points  uint32
}

// Work is one finished assignment as reputation sees it.
type Work struct {
	Accepted bool // its result is the accepted one
	Drawn    bool // assigned by a beacon
	Checked  bool // a check other than `none` supported the result
	Repeat   bool // equal work was settled before: the answer was public
	Blind    bool // nobody had opened when it was drawn: it cannot be a copy
	Fault    assay.FaultClass
}

// After returns the points after one assignment. Late, abandoned and
// unavailable cost money and capacity, not trust in what was computed.
func After(points uint32, w Work) uint32 {
	switch {
	case w.Fault == assay.FaultProvedWrong:
		return 0
	case w.Fault == assay.FaultDifferent:
		return uint32(uint64(points) * 2 / 3)
	case w.Fault != "" || !w.Accepted || !w.Drawn || !w.Checked || w.Repeat || !w.Blind:
		return points
	}
	return points + min(1, ^uint32(0)-points)
}

// Of returns the points for a runtime.
func Of(scores []Score, runtime string) uint32 {
	if i, ok := find(scores, runtime); ok {
		return scores[i].Points
	}
	return 0
}

// Set returns the scores with the points for a runtime, sorted by runtime. The
// argument is left as it was.
func Set(scores []Score, runtime string, points uint32) []Score {
	i, ok := find(scores, runtime)
	next := slices.Clone(scores)
	if ok {
		next[i].Points = points
		return next
	}
	return slices.Insert(next, i, Score{Runtime: runtime, Points: points})
}

func find(scores []Score, runtime string) (int, bool) {
	return slices.BinarySearchFunc(scores, runtime, func(s Score, r string) int { return strings.Compare(s.Runtime, r) })
}

package step

import (
	"errors"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/machine/wasi"
	"github.com/capacloud/assay/machine/wasm"
)

// Codes of a witness that is refused.
const (
	CodeWitnessSize    assay.Code = "witness-size"
	CodeWitnessForm    assay.Code = "witness-malformed"
	CodeWitnessStart   assay.Code = "witness-start"
	CodeWitnessProof   assay.Code = "witness-proof"
	CodeWitnessMissing assay.Code = "witness-missing"
	CodeWitnessExcess  assay.Code = "witness-excess"
	CodeWitnessState   assay.Code = "witness-state"
	CodeSegmentLong    assay.Code = "segment-too-long"
)

// Codes lists them for docs/CODES.md.
func Codes() []assay.CodeInfo {
	row := func(c assay.Code, text, hint string) assay.CodeInfo {
		return assay.CodeInfo{Code: c, Kind: assay.KindRefusal, Text: text, Hint: hint}
	}
	return []assay.CodeInfo{
		row(CodeWitnessSize, "a witness is larger than the limit", "Bisect further: the witness of one step always fits."),
		row(CodeWitnessForm, "the bytes are no witness in canonical form", "Send what step.Prove returns."),
		row(CodeWitnessStart, "a witness is of another state or program than the segment", "Prove from the state on which both claims agree."),
		row(CodeWitnessProof, "a leaf of a witness does not belong to the state that it is of", "Send what step.Prove returns."),
		row(CodeWitnessMissing, "a witness lacks a part of the state that the steps look at", "Prove as many steps as the segment has."),
		row(CodeWitnessExcess, "a witness opens what the steps do not look at", "Prove as many steps as the segment has."),
		row(CodeWitnessState, "no run of the machine reaches the state of a witness", "A state on which two claims agree may still be false; nothing follows from it."),
		row(CodeSegmentLong, "a segment has more steps than a referee takes", "Bisect further."),
	}
}

// Segment is what a referee found.
type Segment struct {
	End canon.Digest // state root behind the steps
	// First and Last are the first and the last step. Without a step, or where
	// the machine was halted, they are of that state.
	First, Last Place
	Record      Record // behind the steps
}

// Referee runs n steps of a job from the state with the root start, from the
// witness alone, and returns where they lead. A refusal says what is wrong with
// the witness, and nothing about the claims.
func Referee(im *wasm.Image, job *assay.Job, start canon.Digest, n uint64, b []byte) (Segment, error) {
	if n > MaxSegment {
		return Segment{}, assay.Refuse(CodeSegmentLong, "%d steps; at most %d", n, MaxSegment)
	}
	w, err := decode(im, start, b)
	if err != nil {
		return Segment{}, err
	}
	r := &w.record
	seg := Segment{First: place(r), Last: place(r)}
	work := uint64(0)
	for i := uint64(0); i < n && !r.Halted(); i++ {
		seg.Last = place(r)
		err := guarded(func() error {
			if r.Phase == Running {
				seg.Last.Op = fetch(&w.space, r.PC).Op
			}
			cost, err := counted(r, im, job, &w.space, w.input)
			work += cost
			return err
		})
		if err != nil {
			return Segment{}, refusal(i, err)
		}
		if hashes(&w.space)+work > MaxWork {
			return Segment{}, assay.Refuse(CodeSegmentLong, "its first %d of %d steps are more work than a referee takes", i+1, n)
		}
		if i == 0 {
			seg.First = seg.Last
		}
	}
	if err := w.checkUsed(); err != nil {
		return Segment{}, err
	}
	r.Commit(&w.space)
	seg.End, seg.Record = r.Root(), *r
	return seg, nil
}

func refusal(step uint64, err error) error {
	var missing *machine.MissingError
	switch {
	case errors.As(err, &missing), errors.Is(err, wasi.ErrNotShown):
		return assay.Refuse(CodeWitnessMissing, "at step %d: %v", step, err)
	}
	return assay.Refuse(CodeWitnessState, "at step %d: %v", step, err)
}

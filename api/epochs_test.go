package api

import (
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
)

// TestEpochsOnTheWire: the summary of a case tells its checkpoints, which of them
// have bytes, and who goes on from one.
func TestEpochsOnTheWire(t *testing.T) {
	c := &board.Case{
		Seats: make([]board.Seat, 2),
		Checkpoints: []board.Checkpoint{
			{Seat: 0, Epoch: 5, Root: assay.Digest{1}, File: assay.Digest{2}, Size: 9},
			{Seat: 1, Epoch: 5, Root: assay.Digest{1}},
		},
		Resumes: []board.Resume{{Seat: 1, From: 0, Epoch: 5, Root: assay.Digest{1}, File: assay.Digest{2}, Size: 9}},
	}
	s := caseTo(c).Summary
	if k := s.Checkpoints; len(k) != 2 || k[0].Epoch != 5 || k[0].File != (assay.Digest{2}).String() || k[0].Size != 9 || k[1].Seat != 1 || k[1].File != "" {
		t.Errorf("checkpoints %v", k)
	}
	if r := s.Resumes; len(r) != 1 || r[0].Seat != 1 || r[0].FromSeat != 0 || r[0].Epoch != 5 || r[0].Root != (assay.Digest{1}).String() {
		t.Errorf("resumes %v", r)
	}
}

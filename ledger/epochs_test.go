package ledger_test

import (
	"cmp"
	"fmt"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/canon"
)

// epochSpan is how many steps an epoch of the toy has in scripts about epochs.
const epochSpan = 32

// epochMessage is a checkpoint, "as=wrong" one of a trace that has gone wrong in
// its epoch and "bytes=no" one without a file, or a resume.
func (s *script) epochMessage(t *testing.T, kind string, c *board.Case, seat *board.Seat, args map[string]string) assay.Message {
	epoch := uint32(atoi(t, cmp.Or(args["epoch"], "0")))
	switch kind {
	case "resume":
		return &assay.PostResume{Job: c.ID, Seat: seat.Number, From: uint16(atoi(t, cmp.Or(args["from"], "0"))), Epoch: epoch}
	case "checkpoint":
		at := uint64(epoch) * epochSpan
		trace := s.w.traceOf(&c.Job, "right")
		if as := args["as"]; as != "" {
			trace = s.w.traceOf(&c.Job, fmt.Sprintf("%s@%d", as, at))
		}
		m := &assay.PostCheckpoint{Job: c.ID, Seat: seat.Number, Epoch: epoch}
		if epoch > 0 {
			m.Root = trace.Roots(0, at, 1)[0]
		}
		if args["bytes"] != "no" {
			m.File, m.Size = canon.Hash("file", m.Root[:]), 1000
		}
		return m
	}
	return nil
}

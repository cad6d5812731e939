package main

import (
	"fmt"
	"io"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
)

// checkpointView is the state at a boundary, as a seat has posted it. Without a
// file the seat only confirms it.
type checkpointView struct {
	Seat  uint16        `json:"seat"`
	Epoch uint32        `json:"epoch"`
	Root  assay.Digest  `json:"root"`
	File  *assay.Digest `json:"file,omitempty"`
	Size  uint64        `json:"size,omitempty"`
	At    assay.Clock   `json:"clock_ms"`
}

// resumeView says that a seat's run has gone on from another's checkpoint.
type resumeView struct {
	Seat     uint16       `json:"seat"`
	Provider assay.Key    `json:"provider"`
	From     uint16       `json:"from_seat"`
	Poster   assay.Key    `json:"from_provider"`
	Epoch    uint32       `json:"epoch"`
	Root     assay.Digest `json:"root"`
	File     assay.Digest `json:"file"`
	Size     uint64       `json:"size"`
}

func checkpointsOf(c *board.Case) []checkpointView {
	var list []checkpointView
	for _, k := range c.Checkpoints {
		v := checkpointView{Seat: k.Seat, Epoch: k.Epoch, Root: k.Root, Size: k.Size, At: k.At}
		if !k.File.IsZero() {
			v.File = &k.File
		}
		list = append(list, v)
	}
	return list
}

func resumesOf(c *board.Case) []resumeView {
	var list []resumeView
	for _, r := range c.Resumes {
		list = append(list, resumeView{r.Seat, providerOf(c, r.Seat), r.From, providerOf(c, r.From), r.Epoch, r.Root, r.File, r.Size})
	}
	return list
}

func printEpochs(w io.Writer, v *jobView) {
	for _, k := range v.Checkpoints {
		what := "confirmed only"
		if k.File != nil {
			what = size(int64(k.Size)) + ", file " + k.File.String()
		}
		fmt.Fprintf(w, "checkpoint seat %d at epoch %s: state %s (%s)\n", k.Seat, credits(uint64(k.Epoch)), k.Root, what)
	}
	for _, r := range v.Resumes {
		fmt.Fprintf(w, "resumed    seat %d from epoch %s of seat %d: state %s\n", r.Seat, credits(uint64(r.Epoch)), r.From, r.Root)
	}
}

// providerOf returns whose seat it is. A network may say anything.
func providerOf(c *board.Case, seat uint16) assay.Key {
	if int(seat) >= len(c.Seats) {
		return assay.Key{}
	}
	return c.Seats[seat].Provider
}

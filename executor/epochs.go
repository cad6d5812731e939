package executor

import (
	"context"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
)

// Boundary is the state of a run between two epochs.
type Boundary struct {
	Epoch uint32       // number of the boundary, from 1
	Root  canon.Digest // of the state of the canonical machine
	// File returns the checkpoint from which anybody goes on here. It must be
	// called before the callback that was given the boundary returns.
	File func() ([]byte, error)
}

// Checkpoint is a state to go on from.
type Checkpoint struct {
	Root canon.Digest // that the file must have
	File []byte
}

// Epochs is an Executor whose runs can be watched between the epochs of a
// program, and go on from there. A job of a program without epochs runs as with
// Execute.
type Epochs interface {
	Executor
	// Check refuses a checkpoint that is malformed, or of another state than its
	// root says.
	Check(job *assay.Job, from Checkpoint) error
	// ExecuteEpochs calls each at every boundary, in order; an error of each ends
	// the run. From nil runs the whole job; otherwise the run goes on from there.
	ExecuteEpochs(ctx context.Context, job *assay.Job, a Artifacts, from *Checkpoint, each func(Boundary) error) (*Outcome, error)
}

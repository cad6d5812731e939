package wasm

import (
	"context"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/machine/checkpoint"
)

// Epochs is an executor as one whose runs can be watched and gone on with.
type Epochs struct{ *Executor }

var _ executor.Epochs = Epochs{}

// Check implements executor.Epochs.
func (Epochs) Check(job *assay.Job, from executor.Checkpoint) error {
	c, err := checkpoint.Open(from.File, from.Root, &job.Limits)
	if err != nil {
		return err
	}
	return c.Verify()
}

// ExecuteEpochs implements executor.Epochs.
func (x Epochs) ExecuteEpochs(ctx context.Context, job *assay.Job, a executor.Artifacts, from *executor.Checkpoint, each func(executor.Boundary) error) (*executor.Outcome, error) {
	show := func(b *Boundary) error {
		return each(executor.Boundary{Epoch: b.Epoch, Root: b.Root, File: b.Checkpoint})
	}
	if from == nil {
		return x.Executor.ExecuteEpochs(ctx, job, a, show)
	}
	c, err := checkpoint.Open(from.File, from.Root, &job.Limits)
	if err != nil {
		return nil, err
	}
	return x.Resume(ctx, job, a, c, show)
}

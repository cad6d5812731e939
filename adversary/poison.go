package adversary

import (
	"context"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/machine/checkpoint"
)

// poisoner runs a job honestly and shows every boundary with another memory. The
// checkpoint is consistent: whoever restores it finds the root that it says.
type poisoner struct{ executor.Epochs }

// ExecuteEpochs implements executor.Epochs.
func (p poisoner) ExecuteEpochs(ctx context.Context, job *assay.Job, a executor.Artifacts, from *executor.Checkpoint, each func(executor.Boundary) error) (*executor.Outcome, error) {
	return p.Epochs.ExecuteEpochs(ctx, job, a, from, func(b executor.Boundary) error {
		file, err := b.File()
		if err != nil {
			return err
		}
		root, poisoned, err := poison(file, b.Root, &job.Limits)
		if err != nil {
			return err
		}
		return each(executor.Boundary{Epoch: b.Epoch, Root: root, File: func() ([]byte, error) { return poisoned, nil }})
	})
}

// poison changes a byte at the end of every part of a checkpoint's memory that is
// in use: one byte alone may be of something that the run is done with.
func poison(file []byte, root assay.Digest, l *assay.Limits) (assay.Digest, []byte, error) {
	c, err := checkpoint.Open(append([]byte(nil), file...), root, l)
	if err != nil {
		return assay.Digest{}, nil, err
	}
	runs := c.Runs(machine.Memory)
	if len(runs) == 0 {
		return root, file, nil // all of it is zeros yet: the next boundary has something to change
	}
	tree := machine.NewTree(machine.Memory.Depth())
	for _, run := range runs {
		i := len(run.Bytes) - 1
		for i > 0 && run.Bytes[i] == 0 {
			i--
		}
		run.Bytes[i] = run.Bytes[i]%255 + 1
		for at := 0; at < len(run.Bytes); at += machine.LeafSize {
			tree.Set(run.Leaf+uint64(at/machine.LeafSize), run.Bytes[at:at+machine.LeafSize])
		}
	}
	c.Record.Roots.Memory = tree.Root()
	return c.Record.Root(), c.Encode(), nil
}

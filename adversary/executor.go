package adversary

import (
	"context"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/merkle"
)

// liar executes honestly and then tells something else: other bytes on standard
// output, another state. The bytes exist, so a lie that were accepted would
// also be available.
type liar struct {
	inner executor.Executor
	mark  string // equal marks lie equally
}

// Execute implements executor.Executor.
func (l liar) Execute(ctx context.Context, job *assay.Job, a executor.Artifacts) (*executor.Outcome, error) {
	o, err := l.inner.Execute(ctx, job, a)
	if err != nil {
		return nil, err
	}
	id := job.ID()
	wrong := o.Result
	tree := stdoutOnly([]byte(l.mark + "\n"))
	wrong.Output = tree.Root
	wrong.State = canon.Hash("assay/adversary/1", []byte(l.mark), id[:])
	return &executor.Outcome{Result: wrong, Output: tree}, nil
}

// lazy does nothing, and says that the program printed nothing and used no
// fuel. All lazy players guess alike, which is the worst case: were the state
// root not part of a result, they would agree with an honest execution of
// every program that prints nothing.
type lazy struct{}

// Execute implements executor.Executor.
func (lazy) Execute(context.Context, *assay.Job, executor.Artifacts) (*executor.Outcome, error) {
	tree := executor.EmptyOutput()
	return &executor.Outcome{
		Result: assay.Result{Status: assay.Exited, Output: tree.Root, State: merkle.EmptyRoot()},
		Output: tree,
	}, nil
}

func stdoutOnly(stdout []byte) *executor.OutputTree {
	t := &executor.OutputTree{}
	out := t.AddFolder(executor.OutName, nil)
	stderr := t.AddFile(executor.StderrName, nil)
	text := t.AddFile(executor.StdoutName, stdout)
	t.Root = t.AddFolder("", []merkle.Entry{out, stderr, text}).Digest
	return t
}

package adversary

import (
	"context"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/merkle"
)

// liar executes honestly and then tells something else. The bytes exist, so a
// lie that were accepted would also be available.
type liar struct {
	inner  executor.Executor
	player Player
	key    assay.Key
}

// Execute implements executor.Executor.
func (l liar) Execute(ctx context.Context, job *assay.Job, a executor.Artifacts) (*executor.Outcome, error) {
	o, err := l.inner.Execute(ctx, job, a)
	if err != nil {
		return nil, err
	}
	wrong, tree := falsify(l.player, l.key, job.ID(), o.Result)
	if tree == nil {
		tree = o.Output
	}
	return &executor.Outcome{Result: wrong, Output: tree}, nil
}

// Prove implements executor.Prover: a liar has nothing better to show than the
// proof of the truth, which does not fit what it has opened.
func (l liar) Prove(ctx context.Context, job *assay.Job, ask executor.Ask, a executor.Artifacts) (*executor.Evidence, error) {
	return executor.Prove(ctx, l.inner, job, ask, a)
}

// falsify returns what a player makes of a true result, and the output of it
// where that differs. The lie is a function of the truth, player and job: the
// player's trace has to end in the same one. It is also one that a halted
// machine can state. An invented state root is not: nobody knows memory that
// has it.
func falsify(p Player, key assay.Key, job assay.JobID, r assay.Result) (assay.Result, *executor.OutputTree) {
	mark := markOf(p, key)
	if p.Kind == Misstate {
		r.State = canon.Hash("assay/adversary/1", []byte(mark), job[:])
		return r, nil
	}
	tree := stdoutOnly([]byte(mark + "\n"))
	r.Output = tree.Root
	return r, tree
}

// markOf is what a player's lies are made of: equal marks lie equally.
func markOf(p Player, key assay.Key) string {
	if p.Kind == Collude {
		return string(Collude)
	}
	return string(p.Kind) + " " + key.String()
}

// lazy does nothing, and says that the program printed nothing and used no
// fuel. All lazy players guess alike, which is the worst case: were the state
// root not part of a result, they would agree with an honest execution of
// every program that prints nothing.
type lazy struct{}

// Execute implements executor.Executor.
func (lazy) Execute(_ context.Context, job *assay.Job, _ executor.Artifacts) (*executor.Outcome, error) {
	tree := executor.EmptyOutput()
	o := &executor.Outcome{
		Result: assay.Result{Status: assay.Exited, Output: tree.Root, State: merkle.EmptyRoot()},
		Output: tree,
	}
	if job.Runtime != assay.RuntimeWasm { // elsewhere a result has no state
		o.Result.State = assay.Digest{}
	}
	return o, nil
}

func stdoutOnly(stdout []byte) *executor.OutputTree {
	t := &executor.OutputTree{}
	out := t.AddFolder(executor.OutName, nil)
	stderr := t.AddFile(executor.StderrName, nil)
	text := t.AddFile(executor.StdoutName, stdout)
	t.Root = t.AddFolder("", []merkle.Entry{out, stderr, text}).Digest
	return t
}

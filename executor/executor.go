// Package executor owns what every way of running a job has in common: where
// its programs and inputs come from, and what comes out.
//
// An executor answers with a result only if every honest executor would give
// the same one. Whatever depends on the host — missing bytes, no memory, a
// cancelled context, an engine that disagrees with the rules — is an error and
// never a result. It refuses to store anything: the bytes of the output are
// handed to the caller.
package executor

import (
	"context"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// Executor runs jobs of one runtime. It is safe for concurrent use.
type Executor interface {
	Execute(ctx context.Context, job *assay.Job, a Artifacts) (*Outcome, error)
}

// Artifacts gives read access to programs and inputs. Both methods answer only
// with what the digest names: whoever implements them has checked it.
type Artifacts interface {
	ReadFile(ctx context.Context, d canon.Digest) ([]byte, error)
	ReadFolder(ctx context.Context, d canon.Digest) ([]merkle.Entry, error)
}

// Outcome is a result with the bytes that its output root names.
type Outcome struct {
	Result assay.Result
	Output *OutputTree
	// Detail says in words where and why a program trapped or is invalid. It is
	// for people, may differ between engines, and is no part of the result.
	Detail string
}

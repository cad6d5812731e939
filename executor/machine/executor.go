// Package machine runs wasm/1 jobs on the canonical machine. It is an
// [executor.Executor] like any other, many times slower than executor/wasm, and
// gives the same results to the bit: `assay check` compares the two, and in a
// dispute this one is right.
//
// It keeps lowered programs in memory. What it refuses, and what is an error
// and never a result, is as in executor/wasm.
package machine

import (
	"context"
	"fmt"
	"sync"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/executor/committed"
	"github.com/capacloud/assay/machine/interp"
	"github.com/capacloud/assay/machine/wasi"
	"github.com/capacloud/assay/machine/wasm"
	"github.com/capacloud/assay/merkle"
)

// Executor implements executor.Executor. It is safe for concurrent use; the
// zero value is ready.
type Executor struct {
	mu       sync.Mutex
	programs []lowered // the latest last
}

type lowered struct {
	digest  canon.Digest
	program *wasm.Program
}

// maxPrograms bounds the lowered programs that are kept.
const maxPrograms = 8

var _ executor.Executor = (*Executor)(nil)

// slice is how many steps pass between looks at the context: tens of
// milliseconds.
const slice = 1 << 22

// Execute runs a job. An error is never the program's fault and never a result.
func (x *Executor) Execute(ctx context.Context, job *assay.Job, a executor.Artifacts) (out *executor.Outcome, err error) {
	defer func() {
		if r := recover(); r != nil {
			out, err = nil, fmt.Errorf("machine executor: internal error: %v", r)
		}
	}()
	if job.Runtime != assay.RuntimeWasm {
		return nil, assay.Refuse(assay.CodeRuntime, "%.40q is not %s", job.Runtime, assay.RuntimeWasm)
	}
	if err := job.Limits.Validate(); err != nil {
		return nil, err
	}
	p, err := x.program(ctx, job.Program, a)
	if err != nil {
		return nil, err
	}
	m := interp.New(p, job, wasi.NewReaderInput(reader{ctx, a}))
	for !m.Halted() {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("program %s: stopped: %w", job.Program, context.Cause(ctx))
		}
		if err := m.Run(m.Steps() + slice); err != nil {
			return nil, fmt.Errorf("program %s: %w", job.Program, err)
		}
	}
	return outcome(m)
}

// program returns a lowered program.
func (x *Executor) program(ctx context.Context, d canon.Digest, a executor.Artifacts) (*wasm.Program, error) {
	if p := x.kept(d); p != nil {
		return p, nil
	}
	b, err := a.ReadFile(ctx, d)
	if err != nil {
		return nil, fmt.Errorf("program %s: %w", d, err)
	}
	p := wasm.Lower(b)
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.programs) == maxPrograms {
		x.programs = x.programs[1:]
	}
	x.programs = append(x.programs, lowered{d, p})
	return p, nil
}

func (x *Executor) kept(d canon.Digest) *wasm.Program {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i := range x.programs {
		if x.programs[i].digest == d {
			return x.programs[i].program
		}
	}
	return nil
}

// reader is what a guest's files are read through.
type reader struct {
	ctx context.Context // of the one run that it serves
	a   executor.Artifacts
}

// ReadFile implements wasi.Reader.
func (r reader) ReadFile(d canon.Digest) ([]byte, error) { return r.a.ReadFile(r.ctx, d) }

// ReadFolder implements wasi.Reader.
func (r reader) ReadFolder(d canon.Digest) ([]merkle.Entry, error) { return r.a.ReadFolder(r.ctx, d) }

// outcome reads the result and the output off a halted machine.
func outcome(m *interp.Machine) (*executor.Outcome, error) {
	res, _ := m.Result()
	if res.Status == assay.InvalidModule {
		return &executor.Outcome{Result: res, Output: executor.EmptyOutput(), Detail: m.Image().Invalid}, nil
	}
	tree, err := committed.Output(m.Files())
	if err != nil {
		return nil, err
	}
	if tree.Root != res.Output {
		return nil, fmt.Errorf("machine executor: output %s, the machine says %s", tree.Root, res.Output)
	}
	return &executor.Outcome{Result: res, Output: tree, Detail: string(res.Trap)}, nil
}

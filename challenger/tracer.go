package challenger

import (
	"context"
	"errors"

	"github.com/capacloud/assay"
)

// ErrTooLarge says that the witness of a segment exceeds what one message may
// hold. The segment is refined instead.
var ErrTooLarge = errors.New("witness too large")

// Final is how the machine's execution of a job ends.
type Final struct {
	Steps  uint64 // after which the machine halts; of an epoch program those in which it works, or a bound of them
	Span   uint64 // positions of a first claim; zero: as many as the job's limits say
	Last   []byte // the record of the halted state
	Result assay.Result
}

// Tracer knows the trace of one job: package node has the canonical machine
// behind it, a simulator whatever is cheap, an adversary lies. It need not be
// safe for concurrent use.
type Tracer interface {
	// Final runs the machine to its end.
	Final(ctx context.Context) (Final, error)
	// Roots returns the state roots after start+stride, start+2·stride, …,
	// start+n·stride steps. Behind the end of the trace they are the halted one.
	Roots(ctx context.Context, start, stride uint64, n int) ([]assay.Digest, error)
	// Prove returns the witness by which the referee executes so many steps
	// from start. Its error wraps ErrTooLarge when it does not fit.
	Prove(ctx context.Context, start, steps uint64) ([]byte, error)
	// Program returns the bytes of the job's program. It is safe to call while
	// another method runs.
	Program(ctx context.Context) ([]byte, error)
}

// QuestionKind says which method of a Tracer answers.
type QuestionKind uint8

// The questions.
const (
	AskFinal   QuestionKind = 1
	AskRoots   QuestionKind = 2
	AskProof   QuestionKind = 3
	AskProgram QuestionKind = 4
)

// Question is what Ask asks; equal questions have equal answers.
type Question struct {
	Kind   QuestionKind
	Start  uint64 // AskRoots, AskProof: in steps
	Stride uint64 // AskRoots: steps from one root to the next; AskProof: steps
	N      int    // AskRoots: number of roots
}

// AnswerOf puts a question to a tracer.
func AnswerOf(ctx context.Context, t Tracer, job assay.JobID, q Question) Answer {
	a := Answer{Job: job, Question: q}
	switch q.Kind {
	case AskFinal:
		var f Final
		if f, a.Err = t.Final(ctx); a.Err == nil {
			a.Final = &f
		}
	case AskRoots:
		a.Roots, a.Err = t.Roots(ctx, q.Start, q.Stride, q.N)
	case AskProof:
		a.Witness, a.Err = t.Prove(ctx, q.Start, q.Stride)
	case AskProgram:
		a.Program, a.Err = t.Program(ctx)
	}
	return a
}

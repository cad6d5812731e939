package board

import (
	"github.com/capacloud/assay"
	"github.com/capacloud/assay/dispute"
)

// Referee is the canonical machine of one runtime, as far as the rules need it.
// It is pure: every answer follows from the arguments alone.
type Referee interface {
	// Version names the machine. An image is kept under it and the program.
	Version() string
	// Steps bounds the steps of every run of a job that uses at most so much fuel.
	Steps(job *assay.Job, fuel uint64) uint64
	// Positions bounds the positions that a dispute about the job spans: as many
	// as steps, or more where the machine of this image waits between parts. Of
	// an empty image it bounds those of any.
	Positions(image []byte, job *assay.Job) uint64
	// Lower begins to turn a program into its image, metered.
	Lower(program []byte) Lowering
	// Machine returns state 0 of a job and what re-executes from there. It
	// refuses an image that it did not make.
	Machine(image []byte, job *assay.Job) (start assay.Digest, m dispute.Machine, err error)
}

// EpochReferee is the machine of a runtime whose programs may have epochs.
type EpochReferee interface {
	Referee
	// EpochSpan returns how many positions an epoch of a job takes, a power of
	// dispute.Arity: boundary e stands at position e times the span. Most is the
	// number of the last boundary that has a position. A zero span: there are none.
	EpochSpan(job *assay.Job) (span uint64, most uint32)
}

// Lowering is a program on its way to an image. The image is the same however
// the work is divided.
type Lowering = interface {
	// Step does about so many bytes' worth of work and reports whether it was
	// the last.
	Step(bytes int) (done bool)
	// Image returns the canonical bytes once Step has reported the last.
	Image() []byte
}

// referees is the one table from runtimes to their machines. Dissent about a
// runtime that is not in it is settled by counting.
var referees = map[string]Referee{assay.RuntimeWasm: wasmReferee{}}

// SetReferee puts a machine into the table, or takes it out with nil, and returns
// what stood there. It is for tests and simulations, before anything runs: on a
// network the table is part of the rules.
func SetReferee(runtime string, r Referee) (old Referee) {
	old = referees[runtime]
	if r == nil {
		delete(referees, runtime)
	} else {
		referees[runtime] = r
	}
	return old
}

// RefereeOf returns the machine of a runtime.
func RefereeOf(runtime string) (Referee, bool) {
	r, ok := referees[runtime]
	return r, ok
}

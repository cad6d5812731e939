// Package boardtest is a referee for tests and simulations: a machine that counts to
// its halt and carries the result along, so that any state of any trace is known
// at once, and a lie is a trace that carries another result from some step on.
//
// It owns no rule. What it refuses is what a real machine refuses: states that
// are none, records that are not halted, segments that are too long.
package boardtest

import (
	"cmp"
	"encoding/binary"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/dispute"
)

// CodeToy refuses what is no state of the machine.
const CodeToy assay.Code = "toy-state"

// Referee implements board.Referee.
type Referee struct {
	Result  func(*assay.Job) assay.Result // what a job computes
	Halt    uint64                        // steps of every run; zero: 1,000
	Segment uint64                        // the longest that is executed at once; zero: 64
	Span    uint64                        // steps of an epoch, a power of dispute.Arity; zero: there are none
}

func (r Referee) halt() uint64    { return cmp.Or(r.Halt, 1000) }
func (r Referee) segment() uint64 { return cmp.Or(r.Segment, 64) }

// Version implements board.Referee.
func (r Referee) Version() string { return "toy/1" }

// Steps implements board.Referee.
func (r Referee) Steps(*assay.Job, uint64) uint64 { return r.halt() }

// Positions implements board.Referee: a toy does not wait.
func (r Referee) Positions([]byte, *assay.Job) uint64 { return 0 }

// EpochSpan implements board.EpochReferee.
func (r Referee) EpochSpan(*assay.Job) (uint64, uint32) {
	if r.Span == 0 {
		return 0, 0
	}
	return r.Span, uint32(r.halt() / r.Span)
}

// Lower implements board.Referee.
func (r Referee) Lower(program []byte) interface {
	Step(bytes int) (done bool)
	Image() []byte
} {
	return &lowering{program: program}
}

// Machine implements board.Referee.
func (r Referee) Machine(image []byte, job *assay.Job) (assay.Digest, dispute.Machine, error) {
	if len(image) != len(assay.Digest{}) {
		return assay.Digest{}, nil, assay.Refuse(CodeToy, "an image of %d bytes", len(image))
	}
	t := r.Trace(job)
	return t.at(0).root(), machine{r, t.job}, nil
}

// lowering takes its time, sixteen bytes of work for each of the program.
type lowering struct {
	program []byte
	done    int
}

func (l *lowering) Step(bytes int) bool {
	l.done += bytes
	return l.done >= 16*len(l.program)
}

func (l *lowering) Image() []byte {
	d := canon.Hash("toy/image", l.program)
	return d[:]
}

// Image returns the image of a program at once.
func Image(program []byte) []byte { return (&lowering{program: program}).Image() }

// state is a state of the machine.
type state struct {
	job    assay.JobID
	count  uint64
	result assay.Digest
}

const stateBytes = 72

func (s state) bytes() []byte {
	b := append([]byte(nil), s.job[:]...)
	b = binary.LittleEndian.AppendUint64(b, s.count)
	return append(b, s.result[:]...)
}

func (s state) root() assay.Digest { return canon.Hash("toy/state", s.bytes()) }

func decode(b []byte) (state, error) {
	if len(b) != stateBytes {
		return state{}, assay.Refuse(CodeToy, "%d bytes", len(b))
	}
	return state{job: assay.JobID(b[:32]), count: binary.LittleEndian.Uint64(b[32:]), result: assay.Digest(b[40:])}, nil
}

// machine implements dispute.Machine.
type machine struct {
	r   Referee
	job assay.JobID
}

// Last implements dispute.Machine.
func (m machine) Last(record []byte) (root, result assay.Digest, err error) {
	s, err := decode(record)
	if err == nil && (s.job != m.job || s.count != m.r.halt()) {
		err = assay.Refuse(CodeToy, "state %d of %s is not the last", s.count, s.job.Short())
	}
	return s.root(), s.result, err
}

// Run implements dispute.Machine.
func (m machine) Run(start assay.Digest, steps uint64, witness []byte) (dispute.Segment, error) {
	s, err := decode(witness)
	switch {
	case err != nil:
		return dispute.Segment{}, err
	case s.root() != start || s.job != m.job:
		return dispute.Segment{}, assay.Refuse(CodeToy, "the witness is of another state")
	case steps > m.r.segment():
		return dispute.Segment{}, assay.Refuse(CodeToy, "%d steps; at most %d", steps, m.r.segment())
	}
	s.count = min(s.count+steps, m.r.halt())
	return dispute.Segment{End: s.root(), Steps: steps, Bytes: uint64(len(witness))}, nil
}

// Trace is what one party says that the machine has done.
type Trace struct {
	job   assay.JobID
	halt  uint64
	truth assay.Digest
	flips []flip
}

type flip struct {
	at     uint64
	result assay.Digest
}

// Trace returns the true trace of a job.
func (r Referee) Trace(job *assay.Job) *Trace {
	result := r.Result(job)
	return &Trace{job: job.ID(), halt: r.halt(), truth: result.Digest()}
}

// Lie returns a trace that carries another result from a step on; a second lie
// may lead it back to the truth. Steps ascend.
func (t *Trace) Lie(at uint64, result assay.Digest) *Trace {
	u := *t
	u.flips = append(t.flips[:len(t.flips):len(t.flips)], flip{at, result})
	return &u
}

func (t *Trace) at(i uint64) state {
	s := state{job: t.job, count: min(i, t.halt), result: t.truth}
	for _, f := range t.flips {
		if f.at <= i {
			s.result = f.result
		}
	}
	return s
}

// Steps returns after how many steps the machine halts.
func (t *Trace) Steps() uint64 { return t.halt }

// Last returns the record of the last state.
func (t *Trace) Last() []byte { return t.at(t.halt).bytes() }

// Result returns the digest of the result in which the trace ends.
func (t *Trace) Result() assay.Digest { return t.at(t.halt).result }

// Roots returns n roots behind each stride of steps from start on.
func (t *Trace) Roots(start, stride uint64, n int) []assay.Digest {
	list := make([]assay.Digest, n)
	for i := range list {
		list[i] = t.at(start + uint64(i+1)*stride).root()
	}
	return list
}

// Prove returns the witness of a segment that begins with a step.
func (t *Trace) Prove(start uint64) []byte { return t.at(start).bytes() }

// Claim returns the first claim over a trace.
func (t *Trace) Claim(rules *dispute.Rules) *assay.PostClaim {
	roots := t.Roots(0, rules.Span()/dispute.Arity, dispute.Arity)
	return &assay.PostClaim{Job: t.job, Steps: t.halt, Last: t.Last(), Roots: roots}
}

// Move returns what the trace answers to a turn of its author: a proof of a
// segment that can be executed at once, else the middles.
func (t *Trace) Move(r Referee, turn dispute.Turn) assay.Message {
	if turn.Steps <= r.segment() {
		return &assay.PostProof{Job: t.job, Claim: turn.Claim, Level: turn.Level, Offset: turn.Offset, Witness: t.Prove(turn.Offset)}
	}
	return &assay.PostRefinement{
		Job: t.job, Claim: turn.Claim, Level: turn.Level, Offset: turn.Offset,
		Roots: t.Roots(turn.Offset, turn.Steps/dispute.Arity, dispute.Arity-1),
	}
}

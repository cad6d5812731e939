package dispute

import (
	"encoding/binary"
	"errors"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
)

// state is a state of the toy machine: it counts to its job's halt and mixes a
// number at each step. Its root is the hash of its bytes, which are its witness.
type state struct{ count, value uint64 }

func (s state) bytes() []byte {
	b := binary.LittleEndian.AppendUint64(nil, s.count)
	return binary.LittleEndian.AppendUint64(b, s.value)
}

func (s state) root() assay.Digest { return canon.Hash("toy", s.bytes()) }

// toy is the machine of one job; it implements Machine.
type toy struct {
	halt    uint64
	segment uint64 // the longest that Run executes
	runs    int
	largest int // bytes that it was ever called with
}

func (t *toy) step(s state) state {
	if s.count < t.halt {
		s.count++
		s.value = s.value*6364136223846793005 + 1442695040888963407
	}
	return s
}

var errWitness = errors.New("not a toy state")

func (t *toy) read(b []byte) (state, error) {
	t.largest = max(t.largest, len(b))
	if len(b) != 16 {
		return state{}, errWitness
	}
	return state{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])}, nil
}

// resultOf leaves out what the lowest bits of the value say, so that states can
// differ and state one result.
func resultOf(s state) assay.Digest {
	return canon.Hash("toy-result", binary.LittleEndian.AppendUint64(nil, s.value>>8))
}

func (t *toy) Last(record []byte) (root, result assay.Digest, err error) {
	s, err := t.read(record)
	if err != nil || s.count != t.halt {
		return root, result, assay.Refuse("toy-record", "not halted")
	}
	return s.root(), resultOf(s), nil
}

func (t *toy) Run(start assay.Digest, steps uint64, witness []byte) (Segment, error) {
	s, err := t.read(witness)
	if err != nil || s.root() != start || steps > t.segment {
		return Segment{}, assay.Refuse("toy-witness", "%v", err)
	}
	t.runs++
	for range steps {
		s = t.step(s)
	}
	return Segment{End: s.root(), Steps: steps, Bytes: uint64(len(witness))}, nil
}

// trace is what one party says the machine did: from state 0, by the machine but
// where it lies. It is held to one state per step of the claimed run.
type trace struct {
	states []state
}

// lie replaces the state after so many steps.
type lie struct {
	after uint64
	state func(state) state
}

func (t *toy) trace(lies ...lie) *trace {
	s, last := state{}, uint64(0)
	tr := &trace{states: []state{s}}
	for _, l := range lies {
		last = max(last, l.after)
	}
	for i := uint64(1); ; i++ {
		next := t.step(s)
		for _, l := range lies {
			if l.after == i {
				next = l.state(next)
			}
		}
		if next == s && i > last {
			return tr
		}
		s = next
		tr.states = append(tr.states, s)
	}
}

func (tr *trace) at(i uint64) state { return tr.states[min(i, uint64(len(tr.states)-1))] }

func (tr *trace) roots(start, stride uint64, n int) []assay.Digest {
	list := make([]assay.Digest, n)
	for i := range list {
		list[i] = tr.at(start + uint64(i+1)*stride).root()
	}
	return list
}

func (tr *trace) end() state { return tr.states[len(tr.states)-1] }

// claim is the message that claims a trace.
func (tr *trace) claim(g *Game) *assay.PostClaim {
	return &assay.PostClaim{
		Job: g.Job, Steps: min(uint64(len(tr.states)-1), g.Rules.Bound), Last: tr.end().bytes(),
		Roots: tr.roots(0, g.Rules.Span()/Arity, Arity),
	}
}

func (tr *trace) refine(g *Game, t Turn) *assay.PostRefinement {
	return &assay.PostRefinement{Job: g.Job, Claim: t.Claim, Level: t.Level, Offset: t.Offset, Roots: tr.roots(t.Offset, t.Steps/Arity, Arity-1)}
}

func (tr *trace) prove(g *Game, t Turn) *assay.PostProof {
	return &assay.PostProof{Job: g.Job, Claim: t.Claim, Level: t.Level, Offset: t.Offset, Witness: tr.at(t.Offset).bytes()}
}

// scramble changes a state into one that no run has there; small changes leave
// the result of a halted state as it was.
func scramble(by uint64) func(state) state {
	return func(s state) state { return state{s.count, s.value ^ by} }
}

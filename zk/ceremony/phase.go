package ceremony

import (
	"bytes"
	"encoding/binary"
	"io"

	"github.com/consensys/gnark/backend/groth16/bn254/mpcsetup"

	"github.com/capacloud/assay"
)

// shape is what a contribution has in common with the state before it: its
// length, and the counts of points, at the same places. Both are compared before
// gnark reads it, which believes what a count says.
type shape struct {
	size   int
	before []byte // the state before
	counts []int  // pairs: where in it a count stands, and how many bytes it has
}

// challengeSize is the length of the hash of the contribution before, which the
// first state of a phase does not have.
const challengeSize = 32

// decode reads a contribution and refuses a second spelling.
func (s *shape) decode(what string, b []byte, into interface {
	io.ReaderFrom
	io.WriterTo
},
) (err error) {
	if len(b) != s.size {
		return assay.Refuse(CodeForm, "%s of %d bytes, not %d", what, len(b), s.size)
	}
	for i := 0; i < len(s.counts); i += 2 {
		if from, to := s.counts[i], s.counts[i]+s.counts[i+1]; !bytes.Equal(b[from:to], s.before[from:to]) {
			return assay.Refuse(CodeForm, "%s with another number of points", what)
		}
	}
	defer func() { // third-party code on foreign bytes
		if r := recover(); r != nil {
			err = assay.Refuse(CodeForm, "%s: %v", what, r)
		}
	}()
	if _, err := into.ReadFrom(bytes.NewReader(b)); err != nil {
		return assay.Refuse(CodeForm, "%s: %v", what, err)
	}
	if again := encode(into); !bytes.Equal(again, b) {
		return assay.Refuse(CodeForm, "%s in a second spelling", what)
	}
	return nil
}

func encode(v io.WriterTo) []byte {
	var b bytes.Buffer
	if _, err := v.WriteTo(&b); err != nil {
		panic("ceremony: " + err.Error()) // a buffer takes everything
	}
	return b.Bytes()
}

// proofSize is the length of gnark's proof of one update: a point of each group.
const proofSize = 32 + 64

// readPowers reads a contribution to the first phase.
func readPowers(b []byte, logSize uint8) (*mpcsetup.Phase1, error) {
	before := encode(mpcsetup.NewPhase1(1 << logSize))
	// Behind the proofs of tau, alpha and beta stands the size of the domain.
	s := &shape{size: len(before) + challengeSize, before: before, counts: []int{3 * proofSize, 8}}
	p := new(mpcsetup.Phase1)
	return p, s.decode("powers", b, p)
}

// readKeys reads a contribution to the second phase that follows a state which is
// known to be sound.
func readKeys(b []byte, state *mpcsetup.Phase2) (*mpcsetup.Phase2, error) {
	const count, g1, g2 = 4, 32, 64
	p := &state.Parameters
	at := 2 + g1
	counts := []int{0, 2, at, count} // commitments; points of the private wires
	at += count + g1*len(p.G1.PKK)
	counts = append(counts, at, count) // of the quotient
	at += count + g1*len(p.G1.Z) + g2
	for i := range p.G1.SigmaCKK {
		counts = append(counts, at, count) // of a commitment
		at += count + g1*len(p.G1.SigmaCKK[i])
	}
	before := encode(state)
	s := &shape{size: len(before) + challengeSize - len(state.Challenge), before: before, counts: counts}
	next := new(mpcsetup.Phase2)
	return next, s.decode("keys", b, next)
}

// beaconOf is what a beacon contributes: bound to network, circuit and phase, so
// that one random number serves one ceremony.
func (t *Transcript) beaconOf(phase byte, beacon []byte) []byte {
	var size [8]byte
	binary.LittleEndian.PutUint64(size[:], uint64(t.LogSize))
	d := hashOf(t.Network[:], t.Circuit[:], size[:], []byte{phase}, beacon)
	return d[:]
}

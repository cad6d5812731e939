package sumcheck

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
)

// MaxProof is the length of the longest tape, in bytes.
const MaxProof = 4 << 20

// Context is what a proof is bound to. A proof for one context is refused in
// every other.
type Context struct {
	Network assay.NetworkID
	Job     assay.JobID
	Model   assay.Digest // of the program's descriptor
	Payee   assay.Key    // the provider that is paid for the proof
}

// seed returns the state in which the transcript starts.
func (c Context) seed() canon.Digest {
	return canon.Hash("assay/sumcheck/1", c.Network[:], c.Job[:], c.Model[:], c.Payee[:])
}

// transcript is the common state of prover and verifier. What is absorbed waits
// in pending and enters the state before the next challenge:
//
//	state' = SHA-256(0 ‖ state ‖ pending),  challenge i = SHA-256(1 ‖ state' ‖ i).
//
// Every absorbed piece carries its label and length, so that two different
// sequences of pieces are never the same bytes.
type transcript struct {
	state   [sha256.Size]byte
	drawn   uint64
	pending []byte
}

func newTranscript(c Context) transcript {
	t := transcript{state: c.seed()}
	t.pending = append([]byte{0}, t.state[:]...)
	return t
}

// absorb adds a labelled piece.
func (t *transcript) absorb(label string, data []byte) {
	t.open(label, len(data))
	t.pending = append(t.pending, data...)
}

// open starts a piece of size bytes, which the caller appends.
func (t *transcript) open(label string, size int) {
	t.pending = append(t.pending, byte(len(label)))
	t.pending = append(t.pending, label...)
	t.pending = binary.LittleEndian.AppendUint32(t.pending, uint32(size))
}

// draw returns 32 bytes that depend on everything absorbed so far, and on how
// many numbers are about to be drawn.
func (t *transcript) draw(label string, n int) [sha256.Size]byte {
	t.absorb(label, binary.LittleEndian.AppendUint32(nil, uint32(n)))
	t.state, t.drawn = sha256.Sum256(t.pending), 0
	t.pending = append(append(t.pending[:0], 0), t.state[:]...)
	return t.next()
}

// next returns 32 further bytes of the last draw.
func (t *transcript) next() [sha256.Size]byte {
	var b [1 + sha256.Size + 8]byte
	b[0] = 1
	copy(b[1:], t.state[:])
	binary.LittleEndian.PutUint64(b[1+sha256.Size:], t.drawn)
	t.drawn++
	return sha256.Sum256(b[:])
}

// elementFrom reduces four 64-bit numbers: no element is more likely than
// 1 + 2^-30 times the fair share.
func elementFrom(b [sha256.Size]byte) Element {
	var e Element
	e.B0.A0.SetUint64(binary.LittleEndian.Uint64(b[0:]))
	e.B0.A1.SetUint64(binary.LittleEndian.Uint64(b[8:]))
	e.B1.A0.SetUint64(binary.LittleEndian.Uint64(b[16:]))
	e.B1.A1.SetUint64(binary.LittleEndian.Uint64(b[24:]))
	return e
}

// Bind absorbs bytes that both sides know and that are not on the tape, for
// instance the root of a commitment, or the digest of an input.
func (t *transcript) Bind(label string, data []byte) { t.absorb(label, data) }

// bindElements is Bind of elements.
func (t *transcript) bindElements(label string, es []Element) {
	t.open(label, elementBytes*len(es))
	for i := range es {
		t.pending = appendElement(t.pending, &es[i])
	}
}

// Challenge draws an element.
func (t *transcript) Challenge(label string) Element { return elementFrom(t.draw(label, 1)) }

// Point draws n elements.
func (t *transcript) Point(label string, n int) []Element {
	point := make([]Element, n)
	b := t.draw(label, n)
	for i := range point {
		if i > 0 {
			b = t.next()
		}
		point[i] = elementFrom(b)
	}
	return point
}

// indices draws n numbers below bound, a power of two; they may repeat.
func (t *transcript) indices(label string, n, bound int) []int {
	list := make([]int, n)
	b := t.draw(label, n)
	for i := range list {
		if i > 0 && i%4 == 0 {
			b = t.next()
		}
		list[i] = int(binary.LittleEndian.Uint64(b[8*(i%4):]) & uint64(bound-1))
	}
	return list
}

// Prover writes a proof.
type Prover struct {
	transcript
	tape []byte

	// Parallel runs do(0) … do(n−1), in any order and possibly at once, and
	// returns when all have. Nil runs one after another. The proof does not
	// depend on it: whoever may start goroutines sets it.
	Parallel func(n int, do func(i int))
}

// NewProver returns a prover with an empty tape.
func NewProver(c Context) *Prover { return &Prover{transcript: newTranscript(c)} }

// each runs do(0) … do(n−1) as Parallel says.
func (p *Prover) each(n int, do func(i int)) { parallel(p.Parallel)(n, do) }

// parallel returns run, or a plain loop where run is nil.
func parallel(run func(int, func(int))) func(int, func(int)) {
	if run != nil {
		return run
	}
	return func(n int, do func(int)) {
		for i := range n {
			do(i)
		}
	}
}

// Send writes elements to the tape and absorbs them.
func (p *Prover) Send(label string, es ...Element) {
	start := len(p.tape)
	for i := range es {
		p.tape = appendElement(p.tape, &es[i])
	}
	p.absorb(label, p.tape[start:])
}

// SendBytes writes bytes to the tape and absorbs them.
func (p *Prover) SendBytes(label string, data []byte) {
	p.tape = append(p.tape, data...)
	p.absorb(label, data)
}

// Proof returns the tape.
func (p *Prover) Proof() []byte { return p.tape }

// Verifier reads a proof.
type Verifier struct {
	transcript
	tape []byte
	err  error // of a tape that is longer than any proof
}

// NewVerifier returns a verifier of the proof. It keeps the slice and does not
// write to it.
func NewVerifier(c Context, proof []byte) *Verifier {
	v := &Verifier{transcript: newTranscript(c), tape: proof}
	if len(proof) > MaxProof {
		v.tape, v.err = nil, assay.Refuse(CodeSize, "%d bytes, the limit is %d", len(proof), MaxProof)
	}
	return v
}

// Receive reads n elements from the tape and absorbs them.
func (v *Verifier) Receive(label string, n int) ([]Element, error) {
	b, err := v.take(n, elementBytes)
	if err != nil {
		return nil, err
	}
	es := make([]Element, n)
	for i := range es {
		var ok bool
		if es[i], ok = readElement(b[elementBytes*i:]); !ok {
			return nil, assay.Refuse(CodeElement, "%s %d", label, i)
		}
	}
	v.absorb(label, b)
	return es, nil
}

// ReceiveBytes reads n bytes from the tape and absorbs them. The result is a
// part of the tape and must not be written to.
func (v *Verifier) ReceiveBytes(label string, n int) ([]byte, error) {
	b, err := v.take(n, 1)
	if err != nil {
		return nil, err
	}
	v.absorb(label, b)
	return b, nil
}

// take cuts n pieces of size bytes off the tape. It checks before anything is
// allocated for them.
func (v *Verifier) take(n, size int) ([]byte, error) {
	if v.err != nil {
		return nil, v.err
	}
	if n < 0 || n > len(v.tape)/size {
		return nil, assay.Refuse(CodeShort, "%d bytes are left, %d pieces of %d are due", len(v.tape), n, size)
	}
	b := v.tape[:n*size]
	v.tape = v.tape[n*size:]
	return b, nil
}

// Done refuses a proof that is not used up.
func (v *Verifier) Done() error {
	if v.err != nil {
		return v.err
	}
	if len(v.tape) != 0 {
		return assay.Refuse(CodeLong, "%d bytes", len(v.tape))
	}
	return nil
}

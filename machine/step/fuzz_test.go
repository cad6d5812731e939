package step_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/machine/step"
	"github.com/capacloud/assay/machine/wasi"
	"github.com/capacloud/assay/machine/wasm"
)

// FuzzReferee gives a referee anybody's bytes. What is accepted is what Prove
// would have written: nothing in it can be left out.
func FuzzReferee(f *testing.F) {
	m := at(f, 700)
	for _, n := range []uint64{0, 1, 20, 300} {
		w, _, err := m.prove(n)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(w, n)
	}
	im := &m.program.Image
	f.Fuzz(func(t *testing.T, w []byte, n uint64) {
		if len(w) < step.RecordBytes {
			return
		}
		r, err := step.DecodeRecord(w[:step.RecordBytes])
		if err != nil {
			return
		}
		if !bytes.Equal(r.Bytes(), w[:step.RecordBytes]) {
			t.Fatal("a record has two spellings")
		}
		seg, err := step.Referee(im, m.job, r.Root(), n%500, w)
		if err != nil && assay.CodeOf(err) == assay.CodeInternal {
			t.Fatal(err)
		}
		if err == nil && seg.Record.Root() != seg.End {
			t.Fatal("end and record differ")
		}
	})
}

// FuzzHostileState changes registers and bytes of a run at will: two liars may
// agree on any state. Nothing panics, and whatever can be proved is what the
// referee finds.
func FuzzHostileState(f *testing.F) {
	for i := range byte(40) {
		f.Add([]byte{i, i * 7, 40, i, 3, 1, 2, 3, 4, 5, 6, 7, 8}, []byte{i, 0, 1, i, 0xff, 0x80, i + 3, i * 5})
	}
	module := longProgram(f)
	f.Fuzz(func(t *testing.T, memory, registers []byte) {
		if len(memory) < 2 || len(memory) > 200 || len(registers) > 200 {
			return
		}
		m := newRun(t, newShelf(), module)
		for range 10 * int(memory[0]) {
			m.step(t)
		}
		m.patch(memory[2:])
		b := m.r.Bytes()
		for ; len(registers) >= 4; registers = registers[4:] {
			at := int(binary.LittleEndian.Uint16(registers)) % len(b)
			if at < 184 || at >= 888 { // the roots between are computed
				b[at] = registers[2]
			}
		}
		r, err := step.DecodeRecord(b)
		if err != nil {
			return
		}
		m.r = r
		n := uint64(memory[1]%30) + 1
		w, start, err := m.prove(n)
		if err != nil {
			return
		}
		for range n {
			m.step(t)
		}
		seg, err := step.Referee(&m.program.Image, m.job, start, n, w)
		if m.r.Image != m.program.Image.Digest() {
			if assay.CodeOf(err) != step.CodeWitnessStart {
				t.Fatal(err)
			}
			return
		}
		if err != nil || seg.End != m.root() {
			t.Fatalf("end %s, want %s, %v", seg.End, m.root(), err)
		}
	})
}

// FuzzHostileCode runs anybody's instructions, such as no lowering writes.
func FuzzHostileCode(f *testing.F) {
	module := longProgram(f)
	p := wasm.Lower(module)
	for at := 0; at+8 < len(p.Code) && at < 800; at += 8 {
		var b []byte
		for _, in := range p.Code[at : at+8] {
			b = in.AppendBinary(b)
		}
		f.Add(b, uint64(at))
	}
	f.Fuzz(func(t *testing.T, code []byte, seed uint64) {
		if len(code) > 1024 {
			return
		}
		m := newRun(t, newShelf(), module)
		m.s.Store(machine.Code, 0, code)
		m.program.Image.Code = m.s[machine.Code].Root()
		m.r.Image = m.program.Image.Digest()
		r := rand.New(rand.NewPCG(seed, 1))
		for i := range uint64(64) {
			m.s.Store(machine.Slots, 8*i, binary.LittleEndian.AppendUint64(nil, r.Uint64N(1<<r.IntN(64))))
		}
		const n = 40
		w, start, err := m.prove(n)
		if err != nil {
			return
		}
		for range n {
			m.step(t)
		}
		if seg, err := step.Referee(&m.program.Image, m.job, start, n, w); err != nil || seg.End != m.root() {
			t.Fatalf("end %s, want %s, %v", seg.End, m.root(), err)
		}
	})
}

// patch changes bytes of mutable regions: where something is, or anywhere.
func (m *run) patch(p []byte) {
	places := []struct {
		r     machine.Region
		bytes uint64
	}{{machine.Memory, 70_000}, {machine.Slots, 4096}, {machine.Globals, 100}, {machine.Tables, 100}, {machine.HostNodes, 2560}, {machine.HostNodes, 1 << 20}, {machine.HostData, 6 << 32}, {machine.Dropped, 9}}
	for ; len(p) >= 6; p = p[6:] {
		place := places[int(p[0])%len(places)]
		at := (uint64(p[1]) | uint64(p[2])<<8 | uint64(p[3])<<24) % place.bytes
		m.s.Store(place.r, at, p[4:6])
	}
}

// TestMissingInput: without the bytes of an input there is neither a step nor a
// witness, and the error says so.
func TestMissingInput(t *testing.T) {
	b := newBuilder("fd_read")
	b.memory(1, 1)
	b.data(0, []byte{100, 0, 0, 0, 100, 0, 0, 0})
	module := b.entry(b.fn(nil, nil, nil, i32(0), i32(0), i32(1), i32(50), call(0), op(opDrop)))
	sh := newShelf()
	m := newRun(t, sh, module)
	clear(sh.files)
	var err error
	for err == nil && !m.r.Halted() {
		_, _, err = m.prove(1)
		if err == nil {
			m.step(t)
		}
	}
	var missing *machine.MissingError
	if err == nil || errors.As(err, &missing) || errors.Is(err, step.ErrTooLarge) {
		t.Fatalf("the run went on without its input: %v", err)
	}
	if got := step.Step(&m.r, &m.program.Image, m.job, m.s, m.in); got == nil {
		t.Fatal("a step without its input")
	}
	// With it, a referee who does not have it runs the step from the witness,
	// and not without the opening.
	sh.file(make([]byte, 3000))
	m.in = wasi.NewReaderInput(sh)
	m.r.Host.Call = wasi.Call{}
	w, start, err := m.prove(1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := step.Referee(&m.program.Image, m.job, start, 1, w); err != nil {
		t.Fatal(err)
	}
	none := wasi.NewRecorder(m.in).Encode()
	cut := append(bytes.Clone(w[:len(w)-inputBytes(t, m)]), none...)
	if _, err := step.Referee(&m.program.Image, m.job, start, 1, cut); assay.CodeOf(err) != step.CodeWitnessMissing {
		t.Error(err)
	}
}

// inputBytes is the length of the openings of the input in the next step's
// witness.
func inputBytes(t *testing.T, m *run) int {
	in := wasi.NewRecorder(m.in)
	s := *m.s
	r := m.r
	if err := step.Step(&r, &m.program.Image, m.job, &s, in); err != nil {
		t.Fatal(err)
	}
	return len(in.Encode())
}

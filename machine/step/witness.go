package step

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/machine/wasi"
	"github.com/capacloud/assay/machine/wasm"
)

// Bounds of what a referee takes.
const (
	// MaxWitness is the most bytes of a witness. That of one step is always
	// smaller.
	MaxWitness = 256 << 10
	// MaxSegment is the most steps, and MaxWork the most work, such that a
	// referee takes at most 20 ms (BenchmarkReferee). Work is counted in hashes
	// of a node: a plain step is one, one that asks the host some hundred, and
	// hashes count as what they are. No step takes a tenth of it.
	MaxSegment = 1 << 15
	MaxWork    = 1 << 15
)

// ErrTooLarge says that the steps are too many, or look at too much, for one
// witness. Fewer of them fit; one always does.
var ErrTooLarge = errors.New("the segment is too large for a witness")

// A witness is the record; two bytes with a bit for each region that is opened,
// region 0 the lowest; the proofs of those regions (machine.Sparse.AppendProof)
// in order; and, to the end, the openings of the input (wasi.Recorder.Encode).
const headBytes = RecordBytes + 2

// Prove returns the witness of n steps from a state on, or ErrTooLarge. The
// sources are the regions of that state; they do not change meanwhile. Roots in
// the record are those of the sources.
func Prove(im *wasm.Image, job *assay.Job, from *Record, sources *[machine.NumRegions]machine.Source, in *wasi.ReaderInput, n uint64) ([]byte, error) {
	if n > MaxSegment {
		return nil, fmt.Errorf("%d steps: %w", n, ErrTooLarge)
	}
	var s machine.Regions
	for r := range s {
		s[r] = machine.Record(machine.Region(r), sources[r])
	}
	input := wasi.NewRecorder(in)
	size := func() int {
		total := headBytes + input.Bytes()
		for _, t := range s {
			if t.Open() {
				total += t.ProofBytes()
			}
		}
		return total
	}
	r := *from
	work := uint64(0)
	for i := uint64(0); i < n && !r.Halted(); i++ {
		err := guarded(func() error {
			w, err := counted(&r, im, job, &s, input)
			work += w
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("prove step %d: %w", i, err)
		}
		if hashes(&s)+work > MaxWork {
			return nil, fmt.Errorf("work for %d after %d of %d steps: %w", work, i+1, n, ErrTooLarge)
		}
		if size() > MaxWitness {
			return nil, fmt.Errorf("%d bytes after %d of %d steps: %w", size(), i+1, n, ErrTooLarge)
		}
	}
	w := encode(from, &s, input)
	if len(w) > MaxWitness {
		return nil, fmt.Errorf("%d bytes: %w", len(w), ErrTooLarge)
	}
	return w, nil
}

// hashes is the work of a space.
func hashes(s *machine.Regions) uint64 {
	total := uint64(0)
	for _, t := range s {
		total += t.Work()
	}
	return total
}

func encode(from *Record, s *machine.Regions, in *wasi.Recorder) []byte {
	var opened uint16
	for r, t := range s {
		if t.Open() {
			opened |= 1 << r
		}
	}
	b := binary.LittleEndian.AppendUint16(from.Bytes(), opened)
	for _, t := range s {
		if t.Open() {
			b = t.AppendProof(b)
		}
	}
	return append(b, in.Encode()...)
}

// guarded turns the panic of a space that lacks a leaf into its error.
func guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			missing, ok := p.(*machine.MissingError)
			if !ok {
				panic(p)
			}
			err = missing
		}
	}()
	return f()
}

// witness is a decoded one.
type witness struct {
	record Record
	space  machine.Regions
	input  *wasi.Witness
}

// decode reads a witness of a state with the root start. Whatever it opens is
// proved under that root, under the image, or is named by its digest.
func decode(im *wasm.Image, start canon.Digest, b []byte) (*witness, error) {
	if len(b) > MaxWitness {
		return nil, assay.Refuse(CodeWitnessSize, "%d bytes; at most %d", len(b), MaxWitness)
	}
	if len(b) < headBytes {
		return nil, assay.Refuse(CodeWitnessForm, "%d bytes are no record", len(b))
	}
	w := &witness{}
	var err error
	if w.record, err = DecodeRecord(b[:RecordBytes]); err != nil {
		return nil, assay.Refuse(CodeWitnessForm, "%v", err)
	}
	if got := w.record.Root(); got != start {
		return nil, assay.Refuse(CodeWitnessStart, "its record has the root %s; the segment starts at %s", got, start)
	}
	if d := im.Digest(); w.record.Image != d {
		return nil, assay.Refuse(CodeWitnessStart, "its record is of the program image %s; the job's is %s", w.record.Image, d)
	}
	opened := binary.LittleEndian.Uint16(b[RecordBytes:])
	if opened>>machine.NumRegions != 0 {
		return nil, assay.Refuse(CodeWitnessForm, "it opens a region that there is not")
	}
	b = b[headBytes:]
	work := uint64(MaxWork)
	for i := range w.space {
		region := machine.Region(i)
		root := w.record.root(im, region)
		if opened>>i&1 == 0 {
			w.space[i] = machine.Closed(region, root)
			continue
		}
		if w.space[i], b, err = machine.DecodeProof(region, root, b, work); err != nil {
			return nil, assay.Refuse(CodeWitnessProof, "%v", err)
		}
		work -= min(work, w.space[i].Work())
	}
	if w.input, err = wasi.DecodeWitness(b); err != nil {
		return nil, assay.Refuse(CodeWitnessForm, "%v", err)
	}
	return w, nil
}

// checkUsed refuses what was opened and not looked at.
func (w *witness) checkUsed() error {
	for _, t := range w.space {
		if err := t.CheckUsed(); err != nil {
			return assay.Refuse(CodeWitnessExcess, "%v", err)
		}
	}
	if err := w.input.CheckUsed(); err != nil {
		return assay.Refuse(CodeWitnessExcess, "%v", err)
	}
	return nil
}

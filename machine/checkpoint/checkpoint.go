// Package checkpoint owns the file from which an epoch program goes on at a
// boundary: the whole state of the canonical machine, as docs/WASM.md, Epoch
// programs, lays it out. One state has one file; its digest is that of any file.
//
// It refuses bytes that are not laid out so, or too many, a state that is at no
// boundary, and another one than the caller wants. Whether the contents have
// the roots that the record states is found out by whoever restores them: both
// engines compute the root of what they have restored, and Verify does it
// without one. The bytes may be anybody's: nothing here panics on them, and
// what is kept is never more than a small multiple of them.
package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/machine/step"
	"github.com/capacloud/assay/machine/wasi"
	"github.com/capacloud/assay/machine/wasm"
)

// What is wrong with a checkpoint.
var (
	// ErrMalformed says that the bytes are no checkpoint.
	ErrMalformed = errors.New("malformed checkpoint")
	// ErrPoisoned says that the bytes are a checkpoint of another state than
	// they say, than is wanted, or than any run of the job reaches.
	ErrPoisoned = errors.New("poisoned checkpoint")
)

// tag begins every checkpoint.
const tag = "assay/checkpoint/1"

// regions are those whose contents a checkpoint has, in its order. At a boundary
// slots and dropped segments are zeros.
var regions = [...]machine.Region{machine.Memory, machine.Globals, machine.Tables, machine.HostNodes, machine.HostData}

// Checkpoint is a state at a boundary.
type Checkpoint struct {
	Record step.Record
	parts  [machine.NumRegions][]Run
}

// Run is a piece of a region: whole leaves, none of them zeros.
type Run struct {
	Leaf  uint64 // number of the first one
	Bytes []byte
}

const runHead = 12 // first leaf (8), leaves (4)

// New returns a checkpoint without contents.
func New(r step.Record) *Checkpoint { return &Checkpoint{Record: r} }

// Append adds what a region has from a leaf on. Calls for one region go upwards;
// an end that is not a whole leaf goes on with zeros. The bytes are copied.
func (c *Checkpoint) Append(r machine.Region, leaf uint64, b []byte) {
	for ; len(b) > 0; leaf++ {
		n := min(len(b), machine.LeafSize)
		if !isZero(b[:n]) {
			c.leaf(r, leaf, b[:n])
		}
		b = b[n:]
	}
}

func (c *Checkpoint) leaf(r machine.Region, leaf uint64, b []byte) {
	runs := c.parts[r]
	if n := len(runs); n == 0 || runs[n-1].Leaf+uint64(len(runs[n-1].Bytes)/machine.LeafSize) != leaf {
		runs = append(runs, Run{Leaf: leaf})
	}
	last := &runs[len(runs)-1]
	last.Bytes = append(last.Bytes, b...)
	last.Bytes = append(last.Bytes, zeros[len(b):]...)
	c.parts[r] = runs
}

var zeros machine.Leaf

func isZero(b []byte) bool { return string(b) == string(zeros[:len(b)]) }

// Runs returns the contents of a region, upwards. They must not be changed.
func (c *Checkpoint) Runs(r machine.Region) []Run { return c.parts[r] }

// Restore writes the contents of a region into a space in which it is zeros.
func (c *Checkpoint) Restore(s machine.Space, r machine.Region) {
	for _, run := range c.parts[r] {
		s.Store(r, run.Leaf*machine.LeafSize, run.Bytes)
	}
}

// Encode returns the file.
func (c *Checkpoint) Encode() []byte {
	size := len(tag) + step.RecordBytes
	for _, r := range regions {
		size += 4
		for _, run := range c.parts[r] {
			size += runHead + len(run.Bytes)
		}
	}
	le := binary.LittleEndian
	b := append(append(make([]byte, 0, size), tag...), c.Record.Bytes()...)
	for _, r := range regions {
		b = le.AppendUint32(b, uint32(len(c.parts[r])))
		for _, run := range c.parts[r] {
			b = le.AppendUint64(b, run.Leaf)
			b = le.AppendUint32(b, uint32(len(run.Bytes)/machine.LeafSize))
			b = append(b, run.Bytes...)
		}
	}
	return b
}

// MaxBytes returns the most bytes of a checkpoint of a job with these limits.
func MaxBytes(l *assay.Limits) uint64 {
	leaves := l.Memory/machine.LeafSize + machine.Globals.Bytes()/machine.LeafSize + machine.Tables.Bytes()/machine.LeafSize +
		machine.HostNodes.Bytes()/machine.LeafSize + l.Output/machine.LeafSize + 2*uint64(l.Files) + 8
	return uint64(len(tag)+step.RecordBytes+4*len(regions)) + leaves*(runHead+machine.LeafSize)
}

// Open reads the checkpoint of the state with the given root. It shares the
// bytes, which must not change.
func Open(b []byte, root canon.Digest, l *assay.Limits) (*Checkpoint, error) {
	if uint64(len(b)) > MaxBytes(l) {
		return nil, fmt.Errorf("%d bytes, at most %d: %w", len(b), MaxBytes(l), ErrMalformed)
	}
	if len(b) < len(tag)+step.RecordBytes || string(b[:len(tag)]) != tag {
		return nil, fmt.Errorf("it does not begin as one: %w", ErrMalformed)
	}
	b = b[len(tag):]
	rec, err := step.DecodeRecord(b[:step.RecordBytes])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if got := rec.Root(); got != root {
		return nil, fmt.Errorf("it is of the state %s, not of %s: %w", got, root, ErrPoisoned)
	}
	c := New(rec)
	b = b[step.RecordBytes:]
	for _, r := range regions {
		if c.parts[r], b, err = readRuns(r, b); err != nil {
			return nil, err
		}
	}
	if len(b) > 0 {
		return nil, fmt.Errorf("%d bytes behind its end: %w", len(b), ErrMalformed)
	}
	return c, c.check(l)
}

// readRuns reads the contents of a region and returns what follows.
func readRuns(r machine.Region, b []byte) ([]Run, []byte, error) {
	le := binary.LittleEndian
	bad := func(what string) ([]Run, []byte, error) {
		return nil, nil, fmt.Errorf("%s: %s: %w", r, what, ErrMalformed)
	}
	if len(b) < 4 {
		return bad("cut off")
	}
	n := le.Uint32(b)
	b = b[4:]
	if uint64(n)*(runHead+machine.LeafSize) > uint64(len(b)) {
		return bad("more pieces than bytes")
	}
	runs := make([]Run, 0, n)
	end := uint64(0) // behind the last piece, and one leaf of zeros at least
	for range n {
		if len(b) < runHead {
			return bad("cut off")
		}
		at, leaves := le.Uint64(b), uint64(le.Uint32(b[8:]))
		b = b[runHead:]
		switch total := r.Bytes() / machine.LeafSize; {
		case at < end, leaves == 0:
			return bad("pieces out of order")
		case at > total || leaves > total-at || leaves*machine.LeafSize > uint64(len(b)):
			return bad("a piece beyond its end")
		}
		run := Run{Leaf: at, Bytes: b[:leaves*machine.LeafSize]}
		for i := range leaves {
			if isZero(run.Bytes[i*machine.LeafSize : (i+1)*machine.LeafSize]) {
				return bad("a leaf of zeros")
			}
		}
		runs = append(runs, run)
		b = b[len(run.Bytes):]
		end = at + leaves + 1
	}
	return runs, b, nil
}

// check demands the record of a boundary, and contents within its sizes.
func (c *Checkpoint) check(l *assay.Limits) error {
	r := &c.Record
	epoch, ok := r.Boundary()
	want := step.Record{
		Epoch: r.Epoch, Fuel: r.Fuel, PC: r.PC, Frames: l.Frames, Slots: l.Slots, Pages: r.Pages, Tables: r.Tables,
		Image: r.Image, Host: r.Host, Roots: r.Roots,
	}
	_, calls := r.Host.Pending()
	switch {
	case !ok || *r != want || calls || r.Host.Finish != (wasi.Finishing{}) || epoch >= step.Epochs(l):
		return fmt.Errorf("it is at no boundary: %w", ErrPoisoned)
	case r.Roots.Slots != machine.Zero(machine.Slots.Depth()) || r.Roots.Dropped != machine.Zero(machine.Dropped.Depth()):
		return fmt.Errorf("slots or dropped segments are not zeros: %w", ErrPoisoned)
	case r.Fuel < 0 || uint64(r.Fuel) > l.Fuel || uint64(r.Pages)*wasm.PageBytes > l.Memory:
		return fmt.Errorf("fuel or memory beyond the job's limits: %w", ErrPoisoned)
	case c.end(machine.Memory) > uint64(r.Pages)*wasm.PageBytes:
		return fmt.Errorf("content beyond the memory: %w", ErrPoisoned)
	}
	for t, n := range r.Tables {
		if n > wasm.MaxTableElems {
			return fmt.Errorf("table %d of %d elements: %w", t, n, ErrPoisoned)
		}
	}
	return nil
}

// end returns where the last piece of a region ends.
func (c *Checkpoint) end(r machine.Region) uint64 {
	runs := c.parts[r]
	if len(runs) == 0 {
		return 0
	}
	last := runs[len(runs)-1]
	return last.Leaf*machine.LeafSize + uint64(len(last.Bytes))
}

// Verify reports whether the contents of these regions, or of all, have the
// roots that the record states.
func (c *Checkpoint) Verify(these ...machine.Region) error {
	roots := c.Record.Roots
	if len(these) == 0 {
		these = regions[:]
	}
	for _, r := range these {
		t := machine.NewTree(r.Depth())
		for _, run := range c.parts[r] {
			for i := 0; i < len(run.Bytes); i += machine.LeafSize {
				t.Set(run.Leaf+uint64(i/machine.LeafSize), run.Bytes[i:i+machine.LeafSize])
			}
		}
		ok := true
		switch r {
		case machine.Memory:
			ok = t.Root() == roots.Memory
		case machine.Globals:
			ok = t.Root() == roots.Globals
		case machine.HostNodes:
			ok = t.Root() == roots.HostNodes
		case machine.HostData:
			ok = t.Root() == roots.HostData
		default:
			for i, root := range roots.Tables {
				ok = ok && t.Node(machine.TableDepth, uint64(i)) == root
			}
		}
		if !ok {
			return fmt.Errorf("%s does not have the root that the record states: %w", r, ErrPoisoned)
		}
	}
	return nil
}

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
	"github.com/capacloud/assay/merkle"
)

// MaxTables is the most tables that a module has.
const MaxTables = 16

// Phase is where a run stands.
type Phase uint8

// The phases.
const (
	Running   Phase = iota // instructions
	Finishing              // the program has ended; the output's digest is being computed
	Halted                 // the result is there; a step changes nothing
)

// String returns the phase's name.
func (p Phase) String() string {
	switch p {
	case Running:
		return "running"
	case Finishing:
		return "finishing"
	}
	return "halted"
}

// Record is the state of the machine: its registers and the roots of its
// regions. What the job and the image say is not in it.
type Record struct {
	Phase    Phase
	Status   assay.Status // how the program ended; 0 while it runs
	Trap     wasm.TrapCode
	Exit     uint32            // exit code
	Fuel     int64             // left
	PC       uint32            // index of the next instruction
	FP       uint32            // slot at which the frame begins
	Frames   uint32            // left
	Slots    uint32            // left
	Progress uint64            // of the instruction under way: slots, bytes or elements done
	Pages    uint32            // of the memory
	Epoch    uint32            // under way, from 1; 0 of a program without epochs
	Tables   [MaxTables]uint32 // sizes
	Tick     uint64            // steps of the epoch under way
	Image    canon.Digest
	Output   canon.Digest // of a halted machine
	Host     wasi.Registers
	Roots    Roots
}

// Roots are those of the mutable regions. The tables' are those of the sixteen
// subtrees of their region.
type Roots struct {
	Memory, Slots, Globals, Dropped, HostNodes, HostData canon.Digest

	Tables [MaxTables]canon.Digest
}

// zeroRoots are those of regions of zeros.
func zeroRoots() Roots {
	var r Roots
	for region := machine.Memory; int(region) < machine.NumRegions; region++ {
		if p := r.of(region); p != nil {
			*p = machine.Zero(region.Depth())
		}
	}
	for t := range r.Tables {
		r.Tables[t] = machine.Zero(machine.TableDepth)
	}
	return r
}

// of returns the field of a region; nil for tables and what never changes.
func (r *Roots) of(region machine.Region) *canon.Digest {
	switch region {
	case machine.Memory:
		return &r.Memory
	case machine.Slots:
		return &r.Slots
	case machine.Globals:
		return &r.Globals
	case machine.Dropped:
		return &r.Dropped
	case machine.HostNodes:
		return &r.HostNodes
	case machine.HostData:
		return &r.HostData
	}
	return nil
}

// tables returns the root of the region of tables.
func (r *Roots) tables() canon.Digest {
	level := r.Tables
	for n := MaxTables / 2; n > 0; n /= 2 {
		for i := range n {
			level[i] = merkle.HashNode(level[2*i], level[2*i+1])
		}
	}
	return level[0]
}

// Root returns the root of a region before the step.
func (r *Record) root(im *wasm.Image, region machine.Region) canon.Digest {
	switch region {
	case machine.Code:
		return im.Code
	case machine.Static:
		return im.Static
	case machine.Tables:
		return r.Roots.tables()
	}
	return *r.Roots.of(region)
}

// Commit sets the roots to those of a space.
func (r *Record) Commit(s *machine.Regions) {
	for region := machine.Memory; int(region) < machine.NumRegions; region++ {
		if p := r.Roots.of(region); p != nil {
			*p = s[region].Root()
		}
	}
	for t := range r.Roots.Tables {
		// What a witness does not open is as it was.
		if root, ok := s[machine.Tables].Node(machine.TableDepth, uint64(t)); ok {
			r.Roots.Tables[t] = root
		}
	}
}

// RecordBytes is the length of an encoded record.
const RecordBytes = 120 + 2*32 + 6*32 + 32*MaxTables + wasi.RegistersBytes

// Bytes returns the encoding: fixed width, little-endian.
//
//	  0 phase (1)   1 status (1)   2 trap (1)   3 zero (1)   4 exit code (4)   8 fuel (8)
//	 16 pc (4)     20 fp (4)      24 frames (4)   28 slots (4)   32 progress (8)
//	 40 pages (4)  44 epoch (4)   48 table sizes (16 × 4)   112 tick (8)
//	120 image (32)   152 output (32)
//	184 roots of memory, slots, globals, dropped, host nodes, host data (6 × 32)
//	376 roots of the tables (16 × 32)
//	888 host registers
func (r *Record) Bytes() []byte {
	le := binary.LittleEndian
	b := make([]byte, 0, RecordBytes)
	b = append(b, byte(r.Phase), byte(r.Status), byte(r.Trap), 0)
	b = le.AppendUint32(b, r.Exit)
	b = le.AppendUint64(b, uint64(r.Fuel))
	for _, v := range [...]uint32{r.PC, r.FP, r.Frames, r.Slots} {
		b = le.AppendUint32(b, v)
	}
	b = le.AppendUint64(b, r.Progress)
	b = le.AppendUint32(b, r.Pages)
	b = le.AppendUint32(b, r.Epoch)
	for _, v := range r.Tables {
		b = le.AppendUint32(b, v)
	}
	b = le.AppendUint64(b, r.Tick)
	b = append(append(b, r.Image[:]...), r.Output[:]...)
	for region := machine.Memory; int(region) < machine.NumRegions; region++ {
		if p := r.Roots.of(region); p != nil {
			b = append(b, p[:]...)
		}
	}
	for i := range r.Roots.Tables {
		b = append(b, r.Roots.Tables[i][:]...)
	}
	b, _ = r.Host.AppendBinary(b)
	return b
}

// ErrRecord is wrapped by every refusal of an encoded record.
var ErrRecord = errors.New("malformed record")

// DecodeRecord reads what Bytes has written, and nothing else. Numbers that no
// run can reach may pass; no step panics on them.
func DecodeRecord(b []byte) (Record, error) {
	if len(b) != RecordBytes {
		return Record{}, fmt.Errorf("%d bytes, not %d: %w", len(b), RecordBytes, ErrRecord)
	}
	le := binary.LittleEndian
	r := Record{
		Phase: Phase(b[0]), Status: assay.Status(b[1]), Trap: wasm.TrapCode(b[2]), Exit: le.Uint32(b[4:]), Fuel: int64(le.Uint64(b[8:])),
		PC: le.Uint32(b[16:]), FP: le.Uint32(b[20:]), Frames: le.Uint32(b[24:]), Slots: le.Uint32(b[28:]),
		Progress: le.Uint64(b[32:]), Pages: le.Uint32(b[40:]), Epoch: le.Uint32(b[44:]), Tick: le.Uint64(b[112:]),
	}
	if b[3] != 0 || r.Phase > Halted || r.Status > assay.InvalidModule || int(r.Trap) >= wasm.NumTraps {
		return Record{}, fmt.Errorf("a field is out of range: %w", ErrRecord)
	}
	for i := range r.Tables {
		r.Tables[i] = le.Uint32(b[48+4*i:])
	}
	r.Image, r.Output = canon.Digest(b[120:152]), canon.Digest(b[152:184])
	rest := b[184:]
	for region := machine.Memory; int(region) < machine.NumRegions; region++ {
		if p := r.Roots.of(region); p != nil {
			*p, rest = canon.Digest(rest[:32]), rest[32:]
		}
	}
	for i := range r.Roots.Tables {
		r.Roots.Tables[i], rest = canon.Digest(rest[:32]), rest[32:]
	}
	var err error
	if r.Host, err = wasi.DecodeRegisters(rest); err != nil {
		return Record{}, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	return r, nil
}

// rootTag separates roots of the machine's states.
const rootTag = "assay/wasm-machine/1"

// Root returns the state root: what claims in a dispute are about.
func (r *Record) Root() canon.Digest { return canon.Hash(rootTag, r.Bytes()) }

// Halted reports whether a step changes nothing any more.
func (r *Record) Halted() bool { return r.Phase == Halted }

// stateTag separates the state roots of results; see docs/WASM.md, Results.
const stateTag = "assay/wasm-state/1"

// Result returns what a halted machine has computed; false before. The image
// and the limits are those of the run.
func (r *Record) Result(im *wasm.Image, limits *assay.Limits) (assay.Result, bool) {
	if !r.Halted() {
		return assay.Result{}, false
	}
	res := assay.Result{Status: r.Status, Output: r.Output}
	if r.Status == assay.InvalidModule {
		res.State = canon.Hash(stateTag)
		return res, true
	}
	res.ExitCode, res.Trap = r.Exit, assay.Code(r.Trap.String())
	res.Fuel = wasm.FuelUsed(limits.Fuel, r.Fuel, r.Trap)
	parts := [][]byte{
		word(uint64(r.Pages) * wasm.PageBytes), r.Roots.Memory[:],
		word(uint64(im.Globals)), r.Roots.Globals[:],
	}
	for t := range min(len(im.Tables), MaxTables) {
		parts = append(parts, word(uint64(im.Tables[t].Elem)), word(uint64(r.Tables[t])), r.Roots.Tables[t][:])
	}
	res.State = canon.Hash(stateTag, parts...)
	return res, true
}

func word(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }

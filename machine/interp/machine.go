// Package interp is the canonical machine of wasm/1 at speed. It computes what
// package step defines, over flat arrays: the same record after every step, the
// same roots. Steps are counted exactly wherever it stops.
//
// It owns the loop over the common instructions, the arrays, the notes of what
// changed since a root was computed, copy-on-write snapshots, and [Trace], from
// which a party to a dispute answers. Instructions that are rare, or that take
// several steps, are carried out by step.Step itself over these arrays.
//
// It serves those who execute; no rule of the ledger reaches it. It refuses
// nothing: a program that is invalid has a halted machine, and missing input
// bytes are an error.
package interp

import (
	"sort"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/machine/paged"
	"github.com/capacloud/assay/machine/step"
	"github.com/capacloud/assay/machine/wasi"
	"github.com/capacloud/assay/machine/wasm"
)

// Machine is one run of a program. It is not safe for concurrent use.
type Machine struct {
	program *wasm.Program
	image   *wasm.Image
	job     *assay.Job
	input   wasi.Input
	err     error

	code   []wasm.Instr
	static []byte
	funcs  []wasm.FuncInfo
	reach  []uint32 // slots of a frame, by the leaf in which its code stands

	// rec holds the registers that the loop has no use for; its roots are those
	// of the last Root.
	rec    step.Record
	steps  uint64
	span   uint64 // of an epoch
	idled  uint64 // steps skipped, by whichever way
	pc, fp uint32
	fuel   int64
	frames int64 // left
	room   int64 // slots left

	mem     memory
	slots   []uint64
	low     uint32 // slots from low to high may have been written since note
	high    uint32
	globals globals
	tables  []table
	dropped paged.Store
	nodes   paged.Store
	data    paged.Store

	memTree   *machine.Tree
	slotTree  *machine.Tree
	slotSpan  span // slots that slotTree has not seen
	slotShot  span // slots that base has not seen
	base      *Snapshot
	codeTrees *staticTrees
}

// New returns the machine in state 0. The program must be that of the job; it
// may be shared, and so may the input.
func New(p *wasm.Program, job *assay.Job, in wasi.Input) *Machine {
	m := &Machine{
		program: p, image: &p.Image, job: job, input: in,
		code: p.Code, static: p.Static, funcs: p.Funcs, codeTrees: &staticTrees{}, span: step.EpochSpan(&job.Limits),
	}
	m.rec = step.Start(m.image, job)
	m.fuel, m.frames, m.room = m.rec.Fuel, int64(m.rec.Frames), int64(m.rec.Slots)
	m.memTree = machine.NewTree(machine.Memory.Depth())
	m.slotTree = machine.NewTree(machine.Slots.Depth())
	m.slots = make([]uint64, 2*len(frame{}))
	m.dropped = paged.New(machine.Dropped)
	m.nodes, m.data = paged.New(machine.HostNodes), paged.New(machine.HostData)
	if m.rec.Status == assay.InvalidModule {
		m.globals = newGlobals(nil)
		return m
	}
	m.reach = reachOf(p)
	m.mem.resize(m.rec.Pages)
	for _, d := range p.Data {
		copy(m.mem.bytes[d.At:], d.Bytes)
		m.mem.touch(uint64(d.At), uint64(len(d.Bytes)))
	}
	m.globals = newGlobals(p.Globals)
	for t := range p.Tables {
		m.tables = append(m.tables, newTable(p.Tables[t]))
	}
	wasi.Start(m, job.Stdin, job.Input)
	return m
}

// reachOf returns the frame size of the function that each leaf of the code
// belongs to.
func reachOf(p *wasm.Program) []uint32 {
	reach := make([]uint32, len(p.Code)/perLeaf+1)
	for i := range p.Funcs {
		if p.Funcs[i].Host == 0 {
			reach[p.Funcs[i].Entry/perLeaf] = p.Funcs[i].Frame
		}
	}
	for i := 1; i < len(reach); i++ {
		if reach[i] == 0 {
			reach[i] = reach[i-1]
		}
	}
	return reach
}

const perLeaf = machine.LeafSize / wasm.InstrBytes

// Steps returns the number of steps taken. A halted machine goes on stepping,
// and does not count.
func (m *Machine) Steps() uint64 { return m.steps }

// Halted reports whether the result is there.
func (m *Machine) Halted() bool { return m.rec.Halted() }

// Run goes on until so many steps have been taken, counted from state 0, or the
// machine halts. An error means that input bytes are missing: there is no next
// state, and the machine is of no use any more.
func (m *Machine) Run(to uint64) error {
	for m.steps < to && m.err == nil {
		switch m.rec.Phase {
		case step.Running:
			m.steps += m.execute(to - m.steps)
			m.settle(m.steps)
		case step.Finishing:
			m.steps++
			m.define()
		default:
			return nil
		}
	}
	return m.err
}

// define takes one step by its definition.
func (m *Machine) define() {
	m.sync()
	if err := step.Step(&m.rec, m.image, m.job, m, m.input); err != nil {
		m.err = err
		return
	}
	m.pc, m.fp, m.fuel = m.rec.PC, m.rec.FP, m.rec.Fuel
	m.frames, m.room = int64(m.rec.Frames), int64(m.rec.Slots)
	m.mem.resize(m.rec.Pages)
}

// sync writes the loop's registers to the record.
func (m *Machine) sync() {
	m.rec.PC, m.rec.FP, m.rec.Fuel = m.pc, m.fp, m.fuel
	m.rec.Frames, m.rec.Slots = uint32(m.frames), uint32(m.room)
}

// trapped ends the program with a trap of the loop.
func (m *Machine) trapped(t wasm.TrapCode) {
	m.rec.Phase, m.rec.Status, m.rec.Trap = step.Finishing, assay.Trapped, t
}

// enter makes the frame of a function at base: the link, and zeros for its
// locals. It returns what the function's instructions can name.
func (m *Machine) enter(f *wasm.FuncInfo, base, pc, fp uint32) *frame {
	end := base + f.Frame
	if end > m.high {
		m.high = end
	}
	if most := int(base) + max(int(f.Frame), len(frame{})); most > len(m.slots) {
		grown := make([]uint64, max(2*len(m.slots), most))
		copy(grown, m.slots)
		m.slots = grown
	}
	s := m.slots[base:]
	s[f.Params+f.Locals] = uint64(pc) | uint64(fp)<<32
	if f.Locals > 0 && f.Locals <= wasm.MaxClear {
		clear(s[f.Params : f.Params+f.Locals])
	}
	return (*frame)(s)
}

// callee finds the function that call_indirect calls.
func (m *Machine) callee(in *wasm.Instr, s *frame) (*wasm.FuncInfo, wasm.TrapCode) {
	i := uint32(s[in.A])
	if i >= m.rec.Tables[in.B] {
		return nil, wasm.TrapTableAccess
	}
	ref := m.tables[in.B].elems[i]
	if ref == nullElem {
		return nil, wasm.TrapTableAccess
	}
	f := &m.funcs[ref]
	if f.Type != uint32(in.Imm) {
		return nil, wasm.TrapIndirectCallType
	}
	return f, wasm.TrapNone
}

const nullElem = ^uint32(0)

// Record returns the state.
func (m *Machine) Record() step.Record {
	m.commit()
	return m.rec
}

// Root returns the state root.
func (m *Machine) Root() canon.Digest {
	m.commit()
	return m.rec.Root()
}

// Result returns what a halted machine has computed; false before.
func (m *Machine) Result() (assay.Result, bool) {
	if !m.Halted() {
		return assay.Result{}, false
	}
	m.commit()
	return m.rec.Result(m.image, &m.job.Limits)
}

// commit brings the roots in the record up to date.
func (m *Machine) commit() {
	m.sync()
	m.note()
	r := &m.rec.Roots
	if m.rec.Status == assay.InvalidModule {
		return
	}
	m.mem.hash(m.memTree)
	m.hashSlots()
	m.globals.hash()
	r.Memory, r.Slots, r.Globals = m.memTree.Root(), m.slotTree.Root(), m.globals.tree.Root()
	for t := range m.tables {
		r.Tables[t] = m.tables[t].root()
	}
	r.Dropped, r.HostNodes, r.HostData = m.dropped.Root(), m.nodes.Root(), m.data.Root()
}

// Function returns the index of the function whose code holds an instruction;
// false for the bootstrap.
func (m *Machine) Function(pc uint32) (uint32, bool) {
	own := m.funcs
	for len(own) > 0 && own[0].Host != 0 {
		own = own[1:]
	}
	first := len(m.funcs) - len(own)
	i := sort.Search(len(own), func(i int) bool { return own[i].Entry > pc })
	return uint32(first + i - 1), i > 0
}

// Image returns the image of the program.
func (m *Machine) Image() *wasm.Image { return m.image }

// Files returns the files of the run, as they are now.
func (m *Machine) Files() *wasi.CommittedFiles {
	return wasi.NewCommittedFiles(m, m.input, &m.rec.Host, m.job.Stdin, m.job.Input)
}

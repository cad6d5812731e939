package step

import (
	"errors"
	"fmt"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/machine/wasi"
	"github.com/capacloud/assay/machine/wasm"
)

// ErrState says that a state is that of no run, so that no step is defined.
// Only a claim that nobody has computed leads there.
var ErrState = errors.New("no run has this state")

// machineStep is one step under way.
type machineStep struct {
	r     *Record
	im    *wasm.Image
	job   *assay.Job
	s     machine.Space
	input wasi.Input
	work  uint64 // see counted
}

// Step carries out one step: one instruction, or one part of one that takes
// several, or one part of finishing. Roots in the record are left as they are;
// Commit sets them. An error means that there is no next state: input bytes
// are missing, or no run comes here. Then record and space mean nothing. A
// space that lacks a leaf panics with *machine.MissingError.
func Step(r *Record, im *wasm.Image, job *assay.Job, s machine.Space, in wasi.Input) error {
	_, err := counted(r, im, job, s, in)
	return err
}

// What a step costs a referee beside hashes, in units of a node's hash: one,
// and more if it moves bytes or asks the host.
const (
	hostWork  = 512
	bytesWork = 256 // bytes moved for one unit
)

// counted is Step, and returns what it cost.
func counted(r *Record, im *wasm.Image, job *assay.Job, s machine.Space, in wasi.Input) (uint64, error) {
	m := &machineStep{r: r, im: im, job: job, s: s, input: in, work: 1}
	r.tick()
	var err error
	switch r.Phase {
	case Running:
		err = m.run()
	case Finishing:
		m.work += hostWork
		err = m.finish()
	}
	return m.work, err
}

// run carries out the instruction at pc.
func (m *machineStep) run() error {
	trap, err := m.execute(m.fetch())
	if err != nil {
		return err
	}
	if trap != wasm.TrapNone {
		m.r.Phase, m.r.Status, m.r.Trap = Finishing, assay.Trapped, trap
	}
	return nil
}

func (m *machineStep) fetch() wasm.Instr { return fetch(m.s, m.r.PC) }

func fetch(s machine.Space, pc uint32) wasm.Instr {
	var b [wasm.InstrBytes]byte
	s.Load(machine.Code, uint64(pc)*wasm.InstrBytes, b[:])
	return wasm.DecodeInstr(b[:])
}

// exit ends the program.
func (m *machineStep) exit(code uint32) {
	m.r.Phase, m.r.Status, m.r.Exit = Finishing, assay.Exited, code
}

func (m *machineStep) files() *wasi.CommittedFiles {
	return wasi.NewCommittedFiles(m.s, m.input, &m.r.Host, m.job.Stdin, m.job.Input)
}

// finish takes the output's digest one part further.
func (m *machineStep) finish() error {
	done, root, err := m.files().Finish()
	if err != nil {
		return fmt.Errorf("finish: %w", err)
	}
	if done {
		m.r.Phase, m.r.Output = Halted, root
	}
	return nil
}

// host carries out one part of a call of a host function, with arguments and
// result at slot base of the frame.
func (m *machineStep) host(number, base uint32) (wasm.TrapCode, error) {
	if number >= uint32(wasi.NumFuncs) {
		return 0, fmt.Errorf("host function %d: %w", number, ErrState)
	}
	fn := wasi.Func(number)
	m.work += hostWork
	h := wasi.Resume(configOf(m.job), m.files(), &m.r.Host)
	if pending, ok := m.r.Host.Pending(); !ok {
		if m.r.Fuel < 0 {
			return wasm.TrapOutOfFuel, nil
		}
		args := make([]uint64, len(functions[fn].Params))
		for i := range args {
			args[i] = m.slot(base + uint32(i))
		}
		h.Begin(fn, args)
	} else if pending != fn {
		return 0, fmt.Errorf("call of %s while %s is under way: %w", functions[fn].Name, functions[pending].Name, ErrState)
	}
	p := h.Step(m.memory(), uint64(max(m.r.Fuel, 0)))
	m.r.Fuel -= int64(p.Cost)
	switch p.Stop.Kind {
	case wasi.StopExit:
		m.exit(p.Stop.Code)
	case wasi.StopOutOfFuel:
		return wasm.TrapOutOfFuel, nil
	case wasi.StopOutputLimit:
		return wasm.TrapOutputLimit, nil
	case wasi.StopFailed:
		return 0, fmt.Errorf("%s: %w", functions[fn].Name, p.Stop.Err)
	default:
		if p.Done {
			m.setSlot(base, uint64(p.Errno))
			m.r.PC++
		}
	}
	return wasm.TrapNone, nil
}

var functions = wasi.Functions()

func configOf(job *assay.Job) wasi.Config {
	return wasi.Config{
		Args: job.Args, Env: job.Env, Seed: job.Seed, Index: job.Index, Start: int64(job.Start),
		Output: job.Limits.Output, Files: job.Limits.Files,
	}
}

// memory is the guest's memory as the host sees it.
func (m *machineStep) memory() wasi.Memory {
	if !m.im.HasMemory {
		return wasi.NoMemory{}
	}
	return &guestMemory{m.s, m.memoryBytes()}
}

// memoryBytes is the size of the memory.
func (m *machineStep) memoryBytes() uint64 { return uint64(m.r.Pages) * wasm.PageBytes }

type guestMemory struct {
	s    machine.Space
	size uint64
}

// Read implements wasi.Memory. No call reads more in one piece than it may
// transfer; registers that say otherwise are those of no run.
func (g *guestMemory) Read(offset, n uint32) ([]byte, bool) {
	if uint64(offset)+uint64(n) > g.size {
		return nil, false
	}
	if n > wasi.MaxTransfer {
		panic(&machine.MissingError{Region: machine.Memory, Leaf: uint64(offset) / machine.LeafSize})
	}
	b := make([]byte, n)
	if n > 0 {
		g.s.Load(machine.Memory, uint64(offset), b)
	}
	return b, true
}

// Write implements wasi.Memory.
func (g *guestMemory) Write(offset uint32, b []byte) bool {
	if uint64(offset)+uint64(len(b)) > g.size {
		return false
	}
	if len(b) > 0 {
		g.s.Store(machine.Memory, uint64(offset), b)
	}
	return true
}

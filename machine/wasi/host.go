package wasi

import (
	"errors"
	"fmt"
	"math"
)

// Bounds of one run and of one call.
const (
	// MaxDescriptors bounds the descriptor table.
	MaxDescriptors = 256
	// MaxTransfer bounds the bytes that one read or write moves; a longer one
	// is short. It bounds what a later fraud proof must open.
	MaxTransfer = 64 << 10
	// MaxBuffers bounds the buffers that one read or write uses.
	MaxBuffers = 16
	// MaxVectors bounds the buffers that a guest may name in one call.
	MaxVectors = 1024
	// MaxPathBytes and MaxPathParts bound a path.
	MaxPathBytes = 4096
	MaxPathParts = 128
	// MaxSubscriptions bounds one poll_oneoff.
	MaxSubscriptions = 256
	// MaxFiles and MaxFileBytes bound what committed state has room for. A
	// job's limits lie within them.
	MaxFiles     = 1024
	MaxFileBytes = 1 << 32
)

// Fuel that a call costs beside the guest's own operators, from measurements
// (BenchmarkHostCall and BenchmarkStateRoot in executor/wasm) at the speed of a
// tight loop: a call takes 240 ns, hashing a KiB 1.9 µs, where a unit of fuel
// takes 0.7 ns.
const (
	// CallFuel is the price of every call.
	CallFuel = 500
	// KiBFuel is the price of each KiB, rounded up, that a call moves between
	// guest and host or appends as zeros; it covers the hashing of outputs.
	KiBFuel = 2500
	// StepFuel is the price of each path component, directory entry,
	// subscription and block of random bytes.
	StepFuel = 500
)

// ClockStep is what the clock gains with each reading and each poll, in
// nanoseconds. It is also the resolution that clock_res_get states.
const ClockStep = 1000

// maxClock is where the clock stops.
const maxClock = math.MaxUint64 / 2

// Config is the part of a job that a guest can observe beside its files.
type Config struct {
	Args, Env []string
	Seed      uint64
	Index     uint32
	Start     int64  // realtime at the first reading, in milliseconds since 1970
	Output    uint64 // limit on bytes of stdout, stderr and /out together
	Files     uint32 // limit on files and folders under /out, at most MaxFiles
}

// Host answers a guest's calls. It serves one run.
type Host struct {
	// Registers is all that the host remembers between micro-steps, beside its
	// files.
	Registers *Registers

	cfg    Config
	files  Files
	record [64]byte
	vec    [MaxBuffers]buffer
	bulk   []byte
	table  Descriptor

	// Of the micro-step in progress.
	mem          Memory
	budget, cost uint64
	stop         Stop
	more         bool
}

// StopKind says why a guest does not continue after a call.
type StopKind uint8

// The kinds of Stop.
const (
	Continue        StopKind = iota
	StopExit                 // proc_exit
	StopOutOfFuel            // the call has had no effect
	StopOutputLimit          // the call has had no effect
	StopFailed               // input bytes are missing, or the stored state is none: no result
)

// Stop ends a run.
type Stop struct {
	Kind StopKind
	Code uint32 // of StopExit
	Err  error  // of StopFailed
}

// New returns the host of a run in its first state: descriptors 0 to 2 are the
// streams, 3 is /in and 4 is /out.
func New(cfg Config, files Files) *Host {
	h := Resume(cfg, files, &Registers{})
	h.openRoots()
	return h
}

// Resume returns the host of a run that is under way. The registers are shared
// with the caller, and with files if those are committed.
func Resume(cfg Config, files Files, r *Registers) *Host {
	return &Host{Registers: r, cfg: cfg, files: files}
}

func (h *Host) openRoots() {
	for fd, d := range [...]Descriptor{
		{Node: h.files.Root(Stdin), Rights: stdinRights},
		{Node: h.files.Root(Stdout), Rights: streamRights},
		{Node: h.files.Root(Stderr), Rights: streamRights},
		{Node: h.files.Root(InFolder), Preopen: true, Rights: folderRights, Inherited: folderRights | fileRights},
		{Node: h.files.Root(OutFolder), Preopen: true, Rights: folderRights, Inherited: folderRights | fileRights},
	} {
		h.occupy(uint32(fd), &d)
	}
}

// preopens are the names of descriptors 3 and 4.
var preopens = [...]string{3: "/in", 4: "/out"}

// Progress is what a micro-step comes to. Errno counts once the call is done,
// and not after any stop but StopExit. Cost is the fuel of this micro-step
// alone; a call charges before its first effect, though not always all of it
// at once.
type Progress struct {
	Done  bool
	Errno Errno
	Cost  uint64
	Stop  Stop
}

// Call carries out one call: Begin, and Step until it is done. Fuel is what is
// left: a call that costs more has no effect and stops with StopOutOfFuel.
func (h *Host) Call(fn Func, mem Memory, args []uint64, fuel uint64) (errno Errno, cost uint64, stop Stop) {
	h.Begin(fn, args)
	for {
		p := h.Step(mem, fuel-cost)
		if cost += p.Cost; p.Done {
			return p.Errno, cost, p.Stop
		}
	}
}

// Begin makes a call the pending one. Args are the raw wasm parameters; upper
// halves of i32 ones are ignored.
func (h *Host) Begin(fn Func, args []uint64) {
	info := &functions[fn]
	if len(args) != len(info.Params) {
		panic(fmt.Sprintf("wasi: %s called with %d arguments", info.Name, len(args)))
	}
	h.Registers.Call = Call{Func: uint8(fn) + 1}
	for i, v := range args {
		if info.Params[i] == 'i' {
			v = uint64(uint32(v))
		}
		h.Registers.Call.Args[i] = v
	}
}

// ErrNoCall is the error of a micro-step where no call is pending.
var ErrNoCall = errors.New("no host call is pending")

// Step carries out one micro-step of the pending call. It touches a bounded
// number of leaves, whatever the arguments. When the call is done or the run
// stops, no call is pending any more.
func (h *Host) Step(mem Memory, fuel uint64) Progress {
	c := &h.Registers.Call
	fn, pending := h.Registers.Pending()
	if !pending {
		return Progress{Done: true, Stop: Stop{Kind: StopFailed, Err: ErrNoCall}}
	}
	h.mem, h.budget, h.cost, h.stop, h.more = mem, fuel, 0, Stop{}, false
	var errno Errno
	if c.Phase != phaseStart || h.spend(CallFuel) {
		errno = h.dispatch(fn, &c.Args)
	}
	h.mem = nil
	if err := h.files.Err(); err != nil {
		h.fail(err)
	}
	done := !h.more || h.stop.Kind != Continue
	if done {
		*c = Call{}
	}
	return Progress{Done: done, Errno: errno, Cost: h.cost, Stop: h.stop}
}

// later ends a micro-step of a call that is to go on, in the given phase.
func (h *Host) later(phase uint8) Errno {
	h.Registers.Call.Phase = phase
	h.more = true
	return Success
}

// The phases of a call. A call of one micro-step knows only the first.
const (
	phaseStart uint8 = iota // checks, and charges
	phaseWork
	phaseMore
	// Of path_rename, behind the two above for its first path.
	phaseTo
	phaseToWalk
	phaseClimb
	phaseReplace
	phaseDetach
	phaseAttach
	lastPhase = phaseAttach
)

// stepBytes is what one micro-step moves at most between memory, files and
// the job. With it the leaves of a micro-step stay below 64.
const stepBytes = 8 << 10

// arguments are masked parameters.
type arguments [9]uint64

func (a *arguments) u32(i int) uint32 { return uint32(a[i]) }

// spend charges n and reports whether it was there. Functions spend before
// they have an effect.
func (h *Host) spend(n uint64) bool {
	if h.stop.Kind != Continue {
		return false
	}
	if n > h.budget-h.cost {
		h.stop = Stop{Kind: StopOutOfFuel}
		return false
	}
	h.cost += n
	return true
}

// spendBytes charges for moving n bytes.
func (h *Host) spendBytes(n uint64) bool {
	kib := n >> 10
	if n&1023 != 0 {
		kib++
	}
	if kib > math.MaxUint64/KiBFuel {
		kib = math.MaxUint64 / KiBFuel
	}
	return h.spend(kib * KiBFuel)
}

// fail ends the run without a result.
func (h *Host) fail(err error) Errno {
	h.stop = Stop{Kind: StopFailed, Err: err}
	return IO
}

func (h *Host) dispatch(fn Func, a *arguments) Errno {
	switch fn {
	case ArgsGet:
		return h.stringsGet(h.cfg.Args, a.u32(0), a.u32(1))
	case ArgsSizesGet:
		return h.stringsSizes(h.cfg.Args, a.u32(0), a.u32(1))
	case EnvironGet:
		return h.stringsGet(h.cfg.Env, a.u32(0), a.u32(1))
	case EnvironSizesGet:
		return h.stringsSizes(h.cfg.Env, a.u32(0), a.u32(1))
	case ClockResGet:
		return h.clockRes(a.u32(0), a.u32(1))
	case ClockTimeGet:
		return h.clockTime(a.u32(0), a.u32(2))
	case RandomGet:
		return h.random(a.u32(0), a.u32(1))
	case PollOneoff:
		return h.poll(a.u32(0), a.u32(1), a.u32(2), a.u32(3))
	case ProcExit:
		h.stop = Stop{Kind: StopExit, Code: a.u32(0)}
		return Success
	case SchedYield:
		return Success
	case ProcRaise:
		return Nosys
	case SockAccept, SockRecv, SockSend, SockShutdown:
		return Notsock
	case PathLink, PathSymlink:
		return Notsup
	case PathReadlink:
		return Inval
	case PathCreateDirectory, PathFilestatGet, PathFilestatSetTimes, PathOpen, PathRemoveDirectory, PathRename, PathUnlinkFile:
		return h.dispatchPath(fn, a)
	}
	return h.dispatchFd(fn, a)
}

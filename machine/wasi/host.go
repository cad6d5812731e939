package wasi

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/capacloud/assay/canon"
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
	Files     uint32 // limit on files and folders under /out
}

// State is what a host remembers between calls, beside its files.
type State struct {
	_           struct{}     `cbor:",toarray"`
	Descriptors []Descriptor // by number; closed ones stay until the last is closed
	Clock       uint64       // nanoseconds since the start
	Random      uint64       // blocks drawn so far
}

// Descriptor is one entry of the descriptor table.
type Descriptor struct {
	_         struct{} `cbor:",toarray"`
	Open      bool
	Preopen   bool
	Node      Node
	Offset    uint64
	Flags     uint16
	Rights    uint64
	Inherited uint64
	Cookie    uint64 // of the last entry listed, with its name
	Name      string
}

// Host answers a guest's calls. It serves one run.
type Host struct {
	State State

	cfg    Config
	files  Files
	record [64]byte
	vec    [MaxBuffers]buffer
	bulk   []byte

	// Of the call in progress.
	mem          Memory
	budget, cost uint64
	stop         Stop
}

// StopKind says why a guest does not continue after a call.
type StopKind uint8

// The kinds of Stop.
const (
	Continue        StopKind = iota
	StopExit                 // proc_exit
	StopOutOfFuel            // the call has had no effect
	StopOutputLimit          // the call has had no effect
	StopFailed               // input bytes are missing: no result
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
	h := &Host{cfg: cfg, files: files}
	add := func(r Root, preopen bool, rights, inherited uint64) {
		h.State.Descriptors = append(h.State.Descriptors, Descriptor{
			Open: true, Preopen: preopen, Node: files.Root(r), Rights: rights, Inherited: inherited,
		})
	}
	add(Stdin, false, stdinRights, 0)
	add(Stdout, false, streamRights, 0)
	add(Stderr, false, streamRights, 0)
	add(InFolder, true, folderRights, folderRights|fileRights)
	add(OutFolder, true, folderRights, folderRights|fileRights)
	return h
}

// preopens are the names of descriptors 3 and 4.
var preopens = [...]string{3: "/in", 4: "/out"}

// Call carries out one call. Args are the raw wasm parameters; upper halves of
// i32 ones are ignored. Fuel is what is left: a call that costs more has no
// effect and stops with StopOutOfFuel. After any other stop but StopExit the
// errno means nothing.
func (h *Host) Call(fn Func, mem Memory, args []uint64, fuel uint64) (errno Errno, cost uint64, stop Stop) {
	info := &functions[fn]
	if len(args) != len(info.Params) {
		panic(fmt.Sprintf("wasi: %s called with %d arguments", info.Name, len(args)))
	}
	var a arguments
	for i, v := range args {
		if info.Params[i] == 'i' {
			v = uint64(uint32(v))
		}
		a[i] = v
	}
	h.mem, h.budget, h.cost, h.stop = mem, fuel, 0, Stop{}
	if h.spend(CallFuel) {
		errno = h.dispatch(fn, &a)
	}
	h.mem = nil
	return errno, h.cost, h.stop
}

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

func (h *Host) stringsSizes(list []string, countAt, bytesAt uint32) Errno {
	total := uint32(0)
	for _, s := range list {
		total += uint32(len(s)) + 1
	}
	if !h.inside(countAt, 4) || !h.inside(bytesAt, 4) {
		return Fault
	}
	h.putU32(countAt, uint32(len(list)))
	return h.putU32(bytesAt, total)
}

// stringsGet writes the strings one behind the other, each with a zero byte,
// and an array of pointers to them.
func (h *Host) stringsGet(list []string, pointersAt, bytesAt uint32) Errno {
	var pointers, bytes []byte
	for _, s := range list {
		pointers = binary.LittleEndian.AppendUint32(pointers, bytesAt+uint32(len(bytes)))
		bytes = append(append(bytes, s...), 0)
	}
	if !h.inside(pointersAt, uint32(len(pointers))) || !h.inside(bytesAt, uint32(len(bytes))) {
		return Fault
	}
	if !h.spendBytes(uint64(len(pointers) + len(bytes))) {
		return Success
	}
	h.put(pointersAt, pointers)
	return h.put(bytesAt, bytes)
}

func (h *Host) clockRes(id, at uint32) Errno {
	if id > lastClock {
		return Inval
	}
	return h.putU64(at, ClockStep)
}

func (h *Host) clockTime(id, at uint32) Errno {
	if id > lastClock {
		return Inval
	}
	if errno := h.putU64(at, h.reading(id)); errno != Success {
		return errno
	}
	h.advance(ClockStep)
	return Success
}

// reading returns what a clock shows. All but realtime start one step above
// zero, since guests take a zero for a broken clock.
func (h *Host) reading(id uint32) uint64 { return h.State.Clock + h.origin(id) }

func (h *Host) origin(id uint32) uint64 {
	if id == clockRealtime {
		return uint64(h.cfg.Start) * 1_000_000
	}
	return ClockStep
}

func (h *Host) advance(ns uint64) {
	h.State.Clock = min(h.State.Clock+min(ns, maxClock), maxClock)
}

// random writes n bytes of the job's stream. Block i is H("assay/random/1",
// seed and index and i as little-endian integers); each call begins a new
// block and drops what it does not need of its last, so the state is a counter.
func (h *Host) random(at, n uint32) Errno {
	if !h.inside(at, n) {
		return Fault
	}
	if !h.spendBytes(uint64(n)) || !h.spend(StepFuel*((uint64(n)+31)/32)) {
		return Success
	}
	var in [20]byte
	binary.LittleEndian.PutUint64(in[:], h.cfg.Seed)
	binary.LittleEndian.PutUint32(in[8:], h.cfg.Index)
	for n > 0 {
		binary.LittleEndian.PutUint64(in[12:], h.State.Random)
		block := canon.Hash("assay/random/1", in[:])
		k := min(n, uint32(len(block)))
		h.put(at, block[:k])
		at, n = at+k, n-k
		h.State.Random++
	}
	return Success
}

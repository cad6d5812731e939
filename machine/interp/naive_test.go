package interp

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/machine/wasi"
	"github.com/capacloud/assay/machine/wasm"
)

// naive runs a module as docs/WASM.md and the WebAssembly specification say it:
// straight from the bytes of the bodies, with a stack of values and a stack of
// labels. It knows nothing of the bytecode. References are indices plus one.
type naive struct {
	m     *wasm.Module
	job   *assay.Job
	host  *wasi.Host
	slots []uint64 // what a frame of each function counts

	imports  int
	mem      []byte
	globals  []uint64
	tables   [][]uint64
	data     [][]byte
	elems    [][]uint64
	fuel     int64
	frames   int64
	room     int64
	stack    []uint64
	bodies   []*naiveBody
	executed [512]bool
	called   [64]bool
}

// naiveEnd is what ends a program early.
type naiveEnd struct {
	trap wasm.TrapCode
	exit uint32
}

func newNaive(program []byte, p *wasm.Program, job *assay.Job, s *shelf) *naive {
	m, err := wasm.Decode(program, wasm.DefaultLimits())
	if err != nil {
		panic(err)
	}
	if err := wasm.Validate(m); err != nil {
		panic(err)
	}
	files, err := wasi.NewMemFiles(s, job.Stdin, job.Input)
	if err != nil {
		panic(err)
	}
	n := &naive{m: m, job: job, imports: len(m.Imports)}
	n.host = wasi.New(wasi.Config{
		Args: job.Args, Env: job.Env, Seed: job.Seed, Index: job.Index, Start: int64(job.Start),
		Output: job.Limits.Output, Files: job.Limits.Files,
	}, files)
	n.fuel = int64(job.Limits.Fuel) - int64(p.Image.Setup())
	n.frames, n.room = int64(job.Limits.Frames), int64(job.Limits.Slots)
	for _, f := range p.Funcs {
		n.slots = append(n.slots, uint64(f.Slots))
	}
	n.mem = make([]byte, m.Memories[0].Min*wasm.PageBytes)
	for _, g := range m.Globals {
		v := g.Init.Bits
		if g.Init.Op == gRefFunc {
			v++
		}
		n.globals = append(n.globals, v)
	}
	for _, t := range m.Tables {
		n.tables = append(n.tables, make([]uint64, t.Min))
	}
	for _, e := range m.Elems {
		var list []uint64
		for _, x := range e.Init {
			if x.Op == gRefFunc {
				list = append(list, uint64(x.Index)+1)
			} else {
				list = append(list, 0)
			}
		}
		if e.Mode == wasm.Active {
			copy(n.tables[e.Table][e.At.Bits:], list)
		}
		if e.Mode != wasm.Passive {
			list = nil
		}
		n.elems = append(n.elems, list)
	}
	for _, d := range m.Datas {
		if d.Mode == wasm.Active {
			copy(n.mem[d.At.Bits:], d.Init)
			d.Init = nil
		}
		n.data = append(n.data, d.Init)
	}
	n.bodies = make([]*naiveBody, len(m.Codes))
	return n
}

// run runs start and entry, and says how they ended.
func (n *naive) run() (end naiveEnd, exited bool) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(naiveEnd)
			if !ok {
				panic(r)
			}
			end, exited = e, e.trap == wasm.TrapNone
		}
	}()
	if n.m.Start >= 0 {
		n.call(uint32(n.m.Start))
	}
	for _, e := range n.m.Exports {
		if e.Name == wasm.EntryExport {
			n.call(e.Index)
		}
	}
	return naiveEnd{}, true
}

func (n *naive) trap(t wasm.TrapCode) { panic(naiveEnd{trap: t}) }

func (n *naive) compareFuel() {
	if n.fuel < 0 {
		n.trap(wasm.TrapOutOfFuel)
	}
}

func (n *naive) push(v uint64) { n.stack = append(n.stack, v) }

func (n *naive) pop() uint64 {
	v := n.stack[len(n.stack)-1]
	n.stack = n.stack[:len(n.stack)-1]
	return v
}

func (n *naive) pop32() uint32 { return uint32(n.pop()) }

func (n *naive) call(f uint32) {
	t := n.m.FuncType(f)
	if int(f) < n.imports {
		n.hostCall(f, t)
		return
	}
	if n.frames < 1 || n.room < int64(n.slots[f]) {
		n.trap(wasm.TrapStackExhausted)
	}
	n.frames--
	n.room -= int64(n.slots[f])
	i := int(f) - n.imports
	if n.bodies[i] == nil {
		n.bodies[i] = n.decode(i)
	}
	body := n.bodies[i]
	n.fuel -= body.entry
	n.compareFuel()
	at := len(n.stack) - len(t.Params)
	locals := slices.Clone(n.stack[at:])
	n.stack = n.stack[:at]
	for _, run := range n.m.Codes[i].Locals {
		locals = append(locals, make([]uint64, run.Count)...)
	}
	n.execute(body, locals, len(t.Results), at)
	if body.calls {
		n.compareFuel()
	}
	n.frames++
	n.room += int64(n.slots[f])
}

func (n *naive) hostCall(f uint32, t wasm.FuncType) {
	n.compareFuel()
	number := slices.Index(wasm.WASINames(), n.m.Imports[f].Name)
	n.called[number] = true
	at := len(n.stack) - len(t.Params)
	errno, cost, stop := n.host.Call(wasi.Func(number), n, n.stack[at:], uint64(n.fuel))
	n.stack = n.stack[:at]
	switch stop.Kind {
	case wasi.StopOutOfFuel:
		n.trap(wasm.TrapOutOfFuel)
	case wasi.StopOutputLimit:
		n.fuel -= int64(cost)
		n.trap(wasm.TrapOutputLimit)
	case wasi.StopExit:
		n.fuel -= int64(cost)
		panic(naiveEnd{exit: stop.Code})
	case wasi.StopFailed:
		panic(stop.Err)
	}
	n.fuel -= int64(cost)
	if len(t.Results) > 0 {
		n.push(uint64(errno))
	}
}

// Read implements wasi.Memory.
func (n *naive) Read(offset, size uint32) ([]byte, bool) {
	if uint64(offset)+uint64(size) > uint64(len(n.mem)) {
		return nil, false
	}
	return n.mem[offset : offset+size], true
}

// Write implements wasi.Memory.
func (n *naive) Write(offset uint32, b []byte) bool {
	if uint64(offset)+uint64(len(b)) > uint64(len(n.mem)) {
		return false
	}
	copy(n.mem[offset:], b)
	return true
}

// naiveLabel is an open construct.
type naiveLabel struct {
	loop   bool
	at     int // first instruction inside
	end    int
	height int
	arity  int
}

func (n *naive) execute(body *naiveBody, locals []uint64, results, base int) {
	labels := []naiveLabel{{end: len(body.code) - 1, height: base, arity: results}}
	for pc := 0; pc < len(body.code); pc++ {
		in := &body.code[pc]
		n.executed[in.op] = true
		taken := -1 // label that is branched to
		switch in.op {
		case gBlock:
			labels = append(labels, naiveLabel{end: in.end, height: len(n.stack) - in.params, arity: in.results})
			continue
		case gLoop:
			labels = append(labels, naiveLabel{loop: true, at: pc, end: in.end, height: len(n.stack) - in.params, arity: in.params})
		case gIf:
			c := n.pop32()
			labels = append(labels, naiveLabel{end: in.end, height: len(n.stack) - in.params, arity: in.results})
			switch {
			case c != 0:
			case in.els >= 0:
				pc = in.els
				n.fuel -= body.code[pc].charge
				continue
			default:
				pc = in.end - 1
				continue
			}
		case gElse: // the first arm has ended
			pc = in.end - 1
			continue
		case gEnd:
			labels = labels[:len(labels)-1]
		case gBr:
			taken = int(in.a)
		case gBrIf:
			if n.pop32() != 0 {
				taken = int(in.a)
			}
		case gBrTable:
			taken = int(in.targets[min(int(n.pop32()), len(in.targets)-1)])
		case gReturn:
			taken = len(labels) - 1
		case gIndirect:
			n.indirect(in)
		case gCall:
			n.call(in.a)
		case gLocalGet:
			n.push(locals[in.a])
		case gLocalSet:
			locals[in.a] = n.pop()
		case gLocalTee:
			locals[in.a] = n.stack[len(n.stack)-1]
		default:
			n.plain(in)
		}
		if taken >= 0 {
			l := labels[len(labels)-1-taken]
			labels = labels[:len(labels)-taken]
			n.stack = append(n.stack[:l.height], n.stack[len(n.stack)-l.arity:]...)
			if l.loop {
				pc = l.at
			} else {
				labels = labels[:len(labels)-1]
				pc = l.end
			}
			in = &body.code[pc]
		}
		if in.charges {
			n.fuel -= in.charge
			if in.op == gLoop && in.charge > 0 {
				n.compareFuel()
			}
		}
	}
}

func (n *naive) indirect(in *naiveInstr) {
	i := n.pop32()
	if uint64(i) >= uint64(len(n.tables[in.b])) || n.tables[in.b][i] == 0 {
		n.trap(wasm.TrapTableAccess)
	}
	f := uint32(n.tables[in.b][i] - 1)
	want, got := n.m.Types[in.a], n.m.FuncType(f)
	if !slices.Equal(want.Params, got.Params) || !slices.Equal(want.Results, got.Results) {
		n.trap(wasm.TrapIndirectCallType)
	}
	n.call(f)
}

// TestNaive compares the machine with the naive stepper, and asserts that the
// generated programs together execute every instruction and call every host
// function.
func TestNaive(t *testing.T) {
	seeds := uint64(1500)
	if testing.Short() {
		seeds = 100
	}
	var executed [512]bool
	var called [64]bool
	for seed := range seeds {
		program := generate(entropy(10_000 + seed))
		job, s := jobOf(program)
		p := wasm.Lower(program)
		m := New(p, job, wasi.NewReaderInput(s))
		if err := m.Run(math.MaxUint64); err != nil {
			t.Fatal(err)
		}
		got, _ := m.Result()
		n := newNaive(program, p, job, s)
		end, exited := n.run()
		fuel := wasm.FuelUsed(job.Limits.Fuel, n.fuel, end.trap)
		if exited != (got.Status == assay.Exited) || got.Trap != assay.Code(end.trap.String()) || got.ExitCode != end.exit || got.Fuel != fuel {
			t.Fatalf("seed %d: machine %+v, naive %v %d, fuel %d", seed, got, end.trap, end.exit, fuel)
		}
		if what := n.differs(m); what != "" {
			t.Fatalf("seed %d: %s differ", seed, what)
		}
		for i := range executed {
			executed[i] = executed[i] || n.executed[i]
		}
		for i := range called {
			called[i] = called[i] || n.called[i]
		}
	}
	if testing.Short() {
		return
	}
	for op := range 256 + 18 {
		known := op <= gReturn && (op < 6 || op > 10) || op == gCall || op == gIndirect || op >= gDrop && op <= gSelectT ||
			op >= gLocalGet && op <= gTableSet || op >= 0x28 && op <= 0xc4 || op >= gRefNull && op <= gRefFunc || op >= 256
		if known && !executed[op] {
			t.Errorf("no program executed opcode %#x", op)
		}
	}
	for i, name := range wasm.WASINames() {
		if !called[i] {
			t.Errorf("no program called %s", name)
		}
	}
}

// differs names what is not as in the machine.
func (n *naive) differs(m *Machine) string {
	if !bytes.Equal(n.mem, m.mem.bytes) {
		return "memories"
	}
	for i, v := range n.globals {
		if t := n.m.Globals[i].Type; t == wasm.FuncRef || t == wasm.ExternRef {
			v = uint64(uint32(v - 1))
		}
		if v != m.globals.values[i] {
			return fmt.Sprintf("globals %d", i)
		}
	}
	for i, t := range n.tables {
		if uint32(len(t)) != m.rec.Tables[i] {
			return fmt.Sprintf("sizes of table %d", i)
		}
		for k, v := range t {
			if uint32(v-1) != m.tables[i].elems[k] {
				return fmt.Sprintf("tables %d", i)
			}
		}
	}
	return ""
}

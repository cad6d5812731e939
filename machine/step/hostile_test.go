package step_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/machine/step"
	"github.com/capacloud/assay/machine/wasi"
	"github.com/capacloud/assay/machine/wasm"
)

// denseSource shows the bytes of a region in a tree in which no subtree is
// zeros: the largest proof that an access can have. Its hashes are none, which
// is nothing to one who only measures.
type denseSource struct{ regionSource }

func (s denseSource) Node(height int, i uint64) canon.Digest {
	var d canon.Digest
	binary.LittleEndian.PutUint64(d[:], i+1)
	d[31] = byte(height)
	return d
}

// tryDense returns the size of the witness of the next step in the worst of
// surroundings.
func (m *run) tryDense() (int, error) {
	var list [machine.NumRegions]machine.Source
	for r := range list {
		list[r] = denseSource{regionSource{m.s, machine.Region(r)}}
	}
	w, err := step.Prove(&m.program.Image, m.job, &m.r, &list, m.in, 1)
	return len(w), err
}

func (m *run) denseSize(t testing.TB) int {
	t.Helper()
	n, err := m.tryDense()
	if err != nil {
		t.Fatalf("step %d, %s: %v", m.steps, step.Explain(&m.r, m.s, &m.program.Image), err)
	}
	return n
}

// label names what the next step does.
func (m *run) label() string {
	if m.r.Phase != step.Running {
		return m.r.Phase.String()
	}
	if fn, ok := m.r.Host.Pending(); ok {
		return "call of " + wasi.Functions()[fn].Name
	}
	in := m.program.Code[m.r.PC]
	if in.Op == wasm.OpCallHost {
		return "call of " + wasi.Functions()[in.A].Name
	}
	return in.Op.String()
}

// measure runs to the end and notes the largest witness for each kind of step.
// Of more than so many in a row of one kind it looks at some.
func (m *run) measure(t testing.TB, largest map[string]int, most uint64) assay.Result {
	last, repeated := "", 0
	for !m.r.Halted() && m.steps < most {
		label := m.label()
		if repeated++; label != last {
			last, repeated = label, 0
		}
		if repeated < 40 || repeated%257 == 0 {
			largest[label] = max(largest[label], m.denseSize(t))
		}
		m.step(t)
	}
	return m.end(t, most)
}

func report(t *testing.T, largest map[string]int) {
	t.Helper()
	var names []string
	for name, n := range largest {
		names = append(names, name)
		if n > step.MaxWitness/4 {
			t.Errorf("%s: %d bytes, more than 64 KiB", name, n)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return largest[b] - largest[a] })
	for _, name := range names[:min(8, len(names))] {
		t.Logf("%6d %s", largest[name], name)
	}
}

// TestEveryOperationFits takes each operation with random fields in random
// frames: the witness of one step is always far below the limit.
func TestEveryOperationFits(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	largest := map[string]int{}
	m := at(t, 800)
	tries := 30
	if testing.Short() {
		tries = 5
	}
	for op := range wasm.Op(wasm.NumOps) {
		for range tries {
			m.r.Phase, m.r.PC, m.r.FP, m.r.Progress = step.Running, 77, uint32(r.IntN(1<<20)), 0
			m.r.Fuel, m.r.Host.Call = 1<<40, wasi.Call{}
			m.r.Pages, m.r.Tables[0] = 65535, 1<<20
			a, b, c := uint16(r.Uint32()), uint16(r.Uint32()), uint16(r.Uint32())
			in := wasm.Instr{Op: op, A: a, B: b, C: c, Imm: uint64(r.Uint32N(1<<31)) | uint64(r.Uint32N(1<<31))<<32}
			switch op {
			case wasm.OpMoves, wasm.OpReturn, wasm.OpSelect, wasm.OpF64MulAdd, wasm.OpClear:
				in.Imm &= 0xffff<<32 | 0xffff // slots of the frame
				if op != wasm.OpF64MulAdd {
					in.A = uint16(r.IntN(1001)) // more results there are not
				}
			case wasm.OpJumpTable:
				in.Imm &= 0xfffff<<32 | 0xfffff
			case wasm.OpCall:
				in.Imm = uint64(imported+r.IntN(6)) | uint64(r.IntN(1000))<<32
			case wasm.OpCallIndirect, wasm.OpTableCopy, wasm.OpTableInit:
				in.B, in.Imm = 0, uint64(r.Uint32N(2))<<32
			case wasm.OpTableGet, wasm.OpTableSet, wasm.OpTableGrow, wasm.OpTableFill, wasm.OpTableSize:
				in.Imm = 0
			case wasm.OpGlobalGet, wasm.OpGlobalSet, wasm.OpGlobalGetRef, wasm.OpGlobalSetRef, wasm.OpElemDrop, wasm.OpDataDrop, wasm.OpMemoryInit:
				in.Imm %= 2
			case wasm.OpCallHost:
				in.A, in.Imm = uint16(r.IntN(wasi.NumFuncs)), uint64(r.IntN(1000))<<32
			}
			m.s.Store(machine.Code, 77*wasm.InstrBytes, in.AppendBinary(nil))
			for _, x := range []uint32{uint32(a), uint32(b), uint32(c), in.Lo(), in.Hi()} {
				if x < 1<<18 {
					value := r.Uint64N(1 << r.IntN(64))
					m.s.Store(machine.Slots, 8*(uint64(m.r.FP)+uint64(x)), binary.LittleEndian.AppendUint64(nil, value))
				}
			}
			before := m.r
			if n, err := m.tryDense(); err == nil { // what no state can be has no witness
				largest[op.String()] = max(largest[op.String()], n)
			}
			m.r = before
		}
	}
	report(t, largest)
	if len(largest) < wasm.NumOps {
		t.Errorf("only %d of %d operations were proved", len(largest), wasm.NumOps)
	}
}

// TestHostileModules runs what a hostile program may do, and proves its steps.
func TestHostileModules(t *testing.T) {
	all := map[string]int{}
	generous := func(j *assay.Job) {
		j.Limits = assay.Limits{Fuel: 1 << 40, Memory: 1100 * assay.WasmPage, Frames: assay.MaxFrames, Slots: assay.MaxSlots, Output: 1 << 30, Files: 1000}
	}
	trap := func(name string, module []byte, most uint64, want assay.Code) {
		t.Helper()
		m := newRun(t, newShelf(), module, generous)
		if m.program.Image.Invalid != "" {
			t.Fatalf("%s: %s", name, m.program.Image.Invalid)
		}
		if res := m.measure(t, all, most); res.Trap != want {
			t.Errorf("%s: %+v after %d steps", name, res, m.steps)
		}
	}

	b := newBuilder()
	b.memory(1040, 1040)
	trap("64 MiB bulk fill and copies", b.entry(b.fn(nil, nil, nil,
		i32(13), i32(7), i32(64<<20), bulk(11, 0),
		i32(100_001), i32(77), i32(3<<20), bulk(10, 0, 0),
		i32(78), i32(100_003), i32(3<<20), bulk(10, 0, 0))), 60_000, "")

	b = newBuilder()
	f := b.fn(nil, nil, slices.Repeat(types("l"), 49_999))
	trap("most locals", b.entry(b.fn(nil, nil, nil, call(f))), 1000, "")

	b = newBuilder()
	many := slices.Repeat(types("l"), 1000)
	args := bytes.Repeat(i64(-1), 1000)
	f = b.fn(many, many, types("i"), i32(3), args, get(1000), op(opBrIf, 0, opReturn))
	trap("thousand parameters and results", b.entry(b.fn(nil, nil, nil, args, call(f), bytes.Repeat(op(opDrop), 1000))), 10_000, "")

	b = newBuilder()
	f = b.fn(nil, nil, types("l"), call(0))
	trap("deepest recursion", b.entry(f), 400_000, "stack-exhausted")

	b = newBuilder()
	table := code(op(opBlock, emptyBlock), i32(65_000), op(opBrTable), uleb(65_519), make([]byte, 65_519), op(0, opEnd))
	trap("giant br_table", b.entry(b.fn(nil, nil, nil, table)), 1000, "")

	b = newBuilder()
	b.memory(1000, 1000)
	touch := code(op(opLoop, emptyBlock), get(0), get(0), op(opI32Store, 0), uleb(0),
		get(0), i32(1023), op(opI32Add), set(0), get(0), i32(60<<20), op(0x49, opBrIf, 0, opEnd))
	trap("a fresh leaf with every store", b.entry(b.fn(nil, nil, types("i"), touch)), 400_000, "")
	report(t, all)
}

// script assembles host calls with strings of their own in memory.
type script struct {
	b    *builder
	body []byte
	data []byte
}

const scriptData = 1 << 20 // strings begin here; what is below is buffers

func (s *script) text(v string) (at, n int32) {
	at = scriptData + int32(len(s.data))
	s.data = append(s.data, v...)
	return at, int32(len(v))
}

func (s *script) call(name string, args ...any) {
	for _, a := range args {
		switch a := a.(type) {
		case int:
			s.body = append(s.body, i32(int32(a))...)
		case int32:
			s.body = append(s.body, i32(a)...)
		case int64:
			s.body = append(s.body, i64(a)...)
		case string:
			at, n := s.text(a)
			s.body = append(s.body, code(i32(at), i32(n))...)
		}
	}
	s.body = append(s.body, code(call(uint32(slices.Index(wasm.WASINames(), name))), op(opDrop))...)
}

// TestHostileHostCalls makes every host call in its worst form, over a thousand
// files and the longest paths, and proves each step.
func TestHostileHostCalls(t *testing.T) {
	s := &script{b: newBuilder(wasm.WASINames()...)}
	files := 995
	if testing.Short() {
		files = 100
	}
	s.b.memory(60, 60)
	// Sixteen unaligned buffers of 4,097 bytes, far apart.
	var vecs []byte
	for i := range 16 {
		vecs = binary.LittleEndian.AppendUint32(vecs, uint32(70_001+50_000*i))
		vecs = binary.LittleEndian.AppendUint32(vecs, 4097)
	}
	for range 1008 {
		vecs = append(vecs, make([]byte, 8)...) // empty ones count too
	}
	vecs = append(vecs[128:], vecs[:128]...)
	s.b.data(1001, vecs)
	var subs []byte
	for i := range 256 {
		sub := make([]byte, 48)
		sub[8] = byte(i % 3)
		sub[16] = 1
		subs = append(subs, sub...)
	}
	s.b.data(20_003, subs)

	deep := strings.TrimSuffix(strings.Repeat("d/", 100), "/")
	for i := range 100 {
		s.call("path_create_directory", 4, deep[:2*i+1])
	}
	name := func(i int) string { return fmt.Sprintf("%s%04d", strings.Repeat("n", 250), i*7919%files) }
	for i := range files - 100 + 5 {
		s.call("path_open", 4, 0, name(i), 1, int64(-1), int64(-1), 0, 64)
		if i > 200 {
			s.call("fd_close", 5+i%200)
		}
	}
	long := strings.Repeat("./", 1900) + deep
	s.call("path_filestat_get", 4, 0, long, 200)
	s.call("path_filestat_set_times", 4, 0, long, int64(0), int64(0), 0)
	s.call("path_rename", 4, name(1), 4, long+"/"+strings.Repeat("m", 255)[:80])
	s.call("path_rename", 4, "d", 4, deep+"/x") // into itself: the climb is the longest
	s.call("path_unlink_file", 4, name(2))
	s.call("path_remove_directory", 4, deep)
	s.call("path_open", 3, 0, strings.Repeat("i", 250)+"0777", 0, int64(-1), int64(-1), 0, 64)
	s.call("path_open", 3, 0, "large", 0, int64(-1), int64(-1), 0, 64)
	for fd := range 12 {
		s.call("fd_read", fd, 1001, 1024, 64)
		s.call("fd_write", fd, 1001, 1024, 64)
		s.call("fd_pread", fd, 1001, 1024, int64(777), 64)
		s.call("fd_pwrite", fd, 1001, 1024, int64(777), 64)
		s.call("fd_readdir", fd, 70_001, 900_000, int64(0), 64)
		s.call("fd_readdir", fd, 70_001, 900_000, int64(50), 64)
		s.call("fd_filestat_set_size", fd, int64(50_000_000))
		s.call("fd_allocate", fd, int64(60_000_000), int64(1_000_001))
		s.call("fd_filestat_set_size", fd, int64(1001))
		for _, n := range []string{"fd_tell", "fd_fdstat_get", "fd_filestat_get", "fd_prestat_get"} {
			s.call(n, fd, 200)
		}
		s.call("fd_seek", fd, int64(5), 0, 200)
	}
	s.call("fd_renumber", 9, 10)
	s.call("random_get", 70_001, 900_001)
	s.call("args_get", 70_001, 170_003)
	s.call("args_sizes_get", 64, 80)
	s.call("environ_get", 70_001, 170_003)
	s.call("poll_oneoff", 20_003, 70_001, 256, 64)
	s.b.data(scriptData, s.data)
	module := s.b.entry(s.b.fn(nil, nil, nil, s.body))

	sh := newShelf()
	input := map[string]any{"large": bytes.Repeat([]byte("0123456789abcdef"), 20_000)}
	for i := range 3 * files {
		input[fmt.Sprintf("%s%04d", strings.Repeat("i", 250), i)] = []byte{byte(i)}
	}
	m := newRun(t, sh, module, func(j *assay.Job) {
		j.Limits = assay.Limits{Fuel: 1 << 40, Memory: 60 * assay.WasmPage, Frames: 10, Slots: assay.MaxSlots, Output: 1 << 31, Files: 1000}
		j.Args = slices.Repeat([]string{strings.Repeat("a", 62)}, 1000)
		j.Env = []string{"LONG=" + strings.Repeat("e", 60_000)}
		j.Input = sh.folder(input)
	})
	if m.program.Image.Invalid != "" {
		t.Fatal(m.program.Image.Invalid)
	}
	largest := map[string]int{}
	if res := m.measure(t, largest, 2_000_000); res.Status != assay.Exited {
		t.Errorf("%+v", res)
	}
	if m.steps < 5000 || int(m.r.Host.Nodes) < files {
		t.Errorf("only %d steps and %d files and folders", m.steps, m.r.Host.Nodes)
	}
	report(t, largest)
}

package wasm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/machine/checkpoint"
	"github.com/capacloud/assay/machine/interp"
	"github.com/capacloud/assay/machine/step"
	"github.com/capacloud/assay/machine/wasi"
	"github.com/capacloud/assay/machine/wasm"
)

// goReactor compiles testdata/guests/<name> as an epoch program.
func goReactor(tb testing.TB, name string) []byte {
	tb.Helper()
	if testing.Short() {
		tb.Skip("compiles a Go program for wasip1")
	}
	out := filepath.Join(tb.TempDir(), name+".wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", out, "./testdata/guests/"+name)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=")
	if b, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("build guest %s: %v\n%s", name, err, b)
	}
	return mustRead(tb, out)
}

func mustRead(tb testing.TB, file string) []byte {
	tb.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// shown is a boundary with its checkpoint.
type shown struct {
	Boundary
	file []byte
}

// watched runs a job and keeps every boundary.
func watched(t testing.TB, x *Executor, job *assay.Job, s *shelf) (*executor.Outcome, []shown) {
	t.Helper()
	var list []shown
	out, err := x.ExecuteEpochs(context.Background(), job, s, func(b *Boundary) error {
		file, err := b.Checkpoint()
		list = append(list, shown{*b, file})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out, list
}

// reader reads from a shelf.
func shelfInput(s *shelf) *wasi.ReaderInput {
	return wasi.NewReaderInput(reader{context.Background(), s})
}

// sameEpochs compares a job on the compiler, watched and not, with the
// canonical machine: at every boundary, and at the end; and resumes at every
// boundary. It returns the result and the boundaries.
func sameEpochs(t *testing.T, x *Executor, job *assay.Job, s *shelf) (assay.Result, []shown) {
	t.Helper()
	plain := mustExecute(t, x, job, s)
	out, list := watched(t, x, job, s)
	sameOutcome(t, "watched", plain, out)

	p := wasm.Lower(s.files[job.Program])
	span := step.EpochSpan(&job.Limits)
	m := interp.New(p, job, shelfInput(s))
	for i, b := range list {
		if err := m.Run(uint64(i+1) * span); err != nil {
			t.Fatal(err)
		}
		if got := m.Record(); got != b.Record || m.Root() != b.Root || b.Epoch != uint32(i+1) {
			t.Fatalf("boundary %d: machine, native: %s", i+1, cmp.Diff(got, b.Record))
		}
		c, ok := m.Checkpoint()
		if !ok || !bytes.Equal(c.Encode(), b.file) {
			t.Fatalf("boundary %d: the machine's checkpoint is another", i+1)
		}
	}
	if err := m.Run(math.MaxUint64); err != nil {
		t.Fatal(err)
	}
	if got, ok := m.Result(); !ok || got != plain.Result {
		t.Fatalf("machine %+v\nnative %+v %s", got, plain.Result, plain.Detail)
	}
	end := m.Root()
	last := m.Record()
	if at, ok := last.Position(&job.Limits); ok && at != m.Steps() {
		t.Errorf("the record stands at %d, the machine at %d", at, m.Steps())
	}
	for i, b := range list {
		resumes(t, x, job, s, p, plain, list, i, end)
		if len(b.file) > int(checkpoint.MaxBytes(&job.Limits)) {
			t.Errorf("checkpoint of %d bytes", len(b.file))
		}
	}
	return plain.Result, list
}

// resumes goes on at boundary i on both engines.
func resumes(t *testing.T, x *Executor, job *assay.Job, s *shelf, p *wasm.Program, want *executor.Outcome, list []shown, i int, end canon.Digest) {
	t.Helper()
	c, err := checkpoint.Open(list[i].file, list[i].Root, &job.Limits)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Verify(); err != nil {
		t.Fatal(err)
	}
	var later []canon.Digest
	out, err := x.Resume(context.Background(), job, s, c, func(b *Boundary) error {
		later = append(later, b.Root)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	sameOutcome(t, fmt.Sprintf("resumed at boundary %d", i+1), want, out)
	for k, root := range later {
		if root != list[i+1+k].Root {
			t.Fatalf("resumed at %d: boundary %d has another root", i+1, i+2+k)
		}
	}
	if len(later) != len(list)-i-1 {
		t.Fatalf("resumed at %d: %d boundaries", i+1, len(later))
	}
	m, err := interp.Resume(p, job, shelfInput(s), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Run(math.MaxUint64); err != nil {
		t.Fatal(err)
	}
	if m.Root() != end {
		t.Fatalf("the machine resumed at %d ends elsewhere", i+1)
	}
}

func sameOutcome(t *testing.T, what string, want, got *executor.Outcome) {
	t.Helper()
	if got.Result != want.Result {
		t.Fatalf("%s: %+v %s\nwant %+v %s", what, got.Result, got.Detail, want.Result, want.Detail)
	}
	if diff := cmp.Diff(want.Output, got.Output, cmp.Comparer(func(a, b canon.Digest) bool { return a == b })); diff != "" {
		t.Fatalf("%s: outputs differ: %s", what, diff)
	}
}

func epochsJob(s *shelf, program []byte, args ...string) *assay.Job {
	job := jobOf(s, program)
	job.Args = append([]string{"epochs"}, args...)
	job.Input = s.folder(map[string]any{"seed.txt": []byte("some seed")})
	job.Seed = 3
	return job
}

// TestEpochsGo: a Go reactor, in all ways in which it can end.
func TestEpochsGo(t *testing.T) {
	program := goReactor(t, "epochs")
	x := newExecutor(t, Options{})
	for _, tt := range []struct {
		args       []string
		boundaries int
		status     assay.Status
		exit       uint32
	}{
		{[]string{"0"}, 1, assay.Exited, 0},
		{[]string{"5"}, 6, assay.Exited, 0},
		{[]string{"4", "exit", "3"}, 3, assay.Exited, 7},
		{[]string{"4", "trap", "2"}, 2, assay.Trapped, 0},
	} {
		s := newShelf()
		r, list := sameEpochs(t, x, epochsJob(s, program, tt.args...), s)
		if len(list) != tt.boundaries || r.Status != tt.status || r.ExitCode != tt.exit {
			t.Errorf("%v: %d boundaries, %+v", tt.args, len(list), r)
		}
	}
}

// TestEpochsC: a C reactor that grows its memory each epoch.
func TestEpochsC(t *testing.T) {
	s := newShelf()
	job := epochsJob(s, mustRead(t, "testdata/guests/c/epochs.wasm"))
	x := newExecutor(t, Options{})
	r, list := sameEpochs(t, x, job, s)
	if len(list) != 7 || r.Status != assay.Exited || list[0].Record.Pages >= list[6].Record.Pages {
		t.Fatalf("%d boundaries, %+v", len(list), r)
	}
	out := mustExecute(t, x, job, s)
	if b, _ := out.Output.File("out/log.txt"); strings.Count(string(b), "\n") != 6 || !strings.HasPrefix(string(out.Output.Stdout()), "6 epochs, ") {
		t.Errorf("%s%s", b, out.Output.Stdout())
	}
	// The interpreter agrees, where frames and time allow.
	slow, also := watched(t, newExecutor(t, Options{Engine: Interpreter}), job, s)
	sameOutcome(t, "interpreter", out, slow)
	for i := range list {
		if also[i].Root != list[i].Root {
			t.Fatalf("interpreter: boundary %d differs", i+1)
		}
	}
	// At every fuel limit, in an epoch or at a boundary, all say the same.
	used := r.Fuel
	for _, part := range []uint64{2, 10, 30, 50, 70, 90, 99} {
		job.Limits.Fuel = used * part / 100
		if r, _ := sameEpochs(t, x, job, s); r.Trap != TrapOutOfFuel || r.Fuel != job.Limits.Fuel {
			t.Errorf("with %d %% of the fuel: %+v", part, r)
		}
	}
}

// epochBuilder adds the exports of an epoch program.
func (b *builder) export(name string, f byte) {
	b.m.Exports = append(b.m.Exports, wasm.Export{Name: name, Kind: wasm.KindFunc, Index: uint32(f)})
}

func (b *builder) epochs(step byte) []byte {
	b.export(wasm.StepExport, step)
	if len(b.m.Datas) > 0 {
		b.m.DataCount = int64(len(b.m.Datas))
	}
	return wasm.Encode(&b.m)
}

var i32Result = []wasm.ValType{wasm.I32}

// countTo returns a step that does something, counts in global 0 and ends at n.
func countTo(n int64, work ...byte) []byte {
	return code(work, op(opGlobalGet, 0), i64(1), op(opI64Add), op(opGlobalSet, 0), op(opGlobalGet, 0), i64(n), op(0x53)) // i64.lt_s
}

// stateModule keeps state in tables that grow, globals of every type, and
// memory that grows.
func stateModule(epochs int64) []byte {
	b := newBuilder()
	mutable := func(t wasm.ValType, o byte, bits uint64) {
		b.m.Globals = append(b.m.Globals, wasm.Global{GlobalType: wasm.GlobalType{Type: t, Mutable: true}, Init: wasm.ConstExpr{Op: o, Type: t, Bits: bits}})
	}
	mutable(wasm.F64, opF64Const, 0x3ff8<<48)
	mutable(wasm.I32, opI32Const, 7)
	mutable(wasm.FuncRef, opRefNull, uint64(wasm.FuncRef))
	mutable(wasm.ExternRef, opRefNull, uint64(wasm.ExternRef))
	b.m.Memories[0].Max = 40
	one := b.proc(op(opNop))
	two := b.proc(op(opNop))
	b.table(one, two)
	b.m.Tables[0].Max = 1000
	b.m.Tables = append(b.m.Tables, wasm.TableType{Elem: wasm.ExternRef, Bounds: wasm.Bounds{Min: 2, Max: 50, HasMax: true}})
	b.m.Elems = append(b.m.Elems, wasm.Elem{Mode: wasm.Passive, Type: wasm.FuncRef, Init: []wasm.ElemInit{{Op: opRefFunc, Index: uint32(two)}, {Op: opRefNull, Index: uint32(wasm.FuncRef)}}})
	b.data(100, bytes.Repeat([]byte("data"), 100))
	b.m.Datas = append(b.m.Datas, wasm.Data{Mode: wasm.Passive, Init: []byte("passive")})
	work := code(
		op(opRefFunc, two), i32(300), op(opBulk, bulkTableGrow, 0), op(opDrop),
		op(opRefNull, byte(wasm.ExternRef)), i32(1), op(opBulk, bulkTableGrow, 1), op(opDrop),
		i32(3), i32(0), i32(2), op(opBulk, bulkTableInit, 1, 0),
		i32(2), op(opRefNull, byte(wasm.FuncRef)), op(opTableSet, 0),
		i32(0), op(opTableGet, 0), op(opGlobalSet, 3),
		op(opGlobalGet, 1), op(opGlobalGet, 1), op(opF64Div), op(opGlobalSet, 1),
		op(opGlobalGet, 2), i32(-5), op(0x6c), op(opGlobalSet, 2), // i32.mul
		i32(1), op(opMemoryGrow, 0), op(opDrop),
		i32(200), i32(0), i32(7), op(opBulk, bulkMemoryInit, 1, 0),
		i32(40000), op(opGlobalGet, 2), op(opI32Store, 0, 0),
	)
	step := b.fn(nil, i32Result, countTo(epochs, work...))
	b.export(wasm.InitExport, b.proc(code(i32(5000), i32(9), op(opI32Store, 0, 0))))
	b.export(wasm.InitializeExport, b.proc(code(i32(6000), i32(8), op(opI32Store, 0, 0))))
	b.export(wasm.FinishExport, b.proc(code(i32(7000), i32(7), op(opI32Store, 0, 0))))
	b.m.Start = int64(b.proc(code(i32(8000), i32(6), op(opI32Store, 0, 0))))
	return b.epochs(step)
}

func TestEpochsState(t *testing.T) {
	s := newShelf()
	job := jobOf(s, stateModule(8))
	x := newExecutor(t, Options{})
	r, list := sameEpochs(t, x, job, s)
	if len(list) != 3 || r.Status != assay.Exited { // the counter begins at 5
		t.Fatalf("%d boundaries, %+v", len(list), r)
	}
	if a, b := list[0].Record, list[2].Record; b.Tables[0] != 604 || b.Tables[1] != 4 || b.Pages != 3 || a.Roots.Globals == b.Roots.Globals {
		t.Errorf("%+v", b)
	}
}

// TestEpochsEnds: whatever happens, and wherever, both engines say the same.
func TestEpochsEnds(t *testing.T) {
	x := newExecutor(t, Options{})
	trap := op(opUnreachable)
	exit := code(i32(3), call2(1)) // proc_exit
	never := code(op(opLoop, emptyBlock, opBr, 0, opEnd), i32(0))
	tests := []struct {
		name       string
		build      func(b *builder) []byte
		boundaries int
		trap       assay.Code
		exit       uint32
	}{
		{"no epoch", func(b *builder) []byte { return b.epochs(b.fn(nil, i32Result, i32(0))) }, 1, "", 0},
		{"negative is another", func(b *builder) []byte {
			return b.epochs(b.fn(nil, i32Result, code(op(opGlobalGet, 0), i64(1), op(opI64Add), op(opGlobalSet, 0), i32(-1), i32(0), op(opGlobalGet, 0), i64(9), op(0x53, 0x1b))))
		}, 4, "", 0},
		{"trap in init", func(b *builder) []byte {
			b.export(wasm.InitExport, b.proc(trap))
			return b.epochs(b.fn(nil, i32Result, i32(0)))
		}, 0, TrapUnreachable, 0},
		{"exit in _initialize", func(b *builder) []byte {
			b.export(wasm.InitializeExport, b.proc(exit))
			return b.epochs(b.fn(nil, i32Result, i32(0)))
		}, 0, "", 3},
		{"exit in step", func(b *builder) []byte {
			return b.epochs(b.fn(nil, i32Result, code(op(opGlobalGet, 0), i64(7), op(0x51, opIf, emptyBlock), exit, op(opEnd), countTo(100))))
		}, 3, "", 3},
		{"trap in finish", func(b *builder) []byte {
			b.export(wasm.FinishExport, b.proc(trap))
			return b.epochs(b.fn(nil, i32Result, i32(0)))
		}, 1, TrapUnreachable, 0},
		{"out of fuel in an epoch", func(b *builder) []byte { return b.epochs(b.fn(nil, i32Result, never)) }, 1, TrapOutOfFuel, 0},
		{"epochs for ever", func(b *builder) []byte { return b.epochs(b.fn(nil, i32Result, i32(1))) }, 18, TrapOutOfFuel, 0},
		{"memory for ever", func(b *builder) []byte {
			b.m.Memories[0].HasMax = false
			return b.epochs(b.fn(nil, i32Result, code(i32(1), op(opMemoryGrow, 0, opDrop), i32(1))))
		}, 5, TrapOutOfFuel, 0},
		{"a host function", func(b *builder) []byte {
			b.export(wasm.StepExport, 2) // sched_yield, which returns 0
			return wasm.Encode(&b.m)
		}, 1, "", 0},
		{"deep recursion", func(b *builder) []byte {
			f := b.fn(nil, nil, code(call2(3)))
			return b.epochs(b.fn(nil, i32Result, code(call2(f), i32(1))))
		}, 1, TrapStackExhausted, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newShelf()
			job := jobOf(s, tt.build(newBuilder("fd_write", "proc_exit", "sched_yield")))
			job.Limits = assay.Limits{Fuel: 2_500_000, Memory: 16 << 20, Frames: 1000, Slots: 1 << 16, Output: 1 << 16, Files: 4}
			r, list := sameEpochs(t, x, job, s)
			if len(list) != tt.boundaries || r.Trap != tt.trap || r.ExitCode != tt.exit {
				t.Errorf("%d boundaries, %+v", len(list), r)
			}
		})
	}
}

// TestEpochsFuel walks the limit through a boundary.
func TestEpochsFuel(t *testing.T) {
	x := newExecutor(t, Options{})
	s := newShelf()
	b := newBuilder()
	job := jobOf(s, b.epochs(b.fn(nil, i32Result, countTo(8))))
	full := mustExecute(t, x, job, s).Result.Fuel
	seen := map[int]bool{}
	for limit := full - 2*wasm.BoundaryFuel(1, 1) - 20; limit <= full+1; limit++ {
		if limit == full-2*wasm.BoundaryFuel(1, 1)+10 {
			limit = full - wasm.BoundaryFuel(1, 1) - 20
		} else if limit == full-wasm.BoundaryFuel(1, 1)+10 {
			limit = full - 20
		}
		job.Limits.Fuel = limit
		_, list := sameEpochs(t, x, job, s)
		seen[len(list)] = true
	}
	if !seen[1] || !seen[2] || !seen[3] {
		t.Errorf("boundaries seen: %v", seen)
	}
}

// TestEpochsMost: with so much fuel positions are few; what comes behind the last
// boundary belongs to the last epoch.
func TestEpochsMost(t *testing.T) {
	s := newShelf()
	b := newBuilder()
	job := jobOf(s, b.epochs(b.fn(nil, i32Result, countTo(5+40))))
	job.Limits.Fuel = assay.MaxFuel
	most := step.Epochs(&job.Limits)
	r, list := sameEpochs(t, newExecutor(t, Options{}), job, s)
	if most >= 40 || len(list) != int(most)-1 || r.Status != assay.Exited {
		t.Errorf("%d boundaries where %d epochs have positions; %+v", len(list), most, r)
	}
	p := wasm.Lower(s.files[job.Program])
	tr := interp.NewTrace(p, job, shelfInput(s))
	if _, steps, err := tr.Final(); err != nil || steps >= step.Positions(&p.Image, &job.Limits) || tr.Work() > 2000 || tr.Work() < 200 {
		t.Errorf("%d positions, %d steps: %v", steps, tr.Work(), err)
	}
}

// TestEpochsStop: an error of the callback ends the run, as does the context.
func TestEpochsStop(t *testing.T) {
	x := newExecutor(t, Options{})
	s := newShelf()
	job := jobOf(s, stateModule(50))
	enough := errors.New("enough")
	n := 0
	_, err := x.ExecuteEpochs(context.Background(), job, s, func(*Boundary) error {
		if n++; n == 3 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || n != 3 {
		t.Errorf("%d boundaries, %v", n, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	_, err = x.ExecuteEpochs(ctx, job, s, func(*Boundary) error {
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestPoisoned: a checkpoint in which anything was changed is refused by both
// engines, or is one that nobody agreed to.
func TestPoisoned(t *testing.T) {
	x := newExecutor(t, Options{})
	s := newShelf()
	job := jobOf(s, stateModule(8))
	_, list := watched(t, x, job, s)
	good := list[1]
	p := wasm.Lower(s.files[job.Program])
	refused := func(name string, file []byte, root canon.Digest, want error) {
		t.Helper()
		c, err := checkpoint.Open(file, root, &job.Limits)
		if err == nil {
			_, native := x.Resume(context.Background(), job, s, c, nil)
			_, machine := interp.Resume(p, job, shelfInput(s), c)
			if !errors.Is(native, want) || !errors.Is(machine, want) {
				t.Errorf("%s: native %v, machine %v", name, native, machine)
			}
			if err := c.Verify(); err == nil && strings.HasPrefix(name, "content") {
				t.Errorf("%s: verified", name)
			}
			return
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	refused("another root", good.file, list[0].Root, checkpoint.ErrPoisoned)
	refused("cut off", good.file[:len(good.file)-1], good.Root, checkpoint.ErrMalformed)
	refused("longer", append(slices.Clone(good.file), 0), good.Root, checkpoint.ErrMalformed)
	refused("empty", nil, good.Root, checkpoint.ErrMalformed)
	// Every byte of the contents matters.
	head := len("assay/checkpoint/1") + step.RecordBytes
	for at := head; at < len(good.file); at += 97 {
		b := slices.Clone(good.file)
		b[at] ^= 1
		c, err := checkpoint.Open(b, good.Root, &job.Limits)
		if err == nil {
			_, err = interp.Resume(p, job, shelfInput(s), c)
			if _, native := x.Resume(context.Background(), job, s, c, nil); !errors.Is(native, checkpoint.ErrPoisoned) {
				t.Fatalf("byte %d: native %v", at, native)
			}
		}
		if !errors.Is(err, checkpoint.ErrPoisoned) && !errors.Is(err, checkpoint.ErrMalformed) {
			t.Fatalf("byte %d: %v", at, err)
		}
	}
	// A liar whose record fits his contents, were it agreed upon.
	lie := func(name string, change func(r *step.Record)) {
		t.Helper()
		b := slices.Clone(good.file)
		r := good.Record
		change(&r)
		copy(b[len("assay/checkpoint/1"):], r.Bytes())
		refused(name, b, r.Root(), checkpoint.ErrPoisoned)
	}
	lie("pc", func(r *step.Record) { r.PC++ })
	lie("fp", func(r *step.Record) { r.FP++ })
	lie("epoch 0", func(r *step.Record) { r.Epoch = 0 })
	lie("epoch beyond", func(r *step.Record) { r.Epoch = step.Epochs(&job.Limits) + 1 })
	lie("tick", func(r *step.Record) { r.Tick = 5 })
	lie("frames", func(r *step.Record) { r.Frames-- })
	lie("fuel", func(r *step.Record) { r.Fuel = int64(job.Limits.Fuel) + 1 })
	lie("no fuel", func(r *step.Record) { r.Fuel = -1 })
	lie("fewer pages", func(r *step.Record) { r.Pages = 0 })
	lie("all pages", func(r *step.Record) { r.Pages = math.MaxUint32 })
	lie("more pages", func(r *step.Record) { r.Pages = 50 })
	lie("table", func(r *step.Record) { r.Tables[0] = 3 })
	lie("large table", func(r *step.Record) { r.Tables[0] = 1001 })
	lie("another table", func(r *step.Record) { r.Tables[5] = 1 })
	lie("image", func(r *step.Record) { r.Image[0]++ })
	lie("output", func(r *step.Record) { r.Output[0]++ })
	lie("halted", func(r *step.Record) { r.Phase, r.Status = step.Halted, assay.Exited })
	lie("slots", func(r *step.Record) { r.Roots.Slots[0]++ })
	lie("dropped", func(r *step.Record) { r.Roots.Dropped[0]++ })
	lie("memory", func(r *step.Record) { r.Roots.Memory[0]++ })
	lie("host", func(r *step.Record) { r.Roots.HostNodes[0]++ })
	// Of another program.
	other := jobOf(s, stateModule(9))
	c, err := checkpoint.Open(good.file, good.Root, &other.Limits)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.Resume(context.Background(), other, s, c, nil); !errors.Is(err, checkpoint.ErrPoisoned) {
		t.Errorf("another program: %v", err)
	}
	command := newBuilder()
	other = jobOf(s, command.entry(command.proc(op(opNop))))
	if _, err := x.Resume(context.Background(), other, s, c, nil); !errors.Is(err, checkpoint.ErrPoisoned) {
		t.Errorf("a command: %v", err)
	}
}

// TestEpochTrace: a dispute about one epoch executes no other.
func TestEpochTrace(t *testing.T) {
	x := newExecutor(t, Options{})
	s := newShelf()
	job := epochsJob(s, mustRead(t, "testdata/guests/c/epochs.wasm"))
	_, list := watched(t, x, job, s)
	p := wasm.Lower(s.files[job.Program])
	span := step.EpochSpan(&job.Limits)
	whole := interp.NewTrace(p, job, shelfInput(s))
	roots, err := whole.Roots(0, span, len(list))
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		if roots[i] != list[i].Root {
			t.Fatalf("boundary %d: the trace has another root", i+1)
		}
	}
	c, err := checkpoint.Open(list[2].file, list[2].Root, &job.Limits)
	if err != nil {
		t.Fatal(err)
	}
	one, err := interp.NewTraceFrom(p, job, shelfInput(s), c, 1)
	if err != nil {
		t.Fatal(err)
	}
	start := 3 * span
	for stride := span / 32; stride >= 32; stride /= 32 {
		got, err := one.Roots(start, stride, 32)
		if err != nil {
			t.Fatal(err)
		}
		want, err := whole.Roots(start, stride, 32)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("stride %d: other roots", stride)
		}
		if stride == span/32 && got[31] != list[3].Root {
			t.Error("the epoch ends elsewhere")
		}
	}
	if _, err := one.Roots(start-1, 1, 1); err == nil && start > 0 {
		if _, _, err := one.At(start - 1); err == nil {
			t.Error("the trace knows what came before")
		}
	}
	if _, err := one.Roots(start+span, 1, 1); err == nil {
		t.Error("the trace knows what comes later")
	}
	// Witnesses across the boundary, and in the idle time.
	rec, at, err := whole.At(4*span - 1)
	if err != nil || at.Op != wasm.OpEpoch {
		t.Fatalf("%v %v", at, err)
	}
	for _, from := range []uint64{4*span - 1, 4*span - 100, 3 * span, 0} {
		n := uint64(200)
		if from == 4*span-1 {
			n = 1
		}
		if rec, _, err = whole.At(from); err != nil {
			t.Fatal(err)
		}
		w, err := whole.Prove(from, n)
		if err != nil {
			t.Fatal(err)
		}
		seg, err := step.Referee(&p.Image, job, rec.Root(), n, w)
		if err != nil {
			t.Fatal(err)
		}
		want, err := whole.Roots(from, n, 1)
		if err != nil {
			t.Fatal(err)
		}
		if seg.End != want[0] {
			t.Errorf("%d steps from %d end elsewhere", n, from)
		}
		t.Logf("%d steps from %d: %d bytes", n, from, len(w))
	}
}

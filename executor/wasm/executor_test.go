package wasm

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/machine/wasi"
	"github.com/capacloud/assay/machine/wasm"
	"github.com/capacloud/assay/merkle"
)

func mustExecute(t testing.TB, x *Executor, job *assay.Job, s *shelf) *executor.Outcome {
	t.Helper()
	out, err := x.Execute(context.Background(), job, s)
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Result.Validate(); err != nil {
		t.Error(err)
	}
	return out
}

func worldJob(t testing.TB, s *shelf) *assay.Job {
	job := jobOf(s, goGuest(t, "world"))
	job.Args = []string{"world", "one", "two words"}
	job.Env = []string{"GREETING=hello"}
	job.Stdin = s.file([]byte("from standard input"))
	job.Input = s.folder(map[string]any{
		"words": map[string]any{"a.txt": []byte("alpha beta"), "b.txt": make([]byte, 150_000)},
		"empty": map[string]any{},
		"z":     []byte{},
	})
	return job
}

// TestWorld runs a Go program that uses everything that there is, and compares
// what it says with a golden file. What depends on the Go release goes to its
// standard error.
func TestWorld(t *testing.T) {
	s := newShelf()
	job := worldJob(t, s)
	x := newExecutor(t, Options{})
	out := mustExecute(t, x, job, s)
	golden(t, "world.txt", string(out.Output.Stdout()))
	if out.Result.Status != assay.Exited || out.Result.ExitCode != 3 {
		t.Errorf("%+v", out.Result)
	}
	var paths []string
	for _, f := range out.Output.Files {
		paths = append(paths, f.Path)
		if f.Digest != merkle.FileOf(f.Bytes) {
			t.Errorf("%s: wrong digest", f.Path)
		}
	}
	if diff := cmp.Diff([]string{"out/a/b/c/deep.txt", "out/a/moved", "out/log", "stderr", "stdout"}, paths); diff != "" {
		t.Error(diff)
	}
	for _, f := range out.Output.Folders {
		if err := merkle.CheckEntries(f.Entries); err != nil || f.Digest != merkle.FolderDigest(f.Entries) {
			t.Errorf("folder %q: %v", f.Path, err)
		}
	}
	if last := out.Output.Folders[len(out.Output.Folders)-1]; last.Digest != out.Result.Output || last.Path != "" {
		t.Error("the root folder is not the output root")
	}

	if again := mustExecute(t, newExecutor(t, Options{}), job, s); again.Result != out.Result {
		t.Errorf("a second executor: %+v, first %+v", again.Result, out.Result)
	}
	if slow := mustExecute(t, newExecutor(t, Options{Engine: Interpreter}), job, s); slow.Result != out.Result {
		t.Errorf("the interpreter: %+v, compiler %+v", slow.Result, out.Result)
	}
	job.Seed++
	other := mustExecute(t, x, job, s)
	if bytes.Equal(other.Output.Stderr(), out.Output.Stderr()) || !bytes.Equal(other.Output.Stdout(), out.Output.Stdout()) {
		t.Errorf("another seed: stderr %q", other.Output.Stderr())
	}
}

func TestBombs(t *testing.T) {
	s := newShelf()
	program := goGuest(t, "bomb")
	x := newExecutor(t, Options{})
	for _, c := range []struct {
		kind   string
		status assay.Status
		code   uint32
		trap   assay.Code
	}{
		{"memory", assay.Exited, 2, ""}, // Go reports that it is out of memory
		{"output", assay.Trapped, 0, TrapOutputLimit},
		{"file", assay.Trapped, 0, TrapOutputLimit},
		{"loop", assay.Trapped, 0, TrapOutOfFuel},
		{"recursion", assay.Trapped, 0, TrapStackExhausted},
		{"nil", assay.Exited, 2, ""},
		{"nothing", assay.Exited, 0, ""},
	} {
		job := jobOf(s, program)
		job.Args = []string{"bomb", c.kind}
		job.Limits.Fuel, job.Limits.Memory, job.Limits.Output = 1<<30, 64<<20, 1<<20
		out := mustExecute(t, x, job, s)
		if r := out.Result; r.Status != c.status || r.ExitCode != c.code || r.Trap != c.trap {
			t.Errorf("%s: %s, exit %d, trap %q: %s", c.kind, r.Status, r.ExitCode, r.Trap, out.Detail)
		}
		if !strings.HasPrefix(string(out.Output.Stdout()), "lit "+c.kind) {
			t.Errorf("%s: output before the end is lost: %.40q", c.kind, out.Output.Stdout())
		}
		if again := mustExecute(t, x, job, s); again.Result != out.Result {
			t.Errorf("%s: a second run differs", c.kind)
		}
	}
	// The default fuel pays for all the memory that the default limit admits.
	job := jobOf(s, program)
	job.Args = []string{"bomb", "memory"}
	if out := mustExecute(t, x, job, s); out.Result.ExitCode != 2 {
		t.Errorf("memory, default limits: %+v", out.Result)
	}
}

// smallJob writes "hi", draws random bytes into memory and grows it.
func smallJob(s *shelf) *assay.Job {
	b := newBuilder("fd_write", "random_get")
	b.data(0, iovec(16, 3))
	b.data(16, []byte("hi\n"))
	return jobOf(s, b.entry(b.proc(code(
		i32(1), i32(0), i32(1), i32(64), call2(0), op(opDrop),
		i32(70000), i32(1), op(opMemoryGrow, 0, opDrop), i32(100), call2(1), op(opDrop),
	))))
}

func TestConcurrentRunsAreEqual(t *testing.T) {
	x := newExecutor(t, Options{})
	s := newShelf()
	job := smallJob(s)
	want := mustExecute(t, x, job, s).Result
	var wait sync.WaitGroup
	for i := range 100 {
		wait.Go(func() {
			mine := *job
			mine.Seed = uint64(i % 2)
			out, err := x.Execute(context.Background(), &mine, s)
			if err != nil || (out.Result == want) != (i%2 == 0) {
				t.Errorf("run %d: %+v, %v", i, out, err)
			}
		})
	}
	wait.Wait()
}

func TestInvalidModules(t *testing.T) {
	x := newExecutor(t, Options{Programs: 2000})
	s := newShelf()
	whole := s.files[smallJob(s).Program]
	want := mustExecute(t, x, jobOf(s, nil), s).Result
	if want.Status != assay.InvalidModule || want.Fuel != 0 || want.Output != executor.EmptyOutput().Root || want.State.IsZero() {
		t.Errorf("%+v", want)
	}
	for n := range whole {
		if out := mustExecute(t, x, jobOf(s, whole[:n]), s); out.Result != want || out.Detail == "" {
			t.Fatalf("the first %d bytes: %+v", n, out.Result)
		}
	}
	err := x.Precompile(context.Background(), whole[:40], assay.DefaultLimits())
	if code := assay.CodeOf(err); !strings.HasPrefix(string(code), "wasm-") {
		t.Errorf("precompile: %v", err)
	}
	if err := x.Precompile(context.Background(), whole, assay.DefaultLimits()); err != nil {
		t.Error(err)
	}
	// A job whose memory limit is below the module's minimum.
	b := newBuilder()
	b.m.Memories[0] = wasm.Bounds{Min: 3}
	job := jobOf(s, b.entry(b.proc(nil)))
	job.Limits.Memory = 2 << 16
	if out := mustExecute(t, x, job, s); out.Result != want {
		t.Errorf("too much memory: %+v", out.Result)
	}
}

// TestNoResult lists what must never become a result.
func TestNoResult(t *testing.T) {
	x := newExecutor(t, Options{})
	s := newShelf()
	good := smallJob(s)
	b := newBuilder("path_open")
	b.data(0, []byte("x"))
	open := code(i32(3), i32(0), i32(0), i32(1), i32(0), i64(0), i64(0), i32(0), i32(8), call2(0), op(opDrop))
	opener := jobOf(s, b.entry(b.proc(open))).Program
	for _, c := range []struct {
		what   string
		change func(*assay.Job)
	}{
		{"missing program", func(j *assay.Job) { j.Program = canon.Hash("nowhere") }},
		{"missing standard input", func(j *assay.Job) { j.Stdin = canon.Hash("nowhere") }},
		{"other runtime", func(j *assay.Job) { j.Runtime = "wasm/2" }},
		{"limits out of range", func(j *assay.Job) { j.Limits.Memory = 1 }},
		{"missing input", func(j *assay.Job) { j.Program, j.Input = opener, canon.Hash("nowhere") }},
	} {
		job := *good
		c.change(&job)
		if out, err := x.Execute(context.Background(), &job, s); err == nil {
			t.Errorf("%s: %+v", c.what, out.Result)
		}
	}
	// A program that was missing may be there later.
	program := s.files[good.Program]
	delete(s.files, good.Program)
	job := *good
	job.Limits.Memory = 5 << 16 // not compiled yet
	if _, err := x.Execute(context.Background(), &job, s); err == nil {
		t.Error("ran without its program")
	}
	s.file(program)
	mustExecute(t, x, &job, s)
}

// TestNativeStack: the interpreter's own stack ends before a job's limit. That
// is an error there and a result on the compiler.
func TestNativeStack(t *testing.T) {
	s := newShelf()
	b := newBuilder()
	job := jobOf(s, b.entry(b.proc(call2(0))))
	job.Limits.Frames, job.Limits.Slots = assay.MaxFrames, assay.MaxSlots
	if out, err := newExecutor(t, Options{Engine: Interpreter}).Execute(context.Background(), job, s); err == nil {
		t.Errorf("the interpreter's own stack made a result: %+v", out.Result)
	}
	if out := mustExecute(t, newExecutor(t, Options{}), job, s); out.Result.Trap != TrapStackExhausted {
		t.Errorf("%+v", out.Result)
	}
}

// spin is a job that loops for days, with or without host calls.
func spin(s *shelf, calls bool) *assay.Job {
	b := newBuilder("sched_yield")
	body := op()
	if calls {
		body = code(call2(0), op(opDrop))
	}
	job := jobOf(s, b.entry(b.proc(code(op(opLoop, emptyBlock), body, op(opBr, 0, opEnd)))))
	job.Limits.Fuel = assay.MaxFuel
	return job
}

// TestCancel: an endless program stops at its next host call or with its slice
// of fuel.
func TestCancel(t *testing.T) {
	s := newShelf()
	for _, e := range []Engine{Compiler, Interpreter} {
		for _, calls := range []bool{true, false} {
			x, job := newExecutor(t, Options{Engine: e}), spin(s, calls)
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
			defer cancel()
			if out, err := x.Execute(ctx, job, s); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %+v, %v", e, out, err)
			}
			if _, err := x.Execute(ctx, job, s); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s, done before: %v", e, err)
			}
		}
	}
}

// TestCollectorRuns: a guest that loops in native code holds up neither the
// garbage collector nor, through it, the process. Without slices of fuel this
// test would not end.
func TestCollectorRuns(t *testing.T) {
	s := newShelf()
	x, job := newExecutor(t, Options{}), spin(s, false)
	if err := x.Precompile(t.Context(), s.files[job.Program], job.Limits); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := x.Execute(ctx, job, s)
		done <- err
	}()
	for range 50 {
		runtime.GC() // stops the world, several times
	}
	select {
	case err := <-done:
		t.Fatalf("the loop ended: %v", err)
	default:
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestEviction runs more programs than are kept.
func TestEviction(t *testing.T) {
	x := newExecutor(t, Options{Programs: 2})
	s := newShelf()
	var wait sync.WaitGroup
	var jobs []*assay.Job
	for i := range 12 {
		b := newBuilder("proc_exit")
		jobs = append(jobs, jobOf(s, b.entry(b.proc(code(i32(int32(i%6)), call2(0))))))
	}
	for i, job := range jobs {
		wait.Go(func() {
			out, err := x.Execute(context.Background(), job, s)
			if err != nil || out.Result.ExitCode != uint32(i%6) {
				t.Errorf("program %d: %+v, %v", i, out, err)
			}
		})
	}
	wait.Wait()
	if n := len(x.programs.all); n > 12 {
		t.Errorf("%d programs kept", n)
	}
	mustExecute(t, x, smallJob(s), s)
	if n := len(x.programs.all); n != 2 {
		t.Errorf("%d programs kept", n)
	}
}

func TestCacheOnDisk(t *testing.T) {
	dir := t.TempDir()
	s := newShelf()
	job := smallJob(s)
	first := mustExecute(t, newExecutor(t, Options{CacheDir: dir}), job, s)
	second := mustExecute(t, newExecutor(t, Options{CacheDir: dir}), job, s)
	if first.Result != second.Result {
		t.Error("code from the disk computes something else")
	}
}

// TestReferences reads references that the program moved between passive
// segments, tables and globals, on both engines.
func TestReferences(t *testing.T) {
	compiled, interpreted := newExecutor(t, Options{}), newExecutor(t, Options{Engine: Interpreter})
	roots := map[canon.Digest]byte{}
	for target := range byte(3) {
		b := newBuilder("sched_yield")
		one := b.proc(nil)
		two := b.proc(nil)
		b.table(one, two)
		b.m.Globals = append(b.m.Globals, wasm.Global{
			GlobalType: wasm.GlobalType{Type: wasm.FuncRef, Mutable: true},
			Init:       wasm.ConstExpr{Op: opRefNull, Type: wasm.FuncRef},
		})
		s := newShelf()
		b.m.Elems = append(b.m.Elems, wasm.Elem{Mode: wasm.Declarative, Type: wasm.FuncRef, Init: []wasm.ElemInit{{Op: opRefFunc}}})
		job := jobOf(s, b.entry(b.proc(code(
			op(opRefFunc, target), op(opGlobalSet, 1),
			i32(3), op(opGlobalGet, 1), op(opTableSet, 0),
			i32(2), i32(0), op(opTableGet, 0), op(opTableSet, 0),
		))))
		r := bothEngines(t, compiled, interpreted, job, s)
		if r.Status != assay.Exited {
			t.Fatalf("%+v", r)
		}
		if other, twice := roots[r.State]; twice {
			t.Errorf("functions %d and %d have the same state root", target, other)
		}
		roots[r.State] = target
	}
}

// TestTablesAgree: the front end and the host list the same imports.
func TestTablesAgree(t *testing.T) {
	names := wasm.WASINames()
	for i, f := range wasi.Functions() {
		if names[i] != f.Name {
			t.Fatalf("function %d is %s here and %s there", i, f.Name, names[i])
		}
		sig, _ := wasm.WASISignature(f.Name)
		letters := func(types []wasm.ValType) string {
			s := ""
			for _, v := range types {
				s += map[wasm.ValType]string{wasm.I32: "i", wasm.I64: "l"}[v]
			}
			return s
		}
		if letters(sig.Params) != f.Params || letters(sig.Results) != f.Results {
			t.Errorf("%s is (%s) %s here and (%s) %s there", f.Name, f.Params, f.Results, letters(sig.Params), letters(sig.Results))
		}
	}
}

// TestStateRoot spells a state root out: trees of fixed depth over what
// docs/WASM.md says.
func TestStateRoot(t *testing.T) {
	m := newBuilder()
	f := m.proc(code(i32(65_000), i32(7), op(opI32Store, 2, 0), i32(1), op(opMemoryGrow, 0, opDrop)))
	m.table(f)
	s := newShelf()
	got := mustExecute(t, newExecutor(t, Options{}), jobOf(s, m.entry(f)), s).Result
	mem := make([]byte, 2*wasm.PageBytes)
	mem[65_000] = 7
	memory := machine.RootOf(22, mem)
	globals := machine.RootOf(8, []byte{byte(wasm.I64), 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0})
	null := []byte{0xff, 0xff, 0xff, 0xff}
	table := machine.RootOf(12, code([]byte{f, 0, 0, 0}, null, null, null))
	want := canon.Hash("assay/wasm-state/1", word(2*wasm.PageBytes), memory[:], word(1), globals[:], word(uint64(wasm.FuncRef)), word(4), table[:])
	if got.State != want {
		t.Errorf("state root %s, want %s", got.State, want)
	}
}

func TestTrapCodes(t *testing.T) {
	listed := map[assay.Code]bool{}
	for _, c := range Codes() {
		listed[c.Code] = true
		if c.Kind != assay.KindTrap || c.Text == "" || c.Hint == "" {
			t.Errorf("%+v", c)
		}
	}
	for text, trap := range engineTraps {
		if !listed[trap] {
			t.Errorf("%q maps to %s, which is not listed", text, trap)
		}
	}
	if _, ok := engineTrap(errors.New("unreachable")); ok {
		t.Error("an error that wraps nothing passes for a trap")
	}
}

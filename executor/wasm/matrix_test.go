package wasm

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/machine/wasm"
)

var update = flag.Bool("update", false, "write golden files instead of comparing with them")

// ending is a piece of code after which a program does not go on.
type ending struct {
	name string
	code []byte
}

// Functions and places of the matrix's modules.
const (
	fdWrite     = 0 // imports
	procExit    = 1
	noop        = 2 // own functions
	taker       = 3
	forever     = 4
	deeper      = 5
	smallIovec  = 0
	largeIovec  = 8
	resultAt    = 64
	outputLimit = 50
)

func write(iovec int32) []byte {
	return code(i32(1), i32(iovec), i32(1), i32(resultAt), call2(fdWrite), op(opDrop))
}

func endings(procType byte) []ending {
	// Outside even where the place has grown memory and table. Active segments
	// are empty once they were copied.
	bulk := func(at, n int32, sub byte, imm ...byte) []byte {
		return append(code(i32(at), i32(0), i32(n), op(opBulk, sub)), imm...)
	}
	const lastBytes, lastElems = 4<<16 - 10, 6
	return []ending{
		{"unreachable", op(opUnreachable)},
		{"divide", code(i32(1), i32(0), op(opI32DivS, opDrop))},
		{"overflow", code(i32(-1<<31), i32(-1), op(opI32DivS, opDrop))},
		{"conversion", code(op(opF32Const, 0, 0, 0xc0, 0x7f), op(opI32TruncF32, opDrop))},
		{"load", code(i32(-1), op(opI32Load, 2, 0, opDrop))},
		{"store", code(i32(65533), i32(-1), op(opI32Store, 2, 0))},
		{"call-outside", code(i32(99), op(opCallIndirect, procType, 0))},
		{"call-null", code(i32(3), op(opCallIndirect, procType, 0))},
		{"call-type", code(i32(1), op(opCallIndirect, procType, 0))},
		{"table-get", code(i32(4), op(opTableGet, 0, opDrop))},
		{"table-set", code(i32(4), op(opRefNull, byte(wasm.FuncRef)), op(opTableSet, 0))},
		{"memory-fill", bulk(lastBytes, 100, bulkMemoryFill, 0)},
		{"memory-copy", bulk(lastBytes, 100, bulkMemoryCopy, 0, 0)},
		{"memory-init", bulk(0, 1, bulkMemoryInit, 0, 0)},
		{"table-init", bulk(0, 1, bulkTableInit, 0, 0)},
		{"table-copy", bulk(lastElems, 3, bulkTableCopy, 0, 0)},
		{"table-fill", code(i32(lastElems), op(opRefNull, byte(wasm.FuncRef)), i32(3), op(opBulk, bulkTableFill, 0))},
		{"bulk-fuel", bulk(0, -1, bulkMemoryFill, 0)},
		{"output-limit", write(largeIovec)},
		{"loop", call2(forever)},
		{"recursion", call2(deeper)},
		{"exit", code(i32(7), call2(procExit))},
		{"return", nil},
	}
}

// place puts an ending somewhere in a program.
type place struct {
	name   string
	build  func(b *builder, trap []byte) []byte
	limits func(l *assay.Limits)
}

// mark leaves traces in memory, global, table and output.
func mark() []byte {
	return code(
		i32(1000), i32(0x01020304), op(opI32Store, 2, 0),
		i64(77), op(opGlobalSet, 0),
		i32(2), op(opRefFunc, noop), op(opTableSet, 0),
		write(smallIovec),
	)
}

func places() []place {
	return []place{
		{name: "start", build: func(b *builder, trap []byte) []byte {
			b.m.Start = int64(b.proc(code(mark(), trap)))
			return b.entry(b.proc(mark()))
		}},
		{name: "entry", build: func(b *builder, trap []byte) []byte {
			return b.entry(b.proc(code(trap, mark())))
		}},
		{name: "after-host-call", build: func(b *builder, trap []byte) []byte {
			return b.entry(b.proc(code(mark(), trap)))
		}},
		// The block of the if is charged and not compared.
		{name: "between-checks", build: func(b *builder, trap []byte) []byte {
			return b.entry(b.proc(code(mark(), i32(1), op(opIf, emptyBlock), times(100, op(opNop)), trap, op(opEnd))))
		}},
		{name: "depth-limit", build: func(b *builder, trap []byte) []byte {
			inner := b.proc(code(mark(), trap))
			middle := b.proc(call2(inner))
			return b.entry(b.proc(call2(middle)))
		}, limits: func(l *assay.Limits) { l.Frames = 3 }},
		{name: "beyond-depth-limit", build: func(b *builder, trap []byte) []byte {
			inner := b.proc(trap)
			middle := b.proc(call2(inner))
			return b.entry(b.proc(code(mark(), call2(middle))))
		}, limits: func(l *assay.Limits) { l.Frames = 2 }},
		{name: "grown", build: func(b *builder, trap []byte) []byte {
			grow := code(i32(2), op(opMemoryGrow, 0, opDrop), i32(9), op(opMemoryGrow, 0, opDrop),
				op(opRefNull, byte(wasm.FuncRef)), i32(3), op(opBulk, bulkTableGrow, 0, opDrop))
			return b.entry(b.proc(code(mark(), grow, trap)))
		}},
	}
}

func matrixModule(p place, e ending, build *builder) []byte {
	build.proc(nil) // noop
	build.fn([]wasm.ValType{wasm.I32}, []wasm.ValType{wasm.I32}, op(opLocalGet, 0))
	build.proc(op(opLoop, emptyBlock, opBr, 0, opEnd))
	build.proc(call2(deeper))
	build.table(noop, taker)
	build.data(smallIovec, iovec(16, 3))
	build.data(largeIovec, iovec(16, 60))
	build.data(16, []byte("hi\n"))
	return p.build(build, e.code)
}

// TestTrapMatrix fixes what every end in every place leaves behind: status,
// code, fuel, output root, state root. The machine that referees must
// reproduce the file. The interpreter must agree with the compiler, and so must
// a host that gives fuel in slices of all sizes below ten.
func TestTrapMatrix(t *testing.T) {
	compiled := newExecutor(t, Options{Programs: 1000})
	interpreted := newExecutor(t, Options{Engine: Interpreter, Programs: 1000})
	sliced := newExecutor(t, Options{Programs: 1000})
	var got strings.Builder
	for _, p := range places() {
		b := newBuilder("fd_write", "proc_exit")
		procType := b.procType()
		for _, e := range endings(procType) {
			b := newBuilder("fd_write", "proc_exit")
			b.procType()
			s := newShelf()
			job := jobOf(s, matrixModule(p, e, b))
			job.Limits = assay.Limits{Fuel: 700_000, Memory: 8 << 16, Frames: 20, Slots: 1 << 12, Output: outputLimit, Files: 4}
			if p.limits != nil {
				p.limits(&job.Limits)
			}
			row := func(fuel uint64) assay.Result {
				job.Limits.Fuel = fuel
				r := bothEngines(t, compiled, interpreted, job, s)
				sliced.slice = int64(fuel % 10)
				bothEngines(t, compiled, sliced, job, s)
				fmt.Fprintf(&got, "%-18s %-13s limit %-6d %-14s %-22s fuel %-6d output %s state %s\n",
					p.name, e.name, fuel, r.Status, ended(r), r.Fuel, r.Output.Short(), r.State.Short())
				return r
			}
			full := row(job.Limits.Fuel)
			if full.Status == assay.Exited && !mayExit(p, e) {
				t.Errorf("%s in %s: did not trap", e.name, p.name)
			}
			if full.Trap == TrapOutOfFuel {
				continue
			}
			for _, fuel := range []uint64{full.Fuel + 1, full.Fuel, full.Fuel - 1, full.Fuel - 60} {
				row(fuel)
			}
		}
	}
	golden(t, "matrix.txt", got.String())
}

// mayExit tells where the matrix has programs that reach their end: the grown
// memory and table have what three endings look for outside.
func mayExit(p place, e ending) bool {
	switch e.name {
	case "exit", "return":
		return true
	case "store", "table-get", "table-set":
		return p.name == "grown"
	}
	return false
}

func ended(r assay.Result) string {
	if r.Status == assay.Trapped {
		return string(r.Trap)
	}
	return fmt.Sprint("code ", r.ExitCode)
}

func bothEngines(t *testing.T, a, b *Executor, job *assay.Job, s *shelf) assay.Result {
	t.Helper()
	one, err := a.Execute(context.Background(), job, s)
	if err != nil {
		t.Fatal(err)
	}
	two, err := b.Execute(context.Background(), job, s)
	if err != nil {
		t.Fatal(err)
	}
	if one.Result != two.Result {
		t.Errorf("engines differ:\n%+v %s\n%+v %s", one.Result, one.Detail, two.Result, two.Detail)
	}
	if err := one.Result.Validate(); err != nil {
		t.Error(err)
	}
	return one.Result
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s: wrote other results; if that is meant, run with -update:\n%s", file, diff)
	}
}

package wasm

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// chain is a function that calls itself until the argument is zero.
func chain() *builder {
	return newModule().fn("f", "i:", "", code(opLocalGet, 0, opIf, emptyBlock, opLocalGet, 0, i32c(1), 0x6b, opCall, 0, opEnd)...)
}

// TestDepthFrames: n+1 nested frames fit a limit of n+1 and not of n; the
// depth is as before afterwards.
func TestDepthFrames(t *testing.T) {
	b := chain().bytes()
	for _, c := range []struct {
		frames uint32
		trap   TrapCode
	}{{101, TrapNone}, {100, TrapStackExhausted}} {
		got := execute(t, b, Options{Fuel: MaxFuel, Frames: c.frames}, "f", 100)
		if got.trap != c.trap {
			t.Errorf("%d frames: trap %d", c.frames, got.trap)
		}
		if c.trap == TrapNone && int64(globalOf(got.mod, DepthExport)) != got.in.Depth {
			t.Error("depth not restored")
		}
	}
}

// TestDepthSlots: a frame of chain counts 8 + 1 parameter + 2 operands + 2
// values (the constant, the difference).
func TestDepthSlots(t *testing.T) {
	const frame = 8 + 1 + 2 + 2
	b := chain().bytes()
	for _, c := range []struct {
		slots uint32
		trap  TrapCode
	}{{11 * frame, TrapNone}, {11*frame - 1, TrapStackExhausted}} {
		if got := execute(t, b, Options{Fuel: MaxFuel, Slots: c.slots}, "f", 10); got.trap != c.trap {
			t.Errorf("%d slots: trap %d", c.slots, got.trap)
		}
	}
}

// TestDepthBeforeFuel: at an entry that lacks both, the frame is refused and
// nothing is charged.
func TestDepthBeforeFuel(t *testing.T) {
	got := execute(t, chain().bytes(), Options{Fuel: 5, Frames: 1}, "f", 10)
	if got.trap != TrapStackExhausted || got.left != 5-2-4 {
		t.Errorf("trap %d, left %d", got.trap, got.left)
	}
}

// TestDepthOnEveryExit: the frame is popped by falling off the end, by return,
// and by branches to the function's label.
func TestDepthOnEveryExit(t *testing.T) {
	b := newModule().
		fn("leaf", ":i", "", i32c(7)...).
		fn("end", ":i", "", opCall, 0).
		fn("return", ":i", "", code(opBlock, emptyBlock, opCall, 0, opReturn, opEnd, opUnreachable)...).
		fn("br", ":i", "", code(opBlock, emptyBlock, opCall, 0, opBr, 1, opEnd, opUnreachable)...).
		fn("br_if", ":i", "", code(opLoop, emptyBlock, opCall, 0, i32c(1), opBrIf, 1, opDrop, opEnd, opUnreachable)...).
		fn("br_table", ":i", "", code(opBlock, emptyBlock, opCall, 0, i32c(5), opBrTable, 1, 1, 1, opEnd, opUnreachable)...).
		fn("two", ":ii", "", code(opCall, 0, opCall, 0, opReturn)...).
		bytes()
	for _, f := range []string{"leaf", "end", "return", "br", "br_if", "br_table", "two"} {
		got := execute(t, b, Options{Fuel: MaxFuel}, f)
		if got.engine != "" || got.results[0] != 7 || int64(globalOf(got.mod, DepthExport)) != got.in.Depth {
			t.Errorf("%s: %+v", f, got)
		}
	}
}

// TestDepthBelowNativeCeiling runs frames that are as large natively as we can
// make them for their slots, down to our limit: the engine's own overflow must
// not come first.
func TestDepthBelowNativeCeiling(t *testing.T) {
	many := strings.Repeat
	i64s := func(n int) string { return many("l", n) }
	// locals: n of them, set from distinct loads, live across the call.
	locals := func(n int) []byte {
		var e emitter
		for i := range n {
			e.idx(opLocalGet, 0)
			e.i64(int64(i) + 1)
			e.op(opI64Mul)
			e.idx(opLocalSet, uint32(i+1))
		}
		e.idx(opLocalGet, 0)
		e.op(opCall, 0, opDrop)
		e.idx(opLocalGet, 0)
		for i := range n {
			e.idx(opLocalGet, uint32(i+1))
			e.op(opI64Add)
		}
		return e.b
	}
	// sums: n sums, each live across the next call.
	sums := func(n int) []byte {
		var e emitter
		e.idx(opLocalGet, 0)
		for range n {
			e.idx(opLocalGet, 0)
			e.op(opCall, 0, opI64Add)
		}
		return e.b
	}
	// bursts: n times as many values as one function returns, live across a
	// call and consumed by another.
	bursts := func(n int) []byte {
		e := emitter{b: []byte{}}
		for range n {
			e.idx(opLocalGet, 0)
			e.op(opCall, 1)
			e.idx(opLocalGet, 0)
			e.op(opCall, 0, opDrop, opCall, 2)
		}
		e.idx(opLocalGet, 0)
		return e.b
	}
	wide := func(n int) *builder {
		var push emitter
		for i := range n {
			push.idx(opLocalGet, 0)
			push.i64(int64(i))
			push.op(opI64Add)
		}
		return newModule().fn("f", "l:l", "", bursts(20)...).
			fn("", "l:"+i64s(n), "", push.b...).fn("", i64s(n)+":", "")
	}
	// params: a function of n parameters that calls itself with its own.
	params := func(n int) *builder {
		var e, start emitter
		for i := range n {
			e.idx(opLocalGet, uint32(i))
			start.idx(opLocalGet, 0)
		}
		e.op(opCall, 1)
		for i := range n {
			e.idx(opLocalGet, uint32(i))
			e.op(opI64Add)
		}
		start.op(opCall, 1)
		return newModule().fn("f", "l:l", "", start.b...).fn("", i64s(n)+":l", "", e.b...)
	}
	// loops: n locals written inside d nested loops, each with a call.
	loops := func(n, d int) *builder {
		var e emitter
		for range d {
			e.op(opLoop, emptyBlock, opLocalGet, 0, opCall, 0, opDrop)
		}
		for i := range n {
			e.idx(opLocalGet, uint32(i+1))
			e.op(opLocalGet, 0, opI64Add)
			e.idx(opLocalSet, uint32(i+1))
		}
		for range d {
			e.op(opLocalGet, 0, opI64Eqz, opBrIf, 0, opEnd)
		}
		e.op(opLocalGet, 0)
		for i := range n {
			e.idx(opLocalGet, uint32(i+1))
			e.op(opI64Add)
		}
		return newModule().fn("f", "l:l", i64s(n), e.b...)
	}
	// free: n locals written inside d nested loops without a call, around which
	// the rewriting puts loops with one.
	free := func(n, d int) *builder {
		e := emitter{b: code(opLocalGet, 0, opCall, 0, opDrop)}
		for range d {
			e.op(opLoop, emptyBlock)
		}
		for i := range n {
			e.idx(opLocalGet, uint32(i+1))
			e.op(opLocalGet, 0, opI64Add)
			e.idx(opLocalSet, uint32(i+1))
		}
		for range d {
			e.op(opLocalGet, 0, opI64Eqz, opBrIf, 0, opEnd)
		}
		e.op(opLocalGet, 0)
		for i := range n {
			e.idx(opLocalGet, uint32(i+1))
			e.op(opI64Add)
		}
		return newModule().fn("f", "l:l", i64s(n), e.b...)
	}
	// exits: d nested blocks, each left early with other values of n locals,
	// and a call behind each.
	exits := func(n, d int) *builder {
		var e emitter
		e.b = bytes.Repeat([]byte{opBlock, emptyBlock}, d)
		for k := range d {
			for i := range n {
				e.op(opLocalGet, 0)
				e.i64(int64(k*n+i) + 3)
				e.op(opI64Mul)
				e.idx(opLocalSet, uint32(i+1))
			}
			e.op(opLocalGet, 0, opI64Eqz)
			e.idx(opBrIf, uint32(k))
		}
		for range d {
			e.op(opEnd, opLocalGet, 0, opCall, 0, opDrop)
		}
		e.op(opLocalGet, 0)
		for i := range n {
			e.idx(opLocalGet, uint32(i+1))
			e.op(opI64Add)
		}
		return newModule().fn("f", "l:l", i64s(n), e.b...)
	}
	for _, c := range []struct {
		name string
		b    *builder
	}{
		{"10 locals in 10 loops", loops(10, 10)},
		{"100 locals in 100 loops", loops(100, 100)},
		{"10 locals in 10 loops without calls", free(10, 10)},
		{"100 locals in 100 loops without calls", free(100, 100)},
		{"3 locals in 300 loops without calls", free(3, 300)},
		{"30 locals in 200 loops", loops(30, 200)},
		{"10 locals out of 10 blocks", exits(10, 10)},
		{"100 locals out of 100 blocks", exits(100, 100)},
		{"tiny", newModule().fn("f", "l:l", "", opLocalGet, 0, opCall, 0)},
		{"2 locals", newModule().fn("f", "l:l", i64s(2), locals(2)...)},
		{"10 locals", newModule().fn("f", "l:l", i64s(10), locals(10)...)},
		{"100 locals", newModule().fn("f", "l:l", i64s(100), locals(100)...)},
		{"10,000 locals", newModule().fn("f", "l:l", i64s(10_000), locals(10_000)...)},
		{"20 sums", newModule().fn("f", "l:l", "", sums(20)...)},
		{"1,000 sums", newModule().fn("f", "l:l", "", sums(1000)...)},
		{"20 bursts of 100", wide(100)},
		{"20 bursts of 900", wide(900)},
		{"10 parameters", params(10)},
		{"1,000 parameters", params(1000)},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := execute(t, c.b.bytes(), Options{Fuel: MaxFuel}, "f", 1)
			if got.trap != TrapStackExhausted {
				t.Errorf("trap %d: %.200s", got.trap, got.engine)
			}
		})
	}
}

// TestJoins fixes what is counted as a join.
func TestJoins(t *testing.T) {
	inc := code(opLocalGet, 1, i32c(1), 0x6a, opLocalSet, 1)
	for _, c := range []struct {
		name string
		code []byte
		want uint32
	}{
		{"straight", code(inc, inc, opLocalGet, 1), 0},
		{"loop carries a local", code(opLoop, emptyBlock, inc, opLocalGet, 0, opBrIf, 0, opEnd, opLocalGet, 1), 1},
		{"loop without a branch", code(opLoop, emptyBlock, inc, opEnd, opLocalGet, 1), 0},
		{"two loops carry it", code(opLoop, emptyBlock, opLoop, emptyBlock, inc, opLocalGet, 0, opBrIf, 0, opEnd, opLocalGet, 0, opBrIf, 0, opEnd, opLocalGet, 1), 2},
		{"written before read in the loop", code(opLoop, emptyBlock, i32c(1), opLocalSet, 1, opLocalGet, 1, opBrIf, 0, opEnd, i32c(0)), 0},
		{"if that writes", code(opLocalGet, 0, opIf, emptyBlock, inc, opEnd, opLocalGet, 1), 1},
		{"if that writes what nobody reads", code(opLocalGet, 0, opIf, emptyBlock, inc, opEnd, i32c(0)), 0},
		{"else that writes", code(opLocalGet, 0, opIf, emptyBlock, opElse, inc, opEnd, opLocalGet, 1), 1},
		{"block left early", code(opBlock, emptyBlock, opLocalGet, 0, opBrIf, 0, inc, opEnd, opLocalGet, 1), 1},
		{"block not left", code(opBlock, emptyBlock, inc, opEnd, opLocalGet, 1), 0},
		{"back edge makes it wanted", code(opLoop, emptyBlock, opLocalGet, 1, opDrop,
			opLocalGet, 0, opIf, emptyBlock, inc, opEnd, opLocalGet, 0, opBrIf, 0, opEnd, i32c(0)), 2},
		{"dead code", code(opBlock, emptyBlock, opBr, 0, inc, opEnd, opLocalGet, 1), 0},
	} {
		m, err := Decode(newModule().fn("f", "i:i", "i", c.code...).bytes(), DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		if err := Validate(m); err != nil {
			t.Fatal(err)
		}
		if got := m.Codes[0].joins; got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// TestCompileBomb refuses what costs a compiler far more than its bytes: a
// local for each of many nested loops, every one carried around each of them.
func TestCompileBomb(t *testing.T) {
	const locals, loops = 127, 140 // 17,780 joins in 2 KB; wazero took 14 s for 90,000
	body := around(locals, loops)
	m, err := Decode(newModule().fn("f", "i:i", strings.Repeat("i", locals), body...).bytes(), DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	var refusal *Error
	if err := Validate(m); !errors.As(err, &refusal) || refusal.Code != CodeAboveLimit {
		t.Fatalf("got %v, want %s", err, CodeAboveLimit)
	}
}

// around is a body of nested loops that carry each of so many locals.
func around(locals, loops int) []byte {
	var body []byte
	for range loops {
		body = append(body, opLoop, emptyBlock)
	}
	for local := 1; local <= locals; local++ {
		body = append(body, code(opLocalGet, local, i32c(1), 0x6a, opLocalSet, local)...)
	}
	for range loops {
		body = append(body, code(opLocalGet, 0, opBrIf, 0, opEnd)...)
	}
	return append(body, code(opLocalGet, 1)...)
}

// TestLookups fixes what is counted as a lookup.
func TestLookups(t *testing.T) {
	out := code(opLocalGet, 0, opBrIf, 0)
	inc := code(opLocalGet, 1, i32c(1), 0x6a, opLocalSet, 1)
	for _, c := range []struct {
		name string
		code []byte
		want uint64
	}{
		{"in one block", code(inc, inc, opLocalGet, 1), 0},
		{"behind branches", code(i32c(1), out, opDrop, i32c(1), out, opDrop, opLocalGet, 1), 0 + 1 + 2 + 2},
		// Three reads, and local 1 on each of three ways, of 2, 3 and 3 blocks.
		{"a label with three ways", code(opBlock, emptyBlock, out, out, inc, opEnd, opLocalGet, 1), 1 + 2 + 3 + 2 + 3 + 3},
		{"a label where nothing is wanted", code(opBlock, emptyBlock, out, out, inc, opEnd, i32c(1)), 1 + 2 + 3},
		// Behind an if, local 1 on both ways; the read behind it finds it there.
		{"an if", code(opLocalGet, 0, opIf, emptyBlock, inc, opEnd, opLocalGet, 1), 1 + 1 + 1},
		{"an if with two arms", code(opLocalGet, 0, opIf, emptyBlock, opNop, opElse, inc, opEnd, opLocalGet, 1), 1 + 2 + 1 + 1},
	} {
		m, err := Decode(newModule().fn("f", "i:i", "i", c.code...).bytes(), DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		v := &validator{m: m}
		if err := v.module(); err != nil {
			t.Fatal(err)
		}
		if err := v.function(0); err != nil {
			t.Fatal(err)
		}
		if v.lookups != c.want {
			t.Errorf("%s: %d, want %d", c.name, v.lookups, c.want)
		}
	}
}

// TestLookupBomb: an engine looks for the value of each local on each of many ways
// to a label, and for that of each read, as far back as ways met last. Modules of a
// few KB would keep it busy for minutes.
func TestLookupBomb(t *testing.T) {
	const locals, ways = 100, 9000
	var write, read []byte
	for i := 1; i <= locals; i++ {
		write = append(write, code(opLocalGet, i, opLocalSet, i)...)
		read = append(read, code(opLocalGet, i, opDrop)...)
	}
	out := bytes.Repeat(code(opLocalGet, 0, opBrIf, 0), ways)
	for name, body := range map[string][]byte{
		"ways":  code(opBlock, emptyBlock, out, write, opEnd, read),
		"reads": code(opBlock, emptyBlock, out, bytes.Repeat(read, 2000), opEnd),
	} {
		err := accept(newModule().fn("f", ":", strings.Repeat("i", locals+1), body...).bytes())
		if codeOf(err) != CodeAboveLimit || !strings.Contains(err.Error(), "lookups") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBlockPairs: an engine needs the square of a function's blocks, so small
// modules that would keep it busy for minutes are refused, in whatever way they
// make their blocks, and in one function or in many.
func TestBlockPairs(t *testing.T) {
	const most = 1 << 15 // blocks of the one function that is let through
	for name, unit := range map[string]struct {
		code   []byte
		blocks int
	}{
		"loops":       {code(opLoop, emptyBlock, opEnd), 12},
		"blocks":      {code(opBlock, emptyBlock, opEnd), 1},
		"branches":    {code(i32c(0), opBrIf, 0), 1},
		"arms":        {code(i32c(0), opIf, emptyBlock, opElse, opEnd), 2},
		"calls":       {code(opCall, 0), 2},
		"bulk":        {code(i32c(0), i32c(0), i32c(0), 0xfc, 11, 0), 2},
		"NaNs":        {code(0x43, 0, 0, 0, 0, 0x91, opDrop), 2}, // f32.sqrt
		"many bodies": {nil, 0},
	} {
		n := 0
		if unit.blocks > 0 {
			n = (most - 1) / unit.blocks
		}
		module := func(n int) []byte {
			b := newModule().memory(1, 1)
			if unit.blocks == 0 {
				for range n + 4 {
					b.fn("", ":", "", bytes.Repeat(code(opBlock, emptyBlock, opEnd), most/2-1)...)
				}
				return b.bytes()
			}
			return b.fn("f", ":", "", bytes.Repeat(unit.code, n)...).bytes()
		}
		if err := accept(module(n)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := accept(module(n + 1)); codeOf(err) != CodeAboveLimit {
			t.Errorf("%s, one more: %v", name, err)
		}
	}
}

// TestOperands: locals and operands together have fewer places than 16 bits
// name.
func TestOperands(t *testing.T) {
	l := DefaultLimits()
	if l.Locals+l.Operands+2 >= 1<<16 {
		t.Errorf("%d locals and %d operands", l.Locals, l.Operands)
	}
	module := func(n uint32) []byte {
		return newModule().fn("f", ":", "", code(bytes.Repeat(i32c(1), int(n)), opUnreachable)...).bytes()
	}
	if err := accept(module(l.Operands)); err != nil {
		t.Error(err)
	}
	if err := accept(module(l.Operands + 1)); codeOf(err) != CodeAboveLimit {
		t.Errorf("one more: %v", err)
	}
}

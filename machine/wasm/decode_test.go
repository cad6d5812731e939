package wasm

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

func codeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// TestCodes: every code that the package names is in the table once, with a
// text and a hint, and its name is stable in form.
func TestCodes(t *testing.T) {
	seen := map[Code]bool{}
	for _, c := range Codes() {
		if seen[c.Code] || c.Text == "" || c.Hint == "" || !strings.HasPrefix(string(c.Code), "wasm-") {
			t.Errorf("%+v", c)
		}
		seen[c.Code] = true
	}
	src, err := os.ReadFile("errors.go")
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(src, []byte(`Code = "wasm-`)); n != len(seen) {
		t.Errorf("%d codes declared, %d in the table", n, len(seen))
	}
}

// TestOpcodeTable: the table covers exactly the instructions of 2.0 without
// vectors, and the prefixed ones take no place of another.
func TestOpcodeTable(t *testing.T) {
	known, forbidden := 0, 0
	for op, info := range ops {
		switch {
		case info.imm != immUnknown:
			known++
			if info.name == "" || info.forbid != "" {
				t.Errorf("%#x: %+v", op, info)
			}
		case info.forbid != "":
			forbidden++
		case info.name != "":
			t.Errorf("%#x has a name and no immediates", op)
		}
	}
	// §5.4 of 2.0: 13 control, 3 reference, 3 parametric, 5 variable, 8 table,
	// 23 loads and stores, 6 other memory, 4 constants, 123 numeric without
	// and 5 with sign extension, 8 saturating conversions.
	const want = 13 + 3 + 3 + 5 + 8 + 23 + 6 + 4 + 123 + 5 + 8
	if known != want || forbidden != 19 {
		t.Errorf("%d known opcodes, want %d; %d forbidden", known, want, forbidden)
	}
}

// TestRefusals gives each code that bytes can provoke.
func TestRefusals(t *testing.T) {
	module := func(sections ...[]byte) []byte {
		return slices.Concat([]byte("\x00asm\x01\x00\x00\x00"), slices.Concat(sections...))
	}
	sec := func(id byte, content ...byte) []byte {
		return append([]byte{id, byte(len(content))}, content...)
	}
	body := func(code ...byte) []byte {
		return module(sec(1, 1, 0x60, 0, 0), sec(3, 1, 0), append([]byte{10, byte(len(code) + 4), 1, byte(len(code) + 2), 0}, append(code, opEnd)...))
	}
	for _, c := range []struct {
		code Code
		b    []byte
	}{
		{CodeTruncated, []byte("\x00as")},
		{CodeTruncated, module([]byte{1, 5, 0})},
		{CodeBadMagic, []byte("\x7fELF\x01\x00\x00\x00")},
		{CodeBadVersion, []byte("\x00asm\x0d\x00\x01\x00")},
		{CodeBadInteger, module([]byte{1, 0x80, 0x80, 0x80, 0x80, 0x10})},
		{CodeBadInteger, body(opI32Const, 0xff, 0xff, 0xff, 0xff, 0x4f, opDrop)},
		{CodeBadName, module(sec(0, 2, 0xc0, 0x80))},
		{CodeBadSection, module(sec(14))},
		{CodeBadSectionOrder, module(sec(3, 0), sec(1, 0))},
		{CodeBadSectionOrder, module(sec(1, 0), sec(1, 0))},
		{CodeBadSectionSize, module(sec(1, 0, 0))},
		{CodeBadSectionSize, module(sec(1, 1, 0x60), sec(3, 0))},
		{CodeBadType, module(sec(1, 1, 0x61))},
		{CodeBadType, module(sec(1, 1, 0x60, 1, 0x10))},
		{CodeBadFlags, module(sec(6, 1, 0x7f, 2))},
		{CodeBadFlags, body(0, 0x28, 32, 0)},
		{CodeBadBody, body(opElse)},
		{CodeBadBody, body(opEnd)},
		{CodeBadBody, body(opBlock, 0x40)},
		{CodeBadCount, module(sec(3, 1, 0))},
		{CodeBadCount, module(sec(12, 1))},
		{CodeUnknownOpcode, body(0xc5)},
		{CodeUnknownOpcode, body(0xfc, 18)},
		{CodeUnknownOpcode, body(0xe0)},
		{CodeAboveLimit, module(sec(1, 0xff, 0xff, 0xff, 0x0f))},
		{CodeAboveLimit, module(sec(1, 1, 0x60, 0, 0), sec(3, 1, 0), sec(10, 1, 6, 1, 0xd1, 0x86, 0x03, 0x7f, opEnd))},
		{CodeSIMD, body(0xfd, 12)},
		{CodeSIMD, module(sec(1, 1, 0x60, 1, 0x7b, 0))},
		{CodeThreads, body(0xfe, 3, 0)},
		{CodeThreads, module(sec(5, 1, 3, 1, 1))},
		{CodeExceptions, body(0x06, 0x40)},
		{CodeExceptions, module(sec(13, 0))},
		{CodeTailCall, body(0x12, 0)},
		{CodeMemory64, module(sec(5, 1, 4, 1))},
		{CodeMultiMemory, module(sec(5, 2, 0, 1, 0, 1))},
		{CodeMultiMemory, body(opMemorySize, 1)},
		{CodeGC, body(0xfb, 0)},
		{CodeGC, module(sec(1, 1, 0x5f, 0))},
		{CodeTypeMismatch, body(opDrop)},
		{CodeUnknownIndex, body(opCall, 1)},
		{CodeUnknownIndex, body(opLocalGet, 0)},
		{CodeBadAlignment, module(sec(1, 1, 0x60, 0, 0), sec(3, 1, 0), sec(5, 1, 0, 1), sec(10, 1, 8, 0, 0x41, 0, 0x28, 3, 0, 0x1a, opEnd))},
		{CodeBadLimits, module(sec(5, 1, 1, 2, 1))},
		{CodeNotConstant, module(sec(6, 1, 0x7f, 0, 1, 0x0b))},
		{CodeImmutableGlobal, module(sec(1, 1, 0x60, 0, 0), sec(3, 1, 0), sec(6, 1, 0x7f, 0, 0x41, 0, 0x0b), sec(10, 1, 6, 0, 0x41, 0, 0x24, 0, opEnd))},
		{CodeDuplicateExport, module(sec(5, 1, 0, 1), sec(7, 2, 1, 'm', 2, 0, 1, 'm', 2, 0))},
		{CodeBadStart, module(sec(1, 1, 0x60, 1, 0x7f, 0), sec(3, 1, 0), sec(8, 0), sec(10, 1, 2, 0, opEnd))},
		{CodeUndeclaredRef, body(opRefFunc, 0, opDrop)},
	} {
		if err := accept(c.b); codeOf(err) != c.code {
			t.Errorf("%x: %v, want %s", c.b, err, c.code)
		}
	}
}

// TestTruncated: no proper prefix of a module with every kind of section is
// a module with the same meaning, and none panics.
func TestTruncated(t *testing.T) {
	b := everything()
	if err := accept(b); err != nil {
		t.Fatal(err)
	}
	for n := range b {
		m, err := Decode(b[:n], DefaultLimits())
		if err == nil && bytes.Equal(Encode(m), b) {
			t.Errorf("%d of %d bytes decode to the whole", n, len(b))
		}
	}
	for n := range b {
		for bit := range 8 {
			c := slices.Clone(b)
			c[n] ^= 1 << bit
			_ = accept(c)
		}
	}
}

// everything is a valid module with all sections.
func everything() []byte {
	b := newModule().host("fd_write").memory(1, 2).table(3, 9).elems(1, 0, 1).
		global(I64, true, opI64Const, 1<<40).global(F32, false, opF32Const, 0x7fc00001).
		fn("f", "il:d", "lfd", code(
			opLocalGet, 0, opIf, byte(F64), opF64Const, 0, 0, 0, 0, 0, 0, 0, 0x40, opElse,
			opLocalGet, 1, opGlobalSet, 0, opF64Const, 0, 0, 0, 0, 0, 0, 0, 0, opEnd,
			opBlock, emptyBlock, opLoop, emptyBlock, opLocalGet, 0, opBrTable, 2, 0, 1, 1, opEnd, opEnd,
			i32c(0), i32c(0), i32c(0), 0xfc, opMemoryInit-opPrefix, 0, 0, 0xfc, opDataDrop-opPrefix, 1,
			opRefFunc, 1, opDrop, i32c(2), i32c(0), opRefNull, byte(FuncRef), opRefIsNull, opSelectT, 1, byte(I32), opDrop,
		)...).
		fn("_start", ":", "")
	b.m.Start = 2
	b.m.DataCount = 2
	b.m.Datas = []Data{{Mode: Passive, Init: []byte("passive")}, {At: ConstExpr{Op: opI32Const, Bits: 65530}, Init: []byte("active")}}
	b.m.Elems = append(b.m.Elems,
		Elem{Mode: Passive, Type: ExternRef, Init: []ElemInit{{Op: opRefNull, Index: uint32(ExternRef)}}},
		Elem{Mode: Declarative, Type: FuncRef, Init: []ElemInit{{Op: opRefFunc, Index: 1}, {Op: opRefNull, Index: uint32(FuncRef)}}})
	return b.bytes()
}

// TestNestingBomb: 100,000 nested blocks are refused by name and at once, and
// what the limit admits is compiled.
func TestNestingBomb(t *testing.T) {
	nest := func(n int) []byte {
		return newModule().fn("f", ":", "", append(bytes.Repeat([]byte{opBlock, emptyBlock}, n), bytes.Repeat([]byte{opEnd}, n)...)...).bytes()
	}
	if err := accept(nest(100_000)); codeOf(err) != CodeAboveLimit {
		t.Error(err)
	}
	if got := execute(t, nest(int(DefaultLimits().Nesting)-1), Options{Fuel: 1}, "f"); got.engine != "" {
		t.Error(got.engine)
	}
}

// TestManySegments: 100,000 data segments decode, validate and encode in a
// blink.
func TestManySegments(t *testing.T) {
	b := newModule().memory(2, 0).fn(EntryExport, ":", "")
	for i := range 100_000 {
		b.m.Datas = append(b.m.Datas, Data{At: ConstExpr{Op: opI32Const, Bits: uint64(i)}, Init: []byte{byte(i)}})
	}
	begin := time.Now()
	m, err := Decode(b.bytes(), DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if err := Validate(m); err != nil {
		t.Fatal(err)
	}
	if err := CheckProfile(m, 2); err != nil {
		t.Fatal(err)
	}
	t.Logf("took %s", time.Since(begin))
}

// TestTotals: what is small for each function or segment and large together
// is refused.
func TestTotals(t *testing.T) {
	l := DefaultLimits()
	refused := func(name string, b *builder, l Limits) {
		t.Helper()
		m, err := Decode(b.bytes(), l)
		if err == nil {
			err = Validate(m)
		}
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeAboveLimit || !strings.HasPrefix(e.Detail, name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b := newModule()
	for range 400 {
		b.fn("", ":", "", opNop)
		b.m.Codes[len(b.m.Codes)-1].Locals = []LocalRun{{Count: 50_000, Type: I64}}
	}
	refused("total locals", b, l)

	wide := newModule().fn("", strings.Repeat("l", 1000)+":", "").fn("", ":", "", opUnreachable)
	wide.m.Codes[1].Expr = append(bytes.Repeat([]byte{opUnreachable, opCall, 0}, 300_000), opEnd)
	refused("type steps", wide, l)
	wide.m.Codes[1].Expr = append(bytes.Repeat([]byte{opUnreachable, opCall, 0}, 1050), opEnd)
	refused("steps of types", wide, l)

	tables := newModule()
	for range 20_000 {
		tables.fn("", ":", "", code(i32c(0), opBrTable, uleb(110), make([]byte, 111))...)
	}
	refused("total branch targets", tables, l)

	squares := newModule()
	for range 16 {
		squares.fn("", "i:i", strings.Repeat("i", 127), around(127, 100)...)
	}
	refused("squares of the values needed at labels", squares, l)

	e := newModule().table(1, 0).fn("", ":", "")
	for range 3 {
		e.m.Elems = append(e.m.Elems, Elem{Mode: Passive, Type: FuncRef, Init: make([]ElemInit, 400_000)})
		for i := range e.m.Elems[0].Init {
			e.m.Elems[len(e.m.Elems)-1].Init[i].Op = opRefFunc
		}
	}
	refused("elements", e, l)

	var c emitter
	for i := range 3000 {
		c.idx(opLocalGet, uint32(i))
		c.idx(opLocalSet, uint32(i))
		c.op(opBlock, emptyBlock, opEnd)
	}
	refused("locals times constructs", newModule().fn("", ":", strings.Repeat("l", 3000), c.b...), l)

	if err := profileOf(t, newModule().table(MaxTableElems, 0).table(1, 0).fn(EntryExport, ":", ""), 1); codeOf(err) != CodeTableAboveLimit {
		t.Error(err)
	}
}

// TestLEB: the signed reader agrees with the writer and refuses what does not
// fit.
func TestLEB(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		v := int64(rng.Uint64()) >> rng.IntN(64)
		r := reader{b: appendS64(nil, v)}
		if got := r.signed(64); got != v || r.err != nil || r.left() != 0 {
			t.Fatalf("%d: %d %v", v, got, r.err)
		}
		r = reader{b: appendS64(nil, v)}
		got := r.signed(32)
		if fits := int64(int32(v)) == v; fits != (r.err == nil) || fits && got != v {
			t.Fatalf("s32 %d: %d %v", v, got, r.err)
		}
		r = reader{b: appendU64(nil, uint64(v))}
		u := r.u32()
		if fits := uint64(uint32(v)) == uint64(v); fits != (r.err == nil) || fits && u != uint32(v) {
			t.Fatalf("u32 %d: %d %v", v, u, r.err)
		}
	}
}

// FuzzDecode: nothing panics; what we accept encodes to a fixed point, the
// engine accepts it, and it accepts its rewriting.
func FuzzDecode(f *testing.F) {
	f.Add(everything())
	f.Add(newModule().fn("f", "i:", "i", counted(3)...).bytes())
	for _, name := range []string{"sort", "fib", "nbody"} {
		f.Add(kernel(f, name))
	}
	rt := wazero.NewRuntimeWithConfig(f.Context(), wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(api.CoreFeaturesV2))
	l := DefaultLimits()
	l.Nesting, l.Locals, l.ModuleBytes = 100, 1000, 1<<16
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b, l)
		if err != nil || Validate(m) != nil {
			return
		}
		once := Encode(m)
		again, err := Decode(once, l)
		if err != nil {
			t.Fatalf("our own encoding: %v", err)
		}
		if err := Validate(again); err != nil {
			t.Fatalf("our own encoding: %v", err)
		}
		if !bytes.Equal(Encode(again), once) {
			t.Fatal("encoding is no fixed point")
		}
		for _, im := range m.Memories {
			if im.Min > 100 {
				return
			}
		}
		for _, tb := range m.Tables {
			if tb.Min > MaxTableElems {
				return
			}
		}
		code, err := rt.CompileModule(t.Context(), once)
		if err != nil {
			t.Fatalf("the engine refuses: %v", err)
		}
		code.Close(t.Context())
		_ = CheckProfile(m, 100)
		in, err := Instrument(m, Options{MemoryPages: 100})
		if err != nil {
			if codeOf(err) == CodeAboveLimit {
				return
			}
			t.Fatal(err)
		}
		if err := accept(in.Wasm); err != nil {
			t.Fatalf("rewritten: %v", err)
		}
		code, err = rt.CompileModule(t.Context(), in.Wasm)
		if err != nil {
			t.Fatalf("the engine refuses the rewriting: %v", err)
		}
		code.Close(t.Context())
	})
}

package wasm

import (
	"fmt"
	"testing"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

func profileOf(t *testing.T, b *builder, pages uint32) error {
	t.Helper()
	m, err := Decode(b.bytes(), DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if err := Validate(m); err != nil {
		t.Fatal(err)
	}
	return CheckProfile(m, pages)
}

func TestProfile(t *testing.T) {
	command := func() *builder { return newModule().fn(EntryExport, ":", "") }
	foreign := func(im Import) *builder {
		b := newModule()
		b.typ(":")
		b.m.Imports = append(b.m.Imports, im)
		return b
	}
	with := func(b *builder, f func(m *Module)) *builder { f(&b.m); return b }
	for _, c := range []struct {
		name string
		b    *builder
		want Code
	}{
		{"a command", command().memory(4, 0), ""},
		{"one function twice", newModule().host("fd_write").host("fd_write").fn(EntryExport, ":", ""), ""},
		{"no entry", newModule(), CodeNoStart},
		{"entry with a result", newModule().fn(EntryExport, ":i", "", i32c(0)...), CodeNoStart},
		{"entry is a memory", with(newModule().memory(1, 0), func(m *Module) {
			m.Exports = append(m.Exports, Export{Name: EntryExport, Kind: KindMemory})
		}), CodeNoStart},
		{"foreign module", foreign(Import{Module: "env", Name: "f"}), CodeForeignImport},
		{"foreign name", foreign(Import{Module: WASIModule, Name: "fd_frobnicate"}), CodeForeignImport},
		{"memory import", foreign(Import{Module: WASIModule, Name: "fd_write", Kind: KindMemory}), CodeForeignImport},
		{"table import", foreign(Import{Module: "env", Name: "t", Kind: KindTable, Table: TableType{Elem: FuncRef}}), CodeForeignImport},
		{"global import", foreign(Import{Module: "env", Name: "g", Kind: KindGlobal, Global: GlobalType{Type: I32}}), CodeForeignImport},
		{"wrong type", foreign(Import{Module: WASIModule, Name: "fd_write"}), CodeImportSignature},
		{"memory at the limit", command().memory(10, 0), ""},
		{"memory above the limit", command().memory(11, 0), CodeMemoryAboveLimit},
		{"table above the limit", command().table(MaxTableElems+1, 0), CodeTableAboveLimit},
		{"elements fit", command().table(2, 0).elems(1, 0), ""},
		{"elements outside", command().table(2, 0).elems(2, 0), CodeSegmentOutside},
		{"elements at -1", command().table(2, 0).elems(1<<32-1, 0), CodeSegmentOutside},
		{"data fit", with(command().memory(1, 0), func(m *Module) {
			m.Datas = []Data{{At: ConstExpr{Op: opI32Const, Bits: 65535}, Init: []byte{1}}, {At: ConstExpr{Op: opI32Const, Bits: 65536}}}
		}), ""},
		{"data outside", with(command().memory(1, 0), func(m *Module) {
			m.Datas = []Data{{At: ConstExpr{Op: opI32Const, Bits: 65535}, Init: []byte{1, 2}}}
		}), CodeSegmentOutside},
		{"passive data of any size", with(command(), func(m *Module) {
			m.Datas = []Data{{Mode: Passive, Init: make([]byte, 70000)}}
		}), ""},
	} {
		if err := profileOf(t, c.b, 10); codeOf(err) != c.want {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// TestOrderOfCalls: the later stages refuse what Validate has not seen.
func TestOrderOfCalls(t *testing.T) {
	m, err := Decode(everything(), DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckProfile(m, 1); codeOf(err) != CodeNotValidated {
		t.Error(err)
	}
	if _, err := Instrument(m, Options{}); codeOf(err) != CodeNotValidated {
		t.Error(err)
	}
	if err := Validate(m); err != nil {
		t.Fatal(err)
	}
	for _, o := range []Options{{Fuel: MaxFuel + 1, MemoryPages: 1}, {MemoryPages: MaxPages + 1}, {MemoryPages: 1, Frames: MaxDepth + 1}, {MemoryPages: 1, Slots: MaxDepth + 1}} {
		if _, err := Instrument(m, o); codeOf(err) != CodeBadOptions {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if _, err := Instrument(m, Options{}); codeOf(err) != CodeMemoryAboveLimit {
		t.Error(err)
	}
}

// TestWASISignatures compares our table with an independent implementation.
func TestWASISignatures(t *testing.T) {
	rt := compiler(t)
	wasi, err := wasi_snapshot_preview1.NewBuilder(rt).Compile(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mod := wasi.ExportedFunctions()
	if n := len(WASINames()); n != 46 {
		t.Errorf("%d functions", n)
	}
	for _, name := range WASINames() {
		ours, _ := WASISignature(name)
		d := mod[name]
		if d == nil {
			t.Errorf("%s: unknown to wazero", name)
			continue
		}
		if fmt.Sprint(valTypes(d.ParamTypes())) != fmt.Sprint(ours.Params) || fmt.Sprint(valTypes(d.ResultTypes())) != fmt.Sprint(ours.Results) {
			t.Errorf("%s: ours %v, wazero %v -> %v", name, ours, d.ParamTypes(), d.ResultTypes())
		}
	}
}

func valTypes(ts []api.ValueType) []ValType {
	out := make([]ValType, len(ts))
	for i, t := range ts {
		out[i] = ValType(t)
	}
	return out
}

// TestStateIsReadable: own globals in order, memory, and tables, static and
// mutable, with references mapped back to functions.
func TestStateIsReadable(t *testing.T) {
	base := func() *builder {
		return newModule().host("sched_yield").memory(1, 5).table(4, 6).elems(1, 0, 1, 2).
			global(I32, true, opI32Const, 7).global(FuncRef, false, opRefFunc, 1).global(F64, false, opF64Const, 1<<62)
	}
	static := base().fn(EntryExport, ":", "", code(i32c(9), opGlobalSet, 0)...).fn("", ":", "")
	got := execute(t, static.bytes(), Options{MemoryPages: 3, Fuel: 100}, EntryExport)
	in := got.in
	if !in.HasMemory || in.MemoryMax != 3 || got.mod.ExportedMemory(MemoryExport) == nil || in.HasStart || !in.HasEntry {
		t.Errorf("%+v", in)
	}
	if len(in.Globals) != 3 || globalOf(got.mod, in.Globals[0].Name) != 9 || globalOf(got.mod, in.Globals[2].Name) != 1<<62 {
		t.Errorf("%+v", in.Globals)
	}
	if v := in.Tables[0]; !v.Static || fmt.Sprint(v.Contents) != "[-1 0 1 2]" {
		t.Errorf("%+v", v)
	}
	index := got.refs
	if f, ok := index[globalOf(got.mod, in.Globals[1].Name)]; !ok || f != 1 {
		t.Errorf("global reference maps to %d %t", f, ok)
	}

	// Entry 0 becomes function 2, entry 1 the host function by ref.func, entry
	// 2 comes from a passive segment, entry 3 is null; the table grows to 5
	// with function 1.
	mutable := base().fn(EntryExport, ":", "", code(
		i32c(0), opRefFunc, 2, opTableSet, 0, i32c(1), opRefFunc, 0, opTableSet, 0,
		i32c(3), opRefNull, byte(FuncRef), opTableSet, 0,
		i32c(2), i32c(1), i32c(1), 0xfc, opTableInit-opPrefix, 1, 0,
		opRefFunc, 1, i32c(1), 0xfc, opTableGrow-opPrefix, 0, opDrop,
	)...).fn("", ":", "")
	mutable.m.Elems = append(mutable.m.Elems, Elem{Mode: Passive, Type: FuncRef, Init: []ElemInit{{Op: opRefFunc, Index: 1}, {Op: opRefFunc, Index: 2}}})
	got = execute(t, mutable.bytes(), Options{MemoryPages: 3, Fuel: 100}, EntryExport)
	v := got.in.Tables[0]
	if got.engine != "" || v.Static || !got.in.MapsRefs {
		t.Fatalf("%+v %+v", got, v)
	}
	index = got.refs
	size, err := got.mod.ExportedFunction(v.Size).Call(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var list []int
	for i := range size[0] {
		ref, err := got.mod.ExportedFunction(v.Get).Call(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		f, ok := index[ref[0]]
		if ref[0] == 0 {
			f = NullRef
		} else if !ok {
			t.Errorf("entry %d maps to nothing", i)
		}
		list = append(list, f)
	}
	if fmt.Sprint(list) != "[2 0 2 -1 1]" {
		t.Error(list)
	}
}

// refIndex maps references as a host does.
func refIndex(t *testing.T, mod api.Module, in *Instrumented) map[uint64]int {
	t.Helper()
	if _, err := mod.ExportedFunction(RefsExport).Call(t.Context()); err != nil {
		t.Fatal(err)
	}
	index := map[uint64]int{}
	for i, f := range in.RefFuncs {
		r, err := mod.ExportedFunction(RefExport).Call(t.Context(), uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		if (r[0] == 0) != (f == NullRef) {
			t.Errorf("reference %d is %#x for function %d", i, r[0], f)
		}
		if old, ok := index[r[0]]; ok && old != int(f) {
			t.Errorf("reference %d: %#x is %d and %d", i, r[0], old, f)
		}
		index[r[0]] = int(f)
	}
	return index
}

// TestStartSection: it does not run at instantiation but as a function.
func TestStartSection(t *testing.T) {
	b := newModule().global(I32, true, opI32Const, 1).
		fn(EntryExport, ":", "").fn("", ":", "", code(i32c(2), opGlobalSet, 0)...)
	b.m.Start = 1
	got := execute(t, b.bytes(), Options{Fuel: 10}, EntryExport)
	if !got.in.HasStart || globalOf(got.mod, got.in.Globals[0].Name) != 1 {
		t.Fatal("start section ran at instantiation")
	}
	if _, err := got.mod.ExportedFunction(StartExport).Call(t.Context()); err != nil || globalOf(got.mod, got.in.Globals[0].Name) != 2 {
		t.Error(err)
	}
}

// TestOnlyReservedExports: without KeepExports nothing of the user's remains
// but the entry and the memory.
func TestOnlyReservedExports(t *testing.T) {
	b := newModule().memory(1, 0).fn(EntryExport, ":", "").fn(FuelExport, ":", "").fn("other", ":", "")
	b.m.Exports = append(b.m.Exports, Export{Name: "memory", Kind: KindMemory})
	in := rewritten(t, b.bytes(), Options{MemoryPages: 1})
	m, err := Decode(in.Wasm, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range m.Exports {
		names = append(names, e.Name)
	}
	if fmt.Sprint(names) != "[assay.fuel assay.depth assay.trap _start memory assay.memory]" {
		t.Error(names)
	}
}

// TestGrowth: memory and tables stop at the lesser of declared maximum and
// limit.
func TestGrowth(t *testing.T) {
	grow := code(opLocalGet, 0, opMemoryGrow, 0)
	table := code(opRefNull, byte(FuncRef), opLocalGet, 0, 0xfc, opTableGrow-opPrefix, 0)
	b := newModule().memory(1, 0).table(1, 0).fn("m", "i:i", "", grow...).fn("t", "i:i", "", table...).bytes()
	for _, c := range []struct {
		call    string
		n, want uint64
	}{{"m", 2, 1}, {"m", 3, 1<<32 - 1}, {"t", MaxTableElems - 1, 1}, {"t", MaxTableElems, 1<<32 - 1}} {
		got := execute(t, b, Options{MemoryPages: 3, Fuel: MaxFuel}, c.call, c.n)
		if got.engine != "" || uint64(uint32(got.results[0])) != c.want {
			t.Errorf("%s %d: %+v", c.call, c.n, got)
		}
	}
}

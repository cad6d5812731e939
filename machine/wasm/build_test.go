package wasm

import (
	"strings"
	"testing"

	"github.com/tetratelabs/wazero/api"
)

// builder assembles small modules for tests, with the package's own encoder.
type builder struct {
	m Module
}

func newModule() *builder { return &builder{m: Module{Start: -1, DataCount: -1}} }

func types(s string) (p, r []ValType) {
	in, out, _ := strings.Cut(s, ":")
	alphabet := map[byte]ValType{'i': I32, 'l': I64, 'f': F32, 'd': F64, 'r': FuncRef, 'x': ExternRef}
	for i := range len(in) {
		p = append(p, alphabet[in[i]])
	}
	for i := range len(out) {
		r = append(r, alphabet[out[i]])
	}
	return p, r
}

func (b *builder) typ(sig string) uint32 {
	p, r := types(sig)
	b.m.Types = append(b.m.Types, FuncType{Params: p, Results: r})
	return uint32(len(b.m.Types) - 1)
}

func (b *builder) host(name string) *builder {
	t, _ := WASISignature(name)
	b.m.Types = append(b.m.Types, t)
	b.m.Imports = append(b.m.Imports, Import{Module: WASIModule, Name: name, Func: uint32(len(b.m.Types) - 1)})
	return b
}

// fn adds a function exported under its name. The final end is added.
func (b *builder) fn(name, sig, locals string, code ...byte) *builder {
	body := Body{Expr: append(code, opEnd)}
	p, _ := types(locals + ":")
	for _, t := range p {
		body.Locals = append(body.Locals, LocalRun{Count: 1, Type: t})
	}
	b.m.Funcs = append(b.m.Funcs, b.typ(sig))
	b.m.Codes = append(b.m.Codes, body)
	if name != "" {
		b.m.Exports = append(b.m.Exports, Export{Name: name, Index: uint32(len(b.m.Imports) + len(b.m.Funcs) - 1)})
	}
	return b
}

func (b *builder) memory(lo, hi uint32) *builder {
	b.m.Memories = append(b.m.Memories, Bounds{Min: lo, Max: hi, HasMax: hi > 0})
	return b
}

func (b *builder) table(lo, hi uint32) *builder {
	b.m.Tables = append(b.m.Tables, TableType{Elem: FuncRef, Bounds: Bounds{Min: lo, Max: hi, HasMax: hi > 0}})
	return b
}

func (b *builder) elems(at uint32, funcs ...uint32) *builder {
	s := Elem{Mode: Active, Type: FuncRef, At: ConstExpr{Op: opI32Const, Type: I32, Bits: uint64(at)}}
	for _, f := range funcs {
		s.Init = append(s.Init, ElemInit{Op: opRefFunc, Index: f})
	}
	b.m.Elems = append(b.m.Elems, s)
	return b
}

func (b *builder) global(t ValType, mutable bool, op byte, bits uint64) *builder {
	g := Global{GlobalType: GlobalType{Type: t, Mutable: mutable}, Init: ConstExpr{Op: op, Type: t, Bits: bits}}
	b.m.Globals = append(b.m.Globals, g)
	return b
}

func (b *builder) bytes() []byte { return Encode(&b.m) }

// code joins bytes and integer constants (as int) into instructions.
func code(parts ...any) []byte {
	var e emitter
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			e.op(byte(p))
		case byte:
			e.op(p)
		case []byte:
			e.op(p...)
		}
	}
	return e.b
}

func i32c(v int32) []byte { return appendS64([]byte{opI32Const}, int64(v)) }

// outcome is how a call ended.
type outcome struct {
	results []uint64
	trap    TrapCode
	engine  string // the engine's word for the trap
	fuel    uint64
	left    int64
	mod     api.Module
	in      *Instrumented
	refs    map[uint64]int
	refills int
}

// execute runs an exported function of the rewritten program, its fuel given at
// once.
func execute(t *testing.T, b []byte, o Options, call string, args ...uint64) outcome {
	t.Helper()
	return executeSliced(t, b, o, func() int64 { return MaxFuel }, call, args...)
}

func executeSliced(t *testing.T, b []byte, o Options, slice func() int64, call string, args ...uint64) outcome {
	t.Helper()
	o.KeepExports = true
	in := rewritten(t, b, o)
	c := newCommand(t, in.Wasm, call, args...)
	mod, err := c.rt.InstantiateModule(t.Context(), c.code, moduleConfig())
	if err != nil {
		t.Fatal(err)
	}
	var refs map[uint64]int
	if in.MapsRefs {
		refs = refIndex(t, mod, in)
	}
	ctx, tank := fill(t.Context(), mod, slice)
	res, err := mod.ExportedFunction(call).Call(ctx, args...)
	out := outcome{results: res, mod: mod, in: in, refs: refs}
	if err != nil {
		out.engine = err.Error()
	}
	out.trap = TrapCode(globalOf(mod, TrapExport))
	out.left = tank.left(mod)
	out.refills = tank.refills
	out.fuel = FuelUsed(o.Fuel, out.left, out.trap)
	return out
}

package interp

import (
	"encoding/binary"

	"github.com/capacloud/assay/machine/wasm"
)

// generator makes valid modules of wasm/1 from bytes: each choice takes one,
// and when they are used up every choice is the simplest. It reaches every
// instruction and every host function; tests assert it.
type generator struct {
	data []byte
	m    wasm.Module

	imports []int // number of the WASI function behind each
	funcs   []funcSig

	b      []byte // of the body under way
	fn     int
	locals []wasm.ValType
	labels [][]wasm.ValType // what a branch to each open construct takes
	loops  map[int]bool     // those of them that are loops
	budget int              // instructions that the body may still have
	temp   int              // first of the i32 locals that count loops
	temps  int              // of them in use

	wide bool // functions with nearly as many locals and operands as there may be
	fat  int  // statements that may yet have more nops than a branch can charge
}

type funcSig struct {
	t               uint32
	params, results []wasm.ValType
}

var valTypes = []wasm.ValType{wasm.I32, wasm.I64, wasm.F32, wasm.F64, wasm.FuncRef, wasm.ExternRef}

// Opcodes that the generator names.
const (
	gUnreachable = 0x00
	gNop         = 0x01
	gBlock       = 0x02
	gLoop        = 0x03
	gIf          = 0x04
	gElse        = 0x05
	gEnd         = 0x0b
	gBr          = 0x0c
	gBrIf        = 0x0d
	gBrTable     = 0x0e
	gReturn      = 0x0f
	gCall        = 0x10
	gIndirect    = 0x11
	gDrop        = 0x1a
	gSelect      = 0x1b
	gSelectT     = 0x1c
	gLocalGet    = 0x20
	gLocalSet    = 0x21
	gLocalTee    = 0x22
	gGlobalGet   = 0x23
	gGlobalSet   = 0x24
	gTableGet    = 0x25
	gTableSet    = 0x26
	gMemSize     = 0x3f
	gMemGrow     = 0x40
	gI32Const    = 0x41
	gI64Const    = 0x42
	gF32Const    = 0x43
	gF64Const    = 0x44
	gRefNull     = 0xd0
	gRefIsNull   = 0xd1
	gRefFunc     = 0xd2
	gPrefix      = 0xfc
)

// numeric lists the instructions without immediates: opcode, operands, result.
// Those behind 0xfc have 256 added to their number.
var numeric = func() (list []struct {
	op      int
	in, out string
},
) {
	add := func(first, n int, in, out string) {
		for i := range n {
			list = append(list, struct {
				op      int
				in, out string
			}{first + i, in, out})
		}
	}
	add(0x45, 1, "i", "i")
	add(0x46, 10, "ii", "i")
	add(0x50, 1, "l", "i")
	add(0x51, 10, "ll", "i")
	add(0x5b, 6, "ff", "i")
	add(0x61, 6, "dd", "i")
	add(0x67, 3, "i", "i")
	add(0x6a, 15, "ii", "i")
	add(0x79, 3, "l", "l")
	add(0x7c, 15, "ll", "l")
	add(0x8b, 7, "f", "f")
	add(0x92, 7, "ff", "f")
	add(0x99, 7, "d", "d")
	add(0xa0, 7, "dd", "d")
	add(0xa7, 1, "l", "i")
	add(0xa8, 2, "f", "i")
	add(0xaa, 2, "d", "i")
	add(0xac, 2, "i", "l")
	add(0xae, 2, "f", "l")
	add(0xb0, 2, "d", "l")
	add(0xb2, 2, "i", "f")
	add(0xb4, 2, "l", "f")
	add(0xb6, 1, "d", "f")
	add(0xb7, 2, "i", "d")
	add(0xb9, 2, "l", "d")
	add(0xbb, 1, "f", "d")
	add(0xbc, 1, "f", "i")
	add(0xbd, 1, "d", "l")
	add(0xbe, 1, "i", "f")
	add(0xbf, 1, "l", "d")
	add(0xc0, 2, "i", "i")
	add(0xc2, 3, "l", "l")
	add(256, 2, "f", "i")
	add(258, 2, "d", "i")
	add(260, 2, "f", "l")
	add(262, 2, "d", "l")
	return list
}()

func letter(t wasm.ValType) byte {
	switch t {
	case wasm.I32:
		return 'i'
	case wasm.I64:
		return 'l'
	case wasm.F32:
		return 'f'
	case wasm.F64:
		return 'd'
	}
	return 'r'
}

func typeOf(c byte) wasm.ValType {
	switch c {
	case 'i':
		return wasm.I32
	case 'l':
		return wasm.I64
	case 'f':
		return wasm.F32
	}
	return wasm.F64
}

// pick chooses one of n.
func (g *generator) pick(n int) int {
	if len(g.data) == 0 {
		return 0
	}
	c := int(g.data[0])
	g.data = g.data[1:]
	if n > 256 && len(g.data) > 0 {
		c = c<<8 | int(g.data[0])
		g.data = g.data[1:]
	}
	return c % n
}

func (g *generator) chance(percent int) bool { return g.pick(100) >= 100-percent }

func (g *generator) op(b ...byte)            { g.b = append(g.b, b...); g.budget -= 1 }
func (g *generator) idx(op byte, i uint32)   { g.op(op); g.u32(i) }
func (g *generator) u32(i uint32)            { g.b = binary.AppendUvarint(g.b, uint64(i)) }
func (g *generator) bulk(n byte, is ...byte) { g.op(append([]byte{gPrefix, n}, is...)...) }

func (g *generator) s64(v int64) {
	for v < -64 || v > 63 {
		g.b = append(g.b, byte(v)|0x80)
		v >>= 7
	}
	g.b = append(g.b, byte(v&0x7f))
}

func (g *generator) i32(v int32) { g.op(gI32Const); g.s64(int64(v)) }

// generate makes a module from data.
func generate(data []byte) []byte { return (&generator{data: data}).module() }

func (g *generator) module() []byte {
	g.loops, g.m = map[int]bool{}, wasm.Module{Start: -1}
	g.environment()
	n := 2 + g.pick(4)
	for range n {
		g.funcs = append(g.funcs, g.signature())
	}
	for _, f := range g.funcs[len(g.imports):] {
		g.m.Funcs = append(g.m.Funcs, f.t)
	}
	entry := g.declare(nil, nil)
	g.m.Funcs = append(g.m.Funcs, entry.t)
	g.funcs = append(g.funcs, entry)
	g.segments()
	for i := len(g.imports); i < len(g.funcs); i++ {
		g.fn = i
		g.function(g.funcs[i])
	}
	last := uint32(len(g.funcs) - 1)
	g.m.Exports = append(g.m.Exports, wasm.Export{Name: wasm.EntryExport, Kind: wasm.KindFunc, Index: last})
	if g.chance(15) {
		for i, f := range g.funcs[len(g.imports):] {
			if len(f.params)+len(f.results) == 0 {
				g.m.Start = int64(len(g.imports) + i)
				break
			}
		}
	}
	return wasm.Encode(&g.m)
}

// declare adds a type and returns the signature.
func (g *generator) declare(params, results []wasm.ValType) funcSig {
	g.m.Types = append(g.m.Types, wasm.FuncType{Params: params, Results: results})
	return funcSig{uint32(len(g.m.Types) - 1), params, results}
}

func (g *generator) someTypes(most int) []wasm.ValType {
	n := g.pick(most + 1)
	if g.chance(4) { // more than a label carries for nothing
		n = 6 + g.pick(20)
	}
	ts := make([]wasm.ValType, n)
	for i := range ts {
		ts[i] = valTypes[g.pick(len(valTypes))]
	}
	return ts
}

func (g *generator) signature() funcSig {
	if g.chance(20) {
		return g.declare(nil, nil)
	}
	return g.declare(g.someTypes(4), g.someTypes(3))
}

// environment declares imports, memory, tables and globals.
func (g *generator) environment() {
	names := wasm.WASINames()
	for range 1 + g.pick(8) {
		n := g.pick(len(names))
		t, _ := wasm.WASISignature(names[n])
		sig := g.declare(t.Params, t.Results)
		g.m.Imports = append(g.m.Imports, wasm.Import{Module: wasm.WASIModule, Name: names[n], Kind: wasm.KindFunc, Func: sig.t})
		g.imports = append(g.imports, n)
		g.funcs = append(g.funcs, sig)
	}
	g.m.Memories = []wasm.Bounds{{Min: 1 + uint32(g.pick(2)), Max: 3, HasMax: g.chance(50)}}
	for i := range 3 {
		t := wasm.TableType{Elem: wasm.FuncRef, Bounds: wasm.Bounds{Min: 4 + uint32(g.pick(8)), Max: 16, HasMax: g.chance(50)}}
		if i == 2 {
			t.Elem = wasm.ExternRef
		}
		g.m.Tables = append(g.m.Tables, t)
	}
	for _, t := range valTypes {
		for _, mutable := range []bool{true, false} {
			c := wasm.ConstExpr{Type: t}
			switch t {
			case wasm.I32:
				c.Op, c.Bits = gI32Const, uint64(uint32(int32(g.pick(256))-128))
			case wasm.I64:
				c.Op, c.Bits = gI64Const, uint64(g.pick(256))<<30
			case wasm.F32:
				c.Op, c.Bits = gF32Const, 0x7fa00000 // a NaN that is not canonical
			case wasm.F64:
				c.Op, c.Bits = gF64Const, 0x3ff0000000000000
			case wasm.FuncRef:
				if c.Op = gRefNull; g.chance(50) {
					c.Op, c.Bits = gRefFunc, 0
				}
			default:
				c.Op = gRefNull
			}
			g.m.Globals = append(g.m.Globals, wasm.Global{GlobalType: wasm.GlobalType{Type: t, Mutable: mutable}, Init: c})
		}
	}
}

// guestData is what pointers of host calls find: iovecs, paths, subscriptions.
func guestData() []byte {
	b := make([]byte, 4096)
	le := binary.LittleEndian
	for i, v := range []uint32{512, 40, 700, 9, 0xfffffff0, 4, 100, 0} {
		le.PutUint32(b[4*i:], v)
	}
	copy(b[64:], "words/a.txt")
	copy(b[96:], "f")
	copy(b[112:], "dir/g")
	copy(b[128:], "dir")
	copy(b[144:], "../x")
	le.PutUint64(b[256:], 7) // a subscription of a clock
	b[256+8] = 0
	le.PutUint64(b[256+24:], 5_000_000)
	b[256+48+8] = 1 // and one of descriptor 0
	return b
}

func (g *generator) segments() {
	at := wasm.ConstExpr{Op: gI32Const, Type: wasm.I32}
	all := make([]wasm.ElemInit, len(g.funcs))
	for i := range all {
		all[i] = wasm.ElemInit{Op: gRefFunc, Index: uint32(i)}
	}
	some := append([]wasm.ElemInit{{Op: gRefNull, Index: uint32(wasm.FuncRef)}}, all[:min(3, len(all))]...)
	g.m.Elems = []wasm.Elem{
		{Mode: wasm.Active, Type: wasm.FuncRef, At: at, Init: all[:min(4, len(all))]},
		{Mode: wasm.Passive, Type: wasm.FuncRef, Init: some},
		{Mode: wasm.Declarative, Type: wasm.FuncRef, Init: all},
		{Mode: wasm.Passive, Type: wasm.ExternRef, Init: []wasm.ElemInit{{Op: gRefNull, Index: uint32(wasm.ExternRef)}}},
	}
	late := at
	late.Bits = 65536 - 3
	g.m.Datas = []wasm.Data{
		{Mode: wasm.Active, At: at, Init: guestData()},
		{Mode: wasm.Passive, Init: []byte("passive bytes")},
		{Mode: wasm.Active, At: late, Init: []byte("end")},
	}
	g.m.DataCount = int64(len(g.m.Datas))
}

const loopCounters = 4

func (g *generator) function(f funcSig) {
	g.b, g.budget, g.temps = nil, 60+g.pick(120), 0
	g.locals = append([]wasm.ValType(nil), f.params...)
	var runs []wasm.LocalRun
	for _, t := range valTypes {
		n := 1 + g.pick(4)
		runs = append(runs, wasm.LocalRun{Count: uint32(n), Type: t})
		for range n {
			g.locals = append(g.locals, t)
		}
	}
	if g.wide {
		runs = append(runs, wasm.LocalRun{Count: 49_900, Type: wasm.I64})
		for range 49_900 {
			g.locals = append(g.locals, wasm.I64)
		}
	} else if g.chance(4) { // more than a call zeroes at once
		runs = append(runs, wasm.LocalRun{Count: 600, Type: wasm.I64})
		for range 600 {
			g.locals = append(g.locals, wasm.I64)
		}
	}
	g.temp = len(g.locals)
	runs = append(runs, wasm.LocalRun{Count: loopCounters, Type: wasm.I32})
	g.labels = [][]wasm.ValType{f.results}
	if g.wide {
		for range 9_900 {
			g.i32(int32(g.pick(100)))
		}
		g.budget += 9_900
	}
	g.statements(2+g.pick(8), 0)
	if g.fn == len(g.funcs)-1 {
		for i := range g.funcs[:g.fn] { // nothing is left out
			g.callOf(i, 1)
			g.sinkAll(g.funcs[i].results)
		}
	}
	g.values(f.results, 0)
	if g.wide {
		g.op(gReturn) // leaves what stands below
	}
	g.b = append(g.b, gEnd)
	g.m.Codes = append(g.m.Codes, wasm.Body{Locals: runs, Expr: g.b})
}

func (g *generator) statements(n, depth int) {
	for range n {
		if g.budget > 0 {
			g.statement(depth + 1)
		}
	}
}

func (g *generator) values(ts []wasm.ValType, depth int) {
	for _, t := range ts {
		g.expr(t, depth)
	}
}

// sink uses a value up, mostly so that it can be seen.
func (g *generator) sink(t wasm.ValType) {
	switch g.pick(4) {
	case 0:
		g.idx(gGlobalSet, g.globalOf(t, true))
	case 1:
		g.idx(gLocalSet, g.localOf(t))
	case 2:
		g.op(gDrop)
	default:
		g.idx(gLocalTee, g.localOf(t))
		g.idx(gGlobalSet, g.globalOf(t, true))
	}
}

func (g *generator) sinkAll(ts []wasm.ValType) {
	for i := len(ts) - 1; i >= 0; i-- {
		g.sink(ts[i])
	}
}

func (g *generator) globalOf(t wasm.ValType, mutable bool) uint32 {
	for i, x := range valTypes {
		if x == t && mutable {
			return uint32(2 * i)
		} else if x == t {
			return uint32(2*i + g.pick(2))
		}
	}
	panic("no such type")
}

func (g *generator) localOf(t wasm.ValType) uint32 {
	var of []uint32
	for i, x := range g.locals {
		if x == t {
			of = append(of, uint32(i))
		}
	}
	return of[g.pick(len(of))]
}

// blockType encodes a type of a construct.
func (g *generator) blockType(params, results []wasm.ValType) {
	switch {
	case len(params) == 0 && len(results) == 0:
		g.b = append(g.b, 0x40)
	case len(params) == 0 && len(results) == 1:
		g.b = append(g.b, byte(results[0]))
	default:
		g.s64(int64(g.declare(params, results).t))
	}
}

package step_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/capacloud/assay/machine/wasm"
)

// Opcodes that tests name.
const (
	opUnreachable  = 0x00
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0b
	opBr           = 0x0c
	opBrIf         = 0x0d
	opBrTable      = 0x0e
	opReturn       = 0x0f
	opCall         = 0x10
	opCallIndirect = 0x11
	opDrop         = 0x1a
	opSelect       = 0x1b
	opLocalGet     = 0x20
	opLocalSet     = 0x21
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opTableGet     = 0x25
	opTableSet     = 0x26
	opI32Store     = 0x36
	opI32Store8    = 0x3a
	opMemorySize   = 0x3f
	opMemoryGrow   = 0x40
	opI32Const     = 0x41
	opI64Const     = 0x42
	opF32Const     = 0x43
	opF64Const     = 0x44
	opI32Add       = 0x6a
	opI64Add       = 0x7c
	opI32Sub       = 0x6b
	opI32And       = 0x71
	opF64Mul       = 0xa2
	opF64Add       = 0xa0
	opRefNull      = 0xd0
	opRefIsNull    = 0xd1
	opRefFunc      = 0xd2
	opBulk         = 0xfc

	emptyBlock = 0x40
)

func code(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

func op(b ...byte) []byte { return b }

func i32(v int32) []byte { return append([]byte{opI32Const}, leb(int64(v))...) }

func i64(v int64) []byte { return append([]byte{opI64Const}, leb(v)...) }

// leb is signed LEB128, uleb unsigned.
func leb(v int64) []byte {
	var b []byte
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

func uleb(v uint32) []byte { return binary.AppendUvarint(nil, uint64(v)) }

func get(x uint32) []byte { return append([]byte{opLocalGet}, uleb(x)...) }

func set(x uint32) []byte { return append([]byte{opLocalSet}, uleb(x)...) }

func call(f uint32) []byte { return append([]byte{opCall}, uleb(f)...) }

func bulk(n byte, rest ...byte) []byte { return append([]byte{opBulk, n}, rest...) }

// builder assembles a module.
type builder struct{ m wasm.Module }

func newBuilder(imports ...string) *builder {
	b := &builder{wasm.Module{Start: -1, DataCount: -1}}
	for _, name := range imports {
		t, ok := wasm.WASISignature(name)
		if !ok {
			panic(name)
		}
		b.m.Imports = append(b.m.Imports, wasm.Import{Module: wasm.WASIModule, Name: name, Kind: wasm.KindFunc, Func: b.typ(t.Params, t.Results)})
	}
	return b
}

func (b *builder) typ(params, results []wasm.ValType) uint32 {
	b.m.Types = append(b.m.Types, wasm.FuncType{Params: params, Results: results})
	return uint32(len(b.m.Types) - 1)
}

// fn adds a function and returns its index. The final end is added.
func (b *builder) fn(params, results, locals []wasm.ValType, body ...[]byte) uint32 {
	c := wasm.Body{Expr: append(code(body...), opEnd)}
	for _, t := range locals {
		if n := len(c.Locals); n > 0 && c.Locals[n-1].Type == t {
			c.Locals[n-1].Count++
			continue
		}
		c.Locals = append(c.Locals, wasm.LocalRun{Count: 1, Type: t})
	}
	b.m.Funcs = append(b.m.Funcs, b.typ(params, results))
	b.m.Codes = append(b.m.Codes, c)
	return uint32(len(b.m.Imports) + len(b.m.Funcs) - 1)
}

func (b *builder) memory(lo, hi uint32) {
	b.m.Memories = []wasm.Bounds{{Min: lo, Max: hi, HasMax: true}}
}

func (b *builder) data(at uint32, content []byte) {
	b.m.Datas = append(b.m.Datas, wasm.Data{Mode: wasm.Active, At: wasm.ConstExpr{Op: opI32Const, Type: wasm.I32, Bits: uint64(at)}, Init: content})
}

// entry exports _start and returns the module.
func (b *builder) entry(f uint32) []byte {
	b.m.Exports = append(b.m.Exports, wasm.Export{Name: wasm.EntryExport, Kind: wasm.KindFunc, Index: f})
	if len(b.m.Datas) > 0 {
		b.m.DataCount = int64(len(b.m.Datas))
	}
	return wasm.Encode(&b.m)
}

// numeric lists opcodes with their signatures: first opcode, signature, number.
var numeric = []struct {
	first int
	sig   string
	count int
}{
	{0x45, "i:i", 1},
	{0x46, "ii:i", 10},
	{0x50, "l:i", 1},
	{0x51, "ll:i", 10},
	{0x5b, "ff:i", 6},
	{0x61, "dd:i", 6},
	{0x67, "i:i", 3},
	{0x6a, "ii:i", 15},
	{0x79, "l:l", 3},
	{0x7c, "ll:l", 15},
	{0x8b, "f:f", 7},
	{0x92, "ff:f", 7},
	{0x99, "d:d", 7},
	{0xa0, "dd:d", 7},
	{0xa7, "l:i", 1},
	{0xa8, "f:i", 2},
	{0xaa, "d:i", 2},
	{0xac, "i:l", 2},
	{0xae, "f:l", 2},
	{0xb0, "d:l", 2},
	{0xb2, "i:f", 2},
	{0xb4, "l:f", 2},
	{0xb6, "d:f", 1},
	{0xb7, "i:d", 2},
	{0xb9, "l:d", 2},
	{0xbb, "f:d", 1},
	{0xbc, "f:i", 1},
	{0xbd, "d:l", 1},
	{0xbe, "i:f", 1},
	{0xbf, "l:d", 1},
	{0xc0, "i:i", 2},
	{0xc2, "l:l", 3},
	{0xfc00, "f:i", 2},
	{0xfc02, "d:i", 2},
	{0xfc04, "f:l", 2},
	{0xfc06, "d:l", 2},
}

// memoryOps lists loads and stores: opcode, value type, largest alignment.
var loadCodes = []struct {
	op byte
	t  byte
}{
	{0x28, 'i'},
	{0x29, 'l'},
	{0x2a, 'f'},
	{0x2b, 'd'},
	{0x2c, 'i'},
	{0x2d, 'i'},
	{0x2e, 'i'},
	{0x2f, 'i'},
	{0x30, 'l'},
	{0x31, 'l'},
	{0x32, 'l'},
	{0x33, 'l'},
	{0x34, 'l'},
	{0x35, 'l'},
}

var storeCodes = []struct {
	op byte
	t  byte
}{
	{0x36, 'i'}, {0x37, 'l'}, {0x38, 'f'}, {0x39, 'd'}, {0x3a, 'i'}, {0x3b, 'i'}, {0x3c, 'l'}, {0x3d, 'l'}, {0x3e, 'l'},
}

var valTypes = map[byte]wasm.ValType{'i': wasm.I32, 'l': wasm.I64, 'f': wasm.F32, 'd': wasm.F64, 'r': wasm.FuncRef, 'x': wasm.ExternRef}

func types(letters string) []wasm.ValType {
	var list []wasm.ValType
	for i := range len(letters) {
		list = append(list, valTypes[letters[i]])
	}
	return list
}

// generator writes random valid functions. Loops need not end: fuel does.
type generator struct {
	r      *rand.Rand
	locals string // of the function under way, parameters included
	funcs  []string
	result []byte // of the function under way, if it returns early
	first  int    // function that the one under way may call, and those behind it
	pair   uint32 // type: no parameters, an i32 and an i64 as results
}

const imported = 46

// Places in the memory of a random program.
const (
	pathsAt = 256 // strings of pathList, 16 bytes each
	vecsAt  = 1024
	randAt  = 2048
)

var pathList = []string{"a", "b", "d", "d/e", "d/../a", "d/e/f", "x/", ".", "..", "d/e/", "a/b", "in.txt", "sub/leaf"}

// randomProgram returns a module in which every construct may occur.
func randomProgram(seed uint64) []byte {
	g := &generator{r: rand.New(rand.NewPCG(seed, 77))}
	b := newBuilder(wasm.WASINames()...)
	b.memory(1, 3)
	paths := make([]byte, 16*len(pathList))
	for i, p := range pathList {
		copy(paths[16*i:], p)
	}
	b.data(pathsAt, paths)
	var vecs []byte
	for i := range 16 {
		vecs = binary.LittleEndian.AppendUint32(vecs, uint32(randAt+1000*i))
		vecs = binary.LittleEndian.AppendUint32(vecs, uint32(g.r.IntN(3000)))
	}
	b.data(vecsAt, vecs)
	b.m.Datas = append(b.m.Datas, wasm.Data{Mode: wasm.Passive, Init: []byte(fmt.Sprint("passive data ", seed))})
	for _, x := range "ilfdrx" {
		init := wasm.ConstExpr{Op: map[rune]byte{'i': opI32Const, 'l': opI64Const, 'f': opF32Const, 'd': opF64Const, 'r': opRefNull, 'x': opRefNull}[x], Type: valTypes[byte(x)]}
		if init.Op != opRefNull {
			init.Bits = g.r.Uint64N(1 << 20)
		}
		b.m.Globals = append(b.m.Globals, wasm.Global{GlobalType: wasm.GlobalType{Type: valTypes[byte(x)], Mutable: true}, Init: init})
	}
	b.m.Tables = []wasm.TableType{
		{Elem: wasm.FuncRef, Bounds: wasm.Bounds{Min: 8, Max: 3000, HasMax: true}},
		{Elem: wasm.FuncRef, Bounds: wasm.Bounds{Min: 7, Max: 900, HasMax: true}},
		{Elem: wasm.ExternRef, Bounds: wasm.Bounds{Min: 6, Max: 40, HasMax: true}},
	}
	g.pair = b.typ(nil, types("il"))
	g.funcs = []string{"i:i", "il:l", "d:d", "fi:f", ":", "i:i"}
	var refs []wasm.ElemInit
	for i := range g.funcs {
		refs = append(refs, wasm.ElemInit{Op: opRefFunc, Index: uint32(imported + i)})
	}
	refs = append(refs, wasm.ElemInit{Op: opRefNull, Index: uint32(wasm.FuncRef)}, wasm.ElemInit{Op: opRefFunc, Index: 45})
	b.m.Elems = []wasm.Elem{
		{Mode: wasm.Active, Type: wasm.FuncRef, At: wasm.ConstExpr{Op: opI32Const, Type: wasm.I32}, Init: refs},
		{Mode: wasm.Passive, Type: wasm.FuncRef, Init: refs},
	}
	for i, sig := range g.funcs {
		in, out := sig[:len(sig)-len(sig[colon(sig):])], sig[colon(sig)+1:]
		locals := "iiilldfr"
		if i == 4 {
			for range 600 {
				locals += "l"
			}
		}
		g.locals, g.result, g.first = in+locals, nil, i+1
		if out != "" {
			g.result = g.constant(out[0])
		}
		var body []byte
		for range 3 + g.r.IntN(6) {
			body = append(body, g.stmt(3)...)
		}
		if out != "" {
			body = append(body, g.expr(out[0], 3)...)
		}
		b.fn(types(in), types(out), types(locals), body)
	}
	g.locals, g.result, g.first = "iilldfr", nil, 0
	var body []byte
	for range 8 + g.r.IntN(20) {
		body = append(body, g.stmt(4)...)
	}
	return b.entry(b.fn(nil, nil, types(g.locals), body))
}

func colon(sig string) int {
	for i := range len(sig) {
		if sig[i] == ':' {
			return i
		}
	}
	return len(sig)
}

// local returns a random local of a type; false if there is none.
func (g *generator) local(t byte) (uint32, bool) {
	start := g.r.IntN(len(g.locals))
	for k := range len(g.locals) {
		if i := (start + k) % len(g.locals); g.locals[i] == t {
			return uint32(i), true
		}
	}
	return 0, false
}

// constant is a value that is often at an edge.
func (g *generator) constant(t byte) []byte {
	edges := []int64{0, 1, -1, 2, 7, 31, 64, 127, 255, 1 << 15, 65535, 1<<31 - 1, -1 << 31, 1<<63 - 1, -1 << 63}
	v := edges[g.r.IntN(len(edges))]
	if g.r.IntN(3) == 0 {
		v = int64(g.r.Uint64())
	}
	switch t {
	case 'i':
		return i32(int32(v))
	case 'l':
		return i64(v)
	case 'f':
		return binary.LittleEndian.AppendUint32([]byte{opF32Const}, uint32(v)<<g.r.IntN(24))
	case 'd':
		return binary.LittleEndian.AppendUint64([]byte{opF64Const}, uint64(v)<<g.r.IntN(56))
	case 'r':
		if g.r.IntN(2) == 0 {
			return append([]byte{opRefFunc}, uleb(uint32(imported+g.r.IntN(len(g.funcs))))...)
		}
		return op(opRefNull, byte(wasm.FuncRef))
	}
	return op(opRefNull, byte(wasm.ExternRef))
}

var globalOf = map[byte]byte{'i': 0, 'l': 1, 'f': 2, 'd': 3, 'r': 4, 'x': 5}

// address is mostly inside the memory.
func (g *generator) address(depth int) []byte {
	if g.r.IntN(30) == 0 {
		return g.expr('i', depth)
	}
	mask := code(g.expr('i', depth), i32(0x7fff), op(opI32And))
	if g.r.IntN(3) == 0 {
		return code(mask, g.expr('i', 0), i32(0xfff), op(opI32And), op(opI32Add))
	}
	return mask
}

func (g *generator) expr(t byte, depth int) []byte {
	if depth == 0 || g.r.IntN(5) == 0 {
		switch x, ok := g.local(t); {
		case g.r.IntN(4) == 0:
			return op(opGlobalGet, globalOf[t])
		case ok && g.r.IntN(3) > 0:
			return get(x)
		}
		return g.constant(t)
	}
	d := depth - 1
	if t == 'r' || t == 'x' {
		if g.r.IntN(2) == 0 {
			return code(i32(int32(g.r.IntN(3))), op(opTableGet, map[byte]byte{'r': byte(g.r.IntN(2)), 'x': 2}[t]))
		}
		return g.constant(t)
	}
	switch g.r.IntN(12) {
	case 0:
		var list []byte
		for _, l := range loadCodes {
			if l.t == t {
				list = append(list, l.op)
			}
		}
		return code(g.address(d), op(list[g.r.IntN(len(list))], 0, byte(g.r.IntN(100))))
	case 1:
		return code(g.expr(t, d), g.expr(t, d), g.expr('i', d), op(opSelect))
	case 2:
		return code(g.expr('i', d), op(opIf, byte(valTypes[t])), g.expr(t, d), op(opElse), g.expr(t, d), op(opEnd))
	case 3:
		return code(op(opBlock, byte(valTypes[t])), g.expr(t, d), g.expr('i', d), op(opBrIf, 0), op(opDrop), g.expr(t, d), op(opEnd))
	case 4:
		for i, sig := range g.funcs {
			if i >= g.first && sig[colon(sig)+1:] == string(t) && g.r.IntN(2) == 0 {
				var args []byte
				for _, p := range sig[:colon(sig)] {
					args = append(args, g.expr(byte(p), d)...)
				}
				return code(args, call(uint32(imported+i)))
			}
		}
	case 5:
		if t == 'd' {
			return code(g.expr('d', d), g.expr('d', d), op(opF64Mul), g.expr('d', d), op(opF64Add))
		}
		if t == 'i' {
			return g.oddInt(d)
		}
	}
	return g.numeric(t, d)
}

// numeric is an operation with a result of a type.
func (g *generator) numeric(t byte, d int) []byte {
	n := 0
	for _, o := range numeric {
		if o.sig[len(o.sig)-1] == t {
			n += o.count
		}
	}
	pick := g.r.IntN(n)
	for _, o := range numeric {
		if o.sig[len(o.sig)-1] != t {
			continue
		}
		if pick >= o.count {
			pick -= o.count
			continue
		}
		var b []byte
		for _, p := range o.sig[:colon(o.sig)] {
			b = append(b, g.expr(byte(p), d)...)
		}
		c := o.first + pick
		switch {
		case c >= 0xfc00:
			return append(b, opBulk, byte(c))
		case mayTrap(c) && g.r.IntN(8) > 0: // or hardly a program comes far
			return g.constant(t)
		}
		return append(b, byte(c))
	}
	panic("no operation")
}

// mayTrap tells division and conversion.
func mayTrap(c int) bool {
	return c >= 0x6d && c <= 0x70 || c >= 0x7f && c <= 0x82 || c >= 0xa8 && c <= 0xab || c >= 0xae && c <= 0xb1
}

// oddInt is an i32 that comes from somewhere else than arithmetic.
func (g *generator) oddInt(d int) []byte {
	table := byte(g.r.IntN(3))
	ref := byte('r')
	if table == 2 {
		ref = 'x'
	}
	switch g.r.IntN(6) {
	case 0:
		return op(opMemorySize, 0)
	case 1:
		return code(i32(int32(g.r.IntN(2))), op(opMemoryGrow, 0))
	case 2:
		return bulk(16, table)
	case 3:
		return code(g.expr(ref, 0), i32(int32(g.r.IntN(1500))), bulk(15, table))
	case 4:
		return code(g.expr(ref, d), op(opRefIsNull))
	}
	return code(g.expr('i', d), i32(int32(slices.Concat(slices.Repeat([]int{5}, 40), []int{0, 1, 6, 9})[g.r.IntN(44)])), op(opCallIndirect, byte(g.pair+1), byte(g.r.IntN(40)/39)))
}

func (g *generator) stmts(depth int) []byte {
	var b []byte
	for range 1 + g.r.IntN(3) {
		b = append(b, g.stmt(depth)...)
	}
	return b
}

func (g *generator) stmt(depth int) []byte {
	t := "ilfd"[g.r.IntN(4)]
	if depth == 0 {
		return g.assign(t, 0)
	}
	d := depth - 1
	switch g.r.IntN(16) {
	case 0, 1:
		return g.assign("ilfdr"[g.r.IntN(5)], d)
	case 2, 3:
		s := storeCodes[g.r.IntN(len(storeCodes))]
		return code(g.address(d), g.expr(s.t, d), op(s.op, 0, byte(g.r.IntN(100))))
	case 4:
		return code(g.expr('i', d), op(opIf, emptyBlock), g.stmts(d), op(opElse), g.stmts(d), op(opEnd))
	case 5:
		return code(op(opBlock, emptyBlock, opLoop, emptyBlock), g.stmts(d), g.expr('i', d), op(opBrIf, byte(g.r.IntN(2)), opEnd, opEnd))
	case 6:
		return code(op(opBlock, emptyBlock, opBlock, emptyBlock, opBlock, emptyBlock), g.expr('i', d), op(opBrTable, 2, 0, 1, 2),
			op(opEnd), g.stmts(d), op(opEnd), g.stmts(d), op(opEnd))
	case 7:
		x, okx := g.local('i')
		y, oky := g.local('l')
		if !okx || !oky {
			return nil
		}
		return code(g.multi(d), set(y), set(x))
	case 8:
		return g.bulkStmt(d)
	case 13:
		return g.join(d)
	case 14:
		return g.dispatch(d)
	case 9:
		if g.first <= 2 {
			return code(g.expr('d', d), call(imported+2), op(opDrop))
		}
	case 10, 11:
		return code(g.hostCall(d), op(opDrop))
	case 12:
		if g.r.IntN(20) == 0 {
			switch g.r.IntN(3) {
			case 0:
				return op(opUnreachable)
			case 1:
				return code(g.expr('i', 0), call(uint32(slices.Index(wasm.WASINames(), "proc_exit"))))
			}
			return code(g.result, op(opReturn))
		}
		if g.first <= 4 {
			return call(imported + 4)
		}
	}
	return g.assign(t, d)
}

// join is a place that two ways lead to, one of them behind an operation, and a
// third avoids.
func (g *generator) join(d int) []byte {
	x, okx := g.local('i')
	y, oky := g.local('l')
	if !okx || !oky {
		return nil
	}
	ways := [][]byte{
		code(get(x), i32(7), op(opI32Add), set(x)), code(get(y), i64(-9), op(opI64Add), set(y)),
		code(get(y), get(y), op(opI64Add), set(y)), code(g.expr('l', 0), set(y)),
	}
	return code(op(opBlock, emptyBlock, opBlock, emptyBlock), g.expr('i', d), op(opBrIf, 0), g.expr('i', 0), op(opBrIf, 1),
		ways[g.r.IntN(len(ways))], op(opEnd), g.assign('d', d), op(opEnd))
}

// dispatch is what Go's compiler makes of a function: a loop around a jump table,
// whose cases say where to go next.
func (g *generator) dispatch(d int) []byte {
	x, ok := g.local('i')
	if !ok {
		return nil
	}
	return code(i32(0), set(x), op(opLoop, emptyBlock, opBlock, emptyBlock, opBlock, emptyBlock), get(x), op(opBrTable, 1, 0, 1),
		op(opEnd), g.assign('l', d), i32(1), set(x), op(opBr, 1), op(opEnd), g.assign('d', d), op(opEnd))
}

// multi leaves an i32 and an i64, through a branch that carries both over
// another operand.
func (g *generator) multi(d int) []byte {
	return code(op(opBlock), leb(int64(g.pair)), g.expr('i', d), g.expr('i', d), g.expr('l', d), g.expr('i', d), op(opBrIf, 0, opDrop, opDrop, opDrop), g.expr('i', d), g.expr('l', d), op(opEnd))
}

func (g *generator) assign(t byte, d int) []byte {
	if x, ok := g.local(t); ok && g.r.IntN(3) > 0 {
		return code(g.expr(t, d), set(x))
	}
	return code(g.expr(t, d), op(opGlobalSet, globalOf[t]))
}

func (g *generator) bulkStmt(d int) []byte {
	n := i32(int32(g.r.IntN(9000)))
	few := i32(int32(g.r.IntN(4)))
	table := byte(g.r.IntN(3))
	ref := byte('r')
	if table == 2 {
		ref = 'x'
	}
	switch g.r.IntN(10) {
	case 0:
		return code(g.address(d), g.expr('i', d), n, bulk(11, 0))
	case 1, 2:
		return code(g.address(d), g.address(d), n, bulk(10, 0, 0))
	case 3:
		return code(g.address(d), few, few, bulk(8, 2, 0))
	case 4:
		if g.r.IntN(8) == 0 {
			return bulk(9, 2)
		}
	case 5:
		return code(few, g.expr(ref, d), op(opTableSet, table))
	case 6:
		return code(few, g.expr(ref, d), few, bulk(17, table))
	case 7:
		from := byte(g.r.IntN(2))
		return code(few, few, few, bulk(14, byte(g.r.IntN(2)), from))
	case 8:
		return code(few, few, few, bulk(12, 1, byte(g.r.IntN(2))))
	case 9:
		if g.r.IntN(3) == 0 {
			return bulk(13, 1)
		}
		return code(i32(0), g.expr(ref, d), bulk(16, table), bulk(17, table))
	}
	return nil
}

// hostCall calls one of the functions of preview 1 with arguments that often
// mean something.
func (g *generator) hostCall(d int) []byte {
	f := g.r.IntN(imported)
	if wasm.WASINames()[f] == "proc_exit" {
		f = 0
	}
	name := wasm.WASINames()[f]
	sig, _ := wasm.WASISignature(name)
	path := g.r.IntN(len(pathList))
	var b []byte
	for i, t := range sig.Params {
		letter := byte('i')
		if t == wasm.I64 {
			letter = 'l'
		}
		switch {
		case g.r.IntN(25) == 0:
			b = append(b, g.expr(letter, d)...)
		case letter == 'l':
			b = append(b, i64([]int64{0, 1, 5, 100, 4000, -1}[g.r.IntN(6)])...)
		case i == 0:
			b = append(b, i32(int32(g.r.IntN(8)))...)
		case name[:2] == "pa" && (i == 1 && sig.Params[1] == wasm.I32 || i == 2) && g.r.IntN(2) == 0:
			b = append(b, i32(int32(pathsAt+16*path))...)
		case name[:2] == "pa" && (i == 2 || i == 3) && g.r.IntN(2) == 0:
			b = append(b, i32(int32(len(pathList[path])))...)
		case i == 1 && g.r.IntN(2) == 0:
			b = append(b, i32(vecsAt)...)
		default:
			b = append(b, i32([]int32{0, 1, 2, 3, 4, 9, 16, 300, randAt, 9000}[g.r.IntN(10)])...)
		}
	}
	if name == "path_open" { // (fd, flags, path, length, open flags, rights, inherited, fd flags, at)
		fd := 3 + g.r.IntN(2)
		b = code(i32(int32(fd)), i32(0), i32(int32(pathsAt+16*path)), i32(int32(len(pathList[path]))), i32(int32(g.r.IntN(16))), i64(-1), i64(-1), i32(0), i32(64))
	}
	return code(b, call(uint32(f)))
}

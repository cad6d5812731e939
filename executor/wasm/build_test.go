package wasm

import (
	"encoding/binary"

	"github.com/capacloud/assay/machine/wasm"
)

// Opcodes that the tests assemble.
const (
	opUnreachable  = 0x00
	opNop          = 0x01
	opLoop         = 0x03
	opIf           = 0x04
	opEnd          = 0x0b
	opBr           = 0x0c
	opCall         = 0x10
	opCallIndirect = 0x11
	opDrop         = 0x1a
	opLocalGet     = 0x20
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opTableGet     = 0x25
	opTableSet     = 0x26
	opI32Load      = 0x28
	opI32Store     = 0x36
	opMemoryGrow   = 0x40
	opI32Const     = 0x41
	opI64Const     = 0x42
	opF32Const     = 0x43
	opF64Const     = 0x44
	opI32Eqz       = 0x45
	opI64Eqz       = 0x50
	opI32Sub       = 0x6b
	opI32DivS      = 0x6d
	opI64Add       = 0x7c
	opF64Div       = 0xa3
	opI32TruncF32  = 0xa8
	opRefNull      = 0xd0
	opRefFunc      = 0xd2
	opBulk         = 0xfc

	bulkMemoryInit = 8
	bulkMemoryCopy = 10
	bulkMemoryFill = 11
	bulkTableInit  = 12
	bulkTableCopy  = 14
	bulkTableGrow  = 15
	bulkTableFill  = 17

	emptyBlock = 0x40
)

// code concatenates instructions.
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

// leb is signed LEB128.
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

func call2(f byte) []byte { return op(opCall, f) }

func times(n int, b []byte) []byte {
	var out []byte
	for range n {
		out = append(out, b...)
	}
	return out
}

// builder assembles a module with imports first, one memory of one page that
// may grow to four, a table and a mutable i64 global.
type builder struct{ m wasm.Module }

func newBuilder(imports ...string) *builder {
	b := &builder{wasm.Module{Start: -1, DataCount: -1}}
	for _, name := range imports {
		t, ok := wasm.WASISignature(name)
		if !ok {
			panic(name)
		}
		b.m.Types = append(b.m.Types, t)
		b.m.Imports = append(b.m.Imports, wasm.Import{Module: wasm.WASIModule, Name: name, Kind: wasm.KindFunc, Func: uint32(len(b.m.Types) - 1)})
	}
	b.m.Memories = []wasm.Bounds{{Min: 1, Max: 4, HasMax: true}}
	b.m.Globals = []wasm.Global{{GlobalType: wasm.GlobalType{Type: wasm.I64, Mutable: true}, Init: wasm.ConstExpr{Op: opI64Const, Type: wasm.I64, Bits: 5}}}
	return b
}

// fn adds a function and returns its index. The final end is added.
func (b *builder) fn(params, results []wasm.ValType, body []byte) byte {
	b.m.Types = append(b.m.Types, wasm.FuncType{Params: params, Results: results})
	b.m.Funcs = append(b.m.Funcs, uint32(len(b.m.Types)-1))
	b.m.Codes = append(b.m.Codes, wasm.Body{Expr: append(body[:len(body):len(body)], opEnd)})
	return byte(len(b.m.Imports) + len(b.m.Funcs) - 1)
}

func (b *builder) proc(body []byte) byte { return b.fn(nil, nil, body) }

// procType is the index of a type () -> ().
func (b *builder) procType() byte {
	b.m.Types = append(b.m.Types, wasm.FuncType{})
	return byte(len(b.m.Types) - 1)
}

// table gives the module a table of four elements: the functions, then nulls.
func (b *builder) table(funcs ...byte) {
	b.m.Tables = []wasm.TableType{{Elem: wasm.FuncRef, Bounds: wasm.Bounds{Min: 4, Max: 8, HasMax: true}}}
	s := wasm.Elem{Mode: wasm.Active, Type: wasm.FuncRef, At: wasm.ConstExpr{Op: opI32Const, Type: wasm.I32}}
	for _, f := range funcs {
		s.Init = append(s.Init, wasm.ElemInit{Op: opRefFunc, Index: uint32(f)})
	}
	b.m.Elems = append(b.m.Elems, s)
}

func (b *builder) data(at uint32, bytes []byte) {
	b.m.Datas = append(b.m.Datas, wasm.Data{Mode: wasm.Active, At: wasm.ConstExpr{Op: opI32Const, Type: wasm.I32, Bits: uint64(at)}, Init: bytes})
}

// entry exports _start and returns the module.
func (b *builder) entry(f byte) []byte {
	b.m.Exports = append(b.m.Exports, wasm.Export{Name: wasm.EntryExport, Kind: wasm.KindFunc, Index: uint32(f)})
	if b.m.DataCount < 0 && len(b.m.Datas) > 0 {
		b.m.DataCount = int64(len(b.m.Datas))
	}
	return wasm.Encode(&b.m)
}

// iovec is one element of an iovec array.
func iovec(at, n uint32) []byte {
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, at), n)
}

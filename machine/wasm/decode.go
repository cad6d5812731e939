package wasm

import "bytes"

// Section ids (§5.5.2) in the order in which they must stand.
const (
	secCustom    = 0
	secType      = 1
	secImport    = 2
	secFunction  = 3
	secTable     = 4
	secMemory    = 5
	secGlobal    = 6
	secExport    = 7
	secStart     = 8
	secElement   = 9
	secCode      = 10
	secData      = 11
	secDataCount = 12
	secTag       = 13
)

// sectionRank is the place of each section id: data count stands before code.
var sectionRank = [...]byte{
	secType: 1, secImport: 2, secFunction: 3, secTable: 4, secMemory: 5,
	secGlobal: 6, secExport: 7, secStart: 8, secElement: 9, secDataCount: 10, secCode: 11, secData: 12,
}

// Decode reads the binary format of WebAssembly 2.0 (specification §5) without
// its vector instructions. It checks everything that can be known without
// types: section order and sizes, integers, names, opcodes, the nesting of
// function bodies. The module keeps pointing into b.
//
// Refused: over-long integers, names that are not UTF-8, unknown or repeated
// sections, bytes after a section's content, features of later proposals, and
// whatever exceeds l.
func Decode(b []byte, l Limits) (*Module, error) {
	d := newDecoder(b, l)
	for !d.step() {
	}
	if d.err != nil {
		return nil, d.err
	}
	return d.m, nil
}

// decoder decodes in steps of one entry of a section, so that a caller can
// stop between them.
type decoder struct {
	reader
	m        *Module
	bodies   int    // function bodies begun
	elements uint32 // elements in the segments so far
	open     []byte // constructs around the instruction being scanned

	// The section being read: its rank, the bytes around it, the entries left
	// and what reads one.
	last  byte
	whole []byte // nil between sections
	rest  int
	item  func()
}

func newDecoder(b []byte, l Limits) *decoder {
	d := &decoder{m: &Module{Start: -1, DataCount: -1, limits: l}, reader: reader{b: b}}
	if uint64(len(b)) > uint64(l.ModuleBytes) {
		d.err = refuse(CodeAboveLimit, 0, "module bytes: %d, limit %d", len(b), l.ModuleBytes)
		return d
	}
	d.header()
	return d
}

// step reads one entry, or begins or ends a section. It returns true when
// nothing is left or d.err is set.
func (d *decoder) step() (done bool) {
	switch {
	case d.err != nil:
		return true
	case d.whole != nil && d.rest > 0:
		d.rest--
		d.item()
		if d.err != nil {
			d.close()
		}
	case d.whole != nil:
		d.close()
	case d.pos < len(d.b):
		d.section()
	default:
		d.finish()
		return true
	}
	return d.err != nil
}

func (d *decoder) header() {
	if len(d.b) < 4 {
		d.fail(CodeTruncated, "no magic number")
		return
	}
	if string(d.bytes(4)) != "\x00asm" {
		d.pos = 0
		d.fail(CodeBadMagic, "")
		return
	}
	if v := d.fixed(4); d.err == nil && v != 1 {
		d.pos = 4
		d.fail(CodeBadVersion, "version %d", v)
	}
}

// section begins a section; its size must be exactly that of its content.
func (d *decoder) section() {
	at := d.pos
	id := d.byte()
	size := d.u32()
	if d.err != nil {
		return
	}
	if int64(size) > int64(d.left()) {
		d.fail(CodeTruncated, "section %d: %d bytes announced, %d left", id, size, d.left())
		return
	}
	d.whole, d.rest = d.b, 0
	d.b = d.whole[:d.pos+int(size)]
	if id == secCustom {
		d.custom()
		d.b, d.whole = d.whole, nil
		return
	}
	if int(id) >= len(sectionRank) {
		d.pos = at
		if id == secTag {
			d.fail(CodeExceptions, "tag section")
		} else {
			d.fail(CodeBadSection, "section id %d", id)
		}
		return
	}
	rank := sectionRank[id]
	if rank <= d.last {
		d.pos = at
		d.fail(CodeBadSectionOrder, "section %d", id)
		return
	}
	d.last = rank
	d.content(id)
	if d.err != nil {
		d.close()
	}
}

// close ends a section.
func (d *decoder) close() {
	if d.err == nil && d.pos != len(d.b) {
		d.fail(CodeBadSectionSize, "section %d: %d bytes too many", sectionOf(d.last), d.left())
	}
	if d.err != nil && d.err.Code == CodeTruncated && len(d.b) < len(d.whole) {
		d.err.Code = CodeBadSectionSize // the section ends early, not the file
	}
	d.b, d.whole = d.whole, nil
}

func sectionOf(rank byte) int { return bytes.IndexByte(sectionRank[:], rank) }

func (d *decoder) content(id byte) {
	m, l := d.m, &d.m.limits
	switch id {
	case secType:
		entries(d, &m.Types, l.Types, "types", d.funcType)
	case secImport:
		entries(d, &m.Imports, l.Imports, "imports", d.importEntry)
	case secFunction:
		entries(d, &m.Funcs, l.Functions, "functions", d.u32)
	case secTable:
		entries(d, &m.Tables, l.Tables, "tables", d.tableType)
	case secMemory:
		entries(d, &m.Memories, 1000, "memories", d.memoryType)
	case secGlobal:
		entries(d, &m.Globals, l.Globals, "globals", d.global)
	case secExport:
		entries(d, &m.Exports, l.Exports, "exports", d.export)
	case secStart:
		m.Start = int64(d.u32())
	case secElement:
		entries(d, &m.Elems, l.ElementSegments, "element segments", d.elem)
	case secDataCount:
		m.DataCount = int64(d.u32())
	case secCode:
		entries(d, &m.Codes, l.Functions, "function bodies", d.body)
	case secData:
		entries(d, &m.Datas, l.DataSegments, "data segments", d.data)
	}
}

// entries begins a section that is a counted sequence; step reads it.
func entries[T any](d *decoder, list *[]T, limit uint32, what string, item func() T) {
	d.rest = d.count(limit, what)
	*list = make([]T, 0, d.rest)
	d.item = func() {
		if v := item(); d.err == nil {
			*list = append(*list, v)
		}
	}
}

// vector decodes a counted sequence inside an entry and stops at the first
// error.
func vector[T any](d *decoder, limit uint32, what string, item func() T) []T {
	n := d.count(limit, what)
	list := make([]T, 0, n)
	for range n {
		v := item()
		if d.err != nil {
			return nil
		}
		list = append(list, v)
	}
	return list
}

func (d *decoder) custom() {
	if len(d.m.Custom) >= int(d.m.limits.CustomSections) {
		d.fail(CodeAboveLimit, "custom sections: limit %d", d.m.limits.CustomSections)
		return
	}
	// A custom name is never used: it is bounded by its section only.
	name := d.name(uint32(len(d.b)))
	if d.err == nil {
		d.m.Custom = append(d.m.Custom, Range{Name: name, Start: d.pos, End: len(d.b)})
		d.pos = len(d.b)
	}
}

func (d *decoder) funcType() FuncType {
	if form := d.byte(); form != 0x60 && d.err == nil {
		d.pos--
		if form == 0x5e || form == 0x5f || form == 0x4e || form == 0x4f || form == 0x50 {
			d.fail(CodeGC, "type form %#x", form)
		} else {
			d.fail(CodeBadType, "type form %#x", form)
		}
		return FuncType{}
	}
	return FuncType{
		Params:  vector(d, d.m.limits.Params, "parameters", d.valType),
		Results: vector(d, d.m.limits.Results, "results", d.valType),
	}
}

func (d *decoder) importEntry() Import {
	im := Import{Offset: d.pos}
	im.Module = d.name(d.m.limits.NameBytes)
	im.Name = d.name(d.m.limits.NameBytes)
	im.Kind = Kind(d.byte())
	if d.err != nil {
		return im
	}
	switch im.Kind {
	case KindFunc:
		im.Func = d.u32()
	case KindTable:
		im.Table = d.tableType()
	case KindMemory:
		im.Memory = d.memoryType()
	case KindGlobal:
		im.Global = d.globalType()
	default:
		d.kindError(byte(im.Kind))
		return im
	}
	d.m.imported[im.Kind]++
	return im
}

func (d *decoder) kindError(kind byte) {
	d.pos--
	if kind == 4 {
		d.fail(CodeExceptions, "tag")
	} else {
		d.fail(CodeBadFlags, "kind %d", kind)
	}
}

func (d *decoder) tableType() TableType {
	t := TableType{Elem: d.refType()}
	t.Bounds = d.bounds()
	return t
}

func (d *decoder) memoryType() Bounds { return d.bounds() }

func (d *decoder) bounds() Bounds {
	var b Bounds
	switch flags := d.byte(); {
	case flags == 0:
	case flags == 1:
		b.HasMax = true
	case flags < 4:
		d.fail(CodeThreads, "shared limits")
		return b
	case flags < 8:
		d.fail(CodeMemory64, "64-bit limits")
		return b
	default:
		d.fail(CodeBadFlags, "limits %#x", flags)
		return b
	}
	b.Min = d.u32()
	if b.HasMax {
		b.Max = d.u32()
	}
	return b
}

func (d *decoder) globalType() GlobalType {
	g := GlobalType{Type: d.valType()}
	switch mut := d.byte(); {
	case mut == 1:
		g.Mutable = true
	case mut > 1:
		d.pos--
		d.fail(CodeBadFlags, "mutability %d", mut)
	}
	return g
}

func (d *decoder) global() Global {
	g := Global{Offset: d.pos}
	g.GlobalType = d.globalType()
	g.Init = d.constExpr()
	return g
}

// constExpr decodes an initialiser. All valid ones are one instruction and an
// end; any other is refused here, before its type is looked at.
func (d *decoder) constExpr() ConstExpr {
	var in, last instr
	at := d.pos
	d.next(&in, &d.m.limits)
	if d.err == nil {
		d.next(&last, &d.m.limits)
	}
	if d.err != nil {
		return ConstExpr{}
	}
	c := ConstExpr{Op: in.op, Bits: in.bits}
	switch in.op {
	case opI32Const:
		c.Type = I32
	case opI64Const:
		c.Type = I64
	case opF32Const:
		c.Type = F32
	case opF64Const:
		c.Type = F64
	case opRefNull:
		c.Type = in.typ
	case opRefFunc:
		c.Type, c.Bits = FuncRef, uint64(in.a)
	case opGlobalGet:
		c.Bits = uint64(in.a)
	default:
		d.pos = at
		d.fail(CodeNotConstant, "%s in an initialiser", ops[in.op].name)
	}
	if last.op != opEnd && d.err == nil {
		d.pos = last.start
		d.fail(CodeNotConstant, "%s after the first instruction of an initialiser", ops[last.op].name)
	}
	return c
}

func (d *decoder) export() Export {
	e := Export{Offset: d.pos}
	e.Name = d.name(d.m.limits.NameBytes)
	e.Kind = Kind(d.byte())
	if d.err == nil && e.Kind > KindGlobal {
		d.kindError(byte(e.Kind))
		return e
	}
	e.Index = d.u32()
	return e
}

// elem decodes an element segment, whose flags (§5.5.12) are: bit 0 not
// active, bit 1 explicit table or declarative, bit 2 expressions.
func (d *decoder) elem() Elem {
	e := Elem{Offset: d.pos, Type: FuncRef}
	flags := d.u32()
	if flags > 7 {
		d.fail(CodeBadFlags, "element segment flags %d", flags)
		return e
	}
	if flags&1 == 0 {
		e.Mode = Active
		if flags&2 != 0 {
			e.Table = d.u32()
		}
		e.At = d.constExpr()
	} else if flags&2 != 0 {
		e.Mode = Declarative
	} else {
		e.Mode = Passive
	}
	byExpr := flags&4 != 0
	if flags&3 != 0 {
		if byExpr {
			e.Type = d.refType()
		} else if kind := d.byte(); kind != 0 && d.err == nil {
			d.fail(CodeBadFlags, "element kind %d", kind)
		}
	}
	room := d.m.limits.Elements - d.elements
	if byExpr {
		e.Init = vector(d, room, "elements", d.elemExpr)
	} else {
		e.Init = vector(d, room, "elements", func() ElemInit {
			return ElemInit{Op: opRefFunc, Index: d.u32()}
		})
	}
	d.elements += uint32(len(e.Init))
	return e
}

func (d *decoder) elemExpr() ElemInit {
	at := d.pos
	c := d.constExpr()
	switch {
	case d.err != nil:
	case c.Op == opRefNull && c.Type == ExternRef:
		return ElemInit{Op: opRefNull, Index: uint32(ExternRef)}
	case c.Op == opRefNull:
		return ElemInit{Op: opRefNull, Index: uint32(FuncRef)}
	case c.Op == opRefFunc || c.Op == opGlobalGet:
		return ElemInit{Op: c.Op, Index: uint32(c.Bits)}
	default:
		d.pos = at
		d.fail(CodeTypeMismatch, "element of type %s", c.Type)
	}
	return ElemInit{}
}

func (d *decoder) data() Data {
	s := Data{Offset: int32(d.pos)}
	switch flags := d.u32(); flags {
	case 0:
		s.At = d.constExpr()
	case 1:
		s.Mode = Passive
	case 2:
		if i := d.u32(); i != 0 && d.err == nil {
			d.fail(CodeMultiMemory, "data segment for memory %d", i)
		}
		s.At = d.constExpr()
	default:
		d.fail(CodeBadFlags, "data segment flags %d", flags)
	}
	s.Init = d.bytes(int(d.u32()))
	return s
}

// finish checks what sections say about each other.
func (d *decoder) finish() {
	m := d.m
	if len(m.Funcs) != len(m.Codes) {
		d.fail(CodeBadCount, "%d functions, %d bodies", len(m.Funcs), len(m.Codes))
	}
	if m.DataCount >= 0 && m.DataCount != int64(len(m.Datas)) {
		d.fail(CodeBadCount, "data count %d, %d data segments", m.DataCount, len(m.Datas))
	}
}

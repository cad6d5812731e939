package wasm

// Encode writes the module in the binary format. Custom sections are dropped,
// integers outside function bodies take their shortest form, and bodies are
// copied byte for byte; so decoding the result and encoding it again gives the
// same bytes.
func Encode(m *Module) []byte {
	size := 1 << 10
	for i := range m.Codes {
		size += len(m.Codes[i].Expr) + 16
	}
	for i := range m.Datas {
		size += len(m.Datas[i].Init) + 12
	}
	w := &writer{b: append(make([]byte, 0, size), "\x00asm\x01\x00\x00\x00"...)}
	section(w, secType, m.Types, func(t FuncType) {
		w.byte(0x60)
		w.valTypes(t.Params)
		w.valTypes(t.Results)
	})
	section(w, secImport, m.Imports, w.importEntry)
	section(w, secFunction, m.Funcs, w.u32)
	section(w, secTable, m.Tables, w.tableType)
	section(w, secMemory, m.Memories, w.bounds)
	section(w, secGlobal, m.Globals, func(g Global) {
		w.globalType(g.GlobalType)
		w.constExpr(g.Init)
	})
	section(w, secExport, m.Exports, func(e Export) {
		w.name(e.Name)
		w.byte(byte(e.Kind))
		w.u32(e.Index)
	})
	if m.Start >= 0 {
		w.sized(secStart, func() { w.u32(uint32(m.Start)) })
	}
	section(w, secElement, m.Elems, w.elem)
	if m.DataCount >= 0 {
		w.sized(secDataCount, func() { w.u32(uint32(m.DataCount)) })
	}
	section(w, secCode, m.Codes, w.body)
	section(w, secData, m.Datas, w.data)
	return w.b
}

type writer struct {
	b []byte
}

func (w *writer) byte(c byte)    { w.b = append(w.b, c) }
func (w *writer) u32(v uint32)   { w.b = appendU64(w.b, uint64(v)) }
func (w *writer) name(s string)  { w.u32(uint32(len(s))); w.b = append(w.b, s...) }
func (w *writer) bytes(b []byte) { w.u32(uint32(len(b))); w.b = append(w.b, b...) }

func (w *writer) valTypes(ts []ValType) {
	w.u32(uint32(len(ts)))
	for _, t := range ts {
		w.byte(byte(t))
	}
}

func appendU64(b []byte, v uint64) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

func appendS64(b []byte, v int64) []byte {
	for v < -64 || v > 63 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v&0x7f))
}

// sized writes a section, or an entry of one, behind its length. The length is
// known only afterwards, so the content is moved by the bytes that it takes.
func (w *writer) sized(id int, content func()) {
	if id >= 0 {
		w.byte(byte(id))
	}
	at := len(w.b)
	content()
	var room [10]byte
	head := appendU64(room[:0], uint64(len(w.b)-at))
	w.b = append(w.b, head...)
	copy(w.b[at+len(head):], w.b[at:len(w.b)-len(head)])
	copy(w.b[at:], head)
}

func section[T any](w *writer, id int, list []T, item func(T)) {
	if len(list) == 0 {
		return
	}
	w.sized(id, func() {
		w.u32(uint32(len(list)))
		for _, x := range list {
			item(x)
		}
	})
}

func (w *writer) importEntry(im Import) {
	w.name(im.Module)
	w.name(im.Name)
	w.byte(byte(im.Kind))
	switch im.Kind {
	case KindFunc:
		w.u32(im.Func)
	case KindTable:
		w.tableType(im.Table)
	case KindMemory:
		w.bounds(im.Memory)
	case KindGlobal:
		w.globalType(im.Global)
	}
}

func (w *writer) tableType(t TableType) {
	w.byte(byte(t.Elem))
	w.bounds(t.Bounds)
}

func (w *writer) bounds(b Bounds) {
	if !b.HasMax {
		w.byte(0)
		w.u32(b.Min)
		return
	}
	w.byte(1)
	w.u32(b.Min)
	w.u32(b.Max)
}

func (w *writer) globalType(g GlobalType) {
	w.byte(byte(g.Type))
	if g.Mutable {
		w.byte(1)
	} else {
		w.byte(0)
	}
}

func (w *writer) constExpr(c ConstExpr) {
	w.byte(c.Op)
	switch c.Op {
	case opI32Const:
		w.b = appendS64(w.b, int64(int32(c.Bits)))
	case opI64Const:
		w.b = appendS64(w.b, int64(c.Bits))
	case opF32Const:
		w.fixed(c.Bits, 4)
	case opF64Const:
		w.fixed(c.Bits, 8)
	case opRefNull:
		w.byte(byte(c.Type))
	default:
		w.u32(uint32(c.Bits))
	}
	w.byte(opEnd)
}

func (w *writer) fixed(v uint64, n int) {
	for i := range n {
		w.byte(byte(v >> (8 * i)))
	}
}

// elem writes a segment in the shortest form that holds it: indexes when every
// element is a function, the implicit table 0 when it can.
func (w *writer) elem(e Elem) {
	byExpr := e.Type != FuncRef
	for _, x := range e.Init {
		byExpr = byExpr || x.Op != opRefFunc
	}
	flags := uint32(0)
	switch {
	case e.Mode == Passive:
		flags = 1
	case e.Mode == Declarative:
		flags = 3
	case e.Table != 0 || e.Type != FuncRef:
		flags = 2
	}
	if byExpr {
		flags |= 4
	}
	w.u32(flags)
	if e.Mode == Active {
		if flags&2 != 0 {
			w.u32(e.Table)
		}
		w.constExpr(e.At)
	}
	if flags&3 != 0 {
		if byExpr {
			w.byte(byte(e.Type))
		} else {
			w.byte(0)
		}
	}
	w.u32(uint32(len(e.Init)))
	for _, x := range e.Init {
		switch {
		case !byExpr:
			w.u32(x.Index)
		case x.Op == opRefNull:
			w.constExpr(ConstExpr{Op: opRefNull, Type: ValType(x.Index)})
		default:
			w.constExpr(ConstExpr{Op: x.Op, Bits: uint64(x.Index)})
		}
	}
}

func (w *writer) body(b Body) {
	w.sized(-1, func() {
		w.u32(uint32(len(b.Locals)))
		for _, run := range b.Locals {
			w.u32(run.Count)
			w.byte(byte(run.Type))
		}
		w.b = append(w.b, b.Expr...)
	})
}

func (w *writer) data(s Data) {
	if s.Mode == Active {
		w.byte(0)
		w.constExpr(s.At)
	} else {
		w.byte(1)
	}
	w.bytes(s.Init)
}

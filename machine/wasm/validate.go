package wasm

// Validate decides whether the module is valid (specification 2.0, §3 and the
// algorithm of its appendix). Imports of every kind are admitted: what wasm/1
// links is decided by CheckProfile. It records what Instrument needs, so it
// must be called first.
func Validate(m *Module) error {
	v := &validator{m: m}
	if err := v.module(); err != nil {
		return err
	}
	for i := range m.Codes {
		if err := v.function(i); err != nil {
			return err
		}
	}
	m.validated = true
	return nil
}

type validator struct {
	m       *Module
	tables  []TableType
	globals []GlobalType
	memory  bool
	refs    []bool // functions that ref.func may name

	// State of the body being validated, reused from one to the next.
	fn       int
	locals   []ValType
	stack    []ValType
	frames   []frame
	height   int
	values   uint32
	in       instr
	r        reader
	scratch  []ValType
	bodyErr  *Error
	numFuncs uint32
	joins    joinWalk

	total      uint64 // locals so far
	totalJoins uint64 // values needed at labels so far
	joinPairs  uint64 // squares of those of each function
	lookups    uint64 // see joinWalk, so far
	blockPairs uint64 // squares of the blocks of each function
	targets    uint64 // of br_tables so far
	steps      uint64 // operands of calls and labels so far
}

// module validates everything but the bodies.
func (v *validator) module() error {
	m := v.m
	for i := range m.Imports {
		if err := v.importEntry(&m.Imports[i]); err != nil {
			return err
		}
	}
	m.funcTypes = m.funcTypes[:0]
	for i := range m.Imports {
		if m.Imports[i].Kind == KindFunc {
			m.funcTypes = append(m.funcTypes, m.Imports[i].Func)
		}
	}
	for i, t := range m.Funcs {
		if int(t) >= len(m.Types) {
			e := refuse(CodeUnknownIndex, 0, "type %d", t)
			e.Func = i + int(m.imported[KindFunc])
			return e
		}
	}
	m.funcTypes = append(m.funcTypes, m.Funcs...)
	v.numFuncs = uint32(len(m.funcTypes))
	for _, t := range m.Tables {
		if err := checkBounds(t.Bounds, 1<<32-1, 0, "table"); err != nil {
			return err
		}
		v.tables = append(v.tables, t)
	}
	for _, b := range m.Memories {
		if err := checkBounds(b, MaxPages, 0, "memory"); err != nil {
			return err
		}
	}
	memories := int(m.imported[KindMemory]) + len(m.Memories)
	if memories > 1 {
		return refuse(CodeMultiMemory, 0, "%d memories", memories)
	}
	v.memory = memories == 1
	v.refs = make([]bool, v.numFuncs)
	return v.initialisers()
}

// function validates one own function. The module comes first.
func (v *validator) function(i int) error {
	if err := v.body(i); err != nil {
		err.Func = v.fn
		return err
	}
	return nil
}

func (v *validator) importEntry(im *Import) error {
	switch im.Kind {
	case KindFunc:
		if int(im.Func) >= len(v.m.Types) {
			return refuse(CodeUnknownIndex, im.Offset, "type %d", im.Func)
		}
	case KindTable:
		if err := checkBounds(im.Table.Bounds, 1<<32-1, im.Offset, "table"); err != nil {
			return err
		}
		v.tables = append(v.tables, im.Table)
	case KindMemory:
		if err := checkBounds(im.Memory, MaxPages, im.Offset, "memory"); err != nil {
			return err
		}
	case KindGlobal:
		v.globals = append(v.globals, im.Global)
	}
	return nil
}

func checkBounds(b Bounds, most uint32, offset int, what string) error {
	if b.Min > most || (b.HasMax && (b.Max > most || b.Min > b.Max)) {
		return refuse(CodeBadLimits, offset, "%s of %d to %d", what, b.Min, b.Max)
	}
	return nil
}

// initialisers checks globals, exports, start and segments, and collects the
// functions that they declare for ref.func.
func (v *validator) initialisers() error {
	m := v.m
	for i := range m.Globals {
		g := &m.Globals[i]
		if err := v.constExpr(g.Init, g.Type, g.Offset); err != nil {
			return err
		}
	}
	// Own globals become visible only now: an initialiser may read imported
	// ones alone (§3.3.10).
	for i := range m.Globals {
		v.globals = append(v.globals, m.Globals[i].GlobalType)
	}
	if err := v.exports(); err != nil {
		return err
	}
	if m.Start >= 0 {
		if m.Start >= int64(v.numFuncs) {
			return refuse(CodeUnknownIndex, 0, "start function %d", m.Start)
		}
		if t := m.FuncType(uint32(m.Start)); len(t.Params)+len(t.Results) != 0 {
			return refuse(CodeBadStart, 0, "function %d", m.Start)
		}
	}
	for i := range m.Elems {
		if err := v.elem(&m.Elems[i]); err != nil {
			return err
		}
	}
	for i := range m.Datas {
		s := &m.Datas[i]
		if s.Mode != Active {
			continue
		}
		if !v.memory {
			return refuse(CodeUnknownIndex, int(s.Offset), "memory 0")
		}
		if err := v.constExpr(s.At, I32, int(s.Offset)); err != nil {
			return err
		}
	}
	return nil
}

func (v *validator) constExpr(c ConstExpr, want ValType, offset int) error {
	got := c.Type
	switch c.Op {
	case opGlobalGet:
		if c.Bits >= uint64(v.m.imported[KindGlobal]) {
			return refuse(CodeUnknownIndex, offset, "global %d in an initialiser", c.Bits)
		}
		g := v.globals[c.Bits]
		if g.Mutable {
			return refuse(CodeNotConstant, offset, "mutable global %d in an initialiser", c.Bits)
		}
		got = g.Type
	case opRefFunc:
		if c.Bits >= uint64(v.numFuncs) {
			return refuse(CodeUnknownIndex, offset, "function %d", c.Bits)
		}
		v.refs[c.Bits] = true
	}
	if got != want {
		return refuse(CodeTypeMismatch, offset, "initialiser has %s, not %s", got, want)
	}
	return nil
}

func (v *validator) exports() error {
	seen := make(map[string]struct{}, len(v.m.Exports))
	for i := range v.m.Exports {
		e := &v.m.Exports[i]
		if _, twice := seen[e.Name]; twice {
			return refuse(CodeDuplicateExport, e.Offset, "%q", e.Name)
		}
		seen[e.Name] = struct{}{}
		known := false
		switch e.Kind {
		case KindFunc:
			if known = e.Index < v.numFuncs; known {
				v.refs[e.Index] = true
			}
		case KindTable:
			known = int(e.Index) < len(v.tables)
		case KindMemory:
			known = v.memory && e.Index == 0
		case KindGlobal:
			known = int(e.Index) < len(v.globals)
		}
		if !known {
			return refuse(CodeUnknownIndex, e.Offset, "export %q", e.Name)
		}
	}
	return nil
}

func (v *validator) elem(e *Elem) error {
	for _, x := range e.Init {
		t := FuncRef
		switch x.Op {
		case opRefFunc:
			if x.Index >= v.numFuncs {
				return refuse(CodeUnknownIndex, e.Offset, "function %d", x.Index)
			}
			v.refs[x.Index] = true
		case opRefNull:
			t = ValType(x.Index)
		case opGlobalGet:
			if err := v.constExpr(ConstExpr{Op: opGlobalGet, Bits: uint64(x.Index)}, e.Type, e.Offset); err != nil {
				return err
			}
			t = e.Type
		}
		if t != e.Type {
			return refuse(CodeTypeMismatch, e.Offset, "%s in a segment of %s", t, e.Type)
		}
	}
	if e.Mode != Active {
		return nil
	}
	if int(e.Table) >= len(v.tables) {
		return refuse(CodeUnknownIndex, e.Offset, "table %d", e.Table)
	}
	if t := v.tables[e.Table].Elem; t != e.Type {
		return refuse(CodeTypeMismatch, e.Offset, "segment of %s for a table of %s", e.Type, t)
	}
	return v.constExpr(e.At, I32, e.Offset)
}

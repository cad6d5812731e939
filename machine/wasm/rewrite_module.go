package wasm

import (
	"slices"
	"strconv"
	"strings"
)

// Instrument rewrites a valid module for the profile wasm/1. The result means
// the same except for what follows, which is normative.
//
// # Fuel
//
// Every operator costs 1, except block, loop, else and end, which cost 0.
// Operators are divided into blocks. A block begins at the function's entry,
// behind loop, if and else, behind br_if, and behind the end of a construct
// that some instruction inside it branches out of (br, br_if, br_table to a
// label outside the construct, or return). Behind the end of any other
// construct the block continues in which the construct stands: whoever entered
// the construct leaves it here. Code behind br, br_table, return and
// unreachable, up to the else or end of its construct, belongs to no block.
//
// The entry block of a function costs own locals/64 + results/8 more, rounded down
// each. A label that some branch goes to, and that of an if, adds an eighth of its
// values, the operands that it takes and its joins (see joinWalk): of a loop to the
// block that begins there, of others to the block in which control goes on behind
// their end.
//
// A block is charged whole at its entry: passing its first byte takes the sum
// of its costs from the fuel left. Fuel is compared with zero at four places
// and nowhere else: at a function's entry and at a loop's head, after the
// charge of the block that begins there; before each call of a host function;
// before each of memory.grow, fill, copy, init and table.grow, fill, copy,
// init, after their extra charge. If it is below zero the trap is
// TrapOutOfFuel, the call or operation has no effect, and the fuel used reads
// the limit. Any other trap that comes first is that trap; a program that ends
// first has ended. See FuelUsed.
//
// The extra charge of an operation on n bytes or elements is ceil(n/64), taken
// whether or not it will trap. memory.grow by n pages takes PageFuel·n and
// table.grow by n elements n if it will succeed, and nothing if it will answer
// -1. A host function may take more through FuelExport.
//
// The host may give the fuel in slices, see RefuelImport. Fuel above means the
// slice and the host's reserve together: nothing shows how it is divided.
//
// # Depth
//
// A frame of function f counts 1 against Frames and, against Slots,
//
//	8 + parameters + locals + most operands on its stack + values + joins
//
// where values counts, over all instructions of the body, reachable or not, the
// results that each leaves by its type: local.get, local.tee and br_if count
// none; block, loop, if and else count the parameters of their construct, and
// an end that closes one counts its results; joins counts pairs of a label and a
// local as joinWalk does. The frame is pushed before the entry block is charged: if either limit is passed the trap
// is TrapStackExhausted and nothing was charged. It is popped when the function
// returns. A host function takes no frame.
//
// # Growth
//
// The effective maximum of the memory is the lesser of the declared one and
// Options.MemoryPages, that of a table the lesser of the declared one and
// MaxTableElems. Growing beyond it answers -1.
//
// # NaN
//
// The result of ceil, floor, trunc, nearest, sqrt, add, sub, mul, div, min,
// max, promote and demote, if it is a NaN, is 0x7fc00000 (f32) or
// 0x7ff8000000000000 (f64). All other instructions, abs, neg, copysign, loads,
// stores, reinterpret and constants among them, keep bits as they are. The
// rewriting leaves out what nobody can see; see nanWalk.
//
// # Start
//
// The start section is removed; StartExport names its function.
//
// Calls of host functions through tables and references go through a wrapper
// that compares fuel first. Code that control cannot reach is left out. Own
// functions of the original move up by one index, see OriginalFunc.
func Instrument(m *Module, o Options) (*Instrumented, error) {
	if !m.validated {
		return nil, refuse(CodeNotValidated, 0, "")
	}
	if o.Frames == 0 {
		o.Frames = DefaultFrames
	}
	if o.Slots == 0 {
		o.Slots = DefaultSlots
	}
	switch {
	case o.Fuel > MaxFuel:
		return nil, refuse(CodeBadOptions, 0, "fuel: %d", o.Fuel)
	case o.Frames > MaxDepth || o.Slots > MaxDepth:
		return nil, refuse(CodeBadOptions, 0, "depth: %d frames, %d slots", o.Frames, o.Slots)
	case o.MemoryPages > MaxPages:
		return nil, refuse(CodeBadOptions, 0, "memory: %d pages", o.MemoryPages)
	}
	for _, b := range m.Memories {
		if b.Min > o.MemoryPages {
			return nil, refuse(CodeMemoryAboveLimit, 0, "%d pages, limit %d", b.Min, o.MemoryPages)
		}
	}
	a := &assembler{in: m, o: o}
	a.res.BoundaryPC, a.epochs = BoundaryPC(m)
	a.res.Epochs = a.epochs
	return a.module(), nil
}

// assembler builds the rewritten module.
type assembler struct {
	in  *Module
	o   Options
	out Module
	res Instrumented
	rw  rewriter

	blocks []uint32 // for each type, the index of its block type plus one, or 0

	mutable   bool // some instruction writes a table
	epochs    bool // it is an epoch program
	makesRefs bool // there is a ref.func

	nulls uint32 // size of the table that initNulls needs, or 0
}

func (a *assembler) module() *Instrumented {
	m := a.in
	a.out = Module{
		Types:     slices.Clip(m.Types),
		Imports:   slices.Clip(m.Imports),
		Funcs:     slices.Clip(m.Funcs),
		Tables:    slices.Clone(m.Tables),
		Memories:  slices.Clone(m.Memories),
		Globals:   slices.Clip(m.Globals),
		Elems:     slices.Clone(m.Elems),
		Datas:     m.Datas,
		DataCount: m.DataCount,
		Start:     -1,
		imported:  m.imported,
	}
	a.res.Functions = uint32(len(m.funcTypes))
	a.res.imports = m.imported[KindFunc]
	a.res.Depth = int64(uint64(a.o.Frames)<<32 | uint64(a.o.Slots))
	a.bounds()
	a.globals()
	a.inspect()
	a.nullSegments()
	a.hostImport()
	a.wrappers()
	a.bodies()
	a.references()
	a.exports()
	a.tables()
	a.res.Wasm = Encode(&a.out)
	return &a.res
}

// bounds writes the effective maximums.
func (a *assembler) bounds() {
	a.rw.memoryMax = a.o.MemoryPages
	for i := range a.out.Memories {
		b := &a.out.Memories[i]
		lower(b, a.o.MemoryPages)
		a.rw.memoryMax = b.Max
		a.res.HasMemory, a.res.MemoryMax = true, b.Max
	}
	for _, im := range a.in.Imports {
		if im.Kind == KindTable {
			lower(&im.Table.Bounds, MaxTableElems)
			a.rw.tableMax = append(a.rw.tableMax, im.Table.Max)
		}
		if im.Kind == KindMemory {
			lower(&im.Memory, a.o.MemoryPages)
			a.rw.memoryMax = im.Memory.Max
		}
	}
	for i := range a.out.Tables {
		b := &a.out.Tables[i].Bounds
		lower(b, MaxTableElems)
		a.rw.tableMax = append(a.rw.tableMax, b.Max)
	}
}

func lower(b *Bounds, limit uint32) {
	if !b.HasMax || b.Max > limit {
		b.HasMax, b.Max = true, max(limit, b.Min)
	}
}

// globals appends fuel, depth and trap behind the module's own globals, so
// that no index changes.
func (a *assembler) globals() {
	add := func(t ValType, op byte, bits uint64) uint32 {
		a.out.Globals = append(a.out.Globals, Global{GlobalType: GlobalType{Type: t, Mutable: true}, Init: ConstExpr{Op: op, Type: t, Bits: bits}})
		return a.in.imported[KindGlobal] + uint32(len(a.out.Globals)) - 1
	}
	a.rw.fuel = add(I64, opI64Const, a.o.Fuel)
	a.rw.deep = add(I64, opI64Const, uint64(a.res.Depth))
	a.rw.trap = add(I32, opI32Const, 0)
	a.export(FuelExport, KindGlobal, a.rw.fuel)
	a.export(DepthExport, KindGlobal, a.rw.deep)
	a.export(TrapExport, KindGlobal, a.rw.trap)
}

func (a *assembler) export(name string, kind Kind, index uint32) {
	a.out.Exports = append(a.out.Exports, Export{Name: name, Kind: kind, Index: index})
}

// inspect finds whether tables change and whether references to functions can
// reach the state that the host reads.
func (a *assembler) inspect() {
	var in instr
	for i := range a.in.Codes {
		r := reader{b: a.in.Codes[i].Expr}
		for r.pos < len(r.b) {
			r.next(&in, &a.in.limits)
			switch in.op {
			case opTableSet, opTableGrow, opTableFill, opTableCopy, opTableInit:
				a.mutable = true
			case opRefFunc:
				a.makesRefs = true
			}
		}
	}
	for i := range a.in.Globals {
		a.res.MapsRefs = a.res.MapsRefs || a.in.Globals[i].Type == FuncRef
	}
	a.res.MapsRefs = a.res.MapsRefs || a.mutable && len(a.in.Tables) > 0
	a.rw.refs = a.in.imported[KindTable] + uint32(len(a.in.Tables))
}

// nullSegments finds the passive segments of externref and makes them segments
// of null functions; see initNulls. A reference table stands before theirs: who
// has a table.init maps references.
func (a *assembler) nullSegments() {
	most := 0
	for i := range a.in.Elems {
		s := &a.in.Elems[i]
		if s.Mode != Passive || s.Type != ExternRef || len(s.Init) == 0 || !a.res.MapsRefs || !allNull(s.Init) {
			continue
		}
		if a.rw.nullInit == nil {
			a.rw.nullInit = make([]bool, len(a.in.Elems))
		}
		a.rw.nullInit[i] = true
		most = max(most, len(s.Init))
		null := &a.out.Elems[i]
		null.Type = FuncRef
		null.Init = slices.Repeat([]ElemInit{{Op: opRefNull, Index: uint32(FuncRef)}}, len(s.Init))
	}
	a.rw.nulls, a.nulls = a.rw.refs+1, uint32(most)
}

func allNull(list []ElemInit) bool {
	for _, x := range list {
		if x.Op != opRefNull {
			return false
		}
	}
	return true
}

// typeIndex returns the index of a type, appending it if needed.
func (a *assembler) typeIndex(t FuncType) uint32 {
	for i := range a.out.Types {
		if sameTypes(a.out.Types[i].Params, t.Params) && sameTypes(a.out.Types[i].Results, t.Results) {
			return uint32(i)
		}
	}
	a.out.Types = append(a.out.Types, t)
	return uint32(len(a.out.Types) - 1)
}

// blockType returns the type of the block around a body. It is remembered:
// looking through all types for every function would be quadratic.
func (a *assembler) blockType(function uint32) uint32 {
	if a.blocks[function] == 0 {
		a.blocks[function] = a.typeIndex(FuncType{Results: a.in.Types[function].Results}) + 1
	}
	return a.blocks[function] - 1
}

// function appends a helper and returns its index. Its body follows later, in
// the same order.
func (a *assembler) function(t uint32) uint32 {
	a.out.Funcs = append(a.out.Funcs, t)
	return a.out.imported[KindFunc] + uint32(len(a.out.Funcs)) - 1
}

// hostImport adds the host function that gives the next slice of fuel, behind
// the module's own imports.
func (a *assembler) hostImport() {
	a.out.Imports = append(a.out.Imports, Import{Module: RefuelModule, Name: RefuelImport, Kind: KindFunc, Func: a.typeIndex(FuncType{})})
	a.out.imported[KindFunc]++
}

// wrappers reserves a function for each import of the module, directly behind
// its own, and the helpers of the slow paths.
func (a *assembler) wrappers() {
	a.rw.m = a.in
	for i := range a.in.Imports {
		if im := &a.in.Imports[i]; im.Kind == KindFunc {
			n := uint32(len(a.rw.wrapper))
			a.rw.wrapper = append(a.rw.wrapper, a.function(im.Func))
			a.res.wrapped = append(a.res.wrapped, n)
		}
	}
	a.rw.refuel = a.function(a.typeIndex(FuncType{}))
	a.rw.refuelFor = a.function(a.typeIndex(FuncType{Params: []ValType{I64}}))
	a.rw.entrySlow = a.function(a.typeIndex(FuncType{Params: []ValType{I64, I64}, Results: []ValType{I64}}))
	a.blocks = make([]uint32, len(a.in.Types))
	a.rw.blockType = a.blockType
}

func (a *assembler) bodies() {
	w := &a.rw
	a.out.Codes = make([]Body, 0, len(a.out.Funcs)+8)
	for i := range a.in.Codes {
		a.out.Codes = append(a.out.Codes, w.body(i))
	}
	for i := range w.wrapper {
		w.e.b = nil
		w.cached = false
		w.check()
		for p := range a.in.FuncType(uint32(i)).Params {
			w.e.idx(opLocalGet, uint32(p))
		}
		w.e.idx(opCall, uint32(i))
		w.e.op(opEnd)
		a.out.Codes = append(a.out.Codes, Body{Expr: w.e.b})
	}
	a.slowPaths()
}

// slowPaths are kept out of the functions: calls are small there, and that the
// depth is looked at first is written once.
func (a *assembler) slowPaths() {
	w := &a.rw
	body := func(emit func(e *emitter)) {
		w.e.b = nil
		emit(&w.e)
		w.e.op(opEnd)
		a.out.Codes = append(a.out.Codes, Body{Expr: w.e.b})
	}
	body(func(e *emitter) { // refuel
		e.idx(opCall, a.res.imports)
		e.idx(opGlobalGet, w.fuel)
		e.i64(0)
		e.op(opI64LtS, opIf, emptyBlock)
		w.raise(TrapOutOfFuel)
		e.op(opEnd)
	})
	body(func(e *emitter) { // refuelFor: charge
		e.idx(opGlobalGet, w.fuel)
		e.idx(opLocalGet, 0)
		e.op(opI64Sub)
		e.idx(opGlobalSet, w.fuel)
		e.idx(opCall, w.refuel)
		e.idx(opGlobalGet, w.fuel)
		e.idx(opLocalGet, 0)
		e.op(opI64Add)
		e.idx(opGlobalSet, w.fuel)
	})
	body(func(e *emitter) { // entrySlow: depth, fuel → fuel
		e.idx(opLocalGet, 0)
		e.idx(opLocalGet, 0)
		e.i64(32)
		e.op(opI64Shl, opI64Or)
		e.i64(0)
		e.op(opI64LtS, opIf, emptyBlock)
		w.raise(TrapStackExhausted)
		e.op(opEnd)
		e.idx(opLocalGet, 1)
		e.idx(opGlobalSet, w.fuel)
		e.idx(opCall, w.refuel)
		e.idx(opGlobalGet, w.fuel)
	})
}

// moved maps the index of a function of the module to where it is called from
// outside or through a reference: own functions moved by the one import more,
// imports are reached through their wrappers.
func (a *assembler) moved(f uint32) uint32 {
	if f < a.res.imports {
		return a.rw.wrapper[f]
	}
	return f + 1
}

// references renames functions in element segments and in initialisers of
// globals.
func (a *assembler) references() {
	for i := range a.out.Elems {
		s := &a.out.Elems[i]
		s.Init = slices.Clone(s.Init)
		for k := range s.Init {
			if s.Init[k].Op == opRefFunc {
				s.Init[k].Index = a.moved(s.Init[k].Index)
			}
		}
	}
	for i := range a.out.Globals {
		if g := &a.out.Globals[i]; g.Init.Op == opRefFunc {
			g.Init.Bits = uint64(a.moved(uint32(g.Init.Bits)))
		}
	}
}

func (a *assembler) exports() {
	m := a.in
	for i := range m.Exports {
		e := m.Exports[i]
		keep := a.o.KeepExports && !strings.HasPrefix(e.Name, ReservedPrefix)
		keep = keep || a.isEntry(&e) || e.Name == "memory" && e.Kind == KindMemory
		if !keep {
			continue
		}
		if e.Kind == KindFunc {
			e.Index = a.moved(e.Index)
			a.res.HasEntry = a.res.HasEntry || e.Name == EntryExport
		}
		a.export(e.Name, e.Kind, e.Index)
	}
	if a.res.HasMemory {
		a.export(MemoryExport, KindMemory, 0)
	}
	if m.Start >= 0 {
		a.res.HasStart = true
		a.export(StartExport, KindFunc, a.moved(uint32(m.Start)))
	}
	for i := range m.Globals {
		name := ReservedPrefix + "global." + strconv.Itoa(i)
		a.export(name, KindGlobal, m.imported[KindGlobal]+uint32(i))
		a.res.Globals = append(a.res.Globals, GlobalExport{Name: name, GlobalType: m.Globals[i].GlobalType})
	}
}

// tables makes the contents of tables readable: from the module if nothing
// writes them, else through accessor functions.
func (a *assembler) tables() {
	m := a.in
	first := m.imported[KindTable]
	for i, t := range m.Tables {
		v := TableView{Elem: t.Elem, Static: !a.mutable}
		if v.Static {
			v.Contents = contents(m, first+uint32(i), t.Min)
		} else {
			v.Size = ReservedPrefix + "table." + strconv.Itoa(i) + ".size"
			v.Get = ReservedPrefix + "table." + strconv.Itoa(i) + ".get"
			if a.epochs {
				a.settable(&v, i, first+uint32(i), t.Elem)
			}
			a.accessor(v.Size, FuncType{Results: []ValType{I32}}, func(e *emitter) {
				e.op(0xfc)
				e.idx(opTableSize-opPrefix, first+uint32(i))
			})
			a.accessor(v.Get, FuncType{Params: []ValType{I32}, Results: []ValType{t.Elem}}, func(e *emitter) {
				e.idx(opLocalGet, 0)
				e.idx(opTableGet, first+uint32(i))
			})
		}
		a.res.Tables = append(a.res.Tables, v)
	}
	if a.res.MapsRefs || a.makesRefs {
		a.refTable()
	}
	if a.nulls > 0 {
		a.out.Tables = append(a.out.Tables, TableType{Elem: FuncRef, Bounds: Bounds{Min: a.nulls, Max: a.nulls, HasMax: true}})
	}
}

func (a *assembler) accessor(name string, t FuncType, body func(*emitter)) {
	f := a.function(a.typeIndex(t))
	var e emitter
	body(&e)
	e.op(opEnd)
	a.out.Codes = append(a.out.Codes, Body{Expr: e.b})
	a.export(name, KindFunc, f)
}

// refTable adds a table that no instruction of the module writes. Its first
// entries are all functions in index order: ref.func reads them, because the
// engine would make a new reference, and keep it for ever, each time. Behind
// them stand, once RefsExport was called, the references that the engine made
// at instantiation: of passive segments, tables and globals. No other
// references can exist, so the host can name every one that it meets.
func (a *assembler) refTable() {
	m := a.in
	functions := Elem{Mode: Active, Type: FuncRef, Table: a.rw.refs, At: ConstExpr{Op: opI32Const, Type: I32}}
	for f := range a.res.Functions {
		functions.Init = append(functions.Init, ElemInit{Op: opRefFunc, Index: a.moved(f)})
		a.res.RefFuncs = append(a.res.RefFuncs, int32(f))
	}
	fill := &emitter{}
	if a.res.MapsRefs {
		a.fillRefs(fill)
	}
	n := uint32(len(a.res.RefFuncs))
	a.out.Tables = append(a.out.Tables, TableType{Elem: FuncRef, Bounds: Bounds{Min: n, Max: n, HasMax: true}})
	a.out.Elems = append(a.out.Elems, functions)
	if !a.res.MapsRefs {
		a.res.RefFuncs = nil
		return
	}
	fill.op(opEnd)
	f := a.function(a.typeIndex(FuncType{}))
	a.out.Codes = append(a.out.Codes, Body{Expr: fill.b})
	a.export(RefsExport, KindFunc, f)
	a.accessor(RefExport, FuncType{Params: []ValType{I32}, Results: []ValType{FuncRef}}, func(e *emitter) {
		e.idx(opLocalGet, 0)
		e.idx(opTableGet, m.imported[KindTable]+uint32(len(m.Tables)))
	})
}

// fillRefs emits what RefsExport does and notes which function each entry is.
func (a *assembler) fillRefs(e *emitter) {
	m, refs := a.in, a.rw.refs
	next := func() { e.i32(int32(len(a.res.RefFuncs))) }
	for i := range m.Elems {
		s := &m.Elems[i]
		if s.Mode != Passive || s.Type != FuncRef {
			continue
		}
		next()
		e.i32(0)
		e.i32(int32(len(s.Init)))
		e.op(0xfc, opTableInit-opPrefix)
		e.b = appendU64(appendU64(e.b, uint64(i)), uint64(refs))
		for _, x := range s.Init {
			a.res.RefFuncs = append(a.res.RefFuncs, target(x))
		}
	}
	for i, t := range m.Tables {
		if t.Elem != FuncRef {
			continue
		}
		index := m.imported[KindTable] + uint32(i)
		next()
		e.i32(0)
		e.i32(int32(t.Min))
		e.op(0xfc, opTableCopy-opPrefix)
		e.b = appendU64(appendU64(e.b, uint64(refs)), uint64(index))
		a.res.RefFuncs = append(a.res.RefFuncs, contents(m, index, t.Min)...)
	}
	for i := range m.Globals {
		if g := &m.Globals[i]; g.Type == FuncRef && g.Init.Op == opRefFunc {
			next()
			e.idx(opGlobalGet, m.imported[KindGlobal]+uint32(i))
			e.idx(opTableSet, refs)
			a.res.RefFuncs = append(a.res.RefFuncs, int32(g.Init.Bits))
		}
	}
}

// target is the function that an element refers to. What only a linker would
// know reads as null: the profile refuses such modules.
func target(x ElemInit) int32 {
	if x.Op == opRefFunc {
		return int32(x.Index)
	}
	return NullRef
}

// contents computes a table as instantiation leaves it.
func contents(m *Module, table, size uint32) []int32 {
	list := make([]int32, min(size, MaxTableElems))
	for i := range list {
		list[i] = NullRef
	}
	for i := range m.Elems {
		s := &m.Elems[i]
		if s.Mode != Active || s.Table != table || s.At.Op != opI32Const {
			continue
		}
		for k, x := range s.Init {
			if at := s.At.Bits + uint64(k); at < uint64(len(list)) {
				list[at] = target(x)
			}
		}
	}
	return list
}

package wasm

import "strconv"

// Exports of an epoch program, which stand in the place of EntryExport. Only
// StepExport must be there: it makes a module an epoch program.
const (
	InitializeExport = "_initialize"  // () -> (), what a compiler puts before everything else
	InitExport       = "assay_init"   // () -> ()
	StepExport       = "assay_step"   // () -> (i32): not zero: there is another epoch
	FinishExport     = "assay_finish" // () -> (), behind the last epoch
)

// Prices of a boundary between epochs: that of hashing what may have changed.
const (
	// BoundaryPageFuel is the price of each page of memory; that of one more
	// stands for the state of the host.
	BoundaryPageFuel = 1 << 16
	// BoundaryItemFuel is the price of each global and of each element of a
	// table: an engine may show them one by one only.
	BoundaryItemFuel = 1 << 6
)

// BoundaryFuel is the price of a boundary.
func BoundaryFuel(pages uint32, items uint64) uint64 {
	return BoundaryPageFuel*(uint64(pages)+1) + BoundaryItemFuel*items
}

// Entry names the functions that a run calls, in their order. None is -1.
type Entry struct {
	Start      int64 // of the start section
	Main       int64 // of a command
	Initialize int64 // these four of an epoch program
	Init       int64
	Step       int64
	Finish     int64
}

// Epochs reports whether it is that of an epoch program.
func (e *Entry) Epochs() bool { return e.Step >= 0 }

// entryOf finds the functions that a run of the module calls, or says why there
// is none.
func entryOf(m *Module) (Entry, error) {
	e := Entry{Start: m.Start, Main: -1, Initialize: -1, Init: -1, Step: -1, Finish: -1}
	main, step := m.exported(EntryExport), m.exported(StepExport)
	switch {
	case main == nil && step == nil:
		return e, refuse(CodeNoStart, 0, "no export _start and no export assay_step")
	case main != nil && step != nil:
		return e, refuse(CodeTwoEntries, step.Offset, "")
	case main != nil:
		if !m.isFunc(main, nil) {
			return e, refuse(CodeNoStart, main.Offset, "the export _start is not a function () -> ()")
		}
		e.Main = int64(main.Index)
		return e, nil
	}
	if m.drops {
		return e, refuse(CodeEpochDrop, 0, "")
	}
	for _, f := range [...]struct {
		name    string
		to      *int64
		results []ValType
	}{{InitializeExport, &e.Initialize, nil}, {InitExport, &e.Init, nil}, {StepExport, &e.Step, []ValType{I32}}, {FinishExport, &e.Finish, nil}} {
		x := m.exported(f.name)
		if x == nil {
			continue
		}
		if !m.isFunc(x, f.results) {
			return e, refuse(CodeEpochExport, x.Offset, "%s", f.name)
		}
		*f.to = int64(x.Index)
	}
	return e, nil
}

// exported returns the export of a name, or nil.
func (m *Module) exported(name string) *Export {
	for i := range m.Exports {
		if m.Exports[i].Name == name {
			return &m.Exports[i]
		}
	}
	return nil
}

// isFunc reports whether an export is a function without parameters and with
// these results.
func (m *Module) isFunc(x *Export, results []ValType) bool {
	if x.Kind != KindFunc {
		return false
	}
	t := m.FuncType(x.Index)
	return len(t.Params) == 0 && sameTypes(t.Results, results)
}

// bootstrap returns the first instructions of the code region: of a command the
// start section's function, the entry function, exit with code 0. Of an epoch
// program
//
//	    call start, call _initialize, call assay_init
//	l:  epoch                     the boundary
//	    call assay_step
//	    if s[0] is not 0: to l
//	    call assay_finish
//	    exit 0
//
// without the calls of what there is not.
func bootstrap(m *Module, e *Entry) []Instr {
	var code []Instr
	call := func(f int64) {
		switch {
		case f < 0:
		case f < int64(m.imported[KindFunc]):
			code = append(code, Instr{Op: OpCallHost, A: uint16(wasiNumber(m.Imports[f].Name))})
		default:
			code = append(code, Instr{Op: OpCall, Imm: uint64(f)})
		}
	}
	if !e.Epochs() {
		call(e.Start)
		call(e.Main)
		return append(code, Instr{Op: OpExit})
	}
	call(e.Start)
	call(e.Initialize)
	call(e.Init)
	boundary := uint64(len(code))
	code = append(code, Instr{Op: OpEpoch})
	call(e.Step)
	code = append(code, Instr{Op: OpBrI32NeK, Imm: boundary})
	call(e.Finish)
	return append(code, Instr{Op: OpExit})
}

// BoundaryPC returns the instruction of an epoch program at which its epochs
// begin, behind the boundary: that of every boundary's state. False for a
// command.
func BoundaryPC(m *Module) (pc uint32, ok bool) {
	e, err := entryOf(m)
	if err != nil || !e.Epochs() {
		return 0, false
	}
	return boundaryPC(bootstrap(m, &e))
}

func boundaryPC(bootstrap []Instr) (pc uint32, ok bool) {
	for i := range bootstrap {
		if bootstrap[i].Op == OpEpoch {
			return uint32(i) + 1, true
		}
	}
	return 0, false
}

// isEntry reports whether an export is one that the host calls.
func (a *assembler) isEntry(e *Export) bool {
	if e.Kind != KindFunc {
		return false
	}
	switch e.Name {
	case EntryExport:
		return !a.epochs
	case InitializeExport, InitExport, StepExport, FinishExport:
		return a.epochs
	}
	return false
}

// settable adds what a host needs to restore a table.
func (a *assembler) settable(v *TableView, i int, table uint32, elem ValType) {
	v.Set = ReservedPrefix + "table." + strconv.Itoa(i) + ".set"
	v.Grow = ReservedPrefix + "table." + strconv.Itoa(i) + ".grow"
	a.accessor(v.Set, FuncType{Params: []ValType{I32, elem}}, func(e *emitter) {
		e.idx(opLocalGet, 0)
		e.idx(opLocalGet, 1)
		e.idx(opTableSet, table)
	})
	a.accessor(v.Grow, FuncType{Params: []ValType{elem, I32}, Results: []ValType{I32}}, func(e *emitter) {
		e.idx(opLocalGet, 0)
		e.idx(opLocalGet, 1)
		e.op(0xfc)
		e.idx(opTableGrow-opPrefix, table)
	})
}

// BoundaryPC is that of the module; see there.
func (p *Program) BoundaryPC() (pc uint32, ok bool) {
	const most = 8 // instructions of a bootstrap
	return boundaryPC(p.Code[:min(most, len(p.Code))])
}

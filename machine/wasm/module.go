package wasm

// ValType is a value type in its binary encoding.
type ValType byte

// The value types of the profile. V128 is refused while decoding.
const (
	I32       ValType = 0x7f
	I64       ValType = 0x7e
	F32       ValType = 0x7d
	F64       ValType = 0x7c
	FuncRef   ValType = 0x70
	ExternRef ValType = 0x6f
)

func (t ValType) String() string {
	switch t {
	case I32:
		return "i32"
	case I64:
		return "i64"
	case F32:
		return "f32"
	case F64:
		return "f64"
	case FuncRef:
		return "funcref"
	case ExternRef:
		return "externref"
	}
	return "unknown"
}

func (t ValType) isNum() bool { return t >= F64 && t <= I32 }
func (t ValType) isRef() bool { return t == FuncRef || t == ExternRef }

// Kind is the kind of an import or export in its binary encoding.
type Kind byte

// The kinds of imports and exports.
const (
	KindFunc   Kind = 0
	KindTable  Kind = 1
	KindMemory Kind = 2
	KindGlobal Kind = 3
)

// Module is a decoded module. Index spaces count imports first, as in the
// specification (2.0, §2.5.1). Slices that hold bytes point into the bytes
// that Decode was given, which must not change afterwards.
type Module struct {
	Types    []FuncType
	Imports  []Import
	Funcs    []uint32 // type of each own function
	Tables   []TableType
	Memories []Bounds
	Globals  []Global
	Exports  []Export
	Start    int64 // function index, or -1
	Elems    []Elem
	Codes    []Body
	Datas    []Data
	Custom   []Range // custom sections; Encode drops them

	// DataCount is the number that the data-count section states, or -1.
	DataCount int64

	limits    Limits
	imported  [4]uint32 // number of imports of each Kind
	funcTypes []uint32  // type of each function, imports included
	validated bool
	drops     bool // a function has data.drop or elem.drop; known once validated
}

// FuncType is a function's type.
type FuncType struct {
	Params, Results []ValType
}

// Bounds are the limits of a memory in pages or a table in elements.
type Bounds struct {
	Min, Max uint32
	HasMax   bool
}

// TableType is a table's element type and size.
type TableType struct {
	Elem ValType
	Bounds
}

// GlobalType is a global's type.
type GlobalType struct {
	Type    ValType
	Mutable bool
}

// Import is one import; the field that Kind names is set.
type Import struct {
	Module, Name string
	Kind         Kind
	Func         uint32 // type index
	Table        TableType
	Memory       Bounds
	Global       GlobalType
	Offset       int
}

// Global is an own global with its initial value.
type Global struct {
	GlobalType
	Init   ConstExpr
	Offset int
}

// ConstExpr is a constant expression of 2.0: exactly one instruction. Bits is
// the constant, or the index of the global or function.
type ConstExpr struct {
	Op   byte // opI32Const ... opGlobalGet, opRefNull, opRefFunc
	Type ValType
	Bits uint64
}

// Export is one export.
type Export struct {
	Name   string
	Kind   Kind
	Index  uint32
	Offset int
}

// SegmentMode says when a segment is copied.
type SegmentMode byte

// The modes of element and data segments.
const (
	Active SegmentMode = iota
	Passive
	Declarative
)

// Elem is an element segment.
type Elem struct {
	Mode   SegmentMode
	Type   ValType
	Table  uint32
	At     ConstExpr // of an active segment
	Init   []ElemInit
	Offset int
}

// ElemInit is one reference of an element segment.
type ElemInit struct {
	Op    byte // opRefFunc, opRefNull or opGlobalGet
	Index uint32
}

// Data is a data segment.
type Data struct {
	At     ConstExpr // of an active segment
	Init   []byte
	Offset int32
	Mode   SegmentMode
}

// Body is the code of an own function.
type Body struct {
	Locals []LocalRun
	Expr   []byte // instructions with the final end
	Offset int    // of Expr in the module

	// locals is set by Decode, the others by Validate.
	height uint32 // most operands on the stack
	values uint32 // values that its instructions make, see Instrument
	joins  uint32 // values that may be needed at labels, see joinWalk
	labels []labelCost
	locals uint32 // own locals, without parameters
}

// LocalRun declares Count locals of one type.
type LocalRun struct {
	Count uint32
	Type  ValType
}

// Range is a named range of bytes in the module.
type Range struct {
	Name       string
	Start, End int
}

// NumImported returns how many imports have the kind.
func (m *Module) NumImported(k Kind) int { return int(m.imported[k]) }

// FuncType returns the type of a function, imports counted first. The module
// must be validated and the index in range.
func (m *Module) FuncType(index uint32) FuncType { return m.Types[m.funcTypes[index]] }

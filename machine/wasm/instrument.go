package wasm

// Names that the rewritten module exports for the host. The only names of the
// user's module that survive are _start, or the entries of an epoch program, and
// memory; so nothing collides.
const (
	ReservedPrefix = "assay."

	// EntryExport is the entry function of a command.
	EntryExport = "_start"
	// FuelExport is a mutable i64 global: what is left of the slice of fuel that
	// the host gave last. It is signed: between two checks it may be negative.
	FuelExport = "assay.fuel"
	// RefuelImport is the one import that the rewriting adds, a function
	// () -> () of the module RefuelModule. It is called when a comparison finds
	// the slice below zero. The host adds to FuelExport from its reserve (see
	// SplitFuel); if fuel is still below zero then, the program is out of fuel.
	// Native code cannot be preempted, so this is also where a host gives way to
	// others and where it stops a run that nobody waits for.
	RefuelModule = "assay"
	RefuelImport = "refuel"
	// DepthExport is a mutable i64 global: frames left in the upper half,
	// slots left in the lower.
	DepthExport = "assay.depth"
	// TrapExport is a mutable i32 global that holds a TrapCode.
	TrapExport = "assay.trap"
	// MemoryExport is the memory, if the module has one.
	MemoryExport = "assay.memory"
	// StartExport is the function of the start section, if there is one. The
	// host calls it before EntryExport.
	StartExport = "assay.start"
	// RefsExport and RefExport name references to functions, which the engine
	// shows as opaque numbers. After instantiation, before anything else, the
	// host calls RefsExport, a function () -> (), and then RefExport, a
	// function (i32) -> funcref, for each index of Instrumented.RefFuncs: the
	// number answered means that function wherever it is met later, in a
	// global or a table. They exist only if Instrumented.MapsRefs.
	RefsExport = "assay.refs"
	RefExport  = "assay.ref"
)

// TrapCode is the value of TrapExport after a trap. When it is TrapNone, the
// engine's own report names the trap.
type TrapCode int32

// The traps that the rewriting raises, as an unreachable instruction after
// setting TrapExport.
const (
	TrapNone           TrapCode = 0
	TrapOutOfFuel      TrapCode = 1
	TrapStackExhausted TrapCode = 2
)

// Prices of wasm/1 beyond one unit of fuel per operator.
const (
	// BulkShift: a bulk operation on n bytes or elements costs
	// ceil(n / 2^BulkShift) more.
	BulkShift = 6
	// PageFuel is the price of each page by which memory.grow succeeds in
	// growing: the page will be zeroed and hashed, which takes about as long as
	// so many operators. It is a power of two, see rewriter.growth.
	PageFuel = 1 << 17
	// ElemFuel is the price of each element by which table.grow succeeds in
	// growing.
	ElemFuel = 1
	// LocalShift: a function's entry costs own locals / 2^LocalShift more, since
	// each call zeroes them.
	LocalShift = 6
	// CarryShift: a label with n values, operands and joins together (see joinWalk),
	// costs n / 2^CarryShift more each time that control passes it, and a function
	// with n results as much at its entry. An engine moves each of them, however
	// few operators that took.
	CarryShift = 3
)

// Options are the parameters of a rewriting.
type Options struct {
	// MemoryPages is the job's memory limit, 0 to MaxPages.
	MemoryPages uint32
	// Fuel is the initial value of FuelExport, at most MaxFuel. A host that
	// keeps compiled modules leaves it zero and sets the global itself.
	Fuel uint64
	// Frames and Slots limit the call depth; zero means DefaultFrames and
	// DefaultSlots.
	Frames, Slots uint32
	// KeepExports keeps the user's exports, except those that begin with
	// ReservedPrefix. For conformance tests, which call them.
	KeepExports bool
}

// Depth limits of wasm/1 and the largest that Options admits.
const (
	DefaultFrames = 1 << 18
	DefaultSlots  = 5 << 20
	MaxDepth      = 1<<30 - 1
	// FrameSlots is what each frame costs in slots beside its own.
	FrameSlots = 8
)

// Instrumented is a rewritten module and what a host must know of it.
type Instrumented struct {
	// Wasm is the rewritten module.
	Wasm []byte
	// HasMemory says whether MemoryExport exists; MemoryMax is the effective
	// maximum in pages.
	HasMemory bool
	MemoryMax uint32
	// HasStart says whether StartExport exists.
	HasStart bool
	// HasEntry says whether EntryExport exists.
	HasEntry bool
	// Epochs says whether it is an epoch program: StepExport and, as far as the
	// module has them, its three companions are exported. BoundaryPC is the
	// instruction of the canonical machine at which each of its epochs begins.
	Epochs     bool
	BoundaryPC uint32
	// Globals are the module's own globals in index order.
	Globals []GlobalExport
	// Tables are the module's own tables in index order.
	Tables []TableView
	// MapsRefs says whether references must be mapped: a table can change or a
	// global holds a funcref. RefFuncs are the functions behind the entries of
	// RefExport, or NullRef.
	MapsRefs bool
	RefFuncs []int32
	// Functions is the number of functions of the original module, imports
	// included.
	Functions uint32
	// Depth is the initial value of DepthExport.
	Depth int64

	imports uint32
	wrapped []uint32
}

// GlobalExport names one own global.
type GlobalExport struct {
	Name string
	GlobalType
}

// TableView tells how to read one own table.
type TableView struct {
	Elem ValType
	// Static is true if no instruction of the module writes any table. Then
	// Contents is the table: original function indexes, or NullRef.
	Static   bool
	Contents []int32
	// Otherwise Size names a function () -> i32 and Get a function
	// (i32) -> reference. A null reference reads 0.
	Size, Get string
	// Set names a function (i32, reference) -> () and Grow one (reference, i32)
	// -> i32, as table.set and table.grow; of epoch programs alone, for a host
	// that resumes one. Neither costs fuel.
	Set, Grow string
}

// NullRef is the null reference in TableView.Contents.
const NullRef = -1

// OriginalFunc maps a function index of the rewritten module, as a stack trace
// shows it, to the original one. False means a helper of the rewriting.
func (in *Instrumented) OriginalFunc(index uint32) (uint32, bool) {
	switch {
	case index < in.imports:
		return index, true
	case index == in.imports: // RefuelImport
		return 0, false
	case index <= in.Functions:
		return index - 1, true
	}
	if i := index - in.Functions - 1; int(i) < len(in.wrapped) {
		return in.wrapped[i], true
	}
	return 0, false
}

// FuelSlice is the fuel that a host should give at a time: a millisecond or
// two of common code, and tenths of a second of the slowest, which misses every
// cache. All that time a garbage collection waits. A refill costs about a tenth
// of a microsecond.
const FuelSlice = 1 << 22

// SplitFuel divides the fuel left of a run into what FuelExport holds and what
// the host keeps. Their sum is what every rule speaks of; how it is divided
// shows nowhere. A host that gives all of it at once needs no reserve.
func SplitFuel(left, slice int64) (now, reserve int64) {
	now = min(left, slice)
	return now, left - now
}

// FuelUsed is the fuel that a result states: what was charged, but never more
// than the limit, and exactly the limit after TrapOutOfFuel. left is the value
// of FuelExport and the reserve together.
func FuelUsed(limit uint64, left int64, trap TrapCode) uint64 {
	if trap == TrapOutOfFuel || left < 0 {
		return limit
	}
	if uint64(left) > limit {
		return 0
	}
	return limit - uint64(left)
}

package wasm

// Limits bounds what Decode reads before it allocates or loops. Each is
// checked by name: the detail of a CodeAboveLimit error is the field's name
// in words. The zero value admits nothing.
type Limits struct {
	ModuleBytes     uint32 // the whole file
	Types           uint32
	Imports         uint32
	Functions       uint32 // own functions
	Tables          uint32
	Globals         uint32
	Exports         uint32
	ElementSegments uint32
	Elements        uint32 // in all segments together
	DataSegments    uint32
	CustomSections  uint32
	NameBytes       uint32 // of an import or export
	Params          uint32 // of a function type
	Results         uint32 // of a function type
	BodyBytes       uint32 // of one function
	Locals          uint32 // of one function, parameters included
	Operands        uint32 // most on the stack of one function; with Locals fewer than 2^16
	TotalLocals     uint32 // of all functions together
	Nesting         uint32 // constructs around an instruction
	BranchTargets   uint32 // of one br_table
	// TotalTargets bounds those of all br_tables: a byte of each becomes eight in a
	// jump table, and 20 µs of an engine. A Go program of 3 MB has 65,532.
	TotalTargets uint32

	// LocalsTimesConstructs bounds, in one function, the locals that are read, times
	// its blocks, loops and ifs: an optimising engine may need memory for each pair.
	LocalsTimesConstructs uint32
	// Joins and TotalJoins bound, in one function and over the module, the values
	// that may be needed at labels (see Instrument), and JoinPairs the squares of
	// those of each function, added up: wazero takes 4 µs for each, and 2 ns for each
	// square. A Go program of 14 MB has 744,854, with squares of 1.04 billion; the
	// most in one of its functions is 13,908.
	Joins      uint32
	TotalJoins uint32
	JoinPairs  uint32
	// Lookups bounds, over the module, the basic blocks that an engine goes back
	// through to find the values of locals, and the operands that branches take: 15
	// KB of branches out of one block, behind which a thousand locals are wanted, took
	// wazero 6 s, and its time grows with the square of the branches. Of these it
	// has 410 million, a Go program of 14 MB 240 million.
	Lookups uint32
	// BlockPairs bounds the squares of the basic blocks of each function, added up
	// over the module: what wazero takes to order the blocks of a function grows
	// with the square of their number. 16 KB of small loops took it seconds, and
	// a function of the largest size would take it hours. Four targets of
	// br_table are a block. A Go program of 3 MB has 38 million.
	BlockPairs uint32
	// BodySteps and TypeSteps bound the operands that calls and labels take and
	// give, in one function and over the module: one byte of code may name a type of
	// a thousand, and wazero takes 700 ns and 450 bytes for each, which it keeps to the
	// end of the function. A Go program of 14 MB has 148,267.
	BodySteps uint32
	TypeSteps uint32
}

// DefaultLimits are the limits of the profile wasm/1. They follow the limits
// that browsers agree on, except where a measured guest needs more: a Go
// program with net/http has 88,962 data segments.
func DefaultLimits() Limits {
	return Limits{
		ModuleBytes:     64 << 20,
		Types:           100_000,
		Imports:         10_000,
		Functions:       200_000,
		Tables:          16,
		Globals:         10_000,
		Exports:         100_000,
		ElementSegments: 100_000,
		Elements:        1_000_000,
		DataSegments:    200_000,
		CustomSections:  10_000,
		NameBytes:       10_000,
		Params:          1_000,
		Results:         1_000,
		BodyBytes:       7_654_321,
		Locals:          50_000,
		Operands:        10_000,
		TotalLocals:     1 << 24,
		Nesting:         5_000,
		BranchTargets:   65_520,
		TotalTargets:    1 << 21,

		LocalsTimesConstructs: 1 << 22,
		Joins:                 1 << 14,
		TotalJoins:            1 << 22,
		JoinPairs:             1 << 31,
		Lookups:               1 << 30,
		BlockPairs:            1 << 30,
		BodySteps:             1 << 20,
		TypeSteps:             1 << 23,
	}
}

// Bounds that are the format's or the profile's own and no option.
const (
	// PageBytes is the unit in which memory is sized.
	PageBytes = 65536
	// MaxPages is the largest memory of 32-bit WebAssembly.
	MaxPages = 65536
	// MaxTableElems is the most elements that a table may grow to, and that all
	// tables may declare together. A larger declared maximum is lowered to it.
	MaxTableElems = 1 << 20
	// MaxFuel is the largest fuel limit: far enough from the end of int64 that
	// no charge between two checks can wrap.
	MaxFuel = 1 << 62
)

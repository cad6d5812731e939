package wasm

import "fmt"

// Code names a reason for refusal. Codes are stable: they appear in results,
// receipts and docs/CODES.md.
type Code string

// The reasons, in the order of the stages that give them.
const (
	CodeTruncated        Code = "wasm-truncated"
	CodeBadMagic         Code = "wasm-bad-magic"
	CodeBadVersion       Code = "wasm-bad-version"
	CodeBadInteger       Code = "wasm-bad-integer"
	CodeBadName          Code = "wasm-bad-name"
	CodeBadSection       Code = "wasm-bad-section"
	CodeBadSectionOrder  Code = "wasm-bad-section-order"
	CodeBadSectionSize   Code = "wasm-bad-section-size"
	CodeBadType          Code = "wasm-bad-type"
	CodeBadFlags         Code = "wasm-bad-flags"
	CodeBadBody          Code = "wasm-bad-body"
	CodeBadCount         Code = "wasm-bad-count"
	CodeUnknownOpcode    Code = "wasm-unknown-opcode"
	CodeAboveLimit       Code = "wasm-above-limit"
	CodeSIMD             Code = "wasm-forbidden-simd"
	CodeThreads          Code = "wasm-forbidden-threads"
	CodeExceptions       Code = "wasm-forbidden-exceptions"
	CodeTailCall         Code = "wasm-forbidden-tail-call"
	CodeMemory64         Code = "wasm-forbidden-memory64"
	CodeMultiMemory      Code = "wasm-forbidden-multi-memory"
	CodeGC               Code = "wasm-forbidden-gc"
	CodeTypeMismatch     Code = "wasm-type-mismatch"
	CodeUnknownIndex     Code = "wasm-unknown-index"
	CodeBadAlignment     Code = "wasm-bad-alignment"
	CodeBadLimits        Code = "wasm-bad-limits"
	CodeNotConstant      Code = "wasm-not-constant"
	CodeImmutableGlobal  Code = "wasm-immutable-global"
	CodeDuplicateExport  Code = "wasm-duplicate-export"
	CodeBadStart         Code = "wasm-bad-start"
	CodeUndeclaredRef    Code = "wasm-undeclared-reference"
	CodeForeignImport    Code = "wasm-foreign-import"
	CodeImportSignature  Code = "wasm-import-signature"
	CodeNoStart          Code = "wasm-no-start"
	CodeTwoEntries       Code = "wasm-two-entries"
	CodeEpochExport      Code = "wasm-epoch-export"
	CodeEpochDrop        Code = "wasm-epoch-drop"
	CodeMemoryAboveLimit Code = "wasm-memory-above-limit"
	CodeTableAboveLimit  Code = "wasm-table-above-limit"
	CodeSegmentOutside   Code = "wasm-segment-out-of-bounds"
	CodeNotValidated     Code = "wasm-not-validated"
	CodeBadOptions       Code = "wasm-bad-options"
)

// CodeInfo is one row of docs/CODES.md.
type CodeInfo struct {
	Code Code
	Text string // what was found
	Hint string // what to do
}

// Codes lists every code that this package can return, in a fixed order.
func Codes() []CodeInfo {
	const (
		damaged  = "The file is damaged or not a WebAssembly 2.0 binary: build or download it again."
		toolbug  = "The compiler that wrote the module has a fault: try another version, and check with wasm-validate."
		noSIMD   = "Compile without -msimd128 (Rust: without target-feature +simd128)."
		noThread = "Compile without -pthread and without atomics."
		noEH     = "Compile without -fwasm-exceptions."
		noTail   = "Compile without -mtail-call."
		no64     = "Compile for wasm32, not wasm64."
		noMulti  = "Keep one memory per module."
		noGC     = "Use a language and target that compile to wasm 2.0 without garbage collection or typed references."
		smaller  = "Make the program smaller; the detail names the limit."
	)
	return []CodeInfo{
		{CodeTruncated, "the bytes end inside the module", damaged},
		{CodeBadMagic, "the bytes do not begin with \\0asm", "Submit a .wasm file, not text or an archive."},
		{CodeBadVersion, "the version of the binary format is not 1", "Components are not supported: submit a core module."},
		{CodeBadInteger, "an integer is longer or larger than its type", damaged},
		{CodeBadName, "a name is not UTF-8", damaged},
		{CodeBadSection, "a section has an unknown id", damaged},
		{CodeBadSectionOrder, "a section stands out of order or twice", damaged},
		{CodeBadSectionSize, "a section is longer or shorter than its content", damaged},
		{CodeBadType, "a type is not one of WebAssembly 2.0", damaged},
		{CodeBadFlags, "a flag or a reserved byte has a value without meaning", damaged},
		{CodeBadBody, "a function body is not a well-nested expression", damaged},
		{CodeBadCount, "two sections disagree on a count", damaged},
		{CodeUnknownOpcode, "an opcode is not one of WebAssembly 2.0", "Compile for WebAssembly 2.0 without later proposals."},
		{CodeAboveLimit, "the module exceeds a limit of the profile", smaller},
		{CodeSIMD, "the module uses SIMD", noSIMD},
		{CodeThreads, "the module uses threads", noThread},
		{CodeExceptions, "the module uses exception handling", noEH},
		{CodeTailCall, "the module uses tail calls", noTail},
		{CodeMemory64, "the module uses 64-bit memory", no64},
		{CodeMultiMemory, "the module uses more than one memory", noMulti},
		{CodeGC, "the module uses garbage collection or typed references", noGC},
		{CodeTypeMismatch, "an operand has the wrong type", toolbug},
		{CodeUnknownIndex, "an index names nothing", toolbug},
		{CodeBadAlignment, "an alignment is larger than the access", toolbug},
		{CodeBadLimits, "a minimum is above its maximum, or a size above what 32 bits address", toolbug},
		{CodeNotConstant, "an initialiser is not a constant expression", toolbug},
		{CodeImmutableGlobal, "an immutable global is written", toolbug},
		{CodeDuplicateExport, "two exports have the same name", toolbug},
		{CodeBadStart, "the start function takes or returns something", toolbug},
		{CodeUndeclaredRef, "ref.func names a function that is not declared", toolbug},
		{CodeForeignImport, "an import is not a function of wasi_snapshot_preview1", "Compile for wasm32-wasi (Go: GOOS=wasip1 GOARCH=wasm); the detail names the import."},
		{CodeImportSignature, "an import has another type than preview-1 gives it", "Compile for preview-1 with a current wasi-libc; the detail names the import."},
		{CodeNoStart, "the module exports neither a function _start without parameters and results nor assay_step", "Build a command, or a reactor that exports assay_step (docs/WASM.md, Epoch programs)."},
		{CodeTwoEntries, "the module exports both _start and assay_step", "Build a command, or a reactor (Go: -buildmode=c-shared; C: -mexec-model=reactor), not both."},
		{CodeEpochExport, "an entry of an epoch program has another type than docs/WASM.md gives it", "assay_step returns an i32 and takes nothing; _initialize, assay_init and assay_finish neither take nor return anything."},
		{CodeEpochDrop, "an epoch program has data.drop or elem.drop", "Compile without passive segments that are dropped (no -pthread)."},
		{CodeMemoryAboveLimit, "the memory's minimum is above the job's limit", "Raise the job's memory limit, or build with a smaller initial memory."},
		{CodeTableAboveLimit, "the tables' minimums together are above the limit", smaller},
		{CodeSegmentOutside, "an active segment does not fit", toolbug},
		{CodeNotValidated, "Instrument was called before Validate accepted the module", "Call Decode, Validate, CheckProfile, Instrument in this order."},
		{CodeBadOptions, "an option of Instrument is out of range", "The detail names the option."},
	}
}

// Error is a refusal. Offset is the byte in the module at which it was
// noticed, Func the index of the function concerned or -1.
type Error struct {
	Code   Code
	Offset int
	Func   int
	Detail string
}

func (e *Error) Error() string {
	where := fmt.Sprintf("byte %#x", e.Offset)
	if e.Func >= 0 {
		where = fmt.Sprintf("function %d, %s", e.Func, where)
	}
	if e.Detail == "" {
		return fmt.Sprintf("%s at %s", e.Code, where)
	}
	return fmt.Sprintf("%s at %s: %s", e.Code, where, e.Detail)
}

func refuse(code Code, offset int, format string, args ...any) *Error {
	return &Error{Code: code, Offset: offset, Func: -1, Detail: fmt.Sprintf(format, args...)}
}

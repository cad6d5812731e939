package wasm

import (
	"errors"

	"github.com/capacloud/assay"
)

// The traps of wasm/1, as Result.Trap.
const (
	TrapUnreachable       assay.Code = "unreachable"
	TrapOutOfFuel         assay.Code = "out-of-fuel"
	TrapStackExhausted    assay.Code = "stack-exhausted"
	TrapIntegerDivide     assay.Code = "integer-divide-by-zero"
	TrapIntegerOverflow   assay.Code = "integer-overflow"
	TrapInvalidConversion assay.Code = "invalid-conversion"
	TrapMemoryBounds      assay.Code = "memory-out-of-bounds"
	TrapTableAccess       assay.Code = "invalid-table-access"
	TrapIndirectCallType  assay.Code = "indirect-call-type"
	TrapOutputLimit       assay.Code = "output-limit"
)

// Codes lists the traps for docs/CODES.md.
func Codes() []assay.CodeInfo {
	row := func(c assay.Code, text, hint string) assay.CodeInfo {
		return assay.CodeInfo{Code: c, Kind: assay.KindTrap, Text: text, Hint: hint}
	}
	return []assay.CodeInfo{
		row(TrapUnreachable, "the program reached an unreachable instruction", "Read stderr: an abort or a failed assertion usually writes there first."),
		row(TrapOutOfFuel, "the program used all its fuel", "Raise the fuel limit, or give each job less to do."),
		row(TrapStackExhausted, "the program's calls went deeper than the limits on frames and slots", "Look for unbounded recursion, or raise the limits."),
		row(TrapIntegerDivide, "an integer was divided by zero", "Read stderr and the detail."),
		row(TrapIntegerOverflow, "an integer division or a conversion overflowed", "Read stderr and the detail."),
		row(TrapInvalidConversion, "a NaN was converted to an integer", "Read stderr and the detail."),
		row(TrapMemoryBounds, "the program accessed memory, or a data segment, outside its bounds", "Read stderr and the detail."),
		row(TrapTableAccess, "the program accessed a table or element segment outside its bounds, or called through a null element", "Read stderr and the detail."),
		row(TrapIndirectCallType, "a call through a table met a function of another type", "Read stderr and the detail."),
		row(TrapOutputLimit, "stdout, stderr and /out together would have exceeded the limit", "Raise the output limit."),
	}
}

// engineTraps maps what wazero says to codes. Its errors are values of an
// internal package; their texts are pinned by a test that raises each one.
// "stack overflow" is absent on purpose: a native stack is no part of wasm/1.
var engineTraps = map[string]assay.Code{
	"unreachable":                   TrapUnreachable,
	"integer divide by zero":        TrapIntegerDivide,
	"integer overflow":              TrapIntegerOverflow,
	"invalid conversion to integer": TrapInvalidConversion,
	"out of bounds memory access":   TrapMemoryBounds,
	"invalid table access":          TrapTableAccess,
	"indirect call type mismatch":   TrapIndirectCallType,
}

// ErrHostStack says that the engine's own stack was too small for a program that
// the rules admit. It says nothing about the program: the interpreter's holds
// about 2,000 frames. Determinism checks call such a job not comparable.
var ErrHostStack = errors.New("the engine's own stack is too small")

// hostStack is what wazero says then.
const hostStack = "stack overflow"

func isHostStack(err error) bool {
	cause := errors.Unwrap(err)
	return cause != nil && cause.Error() == hostStack
}

// engineTrap finds the trap in an error of wazero: it wraps its own error value
// exactly once.
func engineTrap(err error) (assay.Code, bool) {
	cause := errors.Unwrap(err)
	if cause == nil || errors.Unwrap(cause) != nil {
		return "", false
	}
	trap, ok := engineTraps[cause.Error()]
	return trap, ok
}

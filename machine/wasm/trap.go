package wasm

// The traps of the machine, beside TrapNone, TrapOutOfFuel and
// TrapStackExhausted, which the rewriting raises too. Output-limit is raised
// by host calls.
const (
	TrapUnreachable       TrapCode = 3
	TrapIntegerDivide     TrapCode = 4
	TrapIntegerOverflow   TrapCode = 5
	TrapInvalidConversion TrapCode = 6
	TrapMemoryBounds      TrapCode = 7
	TrapTableAccess       TrapCode = 8
	TrapIndirectCallType  TrapCode = 9
	TrapOutputLimit       TrapCode = 10

	// NumTraps is one more than the largest.
	NumTraps = int(TrapOutputLimit) + 1
)

var trapNames = [NumTraps]string{
	"", "out-of-fuel", "stack-exhausted", "unreachable", "integer-divide-by-zero", "integer-overflow",
	"invalid-conversion", "memory-out-of-bounds", "invalid-table-access", "indirect-call-type", "output-limit",
}

// String returns the code that results state, or nothing for TrapNone.
func (t TrapCode) String() string {
	if t < 0 || int(t) >= NumTraps {
		return "unknown"
	}
	return trapNames[t]
}

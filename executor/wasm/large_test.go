package wasm

import (
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/machine/wasm"
)

// TestLargestMemory grows to all that wasm/1 gives and touches the last byte:
// sizes must not wrap, untouched pages must cost little, and one page more must
// be refused.
func TestLargestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 4 GiB of zeros")
	}
	const lastWord = -wasm.PageBytes - 4
	s := newShelf()
	b := newBuilder("random_get")
	b.m.Memories[0] = wasm.Bounds{Min: 1}
	job := jobOf(s, b.entry(b.proc(code(
		i32(assay.MaxMemory/assay.WasmPage-1), op(opMemoryGrow, 0, opDrop),
		i32(lastWord), i32(4), call2(0), op(opDrop),
		i32(lastWord), op(opI32Load, 0, 0), op(opI32Eqz), op(opIf, emptyBlock, opUnreachable, opEnd),
		i32(1), op(opMemoryGrow, 0), i32(-1), op(opI32Sub), op(opIf, emptyBlock, opUnreachable, opEnd),
	))))
	job.Limits.Memory, job.Limits.Fuel = assay.MaxMemory, 1<<40
	if out := mustExecute(t, newExecutor(t, Options{}), job, s); out.Result.Status != assay.Exited {
		t.Errorf("%+v %s", out.Result, out.Detail)
	}
}

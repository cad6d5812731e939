package step_test

import (
	"bytes"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/machine/step"
	"github.com/capacloud/assay/machine/wasm"
)

// segments are runs whose next steps cost a referee most, each in its way.
func segments(t testing.TB) map[string]*run {
	limits := func(j *assay.Job) {
		j.Limits = assay.Limits{Fuel: 1 << 40, Memory: 1100 * assay.WasmPage, Frames: assay.MaxFrames, Slots: assay.MaxSlots, Output: 1 << 30, Files: 1000}
		j.Args = bytesToStrings(bytes.Repeat([]byte("arguments "), 6000))
	}
	forever := func(imports []string, body ...[]byte) *run {
		b := newBuilder(imports...)
		b.memory(1000, 1000)
		b.data(1<<20, append(bytes.Repeat([]byte("./"), 2047), "x/"...))
		loop := code(append(append([][]byte{op(opLoop, emptyBlock)}, body...), op(opBr, 0, opEnd))...)
		return newRun(t, newShelf(), b.entry(b.fn(nil, nil, types("ii"), loop)), limits)
	}
	list := map[string]*run{
		"arithmetic":   forever(nil, get(0), i32(3), op(opI32Add), set(0), get(0), get(1), op(0x6c), set(1)),
		"memory":       forever(nil, get(0), get(1), op(opI32Store, 0, 0), get(0), i32(4097), op(opI32Add), i32(0xffff), op(opI32And), set(0)),
		"fresh leaves": forever(nil, get(0), get(0), op(opI32Store, 0, 0), get(0), i32(1024), op(opI32Add), set(0)),
		"bulk copy":    forever(nil, i32(5001), i32(1), i32(30_000), bulk(10, 0, 0)),
		"bulk fill":    forever(nil, i32(1), i32(9), i32(60_000), bulk(11, 0)),
		"random":       forever([]string{"random_get"}, i32(1), i32(65_000), call(0), op(opDrop)),
		"arguments":    forever([]string{"args_get"}, i32(1), i32(100_001), call(0), op(opDrop)),
		"write":        forever([]string{"fd_write"}, i32(1), i32(0), i32(1024), i32(9000), call(0), op(opDrop)),
		"open":         forever([]string{"path_open"}, i32(4), i32(0), i32(1<<20), i32(4096), i32(1), i64(-1), i64(-1), i32(0), i32(64), call(0), op(opDrop)),
	}
	b := newBuilder("path_open", "fd_allocate")
	b.memory(1, 1)
	b.data(100, []byte("zeros"))
	list["finishing"] = newRun(t, newShelf(), b.entry(b.fn(nil, nil, nil,
		i32(4), i32(0), i32(100), i32(5), i32(1), i64(-1), i64(-1), i32(0), i32(64), call(0), op(opDrop),
		i32(5), i64(0), i64(1<<29), call(1), op(opDrop))), limits)
	for name, m := range list {
		for range 300 {
			m.step(t)
		}
		if name == "finishing" && m.r.Phase != step.Finishing {
			t.Fatal("the file is not there")
		}
	}
	return list
}

func bytesToStrings(b []byte) []string {
	var list []string
	for part := range bytes.SplitSeq(b, []byte(" ")) {
		list = append(list, string(part))
	}
	return list[:1000]
}

// most returns the longest segment that can be proved, up to n steps.
func most(t testing.TB, m *run, n uint64) (uint64, []byte) {
	for ; n > 0; n = n * 7 / 8 {
		if w, _, err := m.prove(n); err == nil {
			return n, w
		}
	}
	t.Fatal("not even one step fits")
	return 0, nil
}

// BenchmarkReferee is what a ledger pays for the largest segments.
func BenchmarkReferee(b *testing.B) {
	for name, m := range segments(b) {
		n, w := most(b, m, step.MaxSegment)
		start := m.root()
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := step.Referee(&m.program.Image, m.job, start, n, w); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n), "steps")
			b.ReportMetric(float64(len(w)), "bytes")
		})
	}
}

// BenchmarkStep is the definition as it stands, over a whole state.
func BenchmarkStep(b *testing.B) {
	m := segments(b)["arithmetic"]
	for b.Loop() {
		m.step(b)
	}
}

// BenchmarkStart is the first state, which a ledger computes.
func BenchmarkStart(b *testing.B) {
	module := randomProgram(1)
	job := newJob(newShelf(), module)
	p := wasm.Lower(module)
	for b.Loop() {
		step.Start(&p.Image, job)
	}
}

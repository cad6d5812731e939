package step_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/machine/step"
	"github.com/capacloud/assay/machine/wasm"
)

// TestSegments: what a referee says of any segment of any program is what the
// machine does; a witness is one string of bytes.
func TestSegments(t *testing.T) {
	seeds := 100
	if testing.Short() {
		seeds = 10
	}
	sh := newShelf()
	r := rand.New(rand.NewPCG(3, 4))
	largest, segments := 0, 0
	for seed := range uint64(seeds) {
		m := newRun(t, sh, randomProgram(1000+seed), func(j *assay.Job) { j.Limits.Fuel = 131_072 + 60_000; j.Limits.Slots = 100_000 })
		for !m.r.Halted() && m.steps < 30_000 {
			n := []uint64{0, 1, 1, 2, 9, 50, 400, 3000}[r.IntN(8)]
			w, start, err := m.prove(n)
			if errors.Is(err, step.ErrTooLarge) {
				n = 1
				w, start, err = m.prove(n)
			}
			if err != nil {
				t.Fatalf("seed %d: prove %d steps at %d: %v", seed, n, m.steps, err)
			}
			largest, segments = max(largest, len(w)), segments+1
			for range n {
				m.step(t)
			}
			end := m.root()
			seg, err := step.Referee(&m.program.Image, m.job, start, n, w)
			if err != nil || seg.End != end {
				t.Fatalf("seed %d: %d steps before %d: end %s, want %s, %v", seed, n, m.steps, seg.End, end, err)
			}
			if n > 0 && seg.Record != m.r {
				t.Fatalf("seed %d: record %+v, want %+v", seed, seg.Record, m.r)
			}
			for range r.IntN(300) {
				if !m.r.Halted() {
					m.step(t)
				}
			}
		}
	}
	t.Logf("%d segments, largest witness %d bytes", segments, largest)
	if segments < 5*seeds {
		t.Errorf("only %d segments", segments)
	}
}

// at returns a run of a random program that is under way after so many steps,
// and for long after them.
func at(t testing.TB, steps int) *run {
	m := newRun(t, newShelf(), longProgram(t))
	for range steps {
		m.step(t)
	}
	return m
}

// longProgram returns a random program that runs for thousands of steps, and not
// in a small circle.
func longProgram(t testing.TB) []byte {
	for seed := uint64(1000); ; seed++ {
		module := randomProgram(seed)
		m := newRun(t, newShelf(), module)
		places := map[uint32]bool{}
		for i := range 3000 {
			m.step(t)
			if i >= 700 {
				places[m.r.PC] = true
			}
		}
		if m.r.Phase == step.Running && len(places) > 100 {
			return module
		}
	}
}

// TestFlippedBytes changes each byte of a witness: all of it is bound to the
// start, or needed to be canonical.
func TestFlippedBytes(t *testing.T) {
	m := at(t, 700)
	w, start, err := m.prove(20)
	if err != nil {
		t.Fatal(err)
	}
	seg, err := step.Referee(&m.program.Image, m.job, start, 20, w)
	if err != nil {
		t.Fatal(err)
	}
	for i := range w {
		bent := bytes.Clone(w)
		bent[i] ^= 1 << (i % 8)
		if got, err := step.Referee(&m.program.Image, m.job, start, 20, bent); err == nil {
			t.Fatalf("byte %d of %d does not matter: end %s and %s", i, len(w), got.End, seg.End)
		}
	}
}

// TestRefusals lists what a liar may send.
func TestRefusals(t *testing.T) {
	m := at(t, 700)
	im := &m.program.Image
	w, start, err := m.prove(20)
	if err != nil {
		t.Fatal(err)
	}
	longer, _, err := m.prove(300)
	if err != nil {
		t.Fatal(err)
	}
	other := at(t, 1200)
	foreign, foreignStart, err := other.prove(20)
	if err != nil {
		t.Fatal(err)
	}
	image := *im
	image.Static[3]++
	elsewhere := m.r
	elsewhere.PC += 7
	elsewhere.Progress = 1 << 40
	grafted := append(bytes.Clone(w[:step.RecordBytes]), foreign[step.RecordBytes:]...)
	for name, c := range map[string]struct {
		im    *wasm.Image
		start canon.Digest
		n     uint64
		w     []byte
		want  assay.Code
	}{
		"wrong start root":         {im, foreignStart, 20, w, step.CodeWitnessStart},
		"empty":                    {im, start, 20, nil, step.CodeWitnessForm},
		"cut in the record":        {im, start, 20, w[:500], step.CodeWitnessForm},
		"cut in a proof":           {im, start, 20, w[:len(w)/2], step.CodeWitnessProof},
		"cut at the end":           {im, start, 20, w[:len(w)-1], step.CodeWitnessForm},
		"longer":                   {im, start, 20, append(bytes.Clone(w), 0), step.CodeWitnessForm},
		"twice":                    {im, start, 20, append(bytes.Clone(w), w...), step.CodeWitnessForm},
		"oversized":                {im, start, 20, append(bytes.Clone(w), make([]byte, step.MaxWitness)...), step.CodeWitnessSize},
		"leaves that nobody needs": {im, start, 20, longer, step.CodeWitnessExcess},
		"too few leaves":           {im, start, 300, w, step.CodeWitnessMissing},
		"another state's proof":    {im, start, 20, grafted, step.CodeWitnessProof},
		"another program":          {&image, start, 20, w, step.CodeWitnessStart},
		"too many steps":           {im, start, step.MaxSegment + 1, w, step.CodeSegmentLong},
		"unknown region":           {im, start, 20, append(append(bytes.Clone(w[:step.RecordBytes]), w[step.RecordBytes], 0x80), w[step.RecordBytes+2:]...), step.CodeWitnessForm},
		"record out of range":      {im, start, 20, append([]byte{9}, w[1:]...), step.CodeWitnessForm},
		"a record alone":           {im, elsewhere.Root(), 20, append(elsewhere.Bytes(), 0, 0, 0x82, 0x80, 0x80), step.CodeWitnessMissing},
	} {
		if _, err := step.Referee(c.im, m.job, c.start, c.n, c.w); assay.CodeOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	listed := map[assay.Code]bool{}
	for _, c := range step.Codes() {
		listed[c.Code] = true
	}
	for _, c := range []assay.Code{step.CodeWitnessState, step.CodeSegmentLong, step.CodeWitnessExcess} {
		if !listed[c] {
			t.Errorf("%s is not listed", c)
		}
	}
}

// TestImpossibleState: two liars may agree on a state that no run reaches; the
// referee neither panics nor decides.
func TestImpossibleState(t *testing.T) {
	m := at(t, 700)
	m.r.Phase, m.r.PC = step.Running, 0
	m.r.Host.Call.Func = 3
	pc := uint32(0)
	for i, in := range m.program.Code {
		if in.Op == wasm.OpCallHost && in.A != 2 {
			pc = uint32(i)
		}
	}
	m.r.PC = pc
	if err := step.Step(&m.r, &m.program.Image, m.job, m.s, m.in); !errors.Is(err, step.ErrState) {
		t.Errorf("another call is under way: %v", err)
	}
	m.r.Phase, m.r.Progress = step.Running, 1<<40
	for i, in := range m.program.Code {
		switch in.Op {
		case wasm.OpClear, wasm.OpMemoryFill, wasm.OpMemoryCopy, wasm.OpTableFill, wasm.OpTableCopy:
			m.r.PC = uint32(i)
			if err := step.Step(&m.r, &m.program.Image, m.job, m.s, m.in); !errors.Is(err, step.ErrState) {
				t.Errorf("more done than there is to do: %s: %v", in.Op, err)
			}
		}
	}
}

// TestRecord: encodings are one to one.
func TestRecord(t *testing.T) {
	m := at(t, 900)
	m.root()
	b := m.r.Bytes()
	if len(b) != step.RecordBytes || len(b) > 2<<10 {
		t.Fatalf("%d bytes", len(b))
	}
	got, err := step.DecodeRecord(b)
	if err != nil || got != m.r {
		t.Fatalf("%v\n%+v\n%+v", err, got, m.r)
	}
	for i := range b {
		bent := bytes.Clone(b)
		bent[i] ^= 1 << (i % 8)
		if r, err := step.DecodeRecord(bent); err == nil && !bytes.Equal(r.Bytes(), bent) {
			t.Fatalf("byte %d is dropped", i)
		}
	}
	if _, err := step.DecodeRecord(b[1:]); !errors.Is(err, step.ErrRecord) {
		t.Error(err)
	}
}

// TestFirstState: it is a function of image and job, whoever lowers the program
// and in whatever portions, and it is what the loaded machine has.
func TestFirstState(t *testing.T) {
	sh := newShelf()
	for seed := range uint64(12) {
		module := randomProgram(seed)
		m := newRun(t, sh, module)
		for i, f := range m.program.Funcs {
			if f.Host == 0 && f.Frame > f.Slots {
				t.Errorf("function %d reaches %d slots and is charged %d: the region could be too small", i, f.Frame, f.Slots)
			}
		}
		start := m.r
		for _, budget := range []int{1, 100, 7777, 1 << 30} {
			l := wasm.NewImage(module) // who has no use for the contents
			for !l.Step(budget) {
			}
			other := step.Start(l.Image(), m.job)
			if other != start || other.Root() != start.Root() {
				t.Fatalf("seed %d: lowered in portions of %d it has another first state", seed, budget)
			}
		}
		if m.root() != start.Root() {
			t.Fatalf("seed %d: the loaded machine has another root:\n%+v\n%+v", seed, m.r.Roots, start.Roots)
		}
		if m.s[machine.Code].Root() != m.program.Image.Code || m.s[machine.Static].Root() != m.program.Image.Static {
			t.Fatalf("seed %d: code or static region differ from the image", seed)
		}
	}
}

// TestForeignCodeRoot: a claim over another program's code begins at another
// root than the one that the ledger computes, whatever else it says.
func TestForeignCodeRoot(t *testing.T) {
	sh := newShelf()
	honest, liar := newRun(t, sh, randomProgram(1)), newRun(t, sh, randomProgram(2))
	liar.job = honest.job
	liar.r = step.Start(&liar.program.Image, honest.job)
	if liar.r.Root() == honest.r.Root() {
		t.Fatal("two programs have one first state")
	}
	w, start, err := liar.prove(10)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := step.Referee(&honest.program.Image, honest.job, start, 10, w); assay.CodeOf(err) != step.CodeWitnessStart {
		t.Error(err)
	}
	// The same with the image's digest forged in the record.
	liar.r.Image = honest.r.Image
	if w, start, err = liar.prove(10); err != nil {
		t.Fatal(err)
	}
	if _, err := step.Referee(&honest.program.Image, honest.job, start, 10, w); assay.CodeOf(err) != step.CodeWitnessProof {
		t.Error(err)
	}
}

// TestInvalid: what is no module has halted at once, and so has one that wants
// more memory than the job gives.
func TestInvalid(t *testing.T) {
	b := newBuilder()
	b.memory(3, 3)
	large := b.entry(b.fn(nil, nil, nil))
	for name, module := range map[string][]byte{"garbage": []byte("no module"), "too much memory": large} {
		m := newRun(t, newShelf(), module, func(j *assay.Job) { j.Limits.Memory = 2 * assay.WasmPage })
		res := m.end(t, 0)
		if res.Status != assay.InvalidModule || res.Fuel != 0 || res.State != canon.Hash("assay/wasm-state/1") {
			t.Errorf("%s: %+v", name, res)
		}
		if err := res.Validate(); err != nil {
			t.Error(err)
		}
		before := m.root()
		m.step(t)
		if m.root() != before {
			t.Errorf("%s: a halted machine moved", name)
		}
	}
	// What the first state costs is charged before anything runs.
	m := newRun(t, newShelf(), large, func(j *assay.Job) { j.Limits.Fuel = 3*131_072 - 1 })
	if res := m.end(t, 100); res.Trap != "out-of-fuel" || res.Fuel != 3*131_072-1 {
		t.Errorf("%+v", res)
	}
}

// TestConstants: docs/WASM.md states these.
func TestConstants(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want int
	}{
		{"record", step.RecordBytes, 1264},
		{"witness", step.MaxWitness, 262_144},
		{"segment", step.MaxSegment, 32_768},
		{"work", step.MaxWork, 32_768},
		{"code", machine.Code.Depth(), 24},
		{"static", machine.Static.Depth(), 22},
		{"memory", machine.Memory.Depth(), 22},
		{"slots", machine.Slots.Depth(), 16},
		{"globals", machine.Globals.Depth(), 8},
		{"tables", machine.Tables.Depth(), 16},
		{"dropped", machine.Dropped.Depth(), 9},
		{"host nodes", machine.HostNodes.Depth(), 10},
		{"host data", machine.HostData.Depth(), 33},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d, the text says %d", c.name, c.got, c.want)
		}
	}
	limits := wasm.DefaultLimits()
	for name, fits := range map[string]bool{
		"tables":  limits.Tables <= step.MaxTables && wasm.MaxTableElems*4 <= machine.LeafSize<<machine.TableDepth && wasm.TableBytes == machine.LeafSize<<machine.TableDepth,
		"globals": uint64(limits.Globals)*wasm.GlobalBytes <= machine.Globals.Bytes(),
		"dropped": uint64(limits.DataSegments+limits.ElementSegments) <= machine.Dropped.Bytes(),
		"slots":   assay.MaxSlots*8+65_536*8 <= machine.Slots.Bytes(),
		"memory":  assay.MaxMemory <= machine.Memory.Bytes(),
	} {
		if !fits {
			t.Errorf("%s may not have room in their region", name)
		}
	}
}

// TestLargestSegments: what Prove takes for small enough, the referee takes, for
// all that costs it most; and more steps are refused by both.
func TestLargestSegments(t *testing.T) {
	for name, m := range segments(t) {
		n, w := most(t, m, step.MaxSegment)
		start := m.root()
		seg, err := step.Referee(&m.program.Image, m.job, start, n, w)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, _, err := m.prove(step.MaxSegment + 1); !errors.Is(err, step.ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
		for range n {
			m.step(t)
		}
		if seg.End != m.root() {
			t.Errorf("%s: end %s, want %s", name, seg.End, m.root())
		}
	}
}

// TestWorkIsBounded: a witness of a few bytes that asks for too much is refused
// as soon as that shows.
func TestWorkIsBounded(t *testing.T) {
	m := segments(t)["random"]
	w, start, err := m.prove(1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := step.Referee(&m.program.Image, m.job, start, step.MaxSegment, w); err == nil {
		t.Fatal("a witness of one step does for thousands")
	}
	m = segments(t)["finishing"]
	if w, start, err = m.prove(50); err != nil {
		t.Fatal(err)
	}
	if _, err := step.Referee(&m.program.Image, m.job, start, step.MaxSegment, w); assay.CodeOf(err) != step.CodeSegmentLong {
		t.Errorf("thirty thousand times 32 KiB of zeros: %v", err)
	}
}

// TestExplain names function, instruction and values, from a whole state and
// from a witness alone.
func TestExplain(t *testing.T) {
	b := newBuilder("sched_yield")
	f := b.fn(types("ii"), types("i"), nil, get(0), get(1), op(0x6e)) // i32.div_u
	module := b.entry(b.fn(nil, nil, nil, i32(84), i32(2), call(f), op(opDrop)))
	m := newRun(t, newShelf(), module)
	if in := step.Explain(&m.r, m.s, &m.program.Image); in.Function != -1 || in.Op != wasm.OpCall {
		t.Errorf("the bootstrap: %s", in)
	}
	for m.program.Code[m.r.PC].Op != wasm.OpI32DivU {
		m.step(t)
	}
	in := step.Explain(&m.r, m.s, &m.program.Image)
	if in.Function != int(f) || in.Offset != 0 || in.Op.String() != "i32.div_u" || len(in.Operands) != 3 || in.Operands[1].Value != 84 || in.Operands[2].Value != 2 {
		t.Errorf("%s: %+v", in, in)
	}
	w, start, err := m.prove(2)
	if err != nil {
		t.Fatal(err)
	}
	r, shown, err := step.ExplainWitness(&m.program.Image, start, w)
	if err != nil || r != m.r || shown.Op != in.Op || len(shown.Operands) != 3 || shown.Operands[1].Value != 84 {
		t.Errorf("%v: %s", err, shown)
	}
	seg, err := step.Referee(&m.program.Image, m.job, start, 2, w)
	if err != nil || seg.First.Op != wasm.OpI32DivU || seg.Last.Op != wasm.OpReturn {
		t.Errorf("%v: %s to %s", err, seg.First, seg.Last)
	}
	if _, _, err := step.ExplainWitness(&m.program.Image, canon.Digest{}, w); assay.CodeOf(err) != step.CodeWitnessStart {
		t.Error(err)
	}
	for !m.r.Halted() {
		m.step(t)
	}
	if in := step.Explain(&m.r, m.s, &m.program.Image); in.String() != "halted" {
		t.Error(in)
	}
}

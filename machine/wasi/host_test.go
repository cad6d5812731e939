package wasi

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/machine"
)

func TestTable(t *testing.T) {
	for i, f := range Functions() {
		if i > 0 && Functions()[i-1].Name >= f.Name {
			t.Errorf("%s is out of order", f.Name)
		}
		if f.Text == "" || f.Treatment == "" || len(f.Params) > len(arguments{}) {
			t.Errorf("%s: incomplete row %+v", f.Name, f)
		}
	}
}

// TestFixedErrnos calls what only refuses, and demands what the table says.
func TestFixedErrnos(t *testing.T) {
	names := map[string]Errno{"errno notsup": Notsup, "errno inval": Inval, "errno nosys": Nosys, "errno notsock": Notsock}
	for fn, f := range functions {
		want, fixed := names[string(f.Treatment)]
		if !fixed {
			if strings.HasPrefix(string(f.Treatment), "errno") {
				t.Errorf("%s: unknown treatment %q", f.Name, f.Treatment)
			}
			continue
		}
		g := newGuest(t, testConfig())
		if got := g.call(Func(fn), make([]uint64, len(f.Params))...); got != want || g.cost != CallFuel {
			t.Errorf("%s: errno %d at %d fuel, want %d at %d", f.Name, got, g.cost, want, CallFuel)
		}
	}
}

func TestArgsAndEnviron(t *testing.T) {
	for _, c := range []struct {
		sizes, get Func
		want       string
		count      uint32
	}{
		{ArgsSizesGet, ArgsGet, "prog\x00a b\x00", 2},
		{EnvironSizesGet, EnvironGet, "K=v\x00", 1},
	} {
		g := newGuest(t, testConfig())
		g.ok(c.sizes, 0, 4)
		if g.u32(0) != c.count || g.u32(4) != uint32(len(c.want)) {
			t.Errorf("sizes %d and %d", g.u32(0), g.u32(4))
		}
		g.ok(c.get, 16, 256)
		if got := string(g.mem[256 : 256+len(c.want)]); got != c.want || g.u32(16) != 256 {
			t.Errorf("%q at %d", got, g.u32(16))
		}
		if g.call(c.get, 16, uint64(len(g.mem)-1)) != Fault || g.call(c.sizes, 0, 1<<32-1) != Fault {
			t.Error("a pointer outside did not fault")
		}
	}
}

func TestClock(t *testing.T) {
	g := newGuest(t, testConfig())
	start := uint64(1_700_000_000_000_000_000)
	for i, c := range []struct{ id, want uint64 }{{0, start}, {1, 2 * ClockStep}, {0, start + 2*ClockStep}, {2, 4 * ClockStep}, {3, 5 * ClockStep}} {
		g.ok(ClockTimeGet, c.id, 1, 0)
		if got := g.u64(0); got != c.want {
			t.Errorf("reading %d is %d, want %d", i, got, c.want)
		}
		g.ok(ClockResGet, c.id, 0)
		if g.u64(0) != ClockStep {
			t.Errorf("resolution %d", g.u64(0))
		}
	}
	before := g.h.Registers.Clock
	if g.call(ClockTimeGet, 4, 0, 0) != Inval || g.call(ClockResGet, 9, 0) != Inval || g.call(ClockTimeGet, 0, 0, 1<<20) != Fault {
		t.Error("bad arguments were accepted")
	}
	if g.h.Registers.Clock != before {
		t.Error("a failed reading moved the clock")
	}
}

func TestRandom(t *testing.T) {
	g := newGuest(t, testConfig())
	g.ok(RandomGet, 0, 40)
	in := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint64(nil, 7), 3)
	first := canon.Hash("assay/random/1", append(in[:12:12], make([]byte, 8)...))
	second := canon.Hash("assay/random/1", append(in[:12:12], 1, 0, 0, 0, 0, 0, 0, 0))
	want := append(first[:], second[:8]...)
	if diff := cmp.Diff(want, []byte(g.mem[:40])); diff != "" {
		t.Error(diff)
	}
	if g.h.Registers.Random != 2 {
		t.Errorf("%d blocks drawn", g.h.Registers.Random)
	}
	g.ok(RandomGet, 0, 0)
	if g.call(RandomGet, uint64(len(g.mem)-3), 4) != Fault || g.h.Registers.Random != 2 {
		t.Error("no bytes, or bytes outside, moved the stream")
	}
	cfg := testConfig()
	cfg.Index++
	other := newGuest(t, cfg)
	other.ok(RandomGet, 0, 40)
	if string(other.mem[:40]) == string(want) {
		t.Error("another index has the same stream")
	}
}

func subscription(kind byte, user uint64, a ...uint64) []byte {
	b := make([]byte, subscriptionBytes)
	binary.LittleEndian.PutUint64(b, user)
	b[8] = kind
	binary.LittleEndian.PutUint32(b[16:], uint32(a[0]))
	if len(a) > 1 {
		binary.LittleEndian.PutUint64(b[24:], a[1])
		binary.LittleEndian.PutUint16(b[40:], uint16(a[2]))
	}
	return b
}

type event struct {
	User  uint64
	Errno uint16
	Kind  byte
}

func (g *guest) poll(subs ...[]byte) []event {
	g.t.Helper()
	at := dataAt
	for _, s := range subs {
		at += copy(g.mem[at:], s)
	}
	g.ok(PollOneoff, dataAt, dataAt, uint64(len(subs)), resultAt) // events over subscriptions
	var events []event
	for i := range int(g.u32(resultAt)) {
		e := g.mem[dataAt+i*eventBytes:]
		events = append(events, event{binary.LittleEndian.Uint64(e), binary.LittleEndian.Uint16(e[8:]), e[10]})
	}
	return events
}

func TestPoll(t *testing.T) {
	start := uint64(1_700_000_000_000_000_000)
	for _, c := range []struct {
		name  string
		subs  [][]byte
		want  []event
		clock uint64
	}{
		{"sleep", [][]byte{subscription(0, 1, 1, 5e9, 0)}, []event{{1, 0, 0}}, 5e9 + ClockStep},
		{"earliest of two", [][]byte{subscription(0, 1, 1, 5e9, 0), subscription(0, 2, 0, 3e9, 0)}, []event{{2, 0, 0}}, 3e9 + ClockStep},
		{"both at once", [][]byte{subscription(0, 1, 1, 3e9, 0), subscription(0, 2, 0, 3e9, 0)}, []event{{1, 0, 0}, {2, 0, 0}}, 3e9 + ClockStep},
		{"descriptor is ready", [][]byte{subscription(0, 1, 1, 5e9, 0), subscription(1, 2, 0)}, []event{{2, 0, 1}}, ClockStep},
		{"descriptor and due clock", [][]byte{subscription(0, 1, 1, 0, 0), subscription(2, 2, 1)}, []event{{1, 0, 0}, {2, 0, 2}}, ClockStep},
		{"bad descriptor", [][]byte{subscription(1, 9, 77)}, []event{{9, uint16(Badf), 1}}, ClockStep},
		{"bad clock", [][]byte{subscription(0, 9, 8, 5, 0)}, []event{{9, uint16(Inval), 0}}, ClockStep},
		{"bad kind", [][]byte{subscription(7, 9, 0)}, []event{{9, uint16(Inval), 7}}, ClockStep},
		{"absolute realtime", [][]byte{subscription(0, 1, 0, start+7e9, 1)}, []event{{1, 0, 0}}, 7e9 + ClockStep},
		{"absolute, past", [][]byte{subscription(0, 1, 0, 5, 1)}, []event{{1, 0, 0}}, ClockStep},
		{"for ever", [][]byte{subscription(0, 1, 1, 1<<64-1, 0)}, []event{{1, 0, 0}}, maxClock},
	} {
		g := newGuest(t, testConfig())
		if diff := cmp.Diff(c.want, g.poll(c.subs...)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		if g.h.Registers.Clock != c.clock {
			t.Errorf("%s: clock %d, want %d", c.name, g.h.Registers.Clock, c.clock)
		}
	}
	g := newGuest(t, testConfig())
	if g.call(PollOneoff, 0, 0, 0, resultAt) != Inval || g.call(PollOneoff, 0, 0, MaxSubscriptions+1, resultAt) != Inval {
		t.Error("no or too many subscriptions were accepted")
	}
}

func TestEnds(t *testing.T) {
	g := newGuest(t, testConfig())
	g.call(ProcExit, 1<<32|42)
	if want := (Stop{Kind: StopExit, Code: 42}); g.stop != want {
		t.Errorf("exit: %+v", g.stop)
	}
	// A call without the fuel for it has no effect and says so.
	g = newGuest(t, testConfig())
	for _, fuel := range []uint64{0, CallFuel - 1, CallFuel, CallFuel + KiBFuel - 1} {
		copy(g.mem[dataAt:], "x")
		g.vec(dataAt, 1)
		if _, _, stop := g.h.Call(FdWrite, g.mem, []uint64{1, iovecAt, 1, resultAt}, fuel); stop.Kind != StopOutOfFuel {
			t.Errorf("fuel %d: %+v", fuel, stop)
		}
	}
	if used, _ := g.fs.Used(); used != 0 {
		t.Error("a call without fuel wrote")
	}
	errno, cost, stop := g.h.Call(FdWrite, g.mem, []uint64{1, iovecAt, 1, resultAt}, CallFuel+KiBFuel)
	if errno != Success || cost != CallFuel+KiBFuel || stop.Kind != Continue {
		t.Errorf("exact fuel: errno %d, cost %d, %+v", errno, cost, stop)
	}
}

func TestOutputLimit(t *testing.T) {
	cfg := testConfig()
	cfg.Output = 100
	g := newGuest(t, cfg)
	g.mustWrite(1, strings.Repeat("x", 60))
	fd := g.mustOpen(4, "f", openCreate)
	g.mustWrite(fd, strings.Repeat("y", 40))
	g.write(2, "z")
	if g.stop.Kind != StopOutputLimit {
		t.Errorf("byte 101: %+v", g.stop)
	}
	g.ok(FdFilestatSetSize, fd, 10) // room again
	g.mustWrite(2, strings.Repeat("z", 30))
	for _, c := range []struct {
		fn   Func
		args []uint64
	}{
		{FdFilestatSetSize, []uint64{fd, 11}},
		{FdFilestatSetSize, []uint64{fd, 1<<63 - 1}},
		{FdAllocate, []uint64{fd, 1 << 62, 1 << 61}},
	} {
		if g.call(c.fn, c.args...); g.stop.Kind != StopOutputLimit {
			t.Errorf("%s%v: %+v", functions[c.fn].Name, c.args, g.stop)
		}
	}
	if used, _ := g.fs.Used(); used != 100 {
		t.Errorf("%d bytes used", used)
	}
}

func TestMissingInput(t *testing.T) {
	s := newShelf()
	in := s.folder("", s.file("gone", "bytes"))
	fs, err := NewMemFiles(s, canon.Digest{}, in.Digest)
	if err != nil {
		t.Fatal(err)
	}
	clear(s.files)
	g := &guest{t: t, h: New(testConfig(), fs), fs: fs, mem: make(testMemory, 1<<17)}
	g.open(3, "gone", 0, rightRead, 0)
	if g.stop.Kind != StopFailed || g.stop.Err == nil {
		t.Errorf("open: %+v", g.stop)
	}
	if _, err := NewMemFiles(newShelf(), canon.Hash("x"), canon.Digest{}); err == nil {
		t.Error("missing standard input was accepted")
	}
}

// TestRoom: committed state has room for what a job may ask for, and its output
// has the names that executors give it.
func TestRoom(t *testing.T) {
	if assay.MaxFiles > MaxFiles || assay.MaxOutput > MaxFileBytes || assay.MaxMemory > 1<<32-1 {
		t.Error("a job's limits are above ours")
	}
	if slotAt(maxSlots) > machine.HostNodes.Bytes() || contentAt(maxSlots) > machine.HostData.Bytes() {
		t.Error("slots lie beyond their regions")
	}
	if outName != executor.OutName || stderrName != executor.StderrName || stdoutName != executor.StdoutName {
		t.Error("the output's names differ")
	}
	if MaxPathParts*stackStride > ScratchBytes || MaxSubscriptions*eventBytes > ScratchBytes {
		t.Error("the scratch area is too small")
	}
}

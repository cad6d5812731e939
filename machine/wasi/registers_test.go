package wasi

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/merkle"
)

// TestRegistersLayout pins the layout of docs/WASM.md: where each field lies.
func TestRegistersLayout(t *testing.T) {
	at := func(change func(r *Registers)) int {
		var r Registers
		change(&r)
		b, _ := r.AppendBinary(nil)
		if len(b) != RegistersBytes {
			t.Fatalf("%d bytes, want %d", len(b), RegistersBytes)
		}
		return bytes.IndexFunc(b, func(c rune) bool { return c != 0 })
	}
	for name, c := range map[string]struct {
		want   int
		change func(r *Registers)
	}{
		"clock":         {0, func(r *Registers) { r.Clock = 1 }},
		"random":        {8, func(r *Registers) { r.Random = 1 }},
		"open":          {16, func(r *Registers) { r.Open[0] = 1 }},
		"used":          {48, func(r *Registers) { r.Used = 1 }},
		"inode":         {56, func(r *Registers) { r.Inode = 1 }},
		"nodes":         {64, func(r *Registers) { r.Nodes = 1 }},
		"slots":         {68, func(r *Registers) { r.Slots = 1 }},
		"free":          {72, func(r *Registers) { r.Free = 1 }},
		"function":      {80, func(r *Registers) { r.Call.Func = 1 }},
		"phase":         {81, func(r *Registers) { r.Call.Phase = 1 }},
		"slash":         {84, func(r *Registers) { r.Call.Slash = true }},
		"arguments":     {88, func(r *Registers) { r.Call.Args[0] = 1 }},
		"index":         {160, func(r *Registers) { r.Call.Index = 1 }},
		"whole":         {192, func(r *Registers) { r.Call.Whole = 1 }},
		"depth":         {200, func(r *Registers) { r.Call.Depth = 1 }},
		"climb":         {212, func(r *Registers) { r.Call.Climb = 1 }},
		"here":          {216, func(r *Registers) { r.Call.Here.Space = In }},
		"from":          {272, func(r *Registers) { r.Call.From.Space = In }},
		"finish":        {328, func(r *Registers) { r.Finish.Phase = 1 }},
		"finish slot":   {332, func(r *Registers) { r.Finish.Slot = 1 }},
		"finish leaf":   {336, func(r *Registers) { r.Finish.Leaf = 1 }},
		"output digest": {344, func(r *Registers) { r.Finish.Root[0] = 1 }},
	} {
		if got := at(c.change); got != c.want {
			t.Errorf("%s lies at %d, want %d", name, got, c.want)
		}
	}
}

func TestBadRegisters(t *testing.T) {
	good, _ := new(Registers).AppendBinary(nil)
	for name, c := range map[string]struct {
		at    int
		value byte
	}{
		"reserved":           {76, 1},
		"function":           {80, byte(NumFuncs) + 1},
		"phase without call": {81, 1},
		"flag":               {82, 2},
		"reserved flags":     {85, 1},
		"argument, no call":  {88, 1},
		"node":               {216, 3},
		"finishing":          {328, 3},
		"slots":              {70, 1},
		"free":               {75, 1},
	} {
		b := bytes.Clone(good)
		b[c.at] = c.value
		if _, err := DecodeRegisters(b); !errors.Is(err, ErrRegisters) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, n := range []int{0, RegistersBytes - 1, RegistersBytes + 1} {
		if _, err := DecodeRegisters(make([]byte, n)); !errors.Is(err, ErrRegisters) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func FuzzDecodeRegisters(f *testing.F) {
	s, stdin, mount := testInput()
	e := newEngine(testConfig(), s, stdin, mount)
	f.Add(e.registers)
	for _, st := range prelude() {
		for _, p := range st.pokes {
			copy(e.mem.testMemory[p.at:], p.bytes)
		}
		r := e.get()
		Resume(e.cfg, NewCommittedFiles(e.space, e.reader, r, stdin, mount), r).Begin(st.fn, st.args)
		e.put(r)
		f.Add(e.registers)
		e.call(st.fn, st.args, lots)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeRegisters(b)
		if err != nil {
			return
		}
		if again, _ := r.AppendBinary(nil); !bytes.Equal(again, b) {
			t.Fatal("accepted, but encodes differently")
		}
	})
}

// FuzzForeignState steps from registers and regions that no run has reached: a
// party to a dispute may claim any. A micro-step ends, in an error or not, and
// touches no more than others do.
func FuzzForeignState(f *testing.F) {
	zero, _ := new(Registers).AppendBinary(nil)
	for fn := range NumFuncs {
		b := bytes.Clone(zero)
		b[80] = byte(fn + 1)
		f.Add(b, uint64(fn), []byte{4, 1, 1, 0, 0})
		b[81] = 1
		f.Add(b, uint64(fn), []byte{1, 0, 0, 0, 3, 9, 9})
	}
	long := bytes.Clone(zero) // in the middle of a path longer than any
	long[80], long[81], long[88+3*8+2] = byte(PathFilestatGet)+1, phaseWork, 2
	f.Add(long, uint64(34), []byte{0})
	finishing := bytes.Clone(zero)
	finishing[328], finishing[332] = 1, 4
	f.Add(finishing, uint64(1), []byte{2, 0, 14})
	f.Fuzz(foreignState)
}

func foreignState(t *testing.T, b []byte, seed uint64, fill []byte) {
	if len(b) != RegistersBytes {
		return
	}
	r, err := DecodeRegisters(b)
	if err != nil {
		return
	}
	s, stdin, mount := testInput()
	space := newLeafSpace()
	Start(space, stdin, mount)
	scribble(space, rand.New(rand.NewPCG(seed, 1)), fill)
	mem := &watchedMemory{make(testMemory, 4<<16), map[uint32]bool{}}
	copy(mem.testMemory, bytes.Repeat(fill, min(200, len(fill))))
	clear(space.touched)
	m := NewCommittedFiles(space, NewReaderInput(s), &r, stdin, mount)
	if r.Finish.Phase != finishNone {
		_, _, _ = m.Finish()
	} else {
		Resume(testConfig(), m, &r).Step(mem, 1<<20)
	}
	if n := len(space.touched) + len(mem.touched); n > 100 {
		t.Fatalf("%d leaves touched", n)
	}
}

// scribble overwrites fields of records, descriptors and scratch.
func scribble(space *leafSpace, rng *rand.Rand, fill []byte) {
	for i, v := range fill {
		slot := uint64(rng.IntN(8))
		at := nodesAt + slot*recordBytes + uint64(rng.IntN(48))
		switch i % 4 {
		case 1:
			at = slot*recordBytes + uint64(rng.IntN(140))
		case 2:
			at = scratchAt + uint64(rng.IntN(1000))
		case 3: // a link to a record nearby, perhaps in a circle
			at = nodesAt + slot*recordBytes + 4*uint64(1+rng.IntN(5))
			space.Store(machine.HostNodes, at, binary.LittleEndian.AppendUint32(nil, uint32(v%8)))
			continue
		}
		space.Store(machine.HostNodes, at, []byte{v})
	}
}

// TestForeignState runs the fuzz target on states drawn at random: registers of
// any numbers that decode, over scribbled regions.
func TestForeignState(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	number := func() uint64 {
		return []uint64{0, 1, 2, 5, 100, 1 << 12, 1 << 31, 1<<32 - 1, 1 << 63, ^uint64(0), uint64(dataAt), uint64(iovecAt)}[rng.IntN(12)]
	}
	node := func() Node {
		if rng.IntN(2) == 0 {
			return Node{Space: In, Kind: merkle.Kind(1 + rng.IntN(2)), Size: number(), Digest: canon.Digest{byte(rng.IntN(2))}}
		}
		return outNode(uint32(1+rng.IntN(8)), merkle.Kind(1+rng.IntN(2)), number())
	}
	decoded := 0
	for i := range 20_000 {
		r := Registers{Clock: number(), Random: number(), Used: number(), Nodes: uint32(number()), Slots: uint32(rng.IntN(maxSlots)), Free: uint32(rng.IntN(9))}
		for j := range r.Open {
			r.Open[j] = rng.Uint64()
		}
		if rng.IntN(5) == 0 {
			r.Finish = Finishing{Phase: finishWork, Slot: uint32(rng.IntN(9)), Leaf: number()}
		} else {
			c := &r.Call
			c.Func, c.Phase, c.Exists, c.Slash = uint8(1+rng.IntN(NumFuncs)), uint8(rng.IntN(int(lastPhase)+1)), rng.IntN(2) == 0, rng.IntN(2) == 0
			c.Depth = uint32(rng.IntN(MaxPathParts + 1))
			c.Named = c.Depth > 0
			for j := range c.Args {
				c.Args[j] = number()
			}
			c.Index, c.Total, c.Base, c.Bytes, c.Whole = number(), number(), number(), number(), number()
			c.NameAt, c.NameLen, c.Climb = uint32(rng.IntN(MaxPathBytes)), uint32(rng.IntN(256)), uint32(rng.IntN(9))
			c.Here, c.From = node(), node()
		}
		b, _ := r.AppendBinary(nil)
		if _, err := DecodeRegisters(b); err == nil {
			decoded++
		}
		fill := make([]byte, rng.IntN(40))
		for j := range fill {
			fill[j] = byte(rng.Uint32())
		}
		foreignState(t, b, uint64(i), fill)
	}
	if decoded < 10_000 {
		t.Errorf("only %d of the registers decode", decoded)
	}
}

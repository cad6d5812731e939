package wasm

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/machine"
)

var update = flag.Bool("update", false, "write golden files instead of comparing with them")

// TestOpsDense: every number below NumOps is an operation with a name of its
// own, so that a switch over them can be a jump table.
func TestOpsDense(t *testing.T) {
	seen := map[string]Op{}
	for op := range Op(NumOps) {
		name := op.String()
		if name == "" || name == "unknown" {
			t.Errorf("operation %d has no name", op)
		}
		if other, twice := seen[name]; twice {
			t.Errorf("operations %d and %d are both %q", other, op, name)
		}
		seen[name] = op
	}
	if NumOps >= 512 || Op(NumOps).String() != "unknown" {
		t.Errorf("%d operations", NumOps)
	}
	if len(DecodeInstr(Instr{Op: OpBrI32EqK, A: 1, B: 2, C: 3, Imm: 4}.AppendBinary(nil)).String()) == 0 {
		t.Error("no text")
	}
}

func TestInstrBinary(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		in := Instr{Op(r.Uint32()), uint16(r.Uint32()), uint16(r.Uint32()), uint16(r.Uint32()), r.Uint64()}
		b := in.AppendBinary(nil)
		if len(b) != InstrBytes || DecodeInstr(b) != in {
			t.Fatalf("%v becomes %v", in, DecodeInstr(b))
		}
	}
}

// programs are what the goldens are about: those whose bytes are in the
// repository.
func programs(t testing.TB) (names []string, all [][]byte) {
	for _, k := range kernels {
		names, all = append(names, k.name), append(all, kernel(t, k.name))
	}
	for _, file := range []string{"../../examples/c/sieve/sieve.wasm", "../../executor/wasm/testdata/guests/c/files.wasm"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		names, all = append(names, filepath.Base(file)), append(all, b)
	}
	return names, all
}

// TestImageGolden fixes the images of programs. A change of the lowering needs
// a new MachineVersion.
func TestImageGolden(t *testing.T) {
	var got strings.Builder
	names, all := programs(t)
	for i, b := range all {
		im := Lower(b).Image
		fmt.Fprintf(&got, "%-10s image %s code %s static %s memory %s instructions %d\n",
			names[i], im.Digest(), im.Code.Short(), im.Static.Short(), im.Memory.Short(), im.Instrs)
	}
	file := filepath.Join("testdata", "images.txt")
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("images changed:\n%s\nwant:\n%s", got.String(), want)
	}
}

// TestImageCommits: the roots are those of the contents.
func TestImageCommits(t *testing.T) {
	_, all := programs(t)
	all = append(all, goGuest(t))
	for _, b := range all {
		p := Lower(b)
		im := &p.Image
		var code []byte
		for _, in := range p.Code {
			code = in.AppendBinary(code)
		}
		memory := make([]byte, uint64(im.MemoryMin)*PageBytes)
		for _, d := range p.Data {
			copy(memory[d.At:], d.Bytes)
		}
		check := func(what string, got canon.Digest, depth int, b []byte) {
			t.Helper()
			if want := machine.RootOf(depth, b); got != want {
				t.Errorf("%s root %s, want %s", what, got, want)
			}
		}
		check("code", im.Code, machine.Code.Depth(), code)
		check("static", im.Static, machine.Static.Depth(), p.Static)
		check("memory", im.Memory, machine.Memory.Depth(), memory)
		check("globals", im.GlobalsRoot, machine.Globals.Depth(), p.Globals)
		for i, table := range p.Tables {
			check("table", im.Tables[i].Root, machine.TableDepth, table)
		}
		for i, f := range p.Funcs {
			if DecodeFuncInfo(p.Static[FuncBytes*i:]) != f {
				t.Errorf("record %d differs", i)
			}
			if f.Host == 0 && (f.Frame > f.Slots || int(f.Entry)%64 != 0) {
				t.Errorf("function %d: frame of %d slots, counted as %d, at %d", i, f.Frame, f.Slots, f.Entry)
			}
		}
		if int(im.Instrs) != len(p.Code) || int(im.StaticBytes) != len(p.Static) {
			t.Error("sizes differ")
		}
	}
}

// TestLoweringSteps: the image does not depend on how the work was divided, and
// no step does much more than it was asked for.
func TestLoweringSteps(t *testing.T) {
	program := goGuest(t)
	want := Lower(program).Image.Digest()
	r := rand.New(rand.NewPCG(3, 4))
	for _, most := range []int{1 << 10, 1 << 16, 1 << 20} {
		l := NewImage(program)
		steps := 0
		for !l.Step(1 + r.IntN(most)) {
			steps++
		}
		if got := l.Image().Digest(); got != want {
			t.Errorf("in %d steps: %s, at once %s", steps, got, want)
		}
		if l.Program() != nil {
			t.Error("the contents were kept")
		}
		if steps < len(program)/most {
			t.Errorf("%d bytes in %d steps of at most %d", len(program), steps, most)
		}
	}
}

// TestLoweringRefuses: what the front end refuses has an image that says so, by
// the same code.
func TestLoweringRefuses(t *testing.T) {
	good := kernel(t, "sieve")
	r := rand.New(rand.NewPCG(9, 9))
	refused := 0
	for range 3000 {
		b := bytes.Clone(good)
		for range 1 + r.IntN(3) {
			b[r.IntN(len(b))] = byte(r.Uint32())
		}
		if r.IntN(4) == 0 {
			b = b[:r.IntN(len(b))]
		}
		want := ""
		m, err := Decode(b, DefaultLimits())
		if err == nil {
			err = Validate(m)
		}
		if err == nil {
			err = CheckProfile(m, MaxPages)
		}
		if err != nil {
			want = string(err.(*Error).Code)
			refused++
		}
		im := Lower(b).Image
		if im.Invalid != want {
			t.Fatalf("invalid %q, want %q: %x", im.Invalid, want, b)
		}
		if want != "" && im.Digest() != (&Image{Version: MachineVersion, Invalid: want}).Digest() {
			t.Fatal("an image of nothing holds something")
		}
	}
	if refused < 500 {
		t.Errorf("%d refused", refused)
	}
}

func TestRootWalk(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for range 50 {
		b := make([]byte, r.IntN(200_000))
		for range r.IntN(40) {
			if len(b) > 0 {
				b[r.IntN(len(b))] = byte(r.Uint32())
			}
		}
		w := newRootWalk(10)
		for rest := b; len(rest) > 0; {
			n := min(len(rest), 1+r.IntN(5000))
			w.write(rest[:n])
			rest = rest[n:]
		}
		if got, want := w.root(), machine.RootOf(10, b); got != want {
			t.Fatalf("%d bytes: %s, want %s", len(b), got, want)
		}
	}
}

func FuzzDecodeImage(f *testing.F) {
	f.Add(Lower(kernel(f, "fib")).Image.Encode())
	f.Add((&Image{Version: MachineVersion, Invalid: string(CodeNoStart)}).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if im, err := DecodeImage(b); err == nil && !bytes.Equal(im.Encode(), b) {
			t.Errorf("%x is accepted and encodes to %x", b, im.Encode())
		}
	})
}

// FuzzLower: any bytes have an image; nothing panics, and the code never names
// what does not exist.
func FuzzLower(f *testing.F) {
	_, all := programs(f)
	for _, b := range all {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p := Lower(b)
		if p.Image.Invalid != "" {
			return
		}
		for pc, in := range p.Code {
			var to uint32
			switch {
			case int(in.Op) >= NumOps:
				t.Fatalf("operation %d at %d", in.Op, pc)
			case in.Op == OpJump, in.Op == OpJumpConst:
				to = Jump(in.Imm).PC
			case in.Op >= OpBrI32Eq && in.Op <= OpBrI64GeUK:
				target, _ := Branch(in.Imm)
				to = target.PC
			case in.Op == OpJumpTable:
				for i := range uint64(in.Hi()) + 1 {
					entry := Jump(binary.LittleEndian.Uint64(p.Static[uint64(in.Lo())+8*i:]))
					to = max(to, entry.PC)
				}
			case in.Op == OpCall && in.Lo() >= p.Image.Functions:
				t.Fatalf("call of %d at %d", in.Lo(), pc)
			}
			if int(to) >= len(p.Code) {
				t.Fatalf("target %d at %d", to, pc)
			}
		}
	})
}

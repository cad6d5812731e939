package wasi

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/merkle"
)

// leafKey names a leaf of a region.
type leafKey struct {
	region machine.Region
	leaf   uint64
}

// leafSpace is a machine.Space in a map of leaves that notes which it touches.
type leafSpace struct {
	leaves  map[leafKey]*machine.Leaf
	touched map[leafKey]bool
}

func newLeafSpace() *leafSpace {
	return &leafSpace{map[leafKey]*machine.Leaf{}, map[leafKey]bool{}}
}

func (s *leafSpace) each(r machine.Region, at, n uint64, f func(k leafKey, from, to uint64)) {
	if at > r.Bytes() || n > r.Bytes()-at {
		panic(&machine.MissingError{Region: r, Leaf: at / machine.LeafSize})
	}
	for end := at + n; at < end; {
		k := leafKey{r, at / machine.LeafSize}
		to := min(end, (k.leaf+1)*machine.LeafSize)
		f(k, at%machine.LeafSize, (to-1)%machine.LeafSize+1)
		at = to
	}
}

func (s *leafSpace) Load(r machine.Region, at uint64, p []byte) {
	clear(p)
	s.each(r, at, uint64(len(p)), func(k leafKey, from, to uint64) {
		s.touched[k] = true
		if l := s.leaves[k]; l != nil {
			copy(p, l[from:to])
		}
		p = p[to-from:]
	})
}

func (s *leafSpace) Store(r machine.Region, at uint64, p []byte) {
	s.each(r, at, uint64(len(p)), func(k leafKey, from, to uint64) {
		s.touched[k] = true
		if s.leaves[k] == nil {
			s.leaves[k] = new(machine.Leaf)
		}
		copy(s.leaves[k][from:to], p)
		p = p[to-from:]
	})
}

func (s *leafSpace) Clear(r machine.Region, at, n uint64) {
	if at > r.Bytes() || n > r.Bytes()-at {
		panic(&machine.MissingError{Region: r, Leaf: at / machine.LeafSize})
	}
	for _, edge := range []uint64{at, at + n} {
		if edge%machine.LeafSize != 0 {
			s.touched[leafKey{r, edge / machine.LeafSize}] = true
		}
	}
	for k, l := range s.leaves {
		base := k.leaf * machine.LeafSize
		if k.region == r && base+machine.LeafSize > at && base < at+n {
			clear(l[max(at, base)-base : min(at+n, base+machine.LeafSize)-base])
		}
	}
}

// clone copies the space.
func (s *leafSpace) clone() *leafSpace {
	c := newLeafSpace()
	for k, l := range s.leaves {
		again := *l
		c.leaves[k] = &again
	}
	return c
}

// root returns the root of a region, by the package that defines it.
func (s *leafSpace) root(r machine.Region) canon.Digest {
	t := machine.NewRegions()
	for k, l := range s.leaves {
		t.Store(k.region, k.leaf*machine.LeafSize, l[:])
	}
	return t[r].Root()
}

// watchedMemory counts the leaves of a memory that are touched.
type watchedMemory struct {
	testMemory
	touched map[uint32]bool
}

func (m *watchedMemory) note(offset, n uint32) {
	for i := offset / machine.LeafSize; n > 0 && i <= (offset+n-1)/machine.LeafSize; i++ {
		m.touched[i] = true
	}
}

func (m *watchedMemory) Read(offset, n uint32) ([]byte, bool) {
	b, ok := m.testMemory.Read(offset, n)
	if ok {
		m.note(offset, n)
	}
	return bytes.Clone(b), ok
}

func (m *watchedMemory) Write(offset uint32, b []byte) bool {
	ok := m.testMemory.Write(offset, b)
	if ok {
		m.note(offset, uint32(len(b)))
	}
	return ok
}

// engine runs calls in micro-steps over committed files. Between any two it
// keeps nothing but the bytes of its registers and the regions.
type engine struct {
	cfg          Config
	stdin, mount canon.Digest
	reader       *ReaderInput
	space        *leafSpace
	mem          *watchedMemory
	registers    []byte

	leaves  [NumFuncs]int // most that a micro-step has touched
	opening [NumFuncs]int // most bytes of input openings
}

func newEngine(cfg Config, s *shelf, stdin, mount canon.Digest) *engine {
	e := &engine{
		cfg: cfg, stdin: stdin, mount: mount, reader: NewReaderInput(s), space: newLeafSpace(),
		mem: &watchedMemory{make(testMemory, 4<<16), map[uint32]bool{}},
	}
	r := Start(e.space, stdin, mount)
	e.put(&r)
	return e
}

func (e *engine) put(r *Registers) { e.registers, _ = r.AppendBinary(nil) }

func (e *engine) get() *Registers {
	r, err := DecodeRegisters(e.registers)
	if err != nil {
		panic(err)
	}
	if again, _ := r.AppendBinary(nil); !bytes.Equal(again, e.registers) {
		panic("registers encode differently")
	}
	return &r
}

// step carries out one micro-step from the bytes of the state.
func (e *engine) step(in Input, space machine.Space, mem Memory, r *Registers, fuel uint64) Progress {
	return Resume(e.cfg, NewCommittedFiles(space, in, r, e.stdin, e.mount), r).Step(mem, fuel)
}

func (e *engine) call(fn Func, args []uint64, fuel uint64) (Errno, uint64, Stop) {
	r := e.get()
	Resume(e.cfg, NewCommittedFiles(e.space, e.reader, r, e.stdin, e.mount), r).Begin(fn, args)
	e.put(r)
	cost := uint64(0)
	for {
		clear(e.space.touched)
		clear(e.mem.touched)
		rec, r := NewRecorder(e.reader), e.get()
		p := e.step(rec, e.space, e.mem, r, fuel-cost)
		e.put(r)
		e.leaves[fn] = max(e.leaves[fn], len(e.space.touched)+len(e.mem.touched))
		e.opening[fn] = max(e.opening[fn], len(rec.Encode()))
		if cost += p.Cost; p.Done {
			return p.Errno, cost, p.Stop
		}
	}
}

// finish runs the finishing to its end and returns the output's digest.
func (e *engine) finish(t fataler) canon.Digest {
	for range 1 << 20 {
		clear(e.space.touched)
		r := e.get()
		done, root, err := NewCommittedFiles(e.space, nil, r, e.stdin, e.mount).Finish()
		e.put(r)
		if err != nil {
			t.Fatalf("finish: %v", err)
		}
		if n := len(e.space.touched); n > mostFinishLeaves {
			t.Fatalf("a micro-step of finishing touches %d leaves", n)
		}
		if done {
			return root
		}
	}
	t.Fatalf("finishing does not end")
	return canon.Digest{}
}

const mostFinishLeaves = 40

type fataler interface {
	Fatalf(format string, args ...any)
}

// outputDigest is the output folder's digest from plain values, as
// executor/wasm builds it.
func outputDigest(fs *MemFiles) canon.Digest {
	below := map[string][]merkle.Entry{}
	var root []merkle.Entry
	fs.Visit(OutFolder, func(name string, n Node, content []byte) {
		e := merkle.Entry{Name: path.Base(name), Kind: n.Kind}
		if n.Kind == merkle.Folder {
			e.Digest, e.Size = merkle.FolderDigest(below[name]), merkle.FolderSize(below[name])
		} else {
			e.Digest, e.Size = merkle.FileOf(content), uint64(len(content))
		}
		if name == "" {
			e.Name = "out"
			root = append(root, e)
			return
		}
		above := strings.TrimSuffix(path.Dir(name), ".")
		below[above] = append(below[above], e)
	})
	for _, s := range []struct {
		name string
		root Root
	}{{"stderr", Stderr}, {"stdout", Stdout}} {
		fs.Visit(s.root, func(_ string, _ Node, content []byte) {
			root = append(root, merkle.Entry{Name: s.name, Kind: merkle.File, Digest: merkle.FileOf(content), Size: uint64(len(content))})
		})
	}
	return merkle.FolderDigest(root)
}

// testInput is the input of newGuest.
func testInput() (s *shelf, stdin, mount canon.Digest) {
	s = newShelf()
	in := s.folder("", s.file("a.txt", "alpha"), s.folder("e"), s.folder("d", s.file("b.bin", string(make([]byte, 3000)))))
	return s, s.file("", "standard input").Digest, in.Digest
}

// TestCommittedAgainstPlain runs random programs at once over plain files, and
// in micro-steps over committed ones: with the registers through bytes between
// any two, and once more without. A run that has stopped can be asked on: a stop
// has no effect.
func TestCommittedAgainstPlain(t *testing.T) {
	for range 8 {
		rapid.Check(t, func(r *rapid.T) { committedAgainstPlain(t, r) })
	}
}

func committedAgainstPlain(t *testing.T, r *rapid.T) {
	cfg := testConfig()
	cfg.Files = rapid.SampledFrom([]uint32{8, 50}).Draw(r, "files")
	s, stdin, mount := testInput()
	plain := newGuest(t, cfg)
	e := newEngine(cfg, s, stdin, mount)
	regions, mem := machine.NewRegions(), make(testMemory, len(plain.mem))
	registers := Start(regions, stdin, mount)
	committed := NewCommittedFiles(regions, NewReaderInput(s), &registers, stdin, mount)
	straight := Resume(cfg, committed, &registers)
	for _, st := range drawProgram(r, 60) {
		fuel := drawFuel(r)
		for _, p := range st.pokes {
			copy(plain.mem[p.at:], p.bytes)
			copy(e.mem.testMemory[p.at:], p.bytes)
			copy(mem[p.at:], p.bytes)
		}
		wantErrno, wantCost, wantStop := plain.h.Call(st.fn, plain.mem, st.args, fuel)
		errno, cost, stop := e.call(st.fn, st.args, fuel)
		if stop != wantStop || stop.Kind == Continue && (errno != wantErrno || cost != wantCost) {
			r.Fatalf("%s: errno %d, cost %d, %+v; want %d, %d, %+v", st, errno, cost, stop, wantErrno, wantCost, wantStop)
		}
		if errno, cost, stop := straight.Call(st.fn, mem, st.args, fuel); stop != wantStop || stop.Kind == Continue && (errno != wantErrno || cost != wantCost) {
			r.Fatalf("%s: at once: errno %d, cost %d, %+v", st, errno, cost, stop)
		}
		if !bytes.Equal(plain.mem, e.mem.testMemory) || !bytes.Equal(plain.mem, mem) {
			r.Fatalf("%s: memories differ", st)
		}
		compareRegisters(r, plain, committed)
	}
	if b, _ := registers.AppendBinary(nil); !bytes.Equal(b, e.registers) {
		r.Fatalf("registers differ with and without restarts")
	}
	for _, region := range []machine.Region{machine.HostNodes, machine.HostData} {
		if e.space.root(region) != regions[region].Root() {
			r.Fatalf("%s differ with and without restarts", region)
		}
	}
	if got := e.finish(r); got != outputDigest(plain.fs) {
		r.Fatalf("output differs")
	}
}

// compareRegisters compares counters and descriptors. Slots are each table's
// own, and only plain files know the size of standard input by themselves.
func compareRegisters(r *rapid.T, plain *guest, committed *CommittedFiles) {
	got, want := committed.registers, plain.h.Registers
	used, nodes := plain.fs.Used()
	if got.Clock != want.Clock || got.Random != want.Random || got.Open != want.Open || got.Used != used || got.Nodes != nodes {
		r.Fatalf("registers %+v, want %+v with %d bytes and %d nodes", got, want, used, nodes)
	}
	for fd := range uint32(MaxDescriptors) {
		if !want.isOpen(fd) {
			continue
		}
		a, b := committed.Descriptor(fd), plain.fs.Descriptor(fd)
		a.Node.Slot, b.Node.Slot = 0, 0
		if b.Node.Inode == stdinInode {
			b.Node.Size = a.Node.Size
		}
		if a != b {
			r.Fatalf("descriptor %d is %+v, want %+v", fd, a, b)
		}
	}
}

// TestGoldenState pins the first state and that of a short program: a change of
// the layout is a new version of the machine.
func TestGoldenState(t *testing.T) {
	s, stdin, mount := testInput()
	e := newEngine(testConfig(), s, stdin, mount)
	state := func() string {
		nodes, data := e.space.root(machine.HostNodes), e.space.root(machine.HostData)
		return canon.Hash("test", e.registers, nodes[:], data[:]).String()
	}
	first := state()
	for _, st := range prelude() {
		for _, p := range st.pokes {
			copy(e.mem.testMemory[p.at:], p.bytes)
		}
		e.call(st.fn, st.args, lots)
	}
	e.path(t, PathUnlinkFile, "f2", Success)
	e.rename(t, "a", "c", Success)
	r := e.get() // in the middle of a path
	Resume(e.cfg, NewCommittedFiles(e.space, e.reader, r, stdin, mount), r).Begin(PathRename, []uint64{4, textAt, 1, 4, textAt, 1})
	e.step(e.reader, e.space, e.mem, r, lots)
	e.put(r)
	for name, c := range map[string]struct{ got, want string }{
		"first": {first, "sha256:5ad9f32aeac26db49865e3c2117359a94c59b60b0760a62b24e476ea56a5c3ed"},
		"later": {state(), "sha256:da2cb925abbd135ef2ce2e7b5d0ebff059da3c7673b6a0814c5ee6637583780e"},
	} {
		if c.got != c.want {
			t.Errorf("%s state %s, want %s", name, c.got, c.want)
		}
	}
}

// TestRemovedLeavesNothing: what is taken away leaves zeros, so that the state
// does not grow with what was there once.
func TestRemovedLeavesNothing(t *testing.T) {
	s, stdin, mount := testInput()
	e := newEngine(testConfig(), s, stdin, mount)
	e.mustCreate(t, "keep", 5000)
	before := e.space.root(machine.HostData)
	for range 20 {
		e.mustCreate(t, "gone", 70000)
		e.path(t, PathUnlinkFile, "gone", Success)
	}
	if e.space.root(machine.HostData) != before {
		t.Error("a removed file left bytes")
	}
	if r := e.get(); r.Slots != rootSlots+2 || r.Free == 0 || r.Nodes != 1 || r.Used != 5000 {
		t.Errorf("%+v after twenty files in turn", r)
	}
}

// mustCreate writes a file of n bytes under /out.
func (e *engine) mustCreate(t testing.TB, name string, n int) {
	t.Helper()
	at := copy(e.mem.testMemory[textAt:], name)
	errno, _, _ := e.call(PathOpen, []uint64{4, 0, textAt, uint64(at), openCreate | openTruncate, fileRights, 0, 0, resultAt}, lots)
	if errno != Success {
		t.Fatalf("open %s: errno %d", name, errno)
	}
	fd := uint64(e.u32(resultAt))
	for n > 0 {
		k := min(n, MaxTransfer)
		e.vec(t, [2]uint32{dataAt, uint32(k)})
		if errno, _, stop := e.call(FdWrite, []uint64{fd, iovecAt, 1, resultAt}, lots); errno != Success || stop.Kind != Continue {
			t.Fatalf("write %s: errno %d, %+v", name, errno, stop)
		}
		n -= k
	}
	if errno, _, _ := e.call(FdClose, []uint64{fd}, lots); errno != Success {
		t.Fatalf("close %s: errno %d", name, errno)
	}
}

func (e *engine) path(t testing.TB, fn Func, p string, want Errno) {
	t.Helper()
	n := copy(e.mem.testMemory[textAt:], p)
	if errno, _, stop := e.call(fn, []uint64{4, textAt, uint64(n)}, lots); errno != want || stop.Kind != Continue {
		t.Fatalf("%s %.40s: errno %d, %+v", functions[fn].Name, p, errno, stop)
	}
}

func (e *engine) rename(t testing.TB, from, to string, want Errno) {
	t.Helper()
	n := copy(e.mem.testMemory[textAt:], from)
	k := copy(e.mem.testMemory[textAt+5000:], to)
	if errno, _, stop := e.call(PathRename, []uint64{4, textAt, uint64(n), 4, textAt + 5000, uint64(k)}, lots); errno != want || stop.Kind != Continue {
		t.Fatalf("rename %.40s: errno %d, %+v", from, errno, stop)
	}
}

func (e *engine) u32(at int) uint32 {
	g := guest{mem: e.mem.testMemory}
	return g.u32(at)
}

// vec lays out buffers.
func (e *engine) vec(t testing.TB, buffers ...[2]uint32) {
	t.Helper()
	g := guest{mem: e.mem.testMemory[:iovecAt+8*len(buffers)]}
	for i, b := range buffers {
		sub := guest{mem: g.mem[8*i:]}
		sub.vec(b[0], b[1])
	}
}

// TestTreeStaysBalanced holds the folder's tree to its definition after random
// changes: order, heights that differ by at most one, counts.
func TestTreeStaysBalanced(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var regs Registers
		space := newLeafSpace()
		regs = Start(space, canon.Digest{}, canon.Digest{})
		m := NewCommittedFiles(space, nil, &regs, canon.Digest{}, canon.Digest{})
		out := m.Root(OutFolder)
		var names []string
		for range rapid.IntRange(1, 150).Draw(r, "changes") {
			name := fmt.Sprintf("%03d", rapid.IntRange(0, 200).Draw(r, "name"))
			i, found := slices.BinarySearch(names, name)
			n, ok, _ := m.Lookup(out, name)
			if ok != found {
				r.Fatalf("lookup %s: %v", name, ok)
			}
			if found {
				m.Detach(n)
				m.Drop(n)
				names = slices.Delete(names, i, i+1)
			} else {
				m.Create(out, name, merkle.File)
				names = slices.Insert(names, i, name)
			}
		}
		if _, n := m.checkTree(r, m.load(outSlot).first); n != uint32(len(names)) {
			r.Fatalf("%d entries, want %d", n, len(names))
		}
		for i, name := range names {
			got, _, ok, _ := m.Entry(out, uint64(i))
			rank, _ := m.Rank(out, name)
			before, _ := m.Rank(out, name[:2])
			if !ok || got != name || rank != uint64(i+1) || before > uint64(i) {
				r.Fatalf("entry %d is %q, rank %d, want %q", i, got, rank, name)
			}
		}
		if _, _, ok, _ := m.Entry(out, uint64(len(names))); ok || m.Err() != nil {
			r.Fatalf("an entry behind the last, or %v", m.Err())
		}
	})
}

func (m *CommittedFiles) checkTree(r *rapid.T, at uint32) (height uint8, count uint32) {
	if at == 0 {
		return 0, 0
	}
	n := m.load(at)
	lh, lc := m.checkTree(r, n.left)
	rh, rc := m.checkTree(r, n.right)
	if n.height != max(lh, rh)+1 || n.count != lc+rc+1 || lh > rh+1 || rh > lh+1 {
		r.Fatalf("slot %d: %+v over heights %d and %d, counts %d and %d", at, n, lh, rh, lc, rc)
	}
	return n.height, n.count
}

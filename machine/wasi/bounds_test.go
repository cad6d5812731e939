package wasi

import (
	"fmt"
	"strings"
	"testing"

	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// mostLeaves is what one micro-step of each function may touch of memory and
// host state, in leaves of 1 KiB. Those that are not listed move one small
// record: fewLeaves.
var mostLeaves = map[Func]int{
	ArgsGet: 12, EnvironGet: 12, RandomGet: 9,
	FdRead: 60, FdPread: 60, FdWrite: 60, FdPwrite: 60,
	FdReaddir: 40, PollOneoff: 60,
	FdClose: 8, FdRenumber: 8,
	PathCreateDirectory: 32, PathOpen: 32, PathFilestatGet: 20, PathFilestatSetTimes: 20,
	PathUnlinkFile: 48, PathRemoveDirectory: 48, PathRename: 48,
}

const fewLeaves = 6

// mostOpening is what one micro-step may need of the input, in bytes.
const mostOpening = 24 << 10

func (e *engine) check(t *testing.T) {
	t.Helper()
	for fn := range NumFuncs {
		most, listed := mostLeaves[Func(fn)]
		if !listed {
			most = fewLeaves
		}
		if e.leaves[fn] > most {
			t.Errorf("%s: a micro-step touches %d leaves, more than %d", functions[fn].Name, e.leaves[fn], most)
		}
		if e.opening[fn] > mostOpening {
			t.Errorf("%s: a micro-step opens %d bytes of the input", functions[fn].Name, e.opening[fn])
		}
	}
}

// wideInput has a folder of 20,000 long names and a file of 5 MiB.
func wideInput() (s *shelf, stdin, mount canon.Digest) {
	s = newShelf()
	long := make([]byte, 5<<20)
	for i := range long {
		long[i] = byte(i * i >> 7)
	}
	file := s.file("long", string(long))
	var entries []merkle.Entry
	for i := range 20_000 {
		e := file
		e.Name = fmt.Sprintf("%06d%s", i, strings.Repeat("w", 249))
		entries = append(entries, e)
	}
	return s, file.Digest, s.folder("", file, s.folder("wide", entries...)).Digest
}

func bigConfig() Config {
	cfg := testConfig()
	cfg.Output, cfg.Files = MaxFileBytes, MaxFiles
	for i := range 1024 {
		cfg.Args = append(cfg.Args, fmt.Sprintf("%062d", i))
	}
	cfg.Env = cfg.Args
	return cfg
}

// TestMicroStepsAreBounded runs the worst that a guest can ask for.
func TestMicroStepsAreBounded(t *testing.T) {
	s, stdin, mount := wideInput()
	for name, run := range map[string]func(t *testing.T, e *engine){
		"wide folder": wideFolder, "deep folder": deepFolder, "transfers": transfers, "values": valuesAndPolls, "input": inputPaths,
	} {
		t.Run(name, func(t *testing.T) {
			e := newEngine(bigConfig(), s, stdin, mount)
			run(t, e)
			e.check(t)
			most := 0
			for fn, n := range e.leaves {
				if n > 0 {
					t.Logf("%-24s %3d leaves, %5d bytes of input", functions[fn].Name, n, e.opening[fn])
				}
				most = max(most, n)
			}
			if most == 0 {
				t.Error("nothing was called")
			}
		})
	}
}

func wideName(i int) string {
	// Scattered, so that neighbours in the order lie far apart in slots.
	return fmt.Sprintf("%04d%s", i*7919%9_973, strings.Repeat("w", 251))
}

// wideFolder fills a folder to the limit, lists it through small and large
// buffers, renames and empties it.
func wideFolder(t *testing.T, e *engine) {
	e.path(t, PathCreateDirectory, "w", Success)
	for i := range MaxFiles - 1 {
		if i%10 == 0 {
			e.path(t, PathCreateDirectory, "w/"+wideName(i), Success)
		} else {
			e.mustCreate(t, "w/"+wideName(i), i%3)
		}
	}
	e.path(t, PathCreateDirectory, "w/x", Nospc)
	at := copy(e.mem.testMemory[textAt:], "w")
	if errno, _, _ := e.call(PathOpen, []uint64{4, 0, textAt, uint64(at), openDirectory, folderRights, folderRights, 0, resultAt}, lots); errno != Success {
		t.Fatal(errno)
	}
	fd := uint64(e.u32(resultAt))
	for _, n := range []uint64{1, 24, 278, 279, 280, 1000, 150_000} {
		for _, cookie := range []uint64{0, 1, 500, MaxFiles - 1, MaxFiles} {
			if errno, _, _ := e.call(FdReaddir, []uint64{fd, dataAt, n, cookie, resultAt}, lots); errno != Success {
				t.Fatal(errno)
			}
		}
	}
	for i := 1; i < MaxFiles-20; i += 20 {
		e.rename(t, "w/"+wideName(i), "w/"+wideName(i+1), Success)
		e.rename(t, "w/"+wideName(i+3), "w/new"+wideName(i + 3)[3:], Success)
		e.rename(t, "w/"+wideName(i+4), "w/"+wideName(i+9), Isdir)
		e.rename(t, "w/"+wideName(i+9), "w/"+wideName(i+19), Success)
	}
	e.call(FdClose, []uint64{fd}, lots)
	for i := uint64(0); ; i = (i + 389) % 1000 {
		name, kind, ok := e.entry(i)
		if !ok {
			if name, kind, ok = e.entry(0); !ok {
				break
			}
		}
		if kind == merkle.Folder {
			e.path(t, PathRemoveDirectory, "w/"+name, Success)
		} else {
			e.path(t, PathUnlinkFile, "w/"+name, Success)
		}
	}
	e.path(t, PathRemoveDirectory, "w", Success)
	if r := e.get(); r.Nodes != 0 || r.Used != 0 {
		t.Errorf("%d nodes and %d bytes are left", r.Nodes, r.Used)
	}
}

// entry returns entry i of the folder /out/w.
func (e *engine) entry(i uint64) (string, merkle.Kind, bool) {
	m := NewCommittedFiles(e.space, e.reader, e.get(), e.stdin, e.mount)
	w, _, _ := m.Lookup(m.Root(OutFolder), "w")
	name, n, ok, _ := m.Entry(w, i)
	return name, n.Kind, ok
}

// deepFolder makes folders as deep as the limit on files lets it, moves them,
// and walks paths of the greatest length.
func deepFolder(t *testing.T, e *engine) {
	open := func(fd uint64, p string) uint64 {
		at := copy(e.mem.testMemory[textAt:], p)
		errno, _, _ := e.call(PathOpen, []uint64{fd, 0, textAt, uint64(at), openDirectory, folderRights, folderRights | fileRights, 0, resultAt}, lots)
		if errno != Success {
			t.Fatalf("open %s: errno %d", p, errno)
		}
		return uint64(e.u32(resultAt))
	}
	fd := uint64(4)
	for range MaxFiles - 10 {
		e.mem.testMemory[textAt] = 'd'
		if errno, _, _ := e.call(PathCreateDirectory, []uint64{fd, textAt, 1}, lots); errno != Success {
			t.Fatalf("errno %d", errno)
		}
		next := open(fd, "d")
		if fd != 4 {
			e.call(FdClose, []uint64{fd}, lots)
		}
		fd = next
	}
	n := copy(e.mem.testMemory[textAt:], "d")
	k := copy(e.mem.testMemory[textAt+5000:], "below")
	if errno, _, _ := e.call(PathRename, []uint64{4, textAt, uint64(n), fd, textAt + 5000, uint64(k)}, lots); errno != Inval {
		t.Errorf("a folder was moved below itself: errno %d", errno)
	}
	e.path(t, PathCreateDirectory, "e", Success)
	e.rename(t, "d", "e/d", Success)
	e.rename(t, "e/d", "d", Success)
	long := strings.TrimSuffix(strings.Repeat("d/", MaxPathParts), "/")
	e.path(t, PathRemoveDirectory, long, Notempty)
	e.rename(t, strings.Repeat("./", 1800)+long, "moved", Success)
	e.path(t, PathCreateDirectory, strings.Repeat("d/../", 64), Exist)
	e.path(t, PathCreateDirectory, strings.Repeat("./", 2048), Exist)
}

// transfers moves as much as one call can through buffers that lie badly.
func transfers(t *testing.T, e *engine) {
	e.mustCreate(t, "f", 0)
	n := copy(e.mem.testMemory[textAt:], "f")
	if errno, _, _ := e.call(PathOpen, []uint64{4, 0, textAt, uint64(n), 0, fileRights, 0, 0, resultAt}, lots); errno != Success {
		t.Fatal(errno)
	}
	out := uint64(e.u32(resultAt))
	for _, size := range []uint32{1, 2, 512, 513, 1000, 4096, 70_000} {
		var buffers [][2]uint32
		for i := range uint32(1024) { // the last sixteen are not empty
			b := [2]uint32{dataAt + (i-1008)*9*1024 + 1023, size}
			if i < 1008 {
				b = [2]uint32{dataAt, 0}
			}
			buffers = append(buffers, b)
		}
		e.vec(t, buffers...)
		const array = iovecAt
		for _, offset := range []uint64{1023, 1 << 20, MaxFileBytes - 70_000} {
			e.call(FdPwrite, []uint64{out, array, 1024, offset, resultAt}, lots)
			e.vec(t, buffers...) // a read may have written over them
			e.call(FdPread, []uint64{out, array, 1024, offset, resultAt}, lots)
			e.vec(t, buffers...)
			e.call(FdPread, []uint64{0, array, 1024, offset, resultAt}, lots)
			e.vec(t, buffers...)
		}
		e.call(FdRead, []uint64{0, array, 1024, resultAt}, lots)
		e.vec(t, buffers...)
		e.call(FdWrite, []uint64{1, array, 1024, resultAt}, lots)
	}
	for _, size := range []uint64{MaxFileBytes / 2, 1, MaxFileBytes / 2, 1023} {
		if errno, _, stop := e.call(FdFilestatSetSize, []uint64{out, size}, lots); errno != Success || stop.Kind != Continue {
			t.Fatal(errno, stop)
		}
	}
	e.call(FdAllocate, []uint64{out, 5, MaxFileBytes / 2}, lots)
	e.path(t, PathUnlinkFile, "f", Success)
	e.call(FdClose, []uint64{out}, lots)
}

// valuesAndPolls asks for as much as the job and the clocks have.
func valuesAndPolls(t *testing.T, e *engine) {
	for _, fn := range []Func{ArgsGet, EnvironGet} {
		if errno, _, _ := e.call(fn, []uint64{dataAt + 1023, 2*dataAt + 1023}, lots); errno != Success {
			t.Fatal(errno)
		}
	}
	e.call(ArgsSizesGet, []uint64{resultAt, resultAt + 4}, lots)
	if errno, _, _ := e.call(RandomGet, []uint64{dataAt + 1023, 150_000}, lots); errno != Success {
		t.Fatal(errno)
	}
	for i := range 250 { // each descriptor and each file in a leaf of its own, but for two
		e.mustCreate(t, fmt.Sprintf("f%d", i), 0)
		n := copy(e.mem.testMemory[textAt:], fmt.Sprintf("f%d", i))
		e.call(PathOpen, []uint64{4, 0, textAt, uint64(n), 0, fileRights, 0, 0, resultAt}, lots)
	}
	for i := range MaxSubscriptions {
		copy(e.mem.testMemory[dataAt+1000+i*subscriptionBytes:], subscription(eventFdRead, uint64(i), uint64(i*89%255)))
	}
	for _, to := range []uint64{dataAt + 1000, 2*dataAt + 1023} {
		if errno, _, _ := e.call(PollOneoff, []uint64{dataAt + 1000, to, MaxSubscriptions, resultAt}, lots); errno != Success {
			t.Fatal(errno)
		}
	}
	for fd := range uint64(255) {
		e.call(FdRenumber, []uint64{fd, 255 - fd}, lots)
		e.call(FdFdstatGet, []uint64{fd, 1020}, lots)
		e.call(FdFilestatGet, []uint64{fd, 1020}, lots)
		e.call(FdSeek, []uint64{fd, 0, whenceEnd, 1020}, lots)
	}
}

// inputPaths looks names up in a wide folder of the input, lists and opens.
func inputPaths(t *testing.T, e *engine) {
	for _, i := range []int{0, 1, 9_999, 10_000, 19_999} {
		p := fmt.Sprintf("wide/%06d%s", i, strings.Repeat("w", 249))
		n := copy(e.mem.testMemory[textAt:], p)
		if errno, _, _ := e.call(PathOpen, []uint64{3, 0, textAt, uint64(n), 0, rightRead | rightSeek, 0, 0, resultAt}, lots); errno != Success {
			t.Fatalf("open %.20s: errno %d", p, errno)
		}
		e.vec(t, [2]uint32{dataAt, MaxTransfer})
		if errno, _, _ := e.call(FdPread, []uint64{uint64(e.u32(resultAt)), iovecAt, 1, 1<<20 + 1, resultAt}, lots); errno != Success {
			t.Fatalf("read: errno %d", errno)
		}
		e.mem.testMemory[textAt+20] = 'x'
		if errno, _, _ := e.call(PathFilestatGet, []uint64{3, 0, textAt, uint64(n), resultAt}, lots); errno != Noent {
			t.Fatalf("a name that is not there: errno %d", errno)
		}
	}
	n := copy(e.mem.testMemory[textAt:], "wide")
	e.call(PathOpen, []uint64{3, 0, textAt, uint64(n), openDirectory, folderRights, 0, 0, resultAt}, lots)
	fd := uint64(e.u32(resultAt))
	for _, cookie := range []uint64{0, 5, 10_000, 19_990} {
		if errno, _, _ := e.call(FdReaddir, []uint64{fd, dataAt, 20_000, cookie, resultAt}, lots); errno != Success {
			t.Fatal(errno)
		}
	}
	e.call(FdReaddir, []uint64{fd, dataAt, 300, 71, resultAt}, lots)
	e.call(FdReaddir, []uint64{fd, dataAt, 300, 72, resultAt}, lots)
}

// TestFinishIsBounded finishes what is large in every direction. engine.finish
// asserts the bound.
func TestFinishIsBounded(t *testing.T) {
	s, stdin, mount := testInput()
	for name, build := range map[string]func(t *testing.T, e *engine){
		"wide": func(t *testing.T, e *engine) {
			for i := range MaxFiles {
				e.mustCreate(t, wideName(i), i%5)
			}
		},
		"deep": deepFolder,
		"long": func(t *testing.T, e *engine) {
			for i, n := range []int{0, 1, 1024, 32 << 10, 32<<10 + 1, 64 << 10, 999_999, 2<<20 + 5} {
				e.mustCreate(t, fmt.Sprint(i), n)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEngine(bigConfig(), s, stdin, mount)
			build(t, e)
			before := e.space.clone()
			if a, b := e.finish(t), plainOutput(t, e.cfg, before, e.get()); a != b {
				t.Errorf("output %s, want %s", a, b)
			}
		})
	}
}

// plainOutput reads committed files back through their interface and computes
// the output's digest from plain values.
func plainOutput(t *testing.T, cfg Config, space *leafSpace, r *Registers) canon.Digest {
	t.Helper()
	m := NewCommittedFiles(space, nil, r, canon.Digest{}, canon.Digest{})
	var digest func(n Node) merkle.Entry
	digest = func(n Node) merkle.Entry {
		if n.Kind == merkle.File {
			size, _ := m.Size(n)
			b := make([]byte, size)
			_ = m.Read(n, b, 0)
			return merkle.Entry{Kind: merkle.File, Digest: merkle.FileOf(b), Size: size}
		}
		var entries []merkle.Entry
		for i := uint64(0); ; i++ {
			name, child, ok, _ := m.Entry(n, i)
			if !ok {
				break
			}
			e := digest(child)
			e.Name = name
			entries = append(entries, e)
		}
		if err := merkle.CheckEntries(entries); err != nil {
			t.Fatal(err)
		}
		return merkle.Entry{Kind: merkle.Folder, Digest: merkle.FolderDigest(entries), Size: merkle.FolderSize(entries)}
	}
	return digest(outNode(resultSlot, merkle.Folder, 0)).Digest
}

package wasi

import (
	"encoding/binary"
	"fmt"
	"strings"

	"pgregory.net/rapid"
)

// step is one call of a random program: bytes put into memory, then a call.
type step struct {
	fn    Func
	args  []uint64
	pokes []poke
}

type poke struct {
	at    int
	bytes []byte
}

func (p poke) String() string { return fmt.Sprintf("%.60q at %d", p.bytes, p.at) }

func (s step) String() string {
	return fmt.Sprintf("%s%v with %.300v", functions[s.fn].Name, s.args, s.pokes)
}

var longName = strings.Repeat("n", 255)

// drawPath draws a path that often exists.
func drawPath(t *rapid.T) string {
	part := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f1", "f2", "f3", "f4", "..", ".", "", longName, "a.txt", "b.bin", "é", "\xff"})
	if rapid.IntRange(0, 5).Draw(t, "deep") > 0 {
		return rapid.SampledFrom([]string{"a", "b", "c", "a/b", "a/b", "b/c", "a/b/c", "a/f3", "f1", "f2", "f3", "b", "a/b/c/d", "d/b.bin", "a.txt", "e", "c/../f1", "c/"}).Draw(t, "path")
	}
	return strings.Join(rapid.SliceOfN(part, 1, 6).Draw(t, "parts"), "/")
}

// drawBuffers draws an iovec array and where it lies.
func drawBuffers(t *rapid.T) (poke, uint64, uint64) {
	n := rapid.SampledFrom([]int{0, 1, 1, 1, 2, 3, 16, 20}).Draw(t, "buffers")
	var b []byte
	for range n {
		at := rapid.SampledFrom([]uint32{dataAt, dataAt + 1, dataAt + 1000, 2*dataAt - 7, iovecAt, 4*dataAt - 3, 1 << 31}).Draw(t, "at")
		if rapid.IntRange(0, 9).Draw(t, "inside") > 0 {
			at = dataAt + at%(2*dataAt)
		}
		size := rapid.SampledFrom([]uint32{0, 1, 5, 1000, 1024, 4099, 8192, 70000}).Draw(t, "size")
		b = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(b, at), size)
	}
	return poke{iovecAt, b}, iovecAt, uint64(n)
}

// drawStep draws a call with arguments that mean something.
func drawStep(t *rapid.T) step {
	small := rapid.Uint64Range(0, 9)
	fd := func() uint64 {
		return rapid.SampledFrom([]uint64{0, 1, 2, 3, 4, 5, 5, 5, 6, 6, 6, 7, 7, 8, 9, 10}).Draw(t, "descriptor")
	}
	folder := func() uint64 { return rapid.SampledFrom([]uint64{3, 4, 4, 4, 4, 4, 8, 8, 5, 9}).Draw(t, "folder") }
	path := func(at int) (poke, uint64, uint64) {
		p := drawPath(t)
		return poke{at, []byte(p)}, uint64(at), uint64(len(p))
	}
	offset := func() uint64 {
		return rapid.SampledFrom([]uint64{0, 1, 7, 500, 1023, 1024, 1500, 5000, 66000, 66000, 1 << 20, 1 << 33, 1 << 63}).Draw(t, "offset")
	}
	fn := rapid.SampledFrom([]Func{
		PathOpen, PathOpen, PathOpen, PathOpen, PathCreateDirectory, PathCreateDirectory, PathRename, PathRename, PathUnlinkFile,
		PathRemoveDirectory, PathFilestatGet, PathFilestatSetTimes, FdWrite, FdWrite, FdWrite, FdRead, FdRead, FdPread, FdPwrite, FdReaddir, FdReaddir,
		FdClose, FdClose, FdRenumber, FdSeek, FdTell, FdAllocate, FdFilestatSetSize, FdFilestatGet, FdFdstatGet, FdFdstatSetFlags,
		FdFdstatSetRights, FdPrestatGet, FdPrestatDirName, PollOneoff, RandomGet, ArgsGet, EnvironGet, ArgsSizesGet, ClockTimeGet, FdAdvise, FdFilestatSetTimes,
	}).Draw(t, "function")
	s := step{fn: fn}
	add := func(args ...uint64) { s.args = append(s.args, args...) }
	switch fn {
	case PathOpen:
		p, at, n := path(textAt)
		s.pokes = []poke{p}
		rights := rapid.SampledFrom([]uint64{fileRights | folderRights, fileRights, folderRights, rightRead, (fileRights | folderRights) &^ rightWrite}).Draw(t, "rights")
		add(folder(), 0, at, n, rapid.SampledFrom([]uint64{0, 1, 1, 1, 1, 2, 3, 5, 8, 9, 16}).Draw(t, "flags"), rights, ^uint64(0), rapid.SampledFrom([]uint64{0, 0, 1, 32}).Draw(t, "fdflags"), resultAt)
	case PathCreateDirectory, PathUnlinkFile, PathRemoveDirectory:
		p, at, n := path(textAt)
		s.pokes = []poke{p}
		add(folder(), at, n)
	case PathFilestatGet:
		p, at, n := path(textAt)
		s.pokes = []poke{p}
		add(folder(), 0, at, n, resultAt)
	case PathFilestatSetTimes:
		p, at, n := path(textAt)
		s.pokes = []poke{p}
		add(folder(), 0, at, n, 0, 0, 0)
	case PathRename:
		p, at, n := path(textAt)
		q, to, k := path(textAt + 5000)
		s.pokes = []poke{p, q}
		add(folder(), at, n, folder(), to, k)
	case FdWrite, FdRead:
		p, at, n := drawBuffers(t)
		s.pokes = []poke{p}
		add(fd(), at, n, resultAt)
	case FdPread, FdPwrite:
		p, at, n := drawBuffers(t)
		s.pokes = []poke{p}
		add(fd(), at, n, offset(), resultAt)
	case FdReaddir:
		add(folder(), dataAt, rapid.SampledFrom([]uint64{0, 10, 24, 25, 49, 50, 51, 75, 300, 4096, 1 << 30}).Draw(t, "room"), rapid.SampledFrom([]uint64{0, 0, 1, 2, 3, 9, ^uint64(0)}).Draw(t, "cookie"), resultAt)
	case FdSeek:
		add(fd(), offset(), rapid.Uint64Range(0, 3).Draw(t, "whence"), resultAt)
	case FdAllocate, FdFdstatSetRights:
		add(fd(), offset(), offset())
	case FdFilestatSetSize:
		add(fd(), offset())
	case FdAdvise, FdFilestatSetTimes:
		add(fd(), offset(), offset(), small.Draw(t, "advice"))
	case PollOneoff:
		n := rapid.SampledFrom([]int{1, 2, 16, 17, 40}).Draw(t, "subscriptions")
		var b []byte
		for range n {
			b = append(b, subscription(byte(rapid.IntRange(0, 3).Draw(t, "kind")), small.Draw(t, "user"), fd(), offset(), rapid.Uint64Range(0, 1).Draw(t, "absolute"))...)
		}
		s.pokes = []poke{{dataAt, b}}
		add(dataAt, rapid.SampledFrom([]uint64{dataAt, dataAt + 64, 2 * dataAt}).Draw(t, "events"), uint64(n), resultAt)
	case RandomGet:
		add(dataAt, rapid.SampledFrom([]uint64{0, 1, 32, 33, 8192, 20000, 1 << 20}).Draw(t, "bytes"))
	case ArgsGet, EnvironGet:
		add(rapid.SampledFrom([]uint64{dataAt, dataAt + 3, 4*dataAt - 2}).Draw(t, "pointers"), dataAt+rapid.Uint64Range(0, 30).Draw(t, "bytes"))
	case ClockTimeGet:
		add(rapid.Uint64Range(0, 4).Draw(t, "clock"), 0, resultAt)
	default:
		for i := range functions[fn].Params {
			switch {
			case i == 0 && strings.HasPrefix(functions[fn].Name, "fd_"):
				add(fd())
			case i == 1 && fn == FdRenumber:
				add(fd())
			case i == 2:
				add(small.Draw(t, "length"))
			default:
				add(rapid.SampledFrom([]uint64{0, 1, 2, resultAt}).Draw(t, "argument"))
			}
		}
	}
	return s
}

// drawFuel draws what a call may cost: nearly always enough.
func drawFuel(t *rapid.T) uint64 {
	if rapid.IntRange(0, 30).Draw(t, "poor") == 0 {
		return rapid.Uint64Range(0, 8000).Draw(t, "fuel")
	}
	return lots
}

// prelude makes a small tree: folders a, a/b and c, files f1, f2 and a/f3 of
// some length, open as 5 to 7, and the folder a, open as 8.
func prelude() []step {
	var list []step
	text := func(fn Func, p string, args ...uint64) {
		list = append(list, step{fn: fn, args: args, pokes: []poke{{textAt, []byte(p)}}})
	}
	mkdir := func(p string) { text(PathCreateDirectory, p, 4, textAt, uint64(len(p))) }
	open := func(p string, flags, rights uint64) {
		text(PathOpen, p, 4, 0, textAt, uint64(len(p)), flags, rights, ^uint64(0), 0, resultAt)
	}
	mkdir("a")
	mkdir("a/b")
	mkdir("c")
	for i, p := range []string{"f1", "f2", "a/f3"} {
		open(p, openCreate, fileRights)
		vec := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, dataAt), uint32(1000*i+500))
		list = append(list, step{fn: FdWrite, args: []uint64{uint64(5 + i), iovecAt, 1, resultAt}, pokes: []poke{{iovecAt, vec}, {dataAt, []byte("0123456789")}}})
	}
	open("a", openDirectory, folderRights)
	return list
}

// drawProgram draws calls behind the prelude.
func drawProgram(t *rapid.T, most int) []step {
	list := prelude()
	for range rapid.IntRange(1, most).Draw(t, "calls") {
		list = append(list, drawStep(t))
	}
	return list
}

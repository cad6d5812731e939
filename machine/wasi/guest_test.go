package wasi

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// testMemory is a linear memory.
type testMemory []byte

func (m testMemory) Read(offset, n uint32) ([]byte, bool) {
	if uint64(offset)+uint64(n) > uint64(len(m)) {
		return nil, false
	}
	return m[offset : uint64(offset)+uint64(n)], true
}

func (m testMemory) Write(offset uint32, b []byte) bool {
	if uint64(offset)+uint64(len(b)) > uint64(len(m)) {
		return false
	}
	copy(m[offset:], b)
	return true
}

// shelf is a Reader in memory.
type shelf struct {
	files   map[canon.Digest][]byte
	folders map[canon.Digest][]merkle.Entry
}

func newShelf() *shelf {
	return &shelf{map[canon.Digest][]byte{}, map[canon.Digest][]merkle.Entry{}}
}

func (s *shelf) ReadFile(d canon.Digest) ([]byte, error) {
	if b, ok := s.files[d]; ok {
		return b, nil
	}
	return nil, fmt.Errorf("no file %s", d.Short())
}

func (s *shelf) ReadFolder(d canon.Digest) ([]merkle.Entry, error) {
	if e, ok := s.folders[d]; ok {
		return e, nil
	}
	return nil, fmt.Errorf("no folder %s", d.Short())
}

func (s *shelf) file(name, content string) merkle.Entry {
	d := merkle.FileOf([]byte(content))
	s.files[d] = []byte(content)
	return merkle.Entry{Name: name, Kind: merkle.File, Digest: d, Size: uint64(len(content))}
}

func (s *shelf) folder(name string, entries ...merkle.Entry) merkle.Entry {
	merkle.SortEntries(entries)
	d := merkle.FolderDigest(entries)
	s.folders[d] = entries
	return merkle.Entry{Name: name, Kind: merkle.Folder, Digest: d, Size: merkle.FolderSize(entries)}
}

// guest calls a host as a program would, with memory laid out by hand: strings
// from 4096, results at 64, iovecs at 128, data from 65536.
type guest struct {
	t    testing.TB
	h    *Host
	fs   *MemFiles
	mem  testMemory
	cost uint64
	stop Stop
}

const (
	resultAt = 64
	iovecAt  = 128
	textAt   = 4096
	dataAt   = 65536
)

const lots = 1 << 40

func testConfig() Config {
	return Config{
		Args: []string{"prog", "a b"}, Env: []string{"K=v"}, Seed: 7, Index: 3,
		Start: 1_700_000_000_000, Output: 1 << 20, Files: 50,
	}
}

// newGuest has /in/a.txt ("alpha"), /in/d/b.bin (3,000 bytes) and an empty
// folder /in/e.
func newGuest(t testing.TB, cfg Config) *guest {
	t.Helper()
	s := newShelf()
	in := s.folder("", s.file("a.txt", "alpha"), s.folder("e"), s.folder("d", s.file("b.bin", string(make([]byte, 3000)))))
	fs, err := NewMemFiles(s, s.file("", "standard input").Digest, in.Digest)
	if err != nil {
		t.Fatal(err)
	}
	return &guest{t: t, h: New(cfg, fs), fs: fs, mem: make(testMemory, 4<<16)}
}

func (g *guest) call(fn Func, args ...uint64) Errno {
	g.t.Helper()
	var errno Errno
	errno, g.cost, g.stop = g.h.Call(fn, g.mem, args, lots)
	return errno
}

// ok calls and demands success.
func (g *guest) ok(fn Func, args ...uint64) {
	g.t.Helper()
	if errno := g.call(fn, args...); errno != Success || g.stop.Kind != Continue {
		g.t.Fatalf("%s%v: errno %d, stop %+v", functions[fn].Name, args, errno, g.stop)
	}
}

// text lays a string out at offset and returns pointer and length.
func (g *guest) text(at int, s string) (uint64, uint64) {
	copy(g.mem[at:], s)
	return uint64(at), uint64(len(s))
}

func (g *guest) u32(at int) uint32 { return binary.LittleEndian.Uint32(g.mem[at:]) }
func (g *guest) u64(at int) uint64 { return binary.LittleEndian.Uint64(g.mem[at:]) }

func (g *guest) open(dir uint64, path string, flags uint64, rights uint64, fdFlags uint64) (uint64, Errno) {
	g.t.Helper()
	p, n := g.text(textAt, path)
	errno := g.call(PathOpen, dir, 0, p, n, flags, rights, ^uint64(0), fdFlags, resultAt)
	return uint64(g.u32(resultAt)), errno
}

func (g *guest) mustOpen(dir uint64, path string, flags uint64) uint64 {
	g.t.Helper()
	rights := fileRights | folderRights
	if dir == 3 {
		rights &^= rightWrite
	}
	fd, errno := g.open(dir, path, flags, rights, 0)
	if errno != Success {
		g.t.Fatalf("open %s: errno %d", path, errno)
	}
	return fd
}

func (g *guest) mustOpenFolder(dir uint64, path string) uint64 {
	g.t.Helper()
	fd, errno := g.open(dir, path, openDirectory, folderRights, 0)
	if errno != Success {
		g.t.Fatalf("open folder %s: errno %d", path, errno)
	}
	return fd
}

// vec lays out one buffer.
func (g *guest) vec(at, n uint32) {
	binary.LittleEndian.PutUint32(g.mem[iovecAt:], at)
	binary.LittleEndian.PutUint32(g.mem[iovecAt+4:], n)
}

func (g *guest) write(fd uint64, s string) Errno {
	g.t.Helper()
	copy(g.mem[dataAt:], s)
	g.vec(dataAt, uint32(len(s)))
	return g.call(FdWrite, fd, iovecAt, 1, resultAt)
}

func (g *guest) mustWrite(fd uint64, s string) {
	g.t.Helper()
	if errno := g.write(fd, s); errno != Success || g.u32(resultAt) != uint32(len(s)) {
		g.t.Fatalf("write: errno %d, %d bytes", errno, g.u32(resultAt))
	}
}

func (g *guest) read(fd uint64, n uint32) (string, Errno) {
	g.t.Helper()
	g.vec(dataAt, n)
	errno := g.call(FdRead, fd, iovecAt, 1, resultAt)
	return string(g.mem[dataAt : dataAt+int(g.u32(resultAt))]), errno
}

// path calls a function (fd, path, length).
func (g *guest) path(fn Func, fd uint64, path string) Errno {
	g.t.Helper()
	p, n := g.text(textAt, path)
	return g.call(fn, fd, p, n)
}

func (g *guest) rename(from, to string) Errno {
	g.t.Helper()
	p, n := g.text(textAt, from)
	q, k := g.text(textAt+5000, to)
	return g.call(PathRename, 4, p, n, 4, q, k)
}

func (g *guest) stat(fd uint64, path string) (size uint64, kind byte, errno Errno) {
	g.t.Helper()
	p, n := g.text(textAt, path)
	errno = g.call(PathFilestatGet, fd, 0, p, n, resultAt)
	return g.u64(resultAt + 32), g.mem[resultAt+16], errno
}

type dirent struct {
	name string
	next uint64
	kind byte
}

// list reads a folder from a cookie on, through a buffer of n bytes, and
// returns the entries that are whole.
func (g *guest) list(fd uint64, n uint32, cookie uint64) []dirent {
	g.t.Helper()
	g.ok(FdReaddir, fd, dataAt, uint64(n), cookie, resultAt)
	b := g.mem[dataAt : dataAt+int(g.u32(resultAt))]
	var list []dirent
	for len(b) >= direntBytes {
		k := int(binary.LittleEndian.Uint32(b[16:]))
		if len(b) < direntBytes+k {
			break
		}
		list = append(list, dirent{string(b[direntBytes : direntBytes+k]), binary.LittleEndian.Uint64(b), b[20]})
		b = b[direntBytes+k:]
	}
	return list
}

func names(list []dirent) []string {
	out := []string{}
	for _, e := range list {
		out = append(out, e.name)
	}
	return out
}

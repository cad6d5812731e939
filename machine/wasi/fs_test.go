package wasi

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPaths resolves paths against a small tree in /out: d/, d/e/, d/f ("12345").
func TestPaths(t *testing.T) {
	g := newGuest(t, testConfig())
	for _, dir := range []string{"d", "d/e/"} {
		if errno := g.path(PathCreateDirectory, 4, dir); errno != Success {
			t.Fatal(dir, errno)
		}
	}
	g.mustWrite(g.mustOpen(4, "d/f", openCreate), "12345")
	long := strings.Repeat("x", 256)
	for _, c := range []struct {
		path string
		want Errno
		kind byte
	}{
		{".", Success, typeDirectory},
		{"d", Success, typeDirectory},
		{"d/", Success, typeDirectory},
		{"./d//e/.", Success, typeDirectory},
		{"d/../d/f", Success, typeRegular},
		{"d/e/..", Success, typeDirectory},
		{"d/e/../../d/f", Success, typeRegular},
		{"d/f/", Notdir, 0},
		{"d/f/.", Notdir, 0},
		{"d/f/x", Notdir, 0},
		{"d/f/..", Notdir, 0},
		{"d/x", Noent, 0},
		{"x/..", Noent, 0},
		{"..", Notcapable, 0},
		{"d/../..", Notcapable, 0},
		{"/d", Notcapable, 0},
		{"", Noent, 0},
		{"d\x00", Inval, 0},
		{"\xff", Ilseq, 0},
		{long, Nametoolong, 0},
		{long[:255], Noent, 0},
		{strings.Repeat("a/", MaxPathParts+1), Nametoolong, 0},
		{strings.Repeat("./", 2048), Success, typeDirectory},
		{strings.Repeat("./", 2048) + "d", Nametoolong, 0},
	} {
		_, kind, errno := g.stat(4, c.path)
		if errno != c.want || errno == Success && kind != c.kind {
			t.Errorf("%.40q: errno %d, kind %d; want %d, %d", c.path, errno, kind, c.want, c.kind)
		}
	}
	sub := g.mustOpenFolder(4, "d")
	if _, _, errno := g.stat(sub, "../d/f"); errno != Notcapable {
		t.Errorf("a path that leaves its folder: errno %d", errno)
	}
	if errno := g.call(PathFilestatGet, 4, 0, uint64(len(g.mem)), 1, resultAt); errno != Fault {
		t.Errorf("a path outside memory: errno %d", errno)
	}
	if _, _, errno := g.stat(1, "x"); errno != Notdir {
		t.Errorf("a path from a stream: errno %d", errno)
	}
	if _, _, errno := g.stat(99, "x"); errno != Badf {
		t.Errorf("a path from nowhere: errno %d", errno)
	}
}

func TestOpen(t *testing.T) {
	const all = fileRights | folderRights
	const look = all &^ rightWrite
	for _, c := range []struct {
		dir    uint64
		path   string
		flags  uint64
		rights uint64
		want   Errno
	}{
		{4, "new", openCreate, all, Success},
		{4, "new", 0, all, Noent},
		{4, "f", openCreate | openExclusive, all, Exist},
		{4, "f", openTruncate, all, Success},
		{4, "f", openDirectory, look, Notdir},
		{4, "f/", 0, look, Notdir},
		{4, "new/", openCreate, all, Isdir},
		{4, "new", openCreate | openDirectory, all, Inval},
		{4, "d", 0, look, Success},
		{4, "d", 0, all, Isdir},
		{4, "d", openCreate, look, Isdir},
		{4, "d", openTruncate, look, Isdir},
		{4, "nowhere/new", openCreate, all, Noent},
		{4, "f", 16, all, Inval},
		{3, "a.txt", 0, look, Success},
		{3, "a.txt", 0, all, Rofs},
		{3, "a.txt", openTruncate, look, Rofs},
		{3, "a.txt", openCreate, look, Success},
		{3, "new", openCreate, look, Rofs},
		{3, "d", openDirectory, folderRights, Success},
		{1, "x", 0, look, Notdir},
	} {
		g := newGuest(t, testConfig())
		g.mustWrite(g.mustOpen(4, "f", openCreate), "content")
		g.path(PathCreateDirectory, 4, "d")
		if _, errno := g.open(c.dir, c.path, c.flags, c.rights, 0); errno != c.want {
			t.Errorf("%s from %d, flags %d: errno %d, want %d", c.path, c.dir, c.flags, errno, c.want)
		}
	}
}

func TestDescriptorsRunOut(t *testing.T) {
	g := newGuest(t, testConfig())
	for i := 5; i < MaxDescriptors; i++ {
		if fd := g.mustOpen(3, "a.txt", 0); fd != uint64(i) {
			t.Fatalf("descriptor %d, want %d", fd, i)
		}
	}
	if _, errno := g.open(4, "f", openCreate, rightWrite, 0); errno != Mfile {
		t.Errorf("one too many: errno %d", errno)
	}
	if _, _, errno := g.stat(4, "f"); errno != Noent {
		t.Error("a failed open created its file")
	}
	g.ok(FdClose, 9)
	if fd := g.mustOpen(3, "a.txt", 0); fd != 9 {
		t.Errorf("descriptor %d, want the lowest free", fd)
	}
	for i := range uint64(MaxDescriptors) {
		g.ok(FdClose, i)
	}
	if g.h.Registers.Open != [MaxDescriptors / 64]uint64{} || g.call(FdClose, 0) != Badf {
		t.Error("closed descriptors remain")
	}
}

func TestFilesRunOut(t *testing.T) {
	cfg := testConfig()
	cfg.Files = 2
	g := newGuest(t, cfg)
	g.mustOpen(4, "a", openCreate)
	fd := g.mustOpen(4, "b", openCreate)
	if errno := g.path(PathCreateDirectory, 4, "c"); errno != Nospc {
		t.Errorf("third: errno %d", errno)
	}
	g.path(PathUnlinkFile, 4, "b")
	if errno := g.path(PathCreateDirectory, 4, "c"); errno != Nospc {
		t.Errorf("an open file without a name still counts: errno %d", errno)
	}
	g.ok(FdClose, fd)
	if errno := g.path(PathCreateDirectory, 4, "c"); errno != Success {
		t.Errorf("after closing: errno %d", errno)
	}
}

func TestReadWriteSeek(t *testing.T) {
	g := newGuest(t, testConfig())
	fd := g.mustOpen(4, "f", openCreate)
	g.mustWrite(fd, "hello world")
	g.ok(FdTell, fd, resultAt)
	if g.u64(resultAt) != 11 {
		t.Errorf("at %d", g.u64(resultAt))
	}
	for _, c := range []struct {
		delta  int64
		whence uint64
		want   Errno
		at     uint64
	}{
		{0, whenceSet, Success, 0},
		{-5, whenceEnd, Success, 6},
		{1, whenceCur, Success, 7},
		{-8, whenceCur, Inval, 7},
		{100, whenceEnd, Success, 111},
		{1<<63 - 1, whenceCur, Inval, 111},
		{0, 3, Inval, 111},
		{6, whenceSet, Success, 6},
	} {
		if errno := g.call(FdSeek, fd, uint64(c.delta), c.whence, resultAt); errno != c.want {
			t.Errorf("seek %d from %d: errno %d, want %d", c.delta, c.whence, errno, c.want)
		}
		g.ok(FdTell, fd, resultAt)
		if g.u64(resultAt) != c.at {
			t.Errorf("seek %d from %d: at %d, want %d", c.delta, c.whence, g.u64(resultAt), c.at)
		}
	}
	if s, _ := g.read(fd, 3); s != "wor" {
		t.Errorf("read %q", s)
	}
	g.vec(dataAt, 4)
	g.ok(FdPread, fd, iovecAt, 1, 1, resultAt)
	if s := string(g.mem[dataAt : dataAt+4]); s != "ello" {
		t.Errorf("pread %q", s)
	}
	copy(g.mem[dataAt:], "J")
	g.vec(dataAt, 1)
	g.ok(FdPwrite, fd, iovecAt, 1, 14, resultAt) // leaves a hole of three
	if s, _ := g.read(fd, 99); s != "ld\x00\x00\x00J" {
		t.Errorf("read %q", s)
	}
	g.ok(FdFilestatSetSize, fd, 2)
	g.ok(FdAllocate, fd, 3, 1)
	g.ok(FdAllocate, fd, 0, 1)
	g.ok(FdSeek, fd, 0, whenceSet, resultAt)
	if s, _ := g.read(fd, 99); s != "he\x00\x00" {
		t.Errorf("read %q", s)
	}
	again, _ := g.open(4, "f", 0, fileRights, fdAppend)
	g.mustWrite(again, "!")
	if size, _, _ := g.stat(4, "f"); size != 5 {
		t.Errorf("appended to %d", size)
	}
}

// TestBuffers holds one call to what a fraud proof can open.
func TestBuffers(t *testing.T) {
	g := newGuest(t, testConfig())
	put := func(i int, at, n uint32) {
		binary.LittleEndian.PutUint32(g.mem[iovecAt+8*i:], at)
		binary.LittleEndian.PutUint32(g.mem[iovecAt+8*i+4:], n)
	}
	for i := range 40 {
		put(2*i, 1<<31, 0) // empty ones are skipped wherever they point
		put(2*i+1, uint32(dataAt+i), 1)
		g.mem[dataAt+i] = byte('a' + i%26)
	}
	g.ok(FdWrite, 1, iovecAt, 80, resultAt)
	if g.u32(resultAt) != MaxBuffers {
		t.Errorf("wrote %d bytes from %d buffers", g.u32(resultAt), MaxBuffers)
	}
	put(0, 0, 1<<17)
	g.ok(FdWrite, 1, iovecAt, 1, resultAt)
	if g.u32(resultAt) != MaxTransfer {
		t.Errorf("wrote %d bytes", g.u32(resultAt))
	}
	put(0, uint32(len(g.mem))-1, 2)
	for _, c := range []struct {
		args []uint64
		want Errno
	}{
		{[]uint64{1, iovecAt, 1, resultAt}, Fault},
		{[]uint64{1, 1 << 31, 1, resultAt}, Fault},
		{[]uint64{1, iovecAt, MaxVectors + 1, resultAt}, Inval},
		{[]uint64{1, iovecAt, 0, 1 << 31}, Fault},
		{[]uint64{1, iovecAt, 0, resultAt}, Success},
		{[]uint64{0, iovecAt, 0, resultAt}, Notcapable},
		{[]uint64{3, iovecAt, 0, resultAt}, Isdir},
		{[]uint64{77, iovecAt, 0, resultAt}, Badf},
	} {
		if errno := g.call(FdWrite, c.args...); errno != c.want {
			t.Errorf("fd_write%v: errno %d, want %d", c.args, errno, c.want)
		}
	}
}

func TestStreams(t *testing.T) {
	g := newGuest(t, testConfig())
	if s, _ := g.read(0, 8); s != "standard" {
		t.Errorf("stdin %q", s)
	}
	g.ok(FdSeek, 0, 0, whenceSet, resultAt)
	if s, _ := g.read(0, 99); s != "standard input" {
		t.Errorf("stdin %q", s)
	}
	if s, errno := g.read(0, 99); s != "" || errno != Success {
		t.Errorf("end of stdin: %q, errno %d", s, errno)
	}
	g.mustWrite(1, "out")
	if errno := g.call(FdSeek, 1, 0, whenceSet, resultAt); errno != Spipe {
		t.Errorf("seek on stdout: errno %d", errno)
	}
	if errno := g.call(FdPwrite, 1, iovecAt, 1, 0, resultAt); errno != Spipe {
		t.Errorf("pwrite on stdout: errno %d", errno)
	}
	if _, errno := g.read(1, 1); errno != Notcapable {
		t.Errorf("read from stdout: errno %d", errno)
	}
	if errno := g.call(FdFilestatSetSize, 1, 0); errno != Notcapable {
		t.Errorf("cut stdout: errno %d", errno)
	}
}

func TestStats(t *testing.T) {
	g := newGuest(t, testConfig())
	g.ok(FdFdstatGet, 3, 0)
	if g.mem[0] != typeDirectory || g.u64(8) != folderRights || g.u64(16) != folderRights|fileRights {
		t.Errorf("fdstat of /in: type %d, rights %x, inherited %x", g.mem[0], g.u64(8), g.u64(16))
	}
	g.ok(FdFdstatSetFlags, 1, fdAppend|4)
	g.ok(FdFdstatGet, 1, 0)
	if g.mem[0] != typeRegular || g.mem[2] != fdAppend|4 {
		t.Errorf("fdstat of stdout: type %d, flags %d", g.mem[0], g.mem[2])
	}
	if g.call(FdFdstatSetFlags, 1, 32) != Inval || g.call(FdFdstatSetRights, 1, 1<<40, 0) != Notcapable {
		t.Error("unknown flags or new rights were accepted")
	}
	g.ok(FdFdstatSetRights, 1, rightWrite, 0)
	if g.call(FdFilestatGet, 1, 0) != Notcapable || g.call(FdFdstatSetFlags, 1, 0) != Notcapable {
		t.Error("a dropped right still works")
	}
	g.mustWrite(1, "still")

	fd := g.mustOpen(3, "d/b.bin", 0)
	g.ok(FdFilestatGet, fd, 0)
	start := uint64(1_700_000_000_000_000_000)
	if g.u64(0) != uint64(In) || g.mem[16] != typeRegular || g.u64(24) != 1 || g.u64(32) != 3000 || g.u64(40) != start || g.u64(56) != start {
		t.Errorf("filestat: % x", g.mem[:64])
	}
	inode := g.u64(8)
	g.stat(3, "d/../d/b.bin")
	if g.u64(resultAt+8) != inode {
		t.Error("an inode depends on the way to it")
	}
	for fd, want := range map[uint64]string{3: "/in", 4: "/out"} {
		g.ok(FdPrestatGet, fd, 0)
		n := uint64(g.u32(4))
		g.ok(FdPrestatDirName, fd, 16, n)
		if got := string(g.mem[16 : 16+n]); got != want || g.mem[0] != 0 {
			t.Errorf("preopen %d is %q", fd, got)
		}
		if g.call(FdPrestatDirName, fd, 16, n-1) != Nametoolong {
			t.Error("a name was cut")
		}
	}
	if g.call(FdPrestatGet, 5, 0) != Badf || g.call(FdPrestatGet, 1, 0) != Badf {
		t.Error("a preopen too many")
	}
}

func TestNoOps(t *testing.T) {
	g := newGuest(t, testConfig())
	g.ok(SchedYield)
	g.ok(FdSync, 4)
	g.ok(FdDatasync, 1)
	g.ok(FdAdvise, 0, 0, 10, 5)
	p, n := g.text(textAt, ".")
	g.ok(PathFilestatSetTimes, 4, 0, p, n, 1, 2, 5)
	g.ok(FdFilestatSetTimes, 4, 1, 2, 5)
	for _, c := range []struct {
		fn   Func
		args []uint64
		want Errno
	}{
		{FdSync, []uint64{9}, Badf},
		{FdAdvise, []uint64{0, 0, 0, 6}, Inval},
		{FdAdvise, []uint64{3, 0, 0, 0}, Isdir},
		{FdFilestatSetTimes, []uint64{3, 1, 2, 5}, Rofs},
		{PathFilestatSetTimes, []uint64{3, 0, p, n, 1, 2, 5}, Rofs},
	} {
		if got := g.call(c.fn, c.args...); got != c.want {
			t.Errorf("%s%v: errno %d, want %d", functions[c.fn].Name, c.args, got, c.want)
		}
	}
}

func TestRemoveAndRename(t *testing.T) {
	g := newGuest(t, testConfig())
	for _, d := range []string{"d", "d/e", "empty", "full"} {
		g.path(PathCreateDirectory, 4, d)
	}
	for _, f := range []string{"f", "g", "full/x"} {
		g.ok(FdClose, g.mustOpen(4, f, openCreate))
	}
	for _, c := range []struct {
		what string
		got  Errno
		want Errno
	}{
		{"mkdir over folder", g.path(PathCreateDirectory, 4, "d"), Exist},
		{"mkdir over file", g.path(PathCreateDirectory, 4, "f"), Exist},
		{"mkdir .", g.path(PathCreateDirectory, 4, "."), Exist},
		{"mkdir in /in", g.path(PathCreateDirectory, 3, "x"), Rofs},
		{"unlink folder", g.path(PathUnlinkFile, 4, "d"), Isdir},
		{"unlink nothing", g.path(PathUnlinkFile, 4, "x"), Noent},
		{"unlink in /in", g.path(PathUnlinkFile, 3, "a.txt"), Rofs},
		{"rmdir file", g.path(PathRemoveDirectory, 4, "f"), Notdir},
		{"rmdir full", g.path(PathRemoveDirectory, 4, "full"), Notempty},
		{"rmdir .", g.path(PathRemoveDirectory, 4, "."), Inval},
		{"rmdir d/e/..", g.path(PathRemoveDirectory, 4, "d/e/.."), Inval},
		{"rename into itself", g.rename("d", "d/e/z"), Inval},
		{"rename over itself", g.rename("d", "d"), Success},
		{"rename nothing", g.rename("x", "y"), Noent},
		{"rename file over folder", g.rename("f", "empty"), Isdir},
		{"rename folder over file", g.rename("empty", "f"), Notdir},
		{"rename folder over full one", g.rename("empty", "full"), Notempty},
		{"rename file to a folder's path", g.rename("f", "new/"), Notdir},
		{"rename folder over empty one", g.rename("d", "empty"), Success},
		{"rename file over file", g.rename("f", "g"), Success},
		{"rename file", g.rename("g", "empty/e/g"), Success},
		{"rename to .", g.rename("full", "."), Inval},
		{"unlink", g.path(PathUnlinkFile, 4, "full/x"), Success},
		{"rmdir", g.path(PathRemoveDirectory, 4, "full/"), Success},
	} {
		if c.got != c.want {
			t.Errorf("%s: errno %d, want %d", c.what, c.got, c.want)
		}
	}
	p, n := g.text(textAt, "a.txt")
	if g.call(PathRename, 3, p, n, 4, p, n) != Rofs || g.call(PathRename, 4, p, n, 3, p, n) != Noent {
		t.Error("renamed between /in and /out")
	}
	if diff := cmp.Diff([]string{"empty/", "empty/e/", "empty/e/g"}, g.tree()); diff != "" {
		t.Error(diff)
	}
}

// tree lists /out through Visit, folders with a slash.
func (g *guest) tree() []string {
	var list []string
	g.fs.Visit(OutFolder, func(path string, n Node, _ []byte) {
		if path != "" && fileType(n) == typeDirectory {
			path += "/"
		}
		if path != "" {
			list = append(list, path)
		}
	})
	slices.Sort(list)
	return list
}

func TestUnlinkedStaysOpen(t *testing.T) {
	g := newGuest(t, testConfig())
	fd := g.mustOpen(4, "f", openCreate)
	g.mustWrite(fd, "before")
	g.path(PathUnlinkFile, 4, "f")
	g.mustWrite(fd, " after")
	g.ok(FdSeek, fd, 0, whenceSet, resultAt)
	if s, _ := g.read(fd, 99); s != "before after" {
		t.Errorf("read %q", s)
	}
	g.ok(FdRenumber, 3, fd) // closes it
	if used, nodes := g.fs.Used(); used != 0 || nodes != 0 {
		t.Errorf("%d bytes, %d nodes", used, nodes)
	}
	dir := func() uint64 {
		g.path(PathCreateDirectory, 4, "gone")
		d := g.mustOpenFolder(4, "gone")
		g.path(PathRemoveDirectory, 4, "gone")
		return d
	}()
	if _, errno := g.open(dir, "x", openCreate, rightWrite, 0); errno != Noent {
		t.Errorf("create in a removed folder: errno %d", errno)
	}
}

func TestRenumber(t *testing.T) {
	g := newGuest(t, testConfig())
	fd := g.mustOpen(4, "f", openCreate)
	if g.call(FdRenumber, fd, 40) != Badf || g.call(FdRenumber, 40, fd) != Badf {
		t.Error("renumbered from or to a closed descriptor")
	}
	g.ok(FdRenumber, fd, 1)
	g.mustWrite(1, "into the file")
	if g.call(FdClose, fd) != Badf {
		t.Error("the old number is still open")
	}
	if size, _, _ := g.stat(4, "f"); size != 13 {
		t.Errorf("%d bytes", size)
	}
}

func TestReaddir(t *testing.T) {
	g := newGuest(t, testConfig())
	if diff := cmp.Diff([]dirent{{"a.txt", 1, typeRegular}, {"d", 2, typeDirectory}, {"e", 3, typeDirectory}}, g.list(3, 4096, 0), cmp.AllowUnexported(dirent{})); diff != "" {
		t.Error(diff)
	}
	for i := range 9 {
		g.ok(FdClose, g.mustOpen(4, fmt.Sprintf("f%d", 8-i), openCreate))
	}
	// A buffer for two and a half entries; each listing goes on where the last
	// whole entry ended, while the guest deletes what it has seen.
	fd := g.mustOpenFolder(4, ".")
	var seen []string
	for cookie := uint64(0); ; {
		list := g.list(fd, 26*2+13, cookie)
		if len(list) == 0 {
			break
		}
		seen = append(seen, names(list)...)
		cookie = list[len(list)-1].next
		for _, e := range list {
			if errno := g.path(PathUnlinkFile, 4, e.name); errno != Success {
				t.Fatal(e.name, errno)
			}
		}
	}
	if diff := cmp.Diff([]string{"f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8"}, seen); diff != "" {
		t.Error(diff)
	}
	if got := names(g.list(3, 4096, 1)); len(got) != 2 || got[0] != "d" {
		t.Errorf("from cookie 1: %v", got)
	}
	if got := g.list(3, 4096, 1<<40); len(got) != 0 {
		t.Errorf("from nowhere: %v", got)
	}
	for _, c := range []struct {
		args []uint64
		want Errno
	}{
		{[]uint64{1, dataAt, 10, 0, resultAt}, Notdir},
		{[]uint64{3, 1 << 31, 10, 0, resultAt}, Fault},
		{[]uint64{3, dataAt, 10, 0, 1 << 31}, Fault},
		{[]uint64{88, dataAt, 10, 0, resultAt}, Badf},
	} {
		if got := g.call(FdReaddir, c.args...); got != c.want {
			t.Errorf("fd_readdir%v: errno %d, want %d", c.args, got, c.want)
		}
	}
}

package blob

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
	"pgregory.net/rapid"
)

// plant writes files, given as path and content; a path ending in "/" is a
// folder.
func plant(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tree")
	must(t, os.Mkdir(dir, 0o755))
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		if strings.HasSuffix(name, "/") {
			must(t, os.MkdirAll(path, 0o755))
			continue
		}
		must(t, os.WriteFile(path, []byte(content), 0o600))
	}
	return dir
}

func TestImportExport(t *testing.T) {
	files := map[string]string{"a": "1", "b/c": "22", "b/d/e": "", "empty/": "", "Z": string(bytesOf(1, merkle.ChunkSize+1)), "ü": "x"}
	stores(t, Config{}, func(t *testing.T, s *Store) {
		dir := plant(t, files)
		e, err := s.PutTree(t.Context(), dir)
		must(t, err)
		if e.Name != "tree" || e.Kind != merkle.Folder || e.Size != 3+1+merkle.ChunkSize+1 {
			t.Errorf("imported %+v", e)
		}
		out := filepath.Join(t.TempDir(), "out")
		must(t, s.Export(t.Context(), e.Digest, out))
		again, err := s.PutTree(t.Context(), out)
		must(t, err)
		if again.Digest != e.Digest {
			t.Error("an exported tree imports differently")
		}
		for name, want := range files {
			if got, err := os.ReadFile(filepath.Join(out, name)); !strings.HasSuffix(name, "/") && (err != nil || string(got) != want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		wantCode(t, s.Export(t.Context(), e.Digest, out), CodeExists)

		one, err := s.PutTree(t.Context(), filepath.Join(dir, "a"))
		must(t, err)
		if one.Name != "a" || one.Kind != merkle.File || one.Digest != merkle.FileOf([]byte("1")) {
			t.Errorf("imported %+v", one)
		}
		target := filepath.Join(t.TempDir(), "a")
		must(t, s.Export(t.Context(), one.Digest, target))
		wantCode(t, s.Export(t.Context(), one.Digest, target), CodeExists)
	})
}

// TestImportIsAFunctionOfNamesAndBytes imports the same tree planted in two
// orders, with other times and modes.
func TestImportIsAFunctionOfNamesAndBytes(t *testing.T) {
	s := memory(t, Config{})
	a := plant(t, map[string]string{"x": "1", "y/z": "2"})
	b := plant(t, map[string]string{"y/z": "2", "x": "1"})
	must(t, os.Chmod(filepath.Join(b, "x"), 0o755))
	past := time.Unix(0, 0)
	must(t, os.Chtimes(filepath.Join(b, "x"), past, past))
	ea, err := s.PutTree(t.Context(), a)
	must(t, err)
	eb, err := s.PutTree(t.Context(), b)
	must(t, err)
	if ea != eb {
		t.Errorf("%+v and %+v differ", ea, eb)
	}
}

func TestImportRefusals(t *testing.T) {
	s := memory(t, Config{FileBytesMax: 100, TreeBytesMax: 150, TreeEntriesMax: 5, DepthMax: 3})
	link := func(t *testing.T, dir string) string {
		must(t, os.Symlink("/etc/hostname", filepath.Join(dir, "link")))
		return dir
	}
	for name, c := range map[string]struct {
		files map[string]string
		edit  func(t *testing.T, dir string) string
		code  assay.Code
	}{
		"link":   {nil, link, CodeSpecialFile},
		"itself": {nil, func(t *testing.T, dir string) string { return filepath.Join(link(t, dir), "link") }, CodeSpecialFile},
		"pipe": {nil, func(t *testing.T, dir string) string {
			must(t, syscall.Mkfifo(filepath.Join(dir, "p"), 0o600))
			return dir
		}, CodeSpecialFile},
		"device":     {nil, func(*testing.T, string) string { return "/dev/null" }, CodeSpecialFile},
		"large file": {map[string]string{"a": strings.Repeat("x", 101)}, nil, CodeTooLarge},
		"large tree": {map[string]string{"a": strings.Repeat("x", 80), "b": strings.Repeat("x", 80)}, nil, CodeTooLarge},
		"many names": {map[string]string{"a": "", "b": "", "c/1": "", "c/2": "", "c/3": ""}, nil, CodeTooLarge},
		"deep":       {map[string]string{"a/b/c/d": ""}, nil, CodeTooLarge},
		"not UTF-8":  {map[string]string{"\xff\xfe": ""}, nil, CodeName},
	} {
		t.Run(name, func(t *testing.T) {
			dir := plant(t, c.files)
			if c.edit != nil {
				dir = c.edit(t, dir)
			}
			_, err := s.PutTree(t.Context(), dir)
			wantCode(t, err, c.code)
		})
	}
	if _, err := s.PutTree(t.Context(), "/nowhere/at/all"); err == nil {
		t.Error("a path that does not exist was imported")
	}
}

// TestOpenings answers every kind of number on random trees, and checks that
// the leaf is the one a plain walk finds.
func TestOpenings(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := memory(t, Config{})
		var plain bytes.Buffer
		root := drawFolder(rt, t, s, &plain, 3)
		number := rapid.Uint64().Draw(rt, "number")
		o, err := s.Open(t.Context(), root.Digest, number)
		must(t, err)
		if err := merkle.VerifyOpening(root.Digest, number, o); err != nil {
			rt.Fatalf("our own opening: %v", err)
		}
		if plain.Len() == 0 {
			if o.FileSize != 0 || len(o.Leaf) != 0 {
				rt.Fatalf("something in nothing: %+v", o)
			}
			return
		}
		at := int(number % uint64(plain.Len()))
		if !bytes.Contains(o.Leaf, plain.Bytes()[at:at+1]) {
			rt.Fatalf("the leaf lacks byte %d", at)
		}
		// It speaks for the numbers of its own leaf and for no others.
		other := rapid.Uint64Range(0, 2*uint64(plain.Len())).Draw(rt, "other")
		theirs, err := s.Open(t.Context(), root.Digest, other)
		must(t, err)
		same := bytes.Equal(canon.Marshal(o), canon.Marshal(theirs))
		if err := merkle.VerifyOpening(root.Digest, other, o); (err == nil) != same {
			rt.Fatalf("the opening of %d as that of %d: %v", number, other, err)
		}
	})
}

// drawFolder stores a random folder and appends its content in listing order.
func drawFolder(rt *rapid.T, t *testing.T, s *Store, plain *bytes.Buffer, depth int) merkle.Entry {
	var entries []merkle.Entry
	for range rapid.IntRange(0, 4).Draw(rt, "entries") {
		if depth > 1 && rapid.Bool().Draw(rt, "folder") {
			entries = append(entries, drawFolder(rt, t, s, plain, depth-1))
			continue
		}
		b := bytesOf(uint64(plain.Len()), rapid.SampledFrom([]int{0, 1, 1024, 1025, 5000}).Draw(rt, "size"))
		plain.Write(b)
		entries = append(entries, putFile(t, s, b))
	}
	return putFolder(t, s, entries...)
}

func TestOpenLargeFile(t *testing.T) {
	s := memory(t, Config{})
	b := bytesOf(1, 3*merkle.ChunkSize+1500)
	file := putFile(t, s, b)
	root := putFolder(t, s, putFile(t, s, []byte("abc")), file, putFile(t, s, []byte("d")))
	for _, off := range []int{0, 1023, 1024, merkle.ChunkSize - 1, merkle.ChunkSize, 2*merkle.ChunkSize + 5000, len(b) - 1} {
		leaf := b[off/1024*1024 : min(off/1024*1024+1024, len(b))]
		for from, number := range map[merkle.Digest]uint64{file.Digest: uint64(off), root.Digest: uint64(off) + 3 + root.Size} {
			o, err := s.Open(t.Context(), from, number)
			must(t, err)
			if err := merkle.VerifyOpening(from, number, o); err != nil || !bytes.Equal(o.Leaf, leaf) {
				t.Errorf("offset %d: %v", off, err)
			}
		}
	}
	_, err := s.Open(t.Context(), merkle.FileOf([]byte("?")), 0)
	wantCode(t, err, CodeNotFound)
}

func TestCollect(t *testing.T) {
	c := newClock()
	s, dir := onDisk(t, Config{Now: c.read})
	ctx := t.Context()
	big := bytesOf(1, 2*merkle.ChunkSize)
	old := putFolder(t, s, putFile(t, s, big), putFile(t, s, []byte("only old")))
	kept := putFolder(t, s, putFolder(t, s, putFile(t, s, []byte("kept"))))
	c.pass(time.Hour)
	young := putFolder(t, s, putFile(t, s, big[:merkle.ChunkSize+1])) // shares a chunk

	got, err := s.Collect(ctx, func(d merkle.Digest) bool { return d == kept.Digest }, time.Minute)
	must(t, err)
	if want := (Collected{Blobs: 3, Chunks: 2, Bytes: merkle.ChunkSize + 8}); got != want {
		t.Errorf("collected %+v, want %+v", got, want)
	}
	must(t, s.Check(ctx, kept.Digest))
	must(t, s.Check(ctx, young.Digest))
	wantCode(t, s.Check(ctx, old.Digest), CodeNotFound)

	again, err := s.Collect(ctx, func(d merkle.Digest) bool { return d == kept.Digest }, time.Minute)
	must(t, err)
	if again != (Collected{}) {
		t.Errorf("the second collection took %+v", again)
	}
	must(t, second(s.PutBytes(ctx, []byte("kept")))) // dated anew
	c.pass(time.Minute)
	_, err = s.Collect(ctx, nil, time.Minute)
	must(t, err)
	if left := len(objects(t, dir, "record")) + len(objects(t, dir, "chunk")); left != 0 {
		t.Errorf("%d objects remain", left)
	}
}

// TestCollectSparesUploads collects in the middle of a put whose chunks no
// record names yet.
func TestCollectSparesUploads(t *testing.T) {
	s := memory(t, Config{})
	b := bytesOf(1, 2*merkle.ChunkSize)
	first := true
	d, _, err := s.PutFile(t.Context(), readerFunc(func(p []byte) (int, error) {
		n := copy(p, b)
		b = b[n:]
		if len(b) < merkle.ChunkSize && first {
			first = false
			_, err := s.Collect(t.Context(), nil, 0)
			must(t, err)
		}
		if len(b) == 0 {
			return n, io.EOF
		}
		return n, nil
	}))
	must(t, err)
	must(t, s.Check(t.Context(), d))
}

// TestCollectWithHoles works on a store whose disk lost records.
func TestCollectWithHoles(t *testing.T) {
	s, dir := onDisk(t, Config{})
	ctx := t.Context()
	f := putFile(t, s, []byte("lost"))
	whole := putFile(t, s, []byte("whole"))
	root := putFolder(t, s, f, whole)
	must(t, os.Remove(filepath.Join(dir, recordKey(f.Digest))))
	broken := putFile(t, s, []byte("broken"))
	must(t, os.Truncate(filepath.Join(dir, recordKey(broken.Digest)), 2))
	_, err := s.Collect(ctx, func(d merkle.Digest) bool { return d == root.Digest }, -time.Hour)
	must(t, err)
	must(t, s.Check(ctx, whole.Digest))
	if ok, _ := s.Has(ctx, broken.Digest); ok {
		t.Error("a broken record stays")
	}
}

package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/merkle"
	"pgregory.net/rapid"
)

var fileSizes = []int{0, 1, 1023, 1024, 1025, merkle.ChunkSize - 1, merkle.ChunkSize, merkle.ChunkSize + 1, 3*merkle.ChunkSize + 77}

func TestFilesComeBack(t *testing.T) {
	stores(t, Config{}, func(t *testing.T, s *Store) {
		ctx := t.Context()
		for _, n := range fileSizes {
			b := bytesOf(uint64(n), n)
			d, size, err := s.PutFile(ctx, iotest.HalfReader(bytes.NewReader(b)))
			must(t, err)
			if d != merkle.FileOf(b) || size != uint64(n) {
				t.Fatalf("%d bytes: digest or size %d is wrong", n, size)
			}
			got, err := s.ReadFile(ctx, d)
			must(t, err)
			if !bytes.Equal(got, b) {
				t.Fatalf("%d bytes came back different", n)
			}
			info, err := s.Stat(ctx, d)
			must(t, err)
			if info.Kind != merkle.File || info.Size != uint64(n) {
				t.Fatalf("stat says %+v", info)
			}
			must(t, s.Check(ctx, d))
			_, err = s.ReadFolder(ctx, d)
			wantCode(t, err, CodeKind)
		}
		if len(s.pins) != 0 {
			t.Errorf("%d chunks stay pinned", len(s.pins))
		}
	})
}

func TestFoldersComeBack(t *testing.T) {
	stores(t, Config{}, func(t *testing.T, s *Store) {
		ctx := t.Context()
		inner := putFolder(t, s, putFile(t, s, []byte("x")), putFile(t, s, nil))
		outer := putFolder(t, s, inner, putFile(t, s, []byte("yz")), inner)
		entries, err := s.ReadFolder(ctx, outer.Digest)
		must(t, err)
		if len(entries) != 3 || entries[0].Digest != inner.Digest || merkle.FolderDigest(entries) != outer.Digest || outer.Size != 4 {
			t.Fatalf("listing is %+v", entries)
		}
		must(t, s.Check(ctx, outer.Digest))
		_, err = s.ReadFile(ctx, outer.Digest)
		wantCode(t, err, CodeKind)
	})
}

func TestAbsentBlobs(t *testing.T) {
	stores(t, Config{}, func(t *testing.T, s *Store) {
		ctx, d := t.Context(), merkle.FileOf([]byte("never put"))
		ok, err := s.Has(ctx, d)
		if ok || err != nil {
			t.Errorf("has: %v, %v", ok, err)
		}
		_, err = s.ReadFile(ctx, d)
		wantCode(t, err, CodeNotFound)
		_, err = s.ReadFolder(ctx, d)
		wantCode(t, err, CodeNotFound)
		wantCode(t, s.Delete(ctx, d), CodeNotFound)
		wantCode(t, s.Export(ctx, d, filepath.Join(t.TempDir(), "x")), CodeNotFound)
		e := putFile(t, s, []byte("here"))
		must(t, s.Delete(ctx, e.Digest))
		_, err = s.ReadFile(ctx, e.Digest)
		wantCode(t, err, CodeNotFound)
	})
}

func TestSeekAndRead(t *testing.T) {
	s := memory(t, Config{})
	b := bytesOf(1, 2*merkle.ChunkSize+500)
	d := putFile(t, s, b).Digest
	rapid.Check(t, func(t *rapid.T) {
		f, err := s.OpenFile(context.Background(), d)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		model := bytes.NewReader(b)
		for range rapid.IntRange(1, 6).Draw(t, "steps") {
			whence := rapid.IntRange(0, 2).Draw(t, "whence")
			off := rapid.Int64Range(-int64(len(b))-2, int64(len(b))+2).Draw(t, "offset")
			got, err := f.Seek(off, whence)
			want, wantErr := model.Seek(off, whence)
			if (err == nil) != (wantErr == nil) || got != want {
				t.Fatalf("seek %d, %d: %d, %v; want %d, %v", off, whence, got, err, want, wantErr)
			}
			p, q := make([]byte, 300), make([]byte, 300)
			n, err := io.ReadFull(f, p)
			m, wantErr := io.ReadFull(model, q)
			if n != m || !bytes.Equal(p, q) || !errors.Is(err, wantErr) {
				t.Fatalf("read %d, %v; want %d, %v", n, err, m, wantErr)
			}
		}
	})
}

func TestCorruptStorage(t *testing.T) {
	ctx := context.Background()
	b := bytesOf(2, 2*merkle.ChunkSize+10)
	for name, damage := range map[string]func(path string) error{
		"flipped":   func(p string) error { return flip(p, 5) },
		"truncated": func(p string) error { return os.Truncate(p, 3) },
		"empty":     func(p string) error { return os.Truncate(p, 0) },
		"longer":    func(p string) error { return os.WriteFile(p, make([]byte, 3*merkle.ChunkSize), 0o600) },
		"gone":      os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := onDisk(t, Config{})
			d := putFile(t, s, b).Digest
			r, err := s.record(ctx, d)
			must(t, err)
			must(t, damage(chunkFile(dir, r.Chunks[1])))
			f, err := s.OpenFile(ctx, d)
			must(t, err)
			var got bytes.Buffer
			_, err = f.WriteTo(&got)
			wantCode(t, err, CodeCorrupt)
			if !bytes.Equal(got.Bytes(), b[:merkle.ChunkSize]) {
				t.Errorf("%d bytes were handed on, only the first chunk is sound", got.Len())
			}
			wantCode(t, s.Check(ctx, d), CodeCorrupt)
			_, err = s.Open(ctx, d, merkle.ChunkSize+1)
			wantCode(t, err, CodeCorrupt)

			must(t, second(s.PutBytes(ctx, b))) // putting it again heals it
			must(t, s.Check(ctx, d))
		})
		t.Run("record "+name, func(t *testing.T) {
			s, dir := onDisk(t, Config{})
			d := putFile(t, s, b).Digest
			must(t, damage(filepath.Join(dir, recordKey(d))))
			_, err := s.ReadFile(ctx, d)
			if code := assay.CodeOf(err); code != CodeCorrupt && code != CodeNotFound {
				t.Fatalf("read: %v", err)
			}
			must(t, second(s.PutBytes(ctx, b)))
			must(t, s.Check(ctx, d))
		})
	}
}

func flip(path string, at int) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	b[at] ^= 1
	return os.WriteFile(path, b, 0o600)
}

func second[T any](_ T, err error) error { return err }

// TestRecordUnderForeignDigest swaps two sound records.
func TestRecordUnderForeignDigest(t *testing.T) {
	s, dir := onDisk(t, Config{})
	a, b := putFile(t, s, []byte("a")), putFile(t, s, []byte("b"))
	must(t, os.Rename(filepath.Join(dir, recordKey(a.Digest)), filepath.Join(dir, recordKey(b.Digest))))
	_, err := s.ReadFile(t.Context(), b.Digest)
	wantCode(t, err, CodeCorrupt)
}

// TestFailedPutsLeaveNothing covers a reader that fails, a limit and a
// cancellation, each in the third chunk, beside a file that shares the first.
func TestFailedPutsLeaveNothing(t *testing.T) {
	s, dir := onDisk(t, Config{FileBytesMax: 3*merkle.ChunkSize - 1})
	ctx := t.Context()
	b := bytesOf(3, 3*merkle.ChunkSize)
	shared := putFile(t, s, b[:merkle.ChunkSize]).Digest

	broken := errors.New("broken")
	_, _, err := s.PutFile(ctx, io.MultiReader(bytes.NewReader(b[:2*merkle.ChunkSize+5]), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) {
		t.Fatalf("error is %v", err)
	}
	_, _, err = s.PutFile(ctx, bytes.NewReader(b))
	wantCode(t, err, CodeTooLarge)
	canceled, cancel := context.WithCancel(ctx)
	_, _, err = s.PutFile(canceled, io.MultiReader(bytes.NewReader(b[:2*merkle.ChunkSize]), readerFunc(func([]byte) (int, error) {
		cancel()
		return 0, io.EOF
	})))
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error is %v", err)
	}
	wrong := merkle.FileOf([]byte("other"))
	_, _, err = s.putFile(ctx, bytes.NewReader(b[:merkle.ChunkSize+1]), &wrong, 1<<30)
	wantCode(t, err, CodeCorrupt)

	if left := objects(t, dir, "chunk"); len(left) != 1 {
		t.Errorf("chunks remain: %v", left)
	}
	must(t, s.Check(ctx, shared))
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestCrashLeavesNoReadableBlob stops a put between its chunks and its record,
// and finds the leftovers of a write.
func TestCrashLeavesNoReadableBlob(t *testing.T) {
	s, dir := onDisk(t, Config{})
	ctx := t.Context()
	b := bytesOf(4, merkle.ChunkSize+9)
	p := s.newPut() // never ended, as after a kill
	must(t, p.chunk(ctx, chunkRoot(b[:merkle.ChunkSize]), b[:merkle.ChunkSize]))
	tmp := filepath.Join(dir, "chunk", "00", "rest.17.tmp")
	must(t, os.MkdirAll(filepath.Dir(tmp), 0o700))
	must(t, os.WriteFile(tmp, b[:100], 0o600))
	old := time.Now().Add(-2 * time.Hour)
	must(t, os.Chtimes(tmp, old, old))
	must(t, s.Close())

	s, err := OpenDir(dir, Config{})
	must(t, err)
	defer s.Close()
	if ok, _ := s.Has(ctx, merkle.FileOf(b)); ok {
		t.Error("half a file is readable")
	}
	if _, err := os.Stat(tmp); !errors.Is(err, os.ErrNotExist) {
		t.Error("the temporary file remains")
	}
	got, err := s.Collect(ctx, nil, 0)
	must(t, err)
	if got.Chunks != 1 || got.Bytes != merkle.ChunkSize {
		t.Errorf("collected %+v", got)
	}
}

func TestFoldersAreComplete(t *testing.T) {
	s := memory(t, Config{})
	ctx := t.Context()
	f := putFile(t, s, []byte("abc"))
	for name, e := range map[string]merkle.Entry{
		"absent":     {Name: "a", Kind: merkle.File, Digest: merkle.FileOf([]byte("?")), Size: 1},
		"wrong size": {Name: "a", Kind: merkle.File, Digest: f.Digest, Size: 4},
		"wrong kind": {Name: "a", Kind: merkle.Folder, Digest: f.Digest, Size: 3},
	} {
		_, err := s.PutFolder(ctx, []merkle.Entry{e})
		if assay.CodeOf(err) != CodeIncomplete {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"", "..", "a/b", "a\x00", strings.Repeat("x", 256), "\xff"} {
		f.Name = name
		_, err := s.PutFolder(ctx, []merkle.Entry{f})
		wantCode(t, err, CodeName)
	}
}

func TestFolderBombs(t *testing.T) {
	s := memory(t, Config{TreeEntriesMax: 1000, DepthMax: 20, TreeBytesMax: 1 << 20})
	ctx := t.Context()
	// Each level holds the one below twice: 2^k names with k folders.
	for name, leaf := range map[string]merkle.Entry{"empty": putFile(t, s, nil), "bytes": putFile(t, s, make([]byte, 100<<10))} {
		e := leaf
		var err error
		for range 20 {
			entries := []merkle.Entry{e, e}
			entries[0].Name, entries[1].Name = "a", "b"
			var d merkle.Digest
			if d, err = s.PutFolder(ctx, entries); err != nil {
				break
			}
			e = merkle.Entry{Kind: merkle.Folder, Digest: d, Size: merkle.FolderSize(entries)}
		}
		if assay.CodeOf(err) != CodeTooLarge {
			t.Errorf("%s: %v", name, err)
		}
	}
	e := putFile(t, s, []byte("deep"))
	for depth := range 21 {
		e.Name = "d"
		d, err := s.PutFolder(ctx, []merkle.Entry{e})
		if depth == 20 {
			wantCode(t, err, CodeTooLarge)
			break
		}
		must(t, err)
		e = merkle.Entry{Kind: merkle.Folder, Digest: d, Size: 4}
	}
}

func TestConfigBounds(t *testing.T) {
	for _, cfg := range []Config{{FileBytesMax: MaxFileBytes + 1}, {DepthMax: -1}, {DepthMax: MaxDepth + 1}} {
		_, err := OpenMemory(cfg)
		wantCode(t, err, CodeConfig)
	}
	s := memory(t, Config{ReadBytesMax: 10})
	_, err := s.ReadFile(t.Context(), putFile(t, s, make([]byte, 11)).Digest)
	wantCode(t, err, CodeTooLarge)
}

// TestConcurrentUse puts, reads, aborts and collects overlapping files at once.
// Whatever was put after the last collection must be whole in the end.
func TestConcurrentUse(t *testing.T) {
	stores(t, Config{}, func(t *testing.T, s *Store) {
		ctx := t.Context()
		common := bytesOf(9, merkle.ChunkSize)
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for i := range 6 {
					b := append(bytes.Clone(common), byte(i))
					_, _, err := s.PutFile(ctx, io.MultiReader(bytes.NewReader(b), iotest.ErrReader(io.ErrClosedPipe)))
					if !errors.Is(err, io.ErrClosedPipe) {
						t.Errorf("aborted put: %v", err)
					}
					d, err := s.PutBytes(ctx, b)
					if err != nil {
						t.Error(err)
						continue
					}
					if got, err := s.ReadFile(ctx, d); err != nil || !bytes.Equal(got, b) {
						t.Errorf("worker %d: read: %v", w, err)
					}
				}
			})
		}
		wg.Go(func() {
			for range 5 {
				if _, err := s.Collect(ctx, nil, time.Hour); err != nil {
					t.Errorf("collect: %v", err)
				}
			}
		})
		wg.Wait()
		for i := range 6 {
			must(t, s.Check(ctx, merkle.FileOf(append(bytes.Clone(common), byte(i)))))
		}
		if len(s.pins) != 0 {
			t.Errorf("%d chunks stay pinned", len(s.pins))
		}
	})
}

// TestNoCloudDrivers keeps the S3 and GCS drivers out of the default build:
// they double the download.
func TestNoCloudDrivers(t *testing.T) {
	if testing.Short() {
		t.Skip("runs go list")
	}
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	must(t, err)
	for dep := range strings.Lines(string(out)) {
		for _, banned := range []string{"gocloud.dev/blob/s3blob", "gocloud.dev/blob/gcsblob", "github.com/aws/", "cloud.google.com/"} {
			if strings.HasPrefix(dep, banned) {
				t.Errorf("package blob links %s", strings.TrimSpace(dep))
			}
		}
	}
}

func TestCodesAreDocumented(t *testing.T) {
	seen := map[assay.Code]bool{}
	for _, c := range Codes() {
		if seen[c.Code] || c.Text == "" || c.Hint == "" {
			t.Errorf("code %s is there twice or lacks words", c.Code)
		}
		seen[c.Code] = true
	}
	for _, err := range []error{ErrNotFound, ErrCorrupt, ErrTooLarge, ErrKind, ErrIncomplete, ErrSpecialFile, ErrName, ErrExists, ErrUnavailable} {
		if !seen[assay.CodeOf(fmt.Errorf("wrapped: %w", err))] {
			t.Errorf("%v is not documented", err)
		}
	}
}

func BenchmarkPutFile(b *testing.B) {
	benchmark(b, func(s *Store, data []byte) error { return second(s.PutBytes(context.Background(), data)) })
}

func BenchmarkReadFile(b *testing.B) {
	benchmark(b, func(s *Store, data []byte) error {
		f, err := s.OpenFile(context.Background(), merkle.FileOf(data))
		if err != nil {
			return err
		}
		_, err = f.WriteTo(io.Discard)
		return err
	})
}

func benchmark(b *testing.B, f func(*Store, []byte) error) {
	data := bytesOf(1, 64*merkle.ChunkSize)
	for _, driver := range []string{"memory", "file"} {
		b.Run(driver, func(b *testing.B) {
			s := memory(b, Config{})
			if driver == "file" {
				s, _ = onDisk(b, Config{})
			}
			putFile(b, s, data)
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				must(b, f(s, data))
			}
		})
	}
}

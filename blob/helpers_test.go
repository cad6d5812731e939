package blob

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/merkle"
)

// stores runs a test on both drivers.
func stores(t *testing.T, cfg Config, f func(t *testing.T, s *Store)) {
	t.Run("memory", func(t *testing.T) { f(t, memory(t, cfg)) })
	t.Run("file", func(t *testing.T) {
		s, _ := onDisk(t, cfg)
		f(t, s)
	})
}

func memory(t testing.TB, cfg Config) *Store {
	t.Helper()
	s, err := OpenMemory(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func onDisk(t testing.TB, cfg Config) (*Store, string) {
	t.Helper()
	dir := t.TempDir()
	s, err := OpenDir(dir, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, dir
}

// bytesOf returns n bytes that differ from seed to seed.
func bytesOf(seed uint64, n int) []byte {
	b := make([]byte, n)
	rng := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	rng.Read(b)
	return b
}

func putFile(t testing.TB, s *Store, b []byte) merkle.Entry {
	t.Helper()
	d, n, err := s.PutFile(context.Background(), bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return merkle.Entry{Kind: merkle.File, Digest: d, Size: n}
}

// putFolder stores a folder of entries named a, b, c, …
func putFolder(t testing.TB, s *Store, entries ...merkle.Entry) merkle.Entry {
	t.Helper()
	for i := range entries {
		entries[i].Name = string(rune('a' + i))
	}
	d, err := s.PutFolder(context.Background(), entries)
	if err != nil {
		t.Fatal(err)
	}
	return merkle.Entry{Kind: merkle.Folder, Digest: d, Size: merkle.FolderSize(entries)}
}

func wantCode(t *testing.T, err error, code assay.Code) {
	t.Helper()
	if err == nil || assay.CodeOf(err) != code {
		t.Fatalf("error %v has code %s, want %s", err, assay.CodeOf(err), code)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// clock is a now function that a test moves.
type clock struct{ now time.Time }

func newClock() *clock { return &clock{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)} }

func (c *clock) read() time.Time      { return c.now }
func (c *clock) pass(d time.Duration) { c.now = c.now.Add(d) }

// objects returns the files below a store's folder, by prefix.
func objects(t *testing.T, dir, prefix string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(filepath.Join(dir, prefix), func(p string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found = append(found, p)
		}
		return nil
	})
	must(t, err)
	return found
}

func chunkFile(dir string, root merkle.Digest) string {
	return filepath.Join(dir, filepath.FromSlash(strings.TrimPrefix(chunkKey(root), "/")))
}

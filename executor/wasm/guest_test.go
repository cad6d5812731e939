package wasm

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// shelf is an executor.Artifacts in memory.
type shelf struct {
	files   map[canon.Digest][]byte
	folders map[canon.Digest][]merkle.Entry
}

func newShelf() *shelf {
	return &shelf{files: map[canon.Digest][]byte{}, folders: map[canon.Digest][]merkle.Entry{}}
}

func (s *shelf) file(b []byte) canon.Digest {
	d := merkle.FileOf(b)
	s.files[d] = b
	return d
}

// folder keeps a tree given as name → []byte or name → map.
func (s *shelf) folder(tree map[string]any) canon.Digest { return s.entry("", tree).Digest }

func (s *shelf) entry(name string, v any) merkle.Entry {
	if b, ok := v.([]byte); ok {
		return merkle.Entry{Name: name, Kind: merkle.File, Digest: s.file(b), Size: uint64(len(b))}
	}
	var entries []merkle.Entry
	for child, v := range v.(map[string]any) {
		entries = append(entries, s.entry(child, v))
	}
	merkle.SortEntries(entries)
	d := merkle.FolderDigest(entries)
	s.folders[d] = entries
	return merkle.Entry{Name: name, Kind: merkle.Folder, Digest: d, Size: merkle.FolderSize(entries)}
}

func (s *shelf) ReadFile(_ context.Context, d canon.Digest) ([]byte, error) {
	if b, ok := s.files[d]; ok {
		return b, nil
	}
	return nil, fmt.Errorf("no file %s", d.Short())
}

func (s *shelf) ReadFolder(_ context.Context, d canon.Digest) ([]merkle.Entry, error) {
	if e, ok := s.folders[d]; ok {
		return e, nil
	}
	return nil, fmt.Errorf("no folder %s", d.Short())
}

// goGuest compiles testdata/guests/<name> for wasip1.
func goGuest(tb testing.TB, name string) []byte {
	tb.Helper()
	if testing.Short() {
		tb.Skip("compiles a Go program for wasip1")
	}
	out := filepath.Join(tb.TempDir(), name+".wasm")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", out, "./testdata/guests/"+name)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=")
	if b, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("build guest %s: %v\n%s", name, err, b)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func newExecutor(tb testing.TB, o Options) *Executor {
	tb.Helper()
	x, err := New(context.Background(), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { x.Close(context.Background()) })
	return x
}

// jobOf returns a job for a program with the default limits.
func jobOf(s *shelf, program []byte) *assay.Job {
	return &assay.Job{
		Version: 1, Runtime: assay.RuntimeWasm, Program: s.file(program), Args: []string{"prog"},
		Start: 1_700_000_000_000, Limits: assay.DefaultLimits(),
	}
}

package interp

import (
	"context"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/executor"
	native "github.com/capacloud/assay/executor/wasm"
	"github.com/capacloud/assay/machine/wasi"
	"github.com/capacloud/assay/machine/wasm"
	"github.com/capacloud/assay/merkle"
)

// shelf holds artifacts for both engines.
type shelf struct {
	files   map[canon.Digest][]byte
	folders map[canon.Digest][]merkle.Entry
}

type artifacts struct{ *shelf }

func (a artifacts) ReadFile(_ context.Context, d canon.Digest) ([]byte, error) {
	return a.shelf.ReadFile(d)
}

func (a artifacts) ReadFolder(_ context.Context, d canon.Digest) ([]merkle.Entry, error) {
	return a.shelf.ReadFolder(d)
}

func (s *shelf) ReadFile(d canon.Digest) ([]byte, error) {
	b, ok := s.files[d]
	if !ok {
		return nil, fmt.Errorf("no file %s", d)
	}
	return b, nil
}

func (s *shelf) ReadFolder(d canon.Digest) ([]merkle.Entry, error) {
	e, ok := s.folders[d]
	if !ok {
		return nil, fmt.Errorf("no folder %s", d)
	}
	return e, nil
}

func (s *shelf) file(b []byte) merkle.Entry {
	d := merkle.FileOf(b)
	s.files[d] = b
	return merkle.Entry{Kind: merkle.File, Digest: d, Size: uint64(len(b))}
}

func (s *shelf) folder(entries ...merkle.Entry) merkle.Entry {
	merkle.SortEntries(entries)
	d := merkle.FolderDigest(entries)
	s.folders[d] = entries
	return merkle.Entry{Kind: merkle.Folder, Digest: d, Size: merkle.FolderSize(entries)}
}

func named(name string, e merkle.Entry) merkle.Entry {
	e.Name = name
	return e
}

// jobOf makes a job of a program with some input of every kind.
func jobOf(program []byte) (*assay.Job, *shelf) {
	s := &shelf{map[canon.Digest][]byte{}, map[canon.Digest][]merkle.Entry{}}
	words := s.folder(named("a.txt", s.file([]byte("alpha beta"))), named("b.txt", s.file(make([]byte, 3000))))
	return &assay.Job{
		Version: 1, Runtime: assay.RuntimeWasm, Program: s.file(program).Digest,
		Args: []string{"program", "one"}, Env: []string{"A=b"},
		Stdin: s.file([]byte("standard input")).Digest,
		Input: s.folder(named("words", words), named("empty", s.folder()), named("f", s.file([]byte("x")))).Digest,
		Seed:  7, Start: 1_700_000_000_000,
		Limits: assay.Limits{Fuel: 1_000_000, Memory: 3 * wasm.PageBytes, Frames: 40, Slots: 1 << 14, Output: 5000, Files: 6},
	}, s
}

func newNative(t testing.TB) *native.Executor {
	x, err := native.New(context.Background(), native.Options{Programs: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close(context.Background()) })
	return x
}

// compare runs a program on both engines, with much fuel, with some less and
// with few frames, and returns the first result.
func compare(t testing.TB, x *native.Executor, program []byte) assay.Result {
	t.Helper()
	job, s := jobOf(program)
	p := wasm.Lower(program)
	first := compareJob(t, x, p, job, s)
	if first.Status == assay.InvalidModule {
		return first
	}
	setup := p.Image.Setup()
	for _, limit := range []uint64{first.Fuel - 1, setup + (first.Fuel-min(first.Fuel, setup))/2, setup + 40} {
		job.Limits.Fuel = max(limit, 1)
		compareJob(t, x, p, job, s)
	}
	job.Limits.Fuel, job.Limits.Frames = 1_000_000, 2
	compareJob(t, x, p, job, s)
	return first
}

func compareJob(t testing.TB, x *native.Executor, p *wasm.Program, job *assay.Job, s *shelf) assay.Result {
	t.Helper()
	out, err := x.Execute(context.Background(), job, artifacts{s})
	if err != nil {
		t.Fatalf("the executor: %v", err)
	}
	m := New(p, job, wasi.NewReaderInput(s))
	if err := m.Run(math.MaxUint64); err != nil {
		t.Fatalf("the machine: %v", err)
	}
	got, _ := m.Result()
	if got != out.Result {
		t.Fatalf("limits %+v\nthe machine:  %+v\nthe executor: %+v (%s)\nprogram %x", job.Limits, got, out.Result, out.Detail, s.files[job.Program])
	}
	bounded(t, m, s.files[job.Program], got.Fuel-min(got.Fuel, p.Image.Setup()))
	return got
}

var _ executor.Artifacts = artifacts{}

// entropy is what the generator makes a module from.
func entropy(seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, 200+r.IntN(3000))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

var (
	seeds     = flag.Uint64("seeds", 150, "generated modules of TestDifferential")
	firstSeed = flag.Uint64("first-seed", 0, "seed of the first of them")
)

// TestDifferential compares the machine with the executor on generated modules.
func TestDifferential(t *testing.T) {
	x := newNative(t)
	n := *seeds
	if testing.Short() {
		n = min(n, 30)
	}
	ends := map[string]int{}
	for seed := range n {
		r := compare(t, x, generate(entropy(*firstSeed+seed)))
		ends[fmt.Sprint(r.Status, " ", r.Trap)]++
		if r.Status == assay.InvalidModule {
			t.Fatalf("seed %d: the generator made an invalid module", seed)
		}
	}
	t.Log(ends)
	if ends[fmt.Sprint(assay.Exited, " ")] < int(n/4) {
		t.Errorf("few programs come to their end: %v", ends)
	}
}

// TestEveryFuel runs out of fuel at every unit of some stretch: where charges are
// joined, the comparisons between them stay where they are.
func TestEveryFuel(t *testing.T) {
	x := newNative(t)
	programs, stretch := uint64(24), uint64(60)
	if testing.Short() {
		programs = 4
	}
	for seed := range programs {
		job, s := jobOf(generate(entropy(9000 + seed)))
		p := wasm.Lower(s.files[job.Program])
		most := compareJob(t, x, p, job, s).Fuel
		setup := p.Image.Setup()
		for i := range stretch {
			job.Limits.Fuel = setup + i + seed%3*(most-min(most, setup))/4
			compareJob(t, x, p, job, s)
		}
	}
}

// TestCorpus runs what once was wrong, or looked as if it might be.
func TestCorpus(t *testing.T) {
	x := newNative(t)
	files, err := filepath.Glob("testdata/corpus/*.wasm")
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(f), func(t *testing.T) { compare(t, x, b) })
	}
}

func FuzzDifferential(f *testing.F) {
	x := newNative(f)
	for seed := range uint64(8) {
		f.Add(entropy(1000 + seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 8192 {
			return
		}
		compare(t, x, generate(data))
	})
}

package step_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/machine/step"
	"github.com/capacloud/assay/machine/wasi"
	"github.com/capacloud/assay/machine/wasm"
	"github.com/capacloud/assay/merkle"
)

// shelf holds input artifacts.
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
	return nil, errors.New("not on the shelf")
}

func (s *shelf) ReadFolder(d canon.Digest) ([]merkle.Entry, error) {
	if l, ok := s.folders[d]; ok {
		return l, nil
	}
	return nil, errors.New("not on the shelf")
}

func (s *shelf) file(b []byte) canon.Digest {
	d := merkle.FileOf(b)
	s.files[d] = b
	return d
}

// folder adds a folder of files and folders, by name.
func (s *shelf) folder(content map[string]any) canon.Digest {
	var list []merkle.Entry
	for name, c := range content {
		switch c := c.(type) {
		case []byte:
			list = append(list, merkle.Entry{Name: name, Kind: merkle.File, Digest: s.file(c), Size: uint64(len(c))})
		case map[string]any:
			d := s.folder(c)
			list = append(list, merkle.Entry{Name: name, Kind: merkle.Folder, Digest: d, Size: merkle.FolderSize(s.folders[d])})
		}
	}
	merkle.SortEntries(list)
	d := merkle.FolderDigest(list)
	s.folders[d] = list
	return d
}

// run is a machine that takes one step after the other.
type run struct {
	program *wasm.Program
	job     *assay.Job
	r       step.Record
	s       *machine.Regions
	in      *wasi.ReaderInput
	steps   uint64
}

func newJob(sh *shelf, module []byte) *assay.Job {
	return &assay.Job{
		Version: 1, Runtime: assay.RuntimeWasm, Program: merkle.FileOf(module), Args: []string{"program", "one"}, Env: []string{"A=b"},
		Stdin: sh.file(make([]byte, 3000)), Input: sh.folder(map[string]any{"in.txt": []byte("some input"), "sub": map[string]any{"leaf": make([]byte, 5000)}}),
		Seed: 7, Start: 1_700_000_000_000,
		Limits: assay.Limits{Fuel: 1 << 20, Memory: 4 * assay.WasmPage, Frames: 60, Slots: 4000, Output: 20_000, Files: 6},
	}
}

func newRun(t testing.TB, sh *shelf, module []byte, change ...func(*assay.Job)) *run {
	t.Helper()
	job := newJob(sh, module)
	for _, c := range change {
		c(job)
	}
	p := wasm.Lower(module)
	m := &run{program: p, job: job, r: step.Start(&p.Image, job), s: step.Load(p, job), in: wasi.NewReaderInput(sh)}
	return m
}

func (m *run) step(t testing.TB) {
	t.Helper()
	if err := step.Step(&m.r, &m.program.Image, m.job, m.s, m.in); err != nil {
		t.Fatalf("step %d: %v", m.steps, err)
	}
	m.steps++
}

// end runs to the end, at most so many steps.
func (m *run) end(t testing.TB, most uint64) assay.Result {
	t.Helper()
	for !m.r.Halted() {
		if m.steps >= most {
			t.Fatalf("not halted after %d steps: %s", m.steps, step.Explain(&m.r, m.s, &m.program.Image))
		}
		m.step(t)
	}
	m.r.Commit(m.s)
	res, ok := m.r.Result(&m.program.Image, &m.job.Limits)
	if !ok {
		t.Fatal("halted without a result")
	}
	return res
}

// root is the state root.
func (m *run) root() canon.Digest {
	m.r.Commit(m.s)
	return m.r.Root()
}

// regionSource shows a region of a space.
type regionSource struct {
	s *machine.Regions
	r machine.Region
}

func (s regionSource) Node(height int, i uint64) canon.Digest {
	d, ok := s.s[s.r].Node(height, i)
	if !ok {
		panic(fmt.Sprintf("%s: node %d of height %d is not known", s.r, i, height))
	}
	return d
}

func (s regionSource) Leaf(i uint64, p *machine.Leaf) { s.s.Load(s.r, i*machine.LeafSize, p[:]) }

func (m *run) sources() *[machine.NumRegions]machine.Source {
	var list [machine.NumRegions]machine.Source
	for r := range list {
		list[r] = regionSource{m.s, machine.Region(r)}
	}
	return &list
}

// prove returns the witness of the next n steps, and the root before them.
func (m *run) prove(n uint64) ([]byte, canon.Digest, error) {
	root := m.root()
	w, err := step.Prove(&m.program.Image, m.job, &m.r, m.sources(), m.in, n)
	return w, root, err
}

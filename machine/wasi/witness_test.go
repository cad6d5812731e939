package wasi

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// TestWitnessCarriesAStep runs every micro-step of calls on the input twice:
// over whole artifacts, noting what is asked for, and over the openings of that
// alone. The state behind both is the same, and no part is superfluous.
func TestWitnessCarriesAStep(t *testing.T) {
	s, stdin, mount := wideInput()
	e := newEngine(testConfig(), s, stdin, mount)
	path := func(p string) (uint64, uint64) { return textAt, uint64(copy(e.mem.testMemory[textAt:], p)) }
	steps := 0
	call := func(fn Func, args ...uint64) {
		t.Helper()
		r := e.get()
		Resume(e.cfg, NewCommittedFiles(e.space, e.reader, r, stdin, mount), r).Begin(fn, args)
		for done := false; !done; steps++ {
			rec := NewRecorder(e.reader)
			memory, space, shown := bytes.Clone(e.mem.testMemory), e.space.clone(), *r
			want := e.step(rec, e.space, e.mem, r, lots)
			b := rec.Encode()
			w, err := DecodeWitness(b)
			if err != nil {
				t.Fatalf("%s: %v", functions[fn].Name, err)
			}
			got := e.step(w, space, testMemory(memory), &shown, lots)
			if got != want || shown != *r || !bytes.Equal(memory, e.mem.testMemory) {
				t.Fatalf("%s: over the witness %+v, want %+v", functions[fn].Name, got, want)
			}
			if err := w.CheckUsed(); err != nil || rec.Bytes() > len(b) {
				t.Fatalf("%s: %v; %d bytes announced of %d", functions[fn].Name, err, rec.Bytes(), len(b))
			}
			done = want.Done
		}
		e.put(r)
	}
	at, n := path("wide")
	call(PathOpen, 3, 0, at, n, openDirectory, folderRights, folderRights|fileRights, 0, resultAt)
	wide := uint64(e.u32(resultAt))
	call(FdReaddir, wide, dataAt, 5000, 9000, resultAt)
	call(FdReaddir, wide, dataAt, 50, 9017, resultAt)
	at, n = path("long")
	call(PathOpen, 3, 0, at, n, 0, rightRead|rightSeek, 0, 0, resultAt)
	long := uint64(e.u32(resultAt))
	e.vec(t, [2]uint32{dataAt, 20_000}, [2]uint32{2*dataAt + 1, 30_001})
	call(FdPread, long, iovecAt, 2, 1<<20-5, resultAt)
	e.vec(t, [2]uint32{dataAt, 20_000}, [2]uint32{2*dataAt + 1, 30_001})
	call(FdPread, long, iovecAt, 2, 5<<20-100, resultAt)
	call(FdRead, 0, iovecAt, 2, resultAt)
	call(FdFilestatGet, 0, resultAt)
	call(FdSeek, 0, 1, whenceEnd, resultAt)
	at, n = path("wide/../nowhere")
	call(PathFilestatGet, 3, 0, at, n, resultAt)
	if steps < 30 {
		t.Errorf("%d micro-steps", steps)
	}
}

// drawOpenings draws openings of a few artifacts.
func drawOpenings(t *rapid.T) (*ReaderInput, *Recorder) {
	s := newShelf()
	in := NewReaderInput(s)
	rec := NewRecorder(in)
	for range rapid.IntRange(0, 3).Draw(t, "files") {
		size := rapid.SampledFrom([]int{0, 1, 1023, 1024, 1025, 5000, 33 << 10}).Draw(t, "size")
		b := bytes.Repeat([]byte{rapid.Byte().Draw(t, "byte")}, size)
		for i := 0; i < size; i += merkle.LeafSize { // or one leaf would pass for another, rightly
			b[i] += byte(i / merkle.LeafSize)
		}
		d := s.file("", string(b)).Digest
		_, _ = rec.File(d)
		for range rapid.IntRange(0, 4).Draw(t, "leaves") {
			_, _ = rec.Leaf(d, rapid.Uint64Range(0, uint64(size/1024)).Draw(t, "leaf"))
		}
	}
	for range rapid.IntRange(0, 2).Draw(t, "folders") {
		count := rapid.IntRange(0, 9).Draw(t, "entries")
		var entries []merkle.Entry
		for i := range count {
			entries = append(entries, merkle.Entry{Name: string(rune('a' + i)), Kind: merkle.File, Size: uint64(i * i)})
		}
		d := s.folder("", entries...).Digest
		_, _ = rec.Folder(d)
		for range rapid.IntRange(0, 4).Draw(t, "asked") {
			_, _ = rec.Entry(d, rapid.Uint64Range(0, 9).Draw(t, "entry"))
		}
	}
	return in, rec
}

// TestOpenings: openings show what was asked for, and nothing else; every
// changed byte is refused or shows other artifacts.
func TestOpenings(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		in, rec := drawOpenings(r)
		b := rec.Encode()
		w, err := DecodeWitness(b)
		if err != nil {
			r.Fatalf("%v", err)
		}
		for _, a := range rec.files {
			if size, err := w.File(a.digest); err != nil || size != uint64(len(in.files[a.digest])) {
				r.Fatalf("file: %d, %v", size, err)
			}
			for i := range merkle.LeafCount(uint64(len(in.files[a.digest]))) {
				leaf, err := w.Leaf(a.digest, i)
				want, _ := in.Leaf(a.digest, i)
				if shown := slices.Contains(a.indexes, i); shown != (err == nil) || shown && !bytes.Equal(leaf, want) || !shown && !errors.Is(err, ErrNotShown) {
					r.Fatalf("leaf %d: %v", i, err)
				}
			}
		}
		for _, a := range rec.folders {
			if n, err := w.Folder(a.digest); err != nil || n != uint64(len(in.folders[a.digest])) {
				r.Fatalf("folder: %d, %v", n, err)
			}
			for i, want := range in.folders[a.digest] {
				got, err := w.Entry(a.digest, uint64(i))
				if shown := slices.Contains(a.indexes, uint64(i)); shown != (err == nil) || shown && got != want || !shown && !errors.Is(err, ErrNotShown) {
					r.Fatalf("entry %d: %v", i, err)
				}
			}
		}
		if err := w.CheckUsed(); err != nil {
			r.Fatalf("%v", err)
		}
		bent := bytes.Clone(b)
		bent[rapid.IntRange(0, len(b)-1).Draw(r, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(r, "bit")
		if w, err := DecodeWitness(bent); err == nil {
			all := len(w.files) == len(rec.files) && len(w.folders) == len(rec.folders)
			for _, a := range rec.files {
				_, err := w.File(a.digest)
				all = all && err == nil
			}
			for _, a := range rec.folders {
				_, err := w.Folder(a.digest)
				all = all && err == nil
			}
			if all {
				r.Fatal("changed openings show the same artifacts")
			}
		}
	})
}

// TestUnusedOpenings: what nobody asks for is refused, part by part.
func TestUnusedOpenings(t *testing.T) {
	s := newShelf()
	f := s.file("f", "content")
	d := s.folder("", f)
	for name, c := range map[string]struct {
		show, use func(in Input) error
	}{
		"a file":    {func(in Input) error { _, err := in.File(f.Digest); return err }, func(Input) error { return nil }},
		"a leaf":    {func(in Input) error { _, err := in.Leaf(f.Digest, 0); return err }, func(in Input) error { _, err := in.File(f.Digest); return err }},
		"a folder":  {func(in Input) error { _, err := in.Folder(d.Digest); return err }, func(Input) error { return nil }},
		"an entry":  {func(in Input) error { _, err := in.Entry(d.Digest, 0); return err }, func(in Input) error { _, err := in.Folder(d.Digest); return err }},
		"something": {func(in Input) error { _, err := in.Entry(d.Digest, 0); return err }, nil},
	} {
		rec := NewRecorder(NewReaderInput(s))
		if err := c.show(rec); err != nil {
			t.Fatal(err)
		}
		w, err := DecodeWitness(rec.Encode())
		if err != nil {
			t.Fatal(err)
		}
		want := ErrUnneeded
		if c.use == nil {
			c.use, want = c.show, nil
		}
		if err := c.use(w); err != nil {
			t.Fatal(err)
		}
		if err := w.CheckUsed(); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBadOpenings refuses, one fault at a time, what no recorder writes.
func TestBadOpenings(t *testing.T) {
	s := newShelf()
	long, short := s.file("l", string(make([]byte, 5000))), s.file("s", "x")
	dir := s.folder("", long, short)
	rec := NewRecorder(NewReaderInput(s))
	for _, err := range []error{
		second(rec.Leaf(long.Digest, 1)), second(rec.Leaf(long.Digest, 4)), second(rec.File(short.Digest)), second(rec.Entry(dir.Digest, 1)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	good := rec.Encode()
	file := func(o *openings) *fileOpening { // the long one
		i := slices.IndexFunc(o.Files, func(f fileOpening) bool { return f.Size == 5000 })
		return &o.Files[i]
	}
	for name, bend := range map[string]func(o *openings){
		"files out of order":    func(o *openings) { slices.Reverse(o.Files) },
		"a file twice":          func(o *openings) { o.Files = append(o.Files, o.Files[1]) },
		"a folder twice":        func(o *openings) { o.Folders = append(o.Folders, o.Folders[0]) },
		"leaves out of order":   func(o *openings) { slices.Reverse(file(o).Indexes); slices.Reverse(file(o).Leaves) },
		"a leaf beyond the end": func(o *openings) { file(o).Indexes[1] = 5 },
		"a leaf less":           func(o *openings) { file(o).Leaves = file(o).Leaves[:1] },
		"a short leaf":          func(o *openings) { file(o).Leaves[0] = file(o).Leaves[0][:1000] },
		"a long last leaf":      func(o *openings) { file(o).Leaves[1] = make([]byte, 1024) },
		"a sibling less":        func(o *openings) { file(o).Siblings = file(o).Siblings[1:] },
		"a sibling more":        func(o *openings) { file(o).Siblings = append(file(o).Siblings, canon.Digest{}) },
		"an entry less":         func(o *openings) { o.Folders[0].Entries = nil },
		"an entry's name":       func(o *openings) { o.Folders[0].Entries[0].Name = ".." },
		"an entry's kind":       func(o *openings) { o.Folders[0].Entries[0].Kind = 9 },
		"a folder too large":    func(o *openings) { o.Folders[0].Count = merkle.MaxEntries + 1 },
		"weights that overflow": func(o *openings) { o.Folders[0].Siblings[0].Weight = ^uint64(0) },
	} {
		var o openings
		if err := canon.Unmarshal(good, &o); err != nil {
			t.Fatal(err)
		}
		bend(&o)
		if _, err := DecodeWitness(canon.Marshal(&o)); !errors.Is(err, ErrWitness) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func FuzzDecodeWitness(f *testing.F) {
	s := newShelf()
	d := s.folder("", s.file("f", string(make([]byte, 5000))), s.file("g", "g"))
	rec := NewRecorder(NewReaderInput(s))
	f.Add(rec.Encode())
	_, _ = rec.Entry(d.Digest, 1)
	_, _ = rec.Leaf(s.folders[d.Digest][0].Digest, 2)
	f.Add(rec.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := DecodeWitness(b)
		if err != nil {
			if !errors.Is(err, ErrWitness) {
				t.Fatal(err)
			}
			return
		}
		var o openings
		for _, x := range w.files {
			o.Files = append(o.Files, x.fileOpening)
		}
		for _, x := range w.folders {
			o.Folders = append(o.Folders, x.folderOpening)
		}
		if !bytes.Equal(canon.Marshal(&o), b) {
			t.Fatal("accepted, but encodes differently")
		}
	})
}

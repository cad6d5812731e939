package machine_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/machine"
	"pgregory.net/rapid"
)

// region is the small one that property tests use: 512 KiB.
const region = machine.Dropped

// flat is the obviously right region: all its bytes.
type flat []byte

func newFlat() flat { return make(flat, region.Bytes()) }

func (f flat) Node(height int, i uint64) canon.Digest {
	size := uint64(machine.LeafSize) << height
	return machine.RootOf(height, f[i*size:(i+1)*size])
}

func (f flat) Leaf(i uint64, p *machine.Leaf) { copy(p[:], f[i*machine.LeafSize:]) }

// access is one operation on a region.
type access struct {
	kind  int // load, store, clear
	at, n uint64
	value byte
}

func drawAccesses(t *rapid.T, most int) []access {
	list := make([]access, rapid.IntRange(0, most).Draw(t, "accesses"))
	for i := range list {
		a := access{kind: rapid.IntRange(0, 2).Draw(t, "kind"), value: rapid.Byte().Draw(t, "value")}
		a.at = rapid.Uint64Range(0, region.Bytes()).Draw(t, "at")
		a.n = rapid.SampledFrom([]uint64{0, 1, 8, 1024, 3000, 70_000}).Draw(t, "n")
		if a.kind == 2 && rapid.Bool().Draw(t, "aligned") {
			a.at &^= 1<<rapid.IntRange(10, 19).Draw(t, "alignment") - 1
			a.n = rapid.Uint64Range(0, region.Bytes()).Draw(t, "much")
		}
		a.n = min(a.n, region.Bytes()-a.at)
		list[i] = a
	}
	return list
}

// apply carries the accesses out and returns all that was loaded.
func apply(s *machine.Sparse, list []access) []byte {
	var seen []byte
	for _, a := range list {
		switch a.kind {
		case 0:
			p := make([]byte, a.n)
			s.Load(a.at, p)
			seen = append(seen, p...)
		case 1:
			s.Store(a.at, bytes.Repeat([]byte{a.value}, int(a.n)))
		case 2:
			s.Clear(a.at, a.n)
		}
	}
	return seen
}

func (f flat) apply(list []access) []byte {
	var seen []byte
	for _, a := range list {
		p := f[a.at : a.at+a.n]
		switch a.kind {
		case 0:
			seen = append(seen, p...)
		case 1:
			copy(p, bytes.Repeat([]byte{a.value}, len(p)))
		case 2:
			clear(p)
		}
	}
	return seen
}

// TestProof: what a proof says is what a flat array says, before and after.
func TestProof(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, plain := newFlat(), machine.NewSparse(region)
		first := drawAccesses(t, 6)
		if !bytes.Equal(f.apply(first), apply(plain, first)) {
			t.Fatal("a plain region reads differently")
		}
		start := machine.RootOf(region.Depth(), f)
		if plain.Root() != start {
			t.Fatal("a plain region has another root")
		}
		list := drawAccesses(t, 6)
		recorded := machine.Record(region, flat(bytes.Clone(f)))
		seen := f.apply(list)
		end := machine.RootOf(region.Depth(), f)
		if !bytes.Equal(apply(recorded, list), seen) || recorded.Root() != end {
			t.Fatal("a recording region differs")
		}
		proof := recorded.AppendProof(nil)
		if len(proof) != recorded.ProofBytes() {
			t.Fatalf("proof of %d bytes, announced %d", len(proof), recorded.ProofBytes())
		}
		known := machine.Closed(region, start)
		if recorded.Open() {
			var rest []byte
			var err error
			known, rest, err = machine.DecodeProof(region, start, append(proof, 7), recorded.Work())
			if err != nil || !bytes.Equal(rest, []byte{7}) {
				t.Fatalf("rest %d, %v", rest, err)
			}
		}
		if known.Root() != start {
			t.Fatal("proof begins elsewhere")
		}
		if !bytes.Equal(apply(known, list), seen) || known.Root() != end {
			t.Fatal("proof differs")
		}
		if known.Work() != recorded.Work() {
			t.Fatalf("work %d recorded, %d with the proof", recorded.Work(), known.Work())
		}
		if err := known.CheckUsed(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestNeedless: whoever looks at less than was opened is told so, and whoever
// looks at more finds it missing.
func TestNeedless(t *testing.T) {
	f := newFlat()
	f.apply([]access{{1, 0, region.Bytes(), 9}})
	r := machine.Record(region, f)
	r.Load(5000, make([]byte, 1))
	r.Load(90_000, make([]byte, 2000))
	r.Clear(128<<10, 128<<10)
	proof := r.AppendProof(nil)
	root := machine.RootOf(region.Depth(), f)
	for name, c := range map[string]struct {
		look func(*machine.Sparse)
		want error
	}{
		"all": {func(s *machine.Sparse) {
			s.Load(5000, make([]byte, 1))
			s.Load(90_000, make([]byte, 2000))
			s.Clear(128<<10, 128<<10)
		}, nil},
		"no clear":      {func(s *machine.Sparse) { s.Load(5000, make([]byte, 1)); s.Load(90_000, make([]byte, 2000)) }, nil},
		"one leaf less": {func(s *machine.Sparse) { s.Load(5000, make([]byte, 1)); s.Load(90_000, make([]byte, 1)) }, machine.ErrProof},
		"nothing":       {func(*machine.Sparse) {}, machine.ErrProof},
		"another leaf":  {func(s *machine.Sparse) { s.Load(7000, make([]byte, 1)) }, &machine.MissingError{}},
		"outside":       {func(s *machine.Sparse) { s.Load(region.Bytes()-1, make([]byte, 2)) }, &machine.MissingError{}},
		"clear a half":  {func(s *machine.Sparse) { s.Clear(128<<10, 64<<10) }, &machine.MissingError{}},
	} {
		s, _, err := machine.DecodeProof(region, root, proof, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		err = func() (err error) {
			defer func() {
				if m, ok := recover().(*machine.MissingError); ok {
					err = m
				}
			}()
			c.look(s)
			return s.CheckUsed()
		}()
		var m *machine.MissingError
		if want := errors.As(c.want, &m); want != errors.As(err, &m) || !want && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNeedlessNode: a subtree that nobody looked at is one hash, not two.
func TestNeedlessNode(t *testing.T) {
	f := newFlat()
	f.apply([]access{{1, 0, region.Bytes(), 9}})
	root := machine.RootOf(region.Depth(), f)
	r := machine.Record(region, f)
	r.Load(5000, make([]byte, 1)) // leaf 4; leaves 6 and 7 are a node beside it
	node, six, seven := f.Node(1, 3), f.Node(0, 6), f.Node(0, 7)
	halves := append(append(append([]byte{2, 1}, six[:]...), 1), seven[:]...)
	proof := bytes.Replace(r.AppendProof(nil), append([]byte{1}, node[:]...), halves, 1)
	s, _, err := machine.DecodeProof(region, root, proof, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	s.Load(5000, make([]byte, 1))
	if err := s.CheckUsed(); !errors.Is(err, machine.ErrProof) {
		t.Error(err)
	}
}

// TestClearAlone: what is cleared as a whole is a hash in the proof, and that is
// reason enough to show it.
func TestClearAlone(t *testing.T) {
	f := newFlat()
	f.apply([]access{{1, 0, region.Bytes(), 9}})
	root := machine.RootOf(region.Depth(), f)
	r := machine.Record(region, flat(bytes.Clone(f)))
	r.Clear(128<<10, 128<<10)
	proof := r.AppendProof(nil)
	if want := 2 + 3*33; len(proof) != want {
		t.Errorf("proof of %d bytes, want %d", len(proof), want)
	}
	s, _, err := machine.DecodeProof(region, root, proof, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	s.Clear(128<<10, 128<<10)
	if err := s.CheckUsed(); err != nil {
		t.Error(err)
	}
	clear(f[128<<10 : 256<<10])
	if s.Root() != machine.RootOf(region.Depth(), f) {
		t.Error("root differs")
	}
}

// TestProofRefusals changes a proof in every way that a liar might.
func TestProofRefusals(t *testing.T) {
	f := newFlat()
	f[3000] = 1
	root := machine.RootOf(region.Depth(), f)
	r := machine.Record(region, f)
	r.Load(3000, make([]byte, 1))
	proof := r.AppendProof(nil)
	zero := machine.Zero(1) // leaves 0 and 1, the first zeros beside leaf 2
	for name, b := range map[string][]byte{
		"empty":                nil,
		"only a hash":          append([]byte{1}, root[:]...),
		"zeros":                {0},
		"cut":                  proof[:len(proof)-1],
		"unknown node":         append([]byte{4}, proof[1:]...),
		"zeros as a hash":      bytes.Replace(proof, []byte{0}, append([]byte{1}, zero[:]...), 1),
		"zeros as two halves":  bytes.Replace(proof, []byte{0}, []byte{2, 0, 0}, 1),
		"leaf above":           append([]byte{2, 3}, make([]byte, 3000)...),
		"deeper than the tree": bytes.Repeat([]byte{2}, 1<<16),
	} {
		if _, _, err := machine.DecodeProof(region, root, b, 1<<20); !errors.Is(err, machine.ErrProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := machine.DecodeProof(region, root, proof, uint64(region.Depth()+5)); err != nil {
		t.Error(err)
	}
	if _, _, err := machine.DecodeProof(region, root, proof, uint64(region.Depth()-1)); !errors.Is(err, machine.ErrProof) {
		t.Errorf("more work than is allowed: %v", err)
	}
	for i := range proof {
		bent := bytes.Clone(proof)
		bent[i] ^= 1
		if _, _, err := machine.DecodeProof(region, root, bent, 1<<20); !errors.Is(err, machine.ErrProof) {
			t.Fatalf("byte %d does not matter", i)
		}
	}
}

// FuzzProof: a decoded proof is the only spelling of what it says.
func FuzzProof(f *testing.F) {
	b := newFlat()
	b.apply([]access{{1, 0, 100_000, 3}, {1, 300_000, 10_000, 4}})
	root := machine.RootOf(region.Depth(), b)
	for _, at := range []uint64{0, 60_000, 301_000} {
		r := machine.Record(region, b)
		r.Load(at, make([]byte, 1))
		f.Add(r.AppendProof(nil))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		s, rest, err := machine.DecodeProof(region, root, p, 1<<20)
		if err != nil {
			return
		}
		if !bytes.Equal(s.AppendProof(nil), p[:len(p)-len(rest)]) {
			t.Fatal("decoded and encoded differently")
		}
	})
}

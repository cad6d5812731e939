package checkpoint_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/machine/checkpoint"
	"github.com/capacloud/assay/machine/step"
)

func limits() *assay.Limits {
	return &assay.Limits{Fuel: 1 << 20, Memory: 4 << 16, Frames: 10, Slots: 1000, Output: 1 << 16, Files: 4}
}

var regions = []machine.Region{machine.Memory, machine.Globals, machine.Tables, machine.HostNodes, machine.HostData}

// random returns a checkpoint whose contents have the roots that its record
// states, and the regions as they are.
func random(r *rand.Rand) (*checkpoint.Checkpoint, *machine.Regions) {
	s := machine.NewRegions()
	l := limits()
	rec := step.BoundaryRecord(canon.Digest{1}, 3, l, 1+r.Uint32N(5))
	rec.Fuel, rec.Pages, rec.Tables[0] = int64(r.Uint64N(l.Fuel)), 4, 1<<20
	parts := map[machine.Region][]byte{}
	for _, region := range regions {
		b := make([]byte, 200<<10)
		for range r.IntN(30) {
			at := r.IntN(len(b))
			n := min(len(b)-at, r.IntN(3000))
			for i := range n {
				b[at+i] = byte(r.Uint32())
			}
		}
		s.Store(region, 0, b)
		parts[region] = b
	}
	rec.Commit(s)
	c := checkpoint.New(rec)
	for _, region := range regions {
		c.Append(region, 0, parts[region])
	}
	return c, s
}

// TestRoundTrip: what was written is read, and restores what was there; the
// bytes are a function of the state.
func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		c, s := random(r)
		file := c.Encode()
		got, err := checkpoint.Open(file, c.Record.Root(), limits())
		if err != nil {
			t.Fatal(err)
		}
		if err := got.Verify(); err != nil {
			t.Fatal(err)
		}
		if got.Record != c.Record || !bytes.Equal(got.Encode(), file) {
			t.Fatal("it reads as another")
		}
		back := machine.NewRegions()
		for _, region := range regions {
			got.Restore(back, region)
			if back[region].Root() != s[region].Root() {
				t.Fatalf("%s was restored wrongly", region)
			}
		}
		if uint64(len(file)) > checkpoint.MaxBytes(limits()) {
			t.Fatalf("%d bytes", len(file))
		}
	}
}

// TestEveryByte: no byte can be changed without notice.
func TestEveryByte(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	c, _ := random(r)
	file := c.Encode()
	for range 400 {
		b := slices.Clone(file)
		b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		got, err := checkpoint.Open(b, c.Record.Root(), limits())
		if err == nil {
			err = got.Verify()
		}
		if !errors.Is(err, checkpoint.ErrPoisoned) && !errors.Is(err, checkpoint.ErrMalformed) {
			t.Fatalf("accepted: %v", err)
		}
	}
}

// TestForms: each way to lay out the same contents otherwise is refused.
func TestForms(t *testing.T) {
	rec := step.BoundaryRecord(canon.Digest{1}, 3, limits(), 1)
	rec.Pages = 4
	leaf := bytes.Repeat([]byte{7}, machine.LeafSize)
	zero := make([]byte, machine.LeafSize)
	type piece struct {
		at    uint64
		count uint32
		b     []byte
	}
	file := func(memory ...piece) []byte {
		b := append([]byte("assay/checkpoint/1"), rec.Bytes()...)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(memory)))
		for _, p := range memory {
			b = binary.LittleEndian.AppendUint64(b, p.at)
			b = binary.LittleEndian.AppendUint32(b, p.count)
			b = append(b, p.b...)
		}
		return append(b, make([]byte, 4*(len(regions)-1))...)
	}
	for name, tt := range map[string]struct {
		file []byte
		want error
	}{
		"good":               {file(piece{3, 1, leaf}, piece{5, 1, leaf}), nil},
		"nothing":            {file(), nil},
		"neighbours":         {file(piece{3, 1, leaf}, piece{4, 1, leaf}), checkpoint.ErrMalformed},
		"out of order":       {file(piece{5, 1, leaf}, piece{3, 1, leaf}), checkpoint.ErrMalformed},
		"twice":              {file(piece{3, 1, leaf}, piece{3, 1, leaf}), checkpoint.ErrMalformed},
		"zeros":              {file(piece{3, 1, zero}), checkpoint.ErrMalformed},
		"zeros inside":       {file(piece{3, 2, append(slices.Clone(leaf), zero...)}), checkpoint.ErrMalformed},
		"empty piece":        {file(piece{3, 0, nil}), checkpoint.ErrMalformed},
		"beyond the region":  {file(piece{1 << 22, 1, leaf}), checkpoint.ErrMalformed},
		"wraps":              {file(piece{1<<64 - 1, 2, append(slices.Clone(leaf), leaf...)}), checkpoint.ErrMalformed},
		"more than there is": {file(piece{3, 1 << 31, leaf}), checkpoint.ErrMalformed},
		"beyond the memory":  {file(piece{256, 1, leaf}), checkpoint.ErrPoisoned},
	} {
		if _, err := checkpoint.Open(tt.file, rec.Root(), limits()); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	many := file()
	binary.LittleEndian.PutUint32(many[len("assay/checkpoint/1")+step.RecordBytes:], 1<<32-1)
	if _, err := checkpoint.Open(many, rec.Root(), limits()); !errors.Is(err, checkpoint.ErrMalformed) {
		t.Errorf("four billion pieces: %v", err)
	}
	if _, err := checkpoint.Open(make([]byte, checkpoint.MaxBytes(limits())+1), rec.Root(), limits()); !errors.Is(err, checkpoint.ErrMalformed) {
		t.Errorf("too long: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	rec := step.BoundaryRecord(canon.Digest{1}, 3, limits(), 1)
	rec.Pages = 4
	small := checkpoint.New(rec)
	small.Append(machine.Memory, 2, []byte("memory"))
	small.Append(machine.HostData, 1<<22, bytes.Repeat([]byte("data"), 300))
	f.Add(small.Encode()[18+step.RecordBytes:])
	f.Add(make([]byte, 20))
	head := append([]byte("assay/checkpoint/1"), rec.Bytes()...)
	f.Fuzz(func(t *testing.T, b []byte) {
		file := append(slices.Clone(head), b...)
		c, err := checkpoint.Open(file, rec.Root(), limits())
		if err != nil {
			if !errors.Is(err, checkpoint.ErrMalformed) && !errors.Is(err, checkpoint.ErrPoisoned) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(c.Encode(), file) {
			t.Fatal("two files of one state")
		}
		_ = c.Verify()
	})
}

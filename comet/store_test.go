package comet

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	ics23 "github.com/cosmos/ics23/go"

	"github.com/capacloud/assay"
)

// TestStoreAgainstMap compares the store with a map through random blocks,
// reopenings included.
func TestStoreAgainstMap(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	rng := rand.New(rand.NewPCG(1, 2))
	model := map[string]string{}
	for height := 1; height <= 200; height++ {
		for range rng.IntN(40) {
			k := fmt.Sprintf("%c%03d", 'a'+rng.IntN(3), rng.IntN(150))
			switch rng.IntN(4) {
			case 0:
				s.Delete([]byte(k))
				delete(model, k)
			case 1:
				compare(t, s, model, rng)
			default:
				v := fmt.Sprint(height, rng.IntN(5))
				s.Set([]byte(k), []byte(v))
				model[k] = v
			}
			if got := s.Get([]byte(k)); string(got) != model[k] {
				t.Fatalf("height %d: %s is %q, want %q", height, k, got, model[k])
			}
		}
		root, err := s.Flush()
		if err != nil {
			t.Fatal(err)
		}
		root = bytes.Clone(root)
		if err := s.Commit(); err != nil {
			t.Fatal(err)
		}
		if s.Height() != uint64(height) || !bytes.Equal(s.Root(), root) {
			t.Fatalf("committed %d %x, want %d %x", s.Height(), s.Root(), height, root)
		}
		if height%37 == 0 {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if s = openStore(t, dir); s.Height() != uint64(height) || !bytes.Equal(s.Root(), root) {
				t.Fatalf("reopened at %d %x, want %d %x", s.Height(), s.Root(), height, root)
			}
		}
	}
	if _, _, _, err := s.Prove([]byte("a"), 10); assay.CodeOf(err) != CodeHeight {
		t.Errorf("a pruned height: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// compare ascends a random range, with buffer and tree mixed, and stops early.
func compare(t *testing.T, s *Store, model map[string]string, rng *rand.Rand) {
	t.Helper()
	from, to := fmt.Sprintf("a%03d", rng.IntN(150)), fmt.Sprintf("c%03d", rng.IntN(150))
	var want []string
	for k, v := range model {
		if k >= from && k < to {
			want = append(want, k+"="+v)
		}
	}
	slices.Sort(want)
	want = want[:min(len(want), 30)]
	var got []string
	s.Ascend([]byte(from), []byte(to), func(k, v []byte) bool {
		got = append(got, string(k)+"="+string(v))
		return len(got) < 30
	})
	if !slices.Equal(got, want) {
		t.Fatalf("[%s, %s): %v, want %v", from, to, got, want)
	}
}

func openStore(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestRootDependsOnContentAlone: the order in which the rules wrote within a
// block, and writing a value back unchanged, leave no trace.
func TestRootDependsOnContentAlone(t *testing.T) {
	root := func(order []int, extra func(*Store)) []byte {
		s := openStore(t, "")
		for _, i := range order {
			s.Set(fmt.Appendf(nil, "key%d", i), []byte{byte(i)})
		}
		if extra != nil {
			extra(s)
		}
		r, err := s.Flush()
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Clone(r)
	}
	a := root([]int{1, 2, 3, 4, 5, 6, 7}, nil)
	b := root([]int{7, 3, 5, 1, 6, 2, 4}, func(s *Store) {
		s.Set([]byte("gone"), []byte("x"))
		s.Delete([]byte("gone"))
		s.Delete([]byte("never"))
	})
	if !bytes.Equal(a, b) {
		t.Errorf("%x and %x", a, b)
	}

	s := openStore(t, "")
	s.Set([]byte("k"), []byte("v"))
	first, _ := s.Flush()
	first = bytes.Clone(first)
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
	s.Set([]byte("k"), []byte("w"))
	s.Set([]byte("k"), []byte("v"))
	if again, _ := s.Flush(); !bytes.Equal(first, again) {
		t.Error("a value written back unchanged changed the root")
	}
}

// TestEveryKeyIsProved: values, and absence before, between and after them.
func TestEveryKeyIsProved(t *testing.T) {
	s := openStore(t, "")
	for i := range 50 {
		s.Set(fmt.Appendf(nil, "key%02d", 2*i), fmt.Appendf(nil, "value%d", i))
	}
	if _, err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
	for i := -1; i <= 100; i++ {
		k := fmt.Appendf(nil, "key%02d", i)
		value, proof, root, err := s.Prove(k, 1)
		if err != nil {
			t.Fatal(err)
		}
		var p ics23.CommitmentProof
		if err := p.Unmarshal(proof); err != nil {
			t.Fatal(err)
		}
		exists := i >= 0 && i < 100 && i%2 == 0
		if exists != (value != nil) {
			t.Errorf("%s: value %q", k, value)
		}
		yes := ics23.VerifyMembership(ics23.IavlSpec, root, &p, k, value)
		no := ics23.VerifyNonMembership(ics23.IavlSpec, root, &p, k)
		if yes != exists || no == exists {
			t.Errorf("%s: proved present %v, absent %v, want %v", k, yes, no, exists)
		}
	}
}

// TestUncommittedIsForgotten: a kill between the end of a block and its commit
// leaves the state before it.
func TestUncommittedIsForgotten(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	s.Set([]byte("k"), []byte("1"))
	mustFlush(t, s)
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
	s.Set([]byte("k"), []byte("2"))
	mustFlush(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, dir)
	if got := s.Get([]byte("k")); string(got) != "1" || s.Height() != 1 {
		t.Errorf("%q at %d", got, s.Height())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func mustFlush(t testing.TB, s *Store) {
	t.Helper()
	if _, err := s.Flush(); err != nil {
		t.Fatal(err)
	}
}

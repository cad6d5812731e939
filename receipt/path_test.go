package receipt

import (
	"bytes"
	"fmt"
	"math/rand"
	"reflect"
	"testing"

	"github.com/cosmos/iavl"
	dbm "github.com/cosmos/iavl/db"
	ics23 "github.com/cosmos/ics23/go"

	"github.com/capacloud/assay"
)

// iavlProof is what a node returns: the root and an ICS-23 proof of key.
func iavlProof(tb testing.TB, tree *iavl.MutableTree, key []byte) (root []byte, p *ics23.ExistenceProof) {
	tb.Helper()
	proof, err := tree.GetMembershipProof(key)
	if err != nil {
		tb.Fatal(err)
	}
	return tree.Hash(), proof.GetExist()
}

// pathOf is what package comet does with an ICS-23 proof.
func pathOf(tb testing.TB, p *ics23.ExistenceProof) Path {
	tb.Helper()
	var inner []ProofOp
	for _, op := range p.Path {
		inner = append(inner, ProofOp{Prefix: op.Prefix, Suffix: op.Suffix})
	}
	path, err := PathOf(ProofOp{Prefix: p.Leaf.Prefix}, inner)
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

func newTree() *iavl.MutableTree {
	return iavl.NewMutableTree(dbm.NewMemDB(), 0, true, iavl.NewNopLogger())
}

// TestPathAgreesWithIAVL compares our root with IAVL's and with the verdict of
// the ICS-23 library over trees of many shapes.
func TestPathAgreesWithIAVL(t *testing.T) {
	r := rand.New(rand.NewSource(2))
	for n := 1; n < 60; n += 3 {
		tree := newTree()
		job := assay.Digest{byte(n)}
		key, value := RecordKey(job), []byte(fmt.Sprint("value of ", n))
		for i := range n {
			if _, err := tree.Set([]byte(fmt.Sprint("k", r.Int63())), []byte{byte(i)}); err != nil {
				t.Fatal(err)
			}
			if i%7 == 0 {
				if _, _, err := tree.SaveVersion(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := tree.Set(key, value); err != nil {
			t.Fatal(err)
		}
		if _, _, err := tree.SaveVersion(); err != nil {
			t.Fatal(err)
		}
		want, exist := iavlProof(t, tree, key)
		proof := &ics23.CommitmentProof{Proof: &ics23.CommitmentProof_Exist{Exist: exist}}
		if !ics23.VerifyMembership(ics23.IavlSpec, want, proof, key, value) {
			t.Fatal("the library refuses the tree's own proof")
		}
		path := pathOf(t, exist)
		got, err := path.root(key, value)
		if err != nil || !bytes.Equal(got[:], want) {
			t.Fatalf("tree of %d: root %x (%v), want %x", n, got, err, want)
		}
		alterPath(t, path, key, value, got)
	}
}

// alterPath changes every number and bit of a path and expects another root.
func alterPath(t *testing.T, p Path, key, value []byte, root assay.Digest) {
	t.Helper()
	refuse := func(what string, q Path) {
		if reflect.DeepEqual(p, q) {
			t.Fatalf("%s: nothing altered", what)
		}
		if got, err := q.root(key, value); err == nil && got == root {
			t.Errorf("%s: the same root", what)
		}
	}
	with := func(i int, alter func(*Step)) Path {
		q := p
		q.Steps = append([]Step{}, p.Steps...)
		alter(&q.Steps[i])
		return q
	}
	refuse("version", Path{Version: p.Version + 1, Steps: p.Steps})
	refuse("a step more", Path{Version: p.Version, Steps: append(append([]Step{}, p.Steps...), Step{Height: 59, Size: 99})})
	for i := range p.Steps {
		refuse("a step less", Path{Version: p.Version, Steps: append(append([]Step{}, p.Steps[:i]...), p.Steps[i+1:]...)})
		refuse("height", with(i, func(s *Step) { s.Height++ }))
		refuse("height zero", with(i, func(s *Step) { s.Height = 0 }))
		refuse("size", with(i, func(s *Step) { s.Size++ }))
		refuse("size one", with(i, func(s *Step) { s.Size = 1 }))
		refuse("version", with(i, func(s *Step) { s.Version = -s.Version }))
		refuse("side", with(i, func(s *Step) { s.Left = !s.Left }))
		refuse("sibling", with(i, func(s *Step) { s.Sibling[31] ^= 1 }))
	}
}

// TestPathOfRefuses feeds operations that IAVL does not write.
func TestPathOfRefuses(t *testing.T) {
	leaf := ProofOp{Prefix: []byte{0, 2, 4}}
	child := bytes.Repeat([]byte{7}, 32)
	right := append([]byte{32}, child...)
	left := append(append([]byte{2, 4, 6, 32}, child...), 32)
	for name, c := range map[string]struct {
		leaf  ProofOp
		inner []ProofOp
		ok    bool
	}{
		"right sibling":      {leaf, []ProofOp{{Prefix: []byte{2, 4, 6, 32}, Suffix: right}}, true},
		"left sibling":       {leaf, []ProofOp{{Prefix: left}}, true},
		"both siblings":      {leaf, []ProofOp{{Prefix: left, Suffix: right}}, false},
		"no sibling":         {leaf, []ProofOp{{Prefix: []byte{2, 4, 6, 32}}}, false},
		"short sibling":      {leaf, []ProofOp{{Prefix: []byte{2, 4, 6, 32}, Suffix: right[:32]}}, false},
		"long sibling":       {leaf, []ProofOp{{Prefix: []byte{2, 4, 6, 32}, Suffix: append(right, 0)}}, false},
		"wrong child length": {leaf, []ProofOp{{Prefix: []byte{2, 4, 6, 31}, Suffix: right}}, false},
		"wrong sibling len":  {leaf, []ProofOp{{Prefix: []byte{2, 4, 6, 32}, Suffix: append([]byte{31}, child...)}}, false},
		"inner of height 0":  {leaf, []ProofOp{{Prefix: []byte{0, 4, 6, 32}, Suffix: right}}, false},
		"leaf of height 1":   {ProofOp{Prefix: []byte{2, 2, 4}}, nil, false},
		"leaf of size 2":     {ProofOp{Prefix: []byte{0, 4, 4}}, nil, false},
		"leaf with more":     {ProofOp{Prefix: []byte{0, 2, 4, 0}}, nil, false},
		"empty leaf":         {ProofOp{}, nil, false},
		"truncated inner":    {leaf, []ProofOp{{Prefix: []byte{2}, Suffix: right}}, false},
		"unending varint":    {leaf, []ProofOp{{Prefix: bytes.Repeat([]byte{0x80}, 12), Suffix: right}}, false},
		"empty inner":        {leaf, []ProofOp{{}}, false},
	} {
		if _, err := PathOf(c.leaf, c.inner); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

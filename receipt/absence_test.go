package receipt

import (
	"bytes"
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"github.com/cosmos/iavl"
	ics23 "github.com/cosmos/ics23/go"

	"github.com/capacloud/assay"
)

// absenceOf is what package comet does with an ICS-23 proof of non-existence.
func absenceOf(tb testing.TB, p *ics23.NonExistenceProof) *Absence {
	tb.Helper()
	side := func(e *ics23.ExistenceProof) *Neighbour {
		if e == nil {
			return nil
		}
		n, err := NeighbourOf(e.Key, e.Value, ProofOp{Prefix: e.Leaf.Prefix}, innerOf(e))
		if err != nil {
			tb.Fatal(err)
		}
		return n
	}
	return &Absence{Left: side(p.Left), Right: side(p.Right)}
}

func innerOf(p *ics23.ExistenceProof) []ProofOp {
	var inner []ProofOp
	for _, op := range p.Path {
		inner = append(inner, ProofOp{Prefix: op.Prefix, Suffix: op.Suffix})
	}
	return inner
}

// treeOf is a tree of n random keys, and some of them.
func treeOf(tb testing.TB, r *rand.Rand, n int) (*iavl.MutableTree, [][]byte) {
	tb.Helper()
	tree := newTree()
	var keys [][]byte
	for i := range n {
		key := fmt.Appendf(nil, "k%04d", r.Intn(10_000))
		keys = append(keys, key)
		if _, err := tree.Set(key, []byte{byte(i)}); err != nil {
			tb.Fatal(err)
		}
		if i%5 == 0 {
			if _, _, err := tree.SaveVersion(); err != nil {
				tb.Fatal(err)
			}
		}
	}
	if _, _, err := tree.SaveVersion(); err != nil {
		tb.Fatal(err)
	}
	slices.SortFunc(keys, bytes.Compare)
	return tree, slices.CompactFunc(keys, bytes.Equal)
}

// TestAbsenceAgreesWithIAVL compares our verdict with that of the ICS-23 library
// over trees of many shapes and keys before, between and behind their leaves.
func TestAbsenceAgreesWithIAVL(t *testing.T) {
	r := rand.New(rand.NewSource(3))
	for n := 1; n < 80; n += 3 {
		tree, keys := treeOf(t, r, n)
		root := assay.Digest(tree.Hash())
		for range 8 {
			key := fmt.Appendf(nil, "k%04dx", r.Intn(10_001)-1)
			proof, err := tree.GetNonMembershipProof(key)
			if err != nil {
				t.Fatal(err)
			}
			if !ics23.VerifyNonMembership(ics23.IavlSpec, root[:], proof, key) {
				t.Fatal("the library refuses the tree's own proof")
			}
			a := absenceOf(t, proof.GetNonexist())
			if err := a.check(root, key); err != nil {
				t.Fatalf("tree of %d, key %s: %v", n, key, err)
			}
			alterAbsence(t, a, root, key)
		}
		skipLeaves(t, tree, keys, root)
	}
}

// skipLeaves hides the leaves between two that are not neighbours, at either end
// and in the middle. All paths are genuine.
func skipLeaves(t *testing.T, tree *iavl.MutableTree, keys [][]byte, root assay.Digest) {
	t.Helper()
	leaf := func(i int) *Neighbour {
		if i < 0 || i >= len(keys) {
			return nil
		}
		_, e := iavlProof(t, tree, keys[i])
		n, err := NeighbourOf(e.Key, e.Value, ProofOp{Prefix: e.Leaf.Prefix}, innerOf(e))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for i := -1; i < len(keys); i++ {
		for j := i + 2; j <= len(keys) && j < i+6; j++ {
			hidden := keys[i+1]
			if err := (&Absence{Left: leaf(i), Right: leaf(j)}).check(root, hidden); assay.CodeOf(err) != CodeBrokenProof {
				t.Errorf("leaves %d and %d of %d hide %s: %v", i, j, len(keys), hidden, err)
			}
		}
	}
}

// alterAbsence changes what a proof consists of and expects a refusal.
func alterAbsence(t *testing.T, a *Absence, root assay.Digest, key []byte) {
	t.Helper()
	refuse := func(what string, b Absence, root assay.Digest, key []byte) {
		if err := b.check(root, key); assay.CodeOf(err) != CodeBrokenProof || err == nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	refuse("another root", *a, assay.Digest{1}, key)
	refuse("no sides", Absence{}, root, key)
	refuse("sides swapped", Absence{Left: a.Right, Right: a.Left}, root, key)
	if a.Left != nil {
		refuse("the key is the left leaf's", *a, root, a.Left.Key)
		if a.Right != nil {
			refuse("left missing", Absence{Right: a.Right}, root, key)
		}
	}
	if a.Right != nil {
		refuse("the key is the right leaf's", *a, root, a.Right.Key)
		if a.Left != nil {
			refuse("right missing", Absence{Left: a.Left}, root, key)
		}
	}
	for _, side := range []*Neighbour{a.Left, a.Right} {
		if side == nil {
			continue
		}
		old := *side
		side.Key = append(bytes.Clone(old.Key), 0)
		refuse("a longer key", *a, root, key)
		side.Key = nil
		refuse("no key", *a, root, key)
		*side = old
		side.Value[5] ^= 1
		refuse("another value", *a, root, key)
		*side = old
		side.Path.Version++
		refuse("another version", *a, root, key)
		*side = old
	}
}

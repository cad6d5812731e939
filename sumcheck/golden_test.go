package sumcheck

import (
	"math/rand/v2"
	"testing"

	"github.com/capacloud/assay/canon"
)

// TestGoldenProofs pins the bytes of proofs: every machine, and every build with
// and without assembly, makes these; a change of the protocol shows here.
func TestGoldenProofs(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 1))
	s := newProduct(r, 3, 100, 8)
	table, in, count := lookupCase(r)
	lookup := NewProver(testContext())
	ProveLookup(lookup, table, []Columns{in}, count)
	wide := random32(r, 1000)
	opening := NewProver(testContext())
	Commit32(wide, LayoutFor(10), nil).ProveOpen(opening, []Claim{{make([]Element, 10), Int(int64(wide[0]))}})
	for what, x := range map[string]struct {
		proof []byte
		want  string
	}{
		"product with opening": {s.prove(testContext()), "7467f4a4"},
		"lookup":               {lookup.Proof(), "f2874ddb"},
		"opening of int32":     {opening.Proof(), "aba99f06"},
	} {
		if got := canon.Hash("golden", x.proof).Short(); got != x.want {
			t.Errorf("%s: %s, want %s", what, got, x.want)
		}
	}
}

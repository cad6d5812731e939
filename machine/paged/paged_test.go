package paged_test

import (
	"math/rand/v2"
	"testing"

	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/machine/paged"
)

// TestModel compares a store and its copies with arrays of bytes.
func TestModel(t *testing.T) {
	const region = machine.HostNodes
	r := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		type pair struct {
			s     paged.Store
			model []byte
		}
		all := []*pair{{paged.New(region), make([]byte, region.Bytes())}}
		for range 200 {
			p := all[r.IntN(len(all))]
			at := r.Uint64N(region.Bytes() - 40_000)
			n := 1 + r.Uint64N(1<<r.IntN(16))
			switch r.IntN(5) {
			case 0:
				p.s.Clear(at, n)
				clear(p.model[at : at+n])
			case 1:
				if len(all) < 4 {
					all = append(all, &pair{p.s.Share(), append([]byte(nil), p.model...)})
				}
			case 2:
				if p.s.Root() != machine.RootOf(region.Depth(), p.model) {
					t.Fatal("another root")
				}
			default:
				b := make([]byte, n)
				for i := range b {
					b[i] = byte(r.Uint32())
				}
				p.s.Store(at, b)
				copy(p.model[at:], b)
			}
		}
		for _, p := range all {
			b := make([]byte, region.Bytes())
			p.s.Load(0, b)
			again := make([]byte, region.Bytes())
			p.s.Each(func(leaf uint64, page []byte) { copy(again[leaf*machine.LeafSize:], page) })
			if string(b) != string(p.model) || string(again) != string(p.model) {
				t.Fatal("other bytes")
			}
		}
	}
}

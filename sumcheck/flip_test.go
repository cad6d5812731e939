package sumcheck

import (
	"math/rand/v2"
	"testing"

	"github.com/capacloud/assay"
)

// everyFlip changes every single bit of a proof, cuts it at every length and
// adds a byte: none of it may pass.
func everyFlip(t *testing.T, proof []byte, verify func(proof []byte) error) {
	t.Helper()
	if err := verify(proof); err != nil {
		t.Fatalf("the proof itself: %v", err)
	}
	passed := 0
	for i := range proof {
		for bit := range 8 {
			proof[i] ^= 1 << bit
			if verify(proof) == nil {
				passed++
			}
			proof[i] ^= 1 << bit
		}
		refused(t, "a cut proof", verify(proof[:i]), CodeShort)
	}
	refused(t, "a longer proof", verify(append(proof[:len(proof):len(proof)], 0)), CodeLong)
	if passed != 0 {
		t.Errorf("%d of %d changed bits pass", passed, 8*len(proof))
	}
}

func TestEveryBitOfAProduct(t *testing.T) {
	s := newProduct(rand.New(rand.NewPCG(12, 1)), 2, 8, 2)
	everyFlip(t, s.prove(testContext()), func(proof []byte) error {
		if code := s.verify(testContext(), proof); code != "" {
			return assay.Refuse(code, "")
		}
		return nil
	})
}

func TestEveryBitOfALookup(t *testing.T) {
	table, in, count := lookupCase(rand.New(rand.NewPCG(12, 2)))
	p := NewProver(testContext())
	ProveLookup(p, table, []Columns{in}, count)
	everyFlip(t, p.Proof(), func(proof []byte) error {
		v := NewVerifier(testContext(), proof)
		if _, _, err := VerifyLookup(v, table, [][]int{in.Shape}); err != nil {
			return err
		}
		return v.Done()
	})
}

func TestEveryBitOfAnOpening(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 3))
	for _, l := range []Layout{{4, 2, 1, 4}, {5, 2, 2, 3}} {
		data := random8(r, l.rows()*l.cols())
		c := Commit8(data, l, nil)
		claims := []Claim{claimOn(r, data, int(l.Vars)), claimOn(r, data, int(l.Vars))}
		p := NewProver(testContext())
		c.ProveOpen(p, claims)
		commitment := c.Commitment()
		everyFlip(t, p.Proof(), func(proof []byte) error {
			v := NewVerifier(testContext(), proof)
			if err := commitment.VerifyOpen(v, claims); err != nil {
				return err
			}
			return v.Done()
		})
		for i := range commitment.Root {
			for bit := range 8 {
				commitment.Root[i] ^= 1 << bit
				if commitment.VerifyOpen(NewVerifier(testContext(), p.Proof()), claims) == nil {
					t.Errorf("byte %d of the root, bit %d", i, bit)
				}
				commitment.Root[i] ^= 1 << bit
			}
		}
	}
}

// FuzzVerify gives arbitrary tapes to every verifier: they refuse with a code of
// this package and do not panic.
func FuzzVerify(f *testing.F) {
	r := rand.New(rand.NewPCG(12, 4))
	s := newProduct(r, 2, 8, 2)
	table, in, count := lookupCase(r)
	lookup := NewProver(testContext())
	ProveLookup(lookup, table, []Columns{in}, count)
	f.Add(s.prove(testContext()), uint8(4), uint8(2), uint8(1))
	f.Add(lookup.Proof(), uint8(10), uint8(2), uint8(2))
	f.Add([]byte{}, uint8(255), uint8(255), uint8(255))
	codes := map[assay.Code]bool{"": true, "a": true}
	for _, c := range Codes() {
		codes[c.Code] = true
	}
	f.Fuzz(func(t *testing.T, proof []byte, vars, rows, rate uint8) {
		if code := s.verify(testContext(), proof); !codes[code] {
			t.Errorf("a product: %s", code)
		}
		_, _, err := VerifyLookup(NewVerifier(testContext(), proof), table, [][]int{in.Shape, {int(vars), int(rows)}})
		if err == nil || !codes[assay.CodeOf(err)] {
			t.Errorf("a lookup: %v", err)
		}
		c := Commitment{Layout: Layout{vars % 32, rows % 32, rate % 4, uint32(rows)}}
		point := make([]Element, min(int(vars%32), MaxVars))
		err = c.VerifyOpen(NewVerifier(testContext(), proof), []Claim{{point, one()}})
		if err == nil || !codes[assay.CodeOf(err)] {
			t.Errorf("an opening: %v", err)
		}
	})
}

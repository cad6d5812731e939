package network

import (
	"math/bits"

	"github.com/capacloud/assay/machine/tensor"
	"github.com/capacloud/assay/sumcheck"
)

// MinBits is the least security of a proof that is verified.
const MinBits = 100

// Bits returns −log2 of the probability that a false statement about the model
// passes, in one try: the errors of all arguments that a proof consists of, added up.
func Bits(g *tensor.Graph) int {
	var e errors
	p := planOf(g)
	for i := range g.Model.Nodes {
		n, rows := &g.Model.Nodes[i], 1<<g.Shapes[i+1].Bits()
		if n.Requant != nil {
			e.add(sumcheck.BitsLookup(2, 1<<n.Requant.TableBits(n.Bound), rows))
			if n.Requant.Shift > 0 {
				e.add(sumcheck.BitsLookup(1, 1<<n.Requant.Shift, rows))
			}
		} else if n.Op != tensor.MaxPool {
			e.add(sumcheck.BitsSum(max(1, g.Shapes[i+1].Bits()), 1)) // the output at a random point
		}
		in := g.Shapes[n.Inputs[0]]
		switch n.Op {
		case tensor.Dense, tensor.MatMul:
			e.add(sumcheck.BitsMatMul(1 << in[1:].Bits()))
		case tensor.Conv:
			e.add(sumcheck.BitsMatMul(1 << g.Weights[i].Dims[1:].Bits()))
			e.add(sumcheck.BitsSum(max(1, in[2:].Bits()), 2))
		case tensor.SumPool:
			e.add(sumcheck.BitsSum(max(1, in[2:].Bits()), 2))
		case tensor.MaxPool:
			e.add(sumcheck.BitsLookup(2, 1<<pairBits, rows))
			e.add(sumcheck.BitsLookup(2, 1<<pairBits, 2*rows))
		}
	}
	if p.size > 0 {
		e.opening(p.size)
	}
	if len(g.Blocks) > 0 {
		e.opening(g.Size)
	}
	return e.bits()
}

// errors adds up powers of two: entry b counts those of 2^-b.
type errors [128]int

func (e *errors) add(b int) { e[max(0, min(b, len(e)-1))]++ }

func (e *errors) opening(size int) {
	e.add(sumcheck.LayoutOf(size).Bits())
	e.add(sumcheck.BitsMerge(tensor.Bits(size), sumcheck.MaxClaims))
}

// bits returns the largest b such that the sum is at most 2^-b.
func (e *errors) bits() int {
	carry := 0
	for b := len(e) - 1; b >= 0; b-- {
		// 2·2^-(b+1) are one of 2^-b; what is left over counts as one more.
		carry = (carry+1)/2 + e[b]
		if carry > 0 && below(e, b) {
			return max(0, b-bits.Len(uint(carry-1)))
		}
	}
	return len(e) // no error at all
}

// below reports whether no larger error than 2^-b is left to add.
func below(e *errors, b int) bool {
	for _, n := range e[:b] {
		if n > 0 {
			return false
		}
	}
	return true
}

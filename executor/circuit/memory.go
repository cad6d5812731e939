package circuit

import (
	"math"
	"math/bits"
	"runtime/debug"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/circuit"
	"github.com/capacloud/assay/zk/circom"
)

// Estimates of what a proof takes beside the rest of the process, in bytes. They
// are upper bounds of what BenchmarkMemory measures: the file, what is read from it
// and what the garbage collector has not taken yet, the vectors of the FFTs with
// their twiddle factors, and what multi-exponentiations hold per scalar and bucket.
const (
	baseMemory   = 32 << 20
	perDomain    = 32 * 24
	perWire      = 32 * 16
	perGate      = 32 * 80 // PLONK: a dozen polynomials on four times the domain
	bucketMemory = 64 << 20
)

func circomMemory(s circom.Size) uint64 {
	return baseMemory + bucketMemory + 3*s.File + perDomain*uint64(s.Domain) + perWire*uint64(s.Wires)
}

func gnarkMemory(file int, s *circuit.System) uint64 {
	domain := uint64(1) << bits.Len(uint(s.Constraints()))
	return baseMemory + bucketMemory + 3*uint64(file) + perDomain*domain + perWire*uint64(s.Wires())
}

func plonkMemory(file int, s *circuit.System) uint64 {
	domain := uint64(1) << bits.Len(uint(s.Constraints()+len(s.Public())))
	return baseMemory + bucketMemory + 3*uint64(file) + perGate*domain
}

// fits refuses what the machine, or the limit, does not have room for. A proof
// that pages is a proof that comes too late, and takes the node with it.
func (x *Executor) fits(need uint64) error {
	limit := x.options.Memory
	if limit == 0 {
		free := free()
		limit = free - free/8
		if l := debug.SetMemoryLimit(-1); l > 0 && l < math.MaxInt64 {
			limit = min(limit, uint64(l))
		}
	}
	if need > limit {
		return assay.Refuse(CodeMemory, "it would take about %d MiB, and %d MiB are there", need>>20, limit>>20)
	}
	return nil
}

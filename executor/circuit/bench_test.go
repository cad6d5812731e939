package circuit

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/frontend"

	"github.com/capacloud/assay/circuit"
	"github.com/capacloud/assay/zk/circom"
)

// long is a chain of multiplications.
type long struct{ X frontend.Variable }

// longChain is how many; ASSAY_BENCH_CONSTRAINTS sets it.
var longChain = sync.OnceValue(func() int {
	if n, err := strconv.Atoi(os.Getenv("ASSAY_BENCH_CONSTRAINTS")); err == nil {
		return n
	}
	return 1<<15 - 8
})

func (c *long) Define(api frontend.API) ([]frontend.Variable, error) {
	x := c.X
	for i := range longChain() {
		x = api.Mul(x, api.Add(x, i))
	}
	return []frontend.Variable{x}, nil
}

// BenchmarkMemory compares what a proof takes, from reading its key on, with the
// estimate by which it is refused. Metric "used" must stay below 1.
func BenchmarkMemory(b *testing.B) {
	b.Run("gnark", func(b *testing.B) {
		c, err := circuit.Compile(&long{})
		if err != nil {
			b.Fatal(err)
		}
		bundle, err := c.Setup()
		if err != nil {
			b.Fatal(err)
		}
		in, err := circom.ParseInputs([]byte(`{"X":3}`))
		if err != nil {
			b.Fatal(err)
		}
		var binding [2]fr.Element
		w, err := c.System.Solve(c.Outputs, in, &binding)
		if err != nil {
			b.Fatal(err)
		}
		file := bundle.Files[1].Bytes
		measure(b, gnarkMemory(len(file), c.System), file, func(file []byte) error {
			k, err := circuit.ParseProvingKey(file, circom.Checked)
			if err == nil {
				_, err = c.System.Prove(k, w)
			}
			return err
		})
	})
	b.Run("plonk", func(b *testing.B) {
		c, err := circuit.CompilePlonk(&long{})
		if err != nil {
			b.Fatal(err)
		}
		srs, err := circuit.InsecureSRS(8*longChain() + 3)
		if err != nil {
			b.Fatal(err)
		}
		in, err := circom.ParseInputs([]byte(`{"X":3}`))
		if err != nil {
			b.Fatal(err)
		}
		var binding [2]fr.Element
		w, err := c.System.Solve(c.Outputs, in, &binding)
		if err != nil {
			b.Fatal(err)
		}
		file := srs.Bytes()
		measure(b, plonkMemory(len(file), c.System), file, func(file []byte) error {
			srs, err := circuit.ParseSRS(file, circom.Checked)
			if err != nil {
				return err
			}
			k, err := c.System.PlonkKey(srs, nil)
			if err == nil {
				_, err = c.System.ProvePlonk(k, w)
			}
			return err
		})
	})
	b.Run("circom", func(b *testing.B) {
		r, w := chain(longChain())
		file, err := circom.Setup(r)
		if err != nil {
			b.Fatal(err)
		}
		size, err := circom.SizeOf(file)
		if err != nil {
			b.Fatal(err)
		}
		measure(b, circomMemory(size), file, func(file []byte) error {
			k, err := circom.ParseZKey(file, circom.Checked)
			if err == nil {
				_, err = k.Prove(b.Context(), w, nil)
			}
			return err
		})
	})
}

// chain is a circom system of n multiplications with a witness.
func chain(n int) (*circom.R1CS, []fr.Element) {
	one := fr.One()
	r := &circom.R1CS{Wires: uint32(n + 2), Outputs: 1}
	w := make([]fr.Element, n+2)
	w[0], w[2] = one, fr.NewElement(3)
	for i := range n {
		from, to := uint32(2+i), uint32(3+i)
		if i == n-1 {
			to = 1
		}
		term := []circom.Term{{Wire: from, Coef: one}}
		r.Constraints = append(r.Constraints, circom.Constraint{A: term, B: term, C: []circom.Term{{Wire: to, Coef: one}}})
		w[to].Square(&w[from])
	}
	return r, w
}

// measure reports the most memory that f took, the file with it.
func measure(b *testing.B, estimate uint64, file []byte, f func([]byte) error) {
	b.Helper()
	var peak uint64
	for b.Loop() {
		copied := append([]byte(nil), file...)
		runtime.GC()
		debug.FreeOSMemory()
		base := held() - uint64(len(file))
		stop, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			for tick := time.NewTicker(time.Millisecond); ; {
				select {
				case <-tick.C:
					peak = max(peak, held()-base)
				case <-stop:
					tick.Stop()
					return
				}
			}
		}()
		err := f(copied)
		close(stop)
		<-done
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(estimate)/(1<<20), "MiB-estimated")
	b.ReportMetric(float64(peak)/(1<<20), "MiB-peak")
	b.ReportMetric(float64(peak)/float64(estimate), "used")
}

// held is what the process holds of the system's memory.
func held() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64() - s[1].Value.Uint64()
}

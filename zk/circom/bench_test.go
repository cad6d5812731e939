package circom

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// steps returns the system whose n constraints are xᵢ₊₁ = xᵢ·(xᵢ + i·b), and a
// witness: nearly every wire stands in A and in B, as in common circuits.
func steps(n int) (*R1CS, []fr.Element) {
	one := fr.One()
	// Wires: one, output c, public a, secret b, then what is in between.
	r := &R1CS{Wires: uint32(4 + n - 1), Outputs: 1, PublicInputs: 1, PrivateInputs: 1}
	w := make([]fr.Element, r.Wires)
	w[0], w[2], w[3] = one, fr.NewElement(3), fr.NewElement(5)
	last := 2
	for i := range n {
		to := 4 + i
		if i == n-1 {
			to = 1
		}
		c := Constraint{A: []Term{{uint32(last), one}}, B: []Term{{uint32(last), one}, {3, fr.NewElement(uint64(i + 1))}}, C: []Term{{uint32(to), one}}}
		r.Constraints = append(r.Constraints, c)
		x := eval(c.B, w)
		w[to].Mul(&w[last], &x)
		last = to
	}
	return r, w
}

// size of the benchmarks' circuit: 2^16 with its public elements.
const benchConstraints = 1<<16 - 8

// BenchmarkProve measures the native prover. With ASSAY_NODE_PEERS it compares
// with snarkjs on the same key, witness and cores, wall time with node's start:
// metric "snarkjs-x". ASSAY_BENCH_CONSTRAINTS sets the size.
func BenchmarkProve(b *testing.B) {
	n := benchConstraints
	if s := os.Getenv("ASSAY_BENCH_CONSTRAINTS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	r, w := steps(n)
	file, err := Setup(r)
	if err != nil {
		b.Fatal(err)
	}
	from := time.Now()
	if _, err = ParseZKey(file, Checked); err != nil {
		b.Fatal(err)
	}
	checked := time.Since(from)
	from = time.Now()
	key, err := ParseZKey(file, Pinned)
	if err != nil {
		b.Fatal(err)
	}
	pinned := time.Since(from)
	var used time.Duration
	from = time.Now()
	for b.Loop() {
		used += cpu(b, func() error { _, err := key.Prove(b.Context(), w, nil); return err })
	}
	wall := time.Since(from) / time.Duration(b.N)
	b.ReportMetric(used.Seconds()/float64(b.N)*1e3, "ms-cpu")
	b.ReportMetric(checked.Seconds()*1e3, "ms-read-checked")
	b.ReportMetric(pinned.Seconds()*1e3, "ms-read-pinned")
	if os.Getenv("ASSAY_NODE_PEERS") == "" {
		return
	}
	p := newPeer(b)
	p.write("our.zkey", file)
	p.write("our.wtns", EncodeWitness(w))
	theirs, theirCPU := p.timed("groth16", "prove", "our.zkey", "our.wtns", "proof.json", "public.json")
	b.ReportMetric(float64(theirs)/float64(wall+pinned), "snarkjs-x")
	b.ReportMetric(float64(theirCPU)/(float64(used)/float64(b.N)+float64(pinned)), "snarkjs-cpu-x")
}

// timed runs snarkjs and returns what it took, by the clock and of the processors.
func (p *peer) timed(args ...string) (wall, processors time.Duration) {
	p.t.Helper()
	c := exec.Command("node", append([]string{p.cli}, args...)...)
	c.Dir = p.dir
	from := time.Now()
	if out, err := c.CombinedOutput(); err != nil {
		p.t.Fatalf("snarkjs %v: %v\n%s", args, err, out)
	}
	return time.Since(from), c.ProcessState.UserTime() + c.ProcessState.SystemTime()
}

// bigSource is a circuit of ASSAY_BENCH_CONSTRAINTS steps.
const bigSource = `pragma circom 2.0.0;
template Big(n) {
    signal input bind[2];
    signal input a;
    signal output bound[2];
    signal output c;
    bound[0] <== bind[0];
    bound[1] <== bind[1];
    signal x[n + 1];
    x[0] <== a;
    for (var i = 0; i < n; i++) { x[i + 1] <== x[i] * (x[i] + i); }
    c <== x[n];
}
component main = Big(%s);
`

// BenchmarkFullProve is the whole way from inputs to a proof: the program is
// compiled, the witness computed, the key read, the proof made. It needs snarkjs
// and circom2 in ASSAY_NODE_PEERS, and compares with `snarkjs groth16 fullprove`.
func BenchmarkFullProve(b *testing.B) {
	p := newPeer(b)
	n := os.Getenv("ASSAY_BENCH_CONSTRAINTS")
	if n == "" {
		n = "16000"
	}
	p.write("big.circom", fmt.Appendf(nil, bigSource, n))
	compiler := exec.Command("node", filepath.Join(filepath.Dir(p.cli), "..", "..", "circom2", "cli.js"), "big.circom", "--r1cs", "--wasm")
	compiler.Dir = p.dir
	if out, err := compiler.CombinedOutput(); err != nil {
		b.Skipf("circom2: %v\n%s", err, out)
	}
	r, err := ParseR1CS(p.read("big.r1cs"))
	if err != nil {
		b.Fatal(err)
	}
	file, err := Setup(r)
	if err != nil {
		b.Fatal(err)
	}
	program, text := p.read("big_js/big.wasm"), []byte(`{"bind":[1,2],"a":"3"}`)
	p.write("big.zkey", file)
	p.write("input.json", text)
	full := func() error {
		in, err := ParseInputs(text)
		if err != nil {
			return err
		}
		c, err := Compile(b.Context(), program, 1<<30)
		if err != nil {
			return err
		}
		defer func() { _ = c.Close(context.Background()) }()
		w, err := c.Witness(b.Context(), in, Limits{Fuel: 1 << 40, Memory: 1 << 30})
		if err != nil {
			return err
		}
		k, err := ParseZKey(file, Pinned)
		if err != nil {
			return err
		}
		_, err = k.Prove(b.Context(), w, nil)
		return err
	}
	var used time.Duration
	from := time.Now()
	for b.Loop() {
		used += cpu(b, full)
	}
	wall := time.Since(from) / time.Duration(b.N)
	theirs, theirCPU := p.timed("groth16", "fullprove", "input.json", "big_js/big.wasm", "big.zkey", "proof.json", "public.json")
	b.ReportMetric(used.Seconds()/float64(b.N)*1e3, "ms-cpu")
	b.ReportMetric(float64(theirs)/float64(wall), "snarkjs-x")
	b.ReportMetric(float64(theirCPU)*float64(b.N)/float64(used), "snarkjs-cpu-x")
}

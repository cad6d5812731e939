package circom

import (
	"context"
	"os"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/capacloud/assay/zk"
)

const fuel, memory = 1 << 32, 64 << 20

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// chain is the circuit of testdata/chain.circom with a key made for this run.
type chain struct {
	system  *R1CS
	zkey    []byte
	key     *ProvingKey
	program *Program
}

func newChain(t testing.TB) *chain {
	t.Helper()
	c := &chain{}
	var err error
	if c.system, err = ParseR1CS(read(t, "chain.r1cs")); err != nil {
		t.Fatal(err)
	}
	if c.zkey, err = Setup(c.system); err != nil {
		t.Fatal(err)
	}
	if c.key, err = ParseZKey(c.zkey, Checked); err != nil {
		t.Fatal(err)
	}
	if c.program, err = Compile(t.Context(), read(t, "chain.wasm"), memory); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.program.Close(context.Background()) })
	return c
}

func (c *chain) witness(t testing.TB, text string) []fr.Element {
	t.Helper()
	in, err := ParseInputs([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	w, err := c.program.Witness(t.Context(), in, Limits{fuel, memory})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func public(k *ProvingKey, w []fr.Element) []byte {
	var b []byte
	for i := range k.Public {
		e := w[i+1].Bytes()
		b = append(b, e[:]...)
	}
	return b
}

func TestProofOfACircomCircuitVerifies(t *testing.T) {
	c := newChain(t)
	w := c.witness(t, `{"bind":["5","6"],"a":3,"b":"2"}`)
	if err := c.system.Check(w); err != nil {
		t.Fatal(err)
	}
	if err := c.key.Matches(c.system); err != nil {
		t.Fatal(err)
	}
	proof, err := c.key.Prove(t.Context(), w, nil)
	if err != nil {
		t.Fatal(err)
	}
	vk, err := c.key.VerifyingKey()
	if err != nil {
		t.Fatal(err)
	}
	if err := zk.Verify(vk, [32]byte{}, public(c.key, w), proof.Bytes()); err != nil {
		t.Fatal(err)
	}
	if w[3] != fr.NewElement(3*256) || w[1] != fr.NewElement(5) {
		t.Fatalf("outputs %v", w[1:4])
	}
}

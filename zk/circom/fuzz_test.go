package circom

import (
	"bytes"
	"context"
	"testing"
)

func FuzzParseR1CS(f *testing.F) {
	f.Add(read(f, "chain.r1cs"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseR1CS(b)
		if err != nil {
			return
		}
		again, err := ParseR1CS(r.Bytes())
		if err != nil || !bytes.Equal(again.Bytes(), r.Bytes()) {
			t.Fatalf("written again it is another system: %v", err)
		}
	})
}

func FuzzParseWitness(f *testing.F) {
	c := newChain(f)
	f.Add(EncodeWitness(c.witness(f, goodInput)))
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := ParseWitness(b)
		if err != nil {
			return
		}
		_ = c.system.Check(w)
		if again, err := ParseWitness(EncodeWitness(w)); err != nil || len(again) != len(w) {
			t.Fatal(err)
		}
	})
}

func FuzzParseZKey(f *testing.F) {
	c := newChain(f)
	w := c.witness(f, goodInput)
	f.Add(c.zkey)
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, trust := range []Trust{Checked, Pinned} {
			k, err := ParseZKey(b, trust)
			if err != nil {
				continue
			}
			_, _ = k.VerifyingKey()
			_ = k.Matches(c.system)
			if _, err := k.Prove(t.Context(), w, nil); err != nil && k.Wires == c.key.Wires {
				t.Fatal(err)
			}
		}
	})
}

func FuzzParseInputs(f *testing.F) {
	f.Add([]byte(goodInput))
	f.Add([]byte(`{"a":[["1",2],[-1]]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		in, err := ParseInputs(b)
		if err == nil && in == nil {
			t.Fatal("neither inputs nor an error")
		}
	})
}

// FuzzProgram runs changed witness programs: whatever they do, they end, and the
// process lives.
func FuzzProgram(f *testing.F) {
	f.Add(read(f, "chain.wasm"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Compile(t.Context(), b, 1<<20)
		if err != nil {
			return
		}
		defer func() { _ = p.Close(context.Background()) }()
		in, err := ParseInputs([]byte(goodInput))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = p.Witness(t.Context(), in, Limits{1 << 22, 1 << 20})
	})
}

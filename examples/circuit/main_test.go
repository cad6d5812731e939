package main

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr/mimc"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/circuit"
	executor "github.com/capacloud/assay/executor/circuit"
	"github.com/capacloud/assay/merkle"
)

// store holds artifacts.
type store map[assay.Digest][]byte

func (s store) ReadFile(_ context.Context, d assay.Digest) ([]byte, error) {
	if b, ok := s[d]; ok {
		return b, nil
	}
	return nil, errors.New("not in the store")
}

func (s store) ReadFolder(context.Context, assay.Digest) ([]merkle.Entry, error) {
	return nil, errors.New("no folders")
}

func (s store) add(b []byte) assay.Digest {
	d := merkle.FileOf(b)
	s[d] = b
	return d
}

// TestAge runs the folder that the program writes, as a provider does.
func TestAge(t *testing.T) {
	dir := t.TempDir()
	if err := run([]string{dir}); err != nil {
		t.Fatal(err)
	}
	b, err := circuit.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := store{}
	for _, f := range b.Files {
		s.add(f.Bytes)
	}
	x := executor.New(executor.Options{})
	defer x.Close()
	hash := mimc.NewMiMC()
	for _, n := range []uint64{7305, 123} {
		e := fr.NewElement(n)
		v := e.Bytes()
		hash.Write(v[:])
	}
	var credential fr.Element
	credential.SetBytes(hash.Sum(nil))
	for _, c := range []struct {
		born, years string
		ok          bool
	}{{"7305", "18", true}, {"7305", "33", true}, {"7305", "34", false}, {"19701", "0", false}, {"-1", "18", false}} {
		job := &assay.Job{
			Runtime: assay.RuntimeCircuit, Program: s.add(b.Descriptor.Bytes()), Policy: "zk(groth16)", Limits: assay.DefaultLimits(),
			Args: []string{"age", "years=" + c.years, "today=19700"}, Stdin: s.add([]byte(`{"born":"` + c.born + `","secret":123}`)),
		}
		out, err := x.Execute(t.Context(), job, s)
		switch {
		case (err == nil) != c.ok:
			t.Errorf("%+v: %v", c, err)
		case !c.ok && assay.CodeOf(err) != circuit.CodeUnsatisfied:
			t.Errorf("%+v: %v", c, err)
		case c.ok:
			if got, want := string(out.Output.Stdout()), fmt.Sprintf("%s\n%s\n19700\n", credential.String(), c.years); got != want {
				t.Errorf("%+v: %q, want %q", c, got, want)
			}
		}
	}
}

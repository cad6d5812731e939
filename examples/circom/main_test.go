package main

import (
	"context"
	"errors"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/circuit"
	"github.com/capacloud/assay/executor"
	prover "github.com/capacloud/assay/executor/circuit"
	"github.com/capacloud/assay/merkle"
	"github.com/capacloud/assay/zk"
	"github.com/capacloud/assay/zk/circom"
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

// hash is that of membership.circom.
func hash(x, y fr.Element) (h fr.Element) {
	one := fr.One()
	x.Add(&x, &one)
	h.Square(&x)
	h.Mul(&h, &x).Square(&h).Mul(&h, &x)
	three, k := fr.NewElement(3), fr.NewElement(12345)
	y.Mul(&y, &three)
	h.Add(&h, &y).Add(&h, &k)
	return h
}

// TestMembership proves with the folder that the program writes, as a provider
// does.
func TestMembership(t *testing.T) {
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
	x := prover.New(prover.Options{})
	defer x.Close()
	root := fr.NewElement(5)
	for i := range uint64(8) {
		if i%2 == 0 {
			root = hash(root, fr.NewElement(i+1))
		} else {
			root = hash(fr.NewElement(i+1), root)
		}
	}
	job := &assay.Job{
		Runtime: assay.RuntimeCircuit, Program: s.add(b.Descriptor.Bytes()), Policy: "zk(circom)", Limits: assay.DefaultLimits(),
		Args: []string{"membership", "root=" + root.String()}, Stdin: s.add([]byte(`{"leaf":"5","siblings":[1,2,3,4,5,6,7,8],"left":[0,1,0,1,0,1,0,1]}`)),
	}
	out, err := x.Execute(t.Context(), job, s)
	if err != nil || string(out.Output.Stdout()) != root.String()+"\n" {
		t.Fatalf("%v", err)
	}
	proved, err := x.Prove(t.Context(), job, executor.Ask{Check: job.Policy, Job: assay.JobID{1}}, s)
	if err != nil {
		t.Fatal(err)
	}
	e, err := zk.ParseEvidence(proved.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := zk.Verify(b.Key, [32]byte{}, e.Public, e.Proof); err != nil {
		t.Fatal(err)
	}
	job.Stdin = s.add([]byte(`{"leaf":"5","siblings":[1,2,3,4,5,6,7,8],"left":[0,1,0,1,0,1,0,2]}`))
	if _, err := x.Execute(t.Context(), job, s); assay.CodeOf(err) != circom.CodeAssert {
		t.Errorf("a side that is neither left nor right: %v", err)
	}
	job.Stdin = s.add([]byte(`{"leaf":"6","siblings":[1,2,3,4,5,6,7,8],"left":[0,1,0,1,0,1,0,1]}`))
	if _, err := x.Execute(t.Context(), job, s); assay.CodeOf(err) != prover.CodePinned {
		t.Errorf("a leaf of another tree: %v", err)
	}
}

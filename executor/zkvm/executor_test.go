package zkvm

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/merkle"
	"github.com/capacloud/assay/zk"
)

// files are artifacts by digest.
type files map[assay.Digest][]byte

func (f files) ReadFile(_ context.Context, d assay.Digest) ([]byte, error) {
	b, ok := f[d]
	if !ok {
		return nil, os.ErrNotExist
	}
	return b, nil
}

func (f files) ReadFolder(context.Context, assay.Digest) ([]merkle.Entry, error) {
	return nil, os.ErrNotExist
}

// stored reads a genuine proof of the shared vectors.
func stored(t *testing.T) (path string, p *Proof, d *zk.Descriptor) {
	t.Helper()
	dir := os.Getenv("ASSAY_VECTORS")
	if dir == "" {
		t.Skip("ASSAY_VECTORS is not set")
	}
	path = filepath.Join(dir, "zk", "sp1-v5.0.0-groth16.json")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if p, d, _, err = ReadProof(b); err != nil {
		t.Fatal(err)
	}
	return path, p, d
}

func jobOf(d *zk.Descriptor, policy string, args ...string) (*assay.Job, files) {
	return &assay.Job{
		Version: 1, Runtime: assay.RuntimeZKVM, Program: d.Program(), Args: append([]string{"guest"}, args...),
		Limits: assay.DefaultLimits(), Policy: policy,
	}, files{d.Program(): d.Bytes()}
}

const commit = "zk(sp1, bind=commit)"

// TestStored: a stored proof is the result of a job about its guest, and the
// evidence for it; of no other job.
func TestStored(t *testing.T) {
	_, p, d := stored(t)
	x := New(Options{Stored: []Proof{*p}})
	job, a := jobOf(d, commit)
	o, err := x.Execute(t.Context(), job, a)
	if err != nil {
		t.Fatal(err)
	}
	if string(o.Output.Stdout()) != string(p.Public) || o.Result.ValidateFor(assay.RuntimeZKVM) != nil || o.Result.Output != o.Output.Root {
		t.Errorf("%+v", o.Result)
	}
	ask := executor.Ask{Check: commit, Network: assay.Digest{1}, Job: job.ID(), Provider: assay.Key{2}, Seat: 3}
	e, err := x.Prove(t.Context(), job, ask, a)
	if err != nil {
		t.Fatal(err)
	}
	body, err := zk.ParseEvidence(e.Body)
	if err != nil || body.Seat != 3 || e.Gas < zk.Gas(e.Body) {
		t.Fatal("bad evidence", err)
	}
	first, err := zk.ParseEvidence(e.Commitment)
	if err != nil || first.Commitment != zk.Commitment(ask.Network, ask.Job, ask.Provider, zk.ProofDigest(body.Public, body.Proof)) {
		t.Fatal("the commitment is not one to the proof", err)
	}
	for name, c := range map[string]struct {
		job  *assay.Job
		code assay.Code
	}{
		"bound":              {with(job, func(j *assay.Job) { j.Policy = "zk(sp1)" }), CodeUnbound},
		"another guest":      {with(job, func(j *assay.Job) { j.Program[0]++ }), CodeNone},
		"other public bytes": {with(job, func(j *assay.Job) { j.Args = []string{"guest", "public=0xff"} }), CodeNone},
		"another runtime":    {with(job, func(j *assay.Job) { j.Runtime = assay.RuntimeWasm }), assay.CodeRuntime},
	} {
		if _, err := x.Execute(t.Context(), c.job, a); assay.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
}

func with(job *assay.Job, change func(*assay.Job)) *assay.Job {
	k := *job
	change(&k)
	return &k
}

// TestCommand: a prover of somebody else's gets the request and answers with a case
// file, which is verified before anything is made of it.
func TestCommand(t *testing.T) {
	path, p, d := stored(t)
	dir := t.TempDir()
	seen := filepath.Join(dir, "request")
	script := filepath.Join(dir, "prover")
	if err := os.WriteFile(script, []byte("#!/bin/sh\ncat > \""+seen+"\"\ncat \"$1\"\n"), 0o700); err != nil { //nolint:gosec // a test's own script
		t.Fatal(err)
	}
	x := New(Options{Prover: Command(script, path)})
	job, a := jobOf(d, commit, "public=0x"+hexOf(p.Public[:4]))
	o, err := x.Execute(t.Context(), job, a)
	if err != nil {
		t.Fatal(err)
	}
	if string(o.Output.Stdout()) != string(p.Public) {
		t.Error("another output than the proof publishes")
	}
	b, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	var r Request
	if err := json.Unmarshal(b, &r); err != nil || r.System != zk.SP1 || r.Key != d.Key || r.Binding != "" {
		t.Errorf("asked %s: %v", b, err)
	}
	// The binding is asked for, and a proof without it is refused.
	if _, err := x.Execute(t.Context(), with(job, func(j *assay.Job) { j.Policy = "zk(sp1)" }), a); assay.CodeOf(err) != CodeOther {
		t.Errorf("an unbound proof: %v", err)
	}
	if _, err := New(Options{Prover: Command("false")}).Execute(t.Context(), job, a); assay.CodeOf(err) != CodeCommand {
		t.Errorf("a prover that fails: %v", err)
	}
	if _, err := New(Options{Prover: Command("echo", "{}")}).Execute(t.Context(), job, a); assay.CodeOf(err) != CodeOther {
		t.Errorf("a prover that prints something else: %v", err)
	}
	if _, err := New(Options{Prover: Command("yes")}).Execute(t.Context(), job, a); assay.CodeOf(err) != CodeCommand {
		t.Errorf("a prover that never ends to print: %v", err)
	}
}

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	var s []byte
	for _, x := range b {
		s = append(s, digits[x>>4], digits[x&15])
	}
	return string(s)
}

// TestFolder takes the proofs that are valid and leaves notes alone.
func TestFolder(t *testing.T) {
	path, p, _ := stored(t)
	dir := t.TempDir()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"a.json": b, "b.json": []byte("{}"), "c.txt": b} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, err := Folder(dir)
	if err != nil || len(list) != 1 || list[0].Program != p.Program {
		t.Errorf("%d proofs: %v", len(list), err)
	}
	if _, err := Folder(filepath.Join(dir, "none")); err == nil {
		t.Error("no folder, and no complaint")
	}
}

package receipt

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/capacloud/assay"
)

func delivered() fstest.MapFS {
	return fstest.MapFS{
		"stdout":         {Data: []byte("the result\n")},
		"stderr":         {Data: nil},
		"out/counts.csv": {Data: []byte("the,2\n")},
		"out/empty":      {Data: nil},
	}
}

// TestCheckOutput compares delivered folders with the receipt: the right one,
// and each way in which bytes can be others.
func TestCheckOutput(t *testing.T) {
	n, f := quorumOfThree(t)
	for name, c := range map[string]struct {
		alter func(fstest.MapFS)
		says  string // empty: accepted
	}{
		"as delivered":  {func(fstest.MapFS) {}, ""},
		"another byte":  {func(m fstest.MapFS) { m["stdout"].Data = []byte("the resulT\n") }, "stdout differs"},
		"cut":           {func(m fstest.MapFS) { m["out/counts.csv"].Data = nil }, "out differs"},
		"missing":       {func(m fstest.MapFS) { delete(m, "stderr") }, "stderr is missing"},
		"more":          {func(m fstest.MapFS) { m["zz"] = &fstest.MapFile{} }, "zz is no part of it"},
		"renamed":       {func(m fstest.MapFS) { m["out/full"] = m["out/empty"]; delete(m, "out/empty") }, "out differs"},
		"a folder":      {func(m fstest.MapFS) { delete(m, "stderr"); m["stderr/x"] = &fstest.MapFile{} }, "stderr differs"},
		"a link":        {func(m fstest.MapFS) { m["stderr"].Mode = 1 << 27 }, "neither file nor folder"},
		"a deep folder": {func(m fstest.MapFS) { m[strings.Repeat("d/", 70)+"x"] = &fstest.MapFile{} }, "nested deeper"},
	} {
		r := verify(t, f.Bytes(), n.anchor(t))
		files := delivered()
		c.alter(files)
		if err := r.CheckOutput(files); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if c.says == "" && r.Exit != ExitVerified {
			t.Errorf("%s: %s", name, say(r))
		}
		if c.says != "" && (r.Exit != ExitBroken || r.Reason.Code != CodeOutputDiffers || !strings.Contains(r.Reason.Text, c.says)) {
			t.Errorf("%s: %s", name, say(r))
		}
	}
	r := verify(t, f.Bytes(), n.anchor(t))
	if err := r.CheckOutput(errFS{}); err == nil || r.Exit != ExitVerified {
		t.Errorf("a folder that cannot be read: %v, %s", err, say(r))
	}
}

// TestOutputWithoutOut: a delivery may leave out a folder out that is empty.
func TestOutputWithoutOut(t *testing.T) {
	kept := testOut
	testOut, testOutput = nil, nil
	testOutput = outputEntries("the result\n")
	defer func() { testOut = kept; testOutput = outputEntries("the result\n") }()
	n, f := quorumOfThree(t)
	r := verify(t, f.Bytes(), n.anchor(t))
	files := delivered()
	delete(files, "out/counts.csv")
	delete(files, "out/empty")
	if err := r.CheckOutput(files); err != nil || r.Exit != ExitVerified {
		t.Errorf("%v, %s", err, say(r))
	}
}

type executorFunc func(*assay.Job) (*assay.Result, error)

func (f executorFunc) Execute(_ context.Context, job *assay.Job) (*assay.Result, error) {
	return f(job)
}

type noSource struct{ testSource }

func (noSource) File(assay.Digest) (Content, error) { return Content{}, errors.New("not here") }

// TestRerun: the same result, another one, artifacts that are not at hand, and
// a machine that fails, which says nothing about the receipt.
func TestRerun(t *testing.T) {
	n, f := quorumOfThree(t)
	right := executorFunc(func(job *assay.Job) (*assay.Result, error) {
		r := resultOf(job, honest, 0)
		return &r, nil
	})
	otherState := executorFunc(func(job *assay.Job) (*assay.Result, error) {
		r := resultOf(job, honest, 0)
		r.State[0]++
		return &r, nil
	})
	lacking := executorFunc(func(*assay.Job) (*assay.Result, error) {
		return nil, assay.Refuse(CodeNoArtifacts, "a file of the input")
	})
	failing := executorFunc(func(*assay.Job) (*assay.Result, error) { return nil, errors.New("out of memory") })
	for name, c := range map[string]struct {
		with  Executor
		from  Source
		exit  int
		code  assay.Code
		fails bool
	}{
		"equal":          {right, testSource{}, ExitVerified, "", false},
		"another state":  {otherState, testSource{}, ExitBroken, CodeRerunDiffers, false},
		"no program":     {right, noSource{}, ExitNotEstablished, CodeNoArtifacts, false},
		"no input":       {lacking, testSource{}, ExitNotEstablished, CodeNoArtifacts, false},
		"a broken world": {failing, testSource{}, ExitVerified, "", true},
	} {
		r := verify(t, f.Bytes(), n.anchor(t))
		err := r.Rerun(context.Background(), c.with, c.from)
		if (err != nil) != c.fails || r.Exit != c.exit || c.code != "" && r.Reason.Code != c.code {
			t.Errorf("%s: %v, %s", name, err, say(r))
		}
	}
}

// TestNothingIsRunUnverified: what a broken or untrusted receipt names is not
// executed.
func TestNothingIsRunUnverified(t *testing.T) {
	n, f := quorumOfThree(t)
	spy := executorFunc(func(*assay.Job) (*assay.Result, error) { t.Error("executed"); return nil, errors.New("executed") })
	broken := f.Bytes()
	broken[len(broken)/2] ^= 1
	for _, r := range []*Report{verify(t, broken, n.anchor(t)), verify(t, f.Bytes(), nil), verify(t, nil, nil)} {
		exit := r.Exit
		if err := r.Rerun(context.Background(), spy, testSource{}); err != nil || r.Exit != exit {
			t.Errorf("%v, %s", err, say(r))
		}
		if err := r.CheckOutput(delivered()); err != nil || r.Exit != exit {
			t.Errorf("%v, %s", err, say(r))
		}
	}
}

type errFS struct{}

func (errFS) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
}

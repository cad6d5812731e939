// Package examples_test holds the examples to their promise: each gives, in
// the executor, the bytes that it gives natively.
package examples_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/blob"
	"github.com/capacloud/assay/executor/wasm"
	"github.com/capacloud/assay/machine/checkpoint"
	"github.com/capacloud/assay/merkle"
)

// example is one run of a program.
type example struct {
	name   string
	args   []string
	in     map[string]string
	stdout string   // a part of what it prints
	out    []string // files that it writes
}

var texts = map[string]string{
	"raven.txt":     "Once upon a midnight dreary, while I pondered, weak and weary,\nOver many a quaint and curious volume of forgotten lore—",
	"more/raven":    "While I nodded, nearly napping, suddenly there came a tapping; a tapping, a TAPPING.",
	"more/ünïcode":  "Äpfel äpfel ÄPFEL 3x4 don't \xff\xfe broken\xe2",
	"more/deep/not": "",
}

var goExamples = []example{
	{name: "wordfreq", args: []string{"3"}, in: texts, stdout: "a 5\ntapping 3\näpfel 3\n", out: []string{"counts.csv"}},
	{name: "wordfreq", stdout: "", out: []string{"counts.csv"}},
	{name: "var", args: []string{"20000", "7"}, stdout: "VaR 99"},
	{name: "heat", args: []string{"96", "60"}, stdout: "checksum ", out: []string{"heat.pgm"}},
}

// epochPrograms are those that export assay_step.
var epochPrograms = []string{"heat"}

func TestGoExamplesAsNatively(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs")
	}
	x := newExecutor(t)
	built := map[string][2]string{} // programs for here and for the executor
	for _, e := range goExamples {
		if _, ok := built[e.name]; !ok {
			built[e.name] = [2]string{goBuild(t, e.name, "GOAMD64=v1"), goBuild(t, e.name, "GOOS=wasip1", "GOARCH=wasm")}
		}
		t.Run(e.name+" "+strings.Join(e.args, " "), func(t *testing.T) {
			in := plant(t, e.in)
			wantOut, want := native(t, built[e.name][0], in, e.args)
			module, err := os.ReadFile(built[e.name][1])
			must(t, err)
			got := x.run(t, module, in, append([]string{e.name}, e.args...))
			if got.stdout != want || !strings.Contains(want, e.stdout) {
				t.Errorf("printed\n%s\nnatively\n%s\nwant a part %q", got.stdout, want, e.stdout)
			}
			for _, name := range e.out {
				b, err := os.ReadFile(filepath.Join(wantOut, name))
				must(t, err)
				if file, ok := got.file(name); !ok || !bytes.Equal(file, b) {
					t.Errorf("%s differs: %d bytes, natively %d", name, len(file), len(b))
				}
			}
			t.Logf("fuel %.3f G", float64(got.fuel)/1e9)
		})
	}
}

// TestDefaultsFit runs each example as a newcomer will, without arguments and
// under the default limits.
func TestDefaultsFit(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs programs")
	}
	x := newExecutor(t)
	for name, want := range map[string]string{
		"var":  "mean loss      -446.71\nVaR 95        12110.68   expected shortfall     15165.87\nVaR 99        17084.92   expected shortfall     19601.43\n",
		"heat": "cells    256 x 256, 700 steps\n",
	} {
		t.Run(name, func(t *testing.T) {
			module, err := os.ReadFile(goBuild(t, name, "GOOS=wasip1", "GOARCH=wasm"))
			must(t, err)
			got := x.run(t, module, plant(t, nil), []string{name})
			if !strings.Contains(got.stdout, want) {
				t.Errorf("printed\n%s", got.stdout)
			}
			if limit := assay.DefaultLimits().Fuel; got.fuel > limit/2 {
				t.Errorf("used %d fuel, more than half of the default limit", got.fuel)
			}
			t.Logf("fuel %.3f G", float64(got.fuel)/1e9)
		})
	}
}

// TestHeatGoesOn: after half of its epochs another executor goes on from the
// checkpoint, and gives the same result; from a poisoned one it does not.
func TestHeatGoesOn(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs programs")
	}
	x := newExecutor(t)
	module, err := os.ReadFile(goBuild(t, "heat", "GOOS=wasip1", "GOARCH=wasm"))
	must(t, err)
	program, err := x.store.PutBytes(t.Context(), module)
	must(t, err)
	job := &assay.Job{Version: 1, Runtime: assay.RuntimeWasm, Program: program, Args: []string{"heat", "96", "400"}, Limits: assay.DefaultLimits()}
	want, err := x.wasm.Execute(t.Context(), job, x.store)
	must(t, err)
	vanished := errors.New("the provider has vanished")
	var root assay.Digest
	var file []byte
	_, err = x.wasm.ExecuteEpochs(t.Context(), job, x.store, func(b *wasm.Boundary) error {
		if b.Epoch < 5 {
			return nil
		}
		root = b.Root
		if file, err = b.Checkpoint(); err != nil {
			return err
		}
		return vanished
	})
	if !errors.Is(err, vanished) {
		t.Fatal(err)
	}
	poisoned := bytes.Clone(file)
	poisoned[len(poisoned)/2] ^= 1
	other := newExecutor(t)
	for _, b := range [][]byte{poisoned, file} {
		c, err := checkpoint.Open(b, root, &job.Limits)
		must(t, err)
		epochs := 0
		got, err := other.wasm.Resume(t.Context(), job, x.store, c, func(*wasm.Boundary) error {
			epochs++
			return nil
		})
		if &b[0] == &poisoned[0] {
			if !errors.Is(err, checkpoint.ErrPoisoned) || epochs > 0 {
				t.Errorf("went on from a poisoned checkpoint: %v", err)
			}
			continue
		}
		must(t, err)
		if got.Result != want.Result || epochs != 3 {
			t.Errorf("%d epochs later %+v, want %+v", epochs, got.Result, want.Result)
		}
	}
	t.Logf("checkpoint of %d bytes", len(file))
}

const sieveOutput = "primes up to 1000000: 78498\nlast prime: 999983\nmixed sum: "

// TestSieve runs the committed module, and one built anew where clang is.
func TestSieve(t *testing.T) {
	x := newExecutor(t)
	committed, err := os.ReadFile("c/sieve/sieve.wasm")
	must(t, err)
	if len(committed) > 64<<10 {
		t.Errorf("sieve.wasm has %d bytes", len(committed))
	}
	modules := map[string][]byte{"committed": committed}
	if b, ok := rebuildSieve(t); ok {
		modules["rebuilt"] = b
	}
	for name, module := range modules {
		in := plant(t, nil)
		if got := x.run(t, module, in, []string{"sieve"}); !strings.HasPrefix(got.stdout, sieveOutput) {
			t.Errorf("%s printed %q", name, got.stdout)
		}
		for limit, want := range map[string]string{"2": "2: 1\nlast prime: 2\n", "9": "9: 4\nlast prime: 7\n", "10": "10: 4\nlast prime: 7\n", "11": "11: 5\nlast prime: 11\n"} {
			if got := x.run(t, module, in, []string{"sieve", limit}); !strings.HasPrefix(got.stdout, "primes up to "+want) {
				t.Errorf("%s up to %s printed %q", name, limit, got.stdout)
			}
		}
		if got := x.run(t, module, in, []string{"sieve", "many"}); got.exit != 2 || got.stdout != "" {
			t.Errorf("%s up to many: exit code %d, printed %q", name, got.exit, got.stdout)
		}
	}
	if list, err := filepath.Glob("c/sieve/*.go"); err != nil || len(list) > 0 {
		t.Errorf("a Go file beside sieve.wasm hides it from `assay run ./examples/c/sieve`: %v", list)
	}
}

// rebuildSieve answers false where there is no clang that makes wasm.
func rebuildSieve(t *testing.T) ([]byte, bool) {
	t.Helper()
	if _, err := exec.LookPath("clang"); err != nil || testing.Short() {
		return nil, false
	}
	target := filepath.Join(t.TempDir(), "sieve.wasm")
	if out, err := exec.CommandContext(t.Context(), "sh", "c/sieve/build.sh", target).CombinedOutput(); err != nil {
		t.Logf("clang does not build for wasm32-wasi here: %s", out)
		return nil, false
	}
	b, err := os.ReadFile(target)
	must(t, err)
	return b, true
}

// goBuild builds an example for a target and returns the binary's path.
func goBuild(t testing.TB, name string, env ...string) string {
	t.Helper()
	target := filepath.Join(t.TempDir(), name)
	args := []string{"build", "-trimpath", "-buildvcs=false", "-o", target}
	if slices.Contains(env, "GOOS=wasip1") && slices.Contains(epochPrograms, name) {
		args = append(args, "-buildmode=c-shared")
	}
	cmd := exec.CommandContext(t.Context(), "go", append(args, "./"+name)...)
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, out)
	}
	return target
}

// native runs a program outside of the executor.
func native(t *testing.T, program, in string, args []string) (out, stdout string) {
	t.Helper()
	out = t.TempDir()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = []string{"ASSAY_IN=" + in, "ASSAY_OUT=" + out}
	b, err := cmd.Output()
	must(t, err)
	return out, string(b)
}

// plant writes files below a new folder.
func plant(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(content), 0o600))
	}
	return dir
}

// executor runs modules on files from a store, as a provider does.
type executor struct {
	store *blob.Store
	wasm  *wasm.Executor
}

func newExecutor(t testing.TB) executor {
	t.Helper()
	store, err := blob.OpenMemory(blob.Config{})
	must(t, err)
	x, err := wasm.New(t.Context(), wasm.Options{})
	must(t, err)
	t.Cleanup(func() {
		x.Close(context.WithoutCancel(t.Context()))
		store.Close()
	})
	return executor{store, x}
}

type outcome struct {
	stdout string
	exit   uint32
	fuel   uint64
	file   func(name string) ([]byte, bool)
}

func (x executor) run(t *testing.T, module []byte, in string, args []string) outcome {
	t.Helper()
	program, err := x.store.PutBytes(t.Context(), module)
	must(t, err)
	input, err := x.store.PutTree(t.Context(), in)
	must(t, err)
	job := &assay.Job{Version: 1, Runtime: assay.RuntimeWasm, Program: program, Args: args, Input: input.Digest, Limits: assay.DefaultLimits()}
	o, err := x.wasm.Execute(t.Context(), job, x.store)
	must(t, err)
	if o.Result.Status != assay.Exited {
		t.Fatalf("%s: %s %s after %d fuel: %s", args[0], o.Result.Status, o.Result.Trap, o.Result.Fuel, o.Detail)
	}
	if o.Result.ExitCode == 1 {
		t.Fatalf("%s: %s", args[0], o.Output.Stderr())
	}
	// What came out goes into a store and back, as it does on a network.
	for _, f := range o.Output.Files {
		if _, err := x.store.PutBytes(t.Context(), f.Bytes); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range o.Output.Folders {
		if _, err := x.store.PutFolder(t.Context(), f.Entries); err != nil {
			t.Fatal(err)
		}
	}
	must(t, x.store.Check(t.Context(), o.Output.Root))
	opening, err := x.store.Open(t.Context(), o.Output.Root, 1<<63+12345)
	must(t, err)
	must(t, merkle.VerifyOpening(o.Output.Root, 1<<63+12345, opening))
	return outcome{
		stdout: string(o.Output.Stdout()), exit: o.Result.ExitCode, fuel: o.Result.Fuel,
		file: func(name string) ([]byte, bool) { return o.Output.File("out/" + name) },
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

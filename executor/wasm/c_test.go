package wasm

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/capacloud/assay"
)

const cGuest = "testdata/guests/c/files"

// cJob gives a C guest arguments, streams and files.
func cJob(s *shelf, program []byte) *assay.Job {
	job := jobOf(s, program)
	job.Args = []string{"files", "one", "two words"}
	job.Env = []string{"GREETING=hello"}
	job.Stdin = s.file([]byte("first\nsecond\n"))
	job.Input = s.folder(map[string]any{"data": map[string]any{
		"numbers.txt": []byte("1.5 2.25\n-3e2 0.1"),
		"block.bin":   countingBytes(),
	}})
	return job
}

func countingBytes() []byte {
	b := make([]byte, 150_001)
	for i := range b {
		b[i] = byte(i * i >> 3)
	}
	return b
}

// TestC runs a program on wasi-libc: streams, files, the clock and printf behave
// as its author expects.
func TestC(t *testing.T) {
	program, err := os.ReadFile(cGuest + ".wasm")
	if err != nil {
		t.Fatal(err)
	}
	s := newShelf()
	job := cJob(s, program)
	r := bothEngines(t, newExecutor(t, Options{}), newExecutor(t, Options{Engine: Interpreter}), job, s)
	if r.Status != assay.Exited || r.ExitCode != 3 {
		t.Fatalf("%+v", r)
	}
	out := mustExecute(t, newExecutor(t, Options{}), job, s).Output
	golden(t, "c.txt", string(out.Stdout()))
	want := countingBytes()
	slices.Reverse(want)
	if b, _ := out.File("out/copies/reversed.bin"); !slices.Equal(b, want) {
		t.Errorf("reversed copy: %d bytes, want %d others", len(b), len(want))
	}
	if b, _ := out.File("out/log.txt"); string(b) != "copied 150001 bytes\nappended\n" {
		t.Errorf("log: %q", b)
	}
	if string(out.Stderr()) != "done\n" {
		t.Errorf("stderr: %q", out.Stderr())
	}
}

// TestCRebuilt: the source is what the committed program was made of, as far as
// anybody can see from its output.
func TestCRebuilt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "files.wasm")
	cmd := exec.Command("clang", "--target=wasm32-wasi", "-O2", "-Wl,--strip-all", "-o", file, cGuest+".c")
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("no clang for wasm32-wasi: %v %.200s", err, msg)
	}
	var outputs []assay.Digest
	for _, name := range []string{cGuest + ".wasm", file} {
		program, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		s := newShelf()
		out := mustExecute(t, newExecutor(t, Options{}), cJob(s, program), s)
		outputs = append(outputs, out.Result.Output)
	}
	if outputs[0] != outputs[1] {
		t.Error("a new build writes something else")
	}
}

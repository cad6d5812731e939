package kernel

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestAssemblyIsGenerated runs the generator and compares: the assembly in the
// repository is what tools/kernels says, to the byte.
func TestAssemblyIsGenerated(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the generator")
	}
	generator := filepath.Join("..", "tools", "kernels")
	if out, err := exec.CommandContext(t.Context(), "go", "-C", generator, "build", "-o", os.DevNull, ".").CombinedOutput(); err != nil {
		t.Skipf("the generator does not build here (its modules may be out of reach): %s", out)
	}
	dir := t.TempDir()
	names := []string{"kernels_amd64.s", "kernels_amd64.go"}
	run := exec.CommandContext(t.Context(), "go", "-C", generator, "run", ".", "-pkg", "kernel",
		"-out", filepath.Join(dir, names[0]), "-stubs", filepath.Join(dir, names[1]))
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range names {
		fresh, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		kept, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		// The first line names the command with its paths.
		_, fresh, _ = bytes.Cut(fresh, []byte("\n"))
		_, kept, _ = bytes.Cut(kept, []byte("\n"))
		if !bytes.Equal(fresh, kept) {
			t.Errorf("%s is not what the generator writes: go generate ./kernel", name)
		}
	}
}

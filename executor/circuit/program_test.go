package circuit

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/circuit"
	"github.com/capacloud/assay/executor/wasm"
	"github.com/capacloud/assay/zk/circom"
)

// TestWitnessProgramInWasm: a circuit that brings a program instead of a system
// of outputs, which reads its input in a form of its own.
func TestWitnessProgramInWasm(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	file := filepath.Join(t.TempDir(), "witness.wasm")
	build := exec.Command("go", "build", "-o", file, "./testdata/witness")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	program, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c, err := circuit.Compile(&power{})
	if err != nil {
		t.Fatal(err)
	}
	c.Program = program
	b, err := c.Setup()
	if err != nil {
		t.Fatal(err)
	}
	engine, err := wasm.New(t.Context(), wasm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = engine.Close(t.Context()) }()
	w := newWorld(t, b, Options{Wasm: engine})
	if got := w.settle(t, w.job("x is 3, k is 10\n")); got != "810\n10\n" {
		t.Fatalf("stdout %q", got)
	}
	for what, x := range map[string]struct {
		job  *assay.Job
		code assay.Code
	}{
		"it fails":         {w.job("nothing of the kind"), CodeProgram},
		"it lies":          {w.job("x is 3, k is 10\n", "witness", "lie"), circuit.CodeUnsatisfied},
		"pinned otherwise": {w.job("x is 3, k is 10\n", "witness", "K=11"), CodePinned},
		"below zero":       {w.job("x is -3, k is 10\n"), circuit.CodeUnsatisfied},
	} {
		wantCode(t, what, w.execute(t, x.job), x.code)
	}
	job := w.job("x is 3, k is 10\n")
	job.Limits.Fuel = 1000
	wantCode(t, "little fuel", w.execute(t, job), CodeProgram)
	none := newWorld(t, b, Options{})
	wantCode(t, "no engine", none.execute(t, none.job("x is 3, k is 10\n")), CodeProgram)
	if !circuit.IsProgram(program) || circuit.IsProgram(b.Files[0].Bytes) {
		t.Error("programs and systems are mixed up")
	}
	in, err := circom.ParseInputs([]byte(`{"bind":[1,2]}`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.System.Assign(in, nil)
	wantCode(t, "a program that gives the binding", err, circuit.CodeInput)
}

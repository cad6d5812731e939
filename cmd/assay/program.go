package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/build"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/executor/zkvm"
	"github.com/capacloud/assay/machine/wasm"
	"github.com/capacloud/assay/requester"
)

// maxProgramBytes bounds a program; a larger one is refused before it is read.
const maxProgramBytes = 64 << 20

// program is a PROGRAM argument resolved to the bytes of a job's program.
type program struct {
	name    string // of the receipt, and argv[0]
	runtime string
	bytes   []byte
	files   [][]byte        // that it names, beside it
	keys    []requester.Key // that proofs about it use
	stored  []zkvm.Proof    // that were made before
	proven  []byte          // the descriptor of what is declared equivalent; nil: nothing is
}

// resolveProgram finds the wasm bytes behind a PROGRAM argument: a .wasm file,
// a Go package folder (compiled for wasip1), or a folder without Go files that
// holds exactly one .wasm. Before starts is called when a compilation begins.
func resolveProgram(ctx context.Context, arg string, compiling func()) (*program, error) {
	info, err := os.Stat(arg)
	if err != nil {
		return nil, badInput(codeFile, "%v", err)
	}
	switch {
	case info.Mode().IsRegular():
		return readProgram(arg)
	case !info.IsDir():
		return nil, badInput(codeNoProgram, "%s is %s, not a file", arg, info.Mode().Type())
	}
	if goFiles, _ := filepath.Glob(filepath.Join(arg, "*.go")); len(goFiles) > 0 {
		compiling()
		return buildGo(ctx, arg)
	}
	wasmFiles, _ := filepath.Glob(filepath.Join(arg, "*.wasm"))
	if len(wasmFiles) != 1 {
		return nil, badInput(codeNoProgram, "%s holds no Go files and %d .wasm files", arg, len(wasmFiles))
	}
	return readProgram(wasmFiles[0])
}

func readProgram(file string) (*program, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, badInput(codeFile, "%v", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxProgramBytes+1))
	switch {
	case err != nil:
		return nil, badInput(codeFile, "%v", err)
	case len(b) > maxProgramBytes:
		return nil, badInput(codeNoProgram, "%s is larger than %d MiB", file, maxProgramBytes>>20)
	case !bytes.HasPrefix(b, []byte("\x00asm")):
		return nil, badInput(codeNotWasm, "%s is not a wasm module", file)
	}
	return &program{name: strings.TrimSuffix(filepath.Base(file), ".wasm"), runtime: assay.RuntimeWasm, bytes: b}, nil
}

// buildGo compiles a Go package to wasip1 so that equal source gives equal
// bytes wherever it lies: -trimpath and -buildvcs=false keep folder and commit
// out of the binary, and no flag of the environment reaches the compiler.
func buildGo(ctx context.Context, dir string) (*program, error) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		return nil, badInput(codeNoGo, "%s is a Go package", dir)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, badInput(codeFile, "%v", err)
	}
	tmp, err := os.MkdirTemp("", "assay-build-*")
	if err != nil {
		return nil, badInput(codeFile, "%v", err)
	}
	defer os.RemoveAll(tmp)
	out := filepath.Join(tmp, "guest.wasm")
	args := []string{"build", "-trimpath", "-buildvcs=false", "-o", out}
	if hasEpochs(abs) {
		args = append(args, "-buildmode=c-shared")
	}
	cmd := exec.CommandContext(ctx, goTool, append(args, ".")...)
	cmd.Dir = abs
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=", "GOWASM=", "GOEXPERIMENT=", "GOTMPDIR="+tmp)
	// An interrupt ends the compilers that `go` started too; what they had
	// under way lies in our folder.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &words, &words
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			return nil, badInput(codeGoBuild, "%v", err)
		}
		return nil, badInput(codeGoBuild, "%s", strings.TrimSpace(words.String()))
	}
	b, err := os.ReadFile(out)
	if err != nil {
		return nil, fmt.Errorf("read compiled guest: %w", err)
	}
	if !bytes.HasPrefix(b, []byte("\x00asm")) {
		return nil, badInput(codeGoBuild, "%s is not package main", dir)
	}
	return &program{name: filepath.Base(abs), runtime: assay.RuntimeWasm, bytes: b}, nil
}

// stepDirective begins the line by which a Go program exports the function that
// makes it an epoch program; it must be built as a library then.
const stepDirective = "//go:wasmexport " + wasm.StepExport

// hasEpochs reports whether the Go files of a folder that count for wasip1 make
// an epoch program. What it cannot read, the build will complain about.
func hasEpochs(dir string) bool {
	target := build.Default
	target.GOOS, target.GOARCH, target.CgoEnabled = "wasip1", "wasm", false
	pkg, err := target.ImportDir(dir, 0)
	if err != nil {
		return false
	}
	for _, name := range pkg.GoFiles {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return false
		}
		for line := range strings.Lines(string(b)) {
			if strings.TrimRight(line, " \t\r\n") == stepDirective {
				return true
			}
		}
	}
	return false
}

package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestHasEpochs: only a directive in a file that counts for wasip1 makes a
// package an epoch program.
func TestHasEpochs(t *testing.T) {
	const head = "package main\n\nfunc main() {}\n\n"
	for name, tt := range map[string]struct {
		file, text string
		want       bool
	}{
		"the directive":    {"main.go", head + "//go:wasmexport assay_step\nfunc step() int32 { return 0 }\n", true},
		"with spaces":      {"main.go", head + "//go:wasmexport assay_step \r\nfunc step() int32 { return 0 }\n", true},
		"another export":   {"main.go", head + "//go:wasmexport assay_steps\nfunc step() int32 { return 0 }\n", false},
		"in a sentence":    {"main.go", head + "// write //go:wasmexport assay_step above it\nfunc step() int32 { return 0 }\n", false},
		"another system":   {"main_linux.go", head + "//go:wasmexport assay_step\nfunc step() int32 { return 0 }\n", false},
		"a test":           {"main_test.go", head + "//go:wasmexport assay_step\nfunc step() int32 { return 0 }\n", false},
		"what is excluded": {"main.go", "//go:build !wasip1\n\n" + head + "//go:wasmexport assay_step\nfunc step() int32 { return 0 }\n", false},
		"no Go":            {"main.go", "//go:wasmexport assay_step\n", false},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, tt.file), []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := hasEpochs(dir); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if !hasEpochs("../../examples/heat") || hasEpochs("../../examples/var") {
		t.Error("of the examples heat alone has epochs")
	}
}

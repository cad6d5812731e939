package assay_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/capacloud/assay/machine/wasi"
)

// TestThreatsNameTests fails when docs/THREATS.md names a test or script that
// does not exist: a defence nobody shows is a claim.
func TestThreatsNameTests(t *testing.T) {
	doc := readDoc(t, "docs/THREATS.md")
	named := regexp.MustCompile("`([a-z./]+) ((?:Test|Fuzz)[A-Za-z0-9_]+)`").FindAllStringSubmatch(doc, -1)
	if len(named) < 50 {
		t.Fatalf("found %d tests; the pattern is broken", len(named))
	}
	for _, m := range named {
		if !declares(t, m[1], m[2]) {
			t.Errorf("docs/THREATS.md names %s in %s, which has no such test", m[2], m[1])
		}
	}
	for _, m := range regexp.MustCompile("`([a-z/]+/testdata/[a-z_]+\\.txt)`").FindAllStringSubmatch(doc, -1) {
		if _, err := os.Stat(m[1]); err != nil {
			t.Errorf("docs/THREATS.md names %s: %v", m[1], err)
		}
	}
}

func declares(t *testing.T, dir, test string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.Contains(readDoc(t, f), "\nfunc "+test+"(") {
			return true
		}
	}
	return false
}

// TestWasmDocHasEveryFunction holds the table of docs/WASM.md to the code's.
func TestWasmDocHasEveryFunction(t *testing.T) {
	doc := readDoc(t, "docs/WASM.md")
	for _, f := range wasi.Functions() {
		if row := "| `" + f.Name + "` | " + string(f.Treatment) + " | " + f.Text + " |"; !strings.Contains(doc, row) {
			t.Errorf("docs/WASM.md lacks the row %s", row)
		}
	}
}

// TestCodesDocIsCurrent holds docs/CODES.md to what `assay codes` prints.
func TestCodesDocIsCurrent(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the command")
	}
	out, err := exec.CommandContext(t.Context(), "go", "run", "./cmd/assay", "codes").Output()
	if err != nil {
		t.Fatal(err)
	}
	if string(out) != readDoc(t, "docs/CODES.md") {
		t.Error("docs/CODES.md is stale: run `make generate`")
	}
}

func readDoc(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

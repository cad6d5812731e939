package assay_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const modulePath = "github.com/capacloud/assay"

// TestImportTable holds the code to the table in ARCHITECTURE.md: a line names
// exactly what its package imports of ours, and only packages above it.
func TestImportTable(t *testing.T) {
	allowed := importTable(t)
	imports := ownImports(t)
	for pkg, list := range imports {
		row, ok := allowed[pkg]
		if !ok {
			t.Errorf("package %s has no line in the import table of ARCHITECTURE.md", pkg)
			continue
		}
		for _, dep := range list {
			if !slices.Contains(row, dep) {
				t.Errorf("package %s imports %s; its line in ARCHITECTURE.md does not", pkg, dep)
			}
		}
	}
	for pkg, row := range allowed {
		list, ok := imports[pkg]
		if !ok {
			t.Errorf("ARCHITECTURE.md lists package %s, which does not exist", pkg)
			continue
		}
		for _, dep := range row {
			if !slices.Contains(list, dep) {
				t.Errorf("ARCHITECTURE.md lets %s import %s, which it does not", pkg, dep)
			}
		}
	}
}

// importTable reads the fenced block and checks that it is in order.
func importTable(t *testing.T) map[string][]string {
	t.Helper()
	doc, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, ok := strings.Cut(string(doc), "```imports\n")
	block, _, ok2 := strings.Cut(block, "```")
	if !ok || !ok2 {
		t.Fatal("ARCHITECTURE.md has no ```imports block")
	}
	table := map[string][]string{}
	for line := range strings.Lines(block) {
		pkg, deps, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			t.Fatalf("line %q is not `package: imports`", line)
		}
		row := strings.Fields(deps)
		for _, dep := range row {
			if _, above := table[dep]; !above {
				t.Errorf("line %s names %s, which does not stand above it", pkg, dep)
			}
		}
		table[pkg] = row
	}
	return table
}

// ownImports maps every package with non-test code to what it imports of ours.
func ownImports(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && file != "." || d.Name() == "testdata" || d.Name() == "examples" || d.Name() == "tools"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		pkg := shortName(path.Join(modulePath, filepath.ToSlash(filepath.Dir(file))))
		if strings.HasSuffix(pkg, "test") { // receipt/receipttest and the like: helpers of tests
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		list := found[pkg]
		for _, spec := range f.Imports {
			p, _ := strconv.Unquote(spec.Path.Value)
			if p == modulePath || strings.HasPrefix(p, modulePath+"/") {
				list = append(list, shortName(p))
			}
		}
		found[pkg] = list
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func shortName(importPath string) string {
	if importPath == modulePath {
		return "assay"
	}
	return strings.TrimPrefix(importPath, modulePath+"/")
}

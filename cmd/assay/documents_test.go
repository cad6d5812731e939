package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/capacloud/assay"
)

// TestCodesDocument compares docs/CODES.md with what `assay codes` prints.
func TestCodesDocument(t *testing.T) {
	want, err := os.ReadFile(filepath.Join(repositoryRoot(t), "docs/CODES.md"))
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	printCodes(&got)
	if got.String() != string(want) {
		t.Errorf("docs/CODES.md is out of date: go generate ./cmd/assay")
	}
}

// TestCodes holds the tables to what they promise: one meaning per code, and a
// hint wherever something was refused.
func TestCodes(t *testing.T) {
	seen := map[assay.Code]assay.CodeInfo{}
	form := regexp.MustCompile(`^[a-z0-9]+([-_][a-z0-9]+)*$`)
	for _, c := range everyCode() {
		if !form.MatchString(string(c.Code)) {
			t.Errorf("%q is not in the form of a code", c.Code)
		}
		if c.Text == "" || c.Kind == assay.KindRefusal && c.Hint == "" {
			t.Errorf("%s: text %q, hint %q", c.Code, c.Text, c.Hint)
		}
		if strings.ContainsAny(c.Text+c.Hint, "|\n") {
			t.Errorf("%s breaks the table", c.Code)
		}
		if sectionOf[c.Kind] == "" {
			t.Errorf("%s: kind %q has no section", c.Code, c.Kind)
		}
		if old, ok := seen[c.Code]; ok && old.Text != c.Text {
			t.Errorf("%s means two things: %q and %q", c.Code, old.Text, c.Text)
		}
		seen[c.Code] = c
	}
}

// TestEveryCodeIsDocumented looks for constants of type assay.Code, or of the
// wasm front end's own type, whose value stands in no table.
func TestEveryCodeIsDocumented(t *testing.T) {
	documented := map[string]bool{}
	for _, c := range everyCode() {
		documented[string(c.Code)] = true
	}
	constant := regexp.MustCompile(`(?m)^\s*(?:const )?[A-Z]?\w*\s+(?:assay\.)?Code\s*=\s*"([^"]+)"`)
	err := filepath.WalkDir(repositoryRoot(t), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "/boardtest/") || strings.Contains(path, "/toy/") {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range constant.FindAllSubmatch(b, -1) {
			if !documented[string(m[1])] {
				t.Errorf("%s: %s stands in no table", path, m[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// readmeCommands are the command lines of the README and the test that runs
// each. A new one fails TestReadme until it has a test.
var readmeCommands = map[string]string{
	"go run ./cmd/assay run ./examples/wordfreq --in LICENSE": "testdata/script/readme.txtar, built",
	"go test ./...":                                                   "whoever runs this",
	"go build -o assay ./cmd/assay":                                   "testscript.Main, and .ci/run",
	"./assay run ./examples/wordfreq --in LICENSE":                    "testdata/script/readme.txtar",
	"./assay verify wordfreq.receipt --trust wordfreq.receipt.anchor": "testdata/script/readme.txtar",
	"./assay run ./examples/c/sieve --providers 9 --lie 2 --copy 1 --lazy 1 --withhold 1 -- 100000": "testdata/script/readme.txtar",
	"./assay run ./examples/mlp/digit.int8 --in ./examples/mlp/digit --policy sumcheck":             "testdata/script/readme.txtar",
	"./assay verify digit.receipt --trust digit.receipt.anchor":                                     "testdata/script/readme.txtar",
	"./assay check ./examples/heat -- 64 100":                                                       "testdata/script/readme.txtar",
	"./assay run ./examples/c/sieve --providers 5 --lie 4 --policy 'quorum(5)' -- 100000":           "testdata/script/readme.txtar",
	"./assay dispute show sieve.receipt":                                                            "testdata/script/readme.txtar",
	"./assay trace ./examples/c/sieve --step 1000 -- 100000":                                        "testdata/script/readme.txtar",
	"./assay run ./examples/c/sieve --policy 'optimistic(3s)' -- 100000":                            "testdata/script/readme.txtar",
	"./assay dev": "TestDev",
}

// TestReadme finds every command line of the README in the list above, and
// those of the script in the script.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(repositoryRoot(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile("testdata/script/readme.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(string(readme)) {
		command, ok := strings.CutPrefix(line, "    ")
		if !ok {
			continue
		}
		command, _, _ = strings.Cut(command, "   #")
		command = strings.TrimSpace(command)
		found = append(found, command)
		where, known := readmeCommands[command]
		if !known {
			t.Errorf("no test runs %q", command)
		}
		if strings.HasPrefix(where, "testdata") && strings.HasPrefix(command, "./assay ") &&
			!strings.Contains(string(script), strings.TrimPrefix(command, "./")) {
			t.Errorf("%s does not run %q", where, command)
		}
	}
	for command := range readmeCommands {
		if !slices.Contains(found, command) {
			t.Errorf("the README has %q no more", command)
		}
	}
}

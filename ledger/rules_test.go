package ledger_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/ledger"
	"github.com/capacloud/assay/market"
)

// TestOnlyPayPays holds the ledger to "no payment without a verdict": the plan
// of a settlement is made and carried out in one function, which takes the
// record, and balances grow nowhere else but by the messages that say so, and by
// the end of an appeal, which pays for no work.
func TestOnlyPayPays(t *testing.T) {
	callers := map[string][]string{}
	fset := token.NewFileSet()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				if sel, ok := n.(*ast.SelectorExpr); ok && slices.Contains([]string{"credit", "Distribute", "pay"}, sel.Sel.Name) {
					callers[sel.Sel.Name] = append(callers[sel.Sel.Name], fn.Name.Name)
				}
				return true
			})
		}
	}
	want := map[string][]string{
		"Distribute": {"pay"},
		"pay":        {"advanceTouched"},
		"credit":     {"endAppeal", "faucet", "pay", "payValidators", "transfer", "unstake"},
	}
	for callee, list := range want {
		slices.Sort(callers[callee])
		if got := slices.Compact(callers[callee]); !slices.Equal(got, list) {
			t.Errorf("%s is called by %v, want %v", callee, got, list)
		}
	}
}

// producedByTests are refusals that scripts cannot write, with the test that
// produces each.
var producedByTests = map[assay.Code]string{
	ledger.CodeStoreUsed:  "TestInitRefusals",
	ledger.CodeStoreOther: "TestInitRefusals",
	market.CodeUnbalanced: "TestDistributeRefuses",

	ledger.CodeCeremony:     "TestCeremony",
	ledger.CodeCeremonyGas:  "TestCeremony",
	ledger.CodeCeremonySize: "TestCeremonyRefused",
}

// TestEveryCodeIsProduced looks for every refusal in the recorded scripts.
func TestEveryCodeIsProduced(t *testing.T) {
	var text strings.Builder
	err := filepath.WalkDir("testdata", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		text.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	words := strings.FieldsFunc(text.String(), func(r rune) bool { return strings.ContainsRune(" \n[]:", r) })
	for _, c := range slices.Concat(ledger.Codes(), market.Codes()) {
		if c.Kind == assay.KindRefusal && producedByTests[c.Code] == "" && !slices.Contains(words, string(c.Code)) {
			t.Errorf("no script produces %s", c.Code)
		}
		if c.Text == "" || c.Hint == "" {
			t.Errorf("%s says nothing or advises nothing", c.Code)
		}
	}
}

// TestCodesAreUnique keeps one code from meaning two things.
func TestCodesAreUnique(t *testing.T) {
	seen := map[assay.Code]bool{}
	for _, c := range slices.Concat(ledger.Codes(), market.Codes(), board.Codes()) {
		if seen[c.Code] {
			t.Errorf("%s is documented twice", c.Code)
		}
		seen[c.Code] = true
	}
}

func TestInitRefusals(t *testing.T) {
	w := newWorld(t, testParams(), 1, "alice")
	if err := ledger.Init(w.store, w.genesis); assay.CodeOf(err) != ledger.CodeStoreUsed {
		t.Errorf("init twice: %v", err)
	}
	if err := ledger.Init(ledger.NewMemStore(), &assay.Genesis{}); assay.CodeOf(err) != assay.CodeGenesis {
		t.Errorf("init with an empty genesis: %v", err)
	}
	other := *w.genesis
	other.Name = "other"
	if _, err := ledger.New(w.store, &other); assay.CodeOf(err) != ledger.CodeStoreOther {
		t.Errorf("open with another genesis: %v", err)
	}
	if _, err := ledger.New(ledger.NewMemStore(), w.genesis); assay.CodeOf(err) != ledger.CodeStoreOther {
		t.Errorf("open an empty store: %v", err)
	}
}

func TestRulesVersionIsStable(t *testing.T) {
	if first, second := ledger.RulesVersion(), ledger.RulesVersion(); first != second || first.IsZero() {
		t.Error("the rules version is no constant")
	}
}

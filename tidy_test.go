package assay_test

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// rulePackages are those that the ledger reaches. Every replica must get the
// same answer from them, for ever.
var rulePackages = []string{
	"", "canon", "merkle", "beacon", "market", "reputation", "policy", "quorum", "dispute", "board", "ledger",
	"machine", "machine/wasm", "machine/wasi", "machine/step",
	"kernel", "sumcheck", "freivalds", "machine/tensor", "sumcheck/network",
	"evidence", "zk", "zk/bn254", "zk/groth16", "zk/plonk",
}

// bannedImports are packages that read the world, with the reason.
var bannedImports = map[string]string{
	"crypto/rand":  "randomness is the beacon",
	"math/rand":    "randomness is the beacon",
	"math/rand/v2": "randomness is the beacon",
	"net":          "rules do no I/O",
	"net/http":     "rules do no I/O",
	"os":           "rules do no I/O",
	"io/fs":        "rules do no I/O",
	"sync":         "rules are single-threaded",
	"unsafe":       "rules see values, not memory",
	"reflect":      "rules are written out",
}

// bannedTime are the functions of package time that read a clock. Formatting a
// given moment is pure.
var bannedTime = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// TestRulesArePure holds the rule packages to design §4: no clock, no random
// source, no I/O, no goroutine, no map order, no floats outside machine/*.
func TestRulesArePure(t *testing.T) {
	if testing.Short() {
		t.Skip("loads type information of the rule packages")
	}
	var patterns []string
	for _, p := range rulePackages {
		patterns = append(patterns, strings.TrimSuffix(modulePath+"/"+p, "/"))
	}
	pkgs, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedImports | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedExportFile,
	}, patterns...)
	if err != nil {
		t.Fatal(err)
	}
	if len(pkgs) != len(rulePackages) {
		t.Fatalf("loaded %d packages, want %d", len(pkgs), len(rulePackages))
	}
	for _, pkg := range pkgs {
		for _, e := range pkg.Errors {
			t.Errorf("%s: %v", pkg.PkgPath, e)
		}
		for path := range pkg.Imports {
			if why, banned := bannedImports[path]; banned {
				t.Errorf("%s imports %s: %s", pkg.PkgPath, path, why)
			}
		}
		for _, problem := range impurities(pkg.Syntax, pkg.TypesInfo, strings.Contains(pkg.PkgPath, "/machine/")) {
			t.Errorf("%s: %s", pkg.Fset.Position(problem.pos), problem.text)
		}
	}
}

type impurity struct {
	pos  token.Pos
	text string
}

// impurities lists what a rule must not do.
func impurities(files []*ast.File, info *types.Info, floats bool) []impurity {
	var found []impurity
	report := func(n ast.Node, text string) { found = append(found, impurity{n.Pos(), text}) }
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				report(n, "a goroutine: its order is not the ledger's")
			case *ast.SelectStmt:
				report(n, "a select: its choice is random")
			case *ast.RangeStmt:
				if t := info.TypeOf(n.X); t != nil {
					if _, ok := t.Underlying().(*types.Map); ok {
						report(n, "ranges over a map: sort its keys")
					}
				}
			case *ast.BinaryExpr:
				if t := info.TypeOf(n); !floats && t != nil && isFloat(t) {
					report(n, "float arithmetic outside machine/*")
				}
			case *ast.SelectorExpr:
				if obj := info.Uses[n.Sel]; obj != nil && obj.Pkg() != nil && obj.Pkg().Path() == "time" {
					for _, name := range bannedTime {
						if obj.Name() == name {
							report(n, "time."+name+" reads a clock")
						}
					}
				}
			}
			return true
		})
	}
	return found
}

func isFloat(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&(types.IsFloat|types.IsComplex) != 0
}

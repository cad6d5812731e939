package assay_test

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"testing"
)

// TestPurityCheckFires plants one of each impurity: a check that cannot fail
// checks nothing.
func TestPurityCheckFires(t *testing.T) {
	const planted = `package p
import "time"
func f(m map[int]int, x float64, c chan int) {
	go f(m, x, c)
	select { case <-c: default: }
	for range m {}
	_ = x * 2
	_ = time.Now()
}`
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "p.go", planted, 0)
	if err != nil {
		t.Fatal(err)
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}}
	conf := types.Config{Importer: importer.ForCompiler(fset, "source", nil)}
	if _, err := conf.Check("p", fset, []*ast.File{file}, info); err != nil {
		t.Fatal(err)
	}
	if got := impurities([]*ast.File{file}, info, false); len(got) != 5 {
		t.Errorf("found %d of 5 planted impurities: %v", len(got), got)
	}
}

package dispute

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// mutants are broken rules, each an attack that the rule as written defeats: in a
// file, a text that occurs once, and what stands there instead.
var mutants = []struct{ name, file, text, instead string }{
	{"a loss takes all claims with the vector along", "match.go", "func (g *Game) lose(lost []*Loss) {\n", "func (g *Game) lose(lost []*Loss) {\n\tfor i := range lost {\n\t\tfor j := range lost {\n\t\t\tif lost[i] == nil && lost[j] != nil && g.Claims[i].Live() && g.Claims[i].Vector == g.Claims[j].Vector {\n\t\t\t\tlost[i] = &Loss{At: lost[j].At, Code: lost[j].Code}\n\t\t\t}\n\t\t}\n\t}\n"},
	{"claims with one result are no rivals", "match.go", "a.Vector != b.Vector {\n\t\t\t\tm :=", "a.Result != b.Result {\n\t\t\t\tm :="},
	{"a match stands in the last part that differs", "match.go", "\ti := 0\n\tfor i < len(a) && a[i] == b[i] {\n\t\ti++\n\t}\n", "\ti := len(a)\n\tfor i > 0 && a[i-1] != b[i-1] {\n\t\ti--\n\t}\n\tif i < len(a) {\n\t\ti++\n\t}\n"},
	{"a proof spares its author", "match.go", "start != p.Start || end == p.End", "start != p.Start || end == p.End || claim == int(p.Claim)"},
	{"a proof binds whatever the start", "match.go", "start != p.Start || end == p.End", "end == p.End"},
	{"a front keeps the clock of an earlier one", "match.go", "list = append(list, Front{Level: n.level, Offset: n.offset, Since: at, Due: at.Add(n.clock)})", "list = append(list, Front{Level: n.level, Offset: n.offset, Since: at, Due: at.Add(n.clock / 8)})"},
	{"a new rival starts the clock again", "match.go", "\t\t\tneeds = slices.Delete(needs, i, i+1)\n", "\t\t\tf.Due = at.Add(needs[i].clock)\n\t\t\tneeds = slices.Delete(needs, i, i+1)\n"},
	{"a claim forgets what a match needs", "match.go", "\tif held <= keep {\n\t\treturn\n\t}\n\tfor i := range c.Refined {\n\t\tr := &c.Refined[i]\n\t\tif !", "\tfor i := range c.Refined {\n\t\tr := &c.Refined[i]\n\t\tif true || !"},
	{"a move restated is a move unpaid", "move.go", "plus(c.Refined[i].Move.Cost, moved.Cost)", "c.Refined[i].Move.Cost"},
	{"the copies of one vector fill a game for nothing", "claim.go", "copies*(MaxLive/MaxCopies), ", ""},
	{"silence at a single step costs nothing", "clock.go", "return f.Level == 0 || !refined", "return !refined && f.Level > 0"},
	{"silence of both costs the first alone", "clock.go", "\t\tlost[i] = g.silent(i, at)\n", "\t\tif lost[i] = g.silent(i, at); lost[i] != nil {\n\t\t\tbreak\n\t\t}\n"},
	{"a lost challenge ends the game", "clock.go", "if at < g.Closes() {", "if at < g.Closes() && len(g.Claims) < 3 {"},
	{"claims never close", "claim.go", "!known && at >= g.Closes()", "false"},
	{"announcements never lapse", "clock.go", "earlier(c.Due)", "earlier(0)"},
	{"announced claims keep nothing open", "clock.go", "g.Due == 0 && !g.announced()", "g.Due == 0"},
	{"anybody moves a claim", "move.go", "case c.Author != from:", "case false:"},
	{"a refinement may come twice", "move.go", "; refined || msg.Level == 0 {", "; refined && false || msg.Level == 0 {"},
	{"the late get their bonds back", "outcome.go", "left = plus(left, c.Bond)", "left, end.Returned = plus(left, c.Bond), c.Bond"},
	{"second movers come first", "outcome.go", "cmp.Or(cmp.Compare(a.rank, b.rank),", "cmp.Or(cmp.Compare(b.rank, a.rank),"},
	{"a bond covers no opposing moves", "rules.go", "return bond\n", "return 1\n"},
	{"all that is lost is the bounty", "rules.go", "assay.PPM = 50_000", "assay.PPM = 1_000_000"},
}

// TestMutants breaks one rule at a time and holds the tests to noticing it: what
// passes with a broken rule checks nothing.
func TestMutants(t *testing.T) {
	if testing.Short() || os.Getenv("ASSAY_MUTANTS") == "" {
		t.Skip("builds the package once per mutant: set ASSAY_MUTANTS=1")
	}
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			dir := t.TempDir()
			source, err := os.ReadFile(m.file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Count(string(source), m.text) != 1 {
				t.Fatalf("%s has the text %d times: %s", m.file, strings.Count(string(source), m.text), m.text)
			}
			path, err := filepath.Abs(m.file)
			if err != nil {
				t.Fatal(err)
			}
			broken, overlay := filepath.Join(dir, m.file), filepath.Join(dir, "overlay.json")
			replace, err := json.Marshal(map[string]any{"Replace": map[string]string{path: broken}})
			if err != nil {
				t.Fatal(err)
			}
			for name, b := range map[string][]byte{broken: []byte(strings.Replace(string(source), m.text, m.instead, 1)), overlay: replace} {
				if err := os.WriteFile(name, b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			run := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-failfast", "-timeout=60s", "-overlay", overlay, ".", "-games=800")
			run.Env = append(os.Environ(), "ASSAY_MUTANTS=")
			out, err := run.CombinedOutput()
			switch {
			case err == nil:
				t.Error("no test notices")
			case strings.Contains(string(out), "[build failed]"):
				t.Fatalf("does not build: %s", out)
			default:
				t.Logf("%.300s", out)
			}
		})
	}
}

package dispute

import (
	"fmt"
	"strings"
	"testing"

	"github.com/capacloud/assay"
)

// board builds a view from a word per seat: e or w for executor or watcher, the
// state's letter (a assigned, t tagged, o opened, l late, p proved wrong) and the
// result's letter. Candidates are named behind a bar, with - when refuted and +
// when survived.
func board(words string, clock, inputs assay.Clock) assay.View {
	states := map[byte]assay.ExecutionState{
		'a': assay.Assigned, 't': assay.Tagged, 'o': assay.Opened, 'l': assay.Late, 'p': assay.ProvedWrong, 'u': assay.Unavailable,
	}
	v := assay.View{Clock: clock, Inputs: inputs, Referee: true}
	seats, candidates, _ := strings.Cut(words, "|")
	for i, word := range strings.Fields(seats) {
		x := assay.Execution{Seat: uint16(i), Role: assay.RoleExecutor, State: states[word[1]]}
		if word[0] == 'w' {
			x.Role = assay.RoleWatcher
		}
		if len(word) > 2 {
			x.Result = assay.Digest{word[2]}
		}
		v.Executions = append(v.Executions, x)
	}
	for _, word := range strings.Fields(candidates) {
		v.Candidates = append(v.Candidates, assay.Candidate{
			Digest: assay.Digest{word[0]}, Refuted: strings.HasSuffix(word, "-"), Survived: strings.HasSuffix(word, "+"), Opened: 1000, Redo: 5_000,
		})
	}
	return v
}

func describe(f assay.Finding) string {
	text := fmt.Sprint("level ", f.Need[0].N)
	for _, v := range f.Values {
		switch {
		case v.Value == assay.Supported:
			text += " supports " + string(v.Candidate[:1])
		case v.Value == assay.Refuted && v.Decisive:
			text += " refutes " + string(v.Candidate[:1])
		}
	}
	if f.Wake != 0 {
		text += fmt.Sprint(" wakes ", f.Wake)
	}
	if f.Done {
		text += " done"
	}
	for _, x := range f.Faults {
		text += fmt.Sprintf(" %s %d", x.Class, x.Seat)
	}
	for _, a := range f.Assume {
		text += " assumes " + string(a.Code)
	}
	return text
}

// TestOptimistic gives boards and what the check says of them. The result was
// opened at 1,000, and executing again takes 5 s.
func TestOptimistic(t *testing.T) {
	for _, c := range []struct {
		window        assay.Millis
		board         string
		clock, inputs assay.Clock
		want          string
	}{
		{3_000, "", 0, 0, "level 1"},
		{3_000, "ea", 0, 0, "level 1"},
		{3_000, "el", 0, 500, "level 1"},
		// The window in force is the longer one, from result and inputs on.
		{3_000, "eoA|A", 1_000, 500, "level 1 wakes 6000"},
		{3_000, "eoA|A", 5_999, 500, "level 1 wakes 6000"},
		{3_000, "eoA|A", 6_000, 500, "level 1 supports A done assumes unchallenged"},
		{9_000, "eoA|A", 6_000, 500, "level 1 wakes 10000"},
		{9_000, "eoA|A", 10_000, 500, "level 1 supports A done assumes unchallenged"},
		{3_000, "eoA|A", 6_000, 4_000, "level 1 wakes 9000"},
		// While nobody can have the inputs, no window passes.
		{3_000, "eoA|A", 1 << 40, 0, "level 1"},
		// Two results support neither, however long nobody moves.
		{3_000, "eoA woB|A B", 1 << 40, 500, "level 1"},
		{3_000, "eoA eoB|A B", 1 << 40, 500, "level 1"},
		// A dispute has decided. The survivor is delivered by whoever executes it,
		// and stands when the window behind the first result has passed.
		{3_000, "epA woB|A- B+", 6_000, 500, "level 1 refutes A"},
		{3_000, "epA woB eoB|A- B+", 5_999, 500, "level 1 refutes A wakes 6000"},
		{3_000, "epA woB eoB|A- B+", 6_000, 500, "level 1 refutes A supports B done assumes nobody-honest-kept-silent"},
		{3_000, "eoA woB|A+ B-", 6_000, 500, "level 1 supports A refutes B done different 1 assumes nobody-honest-kept-silent"},
		// Two liars who fight over inputs that nobody else has show nothing.
		{3_000, "eoA|A+", 1 << 40, 0, "level 1"},
		{3_000, "eoA|A+", 8_999, 4_000, "level 1 wakes 9000"},
		{3_000, "eoA|A+", 9_000, 4_000, "level 1 supports A done assumes nobody-honest-kept-silent"},
		// A refuted one that is counted still asks for one more.
		{3_000, "eoA|A-", 1_001, 500, "level 2 refutes A"},
		{3_000, "eoA ea|A-", 1_001, 500, "level 2 refutes A"},
	} {
		f := Optimistic(c.window, "optimistic(3s)").Judge(board(c.board, c.clock, c.inputs), nil)
		if got := describe(f); got != c.want {
			t.Errorf("%d ms, %q at %d, inputs %d: %s, want %s", c.window, c.board, c.clock, c.inputs, got, c.want)
		}
	}
	v := board("eoA|A", 1<<40, 1)
	v.Referee = false
	if f := Optimistic(1, "").Judge(v, nil); describe(f) != "level 1 done" {
		t.Errorf("without a referee: %s", describe(f))
	}
}

// TestUnchallengedNamesWatchers: the assumption has the window in force, and how
// many assigned watchers attested their own execution, zero included.
func TestUnchallengedNamesWatchers(t *testing.T) {
	for seats, want := range map[string]string{
		"eoA":             "0 of 0 assigned",
		"eoA wl":          "0 of 1 assigned",
		"eoA woA wl":      "1 of 2 assigned",
		"eoA woA wtA woA": "2 of 3 assigned",
	} {
		f := Optimistic(1500, "optimistic(1500ms)").Judge(board(seats+"|A", 1<<40, 1), nil)
		for _, text := range []string{f.Text, f.Assume[0].Text} {
			if !strings.Contains(text, want) || !strings.Contains(text, "5 s") {
				t.Errorf("%s: %s", seats, text)
			}
		}
	}
	v := board("eoA|A", 1<<40, 1)
	v.Candidates[0].Redo = 0
	check := Optimistic(1500, "optimistic(1500ms)")
	if f := check.Judge(v, nil); !strings.Contains(f.Text, "1.500 s") {
		t.Error(f.Text)
	}
	if _, err := check.Step(v, nil, assay.Evidence{}); assay.CodeOf(err) != CodeNoEvidence || check.String() != "optimistic(1500ms)" {
		t.Error(err)
	}
}

// TestOptimisticOnlyMovesForward: as the clock runs, a value leaves unknown once,
// and the check wakes for it no later than it happens.
func TestOptimisticOnlyMovesForward(t *testing.T) {
	check := Optimistic(3_000, "optimistic(3s)")
	wake := assay.Clock(0)
	supported := false
	for at := assay.Clock(1_000); at < 9_000; at += 100 {
		f := check.Judge(board("eoA|A", at, 1_200), nil)
		now := f.Values[0].Value == assay.Supported
		if supported && !now {
			t.Fatal("support was taken back")
		}
		if now && !supported && at != wake {
			t.Fatalf("supported at %d, woken at %d", at, wake)
		}
		if f.Wake != 0 {
			wake = f.Wake
		}
		supported = now
	}
	if !supported {
		t.Fatal("never supported")
	}
}

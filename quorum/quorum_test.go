package quorum

import (
	"fmt"
	"strings"
	"testing"

	"github.com/capacloud/assay"
)

// view builds a board from a word per seat: the state's letter (a assigned,
// c committed, t tagged, o opened, l late, x abandoned, w proved wrong), the
// result's letter, and "!" when the seat was not blind.
func view(words string) assay.View {
	states := map[byte]assay.ExecutionState{
		'a': assay.Assigned, 'c': assay.Committed, 't': assay.Tagged, 'o': assay.Opened,
		'l': assay.Late, 'x': assay.Abandoned, 'w': assay.ProvedWrong,
	}
	var v assay.View
	seen := map[assay.Digest]bool{}
	for i, word := range strings.Fields(words) {
		x := assay.Execution{Seat: uint16(i), Owner: assay.Key{byte(i + 1)}, State: states[word[0]], Blind: !strings.HasSuffix(word, "!")}
		if letter := strings.Trim(word[1:], "!"); letter != "" {
			d := assay.Digest{letter[0]}
			x.Tag = d
			if x.State == assay.Opened {
				x.Result = d
				if !seen[d] {
					seen[d] = true
					v.Candidates = append(v.Candidates, assay.Candidate{Digest: d})
				}
			}
		}
		v.Executions = append(v.Executions, x)
	}
	return v
}

// TestJudge gives boards and what a quorum says of them: the level it demands,
// whom it supports, whether it is done, whom it faults.
func TestJudge(t *testing.T) {
	for _, c := range []struct {
		n, k  int
		board string
		want  string
	}{
		{3, 0, "", "level 3"},
		{3, 0, "a a a", "level 3"},
		{3, 0, "a a l", "level 3"},
		{3, 0, "tA tA c", "level 3"},
		{3, 0, "tA tB c", "level 3"},
		{3, 0, "tA tA tA", "level 3"},
		{3, 0, "tA tB tA", "level 4"},
		{3, 0, "tA tB tA a", "level 4"},
		{3, 0, "tA tB tA tB", "level 5"},
		{3, 0, "tA tB tC tA", "level 5"},
		{3, 0, "tA tB tC tD", "level 4"},       // none can reach three among five
		{3, 0, "tA tB tA tB tA", "level 5"},    // the maximum
		{3, 0, "tA tB tA xB tB tC", "level 5"}, // who left does not count
		{3, 0, "oA oA oA", "level 3 supports A done"},
		{3, 0, "oA oA", "level 3"},
		{3, 0, "oA oB oA oA", "level 4 supports A done different 1"},
		{3, 0, "oA oB oA tA", "level 4"},
		{3, 0, "oA oB oC oB oC", "level 5 done different 0 1 2 3 4"},
		{3, 0, "oA oB oC oD", "level 4 done different 0 1 2 3"},
		{3, 0, "oA oA xA", "level 3"},
		{3, 0, "oA oA xA oA!", "level 3 supports A done late"},
		{3, 0, "oA oA wA oB!", "level 4"},
		{1, 0, "oA", "level 1 supports A done"},
		{2, 0, "tA tB", "level 3"},
		{2, 0, "oA oB oC", "level 3 done different 0 1 2"},
		{3, 2, "oA oA oB", "level 3 supports A done different 2"},
		{3, 2, "tA tB tC", "level 4"},
		{3, 2, "oA oB oC oA", "level 4 supports A done different 1 2"},
		{3, 2, "oA oB oC oD oE", "level 5 done different 0 1 2 3 4"},
		// A sibling drew five: two of them are a minority.
		{3, 2, "oA oA oB oB oB", "level 3 supports B done different 0 1"},
		{3, 2, "oA oA oB oC oD", "level 3 done different 0 1 2 3 4"},
		{2, 0, "oA oA oB oB oC", "level 2 done different 0 1 2 3 4"},
		// Leaving does not shrink the pool.
		{2, 0, "oA oA xB xB xB", "level 2 done"},
		{2, 0, "oA oA oA xB xB", "level 2 supports A done"},
	} {
		q := New(c.n, c.k)
		f := q.Judge(view(c.board), nil)
		if got := describe(f); got != c.want {
			t.Errorf("%s over %q: %s, want %s", q, c.board, got, c.want)
		}
	}
}

func describe(f assay.Finding) string {
	text := fmt.Sprintf("level %d", f.Need[0].N)
	for _, v := range f.Values {
		if v.Value == assay.Supported {
			text += " supports " + string(v.Candidate[:1])
		}
	}
	if f.Done {
		text += " done"
	}
	for i, x := range f.Faults {
		if i == 0 {
			text += " different"
		}
		text += fmt.Sprint(" ", x.Seat)
	}
	for _, a := range f.Assume {
		if a.Code == CodeLateCopy {
			text += " late"
		}
	}
	return text
}

// TestDemandEnds draws against every adversary of three results: the level
// never exceeds 2n−1, never falls while tags only come, and support is unique.
func TestDemandEnds(t *testing.T) {
	for n := 1; n <= 4; n++ {
		for k := n/2 + 1; k <= n; k++ {
			explore(t, check{n: n, k: k}, nil)
		}
	}
}

func explore(t *testing.T, q check, tags []assay.Digest) {
	level := q.level(tags)
	if level > Max(q.n) || level < q.n {
		t.Fatalf("%s demands %d", q, level)
	}
	if len(tags) < level {
		for c := byte('A'); c <= 'C'; c++ {
			next := append(tags[:len(tags):len(tags)], assay.Digest{c})
			if q.level(next) < level {
				t.Fatalf("%s takes a demand back at %d tags", q, len(next))
			}
			explore(t, q, next)
		}
		return
	}
	most := 0
	for c := byte('A'); c <= 'C'; c++ {
		n := 0
		for _, d := range tags {
			if d[0] == c {
				n++
			}
		}
		if n >= q.k {
			most++
		}
	}
	if most > 1 {
		t.Fatalf("%s supports two results with %d tags", q, len(tags))
	}
}

// TestDecisiveRefutation checks that a referee's word beats any count.
func TestDecisiveRefutation(t *testing.T) {
	v := view("oA oA oA")
	v.Candidates[0].Refuted = true
	for _, q := range []assay.Check{New(3, 0), None()} {
		f := q.Judge(v, nil)
		if value, decisive := f.ValueOf(v.Candidates[0].Digest); value != assay.Refuted || !decisive {
			t.Errorf("%s says %s", q, value)
		}
	}
}

// TestFigures checks what the assumption says of collusion.
func TestFigures(t *testing.T) {
	for _, c := range []struct {
		n, k int
		want string
	}{
		{1, 1, "the one provider that executed is honest: an adversary with a third of the free stake is drawn in 1 of 3 jobs"},
		{3, 3, "fills 3 of the first 3 seats in about 1 of 27 jobs, and forces its result through redraws in about 1 of 4"},
		{3, 2, "fills 2 of the first 3 seats in about 1 of 3 jobs, and forces its result through redraws in about 1 of 3"},
		{2, 2, "fills 2 of the first 2 seats in about 1 of 9 jobs, and forces its result through redraws in about 1 of 3"},
		{64, 64, "1000000000 or more"},
	} {
		if got := (check{n: c.n, k: c.k}).majorityText(); !strings.Contains(got, c.want) {
			t.Errorf("%d, %d: %s", c.n, c.k, got)
		}
	}
}

// TestRefereed gives boards of a runtime with a referee. "r" before the words
// marks refuted letters, "s" the one that survived.
func TestRefereed(t *testing.T) {
	for _, c := range []struct {
		n, k     int
		board    string
		refuted  string
		survived string
		want     string
	}{
		{3, 0, "", "", "", "level 3"},
		{3, 0, "tA tB tA", "", "", "level 3"}, // dissent is not counted: nobody is drawn for it
		{3, 0, "oA oA oA", "", "", "level 3 supports A done"},
		{3, 0, "oA oA", "", "", "level 3"},
		{3, 0, "oA oA lA", "", "", "level 3"},
		{3, 0, "oA oB oA oA", "", "", "level 1 different 0 1 2 3"},
		{3, 2, "oA oA oB", "", "", "level 1 different 0 1 2"}, // nor by k of them
		{3, 2, "oA oA xB", "", "", "level 3 supports A done"},
		{5, 0, "oA wB wB wC wB", "BC", "A", "level 1 supports A done"},
		{5, 0, "oA oA wB", "B", "A", "level 1 supports A done"},
		{3, 0, "wA wB wC", "", "", "level 3"}, // none survived: fresh owners
		{3, 0, "wB wB oA! oD!", "B", "A", "level 1 different 2 3"},
		{3, 0, "wA wA oA! oA! oA!", "", "", "level 3 supports A done late"},
		{1, 0, "oA", "", "", "level 1 supports A done"},
	} {
		v := view(c.board)
		v.Referee = true
		for _, letter := range c.refuted {
			v.Candidates = append(v.Candidates, assay.Candidate{Digest: assay.Digest{byte(letter)}, Refuted: true})
		}
		for i := range v.Candidates {
			v.Candidates[i].Survived = string(v.Candidates[i].Digest[:1]) == c.survived
		}
		f := New(c.n, c.k).Judge(v, nil)
		if got := describe(f); got != c.want {
			t.Errorf("quorum(%d, %d) over %q: %s, want %s", c.n, c.k, c.board, got, c.want)
		}
	}
}

// TestWatchersDoNotCount leaves out who watches, with and without a referee.
func TestWatchersDoNotCount(t *testing.T) {
	for _, referee := range []bool{false, true} {
		v := view("oA oA oA")
		v.Referee, v.Executions[2].Role = referee, assay.RoleWatcher
		for _, q := range []assay.Check{New(3, 0), None()} {
			f := q.Judge(v, nil)
			if got := describe(f); q.String() == "quorum(3)" && got != "level 3" || q.String() == "none" && got != "level 1 supports A done" {
				t.Errorf("referee %t: %s: %s", referee, q, got)
			}
		}
	}
}

// TestHonestFigures checks what the assumption says where one honest replica is
// enough.
func TestHonestFigures(t *testing.T) {
	for _, c := range []struct {
		n         int
		liability assay.Millis
		code      assay.Code
		want      string
	}{
		{1, 0, CodeOneDrawn, "the one provider drawn is honest, since the settlement is final: an adversary with a third of the free stake holds every seat in about 1 of 3 jobs"},
		{3, 1, CodeOneHonest, "one of the 3 drawn is honest, or a watcher within the liability window is: an adversary with a third of the free stake holds every seat in about 1 of 27 jobs"},
		{64, 1, CodeOneHonest, "1000000000 or more"},
	} {
		got := check{n: c.n, k: c.n}.assumeHonest(c.liability, nil)
		if len(got) != 1 || got[0].Code != c.code || !strings.Contains(got[0].Text, c.want) {
			t.Errorf("%d, %d: %v", c.n, c.liability, got)
		}
	}
}

// TestNone supports the only candidate and no other.
func TestNone(t *testing.T) {
	q := None()
	if got := describe(q.Judge(view("oA"), nil)); got != "level 1 supports A done" {
		t.Error(got)
	}
	if got := describe(q.Judge(view("oA oB"), nil)); got != "level 1 done" {
		t.Error(got)
	}
	if f := q.Judge(view("oA"), nil); len(f.Assume) != 1 || f.Assume[0].Code != CodeUnverified {
		t.Error(f.Assume)
	}
	for _, q := range []assay.Check{q, New(2, 0)} {
		if _, err := q.Step(assay.View{}, nil, assay.Evidence{}); assay.CodeOf(err) != CodeNoEvidence {
			t.Error(err)
		}
	}
}

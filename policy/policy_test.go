package policy

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/capacloud/assay"
)

const digestText = "sha256:00000000000000000000000000000000000000000000000000000000000000aa"

// TestCanonical parses free spellings and prints the one canonical text.
func TestCanonical(t *testing.T) {
	for text, want := range map[string]string{
		"quorum(3)":          "quorum(3)",
		" quorum ( 3 ) ":     "quorum(3)",
		"quorum(3, agree=3)": "quorum(3)",
		"quorum(3,agree=2)":  "quorum(3, agree=2)",
		"quorum(64)":         "quorum(64)",
		"none":               "none",
		"sumcheck":           "sumcheck",
		"freivalds\n":        "freivalds",
		"optimistic(3600s)":  "optimistic(1h)",
		"optimistic(90m)":    "optimistic(90m)",
		"optimistic(48h)":    "optimistic(2d)",
		"optimistic(1500ms)": "optimistic(1500ms)",
		"zk(groth16)":        "zk(groth16)",
		"zk(sp1, bind=job)":  "zk(sp1)",
		"zk(sp1,bind=commit,key=" + digestText + ")": "zk(sp1, key=" + digestText + ", bind=commit)",
		"tee(snp)":                                  "tee(snp)",
		"tee(snp,ref=" + digestText + ")":           "tee(snp, ref=" + digestText + ")",
		"adaptive(1,5)":                             "adaptive(1, 5)",
		"all(quorum(3),quorum(2))":                  "all(quorum(3), quorum(2))",
		"any(quorum(2), zk(plonk))":                 "any(quorum(2), zk(plonk))",
		"atleast(2,quorum(2),sumcheck,freivalds)":   "atleast(2, quorum(2), sumcheck, freivalds)",
		"all(quorum(2),sample(50000ppm,quorum(5)))": "all(quorum(2), sample(5%, quorum(5)))",
		"all(quorum(2),sample(0.50%,quorum(5)))":    "all(quorum(2), sample(0.5%, quorum(5)))",
		"all(quorum(2),sample(1ppm,quorum(5)))":     "all(quorum(2), sample(0.0001%, quorum(5)))",
		"escalate(quorum(2),quorum(5, agree=3))":    "escalate(quorum(2), quorum(5, agree=3))",
		"cap(1000,quorum(2),quorum(5))":             "cap(1000, quorum(2), quorum(5))",
	} {
		e, err := Parse(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if e.String() != want {
			t.Errorf("%q prints %q, want %q", text, e, want)
		}
		again, err := Parse(want)
		if err != nil || again.String() != want || again.Hash() != e.Hash() {
			t.Errorf("%q does not round-trip: %v", want, err)
		}
	}
}

// TestRefused lists what is refused, with its code.
func TestRefused(t *testing.T) {
	nested := func(n int) string {
		text := "quorum(1)"
		for range n {
			text = "all(" + text + ", none)"
		}
		return text
	}
	many := "any("
	for i := range 70 {
		many += "optimistic(" + strings.Repeat("1", 1+i%6) + []string{"s", "ms", "m"}[i%3] + "), "
	}
	for _, c := range []struct {
		text string
		code assay.Code
	}{
		{"", CodeEmpty},
		{" \n\t", CodeEmpty},
		{strings.Repeat(" ", MaxText+1), CodeTooLong},
		{strings.Repeat("all(", 9) + "quorum(1)" + strings.Repeat(")", 9), CodeTooDeep},
		{strings.Repeat("(", 4000), CodeMalformed},
		{strings.Repeat("all(", 1000), CodeTooDeep},
		{nested(8), CodeTooDeep},
		{many + "quorum(1))", CodeTooLarge},
		{"quorum", CodeMalformed},
		{"quorum()", CodeMalformed},
		{"quorum(3", CodeMalformed},
		{"quorum(3))", CodeMalformed},
		{"quorum(3,)", CodeMalformed},
		{"quorum(03)", CodeMalformed},
		{"quorum(+3)", CodeMalformed},
		{"quorum(-3)", CodeMalformed},
		{"quorum(3, 2)", CodeMalformed},
		{"quorum(agree=2, 3)", CodeMalformed},
		{"quorum(3, agree=2, agree=2)", CodeMalformed},
		{"quorum(3, agree=)", CodeMalformed},
		{"quorum(3, agree=quorum(2))", CodeMalformed},
		{"quorum(quorum(3))", CodeMalformed},
		{"Quorum(3)", CodeMalformed},
		{"quorum(3) x", CodeMalformed},
		{"vote(3)", CodeUnknown},
		{"zk(stark)", CodeUnknown},
		{"tee(trustzone)", CodeUnknown},
		{"quorum(0)", CodeRange},
		{"quorum(65)", CodeRange},
		{"quorum(99999999999999999999)", CodeMalformed},
		{"quorum(18446744073709551615)", CodeRange},
		{"quorum(4, agree=2)", CodeUnsatisfiable},
		{"quorum(3, agree=4)", CodeUnsatisfiable},
		{"atleast(3, quorum(1), quorum(2))", CodeUnsatisfiable},
		{"atleast(0, quorum(1), quorum(2))", CodeRange},
		{"atleast(1, quorum(1))", CodeMalformed},
		{"all(quorum(1))", CodeMalformed},
		{"any", CodeMalformed},
		{"adaptive(5, 1)", CodeUnsatisfiable},
		{"all(quorum(2), quorum(2))", CodeDuplicate},
		{"any(quorum(2), quorum(2, agree=2))", CodeDuplicate},
		{"escalate(quorum(2), quorum( 2 ))", CodeDuplicate},
		{"tee(snp, ref=" + digestText + ", ref=" + digestText + ")", CodeDuplicate},
		{"sample(5%, quorum(2))", CodeCanBeSilent},
		{"any(quorum(2), sample(5%, quorum(3)))", CodeCanBeSilent},
		{"all(sample(5%, quorum(2)), sample(5%, quorum(3)))", CodeCanBeSilent},
		{"atleast(1, quorum(2), sample(5%, quorum(3)))", CodeCanBeSilent},
		{"escalate(sample(5%, quorum(2)), quorum(3))", CodeCanBeSilent},
		{"sample(5%, sample(5%, quorum(3)))", CodeCanBeSilent},
		{"all(none, quorum(2))", CodeNone},
		{"escalate(quorum(2), none)", CodeNone},
		{"sample(0%, quorum(2))", CodeRange},
		{"all(quorum(3), sample(100%, quorum(2)))", CodeRange},
		{"all(quorum(3), sample(5.%, quorum(2)))", CodeMalformed},
		{"all(quorum(3), sample(5, quorum(2)))", CodeMalformed},
		{"all(quorum(3), sample(0.00001%, quorum(2)))", CodeMalformed},
		{"all(quorum(3), sample(101%, quorum(2)))", CodeMalformed},
		{"optimistic(30)", CodeMalformed},
		{"optimistic(0s)", CodeRange},
		{"optimistic(366d)", CodeRange},
		{"optimistic(1h30m)", CodeMalformed},
		{"optimistic(1.5h)", CodeMalformed},
		{"zk(sp1, key=" + strings.ToUpper(digestText) + ")", CodeMalformed},
		{"zk(sp1, bind=none)", CodeMalformed},
		{"zk(sp1, key=sha256:00)", CodeMalformed},
		{"cap(0, quorum(1), quorum(2))", CodeMalformed},
		{"cap(quorum(1), quorum(2))", CodeMalformed},
		{"none()", CodeMalformed},
		{"sumcheck(1)", CodeMalformed},
		{"all(quorum(1), x=quorum(2))", CodeMalformed},
	} {
		if _, err := Parse(c.text); assay.CodeOf(err) != c.code {
			t.Errorf("%.60q: %v, want %s", c.text, err, c.code)
		}
	}
}

// TestThreshold gives the whole table of the one function behind all, any and
// atleast: unknown, refuted, supported; decisive refutations; silence.
func TestThreshold(t *testing.T) {
	candidate := assay.Digest{1}
	finding := func(c byte) assay.Finding {
		f := assay.Finding{Done: true, Values: []assay.CandidateValue{{Candidate: candidate}}}
		switch v := &f.Values[0]; c {
		case '+':
			v.Value = assay.Supported
		case '-':
			v.Value = assay.Refuted
		case '!':
			v.Value, v.Decisive = assay.Refuted, true
		case '*':
			v.Value, v.Decisive = assay.Supported, true
		case 's':
			f = assay.Finding{Silent: true}
		}
		return f
	}
	kids := []string{"quorum(1)", "quorum(2)", "quorum(3)"}
	for _, c := range []struct{ op, kids, want string }{
		{"all(", "+++", "+"},
		{"all(", "++?", "?"},
		{"all(", "++-", "-"},
		{"all(", "+++", "+"},
		{"all(", "++s", "+"},
		{"all(", "+s?", "?"},
		{"all(", "++!", "!"},
		{"all(", "***", "*"},
		{"all(", "**+", "+"},
		{"all(", "sss", "s"},
		{"any(", "+??", "+"},
		{"any(", "---", "-"},
		{"any(", "--?", "?"},
		{"any(", "++!", "!"},
		{"any(", "*-?", "*"},
		{"atleast(2, ", "+?-", "?"},
		{"atleast(2, ", "+--", "-"},
		{"atleast(2, ", "++-", "+"},
		{"atleast(2, ", "+!+", "!"},
	} {
		e, err := Parse(c.op + strings.Join(kids, ", ") + ")")
		if err != nil {
			t.Fatal(err)
		}
		got := e.Judge(func(leaf *Expr) assay.Finding { return finding(c.kids[leaf.N-1]) }, nil)
		value, decisive := got.ValueOf(candidate)
		text := [...]string{"?", "-", "+"}[value]
		if decisive {
			text = [...]string{"", "!", "*"}[value]
		}
		if got.Silent {
			text = "s"
		}
		if text != c.want {
			t.Errorf("%s%s) is %s, want %s", c.op, c.kids, text, c.want)
		}
	}
}

// TestThresholdMerges checks what a node passes on beside values.
func TestThresholdMerges(t *testing.T) {
	e, err := Parse("all(quorum(1), quorum(2), quorum(3))")
	if err != nil {
		t.Fatal(err)
	}
	same := assay.Assumption{Code: "same", Text: "same"}
	got := e.Judge(func(leaf *Expr) assay.Finding {
		return assay.Finding{Done: leaf.N != 2, Wake: assay.Clock(leaf.N % 3 * 10), Need: []assay.Demand{{N: leaf.N}}, Assume: []assay.Assumption{same}}
	}, nil)
	if got.Done || got.Wake != 10 || len(got.Need) != 3 || len(got.Assume) != 1 {
		t.Fatalf("%+v", got)
	}
}

// TestEscalate checks the latch: the first branch is all there is until the board
// opens the second, which then decides among what the first has not proved wrong.
func TestEscalate(t *testing.T) {
	e, err := Parse("any(escalate(quorum(1), escalate(quorum(2), quorum(3))), quorum(4))")
	if err != nil {
		t.Fatal(err)
	}
	a, b := assay.Digest{1}, assay.Digest{2}
	says := map[int]assay.Finding{
		1: {Done: true, Values: []assay.CandidateValue{{Candidate: a, Value: assay.Refuted, Decisive: true}, {Candidate: b, Value: assay.Refuted}}, Faults: []assay.FoundFault{{Seat: 1}}},
		2: {Values: []assay.CandidateValue{{Candidate: a, Value: assay.Supported}}, Need: []assay.Demand{{N: 2}}},
		3: {Done: true, Values: []assay.CandidateValue{{Candidate: a, Value: assay.Supported}, {Candidate: b, Value: assay.Supported}}, Faults: []assay.FoundFault{{Seat: 3}}},
		4: {Silent: true},
	}
	inner := "escalate(quorum(2), quorum(3))"
	outer := "escalate(quorum(1), " + inner + ")"
	for _, c := range []struct {
		latched []string
		active  string
		pending int
		a, b    assay.Value
		needs   int
		faults  int
	}{
		{nil, "1 4", 1, assay.Refuted, assay.Unknown, 0, 1},
		{[]string{outer}, "1 2 4", 1, assay.Refuted, assay.Unknown, 1, 1},
		{[]string{outer, inner}, "1 2 3 4", 0, assay.Refuted, assay.Supported, 0, 2},
	} {
		opened := func(x *Expr) bool { return slices.Contains(c.latched, x.String()) }
		var active []string
		for _, leaf := range e.Active(opened) {
			active = append(active, strconv.Itoa(leaf.N))
		}
		f := e.Judge(func(leaf *Expr) assay.Finding { return says[leaf.N] }, opened)
		va, _ := f.ValueOf(a)
		vb, _ := f.ValueOf(b)
		if strings.Join(active, " ") != c.active || len(e.Escalates(opened)) != c.pending || va != c.a || vb != c.b || len(f.Need) != c.needs || len(f.Faults) != c.faults {
			t.Errorf("%v: active %v, %d to open, %s, %s, %d needs, %d faults", c.latched, active, len(e.Escalates(opened)), va, vb, len(f.Need), len(f.Faults))
		}
	}
}

// TestLeaves checks that equal leaves of different branches are one check.
func TestLeaves(t *testing.T) {
	e, err := Parse("any(all(quorum(2), quorum(3)), all(quorum(3), sumcheck), escalate(quorum(2), quorum(4)))")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, leaf := range e.Leaves() {
		got = append(got, leaf.String())
	}
	if text := strings.Join(got, "; "); text != "quorum(2); quorum(3); sumcheck; quorum(4)" {
		t.Fatal(text)
	}
}

// TestMonotone checks that a threshold never takes a value back while its
// children only move away from unknown.
func TestMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.IntRange(1, 4).Draw(t, "k")
		heard := make([]assay.Finding, 4)
		candidate := assay.Digest{1}
		for i := range heard {
			heard[i].Values = []assay.CandidateValue{{Candidate: candidate}}
		}
		was := assay.Unknown
		for _, i := range rapid.Permutation([]int{0, 1, 2, 3}).Draw(t, "order") {
			heard[i].Values[0].Value = assay.Value(rapid.IntRange(1, 2).Draw(t, "value"))
			now := count(heard, k, candidate).Value
			if was != assay.Unknown && now != was {
				t.Fatalf("%s became %s", was, now)
			}
			was = now
		}
		if was == assay.Unknown {
			t.Fatal("all children have spoken and the node has not")
		}
	})
}

// FuzzParse holds every text to: refused with a code of this package, or
// printed in a text that parses to itself.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"quorum(3)", "quorum(3, agree=2)", "all(quorum(2), sample(5%, any(quorum(3), tee(snp))))", "zk(sp1, key=" + digestText + ", bind=commit)",
		"escalate(optimistic(30s), adaptive(1, 5))", "cap(1000, none, atleast(2, quorum(1), sumcheck, freivalds))", "((((", "all(all(all(",
	} {
		f.Add(text)
	}
	known := map[assay.Code]bool{}
	for _, c := range Codes() {
		known[c.Code] = true
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Parse(text)
		if err != nil {
			if !known[assay.CodeOf(err)] {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		again, err := Parse(e.String())
		if err != nil || again.String() != e.String() || again.Hash() != e.Hash() {
			t.Fatalf("%q prints %q: %v", text, e, err)
		}
	})
}

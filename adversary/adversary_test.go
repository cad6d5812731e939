package adversary

import (
	"context"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/executor"
)

func TestAssign(t *testing.T) {
	players, err := Assign(9, Counts{Lie: 2, Copy: 1, Lazy: 1, Withhold: 3})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range players {
		got = append(got, p.String())
	}
	want := []string{"honest", "honest", "lie", "lie", "copy", "lazy", "withhold-1", "withhold-2", "withhold-3"}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("dealt %q, want %q", got, want)
		}
	}
	for _, c := range []Counts{{Lie: 10}, {"cheat": 1}} {
		if _, err := Assign(9, c); assay.CodeOf(err) != CodeCounts {
			t.Errorf("%v: %v", c, err)
		}
	}
}

// steady is an executor whose result says nothing.
type steady struct{ runs int }

// Execute implements executor.Executor.
func (s *steady) Execute(context.Context, *assay.Job, executor.Artifacts) (*executor.Outcome, error) {
	s.runs++
	o := executor.EmptyOutput()
	return &executor.Outcome{Result: assay.Result{Status: assay.Exited, Fuel: 9, Output: o.Root, State: assay.Digest{1}}, Output: o}, nil
}

// TestLies: liars differ from the truth and from one another, colluders from
// the truth only, the lazy do no work, and every lie has its bytes.
func TestLies(t *testing.T) {
	inner := &steady{}
	run := func(k Kind, key assay.Key) assay.Digest {
		t.Helper()
		o, err := Executor(Player{Kind: k}, key, inner).Execute(context.Background(), &assay.Job{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Result.Validate(); err != nil || o.Output.Root != o.Result.Output {
			t.Errorf("%s: %v", k, err)
		}
		return o.Result.Digest()
	}
	a, b := assay.Key{1}, assay.Key{2}
	truth := run(Honest, a)
	if run(Lie, a) == run(Lie, b) || run(Lie, a) == truth {
		t.Error("liars agree")
	}
	if run(Collude, a) != run(Collude, b) || run(Collude, a) == truth {
		t.Error("colluders disagree")
	}
	before := inner.runs
	if run(Lazy, a) == truth {
		t.Error("an empty output was guessed, state root included")
	}
	if inner.runs != before {
		t.Error("the lazy one worked")
	}
}

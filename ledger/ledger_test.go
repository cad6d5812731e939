package ledger_test

import (
	"testing"

	"github.com/capacloud/assay"
)

func TestOneJobSettles(t *testing.T) {
	w := newWorld(t, testParams(), 1, "alice", "v1", "p1", "p2", "p3", "p4")
	w.listProviders(t, 4, 100, 100_000, 2)
	w.mustApply(t, 1000, w.tx("alice", w.job("j1", "alice", "quorum(3)", 150, 600_000)))
	w.settle(t)
	c, ok := w.ledger.Case(jobID(w, "j1"))
	if !ok || c.Record == nil || c.Record.Verdict.Outcome != assay.Accepted {
		t.Fatalf("not accepted: %+v", c)
	}
	digest, ok := w.ledger.Record(c.ID)
	if !ok || digest != c.Record.Digest() {
		t.Errorf("record on the ledger is %s, want %s", digest, c.Record.Digest())
	}
	if s := c.Record.Settlement; s.Paid != 300 {
		t.Errorf("paid %s, want 300", s.Paid)
	}
}

func jobID(w *world, name string) assay.JobID {
	j := w.jobs[name]
	return j.ID()
}

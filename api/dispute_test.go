package api

import (
	"context"
	"net/http/httptest"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/comet"
	"github.com/capacloud/assay/dispute"
)

// disputed is a backend that answers about disputes what a test says.
type disputed struct {
	*comet.Node
	liable  []*board.Case
	appeals []*board.Appeal
	asked   assay.Key
	chunks  []bool
}

func (d *disputed) Liable(context.Context) ([]*board.Case, error) { return d.liable, nil }

func (d *disputed) Appeals(_ context.Context, provider assay.Key) ([]*board.Appeal, error) {
	d.asked = provider
	return d.appeals, nil
}

func (d *disputed) AppealsOf(context.Context, assay.JobID) ([]*board.Appeal, error) {
	return d.appeals, nil
}

func (d *disputed) Posted(context.Context, assay.Digest) ([]bool, error) { return d.chunks, nil }

func dialDisputed(t *testing.T, d *disputed) *Client {
	t.Helper()
	d.Node, _ = network(t)
	srv := httptest.NewServer(Handler(d, nil))
	t.Cleanup(srv.Close)
	c, err := Dial(t.Context(), srv.URL, assay.NetworkID{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func caseOf(seed uint64, bytes int) *board.Case {
	c := &board.Case{Version: 1, Job: assay.Job{Version: 1, Seed: seed}, Image: make([]byte, bytes)}
	c.ID = c.Job.ID()
	return c
}

// TestLiableIsPaged: a list that does not fit one answer arrives whole and in
// order.
func TestLiableIsPaged(t *testing.T) {
	d := &disputed{}
	for i := range uint64(7) {
		d.liable = append(d.liable, caseOf(i, maxCasesBytes/3))
	}
	list, err := dialDisputed(t, d).Liable(t.Context())
	if err != nil || len(list) != len(d.liable) {
		t.Fatalf("%d of %d: %v", len(list), len(d.liable), err)
	}
	for i := range list {
		if list[i].ID != d.liable[i].ID {
			t.Errorf("case %d is another", i)
		}
	}
}

// TestAppeals: the same bytes on both sides, the provider reaches the backend,
// and a server that answers about another job is caught.
func TestAppeals(t *testing.T) {
	job, bob := canon.Hash("a job"), assay.KeyOf(key("bob"))
	a := &board.Appeal{Version: 1, Job: job, Number: 2, Dispute: board.Dispute{Proofs: [][]byte{[]byte("a witness")}}, Revocation: &board.Revocation{Job: job}}
	d := &disputed{appeals: []*board.Appeal{a}, chunks: []bool{true, false, true}}
	c := dialDisputed(t, d)
	list, err := c.Appeals(t.Context(), bob)
	if err != nil || len(list) != 1 || string(canon.Marshal(list[0])) != string(canon.Marshal(a)) || d.asked != bob {
		t.Errorf("%v %v, asked for %s", list, err, d.asked)
	}
	if _, err := c.Appeals(t.Context(), assay.Key{}); err != nil || !d.asked.IsZero() {
		t.Errorf("all: %v, asked for %s", err, d.asked)
	}
	if list, err := c.AppealsOf(t.Context(), job); err != nil || len(list) != 1 {
		t.Errorf("of the job: %v", err)
	}
	if _, err := c.AppealsOf(t.Context(), canon.Hash("another")); assay.CodeOf(err) != CodeAnswer {
		t.Errorf("of another job: %v", err)
	}
	if chunks, err := c.Posted(t.Context(), job); err != nil || len(chunks) != 3 || !chunks[0] || chunks[1] {
		t.Errorf("posted %v %v", chunks, err)
	}
}

// TestGamesOfStrangers: a game that no rules could have made does not reach the
// methods that rely on its form.
func TestGamesOfStrangers(t *testing.T) {
	bad := board.Dispute{Game: &dispute.Game{Version: 1, Phase: 99}}
	d := &disputed{liable: []*board.Case{caseOf(1, 0)}, appeals: []*board.Appeal{{Version: 1, Dispute: bad}}}
	d.liable[0].Disputes = []board.Dispute{bad}
	c := dialDisputed(t, d)
	if _, err := c.Liable(t.Context()); assay.CodeOf(err) != CodeAnswer {
		t.Errorf("a case: %v", err)
	}
	if _, err := c.Appeals(t.Context(), assay.Key{}); assay.CodeOf(err) != CodeAnswer {
		t.Errorf("an appeal: %v", err)
	}
}

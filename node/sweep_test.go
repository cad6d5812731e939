package node

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/blob"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/ledger"
)

// casesOf is a network that knows only open cases.
type casesOf struct {
	Network
	open    []*board.Case
	settled []*board.Case // and disputable
	err     error
}

func (n casesOf) Liable(context.Context) ([]*board.Case, error) { return n.settled, n.err }

func (n casesOf) Cases(_ context.Context, f ledger.Filter) ([]*board.Case, error) {
	if !f.After.IsZero() {
		return nil, n.err
	}
	return n.open, n.err
}

// TestSweep: what an open or disputable job needs stays, however old; what nobody needs goes
// after a day; and nothing goes while the network does not answer.
func TestSweep(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	store, err := blob.OpenMemory(blob.Config{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	put := func(text string) assay.Digest {
		d, err := store.PutBytes(t.Context(), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	has := func(d assay.Digest) bool {
		ok, err := store.Has(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	program, output, old, disputed := put("program"), put("output"), put("old"), put("disputed")
	now = now.Add(keepFor + time.Minute)
	young := put("young")
	open := &board.Case{ID: assay.Digest{1}, Job: assay.Job{Program: program}, Seats: []board.Seat{{Result: &assay.Result{Output: output}}}}

	if _, err := sweep(t.Context(), casesOf{err: errors.New("away")}, store); err == nil || !has(old) {
		t.Errorf("swept without knowing what is needed: %v", err)
	}
	settled := &board.Case{ID: assay.Digest{2}, Job: assay.Job{Program: disputed}}
	if _, err := sweep(t.Context(), casesOf{open: []*board.Case{open}, settled: []*board.Case{settled}}, store); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		digest assay.Digest
		stays  bool
	}{"program": {program, true}, "output": {output, true}, "young": {young, true}, "old": {old, false}, "disputed": {disputed, true}} {
		if has(c.digest) != c.stays {
			t.Errorf("%s: kept %v, want %v", name, !c.stays, c.stays)
		}
	}
}

package challenger

import (
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/dispute"
)

// Table is what the ledger says about the dispute of one job, as far as a player
// needs it.
type Table struct {
	Game    *dispute.Game // nil: none has begun
	Span    uint64        // steps of a first claim
	Admits  bool          // a new claim would be taken
	Program bool          // the dispute waits for the program, in messages
	Posted  []bool        // chunks of it that are on record; shorter than the program: the rest is not
	// Others is how many have a better reason to make a move that anybody may
	// make: they get a share of the time that is left, so that not all of them
	// spend the same fee.
	Others  int
	Posters int         // likewise, of posting the program, which is the same for every truth
	Due     assay.Clock // when that time is over; zero: not known
}

// TableOf returns the table of an open case. Truth is the digest of the result
// that the party plays for.
func TableOf(at assay.Clock, c *board.Case, key assay.Key, truth assay.Digest) Table {
	t := Table{Span: span(&c.Job), Due: c.Due}
	t.Others, t.Posters = others(c, key, truth)
	d := c.Dispute()
	if d == nil {
		t.Admits = c.Phase == board.Waiting
		return t
	}
	t.play(at, d)
	return t
}

// AppealTable returns the table of an appeal, or of a settled case about which
// none runs.
func AppealTable(at assay.Clock, c *board.Case, a *board.Appeal, key assay.Key, truth assay.Digest) Table {
	t := Table{Span: span(&c.Job)}
	t.Others, t.Posters = others(c, key, truth)
	switch {
	case a == nil:
		t.Admits = true
	case a.Running():
		t.play(at, &a.Dispute)
	}
	return t
}

// play reads a dispute that runs.
func (t *Table) play(at assay.Clock, d *board.Dispute) {
	t.Game = d.Game
	if d.Game == nil {
		t.Program, t.Due = d.Due != 0, d.Due
		return
	}
	t.Span, t.Admits, t.Due = d.Game.Rules.Span(), d.Game.Admits(at), d.Game.Due
}

// span returns how many steps a first claim about a job covers, as the rules of
// its game will say.
func span(job *assay.Job) uint64 {
	r, ok := board.RefereeOf(job.Runtime)
	if !ok {
		return 0
	}
	n, bound := uint64(dispute.Arity), r.Steps(job, job.Limits.Fuel)
	for n < bound && n < 1<<60 {
		n *= dispute.Arity
	}
	return n
}

// others counts who should move first: seats that stand behind the same truth,
// those with lower numbers before those with higher ones, and before strangers.
// Among strangers nobody can be first, so a hash spreads them. For posting the
// program every seat with a result counts.
func others(c *board.Case, key assay.Key, truth assay.Digest) (same, all int) {
	for i := range c.Seats {
		s := &c.Seats[i]
		if s.Provider == key {
			return same, all
		}
		if s.State == assay.Opened && s.Result != nil {
			all++
			if s.Result.Digest() == truth {
				same++
			}
		}
	}
	spread := int((key[0] ^ c.ID[0]) % 4)
	return same + spread, all + spread
}

// disputable reports whether anything that is stated about a case can be
// disputed now: a dispute or a window is open, or it has settled with a result
// that somebody is still liable for.
func disputable(c *board.Case) bool {
	if _, ok := board.RefereeOf(c.Job.Runtime); !ok {
		return false
	}
	if c.Record != nil {
		v := &c.Record.Verdict
		return v.Outcome == assay.Accepted && v.Result != nil
	}
	return c.Dispute() != nil || c.Phase == board.Waiting
}

// outOfFuel is the trap of an execution that reached its limit (docs/WASM.md).
const outOfFuel assay.Code = "out-of-fuel"

// job returns the job with its fuel limited to the most that anybody claims to
// have used. A window lasts for as long as that takes: whoever runs past it knows
// enough, and must not miss the window over the rest.
func (m *matter) job() assay.Job {
	job, most := m.c.Job, uint64(0)
	for _, r := range m.results() {
		most = max(most, r.Fuel)
	}
	if most > 0 {
		job.Limits.Fuel = min(job.Limits.Fuel, most)
	}
	return job
}

// stated lists the results that somebody stands behind.
func (m *matter) stated() []assay.Digest {
	var list []assay.Digest
	add := func(d assay.Digest) {
		if !d.IsZero() && !slices.Contains(list, d) {
			list = append(list, d)
		}
	}
	for _, r := range m.results() {
		add(r.Digest())
	}
	if g := m.game(); g != nil {
		for i := range g.Claims {
			if k := &g.Claims[i]; k.Live() {
				add(k.Result)
			}
		}
	}
	return list
}

// results lists what the ledger shows of results: the accepted one of a settled
// case, the opened ones of an open case.
func (m *matter) results() []*assay.Result {
	if m.c.Record != nil {
		return []*assay.Result{m.c.Record.Verdict.Result}
	}
	var list []*assay.Result
	for i := range m.c.Seats {
		if s := &m.c.Seats[i]; s.State == assay.Opened && s.Result != nil {
			list = append(list, s.Result)
		}
	}
	return list
}

// game returns the game that runs about the job.
func (m *matter) game() *dispute.Game {
	switch {
	case m.appeal != nil && m.appeal.Running():
		return m.appeal.Dispute.Game
	case m.c.Record == nil && m.c.Dispute() != nil:
		return m.c.Dispute().Game
	}
	return nil
}

func (m *matter) table(at assay.Clock, key assay.Key, truth assay.Digest) Table {
	if m.c.Record != nil {
		return AppealTable(at, m.c, m.appeal, key, truth)
	}
	return TableOf(at, m.c, key, truth)
}

// urgency orders the work: disputes before windows before settled results.
func (m *matter) urgency() int {
	switch {
	case m.game() != nil:
		return 0
	case m.c.Record == nil:
		return 1
	}
	return 2
}

package board

import (
	"slices"

	"github.com/capacloud/assay"
)

// Open opens the case of a job and raises its first draw; the ledger sets the
// request's market. It refuses a job that is invalid, that cannot be planned,
// or whose deadline leaves no time for one commitment and one tag: such a job
// would take work and could never pay for it.
func Open(p *assay.Params, network assay.NetworkID, sub *assay.Submit, at assay.Moment, repeat bool) (*Case, error) {
	job := &sub.Job
	if err := job.Validate(); err != nil {
		return nil, err
	}
	plan, err := NewPlan(p, job, sub.Bytes)
	if err != nil {
		return nil, err
	}
	if first := at.Time.Add(plan.CommitClock + p.TagClock); job.Deadline < first {
		return nil, assay.Refuse(CodeDeadlineShort, "deadline %s; a commitment and a tag may take until %s", job.Deadline, first)
	}
	c := &Case{
		Version: 1, Network: network, ID: job.ID(), Job: *job, Bytes: sub.Bytes,
		Repeat: repeat, Submitted: at, Escrow: plan.Escrow, Phase: Drawing,
		Request: &DrawRequest{Role: assay.RoleExecutor, Seats: uint16(plan.FirstSeats), Height: at.Height},
	}
	c.Job.Args, c.Job.Env = slices.Clone(job.Args), slices.Clone(job.Env)
	if err := plan.checkKeys(sub.Keys); err != nil {
		return nil, err
	}
	for _, e := range plan.checks {
		c.Checks = append(c.Checks, CheckState{Check: e.check.String()})
	}
	return c, nil
}

// Commit binds a drawn provider to a result that nobody can read yet.
func (c *Case) Commit(p *assay.Params, at assay.Moment, from assay.Key, m *assay.Commit) error {
	seat, err := c.seatOf(from, m.Job, m.Seat)
	switch {
	case err != nil:
		return err
	case seat.State != assay.Assigned:
		return assay.Refuse(CodePhase, "seat %d is %s", m.Seat, seat.State)
	case at.Clock >= seat.Due:
		return assay.Refuse(CodeLateMessage, "the commitment was due at clock %d, it is %d", seat.Due, at.Clock)
	case m.Commit.IsZero():
		return assay.Refuse(CodePhase, "the commitment is zero")
	}
	// A copied commitment cannot be opened by the copier, since it names the
	// provider; refusing it tells an honest one at once that its salt is weak.
	for _, other := range c.Seats {
		if other.Commit == m.Commit {
			return assay.Refuse(CodeCommitReused, "seat %d has it", other.Number)
		}
	}
	seat.Commit, seat.State = m.Commit, assay.Committed
	return nil
}

// Tag shows which commitments hold equal results.
func (c *Case) Tag(p *assay.Params, at assay.Moment, from assay.Key, m *assay.Tag) error {
	seat, err := c.seatOf(from, m.Job, m.Seat)
	switch {
	case err != nil:
		return err
	case c.Phase != Tagging || seat.State != assay.Committed:
		return assay.Refuse(CodePhase, "seat %d is %s, the case is %s", m.Seat, seat.State, c.Phase)
	case at.Clock >= c.Due:
		return assay.Refuse(CodeLateMessage, "the tag was due at clock %d, it is %d", c.Due, at.Clock)
	case m.Tag.IsZero():
		return assay.Refuse(CodePhase, "the tag is zero")
	}
	seat.Tag, seat.State = m.Tag, assay.Tagged
	return nil
}

// Open shows a result. One that contradicts its commitment or its tag is
// absorbed all the same, as the proof that its author lied; a malformed one is
// refused, and the clock runs on.
func (c *Case) Open(p *assay.Params, at assay.Moment, from assay.Key, m *assay.Open) error {
	seat, err := c.seatOf(from, m.Job, m.Seat)
	switch {
	case err != nil:
		return err
	case c.Phase != Opening || seat.State != assay.Tagged:
		return assay.Refuse(CodePhase, "seat %d is %s, the case is %s", m.Seat, seat.State, c.Phase)
	case at.Clock >= c.Due:
		return assay.Refuse(CodeLateMessage, "the opening was due at clock %d, it is %d", c.Due, at.Clock)
	}
	if err := m.Result.ValidateFor(c.Job.Runtime); err != nil {
		return err
	}
	result := m.Result
	seat.Salt, seat.Result, seat.Shown, seat.State = m.Salt, &result, at.Clock, assay.Opened
	if c.contradiction(seat) != "" {
		seat.State = assay.ProvedWrong
	}
	return nil
}

// contradiction says what an opening contradicts; empty: nothing.
func (c *Case) contradiction(seat *Seat) string {
	digest := seat.Result.Digest()
	switch {
	case seat.Commit != assay.CommitTo(c.Network, c.ID, seat.Number, seat.Role, seat.Provider, seat.Salt, digest):
		return "its opening contradicts its commitment"
	case seat.Tag != assay.TagOf(c.ID, digest):
		return "its opening contradicts its tag"
	}
	return ""
}

func (c *Case) isOpen(job assay.JobID) error {
	switch {
	case job != c.ID:
		return assay.Refuse(CodeOtherJob, "job %s", job.Short())
	case c.Record != nil:
		return assay.Refuse(CodePhase, "the case is %s", c.Phase)
	}
	return nil
}

// seatOf returns a seat of the sender. Seats are moved by their providers only.
func (c *Case) seatOf(from assay.Key, job assay.JobID, number uint16) (*Seat, error) {
	if err := c.isOpen(job); err != nil {
		return nil, err
	}
	if int(number) >= len(c.Seats) || c.Seats[number].Provider != from {
		return nil, assay.Refuse(CodeNotYourSeat, "seat %d", number)
	}
	return &c.Seats[number], nil
}

// String returns the name used in JSON.
func (p Phase) String() string {
	names := [...]string{"", "drawing", "committing", "tagging", "opening", "waiting", "fetching", "answering", "settled", "programming", "disputing"}
	if int(p) < len(names) {
		return names[p]
	}
	return "unknown"
}

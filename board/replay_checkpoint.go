package board

import (
	"slices"

	"github.com/capacloud/assay"
)

// replayCheckpoints holds checkpoints and resumes to the seats that posted them.
// That enough seats stood behind a checkpoint when somebody went on from it is
// the ledger's word: older ones are not kept.
func (c *Case) replayCheckpoints() error {
	if len(c.Checkpoints)+len(c.Resumes) == 0 {
		return nil
	}
	_, most, err := c.epochs()
	if err != nil {
		return err
	}
	while := func(seat uint16, at assay.Clock) bool {
		return int(seat) < len(c.Seats) && c.Seats[seat].Role == assay.RoleExecutor && c.Seats[seat].Drawn <= at && at < c.Seats[seat].Due
	}
	count := map[uint16]int{}
	for i, k := range c.Checkpoints {
		r := c.ResumeOf(k.Seat)
		count[k.Seat]++
		switch {
		case !while(k.Seat, k.At) || k.Epoch == 0 || k.Epoch > most || k.Root.IsZero() || k.File.IsZero() != (k.Size == 0),
			i > 0 && compareCheckpoints(c.Checkpoints[i-1], k) >= 0, r != nil && k.Epoch <= r.Epoch, count[k.Seat] > MaxCheckpoints:
			return differs("checkpoint %d is none that its seat could post", i)
		}
	}
	for i, r := range c.Resumes {
		switch {
		case !while(r.Seat, r.At) || int(r.From) >= len(c.Seats) || c.Seats[r.From].Draw >= c.Seats[r.Seat].Draw || c.Seats[r.From].Role != assay.RoleExecutor,
			r.Epoch == 0 || r.Epoch > most || r.Root.IsZero() || r.File.IsZero(),
			slices.ContainsFunc(c.Resumes[:i], func(x Resume) bool { return x.Seat == r.Seat }):
			return differs("resume %d is none that its seat could declare", i)
		}
		for _, k := range c.checkpointsOf(r.From) {
			if k.Epoch == r.Epoch && (k.Root != r.Root || k.File != r.File || k.Size != r.Size) {
				return differs("resume %d is from another checkpoint than the one on the board", i)
			}
		}
	}
	return nil
}

// replayConviction takes what followed from a dispute for the seats again.
func (c *Case) replayConviction(n int) error {
	d := &c.Disputes[n]
	k := *c
	k.Seats = slices.Clone(c.Seats)
	for i := range k.Seats {
		s := &k.Seats[i]
		switch {
		case s.Lost != 0 && int(s.Lost) <= n:
			continue // it had lost an earlier one
		case s.Result != nil && (s.Shown > d.Ended.Clock || s.Shown == d.Ended.Clock && int(s.Lost) != n+1):
			s.State = assay.Assigned // it opened later, be it within the same clock
		case s.State == assay.Unavailable, s.Lost != 0 && s.Result != nil:
			s.State = assay.Opened
		case s.Lost != 0 && s.Commit.IsZero():
			s.State = assay.Late
		case s.Lost != 0:
			s.State = assay.Abandoned
		}
		s.Lost = 0
	}
	k.convict(uint16(n+1), d)
	for i := range k.Seats {
		is, now := &c.Seats[i], &k.Seats[i]
		lost := int(is.Lost) == n+1
		if lost != (int(now.Lost) == n+1) || lost && is.State != now.State {
			return differs("seat %d is %s, and dispute %d leaves it %s", i, is.State, n, now.State)
		}
	}
	return nil
}

package board

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/dispute"
	"github.com/capacloud/assay/policy"
)

// A long run is cut into epochs. Whoever runs it posts states at boundaries, and
// serves their bytes; whoever takes a seat later may go on from one. A seat
// answers for the steps that it ran, and for no other: were the honest resumer
// to answer for a checkpoint that was poisoned, nobody would ever go on from one.

// MaxCheckpoints bounds the checkpoints of one seat: a newer one replaces the
// oldest. Whoever goes on wants the latest that enough seats stand behind, and
// replicas are rarely further apart.
const MaxCheckpoints = 4

// Checkpoint is what a seat says of the state at a boundary.
type Checkpoint struct {
	_     struct{} `cbor:",toarray"`
	Seat  uint16
	Epoch uint32 // number of the boundary
	Root  assay.Digest
	File  assay.Digest // that the seat's provider serves; zero: it confirms the root only
	Size  uint64
	At    assay.Clock
}

// String says how far the seat has come.
func (k Checkpoint) String() string {
	if k.File.IsZero() {
		return fmt.Sprintf("confirms boundary %d", k.Epoch)
	}
	return fmt.Sprintf("boundary %d, %d bytes", k.Epoch, k.Size)
}

// Resume is a seat's word that its run goes on from a checkpoint. It keeps what
// the checkpoint said, which may have been replaced since.
type Resume struct {
	_     struct{} `cbor:",toarray"`
	Seat  uint16
	From  uint16 // seat that posted it
	Epoch uint32
	Root  assay.Digest
	File  assay.Digest
	Size  uint64
	At    assay.Clock
}

// String says from where the seat has gone on.
func (r Resume) String() string {
	return fmt.Sprintf("from boundary %d of seat %d", r.Epoch, r.From)
}

// Checkpoint takes a boundary that a seat has come to. Boundaries come upwards,
// but for those that another seat has posted: to confirm one is worth something
// however far the run has come since.
func (c *Case) Checkpoint(p *assay.Params, at assay.Moment, from assay.Key, m *assay.PostCheckpoint) error {
	seat, err := c.runningSeat(at, from, m.Job, m.Seat)
	if err != nil {
		return err
	}
	_, most, err := c.epochs()
	switch {
	case err != nil:
		return err
	case m.Epoch == 0 || m.Epoch > most:
		return assay.Refuse(CodeEpochRange, "epoch %d of at most %d", m.Epoch, most)
	case m.Root.IsZero() || m.File.IsZero() != (m.Size == 0):
		return assay.Refuse(CodeCheckpoint, "state %s, file %s of %d bytes", m.Root.Short(), m.File.Short(), m.Size)
	}
	own := c.checkpointsOf(seat.Number)
	known := slices.ContainsFunc(c.Checkpoints, func(k Checkpoint) bool { return k.Seat != seat.Number && k.Epoch == m.Epoch })
	switch {
	case slices.ContainsFunc(own, func(k Checkpoint) bool { return k.Epoch == m.Epoch }):
		return assay.Refuse(CodeRepeated, "epoch %d", m.Epoch)
	case len(own) > 0 && m.Epoch < own[len(own)-1].Epoch && !known, len(own) == MaxCheckpoints && m.Epoch < own[0].Epoch:
		return assay.Refuse(CodeEpochOrder, "epoch %d behind epoch %d", m.Epoch, own[len(own)-1].Epoch)
	}
	if r := c.ResumeOf(seat.Number); r != nil && m.Epoch <= r.Epoch {
		return assay.Refuse(CodeEpochOrder, "the seat has gone on from epoch %d, it did not run epoch %d", r.Epoch, m.Epoch)
	}
	if len(own) == MaxCheckpoints {
		oldest := own[0]
		c.Checkpoints = slices.DeleteFunc(c.Checkpoints, func(k Checkpoint) bool { return k == oldest })
	}
	c.Checkpoints = append(c.Checkpoints, Checkpoint{Seat: seat.Number, Epoch: m.Epoch, Root: m.Root, File: m.File, Size: m.Size, At: at.Clock})
	slices.SortFunc(c.Checkpoints, compareCheckpoints)
	return nil
}

func compareCheckpoints(a, b Checkpoint) int {
	return cmp.Or(cmp.Compare(a.Seat, b.Seat), cmp.Compare(a.Epoch, b.Epoch))
}

// Resume lets a seat go on from a checkpoint. It says so before anything else.
func (c *Case) Resume(p *assay.Params, at assay.Moment, from assay.Key, m *assay.PostResume) error {
	seat, err := c.runningSeat(at, from, m.Job, m.Seat)
	switch {
	case err != nil:
		return err
	case c.ResumeOf(seat.Number) != nil || len(c.checkpointsOf(seat.Number)) > 0:
		return assay.Refuse(CodeRepeated, "seat %d has begun", seat.Number)
	}
	i := slices.IndexFunc(c.Checkpoints, func(k Checkpoint) bool { return k.Seat == m.From && k.Epoch == m.Epoch })
	if i < 0 {
		return assay.Refuse(CodeNoCheckpoint, "epoch %d of seat %d", m.Epoch, m.From)
	}
	k := c.Checkpoints[i]
	if err := c.admits(seat, &k, c.Trust()); err != nil {
		return err
	}
	c.Resumes = append(c.Resumes, Resume{Seat: seat.Number, From: k.Seat, Epoch: k.Epoch, Root: k.Root, File: k.File, Size: k.Size, At: at.Clock})
	return nil
}

// admits refuses a checkpoint from which a seat may not go on.
func (c *Case) admits(seat *Seat, k *Checkpoint, trust int) error {
	behind := c.behind(k)
	switch {
	case k.File.IsZero():
		return assay.Refuse(CodeNoBytes, "seat %d confirms epoch %d only", k.Seat, k.Epoch)
	case c.Seats[k.Seat].Draw >= seat.Draw:
		// A replica that goes on from one beside it is no second execution.
		return assay.Refuse(CodeBeside, "seat %d was drawn with or after seat %d", k.Seat, seat.Number)
	case !c.stands(k.Seat) || c.refuted(k):
		return assay.Refuse(CodeRefuted, "epoch %d of seat %d, which is %s", k.Epoch, k.Seat, c.Seats[k.Seat].State)
	case behind < trust:
		return assay.Refuse(CodeUnsupported, "%d of %d seats have posted it", behind, trust)
	}
	return nil
}

// Resumable returns the checkpoints that a seat may go on from and whose bytes
// somebody says that he serves, latest first.
func (c *Case) Resumable(seat uint16) []Checkpoint {
	if int(seat) >= len(c.Seats) || c.Seats[seat].Role != assay.RoleExecutor {
		return nil
	}
	return c.resumable(&c.Seats[seat])
}

// Trust returns how many seats must have posted a state before anybody goes on
// from it: as many as the strictest check of the policy wants.
func (c *Case) Trust() int {
	trust := 1
	expr, err := policy.Parse(c.Job.Policy)
	if err != nil {
		return trust // no case is open with such a policy
	}
	list, _ := entries(expr)
	for _, e := range list {
		trust = max(trust, e.trust)
	}
	return trust
}

func (c *Case) resumable(seat *Seat) []Checkpoint {
	trust := c.Trust()
	var list []Checkpoint
	for _, k := range c.Checkpoints {
		if c.admits(seat, &k, trust) == nil {
			list = append(list, k)
		}
	}
	slices.SortFunc(list, func(a, b Checkpoint) int {
		return cmp.Or(cmp.Compare(b.Epoch, a.Epoch), cmp.Compare(a.Seat, b.Seat))
	})
	return list
}

// behind returns how many seats have posted a state and, as far as is known, do
// not owe it to one another: a seat that has gone on from a checkpoint ran only
// what followed, so for any later one it counts, too.
func (c *Case) behind(k *Checkpoint) int {
	n := 0
	for _, x := range c.Checkpoints {
		if x.Epoch == k.Epoch && x.Root == k.Root && c.stands(x.Seat) {
			n++
		}
	}
	return n
}

// stands reports whether nothing is proved against what a seat has posted. That
// it is late or has left says nothing about the state.
func (c *Case) stands(seat uint16) bool {
	s := c.Seats[seat].State
	return s != assay.ProvedWrong && s != assay.Misled
}

// refuted reports whether a dispute has shown the state to be another. Who is
// proved wrong by that is whoever somebody has gone on from: others that posted
// the same state lose nothing, and must mislead nobody any more.
func (c *Case) refuted(k *Checkpoint) bool {
	span, _, err := c.epochs()
	return err == nil && slices.ContainsFunc(c.Disputes, func(d Dispute) bool {
		return d.Game != nil && d.Game.Refutes(uint64(k.Epoch)*span, k.Root)
	})
}

// runningSeat returns a seat of the sender that executes and has not committed.
// A watcher is a second opinion about the whole run, so it neither gives nor
// takes a part of one.
func (c *Case) runningSeat(at assay.Moment, from assay.Key, job assay.JobID, number uint16) (*Seat, error) {
	seat, err := c.seatOf(from, job, number)
	switch {
	case err != nil:
		return nil, err
	case seat.Role != assay.RoleExecutor:
		return nil, assay.Refuse(CodeWatches, "seat %d", number)
	case seat.State != assay.Assigned:
		return nil, assay.Refuse(CodePhase, "seat %d is %s", number, seat.State)
	case at.Clock >= seat.Due:
		return nil, assay.Refuse(CodeLateMessage, "the commitment was due at clock %d, it is %d", seat.Due, at.Clock)
	}
	return seat, nil
}

// epochs returns how the job's machine counts epochs. Without a machine nobody
// could be told from whoever misled him.
func (c *Case) epochs() (span uint64, most uint32, err error) {
	r, _ := RefereeOf(c.Job.Runtime)
	e, ok := r.(EpochReferee)
	if !ok {
		return 0, 0, assay.Refuse(CodeNoReferee, "%s counts no epochs", c.Job.Runtime)
	}
	if span, most = e.EpochSpan(&c.Job); span == 0 {
		return 0, 0, assay.Refuse(CodeNoReferee, "%s counts no epochs", c.Job.Runtime)
	}
	return span, most, nil
}

// checkpointsOf returns what a seat has posted, by epoch.
func (c *Case) checkpointsOf(seat uint16) []Checkpoint {
	var list []Checkpoint
	for _, k := range c.Checkpoints {
		if k.Seat == seat {
			list = append(list, k)
		}
	}
	return list
}

// ResumeOf returns from where a seat has gone on; nil: it began at the start.
func (c *Case) ResumeOf(seat uint16) *Resume {
	i := slices.IndexFunc(c.Resumes, func(r Resume) bool { return r.Seat == seat })
	if i < 0 {
		return nil
	}
	return &c.Resumes[i]
}

// ResumesOf returns the resumes that a seat's run rests on: its own, that of the
// seat which posted the checkpoint, and so on. From names a seat of an earlier
// draw, so the walk ends.
func (c *Case) ResumesOf(seat uint16) []Resume {
	var list []Resume
	for r := c.ResumeOf(seat); r != nil; r = c.ResumeOf(r.From) {
		list = append(list, *r)
	}
	return list
}

// blame returns who answers for a seat's result that a game has refuted, and who
// was misled on the way there, the seat itself first. A seat has gone on from a
// checkpoint, its poster perhaps from an earlier one, and so on: the earliest
// that the game has shown to be another state than the surviving trace has there
// is where the result went wrong. Without one the seat answers for itself, as it
// does when it lets the dispute pass in silence: only who is misled can show it.
func (c *Case) blame(g *dispute.Game, seat uint16) (culprit uint16, misled []uint16) {
	span, _, err := c.epochs()
	culprit = seat
	if err != nil || g == nil {
		return culprit, nil
	}
	var path []uint16
	for _, r := range c.ResumesOf(seat) {
		path = append(path, r.Seat)
		if g.Refutes(uint64(r.Epoch)*span, r.Root) {
			culprit, misled = r.From, slices.Clone(path)
		}
	}
	return culprit, misled
}

// convict ends the seats that stand behind another result than the one that has
// survived, and whoever has misled them.
func (c *Case) convict(number uint16, d *Dispute) {
	survivor := d.Survivor()
	for i := range c.Seats {
		s := &c.Seats[i]
		if s.State != assay.Opened || s.Result.Digest() == survivor {
			continue
		}
		culprit, misled := uint16(i), []uint16(nil)
		if !survivor.IsZero() {
			culprit, misled = c.blame(d.Game, uint16(i))
		}
		for _, m := range misled {
			if x := &c.Seats[m]; x.State != assay.ProvedWrong && x.Lost == 0 {
				x.State, x.Lost = assay.Misled, number
			}
		}
		if x := &c.Seats[culprit]; x.State != assay.ProvedWrong {
			x.State, x.Lost = assay.ProvedWrong, number
		}
	}
}

// Poisoned reports whether a seat was proved wrong by a checkpoint of its own.
func (c *Case) Poisoned(seat *Seat) bool {
	span, _, err := c.epochs()
	if err != nil || seat.Lost == 0 || int(seat.Lost) > len(c.Disputes) || seat.State != assay.ProvedWrong {
		return false
	}
	g := c.Disputes[seat.Lost-1].Game
	return g != nil && slices.ContainsFunc(c.Resumes, func(r Resume) bool {
		return r.From == seat.Number && g.Refutes(uint64(r.Epoch)*span, r.Root)
	})
}

// damages returns what is paid to the seats that a dispute has found misled, out
// of what would be burned otherwise. First come the bonds of the claims by which
// they have shown it, and what those have cost, as far as the costs of the other
// side leave; then their price, out of the stake that the dispute took. Seats of
// lower numbers come first.
func (c *Case) damages(n int, burned, slashed assay.Amount) []assay.Payment {
	var list []assay.Payment
	left := burned
	for i := range c.Seats {
		s := &c.Seats[i]
		if s.State != assay.Misled || int(s.Lost) != n+1 {
			continue
		}
		work := min(s.Price, slashed)
		slashed -= work
		want := saturate(c.showing(c.Disputes[n].Game, s), work)
		if got := min(want, left); got > 0 {
			left -= got
			list = append(list, assay.Payment{To: s.Provider, Amount: got, Code: PayMisled, Seat: s.Number})
		}
	}
	return list
}

// spared returns what the misled seats of a dispute have spent on showing it: no
// bounty is taken of that.
func (c *Case) spared(n int) assay.Amount {
	var sum assay.Amount
	for i := range c.Seats {
		if s := &c.Seats[i]; s.State == assay.Misled && int(s.Lost) == n+1 {
			sum = saturate(sum, c.showing(c.Disputes[n].Game, s))
		}
	}
	return sum
}

// showing returns what a seat has spent on showing that it was misled, by its own
// checkpoint or by one before: a refuted claim of anybody else, or about anything
// else, is lost as ever.
func (c *Case) showing(g *dispute.Game, s *Seat) assay.Amount {
	span, _, err := c.epochs()
	if err != nil || g == nil {
		return 0
	}
	resumes := c.ResumesOf(s.Number)
	var sum assay.Amount
	for k := range g.Claims {
		x := &g.Claims[k]
		shows := func(r Resume) bool { return g.Shows(k, uint64(r.Epoch)*span, r.Root) }
		if x.Author != s.Provider || !slices.ContainsFunc(resumes, shows) {
			continue
		}
		sum = saturate(saturate(sum, x.Bond), x.Posted.Cost)
		for _, m := range x.Refined {
			sum = saturate(sum, m.Move.Cost)
		}
	}
	return sum
}

func saturate(a, b assay.Amount) assay.Amount {
	if sum, err := a.Add(b); err == nil {
		return sum
	}
	return ^assay.Amount(0)
}

// assumeResumed says of every seat that still counts and has gone on from a
// checkpoint, whose word it took for what came before.
func (c *Case) assumeResumed(j *judgement) []assay.Assumption {
	supported := j.supported()
	var list []assay.Assumption
	for _, r := range c.Resumes {
		s := &c.Seats[r.Seat]
		if s.State != assay.Opened || !slices.Contains(supported, s.Result.Digest()) || s.Result.Digest() == c.survivor() {
			continue
		}
		list = append(list, assay.Assumption{Code: CodeResumed, Text: resumedText(&r)})
	}
	return list
}

func resumedText(r *Resume) string {
	return fmt.Sprintf("seat %d went on from boundary %d as seat %d had posted it, and executed nothing before", r.Seat, r.Epoch, r.From)
}

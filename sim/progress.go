package sim

import (
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/executor"
)

// progress: what was computed before a provider died is not computed again. An
// honest provider that is drawn when there is a good checkpoint goes on from one,
// and then spends no more than what is left.
type progress struct {
	none
	known  map[seatID]bool
	should map[seatID]bool // that had something to go on from when they were drawn
}

// Block implements Checker.
func (p *progress) Block(w *World) {
	if p.known == nil {
		p.known, p.should = map[seatID]bool{}, map[seatID]bool{}
	}
	for _, id := range w.Chain.open {
		c := w.caseOf(id)
		for i := range c.Seats {
			at := seatID{id, uint16(i)}
			if !p.known[at] {
				p.known[at] = true
				p.should[at] = w.canGoOn(c, &c.Seats[i])
			}
		}
	}
}

// canGoOn reports whether there is a right checkpoint on the board that enough
// others stand behind, and whose bytes a validator has.
func (w *World) canGoOn(c *board.Case, s *board.Seat) bool {
	if s.Role != assay.RoleExecutor {
		return false
	}
	return slices.ContainsFunc(c.Checkpoints, func(k board.Checkpoint) bool {
		same := 0
		for _, x := range c.Checkpoints {
			same += one(x.Epoch == k.Epoch && x.Root == k.Root && c.Seats[x.Seat].State < assay.ProvedWrong)
		}
		return !k.File.IsZero() && c.Seats[k.Seat].Draw < s.Draw && c.Seats[k.Seat].State < assay.ProvedWrong && same >= strictest(c.Job.Policy) &&
			!w.isFalse(c, k.Epoch, k.Root) && slices.ContainsFunc(w.validators, func(v *validator) bool {
			b := v.copies[k.File]
			return b != nil && w.engine.Check(&c.Job, executor.Checkpoint{Root: k.Root, File: b}) == nil
		})
	})
}

// Settled implements Checker.
func (p *progress) Settled(w *World, c *board.Case) {
	if !programOf(c.Job.Program).hasEpochs() {
		return
	}
	whole := w.right(&c.Job).Result.Fuel
	for i := range c.Seats {
		s := &c.Seats[i]
		m, r := w.machineOf(s.Provider), c.ResumeOf(s.Number)
		if !m.player.IsHonest() || m.disturbed || m.epoch > 1 || s.Result == nil || len(m.ran[c.ID]) != 1 {
			continue // it did not come through this in one go
		}
		if r == nil {
			if p.should[seatID{c.ID, s.Number}] {
				w.breach("progress", c.ID, "%s ran the whole job although it could have gone on from a checkpoint", m.name)
			}
			continue
		}
		before := w.engine.boundary(&c.Job, r.Epoch)
		if before == nil {
			continue // a false one, behind the end of the right run
		}
		used := m.ran[c.ID][0].fuel
		if used > whole-before.fuel && !w.isFalse(c, r.Epoch, r.Root) {
			w.breach("progress", c.ID, "%s went on from boundary %d and used %d, there was %d left to use", m.name, r.Epoch, used, whole-before.fuel)
		}
		w.count("deaths that were made good", one(w.machineOf(c.Seats[r.From].Provider).dead))
	}
}

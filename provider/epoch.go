package provider

import (
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
)

// Restore asks for the bytes of a checkpoint to go on from: of the first one in
// the list that can be had and has the root that it says. Restored answers it.
type Restore struct {
	ID   assay.JobID
	Job  assay.Job
	From []Offered
}

// Offered is a checkpoint and who serves it.
type Offered struct {
	Checkpoint board.Checkpoint
	Provider   assay.Key
}

// Keep asks for the next boundary of a run: its checkpoint is stored, and served
// from then on. Kept answers it.
type Keep struct{ Job assay.JobID }

// Restored answers Restore. The bytes are here and checked, or none are.
type Restored struct {
	Job   assay.JobID
	Seat  uint16 // that posted it
	Epoch uint32
	Err   error
}

// Passed says that a run has come to a boundary.
type Passed struct {
	Job   assay.JobID
	Epoch uint32
	Root  assay.Digest
}

// Kept answers Keep.
type Kept struct {
	Job   assay.JobID
	Epoch uint32
	Root  assay.Digest
	File  assay.Digest
	Size  uint64
	Err   error
}

func (Restore) effect() {}
func (Keep) effect()    {}
func (Restored) event() {}
func (Passed) event()   {}
func (Kept) event()     {}

// run is what is known of a run of a program with epochs.
type run struct {
	roots   map[uint32]assay.Digest // of the boundaries that it passed
	order   []uint32
	keeping bool
	last    assay.Clock // when a checkpoint was last asked for
	kept    uint32      // boundary of the last one
	picked  *Offered    // restored, to go on from
	scratch bool        // nothing can be gone on from
}

// maxRoots bounds the boundaries that are remembered, to confirm what others
// post: replicas that are further apart than that do not help one another.
const maxRoots = 4096

// begin returns how to begin an execution; nil: not before the ledger has it that
// the run goes on from a checkpoint.
func (p *Provider) begin(c *board.Case, w *work) Effect {
	seat := p.seat(c)
	execute := Execute{ID: c.ID, Job: c.Job, Fresh: w.fresh, From: goesOn(c, seat.Number)}
	w.run.last = p.moment.Clock // a short run is over before it has kept anything
	if p.config.CheckpointEvery == 0 || execute.From != nil || w.run.scratch || seat.State != assay.Assigned {
		return execute
	}
	var offered []Offered
	for _, k := range c.Resumable(seat.Number) {
		offered = append(offered, Offered{k, c.Seats[k.Seat].Provider})
	}
	switch {
	case w.run.picked != nil && slices.Contains(offered, *w.run.picked):
		return nil // declared, and not on the board yet: see between
	case len(offered) == 0 || begun(c, seat):
		w.run.picked, w.run.scratch = nil, true
		return execute
	}
	w.run.picked = nil
	return Restore{ID: c.ID, Job: c.Job, From: offered}
}

// goesOn returns from where a run goes on as far as the ledger knows: from what an
// earlier life of this process has kept last, which takes nobody's leave, or from
// where the seat has declared. Nil: nothing is declared.
func goesOn(c *board.Case, seat uint16) *board.Resume {
	for _, k := range slices.Backward(c.Checkpoints) { // by seat, then epoch
		if k.Seat == seat && !k.File.IsZero() {
			return &board.Resume{Seat: seat, From: seat, Epoch: k.Epoch, Root: k.Root, File: k.File, Size: k.Size, At: k.At}
		}
	}
	return c.ResumeOf(seat)
}

// begun reports whether the seat has confirmed others' checkpoints, behind which
// it can go on from none.
func begun(c *board.Case, seat *board.Seat) bool {
	return slices.ContainsFunc(c.Checkpoints, func(k board.Checkpoint) bool { return k.Seat == seat.Number })
}

func (p *Provider) restored(e Restored) []Effect {
	w := p.work[e.Job]
	i := slices.IndexFunc(p.cases, func(c *board.Case) bool { return c.ID == e.Job })
	if w == nil || !w.running || i < 0 {
		return p.start()
	}
	w.running = false
	c := p.cases[i]
	if e.Err != nil {
		w.run.scratch = true
		return p.start()
	}
	for _, k := range c.Checkpoints {
		if k.Seat == e.Seat && k.Epoch == e.Epoch {
			w.run.picked = &Offered{k, c.Seats[k.Seat].Provider}
		}
	}
	if seat := p.seat(c); seat != nil {
		return append(p.between(c, seat, w), p.start()...)
	}
	return p.start()
}

// between does what is due while there is no result: it declares from where the
// run is to go on, confirms what others have posted, and posts what this run has
// come to.
func (p *Provider) between(c *board.Case, seat *board.Seat, w *work) []Effect {
	if p.config.CheckpointEvery == 0 || seat.State != assay.Assigned || seat.Role != assay.RoleExecutor || p.moment.Clock >= seat.Due {
		return nil
	}
	if k := w.run.picked; k != nil && c.ResumeOf(seat.Number) == nil {
		return p.send(w, uint64(k.Checkpoint.Epoch), &assay.PostResume{Job: c.ID, Seat: seat.Number, From: k.Checkpoint.Seat, Epoch: k.Checkpoint.Epoch})
	}
	if !w.running {
		return nil
	}
	if k := p.confirms(c, seat, w); k != nil {
		return p.send(w, uint64(k.Epoch), &assay.PostCheckpoint{Job: c.ID, Seat: seat.Number, Epoch: k.Epoch, Root: k.Root})
	}
	if w.run.keeping || len(w.run.order) == 0 || w.run.order[len(w.run.order)-1] <= w.run.kept || p.moment.Clock < w.run.last.Add(p.config.CheckpointEvery) {
		return nil
	}
	w.run.keeping, w.run.last = true, p.moment.Clock
	return []Effect{Keep{Job: c.ID}}
}

// confirms returns the latest state on the board that this run has come to as
// well and has not posted. One posted state is worth nothing where several have
// to stand behind it, and runs never stop at the same epochs by themselves.
func (p *Provider) confirms(c *board.Case, seat *board.Seat, w *work) *board.Checkpoint {
	if c.Trust() < 2 {
		return nil
	}
	var own []uint32
	for _, k := range c.Checkpoints {
		if k.Seat == seat.Number {
			own = append(own, k.Epoch)
		}
	}
	var best *board.Checkpoint
	for i := range c.Checkpoints {
		k := &c.Checkpoints[i]
		// The board replaces the oldest, and takes none below it.
		if k.Seat == seat.Number || slices.Contains(own, k.Epoch) || w.run.roots[k.Epoch] != k.Root || len(own) >= board.MaxCheckpoints && k.Epoch < own[0] {
			continue
		}
		if best == nil || k.Epoch > best.Epoch {
			best = k
		}
	}
	return best
}

func (p *Provider) passed(e Passed) []Effect {
	w := p.work[e.Job]
	if w == nil || !w.running {
		return nil
	}
	if w.run.roots == nil {
		w.run.roots = map[uint32]assay.Digest{}
	}
	if _, known := w.run.roots[e.Epoch]; !known {
		w.run.order = append(w.run.order, e.Epoch)
	}
	w.run.roots[e.Epoch] = e.Root
	if len(w.run.order) > maxRoots {
		delete(w.run.roots, w.run.order[0])
		w.run.order = w.run.order[1:]
	}
	return nil
}

// kept posts a checkpoint whose bytes are served now.
func (p *Provider) kept(e Kept) []Effect {
	w := p.work[e.Job]
	i := slices.IndexFunc(p.cases, func(c *board.Case) bool { return c.ID == e.Job })
	if w == nil || i < 0 {
		return nil
	}
	w.run.keeping = false
	seat := p.seat(p.cases[i])
	w.run.kept = max(w.run.kept, e.Epoch)
	if e.Err != nil || seat == nil || seat.State != assay.Assigned {
		return nil
	}
	return p.send(w, uint64(e.Epoch), &assay.PostCheckpoint{Job: e.Job, Seat: seat.Number, Epoch: e.Epoch, Root: e.Root, File: e.File, Size: e.Size})
}

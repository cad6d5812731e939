package sim

import (
	"context"
	"errors"
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/challenger"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/merkle"
	"github.com/capacloud/assay/provider"
)

// work is one execution of a job with epochs by one machine, as far as it came.
type work struct {
	from uint32 // boundary; zero: the start
	fuel uint64 // that this execution has used
}

// passing is what an execution of a job with epochs will come to, and when.
type passing struct {
	job     assay.JobID
	token   int
	list    []boundary
	outcome *executor.Outcome
	pace    assay.Millis // an epoch
	before  uint64       // fuel that was used before it began
}

// withEpochs executes a job whose program has epochs: the core hears of every
// boundary, in simulated time.
func (m *Machine) withEpochs(x executor.Epochs, e provider.Execute) {
	s := passing{job: e.ID, token: m.tokens[e.ID]}
	from := m.checkpointOf(e.ID, e.From)
	if from != nil && x.Check(&e.Job, *from) != nil {
		from = nil // a forgery of its own
	}
	w := work{}
	var err error
	s.outcome, err = x.ExecuteEpochs(context.Background(), &e.Job, artifacts{}, from, func(b executor.Boundary) error {
		file, err := b.File()
		s.list = append(s.list, boundary{epoch: b.Epoch, root: b.Root, file: file, fuel: fuelAt(&e.Job, file, b.Root)})
		return err
	})
	if err != nil {
		panic(err)
	}
	if from != nil {
		w.from = e.From.Epoch
		if len(s.list) == 0 || s.list[0].epoch > w.from {
			s.before = fuelAt(&e.Job, from.File, from.Root)
		}
		m.w.count("resumed executions", 1)
	}
	clock := int64(m.w.Setup.Clocks)
	s.pace = assay.Millis(clock/8+m.w.rng.Int64N(clock/4)) / assay.Millis(1+len(m.w.engine.boundaries(&e.Job)))
	m.ran[e.ID] = append(m.ran[e.ID], w)
	delete(m.keep, e.ID)
	m.later(s.pace, func() { m.pass(&s, 0) })
}

// pass comes to a boundary, or to the end.
func (m *Machine) pass(s *passing, i int) {
	if m.tokens[s.job] != s.token {
		return
	}
	runs := m.ran[s.job]
	if i == len(s.list) {
		runs[len(runs)-1].fuel = s.outcome.Result.Fuel - s.before
		m.executed++
		m.results[s.job] = s.outcome
		m.hear(provider.Executed{Job: s.job, Result: s.outcome.Result})
		return
	}
	b := &s.list[i]
	runs[len(runs)-1].fuel = b.fuel - s.before
	m.hear(provider.Passed{Job: s.job, Epoch: b.epoch, Root: b.root})
	if m.keep[s.job] {
		delete(m.keep, s.job)
		m.hear(m.kept(s.job, b))
	}
	if m.dieAt != 0 && b.epoch >= m.dieAt && !m.w.healed {
		m.die()
		return
	}
	m.later(s.pace, func() { m.pass(s, i+1) })
}

// die ends a machine for good, in the middle of an epoch.
func (m *Machine) die() {
	m.up, m.disturbed, m.dead = false, true, true
	m.epoch++
	m.w.trace("%s dies", m.name)
}

// kept stores the checkpoint of a boundary and says where it is.
func (m *Machine) kept(job assay.JobID, b *boundary) provider.Kept {
	root, file := b.root, b.file
	digest := merkle.FileOf(file)
	switch m.forgery {
	case wrongRoot:
		root = m.w.digest()
	case forgedFile:
		file = slices.Clone(file)
		file[len(file)-1] ^= 1
		digest = merkle.FileOf(file)
	case withheld:
		return provider.Kept{Job: job, Epoch: b.epoch, Root: root, File: digest, Size: uint64(len(file))}
	case genuine, standing:
	}
	m.files[digest] = file
	return provider.Kept{Job: job, Epoch: b.epoch, Root: root, File: digest, Size: uint64(len(file))}
}

// restore looks for a checkpoint to go on from, and copies it.
func (m *Machine) restore(e provider.Restore) {
	m.later(m.w.delay(), func() {
		x, ok := m.executor.(executor.Epochs)
		for _, o := range e.From {
			if !ok {
				break
			}
			k := &o.Checkpoint
			file := m.w.fileOf(k.File, o.Provider)
			if file == nil {
				m.w.count("checkpoints that nobody serves", 1)
				continue
			}
			if err := x.Check(&e.Job, executor.Checkpoint{Root: k.Root, File: file}); err != nil {
				m.w.count("checkpoints of another state than they say", 1)
				m.w.trace("%s passes over boundary %d of seat %d: %v", m.name, k.Epoch, k.Seat, err)
				continue
			}
			m.files[k.File] = file
			m.hear(provider.Restored{Job: e.ID, Seat: k.Seat, Epoch: k.Epoch})
			return
		}
		m.hear(provider.Restored{Job: e.ID, Err: errors.New("nobody serves a checkpoint")})
	})
}

// checkpointOf returns the bytes that a resume names, from whoever has them; nil
// if nobody does.
func (m *Machine) checkpointOf(job assay.JobID, r *board.Resume) *executor.Checkpoint {
	if r == nil {
		return nil
	}
	file := m.files[r.File]
	if c := m.w.caseOf(job); file == nil && c != nil {
		file = m.w.fileOf(r.File, c.Seats[r.From].Provider)
	}
	if file == nil {
		return nil
	}
	return &executor.Checkpoint{Root: r.Root, File: file}
}

// traceOf returns the trace of the run that this machine has made of a job.
func (m *Machine) traceOf(e provider.Trace) challenger.Tracer {
	if x, ok := m.executor.(turncoat); ok {
		return x.tracer(&e.Ask.Job)
	}
	var list []executor.Checkpoint
	for _, r := range slices.Backward(e.From) {
		if k := m.checkpointOf(e.Ask.ID, &r); k != nil {
			list = append(list, *k)
		}
	}
	return m.cast.tracerOn(&e.Ask.Job, m.w.engine.TraceFrom(context.Background(), &e.Ask.Job, list))
}

// fileOf returns a checkpoint's bytes from whoever serves them: a validator that
// has a copy, or the machine that made it.
func (w *World) fileOf(file assay.Digest, poster assay.Key) []byte {
	for _, v := range w.validators {
		if b := v.copies[file]; b != nil {
			return b
		}
	}
	for _, m := range w.Machines {
		if m.key == poster && m.up && w.now >= m.link.cut {
			return m.files[file]
		}
	}
	return nil
}

// mirror has a validator copy the checkpoints of open cases: a machine that dies
// takes its own along.
func (v *validator) mirror(open []*board.Case) {
	if v.deaf {
		return
	}
	for _, c := range open {
		for _, k := range c.Checkpoints {
			if k.File.IsZero() || v.copies[k.File] != nil || v.copying[k.File] {
				continue
			}
			v.copying[k.File] = true
			poster := c.Seats[k.Seat].Provider
			v.w.after(v.w.delay(), func() {
				delete(v.copying, k.File)
				if b := v.w.fileOf(k.File, poster); b != nil {
					v.copies[k.File] = b
				}
			})
		}
	}
}

// count adds to what a run came to, for those who ask whether it ever happened.
func (w *World) count(what string, n int) { w.Counts[what] += n }

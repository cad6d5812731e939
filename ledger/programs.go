package ledger

import (
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/canon"
)

// Programs reach the rules in chunks that anybody posts while a dispute waits
// for one. When all of a program is on record it is lowered, first come, first
// served, by a fixed measure a block; the image stays for ever, and the chunks go.

// lowerBytes is the work that one block does on lowering, in the measure of the
// machine, and lowerGas what it takes from the block's transactions. A program of
// 3 MB is 18 MiB of it, and took 81 ms in all (8.7 ms the slowest half MiB, two
// busy cores).
const (
	lowerBytes = 8 << 20
	lowerGas   = 15_000_000

	// maxWakes is how many disputes a block hands an image to. One of a thousand
	// took 65 ms in all; whoever has ten thousand wait for one program must not
	// have a block of seconds.
	maxWakes = 1000
)

// lowering is the program at the head of the queue, on its way to an image. It
// is a cache: after a restart it is made again, in the same steps.
type lowering struct {
	program assay.Digest
	work    board.Lowering
	steps   uint64
}

// gasOfLowering returns the gas that the next block spends on lowering.
func (l *Ledger) gasOfLowering() uint64 {
	if _, ok := l.toLower(); ok {
		return min(lowerGas, l.genesis.Params.BlockGas/2)
	}
	return 0
}

// toLower returns the program at the head of the queue.
func (l *Ledger) toLower() (program assay.Digest, ok bool) {
	prefix := []byte{tabLower}
	l.store.Ascend(prefix, after(prefix), func(k, _ []byte) bool {
		program, ok = assay.Digest(k[9:]), true
		return false
	})
	return program, ok
}

// lower does one block's work on the head of the queue, and hands its image to
// the disputes that wait for it.
func (w *block) lower() {
	program, ok := w.l.toLower()
	if !ok {
		return
	}
	if _, lowered := w.image(assay.RuntimeWasm, program); lowered {
		w.wake(program, false)
		return
	}
	var image []byte
	err := w.branch(func() (err error) {
		image, err = w.lowerStep(program)
		return err
	})
	if err == nil && image == nil {
		return
	}
	if err != nil { // a lowering that panics: a bug of ours, that must stop nobody else
		w.l.lowering = nil
		w.out.Events = append(w.out.Events, Event{Kind: EventStalled, Job: program, Text: err.Error()})
	} else {
		w.images = append(w.images, made{program, image})
		w.out.Events = append(w.out.Events, Event{Kind: EventImage, Job: program})
	}
	w.wake(program, err != nil)
}

// lowerStep takes one step, and returns the image with the last one.
func (w *block) lowerStep(program assay.Digest) ([]byte, error) {
	row, _ := w.l.programs.get(program)
	x := w.l.lowering
	if x == nil || x.program != program || x.steps != row.Steps {
		var err error
		if x, err = w.l.resume(program, &row); err != nil {
			return nil, err
		}
	}
	w.l.lowering = nil // until the step is taken as a whole
	done := x.work.Step(lowerBytes)
	row.Steps++
	x.steps = row.Steps
	if done {
		return x.work.Image(), nil
	}
	w.l.lowering = x
	w.l.programs.set(program, row)
	return nil, nil
}

// resume makes a lowering again from the chunks, up to where it was.
func (l *Ledger) resume(program assay.Digest, row *Program) (*lowering, error) {
	r, ok := board.RefereeOf(assay.RuntimeWasm)
	if !ok {
		return nil, assay.Refuse(board.CodeNoReferee, "%s", assay.RuntimeWasm)
	}
	var b []byte
	for n := range board.Chunks(row.Size) {
		b = append(b, l.store.Get(chunkKey(program, uint32(n)))...)
	}
	x := &lowering{program: program, work: r.Lower(b)}
	for ; x.steps < row.Steps; x.steps++ {
		x.work.Step(lowerBytes)
	}
	return x, nil
}

// wake touches the disputes that wait for a program: its image is there, or
// never will be. The program heads the queue until none is left.
func (w *block) wake(program assay.Digest, failed bool) {
	var jobs []assay.JobID
	prefix := key(tabAwait, program[:])
	w.l.store.Ascend(prefix, after(prefix), func(k, _ []byte) bool {
		jobs = append(jobs, assay.JobID(k[len(prefix):]))
		return len(jobs) <= maxWakes
	})
	if len(jobs) > maxWakes {
		jobs = jobs[:maxWakes]
	} else {
		w.l.programs.drop(program)
		w.l.programs.keep()
	}
	for _, job := range jobs {
		if _, ok := w.appeal(job); ok {
			w.stepAppeal(job, func(_ *board.Case, a *board.Appeal) error {
				if failed {
					a.Unlowerable()
				}
				return nil
			})
			continue
		}
		w.step(job, func(c *board.Case) error {
			if failed {
				c.Unlowerable()
			}
			return nil
		})
	}
}

// image returns the image of a program, made in this block or before.
func (w *block) image(runtime string, program assay.Digest) ([]byte, bool) {
	for _, x := range w.images {
		if x.program == program {
			return x.bytes, true
		}
	}
	return w.l.Image(runtime, program)
}

// program takes a chunk that some dispute waits for. What is on record already
// is refused, and so is what nobody waits for: state is not a store of files.
func (w *block) program(from assay.Key, m *assay.PostProgram) error {
	c, a, appealed := w.editAppeal(m.Job)
	if !appealed {
		var err error
		if c, err = w.edit(m.Job); err != nil {
			return err
		}
	}
	needed := appealed && a.NeedsImage() || !appealed && c.NeedsImage()
	program := c.Job.Program
	row, _ := w.l.programs.get(program)
	_, lowered := w.image(c.Job.Runtime, program)
	switch {
	case !needed:
		return assay.Refuse(board.CodePhase, "no dispute of the job waits for its program")
	case lowered:
		// Made in this block, before the case has heard of it. The chunks are gone:
		// a second lowering would be of nothing.
		return assay.Refuse(board.CodeRepeated, "its image is on record")
	case m.Chunk < 64 && row.Have&(1<<m.Chunk) != 0:
		return assay.Refuse(board.CodeRepeated, "chunk %d", m.Chunk)
	case m.Size > c.Bytes:
		// A requester in league with a liar would have the honest pay for posting it.
		return assay.Refuse(board.CodeUnderstated, "%d bytes; the requester said %d in all", m.Size, c.Bytes)
	}
	if err := board.CheckChunk(program, m); err != nil {
		return err
	}
	row.Size, row.Have = m.Size, row.Have|1<<m.Chunk
	if row.complete() {
		row.Queued = w.at.Height
	}
	w.l.programs.set(program, row)
	w.chunks = append(w.chunks, chunk{program: program, number: m.Chunk, bytes: m.Bytes})
	if appealed {
		a.Poster(w.params, w.at, from, w.share)
	} else {
		c.Poster(w.params, w.at, from, w.share)
	}
	return nil
}

// listAwait lists a job under the program that its dispute waits for.
func (w *block) listAwait(job assay.JobID, program assay.Digest, was, now bool) {
	switch {
	case now && !was:
		w.write(awaitKey(program, job), mark)
		w.joined = append(w.joined, program)
	case was && !now:
		w.remove(awaitKey(program, job))
		w.left = append(w.left, program)
	}
}

// forgetPrograms drops what was posted of programs that nobody waits for any
// more. One that is complete stays: its image will serve the next dispute.
func (w *block) forgetPrograms() {
	for _, d := range w.left {
		if row, ok := w.l.programs.get(d); ok && row.Queued == 0 && !w.awaited(d) {
			w.l.programs.drop(d)
			w.l.programs.keep()
		}
	}
}

// awaited reports whether any dispute waits for a program behind this block.
func (w *block) awaited(program assay.Digest) bool {
	found := slices.Contains(w.joined, program)
	prefix := key(tabAwait, program[:])
	w.l.store.Ascend(prefix, after(prefix), func(k, _ []byte) bool {
		v, changed := w.writes[string(k)]
		found = found || !changed || v != nil
		return !found
	})
	return found
}

// finishPrograms writes what was posted and lowered, and forgets the chunks of
// what is lowered or waited for no more.
func (w *block) finishPrograms() {
	for _, x := range w.proofs {
		w.write(witnessKey(x.job, x.dispute, x.number), x.bytes)
	}
	for _, x := range w.chunks {
		w.write(chunkKey(x.program, x.number), x.bytes)
	}
	w.forgetPrograms()
	for _, d := range w.l.programs.changed() {
		was, now := w.l.programs.first[d], w.l.programs.rows[d]
		if !now.ok {
			if was.ok {
				w.removeProgram(d, was.value)
			}
			continue
		}
		w.write(programKey(d), canon.Marshal(now.value))
		if now.value.Queued != 0 && (!was.ok || was.value.Queued == 0) {
			w.write(lowerKey(now.value.Queued, d), mark)
		}
	}
	for _, x := range w.images {
		if r, ok := board.RefereeOf(assay.RuntimeWasm); ok {
			w.write(ImageKey(r.Version(), x.program), x.bytes)
		}
	}
}

func (w *block) removeProgram(d assay.Digest, p Program) {
	w.remove(programKey(d))
	if p.Queued != 0 {
		w.remove(lowerKey(p.Queued, d))
	}
	for n := range board.Chunks(p.Size) {
		w.remove(chunkKey(d, uint32(n)))
	}
}

package wasm

import (
	"bytes"
	"context"
	"fmt"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/machine/checkpoint"
	"github.com/capacloud/assay/machine/paged"
	"github.com/capacloud/assay/machine/step"
	"github.com/capacloud/assay/machine/wasi"
	"github.com/capacloud/assay/machine/wasm"
)

// Boundary is the state between two epochs of a program: that of the canonical
// machine, computed without running it.
type Boundary struct {
	Epoch  uint32 // number of the boundary; 1 is that behind the initialisation
	Record step.Record
	Root   canon.Digest

	run *run
	ctx context.Context // of the callback
}

// Checkpoint returns the file from which anybody can go on here. It must be
// called before the callback that was given the boundary returns.
func (b *Boundary) Checkpoint() ([]byte, error) {
	c, err := b.run.checkpoint(b.ctx, &b.Record)
	if err != nil {
		return nil, err
	}
	return c.Encode(), nil
}

// ExecuteEpochs runs a job as Execute does and calls each at every boundary
// between epochs, in order. An error of each ends the run and is returned. A
// program without epochs has no boundaries. What the roots cost is in the
// fuel.
func (x *Executor) ExecuteEpochs(ctx context.Context, job *assay.Job, a executor.Artifacts, each func(*Boundary) error) (*executor.Outcome, error) {
	return x.run(ctx, job, a, &watch{each: each})
}

// Resume goes on from a checkpoint and ends as a whole run does. It calls each
// at every later boundary. A checkpoint whose contents do not have the root
// that its record states, or that is of another program, is refused with
// checkpoint.ErrPoisoned, and nothing runs.
func (x *Executor) Resume(ctx context.Context, job *assay.Job, a executor.Artifacts, c *checkpoint.Checkpoint, each func(*Boundary) error) (*executor.Outcome, error) {
	return x.run(ctx, job, a, &watch{each: each, from: c})
}

// watch is what a run needs that shows its boundaries.
type watch struct {
	each func(*Boundary) error
	from *checkpoint.Checkpoint // nil: from the first state
	job  *assay.Job

	image       *wasm.Image
	digest      canon.Digest // of the image
	registers   wasi.Registers
	files       *wasi.CommittedFiles
	nodes, data paged.Store
	seen        *linear // memory as the tree has it
	tree        *machine.Tree
}

// open prepares the host's state in the regions of the canonical machine.
func (w *watch) open(ctx context.Context, p *program, job *assay.Job, a executor.Artifacts) (*wasi.Host, error) {
	var err error
	if w.image, w.digest, err = p.image(func() ([]byte, error) { return a.ReadFile(ctx, job.Program) }); err != nil {
		return nil, err
	}
	w.job = job
	w.nodes, w.data = paged.New(machine.HostNodes), paged.New(machine.HostData)
	w.tree = machine.NewTree(machine.MemoryDepth)
	if w.from == nil {
		w.registers = wasi.Start(w, job.Stdin, job.Input)
	} else {
		w.registers = w.from.Record.Host
		w.from.Restore(w, machine.HostNodes)
		w.from.Restore(w, machine.HostData)
	}
	w.files = wasi.NewCommittedFiles(w, wasi.NewReaderInput(reader{ctx, a}), &w.registers, job.Stdin, job.Input)
	return wasi.Resume(configOf(job), w.files, &w.registers), nil
}

func (w *watch) close() {
	if w != nil {
		w.seen.Free()
	}
}

// of returns a region of the host's state; it asks for no other.
func (w *watch) of(r machine.Region) *paged.Store {
	if r == machine.HostNodes {
		return &w.nodes
	}
	return &w.data
}

// Load implements machine.Space.
func (w *watch) Load(r machine.Region, at uint64, p []byte) { w.of(r).Load(at, p) }

// Store implements machine.Space.
func (w *watch) Store(r machine.Region, at uint64, p []byte) {
	if len(p) > 0 {
		w.of(r).Store(at, p)
	}
}

// Clear implements machine.Space.
func (w *watch) Clear(r machine.Region, at, n uint64) {
	if n > 0 {
		w.of(r).Clear(at, n)
	}
}

// look compares the memory with what the tree has seen, and tells it.
func (w *watch) look(m *linear) canon.Digest {
	if m == nil {
		return w.tree.Root()
	}
	if w.seen == nil {
		w.seen = newLinear(uint64(len(m.region)))
	}
	for at := 0; at < len(m.bytes); at += wasm.PageBytes {
		page, old := m.bytes[at:at+wasm.PageBytes], w.seen.region[at:at+wasm.PageBytes]
		if bytes.Equal(page, old) {
			continue
		}
		for i := 0; i < wasm.PageBytes; i += machine.LeafSize {
			if leaf := page[i : i+machine.LeafSize]; !bytes.Equal(leaf, old[i:i+machine.LeafSize]) {
				w.tree.Set(uint64((at+i)/machine.LeafSize), leaf)
				copy(old[i:], leaf)
			}
		}
	}
	return w.tree.Root()
}

// epochs runs an epoch program, from its first state or from the boundary that
// was restored. A nil end says that it returned from everything.
func (r *run) epochs(ctx context.Context) (*end, error) {
	boundary := uint32(0)
	if r.watch != nil && r.watch.from != nil {
		boundary, _ = r.watch.from.Record.Boundary()
	} else {
		for _, name := range [...]string{wasm.StartExport, wasm.InitializeExport, wasm.InitExport} {
			if _, err := r.invoke(ctx, name); err != nil {
				return nil, err
			}
		}
		boundary = 1
		if stop, err := r.boundary(ctx, boundary); stop != nil || err != nil {
			return stop, err
		}
	}
	for {
		more, err := r.invoke(ctx, wasm.StepExport)
		if err != nil {
			return nil, err
		}
		if uint32(more) == 0 {
			_, err := r.invoke(ctx, wasm.FinishExport)
			return nil, err
		}
		boundary++
		if stop, err := r.boundary(ctx, boundary); stop != nil || err != nil {
			return stop, err
		}
	}
}

// invoke calls an export, if there is one, and returns its result, if it has one.
func (r *run) invoke(ctx context.Context, name string) (uint64, error) {
	f := r.mod.ExportedFunction(name)
	if f == nil {
		return 0, nil
	}
	out, err := f.Call(ctx)
	if err != nil || len(out) == 0 {
		return 0, err
	}
	return out[0], nil
}

// hostError is an error that no program caused.
type hostError struct{ err error }

func (e *hostError) Error() string { return e.err.Error() }

// boundary charges for a boundary and shows it.
func (r *run) boundary(ctx context.Context, n uint32) (*end, error) {
	if err := r.ctx.Err(); err != nil {
		return nil, err // execute gives the cause
	}
	sizes, items, err := r.sizes(ctx)
	if err != nil {
		return nil, &hostError{err}
	}
	left := r.left() - int64(wasm.BoundaryFuel(r.pages(), items))
	if r.setLeft(left); left < 0 {
		stop := r.trapped(TrapOutOfFuel, fmt.Sprintf("at boundary %d", n))
		return &stop, nil
	}
	if r.watch == nil || n >= step.Epochs(&r.watch.job.Limits) {
		return nil, nil
	}
	rec, err := r.record(ctx, n, sizes)
	if err != nil {
		return nil, &hostError{err}
	}
	if r.watch.each == nil {
		return nil, nil
	}
	if err := r.watch.each(&Boundary{Epoch: n, Record: rec, Root: rec.Root(), run: r, ctx: ctx}); err != nil {
		return nil, &hostError{err}
	}
	return nil, nil
}

func (r *run) pages() uint32 {
	if r.memory == nil {
		return 0
	}
	return uint32(len(r.memory.bytes) / wasm.PageBytes)
}

// sizes returns the sizes of the tables, and the number of their elements and
// of globals.
func (r *run) sizes(ctx context.Context) (sizes [step.MaxTables]uint32, items uint64, err error) {
	info := r.program.info
	items = uint64(len(info.Globals))
	for i := range info.Tables {
		t := &info.Tables[i]
		n := uint64(len(t.Contents))
		if !t.Static {
			if n, err = call(ctx, r.mod.ExportedFunction(t.Size)); err != nil {
				return sizes, 0, err
			}
		}
		sizes[i] = uint32(n)
		items += uint64(sizes[i])
	}
	return sizes, items, nil
}

// record returns the state of the canonical machine at a boundary.
func (r *run) record(ctx context.Context, boundary uint32, sizes [step.MaxTables]uint32) (step.Record, error) {
	w := r.watch
	rec := step.BoundaryRecord(w.digest, r.program.info.BoundaryPC, &w.job.Limits, boundary)
	rec.Fuel, rec.Pages, rec.Tables, rec.Host = r.left(), r.pages(), sizes, w.registers
	globals, err := r.globals()
	if err != nil {
		return step.Record{}, err
	}
	roots := &rec.Roots
	roots.Memory, roots.Globals = w.look(r.memory), machine.RootOf(machine.GlobalsDepth, globals)
	roots.HostNodes, roots.HostData = w.nodes.Root(), w.data.Root()
	for i := range r.program.info.Tables {
		t := &r.program.info.Tables[i]
		if t.Static {
			roots.Tables[i] = w.image.Tables[i].Root
			continue
		}
		b, err := r.table(ctx, t)
		if err != nil {
			return step.Record{}, err
		}
		roots.Tables[i] = machine.RootOf(machine.TableDepth, b)
	}
	return rec, nil
}

// checkpoint collects the state at a boundary.
func (r *run) checkpoint(ctx context.Context, rec *step.Record) (*checkpoint.Checkpoint, error) {
	c := checkpoint.New(*rec)
	if r.memory != nil {
		c.Append(machine.Memory, 0, r.memory.bytes)
	}
	globals, err := r.globals()
	if err != nil {
		return nil, err
	}
	c.Append(machine.Globals, 0, globals)
	for i := range r.program.info.Tables {
		b, err := r.table(ctx, &r.program.info.Tables[i])
		if err != nil {
			return nil, err
		}
		c.Append(machine.Tables, uint64(i)*(wasm.TableBytes/machine.LeafSize), b)
	}
	r.watch.nodes.Each(func(leaf uint64, b []byte) { c.Append(machine.HostNodes, leaf, b) })
	r.watch.data.Each(func(leaf uint64, b []byte) { c.Append(machine.HostData, leaf, b) })
	return c, nil
}

package wasm

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/machine/wasi"
	"github.com/capacloud/assay/machine/wasm"
)

// run is one instance of a program with its host.
type run struct {
	program *program
	limit   uint64         // of fuel
	files   *wasi.MemFiles // nil if the boundaries are watched
	watch   *watch         // nil if they are not
	host    *wasi.Host
	memory  *linear // nil if the module has none
	mod     api.Module
	refs    map[uint64]uint32 // the engine's references to functions

	fuel    api.MutableGlobal // the current slice; see left
	reserve int64
	slice   int64
	ctx     context.Context // of this run; host calls look at it
}

// runKey finds the run in the context of a host call.
type runKey struct{}

// end is how a program ended.
type end struct {
	status assay.Status
	code   uint32
	trap   assay.Code
	detail string
}

func newRun(ctx context.Context, x *Executor, p *program, job *assay.Job, a executor.Artifacts, w *watch) (*run, error) {
	r := &run{program: p, limit: job.Limits.Fuel, slice: x.slice, watch: w}
	var err error
	if w != nil {
		r.host, err = w.open(ctx, p, job, a)
	} else if r.files, err = wasi.NewMemFiles(reader{ctx, a}, job.Stdin, job.Input); err == nil {
		r.host = wasi.New(configOf(job), r.files)
	}
	if err != nil {
		return nil, err
	}
	ctx = experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(r.allocate))
	if r.mod, err = x.runtime.InstantiateModule(ctx, p.code, wazero.NewModuleConfig().WithName("").WithStartFunctions()); err != nil {
		r.memory.Free()
		return nil, fmt.Errorf("program %s: instantiate: %w", p.key.program, err)
	}
	if err := r.references(ctx); err != nil {
		r.close(ctx)
		return nil, fmt.Errorf("program %s: %w", p.key.program, err)
	}
	r.fuel = r.global(wasm.FuelExport)
	r.setLeft(int64(r.limit) - int64(min(r.limit, p.setup)))
	r.global(wasm.DepthExport).Set(uint64(job.Limits.Frames)<<32 | uint64(job.Limits.Slots))
	return r, nil
}

func configOf(job *assay.Job) wasi.Config {
	return wasi.Config{
		Args: job.Args, Env: job.Env, Seed: job.Seed, Index: job.Index, Start: int64(job.Start),
		Output: job.Limits.Output, Files: job.Limits.Files,
	}
}

func (r *run) global(name string) api.MutableGlobal {
	return r.mod.ExportedGlobal(name).(api.MutableGlobal)
}

// left is the fuel left. Below zero it is what was charged and not compared.
func (r *run) left() int64 { return int64(r.fuel.Get()) + r.reserve }

func (r *run) setLeft(left int64) {
	var now int64
	now, r.reserve = wasm.SplitFuel(left, r.slice)
	r.fuel.Set(uint64(now))
}

func (r *run) allocate(_, most uint64) experimental.LinearMemory {
	r.memory = newLinear(most)
	return r.memory
}

func (r *run) close(ctx context.Context) {
	_ = r.mod.Close(ctx) // an instance without files of its own has nothing to fail with
	r.memory.Free()
	r.watch.close()
}

// execute calls the start section's function and then the entry function, or
// those of the epochs.
func (r *run) execute(ctx context.Context) (end, error) {
	if r.program.setup > r.limit { // no checkpoint is behind this
		return r.trapped(TrapOutOfFuel, "the initial memory and tables cost more than the limit"), nil
	}
	call := context.WithValue(ctx, runKey{}, r)
	r.ctx = ctx
	var stop *end
	var err error
	if r.program.info.Epochs {
		stop, err = r.epochs(call)
	} else if _, err = r.invoke(call, wasm.StartExport); err == nil {
		_, err = r.invoke(call, wasm.EntryExport)
	}
	if h := (*hostError)(nil); errors.As(err, &h) {
		return end{}, fmt.Errorf("program %s: %w", r.program.key.program, h.err)
	}
	if ctx.Err() != nil {
		return end{}, fmt.Errorf("program %s: stopped: %w", r.program.key.program, context.Cause(ctx))
	}
	switch {
	case stop != nil:
		return *stop, nil
	case err == nil:
		return end{status: assay.Exited}, nil
	}
	return r.endOf(err)
}

// hostFunction returns the code behind one import of every instance.
func hostFunction(fn wasi.Func, params int, result bool) api.GoModuleFunc {
	return func(ctx context.Context, _ api.Module, stack []uint64) {
		r := ctx.Value(runKey{}).(*run)
		errno := r.call(fn, stack[:params])
		if result {
			stack[0] = uint64(errno)
		}
	}
}

// halt unwinds an instance from inside a host call. The instance stays
// readable.
type halt struct{ stop wasi.Stop }

// Error implements error.
func (h *halt) Error() string { return "stopped by the host" }

// refuel gives the next slice of fuel. Native code cannot be preempted (wazero's
// RATIONALE.md, "Why context cancellation is handled in Go code"), and asking
// wazero to look at every loop costs more than the loops. So this, with the host
// calls, is where a run that nobody waits for is stopped, where the garbage
// collector need not wait for longer, and where other goroutines get a turn.
func refuel(ctx context.Context, _ api.Module, _ []uint64) {
	r := ctx.Value(runKey{}).(*run)
	r.mayGoOn()
	runtime.Gosched()
	r.setLeft(r.left())
}

// mayGoOn unwinds a run whose context is done. It is an error, never a result.
func (r *run) mayGoOn() {
	if err := r.ctx.Err(); err != nil {
		panic(&halt{wasi.Stop{Kind: wasi.StopFailed, Err: err}})
	}
}

// call carries out one host call.
func (r *run) call(fn wasi.Func, args []uint64) wasi.Errno {
	r.mayGoOn()
	left := r.left() // not negative: the rewriting looks before each call
	errno, cost, stop := r.host.Call(fn, r.view(), args, uint64(left))
	if stop.Kind != wasi.StopOutOfFuel {
		r.setLeft(left - int64(cost))
	}
	if stop.Kind != wasi.Continue {
		panic(&halt{stop})
	}
	return errno
}

// view returns the memory as the guest has it now.
func (r *run) view() wasi.Memory {
	if r.memory == nil {
		return wasi.NoMemory{}
	}
	return r.memory
}

// endOf reads the error of a call: a halt of ours, a trap of the engine, or
// something that is no result.
func (r *run) endOf(err error) (end, error) {
	var h *halt
	if errors.As(err, &h) {
		switch h.stop.Kind {
		case wasi.StopExit:
			return end{status: assay.Exited, code: h.stop.Code}, nil
		case wasi.StopOutOfFuel:
			return r.trapped(TrapOutOfFuel, "in a host call"), nil
		case wasi.StopOutputLimit:
			return r.trapped(TrapOutputLimit, err.Error()), nil
		case wasi.StopFailed:
			return end{}, fmt.Errorf("program %s: %w", r.program.key.program, h.stop.Err)
		}
	}
	if isHostStack(err) {
		return end{}, fmt.Errorf("program %s: %w", r.program.key.program, ErrHostStack)
	}
	trap, ok := engineTrap(err)
	if !ok {
		return end{}, fmt.Errorf("program %s: the engine failed: %w", r.program.key.program, err)
	}
	if trap == TrapUnreachable {
		switch wasm.TrapCode(r.global(wasm.TrapExport).Get()) {
		case wasm.TrapOutOfFuel:
			trap = TrapOutOfFuel
		case wasm.TrapStackExhausted:
			trap = TrapStackExhausted
		}
	}
	return r.trapped(trap, err.Error()), nil
}

func (r *run) trapped(trap assay.Code, detail string) end {
	return end{status: assay.Trapped, trap: trap, detail: detail}
}

// outcome reads the result off the instance.
func (r *run) outcome(ctx context.Context, e end) (*executor.Outcome, error) {
	trap := wasm.TrapNone
	if e.trap == TrapOutOfFuel {
		trap = wasm.TrapOutOfFuel
	}
	left := r.left()
	state, err := r.state(ctx)
	if err != nil {
		return nil, err
	}
	tree, err := r.output()
	if err != nil {
		return nil, err
	}
	return &executor.Outcome{
		Result: assay.Result{
			Status:   e.status,
			ExitCode: e.code,
			Trap:     e.trap,
			Fuel:     wasm.FuelUsed(r.limit, left, trap),
			Output:   tree.Root,
			State:    state,
		},
		Output: tree,
		Detail: e.detail,
	}, nil
}

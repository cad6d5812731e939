package wasm

import (
	"context"
	"errors"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/machine/wasi"
	"github.com/capacloud/assay/machine/wasm"
	"github.com/capacloud/assay/merkle"
)

// Engine names one of wazero's two engines. Both must give equal results; the
// determinism gate runs a job on both.
type Engine string

// The engines.
const (
	// Compiler is the default. It needs amd64 or arm64.
	Compiler Engine = "compiler"
	// Interpreter is 40 to 200 times slower, and its native stack holds about
	// 2,000 frames: a job that goes deeper ends with an error there.
	Interpreter Engine = "interpreter"
)

// Options configure an Executor. The zero value compiles where it can, keeps
// compiled code in memory only, and keeps 16 programs.
type Options struct {
	Engine   Engine
	CacheDir string // for compiled code, of no other use to anyone; empty: none
	Programs int    // compiled programs kept in memory
}

const (
	defaultPrograms = 16
	// interpreterSlowness keeps slices short on the interpreter too.
	interpreterSlowness = 64
)

// Executor runs wasm/1 jobs. It implements executor.Executor and is safe for
// concurrent use: runs share compiled code and nothing else.
type Executor struct {
	runtime  wazero.Runtime
	cache    wazero.CompilationCache
	engine   Engine
	warning  string
	programs *programs
	slice    int64 // of fuel, see run.refuel; no result depends on it
}

var _ executor.Executor = (*Executor)(nil)

// New starts an executor. Where the compiler is unavailable the interpreter
// takes its place, and Warning says so.
func New(ctx context.Context, o Options) (*Executor, error) {
	x := &Executor{engine: o.Engine}
	switch x.engine {
	case "", Compiler:
		x.engine = Compiler
		if !compilerWorks(ctx) {
			x.engine, x.warning = Interpreter, "no wasm compiler for this processor: the interpreter runs instead, 40 to 200 times slower"
		}
	case Interpreter:
	default:
		return nil, fmt.Errorf("wasm executor: unknown engine %q", o.Engine)
	}
	x.cache = wazero.NewCompilationCache()
	if o.CacheDir != "" && x.engine == Compiler {
		var err error
		if x.cache, err = wazero.NewCompilationCacheWithDir(o.CacheDir); err != nil {
			return nil, fmt.Errorf("wasm executor: compilation cache %s: %w", o.CacheDir, err)
		}
	}
	x.slice = wasm.FuelSlice
	if x.engine == Interpreter {
		x.slice /= interpreterSlowness
	}
	x.runtime = wazero.NewRuntimeWithConfig(ctx, x.config())
	if err := x.link(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("wasm executor: link host functions: %w", err), x.Close(ctx))
	}
	if o.Programs == 0 {
		o.Programs = defaultPrograms
	}
	x.programs = newPrograms(x.runtime, o.Programs)
	return x, nil
}

func (x *Executor) config() wazero.RuntimeConfig {
	c := wazero.NewRuntimeConfigCompiler()
	if x.engine == Interpreter {
		c = wazero.NewRuntimeConfigInterpreter()
	}
	return c.WithCoreFeatures(api.CoreFeaturesV2).WithCompilationCache(x.cache).WithDebugInfoEnabled(false)
}

// compilerWorks tries, because wazero does not tell: it panics.
func compilerWorks(ctx context.Context) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler())
	return r.Close(ctx) == nil
}

// link offers the 46 functions of preview 1 to every instance, and the one that
// the rewriting adds.
func (x *Executor) link(ctx context.Context) error {
	_, err := x.runtime.NewHostModuleBuilder(wasm.RefuelModule).NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(refuel), nil, nil).Export(wasm.RefuelImport).Instantiate(ctx)
	if err != nil {
		return err
	}
	b := x.runtime.NewHostModuleBuilder(wasm.WASIModule)
	for i, f := range wasi.Functions() {
		b = b.NewFunctionBuilder().
			WithGoModuleFunction(hostFunction(wasi.Func(i), len(f.Params), len(f.Results) > 0), valueTypes(f.Params), valueTypes(f.Results)).
			Export(f.Name)
	}
	_, err = b.Instantiate(ctx)
	return err
}

func valueTypes(letters string) []api.ValueType {
	types := make([]api.ValueType, len(letters))
	for i := range letters {
		types[i] = api.ValueTypeI32
		if letters[i] == 'l' {
			types[i] = api.ValueTypeI64
		}
	}
	return types
}

// Engine returns the engine in use.
func (x *Executor) Engine() Engine { return x.engine }

// Warning says what a user should know about this host, if anything.
func (x *Executor) Warning() string { return x.warning }

// Close frees compiled code. No run may be in progress.
func (x *Executor) Close(ctx context.Context) error {
	return errors.Join(x.runtime.Close(ctx), x.cache.Close(ctx))
}

// Precompile compiles a program so that a later Execute starts at once. It
// refuses a program that is no wasm/1 module under these limits, with the code
// of the reason; Execute would give the result invalid-module.
func (x *Executor) Precompile(ctx context.Context, program []byte, l assay.Limits) (err error) {
	defer rescue(&err)
	if err := l.Validate(); err != nil {
		return err
	}
	p, err := x.programs.get(ctx, keyOf(merkle.FileOf(program), &l), func() ([]byte, error) { return program, nil })
	if err != nil {
		return err
	}
	defer x.programs.release(p)
	if p.invalid != nil {
		return &assay.Refusal{Code: assay.Code(p.invalid.Code), Detail: p.invalid.Error()}
	}
	return nil
}

// Execute runs a job. An error is never the program's fault and never a
// result; the result of an invalid program has status invalid-module.
func (x *Executor) Execute(ctx context.Context, job *assay.Job, a executor.Artifacts) (*executor.Outcome, error) {
	return x.run(ctx, job, a, nil)
}

// run is Execute for one who may want to see the boundaries between epochs.
func (x *Executor) run(ctx context.Context, job *assay.Job, a executor.Artifacts, w *watch) (out *executor.Outcome, err error) {
	defer rescue(&err)
	switch {
	case job.Runtime != assay.RuntimeWasm:
		return nil, assay.Refuse(assay.CodeRuntime, "%.40q is not %s", job.Runtime, assay.RuntimeWasm)
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	}
	if err := job.Limits.Validate(); err != nil {
		return nil, err
	}
	p, err := x.programs.get(ctx, keyOf(job.Program, &job.Limits), func() ([]byte, error) { return a.ReadFile(ctx, job.Program) })
	if err != nil {
		return nil, err
	}
	defer x.programs.release(p)
	switch {
	case p.invalid != nil && w != nil && w.from != nil:
		return nil, poisoned("the program is no wasm/1 module, and has no states")
	case p.invalid != nil:
		return invalidOutcome(p.invalid), nil
	case !p.info.Epochs && (w == nil || w.from == nil):
		w = nil
	}
	r, err := newRun(ctx, x, p, job, a, w)
	if err != nil {
		return nil, err
	}
	defer r.close(ctx)
	if w != nil && w.from != nil {
		if err := r.restore(ctx, w.from); err != nil {
			return nil, fmt.Errorf("program %s: resume: %w", job.Program, err)
		}
	}
	end, err := r.execute(ctx)
	if err != nil {
		return nil, err
	}
	return r.outcome(ctx, end)
}

// invalidOutcome is the same for every invalid program.
func invalidOutcome(reason *wasm.Error) *executor.Outcome {
	tree := executor.EmptyOutput()
	return &executor.Outcome{
		Result: assay.Result{Status: assay.InvalidModule, Output: tree.Root, State: canon.Hash(stateTag)},
		Output: tree,
		Detail: reason.Error(),
	}
}

// rescue turns a panic of an engine, or of ours, into an error: on one
// program's account no executor dies, and no result comes out.
func rescue(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("wasm executor: internal error: %v", r)
	}
}

// reader is what a guest's files are read through.
type reader struct {
	ctx context.Context // of the one run that it serves
	a   executor.Artifacts
}

// ReadFile implements wasi.Reader.
func (r reader) ReadFile(d canon.Digest) ([]byte, error) { return r.a.ReadFile(r.ctx, d) }

// ReadFolder implements wasi.Reader.
func (r reader) ReadFolder(d canon.Digest) ([]merkle.Entry, error) { return r.a.ReadFolder(r.ctx, d) }

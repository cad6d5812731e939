package circom

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"runtime"
	"strings"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/machine/wasm"
)

// Limits bound one run of a witness program.
type Limits struct {
	Fuel   uint64 // docs/WASM.md
	Memory uint64 // bytes
}

// Program is a witness program that is compiled and ready to run. It is safe for
// concurrent use.
type Program struct {
	runtime wazero.Runtime
	code    wazero.CompiledModule
	depth   int64
	setup   uint64 // fuel that the first memory costs
	slice   int64
}

// The imports that circom's code makes.
const hostModule = "runtime"

var hostFunctions = map[string][]api.ValueType{
	"exceptionHandler":   {api.ValueTypeI32},
	"printErrorMessage":  {},
	"writeBufferMessage": {},
	"showSharedRWMemory": {},
}

// Compile decodes, checks and rewrites a witness program, and compiles the
// rewriting: nothing of the program runs that machine/wasm has not admitted.
// The memory limit is part of the code.
func Compile(ctx context.Context, b []byte, memory uint64) (p *Program, err error) {
	defer rescue(&err)
	if len(b) > MaxProgram {
		return nil, assay.Refuse(CodeLimit, "a witness program of %d bytes; at most %d", len(b), MaxProgram)
	}
	m, err := wasm.Decode(b, wasm.DefaultLimits())
	if err == nil {
		err = wasm.Validate(m)
	}
	if err != nil {
		return nil, assay.Refuse(CodeProgram, "%v", err)
	}
	if err := checkModule(m); err != nil {
		return nil, err
	}
	pages := uint32(min(memory/wasm.PageBytes, wasm.MaxPages))
	info, err := wasm.Instrument(m, wasm.Options{MemoryPages: pages, KeepExports: true})
	if err != nil {
		return nil, assay.Refuse(CodeProgram, "%v", err)
	}
	p = &Program{depth: info.Depth, slice: wasm.FuelSlice}
	for _, m := range m.Memories {
		p.setup += uint64(m.Min) * wasm.PageFuel
	}
	return p, p.compile(ctx, info.Wasm)
}

// checkModule refuses imports that are not circom's, and tables that the profile
// would refuse.
func checkModule(m *wasm.Module) error {
	for i := range m.Imports {
		im := &m.Imports[i]
		want, ok := hostFunctions[im.Name]
		if !ok || im.Module != hostModule || im.Kind != wasm.KindFunc {
			return assay.Refuse(CodeProgram, "it imports %.40q %.40q", im.Module, im.Name)
		}
		if t := m.Types[im.Func]; len(t.Params) != len(want) || len(t.Results) != 0 || len(want) == 1 && t.Params[0] != wasm.I32 {
			return assay.Refuse(CodeProgram, "it imports %s with another type", im.Name)
		}
	}
	elems := uint64(0)
	for _, t := range m.Tables {
		elems += uint64(t.Min)
	}
	if elems > wasm.MaxTableElems {
		return assay.Refuse(CodeProgram, "%d elements in tables", elems)
	}
	return nil
}

func (p *Program) compile(ctx context.Context, code []byte) error {
	config, slowness := wazero.NewRuntimeConfigCompiler(), int64(1)
	if !compilerWorks(ctx) {
		config, slowness = wazero.NewRuntimeConfigInterpreter(), 64
	}
	p.slice /= slowness
	p.runtime = wazero.NewRuntimeWithConfig(ctx, config.WithCoreFeatures(api.CoreFeaturesV2).WithDebugInfoEnabled(false))
	if err := p.link(ctx); err != nil {
		return errors.Join(fmt.Errorf("link host functions: %w", err), p.Close(ctx))
	}
	var err error
	if p.code, err = p.runtime.CompileModule(ctx, code); err != nil {
		return errors.Join(fmt.Errorf("a module that is valid for us and not for wazero: %w", err), p.Close(ctx))
	}
	return nil
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

// Close frees the code. No run may be in progress.
func (p *Program) Close(ctx context.Context) error { return p.runtime.Close(ctx) }

func (p *Program) link(ctx context.Context) error {
	_, err := p.runtime.NewHostModuleBuilder(wasm.RefuelModule).NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(func(ctx context.Context, _ api.Module, _ []uint64) { runOf(ctx).refuel() }), nil, nil).
		Export(wasm.RefuelImport).Instantiate(ctx)
	if err != nil {
		return err
	}
	b := p.runtime.NewHostModuleBuilder(hostModule)
	for name, f := range map[string]func(*run, uint32){
		"exceptionHandler":   (*run).exception,
		"printErrorMessage":  (*run).message,
		"writeBufferMessage": (*run).message,
		"showSharedRWMemory": func(*run, uint32) {},
	} {
		b = b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(ctx context.Context, _ api.Module, stack []uint64) {
			code := uint32(0)
			if len(stack) > 0 {
				code = uint32(stack[0])
			}
			f(runOf(ctx), code)
		}), hostFunctions[name], nil).Export(name)
	}
	_, err = b.Instantiate(ctx)
	return err
}

type runKey struct{}

func runOf(ctx context.Context) *run { return ctx.Value(runKey{}).(*run) }

// run is one instance.
type run struct {
	ctx     context.Context // of this one computation; host calls look at it
	mod     api.Module
	fuel    api.MutableGlobal
	reserve int64
	slice   int64
	shared  uint32 // where numbers are exchanged
	text    strings.Builder
	talking bool // the guest is being asked for a message
}

// maxMessages bounds what a program may say, in bytes.
const maxMessages = 4 << 10

// stop unwinds a run from inside a host call.
type stop struct{ err error }

// Error implements error.
func (s *stop) Error() string { return s.err.Error() }

func (r *run) refuel() {
	if r.ctx.Err() != nil {
		panic(&stop{context.Cause(r.ctx)})
	}
	runtime.Gosched()
	r.set(int64(r.fuel.Get()) + r.reserve)
}

func (r *run) set(left int64) {
	var now int64
	now, r.reserve = wasm.SplitFuel(left, r.slice)
	r.fuel.Set(uint64(now))
}

// message collects what the program writes, character by character.
func (r *run) message(uint32) {
	if r.talking {
		panic(&stop{assay.Refuse(CodeProgram, "it writes a message inside a message")})
	}
	r.talking = true
	defer func() { r.talking = false }()
	for {
		c, err := r.call("getMessageChar", 1)
		if err != nil {
			panic(&stop{err})
		}
		if c == 0 {
			break
		}
		if r.text.Len() < maxMessages && c >= ' ' && c < 127 {
			r.text.WriteByte(byte(c))
		}
	}
	r.text.WriteByte(' ')
}

// exceptions are circom's numbers.
var exceptions = map[uint32]struct {
	code assay.Code
	text string
}{
	1: {CodeInput, "signal not found"},
	2: {CodeInput, "too many signals set"},
	3: {CodeInput, "signal already set"},
	4: {CodeAssert, "assert failed"},
	5: {CodeTrap, "not enough memory"},
	6: {CodeInput, "array access exceeds the size of an input"},
	7: {CodeAssert, "array access out of bounds"},
}

func (r *run) exception(code uint32) {
	e, ok := exceptions[code]
	if !ok {
		e.code, e.text = CodeTrap, fmt.Sprintf("exception %d", code)
	}
	panic(&stop{assay.Refuse(e.code, "%s: %s", e.text, strings.TrimSpace(r.text.String()))})
}

// Witness computes the value of every wire.
func (p *Program) Witness(ctx context.Context, in Inputs, l Limits) (w []fr.Element, err error) {
	defer rescue(&err)
	if l.Fuel < p.setup {
		return nil, assay.Refuse(CodeFuel, "its first memory costs %d", p.setup)
	}
	r := &run{ctx: ctx, slice: p.slice}
	ctx = context.WithValue(ctx, runKey{}, r)
	if r.mod, err = p.runtime.InstantiateModule(ctx, p.code, wazero.NewModuleConfig().WithName("").WithStartFunctions()); err != nil {
		return nil, assay.Refuse(CodeProgram, "instantiate: %v", err)
	}
	defer func() { err = errors.Join(err, r.mod.Close(ctx)) }()
	r.fuel = r.mod.ExportedGlobal(wasm.FuelExport).(api.MutableGlobal)
	r.set(int64(min(l.Fuel, math.MaxInt64/2) - p.setup))
	r.mod.ExportedGlobal(wasm.DepthExport).(api.MutableGlobal).Set(uint64(p.depth))
	r.ctx = ctx
	if r.mod.ExportedFunction(wasm.StartExport) != nil {
		if _, err := r.call(wasm.StartExport, 0); err != nil {
			return nil, err
		}
	}
	if err := r.begin(); err != nil {
		return nil, err
	}
	if err := r.give(in); err != nil {
		return nil, err
	}
	return r.values()
}

// begin checks that the program is of circom 2 and for our field.
func (r *run) begin() error {
	for _, c := range []struct {
		name string
		want uint32
	}{{"getVersion", 2}, {"getFieldNumLen32", scalarBytes / 4}} {
		v, err := r.call(c.name, 1)
		if err != nil {
			return err
		}
		if v != c.want {
			return assay.Refuse(CodeProgram, "%s is %d, want %d", c.name, v, c.want)
		}
	}
	var err error
	if r.shared, err = r.call("getSharedRWMemoryStart", 1); err != nil {
		return err
	}
	if _, err := r.call("getRawPrime", 0); err != nil {
		return err
	}
	b, err := r.exchange()
	if err != nil {
		return err
	}
	if [scalarBytes]byte(b) != scalarModulus {
		return assay.Refuse(CodeField, "the program computes modulo another prime")
	}
	_, err = r.call("init", 0, 1) // 1: check every constraint while computing
	return err
}

// exchange returns the 32 bytes through which numbers pass.
func (r *run) exchange() ([]byte, error) {
	if m := r.mod.Memory(); m != nil {
		if b, ok := m.Read(r.shared, scalarBytes); ok {
			return b, nil
		}
	}
	return nil, assay.Refuse(CodeProgram, "its exchange memory at %d is not there", r.shared)
}

// give sets the inputs, in the order of their names.
func (r *run) give(in Inputs) error {
	total := uint32(0)
	for _, name := range in.Names() {
		h := fnv.New64a()
		h.Write([]byte(name))
		high, low := uint64(uint32(h.Sum64()>>32)), uint64(uint32(h.Sum64()))
		size, err := r.call("getInputSignalSize", 1, high, low)
		switch {
		case err != nil:
			return err
		case int32(size) < 0:
			return assay.Refuse(CodeInput, "the circuit has no input %.60q", name)
		case int(size) != len(in[name]):
			return assay.Refuse(CodeInput, "%.60q has %d values, the circuit wants %d", name, len(in[name]), size)
		}
		for i := range in[name] {
			b, err := r.exchange()
			if err != nil {
				return err
			}
			fr.LittleEndian.PutElement((*[scalarBytes]byte)(b), in[name][i])
			if _, err := r.call("setInputSignal", 0, high, low, uint64(i)); err != nil {
				return err
			}
		}
		total += size
	}
	want, err := r.call("getInputSize", 1)
	if err == nil && total != want {
		err = assay.Refuse(CodeInput, "%d values, the circuit wants %d", total, want)
	}
	return err
}

func (r *run) values() ([]fr.Element, error) {
	n, err := r.call("getWitnessSize", 1)
	if err != nil {
		return nil, err
	}
	if n == 0 || n > MaxWires {
		return nil, assay.Refuse(CodeLimit, "a witness of %d values", n)
	}
	get, err := r.export("getWitness", 0, 1)
	if err != nil {
		return nil, err
	}
	var w []fr.Element // grows as values come: the number is the program's word
	stack := make([]uint64, 1)
	for i := range n {
		stack[0] = uint64(i)
		if err := get.CallWithStack(r.ctx, stack); err != nil {
			return nil, r.failure("getWitness", err)
		}
		b, err := r.exchange()
		if err != nil {
			return nil, err
		}
		e, err := scalar(b)
		if err != nil {
			return nil, err
		}
		w = append(w, e)
	}
	return w, nil
}

// export returns one of circom's exports, all of whose values are 32 bits.
func (r *run) export(name string, results, args int) (api.Function, error) {
	f := r.mod.ExportedFunction(name)
	if f == nil || len(f.Definition().ParamTypes()) != args || len(f.Definition().ResultTypes()) != results {
		return nil, assay.Refuse(CodeProgram, "it does not export %s as circom does", name)
	}
	for _, t := range append(f.Definition().ParamTypes(), f.Definition().ResultTypes()...) {
		if t != api.ValueTypeI32 {
			return nil, assay.Refuse(CodeProgram, "it does not export %s as circom does", name)
		}
	}
	return f, nil
}

// call calls one of circom's exports, which gives the number of results.
func (r *run) call(name string, results int, args ...uint64) (uint32, error) {
	f, err := r.export(name, results, len(args))
	if err != nil {
		return 0, err
	}
	out, err := f.Call(r.ctx, args...)
	if err != nil {
		return 0, r.failure(name, err)
	}
	if results == 0 {
		return 0, nil
	}
	return uint32(out[0]), nil
}

// failure tells why a call ended.
func (r *run) failure(name string, err error) error {
	if s := (*stop)(nil); errors.As(err, &s) {
		return s.err
	}
	if g := r.mod.ExportedGlobal(wasm.TrapExport); g != nil && wasm.TrapCode(g.Get()) == wasm.TrapOutOfFuel {
		return assay.Refuse(CodeFuel, "in %s", name)
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	return assay.Refuse(CodeTrap, "in %s: %s", name, text)
}

// rescue turns a panic of an engine, or of ours, into an error.
func rescue(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("circom: internal error: %v", r)
	}
}

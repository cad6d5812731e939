package interp

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/machine/step"
	"github.com/capacloud/assay/machine/wasm"
)

// The specification's own suites, as wazero ships them, run on the machine.
// Modules of the suites are no commands, so they are made self-contained: what
// they import from spectest becomes their own, and each export gets a piece of
// bootstrap that calls it. What the profile refuses is counted, and the counts
// are constants: a suite that shrinks fails.

func TestSpecV1(t *testing.T) {
	checkCounts(t, runSuite(t, "v1"), map[string]int{
		"action":                             42,
		"assert_exhaustion":                  15,
		"assert_invalid: see machine/wasm":   989,
		"assert_malformed: see machine/wasm": 1091,
		"assert_return":                      15718,
		"assert_return of a module that a skipped one may change":             25,
		"assert_return of a skipped module: shares state with another module": 45,
		"assert_trap": 439,
		"assert_trap of a module that a skipped one may change":             7,
		"assert_trap of a skipped module: shares state with another module": 12,
		"assert_uninstantiable": 1,
		"assert_uninstantiable refused: shares state with another module": 1,
		"assert_unlinkable: see machine/wasm":                             95,
		"files":                                                           73,
		"module":                                                          753,
		"module skipped: shares state with another module": 27,
		"register": 10,
	})
}

func TestSpecV2(t *testing.T) {
	checkCounts(t, runSuite(t, "v2"), map[string]int{
		"action": 153,
		"action of a skipped module: shares state with another module": 2,
		"assert_exhaustion":                                                   15,
		"assert_invalid: see machine/wasm":                                    2146,
		"assert_malformed: see machine/wasm":                                  1810,
		"assert_return":                                                       21425,
		"assert_return of a module that a skipped one may change":             30,
		"assert_return of a skipped module: shares state with another module": 58,
		"assert_return of a skipped module: wasm-forbidden-simd":              24221,
		"assert_trap": 2336,
		"assert_trap of a module that a skipped one may change":             6,
		"assert_trap of a skipped module: shares state with another module": 12,
		"assert_trap of a skipped module: wasm-forbidden-simd":              54,
		"assert_uninstantiable": 1,
		"assert_uninstantiable refused: shares state with another module": 7,
		"assert_uninstantiable refused: wasm-segment-out-of-bounds":       26,
		"assert_unlinkable: see machine/wasm":                             83,
		"files":                                                           148,
		"module":                                                          1141,
		"module skipped: shares state with another module":                46,
		"module skipped: wasm-forbidden-simd":                             412,
		"register":                                                        22,
	})
}

func checkCounts(t *testing.T, got, want map[string]int) {
	t.Helper()
	var keys []string
	for k := range got {
		keys = append(keys, k)
	}
	for k := range want {
		if _, ok := got[k]; !ok {
			keys = append(keys, k)
		}
	}
	sort.Strings(keys)
	for _, k := range keys {
		if got[k] != want[k] {
			t.Errorf("%q: %d, want %d", k, got[k], want[k])
		}
	}
}

type specFile struct {
	Source   string        `json:"source_filename"`
	Commands []specCommand `json:"commands"`
}

type specCommand struct {
	Type       string      `json:"type"`
	Line       int         `json:"line"`
	Name       string      `json:"name"`
	As         string      `json:"as"`
	Filename   string      `json:"filename"`
	Text       string      `json:"text"`
	ModuleType string      `json:"module_type"`
	Action     specAction  `json:"action"`
	Expected   []specValue `json:"expected"`
}

type specAction struct {
	Type   string      `json:"type"`
	Module string      `json:"module"`
	Field  string      `json:"field"`
	Args   []specValue `json:"args"`
}

type specValue struct {
	Type  string `json:"type"`
	Value any    `json:"value"`
}

// suiteDir is where the module cache holds wazero, whose zip carries the
// suites. Without them the test fails: it must never pass by absence.
func suiteDir(t testing.TB) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	dir := strings.TrimSpace(string(out))
	if err != nil || dir == "" {
		t.Fatalf("the module cache does not hold wazero: go mod download github.com/tetratelabs/wazero (%v)", err)
	}
	return filepath.Join(dir, "internal/integration_test/spectest")
}

func runSuite(t *testing.T, version string) map[string]int {
	files, err := filepath.Glob(filepath.Join(suiteDir(t), version, "testdata", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no suite: %v", err)
	}
	counts := map[string]int{"files": len(files)}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s := &suite{dir: filepath.Dir(file), counts: counts, byName: map[string]*instance{}, known: map[string]*instance{}}
		if err := json.Unmarshal(raw, &s.file); err != nil {
			t.Fatal(err)
		}
		s.name = filepath.Base(s.file.Source)
		t.Run(s.name, s.run)
	}
	return counts
}

// suite is the state of one file.
type suite struct {
	dir, name string
	file      specFile
	counts    map[string]int
	byName    map[string]*instance
	known     map[string]*instance // registered
	last      *instance
}

// instance is a module that has been started, or the reason why it is none.
type instance struct {
	m       *Machine
	module  *wasm.Module
	skip    string
	shared  bool              // a skipped module imports from it and may change it
	stubs   map[string]uint32 // pc of what calls an export
	types   map[string]wasm.FuncType
	globals map[string]uint32
}

func (s *suite) run(t *testing.T) {
	for i := range s.file.Commands {
		c := &s.file.Commands[i]
		where := fmt.Sprintf("%s:%d", s.name, c.Line)
		switch c.Type {
		case "module":
			inst := s.instantiate(t, c, where)
			if inst.skip != "" {
				s.counts["module skipped: "+inst.skip]++
			} else {
				s.counts["module"]++
				if trap := inst.m.rec.Trap; trap != wasm.TrapNone {
					t.Fatalf("%s: start trapped: %s", where, trap)
				}
			}
			s.last = inst
			if c.Name != "" {
				s.byName[c.Name] = inst
			}
		case "assert_uninstantiable":
			inst := s.instantiate(t, c, where)
			switch {
			case inst.skip != "":
				s.counts[c.Type+" refused: "+inst.skip]++
			case inst.m.rec.Trap == wasm.TrapNone:
				t.Errorf("%s: instantiated: %s", where, c.Text)
			default:
				s.counts[c.Type]++
			}
		case "action", "assert_return", "assert_trap", "assert_exhaustion":
			s.action(t, c, where)
		case "register":
			inst := s.last
			if c.Name != "" {
				inst = s.byName[c.Name]
			}
			s.known[c.As] = inst
			s.counts[c.Type]++
		case "assert_malformed", "assert_invalid", "assert_unlinkable":
			s.counts[c.Type+": see machine/wasm"]++
		default:
			t.Errorf("%s: unknown command %s", where, c.Type)
		}
	}
}

// instantiate lowers a module and runs its start section.
func (s *suite) instantiate(t *testing.T, c *specCommand, where string) *instance {
	b, err := os.ReadFile(filepath.Join(s.dir, c.Filename))
	if err != nil {
		t.Fatal(err)
	}
	m, err := wasm.Decode(b, wasm.DefaultLimits())
	if err != nil {
		var e *wasm.Error
		if errors.As(err, &e) {
			return &instance{skip: string(e.Code)}
		}
		t.Fatalf("%s: %v", where, err)
	}
	if err := wasm.Validate(m); err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	inst := &instance{stubs: map[string]uint32{}, types: map[string]wasm.FuncType{}, globals: map[string]uint32{}}
	if inst.skip = s.selfContained(m); inst.skip != "" {
		for _, im := range m.Imports {
			if from := s.known[im.Module]; from != nil {
				from.shared = true
			}
		}
		return inst
	}
	inst.module = m
	p := wasm.Lower(wasm.Encode(m))
	if p.Image.Invalid != "" {
		inst.skip = p.Image.Invalid
		return inst
	}
	for _, e := range m.Exports {
		switch e.Kind {
		case wasm.KindFunc:
			inst.stubs[e.Name] = uint32(len(p.Code))
			inst.types[e.Name] = m.Types[m.Funcs[e.Index]]
			p.Code = append(p.Code, wasm.Instr{Op: wasm.OpCall, Imm: uint64(e.Index)}, wasm.Instr{Op: wasm.OpExit})
		case wasm.KindGlobal:
			inst.globals[e.Name] = e.Index
		}
	}
	job := &assay.Job{Limits: assay.Limits{Fuel: 1 << 40, Memory: 65535 * wasm.PageBytes, Frames: 1 << 12, Slots: 1 << 20, Output: 1 << 20, Files: 4}}
	inst.m = New(p, job, nil)
	if err := inst.m.Run(math.MaxUint64); err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	if inst.m.rec.Status == assay.InvalidModule {
		inst.skip = "memory of 65,536 pages"
	}
	return inst
}

// selfContained makes what a module imports from spectest its own, and constant
// functions of other modules, and adds an entry function that does nothing. It
// returns why it cannot.
func (s *suite) selfContained(m *wasm.Module) string {
	const end, i32Const, i64Const, f32Const, f64Const, globalGet = 0x0b, 0x41, 0x42, 0x43, 0x44, 0x23
	var funcs []uint32
	var codes []wasm.Body
	var tables []wasm.TableType
	var memories []wasm.Bounds
	var globals []wasm.Global
	for _, im := range m.Imports {
		if im.Module != "spectest" {
			body, ok := s.constant(im)
			if !ok {
				return "shares state with another module"
			}
			funcs, codes = append(funcs, im.Func), append(codes, body)
			continue
		}
		switch im.Kind {
		case wasm.KindFunc:
			funcs = append(funcs, im.Func)
			codes = append(codes, wasm.Body{Expr: []byte{end}})
		case wasm.KindTable:
			tables = append(tables, wasm.TableType{Elem: wasm.FuncRef, Bounds: wasm.Bounds{Min: 10, Max: 20, HasMax: true}})
		case wasm.KindMemory:
			memories = append(memories, wasm.Bounds{Min: 1, Max: 2, HasMax: true})
		case wasm.KindGlobal:
			init := map[string]wasm.ConstExpr{
				"global_i32": {Op: i32Const, Type: wasm.I32, Bits: 666}, "global_i64": {Op: i64Const, Type: wasm.I64, Bits: 666},
				"global_f32": {Op: f32Const, Type: wasm.F32, Bits: uint64(math.Float32bits(666.6))},
				"global_f64": {Op: f64Const, Type: wasm.F64, Bits: math.Float64bits(666.6)},
			}[im.Name]
			globals = append(globals, wasm.Global{GlobalType: im.Global, Init: init})
		}
	}
	known := func(c *wasm.ConstExpr) {
		if c.Op == globalGet {
			*c = globals[c.Bits].Init
		}
	}
	for i := range m.Globals {
		known(&m.Globals[i].Init)
	}
	for i := range m.Elems {
		known(&m.Elems[i].At)
	}
	for i := range m.Datas {
		known(&m.Datas[i].At)
	}
	for i := range m.Exports {
		if m.Exports[i].Name == wasm.EntryExport {
			m.Exports[i].Name = "the suite's own _start"
		}
	}
	m.Imports = nil
	m.Types = append(m.Types, wasm.FuncType{})
	m.Funcs = append(append(funcs, m.Funcs...), uint32(len(m.Types)-1))
	m.Codes = append(append(codes, m.Codes...), wasm.Body{Expr: []byte{end}})
	m.Tables = append(tables, m.Tables...)
	m.Memories = append(memories, m.Memories...)
	m.Globals = append(globals, m.Globals...)
	m.Exports = append(m.Exports, wasm.Export{Name: wasm.EntryExport, Kind: wasm.KindFunc, Index: uint32(len(m.Funcs) - 1)})
	return ""
}

// constant returns the body of an imported function that has nothing to do with
// its module: i32.const n, end.
func (s *suite) constant(im wasm.Import) (wasm.Body, bool) {
	from := s.known[im.Module]
	if from == nil || from.module == nil || im.Kind != wasm.KindFunc {
		return wasm.Body{}, false
	}
	for _, e := range from.module.Exports {
		if e.Name == im.Name && e.Kind == wasm.KindFunc {
			b := from.module.Codes[e.Index].Expr
			return wasm.Body{Expr: b}, len(b) == 3 && b[0] == 0x41
		}
	}
	return wasm.Body{}, false
}

func (s *suite) action(t *testing.T, c *specCommand, where string) {
	inst := s.last
	if c.Action.Module != "" {
		inst = s.byName[c.Action.Module]
	}
	if inst == nil || inst.skip != "" {
		reason := "no module"
		if inst != nil {
			reason = inst.skip
		}
		s.counts[c.Type+" of a skipped module: "+reason]++
		return
	}
	if inst.shared {
		s.counts[c.Type+" of a module that a skipped one may change"]++
		return
	}
	s.counts[c.Type]++
	var results []uint64
	trap := wasm.TrapNone
	if c.Action.Type == "get" {
		v := inst.m.globals.values[inst.globals[c.Action.Field]]
		if wasm.ValType(inst.m.globals.types[inst.globals[c.Action.Field]]) == wasm.ExternRef {
			v = uint64(uint32(v + 1))
		}
		results = []uint64{v}
	} else {
		results, trap = inst.invoke(t, c)
	}
	switch c.Type {
	case "assert_trap", "assert_exhaustion":
		if want := trapOf(c.Text); trap != want || want == wasm.TrapNone {
			t.Errorf("%s %s: %v, want %s", where, c.Action.Field, trap, c.Text)
		}
		return
	case "action":
		return
	}
	if trap != wasm.TrapNone {
		t.Errorf("%s %s: trapped: %s", where, c.Action.Field, trap)
		return
	}
	for i, want := range c.Expected {
		if !want.matches(results[i]) {
			t.Errorf("%s %s: result %d is %#x, want %v", where, c.Action.Field, i, results[i], want)
		}
	}
}

// invoke calls an export.
func (inst *instance) invoke(t *testing.T, c *specCommand) ([]uint64, wasm.TrapCode) {
	m := inst.m
	pc, ok := inst.stubs[c.Action.Field]
	if !ok {
		t.Fatalf("no export %q", c.Action.Field)
	}
	m.rec.Phase, m.rec.Status, m.rec.Trap, m.rec.Progress = step.Running, 0, wasm.TrapNone, 0
	m.pc, m.fp, m.fuel, m.frames, m.room = pc, 0, 1<<40, int64(m.job.Limits.Frames), int64(m.job.Limits.Slots)
	for i, a := range c.Action.Args {
		m.slots[i] = a.bits()
	}
	if err := m.Run(math.MaxUint64); err != nil {
		t.Fatal(err)
	}
	if m.rec.Trap == wasm.TrapNone && (m.frames != int64(m.job.Limits.Frames) || m.room != int64(m.job.Limits.Slots)) {
		t.Errorf("%s: %d frames and %d slots are left", c.Action.Field, m.frames, m.room)
	}
	return append([]uint64(nil), m.slots[:len(inst.types[c.Action.Field].Results)]...), m.rec.Trap
}

func trapOf(text string) wasm.TrapCode {
	switch {
	case text == "indirect call type mismatch", text == "indirect call":
		return wasm.TrapIndirectCallType
	case text == "undefined element", text == "undefined", text == "out of bounds table access", strings.HasPrefix(text, "uninitialized"):
		return wasm.TrapTableAccess
	case text == "out of bounds memory access":
		return wasm.TrapMemoryBounds
	case text == "integer overflow":
		return wasm.TrapIntegerOverflow
	case text == "invalid conversion to integer":
		return wasm.TrapInvalidConversion
	case text == "integer divide by zero":
		return wasm.TrapIntegerDivide
	case text == "unreachable":
		return wasm.TrapUnreachable
	case text == "call stack exhausted":
		return wasm.TrapStackExhausted
	}
	return wasm.TrapNone
}

// bits is the value as a slot holds it.
func (v specValue) bits() uint64 {
	text, ok := v.Value.(string)
	if !ok || text == "null" {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		panic(err)
	}
	if v.Type == "externref" || v.Type == "funcref" {
		n++
	}
	return n
}

// matches honours the suite's NaN patterns: arithmetic gives the canonical one.
// The upper half of a 32-bit value is zero.
func (v specValue) matches(got uint64) bool {
	text, _ := v.Value.(string)
	switch {
	case v.Value == nil:
		return true // any reference
	case v.Type == "f32" && strings.HasPrefix(text, "nan:"):
		return got == wasm.NaN32
	case v.Type == "f64" && strings.HasPrefix(text, "nan:"):
		return got == wasm.NaN64
	}
	return got == v.bits()
}

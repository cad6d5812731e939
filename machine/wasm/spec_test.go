package wasm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// The specification's own suites, as wazero ships them, run against decoder,
// validator and rewritten execution. What is not run is counted, and the
// counts are constants: a suite that shrinks fails.

// nowLegal are assert_invalid cases of the 1.0 suite that 2.0 made legal:
// several results, several tables, and operands of unreachable code.
var nowLegal = map[string]bool{
	"func.wast:493": true, "func.wast:497": true,
	"imports.wast:310": true, "imports.wast:314": true, "imports.wast:318": true,
	"type.wast:53": true, "type.wast:57": true, "unreached-invalid.wast:539": true,
}

// fiveRefused are assert_invalid cases of the 2.0 suite that wazero accepts
// and we refuse.
var fiveRefused = map[string]bool{
	"data.wast:470": true, "data.wast:496": true, "elem.wast:458": true,
	"elem.wast:484": true, "global.wast:371": true,
}

func TestSpecV1(t *testing.T) {
	got := runSuite(t, "v1")
	want := map[string]int{
		"files": 73, "module": 780, "register": 10, "action": 42,
		"assert_return": 15788, "assert_trap": 458, "assert_exhaustion": 15,
		"assert_invalid": 989, "assert_malformed": 1091,
		"assert_unlinkable": 95, "assert_uninstantiable": 2,

		"legal in 2.0":                  8,
		"skipped text assert_malformed": 430,
	}
	checkCounts(t, got, want)
}

func TestSpecV2(t *testing.T) {
	got := runSuite(t, "v2")
	want := map[string]int{
		"files": 148, "module": 1126, "register": 21, "action": 155,
		"assert_return": 21453, "assert_trap": 2354, "assert_exhaustion": 15,
		"assert_invalid": 1477, "assert_malformed": 1300,
		"assert_unlinkable": 83, "assert_uninstantiable": 34,

		"refused by us alone":           5,
		"skipped text assert_malformed": 581,
		"skipped table segment outside": 15,

		"simd files":                    58,
		"simd refused by name":          412,
		"simd refused assert_invalid":   669,
		"simd modules without simd":     61,
		"simd skipped assert_malformed": 510,
		"simd skipped assert_return":    24281,
		"simd skipped assert_trap":      54,
		"simd skipped register":         1,
	}
	checkCounts(t, got, want)
}

func checkCounts(t *testing.T, got, want map[string]int) {
	t.Helper()
	keys := make([]string, 0, len(got))
	for k := range got {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		if got[k] != want[k] {
			t.Errorf("%-40s %d, want %d", k, got[k], want[k])
		}
	}
	for k := range want {
		if _, ok := got[k]; !ok {
			t.Errorf("%-40s 0, want %d", k, want[k])
		}
	}
}

// wazeroDir is where the module cache holds wazero, whose zip carries the
// suites. Without them the test fails: it must never pass by absence.
func wazeroDir(t testing.TB) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	dir := strings.TrimSpace(string(out))
	if err != nil || dir == "" {
		t.Fatalf("the module cache does not hold wazero: go mod download github.com/tetratelabs/wazero (%v)", err)
	}
	return dir
}

type specFile struct {
	Source   string        `json:"source_filename"`
	Commands []specCommand `json:"commands"`
}

type specCommand struct {
	Type       string      `json:"type"`
	Line       int         `json:"line"`
	Name       string      `json:"name"`
	Filename   string      `json:"filename"`
	As         string      `json:"as"`
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

func runSuite(t *testing.T, version string) map[string]int {
	dir := filepath.Join(wazeroDir(t), "internal/integration_test/spectest")
	files, err := filepath.Glob(filepath.Join(dir, version, "testdata", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no suite in %s: %v", dir, err)
	}
	spectest, err := os.ReadFile(filepath.Join(dir, "testdata", "spectest.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{"files": len(files)}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s := &suite{dir: filepath.Dir(file), version: version, counts: counts}
		if err := json.Unmarshal(raw, &s.file); err != nil {
			t.Fatal(err)
		}
		s.name = filepath.Base(s.file.Source)
		t.Run(s.name, func(t *testing.T) {
			if strings.HasPrefix(s.name, "simd_") {
				s.simd(t)
			} else {
				s.run(t, spectest)
			}
		})
	}
	return counts
}

// suite is the state of one file.
type suite struct {
	dir, name, version string
	file               specFile
	counts             map[string]int
	rt                 wazero.Runtime
	all                []*instance
	byName             map[string]*instance
	last               *instance
}

type instance struct {
	mod api.Module
	in  *Instrumented
}

func (s *suite) bytes(t *testing.T, c *specCommand) []byte {
	b, err := os.ReadFile(filepath.Join(s.dir, c.Filename))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// simd asserts that every well-formed module of a vector file is refused by
// name, and counts the rest.
func (s *suite) simd(t *testing.T) {
	s.counts["simd files"]++
	for i := range s.file.Commands {
		c := &s.file.Commands[i]
		if c.Filename == "" || c.ModuleType == "text" {
			s.counts["simd skipped "+c.Type]++
			continue
		}
		err := accept(s.bytes(t, c))
		switch {
		case err == nil && c.Type == "module":
			s.counts["simd modules without simd"]++
		case err == nil:
			t.Errorf("%s:%d: %s accepted", s.name, c.Line, c.Type)
		case c.Type == "module":
			var e *Error
			if !errors.As(err, &e) || e.Code != CodeSIMD {
				t.Errorf("%s:%d: %v", s.name, c.Line, err)
			}
			s.counts["simd refused by name"]++
		default:
			s.counts["simd refused "+c.Type]++
		}
	}
}

func accept(b []byte) error {
	m, err := Decode(b, DefaultLimits())
	if err != nil {
		return err
	}
	return Validate(m)
}

const spectestDepth = 1 << 12

func (s *suite) run(t *testing.T, spectest []byte) {
	ctx := t.Context()
	// The 1.0 suite expects all segments to be checked before any is copied;
	// with these features the engine does so.
	features := api.CoreFeaturesV1
	if s.version == "v2" {
		features = api.CoreFeaturesV2
	}
	s.rt = wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler().WithCoreFeatures(features))
	defer s.rt.Close(ctx)
	s.byName = map[string]*instance{}
	linkEndless(t, s.rt)
	if _, err := s.rt.InstantiateWithConfig(ctx, spectest, wazero.NewModuleConfig()); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(s.file.Commands); i++ {
		c := &s.file.Commands[i]
		where := fmt.Sprintf("%s:%d", s.name, c.Line)
		s.counts[c.Type]++
		switch c.Type {
		case "module":
			as := ""
			if i+1 < len(s.file.Commands) && s.file.Commands[i+1].Type == "register" {
				as = s.file.Commands[i+1].As
			}
			inst, err := s.instantiate(ctx, s.bytes(t, c), as)
			if err != nil {
				t.Fatalf("%s: %v", where, err)
			}
			s.last = inst
			s.all = append(s.all, inst)
			if c.Name != "" {
				s.byName[c.Name] = inst
			}
		case "register":
			if i == 0 || s.file.Commands[i-1].Type != "module" {
				t.Fatalf("%s: register does not follow its module", where)
			}
		case "assert_malformed", "assert_invalid":
			s.refused(t, c, where)
		case "assert_unlinkable":
			b := s.bytes(t, c)
			if err := accept(b); err != nil {
				t.Errorf("%s: %v", where, err)
			}
			if _, err := s.instantiate(ctx, b, ""); err == nil {
				t.Errorf("%s: linked", where)
			}
		case "assert_uninstantiable":
			s.uninstantiable(t, c, where)
		case "action", "assert_return":
			s.returns(t, c, where)
		case "assert_trap", "assert_exhaustion":
			s.traps(t, c, where)
		default:
			t.Errorf("%s: unknown command %s", where, c.Type)
		}
	}
}

// instantiate takes the whole way: decode, validate, rewrite, link, start.
func (s *suite) instantiate(ctx context.Context, b []byte, as string) (*instance, error) {
	m, err := Decode(b, DefaultLimits())
	if err != nil {
		return nil, err
	}
	if err := Validate(m); err != nil {
		return nil, err
	}
	in, err := Instrument(m, Options{MemoryPages: MaxPages, Fuel: 10, Frames: spectestDepth, KeepExports: true})
	if err != nil {
		return nil, err
	}
	mod, err := s.rt.InstantiateWithConfig(ctx, in.Wasm, wazero.NewModuleConfig().WithName(as).WithStartFunctions())
	if err != nil {
		return nil, err
	}
	inst := &instance{mod: mod, in: in}
	if in.HasStart {
		if _, err := mod.ExportedFunction(StartExport).Call(ctx); err != nil {
			return inst, err
		}
	}
	return inst, nil
}

func (s *suite) refused(t *testing.T, c *specCommand, where string) {
	if c.ModuleType == "text" {
		s.counts["skipped text "+c.Type]++
		return
	}
	b := s.bytes(t, c)
	err := accept(b)
	_, theirs := s.rt.CompileModule(t.Context(), b)
	switch {
	case s.version == "v1" && nowLegal[where]:
		s.counts["legal in 2.0"]++
		if err != nil {
			t.Errorf("%s: %v", where, err)
		}
	case err == nil:
		t.Errorf("%s: %s accepted: %s", where, c.Type, c.Text)
	case s.version == "v2" && fiveRefused[where]:
		s.counts["refused by us alone"]++
		if theirs != nil {
			t.Errorf("%s: wazero refuses it too: %v", where, theirs)
		}
	case theirs == nil:
		t.Errorf("%s: wazero accepts: %s", where, c.Text)
	}
}

func (s *suite) uninstantiable(t *testing.T, c *specCommand, where string) {
	b := s.bytes(t, c)
	if err := accept(b); err != nil {
		t.Errorf("%s: %v", where, err)
	}
	inst, err := s.instantiate(t.Context(), b, "")
	// wazero leaves out an element segment that does not fit, where 2.0 traps:
	// in the profile such modules are invalid.
	if strings.Contains(c.Text, "out of bounds table access") {
		s.counts["skipped table segment outside"]++
		return
	}
	if err == nil {
		t.Errorf("%s: instantiated: %s", where, c.Text)
	}
	if inst != nil {
		s.reset(inst)
	}
}

func (s *suite) target(c *specCommand) *instance {
	if c.Action.Module != "" {
		return s.byName[c.Action.Module]
	}
	return s.last
}

func (s *suite) returns(t *testing.T, c *specCommand, where string) {
	inst := s.target(c)
	var results []uint64
	if c.Action.Type == "get" {
		results = []uint64{inst.mod.ExportedGlobal(c.Action.Field).Get()}
	} else {
		before := globalOf(inst.mod, DepthExport)
		var err error
		if results, err = s.invoke(t, inst, c); err != nil {
			t.Errorf("%s %s: %v", where, c.Action.Field, err)
			s.resetAll()
			return
		}
		if after := globalOf(inst.mod, DepthExport); after != before {
			t.Errorf("%s %s: depth %#x before, %#x after", where, c.Action.Field, before, after)
		}
	}
	if c.Type == "action" {
		return
	}
	if len(results) != len(c.Expected) {
		t.Errorf("%s: %d results, want %d", where, len(results), len(c.Expected))
		return
	}
	for i, want := range c.Expected {
		if !want.matches(results[i]) {
			t.Errorf("%s %s: result %d is %#x, want %v", where, c.Action.Field, i, results[i], want)
		}
	}
}

func (s *suite) invoke(t *testing.T, inst *instance, c *specCommand) ([]uint64, error) {
	args := make([]uint64, len(c.Action.Args))
	for i, a := range c.Action.Args {
		args[i] = a.bits()
	}
	return inst.mod.ExportedFunction(c.Action.Field).Call(t.Context(), args...)
}

func globalOf(m api.Module, name string) uint64 { return m.ExportedGlobal(name).Get() }

// traps checks the reason, ours by TrapExport, the engine's by its message.
func (s *suite) traps(t *testing.T, c *specCommand, where string) {
	inst := s.target(c)
	_, err := s.invoke(t, inst, c)
	trap := TrapCode(globalOf(inst.mod, TrapExport))
	s.resetAll()
	if err == nil {
		t.Errorf("%s %s: returned, want %s", where, c.Action.Field, c.Text)
		return
	}
	if c.Type == "assert_exhaustion" {
		if trap != TrapStackExhausted {
			t.Errorf("%s: %v, want our stack-exhausted", where, err)
		}
		return
	}
	want, ok := trapText(c.Text)
	if !ok || trap != TrapNone || !strings.Contains(err.Error(), want) {
		t.Errorf("%s %s: %v (%d), want %s", where, c.Action.Field, err, trap, c.Text)
	}
}

// trapText maps the suite's wording to wazero's.
func trapText(text string) (string, bool) {
	switch {
	case text == "indirect call type mismatch", text == "indirect call":
		return "indirect call type mismatch", true
	case text == "undefined element", text == "undefined", text == "out of bounds table access", strings.HasPrefix(text, "uninitialized"):
		return "invalid table access", true
	case text == "out of bounds memory access", text == "integer overflow", text == "invalid conversion to integer",
		text == "integer divide by zero", text == "unreachable":
		return text, true
	}
	return "", false
}

func (s *suite) resetAll() {
	for _, inst := range s.all {
		s.reset(inst)
	}
}

func (s *suite) reset(inst *instance) {
	set := func(name string, v uint64) { inst.mod.ExportedGlobal(name).(api.MutableGlobal).Set(v) }
	set(DepthExport, uint64(inst.in.Depth))
	set(TrapExport, 0)
}

func (v specValue) bits() uint64 {
	text, ok := v.Value.(string)
	if !ok || text == "null" {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		panic(err)
	}
	if v.Type == "externref" {
		n++ // wazero's externref 0 is null
	}
	return n
}

// matches honours the suite's NaN patterns. That we give the canonical NaN
// wherever arithmetic makes one is asserted by its own tests.
func (v specValue) matches(got uint64) bool {
	text, _ := v.Value.(string)
	switch {
	case v.Value == nil:
		return true // any reference
	case v.Type == "f32" && strings.HasPrefix(text, "nan:"):
		return uint32(got) == 0x7fc00000
	case v.Type == "f64" && strings.HasPrefix(text, "nan:"):
		return got == 0x7ff8000000000000
	case v.Type == "i32" || v.Type == "f32":
		return uint32(got) == uint32(v.bits())
	}
	return got == v.bits()
}

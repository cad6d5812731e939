package interp

import (
	"math"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/machine/step"
	"github.com/capacloud/assay/machine/wasi"
	"github.com/capacloud/assay/machine/wasm"
)

// bounded asserts that a run took no more steps than its fuel bounds. What may
// run without fuel is no more than two bodies: for those the program's own length
// stands here, and not that of the longest of all.
func bounded(t testing.TB, m *Machine, program []byte, used uint64) {
	t.Helper()
	fuelled, unpaid := assay.Limits{Fuel: used}, assay.Limits{}
	const finishing = 100 // jobs of these tests have little output
	if most := step.Bound(&fuelled) - step.Bound(&unpaid) + 8*uint64(len(program)) + finishing; m.Steps() > most {
		t.Errorf("%d steps for %d fuel; at most %d", m.Steps(), used, most)
	}
}

// spender is a module for a program that takes many steps for its fuel: function
// 0 runs once, and calls the others.
type spender struct {
	generator
}

func newSpender() *spender {
	s := &spender{}
	s.m = wasm.Module{Start: -1, Types: []wasm.FuncType{{}}, Memories: []wasm.Bounds{{Min: 1}}}
	s.m.Tables = []wasm.TableType{{Elem: wasm.FuncRef, Bounds: wasm.Bounds{Min: 4}}}
	s.m.Exports = []wasm.Export{{Name: wasm.EntryExport, Kind: wasm.KindFunc}}
	return s
}

// declared adds a type.
func (s *spender) declared(params, results int) uint32 {
	ints := func(n int) (list []wasm.ValType) {
		for range n {
			list = append(list, wasm.I32)
		}
		return list
	}
	s.m.Types = append(s.m.Types, wasm.FuncType{Params: ints(params), Results: ints(results)})
	return uint32(len(s.m.Types) - 1)
}

// function adds a function with so many locals.
func (s *spender) function(t uint32, locals int, code func()) {
	s.b = nil
	code()
	s.op(gEnd)
	s.m.Funcs = append(s.m.Funcs, t)
	s.m.Codes = append(s.m.Codes, wasm.Body{Locals: []wasm.LocalRun{{Count: uint32(locals), Type: wasm.I32}}, Expr: s.b})
}

// times repeats code, counting local 0 down.
func (s *spender) times(n int32, code func()) {
	s.i32(n)
	s.idx(gLocalSet, 0)
	s.op(gLoop, 0x40)
	code()
	s.idx(gLocalGet, 0)
	s.i32(1)
	s.op(0x6b)
	s.idx(gLocalTee, 0)
	s.idx(gBrIf, 0)
	s.op(gEnd)
}

func (s *spender) repeat(n int, b ...byte) {
	for range n {
		s.op(b...)
	}
}

// far fills the stack of a function with many locals nearly as far as may be.
func (s *spender) far() {
	for range 9_400 {
		s.i32(1)
	}
}

const wideLocals = 49_900

// TestBound: no program takes more steps than its fuel bounds, however it goes
// about it, and the executor agrees about each.
func TestBound(t *testing.T) {
	wide := func(code func(*spender)) func(*spender) {
		return func(s *spender) {
			s.function(0, wideLocals, func() {
				s.far()
				s.times(2000, func() { code(s) })
				s.op(gReturn)
			})
		}
	}
	programs := map[string]func(s *spender){
		"loops that are empty": func(s *spender) {
			s.function(0, 1, func() { s.times(2000, func() { s.repeat(2000, gLoop, 0x40, gEnd) }) })
		},
		"loops that begin with loops": func(s *spender) {
			s.function(0, 1, func() {
				s.i32(2000)
				s.idx(gLocalSet, 0)
				s.repeat(1000, gLoop, 0x40)
				s.idx(gLocalGet, 0)
				s.i32(1)
				s.op(0x6b)
				s.idx(gLocalTee, 0)
				s.idx(gBrIf, 999)
				s.repeat(1000, gEnd)
			})
		},
		"calls of functions with many locals": func(s *spender) {
			s.function(0, 1, func() { s.times(2000, func() { s.repeat(20, gCall, 1) }) })
			s.function(0, 50_000, func() {})
		},
		"calls of functions with as many locals as one step zeroes": func(s *spender) {
			s.function(0, 1, func() { s.times(2000, func() { s.repeat(20, gCall, 1) }) })
			s.function(0, 513, func() {})
		},
		"calls of nothing": func(s *spender) {
			s.function(0, 1, func() { s.times(2000, func() { s.repeat(500, gCall, 1) }) })
			s.function(0, 0, func() {})
		},
		"results by the thousand": func(s *spender) {
			r := s.declared(0, 1000)
			s.function(0, 1, func() { s.times(100, func() { s.op(gCall, 1); s.repeat(499, gSelect); s.repeat(2, gDrop) }) })
			s.function(r, 0, func() {
				for range 1000 {
					s.i32(3)
				}
			})
		},
		"far selects": wide(func(s *spender) {
			for range 30 {
				s.i32(1)
				s.i32(2)
				s.i32(0)
				s.op(gBlock, 0x40, gEnd, gSelect, gDrop)
			}
		}),
		"far results": func(s *spender) {
			r := s.declared(0, 400)
			s.function(0, wideLocals, func() {
				s.far()
				s.times(500, func() {
					s.op(gCall, 1)
					s.repeat(199, gSelect)
					s.repeat(2, gDrop)
				})
				s.op(gReturn)
			})
			s.function(r, 0, func() {
				for range 400 {
					s.i32(3)
				}
			})
		},
		"far chains": wide(func(s *spender) {
			s.i32(1)
			s.repeat(300, 0x67) // clz
			s.op(gDrop)
		}),
		"far stores and tees": wide(func(s *spender) {
			for range 30 {
				s.i32(8)
				s.i32(9)
				s.op(0x36, 2, 0)
				s.idx(gLocalGet, 0)
				s.idx(gLocalTee, 1)
				s.idx(gLocalTee, 2)
				s.op(gBlock, 0x40, gEnd, gDrop)
			}
		}),
		"far bulk operations on nothing": wide(func(s *spender) {
			for range 30 {
				s.i32(0)
				s.i32(0)
				s.i32(0)
				s.op(gBlock, 0x40, gEnd)
				s.bulk(11, 0)
			}
		}),
		"bulk operations": func(s *spender) {
			s.function(0, 1, func() {
				s.times(200, func() {
					for _, n := range []int32{1, 63, 64, 4096, 4097, 65_536} {
						s.i32(0)
						s.i32(7)
						s.i32(n)
						s.bulk(11, 0)
					}
				})
			})
		},
		"branches that move": func(s *spender) {
			s.function(0, 1, func() {
				s.times(2000, func() {
					s.op(gBlock, byte(wasm.I32))
					s.i32(5)
					s.i32(6)
					s.idx(gLocalGet, 0)
					s.op(gBrIf, 0)
					s.op(gDrop)
					s.i32(1)
					s.op(gBrTable, 1, 0, 0)
					s.op(gEnd, gDrop)
				})
			})
		},
		"arms": func(s *spender) {
			s.function(0, 1, func() {
				s.times(2000, func() {
					for range 40 {
						s.idx(gLocalGet, 0)
						s.op(gIf, 0x40, gElse, gEnd)
						s.op(gBlock, 0x40)
						s.i32(0)
						s.op(gBrIf, 0, gEnd, gNop)
					}
				})
			})
		},
		"code on the way back": func(s *spender) {
			f := s.declared(1, 0)
			s.function(0, 1, func() { s.i32(38); s.op(gCall, 1) })
			s.function(f, 0, func() {
				s.idx(gLocalGet, 0)
				s.op(gIf, 0x40)
				s.idx(gLocalGet, 0)
				s.i32(1)
				s.op(0x6b, gCall, 1, gEnd)
				for range 2_000 {
					s.op(gBlock, 0x40)
					s.idx(gLocalGet, 0)
					s.op(gBrIf, 0, gEnd)
				}
			})
		},
	}
	x := newNative(t)
	for name, build := range programs {
		t.Run(name, func(t *testing.T) {
			s := newSpender()
			build(s)
			program := wasm.Encode(&s.m)
			job, shelf := jobOf(program)
			job.Limits.Slots = 5 << 20
			p := wasm.Lower(program)
			if p.Image.Invalid != "" {
				t.Fatal(p.Image.Invalid)
			}
			setup := p.Image.Setup()
			for _, fuel := range []uint64{setup + 200, setup + 1000, setup + 100_000, setup + 400_000} {
				job.Limits.Fuel = fuel
				used := compareJob(t, x, p, job, shelf).Fuel
				m := New(p, job, wasi.NewReaderInput(shelf))
				if err := m.Run(math.MaxUint64); err != nil {
					t.Fatal(err)
				}
				// The first state is no step.
				bounded(t, m, program, used-min(used, setup))
				t.Logf("%d steps for %d fuel", m.Steps(), used-min(used, setup))
			}
		})
	}
}

// TestDefaultBound: a dispute about a job with the default limits has eight
// levels, and what runs without fuel is as much as two bodies can have.
func TestDefaultBound(t *testing.T) {
	if got, bodies := step.Bound(&assay.Limits{}), 4*2*uint64(wasm.DefaultLimits().BodyBytes); got < bodies {
		t.Errorf("%d steps without fuel; two bodies may have %d", got, bodies)
	}
	l := assay.DefaultLimits()
	if got := step.Bound(&l); got > 1<<40 {
		t.Errorf("%d positions", got)
	}
}

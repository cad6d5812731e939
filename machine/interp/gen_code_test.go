package interp

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/capacloud/assay/machine/wasm"
)

const maxDepth = 5

// statement generates code that leaves the stack as it is.
func (g *generator) statement(depth int) {
	if depth > maxDepth || g.budget < 0 {
		g.op(gNop)
		return
	}
	if g.fat > 0 && g.chance(15) {
		g.fat--
		g.b = append(g.b, bytes.Repeat([]byte{gNop}, 66_000)...)
	}
	switch g.pick(28) {
	case 0:
		g.op(gNop)
	case 1, 2, 3:
		t := valTypes[g.pick(len(valTypes))]
		g.expr(t, depth)
		g.sink(t)
	case 4, 5, 6:
		g.store(depth)
	case 7, 8:
		g.construct(gBlock, depth)
	case 9, 10:
		g.loop(depth)
	case 11, 12:
		g.construct(gIf, depth)
	case 13, 14:
		g.branchIf(depth)
	case 15:
		g.leave(depth)
	case 16, 17:
		f := g.pick(len(g.funcs))
		if f <= g.fn && f >= len(g.imports) && !g.chance(5) {
			f = g.pick(len(g.imports)) // recursion is rare
		}
		g.callOf(f, depth)
		g.sinkAll(g.funcs[f].results)
	case 18:
		g.indirect(depth)
	case 19, 20:
		g.memoryBulk(depth)
	case 21, 22, 23:
		g.tableOp(depth)
	case 24:
		g.dispatch(depth)
	case 25, 26:
		g.join(depth)
	default:
		g.rotate()
	}
}

// rotate moves many locals about: labels around it carry them.
func (g *generator) rotate() {
	for range 8 + g.pick(25) {
		t := valTypes[g.pick(len(valTypes))]
		g.idx(gLocalGet, g.localOf(t))
		g.idx(gLocalSet, g.localOf(t))
	}
}

// construct generates a block or an if, with parameters and results.
func (g *generator) construct(op byte, depth int) {
	params, results := g.someTypes(2), g.someTypes(2)
	if g.chance(20) {
		results = params
	}
	g.values(params, depth+1)
	if op == gIf {
		g.expr(wasm.I32, depth+1)
	}
	g.op(op)
	g.blockType(params, results)
	g.labels = append(g.labels, results)
	g.arm(params, results, depth)
	if op == gIf && (len(params) != len(results) || len(params) > 0 && &params[0] != &results[0] || g.chance(50)) {
		g.op(gElse)
		g.arm(params, results, depth)
	}
	g.op(gEnd)
	g.labels = g.labels[:len(g.labels)-1]
	g.sinkAll(results)
}

func (g *generator) arm(params, results []wasm.ValType, depth int) {
	if len(params) > 0 && len(results) > 0 && &params[0] == &results[0] && g.chance(60) {
		g.statements(g.pick(3), depth) // the parameters stay below
		return
	}
	g.sinkAll(params)
	g.statements(g.pick(3), depth)
	g.values(results, depth+1)
}

// loop generates one that ends after a few rounds.
func (g *generator) loop(depth int) {
	if g.temps == loopCounters {
		return
	}
	counter := uint32(g.temp + g.temps)
	g.temps++
	params := g.someTypes(2)
	g.i32(int32(1 + g.pick(5)))
	g.idx(gLocalSet, counter)
	g.values(params, depth+1)
	g.op(gLoop)
	g.blockType(params, params)
	g.loops[len(g.labels)] = true
	g.labels = append(g.labels, params)
	if g.chance(50) {
		g.statements(g.pick(4), depth)
	} else {
		g.sinkAll(params)
		g.statements(g.pick(4), depth)
		g.values(params, depth+1)
	}
	g.idx(gLocalGet, counter)
	g.i32(-1)
	g.op(0x6a)
	g.idx(gLocalTee, counter)
	if g.chance(50) {
		g.i32(0)
		g.op(0x4a) // gt_s
	}
	g.idx(gBrIf, 0)
	g.op(gEnd)
	g.labels = g.labels[:len(g.labels)-1]
	g.loops[len(g.labels)] = false
	g.sinkAll(params)
	g.temps--
}

// dispatch generates what Go's compiler makes of a function: a loop around a jump
// table, whose cases say where to go next.
func (g *generator) dispatch(depth int) {
	if g.temps == loopCounters {
		return
	}
	next := uint32(g.temp + g.temps)
	g.temps++
	g.i32(0)
	g.idx(gLocalSet, next)
	g.op(gLoop, 0x40, gBlock, 0x40, gBlock, 0x40)
	for i := range 3 {
		g.loops[len(g.labels)] = i == 0
		g.labels = append(g.labels, nil)
	}
	g.idx(gLocalGet, next)
	g.op(gBrTable, 1, 0, 1)
	for range 2 {
		g.op(gEnd)
		g.labels = g.labels[:len(g.labels)-1]
		g.statements(1+g.pick(2), depth)
		if len(g.labels) > 0 && g.loops[len(g.labels)-1] {
			break
		}
		g.i32(1)
		g.idx(gLocalSet, next)
		g.idx(gBr, 1)
	}
	g.op(gEnd)
	g.labels = g.labels[:len(g.labels)-1]
	g.loops[len(g.labels)] = false
	g.temps--
}

// join generates a place that two ways lead to, one of them behind an operation,
// and a third avoids.
func (g *generator) join(depth int) {
	g.op(gBlock, 0x40, gBlock, 0x40)
	g.labels = append(g.labels, nil, nil)
	for way := range uint32(2) {
		g.expr(wasm.I32, depth+1)
		g.idx(gBrIf, way)
	}
	t := valTypes[g.pick(len(valTypes))]
	if g.chance(80) {
		t = []wasm.ValType{wasm.I32, wasm.I64}[g.pick(2)]
	}
	x := g.localOf(t)
	g.idx(gLocalGet, x)
	switch {
	case t == wasm.I32 && g.chance(80):
		g.i32(int32(g.pick(1000)))
		g.op(0x6a) // add
	case t == wasm.I64 && g.chance(50):
		g.op(gI64Const)
		g.s64(int64(g.pick(1000)) << (4 * g.pick(9)))
		g.op(0x7c) // add
	case t == wasm.I64 && g.chance(80):
		g.idx(gLocalGet, g.localOf(t))
		g.op(0x7c)
	case t == wasm.F64 && g.chance(80):
		g.idx(gLocalGet, g.localOf(t))
		g.op(0xa2) // mul
		g.idx(gLocalGet, g.localOf(t))
		g.op(0xa0) // add
	}
	g.idx(gLocalSet, g.localOf(t))
	g.op(gEnd)
	g.labels = g.labels[:len(g.labels)-1]
	g.expr(wasm.I32, depth+1)
	g.sink(wasm.I32)
	g.op(gEnd)
	g.labels = g.labels[:len(g.labels)-1]
}

// label chooses an open construct; loops only rarely, since they may not end.
func (g *generator) label() uint32 {
	l := g.pick(len(g.labels))
	if g.loops[len(g.labels)-1-l] && !g.chance(20) {
		l = g.pick(len(g.labels))
	}
	return uint32(l)
}

func (g *generator) taken(label uint32) []wasm.ValType { return g.labels[len(g.labels)-1-int(label)] }

func (g *generator) branchIf(depth int) {
	l := g.label()
	g.values(g.taken(l), depth+1)
	g.expr(wasm.I32, depth+1)
	g.idx(gBrIf, l)
	g.sinkAll(g.taken(l))
}

// leave generates a way out of a construct, and code behind it that is never
// reached. Half of the time it stands in an if of its own.
func (g *generator) leave(depth int) {
	wrapped := g.chance(70)
	if wrapped {
		g.expr(wasm.I32, depth+1)
		g.op(gIf, 0x40)
		g.labels = append(g.labels, nil)
	}
	switch g.pick(8) {
	case 0:
		g.values(g.labels[0], depth+1)
		g.op(gReturn)
	case 1, 2, 3:
		l := g.label()
		g.values(g.taken(l), depth+1)
		g.idx(gBr, l)
	case 4, 5, 6:
		g.branchTable(depth)
	default:
		if g.chance(30) {
			g.op(gUnreachable)
		}
	}
	if g.chance(40) {
		g.statements(1, depth)
	}
	if wrapped {
		g.op(gEnd)
		g.labels = g.labels[:len(g.labels)-1]
	}
}

func (g *generator) branchTable(depth int) {
	l := g.label()
	var same []uint32
	for i := range g.labels {
		if equal(g.taken(uint32(i)), g.taken(l)) {
			same = append(same, uint32(i))
		}
	}
	g.values(g.taken(l), depth+1)
	g.expr(wasm.I32, depth+1)
	if g.chance(70) {
		g.i32(3)
		g.op(0x71) // and
	}
	n := g.pick(4)
	g.idx(gBrTable, uint32(n))
	for range n + 1 {
		g.u32(same[g.pick(len(same))])
	}
}

func equal(a, b []wasm.ValType) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// address generates an address that is mostly inside memory.
func (g *generator) address(depth int) {
	g.expr(wasm.I32, depth+1)
	if !g.chance(1) {
		g.i32([]int32{0x3ff, 0x3ff, 0xff8, 0x7fff}[g.pick(4)])
		g.op(0x71)
	}
	if g.chance(30) {
		g.expr(wasm.I32, maxDepth)
		g.i32(0xff)
		g.op(0x71)
		g.op(0x6a)
	}
}

func (g *generator) memarg() {
	g.b = append(g.b, 0)
	offsets := []uint32{0, 0, 0, 0, 0, 0, 1, 1, 8, 8, 1021, 1021, 4096, 4096, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	if g.chance(2) {
		offsets = []uint32{65535, 65533, math.MaxUint32}
	}
	g.u32(offsets[g.pick(len(offsets))])
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (g *generator) store(depth int) {
	ops := []struct {
		op byte
		t  wasm.ValType
	}{
		{0x36, wasm.I32},
		{0x37, wasm.I64},
		{0x38, wasm.F32},
		{0x39, wasm.F64},
		{0x3a, wasm.I32},
		{0x3b, wasm.I32},
		{0x3c, wasm.I64},
		{0x3d, wasm.I64},
		{0x3e, wasm.I64},
	}
	o := ops[g.pick(len(ops))]
	g.address(depth)
	if g.chance(50) {
		g.expr(o.t, maxDepth)
	} else {
		g.expr(o.t, depth+1)
	}
	g.op(o.op)
	g.memarg()
}

func (g *generator) callOf(f, depth int) {
	exit := f < len(g.imports) && wasm.WASINames()[g.imports[f]] == "proc_exit" && !g.chance(10)
	if exit { // mostly behind a condition that does not hold
		g.i32(0)
		g.op(gIf, 0x40)
	}
	if f < len(g.imports) {
		g.hostArgs(f, depth)
	} else {
		g.values(g.funcs[f].params, depth+1)
	}
	g.idx(gCall, uint32(f))
	if exit {
		g.op(gEnd)
	}
}

// hostArgs generates arguments that host functions find something at.
func (g *generator) hostArgs(f, depth int) {
	for _, t := range g.funcs[f].params {
		if g.chance(8) {
			g.expr(t, depth+1)
			continue
		}
		if t == wasm.I64 {
			g.op(gI64Const)
			g.s64([]int64{0, 1, 64, 4096, -1, math.MaxInt64}[g.pick(6)])
			continue
		}
		g.i32([]int32{0, 1, 2, 3, 4, 5, 6, 8, 11, 16, 64, 96, 112, 128, 144, 256, 512, 1024, 2048, 3}[g.pick(20)])
	}
}

func (g *generator) indirect(depth int) {
	f := g.pick(len(g.funcs))
	sig := g.funcs[f]
	if f >= len(g.imports) && f <= g.fn || f < len(g.imports) && wasm.WASINames()[g.imports[f]] == "proc_exit" {
		return
	}
	if f < len(g.imports) {
		g.hostArgs(f, depth)
	} else {
		g.values(sig.params, depth+1)
	}
	if g.chance(80) { // the element that has it, if nothing was changed
		g.i32(int32(f))
	} else {
		g.expr(wasm.I32, depth+1)
		g.i32(15)
		g.op(0x71)
	}
	g.op(gIndirect)
	g.u32(sig.t)
	g.u32(uint32(boolInt(g.chance(10))))
	g.sinkAll(sig.results)
}

func (g *generator) small() { g.i32([]int32{0, 1, 3, 9, 70, 300, 5000}[g.pick(7)]) }

func (g *generator) memoryBulk(depth int) {
	switch g.pick(5) {
	case 0:
		g.address(depth)
		g.expr(wasm.I32, depth+1)
		g.small()
		g.bulk(11, 0)
	case 1, 2:
		g.address(depth)
		g.address(depth)
		g.small()
		g.bulk(10, 0, 0)
	case 3:
		g.address(depth)
		g.i32(int32(g.pick(8)))
		g.i32(int32(g.pick(8)))
		segment := byte(1)
		if g.chance(20) {
			segment = byte(g.pick(3))
		}
		g.bulk(8, segment, 0)
	default:
		if g.chance(20) {
			g.bulk(9, byte(g.pick(3)))
		}
	}
}

func (g *generator) tableOp(depth int) {
	table := byte(g.pick(3))
	t := wasm.FuncRef
	if table == 2 {
		t = wasm.ExternRef
	}
	index := func() {
		if g.chance(97) {
			g.i32(int32(g.pick(3)))
		} else {
			g.expr(wasm.I32, depth+1)
		}
	}
	switch g.pick(6) {
	case 0:
		index()
		g.expr(t, depth+1)
		g.op(gTableSet, table)
	case 1:
		index()
		g.expr(t, depth+1)
		g.i32(int32(g.pick(3)))
		g.bulk(17, table)
	case 2:
		from := byte(g.pick(2))
		if table == 2 {
			from = 2
		}
		index()
		index()
		g.i32(int32(g.pick(3)))
		g.bulk(14, table, from)
	case 3:
		segment := byte(1)
		if g.chance(20) {
			segment = byte(g.pick(3))
		}
		if table == 2 {
			segment = 3
		}
		index()
		g.i32(int32(g.pick(2)))
		g.i32(int32(g.pick(2) * boolInt(segment == 1 || g.chance(5))))
		g.bulk(12, segment, table)
	case 4:
		if g.chance(30) {
			g.bulk(13, byte(g.pick(4)))
		}
	default:
		g.expr(t, depth+1)
		g.i32(int32(g.pick(4)))
		g.bulk(15, table)
		g.sink(wasm.I32)
	}
}

// expr generates code that leaves one value.
func (g *generator) expr(t wasm.ValType, depth int) {
	if depth >= maxDepth || g.budget < 0 {
		g.leaf(t)
		return
	}
	switch g.pick(16) {
	case 0, 1, 2:
		g.leaf(t)
	case 3:
		g.expr(t, depth+1)
		g.idx(gLocalTee, g.localOf(t))
	case 4:
		g.expr(t, depth+1)
		g.expr(t, depth+1)
		g.expr(wasm.I32, depth+1)
		if letter(t) == 'r' || g.chance(30) {
			g.op(gSelectT, 1, byte(t))
		} else {
			g.op(gSelect)
		}
	case 5:
		g.expr(wasm.I32, depth+1)
		g.op(gIf, byte(t))
		g.labels = append(g.labels, []wasm.ValType{t})
		g.expr(t, depth+1)
		g.op(gElse)
		g.statements(g.pick(2), depth+1)
		g.expr(t, depth+1)
		g.op(gEnd)
		g.labels = g.labels[:len(g.labels)-1]
	case 6:
		g.op(gBlock, byte(t))
		g.labels = append(g.labels, []wasm.ValType{t})
		g.statements(g.pick(3), depth+1)
		g.expr(t, depth+1)
		if g.chance(50) {
			g.expr(wasm.I32, depth+1)
			g.idx(gBrIf, 0)
		}
		g.op(gEnd)
		g.labels = g.labels[:len(g.labels)-1]
	case 7, 8:
		g.load(t, depth)
	default:
		g.compute(t, depth)
	}
}

func (g *generator) leaf(t wasm.ValType) {
	switch {
	case letter(t) != 'r' && g.chance(10):
		g.half(t)
		return
	case g.chance(50):
		g.idx(gLocalGet, g.localOf(t))
		return
	case g.chance(20):
		g.idx(gGlobalGet, g.globalOf(t, false))
		return
	}
	switch t {
	case wasm.I32:
		g.i32([]int32{0, 1, -1, 2, 7, 31, 33, 255, 65535, 1 << 30, math.MinInt32, math.MaxInt32}[g.pick(12)])
	case wasm.I64:
		g.op(gI64Const)
		g.s64([]int64{0, 1, -1, 63, 65, 1 << 31, 1<<31 - 1, -1 << 31, 1 << 40, math.MinInt64, math.MaxInt64, 12}[g.pick(12)])
	case wasm.F32:
		v := []uint32{0, 1 << 31, 0x3f800000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffa00001, 0x4f000000, 0x5f800000, 0x40490fdb, 0xbf000000, 1}[g.pick(12)]
		g.op(gF32Const)
		g.b = binary.LittleEndian.AppendUint32(g.b, v)
	case wasm.F64:
		v := []float64{0, math.Copysign(0, -1), 1, -1.5, math.Inf(1), math.Inf(-1), math.NaN(), 1 << 31, 1 << 63, 1e300, 0.1, 5e-324}[g.pick(12)]
		g.op(gF64Const)
		g.b = binary.LittleEndian.AppendUint64(g.b, math.Float64bits(v))
	case wasm.FuncRef:
		if g.chance(70) {
			g.idx(gRefFunc, uint32(g.pick(len(g.funcs))))
		} else {
			g.op(gRefNull, byte(t))
		}
	default:
		g.op(gRefNull, byte(t))
	}
}

func (g *generator) load(t wasm.ValType, depth int) {
	var ops []byte
	switch t {
	case wasm.I32:
		ops = []byte{0x28, 0x2c, 0x2d, 0x2e, 0x2f}
	case wasm.I64:
		ops = []byte{0x29, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35}
	case wasm.F32:
		ops = []byte{0x2a}
	case wasm.F64:
		ops = []byte{0x2b}
	default:
		g.i32(int32(g.pick(4)))
		g.op(gTableGet, byte(2*boolInt(t == wasm.ExternRef)))
		return
	}
	g.address(depth)
	g.op(ops[g.pick(len(ops))])
	g.memarg()
}

// half generates the lower half of a local of 64 bits, as a value of this type.
func (g *generator) half(t wasm.ValType) {
	g.idx(gLocalGet, g.localOf(wasm.I64))
	g.op(0xa7) // wrap
	switch t {
	case wasm.I64:
		g.op(0xad) // extend without sign
	case wasm.F32:
		g.op(0xbe) // reinterpret
	case wasm.F64:
		g.op(0xad, 0xbf)
	}
}

func (g *generator) compute(t wasm.ValType, depth int) {
	if t == wasm.F64 && g.chance(10) { // a sum with a product, on either side
		left := g.chance(50)
		if left {
			g.expr(t, depth+1)
		}
		g.expr(t, depth+1)
		g.expr(t, depth+1)
		g.op(0xa2)
		if g.chance(20) {
			g.op(0xbd, 0xa7, 0xad, 0xbf) // the lower half of its bits
		}
		if !left {
			g.leaf(t)
		}
		g.op(0xa0)
		return
	}
	if letter(t) == 'r' {
		g.leaf(t)
		return
	}
	if t == wasm.I32 && g.chance(15) {
		g.special(depth)
		return
	}
	var of []int
	for i := range numeric {
		if typeOf(numeric[i].out[0]) == t {
			of = append(of, i)
		}
	}
	n := numeric[of[g.pick(len(of))]]
	for i := range len(n.in) {
		g.expr(typeOf(n.in[i]), depth+1)
	}
	switch {
	case n.op >= 256:
		g.bulk(byte(n.op - 256))
		return
	case n.op >= 0x6d && n.op <= 0x70 && !g.chance(5):
		g.i32(7)
		g.op(0x72) // or: the divisor is not zero
	case n.op >= 0x7f && n.op <= 0x82 && !g.chance(5):
		g.op(gI64Const, 7, 0x84)
	case n.op >= 0xa8 && n.op <= 0xab || n.op >= 0xae && n.op <= 0xb1:
		if !g.chance(5) { // an integer of no more than seven bits
			g.op(gDrop)
			g.i32(int32(g.pick(64)))
			g.op(map[byte]byte{'f': 0xb2, 'd': 0xb7}[n.in[0]])
		}
	}
	g.op(byte(n.op))
}

// special generates what answers an i32 and is not arithmetic.
func (g *generator) special(depth int) {
	switch g.pick(5) {
	case 0:
		g.op(gMemSize, 0)
	case 1:
		g.i32(int32(g.pick(2)))
		g.op(gMemGrow, 0)
	case 2:
		g.bulk(16, byte(g.pick(3)))
	case 3:
		t := valTypes[4+g.pick(2)]
		g.expr(t, depth+1)
		g.op(gRefIsNull)
	default:
		f := g.pick(len(g.imports))
		if len(g.funcs[f].results) == 0 {
			g.i32(1)
			return
		}
		g.callOf(f, depth)
	}
}

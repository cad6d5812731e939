package interp

import "encoding/binary"

// naiveInstr is a decoded instruction.
type naiveInstr struct {
	op        int // 256 and up: behind 0xfc
	a, b      uint32
	k         uint64
	targets   []uint32
	params    int // of a construct
	results   int
	end, els  int // of a construct: instruction indexes
	charge    int64
	charges   bool // a block begins behind the instruction
	unreached bool
}

type naiveBody struct {
	code  []naiveInstr
	entry int64
	calls bool // a function with a frame
}

type naiveReader struct {
	b  []byte
	at int
}

func (r *naiveReader) u() uint64 {
	v, n := binary.Uvarint(r.b[r.at:])
	r.at += n
	return v
}

func (r *naiveReader) s() int64 {
	var v int64
	for shift := 0; ; shift += 7 {
		c := r.b[r.at]
		r.at++
		v |= int64(c&0x7f) << shift
		if c < 0x80 {
			if shift < 57 && c&0x40 != 0 {
				v |= -1 << (shift + 7)
			}
			return v
		}
	}
}

func (n *naive) decode(f int) *naiveBody {
	r := &naiveReader{b: n.m.Codes[f].Expr}
	body := &naiveBody{}
	for _, run := range n.m.Codes[f].Locals {
		body.entry += int64(run.Count)
	}
	body.entry /= 64
	body.entry += int64(len(n.m.Types[n.m.Funcs[f]].Results) / 8)
	var open []int
	for r.at < len(r.b) {
		in := naiveInstr{op: int(r.b[r.at]), end: -1, els: -1}
		r.at++
		if in.op == gPrefix {
			in.op = 256 + int(r.u())
		}
		i := len(body.code)
		switch op := in.op; {
		case op == gBlock || op == gLoop || op == gIf:
			in.params, in.results = n.arity(r)
			open = append(open, i)
		case op == gElse:
			body.code[open[len(open)-1]].els = i
		case op == gEnd && len(open) > 0:
			body.code[open[len(open)-1]].end = i
			if e := body.code[open[len(open)-1]].els; e >= 0 {
				body.code[e].end = i
			}
			open = open[:len(open)-1]
		case op == gBr || op == gBrIf || op == gCall || op >= gLocalGet && op <= gTableSet || op == gRefFunc,
			op == 256+9 || op == 256+13 || op == 256+15 || op == 256+16 || op == 256+17:
			in.a = uint32(r.u())
		case op == gBrTable:
			for range r.u() + 1 {
				in.targets = append(in.targets, uint32(r.u()))
			}
		case op == gIndirect || op == 256+12 || op == 256+14 || op == 256+8 || op == 256+10:
			in.a, in.b = uint32(r.u()), uint32(r.u())
		case op == gSelectT:
			r.at += 2
		case op >= 0x28 && op <= 0x3e:
			r.u()
			in.k = r.u()
		case op == gMemSize || op == gMemGrow || op == gRefNull || op == 256+11:
			r.at++
		case op == gI32Const:
			in.k = uint64(uint32(r.s()))
		case op == gI64Const:
			in.k = uint64(r.s())
		case op == gF32Const:
			in.k = uint64(binary.LittleEndian.Uint32(r.b[r.at:]))
			r.at += 4
		case op == gF64Const:
			in.k = binary.LittleEndian.Uint64(r.b[r.at:])
			r.at += 8
		}
		body.code = append(body.code, in)
	}
	body.meter()
	for _, in := range body.code {
		body.calls = body.calls || !in.unreached && (in.op == gIndirect || in.op == gCall && int(in.a) >= n.imports)
	}
	return body
}

func (n *naive) arity(r *naiveReader) (int, int) {
	if c := r.b[r.at]; c == 0x40 {
		r.at++
		return 0, 0
	} else if c >= 0x6f && c < 0x80 {
		r.at++
		return 0, 1
	}
	t := n.m.Types[r.s()]
	return len(t.Params), len(t.Results)
}

// meter divides a body into blocks, by the text: first what cannot be reached,
// then which constructs some instruction leaves, then the costs.
func (body *naiveBody) meter() {
	code := body.code
	dead, depth := false, 0
	for i := range code {
		op := code[i].op
		switch {
		case !dead:
			dead = op == gBr || op == gBrTable || op == gReturn || op == gUnreachable
			depth = 0
			continue
		case op == gBlock || op == gLoop || op == gIf:
			depth++
		case depth > 0 && op == gEnd:
			depth--
		case depth == 0 && (op == gEnd || op == gElse):
			dead = false
			continue
		}
		code[i].unreached = true
	}
	left := map[int]bool{} // constructs that a branch inside leaves
	var open []int
	mark := func(label uint32) {
		for d := range label {
			if at := len(open) - 1 - int(d); at >= 0 {
				left[open[at]] = true
			}
		}
	}
	for i := range code {
		in := &code[i]
		if in.unreached {
			continue
		}
		switch in.op {
		case gBlock, gLoop, gIf:
			open = append(open, i)
		case gEnd:
			if len(open) > 0 {
				open = open[:len(open)-1]
			}
		case gBr, gBrIf:
			mark(in.a)
		case gBrTable:
			for _, l := range in.targets {
				mark(l)
			}
		case gReturn:
			mark(uint32(len(open)))
		}
	}
	costs := body.labelCosts()
	cost := &body.entry
	var around []*int64
	begin := func(in *naiveInstr) {
		in.charges = true
		cost = &in.charge
	}
	for i := range code {
		in := &code[i]
		if in.unreached {
			continue
		}
		switch in.op {
		case gBlock:
			around, open = append(around, cost), append(open, i)
		case gLoop:
			around, open = append(around, cost), append(open, i)
			begin(in)
			*cost += costs[i]
		case gElse:
			begin(in)
		case gEnd:
			if len(open) == 0 {
				break
			}
			if left[open[len(open)-1]] {
				begin(in)
			} else {
				cost = around[len(around)-1]
			}
			if of := open[len(open)-1]; code[of].op != gLoop {
				*cost += costs[of]
			}
			around, open = around[:len(around)-1], open[:len(open)-1]
		default:
			*cost++
			if in.op == gIf {
				around, open = append(around, cost), append(open, i)
				begin(in)
			}
			if in.op == gBrIf {
				begin(in)
			}
		}
	}
}

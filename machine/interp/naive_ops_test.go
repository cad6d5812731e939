package interp

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"

	"github.com/capacloud/assay/machine/wasm"
)

func (n *naive) plain(in *naiveInstr) {
	switch op := in.op; {
	case op == gNop:
	case op == gUnreachable:
		n.trap(wasm.TrapUnreachable)
	case op == gDrop:
		n.pop()
	case op == gSelect || op == gSelectT:
		c, y, x := n.pop32(), n.pop(), n.pop()
		if c == 0 {
			x = y
		}
		n.push(x)
	case op == gGlobalGet:
		n.push(n.globals[in.a])
	case op == gGlobalSet:
		n.globals[in.a] = n.pop()
	case op >= gI32Const && op <= gF64Const:
		n.push(in.k)
	case op == gRefNull:
		n.push(0)
	case op == gRefFunc:
		n.push(uint64(in.a) + 1)
	case op == gRefIsNull:
		n.push(truth(n.pop() == 0))
	case op >= 0x28 && op <= 0x35:
		n.load(in)
	case op >= 0x36 && op <= 0x3e:
		n.store(in)
	case op == gMemSize:
		n.push(uint64(len(n.mem) / wasm.PageBytes))
	case op == gMemGrow:
		n.grow()
	case op == gTableGet || op == gTableSet || op >= 256+12:
		n.table(in)
	case op >= 256+8:
		n.bulk(in)
	default:
		n.numeric(op)
	}
}

func (n *naive) access(in *naiveInstr, size uint64) []byte {
	at := uint64(n.pop32()) + in.k
	if at+size > uint64(len(n.mem)) {
		n.trap(wasm.TrapMemoryBounds)
	}
	return n.mem[at : at+size]
}

func (n *naive) load(in *naiveInstr) {
	sizes := [...]uint64{4, 8, 4, 8, 1, 1, 2, 2, 1, 1, 2, 2, 4, 4}
	b := n.access(in, sizes[in.op-0x28])
	var full [8]byte
	copy(full[:], b)
	v := binary.LittleEndian.Uint64(full[:])
	switch in.op {
	case 0x2c:
		v = uint64(uint32(int8(v)))
	case 0x2e:
		v = uint64(uint32(int16(v)))
	case 0x30:
		v = uint64(int8(v))
	case 0x32:
		v = uint64(int16(v))
	case 0x34:
		v = uint64(int32(v))
	}
	n.push(v)
}

func (n *naive) store(in *naiveInstr) {
	v := n.pop()
	sizes := [...]uint64{4, 8, 4, 8, 1, 2, 1, 2, 4}
	b := n.access(in, sizes[in.op-0x36])
	for i := range b {
		b[i] = byte(v >> (8 * i))
	}
}

func (n *naive) grow() {
	delta, pages := uint64(n.pop32()), uint64(len(n.mem)/wasm.PageBytes)
	most := n.job.Limits.Memory / wasm.PageBytes
	if b := n.m.Memories[0]; b.HasMax {
		most = min(most, uint64(b.Max))
	}
	ok := pages+delta <= most
	if ok {
		n.fuel -= int64(delta) * wasm.PageFuel
	}
	n.compareFuel()
	if !ok {
		n.push(math.MaxUint32)
		return
	}
	n.mem = append(n.mem, make([]byte, delta*wasm.PageBytes)...)
	n.push(pages)
}

// bulkFuel takes the extra charge of an operation on k units.
func (n *naive) bulkFuel(k uint32) {
	n.fuel -= (int64(k) + 63) / 64
	n.compareFuel()
}

func (n *naive) within(at, k uint32, size int, t wasm.TrapCode) {
	if uint64(at)+uint64(k) > uint64(size) {
		n.trap(t)
	}
}

func (n *naive) bulk(in *naiveInstr) {
	if in.op == 256+9 {
		n.data[in.a] = nil
		return
	}
	k, b, a := n.pop32(), n.pop32(), n.pop32()
	n.bulkFuel(k)
	n.within(a, k, len(n.mem), wasm.TrapMemoryBounds)
	switch in.op {
	case 256 + 8:
		n.within(b, k, len(n.data[in.a]), wasm.TrapMemoryBounds)
		copy(n.mem[a:], n.data[in.a][b:b+k])
	case 256 + 10:
		n.within(b, k, len(n.mem), wasm.TrapMemoryBounds)
		copy(n.mem[a:], n.mem[b:b+k])
	default:
		copy(n.mem[a:], bytes.Repeat([]byte{byte(b)}, int(k)))
	}
}

func (n *naive) table(in *naiveInstr) {
	const out = wasm.TrapTableAccess
	switch in.op {
	case gTableGet:
		i := n.pop32()
		n.within(i, 1, len(n.tables[in.a]), out)
		n.push(n.tables[in.a][i])
	case gTableSet:
		v, i := n.pop(), n.pop32()
		n.within(i, 1, len(n.tables[in.a]), out)
		n.tables[in.a][i] = v
	case 256 + 13:
		n.elems[in.a] = nil
	case 256 + 16:
		n.push(uint64(len(n.tables[in.a])))
	case 256 + 15:
		k, v := n.pop32(), n.pop()
		size, most := len(n.tables[in.a]), uint64(wasm.MaxTableElems)
		if b := n.m.Tables[in.a]; b.HasMax {
			most = min(most, uint64(b.Max))
		}
		ok := uint64(size)+uint64(k) <= most
		if ok {
			n.fuel -= int64(k) * wasm.ElemFuel
		}
		n.compareFuel()
		if !ok {
			n.push(math.MaxUint32)
			return
		}
		n.tables[in.a] = append(n.tables[in.a], slices.Repeat([]uint64{v}, int(k))...)
		n.push(uint64(size))
	case 256 + 17:
		k, v, i := n.pop32(), n.pop(), n.pop32()
		n.bulkFuel(k)
		n.within(i, k, len(n.tables[in.a]), out)
		copy(n.tables[in.a][i:], slices.Repeat([]uint64{v}, int(k)))
	default:
		k, b, a := n.pop32(), n.pop32(), n.pop32()
		var to, from []uint64
		if in.op == 256+14 {
			to, from = n.tables[in.a], n.tables[in.b]
		} else {
			to, from = n.tables[in.b], n.elems[in.a]
		}
		n.bulkFuel(k)
		n.within(a, k, len(to), out)
		n.within(b, k, len(from), out)
		copy(to[a:], from[b:b+k])
	}
}

// numericOp maps a numeric opcode to the operation that Eval defines.
var numericOp = func() map[int]wasm.Op {
	t := map[int]wasm.Op{}
	next := wasm.OpI32Eqz
	for op := 0x45; op < 256+8; op++ {
		if op == 0xad || op >= 0xbc && op <= 0xbf || op >= 0xc5 && op < 256 {
			continue
		}
		t[op] = next
		next++
	}
	return t
}()

func (n *naive) numeric(op int) {
	e, ok := numericOp[op]
	if !ok {
		return // the same bits of another type
	}
	var y uint64
	for _, x := range numeric {
		if x.op == op && len(x.in) == 2 {
			y = n.pop()
		}
	}
	v, trap := wasm.Eval(e, n.pop(), y)
	if trap != wasm.TrapNone {
		n.trap(trap)
	}
	n.push(v)
}

package interp

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/capacloud/assay/machine/wasm"
)

// frame is the part of the slots that an instruction can name.
type frame = [1 << 16]uint64

// execute runs up to n steps and returns how many it took. It ends earlier
// behind an instruction that belongs to slow, which has then been one step, and
// at a trap or exit.
//
// The variables of the loop live in registers; the machine's own are written
// back when it is left. Every case is one operation of machine/wasm, whose
// comments define it.
func (m *Machine) execute(n uint64) uint64 {
	var (
		code   = m.code
		mem    = m.mem.bytes
		notes  = m.mem.notes
		static = m.static
		pc     = m.pc
		fp     = m.fp
		fuel   = m.fuel
		s      = (*frame)(m.slots[fp:])
		left   = n
		in     *wasm.Instr
		trap   wasm.TrapCode
	)
loop:
	for left > 0 {
		left--
		in = &code[pc]
		pc++
		switch in.Op {
		case wasm.OpCharge:
			fuel -= int64(in.Imm)
			continue
		case wasm.OpLoop:
			fuel -= int64(in.Imm)
			if fuel < 0 {
				trap = wasm.TrapOutOfFuel
				break loop
			}
			continue
		case wasm.OpJump:
			fuel -= int64(in.Imm >> 32)
			if fuel < 0 && in.Imm&wasm.CompareBit != 0 {
				trap = wasm.TrapOutOfFuel
				break loop
			}
			pc = uint32(in.Imm) &^ wasm.CompareBit
			continue
		case wasm.OpJumpTable:
			i := min(uint32(s[in.A]), uint32(in.Imm>>32))
			entry := binary.LittleEndian.Uint64(static[uint64(uint32(in.Imm))+8*uint64(i):])
			fuel -= int64(entry >> 32)
			if fuel < 0 && entry&wasm.CompareBit != 0 {
				trap = wasm.TrapOutOfFuel
				break loop
			}
			pc = uint32(entry) &^ wasm.CompareBit
			continue
		case wasm.OpJumpConst:
			s[in.A] = uint64(uint32(in.B) | uint32(in.C)<<16)
			fuel -= int64(in.Imm >> 32 & 0xffff)
			if fuel < 0 && in.Imm&wasm.CompareBit != 0 {
				trap = wasm.TrapOutOfFuel
				break loop
			}
			fuel -= int64(in.Imm >> 48)
			pc = uint32(in.Imm) &^ wasm.CompareBit
			continue
		case wasm.OpCall:
			f := &m.funcs[uint32(in.Imm)]
			base := fp + uint32(in.Imm>>32)
			if m.frames < 1 || m.room < int64(f.Slots) {
				trap = wasm.TrapStackExhausted
				break loop
			}
			m.frames--
			m.room -= int64(f.Slots)
			if fuel -= int64(f.Cost); fuel < 0 {
				trap = wasm.TrapOutOfFuel
				break loop
			}
			s = m.enter(f, base, pc, fp)
			pc, fp = f.Entry, base
			continue
		case wasm.OpCallIndirect:
			f, t := m.callee(in, s)
			if t != wasm.TrapNone {
				trap = t
				break loop
			}
			if f.Host != 0 {
				m.pc, m.fp, m.fuel = pc-1, fp, fuel
				m.define()
				return n - left
			}
			base := fp + uint32(in.Imm>>32)
			if m.frames < 1 || m.room < int64(f.Slots) {
				trap = wasm.TrapStackExhausted
				break loop
			}
			m.frames--
			m.room -= int64(f.Slots)
			if fuel -= int64(f.Cost); fuel < 0 {
				trap = wasm.TrapOutOfFuel
				break loop
			}
			s = m.enter(f, base, pc, fp)
			pc, fp = f.Entry, base
			continue
		case wasm.OpReturn:
			if fuel < 0 && in.C != 0 {
				trap = wasm.TrapOutOfFuel
				break loop
			}
			link := s[in.B]
			m.frames++
			m.room += int64(in.Imm >> 32)
			if in.A == 1 && uint32(in.Imm) < 1<<16 {
				s[0] = s[uint16(in.Imm)]
			} else if in.A > 0 {
				from := fp + uint32(in.Imm)
				copy(m.slots[fp:], m.slots[from:from+uint32(in.A)])
			}
			pc, fp = uint32(link), uint32(link>>32)
			if fp < m.low {
				m.low = fp
			}
			if end := fp + m.reach[pc/perLeaf]; end > m.high {
				m.high = end
			}
			s = (*frame)(m.slots[fp:])
			continue
		case wasm.OpBrI32Eq:
			if uint32(s[in.A]) == uint32(s[in.B]) {
				break
			}
			fuel -= int64(in.Imm >> 32 & 0xffff)
			continue
		case wasm.OpBrI32Ne:
			if uint32(s[in.A]) != uint32(s[in.B]) {
				break
			}
			fuel -= int64(in.Imm >> 32 & 0xffff)
			continue
		case wasm.OpBrI32LtS:
			if int32(s[in.A]) < int32(s[in.B]) {
				break
			}
			fuel -= int64(in.Imm >> 32 & 0xffff)
			continue
		case wasm.OpBrI32LtU:
			if uint32(s[in.A]) < uint32(s[in.B]) {
				break
			}
			fuel -= int64(in.Imm >> 32 & 0xffff)
			continue
		case wasm.OpBrI32GeS:
			if int32(s[in.A]) >= int32(s[in.B]) {
				break
			}
			fuel -= int64(in.Imm >> 32 & 0xffff)
			continue
		case wasm.OpBrI32GeU:
			if uint32(s[in.A]) >= uint32(s[in.B]) {
				break
			}
			fuel -= int64(in.Imm >> 32 & 0xffff)
			continue
		case wasm.OpBrI32EqK:
			if uint32(s[in.A]) == (uint32(in.B) | uint32(in.C)<<16) {
				break
			}
			fuel -= int64(in.Imm >> 32 & 0xffff)
			continue
		case wasm.OpBrI32NeK:
			if uint32(s[in.A]) != (uint32(in.B) | uint32(in.C)<<16) {
				break
			}
			fuel -= int64(in.Imm >> 32 & 0xffff)
			continue
		case wasm.OpBrI32LtSK:
			if int32(s[in.A]) < int32(uint32(in.B)|uint32(in.C)<<16) {
				break
			}
			fuel -= int64(in.Imm >> 32 & 0xffff)
			continue
		case wasm.OpBrI32LtUK:
			if uint32(s[in.A]) < (uint32(in.B) | uint32(in.C)<<16) {
				break
			}
			fuel -= int64(in.Imm >> 32 & 0xffff)
			continue
		case wasm.OpBrI32GeSK:
			if int32(s[in.A]) >= int32(uint32(in.B)|uint32(in.C)<<16) {
				break
			}
			fuel -= int64(in.Imm >> 32 & 0xffff)
			continue
		case wasm.OpBrI32GeUK:
			if uint32(s[in.A]) >= (uint32(in.B) | uint32(in.C)<<16) {
				break
			}
			fuel -= int64(in.Imm >> 32 & 0xffff)
			continue
		case wasm.OpBrI64Eq:
			if s[in.A] == s[in.B] {
				break
			}
			fuel -= int64(in.Imm >> 32 & 0xffff)
			continue
		case wasm.OpBrI64Ne:
			if s[in.A] != s[in.B] {
				break
			}
			fuel -= int64(in.Imm >> 32 & 0xffff)
			continue
		case wasm.OpBrI64LtS:
			if int64(s[in.A]) < int64(s[in.B]) {
				break
			}
			fuel -= int64(in.Imm >> 32 & 0xffff)
			continue
		case wasm.OpBrI64LtU:
			if s[in.A] < s[in.B] {
				break
			}
			fuel -= int64(in.Imm >> 32 & 0xffff)
			continue
		case wasm.OpBrI64GeS:
			if int64(s[in.A]) >= int64(s[in.B]) {
				break
			}
			fuel -= int64(in.Imm >> 32 & 0xffff)
			continue
		case wasm.OpBrI64GeU:
			if s[in.A] >= s[in.B] {
				break
			}
			fuel -= int64(in.Imm >> 32 & 0xffff)
			continue
		case wasm.OpBrI64EqK:
			if s[in.A] == uint64(int64(int32(uint32(in.B)|uint32(in.C)<<16))) {
				break
			}
			fuel -= int64(in.Imm >> 32 & 0xffff)
			continue
		case wasm.OpBrI64NeK:
			if s[in.A] != uint64(int64(int32(uint32(in.B)|uint32(in.C)<<16))) {
				break
			}
			fuel -= int64(in.Imm >> 32 & 0xffff)
			continue
		case wasm.OpBrI64LtSK:
			if int64(s[in.A]) < int64(int32(uint32(in.B)|uint32(in.C)<<16)) {
				break
			}
			fuel -= int64(in.Imm >> 32 & 0xffff)
			continue
		case wasm.OpBrI64LtUK:
			if s[in.A] < uint64(int64(int32(uint32(in.B)|uint32(in.C)<<16))) {
				break
			}
			fuel -= int64(in.Imm >> 32 & 0xffff)
			continue
		case wasm.OpBrI64GeSK:
			if int64(s[in.A]) >= int64(int32(uint32(in.B)|uint32(in.C)<<16)) {
				break
			}
			fuel -= int64(in.Imm >> 32 & 0xffff)
			continue
		case wasm.OpBrI64GeUK:
			if s[in.A] >= uint64(int64(int32(uint32(in.B)|uint32(in.C)<<16))) {
				break
			}
			fuel -= int64(in.Imm >> 32 & 0xffff)
			continue
		case wasm.OpConst:
			s[in.A] = in.Imm
			continue
		case wasm.OpMove:
			s[in.A] = s[in.B]
			continue
		case wasm.OpMoves:
			to, from := fp+uint32(in.Imm), fp+uint32(in.Imm>>32)
			copy(m.slots[to:to+uint32(in.A)], m.slots[from:])
			continue
		case wasm.OpSelect:
			if uint32(s[uint16(in.Imm)]) != 0 {
				s[in.A] = s[in.B]
			} else {
				s[in.A] = s[in.C]
			}
			continue
		case wasm.OpGlobalGet:
			s[in.A] = m.globals.values[in.Imm]
			continue
		case wasm.OpGlobalSet:
			m.globals.values[in.Imm] = s[in.B]
			m.globals.notes[in.Imm/globalsPerLeaf] = 1
			continue
		case wasm.OpGlobalGetRef:
			s[in.A] = uint64(uint32(m.globals.values[in.Imm] + 1))
			continue
		case wasm.OpGlobalSetRef:
			m.globals.values[in.Imm] = uint64(uint32(s[in.B] - 1))
			m.globals.notes[in.Imm/globalsPerLeaf] = 1
			continue
		case wasm.OpLoad8U:
			ea := uint64(uint32(s[in.B])) + in.Imm
			if ea >= uint64(len(mem)) {
				trap = wasm.TrapMemoryBounds
				break loop
			}
			s[in.A] = uint64(mem[ea])
			continue
		case wasm.OpLoad16U:
			ea := uint64(uint32(s[in.B])) + in.Imm
			if ea+2 > uint64(len(mem)) {
				trap = wasm.TrapMemoryBounds
				break loop
			}
			s[in.A] = uint64(binary.LittleEndian.Uint16(mem[ea:]))
			continue
		case wasm.OpLoad32U:
			ea := uint64(uint32(s[in.B])) + in.Imm
			if ea+4 > uint64(len(mem)) {
				trap = wasm.TrapMemoryBounds
				break loop
			}
			s[in.A] = uint64(binary.LittleEndian.Uint32(mem[ea:]))
			continue
		case wasm.OpLoad64:
			ea := uint64(uint32(s[in.B])) + in.Imm
			if ea+8 > uint64(len(mem)) {
				trap = wasm.TrapMemoryBounds
				break loop
			}
			s[in.A] = binary.LittleEndian.Uint64(mem[ea:])
			continue
		case wasm.OpLoad8S32:
			ea := uint64(uint32(s[in.B])) + in.Imm
			if ea >= uint64(len(mem)) {
				trap = wasm.TrapMemoryBounds
				break loop
			}
			s[in.A] = uint64(uint32(int8(mem[ea])))
			continue
		case wasm.OpLoad16S32:
			ea := uint64(uint32(s[in.B])) + in.Imm
			if ea+2 > uint64(len(mem)) {
				trap = wasm.TrapMemoryBounds
				break loop
			}
			s[in.A] = uint64(uint32(int16(binary.LittleEndian.Uint16(mem[ea:]))))
			continue
		case wasm.OpLoad8S64:
			ea := uint64(uint32(s[in.B])) + in.Imm
			if ea >= uint64(len(mem)) {
				trap = wasm.TrapMemoryBounds
				break loop
			}
			s[in.A] = uint64(int8(mem[ea]))
			continue
		case wasm.OpLoad16S64:
			ea := uint64(uint32(s[in.B])) + in.Imm
			if ea+2 > uint64(len(mem)) {
				trap = wasm.TrapMemoryBounds
				break loop
			}
			s[in.A] = uint64(int16(binary.LittleEndian.Uint16(mem[ea:])))
			continue
		case wasm.OpLoad32S64:
			ea := uint64(uint32(s[in.B])) + in.Imm
			if ea+4 > uint64(len(mem)) {
				trap = wasm.TrapMemoryBounds
				break loop
			}
			s[in.A] = uint64(int32(binary.LittleEndian.Uint32(mem[ea:])))
			continue
		case wasm.OpLoad8UX:
			ea := uint64(uint32(s[in.B]+s[in.C])) + in.Imm
			if ea >= uint64(len(mem)) {
				trap = wasm.TrapMemoryBounds
				break loop
			}
			s[in.A] = uint64(mem[ea])
			continue
		case wasm.OpLoad16UX:
			ea := uint64(uint32(s[in.B]+s[in.C])) + in.Imm
			if ea+2 > uint64(len(mem)) {
				trap = wasm.TrapMemoryBounds
				break loop
			}
			s[in.A] = uint64(binary.LittleEndian.Uint16(mem[ea:]))
			continue
		case wasm.OpLoad32UX:
			ea := uint64(uint32(s[in.B]+s[in.C])) + in.Imm
			if ea+4 > uint64(len(mem)) {
				trap = wasm.TrapMemoryBounds
				break loop
			}
			s[in.A] = uint64(binary.LittleEndian.Uint32(mem[ea:]))
			continue
		case wasm.OpLoad64X:
			ea := uint64(uint32(s[in.B]+s[in.C])) + in.Imm
			if ea+8 > uint64(len(mem)) {
				trap = wasm.TrapMemoryBounds
				break loop
			}
			s[in.A] = binary.LittleEndian.Uint64(mem[ea:])
			continue
		case wasm.OpLoad8S32X:
			ea := uint64(uint32(s[in.B]+s[in.C])) + in.Imm
			if ea >= uint64(len(mem)) {
				trap = wasm.TrapMemoryBounds
				break loop
			}
			s[in.A] = uint64(uint32(int8(mem[ea])))
			continue
		case wasm.OpLoad16S32X:
			ea := uint64(uint32(s[in.B]+s[in.C])) + in.Imm
			if ea+2 > uint64(len(mem)) {
				trap = wasm.TrapMemoryBounds
				break loop
			}
			s[in.A] = uint64(uint32(int16(binary.LittleEndian.Uint16(mem[ea:]))))
			continue
		case wasm.OpLoad8S64X:
			ea := uint64(uint32(s[in.B]+s[in.C])) + in.Imm
			if ea >= uint64(len(mem)) {
				trap = wasm.TrapMemoryBounds
				break loop
			}
			s[in.A] = uint64(int8(mem[ea]))
			continue
		case wasm.OpLoad16S64X:
			ea := uint64(uint32(s[in.B]+s[in.C])) + in.Imm
			if ea+2 > uint64(len(mem)) {
				trap = wasm.TrapMemoryBounds
				break loop
			}
			s[in.A] = uint64(int16(binary.LittleEndian.Uint16(mem[ea:])))
			continue
		case wasm.OpLoad32S64X:
			ea := uint64(uint32(s[in.B]+s[in.C])) + in.Imm
			if ea+4 > uint64(len(mem)) {
				trap = wasm.TrapMemoryBounds
				break loop
			}
			s[in.A] = uint64(int32(binary.LittleEndian.Uint32(mem[ea:])))
			continue
		case wasm.OpStore8:
			ea := uint64(uint32(s[in.B])) + in.Imm
			if ea >= uint64(len(mem)) {
				trap = wasm.TrapMemoryBounds
				break loop
			}
			mem[ea] = byte(s[in.A])
			notes[ea>>10] = touched
			continue
		case wasm.OpStore16:
			ea := uint64(uint32(s[in.B])) + in.Imm
			if ea+2 > uint64(len(mem)) {
				trap = wasm.TrapMemoryBounds
				break loop
			}
			binary.LittleEndian.PutUint16(mem[ea:], uint16(s[in.A]))
			notes[ea>>10] = touched
			if ea&1023 > 1022 {
				notes[(ea+1)>>10] = touched
			}
			continue
		case wasm.OpStore32:
			ea := uint64(uint32(s[in.B])) + in.Imm
			if ea+4 > uint64(len(mem)) {
				trap = wasm.TrapMemoryBounds
				break loop
			}
			binary.LittleEndian.PutUint32(mem[ea:], uint32(s[in.A]))
			notes[ea>>10] = touched
			if ea&1023 > 1020 {
				notes[(ea+3)>>10] = touched
			}
			continue
		case wasm.OpStore64:
			ea := uint64(uint32(s[in.B])) + in.Imm
			if ea+8 > uint64(len(mem)) {
				trap = wasm.TrapMemoryBounds
				break loop
			}
			binary.LittleEndian.PutUint64(mem[ea:], s[in.A])
			notes[ea>>10] = touched
			if ea&1023 > 1016 {
				notes[(ea+7)>>10] = touched
			}
			continue
		case wasm.OpStore8X:
			ea := uint64(uint32(s[in.B]+s[in.C])) + in.Imm
			if ea >= uint64(len(mem)) {
				trap = wasm.TrapMemoryBounds
				break loop
			}
			mem[ea] = byte(s[in.A])
			notes[ea>>10] = touched
			continue
		case wasm.OpStore16X:
			ea := uint64(uint32(s[in.B]+s[in.C])) + in.Imm
			if ea+2 > uint64(len(mem)) {
				trap = wasm.TrapMemoryBounds
				break loop
			}
			binary.LittleEndian.PutUint16(mem[ea:], uint16(s[in.A]))
			notes[ea>>10] = touched
			if ea&1023 > 1022 {
				notes[(ea+1)>>10] = touched
			}
			continue
		case wasm.OpStore32X:
			ea := uint64(uint32(s[in.B]+s[in.C])) + in.Imm
			if ea+4 > uint64(len(mem)) {
				trap = wasm.TrapMemoryBounds
				break loop
			}
			binary.LittleEndian.PutUint32(mem[ea:], uint32(s[in.A]))
			notes[ea>>10] = touched
			if ea&1023 > 1020 {
				notes[(ea+3)>>10] = touched
			}
			continue
		case wasm.OpStore64X:
			ea := uint64(uint32(s[in.B]+s[in.C])) + in.Imm
			if ea+8 > uint64(len(mem)) {
				trap = wasm.TrapMemoryBounds
				break loop
			}
			binary.LittleEndian.PutUint64(mem[ea:], s[in.A])
			notes[ea>>10] = touched
			if ea&1023 > 1016 {
				notes[(ea+7)>>10] = touched
			}
			continue
		case wasm.OpStore8K:
			ea := uint64(uint32(s[in.B])) + uint64(uint32(in.Imm))
			if ea >= uint64(len(mem)) {
				trap = wasm.TrapMemoryBounds
				break loop
			}
			mem[ea] = byte(in.Imm >> 32)
			notes[ea>>10] = touched
			continue
		case wasm.OpStore16K:
			ea := uint64(uint32(s[in.B])) + uint64(uint32(in.Imm))
			if ea+2 > uint64(len(mem)) {
				trap = wasm.TrapMemoryBounds
				break loop
			}
			binary.LittleEndian.PutUint16(mem[ea:], uint16(in.Imm>>32))
			notes[ea>>10] = touched
			if ea&1023 > 1022 {
				notes[(ea+1)>>10] = touched
			}
			continue
		case wasm.OpStore32K:
			ea := uint64(uint32(s[in.B])) + uint64(uint32(in.Imm))
			if ea+4 > uint64(len(mem)) {
				trap = wasm.TrapMemoryBounds
				break loop
			}
			binary.LittleEndian.PutUint32(mem[ea:], uint32(in.Imm>>32))
			notes[ea>>10] = touched
			if ea&1023 > 1020 {
				notes[(ea+3)>>10] = touched
			}
			continue
		case wasm.OpStore64K:
			ea := uint64(uint32(s[in.B])) + uint64(uint32(in.Imm))
			if ea+8 > uint64(len(mem)) {
				trap = wasm.TrapMemoryBounds
				break loop
			}
			binary.LittleEndian.PutUint64(mem[ea:], uint64(int64(in.Imm)>>32))
			notes[ea>>10] = touched
			if ea&1023 > 1016 {
				notes[(ea+7)>>10] = touched
			}
			continue
		case wasm.OpStore8KX:
			ea := uint64(uint32(s[in.B]+s[in.C])) + uint64(uint32(in.Imm))
			if ea >= uint64(len(mem)) {
				trap = wasm.TrapMemoryBounds
				break loop
			}
			mem[ea] = byte(in.Imm >> 32)
			notes[ea>>10] = touched
			continue
		case wasm.OpStore16KX:
			ea := uint64(uint32(s[in.B]+s[in.C])) + uint64(uint32(in.Imm))
			if ea+2 > uint64(len(mem)) {
				trap = wasm.TrapMemoryBounds
				break loop
			}
			binary.LittleEndian.PutUint16(mem[ea:], uint16(in.Imm>>32))
			notes[ea>>10] = touched
			if ea&1023 > 1022 {
				notes[(ea+1)>>10] = touched
			}
			continue
		case wasm.OpStore32KX:
			ea := uint64(uint32(s[in.B]+s[in.C])) + uint64(uint32(in.Imm))
			if ea+4 > uint64(len(mem)) {
				trap = wasm.TrapMemoryBounds
				break loop
			}
			binary.LittleEndian.PutUint32(mem[ea:], uint32(in.Imm>>32))
			notes[ea>>10] = touched
			if ea&1023 > 1020 {
				notes[(ea+3)>>10] = touched
			}
			continue
		case wasm.OpStore64KX:
			ea := uint64(uint32(s[in.B]+s[in.C])) + uint64(uint32(in.Imm))
			if ea+8 > uint64(len(mem)) {
				trap = wasm.TrapMemoryBounds
				break loop
			}
			binary.LittleEndian.PutUint64(mem[ea:], uint64(int64(in.Imm)>>32))
			notes[ea>>10] = touched
			if ea&1023 > 1016 {
				notes[(ea+7)>>10] = touched
			}
			continue
		case wasm.OpMemorySize:
			s[in.A] = uint64(len(mem) / wasm.PageBytes)
			continue
		case wasm.OpTableGet:
			i := uint32(s[in.B])
			if i >= m.rec.Tables[in.Imm] {
				trap = wasm.TrapTableAccess
				break loop
			}
			s[in.A] = uint64(m.tables[in.Imm].elems[i] + 1)
			continue
		case wasm.OpTableSize:
			s[in.A] = uint64(m.rec.Tables[in.Imm])
			continue
		case wasm.OpI32AddK:
			s[in.A] = uint64(uint32(s[in.B]) + uint32(in.Imm))
			continue
		case wasm.OpI32MulK:
			s[in.A] = uint64(uint32(s[in.B]) * uint32(in.Imm))
			continue
		case wasm.OpI32AndK:
			s[in.A] = uint64(uint32(s[in.B]) & uint32(in.Imm))
			continue
		case wasm.OpI32OrK:
			s[in.A] = uint64(uint32(s[in.B]) | uint32(in.Imm))
			continue
		case wasm.OpI32XorK:
			s[in.A] = uint64(uint32(s[in.B]) ^ uint32(in.Imm))
			continue
		case wasm.OpI32ShlK:
			s[in.A] = uint64(uint32(s[in.B]) << (in.Imm & 31))
			continue
		case wasm.OpI32ShrSK:
			s[in.A] = uint64(uint32(int32(s[in.B]) >> (in.Imm & 31)))
			continue
		case wasm.OpI32ShrUK:
			s[in.A] = uint64(uint32(s[in.B]) >> (in.Imm & 31))
			continue
		case wasm.OpI32RotlK:
			s[in.A] = uint64(bits.RotateLeft32(uint32(s[in.B]), int(in.Imm&31)))
			continue
		case wasm.OpI64AddK:
			s[in.A] = s[in.B] + in.Imm
			continue
		case wasm.OpI64MulK:
			s[in.A] = s[in.B] * in.Imm
			continue
		case wasm.OpI64AndK:
			s[in.A] = s[in.B] & in.Imm
			continue
		case wasm.OpI64OrK:
			s[in.A] = s[in.B] | in.Imm
			continue
		case wasm.OpI64XorK:
			s[in.A] = s[in.B] ^ in.Imm
			continue
		case wasm.OpI64ShlK:
			s[in.A] = s[in.B] << (in.Imm & 63)
			continue
		case wasm.OpI64ShrSK:
			s[in.A] = uint64(int64(s[in.B]) >> (in.Imm & 63))
			continue
		case wasm.OpI64ShrUK:
			s[in.A] = s[in.B] >> (in.Imm & 63)
			continue
		case wasm.OpI64RotlK:
			s[in.A] = bits.RotateLeft64(s[in.B], int(in.Imm&63))
			continue
		case wasm.OpI32AddKCharge:
			s[in.A] = uint64(uint32(s[in.B]) + uint32(in.Imm))
			fuel -= int64(in.Imm >> 32)
			pc++
			continue
		case wasm.OpI64AddKCharge:
			s[in.A] = s[in.B] + uint64(int64(int32(in.Imm)))
			fuel -= int64(in.Imm >> 32)
			pc++
			continue
		case wasm.OpI64AddCharge:
			s[in.A] = s[in.B] + s[in.C]
			fuel -= int64(in.Imm)
			pc++
			continue
		case wasm.OpMoveCharge:
			s[in.A] = s[in.B]
			fuel -= int64(in.Imm)
			pc++
			continue
		case wasm.OpF64MulAdd:
			p := float64(math.Float64frombits(s[in.B]) * math.Float64frombits(s[in.C]))
			s[in.A] = canon64(float64(p + math.Float64frombits(s[uint16(in.Imm)])))
			continue
		case wasm.OpI32Eqz:
			s[in.A] = truth(uint32(s[in.B]) == 0)
			continue
		case wasm.OpI32Eq:
			s[in.A] = truth(uint32(s[in.B]) == uint32(s[in.C]))
			continue
		case wasm.OpI32Ne:
			s[in.A] = truth(uint32(s[in.B]) != uint32(s[in.C]))
			continue
		case wasm.OpI32LtS:
			s[in.A] = truth(int32(s[in.B]) < int32(s[in.C]))
			continue
		case wasm.OpI32LtU:
			s[in.A] = truth(uint32(s[in.B]) < uint32(s[in.C]))
			continue
		case wasm.OpI32GtS:
			s[in.A] = truth(int32(s[in.B]) > int32(s[in.C]))
			continue
		case wasm.OpI32GtU:
			s[in.A] = truth(uint32(s[in.B]) > uint32(s[in.C]))
			continue
		case wasm.OpI32LeS:
			s[in.A] = truth(int32(s[in.B]) <= int32(s[in.C]))
			continue
		case wasm.OpI32LeU:
			s[in.A] = truth(uint32(s[in.B]) <= uint32(s[in.C]))
			continue
		case wasm.OpI32GeS:
			s[in.A] = truth(int32(s[in.B]) >= int32(s[in.C]))
			continue
		case wasm.OpI32GeU:
			s[in.A] = truth(uint32(s[in.B]) >= uint32(s[in.C]))
			continue
		case wasm.OpI32Add:
			s[in.A] = uint64(uint32(s[in.B]) + uint32(s[in.C]))
			continue
		case wasm.OpI32Sub:
			s[in.A] = uint64(uint32(s[in.B]) - uint32(s[in.C]))
			continue
		case wasm.OpI32Mul:
			s[in.A] = uint64(uint32(s[in.B]) * uint32(s[in.C]))
			continue
		case wasm.OpI32And:
			s[in.A] = uint64(uint32(s[in.B]) & uint32(s[in.C]))
			continue
		case wasm.OpI32Or:
			s[in.A] = uint64(uint32(s[in.B]) | uint32(s[in.C]))
			continue
		case wasm.OpI32Xor:
			s[in.A] = uint64(uint32(s[in.B]) ^ uint32(s[in.C]))
			continue
		case wasm.OpI32Shl:
			s[in.A] = uint64(uint32(s[in.B]) << (s[in.C] & 31))
			continue
		case wasm.OpI32ShrS:
			s[in.A] = uint64(uint32(int32(s[in.B]) >> (s[in.C] & 31)))
			continue
		case wasm.OpI32ShrU:
			s[in.A] = uint64(uint32(s[in.B]) >> (s[in.C] & 31))
			continue
		case wasm.OpI32Rotl:
			s[in.A] = uint64(bits.RotateLeft32(uint32(s[in.B]), int(s[in.C]&31)))
			continue
		case wasm.OpI32Rotr:
			s[in.A] = uint64(bits.RotateLeft32(uint32(s[in.B]), -int(s[in.C]&31)))
			continue
		case wasm.OpI32Clz:
			s[in.A] = uint64(bits.LeadingZeros32(uint32(s[in.B])))
			continue
		case wasm.OpI32Ctz:
			s[in.A] = uint64(bits.TrailingZeros32(uint32(s[in.B])))
			continue
		case wasm.OpI32Popcnt:
			s[in.A] = uint64(bits.OnesCount32(uint32(s[in.B])))
			continue
		case wasm.OpI64Eqz:
			s[in.A] = truth(s[in.B] == 0)
			continue
		case wasm.OpI64Eq:
			s[in.A] = truth(s[in.B] == s[in.C])
			continue
		case wasm.OpI64Ne:
			s[in.A] = truth(s[in.B] != s[in.C])
			continue
		case wasm.OpI64LtS:
			s[in.A] = truth(int64(s[in.B]) < int64(s[in.C]))
			continue
		case wasm.OpI64LtU:
			s[in.A] = truth(s[in.B] < s[in.C])
			continue
		case wasm.OpI64GtS:
			s[in.A] = truth(int64(s[in.B]) > int64(s[in.C]))
			continue
		case wasm.OpI64GtU:
			s[in.A] = truth(s[in.B] > s[in.C])
			continue
		case wasm.OpI64LeS:
			s[in.A] = truth(int64(s[in.B]) <= int64(s[in.C]))
			continue
		case wasm.OpI64LeU:
			s[in.A] = truth(s[in.B] <= s[in.C])
			continue
		case wasm.OpI64GeS:
			s[in.A] = truth(int64(s[in.B]) >= int64(s[in.C]))
			continue
		case wasm.OpI64GeU:
			s[in.A] = truth(s[in.B] >= s[in.C])
			continue
		case wasm.OpI64Add:
			s[in.A] = s[in.B] + s[in.C]
			continue
		case wasm.OpI64Sub:
			s[in.A] = s[in.B] - s[in.C]
			continue
		case wasm.OpI64Mul:
			s[in.A] = s[in.B] * s[in.C]
			continue
		case wasm.OpI64And:
			s[in.A] = s[in.B] & s[in.C]
			continue
		case wasm.OpI64Or:
			s[in.A] = s[in.B] | s[in.C]
			continue
		case wasm.OpI64Xor:
			s[in.A] = s[in.B] ^ s[in.C]
			continue
		case wasm.OpI64Shl:
			s[in.A] = s[in.B] << (s[in.C] & 63)
			continue
		case wasm.OpI64ShrS:
			s[in.A] = uint64(int64(s[in.B]) >> (s[in.C] & 63))
			continue
		case wasm.OpI64ShrU:
			s[in.A] = s[in.B] >> (s[in.C] & 63)
			continue
		case wasm.OpI64Rotl:
			s[in.A] = bits.RotateLeft64(s[in.B], int(s[in.C]&63))
			continue
		case wasm.OpI64Rotr:
			s[in.A] = bits.RotateLeft64(s[in.B], -int(s[in.C]&63))
			continue
		case wasm.OpI64Clz:
			s[in.A] = uint64(bits.LeadingZeros64(s[in.B]))
			continue
		case wasm.OpI64Ctz:
			s[in.A] = uint64(bits.TrailingZeros64(s[in.B]))
			continue
		case wasm.OpI64Popcnt:
			s[in.A] = uint64(bits.OnesCount64(s[in.B]))
			continue
		case wasm.OpF32Eq:
			s[in.A] = truth(math.Float32frombits(uint32(s[in.B])) == math.Float32frombits(uint32(s[in.C])))
			continue
		case wasm.OpF32Ne:
			s[in.A] = truth(math.Float32frombits(uint32(s[in.B])) != math.Float32frombits(uint32(s[in.C])))
			continue
		case wasm.OpF32Lt:
			s[in.A] = truth(math.Float32frombits(uint32(s[in.B])) < math.Float32frombits(uint32(s[in.C])))
			continue
		case wasm.OpF32Gt:
			s[in.A] = truth(math.Float32frombits(uint32(s[in.B])) > math.Float32frombits(uint32(s[in.C])))
			continue
		case wasm.OpF32Le:
			s[in.A] = truth(math.Float32frombits(uint32(s[in.B])) <= math.Float32frombits(uint32(s[in.C])))
			continue
		case wasm.OpF32Ge:
			s[in.A] = truth(math.Float32frombits(uint32(s[in.B])) >= math.Float32frombits(uint32(s[in.C])))
			continue
		case wasm.OpF32Add:
			s[in.A] = uint64(canon32(float32(math.Float32frombits(uint32(s[in.B])) + math.Float32frombits(uint32(s[in.C])))))
			continue
		case wasm.OpF32Sub:
			s[in.A] = uint64(canon32(float32(math.Float32frombits(uint32(s[in.B])) - math.Float32frombits(uint32(s[in.C])))))
			continue
		case wasm.OpF32Mul:
			s[in.A] = uint64(canon32(float32(math.Float32frombits(uint32(s[in.B])) * math.Float32frombits(uint32(s[in.C])))))
			continue
		case wasm.OpF32Div:
			s[in.A] = uint64(canon32(float32(math.Float32frombits(uint32(s[in.B])) / math.Float32frombits(uint32(s[in.C])))))
			continue
		case wasm.OpF32Abs:
			s[in.A] = uint64(uint32(s[in.B])) &^ (1 << 31)
			continue
		case wasm.OpF32Neg:
			s[in.A] = uint64(uint32(s[in.B])) ^ 1<<31
			continue
		case wasm.OpF64Eq:
			s[in.A] = truth(math.Float64frombits(s[in.B]) == math.Float64frombits(s[in.C]))
			continue
		case wasm.OpF64Ne:
			s[in.A] = truth(math.Float64frombits(s[in.B]) != math.Float64frombits(s[in.C]))
			continue
		case wasm.OpF64Lt:
			s[in.A] = truth(math.Float64frombits(s[in.B]) < math.Float64frombits(s[in.C]))
			continue
		case wasm.OpF64Gt:
			s[in.A] = truth(math.Float64frombits(s[in.B]) > math.Float64frombits(s[in.C]))
			continue
		case wasm.OpF64Le:
			s[in.A] = truth(math.Float64frombits(s[in.B]) <= math.Float64frombits(s[in.C]))
			continue
		case wasm.OpF64Ge:
			s[in.A] = truth(math.Float64frombits(s[in.B]) >= math.Float64frombits(s[in.C]))
			continue
		case wasm.OpF64Add:
			s[in.A] = canon64(float64(math.Float64frombits(s[in.B]) + math.Float64frombits(s[in.C])))
			continue
		case wasm.OpF64Sub:
			s[in.A] = canon64(float64(math.Float64frombits(s[in.B]) - math.Float64frombits(s[in.C])))
			continue
		case wasm.OpF64Mul:
			s[in.A] = canon64(float64(math.Float64frombits(s[in.B]) * math.Float64frombits(s[in.C])))
			continue
		case wasm.OpF64Div:
			s[in.A] = canon64(float64(math.Float64frombits(s[in.B]) / math.Float64frombits(s[in.C])))
			continue
		case wasm.OpF64Sqrt:
			s[in.A] = canon64(math.Sqrt(math.Float64frombits(s[in.B])))
			continue
		case wasm.OpF64Abs:
			s[in.A] = s[in.B] &^ (1 << 63)
			continue
		case wasm.OpF64Neg:
			s[in.A] = s[in.B] ^ 1<<63
			continue
		case wasm.OpI32WrapI64:
			s[in.A] = uint64(uint32(s[in.B]))
			continue
		case wasm.OpI64ExtendI32S, wasm.OpI64Extend32S:
			s[in.A] = uint64(int32(s[in.B]))
			continue
		case wasm.OpI32Extend8S:
			s[in.A] = uint64(uint32(int8(s[in.B])))
			continue
		case wasm.OpI32Extend16S:
			s[in.A] = uint64(uint32(int16(s[in.B])))
			continue
		case wasm.OpI64Extend8S:
			s[in.A] = uint64(int8(s[in.B]))
			continue
		case wasm.OpI64Extend16S:
			s[in.A] = uint64(int16(s[in.B]))
			continue
		case wasm.OpF64ConvertI32S:
			s[in.A] = math.Float64bits(float64(int32(s[in.B])))
			continue
		case wasm.OpF64ConvertI32U:
			s[in.A] = math.Float64bits(float64(uint32(s[in.B])))
			continue
		case wasm.OpF64ConvertI64S:
			s[in.A] = math.Float64bits(float64(int64(s[in.B])))
			continue
		case wasm.OpF64PromoteF32:
			s[in.A] = canon64(float64(math.Float32frombits(uint32(s[in.B]))))
			continue
		case wasm.OpF32DemoteF64:
			s[in.A] = uint64(canon32(float32(math.Float64frombits(s[in.B]))))
			continue
		case wasm.OpI32DivS, wasm.OpI32DivU, wasm.OpI32RemS, wasm.OpI32RemU,
			wasm.OpI64DivS, wasm.OpI64DivU, wasm.OpI64RemS, wasm.OpI64RemU:
			// Division takes the processor longer than the call.
			v, t := wasm.Eval(in.Op, s[in.B], s[in.C])
			if t != wasm.TrapNone {
				trap = t
				break loop
			}
			s[in.A] = v
			continue
		case wasm.OpEpoch:
			m.pc, m.fp, m.fuel = pc-1, fp, fuel
			return m.epoch(n-left-1, left+1)
		default:
			if in.Op > wasm.OpF64MulAdd && in.Op <= wasm.OpI64TruncSatF64U {
				v, t := wasm.Eval(in.Op, s[in.B], s[in.C])
				if t != wasm.TrapNone {
					trap = t
					break loop
				}
				s[in.A] = v
				continue
			}
			m.pc, m.fp, m.fuel = pc-1, fp, fuel
			m.define()
			return n - left
		}
		// A conditional branch is taken.
		fuel -= int64(in.Imm >> 48)
		if fuel < 0 && in.Imm&wasm.CompareBit != 0 {
			trap = wasm.TrapOutOfFuel
			break loop
		}
		pc = uint32(in.Imm) &^ wasm.CompareBit
	}
	if trap != wasm.TrapNone {
		pc--
	}
	m.pc, m.fp, m.fuel = pc, fp, fuel
	if trap != wasm.TrapNone {
		m.trapped(trap)
	}
	return n - left
}

func truth(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func canon32(v float32) uint32 {
	if v != v {
		return wasm.NaN32
	}
	return math.Float32bits(v)
}

func canon64(v float64) uint64 {
	if v != v {
		return wasm.NaN64
	}
	return math.Float64bits(v)
}

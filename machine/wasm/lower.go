package wasm

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/merkle"
)

// Lowering turns a program into its Image, step by step: the ledger spreads the
// work over blocks. It decodes, validates, checks the profile, lowers function
// by function and hashes; a program that is no wasm/1 module has an image that
// says why. The image does not depend on how the work was divided.
type Lowering struct {
	m      *Module
	dec    *decoder
	val    *validator
	low    *lowerer
	stage  func() int // does a little and returns what it cost in bytes
	next   int        // function, segment or byte of the stage
	credit int
	done   bool
	keep   bool

	image   Image
	program Program
	code    *rootWalk
	buf     []byte
	static  []byte
	walk    *rootWalk // of the region being hashed
	memory  map[uint32][]byte
	leaves  []uint32
}

// NewLowering begins to lower a program. The bytes must not change.
func NewLowering(program []byte) *Lowering {
	l := &Lowering{keep: true, dec: newDecoder(program, DefaultLimits())}
	l.image.Version = MachineVersion
	l.stage = l.decode
	return l
}

// NewImage is NewLowering for one who wants the image alone: contents of
// regions are dropped once they are hashed.
func NewImage(program []byte) *Lowering {
	l := NewLowering(program)
	l.keep = false
	return l
}

// Lower lowers a program at once.
func Lower(program []byte) *Program {
	l := NewLowering(program)
	for !l.Step(1 << 30) {
	}
	return l.Program()
}

// Step works through about so many bytes, of the program, of its code or of
// what is hashed, and reports whether the image is there. What is too large to
// be divided is paid for by later steps, which then do nothing.
func (l *Lowering) Step(bytes int) (done bool) {
	for l.credit += bytes; l.credit > 0 && !l.done; {
		l.credit -= l.stage()
	}
	return l.done
}

// Image returns the image once Step has returned true.
func (l *Lowering) Image() *Image {
	if !l.done {
		panic("wasm: image of an unfinished lowering")
	}
	return &l.image
}

// Program returns the image with the contents of its regions once Step has
// returned true. It is nil after NewImage.
func (l *Lowering) Program() *Program {
	if !l.done || !l.keep {
		return nil
	}
	l.program.Image = l.image
	return &l.program
}

// refused ends the lowering of an invalid program.
func (l *Lowering) refused(err error) {
	var e *Error
	if !errors.As(err, &e) {
		panic(err) // every refusal of this package is an *Error
	}
	l.image = Image{Version: MachineVersion, Invalid: string(e.Code)}
	l.program = Program{}
	l.done = true
}

const itemCost = 16 // of an entry beside its bytes

func (l *Lowering) decode() int {
	at := l.dec.pos
	if l.dec.step() {
		if l.dec.err != nil {
			l.refused(l.dec.err)
			return itemCost
		}
		l.m = l.dec.m
		l.dec = nil
		l.stage = l.validateModule
		return itemCost
	}
	return l.dec.pos - at + itemCost
}

func (l *Lowering) validateModule() int {
	l.val = &validator{m: l.m}
	if err := l.val.module(); err != nil {
		l.refused(err)
	}
	l.next, l.stage = 0, l.validate
	return itemCost * (len(l.m.Imports) + len(l.m.Exports) + len(l.m.Globals) + len(l.m.Elems) + len(l.m.Datas))
}

// validate takes the next function. What its types cost beyond its bytes is
// paid for too.
func (l *Lowering) validate() int {
	if l.next == len(l.m.Codes) {
		l.val = nil
		l.m.validated = true
		// The memory's minimum is compared with the job's limit later.
		if err := CheckProfile(l.m, MaxPages); err != nil {
			l.refused(err)
			return itemCost
		}
		l.begin()
		return itemCost * len(l.m.Types)
	}
	steps := l.val.steps
	if err := l.val.function(l.next); err != nil {
		l.refused(err)
		return itemCost
	}
	b := &l.m.Codes[l.next]
	l.next++
	return itemCost + len(b.Expr) + int(b.locals)/8 + int(l.val.steps-steps)/8
}

// begin prepares the lowering of functions.
func (l *Lowering) begin() {
	m := l.m
	l.low = newLowerer(m)
	l.code = newRootWalk(machine.Code.Depth())
	im := &l.image
	im.Functions = uint32(len(m.funcTypes))
	im.Datas, im.Elems = uint32(len(m.Datas)), uint32(len(m.Elems))
	im.Globals = uint32(len(m.Globals))
	l.static = make([]byte, im.ElemSegmentAt(im.Elems))
	l.low.table = len(l.static)
	entry, err := entryOf(m)
	if err != nil {
		panic(err) // the profile was checked
	}
	if l.keep {
		size := 0
		for i := range m.Codes {
			size += len(m.Codes[i].Expr)
		}
		l.program.Code = make([]Instr, 0, size/4) // what compilers emit needs less
	}
	im.Epochs = entry.Epochs()
	l.emit(bootstrap(m, &entry))
	l.next, l.stage = 0, l.lower
}

// lower takes the next function.
func (l *Lowering) lower() int {
	if l.next == len(l.m.Codes) {
		l.finishCode()
		return itemCost
	}
	b := &l.m.Codes[l.next]
	code, table := l.low.function(l.next)
	emitted := l.emit(code)
	for _, entry := range table {
		l.static = binary.LittleEndian.AppendUint64(l.static, entry)
	}
	l.next++
	return itemCost + len(b.Expr) + emitted + 8*len(table)
}

// emit appends code, padded to whole leaves, and returns their bytes.
func (l *Lowering) emit(code []Instr) int {
	const perLeaf = merkle.LeafSize / InstrBytes
	n := (len(code) + perLeaf - 1) / perLeaf * perLeaf
	for leaf := range slices.Chunk(code, perLeaf) {
		l.buf = l.buf[:0]
		for i := range leaf {
			l.buf = leaf[i].AppendBinary(l.buf)
		}
		l.code.leaf(l.buf)
	}
	if l.keep {
		l.program.Code = append(append(l.program.Code, code...), make([]Instr, n-len(code))...)
	}
	l.low.base += n
	return n * InstrBytes
}

// finishCode writes the records of the static region.
func (l *Lowering) finishCode() {
	m, im := l.m, &l.image
	im.Instrs, im.Code = uint32(l.low.base), l.code.root()
	l.buf, l.code = nil, nil
	records := l.static[:0]
	for _, f := range l.low.infos {
		records = f.AppendBinary(records)
	}
	for i := range m.Datas {
		n := 0
		if m.Datas[i].Mode == Passive {
			n = len(m.Datas[i].Init)
		}
		l.segment(im.SegmentAt(uint32(i)), n)
		l.static = append(l.static, m.Datas[i].Init[:n]...)
	}
	for i := range m.Elems {
		n := 0
		if m.Elems[i].Mode == Passive {
			n = len(m.Elems[i].Init)
		}
		l.segment(im.ElemSegmentAt(uint32(i)), n)
		for _, x := range m.Elems[i].Init[:n] {
			l.static = binary.LittleEndian.AppendUint32(l.static, x.index())
		}
	}
	im.StaticBytes = uint32(len(l.static))
	if l.keep {
		l.program.Static, l.program.Funcs = l.static, l.low.infos
	}
	l.low = nil
	l.walk, l.next, l.stage = newRootWalk(machine.Static.Depth()), 0, l.hashStatic
}

// segment writes a record for n units that begin where the region ends now.
func (l *Lowering) segment(at uint64, n int) {
	binary.LittleEndian.PutUint32(l.static[at:], uint32(len(l.static)))
	binary.LittleEndian.PutUint32(l.static[at+4:], uint32(n))
}

// nullElem is the null reference in tables and globals.
const nullElem = ^uint32(0)

// index is the element as tables hold it. Imported globals, which an
// initialiser could name, are no part of wasm/1.
func (x ElemInit) index() uint32 {
	if x.Op == opRefFunc {
		return x.Index
	}
	return nullElem
}

const hashChunk = 64 << 10

func (l *Lowering) hashStatic() int {
	n := min(hashChunk, len(l.static)-l.next)
	l.walk.write(l.static[l.next : l.next+n])
	if l.next += n; l.next == len(l.static) {
		l.image.Static = l.walk.root()
		l.static = nil
		l.contents()
		l.memory = map[uint32][]byte{}
		l.next, l.stage = 0, l.copyData
	}
	return n + itemCost
}

// contents fills in globals and tables.
func (l *Lowering) contents() {
	m, im := l.m, &l.image
	var globals []byte
	for i := range m.Globals {
		globals = binary.LittleEndian.AppendUint64(globals, uint64(m.Globals[i].Type))
		globals = binary.LittleEndian.AppendUint64(globals, m.Globals[i].Init.global())
	}
	walk := newRootWalk(machine.Globals.Depth())
	walk.write(globals)
	im.GlobalsRoot = walk.root()

	tables := make([][]byte, len(m.Tables))
	for i := range m.Tables {
		t := m.Tables[i]
		lower(&t.Bounds, MaxTableElems)
		im.Tables = append(im.Tables, TableInfo{Elem: uint8(t.Elem), Min: t.Min, Max: t.Max})
		tables[i] = slices.Repeat([]byte{0xff}, int(4*t.Min))
	}
	for i := range m.Elems {
		if s := &m.Elems[i]; s.Mode == Active {
			for j, x := range s.Init {
				binary.LittleEndian.PutUint32(tables[s.Table][4*(int(s.At.Bits)+j):], x.index())
			}
		}
	}
	for i, t := range tables {
		walk := newRootWalk(machine.TableDepth)
		walk.write(t)
		im.Tables[i].Root = walk.root()
	}
	im.MemoryMax = MaxPages
	for _, b := range m.Memories {
		im.HasMemory, im.MemoryMin = true, b.Min
		if b.HasMax {
			im.MemoryMax = b.Max
		}
	}
	l.program.Globals, l.program.Tables = globals, tables
}

// global is the value as the globals region holds it.
func (c ConstExpr) global() uint64 {
	switch c.Op {
	case opRefNull:
		return uint64(nullElem)
	case opI32Const, opF32Const:
		return uint64(uint32(c.Bits))
	}
	return c.Bits
}

// copyData lays the next active data segment over the first memory.
func (l *Lowering) copyData() int {
	if l.next == len(l.m.Datas) {
		slices.Sort(l.leaves)
		l.walk, l.next, l.stage = newRootWalk(machine.Memory.Depth()), 0, l.hashMemory
		return itemCost
	}
	s := &l.m.Datas[l.next]
	l.next++
	if s.Mode != Active {
		return itemCost
	}
	at := uint32(s.At.Bits)
	if l.keep {
		l.program.Data = append(l.program.Data, DataAt{At: at, Bytes: s.Init})
	}
	for b := s.Init; len(b) > 0; {
		leaf := at / merkle.LeafSize
		page := l.memory[leaf]
		if page == nil {
			page = make([]byte, merkle.LeafSize)
			l.memory[leaf] = page
			l.leaves = append(l.leaves, leaf)
		}
		n := copy(page[at%merkle.LeafSize:], b)
		b, at = b[n:], at+uint32(n)
	}
	return itemCost + len(s.Init)
}

func (l *Lowering) hashMemory() int {
	const batch = 64
	for range batch {
		if l.next == len(l.leaves) {
			l.image.Memory = l.walk.root()
			l.m, l.memory, l.leaves, l.walk = nil, nil, nil, nil
			l.done = true
			break
		}
		leaf := l.leaves[l.next]
		l.walk.skip(uint64(leaf))
		l.walk.leaf(l.memory[leaf])
		l.next++
	}
	return batch * merkle.LeafSize
}

// equalTypes maps each type to the smallest index of an equal one.
func equalTypes(types []FuncType) []uint32 {
	first := make(map[string]uint32, len(types))
	same := make([]uint32, len(types))
	var key []byte
	for i := range types {
		key = key[:0]
		for _, t := range types[i].Params {
			key = append(key, byte(t))
		}
		key = append(key, 0)
		for _, t := range types[i].Results {
			key = append(key, byte(t))
		}
		if _, seen := first[string(key)]; !seen {
			first[string(key)] = uint32(i)
		}
		same[i] = first[string(key)]
	}
	return same
}

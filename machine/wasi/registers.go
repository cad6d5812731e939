package wasi

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// Registers are what a host remembers between two micro-steps beside what
// [Files] holds. They are part of the canonical machine's record; docs/WASM.md,
// section "Host state", has the layout that AppendBinary writes.
type Registers struct {
	Clock  uint64                      // nanoseconds since the start
	Random uint64                      // blocks drawn so far
	Open   [MaxDescriptors / 64]uint64 // bit i mod 64 of word i / 64: descriptor i is open

	// Of CommittedFiles.
	Used  uint64 // bytes in all files and streams
	Inode uint64 // of the last node made
	Nodes uint32 // files and folders without the roots
	Slots uint32 // node records ever in use
	Free  uint32 // the free record that is taken next; 0: none

	Call   Call
	Finish Finishing
}

// Call is the host call under way; its zero value is none. Which of the fields
// behind Args a function uses, and for what, its code says.
type Call struct {
	Func   uint8 // number of the function plus one
	Phase  uint8 // 0: nothing was done yet, not even charged
	Exists bool  // Here exists
	Named  bool  // the path leads to an entry of a folder
	Slash  bool  // the path demands a folder
	Args   arguments

	Index, Total, Base, Bytes, Whole uint64 // cursors

	Depth   uint32 // folders on the path stack
	NameAt  uint32 // where the path's last part stands
	NameLen uint32
	Climb   uint32 // slot on the way up from a folder
	Here    Node   // where the path has led so far
	From    Node   // what is renamed
}

// Finishing is the cursor of the micro-steps that compute the output's digest.
type Finishing struct {
	Phase uint8  // 0: not begun, 1: under way, 2: done
	Slot  uint32 // the node under way
	Leaf  uint64 // its next leaf, of a file
	Root  canon.Digest
}

// ErrRegisters is wrapped by every refusal of encoded registers.
var ErrRegisters = errors.New("malformed host registers")

// RegistersBytes is the length of encoded registers.
const RegistersBytes = 80 + callBytes + finishBytes

const (
	nodeBytes   = 56
	callBytes   = 8 + 9*8 + 5*8 + 4*4 + 2*nodeBytes
	finishBytes = 48
)

// Pending returns the host call that is under way.
func (r *Registers) Pending() (Func, bool) { return Func(r.Call.Func - 1), r.Call.Func != 0 }

// isOpen reports whether a descriptor is open.
func (r *Registers) isOpen(fd uint32) bool {
	return fd < MaxDescriptors && r.Open[fd/64]>>(fd%64)&1 != 0
}

// lowest returns the lowest free descriptor; false if all are open.
func (r *Registers) lowest() (uint32, bool) {
	for i, w := range r.Open {
		if w != ^uint64(0) {
			return uint32(i*64 + bits.TrailingZeros64(^w)), true
		}
	}
	return 0, false
}

func (r *Registers) setOpen(fd uint32, open bool) {
	r.Open[fd/64] &^= 1 << (fd % 64)
	if open {
		r.Open[fd/64] |= 1 << (fd % 64)
	}
}

// AppendBinary appends the RegistersBytes bytes of the layout; its error is nil.
func (r *Registers) AppendBinary(b []byte) ([]byte, error) {
	le := binary.LittleEndian
	b = le.AppendUint64(b, r.Clock)
	b = le.AppendUint64(b, r.Random)
	for _, w := range r.Open {
		b = le.AppendUint64(b, w)
	}
	b = le.AppendUint64(b, r.Used)
	b = le.AppendUint64(b, r.Inode)
	b = le.AppendUint32(b, r.Nodes)
	b = le.AppendUint32(b, r.Slots)
	b = le.AppendUint32(b, r.Free)
	b = le.AppendUint32(b, 0)
	b = r.Call.append(b)
	f := &r.Finish
	b = append(b, f.Phase, 0, 0, 0)
	b = le.AppendUint32(b, f.Slot)
	b = le.AppendUint64(b, f.Leaf)
	return append(b, f.Root[:]...), nil
}

func (c *Call) append(b []byte) []byte {
	le := binary.LittleEndian
	b = append(b, c.Func, c.Phase, bit(c.Exists), bit(c.Named), bit(c.Slash), 0, 0, 0)
	for _, v := range c.Args {
		b = le.AppendUint64(b, v)
	}
	for _, v := range [...]uint64{c.Index, c.Total, c.Base, c.Bytes, c.Whole} {
		b = le.AppendUint64(b, v)
	}
	for _, v := range [...]uint32{c.Depth, c.NameAt, c.NameLen, c.Climb} {
		b = le.AppendUint32(b, v)
	}
	return c.From.append(c.Here.append(b))
}

func bit(v bool) byte {
	if v {
		return 1
	}
	return 0
}

func (n *Node) append(b []byte) []byte {
	b = append(b, byte(n.Space), byte(n.Kind), 0, 0)
	b = binary.LittleEndian.AppendUint32(b, n.Slot)
	b = binary.LittleEndian.AppendUint64(b, n.Size)
	b = binary.LittleEndian.AppendUint64(b, n.Inode)
	return append(b, n.Digest[:]...)
}

// DecodeRegisters reads what AppendBinary has written, and nothing else: bytes
// that are accepted encode to themselves. Its errors wrap ErrRegisters. Numbers
// that no run can reach may pass; no micro-step panics on them.
func DecodeRegisters(b []byte) (Registers, error) {
	if len(b) != RegistersBytes {
		return Registers{}, fmt.Errorf("%d bytes, not %d: %w", len(b), RegistersBytes, ErrRegisters)
	}
	d := decoder{b: b}
	var r Registers
	r.Clock, r.Random = d.u64(), d.u64()
	for i := range r.Open {
		r.Open[i] = d.u64()
	}
	r.Used, r.Inode = d.u64(), d.u64()
	r.Nodes, r.Slots, r.Free = d.u32(), d.u32(), d.u32()
	d.zeros(4)
	d.call(&r.Call)
	f := &r.Finish
	f.Phase = d.u8()
	d.zeros(3)
	f.Slot, f.Leaf, f.Root = d.u32(), d.u64(), d.digest()
	d.demand(f.Phase <= finishDone && r.Slots < maxSlots && r.Free < maxSlots && f.Slot < maxSlots)
	if d.bad {
		return Registers{}, fmt.Errorf("a field is out of range: %w", ErrRegisters)
	}
	return r, nil
}

// decoder reads fields of fixed width. It is given enough bytes.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) take(n int) []byte {
	p := d.b[:n]
	d.b = d.b[n:]
	return p
}

func (d *decoder) u8() byte             { return d.take(1)[0] }
func (d *decoder) u32() uint32          { return binary.LittleEndian.Uint32(d.take(4)) }
func (d *decoder) u64() uint64          { return binary.LittleEndian.Uint64(d.take(8)) }
func (d *decoder) digest() canon.Digest { return canon.Digest(d.take(len(canon.Digest{}))) }
func (d *decoder) demand(ok bool)       { d.bad = d.bad || !ok }

func (d *decoder) flag() bool {
	v := d.u8()
	d.demand(v <= 1)
	return v == 1
}

func (d *decoder) zeros(n int) {
	for _, v := range d.take(n) {
		d.demand(v == 0)
	}
}

func (d *decoder) call(c *Call) {
	c.Func, c.Phase = d.u8(), d.u8()
	c.Exists, c.Named, c.Slash = d.flag(), d.flag(), d.flag()
	d.zeros(3)
	for i := range c.Args {
		c.Args[i] = d.u64()
	}
	for _, p := range [...]*uint64{&c.Index, &c.Total, &c.Base, &c.Bytes, &c.Whole} {
		*p = d.u64()
	}
	for _, p := range [...]*uint32{&c.Depth, &c.NameAt, &c.NameLen, &c.Climb} {
		*p = d.u32()
	}
	c.Here, c.From = d.node(), d.node()
	d.demand(int(c.Func) <= NumFuncs && c.Phase <= lastPhase)
	d.demand(c.Func != 0 || *c == Call{})
	d.demand(c.Depth <= MaxPathParts && c.NameAt <= MaxPathBytes && c.NameLen <= merkle.MaxNameBytes && c.Climb < maxSlots)
	d.demand(!c.Named || c.Depth > 0)
}

// node reads a node or the absence of one.
func (d *decoder) node() Node {
	var n Node
	n.Space, n.Kind = Space(d.u8()), merkle.Kind(d.u8())
	d.zeros(2)
	n.Slot, n.Size, n.Inode, n.Digest = d.u32(), d.u64(), d.u64(), d.digest()
	kind := n.Kind == merkle.File || n.Kind == merkle.Folder
	switch n.Space {
	case In:
		d.demand(kind && n.Slot == 0)
	case Out:
		d.demand(kind && n.Slot > 0 && n.Slot < maxSlots && n.Size == 0 && n.Digest.IsZero())
	default:
		d.demand(n == Node{})
	}
	return n
}

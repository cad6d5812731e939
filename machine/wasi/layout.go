package wasi

import (
	"encoding/binary"

	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/merkle"
)

// Where committed state lies. docs/WASM.md, section "Host state", is the text.
//
//	HostNodes  0        256 descriptors of 512 bytes
//	           128 KiB  the scratch area
//	           256 KiB  node records of 512 bytes, by slot; slot 0 is none
//	HostData   slot·2^32  content of the file in that slot; its bytes beyond the
//	                      size are zeros. Of a folder, while finishing: frontier
const (
	recordBytes = 512
	scratchAt   = 128 << 10
	nodesAt     = 256 << 10

	// The first slots. resultSlot is the folder that a run's output is: no
	// guest sees it.
	resultSlot = 1
	stdoutSlot = 2
	stderrSlot = 3
	outSlot    = 4
	rootSlots  = 4

	// maxSlots is one more than the last slot. Slots are used again, so that
	// the content of each has room at an address of its own: numbers that are
	// never used again, 2^40 of them, times 4 GiB have no room in 64 bits.
	maxSlots = 1 + rootSlots + MaxFiles
)

// record is the head of a node record: 64 bytes, little-endian, before the name.
//
//	0 kind (0: free)   1 is a root   2 height in its folder's tree   3 length of the name
//	4 folder above     8 left       12 right   16 nodes of its subtree
//	20 first of its own tree (a folder's)      24 descriptors that hold it
//	28 next free record (a free one's)         32 inode   40 size (a file's)   48 zeros
//	64 name
type record struct {
	kind                      merkle.Kind
	rooted                    bool
	height, nameLen           uint8
	above, left, right, count uint32
	first, holds, next        uint32
	inode, size               uint64
}

const recordHead = 64

// maxHeight is more than the height of any tree of MaxFiles nodes, which is 14.
const maxHeight = 15

func slotAt(slot uint32) uint64 { return nodesAt + uint64(slot)*recordBytes }

func contentAt(slot uint32) uint64 { return uint64(slot) << 32 }

// load reads a record. The zero record stands for what is none.
func (m *CommittedFiles) load(slot uint32) record {
	if slot == 0 || slot >= maxSlots {
		m.corrupt()
		return record{}
	}
	b := m.head[:]
	m.space.Load(machine.HostNodes, slotAt(slot), b)
	le := binary.LittleEndian
	r := record{
		kind: merkle.Kind(b[0]), rooted: b[1] != 0, height: b[2], nameLen: b[3],
		above: le.Uint32(b[4:]), left: le.Uint32(b[8:]), right: le.Uint32(b[12:]), count: le.Uint32(b[16:]),
		first: le.Uint32(b[20:]), holds: le.Uint32(b[24:]), next: le.Uint32(b[28:]),
		inode: le.Uint64(b[32:]), size: le.Uint64(b[40:]),
	}
	if r.kind > merkle.Folder || b[1] > 1 || r.size > MaxFileBytes || r.count > maxSlots {
		m.corrupt()
		return record{}
	}
	return r
}

func (m *CommittedFiles) save(slot uint32, r *record) {
	if slot == 0 || slot >= maxSlots {
		m.corrupt()
		return
	}
	b := m.head[:]
	clear(b)
	le := binary.LittleEndian
	b[0], b[1], b[2], b[3] = byte(r.kind), bit(r.rooted), r.height, r.nameLen
	le.PutUint32(b[4:], r.above)
	le.PutUint32(b[8:], r.left)
	le.PutUint32(b[12:], r.right)
	le.PutUint32(b[16:], r.count)
	le.PutUint32(b[20:], r.first)
	le.PutUint32(b[24:], r.holds)
	le.PutUint32(b[28:], r.next)
	le.PutUint64(b[32:], r.inode)
	le.PutUint64(b[40:], r.size)
	m.space.Store(machine.HostNodes, slotAt(slot), b)
}

// name returns the name in a record. It holds until the next call.
func (m *CommittedFiles) name(slot uint32, r *record) []byte {
	b := m.names[:r.nameLen]
	if m.err == nil {
		m.space.Load(machine.HostNodes, slotAt(slot)+recordHead, b)
	}
	return b
}

// setName writes a name, and zeros behind it.
func (m *CommittedFiles) setName(slot uint32, name string) {
	if slot == 0 || slot >= maxSlots {
		m.corrupt()
		return
	}
	clear(m.names[:])
	copy(m.names[:], name)
	m.space.Store(machine.HostNodes, slotAt(slot)+recordHead, m.names[:])
}

// Descriptor record: 0 whether it is open, 1 whether preopened, 2 flags, 8
// offset, 16 rights, 24 inherited rights, 32 cookie, 40 node, 127 length of the
// name, 128 name. A closed one is all zeros.
const (
	descriptorNode = 40
	descriptorName = 128
)

// Descriptor implements Files.
func (m *CommittedFiles) Descriptor(fd uint32) Descriptor {
	if fd >= MaxDescriptors {
		m.corrupt()
		return Descriptor{}
	}
	b := m.table[:]
	m.space.Load(machine.HostNodes, uint64(fd)*recordBytes, b)
	le := binary.LittleEndian
	d := Descriptor{
		Preopen: b[1] == 1, Flags: le.Uint16(b[2:]), Offset: le.Uint64(b[8:]), Rights: le.Uint64(b[16:]),
		Inherited: le.Uint64(b[24:]), Cookie: le.Uint64(b[32:]),
		Name: string(b[descriptorName : descriptorName+int(b[descriptorName-1])]),
	}
	var ok bool
	if d.Node, ok = decodeNode(b[descriptorNode : descriptorNode+nodeBytes]); !ok || b[0] != 1 || b[1] > 1 {
		m.corrupt()
	}
	return d
}

// SetDescriptor implements Files.
func (m *CommittedFiles) SetDescriptor(fd uint32, d *Descriptor) {
	if fd >= MaxDescriptors || len(d.Name) > merkle.MaxNameBytes {
		m.corrupt()
		return
	}
	b := m.table[:]
	clear(b)
	if *d != (Descriptor{}) {
		le := binary.LittleEndian
		b[0], b[1] = 1, bit(d.Preopen)
		le.PutUint16(b[2:], d.Flags)
		le.PutUint64(b[8:], d.Offset)
		le.PutUint64(b[16:], d.Rights)
		le.PutUint64(b[24:], d.Inherited)
		le.PutUint64(b[32:], d.Cookie)
		d.Node.append(b[:descriptorNode])
		b[descriptorName-1] = byte(len(d.Name))
		copy(b[descriptorName:], d.Name)
	}
	m.space.Store(machine.HostNodes, uint64(fd)*recordBytes, b)
}

// LoadScratch implements Files.
func (m *CommittedFiles) LoadScratch(at uint32, p []byte) {
	if uint64(at)+uint64(len(p)) > ScratchBytes {
		m.corrupt()
		return
	}
	m.space.Load(machine.HostNodes, scratchAt+uint64(at), p)
}

// StoreScratch implements Files.
func (m *CommittedFiles) StoreScratch(at uint32, p []byte) {
	if uint64(at)+uint64(len(p)) > ScratchBytes {
		m.corrupt()
		return
	}
	m.space.Store(machine.HostNodes, scratchAt+uint64(at), p)
}

package wasi

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// MemFiles is Files in ordinary memory. Input folders and files are read when
// the guest first asks for them and kept; output lives in a table of slots.
type MemFiles struct {
	input *ReaderInput
	roots [OutFolder + 1]Node

	descriptors []Descriptor
	scratch     []byte

	slots []slot
	inode uint64 // of the last node made
	used  uint64
	nodes uint32
}

// slot is a file or folder of the output.
type slot struct {
	taken   bool
	kind    merkle.Kind
	inode   uint64
	rooted  bool // stdout, stderr or /out itself
	above   int  // slot of the folder that holds it, or detached
	holds   uint32
	name    string
	content []byte
	entries []string // of a folder, sorted
	below   []uint32 // their slots
}

const detached = -1

// NewMemFiles returns the files of a job. The zero digest stands for an empty
// standard input and an empty input folder. Standard input is read now.
func NewMemFiles(r Reader, stdin, input canon.Digest) (*MemFiles, error) {
	m := &MemFiles{input: NewReaderInput(r)}
	m.roots[Stdin] = Node{Space: In, Kind: merkle.File, Digest: stdin, Inode: stdinInode}
	m.roots[InFolder] = Node{Space: In, Kind: merkle.Folder, Digest: input, Inode: inode(0, preopens[3])}
	size, err := m.Length(m.roots[Stdin])
	if err != nil {
		return nil, fmt.Errorf("standard input: %w", err)
	}
	m.roots[Stdin].Size = size
	for _, r := range []struct {
		root Root
		kind merkle.Kind
	}{{Stdout, merkle.File}, {Stderr, merkle.File}, {OutFolder, merkle.Folder}} {
		m.roots[r.root] = m.add(slot{kind: r.kind, rooted: true, above: detached})
	}
	m.nodes = 0
	return m, nil
}

// stdinInode is the inode of standard input.
const stdinInode = 1

// inode is the number of an input file: a function of its path.
func inode(folder uint64, name string) uint64 {
	var n [8]byte
	binary.LittleEndian.PutUint64(n[:], folder)
	d := canon.Hash("assay/inode/1", n[:], []byte(name))
	return binary.LittleEndian.Uint64(d[:])
}

// Root implements Files.
func (m *MemFiles) Root(r Root) Node { return m.roots[r] }

func inputNode(folder Node, e merkle.Entry) Node {
	n := Node{Space: In, Kind: e.Kind, Digest: e.Digest, Inode: inode(folder.Inode, e.Name)}
	if e.Kind == merkle.File {
		n.Size = e.Size
	}
	return n
}

// Lookup implements Files.
func (m *MemFiles) Lookup(folder Node, name string) (Node, bool, error) {
	if folder.Space == Out {
		s := &m.slots[folder.Slot]
		if i, ok := slices.BinarySearch(s.entries, name); ok {
			return m.node(s.below[i]), true, nil
		}
		return Node{}, false, nil
	}
	list, err := m.listing(folder)
	if err != nil {
		return Node{}, false, err
	}
	i, ok := slices.BinarySearchFunc(list, name, compareEntry)
	if !ok {
		return Node{}, false, nil
	}
	return inputNode(folder, list[i]), true, nil
}

// listing returns the entries of an input folder.
func (m *MemFiles) listing(n Node) ([]merkle.Entry, error) {
	if n.Digest.IsZero() {
		return nil, nil
	}
	return m.input.folder(n.Digest)
}

// Rank implements Files.
func (m *MemFiles) Rank(folder Node, name string) (uint64, error) {
	if folder.Space == Out {
		i, ok := slices.BinarySearch(m.slots[folder.Slot].entries, name)
		return rankOf(i, ok), nil
	}
	list, err := m.listing(folder)
	if err != nil {
		return 0, err
	}
	return rankOf(slices.BinarySearchFunc(list, name, compareEntry)), nil
}

func rankOf(i int, found bool) uint64 {
	if found {
		i++
	}
	return uint64(i)
}

func compareEntry(e merkle.Entry, name string) int { return strings.Compare(e.Name, name) }

// Entry implements Files.
func (m *MemFiles) Entry(folder Node, i uint64) (string, Node, bool, error) {
	if folder.Space == Out {
		if s := &m.slots[folder.Slot]; i < uint64(len(s.entries)) {
			return s.entries[i], m.node(s.below[i]), true, nil
		}
		return "", Node{}, false, nil
	}
	list, err := m.listing(folder)
	if err != nil || i >= uint64(len(list)) {
		return "", Node{}, false, err
	}
	return list[i].Name, inputNode(folder, list[i]), true, nil
}

// Size implements Files.
func (m *MemFiles) Size(n Node) (uint64, error) {
	if n.Space == In {
		return n.Size, nil
	}
	return uint64(len(m.slots[n.Slot].content)), nil
}

// Length implements Files.
func (m *MemFiles) Length(n Node) (uint64, error) {
	if n.Space == Out {
		return uint64(len(m.slots[n.Slot].content)), nil
	}
	if n.Digest.IsZero() {
		return 0, nil
	}
	b, err := m.input.file(n.Digest)
	return uint64(len(b)), err
}

// Read implements Files.
func (m *MemFiles) Read(n Node, p []byte, offset uint64) error {
	if n.Space == Out {
		copy(p, m.slots[n.Slot].content[offset:])
		return nil
	}
	b, err := m.input.file(n.Digest)
	if err == nil {
		copy(p, b[offset:])
	}
	return err
}

// Descriptor implements Files.
func (m *MemFiles) Descriptor(fd uint32) Descriptor { return m.descriptors[fd] }

// SetDescriptor implements Files.
func (m *MemFiles) SetDescriptor(fd uint32, d *Descriptor) {
	for len(m.descriptors) <= int(fd) {
		m.descriptors = append(m.descriptors, Descriptor{})
	}
	m.descriptors[fd] = *d
}

// LoadScratch implements Files.
func (m *MemFiles) LoadScratch(at uint32, p []byte) { copy(p, m.room()[at:]) }

// StoreScratch implements Files.
func (m *MemFiles) StoreScratch(at uint32, p []byte) { copy(m.room()[at:], p) }

func (m *MemFiles) room() []byte {
	if m.scratch == nil {
		m.scratch = make([]byte, ScratchBytes)
	}
	return m.scratch
}

// Err implements Files.
func (m *MemFiles) Err() error { return nil }

// node returns the node of a slot.
func (m *MemFiles) node(i uint32) Node {
	s := &m.slots[i]
	return Node{Space: Out, Kind: s.kind, Slot: i, Inode: s.inode}
}

// add fills the lowest free slot.
func (m *MemFiles) add(s slot) Node {
	m.inode++
	s.taken, s.inode = true, m.inode
	m.nodes++
	for i := range m.slots {
		if !m.slots[i].taken {
			m.slots[i] = s
			return m.node(uint32(i))
		}
	}
	m.slots = append(m.slots, s)
	return m.node(uint32(len(m.slots) - 1))
}

// Write implements Files.
func (m *MemFiles) Write(n Node, p []byte, offset uint64) {
	s := &m.slots[n.Slot]
	old := len(s.content)
	k := copy(s.content[offset:], p)
	s.content = append(s.content, p[k:]...)
	m.used += uint64(len(s.content) - old)
}

// Resize implements Files.
func (m *MemFiles) Resize(n Node, size uint64) {
	s := &m.slots[n.Slot]
	old := uint64(len(s.content))
	if size > old {
		s.content = append(s.content, make([]byte, size-old)...)
	} else {
		s.content = s.content[:size]
	}
	m.used = m.used - old + size
}

// Create implements Files.
func (m *MemFiles) Create(folder Node, name string, kind merkle.Kind) (Node, bool) {
	if !m.Attached(folder) {
		return Node{}, false
	}
	n := m.add(slot{kind: kind, above: detached})
	m.Attach(n, folder, name)
	return n, true
}

// Attach implements Files.
func (m *MemFiles) Attach(n, folder Node, name string) {
	s, f := &m.slots[n.Slot], &m.slots[folder.Slot]
	i, _ := slices.BinarySearch(f.entries, name)
	f.entries = slices.Insert(f.entries, i, name)
	f.below = slices.Insert(f.below, i, n.Slot)
	s.above, s.name = int(folder.Slot), name
}

// Detach implements Files.
func (m *MemFiles) Detach(n Node) {
	s := &m.slots[n.Slot]
	f := &m.slots[s.above]
	i, _ := slices.BinarySearch(f.entries, s.name)
	f.entries = slices.Delete(f.entries, i, i+1)
	f.below = slices.Delete(f.below, i, i+1)
	s.above, s.name = detached, ""
}

// Attached implements Files.
func (m *MemFiles) Attached(n Node) bool {
	s := &m.slots[n.Slot]
	return s.rooted || s.above != detached
}

// Drop implements Files.
func (m *MemFiles) Drop(n Node) {
	m.used -= uint64(len(m.slots[n.Slot].content))
	m.nodes--
	m.slots[n.Slot] = slot{}
}

// Above implements Files. Slot 0 is a stream's.
func (m *MemFiles) Above(slot uint32) uint32 { return uint32(max(m.slots[slot].above, 0)) }

// Hold implements Files.
func (m *MemFiles) Hold(n Node, more int) uint32 {
	s := &m.slots[n.Slot]
	s.holds += uint32(more)
	return s.holds
}

// Used implements Files.
func (m *MemFiles) Used() (uint64, uint32) { return m.used, m.nodes }

// Visit calls for everything below a root of the output, children before the
// folder that holds them, in the order of their names. Path is relative to the
// root. A file comes with its bytes, which must not be changed; a folder comes
// without.
func (m *MemFiles) Visit(r Root, visit func(path string, n Node, content []byte)) {
	m.visit(m.roots[r].Slot, "", visit)
}

func (m *MemFiles) visit(i uint32, path string, visit func(string, Node, []byte)) {
	s := &m.slots[i]
	for j, name := range s.entries {
		child := name
		if path != "" {
			child = path + "/" + name
		}
		m.visit(s.below[j], child, visit)
	}
	visit(path, m.node(i), s.content)
}

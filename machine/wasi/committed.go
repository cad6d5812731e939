package wasi

import (
	"errors"
	"fmt"
	"strings"

	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/merkle"
)

// ErrState says that registers and regions are not those of any run. Only a
// claim that nobody has computed leads there.
var ErrState = errors.New("the stored host state is that of no run")

// CommittedFiles is Files in the regions of a canonical machine. It keeps
// nothing of its own: what it knows lies in the regions, in the registers, or
// is named by a digest of the job. What lies where is a function of the calls
// made, so that two machines have one state root.
type CommittedFiles struct {
	space        machine.Space
	input        Input
	registers    *Registers
	stdin, mount canon.Digest
	err          error

	// Room for what goes to and from the space.
	head  [recordHead]byte
	names [merkle.MaxNameBytes]byte
	table [recordBytes]byte
}

// NewCommittedFiles returns the files of a run that is under way. The digests
// are the job's standard input and input folder; zero ones are empty.
func NewCommittedFiles(s machine.Space, in Input, r *Registers, stdin, input canon.Digest) *CommittedFiles {
	return &CommittedFiles{space: s, input: in, registers: r, stdin: stdin, mount: input}
}

// Start writes the first state of a host into regions that are all zeros and
// returns its registers. It asks for no byte of the input: everybody who knows
// the job knows the first state.
func Start(s machine.Space, stdin, input canon.Digest) Registers {
	var r Registers
	m := NewCommittedFiles(s, nil, &r, stdin, input)
	m.save(resultSlot, &record{kind: merkle.Folder, rooted: true})
	r.Slots = rootSlots
	result := outNode(resultSlot, merkle.Folder, 0)
	for _, root := range [...]struct {
		slot uint32
		kind merkle.Kind
		name string
	}{{stdoutSlot, merkle.File, stdoutName}, {stderrSlot, merkle.File, stderrName}, {outSlot, merkle.Folder, outName}} {
		r.Inode++
		m.save(root.slot, &record{kind: root.kind, rooted: true, inode: r.Inode})
		m.Attach(outNode(root.slot, root.kind, r.Inode), result, root.name)
	}
	Resume(Config{}, m, &r).openRoots()
	return r
}

// Names in the folder that is a run's output.
const (
	outName    = "out"
	stderrName = "stderr"
	stdoutName = "stdout"
)

func outNode(slot uint32, kind merkle.Kind, inode uint64) Node {
	return Node{Space: Out, Kind: kind, Slot: slot, Inode: inode}
}

func (m *CommittedFiles) corrupt() { m.err = ErrState }

// Err implements Files.
func (m *CommittedFiles) Err() error { return m.err }

// Root implements Files.
func (m *CommittedFiles) Root(r Root) Node {
	switch r {
	case Stdin:
		return Node{Space: In, Kind: merkle.File, Digest: m.stdin, Inode: stdinInode}
	case Stdout:
		return outNode(stdoutSlot, merkle.File, 1)
	case Stderr:
		return outNode(stderrSlot, merkle.File, 2)
	case InFolder:
		return Node{Space: In, Kind: merkle.Folder, Digest: m.mount, Inode: inode(0, preopens[3])}
	}
	return outNode(outSlot, merkle.Folder, 3)
}

// entry returns entry i of an input folder. The folder that holds it was not
// seen whole, so the name is looked at here.
func (m *CommittedFiles) entry(d canon.Digest, i uint64) (merkle.Entry, error) {
	e, err := m.input.Entry(d, i)
	if err != nil {
		return e, fmt.Errorf("input folder %s: %w", d, err)
	}
	return e, nil
}

func (m *CommittedFiles) entries(d canon.Digest) (uint64, error) {
	if d.IsZero() {
		return 0, nil
	}
	n, err := m.input.Folder(d)
	if err != nil {
		return 0, fmt.Errorf("input folder %s: %w", d, err)
	}
	return n, nil
}

// search returns the number of entries of an input folder whose names sort
// before a name, or before or with it. It halves the folder: which entries it
// asks for depends on the answers alone, and so does what it finds, even in a
// folder that is not sorted.
func (m *CommittedFiles) search(d canon.Digest, name string, with bool) (uint64, error) {
	n, err := m.entries(d)
	if err != nil {
		return 0, err
	}
	from, to := uint64(0), n
	for from < to {
		i := (from + to) / 2
		e, err := m.entry(d, i)
		if err != nil {
			return 0, err
		}
		if c := strings.Compare(e.Name, name); c < 0 || with && c == 0 {
			from = i + 1
		} else {
			to = i
		}
	}
	return from, nil
}

// Lookup implements Files.
func (m *CommittedFiles) Lookup(folder Node, name string) (Node, bool, error) {
	if folder.Space == Out {
		slot := m.find(m.load(folder.Slot).first, name)
		if slot == 0 {
			return Node{}, false, nil
		}
		return m.node(slot), true, nil
	}
	i, err := m.search(folder.Digest, name, false)
	if err != nil {
		return Node{}, false, err
	}
	got, n, ok, err := m.inputEntry(folder, i)
	if err != nil || !ok || got != name {
		return Node{}, false, err
	}
	return n, true, nil
}

func (m *CommittedFiles) inputEntry(folder Node, i uint64) (string, Node, bool, error) {
	n, err := m.entries(folder.Digest)
	if err != nil || i >= n {
		return "", Node{}, false, err
	}
	e, err := m.entry(folder.Digest, i)
	if err != nil {
		return "", Node{}, false, err
	}
	return e.Name, inputNode(folder, e), true, nil
}

// Rank implements Files.
func (m *CommittedFiles) Rank(folder Node, name string) (uint64, error) {
	if folder.Space == Out {
		return m.rank(m.load(folder.Slot).first, name), nil
	}
	return m.search(folder.Digest, name, true)
}

// Entry implements Files.
func (m *CommittedFiles) Entry(folder Node, i uint64) (string, Node, bool, error) {
	if folder.Space == In {
		return m.inputEntry(folder, i)
	}
	slot := m.at(m.load(folder.Slot).first, i)
	if slot == 0 {
		return "", Node{}, false, nil
	}
	r := m.load(slot)
	return string(m.name(slot, &r)), outNode(slot, r.kind, r.inode), true, nil
}

// node returns the node in a slot that is taken.
func (m *CommittedFiles) node(slot uint32) Node {
	r := m.load(slot)
	if r.kind == 0 {
		m.corrupt()
	}
	return outNode(slot, r.kind, r.inode)
}

// Size implements Files. No folder states the size of standard input.
func (m *CommittedFiles) Size(n Node) (uint64, error) {
	if n.Space == Out {
		return m.load(n.Slot).size, nil
	}
	if n.Inode == stdinInode && n == m.Root(Stdin) {
		return m.Length(n)
	}
	return n.Size, nil
}

// Length implements Files.
func (m *CommittedFiles) Length(n Node) (uint64, error) {
	if n.Space == Out {
		return m.load(n.Slot).size, nil
	}
	if n.Digest.IsZero() {
		return 0, nil
	}
	size, err := m.input.File(n.Digest)
	if err != nil {
		return 0, fmt.Errorf("input file %s: %w", n.Digest, err)
	}
	return size, nil
}

// Read implements Files.
func (m *CommittedFiles) Read(n Node, p []byte, offset uint64) error {
	if n.Space == Out {
		if m.within(offset, len(p)) {
			m.load(n.Slot)
			m.loadContent(n.Slot, offset, p)
		}
		return nil
	}
	for len(p) > 0 {
		leaf, err := m.input.Leaf(n.Digest, offset/merkle.LeafSize)
		if err != nil {
			return fmt.Errorf("input file %s: %w", n.Digest, err)
		}
		at := min(offset%merkle.LeafSize, uint64(len(leaf)))
		k := copy(p, leaf[at:])
		if k == 0 {
			return fmt.Errorf("input file %s: read at %d: %w", n.Digest, offset, ErrState)
		}
		p, offset = p[k:], offset+uint64(k)
	}
	return nil
}

// within reports whether n bytes at offset have room in a file.
func (m *CommittedFiles) within(offset uint64, n int) bool {
	if offset > MaxFileBytes || uint64(n) > MaxFileBytes-offset {
		m.corrupt()
		return false
	}
	return true
}

func (m *CommittedFiles) loadContent(slot uint32, offset uint64, p []byte) {
	if m.err == nil {
		m.space.Load(machine.HostData, contentAt(slot)+offset, p)
	}
}

// Write implements Files.
func (m *CommittedFiles) Write(n Node, p []byte, offset uint64) {
	if !m.within(offset, len(p)) {
		return
	}
	r := m.load(n.Slot)
	if m.err != nil {
		return
	}
	m.space.Store(machine.HostData, contentAt(n.Slot)+offset, p)
	if end := offset + uint64(len(p)); end > r.size {
		m.resized(n.Slot, &r, end)
	}
}

// Resize implements Files. What lies beyond a file's size is zeros, so that it
// grows by a number.
func (m *CommittedFiles) Resize(n Node, size uint64) {
	if !m.within(size, 0) {
		return
	}
	r := m.load(n.Slot)
	if m.err != nil {
		return
	}
	if size < r.size {
		m.space.Clear(machine.HostData, contentAt(n.Slot)+size, r.size-size)
	}
	m.resized(n.Slot, &r, size)
}

func (m *CommittedFiles) resized(slot uint32, r *record, size uint64) {
	m.registers.Used += size - r.size
	r.size = size
	m.save(slot, r)
}

// Create implements Files.
func (m *CommittedFiles) Create(folder Node, name string, kind merkle.Kind) (Node, bool) {
	if !m.Attached(folder) {
		return Node{}, false
	}
	slot := m.take()
	if m.err != nil {
		return Node{}, false
	}
	m.registers.Inode++
	m.registers.Nodes++
	m.save(slot, &record{kind: kind, inode: m.registers.Inode})
	n := outNode(slot, kind, m.registers.Inode)
	m.Attach(n, folder, name)
	return n, true
}

// take takes the slot that became free last, or the next that never was in use.
func (m *CommittedFiles) take() uint32 {
	r := m.registers
	if slot := r.Free; slot != 0 {
		r.Free = m.load(slot).next
		return slot
	}
	if r.Slots+1 >= maxSlots {
		m.corrupt() // the job's limit on files comes first
		return 0
	}
	r.Slots++
	return r.Slots
}

// Attach implements Files.
func (m *CommittedFiles) Attach(n, folder Node, name string) {
	r, f := m.load(n.Slot), m.load(folder.Slot)
	r.above, r.nameLen = folder.Slot, uint8(len(name))
	r.left, r.right, r.height, r.count = 0, 0, 1, 1
	m.save(n.Slot, &r)
	m.setName(n.Slot, name)
	f.first = m.insert(f.first, n.Slot, name, maxHeight)
	m.save(folder.Slot, &f)
}

// Detach implements Files.
func (m *CommittedFiles) Detach(n Node) {
	r := m.load(n.Slot)
	name, folder := string(m.name(n.Slot, &r)), r.above
	f := m.load(folder)
	f.first = m.remove(f.first, name, maxHeight)
	m.save(folder, &f)
	r.above, r.nameLen = 0, 0
	r.left, r.right, r.height, r.count = 0, 0, 0, 0
	m.save(n.Slot, &r)
	m.setName(n.Slot, "")
}

// Attached implements Files.
func (m *CommittedFiles) Attached(n Node) bool {
	r := m.load(n.Slot)
	return r.rooted || r.above != 0
}

// Above implements Files.
func (m *CommittedFiles) Above(slot uint32) uint32 {
	if r := m.load(slot); !r.rooted {
		return r.above
	}
	return 0
}

// Hold implements Files.
func (m *CommittedFiles) Hold(n Node, more int) uint32 {
	r := m.load(n.Slot)
	if more != 0 {
		r.holds += uint32(more)
		m.save(n.Slot, &r)
	}
	return r.holds
}

// Drop implements Files.
func (m *CommittedFiles) Drop(n Node) {
	r := m.load(n.Slot)
	if m.err != nil {
		return
	}
	if r.size > 0 {
		m.space.Clear(machine.HostData, contentAt(n.Slot), r.size)
	}
	m.registers.Used -= r.size
	m.registers.Nodes--
	m.save(n.Slot, &record{next: m.registers.Free})
	m.registers.Free = n.Slot
}

// Used implements Files.
func (m *CommittedFiles) Used() (uint64, uint32) { return m.registers.Used, m.registers.Nodes }

// compare orders a name and that of a record.
func (m *CommittedFiles) compare(name string, slot uint32, r *record) int {
	b := m.name(slot, r)
	switch { // conversions in comparisons copy nothing
	case name < string(b):
		return -1
	case name > string(b):
		return 1
	}
	return 0
}

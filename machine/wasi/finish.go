package wasi

import (
	"encoding/binary"
	"math/bits"

	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/merkle"
)

// The phases of finishing.
const (
	finishNone uint8 = iota
	finishWork
	finishDone
)

const (
	// stepLeaves is the number of leaves of a file that one micro-step hashes,
	// a power of two: such a run is a whole subtree of the file's tree.
	stepLeaves = 32
	// frontierAt is where a folder's frontier begins in its stretch of
	// HostData, behind the number of entries that are in it.
	frontierAt = 64
	// sumBytes is the room of one node of a folder's frontier.
	sumBytes = 40
)

// Finish carries out one micro-step of computing the output's digest: of the
// folder with stdout, stderr and out, as an artifact. A call that was under way
// is given up. When it is done it stays done.
//
// It goes through the tree from the first entry down, a file at a time, 32
// leaves at a time. Of what is behind it, it keeps the roots of the largest
// whole subtrees: of the file in the scratch area, of each folder on the way in
// the stretch of HostData that a folder does not use otherwise.
func (m *CommittedFiles) Finish() (done bool, root canon.Digest, err error) {
	f := &m.registers.Finish
	switch f.Phase {
	case finishNone:
		m.registers.Call = Call{}
		*f = Finishing{Phase: finishWork, Slot: resultSlot}
	case finishWork:
		if r := m.load(f.Slot); r.kind == merkle.File {
			m.finishFile(&r)
		} else {
			m.finishFolder(&r)
		}
	}
	return f.Phase == finishDone, f.Root, m.err
}

// finishFile hashes the next leaves of the file under way.
func (m *CommittedFiles) finishFile(r *record) {
	f := &m.registers.Finish
	at := f.Leaf * merkle.LeafSize
	if at > r.size {
		m.corrupt()
		return
	}
	b := make([]byte, min(stepLeaves*merkle.LeafSize, r.size-at))
	m.loadContent(f.Slot, at, b)
	var leaves [stepLeaves]merkle.Digest
	n := 0
	for ; len(b) > 0; n++ {
		k := min(len(b), merkle.LeafSize)
		leaves[n], b = merkle.HashLeaf(b[:k]), b[k:]
	}
	whole := f.Leaf / stepLeaves // subtrees in the frontier
	root := merkle.Root(leaves[:n])
	f.Leaf += uint64(n)
	if f.Leaf < merkle.LeafCount(r.size) {
		m.keepSubtree(whole, root)
		return
	}
	if n == 0 && whole > 0 {
		m.corrupt() // the step before was the last
		return
	}
	m.finished(r, merkle.FileDigest(r.size, m.foldSubtrees(whole, root)), r.size)
}

// keepSubtree adds subtree i of a file to the frontier in the scratch area: two
// of a height become one of the next.
func (m *CommittedFiles) keepSubtree(i uint64, root canon.Digest) {
	level := uint32(0)
	for ; i&1 == 1; i, level = i>>1, level+1 {
		var left canon.Digest
		m.LoadScratch(level*32, left[:])
		root = merkle.HashNode(left, root)
	}
	m.StoreScratch(level*32, root[:])
}

// foldSubtrees returns the root over a frontier of n subtrees and what stands
// right of them.
func (m *CommittedFiles) foldSubtrees(n uint64, root canon.Digest) canon.Digest {
	for ; n != 0; n &= n - 1 {
		var left canon.Digest
		m.LoadScratch(uint32(bits.TrailingZeros64(n))*32, left[:])
		root = merkle.HashNode(left, root)
	}
	return root
}

// finishFolder goes down to the next entry of the folder under way, or closes
// it behind the last.
func (m *CommittedFiles) finishFolder(r *record) {
	f := &m.registers.Finish
	n := m.folded(f.Slot)
	if child := m.at(r.first, n); child != 0 {
		f.Slot, f.Leaf = child, 0
		return
	}
	sum := m.foldSums(f.Slot, n)
	m.finished(r, merkle.FolderRootDigest(n, sum), sum.Weight)
}

// folded returns the number of entries in a folder's frontier.
func (m *CommittedFiles) folded(slot uint32) uint64 {
	var b [8]byte
	m.loadContent(slot, 0, b[:])
	n := binary.LittleEndian.Uint64(b[:])
	if n > MaxFiles {
		m.corrupt()
		return 0
	}
	return n
}

// finished takes the digest of the node under way up into the folder above.
func (m *CommittedFiles) finished(r *record, d canon.Digest, size uint64) {
	f := &m.registers.Finish
	if m.err != nil {
		return
	}
	if f.Slot == resultSlot {
		*f = Finishing{Phase: finishDone, Root: d}
		return
	}
	e := merkle.Entry{Name: string(m.name(f.Slot, r)), Kind: r.kind, Digest: d, Size: size}
	if merkle.CheckEntries([]merkle.Entry{e}) != nil {
		m.corrupt()
		return
	}
	f.Slot, f.Leaf = r.above, 0
	if m.load(f.Slot).kind != merkle.Folder {
		m.corrupt()
		return
	}
	m.keepSum(f.Slot, merkle.SumLeaf(canon.Marshal(e), e.Size))
}

// keepSum adds an entry to a folder's frontier.
func (m *CommittedFiles) keepSum(slot uint32, s merkle.SumNode) {
	n := m.folded(slot)
	level := 0
	for i := n; i&1 == 1; i, level = i>>1, level+1 {
		s = m.sum(m.loadSum(slot, level), s)
	}
	if m.err != nil {
		return
	}
	b := binary.LittleEndian.AppendUint64(s.Digest[:], s.Weight)
	m.space.Store(machine.HostData, contentAt(slot)+frontierAt+uint64(level)*sumBytes, b)
	m.space.Store(machine.HostData, contentAt(slot), binary.LittleEndian.AppendUint64(nil, n+1))
}

// foldSums returns the root over a folder's frontier of n entries.
func (m *CommittedFiles) foldSums(slot uint32, n uint64) merkle.SumNode {
	if n == 0 {
		return merkle.SumNode{Digest: merkle.EmptyRoot()}
	}
	s := m.loadSum(slot, bits.TrailingZeros64(n))
	for n &= n - 1; n != 0; n &= n - 1 {
		s = m.sum(m.loadSum(slot, bits.TrailingZeros64(n)), s)
	}
	return s
}

func (m *CommittedFiles) loadSum(slot uint32, level int) merkle.SumNode {
	var b [sumBytes]byte
	m.loadContent(slot, frontierAt+uint64(level)*sumBytes, b[:])
	return merkle.SumNode{Digest: canon.Digest(b[:32]), Weight: binary.LittleEndian.Uint64(b[32:])}
}

// sum returns the node above two.
func (m *CommittedFiles) sum(l, r merkle.SumNode) merkle.SumNode {
	s, ok := merkle.SumParent(l, r)
	if !ok {
		m.corrupt()
	}
	return s
}

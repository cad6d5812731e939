package wasi

import (
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// Space tells the read-only input from the mutable output.
type Space uint8

// The spaces. They are also the device numbers that a guest sees.
const (
	In  Space = 1
	Out Space = 2
)

// Node names a file or folder. In the input space it says all that is known
// from the folder above; in the output space it is a slot of the files' own
// table, and no other node has its inode.
type Node struct {
	Space  Space
	Kind   merkle.Kind
	Slot   uint32       // Out
	Digest canon.Digest // In; zero: empty
	Size   uint64       // In; what the folder above states
	Inode  uint64
}

// Root names the nodes that exist from the start.
type Root uint8

// The roots.
const (
	Stdin Root = iota
	Stdout
	Stderr
	InFolder
	OutFolder
)

// Descriptor is one entry of the descriptor table.
type Descriptor struct {
	Preopen   bool
	Node      Node
	Offset    uint64
	Flags     uint16
	Rights    uint64
	Inherited uint64
	Cookie    uint64 // of the last entry listed, with its name
	Name      string
}

// ScratchBytes is the size of the scratch area: the working space of a call
// that takes several micro-steps. What a call leaves there stays.
const ScratchBytes = 16 << 10

// Files is the file system of a run, with the descriptor table. An error means
// that input bytes could not be had; it ends the run without a result. Every
// call touches a number of 1 KiB leaves that is bounded by the bytes it moves
// and the logarithm of a folder's size.
//
// The methods below the line are called for the output space only. Host checks
// limits and kinds before it calls them.
type Files interface {
	Root(r Root) Node
	// Lookup finds a name in a folder.
	Lookup(folder Node, name string) (Node, bool, error)
	// Rank returns the number of entries that do not sort behind a name.
	Rank(folder Node, name string) (uint64, error)
	// Entry returns entry i, in sorted order; false behind the last one.
	Entry(folder Node, i uint64) (string, Node, bool, error)
	// Size returns the number of bytes that a file is said to have; a
	// folder's is 0.
	Size(n Node) (uint64, error)
	// Length returns the number of bytes that can be read. An input file ends
	// where its bytes end, even if the folder that names it states another size.
	Length(n Node) (uint64, error)
	// Read fills p from offset on; all of it lies before the file's length.
	Read(n Node, p []byte, offset uint64) error
	// Descriptor returns the record of an open descriptor.
	Descriptor(fd uint32) Descriptor
	// SetDescriptor changes a record; the zero value stands for a closed one.
	SetDescriptor(fd uint32, d *Descriptor)
	// LoadScratch and StoreScratch move bytes of the scratch area.
	LoadScratch(at uint32, p []byte)
	StoreScratch(at uint32, p []byte)
	// Err returns what is wrong with the stored state, if anything is. What
	// was done since then means nothing.
	Err() error
	// ---
	// Write stores p at offset, at most the file's size.
	Write(n Node, p []byte, offset uint64)
	// Resize cuts a file or extends it with zeros.
	Resize(n Node, size uint64)
	// Create adds an empty file or folder. It answers false if the folder has
	// been removed.
	Create(folder Node, name string, kind merkle.Kind) (Node, bool)
	// Detach takes a node out of its folder; its content stays until Drop.
	Detach(n Node)
	// Attach puts a detached node into a folder. The name is free.
	Attach(n, folder Node, name string)
	// Attached reports whether the node is in a folder, or a root.
	Attached(n Node) bool
	// Above returns the slot of the folder that holds a slot's node; 0 if none
	// of the guest's does.
	Above(slot uint32) uint32
	// Hold counts by how many descriptors a node is held and returns the count.
	Hold(n Node, more int) uint32
	// Drop frees a detached node.
	Drop(n Node)
	// Used returns the bytes in all files and streams, and the number of files
	// and folders without the roots.
	Used() (bytes uint64, nodes uint32)
}

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
// table.
type Node struct {
	_      struct{} `cbor:",toarray"`
	Space  Space
	Kind   merkle.Kind
	Slot   uint32       // Out
	Digest canon.Digest // In; zero: empty
	Size   uint64       // In
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

// Files is the file system of a run. An error means that input bytes could not
// be had; it ends the run without a result. Every call touches a number of
// 1 KiB leaves that is bounded by the bytes it moves and the logarithm of a
// folder's size.
//
// The methods below the line are called for the output space only. Host checks
// limits and kinds before it calls them.
type Files interface {
	Root(r Root) Node
	// Lookup finds a name in a folder.
	Lookup(folder Node, name string) (Node, bool, error)
	// Next returns the first entry whose name sorts after the given one.
	Next(folder Node, after string) (string, Node, bool, error)
	// Name returns the name of entry i, in sorted order.
	Name(folder Node, i uint64) (string, bool, error)
	// Size returns the number of bytes in a file; a folder's is 0.
	Size(n Node) uint64
	// Read reads into p from offset and returns fewer bytes only at the end.
	Read(n Node, p []byte, offset uint64) (int, error)
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
	// Attached reports whether the node is in a folder, or a root.
	Attached(n Node) bool
	// Drop frees a detached node.
	Drop(n Node)
	// Move renames a node. The new name is free.
	Move(n, folder Node, name string)
	// Contains reports whether n is the folder or lies anywhere below it.
	Contains(folder, n Node) bool
	// Used returns the bytes in all files and streams, and the number of files
	// and folders without the roots.
	Used() (bytes uint64, nodes uint32)
}

package machine

import (
	"fmt"

	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// LeafSize is the number of bytes in a leaf.
const LeafSize = merkle.LeafSize

// Leaf holds the bytes of a leaf.
type Leaf = [LeafSize]byte

// Region is one of the byte arrays that a machine works on. What each holds is
// said in docs/WASM.md, The machine.
type Region uint8

// The regions. Code and Static never change.
const (
	Code Region = iota
	Static
	Memory
	Slots
	Globals
	Tables
	Dropped
	HostNodes
	HostData

	// NumRegions is their number.
	NumRegions = int(HostData) + 1
)

// MaxDepth is the depth of the deepest tree.
const MaxDepth = 33

// Depths of trees that the state root of a result shows, too.
const (
	MemoryDepth  = 22 // 4 GiB
	GlobalsDepth = 8  // 16,384 globals of 16 bytes; a module has at most 10,000
	TableDepth   = 12 // 2^20 elements of 4 bytes, the most that a table grows to
)

// regions gives name and depth. The reasons for the depths: Code 2^30
// instructions of 16 bytes; Static is addressed with 32 bits; Slots 8 Mi slots
// where a job has at most 5 Mi; Tables sixteen tables; Dropped 300,000 segments
// of one byte; HostData one stretch of 4 GiB for each of 2,048 files.
var regions = [NumRegions]struct {
	name  string
	depth int
}{
	Code:      {"code", 24},
	Static:    {"static", 22},
	Memory:    {"memory", MemoryDepth},
	Slots:     {"slots", 16},
	Globals:   {"globals", GlobalsDepth},
	Tables:    {"tables", TableDepth + 4},
	Dropped:   {"dropped", 9},
	HostNodes: {"host nodes", 10},
	HostData:  {"host data", MaxDepth},
}

// Depth returns the depth of the region's tree: it has 1<<Depth leaves.
func (r Region) Depth() int { return regions[r].depth }

// Bytes returns the size of the region.
func (r Region) Bytes() uint64 { return LeafSize << r.Depth() }

// String returns the region's name.
func (r Region) String() string {
	if int(r) < NumRegions {
		return regions[r].name
	}
	return fmt.Sprintf("region %d", uint8(r))
}

// Space is the storage that a step reads and writes. Offsets are bytes; Load
// and Store cross leaves freely. An access that ends beyond the region panics
// with *MissingError, as one to a leaf does that a witness does not open: no proof
// can show such bytes. There is no other panic.
type Space interface {
	Load(r Region, at uint64, p []byte)
	Store(r Region, at uint64, p []byte)
	// Clear zeroes [at, at+n). It touches a number of nodes logarithmic in n: at
	// most two leaves are rewritten, whole subtrees become subtrees of zeros.
	Clear(r Region, at, n uint64)
}

// MissingError is what a Space panics with if it does not have a leaf.
type MissingError struct {
	Region Region
	Leaf   uint64
}

// Error implements error.
func (m *MissingError) Error() string {
	return fmt.Sprintf("leaf %d of %s is not known", m.Leaf, m.Region)
}

// zeros holds the hash of a subtree of zeros by its height.
var zeros = buildZeros()

func buildZeros() (t [MaxDepth + 1]canon.Digest) {
	t[0] = merkle.HashLeaf(zeroBytes[:LeafSize])
	for h := 1; h < len(t); h++ {
		t[h] = merkle.HashNode(t[h-1], t[h-1])
	}
	return t
}

// Zero returns the root of a tree of 1<<height leaves that are all zeros.
func Zero(height int) canon.Digest { return zeros[height] }

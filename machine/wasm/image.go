package wasm

import (
	"errors"
	"fmt"

	"github.com/capacloud/assay/canon"
)

// Image is what the first state of the canonical machine and every step need to
// know of a program beside the regions' bytes. It is a function of the
// program's bytes alone; the ledger computes it (see Lowering). Canonical CBOR,
// at most MaxImage bytes.
type Image struct {
	_       struct{} `cbor:",toarray"`
	Version string   // MachineVersion

	// Invalid is the reason why the program is no wasm/1 module, or empty. All
	// fields below are then zero. Whether the memory's minimum is above the
	// limit depends on the job: it is not looked at here.
	Invalid string

	Code        canon.Digest // root of the code region
	Static      canon.Digest // root of the static region
	Instrs      uint32       // in the code region, padding included
	StaticBytes uint32       // in the static region

	Functions uint32 // records at the beginning of the static region
	Datas     uint32 // data segments; see SegmentAt
	Elems     uint32 // element segments; see SegmentAt
	Globals   uint32

	// Epochs says that it is an epoch program: its runs have positions beyond
	// their steps (package step).
	Epochs bool

	HasMemory bool
	MemoryMin uint32 // pages
	MemoryMax uint32 // declared maximum, or MaxPages
	Tables    []TableInfo

	// Contents of the mutable regions at first, active segments copied.
	Memory      canon.Digest
	GlobalsRoot canon.Digest
	TablesRoot  canon.Digest
}

// TableInfo is a table of an Image: its element type, its size at first, the
// effective maximum, and the root of its subtree of the tables region at first.
type TableInfo struct {
	_    struct{} `cbor:",toarray"`
	Elem uint8
	Min  uint32
	Max  uint32
	Root canon.Digest
}

// MaxImage bounds the encoding of an Image.
const MaxImage = 4 << 10

// The static region holds, in this order: the functions' records; a record for
// each data segment and each element segment, SegmentBytes long (where its
// content begins in this region and how many bytes or elements it has, both
// little-endian words); jump tables; the contents of passive segments, an
// element as in tables. Segments that are not passive have length 0.
const SegmentBytes = 8

// SegmentAt is where the record of a data segment stands in the static region.
func (im *Image) SegmentAt(data uint32) uint64 {
	return FuncBytes*uint64(im.Functions) + SegmentBytes*uint64(data)
}

// ElemSegmentAt is the same for an element segment.
func (im *Image) ElemSegmentAt(elem uint32) uint64 {
	return im.SegmentAt(im.Datas) + SegmentBytes*uint64(elem)
}

// Where things stand in the mutable regions.
const (
	// GlobalBytes is the size of a global: type, seven zeros, value.
	GlobalBytes = 16
	// TableBytes is the distance between tables: 2^20 elements of four bytes.
	TableBytes = 4 << 20
)

// Setup is the fuel that the first state costs.
func (im *Image) Setup() uint64 {
	n := uint64(im.MemoryMin) * PageFuel
	for _, t := range im.Tables {
		n += uint64(t.Min) * ElemFuel
	}
	return n
}

// imageTag separates digests of images.
const imageTag = "assay/wasm-image/1"

// Encode returns the canonical encoding.
func (im *Image) Encode() []byte { return canon.Marshal(im) }

// Digest identifies the image.
func (im *Image) Digest() canon.Digest { return canon.Hash(imageTag, im.Encode()) }

var errImage = errors.New("wasm: not an image of " + MachineVersion)

// DecodeImage reads an image. It refuses other versions, encodings that Encode
// would not have written, and numbers beyond what a valid module can have.
func DecodeImage(b []byte) (*Image, error) {
	if len(b) > MaxImage {
		return nil, fmt.Errorf("%w: %d bytes", errImage, len(b))
	}
	var im Image
	if err := canon.Unmarshal(b, &im); err != nil {
		return nil, fmt.Errorf("%w: %w", errImage, err)
	}
	if err := im.check(); err != nil {
		return nil, err
	}
	return &im, nil
}

func (im *Image) check() error {
	l := DefaultLimits()
	switch {
	case im.Version != MachineVersion:
		return fmt.Errorf("%w: version %.40q", errImage, im.Version)
	case len(im.Invalid) > 64:
		return fmt.Errorf("%w: reason %.80q", errImage, im.Invalid)
	case len(im.Tables) > int(l.Tables), im.Globals > l.Globals, im.MemoryMin > MaxPages, im.MemoryMax > MaxPages,
		im.Datas > l.DataSegments, im.Elems > l.ElementSegments, im.Functions > l.Functions+l.Imports:
		return fmt.Errorf("%w: counts beyond the limits", errImage)
	}
	for _, t := range im.Tables {
		if t.Min > t.Max || t.Max > MaxTableElems {
			return fmt.Errorf("%w: table of %d to %d", errImage, t.Min, t.Max)
		}
	}
	return nil
}

// Program is a lowered program: its image and the contents of the regions that
// the image commits to. It must not be changed.
type Program struct {
	Image   Image
	Code    []Instr
	Static  []byte
	Funcs   []FuncInfo // the records of Static
	Globals []byte
	Tables  [][]byte // contents of each table
	// Data are the active data segments in the order in which they are copied.
	Data []DataAt
}

// DataAt is a piece of the first memory.
type DataAt struct {
	At    uint32
	Bytes []byte
}

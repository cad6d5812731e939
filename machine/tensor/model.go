package tensor

import (
	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// Model describes a network of integers. Tensor 0 is the input; tensor i is
// what Nodes[i-1] computes; the last one is the output.
type Model struct {
	_          struct{} `cbor:",toarray"`
	Version    uint8    // 1
	Weights    canon.Digest
	Commitment canon.Digest // to the weights, laid out as Graph.Blocks says
	Input      []uint32     // shape of the input; the first dimension is the batch
	Nodes      []Node
}

// Op is an operator.
type Op uint8

// The operators. All but MaxPool make sums of at most Bound and requantise them.
const (
	Dense   Op = 1 // all dimensions but the batch, times weights, plus bias
	Conv    Op = 2 // two-dimensional convolution with weights, plus bias
	MatMul  Op = 3 // product of two tensors
	Add     Op = 4 // of two tensors, each times an integer
	SumPool Op = 5 // sum over a window: average pooling before its division
	MaxPool Op = 6 // over windows of 2 by 2 that do not overlap
)

// String returns the name used in messages.
func (o Op) String() string {
	names := [...]string{"", "dense", "conv", "matmul", "add", "sumpool", "maxpool"}
	if o >= Dense && int(o) < len(names) {
		return names[o]
	}
	return "unknown"
}

// Node is one operator. Attributes that the operator does not take are zero.
type Node struct {
	_         struct{} `cbor:",toarray"`
	Op        Op
	Inputs    []uint32 // tensors, each before this node
	Out       uint32   // features of a dense node, channels of a convolution
	Window    Window   // conv and pools
	Transpose bool     // matmul: the second tensor is [N, K]
	Factors   []uint32 // add: of both tensors, 1 to 2^12
	Bound     uint32   // no input makes a sum larger than this, either sign
	Requant   *Requant // nil: the sums are the output, int32; last node only
}

// Window is how a kernel moves over height and width.
type Window struct {
	_      struct{}  `cbor:",toarray"`
	Kernel [2]uint32 // height, width
	Stride [2]uint32
	Pad    [4]uint32 // conv: top, left, bottom, right
	Fill   int8      // conv: what padding reads as
}

// Requant makes an int8 of a sum: round(sum / 2^Shift) = t, then
// clamp(Zero + round(t × Multiplier / 2^MulShift), Low, High), then Map. Both
// roundings are to the nearest, ties upwards.
type Requant struct {
	_          struct{} `cbor:",toarray"`
	Shift      uint8
	Multiplier uint32 // 1 to 2^31-1
	MulShift   uint8  // 1 to MaxMulShift
	Zero       int8
	Low, High  int8
	Map        []byte // empty, or 256 int8: of -128 first. Any activation function
}

// Bytes returns the canonical encoding: the program of a job.
func (m *Model) Bytes() []byte { return canon.Marshal(m) }

// Digest names a descriptor as a program.
func Digest(descriptor []byte) canon.Digest { return merkle.FileOf(descriptor) }

// Parse reads a descriptor strictly and checks all that needs no weights.
func Parse(b []byte) (*Graph, error) {
	if len(b) > MaxDescriptor {
		return nil, assay.Refuse(CodeEncoding, "a descriptor of %d bytes; at most %d", len(b), MaxDescriptor)
	}
	m := new(Model)
	if err := canon.Unmarshal(b, m); err != nil {
		return nil, assay.Refuse(CodeEncoding, "%v", err)
	}
	return Check(m)
}

// half is what makes a shift round to the nearest, ties upwards.
func half(shift uint8) int64 {
	if shift == 0 {
		return 0
	}
	return 1 << (shift - 1)
}

// Coarse returns the first rounding of a sum.
func (r *Requant) Coarse(sum int64) int64 { return (sum + half(r.Shift)) >> r.Shift }

// Half is what Coarse adds before it shifts.
func (r *Requant) Half() int64 { return half(r.Shift) }

// Fine returns the int8 of a coarse value.
func (r *Requant) Fine(t int64) int8 {
	q := (t*int64(r.Multiplier)+half(r.MulShift))>>r.MulShift + int64(r.Zero)
	y := int8(max(int64(r.Low), min(int64(r.High), q)))
	if len(r.Map) != 0 {
		y = int8(r.Map[int(y)+128])
	}
	return y
}

// Apply requantises a sum.
func (r *Requant) Apply(sum int32) int8 { return r.Fine(r.Coarse(int64(sum))) }

// TableBits returns how many bits, sign included, the coarse values of sums up
// to bound take: Table has that many.
func (r *Requant) TableBits(bound uint32) int {
	top, bits := r.Coarse(int64(bound)), 1
	for top >= 1<<(bits-1) {
		bits++
	}
	return bits
}

// Table returns Fine of every coarse value, the least one first.
func (r *Requant) Table(bits int) []int8 {
	t := make([]int8, 1<<bits)
	for i := range t {
		t[i] = r.Fine(int64(i) - 1<<(bits-1))
	}
	return t
}

func (r *Requant) check(node int, bound uint32) error {
	switch {
	case r.Shift > MaxShift || r.MulShift < 1 || r.MulShift > MaxMulShift:
		return assay.Refuse(CodeRequant, "node %d: shifts %d and %d; at most %d and %d, the second at least 1", node, r.Shift, r.MulShift, MaxShift, MaxMulShift)
	case r.Multiplier < 1 || r.Multiplier > 1<<31-1:
		return assay.Refuse(CodeRequant, "node %d: multiplier %d", node, r.Multiplier)
	case r.Low > r.High:
		return assay.Refuse(CodeRequant, "node %d: clamp from %d to %d", node, r.Low, r.High)
	case len(r.Map) != 0 && len(r.Map) != 256:
		return assay.Refuse(CodeRequant, "node %d: a map of %d bytes", node, len(r.Map))
	}
	if bits := r.TableBits(bound); bits > MaxTableBits || bits+int(r.Shift) > maxRange {
		return assay.Refuse(CodeRequant, "node %d: sums up to %d leave %d bits after a shift of %d; at most %d", node, bound, bits, r.Shift, MaxTableBits)
	}
	return nil
}

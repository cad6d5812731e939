package machine

import (
	"errors"
	"fmt"

	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// ErrProof is wrapped by every refusal of a proof.
var ErrProof = errors.New("proof of a region")

// AppendProof appends the proof of what was looked at and returns b. It is the
// tree from the top, one byte for what follows:
//
//	0         zeros
//	1 hash    a subtree that was not opened, 32 bytes
//	2 l r     both halves, left and right
//	3 bytes   a leaf, 1,024 bytes
//
// Zeros have no other spelling than 0, and nothing is opened without need, so
// there is one proof for what was looked at. The root's hash is known to the
// reader: a proof that is a hash alone is not written at all.
func (t *Sparse) AppendProof(b []byte) []byte { return t.proof.append(b) }

// Open reports whether there is anything for a proof to show beyond the root.
func (t *Sparse) Open() bool { return t.proof.kind == inner }

// ProofBytes returns the length of a recording region's proof.
func (t *Sparse) ProofBytes() int { return t.size }

func (p *proofNode) append(b []byte) []byte {
	b = append(b, byte(p.kind))
	switch p.kind {
	case pruned:
		b = append(b, p.hash[:]...)
	case inner:
		b = p.below[1].append(p.below[0].append(b))
	case opened:
		b = append(b, p.leaf[:]...)
	}
	return b
}

// bytes returns the length of what append writes for zeros or a hash.
func (p *proofNode) bytes() int {
	if p.kind == pruned {
		return 1 + len(p.hash)
	}
	return 1
}

// Closed returns a region of which nothing but the root is known.
func Closed(r Region, root canon.Digest) *Sparse { return sparse(r, closed(r.Depth(), root)) }

// DecodeProof reads a proof from the start of b and returns the rest. It
// refuses one that is not of this root, has zeros spelt out, or is more Work
// than most. The bytes must not change afterwards.
func DecodeProof(r Region, root canon.Digest, b []byte, most uint64) (*Sparse, []byte, error) {
	d := decoder{b: b, most: most}
	p, err := d.node(r.Depth())
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("%w: %s: %w", ErrProof, r, err)
	case p.kind != inner:
		return nil, nil, fmt.Errorf("%w: %s: opens nothing", ErrProof, r)
	case p.hash != root:
		return nil, nil, fmt.Errorf("%w: %s: its root is %s, not %s", ErrProof, r, p.hash, root)
	}
	t := sparse(r, p)
	t.work = d.work
	return t, d.b, nil
}

type decoder struct {
	b          []byte
	work, most uint64
}

var (
	errCut      = errors.New("cut off")
	errZeros    = errors.New("zeros spelt out")
	errNode     = errors.New("unknown or misplaced node")
	errWork     = errors.New("too many hashes")
	errNeedless = errors.New("opens what was not looked at")
)

// node reads a subtree. The depth bounds the recursion, and two halves that are
// zeros are refused: so each hash or leaf can carry at most depth other nodes.
func (d *decoder) node(height int) (*proofNode, error) {
	tag, err := d.take(1)
	if err != nil {
		return nil, err
	}
	p := &proofNode{kind: kind(tag[0])}
	if d.work > d.most {
		return nil, errWork
	}
	switch {
	case p.kind == zero:
		p.hash = zeros[height]
		return p, nil
	case p.kind == pruned:
		hash, err := d.take(len(p.hash))
		if err != nil {
			return nil, err
		}
		copy(p.hash[:], hash)
	case p.kind == inner && height > 0:
		d.work += nodeWork
		for k := range p.below {
			if p.below[k], err = d.node(height - 1); err != nil {
				return nil, err
			}
		}
		p.hash = merkle.HashNode(p.below[0].hash, p.below[1].hash)
	case p.kind == opened && height == 0:
		leaf, err := d.take(LeafSize)
		if err != nil {
			return nil, err
		}
		p.leaf = (*Leaf)(leaf)
		p.hash = merkle.HashLeaf(leaf)
		d.work += leafWork
	default:
		return nil, errNode
	}
	if p.hash == zeros[height] {
		return nil, errZeros
	}
	return p, nil
}

func (d *decoder) take(n int) ([]byte, error) {
	if len(d.b) < n {
		return nil, errCut
	}
	b := d.b[:n:n]
	d.b = d.b[n:]
	return b, nil
}

// CheckUsed refuses a proof that opened more than was looked at since.
func (t *Sparse) CheckUsed() error {
	if _, err := t.proof.used(); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrProof, t.region, err)
	}
	return nil
}

// used reports whether anything in the subtree had to be shown.
func (p *proofNode) used() (bool, error) {
	if p.kind == opened && !p.touched {
		return false, errNeedless
	}
	if p.kind != inner {
		return p.touched, nil
	}
	left, err := p.below[0].used()
	if err != nil {
		return false, err
	}
	right, err := p.below[1].used()
	if err == nil && !left && !right {
		err = errNeedless
	}
	return left || right, err
}

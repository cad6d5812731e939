package groth16

import (
	"encoding/binary"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/zk/bn254"
)

// Points are the numbers of a key as other systems publish them, already as
// 32-byte coordinates in the order of this package.
type Points struct {
	Alpha              []byte
	Beta, Gamma, Delta []byte
	IC                 [][]byte
}

// KeyOf builds a key without commitments from its points.
func KeyOf(p *Points) (*Key, error) {
	if len(p.IC) == 0 || len(p.IC) > 1+MaxInputs {
		return nil, assay.Refuse(CodeKey, "%d points", len(p.IC))
	}
	k := &Key{IC: make([]bn254.G1, len(p.IC))}
	r := reader{}
	r.g1(&k.Alpha, p.Alpha)
	r.g2(&k.Beta, p.Beta)
	r.g2(&k.Gamma, p.Gamma)
	r.g2(&k.Delta, p.Delta)
	for i := range k.IC {
		r.g1(&k.IC[i], p.IC[i])
	}
	if r.err != nil {
		return nil, r.err
	}
	return k, k.finish()
}

// ParseGnarkKey reads the bytes that gnark's VerifyingKey.WriteTo writes:
// compressed points, [α]₁ [β]₁ [β]₂ [γ]₂ [δ]₁ [δ]₂, the IC points, what each
// commitment hashes, and the commitments' keys. Nothing may follow.
func ParseGnarkKey(b []byte) (*Key, error) {
	k := new(Key)
	g := gnark{rest: b}
	var skip bn254.G1
	g.g1(&k.Alpha)
	g.g1(&skip)
	g.g2(&k.Beta)
	g.g2(&k.Gamma)
	g.g1(&skip)
	g.g2(&k.Delta)
	k.IC = make([]bn254.G1, g.count(1+MaxInputs+MaxCommitments))
	for i := range k.IC {
		g.g1(&k.IC[i])
	}
	k.Pedersen = make([]Pedersen, g.count(MaxCommitments))
	for i := range k.Pedersen {
		k.Pedersen[i].Hashed = make([]uint32, g.count(MaxInputs+MaxCommitments))
		for j := range k.Pedersen[i].Hashed {
			k.Pedersen[i].Hashed[j] = g.index()
		}
	}
	if n := g.count(MaxCommitments); g.err == nil && n != len(k.Pedersen) {
		return nil, assay.Refuse(CodeKey, "%d keys of %d commitments", n, len(k.Pedersen))
	}
	for i := range k.Pedersen {
		g.g2(&k.Pedersen[i].G)
		g.g2(&k.Pedersen[i].SigmaNeg)
	}
	if g.err != nil {
		return nil, g.err
	}
	if len(g.rest) != 0 {
		return nil, assay.Refuse(CodeKey, "%d bytes after the key", len(g.rest))
	}
	return k, k.finish()
}

// gnark reads gnark's encoder's output and keeps the first error.
type gnark struct {
	rest []byte
	err  error
}

func (g *gnark) next(n int) []byte {
	if g.err == nil && len(g.rest) < n {
		g.err = assay.Refuse(CodeKey, "it ends early")
	}
	if g.err != nil {
		return make([]byte, n)
	}
	b := g.rest[:n]
	g.rest = g.rest[n:]
	return b
}

func (g *gnark) g1(p *bn254.G1) {
	if b := g.next(bn254.G1Compressed); g.err == nil {
		*p, g.err = bn254.ParseG1Compressed(b)
	}
}

func (g *gnark) g2(p *bn254.G2) {
	if b := g.next(bn254.G2Compressed); g.err == nil {
		*p, g.err = bn254.ParseG2Compressed(b)
	}
}

func (g *gnark) count(most uint32) int {
	n := binary.BigEndian.Uint32(g.next(4))
	if g.err == nil && n > most {
		g.err = assay.Refuse(CodeKey, "a list of %d; at most %d", n, most)
	}
	if g.err != nil {
		return 0
	}
	return int(n)
}

func (g *gnark) index() uint32 {
	n := binary.BigEndian.Uint64(g.next(8))
	if g.err == nil && n > MaxInputs+MaxCommitments {
		g.err = assay.Refuse(CodeKey, "an index of %d", n)
	}
	return uint32(n)
}

// ProofFromGnark turns the bytes that gnark's Proof.WriteRawTo writes into the
// proof format of this package. It checks the shape only; Verify checks the rest.
func ProofFromGnark(raw []byte) ([]byte, error) {
	const core = 2*bn254.G1Size + bn254.G2Size
	if len(raw) < core+4+bn254.G1Size {
		return nil, assay.Refuse(CodeLength, "%d bytes of gnark's encoding", len(raw))
	}
	n := binary.BigEndian.Uint32(raw[core:])
	if n > MaxCommitments || len(raw) != core+4+int(n+1)*bn254.G1Size {
		return nil, assay.Refuse(CodeLength, "%d bytes of gnark's encoding with %d commitments", len(raw), n)
	}
	proof := append([]byte(nil), raw[:core]...)
	if n == 0 {
		return proof, nil // the proof of knowledge of no commitments is infinity
	}
	return append(proof, raw[core+4:]...), nil
}

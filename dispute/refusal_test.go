package dispute

import (
	"bytes"
	"slices"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
)

// TestRefusals plays every refusal of the game. None changes anything.
func TestRefusals(t *testing.T) {
	b := newTable(t, 1000, 1024)
	truth, false1 := b.m.trace(), b.m.trace(lie{700, scramble(1 << 20)})
	b.claim(1, truth)
	b.claim(2, false1)
	mine := b.g.Turns(key(1))[0]
	claim := func(edit func(*assay.PostClaim)) error {
		msg := truth.claim(b.g)
		edit(msg)
		return b.g.Claim(b.m, b.now, key(3), msg, 1)
	}
	refine := func(who int, edit func(*assay.PostRefinement)) error {
		msg := truth.refine(b.g, mine)
		edit(msg)
		return b.g.Refine(b.now, key(who), msg, 1)
	}
	prove := func(who int, edit func(*assay.PostProof)) error {
		msg := truth.prove(b.g, mine)
		edit(msg)
		return b.g.Prove(b.m, b.now, key(who), msg, 1)
	}
	for i, c := range []struct {
		code assay.Code
		move func() error
	}{
		{CodeOtherDispute, func() error { return claim(func(m *assay.PostClaim) { m.Job[0]++ }) }},
		{CodeOneClaim, func() error { return b.g.Claim(b.m, b.now, key(1), truth.claim(b.g), 1) }},
		{CodeArity, func() error { return claim(func(m *assay.PostClaim) { m.Roots = m.Roots[1:] }) }},
		{CodeArity, func() error {
			return claim(func(m *assay.PostClaim) { m.Roots = append(slices.Clone(m.Roots), m.Roots[0]) })
		}},
		{CodeArity, func() error { return claim(func(m *assay.PostClaim) { m.Roots = nil }) }},
		{CodeSteps, func() error { return claim(func(m *assay.PostClaim) { m.Steps = 1025 }) }},
		{CodeRecordSize, func() error { return claim(func(m *assay.PostClaim) { m.Last = make([]byte, MaxRecord+1) }) }},
		{"toy-record", func() error { return claim(func(m *assay.PostClaim) { m.Last = m.Last[:15] }) }},
		{"toy-record", func() error { return claim(func(m *assay.PostClaim) { m.Last = truth.at(999).bytes() }) }},
		{CodeEnd, func() error { return claim(func(m *assay.PostClaim) { m.Roots[31][0] ^= 1 }) }},
		{CodeOtherDispute, func() error { return refine(1, func(m *assay.PostRefinement) { m.Job[0]++ }) }},
		{CodeNoClaim, func() error { return refine(1, func(m *assay.PostRefinement) { m.Claim = 2 }) }},
		{CodeNotYours, func() error { return refine(2, func(*assay.PostRefinement) {}) }},
		{CodeNotYours, func() error { return refine(1, func(m *assay.PostRefinement) { m.Claim = 1 }) }},
		{CodeInterval, func() error { return refine(1, func(m *assay.PostRefinement) { m.Level = 2 }) }},
		{CodeInterval, func() error { return refine(1, func(m *assay.PostRefinement) { m.Level = 255 }) }},
		{CodeInterval, func() error { return refine(1, func(m *assay.PostRefinement) { m.Offset++ }) }},
		{CodeInterval, func() error { return refine(1, func(m *assay.PostRefinement) { m.Offset += 1024 }) }},
		{CodeInterval, func() error { return refine(1, func(m *assay.PostRefinement) { m.Offset = 1 << 63 }) }},
		{CodeArity, func() error { return refine(1, func(m *assay.PostRefinement) { m.Roots = m.Roots[1:] }) }},
		{CodeArity, func() error {
			return refine(1, func(m *assay.PostRefinement) { m.Roots = append(slices.Clone(m.Roots), m.Roots[0]) })
		}},
		{CodeNoRival, func() error { return refine(1, func(m *assay.PostRefinement) { m.Offset -= 32 }) }},
		{CodeOutOfTurn, func() error { return refine(1, func(m *assay.PostRefinement) { m.Level = 0 }) }},
		{CodeOtherDispute, func() error { return prove(1, func(m *assay.PostProof) { m.Job[0]++ }) }},
		{CodeNoClaim, func() error { return prove(1, func(m *assay.PostProof) { m.Claim = 9 }) }},
		{CodeNotYours, func() error { return prove(2, func(*assay.PostProof) {}) }},
		{CodeInterval, func() error { return prove(1, func(m *assay.PostProof) { m.Offset++ }) }},
		{CodeNoRival, func() error { return prove(1, func(m *assay.PostProof) { m.Level = 0 }) }},
		{CodeNoRival, func() error { return prove(1, func(m *assay.PostProof) { m.Offset += 32 }) }},
		{CodeWitnessSize, func() error { return prove(1, func(m *assay.PostProof) { m.Witness = make([]byte, MaxWitness+1) }) }},
		{"toy-witness", func() error { return prove(1, func(m *assay.PostProof) { m.Witness[3] ^= 1 }) }},
		{"toy-witness", func() error { return prove(1, func(m *assay.PostProof) { m.Witness = nil }) }},
	} {
		before := canon.Marshal(b.g)
		if err := c.move(); assay.CodeOf(err) != c.code {
			t.Errorf("%d: %v, want %s", i, err, c.code)
		}
		if !bytes.Equal(before, canon.Marshal(b.g)) {
			t.Fatalf("%d: a refused move changed the game", i)
		}
	}
	b.ok(refine(1, func(*assay.PostRefinement) {}))
	b.refused(CodeOutOfTurn, refine(1, func(*assay.PostRefinement) {}))
	b.wait() // the liar is silent
	b.refused(CodeLate, b.g.Refine(b.now, key(2), &assay.PostRefinement{Job: b.g.Job, Claim: 1}, 1))
	if b.m.largest > MaxWitness {
		t.Fatalf("the machine was handed %d bytes", b.m.largest)
	}
	lostByProof(t)
}

// lostByProof: who was refuted is told so, and not that he is late.
func lostByProof(t *testing.T) {
	b := newTable(t, 20, 32)
	truth, false1 := b.m.trace(), b.m.trace(lie{7, scramble(1 << 20)})
	b.claim(1, truth)
	b.claim(2, false1)
	b.moves(1, truth)
	b.lost(1, CodeRefuted)
	b.refused(CodeClaimLost, b.g.Refine(b.now, key(2), &assay.PostRefinement{Job: b.g.Job, Claim: 1}, 1))
}

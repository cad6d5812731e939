package sim

import (
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/dispute"
)

// heckle sends a message about a case that its sender has no say in, or none
// any more: moves for other seats, repetitions of what is on the board, claims
// of validators that are none. The ledger has to refuse every one of them; the
// checkers see whether one of them moved anything.
func (w *World) heckle(c *board.Case) {
	from := w.Machines[w.rng.IntN(len(w.Machines))]
	m := w.nonsense(c, from)
	key := from.private
	switch m.(type) {
	case *assay.Submit:
		key = w.Clients[0].private
	case *assay.PostClaim, *assay.PostRefinement, *assay.PostProof, *assay.PostProgram:
		key = w.stranger // who pays for what he announces
	}
	tx := w.sign(key, m)
	w.after(w.delay(), func() { w.Chain.receive(tx) })
}

func (w *World) nonsense(c *board.Case, from *Machine) assay.Message {
	others := slices.DeleteFunc(slices.Clone(c.Seats), func(s board.Seat) bool { return s.Provider == from.key })
	if len(others) == 0 {
		return &assay.Attest{Job: c.ID} // as no validator
	}
	s := others[w.rng.IntN(len(others))]
	var random assay.Digest
	for i := range random {
		random[i] = byte(w.rng.Uint32())
	}
	if w.Setup.Epochs && w.rng.IntN(4) == 0 {
		switch epoch := uint32(1 + w.rng.IntN(9)); w.rng.IntN(3) {
		case 0:
			return &assay.PostCheckpoint{Job: c.ID, Seat: s.Number, Epoch: epoch, Root: random, File: random, Size: 5000}
		case 1:
			return &assay.PostCheckpoint{Job: c.ID, Seat: s.Number, Epoch: epoch, Root: random}
		default:
			return &assay.PostResume{Job: c.ID, Seat: s.Number, From: uint16(w.rng.IntN(4)), Epoch: epoch}
		}
	}
	switch w.rng.IntN(14) {
	case 0:
		return &assay.Commit{Job: c.ID, Seat: s.Number, Commit: random}
	case 1:
		return &assay.Tag{Job: c.ID, Seat: s.Number, Tag: random}
	case 2:
		return &assay.Open{Job: c.ID, Seat: s.Number, Salt: random, Result: w.right(&c.Job).Result}
	case 3:
		return &assay.Commit{Job: c.ID, Seat: 999, Commit: random}
	case 4:
		return &assay.Answer{Job: c.ID}
	case 5:
		if w.Setup.Proofs {
			return w.plagiarism(c, from)
		}
		return &assay.PostEvidence{Job: c.ID, Check: "quorum(3)", Body: random[:]}
	case 6:
		return &assay.Submit{Job: c.Job, Bytes: 1 << 39} // somebody else's job, again
	case 7:
		return &assay.Tick{}
	case 8:
		return &assay.PostClaim{Job: c.ID} // announced, and never made
	case 9:
		return &assay.PostClaim{Job: c.ID, Steps: 5, Last: random[:], Roots: slices.Repeat([]assay.Digest{random}, dispute.Arity)}
	case 10:
		return &assay.PostRefinement{Job: c.ID, Level: 1, Roots: slices.Repeat([]assay.Digest{random}, dispute.Arity-1)}
	case 11:
		return &assay.PostProof{Job: c.ID, Witness: random[:]}
	case 12:
		return &assay.PostProgram{Job: c.ID, Size: 32, Bytes: random[:]}
	}
	return &assay.Attest{Job: c.ID, Output: w.right(&c.Job).Result.Output}
}

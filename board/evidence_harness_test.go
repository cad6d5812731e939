package board

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/evidence/toy"
)

// theKey is the verifying key that jobs of scripts name.
var theKey = canon.Hash("test/key")

// proofCheck returns the first check of the policy that wants a proof.
func (h *harness) proofCheck() string {
	plan := h.c.Plan(&h.g.Params)
	for _, e := range plan.checks {
		if e.proof != nil {
			return e.check.String()
		}
	}
	return "none"
}

func (h *harness) commits() bool { return strings.Contains(h.proofCheck(), "bind=commit") }

// post posts evidence of a seat, all parts or the first one only.
func (h *harness) post(seat int, e *toy.Evidence, parts int, gas uint64) error {
	if h.parts == nil {
		h.parts = map[int][]byte{}
	}
	before := *h.c
	before.Shown, before.Checks = append([]Shown(nil), h.c.Shown...), append([]CheckState(nil), h.c.Checks...)
	list := assay.EvidenceParts(h.c.ID, h.proofCheck(), e.Bytes(), gas)
	for _, s := range h.c.Shown {
		if s.Digest == list[0].Digest && !s.Complete() {
			list = list[s.Parts:] // the others are on record
		}
	}
	for _, m := range list[:min(parts, len(list))] {
		saved := *h.c
		saved.Shown, saved.Checks = append([]Shown(nil), h.c.Shown...), append([]CheckState(nil), h.c.Checks...)
		n := -1
		err := h.c.Evidence(&h.g.Params, h.at, h.provider(seat), m, func(piece int) []byte {
			n = piece
			return bytes.Clone(h.parts[piece])
		})
		if err != nil {
			*h.c = saved // as the ledger does
			return err
		}
		if n < 0 {
			n = len(h.c.Shown) - 1
			for i, s := range h.c.Shown {
				if s.Digest == m.Digest {
					n = i
				}
			}
		}
		if m.Part == 0 {
			h.parts[n] = nil
		}
		h.parts[n] = append(h.parts[n], m.Body...)
		h.c.Shown[n].Bytes = slices.Collect(slices.Chunk(h.parts[n], assay.EvidencePart))
		if !h.c.Shown[n].Complete() {
			h.c.Shown[n].Bytes = nil
		}
	}
	if h.spent && len(h.c.Spends()) > len(before.Spends()) {
		h.spent = false
		h.c.SetAside(&before)
		for i := range h.c.Shown {
			if h.c.Shown[i].Code != "" {
				h.c.Shown[i].Bytes = nil
			}
		}
	}
	return nil
}

func (h *harness) proof(seat int, label string) *toy.Evidence {
	r := resultOf(label)
	e := &toy.Evidence{Seat: uint16(seat), Result: r.Digest(), Payee: h.provider(seat)}
	e.Seal = toy.Seal(h.commits(), h.c.ID, e.Payee, e.Result)
	return e
}

const toyGas = 2_000_000

func (h *harness) promise(seat int, label string) error {
	e := h.proof(seat, label)
	c := toy.Commitment(h.c.ID, e.Payee, e.Seal)
	return h.post(seat, &toy.Evidence{Seat: uint16(seat), Commitment: c}, 99, toyGas)
}

func (h *harness) showProof(seat int, label string) error {
	return h.post(seat, h.proof(seat, label), 99, toyGas)
}

func (h *harness) forge(seat int, label string) error {
	e := h.proof(seat, label)
	e.Seal[0]++
	return h.post(seat, e, 99, toyGas)
}

// copyProof shows the proof of another seat: "copy 1=A0".
func (h *harness) copyProof(seat int, label string) error {
	from, err := strconv.Atoi(label[1:])
	if err != nil {
		return err
	}
	e := h.proof(from, label[:1])
	e.Seat = uint16(seat)
	return h.post(seat, e, 99, toyGas)
}

// half posts the first part of a large proof, which a crash then loses.
func (h *harness) half(seat int, label string) error {
	e := h.proof(seat, label)
	e.Pad = make([]byte, assay.EvidencePart)
	return h.post(seat, e, 1, toyGas)
}

// cheap states too little gas.
func (h *harness) cheap(seat int, label string) error {
	return h.post(seat, h.proof(seat, label), 99, 10)
}

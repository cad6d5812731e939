package board

import (
	"fmt"
	"strings"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board/boardtest"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/dispute"
)

// theToy is the machine of the scripts about disputes. The truth is A.
var theToy = boardtest.Referee{Result: func(*assay.Job) assay.Result { return resultOf("A") }}

// traceOf reads a trace: "A" is the truth, "B500" carries B from step 500 on, and
// "B500A700" goes back to the truth.
func (h *harness) traceOf(text string) *boardtest.Trace {
	t := theToy.Trace(&h.c.Job)
	for text != "" {
		label := text[:1]
		digits := text[1:]
		if i := strings.IndexAny(digits, "ABCDEF"); i >= 0 {
			digits = digits[:i]
		}
		text = text[1+len(digits):]
		if digits == "" {
			continue
		}
		at := uint64(0)
		fmt.Sscan(digits, &at)
		r := resultOf(label)
		t = t.Lie(at, r.Digest())
	}
	return t
}

// party returns the key of a word: a seat's provider, or a stranger by name.
func (h *harness) party(word string) assay.Key {
	var seat int
	if _, err := fmt.Sscan(word, &seat); err == nil {
		return h.provider(seat)
	}
	return key("stranger "+word, 0)
}

// toySpan is how many steps an epoch of the toy has in scripts about epochs.
const toySpan = 32

// checkpoint posts a boundary: "A5" is the true state at boundary 5, "B5" one
// that carries B. Without bytes it confirms the root only.
func (h *harness) checkpoint(seat int, state string, bytes bool) error {
	var epoch uint32
	fmt.Sscan(state[1:], &epoch)
	at := uint64(epoch) * toySpan
	trace := h.traceOf("A")
	if state[:1] != "A" {
		trace = h.traceOf(fmt.Sprint(state[:1], at))
	}
	m := &assay.PostCheckpoint{Job: h.c.ID, Seat: uint16(seat), Epoch: epoch}
	if epoch > 0 {
		m.Root = trace.Roots(0, at, 1)[0]
	}
	if bytes {
		m.File, m.Size = canon.Hash("file", m.Root[:]), 1000
	}
	return h.c.Checkpoint(&h.g.Params, h.at, h.provider(seat), m)
}

// resume lets a seat go on: "0@5" is from boundary 5 of seat 0.
func (h *harness) resume(seat int, from string) error {
	m := &assay.PostResume{Job: h.c.ID, Seat: uint16(seat)}
	fmt.Sscanf(from, "%d@%d", &m.From, &m.Epoch)
	return h.c.Resume(&h.g.Params, h.at, h.provider(seat), m)
}

// showEpochs prints the checkpoints and who went on from them.
func (h *harness) showEpochs(b *strings.Builder) {
	for _, k := range h.c.Checkpoints {
		root, what := h.traceOf("A").Roots(0, uint64(k.Epoch)*toySpan, 1)[0], "checkpoint"
		if k.File.IsZero() {
			what = "confirmed"
		}
		fmt.Fprintf(b, "seat %d %s %d", k.Seat, what, k.Epoch)
		if root != k.Root {
			b.WriteString(", false")
		}
		b.WriteString("\n")
	}
	for _, r := range h.c.Resumes {
		fmt.Fprintf(b, "seat %d goes on from boundary %d of seat %d\n", r.Seat, r.Epoch, r.From)
	}
}

const moveCost = 100

func (h *harness) disputeRules() dispute.Rules {
	d := h.c.Dispute()
	if d == nil {
		d = new(newDispute(&h.g.Params, h.at, nil, 7, h.c.Bytes))
	}
	rules, err := rulesOf(&h.g.Params, &h.c.Job, h.c.Bytes, d.Fuel, d.Cover)
	if err != nil {
		panic(err)
	}
	return rules
}

func (h *harness) claim(who, trace string) error {
	rules := h.disputeRules()
	return h.c.Claim(&h.g.Params, h.at, h.party(who), h.traceOf(trace).Claim(&rules), moveCost)
}

func (h *harness) announce(who string) error {
	return h.c.Claim(&h.g.Params, h.at, h.party(who), &assay.PostClaim{Job: h.c.ID}, moveCost)
}

// garbage posts a claim whose record is none.
func (h *harness) garbage(who string) error {
	m := &assay.PostClaim{Job: h.c.ID, Last: []byte{1}, Roots: make([]assay.Digest, dispute.Arity)}
	return h.c.Claim(&h.g.Params, h.at, h.party(who), m, moveCost)
}

// play makes every move that a party may make now, and its claim when it was
// announced only.
func (h *harness) play(who, trace string) error {
	d := h.c.Dispute()
	if d == nil || d.Game == nil {
		return nil
	}
	t, from, at := h.traceOf(trace), h.party(who), h.at
	for _, turn := range d.Game.Turns(from) {
		var err error
		switch m := t.Move(theToy, turn).(type) {
		case *assay.PostRefinement:
			if turn.Announced {
				err = h.claim(who, trace)
			} else if !turn.Refined {
				err = h.c.Refine(&h.g.Params, at, from, m, moveCost)
			}
		case *assay.PostProof:
			if turn.Announced {
				err = h.claim(who, trace)
			} else {
				err = h.prove(from, m)
			}
		}
		if code := assay.CodeOf(err); err != nil && code != dispute.CodeOutOfTurn && code != dispute.CodeClaimLost && code != dispute.CodeNoRival {
			return err
		}
	}
	return nil
}

// prove hands in a proof and keeps its witness, as a ledger would.
func (h *harness) prove(from assay.Key, m *assay.PostProof) error {
	d := h.c.Dispute()
	known := len(d.Game.Proofs)
	err := h.c.Prove(&h.g.Params, h.at, from, m, moveCost)
	if len(d.Game.Proofs) > known {
		h.witnesses[len(h.c.Disputes)-1] = append(h.witnesses[len(h.c.Disputes)-1], m.Witness)
	}
	return err
}

func (h *harness) attestInputs(validator int) error {
	m := &assay.Attest{Job: h.c.ID, Output: h.c.Job.InputsDigest()}
	return h.c.Attest(&h.g.Params, &h.g, h.at, key("validator", validator), m)
}

// replayed returns the case with the witnesses of its proofs.
func (h *harness) replayed() *Case {
	k := *h.c
	k.Disputes = h.c.CopyDisputes()
	for n := range k.Disputes {
		k.Disputes[n].Proofs = h.witnesses[n]
	}
	return &k
}

// image is what the ledger keeps of the program.
func image() []byte { return boardtest.Image([]byte("program")) }

func (h *harness) showDisputes(b *strings.Builder) {
	for n := range h.c.Disputes {
		d := &h.c.Disputes[n]
		fmt.Fprintf(b, "dispute %d", n)
		for _, c := range d.Candidates {
			fmt.Fprintf(b, " %s", labelOf(c))
		}
		switch {
		case d.Code != "":
			fmt.Fprintf(b, ": %s", d.Code)
		case d.Game == nil:
			b.WriteString(": waits for the program")
		case d.Running():
			fmt.Fprintf(b, ": %s", d.Game.Phase)
		case d.Survivor().IsZero():
			b.WriteString(": none has survived")
		default:
			fmt.Fprintf(b, ": %s has survived", labelOf(d.Survivor()))
		}
		if d.Void != "" {
			fmt.Fprintf(b, ", challenge void (%s)", d.Void)
		}
		b.WriteString("\n")
		if d.Game != nil {
			h.showClaims(b, d.Game)
		}
	}
}

func (h *harness) showClaims(b *strings.Builder, g *dispute.Game) {
	for i := range g.Claims {
		c := &g.Claims[i]
		fmt.Fprintf(b, "  claim %d by %s", i, h.nameOf(c.Author))
		if c.Announced() {
			b.WriteString(", announced")
		} else {
			fmt.Fprintf(b, ": %s", labelOf(c.Result))
		}
		if c.Lost != nil {
			fmt.Fprintf(b, ", %s at level %d", c.Lost.Code, c.Lost.Level)
		}
		b.WriteString("\n")
	}
}

func (h *harness) nameOf(k assay.Key) string {
	for _, s := range h.c.Seats {
		if s.Provider == k {
			return fmt.Sprint("seat ", s.Number)
		}
	}
	for _, name := range []string{"x", "y", "z"} {
		if h.party(name) == k {
			return name
		}
	}
	return canon.Hash("name", k[:]).Short()
}

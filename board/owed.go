package board

import (
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/evidence"
)

// Owing is what a check still wants of a seat.
type Owing struct {
	Check string
	// First is the evidence that the seat has shown; zero: none. Where the check
	// wants a commitment first, that is it, and Ready says that a beacon has passed
	// since.
	First assay.Digest
	Ready bool
	// Piece is evidence of which Parts are on record and some are missing; zero: none.
	Piece assay.Digest
	Parts uint16
}

// Owed lists what a seat has to show, now or, when it has not opened yet, once it
// has: whose turn it is to prove is a matter of the checks, and nobody makes a
// proof that another seat is about to show.
func (c *Case) Owed(p *assay.Params, at assay.Moment, number uint16) []Owing {
	if c.Verdict != nil || int(number) >= len(c.Seats) || c.spent(number) {
		return nil
	}
	plan := c.Plan(p)
	var list []Owing
	for _, i := range plan.active(c.Choices) {
		if plan.checks[i].proof == nil || !c.turnOf(p, &plan, i, at, number) {
			continue
		}
		o := Owing{Check: plan.checks[i].check.String()}
		shown := false
		for _, s := range c.Shown {
			switch {
			case s.Check != o.Check || s.Seat != number:
			case !s.Complete():
				o.Piece, o.Parts = s.Digest, s.Parts
			case s.Await:
				o.First, o.Ready = s.Digest, s.After != 0
			default:
				shown = true
			}
		}
		if !shown {
			list = append(list, o)
		}
	}
	return list
}

// Proofs lists the checks that a seat may have to show a proof to, whosever turn
// it will be, as long as no escalate opens.
func (c *Case) Proofs(p *assay.Params, number uint16) []string {
	if c.Verdict != nil || int(number) >= len(c.Seats) || c.Seats[number].Role != assay.RoleExecutor {
		return nil
	}
	plan := c.Plan(p)
	var list []string
	for _, i := range plan.active(c.Choices) {
		if plan.checks[i].proof != nil {
			list = append(list, plan.checks[i].check.String())
		}
	}
	return list
}

// Rehearse judges evidence as the case would once the seat has opened a result,
// and returns why it would not be taken for a valid proof. Nothing changes. A
// provider that rehearses before it commits cannot be made to lose a bond by a job
// about which nobody could prove anything.
func (c *Case) Rehearse(p *assay.Params, number uint16, check string, result assay.Result, commitment, body []byte) error {
	plan := c.Plan(p)
	i := slices.IndexFunc(plan.checks, func(e entry) bool { return e.check.String() == check })
	if i < 0 || plan.checks[i].proof == nil || int(number) >= len(c.Seats) {
		return assay.Refuse(CodeNoCheck, "%.80q", check)
	}
	k := *c
	k.Seats, k.Shown = slices.Clone(c.Seats), nil
	seat := &k.Seats[number]
	seat.State, seat.Result = assay.Opened, &result
	at := assay.Moment{Height: c.Submitted.Height + 1, Time: c.Submitted.Time, Clock: c.Submitted.Clock}
	var state []byte
	for _, piece := range [][]byte{commitment, body} {
		if len(piece) == 0 {
			continue
		}
		if len(piece) > int(p.MaxEvidence) {
			return assay.Refuse(CodeEvidenceSize, "%d bytes; at most %d", len(piece), p.MaxEvidence)
		}
		if gas := plan.checks[i].proof.gas(piece); gas > p.BlockGas/2 {
			return assay.Refuse(CodeEvidenceGas, "%d needed, half a block has %d", gas, p.BlockGas/2)
		}
		digest := assay.EvidenceDigest(piece)
		k.Shown = append(k.Shown, Shown{
			Check: check, Seat: number, Digest: digest, Size: uint32(len(piece)), Parts: uint16(parts(uint32(len(piece)))),
			At: at, After: at.Height + 1, Beacon: assay.Beacon{Value: digest},
		})
		var err error
		state, err = plan.checks[i].check.Step(k.stepView(p, &plan, len(k.Shown)-1, false), state, assay.Evidence{Check: check, From: seat.Provider, Body: piece})
		if err != nil {
			return err
		}
		at.Height += 2
	}
	st, err := evidence.Read(state)
	if err != nil {
		return err
	}
	switch x, _ := st.Of(number); {
	case x.Proof == nil:
		return assay.Refuse(CodeNoStatement, "the evidence shows no proof")
	case x.Proof.False != "":
		return assay.Refuse(CodeNoStatement, "the proof is false: %s", x.Proof.False)
	}
	return nil
}

// turnOf reports whether a seat owes a check its proof: nobody before it with the
// same result does, none is there, and its time is not over.
func (c *Case) turnOf(p *assay.Params, plan *Plan, i int, at assay.Moment, number uint16) bool {
	seat := &c.Seats[number]
	if seat.Role != assay.RoleExecutor || seat.State.Failed() {
		return false
	}
	f := plan.checks[i].check.Judge(c.viewOf(p, plan, i, at), c.state(i))
	blamed := func(n uint16) bool {
		return slices.ContainsFunc(f.Faults, func(x assay.FoundFault) bool { return x.Seat == n })
	}
	if blamed(number) || len(f.Need) == 0 && f.Done {
		return false
	}
	if seat.Result != nil {
		if value, _ := f.ValueOf(seat.Result.Digest()); value != assay.Unknown {
			return false
		}
	}
	for n := range number {
		s := &c.Seats[n]
		// Whoever has opened waits for those only that have opened the same: its
		// own clock runs.
		same := seat.Result == nil || s.Result != nil && s.Result.Digest() == seat.Result.Digest()
		if s.Role == assay.RoleExecutor && !s.State.Failed() && same && !blamed(n) {
			return false
		}
	}
	return true
}

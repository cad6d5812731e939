package board

import (
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
)

// Appeal is a late fraud proof: a dispute about the result of a settled job,
// within the liability horizon. Whoever supported the result defends it with the
// stake that is still locked. It ends with nothing or with a revocation; no
// payment is reversed.
type Appeal struct {
	_          struct{} `cbor:",toarray"`
	Version    uint8    // 1
	Network    assay.NetworkID
	Job        assay.JobID
	Number     uint16 // of the job's appeals, from 0
	Opened     assay.Moment
	Horizon    assay.Time   // of the liability, which waits for the appeal's end
	Record     assay.Digest // of the settled case
	Result     assay.Digest // accepted there
	Supporters []Liable
	Image      []byte
	Dispute    Dispute
	Claims     []assay.ClaimEnd // once it has ended
	Posters    []assay.Payment  // likewise: what posting the program has cost
	Burned     assay.Amount     // of bonds and stake
	Revocation *Revocation      // nil: the result stands
}

// Liable is the stake of a seat that supported the result.
type Liable struct {
	_        struct{} `cbor:",toarray"`
	Seat     uint16
	Provider assay.Key
	Owner    assay.Key
	Stake    assay.Amount
}

// Revocation says that the result of a settled job was proved wrong. The ledger
// keeps its digest under "revocation/<job>"; where nothing is kept, nothing was
// revoked.
type Revocation struct {
	_         struct{} `cbor:",toarray"`
	Version   uint8    // 1
	Network   assay.NetworkID
	Job       assay.JobID
	Record    assay.Digest // that it revokes
	Result    assay.Digest // that it refutes
	Survivor  assay.Digest // that the dispute has left
	Appeal    assay.Digest // hash of the appeal, without this and without the witnesses that its game names
	Height    uint64       // of the block that ended the appeal
	Time      assay.Time
	Slashed   assay.Amount
	Requester assay.Amount // paid to the job's requester out of it, up to the escrow
	Burned    assay.Amount // of the stake and of lost bonds
	Faults    []assay.Fault
	Claims    []assay.ClaimEnd
}

// Digest returns the hash that the ledger keeps.
func (r *Revocation) Digest() assay.Digest { return canon.HashValue("assay/revocation/1", r) }

// digest returns the hash of everything that an appeal says beside its revocation,
// so that no byte of it can be changed in a file that carries both.
func (a *Appeal) digest() assay.Digest {
	k := *a
	k.Revocation, k.Dispute.Proofs = nil, nil
	return canon.HashValue("assay/appeal/1", &k)
}

// HorizonOf returns until when a settled result is open to a fraud proof, and
// whether it is at all: nothing else can be disputed than what was accepted, by
// a runtime that has a referee.
func HorizonOf(p *assay.Params, c *Case) (assay.Time, bool) {
	_, refereed := RefereeOf(c.Job.Runtime)
	if c.Record == nil || c.Record.Verdict.Outcome != assay.Accepted || p.Liability == 0 || !refereed {
		return 0, false
	}
	return c.Record.Time.Add(p.Liability), true
}

// OpenAppeal opens an appeal by a claim whose result differs from the accepted
// one. The caller has seen to it that none runs and nothing is revoked.
func OpenAppeal(p *assay.Params, c *Case, image []byte, number uint16, at assay.Moment, from assay.Key, m *assay.PostClaim, cost assay.Amount) (*Appeal, error) {
	horizon, open := HorizonOf(p, c)
	switch {
	case m.Job != c.ID:
		return nil, assay.Refuse(CodeOtherJob, "job %s", m.Job.Short())
	case !open:
		return nil, assay.Refuse(CodeFinal, "the case is %s", c.Phase)
	case at.Time >= horizon:
		return nil, assay.Refuse(CodeHorizon, "it ended at %s", horizon)
	}
	accepted := c.Record.Verdict.Result
	a := &Appeal{
		Version: 1, Network: c.Network, Job: c.ID, Number: number, Opened: at, Horizon: horizon,
		Record: c.Record.Digest(), Result: accepted.Digest(), Image: image,
	}
	for _, s := range c.Seats {
		// Whoever then failed to deliver stands behind it as much as the others:
		// otherwise liars would pay the small penalty for leaving.
		if (s.State == assay.Opened || s.State == assay.Unavailable) && s.Result.Digest() == a.Result {
			a.Supporters = append(a.Supporters, Liable{Seat: s.Number, Provider: s.Provider, Owner: s.Owner, Stake: s.Stake})
		}
	}
	a.Dispute = newDispute(p, at, []assay.Digest{a.Result}, accepted.Fuel, c.Bytes)
	k := a.contest(p, c)
	return a, k.challenge(at, from, m, cost)
}

func (a *Appeal) contest(p *assay.Params, c *Case) contest {
	return contest{Dispute: &a.Dispute, params: p, job: &c.Job, id: a.Job, fetch: c.Bytes, image: a.Image}
}

// Running reports whether the appeal has not ended.
func (a *Appeal) Running() bool { return a.Dispute.Running() }

// Copy returns an appeal that shares nothing that its methods modify.
func (a *Appeal) Copy() *Appeal {
	b := *a
	b.Dispute = a.Dispute.copy()
	return &b
}

// NeedsImage reports whether the appeal waits for the image of the program.
func (a *Appeal) NeedsImage() bool { return a.Dispute.NeedsImage() }

// SetImage gives the appeal the image of the program, and starts its game.
func (a *Appeal) SetImage(p *assay.Params, c *Case, at assay.Moment, image []byte) error {
	a.Image = image
	k := a.contest(p, c)
	if !k.NeedsImage() {
		return nil
	}
	return k.begin(at)
}

// Posted stops the clock for the program: all of it is on the ledger.
func (a *Appeal) Posted() { a.Dispute.posted() }

// Unlowerable ends the appeal: its program cannot be lowered.
func (a *Appeal) Unlowerable() { a.Dispute.fail() }

// Poster notes what somebody has paid to post a part of the program.
func (a *Appeal) Poster(p *assay.Params, at assay.Moment, who assay.Key, cost assay.Amount) {
	a.Dispute.paid(p, at, who, cost)
}

// Claim posts a claim in the appeal.
func (a *Appeal) Claim(p *assay.Params, c *Case, at assay.Moment, from assay.Key, m *assay.PostClaim, cost assay.Amount) error {
	if err := a.runs(); err != nil {
		return err
	}
	k := a.contest(p, c)
	return k.claim(at, from, m, cost)
}

// Refine states the middles of an interval of the signer's claim.
func (a *Appeal) Refine(p *assay.Params, c *Case, at assay.Moment, from assay.Key, m *assay.PostRefinement, cost assay.Amount) error {
	if err := a.runs(); err != nil {
		return err
	}
	k := a.contest(p, c)
	return k.refine(at, from, m, cost)
}

// Prove has the referee execute an interval of the signer's claim.
func (a *Appeal) Prove(p *assay.Params, c *Case, at assay.Moment, from assay.Key, m *assay.PostProof, cost assay.Amount) error {
	if err := a.runs(); err != nil {
		return err
	}
	k := a.contest(p, c)
	return k.prove(at, from, m, cost)
}

func (a *Appeal) runs() error {
	if !a.Running() {
		return assay.Refuse(CodePhase, "appeal %d has ended", a.Number)
	}
	return nil
}

// Deadline returns the earliest clock that runs.
func (a *Appeal) Deadline() (assay.Clock, bool) {
	if !a.Running() {
		return 0, false
	}
	due := a.Dispute.deadline()
	return due, due != 0
}

// Expire lets the clocks act that have run out.
func (a *Appeal) Expire(at assay.Moment) {
	if a.Running() {
		a.Dispute.expire(at)
	}
}

// Bonds returns what the authors of claims have locked.
func (a *Appeal) Bonds() assay.Amount {
	if !a.Running() {
		return 0
	}
	return a.Dispute.Bonds()
}

// Advance ends the appeal when its dispute is over. It changes nothing before,
// and nothing afterwards.
func (a *Appeal) Advance(p *assay.Params, c *Case, at assay.Moment) {
	if !a.Running() || !a.Dispute.over() {
		return
	}
	a.Dispute.Ended = at
	survivor := a.Dispute.Survivor()
	var pot assay.Amount
	var guilty, misled []Liable
	revoked := !survivor.IsZero() && survivor != a.Result
	if revoked {
		guilty, misled = a.liability(c)
		for _, s := range guilty {
			pot += s.Stake
		}
	}
	ends, program, burned := a.Dispute.payout(a.Number, pot, a.spared(c, misled))
	a.Claims, a.Burned = ends, burned
	for _, x := range program {
		a.Posters = append(a.Posters, assay.Payment{To: x.To, Amount: x.Amount, Code: PayProgram})
	}
	if revoked {
		a.indemnify(c, misled)
		a.revoke(c, at, survivor, pot, guilty, misled)
	}
}

// revoke writes the revocation. What costs and bounty have left of the stake
// goes to the requester, who holds a wrong result, up to what he has locked; the
// rest is burned, so that nobody gains by being proved wrong.
func (a *Appeal) revoke(c *Case, at assay.Moment, survivor assay.Digest, slashed assay.Amount, guilty, misled []Liable) {
	requester := min(c.Escrow, a.Burned, slashed)
	a.Burned -= requester
	r := &Revocation{
		Version: 1, Network: a.Network, Job: a.Job, Record: a.Record, Result: a.Result, Survivor: survivor,
		Appeal: a.digest(), Height: at.Height, Time: at.Time,
		Slashed: slashed, Requester: requester, Burned: a.Burned, Claims: slices.Clone(a.Claims),
	}
	for _, s := range guilty {
		r.Faults = append(r.Faults, assay.Fault{
			Seat: s.Seat, Provider: s.Provider, Owner: s.Owner, Class: assay.FaultProvedWrong, Slashed: s.Stake,
			Text: "an appeal has left another result than the one that was accepted",
		})
	}
	for _, s := range misled {
		r.Faults = append(r.Faults, assay.Fault{
			Seat: s.Seat, Provider: s.Provider, Owner: s.Owner, Class: assay.FaultMisled,
			Text: "it went on from a checkpoint that an appeal has refuted",
		})
	}
	a.Revocation = r
}

// ReplayAppeal recomputes from an appeal and the settled case that it is about
// everything that it says, with the limitations of [Replay].
func ReplayAppeal(p *assay.Params, c *Case, a *Appeal) error {
	horizon, open := HorizonOf(p, c)
	switch {
	case !open || a.Running():
		return differs("the appeal runs, or its case is not open to any")
	case a.Version != 1 || a.Network != c.Network || a.Job != c.ID || a.Horizon != horizon || a.Opened.Time >= horizon:
		return differs("the appeal is about another case")
	case a.Dispute.Challenge == nil || !slices.Equal(a.Dispute.Candidates, []assay.Digest{a.Result}) || a.Dispute.Fuel != c.Record.Verdict.Result.Fuel:
		return differs("the appeal is not about the accepted result")
	case a.Dispute.Asked != a.Opened || a.Dispute.Due != 0 || a.Dispute.Until != 0 || !later(a.Dispute.Ended, a.Opened):
		return differs("the appeal's moments contradict one another")
	case a.Dispute.Game == nil && a.Dispute.Code == "":
		return differs("the appeal has neither a game nor a reason to have none")
	}
	k := a.contest(p, c)
	if a.Dispute.Game != nil {
		if err := a.Dispute.replayGame(&k); err != nil {
			return err
		}
	}
	again, err := OpenAppeal(p, c, nil, a.Number, a.Opened, a.Dispute.Challenge.From, &a.Dispute.Challenge.Claim, a.Dispute.Challenge.Cost)
	if err != nil {
		return err
	}
	again.Dispute, again.Image = a.Dispute, a.Image
	again.Dispute.Ended = assay.Moment{}
	again.Advance(p, c, a.Dispute.Ended)
	if again.digest() != a.digest() || (again.Revocation == nil) != (a.Revocation == nil) || a.Revocation != nil && again.Revocation.Digest() != a.Revocation.Digest() {
		return differs("the appeal's end is not the one that follows from its dispute")
	}
	return nil
}

package board

import (
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/dispute"
)

// Dispute is one dispute about a job, in an open case or in an appeal, from the
// moment that it is needed until it is decided. Until the image of the program
// is on record it has no game, and its own clock runs for posting the program.
type Dispute struct {
	_          struct{} `cbor:",toarray"`
	Asked      assay.Moment
	Candidates []assay.Digest // results that it is about
	Fuel       uint64         // the most that one of them says it used
	Challenge  *Challenger    // whose claim opened it; kept when the game has taken it
	Void       assay.Code     // why the game did not take it; its bond is forfeited
	Due        assay.Clock    // for the program; zero: all of it is posted, or was there
	Cover      assay.Amount   // of the program's cost, what one loser pays at most
	Posters    []Poster       // who posted the program
	Until      assay.Clock    // when the window closes that was open when the game began; zero: none was
	Game       *dispute.Game
	Ended      assay.Moment // zero: it runs
	Code       assay.Code   // why it ended without a game
	// Proofs are the witnesses of Game.Proofs, for whoever replays the dispute.
	// The ledger keeps them apart, and no digest covers them: the game names each.
	Proofs [][]byte
}

// Challenger is the claim that opened a dispute.
type Challenger struct {
	_     struct{} `cbor:",toarray"`
	From  assay.Key
	Claim assay.PostClaim
	Cost  assay.Amount
	Bond  assay.Amount
	At    assay.Clock
}

// Poster is what one account has paid to post the program.
type Poster struct {
	_    struct{} `cbor:",toarray"`
	Who  assay.Key
	Cost assay.Amount
}

// contest is a dispute with what its methods need of the case or appeal that it
// belongs to.
type contest struct {
	*Dispute
	params *assay.Params
	job    *assay.Job
	id     assay.JobID
	fetch  uint64 // bytes of program and inputs, as the requester said
	image  []byte
}

// newDispute opens a dispute about results.
func newDispute(p *assay.Params, at assay.Moment, candidates []assay.Digest, fuel uint64, fetch uint64) Dispute {
	return Dispute{
		Asked: at, Candidates: candidates, Fuel: fuel, Cover: coverOf(p, fetch),
		Due: at.Clock.Add(p.ChallengeSlack + assay.Millis(MaxProgram*1000/p.FetchRate)),
	}
}

// coverOf returns what posting a program of so many bytes costs. The requester
// has named the bytes, program and inputs together, before anybody could dispute.
func coverOf(p *assay.Params, bytes uint64) assay.Amount {
	bytes = min(bytes, MaxProgram)
	chunks := (bytes + assay.ProgramChunk - 1) / assay.ProgramChunk
	one, err := p.Fee(assay.ProgramChunk+txBytes, BytesGas(assay.ProgramChunk+txBytes)+GasProgram)
	if err == nil {
		one, err = one.Mul(chunks)
	}
	if err != nil {
		return ^assay.Amount(0)
	}
	return one
}

// Running reports whether the dispute is not decided yet.
func (d *Dispute) Running() bool { return d.Ended == (assay.Moment{}) }

// Survivor returns the result that was the last one standing; zero: none was, or
// the dispute runs.
func (d *Dispute) Survivor() assay.Digest {
	if d.Game == nil || !d.Game.IsOver() {
		return assay.Digest{}
	}
	return d.Game.Outcome().Result
}

// NeedsImage reports whether the dispute waits for the image of the program.
func (d *Dispute) NeedsImage() bool { return d.Game == nil && d.Code == "" && d.Running() }

// Bonds returns what the authors of claims have locked in the dispute.
func (d *Dispute) Bonds() assay.Amount {
	var sum assay.Amount // of coins that were debited, so within the supply
	if d.Challenge != nil && (d.Game == nil || d.Void != "") {
		sum = d.Challenge.Bond
	}
	if d.Game != nil {
		for i := range d.Game.Claims {
			sum += d.Game.Claims[i].Bond
		}
	}
	return sum
}

// BondsOf returns what one account has locked in the dispute.
func (d *Dispute) BondsOf(author assay.Key) assay.Amount {
	var sum assay.Amount
	if k := d.Challenge; k != nil && k.From == author && (d.Game == nil || d.Void != "") {
		sum = k.Bond
	}
	if d.Game != nil {
		for i := range d.Game.Claims {
			if c := &d.Game.Claims[i]; c.Author == author {
				sum += c.Bond
			}
		}
	}
	return sum
}

// Authors returns who has a bond locked in the dispute.
func (d *Dispute) Authors() []assay.Key {
	var list []assay.Key
	add := func(k assay.Key) {
		if !slices.Contains(list, k) {
			list = append(list, k)
		}
	}
	if d.Challenge != nil {
		add(d.Challenge.From)
	}
	if d.Game != nil {
		for i := range d.Game.Claims {
			add(d.Game.Claims[i].Author)
		}
	}
	return list
}

// copy returns a dispute that shares nothing that its methods modify.
func (d *Dispute) copy() Dispute {
	c := *d
	c.Posters = slices.Clone(d.Posters)
	if d.Game != nil {
		g := d.Game.Copy()
		c.Game = &g
	}
	return c
}

// deadline returns the earliest clock that runs; zero: none does.
func (d *Dispute) deadline() assay.Clock {
	if d.Game == nil {
		return d.Due
	}
	due, _ := d.Game.Deadline()
	return due
}

// expire lets the clocks act that have run out.
func (d *Dispute) expire(at assay.Moment) {
	switch {
	case d.Game != nil:
		d.Game.Advance(at.Clock)
	case d.Due != 0 && d.Due <= at.Clock:
		d.Due, d.Code = 0, CodeProgramMissing
	}
}

// fail ends a dispute whose program cannot be lowered: a bug of ours, for which
// nobody is to pay more than the time.
func (d *Dispute) fail() {
	if d.NeedsImage() {
		d.Due, d.Code = 0, assay.CodeInternal
	}
}

// over reports whether nothing is left to move or to wait for.
func (d *Dispute) over() bool { return d.Code != "" || d.Game != nil && d.Game.IsOver() }

// posted stops the clock for the program: all of it is on the ledger.
func (d *Dispute) posted() {
	if d.NeedsImage() {
		d.Due = 0
	}
}

// paid notes what somebody has paid to post a part of the program, which gives a
// move's slack for the next one. A program has few parts, and each is taken once.
func (d *Dispute) paid(p *assay.Params, at assay.Moment, who assay.Key, cost assay.Amount) {
	if d.Due != 0 {
		d.Due = max(d.Due, at.Clock.Add(p.MoveSlack))
	}
	i := slices.IndexFunc(d.Posters, func(p Poster) bool { return p.Who == who })
	if i < 0 {
		d.Posters = append(d.Posters, Poster{Who: who, Cost: cost})
		return
	}
	d.Posters[i].Cost += cost // fees that were paid, so within the supply
}

// machine returns state 0 of the job and its referee.
func (k *contest) machine() (assay.Digest, dispute.Machine, error) {
	r, ok := RefereeOf(k.job.Runtime)
	if !ok {
		return assay.Digest{}, nil, assay.Refuse(CodeNoReferee, "%s", k.job.Runtime)
	}
	return r.Machine(k.image, k.job)
}

// rules returns the numbers of the dispute's game, were it to begin at a clock.
func (k *contest) rules(began assay.Clock) (dispute.Rules, error) {
	rules, err := rulesOf(k.params, k.job, k.fetch, k.Fuel, k.Cover)
	if err != nil {
		return rules, err
	}
	if r, ok := RefereeOf(k.job.Runtime); ok && len(k.image) > 0 {
		if rules, err = rules.Spanning(r.Positions(k.image, k.job)); err != nil {
			return rules, err
		}
	}
	return rules.KeptOpen(assay.Millis(max(0, k.Until-began)))
}

func rulesOf(p *assay.Params, job *assay.Job, fetch, fuel uint64, cover assay.Amount) (dispute.Rules, error) {
	r, ok := RefereeOf(job.Runtime)
	if !ok {
		return dispute.Rules{}, assay.Refuse(CodeNoReferee, "%s", job.Runtime)
	}
	costs := moveCosts(p)
	costs.Program = cover
	return dispute.NewRules(p, costs, r.Steps(job, job.Limits.Fuel), r.Steps(job, min(fuel, job.Limits.Fuel)), p.RedoClock(0, fetch))
}

// challengeBond returns the bond of a claim that opens a dispute: that of the
// longest trace which a program could have. How long the positions of its own
// are is known with the image, and what a bond lacked then nobody has locked.
func (k *contest) challengeBond() (assay.Amount, error) {
	rules, err := longestRules(k.params, k.job, k.fetch, k.Fuel, k.Cover)
	return rules.Bond(0), err
}

// longestRules returns the rules of a game about the longest trace of any program
// under the job's limits.
func longestRules(p *assay.Params, job *assay.Job, fetch, fuel uint64, cover assay.Amount) (dispute.Rules, error) {
	rules, err := rulesOf(p, job, fetch, fuel, cover)
	if err != nil {
		return rules, err
	}
	r, _ := RefereeOf(job.Runtime)
	return rules.Spanning(r.Positions(nil, job))
}

// begin starts the game: the image is on record. The claim that opened the
// dispute is its first. One that the game refuses, or that ends in what it
// challenges, is void and its bond forfeited; the game is played all the same,
// since others may have held back because there was a challenge.
func (k *contest) begin(at assay.Moment) error {
	if len(k.Posters) == 0 && k.Challenge == nil {
		k.Cover = 0 // the image was there: nobody has paid for the program
	}
	rules, err := k.rules(at.Clock)
	if err != nil {
		return err
	}
	start, m, err := k.machine()
	if err != nil {
		return err
	}
	g := dispute.New(rules, k.id, start, k.Candidates, at.Clock)
	if c := k.Challenge; c != nil {
		if err := agrees(m, &c.Claim, k.Candidates); err != nil {
			k.Void = assay.CodeOf(err)
		} else if err := g.Claim(m, at.Clock, c.From, &c.Claim, c.Cost); err != nil {
			k.Void = assay.CodeOf(err)
		} else {
			g.Claims[0].Bond = max(g.Claims[0].Bond, c.Bond)
		}
	}
	k.Game, k.Due = &g, 0
	return nil
}

// agrees refuses a challenge that ends in one of the results that it challenges.
func agrees(m dispute.Machine, claim *assay.PostClaim, candidates []assay.Digest) error {
	if len(claim.Last) == 0 {
		return nil // announced: its result is not known yet
	}
	_, result, err := m.Last(claim.Last)
	if err == nil && slices.Contains(candidates, result) {
		return assay.Refuse(CodeAgrees, "%s", result.Short())
	}
	return err
}

// challenge opens a dispute by a claim.
func (k *contest) challenge(at assay.Moment, from assay.Key, m *assay.PostClaim, cost assay.Amount) error {
	bond, err := k.challengeBond()
	if err != nil {
		return err
	}
	if len(m.Last) > dispute.MaxRecord || len(m.Roots) != 0 && len(m.Roots) != dispute.Arity {
		return assay.Refuse(dispute.CodeArity, "%d roots, a record of %d bytes", len(m.Roots), len(m.Last))
	}
	if len(k.image) > 0 {
		_, machine, err := k.machine()
		if err != nil {
			return err
		}
		if err := agrees(machine, m, k.Candidates); err != nil {
			return err
		}
	}
	claim := *m
	k.Challenge = &Challenger{From: from, Claim: claim, Cost: cost, Bond: bond, At: at.Clock}
	return nil
}

// claim posts a claim in the running game.
func (k *contest) claim(at assay.Moment, from assay.Key, m *assay.PostClaim, cost assay.Amount) error {
	machine, err := k.playing()
	if err != nil {
		return err
	}
	return k.Game.Claim(machine, at.Clock, from, m, cost)
}

func (k *contest) refine(at assay.Moment, from assay.Key, m *assay.PostRefinement, cost assay.Amount) error {
	if _, err := k.playing(); err != nil {
		return err
	}
	return k.Game.Refine(at.Clock, from, m, cost)
}

func (k *contest) prove(at assay.Moment, from assay.Key, m *assay.PostProof, cost assay.Amount) error {
	machine, err := k.playing()
	if err != nil {
		return err
	}
	return k.Game.Prove(machine, at.Clock, from, m, cost)
}

// playing refuses a move while there is no game.
func (k *contest) playing() (dispute.Machine, error) {
	if k.Dispute == nil || k.Game == nil {
		return nil, assay.Refuse(CodePhase, "no dispute is being played")
	}
	_, m, err := k.machine()
	return m, err
}

package dispute

import (
	"github.com/capacloud/assay"
)

// Limits of a game. Each bounds a loop or a list of every replica.
const (
	Arity      = 32        // parts into which a move splits its interval
	MaxLevels  = 12        // a span of 2^60 steps
	MaxRecord  = 2 << 10   // bytes of a halted record
	MaxWitness = 256 << 10 // bytes of a proof's witness
	MaxLive    = 64        // live claims
	MaxCopies  = 16        // live claims with one vector
	MaxClaims  = 256       // claims ever, in one game
	MaxRefined = 6144      // refinements that the live rivals can force upon each other
	Cover      = 2         // movers at one position whose costs a bond covers

	// Largest encodings of the messages' bodies, in bytes, for schedules of fees.
	ClaimBytes      = 3_300
	RefinementBytes = 1_200
	ProofBytes      = MaxWitness + 100

	// keep is how many refinements a claim holds that no match needs any more, in
	// case that the same lie comes back.
	keep = 32

	// cycles is how often at least a whole tournament and the window behind it
	// fit in before claims close.
	cycles = 2

	// maxTotal bounds a game: a dispute must not outlive what a case may wait.
	maxTotal assay.Millis = 7 * 24 * 3600 * 1000

	// maxRate keeps products of clocks in range.
	maxRate = 1 << 50

	// bounty is the winners' share of what costs have left of the losers' bonds.
	// A large one would let an attacker play both sides for it.
	bounty assay.PPM = 50_000
)

// Costs is the schedule: what the largest message of each kind costs at the
// network's rates, and what one loser pays at most for the program's bytes.
// Refunds follow it, whatever a mover in fact spent beyond it.
type Costs struct {
	_       struct{} `cbor:",toarray"`
	Claim   assay.Amount
	Refine  assay.Amount
	Prove   assay.Amount
	Program assay.Amount
}

// Rules are the numbers of one game. They are fixed when it starts.
type Rules struct {
	_              struct{}     `cbor:",toarray"`
	Levels         uint8        // a first claim spans Arity^Levels steps
	Bound          uint64       // steps after which every run of the job has halted; at most the span
	Claimed        uint64       // steps that the largest fuel of a candidate stands for; at most Bound
	Rate           uint64       // steps per second, Params.MachineRate
	Fetch          assay.Millis // for fetching program and inputs
	MoveSlack      assay.Millis
	ChallengeSlack assay.Millis
	Open           assay.Millis // for which, from its start, the game ends its further window no sooner
	Costs          Costs
}

// NewRules returns the rules of a game about a trace of at most bound steps, of
// which the candidates' fuel stands for claimed. It refuses a trace too long to
// be disputed within a week; a ledger asks before it takes the job.
func NewRules(p *assay.Params, costs Costs, bound, claimed uint64, fetch assay.Millis) (Rules, error) {
	r := Rules{
		Levels: 1, Bound: max(bound, 1), Rate: p.MachineRate, Fetch: fetch,
		MoveSlack: p.MoveSlack, ChallengeSlack: p.ChallengeSlack, Costs: costs,
	}
	r.Claimed = min(claimed, r.Bound)
	for r.Levels < MaxLevels && steps(r.Levels) < r.Bound {
		r.Levels++
	}
	return r, r.Validate()
}

// KeptOpen returns the rules of a game in which strangers may claim for so long at
// least: what is left of the window in which the first claim arrived. Otherwise an
// hour in which anybody may disagree would become the minutes of a dispute that a
// liar starts with himself.
func (r Rules) KeptOpen(open assay.Millis) (Rules, error) {
	r.Open = open
	return r, r.Validate()
}

// Spanning returns the rules of a game about so many positions, where a run has
// more of them than steps: a program of epochs waits at the end of each until the
// epoch's share of positions is over. Clocks go by steps.
func (r Rules) Spanning(positions uint64) (Rules, error) {
	for r.Levels < MaxLevels && steps(r.Levels) < positions {
		r.Levels++
	}
	if steps(r.Levels) < positions {
		return r, assay.Refuse(CodeTooLong, "%d positions", positions)
	}
	return r, r.Validate()
}

// Validate refuses rules with a number out of range.
func (r *Rules) Validate() error {
	switch {
	case r.Levels < 1 || r.Levels > MaxLevels || r.Bound == 0 || r.Bound > steps(r.Levels) || r.Claimed > r.Bound:
		return assay.Refuse(CodeTooLong, "%d steps in %d levels", r.Bound, r.Levels)
	case r.Rate == 0 || r.Rate > maxRate || r.Fetch < 0 || r.MoveSlack <= 0 || r.ChallengeSlack <= 0 || r.Open < 0:
		return assay.Refuse(CodeState, "a clock out of range")
	case r.Fetch > maxTotal || r.MoveSlack > maxTotal || r.ChallengeSlack > maxTotal || r.Open > maxTotal || r.Bound/r.Rate > uint64(maxTotal)/1000 || r.Total() > maxTotal:
		return assay.Refuse(CodeTooLong, "%d steps at %d steps/s", r.Bound, r.Rate)
	}
	return nil
}

// Span returns how many steps a first claim covers.
func (r *Rules) Span() uint64 { return steps(r.Levels) }

// steps returns how many steps an interval of a level has.
func steps(level uint8) uint64 { return 1 << (5 * uint(level)) }

// run returns how long so many steps take, rounded up.
func (r *Rules) run(n uint64) assay.Millis {
	return assay.Millis(n/r.Rate*1000 + (n%r.Rate*1000+r.Rate-1)/r.Rate)
}

// MoveClock returns how long a move about an interval of a level takes at most,
// between claims of which the longer one halts after halt steps.
func (r *Rules) MoveClock(level uint8, halt uint64) assay.Millis {
	return r.MoveSlack + r.run(min(steps(level), halt, r.Bound))
}

// ClaimClock returns how long a first claim about a trace of halt steps takes at
// most: whoever makes it has fetched and executed the job anew.
func (r *Rules) ClaimClock(halt uint64) assay.Millis {
	return r.ChallengeSlack + r.Fetch + r.run(min(halt, r.Bound))
}

// MatchClock returns how long a match of two claims takes at most: one move per
// level, the last of which is a proof. All matches run at once, so it is also
// the time of a tournament, whatever the number of claims.
func (r *Rules) MatchClock() assay.Millis {
	var sum assay.Millis
	for level := range r.Levels {
		sum += r.MoveClock(level, r.Bound)
	}
	return sum
}

// Close returns for how long a game admits new claims: the first-claim clock, or
// the time for which it is kept open, then twice a tournament and a full window
// behind it.
func (r *Rules) Close() assay.Millis {
	return max(r.ClaimClock(r.Claimed), r.Open) + cycles*(r.MatchClock()+r.ClaimClock(r.Bound))
}

// LastCall returns when, counted from the start, nobody should rely on another
// author's claim any more: who has the truth and no live claim of his own posts
// one between LastCall and Close. Were there no such time, a saboteur could hold
// the true vector until claims close, and then fall silent.
func (r *Rules) LastCall() assay.Millis { return r.Close() - r.ClaimClock(r.Bound) }

// Total returns the hard total: no game lasts longer. After Close only claims
// that were announced before come in, and what runs then ends by its clocks.
func (r *Rules) Total() assay.Millis {
	return r.Close() + r.ClaimClock(r.Bound) + r.MatchClock()
}

// Bond returns the bond of a claim that is posted over a load, see Game.Price.
// The base covers every opposing move that the claim can force, for Cover movers
// at each position, and its share of the program's bytes. It doubles at 16 and
// with each 8 beyond: to fill a game costs hundreds of bonds, which all but one
// vector's claims lose.
func (r *Rules) Bond(load int) assay.Amount {
	c := r.Costs
	bond := times(c.Claim, 2)
	bond = plus(bond, times(c.Refine, uint64(r.Levels-1)))
	bond = plus(bond, c.Prove)
	bond = plus(times(bond, Cover), c.Program)
	if load >= 16 {
		bond = times(bond, 1<<uint((load-8)/8))
	}
	return bond
}

// maxPairs returns how many pairs of rivals there can be: each can force its
// refinements upon both.
func (r *Rules) maxPairs() int {
	return MaxRefined / max(1, 2*int(r.Levels-1))
}

// plus and times saturate. A bond or a cost beyond all credits cannot be paid.
func plus(a, b assay.Amount) assay.Amount {
	if s, err := a.Add(b); err == nil {
		return s
	}
	return ^assay.Amount(0)
}

func times(a assay.Amount, n uint64) assay.Amount {
	if s, err := a.Mul(n); err == nil {
		return s
	}
	return ^assay.Amount(0)
}

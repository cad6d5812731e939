package dispute

import (
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
)

// Machine is the referee of one job. It computes from its arguments alone, and
// is called with at most MaxRecord and MaxWitness bytes.
type Machine interface {
	// Last reads the record of a halted state and returns the state's root and
	// the digest of the result that it states. Anything else is refused.
	Last(record []byte) (root, result assay.Digest, err error)
	// Run executes steps from the state with root start, from the witness alone.
	// A witness that does not start there, or does not suffice, is refused; so
	// are more steps than a block can execute.
	Run(start assay.Digest, steps uint64, witness []byte) (Segment, error)
}

// Segment is what a Machine executed.
type Segment struct {
	End   assay.Digest // root of the state behind the last step
	Steps uint64
	Bytes uint64 // of the witness
}

// Phase is what a game waits for.
type Phase uint8

// The phases. Playing and Further alternate while new claims find rivals.
const (
	Claiming Phase = 1 // each candidate for a claim that ends in it
	Playing  Phase = 2 // rivals for each other's moves
	Further  Phase = 3 // strangers who know better
	Over     Phase = 4
)

// String returns the name used in JSON.
func (p Phase) String() string {
	names := [...]string{"", "claiming", "playing", "further", "over"}
	if int(p) < len(names) {
		return names[p]
	}
	return "unknown"
}

// Game is one dispute about one job: a value, whose canonical bytes are all
// there is to it. A game that was encoded and decoded goes on as it would have.
type Game struct {
	_          struct{} `cbor:",toarray"`
	Version    uint8    // 1
	Rules      Rules
	Job        assay.JobID
	Start      assay.Digest // root of state 0, which the ledger computes
	Began      assay.Clock
	Phase      Phase
	Due        assay.Clock // when Claiming or Further ends; zero in other phases
	Ended      assay.Clock // when it was over; zero: it is not
	Candidates []Candidate
	Claims     []Claim // by number
	Proofs     []Proof
	Moves      uint32 // accepted so far
}

// Candidate is a result that the game is about.
type Candidate struct {
	_       struct{} `cbor:",toarray"`
	Result  assay.Digest
	Claimed bool // some claim ended in it, whatever became of that claim
}

// Claim is a statement about the whole trace, with its author's bond behind it.
type Claim struct {
	_       struct{} `cbor:",toarray"`
	Author  assay.Key
	Posted  Move
	Bond    assay.Amount
	Due     assay.Clock  // of an announced claim: when its roots are due; else zero
	Steps   uint64       // after which it says that the machine halts
	Result  assay.Digest // in which it ends; zero while it is announced only
	Vector  assay.Digest // VectorOf Roots: claims with equal ones are no rivals
	Roots   Roots        // behind each Arity-th of the span; none once the claim has lost
	Refined []Refinement // by level downwards, then offset; of a lost claim, what led to its loss
	Proved  []Proving    // in the order of moves; none once the claim has lost
	Sent    uint64       // bytes posted in all its moves
	Fronts  []Front      // where it meets rivals
	Lost    *Loss        // nil: it is live
}

// Move is when a message was accepted, and what it cost.
type Move struct {
	_      struct{} `cbor:",toarray"`
	Number uint32   // counted over the game
	At     assay.Clock
	Bytes  uint32
	Cost   assay.Amount // by the schedule at most
}

// Refinement is a claim's statement about the middles of one interval.
type Refinement struct {
	_      struct{} `cbor:",toarray"`
	Level  uint8
	Offset uint64
	Move   Move
	Roots  Roots // Arity-1 of them; none when nothing needs them any more
}

// Roots are roots of states. They are encoded as one byte string: a game under
// attack has thousands, and they are most of its bytes.
type Roots []assay.Digest

// MarshalCBOR implements the encoder's interface.
func (r Roots) MarshalCBOR() ([]byte, error) { return canon.Marshal(r.bytes()), nil }

// UnmarshalCBOR implements the decoder's interface.
func (r *Roots) UnmarshalCBOR(b []byte) error {
	var all []byte
	if err := canon.Unmarshal(b, &all); err != nil {
		return err
	}
	const size = len(assay.Digest{})
	if len(all)%size != 0 || len(all) > Arity*size {
		return assay.Refuse(CodeState, "roots of %d bytes", len(all))
	}
	*r = nil
	for ; len(all) > 0; all = all[size:] {
		*r = append(*r, assay.Digest(all[:size]))
	}
	return nil
}

func (r Roots) bytes() []byte {
	all := make([]byte, 0, len(r)*len(assay.Digest{}))
	for i := range r {
		all = append(all, r[i][:]...)
	}
	return all
}

// Proving is a claim's move of proving one interval.
type Proving struct {
	_      struct{} `cbor:",toarray"`
	Level  uint8
	Offset uint64
	Move   Move
}

// Front is an interval in which a claim meets a rival: they agree on the state
// before it and not on the state behind it.
type Front struct {
	_      struct{} `cbor:",toarray"`
	Level  uint8
	Offset uint64
	Since  assay.Clock
	Due    assay.Clock // of the claim's move
	// Ended is when the last rival in it was gone; zero: one is there. Until the
	// block is over the move still counts, so that whoever comes second in a
	// block loses no fee.
	Ended assay.Clock
}

// Proof is what the referee found: from Start, the interval ends in End. Its
// witness is kept apart by the ledger, under its digest.
type Proof struct {
	_       struct{} `cbor:",toarray"`
	Claim   uint16   // whose author posted it
	Level   uint8
	Offset  uint64
	Start   assay.Digest
	End     assay.Digest
	Witness assay.Digest // WitnessDigest
	Bytes   uint32
	At      assay.Clock
}

// Loss is why and where a claim has lost.
type Loss struct {
	_      struct{} `cbor:",toarray"`
	At     assay.Clock
	Code   assay.Code // CodeSilent, CodeUnproved, CodeUnmade or CodeRefuted
	Level  uint8
	Offset uint64
	Rival  *uint16      // the claim that it met there; nil: none
	Proof  *uint16      // index of the proof that decided; nil: the clock did
	Start  assay.Digest // root before the interval
	Stated assay.Digest // root behind it, as the claim said
	Proved assay.Digest // root behind it, as the referee found; zero without proof
	By     []uint16     // claims that stood on Start and Proved then; they may forget it
}

// WitnessDigest names the witness of a proof.
func WitnessDigest(witness []byte) assay.Digest { return canon.Hash("assay/witness/1", witness) }

// New starts a game. start is the root of state 0; candidates are the results
// that somebody stands behind already.
func New(rules Rules, job assay.JobID, start assay.Digest, candidates []assay.Digest, at assay.Clock) Game {
	g := Game{
		Version: 1, Rules: rules, Job: job, Start: start, Began: at,
		Phase: Claiming, Due: at.Add(rules.ClaimClock(rules.Claimed)),
	}
	for _, c := range candidates {
		g.Candidates = append(g.Candidates, Candidate{Result: c})
	}
	return g
}

// Decode reads a game. It refuses what is not canonical, and what no game can be.
func Decode(b []byte) (*Game, error) {
	g := new(Game)
	if err := canon.Unmarshal(b, g); err != nil {
		return nil, assay.Refuse(CodeState, "%v", err)
	}
	if err := g.Validate(); err != nil {
		return nil, err
	}
	return g, nil
}

// Copy returns a game that shares nothing with g.
func (g *Game) Copy() Game {
	c := *g
	c.Candidates = slices.Clone(g.Candidates)
	c.Proofs = slices.Clone(g.Proofs)
	c.Claims = slices.Clone(g.Claims)
	for i := range c.Claims {
		k := &c.Claims[i]
		k.Roots = slices.Clone(k.Roots)
		k.Proved = slices.Clone(k.Proved)
		k.Fronts = slices.Clone(k.Fronts)
		k.Refined = slices.Clone(k.Refined)
		for j := range k.Refined {
			k.Refined[j].Roots = slices.Clone(k.Refined[j].Roots)
		}
		if k.Lost != nil {
			k.Lost = k.Lost.copy()
		}
	}
	return c
}

func (l *Loss) copy() *Loss {
	c := *l
	c.By = slices.Clone(l.By)
	if l.Rival != nil {
		c.Rival = new(*l.Rival)
	}
	if l.Proof != nil {
		c.Proof = new(*l.Proof)
	}
	return &c
}

// IsOver reports whether nothing can happen any more.
func (g *Game) IsOver() bool { return g.Phase == Over }

// Closes returns when the game stops admitting claims.
func (g *Game) Closes() assay.Clock { return g.Began.Add(g.Rules.Close()) }

// Live reports whether the claim has not lost.
func (c *Claim) Live() bool { return c.Lost == nil }

// Announced reports whether the claim's roots are still owed.
func (c *Claim) Announced() bool { return c.Vector.IsZero() }

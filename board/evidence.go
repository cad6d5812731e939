package board

import (
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/evidence"
	"github.com/capacloud/assay/policy"
	"github.com/capacloud/assay/zk"
)

// Evidence comes in parts, since a proof of a network is larger than a message.
// The ledger keeps the bytes apart from the case, as it does with witnesses: the
// case names them, and a receipt carries them.

// Shown is one piece of evidence of a seat. It is complete, and a check has
// looked at it, when Parts are as many as its size needs.
type Shown struct {
	_      struct{} `cbor:",toarray"`
	Check  string
	Seat   uint16
	Digest assay.Digest // assay.EvidenceDigest
	Size   uint32
	Parts  uint16       // that are on record
	At     assay.Moment // of the part that completed it
	Await  bool         // the check waits for a beacon that nobody knew at that moment
	After  uint64       // height of that beacon; zero: none yet
	Beacon assay.Beacon
	Code   assay.Code // why the check has not absorbed it; empty: it has
	// Bytes are the parts. They are no part of the case's hash, which names them.
	Bytes [][]byte
}

// proving is what the board must know of a check that wants a proof.
type proving struct {
	// fits refuses a job about which the check could prove nothing.
	fits func(*assay.Job) error
	// gas bounds what Step costs, from the lengths in the evidence.
	gas func(body []byte) uint64
	// size is the largest piece of evidence that an honest seat may need to post.
	size uint32
}

// ProofCheck is a check that wants a proof, as tests and simulations name it.
type ProofCheck struct {
	Check assay.Check
	Fits  func(*assay.Job) error // nil: every job
	Gas   func(body []byte) uint64
	Size  uint32
}

// SetProof puts a check that wants a proof into the table, or puts back what
// stood there when the returned function is called. Like SetReferee it is for
// tests and simulations, before anything runs.
func SetProof(op policy.Op, build func(*policy.Expr) ProofCheck) (restore func()) {
	old, had := table[op]
	table[op] = func(e *policy.Expr) entry {
		x := build(e)
		if x.Fits == nil {
			x.Fits = func(*assay.Job) error { return nil }
		}
		return proofEntry(x.Check, proving{fits: x.Fits, gas: x.Gas, size: x.Size})
	}
	return func() {
		if table[op] = old; !had {
			delete(table, op)
		}
	}
}

// keyDigest reads a verifying key strictly and names it.
var keyDigest = func(key []byte) (assay.Digest, error) {
	v, err := zk.ParseKey(key)
	if err != nil {
		return assay.Digest{}, err
	}
	k := v.Key()
	return k.Digest(), nil
}

// KeyDigest names a verifying key, and refuses one that no proof can be verified
// with.
func KeyDigest(key []byte) (assay.Digest, error) { return keyDigest(key) }

// SetKeyDigest takes other keys than those of package zk, for tests and simulations.
func SetKeyDigest(f func([]byte) (assay.Digest, error)) (restore func()) {
	old := keyDigest
	keyDigest = f
	return func() { keyDigest = old }
}

// mostProvers bounds the owners that are drawn for one proof, one after another.
const mostProvers = 3

// parts returns in how many parts evidence of a size comes.
func parts(size uint32) int { return int((uint64(size) + assay.EvidencePart - 1) / assay.EvidencePart) }

// Complete reports whether all of it is on record.
func (s *Shown) Complete() bool { return int(s.Parts) == parts(s.Size) }

// Evidence takes the next part of a piece of evidence. The part that completes it
// has the check look at the whole, which is refused or absorbed. The caller keeps
// the bytes of earlier parts, by the number of the piece.
func (c *Case) Evidence(p *assay.Params, at assay.Moment, from assay.Key, m *assay.PostEvidence, earlier func(piece int) []byte) error {
	if err := c.isOpen(m.Job); err != nil {
		return err
	}
	if c.Verdict != nil {
		return assay.Refuse(CodePhase, "the case is %s", c.Phase)
	}
	plan := c.Plan(p)
	i := slices.IndexFunc(plan.checks, func(e entry) bool { return e.check.String() == m.Check })
	switch {
	case i < 0:
		return assay.Refuse(CodeNoCheck, "%.80q", m.Check)
	case !slices.Contains(plan.active(c.Choices), i):
		return assay.Refuse(CodePhase, "%.80s is not asked yet", m.Check)
	case m.Size == 0 || m.Size > p.MaxEvidence:
		return assay.Refuse(CodeEvidenceSize, "%d bytes; at most %d", m.Size, p.MaxEvidence)
	}
	if plan.checks[i].proof == nil {
		return c.step(p, &plan, i, at, from, m)
	}
	seat, err := c.shower(p, &plan, i, at, from)
	if err != nil {
		return err
	}
	n, err := c.part(m, seat)
	if err != nil || !c.Shown[n].Complete() {
		return err
	}
	body := m.Body
	if m.Part > 0 {
		body = append(earlier(n), body...)
	}
	return c.absorb(p, &plan, i, n, at, m, body)
}

// step hands evidence of one part to a check that takes it from anybody.
func (c *Case) step(p *assay.Params, plan *Plan, i int, at assay.Moment, from assay.Key, m *assay.PostEvidence) error {
	if int(m.Size) != len(m.Body) || m.Part != 0 || m.Digest != assay.EvidenceDigest(m.Body) {
		return assay.Refuse(CodeEvidencePart, "part %d of %d bytes is no whole", m.Part, m.Size)
	}
	next, err := plan.checks[i].check.Step(c.View(p, at), c.state(i), assay.Evidence{Check: m.Check, From: from, Body: m.Body})
	if err == nil {
		c.Checks[i].State = next
	}
	return err
}

// shower returns the seat that may show evidence: one that has opened, as an
// executor, and whose time is not over.
func (c *Case) shower(p *assay.Params, plan *Plan, i int, at assay.Moment, from assay.Key) (*Seat, error) {
	n := slices.IndexFunc(c.Seats, func(s Seat) bool { return s.Provider == from && s.Role == assay.RoleExecutor })
	if n < 0 {
		return nil, assay.Refuse(CodeNotYourSeat, "%s has none", from.Short())
	}
	seat := &c.Seats[n]
	if seat.State != assay.Opened {
		return nil, assay.Refuse(CodePhase, "seat %d is %s", seat.Number, seat.State)
	}
	if c.spent(seat.Number) {
		return nil, assay.Refuse(CodeSpent, "seat %d has shown a proof of it", seat.Number)
	}
	found := plan.checks[i].check.Judge(c.viewOf(p, plan, i, at), c.state(i)).Faults
	if slices.ContainsFunc(found, func(f assay.FoundFault) bool { return f.Seat == seat.Number }) {
		return nil, assay.Refuse(CodeLateMessage, "seat %d is held to a fault of its evidence already", seat.Number)
	}
	return seat, nil
}

// part puts a part on record and returns the number of its piece. A first part of
// other evidence takes the place of a piece that never became whole: whoever made
// a proof anew after a crash must not be bound to the lost one.
func (c *Case) part(m *assay.PostEvidence, seat *Seat) (int, error) {
	want := min(assay.EvidencePart, int(m.Size)-int(m.Part)*assay.EvidencePart)
	if int(m.Part) >= parts(m.Size) || len(m.Body) != want {
		return 0, assay.Refuse(CodeEvidencePart, "part %d of %d bytes, in a whole of %d", m.Part, len(m.Body), m.Size)
	}
	n := slices.IndexFunc(c.Shown, func(s Shown) bool {
		return s.Check == m.Check && s.Seat == seat.Number && !s.Complete()
	})
	switch {
	case slices.ContainsFunc(c.Shown, func(s Shown) bool {
		return s.Check == m.Check && s.Seat == seat.Number && s.Digest == m.Digest && s.Complete()
	}):
		return 0, assay.Refuse(CodeRepeated, "evidence %s", m.Digest.Short())
	case n < 0:
		c.Shown = append(c.Shown, Shown{Check: m.Check, Seat: seat.Number, Digest: m.Digest, Size: m.Size})
		n = len(c.Shown) - 1
	case c.Shown[n].Digest != m.Digest && m.Part == 0:
		c.Shown[n] = Shown{Check: m.Check, Seat: seat.Number, Digest: m.Digest, Size: m.Size}
	}
	s := &c.Shown[n]
	if s.Digest != m.Digest || s.Size != m.Size || s.Parts != m.Part {
		return 0, assay.Refuse(CodeEvidencePart, "part %d; part %d of evidence %s is next", m.Part, s.Parts, s.Digest.Short())
	}
	s.Parts++
	return n, nil
}

// absorb has the check look at a whole piece. What it costs was bounded and paid
// for before.
func (c *Case) absorb(p *assay.Params, plan *Plan, i, n int, at assay.Moment, m *assay.PostEvidence, body []byte) error {
	if assay.EvidenceDigest(body) != m.Digest {
		return assay.Refuse(CodeEvidencePart, "the parts together are not evidence %s", m.Digest.Short())
	}
	if gas := plan.checks[i].proof.gas(body); gas > m.Gas {
		return assay.Refuse(CodeEvidenceGas, "%d stated, %d needed", m.Gas, gas)
	}
	s := &c.Shown[n]
	s.At = at
	next, err := plan.checks[i].check.Step(c.stepView(p, plan, n, false), c.state(i), assay.Evidence{Check: m.Check, From: c.Seats[s.Seat].Provider, Body: body})
	if err != nil {
		return err
	}
	s.Await = awaits(next, s.Seat)
	c.Checks[i].State = next
	return nil
}

// awaits reports whether a seat has committed to a proof that it has yet to show.
func awaits(state []byte, seat uint16) bool {
	s, err := evidence.Read(state)
	x, ok := s.Of(seat)
	return err == nil && ok && x.Proof == nil
}

// stepView is what a check sees of the board while it looks at piece n: the seat
// that shows it, what it has opened, and what was shown before. It follows from
// the record of the piece alone, so that a receipt's reader comes to the same.
func (c *Case) stepView(p *assay.Params, plan *Plan, n int, replay bool) assay.View {
	s := &c.Shown[n]
	seat := c.Seats[s.Seat]
	seat.State, seat.Lost = assay.Opened, 0
	only := &Case{Network: c.Network, ID: c.ID, Job: c.Job, Bytes: c.Bytes, Seats: []Seat{seat}, Keys: c.Keys}
	v := only.View(p, s.At)
	v.Height = s.At.Height
	v.Posted = slices.DeleteFunc(c.posted(n, s.At.Height), func(x assay.Posted) bool { return x.Seat != s.Seat || x.Check != s.Check })
	if replay { // what was absorbed was absorbed under a key in force
		v.Keys = slices.Clone(v.Keys)
		for k := range v.Keys {
			v.Keys[k].Killed = false
		}
	}
	return v
}

// posted lists the first pieces as checks see them in the block of a height.
func (c *Case) posted(pieces int, height uint64) []assay.Posted {
	var list []assay.Posted
	for _, s := range c.Shown[:pieces] {
		if !s.Complete() || s.Code != "" {
			continue
		}
		x := assay.Posted{Check: s.Check, Seat: s.Seat, Digest: s.Digest, Height: s.At.Height}
		if s.After != 0 && s.After <= height {
			x.After, x.Beacon = s.After, s.Beacon
		}
		list = append(list, x)
	}
	return list
}

// awaitsBeacon reports whether a check waits for a beacon behind what was posted.
func (c *Case) awaitsBeacon() bool {
	return c.Verdict == nil && slices.ContainsFunc(c.Shown, func(s Shown) bool { return s.Await && s.After == 0 })
}

// shine gives the beacon of a block to what was posted before it.
func (c *Case) shine(at assay.Moment, beacon assay.Beacon) {
	if c.Verdict != nil {
		return
	}
	for i := range c.Shown {
		if s := &c.Shown[i]; s.Await && s.After == 0 && at.Height > s.At.Height {
			s.After, s.Beacon = at.Height, beacon
		}
	}
}

// Spends lists the statements that the case's proofs show and that are paid for
// once on a network.
func (c *Case) Spends() []evidence.Spend {
	var list []evidence.Spend
	for i := range c.Checks {
		list = append(list, evidence.Spends(c.Checks[i].State)...)
	}
	return list
}

// SetAside takes back what the last piece of evidence has shown: its statement belongs
// to another job. The proof was valid, so that nobody is to blame, and nobody can
// be paid for it a second time.
func (c *Case) SetAside(before *Case) {
	for i := range c.Checks {
		c.Checks[i].State = before.Checks[i].State
	}
	for n := len(c.Shown) - 1; n >= 0; n-- {
		if s := &c.Shown[n]; s.Complete() && (n >= len(before.Shown) || !before.Shown[n].Complete()) {
			s.Code, s.Await = CodeSpent, false
			return
		}
	}
}

// spent reports whether a seat's statement belongs to another job.
func (c *Case) spent(seat uint16) bool {
	return slices.ContainsFunc(c.Shown, func(s Shown) bool { return s.Seat == seat && s.Code == CodeSpent })
}

// Kill withdraws a verifying key from an open case. What was decided stands.
func (c *Case) Kill(key assay.Digest) {
	for i := range c.Keys {
		if c.Verdict == nil && c.Keys[i].Digest == key {
			c.Keys = slices.Clone(c.Keys)
			c.Keys[i].Killed = true
		}
	}
}

// viewOf is the board as one check of the policy sees it.
func (c *Case) viewOf(p *assay.Params, plan *Plan, i int, at assay.Moment) assay.View {
	v := c.View(p, at)
	v.Asked = c.asked(plan, i)
	return v
}

// asked returns since when a check is asked. One behind an escalate is asked once
// that has opened, and no clock of it runs before.
func (c *Case) asked(plan *Plan, i int) assay.Clock {
	if slices.Contains(plan.active(nil), i) {
		return 0
	}
	text := plan.checks[i].check.String()
	var first assay.Clock
	plan.expr.Walk(func(e *policy.Expr) {
		if e.Op != policy.Escalate {
			return
		}
		k := slices.IndexFunc(c.Choices, func(k ChoiceMade) bool { return k.Name == e.String() })
		behind := slices.ContainsFunc(e.Kids[1].Leaves(), func(leaf *policy.Expr) bool { return leaf.String() == text })
		if k >= 0 && behind && (first == 0 || c.Choices[k].Clock < first) {
			first = c.Choices[k].Clock
		}
	})
	return first
}

// checkKeys refuses a submission that does not name the verifying keys which its
// policy needs, or names some for no use. Which of them a program goes by is in
// its descriptor, which the ledger sees with the proof.
func (plan *Plan) checkKeys(keys []assay.Digest) error {
	var wrong string
	wants := false
	plan.expr.Walk(func(e *policy.Expr) {
		if e.Op != policy.ZK {
			return
		}
		wants = true
		if len(keys) == 0 || !e.Key.IsZero() && !slices.Contains(keys, e.Key) {
			wrong = e.String()
		}
	})
	switch {
	case wrong != "":
		return assay.Refuse(CodeKeys, "%d keys, and none for %s", len(keys), wrong)
	case len(keys) > 0 && !wants || len(keys) > assay.MaxProofKeys:
		return assay.Refuse(CodeKeys, "%d verifying keys under %s", len(keys), plan.Policy)
	}
	return nil
}

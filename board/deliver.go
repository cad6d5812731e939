package board

import (
	"encoding/binary"
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// A verdict is about a digest. Before anybody is paid, the bytes behind it must
// be had: by two thirds of the validators' power, or, when validators will not
// say so, by the leaves that a later beacon names, posted for all to see. So
// neither can a provider be paid for a hash, nor validators fine an honest one.

// challengeOffsets is the number of leaves that a challenge names. Whoever
// holds nine tenths of the bytes escapes with 0.9⁴; more leaves would not fit a
// transaction beside their paths.
const challengeOffsets = 4

// Attest records a validator's word that it holds the accepted output. It is
// taken while a challenge runs, too: bytes that are there late are there.
func (c *Case) Attest(p *assay.Params, g *assay.Genesis, at assay.Moment, from assay.Key, m *assay.Attest) error {
	if err := c.isOpen(m.Job); err != nil {
		return err
	}
	if m.Output == c.Job.InputsDigest() {
		return c.attestInputs(p, g, at, from)
	}
	if c.Phase != Fetching && c.Phase != Answering {
		return assay.Refuse(CodePhase, "the case is %s", c.Phase)
	}
	if err := attester(g, from, c.Attests); err != nil {
		return err
	}
	if m.Output != c.Verdict.Result.Output {
		return assay.Refuse(CodeOtherOutput, "%s; accepted was %s", m.Output.Short(), c.Verdict.Result.Output.Short())
	}
	c.Attests = append(c.Attests, from)
	return nil
}

// attester refuses an attestation of anybody but a validator, or a second one.
func attester(g *assay.Genesis, from assay.Key, list []assay.Key) error {
	if _, ok := g.ValidatorOf(from); !ok {
		return assay.Refuse(CodeNotValidator, "%s", from.Short())
	}
	if slices.Contains(list, from) {
		return assay.Refuse(CodeRepeated, "%s", from.Short())
	}
	return nil
}

// Answer takes the leaves that the challenge named, from any supporter: one
// that serves makes the bytes available for all.
func (c *Case) Answer(p *assay.Params, at assay.Moment, from assay.Key, m *assay.Answer) error {
	if err := c.isOpen(m.Job); err != nil {
		return err
	}
	switch {
	case c.Phase != Answering || c.Challenge == nil || c.Challenge.Height == 0 || c.Challenge.Answered:
		return assay.Refuse(CodePhase, "the case is %s", c.Phase)
	case at.Clock >= c.Due:
		return assay.Refuse(CodeLateMessage, "the answer was due at clock %d, it is %d", c.Due, at.Clock)
	case len(m.Openings) != len(c.Challenge.Offsets):
		return assay.Refuse(CodeBadAnswer, "%d openings for %d offsets", len(m.Openings), len(c.Challenge.Offsets))
	}
	supporters := c.supporters()
	i := slices.IndexFunc(supporters, func(n int) bool { return c.Seats[n].Provider == from })
	if i < 0 {
		return assay.Refuse(CodeNotSupporter, "%s", from.Short())
	}
	for n, o := range m.Openings {
		if err := merkle.VerifyOpening(c.Verdict.Result.Output, c.Challenge.Offsets[n], o); err != nil {
			return assay.Refuse(CodeBadAnswer, "opening %d: %v", n, err)
		}
	}
	c.Challenge.Answered, c.Challenge.Seat = true, c.Seats[supporters[i]].Number
	return nil
}

// nameLeaves lets a beacon name the leaves that are asked for. Its clock starts
// here, since nobody could have answered before.
func (c *Case) nameLeaves(p *assay.Params, at assay.Moment, beacon assay.Beacon) {
	c.Challenge.Height, c.Challenge.Beacon = at.Height, beacon
	c.Challenge.Offsets = offsets(beacon, c.ID)
	c.Due = at.Clock.Add(p.AvailableClock)
}

func offsets(beacon assay.Beacon, job assay.JobID) []uint64 {
	list := make([]uint64, challengeOffsets)
	for i := range list {
		h := canon.Hash("assay/challenge/1", beacon.Value[:], job[:], []byte{byte(i)})
		list[i] = binary.LittleEndian.Uint64(h[:8])
	}
	return list
}

// fail ends a challenge that nobody answered: every supporter had its chance.
func (c *Case) fail() {
	for _, i := range c.supporters() {
		c.Seats[i].State = assay.Unavailable
	}
	c.Unmet = append(c.Unmet, *c.Challenge)
	c.Challenge = nil
}

// supporters returns the seats that stand behind the accepted result and have
// not failed to deliver it, by number.
func (c *Case) supporters() []int {
	if c.Verdict == nil || c.Verdict.Outcome != assay.Accepted {
		return nil
	}
	accepted := c.Verdict.Result.Digest()
	var list []int
	for i, s := range c.Seats {
		if s.Role == assay.RoleExecutor && s.State == assay.Opened && s.Result.Digest() == accepted {
			list = append(list, i)
		}
	}
	return list
}

// availability returns what is known of the accepted bytes, and whether that is
// final.
func (c *Case) availability(g *assay.Genesis) (assay.Availability, bool) {
	switch {
	case c.Verdict.Outcome != assay.Accepted:
		return assay.NotDue, true
	case len(c.supporters()) == 0:
		return assay.NotAvailable, true
	case PowerOf(g, c.Attests):
		return assay.Attested, true
	case c.Challenge != nil && c.Challenge.Answered:
		return assay.Answered, true
	}
	return assay.NotDue, false
}

// PowerOf reports whether two thirds of the validators' power have attested. It
// counts validators, not messages: a case from a file may repeat one.
func PowerOf(g *assay.Genesis, attests []assay.Key) bool {
	var power uint64
	for _, v := range g.Validators {
		if slices.Contains(attests, v.Account) {
			power += v.Power
		}
	}
	return 3*power >= 2*g.TotalPower()
}

// deliver settles when availability is known, and waits for it otherwise.
func (c *Case) deliver(p *assay.Params, g *assay.Genesis, plan *Plan, at assay.Moment) bool {
	if _, final := c.availability(g); !final {
		if c.Phase != Answering {
			c.enter(Fetching, at.Clock.Add(p.AvailableClock))
		}
		return false
	}
	c.settle(p, g, plan, at)
	return false
}

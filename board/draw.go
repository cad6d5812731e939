package board

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// Market is where seats are drawn from: the listings as they stood before the
// block that raised the request.
type Market interface {
	// Root returns the sum tree over Leaf of every listing.
	Root() merkle.SumNode
	// Find returns the listing that a number below the root's weight names,
	// and its path.
	Find(number uint64) (assay.Listing, []merkle.SumStep)
	// Eligible returns why a provider cannot be drawn at this moment (offer
	// withdrawn, no capacity, no balance for the bond), or nothing.
	Eligible(l assay.Listing, need Need) assay.Code
}

// Need is what a drawn provider must have.
type Need struct {
	Job      assay.JobID
	Runtime  string
	MaxPrice assay.Amount
	Stake    assay.Amount // free
	Bond     assay.Amount // balance
	Defence  assay.Amount // balance, beside the bond
	At       assay.Moment
}

// MaxTries bounds the numbers tried for one seat.
const MaxTries = 64

// maxVacant bounds the draws that find nobody for a seat. Three are enough for
// a provider to come free or an unlucky beacon to pass; a market that is too
// small stays too small, and the requester should hear so soon.
const maxVacant = 3

// Leaf returns a listing's leaf in the market: weighted by its free stake.
func Leaf(l assay.Listing) merkle.SumNode {
	return merkle.SumLeaf(canon.Marshal(&l), uint64(l.Free))
}

// number returns try i for a seat, below total. It reduces 128 bits of the
// hash, so that no listing is favoured by more than 2⁻⁶⁴.
func number(beacon assay.Beacon, job assay.JobID, seat uint16, i int, total uint64) uint64 {
	var n [6]byte
	binary.LittleEndian.PutUint16(n[:2], seat)
	binary.LittleEndian.PutUint32(n[2:], uint32(i))
	h := canon.Hash("assay/draw/1", beacon.Value[:], job[:], n[:])
	hi, lo := binary.LittleEndian.Uint64(h[:8]), binary.LittleEndian.Uint64(h[8:16])
	_, rem := bits.Div64(hi%total, lo, total)
	return rem
}

// NeedsBeacon reports whether the case waits for the beacon of a later block.
func (c *Case) NeedsBeacon() bool {
	return c.Request != nil || c.Challenge != nil && c.Challenge.Height == 0 || c.awaitsBeacon()
}

// Beacon gives the beacon of this block to whatever an earlier block asked for.
// What this block asks waits for the next: a requester who saw the beacon could
// otherwise choose a job, and a provider an offer, to match it.
func (c *Case) Beacon(p *assay.Params, at assay.Moment, beacon assay.Beacon, m Market) {
	if c.Request != nil && at.Height > c.Request.Height {
		if c.choose(at, beacon) {
			c.draw(p, at, beacon, m)
		}
		c.Request = nil
	}
	if c.Challenge != nil && c.Challenge.Height == 0 && at.Height > c.Challenge.Asked {
		c.nameLeaves(p, at, beacon)
	}
	c.shine(at, beacon)
}

// draw answers the request. The first seat that finds nobody ends it: those
// behind it would find nobody either, and their tries would only fill the state.
func (c *Case) draw(p *assay.Params, at assay.Moment, beacon assay.Beacon, m Market) {
	plan := c.Plan(p)
	if c.Request.Market == (merkle.SumNode{}) {
		c.Request.Market = m.Root()
	}
	d := Draw{Role: c.Request.Role, Asked: c.Request.Height, Height: at.Height, Beacon: beacon, Market: c.Request.Market}
	blind := !c.anyOpened()
	for range c.Request.Seats {
		sd := c.drawSeat(&plan, at, &d, m)
		d.Seats = append(d.Seats, sd)
		if sd.Vacant {
			break
		}
		l := sd.Tries[len(sd.Tries)-1].Listing
		c.Seats = append(c.Seats, Seat{
			Number: sd.Number, Role: d.Role, Provider: l.Provider, Owner: l.Owner,
			Price: l.Price, Stake: plan.Stake, Bond: plan.Bond, Draw: uint16(len(c.Draws)),
			Drawn: at.Clock, Due: at.Clock.Add(plan.CommitClock), State: assay.Assigned, Blind: blind,
		})
	}
	c.Draws = append(c.Draws, d)
}

func (c *Case) drawSeat(plan *Plan, at assay.Moment, d *Draw, m Market) SeatDraw {
	sd := SeatDraw{Number: uint16(len(c.Seats)), Vacant: true}
	if d.Market.Weight == 0 {
		return sd
	}
	need := c.need(plan, at)
	for i := range MaxTries {
		l, path := m.Find(number(d.Beacon, c.ID, sd.Number, i, d.Market.Weight))
		skip := c.skip(l, need)
		if skip == "" {
			skip = m.Eligible(l, need)
		}
		sd.Tries = append(sd.Tries, Try{Listing: l, Path: path, Skip: skip})
		if skip == "" {
			sd.Vacant = false
			break
		}
	}
	return sd
}

func (c *Case) need(plan *Plan, at assay.Moment) Need {
	return Need{Job: c.ID, Runtime: c.Job.Runtime, MaxPrice: c.Job.MaxPrice, Stake: plan.Stake, Bond: plan.Bond, Defence: plan.Defence, At: at}
}

// skip returns why a listing cannot be drawn, as far as listing and board show:
// whoever replays the case comes to the same answer. An owner has one seat in a
// job, whatever became of it, since a second key would not be a second opinion.
func (c *Case) skip(l assay.Listing, need Need) assay.Code {
	switch {
	case slices.ContainsFunc(c.Seats, func(s Seat) bool { return s.Owner == l.Owner }):
		return SkipDrawn
	case !slices.Contains(l.Runtimes, need.Runtime):
		return SkipRuntime
	case l.Price > need.MaxPrice:
		return SkipPrice
	case l.Free < need.Stake:
		return SkipStake
	}
	return ""
}

// anyOpened reports whether a result was ever shown, be it in a false opening.
func (c *Case) anyOpened() bool {
	return slices.ContainsFunc(c.Seats, func(s Seat) bool { return s.Result != nil })
}

// vacancies returns how many draws found nobody for a seat. A watcher is drawn
// once, and one that is not found stops nobody.
func (c *Case) vacancies() int {
	n := 0
	for _, d := range c.Draws {
		if d.Role == assay.RoleExecutor && len(d.Seats) > 0 && d.Seats[len(d.Seats)-1].Vacant {
			n++
		}
	}
	return n
}

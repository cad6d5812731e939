package board

import (
	"slices"

	"github.com/capacloud/assay"
)

// liability divides those who answer for a revoked result from those who were
// misled: a supporter that went on from a checkpoint which the appeal has refuted
// keeps its stake, and the poster's is taken, although it may have been late and
// supported nothing. Stake that a settlement has taken is not taken twice.
func (a *Appeal) liability(c *Case) (guilty, misled []Liable) {
	add := func(list []Liable, seat uint16) []Liable {
		if slices.ContainsFunc(list, func(x Liable) bool { return x.Seat == seat }) {
			return list
		}
		s := &c.Seats[seat]
		return append(list, Liable{Seat: seat, Provider: s.Provider, Owner: s.Owner, Stake: s.Stake})
	}
	for _, s := range a.Supporters {
		culprit, path := c.blame(a.Dispute.Game, s.Seat)
		for _, m := range path {
			misled = add(misled, m)
		}
		if c.Seats[culprit].State != assay.ProvedWrong {
			guilty = add(guilty, culprit)
		}
	}
	misled = slices.DeleteFunc(misled, func(x Liable) bool {
		return slices.ContainsFunc(guilty, func(y Liable) bool { return y.Seat == x.Seat })
	})
	return guilty, misled
}

// indemnify returns to the misled what showing it has cost them, out of what
// would be burned. Their work was paid for, and no payment is reversed.
func (a *Appeal) indemnify(c *Case, misled []Liable) {
	for _, m := range misled {
		got := min(c.showing(a.Dispute.Game, &c.Seats[m.Seat]), a.Burned)
		if got > 0 {
			a.Burned -= got
			a.Posters = append(a.Posters, assay.Payment{To: m.Provider, Amount: got, Code: PayMisled, Seat: m.Seat})
		}
	}
}

// spared returns what the misled have spent on showing it.
func (a *Appeal) spared(c *Case, misled []Liable) assay.Amount {
	var sum assay.Amount
	for _, m := range misled {
		sum = saturate(sum, c.showing(a.Dispute.Game, &c.Seats[m.Seat]))
	}
	return sum
}

package board

import (
	"cmp"
	"slices"

	"github.com/capacloud/assay"
)

// inOrder returns the pieces in the order in which they became whole. Those of one
// block are of different seats, which a check keeps apart.
func (c *Case) inOrder() []int {
	list := make([]int, len(c.Shown))
	for n := range list {
		list[n] = n
	}
	slices.SortStableFunc(list, func(a, b int) int { return cmp.Compare(c.Shown[a].At.Height, c.Shown[b].At.Height) })
	return list
}

// whole returns the bytes of all parts, and whether they are cut as they came.
func (s *Shown) whole() (body []byte, even bool) {
	even = len(s.Bytes) == parts(s.Size)
	for i, b := range s.Bytes {
		even = even && (len(b) == assay.EvidencePart || i == len(s.Bytes)-1 && len(b) > 0 && len(b) <= assay.EvidencePart)
		body = append(body, b...)
	}
	return body, even
}

// replayKeys holds the keys of a case to their names.
func (c *Case) replayKeys(plan *Plan) error {
	var names []assay.Digest
	for i, k := range c.Keys {
		digest, err := KeyDigest(k.Key)
		if err != nil || digest != k.Digest || slices.Contains(names, digest) || k.Setup > assay.SetupInsecure {
			return differs("key %d is not %s", i, k.Digest.Short())
		}
		names = append(names, digest)
	}
	return plan.checkKeys(names)
}

// replayEvidence has the checks absorb again what they have absorbed.
func (c *Case) replayEvidence(p *assay.Params, plan *Plan) error {
	states := make([][]byte, len(plan.checks))
	for _, n := range c.inOrder() {
		s := &c.Shown[n]
		if !s.Complete() {
			if len(s.Bytes) > 0 || s.After != 0 || s.Code != "" || s.Await || s.At != (assay.Moment{}) || int(s.Parts) > parts(s.Size) {
				return differs("evidence %d is not whole", n)
			}
			continue
		}
		i := slices.IndexFunc(plan.checks, func(e entry) bool { return e.check.String() == s.Check })
		body, even := s.whole()
		switch {
		case i < 0 || plan.checks[i].proof == nil || int(s.Seat) >= len(c.Seats) || c.Seats[s.Seat].Result == nil || s.Size > p.MaxEvidence:
			return differs("evidence %d is of no check or seat", n)
		case s.At.Clock < c.Seats[s.Seat].Shown || s.At.Height > c.Closed.At.Height || s.At.Clock > c.Closed.At.Clock:
			return differs("evidence %d was shown at height %d", n, s.At.Height)
		case s.After != 0 && (s.After <= s.At.Height || !s.Await) || s.After == 0 && s.Beacon.Value != (assay.Digest{}):
			return differs("evidence %d has the beacon of height %d", n, s.After)
		case s.Code != "" && (s.Code != CodeSpent || s.Await):
			return differs("evidence %d was set aside as %.64q", n, string(s.Code))
		case s.Code == CodeSpent && len(s.Bytes) > 0:
			return differs("evidence %d was set aside, and stands in the file", n)
		case s.Code == CodeSpent:
			continue // the ledger's word: the other job is not in this file
		case !even || len(body) != int(s.Size) || assay.EvidenceDigest(body) != s.Digest:
			return differs("evidence %d is missing or another", n)
		}
		next, err := plan.checks[i].check.Step(c.stepView(p, plan, n, true), states[i], assay.Evidence{Check: s.Check, From: c.Seats[s.Seat].Provider, Body: body})
		if err != nil {
			return differs("evidence %d: %v", n, err)
		}
		if states[i] = next; s.Await != awaits(next, s.Seat) {
			return differs("evidence %d awaits a beacon, or does not", n)
		}
	}
	for i, e := range plan.checks {
		if e.proof != nil && string(states[i]) != string(c.Checks[i].State) {
			return differs("the state of %.80s is not what its evidence leaves", e.check)
		}
	}
	return nil
}

package receipt

import (
	"fmt"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/beacon"
	"github.com/capacloud/assay/board"
)

// Verify checks a receipt from the verifier's own anchor and answers for its
// verdict. It needs no network and no clock. Without an anchor (nil) it checks
// what the file can show alone, and establishes nothing.
//
// The report carries every answer about the receipt, bad ones included; the
// error is kept for bugs of ours, code "internal".
func Verify(file []byte, anchor *Anchor) (r *Report, err error) {
	defer func() {
		if p := recover(); p != nil {
			r, err = nil, fmt.Errorf("verify a receipt of %d bytes: panic: %v", len(file), p)
		}
	}()
	f, err := Decode(file)
	if err != nil {
		return refused(nil, anchor, err), nil
	}
	if anchor != nil && f.Record.Network != anchor.Genesis.ID() {
		other := assay.Refuse(assay.CodeTxNetwork, "the receipt says network %s, the anchor is %s", f.Record.Network, anchor.Name())
		return refused(f, anchor, other), nil
	}
	if err := f.checkAlone(); err != nil {
		return refused(f, anchor, err), nil
	}
	if anchor == nil {
		return refused(f, nil, assay.Refuse(CodeNoAnchor, "it agrees with itself and says %q; trust is not established", f.Record.Verdict.Outcome)), nil
	}
	if err := f.checkAgainst(&anchor.Genesis); err != nil {
		return refused(f, anchor, err), nil
	}
	return f.report(anchor), nil
}

// checkAlone verifies what needs nothing but the file: hashes, the record's
// place in the state, the header and its signatures by the set that the file
// names. All of it is worth something only once the anchor has named that set.
func (f *File) checkAlone() error {
	for _, check := range []func() error{
		f.checkIdentity,
		f.checkGames,
		f.checkArtifacts,
		f.checkEnvelope,
		f.checkInclusion,
		f.checkCommit,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// checkAgainst verifies what needs the network's genesis: that its validators
// signed, that its beacons drew, and that its rules, applied to the case, give
// this record.
func (f *File) checkAgainst(g *assay.Genesis) error {
	if validatorsHash(setOf(g)) != validatorsHash(f.Validators) {
		return assay.Refuse(CodeBrokenSignature, "the header is signed by other validators than the network's")
	}
	if err := f.checkBeacons(g); err != nil {
		return err
	}
	if err := board.Replay(&g.Params, g, f.settled()); err != nil {
		return assay.Refuse(CodeBrokenRule, "%v", err)
	}
	return f.checkProofs()
}

// drawn is a beacon as the case uses it.
type drawn struct {
	height uint64
	beacon assay.Beacon
}

// beacons lists every beacon on which the case rests. A challenge that still
// waits for its own, at height zero, has none.
func beacons(c *board.Case) []drawn {
	var list []drawn
	for _, d := range c.Draws {
		list = append(list, drawn{d.Height, d.Beacon})
	}
	for _, m := range c.Choices {
		list = append(list, drawn{m.Height, m.Beacon})
	}
	for _, u := range c.Unmet {
		list = append(list, drawn{u.Height, u.Beacon})
	}
	if c.Challenge != nil && !pending(c.Challenge) {
		list = append(list, drawn{c.Challenge.Height, c.Challenge.Beacon})
	}
	return list
}

func pending(c *board.Challenge) bool {
	return c.Height == 0 && c.Beacon.Value.IsZero() && c.Beacon.Validator.IsZero() && len(c.Beacon.Proof) == 0
}

// checkBeacons verifies that each beacon is the one value that a validator of
// the genesis could make at its height, and that a height has one beacon: a
// forger who could mix them would draw until the right providers came.
func (f *File) checkBeacons(g *assay.Genesis) error {
	seen := map[uint64]assay.Digest{}
	for _, d := range beacons(&f.Case) {
		if first, ok := seen[d.height]; ok && first != d.beacon.Value {
			return assay.Refuse(CodeBrokenProof, "two beacons of height %d", d.height)
		}
		if d.height > f.Record.Height {
			return assay.Refuse(CodeBrokenProof, "a beacon of height %d, after the settlement at %d", d.height, f.Record.Height)
		}
		seen[d.height] = d.beacon.Value
		if !hasBeaconKey(g, d.beacon.Validator) {
			return assay.Refuse(CodeBrokenProof, "the beacon of height %d is by %s, no validator", d.height, d.beacon.Validator.Short())
		}
		if err := beacon.Verify(d.beacon.Validator, f.Record.Network, d.height, d.beacon); err != nil {
			return assay.Refuse(CodeBrokenProof, "%v", err)
		}
	}
	return nil
}

func hasBeaconKey(g *assay.Genesis, key assay.Key) bool {
	for _, v := range g.Validators {
		if v.Beacon == key {
			return true
		}
	}
	return false
}

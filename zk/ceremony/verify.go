package ceremony

import (
	"bytes"
	"math/bits"

	gnark "github.com/consensys/gnark/backend/groth16/bn254"
	"github.com/consensys/gnark/backend/groth16/bn254/mpcsetup"
	cs "github.com/consensys/gnark/constraint/bn254"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/zk"
	"github.com/capacloud/assay/zk/groth16"
)

func hashOf(parts ...[]byte) canon.Digest { return canon.Hash("assay/zk/ceremony/beacon/1", parts...) }

// Begin returns an empty transcript for a circuit, named by its file digest.
func Begin(network assay.NetworkID, circuit assay.Digest, r1cs *cs.R1CS) (*Transcript, error) {
	log := uint8(max(1, bits.Len(uint(max(1, r1cs.GetNbConstraints()-1)))))
	if log > MaxLogSize {
		return nil, assay.Refuse(CodeCircuit, "%d constraints; at most %d", r1cs.GetNbConstraints(), 1<<MaxLogSize)
	}
	t := &Transcript{Version: 1, Network: network, Circuit: circuit, LogSize: log}
	return t, t.validate()
}

// fits refuses a circuit that is not of the ceremony's size. That it is the
// circuit named, the caller has checked by digest.
func (t *Transcript) fits(r1cs *cs.R1CS) error {
	want, err := Begin(t.Network, t.Circuit, r1cs)
	if err == nil && want.LogSize != t.LogSize {
		err = assay.Refuse(CodeCircuit, "%d constraints in a domain of 2^%d", r1cs.GetNbConstraints(), t.LogSize)
	}
	return err
}

// Result is what a ceremony makes.
type Result struct {
	Proving   *gnark.ProvingKey
	Verifying *gnark.VerifyingKey
	Key       zk.Key // as the registry has it
}

// Add verifies a contribution against the last one and appends it. Those before
// were verified when they were added.
func (t *Transcript) Add(r1cs *cs.R1CS, by assay.Key, b []byte) error {
	p, err := t.open()
	if err != nil {
		return err
	}
	if len(t.Powers.Contributions)+len(t.Keys.Contributions) >= MaxContributions {
		return assay.Refuse(CodeOrder, "%d contributions are enough", MaxContributions)
	}
	if p == &t.Powers {
		err = t.addPowers(b)
	} else {
		err = t.addKeys(r1cs, b)
	}
	if err == nil {
		p.Contributions = append(p.Contributions, Contribution{By: by, Bytes: b})
	}
	return err
}

// Gas bounds what Add costs for a contribution to the open phase: about 10 ns of
// one core each. The first one to the keys has the circuit evaluated at the powers.
func (t *Transcript) Gas() uint64 {
	n := uint64(1) << t.LogSize
	switch {
	case !t.Powers.Sealed():
		return gasBase + n*gasPowers
	case len(t.Keys.Contributions) == 0:
		return gasBase + n*(gasKeys+uint64(t.LogSize)*gasEvaluate)
	}
	return gasBase + n*gasKeys
}

const (
	gasBase     = 2_000_000
	gasPowers   = 60_000 // reading points, mostly of the second group
	gasKeys     = 30_000
	gasEvaluate = 30_000
)

// Trim leaves of each phase the last contribution alone: what Add, Seal and
// MakeKeys need, for whoever has kept the others elsewhere. Such a transcript no
// longer verifies.
func (t *Transcript) Trim() *Transcript {
	c := *t
	for _, p := range []*Phase{&c.Powers, &c.Keys} {
		if n := len(p.Contributions); n > 1 {
			p.Contributions = p.Contributions[n-1:]
		}
	}
	return &c
}

// lastPowers returns the state of the first phase.
func (t *Transcript) lastPowers() (*mpcsetup.Phase1, error) {
	if n := len(t.Powers.Contributions); n > 0 {
		return readPowers(t.Powers.Contributions[n-1].Bytes, t.LogSize)
	}
	return mpcsetup.NewPhase1(1 << t.LogSize), nil
}

func (t *Transcript) addPowers(b []byte) error {
	last, err := t.lastPowers()
	if err != nil {
		return err
	}
	next, err := readPowers(b, t.LogSize)
	if err != nil {
		return err
	}
	return verified("powers", func() error { return last.Verify(next) })
}

// keys returns the first state of the second phase, and what of the circuit does
// not change in it.
func (t *Transcript) keys(r1cs *cs.R1CS) (first *mpcsetup.Phase2, commons *mpcsetup.SrsCommons, evals *mpcsetup.Phase2Evaluations, err error) {
	if err := t.fits(r1cs); err != nil {
		return nil, nil, nil, err
	}
	last, err := t.lastPowers()
	if err != nil {
		return nil, nil, nil, err
	}
	first, commons, evals = new(mpcsetup.Phase2), new(mpcsetup.SrsCommons), new(mpcsetup.Phase2Evaluations)
	*commons = last.Seal(t.beaconOf(1, t.Powers.Beacon))
	*evals = first.Initialize(r1cs, commons)
	return first, commons, evals, nil
}

// lastKeys returns the state of the second phase. What was added was verified, so
// that the circuit is needed for the first contribution alone.
func (t *Transcript) lastKeys(r1cs *cs.R1CS) (*mpcsetup.Phase2, error) {
	n := len(t.Keys.Contributions)
	if n == 0 {
		first, _, _, err := t.keys(r1cs)
		return first, err
	}
	last := new(mpcsetup.Phase2)
	if _, err := last.ReadFrom(bytes.NewReader(t.Keys.Contributions[n-1].Bytes)); err != nil {
		return nil, assay.Refuse(CodeForm, "the last contribution: %v", err)
	}
	return last, nil
}

func (t *Transcript) addKeys(r1cs *cs.R1CS, b []byte) error {
	last, err := t.lastKeys(r1cs)
	if err != nil {
		return err
	}
	next, err := readKeys(b, last)
	if err != nil {
		return err
	}
	return verified("keys", func() error { return last.Verify(next) })
}

// verified runs gnark's check of a contribution.
func verified(what string, check func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = assay.Refuse(CodeContribution, "%s: %v", what, r)
		}
	}()
	if err := check(); err != nil {
		return assay.Refuse(CodeContribution, "%s: %v", what, err)
	}
	return nil
}

// Seal ends the open phase with a beacon of 32 bytes, which nobody knew when the
// last contribution was added.
func (t *Transcript) Seal(beacon []byte) error {
	p, err := t.open()
	switch {
	case err != nil:
		return err
	case len(p.Contributions) == 0:
		return assay.Refuse(CodeOrder, "no contribution yet: a key of nobody's secret is everybody's")
	case len(beacon) != 32:
		return assay.Refuse(CodeBeacon, "%d bytes", len(beacon))
	}
	p.Beacon = bytes.Clone(beacon)
	return nil
}

// MakeKeys returns the keys of a ceremony whose phases are both sealed. It believes
// the contributions, as Add does; Verify does not.
func (t *Transcript) MakeKeys(r1cs *cs.R1CS) (*Result, error) {
	if !t.Powers.Sealed() || !t.Keys.Sealed() {
		return nil, assay.Refuse(CodeOrder, "the ceremony is still open")
	}
	first, commons, evals, err := t.keys(r1cs)
	if err != nil {
		return nil, err
	}
	// The last contribution has the shape of the first state.
	last, err := readKeys(t.Keys.Contributions[len(t.Keys.Contributions)-1].Bytes, first)
	if err != nil {
		return nil, err
	}
	pk, vk := last.Seal(commons, evals, t.beaconOf(2, t.Keys.Beacon))
	r := &Result{}
	r.Proving, _ = pk.(*gnark.ProvingKey)
	r.Verifying, _ = vk.(*gnark.VerifyingKey)
	key, err := groth16.ParseGnarkKey(encode(r.Verifying))
	if err != nil {
		return nil, err
	}
	r.Key = zk.Key{Version: 1, System: zk.Groth16, Scheme: zk.SchemeGroth16, VK: key.Bytes()}
	return r, nil
}

// Verify verifies every contribution from the first on, and returns the keys; nil
// if the ceremony is still open.
func (t *Transcript) Verify(r1cs *cs.R1CS) (*Result, error) {
	if err := t.validate(); err != nil {
		return nil, err
	}
	if err := t.fits(r1cs); err != nil {
		return nil, err
	}
	if err := t.verifyPowers(); err != nil || !t.Powers.Sealed() {
		return nil, err
	}
	if err := t.verifyKeys(r1cs); err != nil || !t.Keys.Sealed() {
		return nil, err
	}
	return t.MakeKeys(r1cs)
}

func (t *Transcript) verifyPowers() error {
	last := mpcsetup.NewPhase1(1 << t.LogSize)
	for _, c := range t.Powers.Contributions {
		next, err := readPowers(c.Bytes, t.LogSize)
		if err != nil {
			return err
		}
		if err := verified("powers", func() error { return last.Verify(next) }); err != nil {
			return err
		}
		last = next
	}
	return nil
}

func (t *Transcript) verifyKeys(r1cs *cs.R1CS) error {
	last, _, _, err := t.keys(r1cs)
	if err != nil {
		return err
	}
	for _, c := range t.Keys.Contributions {
		next, err := readKeys(c.Bytes, last)
		if err != nil {
			return err
		}
		if err := verified("keys", func() error { return last.Verify(next) }); err != nil {
			return err
		}
		last = next
	}
	return nil
}

package ledger

import (
	cs "github.com/consensys/gnark/constraint/bn254"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/circuit"
	"github.com/capacloud/assay/merkle"
	"github.com/capacloud/assay/zk/ceremony"
)

// Ceremony is the making of a circuit's keys on this network.
type Ceremony struct {
	_      struct{} `cbor:",toarray"`
	Held   ceremony.Held
	System []byte       // the circuit's file
	Key    assay.Digest // of the verifying key that was made; zero: not yet
}

// Codes of ceremonies on the ledger.
const (
	CodeCeremony     assay.Code = "ceremony-unknown"
	CodeCeremonyGas  assay.Code = "ceremony-gas"
	CodeCeremonySize assay.Code = "ceremony-size"
)

func ceremonyCodes() []assay.CodeInfo {
	return []assay.CodeInfo{
		{Code: CodeCeremony, Kind: assay.KindRefusal, Text: "the network holds no such ceremony, or it is there already", Hint: "name the ceremony by its id"},
		{Code: CodeCeremonyGas, Kind: assay.KindRefusal, Text: "less gas is stated than the next step of the ceremony may cost", Hint: "state as much as the text says"},
		{Code: CodeCeremonySize, Kind: assay.KindRefusal, Text: "a step of the ceremony would not fit into a block of this network", Hint: "hold it in a file, with `assay zk ceremony begin`, and register the key as pinned"},
	}
}

// CeremonyID names a ceremony: one signer opens one for a circuit.
func CeremonyID(network assay.NetworkID, system assay.Digest, opener assay.Key) assay.Digest {
	return canon.Hash("assay/zk/ceremony/1", network[:], system[:], opener[:])
}

// Ceremony returns a ceremony of the network.
func (l *Ledger) Ceremony(id assay.Digest) (Ceremony, bool) { return l.ceremonies.get(id) }

// openCeremony begins one that this network's blocks have room for.
func (w *block) openCeremony(from assay.Key, m *assay.OpenCeremony) error {
	system, err := circuit.ParseSystem(m.System)
	if err != nil {
		return err
	}
	digest := merkle.FileOf(m.System)
	id := CeremonyID(w.l.network, digest, from)
	if _, there := w.l.ceremonies.get(id); there {
		return assay.Refuse(CodeCeremony, "%s is there already", id.Short())
	}
	h, err := ceremony.Open(w.l.network, digest, system.R1CS(), w.at, m.Window)
	if err != nil {
		return err
	}
	if most := h.MaxGas(); most > w.params.BlockGas/10*9 {
		return assay.Refuse(CodeCeremonySize, "%d gas of %d", most, w.params.BlockGas)
	}
	w.l.ceremonies.set(id, Ceremony{Held: *h, System: m.System})
	return nil
}

// ceremonyStep finds a ceremony and has the sender pay for its next step before
// anything is computed.
func (w *block) ceremonyStep(id assay.Digest, stated uint64, gas func(*ceremony.Held) uint64) (Ceremony, *cs.R1CS, error) {
	c, ok := w.l.ceremonies.get(id)
	if !ok {
		return c, nil, assay.Refuse(CodeCeremony, "%s", id.Short())
	}
	if needed := gas(&c.Held); stated < needed {
		return c, nil, assay.Refuse(CodeCeremonyGas, "%d stated, %d needed", stated, needed)
	}
	system, err := circuit.ParseSystem(c.System)
	if err != nil {
		return c, nil, err
	}
	return c, system.R1CS(), nil
}

func (w *block) contribute(from assay.Key, m *assay.Contribute) error {
	c, r1cs, err := w.ceremonyStep(m.Ceremony, m.Gas, (*ceremony.Held).Gas)
	if err != nil {
		return err
	}
	phase := c.Held.Phase()
	number := c.Held.Counts[phase]
	if err := c.Held.Contribute(r1cs, from, m.Bytes); err != nil {
		return err
	}
	w.contributed = append(w.contributed, contributed{
		key: ContributionKey(m.Ceremony, phase, number), value: ceremony.Contribution{By: from, Bytes: m.Bytes},
	})
	w.l.ceremonies.set(m.Ceremony, c)
	return nil
}

// endPhase closes the open phase, or seals the closed one with this block's
// beacon. A key that the ceremony makes is on the registry from then on.
func (w *block) endPhase(m *assay.EndPhase) error {
	c, r1cs, err := w.ceremonyStep(m.Ceremony, m.Gas, (*ceremony.Held).GasEnd)
	if err != nil {
		return err
	}
	if c.Held.Closed == 0 {
		err = c.Held.Close(w.at)
	} else {
		err = w.seal(&c, r1cs)
	}
	if err != nil {
		return err
	}
	w.l.ceremonies.set(m.Ceremony, c)
	return nil
}

func (w *block) seal(c *Ceremony, r1cs *cs.R1CS) error {
	made, err := c.Held.Seal(r1cs, w.at, w.beacon)
	if err != nil || made == nil {
		return err
	}
	c.Key = made.Key.Digest()
	w.l.keys.set(c.Key, VerifyingKey{Key: made.Key.Bytes(), Setup: assay.SetupCeremony, Height: w.at.Height})
	return nil
}

// contributed is a contribution on its way to the store. The whole transcript can
// be read there, and verified by anybody from its first contribution on.
type contributed struct {
	key   []byte
	value ceremony.Contribution
}

func (w *block) finishCeremonies() {
	for i := range w.contributed {
		w.write(w.contributed[i].key, canon.Marshal(&w.contributed[i].value))
	}
	for _, id := range w.l.ceremonies.changed() {
		if now := w.l.ceremonies.rows[id]; now.ok {
			w.write(CeremonyKey(id), canon.Marshal(&now.value))
		}
	}
}

package ledger_test

import (
	"bytes"
	"testing"

	"github.com/consensys/gnark/frontend"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/circuit"
	"github.com/capacloud/assay/ledger"
	"github.com/capacloud/assay/merkle"
	"github.com/capacloud/assay/zk/ceremony"
)

// root is a circuit to make keys for.
type root struct {
	X frontend.Variable
	N int `gnark:"-"`
}

// Define implements the author's interface of package circuit.
func (c *root) Define(api frontend.API) ([]frontend.Variable, error) {
	x := c.X
	for range c.N {
		x = api.Mul(x, x)
	}
	return []frontend.Variable{x}, nil
}

func systemOf(t *testing.T, n int) *circuit.System {
	t.Helper()
	c, err := circuit.Compile(&root{N: n})
	if err != nil {
		t.Fatal(err)
	}
	return c.System
}

const ceremonyGas = 40_000_000

// TestCeremony holds a ceremony on the ledger, with a restart before every block:
// two contributors to each phase, a stranger who lies, beacons of later blocks.
// Its key is on the registry as the ceremony's, and follows from what was posted.
func TestCeremony(t *testing.T) {
	w := newWorld(t, testParams(), 1, "alice", "bob", "carol")
	w.restart = true
	system := systemOf(t, 3)
	id := ledger.CeremonyID(w.ledger.Network(), merkle.FileOf(system.Bytes()), w.key("alice"))
	one := func(want assay.Code, signer string, m assay.Message) {
		t.Helper()
		dt := assay.Millis(1000)
		if r := w.apply(t, dt, w.tx(signer, m)).Results[0]; r.Code != want {
			t.Fatalf("%s of %s: %q %s, want %q", m.Kind(), signer, r.Code, r.Detail, want)
		}
	}
	held := func() ledger.Ceremony {
		t.Helper()
		c, ok := w.ledger.Ceremony(id)
		if !ok {
			t.Fatal("no ceremony")
		}
		return c
	}
	one("", "alice", &assay.OpenCeremony{System: system.Bytes(), Window: 5_000})
	one(ledger.CodeCeremony, "alice", &assay.OpenCeremony{System: system.Bytes(), Window: 5_000})
	one(ledger.CodeCeremony, "bob", &assay.Contribute{Ceremony: assay.Digest{9}, Gas: ceremonyGas})
	begun := held().Held.Transcript
	history := &begun
	for phase := range 2 {
		first := held().Held.Transcript
		stale, err := first.Contribute(system.R1CS())
		if err != nil {
			t.Fatal(err)
		}
		one(ledger.CodeCeremonyGas, "bob", &assay.Contribute{Ceremony: id, Gas: 1000, Bytes: stale})
		for _, name := range []string{"bob", "carol"} {
			last := held().Held.Transcript
			b, err := last.Contribute(system.R1CS())
			if err != nil {
				t.Fatal(err)
			}
			lie := bytes.Clone(b)
			lie[len(lie)-1] ^= 1
			one(ceremony.CodeContribution, "alice", &assay.Contribute{Ceremony: id, Gas: ceremonyGas, Bytes: lie})
			one("", name, &assay.Contribute{Ceremony: id, Gas: ceremonyGas, Bytes: b})
			if err := history.Add(system.R1CS(), w.key(name), b); err != nil {
				t.Fatal(err)
			}
		}
		one(ceremony.CodeContribution, "alice", &assay.Contribute{Ceremony: id, Gas: ceremonyGas, Bytes: stale})
		w.mustApply(t, 5000)
		one("", "alice", &assay.EndPhase{Ceremony: id})
		if held().Held.Closed == 0 {
			t.Fatal("the phase is not closed")
		}
		one(ceremony.CodeOrder, "alice", &assay.Contribute{Ceremony: id, Gas: ceremonyGas, Bytes: stale})
		if phase == 1 {
			one(ledger.CodeCeremonyGas, "carol", &assay.EndPhase{Ceremony: id})
		}
		one("", "carol", &assay.EndPhase{Ceremony: id, Gas: ceremonyGas})
		value := beaconAt(w.height).Value
		if err := history.Seal(value[:]); err != nil {
			t.Fatal(err)
		}
	}
	made, err := history.Verify(system.R1CS())
	if err != nil {
		t.Fatal(err)
	}
	key, ok := w.ledger.VerifyingKey(held().Key)
	if !ok || held().Key != made.Key.Digest() || key.Setup != assay.SetupCeremony || !bytes.Equal(key.Key, made.Key.Bytes()) {
		t.Errorf("key %s, the history makes %s: %+v", held().Key, made.Key.Digest(), key)
	}
	one(ceremony.CodeOrder, "alice", &assay.EndPhase{Ceremony: id, Gas: ceremonyGas})

	// Whoever reads the state comes to the whole transcript.
	read := held().Held.Transcript
	read.Powers.Contributions, read.Keys.Contributions = nil, nil
	for phase, p := range []*ceremony.Phase{&read.Powers, &read.Keys} {
		for i := range held().Held.Counts[phase] {
			var c ceremony.Contribution
			if err := canon.Unmarshal(w.store.Get(ledger.ContributionKey(id, phase, i)), &c); err != nil {
				t.Fatal(err)
			}
			p.Contributions = append(p.Contributions, c)
		}
	}
	if !bytes.Equal(read.Bytes(), history.Bytes()) {
		t.Error("the state holds another transcript than what was posted")
	}
}

// TestCeremonyRefused: what cannot be held here, and a block that closes and
// seals at once.
func TestCeremonyRefused(t *testing.T) {
	w := newWorld(t, testParams(), 1, "alice")
	refused := func(want assay.Code, messages ...assay.Message) {
		t.Helper()
		if r := w.apply(t, 1000, w.tx("alice", messages...)).Results[0]; r.Code != want {
			t.Errorf("%q %s, want %q", r.Code, r.Detail, want)
		}
	}
	refused(circuit.CodeSystem, &assay.OpenCeremony{System: []byte("none"), Window: 5_000})
	refused(ledger.CodeCeremonySize, &assay.OpenCeremony{System: systemOf(t, 300).Bytes(), Window: 5_000})
	refused(ceremony.CodeWindow, &assay.OpenCeremony{System: systemOf(t, 3).Bytes()})
	refused(ledger.CodeKeySetup, &assay.RegisterKey{Key: []byte("key"), Setup: assay.SetupCeremony})
	system := systemOf(t, 3)
	id := ledger.CeremonyID(w.ledger.Network(), merkle.FileOf(system.Bytes()), w.key("alice"))
	refused("", &assay.OpenCeremony{System: system.Bytes(), Window: 5_000})
	refused(ceremony.CodeOrder, &assay.EndPhase{Ceremony: id, Gas: ceremonyGas})
	c, _ := w.ledger.Ceremony(id)
	b, err := c.Held.Transcript.Contribute(system.R1CS())
	if err != nil {
		t.Fatal(err)
	}
	refused(ceremony.CodeForm, &assay.Contribute{Ceremony: id, Gas: ceremonyGas, Bytes: b[1:]})
	refused("", &assay.Contribute{Ceremony: id, Gas: ceremonyGas, Bytes: b})
	refused(ceremony.CodeWindow, &assay.EndPhase{Ceremony: id})
	w.mustApply(t, 5000)
	refused(ceremony.CodeWindow, &assay.EndPhase{Ceremony: id}, &assay.EndPhase{Ceremony: id, Gas: 10_000_000})
	if c, _ := w.ledger.Ceremony(id); c.Held.Closed != 0 {
		t.Error("a refused transaction closed the phase")
	}
}

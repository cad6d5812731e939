package sim

import (
	"slices"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/adversary"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/evidence/toy"
	"github.com/capacloud/assay/policy"
)

func init() { InstallProofs() }

// TestProofSeeds runs the swarm of jobs that are settled by proof.
func TestProofSeeds(t *testing.T) {
	if *seedFlag != 0 {
		runSetup(t, ProofSwarm(*seedFlag), "TestProofSeeds", t.Logf)
		return
	}
	n := *seedsFlag * 3 / 5
	if testing.Short() {
		n = min(n, 60)
	}
	if *allFlag {
		n = 2000
	}
	seeds := regressions(t, "testdata/proof_seeds.txt")
	for i := range uint64(n) {
		seeds = append(seeds, i+1)
	}
	var total tally
	each(seeds, func(seed uint64) {
		w := runSetup(t, ProofSwarm(seed), "TestProofSeeds", nil)
		total.add(w)
		total.addProofs(w)
	})
	t.Logf("%d seeds: %+v", len(seeds), total.counts)
	if testing.Short() {
		return
	}
	for _, what := range []string{"proved", "forged", "silent", "paid elsewhere", "in parts", "judged without the key"} {
		if total.counts[what] == 0 {
			t.Errorf("no job was %s", what)
		}
	}
}

// addProofs counts what has happened to proofs.
func (t *tally) addProofs(w *World) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, id := range w.Chain.closed {
		c := w.caseOf(id)
		happened := map[string]bool{
			"proved":                 len(c.Spends()) > 0 || c.Record.Verdict.Outcome == assay.Accepted && len(c.Shown) > 0,
			"paid elsewhere":         slices.ContainsFunc(c.Shown, func(s board.Shown) bool { return s.Code == board.CodeSpent }),
			"in parts":               slices.ContainsFunc(c.Shown, func(s board.Shown) bool { return s.Parts > 1 }),
			"judged without the key": slices.ContainsFunc(c.Keys, func(k assay.ProofKey) bool { return k.Killed }),
		}
		for _, f := range c.Record.Settlement.Faults {
			happened["forged"] = happened["forged"] || f.Class == assay.FaultProvedWrong && w.machineOf(f.Provider).player.Kind == adversary.Lie
			happened["silent"] = happened["silent"] || f.Class == assay.FaultAbandoned && f.Text == "opened and showed no proof in time"
		}
		for what, yes := range happened {
			if yes {
				t.counts[what]++
			}
		}
	}
}

// gullible takes every proof for a valid one.
type gullible struct{ toy.Check }

func (g gullible) Step(v assay.View, state []byte, e assay.Evidence) ([]byte, error) {
	return g.Check.Step(v, state, e)
}

func (g gullible) Judge(v assay.View, state []byte) assay.Finding {
	f := g.Check.Judge(v, state)
	for i := range f.Values {
		f.Values[i].Value, f.Values[i].Decisive = assay.Supported, true
	}
	f.Done = len(f.Values) > 0
	return f
}

// TestProvedFires: the checker speaks when a verifier accepts what is false.
func TestProvedFires(t *testing.T) {
	restore := board.SetProof(policy.Sumcheck, func(e *policy.Expr) board.ProofCheck {
		return board.ProofCheck{Check: gullible{toy.Check{Text: e.String()}}, Gas: toy.Gas}
	})
	defer restore()
	s := calm(7, adversary.Counts{adversary.Collude: 4}, "sumcheck")
	s.Providers, s.Proofs = 4, true
	w := world(s, Options{})
	w.Run()
	// The checker knows zk alone; the policy's text is what it goes by.
	var p proved
	c := w.caseOf(w.Clients[0].ID)
	k := *c
	k.Job.Policy = "zk(sp1)"
	p.Settled(w, &k)
	if !slices.ContainsFunc(w.Breaches, func(b Breach) bool { return b.Checker == "proved" }) {
		t.Fatalf("accepted %s, and the checker was silent", c.Record.Verdict.Outcome)
	}
}

package sim

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/adversary"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/evidence/toy"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/policy"
	"github.com/capacloud/assay/provider"
	"github.com/capacloud/assay/requester"
)

// In worlds of proofs the jobs are of a runtime without a referee, and proofs are
// hashes that an honest prover alone can make of a true result: what is simulated
// is who owes one, until when, what silence and falsehood cost, and who is paid
// for a statement that several jobs are about. Pairings are package zk's business.

// InstallProofs has every world of this process take hashes for proofs. Packages
// zk and sumcheck have tests of their own.
func InstallProofs() (restore func()) {
	checks := board.SetProof(policy.ZK, func(e *policy.Expr) board.ProofCheck {
		check := toy.Check{Text: e.String(), Commit: e.Bind == "commit", Unique: e.System == "plonk"}
		return board.ProofCheck{Check: check, Gas: toy.Gas, Size: 1 << 18}
	})
	keys := board.SetKeyDigest(func(key []byte) (assay.Digest, error) { return canon.Hash("assay/sim-key/2", key), nil })
	return func() {
		checks()
		keys()
	}
}

// proofPolicies want a proof, alone or beside other checks. Under plonk a job has
// one true result; under the others a circuit might have several.
var proofPolicies = []string{
	"zk(sp1)", "zk(sp1)", "zk(plonk)", "zk(sp1, bind=commit)", "zk(sp1, bind=commit)", "zk(plonk, bind=commit)",
	"all(zk(sp1), quorum(2))", "all(zk(plonk), quorum(3, agree=2))", "any(zk(plonk), quorum(3))",
	"escalate(quorum(2), zk(sp1))", "escalate(zk(plonk), quorum(3))",
}

// proofPrograms are those of programs that end well: nothing else can be proved.
var proofPrograms = []string{"words", "mill", "long", "fib", "fill"}

// ProofSwarm draws a setup in which every job wants a proof.
func ProofSwarm(seed uint64) Setup {
	s := Swarm(seed)
	r := rand.New(rand.NewPCG(seed, 0x2e0f))
	s.Proofs, s.Faults.Hidden, s.Sybils = true, false, 0
	s.Watchers, s.Against, s.WatchShare = 0, adversary.Counts{}, 0
	for i := range s.Policies {
		s.Policies[i] = proofPolicies[r.IntN(len(proofPolicies))]
	}
	if r.IntN(3) > 0 {
		s.Policies = append(s.Policies, proofPolicies[r.IntN(len(proofPolicies))])
	}
	if r.IntN(8) == 0 { // nobody honest at all
		s.Bad = adversary.Counts{adversary.Lie: s.Providers - s.Providers/2, adversary.Collude: s.Providers / 2}
	}
	s.Faults.Kill = r.IntN(8) == 0
	return s
}

// theProofKey is the verifying key of all simulated jobs.
func (w *World) theProofKey() requester.Key {
	b := []byte("the key")
	return requester.Key{Digest: canon.Hash("assay/sim-key/2", b), Bytes: b}
}

// killing plans the votes by which validators withdraw the key.
func (w *World) killing() {
	if !w.Setup.Faults.Kill {
		return
	}
	w.after(assay.Millis(10_000+w.rng.IntN(120_000)), func() {
		w.trace("validators withdraw the key")
		for _, v := range w.validators {
			w.Chain.receive(w.sign(v.private, &assay.KillKey{Key: w.theProofKey().Digest}))
		}
	})
}

// provable has a program run as one whose results have an output and nothing else.
func (e *Engine) provable(ctx context.Context, job *assay.Job, a executor.Artifacts) (*executor.Outcome, error) {
	k := *job
	k.Runtime = assay.RuntimeWasm
	o, err := e.Execute(ctx, &k, a)
	if err != nil {
		return nil, err
	}
	return &executor.Outcome{Result: assay.Result{Status: o.Result.Status, Output: o.Result.Output}, Output: o.Output}, nil
}

// prove makes the proof that a core has asked for, honestly or not.
func (m *Machine) prove(e provider.Prove) {
	token := m.tokens[e.ID]
	m.later(assay.Millis(20+m.w.rng.Int64N(int64(m.w.Setup.Clocks/6))), func() {
		if m.tokens[e.ID] != token {
			return
		}
		name := canon.Hash("assay/sim-proof/1", e.ID[:], []byte(e.Check))
		if m.proofs[name] == nil {
			x, err := m.proofOf(e)
			if err != nil {
				m.hear(provider.Proved{Job: e.ID, Check: e.Check, Err: err})
				return
			}
			m.proofs[name] = x
		}
		m.hear(*m.proofs[name])
	})
}

func (m *Machine) proofOf(e provider.Prove) (*provider.Proved, error) {
	if once := canon.Hash("assay/sim-proof/2", e.ID[:]); m.w.Setup.Faults.Flaky && !m.failed[once] && m.w.rng.IntN(3) == 0 {
		m.failed[once] = true
		return nil, errors.New("out of memory")
	}
	right := m.w.right(&e.Job).Result
	x := toy.Evidence{Seat: e.Seat, Result: right.Digest(), Payee: m.key, Pad: make([]byte, m.w.rng.IntN(4)*m.w.rng.IntN(200_000))}
	commit := strings.Contains(e.Check, "bind=commit")
	x.Seal = toy.Seal(commit, e.ID, x.Payee, x.Result)
	switch m.player.Kind {
	case adversary.Lie, adversary.Stall, adversary.Bluff: // a forged proof of the lie
		if o := m.results[e.ID]; o != nil {
			x.Result = o.Result.Digest()
		}
		x.Seal[0]++
	}
	p := &provider.Proved{Job: e.ID, Check: e.Check, Body: x.Bytes()}
	p.Gas = toy.Gas(p.Body)
	if commit {
		c := toy.Evidence{Seat: e.Seat, Commitment: toy.Commitment(e.ID, m.key, x.Seal)}
		p.Commitment = c.Bytes()
	}
	return p, nil
}

// withholds reports whether a message is a proof that its prover keeps to itself.
func (m *Machine) withholds(e provider.Send) bool {
	return e.Messages[0].Kind() == assay.KindEvidence && (m.player.Kind == adversary.Silent || m.player.Kind == adversary.Lazy)
}

// plagiarism is the evidence of another seat in the name of one's own. Nobody can
// sign for the honest.
func (w *World) plagiarism(c *board.Case, from *Machine) assay.Message {
	whole := w.Chain.ledger.WithEvidence(c)
	if from.player.IsHonest() {
		whole.Shown = nil
	}
	for _, s := range whole.Shown {
		var x toy.Evidence
		if len(s.Bytes) == 0 || canon.Unmarshal(bytes.Join(s.Bytes, nil), &x) != nil {
			continue
		}
		for i := range c.Seats {
			if c.Seats[i].Provider == from.key {
				x.Seat = uint16(i)
			}
		}
		x.Pad = nil
		return assay.EvidenceParts(c.ID, s.Check, x.Bytes(), 1_000_000)[0]
	}
	return &assay.PostEvidence{Job: c.ID, Check: c.Job.Policy, Size: 3, Digest: assay.EvidenceDigest([]byte("abc")), Body: []byte("abc")}
}

// proved: where a proof is asked for, no wrong result settles, whoever the
// providers are; a seat that showed a valid one is not to blame; and a statement
// is paid for once on the network.
type proved struct {
	none
	paid map[assay.Digest]assay.JobID
}

// Settled implements Checker.
func (p *proved) Settled(w *World, c *board.Case) {
	expr, err := policy.Parse(c.Job.Policy)
	if err != nil || !w.Setup.Proofs {
		return
	}
	v := &c.Record.Verdict
	right := w.right(&c.Job).Result
	if v.Outcome == assay.Accepted && *v.Result != right && wantsProof(expr) {
		w.breach("proved", c.ID, "a wrong result was accepted under %s", expr)
	}
	if p.paid == nil {
		p.paid = map[assay.Digest]assay.JobID{}
	}
	for _, s := range c.Spends() {
		if c.Record.Settlement.Paid == 0 || s.Candidate != v.Result.Digest() {
			continue
		}
		if other, twice := p.paid[s.Statement]; twice && other != c.ID {
			w.breach("proved", c.ID, "a statement was paid for here and in job %s", other.Short())
		}
		p.paid[s.Statement] = c.ID
	}
	for _, f := range c.Record.Settlement.Faults {
		shown := slices.ContainsFunc(c.Shown, func(s board.Shown) bool { return s.Seat == f.Seat && s.Complete() && !s.Await })
		if m := w.machineOf(f.Provider); m.player.IsHonest() && shown && f.Class != assay.FaultUnavailable && f.Class != assay.FaultDifferent {
			w.breach("proved", c.ID, "%s has shown a proof and is %s: %s", m.name, f.Class, f.Text)
		}
	}
}

// wantsProof reports whether a policy accepts nothing without a proof.
func wantsProof(e *policy.Expr) bool {
	return e.Op == policy.ZK || e.Op == policy.All && slices.ContainsFunc(e.Kids, wantsProof)
}
